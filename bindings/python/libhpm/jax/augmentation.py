"""Augmentation of images whose strengths are hyperparameters. Images are ``[batch, 3, height, width]``, values in [0, 1].

Colours and scaling are reparametrised, so their strengths have derivatives; places are sampled. All are for training:
leave them out of an evaluation.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from ..errors import ArgumentError
from .best_response import strength_of

_LUMA = (0.299, 0.587, 0.114)
# NTSC's colour space YIQ; a turn of its plane (I, Q) is a change of hue.
_TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


def _uniform(key: jax.Array, x: jax.Array) -> jax.Array:
    """Of [-1, 1], one for each image."""
    return jax.random.uniform(key, (x.shape[0], 1, 1, 1), x.dtype, -1, 1)


def _require_images(x: jax.Array, channels: int | None = None) -> None:
    if x.ndim != 4 or channels is not None and x.shape[1] != channels:
        raise ArgumentError(f"images have shape {x.shape}; allowed: [batch, {channels or 'channels'}, height, width]")


def color_jitter(
    key: jax.Array,
    x: jax.Array,
    brightness: Any = None,
    contrast: Any = None,
    saturation: Any = None,
    hue: Any = None,
) -> jax.Array:
    """Changes brightness, contrast, saturation and hue of each image, in this order, by random amounts.

    With strength s brightness, contrast and saturation get a factor from U[1 - s, 1 + s]: of the image, of its differences
    to its mean grey, of its differences to its grey image. Hue is turned by U[-s, s] of a full turn in the colour space
    YIQ. Values end in [0, 1].

    Args:
        key: Random.
        x: Images of three channels.
        brightness, contrast, saturation, hue: Numbers, or ``[batch]``; None: not changed.

    Returns:
        An array like `x`.

    Raises:
        ArgumentError: `x` are no images of three channels, or a strength has another number of examples.

    Example:
        >>> x = jax.random.uniform(jax.random.key(0), (2, 3, 4, 4))
        >>> output = hpm.jax.color_jitter(jax.random.key(1), x, brightness=0.5, hue=0.1)
        >>> bool((output >= 0).all() and (output <= 1).all() and (output != x).any())
        True
    """
    if brightness is None and contrast is None and saturation is None and hue is None:
        return x
    _require_images(x, 3)
    luma = jnp.asarray(_LUMA, x.dtype).reshape(1, 3, 1, 1)
    keys = jax.random.split(key, 4)

    def amount(index: int, strength: Any) -> jax.Array:
        return strength_of(strength, x, 0, "color_jitter") * _uniform(keys[index], x)

    if brightness is not None:
        x = x * (1 + amount(0, brightness))
    if contrast is not None:
        mean = (x * luma).sum(1, keepdims=True).mean((2, 3), keepdims=True)
        x = mean + (x - mean) * (1 + amount(1, contrast))
    if saturation is not None:
        grey = (x * luma).sum(1, keepdims=True)
        x = grey + (x - grey) * (1 + amount(2, saturation))
    if hue is not None:
        x = jnp.einsum("bij,bjhw->bihw", _turn((2 * math.pi * amount(3, hue)).reshape(-1)), x)
    return x.clip(0, 1)


def _turn(angle: jax.Array) -> jax.Array:
    """``[batch]`` -> ``[batch, 3, 3]``, in RGB."""
    to = jnp.asarray(_TO_YIQ, angle.dtype)
    zero, one, c, s = jnp.zeros_like(angle), jnp.ones_like(angle), jnp.cos(angle), jnp.sin(angle)
    turn = jnp.stack((one, zero, zero, zero, c, -s, zero, s, c), -1).reshape(-1, 3, 3)
    return jnp.linalg.inv(to) @ turn @ to


def input_scaling(key: jax.Array, x: jax.Array, strength: Any) -> jax.Array:
    """Multiplies each image by a factor from U[1 / (1 + s), 1 + s].

    Args:
        key: Random.
        x: Images of any channels.
        strength: s, a number, or ``[batch]``.

    Returns:
        An array like `x`.

    Raises:
        ArgumentError: `x` are no images, or `strength` has another number of examples.

    Source: the code of MacKay et al., 2019.

    Example:
        >>> output = hpm.jax.input_scaling(jax.random.key(0), jnp.ones((100, 1, 1, 1)), 1.0)
        >>> bool((output >= 0.5).all() and (output <= 2).all())
        True
    """
    _require_images(x)
    high = 1 + strength_of(strength, x, 0, "input_scaling")
    low = 1 / high
    return x * (low + (high - low) * (_uniform(key, x) + 1) / 2)


def random_shift(key: jax.Array, x: jax.Array, strength: Any) -> jax.Array:
    """Shifts each image by U[-s, s] of its height and width, with bilinear interpolation and zeros around; the strength
    has a derivative.

    Args:
        key: Random.
        x: Images of any channels.
        strength: s, a number, or ``[batch]``; a fraction of the image.

    Returns:
        An array like `x`.

    Raises:
        ArgumentError: `x` are no images, or `strength` has another number of examples.

    Example:
        >>> x = jnp.ones((2, 1, 8, 8))
        >>> bool((hpm.jax.random_shift(jax.random.key(0), x, 0.0) == x).all())
        True
    """
    _require_images(x)
    strength = jnp.broadcast_to(strength_of(strength, x, 0, "random_shift"), (x.shape[0], 1, 1, 1)).reshape(-1, 1)
    return _shifted(x, strength * jax.random.uniform(key, (x.shape[0], 2), x.dtype, -1, 1))


def _shifted(x: jax.Array, shift: jax.Array) -> jax.Array:
    """By ``[batch, 2]`` of the width and the height. Bilinear interpolation is a product with two narrow matrices."""

    def interpolation(size: int, shift: jax.Array) -> jax.Array:
        places = jnp.arange(size, dtype=x.dtype)
        source = places + shift[:, None] * size
        return jnp.maximum(1 - jnp.abs(source[:, :, None] - places), 0)

    rows, columns = interpolation(x.shape[2], shift[:, 1]), interpolation(x.shape[3], shift[:, 0])
    return jnp.einsum("bik,bckl,bjl->bcij", rows, x, columns, precision="highest")


def cutout(key: jax.Array, x: jax.Array, holes: Any, length: Any, most: int = 4) -> jax.Array:
    """Sets squares of each image to 0; numbers and lengths are rounded down, so they have no derivative.

    Args:
        key: Random.
        x: Images of any channels.
        holes: Their number, or ``[batch]``.
        length: The length of a side in pixels, likewise. Squares are cut off at the image's edges.
        most: The largest number of holes that can be asked for.

    Returns:
        An array like `x`.

    Raises:
        ArgumentError: `x` are no images, or a strength has another number of examples.

    Source: DeVries and Taylor, 'Improved Regularization of Convolutional Neural Networks with Cutout', 2017.

    Example:
        >>> output = hpm.jax.cutout(jax.random.key(0), jnp.ones((1, 3, 9, 9)), holes=1, length=3)
        >>> 4 * 3 <= int((output == 0).sum()) <= 9 * 3
        True
    """
    _require_images(x)
    batch, _, height, width = x.shape

    def whole(strength: Any) -> jax.Array:
        value = jax.lax.stop_gradient(jnp.floor(strength_of(strength, x, 0, "cutout")))
        return jnp.broadcast_to(value, (batch, 1, 1, 1)).reshape(batch, 1, 1)

    count, side = whole(holes), whole(length)

    def inside(key: jax.Array, size: int) -> jax.Array:
        """``[batch, most, size]``: which rows, or columns, a hole covers."""
        first = jax.random.randint(key, (batch, most, 1), 0, size) - jnp.floor(side / 2)
        places = jnp.arange(size)
        return (places >= first) & (places < first + side)

    rows, columns = jax.random.split(key)
    counted = jnp.arange(most).reshape(1, -1, 1) < count
    cut = (inside(rows, height) & counted)[..., None] & inside(columns, width)[:, :, None]
    return x * ~cut.any(1)[:, None]
