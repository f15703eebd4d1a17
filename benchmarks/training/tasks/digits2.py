"""Each digit beside a random other one that means nothing; a noise for each input."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

from network import cross_entropy, dense_network, factor, forward, smoothed, squares
from space import Parameter, Space
from task import ND, SMOOTHING, Data, Task, l2, nd_settings, noise

TRAINING, VALIDATION, TEST = 500, 500, 700
BATCH = 50


def load(seed: int) -> Data:
    random = np.random.default_rng(seed)
    digits = load_digits()
    images = (digits.data / 16 - 0.3).astype(np.float32)
    labels = digits.target.astype(np.int32)
    order = random.permutation(len(images))[: TRAINING + VALIDATION + TEST]
    parts = []
    for part in np.split(order, [TRAINING, TRAINING + VALIDATION]):
        other = part[(np.arange(len(part)) + random.integers(1, len(part), len(part))) % len(part)]
        parts += [np.hstack([images[part], images[other]]), labels[part]]
    return Data(*parts)


def training_loss(weights: tuple, h: dict, data: Data, key: jax.Array) -> jax.Array:
    batch_key, input_key, hidden_key = jax.random.split(key, 3)
    batch = jax.random.randint(batch_key, (BATCH,), 0, TRAINING)
    inputs = data.inputs[batch] + h["input noise"] * jax.random.normal(input_key, (BATCH, 128))
    outputs = forward(weights, inputs, (factor(hidden_key, h["hidden noise"], (BATCH, 64)),))
    losses = cross_entropy(outputs, smoothed(data.targets[batch], 10, h["label smoothing"]))
    return jnp.mean(losses) + h["L2, hidden layer"] * squares(weights[0]) + h["L2, output layer"] * squares(weights[1])


TASK = Task(
    "digits2",
    100,
    Space((
        Parameter("input noise", 0.01, 3, 0.1, log=True, count=128),
        noise("hidden noise"), l2("L2, hidden layer"), l2("L2, output layer"), SMOOTHING,
        *ND,
    ), starts_at_initial=False),
    load, lambda key: dense_network(key, 128, 64, 10), training_loss, forward, nd_settings,
)
