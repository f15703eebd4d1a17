"""Two runs beside each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from .chart import number
from .page import best_so_far, duration
from .run_file import Evaluations, Floats, Reports, RunFile
from .sparkline import sparkline

STEPS = 5
"""Places at which the losses are compared."""


@dataclass(frozen=True)
class _Run:
    name: str
    options: dict[str, str]
    space: list[tuple[object, ...]]
    maximises: bool
    best: Floats
    """The best loss up to each report, shape ``[reports]``."""
    cost: Floats
    """Of the run up to each report."""
    shares: tuple[float, float, float]
    seconds: float

    @classmethod
    def of(cls, file: RunFile, name: str) -> _Run:
        with file.snapshot():
            reports: Reports = file.reports(hyperparameters=False)
            evaluations: Evaluations = file.evaluations()
            taught = np.concatenate([[0.0], np.cumsum(evaluations.cost)])
            own = np.cumsum(reports.training_cost + reports.hypergradient_cost)
            cost = own + taught[np.searchsorted(evaluations.input, reports.input)]
            parts = (reports.training_cost.sum(), reports.hypergradient_cost.sum(), evaluations.cost.sum())
            total = float(sum(parts))
            a, b, c = (float(part) / total if total > 0 else math.nan for part in parts)
            space: list[tuple[object, ...]] = [
                (p.name, p.kind, p.count, p.low, p.high, p.scale, p.updated_by, p.labels)
                for p in file.parameters
            ]
            maximises = file.maximises
            best = best_so_far(reports.loss, maximises)
            sessions = file.sessions
            seconds = sum(_length(one.began, one.ended, reports.time) for one in sessions)
            return cls(name, file.options, space, maximises, best, np.asarray(cost, float), (a, b, c), seconds)

    def at_reports(self, count: int) -> float:
        """The best loss after `count` reports; NaN: there is none."""
        return float(self.best[count - 1]) if 0 < count <= len(self.best) else math.nan

    def at_cost(self, cost: float) -> float:
        """The best loss that `cost` pays for."""
        return self.at_reports(int(np.searchsorted(self.cost, cost * (1 + 1e-12), side="right")))


def _length(began: float, ended: float | None, times: Floats) -> float:
    if ended is None:
        later = times[times >= began]
        ended = float(later.max()) if len(later) else began
    return max(0.0, ended - began)


def compare(first: RunFile, second: RunFile) -> RenderableType:
    """What differs, and which run got further."""
    names = [first.path.name, second.path.name]
    if names[0] == names[1]:
        names = [str(first.path), str(second.path)]
    runs = [_Run.of(file, name) for file, name in zip((first, second), names)]
    one, other = runs
    lines: list[RenderableType] = [_table("Options that differ", names, _different(one, other))]
    if one.space != other.space:
        lines.append(Text("The search spaces differ.", "yellow"))
    if one.maximises != other.maximises:
        lines.append(Text("One run maximises its loss, the other minimises it: they can't be compared.", "yellow"))
    rows = [
        ["best loss", *(_loss(run.at_reports(len(run.best))) for run in runs)],
        ["reports", *(f"{len(run.best):,}" for run in runs)],
        ["time running", *(duration(run.seconds) for run in runs)],
        ["cost", *(number(float(run.cost[-1]), 6) if len(run.cost) else "–" for run in runs)],
    ]
    for place, share in enumerate(("training", "hypergradients", "teacher")):
        rows.append([f"  {share}", *(f"{run.shares[place]:.1%}" if len(run.cost) else "–" for run in runs)])
    rows.append(["best so far", *(sparkline(run.best, 20) for run in runs)])
    lines.append(_table("Results", names, rows))
    if all(len(run.best) for run in runs) and one.maximises == other.maximises:
        count = min(len(run.best) for run in runs)
        cost = min(float(run.cost[-1]) for run in runs)
        counts = sorted({max(1, round(count * step / STEPS)) for step in range(1, STEPS + 1)})
        equal_reports = [[f"{n:,}", *_judged(one, [run.at_reports(n) for run in runs])] for n in counts]
        lines.append(_table("Best loss at equal reports", names, equal_reports, "reports"))
        if cost > 0:
            costs = [cost * step / STEPS for step in range(1, STEPS + 1)]
            equal_cost = [[number(c, 4), *_judged(one, [run.at_cost(c) for run in runs])] for c in costs]
            lines.append(_table("Best loss at equal cost", names, equal_cost, "cost"))
    return Group(*lines)


def _different(one: _Run, other: _Run) -> list[list[str]]:
    names = list(dict.fromkeys([*one.options, *other.options]))
    rows = [[name, one.options.get(name, "–"), other.options.get(name, "–")] for name in names]
    return [row for row in rows if row[1] != row[2]] or [["none", "", ""]]


def _loss(loss: float) -> str:
    return "–" if math.isnan(loss) else number(loss, 6)


def _judged(run: _Run, losses: list[float]) -> list[str]:
    """The losses; ``*`` marks the better one."""
    sign = -1 if run.maximises else 1
    texts = [_loss(loss) for loss in losses]
    keys = [sign * loss if not math.isnan(loss) else math.inf for loss in losses]
    if keys[0] != keys[1]:
        texts[keys.index(min(keys))] += " *"
    return texts


def _table(title: str, names: list[str], rows: list[list[str]], first: str = "") -> Table:
    table = Table(title=Text(title, "bold"), title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for place, name in enumerate((first, *names)):
        table.add_column(Text(name), overflow="fold", justify="left" if place == 0 else "right")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def print_comparison(first: RunFile, second: RunFile, console: Console) -> None:
    """Prints it; ``*`` marks the better one."""
    console.print(compare(first, second))
