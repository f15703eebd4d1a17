"""A small causal transformer on characters of the Penn Treebank: dropout rates, L2, label smoothing.

8,000 / 4,096 / 10,240 characters, each a stretch of the corpus's own training, validation and test file
that the seed draws; the 50 characters of the training file. Windows of 32 characters, 4 in a batch, anywhere
in the stretch; validation and test are cut into windows that do not overlap. One block of width 32 with two
heads and 64 ReLU units, normalised before each part, without gains. Dropout is Gaussian, which has a
derivative: noise multiplies the sum of the embeddings, what attention and the units add to it, and the units.
"""

from __future__ import annotations

import zipfile
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from network import Layer, dense, factor, smoothed, squares
from space import Space
from common.data import data_folder
from task import ND, SMOOTHING, Data, Task, l2, nd_settings, noise

TRAINING, VALIDATION, TEST = 8000, 4096, 10240
BATCH, LENGTH = 4, 32
CHARACTERS, WIDTH, HEADS, UNITS = 50, 32, 2, 64
NOISY = {"embedding": WIDTH, "attention": WIDTH, "units": UNITS, "output of units": WIDTH}


class Embedding(NamedTuple):
    matrix: jax.Array
    """[characters, width]"""
    positions: jax.Array
    """[length, width]"""


@cache
def texts() -> tuple[np.ndarray, ...]:
    """The corpus's training, validation and test file as indices of characters."""
    path = data_folder() / "ptb.zip"
    if not path.exists():
        raise FileNotFoundError(f"{path}: set HPM_DATA to the folder that holds ptb.zip")
    with zipfile.ZipFile(path) as file:
        parts = [np.frombuffer(file.read(f"ptb.{part}.txt"), np.uint8) for part in ("train", "valid", "test")]
    alphabet = np.unique(parts[0])
    if len(alphabet) != CHARACTERS or any(np.setdiff1d(part, alphabet).size for part in parts):
        raise ValueError(f"{path}: not the {CHARACTERS} characters of Mikolov's preprocessing")
    return tuple(np.searchsorted(alphabet, part).astype(np.int32) for part in parts)


def load(seed: int) -> Data:
    """Training inputs and targets are a stretch [n], one character apart; the others are windows [n, length]."""
    random = np.random.default_rng(seed)
    parts = []
    for text, size in zip(texts(), (TRAINING, VALIDATION, TEST)):
        start = random.integers(len(text) - size)
        inputs, targets = text[start : start + size], text[start + 1 : start + size + 1]
        if parts:
            inputs, targets = inputs.reshape(-1, LENGTH), targets.reshape(-1, LENGTH)
        parts += [inputs, targets]
    return Data(*parts)


def new_weights(key: jax.Array) -> tuple:
    """The embedding, attention (queries, keys and values; output), the units (in; out), the output layer."""
    keys = jax.random.split(key, 7)
    return (
        Embedding(
            jax.random.normal(keys[0], (CHARACTERS, WIDTH)), 0.3 * jax.random.normal(keys[1], (LENGTH, WIDTH))
        ),
        (dense(keys[2], WIDTH, 3 * WIDTH, gain=1), dense(keys[3], WIDTH, WIDTH, gain=1)),
        (dense(keys[4], WIDTH, UNITS), dense(keys[5], UNITS, WIDTH, gain=1)),
        dense(keys[6], WIDTH, CHARACTERS, gain=0.5),
    )


def normalised(x: jax.Array) -> jax.Array:
    x = x - x.mean(-1, keepdims=True)
    return x / jnp.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)


def product(x: jax.Array, layer: Layer) -> jax.Array:
    return x @ layer.matrix + layer.bias


def attended(x: jax.Array, layers: tuple[Layer, Layer]) -> jax.Array:
    """Each place sees itself and those before it."""
    n, length, width = x.shape
    heads = product(x, layers[0]).reshape(n, length, 3, HEADS, width // HEADS)
    queries, keys, values = (heads[:, :, i] for i in range(3))
    scores = jnp.einsum("nqhc,nkhc->nhqk", queries, keys) / np.sqrt(width // HEADS)
    scores = jnp.where(np.tri(length, dtype=bool), scores, -1e9)
    seen = jnp.einsum("nhqk,nkhc->nqhc", jax.nn.softmax(scores), values)
    return product(seen.reshape(n, length, width), layers[1])


def outputs(weights: tuple, inputs: jax.Array, factors: tuple = (1, 1, 1, 1)) -> jax.Array:
    """[n, length] -> logits [n, length, characters]; `factors` multiply what dropout would."""
    embedding, attention, units, output = weights
    # A product, since a gather's derivatives are slow where the matrix has an axis of students.
    x = (jax.nn.one_hot(inputs, CHARACTERS) @ embedding.matrix + embedding.positions) * factors[0]
    x = x + attended(normalised(x), attention) * factors[1]
    hidden = jax.nn.relu(product(normalised(x), units[0])) * factors[2]
    x = x + product(hidden, units[1]) * factors[3]
    return product(normalised(x), output)


def cross_entropy(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """Of each character; targets are characters, or distributions over them."""
    logarithms = jax.nn.log_softmax(outputs)
    if targets.ndim == outputs.ndim:
        return -jnp.sum(targets * logarithms, axis=-1)
    return -jnp.take_along_axis(logarithms, targets[..., None], axis=-1)[..., 0]


def training_loss(weights: tuple, h: dict, data: Data, key: jax.Array) -> jax.Array:
    keys = jax.random.split(key, 5)
    places = jax.random.randint(keys[0], (BATCH, 1), 0, TRAINING - LENGTH + 1) + jnp.arange(LENGTH)
    factors = tuple(
        factor(key, h[f"noise, {part}"], (BATCH, LENGTH, width)) for key, (part, width) in zip(keys[1:], NOISY.items())
    )
    targets = smoothed(data.targets[places], CHARACTERS, h["label smoothing"])
    losses = cross_entropy(outputs(weights, data.inputs[places], factors), targets)
    embedding, attention, units, output = weights
    decay = (
        h["L2, embedding"] * squares(embedding) + h["L2, attention"] * sum(map(squares, attention))
        + h["L2, units"] * sum(map(squares, units)) + h["L2, output layer"] * squares(output)
    )
    return jnp.mean(losses) + decay


TASK = Task(
    "characters",
    30,
    Space((
        *(noise(f"noise, {part}") for part in NOISY),
        l2("L2, embedding"), l2("L2, attention"), l2("L2, units"), l2("L2, output layer"),
        SMOOTHING,
        *ND,
    )),
    load, new_weights, training_loss, outputs, nd_settings, loss=cross_entropy, batch=BATCH, validation_batch=8,
)
