"""Layers with a best response, as functions of their parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..errors import ArgumentError
from .best_response import RESPONSE, SCALE, Params, best_response, by_example, coordinates_of, scale_of

Draw = Callable[[jax.Array, tuple[int, ...], Any], jax.Array]


def linear(params: Params, x: jax.Array, z: jax.Array | None = None, batch_dim: int = 0) -> jax.Array:
    """A fully connected layer, whose weights respond to hyperparameters:

    .. math:: y = \\hat W(z) \\, x + \\hat b(z)

    with the response of :func:`libhpm.jax.best_response`, a row being an output.

    Args:
        params: ``weight`` ``[out, in]`` and, if wanted, ``bias`` ``[out]``, with their responses; as
            :func:`init_linear` or :func:`libhpm.jax.convert` makes them. Without a response it is the ordinary layer.
        x: ``[..., in]``.
        z: Coordinates, ``[n]`` for all examples or ``[batch, n]``; None: no response.
        batch_dim: The dimension of examples in `x`, for ``[batch, n]``: 1 of ``[time, batch, in]``.

    Returns:
        ``[..., out]``.

    Raises:
        ArgumentError: `z` has another shape, or another number of examples than `x`.

    Source: MacKay et al., 'Self-Tuning Networks', ICLR 2019, equations 8 and 9.

    Example:
        >>> layer = hpm.jax.init_linear(jax.random.key(0), 3, 2, hyperparameters=4)
        >>> x = jnp.ones((5, 3))
        >>> bool((hpm.jax.linear(layer, x, jnp.zeros((5, 4))) == hpm.jax.linear(layer, x)).all())
        True
        >>> sorted(layer)
        ['bias', 'response_bias', 'response_weight', 'scale_bias', 'scale_weight', 'weight']
    """
    z = coordinates_of(params, "weight", z, "linear")
    if z is not None and z.ndim == 1:
        return _affine(best_response(params, "weight", z), best_response(params, "bias", z) if "bias" in params else None, x)
    output = _affine(params["weight"], params.get("bias"), x)
    if z is None:
        return output
    response = x @ params[RESPONSE + "weight"].T
    response = by_example(scale_of(params, "weight", z), response, batch_dim, "linear") * response
    if "bias" in params:
        shift = scale_of(params, "bias", z) * params[RESPONSE + "bias"]
        response = response + by_example(shift, response, batch_dim, "linear")
    return output + response


def _affine(weight: jax.Array, bias: jax.Array | None, x: jax.Array) -> jax.Array:
    output = x @ weight.T
    return output if bias is None else output + bias


def conv2d(
    params: Params,
    x: jax.Array,
    z: jax.Array | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> jax.Array:
    """A convolution of images, whose kernels respond to hyperparameters as in :func:`linear`, a row being an output
    channel.

    Args:
        params: ``weight`` ``[out, in / groups, height, width]`` and, if wanted, ``bias`` ``[out]``, with their responses.
        x: ``[batch, in, height, width]``.
        z: Coordinates, ``[n]`` or ``[batch, n]``; None: no response.
        stride, padding, dilation: One number, or one for each of height and width.
        groups: Of channels.

    Returns:
        ``[batch, out, height, width]``.

    Raises:
        ArgumentError: As of :func:`linear`.

    Example:
        >>> layer = hpm.jax.init_conv2d(jax.random.key(0), 3, 8, 3, hyperparameters=2)
        >>> hpm.jax.conv2d(layer, jnp.ones((4, 3, 16, 16)), jnp.zeros((4, 2)), stride=2, padding=1).shape
        (4, 8, 8, 8)
    """
    if x.ndim != 4:
        raise ArgumentError(f"images have shape {x.shape}; allowed: [batch, channels, height, width]")

    def convolve(weight: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(
            x,
            weight,
            _pair(stride),
            [(size, size) for size in _pair(padding)],
            rhs_dilation=_pair(dilation),
            dimension_numbers=("NCHW", "OIHW", "NCHW"),
            feature_group_count=groups,
        )

    z = coordinates_of(params, "weight", z, "conv2d")
    if z is not None and z.ndim == 1:
        output = convolve(best_response(params, "weight", z))
        return output + best_response(params, "bias", z)[:, None, None] if "bias" in params else output
    output = convolve(params["weight"])
    if "bias" in params:
        output = output + params["bias"][:, None, None]
    if z is None:
        return output
    if z.shape[0] != x.shape[0]:
        raise ArgumentError(f"coordinates of conv2d are of {z.shape[0]} examples; allowed: {x.shape[0]}, as in the input")
    response = scale_of(params, "weight", z)[..., None, None] * convolve(params[RESPONSE + "weight"])
    if "bias" in params:
        response = response + (scale_of(params, "bias", z) * params[RESPONSE + "bias"])[..., None, None]
    return output + response


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def embedding(params: Params, tokens: jax.Array, z: jax.Array | None = None, batch_dim: int = 0) -> jax.Array:
    """Vectors of words, which respond to hyperparameters: each component is scaled for all words alike, so that a row
    of :func:`libhpm.jax.best_response` is a component.

    Args:
        params: ``weight`` ``[words, dimension]``, ``response_weight`` of the same shape, ``scale_weight``
            ``[dimension, n]``.
        tokens: Whole numbers ``[...]``, from 0 to words - 1; others give NaN.
        z: Coordinates, ``[n]`` or ``[batch, n]``; None: no response.
        batch_dim: The dimension of examples in `tokens`, for ``[batch, n]``.

    Returns:
        ``[..., dimension]``.

    Raises:
        ArgumentError: As of :func:`linear`.

    Example:
        >>> layer = hpm.jax.init_embedding(jax.random.key(0), 10, 4, hyperparameters=2)
        >>> hpm.jax.embedding(layer, jnp.array([[1, 2, 3], [4, 5, 6]]), jnp.zeros((2, 2))).shape
        (2, 3, 4)
    """
    z = coordinates_of(params, "weight", z, "embedding")
    output = jnp.take(params["weight"], tokens, axis=0)
    if z is None:
        return output
    scale = scale_of(params, "weight", z)
    if scale.ndim == 2:
        scale = by_example(scale, output, batch_dim, "embedding")
    return output + scale * jnp.take(params[RESPONSE + "weight"], tokens, axis=0)


def init_linear(
    key: jax.Array, in_features: int, out_features: int, hyperparameters: int, bias: bool = True, dtype: Any = None
) -> dict[str, jax.Array]:
    """Parameters of :func:`linear`: weights, biases and R, r from U[-1 / sqrt(in), 1 / sqrt(in)], as torch draws them,
    V and C 0, so that the layer does at first what the ordinary one does.

    Args:
        key: Random.
        in_features, out_features: Of the layer.
        hyperparameters: n, the number of coordinates.
        bias: Whether it has biases.
        dtype: Of the parameters; None: JAX's default.

    Raises:
        ArgumentError: `hyperparameters` is no number, or below 0.

    Example:
        >>> hpm.jax.init_linear(jax.random.key(0), 3, 2, hyperparameters=4)["scale_weight"].shape
        (2, 4)
    """
    shapes = {"weight": (out_features, in_features)} | ({"bias": (out_features,)} if bias else {})
    return drawn(key, shapes, dict.fromkeys(shapes, out_features), hyperparameters, uniform(in_features), dtype)


def init_conv2d(
    key: jax.Array,
    in_channels: int,
    out_channels: int,
    kernel_size: int | Sequence[int],
    hyperparameters: int,
    bias: bool = True,
    groups: int = 1,
    dtype: Any = None,
) -> dict[str, jax.Array]:
    """Parameters of :func:`conv2d`, drawn as in :func:`init_linear` with the size of a kernel in the place of `in`.

    Args:
        key, hyperparameters, bias, dtype: As in :func:`init_linear`.
        in_channels, out_channels, groups: Of the layer.
        kernel_size: One number, or height and width.

    Raises:
        ArgumentError: As of :func:`init_linear`.

    Example:
        >>> hpm.jax.init_conv2d(jax.random.key(0), 3, 8, 5, hyperparameters=2)["weight"].shape
        (8, 3, 5, 5)
    """
    kernel = (out_channels, in_channels // groups, *_pair(kernel_size))
    shapes: dict[str, tuple[int, ...]] = {"weight": kernel} | ({"bias": (out_channels,)} if bias else {})
    draw = uniform(math.prod(kernel[1:]))
    return drawn(key, shapes, dict.fromkeys(shapes, out_channels), hyperparameters, draw, dtype)


def init_embedding(
    key: jax.Array, num_embeddings: int, embedding_dim: int, hyperparameters: int, dtype: Any = None
) -> dict[str, jax.Array]:
    """Parameters of :func:`embedding`: vectors and R from N(0, 1), as torch draws them, V 0.

    Args:
        key, hyperparameters, dtype: As in :func:`init_linear`.
        num_embeddings: The number of words.
        embedding_dim: The dimension of their vectors.

    Raises:
        ArgumentError: As of :func:`init_linear`.

    Example:
        >>> hpm.jax.init_embedding(jax.random.key(0), 10, 4, hyperparameters=2)["scale_weight"].shape
        (4, 2)
    """
    shapes = {"weight": (num_embeddings, embedding_dim)}
    return drawn(key, shapes, {"weight": embedding_dim}, hyperparameters, jax.random.normal, dtype)


def uniform(fan_in: int) -> Draw:
    """U[-1 / sqrt(fan_in), 1 / sqrt(fan_in)]."""
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0

    def draw(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return draw


def drawn(
    key: jax.Array, shapes: Mapping[str, tuple[int, ...]], rows: Mapping[str, int], n: int, draw: Draw, dtype: Any
) -> dict[str, jax.Array]:
    own, other = jax.random.split(key)
    dtype = jnp.zeros(0, dtype).dtype
    keys = jax.random.split(own, len(shapes))
    params = {name: draw(key, shape, dtype) for key, (name, shape) in zip(keys, shapes.items())}
    return params | response_of(other, params, rows, n, draw)


def response_of(key: jax.Array, params: Params, rows: Mapping[str, int], n: int, draw: Draw) -> dict[str, jax.Array]:
    """The parameters of a response, of which those named in `rows` have so many rows."""
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        raise ArgumentError(f"hyperparameters is {n!r}; allowed: their number, 0 or more")
    result = {}
    for key, (name, count) in zip(jax.random.split(key, len(rows)), rows.items()):
        result[RESPONSE + name] = draw(key, params[name].shape, params[name].dtype)
        result[SCALE + name] = jnp.zeros((count, n), params[name].dtype)
    return result
