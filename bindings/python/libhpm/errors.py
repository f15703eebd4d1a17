"""The library's failures as exceptions. Each message is the library's sentence: it names the
argument, the value it got and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .finding import Finding


class Error(Exception):
    """The base of all errors of the library."""

    status: str = ""
    """The name of the C interface's status, such as ``HPM_ERROR_ARGUMENT``; empty where the sentence is that of
    the bindings, which check some arguments themselves."""


class ArgumentError(Error, ValueError):
    """An argument has a value that is not allowed."""


class HandleError(Error):
    """The object was closed."""


class OutOfMemoryError(Error, MemoryError):
    """The object does not fit into memory; nothing was allocated."""


class OrderError(Error):
    """The call is out of order, such as a report before its ``next``."""


class BusyError(Error):
    """The population is inside ``run``, which drives it alone."""


class NoResultError(Error):
    """There is nothing to return yet: no student has a finite loss."""


class SnapshotError(Error):
    """Bytes that are no snapshot, a damaged or truncated one, or one of an unknown version."""


class StorageError(Error, OSError):
    """A file or a folder can't be read or written, is damaged, is of a later version, or another process writes it.
    What was in it before is as it was. ``errno`` is the system's number where it has one."""

    def __init__(self, *arguments: object):
        super().__init__(*arguments)
        self.status = "HPM_ERROR_STORAGE"


class UnsupportedError(Error):
    """The algorithm, or this version of the library, can't do this."""


class WrongDerivativeError(Error):
    """:meth:`Problem.check` found a derivative that is not the derivative of its function. The message is the
    sentences of the faults, a line each."""

    def __init__(self, findings: Sequence[Finding]):
        super().__init__(findings)
        self.findings = list(findings)
        """All that was found, as :meth:`Problem.check` returns it where nothing is wrong."""

    def __str__(self) -> str:
        return "\n".join(found.sentence for found in self.findings if found.fault)


class UncheckedWarning(UserWarning):
    """:meth:`Problem.check` could not test every derivative in numbers coarser than double: those that it
    names may be right or wrong."""


class OptionWarning(UserWarning):
    """A population has an option that its algorithm does not read, or will hardly exploit."""


class ProblemWarning(UserWarning):
    """A copy of a population lacks the problems of students that have one: it computes no hypergradients for
    them."""


class EstimateWarning(UserWarning):
    """There is no hypergradient: every component is NaN, and the certificate says why. Or every component
    is exactly 0, which is more often a mistake than a fact."""
