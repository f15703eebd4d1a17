"""`hpm` once more, in numpy: an example of a prototype, with the library's random numbers, so that its runs are
the library's runs (`tests/test_training.py`).

A prototype is a function `factory(space, students, seed, steps)` that returns an object with `next_all` and
`report_all`. To try one:

    python compare.py --variant mine:prototype=prototypes.pooled:factory --methods hpm --results /tmp/mine.csv
"""

from __future__ import annotations

import numpy as np

from runner import CLONE, STOP, TRAIN, WAIT
from space import Space

TINY = 1e-12
START, EXPLOIT, MUTATION = range(3)  # what random numbers are for


class Stream:
    """The library's random numbers of an event (Sources/HPM/Numerics/RandomStream.swift)."""

    def __init__(self, seed: int, purpose: int, student: int = 0, event: int = 0):
        # numpy's generator counts before it draws: one less than the library's counter.
        counter = (event << 64) + (student << 128) - 1
        self.philox = np.random.Philox(key=np.array([seed, purpose], np.uint64), counter=counter % 2**256)

    def bits(self, n: int) -> np.ndarray:
        return self.philox.random_raw(n)

    def uniform(self, n: int) -> np.ndarray:
        return (self.bits(n) >> np.uint64(11)) * 2.0**-53

    def normal(self, n: int) -> np.ndarray:
        u = self.uniform(2 * n)
        return np.sqrt(-2 * np.log(1 - u[::2])) * np.cos(2 * np.pi * u[1::2])

    def index(self, below: int) -> int:
        return int(self.bits(1)[0]) * below >> 64


class Pooled:
    """`docs/algorithms.md`, 'hpm', in numpy. `pooling` and `hyper_training` take parts away."""

    def __init__(
        self, space: Space, students: int, seed: int, steps: int, *, hyper_learning_rate: float = 0.06,
        interval: int | None = None, truncation: float = 0.2, mutation_scale: float = 0.1, choice_probability: float = 0.1,
        pooling: bool = True, hyper_training: bool = True,
    ):
        self.space, self.students, self.seed, self.steps = space, students, seed, steps
        self.rate, self.truncation = hyper_learning_rate, truncation
        self.interval = interval or (min(max((steps // 5 + 1) // 2, 1), 5) if steps else 5)
        self.scale, self.choice_probability = mutation_scale, choice_probability
        self.pooling, self.hyper_training = pooling, hyper_training
        d = space.dimension
        self.u = np.stack([Stream(seed, START, k).uniform(d) for k in range(students)])
        self.h = space.natural(self.u)
        if space.starts_at_initial:
            self.h[0] = space.initial
            self.u[0] = space.latent(space.initial)
        # A student's moments, which its clones inherit: m, v of Adam, P, R of the pooling, c their count.
        self.m, self.v, self.P, self.R, self.c = np.zeros((5, students, d))
        self.Q, self.Z, self.t = np.zeros((3, d))
        self.reports = 0
        self.clones: list[tuple[int, int]] = []

    @property
    def done(self) -> float:
        """The share of the run that is over."""
        return self.reports / self.steps

    @property
    def ended(self) -> bool:
        return self.reports == self.steps

    def next_all(self):
        actions, sources = np.full(self.students, TRAIN), np.arange(self.students)
        if self.clones:
            actions[:] = WAIT
            for student, source in self.clones:
                actions[student], sources[student] = CLONE, source
        elif self.ended:
            actions[:] = STOP
        return actions, sources, self.h

    def report_all(self, losses, hypergradients) -> None:
        if self.clones:
            self.make_clones()
            return
        self.reports += 1
        losses = np.where(np.isfinite(losses), losses, np.inf)
        if hypergradients is not None and self.hyper_training:
            G = np.where(np.isinf(hypergradients), np.nan, hypergradients) * self.space.slope(self.h)
            G[~np.isfinite(losses)] = np.nan
            self.step(G)
        self.shrink(losses)
        if self.reports % self.interval == 0 and not self.ended:
            self.exploit(losses)

    def step(self, G: np.ndarray) -> None:
        """Hyper-training; NaN: no derivative, takes no part."""
        guided = ~np.isnan(G)
        g = np.where(guided, G, 0)
        count = guided.sum(0)
        self.c += guided
        c = np.maximum(self.c, 1)
        self.m = np.where(guided, 0.9 * self.m + 0.1 * g, self.m)
        self.v = np.where(guided, 0.99 * self.v + 0.01 * g * g, self.v)
        own = (self.m / (1 - 0.9**c)) / (np.sqrt(self.v / (1 - 0.99**c)) + TINY)

        N = g / (np.abs(g) + TINY)
        self.P = np.where(guided, 0.9 * self.P + 0.1 * N, self.P)
        self.R = np.where(guided, 0.99 * self.R + 0.01 * N * N, self.R)
        some, n = count > 0, np.maximum(count, 1)
        mean = N.sum(0) / n
        self.Q = np.where(some, 0.9 * self.Q + 0.1 * mean, self.Q)
        self.Z = np.where(some, 0.99 * self.Z + 0.01 * mean * mean, self.Z)
        self.t += some

        p = np.where(guided, self.P / (1 - 0.9**c), 0)
        noise = np.maximum(self.R / (1 - 0.99**c) - p * p, 0) * (0.1 * (1 + 0.9**c) / (1.9 * (1 - 0.9**c)))
        noise = np.where(guided, noise, 0).sum(0) / n
        deviations = np.where(guided, p - p.sum(0) / n, 0)
        spread = np.maximum((deviations**2).sum(0) / np.maximum(count - 1, 1) - noise, 0)
        share = np.where(count < 2, 1, spread / (spread + noise + TINY)) if self.pooling else 1.0
        t = np.maximum(self.t, 1)
        shared = (self.Q / (1 - 0.9**t)) / (np.sqrt(self.Z / (1 - 0.99**t)) + TINY)

        moved = np.clip(self.u - self.rate * (share * own + (1 - share) * shared), 0, 1)
        self.u = np.where(guided, moved, self.u)
        self.h = np.where(guided, self.space.natural(self.u), self.h)

    def shrink(self, losses: np.ndarray) -> None:
        """Where students retire they do it here, before the exploit."""

    def exploit(self, losses: np.ndarray) -> None:
        self.select(losses, np.arange(self.students))

    def select(self, losses: np.ndarray, among: np.ndarray, also=()) -> None:
        """Chooses the clones, which are made when they are reported. Sources are the best among those and `also`."""
        n = max(1, int(self.truncation * len(among) * (1 + 1e-12)))
        order = among[np.argsort(losses[among], kind="stable")]
        best = np.union1d(order[:n], np.array(also, int))
        sources = [int(k) for k in best[np.argsort(losses[best], kind="stable")] if np.isfinite(losses[k])]
        random = Stream(self.seed, EXPLOIT, event=self.reports)
        replaced = np.union1d(order[-n:], among[~np.isfinite(losses[among])])
        for student in map(int, replaced) if sources else []:
            source = sources[random.index(len(sources))]
            if losses[source] < losses[student]:
                self.clones.append((student, source))

    def make_clones(self) -> None:
        for student, source in self.clones:
            for array in (self.u, self.h, self.m, self.v, self.P, self.R, self.c):
                array[student] = array[source]
        for student, _ in self.clones:
            self.mutate(student)
        self.clones = []

    def mutate(self, student: int) -> None:
        random = Stream(self.seed, MUTATION, student, self.reports)
        reals = np.flatnonzero(~self.space.is_choice)
        moved = np.abs(self.u[student, reals] + self.scale * random.normal(len(reals))) % 2
        self.u[student, reals] = np.where(moved > 1, 2 - moved, moved)
        self.h[student, reals] = self.space.natural(self.u[student])[reals]
        for index in np.flatnonzero(self.space.is_choice):
            draw, label = random.uniform(1)[0], random.index(int(self.space.labels[index]))
            if draw < self.choice_probability:
                self.h[student, index] = label
                self.u[student, index] = self.space.latent(self.h[student])[index]


def factory(space: Space, students: int, seed: int, steps: int) -> Pooled:
    return Pooled(space, students, seed, steps)


def own_only(space: Space, students: int, seed: int, steps: int) -> Pooled:
    """Without pooling: each student descends by its own Adam."""
    return Pooled(space, students, seed, steps, pooling=False)


def still(space: Space, students: int, seed: int, steps: int) -> Pooled:
    """Without hyper-training, which is still paid for: what exploit and mutation earn alone."""
    return Pooled(space, students, seed, steps, hyper_training=False)
