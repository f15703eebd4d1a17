"""The hyperparameters that trained one model, interval by interval."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from ctypes import byref, c_size_t, c_void_p
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ._arguments import Vector, array, real, size
from ._library import check, functions
from ._optional import optional
from .errors import ArgumentError
from .space import Parameter, SearchSpace, Value, _parameters

if TYPE_CHECKING:
    import pandas as pd

Integers = npt.NDArray[np.int64]


class Schedule:
    """The hyperparameters that trained one model: a dict by name for each step, which is an interval of training.
    It needs no population, and can be kept as JSON, copied and pickled.

    ``schedule[0]`` is the first step's dict, ``schedule["lr"]`` a hyperparameter over all steps, and a loop gives the
    dicts in order. For numpy it is its :attr:`values`: ``np.asarray(schedule)``, ``schedule.shape``,
    ``schedule[:, 0]``.

    Args:
        space: The hyperparameters; copied.
        values: Shape ``[steps, dimension]``, natural units, as vectors of the space; copied.
        students: Who trained with each step's, shape ``[steps]``.
        reports: Which of the student's training reports it was, from 1, shape ``[steps]``.

    Raises:
        ArgumentError: A wrong shape, a value that is not finite, or an integer or choice that is none.

    Example:
        >>> space = hpm.SearchSpace().add_real("lr", 0, 1).add_choice("kind", ["a", "b"]).add_block("w", 2, 0, 1)
        >>> schedule = hpm.Schedule(space, [[0.5, 0, 1, 1], [0.25, 1, 1, 0]], students=[3, 0], reports=[1, 2])
        >>> schedule.names
        ['lr', 'kind', 'w[0]', 'w[1]']
        >>> schedule.at(1)
        {'lr': 0.25, 'kind': 'b', 'w': array([1., 0.])}
        >>> schedule["kind"].tolist(), schedule["lr"].tolist(), schedule.shape
        (['a', 'b'], [0.5, 0.25], (2, 4))
    """

    def __init__(self, space: SearchSpace, values: npt.ArrayLike, students: npt.ArrayLike, reports: npt.ArrayLike):
        if not isinstance(space, SearchSpace):
            raise TypeError(f"space is {space!r}; allowed: a SearchSpace")
        self._space = copy.copy(space)
        rows = np.asarray(values, np.float64)
        self._values = _kept(array(rows, (len(rows) if rows.ndim else 0, space.dimension), "values"))
        self._students = _numbers(students, len(rows), "students")
        self._reports = _numbers(reports, len(rows), "reports")
        if not np.isfinite(self._values).all():
            step, place = np.argwhere(~np.isfinite(self._values))[0]
            raise ArgumentError(f"{self.names[place]!r} is {self._values[step, place]} in step {step}; allowed: finite")
        for row in self._values:
            self._space.decode(row)  # refuses an integer or a choice that is none

    @property
    def space(self) -> SearchSpace:
        """A copy of the space."""
        return copy.copy(self._space)

    @property
    def values(self) -> Vector:
        """Natural units, shape ``[steps, dimension]``; read-only."""
        return self._values

    @property
    def students(self) -> Integers:
        """Who trained with each step's, shape ``[steps]``; read-only."""
        return self._students

    @property
    def reports(self) -> Integers:
        """Which of the student's training reports each step was, from 1, shape ``[steps]``; read-only."""
        return self._reports

    @property
    def names(self) -> list[str]:
        """A name for each column of :attr:`values`: ``weight[3]`` for the fourth of a block."""
        return flat_names(self._space.parameters)

    @property
    def shape(self) -> tuple[int, int]:
        """``(steps, dimension)``."""
        steps, dimension = self._values.shape
        return steps, dimension

    def at(self, step: int) -> dict[str, Value]:
        """The hyperparameters of a step by name, as `train` gets them: reals as float, integers as int, choices as
        label, blocks as array.

        Args:
            step: From 0 to one less than the number of steps.

        Raises:
            ArgumentError: No such step.
        """
        number = size(step, "step")
        if number >= len(self):
            raise ArgumentError(f"step is {number}; allowed: 0 to {len(self) - 1}")
        return self._space.decode(self._values[number])

    def replay(self, train: Callable[[Any, dict[str, Any]], Any], model: Any) -> Vector:
        """Trains one model by the schedule, without a population.

        Args:
            train: ``train(model, hyperparameters)`` trains the model in place for one interval, as long as those of
                the run, and returns its loss, or ``(loss, hypergradient)`` as for :func:`tune`, or None.
            model: Handed to `train` as it is. A model that can't be changed in place, as an array of JAX, is put into
                a dict or list. With the ``train(student, hyperparameters)`` of :func:`tune` put the new model into
                `models` and pass its number.

        Returns:
            The losses, shape ``[steps]``; NaN for None.

        Raises:
            TypeError: `train` can't be called, or returned no number.
            BaseException: What `train` raised.

        Example:
            >>> space = hpm.SearchSpace().add_real("lr", 0, 1)
            >>> schedule = hpm.Schedule(space, [[0.5], [0.25]], students=[0, 0], reports=[1, 2])
            >>> def train(model, h):
            ...     model["w"] *= 1 - h["lr"]
            ...     return model["w"] ** 2
            >>> schedule.replay(train, {"w": 4.0})
            array([4.  , 2.25])
        """
        if not callable(train):
            raise TypeError(f"train is {train!r}; allowed: a callable")
        losses = np.full(len(self), np.nan)
        for step, hyperparameters in enumerate(self):
            outcome = train(model, hyperparameters)
            loss = outcome[0] if isinstance(outcome, tuple) and outcome else outcome
            if loss is not None:
                losses[step] = real(loss, "the loss that train returned")
        return losses

    def table(self) -> pd.DataFrame:
        """A row for each step: `step` from 0, `student` and `report`, and a column for each of :attr:`names`:
        integers as int, choices as categories of labels. A name that is taken, as ``step``, gets an underscore.

        Raises:
            ImportError: pandas is missing: the sentence says what to install.
        """
        frame = {"step": np.arange(len(self)), "student": self._students, "report": self._reports}
        return optional("pandas", "tables").DataFrame(with_columns(frame, self._space, self._values))

    def to_json(self) -> str:
        """The schedule with its space as JSON: hyperparameters by name, choices as labels. :meth:`from_json` gives
        an equal schedule, to the bit."""
        steps = [
            {"student": student, "report": report, "hyperparameters": {key: _plain(value) for key, value in h.items()}}
            for student, report, h in zip(self._students.tolist(), self._reports.tolist(), self)
        ]
        parameters = [asdict(parameter) for parameter in self._space.parameters.values()]
        document = {"format": _FORMAT, "version": _VERSION, "parameters": parameters, "steps": steps}
        return json.dumps(document, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, space: SearchSpace | None = None) -> Schedule:
        """What :meth:`to_json` wrote.

        Args:
            text: The JSON.
            space: The space to read it with, as where bounds were widened since; it must have the same names, kinds,
                counts and labels. None: that of the text.

        Raises:
            ArgumentError: No such JSON, or of a later version, or a space that does not fit.

        Example:
            >>> space = hpm.SearchSpace().add_choice("kind", ["a", "b"])
            >>> schedule = hpm.Schedule(space, [[0], [1]], students=[0, 0], reports=[1, 2])
            >>> hpm.Schedule.from_json(schedule.to_json()) == schedule
            True
        """
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise ArgumentError(f"text is no JSON: {error}") from None
        if not isinstance(document, dict) or document.get("format") != _FORMAT:
            raise ArgumentError(f'text is no schedule; allowed: what to_json wrote, with "format": "{_FORMAT}"')
        if document.get("version") != _VERSION:
            raise ArgumentError(f"text is a schedule of version {document.get('version')}; allowed: {_VERSION}")
        try:
            own = SearchSpace(Parameter(**{**p, "labels": tuple(p["labels"])}) for p in document["parameters"])
            steps = [(step["student"], step["report"], step["hyperparameters"]) for step in document["steps"]]
            values = [own.encode(h) for _, _, h in steps]
        except (KeyError, TypeError) as error:
            raise ArgumentError(f"text is a damaged schedule: {error!r}") from None
        if space is not None:
            _fits(space, own)
        students, reports = [student for student, _, _ in steps], [report for _, report, _ in steps]
        return cls(space or own, np.reshape(values, (len(steps), own.dimension)), students, reports)

    @classmethod
    def load(cls, data: bytes | bytearray | memoryview) -> Schedule:
        """What :meth:`Population.export_schedule` wrote, or ``hpm_schedule_save`` of C.

        Raises:
            SnapshotError: No schedule, or a damaged or truncated one.
        """
        buffer = bytes(memoryview(data))
        handle, handle_of_space, steps = c_void_p(), c_void_p(), c_size_t()
        check(functions.hpm_schedule_load(buffer, len(buffer), byref(handle)))
        try:
            check(functions.hpm_schedule_length(handle, byref(steps)))
            check(functions.hpm_schedule_space(handle, byref(handle_of_space)))
            space = SearchSpace(_parameters(handle_of_space.value or 0).values())
            values = np.empty((steps.value, space.dimension))
            students, reports = np.empty(steps.value, np.int64), np.empty(steps.value, np.int64)
            student, report = c_size_t(), c_size_t()
            for step, row in enumerate(values):
                check(
                    functions.hpm_schedule_at(
                        handle, step, row.ctypes.data, row.size, byref(student), byref(report), None
                    )
                )
                students[step], reports[step] = student.value, report.value
        finally:
            functions.hpm_space_destroy(handle_of_space)
            functions.hpm_schedule_destroy(handle)
        return cls(space, values, students, reports)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[dict[str, Value]]:
        return (self._space.decode(row) for row in self._values)

    def __getitem__(self, key: Any) -> Any:
        """A number: the dict of that step, from the end if negative. A name: that hyperparameter over all steps,
        shape ``[steps]``, of a block ``[steps, count]``. Anything else indexes :attr:`values`."""
        if isinstance(key, str):
            return _column(self._space.parameters, self._space, self._values, key)
        if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
            return self._space.decode(self._values[key])
        return self._values[key]

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        values = self._values.astype(dtype or np.float64, copy=bool(copy))
        if copy is False and values is not self._values:
            raise ValueError(f"a schedule is float64; as {dtype} it has to be copied")
        return values

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schedule):
            return NotImplemented
        mine, others = ((s._values, s._students, s._reports) for s in (self, other))
        return self._space == other._space and all(map(np.array_equal, mine, others))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Schedule of {len(self)} steps, {self._space!r}>"

    def _repr_html_(self) -> str:
        from ._html import schedule_html

        return schedule_html(self)


_FORMAT, _VERSION = "libhpm schedule", 1


def _kept(values: Vector) -> Vector:
    kept = values.copy()
    kept.setflags(write=False)
    return kept


def _numbers(values: npt.ArrayLike, count: int, name: str) -> Integers:
    numbers = np.asarray(values)
    if numbers.shape != (count,):
        raise ArgumentError(f"{name} has shape {numbers.shape}; allowed: ({count},), a number for each step")
    if count and numbers.dtype.kind not in "iu":
        raise TypeError(f"{name} has dtype {numbers.dtype}; allowed: whole numbers")
    kept = numbers.astype(np.int64)
    kept.setflags(write=False)
    return kept


def _plain(value: Value) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _fits(space: SearchSpace, own: SearchSpace) -> None:
    given, needed = ([(p.name, p.kind, p.count, p.labels) for p in s.parameters.values()] for s in (space, own))
    if given != needed:
        raise ArgumentError(f"space is {space!r}; the schedule needs names, kinds, counts and labels of {own!r}")


def flat_names(parameters: Mapping[str, Parameter]) -> list[str]:
    """A name for each place of a vector."""
    return [
        f"{name}[{index}]" if parameter.kind == "block" else name
        for name, parameter in parameters.items()
        for index in range(parameter.count)
    ]


def _column(parameters: Mapping[str, Parameter], space: SearchSpace, values: Vector, name: str) -> npt.NDArray[Any]:
    column = values[:, space.slice(name)]
    kind = parameters[name].kind
    if kind == "block":
        return column
    if kind == "choice":
        return np.array(parameters[name].labels)[column[:, 0].astype(np.int64)]
    return column[:, 0].astype(np.int64) if kind == "integer" else column[:, 0]


def with_columns(frame: dict[str, Any], space: SearchSpace, values: Vector) -> dict[str, Any]:
    """The columns of a table, with those of the hyperparameters behind them."""
    pandas, parameters = optional("pandas", "tables"), space.parameters
    for name, parameter in parameters.items():
        column: Any = _column(parameters, space, values, name)
        if parameter.kind == "choice":
            column = pandas.Categorical(column, categories=parameter.labels)
        each = column.T if parameter.kind == "block" else [column]
        for flat, part in zip(flat_names({name: parameter}), each):
            frame[free_name(flat, frame)] = part
    return frame


def free_name(name: str, taken: Mapping[str, Any]) -> str:
    """The name, with underscores where it is taken."""
    while name in taken:
        name += "_"
    return name


def farthest(space: SearchSpace, values: Vector) -> list[int]:
    """The places of a vector, that which moves farthest first: by the range of each on its scale, as a share of its
    bounds; of equal ones the first.

    Args:
        values: Shape ``[steps, dimension]``, natural units.
    """
    flat: dict[str, Callable[[Any], Any]] = {
        "linear": lambda x: x,
        "log": np.log,
        "logit": lambda x: np.log(x / (1 - x)),
    }
    moved = np.zeros(space.dimension)
    for name, parameter in space.parameters.items() if len(values) else ():
        place, scaled = space.slice(name), flat[parameter.scale]
        low, high = scaled(float(parameter.low)), scaled(float(parameter.high))
        moved[place] = np.ptp(scaled(values[:, place]), axis=0) / (high - low)
    order: list[int] = np.argsort(-moved, kind="stable").tolist()
    return order
