"""An LSTM with a best response."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ..errors import ArgumentError
from .best_response import BestResponse, primal, with_tangent

State = tuple[torch.Tensor, torch.Tensor]


class HyperLSTM(BestResponse, nn.LSTM):
    """`torch.nn.LSTM` whose matrices respond to hyperparameters: :class:`BestResponse`, a row being a gate of a unit. With a
    dropout of connections (DropConnect) between a state and the next, if wanted.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, device, dtype: As in `torch.nn.LSTM`; one
            direction, no projection.
        hyperparameters: n, the number of coordinates.
        drop_connect: The name of the hyperparameter, or the number, with which hidden-to-hidden weights are dropped
            in training, one mask a forward pass; where examples have their own strengths, with the mean. None: none.

    Shape:
        ``[time, batch, input_size]`` (or ``[batch, time, input_size]`` with `batch_first`) and a state, as in
        `torch.nn.LSTM`.

    With coordinates ``[n]`` torch's own LSTM runs on the weights' best response; with ``[batch, n]`` a loop over time
    does, several times slower on small networks.

    Source of DropConnect: Wan, Zeiler, Zhang, LeCun and Fergus, ICML 2013; on recurrent weights: Merity, Keskar and Socher,
    'Regularizing and Optimizing LSTM Language Models', ICLR 2018, section 2.
    """

    strengths: dict[str, str | float]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        hyperparameters: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        drop_connect: str | float | None = None,
        **kind: Any,
    ):
        unknown = set(kind) - {"device", "dtype"}
        if unknown:
            raise ArgumentError(f"HyperLSTM does not take {', '.join(sorted(unknown))}")
        arguments = (input_size, hidden_size, num_layers, bias, batch_first, dropout)
        nn.LSTM.__init__(self, *arguments, **kind)
        drawn = nn.LSTM(*arguments, **kind)
        names = tuple(self._flat_weights_names)
        self._make_response(hyperparameters, drawn, names, dict.fromkeys(names, 4 * hidden_size))
        self.strengths = {} if drop_connect is None else {"drop_connect": drop_connect}

    def forward(  # type: ignore[override]
        self, x: torch.Tensor, state: State | None = None, z: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, State]:
        """
        Args:
            x: The input, of three dimensions.
            state: (h, c), each ``[num_layers, batch, hidden_size]``; None: zeros.
            z: Coordinates, as in :class:`HyperLinear`.
        """
        if not isinstance(x, torch.Tensor) or x.ndim != 3:
            raise ArgumentError("the input of HyperLSTM is no tensor of three dimensions")
        z = self._coordinates(z)
        batch = x.shape[0 if self.batch_first else 1]
        if state is None:
            zeros = x.new_zeros(self.num_layers, batch, self.hidden_size)
            state = zeros, zeros
        if z is not None and (z.ndim == 2 or self._linearized):
            if z.ndim == 2 and z.shape[0] != batch:
                raise ArgumentError(f"coordinates are of {z.shape[0]} examples; allowed: {batch}, as in the input")
            return self._loop(x, state, z)
        names = self._flat_weights_names
        weights = [getattr(self, name) if z is None else self.best_response(name, z) for name in names]
        weights = [self._dropped(weight) if "weight_hh" in name else weight for name, weight in zip(names, weights)]
        # cuDNN has a backward pass in its training mode alone, and hypergradients are taken in evaluation.
        dropout, training = (self.dropout, True) if self.training else (0.0, torch.is_grad_enabled())
        output, h, c = torch._VF.lstm(x, state, weights, self.bias, self.num_layers, dropout, training, False, self.batch_first)
        return output, (h, c)

    def _dropped(self, weight: torch.Tensor) -> torch.Tensor:
        if not (self.training and self.strengths):
            return weight
        strength = self.strengths["drop_connect"]
        if isinstance(strength, str) and self.context is None:
            raise ArgumentError(f"no value of {strength!r} is known: HyperLSTM is in no SelfTuning network")
        p = torch.as_tensor(strength) if self.context is None else self.context.mean(strength, weight)
        kept = 1 - p.detach().to(weight).clamp(0, 0.99)
        return weight * (torch.rand_like(weight) < kept) / kept

    def _loop(self, x: torch.Tensor, state: State, z: torch.Tensor) -> tuple[torch.Tensor, State]:
        if self.batch_first:
            x = x.transpose(0, 1)
        ends: list[State] = []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = functional.dropout(x, self.dropout)
            x, end = self._layer(layer, x, (state[0][layer], state[1][layer]), z)
            ends.append(end)
        h, c = (torch.stack(parts) for parts in zip(*ends))
        return (x.transpose(0, 1) if self.batch_first else x), (h, c)

    def _layer(self, layer: int, x: torch.Tensor, state: State, z: torch.Tensor) -> tuple[torch.Tensor, State]:
        h, c = state
        recurrent = self._map(f"hh_l{layer}", z, dropped=True)
        outputs = []
        for gates in self._map(f"ih_l{layer}", z)(x).unbind(0):
            enter, keep, cell, leave = (recurrent(h) + gates).chunk(4, 1)
            c = torch.sigmoid(keep) * c + torch.sigmoid(enter) * torch.tanh(cell)
            h = torch.sigmoid(leave) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)

    def _map(self, name: str, z: torch.Tensor, dropped: bool = False) -> Any:
        """The affine map of one matrix and its bias, with its response."""
        weight, response = getattr(self, f"weight_{name}"), getattr(self, f"response_weight_{name}")
        if dropped and self.training and self.strengths:
            mask = self._dropped(torch.ones_like(weight))
            weight, response = weight * mask, response * mask
        bias = getattr(self, f"bias_{name}") if self.bias else None
        scale = self._scale(f"weight_{name}", z)
        shift = self._scale(f"bias_{name}", z) * getattr(self, f"response_bias_{name}") if self.bias else None

        def affine(x: torch.Tensor) -> torch.Tensor:
            inside = primal(x) if self._linearized else x
            change = scale * functional.linear(inside, response)
            if shift is not None:
                change = change + shift
            output = functional.linear(x, weight, bias)
            return with_tangent(output, change) if self._linearized else output + change

        return affine
