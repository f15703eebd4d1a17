"""Real models under both schedules: benchmarks/training with training times that vary, on a virtual clock.

    python benchmarks/schedule/train.py [--tasks NAMES] [--methods NAMES] [--seeds 0-9] [--results FILE] [--report]

Goes on with the results that it finds, then writes training.md and loss-over-time.png beside them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = map(str, [HERE, HERE.parent, HERE.parent / "training", HERE.parents[1] / "bindings" / "python"])

from clock import Prices, Run, Times, simulate  # noqa: E402
from common import jobs, statistics, tables  # noqa: E402
from common.results import Results, read  # noqa: E402
from common.arguments import seeds  # noqa: E402
from methods import KNOWN  # noqa: E402

RESULTS = HERE / "results" / "training.csv"
KEY = ("problem", "algorithm", "schedule", "end", "sigma", "budget", "seed", "draw")
COLUMNS = KEY + (
    "time",  # when that budget was spent, in mean times of a report with hypergradient
    "result",  # test loss of the student that is the best on the validation set by then
    "checkpoint",  # of the best checkpoint by then
    "validation",  # validation loss of the first
    # Of the whole run, in its last row alone:
    "utilisation",  # each worker until its own last report
    "utilisation_to_the_end",  # all workers until the last report of all
    "reports", "clones", "evaluations", "seconds",
)
TASKS, SIGMAS = ("cleaning", "digits2", "weights"), (0.5, 1.0)
ROWS = 10
"""Of a run, at so many shares of its reports."""
SCHEDULES = (("synchronous", "each"), ("asynchronous", "each"), ("asynchronous", "all"))
"""With when a run ends: each student has made its reports, or all together have made as many as that makes."""
DRAWS = 3
"""Of the times, for each seed, where they change the result and each student makes its reports."""


class Models:
    """The students of a task as a trainer of the simulation."""

    def __init__(self, task, seed: int, hypergradient: bool):
        import jax
        import trainer as training
        from task import STUDENTS

        self.hypergradient, self.task, self.seed = hypergradient, task, seed
        self.compiled, self.data = training.trainer(task.name), training.data(task.name, seed)
        state = self.compiled.start(seed, 0)
        self.states = [jax.tree.map(lambda x, k=k: x[k], state) for k in range(STUDENTS)]
        self.losses = np.full(STUDENTS, np.inf)
        """On the validation set, of each student's last report; of a clone its source's."""
        self.checkpoints: dict[tuple[int, int], tuple] = {}
        self.evaluations = 0

    def train(self, student: int, report: int, h: np.ndarray) -> tuple[float, np.ndarray | None]:
        arguments = self.states[student], h.astype(np.float32), self.data, self.seed, report, student
        if self.hypergradient:
            state, loss, slope = self.compiled.report_one(*arguments)
            slope = np.array(slope, dtype=np.float64)
            slope[~self.task.space.guided] = np.nan
        else:
            (state, loss), slope = self.compiled.report_one_without(*arguments), None
        loss = float(loss)
        self.states[student] = state
        self.losses[student] = loss if np.isfinite(loss) else np.inf
        self.checkpoints[student, report] = state, self.losses[student]
        return loss, slope

    def clone(self, student: int, source: int, report: int) -> None:
        self.states[student], self.losses[student] = self.checkpoints[source, report]

    def evaluate(self, source: int, report: int | None, h: np.ndarray) -> tuple[float, np.ndarray | None]:
        self.evaluations += 1
        state = self.states[source] if report is None else self.checkpoints[source, report][0]
        loss, slope = self.compiled.evaluate_one(
            state, h.astype(np.float32), self.data, self.seed, self.evaluations, source
        )
        slope = np.array(slope, dtype=np.float64)
        slope[~self.task.space.guided] = np.nan
        return float(loss), slope

    def restart(self, student: int) -> None:
        raise NotImplementedError("methods of one trial alone")

    def release(self, student: int, report: int) -> None:
        del self.checkpoints[student, report]

    def test(self, student: int) -> float:
        return float(self.compiled.test_one(self.states[student], self.data))


def run(
    name: str, method_name: str, schedule: str, end: str, sigma: float, seed: int, draw: int = 0, share: float = 1.0
) -> tuple[Run, list[dict]]:
    """A run and its rows; the cost of evaluations comes on top of the budget."""
    from task import HYPERGRADIENT_COST, STUDENTS, TRAINING_COST
    from tasks import TASKS as ALL

    task, method = ALL[name], KNOWN[method_name]
    cost = TRAINING_COST + method.hypergradient * HYPERGRADIENT_COST
    steps = int(task.budget * share) // (STUDENTS * cost)
    total = STUDENTS * steps
    options = {"algorithm": method.name, **method.options, "schedule": schedule}
    factory = replace(method, options=options).factory(name)
    population = factory(task.space, STUDENTS, seed, steps if end == "each" else 0)
    models = Models(task, seed, method.hypergradient)
    unit = TRAINING_COST + HYPERGRADIENT_COST
    prices = Prices(TRAINING_COST / unit, HYPERGRADIENT_COST / unit, HYPERGRADIENT_COST / unit)
    rows: list[dict] = []
    checkpoint = np.inf, np.inf
    made = 0

    def visit(now: float, student: int, report: int, h: np.ndarray, loss: float) -> None:
        nonlocal checkpoint, made
        made += 1
        if models.losses[student] < checkpoint[0]:
            checkpoint = float(models.losses[student]), models.test(student)
        if made >= total * (len(rows) + 1) / ROWS:
            best = int(models.losses.argmin())
            rows.append({
                "problem": name, "algorithm": method.name, "schedule": schedule, "end": end, "sigma": sigma,
                "budget": made * cost, "seed": seed, "draw": draw, "time": now, "result": models.test(best),
                "checkpoint": checkpoint[1], "validation": float(models.losses[best]),
            })

    times = Times(seed + 1000 * draw, sigma)
    return simulate(population, models, times, prices, total if end == "all" else None, visit), rows


def work(job: tuple) -> list[dict]:
    began = time.perf_counter()
    found, rows = run(*job)
    if job[2] == "asynchronous" and found.waits:
        raise AssertionError(f"asynchronous, but {found.waits} times told to wait")
    rows[-1] |= {
        "utilisation": found.utilisation, "utilisation_to_the_end": found.utilisation_to_the_end,
        "reports": found.reports, "clones": found.clones, "evaluations": found.evaluations,
        "seconds": time.perf_counter() - began,
    }
    return rows


# ---- tables -------------------------------------------------------------------------------------------------

NAMES = {
    ("synchronous", "each"): "synchronous",
    ("asynchronous", "each"): "asynchronous",
    ("asynchronous", "all"): "asynchronous, all together",
}


def final(rows: Sequence[dict]) -> list[dict]:
    """The last row of each run."""
    return [row for row in rows if row["reports"] == row["reports"]]


def comparison(rows: Sequence[dict], value: str) -> str:
    """The schedules of each method on each task: medians with quartiles over seeds and draws, whether the median
    lies between the quartiles of the synchronous runs, and the pairs of equal seed, of whose draws the geometric mean
    counts."""
    groups: dict[tuple, dict[int, list[float]]] = {}
    for row in rows:
        key = row["problem"], row["algorithm"], row["sigma"], (row["schedule"], row["end"])
        groups.setdefault(key, {}).setdefault(row["seed"], []).append(row[value])
    lines = []
    for run in dict.fromkeys(key[:3] for key in groups):
        base = groups.get((*run, ("synchronous", "each")), {})
        spread = statistics.quartiles(np.concatenate([*base.values(), []]))
        for way, name in NAMES.items():
            if (*run, way) not in groups:
                continue
            own = groups[*run, way]
            q = statistics.quartiles(np.concatenate([*own.values()]))
            spread_text = f"{q.median:.3f} [{q.lower:.3f} {q.upper:.3f}]"
            cells = [*run[:2], f"{run[2]:g}", name, sum(map(len, own.values())), spread_text]
            if base and way != ("synchronous", "each"):
                pair = statistics.on_same_seeds(*(
                    {seed: np.exp(np.mean(np.log(found))) for seed, found in side.items()} for side in (own, base)
                ))
                test = statistics.paired(*pair)
                ratios = np.log(np.divide(*map(np.asarray, pair)))
                error = ratios.std(ddof=1) / np.sqrt(len(ratios)) if len(ratios) > 1 else float("nan")
                where = "above" if q.median > spread.upper else "below" if q.median < spread.lower else "within"
                cells += [
                    where, f"{ratios.mean():+.3f} ± {error:.3f}", f"{test.wins}-{test.ties}-{test.losses}",
                    tables.p_value(test.wilcoxon),
                ]
            lines.append([*cells, *("" for _ in range(10 - len(cells)))])
    return tables.markdown([
        "task", "method", "sigma", "schedule", "runs", "median [quartiles]", "median to the synchronous quartiles",
        "mean log-ratio to synchronous", "wins-ties-losses", "Wilcoxon's p",
    ], lines)


def clocks(rows: Sequence[dict]) -> str:
    """What the runs took: medians over seeds."""
    lines = []
    for problem, algorithm, sigma in dict.fromkeys((r["problem"], r["algorithm"], r["sigma"]) for r in rows):
        for way, name in NAMES.items():
            own = [
                row for row in rows
                if (row["problem"], row["algorithm"], row["sigma"], row["schedule"], row["end"])
                == (problem, algorithm, sigma, *way)
            ]
            if own:
                values = [
                    statistics.quartiles(row[column] for row in own).median
                    for column in ("time", "utilisation", "utilisation_to_the_end", "clones", "evaluations", "seconds")
                ]
                lines.append([problem, algorithm, f"{sigma:g}", name, *(tables.figure(v, 3) for v in values)])
    return tables.markdown([
        "task", "method", "sigma", "schedule", "time", "utilisation", "to the end", "clones", "evaluations", "seconds",
    ], lines)


def write_tables(rows: Sequence[dict], path: Path) -> str:
    ended = final(rows)
    text = "\n".join([
        "Test loss of the student that is the best on the validation set at the end:\n", comparison(ended, "result"),
        "Of the best checkpoint of the whole run:\n", comparison(ended, "checkpoint"),
        "Medians over seeds; time in mean times of a report with hypergradient, seconds as measured here:\n",
        clocks(ended),
    ])
    path.write_text(text)
    return text


def picture(rows: Sequence[dict], path: Path, algorithm: str = "hpm", sigma: float = 1.0) -> None:
    """Test loss over the time on the clock: medians over seeds at each share of the reports, with quartiles."""
    from common import pictures
    from common.pictures import plt

    chosen = [row for row in rows if row["algorithm"] == algorithm and row["sigma"] == sigma]
    problems = list(dict.fromkeys(row["problem"] for row in chosen))
    if not problems:
        return
    styles = pictures.colors(list(NAMES.values()))
    figure, grid = plt.subplots(1, len(problems), figsize=(4.6 * len(problems), 4.1), squeeze=False)
    for axes, problem in zip(grid.flat, problems):
        for way, name in NAMES.items():
            own = [r for r in chosen if (r["problem"], r["schedule"], r["end"]) == (problem, *way)]
            budgets = sorted({row["budget"] for row in own})
            at = [[row for row in own if row["budget"] == budget] for budget in budgets]
            times = [statistics.quartiles(row["time"] for row in group).median for group in at]
            found = np.array([statistics.quartiles(row["result"] for row in group) for group in at]).reshape(-1, 3)
            axes.plot(times, found[:, 1], label=name, marker="o", markersize=2.5, linewidth=1.8, **styles[name])
            axes.fill_between(times, found[:, 0], found[:, 2], color=styles[name]["color"], alpha=0.15, linewidth=0)
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(plt.MaxNLocator(5))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(plt.NullLocator())
        axes.set(xlabel="time, in mean times of a report", ylabel="test loss")
        axes.set_title(problem, loc="left")
        axes.grid(color="#e6e6e6")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=3, frameon=False)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    pictures.save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--methods", default="hpm", help="of benchmarks/training/methods.py, those of one trial")
    parser.add_argument("--seeds", default="0-9", type=seeds)
    parser.add_argument("--share", default=1.0, type=float, help="of each task's budget")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--report", action="store_true", help="the tables of what there is, no runs")
    chosen = parser.parse_args()
    failures = 0
    if not chosen.report:
        with Results(chosen.results, COLUMNS, KEY) as results:
            done = {key[:5] + key[6:] for key in results.keys}
            todo = [
                (task, method, *way, sigma, seed, draw, chosen.share)
                for task in chosen.tasks.split(",") for seed in chosen.seeds for method in chosen.methods.split(",")
                for sigma in SIGMAS for way in SCHEDULES
                for draw in range(DRAWS if way == ("asynchronous", "each") else 1)
                if (task, method, *way, sigma, seed, draw) not in done
            ]
            failures = jobs.run(todo, work, results, chosen.processes, environment=jobs.JAX_ONE_THREAD, label="training")
    rows = read(chosen.results)
    folder = chosen.results.parent
    print(write_tables(rows, folder / "training.md"))
    picture(rows, folder / "loss-over-time.png")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
