"""Normalisation of images within a network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class Normalization(nn.Module):
    """Images `[n, channels, height, width]` less the mean of each channel, in units of its standard deviation."""

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).reshape(-1, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).reshape(-1, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) / self.deviation
