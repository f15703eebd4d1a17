"""What a run found: its best student, and how it got there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ._arguments import Vector
from ._optional import optional
from .errors import NoResultError
from .population import Population
from .schedule import Schedule, free_name, with_columns
from .space import Value

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Report(NamedTuple):
    """One training report."""

    student: int
    number: int
    """Which of the student's training reports it was, from 1."""
    hyperparameters: Vector
    """Shape ``[dimension]``, natural units."""
    loss: float


class Metric(NamedTuple):
    """A number that `train` logged, beside the loss."""

    student: int
    report: int
    """The training report that its interval ended with, from 1."""
    name: str
    value: float


class Copy(NamedTuple):
    """Weights that were copied: a student became a clone."""

    student: int
    report: int
    """The training reports that the student had made."""
    source: int
    """Whose weights it took."""
    source_report: int
    """After which of the source's training reports they were; 0: its state at the start."""


@dataclass(frozen=True)
class Result:
    """What :func:`tune` found. In a notebook it draws itself."""

    hyperparameters: dict[str, Value]
    """Of the best known point, by name: those of the best student's latest training report; with the
    option ``trial`` those of the best trial, also if it has ended."""
    loss: float
    """The loss of that report."""
    student: int
    """The student to keep: the one with the best latest loss. With the option ``trial`` its trial
    need not be the best one."""
    population: Population
    """The population, for counters, lineage and snapshots."""
    history: list[Report]
    """All training reports, in the order in which they were made."""
    metrics: list[Metric] = field(default_factory=list)
    """What `train` logged, in the order in which it did."""
    clones: list[Copy] = field(default_factory=list)
    """All clones, in the order in which weights were copied."""

    def schedule(self) -> Schedule:
        """The hyperparameters that trained the best student's weights, report by report, followed
        through the clones.

        Raises:
            NoResultError: The history lacks a report that went into the weights.

        Complexity: O(reports of the history + steps x dimension).

        Example:
            >>> space = hpm.SearchSpace().add_real("rate", 0, 1).add_choice("kind", ["a", "b"])
            >>> models = [{"w": 5.0} for _ in range(8)]
            >>> def train(student, h):
            ...     models[student]["w"] *= 1 - h["rate"]
            ...     return models[student]["w"] ** 2
            >>> schedule = hpm.tune(train, space, models=models, steps=20, progress=False).schedule()
            >>> schedule
            <Schedule of 20 steps, SearchSpace(rate, kind)>
            >>> sorted(schedule[19]), schedule["rate"].shape, schedule.shape
            (['kind', 'rate'], (20,), (20, 2))
        """
        by_report = {(report.student, report.number): report.hyperparameters for report in self.history}
        population, students = self.population, self.population.lineage(self.student)
        reports = [population.ancestor_report(self.student, place) for place in range(1, len(students) + 1)]
        for student, report in zip(students, reports):
            if (student, report) not in by_report:
                raise NoResultError(
                    f"the history has no report {report} of student {student}, which went into the weights of student "
                    f"{self.student}: it began later"
                )
        values = [by_report[key] for key in zip(students, reports)]
        return Schedule(population.space, np.reshape(values, (len(values), population.dimension)), students, reports)

    def replay(self, train: Callable[[Any, dict[str, Any]], Any], model: Any) -> Vector:
        """Trains one model by :meth:`schedule`, without a population: :meth:`Schedule.replay`.

        Args:
            train: ``train(model, hyperparameters)`` trains the model in place for one interval, as long as those of
                the run, and returns its loss.
            model: A new model, as those that the students began with.

        Returns:
            The losses, shape ``[steps]``.

        Example:
            A model that begins like the winner's ancestor, and an interval without chance, end as the winner did.

            >>> space = hpm.SearchSpace().add_real("rate", 1e-4, 1.0, scale="log")
            >>> models = [{"w": 5.0} for _ in range(8)]
            >>> def train(model, h):
            ...     model["w"] *= 1 - h["rate"]
            ...     return model["w"] ** 2
            >>> result = hpm.tune(
            ...     lambda student, h: train(models[student], h), space, models=models, steps=20, progress=False)
            >>> losses = result.replay(train, {"w": 5.0})
            >>> float(losses[-1]) == result.loss
            True
        """
        return self.schedule().replay(train, model)

    def table(self) -> pd.DataFrame:
        """All training reports as a DataFrame, a row each, in the order of :attr:`history`.

        Returns:
            `student`; `report`, from 1; `loss`; `clone_of`, the student whose weights it took between its report
            before and this one, else missing; a column for each hyperparameter, with the labels of choices as
            categories, integers as int, and ``weight[3]`` for the fourth of a block; a column for each metric, NaN
            where none was logged, the last one where it was twice. A name that is taken, as a hyperparameter
            ``loss``, gets an underscore.

        Raises:
            ImportError: pandas is missing: the sentence says what to install.
        """
        pandas = optional("pandas", "tables")
        reports = [(report.student, report.number) for report in self.history]
        sources = {(copy.student, copy.report + 1): copy.source for copy in self.clones}
        frame: dict[str, Any] = {
            "student": np.array([student for student, _ in reports], np.int64),
            "report": np.array([number for _, number in reports], np.int64),
            "loss": np.array([report.loss for report in self.history], np.float64),
            "clone_of": pandas.array([sources.get(key) for key in reports], dtype="Int64"),
        }
        values = [report.hyperparameters for report in self.history]
        space = self.population.space
        frame = with_columns(frame, space, np.reshape(values, (len(values), self.population.dimension)))
        logged: dict[str, dict[tuple[int, int], float]] = {}
        for metric in self.metrics:
            logged.setdefault(metric.name, {})[metric.student, metric.report] = metric.value
        for name, found in logged.items():
            frame[free_name(name, frame)] = np.array([found.get(key, np.nan) for key in reports], np.float64)
        return pandas.DataFrame(frame)

    def plot(
        self,
        kind: Literal["loss", "schedule", "lineage"] = "loss",
        *,
        names: Iterable[str] | None = None,
        most: int = 12,
    ) -> Figure:
        """Draws the run by matplotlib; nothing is shown or kept by pyplot. ``figure.savefig("loss.png")`` writes it;
        in a notebook it is shown.

        Args:
            kind: ``loss``: the losses of all students, that of the weights that won drawn out, and the best so far;
                logarithmic where they span more than a factor of 20. ``schedule``: each hyperparameter over the
                training reports on its own scale, with that which trained the winner's weights drawn out.
                ``lineage``: who became a clone of whom, coloured by loss, with the winner's descent drawn out.
            names: Of ``schedule``: hyperparameters by name, ``weight`` for a whole block, ``weight[3]`` for one of
                it. None: all.
            most: Of ``schedule``: of more values than these, those that moved farthest in the winner's schedule, by
                the range of each on its scale as a share of its bounds.

        Returns:
            A figure of its own, to be changed as you like.

        Raises:
            ImportError: matplotlib is missing: the sentence says what to install.
            ArgumentError: An unknown kind or name, or `most` is 0.
            NoResultError: As :meth:`schedule`.
        """
        from ._figures import draw

        figure: Figure = draw(self, kind, names, most)
        return figure

    def __repr__(self) -> str:
        return f"Result(loss={self.loss:g}, student={self.student}, hyperparameters={self.hyperparameters})"

    def _repr_html_(self) -> str:
        from ._html import result_html

        return result_html(self)
