"""What a task is: data, a network, a training loss with hyperparameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

from network import Settings, cross_entropy, mean_distribution
from space import Parameter, Space

STEPS = 20  # optimizer steps in a report ...
DIFFERENTIATED = 2  # ... of which the last ones are differentiated
TRAINING_COST = STEPS  # in gradient evaluations of one student
DERIVATIVE_COST = 3  # of each step that is differentiated
HYPERGRADIENT_COST = DERIVATIVE_COST * DIFFERENTIATED  # beyond it; also that of a teacher's evaluation
STUDENTS = 10


class Data(NamedTuple):
    """Inputs [n, ...] and targets [n, ...] of one split."""

    inputs: np.ndarray
    targets: np.ndarray
    validation_inputs: np.ndarray
    validation_targets: np.ndarray
    test_inputs: np.ndarray
    test_targets: np.ndarray


@dataclass(frozen=True)
class Task:
    name: str
    reports: int
    """Of each student where every report holds a hypergradient: this makes the budget."""
    space: Space
    load: Callable[[int], Data]
    """The split of a seed."""
    new_weights: Callable[[jax.Array], tuple]
    """key -> weights of a new student: a tuple of layers, the last one the output layer."""
    training_loss: Callable[[tuple, dict, Data, jax.Array], jax.Array]
    """(weights, hyperparameters by name, data, key) -> loss of one random batch, with all that regularises."""
    outputs: Callable[[tuple, jax.Array], jax.Array]
    """(weights, inputs) -> outputs, without noise."""
    settings: Callable[[dict], Settings]
    """Hyperparameters by name -> those of the optimizer."""
    loss: Callable[[jax.Array, jax.Array], jax.Array] = cross_entropy
    """(outputs, targets) -> loss of each example: what validation and test average."""
    ensemble: Callable[[jax.Array, jax.Array], jax.Array] = mean_distribution
    """(outputs of K students, shares [K]) -> outputs of the mean prediction."""
    batch: int = 50
    """Examples of a training batch."""
    validation_batch: int = 100
    """Examples of the loss that is differentiated."""

    @property
    def budget(self) -> int:
        """Gradient evaluations of a run."""
        return STUDENTS * self.reports * (TRAINING_COST + HYPERGRADIENT_COST)

    def validation_cost(self, data: Data) -> int:
        """Gradient evaluations that one loss of the whole validation set is counted as, beside those of reports, which
        everyone has: a pass forward is a third of a gradient."""
        return -(-len(data.validation_targets) // (3 * self.batch))


# Parameters that most tasks have. 'ND': without derivative, since a step or two say nothing useful
# about them.
ND = (
    Parameter("learning rate", 1e-4, 3, 0.1, log=True, guided=False),
    Parameter("1 - momentum", 0.01, 1, 0.1, log=True, guided=False),
    Parameter("rate of output layer", 0.1, 10, 1, log=True, guided=False),
    Parameter("gradient clipping", 0.05, 20, 1, log=True, guided=False),
    Parameter("optimizer", labels=("sgd", "adam")),
)


def nd_settings(h: dict) -> Settings:
    return Settings(*(h[p.name] for p in ND))


def noise(name: str, high: float = 2) -> Parameter:
    """Standard deviation."""
    return Parameter(name, 0.01, high, 0.1, log=True)


def l2(name: str, count: int = 1) -> Parameter:
    return Parameter(name, 1e-6, 0.1, 1e-4, log=True, count=count)


SMOOTHING = Parameter("label smoothing", 1e-4, 0.3, 0.01, log=True)
