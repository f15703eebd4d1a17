"""A population that shrinks: many students find settings, the best of them train on for longer.

`hpm`, but the worst students are retired for good when 40% and 70% of the training reports are spent, so that 10
students become 5, then 3. The cost is the same; the last students train twice as long.
"""

from __future__ import annotations

import numpy as np

from prototypes.pooled import Pooled
from prototypes.schedules import Annealed, Frequent
from runner import STOP, TRAIN, WAIT
from space import Space

STAGES = ((0.4, 0.5), (0.7, 0.3))
"""When so much is spent, this share of the students stays."""


class Halving(Pooled):
    def __init__(self, space: Space, students: int, seed: int, steps: int, *, stages=STAGES, **options):
        super().__init__(space, students, seed, steps, **options)
        self.stages = stages
        self.total, self.spent = steps * students, 0
        self.active = np.ones(students, bool)

    @property
    def done(self) -> float:
        return self.spent / self.total

    @property
    def ended(self) -> bool:
        return self.spent + self.active.sum() > self.total

    def next_all(self):
        actions, sources, h = super().next_all()
        actions[(actions == TRAIN) & ~self.active] = WAIT
        return actions, sources, h

    def report_all(self, losses, hypergradients) -> None:
        if not self.clones:
            self.spent += int(self.active.sum())
            losses = np.where(self.active, losses, np.inf)
        super().report_all(losses, hypergradients)
        if not self.clones and self.stages and self.done >= self.stages[0][0]:
            count = max(1, round(self.stages[0][1] * self.students))
            losses = np.where(np.isfinite(losses), losses, np.inf)
            order = np.argsort(losses, kind="stable")
            self.active[:] = False
            self.active[order[:count]] = True
            self.stages = self.stages[1:]

    def exploit(self, losses: np.ndarray) -> None:
        active = np.flatnonzero(self.active)
        self.select(losses, active)


class AnnealedHalving(Annealed, Halving):
    pass


class GreedyHalving(Annealed, Frequent, Halving):
    pass


def halving(space: Space, students: int, seed: int, steps: int) -> Halving:
    return Halving(space, students, seed, steps)


def annealed(space: Space, students: int, seed: int, steps: int) -> Halving:
    return AnnealedHalving(space, students, seed, steps)


def greedy(space: Space, students: int, seed: int, steps: int) -> Halving:
    return GreedyHalving(space, students, seed, steps)


def early(space: Space, students: int, seed: int, steps: int) -> Halving:
    return Halving(space, students, seed, steps, stages=((0.25, 0.5), (0.5, 0.3)))


def early_two(space: Space, students: int, seed: int, steps: int) -> Halving:
    return Halving(space, students, seed, steps, stages=((0.2, 0.5), (0.5, 0.2)))


def soft(space: Space, students: int, seed: int, steps: int) -> Halving:
    return Halving(space, students, seed, steps, stages=((0.4, 0.5),))
