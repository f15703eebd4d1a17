"""Tunes a language model on the Penn Treebank by all methods at the same cost, and makes the tables and pictures."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "bindings" / "python")]

from common import networks  # noqa: E402
from ptb.experiment import PRESETS, PennTreebank  # noqa: E402

if __name__ == "__main__":
    networks.main(PennTreebank, list(PRESETS), HERE, __doc__)
