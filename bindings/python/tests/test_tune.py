import re

import libhpm as hpm
import numpy as np
import pytest


def space():
    return (
        hpm.SearchSpace()
        .add_real("lr", 1e-4, 1.0, scale="log")
        .add_integer("batch", 1, 64, scale="log")
        .add_choice("kind", ["a", "b"])
        .add_block("w", 2, 0.0, 1.0)
    )


class Training:
    """Students that descend w^2."""

    def __init__(self, students=8):
        self.models = [{"w": 5.0, "trained": []} for _ in range(students)]

    def train(self, student, h):
        assert type(h["lr"]) is float and type(h["batch"]) is int and h["kind"] in "ab" and h["w"].shape == (2,)
        model = self.models[student]
        model["w"] *= 1 - h["lr"]
        model["trained"].append(h["lr"])
        return model["w"] ** 2 + 0.01 * ((h["w"] - 0.5) ** 2).sum()

    def with_derivatives(self, student, h):
        return self.train(student, h), {"w": 0.02 * (h["w"] - 0.5)}


def test_tune():
    training = Training()
    result = hpm.tune(training.with_derivatives, space(), models=training.models, steps=20, progress=False, seed=1)
    assert result.loss < 1e-3
    assert set(result.hyperparameters) == {"lr", "batch", "kind", "w"}
    assert isinstance(result.population, hpm.Population) and result.population.size == 8
    assert result.population.best() == (result.student, result.loss)
    vector, _ = result.population.best_hyperparameters()
    assert result.hyperparameters["lr"] == vector[0]
    assert "Result(loss=" in repr(result)

    assert len(result.history) == 160
    last = [report for report in result.history if report.number == 20]
    assert sorted(report.student for report in last) == list(range(8))
    assert min(report.loss for report in last) == result.loss
    # The schedule is what the winner's weights were trained with, clones followed: it replays.
    schedule = result.schedule()
    assert schedule.shape == (20, 5)
    np.testing.assert_array_equal(schedule[:, 0], training.models[result.student]["trained"])
    assert result.population.count("clones") > 0
    assert result.population.count("hypergradient_reports") == 160


@pytest.mark.parametrize(("interval", "exploits"), [(5, 2), (4, 2), (None, 11)])
def test_a_clone_of_ones_own(interval, exploits):
    """One of four students is replaced at each exploit; without an interval a tenth of the steps is one."""
    training = Training(4)
    copied = []

    def clone(source, student):
        copied.append((source, student))
        training.models[student] = {key: type(value)(value) for key, value in training.models[source].items()}

    result = hpm.tune(training.train, space(), clone=clone, steps=12, population=4, interval=interval, progress=False)
    assert len(copied) == result.population.count("clones") == exploits
    assert all(source != student for source, student in copied)


def test_without_clones():
    training = Training(3)
    result = hpm.tune(training.train, space(), steps=3, population=3, algorithm="random", progress=False)
    assert result.population.count("clones") == 0
    with pytest.raises(hpm.ArgumentError, match="clone"):
        hpm.tune(training.train, space(), steps=30, population=3, progress=False)


def test_arguments():
    models = [{} for _ in range(3)]
    for arguments, error, message in (
        ({"steps": 0}, hpm.ArgumentError, "steps is 0"),
        ({"steps": -1}, hpm.ArgumentError, "steps is -1"),
        ({"steps": 1.5}, TypeError, "steps"),
        ({"steps": 2, "population": 4}, hpm.ArgumentError, "models has length 3; allowed: 4"),
        ({"steps": 2, "generations": 4}, hpm.ArgumentError, "'generations'"),
    ):
        with pytest.raises(error, match=message):
            hpm.tune(lambda student, h: 0.0, space(), models=models, progress=False, **arguments)
    with pytest.raises(hpm.NoResultError):
        hpm.tune(lambda student, h: float("nan"), space(), models=models, steps=2, progress=False)


@pytest.mark.parametrize("progress", [True, False])
def test_an_exception_comes_back_as_itself(progress, capfd):
    thrown = KeyboardInterrupt()

    def train(student, h):
        if student == 2:
            raise thrown
        return 0.0

    with pytest.raises(KeyboardInterrupt) as caught:
        hpm.tune(train, space(), models=[None] * 4, steps=3, progress=progress)
    assert caught.value is thrown


def test_the_progress_bar_goes_to_standard_error(capfd):
    training = Training()
    hpm.tune(training.train, space(), models=training.models, steps=3)
    out, err = capfd.readouterr()
    assert out == "" and "24/24" in err and "best loss" in err
    hpm.tune(training.train, space(), models=training.models, steps=3, progress=False)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("algorithm", ["hpm", "pbt", "mf-pbt", "random", "bayesian", "memetic"])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_bar_ends_at_the_result(algorithm, seed, capfd):
    random = np.random.default_rng(seed)
    drift = iter(-np.arange(1, 1000.0))  # every report is the best one, so one that is missing is seen

    def train(student, h):
        return next(drift) + 0.1 * random.standard_normal(), random.standard_normal(2)

    options = {"trial": 2} if algorithm == "random" else {}
    result = hpm.tune(
        train, hpm.SearchSpace().add_block("x", 2, 0, 1), steps=12, population=4, algorithm=algorithm, seed=seed,
        clone=lambda source, student: None, restart=lambda student: None, **options,
    )
    reports, loss = re.findall(r"(\d+)/48 +best loss (\S+)", capfd.readouterr().err)[-1]
    assert (reports, loss) == ("48", f"{result.loss:.6g}")


@pytest.mark.parametrize("name", ["clone", "restart"])
def test_what_is_no_callback(name):
    with pytest.raises(TypeError, match=f"{name} is 3; allowed: a callable"):
        hpm.tune(lambda student, h: 0.0, space(), models=[None] * 4, steps=2, progress=False, **{name: 3})


def test_maximize():
    result = hpm.tune(
        lambda student, h: -((h["lr"] - 0.01) ** 2),
        space(),
        models=[None] * 4,
        steps=10,
        direction="maximize",
        progress=False,
    )
    assert result.loss == max(report.loss for report in result.history if report.number == 10)


# What is refused at once


def never(student, h):
    raise AssertionError("nothing is trained")


class Net:
    def __call__(self):
        pass


@pytest.mark.parametrize(
    ("models", "error", "message"),
    [
        ([{}] * 8, hpm.ArgumentError, r"models\[0\] and models\[1\] are the same object"),
        ([np.zeros(2), *[np.ones(2)] * 2], hpm.ArgumentError, r"models\[1\] and models\[2\] are the same object"),
        ([(np.zeros(2), 1)] * 3, hpm.ArgumentError, "are the same object"),
        ([Net()] * 3, hpm.ArgumentError, "are the same object"),
        (({}, {}), TypeError, "models is of type tuple, into which no clone can be put"),
        (dict, TypeError, "models is a function"),
        (lambda student: {}, TypeError, "models is a function"),
        (Net(), TypeError, "models is a function"),
        ((dict() for _ in range(8)), TypeError, "models is of type generator"),
        (8, TypeError, "models is of type int"),
    ],
)
def test_models_that_can_not_be(models, error, message):
    with pytest.raises(error, match=message) as caught:
        hpm.tune(never, space(), models=models, steps=3, progress=False)
    assert str(caught.value).endswith("allowed: a list of one model for each student, as [make() for _ in range(8)]")


@pytest.mark.parametrize("models", [[0.0] * 3, [None] * 3, [("adam", 1)] * 3, np.zeros((3, 2)), {0: [], 1: [], 2: []}])
def test_models_that_may_be(models):
    result = hpm.tune(lambda student, h: h["lr"], space(), models=models, steps=3, progress=False)
    assert result.population.size == 3


def test_jax_arrays_may_be_shared():
    jnp = pytest.importorskip("jax.numpy")
    hpm.tune(lambda student, h: h["lr"], space(), models=[jnp.zeros(2)] * 3, steps=2, progress=False)


@pytest.mark.parametrize("hypergradient", [[0.0] * 5, (0.0,) * 5])
def test_a_hypergradient_in_a_list(hypergradient):
    name = type(hypergradient).__name__
    message = f"train returned a hypergradient that is a {name}; allowed: a dict .* or a numpy array"
    with pytest.raises(TypeError, match=message):
        hpm.tune(lambda student, h: (1.0, hypergradient), space(), models=[None] * 4, steps=2, progress=False)


def test_observers_of_tune_are_closed():
    told = []

    class Observer:
        kinds = hpm.Trained
        begin = lambda self, population: told.append(population)
        __call__ = lambda self, event: told.append((event.student, event.report))
        close = lambda self: told.append("closed")

    def train(student, h):
        if student == 2:
            raise ZeroDivisionError
        return 0.0

    with pytest.raises(ZeroDivisionError) as caught:
        hpm.tune(train, space(), models=[None] * 4, steps=3, progress=False, observe=[Observer(), lambda event: None])
    assert told == [caught.value.partial_result.population, (0, 1), (1, 1), "closed"]
