"""The hypergradient in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ._options import Option
from .certificate import Certificate
from .problem import Problem

H = TypeVar("H")

# The library's default of `estimator_learning_rate`, for the steps that are taken here.
_LEARNING_RATE = 0.1


def hypergradient(
    inner_loss: Callable[..., Any] | None,
    outer_loss: Callable[..., Any] | None,
    params: Any,
    h: H,
    *,
    estimator: str | None = None,
    step: Callable[..., Any] | None = None,
    response: Callable[..., Any] | None = None,
    **more: Option,
) -> tuple[H, Certificate]:
    """The derivative of an outer loss F with respect to hyperparameters h, through the training of
    the parameters w by an inner loss f, in torch or JAX:

    .. math:: \\frac{dF}{dh} = \\frac{\\partial F}{\\partial h}
        + \\left( \\frac{dw}{dh} \\right)^T \\frac{\\partial F}{\\partial w}

    Derivatives come from the framework's automatic differentiation, and vectors stay on its device:
    inner products alone come back to the host.

    Args:
        inner_loss: ``inner_loss(params, h)``, what training minimises; one number. None where the
            estimator does not read it.
        outer_loss: ``outer_loss(params, h)``, what `h` is judged by; one number.
        params: What training with `h` led to; for ``reverse`` and ``forward``, where the unrolled
            steps begin; for ``best-response``, those of the response. In torch a tensor or a dict, list or tuple of tensors, such as
            ``dict(model.named_parameters())`` with ``torch.func.functional_call`` in the losses; in
            JAX a pytree.
        h: The hyperparameters, likewise.
        estimator: How dw/dh is approximated:

            - ``conjugate-gradient`` (the default), ``neumann``, ``nystrom``: implicit, at a minimum
              of `inner_loss`; ``one-step``: likewise, by one step of gradient descent;
            - ``reverse``, ``forward``: exactly, through ``estimator_iterations`` steps of the
              optimizer; ``forward`` costs a sweep for each hyperparameter;
            - ``finite-differences``, ``spsa``: from `response` alone;
            - ``best-response``: not at all, since `params` carry their best response to `h`, as those of
              self-tuning networks do, and `outer_loss` goes through it: dF/dh is its partial
              derivative, as good as the response, which no certificate measures. No `inner_loss`.
        step: ``step(params, h, index)`` returns the parameters after one step, for ``reverse`` and
            ``forward``. In torch, gradients within it are taken with ``create_graph=True``; under JAX
            `index` is a traced integer. The state of an optimizer, such as a momentum, is part of
            `params`. None: gradient descent on `inner_loss` with ``estimator_learning_rate``.
        response: ``response(h)``, the outer loss that training with `h` leads to, for
            ``finite-differences`` and ``spsa``.
        **more: ``estimator_iterations`` (20): iterations, terms, rank, steps or samples;
            ``estimator_tolerance`` (1e-6) of the relative residual; ``estimator_damping`` (0), added
            to the Hessian; ``estimator_learning_rate`` (0.1) of ``one-step``, ``neumann`` and the
            steps; ``estimator_checkpoints`` (0, all): states that ``reverse`` keeps in memory;
            ``estimator_step`` (1e-4) of ``finite-differences`` and ``spsa``; ``seed`` (0). None
            stands for the default.

    Returns:
        dF/dh in the structure of `h`, and its :class:`Certificate`. Where that is not ``usable``, as
        at an indefinite Hessian or where a linear solve diverged, every component is NaN, which a
        :class:`Population` takes for 'no derivative'.

    Warns:
        EstimateWarning: There is no estimate, and why; or every component of it is exactly 0, as where
            a loss does not see `h`. To have an exception instead:
            ``warnings.simplefilter("error", hpm.EstimateWarning)``.

    Raises:
        BaseException: What a loss raised, as it was raised.
        UnsupportedError: Something that the estimator needs is missing: the sentence names it.
        ArgumentError: An option or an array that is not allowed.
        TypeError: Arrays of neither framework, or numbers that are not floating-point.

    JAX compiles the derivatives once for a function, and keeps those of the last 16 functions: define
    the losses outside the loop, and hand over data that change as
    ``jax.tree_util.Partial(loss, batch=batch)``. Torch keeps the graph of the inner gradient during an
    implicit estimate.

    Source: docs/hypergradients.md names that of each estimator.

    Example:
        The best L2 penalty of a ridge regression, by gradient descent on its logarithm.

        >>> jax = pytest.importorskip("jax")
        >>> jnp = jax.numpy
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 60, 20))
        >>> y = x @ jnp.ones(20) + 5 * noise[:, 0]
        >>> def inner_loss(w, h):
        ...     return ((x[:30] @ w - y[:30])**2).mean() + jnp.exp(h) * (w**2).sum()
        >>> def outer_loss(w, h):
        ...     return ((x[30:] @ w - y[30:])**2).mean()
        >>> def trained(h):
        ...     return jnp.linalg.solve(x[:30].T @ x[:30] / 30 + jnp.exp(h) * jnp.eye(20), x[:30].T @ y[:30] / 30)
        >>> h = jnp.array(-4.0)
        >>> before = outer_loss(trained(h), h)
        >>> for _ in range(20):
        ...     gradient, certificate = hpm.hypergradient(
        ...         inner_loss, outer_loss, trained(h), h, estimator_tolerance=1e-4)
        ...     h -= 0.2 * gradient / abs(gradient)
        >>> certificate.status == "converged", bool(outer_loss(trained(h), h) < before)
        (True, True)
    """
    learning_rate = more.get("estimator_learning_rate")
    problem = Problem.differentiate(
        inner_loss,
        outer_loss,
        params,
        h,
        step=step,
        learning_rate=_LEARNING_RATE if learning_rate is None else learning_rate,  # type: ignore[arg-type]
        response=response,
    )
    return problem.hypergradient(params, h, estimator=estimator, **more)
