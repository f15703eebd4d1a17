"""CPU seconds of a round in which a Gaussian process proposes: `bayesian` (trials of one report, a proposal for each
student) and `pb2` (an exploit after each report, a proposal for each clone), as CSV.

    .venv-bench/bin/python benchmarks/overhead/models.py --version before > models.csv

The loss is a quadratic and a wave along one direction. `digest` is that of all values handed out: equal digests are
equal results to the bit.
"""

import argparse
import csv
import hashlib
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bindings" / "python"))
import libhpm as hpm  # noqa: E402

SIZES = ((50, 2000), (10, 100), (10, 10_008))
ROUNDS = 10
OPTIONS = {"bayesian": {"trial": 1}, "pb2": {"interval": 1}}


def space_of(dimension: int) -> hpm.SearchSpace:
    """One block; of 10,008 one of 10,000 and eight more."""
    space = hpm.SearchSpace()
    rest = 8 if dimension > 10_000 else 0
    space.add_block("x", dimension - rest, 0.0, 1.0)
    for number in range(rest):
        space.add_real(f"y{number}", 0.0, 1.0)
    return space


def measure(algorithm: str, students: int, dimension: int, rounds: int) -> dict:
    population = hpm.Population(
        space_of(dimension), algorithm=algorithm, population=students, seed=3, steps=10**6, **OPTIONS[algorithm]
    )
    direction = np.random.default_rng(0).normal(size=dimension) / np.sqrt(dimension)
    digest, seconds, reports = hashlib.sha256(), [], 0
    while reports < rounds * students:
        begin = time.thread_time()
        assigned = population.next_all()
        spent = time.thread_time() - begin
        trains = assigned.actions == hpm.Action.TRAIN
        values = np.asarray(assigned.hyperparameters)
        digest.update(values.tobytes())
        losses = 10 * ((values - 0.4) ** 2).mean(1) + np.sin(5 * values @ direction)
        begin = time.thread_time()
        population.report_all(np.where(assigned.actions == hpm.Action.WAIT, np.nan, losses))
        spent += time.thread_time() - begin
        # Clones, which no model is asked for, are part of the round before.
        if trains.any() or not seconds:
            seconds.append(spent)
        else:
            seconds[-1] += spent
        reports += int(trains.sum())
    return {
        "rounds": rounds,
        "median_seconds": f"{np.median(seconds[2:]):.3f}",
        "last_seconds": f"{np.median(seconds[-3:]):.3f}",
        "digest": digest.hexdigest()[:12],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--version", default="after", help="what the rows are called")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--header", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    writer = csv.writer(sys.stdout)
    if arguments.header:
        writer.writerow(
            ("version", "algorithm", "hyperparameters", "students", "rounds", "median_seconds", "last_seconds", "digest")
        )
    for algorithm in OPTIONS:
        for students, dimension in SIZES:
            # Of small rounds so many that the history is full.
            rounds = arguments.rounds if dimension > 100 else 4 * arguments.rounds
            row = measure(algorithm, students, dimension, rounds)
            writer.writerow((arguments.version, algorithm, dimension, students, *row.values()))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
