"""What a durable report costs: libhpm's run files beside Optuna with SQLite, in one run.

    python reports.py [--reports 400] [--large 100000]

Twenty students with fifteen hyperparameters. A report of libhpm holds a hypergradient of fifteen numbers; one of Optuna
is the end of a trial (`tell`), and its next task is the beginning of one with fifteen parameters (`ask` and `suggest_float`),
with twenty trials in flight. `--large` measures a whole run: its file, opening it again, its history and its page.
Writes `reports.csv` beside this file.
"""

from __future__ import annotations

import argparse
import csv
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bindings" / "python"))

import numpy as np  # noqa: E402

import libhpm as hpm  # noqa: E402

STUDENTS, DIMENSION = 20, 15


def space() -> hpm.SearchSpace:
    return hpm.SearchSpace().add_block("h", DIMENSION, -1, 1)


def serve(population: hpm.Population, reports: int) -> tuple[list[float], list[float]]:
    """Seconds of each `next` and of each training report."""
    asked, answered = [], []
    while len(answered) < reports:
        for student in range(STUDENTS):
            before = time.perf_counter()
            task = population.next(student)
            between = time.perf_counter()
            if task.action in (hpm.Action.WAIT, hpm.Action.STOP):
                continue
            h = task.hyperparameters
            loss, gradient = float(h @ h), 2 * h
            started = time.perf_counter()
            population.report(student, loss, gradient)
            if task.action == hpm.Action.TRAIN:
                asked.append(between - before)
                answered.append(time.perf_counter() - started)
    return asked, answered


def of_libhpm(folder: Path, durability: str | None, reports: int) -> tuple[list[float], list[float]]:
    if durability is None:
        return serve(hpm.Population(space(), population=STUDENTS), reports)
    with hpm.Population.open(folder / f"{durability}.db", space(), population=STUDENTS, durability=durability) as population:
        return serve(population, reports)


def of_optuna(folder: Path, reports: int) -> tuple[list[float], list[float]]:
    import optuna

    optuna.logging.set_verbosity(logging.WARNING)
    study = optuna.create_study(storage=f"sqlite:///{folder / 'optuna.db'}", sampler=optuna.samplers.RandomSampler(0))
    asked, answered, flying = [], [], []

    def ask() -> None:
        started = time.perf_counter()
        trial = study.ask()
        values = [trial.suggest_float(f"h{i}", -1, 1) for i in range(DIMENSION)]
        asked.append(time.perf_counter() - started)
        flying.append((trial, values))

    for _ in range(STUDENTS):
        ask()
    while len(answered) < reports:
        trial, values = flying.pop(0)
        started = time.perf_counter()
        study.tell(trial, float(np.square(values).sum()))
        answered.append(time.perf_counter() - started)
        ask()
    return asked, answered


def of_a_large_run(folder: Path, reports: int) -> dict[str, float]:
    path = folder / "large.db"
    with hpm.Population.open(path, space(), population=STUDENTS, steps=reports // STUDENTS) as population:
        serve(population, reports)
    found = {"megabytes": os.path.getsize(path) / 1e6}

    def timed(name: str, call) -> None:
        started = time.perf_counter()
        call()
        found[name] = time.perf_counter() - started

    population = None

    def reopen() -> None:
        nonlocal population
        population = hpm.Population.open(path)

    timed("seconds to open", reopen)
    timed("seconds of history", lambda: population.history())
    timed("seconds of schedule", lambda: population.schedule())
    population.close()
    from libhpm.runs.page import write_page

    timed("seconds of page", lambda: write_page(path, folder / "large.html"))
    return found | {"megabytes of page": os.path.getsize(folder / "large.html") / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", default=400, type=int, help="of each; default: 400")
    parser.add_argument("--large", default=100_000, type=int, help="reports of the whole run; default: 100,000")
    chosen = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(dir=HERE) as name:  # a disk, where /tmp may be memory
        folder = Path(name)
        cases = {
            "libhpm, no file": lambda: of_libhpm(folder, None, chosen.reports),
            "libhpm, none": lambda: of_libhpm(folder, "none", chosen.reports),
            "libhpm, process": lambda: of_libhpm(folder, "process", chosen.reports),
            "libhpm, power": lambda: of_libhpm(folder, "power", chosen.reports),
            "optuna, sqlite": lambda: of_optuna(folder, min(chosen.reports, 200)),
        }
        for case, call in cases.items():
            for what, seconds in zip(("next", "report"), call()):
                low, middle, high = np.percentile(np.array(seconds) * 1e6, [5, 50, 95])
                rows.append({"case": case, "what": f"microseconds of {what}", "median": f"{middle:.3g}", "5%": f"{low:.3g}",
                             "95%": f"{high:.3g}", "count": len(seconds)})
                print(rows[-1], flush=True)
        for what, value in of_a_large_run(folder, chosen.large).items():
            rows.append({"case": "libhpm, process", "what": what, "median": f"{value:.3g}", "count": chosen.large})
            print(rows[-1], flush=True)
    with open(HERE / "reports.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["case", "what", "median", "5%", "95%", "count"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
