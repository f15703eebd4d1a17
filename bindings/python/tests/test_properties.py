"""What holds for every space, algorithm and sequence of reports."""

import threading

import libhpm as hpm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ALGORITHMS, Numbers, Parameter, assert_inside, build, by_arrays, by_students, by_threads, parameter_lists

options = st.fixed_dictionaries(
    {
        "algorithm": st.sampled_from(ALGORITHMS),
        "population": st.integers(1, 7),
        "seed": st.integers(0, 2**63 - 1),
        "steps": st.integers(1, 12),
        "interval": st.integers(1, 4),
        "burn_in": st.integers(0, 5),
        "truncation": st.sampled_from([0.0, 0.2, 0.5]),
        "trial": st.integers(0, 3),
    },
    optional={
        "hyper_optimizer": st.sampled_from(["adam", "sgd"]),
        "hyper_learning_rate": st.sampled_from([0.0, 1e-3, 0.5, 1e300]),
        "teacher": st.sampled_from(["none", "attention", "perceptron", "linear"]),
        "teacher_squashing": st.sampled_from(["tanh", "logistic", "clipped", "none"]),
        "teacher_activation": st.sampled_from(["softmax", "sigmoid", "tanh", "relu", "none"]),
        "sub_populations": st.sampled_from([-1, 1]),
        "frequency_ratio": st.sampled_from([1, 2, 2**63 - 1]),
        "teacher_units": st.integers(1, 4),
        "teacher_learning_rate": st.sampled_from([0.0, 0.1, 1e3]),
        "teacher_evaluations": st.integers(-1, 4),
        "mutation_scale": st.sampled_from([0.0, 0.1, 1.0]),
        "teacher_share": st.sampled_from([0.0, 0.1, 1.0]),
        "direction": st.sampled_from(["minimize", "maximize"]),
    },
)
seeds = st.integers(0, 2**32 - 1)
MIXED = [
    Parameter("real", 1e-4, 1.0, "log", initial=0.1),
    Parameter("integer", 1, 64, "log"),
    Parameter("choice", 0, 2),
    Parameter("block", 0.01, 0.99, "logit", count=3),
    Parameter("real", -2.0, 2.0),
]


def create(parameters, options):
    try:
        return hpm.Population(build(parameters), **options)
    except hpm.ArgumentError as error:  # options that contradict one another
        assert "teacher" in str(error)
        return None


@given(parameter_lists, options, seeds)
@settings(max_examples=300, deadline=None)
def test_bounds_always_hold(parameters, options, seed):
    population = create(parameters, options)
    if population is None:
        return
    trace = by_arrays(population, Numbers(seed, strange=0.3), [0] * population.size)
    for steps in trace:
        for _, _, values in steps:
            assert_inside(np.frombuffer(values), parameters)
    for student in range(population.size):
        assert_inside(population.hyperparameters(student), parameters)


@given(options, seeds)
@settings(max_examples=100, deadline=None)
def test_arrival_order_does_not_matter(options, seed):
    expected = create(MIXED, options)
    if expected is None:
        return
    numbers = Numbers(seed)
    trace = by_arrays(expected, numbers, [0] * expected.size)
    population = create(MIXED, options)
    assert by_students(population, numbers, np.random.default_rng(seed)) == trace
    assert final_state(population) == final_state(expected)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("threads", [2, 5])
def test_the_number_of_threads_does_not_matter(algorithm, threads):
    options = {"algorithm": algorithm, "population": 5, "steps": 12, "interval": 3, "trial": 5, "truncation": 0.4}
    expected, population = create(MIXED, options), create(MIXED, options)
    numbers = Numbers(11)
    trace = by_arrays(expected, numbers, [0] * 5)
    assert by_threads(population, numbers, threads) == trace
    assert final_state(population) == final_state(expected)


@given(options, seeds, st.data())
@settings(max_examples=100, deadline=None)
def test_a_loaded_population_goes_on_bit_for_bit(options, seed, data):
    population = create(MIXED, options)
    if population is None:
        return
    numbers, done = Numbers(seed), [0] * population.size
    by_arrays(population, numbers, done, rounds=data.draw(st.integers(0, options["steps"]), "rounds"))
    # In the middle of a round: some asked for, some reported.
    for student in range(data.draw(st.integers(0, population.size), "asked")):
        if population.next(student).action < hpm.Action.WAIT and data.draw(st.booleans(), "reported"):
            population.report(student, *numbers(student, done[student], 7))
            done[student] += 1
    loaded = hpm.Population.load(population.save())
    assert loaded.save() == population.save()
    assert final_state(loaded) == final_state(population)
    assert by_arrays(loaded, numbers, list(done)) == by_arrays(population, numbers, list(done))
    assert final_state(loaded) == final_state(population)


def test_snapshots_of_other_threads_are_whole():
    population = create(MIXED, {"population": 5, "interval": 1, "truncation": 0.4, "algorithm": "hpm-paper", "steps": 150})
    numbers, loaded = Numbers(4), []
    worker = threading.Thread(target=by_threads, args=(population, numbers, 3))
    worker.start()
    while worker.is_alive():
        snapshot = population.save()  # its size grows with every clone
        loaded.append(hpm.Population.load(snapshot))
        assert loaded[-1].save() == snapshot
    worker.join()
    reports = [p.count("training_reports") for p in loaded]
    assert reports == sorted(reports)


def final_state(population):
    counts = "training_reports", "teacher_reports", "clone_reports", "hypergradient_reports", "training_cost"
    counts += "nonfinite_losses", "nonfinite_hypergradients", "clones", "teacher_share"
    try:
        best = population.best()
        best_hyperparameters = population.best_hyperparameters()[0].tobytes()
    except hpm.NoResultError:
        best = best_hyperparameters = None
    return (
        [population.hyperparameters(k).tobytes() for k in range(population.size)],
        [population.lineage(k) for k in range(population.size)],
        [population.count(name) for name in counts],
        best,
        best_hyperparameters,
    )


MISTAKES = {
    "report before next": lambda p: p.report(p.size - 1, 1.0),
    "report twice": lambda p: p.report(0, 1.0),
    "cost without a task": lambda p: p.report_cost(p.size - 1, 1.0),
    "student": lambda p: p.next(p.size),
    "negative student": lambda p: p.report(-1, 1.0),
    "short hypergradient": lambda p: p.report(0, 1.0, [1.0]),
    "text": lambda p: p.report(0, "low"),
    "losses": lambda p: p.report_all(np.ones(p.size + 1)),
    "all before next": lambda p: p.report_all(np.ones(p.size)),
    "hypergradients": lambda p: p.report_all(np.ones(p.size), np.ones((p.size, 1))),
    "initial too late": lambda p: p.set_initial(0, p.hyperparameters(0)),
    "initial outside": lambda p: p.set_initial(0, np.full(7, 1e9)),
    "counter": lambda p: p.count("money"),
    "ancestor": lambda p: p.ancestor(0, 10**6),
    "snapshot": lambda p: hpm.Population.load(p.save()[:-1]),
    "no callbacks": lambda p: p.run(None),
    "options": lambda p: hpm.Population(p.space, truncation=2),
}


@given(options, seeds, st.lists(st.sampled_from(sorted(MISTAKES)), min_size=1, max_size=6), st.integers(0, 8))
@settings(max_examples=100, deadline=None)
def test_an_error_leaves_everything_as_it_was(options, seed, mistakes, rounds):
    options["population"] = max(options["population"], 2)
    expected, population = create(MIXED, options), create(MIXED, options)
    if population is None:
        return
    numbers, done = Numbers(seed), [0] * population.size
    by_arrays(expected, numbers, list(done), rounds)
    by_arrays(population, numbers, done, rounds)
    # The first student, where it has a task, has reported; the last has not asked.
    for p in (expected, population):
        if p.size > 1 and p.next(0).action < hpm.Action.WAIT:
            p.report(0, *numbers(0, done[0], 7))
            if p is population:
                done[0] += 1
    before = final_state(population)
    for mistake in mistakes:
        with pytest.raises((hpm.Error, TypeError)) as caught:
            MISTAKES[mistake](population)
        assert len(str(caught.value)) > 10, mistake
    assert final_state(population) == before == final_state(expected)
    assert by_arrays(population, numbers, list(done)) == by_arrays(expected, numbers, list(done))
    assert final_state(population) == final_state(expected)


@given(options, seeds)
@settings(max_examples=50, deadline=None)
def test_equal_seeds_give_equal_runs(options, seed):
    first, second = create(MIXED, options), create(MIXED, options)
    if first is None:
        return
    numbers = Numbers(seed)
    assert by_arrays(first, numbers, [0] * first.size) == by_arrays(second, numbers, [0] * second.size)
