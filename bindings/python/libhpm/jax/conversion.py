"""Ordinary parameters made those of a self-tuning network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ..errors import ArgumentError
from .best_response import is_response
from .layers import response_of, uniform


def convert(
    params: Any, hyperparameters: int, key: jax.Array, names: Iterable[str] | None = None, embeddings: Iterable[str] = ()
) -> Any:
    """Adds a response to each layer's parameters; the layers' outputs stay the same, since V and C are 0.

    A layer is a dict, by what it holds: ``weight`` of two dimensions (:func:`libhpm.jax.linear`) or four
    (:func:`libhpm.jax.conv2d`), with or without ``bias``; or ``weight_hh_l0`` and its like (:func:`libhpm.jax.lstm`).

    Args:
        params: A pytree of dicts, lists and tuples, with arrays in layers alone.
        hyperparameters: n, the number of coordinates.
        key: Random; R and r are drawn as the layers' own parameters are.
        names: Of the layers that get a response, such as ``["encoder.0"]``, and nothing else is looked at; None: all.
        embeddings: Names of layers that are :func:`libhpm.jax.embedding`: their shapes don't tell.

    Returns:
        A new pytree, with the same arrays in it. A layer that has a response already stays as it is.

    Raises:
        ArgumentError: An array in no such layer, or a name of no layer: the sentence names it.

    Source: MacKay et al., 'Self-Tuning Networks', ICLR 2019, equations 8 and 9.

    Example:
        >>> params = {"first": {"weight": jnp.ones((4, 3)), "bias": jnp.zeros(4)}, "norm": {"weight": jnp.ones(4)}}
        >>> converted = hpm.jax.convert(params, 2, jax.random.key(0), names=["first"])
        >>> sorted(converted["first"]), sorted(converted["norm"])
        (['bias', 'response_bias', 'response_weight', 'scale_bias', 'scale_weight', 'weight'], ['weight'])
        >>> hpm.jax.convert(params, 2, jax.random.key(0))
        Traceback (most recent call last):
        ...
        libhpm.errors.ArgumentError: 'norm.weight' has shape (4,), in a dict that is no layer which can be converted; ...
    """
    conversion = _Conversion(hyperparameters, key, None if names is None else list(names), list(embeddings))
    result = conversion.walk(params, "")
    for argument, given in (("names", conversion.names or []), ("embeddings", conversion.embeddings)):
        for name in given:
            if name not in conversion.layers:
                raise ArgumentError(f"{argument} has {name!r}, which is no layer; allowed: {', '.join(conversion.layers) or 'none'}")
    return result


class _Conversion:
    def __init__(self, n: int, key: jax.Array, names: list[str] | None, embeddings: list[str]):
        self.n, self.key, self.names, self.embeddings = n, key, names, embeddings
        self.layers: list[str] = []

    def walk(self, tree: Any, path: str) -> Any:
        if isinstance(tree, Mapping):
            return self._dict(tree, path)
        if isinstance(tree, (list, tuple)):
            parts = [self.walk(part, _under(path, index)) for index, part in enumerate(tree)]
            return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
        if self.names is None and tree is not None:
            raise _unknown(path, tree)
        return tree

    def _dict(self, tree: Mapping[Any, Any], path: str) -> Any:
        own = {name: part for name, part in tree.items() if _is_array(part) and not is_response(name)}
        rows = self._rows(own, path)
        if rows is None and self.names is None:
            for name, part in own.items():
                raise _unknown(_under(path, name), part)
        result = {name: part if _is_array(part) else self.walk(part, _under(path, name)) for name, part in tree.items()}
        if rows is not None:
            self.layers.append(path)
            if (self.names is None or path in self.names) and not any(map(is_response, tree)):
                # Folded in, not split, so that a layer's response does not depend on which others get one.
                key = jax.random.fold_in(self.key, len(self.layers))
                result |= response_of(key, own, rows, self.n, self._draw(own, path))
        return result

    def _rows(self, own: dict[Any, Any], path: str) -> dict[str, int] | None:
        """Of each parameter of a layer; None where the dict is none."""
        if "weight_hh_l0" in own:
            known = ("weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l")
            return {name: part.shape[0] for name, part in own.items()} if all(n.startswith(known) for n in own) else None
        if "weight" not in own or not set(own) <= {"weight", "bias"} or jnp.ndim(own["weight"]) not in (2, 4):
            return None
        if path in self.embeddings:
            return {"weight": own["weight"].shape[1]} if "bias" not in own and jnp.ndim(own["weight"]) == 2 else None
        return dict.fromkeys(own, own["weight"].shape[0])

    def _draw(self, own: dict[Any, Any], path: str) -> Any:
        if path in self.embeddings:
            return jax.random.normal
        if "weight_hh_l0" in own:
            return uniform(own["weight_hh_l0"].shape[1])
        return uniform(math.prod(own["weight"].shape[1:]))


def nested(named: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays by names with points, as a torch `state_dict` has them, as dicts in dicts of JAX arrays.

    Args:
        named: Such as ``network.state_dict()``, with tensors on the CPU.

    Returns:
        Parameters as the functions here take them.

    Raises:
        ArgumentError: A name is that of an array and of a part with arrays.

    Example:
        >>> hpm.jax.nested({"encoder.weight": np.zeros((2, 3))})["encoder"]["weight"].shape
        (2, 3)
    """
    result: dict[str, Any] = {}
    for name, value in named.items():
        *path, last = name.split(".")
        place = result
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ArgumentError(f"{name!r} lies in {part!r}, which is an array")
        if last in place:
            raise ArgumentError(f"{name!r} is the name of an array and of a part with arrays")
        place[last] = jnp.array(np_of(value))
    return result


def np_of(value: Any) -> Any:
    return value.numpy() if hasattr(value, "numpy") else value


def _under(path: str, name: Any) -> str:
    return f"{path}.{name}" if path else str(name)


def _is_array(part: Any) -> bool:
    return hasattr(part, "shape") and hasattr(part, "dtype")


def _unknown(path: str, leaf: Any) -> ArgumentError:
    shape = f"has shape {leaf.shape}" if _is_array(leaf) else f"is {leaf!r:.40}"
    return ArgumentError(
        f"{path!r} {shape}, in a dict that is no layer which can be converted; allowed: weight of 2 or 4 dimensions and bias, "
        "or an LSTM's. To leave it as it is, without a response, name the layers that get one: names=[...]"
    )
