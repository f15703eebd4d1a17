"""Penalties whose strengths are hyperparameters."""

from __future__ import annotations

import torch
from torch import nn

from .best_response import BestResponse
from .context import Context, Strength


class WeightDecay(Strength):
    """The strength times the squared norm of the weights, biases left out: the penalty of a loss. Of layers with a best
    response it is that of the response, which each example has by itself; the penalty is the mean of theirs.

    Args:
        strength: The name of the hyperparameter, or a number.

    Example:
        >>> space = hpm.SearchSpace().add_real("l2", 1e-6, 1.0, scale="log", initial=0.5)
        >>> network = torch.nn.Sequential(torch.nn.Linear(2, 1))
        >>> model = hpm.torch.SelfTuning(network, space).eval()
        >>> decay = model.bind(hpm.torch.WeightDecay("l2"))
        >>> _ = model(torch.randn(4, 2))
        >>> bool(torch.isclose(decay(model), 0.5 * (network[0].weight**2).sum()))
        True
    """

    def __init__(self, strength: str | float):
        super().__init__(strength=strength)

    def forward(self, network: nn.Module) -> torch.Tensor:
        """
        Args:
            network: A module; its weights are all parameters of two dimensions or more.
        """
        total: torch.Tensor | None = None
        seen: set[int] = set()
        z = None if self.context is None else self.context.coordinates
        for layer in network.modules():
            hyper = isinstance(layer, BestResponse)
            names = {id(part) for part in layer.elementary_parameters()} if hyper else None
            for name, parameter in layer.named_parameters(recurse=False):
                if parameter.ndim < 2 or id(parameter) in seen or names is not None and id(parameter) not in names:
                    continue
                seen.add(id(parameter))
                norm = layer.squared_norm(name, z if layer.hyperparameters else None) if hyper else (parameter**2).sum()
                total = norm if total is None else total + norm
        if total is None:
            return torch.zeros(())
        strength = (self.context or Context()).named(self.strengths["strength"])
        return (torch.as_tensor(strength, dtype=total.dtype, device=total.device) * total).mean()


class ActivationPenalty(Strength):
    """The strength times the mean square of activations (alpha of AWD-LSTM), or of their changes from step to step (beta).

    Source: Merity, McCann and Socher, 'Revisiting Activation Regularization for Language RNNs', 2017.

    Args:
        strength: The name of the hyperparameter, or a number.
        temporal_dim: The dimension of time, for the changes along it; None: the activations themselves.
    """

    def __init__(self, strength: str | float, temporal_dim: int | None = None):
        super().__init__(strength=strength)
        self.temporal_dim = temporal_dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` of any shape; a number."""
        if self.temporal_dim is not None:
            x = x.diff(dim=self.temporal_dim)
        return (self.strength("strength", x) * x**2).mean()
