"""The asynchronous schedule: any order of arrival against a model (asynchronous_model.py), and what it found."""

import itertools

import libhpm as hpm
import pytest
from asynchronous_workers import Run
from libhpm import Action

pytestmark = pytest.mark.filterwarnings("ignore::libhpm.OptionWarning")
SEEDS = 240
BLOCKS = 8


def test_there_are_thousands_of_orders():
    assert len(hpm.algorithms()) == 13
    assert len(hpm.algorithms()) * SEEDS > 3000


@pytest.mark.parametrize("block", range(BLOCKS))
@pytest.mark.parametrize("algorithm", hpm.algorithms())
def test_any_order_of_arrival(algorithm, block):
    """No student is lost or trained twice for one step, no clone comes from a checkpoint that may have gone, bounds
    hold, the run ends, and its log makes it again to the bit."""
    for seed in range(block, SEEDS, BLOCKS):
        print(f"Run({algorithm!r}, {seed}, {seed % 10 == 0}).go()")  # of a failure the last one
        Run(algorithm, seed, is_thorough=seed % 10 == 0).go()


# --- One by one ---


def population_of(students, algorithm="pbt", **options):
    space = hpm.SearchSpace().add_real("x", 0, 1)
    options = {"interval": 2, "truncation": 0.5, "steps": 4, **options}
    return hpm.Population(space, algorithm=algorithm, schedule="asynchronous", population=students, **options)


def train(population, student, *losses, action=Action.TRAIN):
    for loss in losses:
        assert population.next(student).action == action
        population.report(student, loss, [1.0])


def clone(population, student):
    train(population, student, 0.0, action=Action.CLONE)


def weights(population, student):
    return [
        (population.ancestor(student, report), population.ancestor_report(student, report))
        for report in range(1, population.age(student) + 1)
    ]


def test_the_lineage_of_a_clone_whose_source_becomes_a_clone_after_the_same_report():
    population = population_of(3, interval=1, steps=2)
    train(population, 0, 3.0, 3.0)
    train(population, 2, 9.0)
    assert population.next(2)[:2] == (Action.CLONE, 0)
    train(population, 1, 1.0, 2.0)
    population.set_steps(3)  # judges the two that have ended
    assert population.next(0)[:2] == (Action.CLONE, 1)
    clone(population, 0)
    clone(population, 2)
    assert weights(population, 0) == [(1, 1), (1, 2)]
    assert weights(population, 2) == [(0, 1), (0, 2)]


def test_a_student_that_joins_as_a_clone_starts_by_itself_where_its_source_is_gone():
    population = population_of(2)
    train(population, 0, 1.0, 1.0)
    train(population, 1, float("nan"))
    population.grow(1, clones=True)
    assert population.next(2)[:2] == (Action.CLONE, 0) and population.reports(2) == 2
    population.retire(0)
    assert population.next(2).action == Action.TRAIN and population.reports(2) == 0
    train(population, 2, 1.0, 1.0, 1.0, 1.0)
    assert population.next(2).action == Action.STOP
    assert weights(population, 2) == [(2, 1), (2, 2), (2, 3), (2, 4)]


def test_a_student_that_is_alone_keeps_its_checkpoint_for_those_that_join():
    population = population_of(1)
    train(population, 0, 1.0, 1.0)
    assert not population.releasable(0, 2)
    population.grow(1)
    train(population, 1, 9.0, 9.0)
    assert population.next(1)[:2] == (Action.CLONE, 0)
    assert population.source_report(1) == 2


def test_a_clone_that_has_not_trained_yet_is_not_evaluated_on_a_checkpoint_that_may_have_gone():
    population = population_of(
        6,
        "mf-pbt",
        steps=8,
        sub_populations=2,
        frequency_ratio=1,
        truncation=0.2,
        teacher="attention",
        teacher_evaluations=5,
    )
    for student, loss in ((4, 0.1), (5, 0.3), (3, 0.05), (0, 0.5), (1, 0.4), (2, 0.45)):
        train(population, student, loss, loss)
    assert population.next(2)[:2] == (Action.CLONE, 3)  # a migrant, which is not mutated
    assert population.source_report(2) == 2
    clone(population, 2)
    train(population, 3, 0.1)
    assert population.releasable(3, 2)
    assert population.next(5)[:2] == (Action.CLONE, 4)
    clone(population, 5)  # asks for evaluations of the worst students
    evaluated = set()
    for student in itertools.cycle((0, 1, 3, 4, 5)):
        task = population.next(student)
        if task.action != Action.EVALUATE:
            break
        evaluated.add((task.source, population.source_report(student)))
        population.report(student, 1.0, [1.0])
    assert evaluated and (3, 2) not in evaluated
    assert population.releasable(3, 2)


def test_a_population_that_has_grown_asks_for_as_many_evaluations_when_it_is_loaded():
    options = {"teacher": "attention", "teacher_evaluations": 4, "truncation": 0.25}
    population = population_of(4, **options)
    population.grow(4)
    counts = []
    for going_on in (population, hpm.Population.load(population.save())):
        for student in range(8):
            train(going_on, student, float(student))
        for student in (0, 7):
            train(going_on, student, float(student))
        clone(going_on, 7)
        actions = [going_on.next(student).action for student in range(8)]
        counts.append(actions.count(Action.EVALUATE))
    assert counts == [2, 2]  # four for the two clones of an exploit


def test_a_student_that_joins_as_a_clone_starts_where_its_source_is():
    population = population_of(2)
    train(population, 0, 1.0)
    population.grow(1, clones=True)
    with pytest.raises(hpm.OrderError, match="student 2 starts as a clone"):
        population.set_initial(2, [0.5])
    assert population.next(2).hyperparameters == population.hyperparameters(0)
