"""A line of blocks for the terminal."""

from __future__ import annotations

import numpy as np

from .run_file import Floats

BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Floats, width: int) -> str:
    """Values as blocks, at most `width`, of which each shows the last of its share; a space where that is not finite.
    Positive values that span more than a factor of 20 are drawn by their logarithms."""
    if not len(values) or width < 1:
        return ""
    ends = np.linspace(0, len(values), min(width, len(values)) + 1).round().astype(int)[1:] - 1
    chosen = np.asarray(values, float)[ends]
    finite = chosen[np.isfinite(chosen)]
    if not len(finite):
        return " " * len(chosen)
    if finite.min() > 0 and finite.max() > 20 * finite.min():
        chosen, finite = np.log(np.where(np.isfinite(chosen), chosen, np.nan)), np.log(finite)
    low, span = finite.min(), finite.max() - finite.min()
    levels = (chosen - low) / span * (len(BLOCKS) - 1) if span > 0 else np.where(np.isfinite(chosen), 0.0, np.nan)
    return "".join(BLOCKS[round(level)] if np.isfinite(level) else " " for level in levels.tolist())
