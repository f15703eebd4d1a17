"""Tables and pictures of the network benchmarks' results."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import pictures, statistics, tables
from .networks import COSTS, trace_path
from .pictures import plt

SCHEDULES = ("hpm", "stn")
"""The methods whose schedules are drawn."""
UNIT = "stn"
"""The method whose runtime is the unit."""
SUBJECT = "hpm"
"""The method that is compared with each other one."""


def final(rows: Sequence[Mapping]) -> list[Mapping]:
    """The last row of each run."""
    return [row for row in rows if row["share"] == 1 and row["seconds"] == row["seconds"]]


def mean(values: Sequence[float], digits: int = 3) -> str:
    """Mean ± standard deviation. A loss that is no number is infinite: a method does not gain by a run that diverged."""
    values = [value if value == value else math.inf for value in values]
    if not values:
        return "-"
    spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 and np.isfinite(values).all() else ""
    return f"{np.mean(values):.{digits}f}{spread}"


def quality(rows: Sequence[Mapping], order: Sequence[str], metric: str, prefix: str = "") -> str:
    """A row a method: losses and metrics, mean ± standard deviation over seeds."""
    loss = "checkpoint" if prefix else "validation"
    columns = {
        "validation loss": loss, "test loss": f"{prefix}test_loss", f"validation {metric}": f"{prefix}validation_metric",
        f"test {metric}": f"{prefix}test_metric",
    }
    lines = []
    for name in order:
        own = [row for row in rows if row["algorithm"] == name]
        lines.append([name, len(own), *(mean([row[column] for row in own]) for column in columns.values())])
    return tables.markdown(["method", "seeds", *columns], lines)


def runtime(rows: Sequence[Mapping], order: Sequence[str]) -> str:
    """A row a method: medians over seeds."""

    def median(name: str, value: Callable[[Mapping], float]) -> float:
        return float(np.median([value(row) for row in rows if row["algorithm"] == name] or [math.nan]))

    def spent(row: Mapping) -> float:
        return sum(row[name] for name in COSTS)

    unit = median(UNIT, lambda row: row["cpu_seconds"])
    lines = []
    for name in order:
        cpu = median(name, lambda row: row["cpu_seconds"])
        lines.append([
            name,
            f"{median(name, lambda row: row['seconds']):.1f}",
            f"{cpu:.1f}",
            f"{cpu / unit:.2f}" if unit == unit else "-",
            f"{median(name, lambda row: row['hypergradient_seconds'] / row['seconds']):.1%}",
            f"{median(name, lambda row: row['library_seconds'] / row['seconds']):.2%}",
            f"{median(name, lambda row: spent(row) / row['budget']):.1%}",
            f"{median(name, lambda row: row['hypergradient_cost'] / spent(row)):.1%}",
            f"{median(name, lambda row: row['teacher_cost'] / spent(row)):.1%}",
        ])
    return tables.markdown(
        ["method", "seconds", "CPU seconds", f"CPU time in units of `{UNIT}`", "hypergradients' share of the time",
         "library's share of the time", "budget used", "hypergradients' share of the cost", "teacher's share of the cost"],
        lines,
    )


def write_tables(rows: Sequence[Mapping], methods: Sequence[str], path: Path, metric: str = "metric") -> str:
    """The text, which goes to `path` too."""
    ended = final(rows)
    parts = []
    for problem in dict.fromkeys(row["problem"] for row in ended):
        # Runs on other shares of the budget are no repetitions.
        for budget in sorted({row["budget"] for row in ended if row["problem"] == problem}):
            own = [row for row in ended if row["problem"] == problem and row["budget"] == budget]
            order = [name for name in methods if any(row["algorithm"] == name for row in own)]
            parts += [
                f"## {problem}, {budget} gradient evaluations\n",
                "The best student by validation loss at the end; mean ± standard deviation over seeds:\n",
                quality(own, order, metric),
                "The best checkpoint by validation loss of the whole run:\n",
                quality(own, order, metric, "checkpoint_"),
                "Cost and time, medians over seeds. Seconds are wall-clock, on one thread where the device is the CPU:\n",
                runtime(own, order),
            ]
            if SUBJECT in order and len(order) > 1 and len({row["seed"] for row in own}) > 1:
                rivals = [name for name in order if name != SUBJECT]
                seeds = len({row["seed"] for row in own})
                parts += [
                    f"`{SUBJECT}` against each other method, by test loss at the end: wins-ties-losses over seeds, p of Wilcoxon's "
                    "test, the same after Holm's adjustment; a star below 0.05. "
                    f"The lowest p that {seeds} seeds can have is {0.5 ** (seeds - 1):.3g}, and {min(1.0, len(rivals) * 0.5 ** (seeds - 1)):.3g} "
                    "after the adjustment:\n",
                    tables.rival_comparisons(own, SUBJECT, rivals, value="test_loss"),
                ]
    text = "\n".join(parts)
    path.write_text(text)
    return text


def loss_over_cost(rows: Sequence[Mapping], order: Sequence[str], path: Path) -> None:
    """Validation loss of the best student over the cost, of one problem and budget."""
    curves: dict[str, dict[float, list[float]]] = {}
    for name in order:
        for row in rows:
            if row["algorithm"] == name:
                curves.setdefault(name, {}).setdefault(row["share"] * row["budget"], []).append(row["validation"])
    figure, axes = plt.subplots(figsize=(7.2, 4.6))
    pictures.bands(axes, curves, pictures.colors(list(order)), banded=[name for name in ("pbt", *SCHEDULES) if name in curves])
    values = [statistics.quartiles(points[cost]).median for points in curves.values() for cost in points]
    values = [value for value in values if np.isfinite(value)]
    if values:
        axes.set_ylim(min(values) * 0.97, float(np.percentile(values, 97)) * 1.03)
    axes.set_xlabel("gradient evaluations")
    axes.set_ylabel("validation loss")
    axes.grid(color="#e6e6e6")
    axes.legend(frameon=False, fontsize=8, ncols=2)
    figure.tight_layout()
    pictures.save(figure, path)


def schedules(traces: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Each hyperparameter of the best student's ancestors over the cost: a line a seed.

    Args:
        traces: Of each method those of its runs.
    """
    names = [str(name) for name in next(iter(traces.values()))[0]["names"]]
    styles = pictures.colors(list(traces))
    columns = min(5, len(names))
    height = -(-len(names) // columns)
    figure, grid = plt.subplots(height, columns, figsize=(2.7 * columns, 2.1 * height + 0.5), squeeze=False)
    for axes in grid.flat[len(names):]:
        axes.axis("off")
    for i, (axes, name) in enumerate(zip(grid.flat, names)):
        for method, runs in traces.items():
            for count, trace in enumerate(runs):
                line = trace["lineage"]
                began = np.flatnonzero(line >= 0)
                values = trace["hyperparameters"][began, line[began], i]
                axes.plot(trace["cost"][began], values, linewidth=1.2, alpha=0.8, label=method if count == 0 else None, **styles[method])
        axes.set_title(name.replace("_", " "), loc="left", fontsize=9)
        axes.tick_params(labelsize=7)
        axes.grid(color="#e6e6e6")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False)
    figure.tight_layout(rect=(0, 0.5 / (2.1 * height + 0.5), 1, 1))
    pictures.save(figure, path)


def write_pictures(rows: Sequence[Mapping], methods: Sequence[str], traces: Path, folder: Path) -> None:
    """`PROBLEM-loss-over-cost.png` and `PROBLEM-schedules.png` of each problem's largest budget."""
    for problem in dict.fromkeys(row["problem"] for row in rows):
        stem = problem.replace(" ", "-")
        budget = max(row["budget"] for row in rows if row["problem"] == problem)
        own = [row for row in rows if row["problem"] == problem and row["budget"] == budget]
        order = [name for name in methods if any(row["algorithm"] == name for row in own)]
        loss_over_cost(own, order, folder / f"{stem}-loss-over-cost.png")
        found = {}
        for name in SCHEDULES:
            ran = sorted({row["seed"] for row in own if row["algorithm"] == name})
            paths = [path for seed in ran if (path := trace_path(traces, problem, name, int(budget), seed)).exists()]
            if paths:
                found[name] = [dict(np.load(path)) for path in paths]
        if found:
            schedules(found, folder / f"{stem}-schedules.png")
