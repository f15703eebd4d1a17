"""Ten students train on dirty digits while libhpm moves their 509 hyperparameters.

`tune` is the part to copy: ask `next_all` what to do, do it for all students at once, report.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import jax
import libhpm as hpm
import numpy as np
from sklearn.metrics import roc_auc_score

import network

# What work costs, in gradient evaluations of one student. Differentiating two optimizer steps
# costs about three times as much as making them.
TRAINING_COST = network.STEPS
HYPERGRADIENT_COST = 3 * network.DIFFERENTIATED

# Methods that make no use of hypergradients don't pay for them: more reports instead.
WITHOUT_HYPERGRADIENT = {"pbt", "pb2", "random", "bayesian"}

# The published form steps in natural units, where a length that fits has to be found: 100 was the
# best of .01 to 1000. The others are at their defaults.
OPTIONS = {"hpm-paper": {"hyper_learning_rate": 100.0}}

WEIGHTS = slice(0, network.TRAINING)
# One optimizer step says nothing useful about the learning rate, so there is no derivative for
# this and what follows it: libhpm mutates these.
NOT_DIFFERENTIATED = slice(network.TRAINING + 4, None)


def search_space() -> hpm.SearchSpace:
    """In the order of `network.Hyperparameters`. `initial` is where student 0 starts; the others
    start anywhere within the bounds."""
    space = hpm.SearchSpace()
    space.add_block("weight", network.TRAINING, 0.0, 1.0, initial=0.5)
    space.add_real("input noise", 0.01, 3.0, scale="log", initial=0.1)
    space.add_real("hidden noise", 0.01, 2.0, scale="log", initial=0.1)
    space.add_real("L2, hidden layer", 1e-6, 0.1, scale="log", initial=1e-4)
    space.add_real("L2, output layer", 1e-6, 0.1, scale="log", initial=1e-4)
    space.add_real("learning rate", 1e-4, 3.0, scale="log", initial=0.1)
    space.add_real("1 - momentum", 0.01, 1.0, scale="log", initial=0.1)
    space.add_real("rate of output layer", 0.1, 10.0, scale="log", initial=1.0)
    space.add_real("gradient clipping", 0.05, 20.0, scale="log", initial=1.0)
    space.add_choice("optimizer", ["sgd", "adam"], initial="sgd")
    return space


@dataclass
class Run:
    """What one method did with one seed. Arrays with [reports, students] have a row a report."""

    method: str
    seed: int
    seconds: float
    evaluations: float  # gradient evaluations, all students and the teacher
    best: int  # the student that `population.best()` names at the end
    lineage: list[int]  # at each report: which student it descends from
    weights: np.ndarray  # [TRAINING] of that student
    cost: np.ndarray  # [reports] gradient evaluations spent by then
    validation_loss: np.ndarray  # [reports, students]
    test_loss: np.ndarray  # [reports, students]
    test_accuracy: np.ndarray  # [reports, students]
    settings: np.ndarray  # [reports, students, 9]: the hyperparameters other than the weights
    trust: np.ndarray  # [reports, students, 2]: mean weight of right and of wrong examples
    parents: np.ndarray  # [reports, students]: whose state a student took over before the report

    @property
    def best_checkpoint(self) -> tuple[int, int]:
        """(report, student) with the lowest validation loss of the whole run."""
        losses = np.where(np.isfinite(self.validation_loss), self.validation_loss, np.inf)
        return np.unravel_index(losses.argmin(), losses.shape)

    def wrong_labels_found(self, wrong: np.ndarray) -> float:
        """Area under the ROC curve of 'a low weight means a wrong label'; 0.5 is guessing."""
        return float(roc_auc_score(wrong, -self.weights))


def tune(
    method: str,
    seed: int,
    students: int = 10,
    steps: int = 100,
    progress: Callable[[float], None] | None = None,
    file: str = ":memory:",
) -> Run:
    """Every method gets what `steps` reports with hypergradients cost. The run is kept in a file, for those who look at it."""
    started = time.perf_counter()
    digits = network.load_dirty_digits(seed)
    data = jax.device_put(digits)

    with_hypergradient = method not in WITHOUT_HYPERGRADIENT
    report_cost = TRAINING_COST + with_hypergradient * HYPERGRADIENT_COST
    budget = students * steps * (TRAINING_COST + HYPERGRADIENT_COST)
    population = hpm.Population.open(
        file,
        search_space(),
        durability="none",  # it is not gone on with, since the weights are kept nowhere
        algorithm=method,
        population=students,
        seed=seed,
        steps=budget // (students * report_cost),
        **OPTIONS.get(method, {}),
    )

    key = jax.random.key(seed)

    def new_keys() -> jax.Array:
        nonlocal key
        key, for_students = jax.random.split(key)
        return jax.random.split(for_students, students)

    state = network.new_students(new_keys())
    parents = np.arange(students)
    spent = 0
    rows: list[tuple] = []

    while True:
        actions, sources, hyperparameters = population.next_all()
        asked = {hpm.Action(action) for action in np.unique(actions)} - {hpm.Action.WAIT}

        if asked == {hpm.Action.TRAIN}:
            if spent + students * report_cost > budget:
                break  # the teacher's evaluations used up what was left
            h = jax.numpy.asarray(hyperparameters, dtype="float32")
            if with_hypergradient:
                state, losses, hypergradients = network.report(state, h, data, new_keys())
                hypergradients = np.array(hypergradients, dtype=np.float64)
                hypergradients[:, NOT_DIFFERENTIATED] = np.nan
            else:
                state, losses = network.report_without_hypergradient(state, h, data, new_keys())
                hypergradients = None
            losses = np.asarray(losses, dtype=np.float64)
            for student in range(students):
                population.report_cost(student, TRAINING_COST, report_cost - TRAINING_COST)
            population.report_all(losses, hypergradients)
            spent += students * report_cost

            test_loss, test_accuracy = map(np.asarray, network.test(state, data))
            weights = hyperparameters[:, WEIGHTS]
            trust = np.stack([weights[:, ~digits.wrong].mean(1), weights[:, digits.wrong].mean(1)], axis=1)
            settings = hyperparameters[:, network.TRAINING :].copy()
            rows.append((spent, losses, test_loss, test_accuracy, settings, trust, parents))
            parents = np.arange(students)

        elif asked == {hpm.Action.CLONE}:
            parents = np.where(actions == hpm.Action.CLONE, sources, np.arange(students)).astype(int)
            state = network.clone(state, parents)
            population.report_all(np.zeros(students), None)  # the loss of a clone is ignored

        elif asked == {hpm.Action.EVALUATE}:  # the teacher asks
            h = jax.numpy.asarray(hyperparameters, dtype="float32")
            losses, hypergradients = network.evaluate(state, h, data, new_keys())
            hypergradients = np.array(hypergradients, dtype=np.float64)
            hypergradients[:, NOT_DIFFERENTIATED] = np.nan
            for student in np.flatnonzero(actions == hpm.Action.EVALUATE):
                population.report_cost(int(student), 0, HYPERGRADIENT_COST)
                spent += HYPERGRADIENT_COST
            population.report_all(np.asarray(losses, dtype=np.float64), hypergradients)

        elif asked == {hpm.Action.RESTART}:
            state = network.choose(actions == hpm.Action.RESTART, network.new_students(new_keys()), state)
            population.report_all(np.zeros(students), None)

        else:
            break  # STOP

        if progress:
            progress(spent / budget)

    best = population.best().student
    weights = population.best_hyperparameters()[0][WEIGHTS].copy()
    evaluations = sum(population.count(f"{kind}_cost") for kind in ("training", "hypergradient", "teacher"))
    seconds = time.perf_counter() - started
    cost, *arrays = map(np.array, zip(*rows))
    lineage = population.lineage(best)
    population.close()
    return Run(method, seed, seconds, evaluations, best, lineage, weights, cost, *arrays)
