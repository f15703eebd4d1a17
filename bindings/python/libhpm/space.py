"""The search space: which hyperparameters there are."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from ctypes import (
    byref,
    c_char_p,
    c_double,
    c_int32,
    c_size_t,
    c_void_p,
    create_string_buffer,
)
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Union

import numpy as np
import numpy.typing as npt

from . import _abi
from ._arguments import Vector, array, real, size, text
from ._handle import Handle
from ._library import check, functions
from .errors import ArgumentError

Scale = Literal["linear", "log", "logit"]
Update = Literal["auto", "mutate", "hypergradient", "both", "fixed"]
Role = Literal["learning_rate"]
Kind = Literal["real", "integer", "choice", "block"]
Value = Union[float, int, str, Vector]

_KINDS: dict[int, Kind] = {
    _abi.HPM_KIND_REAL: "real",
    _abi.HPM_KIND_INTEGER: "integer",
    _abi.HPM_KIND_CHOICE: "choice",
    _abi.HPM_KIND_BLOCK: "block",
}
_SCALE_NAMES: dict[int, Scale] = {
    _abi.HPM_SCALE_LINEAR: "linear",
    _abi.HPM_SCALE_LOG: "log",
    _abi.HPM_SCALE_LOGIT: "logit",
}
_UPDATE_NAMES: dict[int, Update] = {
    _abi.HPM_UPDATE_AUTO: "auto",
    _abi.HPM_UPDATE_MUTATE: "mutate",
    _abi.HPM_UPDATE_HYPERGRADIENT: "hypergradient",
    _abi.HPM_UPDATE_BOTH: "both",
    _abi.HPM_UPDATE_FIXED: "fixed",
}
_ROLES: dict[int, Role | None] = {_abi.HPM_ROLE_OTHER: None, _abi.HPM_ROLE_LEARNING_RATE: "learning_rate"}
_SCALES: dict[str, int] = {name: value for value, name in _SCALE_NAMES.items()}
_UPDATES: dict[str, int] = {name: value for value, name in _UPDATE_NAMES.items()}


@dataclass(frozen=True)
class Parameter:
    """A hyperparameter, or a block of them that share a name: what :attr:`SearchSpace.parameters` answers
    and :meth:`SearchSpace.add` takes. The fields are the arguments of the space's methods; what a kind
    does not have may be left out.

    Example:
        >>> hpm.Parameter("lr", "real", 1e-4, 1.0, scale="log")
        Parameter(name='lr', kind='real', low=0.0001, high=1.0, scale='log', initial=None, update='auto', count=1, labels=(), role=None)
    """

    name: str
    kind: Kind
    """``real``, ``integer``, ``choice`` or ``block``."""
    low: float = 0
    """The lower bound in natural units, an int for an integer; 0 where it is left out, and for a choice."""
    high: float = 1
    """The upper bound, likewise; 1 where it is left out; for a choice the index of the last label."""
    scale: Scale = "linear"
    """``linear``, ``log`` or ``logit``; ``linear`` for a choice."""
    initial: float | str | None = None
    """Where student 0 starts: an int for an integer, the label for a choice; None: drawn."""
    update: Update = "auto"
    """Who may move it: :meth:`SearchSpace.set_update`."""
    count: int = 1
    """How many places it takes in a vector: more than 1 for a block alone."""
    labels: tuple[str, ...] = ()
    """Of a choice; else empty."""
    role: Role | None = None
    """What it is to the training: :meth:`SearchSpace.set_role`."""


class _Entry(NamedTuple):
    """What the library says of a parameter, kept because decoding asks for it at every report."""

    offset: int
    length: int
    kind: Kind
    labels: list[str]


class SearchSpace(Handle):
    """The hyperparameters that a population tunes, with their bounds and scales.

    A vector of hyperparameters is a float64 array of shape ``[dimension]`` in natural units: blocks
    flattened, in the order in which they were added, integers whole, choices as the index of their
    label. :meth:`decode` and :meth:`encode` translate between it and a dict.

    All moves happen in a latent coordinate u in [0, 1] for each parameter, so bounds always hold:

    * ``linear``: low + u (high - low)
    * ``log``: low (high / low)^u, low above 0; for values that span orders of magnitude
    * ``logit``: the logistic function of a linear map, bounds inside (0, 1)

    All methods may be called from any thread. A population copies its space. A space can be copied and
    pickled, and is equal to another one with equal :attr:`parameters` in the same order; it can be added
    to, so it has no hash.

    Args:
        parameters: What it begins with: ``hpm.SearchSpace(other.parameters.values())`` is a copy.

    Raises:
        ArgumentError: A parameter that :meth:`add` refuses.

    Example:
        >>> space = hpm.SearchSpace()
        >>> _ = space.add_real("lr", 1e-4, 1.0, scale="log", initial=0.1)
        >>> _ = space.add_integer("batch", 8, 256, scale="log")
        >>> _ = space.add_choice("optimizer", ["sgd", "adam"])
        >>> _ = space.add_block("weight", 3, 0.0, 1.0)
        >>> space
        SearchSpace(lr, batch, optimizer, weight[3])
        >>> space.dimension, len(space), space.slice("weight")
        (6, 4, slice(3, 6, None))
        >>> space.decode([0.1, 32, 1, 0.5, 0.5, 1.0])
        {'lr': 0.1, 'batch': 32, 'optimizer': 'adam', 'weight': array([0.5, 0.5, 1. ])}
    """

    def __init__(self, parameters: Iterable[Parameter] = ()) -> None:
        out = c_void_p()
        check(functions.hpm_space_create(byref(out)))
        self._own(out.value, functions.hpm_space_destroy)
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        for parameter in parameters:
            self.add(parameter)

    @classmethod
    def _adopt(cls, handle: int, entries: dict[str, _Entry]) -> SearchSpace:
        space = cls.__new__(cls)
        space._own(handle, functions.hpm_space_destroy)
        space._lock = threading.Lock()
        space._entries = entries
        return space

    def add_real(
        self,
        name: str,
        low: float,
        high: float,
        scale: Scale = "linear",
        initial: float | None = None,
        *,
        update: Update = "auto",
        role: Role | None = None,
    ) -> SearchSpace:
        """Adds a real hyperparameter.

        Args:
            name: Not empty, not taken.
            low: The lower bound in natural units, finite; above 0 for ``log`` and ``logit``.
            high: The upper bound, finite, above `low`; below 1 for ``logit``.
            scale: ``linear``, ``log`` or ``logit``.
            initial: Where student 0 starts, within the bounds. None (or NaN): drawn, as for all
                other students.
            update: Who may move it, see :meth:`set_update`.
            role: ``learning_rate`` or None, see :meth:`set_role`.

        Returns:
            The space itself, so calls can be chained.

        Raises:
            ArgumentError: A value that is not allowed; the space is as it was.

        Example:
            >>> hpm.SearchSpace().add_real("l2", 1e-6, 0.1, scale="log").add_real("noise", 0, 1)
            SearchSpace(l2, noise)
        """
        arguments = real(low, "low"), real(high, "high"), _scale(scale), _initial(initial)
        with self._lock:
            _update(update)
            _role(role)
            check(functions.hpm_space_add_real(self._handle, text(name, "name"), *arguments))
            self._added(name, "real", update, role=role)
        return self

    def add_integer(
        self,
        name: str,
        low: int,
        high: int,
        scale: Literal["linear", "log"] = "linear",
        initial: int | None = None,
        *,
        update: Literal["auto", "mutate", "fixed"] = "auto",
    ) -> SearchSpace:
        """Adds an integer hyperparameter. It is mutated, never moved along a hypergradient.

        Args:
            name: Not empty, not taken.
            low: The smallest value: whole, within +-2^53; at least 1 for ``log``.
            high: The largest value, likewise, above `low`.
            scale: ``linear`` or ``log``.
            initial: Where student 0 starts, whole and within the bounds; None: drawn.
            update: Who may move it: ``auto``, ``mutate`` or ``fixed``.

        Returns:
            The space itself.

        Raises:
            ArgumentError: A value that is not allowed; the space is as it was.

        Example:
            >>> hpm.SearchSpace().add_integer("batch", 8, 256, scale="log").decode([32.0])
            {'batch': 32}
        """
        arguments = real(low, "low"), real(high, "high"), _scale(scale), _initial(initial)
        with self._lock:
            _update(update, "integer")
            check(functions.hpm_space_add_integer(self._handle, text(name, "name"), *arguments))
            self._added(name, "integer", update)
        return self

    def add_choice(
        self,
        name: str,
        labels: Sequence[str],
        initial: str | int | None = None,
        *,
        update: Literal["auto", "mutate", "fixed"] = "auto",
    ) -> SearchSpace:
        """Adds a choice among labels; its value in a vector is the index of a label. It is mutated,
        never moved along a hypergradient.

        Args:
            name: Not empty, not taken.
            labels: At least two, not empty, no two alike.
            initial: The label, or its index, where student 0 starts; None: drawn.
            update: Who may move it: ``auto``, ``mutate`` or ``fixed``.

        Returns:
            The space itself.

        Raises:
            ArgumentError: A value that is not allowed; the space is as it was.

        Example:
            >>> space = hpm.SearchSpace().add_choice("optimizer", ["sgd", "adam"], initial="adam")
            >>> space.labels("optimizer")
            ['sgd', 'adam']
        """
        if isinstance(labels, (str, bytes)):
            raise TypeError(f"labels is {labels!r}; allowed: a sequence of str")
        copies = list(labels)
        encoded = [text(label, f"labels[{index}]") for index, label in enumerate(copies)]
        index = -1
        if isinstance(initial, str):
            if initial not in copies:
                raise ArgumentError(f"initial is {initial!r}; allowed: one of {', '.join(copies)}")
            index = copies.index(initial)
        elif initial is not None:
            index = size(initial, "initial")
        with self._lock:
            _update(update, "choice")
            check(
                functions.hpm_space_add_choice(
                    self._handle, text(name, "name"), (c_char_p * len(encoded))(*encoded), len(encoded), index
                )
            )
            self._added(name, "choice", update, copies)
        return self

    def add_block(
        self,
        name: str,
        count: int,
        low: float,
        high: float,
        scale: Scale = "linear",
        initial: float | None = None,
        *,
        update: Update = "auto",
        role: Role | None = None,
    ) -> SearchSpace:
        """Adds `count` real hyperparameters that share a name, bounds and scale, such as a weight
        for each training example. They take `count` places in a vector.

        Args:
            name: The block's one name: not empty, not taken.
            count: The number of parameters, at least 1.
            low: As for :meth:`add_real`.
            high: As for :meth:`add_real`.
            scale: As for :meth:`add_real`.
            initial: Where all of them start at student 0; None: each is drawn.
            update: Who may move them, see :meth:`set_update`.
            role: ``learning_rate`` or None, see :meth:`set_role`.

        Returns:
            The space itself.

        Raises:
            ArgumentError: A value that is not allowed; the space is as it was.

        Example:
            >>> hpm.SearchSpace().add_block("weight", 500, 0.0, 1.0, initial=0.5).dimension
            500
        """
        arguments = real(low, "low"), real(high, "high"), _scale(scale), _initial(initial)
        number = size(count, "count")
        with self._lock:
            _update(update)
            _role(role)
            check(functions.hpm_space_add_block(self._handle, text(name, "name"), number, *arguments))
            self._added(name, "block", update, role=role)
        return self

    def add(self, parameter: Parameter) -> SearchSpace:
        """Adds what :attr:`parameters` of another space answered, or a parameter that was made by hand.

        Args:
            parameter: Of a choice the bounds and the scale, and of all but a block the count, are not
                read.

        Returns:
            The space itself.

        Raises:
            ArgumentError: A value that is not allowed; the space is as it was.

        Example:
            >>> space = hpm.SearchSpace().add(hpm.Parameter("lr", "real", 1e-4, 1.0, "log"))
            >>> space.add(hpm.Parameter("kind", "choice", labels=("a", "b"), initial="b"))
            SearchSpace(lr, kind)
        """
        if not isinstance(parameter, Parameter):
            raise TypeError(f"parameter is {parameter!r}; allowed: a Parameter")
        p: Any = parameter  # the method of its kind refuses what the kind does not allow
        if p.kind == "choice":
            return self.add_choice(p.name, p.labels, p.initial, update=p.update)
        if p.kind == "block":
            return self.add_block(p.name, p.count, p.low, p.high, p.scale, p.initial, update=p.update, role=p.role)
        if p.kind not in ("real", "integer"):
            raise ArgumentError(f"kind is {p.kind!r}; allowed: {', '.join(_KINDS.values())}")
        if p.kind == "real":
            return self.add_real(p.name, p.low, p.high, p.scale, p.initial, update=p.update, role=p.role)
        return self.add_integer(p.name, p.low, p.high, p.scale, p.initial, update=p.update)

    def set_update(self, name: str, update: Update) -> SearchSpace:
        """Says who may move a parameter or block.

        Args:
            name: A name that was added.
            update: ``auto`` (the algorithm decides), ``mutate`` or ``hypergradient`` (that alone),
                ``both``, or ``fixed`` (it keeps its starting value). An integer or a choice can't
                have ``hypergradient`` or ``both``.

        Returns:
            The space itself.

        Raises:
            ArgumentError: An unknown name, or an update that the parameter can't have.
        """
        check(functions.hpm_space_set_update(self._handle, text(name, "name"), _update(update)))
        return self

    def set_role(self, name: str, role: Role | None) -> SearchSpace:
        """Says what a parameter or block is to the training.

        Args:
            name: A name that was added.
            role: ``learning_rate``: a learning rate of the weights. Where the option ``steps`` says how long the
                run is, students are given less and less of it over its last part (option ``cool_down``), never
                less than the lower bound. None: anything.

        Returns:
            The space itself.

        Raises:
            ArgumentError: An unknown name, or a learning rate that is an integer or a choice.

        Example:
            >>> space = hpm.SearchSpace().add_real("lr", 1e-4, 1.0, scale="log", initial=0.1)
            >>> population = hpm.Population(space.set_role("lr", "learning_rate"), population=1, steps=4, cool_down=0.5)
            >>> for _ in range(4):
            ...     print(round(population.next(0).hyperparameters[0], 3))
            ...     population.report(0, 1.0)
            0.1
            0.1
            0.1
            0.05
        """
        check(functions.hpm_space_set_role(self._handle, text(name, "name"), _role(role)))
        return self

    @property
    def dimension(self) -> int:
        """The length of a vector: the number of parameters, each member of a block counted."""
        out = c_size_t()
        check(functions.hpm_space_dimension(self._handle, byref(out)))
        return out.value

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def names(self) -> list[str]:
        """The names in the order in which they were added; a block has one."""
        return list(self._entries)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """All parameters by name, in the order in which they were added: bounds, scale, start, labels and
        who may move them. The dict is the caller's own.

        Raises:
            HandleError: The space was closed.

        Example:
            >>> space = hpm.SearchSpace().add_integer("batch", 8, 256, scale="log", initial=32)
            >>> space.parameters["batch"].high
            256
        """
        with self._lock:
            return _parameters(self._handle)

    def slice(self, name: str) -> slice:
        """Where a parameter or block lies in a vector: ``vector[..., space.slice(name)]``.

        Raises:
            ArgumentError: An unknown name.
        """
        entry = self._entry(name)
        return slice(entry.offset, entry.offset + entry.length)

    def labels(self, name: str) -> list[str]:
        """The labels of a choice.

        Raises:
            ArgumentError: An unknown name, or no choice.
        """
        entry = self._entry(name)
        if entry.kind != "choice":
            raise ArgumentError(f"{name!r} is no choice, it has no labels")
        return list(entry.labels)

    def decode(self, vector: npt.ArrayLike) -> dict[str, Value]:
        """A vector as a dict: reals as float, integers as int, choices as label, blocks as array.

        Args:
            vector: Shape ``[dimension]``, in natural units.

        Raises:
            ArgumentError: A wrong shape, or a choice or integer that is none.

        Example:
            >>> space = hpm.SearchSpace().add_real("lr", 0, 1).add_choice("kind", ["a", "b"])
            >>> space.decode([0.25, 1])
            {'lr': 0.25, 'kind': 'b'}
        """
        values = array(vector, (self.dimension,), "vector")
        result: dict[str, Value] = {}
        for name, (offset, count, kind, labels) in list(self._entries.items()):
            value = float(values[offset])
            if kind == "block":
                result[name] = values[offset : offset + count].copy()
            elif kind == "real":
                result[name] = value
            elif not value.is_integer() or kind == "choice" and not 0 <= value < len(labels):
                allowed = f"an index below {len(labels)}" if kind == "choice" else "a whole number"
                raise ArgumentError(f"{name!r} is {value} in vector; allowed: {allowed}")
            else:
                result[name] = labels[int(value)] if kind == "choice" else int(value)
        return result

    def encode(self, values: Mapping[str, Any]) -> Vector:
        """A dict as a vector, the inverse of :meth:`decode`: for ``set_initial``, or for a
        hypergradient that is computed parameter by parameter.

        Args:
            values: Numbers by name; for a block an array or one number for all, for a choice a
                label or its index.

        Returns:
            Shape ``[dimension]``; NaN where a name was left out.

        Raises:
            ArgumentError: An unknown name or label, or a wrong shape.

        Example:
            >>> space = hpm.SearchSpace().add_real("lr", 0, 1).add_block("weight", 2, 0, 1)
            >>> space.encode({"weight": [0.5, 1.0]})
            array([nan, 0.5, 1. ])
        """
        vector = np.full(self.dimension, np.nan)
        for name, value in values.items():
            offset, count, kind, labels = self._entry(name)
            if kind == "choice" and isinstance(value, str):
                if value not in labels:
                    raise ArgumentError(f"{name!r} is {value!r}; allowed: one of {', '.join(labels)}")
                vector[offset] = labels.index(value)
            elif kind == "block" and np.ndim(value):
                vector[offset : offset + count] = array(value, (count,), repr(name))
            else:
                vector[offset : offset + count] = real(value, repr(name))
        return vector

    def __repr__(self) -> str:
        names = (f"{name}[{e.length}]" if e.kind == "block" else name for name, e in self._entries.items())
        return f"SearchSpace({', '.join(names)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SearchSpace):
            return NotImplemented
        return self is other or list(self.parameters.values()) == list(other.parameters.values())

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return SearchSpace, (list(self.parameters.values()),)

    def _entry(self, name: str) -> _Entry:
        encoded = text(name, "name")
        if name not in self._entries:  # the library words the refusal
            check(functions.hpm_space_offset(self._handle, encoded, byref(c_size_t()), byref(c_size_t())))
        return self._entries[name]

    def _added(
        self,
        name: str,
        kind: Kind,
        update: Update,
        labels: Sequence[str] = (),
        role: Role | None = None,
    ) -> None:
        if update != "auto":
            self.set_update(name, update)
        if role is not None:
            self.set_role(name, role)
        self._entries[name] = _Entry(*_offset(self._handle, name), kind, list(labels))


def _scale(scale: str) -> int:
    if scale not in _SCALES:
        raise ArgumentError(f"scale is {scale!r}; allowed: {', '.join(_SCALES)}")
    return _SCALES[scale]


def _update(update: str, kind: str = "real") -> int:
    """Refused before the parameter is added: the library could only refuse it afterwards."""
    allowed = [name for name in _UPDATES if kind == "real" or name not in ("hypergradient", "both")]
    if update not in allowed:
        article = "an" if kind == "integer" else "a"
        raise ArgumentError(f"update is {update!r}; allowed for {article} {kind}: {', '.join(allowed)}")
    return _UPDATES[update]


def _role(role: str | None) -> int:
    for value, name in _ROLES.items():
        if role == name:
            return value
    raise ArgumentError(f"role is {role!r}; allowed: 'learning_rate' or None")


def _initial(initial: float | None) -> float:
    return np.nan if initial is None else real(initial, "initial")


def _offset(handle: int, name: str) -> tuple[int, int]:
    offset, count = c_size_t(), c_size_t()
    check(functions.hpm_space_offset(handle, name.encode(), byref(offset), byref(count)))
    return offset.value, count.value


def read_entries(handle: int) -> dict[str, _Entry]:
    """What a space holds that the library made, such as that of a loaded population."""
    return {
        name: _Entry(*_offset(handle, name), parameter.kind, list(parameter.labels))
        for name, parameter in _parameters(handle).items()
    }


def _parameters(handle: int) -> dict[str, Parameter]:
    number = c_size_t()
    check(functions.hpm_space_count(handle, byref(number)))
    names = [_string(functions.hpm_space_name, handle, index) for index in range(number.value)]
    return {name: _parameter(handle, name) for name in names}


def _parameter(handle: int, name: str) -> Parameter:
    encoded = name.encode()
    kind, scale, update, role = c_int32(), c_int32(), c_int32(), c_int32()
    low, high, initial = c_double(), c_double(), c_double()
    check(
        functions.hpm_space_describe(
            handle, encoded, byref(kind), byref(low), byref(high), byref(scale), byref(initial), byref(update)
        )
    )
    check(functions.hpm_space_role(handle, encoded, byref(role)))
    labels: tuple[str, ...] = ()
    if kind.value == _abi.HPM_KIND_CHOICE:
        indices = range(int(high.value) + 1)
        labels = tuple(_string(functions.hpm_space_label, handle, encoded, index) for index in indices)
    number = float if kind.value in (_abi.HPM_KIND_REAL, _abi.HPM_KIND_BLOCK) else int
    start: float | str | None = None
    if not np.isnan(initial.value):
        start = labels[int(initial.value)] if labels else number(initial.value)
    return Parameter(
        name,
        _KINDS[kind.value],
        number(low.value),
        number(high.value),
        _SCALE_NAMES[scale.value],
        start,
        _UPDATE_NAMES[update.value],
        _offset(handle, name)[1],
        labels,
        _ROLES[role.value],
    )


def _string(function: Any, *arguments: Any) -> str:
    needed = c_size_t()
    check(function(*arguments, None, 0, byref(needed)))
    buffer = create_string_buffer(needed.value)
    check(function(*arguments, buffer, needed.value, byref(needed)))
    return buffer.value.decode()
