"""A network that learns how its weights respond to its hyperparameters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.autograd import forward_ad
from torch.func import functional_call

from ..errors import ArgumentError
from ..problem import Problem
from ..space import SearchSpace
from .best_response import BestResponse
from .context import Context, Strength
from .conversion import convert
from .coordinates import RANGE, Coordinates
from .perturbation import PerturbationScale

Loss = Callable[["SelfTuning"], torch.Tensor]


class SelfTuning(nn.Module):
    """A self-tuning network: its layers have a best response to hyperparameters h, learned on perturbed ones, and
    its hypergradient is the derivative of a validation loss through that response,

    .. math:: \\min_\\varphi E_\\varepsilon\\, f(\\hat w_\\varphi(h + \\varepsilon), h + \\varepsilon), \\qquad
        \\frac{dF}{dh} \\approx \\frac{\\partial}{\\partial h} F(\\hat w_\\varphi(h), h)

    In training each forward pass perturbs the hyperparameters; layers and regularisers see the same ones. In evaluation
    there is no perturbation.

    The response is *centred*: it is to the difference from h, so the elementary weights are those of h itself. As first
    published it is not (``centered=False``): it is to h, whose coordinates of up to 5 make its gradient a hundred times as large
    as that of the weights, and need a learning rate of their own or some patience.

    With ``delta=True`` it is that of Delta-STN: centred and linearised in the network's outputs; the weights learn
    without perturbations, and the response alone learns from them. A step costs a forward and a backward pass more;
    :meth:`backward` does both.

    Args:
        network: Converted in place by :func:`convert`: ordinary layers get a best response and keep their weights.
            Its regularisers, such as :class:`Dropout`, name hyperparameters of the space.
        space: The hyperparameters. A response is learned to reals and blocks that hypergradients may move.
        centered: Whether the response is to the difference from the hyperparameters, or to the hyperparameters.
        delta: Delta-STN's response, which is centred.
        respond_to: Names of the hyperparameters to respond to; None: all that can be; ``[]``: an ordinary network with
            tuned regularisers, for methods without hypergradients.
        keep: Types of layers that stay without a response, as in :func:`convert`.
        per_example: Whether each example of a batch has its own perturbation, which makes the response's gradient less
            noisy and a step of convolutions nearly twice as long; False: one for the batch.
        perturbation_scale: Of :class:`PerturbationScale` at first, in coordinates of which the range is 10.
        entropy_weight: Of the perturbation's entropy in :meth:`perturbation_loss`, 0 or more.
        batch_dim: The dimension of examples in the network's first argument, and in what its layers see.
        values: Hyperparameters at first, by name; None: the space's initial values, the middle of the range without.

    Its `state_dict` holds elementary parameters under the names that they have in torch, the responses, the hyperparameters
    and the perturbation's scale.

    Sources: MacKay, Vicol, Lorraine, Duvenaud and Grosse, 'Self-Tuning Networks', ICLR 2019; Bae and Grosse, 'Delta-STN',
    NeurIPS 2020.

    Raises:
        ArgumentError: A layer that can't be converted, or a hyperparameter that the space lacks; both are named.

    Example:
        One student: the dropout of a network, moved by hypergradients alone.

        >>> _ = torch.manual_seed(0)
        >>> x = torch.randn(60, 20)
        >>> y = x[:, :1] + torch.randn(60, 1)
        >>> space = hpm.SearchSpace().add_real("dropout", 0.0, 0.9, initial=0.1)
        >>> network = torch.nn.Sequential(hpm.torch.Dropout("dropout"), torch.nn.Linear(20, 1))
        >>> model = hpm.torch.SelfTuning(network, space)
        >>> optimizer = torch.optim.SGD(model.weights(), 0.02)
        >>> population = hpm.Population(space, population=1, algorithm="hypergradient")
        >>> for _ in range(40):
        ...     model.hyperparameters = space.decode(population.next(0).hyperparameters)
        ...     for _ in range(10):
        ...         optimizer.zero_grad()
        ...         _ = model.backward(lambda model: ((model(x[:30]) - y[:30]) ** 2).mean())
        ...         optimizer.step()
        ...     loss, hypergradient = model.hypergradient(lambda model: ((model(x[30:]) - y[30:]) ** 2).mean())
        ...     population.report(0, loss, hypergradient)
        >>> model.hyperparameters["dropout"] > 0.3
        True
    """

    def __init__(
        self,
        network: nn.Module,
        space: SearchSpace,
        *,
        centered: bool = True,
        delta: bool = False,
        respond_to: Iterable[str] | None = None,
        keep: Iterable[type[nn.Module]] = (),
        per_example: bool = True,
        perturbation_scale: float = 0.5,
        entropy_weight: float = 1e-3,
        batch_dim: int = 0,
        values: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        if delta and not centered:
            raise ArgumentError("centered is False; allowed with delta=True: True, since Delta-STN is centred")
        if not entropy_weight >= 0:
            raise ArgumentError(f"entropy_weight is {entropy_weight}; allowed: 0 or more")
        if not isinstance(network, nn.Module):
            raise TypeError(f"network is {network!r}; allowed: a torch.nn.Module")
        self.coordinates = Coordinates(space, respond_to)
        _require_names(network, space)
        n = self.coordinates.dimension
        self.network = convert(network, n, keep) if n else network
        for path, layer in self.network.named_modules():
            if isinstance(layer, BestResponse) and layer.hyperparameters != n:
                raise ArgumentError(f"layer {path!r} responds to {layer.hyperparameters} hyperparameters; allowed: {n}, as here")
        self.space = space
        self.centered, self.delta = centered, delta
        self.per_example, self.entropy_weight = per_example, float(entropy_weight)
        like = next(self.network.parameters(), torch.zeros(()))
        self.perturbation = PerturbationScale(n, perturbation_scale).to(like)
        self.register_buffer("natural", torch.zeros(space.dimension, dtype=torch.float64, device=like.device))
        self.natural: torch.Tensor
        self.context = Context(batch_dim)
        self.context.blocks = frozenset(name for name, part in space.parameters.items() if part.kind == "block")
        self.bind(self.network)
        self._pass = "ordinary"
        self._given: torch.Tensor | None = None
        self._learns_scale = False
        self.hyperparameters = dict(_starts(space)) | dict(values or {})

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """By name in natural units, as :meth:`SearchSpace.decode` gives them; all can be set, or some."""
        return self.space.decode(self.natural.cpu().numpy())

    @hyperparameters.setter
    def hyperparameters(self, values: Mapping[str, Any]) -> None:
        encoded = torch.from_numpy(self.space.encode(values)).to(self.natural)
        with torch.no_grad():
            self.natural.copy_(torch.where(encoded.isnan(), self.natural, encoded))

    def bind(self, module: nn.Module) -> Any:
        """Lets the regularisers of a module outside the network, such as a :class:`WeightDecay`, see its hyperparameters.

        Returns:
            The module.

        Raises:
            ArgumentError: It names a hyperparameter that the space lacks.
        """
        _require_names(module, self.space)
        for part in module.modules():
            if isinstance(part, (BestResponse, Strength)):
                part.context = self.context
        return module

    def weights(self) -> list[nn.Parameter]:
        """What an optimizer of the training loss moves: elementary parameters and responses."""
        return list(self.network.parameters())

    def response_parameters(self) -> list[nn.Parameter]:
        """The responses alone."""
        return [p for part in self.network.modules() if isinstance(part, BestResponse) for p in part.response_parameters()]

    def forward(self, *arguments: Any, **named: Any) -> Any:
        """The network's output for its arguments, of which the first one is a tensor with the examples."""
        perturbed = self.training and self._pass != "elementary"
        with torch.no_grad() if self._given is None and not self._learns_scale else nullcontext():
            self._set_context(arguments[0] if arguments else None, perturbed)
        if self._pass != "linearized":
            return self.network(*arguments, **named)
        self.context.linearized = True
        try:
            with forward_ad.dual_level():
                return _map(self.network(*arguments, **named), _linear)
        finally:
            self.context.linearized = False

    def _set_context(self, x: Any, perturbed: bool) -> None:
        given = self._given
        if given is None:
            given = self._given_now()
        center = self.coordinates.coordinates(given)
        z = center
        if perturbed and self.coordinates.dimension:
            examples = None
            if self.per_example:
                if not isinstance(x, torch.Tensor) or x.ndim <= self.context.batch_dim:
                    raise ArgumentError(
                        "the first argument of the network is no tensor with dimension "
                        f"{self.context.batch_dim}, that of examples; set batch_dim, or take per_example=False"
                    )
                examples = x.shape[self.context.batch_dim]
            fixed = center.detach()
            z = (fixed + self.perturbation.sample(examples)).clamp(-RANGE / 2, RANGE / 2)
            if self._given is not None:
                # A perturbation that a bound cuts short moves with the hyperparameters all the same.
                z = center + (z - fixed)
        # Unperturbed values as they are: the way to coordinates and back would make 3.9999998 of 4.
        natural = given if z is center else self.coordinates.natural(z)
        self.context.values = self._values() | self.coordinates.split(natural)
        if self.centered:
            # Where nothing moves there is nothing to respond to, and plain layers are faster.
            moved = perturbed or self._given is not None
            self.context.coordinates = z - center.detach() if moved else None
        else:
            self.context.coordinates = z if self.coordinates.dimension else None

    def _values(self) -> dict[str, torch.Tensor]:
        """Of what the network does not respond to."""
        return {
            name: self.natural[self.space.slice(name)].squeeze(0)
            for name in self.space.names
            if name not in self.coordinates.parts
        }

    def _chosen(self, natural: torch.Tensor) -> torch.Tensor:
        """``[dimension]`` -> ``[n]``."""
        return torch.cat([natural[self.space.slice(name)] for name in self.coordinates.names] or [natural[:0]])

    def backward(self, loss: Loss) -> torch.Tensor:
        """Adds the gradient of a training loss to the weights' ``.grad``, as ``loss(model).backward()`` does for an STN.

        Args:
            loss: ``loss(model)``, a number made of ``model(x)``; of a Delta-STN it is called twice.

        Returns:
            The loss, without a graph; of a Delta-STN the unperturbed one.
        """
        if not self.delta or not self.coordinates.dimension or not self.training:
            value = loss(self)
            value.backward()
            return value.detach()
        response = self.response_parameters()
        chosen = {id(parameter) for parameter in response}
        elementary = [p for p in self.weights() if id(p) not in chosen]
        with self._as("elementary"):
            value = loss(self)
            _accumulate(elementary, value)
        with self._as("linearized"):
            _accumulate(response, loss(self))
        return value.detach()

    def hypergradient(self, loss: Loss) -> tuple[float, dict[str, Any]]:
        """A validation loss at the hyperparameters, unperturbed and in evaluation, and its derivative through the best
        response.

        Args:
            loss: ``loss(model)``, a number made of ``model(x)``.

        Returns:
            The loss, and dF/dh by name in natural units, as ``report`` and `hpm.tune`'s `train` take it, of the
            hyperparameters that there is a response to. No ``.grad`` is touched.

        Complexity: One forward and one backward pass, the latter to the responses' scales alone.
        """
        given = self._given_now().requires_grad_()
        with self._as("ordinary", evaluate=True, given=given), torch.enable_grad():
            value = loss(self)
            (slope,) = torch.autograd.grad(value, given, allow_unused=True) if value.requires_grad else (None,)
        return float(value.detach()), self._by_name(torch.zeros_like(given) if slope is None else slope)

    def _given_now(self) -> torch.Tensor:
        """The hyperparameters that there is a response to, ``[n]``."""
        return self._chosen(self.natural).to(self.perturbation.raw)

    def _by_name(self, slope: torch.Tensor) -> dict[str, Any]:
        parts = self.coordinates.split(slope.double().cpu())
        return {name: part.numpy() if part.ndim else part.item() for name, part in parts.items()}

    def perturbation_loss(self, loss: Loss) -> torch.Tensor:
        """A validation loss under perturbation, minus `entropy_weight` times the perturbation's entropy: what
        ``model.perturbation`` minimises. Call ``backward()`` on it, and step an optimizer of
        ``model.perturbation.parameters()``; the weights get gradients too, which the next ``zero_grad()`` has to discard.

        Args:
            loss: ``loss(model)``, as in :meth:`hypergradient`.
        """
        return self._perturbed(loss) - self.entropy_weight * self.perturbation.entropy()

    def _perturbed(self, loss: Loss, given: torch.Tensor | None = None) -> torch.Tensor:
        kind = "linearized" if self.delta else "ordinary"
        with self._as(kind, evaluate=True, perturbed=True, given=given, learns_scale=True):
            return loss(self)

    def tune_perturbation(self, loss: Loss, optimizer: torch.optim.Optimizer) -> tuple[float, dict[str, Any]]:
        """One step of an optimizer of ``model.perturbation.parameters()`` on :meth:`perturbation_loss`. No other ``.grad``
        is touched.

        Args:
            loss: ``loss(model)``, as in :meth:`hypergradient`.
            optimizer: Of the paper's: Adam with .003 for images, .01 for language.

        Returns:
            The loss under perturbation, and its derivative as :meth:`hypergradient` has it: from the same pass, and so
            noisier. It is what an STN descends. The mean of several minibatches costs half as much as with
            :meth:`hypergradient` beside it.

        Complexity: One forward and one backward pass.
        """
        given = self._given_now().requires_grad_()
        value = self._perturbed(loss, given)
        total = value - self.entropy_weight * self.perturbation.entropy()
        self.perturbation.raw.grad, slope = torch.autograd.grad(total, (self.perturbation.raw, given), materialize_grads=True)
        optimizer.step()
        self.perturbation.raw.grad = None
        return float(value.detach()), self._by_name(slope)

    def problem(self, loss: Loss) -> Problem:
        """The bilevel problem of which the estimator ``best-response`` gives the hypergradient, for `hpm.tune`:
        ``problem=models[0].problem(loss), parameters=lambda k: models[k].tensors(), estimator="best-response"``.

        Args:
            loss: ``loss(model)``, a validation loss; asked again it gives the same.
        """
        # A copy of its own: the student in whose place it runs is not changed.
        judge = _Judge(copy.deepcopy(self).eval(), loss)
        h = self.coordinates.split(self._given_now())

        def outer_loss(tensors: dict[str, torch.Tensor], h: dict[str, torch.Tensor]) -> torch.Tensor:
            given = torch.cat([h[name].reshape(-1) for name in self.coordinates.names])
            model = judge.model
            with model._as("ordinary", evaluate=True, given=given):
                result: torch.Tensor = functional_call(judge, {f"model.{name}": tensor for name, tensor in tensors.items()}, ())
                return result

        return Problem.differentiate(None, outer_loss, self.tensors(), h)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The floating-point parameters and buffers by name, not copied: what :meth:`problem` calls parameters."""
        everything = dict(self.named_parameters()) | dict(self.named_buffers())
        return {name: tensor for name, tensor in everything.items() if tensor.is_floating_point() and tensor.numel()}

    @contextmanager
    def _as(
        self,
        kind: str,
        evaluate: bool = False,
        perturbed: bool = False,
        given: torch.Tensor | None = None,
        learns_scale: bool = False,
    ) -> Iterator[None]:
        """A kind of pass; with `evaluate` regularisers are off, though with `perturbed` responses see perturbations."""
        before = self._pass, self._given, self._learns_scale
        training = [module for module in self.modules() if module.training]
        if evaluate:
            self.eval()
        if perturbed:
            self.training = True
        self._pass, self._given, self._learns_scale = kind, given, learns_scale
        try:
            yield
        finally:
            self._pass, self._given, self._learns_scale = before
            self.training = False
            for module in training:
                module.training = True

    def extra_repr(self) -> str:
        return f"{self.space!r}, centered={self.centered}, delta={self.delta}"

    def _load_from_state_dict(self, state: Mapping[str, Any], prefix: str, *more: Any) -> None:
        shape = getattr(state.get(prefix + "natural"), "shape", self.natural.shape)
        if shape != self.natural.shape:
            raise ArgumentError(
                f"the state is of a space of {shape[0]} hyperparameters; allowed: {self.natural.shape[0]}, as in {self.space!r}"
            )
        super()._load_from_state_dict(state, prefix, *more)  # type: ignore[arg-type]


class _Judge(nn.Module):
    """A loss as a module, since functional calls replace tensors of modules alone."""

    def __init__(self, model: SelfTuning, loss: Loss):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self) -> torch.Tensor:
        return self.loss(self.model)


def _starts(space: SearchSpace) -> Iterator[tuple[str, Any]]:
    for name, part in space.parameters.items():
        if part.initial is not None:
            yield name, part.initial
        elif part.kind in ("integer", "choice"):
            yield name, part.low if part.kind == "integer" else 0
        elif part.scale == "log":
            yield name, (part.low * part.high) ** 0.5
        else:
            yield name, (part.low + part.high) / 2


def _require_names(module: nn.Module, space: SearchSpace) -> None:
    """Of all regularisers: a name that is wrong is found before any training."""
    for path, part in module.named_modules():
        for argument, strength in getattr(part, "strengths", {}).items():
            if isinstance(strength, str) and strength not in space.names:
                raise ArgumentError(
                    f"{path or 'the module'} ({type(part).__name__}) has {argument}={strength!r}, which is no hyperparameter of "
                    f"the space; allowed: {', '.join(space.names) or 'none'}"
                )


def _accumulate(parameters: list[nn.Parameter], loss: torch.Tensor) -> None:
    """Adds a loss's gradient to the ``.grad`` of these parameters alone."""
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients):
        if gradient is not None:
            parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient


def _linear(tensor: torch.Tensor) -> torch.Tensor:
    value, tangent = forward_ad.unpack_dual(tensor)
    return value.detach() if tangent is None else value.detach() + tangent


def _map(output: Any, function: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(output, torch.Tensor):
        return function(output)
    if isinstance(output, Mapping):
        return {key: _map(part, function) for key, part in output.items()}
    if isinstance(output, (list, tuple)):
        parts = [_map(part, function) for part in output]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    return output
