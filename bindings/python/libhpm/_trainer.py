"""Python callables as the callbacks of hpm_population_run."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import numpy.typing as npt

from . import _abi
from ._arguments import Vector, real
from ._callbacks import guarded

if TYPE_CHECKING:
    from .population import Population

Hypergradient = Union[npt.ArrayLike, Mapping[str, Any], None]
Outcome = Union[float, tuple[float, Hypergradient]]
Train = Callable[[int, Vector], Outcome]
Clone = Callable[[int, int], object]
Restart = Callable[[int], object]


class Trainer:
    """The callbacks of one run."""

    def __init__(
        self,
        population: Population,
        train: Train,
        clone: Clone | None,
        evaluate: Train | None,
        restart: Restart | None,
    ):
        self._population = population
        self.structure = _abi.hpm_trainer(size=ctypes.sizeof(_abi.hpm_trainer))
        self.structure.train = self._training(train)
        if clone is not None:
            self.structure.clone = guarded(_abi.hpm_clone_callback, clone)
        if evaluate is not None:
            self.structure.evaluate = self._training(evaluate)
        if restart is not None:
            self.structure.restart = guarded(_abi.hpm_restart_callback, restart)

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
            if gradient is None:
                self._population._renew(student)
            else:
                values = self._population._vector(gradient, "the hypergradient that train returned")
                ctypes.memmove(hypergradient, values.ctypes.data, values.nbytes)
                has[0] = 1

        return guarded(_abi.hpm_train_callback, body)
