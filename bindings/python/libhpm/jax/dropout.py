"""Dropout and noise whose strengths are hyperparameters. All are for training: leave them out of an evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp

from ..errors import ArgumentError
from .best_response import Params, strength_of

_MOST = 0.99
"""Of values dropped: what is kept is divided by 1 - p."""


def dropout(key: jax.Array, x: jax.Array, p: Any, shared: Iterable[int] = (), batch_dim: int = 0) -> jax.Array:
    """Makes each value 0 with probability p and else divides it by 1 - p.

    The mask is drawn; the factor 1 / (1 - p) can be differentiated. A self-tuning network needs neither: its hypergradient
    goes through the best response of its weights.

    Args:
        key: Random.
        x: Of any shape.
        p: A number, or ``[batch]`` with one for each example; more than .99 counts as .99.
        shared: Dimensions along which all values have the same mask: ``(2, 3)`` drops whole channels of images, and the
            dimension of time makes it variational dropout (Gal and Ghahramani, NeurIPS 2016).
        batch_dim: The dimension of examples in `x`, for ``[batch]``.

    Returns:
        An array like `x`.

    Raises:
        ArgumentError: `shared` has a dimension that `x` lacks, or `p` another number of examples.

    Source: Srivastava et al., JMLR 15, 2014.

    Example:
        >>> output = hpm.jax.dropout(jax.random.key(0), jnp.ones((3, 100)), 0.5, shared=[0])
        >>> bool((output == output[0]).all()), sorted(set(output.ravel().tolist()))
        (True, [0.0, 2.0])
    """
    shape = list(x.shape)
    for dim in shared:
        if not -x.ndim <= dim < x.ndim:
            raise ArgumentError(f"shared has dimension {dim}; the input has {x.ndim}")
        shape[dim] = 1
    p = strength_of(p, x, batch_dim, "dropout").clip(0, _MOST)
    # A mask along the dimension of examples is shared even where each has its own p.
    return x * ((jax.random.uniform(key, shape, x.dtype) >= p) / (1 - p))


def embedding_dropout(
    key: jax.Array, embedded: jax.Array, tokens: jax.Array, p: Any, words: int, batch_dim: int = 0
) -> jax.Array:
    """Drops words: all occurrences of a word alike.

    Args:
        key: Random.
        embedded: ``[..., dimension]``.
        tokens: Whole numbers ``[...]``, of what `embedded` was made.
        p: A number, or ``[batch]``; more than .99 counts as .99.
        words: The number of words.
        batch_dim: The dimension of examples in `embedded`, for ``[batch]``.

    Returns:
        An array like `embedded`.

    Raises:
        ArgumentError: `p` has another number of examples.

    Source: Gal and Ghahramani, NeurIPS 2016; Merity, Keskar and Socher, ICLR 2018, section 4.3.

    Example:
        >>> tokens = jnp.array([1, 2, 1, 2])
        >>> output = hpm.jax.embedding_dropout(jax.random.key(1), jnp.ones((4, 3)), tokens, 0.5, words=3)
        >>> bool((output[:2] == output[2:]).all())
        True
    """
    p = strength_of(p, embedded, batch_dim, "embedding_dropout").clip(0, _MOST)
    drawn = jax.random.uniform(key, (words,), embedded.dtype)[tokens][..., None]
    return embedded * ((drawn >= p) / (1 - p))


def drop_connect(key: jax.Array, params: Params, p: Any) -> dict[str, jax.Array]:
    """Parameters of :func:`libhpm.jax.lstm` of which hidden-to-hidden weights are dropped with probability p and else
    divided by 1 - p, the response with the same mask; one mask for all examples and times.

    Args:
        key: Random.
        params: Of an LSTM.
        p: A number, or ``[batch]``, of which the mean is taken; more than .99 counts as .99. It has no derivative.

    Returns:
        A new dict.

    Raises:
        ArgumentError: The parameters are of no LSTM.

    Source: Wan, Zeiler, Zhang, LeCun and Fergus, ICML 2013; on recurrent weights: Merity, Keskar and Socher,
    'Regularizing and Optimizing LSTM Language Models', ICLR 2018, section 2.

    Example:
        >>> params = hpm.jax.init_lstm(jax.random.key(0), 3, 50, hyperparameters=2)
        >>> dropped = hpm.jax.drop_connect(jax.random.key(1), params, 0.3)
        >>> round(float((dropped["weight_hh_l0"] == 0).mean()), 1)
        0.3
    """
    names = [name for name in params if name.startswith("weight_hh_l")]
    if not names:
        raise ArgumentError(f"the parameters of drop_connect have no 'weight_hh_l0'; they have: {', '.join(params) or 'none'}")
    result = dict(params)
    for name, part in zip(names, jax.random.split(key, len(names))):
        weight = params[name]
        kept = 1 - jax.lax.stop_gradient(jnp.asarray(p, weight.dtype).mean()).clip(0, _MOST)
        mask = (jax.random.uniform(part, weight.shape, weight.dtype) < kept) / kept
        for whole in (name, f"response_{name}"):
            if whole in params:
                result[whole] = params[whole] * mask
    return result


def gaussian_noise(key: jax.Array, x: jax.Array, deviation: Any, batch_dim: int = 0) -> jax.Array:
    """Adds N(0, deviation^2) to each value, by reparametrisation: the strength has a derivative.

    Args:
        key: Random.
        x: Of any shape.
        deviation: A number, or ``[batch]``.
        batch_dim: The dimension of examples in `x`, for ``[batch]``.

    Returns:
        An array like `x`.

    Raises:
        ArgumentError: `deviation` has another number of examples.

    Example:
        >>> bool((hpm.jax.gaussian_noise(jax.random.key(0), jnp.ones(3), 0.0) == 1).all())
        True
    """
    return x + strength_of(deviation, x, batch_dim, "gaussian_noise") * jax.random.normal(key, x.shape, x.dtype)
