"""A small convolutional network on CIFAR-10 images of 16x16: learning rate, momentum, L2, the strengths and the
kind of augmentation.

1,500 / 500 / 2,000 images, halved by the mean of 2x2 pixels, (x/255 - 0.47)/0.25. Two convolutions 3x3 with
stride 2, zero padding, ReLU and 12, 16 channels, then a linear layer 256-10; batches of 32. Augmentation: its
kind (a choice); then brightness, contrast and colour shifts with standard deviations; then mixup. Noise
multiplies whole channels of the hidden layers.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from network import cross_entropy, dense, factor, squares
from space import Parameter, Space
from task import ND, SMOOTHING, Data, Task, l2, nd_settings, noise
from tasks.cifar import images

TRAINING, VALIDATION, TEST = 1500, 500, 2000
BATCH, SIDE = 32, 16
FIRST, SECOND = 12, 16  # channels
KINDS = ("none", "flip", "flip and shift", "flip and cutout")
SHIFT, CUTOUT = 2, 6  # pixels: the furthest shift, the side of the square that is cut out


def load(seed: int) -> Data:
    random = np.random.default_rng(seed)
    x, labels = images()
    order = random.permutation(len(x))[: TRAINING + VALIDATION + TEST]
    x = x[order].reshape(-1, SIDE, 2, SIDE, 2, 3).mean((2, 4), dtype=np.float32)
    x, labels = (x / 255 - 0.47) / 0.25, labels[order]
    parts = []
    for part in np.split(np.arange(len(order)), [TRAINING, TRAINING + VALIDATION]):
        parts += [x[part], labels[part]]
    return Data(*parts)


def new_weights(key: jax.Array) -> tuple:
    keys = jax.random.split(key, 3)
    return (
        dense(keys[0], 9 * 3, FIRST),
        dense(keys[1], 9 * FIRST, SECOND),
        dense(keys[2], (SIDE // 4) ** 2 * SECOND, 10, gain=0.5),
    )


def neighbourhoods(x: jax.Array) -> jax.Array:
    """[n, s, s, c] -> [n, s/2, s/2, 9 c]: what a 3x3 convolution with stride 2 sees. A matrix product over it is
    much faster than a convolution whose weights have an axis of students."""
    side = x.shape[1]
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [padded[:, i : i + side : 2, j : j + side : 2] for i in range(3) for j in range(3)]
    return jnp.concatenate(shifted, axis=-1)


def outputs(weights: tuple, x: jax.Array, factors: tuple = ()) -> jax.Array:
    for i, layer in enumerate(weights[:-1]):
        x = jax.nn.relu(neighbourhoods(x) @ layer.matrix + layer.bias)
        if factors:
            x = x * factors[i]
    return x.reshape(len(x), -1) @ weights[-1].matrix + weights[-1].bias


def augmented(x: jax.Array, kind: jax.Array, key: jax.Array) -> jax.Array:
    """`kind` indexes KINDS. Flips have probability 1/2, shifts are uniform and repeat the border."""
    flip_key, shift_key, cut_key = jax.random.split(key, 3)
    n = len(x)
    place = jnp.arange(SIDE)
    flip = jax.random.bernoulli(flip_key, 0.5, (n, 1)) & (kind > 0)
    shift = jax.random.randint(shift_key, (2, n, 1), -SHIFT, SHIFT + 1) * (kind == 2)
    rows = jnp.clip(place + shift[0], 0, SIDE - 1)
    columns = jnp.clip(jnp.where(flip, SIDE - 1 - place, place) + shift[1], 0, SIDE - 1)
    x = x[jnp.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
    corner = jax.random.randint(cut_key, (2, n, 1), -CUTOUT // 2, SIDE - CUTOUT // 2)
    row, column = ((place >= corner) & (place < corner + CUTOUT) for corner in corner)
    cut = row[:, :, None] & column[:, None, :] & (kind == 3)
    return jnp.where(cut[..., None], 0, x)


def training_loss(weights: tuple, h: dict, data: Data, key: jax.Array) -> jax.Array:
    keys = jax.random.split(key, 8)
    batch = jax.random.randint(keys[0], (BATCH,), 0, TRAINING)
    x = augmented(data.inputs[batch], h["augmentation"], keys[1])
    x = x * factor(keys[2], h["contrast"], (BATCH, 1, 1, 1))
    x = x + h["brightness"] * jax.random.normal(keys[3], (BATCH, 1, 1, 1))
    x = x + h["colour"] * jax.random.normal(keys[4], (BATCH, 1, 1, 3))
    labels = jax.nn.one_hot(data.targets[batch], 10)
    other = jax.random.permutation(keys[5], BATCH)
    x = (1 - h["mixup"]) * x + h["mixup"] * x[other]
    targets = (1 - h["mixup"]) * labels + h["mixup"] * labels[other]
    targets = (1 - h["label smoothing"]) * targets + h["label smoothing"] / 10
    factors = (
        factor(keys[6], h["noise, first hidden layer"], (BATCH, 1, 1, FIRST)),
        factor(keys[7], h["noise, second hidden layer"], (BATCH, 1, 1, SECOND)),
    )
    decay = sum(h[f"L2, layer {i + 1}"] * squares(layer) for i, layer in enumerate(weights))
    return jnp.mean(cross_entropy(outputs(weights, x, factors), targets)) + decay


TASK = Task(
    "convolution",
    40,
    Space((
        noise("brightness", 1), noise("contrast", 1), noise("colour", 1),
        noise("noise, first hidden layer"), noise("noise, second hidden layer"),
        l2("L2, layer 1"), l2("L2, layer 2"), l2("L2, layer 3"),
        SMOOTHING, Parameter("mixup", 0.01, 0.5, 0.05, log=True),
        Parameter("augmentation", labels=KINDS),
        *ND,
    )),
    load, new_weights, training_loss, outputs, nd_settings,
)
