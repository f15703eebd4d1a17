"""A run as one HTML page that needs nothing else."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from .chart import HEIGHT, WIDTH, Axis, Chart, band, loss_axis, number, parameter_axis, path, steps, table
from .lineage import Lineage, Standing, Stretch, best_student, standings
from .mutation import Outcome, outcomes
from .run_file import Evaluations, Floats, Integers, Reports, RunFile, RunFileError
from .schedule import StudentSchedule, json_lines

# What a page holds at most: a long run or a large population would make it slow to open.
PARAMETERS = 24
"""Schedules that are drawn."""
LINES = 64
"""Students that have a line of their own in a chart, and a row in the lineage."""
POINTS, SMALL_POINTS = 40_000, 8_000
"""Of all students' lines in a chart, and in one of many."""
ROWS = 300
"""Of a table."""
METRICS = 12
SCHEDULE_BYTES = 500_000


def write_page(path: str | os.PathLike[str], target: str | os.PathLike[str]) -> Path:
    """Makes the page of a run's file.

    Args:
        path: The run's file, which may be written meanwhile, by another process (:class:`RunFile`).
        target: The page; one that is there is replaced.

    Raises:
        RunFileError: The file can't be read, or the page can't be written.

    Complexity: O(reports x hyperparameters); 100,000 reports of 15 take some seconds.
    """
    out = Path(target)
    with RunFile(path) as file, file.snapshot():
        text = Page(file).html()
    temporary = ""
    try:
        with tempfile.NamedTemporaryFile("w", dir=out.parent, delete=False, encoding="utf-8") as stream:
            temporary = stream.name
            stream.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, out)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise RunFileError(f"{out} can't be written: {error.strerror}") from error
    return out


def calendar(seconds: float) -> str:
    """As 2026-11-30 13:04 UTC."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "an unknown time"


def duration(seconds: float) -> str:
    """As 3 h 05 min."""
    if not math.isfinite(seconds):
        return "unknown"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


@dataclass(frozen=True)
class _Section:
    key: str
    heading: str
    body: str

    def html(self) -> str:
        return f'<section id="{self.key}"><h2>{escape(self.heading)}</h2>{self.body}</section>'


class Page:
    """What the page shows, read from a run's file.

    Args:
        file: Read within a :meth:`RunFile.snapshot`.
    """

    def __init__(self, file: RunFile) -> None:
        self.file = file
        self.reports: Reports = file.reports()
        self.lineage = Lineage.of(file)
        self.evaluations: Evaluations = file.evaluations()
        self.standings: dict[int, Standing] = standings(file, self.reports)
        self.winner = best_student(self.standings, file.maximises)
        self.founders, self.passed = self.lineage.descent({k: one.reports for k, one in self.standings.items()})

    # Arrays that several sections draw.

    @cached_property
    def rows(self) -> Integers:
        """The reports that went into the winner's weights, oldest first."""
        return np.empty(0, np.int64) if self.winner is None else self.lineage.rows(self.winner, self.reports)

    @cached_property
    def stretches(self) -> list[Stretch]:
        """Those of the winner, oldest first."""
        if self.winner is None:
            return []
        return list(self.lineage.stretches(self.winner, self.standings[self.winner].reports))[::-1]

    @cached_property
    def by_student(self) -> dict[int, Integers]:
        """The rows of each student's reports."""
        order = np.argsort(self.reports.student, kind="stable")
        students, begins = np.unique(self.reports.student[order], return_index=True)
        return dict(zip(students.tolist(), np.split(order, begins[1:])))

    @cached_property
    def shown(self) -> list[int]:
        """Those students that have lines of their own: all, or those of the winner's lineage and the best others."""
        students = list(self.by_student)
        if len(students) <= LINES:
            return students
        sign = -1 if self.file.maximises else 1

        def order(student: int) -> tuple[float, int]:
            loss = self.standings[student].loss if student in self.standings else math.nan
            return (sign * loss if math.isfinite(loss) else math.inf, student)

        ancestors = [stretch.student for stretch in reversed(self.stretches)]
        first = list(dict.fromkeys([student for student in ancestors if student in self.by_student]))
        others = sorted(set(students) - set(first), key=order)
        return sorted((first + others)[:LINES])

    @cached_property
    def running(self) -> Floats:
        """Seconds of running at each report: without the pauses between sessions."""
        times, sessions = self.reports.time, self.file.sessions
        began = sessions[0].began if sessions else (times[0] if len(times) else 0.0)
        elapsed = times - began
        for before, session in zip(sessions, sessions[1:]):
            seen = times[times < session.began]
            last = before.ended if before.ended is not None else float(seen.max()) if len(seen) else before.began
            elapsed = elapsed - np.where(times >= session.began, max(0.0, session.began - last), 0.0)
        return np.maximum(elapsed, 0.0)

    @cached_property
    def cost(self) -> Floats:
        """What the run had cost at each report: training, hypergradients and the teacher."""
        own = np.cumsum(self.reports.training_cost + self.reports.hypergradient_cost)
        taught = np.concatenate([[0.0], np.cumsum(self.evaluations.cost)])
        return np.asarray(own + taught[np.searchsorted(self.evaluations.input, self.reports.input)], float)

    @cached_property
    def best_so_far(self) -> Floats:
        """The best loss up to each report; NaN before the first finite one."""
        return best_so_far(self.reports.loss, self.file.maximises)

    # The page.

    def html(self) -> str:
        """The page."""
        sections = [section for section in self._sections() if section.body]
        links = "".join(f'<a href="#{section.key}">{escape(section.heading)}</a>' for section in sections)
        about = self.file.about
        return Template(_resource("page.html")).substitute(
            title=escape(self.file.path.name),
            subtitle=escape(self._subtitle()),
            facts=self._facts(),
            contents=f'<nav aria-label="Contents">{links}</nav>',
            sections="\n".join(section.html() for section in sections),
            footer=escape(
                f"Made {calendar(datetime.now().timestamp())} by libhpm from {self.file.path.name}, "
                f"a run that libhpm {about.get('library', 'of an unknown version')} writes."
            ),
            style=_resource("page.css"),
            script=_resource("page.js"),
        )

    def _sections(self) -> Iterator[_Section]:
        yield _Section("loss", "Loss", self._loss())
        yield _Section("schedules", "Schedules", self._schedules())
        yield _Section("lineage", "Lineage", self._lineage())
        yield _Section("mutations", "Clones and mutations", self._mutations())
        yield _Section("metrics", "Metrics", self._metrics())
        yield _Section("students", "Students", self._students())
        yield _Section("budget", "Budget", self._budget())
        yield _Section("best", "The best schedule", self._best_schedule())
        yield _Section("settings", "Space, options and sessions", self._settings())

    def _subtitle(self) -> str:
        options, sessions = self.file.options, self.file.sessions
        parts = [f"{options.get('algorithm', 'an unknown algorithm')}, {options.get('schedule', 'synchronous')}"]
        parts.append("the loss is maximised" if self.file.maximises else "the loss is minimised")
        if sessions:
            parts.append(f"begun {calendar(sessions[0].began)}")
            if sessions[-1].ended is not None:
                parts.append(f"ended {calendar(sessions[-1].ended)}")
            elif sessions[-1].is_alive:
                parts.append("still running when this page was made")
            else:
                parts.append("its last session has no end: it was killed, or runs on another machine")
        return " · ".join(parts)

    def _facts(self) -> str:
        reports, options = self.reports, self.file.options
        steps_asked = int(float(options.get("steps", 0)))
        most = max((one.reports for one in self.standings.values()), default=0)
        finite = reports.loss[np.isfinite(reports.loss)]
        best = "none is finite"
        if len(finite):
            best = number(float(finite.max() if self.file.maximises else finite.min()), 6)
        facts = [
            ("Best student", "none" if self.winner is None else str(self.winner)),
            ("Its loss", "–" if self.winner is None else number(self.standings[self.winner].loss, 6)),
            ("Best loss of the run", best),
            ("Students", str(len(self.by_student) or options.get("population", "–"))),
            ("Reports of a student", f"{most} of {steps_asked}" if steps_asked else str(most)),
            ("Reports in all", f"{len(reports):,}"),
            ("Time running", duration(float(self.running[-1])) if len(reports) else "–"),
            ("Cost", number(self._costs()[3], 6)),
        ]
        cells = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
        return f'<dl class="facts">{cells}</dl>'

    def _lines(self, chart: Chart, x: Floats, y: Floats, points: int, keeps: bool = False) -> None:
        """The lines of the students, from places by the reports' rows.

        Args:
            points: Of all lines, about.
            keeps: Whether a value holds up to the next: what has no values in between.
        """
        columns = max(8, min(WIDTH, points // (2 * max(1, len(self.shown)))))
        if len(self.shown) < len(self.by_student):
            chart.line("band", band(x, y, 200), "all students, from the least to the greatest")
        for student in self.shown:
            rows = self.by_student[student]
            line = steps(x[rows], y[rows]) if keeps else (x[rows], y[rows])
            chart.line("student", path(*line, columns), f"student {student}")

    def _winner(self, chart: Chart, x: Floats, y: Floats, columns: int, keeps: bool = False) -> None:
        """The line of the winner's lineage, likewise."""
        kind = "winner dense" if len(self.rows) > 2 * columns else "winner"
        line = steps(x[self.rows], y[self.rows]) if keeps else (x[self.rows], y[self.rows])
        chart.line(kind, path(*line, columns), f"lineage of student {self.winner}")

    def _loss(self) -> str:
        reports = self.reports
        if not len(reports):
            return "<p>No student has reported yet.</p>"
        axis, beyond = loss_axis(reports.loss, self.file.maximises)
        finite = np.where(np.isfinite(reports.loss), reports.loss, np.nan)
        y, best = axis.place(finite), axis.place(self.best_so_far)
        unit, seconds = _time_unit(float(self.running[-1]))
        figures = []
        for title, label, x in (
            ("Over time", f"{unit} of running", self.running / seconds),
            ("Over cost", "cost of all students, with hypergradients and teacher", self.cost),
        ):
            across = Axis(0.0, float(x[-1]) if x[-1] > 0 else 1.0)
            place = across.place(x)
            chart = Chart(f"Loss {title.lower()}", across, axis, label, 280)
            self._lines(chart, place, y, POINTS)
            self._winner(chart, place, y, WIDTH)
            chart.line("best", path(*steps(place, best)), "the best so far")
            figures.append(f"<figure><h3>{title}</h3>{chart.html()}</figure>")
        notes = []
        unfinished = int((~np.isfinite(reports.loss)).sum())
        if unfinished == len(reports):
            notes.append("No loss is finite, so there is nothing to draw.")
        elif unfinished:
            notes.append(f"{unfinished} of {len(reports)} losses are NaN or infinite and are not drawn.")
        if beyond:
            notes.append(f"{beyond} of {len(reports)} losses lie far beyond the others, outside of the charts.")
        if axis.scale == "log":
            notes.append("The loss has a logarithmic axis.")
        return _key("student", "best", "winner") + f'<div class="charts">{"".join(figures)}</div>' + _quiet(notes)

    def _schedules(self) -> str:
        values, reports = self.reports.hyperparameters, self.reports
        if values is None:
            return (
                f"<p>The space has {len(self.file.names)} values. Files hold those of each report for spaces of up to "
                "256 values, so no schedule is drawn here.</p>"
            )
        if not len(reports):
            return ""
        chosen, rule = self._chosen(values)
        x = Axis(0.0 if reports.report.max() == 1 else 1.0, float(reports.report.max()), whole=True)
        across = x.place(reports.report)
        begins = [(s.student, s.first) for s in self.stretches[1:] if s.last >= s.first]
        moves = np.array([reports.rows[key] for key in begins if key in reports.rows], np.int64)
        figures = []
        for index in chosen:
            owner, name = self.file.owners[index], self.file.names[index]
            axis = parameter_axis(owner, values[:, index])
            y = axis.place(values[:, index])
            keeps = owner.kind in ("integer", "choice")
            chart = Chart(f"Schedule of {name}", x, axis, "report of the student", 150, small=True)
            self._lines(chart, across, y, SMALL_POINTS, keeps)
            self._winner(chart, across, y, 500, keeps)
            if len(moves) <= 100:
                dots = "".join(path(across[row : row + 1], y[row : row + 1]) for row in moves)
                chart.line("moves", dots, "the weights went on in another student")
            ends = ""
            if len(self.rows):
                first, last = (owner.shown(float(values[row, index])) for row in self.rows[[0, -1]])
                ends = f"{_value(first)} → {_value(last)}"
            scale = "" if owner.scale == "linear" else f", {owner.scale} scale"
            ends += f'<span class="quiet"> {escape(owner.kind)}{scale}</span>'
            figures.append(f"<figure><h3>{escape(name)}</h3><div>{ends}</div>{chart.html()}</figure>")
        moved = " Dots: the weights went on in another student." if 0 < len(moves) <= 100 else ""
        return (
            _key("student", "winner")
            + _quiet([f"{rule}{moved}"] if rule or moved else [])
            + f'<div class="charts small">{"".join(figures)}</div>'
        )

    def _chosen(self, values: Floats) -> tuple[list[int], str]:
        """The values whose schedules are drawn, and the rule."""
        count = values.shape[1]
        if count <= PARAMETERS:
            return list(range(count)), ""
        rows = self.rows if len(self.rows) else np.arange(len(values))
        latent = np.stack([owner.latent(values[rows, index]) for index, owner in enumerate(self.file.owners)], 1)
        if len(self.rows):
            way = np.abs(np.diff(latent, axis=0)).sum(0)
            rule = "went the longest way on their scales in the lineage of the best student"
        else:
            way, rule = np.ptp(latent, axis=0), "cover the widest range on their scales"
        order = np.argsort(-way, kind="stable")[:PARAMETERS]
        return sorted(order.tolist()), f"Of {count} values the {PARAMETERS} that {rule}."

    def _lineage(self) -> str:
        if not len(self.reports):
            return ""
        place = {student: index for index, student in enumerate(self.shown)}
        count, most = len(place), int(self.reports.report.max())
        height = 18 if count <= 24 else 12
        x = Axis(0.0, float(most), whole=True)
        title = f"Lineage of {count} students: rows are students, links are clones"
        chart = Chart(title, x, Axis(0.0, 1.0), "report", height * count)

        def at(student: int, report: float) -> str:
            return f"{round(report / most * WIDTH)} {round((place[student] + 0.5) / count * HEIGHT)}"

        for student in place:
            first, last = self.reports.report[self.by_student[student][[0, -1]]]
            chart.line("student", f"M{at(student, first - 1)}L{at(student, last)}", f"student {student}")
        links: dict[str, dict[str, None]] = {"student": {}, "alive": {}, "winner": {}}
        ancestors = {(s.student, s.first - 1) for s in self.stretches[1:]}
        for clone in self.lineage.clones:
            if clone.student in place and clone.source in place:
                is_own = (clone.student, clone.report) in ancestors
                kind = "winner" if is_own else "alive" if clone.number in self.passed else "student"
                d = f"M{at(clone.source, clone.source_report)}L{at(clone.student, clone.report)}"
                links[kind][d] = None  # those that look alike are drawn once
        chart.line("student faint" if len(links["student"]) > 400 else "student", "".join(links["student"]))
        alive: dict[str, None] = {}
        for student, standing in self.standings.items():
            if student in place and student != self.winner:
                for stretch in self.lineage.stretches(student, standing.reports):
                    if stretch.student in place and stretch.last >= stretch.first:
                        alive[f"M{at(stretch.student, stretch.first - 1)}L{at(stretch.student, stretch.last)}"] = None
        chart.line("alive", "".join(links["alive"]) + "".join(alive), "in a student at the end")
        own = "".join(
            f"M{at(s.student, s.first - 1)}L{at(s.student, s.last)}" for s in self.stretches if s.student in place
        )
        chart.line("winner", own + "".join(links["winner"]), f"lineage of student {self.winner}")
        html = chart.html()
        labels = "".join(
            f'<span class="y" style="bottom:{100 - (index + 0.5) / count * 100:.2f}%;font-size:{min(12, height)}px">'
            f"{student}</span>"
            for student, index in place.items()
        )
        # The students' numbers stand in the place of a scale.
        before, _, after = html.partition('<div aria-hidden="true">')
        marks = "".join(part for part in _spans(after) if 'class="y"' not in part)
        notes = ["Rows: students. Across: their reports. Links: weights that were copied."]
        if len(self.shown) < len(self.by_student):
            others = "those in the lineage of the best one, and the best others"
            notes.append(f"{count} of {len(self.by_student)} students: {others}.")
        grid = before.replace('<path class="grid" ', '<path visibility="hidden" class="grid" ')
        drawn = f'{grid}<div aria-hidden="true">{labels}{marks}</div></div>'
        return _key("student", "alive", "winner") + _quiet(notes) + f"<figure>{drawn}</figure>" + self._descent()

    def _descent(self) -> str:
        """The winner's lineage in words, for who can't see it."""
        parts = [f"student {s.student} (reports {s.first} to {s.last})" for s in self.stretches if s.last >= s.first]
        if not parts:
            return ""
        if len(parts) > 12:
            parts = parts[:4] + [f"{len(parts) - 8} more"] + parts[-4:]
        return _quiet([f"The weights of student {self.winner} were trained by " + ", then ".join(parts) + "."])

    def _mutations(self) -> str:
        found = outcomes(self.file, self.reports, self.lineage, self.passed, self.winner)
        if not found:
            return "<p>No student was replaced by a clone.</p>"
        judged = [one for one in found if one.rank is not None and one.rank_after is not None]
        better = sum(one.rank_after < one.rank for one in judged)  # type: ignore[operator]
        interval = self.file.options.get("interval", "1")
        words = [
            f"{_count(len(found), 'clone')}, {sum(one.changed > 0 for one in found)} of them mutated.",
            f"{better} of {len(judged)} had a better rank {_count(int(float(interval)), 'report')} later than before; "
            f"{sum(one.survived for one in found)} are in a student at the end, "
            f"{sum(one.in_best for one in found)} in the best one.",
        ]
        if self.file.options.get("schedule") == "asynchronous":
            words.append("Ranks after are among the students' reports of the same number.")
        shown = found
        if len(found) > ROWS:
            # Those in the best student first, and of each the latest; shown in their order.
            order = sorted(range(len(found)), key=lambda place: (not found[place].in_best, -place))
            shown = [found[place] for place in sorted(order[:ROWS])]
            words.append(
                f"The table has {len(shown)}: those in the best student, and the latest others; "
                "libhpm export writes all events."
            )
        began = self.file.sessions[0].began if self.file.sessions else 0.0
        rows = [self._mutation(one, began) for one in shown]
        headers = ["Report", "Student", "Weights of", "Changed most", "Rank", "Loss", "The line"]
        return _quiet(words) + table(headers, rows, "Clones, what was changed in them, and what came of it")

    def _mutation(self, one: Outcome, began: float) -> list[str]:
        changed = "nothing"
        if one.most is not None:
            owner, name = self.file.owners[one.most], self.file.names[one.most]
            values = f"{_value(owner.shown(one.before))} → {_value(owner.shown(one.after))}"
            more = f' <span class="quiet">and {one.changed - 1} more</span>' if one.changed > 1 else ""
            changed = f'<span class="text">{escape(name)}: {values}{more}</span>'
        source = str(one.source)
        if one.parent != one.source:
            source += f' <span class="quiet">hyperparameters of {one.parent}</span>'
        line = "died out"
        if one.survived:
            line = "in a student at the end"
        if one.in_best:
            line = '<span class="in-best">in the best student</span>'
        when = f'{one.report} <span class="quiet">{duration(max(0.0, one.time - began))}</span>'
        ranks = [("–" if rank is None else str(rank)) for rank in (one.rank, one.rank_after)]
        return [
            when,
            str(one.student),
            source,
            changed,
            " → ".join(ranks),
            f"{number(one.loss)} → {number(one.loss_after) if one.rank_after is not None else '–'}",
            line,
        ]

    def _metrics(self) -> str:
        names = [row[0] for row in self.file.select("SELECT DISTINCT name FROM metrics ORDER BY name")]
        figures = []
        own = {(s.student, report) for s in self.stretches for report in range(s.first, s.last + 1)}
        for name in names[:METRICS]:
            rows = self.file.select(
                "SELECT student, report, value FROM metrics WHERE name = ? ORDER BY student, report", (name,)
            )
            students, reports = (np.array([row[place] for row in rows], np.int64) for place in (0, 1))
            values = np.array([row[2] for row in rows], float)
            finite = values[np.isfinite(values)]
            if not len(finite):
                continue
            x = Axis(1.0, float(reports.max()), whole=True)
            y = Axis(float(finite.min()), float(finite.max())).padded()
            across, up = x.place(reports), y.place(values)
            chart = Chart(f"Metric {name}", x, y, "report of the student", 150, small=True)
            columns = max(8, SMALL_POINTS // (2 * max(1, len(self.shown))))
            for student in self.shown:
                mine = students == student
                chart.line("student", path(across[mine], up[mine], columns), f"student {student}")
            winner = np.array([key in own for key in zip(students.tolist(), reports.tolist())], bool)
            order = np.argsort(reports[winner], kind="stable")
            line = path(across[winner][order], up[winner][order], 500)
            chart.line("winner", line, f"lineage of student {self.winner}")
            figures.append(f"<figure><h3>{escape(name)}</h3>{chart.html()}</figure>")
        if not figures:
            return ""
        notes = [f"{METRICS} of {len(names)} metrics."] if len(names) > METRICS else []
        return _key("student", "winner") + _quiet(notes) + f'<div class="charts small">{"".join(figures)}</div>'

    def _students(self) -> str:
        if not self.standings:
            return ""
        sign = -1 if self.file.maximises else 1
        order = sorted(
            self.standings,
            key=lambda k: (sign * one if math.isfinite(one := self.standings[k].loss) else math.inf, k),
        )
        values = self.reports.hyperparameters
        names = self.file.names[:PARAMETERS] if values is not None else []
        rows = []
        for student in order[:ROWS]:
            standing = self.standings[student]
            cells = [
                f'<span class="in-best">{student}, the best</span>' if student == self.winner else str(student),
                "not judged" if math.isnan(standing.loss) else number(standing.loss, 6),
                str(standing.reports),
                str(self.founders.get(student, student)),
            ]
            if values is not None:
                shown = zip(self.file.owners, values[standing.row, : len(names)].tolist())
                cells += [_value(owner.shown(value)) for owner, value in shown]
            rows.append(cells)
        notes = []
        if len(order) > ROWS:
            notes.append(f"The best {ROWS} of {len(order)}.")
        if len(names) < len(self.file.names) and values is not None:
            notes.append(f"The first {len(names)} of {len(self.file.names)} values.")
        headers = ["Student", "Loss", "Reports", "Descends from", *names]
        caption = "Students from best to worst, with the hyperparameters of their latest reports"
        return _quiet(notes) + table(headers, rows, caption)

    def _costs(self) -> tuple[float, float, float, float]:
        """Training, hypergradients, teacher, all."""
        parts = (
            float(self.reports.training_cost.sum()),
            float(self.reports.hypergradient_cost.sum()),
            float(self.evaluations.cost.sum()),
        )
        return (*parts, sum(parts))

    def _budget(self) -> str:
        *parts, total = self._costs()
        guided = int((self.reports.hypergradient_cost > 0).sum())
        kinds = ("of-best", "of-winner", "of-teacher")
        names = ("Training", "Hypergradients", "Teacher")
        counts = (
            f"{len(self.reports):,}",
            f"{guided:,} that cost more" if guided else "–",
            f"{len(self.evaluations.cost):,}",
        )
        bar = "".join(
            f'<span class="{kind}" style="width:{part / total * 100:.2f}%"></span>'
            for kind, part in zip(kinds, parts)
            if total > 0
        )
        key = "".join(f'<li class="{kind}">{name}</li>' for kind, name in zip(kinds, names))
        rows = [
            [name, count, number(part, 6), f"{part / total:.1%}" if total > 0 else "–"]
            for name, count, part in zip(names, counts, parts)
        ]
        rows.append(["All", "", number(total, 6), "100%" if total > 0 else "–"])
        note = "In the units of report_cost; where nothing was said a training report costs 1, a hypergradient nothing."
        return (
            f'<ul class="key">{key}</ul><div class="bar" aria-hidden="true">{bar}</div>'
            + table(["Kind", "Reports", "Cost", "Share"], rows, "Cost by kind")
            + _quiet([note])
        )

    def _best_schedule(self) -> str:
        if self.winner is None or self.reports.hyperparameters is None or not len(self.rows):
            return ""
        schedule = StudentSchedule(self.winner, self.file.parameters, self.reports, self.rows)
        lines = list(json_lines(schedule.steps()))
        every = math.ceil(sum(map(len, lines)) / SCHEDULE_BYTES)
        note = (
            f"The hyperparameters that trained student {self.winner}, in {len(schedule)} steps, through all that it "
            "was cloned from."
        )
        if every > 1:
            kept = list(range(0, len(lines) - 2, every)) + [len(lines) - 2]
            lines = ["[" + lines[0].lstrip("["), *(lines[row] for row in kept[1:]), lines[-1]]
            note += f" Every {every}th step is here; libhpm replay {self.file.path.name} prints all."
        return (
            f"<p>{escape(note)}</p>"
            '<div class="tools"><label for="schedule-format">Format</label><select id="schedule-format">'
            '<option value="json">JSON</option><option value="csv">CSV</option></select>'
            '<button type="button" id="schedule-copy">Copy</button>'
            '<span id="schedule-said" role="status" class="quiet"></span></div>'
            '<textarea id="schedule-text" readonly spellcheck="false" aria-label="The best schedule">\n'
            f"{escape(''.join(lines))}</textarea>"
        )

    def _settings(self) -> str:
        file = self.file
        space = [
            [
                escape(f"{p.name}[{p.count}]" if p.kind == "block" else p.name),
                escape(p.kind),
                f'<span class="text">{escape(", ".join(p.labels))}</span>'
                if p.labels
                else f"{_value(p.shown(p.low))} to {_value(p.shown(p.high))}",
                escape(p.scale),
                "drawn" if p.initial is None else _value(p.shown(p.initial)),
                escape(p.updated_by),
                "" if p.role == "other" else escape(p.role.replace("_", " ")),
            ]
            for p in file.parameters[:ROWS]
        ]
        headers = ["Name", "Kind", "Values", "Scale", "Student 0 starts at", "Moved by", "Role"]
        options = [[escape(name), escape(value)] for name, value in file.options.items()]
        sessions = [
            [
                str(one.number),
                calendar(one.began),
                "–" if one.ended is None else calendar(one.ended),
                escape(one.host),
                str(one.process),
            ]
            for one in file.sessions[-ROWS:]
        ]
        columns = ["Session", "Began", "Ended", "Host", "Process"]
        tables: list[tuple[str, Callable[[], str]]] = [
            ("Space", lambda: table(headers, space, "The search space")),
            ("Options", lambda: table(["Option", "Value"], options, "All options, with every default decided")),
            ("Sessions", lambda: table(columns, sessions, "Processes that wrote the run")),
        ]
        return "".join(f"<details><summary>{name}</summary>{make()}</details>" for name, make in tables)


def best_so_far(losses: Floats, maximises: bool) -> Floats:
    """The best of the losses up to each; NaN before the first finite one."""
    worst = -np.inf if maximises else np.inf
    finite = np.where(np.isfinite(losses), losses, worst)
    best = (np.maximum if maximises else np.minimum).accumulate(finite) if len(finite) else finite
    return np.where(np.isfinite(best), best, np.nan)


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _spans(html: str) -> list[str]:
    return [part + "</span>" for part in html.split("</span>")[:-1]]


def _quiet(sentences: list[str]) -> str:
    return f'<p class="quiet">{escape(" ".join(sentences))}</p>' if sentences else ""


def _key(*kinds: str) -> str:
    texts = {
        "student": "students",
        "best": "the best so far",
        "winner": "lineage of the best student",
        "alive": "in a student at the end",
    }
    return '<ul class="key">' + "".join(f'<li class="of-{kind}">{texts[kind]}</li>' for kind in kinds) + "</ul>"


def _value(value: float | int | str) -> str:
    """A hyperparameter's value as HTML."""
    return escape(value) if isinstance(value, str) else number(value) if isinstance(value, float) else str(value)


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _time_unit(seconds: float) -> tuple[str, float]:
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return unit, length
    return "seconds", 1.0
