"""How far a network looks around its hyperparameters: standard deviations of Gaussian perturbations of n coordinates,
softplus of an array `raw` ``[n]``.

A response is learned on perturbed hyperparameters. Too small a scale teaches it nothing, too large a one asks more of
it than it can express. So the scale is learned on the validation loss, from which the entropy of the perturbation is
subtracted, times a weight.

Source: MacKay et al., 'Self-Tuning Networks', ICLR 2019, section 3.2.

Example:
    >>> raw = hpm.jax.perturbation_scale.init_perturbation(2, 0.5)
    >>> [round(float(value), 6) for value in hpm.jax.perturbation_scale.scale(raw)]
    [0.5, 0.5]
    >>> hpm.jax.perturbation_scale.sample(jax.random.key(0), raw, examples=10).shape
    (10, 2)
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from .._coordinates import RANGE
from ..errors import ArgumentError


def init_perturbation(n: int, scale: float = 0.5, dtype: Any = None) -> jax.Array:
    """`raw` with all standard deviations alike.

    Args:
        n: The number of coordinates.
        scale: The standard deviations, above 0; .5 is the paper's for images, 1 for language.
        dtype: Of `raw`; None: JAX's default.

    Raises:
        ArgumentError: `scale` is not above 0.

    Example:
        >>> hpm.jax.init_perturbation(2).shape
        (2,)
    """
    if not scale > 0:
        raise ArgumentError(f"perturbation_scale is {scale}; allowed: above 0")
    return jnp.full((n,), scale + math.log(-math.expm1(-scale)), dtype or float)


def scale(raw: jax.Array) -> jax.Array:
    """The standard deviations ``[n]`` of `raw` ``[n]``, log(1 + exp(raw))."""
    return jax.nn.softplus(raw)


def entropy(raw: jax.Array) -> jax.Array:
    """Of the Gaussian, in nats: the sum of log(scale sqrt(2 pi e)); a number."""
    return (jnp.log(scale(raw)) + 0.5 * math.log(2 * math.pi * math.e)).sum()


def sample(key: jax.Array, raw: jax.Array, examples: int | None = None) -> jax.Array:
    """A perturbation ``[n]``, or one for each of so many examples, ``[examples, n]``; by reparametrisation, so that
    the scale has a gradient."""
    shape = raw.shape if examples is None else (examples, *raw.shape)
    return jax.random.normal(key, shape, raw.dtype) * scale(raw)


def perturbed(key: jax.Array, raw: jax.Array, z: jax.Array, examples: int | None = None) -> jax.Array:
    """Coordinates z ``[n]`` with a perturbation as of :func:`sample`, within the bounds: clamped to [-5, 5]."""
    return (z + sample(key, raw, examples)).clip(-RANGE / 2, RANGE / 2)
