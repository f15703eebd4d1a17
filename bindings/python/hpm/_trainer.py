"""Python callables as the callbacks of hpm_population_run."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import numpy.typing as npt

from . import _abi
from ._arguments import Vector, real

if TYPE_CHECKING:
    from .population import Population

Hypergradient = Union[npt.ArrayLike, Mapping[str, Any], None]
Outcome = Union[float, tuple[float, Hypergradient]]
Train = Callable[[int, Vector], Outcome]
Clone = Callable[[int, int], object]
Restart = Callable[[int], object]


class Trainer:
    """The callbacks of one run. A C function can't raise, so what a callback raised is kept in
    `error` and the run aborted."""

    def __init__(
        self,
        population: Population,
        train: Train,
        clone: Clone | None,
        evaluate: Train | None,
        restart: Restart | None,
    ):
        self.error: BaseException | None = None
        self.interrupts = Interrupts()
        self._population = population
        self.structure = _abi.hpm_trainer(size=ctypes.sizeof(_abi.hpm_trainer))
        self.structure.train = self._training(train)
        if clone is not None:
            self.structure.clone = self._guarded(_abi.hpm_clone_callback, clone)
        if evaluate is not None:
            self.structure.evaluate = self._training(evaluate)
        if restart is not None:
            self.structure.restart = self._guarded(_abi.hpm_restart_callback, restart)

    def _guarded(self, kind: Any, body: Callable[..., object]) -> Any:
        def callback(_: Any, *arguments: Any) -> int:
            try:
                self.interrupts.enter()
                body(*arguments)
                self.interrupts.leave()
                return 0
            except BaseException as error:
                self.interrupts.leave()
                self.error = error
                return 1

        return kind(callback)

    def _training(self, train: Train) -> Any:
        def body(student: int, address: Any, n: int, loss: Any, hypergradient: Any, has: Any) -> None:
            hyperparameters = np.empty(n)
            ctypes.memmove(hyperparameters.ctypes.data, address, hyperparameters.nbytes)
            outcome = train(student, hyperparameters)
            gradient: Hypergradient = None
            if isinstance(outcome, tuple):
                if len(outcome) != 2:
                    raise TypeError(f"train returned {len(outcome)} values; allowed: loss, or (loss, hypergradient)")
                outcome, gradient = outcome
            loss[0] = real(outcome, "the loss that train returned")
            if gradient is not None:
                values = self._population._vector(gradient, "the hypergradient that train returned")
                ctypes.memmove(hypergradient, values.ctypes.data, values.nbytes)
                has[0] = 1

        return self._guarded(_abi.hpm_train_callback, body)


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
