"""Python callables as callbacks of the library."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from . import _abi
from ._library import check


class _Calls(threading.local):
    innermost: Call | None = None


_calls = _Calls()


class Call:
    """A call into the library that calls back, in this thread.

    A C function can't raise: what a callback raised is kept, the library returns
    `HPM_ERROR_CALLBACK`, and :meth:`outcome` raises it again. Calls may be nested, as where a
    callback computes a hypergradient.
    """

    def __init__(self) -> None:
        self.error: BaseException | None = None
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
        error, self.error = self.error, None  # it refers to this frame: no cycle
        if error is not None and status == _abi.HPM_ERROR_CALLBACK:
            try:
                raise error
            finally:
                del error
        return check(status)


def guarded(kind: Any, body: Callable[..., object]) -> Any:
    """`body` as a callback of a ctypes function type, without its first argument, the context."""

    def callback(_: Any, *arguments: Any) -> int:
        call = _calls.innermost
        assert call is not None
        try:
            call.interrupts.enter()
            body(*arguments)
            call.interrupts.leave()
            return 0
        except BaseException as error:
            call.interrupts.leave()
            call.error = error
            return 1

    return kind(callback)


class Interrupts:
    """Holds Ctrl-C back until the next callback while the library's own code runs: ctypes would
    print and drop an exception that is raised on the way into a callback."""

    def __init__(self) -> None:
        self._inside = False
        self._pending: tuple[int, FrameType | None] | None = None
        self._previous: Any = None

    def __enter__(self) -> None:
        previous = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and callable(previous):
            self._previous = previous
            signal.signal(signal.SIGINT, self._handle)

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            if signal.getsignal(signal.SIGINT) == self._handle:
                signal.signal(signal.SIGINT, self._previous)
            self._deliver()

    def enter(self) -> None:
        self._inside = True
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
