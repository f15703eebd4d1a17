"""What a run of each preset costs: parts are measured on this machine, and multiplied by how often a run has them.

    python cost.py [--device cuda] [--presets cifar10-paper,...]

Writes `cost.csv` and `cost.md`. A step on fewer examples than the preset's batch is scaled to the batch.
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
from imagenet.experiment import ImageFolder  # noqa: E402
from PIL import Image  # noqa: E402
from ptb.experiment import PennTreebank  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

COLUMNS = ("preset", "device", "threads", "examples", "part", "seconds", "gigaflop")
ASSUMED = 20.0
"""TFLOP/s that a device is assumed to sustain."""


def folder_of_images(folder: Path, count: int) -> Path:
    """Random pixels of a photograph's size: decoding takes its time."""
    draw = np.random.default_rng(0)
    for part in ("train", "val"):
        for name in ("a", "b"):
            (folder / part / name).mkdir(parents=True)
            for i in range(count if part == "train" else 2):
                pixels = draw.integers(0, 256, (375, 500, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{i}.jpg", quality=75)
    return folder


def presets(device: str, images: Path) -> dict[str, tuple[Callable[[], Any], Callable[[Any], Any], int, float]]:
    """Name -> the experiment as it is measured (one report of one step), the whole one, examples of a measured batch,
    and by what a measured step is multiplied."""
    small = ImageFolder("small", folder_of_images(images, 20), device)  # says early if something is wrong
    del small
    one = {"steps": 1, "students": 1}
    folder = images
    return {
        "cifar10-small": (lambda: Cifar10("small", device=device, **one), Cifar10("small", device=device), 64, 1),
        "cifar10-paper": (lambda: Cifar10("paper", device=device, **one), Cifar10("paper", device=device), 128, 1),
        "ptb-small": (lambda: PennTreebank("small", device=device, **one), PennTreebank("small", device=device), 10, 1),
        "ptb-paper": (lambda: PennTreebank("paper", device=device, **one), PennTreebank("paper", device=device), 40, 1),
        "imagenet-paper": (
            lambda: ImageFolder("paper", folder, device, batch=8, held_out=(8, 8), loaders=0, **one),
            ImageFolder("paper", folder, device, batch=8, held_out=(8, 8), loaders=0), 8, 256 / 8,
        ),
    }


def parts(experiment: Any, repetitions: int) -> dict[str, tuple[float, float]]:
    """Part -> seconds, the least of so many, and GFLOP."""
    found = {}
    for kind in (False, True):
        student = experiment.make(1, kind)
        h = student.model.hyperparameters
        calls: dict[str, Callable[[], Any]] = {
            "self-tuning step" if kind else "ordinary step": lambda: experiment.train(student, h, 0.0)
        }
        if kind:
            calls["validation minibatch"] = lambda: experiment.hypergradient(student)
            calls["validation loss"] = lambda: experiment.validate(student)
        for name, call in calls.items():
            with FlopCounterMode(display=False) as counter:
                call()
            seconds = []
            for _ in range(repetitions):
                if experiment.device.type == "cuda":
                    torch.cuda.synchronize()
                started = time.perf_counter()
                call()
                if experiment.device.type == "cuda":
                    torch.cuda.synchronize()
                seconds.append(time.perf_counter() - started)
            found[name] = min(seconds), counter.get_total_flops() / 1e9
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--presets", default="all")
    parser.add_argument("--repetitions", default=3, type=int)
    parser.add_argument("--threads", default=1, type=int)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    rows: list[dict[str, Any]] = []
    lines: list[list[Any]] = []
    with tempfile.TemporaryDirectory() as images:
        for name, (make, whole, examples, factor) in presets(chosen.device, Path(images)).items():
            if chosen.presets not in ("all", "") and name not in chosen.presets.split(","):
                continue
            measured = {part: (factor * s, factor * f) for part, (s, f) in parts(make(), chosen.repetitions).items()}
            for part, (seconds, gigaflop) in measured.items():
                rows.append({"preset": name, "device": chosen.device, "threads": chosen.threads, "examples": examples,
                             "part": part, "seconds": f"{seconds:.4g}", "gigaflop": f"{gigaflop:.4g}"})
            print(name, {part: round(seconds, 3) for part, (seconds, _) in measured.items()}, flush=True)
            for method in ("pbt", "stn", "hpm"):
                planned = networks.plan(whole, networks.METHODS[method])
                steps = planned.students * planned.reports * whole.steps
                tuned = networks.METHODS[method].self_tuning
                validations = planned.students * planned.reports * whole.validation_steps if tuned else 0
                step = measured["self-tuning step" if tuned else "ordinary step"]
                hours, petaflop = (
                    (steps * step[i] + validations * measured["validation minibatch"][i]) / scale
                    for i, scale in ((0, 3600), (1, 1e6))
                )
                lines.append([name, method, planned.students, f"{steps:,}", f"{validations:,}", f"{step[0]:.3f}",
                              f"{measured['validation minibatch'][0]:.3f}" if tuned else "-", f"{hours:,.3g}", f"{petaflop:,.3g}",
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
