"""What a run of each preset costs: its parts are measured on this machine, and multiplied by how often a run has them.

    python cost.py [--device cuda] [--presets cifar10-paper,...]

Writes `cost.csv` and `cost.md`.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "bindings" / "python")]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from cifar10.experiment import Cifar10  # noqa: E402
from common import networks, tables  # noqa: E402
from imagenet.experiment import PRESETS as IMAGENET  # noqa: E402
from imagenet.experiment import ImageFolder  # noqa: E402
from PIL import Image  # noqa: E402
from ptb.experiment import PennTreebank  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

COLUMNS = ("preset", "device", "threads", "part", "seconds", "gigaflop")
METHODS = ("pbt", "stn", "hpm")
ASSUMED = 20.0
"""TFLOP/s that a device is assumed to sustain."""
BATCH = 8
"""Of ImageNet's images in a measured step, which is scaled to the preset's batch: a CPU would take minutes for that."""


def folder_of_images(folder: Path, count: int = 4 * BATCH) -> Path:
    """Random pixels of a photograph's size, since decoding takes its time."""
    draw = np.random.default_rng(0)
    for part in ("train", "val"):
        for name in ("a", "b"):
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = draw.integers(0, 256, (375, 500, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{i}.jpg", quality=75)
    return folder


def presets(device: str, images: Path) -> dict[str, tuple[Callable[..., Any], float]]:
    """Name -> the experiment with some settings changed, and by what its measured parts are multiplied."""

    def imagenet(**changes: Any) -> ImageFolder:
        changes = {"batch": BATCH, "held_out": (BATCH, BATCH), "loaders": 0} | changes
        return ImageFolder("paper", folder_of_images(images) if not images.exists() else images, device, **changes)

    return {
        "cifar10-small": (lambda **changes: Cifar10("small", device=device, **changes), 1),
        "cifar10-paper": (lambda **changes: Cifar10("paper", device=device, **changes), 1),
        "ptb-small": (lambda **changes: PennTreebank("small", device=device, **changes), 1),
        "ptb-paper": (lambda **changes: PennTreebank("paper", device=device, **changes), 1),
        "imagenet-paper": (imagenet, IMAGENET["paper"].batch / BATCH),
    }


def parts(experiment: Any, repetitions: int, device: str) -> dict[str, tuple[float, float]]:
    """Part -> seconds, the least of so many, and GFLOP."""
    found = {}
    for kind in (False, True):
        student = experiment.make(1, kind)
        h = student.model.hyperparameters
        calls: dict[str, Callable[[], Any]] = {
            "self-tuning step" if kind else "ordinary step": lambda: experiment.train(student, h, (0.0, 0.5))
        }
        if kind:
            calls["validation minibatch"] = lambda: experiment.hypergradient(student)
        for name, call in calls.items():
            with FlopCounterMode(display=False) as counter:
                call()
            seconds = []
            for _ in range(repetitions):
                started = time.perf_counter()
                call()
                if device != "cpu":
                    torch.cuda.synchronize(device)
                seconds.append(time.perf_counter() - started)
            found[name] = min(seconds), counter.get_total_flops() / 1e9
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="of torch; default: cpu")
    parser.add_argument("--presets", help="default: all")
    parser.add_argument("--repetitions", default=3, type=int, help="of a part, of which the fastest counts; default: 3")
    parser.add_argument("--threads", default=1, type=int, help="of torch; default: 1")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    rows: list[dict[str, Any]] = []
    lines: list[list[Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        offered = presets(chosen.device, Path(folder) / "images")
        names = chosen.presets.split(",") if chosen.presets else list(offered)
        if unknown := set(names) - set(offered):
            parser.error(f"--presets: {', '.join(sorted(unknown))}; allowed: {', '.join(offered)}")
        for name in names:
            make, factor = offered[name]
            # One step a report, so that a report's parts are single ones.
            found = parts(make(steps=1, students=1), chosen.repetitions, chosen.device)
            measured = {part: (factor * seconds, factor * gigaflop) for part, (seconds, gigaflop) in found.items()}
            for part, (seconds, gigaflop) in measured.items():
                rows.append({"preset": name, "device": chosen.device, "threads": chosen.threads, "part": part,
                             "seconds": f"{seconds:.4g}", "gigaflop": f"{gigaflop:.4g}"})
            print(name, {part: round(seconds, 3) for part, (seconds, _) in measured.items()}, flush=True)
            whole = make()
            for method in METHODS:
                planned = networks.plan(whole, networks.METHODS[method])
                tuned = networks.METHODS[method].self_tuning
                steps = planned.students * planned.reports * whole.steps
                # Counted without the warm-up, which has none.
                minibatches = planned.students * (planned.reports - planned.warm_up) * whole.validation_steps if tuned else 0
                step, minibatch = measured["self-tuning step" if tuned else "ordinary step"], measured["validation minibatch"]
                hours, petaflop = (
                    (steps * step[i] + minibatches * minibatch[i]) / unit for i, unit in ((0, 3600), (1, 1e6))
                )
                lines.append([name, method, planned.students, f"{steps:,}", f"{minibatches:,}", f"{step[0]:.3g}",
                              f"{minibatch[0]:.3g}" if tuned else "–", f"{hours:,.3g}", f"{petaflop:,.3g}",
                              f"{petaflop * 1e3 / ASSUMED / 3600:,.2g}"])
    with open(HERE / "cost.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    text = tables.markdown(
        ["preset", "method", "students", "training steps", "validation minibatches", "seconds a step", "seconds a minibatch",
         f"hours on this {chosen.device}", "PFLOP", f"hours at {ASSUMED:g} TFLOP/s"], lines)
    (HERE / "cost.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
