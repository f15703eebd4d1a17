"""One interval of training, as `train` may be told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ._arguments import real
from .errors import ArgumentError


@dataclass(frozen=True)
class Interval:
    """What :func:`tune` hands to a `train` that takes a third argument: which interval it is, and a place for
    numbers of its own."""

    student: int
    number: int
    """Which of the student's training reports it will end with, from 1."""
    _record: Callable[[str, float], object] = field(repr=False, compare=False)

    def log(self, name: str | None = None, value: float | None = None, /, **metrics: float) -> None:
        """Keeps numbers under names: ``interval.log("accuracy", 0.9)`` or ``interval.log(accuracy=0.9, norm=3.1)``.
        They go into :attr:`Result.metrics`, to the observers, and into the run's file if there is one.

        Raises:
            TypeError: A name that is no str, or a value that is no real number.
            ArgumentError: An empty name, or none at all.
        """
        given: dict[str, float] = dict(metrics)
        if name is not None:
            if not isinstance(name, str):
                raise TypeError(f"name is {name!r}; allowed: a str")
            if name in given:
                raise ArgumentError(f"{name!r} is given twice; allowed: each name once")
            given = {name: value, **given}  # type: ignore[dict-item]
        if not given or "" in given:
            raise ArgumentError('there is no name; allowed: log("name", value), or log(name=value)')
        numbers = {key: real(number, key) for key, number in given.items()}
        for key, number in numbers.items():
            self._record(key, number)
