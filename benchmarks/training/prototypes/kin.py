"""Clones that start from a mean of weights.

`hpm`, but a clone's weights and optimizer state are the mean of those of its source and of the best students that
are kin of the source: that had an ancestor in common at most `memory` exploits ago. Its hyperparameters are its
source's, mutated as ever. Whether the mean is better than the source is left to selection: nothing more is
evaluated.
"""

from __future__ import annotations

import numpy as np

from prototypes.pooled import MUTATION, Pooled, Stream
from runner import CLONE, WAIT
from space import Space


class Kin(Pooled):
    def __init__(self, space: Space, students: int, seed: int, steps: int, *, top: int = 5, memory: int = 1000,
                 everyone: int = 0, common: int = 0, cool: float = 0.0, every: int = 1, unroll: int = 2,
                 all_guided: int = 0, halves: int = 0, agree: int = 0, factors: int = 0, resample: float = 0.25,
                 extrapolate: float = 0, gap: int = 0, start: float = 0, **options):
        if every > 1:
            steps = int(steps * 26 / (20 + 3 * unroll / every)) - (unroll == 2)
        if every == 0:
            steps = int(steps * 26 / 20)
        super().__init__(space, students, seed, steps, **options)
        self.every, self.differentiated, self.halves, self.agree = every, unroll, bool(halves), agree
        self.factors, self.resample, self.extrapolate = factors, resample, extrapolate
        if gap:
            self.interval = gap
        if start:
            around = range(int(start * students))
            u0 = space.latent(space.initial)
            for k in around:
                noise = 0 if k == 0 else 0.1 * Stream(seed, 9, k).normal(space.dimension)
                self.u[k] = np.where(space.is_choice, u0, np.clip(u0 + noise, 0, 1))
            self.h = space.natural(self.u)
        if all_guided:
            self.guided = ~space.is_choice
        self.top, self.memory, self.everyone, self.common, self.cool = top, memory, everyone, common, cool
        # The ids of each student's ancestors, one for each exploit.
        self.ancestors = [[0] if common else [k] for k in range(students)]
        self.fresh = students
        self.shares = np.eye(students)
        self.begun = not common
        self.stay: set[int] = set()
        rates = [i for (n, i) in space.scalars if n == "learning rate"]
        self.rate_index = rates[0] if rates else None

    def next_all(self):
        if not self.begun:
            return np.full(self.students, CLONE), np.zeros(self.students, int), self.h
        actions, sources, h = super().next_all()
        if self.cool and self.rate_index is not None:
            h = h.copy()
            h[:, self.rate_index] *= np.clip((1 - self.done) / self.cool, 0.02, 1)
        return actions, sources, h

    def wants_hypergradient(self, student: int) -> bool:
        return self.every > 0 and self.reports % self.every == 0

    def mixing(self):
        if not self.begun:
            shares = np.zeros((self.students, self.students))
            shares[:, 0] = 1
            return shares
        return self.shares

    def report_all(self, losses, hypergradients) -> None:
        if not self.begun:
            self.begun = True
            return
        super().report_all(losses, hypergradients)

    def step(self, G: np.ndarray) -> None:
        if not self.agree:
            return super().step(G)
        u, h = self.u.copy(), self.h.copy()
        super().step(G)
        N = np.sign(np.where(np.isnan(G), 0, G))
        half = (np.arange(self.students) + self.reports) % 2
        decay = 1 - 1 / self.agree
        self.both = decay * getattr(self, "both", np.zeros((2, G.shape[1]))) + np.stack([N[half == i].mean(0) for i in (0, 1)])
        stays = np.prod(np.sign(self.both), axis=0) < 0
        self.u[:, stays], self.h[:, stays] = u[:, stays], h[:, stays]

    def are_kin(self, a: int, b: int) -> bool:
        return bool(set(self.ancestors[a][-self.memory:]) & set(self.ancestors[b][-self.memory:]))

    def family(self, source: int, losses) -> list[int]:
        order = [int(k) for k in np.argsort(losses, kind="stable") if np.isfinite(losses[k])]
        return [source] + [k for k in order if k != source and self.are_kin(k, source)][: self.top - 1]

    def exploit(self, losses: np.ndarray) -> None:
        super().exploit(losses)
        for k in range(self.students):
            self.ancestors[k].append(self.fresh)
            self.fresh += 1
        self.shares = np.eye(self.students)
        for student, source in self.clones:
            family = self.family(source, losses)
            self.shares[student] = 0
            self.shares[student, family] = 1 / len(family)
            if self.extrapolate:
                kin = [int(k) for k in np.argsort(-losses, kind="stable") if np.isfinite(losses[k]) and self.are_kin(int(k), source)]
                worst = [k for k in kin if k != source][:2]
                self.shares[student] = 0
                self.shares[student, source] = 1
                if worst:
                    self.shares[student, source] += self.extrapolate
                    self.shares[student, worst] -= self.extrapolate / len(worst)
        self.stay = set()
        if self.everyone:
            best = int(np.argmin(losses))
            replaced = {student for student, _ in self.clones}
            for k in range(self.students):
                if k not in replaced and k != best:
                    family = self.family(best, losses)
                    if k in family or self.are_kin(k, best):
                        self.shares[k] = 0
                        self.shares[k, family] = 1 / len(family)
                        self.clones.append((k, k))
                        self.stay.add(k)

    def mutate(self, student: int) -> None:
        if not self.factors:
            return super().mutate(student)
        random = Stream(self.seed, MUTATION, student, self.reports)
        d = self.space.dimension
        anew, up, fresh = random.uniform(d) < self.resample, random.uniform(d) < 0.5, random.uniform(d)
        low, high, _ = self.space._flat
        moved = np.clip(self.h[student] * np.where(up, 1.2, 0.8), low, high)
        h = np.where(anew, self.space.natural(fresh), np.where(self.space.is_choice, self.h[student], moved))
        self.h[student] = h
        self.u[student] = self.space.latent(h)

    def make_clones(self) -> None:
        for student, source in self.clones:
            self.ancestors[student] = list(self.ancestors[source])
        clones = self.clones
        self.clones = [(a, b) for a, b in clones if a not in self.stay]
        super().make_clones()


def kin(space: Space, students: int, seed: int, steps: int, **options) -> Kin:
    return Kin(space, students, seed, steps, **options)
