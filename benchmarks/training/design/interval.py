"""Rules for a default `interval` that knows `steps`, from runs with fixed intervals.

    python design/interval.py gather third=RESULTS.csv tenth=RESULTS.csv    # writes interval.csv
    python design/interval.py                                               # the tables of interval.md

A rule gives one interval for each number of steps, so its run is one of those with a fixed interval, by
`compare.py --variant "hpm 3:algorithm=hpm,interval=3"`, and nothing is run twice.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from common import statistics, tables  # noqa: E402
from common.results import field, read  # noqa: E402

STUDENTS = 10
REPORTS = {"cleaning": 100, "digits2": 100, "cifar": 60, "logistic": 50, "convolution": 40, "weights": 80}
"""Of each student where every report holds a hypergradient, on the whole budget."""
SHARES = {"third": 1 / 3, "tenth": 0.1}
"""Of the budget, as `compare.py --budget` gets them."""
ALGORITHMS = ("hpm", "hpm-no-teacher", "pbt")
GUIDED = ("hpm", "hpm-no-teacher")
DIVISORS = (8, 10, 16, 20)
REFERENCE = 5
COLUMNS = ("share", "problem", "algorithm", "steps", "interval", "seed", "result", "checkpoint", "validation", "clone_calls")


def steps_of(problem: str, algorithm: str, share: str) -> int:
    """Reports of each student, which the library is told as `steps`."""
    budget = int(26 * STUDENTS * REPORTS[problem] * SHARES[share])
    return budget // (STUDENTS * (26 if algorithm in GUIDED else 20))


def rule(steps: int, divisor: int) -> int:
    """clamp(round(steps / divisor), 1, 5), halves away from zero as in Swift."""
    return min(REFERENCE, max(1, int(steps / divisor + 0.5)))


def gather(sources: dict[str, str]) -> None:
    """The last row of each run."""
    runs = []
    for share, path in sources.items():
        for row in read(path):
            algorithm, _, interval = row["algorithm"].rpartition(" ")
            if row["clone_calls"] == row["clone_calls"]:
                runs.append({**row, "share": share, "algorithm": algorithm, "interval": int(interval),
                             "steps": steps_of(row["problem"], algorithm, share)})
    runs.sort(key=lambda run: (list(SHARES).index(run["share"]), ALGORITHMS.index(run["algorithm"]),
                               list(REPORTS).index(run["problem"]), run["interval"], run["seed"]))
    with open(HERE / "interval.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([field(run[name]) for name in COLUMNS] for run in runs)


def cell(pair: tuple[list[float], list[float]]) -> str:
    """Median of the differences, Wilcoxon's p, number of pairs."""
    found = statistics.paired(*pair)
    return f"{found.difference:+.3f} (p {found.wilcoxon:.2g}, {found.pairs})"


def table(groups: dict, algorithm: str, share: str, choices: dict) -> str:
    """A row for each choice of an interval by the number of steps, where it was run; `all` pools the seeds of all
    tasks that were run and whose interval it changes."""
    lines = []
    for name, choose in choices.items():
        cells, everything = [name], ([], [])
        for problem in REPORTS:
            interval = choose(steps_of(problem, algorithm, share))
            runs = groups.get((share, algorithm, problem, interval), {})
            pair = statistics.on_same_seeds(runs, groups.get((share, algorithm, problem, REFERENCE), {}))
            if interval == REFERENCE:
                cells.append("same")
            elif not pair[0]:
                cells.append("not run")
            else:
                cells.append(f"{interval}: {cell(pair)}")
                everything = tuple(whole + part for whole, part in zip(everything, pair))
        if everything[0]:
            lines.append([*cells, cell(everything)])
    steps = [f"{problem}, {steps_of(problem, algorithm, share)}" for problem in REPORTS]
    return tables.markdown([f"{algorithm}, {share}", *steps, "all"], lines)


def report(first: int, last: int) -> str:
    """Tables of the runs with these seeds."""
    runs = [run for run in read(HERE / "interval.csv") if first <= run["seed"] <= last]
    for run in runs:
        run["log"] = float(np.log(run["result"])) if run["result"] > 0 else float("nan")
    groups = statistics.collect(runs, "log", "share", "algorithm", "problem", "interval")
    rules = {f"c = {divisor}": lambda steps, divisor=divisor: rule(steps, divisor) for divisor in DIVISORS}
    fixed = {f"interval {interval}": lambda steps, interval=interval: interval for interval in range(1, REFERENCE)}
    return "\n".join(
        table(groups, algorithm, share, rules | fixed)
        for algorithm in ALGORITHMS for share in SHARES
        if any(run["share"] == share and run["algorithm"] == algorithm for run in runs)
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["gather"]:
        gather(dict(argument.split("=", 1) for argument in sys.argv[2:]))
    else:
        for first, last in ((100, 199), (0, 9)):
            print(f"### Seeds from {first}\n\n{report(first, last)}")
