"""A result's pictures, by matplotlib."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arguments import Vector, size
from ._curves import Curves
from ._optional import optional
from .errors import ArgumentError
from .schedule import Schedule, farthest, flat_names
from .space import Parameter

if TYPE_CHECKING:
    from .result import Result

ACCENT, OTHERS = "#d55e00", "0.6"
WINNER = "the weights that won"


def draw(result: Result, kind: str, names: Iterable[str] | None, most: int) -> Any:
    """:meth:`Result.plot`."""
    kinds = {"loss": _loss, "lineage": _lineage}
    if kind not in (*kinds, "schedule"):
        raise ArgumentError(f"kind is {kind!r}; allowed: 'loss', 'schedule' or 'lineage'")
    if kind == "schedule":
        return _schedule(result, names, most)
    return kinds[kind](result)


def _figure(width: float, height: float) -> Any:
    figure = optional("matplotlib.figure", "plot").Figure(figsize=(width, height), layout="constrained")
    figure._repr_png_ = functools.partial(_png, figure)  # a notebook shows it without pyplot
    return figure


def _png(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()


def _loss_label(maximises: bool) -> str:
    return "value reported (more is better)" if maximises else "validation loss"


def _loss(result: Result) -> Any:
    curves = Curves(result)
    figure = _figure(8, 4.5)
    axes = figure.add_subplot()
    for place, (x, y) in enumerate(curves.students.values()):
        axes.plot(x, y, color=OTHERS, linewidth=0.8, alpha=0.7, label=None if place else "each student")
    axes.plot(*_broken(*curves.winner(result)), color=ACCENT, linewidth=2.5, label=WINNER)
    axes.plot(*curves.best, color="tab:blue", linewidth=1, linestyle="--", label="best so far")
    axes.set_yscale(curves.axis.scale)
    axes.set_ylim(curves.axis.low, curves.axis.high)
    axes.set_xlabel("training report")
    axes.set_ylabel(_loss_label(curves.maximises))
    _whole(axes.xaxis)
    beyond = f"; {curves.beyond} values lie beyond the axis" if curves.beyond else ""
    axes.set_title(f"{len(curves.students)} students, best {result.loss:.6g}{beyond}", fontsize="medium")
    axes.legend(frameon=False)
    return figure


def _schedule(result: Result, names: Iterable[str] | None, most: int) -> Any:
    if size(most, "most") == 0:
        raise ArgumentError("most is 0; allowed: 1 or more")
    schedule = result.schedule()
    parameters = schedule.space.parameters
    flat = flat_names(parameters)
    owners = [parameter for parameter in parameters.values() for _ in range(parameter.count)]
    asked = _places(schedule, flat, names)
    ranked = [place for place in farthest(schedule.space, schedule.values) if place in asked]
    places = [place for place in asked if place in ranked[:most]]
    columns = min(len(places), 1 if len(places) == 1 else 2 if len(places) <= 4 else 3)
    rows = -(-len(places) // columns)
    figure = _figure(4.2 * columns if columns > 1 else 8, max(2.3 * rows, 4.0 if rows == 1 else 0))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    others = _by_student(result)
    alpha = min(0.6, max(0.15, 8 / len(others)))
    for axes, place in zip(grid, places):
        for number, (x, values) in enumerate(others.values()):
            label = None if number else "each student"
            axes.plot(*_stepped(x, values[:, place]), color="0.5", linewidth=0.7, alpha=alpha, label=label)
        x = schedule.reports.astype(np.float64)
        axes.plot(*_stepped(x, schedule.values[:, place]), color=ACCENT, linewidth=2, label=WINNER)
        axes.set_ylabel(flat[place])
        _whole(axes.xaxis)
        _set_values(axes, owners[place])
    for axes in grid[len(places) :]:
        axes.set_visible(False)
    for axes in grid[max(len(places) - columns, 0) : len(places)]:
        axes.set_xlabel("training report")
    if len(places) < len(asked):
        figure.suptitle(f"{len(places)} of {len(asked)} hyperparameters: those that moved farthest", fontsize="medium")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _places(schedule: Schedule, flat: list[str], names: Iterable[str] | None) -> list[int]:
    if names is None:
        return list(range(len(flat)))
    places: dict[int, None] = {}  # as a set, in their order
    space = schedule.space
    for name in [names] if isinstance(names, str) else names:
        if name in space.names:
            places.update(dict.fromkeys(range(*space.slice(name).indices(len(flat)))))
        elif name in flat:
            places[flat.index(name)] = None
        else:
            raise ArgumentError(f"names has {name!r}; allowed: {', '.join(space.names)}, and name[0] of a block")
    if not places:
        raise ArgumentError("names is empty; allowed: names of hyperparameters, or None, all of them")
    return list(places)


def _by_student(result: Result) -> dict[int, tuple[Vector, Vector]]:
    rows: dict[int, list[Any]] = {}
    for report in sorted(result.history, key=lambda report: report.number):
        rows.setdefault(report.student, []).append(report)
    return {
        student: (np.array([r.number for r in own], np.float64), np.array([r.hyperparameters for r in own]))
        for student, own in sorted(rows.items())
    }


def _lineage(result: Result) -> Any:
    curves = Curves(result)
    students = sorted({*curves.students, *(copy.source for copy in result.clones)})
    line = {student: place for place, student in enumerate(students)}
    figure = _figure(8, min(max(1.6 + 0.32 * len(students), 3.2), 14))
    axes = figure.add_subplot()
    collection = optional("matplotlib.collections", "plot").LineCollection
    colors = optional("matplotlib.colors", "plot")
    finite = np.concatenate([loss[np.isfinite(loss)] for _, loss in curves.students.values()])
    # By quantiles: losses that fall fast at first and hardly later would else have one colour.
    bounds = np.unique(np.quantile(finite, np.linspace(0, 1, 13))) if len(finite) else np.empty(0)
    norm = colors.BoundaryNorm(bounds, 256) if len(bounds) > 2 else colors.Normalize()

    schedule = result.schedule()
    descent = [
        (x, line[student])
        for student, report in zip(schedule.students.tolist(), schedule.reports.tolist())
        for x in (report - 1, report)
    ]
    axes.plot(*zip(*descent), color=ACCENT, linewidth=8, alpha=0.45, solid_joinstyle="round", zorder=1, label=WINNER)

    pieces = [
        ([(report - 1, line[student]), (report, line[student])], loss)
        for student, (x, y) in curves.students.items()
        for report, loss in zip(x, y)
    ]
    shown = collection(
        [piece for piece, _ in pieces], array=np.ma.masked_invalid([loss for _, loss in pieces]), norm=norm,
        cmap="viridis" if curves.maximises else "viridis_r", linewidths=3, capstyle="projecting", zorder=2,
    )  # fmt: skip
    axes.add_collection(shown)
    alpha = min(1.0, max(0.25, 60 / max(len(result.clones), 1)))
    arrow = {"arrowstyle": "-|>", "color": "0.4", "linewidth": 0.9, "alpha": alpha, "shrinkA": 0, "shrinkB": 1}
    for number, copy in enumerate(result.clones):
        end, start = (copy.report, line[copy.student]), (copy.source_report, line[copy.source])
        axes.annotate("", end, start, zorder=3, arrowprops=arrow)
        if not number:
            axes.plot([], [], color="0.4", linewidth=0.9, marker=">", markersize=4, label="weights copied")
    axes.set_xlim(-0.01 * curves.last, curves.last * 1.01)
    axes.set_ylim(len(students) - 0.4, -0.6)
    step = -(-len(students) // 40)
    axes.set_yticks(range(0, len(students), step), [str(student) for student in students[::step]])
    axes.set_ylabel("student")
    axes.set_xlabel("training report")
    _whole(axes.xaxis)
    if curves.has_losses:
        bar = figure.colorbar(shown, ax=axes, label=_loss_label(curves.maximises), aspect=4 * figure.get_figheight())
        if len(bounds) > 2:
            bar.set_ticks(bounds, labels=_distinct(bounds))
    axes.set_title(f"descent of student {result.student}", fontsize="medium")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def _broken(x: Vector, y: Vector) -> tuple[Vector, Vector]:
    """A line that is broken where x falls: a clone of one that had made fewer reports."""
    breaks = np.flatnonzero(np.diff(x) <= 0) + 1
    return np.insert(x, breaks, np.nan), np.insert(y, breaks, np.nan)


def _stepped(x: Vector, y: Vector) -> tuple[Vector, Vector]:
    """A line that has each value over the interval that ends with its report."""
    begins = np.flatnonzero(np.diff(x, prepend=np.inf) <= 0)
    across, up = np.repeat(x, 2), np.repeat(y, 2)
    across[0::2] -= 1
    return np.insert(across, 2 * begins[1:], np.nan), np.insert(up, 2 * begins[1:], np.nan)


def _set_values(axes: Any, parameter: Parameter) -> None:
    """An axis for the values of a hyperparameter."""
    if parameter.kind == "choice":
        axes.set_yticks(range(len(parameter.labels)), [_cut(label) for label in parameter.labels])
        axes.set_ylim(-0.5, len(parameter.labels) - 0.5)
    elif parameter.scale == "logit":
        low, high = axes.dataLim.intervaly
        tails = [0.05, *(10.0**-power for power in range(1, 16))]
        ticks = sorted([*tails, 0.25, 0.5, 0.75, *(1 - tail for tail in tails)])
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) > 1:
            axes.set_yscale("logit")
            axes.set_yticks(ticks[:: -(-len(ticks) // 6)])
            axes.set_yticks([], minor=True)
            axes.yaxis.set_major_formatter("{x:.15g}")
    elif parameter.scale == "log":
        axes.set_yscale("log")
    elif parameter.kind == "integer":
        _whole(axes.yaxis)


def _distinct(values: Vector) -> list[str]:
    """Numbers with as few digits as tell them apart."""
    for digits in range(3, 17):
        texts = [f"{value:.{digits}g}" for value in values]
        if len(set(texts)) == len(texts):
            break
    return texts


def _cut(label: str, most: int = 14) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"


def _whole(axis: Any) -> None:
    locator = optional("matplotlib.ticker", "plot").MaxNLocator
    axis.set_major_locator(locator("auto", integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
