"""Keyword arguments as the library's options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from ctypes import byref, c_void_p
from difflib import get_close_matches
from numbers import Integral
from typing import Union

from ._arguments import is_number, text
from ._library import check, functions
from .errors import ArgumentError

Option = Union[str, int, float, None]


@contextmanager
def options(values: Mapping[str, Option]) -> Iterator[int]:
    """A handle of options that are set to `values`; None: the default."""
    out = c_void_p()
    check(functions.hpm_options_create(byref(out)))
    handle = out.value
    assert handle is not None
    try:
        for key, value in values.items():
            if value is not None:
                _set(handle, key, value)
        yield handle
    finally:
        functions.hpm_options_destroy(handle)


def require(names: Iterable[str], allowed: tuple[str, ...], function: str) -> None:
    """Refuses options that a function does not read: a list of all that there are would not help."""
    for name in names:
        if name not in allowed:
            alike = [option for option in allowed if option.endswith(f"_{name}")] or get_close_matches(name, allowed, 1)
            guess = f". Did you mean {alike[0]}?" if alike else ""
            raise ArgumentError(f"{function} has no argument {name!r}; allowed: {', '.join(allowed)}{guess}")


def _set(handle: int, key: str, value: Option) -> None:
    name = text(key, "key")
    if isinstance(value, str):
        check(functions.hpm_options_set_string(handle, name, text(value, key)))
    elif not is_number(value):
        raise TypeError(f"{key} is {value!r}; allowed: a str, an int or a float")
    elif not isinstance(value, Integral):
        check(functions.hpm_options_set_real(handle, name, float(value)))  # type: ignore[arg-type]
    elif -(1 << 63) <= int(value) < 1 << 63:
        check(functions.hpm_options_set_integer(handle, name, int(value)))
    else:  # ctypes would wrap it around
        check(functions.hpm_options_set_string(handle, name, str(int(value)).encode()))
