"""Digits whose training labels are replaced by random ones with probability 1/2; a weight for each example."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

from network import cross_entropy, dense_network, factor, forward, squares
from space import Parameter, Space
from task import ND, Data, Task, l2, nd_settings, noise

TRAINING, VALIDATION, TEST = 500, 600, 690
BATCH = 50


def load(seed: int) -> Data:
    random = np.random.default_rng(seed)
    digits = load_digits()
    images = (digits.data / 16 - 0.3).astype(np.float32)
    order = random.permutation(len(images))[: TRAINING + VALIDATION + TEST]
    train, validation, test = np.split(order, [TRAINING, TRAINING + VALIDATION])
    labels = digits.target.astype(np.int32)
    replaced = train[random.random(TRAINING) < 0.5]
    labels[replaced] = random.integers(10, size=len(replaced))
    return Data(images[train], labels[train], images[validation], labels[validation], images[test], labels[test])


def training_loss(weights: tuple, h: dict, data: Data, key: jax.Array) -> jax.Array:
    batch_key, input_key, hidden_key = jax.random.split(key, 3)
    batch = jax.random.randint(batch_key, (BATCH,), 0, TRAINING)
    inputs = data.inputs[batch] + h["input noise"] * jax.random.normal(input_key, (BATCH, 64))
    outputs = forward(weights, inputs, (factor(hidden_key, h["hidden noise"], (BATCH, 64)),))
    losses = 2 * h["weight"][batch] * cross_entropy(outputs, data.targets[batch])
    return jnp.mean(losses) + h["L2, hidden layer"] * squares(weights[0]) + h["L2, output layer"] * squares(weights[1])


TASK = Task(
    "cleaning",
    100,
    Space((
        Parameter("weight", 0, 1, 0.5, count=TRAINING),
        noise("input noise", 3), noise("hidden noise"), l2("L2, hidden layer"), l2("L2, output layer"),
        *ND,
    ), starts_at_initial=False),
    load, lambda key: dense_network(key, 64, 64, 10), training_loss, forward, nd_settings,
)
