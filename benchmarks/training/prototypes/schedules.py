"""`hpm` whose greediness changes over the run, which has to know its length.

`annealed`: mutation and hyper-training shrink to a tenth over the second half. `frequent`: an exploit every 10
reports in the first half, every 5 in the third quarter, every 2 in the last, where the next interval's loss is
all that counts.
"""

from __future__ import annotations

from prototypes.pooled import Pooled
from space import Space


class Annealed(Pooled):
    def report_all(self, losses, hypergradients) -> None:
        share = 0.1 + 0.9 * min(1.0, 2 * (1 - self.done))
        self.rate, self.scale = 0.06 * share, 0.1 * share
        super().report_all(losses, hypergradients)


class Frequent(Pooled):
    def report_all(self, losses, hypergradients) -> None:
        self.interval = 10 if self.done < 0.5 else 5 if self.done < 0.75 else 2
        super().report_all(losses, hypergradients)


class Decaying(Pooled):
    def report_all(self, losses, hypergradients) -> None:
        self.rate = 0.15 * max(0.1, 1 - self.done)
        super().report_all(losses, hypergradients)


class Greedy(Annealed, Frequent):
    pass


def decaying(space: Space, students: int, seed: int, steps: int) -> Pooled:
    return Decaying(space, students, seed, steps)


def greedy(space: Space, students: int, seed: int, steps: int) -> Pooled:
    return Greedy(space, students, seed, steps)


def annealed(space: Space, students: int, seed: int, steps: int) -> Pooled:
    return Annealed(space, students, seed, steps)


def frequent(space: Space, students: int, seed: int, steps: int) -> Pooled:
    return Frequent(space, students, seed, steps)
