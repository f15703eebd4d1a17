"""The search space: which hyperparameters there are."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from ctypes import (
    byref,
    c_char_p,
    c_double,
    c_int32,
    c_size_t,
    c_void_p,
    create_string_buffer,
)
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
Kind = Literal["real", "integer", "choice", "block"]
Value = Union[float, int, str, Vector]

_KINDS: dict[int, Kind] = {
    _abi.HPM_KIND_REAL: "real",
    _abi.HPM_KIND_INTEGER: "integer",
    _abi.HPM_KIND_CHOICE: "choice",
    _abi.HPM_KIND_BLOCK: "block",
}
_SCALES: dict[str, int] = {
    "linear": _abi.HPM_SCALE_LINEAR,
    "log": _abi.HPM_SCALE_LOG,
    "logit": _abi.HPM_SCALE_LOGIT,
}
_UPDATES: dict[str, int] = {
    "auto": _abi.HPM_UPDATE_AUTO,
    "mutate": _abi.HPM_UPDATE_MUTATE,
    "hypergradient": _abi.HPM_UPDATE_HYPERGRADIENT,
    "both": _abi.HPM_UPDATE_BOTH,
    "fixed": _abi.HPM_UPDATE_FIXED,
}


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

    All methods may be called from any thread. A population copies its space.

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

    def __init__(self) -> None:
        out = c_void_p()
        check(functions.hpm_space_create(byref(out)))
        self._own(out.value, functions.hpm_space_destroy)
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

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
            check(functions.hpm_space_add_real(self._handle, text(name, "name"), *arguments))
            self._added(name, "real", update)
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
            check(functions.hpm_space_add_block(self._handle, text(name, "name"), number, *arguments))
            self._added(name, "block", update)
        return self

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

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a SearchSpace can't be pickled or copied; a Population can, with its space")

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
    ) -> None:
        if update != "auto":
            self.set_update(name, update)
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


def _initial(initial: float | None) -> float:
    return np.nan if initial is None else real(initial, "initial")


def _offset(handle: int, name: str) -> tuple[int, int]:
    offset, count = c_size_t(), c_size_t()
    check(functions.hpm_space_offset(handle, name.encode(), byref(offset), byref(count)))
    return offset.value, count.value


def read_entries(handle: int) -> dict[str, _Entry]:
    """What a space holds that the library made, such as that of a loaded population."""
    number = c_size_t()
    check(functions.hpm_space_count(handle, byref(number)))
    entries = {}
    for index in range(number.value):
        name = _string(functions.hpm_space_name, handle, index)
        encoded = name.encode()
        kind, high = c_int32(), c_double()
        check(
            functions.hpm_space_describe(
                handle, encoded, byref(kind), None, byref(high), None, None, None
            )
        )
        labels = (
            [
                _string(functions.hpm_space_label, handle, encoded, label)
                for label in range(int(high.value) + 1)
            ]
            if kind.value == _abi.HPM_KIND_CHOICE
            else []
        )
        entries[name] = _Entry(*_offset(handle, name), _KINDS[kind.value], labels)
    return entries


def _string(function: Any, *arguments: Any) -> str:
    needed = c_size_t()
    check(function(*arguments, None, 0, byref(needed)))
    buffer = create_string_buffer(needed.value)
    check(function(*arguments, buffer, needed.value, byref(needed)))
    return buffer.value.decode()
