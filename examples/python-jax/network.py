"""The trainer: a small network, ten of them at once, in JAX.

Nothing in here knows libhpm. A *student* is a network with its optimizer's state; its
hyperparameters are one flat vector of natural values, which is what libhpm hands out. The
functions at the end work on a whole population: every array has a leading axis of students.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits

PIXELS, HIDDEN, CLASSES = 64, 64, 10
TRAINING, VALIDATION, TEST = 500, 600, 690
BATCH, VALIDATION_BATCH = 50, 100
STEPS = 20  # optimizer steps in a report ...
DIFFERENTIATED = 2  # ... of which the last ones are differentiated


class Digits(NamedTuple):
    """Images are [n, 64], labels [n]. The first `TRAINING` labels are dirty."""

    images: jax.Array
    labels: jax.Array
    validation_images: jax.Array
    validation_labels: jax.Array
    test_images: jax.Array
    test_labels: jax.Array
    wrong: np.ndarray  # [TRAINING] of bool, for the pictures alone: nobody trains on it


class Hyperparameters(NamedTuple):
    """The flat vector, taken apart: same order as the search space in `tuning.py`."""

    weight: jax.Array  # [TRAINING], how far each training example is trusted
    input_noise: jax.Array
    hidden_noise: jax.Array
    l2_hidden: jax.Array
    l2_output: jax.Array
    learning_rate: jax.Array
    one_minus_momentum: jax.Array
    output_rate: jax.Array  # learning rate of the output layer, relative
    clip: jax.Array
    optimizer: jax.Array  # 0: sgd, 1: adam


class Layer(NamedTuple):
    matrix: jax.Array
    bias: jax.Array


class Student(NamedTuple):
    layers: tuple[Layer, Layer]
    momentum: tuple[Layer, Layer]
    square: tuple[Layer, Layer]


def load_dirty_digits(seed: int) -> Digits:
    """Real digits, split at random; half of the training labels are replaced by random ones."""
    random = np.random.default_rng(seed)
    digits = load_digits()
    images = (digits.data / 16 - 0.3).astype(np.float32)
    order = random.permutation(len(images))[: TRAINING + VALIDATION + TEST]
    train, validation, test = np.split(order, [TRAINING, TRAINING + VALIDATION])
    labels = digits.target.copy()
    replaced = train[random.random(TRAINING) < 0.5]
    labels[replaced] = random.integers(CLASSES, size=len(replaced))
    return Digits(
        images[train], labels[train],
        images[validation], labels[validation],
        images[test], labels[test],
        wrong=labels[train] != digits.target[train],
    )


def unpack(hyperparameters: jax.Array) -> Hyperparameters:
    return Hyperparameters(hyperparameters[:TRAINING], *hyperparameters[TRAINING:])


def new_student(key: jax.Array) -> Student:
    hidden, output = jax.random.split(key)
    layers = (
        Layer(jnp.sqrt(2 / PIXELS) * jax.random.normal(hidden, (PIXELS, HIDDEN)), jnp.zeros(HIDDEN)),
        Layer(jnp.sqrt(0.5 / HIDDEN) * jax.random.normal(output, (HIDDEN, CLASSES)), jnp.zeros(CLASSES)),
    )
    zeros = jax.tree.map(jnp.zeros_like, layers)
    return Student(layers, zeros, zeros)


def logits(layers: tuple[Layer, Layer], images: jax.Array, hidden_factor: jax.Array | float = 1.0) -> jax.Array:
    hidden, output = layers
    activation = jax.nn.relu(images @ hidden.matrix + hidden.bias)
    return (activation * hidden_factor) @ output.matrix + output.bias


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Of each example."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)[:, 0]


def training_loss(layers: tuple[Layer, Layer], h: Hyperparameters, data: Digits, key: jax.Array) -> jax.Array:
    """Of a random batch of dirty examples, with all that regularises."""
    batch_key, input_key, hidden_key = jax.random.split(key, 3)
    batch = jax.random.randint(batch_key, (BATCH,), 0, TRAINING)
    images = data.images[batch] + h.input_noise * jax.random.normal(input_key, (BATCH, PIXELS))
    factor = 1 + h.hidden_noise * jax.random.normal(hidden_key, (BATCH, HIDDEN))
    losses = cross_entropy(logits(layers, images, factor), data.labels[batch])
    decay = h.l2_hidden * jnp.sum(layers[0].matrix ** 2) + h.l2_output * jnp.sum(layers[1].matrix ** 2)
    return jnp.mean(2 * h.weight[batch] * losses) + decay


def optimizer_step(student: Student, h: Hyperparameters, data: Digits, key: jax.Array) -> Student:
    gradient = jax.grad(training_loss)(student.layers, h, data, key)
    norm = jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)) + 1e-12)
    gradient = jax.tree.map(lambda g: g * jnp.minimum(1, h.clip / norm), gradient)

    mu = 1 - h.one_minus_momentum
    momentum = jax.tree.map(lambda m, g: mu * m + (1 - mu) * g, student.momentum, gradient)
    square = jax.tree.map(lambda s, g: 0.98 * s + 0.02 * g**2, student.square, gradient)

    def moved(layer: Layer, m: Layer, s: Layer, rate: jax.Array) -> Layer:
        def move(w, m, s):
            return w - rate * jnp.where(h.optimizer == 0, 3 * m, 0.1 * m / jnp.sqrt(s + 1e-8))

        return jax.tree.map(move, layer, m, s)

    rates = h.learning_rate, h.learning_rate * h.output_rate
    return Student(tuple(map(moved, student.layers, momentum, square, rates)), momentum, square)


def train(student: Student, h: Hyperparameters, data: Digits, keys: jax.Array) -> Student:
    """One optimizer step for each key."""
    return jax.lax.scan(lambda s, key: (optimizer_step(s, h, data, key), None), student, keys)[0]


def last_steps(student: Student, hyperparameters: jax.Array, data: Digits, keys: jax.Array) -> tuple[Student, jax.Array]:
    """Train with all keys but the last one, and differentiate through it: how does the loss of a
    validation batch afterwards depend on the hyperparameters? -> (trained student, hypergradient)."""
    batch = jax.random.randint(keys[-1], (VALIDATION_BATCH,), 0, VALIDATION)

    def outer_loss(hyperparameters: jax.Array) -> tuple[jax.Array, Student]:
        trained = train(student, unpack(hyperparameters), data, keys[:-1])
        outputs = logits(trained.layers, data.validation_images[batch])
        return jnp.mean(cross_entropy(outputs, data.validation_labels[batch])), trained

    hypergradient, trained = jax.grad(outer_loss, has_aux=True)(hyperparameters)
    return trained, hypergradient


def validation_loss(student: Student, data: Digits) -> jax.Array:
    return jnp.mean(cross_entropy(logits(student.layers, data.validation_images), data.validation_labels))


# ---- the whole population: one call, all students ------------------------------------------


def for_all_students(function):
    """Students, hyperparameters and keys have a leading axis of students, the data have none."""
    return jax.jit(jax.vmap(function, in_axes=(0, 0, None, 0)))


@for_all_students
def report(student: Student, hyperparameters: jax.Array, data: Digits, key: jax.Array):
    """Train for one report -> (trained student, validation loss, hypergradient)."""
    first, last = jnp.split(jax.random.split(key, STEPS + 1), [STEPS - DIFFERENTIATED])
    student = train(student, unpack(hyperparameters), data, first)
    student, hypergradient = last_steps(student, hyperparameters, data, last)
    return student, validation_loss(student, data), hypergradient


@for_all_students
def report_without_hypergradient(student: Student, hyperparameters: jax.Array, data: Digits, key: jax.Array):
    """The same training -> (trained student, validation loss)."""
    student = train(student, unpack(hyperparameters), data, jax.random.split(key, STEPS))
    return student, validation_loss(student, data)


@for_all_students
def evaluate(student: Student, hyperparameters: jax.Array, data: Digits, key: jax.Array):
    """The last steps of a report on a copy that is thrown away -> (validation loss, hypergradient)."""
    student, hypergradient = last_steps(student, hyperparameters, data, jax.random.split(key, DIFFERENTIATED + 1))
    return validation_loss(student, data), hypergradient


@jax.jit
def new_students(keys: jax.Array) -> Student:
    return jax.vmap(new_student)(keys)


@jax.jit
def clone(students: Student, source: jax.Array) -> Student:
    """Row k becomes a copy of row source[k]: weights and optimizer state."""
    return jax.tree.map(lambda x: x[source], students)


@jax.jit
def choose(mask: jax.Array, ours: Student, theirs: Student) -> Student:
    """Row k of `ours` where mask[k], else of `theirs`."""
    return jax.tree.map(lambda a, b: jnp.where(mask.reshape(-1, *[1] * (a.ndim - 1)), a, b), ours, theirs)


@jax.jit
def test(students: Student, data: Digits) -> tuple[jax.Array, jax.Array]:
    """-> (loss, accuracy) of each student on the test set. Measured, never trained on."""
    outputs = jax.vmap(lambda s: logits(s.layers, data.test_images))(students)
    losses = jax.vmap(cross_entropy, in_axes=(0, None))(outputs, data.test_labels)
    return losses.mean(1), (outputs.argmax(-1) == data.test_labels).mean(1)
