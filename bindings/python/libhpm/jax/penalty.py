"""Penalties whose strengths are hyperparameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ..errors import ArgumentError
from .best_response import SCALE, is_response, squared_norm, strength_of


def weight_decay(params: Any, strength: Any, z: jax.Array | None = None, embeddings: Iterable[str] = ()) -> jax.Array:
    """The strength times the squared norm of the weights, biases left out: the penalty of a loss. Of layers with a best
    response it is that of the response, which each example has by itself; the penalty is the mean of theirs.

    Args:
        params: A pytree; its weights are all arrays of two dimensions or more that are no responses.
        strength: A number, or ``[batch]``.
        z: Coordinates, ``[n]`` or ``[batch, n]``; None: the norm of elementary parameters.
        embeddings: Names of layers that are :func:`libhpm.jax.embedding`, as in :func:`libhpm.jax.convert`.

    Returns:
        A number.

    Raises:
        ArgumentError: A response is not of the layer's shape: the sentence names it.

    Example:
        >>> params = {"first": {"weight": jnp.ones((4, 3)), "bias": jnp.ones(4)}}
        >>> float(hpm.jax.weight_decay(params, 0.5))
        6.0
    """
    total = _norm(params, z, list(embeddings), "")
    return (jnp.asarray(strength) * total).mean()


def _norm(tree: Any, z: jax.Array | None, embeddings: list[str], path: str) -> Any:
    if isinstance(tree, Mapping):
        total: Any = 0.0
        for name, part in tree.items():
            whole = f"{path}.{name}" if path else str(name)
            if is_response(name):
                continue
            if z is None or f"{SCALE}{name}" not in tree or jnp.ndim(part) < 2 or not tree[f"{SCALE}{name}"].shape[-1]:
                total = total + _norm(part, z, embeddings, whole)
                continue
            axis = 1 if path in embeddings else 0
            rows = tree[f"{SCALE}{name}"].shape[0]
            if part.shape[axis] != rows:
                raise ArgumentError(
                    f"{whole!r} has shape {part.shape} and a response of {rows} rows; allowed: {part.shape[axis]}. Of an "
                    f"embedding: embeddings=[{path!r}]"
                )
            total = total + squared_norm(tree, name, z, axis)
        return total
    if isinstance(tree, (list, tuple)):
        return sum((_norm(part, z, embeddings, f"{path}.{i}" if path else str(i)) for i, part in enumerate(tree)), 0.0)
    return sum(((leaf**2).sum() for leaf in jax.tree_util.tree_leaves(tree) if jnp.ndim(leaf) >= 2), 0.0)


def activation_penalty(x: jax.Array, strength: Any, temporal_dim: int | None = None, batch_dim: int = 0) -> jax.Array:
    """The strength times the mean square of activations (alpha of AWD-LSTM), or of their changes from step to step (beta).

    Args:
        x: Of any shape.
        strength: A number, or ``[batch]``.
        temporal_dim: The dimension of time, for the changes along it; None: the activations themselves.
        batch_dim: The dimension of examples in `x`, for ``[batch]``.

    Returns:
        A number.

    Raises:
        ArgumentError: `strength` has another number of examples.

    Source: Merity, McCann and Socher, 'Revisiting Activation Regularization for Language RNNs', 2017.

    Example:
        >>> float(hpm.jax.activation_penalty(jnp.array([1.0, 3.0]), 0.5))
        2.5
        >>> float(hpm.jax.activation_penalty(jnp.array([1.0, 3.0]), 0.5, temporal_dim=0))
        2.0
    """
    if temporal_dim is not None:
        x = jnp.diff(x, axis=temporal_dim)
    return (strength_of(strength, x, batch_dim, "activation_penalty") * x**2).mean()
