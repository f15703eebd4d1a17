"""Tunes an AlexNet on CIFAR-10 by all methods at the same cost, and makes the tables and pictures."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "bindings" / "python")]

from common import networks  # noqa: E402
from experiment import PRESETS, Cifar10  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--preset", default="small", choices=PRESETS, help="small: for two cores; paper: the full size")
    parser.add_argument("--students", type=int, help="in place of the preset's")
    parser.add_argument("--width", default=1.0, type=float, help="factor of the preset's channels and hidden units")
    parser.add_argument("--reports", type=int, help="of each student, in place of the preset's")
    parser.add_argument("--learning-rate", type=float, help="in place of the preset's")
    parser.add_argument("--per-example", type=int, choices=(0, 1), help="whether each image has its own perturbation")
    parser.add_argument("--device", help="cpu or cuda; by default CUDA where there is one")
    networks.add_arguments(parser, HERE)
    chosen = parser.parse_args()
    make = partial(
        Cifar10, chosen.preset, chosen.students, chosen.width, None if chosen.per_example is None else bool(chosen.per_example),
        chosen.learning_rate, chosen.reports, chosen.device,
    )
    sys.exit(1 if networks.main(parser, chosen, make) else 0)


if __name__ == "__main__":
    main()
