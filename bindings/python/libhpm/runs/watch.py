"""A run in the terminal, while it goes on."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .chart import number
from .lineage import Lineage
from .page import duration
from .run_file import Clone, Floats, RunFile, Session, Shown
from .sparkline import sparkline

SOME = 60
"""Reports by which the rate is measured."""


@dataclass
class _Student:
    loss: float
    """Of its latest report; NaN, too, where that went into weights that are gone."""
    reports: int
    values: Floats | None


class Watch:
    """What is shown of a run. It reads on where it has read to, so a frame takes long only once.

    Args:
        file: Stays open.
    """

    def __init__(self, file: RunFile) -> None:
        self._file = file
        self._maximises = file.maximises
        self._seen = self._seen_input = 0
        self._students: dict[int, _Student] = {}
        self._retired: set[int] = set()
        self._clones: list[Clone] = []
        self._stopped: set[int] = set()
        self._best: list[float] = []
        self._best_place = (-1, 0)  # student and report
        self._costs = [0.0, 0.0, 0.0]
        self._latest: list[tuple[int, float]] = []  # input and time of the latest reports
        self._steps = 0
        self._sessions: list[Session] = []
        self._by_spread: list[int] = []

    def read(self) -> None:
        """Reads what is new."""
        with self._file.snapshot():
            self._read()

    def _read(self) -> None:
        file = self._file
        reports = file.reports(hyperparameters=False, after=self._seen)
        for student, report, loss in zip(reports.student.tolist(), reports.report.tolist(), reports.loss.tolist()):
            best = self._best[-1] if self._best else math.nan
            better = loss > best if self._maximises else loss < best
            if math.isfinite(loss) and (better or math.isnan(best)):
                best, self._best_place = loss, (student, report)
            self._best.append(best)
        for student, row in reports.last_rows.items():
            self._students[student] = _Student(float(reports.loss[row]), int(reports.report[row]), None)
        if len(reports):
            self._seen = int(reports.number[-1])
            self._read_values()
        self._costs[0] += float(reports.training_cost.sum())
        self._costs[1] += float(reports.hypergradient_cost.sum())
        self._costs[2] += float(file.evaluations(self._seen_input).cost.sum())
        self._latest = (self._latest + list(zip(reports.input.tolist(), reports.time.tolist())))[-SOME:]
        self._clones += file.clones(self._clones[-1].number if self._clones else 0)
        happened = file.select(
            "SELECT kind, student, report FROM events WHERE input > ? AND kind IN ('cloned', 'restarted', 'stopped')",
            (self._seen_input,),
        )
        for kind, student, report in happened:
            if kind == "stopped":
                self._stopped.add(student)
            elif student in self._students and self._students[student].reports == report:
                self._students[student].loss = math.nan
        self._retired |= set(file.retired(self._seen_input))
        self._seen_input = file.latest_input
        self._steps = int(float(file.options.get("steps", 0)))
        self._sessions = file.sessions

    def _read_values(self) -> None:
        """The hyperparameters of the latest reports."""
        file = self._file
        # The columns beside the maximum are those of its row.
        rows = file.select("SELECT max(number), student, hyperparameters FROM reports GROUP BY student")
        for _, student, text in rows:
            values = file.vectors([text])
            self._students[student].values = None if values is None else values[0]

    @property
    def living(self) -> dict[int, _Student]:
        """The students that are not retired."""
        return {student: one for student, one in sorted(self._students.items()) if student not in self._retired}

    @property
    def is_complete(self) -> bool:
        """Whether the run has come to its end: all students were stopped, or have made all their reports."""
        living = self.living
        if living and living.keys() <= self._stopped:
            return True
        return self._steps > 0 and bool(living) and all(one.reports >= self._steps for one in living.values())

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to wait for: it is complete, or nobody writes it."""
        return self.is_complete or not self._sessions or self._sessions[-1].is_alive is False

    def _rate(self) -> float:
        """Reports a second, by the latest of this session; NaN: not known yet."""
        if not self._sessions:
            return math.nan
        times = [when for number, when in self._latest if number > self._sessions[-1].input]
        span = times[-1] - times[0] if len(times) > 1 else 0.0
        return (len(times) - 1) / span if span > 0 else math.nan

    def _writer(self) -> Text:
        if not self._sessions:
            return Text("no session", "yellow")
        session = self._sessions[-1]
        if self.is_complete:
            return Text("complete", "green")
        if session.ended is not None:
            return Text("ended before all reports were made", "yellow")
        who = f"process {session.process} on {session.host}"
        if session.is_alive is None:
            return Text(f"written by {who}, if that is alive", "yellow")
        return Text(f"written by {who}", "green") if session.is_alive else Text(f"{who} is gone", "bold red")

    def frame(self, width: int, height: int = 0) -> RenderableType:
        """What stands in the terminal.

        Args:
            width: Of the terminal.
            height: Likewise; students are left out that would not fit. 0: as many lines as it takes.
        """
        file, living = self._file, self.living
        options = file.options
        head = Text(no_wrap=True, overflow="ellipsis")
        head.append(file.path.name, "bold")
        head.append(f"  {options.get('algorithm', '')}, {options.get('schedule', '')}, {len(living)} students  ")
        head.append(self._writer())
        if not self._best:
            return Group(head, Text("no reports yet", "dim"))
        best = Text("best loss ", no_wrap=True, overflow="ellipsis")
        best.append(number(self._best[-1], 6) if math.isfinite(self._best[-1]) else "none is finite", "bold cyan")
        if self._best_place[0] >= 0:
            best.append(f" (student {self._best_place[0]}, report {self._best_place[1]})  ")
        best.append(sparkline(np.array(self._best), max(0, min(40, width - len(best.plain)))), "cyan")
        lines: list[RenderableType] = [head, best, self._progress(), self._shares()]
        room = len(living) if height <= 0 else max(1, height - len(lines) - 4)
        lines.append(self._table(width, room))
        if room < len(living):
            lines.append(Text(f"and {len(living) - room} more students", "dim"))
        return Group(*lines)

    def _progress(self) -> Text:
        living, rate = self.living, self._rate()
        made = max((one.reports for one in living.values()), default=0)
        text = f"report {made} of {self._steps}" if self._steps else f"report {made}, without an end"
        text += f"  {len(self._best):,} in all"
        if not math.isnan(rate) and not self.is_over:
            text += f"  {number(rate, 3)} a second"
            left = sum(max(0, self._steps - one.reports) for one in living.values())
            if self._steps:
                text += f"  {duration(left / rate)} left"
        return Text(text, no_wrap=True, overflow="ellipsis")

    def _shares(self) -> Text:
        total = sum(self._costs)
        parts = [
            f"{name} {part / total:.1%}" if total > 0 else f"{name} –"
            for name, part in zip(("training", "hypergradients", "teacher"), self._costs)
        ]
        return Text(f"cost {number(total, 6)}: {', '.join(parts)}", no_wrap=True, overflow="ellipsis")

    def _table(self, width: int, room: int) -> Table:
        living = self.living
        sign = -1 if self._maximises else 1
        order = sorted(living, key=lambda k: (sign * x if math.isfinite(x := living[k].loss) else math.inf, k))[:room]
        founders, _ = Lineage(self._clones).descent({k: one.reports for k, one in living.items()})
        sources = {clone.student: clone.source for clone in self._clones}
        columns: list[tuple[str, list[str]]] = [
            ("student", [str(k) for k in order]),
            ("loss", [number(living[k].loss, 5) if not math.isnan(living[k].loss) else "–" for k in order]),
            ("report", [str(living[k].reports) for k in order]),
            ("clone of", [str(sources.get(k, "–")) for k in order]),
            ("founder", [str(founders.get(k, k)) for k in order]),
        ]
        used = sum(_width(*column) for column in columns) + 2 * len(columns)
        fitting, left = self._fitting(order, width - used)
        table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
        for place, (name, cells) in enumerate(columns + fitting):
            right = place < len(columns) or all(cell[:1] in "0123456789-–" for cell in cells)
            table.add_column(Text(name, overflow="ellipsis"), no_wrap=True, justify="right" if right else "left")
        for row in zip(*(cells for _, cells in columns + fitting)):
            table.add_row(*map(Text, row), style="bold" if row[0] == str(order[0]) else "")
        if left:
            table.caption = Text(f"and {left} more hyperparameters", "dim")
            table.caption_justify = "left"
        return table

    def _fitting(self, order: list[int], room: int) -> tuple[list[tuple[str, list[str]]], int]:
        """Columns of hyperparameters that fit, and how many don't: at first those that differed most among the
        students in the first frame, so that columns stay where they are."""
        file = self._file
        values = [values for k in order if (values := self.living[k].values) is not None]
        if len(values) < len(order) or not values:
            return [], len(file.names)
        matrix = np.stack(values)
        if not self._by_spread:
            spread = np.array([np.ptp(owner.latent(matrix[:, i])) for i, owner in enumerate(file.owners)])
            self._by_spread = np.argsort(-spread, kind="stable").tolist()
        cells = {i: [_cell(owner.shown(x)) for x in matrix[:, i].tolist()] for i, owner in enumerate(file.owners)}
        needed = {i: _width(file.names[i], column) + 2 for i, column in cells.items()}
        chosen: list[int] = []
        for index in self._by_spread:
            if needed[index] <= room:
                chosen.append(index)
                room -= needed[index]
        return [(file.names[i], cells[i]) for i in sorted(chosen)], len(cells) - len(chosen)


def watch(file: RunFile, console: Console, interval: float, once: bool) -> None:
    """Shows a run until it is over.

    Args:
        interval: Seconds between frames.
        once: One frame is printed, and that is all.
    """
    shown = Watch(file)
    shown.read()
    if once or not console.is_terminal:
        console.print(shown.frame(console.width))
        return
    with Live(console=console, auto_refresh=False, screen=False, vertical_overflow="crop") as live:
        while True:
            live.update(shown.frame(console.width, console.height), refresh=True)
            if shown.is_over:
                return
            time.sleep(interval)
            shown.read()


def _cell(value: Shown) -> str:
    return number(value, 3) if isinstance(value, float) else str(value)


def _width(name: str, cells: list[str]) -> int:
    return max(map(len, [name, *cells]))
