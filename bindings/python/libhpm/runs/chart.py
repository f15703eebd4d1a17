"""Line charts as small inline SVG.

Lines stand in an SVG that is stretched to its place, texts beside it in HTML: so they have the same size on a phone
and at a desk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from html import escape

import numpy as np
import numpy.typing as npt

from .run_file import Floats, Parameter

WIDTH, HEIGHT = 1000, 400
"""Units of the SVG's coordinates; paths have whole numbers of them."""


def number(value: float, digits: int = 4) -> str:
    """As short as it can be read."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}g}"
    if "e" in text and 1 <= abs(value) < 1e7:
        return f"{value:,.0f}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        return f"{mantissa}e{int(exponent)}"
    return text


@dataclass(frozen=True)
class Axis:
    """Maps values to places from 0 to 1."""

    low: float
    high: float
    scale: str = "linear"
    """``linear``, ``log`` or ``logit``."""
    labels: tuple[str, ...] = ()
    """Of a choice: its values are 0, 1, ..."""
    whole: bool = False
    """Whether there are integers alone."""

    def __post_init__(self) -> None:
        if not self.low < self.high:  # one value: it stands in the middle
            middle = self.low if math.isfinite(self.low) else 0.0
            if self.scale == "log":
                low, high = middle / 2, middle * 2
            elif self.scale == "logit":
                low, high = middle / 2, (1 + middle) / 2
            else:
                room = abs(middle) / 2 or 1.0
                low, high = middle - room, middle + room
            object.__setattr__(self, "low", low)
            object.__setattr__(self, "high", high)

    def _flat(self, values: npt.ArrayLike) -> Floats:
        x = np.asarray(values, float)
        with np.errstate(all="ignore"):
            if self.scale == "log":
                return np.asarray(np.log(x), float)
            return np.asarray(np.log(x / (1 - x)) if self.scale == "logit" else x, float)

    def place(self, values: npt.ArrayLike) -> Floats:
        """From 0, at `low`, to 1; NaN and infinite as such."""
        low, high = (float(self._flat(bound)) for bound in (self.low, self.high))
        return np.asarray((self._flat(values) - low) / (high - low), float)

    def padded(self, share: float = 0.04) -> Axis:
        """One that leaves room at its ends, so that no line runs along an edge."""
        low, high = (float(self._flat(bound)) for bound in (self.low, self.high))
        room = share * (high - low)
        ends = []
        for flat in (low - room, high + room):
            if self.scale == "logit":
                ends.append(1 / (1 + math.exp(-flat)))
            else:
                ends.append(math.exp(flat) if self.scale == "log" else flat)
        return replace(self, low=ends[0], high=ends[1])

    def ticks(self, most: int = 5) -> list[tuple[float, str]]:
        """Places from 0 to 1 with their texts."""
        if self.labels:
            return [
                (float(self.place(value)), label)
                for value, label in enumerate(self.labels)
                if self.low <= value <= self.high
            ]
        values = self._log_ticks(most) if self.scale == "log" else []
        if self.scale == "logit":
            levels = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
            values = _thinned([level for level in levels if self.low <= level <= self.high], most)
        if len(values) < 2:
            values = self._linear_ticks(most)
        return [(float(place), number(value)) for value, place in zip(values, self.place(values))]

    def _linear_ticks(self, most: int) -> list[float]:
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
        if self.whole:
            step = max(1.0, float(round(step)))
        first = math.ceil(self.low / step - 1e-9)
        return [place * step for place in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def _log_ticks(self, most: int) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        for factors in ((1,), (1, 3), (1, 2, 5)):
            values = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
            values = [value for value in values if self.low * 0.999 <= value <= self.high * 1.001]
            if len(values) >= 3:
                break
        return _thinned(values, most)


def _thinned(values: list[float], most: int) -> list[float]:
    return values[:: max(1, math.ceil(len(values) / most))]


def parameter_axis(parameter: Parameter, values: Floats) -> Axis:
    """Over what there is of `values`, on the parameter's scale; over all labels of a choice."""
    if parameter.kind == "choice":
        return Axis(-0.5, len(parameter.labels) - 0.5, labels=parameter.labels)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (parameter.low, parameter.high)
    return Axis(low, high, parameter.scale, whole=parameter.kind == "integer").padded()


def loss_axis(losses: Floats, maximises: bool) -> tuple[Axis, int]:
    """Over the losses, but for the worst where they are far from all others: a start or a divergence would hide what
    matters. Logarithmic where positive losses span more than a factor of 20.

    Returns:
        The axis, and how many finite losses lie beyond it.
    """
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return Axis(0.0, 1.0), 0
    low, high = float(finite.min()), float(finite.max())
    if not maximises and low > 0 and high > 20 * low:
        flat = np.log(finite)
        limit = _worst(flat, 1)
        axis = Axis(low, high if limit is None else math.exp(limit), "log")
    else:
        limit = _worst(-finite if maximises else finite, 1)
        if limit is not None:
            low, high = (-limit, high) if maximises else (low, limit)
        axis = Axis(low, high)
    axis = axis.padded(0.02)
    return axis, int(((finite < axis.low) | (finite > axis.high)).sum())


def _worst(values: Floats, share: float) -> float | None:
    """Where the axis ends if the worst `share` percent lie far beyond the others."""
    usual, best, worst = float(np.percentile(values, 100 - share)), float(values.min()), float(values.max())
    return usual if len(values) >= 20 and worst - best > 3 * (usual - best) > 0 else None


def path(x: npt.ArrayLike, y: npt.ArrayLike, columns: int = WIDTH, height: int = HEIGHT) -> str:
    """A line as the `d` of an SVG path.

    Args:
        x, y: Places from 0 to 1, y upwards, shape ``[points]``. The line is broken where y is not finite, and where
            x falls.
        columns: Across the chart. Where a column has more points than two, its least and its greatest are drawn.
    """
    across, up = np.asarray(x, float), np.asarray(y, float)
    finite = np.isfinite(up) & np.isfinite(across)
    gap = ~finite & (len(up) <= 4 * columns)  # with more points a gap would be narrower than a column
    falls = np.diff(across, prepend=-np.inf) < 0
    part = np.cumsum(falls | np.concatenate([[True], gap])[: len(up)])[finite]
    across, up = across[finite], up[finite]
    if not len(up):
        return ""
    column = np.minimum((across * columns).astype(np.int64), columns - 1) + part * (columns + 1)
    if len(up) > 2 and len(up) > len(np.unique(column)):
        order = np.lexsort((up, column))
        ends = np.flatnonzero(np.diff(column[order], append=-1))
        begins = np.concatenate([[0], ends[:-1] + 1])
        kept = np.unique(order[np.concatenate([begins, ends])])
        across, up, part = across[kept], up[kept], part[kept]
    # Beyond these a place is outside in any case.
    px = np.rint(np.clip(across, -1, 2) * WIDTH).astype(int)
    py = np.rint((1 - np.clip(up, -1, 2)) * height).astype(int)
    pieces = []
    for piece in np.split(np.arange(len(px)), np.flatnonzero(np.diff(part)) + 1):
        moves = np.stack([np.diff(px[piece]), np.diff(py[piece])], 1).ravel().tolist()
        # A point alone is a line of no length, which its round ends make a dot.
        pieces.append(f"M{px[piece[0]]} {py[piece[0]]}" + ("l" + " ".join(map(str, moves)) if moves else "h0"))
    return "".join(pieces)


def steps(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
    """The points of a line that keeps each value up to the next."""
    across, up = np.asarray(x, float), np.asarray(y, float)
    return np.repeat(across, 2)[1:], np.repeat(up, 2)[:-1]


def band(x: Floats, y: Floats, columns: int) -> str:
    """The range of y in each column, as the `d` of a closed path."""
    finite = np.isfinite(y) & np.isfinite(x)
    column = np.minimum((x[finite] * columns).astype(np.int64), columns - 1)
    if not len(column):
        return ""
    order = np.lexsort((y[finite], column))
    ends = np.flatnonzero(np.diff(column[order], append=-1))
    begins = np.concatenate([[0], ends[:-1] + 1])
    values, middles = y[finite][order], (column[order][begins] + 0.5) / columns
    there, back = (path(middles, values[edge]) for edge in (ends, begins))
    if len(begins) == 1:
        return there
    low = np.stack([middles, values[begins]], 1)[::-1]
    points = " ".join(f"{round(a * WIDTH)} {round((1 - min(max(b, -1), 2)) * HEIGHT)}" for a, b in low)
    return f"{there}L{points}Z" if back else there


@dataclass
class Chart:
    """A chart that is drawn line by line."""

    title: str
    """What a screen reader says of it."""
    x: Axis
    y: Axis
    x_label: str
    height: int = 240
    """Of the plot, in pixels."""
    small: bool = False
    shapes: list[str] = field(default_factory=list)

    def line(self, kind: str, d: str, title: str = "") -> None:
        """Adds a path with the class `kind`; an empty one is nothing."""
        if d:
            content = f"><title>{escape(title)}</title></path>" if title else "/>"
            self.shapes.append(f'<path class="{kind}" d="{d}"{content}')

    def html(self) -> str:
        """The chart as HTML."""
        most = 3 if self.small else 5
        up = self.y.ticks(most)
        across = self.x.ticks(most + 1)
        grid = "".join(f"M0 {round((1 - place) * HEIGHT)}h{WIDTH}" for place, _ in up)
        texts = [
            f'<span class="y" style="bottom:{place * 100:.2f}%">{escape(text)}</span>'
            for place, text in up
            if -0.001 <= place <= 1.001
        ] + [
            f'<span class="x" style="left:{place * 100:.2f}%">{escape(text)}</span>'
            for place, text in across
            if -0.001 <= place <= 1.001
        ]
        return (
            f'<div class="chart" style="height:{self.height}px">'
            f'<svg role="img" aria-label="{escape(self.title)}" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'preserveAspectRatio="none"><path class="grid" d="{grid}"/>{"".join(self.shapes)}</svg>'
            f'<div aria-hidden="true">{"".join(texts)}<span class="label">{escape(self.x_label)}</span></div></div>'
        )


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], caption: str, kind: str = "") -> str:
    """A table of cells that are HTML already; the first of each row is its heading."""
    head = "".join(f'<th scope="col">{escape(header)}</th>' for header in headers)
    body = "".join(
        "<tr>" + "".join(f'<th scope="row">{c}</th>' if not i else f"<td>{c}</td>" for i, c in enumerate(row)) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table class="{kind}">'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
