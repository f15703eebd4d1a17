"""The hyperparameters that trained a student's weights, report by report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .lineage import Lineage, best_student, standings
from .run_file import Floats, Integers, Parameter, Reports, RunFile, RunFileError


@dataclass(frozen=True)
class StudentSchedule:
    """What trained the weights that a student holds at the end, through all that it was cloned from."""

    student: int
    parameters: list[Parameter]
    reports: Reports
    """All of the run, with hyperparameters."""
    rows: Integers
    """Those of `reports` that went into the weights, oldest first, shape ``[steps]``."""

    @classmethod
    def of(cls, file: RunFile, student: int | None = None) -> StudentSchedule:
        """That of a student, or of the best one.

        Raises:
            RunFileError: There is no such student or none with a finite loss, or the space is too wide.
        """
        reports = file.reports()
        if reports.hyperparameters is None:
            raise RunFileError(
                f"{file.path} has {len(file.names)} hyperparameters in so many reports that they do not fit into memory; "
                "take the schedule of one student: hpm.Population.open(file).schedule(student)"
            )
        if student is None:
            student = best_student(standings(file, reports), file.maximises)
            if student is None:
                raise RunFileError(f"{file.path} has no student with a finite loss; name one by --student")
        elif student not in reports.last_rows:
            known = ", ".join(map(str, reports.last_rows)) or "none has reported yet"
            raise RunFileError(f"{file.path} has no reports of student {student}; allowed: {known}")
        return cls(student, file.parameters, reports, Lineage.of(file).rows(student, reports))

    @property
    def values(self) -> Floats:
        """Natural units, shape ``[steps, n]``."""
        assert self.reports.hyperparameters is not None
        return self.reports.hyperparameters[self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def steps(self) -> Iterator[dict[str, Any]]:
        """A dict for each report: `step` from 1, `student` and `report`, whose it was, `loss` (None: NaN), and
        `hyperparameters` by name: labels of choices, lists of blocks."""
        columns = (array[self.rows].tolist() for array in (self.reports.student, self.reports.report))
        losses = self.reports.loss[self.rows].tolist()
        for step, (student, report, loss, values) in enumerate(zip(*columns, losses, self.values.tolist()), 1):
            yield {
                "step": step,
                "student": student,
                "report": report,
                "loss": json_number(loss),
                "hyperparameters": by_name(self.parameters, values),
            }


def by_name(parameters: list[Parameter], values: list[float]) -> dict[str, Any]:
    """Values in the order of the space as ``SearchSpace.decode`` gives them, blocks as lists."""
    return {
        p.name: values[p.offset : p.offset + p.count] if p.kind == "block" else p.shown(values[p.offset])
        for p in parameters
    }


def json_number(value: float | None) -> float | str | None:
    """JSON knows finite numbers alone: NaN is null, infinities are texts that Python's ``float`` reads."""
    if value is None or np.isnan(value):
        return None
    return value if np.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def json_lines(objects: Iterator[dict[str, Any]]) -> Iterator[str]:
    """A JSON array, an object a line."""
    before = "["
    for one in objects:
        yield f"{before}\n{json.dumps(one, ensure_ascii=False, allow_nan=False)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"
