"""A population that shrinks: many students find settings, the best of them train on for longer.

`hpm`, but the worst students are retired for good when 40% and 70% of the training reports are spent, so that 10
students become 5, then 3. The cost is the same; the last students train twice as long. Where a stage and an
exploit meet, the worst leave first and the exploit is among the others.
"""

from __future__ import annotations

import numpy as np

from prototypes.pooled import Pooled
from runner import STOP
from space import Space

STAGES = ((0.4, 0.3**0.5), (0.7, 0.3))
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
        actions[~self.active] = STOP
        return actions, sources, h

    def report_all(self, losses, hypergradients) -> None:
        if not self.clones:
            self.spent += int(self.active.sum())
            losses = np.where(self.active, losses, np.inf)  # who has retired takes no part in the pooling
        super().report_all(losses, hypergradients)

    def shrink(self, losses: np.ndarray) -> None:
        for spent, share in self.stages:
            if self.done >= spent:
                count = max(1, int(share * self.students + 0.5))
                living = np.flatnonzero(self.active)
                self.active[living[np.argsort(losses[living], kind="stable")[count:]]] = False

    def exploit(self, losses: np.ndarray) -> None:
        active = np.flatnonzero(self.active)
        self.select(losses, active)


def halving(space: Space, students: int, seed: int, steps: int) -> Halving:
    return Halving(space, students, seed, steps)


def early(space: Space, students: int, seed: int, steps: int) -> Halving:
    return Halving(space, students, seed, steps, stages=((0.25, 0.5), (0.5, 0.3)))
