"""What students are to do, and how they stand."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from . import _abi
from ._arguments import Vector


class Action(IntEnum):
    """What a student is to do next."""

    TRAIN = _abi.HPM_ACTION_TRAIN
    """Train it one interval with the hyperparameters; report its validation loss and, if you can,
    its hypergradient."""
    CLONE = _abi.HPM_ACTION_CLONE
    """Copy the weights and the optimizer state of student `source` into this one; report (the loss
    is ignored). With the synchronous schedule the source does not train until then, so live weights may be
    copied; with the asynchronous one the checkpoint of :meth:`Population.source_report` is meant."""
    EVALUATE = _abi.HPM_ACTION_EVALUATE
    """On a copy of student `source` that is thrown away: loss and hypergradient at the hyperparameters,
    as at the end of a training interval; report. It never enters the ranking. With the synchronous schedule
    the source is the student itself; with the asynchronous one an evaluation goes to whoever asks first."""
    RESTART = _abi.HPM_ACTION_RESTART
    """A new trial: initialise the student's weights anew; report (the loss is ignored)."""
    WAIT = _abi.HPM_ACTION_WAIT
    """Nothing to do until others report. Ask again after that; no report."""
    STOP = _abi.HPM_ACTION_STOP
    """Done; no report. Reports of tasks that are still out are accepted."""


ACTIONS = sorted(Action)  # indexing is quicker than Action(number)


class Assignment(NamedTuple):
    """The task of one student."""

    action: Action
    source: int
    """The student to copy for CLONE or EVALUATE, else the student itself."""
    hyperparameters: Vector
    """Shape ``[dimension]``, natural units; with CLONE those of the source."""


class Order(NamedTuple):
    """The task of one student, with its ticket."""

    action: Action
    source: int
    """The student to copy for CLONE or EVALUATE, else the student itself."""
    hyperparameters: Vector
    """Shape ``[dimension]``, natural units."""
    ticket: int
    """Names the task in :meth:`Population.report_ticket`; 0 with WAIT and STOP."""


class Assignments(NamedTuple):
    """The tasks of all students; row k is student k."""

    actions: npt.NDArray[np.int32]
    """Shape ``[K]``, comparable with :class:`Action`."""
    sources: npt.NDArray[np.uintp]
    """Shape ``[K]``: the student to copy for CLONE or EVALUATE, else k."""
    hyperparameters: Vector
    """Shape ``[K, dimension]``, natural units."""


class Best(NamedTuple):
    """The student to keep."""

    student: int
    loss: float
    """Its latest training loss, as it was reported."""
