"""A regression with a weight for each of 10,000 training examples, 40% of which belong to another function.

Inputs N(0, I) in 16 dimensions. Two functions, each a sum of 8 random hyperbolic tangents, scaled to variance
1 over the inputs. A training target is the first function's with probability 0.6, else the second's, plus
noise N(0, s^2) with an s of its own for each example, log-uniform in 0.01 ... 1. 1,000 validation and 4,000
test targets are the first function's plus N(0, 0.1^2). Network 16-32-1, squared error, batches of 200.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from network import dense_network, forward, mean_outputs, squares
from space import Parameter, Space
from task import ND, Data, Task, l2, nd_settings, noise

TRAINING, VALIDATION, TEST = 10000, 1000, 4000
BATCH, INPUTS, UNITS = 200, 16, 8


def load(seed: int) -> Data:
    random = np.random.default_rng(seed)
    x = random.standard_normal((TRAINING + VALIDATION + TEST, INPUTS))

    def function() -> np.ndarray:
        directions = random.standard_normal((INPUTS, UNITS)) / np.sqrt(INPUTS) * 2
        values = np.tanh(x @ directions) @ random.standard_normal(UNITS)
        return (values - values.mean()) / values.std()

    right, wrong = function(), function()
    targets = right + 0.1 * random.standard_normal(len(x))
    other = random.random(TRAINING) < 0.4
    scale = 0.01 * 100 ** random.random(TRAINING)
    targets[:TRAINING] = np.where(other, wrong[:TRAINING], right[:TRAINING]) + scale * random.standard_normal(TRAINING)
    ends = [TRAINING, TRAINING + VALIDATION]
    parts = zip(np.split(x.astype(np.float32), ends), np.split(targets.astype(np.float32), ends))
    return Data(*(array for part in parts for array in part))


def squared_error(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    return (outputs[:, 0] - targets) ** 2


def training_loss(weights: tuple, h: dict, data: Data, key: jax.Array) -> jax.Array:
    batch_key, input_key = jax.random.split(key)
    batch = jax.random.randint(batch_key, (BATCH,), 0, TRAINING)
    inputs = data.inputs[batch] + h["input noise"] * jax.random.normal(input_key, (BATCH, INPUTS))
    losses = 2 * h["weight"][batch] * squared_error(forward(weights, inputs), data.targets[batch])
    return jnp.mean(losses) + h["L2, hidden layer"] * squares(weights[0]) + h["L2, output layer"] * squares(weights[1])


TASK = Task(
    "weights",
    80,
    Space((
        Parameter("weight", 0, 1, 0.5, count=TRAINING),
        noise("input noise"), l2("L2, hidden layer"), l2("L2, output layer"),
        *ND,
    )),
    load, lambda key: dense_network(key, INPUTS, 32, 1), training_loss, forward, nd_settings,
    loss=squared_error, ensemble=mean_outputs, batch=BATCH, validation_batch=200,
)
