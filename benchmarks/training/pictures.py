"""Pictures of the runs: loss over cost, and the schedules that were found."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from common import pictures, statistics, tables

SHOWN = ("defaults", "random", "pbt", "pb2", "mf-pbt", "bayesian", "hypergradient", "hpm-no-teacher", "hpm-paper", "hpm")
"""In the pictures of loss over cost, where more lines could not be told apart."""


def loss_over_cost(rows: list[dict], order: list[str], folder: Path) -> None:
    from tasks import TASKS

    tasks = [name for name in TASKS if any(row["problem"] == name for row in rows)]
    present = {row["algorithm"] for row in rows}
    names = [name for name in SHOWN if name in present] or [name for name in order if name in present]
    styles = pictures.colors(names)
    columns = min(len(tasks), 3)
    height = -(-len(tasks) // columns)
    figure, grid = plt.subplots(height, columns, figsize=(4.6 * columns, 3.6 * height + 0.9), squeeze=False)
    for axes in grid.flat[len(tasks):]:
        axes.axis("off")
    for axes, task in zip(grid.flat, tasks):
        curves: dict = {name: {} for name in names}
        for row in rows:
            if row["problem"] == task and row["algorithm"] in curves:
                curves[row["algorithm"]].setdefault(row["budget"], []).append(row["result"])
        curves = {name: points for name, points in curves.items() if points}
        pictures.bands(axes, curves, styles, banded=[n for n in ("hpm", "hypergradient", "pbt") if n in curves])
        axes.set_yscale("log")
        values = [statistics.quartiles(points[cost]).median for points in curves.values() for cost in points]
        low, high = min(values), np.percentile([v for v in values if np.isfinite(v)], 95)
        axes.set_ylim(low / 1.08, high * 1.1)
        axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
        axes.set_title(task, loc="left")
        axes.set_xlabel("gradient evaluations")
        axes.set_ylabel("test loss")
        axes.grid(color="#e6e6e6")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=min(len(labels), 5), frameon=False)
    figure.tight_layout(rect=(0, 0.9 / (3.6 * height + 0.9), 1, 1))
    pictures.save(figure, folder / "loss-over-cost.png")


def schedules(task, traces: str, folder: Path, methods=("hpm", "pbt")) -> None:
    """Of the ancestors of the last report's best student: a line a seed, and the median."""
    from compare import trace_path

    found = {}
    for method in methods:
        paths = sorted(Path(traces).glob(trace_path(traces, task.name, method, 0).name.replace("--0.npz", "--*.npz")))
        paths = [path for path in paths if int(path.stem.rpartition("--")[2]) < 100]
        if paths:
            found[method] = [np.load(path) for path in paths]
    if not found or not task.space.scalars:
        return
    by_name = {p.name: p for p in task.space.parameters}
    columns = min(4, len(task.space.scalars))
    height = -(-len(task.space.scalars) // columns)
    figure, grid = plt.subplots(height, columns, figsize=(3.4 * columns, 2.5 * height + 0.5), squeeze=False)
    for axes in grid.flat[len(task.space.scalars):]:
        axes.axis("off")
    for i, (axes, (name, _)) in enumerate(zip(grid.flat, task.space.scalars)):
        parameter = by_name[name]
        for (method, runs), style in zip(found.items(), pictures.colors(list(found)).values()):
            lines = []
            for run in runs:
                line = run["lineage"]
                values = run["scalars"][np.arange(len(line)), np.maximum(line, 0), i].astype(float)
                lines.append(np.where(line < 0, np.nan, values))
            length = min(map(len, lines))
            cost = runs[0]["cost"][:length]
            lines = np.array([values[:length] for values in lines])
            if parameter.labels:
                for label in range(len(parameter.labels)):
                    share = (lines == label).mean(0)
                    axes.plot(cost, label + 0.8 * share, linewidth=1.6, **style)
                    axes.axhline(label, color="#cccccc", linewidth=0.8)
                axes.set_yticks(range(len(parameter.labels)), parameter.labels)
            else:
                axes.plot(cost, lines.T, color=style["color"], linewidth=0.5, alpha=0.35)
                middle = np.exp(np.median(np.log(lines), 0)) if parameter.log else np.median(lines, 0)
                axes.plot(cost, middle, linewidth=2.2, label=method, **style)
                axes.axhline(parameter.initial, color="black", linewidth=0.7, linestyle=":")
                if parameter.log:
                    axes.set_yscale("log")
                    axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
                axes.set_ylim(parameter.low, parameter.high)
        axes.set_title(name + (" (share of seeds)" if parameter.labels else ""), loc="left", fontsize=10)
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))
        axes.grid(color="#eeeeee")
    for axes in grid[-1]:
        axes.set_xlabel("gradient evaluations")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False)
    figure.suptitle(f"{task.name}: schedules of the best student's ancestors (thick: median over seeds; dotted: default)",
                    x=0.01, ha="left", fontsize=11)
    figure.tight_layout(rect=(0, 0.45 / (2.5 * height + 0.5), 1, 1))
    pictures.save(figure, folder / f"schedules-{task.name}.png")


def all_pictures(rows: list[dict], order: list[str], traces: str, folder: Path) -> None:
    from compare import final
    from tasks import TASKS

    loss_over_cost(rows, order, folder)
    last = final(rows)
    if len({row["problem"] for row in last}) > 1 and len({row["algorithm"] for row in last}) > 2:
        ranks = tables.rank_table(last, algorithms=[name for name in order if any(r["algorithm"] == name for r in last)])
        if len(ranks.names) > 2:
            pictures.save(pictures.critical_difference(ranks, "Test loss at the end"), folder / "ranks.png")
    if traces:
        for task in TASKS.values():
            schedules(task, traces, folder)
