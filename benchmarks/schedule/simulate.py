"""Wall clock of the schedules: all algorithms with training times that vary, on a virtual clock.

    python benchmarks/schedule/simulate.py [--quick] [--results FILE] [--report]

Goes on with the results that it finds, then writes tables.md beside them.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = map(str, [HERE, HERE.parent, HERE.parent / "landscapes", HERE.parents[1] / "bindings" / "python"])

import libhpm as hpm  # noqa: E402
import moving  # noqa: E402
from clock import Prices, Run, Times, simulate  # noqa: E402
from common import jobs, statistics, tables  # noqa: E402
from common.results import Results, read  # noqa: E402
from libhpm._library import functions  # noqa: E402

RESULTS = HERE / "results" / "simulated.csv"
KEY = ("algorithm", "schedule", "end", "charged", "sigma", "students", "seed")
COLUMNS = KEY + (
    "makespan",  # in mean times of an interval
    "ratio",  # of the makespan to that of asynchronous pbt with the same end, price and times
    "utilisation",  # each worker until its own last report
    "utilisation_to_the_end",  # all workers until the last report of all
    "reports", "evaluations", "clones", "restarts", "waits",
)
STEPS, TRIAL = 100, 20
SIGMAS, STUDENTS, SEEDS = (0.5, 1.0), (8, 20, 64), range(10)
SLOW, SLOW_SEEDS = {"bayesian", "pb2"}, range(3)
"""Whose Gaussian processes take up to 13 seconds of a processor for a run of the largest population: fewer seeds."""
WITHOUT_HYPERGRADIENT = {"pbt", "pb2", "mf-pbt", "reinforced", "random", "bayesian"}
# As on benchmarks/training: 20 optimizer steps to a report, of which the last 2 are differentiated at 3 each; an
# evaluation makes those 2 alone.
SHARE = 6 / 20
CHARGED = {
    "training": Prices(),
    "evaluations": Prices(evaluation=SHARE),
    "everything": Prices(evaluation=SHARE, hypergradient=SHARE),
}
SCHEDULES = (("synchronous", "each"), ("asynchronous", "each"), ("asynchronous", "all"))
"""With when a run ends: each student has made STEPS reports, or all together have made as many as that makes."""


def algorithms() -> list[str]:
    """Those that the library has."""
    names = map(functions.hpm_algorithm_name, itertools.count())
    return [name.decode() for name in itertools.takewhile(lambda name: name is not None, names)]


class MovingWeights:
    """The toy problem of benchmarks/landscapes/moving.py as a trainer: losses of weights that clones take along."""

    def __init__(self, students: int, hypergradient: bool):
        self.hypergradient = hypergradient
        self.weights = [np.full(moving.DIMENSION, moving.START) for _ in range(students)]
        self.checkpoints: dict[tuple[int, int], np.ndarray] = {}

    def _report(self, weights: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, float, np.ndarray | None]:
        after, losses, slopes = moving.train(weights[None], h[None])
        return after[0], float(losses[0]), slopes[0] if self.hypergradient else None

    def train(self, student: int, report: int, h: np.ndarray) -> tuple[float, np.ndarray | None]:
        after, loss, slope = self._report(self.weights[student], h)
        self.weights[student] = self.checkpoints[student, report] = after
        return loss, slope

    def clone(self, student: int, source: int, report: int) -> None:
        self.weights[student] = self.checkpoints[source, report]

    def evaluate(self, source: int, report: int | None, h: np.ndarray) -> tuple[float, np.ndarray | None]:
        state = self.weights[source] if report is None else self.checkpoints[source, report]
        return self._report(state, h)[1:]

    def restart(self, student: int) -> None:
        self.weights[student] = np.full(moving.DIMENSION, moving.START)

    def release(self, student: int, report: int) -> None:
        del self.checkpoints[student, report]


def population_of(algorithm: str, schedule: str, end: str, students: int, seed: int) -> hpm.Population:
    options = {"trial": TRIAL} if algorithm in ("random", "bayesian") else {}
    return hpm.Population(
        hpm.SearchSpace().add_block("h", moving.DIMENSION, 0, 1), algorithm=algorithm, population=students, seed=seed,
        schedule=schedule, steps=STEPS if end == "each" else 0, **options,
    )


def work(job: tuple[float, int, int, Sequence[str]]) -> list[dict]:
    """All runs with the same times."""
    sigma, students, seed, names = job
    rows: list[dict] = []
    reference: dict[tuple[str, str], float] = {}
    for algorithm in ["pbt", *(name for name in names if name != "pbt")]:
        hypergradient = algorithm not in WITHOUT_HYPERGRADIENT
        for schedule, end in reversed(SCHEDULES):
            made: dict[Prices, Run] = {}
            for charged, prices in CHARGED.items():
                population = population_of(algorithm, schedule, end, students, seed)
                if hpm.Action.EVALUATE not in population.actions:
                    prices = replace(prices, evaluation=0.0)
                if not hypergradient:
                    prices = replace(prices, hypergradient=0.0)
                if prices not in made:
                    made[prices] = simulate(
                        population, MovingWeights(students, hypergradient), Times(seed, sigma), prices,
                        STEPS * students if end == "all" else None,
                    )
                run = made[prices]
                if schedule == "asynchronous" and run.waits:
                    raise AssertionError(f"{algorithm}: asynchronous, but {run.waits} times told to wait")
                if run.reports != STEPS * students:
                    raise AssertionError(f"{algorithm}: {run.reports} reports instead of {STEPS * students}")
                if algorithm == "pbt" and schedule == "asynchronous":
                    reference[charged, end] = run.makespan
                rows.append({
                    "algorithm": algorithm, "schedule": schedule, "end": end, "charged": charged, "sigma": sigma,
                    "students": students, "seed": seed, "makespan": run.makespan,
                    "ratio": run.makespan / reference[charged, end], "utilisation": run.utilisation,
                    "utilisation_to_the_end": run.utilisation_to_the_end, "reports": run.reports,
                    "evaluations": run.evaluations, "clones": run.clones, "restarts": run.restarts,
                    "waits": run.waits,
                })
    return rows


# ---- tables -------------------------------------------------------------------------------------------------


def cell(rows: Sequence[Mapping], value: str, digits: int = 3) -> str:
    """Median over seeds, and the lowest and highest where they differ."""
    values = [row[value] for row in rows]
    if not values:
        return "-"
    three = min(values), statistics.quartiles(values).median, max(values)
    low, median, high = (tables.figure(x, digits) for x in three)
    return median if low == high else f"{median} [{low} {high}]"


def pick(rows: Sequence[Mapping], **fixed: object) -> list[Mapping]:
    return [row for row in rows if all(row[name] == value for name, value in fixed.items())]


def by_size(rows: Sequence[Mapping]) -> list[tuple[float, int]]:
    return sorted({(row["sigma"], row["students"]) for row in rows})


def schedules_table(rows: Sequence[Mapping]) -> str:
    """Both schedules with training alone charged, of pbt: all algorithms take the same time."""
    lines = []
    for sigma, students in by_size(rows):
        own = pick(rows, algorithm="pbt", charged="training", sigma=sigma, students=students)
        each, alike = pick(own, schedule="asynchronous", end="each"), pick(own, schedule="asynchronous", end="all")
        synchronous = pick(own, schedule="synchronous")
        lines.append([
            f"{sigma:g}", students, cell(each, "makespan"), cell(each, "utilisation"),
            cell(each, "utilisation_to_the_end"), cell(alike, "makespan"), cell(alike, "utilisation_to_the_end"),
            cell(synchronous, "makespan"), cell(synchronous, "utilisation"), cell(synchronous, "ratio"),
        ])
    return tables.markdown([
        "sigma", "students", "asynchronous: makespan", "utilisation", "to the end", "all together: makespan",
        "to the end", "synchronous: makespan", "utilisation", "ratio",
    ], lines)


def algorithms_table(rows: Sequence[Mapping], value: str = "ratio", **fixed: object) -> str:
    """A row for each algorithm, and one for all that have the same figures."""
    chosen = pick(rows, **fixed)
    sizes = by_size(chosen)
    lines: dict[tuple[str, ...], list[str]] = {}
    for name in algorithms():
        own = pick(chosen, algorithm=name)
        if own:
            cells = tuple(cell(pick(own, sigma=sigma, students=students), value) for sigma, students in sizes)
            lines.setdefault(cells, []).append(name)
    table = [[", ".join(names), *cells] for cells, names in lines.items()]
    return tables.markdown(["", *(f"sigma {sigma:g}, {students}" for sigma, students in sizes)], table)


def distance_from_pbt(rows: Sequence[Mapping]) -> float:
    """The largest of a makespan, relative, with training alone charged: over all algorithms, schedules and seeds."""
    places = KEY[1:]
    training = pick(rows, charged="training")
    pbt = {tuple(row[name] for name in places): row["makespan"] for row in pick(training, algorithm="pbt")}
    return max(abs(row["makespan"] / pbt[tuple(row[name] for name in places)] - 1) for row in training)


def write_tables(rows: Sequence[Mapping], path: Path) -> str:
    parts = [
        f"A cell: median over seeds [lowest highest]. Time 1: the mean of the training between two reports; {STEPS} of "
        "them for each student. Ratio: to asynchronous `pbt`. `bayesian` and `pb2` have fewer seeds with "
        f"{max(STUDENTS)} students.\n",
        "Training alone charged; all algorithms take the same time (largest relative difference to `pbt`, over all "
        f"seeds: {distance_from_pbt(rows):.1g}):\n",
        schedules_table(rows),
    ]
    additions = {"evaluations": "the teacher's evaluations", "everything": "evaluations and hypergradients"}
    for charged, what in additions.items():
        for schedule, end in SCHEDULES[::-1]:
            together = ", all together" if end == "all" else ""
            parts += [
                f"Ratio with {what} charged, too, {schedule}{together}:\n",
                algorithms_table(rows, charged=charged, schedule=schedule, end=end),
            ]
    for value, what in (("evaluations", "Evaluations"), ("clones", "Clones")):
        for schedule in ("asynchronous", "synchronous"):
            parts += [
                f"{what}, {schedule}, training alone charged:\n",
                algorithms_table(rows, value, charged="training", schedule=schedule, end="each"),
            ]
    text = "\n".join(parts)
    path.write_text(text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--algorithms", default="all", help="separated by commas; pbt is always among them")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="hpm, hpm-paper and pbt with 8 students, two seeds")
    parser.add_argument("--report", action="store_true", help="the tables of what there is, no runs")
    chosen = parser.parse_args()
    names = algorithms() if chosen.algorithms == "all" else chosen.algorithms.split(",")
    students, seeds = STUDENTS, SEEDS
    if chosen.quick:
        names, students, seeds = ["hpm", "hpm-paper", "pbt"], STUDENTS[:1], SEEDS[:2]
    for name in set(names) - set(algorithms()):
        parser.error(f"unknown algorithm '{name}'; there are {', '.join(algorithms())}")
    failures = 0
    if not chosen.report:
        with Results(chosen.results, COLUMNS, KEY) as results:
            todo = []
            for size, seed, sigma in itertools.product(students, seeds, SIGMAS):
                wanted = [
                    name for name in names if name not in SLOW or size < max(STUDENTS) or seed in SLOW_SEEDS
                ]
                ways = list(itertools.product(SCHEDULES, CHARGED))
                missing = [
                    name for name in wanted
                    if any((name, *way, charged, sigma, size, seed) not in results.keys for way, charged in ways)
                ]
                if missing:
                    todo.append((sigma, size, seed, missing))
            failures = jobs.run(todo, work, results, chosen.processes, label="schedule")
    print(write_tables(read(chosen.results), chosen.results.parent / "tables.md"))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
