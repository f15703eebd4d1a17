"""Whether a run's file is whole, and what to do where it is not."""

from __future__ import annotations

import json
import re
import sqlite3
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import Error
from ..population import Population
from .lineage import best_student, standings
from .page import calendar
from .run_file import APPLICATION, TABLES, VERSION, RunFile, RunFileError, check_header, connect, process_exists

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    level: Level
    text: str
    advice: str = ""
    """What to do; empty: nothing."""


def examine(path: Path, checkpoints: Path | None = None, replay: bool = True) -> Iterator[Finding]:
    """Checks a run's file, from what all else needs to what is convenient.

    Args:
        checkpoints: The folder of an ``hpm.Checkpoints``, to be checked too.
        replay: Whether to replay the log and to compare it with the snapshots and the history.

    Raises:
        RunFileError: The file is missing or no database at all.

    Complexity: O(file), and that of the run without its training.
    """
    check_header(path)
    broken = False
    for finding in _integrity(path):
        broken = broken or finding.level == "fault"
        yield finding
    if broken:
        yield Finding("warning", "the other checks were left out", "mend the file first")
        return
    try:
        file = RunFile(path)
    except RunFileError as error:
        yield Finding("fault", str(error), RECOVER)
        return
    with file, file.snapshot():
        for check in (_log, _snapshots, _history, _sessions, _beside):
            yield from _guarded(check, file)
        population = None
        if replay:
            found: list[Population] = []
            yield from _guarded(lambda file: _replay(file, found), file)
            population = found[0] if found else None
        if checkpoints is not None:
            yield from _checkpoints(file, checkpoints, population)


RECOVER = "take the latest copy of the file, or save what can be read: sqlite3 FILE .recover | sqlite3 NEW"


def _guarded(check: Callable[[RunFile], Iterator[Finding]], file: RunFile) -> Iterator[Finding]:
    """A check of a file that may hold anything."""
    try:
        yield from check(file)
    except RunFileError as error:
        yield Finding("fault", str(error), RECOVER)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        yield Finding("fault", f"a value can't be what the library wrote: {error}", RECOVER)


def _integrity(path: Path) -> Iterator[Finding]:
    try:
        connection = connect(path)
    except sqlite3.Error as error:
        yield Finding("fault", f"SQLite can't read it: {error}", RECOVER)
        return
    try:
        application, version = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        if application != APPLICATION:
            yield Finding("fault", "it is a database of another program", "give the file of a run")
            return
        if version > VERSION:
            advice = "install the newer libhpm: pip install -U libhpm"
            yield Finding("fault", f"its tables have version {version}, this libhpm reads version {VERSION}", advice)
            return
        if version < 1:
            yield Finding("fault", f"its tables have version {version}, which never was", RECOVER)
            return
        problems = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
        if problems != ["ok"]:
            yield Finding("fault", "its pages are damaged: " + "; ".join(problems[0].splitlines()[:3]), RECOVER)
            return
        yield Finding("ok", f"SQLite finds it whole; tables of version {version}")
        for table, columns in TABLES.items():
            there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            missing = [column for column in columns.split() if column not in there]
            if not there:
                yield Finding("fault", f"the table {table} is missing", RECOVER)
            elif missing:
                yield Finding("fault", f"the table {table} has no column {', '.join(missing)}", RECOVER)
    except sqlite3.Error as error:
        yield Finding("fault", f"SQLite can't read it: {error}", RECOVER)
    finally:
        connection.close()


def _log(file: RunFile) -> Iterator[Finding]:
    ((first, last, count),) = file.select("SELECT min(number), max(number), count(*) FROM inputs")
    if not count:
        yield Finding("warning", "the log is empty: the run has not begun")
    elif first != 1 or last != count:
        gaps = file.select(
            "SELECT number + 1, (SELECT min(number) FROM inputs later WHERE later.number > earlier.number) - 1 "
            "FROM (SELECT 0 AS number UNION ALL SELECT number FROM inputs) earlier "
            "WHERE number < ? AND NOT EXISTS (SELECT 1 FROM inputs later WHERE later.number = earlier.number + 1) "
            "LIMIT 3",
            (last,),
        )
        named = ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in gaps)
        advice = "take the latest copy of the file; what follows a snapshot behind the gap can still be replayed"
        yield Finding("fault", f"inputs are missing in the log: {named}", advice)
    else:
        yield Finding("ok", f"the log has {count:,} inputs without a gap")


def _snapshots(file: RunFile) -> Iterator[Finding]:
    numbers = [row[0] for row in file.select("SELECT input FROM snapshots ORDER BY input")]
    if not numbers:
        yield Finding("fault", "there is no snapshot, so nothing can go on from here", RECOVER)
        return
    if numbers[0] != 0:
        text = f"the snapshot of the beginning is missing, the first is of input {numbers[0]}"
        yield Finding("warning", text, "the run can go on; what was before is in the history alone")
    if numbers[-1] > file.latest_input:
        text = f"a snapshot is of input {numbers[-1]}, and the log ends with input {file.latest_input}"
        yield Finding("fault", text, RECOVER)
        return
    many = "s" if len(numbers) > 1 else ""
    yield Finding("ok", f"{len(numbers)} snapshot{many}, the latest after input {numbers[-1]:,}")


def _history(file: RunFile) -> Iterator[Finding]:
    reports = file.reports(replayed=False)
    if not len(reports):
        yield Finding("warning", "no student has reported yet")
        return
    students = set(reports.student.tolist())
    twice = len(reports) - len(reports.rows)
    if twice:
        yield Finding("fault", f"{twice} reports stand there twice", RECOVER)
    gaps = [
        student
        for student in students
        if (np.diff(reports.report[reports.student == student]) != 1).any()
    ]
    if gaps and not twice:
        named = ", ".join(map(str, sorted(gaps)[:5]))
        yield Finding("fault", f"reports of student {named} are missing or in another order", RECOVER)
    if int(reports.input.max()) > file.latest_input:
        yield Finding("fault", "the history has reports that the log has not", RECOVER)
    later = file.select("SELECT count(*) FROM events WHERE input > ?", (file.latest_input,))[0][0]
    if later:
        yield Finding("fault", f"the history has {later} events that the log has not", RECOVER)
    for _ in file.events():  # their JSON is read
        pass
    if not twice and not gaps:
        wide = ", whose hyperparameters are in the log alone, as in spaces of over 256 values" if reports.hyperparameters is None else ""
        yield Finding("ok", f"{len(reports):,} reports of {len(students)} students{wide}")
    unfinished = int((~np.isfinite(reports.loss)).sum())
    if unfinished == len(reports):
        yield Finding("warning", "no loss is finite", "look at what train returns")
    elif unfinished:
        yield Finding("ok", f"{unfinished:,} losses are NaN or infinite")
    if unfinished < len(reports) and best_student(standings(file, reports), file.maximises) is None:
        yield Finding("warning", "no student's latest loss is finite, so none is the best")


def _sessions(file: RunFile) -> Iterator[Finding]:
    sessions = file.sessions
    if not sessions:
        yield Finding("warning", "no session is noted")
        return
    last = sessions[-1]
    who = f"process {last.process} on {last.host}"
    if last.ended is not None:
        yield Finding("ok", f"the last of {len(sessions)} sessions ended {calendar(last.ended)}")
    elif last.is_alive:
        yield Finding("ok", f"{who} writes it now, since {calendar(last.began)}")
    elif last.is_alive is None:
        advice = f"if it is gone, open the run again: it goes on from its last report; look on {last.host}"
        yield Finding("warning", f"{who} writes it, or was killed", advice)
    else:
        advice = "open the run again: it goes on from its last report"
        yield Finding("warning", f"{who} was killed while it wrote", advice)


def _beside(file: RunFile) -> Iterator[Finding]:
    """Files beside the run's."""
    sessions = file.sessions
    alive = bool(sessions) and sessions[-1].is_alive is not False
    wal = file.path.with_name(file.path.name + "-wal")
    if wal.exists() and wal.stat().st_size > 0:
        size = f"{wal.name} holds {wal.stat().st_size:,} bytes that are not yet in the file"
        if alive:
            yield Finding("ok", size)
        else:
            advice = "keep it beside the file, also in copies; opening the run takes it in"
            yield Finding("warning", f"{size}: its process was killed", advice)
    lock = file.path.with_name(file.path.name + "-writer")
    try:
        lines = lock.read_text(errors="replace").splitlines()
    except OSError:
        return
    if len(lines) >= 3:
        try:
            lives = alive and process_exists(int(lines[0]))
        except ValueError:
            lives = False
        if lives:
            yield Finding("ok", f"{lock.name}: locked by process {lines[0]} on {lines[1]}, since {lines[2]}")
        else:
            yield Finding("ok", f"{lock.name} is left over from process {lines[0]} on {lines[1]}; it locks nothing now")


def _replay(file: RunFile, found: list[Population]) -> Iterator[Finding]:
    """Replays the log from the first snapshot, compares the state at each other one, and the history with the
    account at the end."""
    snapshots = file.select("SELECT input, bytes FROM snapshots ORDER BY input")
    if not snapshots:
        return
    start, data = snapshots[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            population = Population.load(data)
        done = start
        for input, data in [*snapshots[1:], (file.latest_input, b"")]:
            while done < input:
                inputs = file.select(
                    "SELECT number, bytes FROM inputs WHERE number > ? AND number <= ? ORDER BY number LIMIT 5000",
                    (done, input),
                )
                if not inputs:
                    break
                log = b"".join(row[1] for row in inputs)
                if population.replay(log) != len(log):
                    yield Finding("fault", f"an input between {done + 1} and {inputs[-1][0]} is cut short", RECOVER)
                    return
                done = inputs[-1][0]
            if data and population.save() != data:
                text = f"the log leads to another state than the snapshot after input {input}"
                advice = "if the library was changed meanwhile, go on with the one before; else: "
                yield Finding("fault", text, advice + RECOVER)
                return
    except Error as error:
        yield Finding("fault", f"the log can't be replayed: {error}", RECOVER)
        return
    found.append(population)
    yield Finding("ok", f"the log leads to the same state as each snapshot, to the bit, up to input {done:,}")
    if start != 0:
        return
    counted = {
        "reports": (population.count("training_reports"), "SELECT count(*) FROM reports"),
        "evaluations": (population.count("teacher_reports"), "SELECT count(*) FROM events WHERE kind = 'evaluated'"),
        "clones": (population.count("clones"), "SELECT count(*) FROM clones"),
    }
    different = [
        f"{name} {there:,}, in the log {int(count):,}"
        for name, (count, query) in counted.items()
        if (there := int(file.select(query)[0][0])) != int(count)
    ]
    if different:
        text = f"the history is not that of the log: {'; '.join(different)}"
        yield Finding("fault", text, "the run can go on; its page and its tables lack these rows")
    else:
        yield Finding("ok", "the history has what the log has")


def _checkpoints(file: RunFile, folder: Path, population: Population | None) -> Iterator[Finding]:
    """The states that the run goes on from, in the layout of ``hpm.Checkpoints``."""
    states = folder / "states"
    if not states.is_dir():
        yield Finding("fault", f"{folder} is no folder of hpm.Checkpoints", "give the one that the run was made with")
        return
    kept: set[tuple[int, int]] = set()
    kinds: Counter[str] = Counter()
    damaged = []
    for path in states.iterdir():
        match = re.fullmatch(r"(\d+)-(\d+)(?:-start)?", path.name)
        if match:
            try:
                content = json.loads(path.read_text())["content"]
                if not (folder / "contents" / str(content)).exists():
                    raise KeyError(content)
                kept.add((int(match[1]), int(match[2])))
                kinds["whole"] += 1
            except (OSError, ValueError, KeyError, TypeError):
                damaged.append(path.name)
    if damaged:
        named = ", ".join(sorted(damaged)[:5])
        advice = "take them from a copy of the folder; the library asks for them only if a student goes on from them"
        yield Finding("fault", f"{len(damaged)} checkpoints are damaged or have lost their content: {named}", advice)
    retired = file.retired()
    made = file.select("SELECT student, max(report) FROM reports GROUP BY student")
    needed = {(student, report) for student, report in made if student not in retired}
    if population is not None:
        for student, reports in made:
            needed |= {(student, r) for r in range(1, reports + 1) if not population.releasable(student, r)}
    missing = sorted(needed - kept)
    if missing:
        named = ", ".join(f"student {student} after report {report}" for student, report in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        advice = "give the folder that belongs to this file; without them these students begin anew"
        yield Finding("fault", f"checkpoints are missing that the run goes on from: {named}{more}", advice)
    elif not damaged:
        yield Finding("ok", f"{kinds['whole']} checkpoints, among them all {len(needed)} that the run goes on from")
