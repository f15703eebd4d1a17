"""Hyperparameters as coordinates: what no framework is needed for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .errors import ArgumentError
from .space import Parameter, SearchSpace

RANGE = 10.0
"""Of a coordinate from the lower to the upper bound: as wide as the logit of .007 to .993, so that perturbations
have the size that self-tuning networks were published with."""

Maps = Mapping[str, Callable[[Any], Any]]


class CoordinateTable:
    """Which hyperparameters have which coordinates, and the map between both. A framework's class says how its
    tensors are made and joined."""

    def __init__(self, space: SearchSpace, names: Iterable[str] | None = None):
        self.space = space
        parameters = space.parameters
        chosen = [name for name, part in parameters.items() if _responds(part)] if names is None else list(names)
        for name in chosen:
            if name not in parameters:
                raise ArgumentError(f"{name!r} is no hyperparameter of {space!r}; allowed: {', '.join(parameters) or 'none'}")
            if parameters[name].kind not in ("real", "block"):
                raise ArgumentError(f"{name!r} is of kind {parameters[name].kind}; a response is allowed to reals and blocks")
        self.names = chosen
        self.parts: dict[str, slice] = {}
        low: list[float] = []
        width: list[float] = []
        self._scales: list[str] = []
        for name in chosen:
            part = parameters[name]
            begin = len(low)
            for _ in range(part.count):
                low.append(_raw(part.low, part.scale))
                width.append(_raw(part.high, part.scale) - low[-1])
                self._scales.append(part.scale)
            self.parts[name] = slice(begin, len(low))
        self.dimension = len(low)
        self._low, self._width = np.array(low), np.array(width)
        self._scalar = {name: parameters[name].kind == "real" for name in chosen}

    _to_raw: Maps
    """The maps from natural values by scale, such as ``{"log": torch.log}``."""
    _from_raw: Maps
    """Their inverses."""

    def _constants(self, like: Any) -> tuple[Any, Any]:
        """The lower bounds and the widths, as tensors like the given one."""
        raise NotImplementedError

    def _stack(self, columns: list[Any]) -> Any:
        """Tensors ``[...]`` -> ``[..., n]``."""
        raise NotImplementedError

    def _flat(self, value: Any) -> Any:
        """A number, or several -> a tensor ``[count]``."""
        raise NotImplementedError

    def _join(self, parts: list[Any]) -> Any:
        """Tensors of one dimension -> one."""
        raise NotImplementedError

    def coordinates(self, natural: Any) -> Any:
        """Natural values ``[..., n]`` -> coordinates ``[..., n]``."""
        raw = self._by_scale(natural, self._to_raw)
        low, width = self._constants(natural)
        return ((raw - low) / width - 0.5) * RANGE

    def natural(self, z: Any) -> Any:
        """Coordinates ``[..., n]`` -> natural values ``[..., n]``. Coordinates beyond +-5 stand for values beyond
        the bounds: clamp them first."""
        low, width = self._constants(z)
        return self._by_scale(low + width * (z / RANGE + 0.5), self._from_raw)

    def split(self, values: Any) -> dict[str, Any]:
        """``[..., n]`` by name: ``[...]`` for a real, ``[..., count]`` for a block."""
        return {
            name: values[..., part.start] if self._scalar[name] else values[..., part] for name, part in self.parts.items()
        }

    def vector(self, values: Mapping[str, Any]) -> Any:
        """Natural values by name -> ``[n]``, in torch float64, in JAX of its default precision; other names are not read.

        Raises:
            ArgumentError: A name is missing, or a block has another length.
        """
        parts = []
        for name, part in self.parts.items():
            if name not in values:
                raise ArgumentError(f"{name!r} is missing among the hyperparameters {', '.join(values)}")
            value, count = self._flat(values[name]), part.stop - part.start
            if value.shape[0] not in (1, count):
                raise ArgumentError(f"{name!r} has {value.shape[0]} values; allowed: {count}")
            parts += [value] * (count // value.shape[0])
        return self._join(parts)

    def _by_scale(self, values: Any, maps: Maps) -> Any:
        kinds = set(self._scales)
        if len(kinds) <= 1:
            return maps[kinds.pop()](values) if kinds else values
        return self._stack([maps[scale](values[..., i]) for i, scale in enumerate(self._scales)])


def same(value: Any) -> Any:
    """The map of the linear scale."""
    return value


def _responds(part: Parameter) -> bool:
    return part.kind in ("real", "block") and part.update not in ("mutate", "fixed") and part.role is None


def _raw(value: float, scale: str) -> float:
    if scale == "log":
        return math.log(value)
    return math.log(value / (1 - value)) if scale == "logit" else float(value)
