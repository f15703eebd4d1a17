"""A run's tables for other programs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TextIO

from .run_file import TABLES, Clone, Event, Reports, RunFile, RunFileError, Shown
from .schedule import StudentSchedule, json_lines, json_number

FORMATS = ("csv", "json", "parquet")


@dataclass(frozen=True)
class Table:
    """Rows with named columns."""

    name: str
    columns: list[str]
    rows: Callable[[], Iterable[tuple[Any, ...]]]
    """NaN and infinite losses as such."""


def export(file: RunFile, folder: Path, format: str) -> list[Path]:
    """Writes the tables reports, events, clones and metrics, and the schedule of the best student, a file each.

    Args:
        folder: Is made where it is missing; files of these names in it are replaced.
        format: ``csv``, ``json`` (an array of objects; NaN is null, infinities are texts) or ``parquet``.

    Returns:
        The files. Without ``schedule`` where no student has a finite loss.

    Raises:
        RunFileError: The run can't be read, the folder can't be written, or pyarrow is missing.
    """
    if format not in FORMATS:
        raise RunFileError(f"the format is {format!r}; allowed: {', '.join(FORMATS)}")
    write = {"csv": _write_csv, "json": _write_json, "parquet": _parquet_writer}[format]
    writer: Callable[[Table, Path], None] = write() if format == "parquet" else write  # type: ignore
    written = []
    with file.snapshot():
        for table in tables(file):
            target = folder / f"{table.name}.{format}"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                writer(table, target)
            except OSError as error:
                raise RunFileError(f"{target} can't be written: {error.strerror or error}") from error
            written.append(target)
    return written


def tables(file: RunFile) -> Iterator[Table]:
    """The tables of a run."""
    reports = file.reports()
    yield _reports_table(file, reports)
    events = [field.name for field in fields(Event)]
    yield Table("events", events, lambda: (tuple(vars(event).values()) for event in file.events()))
    yield Table("clones", list(Clone._fields), lambda: map(tuple, file.clones()))
    metrics = TABLES["metrics"].split()
    yield Table("metrics", metrics, lambda: file.select(f"SELECT {', '.join(metrics)} FROM metrics ORDER BY number"))
    try:
        schedule = StudentSchedule.of(file)
    except RunFileError:
        return
    yield schedule_table(file, schedule)


def _reports_table(file: RunFile, reports: Reports) -> Table:
    own = ["number", "time", "student", "report", "loss", "training_cost", "hypergradient_cost"]
    arrays = [getattr(reports, name) for name in own]

    def rows() -> Iterator[tuple[Any, ...]]:
        columns = [array.tolist() for array in arrays]
        if reports.hyperparameters is not None:
            columns += hyperparameter_columns(file, reports.hyperparameters.T.tolist())
        return zip(*columns)

    names = value_columns(file, own) if reports.hyperparameters is not None else []
    return Table("reports", own + names, rows)


def schedule_table(file: RunFile, schedule: StudentSchedule) -> Table:
    """A schedule with a column for each value."""
    own = ["step", "student", "report", "loss"]

    def rows() -> Iterator[tuple[Any, ...]]:
        reports, chosen = schedule.reports, schedule.rows
        columns: list[Any] = [range(1, len(chosen) + 1)]
        columns += [array[chosen].tolist() for array in (reports.student, reports.report, reports.loss)]
        return zip(*columns, *hyperparameter_columns(file, schedule.values.T.tolist()))

    return Table("schedule", own + value_columns(file, own), rows)


def value_columns(file: RunFile, taken: list[str]) -> list[str]:
    """A name for each value, with underscores behind it where a column, or another value, has that name."""
    used, names = set(taken), []
    for name in file.names:
        while name in used:
            name += "_"
        used.add(name)
        names.append(name)
    return names


def hyperparameter_columns(file: RunFile, columns: list[list[float]]) -> list[list[Shown]]:
    """Columns of natural values with labels, and integers whole."""
    return [[owner.shown(value) for value in column] for owner, column in zip(file.owners, columns)]


def write_csv(table: Table, stream: TextIO) -> None:
    """As CSV with a header; lists as JSON, nothing for None, ``nan`` and ``inf`` as such."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows():
        writer.writerow(["[" + ",".join(map(repr, cell)) + "]" if isinstance(cell, list) else cell for cell in row])


def _write_csv(table: Table, target: Path) -> None:
    with target.open("w", encoding="utf-8", newline="") as stream:
        write_csv(table, stream)


def _write_json(table: Table, target: Path) -> None:
    with target.open("w", encoding="utf-8") as stream:
        for part in json_lines(
            {
                name: json_number(cell) if isinstance(cell, float) else cell
                for name, cell in zip(table.columns, row)
            }
            for row in table.rows()
        ):
            stream.write(part)


def _parquet_writer() -> Callable[[Table, Path], None]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise RunFileError("Parquet needs pyarrow; install it: pip install 'libhpm[tables]'") from None
    # Where a table has no rows its columns have no type to be seen.
    types = {
        "time": pyarrow.float64(),
        "kind": pyarrow.string(),
        "part": pyarrow.string(),
        "name": pyarrow.string(),
        "indices": pyarrow.list_(pyarrow.int64()),
        "before": pyarrow.list_(pyarrow.float64()),
        "after": pyarrow.list_(pyarrow.float64()),
    }
    reals = {"loss", "value", "training_cost", "hypergradient_cost"}

    def write(table: Table, target: Path) -> None:
        rows = list(table.rows())
        own = len(table.columns) if table.name not in ("reports", "schedule") else table.columns.index("loss") + 1
        if table.name == "reports":
            own += 2
        columns = []
        for place, (name, cells) in enumerate(zip(table.columns, zip(*rows) if rows else [()] * len(table.columns))):
            kind = None
            if place < own:
                kind = pyarrow.float64() if name in reals else types.get(name, pyarrow.int64())
            columns.append(pyarrow.array(cells, kind))
        parquet.write_table(pyarrow.Table.from_arrays(columns, table.columns), target)

    return write
