"""What the library's objects have in common: a handle that is destroyed once."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from ._library import check

_Self = TypeVar("_Self", bound="Closing")


class Closing:
    """Is closed at the end of a ``with`` block."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Handle(Closing):
    """Destroys its handle at :meth:`close`, at the end of a ``with`` block, or when it is
    collected. Every call after that is a :class:`HandleError`."""

    _handle: int

    def _own(self, handle: int | None, destroy: Callable[[int], int]) -> None:
        assert handle is not None
        self._handle = handle
        self._destroy = destroy
        self._finalizer = weakref.finalize(self, destroy, handle)

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return not self._finalizer.alive

    def close(self) -> None:
        """Frees the object's memory now. Closing twice does nothing.

        Raises:
            BusyError: The population is inside ``run``.
        """
        if self._finalizer.alive:
            check(self._destroy(self._handle))
            self._finalizer.detach()
