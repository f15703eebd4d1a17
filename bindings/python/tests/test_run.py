import gc
import signal
import threading
import time
import traceback
import weakref

import libhpm as hpm
import numpy as np
import pytest
from libhpm._callbacks import Interrupts
from support import ALGORITHMS, Numbers, Parameter, build, by_arrays

PARAMETERS = [Parameter("real", -1.0, 3.0), Parameter("real", 1e-3, 1.0, "log"), Parameter("choice", 0, 2)]


class Callbacks:
    """Reports the same numbers as `by_arrays` would, and keeps the same trace."""

    def __init__(self, population: hpm.Population, seed: int):
        self.numbers, self.done = Numbers(seed), [0] * population.size
        self.trace = [[] for _ in range(population.size)]
        self.population = population

    def _add(self, action, student, source, h):
        self.trace[student].append((int(action), source, h.tobytes()))
        loss, gradient = self.numbers(student, self.done[student], len(h))
        self.done[student] += 1
        return (loss, gradient) if gradient is not None else loss

    def train(self, student, h):
        return self._add(hpm.Action.TRAIN, student, student, h)

    def evaluate(self, student, h):
        return self._add(hpm.Action.EVALUATE, student, student, h)

    def clone(self, source, student):
        self._add(hpm.Action.CLONE, student, source, self.population.hyperparameters(source))

    def restart(self, student):
        self._add(hpm.Action.RESTART, student, student, self.population.hyperparameters(student))

    def run(self):
        return self.population.run(self.train, self.clone, self.evaluate, self.restart)


def quadratic(student, h):
    return float(h[0] ** 2), [2 * h[0], np.nan, np.nan]


def nothing(source, student):
    pass


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_run_is_the_loop_of_next_and_report(algorithm):
    options = {"algorithm": algorithm, "population": 5, "steps": 12, "interval": 3, "trial": 5, "truncation": 0.4}
    callbacks = Callbacks(hpm.Population(build(PARAMETERS), **options), 2)
    assert callbacks.run() is True
    assert callbacks.trace == by_arrays(hpm.Population(build(PARAMETERS), **options), Numbers(2), [0] * 5)


def test_arrays_in_callbacks_are_the_callbacks_own():
    kept = []

    def train(student, h):
        kept.append(h)
        loss = h[0]
        h[:] = np.nan
        return loss

    population = hpm.Population(build(PARAMETERS), population=2, steps=3)
    population.run(train, nothing)
    assert len(kept) == 6 and all(h.base is None and h.shape == (3,) for h in kept)
    assert np.isfinite(population.hyperparameters(0)).all()


class Mishap(BaseException):
    pass


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, Mishap, StopIteration])
@pytest.mark.parametrize("where", ["train", "clone", "evaluate", "restart"])
def test_an_exception_comes_back_as_itself(where, kind):
    options = {"population": 4, "steps": 8, "interval": 2}
    options |= {"algorithm": "random", "trial": 2} if where == "restart" else {"algorithm": "hpm-paper"}
    expected = Callbacks(hpm.Population(build(PARAMETERS), **options), 6)
    expected.run()
    callbacks = Callbacks(hpm.Population(build(PARAMETERS), **options), 6)
    thrown = kind("in the callback")
    original = getattr(callbacks, where)

    def failing(*arguments):
        setattr(callbacks, where, original)
        raise thrown

    setattr(callbacks, where, failing)
    with pytest.raises(kind) as caught:
        callbacks.run()
    assert caught.value is thrown
    assert any(frame.name == "failing" for frame in traceback.extract_tb(caught.value.__traceback__))
    assert caught.value.__cause__ is None
    assert callbacks.run() is True  # the task was still out
    assert callbacks.trace == expected.trace


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        (None, TypeError, "the loss that train returned is None"),
        ("1", TypeError, "the loss that train returned"),
        ((1.0, [1.0], 2), TypeError, "train returned 3 values"),
        ((1.0, [1.0]), hpm.ArgumentError, r"the hypergradient that train returned has shape \(1,\); allowed: \(3,\)"),
        ((1.0, {"q": 1.0}), hpm.ArgumentError, "'q'"),
    ],
)
def test_what_train_returns_is_checked(result, error, message):
    population = hpm.Population(build(PARAMETERS), population=2, steps=2)
    with pytest.raises(error, match=message):
        population.run(lambda student, h: result, nothing)
    assert population.count("training_reports") == 0
    assert population.run(quadratic, nothing)


def test_missing_callbacks_are_known_beforehand():
    calls = []
    for options, missing in (
        ({"algorithm": "hpm"}, "clone"),
        ({"algorithm": "hpm-paper"}, "evaluate"),
        ({"algorithm": "random", "trial": 1}, "restart"),
        ({"algorithm": "bayesian", "trial": 1}, "restart"),
    ):
        population = hpm.Population(build(PARAMETERS), steps=20, **options)
        given = {"clone": nothing} if missing == "evaluate" else {}
        with pytest.raises(hpm.ArgumentError, match=missing):
            population.run(lambda student, h: calls.append(student) or 0.0, **given)
    assert not calls
    for algorithm in ("hypergradient", "random", "bayesian"):
        assert hpm.Population(build(PARAMETERS), steps=6, algorithm=algorithm).run(quadratic)
    with pytest.raises(TypeError, match="train is None"):
        population.run(None)
    with pytest.raises(TypeError, match="clone is 3"):
        population.run(quadratic, clone=3)


def test_busy_inside_a_callback():
    population = hpm.Population(build(PARAMETERS), population=3, steps=4)
    busy = {
        "next": lambda: population.next(0),
        "report": lambda: population.report(0, 1.0),
        "next_all": lambda: population.next_all(),
        "report_all": lambda: population.report_all(np.ones(3)),
        "run": lambda: population.run(quadratic, nothing),
        "close": lambda: population.close(),
    }
    seen = set()

    def attempt():
        for name, call in busy.items():
            with pytest.raises(hpm.BusyError, match="hpm_population_run"):
                call()
            seen.add((name, threading.current_thread() is threading.main_thread()))

    def train(student, h):
        attempt()
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
        population.report_cost(student, 3.0, 1.0)
        assert hpm.Population.load(population.save()).next(student).action is hpm.Action.TRAIN
        np.testing.assert_array_equal(population.hyperparameters(student), h)
        population.count("training_reports"), population.lineage(0), population.space
        return quadratic(student, h)

    assert population.run(train, nothing)
    assert len(seen) == 12
    assert population.count("training_cost") == 36
    assert not population.closed and population.best().loss < 9
    population.close()


def test_another_population_runs_inside_a_callback():
    outer = hpm.Population(build(PARAMETERS), population=2, steps=2)

    def train(student, h):
        inner = hpm.Population(build(PARAMETERS), population=2, steps=3, seed=student)
        assert inner.run(quadratic, nothing)
        return inner.best().loss

    assert outer.run(train, nothing)


def test_stop_from_a_callback_and_from_another_thread():
    population = hpm.Population(build(PARAMETERS), population=3)
    calls = []

    def train(student, h):
        calls.append(student)
        if len(calls) == 7:
            population.stop()
        return quadratic(student, h)

    assert population.run(train, nothing) is False
    assert len(calls) == 7 and population.count("training_reports") == 7

    population = hpm.Population(build(PARAMETERS), population=3)
    begun = threading.Event()
    results = []

    def slow(student, h):
        begun.set()
        return quadratic(student, h)

    thread = threading.Thread(target=lambda: results.append(population.run(slow, nothing)))
    thread.start()
    assert begun.wait(30)
    population.stop()
    thread.join(30)
    assert results == [False]


@pytest.fixture
def interrupts():
    """Python's own handler of Ctrl-C: a process that was started in the background ignores the signal."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    # Python drops what is raised inside a finalizer, such as those of other tests' populations.
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    signal.signal(signal.SIGINT, previous)


def test_a_signal_interrupts_a_callback(interrupts):
    population = hpm.Population(build(PARAMETERS), population=3, steps=3)
    handler = signal.getsignal(signal.SIGINT)

    def train(student, h):
        if student == 1:
            signal.raise_signal(signal.SIGINT)
        return quadratic(student, h)

    with pytest.raises(KeyboardInterrupt):
        population.run(train, nothing)
    assert signal.getsignal(signal.SIGINT) is handler
    assert population.count("training_reports") == 1
    assert population.run(quadratic, nothing)


def test_a_signal_between_callbacks_waits_for_the_next(interrupts):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        with (interrupts := Interrupts()):
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                interrupts.enter()
            interrupts.leave()
            signal.raise_signal(signal.SIGINT)  # after the last one: raised at the end
    assert signal.getsignal(signal.SIGINT) is handler


def test_no_signal_is_lost_wherever_it_arrives(interrupts):
    population = hpm.Population(build(PARAMETERS), population=3)
    random = np.random.default_rng(0)
    for delay in 0.002 * random.random(40):
        timer = threading.Timer(delay, signal.raise_signal, [signal.SIGINT])
        deadline = time.monotonic() + 30

        def train(student, h):
            assert time.monotonic() < deadline, "the signal was lost"  # rather than run for ever
            return 0.0

        with pytest.raises(KeyboardInterrupt):
            timer.start()
            population.run(train, nothing)
        timer.join()


def test_callbacks_are_let_go():
    class Model:
        pass

    model = Model()
    gone = weakref.ref(model)
    population = hpm.Population(build(PARAMETERS), population=2, steps=2)

    def train(student, h, model=model):
        if student == 1:
            raise ValueError
        return 0.0

    with pytest.raises(ValueError):
        population.run(train, nothing)
    del model, train
    gc.collect()
    assert gone() is None
