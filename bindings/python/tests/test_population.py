import copy
import gc
import pickle
import weakref

import cloudpickle
import libhpm as hpm
import numpy as np
import pytest
from libhpm import Action
from support import ALGORITHMS, Numbers, by_arrays

SPACE = (
    hpm.SearchSpace()
    .add_real("x", -1.0, 3.0, initial=0.5)
    .add_real("y", 1e-3, 10.0, scale="log")
    .add_integer("k", 1, 9)
    .add_choice("c", ["a", "b", "c"])
)


def everyone(population, losses, hypergradients=None):
    """One round; the actions."""
    actions = population.next_all().actions
    population.report_all(losses, hypergradients)
    return actions


def losses_of(population, step=1.0):
    return step * np.arange(population.size, dtype=float)


def test_next_is_idempotent():
    population = hpm.Population(SPACE, population=3)
    first, second = population.next(1), population.next(1)
    assert first.action is Action.TRAIN and first.source == 1
    np.testing.assert_array_equal(first.hyperparameters, second.hyperparameters)
    assert first.hyperparameters is not second.hyperparameters
    first.hyperparameters[:] = -99  # the caller's own
    np.testing.assert_array_equal(population.next(1).hyperparameters, second.hyperparameters)
    np.testing.assert_array_equal(population.hyperparameters(1), second.hyperparameters)
    assert population.count("training_reports") == 0


def test_order_of_calls():
    population = hpm.Population(SPACE, population=3, steps=1)
    with pytest.raises(hpm.OrderError, match="student 0"):
        population.report(0, 1.0)
    with pytest.raises(hpm.OrderError, match="student 0"):
        population.report_cost(0, 1.0)
    with pytest.raises(hpm.OrderError):
        population.report_all([1, 2, 3])
    population.next(0)
    with pytest.raises(hpm.OrderError):  # 1 and 2 were not asked for
        population.report_all([1, 2, 3])
    population.report(0, 1.0)
    with pytest.raises(hpm.OrderError):
        population.report(0, 1.0)
    assert population.next(0).action is Action.WAIT
    with pytest.raises(hpm.OrderError):
        population.report(0, 1.0)
    population.next_all()
    population.report_all([np.nan, 2, 3])  # 0 waits: its row is ignored
    assert population.count("nonfinite_losses") == 0
    assert (population.next_all().actions == Action.STOP).all()
    with pytest.raises(hpm.OrderError):
        population.report(1, 1.0)
    assert population.best() == (0, 1.0)


def test_shapes_and_types_of_results():
    population = hpm.Population(SPACE, population=3)
    a = population.next_all()
    assert a.actions.shape == (3,) and a.actions.dtype == np.int32
    assert a.sources.shape == (3,) and a.sources.dtype == np.uintp and list(a.sources) == [0, 1, 2]
    assert a.hyperparameters.shape == (3, 4) and a.hyperparameters.dtype == np.float64
    b = population.next(2)
    assert isinstance(b, hpm.Assignment) and isinstance(b.action, Action) and type(b.source) is int
    np.testing.assert_array_equal(b.hyperparameters, a.hyperparameters[2])


@pytest.mark.parametrize("student", [-1, 3, 2**63, 2**64])
def test_students_out_of_range(student):
    population = hpm.Population(SPACE, population=3)
    vector = population.hyperparameters(0)
    for call in (
        population.next,
        population.hyperparameters,
        population.lineage,
        lambda k: population.report(k, 1.0),
        lambda k: population.report_cost(k, 1.0),
        lambda k: population.set_initial(k, vector),
        lambda k: population.ancestor(k, 1),
    ):
        with pytest.raises(hpm.ArgumentError, match=f"student is {student}"):
            call(student)


@pytest.mark.parametrize(
    ("loss", "hypergradient", "error", "message"),
    [
        (1.0, [1.0] * 3, hpm.ArgumentError, r"hypergradient has shape \(3,\); allowed: \(4,\)"),
        (1.0, np.ones((1, 4)), hpm.ArgumentError, r"hypergradient has shape \(1, 4\)"),
        (1.0, 1.0, hpm.ArgumentError, r"hypergradient has shape \(\)"),
        (1.0, [[1], [1, 2]], hpm.ArgumentError, "hypergradient"),
        (1.0, ["a"] * 4, TypeError, "hypergradient has dtype"),
        (1.0, [None] * 4, TypeError, "hypergradient has dtype object"),
        (1.0, np.ones(4, complex), TypeError, "hypergradient has dtype complex128"),
        (1.0, {"z": 1.0}, hpm.ArgumentError, "'z'"),
        (1.0, {"x": "a"}, TypeError, "'x'"),
        ("1", None, TypeError, "loss is '1'"),
        (None, None, TypeError, "loss is None"),
        (np.ones(2), None, TypeError, "loss is"),
    ],
)
def test_wrong_reports_change_nothing(loss, hypergradient, error, message):
    population = hpm.Population(SPACE, population=3)
    before = population.next(0)
    with pytest.raises(error, match=message):
        population.report(0, loss, hypergradient)
    assert population.next(0).action is Action.TRAIN
    np.testing.assert_array_equal(population.hyperparameters(0), before.hyperparameters)
    assert population.count("training_reports") == 0


def test_wrong_arrays_of_reports():
    population = hpm.Population(SPACE, population=3)
    population.next_all()
    for losses, hypergradients, message in (
        (np.ones(2), None, r"losses has shape \(2,\); allowed: \(3,\)"),
        (np.ones(3), np.ones((4, 3)), r"hypergradients has shape \(4, 3\); allowed: \(3, 4\)"),
        (np.ones(3), np.ones(12), "hypergradients has shape"),
    ):
        with pytest.raises(hpm.ArgumentError, match=message):
            population.report_all(losses, hypergradients)
    assert population.count("training_reports") == 0
    population.report_all(np.ones(3), np.ones((3, 4)))


@pytest.mark.parametrize(
    "convert",
    [
        list,
        np.float32,
        lambda g: g.astype(">f8"),
        lambda g: np.repeat(g, 2)[::2],
        lambda g: np.asfortranarray(np.tile(g, (2, 1)))[0],
        lambda g: {"x": g[0], "y": g[1], "k": np.nan},
        lambda g: g.astype(np.int64),
    ],
)
def test_every_form_of_an_array(convert):
    gradient = np.array([2.0, -1.0, 0.0, 0.0])
    results = []
    for form in (gradient, convert(gradient)):
        population = hpm.Population(SPACE, population=1)
        population.next(0)
        population.report(0, np.float32(1.0), form)
        results.append(population.hyperparameters(0))
    np.testing.assert_array_equal(*results)
    assert results[0][0] != 0.5


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"generations": 3}, hpm.ArgumentError, "'generations'.*allowed.*algorithm"),
        ({"algorithm": "sgd"}, hpm.ArgumentError, "'algorithm' is 'sgd'; allowed: hpm, hpm-paper"),
        ({"algorithm": 3}, hpm.ArgumentError, "'algorithm'"),
        ({"population": 0}, hpm.ArgumentError, "'population' is 0"),
        ({"population": -(2**70)}, hpm.ArgumentError, "'population'"),
        ({"population": 2.5}, hpm.ArgumentError, "'population'"),
        ({"population": "many"}, hpm.ArgumentError, "'population'"),
        ({"seed": -1}, hpm.ArgumentError, "'seed'"),
        ({"truncation": 0.6}, hpm.ArgumentError, "'truncation' is 0.6"),
        ({"truncation": float("nan")}, hpm.ArgumentError, "'truncation'"),
        ({"interval": 0}, hpm.ArgumentError, "'interval' is 0"),
        ({"mutation_scale": -0.5}, hpm.ArgumentError, "'mutation_scale'"),
        ({"direction": "up"}, hpm.ArgumentError, "'direction' is 'up'; allowed: minimize, maximize"),
        ({"teacher_share": 2}, hpm.ArgumentError, "'teacher_share'"),
        ({"steps": "3\0"}, hpm.ArgumentError, "steps"),
        ({"steps": True}, TypeError, "steps is True"),
        ({"steps": [3]}, TypeError, "steps"),
        ({"steps": b"3"}, TypeError, "steps"),
    ],
)
def test_wrong_options(options, error, message):
    with pytest.raises(error, match=message):
        hpm.Population(SPACE, **options)


def test_options_of_every_type():
    population = hpm.Population(
        SPACE, population="5", seed=np.int64(3), truncation=np.float32(0.5), interval=None, hyper_learning_rate=1
    )
    assert population.size == 5
    assert repr(population) == "<Population of 5 students, 4 hyperparameters>"


def test_set_initial():
    population = hpm.Population(SPACE, population=3, seed=4)
    given = np.array([-1.0, 0.37, 9.0, 2.0])
    population.set_initial(1, given)
    np.testing.assert_array_equal(population.hyperparameters(1), given)
    np.testing.assert_array_equal(population.next(1).hyperparameters, given)
    old = population.hyperparameters(2)
    population.set_initial(2, {"c": "b", "x": 1.25})
    np.testing.assert_array_equal(population.hyperparameters(2), [1.25, old[1], old[2], 1.0])
    for wrong, message in (
        ([-1.5, 0.3, 5, 1], "'x'"),
        ([0, 0.3, 5.5, 1], "'k'"),
        ([0, 0.3, 5, 3], "'c'"),
        ([np.nan, 0.3, 5, 1], "'x'"),
        ([0, 0.3, 5], "shape"),
    ):
        with pytest.raises(hpm.ArgumentError, match=message):
            population.set_initial(0, wrong)
    assert population.hyperparameters(0)[0] == 0.5
    with pytest.raises(hpm.OrderError, match="student 1"):
        population.set_initial(1, given)


def test_starts_are_those_of_the_seed_under_every_algorithm():
    starts = [hpm.Population(SPACE, algorithm=a, seed=7, population=6).next_all().hyperparameters for a in ALGORITHMS]
    for start in starts[1:]:
        np.testing.assert_array_equal(start, starts[0])
    assert starts[0][0, 0] == 0.5
    assert len(np.unique(starts[0][:, 1])) == 6
    # A student's start is its own: it depends on no other student.
    np.testing.assert_array_equal(hpm.Population(SPACE, seed=7, population=2).next_all().hyperparameters, starts[0][:2])
    other = hpm.Population(SPACE, seed=8, population=6).next_all().hyperparameters
    assert (other[1:, 1] != starts[0][1:, 1]).all()


def test_starts_are_uniform_in_latent_coordinates():
    space = hpm.SearchSpace().add_block("w", 20_000, 1e-3, 1e3, scale="log")
    space.add_block("p", 20_000, 0.001, 0.9, scale="logit")
    h = hpm.Population(space, population=2).hyperparameters(1)
    flat = np.log(h[:20_000] / 1e-3) / np.log(1e6)
    logit = np.log(h[20_000:] / (1 - h[20_000:]))
    logit = (logit - np.log(0.001 / 0.999)) / (np.log(9) - np.log(0.001 / 0.999))
    for u in (flat, logit):
        counts, _ = np.histogram(u, 20, (0, 1))
        assert counts.sum() == 20_000
        assert ((counts - 1000) ** 2 / 1000).sum() < 50  # chi squared, 19 degrees of freedom


def test_integers_and_choices_start_uniformly():
    space = hpm.SearchSpace()
    for index in range(300):
        space.add_choice(f"c{index}", ["a", "b", "c"]).add_integer(f"k{index}", -2, 2)
    h = np.stack([hpm.Population(space, population=11).hyperparameters(k) for k in range(11)])
    for values, allowed in ((h[:, ::2], [0, 1, 2]), (h[:, 1::2], [-2, -1, 0, 1, 2])):
        found, counts = np.unique(values, return_counts=True)
        assert list(found) == allowed
        expected = values.size / len(allowed)
        assert ((counts - expected) ** 2 / expected).sum() < 25


def test_counters():
    population = hpm.Population(SPACE, population=4, interval=2, truncation=0.25, algorithm="hpm")
    names = (
        "training_reports teacher_reports clone_reports restart_reports hypergradient_reports training_seconds "
        "teacher_seconds clone_seconds restart_seconds training_cost hypergradient_cost teacher_cost teacher_share "
        "hypergradient_share nonfinite_losses nonfinite_hypergradients clones"
    ).split()
    assert all(population.count(name) == 0 for name in names)
    with pytest.raises(hpm.ArgumentError, match="'reports' is unknown; allowed: training_rounds, training_reports, "):
        population.count("reports")
    with pytest.raises(TypeError):
        population.count(3)
    population.next_all()
    population.report_cost(0, 100.0, 1.0)
    population.report_cost(0, 20.0, 6.0)  # the last call counts
    population.report(0, 1.0, [1.0, np.nan, np.nan, np.nan])
    population.report(1, np.nan, [1.0, np.inf, 0.0, 0.0])
    population.report(2, 2.0, [np.inf, -np.inf, np.inf, np.inf])
    population.report(3, np.inf)
    assert population.count("training_reports") == 4
    assert population.count("hypergradient_reports") == 1
    assert population.count("nonfinite_losses") == 2
    assert population.count("nonfinite_hypergradients") == 4
    assert population.count("training_cost") == 23 and population.count("hypergradient_cost") == 6
    assert population.count("hypergradient_share") == 6 / 29 and population.count("teacher_share") == 0
    assert population.count("training_seconds") > 0
    everyone(population, [1.0, np.nan, 2.0, 3.0])
    assert population.count("clones") == 0  # planned, not done
    assert list(everyone(population, [0.0] * 4)) == [Action.WAIT, Action.CLONE, Action.WAIT, Action.WAIT]
    assert population.count("clones") == population.count("clone_reports") == 1
    for wrong in (-1.0, np.nan, np.inf):
        population.next(0)
        with pytest.raises(hpm.ArgumentError, match="training is"):
            population.report_cost(0, wrong)
        with pytest.raises(hpm.ArgumentError, match="hypergradient is"):
            population.report_cost(0, 1.0, wrong)


def test_evaluations_are_the_teachers():
    population = hpm.Population(SPACE, population=4, interval=1, algorithm="hpm-paper", truncation=0.25)
    gradient = np.ones((4, 4))
    everyone(population, losses_of(population), gradient)
    assert list(everyone(population, np.zeros(4))) == [Action.WAIT] * 3 + [Action.CLONE]
    best = population.best()
    a = population.next_all()
    assert list(a.actions) == [Action.WAIT] * 2 + [Action.EVALUATE] * 2  # the worst half
    assert not np.array_equal(a.hyperparameters[2], population.hyperparameters(2))
    population.report_all([-9.0] * 4, gradient)
    assert population.best() == best  # an evaluation never enters the ranking
    assert population.count("teacher_reports") == 2 and population.count("teacher_share") == 2 / 6
    assert (population.next_all().actions == Action.TRAIN).all()


def test_the_teachers_share_is_bounded():
    population = hpm.Population(SPACE, population=4, interval=1, algorithm="hpm-paper", teacher_share=0.1, steps=40)
    by_arrays(population, Numbers(0, strange=0.0), [0] * 4)
    assert 0.05 < population.count("teacher_share") <= 0.1
    population = hpm.Population(SPACE, population=4, interval=1, algorithm="hpm-paper", teacher_share=0.0, steps=5)
    by_arrays(population, Numbers(0, strange=0.0), [0] * 4)
    assert population.count("teacher_reports") == 0


def test_best():
    population = hpm.Population(SPACE, population=3, interval=100)
    with pytest.raises(hpm.NoResultError, match="finite"):
        population.best()
    with pytest.raises(hpm.NoResultError):
        population.best_hyperparameters()
    everyone(population, [np.nan, np.inf, -np.inf])
    with pytest.raises(hpm.NoResultError):
        population.best()
    trained_with = population.next_all().hyperparameters
    population.report_all([3.0, 1.0, np.nan], np.ones((3, 4)))
    assert population.best() == (1, 1.0)
    h, loss = population.best_hyperparameters()
    assert loss == 1.0
    np.testing.assert_array_equal(h, trained_with[1])  # of the report, not those since
    assert not np.array_equal(h, population.hyperparameters(1))
    everyone(population, [2.0, 4.0, np.nan])
    assert population.best() == (0, 2.0)  # the latest losses, not the lowest ever


def test_maximize_mirrors_minimize():
    for algorithm in ALGORITHMS:
        traces = []
        for sign, direction in ((1, "minimize"), (-1, "maximize")):
            population = hpm.Population(
                SPACE, population=5, steps=12, interval=3, algorithm=algorithm, direction=direction, trial=4
            )
            numbers = Numbers(3)

            def mirrored(student, task, n, numbers=numbers, sign=sign):
                loss, gradient = numbers(student, task, n)
                return sign * loss, None if gradient is None else sign * gradient

            traces.append(by_arrays(population, mirrored, [0] * 5))
            traces.append([sign * population.best().loss, population.best().student])
        assert traces[:2] == traces[2:]


def test_one_student():
    for algorithm in ALGORITHMS:
        population = hpm.Population(SPACE, population=1, steps=12, interval=2, algorithm=algorithm)
        trace = by_arrays(population, Numbers(1), [0])
        assert [action for action, _, _ in trace[0]] == [Action.TRAIN] * 12
        assert population.count("clones") == 0 and population.next(0).action is Action.STOP


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_population_without_a_finite_loss_goes_on(bad):
    for algorithm in ALGORITHMS:
        population = hpm.Population(SPACE, population=5, steps=12, interval=2, algorithm=algorithm)
        start = population.next_all().hyperparameters
        for _ in range(12):
            actions = everyone(population, [bad] * 5, np.ones((5, 4)))
            assert (actions == Action.TRAIN).all()
        np.testing.assert_array_equal(population.next_all().hyperparameters, start)  # its hypergradients are ignored
        assert population.count("nonfinite_losses") == 60 and population.count("clones") == 0
        with pytest.raises(hpm.NoResultError):
            population.best()


def test_a_student_without_a_finite_loss_is_replaced():
    population = hpm.Population(SPACE, population=5, interval=1)
    everyone(population, [5.0, 4.0, np.nan, 4.5, 4.9])
    a = population.next_all()
    assert a.actions[2] == Action.CLONE and a.sources[2] == 1
    np.testing.assert_array_equal(a.hyperparameters[2], population.hyperparameters(1))  # those of the source
    population.report_all(np.zeros(5))
    assert population.best() == (1, 4.0)  # the clone has no loss of its own yet


@pytest.mark.parametrize("schedule", ["synchronous", "asynchronous"])
@pytest.mark.parametrize("algorithm", ["hpm", "pbt", "hpm-no-teacher"])
def test_five_of_eight_students_without_a_finite_loss_are_replaced_at_the_next_exploit(algorithm, schedule):
    """A student that was dead is one no more once it holds the weights of one that lives."""
    population = hpm.Population(SPACE, steps=40, interval=5, seed=1, algorithm=algorithm, schedule=schedule)
    dead, wasted = {0, 2, 3, 5, 6}, 0
    while not all(population.next(k).action == Action.STOP for k in range(8)):
        for k in range(8):
            action, source, _ = population.next(k)
            if action == Action.CLONE:
                assert source not in dead
                dead.discard(k)
            if action < Action.WAIT:
                wasted += action == Action.TRAIN and k in dead
                population.report(k, np.nan if k in dead else 1.0 + k)
    assert not dead and wasted == 5 * 5
    assert population.count("nonfinite_losses") == 25


@pytest.mark.parametrize("algorithm", ["hpm", "pbt", "hpm-paper", "clone-step", "mutation-only", "hpm-no-teacher"])
def test_truncation(algorithm):
    expected = {0.0: 0, 0.1: 1, 0.2: 2, 0.29: 2, 0.3: 3, 0.5: 5}
    for truncation, count in expected.items():
        population = hpm.Population(
            SPACE, population=10, interval=1, truncation=truncation, algorithm=algorithm, mutation_scale=0
        )
        losses = np.random.default_rng(count).permutation(10).astype(float)
        everyone(population, losses)
        a = population.next_all()
        replaced = np.flatnonzero(a.actions == Action.CLONE)
        assert len(replaced) == count
        order = np.argsort(losses)
        assert set(replaced) == set(order[10 - count :])
        assert set(a.sources[replaced]) <= set(order[:count].astype(np.uintp))
        assert (population.next_all().actions[order[: 10 - count]] == (Action.WAIT if count else Action.TRAIN)).all()


def test_hpm_replaces_only_what_is_strictly_worse():
    population = hpm.Population(SPACE, population=4, interval=1, truncation=0.5)
    everyone(population, [1.0] * 4)
    assert (population.next_all().actions == Action.TRAIN).all()
    population.report_all([1.0, 1.0, 1.0, 2.0])
    assert list(population.next_all().actions) == [Action.WAIT] * 3 + [Action.CLONE]


def test_steps_interval_and_burn_in():
    population = hpm.Population(SPACE, population=5, steps=12, interval=3, burn_in=5, algorithm="pbt")
    numbers = Numbers(5, strange=0.0)
    actions = []
    done = [0] * 5
    while (by_round := by_arrays(population, numbers, done, rounds=1)) != [[]] * 5:
        actions.append({step[0][0] for step in by_round if step}.pop())
    train, clone = Action.TRAIN, Action.CLONE
    assert actions == [train] * 6 + [clone] + [train] * 3 + [clone] + [train] * 3  # none after the last step
    assert (population.next_all().actions == Action.STOP).all()
    assert population.count("training_reports") == 60


@pytest.mark.parametrize("algorithm", ["hypergradient", "random", "bayesian"])
def test_algorithms_that_never_clone(algorithm):
    population = hpm.Population(SPACE, population=5, steps=20, interval=1, algorithm=algorithm)
    assert {step[0] for steps in by_arrays(population, Numbers(2), [0] * 5) for step in steps} == {Action.TRAIN}


def test_random_trials():
    space = hpm.SearchSpace().add_real("x", 0, 1).add_real("f", 0, 1, update="fixed").add_choice("c", ["a", "b"])
    population = hpm.Population(space, population=3, steps=7, trial=2, algorithm="random")
    trace = by_arrays(population, Numbers(2), [0] * 3)
    for steps in trace:
        t, r = Action.TRAIN, Action.RESTART
        assert [action for action, _, _ in steps] == [t, t, r, t, t, r, t, t, r, t]
        h = np.stack([np.frombuffer(values) for _, _, values in steps])
        for trial in (h[0:2], h[2:5], h[5:8], h[8:10]):  # from the RESTART on
            assert (trial == trial[0]).all()
        assert len(np.unique(h[:, 0])) == 4 and len(np.unique(h[:, 1])) == 1
    assert population.count("restart_reports") == 9


def test_lineage():
    population = hpm.Population(SPACE, population=6, interval=2, truncation=0.4, algorithm="pbt", steps=25)
    assert population.lineage(0) == []
    random = np.random.default_rng(0)
    lines = [[] for _ in range(6)]
    while True:
        a = population.next_all()
        if (a.actions == Action.STOP).all():
            break
        old = [list(line) for line in lines]
        for k, (action, source) in enumerate(zip(a.actions, a.sources)):
            if action == Action.TRAIN:
                lines[k].append(k)
            elif action == Action.CLONE:
                lines[k] = list(old[source])
        population.report_all(random.standard_normal(6))
        assert [population.lineage(k) for k in range(6)] == lines
    assert len(set(map(tuple, lines))) > 1 and any(len(set(line)) > 1 for line in lines)
    assert [population.ancestor(3, report) for report in (1, 25)] == [lines[3][0], 3]
    for report in (0, 26, -1):
        with pytest.raises(hpm.ArgumentError, match=f"report is {report}"):
            population.ancestor(0, report)


def test_lineage_inside_a_round():
    population = hpm.Population(SPACE, population=2)
    population.next_all()
    population.report(0, 1.0)
    assert population.lineage(0) == population.lineage(1) == []
    population.report(1, 1.0)
    assert population.lineage(1) == [1]


def test_stop():
    population = hpm.Population(SPACE, population=3)
    population.next(0)
    population.next(1)
    population.stop()
    assert (population.next_all().actions == Action.STOP).all()
    population.report(0, 1.0)  # what is out is accepted
    with pytest.raises(hpm.OrderError):
        population.report(2, 1.0)
    assert population.best() == (0, 1.0)
    loaded = hpm.Population.load(population.save())  # the request is not saved
    assert loaded.next(2).action is Action.TRAIN and loaded.next(0).action is Action.WAIT


def test_who_may_move_a_parameter():
    def grown(algorithm, update, gradient):
        """Values of each student before and after one hyper-step, and after the exploit."""
        space = hpm.SearchSpace().add_block("w", 50, 0.0, 1.0, update=update)
        population = hpm.Population(space, population=4, interval=2, truncation=0.25, algorithm=algorithm)
        start = population.next_all().hyperparameters
        population.report_all(losses_of(population), gradient)
        stepped = population.next_all().hyperparameters
        population.report_all(losses_of(population), gradient)
        source = population.next_all()
        assert source.actions[3] == Action.CLONE
        population.report_all(losses_of(population))
        while (population.next_all().actions == Action.EVALUATE).any():
            population.report_all(losses_of(population), gradient)
        descended = not np.array_equal(start, stepped)
        # The clone against the values of its source, at the report that chose it.
        mutated = not np.array_equal(population.hyperparameters(3), source.hyperparameters[3])
        return descended, mutated

    gradient = np.ones((4, 50))
    for update, expected in {
        "auto": (True, True),
        "both": (True, True),
        "hypergradient": (True, False),
        "mutate": (False, True),
        "fixed": (False, False),
    }.items():
        for algorithm in ("hpm", "hpm-no-teacher", "hpm-paper"):
            assert grown(algorithm, update, gradient) == expected, (algorithm, update)
            assert grown(algorithm, update, None) == (False, expected[1]), (algorithm, update)
    assert grown("pbt", "auto", gradient) == (False, True)
    assert grown("pbt", "fixed", gradient) == (False, False)
    assert grown("mutation-only", "auto", gradient) == (False, True)


def test_fixed_parameters_keep_their_start_also_in_a_clone():
    space = hpm.SearchSpace().add_real("f", 0, 1, update="fixed").add_choice("c", ["a", "b"], update="fixed")
    space.add_integer("k", 0, 9, update="fixed").add_real("x", 0, 1)
    population = hpm.Population(space, population=6, interval=1, truncation=0.5, steps=30)
    trace = by_arrays(population, Numbers(1, strange=0.0), [0] * 6)
    starts = {values[:24] for steps in trace for action, _, values in steps[:1]}
    assert {values[:24] for steps in trace for _, _, values in steps} <= starts  # copied whole, never moved


def test_a_component_without_a_derivative_is_not_descended():
    space = hpm.SearchSpace().add_block("w", 3, 0.0, 1.0, initial=0.5)
    population = hpm.Population(space, population=2, truncation=0)
    for component in (np.nan, np.inf, -np.inf):
        population.next_all()
        population.report_all([1.0, 1.0], [[1.0, component, 0.0], [np.nan] * 3])
    h = population.hyperparameters(0)
    assert h[0] < 0.5 and h[1] == 0.5 and h[2] == 0.5


def test_huge_hypergradients_move_by_a_step():
    space = hpm.SearchSpace().add_real("x", 0, 1, initial=0.5)
    for size in (1e-300, 1e-20, 1.0, 1e300, np.finfo(float).max):
        population = hpm.Population(space, population=1, algorithm="hypergradient", hyper_learning_rate=0.1)
        population.next(0)
        population.report(0, 0.0, [size])
        moved = 0.5 - population.hyperparameters(0)[0]
        assert 0 <= moved <= 0.1 + 1e-12 and (size < 1e-11 or abs(moved - 0.1) < 1e-3)


def test_pickling_and_copying():
    population = hpm.Population(SPACE, population=4, steps=20, interval=3)
    numbers, done = Numbers(2), [0] * 4
    by_arrays(population, numbers, done, rounds=5)
    twins = [
        pickle.loads(pickle.dumps(population)),
        pickle.loads(cloudpickle.dumps(population)),
        copy.copy(population),
        copy.deepcopy(population),
        hpm.Population.load(population.save()),
    ]
    rest = by_arrays(population, numbers, list(done))
    for twin in twins:
        assert twin.space.names == SPACE.names
        assert twin.space.decode(twin.hyperparameters(0)) == twin.space.decode(twin.hyperparameters(0))
        assert type(twin.space.decode(twin.hyperparameters(0))["k"]) is int
        assert by_arrays(twin, numbers, list(done)) == rest


class Sized(hpm.Population):
    """A subclass."""


def test_a_copy_is_of_the_same_class():
    population = Sized(SPACE, population=2)
    for twin in (copy.copy(population), copy.deepcopy(population), pickle.loads(pickle.dumps(population))):
        assert type(twin) is Sized
    assert type(Sized.load(hpm.Population(SPACE).save())) is Sized


def test_which_checkpoint_a_clone_takes_and_which_may_go():
    population = hpm.Population(SPACE, population=3, interval=2, seed=2)
    for loss in (2.0, 1.0):
        population.next_all()
        with pytest.raises(hpm.OrderError):
            population.source_report(2)
        population.report_all([loss, 2 * loss, 3 * loss])
    action, source, _ = population.next(2)
    assert action == Action.CLONE and population.source_report(2) == 2
    assert not population.releasable(source, 2) and population.releasable(source, 1)
    population.report(2, 0.0)
    assert population.releasable(source, 1) is True
    with pytest.raises(hpm.OrderError):
        population.source_report(2)
    for call, message in (
        (lambda: population.source_report(3), "student"),
        (lambda: population.releasable(3, 1), "student"),
        (lambda: population.releasable(0, 0), "report"),
        (lambda: population.releasable(0, 4), "report"),
    ):
        with pytest.raises(hpm.ArgumentError, match=message):
            call()


def test_closing():
    population = hpm.Population(SPACE)
    with population:
        population.next(0)
    assert population.closed and "closed" in repr(population)
    population.close()
    for call in (
        lambda: population.next(0),
        lambda: population.report(0, 1.0),
        lambda: population.next_all(),
        lambda: population.report_all(np.ones(8)),
        lambda: population.save(),
        lambda: population.best(),
        lambda: population.stop(),
        lambda: population.space,
        lambda: population.run(lambda k, h: 0.0, lambda s, k: None),
    ):
        with pytest.raises(hpm.HandleError, match="population"):
            call()


def test_a_handle_dies_with_its_object():
    population = hpm.Population(SPACE)
    handle, gone = population._handle, weakref.ref(population)
    twin = hpm.Population(SPACE)
    del population
    gc.collect()
    assert gone() is None
    twin._handle, kept = handle, twin._handle
    with pytest.raises(hpm.HandleError):
        twin.next(0)
    twin._handle = kept
    twin.next(0)


def test_foreign_handles():
    population, teacher = hpm.Population(SPACE), hpm.Teacher(2)
    teacher._handle, kept = population._handle, teacher._handle
    with pytest.raises(hpm.HandleError):
        teacher.mutate([1, 2])
    teacher._handle = kept
    teacher.mutate([1, 2])
    with pytest.raises(TypeError, match="SearchSpace"):
        hpm.Population("space")
