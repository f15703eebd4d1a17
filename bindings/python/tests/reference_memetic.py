"""An independent second implementation of `memetic` (docs/algorithms.md), in numpy, on [0, 1]^d."""

from __future__ import annotations

import numpy as np

MEMORY, PATIENCE, LOOK_AHEAD, PAIRS = 20, 5, 20, 10


class Draws:
    """The library's random numbers of one restart: numpy's Philox by seed, student and restart."""

    def __init__(self, seed: int, student: int, restart: int):
        # Numpy's generator counts before it draws.
        counter = ((restart << 64) + (student << 128) - 1) % 2**256
        self.generator = np.random.Philox(key=np.array([seed, 8], np.uint64), counter=counter)

    def bits(self) -> int:
        return int(self.generator.random_raw())

    def uniform(self) -> float:
        return (self.bits() >> 11) * 2.0**-53

    def normal(self) -> float:
        radius = np.sqrt(-2 * np.log(1 - self.uniform()))
        return radius * np.cos(2 * np.pi * self.uniform())

    def index(self, count: int) -> int:
        return self.bits() * count >> 64


class Known:
    """A point, the value F there, the estimate E and its count c."""

    def __init__(self, u, F, E, c):
        self.u, self.F, self.E, self.c = np.array(u), F, E, c

    def bound(self, tol):
        if abs(self.F - self.E) > 13 * tol:
            return self.F + 8.9 * tol
        return self.E + 8.9 * tol / np.sqrt(self.c)


def best_apart(points, tol):
    kept = []
    for point in sorted(points, key=lambda point: point.bound(tol)):
        if len(kept) < MEMORY and all(np.abs(point.u - other.u).max() > 1e-2 for other in kept):
            kept.append(point)
    return kept


class Student:
    def __init__(self, d: int, restarts: int = 0, last_tolerance: float = 0.0):
        self.restarts = restarts
        self.last_tolerance = last_tolerance
        self.here = self.best = self.step = None
        self.D = 0.1 * np.sqrt(d)
        self.pairs, self.residuals = [], []
        self.age = self.j = 0
        self.rate = 0.0
        self.repeating = False


class Memetic:
    def __init__(self, d: int, students: int, seed: int):
        self.d, self.seed = d, seed
        self.students = [Student(d) for _ in range(students)]
        self.memory = []
        self.exact = None  # until a point had a second call
        self.failed = 0

    def tolerance(self, student):
        if self.exact:
            return 0.0
        if len(student.residuals) == 5:
            return np.quantile(student.residuals, 0.25)
        return min((np.median(s.residuals) for s in self.students if len(s.residuals) == 5), default=student.last_tolerance)

    def common(self):
        return np.median([self.tolerance(student) for student in self.students])

    def living(self):
        return [student.here for student in self.students if student.here]

    def best(self):
        tol = self.common()
        known = self.memory + [student.best for student in self.students if student.best] + self.living()
        return min(known, key=lambda point: point.bound(tol))

    def report(self, k: int, u, F: float, G) -> np.ndarray:
        """The report of student k, at u. -> where it goes next."""
        s = self.students[k]
        ok = np.isfinite(F) and np.isfinite(G).all()
        if s.here is None:
            if not ok:
                return self.restart(k)
            s.here, s.best, s.G = Known(u, F, F, 1), Known(u, F, F, 1), G
        elif s.repeating:
            s.repeating = False
            if ok:
                self.exact = bool(F == s.here.F and (G == s.G).all())
            else:
                self.failed += 1
                if self.failed == 3:
                    self.exact = False
        else:
            self.advance(s, u, F, G, ok)
        s.last_tolerance = self.tolerance(s)
        if self.spent(k):
            return self.restart(k)
        target = self.plan(s)
        if target is None:
            return self.restart(k)
        if self.exact is None and s.step[2]:
            if not any(student.repeating for student in self.students):
                s.repeating = True
                return s.here.u.copy()
            s.step = (*s.step[:2], False)
        return target

    def advance(self, s, u, F, G, ok):
        tol, p, noisy = s.step
        common = self.common()
        s.age += 1
        move = u - s.here.u
        length = np.linalg.norm(move)
        old, accepted = s.here.E, False
        if ok:
            tz = (s.G + G) @ move / 2
            s.residuals = [*s.residuals, abs(F - s.here.F - tz)][-5:]
            if noisy:
                accepted = True
                s.j += p @ G > 0
            else:
                y = G - s.G
                if move @ y > 1e-10 * length * np.linalg.norm(y):
                    s.pairs = [*s.pairs, (move, y)][-PAIRS:]
                accepted = F < old + tol
                if accepted and length >= 0.8 * s.D:
                    s.D = min(2 * s.D, 0.5 * np.sqrt(self.d))
            if accepted:
                c = s.here.c
                if noisy and abs(F - (old + tz)) < 13 * tol:
                    s.here = Known(u, F, (c * (old + tz) + F) / (c + 1), min(c + 1, 200))
                else:
                    s.here = Known(u, F, F, 1)
                s.G = G
                if s.here.bound(common) < s.best.bound(common) or (noisy and s.here.c > s.best.c):
                    s.best = s.here
        if not accepted:
            s.D = 0.35 * min(s.D, length)
        s.rate = 0.7 * s.rate + 0.3 * (old - s.here.E)

    def outward(self, vector, u):
        return np.where(((u <= 0) & (vector < 0)) | ((u >= 1) & (vector > 0)), 0, vector)

    def plan(self, s):
        tol = self.tolerance(s)
        if abs(s.here.F - s.here.E) > 13 * tol:
            s.here = Known(s.here.u, s.here.F, s.here.F, 1)
        u = s.here.u
        g = -self.outward(-s.G, u)
        norm = np.linalg.norm(g)
        if norm == 0:
            return None
        p = -norm * g
        if s.pairs:
            H = np.eye(self.d) * (s.pairs[-1][0] @ s.pairs[-1][1]) / (s.pairs[-1][1] @ s.pairs[-1][1])
            for step, y in s.pairs:  # the dense formula
                V = np.eye(self.d) - np.outer(step, y) / (step @ y)
                H = V @ H @ V.T + np.outer(step, step) / (step @ y)
            p = self.outward(-H @ g, u)
        if not s.pairs or not p @ g < 0:
            p = -s.D * g / norm
        p = p * min(1, s.D / np.linalg.norm(p))
        if tol == 0 and -p @ g / 2 < np.spacing(abs(s.here.F)):
            return None
        noisy = -p @ g / 2 < tol
        if noisy:
            p = p / (1 + s.j / 2)
        s.step = (tol, p, noisy)
        target = np.clip(u + p, 0, 1)
        return None if (target == u).all() else target

    def spent(self, k):
        s = self.students[k]
        if s.age < PATIENCE:
            return False
        tol = self.common()
        rank = (s.here.bound(tol), k)
        for other, rival in enumerate(self.students):
            if other != k and rival.here and (rival.here.bound(tol), other) < rank:
                if np.abs(rival.here.u - s.here.u).max() <= 1e-3:
                    return True
        best = self.best().bound(tol)
        hopeless = s.here.E - LOOK_AHEAD * max(s.rate, 0) >= best
        noisy = s.step[2] and s.j < 20 and s.here.E - 3 * self.tolerance(s) / np.sqrt(s.here.c) < best
        return hopeless and not noisy

    def restart(self, k):
        s = self.students[k]
        if s.best:
            self.memory = best_apart([*self.memory, s.best], self.common())
        self.students[k] = s = Student(self.d, s.restarts + 1, s.last_tolerance)
        draws = Draws(self.seed, k, s.restarts)
        pool = best_apart(self.memory + self.living(), self.common())
        if not pool:
            return np.array([draws.uniform() for _ in range(self.d)])
        child = pool[draws.index(min(4, len(pool)))].u.copy()
        difference = draws.uniform() >= 0.5 and len(pool) >= 3
        if difference:
            first = draws.index(len(pool))
            second = (first + 1 + draws.index(len(pool) - 1)) % len(pool)
            factor = 0.5 if draws.uniform() < 0.5 else 0.8
            share = (0.1, 0.5, 0.9)
        else:
            scale = 10 ** (-2 + 1.5 * draws.uniform())
            share = (0.2, 1)
        probability = share[draws.index(len(share))]
        sure = draws.index(self.d)
        moved = [i for i in range(self.d) if draws.uniform() < probability] or [sure]
        for i in moved:
            child[i] += factor * (pool[first].u[i] - pool[second].u[i]) if difference else scale * draws.normal()
        phase = np.abs(child) % 2
        return np.where(phase > 1, 2 - phase, phase)
