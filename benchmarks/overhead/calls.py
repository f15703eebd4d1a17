"""Microseconds for a report and a next from Python, at 15 hyperparameters and 20 students, as CSV.

The exploits and hyper-steps that the last report of each round runs are part of it.
"""

import statistics
import time

import libhpm as hpm
import numpy as np

HYPERPARAMETERS, STUDENTS, ROUNDS, REPEATS = 15, 20, 1000, 5


def next_and_report(population: hpm.Population, gradient: np.ndarray) -> int:
    """Rounds of two calls for each student; how many pairs there were."""
    pairs = 0
    for _ in range(ROUNDS):
        for student in range(STUDENTS):
            if population.next(student).action < hpm.Action.WAIT:
                population.report(student, 1.0 + student, gradient)
                pairs += 1
    return pairs


def next_all_and_report_all(population: hpm.Population, gradient: np.ndarray) -> int:
    losses, gradients = 1.0 + np.arange(STUDENTS), np.tile(gradient, (STUDENTS, 1))
    for _ in range(ROUNDS):
        population.next_all()
        population.report_all(losses, gradients)
    return ROUNDS * STUDENTS


print("calls,algorithm,hyperparameters,students,microseconds")
for algorithm in ("hpm", "hypergradient", "pbt"):
    for calls in (next_and_report, next_all_and_report_all):
        seconds = []
        for seed in range(REPEATS):
            space = hpm.SearchSpace().add_block("w", HYPERPARAMETERS, 0.0, 1.0)
            population = hpm.Population(space, population=STUDENTS, algorithm=algorithm, seed=seed)
            begin = time.perf_counter()
            pairs = calls(population, np.linspace(-1, 1, HYPERPARAMETERS))
            seconds.append((time.perf_counter() - begin) / pairs)
        name = calls.__name__.replace("_and_", "+")
        print(f"{name},{algorithm},{HYPERPARAMETERS},{STUDENTS},{1e6 * statistics.median(seconds):.2f}")
