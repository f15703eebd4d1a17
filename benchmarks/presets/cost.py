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


def presets(device: str, images: Path) -> dict[str, tuple[Callable[..., Any], float, float]]:
    """Name -> the experiment with some settings changed, and by what a measured minibatch and a measured validation loss
    are multiplied."""

    def imagenet(**changes: Any) -> ImageFolder:
        changes = {"batch": BATCH, "held_out": (BATCH, BATCH), "loaders": 0} | changes
        return ImageFolder("paper", folder_of_images(images) if not images.exists() else images, device, **changes)

    return {
        "cifar10-small": (lambda **changes: Cifar10("small", device=device, **changes), 1, 1),
        "cifar10-paper": (lambda **changes: Cifar10("paper", device=device, **changes), 1, 1),
        "ptb-small": (lambda **changes: PennTreebank("small", device=device, **changes), 1, 1),
        "ptb-paper": (lambda **changes: PennTreebank("paper", device=device, **changes), 1, 1),
        "imagenet-paper": (imagenet, IMAGENET["paper"].batch / BATCH, IMAGENET["paper"].held_out[0] / BATCH),
    }


def gigaflop_of_fused_lstms(experiment: Any) -> float:
    """Of a step of a language model whose LSTMs are torch's own, which its counter leaves out: a product with two
    matrices of 4 width x width for each word and layer, forward, and twice that backward."""
    preset = experiment.preset
    return 2 * 3 * 2 * 8 * preset.width**2 * preset.batch * preset.length / 1e9 if experiment.metric == "perplexity" else 0.0


def parts(experiment: Any, repetitions: int) -> dict[str, tuple[float, float]]:
    """Part -> seconds, the least of so many, and GFLOP. On the CPU seconds are those of the process."""
    calls: dict[str, Callable[[], Any]] = {}
    for kind, name in ((False, "ordinary step"), (True, "self-tuning step")):
        student = experiment.make(1, kind)
        h = student.model.hyperparameters
        calls[name] = lambda student=student, h=h: experiment.train(student, h, (0.0, 0.5))
    calls["validation minibatch"] = lambda: experiment.hypergradient(student)
    calls["validation loss"] = lambda: experiment.validate(student)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    gigaflop = {}
    for name, call in calls.items():
        with FlopCounterMode(display=False) as counter:
            call()
        gigaflop[name] = counter.get_total_flops() / 1e9
        is_fused = name == "ordinary step" or not getattr(experiment.preset, "per_example", False)
        if is_fused and name != "validation loss":
            gigaflop[name] += gigaflop_of_fused_lstms(experiment)
    clock = time.process_time if experiment.device.type == "cpu" else time.perf_counter
    for _ in range(repetitions):  # in turns
        for name, call in calls.items():
            started = clock()
            call()
            if experiment.device.type != "cpu":
                torch.cuda.synchronize(experiment.device)
            seconds[name].append(clock() - started)
    return {name: (min(seconds[name]), gigaflop[name]) for name in calls}


def lines_of(name: str, whole: Any, rows: list[dict[str, Any]], device: str) -> list[list[Any]]:
    """What runs of a preset take, from the parts that were measured on a device."""
    measured = {
        row["part"]: (float(row["seconds"]), float(row["gigaflop"])) for row in rows if (row["preset"], row["device"]) == (name, device)
    }
    lines = []
    for method in METHODS if measured else ():
        planned, tuned = networks.plan(whole, networks.METHODS[method]), networks.METHODS[method].self_tuning
        counts = {
            "self-tuning step" if tuned else "ordinary step": planned.students * planned.reports * whole.steps,
            # Without the warm-up, which has none.
            "validation minibatch": tuned * planned.students * (planned.reports - planned.warm_up) * whole.validation_steps,
            "validation loss": planned.students * planned.reports,
        }
        hours, petaflop = (
            sum(count * measured[part][i] for part, count in counts.items()) / unit for i, unit in ((0, 3600), (1, 1e6))
        )
        lines.append([name, method, planned.students, *(f"{count:,}" for count in counts.values()), f"{hours:,.3g}", f"{petaflop:,.3g}",
                      f"{petaflop * 1e3 / ASSUMED / 3600:,.2g}"])
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="of torch; default: cpu")
    parser.add_argument("--presets", help="default: all")
    parser.add_argument("--repetitions", default=3, type=int, help="of a part, of which the fastest counts; default: 3")
    parser.add_argument("--threads", default=1, type=int, help="of torch; default: 1")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    rows = list(csv.DictReader(open(HERE / "cost.csv"))) if (HERE / "cost.csv").exists() else []
    with tempfile.TemporaryDirectory() as folder:
        offered = presets(chosen.device, Path(folder) / "images")
        names = chosen.presets.split(",") if chosen.presets else list(offered)
        if unknown := set(names) - set(offered):
            parser.error(f"--presets: {', '.join(sorted(unknown))}; allowed: {', '.join(offered)}")
        for name in names:
            make, of_minibatch, of_loss = offered[name]
            # One step a report, so that a report's parts are single ones.
            found = parts(make(steps=1, students=1), chosen.repetitions)
            measured = {}
            for part, (seconds, gigaflop) in found.items():
                factor = of_loss if part == "validation loss" else of_minibatch
                measured[part] = factor * seconds, factor * gigaflop
            rows = [row for row in rows if (row["preset"], row["device"]) != (name, chosen.device)]
            for part, (seconds, gigaflop) in measured.items():
                rows.append({"preset": name, "device": chosen.device, "threads": chosen.threads, "part": part,
                             "seconds": f"{seconds:.4g}", "gigaflop": f"{gigaflop:.4g}"})
            print(name, {part: round(seconds, 3) for part, (seconds, _) in measured.items()}, flush=True)
        lines = [line for name, (make, *_) in offered.items() for line in lines_of(name, make(), rows, chosen.device)]
    with open(HERE / "cost.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    text = tables.markdown(
        ["preset", "method", "students", "training steps", "validation minibatches", "validation losses",
         f"hours on one thread of this {chosen.device}" if chosen.device == "cpu" else f"hours on {chosen.device}", "PFLOP",
         f"hours at {ASSUMED:g} TFLOP/s"], lines)
    (HERE / "cost.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
