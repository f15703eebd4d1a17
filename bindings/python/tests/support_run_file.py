"""Run files for tests: short runs of real populations, and long ones that are made of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libhpm as hpm
import numpy as np

NOBODY = 2**22 + 1
"""A process that can't be: above Linux's largest number."""


def bowl(student: int, report: int, h: np.ndarray) -> tuple[float, np.ndarray]:
    """A loss, with its hypergradient, that falls with training and is least where log10 of each value is -2."""
    distance = np.log10(np.maximum(h, 1e-12)) + 2
    slope = 2 * distance / np.maximum(h, 1e-12) / np.log(10)
    return float((distance**2).sum() + 1 + 5 / report + 0.1 * np.sin(7 * student + report)), slope


def mixed() -> hpm.SearchSpace:
    """One of each kind of parameter, 8 values."""
    space = hpm.SearchSpace().add_real("rate", 1e-4, 1.0, "log", initial=0.1, role="learning_rate")
    space.add_real("momentum", 0.1, 0.99, "logit").add_real("dropout", 0.0, 0.9)
    space.add_integer("batch", 8, 256, "log").add_choice("optimizer", ["sgd", "adam", "größe <b>"])
    return space.add_block("weights", 3, 1e-3, 1.0, "log")


def drive(
    population: hpm.Population, loss: Callable[[int, int, np.ndarray], Any] = bowl, tasks: int | None = None
) -> hpm.Population:
    """Does the tasks of the students in turn, up to the end, or some of them.

    Args:
        loss: ``loss(student, report, h)``: the loss, or with a hypergradient.
    """
    done, student = 0, 0
    stopped: set[int] = set()
    while len(stopped) < population.size and (tasks is None or done < tasks):
        task = population.next(student)
        if task.action == hpm.Action.STOP:
            stopped.add(student)
        elif task.action != hpm.Action.WAIT:
            done += 1
            outcome: Any = np.nan
            if task.action in (hpm.Action.TRAIN, hpm.Action.EVALUATE):
                outcome = loss(student, population.reports(student) + 1, task.hyperparameters)
            population.report(student, *(outcome if isinstance(outcome, tuple) else (outcome,)))
        student = (student + 1) % population.size
    return population


def make(
    path: Path,
    space: hpm.SearchSpace | None = None,
    loss: Callable[[int, int, np.ndarray], Any] = bowl,
    tasks: int | None = None,
    killed: bool = False,
    **options: Any,
) -> Path:
    """A run's file, written to its end, or for some tasks.

    Args:
        killed: Whether the file is as of a process that was killed.
    """
    options = {"population": 6, "steps": 20, "seed": 1, **options}
    # What it does is asked for by options alone, and nothing has to survive a crash.
    with hpm.Population.open(path, mixed() if space is None else space, durability="none", **options) as population:
        drive(population, loss, tasks)
    if killed:
        change(path, f"UPDATE sessions SET ended = NULL, process = {NOBODY}")
    return path


def change(path: Path, *statements: str) -> None:
    """Changes a file by hand."""
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def stretch(path: Path, times: int) -> None:
    """Makes the run `times` as long: its rows follow themselves, each time with later reports and times."""
    db = sqlite3.connect(path)
    (steps,) = db.execute("SELECT max(report) FROM reports").fetchone()
    (span,) = db.execute("SELECT max(time) - min(time) + 1 FROM reports").fetchone()
    copies = f"WITH RECURSIVE again(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM again WHERE k < {times - 1}) "
    for table in ("reports", "events", "clones"):
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        (last,) = db.execute(f"SELECT ifnull(max(number), 0) FROM {table}").fetchone()
        moved = {
            "number": f"number + k * {last}",
            "report": f"report + k * {steps}",
            "source_report": f"source_report + k * {steps}",
            "time": f"time + k * {span}",
        }
        if table == "reports":
            moved["loss"] = "loss / (1 + 0.01 * k) + 0.1 * abs(random() / 9.3e18)"
        chosen = ", ".join(moved.get(column, column) for column in columns)
        where = "WHERE kind <> 'stopped'" if table == "events" else ""
        db.execute(f"{copies} INSERT INTO {table} SELECT {chosen} FROM {table}, again {where} ORDER BY k, number")
    db.execute("UPDATE options SET value = ? WHERE name = 'steps'", (str(steps * times),))
    db.commit()
    db.close()
