"""What the tasks are made of: ReLU layers, losses, the optimizer.

Everything is for one student; `trainer.py` makes it a population.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Layer(NamedTuple):
    matrix: jax.Array
    bias: jax.Array


class Student(NamedTuple):
    weights: tuple[Layer, ...]
    momentum: tuple[Layer, ...]
    square: tuple[Layer, ...]


class Settings(NamedTuple):
    """Of the optimizer."""

    learning_rate: jax.Array | float
    one_minus_momentum: jax.Array | float
    output_rate: jax.Array | float = 1.0
    """Learning rate of the last layer, relative."""
    clip: jax.Array | float | None = None
    """Largest norm of the gradient; None: any (an infinite one has no derivative)."""
    kind: jax.Array | float = 0.0
    """0: SGD, 1: Adam-like."""


def dense(key: jax.Array, inputs: int, outputs: int, gain: float = 2.0) -> Layer:
    return Layer(jnp.sqrt(gain / inputs) * jax.random.normal(key, (inputs, outputs)), jnp.zeros(outputs))


def dense_network(key: jax.Array, *widths: int) -> tuple[Layer, ...]:
    """N(0, 2 / fan-in), output layer N(0, 0.5 / fan-in)."""
    keys = jax.random.split(key, len(widths) - 1)
    gains = [2.0] * (len(widths) - 2) + [0.5]
    return tuple(dense(k, i, o, gain) for k, i, o, gain in zip(keys, widths[:-1], widths[1:], gains))


def forward(weights: tuple[Layer, ...], inputs: jax.Array, factors: tuple = ()) -> jax.Array:
    """Outputs; `factors` multiply the activations of the hidden layers."""
    x = inputs
    for i, layer in enumerate(weights[:-1]):
        x = jax.nn.relu(x @ layer.matrix + layer.bias)
        if factors:
            x = x * factors[i]
    return x @ weights[-1].matrix + weights[-1].bias


def cross_entropy(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """Of each example; targets are labels, or distributions over the classes."""
    logarithms = jax.nn.log_softmax(outputs)
    if targets.ndim == outputs.ndim:
        return -jnp.sum(targets * logarithms, axis=-1)
    return -jnp.take_along_axis(logarithms, targets[:, None], axis=1)[:, 0]


def mean_outputs(outputs: jax.Array, shares: jax.Array) -> jax.Array:
    """[K, ...] -> [...]: the mean prediction; shares [K] sum to 1. Who has no share is not read."""
    return jnp.tensordot(shares, jnp.where(shares.reshape(-1, *[1] * (outputs.ndim - 1)) > 0, outputs, 0), 1)


def mean_distribution(outputs: jax.Array, shares: jax.Array) -> jax.Array:
    """The same for the logarithms of a classifier: those of the mean of the distributions."""
    return jnp.log(mean_outputs(jax.nn.softmax(outputs), shares) + 1e-30)


def smoothed(labels: jax.Array, classes: int, smoothing: jax.Array) -> jax.Array:
    return (1 - smoothing) * jax.nn.one_hot(labels, classes) + smoothing / classes


def squares(layer: Layer) -> jax.Array:
    return jnp.sum(layer.matrix**2)


def factor(key: jax.Array, sigma: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """1 + sigma N(0, 1)."""
    return 1 + sigma * jax.random.normal(key, shape)


def new_student(weights: tuple[Layer, ...]) -> Student:
    zeros = jax.tree.map(jnp.zeros_like, weights)
    return Student(weights, zeros, zeros)


def optimizer_step(student: Student, gradient: tuple[Layer, ...], settings: Settings) -> Student:
    if settings.clip is not None:
        norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)) + 1e-12)
        gradient = jax.tree.map(lambda g: g * jnp.minimum(1, settings.clip / norm), gradient)
    mu = 1 - settings.one_minus_momentum
    momentum = jax.tree.map(lambda m, g: mu * m + (1 - mu) * g, student.momentum, gradient)
    square = jax.tree.map(lambda s, g: 0.98 * s + 0.02 * g**2, student.square, gradient)

    def moved(layer: Layer, m: Layer, s: Layer, rate) -> Layer:
        def move(w, m, s):
            return w - rate * jnp.where(settings.kind == 0, 3 * m, 0.1 * m / jnp.sqrt(s + 1e-8))

        return jax.tree.map(move, layer, m, s)

    rate = settings.learning_rate
    rates = [rate] * (len(student.weights) - 1) + [rate * settings.output_rate]
    return Student(tuple(map(moved, student.weights, momentum, square, rates)), momentum, square)
