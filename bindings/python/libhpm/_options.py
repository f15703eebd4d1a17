"""Keyword arguments as the library's options, and what there are of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from ctypes import byref, c_void_p
from difflib import get_close_matches
from itertools import count
from numbers import Integral
from textwrap import fill
from typing import Any, TypeVar, Union

from ._arguments import is_number, text
from ._library import check, functions
from ._option_table import ENTRIES
from .errors import ArgumentError

Option = Union[str, int, float, None]

_Documented = TypeVar("_Documented")


def algorithms() -> list[str]:
    """The algorithms: what the option ``algorithm`` takes. docs/algorithms.md says what each does.

    Example:
        >>> "hpm" in hpm.algorithms()
        True
    """
    return _names(functions.hpm_algorithm_name)


def option_names() -> list[str]:
    """The options of :class:`Population`, :func:`tune` and :class:`Teacher`. docs/options.md has their table.

    Example:
        >>> hpm.option_names()[:4]
        ['algorithm', 'population', 'seed', 'steps']
    """
    return _names(functions.hpm_option_name)


def _names(function: Any) -> list[str]:
    names: list[str] = []
    for index in count():
        name: bytes | None = function(index)
        if name is None:
            return names
        names.append(name.decode())
    return names


def value(text: str) -> str | int | float:
    """What the library's text of an option stands for: reals have a point or an exponent, words are no numbers."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def documented(described: _Documented) -> _Documented:
    """Puts the table of options into a docstring, in the place of its line ``<options>``."""
    mark = re.search(r"^( *)<options>\n", described.__doc__ or "", re.MULTILINE)
    if mark:
        indentation = mark[1]
        texts = (f"`{row.name}` ({row.default}): {row.values}; {row.meaning}." for row in ENTRIES)
        rows = (
            fill(
                re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", text),
                110,
                initial_indent=indentation + "* ",
                subsequent_indent=indentation + "  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
            for text in texts
        )
        described.__doc__ = mark.string[: mark.start()] + "\n".join(rows) + "\n" + mark.string[mark.end() :]
    return described


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
