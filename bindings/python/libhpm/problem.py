"""A bilevel problem: what a hypergradient is the derivative of."""

from __future__ import annotations

import ctypes
import sys
import warnings
from collections.abc import Callable
from ctypes import byref, c_size_t, c_void_p
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from . import _abi
from ._arguments import real, size
from ._callbacks import Call, guarded
from ._derivatives import argument, callbacks
from ._handle import Handle
from ._library import check, functions
from ._options import Option, options, require
from ._vectors import Held, HostVectors, NumberedVectors, Vectors
from .certificate import Certificate, empty
from .errors import ArgumentError, EstimateWarning, UncheckedWarning, UnsupportedError, WrongDerivativeError
from .finding import Finding, Reason, Verdict, last_findings
from .space import SearchSpace

H = TypeVar("H")

# What each callback takes and gives: w and h are vectors of parameters and hyperparameters, i the
# index of a step, l a loss. In the order of the C interface.
_CALLBACKS = {
    "outer_loss": ("wh", "l"),
    "outer_gradient": ("wh", "wh"),
    "inner_loss": ("wh", "l"),
    "inner_gradient": ("wh", "w"),
    "inner_hyper_gradient": ("wh", "h"),
    "hessian_product": ("whw", "w"),
    "cross_product": ("whw", "h"),
    "step": ("iwh", "w"),
    "step_forward": ("iwhwh", "w"),
    "step_backward": ("iwhw", "wh"),
    "response": ("h", "l"),
}


_ESTIMATE_OPTIONS = (
    "estimator",
    "estimator_iterations",
    "estimator_tolerance",
    "estimator_damping",
    "estimator_learning_rate",
    "estimator_checkpoints",
    "estimator_step",
    "difference_step",
    "seed",
)
_CHECK_OPTIONS = "check_tolerance", "difference_step", "seed"

_DOUBLE = 2.0**-52
# Why a callback was not checked though no other is wrong, where numbers in double precision may do better.
_UNCHECKED = {
    Reason.ROUNDING: "too small here to be told from rounding",
    Reason.TOO_LARGE: "too large here to be compared",
    Reason.IDENTITY: "only an identity, which any multiple keeps, was tested",
    Reason.REFERENCE_NOT_FINITE: "differences are not finite",
    Reason.KINKS: "differences depend on the length of their step",
}


class Problem(Handle):
    """A bilevel problem: an outer loss F(w, h) of parameters w and hyperparameters h, and what made
    w: the minimum of an inner loss f(w, h), or steps w' = step(w, h) of an optimizer. Its
    hypergradient is

    .. math:: \\frac{dF}{dh} = \\frac{\\partial F}{\\partial h}
        - \\frac{\\partial}{\\partial h} \\left( q \\cdot \\frac{\\partial f}{\\partial w} \\right),
        \\quad \\frac{\\partial^2 f}{\\partial w^2} q = \\frac{\\partial F}{\\partial w}

    at a minimum (Bengio, Neural Computation 12, 2000), and by the chain rule through the steps.

    This constructor is for derivatives of your own on numpy arrays of shape ``[n]`` (parameters) and
    ``[m]`` (hyperparameters); :meth:`differentiate` takes them from torch or JAX. Give what you
    have: products that are missing are made by differences where they can, and else
    :meth:`hypergradient` says which one it needs.

    Args:
        parameters: n, at least 1.
        hyperparameters: m, at least 1.
        dtype: ``float64`` or ``float32``, of all arrays.
        outer_loss: ``(w, h) -> F``; for :meth:`check` alone.
        outer_gradient: ``(w, h) -> (dF/dw, dF/dh)``, the partial derivatives; None for the second
            where F does not depend on h directly.
        inner_loss: ``(w, h) -> f``; for :meth:`check` alone.
        inner_gradient: ``(w, h) -> df/dw``.
        inner_hyper_gradient: ``(w, h) -> df/dh``.
        hessian_product: ``(w, h, v) -> (d2f/dw2) v``.
        cross_product: ``(w, h, v) -> d(v . df/dw)/dh``, shape ``[m]``.
        step: ``(index, w, h) -> w'``; asked again for an index it gives the same.
        step_forward: ``(index, w, h, dw, dh) -> (dw'/dw) dw + (dw'/dh) dh``.
        step_backward: ``(index, w, h, v) -> ((dw'/dw)^T v, (dw'/dh)^T v)``.
        response: ``h -> F`` after training with h, for losses without derivatives.

    The callbacks get views of the vectors, not copies: they can't be written to, and a callback that
    keeps one has to copy it. What it returns is copied into place.

    Example:
        Ridge regression with one penalty for each feature, products written by hand.

        >>> random = np.random.default_rng(0)
        >>> x, y = random.normal(size=(40, 5)), random.normal(size=40)
        >>> train, valid = slice(0, 30), slice(30, 40)
        >>> hessian = lambda h: x[train].T @ x[train] + np.diag(np.exp(h))
        >>> problem = hpm.Problem(
        ...     parameters=5,
        ...     hyperparameters=5,
        ...     outer_gradient=lambda w, h: (x[valid].T @ (x[valid] @ w - y[valid]), None),
        ...     hessian_product=lambda w, h, v: x[train].T @ (x[train] @ v) + np.exp(h) * v,
        ...     cross_product=lambda w, h, v: np.exp(h) * w * v,
        ... )
        >>> h = np.zeros(5)
        >>> w = np.linalg.solve(hessian(h), x[train].T @ y[train])
        >>> gradient, certificate = problem.hypergradient(w, h, estimator_tolerance=1e-10)
        >>> certificate.status, certificate.iterations <= 5
        (<CertificateStatus.CONVERGED: 'converged'>, True)
        >>> q = np.linalg.solve(hessian(h), x[valid].T @ (x[valid] @ w - y[valid]))
        >>> np.allclose(gradient, -np.exp(h) * w * q, rtol=1e-8)
        True
    """

    _begin: Callable[[], None] = staticmethod(lambda: None)
    """Called before an estimate: what was kept of the last one is out of date."""

    def __init__(
        self,
        *,
        parameters: int,
        hyperparameters: int,
        dtype: npt.DTypeLike = np.float64,
        outer_loss: Callable[..., Any] | None = None,
        outer_gradient: Callable[..., Any] | None = None,
        inner_loss: Callable[..., Any] | None = None,
        inner_gradient: Callable[..., Any] | None = None,
        inner_hyper_gradient: Callable[..., Any] | None = None,
        hessian_product: Callable[..., Any] | None = None,
        cross_product: Callable[..., Any] | None = None,
        step: Callable[..., Any] | None = None,
        step_forward: Callable[..., Any] | None = None,
        step_backward: Callable[..., Any] | None = None,
        response: Callable[..., Any] | None = None,
    ):
        given = {
            "outer_loss": outer_loss,
            "outer_gradient": outer_gradient,
            "inner_loss": inner_loss,
            "inner_gradient": inner_gradient,
            "inner_hyper_gradient": inner_hyper_gradient,
            "hessian_product": hessian_product,
            "cross_product": cross_product,
            "step": step,
            "step_forward": step_forward,
            "step_backward": step_backward,
            "response": response,
        }
        for name, function in given.items():
            _require_callable(name, function)
        self._create(
            HostVectors(size(parameters, "parameters"), dtype),
            HostVectors(size(hyperparameters, "hyperparameters"), dtype),
            {name: function for name, function in given.items() if function is not None},
        )

    @classmethod
    def differentiate(
        cls,
        inner_loss: Callable[..., Any] | None,
        outer_loss: Callable[..., Any] | None,
        params: Any,
        h: Any,
        *,
        step: Callable[..., Any] | None = None,
        learning_rate: float | None = None,
        response: Callable[..., Any] | None = None,
    ) -> Problem:
        """A problem of losses in torch or JAX, with derivatives by their automatic differentiation.

        Args:
            inner_loss: ``inner_loss(params, h)``, one number; None where the estimator does not read it,
                as ``best-response``.
            outer_loss: ``outer_loss(params, h)``, one number.
            params: Of which structure, shapes, dtype and device the parameters are: a torch tensor
                or dict, list or tuple of them, or a JAX pytree.
            h: Likewise, the hyperparameters.
            step: ``step(params, h, index)`` returns the parameters after a step of the optimizer, for
                ``reverse`` and ``forward``. It can be differentiated: in torch, gradients within it
                are taken with ``create_graph=True``. Under JAX `index` is a traced integer.
            learning_rate: Of gradient descent on `inner_loss`, where there is no `step`.
            response: ``response(h)``, the outer loss that training with h leads to, for
                ``finite-differences`` and ``spsa``.

        All are as in :func:`hypergradient`.
        """
        for name, function in (
            ("inner_loss", inner_loss),
            ("outer_loss", outer_loss),
            ("step", step),
            ("response", response),
        ):
            _require_callable(name, function)
        rate = None if learning_rate is None else real(learning_rate, "learning_rate")
        w_space, h_space, framework = _module(params, h).framework(params, h)
        given = callbacks(framework, inner_loss, outer_loss, step, response, rate)
        problem = cls.__new__(cls)
        problem._create(NumberedVectors(w_space), NumberedVectors(h_space), given)
        problem._begin = framework.begin
        return problem

    def _create(
        self, parameters: Vectors, hyperparameters: Vectors, given: dict[str, Callable[..., Any]]
    ) -> None:
        self._parameters = parameters
        self._hyperparameters = hyperparameters
        spaces = {"w": parameters, "h": hyperparameters}
        kinds = {field[0]: field[1] for field in _abi.hpm_problem_callbacks._fields_}
        self._callbacks = _abi.hpm_problem_callbacks(size=ctypes.sizeof(_abi.hpm_problem_callbacks))
        for name, function in given.items():
            takes, gives = _CALLBACKS[name]
            body = _body(name, function, [spaces.get(letter) for letter in takes], gives, spaces)
            setattr(self._callbacks, name, guarded(kinds[name], body))
        out = c_void_p()
        check(
            functions.hpm_problem_create(
                parameters._handle, hyperparameters._handle, byref(self._callbacks), None, byref(out)
            )
        )
        self._own(out.value, functions.hpm_problem_destroy)

    def hypergradient(self, params: Any, h: H, **more: Option) -> tuple[H, Certificate]:
        """The hypergradient at (params, h), and its certificate.

        Args:
            params: What training with `h` led to; for ``reverse`` and ``forward``, where the unrolled
                steps begin; for ``best-response``, those of the response. Not read by
                ``finite-differences`` and ``spsa``.
            h: The hyperparameters.
            **more: ``estimator``, and the options that begin with ``estimator_``,
                ``difference_step`` and ``seed``, as in :func:`hypergradient`.

        Returns:
            dF/dh in the structure of `h`, and the certificate. Where that is not ``usable``, as where a
            linear solve diverged, every component is NaN.

        Warns:
            EstimateWarning: There is no estimate, or every component of it is exactly 0.

        Raises:
            BaseException: What a callback raised, as it was raised.
            UnsupportedError: A callback that the estimator needs is missing: the sentence names it.
            ArgumentError: An option or an array that is not allowed.
        """
        require(more, _ESTIMATE_OPTIONS, "hypergradient")
        found = empty()
        result, value = self._hyperparameters.result()
        self._begin()
        try:
            with (
                options(more) as handle,
                self._parameters.holding(params, "params") as w,
                self._hyperparameters.holding(h, "h") as at,
            ):
                with Call() as call:
                    status = functions.hpm_problem_hypergradient(
                        self._handle, handle, w, at, result.pointer, byref(found)
                    )
                status = call.outcome(status)
            gradient = value()
        except UnsupportedError as error:
            raise self._unsupported(error) from None
        finally:
            result.release()
            self._begin()
        certificate = Certificate._read(found)
        if status == _abi.HPM_FAILED_ESTIMATE:
            warn(certificate)
        elif not self._hyperparameters.any(gradient):
            self._warn_of_zeros(certificate, more.get("estimator"))
        return gradient, certificate

    def _unsupported(self, error: UnsupportedError) -> UnsupportedError:
        """The library's sentence names a callback; the user of `differentiate` has given losses."""
        callback: str = functions.hpm_last_missing_callback().decode()
        if not callback or not isinstance(self._parameters, NumberedVectors):
            return error
        missing = argument(callback)
        return UnsupportedError(f"{missing} is not given, and this estimator needs it ({error})")

    def _warn_of_zeros(self, certificate: Certificate, estimator: Option) -> None:
        """An estimate that is exactly 0 can be right, and is more often a loss that does not see h."""
        if estimator == "best-response":
            what = "the outer loss does not depend on h, as where params have no response to it or one that learned nothing yet"
        elif certificate.iterations == 0:
            what = "the outer loss does not depend on params"
        else:
            what = "training does not depend on h"
        hint = (
            ". If it should: the losses compute with their own arguments params and h, without float(), .item(), "
            ".detach() or rounding, and in torch a step takes its gradients with create_graph=True"
        )
        warn_user(
            f"every component of the hypergradient is exactly 0: as far as the derivatives tell, {what}"
            + (hint if isinstance(self._parameters, NumberedVectors) else "")
        )

    def check(self, params: Any, h: Any, **more: Option) -> list[Finding]:
        """Tests the callbacks: each gives the same when it is asked again; symmetry of the Hessian
        product; the adjoint identity of the step's two products; each derivative against differences
        of what it is the derivative of.

        Args:
            params: Parameters, any that are not special.
            h: Hyperparameters, likewise.
            **more: ``check_tolerance`` (1e-4; float32: 1e-2), the relative difference from which on a
                derivative is wrong; ``difference_step`` (6e-6; float32: 5e-3), relative to the size of
                what is moved; ``seed`` (0).

        Returns:
            A finding for each test, as a string a sentence. Callbacks that were not checked are among them:
            nothing is known of those.

        Warns:
            UncheckedWarning: In numbers coarser than double some were not checked: how many, which, and why.
                The same losses on a copy in double precision can mostly be checked.

        Raises:
            WrongDerivativeError: The sentences of those that are wrong, or that disagree while nothing
                tells which one is wrong, each with the callback and by how much; its ``findings`` are all.
            BaseException: What a callback raised, as it was raised.

        Example:
            >>> problem = hpm.Problem(
            ...     parameters=3,
            ...     hyperparameters=1,
            ...     inner_loss=lambda w, h: np.exp(h[0]) * (w**2).sum(),
            ...     inner_gradient=lambda w, h: np.exp(h[0]) * w,  # a 2 is missing
            ... )
            >>> problem.check(np.array([1.0, 2.0, 3.0]), np.array([0.5]))
            Traceback (most recent call last):
            ...
            libhpm.errors.WrongDerivativeError: inner_gradient is wrong: it along a direction is ...
        """
        require(more, _CHECK_OPTIONS, "check")
        more = {**self._check_defaults(), **{key: value for key, value in more.items() if value is not None}}
        self._begin()
        with (
            options(more) as handle,
            self._parameters.holding(params, "params") as w,
            self._hyperparameters.holding(h, "h") as at,
        ):
            with Call() as call:
                status = functions.hpm_problem_check(self._handle, handle, w, at, None, 0, byref(c_size_t()))
            findings = last_findings()
        status = call.outcome(status)
        if status == _abi.HPM_WRONG_DERIVATIVE:
            raise WrongDerivativeError(findings)
        self._warn_of_unchecked(findings)
        return findings

    def _warn_of_unchecked(self, findings: list[Finding]) -> None:
        """Of single precision differences tell little: what they leave open looks like a pass."""
        if self._precision() == _DOUBLE:
            return
        # Without its reference a callback is as unchecked in double.
        unchecked = [
            found
            for found in findings
            if found.verdict is Verdict.NOT_CHECKED and found.reason is not Reason.MISSING_REFERENCE
        ]
        if not unchecked:
            return
        names = dict.fromkeys(found.callback for found in unchecked)
        reasons = dict.fromkeys(_UNCHECKED[found.reason] for found in unchecked)
        warn_user(
            f"{len(unchecked)} of {len(findings)} tests say 'not checked' ({', '.join(names)}): {', '.join(reasons)}. This is "
            "no pass. Check the same problem in double precision: "
            + (
                "params, h and the data of the losses, in torch by .double(), in JAX after "
                "jax.config.update('jax_enable_x64', True)"
                if isinstance(self._parameters, NumberedVectors)
                else "dtype=float64"
            ),
            UncheckedWarning,
        )

    def _precision(self) -> float:
        """The spacing at 1 of the coarsest numbers."""
        return max(self._parameters.precision, self._hyperparameters.precision)

    def _check_defaults(self) -> dict[str, Option]:
        """For numbers of a framework that are coarser than double."""
        precision = self._precision()
        if precision == _DOUBLE or not isinstance(self._parameters, NumberedVectors):
            return {}
        step = precision ** (1 / 3)  # which balances rounding and truncation
        return {"difference_step": step, "check_tolerance": min(1.0, 400 * step**2)}

    def _hold_for(self, space: SearchSpace, w: Any) -> Held:
        """The parameters of a student of a population over `space`."""
        self._order(space)
        if callable(w):
            return self._parameters.hold_source(w, "w")
        if isinstance(self._parameters, NumberedVectors) and self._parameters.operations.fixed:
            raise TypeError(
                "w is a pytree of JAX arrays, which never change; allowed: a function that returns the student's parameters"
            )
        return self._parameters.hold(w, "w")

    def _order(self, space: SearchSpace) -> None:
        """Matches hyperparameters that are a dict by name with those of a space."""
        vectors = self._hyperparameters
        if not isinstance(vectors, NumberedVectors) or vectors.operations.names is None:
            return
        names = vectors.operations.names
        slices = [space.slice(name) for name in names if name in space.names]
        lengths = [part.stop - part.start for part in slices]
        if sorted(names) != sorted(space.names) or lengths != vectors.operations.lengths:
            raise ArgumentError(
                f"problem has hyperparameters {dict(zip(names, vectors.operations.lengths))}; allowed: names and sizes of the population's space, {space!r}"
            )
        vectors.order(slices)

    def __repr__(self) -> str:
        sizes = f"{self._parameters.dimension} parameters, {self._hyperparameters.dimension} hyperparameters"
        return f"<Problem of {sizes}{', closed' if self.closed else ''}>"


def warn(certificate: Certificate) -> None:
    """Says that there is no hypergradient."""
    warn_user(f"no hypergradient, every component is NaN: {certificate.status}: {certificate.advice}")


def warn_user(message: str, category: type[UserWarning] = EstimateWarning) -> None:
    """Warns where the library is called."""
    level = 2
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        frame, level = frame.f_back, level + 1
    warnings.warn(category(message), stacklevel=level)


def _body(
    name: str,
    function: Callable[..., Any],
    takes: list[Vectors | None],
    gives: str,
    spaces: dict[str, Vectors],
) -> Callable[..., None]:
    """`function` of values as a function of pointers."""
    count = len(takes)

    def call(arguments: tuple[Any, ...]) -> Any:
        return function(
            *(given if space is None else space.get(given) for space, given in zip(takes, arguments))
        )

    def loss(*arguments: Any) -> None:
        arguments[count][0] = real(call(arguments), f"what {name} returned")

    def vector(*arguments: Any) -> None:
        space.set(arguments[count], call(arguments), name)

    def vectors(*arguments: Any) -> None:
        found = call(arguments)
        if not isinstance(found, tuple) or len(found) != 2:
            raise TypeError(f"{name} returned {type(found).__name__}; allowed: a tuple of 2, with respect to w and h")
        spaces["w"].set(arguments[count], found[0], name)
        if found[1] is not None:  # it holds zeros
            spaces["h"].set(arguments[count + 1], found[1], name)

    if gives == "l":
        return loss
    if gives == "wh":
        return vectors
    space = spaces[gives]
    return vector


def _require_callable(name: str, function: object) -> None:
    if function is not None and not callable(function):
        raise TypeError(f"{name} is {function!r}; allowed: a callable")


def _module(params: Any, h: Any) -> Any:
    """The module for the arrays that the arguments hold. A framework that nobody has imported has
    made none of them."""
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None:
        from . import _torch

        if any(isinstance(leaf, torch.Tensor) for leaf in _torch.flatten([params, h])):
            return _torch
    if jax is not None:
        if any(isinstance(leaf, jax.Array) for leaf in jax.tree_util.tree_leaves([params, h])):
            from . import _jax

            return _jax
    raise TypeError(
        f"params is {type(params).__name__} and h {type(h).__name__}; allowed: torch tensors (in dicts, lists, tuples) "
        "or pytrees of JAX arrays. For numpy arrays with derivatives of your own: Problem"
    )
