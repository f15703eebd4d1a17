"""Bilevel problems with known hypergradients, in numpy, and their losses in any array module."""

from __future__ import annotations

from typing import Any

import numpy as np

random = np.random.default_rng(7)
X, NOISE = random.normal(size=(60, 6)), random.normal(size=60)
Y = X @ np.array([2.0, -1.0, 0.5, 0.0, 0.0, 1.0]) + NOISE
LABELS = (Y > 0).astype(float)
TRAIN, VALID = slice(0, 40), slice(40, 60)
DIRECT = np.array([0.3, -0.2, 0.1, 0.0, 0.5, -0.4])
"""The outer losses depend on h directly, too."""
H = np.array([0.5, -0.5, 0.0, 1.0, -1.0, 0.2])


class Ridge:
    """f = |Xw - y|^2 / 2 + sum exp(h_i) w_i^2 / 2,  F = |Xw - y|^2 / 2 + c.h"""

    def losses(self, xp: Any, array: Any) -> tuple[Any, Any]:
        x, y, c = array(X), array(Y), array(DIRECT)

        def inner(w, h):
            return ((x[TRAIN] @ w - y[TRAIN]) ** 2).sum() / 2 + (xp.exp(h) * w**2).sum() / 2

        def outer(w, h):
            return ((x[VALID] @ w - y[VALID]) ** 2).sum() / 2 + (c * h).sum()

        return inner, outer

    def minimum(self, h: np.ndarray) -> np.ndarray:
        return np.linalg.solve(self.hessian(None, h), X[TRAIN].T @ Y[TRAIN])

    def gradient(self, w, h):
        return X[TRAIN].T @ (X[TRAIN] @ w - Y[TRAIN]) + np.exp(h) * w

    def hessian(self, w, h):
        return X[TRAIN].T @ X[TRAIN] + np.diag(np.exp(h))

    def outer(self, w, h):
        return ((X[VALID] @ w - Y[VALID]) ** 2).sum() / 2 + DIRECT @ h

    def outer_gradient(self, w, h):
        return X[VALID].T @ (X[VALID] @ w - Y[VALID]), DIRECT

    def hypergradient(self, w, h, damping=0.0, q=None):
        if q is None:
            q = np.linalg.solve(self.hessian(w, h) + damping * np.eye(6), self.outer_gradient(w, h)[0])
        return DIRECT - np.exp(h) * w * q


class Logistic(Ridge):
    """f = sum log(1 + exp(-s Xw)) + sum exp(h_i) w_i^2 / 2, s = 1 or -1;  F likewise, + c.h"""

    def losses(self, xp: Any, array: Any) -> tuple[Any, Any]:
        x, s, c = array(X), array(2 * LABELS - 1), array(DIRECT)

        def loss(w, rows):
            return xp.log1p(xp.exp(-s[rows] * (x[rows] @ w))).sum()

        def inner(w, h):
            return loss(w, TRAIN) + (xp.exp(h) * w**2).sum() / 2

        def outer(w, h):
            return loss(w, VALID) + (c * h).sum()

        return inner, outer

    def probability(self, w, rows):
        return 1 / (1 + np.exp(-X[rows] @ w))

    def gradient(self, w, h):
        return X[TRAIN].T @ (self.probability(w, TRAIN) - LABELS[TRAIN]) + np.exp(h) * w

    def hessian(self, w, h):
        p = self.probability(w, TRAIN)
        return (X[TRAIN].T * (p * (1 - p))) @ X[TRAIN] + np.diag(np.exp(h))

    def minimum(self, h):
        w = np.zeros(6)
        for _ in range(30):
            w = w - np.linalg.solve(self.hessian(w, h), self.gradient(w, h))
        assert np.abs(self.gradient(w, h)).max() < 1e-12
        return w

    def outer(self, w, h):
        return np.log1p(np.exp(-(2 * LABELS[VALID] - 1) * (X[VALID] @ w))).sum() + DIRECT @ h

    def outer_gradient(self, w, h):
        return X[VALID].T @ (self.probability(w, VALID) - LABELS[VALID]), DIRECT


class Network:
    """A network of one hidden layer with its own weight decay for each array, its loss scaled, and the
    outputs smoothed by a hyperparameter: h acts on everything at once."""

    PARAMS = {
        "hidden": {"w": random.normal(size=(6, 4)) / 3, "b": 0.1 * random.normal(size=4)},
        "output": [random.normal(size=4) / 2, 0.1 * random.normal(size=())],
    }
    H = {"decay": np.array([-2.0, -1.0, -1.5]), "scale": np.array(0.3)}

    def losses(self, xp: Any, array: Any) -> tuple[Any, Any]:
        x, y = array(X), array(Y / 3)

        def predict(p, rows):
            hidden = xp.tanh(x[rows] @ p["hidden"]["w"] + p["hidden"]["b"])
            return hidden @ p["output"][0] + p["output"][1]

        def inner(p, h):
            decay = xp.exp(h["decay"])
            squares = (
                decay[0] * (p["hidden"]["w"] ** 2).sum()
                + decay[1] * (p["hidden"]["b"] ** 2).sum()
                + decay[2] * ((p["output"][0] ** 2).sum() + p["output"][1] ** 2)
            )
            return xp.exp(h["scale"]) * ((predict(p, TRAIN) - y[TRAIN]) ** 2).mean() + squares

        def outer(p, h):
            return ((predict(p, VALID) - y[VALID]) ** 2).mean() + 0.1 * h["scale"] ** 2

        return inner, outer
