"""Checks of what ctypes would take silently, or refuse without naming the argument."""

from __future__ import annotations

import numbers
import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ArgumentError

Vector = npt.NDArray[np.float64]
_FLOAT64 = np.dtype(np.float64)


def text(value: Any, name: str) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}; allowed: a str")
    if "\0" in value:  # C would see the part before it
        raise ArgumentError(f"{name} is {value!r}; allowed: no NUL character")
    return value.encode("utf-8", "surrogatepass")  # the library refuses what is not UTF-8


def real(value: Any, name: str) -> float:
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{name} is {value!r}; allowed: a real number")
    try:
        return float(value)
    except OverflowError:
        raise ArgumentError(f"{name} is {value!r}; allowed: a double") from None
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {value!r}; allowed: a real number") from None


def size(value: Any, name: str) -> int:
    """A whole number that a size_t holds: ctypes would wrap another one around."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; allowed: a whole number") from None
    if not 0 <= number < 1 << 63:
        raise ArgumentError(f"{name} is {number}; allowed: 0 to 2^63 - 1")
    return number


def is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def array(values: Any, shape: tuple[int, ...], name: str) -> Vector:
    """`values` as a C-contiguous float64 array of that shape; itself, where it is one."""
    if type(values) is np.ndarray and values.dtype is _FLOAT64 and values.flags.c_contiguous:
        result = values
    else:
        try:
            result = np.asarray(values)
        except ValueError:
            raise ArgumentError(f"{name} is ragged; allowed: shape {shape}") from None
        if result.dtype.kind not in "fiu":
            raise TypeError(f"{name} has dtype {result.dtype}; allowed: real numbers (float64 is not copied)")
        result = np.ascontiguousarray(result, np.float64)
    if result.shape != shape:
        raise ArgumentError(f"{name} has shape {np.shape(values)}; allowed: {shape}")
    return result
