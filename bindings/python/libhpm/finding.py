"""What a check of a problem's callbacks found."""

from __future__ import annotations

import ctypes
from ctypes import byref
from dataclasses import dataclass
from enum import Enum

from . import _abi
from ._library import check, functions


class Verdict(Enum):
    """What a check says of a callback."""

    RIGHT = "right"
    """It passed the test."""
    WRONG = "wrong"
    DISAGREES = "disagrees"
    """It contradicts another callback, and nothing tells which of the two is wrong."""
    NOT_CHECKED = "not-checked"
    """The test could not be made, or told nothing: the callback may be right or wrong."""

    def __str__(self) -> str:
        return self.value


class Reason(Enum):
    """What a verdict rests on. Those from MISSING_REFERENCE on are why a callback was not checked."""

    COMPARISON = "comparison"
    """It was compared with another callback, or with itself by its symmetry."""
    REPETITION = "repetition"
    """It was asked again with the same input: right where it gives the same and no more can be tested of
    it, wrong where it does not."""
    NOT_FINITE = "not-finite"
    """It gives numbers that are not finite, or leaves some unwritten."""
    MISSING_REFERENCE = "missing-reference"
    """The problem does not have the other callback."""
    WRONG_REFERENCE = "wrong-reference"
    """The other callback is wrong itself."""
    DISPUTED_REFERENCE = "disputed-reference"
    """The other callback agrees with it, and disagrees with a third."""
    REFERENCE_NOT_FINITE = "reference-not-finite"
    """Differences of the other callback are not finite at this place."""
    TOO_LARGE = "too-large"
    """What was to be compared is beyond the range of the numbers at this place."""
    ROUNDING = "rounding"
    """At this place a wrong number could hide in the rounding of the differences."""
    KINKS = "kinks"
    """Differences of the other callback depend on the length of their step at this place, as where kinks
    of rectified units are crossed."""
    IDENTITY = "identity"
    """Symmetry or the adjoint identity holds, as it would for any multiple of what the callback gives, and
    nothing else was there to test it by."""

    def __str__(self) -> str:
        return self.value


_VERDICTS = {
    _abi.HPM_FINDING_RIGHT: Verdict.RIGHT,
    _abi.HPM_FINDING_WRONG: Verdict.WRONG,
    _abi.HPM_FINDING_DISAGREES: Verdict.DISAGREES,
    _abi.HPM_FINDING_NOT_CHECKED: Verdict.NOT_CHECKED,
}
_REASONS = {
    _abi.HPM_REASON_COMPARISON: Reason.COMPARISON,
    _abi.HPM_REASON_REPETITION: Reason.REPETITION,
    _abi.HPM_REASON_NOT_FINITE: Reason.NOT_FINITE,
    _abi.HPM_REASON_MISSING_REFERENCE: Reason.MISSING_REFERENCE,
    _abi.HPM_REASON_WRONG_REFERENCE: Reason.WRONG_REFERENCE,
    _abi.HPM_REASON_DISPUTED_REFERENCE: Reason.DISPUTED_REFERENCE,
    _abi.HPM_REASON_REFERENCE_NOT_FINITE: Reason.REFERENCE_NOT_FINITE,
    _abi.HPM_REASON_TOO_LARGE: Reason.TOO_LARGE,
    _abi.HPM_REASON_ROUNDING: Reason.ROUNDING,
    _abi.HPM_REASON_KINKS: Reason.KINKS,
    _abi.HPM_REASON_IDENTITY: Reason.IDENTITY,
}


@dataclass(frozen=True)
class Finding:
    """What one test of :meth:`Problem.check` found of one callback. As a string, its sentence."""

    callback: str
    """Its name, an argument of :class:`Problem`."""
    verdict: Verdict
    reason: Reason
    other: str | None
    """The callback that it was compared with, or would have been; None where it was judged by itself."""
    error: float
    """The relative difference of what was compared; infinite where the callback gives numbers that are not
    finite; NaN where nothing was compared."""
    tolerance: float
    """The error from which on a callback is wrong: ``check_tolerance``, or, where it was asked again, what
    sums in another order explain."""
    sentence: str

    @property
    def fault(self) -> bool:
        """Whether something has to be mended."""
        return self.verdict in (Verdict.WRONG, Verdict.DISAGREES)

    def __str__(self) -> str:
        return self.sentence


def last_findings() -> list[Finding]:
    """Those of this thread's last check."""
    return [_read(index) for index in range(functions.hpm_last_finding_count())]


def _read(index: int) -> Finding:
    found = _abi.hpm_finding(size=ctypes.sizeof(_abi.hpm_finding))
    check(functions.hpm_last_finding(index, byref(found)))
    return Finding(
        callback=found.callback.decode(),
        verdict=_VERDICTS[found.verdict],
        reason=_REASONS[found.reason],
        other=None if found.other is None else found.other.decode(),
        error=found.error,
        tolerance=found.tolerance,
        sentence=found.sentence.decode(),
    )
