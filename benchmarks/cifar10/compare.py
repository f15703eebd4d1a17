"""Tunes an image classifier on CIFAR-10 in training by all methods at the same cost, and makes tables and pictures."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "bindings" / "python")]

from cifar10.experiment import PRESETS, Cifar10  # noqa: E402
from common import networks  # noqa: E402

SETTINGS = {
    "students": (int, "in place of the preset's"),
    "reports": (int, "of each student, in place of the preset's"),
    "steps": (int, "of a report, in place of the preset's"),
    "width": (float, "factor of the preset's channels and hidden units"),
    "learning_rate": (float, "in place of the preset's"),
    "per_example": (int, "whether each image of a batch has its own perturbation: 0 or 1, in place of the preset's"),
}

if __name__ == "__main__":
    networks.main(Cifar10, list(PRESETS), HERE, __doc__, SETTINGS)
