"""Whose reports went into whose weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .run_file import Clone, Integers, Reports, RunFile


class Stretch(NamedTuple):
    """Reports that one student made in a row and that went into some weights."""

    student: int
    first: int
    """From 1."""
    last: int
    """Below `first`: none."""


class Lineage:
    """The copies of weights in a run.

    Args:
        clones: In their order.
        restarts: Student, and its reports by then, of each new beginning; they went into weights that are gone.
    """

    def __init__(self, clones: Sequence[Clone], restarts: Iterable[tuple[int, int]] = ()) -> None:
        self.clones = clones
        self._restarts: dict[int, list[int]] = {}
        for student, report in restarts:
            self._restarts.setdefault(student, []).append(report)

    @classmethod
    def of(cls, file: RunFile) -> Lineage:
        """That of a run's file."""
        return cls(file.clones(), file.restarts())

    def _first(self, student: int, last: int) -> int:
        """Where the weights begin that a student had after its report `last`, but for clones."""
        return max((report for report in self._restarts.get(student, ()) if report <= last), default=0) + 1

    def stretches(self, student: int, reports: int) -> Iterator[Stretch]:
        """What went into the weights that a student holds after it made `reports` of them, latest first.

        Complexity: O(clones).
        """
        last = latest = reports
        for clone in reversed(self.clones):
            if clone.student == student and clone.report <= latest:
                yield Stretch(student, max(clone.report + 1, self._first(student, last)), last)
                student, last = clone.source, clone.source_report
                # Until it trains again a clone is no source, so what a clone of it took is from before a clone that
                # the source became after the same report.
                latest = clone.source_report - 1
        yield Stretch(student, self._first(student, last), last)

    def rows(self, student: int, reports: Reports) -> Integers:
        """The rows of `reports` that went into the weights that a student holds now, oldest first.

        Complexity: O(clones + reports).
        """
        last = int(reports.report[reports.last_rows[student]]) if student in reports.last_rows else 0
        found = reports.rows
        rows = [
            found[stretch.student, report]
            for stretch in reversed(list(self.stretches(student, last)))
            for report in range(stretch.first, stretch.last + 1)
            if (stretch.student, report) in found  # rounds that one who joined counts as its own are not
        ]
        return np.array(rows, np.int64)

    def descent(self, reports: dict[int, int]) -> tuple[dict[int, int], set[int]]:
        """The founder of the weights that each student holds, and the numbers of the clones that some of these
        weights went through.

        Args:
            reports: How many each student has made.

        Complexity: O(clones x lines that meet in one student).
        """
        # Each line stands at a student, with the last report before which a clone may have become it, and has its
        # heirs. Lines that meet go on as one.
        lines: dict[int, dict[int, list[int]]] = {student: {made: [student]} for student, made in reports.items()}
        passed = set()
        for clone in reversed(self.clones):
            here = lines.get(clone.student, {})
            for latest in [latest for latest in here if clone.report <= latest]:
                heirs = here.pop(latest)
                lines.setdefault(clone.source, {}).setdefault(clone.source_report - 1, []).extend(heirs)
                passed.add(clone.number)
        founders = {heir: student for student, here in lines.items() for heirs in here.values() for heir in heirs}
        return dict(sorted(founders.items())), passed


class Standing(NamedTuple):
    """How a student stands."""

    loss: float
    """Of its latest report; NaN, too, where that went into weights that are gone."""
    reports: int
    row: int
    """Of its latest report."""


def standings(file: RunFile, reports: Reports) -> dict[int, Standing]:
    """How the students stand that have reported and are not retired, by student."""
    # What became a clone or began anew is to be judged yet.
    gone = {
        (student, report)
        for student, report in file.select("SELECT student, report FROM events WHERE kind IN ('cloned', 'restarted')")
    }
    retired = file.retired()
    found = {}
    for student, row in reports.last_rows.items():
        if student not in retired:
            made = int(reports.report[row])
            loss = float("nan") if (student, made) in gone else float(reports.loss[row])
            found[student] = Standing(loss, made, row)
    return found


def best_student(standing: dict[int, Standing], maximises: bool) -> int | None:
    """The student to keep, as ``Population.best``: of those whose latest loss is finite the one with the best; None:
    there is none."""
    finite = {student: one.loss for student, one in standing.items() if np.isfinite(one.loss)}
    sign = -1 if maximises else 1
    return min(finite, key=lambda student: (sign * finite[student], student), default=None)
