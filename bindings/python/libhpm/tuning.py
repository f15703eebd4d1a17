"""Tuning in one call."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._arguments import Vector, real, size
from ._options import Option, documented
from ._trainer import Clone, Outcome, Restart, Train
from .assignment import Action
from .errors import ArgumentError, NoResultError
from .events import Kinds
from .population import Population
from .problem import Problem
from .space import SearchSpace, Value

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Report(NamedTuple):
    """One training report."""

    student: int
    number: int
    """Which of the student's training reports it was, from 1."""
    hyperparameters: Vector
    """Shape ``[dimension]``, natural units."""
    loss: float


@dataclass(frozen=True)
class Result:
    """What :func:`tune` found."""

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

    def schedule(self) -> Vector:
        """The hyperparameters that trained the best student's weights, report by report, followed
        through the clones: shape ``[steps, dimension]``, natural units."""
        by_report = {(report.student, report.number): report.hyperparameters for report in self.history}
        population, student = self.population, self.student
        behind = enumerate(population.lineage(student), 1)
        return np.array(
            [by_report[ancestor, population.ancestor_report(student, place)] for place, ancestor in behind]
        )

    def __repr__(self) -> str:
        return f"Result(loss={self.loss:g}, student={self.student}, hyperparameters={self.hyperparameters})"


@documented
def tune(
    train: Callable[[int, dict[str, Any]], Outcome],
    space: SearchSpace,
    *,
    steps: int,
    models: MutableSequence[Any] | None = None,
    clone: Clone | None = None,
    evaluate: Callable[[int, dict[str, Any]], Outcome] | None = None,
    restart: Restart | None = None,
    problem: Problem | None = None,
    parameters: Callable[[int], Any] | None = None,
    progress: bool = True,
    observe: Callable[[Any], object] | None = None,
    kinds: Kinds = None,
    **options: Option,
) -> Result:
    """Tunes while the students train, one after the other, with a progress bar.

    Args:
        train: ``train(student, hyperparameters)`` trains student number `student` one interval (an
            epoch, some hundred steps) with the hyperparameters, a dict by name, and returns its
            validation loss, or ``(loss, hypergradient)``, the hypergradient being a dict of
            derivatives by name or an array of shape ``[dimension]``.
        space: The hyperparameters.
        steps: Training intervals of each student, at least 1.
        models: The students' models, a list that `train` indexes. Where it is given, the number of
            students is its length and `clone` needn't be written: the default copies the whole
            model, ``models[student] = copy.deepcopy(models[source])``.
        clone: ``clone(source, student)`` copies weights and optimizer state of `source` into
            `student`. Without it and without `models`, only algorithms that never clone can run.
        evaluate: As `train`, on a copy of the student that is thrown away; for algorithms with a
            teacher that asks for it.
        restart: ``restart(student)`` initialises a student's weights anew; for algorithms that begin
            new trials (option ``trial``).
        problem: Computes the hypergradients of students for which `train` and `evaluate` return none:
            :meth:`Population.set_problem`.
        parameters: ``parameters(student)`` returns the parameters of `problem` that `student` has
            now, as ``lambda student: models[student]["params"]``.
        progress: Whether to show a progress bar with the best loss, on standard error.
        observe: Called for each event, as by :meth:`Population.observe`.
        kinds: Those that `observe` is called for, as there; None: all.
        **options: Those of :class:`Population`. In brackets is each one's default, -1 where the algorithm
            and other options decide; then what it may be, and what it means:

            <options>

    Returns:
        The best student, its hyperparameters and loss, and how it got there.

    Raises:
        BaseException: What a callback raised, as it was raised (KeyboardInterrupt, too).
        ArgumentError: An option or a combination that is not allowed.
        NoResultError: No student ended with a finite loss.

    Example:
        Eight models of one weight each descend ``w**2``; the learning rate is tuned without any
        derivative.

        >>> models = [{"w": 5.0} for _ in range(8)]
        >>> def train(student, h):
        ...     models[student]["w"] *= 1 - h["learning_rate"]
        ...     return models[student]["w"] ** 2
        >>> space = hpm.SearchSpace().add_real("learning_rate", 1e-4, 1.0, scale="log")
        >>> result = hpm.tune(train, space, models=models, steps=20, progress=False)
        >>> result.loss == models[result.student]["w"] ** 2
        True
        >>> result.loss < 1e-6, result.schedule().shape
        (True, (20, 1))
    """
    if size(steps, "steps") == 0:
        raise ArgumentError("steps is 0; allowed: 1 or more")
    if models is not None:
        options.setdefault("population", len(models))
        if clone is None:
            clone = _copier(models)
    population = Population(space, steps=steps, **options)  # type: ignore[arg-type]
    if clone is None and Action.CLONE in population.actions:
        raise ArgumentError(
            "clone is missing: pass models=, the students' models, or clone=, which copies one onto another"
        )
    if models is not None and len(models) != population.size:
        raise ArgumentError(f"models has length {len(models)}; allowed: {population.size}, the students")
    if (problem is None) != (parameters is None):
        raise ArgumentError("problem goes with parameters; allowed: both, or none of the two")
    if problem is not None and parameters is not None:
        for student in range(population.size):
            population.set_problem(student, problem, functools.partial(parameters, student))
    space = population.space
    history: list[Report] = []
    counts = [0] * population.size

    def by_name(function: Callable[[int, dict[str, Any]], Outcome]) -> Train:
        return lambda student, hyperparameters: function(student, space.decode(hyperparameters))

    def after_drawing(function: Any) -> Any:
        """A report is applied once its callback has returned: the bar shows it before the next one begins."""

        def draw_and_call(*arguments: Any) -> Any:
            bar.draw(population, len(history))
            return function(*arguments)

        return draw_and_call if callable(function) else function  # None, or what run refuses

    def training(student: int, hyperparameters: Vector) -> Outcome:
        outcome = train(student, space.decode(hyperparameters))
        counts[student] += 1
        loss = outcome[0] if isinstance(outcome, tuple) and outcome else outcome
        history.append(
            Report(student, counts[student], hyperparameters, real(loss, "the loss that train returned"))
        )
        return outcome

    with _Bar(progress, steps * population.size) as bar:
        population.run(
            after_drawing(training),
            after_drawing(clone),
            after_drawing(by_name(evaluate) if evaluate else None),
            after_drawing(restart),
            observe=observe,
            kinds=kinds,
        )
        bar.draw(population, len(history))
    vector, loss = population.best_hyperparameters()
    return Result(space.decode(vector), loss, population.best().student, population, history)


def _copier(models: MutableSequence[Any]) -> Clone:
    def clone(source: int, student: int) -> None:
        models[student] = copy.deepcopy(models[source])

    return clone


class _Bar:
    """The progress bar, or none."""

    def __init__(self, shown: bool, total: int):
        self._progress: Progress | None = None
        if shown:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )

            self._progress = Progress(
                TextColumn("tuning"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("best loss {task.fields[best]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task: TaskID = self._progress.add_task("", total=total, best="-")

    def draw(self, population: Population, reports: int) -> None:
        """Shows how many reports there are, and the loss that :func:`tune` would return now."""
        if self._progress is not None:
            try:
                best = f"{population.best_hyperparameters()[1]:.6g}"
            except NoResultError:
                best = "-"
            self._progress.update(self._task, completed=reports, best=best)

    def __enter__(self) -> _Bar:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
