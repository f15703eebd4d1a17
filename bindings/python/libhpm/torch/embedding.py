"""An embedding with a best response."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ..errors import ArgumentError
from .best_response import BestResponse, with_tangent
from .context import Context


class HyperEmbedding(BestResponse, nn.Embedding):
    """`torch.nn.Embedding` whose vectors respond to hyperparameters: each component of the vectors is scaled for all words
    alike, so that a row of :class:`BestResponse` is a component.

    Args:
        num_embeddings, embedding_dim, padding_idx, device, dtype: As in `torch.nn.Embedding`; its other arguments
            are not taken.
        hyperparameters: n, the number of coordinates.

    Shape:
        Whole numbers ``[...]`` to ``[..., embedding_dim]``.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, hyperparameters: int, padding_idx: int | None = None, **kind: Any
    ):
        unknown = set(kind) - {"device", "dtype"}
        if unknown:
            raise ArgumentError(f"HyperEmbedding does not take {', '.join(sorted(unknown))}")
        nn.Embedding.__init__(self, num_embeddings, embedding_dim, padding_idx, **kind)
        drawn = nn.Embedding(num_embeddings, embedding_dim, padding_idx, **kind)
        self._make_response(hyperparameters, drawn, ("weight",), {"weight": embedding_dim})

    def best_response(self, name: str, z: torch.Tensor) -> torch.Tensor:
        """The vectors at coordinates ``[n]``."""
        return torch.addcmul(self.weight, self._scale(name, z), self.response_weight)

    def squared_norm(self, name: str, z: torch.Tensor | None) -> torch.Tensor:
        """|W(z)|^2, as in :class:`BestResponse`."""
        if z is None:
            return (self.weight**2).sum()
        scale = self._scale(name, z)
        parts = (self.weight**2).sum(0), 2 * (self.weight * self.response_weight).sum(0), (self.response_weight**2).sum(0)
        return (parts[0] + scale * parts[1] + scale**2 * parts[2]).sum(-1)

    def forward(self, x: torch.Tensor, z: torch.Tensor | None = None) -> torch.Tensor:
        """
        Args:
            x: Whole numbers ``[...]``.
            z: Coordinates, as in :class:`HyperLinear`.
        """
        z = self._coordinates(z)
        output = functional.embedding(x, self.weight, self.padding_idx)
        if z is None:
            return output
        scale = self._scale("weight", z)
        if scale.ndim == 2:
            scale = (self.context or Context()).by_example(scale, output)
        response = scale * functional.embedding(x, self.response_weight, self.padding_idx)
        return with_tangent(output, response) if self._linearized else output + response
