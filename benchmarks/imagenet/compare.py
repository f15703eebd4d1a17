"""Tunes a ResNet on a folder of images, such as ImageNet, by all methods at the same cost, and makes the tables and pictures."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "bindings" / "python")]

from common import networks  # noqa: E402
from imagenet.experiment import PRESETS, ImageFolder  # noqa: E402

SETTINGS = {
    "folder": (str, "that has train/CLASS/NAME.jpg and val/CLASS/NAME.jpg"),
    "network": (str, "a ResNet of torchvision.models, in place of the preset's"),
    "students": (int, "in place of the preset's"),
    "reports": (int, "of each student, in place of the preset's"),
    "steps": (int, "of a report, in place of the preset's"),
    "batch": (int, "in place of the preset's"),
    "loaders": (int, "processes that decode images for each student, in place of the preset's"),
}

if __name__ == "__main__":
    networks.main(ImageFolder, list(PRESETS), HERE, __doc__, SETTINGS)
