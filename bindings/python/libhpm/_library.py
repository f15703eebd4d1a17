"""Finds and loads the shared library, and turns its statuses into exceptions."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from . import _abi, errors

NAME = "libhpm.0.dylib" if sys.platform == "darwin" else "libhpm.so.0"


def _candidates() -> Iterator[str]:
    here = Path(__file__).resolve()
    for path in (here.parent / NAME, here.parents[3] / "lib" / NAME):
        if path.exists():
            yield str(path)
    yield NAME  # the system's loader


def _load() -> ctypes.CDLL:
    path = os.environ.get("HPM_LIBRARY") or next(_candidates())
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(
            f"can't load {path!r}: {error}. Build {NAME} by `make` in the source tree, install the "
            "wheel `libhpm`, or set HPM_LIBRARY to the path of the library"
        ) from error
    try:
        _abi.declare(library)
        version = library.hpm_abi_version()
    except AttributeError as error:
        raise ImportError(
            f"{path!r} is no libhpm, or an older one than these bindings ({_abi.HPM_VERSION}): {error}"
        ) from error
    if version != _abi.HPM_ABI_VERSION:
        raise ImportError(
            f"{path!r} has binary interface {version}; these bindings ({_abi.HPM_VERSION}) need {_abi.HPM_ABI_VERSION}"
        )
    return library


functions = _load()

_ERRORS: dict[int, type[errors.Error]] = {
    _abi.HPM_ERROR_ARGUMENT: errors.ArgumentError,
    _abi.HPM_ERROR_HANDLE: errors.HandleError,
    _abi.HPM_ERROR_MEMORY: errors.OutOfMemoryError,
    _abi.HPM_ERROR_ORDER: errors.OrderError,
    _abi.HPM_ERROR_BUSY: errors.BusyError,
    _abi.HPM_ERROR_NO_RESULT: errors.NoResultError,
    _abi.HPM_ERROR_SNAPSHOT: errors.SnapshotError,
    _abi.HPM_ERROR_UNSUPPORTED: errors.UnsupportedError,
    _abi.HPM_ERROR_STORAGE: errors.StorageError,
}


def failure(status: int) -> errors.Error:
    """The exception for the failure that the last call on this thread returned."""
    sentence: bytes = functions.hpm_last_error()
    error = _ERRORS.get(status, errors.Error)(sentence.decode("utf-8", "replace"))
    name: bytes = functions.hpm_status_name(status)
    error.status = name.decode()
    return error


def check(status: int) -> int:
    if status < 0:
        raise failure(status)
    return status


def version() -> str:
    text: bytes = functions.hpm_version()
    return text.decode()
