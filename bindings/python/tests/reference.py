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
    """The pooled step of `docs/algorithms.md`, 'hpm'."""

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


class HpmUpdateInTurn(HpmUpdate):
    """The same where students report in any order: 'hpm' under the asynchronous schedule."""

    def __init__(self, u: np.ndarray, learning_rate: float = 0.06):
        super().__init__(u, learning_rate)
        self.latest = np.full(self.u.shape, np.nan)  # each student's last report
        self.living = np.ones(len(self.u), dtype=bool)

    def report(self, k: int, G: np.ndarray) -> np.ndarray:
        """G [d]: the hypergradient of student k. -> its new u [d]."""
        K = self.living.sum()
        guided = np.isfinite(G)
        alone = np.full(self.u.shape, np.nan)
        alone[k] = G
        a = self.adam.direction(alone)[k]
        self.latest[k] = np.where(guided, G, np.nan)
        N = np.where(guided, G, 0) / (np.abs(np.where(guided, G, 0)) + TINY)
        self.P[k] = np.where(guided, 0.9 * self.P[k] + 0.1 * N, self.P[k])
        self.R[k] = np.where(guided, 0.99 * self.R[k] + 0.01 * N**2, self.R[k])

        held = np.isfinite(self.latest) & self.living[:, None]
        count = np.maximum(held.sum(0), 1)
        signs = np.where(held, self.latest, 0)
        M = (signs / (np.abs(signs) + TINY)).sum(0) / count
        self.Q = np.where(guided, self.Q + 0.1 / K * (N - self.Q), self.Q)
        self.Z = np.where(guided, self.Z + 0.01 / K * (M**2 - self.Z), self.Z)
        self.rounds = self.rounds + guided

        c = np.maximum(self.adam.c, 1)
        p = np.where(held, self.P / (1 - 0.9**c), 0)
        noise = np.maximum(self.R / (1 - 0.99**c) - p**2, 0) * 0.1 * (1 + 0.9**c) / (1.9 * (1 - 0.9**c))
        noise = np.where(held, noise, 0).sum(0) / count
        centred = np.where(held, p - p.sum(0) / count, 0)
        spread = np.maximum((centred**2).sum(0) / np.maximum(count - 1, 1) - noise, 0)
        b = np.where(count < 2, 1.0, spread / (spread + noise + TINY))
        t = np.maximum(self.rounds, 1)
        first, second = 1 - (1 - 0.1 / K) ** t, 1 - (1 - 0.01 / K) ** t
        A = (self.Q / first) / (np.sqrt(self.Z / second) + TINY)
        self.b[k] = np.where(guided, b, 1)
        moved = np.clip(self.u[k] - self.eta * (b * a + (1 - b) * A), 0, 1)
        self.u[k] = np.where(guided, moved, self.u[k])
        return self.u[k]

    def clone(self, student: int, source: int) -> None:
        super().clone(student, source)
        self.latest[student] = self.latest[source]


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


SQUASHINGS = {  # and their derivatives
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "logistic": (lambda z: logistic(z) - 0.5, lambda z: logistic(z) * logistic(-z)),
    "clipped": (lambda z: np.clip(z, -1, 1), lambda z: (np.abs(z) < 1) * 1.0),
    "none": (lambda z: z, np.ones_like),
}


def softmax(s: np.ndarray) -> np.ndarray:
    a = np.exp(s - s.max())
    return a / a.sum()


ACTIVATIONS = {  # and the products of their transposed Jacobians with q
    "softmax": (softmax, lambda s, q: (np.diag(softmax(s)) - np.outer(softmax(s), softmax(s))) @ q),
    "sigmoid": (logistic, lambda s, q: logistic(s) * logistic(-s) * q),
    "tanh": (np.tanh, lambda s, q: (1 - np.tanh(s) ** 2) * q),
    "relu": (lambda s: np.maximum(s, 0), lambda s, q: (s > 0) * q),
    "none": (lambda s: s, lambda s, q: q),
}


class Teacher:
    """h' = (1 + squash(W act(V x + b))) h, for `linear` (1 + squash(W x + b)) h, with W and V drawn from
    numpy's own Philox."""

    def __init__(
        self,
        n: int,
        units: int,
        learning_rate: float,
        seed: int,
        kind: str = "attention",
        squashing: str = "tanh",
        activation: str | None = None,
    ):
        width = n if kind == "linear" else units
        count = n * width * (1 if kind == "linear" else 2)
        # The library's counter starts at 0; numpy's generator counts before it draws.
        generator = np.random.Philox(key=np.array([seed, 3], np.uint64), counter=2**256 - 1)
        uniform = (generator.random_raw(2 * count) >> np.uint64(11)) * 2.0**-53
        normal = np.sqrt(-2 * np.log(1 - uniform[::2])) * np.cos(2 * np.pi * uniform[1::2])
        is_attention = kind == "attention"
        self.W = (0.1 if is_attention else 0.1 / np.sqrt(width)) * normal[: n * width].reshape(n, width)
        self.V = (0.1 if is_attention else 1 / np.sqrt(n)) * normal[n * width :].reshape(-1, n)
        self.b = np.zeros(width)  # of an attention it stays 0
        self.kind = kind
        self.learning_rate = learning_rate
        self.squash, self.slope = SQUASHINGS[squashing]
        self.act, self.pull_back = ACTIVATIONS[activation or ("tanh" if kind == "perceptron" else "softmax")]
        self.rates = {
            "W": learning_rate / (1 if is_attention else width),
            "V": learning_rate / (1 if is_attention else n),
            "b": 0 if is_attention else learning_rate,
        }

    def features(self, x: np.ndarray) -> np.ndarray:
        return x if self.kind == "linear" else self.act(self.V @ x + self.b)

    def z(self, x: np.ndarray) -> np.ndarray:
        return self.W @ self.features(x) + (self.b if self.kind == "linear" else 0)

    def mutate(self, h: np.ndarray, x: np.ndarray | None = None) -> np.ndarray:
        """x: what the network sees, h itself by default."""
        return h * (1 + self.squash(self.z(h if x is None else x)))

    def residual(self, h: np.ndarray, G: np.ndarray, x: np.ndarray) -> np.ndarray:
        return np.where(np.isfinite(G), G, 0) * h * self.slope(self.z(x))

    def learn(
        self, h: np.ndarray, G: np.ndarray, x: np.ndarray | None = None, maker: Teacher | None = None
    ) -> None:
        """maker: with whose weights the child was made, this teacher's by default."""
        x = h if x is None else x
        maker = maker or self
        r = maker.residual(h, G, x)
        if not np.any(r):
            return
        r = r / np.linalg.norm(r)
        linear = self.kind == "linear"
        s = r if linear else self.pull_back(maker.V @ x + maker.b, maker.W.T @ r)
        self.W = self.W - self.rates["W"] * np.outer(r, maker.features(x))
        self.V = self.V - (0 if linear else self.rates["V"] * np.outer(s, x))
        self.b = self.b - self.rates["b"] * s

    def learn_by_differences(self, h: np.ndarray, loss: Callable[[np.ndarray], float], G: np.ndarray) -> None:
        """The same step along central differences of the loss; G only scales it."""
        norm = np.linalg.norm(self.residual(h, G, h))
        steps = {}
        for name, rate in self.rates.items():
            weights = getattr(self, name)
            gradient = np.zeros_like(weights)
            for index in np.ndindex(*weights.shape):
                values = []
                for sign in (1, -1):
                    weights[index] += sign * 1e-5
                    values.append(loss(self.mutate(h)))
                    weights[index] -= sign * 1e-5
                gradient[index] = (values[0] - values[1]) / 2e-5
            steps[name] = rate * gradient / norm
        for name, step in steps.items():
            setattr(self, name, getattr(self, name) - step)
