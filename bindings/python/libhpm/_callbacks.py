"""Python callables as callbacks of the library."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import FrameType
from typing import Any

from . import _abi
from ._library import check, functions


class _Calls(threading.local):
    innermost: Call | None = None

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        """Of callbacks outside of every :class:`Call`: a listener that another thread added meanwhile."""


_calls = _Calls()

# Without the conversions to enums of `signal`, which take ten times as long: there are four of these calls around
# every call of a population that is listened to.
_signal: Any = import_module("_signal" if find_spec("_signal") else "signal")
_INTERRUPT = int(signal.SIGINT)

_RAISED = frozenset((_abi.HPM_ERROR_CALLBACK, _abi.HPM_OBSERVER, _abi.HPM_PARTIAL))
"""The statuses of calls that pass on what callbacks raised."""


class Call:
    """A call into the library that calls back, in this thread.

    A C function can't raise: what callbacks raised is kept, the library returns
    `HPM_ERROR_CALLBACK` or `HPM_OBSERVER`, and :meth:`outcome` raises it again. Calls may be nested, as
    where a callback computes a hypergradient.
    """

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self.interrupts = Interrupts()

    def __enter__(self) -> Call:
        self.interrupts.__enter__()  # first: from now on Ctrl-C waits
        self._outer, _calls.innermost = _calls.innermost, self
        return self

    def __exit__(self, *_: object) -> None:
        _calls.innermost = self._outer
        self.interrupts.__exit__()

    def outcome(self, status: int) -> int:
        """The call's status; raises what a callback raised, or else the library's failure."""
        return _outcome(status, self.errors)


def outcome(status: int) -> int:
    """:meth:`Call.outcome` of a call that was made without a :class:`Call`."""
    if status in (_abi.HPM_ERROR_CALLBACK, _abi.HPM_OBSERVER):
        call = _calls.innermost
        return _outcome(status, _calls.errors if call is None else call.errors)
    return check(status)


def _outcome(status: int, kept: list[BaseException]) -> int:
    if kept and status in _RAISED:
        error = _joined(kept)
        kept.clear()  # they refer to frames that refer to the list: no cycle
        try:
            raise error
        finally:
            del error
    kept.clear()
    return check(status)


def _joined(errors: list[BaseException]) -> BaseException:
    """The one that the library counts, or the first that no `except Exception` is to catch; the others are
    its context."""
    number: int = functions.hpm_last_callback_status()
    counted = errors[number - 1] if 1 <= number <= len(errors) else errors[0]
    raised = next((error for error in errors if not isinstance(error, Exception)), counted)
    last: BaseException = raised
    for error in errors:
        if error is raised:
            continue
        seen = {id(last)}
        while last.__context__ is not None and id(last.__context__) not in seen:
            last = last.__context__
            seen.add(id(last))
        if id(error) not in seen:
            last.__context__ = error
    return raised


def guarded(kind: Any, body: Callable[..., object]) -> Any:
    """`body` as a callback of a ctypes function type, without its first argument, the context."""

    def callback(_: Any, *arguments: Any) -> int:
        call = _calls.innermost
        if call is None:
            try:
                body(*arguments)
                return 0
            except BaseException as error:
                return _keep(error, _calls.errors)
        interrupts = call.interrupts
        try:
            interrupts.enter()
            body(*arguments)
            interrupts.leave()
            return 0
        except BaseException as error:
            interrupts.leave()
            return _keep(error, call.errors)

    return kind(callback)


def _keep(error: BaseException, errors: list[BaseException]) -> int:
    """The number by which the library says which error counts: from 1."""
    errors.append(error)
    return len(errors)


class Interrupts:
    """Holds Ctrl-C back until the next callback while the library's own code runs: ctypes would
    print and drop an exception that is raised on the way into a callback."""

    def __init__(self) -> None:
        self._inside = False
        self._pending: tuple[int, FrameType | None] | None = None
        self._previous: Any = None

    def __enter__(self) -> None:
        previous = _signal.getsignal(_INTERRUPT)
        if threading.current_thread() is threading.main_thread() and callable(previous):
            self._previous = previous
            _signal.signal(_INTERRUPT, self._handle)

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            if _signal.getsignal(_INTERRUPT) == self._handle:
                _signal.signal(_INTERRUPT, self._previous)
            self._deliver()

    def enter(self) -> None:
        self._inside = True
        if self._pending is not None:
            self._deliver()

    def leave(self) -> None:
        self._inside = False

    def _deliver(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            self._previous(*pending)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._inside:
            self._previous(number, frame)
        else:
            self._pending = number, frame
