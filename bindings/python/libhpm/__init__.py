"""libhpm tunes hyperparameters while models train.

A population of students (models in training, each with its own hyperparameters) trains inside your
program. Each reports its validation loss and, if it can, its hypergradient: the derivative of the
validation loss with respect to its hyperparameters. The library moves hyperparameters along
hypergradients, replaces the weakest students by clones of the strongest, and mutates the clones.

:func:`tune` does it in one call; :class:`Population` with ``next`` and ``report`` fits into any
training loop. :func:`hypergradient` computes one in torch or JAX; :class:`Problem` from derivatives of
your own.
"""

from importlib import import_module as _import_module
from typing import Any as _Any

from . import observers
from ._library import version as _version
from ._options import algorithms, option_names
from .assignment import Action, Assignment, Assignments, Best, Order
from .certificate import Calls, Certificate, CertificateStatus
from .checkpoints import Checkpoint, Checkpoints
from .errors import (
    ArgumentError,
    BusyError,
    Error,
    EstimateWarning,
    HandleError,
    NoResultError,
    OptionWarning,
    OrderError,
    OutOfMemoryError,
    ProblemWarning,
    SnapshotError,
    StorageError,
    UncheckedWarning,
    UnsupportedError,
    WrongDerivativeError,
)
from .events import Cloned, Evaluated, Event, Moved, Mutated, Observer, Restarted, Stopped, Taught, Trained
from .finding import Finding, Reason, Verdict
from .hypergradients import hypergradient
from .interval import Interval
from .population import Population
from .problem import Problem
from .result import Copy, Metric, Report, Result
from .schedule import Schedule
from .space import Parameter, SearchSpace
from .teacher import Teacher
from .tuning import tune

__version__ = _version()


def __getattr__(name: str) -> _Any:
    """`hpm.torch` and `hpm.jax` are imported when they are asked for: they import what they are for."""
    if name in ("torch", "jax"):
        return _import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

__all__ = [
    "Action",
    "ArgumentError",
    "Assignment",
    "Assignments",
    "Best",
    "BusyError",
    "Calls",
    "Certificate",
    "CertificateStatus",
    "Checkpoint",
    "Checkpoints",
    "Cloned",
    "Copy",
    "Error",
    "EstimateWarning",
    "Evaluated",
    "Event",
    "Finding",
    "HandleError",
    "Interval",
    "Metric",
    "Moved",
    "Mutated",
    "NoResultError",
    "Observer",
    "OptionWarning",
    "Order",
    "OrderError",
    "OutOfMemoryError",
    "Parameter",
    "Population",
    "Problem",
    "ProblemWarning",
    "Reason",
    "Report",
    "Restarted",
    "Result",
    "Schedule",
    "SearchSpace",
    "SnapshotError",
    "Stopped",
    "StorageError",
    "Taught",
    "Teacher",
    "Trained",
    "UncheckedWarning",
    "UnsupportedError",
    "Verdict",
    "WrongDerivativeError",
    "algorithms",
    "hypergradient",
    "observers",
    "option_names",
    "tune",
]
