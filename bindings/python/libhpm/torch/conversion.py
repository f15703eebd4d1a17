"""An ordinary network made a self-tuning one, by the types of its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn

from ..errors import ArgumentError
from .best_response import BestResponse
from .context import Strength
from .convolution import HyperConv2d
from .embedding import HyperEmbedding
from .linear import HyperLinear
from .recurrent import HyperLSTM


def convert(network: nn.Module, hyperparameters: int, keep: Iterable[type[nn.Module]] = ()) -> nn.Module:
    """Replaces each layer by the one with a best response, in place, and keeps its weights: the output stays the same.

    Args:
        network: `torch.nn.Linear`, `Conv2d`, `Embedding` and `LSTM` are replaced; layers without parameters, and those
            that have a best response already, stay.
        hyperparameters: n, the number of coordinates.
        keep: Types of layers with parameters that stay as they are, without a response, such as
            ``[torch.nn.BatchNorm2d]``.

    Returns:
        The network; another module where `network` itself is a layer. The same parameter in two places, as a tied
        decoder's, is the same one afterwards.

    Raises:
        ArgumentError: A layer has parameters and is of another type: the sentence names it. The network is as it was.

    Example:
        >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
        >>> x = torch.randn(2, 3)
        >>> before = network(x)
        >>> converted = hpm.torch.convert(network, hyperparameters=2)
        >>> converted
        Sequential(
          (0): HyperLinear(in_features=3, out_features=4, bias=True)
          (1): Tanh()
          (2): HyperLinear(in_features=4, out_features=1, bias=True)
        )
        >>> bool((converted(x) == before).all())
        True
    """
    kept = tuple(keep)
    made: dict[int, nn.Module] = {}
    places: list[tuple[nn.Module, str, nn.Module]] = []
    for path, parent, name, layer in _layers(network):
        if isinstance(layer, (BestResponse, Strength)) or type(layer) in kept:
            continue
        if type(layer) in _MAKERS:
            # A layer in two places is one layer.
            if id(layer) not in made:
                made[id(layer)] = _MAKERS[type(layer)](layer, hyperparameters, path)
            places.append((parent, name, made[id(layer)]))
        elif next(layer.parameters(recurse=False), None) is not None:
            allowed = ", ".join(kind.__name__ for kind in _MAKERS)
            raise ArgumentError(
                f"layer {path!r} is a {type(layer).__name__}, which can't be converted; allowed: {allowed}. To leave it as it "
                f"is, without a response: keep=[{type(layer).__module__}.{type(layer).__name__}]"
            )
    for parent, name, layer in places:
        if parent is None:
            return layer
        setattr(parent, name, layer)
    return network


def _layers(network: nn.Module) -> Iterable[tuple[str, nn.Module, str, nn.Module]]:
    """(path, parent, name in it, module) of each place."""
    parents = dict(network.named_modules())
    for path, module in network.named_modules(remove_duplicate=False):
        parent, _, name = path.rpartition(".")
        yield path or type(module).__name__, parents.get(parent) if path else None, name, module  # type: ignore[misc]


def _take(layer: nn.Module, made: nn.Module) -> nn.Module:
    """The parameters themselves, so that ties and optimizers that hold them keep working."""
    for name, parameter in layer.named_parameters(recurse=False):
        setattr(made, name, parameter)
    made.train(layer.training)
    return made


def _kind(parameter: torch.Tensor) -> dict[str, object]:
    return {"device": parameter.device, "dtype": parameter.dtype}


def _linear(layer: nn.Linear, n: int, path: str) -> nn.Module:
    made = HyperLinear(layer.in_features, layer.out_features, n, layer.bias is not None, **_kind(layer.weight))
    return _take(layer, made)


def _convolution(layer: nn.Conv2d, n: int, path: str) -> nn.Module:
    names = ("stride", "padding", "dilation", "groups", "padding_mode")
    kind = {name: getattr(layer, name) for name in names} | _kind(layer.weight) | {"bias": layer.bias is not None}
    return _take(layer, HyperConv2d(layer.in_channels, layer.out_channels, layer.kernel_size, n, **kind))


def _embedding(layer: nn.Embedding, n: int, path: str) -> nn.Module:
    for name in ("max_norm", "scale_grad_by_freq", "sparse"):
        if getattr(layer, name):
            raise ArgumentError(f"layer {path!r} is an Embedding with {name}, which can't be converted; allowed: without")
    made = HyperEmbedding(layer.num_embeddings, layer.embedding_dim, n, layer.padding_idx, **_kind(layer.weight))
    return _take(layer, made)


def _lstm(layer: nn.LSTM, n: int, path: str) -> nn.Module:
    for name in ("bidirectional", "proj_size"):
        if getattr(layer, name):
            raise ArgumentError(f"layer {path!r} is an LSTM with {name}, which can't be converted; allowed: without")
    names = ("num_layers", "bias", "batch_first", "dropout")
    kind = {name: getattr(layer, name) for name in names} | _kind(layer.weight_ih_l0)  # type: ignore[arg-type]
    return _take(layer, HyperLSTM(layer.input_size, layer.hidden_size, n, **kind))  # type: ignore[arg-type]


_MAKERS: dict[type[nn.Module], Callable[..., nn.Module]] = {
    nn.Linear: _linear,
    nn.Conv2d: _convolution,
    nn.Embedding: _embedding,
    nn.LSTM: _lstm,
}
