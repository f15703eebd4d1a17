"""What the layers of one network know of its hyperparameters during a forward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..errors import ArgumentError


class Context:
    """Shared by all layers and regularisers of a network; set anew by each forward pass of
    :class:`libhpm.torch.SelfTuning`, and valid until the next one."""

    def __init__(self, batch_dim: int = 0):
        self.batch_dim = batch_dim
        self.coordinates: torch.Tensor | None = None
        """What the best responses get: ``[n]``, ``[batch, n]``, or None for none at all."""
        self.values: dict[str, torch.Tensor] = {}
        """Natural values: ``[]`` for all examples, ``[batch]`` for each; a block has one dimension more."""
        self.blocks: frozenset[str] = frozenset()
        """Names of which no regulariser can make one strength."""
        self.linearized = False
        """Whether layers put their response into a tangent, of forward-mode differentiation."""

    def __getstate__(self) -> dict[str, Any]:
        # What belongs to a forward pass, with its graph, is not copied with a network.
        return {"batch_dim": self.batch_dim, "blocks": self.blocks}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["batch_dim"])  # type: ignore[misc]
        self.blocks = state["blocks"]

    def value(self, strength: str | float, like: torch.Tensor) -> torch.Tensor:
        """A strength for tensor `like`: broadcast along its batch dimension where each example has its own."""
        value = torch.as_tensor(self.named(strength), dtype=like.dtype, device=like.device)
        return value if value.ndim == 0 else self.by_example(value, like)

    def by_example(self, value: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """``[batch, ...]`` viewed so that it broadcasts against `like`, whose last dimensions are those of `value`."""
        if like.ndim < self.batch_dim + value.ndim or like.shape[self.batch_dim] != value.shape[0]:
            raise ArgumentError(
                f"a tensor of shape {tuple(like.shape)} has not {value.shape[0]} examples in dimension {self.batch_dim}, as the "
                "network's input has; set batch_dim, or take per_example=False"
            )
        ones = like.ndim - self.batch_dim - value.ndim
        return value.reshape(*([1] * self.batch_dim), value.shape[0], *([1] * ones), *value.shape[1:])

    def mean(self, strength: str | float, like: torch.Tensor) -> torch.Tensor:
        """One number for all examples: the mean of theirs."""
        return torch.as_tensor(self.named(strength), dtype=like.dtype, device=like.device).mean()

    def named(self, strength: str | float) -> Any:
        """A number as it is; of a name the value, ``[]`` or ``[batch]``."""
        if not isinstance(strength, str):
            return strength
        if strength in self.blocks:
            raise ArgumentError(f"{strength!r} is a block of hyperparameters; allowed as a strength: a single one")
        if strength not in self.values:
            raise ArgumentError(
                f"no value of {strength!r} is known; set the hyperparameters of the SelfTuning network around this module first"
            )
        return self.values[strength]


class Strength(nn.Module):
    """A module whose strengths are hyperparameters by name, or fixed numbers."""

    context: Context | None = None

    def __init__(self, **strengths: str | float | None):
        super().__init__()
        for name, strength in strengths.items():
            number = isinstance(strength, (int, float)) and not isinstance(strength, bool)
            if strength is not None and not isinstance(strength, str) and not number:
                raise TypeError(f"{name} is {strength!r}; allowed: a hyperparameter's name, or a number")
        self.strengths = {name: strength for name, strength in strengths.items() if strength is not None}

    def strength(self, name: str, like: torch.Tensor) -> torch.Tensor:
        """Natural value, which broadcasts against `like`."""
        return (self.context or _NONE).value(self.strengths[name], like)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={strength!r}" for name, strength in self.strengths.items())


_NONE = Context()
