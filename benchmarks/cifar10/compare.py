"""Tunes an image classifier on CIFAR-10 in training by all methods at the same cost, and makes tables and pictures."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "bindings" / "python")]

from cifar10.experiment import PRESETS, Cifar10  # noqa: E402
from common import networks  # noqa: E402

if __name__ == "__main__":
    networks.main(Cifar10, list(PRESETS), HERE, __doc__)
