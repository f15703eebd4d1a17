"""JAX pytrees as vectors, and derivatives by JAX."""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np

from ._arguments import Vector as Numbers
from .errors import ArgumentError

# Any: what is checked does not depend on whether JAX is installed.
jax: Any = importlib.import_module("jax")
jnp: Any = importlib.import_module("jax.numpy")
_map = jax.tree_util.tree_map


def _array(leaf: Any, name: str) -> Any:
    """A leaf as an array of real numbers; itself, where it is one."""
    try:
        array = jnp.asarray(leaf)
    except TypeError:
        raise TypeError(
            f"{name} has a leaf {leaf!r:.80}; allowed: arrays of floating-point numbers. Leave what is not trained out of it"
        ) from None
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(
            f"{name} has a leaf of {array.dtype}; allowed: floating-point numbers, such as jnp.asarray(x, float). "
            "Leave counters and keys out of it"
        )
    return array


class JaxOperations:
    """Vectors are pytrees like the one that the space was made from. Arrays don't change, so a copy
    costs nothing and everything else makes a new one."""

    fixed = True

    def __init__(self, given: Any, name: str):
        leaves, self._tree = jax.tree_util.tree_flatten(given)
        arrays = [_array(leaf, name) for leaf in leaves]
        self._shapes = [(array.shape, array.dtype, array.sharding) for array in arrays]
        self.lengths = [array.size for array in arrays]
        self.dimension = sum(self.lengths)
        if self.dimension == 0:
            raise ArgumentError(f"{name} holds no numbers; allowed: at least 1")
        limits = [jnp.finfo(array.dtype) for array in arrays]
        self._smallest = max(float(limit.tiny) for limit in limits)
        self._largest = min(float(limit.max) for limit in limits)
        self.precision = max(float(limit.eps) for limit in limits)
        self.names = sorted(given) if _is_flat(given) else None

    def value(self, given: Any, name: str) -> Any:
        leaves, tree = jax.tree_util.tree_flatten(given)
        if tree != self._tree:
            raise ArgumentError(f"{name} is {tree}; allowed: {self._tree}, as where the problem was made")
        arrays = [_array(leaf, name) for leaf in leaves]
        for array, (shape, dtype, _) in zip(arrays, self._shapes):
            if array.shape != shape or array.dtype != dtype:
                raise ArgumentError(
                    f"{name} has a leaf of {array.dtype}{array.shape}; allowed: {dtype}{shape}, as where the problem was made"
                )
        return jax.tree_util.tree_unflatten(tree, arrays)

    def given(self, value: Any) -> Any:
        return value

    def zeros(self) -> Any:
        return jax.tree_util.tree_unflatten(
            self._tree, [jnp.zeros(shape, dtype, device=device) for shape, dtype, device in self._shapes]
        )

    def copy(self, source: Any, target: Any) -> Any:
        return source

    def dot(self, left: Any, right: Any) -> float:
        with _double():
            return float(_dot(left, right))

    def axpy(self, factor: float, source: Any, target: Any) -> Any:
        with self._precision(factor):
            return _axpy(np.float64(factor), source, target)

    def scale(self, factor: float, value: Any) -> Any:
        with self._precision(factor):
            return _scale(np.float64(factor), value)

    def _precision(self, factor: float) -> AbstractContextManager[Any]:
        """Double for a factor that the arrays' numbers can't hold."""
        size = abs(factor)
        return _double() if 0 < size < self._smallest or self._largest < size < math.inf else nullcontext()

    def any(self, value: Any) -> bool:
        return bool(_any(value))

    def random(self, seed: int, rademacher: bool, value: Any) -> Any:
        key = jax.random.fold_in(jax.random.key(seed & 0xFFFFFFFF), seed >> 32)
        return _random(key, value, rademacher)

    def unit(self, index: int, value: Any) -> Any:
        return _unit(index, value)

    def write(self, numbers: list[Numbers], value: Any) -> Any:
        return jax.tree_util.tree_unflatten(
            self._tree,
            [
                jax.device_put(part.reshape(shape).astype(dtype), device)
                for part, (shape, dtype, device) in zip(numbers, self._shapes)
            ],
        )

    def read(self, value: Any) -> list[Numbers]:
        return [np.asarray(leaf, np.float64).ravel() for leaf in jax.tree_util.tree_leaves(value)]


def _is_flat(given: Any) -> bool:
    return isinstance(given, Mapping) and all(
        isinstance(key, str) and jax.tree_util.all_leaves([leaf]) for key, leaf in given.items()
    )


def _double() -> AbstractContextManager[Any]:
    """Within it JAX has double precision, whatever the user's configuration is."""
    enable = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    context: AbstractContextManager[Any] = enable(True)
    return context


@jax.jit  # type: ignore[untyped-decorator, unused-ignore]
def _dot(left: Any, right: Any) -> Any:
    # Of single precision the squares would overflow above 1e19. The compiler makes one loop of this: no
    # vector in double precision is ever there.
    products = _map(lambda a, b: jnp.sum(a.astype(jnp.float64) * b.astype(jnp.float64)), left, right)
    return sum(jax.tree_util.tree_leaves(products))


@jax.jit  # type: ignore[untyped-decorator, unused-ignore]
def _axpy(factor: Any, source: Any, target: Any) -> Any:
    return _map(lambda s, t: t + (factor * s).astype(t.dtype), source, target)


@jax.jit  # type: ignore[untyped-decorator, unused-ignore]
def _scale(factor: Any, value: Any) -> Any:
    return _map(lambda v: jnp.where(factor == 0, 0, factor * v).astype(v.dtype), value)


@jax.jit  # type: ignore[untyped-decorator, unused-ignore]
def _any(value: Any) -> Any:
    return jnp.stack([jnp.any(leaf) for leaf in jax.tree_util.tree_leaves(value)]).any()


@functools.partial(jax.jit, static_argnums=2)  # type: ignore[untyped-decorator, unused-ignore]
def _random(key: Any, value: Any, rademacher: bool) -> Any:
    leaves, tree = jax.tree_util.tree_flatten(value)
    draw = jax.random.rademacher if rademacher else jax.random.normal
    keys = jax.random.split(key, len(leaves))
    return jax.tree_util.tree_unflatten(
        tree, [draw(k, leaf.shape).astype(leaf.dtype) for k, leaf in zip(keys, leaves)]
    )


@jax.jit  # type: ignore[untyped-decorator, unused-ignore]
def _unit(index: Any, value: Any) -> Any:
    leaves, tree = jax.tree_util.tree_flatten(value)
    units, start = [], 0
    for leaf in leaves:
        ones = jnp.arange(leaf.size) == index - start
        units.append(ones.astype(leaf.dtype).reshape(leaf.shape))
        start += leaf.size
    return jax.tree_util.tree_unflatten(tree, units)


class JaxDifferentiation:
    """Derivatives as compiled functions of pytrees."""

    def outer(self, loss: Callable[..., Any]) -> Any:
        return _bound(_outer, loss)

    def inner(self, loss: Callable[..., Any]) -> Any:
        return _bound(_inner, loss)

    def step(self, step: Callable[..., Any]) -> Any:
        return _bound(_step, step)

    def descent(self, loss: Callable[..., Any], learning_rate: float) -> Any:
        function, data = _split(loss)
        return _bound(_step, jax.tree_util.Partial(_Descent(function), data, learning_rate))

    def response(self, response: Callable[..., Any]) -> Any:
        return SimpleNamespace(value=response)

    def begin(self) -> None:
        pass


def framework(params: Any, h: Any) -> tuple[JaxOperations, JaxOperations, JaxDifferentiation]:
    return JaxOperations(params, "params"), JaxOperations(h, "h"), JaxDifferentiation()


def _bound(compile: Callable[[Any], dict[str, Any]], given: Callable[..., Any]) -> SimpleNamespace:
    function, data = _split(given)
    return SimpleNamespace(**{name: functools.partial(f, data) for name, f in compile(function).items()})


def _split(function: Callable[..., Any]) -> tuple[Callable[..., Any], Any]:
    """A function and what its arguments begin with: what a jax.tree_util.Partial holds is traced."""
    if isinstance(function, jax.tree_util.Partial):
        return function.func, (function.args, dict(function.keywords))
    return function, ((), {})


def _cached(build: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """Keeps what was compiled for the functions that were used last."""
    cached = functools.lru_cache(maxsize=16)(build)

    @functools.wraps(build)
    def get(function: Any) -> dict[str, Any]:
        return cached(function) if isinstance(function, Hashable) else build(function)

    return get


class _Descent:
    """Gradient descent on a loss, as a step; equal for equal losses."""

    def __init__(self, loss: Callable[..., Any]):
        self._loss = loss

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descent) and other._loss == self._loss

    def __hash__(self) -> int:
        return hash((_Descent, self._loss))

    def __call__(self, data: Any, learning_rate: Any, params: Any, h: Any, index: Any) -> Any:
        arguments, keywords = data
        gradient = jax.grad(lambda p: _number("inner_loss", self._loss(*arguments, p, h, **keywords)))(params)
        return _map(lambda p, g: (p - learning_rate * g).astype(p.dtype), params, gradient)


def _number(name: str, loss: Any) -> Any:
    if not isinstance(loss, (float, np.ndarray, np.generic, jax.Array)) or jnp.size(loss) != 1:
        kind = f"an array of shape {loss.shape}" if hasattr(loss, "shape") else f"{loss!r:.80}"
        raise TypeError(f"{name} returned {kind}; allowed: an array of one number")
    return jnp.reshape(loss, ())


def _loss(name: str, loss: Callable[..., Any]) -> Callable[..., Any]:
    return lambda data, *arguments: _number(name, loss(*data[0], *arguments, **data[1]))


@_cached
def _outer(loss: Callable[..., Any]) -> dict[str, Any]:
    call = _loss("outer_loss", loss)
    return {"value": jax.jit(call), "gradients": jax.jit(jax.grad(call, (1, 2)))}


@_cached
def _inner(loss: Callable[..., Any]) -> dict[str, Any]:
    call = _loss("inner_loss", loss)
    gradient = jax.grad(call, 1)

    def hessian_product(data: Any, w: Any, h: Any, v: Any) -> Any:
        return jax.jvp(lambda w: gradient(data, w, h), (w,), (v,))[1]

    def cross_product(data: Any, w: Any, h: Any, v: Any) -> Any:
        # d(v . df/dw)/dh, the inner product as a directional derivative: one pass less.
        return jax.grad(lambda h: jax.jvp(lambda w: call(data, w, h), (w,), (v,))[1])(h)

    return {
        "value": jax.jit(call),
        "gradient": jax.jit(gradient),
        "hessian_product": jax.jit(hessian_product),
        "cross_product": jax.jit(cross_product),
    }


def _kind(tree: Any) -> Any:
    """Structure, shapes and dtypes, in words."""
    return jax.tree_util.tree_map(lambda leaf: f"{jnp.result_type(leaf)}{list(jnp.shape(leaf))}", tree)


@_cached
def _step(step: Callable[..., Any]) -> dict[str, Any]:
    def call(data: Any, index: Any, w: Any, h: Any) -> Any:
        after = step(*data[0], w, h, index, **data[1])
        if _kind(after) != _kind(w):
            raise TypeError(f"step returned {_kind(after)}; allowed: {_kind(w)}, as params")
        return after

    def forward(data: Any, index: Any, w: Any, h: Any, dw: Any, dh: Any) -> Any:
        return jax.jvp(lambda w, h: call(data, index, w, h), (w, h), (dw, dh))[1]

    def backward(data: Any, index: Any, w: Any, h: Any, v: Any) -> Any:
        return jax.vjp(lambda w, h: call(data, index, w, h), w, h)[1](v)

    return {
        "value": jax.jit(call),
        "forward": jax.jit(forward),
        "backward": jax.jit(backward),
    }
