"""A convolution with a best response."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..errors import ArgumentError
from .best_response import BestResponse


class HyperConv2d(BestResponse, nn.Conv2d):
    """`torch.nn.Conv2d` whose kernels respond to hyperparameters: :class:`BestResponse`, a row being an output channel.

    Args:
        in_channels, out_channels, kernel_size, **kind: As in `torch.nn.Conv2d`.
        hyperparameters: n, the number of coordinates.

    Shape:
        ``[batch, in_channels, height, width]`` to ``[batch, out_channels, ...]``.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, hyperparameters: int, **kind: Any):
        nn.Conv2d.__init__(self, in_channels, out_channels, kernel_size, **kind)
        drawn = nn.Conv2d(in_channels, out_channels, kernel_size, **kind)
        names = ("weight",) if self.bias is None else ("weight", "bias")
        self._make_response(hyperparameters, drawn, names, dict.fromkeys(names, out_channels))

    def forward(self, x: torch.Tensor, z: torch.Tensor | None = None) -> torch.Tensor:
        """
        Args:
            x: ``[batch, in_channels, height, width]``.
            z: Coordinates, as in :class:`HyperLinear`.
        """
        z = self._coordinates(z)
        if z is not None and z.ndim == 2 and (x.ndim != 4 or len(x) != len(z)):
            raise ArgumentError(f"coordinates are of {len(z)} examples; allowed: those of the input, of shape {tuple(x.shape)}")
        return self._affine(x, z, self._conv_forward, lambda rows, output: rows[..., None, None])
