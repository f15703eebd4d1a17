"""Logistic regression on digits with an L2 term for each input."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

from network import Settings, cross_entropy, dense_network, forward
from space import Space
from task import Data, Task, l2

TRAINING, VALIDATION, TEST = 400, 400, 900
BATCH = 50


def load(seed: int) -> Data:
    random = np.random.default_rng(seed)
    digits = load_digits()
    images = (digits.data / 16 - 0.3).astype(np.float32)
    labels = digits.target.astype(np.int32)
    order = random.permutation(len(images))[: TRAINING + VALIDATION + TEST]
    parts = []
    for part in np.split(order, [TRAINING, TRAINING + VALIDATION]):
        parts += [images[part], labels[part]]
    return Data(*parts)


def training_loss(weights: tuple, h: dict, data: Data, key: jax.Array) -> jax.Array:
    (layer,) = weights
    batch = jax.random.randint(key, (BATCH,), 0, TRAINING)
    losses = cross_entropy(forward(weights, data.inputs[batch]), data.targets[batch])
    decay = jnp.sum(h["L2, input"][:, None] * layer.matrix**2) + h["L2, biases"] * jnp.sum(layer.bias**2)
    return jnp.mean(losses) + decay


def sgd(h: dict) -> Settings:
    """w -= 0.5 m: without the factor 3 of the other tasks."""
    return Settings(0.5 / 3, 0.1)


TASK = Task(
    "logistic",
    50,
    Space((l2("L2, input", 64), l2("L2, biases")), starts_at_initial=False),
    load, lambda key: dense_network(key, 64, 10), training_loss, forward, sgd,
)
