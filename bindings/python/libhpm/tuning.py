"""Tuning in one call."""

from __future__ import annotations

import functools
import inspect
import os
import sqlite3
import warnings
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from ._arguments import Vector, real, size
from ._models import KeptModels, Models, check_models, copier
from ._options import Option, documented, option_names
from ._trainer import Clone, Outcome, Restart
from .assignment import Action
from .checkpoints import Checkpoints
from .errors import ArgumentError, NoResultError
from .events import Kinds
from .interval import Interval
from .observers import Combined, Observers, combined
from .population import Population
from .problem import Problem
from .result import Copy, Metric, Report, Result
from .space import SearchSpace

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@documented
def tune(
    train: Callable[..., Outcome],
    space: SearchSpace,
    *,
    steps: int | None = None,
    population: int | Population | None = None,
    models: Models | None = None,
    run: str | os.PathLike[str] | None = None,
    checkpoints: Checkpoints | str | os.PathLike[str] | None = None,
    clone: Clone | None = None,
    evaluate: Callable[[int, dict[str, Any]], Outcome] | None = None,
    restart: Restart | None = None,
    problem: Problem | None = None,
    parameters: Callable[[int], Any] | None = None,
    progress: bool = True,
    observe: Observers = None,
    kinds: Kinds = None,
    **options: Option,
) -> Result:
    """Tunes while the students train, one after the other, with a progress bar.

    Args:
        train: ``train(student, hyperparameters)`` trains student number `student` one interval (an
            epoch, some hundred steps) with the hyperparameters, a dict by name, and returns its
            validation loss, or ``(loss, hypergradient)``, the hypergradient being a dict of
            derivatives by name or an array of shape ``[dimension]``. Where it needs a third argument, or one
            is named ``interval``, that is an :class:`Interval`: which one it is, and ``interval.log(name=value)``
            for numbers of its own.
        space: The hyperparameters.
        steps: Training intervals of each student, at least 1. A run that goes on is prolonged to so many; None:
            it has as many as it had.
        population: How many students, an option; or a :class:`Population` that goes on: that of a result, of an
            error's ``partial_result``, or a loaded snapshot. Then it has the options that it has.
        models: The students' models, a list that `train` indexes. Where it is given, the number of
            students is its length and `clone` needn't be written: the default copies the whole
            model, ``models[student] = copy.deepcopy(models[source])``.
        run: The file that keeps the run, by :meth:`Population.open`. Where it is there the run goes on, bit
            for bit as if it had not been interrupted.
        checkpoints: Where the models are kept, a folder or a :class:`Checkpoints`: the state of each before its
            report. A run that goes on loads them: into the model where it has ``load_state_dict``, else
            ``models[student]`` is what was stored. A student that was interrupted trains the interval again from
            the state before it. What no student needs any more is removed.
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
        observe: Called for each event, as by :meth:`Population.observe`; or several such functions, or
            observers of :mod:`hpm.observers`. ``hpm.observers.Logging()`` is always there, and silent until the
            program configures :mod:`logging`.
        kinds: Those that `observe` is called for, as there; None: all.
        **options: Those of :class:`Population`, with `run` those of :meth:`Population.open` too. In brackets is
            each one's default, -1 where the algorithm and other options decide; then what it may be, and what it
            means:

            <options>

    Returns:
        The best student, its hyperparameters and loss, and how it got there.

    Raises:
        BaseException: What a callback raised, as it was raised (KeyboardInterrupt, too). Its attribute
            ``partial_result`` is the :class:`Result` until then, None before the first finite loss;
            ``tune(..., population=error.partial_result.population)`` goes on.
        ArgumentError: An option or a combination that is not allowed.
        StorageError: `run` or `checkpoints` can't be read or written, or lack what the run goes on from.
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
    if steps is not None and size(steps, "steps") == 0:
        raise ArgumentError("steps is 0; allowed: 1 or more")
    for name, callback in (("train", train), ("clone", clone), ("evaluate", evaluate), ("restart", restart)):
        if not callable(callback) and (callback is not None or name == "train"):
            raise TypeError(f"{name} is {callback!r}; allowed: a callable")
    if models is not None:
        check_models(models)
    elif checkpoints is not None:
        raise ArgumentError("checkpoints goes with models; allowed: models=, the list of what is to be kept")
    if (problem is None) != (parameters is None):
        raise ArgumentError("problem goes with parameters; allowed: both, or none of the two")
    observers = combined(observe, kinds, logged=True)

    is_new = not isinstance(population, Population) and not (run is not None and os.path.exists(run))
    if isinstance(population, Population):
        if run is not None:
            raise ArgumentError("run is given with a Population, which has a file or none; allowed: one of the two")
        if options:
            given = ", ".join(options)
            raise ArgumentError(f"{given}: a Population has the options that it has; allowed: none beside it")
        tuned = _require_space(population, space)
    else:
        if population is None and models is not None:
            population = len(models)
        options["population"] = population
        if is_new and steps is None:
            raise ArgumentError("steps is missing; allowed: 1 or more, the training intervals of each student")
        if run is None:
            tuned = _made(space, steps, options)
        else:
            if is_new:  # what is refused leaves no file behind
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    known = {name: value for name, value in options.items() if name in option_names()}
                    _require_copies(_made(space, steps, known), models, clone)
            tuned = _opened(run, space, steps, options)
    _require_copies(tuned, models, clone)
    present = int(tuned._option("steps"))
    if steps is not None and steps != present:
        if not is_new and 0 < steps < present:
            raise ArgumentError(f"steps is {steps}; allowed: {present} or more, the steps that the population has")
        tuned.set_steps(steps)

    is_exact = clone is None
    if clone is None and models is not None:
        clone = copier(models)
    if models is not None and checkpoints is None and run is not None and any(map(tuned.reports, range(tuned.size))):
        raise ArgumentError(
            f"{os.fspath(run)} has a run that goes on, and the weights are missing: pass checkpoints=, where that run "
            "kept them; or load them yourself and pass clone= in place of models="
        )
    if problem is not None and parameters is not None:
        for student in range(tuned.size):
            tuned.set_problem(student, problem, functools.partial(parameters, student))

    record = _Record(tuned)
    kept: KeptModels | None = None

    with ExitStack() as stack:
        if checkpoints is not None and models is not None:
            if not isinstance(checkpoints, Checkpoints):
                checkpoints = Checkpoints(checkpoints, durable=options.get("durability") == "power")
                stack.callback(checkpoints.close)
            kept = KeptModels(models, checkpoints, tuned)
            kept.begin(is_new=is_new, are_current=run is None)
            clone = clone and kept.cloning(clone, is_exact=is_exact)
            restart = restart and kept.restarting(restart)
        try:
            return _run(tuned, train, clone, evaluate, restart, record, kept, observers, progress)
        except BaseException as error:
            _hand_over(error, record, run)
            raise


def _run(
    population: Population,
    train: Callable[..., Outcome],
    clone: Clone | None,
    evaluate: Callable[[int, dict[str, Any]], Outcome] | None,
    restart: Restart | None,
    record: _Record,
    kept: KeptModels | None,
    observers: Combined,
    progress: bool,
) -> Result:
    space = population.space
    takes_interval = _takes_interval(train)

    def between() -> None:
        """A report is applied once its callback has returned: what follows from it comes before the next one."""
        bar.draw(population)
        if kept is not None:
            kept.release()

    def after(function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            between()
            return function(*arguments)

        return call if callable(function) else function  # None, or what run refuses

    def training(student: int, hyperparameters: Vector) -> Outcome:
        number = population.reports(student) + 1
        arguments: tuple[Any, ...] = (student, space.decode(hyperparameters))
        if takes_interval:

            def log(name: str, value: float) -> None:
                record.log(student, number, name, value)
                observers.log_metric(student, number, name, value)

            arguments += (Interval(student, number, log),)
        outcome = _checked(train(*arguments), "train")
        loss = real(outcome[0] if isinstance(outcome, tuple) and outcome else outcome, "the loss that train returned")
        if kept is not None:
            kept.trained(student, number, loss)
        record.history.append(Report(student, number, hyperparameters, loss))
        return outcome

    def evaluating(student: int, hyperparameters: Vector) -> Outcome:
        assert evaluate is not None
        return _checked(evaluate(student, space.decode(hyperparameters)), "evaluate")

    observers.begin(population)
    with observers, _Bar(progress, int(population._option("steps")) * population.size or None) as bar:
        population.run(
            after(training),
            after(clone and record.cloning(clone)),
            after(evaluating if evaluate else None),
            after(restart),
            observe=observers if len(observers) else None,
            kinds=observers.kinds,
        )
        between()
    return record.result()


def _require_space(population: Population, space: SearchSpace) -> Population:
    with population.space as own:
        if own != space:
            raise ArgumentError("space is not that of the population; allowed: an equal one, population.space")
    return population


_running: WeakValueDictionary[str, Population] = WeakValueDictionary()
"""By file: of the runs that were opened here, those that somebody still has. They hold their files."""


def _require_copies(population: Population, models: Models | None, clone: Clone | None) -> None:
    if clone is None and models is None and Action.CLONE in population.actions:
        raise ArgumentError(
            "clone is missing: pass models=, the students' models, or clone=, which copies one onto another"
        )
    if models is not None and len(models) != population.size:
        raise ArgumentError(f"models has length {len(models)}; allowed: {population.size}, the students")


def _made(space: SearchSpace, steps: int | None, options: dict[str, Option]) -> Population:
    return Population(space, steps=steps, **options)  # type: ignore[arg-type]


def _opened(
    run: str | os.PathLike[str], space: SearchSpace, steps: int | None, options: dict[str, Option]
) -> Population:
    path = os.path.realpath(run)
    there = _running.get(path)
    if there is None or there.closed:
        metrics, clones = _stored(path)
        given: dict[str, Any] = {**options, "steps": steps, "override": "steps"}
        there = _running[path] = Population.open(run, space, **given)
        _records[there] = [], [metric for metric in metrics if metric.report <= there.reports(metric.student)], clones
        return there
    _require_space(there, space)
    present = there.options
    for name, value in options.items():
        if value is not None and name in present and present[name] != value:
            raise ArgumentError(f"{name} is {value!r}; allowed: {present[name]!r}, as in the run {os.fspath(run)}")
    return there


def _stored(path: str) -> tuple[list[Metric], list[Copy]]:
    """What earlier sessions left in the file of a run. Read before the population is opened: a process that closes a
    file gives up its locks on it, those of the library, too."""
    if os.path.exists(path):
        with suppress(sqlite3.Error):  # Population.open says what is wrong
            with closing(sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True)) as file:
                # Of numbers SQLite has no NaN.
                metrics = file.execute(
                    "SELECT student, report, name, ifnull(value, 'nan') FROM metrics ORDER BY number"
                ).fetchall()
                clones = file.execute("SELECT student, report, source, source_report FROM clones ORDER BY number")
                return (
                    [Metric(student, report, name, float(value)) for student, report, name, value in metrics],
                    [Copy(*row) for row in clones],
                )
    return [], []


_records: WeakKeyDictionary[Population, tuple[list[Report], list[Metric], list[Copy]]] = WeakKeyDictionary()
"""What was reported in this process to populations that somebody still has: a run without a file goes on with it."""


class _Record:
    """What :class:`Result` says of a run beside its population, with the parts of it before this call."""

    def __init__(self, population: Population):
        self._population = population
        history, metrics, clones = _records.get(population, ((), (), ()))
        self.history: list[Report] = list(history) if population.path is None else population.history()
        self.metrics: list[Metric] = list(metrics)
        self.clones: list[Copy] = list(clones)
        _records[population] = self.history, self.metrics, self.clones

    def log(self, student: int, report: int, name: str, value: float) -> None:
        """Keeps a number that `train` logged."""
        self.metrics.append(Metric(student, report, name, value))
        if self._population.path is not None:
            self._population.log_metric(student, name, value)

    def cloning(self, clone: Clone) -> Clone:
        """`clone`, with an eye on it."""

        def clone_and_tell(source: int, student: int) -> None:
            copied = Copy(student, self._population.reports(student), source, self._population.source_report(student))
            clone(source, student)
            if copied not in self.clones[-1:]:  # done once more, where its report could not be stored
                self.clones.append(copied)

        return clone_and_tell

    def drop_uncounted(self) -> None:
        """Forgets the interval that was interrupted before its report counted: it is trained again."""
        reports = self._population.reports
        while self.history and self.history[-1].number > reports(self.history[-1].student):
            self.history.pop()
        while self.metrics and self.metrics[-1].report > reports(self.metrics[-1].student):
            self.metrics.pop()

    def result(self) -> Result:
        population = self._population
        vector, loss = population.best_hyperparameters()
        with population.space as space:
            hyperparameters = space.decode(vector)
        student = population.best().student
        return Result(hyperparameters, loss, student, population, self.history, self.metrics, self.clones)


def _hand_over(error: BaseException, record: _Record, run: str | os.PathLike[str] | None) -> None:
    """Gives an exception what was found until then, and says so where it is printed."""
    record.drop_uncounted()
    try:
        result = record.result()
    except NoResultError:
        result = None
    with suppress(AttributeError, TypeError):  # an exception with slots
        error.partial_result = result  # type: ignore[attr-defined]
    if result is not None and hasattr(error, "add_note"):  # Python 3.11
        rest = f"; {os.fspath(run)} has them, and the same call goes on" if run is not None else ""
        error.add_note(
            f"hpm.tune: {len(result.history)} training reports are in this exception's partial_result, the best loss "
            f"being {result.loss:g}{rest}"
        )


def _takes_interval(train: Callable[..., Outcome]) -> bool:
    """Whether a third argument is needed, or asked for by its name."""
    try:
        signature = inspect.signature(train)
    except (TypeError, ValueError):  # no callable, which is refused elsewhere, or one that was not written in Python
        return False
    if list(signature.parameters)[2:3] == ["interval"]:
        return True
    for count in (2, 3):
        with suppress(TypeError):
            signature.bind(*range(count))
            return count == 3
    return False


def _checked(outcome: Outcome, name: str) -> Outcome:
    """Refuses derivatives in a list: nobody can see whether they are in the order of the space."""
    if isinstance(outcome, tuple) and len(outcome) == 2 and isinstance(outcome[1], (list, tuple)):
        raise TypeError(
            f"{name} returned a hypergradient that is a {type(outcome[1]).__name__}; allowed: a dict of derivatives by "
            "name, as {'decay': 0.1}, or a numpy array of shape [dimension] in the order of the space"
        )
    return outcome


class _Bar:
    """The progress bar, or none."""

    def __init__(self, shown: bool, total: int | None):
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

    def draw(self, population: Population) -> None:
        """Shows how many reports there are, and the loss that :func:`tune` would return now."""
        if self._progress is not None:
            try:
                best = f"{population.best_hyperparameters()[1]:.6g}"
            except NoResultError:
                best = "-"
            reports = sum(map(population.reports, range(population.size)))
            self._progress.update(self._task, completed=reports, best=best)

    def __enter__(self) -> _Bar:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
