"""The structured best response that all layers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ..errors import ArgumentError

Params = Mapping[str, jax.Array]
"""Of one layer, by the names that torch gives them."""

RESPONSE, SCALE = "response_", "scale_"
"""What the names of a response's parameters begin with."""


def coordinates_of(params: Params, name: str, z: jax.Array | None, what: str) -> jax.Array | None:
    """The coordinates, or None where there is nothing to respond to.

    Raises:
        ArgumentError: They have another shape than the response of `name`.
    """
    if name not in params:
        raise ArgumentError(f"the parameters of {what} have no {name!r}; they have: {', '.join(map(str, params)) or 'none'}")
    if z is None or SCALE + name not in params:
        return None
    n = params[SCALE + name].shape[-1]
    z = jnp.asarray(z)
    if z.ndim not in (1, 2) or z.shape[-1] != n:
        raise ArgumentError(f"coordinates of {what} have shape {z.shape}; allowed: ({n},) or (batch, {n})")
    return z if n else None


def scale_of(params: Params, name: str, z: jax.Array) -> jax.Array:
    """``V z``, ``[rows]`` or ``[batch, rows]``."""
    return z @ params[SCALE + name].T


def best_response(params: Params, name: str, z: jax.Array, axis: int = 0) -> jax.Array:
    """A parameter at coordinates z:

    .. math:: \\hat W(z) = W + \\operatorname{diag}(V z) \\, R, \\qquad \\hat b(z) = b + (C z) \\odot r

    Args:
        params: Of one layer.
        name: Of the parameter, such as ``"weight"``; its response R and V are ``response_weight``, of the same shape,
            and ``scale_weight``, of shape ``[rows, n]``.
        z: ``[n]``.
        axis: The dimension of rows: 0, or 1 of an embedding.

    Returns:
        An array of the parameter's shape.

    Source: MacKay et al., 'Self-Tuning Networks', ICLR 2019, equations 8 and 9.

    Example:
        >>> layer = {"weight": jnp.ones((2, 3)), "response_weight": jnp.ones((2, 3)), "scale_weight": jnp.eye(2)}
        >>> hpm.jax.best_response(layer, "weight", jnp.array([1.0, 4.0]))[:, 0].tolist()
        [2.0, 5.0]
    """
    weight = params[name]
    shape = [1] * weight.ndim
    shape[axis] = weight.shape[axis]
    return weight + scale_of(params, name, z).reshape(shape) * params[RESPONSE + name]


def squared_norm(params: Params, name: str, z: jax.Array | None, axis: int = 0) -> jax.Array:
    """|W(z)|^2, ``[]``, or ``[batch]`` where z is ``[batch, n]``, without a weight for each example."""
    weight = jnp.moveaxis(params[name], axis, 0).reshape(params[name].shape[axis], -1)
    if z is None:
        return (weight**2).sum()
    response = jnp.moveaxis(params[RESPONSE + name], axis, 0).reshape(weight.shape)
    scale = scale_of(params, name, z)
    rows = (weight**2).sum(1) + 2 * scale * (weight * response).sum(1) + scale**2 * (response**2).sum(1)
    return rows.sum(-1)


def by_example(value: jax.Array, like: jax.Array, batch_dim: int, what: str) -> jax.Array:
    """``[batch, ...]`` viewed so that it broadcasts against `like`, whose last dimensions are those of `value`."""
    ones = like.ndim - batch_dim - value.ndim
    if ones < 0 or like.shape[batch_dim] != value.shape[0]:
        raise ArgumentError(
            f"{what} got an array of shape {like.shape}, which has not {value.shape[0]} examples in dimension {batch_dim}, as "
            "the hyperparameters have; set batch_dim"
        )
    return value.reshape(*([1] * batch_dim), value.shape[0], *([1] * ones), *value.shape[1:])


def strength_of(value: Any, like: jax.Array, batch_dim: int, what: str) -> jax.Array:
    """A strength, a number or ``[batch]``, which broadcasts against `like`."""
    value = jnp.asarray(value, like.dtype)
    if value.ndim == 0:
        return value
    if value.ndim > 1:
        raise ArgumentError(f"the strength of {what} has shape {value.shape}; allowed: a number, or one for each example")
    return by_example(value, like, batch_dim, what)


def is_response(name: Any) -> bool:
    """Whether a parameter's name is one of a response."""
    return isinstance(name, str) and name.startswith((RESPONSE, SCALE))
