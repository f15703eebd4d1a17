"""Credit over several intervals.

`ahead`: students are ranked by the loss that their lineage is heading for: F - L (decrease of F over the last
interval), with L of 2 intervals, or as many as are left. A clone inherits its source's decrease.

`patient`: a clone is no source until it has trained for two intervals, and isn't replaced before.
"""

from __future__ import annotations

import numpy as np

from prototypes.pooled import Pooled
from space import Space


class Ahead(Pooled):
    def __init__(self, space: Space, students: int, seed: int, steps: int, *, look_ahead: float = 2, **options):
        super().__init__(space, students, seed, steps, **options)
        self.look_ahead = look_ahead
        self.last = np.full(students, np.nan)

    def exploit(self, losses: np.ndarray) -> None:
        left = (self.steps - self.reports) / self.interval
        slope = np.where(np.isfinite(self.last), losses - self.last, 0)
        self.last = np.where(np.isfinite(losses), losses, np.nan)
        super().exploit(losses + min(self.look_ahead, left) * np.minimum(slope, 0))

    def make_clones(self) -> None:
        for student, source in self.clones:
            self.last[student] = self.last[source]
        super().make_clones()


class Patient(Pooled):
    def __init__(self, space: Space, students: int, seed: int, steps: int, *, patience: int = 2, **options):
        super().__init__(space, students, seed, steps, **options)
        self.patience = patience
        self.born = np.full(students, -np.inf)

    def exploit(self, losses: np.ndarray) -> None:
        old = np.flatnonzero(self.reports - self.born >= self.patience * self.interval)
        if len(old) > 1:
            self.select(losses, old)

    def make_clones(self) -> None:
        for student, _ in self.clones:
            self.born[student] = self.reports
        super().make_clones()


def ahead(space: Space, students: int, seed: int, steps: int) -> Ahead:
    return Ahead(space, students, seed, steps)


def patient(space: Space, students: int, seed: int, steps: int) -> Patient:
    return Patient(space, students, seed, steps)
