"""Spaces of vectors: numpy arrays in host memory, and vectors of a framework by their numbers."""

from __future__ import annotations

import ctypes
import itertools
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import byref, c_void_p
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from . import _abi
from ._arguments import Vector as Numbers
from ._callbacks import guarded
from ._handle import Handle
from ._library import check, functions
from .errors import ArgumentError


class Held:
    """A vector of the user's that the library may read, until `release`."""

    def __init__(
        self, pointer: int, release: Callable[[], object], renew: Callable[[], object] | None = None
    ):
        self.pointer = pointer
        self.release = release
        self.renew = renew
        """Reads the value again, where a function gives it."""


class Vectors(Handle):
    """A space of vectors. The library knows a vector by a pointer; Python by its value."""

    dimension: int
    precision: float
    """The spacing at 1 of the coarsest numbers."""

    @abstractmethod
    def get(self, pointer: int) -> Any:
        """The value of a vector."""

    @abstractmethod
    def set(self, pointer: int, value: Any, name: str) -> None:
        """Writes a value that the user's function `name` returned into a vector of the library."""

    @abstractmethod
    def hold(self, value: Any, name: str) -> Held:
        """The user's value as a vector."""

    @abstractmethod
    def hold_source(self, source: Callable[[], Any], name: str) -> Held:
        """What a function returns now, and again when it is renewed, as a vector."""

    @abstractmethod
    def result(self) -> tuple[Held, Callable[[], Any]]:
        """A vector for a result, and what gives its value in the user's structure."""

    @abstractmethod
    def any(self, value: Any) -> bool:
        """Whether a result is other than 0 anywhere."""

    @contextmanager
    def holding(self, value: Any, name: str) -> Iterator[int]:
        held = self.hold(value, name)
        try:
            yield held.pointer
        finally:
            held.release()


class HostVectors(Vectors):
    """Numpy arrays of shape [dimension], used where they are."""

    def __init__(self, dimension: int, dtype: npt.DTypeLike):
        self.dimension = dimension
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.dtype(np.float64), np.dtype(np.float32)):
            raise ArgumentError(f"dtype is {self.dtype}; allowed: float64, float32")
        self.precision = float(np.finfo(self.dtype).eps)
        element = _abi.HPM_ELEMENT_DOUBLE if self.dtype == np.float64 else _abi.HPM_ELEMENT_FLOAT
        out = c_void_p()
        check(functions.hpm_vectors_create_host(element, dimension, byref(out)))
        self._own(out.value, functions.hpm_vectors_destroy)
        self._buffer = ctypes.c_char * (dimension * self.dtype.itemsize)

    def get(self, pointer: int) -> Any:
        view = self._view(pointer)
        view.flags.writeable = False
        return view

    def set(self, pointer: int, value: Any, name: str) -> None:
        array = np.asarray(value)
        if array.shape != (self.dimension,) or array.dtype.kind not in "fiu":
            raise ArgumentError(
                f"{name} returned {array.dtype} of shape {array.shape}; allowed: numbers of shape ({self.dimension},)"
            )
        np.copyto(self._view(pointer), array, casting="unsafe")

    def _view(self, pointer: int) -> npt.NDArray[Any]:
        memory: Any = self._buffer.from_address(pointer)
        view: npt.NDArray[Any] = np.ndarray(self.dimension, self.dtype, memory)
        return view

    def hold(self, value: Any, name: str) -> Held:
        array = self._array(value, name)
        return Held(array.ctypes.data, lambda: array)  # which keeps it

    def hold_source(self, source: Callable[[], Any], name: str) -> Held:
        array = self._array(source(), name).copy()
        return Held(
            array.ctypes.data, lambda: array, lambda: np.copyto(array, self._array(source(), name))
        )

    def _array(self, value: Any, name: str) -> npt.NDArray[Any]:
        if not isinstance(value, np.ndarray) or value.dtype != self.dtype:
            kind = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
            raise TypeError(f"{name} is {kind}; allowed: a numpy array of {self.dtype}, the problem's dtype")
        if value.shape != (self.dimension,) or not value.flags.c_contiguous:
            raise ArgumentError(
                f"{name} has shape {value.shape}; allowed: ({self.dimension},), contiguous (it is not copied)"
            )
        return value

    def result(self) -> tuple[Held, Callable[[], Any]]:
        array = np.zeros(self.dimension, self.dtype)
        return Held(array.ctypes.data, lambda: array), lambda: array

    def any(self, value: Any) -> bool:
        return bool(value.any())


class Operations(Protocol):
    """What a framework does with the values of vectors. A value that changes is returned: the same
    object where the framework works in place, another one where it can't."""

    dimension: int
    lengths: list[int]
    """Of the arrays of a vector."""
    names: list[str] | None
    """Where a value is a dict of arrays by name: the name of each."""
    fixed: bool
    """Whether arrays never change."""
    precision: float
    """The spacing at 1 of the coarsest numbers."""

    def value(self, given: Any, name: str) -> Any:
        """The user's structure as a value; checked."""

    def given(self, value: Any) -> Any:
        """A value in the user's structure."""

    def zeros(self) -> Any: ...

    def copy(self, source: Any, target: Any) -> Any: ...

    def dot(self, left: Any, right: Any) -> float: ...

    def axpy(self, factor: float, source: Any, target: Any) -> Any: ...

    def scale(self, factor: float, value: Any) -> Any: ...

    def any(self, value: Any) -> bool: ...

    def random(self, seed: int, rademacher: bool, value: Any) -> Any: ...

    def unit(self, index: int, value: Any) -> Any: ...

    def write(self, numbers: list[Numbers], value: Any) -> Any:
        """The numbers of each array."""

    def read(self, value: Any) -> list[Numbers]: ...


class NumberedVectors(Vectors):
    """Vectors of a framework, on their device. What the library holds for pointers are numbers."""

    def __init__(self, operations: Operations):
        self.operations = operations
        self.dimension = operations.dimension
        self.precision = operations.precision
        self.values: dict[int, Any] = {}
        self.slices: list[slice] = []
        ends = list(itertools.accumulate(operations.lengths))
        self.order([slice(end - length, end) for end, length in zip(ends, operations.lengths)])
        self._callbacks = _structure(operations, self.values, self.slices)
        out = c_void_p()
        check(functions.hpm_vectors_create(byref(self._callbacks), None, self.dimension, byref(out)))
        self._own(out.value, functions.hpm_vectors_destroy)

    def order(self, slices: list[slice]) -> None:
        """Sets where the numbers of each array are among a population's hyperparameters."""
        self.slices[:] = slices

    def get(self, pointer: int) -> Any:
        return self.values[pointer]

    def set(self, pointer: int, value: Any, name: str) -> None:
        self.values[pointer] = self.operations.copy(value, self.values[pointer])

    def hold(self, value: Any, name: str) -> Held:
        return self._hold(self.operations.value(value, name))

    def hold_source(self, source: Callable[[], Any], name: str) -> Held:
        held = self._hold(self.operations.value(source(), name))
        pointer, values, operations = held.pointer, self.values, self.operations

        def renew() -> None:
            values[pointer] = operations.value(source(), name)

        held.renew = renew
        return held

    def result(self) -> tuple[Held, Callable[[], Any]]:
        held = self._hold(self.operations.zeros())
        return held, lambda: self.operations.given(self.values[held.pointer])

    def any(self, value: Any) -> bool:
        return self.operations.any(self.operations.value(value, "h"))

    def _hold(self, value: Any) -> Held:
        pointer, values = next(_numbers), self.values
        values[pointer] = value
        return Held(pointer, lambda: values.pop(pointer, None))


_numbers = itertools.count(1)


def _structure(
    operations: Operations, values: dict[int, Any], slices: list[slice]
) -> _abi.hpm_vector_operations:
    """The callbacks. They refer to no space, which refers to them: no cycle keeps vectors alive."""

    def create(out: Any) -> None:
        number = next(_numbers)
        values[number] = operations.zeros()
        out[0] = number

    def destroy(_: Any, number: int) -> None:
        values.pop(number, None)

    def copy(source: int, target: int) -> None:
        values[target] = operations.copy(values[source], values[target])

    def dot(left: int, right: int, out: Any) -> None:
        out[0] = operations.dot(values[left], values[right])

    def axpy(factor: float, source: int, target: int) -> None:
        values[target] = operations.axpy(factor, values[source], values[target])

    def scale(factor: float, number: int) -> None:
        values[number] = operations.scale(factor, values[number])

    def random(seed: int, distribution: int, number: int) -> None:
        rademacher = distribution == _abi.HPM_DISTRIBUTION_RADEMACHER
        values[number] = operations.random(seed, rademacher, values[number])

    def unit(index: int, number: int) -> None:
        values[number] = operations.unit(index, values[number])

    def write(address: int, n: int, number: int) -> None:
        numbers = np.empty(n)
        ctypes.memmove(numbers.ctypes.data, address, numbers.nbytes)
        values[number] = operations.write([numbers[part] for part in slices], values[number])

    def read(number: int, address: int, n: int) -> None:
        numbers = np.empty(n)
        for part, array in zip(slices, operations.read(values[number])):
            numbers[part] = array
        ctypes.memmove(address, numbers.ctypes.data, numbers.nbytes)

    structure = _abi.hpm_vector_operations(size=ctypes.sizeof(_abi.hpm_vector_operations))
    structure.precision = operations.precision
    structure.destroy = _abi.hpm_vector_destroy_callback(destroy)
    for body in (create, copy, dot, axpy, scale, random, unit, write, read):
        kind = getattr(_abi, f"hpm_vector_{body.__name__}_callback")
        setattr(structure, body.__name__, guarded(kind, body))
    return structure
