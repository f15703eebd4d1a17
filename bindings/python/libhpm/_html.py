"""Results and schedules as they draw themselves in a notebook: HTML that needs nothing else and takes the colours of
the page, light or dark."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from ._curves import Curves
from .errors import NoResultError
from .runs.chart import HEIGHT, WIDTH, Axis, band, number, path, steps
from .schedule import Schedule, farthest
from .space import Parameter, Value

if TYPE_CHECKING:
    from .result import Result

ROWS = 12
"""Hyperparameters in a table."""
ACCENT = "#d55e00"
_LINE = "fill:none;vector-effect:non-scaling-stroke;stroke-linejoin:round;stroke-linecap:round;stroke:"
_WINNER = f"{_LINE}{ACCENT};stroke-width:2.5"
_OTHERS = f"{_LINE}currentColor;stroke-width:1;opacity:.3"
_BEST = f"{_LINE}currentColor;stroke-width:1.5;stroke-dasharray:4 3"
_BOX = "max-width:640px;margin:4px 0;overflow-x:auto"
_CELL = "text-align:left;padding:2px 12px 2px 0"
_SMALL = "font-size:85%;opacity:.75"


def result_html(result: Result) -> str:
    """A result: its best loss, its losses as a picture, its hyperparameters."""
    count, reports = result.population.size, len(result.history)
    parameters = result.population.space.parameters
    found = result.hyperparameters.items()
    rows = [(escape(name), escape(_shown(value)), _range(parameters[name])) for name, value in found]
    return (
        f'<div style="{_BOX}">'
        f"<div><b>loss {number(result.loss, 6)}</b>, student {result.student} of {count}, {reports} training reports"
        f"</div>{_losses(result)}{_table(('hyperparameter', 'best', 'range'), rows)}</div>"
    )


def schedule_html(schedule: Schedule) -> str:
    """A schedule: how the values that moved farthest went."""
    space, names = schedule.space, schedule.names
    owners = [parameter for parameter in space.parameters.values() for _ in range(parameter.count)]
    places = sorted(farthest(space, schedule.values)[:ROWS])
    rows = []
    for place in places if len(schedule) else ():
        column, owner = schedule.values[:, place], owners[place]
        axis = Axis(float(column.min()), float(column.max()), owner.scale)
        up = axis.place(np.append(column, column[-1]))
        line = path(*steps(np.linspace(0, 1, len(up)), up), 200)
        picture = (
            f'<svg role="img" aria-label="{escape(names[place])} over the steps" '
            f'viewBox="0 -20 {WIDTH} {HEIGHT + 40}" preserveAspectRatio="none" '
            f'style="width:min(160px,25vw);height:24px;vertical-align:middle">'
            f'<path d="{line}" style="{_WINNER}"/></svg>'
        )
        first, last = (escape(_value(owner, float(value))) for value in (column[0], column[-1]))
        rows.append((escape(names[place]), first, last, picture))
    more = f", of {len(names)} values the {len(places)} that moved farthest" if len(names) > len(places) else ""
    return (
        f'<div style="{_BOX}"><div><b>schedule of {len(schedule)} steps</b>{more}</div>'
        f"{_table(('hyperparameter', 'first', 'last', 'over the steps'), rows)}</div>"
    )


def _losses(result: Result) -> str:
    curves = Curves(result)
    if not curves.has_losses:
        return f'<div style="{_SMALL}">no finite loss to draw</div>'
    across = Axis(0.0, float(curves.last), whole=True)
    shapes = []
    others = "&#9472;&#9472; each student"
    if len(curves.students) <= 32:
        for x, y in curves.students.values():
            shapes.append((_OTHERS, path(across.place(x), curves.axis.place(y), 200)))
    else:
        others = "&#9608;&#9608; all students"
        x, y = (np.concatenate(part) for part in zip(*curves.students.values()))
        shapes.append(("fill:currentColor;opacity:.2;stroke:none", band(across.place(x), curves.axis.place(y), 200)))
    with suppress(NoResultError):  # the history began later
        x, y = curves.winner(result)
        shapes.append((_WINNER, path(across.place(x), curves.axis.place(y), 200)))
    x, y = curves.best
    shapes.append((_BEST, path(across.place(x), curves.axis.place(y), 200)))
    drawn = "".join(f'<path d="{d}" style="{style}"/>' for style, d in shapes if d)
    low, high = number(curves.axis.low), number(curves.axis.high)
    scale = ", logarithmic" if curves.axis.scale == "log" else ""
    return (
        f'<div style="{_SMALL}">{high}</div>'
        f'<svg role="img" aria-label="loss over the training reports, from {low} to {high}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" style="display:block;width:100%;height:180px;'
        f'overflow:hidden;border-left:1px solid;border-bottom:1px solid">{drawn}</svg>'
        f'<div style="{_SMALL};display:flex;justify-content:space-between"><span>{low}{scale}</span>'
        f"<span>training report {curves.last}</span></div>"
        f'<div style="{_SMALL}"><span style="color:{ACCENT}">&#9473;&#9473;</span> the weights that won '
        f"&nbsp; &#9476;&#9476; best so far &nbsp; {others}</div>"
    )


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th style="{_CELL}">{header}</th>' for header in headers)
    cells = ("".join(f'<td style="{_CELL}">{cell}</td>' for cell in row) for row in rows[:ROWS])
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    more = f'<div style="{_SMALL}">and {len(rows) - ROWS} more</div>' if len(rows) > ROWS else ""
    table = "border-collapse:collapse;border:none;margin:6px 0;color:inherit;font-size:inherit"
    return f'<table style="{table}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}'


def _shown(value: Value) -> str:
    if isinstance(value, np.ndarray):
        return f"{len(value)} values, {number(float(value.min()))} to {number(float(value.max()))}"
    return number(value) if isinstance(value, float) else str(value)


def _value(parameter: Parameter, value: float) -> str:
    if parameter.kind == "choice":
        return parameter.labels[int(value)]
    return str(int(value)) if parameter.kind == "integer" else number(value)


def _range(parameter: Parameter) -> str:
    if parameter.kind == "choice":
        return escape(", ".join(parameter.labels[:6]) + (", ..." if len(parameter.labels) > 6 else ""))
    scale = "" if parameter.scale == "linear" else f", {parameter.scale}"
    return f"{number(parameter.low)} to {number(parameter.high)}{scale}"
