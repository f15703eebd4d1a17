"""A task as a population: every array has a leading axis of students, each function is compiled once a task.

All random numbers come from (seed, what for, count, student), so that every method sees the same
initial weights, and at its t-th report the same batches and noise.
"""

from __future__ import annotations

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from network import Student, new_student, optimizer_step
from task import DIFFERENTIATED, STEPS, STUDENTS, Data, Task

START, REPORT, EVALUATE = range(3)


def key_of(seed, purpose, count, student):
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), purpose), count)
    return jax.random.fold_in(key, student)


def keys(seed, purpose, count):
    return jax.vmap(partial(key_of, seed, purpose, count))(jnp.arange(STUDENTS))


class Trainer:
    """The compiled functions of a task."""

    def __init__(self, task: Task, differentiated: int = DIFFERENTIATED, halves: str = ""):
        self.task, self.differentiated, self.halves = task, differentiated, halves
        students = partial(jax.vmap, in_axes=(0, 0, None, 0))

        @jax.jit
        def start(seed, count):
            return jax.vmap(lambda key: new_student(task.new_weights(key)))(keys(seed, START, count))

        @jax.jit
        def report(state, h, data, seed, count):
            return jax.vmap(self._report, in_axes=(0, 0, None, 0, 0))(
                state, h, data, keys(seed, REPORT, count), self._half(jnp.arange(STUDENTS), count)
            )

        @jax.jit
        def report_without(state, h, data, seed, count):
            return students(self._report_without)(state, h, data, keys(seed, REPORT, count))

        @jax.jit
        def evaluate(state, h, data, seed, count):
            return students(self._evaluate)(state, h, data, keys(seed, EVALUATE, count))

        @jax.jit
        def test(state, student, data):
            weights = jax.tree.map(lambda x: x[student], state.weights)
            return self._mean_loss(weights, data.test_inputs, data.test_targets)

        @jax.jit
        def judge(state, shares, data):
            weights = self.blend_all(state, shares[None]).weights
            weights = jax.tree.map(lambda x: x[0], weights)
            return (self._mean_loss(weights, data.validation_inputs, data.validation_targets),
                    self._mean_loss(weights, data.test_inputs, data.test_targets))

        @jax.jit
        def ensemble(state, shares, data):
            def loss(inputs, targets):
                outputs = jax.vmap(lambda weights: self.task.outputs(weights, inputs))(state.weights)
                return jnp.mean(self.task.loss(self.task.ensemble(outputs, shares), targets))

            return loss(data.test_inputs, data.test_targets)

        @jax.jit
        def report_one(state, h, data, seed, count, student):
            return self._report(state, h, data, key_of(seed, REPORT, count, student), self._half(student, count))

        @jax.jit
        def report_one_without(state, h, data, seed, count, student):
            return self._report_without(state, h, data, key_of(seed, REPORT, count, student))

        @jax.jit
        def evaluate_one(state, h, data, seed, count, student):
            return self._evaluate(state, h, data, key_of(seed, EVALUATE, count, student))

        @jax.jit
        def test_one(state, data):
            return self._mean_loss(state.weights, data.test_inputs, data.test_targets)

        self.start = start
        """(seed, count) -> state of all students"""
        self.report = report
        """(state, h, data, seed, count) -> (state, losses, hypergradients)"""
        self.report_without = report_without
        """The same training -> (state, losses)"""
        self.evaluate = evaluate
        """The last steps of a report on copies -> (losses, hypergradients)"""
        self.judge = judge
        """(state, shares [K], data) -> validation and test loss of the blended weights"""
        self.ensemble = ensemble
        """(state, shares [K], data) -> test loss of the mean prediction"""
        self.test = test
        """(state, student, data) -> test loss"""

        # Of one student: its row of the state, and the same random numbers as above.
        self.report_one = report_one
        """(state, h, data, seed, count, student) -> (state, loss, hypergradient)"""
        self.report_one_without = report_one_without
        """The same training -> (state, loss)"""
        self.evaluate_one = evaluate_one
        """(state, h, data, seed, count, student) -> (loss, hypergradient)"""
        self.test_one = test_one
        """(state, data) -> test loss"""

    @staticmethod
    @jax.jit
    def clone(state, sources):
        """Row k becomes a copy of row sources[k]: weights and optimizer state."""
        return jax.tree.map(lambda x: x[sources], state)

    @staticmethod
    @jax.jit
    def blend_all(state, shares):
        """Row k becomes the sum of shares[k, j] times row j: weights and optimizer state. Who has no share is not
        read, so one that diverged spoils nobody."""

        def blend(x):
            def row(share):
                share = share.reshape(-1, *[1] * (x.ndim - 1))
                return jnp.sum(jnp.where(share == 0, 0, share * x), axis=0)

            return jax.vmap(row)(shares)

        return jax.tree.map(blend, state)

    @staticmethod
    @jax.jit
    def choose(mask, ours, theirs):
        """Row k of `ours` where mask[k], else of `theirs`."""
        return jax.tree.map(lambda a, b: jnp.where(mask.reshape(-1, *[1] * (a.ndim - 1)), a, b), ours, theirs)

    def _half(self, student, count):
        """Of the validation set, for a student's hypergradient: the other one each time, or always its own."""
        return (student + (0 if self.halves == "crossed" else count)) % 2

    # One student.

    def _mean_loss(self, weights, inputs, targets):
        return jnp.mean(self.task.loss(self.task.outputs(weights, inputs), targets))

    def _step(self, student: Student, h: dict, data: Data, key) -> Student:
        gradient = jax.grad(self.task.training_loss)(student.weights, h, data, key)
        return optimizer_step(student, gradient, self.task.settings(h))

    def _train(self, student, vector, data, keys):
        h = self.task.space.unpack(vector)
        return jax.lax.scan(lambda s, key: (self._step(s, h, data, key), None), student, keys)[0]

    def _last_steps(self, student, vector, data, keys, half=0):
        """Trains with all keys but the last, and differentiates the loss of a validation batch through it."""
        count = len(data.validation_targets)
        batch = jax.random.randint(keys[-1], (self.task.validation_batch,), 0, count // 2 if self.halves else count)
        if self.halves:
            batch = 2 * batch + half

        def outer_loss(vector):
            trained = self._train(student, vector, data, keys[:-1])
            loss = self._mean_loss(trained.weights, data.validation_inputs[batch], data.validation_targets[batch])
            return loss, trained

        hypergradient, trained = jax.grad(outer_loss, has_aux=True)(vector)
        return trained, hypergradient

    def _validation_loss(self, student, data):
        return self._mean_loss(student.weights, data.validation_inputs, data.validation_targets)

    def _report(self, student, vector, data, key, half):
        # The first STEPS keys are those of `_report_without`: the same training to the rounding.
        first, last = jnp.split(jax.random.split(key, STEPS + 1), [STEPS - self.differentiated])
        student = self._train(student, vector, data, first)
        student, hypergradient = self._last_steps(student, vector, data, last, half)
        return student, self._validation_losses(student, data), hypergradient

    def _validation_losses(self, student, data):
        """The validation loss, or with crossed halves that of each half."""
        if self.halves != "crossed":
            return self._validation_loss(student, data)
        losses = self.task.loss(self.task.outputs(student.weights, data.validation_inputs), data.validation_targets)
        return jnp.stack([jnp.mean(losses[half::2]) for half in (0, 1)])

    def _report_without(self, student, vector, data, key):
        student = self._train(student, vector, data, jax.random.split(key, STEPS + 1)[:STEPS])
        return student, self._validation_loss(student, data)

    def _evaluate(self, student, vector, data, key):
        student, hypergradient = self._last_steps(student, vector, data, jax.random.split(key, DIFFERENTIATED + 1))
        return self._validation_loss(student, data), hypergradient


@cache
def trainer(name: str, differentiated: int = DIFFERENTIATED, halves: str = "") -> Trainer:
    from tasks import TASKS

    return Trainer(TASKS[name], differentiated, halves)


@cache
def data(name: str, seed: int) -> Data:
    from tasks import TASKS

    return jax.device_put(Data(*map(np.asarray, TASKS[name].load(seed))))
