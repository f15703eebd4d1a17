"""Which of a problem's callbacks come from which of the user's functions, the same in every framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Function = Callable[..., Any]

# Of each callback: the user's function that it comes from, and the member of what the framework makes of it.
_SOURCES = {
    "outer_loss": ("outer", "value"),
    "outer_gradient": ("outer", "gradients"),
    "inner_loss": ("inner", "value"),
    "inner_gradient": ("inner", "gradient"),
    "hessian_product": ("inner", "hessian_product"),
    "cross_product": ("inner", "cross_product"),
    "step": ("step", "value"),
    "step_forward": ("step", "forward"),
    "step_backward": ("step", "backward"),
    "response": ("response", "value"),
}


class Differentiation(Protocol):
    """The automatic differentiation of a framework. What the methods return has the members above,
    as functions of values of vectors."""

    def outer(self, loss: Function) -> Any: ...

    def inner(self, loss: Function) -> Any: ...

    def step(self, step: Function) -> Any: ...

    def descent(self, loss: Function, learning_rate: float) -> Any:
        """As `step`, of gradient descent on a loss."""

    def response(self, response: Function) -> Any: ...

    def begin(self) -> None:
        """Called before an estimate: what was kept of the last one is out of date."""


def callbacks(
    framework: Differentiation,
    inner: Function | None,
    outer: Function | None,
    step: Function | None,
    response: Function | None,
    learning_rate: float | None,
) -> dict[str, Function]:
    """The callbacks that a problem of these functions has, by name."""
    made = {
        name: make(function)
        for name, make, function in (
            ("outer", framework.outer, outer),
            ("inner", framework.inner, inner),
            ("step", framework.step, step),
            ("response", framework.response, response),
        )
        if function is not None
    }
    if step is None and inner is not None and learning_rate is not None:
        made["step"] = framework.descent(inner, learning_rate)
    return {name: getattr(made[source], member) for name, (source, member) in _SOURCES.items() if source in made}


def argument(callback: str) -> str:
    """The user's function that a callback comes from, by its argument's name."""
    source = _SOURCES[callback][0]
    return {"outer": "outer_loss", "inner": "inner_loss"}.get(source, source)
