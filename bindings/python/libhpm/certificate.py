"""What an estimator says of its own result."""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass, fields
from enum import Enum

from . import _abi


class CertificateStatus(str, Enum):
    """How an estimate ended. Each is a string: ``certificate.status == "converged"``."""

    CONVERGED = "converged"
    """The linear system was solved to the tolerance, or the estimator solves none and ran to its
    end."""
    ITERATION_LIMIT = "iteration-limit"
    """The tolerance was not reached, for want of iterations or of precision; the relative residual
    says how good it is."""
    INDEFINITE = "indefinite"
    """A direction of negative curvature was met: there is no minimum to differentiate. No
    estimate."""
    SINGULAR = "singular"
    """A direction without curvature was met: the minimum is not unique. No estimate."""
    NONFINITE = "nonfinite"
    """A derivative held a number that is NaN or infinite. No estimate."""
    DIVERGED = "diverged"
    """A linear solve ended with a relative residual above 1, which is that of no solve at all
    (`conjugate-gradient`: above 100): too few iterations, too little damping, or an
    `estimator_learning_rate` above 2 / the largest curvature. No
    estimate."""
    ERROR = "error"
    """The call ended with an error, which says why. No estimate."""

    def __str__(self) -> str:
        return self.value


_STATUSES = {
    _abi.HPM_CERTIFICATE_CONVERGED: CertificateStatus.CONVERGED,
    _abi.HPM_CERTIFICATE_ITERATION_LIMIT: CertificateStatus.ITERATION_LIMIT,
    _abi.HPM_CERTIFICATE_INDEFINITE: CertificateStatus.INDEFINITE,
    _abi.HPM_CERTIFICATE_SINGULAR: CertificateStatus.SINGULAR,
    _abi.HPM_CERTIFICATE_NONFINITE: CertificateStatus.NONFINITE,
    _abi.HPM_CERTIFICATE_DIVERGED: CertificateStatus.DIVERGED,
    _abi.HPM_CERTIFICATE_ERROR: CertificateStatus.ERROR,
}
_ADVICE = {
    CertificateStatus.ITERATION_LIMIT: (
        "the relative residual is {residual:.3g} after {iterations} iterations: set more estimator_iterations; where they "
        "do not lower it, estimator_damping or parameters in double precision"
    ),
    CertificateStatus.INDEFINITE: (
        "the smallest curvature met is {curvature:.3g}: params is no minimum of inner_loss. Train further, "
        "or set estimator_damping above {size:.3g}"
    ),
    CertificateStatus.SINGULAR: (
        "a direction without curvature was met: inner_loss does not depend on it, or only linearly. If inner_loss "
        "uses its argument params as it should, set estimator_damping"
    ),
    CertificateStatus.NONFINITE: (
        "a loss or derivative is NaN or infinite: look at params, h and the data, or, where steps are unrolled, set a "
        "smaller estimator_learning_rate. torch.autograd.set_detect_anomaly(True) and "
        "jax.config.update('jax_debug_nans', True) name the operation"
    ),
    CertificateStatus.DIVERGED: (
        "the relative residual is {residual:.3g} after {iterations} iterations, too large for an estimate (1 is that of no "
        "solve at all). "
        "conjugate-gradient and nystrom: set estimator_damping, such as a hundredth of the largest curvature, or more "
        "estimator_iterations. neumann: set estimator_learning_rate below 2 / the largest curvature"
    ),
    CertificateStatus.ERROR: "the call ended with an error, which says why",
}


@dataclass(frozen=True)
class Calls:
    """Callbacks that an estimate made, by kind."""

    losses: int
    """Of the outer loss and the response."""
    outer_gradients: int
    inner_gradients: int
    """Also those of which a Hessian product is made by differences."""
    inner_hyper_gradients: int
    """Also those of which a cross product is made by differences."""
    hessian_products: int
    """Of the callback, or in torch and JAX of automatic differentiation: a product that is made by
    differences counts as gradients."""
    cross_products: int
    """Likewise."""
    steps: int
    """Also those of which a product of the step is made by differences."""
    step_products: int
    """Of the step's forward and backward products; those made by differences count as steps."""


@dataclass(frozen=True)
class Certificate:
    """What an estimator says of its own result; it comes with every hypergradient."""

    status: CertificateStatus
    iterations: int
    """Of the linear solve, or steps that were unrolled, or samples; 0 of ``best-response``."""
    relative_residual: float
    """|g - (H + damping) q| / |g|, where g is the outer gradient and q what stands for its product
    with the inverse Hessian. At most 1 where there is an estimate; NaN where the estimator solves no
    linear system."""
    smallest_curvature: float
    """The smallest v.Hv / v.v met; NaN where there was none."""
    seconds: float
    """That the estimate took, derivatives included."""
    calls: Calls
    parameter_vectors: int
    """Vectors of the parameters' size that were made: the memory that it took."""
    hyperparameter_vectors: int

    @property
    def usable(self) -> bool:
        """Whether there is an estimate. Where there is none, every component is NaN."""
        return self.status in (CertificateStatus.CONVERGED, CertificateStatus.ITERATION_LIMIT)

    @property
    def advice(self) -> str:
        """What happened and what to do about it; empty where the status is ``converged``."""
        return _ADVICE.get(self.status, "").format(
            curvature=self.smallest_curvature,
            size=abs(self.smallest_curvature),
            residual=self.relative_residual,
            iterations=self.iterations,
        )

    def __str__(self) -> str:
        counts = [f"{name.replace('_', ' ')}: {count}" for name, count in vars(self.calls).items() if count]
        found = [f"{self.status} after {self.iterations} iterations"]
        if not math.isnan(self.relative_residual):
            found.append(f"relative residual {self.relative_residual:.3g}")
        if not math.isnan(self.smallest_curvature):
            found.append(f"smallest curvature {self.smallest_curvature:.3g}")
        return ", ".join([*found, *counts, f"{self.seconds:.3g} s"])

    @classmethod
    def _read(cls, found: _abi.hpm_certificate) -> Certificate:
        return cls(
            status=_STATUSES[found.status],
            iterations=found.iterations,
            relative_residual=found.relative_residual,
            smallest_curvature=found.smallest_curvature,
            seconds=found.seconds,
            calls=Calls(*(getattr(found, field.name) for field in fields(Calls))),
            parameter_vectors=found.parameter_vectors,
            hyperparameter_vectors=found.hyperparameter_vectors,
        )


def empty() -> _abi.hpm_certificate:
    """The C structure, for the library to fill."""
    return _abi.hpm_certificate(size=ctypes.sizeof(_abi.hpm_certificate))
