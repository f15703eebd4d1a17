"""Delta-STN's response: linearised in a network's outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .best_response import is_response


def linearized(apply: Callable[[Any, jax.Array], Any], params: Any, z: jax.Array) -> Any:
    """A network's output with the response of Delta-STN, linear in z:

    .. math:: f(x; w) + J_w f(x; w) \\, (\\hat w(z) - w), \\qquad \\hat w(z) - w = \\operatorname{diag}(V z) R

    Only the responses have gradients: elementary parameters w are constants, for they are trained by the loss of
    ``apply(params, None)``. So the sum of both losses has the gradient of Delta-STN for all parameters. (A penalty of
    parameters in the second one takes ``responses_only(params)``.)

    Args:
        apply: ``apply(params, z)`` gives the outputs, an array or a pytree, and gives each layer its z. Its regularisers
            take their strengths from elsewhere, not from this z.
        params: Of the network, with responses.
        z: Coordinates minus those of the current hyperparameters, ``[n]`` or ``[batch, n]``: the response is centred.

    Returns:
        What `apply` returns, with a gradient to `z` too.

    The response is linear in z, so the product with the Jacobian is one directional derivative along z at 0. Each example
    thus has a tangent of its own at the costs of a forward pass.

    Source: Bae and Grosse, 'Delta-STN', NeurIPS 2020, section 4.

    Example:
        >>> params = hpm.jax.init_linear(jax.random.key(0), 3, 1, hyperparameters=2)
        >>> params["scale_weight"] = jnp.ones((1, 2))
        >>> network = lambda params, z: jnp.exp(hpm.jax.linear(params, jnp.ones((5, 3)), z))
        >>> z = jnp.array([0.5, 0.5])
        >>> center, once, twice = (hpm.jax.linearized(network, params, factor * z) for factor in (0, 1, 2))
        >>> bool(jnp.allclose(twice - center, 2 * (once - center)))
        True
    """
    constant = responses_only(params)
    value, tangent = jax.jvp(lambda z: apply(constant, z), (jnp.zeros_like(z),), (z,))
    return jax.tree_util.tree_map(lambda v, t: jax.lax.stop_gradient(v) + t, value, tangent)


def responses_only(params: Any) -> Any:
    """The same parameters, of which only the responses have gradients.

    Args:
        params: A pytree with layers' dicts, of which the names ``response_...`` and ``scale_...`` are responses.

    Returns:
        A pytree of the same structure.

    Example:
        >>> params = hpm.jax.init_linear(jax.random.key(0), 3, 1, hyperparameters=2)
        >>> norm = lambda params: sum((leaf**2).sum() for leaf in hpm.jax.responses_only(params).values())
        >>> slope = jax.grad(norm)(params)
        >>> bool(slope["weight"].any()), bool(slope["response_weight"].any())
        (False, True)
    """
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: leaf if path and is_response(getattr(path[-1], "key", None)) else jax.lax.stop_gradient(leaf), params
    )


def response_mask(params: Any) -> Any:
    """Which leaves belong to responses, as optimizers take it that treat some parameters alone.

    Args:
        params: As in :func:`responses_only`.

    Returns:
        A pytree of booleans.

    Example:
        >>> hpm.jax.response_mask({"weight": 1.0, "scale_weight": 2.0})
        {'scale_weight': True, 'weight': False}
    """
    return jax.tree_util.tree_map_with_path(
        lambda path, _: bool(path) and is_response(getattr(path[-1], "key", None)), params
    )
