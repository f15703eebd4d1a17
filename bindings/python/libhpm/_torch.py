"""Torch tensors as vectors, and derivatives by torch.autograd."""

from __future__ import annotations

import functools
import importlib
import itertools
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

from ._arguments import Vector as Numbers
from .errors import ArgumentError

# Any: what is checked does not depend on whether torch is installed.
torch: Any = importlib.import_module("torch")
forward_ad: Any = importlib.import_module("torch.autograd.forward_ad")

Tensors = list[Any]


def flatten(given: Any) -> Tensors:
    """The tensors of a tensor, dict, list or tuple, nested as you like, in the order in which they
    stand."""
    if isinstance(given, Mapping):
        return [tensor for part in given.values() for tensor in flatten(part)]
    if isinstance(given, (list, tuple)):
        return [tensor for part in given for tensor in flatten(part)]
    return [given]


def unflatten(like: Any, tensors: Any) -> Any:
    """The structure of `like` with the tensors of an iterator."""
    if isinstance(like, Mapping):
        return {key: unflatten(part, tensors) for key, part in like.items()}
    if isinstance(like, (list, tuple)):
        parts = [unflatten(part, tensors) for part in like]
        if isinstance(like, list):
            return parts
        return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)
    return next(tensors)


def _skeleton(given: Any) -> Any:
    """The structure alone."""
    return unflatten(given, itertools.repeat(None))


class TorchOperations:
    """Vectors are lists of tensors, changed in place."""

    fixed = False

    def __init__(self, given: Any, name: str):
        tensors = flatten(given)
        for tensor in tensors:
            if not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
                kind = tensor.dtype if isinstance(tensor, torch.Tensor) else type(tensor).__name__
                raise TypeError(
                    f"{name} holds {kind}; allowed: floating-point tensors, in dicts, lists and tuples. {_hint(tensor)}"
                )
        self.structure = _skeleton(given)
        self._kinds = [(tensor.shape, tensor.dtype, tensor.device) for tensor in tensors]
        self.lengths = [tensor.numel() for tensor in tensors]
        self.dimension = sum(self.lengths)
        if self.dimension == 0:
            raise ArgumentError(f"{name} holds no numbers; allowed: at least 1")
        self._groups = _groups(tensors)
        self.precision = max(torch.finfo(tensor.dtype).eps for tensor in tensors)
        flat = isinstance(given, Mapping) and all(
            isinstance(key, str) and isinstance(part, torch.Tensor) for key, part in given.items()
        )
        self.names = list(given) if flat else None

    def value(self, given: Any, name: str) -> Tensors:
        tensors = flatten(given)
        if _skeleton(given) != self.structure:
            raise ArgumentError(f"{name} has another structure than where the problem was made")
        for tensor, kind in zip(tensors, self._kinds):
            found = (tensor.shape, tensor.dtype, tensor.device) if isinstance(tensor, torch.Tensor) else tensor
            if found != kind:
                raise ArgumentError(f"{name} holds {found}; allowed: {kind}, as where the problem was made")
        with _tracked():
            return _detached(tensors)

    def given(self, value: Tensors) -> Any:
        return unflatten(self.structure, iter(value))

    def zeros(self) -> Tensors:
        with _tracked():
            return [torch.zeros(shape, dtype=dtype, device=device) for shape, dtype, device in self._kinds]

    def copy(self, source: Tensors, target: Tensors) -> Tensors:
        for s, t in zip(source, target):
            t.copy_(s)
        return target

    def dot(self, left: Tensors, right: Tensors) -> float:
        total: Any = None
        for group in self._groups:
            # Blocks: a vector in double precision is never there as a whole.
            a = _joined([left[index] for index in group]).split(_BLOCK)
            b = a if right is left else _joined([right[index] for index in group]).split(_BLOCK)
            for part in map(_dot, a, b):
                total = part if total is None else total + part.to(total.device)
        return float(total.item())

    def axpy(self, factor: float, source: Tensors, target: Tensors) -> Tensors:
        for s, t in zip(source, target):
            if _fits(factor, t.dtype):
                t.add_(s, alpha=factor)
            else:
                t.add_((s.to(_wide(s)) * factor).to(t.dtype))
        return target

    def scale(self, factor: float, value: Tensors) -> Tensors:
        for tensor in value:
            if factor == 0:
                tensor.zero_()
            elif _fits(factor, tensor.dtype):
                tensor.mul_(factor)
            else:
                tensor.copy_(tensor.to(_wide(tensor)) * factor)
        return value

    def any(self, value: Tensors) -> bool:
        return any(bool(tensor.any()) for tensor in value)

    def random(self, seed: int, rademacher: bool, value: Tensors) -> Tensors:
        generators: dict[Any, Any] = {}
        for tensor in value:
            generator = generators.get(tensor.device)
            if generator is None:
                generator = generators[tensor.device] = torch.Generator(tensor.device)
                generator.manual_seed(seed & (1 << 63) - 1)
            if rademacher:
                tensor.bernoulli_(0.5, generator=generator).mul_(2).sub_(1)
            else:
                tensor.normal_(generator=generator)
        return value

    def unit(self, index: int, value: Tensors) -> Tensors:
        for tensor in value:
            tensor.zero_()
            if 0 <= index < tensor.numel():
                tensor.view(-1)[index] = 1
            index -= tensor.numel()
        return value

    def write(self, numbers: list[Numbers], value: Tensors) -> Tensors:
        for part, tensor in zip(numbers, value):
            tensor.copy_(torch.from_numpy(part.copy()).reshape(tensor.shape))
        return value

    def read(self, value: Tensors) -> list[Numbers]:
        return [np.asarray(tensor.cpu().double()).ravel() for tensor in value]


def _hint(given: Any) -> str:
    """What to write instead."""
    if isinstance(given, torch.nn.Module):
        return "Of a module give dict(module.named_parameters()), and call it in the losses by torch.func.functional_call"
    if hasattr(given, "__next__"):
        return "Of a module give dict(module.named_parameters()), or list(...) of a generator"
    if isinstance(given, torch.Tensor):
        return "Leave what is not trained out of it; a number becomes one by .float()"
    return "A number becomes one by torch.tensor(...), an array by torch.from_numpy(...)"


@contextmanager
def _tracked() -> Iterator[None]:
    """Where autograd records, also inside torch.no_grad() and torch.inference_mode() of the user's."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def _detached(tensors: Tensors) -> Tensors:
    """Tensors of an inference mode can't be differentiated: they are copied."""
    return [tensor.clone() if tensor.is_inference() else tensor.detach() for tensor in tensors]


_BLOCK = 1 << 18
"""Elements that are made double at a time: 2 MB, which a cache holds."""


def _wide(tensor: Any) -> Any:
    """Double precision; single on Apple's GPUs, which have no other."""
    return torch.float32 if tensor.device.type == "mps" else torch.float64


def _groups(tensors: Tensors) -> list[list[int]]:
    """Neighbours that fit into a block: a network has many small tensors, and each call costs its time."""
    groups: list[list[int]] = []
    kind, free = None, 0
    for index, tensor in enumerate(tensors):
        if (tensor.dtype, tensor.device) != kind or tensor.numel() > free:
            kind, free = (tensor.dtype, tensor.device), _BLOCK
            groups.append([])
        groups[-1].append(index)
        free -= tensor.numel()
    return groups


def _joined(tensors: Tensors) -> Any:
    return tensors[0].reshape(-1) if len(tensors) == 1 else torch.cat([tensor.reshape(-1) for tensor in tensors])


def _dot(left: Any, right: Any) -> Any:
    a = left.to(_wide(left))
    return torch.dot(a, a if right is left else right.to(_wide(right)))


def _fits(factor: float, dtype: Any) -> bool:
    """Whether `dtype` holds a factor: torch refuses one that is too large, and rounds a small one to 0."""
    limits = torch.finfo(dtype)
    return not limits.max < abs(factor) < math.inf and not 0 < abs(factor) < limits.tiny


class TorchDifferentiation:
    """Derivatives as functions of lists of tensors."""

    def __init__(self, params: TorchOperations, h: TorchOperations):
        self._params, self._h = params, h
        self._curvature: _Curvature | None = None

    def outer(self, loss: Callable[..., Any]) -> Any:
        return _Function("outer_loss", loss, self._params, self._h)

    def inner(self, loss: Callable[..., Any]) -> Any:
        self._curvature = _Curvature(_Function("inner_loss", loss, self._params, self._h))
        return self._curvature

    def step(self, step: Callable[..., Any]) -> Any:
        return _Step(step, self._params, self._h)

    def descent(self, loss: Callable[..., Any], learning_rate: float) -> Any:
        return self.step(functools.partial(_descend, loss, self._params, learning_rate))

    def response(self, response: Callable[..., Any]) -> Any:
        return SimpleNamespace(value=lambda h: response(self._h.given(h)))

    def begin(self) -> None:
        if self._curvature is not None:
            self._curvature.forget()


def framework(params: Any, h: Any) -> tuple[TorchOperations, TorchOperations, TorchDifferentiation]:
    spaces = TorchOperations(params, "params"), TorchOperations(h, "h")
    return *spaces, TorchDifferentiation(*spaces)


def _variables(tensors: Tensors) -> Tensors:
    return [tensor.requires_grad_() for tensor in _detached(tensors)]


def _gradients(outputs: Tensors, inputs: Tensors, directions: Tensors | None = None, **more: Any) -> Tensors:
    """Of the outputs along the directions; zeros for what they don't depend on."""
    live = [index for index, output in enumerate(outputs) if output.requires_grad]
    if not live:
        return [torch.zeros_like(tensor) for tensor in inputs]
    chosen = None if directions is None else [directions[index] for index in live]
    return list(
        torch.autograd.grad(
            [outputs[index] for index in live], inputs, chosen, allow_unused=True, materialize_grads=True, **more
        )
    )


class _Function:
    """A loss of (params, h)."""

    def __init__(self, name: str, function: Callable[..., Any], params: TorchOperations, h: TorchOperations):
        self._name, self._function, self._params, self._h = name, function, params, h

    def value(self, w: Tensors, h: Tensors) -> float:
        with _tracked():  # the loss may take derivatives
            return float(_number(self._name, self._function(self._params.given(_variables(w)), self._h.given(_variables(h)))).item())

    def gradients(self, w: Tensors, h: Tensors) -> tuple[Tensors, Tensors]:
        with _tracked():
            w, h = _variables(w), _variables(h)
            found = _gradients([self(w, h)], w + h)
        return found[: len(w)], found[len(w) :]

    def __call__(self, w: Tensors, h: Tensors) -> Any:
        return _differentiable(self._name, self._function(self._params.given(w), self._h.given(h)))


def _number(name: str, loss: Any) -> Any:
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        kind = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else repr(loss)
        raise TypeError(
            f"{name} returned {kind}; allowed: a tensor of one number, computed from its arguments without float(), .item() or numpy"
        )
    return loss.reshape(())


def _differentiable(name: str, loss: Any) -> Any:
    """A loss that autograd can go back through: zeros in place of its gradient would look like an answer."""
    loss = _number(name, loss)
    if not loss.requires_grad:
        raise TypeError(
            f"{name} returned a tensor that autograd traces to neither params nor h; allowed: one computed from these "
            "two arguments themselves, without .detach(), .data, .item(), numpy or torch.no_grad()"
        )
    return loss


class _Kept(threading.local):
    """A graph of the inner gradient: what it was made from, its variables, and the gradient."""

    graph: tuple[list[tuple[Any, int]], Tensors, Tensors, Tensors] | None = None


class _Curvature:
    """Second derivatives of the inner loss by double backward. The graph of the gradient is kept from
    one product to the next, and freed with the cross product, the last of an estimate."""

    def __init__(self, loss: _Function):
        self.loss, self.value = loss, loss.value
        self._kept = _Kept()

    def forget(self) -> None:
        """Weights that were changed through `.data` look the same."""
        self._kept.graph = None

    def gradient(self, w: Tensors, h: Tensors) -> Tensors:
        with _tracked():
            w, h = _variables(w), _variables(h)
            return _gradients([self.loss(w, h)], w)

    def hessian_product(self, w: Tensors, h: Tensors, v: Tensors) -> Tensors:
        w, _, gradient = self._graph(w, h)
        return _gradients(gradient, w, v, retain_graph=True)

    def cross_product(self, w: Tensors, h: Tensors, v: Tensors) -> Tensors:
        _, h, gradient = self._graph(w, h)
        self.forget()
        return _gradients(gradient, h, v)

    def _graph(self, w: Tensors, h: Tensors) -> tuple[Tensors, Tensors, Tensors]:
        state = [(tensor, tensor._version) for tensor in w + h]
        graph = self._kept.graph
        if graph is None or not _same(graph[0], state):
            with _tracked():
                variables, hyper = _variables(w), _variables(h)
                gradient = _gradients([self.loss(variables, hyper)], variables, create_graph=True)
            graph = self._kept.graph = (state, variables, hyper, gradient)
        return graph[1:]


def _same(left: list[tuple[Any, int]], right: list[tuple[Any, int]]) -> bool:
    return all(a is b and m == n for (a, m), (b, n) in zip(left, right))


def _descend(
    loss: Callable[..., Any], params: TorchOperations, learning_rate: float, w: Any, h: Any, index: int
) -> Any:
    """A step of gradient descent that can be differentiated."""
    tensors = flatten(w)
    found = _gradients([_differentiable("inner_loss", loss(w, h))], tensors, create_graph=True)
    return params.given([t - learning_rate * g for t, g in zip(tensors, found)])


class _Step:
    """A step of the optimizer."""

    def __init__(self, step: Callable[..., Any], params: TorchOperations, h: TorchOperations):
        self._step, self._params, self._h = step, params, h

    def _call(self, index: int, w: Tensors, h: Tensors) -> Tensors:
        after = self._step(self._params.given(w), self._h.given(h), index)
        tensors = flatten(after)
        if _skeleton(after) != self._params.structure or any(
            not isinstance(t, torch.Tensor) or t.shape != before.shape for t, before in zip(tensors, w)
        ):
            raise TypeError("step returned another structure or other shapes than params has; allowed: the same")
        return tensors

    def value(self, index: int, w: Tensors, h: Tensors) -> Tensors:
        with _tracked():
            return [tensor.detach() for tensor in self._call(index, _variables(w), _variables(h))]

    def forward(self, index: int, w: Tensors, h: Tensors, dw: Tensors, dh: Tensors) -> Tensors:
        with _tracked(), forward_ad.dual_level():
            inputs = [
                forward_ad.make_dual(tensor, tangent)
                for tensor, tangent in zip(_variables(w) + _variables(h), dw + dh)
            ]
            after = self._call(index, inputs[: len(w)], inputs[len(w) :])
            tangents = [forward_ad.unpack_dual(tensor).tangent for tensor in after]
            return [
                torch.zeros_like(tensor) if tangent is None else tangent.detach()
                for tensor, tangent in zip(w, tangents)
            ]

    def backward(self, index: int, w: Tensors, h: Tensors, v: Tensors) -> tuple[Tensors, Tensors]:
        with _tracked():
            w, h = _variables(w), _variables(h)
            found = _gradients(self._call(index, w, h), w + h, v)
        return found[: len(w)], found[len(w) :]
