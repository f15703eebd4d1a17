"""What an algorithm does where nobody waits, against what it does where students wait for one another."""

import libhpm as hpm
import numpy as np
import pytest

K, STEPS = 4, 12


def space():
    return hpm.SearchSpace().add_real("x", -5, 5).add_real("rate", 1e-3, 1, "log")


def trained(h):
    """Loss and hypergradient of a student, by its hyperparameters alone."""
    return (h[0] - 1) ** 2 + (np.log(h[1]) + 3) ** 2, np.array([2 * (h[0] - 1), 2 * (np.log(h[1]) + 3) / h[1]])


def values(algorithm, schedule, turns, **options):
    """The hyperparameters of each student, report by report, where students are asked in the order of `turns`."""
    population = hpm.Population(
        space(), population=K, steps=STEPS, seed=3, algorithm=algorithm, schedule=schedule, **options
    )
    seen = [[] for _ in range(K)]
    for student in turns:
        action, _, h = population.next(student)
        if action == hpm.Action.TRAIN:
            seen[student].append(h)
            population.report(student, *trained(h))
        elif action not in (hpm.Action.WAIT, hpm.Action.STOP):
            population.report(student, 0)
    assert [len(reports) for reports in seen] == [STEPS] * K
    return np.array(seen)


@pytest.mark.parametrize(("algorithm", "options"), [("hypergradient", {}), ("random", {"trial": 3})])
def test_students_that_share_nothing_have_equal_runs_under_both_schedules(algorithm, options):
    in_turn = list(range(K)) * 2 * STEPS
    one_after_the_other = np.repeat(range(K), 2 * STEPS)
    at_random = np.random.default_rng(1).permutation(in_turn)
    expected = values(algorithm, "synchronous", in_turn, **options)
    for turns in (in_turn, one_after_the_other, at_random):
        np.testing.assert_array_equal(values(algorithm, "asynchronous", map(int, turns), **options), expected)


def test_a_clone_that_reports_after_another_asks_for_its_evaluations_too():
    population = hpm.Population(
        space(), population=4, steps=9, algorithm="mutation-only", schedule="asynchronous", interval=1,
        truncation=0.5, teacher_evaluations=2,
    )
    for student in range(4):
        population.next(student)
    for student in range(4):
        population.report(student, float(student), [1.0, 1.0])
    for student in (2, 3):
        assert population.next(student).action == hpm.Action.CLONE
    for student in (3, 2):
        population.report(student, 0)
    # Two clones share two evaluations.
    actions = [population.next(student).action for student in (0, 2, 3)]
    assert sorted(actions) == [hpm.Action.TRAIN, hpm.Action.EVALUATE, hpm.Action.EVALUATE]


@pytest.mark.parametrize("cloned_before", [[], [1], [3], [1, 2], [1, 2, 3]])
def test_nobody_waits_for_clones_of_the_only_source_once_it_is_retired(cloned_before):
    population = hpm.Population(space(), population=4, steps=3, algorithm="pbt", interval=1, truncation=0.5)
    population.next_all()
    population.report_all([1.0, np.nan, np.nan, np.nan])
    for student in (1, 2, 3):
        assert population.next(student).action == hpm.Action.CLONE
    for student in cloned_before:
        population.report(student, 0)
    population.retire(0)
    for _ in range(20):
        for student in (1, 2, 3):
            if population.next(student).action < hpm.Action.WAIT:
                population.report(student, float(student))
    assert [population.next(student).action for student in range(4)] == [hpm.Action.STOP] * 4
    assert [population.reports(student) for student in range(4)] == [1, 3, 3, 3]


@pytest.mark.parametrize("schedule", ["synchronous", "asynchronous"])
def test_students_that_join_a_memetic_search_have_its_fixed_values(schedule):
    fixed = hpm.SearchSpace().add_real("x", 0, 1).add_real("constant", 0, 1, update="fixed")
    population = hpm.Population(fixed, population=2, algorithm="memetic", schedule=schedule)
    population.grow(3)
    constants = [population.hyperparameters(student)[1] for student in range(5)]
    assert constants == [constants[0]] * 5
