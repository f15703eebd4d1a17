"""Libraries that are imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def optional(name: str, extra: str) -> Any:
    """A module of a library that need not be there.

    Raises:
        ImportError: It is missing: the sentence says what to install.
    """
    try:
        return import_module(name)
    except ImportError as error:
        library = name.partition(".")[0]
        raise ImportError(
            f"{library} can't be imported ({error}); pip install 'libhpm[{extra}]' installs it", name=library
        ) from error
