"""Dropout and noise whose strengths are hyperparameters."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from ..errors import ArgumentError
from .context import Strength

_MOST = 0.99
"""Of values dropped: what is kept is divided by 1 - p."""


class Dropout(Strength):
    """In training each value is 0 with probability p and else divided by 1 - p.

    The mask is drawn; the factor 1 / (1 - p) can be differentiated. A self-tuning network needs neither: its hypergradient
    goes through the best response of its weights.

    Args:
        p: The name of the hyperparameter, or a number; more than .99 counts as .99.
        shared: Dimensions along which all values have the same mask: ``(2, 3)`` drops whole channels of images, and the
            dimension of time makes it variational dropout.

    Source: Srivastava et al., JMLR 15, 2014.

    Example:
        >>> layer = hpm.torch.Dropout(0.5, shared=[0])
        >>> output = layer(torch.ones(3, 100))
        >>> bool((output == output[0]).all()), sorted(set(output.flatten().tolist()))
        (True, [0.0, 2.0])
        >>> layer.eval()(torch.ones(2)).tolist()
        [1.0, 1.0]
    """

    def __init__(self, p: str | float, shared: Iterable[int] = ()):
        super().__init__(p=p)
        self.shared = tuple(shared)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` of any shape."""
        if not self.training:
            return x
        shape = list(x.shape)
        for dim in self.shared:
            if not -x.ndim <= dim < x.ndim:
                raise ArgumentError(f"shared has dimension {dim}; the input has {x.ndim}")
            shape[dim] = 1
        p = self.strength("p", x).clamp(0, _MOST)
        return x * ((torch.rand(shape, dtype=x.dtype, device=x.device) >= p) / (1 - p))


def variational_dropout(p: str | float, time_dim: int = 0) -> Dropout:
    """Dropout with one mask for all steps of a sequence.

    Source: Gal and Ghahramani, 'A Theoretically Grounded Application of Dropout in Recurrent Neural Networks', NeurIPS 2016.
    """
    return Dropout(p, shared=(time_dim,))


class EmbeddingDropout(Strength):
    """In training drops words, all occurrences of a word in a batch by the same draw: where examples have their own
    strengths, a word that is dropped at one is dropped at all that are stronger.

    Source: Gal and Ghahramani, NeurIPS 2016; Merity, Keskar and Socher, ICLR 2018, section 4.3.

    Args:
        p: The name of the hyperparameter, or a number; more than .99 counts as .99.
        words: The number of words.
    """

    def __init__(self, p: str | float, words: int):
        super().__init__(p=p)
        self.words = words

    def forward(self, embedded: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """
        Args:
            embedded: ``[..., dimension]``.
            words: Whole numbers ``[...]``, of what `embedded` was made.
        """
        if not self.training:
            return embedded
        p = self.strength("p", embedded).clamp(0, _MOST)
        drawn = torch.rand(self.words, dtype=embedded.dtype, device=embedded.device)[words].unsqueeze(-1)
        return embedded * ((drawn >= p) / (1 - p))


class GaussianNoise(Strength):
    """In training adds N(0, deviation^2) to each value, by reparametrisation: the strength has a derivative.

    Args:
        deviation: The name of the hyperparameter, or a number.
    """

    def __init__(self, deviation: str | float):
        super().__init__(deviation=deviation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` of any shape."""
        return x + self.strength("deviation", x) * torch.randn_like(x) if self.training else x
