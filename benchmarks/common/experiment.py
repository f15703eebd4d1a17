"""What the runner of the network benchmarks (`networks.py`) asks of an experiment."""

from __future__ import annotations

from typing import Any, Protocol

from libhpm import SearchSpace


class Experiment(Protocol):
    """Networks in training on one data set. A gradient evaluation is one minibatch forward and backward, of training or
    of validation data alike; what is evaluated without a gradient is not counted, and is the same for all methods."""

    name: str
    space: SearchSpace
    students: int
    """Of methods with several."""
    steps: int
    """Training steps of a report."""
    validation_steps: int
    """Validation minibatches of a hypergradient: as many gradient evaluations more for a report that has one."""
    reports: int
    """Of each student of a method without hypergradients; the budget is students x reports x steps."""
    metric: str
    """`accuracy` or `perplexity`."""

    def make(self, seed: int, self_tuning: bool) -> Any:
        """A `libhpm.torch.Student` with weights, order of data and random state of `seed`, whose model is a
        `libhpm.torch.SelfTuning`; with `self_tuning` false one that responds to nothing."""

    def train(self, student: Any, hyperparameters: dict[str, Any]) -> None:
        """`steps` training steps with these hyperparameters, in the student's random state."""

    def validate(self, student: Any) -> float:
        """The validation loss, on a fixed set, in evaluation."""

    def hypergradient(self, student: Any) -> dict[str, Any]:
        """The mean hypergradient of `validation_steps` minibatches; the perturbation's scale is tuned on them, too."""

    def test(self, student: Any) -> dict[str, float]:
        """`loss` and `metric` on validation and test data: `validation_loss`, `validation_metric`, `test_loss`,
        `test_metric`."""
