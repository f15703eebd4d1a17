"""How far a network looks around its hyperparameters."""

from __future__ import annotations

import math

import torch
from torch import nn

from ..errors import ArgumentError


class PerturbationScale(nn.Module):
    """The standard deviations of the Gaussian perturbations of n coordinates, softplus of the parameter `raw`.

    A response is learned on perturbed hyperparameters. Too small a scale teaches it nothing, too large a one asks more of
    it than it can express. So the scale is learned on the validation loss, from which the entropy of the perturbation is
    subtracted, times a weight.

    Source: MacKay et al., 'Self-Tuning Networks', ICLR 2019, section 3.2.

    Args:
        dimension: n, the number of coordinates.
        initial: Of all standard deviations at first, above 0; .5 is the paper's for images, 1 for language.
    """

    def __init__(self, dimension: int, initial: float = 0.5):
        super().__init__()
        if not initial > 0:
            raise ArgumentError(f"perturbation_scale is {initial}; allowed: above 0")
        self.raw = nn.Parameter(torch.full((dimension,), initial + math.log(-math.expm1(-initial))))

    @property
    def scale(self) -> torch.Tensor:
        """Shape ``[n]``."""
        return nn.functional.softplus(self.raw)

    def entropy(self) -> torch.Tensor:
        """Of the Gaussian, in nats: the sum of log(scale sqrt(2 pi e))."""
        return (torch.log(self.scale) + 0.5 * math.log(2 * math.pi * math.e)).sum()

    def sample(self, examples: int | None = None) -> torch.Tensor:
        """A perturbation ``[n]``, or one for each of so many examples, ``[examples, n]``; by reparametrisation, so that
        the scale has a gradient."""
        shape = self.raw.shape if examples is None else (examples, *self.raw.shape)
        return torch.randn(shape, dtype=self.raw.dtype, device=self.raw.device) * self.scale
