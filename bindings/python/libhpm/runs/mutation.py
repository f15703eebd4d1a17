"""What became of students that were cloned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .lineage import Lineage
from .run_file import Event, Parameter, Reports, RunFile


@dataclass(frozen=True)
class Outcome:
    """A student that became a clone, was mutated or not, and what came of it."""

    time: float
    report: int
    """The training reports that the student had made."""
    student: int
    source: int
    """Whose weights it took."""
    parent: int
    """Whose hyperparameters it took."""
    rank: int | None
    """Its place at the exploit, from 1, the best."""
    loss: float
    """Of its last report before."""
    changed: int
    """How many values were mutated."""
    most: int | None
    """The value that was mutated most, on its scale; None: none was."""
    before: float
    after: float
    rank_after: int | None
    """Its place `interval` reports later (or at its last report), among the students' reports of that number; None:
    it made none."""
    loss_after: float
    survived: bool
    """Whether some student's weights at the end went through it."""
    in_best: bool
    """Whether those of the best student did."""


def outcomes(file: RunFile, reports: Reports, lineage: Lineage, passed: set[int], best: int | None) -> list[Outcome]:
    """All clones of a run, in their order.

    Args:
        passed: The numbers of clones that weights went through which are there at the end: :meth:`Lineage.descent`.
        best: The best student.
    """
    interval = max(1, int(float(file.options.get("interval", 1))))
    rows, sign = reports.rows, -1 if file.maximises else 1
    made = {student: int(reports.report[row]) for student, row in reports.last_rows.items()}
    by_report: dict[int, list[float]] = {}  # of each number of report the losses of all, lower being better
    losses = np.where(np.isfinite(reports.loss), sign * reports.loss, np.inf)
    for report, loss in zip(reports.report.tolist(), losses.tolist()):
        by_report.setdefault(report, []).append(loss)
    survivors = {(clone.student, clone.report) for clone in lineage.clones if clone.number in passed}
    ancestors = set()
    if best is not None:
        ancestors = {(stretch.student, stretch.first - 1) for stretch in lineage.stretches(best, made.get(best, 0))}
    found: list[tuple[Event, list[Event]]] = []
    latest: dict[int, int] = {}
    for event in file.events(("cloned", "mutated")):
        if event.kind == "cloned":
            latest[event.student] = len(found)
            found.append((event, []))
        elif event.student in latest:
            found[latest[event.student]][1].append(event)
    answer = []
    for event, mutations in found:
        key = event.student, event.report
        row = rows.get((event.student, min(event.report + interval, made.get(event.student, 0))))
        later = row is not None and reports.report[row] > event.report
        most, before, after = _farthest(file.owners, mutations)
        last = rows.get(key)
        answer.append(
            Outcome(
                event.time,
                event.report,
                event.student,
                event.source,
                event.parent,
                None if event.rank is None else event.rank + 1,
                float("nan") if last is None else float(reports.loss[last]),
                sum(mutation.changed for mutation in mutations),
                most,
                before,
                after,
                _rank(by_report[int(reports.report[row])], float(losses[row])) if later and row is not None else None,
                float(reports.loss[row]) if later and row is not None else float("nan"),
                key in survivors,
                key in ancestors,
            )
        )
    return answer


def _rank(losses: list[float], loss: float) -> int:
    return 1 + sum(other < loss for other in losses)


def _farthest(owners: list[Parameter], mutations: list[Event]) -> tuple[int | None, float, float]:
    """The value that moved farthest on its scale, from and to."""
    best: tuple[float, int | None, float, float] = (-1.0, None, float("nan"), float("nan"))
    for mutation in mutations:
        for index, before, after in zip(mutation.indices, mutation.before, mutation.after):
            far = owners[index].distance(before, after)
            if far > best[0]:
                best = far, index, before, after
    return best[1:]
