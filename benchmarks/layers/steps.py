"""What a self-tuning layer costs beside the ordinary one: the time of a training step, and its memory.

    python steps.py            # writes layers.csv and prints its table

A step is forward, backward and SGD. All forms of a layer take turns in one process with one thread, so that what else the
machine does meets them alike; the time is the median over the turns. Memory is that of the parameters, and of what the
forward pass keeps for the backward pass (each storage once, parameters left out).
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path
from statistics import median

import torch
from torch import nn

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bindings" / "python"))

import libhpm as hpm  # noqa: E402

BATCH, HYPERPARAMETERS = 64, 15
LAYERS = {
    "Linear 512 x 512": (lambda: nn.Linear(512, 512), lambda: torch.randn(BATCH, 512, requires_grad=True), 0),
    "Conv2d 32 x 48, 3 x 3, 16 x 16": (lambda: nn.Conv2d(32, 48, 3, padding=1), lambda: torch.randn(BATCH, 32, 16, 16, requires_grad=True), 0),
    "Conv2d 64 x 192, 3 x 3, 8 x 8": (lambda: nn.Conv2d(64, 192, 3, padding=1), lambda: torch.randn(BATCH, 64, 8, 8, requires_grad=True), 0),
    "Conv2d 256 x 256, 3 x 3, 4 x 4": (lambda: nn.Conv2d(256, 256, 3, padding=1), lambda: torch.randn(BATCH, 256, 4, 4, requires_grad=True), 0),
    "Embedding 2000 x 64, 35 steps": (lambda: nn.Embedding(2000, 64), lambda: torch.randint(2000, (35, BATCH)), 1),
    "LSTM 64 x 64, 35 steps": (lambda: nn.LSTM(64, 64), lambda: torch.randn(35, BATCH, 64, requires_grad=True), 1),
}
FORMS = {"plain": None, "one perturbation": {"per_example": False}, "one for each example": {}, "Delta-STN": {"delta": True}}


def make(layer, x, dim: int, form: dict | None):
    torch.manual_seed(0)
    space = hpm.SearchSpace().add_block("h", HYPERPARAMETERS, 0.0, 1.0, initial=0.5)
    model = layer() if form is None else hpm.torch.SelfTuning(layer(), space, batch_dim=dim, **form)
    optimizer = torch.optim.SGD(model.parameters() if form is None else model.weights(), 1e-3)

    def loss(model):
        output = model(x)
        return (output[0] if isinstance(output, tuple) else output).square().mean()

    def step():
        optimizer.zero_grad()
        if form is None:
            loss(model).backward()
        else:
            model.backward(loss)
        optimizer.step()

    return model, loss, step


def kept_bytes(model, loss) -> int:
    """Of storages that a forward pass keeps, parameters left out."""
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    sizes: dict[int, int] = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        value = loss(model)
    del value
    return sum(sizes.values())


def measure(turns: int) -> list[dict]:
    rows = []
    for name, (layer, data, dim) in LAYERS.items():
        x = data()
        made = {form: make(layer, x, dim, options) for form, options in FORMS.items()}
        times: dict[str, list[float]] = {form: [] for form in made}
        for turn in range(turns + 3):
            for form, (_, _, step) in made.items():
                start = time.perf_counter()
                step()
                if turn >= 3:
                    times[form].append(time.perf_counter() - start)
        for form, (model, loss, _) in made.items():
            rows.append({
                "layer": name, "form": form, "milliseconds": 1e3 * median(times[form]),
                "ratio": median(a / b for a, b in zip(times[form], times["plain"])),
                "parameter_bytes": sum(p.numel() * p.element_size() for p in model.parameters()),
                "kept_bytes": kept_bytes(model, loss),
            })
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--out", type=Path, default=HERE / "layers.csv")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows = measure(chosen.turns)
    with open(chosen.out, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: f"{value:.4g}" if isinstance(value, float) else value for key, value in row.items()} for row in rows)
    print("| layer | form | ms a step | times the plain one | parameters, KiB | kept, KiB |\n| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        print(f"| {row['layer']} | {row['form']} | {row['milliseconds']:.2f} | {row['ratio']:.2f} | "
              f"{row['parameter_bytes'] / 1024:.0f} | {row['kept_bytes'] / 1024:.0f} |")


if __name__ == "__main__":
    main()
