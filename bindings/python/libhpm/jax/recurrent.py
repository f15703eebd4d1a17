"""An LSTM with a best response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..errors import ArgumentError
from .best_response import RESPONSE, Params, best_response, coordinates_of, scale_of
from .layers import drawn, uniform

State = tuple[jax.Array, jax.Array]


def lstm(params: Params, x: jax.Array, state: State | None = None, z: jax.Array | None = None) -> tuple[jax.Array, State]:
    """An LSTM of one or more layers, whose matrices respond to hyperparameters as in :func:`libhpm.jax.linear`, a row being
    a gate of a unit:

    .. math::
        (i, f, g, o) = W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}, \\quad
        c_t = \\sigma(f) c_{t-1} + \\sigma(i) \\tanh(g), \\quad h_t = \\sigma(o) \\tanh(c_t)

    Args:
        params: For each layer k ``weight_ih_lk`` ``[4 H, in]``, ``weight_hh_lk`` ``[4 H, H]`` and, if wanted, ``bias_ih_lk``
            and ``bias_hh_lk`` ``[4 H]``, with their responses: as in torch, in its order of gates.
        x: ``[time, batch, in]``.
        state: (h, c), each ``[layers, batch, H]``; None: zeros.
        z: Coordinates, ``[n]`` for all examples or ``[batch, n]``; None: no response.

    Returns:
        The last layer's h at each time, ``[time, batch, H]``, and the last state of all layers.

    Raises:
        ArgumentError: The input has not three dimensions, or `z` has another shape.

    For dropout of connections give ``drop_connect(key, params, p)``; for dropout between layers take a dict for each layer.

    Source: Hochreiter and Schmidhuber, Neural Computation 9, 1997; of the response: MacKay et al., ICLR 2019.

    Example:
        >>> layer = hpm.jax.init_lstm(jax.random.key(0), 3, 5, hyperparameters=2, num_layers=2)
        >>> output, (h, c) = hpm.jax.lstm(layer, jnp.ones((7, 4, 3)), z=jnp.zeros(2))
        >>> output.shape, h.shape, bool((output[-1] == h[-1]).all())
        ((7, 4, 5), (2, 4, 5), True)
    """
    if x.ndim != 3:
        raise ArgumentError(f"the input of lstm has shape {x.shape}; allowed: [time, batch, features]")
    z = coordinates_of(params, "weight_ih_l0", z, "lstm")
    if z is not None and z.ndim == 2 and z.shape[0] != x.shape[1]:
        raise ArgumentError(f"coordinates of lstm are of {z.shape[0]} examples; allowed: {x.shape[1]}, as in the input")
    layers = sum(name.startswith("weight_hh_l") for name in params)
    if state is None:
        zeros = jnp.zeros((layers, x.shape[1], params["weight_hh_l0"].shape[1]), x.dtype)
        state = zeros, zeros
    ends = []
    for layer in range(layers):
        recurrent = _map(params, f"hh_l{layer}", z)

        def step(before: State, gates: jax.Array, recurrent: Any = recurrent) -> tuple[State, jax.Array]:
            h, c = before
            enter, keep, cell, leave = jnp.split(recurrent(h) + gates, 4, -1)
            c = jax.nn.sigmoid(keep) * c + jax.nn.sigmoid(enter) * jnp.tanh(cell)
            h = jax.nn.sigmoid(leave) * jnp.tanh(c)
            return (h, c), h

        end, x = jax.lax.scan(step, (state[0][layer], state[1][layer]), _map(params, f"ih_l{layer}", z)(x))
        ends.append(end)
    return x, (jnp.stack([h for h, _ in ends]), jnp.stack([c for _, c in ends]))


def _map(params: Params, name: str, z: jax.Array | None) -> Callable[[jax.Array], jax.Array]:
    """The affine map of one matrix and its bias, with its response; what does not change with time is made once."""
    weight, bias = f"weight_{name}", f"bias_{name}"
    if z is not None and z.ndim == 1:
        params = {part: best_response(params, part, z) for part in (weight, bias) if part in params}
        z = None
    shift = params.get(bias, 0.0)
    if z is None:
        return lambda x: x @ params[weight].T + shift
    scale, response = scale_of(params, weight, z), params[RESPONSE + weight]
    change = scale_of(params, bias, z) * params[RESPONSE + bias] if bias in params else 0.0
    return lambda x: x @ params[weight].T + shift + (scale * (x @ response.T) + change)


def init_lstm(
    key: jax.Array,
    input_size: int,
    hidden_size: int,
    hyperparameters: int,
    num_layers: int = 1,
    bias: bool = True,
    dtype: Any = None,
) -> dict[str, jax.Array]:
    """Parameters of :func:`lstm`: matrices, biases and their R, r from U[-1 / sqrt(H), 1 / sqrt(H)], as torch draws them,
    V and C 0.

    Args:
        key, hyperparameters, dtype: As in :func:`libhpm.jax.init_linear`.
        input_size, hidden_size, num_layers: in, H and the number of layers.
        bias: Whether it has biases.

    Raises:
        ArgumentError: `hyperparameters` is no number, or below 0.

    Example:
        >>> hpm.jax.init_lstm(jax.random.key(0), 3, 5, hyperparameters=2)["weight_ih_l0"].shape
        (20, 3)
    """
    rows = 4 * hidden_size
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(num_layers):
        shapes[f"weight_ih_l{layer}"] = rows, hidden_size if layer else input_size
        shapes[f"weight_hh_l{layer}"] = rows, hidden_size
        if bias:
            shapes |= {f"bias_{part}_l{layer}": (rows,) for part in ("ih", "hh")}
    return drawn(key, shapes, dict.fromkeys(shapes, rows), hyperparameters, uniform(hidden_size), dtype)
