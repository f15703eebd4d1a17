"""Pictures of results."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from .statistics import Ranks, cliques, quartiles  # noqa: E402

# Dark enough for white paper, told apart by most eyes; lines differ in dashes too.
PALETTE = (
    "#1f4e79", "#d1600a", "#2e8b57", "#8e44ad", "#b8860b", "#c0392b", "#16a0a0", "#7f7f7f", "#e377c2", "#5d4037",
    "#4c6ef5", "#94a11b", "#000000",
)
DASHES = ("-", "--", ":", "-.")


def colors(names: Sequence[str]) -> dict[str, dict]:
    """A line style for each name, the same whenever the list is the same."""
    return {
        name: {"color": PALETTE[i % len(PALETTE)], "linestyle": DASHES[i // len(PALETTE) % len(DASHES)]}
        for i, name in enumerate(names)
    }


def bands(
    axes,
    curves: Mapping[str, Mapping[float, Sequence[float]]],
    styles: Mapping[str, Mapping] | None = None,
    floor: float | None = None,
    banded: Sequence[str] | None = None,
) -> None:
    """Medians over cost with a band between the quartiles.

    Args:
        axes: Of matplotlib.
        curves: For each name, for each cost, the results of the seeds.
        styles: From `colors`.
        floor: Results below are drawn at it, so that a logarithmic axis shows them.
        banded: The names that get a band; all by default. Fewer are easier to read.
    """
    styles = styles or colors(list(curves))
    for name, points in curves.items():
        costs = sorted(points)
        q = np.array([quartiles(points[cost]) for cost in costs])
        if floor is not None:
            q = np.maximum(q, floor)
        q = np.where(np.isfinite(q), q, np.nan)
        axes.plot(costs, q[:, 1], label=name, linewidth=1.8, marker="o", markersize=2.5, **styles[name])
        if banded is None or name in banded:
            axes.fill_between(costs, q[:, 0], q[:, 2], color=styles[name]["color"], alpha=0.15, linewidth=0)


def critical_difference(ranks: Ranks, title: str = ""):
    """Demsar's diagram: algorithms at their average rank, a bar over those that Nemenyi's test can't tell apart.
    Returns the figure."""
    count = len(ranks.names)
    groups = cliques(ranks.averages, ranks.critical_difference)
    half = (count + 1) // 2
    top = 0.55 + 0.22 * max(len(groups), 1)  # inches between the axis and the first label
    height = 1.0 + top + 0.24 * half
    figure = plt.figure(figsize=(7.6, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 7.6), ylim=(height, 0))
    axes.axis("off")
    left, right, line = 2.2, 5.6, 0.95
    low, high = 1, max(count, 2)

    def place(rank: float) -> float:
        return left + (rank - low) / (high - low) * (right - left)

    axes.plot([left, right], [line, line], color="black", linewidth=1)
    step = 1 if count <= 12 else 2
    for rank in range(low, high + 1):
        axes.plot([place(rank)] * 2, [line - 0.06, line], color="black", linewidth=1)
        if (rank - low) % step == 0:
            axes.text(place(rank), line - 0.1, str(rank), ha="center", va="bottom", fontsize=9)
    end = min(place(low + ranks.critical_difference), 7.4)
    axes.plot([left, end], [0.5, 0.5], color="black", linewidth=1.4)
    for x in (left, end):
        axes.plot([x, x], [0.45, 0.55], color="black", linewidth=1.4)
    axes.text((left + end) / 2, 0.43, f"critical difference {ranks.critical_difference:.2f}", ha="center", va="bottom",
              fontsize=9)
    for i, (name, average) in enumerate(zip(ranks.names, ranks.averages)):
        on_left = i < half
        row = i if on_left else count - 1 - i
        y = line + top + 0.24 * row
        x = place(average)
        edge = left - 0.15 if on_left else right + 0.15
        axes.plot([x, x, edge], [line, y, y], color="#555555", linewidth=0.8)
        axes.text(edge + (-0.06 if on_left else 0.06), y, f"{name}  {average:.2f}", va="center", fontsize=9,
                  ha="right" if on_left else "left")
    for i, (first, last) in enumerate(groups):
        y = line + 0.18 + 0.2 * i
        axes.plot([place(ranks.averages[first]) - 0.04, place(ranks.averages[last]) + 0.04], [y, y], color="#d1600a",
                  linewidth=3.4, solid_capstyle="round")
    if title:
        axes.text(3.8, 0.16, title, ha="center", va="center", fontsize=10)
    return figure


def save(figure, path: str | Path) -> None:
    """Writes a picture and frees it."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, facecolor="white")
    plt.close(figure)
