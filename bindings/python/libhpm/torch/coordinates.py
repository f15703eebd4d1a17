"""Hyperparameters as coordinates that a network can respond to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from ..errors import ArgumentError
from ..space import Parameter, SearchSpace

RANGE = 10.0
"""Of a coordinate from the lower to the upper bound: as wide as the logit of .007 to .993, so that perturbations
have the size that self-tuning networks were published with."""


class Coordinates:
    """Those real hyperparameters of a space that a best response is learned for, and the map between their natural
    values and the coordinates

    .. math:: z = 10 \\left( u - \\tfrac12 \\right) \\in [-5, 5]

    u being the latent coordinate of :class:`libhpm.SearchSpace`: linear, logarithmic or logistic, by the scale of each.
    Both ways can be differentiated.

    Args:
        space: The hyperparameters.
        names: Which of them, reals and blocks alone; None: all reals and blocks that hypergradients may move and
            that are no learning rate.

    Raises:
        ArgumentError: A name that the space lacks, or one of an integer or a choice.

    Example:
        >>> space = hpm.SearchSpace().add_real("dropout", 0.0, 0.8).add_real("l2", 1e-6, 1e-2, scale="log")
        >>> coordinates = hpm.torch.Coordinates(space)
        >>> z = coordinates.coordinates(torch.tensor([0.4, 1e-2], dtype=torch.float64))
        >>> [round(float(value), 12) for value in z]
        [0.0, 5.0]
        >>> coordinates.split(coordinates.natural(z))["dropout"].item()
        0.4
    """

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

    def coordinates(self, natural: torch.Tensor) -> torch.Tensor:
        """Natural values ``[..., n]`` -> coordinates ``[..., n]``."""
        raw = self._by_scale(natural, {"linear": _same, "log": torch.log, "logit": torch.logit})
        low, width = self._tensors(natural)
        return ((raw - low) / width - 0.5) * RANGE

    def natural(self, z: torch.Tensor) -> torch.Tensor:
        """Coordinates ``[..., n]`` -> natural values ``[..., n]``. Coordinates beyond +-5 stand for values beyond
        the bounds: clamp them first."""
        low, width = self._tensors(z)
        return self._by_scale(low + width * (z / RANGE + 0.5), {"linear": _same, "log": torch.exp, "logit": torch.sigmoid})

    def split(self, values: torch.Tensor) -> dict[str, torch.Tensor]:
        """``[..., n]`` by name: ``[...]`` for a real, ``[..., count]`` for a block."""
        return {
            name: values[..., part.start] if self._scalar[name] else values[..., part] for name, part in self.parts.items()
        }

    def vector(self, values: Mapping[str, Any]) -> torch.Tensor:
        """Natural values by name -> a float64 tensor ``[n]``; other names are not read.

        Raises:
            ArgumentError: A name is missing, or a block has another length.
        """
        result = torch.empty(self.dimension, dtype=torch.float64)
        for name, part in self.parts.items():
            if name not in values:
                raise ArgumentError(f"{name!r} is missing among the hyperparameters {', '.join(values)}")
            value = torch.as_tensor(values[name], dtype=torch.float64)
            if value.numel() not in (1, part.stop - part.start):
                raise ArgumentError(f"{name!r} has {value.numel()} values; allowed: {part.stop - part.start}")
            result[part] = value.reshape(-1)
        return result

    def _tensors(self, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return like.new_tensor(self._low), like.new_tensor(self._width)

    def _by_scale(self, values: torch.Tensor, maps: Mapping[str, Any]) -> torch.Tensor:
        kinds = set(self._scales)
        if len(kinds) <= 1:
            return maps[kinds.pop()](values) if kinds else values
        return torch.stack([maps[scale](values[..., i]) for i, scale in enumerate(self._scales)], -1)


def _responds(part: Parameter) -> bool:
    return part.kind in ("real", "block") and part.update not in ("mutate", "fixed") and part.role is None


def _raw(value: float, scale: str) -> float:
    if scale == "log":
        return math.log(value)
    return math.log(value / (1 - value)) if scale == "logit" else float(value)


def _same(value: torch.Tensor) -> torch.Tensor:
    return value
