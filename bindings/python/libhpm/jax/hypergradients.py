"""Hypergradients through a best response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ArgumentError
from .coordinates import Coordinates

Loss = Callable[[Any, jax.Array, dict[str, jax.Array]], jax.Array]


def hypergradient_function(
    loss: Loss, coordinates: Coordinates, centered: bool = True
) -> Callable[[Any, jax.Array], tuple[jax.Array, jax.Array]]:
    """The core of :func:`hypergradient`, which can be compiled and mapped over students.

    Args:
        loss, coordinates, centered: As in :func:`hypergradient`.

    Returns:
        ``f(params, natural)``: the loss and its derivative ``[n]`` with respect to natural values ``[n]``.

    Example:
        >>> coordinates = hpm.jax.Coordinates(hpm.SearchSpace().add_real("l2", 0.0, 10.0))
        >>> function = hpm.jax.hypergradient_function(lambda params, z, values: params * (z[0] + 1), coordinates)
        >>> loss, slope = jax.jit(function)(2.0, jnp.array([7.0]))
        >>> round(float(loss), 6), slope.tolist()
        (2.0, [2.0])
    """

    def value(natural: jax.Array, params: Any) -> jax.Array:
        z = coordinates.coordinates(natural)
        if centered:
            z = z - jax.lax.stop_gradient(z)
        result = jnp.asarray(loss(params, z, coordinates.split(natural)))
        if result.size != 1:
            raise ArgumentError(f"the loss has shape {result.shape}; allowed: a number")
        return result.reshape(())

    def function(params: Any, natural: jax.Array) -> tuple[jax.Array, jax.Array]:
        result: tuple[jax.Array, jax.Array] = jax.value_and_grad(value)(natural, params)
        return result

    return function


def hypergradient(
    loss: Loss, params: Any, natural: Mapping[str, Any] | jax.Array, coordinates: Coordinates, centered: bool = True
) -> tuple[float, dict[str, Any]]:
    """A validation loss at the hyperparameters and its derivative through the best response,

    .. math:: \\frac{dF}{dh} \\approx \\frac{\\partial}{\\partial h} F(\\hat w(z(h)), h)

    Args:
        loss: ``loss(params, z, values)``, a number: the validation loss with coordinates z ``[n]`` in the layers, and
            natural values by name where it needs them. A compiled one, ``jax.jit(loss)``, is compiled once.
        params: Of the network.
        natural: The hyperparameters: by name, or ``[n]`` in the order of `coordinates`.
        coordinates: Of the space.
        centered: Whether the response is to the difference from the hyperparameters, as in `hpm.torch.SelfTuning`: then z is 0,
            with the derivative of the coordinates. False: z are the coordinates, as first published.

    Returns:
        The loss, and dF/dh by name in natural units, as :meth:`libhpm.Population.report` takes it.

    Raises:
        ArgumentError: The loss is no number, or `natural` has other names or another shape.

    `hpm.tune` asks a problem instead: with `natural` a dict of arrays h, ``hpm.Problem.differentiate(None, outer_loss, params,
    h)`` and the estimator ``best-response`` give the same, where ``outer_loss(params, h)`` is
    ``loss(params, z - jax.lax.stop_gradient(z), h)`` with ``z = coordinates.coordinates(coordinates.vector(h))``.

    Source: MacKay et al., 'Self-Tuning Networks', ICLR 2019, equation 5.

    Example:
        >>> space = hpm.SearchSpace().add_real("l2", 1e-4, 1.0, scale="log")
        >>> coordinates = hpm.jax.Coordinates(space)
        >>> params = hpm.jax.init_linear(jax.random.key(0), 3, 1, hyperparameters=1)
        >>> params["scale_weight"] = jnp.ones((1, 1))
        >>> loss = lambda params, z, values: (hpm.jax.linear(params, jnp.ones((5, 3)), z) ** 2).mean()
        >>> value, slope = hpm.jax.hypergradient(loss, params, {"l2": 0.01}, coordinates)
        >>> list(slope), type(value).__name__
        (['l2'], 'float')
    """
    if isinstance(natural, Mapping):
        natural = coordinates.vector(natural)
    natural = jnp.asarray(natural, float)
    if natural.shape != (coordinates.dimension,):
        raise ArgumentError(f"natural has shape {natural.shape}; allowed: ({coordinates.dimension},)")
    value, slope = hypergradient_function(loss, coordinates, centered)(params, natural)
    parts = coordinates.split(np.asarray(slope, np.float64))
    return float(value), {name: np.array(part) if np.ndim(part) else float(part) for name, part in parts.items()}
