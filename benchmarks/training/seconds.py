"""What a hypergradient, a teacher's evaluation and a validation loss cost in seconds, beside a plain report.

    python seconds.py                      # writes results/seconds.csv; wants a quiet machine

All are of one student: those that ten students make at once are divided by ten, as in a run. `relative` is the
median, over the rounds, of the ratio to the plain report of the same round, so that what slows the whole machine
down cancels. The tables by measured time are made with it.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "bindings" / "python")]

from common import jobs  # noqa: E402

KINDS = ("report", "report with hypergradient", "evaluation", "validation")
COLUMNS = ("task", "kind", "seconds", "relative")
PATH = HERE / "results" / "seconds.csv"
BUSY = 1.3
"""Load average above which a measurement is refused."""
LEAST = 0.02
"""Seconds that one measurement lasts at least: short calls are repeated."""


def calls(name: str) -> dict:
    """Of each kind a call to be timed, and of how many students it is."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    import trainer as training
    from task import STUDENTS
    from tasks import TASKS

    compiled, data = training.trainer(name), training.data(name, 100)
    state = compiled.start(100, 0)
    h = jnp.asarray(np.tile(TASKS[name].space.initial, (STUDENTS, 1)), dtype="float32")
    weights = jax.tree.map(lambda x: x[0], state.weights)
    loss = jax.jit(lambda weights, data: compiled._mean_loss(weights, data.validation_inputs, data.validation_targets))
    return {
        "report": (lambda: compiled.report_without(state, h, data, 100, 1), STUDENTS),
        "report with hypergradient": (lambda: compiled.report(state, h, data, 100, 1), STUDENTS),
        "evaluation": (lambda: compiled.evaluate(state, h, data, 100, 1), STUDENTS),
        "validation": (lambda: loss(weights, data), 1),
    }


def measure(name: str, rounds: int) -> list[dict]:
    """The rows of a task. Each round has all kinds, one after another."""
    import jax
    import numpy as np

    def seconds(call, repeats: int) -> float:
        started = time.perf_counter()
        for _ in range(repeats):
            jax.block_until_ready(call())
        return (time.perf_counter() - started) / repeats

    timed = calls(name)
    repeats = {}
    for kind, (call, _) in timed.items():
        seconds(call, 1)  # compiles
        repeats[kind] = max(1, int(np.ceil(LEAST / max(seconds(call, 2), 1e-6))))
    found = {kind: np.empty(rounds) for kind in KINDS}
    for i in range(rounds):
        for kind, (call, students) in timed.items():
            found[kind][i] = seconds(call, repeats[kind]) / students
    return [
        {"task": name, "kind": kind, "seconds": f"{np.median(own):.4g}", "relative": f"{np.median(own / found['report']):.4g}"}
        for kind, own in found.items()
    ]


def read_seconds(path: str | os.PathLike = PATH) -> dict[str, dict[str, float]]:
    """Task -> kind -> seconds relative to a plain report."""
    relative: dict[str, dict[str, float]] = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            relative.setdefault(row["task"], {})[row["kind"]] = float(row["relative"])
    return relative


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="all", help="separated by commas; others keep the rows that the file has")
    parser.add_argument("--rounds", default=25, type=int, help="15 or more")
    parser.add_argument("--out", default=PATH, type=Path)
    parser.add_argument("--anyway", action="store_true", help=f"also where the load average is above {BUSY}")
    chosen = parser.parse_args()
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"load average {load:.1f}: something else runs on this machine; at most {BUSY} is quiet", file=sys.stderr)
        if not chosen.anyway:
            sys.exit(1)
    os.environ.update({**jobs.ONE_THREAD, **jobs.JAX_ONE_THREAD})
    from tasks import TASKS

    names = list(TASKS) if chosen.tasks == "all" else chosen.tasks.split(",")
    for name in set(names) - set(TASKS):
        parser.error(f"unknown task '{name}'; there are {', '.join(TASKS)}")
    if chosen.rounds < 15:
        parser.error(f"rounds is {chosen.rounds}; allowed: 15 or more")
    rows: dict[str, list[dict]] = {}
    if chosen.out.exists():
        with open(chosen.out, newline="") as file:
            for row in csv.DictReader(file):
                rows.setdefault(row["task"], []).append(row)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    for name in names:
        rows[name] = measure(name, chosen.rounds)
        for row in rows[name]:
            print("{task:12} {kind:26} {seconds:>10} s  {relative:>7}".format(**row), flush=True)
        with open(chosen.out, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(row for task in TASKS for row in rows.get(task, ()))


if __name__ == "__main__":
    main()
