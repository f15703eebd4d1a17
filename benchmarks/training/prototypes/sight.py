"""Hypergradients of another kind (`hpm` otherwise), at the same cost unless it is said.

`six`, `ten`, `twenty`: through so many steps, in one of three, five and ten reports. `six_all`: `six`, and the learning
rate, the momentum and the others that are only mutated get their derivatives through the same six steps. `fourth`: in one
of four reports, through two steps; what is saved makes longer runs. `agreeing`: hypergradients are of alternating halves of the
validation set, and a coordinate stays where the two halves, smoothed over ten reports, differ in sign. `crossed`:
a student's hypergradients are of one half, it is ranked on the other. `sensible`: half of the students start around
the initial values, u + 0.1 N(0, 1).
"""

from __future__ import annotations

import numpy as np

from prototypes.pooled import Pooled, Stream
from space import Space
from task import DERIVATIVE_COST, HYPERGRADIENT_COST, TRAINING_COST

START_NEARBY = 9  # what random numbers are for


class Sight(Pooled):
    def __init__(
        self, space: Space, students: int, seed: int, steps: int, *, through: int = 2, every: int = 1,
        all_guided: bool = False, halves: str = "", agreement: float = 0, nearby: float = 0, **options,
    ):
        plain = TRAINING_COST + DERIVATIVE_COST * through / every
        steps = int(steps * (TRAINING_COST + HYPERGRADIENT_COST) / plain)
        super().__init__(space, students, seed, steps, **options)
        self.differentiated, self.every, self.halves, self.agreement = through, every, halves, agreement
        if all_guided:
            self.guided = ~space.is_choice
        self.signs = np.zeros((2, space.dimension))
        middle = space.latent(space.initial)
        for student in range(int(nearby * students)):
            moved = middle + 0.1 * Stream(seed, START_NEARBY, student).normal(space.dimension) * (student > 0)
            self.u[student] = np.where(space.is_choice, middle, np.clip(moved, 0, 1))
        self.h = np.where(self.u == middle, space.initial, space.natural(self.u)) if nearby else self.h

    def wants_hypergradient(self, student: int) -> bool:
        return self.reports % self.every == 0

    def step(self, G: np.ndarray) -> None:
        u, h = self.u.copy(), self.h.copy()
        super().step(G)
        if self.agreement:
            half = (np.arange(self.students) + self.reports) % 2
            signs = np.sign(np.nan_to_num(G))
            self.signs = (1 - 1 / self.agreement) * self.signs + [signs[half == i].mean(0) for i in (0, 1)]
            stays = self.signs.prod(0) < 0
            self.u[:, stays], self.h[:, stays] = u[:, stays], h[:, stays]


def six(space: Space, students: int, seed: int, steps: int) -> Sight:
    return Sight(space, students, seed, steps, through=6, every=3, hyper_learning_rate=0.1)


def six_all(space: Space, students: int, seed: int, steps: int) -> Sight:
    return Sight(space, students, seed, steps, through=6, every=3, hyper_learning_rate=0.1, all_guided=True)


def ten(space: Space, students: int, seed: int, steps: int) -> Sight:
    return Sight(space, students, seed, steps, through=10, every=5, hyper_learning_rate=0.13)


def twenty(space: Space, students: int, seed: int, steps: int) -> Sight:
    return Sight(space, students, seed, steps, through=20, every=10, hyper_learning_rate=0.18)


def fourth(space: Space, students: int, seed: int, steps: int) -> Sight:
    return Sight(space, students, seed, steps, every=4)


def agreeing(space: Space, students: int, seed: int, steps: int) -> Sight:
    return Sight(space, students, seed, steps, halves="alternating", agreement=10)


def crossed(space: Space, students: int, seed: int, steps: int) -> Sight:
    return Sight(space, students, seed, steps, halves="crossed")


def sensible(space: Space, students: int, seed: int, steps: int) -> Sight:
    return Sight(space, students, seed, steps, nearby=0.5)
