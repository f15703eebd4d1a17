"""A fully connected layer with a best response."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from .best_response import BestResponse


class HyperLinear(BestResponse, nn.Linear):
    """`torch.nn.Linear` whose weights respond to hyperparameters: :class:`BestResponse`, a row being an output.

    Args:
        in_features, out_features, bias, device, dtype: As in `torch.nn.Linear`.
        hyperparameters: n, the number of coordinates.

    Shape:
        Input ``[..., in_features]`` to ``[..., out_features]``.

    Example:
        >>> layer = hpm.torch.HyperLinear(3, 2, hyperparameters=4)
        >>> x = torch.randn(5, 3)
        >>> bool((layer(x, torch.zeros(5, 4)) == torch.nn.functional.linear(x, layer.weight, layer.bias)).all())
        True
        >>> sorted(layer.state_dict())
        ['bias', 'response_bias', 'response_weight', 'scale_bias', 'scale_weight', 'weight']
    """

    def __init__(self, in_features: int, out_features: int, hyperparameters: int, bias: bool = True, **kind: Any):
        nn.Linear.__init__(self, in_features, out_features, bias, **kind)
        drawn = nn.Linear(in_features, out_features, bias, **kind)
        names = ("weight", "bias") if bias else ("weight",)
        self._make_response(hyperparameters, drawn, names, dict.fromkeys(names, out_features))

    def forward(self, x: torch.Tensor, z: torch.Tensor | None = None) -> torch.Tensor:
        """
        Args:
            x: ``[..., in_features]``.
            z: Coordinates, ``[n]`` for all examples or ``[batch, n]``; None: those of the network's forward pass, or no
                response where the layer stands by itself.
        """
        return self._affine(x, self._coordinates(z), functional.linear, self._by_example)
