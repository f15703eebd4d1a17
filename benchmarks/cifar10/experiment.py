"""Fifteen hyperparameters of an AlexNet on CIFAR-10: the rates of eight dropouts, the strengths of seven augmentations."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import libhpm as hpm

DATA = "cifar10-12k.npz"
MEAN, DEVIATION = (0.491, 0.482, 0.447), (0.247, 0.243, 0.262)
"""Of the training images' channels."""


@dataclass(frozen=True)
class Preset:
    students: int
    channels: tuple[int, ...]
    hidden: tuple[int, int]
    """Units of the two hidden fully connected layers."""
    batch: int
    learning_rate: float
    train: int | None
    """Images; None: all that there are."""
    fixed: int
    """Validation images of the loss that students report."""
    steps: int
    reports: int
    per_example: bool


PRESETS = {
    "small": Preset(4, (8, 24, 48, 32, 32), (128, 128), 64, 0.03, 4000, 1000, 32, 36, False),
    # A report is about an epoch of the 10,000 images of the file.
    "paper": Preset(20, (64, 192, 384, 256, 256), (4096, 4096), 128, 0.01, None, 2000, 78, 200, True),
}


def search_space() -> hpm.SearchSpace:
    """Bounds and starts of MacKay et al., 'Self-Tuning Networks', ICLR 2019."""
    space = hpm.SearchSpace().add_real("dropout input", 0, 1, initial=0.05)
    for layer in range(1, 6):
        space.add_real(f"dropout conv {layer}", 0, 0.9, initial=0.05)
    for layer in range(1, 3):
        space.add_real(f"dropout full {layer}", 0, 0.9, initial=0.05)
    space.add_real("hue", 0, 0.5, initial=0.05)
    for name in ("contrast", "saturation", "brightness"):
        space.add_real(name, 0, 1, initial=0.05)
    space.add_real("input scaling", 0, 0.3, initial=0.05)
    return space.add_real("cutout length", 0, 24, initial=4).add_real("cutout holes", 0, 4, initial=1)


class Normalize(nn.Module):
    """Channels of mean 0 and deviation 1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - x.new_tensor(MEAN).reshape(1, 3, 1, 1)) / x.new_tensor(DEVIATION).reshape(1, 3, 1, 1)


def alexnet(channels: tuple[int, ...], hidden: tuple[int, int]) -> nn.Sequential:
    """Of images ``[batch, 3, 32, 32]`` in [0, 1]; augments them in training."""
    layers: list[nn.Module] = [
        hpm.torch.ColorJitter("brightness", "contrast", "saturation", "hue"),
        hpm.torch.InputScaling("input scaling"),
        Normalize(),
        # After the normalisation, so that a hole has the mean colour.
        hpm.torch.Cutout("cutout holes", "cutout length"),
        hpm.torch.Dropout("dropout input"),
    ]
    before = 3
    for layer, count in enumerate(channels, 1):
        layers += [nn.Conv2d(before, count, 3, stride=2 if layer == 1 else 1, padding=1), nn.ReLU()]
        if layer in (1, 2, 5):
            layers.append(nn.MaxPool2d(2))
        layers.append(hpm.torch.Dropout(f"dropout conv {layer}", shared=(2, 3)))
        before = count
    layers.append(nn.Flatten())
    before *= 4  # 2 x 2 places are left
    for layer, count in enumerate(hidden, 1):
        layers += [nn.Linear(before, count), nn.ReLU(), hpm.torch.Dropout(f"dropout full {layer}")]
        before = count
    return nn.Sequential(*layers, nn.Linear(before, 10))


def data_folder() -> Path:
    """`HPM_DATA`, by default shared/data beside the repository."""
    return Path(os.environ.get("HPM_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")


def load(folder: Path | None = None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images ``[n, 3, 32, 32]``, uint8, and labels, by split, each in an order that is random and always the same."""
    path = (folder or data_folder()) / DATA
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing. Set HPM_DATA to a folder with {DATA}: an npz archive of CIFAR-10 "
            "(https://www.cs.toronto.edu/~kriz/cifar.html) with uint8 arrays train_x, valid_x, test_x [n, 32, 32, 3] and "
            "train_y, valid_y, test_y [n]"
        )
    found = {}
    with np.load(path) as archive:
        for split in ("train", "valid", "test"):
            x, y = archive[f"{split}_x"], archive[f"{split}_y"]
            order = np.random.default_rng(0).permutation(len(x))
            found[split] = np.ascontiguousarray(x[order].transpose(0, 3, 1, 2)), y[order].astype(np.int64)
    return found


class Cifar10:
    """See `common.experiment`.

    Args:
        preset: Of `PRESETS`.
        students, per_example, learning_rate: In place of the preset's.
        width: Factor of its channels and hidden units.
        device: None: CUDA where there is one.
        data: As `load` gives it; None: loaded.
    """

    metric = "accuracy"

    def __init__(
        self,
        preset: str = "small",
        students: int | None = None,
        width: float = 1.0,
        per_example: int | None = None,
        learning_rate: float | None = None,
        reports: int | None = None,
        device: str | None = None,
        data: dict[str, tuple[np.ndarray, np.ndarray]] | None = None,
    ):
        chosen = PRESETS[preset]
        given = {"students": students, "per_example": per_example, "learning_rate": learning_rate, "reports": reports}
        others = {name: value for name, value in given.items() if value not in (None, getattr(chosen, name))}
        others |= {} if width == 1 else {"width": width}
        # Other settings are another experiment: their results are not mixed.
        self.name = " ".join(["cifar10", preset, *(f"{name}={value:g}" for name, value in others.items())])
        self.preset = preset
        self.space = search_space()
        self.students = students or chosen.students
        self.steps, self.validation_steps = chosen.steps, chosen.steps // 2
        self.reports = reports or chosen.reports
        self.batch = chosen.batch
        self.learning_rate = learning_rate or chosen.learning_rate
        self.per_example = bool(chosen.per_example if per_example is None else per_example)
        self.channels = tuple(max(1, round(width * count)) for count in chosen.channels)
        self.hidden = tuple(max(1, round(width * count)) for count in chosen.hidden)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.data = {
            split: tuple(torch.from_numpy(part[: chosen.train] if split == "train" else part).to(self.device) for part in pair)
            for split, pair in (data or load()).items()
        }
        self.fixed = chosen.fixed

    def make(self, seed: int, self_tuning: bool) -> hpm.torch.Student:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            # The ordinary layers are drawn before the responses, so both kinds begin with the same weights.
            model = hpm.torch.SelfTuning(
                alexnet(self.channels, self.hidden), self.space, respond_to=None if self_tuning else [],
                per_example=self.per_example, perturbation_scale=0.5, entropy_weight=1e-3,
            ).to(self.device)
        optimizers = [torch.optim.SGD(model.weights(), self.learning_rate, momentum=0.9)]
        if self_tuning:
            optimizers.append(torch.optim.Adam(model.perturbation.parameters(), 3e-3))
        return hpm.torch.Student(model, *optimizers, examples=len(self.data["train"][0]), seed=seed)

    def _part(self, split: str, indices: Any) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = self.data[split]
        return x[indices].float() / 255, y[indices]

    def _loss(self, split: str, indices: torch.Tensor) -> Any:
        x, y = self._part(split, indices.to(self.device))
        return lambda model: cross_entropy(model(x), y)

    def train(self, student: hpm.torch.Student, hyperparameters: dict[str, Any]) -> None:
        model, optimizer = student.model.train(), student.optimizers[0]
        model.hyperparameters = hyperparameters
        with student.random():
            for batch in student.batches(self.steps, self.batch):
                optimizer.zero_grad()
                model.backward(self._loss("train", batch))
                optimizer.step()

    def hypergradient(self, student: hpm.torch.Student) -> dict[str, Any]:
        count = len(self.data["valid"][0])
        total: dict[str, Any] = {}
        with student.random():
            for _ in range(self.validation_steps):
                loss = self._loss("valid", torch.randperm(count)[: self.batch])
                for name, slope in student.model.hypergradient(loss)[1].items():
                    total[name] = total.get(name, 0.0) + slope / self.validation_steps
                student.model.tune_perturbation(loss, student.optimizers[1])
        return total

    def validate(self, student: hpm.torch.Student) -> float:
        return self._evaluate(student, "valid", self.fixed)[0]

    def test(self, student: hpm.torch.Student) -> dict[str, float]:
        found = {}
        for split, name in (("valid", "validation"), ("test", "test")):
            found[f"{name}_loss"], found[f"{name}_metric"] = self._evaluate(student, split)
        return found

    def _evaluate(self, student: hpm.torch.Student, split: str, most: int | None = None) -> tuple[float, float]:
        """Mean loss and accuracy."""
        model = student.model.eval()
        count = min(len(self.data[split][0]), most or 1 << 60)
        loss = right = 0.0
        with torch.no_grad():
            for first in range(0, count, 500):
                x, y = self._part(split, slice(first, min(first + 500, count)))
                output = model(x)
                loss += float(cross_entropy(output, y, reduction="sum"))
                right += float((output.argmax(1) == y).sum())
        return loss / count, right / count
