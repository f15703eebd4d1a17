"""Random spaces, numbers that depend on nothing but their key, and the loops that drive populations
in different ways."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import libhpm as hpm
import numpy as np
from hypothesis import strategies as st

# `memetic` needs a hypergradient with each finite loss.
ALGORITHMS = [algorithm for algorithm in hpm.algorithms() if algorithm != "memetic"]
WORDS = ["sgd", "adam", "größe", "a b", "🦉"]


@dataclass(frozen=True)
class Parameter:
    kind: str
    low: float = 0.0
    high: float = 1.0
    scale: str = "linear"
    count: int = 1
    update: str = "auto"
    initial: float | None = None

    def add(self, space: hpm.SearchSpace, name: str) -> None:
        if self.kind == "real":
            space.add_real(name, self.low, self.high, self.scale, self.initial, update=self.update)
        elif self.kind == "integer":
            space.add_integer(name, self.low, self.high, self.scale, self.initial, update=self.update)
        elif self.kind == "choice":
            space.add_choice(name, WORDS[: int(self.high) + 1], self.initial, update=self.update)
        else:
            space.add_block(name, self.count, self.low, self.high, self.scale, self.initial, update=self.update)


def build(parameters: list[Parameter]) -> hpm.SearchSpace:
    space = hpm.SearchSpace()
    for index, parameter in enumerate(parameters):
        parameter.add(space, f"p{index}")
    return space


def bounds(parameters: list[Parameter]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Low, high and whether whole, for each coordinate."""
    counts = [p.count for p in parameters]
    return (
        np.repeat([float(p.low) for p in parameters], counts),
        np.repeat([float(p.high) for p in parameters], counts),
        np.repeat([p.kind in ("integer", "choice") for p in parameters], counts),
    )


def assert_inside(h: np.ndarray, parameters: list[Parameter]) -> None:
    low, high, whole = bounds(parameters)
    assert (h >= low).all() and (h <= high).all()
    assert (h[..., whole] == np.round(h[..., whole])).all()


@st.composite
def reals(draw: st.DrawFn, kind: str = "real") -> Parameter:
    scale = draw(st.sampled_from(["linear", "log", "logit"]))
    if scale == "linear":
        low = draw(st.floats(-1e6, 1e6))
        high = low + draw(st.floats(1e-3, 1e6))
    elif scale == "log":
        low = draw(st.floats(1e-12, 1e3))
        high = low * (1 + draw(st.floats(1e-3, 1e9)))
    else:
        low = draw(st.floats(1e-9, 0.5))
        high = draw(st.floats(0.51, 1 - 1e-9))
    return Parameter(
        kind,
        low,
        high,
        scale,
        count=draw(st.integers(1, 4)) if kind == "block" else 1,
        update=draw(st.sampled_from(["auto", "auto", "mutate", "fixed"])),
        initial=draw(st.sampled_from([None, low, high])),
    )


@st.composite
def integers(draw: st.DrawFn) -> Parameter:
    scale = draw(st.sampled_from(["linear", "log"]))
    low = draw(st.integers(1, 1000) if scale == "log" else st.integers(-(2**53), 2**53 - 1))
    high = draw(st.integers(low + 1, min(low + draw(st.sampled_from([1, 3, 10**6])), 2**53)))
    return Parameter("integer", low, high, scale, update=draw(st.sampled_from(["auto", "mutate", "fixed"])))


choices = st.builds(
    Parameter, st.just("choice"), high=st.integers(1, len(WORDS) - 1), update=st.sampled_from(["auto", "fixed"])
)
parameter_lists = st.lists(st.one_of(reals(), reals("block"), integers(), choices), min_size=1, max_size=4)


@dataclass(frozen=True)
class Numbers:
    """What a trainer reports: a function of the seed, the student and how many tasks it has done."""

    seed: int
    strange: float = 0.15  # share of numbers that are NaN, infinite, huge or 0

    def __call__(self, student: int, task: int, n: int) -> tuple[float, np.ndarray | None]:
        random = np.random.default_rng([self.seed, student, task])
        values = random.standard_normal(n + 1)
        special = [np.nan, np.inf, -np.inf, 1e308, -1e308, 0.0]
        replaced = random.random(n + 1) < self.strange
        values[replaced] = random.choice(special, replaced.sum())
        return values[0], None if random.random() < self.strange else values[1:]


Step = tuple[int, int, bytes]
"""Action, source and hyperparameters, to the bit."""
Trace = list[list[Step]]


def tasks(assignments: hpm.Assignments) -> Iterator[int]:
    return (k for k, action in enumerate(assignments.actions) if action < hpm.Action.WAIT)


def by_arrays(population: hpm.Population, numbers: Numbers, done: list[int], rounds: int | None = None) -> Trace:
    """Drives a population by next_all and report_all, to its end or for some rounds."""
    trace: Trace = [[] for _ in range(population.size)]
    n = population.space.dimension
    while rounds is None or rounds > 0:
        a = population.next_all()
        active = list(tasks(a))
        if not active:
            break
        losses = np.full(population.size, np.nan)
        gradients = np.full((population.size, n), np.nan)
        for k in active:
            trace[k].append((int(a.actions[k]), int(a.sources[k]), a.hyperparameters[k].tobytes()))
            losses[k], gradient = numbers(k, done[k], n)
            if gradient is not None:
                gradients[k] = gradient
            done[k] += 1
        population.report_all(losses, gradients)
        rounds = None if rounds is None else rounds - 1
    return trace


def one_task(population: hpm.Population, k: int, numbers: Numbers, done: list[int], trace: Trace) -> hpm.Action:
    action, source, h = population.next(k)
    if action < hpm.Action.WAIT:
        trace[k].append((action, source, h.tobytes()))
        loss, gradient = numbers(k, done[k], len(h))
        done[k] += 1
        population.report(k, loss, gradient)
    return action


def by_students(population: hpm.Population, numbers: Numbers, order: np.random.Generator) -> Trace:
    """Drives a population to its end, one student after the other in a random order."""
    trace: Trace = [[] for _ in range(population.size)]
    done = [0] * population.size
    while True:
        actions = {one_task(population, k, numbers, done, trace) for k in order.permutation(population.size)}
        if actions == {hpm.Action.STOP}:
            return trace


def by_threads(population: hpm.Population, numbers: Numbers, threads: int) -> Trace:
    """Drives a population to its end by threads that share its students."""
    trace: Trace = [[] for _ in range(population.size)]
    done = [0] * population.size
    errors: list[BaseException] = []

    def work(mine: list[int]) -> None:
        try:
            while mine:
                for k in list(mine):
                    action = one_task(population, k, numbers, done, trace)
                    if action == hpm.Action.STOP:
                        mine.remove(k)
                    elif action == hpm.Action.WAIT:
                        time.sleep(0)
        except BaseException as error:
            errors.append(error)

    workers = [
        threading.Thread(target=work, args=(list(range(t, population.size, threads)),)) for t in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not errors
    return trace


class Scales:
    """Natural and latent coordinates of linear, log and logit parameters, after their definitions."""

    def __init__(self, low: np.ndarray, high: np.ndarray, scale: list[str]):
        self.low, self.high = np.array(low, float), np.array(high, float)
        self.flat = [{"linear": float, "log": np.log, "logit": lambda x: np.log(x / (1 - x))}[s] for s in scale]
        self.scale = scale

    def _each(self, function: Callable[[int, float], float], values: np.ndarray) -> np.ndarray:
        return np.array([[function(i, v) for i, v in enumerate(row)] for row in np.atleast_2d(values)]).reshape(
            np.shape(values)
        )

    def latent(self, h: np.ndarray) -> np.ndarray:
        def one(i: int, x: float) -> float:
            f = self.flat[i]
            return (f(x) - f(self.low[i])) / (f(self.high[i]) - f(self.low[i]))

        return self._each(one, h)

    def slope(self, h: np.ndarray) -> np.ndarray:
        """d natural / d latent."""

        def one(i: int, x: float) -> float:
            f = self.flat[i]
            return (f(self.high[i]) - f(self.low[i])) * {"linear": 1.0, "log": x, "logit": x * (1 - x)}[self.scale[i]]

        return self._each(one, h)
