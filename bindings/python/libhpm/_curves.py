"""A run's losses as curves, for its pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._arguments import Vector
from .runs.chart import loss_axis

if TYPE_CHECKING:
    from .result import Result

Curve = tuple[Vector, Vector]
"""The numbers of training reports, and what was reported."""


class Curves:
    """The losses of a result by the number of the training report."""

    def __init__(self, result: Result):
        self.maximises = result.population.options["direction"] == "maximize"
        self.students: dict[int, Curve] = {}
        """Of each student, in the order of its reports."""
        history = result.history
        student = np.array([report.student for report in history], np.int64)
        number = np.array([report.number for report in history], np.float64)
        loss = np.array([report.loss for report in history], np.float64)
        for one in np.unique(student).tolist():
            rows = np.flatnonzero(student == one)
            rows = rows[np.argsort(number[rows], kind="stable")]
            self.students[one] = number[rows], loss[rows]
        self.last = int(number.max(initial=1))
        self.has_losses = bool(np.isfinite(loss).any())
        """Whether there is any finite loss."""
        self.axis, self.beyond = loss_axis(loss, self.maximises)
        """The axis of the losses, and how many of them lie beyond it."""
        order = np.argsort(number, kind="stable")
        sign = -1.0 if self.maximises else 1.0
        best = sign * np.minimum.accumulate(np.where(np.isfinite(loss), sign * loss, np.inf)[order])
        ends = np.flatnonzero(np.diff(number[order], append=np.inf))
        self.best: Curve = number[order][ends], np.where(np.isfinite(best), best, np.nan)[ends]
        """The best loss of all reports up to each number."""

    def winner(self, result: Result) -> Curve:
        """What the reports were that went into the winner's weights, in their order.

        Raises:
            NoResultError: The history lacks one of them.
        """
        schedule = result.schedule()
        losses = {(report.student, report.number): report.loss for report in result.history}
        keys = zip(schedule.students.tolist(), schedule.reports.tolist())
        return schedule.reports.astype(np.float64), np.array([losses[key] for key in keys], np.float64)
