"""Observers that keep a run elsewhere: in Python's logging, TensorBoard, MLflow or Weights & Biases.

Each is given to :func:`tune` as ``observe=``, alone or in a list. Their libraries are imported when they are
constructed, none of them with libhpm. An observer of one's own is any callable that takes an :class:`Event`; three
more methods are called where it has them:

* ``begin(population)`` before the run, ``close()`` after it, also where it ended with an exception;
* ``log_metric(student, report, name, value)`` for each number that `train` logs, `report` being that which its
  interval will end with;

and an attribute ``kinds`` says which events it wants, as the argument of :meth:`Population.observe`.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import numpy as np

from ._arguments import Vector
from ._handle import Closing
from ._optional import optional
from .assignment import Action
from .errors import NoResultError, OrderError
from .events import Changed, Cloned, Event, Kinds, Restarted, Trained, mask

if TYPE_CHECKING:
    from .population import Population
    from .space import Value

Observers = Union[Callable[[Any], object], Iterable[Callable[[Any], object]], None]
"""What `observe` may be."""

WIDEST = 16
"""A block of more parameters is written as its smallest, mean and largest value."""

logging.getLogger("libhpm").addHandler(logging.NullHandler())  # silent until the program configures logging


class Combined(Closing):
    """Several observers as one: what :func:`combined` returns."""

    def __init__(self, observers: list[Callable[[Any], object]], kinds: Kinds):
        self._observers = [(observer, _classes(getattr(observer, "kinds", kinds))) for observer in observers]
        self.kinds: tuple[type[Event], ...] | None = ()
        """Those that any of them wants, for :meth:`Population.observe`; None: all."""
        for _, wanted in self._observers:
            self.kinds = None if wanted is None or self.kinds is None else (*self.kinds, *wanted)

    def __len__(self) -> int:
        return len(self._observers)

    def begin(self, population: Population) -> None:
        """Calls each one's `begin`. Where one fails, those before it are closed."""
        with ExitStack() as stack:
            for observer, _ in self._observers:
                _call(observer, "begin", population)
                stack.callback(_call, observer, "close")
            stack.pop_all()

    def __call__(self, event: Event) -> None:
        for observer, kinds in self._observers:
            if kinds is None or isinstance(event, kinds):
                observer(event)

    def log_metric(self, student: int, report: int, name: str, value: float) -> None:
        """Calls each one's `log_metric`."""
        for observer, _ in self._observers:
            _call(observer, "log_metric", student, report, name, value)

    def close(self) -> None:
        """Calls each one's `close`, also where one before it fails."""
        with ExitStack() as stack:
            for observer, _ in reversed(self._observers):
                stack.callback(_call, observer, "close")


def combined(observe: Observers, kinds: Kinds = None, logged: bool = False) -> Combined:
    """Makes one observer of those that `observe` of :func:`tune` may be.

    Args:
        observe: One observer, several, or None.
        kinds: For those that have no `kinds` of their own.
        logged: Whether a :class:`Logging` is added where there is none.

    Raises:
        TypeError: What can't be called, or kinds that are no classes of events.

    Example:
        >>> both = hpm.observers.combined([hpm.observers.Logging(), print], kinds=hpm.Stopped)
        >>> len(both), hpm.Stopped in both.kinds, hpm.Cloned in both.kinds
        (2, True, True)
    """
    if observe is None:
        observers: list[Callable[[Any], object]] = []
    elif callable(observe):
        observers = [observe]
    elif isinstance(observe, Iterable):
        observers = list(observe)
    else:
        raise TypeError(f"observe is {observe!r}; allowed: a callable, a list of callables, or None")
    for observer in observers:
        if not callable(observer):
            raise TypeError(f"observe has {observer!r}; allowed: callables")
    mask(kinds)  # which checks them
    if logged and not any(isinstance(observer, Logging) for observer in observers):
        observers.insert(0, Logging())
    return Combined(observers, kinds)


def _classes(kinds: Kinds) -> tuple[type[Event], ...] | None:
    return kinds if kinds is None else (kinds,) if isinstance(kinds, type) else tuple(kinds)


def _call(observer: object, name: str, *arguments: Any) -> None:
    method = getattr(observer, name, None)
    if method is not None:
        method(*arguments)


class Logging(Closing):
    """Writes a run to Python's logging: its begin, each exploit with the best loss by then, and its end at INFO;
    training reports and metrics at DEBUG. :func:`tune` has one by default. Nothing is shown until the program asks
    for it, as by ``logging.basicConfig(level=logging.INFO)``.

    Args:
        logger: A logger, or the name of one. None: ``libhpm``.

    Example:
        >>> import logging, sys
        >>> logger = logging.getLogger("doctest")
        >>> logger.setLevel(logging.INFO)
        >>> logger.addHandler(logging.StreamHandler(sys.stdout))
        >>> space = hpm.SearchSpace().add_real("x", 0, 1, initial=0.25)
        >>> population = hpm.Population(space, population=5, algorithm="pbt", steps=6, interval=2)
        >>> with hpm.observers.Logging(logger) as log:
        ...     log.begin(population)
        ...     with population.observe(log, log.kinds):
        ...         _ = population.run(lambda student, h: 1.0 + student, lambda source, student: None)
        begin: 5 students, 1 hyperparameter (x), algorithm pbt, schedule synchronous, 6 steps
        exploit after report 2: best loss 1 by x=0.25; student to keep: 0
        student 4 becomes a clone of student 0: places 5 and 1
        exploit after report 4: best loss 1 by x=0.25; student to keep: 0
        student 4 becomes a clone of student 0: places 5 and 1
        end: 30 training reports, 2 clones, best loss 1 by x=0.25; student to keep: 0
    """

    kinds: Kinds = (Trained, Cloned, Restarted)

    def __init__(self, logger: logging.Logger | str | None = None):
        self._logger = logger if isinstance(logger, logging.Logger) else logging.getLogger(logger or "libhpm")
        self._population: Population | None = None
        self._exploiting = False

    def begin(self, population: Population) -> None:
        """Says what begins."""
        self._population, options = population, population.options
        self._logger.info(
            "begin: %s, %s (%s), algorithm %s, schedule %s, %s",
            _number(population.size, "student"),
            _number(population.dimension, "hyperparameter"),
            _few(population.space.names),
            options["algorithm"],
            options["schedule"],
            _number(int(options["steps"]), "step") if options["steps"] else "no end",
        )

    def __call__(self, event: Event) -> None:
        if isinstance(event, Trained):
            self._exploiting = False
            self._logger.debug("student %d, report %d: loss %g", event.student, event.report, event.loss)
        elif isinstance(event, Cloned):
            if not self._exploiting:
                self._logger.info("exploit after report %d: %s", event.report, self._best())
            self._exploiting = True
            self._logger.info("%s: places %d and %d", _sentence(event), event.rank + 1, event.source_rank + 1)
        elif isinstance(event, Restarted):
            self._logger.info("student %d begins a new trial after report %d", event.student, event.report)

    def log_metric(self, student: int, report: int, name: str, value: float) -> None:
        """Writes a number of `train` at DEBUG."""
        self._logger.debug("student %d, report %d: %s %g", student, report, name, value)

    def close(self) -> None:
        """Says how it ended."""
        if self._population is not None:
            reports, clones = (int(self._population.count(name)) for name in ("training_reports", "clones"))
            self._logger.info(
                "end: %s, %s, %s", _number(reports, "training report"), _number(clones, "clone"), self._best()
            )
            self._population = None

    def _best(self) -> str:
        best = None if self._population is None else _best(self._population)
        if best is None:
            return "no finite loss yet"
        shown = [f"{name}={_short(value)}" for name, value in best.hyperparameters.items()]
        return f"best loss {best.loss:g} by {_few(shown)}; student to keep: {best.student}"


class _Best(NamedTuple):
    student: int
    """The one to keep."""
    loss: float
    """Of the best known point, as in :class:`Result`."""
    hyperparameters: dict[str, Value]


def _best(population: Population) -> _Best | None:
    try:
        vector, loss = population.best_hyperparameters()
        return _Best(population.best().student, loss, population.space.decode(vector))
    except NoResultError:
        return None


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _few(words: list[str], most: int = 8) -> str:
    more = [f"{len(words) - most} more"] if len(words) > most else []
    return ", ".join(words[:most] + more)


def _short(value: Value) -> str:
    if isinstance(value, np.ndarray):
        return f"[{value.min():g} to {value.max():g}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _sentence(event: Cloned) -> str:
    parent = "" if event.parent == event.source else f" with the hyperparameters of student {event.parent}"
    return f"student {event.student} becomes a clone of student {event.source}{parent}"


class _Following(Closing):
    """Follows what each student trains with, and hands numbers on by name."""

    kinds: Kinds = (Trained, Changed, Cloned, Restarted)

    def __init__(self) -> None:
        self._population: Population | None = None

    def begin(self, population: Population) -> None:
        """Opens the store, for the population's names and options. :func:`tune` calls it; in a loop of one's own
        it is called before the observer is given to :meth:`Population.observe`, and again after
        :meth:`Population.grow` or :meth:`Population.set_steps`."""
        self.close()
        options = population.options
        self._parameters = population.space.parameters
        each = [parameter for parameter in self._parameters.values() for _ in range(parameter.count)]
        self._low = np.array([parameter.low for parameter in each], np.float64)
        self._rates = np.array([parameter.role == "learning_rate" for parameter in each])
        self._steps = int(options["steps"])
        cools = options["algorithm"] != "memetic" and Action.RESTART not in population.actions
        self._cooling = float(options["cool_down"]) * self._steps if cools else 0.0
        self._held = {student: population.hyperparameters(student) for student in range(population.size)}
        self._open(options)
        self._population = population

    def __call__(self, event: Event) -> None:
        if self._population is None:
            raise OrderError(f"{type(self).__name__} has not begun: call begin(population) first, as tune does")
        student, joined = event.student, range(len(self._held), self._population.size)
        for other in (*joined, student) if isinstance(event, Restarted) else joined:
            self._held[other] = self._population.hyperparameters(other)
        if isinstance(event, Trained):
            self._write(student, event.report, {"loss": event.loss, **self._named(self._trained(event))})
        elif isinstance(event, Changed):
            self._held[student][event.indices] = event.after
        elif isinstance(event, Cloned):
            self._held[student] = self._held[event.parent].copy()
            self._cloned(event)

    def log_metric(self, student: int, report: int, name: str, value: float) -> None:
        """Writes a number of `train`."""
        self._write(student, report, {f"metrics/{name}": value})

    def close(self) -> None:
        """Writes what is best, and closes the store. Closing twice does nothing."""
        population, self._population = self._population, None
        if population is not None:
            made = [population.reports(student) for student in range(population.size)]
            self._close(_best(population), max(made), min(made) >= self._steps)

    def _trained(self, event: Trained) -> Vector:
        """What a report was made with: what the student holds, its learning rates cooled down as
        `Population+CoolDown.swift` has it."""
        held = self._held[event.student]
        left = self._steps - (event.report - 1)
        if left >= self._cooling:
            return held
        return np.where(self._rates, np.maximum(left / self._cooling * held, self._low), held)

    def _named(self, vector: Vector) -> dict[str, float]:
        named: dict[str, float] = {}
        place = 0
        for name, parameter in self._parameters.items():
            values, key = vector[place : place + parameter.count], f"hyperparameters/{name}"
            place += parameter.count
            if parameter.kind != "block":
                named[key] = float(values[0])
            elif parameter.count <= WIDEST:
                named.update((f"{key}[{index}]", float(value)) for index, value in enumerate(values))
            else:
                named.update({f"{key}/min": values.min(), f"{key}/mean": values.mean(), f"{key}/max": values.max()})
        return named

    def _open(self, options: dict[str, str | int | float]) -> None:
        raise NotImplementedError

    def _write(self, student: int, report: int, values: dict[str, float]) -> None:
        raise NotImplementedError

    def _cloned(self, event: Cloned) -> None:
        raise NotImplementedError

    def _close(self, best: _Best | None, report: int, finished: bool) -> None:
        raise NotImplementedError


class TensorBoard(_Following):
    """Writes event files for TensorBoard: a run, which is a folder, for each student, ``student 3``, so that a chart
    shows all students; in it the scalars ``loss``, ``hyperparameters/NAME`` and ``metrics/NAME`` by the number of
    the training report. A choice is the index of its label. Of a block of more than 16 parameters the smallest,
    mean and largest value are written. Clones, and what was best at the end, are texts of the run ``population``.

    Args:
        folder: Where to; it is made. What is there already stays, so a run that goes on may be given the same.

    Raises:
        ImportError: The package tensorboard is missing (torch and TensorFlow aren't needed).
    """

    def __init__(self, folder: str | os.PathLike[str]):
        super().__init__()
        self._events = optional("tensorboard.summary.writer.event_file_writer", "tensorboard")
        self._event = optional("tensorboard.compat.proto.event_pb2", "tensorboard").Event
        self._summary = optional("tensorboard.compat.proto.summary_pb2", "tensorboard")
        self._tensor = optional("tensorboard.compat.proto.tensor_pb2", "tensorboard").TensorProto
        self._folder = os.fspath(folder)
        self._writers: dict[str, Any] = {}

    def _open(self, options: dict[str, str | int | float]) -> None:
        self._text("options", 0, "\n".join(f"* {name}: {value}" for name, value in options.items()))

    def _write(self, student: int, report: int, values: dict[str, float]) -> None:
        scalars = [{"tag": name, "simple_value": value} for name, value in values.items()]
        self._add(f"student {student}", report, scalars)

    def _cloned(self, event: Cloned) -> None:
        self._text("clones", event.report, _sentence(event))

    def _close(self, best: _Best | None, report: int, finished: bool) -> None:
        if best is not None:
            shown = [f"loss {best.loss:g}, student to keep: {best.student}", ""]
            shown += [f"* {name}: {_short(value)}" for name, value in best.hyperparameters.items()]
            self._text("best", report, "\n".join(shown))
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _text(self, tag: str, step: int, text: str) -> None:
        metadata = self._summary.SummaryMetadata(plugin_data={"plugin_name": "text"})
        tensor = self._tensor(dtype="DT_STRING", string_val=[text.encode()], tensor_shape={"dim": [{"size": 1}]})
        self._add("population", step, [{"tag": tag, "metadata": metadata, "tensor": tensor}])

    def _add(self, run: str, step: int, values: list[dict[str, Any]]) -> None:
        if run not in self._writers:
            self._writers[run] = self._events.EventFileWriter(os.path.join(self._folder, run))
        summary = self._summary.Summary(value=values)
        self._writers[run].add_event(self._event(wall_time=time.time(), step=step, summary=summary))


class MLflow(_Following):
    """Writes a run of MLflow: the options as its params; the metrics ``loss/student 3``,
    ``hyperparameters/NAME/student 3``, ``metrics/NAME/student 3`` and ``clone_of/student 3``, by the number of the
    training report; at the end the metrics ``best_loss`` and ``best_student`` and the tags ``best/NAME``. A choice is
    the index of its label. Of a block of more than 16 parameters the smallest, mean and largest value are written. In
    names ``weight[3]`` becomes ``weight.3``, and what MLflow does not allow becomes ``_``.

    Args:
        experiment: The name of the experiment; it is made.
        tracking_uri: Where to, as ``sqlite:///mlflow.db``. None: as MLflow is configured.
        run_name: None: MLflow makes one.
        run_id: A run to go on with; None: a new one.

    Metrics are sent about once a second, and at :meth:`close`. Then the run is FINISHED if all students have made
    all their reports, else KILLED.

    Raises:
        ImportError: The package mlflow, or mlflow-skinny, is missing.
    """

    def __init__(
        self,
        experiment: str = "libhpm",
        *,
        tracking_uri: str | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
    ):
        super().__init__()
        optional("mlflow", "mlflow")
        self._entities = optional("mlflow.entities", "mlflow")
        self._client = optional("mlflow.tracking", "mlflow").MlflowClient(tracking_uri)
        self._experiment, self._name = experiment, run_name
        self.run_id = run_id
        """The run's; None before the first one has begun. Another `begin` goes on with it."""
        self._metrics: list[Any] = []

    def _open(self, options: dict[str, str | int | float]) -> None:
        params: list[Any] = []
        if self.run_id is None:
            found = self._client.get_experiment_by_name(self._experiment)
            number = found.experiment_id if found else self._client.create_experiment(self._experiment)
            self.run_id = self._client.create_run(number, run_name=self._name).info.run_id
            params = [self._entities.Param(f"options/{name}", str(value)) for name, value in options.items()]
        else:
            self._client.update_run(self.run_id, "RUNNING")
        self._client.log_batch(self.run_id, params=params)
        self._sent = time.monotonic()

    def _write(self, student: int, report: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self._add(f"{name}/student {student}", value, report)

    def _cloned(self, event: Cloned) -> None:
        self._write(event.student, event.report, {"clone_of": event.source})

    def _close(self, best: _Best | None, report: int, finished: bool) -> None:
        tags: list[Any] = []
        if best is not None:
            self._add("best_loss", best.loss, report)
            self._add("best_student", best.student, report)
            found = best.hyperparameters.items()
            tags = [self._entities.RunTag(_allowed(f"best/{name}"), _short(value)) for name, value in found]
        self._send()
        self._client.log_batch(self.run_id, tags=tags)
        self._client.set_terminated(self.run_id, "FINISHED" if finished else "KILLED")

    def _add(self, name: str, value: float, step: int) -> None:
        self._metrics.append(self._entities.Metric(_allowed(name), float(value), int(time.time() * 1000), step))
        if time.monotonic() > self._sent + 1:
            self._send()

    def _send(self) -> None:
        metrics, self._metrics = self._metrics, []
        for first in range(0, len(metrics), 1000):  # as many as MLflow takes at once
            self._client.log_batch(self.run_id, metrics=metrics[first : first + 1000])
        self._sent = time.monotonic()


def _allowed(name: str) -> str:
    """A name as MLflow allows it."""
    return re.sub(r"[^\w.\- /]", "_", re.sub(r"\[(\d+)\]", r".\1", name))


class WandB(_Following):
    """Writes a run of Weights & Biases: the options as its config; for each student ``student 3/loss``,
    ``student 3/hyperparameters/NAME``, ``student 3/metrics/NAME`` and ``student 3/clone_of``, drawn over
    ``student 3/report``, the number of the training report; at the end the summary ``best``, with `loss`, `student`
    and `hyperparameters`. A choice is the index of its label. Of a block of more than 16 parameters the smallest,
    mean and largest value are written.

    Args:
        mode: ``offline``: into files, which ``wandb sync`` uploads, and nothing goes over a network; ``online``
            and ``disabled`` as wandb has them.
        **settings: More arguments of ``wandb.init``: `project` (``libhpm`` by default), `dir`, `name`, `id`, ...

    Each :meth:`begin` makes a run of its own.

    Raises:
        ImportError: The package wandb is missing.
    """

    def __init__(self, mode: str = "offline", **settings: Any):
        super().__init__()
        self._wandb = optional("wandb", "wandb")
        self._settings = {"project": "libhpm", **settings, "mode": mode}
        self.run: Any = None
        """The run of wandb, while it goes on."""

    def _open(self, options: dict[str, str | int | float]) -> None:
        config = {**self._settings.get("config", {}), "options": options}
        self.run = self._wandb.init(**{**self._settings, "config": config})
        self._defined: set[int] = set()

    def _write(self, student: int, report: int, values: dict[str, float]) -> None:
        name = f"student {student}"
        if student not in self._defined:  # drawn over its own reports, not over the rows of all students
            self._defined.add(student)
            self.run.define_metric(f"{name}/*", step_metric=f"{name}/report")
        row = {f"{name}/report": report, **{f"{name}/{key}": value for key, value in values.items()}}
        self.run.log(row)

    def _cloned(self, event: Cloned) -> None:
        self._write(event.student, event.report, {"clone_of": event.source})

    def _close(self, best: _Best | None, report: int, finished: bool) -> None:
        if best is not None:
            shown = {name: _plain(value) for name, value in best.hyperparameters.items()}
            self.run.summary["best"] = {"loss": best.loss, "student": best.student, "hyperparameters": shown}
        self.run.finish(exit_code=0 if finished else 1)
        self.run = None


def _plain(value: Value) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value
