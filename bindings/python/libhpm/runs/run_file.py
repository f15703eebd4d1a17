"""The file of a run, read."""

from __future__ import annotations

import json
import math
import os
import socket
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Union

import numpy as np
import numpy.typing as npt

from ..errors import Error

MOST_VALUES = 50_000_000
"""Hyperparameters of all reports that are made again from the log: 400 MB."""
APPLICATION = 0x68706D72
"""``PRAGMA application_id``: "hpmr"."""
VERSION = 1
"""``PRAGMA user_version``: the newest that is read here."""
TABLES = {
    "run": "key value",
    "parameters": "position name kind offset count low high scale initial updated_by role labels",
    "options": "position name value",
    "sessions": "number began ended host process input",
    "inputs": "number time bytes",
    "snapshots": "input time bytes",
    "reports": "number input time student report loss training_cost hypergradient_cost hyperparameters",
    "events": "number input time kind student report source parent rank source_rank loss training_cost "
    "hypergradient_cost part changed indices before after",
    "clones": "number input time student report source source_report",
    "metrics": "number time student report name value",
}
"""The tables and their columns."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Shown = Union[float, int, str]


class RunFileError(Exception):
    """A file that can't be read as a run's: a sentence that says why, and what to do."""


@dataclass(frozen=True)
class Parameter:
    """A hyperparameter of the space, or a block of them."""

    name: str
    kind: str
    """``real``, ``integer``, ``choice`` or ``block``."""
    offset: int
    """Of its first value in the arrays."""
    count: int
    low: float
    high: float
    scale: str
    """``linear``, ``log`` or ``logit``."""
    initial: float | None
    updated_by: str
    role: str
    labels: tuple[str, ...]

    def shown(self, value: float) -> Shown:
        """A natural value as a person knows it: the label of a choice, an integer whole."""
        if self.kind == "choice" and 0 <= value < len(self.labels):
            return self.labels[int(value)]
        return int(value) if self.kind in ("integer", "choice") else value

    def latent(self, values: npt.ArrayLike) -> Floats:
        """Natural values on their scale, from 0 to 1."""
        x = np.asarray(values, float)
        with np.errstate(all="ignore"):
            if self.scale == "log":
                u = np.log(x / self.low) / np.log(self.high / self.low)
            elif self.scale == "logit":
                low, high = (np.log(bound / (1 - bound)) for bound in (self.low, self.high))
                u = (np.log(x / (1 - x)) - low) / (high - low)
            else:
                u = (x - self.low) / (self.high - self.low)
        return np.asarray(np.clip(np.nan_to_num(u), 0.0, 1.0), float)


    def distance(self, before: float, after: float) -> float:
        """How far one value is from another on the scale, from 0 to 1: another label of a choice is as far as can be.
        As :meth:`latent`, for single values many times faster."""
        if self.kind == "choice":
            return float(before != after)
        try:
            low, high, first, last = map(_FLAT[self.scale], (self.low, self.high, before, after))
            return abs(last - first) / (high - low)
        except (ValueError, ZeroDivisionError, KeyError):  # none that the library wrote
            return 0.0


_FLAT: dict[str, Callable[[float], float]] = {
    "linear": float,
    "log": math.log,
    "logit": lambda x: math.log(x / (1 - x)),
}


@dataclass(frozen=True)
class Session:
    """A process that wrote the run."""

    number: int
    began: float
    """Unix seconds, as all times."""
    ended: float | None
    """None: it goes on, or was killed."""
    host: str
    process: int
    input: int
    """The number of the last input before it."""

    @property
    def is_alive(self) -> bool | None:
        """Whether it still writes; None: it did not end, but on another machine."""
        if self.ended is not None:
            return False
        if self.host != socket.gethostname():
            return None
        return process_exists(self.process)


@dataclass(frozen=True)
class Event:
    """A row of the table events."""

    number: int
    input: int
    time: float
    kind: str
    student: int
    report: int
    source: int
    parent: int
    rank: int | None
    source_rank: int | None
    loss: float | None
    training_cost: float | None
    hypergradient_cost: float | None
    part: str | None
    changed: int
    indices: list[int]
    before: list[float]
    after: list[float]


class Clone(NamedTuple):
    """Weights that were copied."""

    number: int
    input: int
    time: float
    student: int
    report: int
    """Training reports that the student had made."""
    source: int
    source_report: int
    """After which of the source's reports its weights were taken."""


@dataclass(frozen=True)
class Reports:
    """Training reports in their order, R of them: arrays of shape ``[R]``."""

    number: Integers
    input: Integers
    time: Floats
    student: Integers
    report: Integers
    """Which of the student's reports it was, from 1."""
    loss: Floats
    """As it was reported; it may be NaN or infinite."""
    training_cost: Floats
    hypergradient_cost: Floats
    hyperparameters: Floats | None
    """Shape ``[R, n]``, natural units; None where the file does not hold them, or they were not asked for."""

    def __len__(self) -> int:
        return len(self.number)

    @cached_property
    def rows(self) -> dict[tuple[int, int], int]:
        """The row of a student's report."""
        return {key: row for row, key in enumerate(zip(self.student.tolist(), self.report.tolist()))}

    @cached_property
    def last_rows(self) -> dict[int, int]:
        """The row of each student's latest report, by student, ascending."""
        return dict(sorted((student, row) for row, student in enumerate(self.student.tolist())))


class Evaluations(NamedTuple):
    """What a teacher asked for, arrays of shape ``[evaluations]``."""

    input: Integers
    cost: Floats
    """With that of the hypergradient."""


class RunFile:
    """A run's file, open for reading. It may be written meanwhile: what is read between :meth:`snapshot` and its end
    is of one moment.

    Args:
        path: The file.

    Raises:
        RunFileError: It is missing, no run's file, damaged, or of a newer version.

    For one thread. Each method reads what it answers from the file.

    On macOS not for the process that writes the run: there the locks of a process on a file end when it closes the
    file anywhere.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        check_header(self.path)
        with self._reading():
            self._connection = connect(self.path)
            try:
                self._check()
            except BaseException:
                self._connection.close()
                raise

    def _check(self) -> None:
        application, version = self._pragma("application_id"), self._pragma("user_version")
        if application != APPLICATION:
            raise RunFileError(f"{self.path} is a database of another program; give the file of a run")
        if version > VERSION:
            raise RunFileError(
                f"{self.path} was written by a newer libhpm: its tables have version {version}, this one reads version "
                f"{VERSION}; install the newer libhpm (pip install -U libhpm)"
            )
        missing = [name for name in TABLES if not self.columns(name)]
        if missing:
            raise RunFileError(f"{self.path} is damaged: it has no table {', '.join(missing)}; take a copy of the file")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Failures of SQLite as sentences."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise RunFileError(f"{self.path} is held by another program; try again") from error
            raise RunFileError(f"{self.path} can't be read: {error}; `libhpm doctor {self.path}` says more") from error
        except (sqlite3.DatabaseError, ValueError, TypeError) as error:
            raise RunFileError(f"{self.path} is damaged: {error}; `libhpm doctor {self.path}` says more") from error

    def close(self) -> None:
        """Ends reading; twice does nothing."""
        self._connection.close()

    def __enter__(self) -> RunFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Within it all that is read is of one moment."""
        with self._reading():
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.rollback()

    def select(self, query: str, arguments: Iterable[object] = ()) -> list[Any]:
        """The rows of a query."""
        with self._reading():
            return self._connection.execute(query, tuple(arguments)).fetchall()

    def stream(self, query: str, arguments: Iterable[object] = ()) -> Iterator[Any]:
        """The rows of a query, one after the other."""
        with self._reading():
            yield from self._connection.execute(query, tuple(arguments))

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns; none: there is no such table."""
        return [row[1] for row in self.select(f"PRAGMA table_info({table})")]

    def _pragma(self, name: str) -> int:
        return int(self.select(f"PRAGMA {name}")[0][0])

    # What does not change, or hardly.

    @cached_property
    def parameters(self) -> list[Parameter]:
        """The space, in its order."""
        rows = self.select(
            'SELECT name, kind, "offset", count, low, high, scale, initial, updated_by, role, labels FROM parameters '
            "ORDER BY position"
        )
        with self._reading():
            return [Parameter(*(*row[:-1], tuple(json.loads(row[-1])))) for row in rows]

    @cached_property
    def owners(self) -> list[Parameter]:
        """The parameter of each value of the arrays, length n."""
        return [parameter for parameter in self.parameters for _ in range(parameter.count)]

    @cached_property
    def names(self) -> list[str]:
        """A name for each value of the arrays: the parameter's, ``name[3]`` in a block."""
        return [
            f"{parameter.name}[{place}]" if parameter.kind == "block" else parameter.name
            for parameter in self.parameters
            for place in range(parameter.count)
        ]

    @property
    def about(self) -> dict[str, Any]:
        """The table run: `library`, `created`, `dimension`."""
        return dict(self.select("SELECT key, value FROM run"))

    @property
    def options(self) -> dict[str, str]:
        """All options in their order, with every default decided."""
        return dict(self.select("SELECT name, value FROM options ORDER BY position"))

    @property
    def sessions(self) -> list[Session]:
        """The processes that wrote it, in their order."""
        query = "SELECT number, began, ended, host, process, input FROM sessions ORDER BY number"
        return [Session(*row) for row in self.select(query)]

    @property
    def maximises(self) -> bool:
        """Whether greater losses are better."""
        return self.options.get("direction") == "maximize"

    # What grows.

    def reports(self, hyperparameters: bool = True, after: int = 0, replayed: bool = True) -> Reports:
        """The training reports with numbers above `after`.

        Args:
            hyperparameters: Whether to read them, too: most of the work.
            replayed: Whether those of wide spaces, of which the table has none, are made again from the log by the
                library. They are None without it, and where they would be too many for memory.
        """
        column = "hyperparameters" if hyperparameters else "NULL"
        rows = self.select(
            "SELECT number, input, time, student, report, loss, training_cost, hypergradient_cost, "
            f"{column} FROM reports WHERE number > ? ORDER BY number",
            (after,),
        )
        with self._reading():
            columns: list[Any] = list(zip(*rows)) if rows else [()] * 9
            integers = [np.array(columns[place], np.int64) for place in (0, 1, 3, 4)]
            floats = [np.array(columns[place], float) for place in (2, 5, 6, 7)]  # NULL becomes NaN
            values = self.vectors(columns[8]) if hyperparameters else None
        number, input, student, report = integers
        if hyperparameters and replayed and values is None and len(rows) * len(self.names) <= MOST_VALUES:
            values = self._from_the_log(student, report)
        time, loss, training_cost, hypergradient_cost = floats
        return Reports(number, input, time, student, report, loss, training_cost, hypergradient_cost, values)

    def _from_the_log(self, student: Integers, report: Integers) -> Floats:
        """The hyperparameters of reports, by the library. It opens a copy, so that a writer is not disturbed."""
        from ..population import Population

        place = {key: row for row, key in enumerate(zip(student.tolist(), report.tolist()))}
        values = np.full((len(student), len(self.names)), np.nan)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "run.db"
            with closing(sqlite3.connect(copy)) as target, self._reading():
                self._connection.backup(target)
            try:
                with Population.open(copy) as population:
                    for one in population.history():
                        row = place.get((one.student, one.number))
                        if row is not None:  # it may be of after the moment that is read
                            values[row] = one.hyperparameters
            except Error as error:
                raise RunFileError(f"{self.path}: its log can't be replayed: {error}") from None
        return values

    def vectors(self, texts: Iterable[str | None]) -> Floats | None:
        """JSON arrays as the rows of a matrix; None where one of them is missing."""
        remaining = iter(texts)
        parts: list[Floats] = []
        while part := list(islice(remaining, 4096)):  # as one array: a call for each would take longer
            if None in part:
                return None
            parts.append(np.array(json.loads("[" + ",".join(map(str, part)) + "]"), np.float64))
        values = np.concatenate(parts) if parts else np.empty((0, len(self.names)))
        if values.ndim != 2 or values.shape[1] != len(self.names):
            raise ValueError("hyperparameters of reports are not as many as the space has")
        return values

    def events(self, kinds: Iterable[str] | None = None) -> Iterator[Event]:
        """The events, or those of some kinds, in their order."""
        chosen = tuple(kinds) if kinds is not None else ()
        where = f" WHERE kind IN ({','.join('?' * len(chosen))})" if kinds is not None else ""
        query = f"SELECT {TABLES['events'].replace(' ', ', ')} FROM events{where} ORDER BY number"
        with self._reading():
            for row in self.stream(query, chosen):
                yield Event(*row[:15], *(json.loads(text) if text else [] for text in row[15:]))

    def clones(self, after: int = 0) -> list[Clone]:
        """All copies of weights with numbers above `after`, in their order."""
        query = (
            "SELECT number, input, time, student, report, source, source_report FROM clones WHERE number > ? "
            "ORDER BY number"
        )
        return [Clone(*row) for row in self.select(query, (after,))]

    def restarts(self) -> list[tuple[int, int]]:
        """Student, and its reports by then, of each new beginning."""
        rows = self.select("SELECT student, report FROM events WHERE kind = 'restarted' ORDER BY number")
        return [(student, report) for student, report in rows]

    def evaluations(self, after: int = 0) -> Evaluations:
        """Those of inputs above `after`, in their order."""
        query = (
            "SELECT input, training_cost + hypergradient_cost FROM events WHERE kind = 'evaluated' AND input > ? "
            "ORDER BY number"
        )
        rows = np.array(self.select(query, (after,)), float).reshape(-1, 2)
        return Evaluations(rows[:, 0].astype(np.int64), rows[:, 1])

    def retired(self, after: int = 0) -> dict[int, int]:
        """The students that left for good, each with the input by which it did; no table but the log has them."""
        # Version, kind (6: a student is retired), check, length of 4 bytes, the student in 8 (InputLog.swift).
        query = "SELECT number, bytes FROM inputs WHERE number > ? AND substr(bytes, 2, 1) = x'06'"
        return {int.from_bytes(data[8:16], "little"): number for number, data in self.select(query, (after,))}

    @property
    def latest_input(self) -> int:
        """The number of the last input; 0: there is none."""
        return int(self.select("SELECT ifnull(max(number), 0) FROM inputs")[0][0])


def check_header(path: Path) -> None:
    """Refuses what is no SQLite database, before SQLite creates files beside it.

    Raises:
        RunFileError: Why it can't be read.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(16)
    except FileNotFoundError:
        raise RunFileError(f"{path} does not exist; give the file of a run") from None
    except IsADirectoryError:
        raise RunFileError(f"{path} is a folder; give the file of a run") from None
    except OSError as error:
        raise RunFileError(f"{path} can't be read: {error.strerror}") from None
    if not beginning:
        raise RunFileError(f"{path} is empty; if its run has just begun, try again")
    if beginning != b"SQLite format 3\0":
        raise RunFileError(f"{path} is no database; give the file of a run")


def connect(path: Path) -> sqlite3.Connection:
    """A connection that only reads."""
    where = path.absolute().as_uri() + "?mode=ro"
    connection = sqlite3.connect(where, uri=True, timeout=10, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError:
        wal = path.with_name(path.name + "-wal")
        connection.close()
        if wal.exists() and wal.stat().st_size > 0:
            raise
        # In a folder that can't be written SQLite has no place for its index of the WAL, and needs none: there is
        # nothing in the WAL, and nobody can write.
        connection = sqlite3.connect(where + "&immutable=1", uri=True, isolation_level=None)
    # A damaged text is to be shown, not to end everything.
    connection.text_factory = lambda data: data.decode(errors="replace")
    return connection


def process_exists(process: int) -> bool:
    """Whether there is such a process on this machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
