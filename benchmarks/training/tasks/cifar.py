"""CIFAR-10 images as 256 fixed features; noise, L2, smoothing and mixup in a network with two hidden layers."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from network import cross_entropy, dense_network, factor, forward, squares
from space import Parameter, Space
from common.data import data_folder
from task import ND, SMOOTHING, Data, Task, l2, nd_settings, noise

TRAINING, VALIDATION, TEST = 1000, 1000, 4000
BATCH = 50
FEATURES = 256


@cache
def images() -> tuple[np.ndarray, np.ndarray]:
    """All 14,000 images [n, 32, 32, 3] of bytes, and their labels."""
    path = data_folder() / "cifar10-12k.npz"
    if not path.exists():
        raise FileNotFoundError(f"{path}: set HPM_DATA to the folder that holds cifar10-12k.npz")
    with np.load(path) as file:
        x = np.concatenate([file["train_x"], file["valid_x"], file["test_x"]])
        y = np.concatenate([file["train_y"], file["valid_y"], file["test_y"]])
    return x, y.astype(np.int32)


def patches(x: np.ndarray) -> np.ndarray:
    """[n, 32, 32, 3] -> [n, 14, 14, 108]: 6x6 patches, stride 2, brightness and contrast normalised."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (6, 6), axis=(1, 2))[:, ::2, ::2]
    p = windows.reshape(*windows.shape[:3], -1).astype(np.float32)
    p -= p.mean(-1, keepdims=True)
    return p / np.sqrt(p.var(-1, keepdims=True) + 10)


def features(x: np.ndarray, training: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """64 whitened 6x6 patches of the training images as filters, soft threshold 0.25, mean over quadrants
    (Coates and Ng 2011); each feature standardised by the training images."""
    sample = patches(x[training]).reshape(-1, 108)
    sample = sample[random.permutation(len(sample))[:50000]]
    mean = sample.mean(0)
    values, vectors = np.linalg.eigh(np.cov(sample - mean, rowvar=False))
    whitening = (vectors / np.sqrt(values + 0.1)) @ vectors.T
    filters = (sample[:64] - mean) @ whitening
    filters /= np.linalg.norm(filters, axis=1, keepdims=True)
    projection = (whitening @ filters.T).astype(np.float32)
    parts = []
    for chunk in np.array_split(x, 20):
        response = np.maximum((patches(chunk) - mean.astype(np.float32)) @ projection - 0.25, 0)
        parts.append(response.reshape(-1, 2, 7, 2, 7, 64).mean((2, 4)).reshape(-1, FEATURES))
    result = np.concatenate(parts)
    return (result - result[training].mean(0)) / (result[training].std(0) + 1e-6)


@cache
def load(seed: int) -> Data:
    random = np.random.default_rng(seed)
    x, labels = images()
    order = random.permutation(len(x))[: TRAINING + VALIDATION + TEST]
    x = features(x[order], np.arange(TRAINING), random)
    parts = []
    for part in np.split(np.arange(len(order)), [TRAINING, TRAINING + VALIDATION]):
        parts += [x[part], labels[order[part]]]
    return Data(*parts)


def training_loss(weights: tuple, h: dict, data: Data, key: jax.Array) -> jax.Array:
    keys = jax.random.split(key, 5)
    batch = jax.random.randint(keys[0], (2, BATCH), 0, TRAINING)
    share = h["mixup"]
    inputs = (1 - share) * data.inputs[batch[0]] + share * data.inputs[batch[1]]
    labels = jax.nn.one_hot(data.targets[batch], 10)
    targets = (1 - share) * labels[0] + share * labels[1]
    targets = (1 - h["label smoothing"]) * targets + h["label smoothing"] / 10
    inputs = inputs * factor(keys[1], h["multiplicative input noise"], inputs.shape)
    inputs = inputs + h["input noise"] * jax.random.normal(keys[2], inputs.shape)
    factors = (
        factor(keys[3], h["noise, first hidden layer"], (BATCH, 64)),
        factor(keys[4], h["noise, second hidden layer"], (BATCH, 32)),
    )
    decay = sum(h[f"L2, layer {i + 1}"] * squares(layer) for i, layer in enumerate(weights))
    return jnp.mean(cross_entropy(forward(weights, inputs, factors), targets)) + decay


TASK = Task(
    "cifar",
    60,
    Space((
        noise("input noise", 3), noise("multiplicative input noise"),
        noise("noise, first hidden layer"), noise("noise, second hidden layer"),
        l2("L2, layer 1"), l2("L2, layer 2"), l2("L2, layer 3"),
        SMOOTHING, Parameter("mixup", 0.01, 0.5, 0.05, log=True),
        *ND,
    ), starts_at_initial=False),
    load, lambda key: dense_network(key, FEATURES, 64, 32, 10), training_loss, forward, nd_settings,
)
