"""An image classifier on CIFAR-10 whose dropout rates and augmentations are tuned in training."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from common.data import data_folder
from common.experiment import PresetExperiment, learning_rates
from common.normalization import Normalization
from libhpm import SearchSpace
from libhpm.torch import ColorJitter, Cutout, Dropout, InputScaling, SelfTuning, Student

FILE = "cifar10-12k.npz"
CLIP = 1.0
"""The longest gradient of the weights."""
# Of the training images of CIFAR-10.
MEAN, DEVIATION = (0.491, 0.482, 0.447), (0.247, 0.243, 0.262)


@dataclass(frozen=True)
class Preset:
    """Sizes of data, network and training."""

    channels: tuple[int, int, int, int, int]
    units: int
    """Of each of the two hidden fully connected layers."""
    images: tuple[int | None, int, int | None]
    """Training images, validation images on which students are ranked, and test images; None: all. The other validation
    images are those of the hypergradients."""
    batch: int
    learning_rate: float
    students: int
    steps: int
    reports: int
    warm_up: int
    """Reports of a self-tuning network that have no hypergradient yet, at the beginning."""
    per_example: bool = False
    """Whether each image of a batch has its own perturbation, as in `SelfTuning`."""
    delta: bool = False
    """Whether the response is centred and linearised, as in `SelfTuning`."""


PRESETS = {
    # With so few images a student sees each 57 to 221 times, by the method, and overfits if nothing holds it back.
    "small": Preset((8, 24, 48, 32, 32), 128, (1000, 1000, 2000), batch=64, learning_rate=0.03, students=4, steps=32, reports=40,
                    warm_up=4),
    # The network and the batch of MacKay et al., ICLR 2019, and the population of Tao et al., NeurIPS 2020; 79 batches are an
    # epoch of the 10,000 images.
    "paper": Preset((64, 192, 384, 256, 256), 4096, (None, 1000, None), batch=128, learning_rate=0.01, students=20, steps=80,
                    reports=200, warm_up=5, per_example=True),
}


def make_space() -> SearchSpace:
    """Bounds and starts of MacKay et al., ICLR 2019."""
    space = SearchSpace().add_real("input_dropout", 0.0, 1.0, initial=0.05)
    for i in range(1, 6):
        space = space.add_real(f"channel_dropout_{i}", 0.0, 0.9, initial=0.05)
    for i in range(1, 3):
        space = space.add_real(f"dropout_{i}", 0.0, 0.9, initial=0.05)
    space = space.add_real("hue", 0.0, 0.5, initial=0.05)
    for name in ("contrast", "saturation", "brightness"):
        space = space.add_real(name, 0.0, 1.0, initial=0.05)
    space = space.add_real("scaling", 0.0, 0.3, initial=0.05)
    return space.add_real("cutout_length", 0.0, 24.0, initial=4.0).add_real("cutout_holes", 0.0, 4.0, initial=1.0)


def make_network(channels: tuple[int, ...], units: int) -> nn.Sequential:
    """Five convolutions and three fully connected layers, as AlexNet has them, for images of 32 x 32."""
    parts: list[nn.Module] = [
        ColorJitter(brightness="brightness", contrast="contrast", saturation="saturation", hue="hue"),
        InputScaling("scaling"),
        Cutout("cutout_holes", "cutout_length"),
        Normalization(MEAN, DEVIATION),
        Dropout("input_dropout"),
    ]
    before = 3
    for i, width in enumerate(channels, 1):
        parts += [nn.Conv2d(before, width, 3, stride=2 if i == 1 else 1, padding=1), nn.ReLU()]
        if i in (1, 2, 5):
            parts.append(nn.MaxPool2d(2))
        parts.append(Dropout(f"channel_dropout_{i}", shared=(2, 3)))
        before = width
    parts.append(nn.Flatten())
    before *= 2 * 2
    for i in (1, 2):
        parts += [nn.Linear(before, units), nn.ReLU(), Dropout(f"dropout_{i}")]
        before = units
    network = nn.Sequential(*parts, nn.Linear(before, 10))
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            # With torch's own the signal fades through eight layers, and a small network learns nothing for many epochs.
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return network


def find(folder: str | os.PathLike[str] | None = None) -> Path:
    """The file of the data in a folder; None: in that of the variable HPM_DATA, or in shared/data beside the repository."""
    path = Path(folder or data_folder()) / FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing. It holds 10,000 training, 2,000 validation and 2,000 test images of CIFAR-10 "
            "(https://www.cs.toronto.edu/~kriz/cifar.html): arrays train_x, valid_x, test_x, uint8 [n, 32, 32, 3], and their "
            "labels train_y, valid_y, test_y. Set HPM_DATA to the folder that has it."
        )
    return path


class Cifar10(PresetExperiment):
    """An `Experiment` of `common/experiment.py`.

    Args:
        preset: Of `PRESETS`, or one of your own.
        folder: That of the data, as in `find`.
        device: None: the CPU for the small preset; for others `cuda`, if there is one.
        width: Factor of the preset's channels and hidden units.
        changes: Fields of the preset that are changed, such as `steps=2`.
    """

    metric = "accuracy"
    options = {"hpm-paper": {"hyper_learning_rate": 1.0}}
    """It descends in natural units: the rate is the problem's (design seed 100)."""

    def __init__(
        self,
        preset: str | Preset = "small",
        folder: str | os.PathLike[str] | None = None,
        device: str | None = None,
        width: float = 1.0,
        **changes: Any,
    ):
        super().__init__("cifar10", PRESETS, preset, device, changes)
        if width != 1:
            self.name += f" width={width}"
            channels = tuple(max(1, round(width * count)) for count in self.preset.channels)
            self.preset = replace(self.preset, channels=channels, units=max(1, round(width * self.preset.units)))
        self.space = make_space()
        training, ranking, testing = self.preset.images
        with np.load(find(folder)) as arrays:
            self.training = self._part(arrays, "train", slice(training))
            self.validation = self._part(arrays, "valid", slice(ranking))
            self.guiding = self._part(arrays, "valid", slice(ranking, None))
            self.testing = self._part(arrays, "test", slice(testing))

    def _part(self, arrays: Any, name: str, chosen: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Images `[n, 3, 32, 32]` of values in [0, 1], and labels."""
        x = torch.from_numpy(arrays[f"{name}_x"][chosen]).permute(0, 3, 1, 2).to(self.device, torch.float32).contiguous() / 255
        return x, torch.from_numpy(arrays[f"{name}_y"][chosen].astype(np.int64)).to(self.device)

    def make(self, seed: int, self_tuning: bool) -> Student:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = make_network(self.preset.channels, self.preset.units)
            model = SelfTuning(
                network, self.space, respond_to=None if self_tuning else [], per_example=self.preset.per_example,
                delta=self.preset.delta, perturbation_scale=0.5, entropy_weight=1e-3,
            ).to(self.device)
        weights = torch.optim.SGD(model.weights(), self.preset.learning_rate, momentum=0.9)
        scales = torch.optim.Adam(model.perturbation.parameters(), 0.003)
        return Student(model, weights, scales, examples=len(self.training[0]), seed=seed)

    def train(self, student: Student, hyperparameters: dict[str, Any], progress: tuple[float, float]) -> None:
        model, optimizer = student.model, student.optimizers[0]
        rates = learning_rates(self.preset.learning_rate, progress, self.steps)
        model.hyperparameters = hyperparameters
        model.train()
        with student.random():
            for batch, rate in zip(student.batches(self.steps, self.preset.batch), rates):
                optimizer.param_groups[0]["lr"] = rate
                optimizer.zero_grad()
                model.backward(self._loss(self.training, batch))
                nn.utils.clip_grad_norm_(model.weights(), CLIP)
                optimizer.step()

    def hypergradient(self, student: Student) -> dict[str, Any]:
        total: dict[str, Any] = dict.fromkeys(self.space.names, 0.0)
        with student.random():
            for _ in range(self.validation_steps):
                loss = self._loss(self.guiding, torch.randint(len(self.guiding[0]), (self.preset.batch,)))
                _, slope = student.model.tune_perturbation(loss, student.optimizers[1])
                total = {name: total[name] + slope[name] / self.validation_steps for name in total}
        return total

    def validate(self, student: Student) -> float:
        return self._judge(student, self.validation)[0]

    def test(self, student: Student) -> dict[str, float]:
        found = {}
        for name, part in (("validation", self.validation), ("test", self.testing)):
            found[f"{name}_loss"], found[f"{name}_metric"] = self._judge(student, part)
        return found

    def _loss(self, part: tuple[torch.Tensor, torch.Tensor], batch: torch.Tensor) -> Any:
        batch = batch.to(self.device)
        x, y = part[0][batch], part[1][batch]
        return lambda model: cross_entropy(model(x), y)

    @torch.no_grad()
    def _judge(self, student: Student, part: tuple[torch.Tensor, torch.Tensor]) -> tuple[float, float]:
        """The mean loss and the accuracy."""
        model = student.model.eval()
        loss, right = 0.0, 0
        for x, y in zip(part[0].split(500), part[1].split(500)):
            output = model(x)
            loss += float(cross_entropy(output, y, reduction="sum"))
            right += int((output.argmax(1) == y).sum())
        return loss / len(part[1]), right / len(part[1])
