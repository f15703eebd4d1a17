"""The structured best response that all layers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

import torch
from torch import nn
from torch.autograd import forward_ad

from ..errors import ArgumentError
from .context import Context

Affine = Callable[[torch.Tensor, torch.Tensor, Optional[torch.Tensor]], torch.Tensor]
Spread = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

RESPONSE, SCALE = "response_", "scale_"
"""What the names of a response's parameters begin with."""


class BestResponse(nn.Module):
    """Beside a layer: how its weights W and biases b respond to n hyperparameters with coordinates z,

    .. math:: \\hat W(z) = W + \\operatorname{diag}(V z) \\, R, \\qquad \\hat b(z) = b + (C z) \\odot r

    `W` and `b` are the elementary parameters, with the names that torch gives them; R (``response_weight``) and
    r (``response_bias``) have their shapes; V (``scale_weight``) and C (``scale_bias``) have shape ``[rows, n]``. A
    row is an output, a channel, a gate of an LSTM. At first V and C are 0, so that the layer does what the ordinary
    one does; R and r are drawn as torch draws the layer's own.

    Source: MacKay et al., 'Self-Tuning Networks', ICLR 2019, equations 8 and 9.
    """

    context: Context | None
    hyperparameters: int

    def _make_response(self, hyperparameters: int, drawn: nn.Module, names: tuple[str, ...], rows: dict[str, int]) -> None:
        """Adds a response of the parameters `names`, drawn from those of a layer of the same kind."""
        if isinstance(hyperparameters, bool) or not isinstance(hyperparameters, int) or hyperparameters < 0:
            raise ArgumentError(f"hyperparameters is {hyperparameters!r}; allowed: their number, 0 or more")
        self.hyperparameters = hyperparameters
        self.context = None
        for name in names if hyperparameters else ():
            like = getattr(drawn, name)
            self.register_parameter(RESPONSE + name, nn.Parameter(like.detach().clone()))
            self.register_parameter(SCALE + name, nn.Parameter(like.new_zeros(rows[name], hyperparameters)))

    def _coordinates(self, z: torch.Tensor | None) -> torch.Tensor | None:
        """Those given, or those of the network; None where there is no response."""
        if z is None and self.context is not None:
            z = self.context.coordinates
        if z is None or self.hyperparameters == 0:
            return None
        if z.ndim not in (1, 2) or z.shape[-1] != self.hyperparameters:
            raise ArgumentError(
                f"coordinates have shape {tuple(z.shape)}; allowed: [{self.hyperparameters}] or [batch, {self.hyperparameters}]"
            )
        return z

    def _scale(self, name: str, z: torch.Tensor) -> torch.Tensor:
        """``[rows]`` or ``[batch, rows]``."""
        return nn.functional.linear(z, getattr(self, SCALE + name))

    def best_response(self, name: str, z: torch.Tensor) -> torch.Tensor:
        """The parameter `name` at coordinates ``[n]``, such as ``best_response("weight", z)``."""
        parameter = getattr(self, name)
        scale = self._scale(name, z)
        return parameter + scale.reshape(scale.shape + (1,) * (parameter.ndim - 1)) * getattr(self, RESPONSE + name)

    def _affine(self, x: torch.Tensor, z: torch.Tensor | None, apply: Affine, spread: Spread) -> torch.Tensor:
        """A layer of one weight and, if it has one, a bias.

        Args:
            z: As :meth:`_coordinates` gives them.
            apply: ``apply(x, weight, bias)``, the ordinary layer.
            spread: ``spread(rows, output)``: a number for each row, ``[rows]`` or ``[batch, rows]``, against an output.
        """

        def response(x: torch.Tensor) -> torch.Tensor:
            response = apply(x, self.response_weight, None)
            scale = spread(self._scale("weight", z), response)
            if self.bias is None:
                return scale * response
            return torch.addcmul(spread(self._scale("bias", z) * self.response_bias, response), scale, response)

        if z is None:
            return apply(x, self.weight, self.bias)
        if self._linearized:
            return with_tangent(apply(x, self.weight, self.bias), response(primal(x)))
        if z.ndim == 1:
            bias = None if self.bias is None else self.best_response("bias", z)
            return apply(x, self.best_response("weight", z), bias)
        return apply(x, self.weight, self.bias) + response(x)

    def squared_norm(self, name: str, z: torch.Tensor | None) -> torch.Tensor:
        """|W(z)|^2, ``[]``, or ``[batch]`` where z is ``[batch, n]``, without a weight for each example."""
        parameter = getattr(self, name).flatten(1)
        if z is None:
            return (parameter**2).sum()
        response, scale = getattr(self, RESPONSE + name).flatten(1), self._scale(name, z)
        rows = (parameter**2).sum(1) + 2 * scale * (parameter * response).sum(1) + scale**2 * (response**2).sum(1)
        return rows.sum(-1)

    @property
    def _linearized(self) -> bool:
        return self.context is not None and self.context.linearized

    def _by_example(self, scale: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """``[batch, rows]`` against an output whose last dimension is `rows`."""
        return scale if scale.ndim == 1 else (self.context or Context()).by_example(scale, like)

    def elementary_parameters(self) -> list[nn.Parameter]:
        """Those that the ordinary layer has, in its order."""
        return [p for name, p in self.named_parameters(recurse=False) if not name.startswith((RESPONSE, SCALE))]

    def response_parameters(self) -> list[nn.Parameter]:
        """R, r, V and C."""
        return [p for name, p in self.named_parameters(recurse=False) if name.startswith((RESPONSE, SCALE))]


def primal(tensor: torch.Tensor) -> torch.Tensor:
    """Without its tangent."""
    return forward_ad.unpack_dual(tensor).primal


def with_tangent(output: torch.Tensor, tangent: torch.Tensor) -> torch.Tensor:
    """`output`, whose own tangent is kept, and a response that is one more."""
    return output + forward_ad.make_dual(torch.zeros_like(tangent), tangent)


