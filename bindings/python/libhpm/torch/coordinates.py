"""Hyperparameters as coordinates that a network can respond to."""

from __future__ import annotations

from typing import Any

import torch

from .._coordinates import RANGE, CoordinateTable, same

__all__ = ["RANGE", "Coordinates"]


class Coordinates(CoordinateTable):
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

    _to_raw = {"linear": same, "log": torch.log, "logit": torch.logit}
    _from_raw = {"linear": same, "log": torch.exp, "logit": torch.sigmoid}

    def _constants(self, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return like.new_tensor(self._low), like.new_tensor(self._width)

    def _stack(self, columns: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack(columns, -1)

    def _flat(self, value: Any) -> torch.Tensor:
        return torch.as_tensor(value, dtype=torch.float64, device="cpu").reshape(-1)

    def _join(self, parts: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat(parts or [torch.empty(0, dtype=torch.float64)])
