"""Hyperparameters as coordinates that a network can respond to."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .._coordinates import RANGE, CoordinateTable, same

__all__ = ["RANGE", "Coordinates"]


class Coordinates(CoordinateTable):
    """Those real hyperparameters of a space that a best response is learned for, and the map between their natural
    values and the coordinates

    .. math:: z = 10 \\left( u - \\tfrac12 \\right) \\in [-5, 5]

    u being the latent coordinate of :class:`libhpm.SearchSpace`: linear, logarithmic or logistic, by the scale of each.
    All methods can be differentiated, compiled and mapped.

    Args:
        space: The hyperparameters.
        names: Which of them, reals and blocks alone; None: all reals and blocks that hypergradients may move and
            that are no learning rate.

    Raises:
        ArgumentError: A name that the space lacks, or one of an integer or a choice.

    Example:
        >>> space = hpm.SearchSpace().add_real("dropout", 0.0, 0.8).add_real("l2", 1e-6, 1e-2, scale="log")
        >>> coordinates = hpm.jax.Coordinates(space)
        >>> z = coordinates.coordinates(coordinates.vector({"dropout": 0.4, "l2": 1e-2}))
        >>> [round(float(value), 4) for value in z]
        [0.0, 5.0]
        >>> round(float(coordinates.split(coordinates.natural(z))["dropout"]), 6)
        0.4
    """

    _to_raw = {"linear": same, "log": jnp.log, "logit": jax.scipy.special.logit}
    _from_raw = {"linear": same, "log": jnp.exp, "logit": jax.nn.sigmoid}

    def _constants(self, like: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.asarray(self._low, like.dtype), jnp.asarray(self._width, like.dtype)

    def _stack(self, columns: list[jax.Array]) -> jax.Array:
        return jnp.stack(columns, -1)

    def _flat(self, value: Any) -> jax.Array:
        return jnp.asarray(value, float).reshape(-1)

    def _join(self, parts: list[jax.Array]) -> jax.Array:
        return jnp.concatenate(parts or [jnp.zeros(0)])
