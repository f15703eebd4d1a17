"""An independent second implementation, in numpy, of what is deterministic in the algorithms: the
update of `hpm` (steps 1 to 5) in latent coordinates, and the teacher."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

TINY = 1e-12


class Adam:
    """Each student's own Adam in latent coordinates: .9, .99, 1e-12 and bias corrections that count
    the guided reports of each coordinate of each student."""

    def __init__(self, students: int, dimension: int):
        self.m = np.zeros((students, dimension))
        self.v = np.zeros((students, dimension))
        self.c = np.zeros((students, dimension))

    def direction(self, G: np.ndarray) -> np.ndarray:
        """G [K, d], NaN: no derivative. -> step direction, 0 where there is none."""
        guided = np.isfinite(G)
        g = np.where(guided, G, 0)
        self.c = self.c + guided
        self.m = np.where(guided, 0.9 * self.m + 0.1 * g, self.m)
        self.v = np.where(guided, 0.99 * self.v + 0.01 * g**2, self.v)
        c = np.maximum(self.c, 1)
        a = (self.m / (1 - 0.9**c)) / (np.sqrt(self.v / (1 - 0.99**c)) + TINY)
        return np.where(guided, a, 0)

    def clone(self, student: int, source: int) -> None:
        for array in (self.m, self.v, self.c):
            array[student] = array[source]


class HpmUpdate:
    """Steps 1 to 5 of section 2."""

    def __init__(self, u: np.ndarray, learning_rate: float = 0.06):
        self.u = np.array(u, dtype=float)
        K, d = self.u.shape
        self.eta = learning_rate
        self.adam = Adam(K, d)
        self.P = np.zeros((K, d))  # moments of the normalised hypergradient: of a student ...
        self.R = np.zeros((K, d))
        self.Q = np.zeros(d)  # ... and of the population
        self.Z = np.zeros(d)
        self.rounds = np.zeros(d)  # in which at least one student was guided
        self.b = np.ones((K, d))  # own share in the last step, for the tests

    def step(self, G: np.ndarray) -> np.ndarray:
        """G [K, d]: hypergradients in latent coordinates, NaN (or inf) where there is none. -> new u [K, d]."""
        guided = np.isfinite(G)
        a = self.adam.direction(G)  # 1.
        g = np.where(guided, G, 0)
        count = guided.sum(0)
        some = count > 0

        N = g / (np.abs(g) + TINY)  # 2.
        self.P = np.where(guided, 0.9 * self.P + 0.1 * N, self.P)
        self.R = np.where(guided, 0.99 * self.R + 0.01 * N**2, self.R)
        mean = N.sum(0) / np.maximum(count, 1)
        self.Q = np.where(some, 0.9 * self.Q + 0.1 * mean, self.Q)
        self.Z = np.where(some, 0.99 * self.Z + 0.01 * mean**2, self.Z)
        self.rounds = self.rounds + some

        c = np.maximum(self.adam.c, 1)
        p = np.where(guided, self.P / (1 - 0.9**c), 0)
        noise = np.maximum(self.R / (1 - 0.99**c) - p**2, 0) * 0.1 * (1 + 0.9**c) / (1.9 * (1 - 0.9**c))
        noise = np.where(guided, noise, 0).sum(0) / np.maximum(count, 1)  # 3.
        centred = np.where(guided, p - p.sum(0) / np.maximum(count, 1), 0)
        spread = np.maximum((centred**2).sum(0) / np.maximum(count - 1, 1) - noise, 0)
        b = np.where(count < 2, 1.0, spread / (spread + noise + TINY))

        t = np.maximum(self.rounds, 1)
        A = (self.Q / (1 - 0.9**t)) / (np.sqrt(self.Z / (1 - 0.99**t)) + TINY)  # 4.
        self.b = np.where(guided, b, 1)
        self.u = np.where(guided, np.clip(self.u - self.eta * (b * a + (1 - b) * A), 0, 1), self.u)  # 5.
        return self.u

    def clone(self, student: int, source: int) -> None:
        self.adam.clone(student, source)
        for array in (self.u, self.P, self.R):
            array[student] = array[source]


class Teacher:
    """h' = (1 + tanh(W softmax(V x))) h, with W and V drawn from numpy's own Philox."""

    def __init__(self, n: int, units: int, learning_rate: float, seed: int):
        # The library's counter starts at 0; numpy's generator counts before it draws.
        generator = np.random.Philox(key=np.array([seed, 3], np.uint64), counter=2**256 - 1)
        uniform = (generator.random_raw(4 * n * units) >> np.uint64(11)) * 2.0**-53
        normal = np.sqrt(-2 * np.log(1 - uniform[::2])) * np.cos(2 * np.pi * uniform[1::2])
        self.W = 0.1 * normal[: n * units].reshape(n, units)
        self.V = 0.1 * normal[n * units :].reshape(units, n)
        self.learning_rate = learning_rate

    def attention(self, x: np.ndarray) -> np.ndarray:
        scores = self.V @ x
        a = np.exp(scores - scores.max())
        return a / a.sum()

    def mutate(self, h: np.ndarray, x: np.ndarray | None = None) -> np.ndarray:
        """x: what the network sees, h itself by default."""
        return h * (1 + np.tanh(self.W @ self.attention(h if x is None else x)))

    def residual(self, h: np.ndarray, G: np.ndarray, x: np.ndarray) -> np.ndarray:
        return np.where(np.isfinite(G), G, 0) * h * (1 - np.tanh(self.W @ self.attention(x)) ** 2)

    def learn(
        self, h: np.ndarray, G: np.ndarray, x: np.ndarray | None = None, maker: Teacher | None = None
    ) -> None:
        """maker: with whose weights the child was made, this teacher's by default."""
        x = h if x is None else x
        maker = maker or self
        a = maker.attention(x)
        r = maker.residual(h, G, x)
        r = r / np.linalg.norm(r)
        q = maker.W.T @ r
        self.W = self.W - self.learning_rate * np.outer(r, a)
        self.V = self.V - self.learning_rate * np.outer(a * (q - a @ q), x)

    def learn_by_differences(self, h: np.ndarray, loss: Callable[[np.ndarray], float], G: np.ndarray) -> None:
        """The same step along central differences of the loss; G only scales it."""
        norm = np.linalg.norm(self.residual(h, G, h))
        gradients = []
        for which in (self.W, self.V):
            gradient = np.zeros_like(which)
            for index in np.ndindex(*which.shape):
                values = []
                for sign in (1, -1):
                    which[index] += sign * 1e-5
                    values.append(loss(self.mutate(h)))
                    which[index] -= sign * 1e-5
                gradient[index] = (values[0] - values[1]) / 2e-5
            gradients.append(gradient)
        self.W = self.W - self.learning_rate * gradients[0] / norm
        self.V = self.V - self.learning_rate * gradients[1] / norm
