"""The teacher on its own, for programs that have their own population."""

from __future__ import annotations

from ctypes import byref, c_void_p

import numpy as np
import numpy.typing as npt

from . import _abi
from ._arguments import Vector, array, size
from ._handle import Handle
from ._library import check, functions
from ._options import Option, options


class Teacher(Handle):
    """A network that mutates hyperparameters and learns from the hypergradient at the mutation:

    .. math:: h' = (1 + c) h, \\quad c = \\tanh(W \\, \\mathrm{softmax}(V h))

    with V of shape ``[units, n]`` and W of shape ``[n, units]`` (HPM: Tao et al., NeurIPS 2020,
    section 3.2). A ``perceptron`` has c = tanh(W tanh(V h + b)), a ``linear`` teacher
    c = tanh(W h + b) with W of shape ``[n, n]``. It works on the numbers as they are: pass latent or
    scaled coordinates of about unit size.

    Args:
        dimension: n, the number of hyperparameters, at least 1.
        units: Its width, at least 1; 16 by default.
        learning_rate: The factor of its gradients, 0 or more; 0.1 by default.
        seed: Of W and V at the start, which are drawn from N(0, 0.1^2); of a ``perceptron`` from
            N(0, 0.1^2 / units) and N(0, 1 / n), of a ``linear`` teacher from N(0, 0.1^2 / n).
        teacher: Its kind: ``attention`` (the default), ``perceptron`` or ``linear``.
        squashing: What c is of z: ``tanh`` (the default), ``logistic`` (1 / (1 + exp(-z)) - 1/2),
            ``clipped`` (min(max(z, -1), 1)) or ``none`` (z).
        activation: Of the units: ``softmax``, ``sigmoid``, ``tanh``, ``relu`` or ``none``; ``softmax``
            by default, of a ``perceptron`` ``tanh``.

    Raises:
        ArgumentError: A value that is not allowed.
        OutOfMemoryError: It does not fit into memory.

    All methods may be called from any thread.

    Example:
        >>> teacher = hpm.Teacher(2, seed=3)
        >>> h = [0.5, -0.25]
        >>> child = teacher.mutate(h)
        >>> teacher.learn(h, 2 * child)  # descends |child|^2
        True
        >>> bool((teacher.mutate(h)**2).sum() < (child**2).sum())
        True
    """

    def __init__(
        self,
        dimension: int,
        units: int | None = None,
        learning_rate: float | None = None,
        seed: int | None = None,
        teacher: str | None = None,
        squashing: str | None = None,
        activation: str | None = None,
    ):
        self._dimension = size(dimension, "dimension")
        named: dict[str, Option] = {
            "teacher_units": units,
            "teacher_learning_rate": learning_rate,
            "seed": seed,
            "teacher": teacher,
            "teacher_squashing": squashing,
            "teacher_activation": activation,
        }
        out = c_void_p()
        with options(named) as handle:
            check(functions.hpm_teacher_create(self._dimension, handle, byref(out)))
        self._own(out.value, functions.hpm_teacher_destroy)

    @property
    def dimension(self) -> int:
        """n, the number of hyperparameters."""
        return self._dimension

    def mutate(self, parent: npt.ArrayLike) -> Vector:
        """The mutation h' of a parent h.

        Args:
            parent: Shape ``[n]``, finite.

        Returns:
            Shape ``[n]``, the caller's own.

        Raises:
            ArgumentError: A wrong shape, or a number that is not finite.
        """
        parent = array(parent, (self._dimension,), "parent")
        child = np.empty(self._dimension)
        check(functions.hpm_teacher_mutate(self._handle, parent.ctypes.data, child.ctypes.data, self._dimension))
        return child

    def learn(self, parent: npt.ArrayLike, gradient_at_child: npt.ArrayLike) -> bool:
        """One gradient step down the loss at the child. With a = softmax(V h), r = G h (1 - c^2)
        divided by its norm, and q = W^T r:  dL/dW = r a^T,  dL/dV = (a (q - a.q)) h^T. The other
        kinds and functions likewise, by the chain rule.

        Args:
            parent: h, shape ``[n]``, finite.
            gradient_at_child: G, shape ``[n]``: the derivative of the loss with respect to the child
                that :meth:`mutate` gave. Components that are not finite take no part.

        Returns:
            Whether there was anything to learn: False where no finite component is other than 0.

        Raises:
            ArgumentError: A wrong shape, or a parent that is not finite.
        """
        parent = array(parent, (self._dimension,), "parent")
        gradient = array(gradient_at_child, (self._dimension,), "gradient_at_child")
        status = check(
            functions.hpm_teacher_learn(self._handle, parent.ctypes.data, gradient.ctypes.data, self._dimension)
        )
        return status != _abi.HPM_UNCHANGED

    def __repr__(self) -> str:
        return f"<Teacher of {self._dimension} hyperparameters{', closed' if self.closed else ''}>"
