"""The teacher of `hpm` at other learning rates and widths: what it is worth, and how much it moves.

    python design/teacher.py run              # writes teacher.csv and goes on with it
    python design/teacher.py                  # its tables

`first` and `last` are the root mean square of (u' - u) / u, over the guided coordinates of the clones of the first and
the last exploit, u the latent coordinate before and u' after the mutation. Coordinates at u = 0 are not in it, since they
cannot move; `zero` is their share over the whole run, `top` that of those at u = 1, which can only go down.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1]), str(HERE.parents[2] / "bindings" / "python")]

from common import jobs, statistics, tables  # noqa: E402
from common.results import Results, read  # noqa: E402

TASKS = ("cleaning", "digits2", "logistic", "weights")
UNITS, RATES = (4, 16, 64), (0.03, 0.1, 0.3, 1.0, 3.0)
SEEDS = range(100, 105)
KEY = ("problem", "algorithm", "seed")
COLUMNS = KEY + ("units", "rate", "result", "checkpoint", "clones", "first", "last", "zero", "top", "cpu_seconds")
PATH = HERE / "teacher.csv"


def name_of(units: int, rate: float) -> str:
    return f"units {units}, rate {rate:g}"


class Watched:
    """A population that notes what each clone's hyperparameters were before and after its mutation."""

    def __init__(self, population, space):
        self.population, self.space = population, space
        self.report_all, self.report_cost = population.report_all, population.report_cost
        self.parents: dict[int, np.ndarray] = {}
        self.exploits: list[tuple[np.ndarray, np.ndarray]] = []
        """Of each: latent coordinates [clones, guided] before and after."""

    def next_all(self):
        from runner import CLONE, TRAIN

        actions, sources, h = self.population.next_all()
        if (actions == CLONE).any():
            # Where students already have clones under way they are of the same exploit.
            self.parents |= {k: h[k].copy() for k in map(int, np.flatnonzero(actions == CLONE))}
        elif (actions == TRAIN).all() and self.parents:
            guided, clones = self.space.guided, list(self.parents)
            before, after = self.space.latent(np.array([self.parents[k] for k in clones])), self.space.latent(h[clones])
            self.exploits.append((before[:, guided], after[:, guided]))
            self.parents = {}
        return actions, sources, h


def work(job: tuple[str, int, float, int]) -> list[dict]:
    """units 0: `hpm`, without a teacher."""
    problem, units, rate, seed = job
    import libhpm as hpm

    from runner import run
    from tasks import TASKS as BY_NAME

    watched = []

    def factory(space, students: int, seed: int, steps: int):
        options = {"teacher": "attention", "teacher_units": units, "teacher_learning_rate": rate} if units else {}
        population = hpm.Population(space.library(), population=students, seed=seed, steps=steps, algorithm="hpm", **options)
        watched.append(Watched(population, space))
        return watched[-1]

    result = run(BY_NAME[problem], factory, seed)
    row = {"problem": problem, "algorithm": name_of(units, rate) if units else "hpm", "seed": seed, "units": units, "rate": rate,
           "result": result.test, "checkpoint": result.checkpoint_test, "clones": result.calls["clone"],
           "cpu_seconds": result.cpu_seconds}
    if exploits := watched[0].exploits:
        # The maps to and from natural values round: 0 is what lies within a rounding of it.
        moved = [relative[np.isfinite(relative)] for relative in map(changes, exploits)]
        before = np.concatenate([pair[0].ravel() for pair in exploits])
        row |= {"first": rms(moved[0]), "last": rms(moved[-1]),
                "zero": np.mean(before < ROUNDING), "top": np.mean(before > 1 - ROUNDING)}
    return [row]


ROUNDING = 1e-9


def changes(exploit: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    before, after = exploit
    return np.where(before < ROUNDING, np.nan, (after - before) / np.where(before < ROUNDING, 1, before))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")


def report(rows: list[dict]) -> str:
    """Log-ratios to `hpm`, and how much the teacher moves: medians over seeds."""
    problems = [name for name in TASKS if any(row["problem"] == name for row in rows)]
    groups = statistics.collect(rows, "result", "algorithm", "problem")
    losses, moves = [], []
    for units in UNITS:
        for rate in RATES:
            name = name_of(units, rate)
            cells, moved = [], []
            for problem in problems:
                own = [row for row in rows if (row["algorithm"], row["problem"]) == (name, problem)]
                a, b = map(np.array, statistics.on_same_seeds(groups.get((name, problem), {}), groups.get(("hpm", problem), {})))
                if not a.size:
                    cells.append("-")
                    moved.append("-")
                    continue
                ratios = np.log(a / b)
                error = f" ± {ratios.std(ddof=1) / np.sqrt(a.size):.2f}" if a.size > 1 else ""
                cells.append(f"{ratios.mean():+.2f}{error} ({(a < b).sum()} of {a.size})")
                first, last, zero = (np.median([row[column] for row in own]) for column in ("first", "last", "zero"))
                moved.append(f"{first:.2g}, {last:.2g}; {zero:.1%}")
            losses.append([name, *cells])
            moves.append([name, *moved])
    return "\n".join((
        tables.markdown(["log-ratio to `hpm`", *problems], losses),
        tables.markdown(["change at the first exploit, at the last; share at u = 0", *problems], moves),
    ))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("run", "table"), default="table")
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--results", type=Path, default=PATH)
    chosen = parser.parse_args()
    failures = 0
    if chosen.what == "run":
        # The setting of today first, then its rates, then the widths; all seeds of one before the next.
        kinds = [(0, 0.0), *((units, rate) for units in (16, 4, 64) for rate in RATES)]
        with Results(chosen.results, COLUMNS, KEY) as results:
            todo = [
                (problem, units, rate, seed)
                for problem in chosen.tasks.split(",") for units, rate in kinds for seed in SEEDS
                if (problem, name_of(units, rate) if units else "hpm", seed) not in results.keys
            ]
            failures = jobs.run(todo, work, results, chosen.processes, environment=jobs.JAX_ONE_THREAD, label="teacher")
    print(report(read(chosen.results)))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
