"""What a task is: data, a network, a training loss with hyperparameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
import os

import jax
import numpy as np

from network import Settings, cross_entropy, ensemble_cross_entropy
from space import Parameter, Space

STEPS = 20  # optimizer steps in a report ...
DIFFERENTIATED = 2  # ... of which the last ones are differentiated
TRAINING_COST = STEPS  # in gradient evaluations of one student
HYPERGRADIENT_COST = 3 * DIFFERENTIATED  # beyond it; also that of a teacher's evaluation
VALIDATION_COST = 1  # of one student's validation loss where a method asks for it beside its reports
STUDENTS = 10


class Prices(NamedTuple):
    """In gradient evaluations of one student, of which a plain report always costs TRAINING_COST."""

    hypergradient: float = HYPERGRADIENT_COST
    """Of a report, beyond TRAINING_COST."""
    evaluation: float = HYPERGRADIENT_COST
    """A teacher's."""
    validation: float = VALIDATION_COST
    """A validation loss, beside the one that every report holds."""


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
    ensemble_loss: Callable[[jax.Array, jax.Array, jax.Array], jax.Array] = ensemble_cross_entropy
    """(outputs [K, ...], shares [K], targets) -> loss of each example of the mean prediction."""
    validation_batch: int = 100
    """Examples of the loss that is differentiated."""

    @property
    def budget(self) -> int:
        """Gradient evaluations of a run."""
        return STUDENTS * self.reports * (TRAINING_COST + HYPERGRADIENT_COST)


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


def data_folder() -> Path:
    """HPM_DATA, or ../shared/data beside the repository."""
    return Path(os.environ.get("HPM_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
