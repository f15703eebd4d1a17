"""Selection over time: the best checkpoints of the run are kept by students that don't train.

`hpm`, but `elites` of the students hold the best checkpoints so far. An elite waits; after a report in which a
training student is better than the worst elite it becomes that student's clone, unmutated. Elites are sources
of an exploit. What elites save in training goes into more reports of the others, so the cost is the same.
"""

from __future__ import annotations

import numpy as np

from prototypes.pooled import Pooled
from prototypes.schedules import Annealed, Frequent
from runner import TRAIN, WAIT
from space import Space


class Elites(Pooled):
    def __init__(self, space: Space, students: int, seed: int, steps: int, *, elites: int, **options):
        super().__init__(space, students, seed, steps * students // (students - elites), **options)
        self.elites = np.arange(students - elites, students)
        self.known = np.full(students, np.inf)

    def next_all(self):
        actions, sources, h = super().next_all()
        if not self.clones:
            actions[self.elites] = np.where(actions[self.elites] == TRAIN, WAIT, actions[self.elites])
        return actions, sources, h

    def report_all(self, losses, hypergradients) -> None:
        if self.clones:
            self.make_clones()
            return
        losses = np.where(np.isfinite(losses), losses, np.inf)
        losses[self.elites] = self.known[self.elites]
        if hypergradients is not None:
            hypergradients[self.elites] = np.nan
        super().report_all(losses, hypergradients)
        losses[self.elites] = np.inf
        best, worst = int(losses.argmin()), int(self.elites[self.known[self.elites].argmax()])
        if losses[best] < self.known[worst]:
            self.clones = [(student, source) for student, source in self.clones if source != worst] + [(worst, best)]
            self.known[worst] = losses[best]

    def exploit(self, losses: np.ndarray) -> None:
        self.select(losses, np.setdiff1d(np.arange(self.students), self.elites), also=self.elites)

    def make_clones(self) -> None:
        clones = self.clones
        for student, source in clones:
            for array in (self.u, self.h, self.m, self.v, self.P, self.R, self.c):
                array[student] = array[source]
        for student, _ in clones:
            if student not in self.elites:
                self.mutate(student)
        self.clones = []


class GreedyElites(Annealed, Frequent, Elites):
    pass


def greedy(space: Space, students: int, seed: int, steps: int) -> Elites:
    return GreedyElites(space, students, seed, steps, elites=1)


def one(space: Space, students: int, seed: int, steps: int) -> Elites:
    return Elites(space, students, seed, steps, elites=1)


def two(space: Space, students: int, seed: int, steps: int) -> Elites:
    return Elites(space, students, seed, steps, elites=2)
