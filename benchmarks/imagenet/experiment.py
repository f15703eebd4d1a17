"""A ResNet on a folder of images, as ImageNet is, whose augmentation and regularisation are tuned in training."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import transforms

from common.data import data_folder
from common.experiment import PresetExperiment, learning_rates
from common.normalization import Normalization
from libhpm import SearchSpace
from libhpm.torch import ColorJitter, Cutout, Dropout, InputScaling, SelfTuning, Student, WeightDecay

# Of the training images of ImageNet, as torchvision's models have them.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preset:
    """Sizes of data, network and training."""

    network: str
    """A ResNet of `torchvision.models`."""
    size: int
    """Pixels of a side of the image that the network sees."""
    held_out: tuple[int, int]
    """Training images, the same of each run, that no student trains on: those on which students are ranked, and those of
    hypergradients. The folder `val` is for the test."""
    batch: int
    learning_rate: float
    students: int
    steps: int
    reports: int
    warm_up: int
    """Reports of a self-tuning network that have no hypergradient yet, at the beginning."""
    loaders: int
    """Processes that decode images for each student."""


PRESETS = {
    # 4,926 batches are an epoch of the 1,261,167 training images that are not held out: 90 epochs.
    "paper": Preset("resnet50", 224, (10_000, 10_000), batch=256, learning_rate=0.1, students=20, steps=4_926, reports=90, warm_up=5,
                    loaders=8),
    # For a small folder of the same layout.
    "small": Preset("resnet18", 32, (64, 64), batch=16, learning_rate=0.05, students=4, steps=4, reports=10, warm_up=1, loaders=0),
}


def make_space(size: int) -> SearchSpace:
    """Nine hyperparameters; the strengths of augmentations as in the experiment on CIFAR-10."""
    space = SearchSpace().add_real("weight_decay", 1e-6, 1e-2, scale="log", initial=1e-4).add_real("dropout", 0.0, 0.9, initial=0.05)
    space = space.add_real("hue", 0.0, 0.5, initial=0.05)
    for name in ("contrast", "saturation", "brightness"):
        space = space.add_real(name, 0.0, 1.0, initial=0.05)
    space = space.add_real("scaling", 0.0, 0.3, initial=0.05)
    return space.add_real("cutout_length", 0.0, 0.75 * size, initial=0.125 * size).add_real("cutout_holes", 0.0, 4.0, initial=1.0)


class Classifier(nn.Module):
    """Augmentation, a ResNet whose last layer has dropout before it, and the penalty of its weights."""

    def __init__(self, network: str, classes: int):
        super().__init__()
        self.augmentation = nn.Sequential(
            ColorJitter(brightness="brightness", contrast="contrast", saturation="saturation", hue="hue"),
            InputScaling("scaling"),
            Cutout("cutout_holes", "cutout_length"),
        )
        self.normalization = Normalization(MEAN, DEVIATION)
        self.features = torchvision.models.get_model(network, weights=None, num_classes=classes)
        last = self.features.fc
        self.features.fc = nn.Sequential(Dropout("dropout"), last)
        self.decay = WeightDecay("weight_decay")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.features(self.normalization(self.augmentation(x)))


def find(folder: str | os.PathLike[str] | None = None) -> Path:
    """The folder of the images; None: `imagenet` in that of the variable HPM_DATA, or in shared/data beside the repository."""
    path = Path(folder) if folder else data_folder() / "imagenet"
    for part in ("train", "val"):
        if not (path / part).is_dir():
            raise FileNotFoundError(
                f"{path / part} is missing. A folder of images has train/CLASS/NAME.jpg and val/CLASS/NAME.jpg, as ImageNet has "
                "(https://image-net.org) and `torchvision.datasets.ImageFolder` reads. Give it with --folder"
            )
    return path


class ImageFolder(PresetExperiment):
    """An `Experiment` of `common/experiment.py`.

    Args:
        preset: Of `PRESETS`, or one of your own.
        folder: As in `find`.
        device: None: the CPU for the small preset; for others `cuda`, if there is one.
        changes: Fields of the preset that are changed, such as `steps=2`.

    Raises:
        FileNotFoundError: The folder lacks a part.
        ValueError: It has too few images, or other classes in `val` than in `train`.
    """

    metric = "accuracy"

    def __init__(
        self,
        preset: str | Preset = "paper",
        folder: str | os.PathLike[str] | None = None,
        device: str | None = None,
        **changes: Any,
    ):
        super().__init__("imagenet", PRESETS, preset, device, changes)
        root, size = find(folder), self.preset.size
        self.name += f" folder={root.name}"  # other images are another problem
        self.space = make_space(size)
        # What the network is judged on sees no random crop.
        plain = transforms.Compose([transforms.Resize(size * 8 // 7), transforms.CenterCrop(size), transforms.ToTensor()])
        random = transforms.Compose([transforms.RandomResizedCrop(size), transforms.RandomHorizontalFlip(), transforms.ToTensor()])
        whole = torchvision.datasets.ImageFolder(root / "train", random)
        judged = torchvision.datasets.ImageFolder(root / "train", plain)
        testing = torchvision.datasets.ImageFolder(root / "val", plain)
        if testing.classes != whole.classes:
            other = sorted(set(testing.classes) ^ set(whole.classes))
            raise ValueError(f"{root}: train and val differ in the classes {', '.join(other[:5])}; allowed: the same in both")
        self.classes = len(whole.classes)
        ranking, guiding = self.preset.held_out
        order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0)).tolist()
        if len(whole) < ranking + guiding + self.preset.batch:
            raise ValueError(f"{root / 'train'} has {len(whole)} images; allowed: {ranking + guiding + self.preset.batch} or more, "
                             f"of which {ranking + guiding} are held out and a batch is {self.preset.batch}")
        self.validation: Dataset = Subset(judged, order[:ranking])
        self.guiding: Dataset = Subset(judged, order[ranking : ranking + guiding])
        self.training: Dataset = Subset(whole, order[ranking + guiding :])
        self.testing: Dataset = testing

    def make(self, seed: int, self_tuning: bool) -> Student:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = Classifier(self.preset.network, self.classes)
            # Batch normalisation has no response. One perturbation for a batch: with one for each image a step takes twice as long.
            model = SelfTuning(network, self.space, respond_to=None if self_tuning else [], keep=[nn.BatchNorm2d],
                               per_example=False).to(self.device)
        weights = torch.optim.SGD(model.weights(), self.preset.learning_rate, momentum=0.9)
        scales = torch.optim.Adam(model.perturbation.parameters(), 0.003)
        return Student(model, weights, scales, examples=len(self.training), seed=seed)

    def train(self, student: Student, hyperparameters: dict[str, Any], progress: tuple[float, float]) -> None:
        model, optimizer = student.model, student.optimizers[0]
        rates = learning_rates(self.preset.learning_rate, progress, self.steps)
        model.hyperparameters = hyperparameters
        model.train()
        with student.random():
            batches = [batch.tolist() for batch in student.batches(self.steps, self.preset.batch)]
            for (x, y), rate in zip(self._loader(self.training, batches), rates):
                optimizer.param_groups[0]["lr"] = rate
                optimizer.zero_grad()
                model.backward(lambda model: cross_entropy(model(x), y) + model.network.decay(model.network.features))
                optimizer.step()

    def hypergradient(self, student: Student) -> dict[str, Any]:
        total: dict[str, Any] = dict.fromkeys(self.space.names, 0.0)
        with student.random():
            chosen = torch.randint(len(self.guiding), (self.validation_steps, self.preset.batch)).tolist()
            for x, y in self._loader(self.guiding, chosen):
                def loss(model: SelfTuning) -> torch.Tensor:
                    return cross_entropy(model(x), y)

                _, slope = student.model.tune_perturbation(loss, student.optimizers[1])
                total = {name: total[name] + slope[name] / self.validation_steps for name in slope}
        return total

    def validate(self, student: Student) -> float:
        return self._judge(student, self.validation)[0]

    def test(self, student: Student) -> dict[str, float]:
        found = {}
        for name, part in (("validation", self.validation), ("test", self.testing)):
            found[f"{name}_loss"], found[f"{name}_metric"] = self._judge(student, part)
        return found

    def _loader(self, part: Dataset, batches: list[list[int]]) -> Any:
        """Images `[n, 3, size, size]` of values in [0, 1] and labels, on the device."""
        pinned = self.device.type == "cuda"
        loader: DataLoader = DataLoader(part, batch_sampler=batches, num_workers=self.preset.loaders, pin_memory=pinned)
        return ((x.to(self.device, non_blocking=pinned), y.to(self.device, non_blocking=pinned)) for x, y in loader)

    @torch.no_grad()
    def _judge(self, student: Student, part: Any) -> tuple[float, float]:
        """The mean loss and the accuracy."""
        model, count = student.model.eval(), len(part)
        batches = [list(range(count))[i : i + self.preset.batch] for i in range(0, count, self.preset.batch)]
        loss, right = 0.0, 0
        for x, y in self._loader(part, batches):
            output = model(x)
            loss += float(cross_entropy(output, y, reduction="sum"))
            right += int((output.argmax(1) == y).sum())
        return loss / count, right / count
