"""What the runner of the network benchmarks (`networks.py`) asks of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import torch

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
    warm_up: int
    """Of these reports of a self-tuning network so many come first and have no hypergradient: the best response is not
    learned yet."""
    metric: str
    """`accuracy` or `perplexity`."""

    def make(self, seed: int, self_tuning: bool) -> Any:
        """A `libhpm.torch.Student` with weights, order of data and random state of `seed`, whose model is a
        `libhpm.torch.SelfTuning`; with `self_tuning` false one that responds to nothing."""

    def train(self, student: Any, hyperparameters: dict[str, Any], progress: tuple[float, float]) -> None:
        """`steps` training steps with these hyperparameters, in the student's random state.

        Args:
            progress: The share of the budget that is spent before and after them, or of the trial where a run has several;
                the learning rate falls with it.
        """

    def validate(self, student: Any) -> float:
        """The validation loss, on a fixed set, in evaluation."""

    def hypergradient(self, student: Any) -> dict[str, Any]:
        """The mean hypergradient of `validation_steps` minibatches, each with one forward and one backward pass, from which the
        perturbation's scale is tuned, too."""

    def test(self, student: Any) -> dict[str, float]:
        """`loss` and `metric` on validation and test data: `validation_loss`, `validation_metric`, `test_loss`,
        `test_metric`."""


class Preset(Protocol):
    """A dataclass with the sizes of an experiment."""

    students: int
    steps: int
    reports: int
    warm_up: int


def learning_rates(initial: float, progress: tuple[float, float], steps: int) -> list[float]:
    """Of the steps of a report. The rate is constant in the first half of a run, then it falls linearly to 0: without that
    a loss at the end is mostly the noise of the last steps."""
    begin, end = progress
    spent = (begin + (end - begin) * (i + 0.5) / steps for i in range(steps))
    return [initial * min(1.0, max(0.0, 2 * (1 - share))) for share in spent]


class PresetExperiment:
    """What experiments with presets share: name, device, and the sizes of `Experiment`.

    Args:
        base: The name with the preset `small`.
        presets: By name.
        preset: A name, or one of your own.
        device: None: the CPU for the preset `small`; for others `cuda`, if there is one.
        changes: Fields of the preset that are changed, such as `steps=2`.
    """

    def __init__(
        self, base: str, presets: Mapping[str, Any], preset: str | Preset, device: str | None, changes: Mapping[str, Any]
    ):
        given = presets[preset] if isinstance(preset, str) else preset
        self.preset = replace(given, **changes)
        self.name = base if preset == "small" else f"{base}-{preset}" if isinstance(preset, str) else f"{base}-custom"
        # Other settings are another problem: their results are not mixed.
        self.name += "".join(f" {name}={value}" for name, value in changes.items() if value != getattr(given, name))
        if device is None:
            device = "cuda" if preset != "small" and torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        self.students, self.steps, self.reports = self.preset.students, self.preset.steps, self.preset.reports
        self.warm_up = self.preset.warm_up
        self.validation_steps = max(1, self.steps // 2)
