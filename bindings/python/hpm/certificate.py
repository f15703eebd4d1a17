"""What an estimator says of its own result."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, fields
from enum import Enum

from . import _abi


class CertificateStatus(str, Enum):
    """How an estimate ended. Each is a string: ``certificate.status == "converged"``."""

    CONVERGED = "converged"
    """The linear system was solved to the tolerance, or the estimator solves none and ran to its
    end."""
    ITERATION_LIMIT = "iteration-limit"
    """The tolerance was not reached, for want of iterations or of precision."""
    INDEFINITE = "indefinite"
    """A direction of negative curvature was met: there is no minimum to differentiate. No
    estimate."""
    SINGULAR = "singular"
    """A direction without curvature was met: the minimum is not unique. No estimate."""
    NONFINITE = "nonfinite"
    """A derivative held a number that is NaN or infinite. No estimate."""
    DIVERGED = "diverged"
    """The residual grew: `estimator_learning_rate` is above 2 / the largest curvature. No
    estimate."""

    def __str__(self) -> str:
        return self.value


_STATUSES = {
    _abi.HPM_CERTIFICATE_CONVERGED: CertificateStatus.CONVERGED,
    _abi.HPM_CERTIFICATE_ITERATION_LIMIT: CertificateStatus.ITERATION_LIMIT,
    _abi.HPM_CERTIFICATE_INDEFINITE: CertificateStatus.INDEFINITE,
    _abi.HPM_CERTIFICATE_SINGULAR: CertificateStatus.SINGULAR,
    _abi.HPM_CERTIFICATE_NONFINITE: CertificateStatus.NONFINITE,
    _abi.HPM_CERTIFICATE_DIVERGED: CertificateStatus.DIVERGED,
}
_ADVICE = {
    CertificateStatus.INDEFINITE: (
        "the smallest curvature met is {curvature:.3g}: params is no minimum of inner_loss. Train further, "
        "or set estimator_damping above {size:.3g}"
    ),
    CertificateStatus.SINGULAR: (
        "a direction without curvature was met: the minimum of inner_loss is not unique. Set estimator_damping"
    ),
    CertificateStatus.NONFINITE: "a loss or derivative is NaN or infinite",
    CertificateStatus.DIVERGED: (
        "the residual grew {residual:.3g} times: set estimator_learning_rate below 2 / the largest curvature"
    ),
}


@dataclass(frozen=True)
class Calls:
    """Callbacks that an estimate made, by kind."""

    losses: int
    """Of the outer loss and the response."""
    outer_gradients: int
    inner_gradients: int
    inner_hyper_gradients: int
    hessian_products: int
    """Also those made by differences."""
    cross_products: int
    """Also those made by differences."""
    steps: int
    step_products: int
    """Of a step's forward and backward products, also those made by differences."""


@dataclass(frozen=True)
class Certificate:
    """What an estimator says of its own result; it comes with every hypergradient."""

    status: CertificateStatus
    iterations: int
    """Of the linear solve, or steps that were unrolled, or samples."""
    relative_residual: float
    """|g - (H + damping) q| / |g|, where g is the outer gradient and q what stands for its product
    with the inverse Hessian; NaN where the estimator solves no linear system."""
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
        """For a failed estimate: what happened and what to do about it. Else empty."""
        return _ADVICE.get(self.status, "").format(
            curvature=self.smallest_curvature,
            size=abs(self.smallest_curvature),
            residual=self.relative_residual,
        )

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
