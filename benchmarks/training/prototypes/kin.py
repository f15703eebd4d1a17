"""Clones that start from a mean of weights (`hpm` otherwise).

`five`: a clone's weights and optimizer state are the mean of those of its source and of the four best students that
are kin of it: that descend from the same student. Its hyperparameters are its source's, mutated as ever. Whether the
mean is better than the source is left to selection: nothing more is evaluated. `all_of_five`: every survivor but the
best takes that mean, too, and keeps its hyperparameters. `common` and `common_all`: the same, and all students start
from the first one's weights, so that all are kin from the start. `beyond`: a clone starts further out, at its
source's weights plus 0.3 times what separates them from the mean of its two worst kin.
"""

from __future__ import annotations

import numpy as np

from prototypes.pooled import Pooled
from runner import CLONE
from space import Space


class Kin(Pooled):
    def __init__(
        self, space: Space, students: int, seed: int, steps: int, *, top: int = 5, everyone: bool = False,
        common: bool = False, beyond: float = 0, **options,
    ):
        super().__init__(space, students, seed, steps, **options)
        self.top, self.everyone, self.common, self.beyond = top, everyone, common, beyond
        self.founders = np.zeros(students, int) if common else np.arange(students)
        self.shares = np.eye(students)
        self.began = not common
        self.stays: set[int] = set()
        """Of those that take weights alone."""

    def next_all(self):
        if not self.began:
            return np.full(self.students, CLONE), np.zeros(self.students, int), self.h
        return super().next_all()

    def mixing(self) -> np.ndarray:
        return self.shares if self.began else np.eye(self.students)[np.zeros(self.students, int)]

    def report_all(self, losses, hypergradients) -> None:
        if self.began:
            super().report_all(losses, hypergradients)
        self.began = True

    def kin(self, student: int, losses: np.ndarray) -> list[int]:
        """Best first, itself left out."""
        order = [int(k) for k in np.argsort(losses, kind="stable") if np.isfinite(losses[k])]
        return [k for k in order if k != student and self.founders[k] == self.founders[student]]

    def mean(self, source: int, losses: np.ndarray) -> np.ndarray:
        shares = np.zeros(self.students)
        kin = self.kin(source, losses)
        if self.beyond:
            shares[source] = 1
            for worse in kin[-2:]:
                shares[source] += self.beyond / len(kin[-2:])
                shares[worse] -= self.beyond / len(kin[-2:])
            return shares
        family = [source, *kin[: self.top - 1]]
        shares[family] = 1 / len(family)
        return shares

    def exploit(self, losses: np.ndarray) -> None:
        super().exploit(losses)
        self.shares, self.stays = np.eye(self.students), set()
        for student, source in self.clones:
            self.shares[student] = self.mean(source, losses)
        if self.everyone:
            best = int(np.argmin(losses))
            replaced = {student for student, _ in self.clones}
            self.stays = set(self.kin(best, losses)) - replaced
            for student in sorted(self.stays):
                self.shares[student] = self.mean(best, losses)
                self.clones.append((student, student))

    def make_clones(self) -> None:
        self.clones = [clone for clone in self.clones if clone[0] not in self.stays]
        for student, source in self.clones:
            self.founders[student] = self.founders[source]
        super().make_clones()


def five(space: Space, students: int, seed: int, steps: int) -> Kin:
    return Kin(space, students, seed, steps)


def all_of_five(space: Space, students: int, seed: int, steps: int) -> Kin:
    return Kin(space, students, seed, steps, everyone=True)


def all_of_three(space: Space, students: int, seed: int, steps: int) -> Kin:
    return Kin(space, students, seed, steps, everyone=True, top=3)


def common(space: Space, students: int, seed: int, steps: int) -> Kin:
    return Kin(space, students, seed, steps, common=True)


def common_all(space: Space, students: int, seed: int, steps: int) -> Kin:
    return Kin(space, students, seed, steps, common=True, everyone=True)


def beyond(space: Space, students: int, seed: int, steps: int) -> Kin:
    return Kin(space, students, seed, steps, beyond=0.3)
