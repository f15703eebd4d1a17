"""Bayesian optimisation of functions: regret of the reported point after some calls, as CSV, of
`bayesian` and `random` (trials of one report), and of packages where they are installed.

    .venv/bin/python benchmarks/landscapes/surrogate.py --seeds 10 --calls 200 > surrogate.csv
"""

import argparse
import csv
import sys
import time

import libhpm as hpm
import numpy as np


class Problem:
    """A function of named parameters: (kind, name, low, high or labels)."""

    def __init__(self, parameters, function, optimum):
        self.parameters, self.function, self.optimum = parameters, function, optimum

    def space(self):
        space = hpm.SearchSpace()
        for kind, name, *limits in self.parameters:
            if kind == "choice":
                space.add_choice(name, limits[0])
            elif kind == "integer":
                space.add_integer(name, *limits)
            else:
                space.add_real(name, *limits)
        return space


def branin(x):
    b, c, t = 5.1 / (4 * np.pi**2), 5 / np.pi, 1 / (8 * np.pi)
    return (x[1] - b * x[0] ** 2 + c * x[0] - 6) ** 2 + 10 * (1 - t) * np.cos(x[0]) + 10


HARTMANN_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann(x):
    """Hartmann's function of six variables (Dixon and Szego 1978)."""
    return -np.array([1, 1.2, 3, 3.2]) @ np.exp(-(HARTMANN_A * (np.asarray(x) - HARTMANN_P) ** 2).sum(1))


def mixed(x):
    """Two reals, an integer and a choice that shifts the optimum: minimum 0 at (0.3, 0.6, 7, 2)."""
    shift = (0.3, -0.2, 0.0, 0.15)[int(x[3])]
    return (
        4 * (x[0] - 0.3 - shift) ** 2
        + 4 * (x[1] - 0.6 + shift * x[0]) ** 2
        + ((x[2] - 7) / 5) ** 2
        + (0.3, 0.2, 0.0, 0.5)[int(x[3])]
        + 0.2 * (1 - np.cos(6 * np.pi * (x[0] - 0.3)))
    )


PROBLEMS = {
    "branin": Problem([("real", "x", -5.0, 10.0), ("real", "y", 0.0, 15.0)], branin, 0.39788735772973816),
    "hartmann6": Problem([("real", f"x{k}", 0.0, 1.0) for k in range(6)], hartmann, -3.322368011415515),
    "mixed": Problem(
        [("real", "x", 0.0, 1.0), ("real", "y", 0.0, 1.0), ("integer", "n", 1, 20), ("choice", "kind", ["a", "b", "c", "d"])],
        mixed,
        0.0,
    ),
}


def run_hpm(problem, algorithm, students, calls, seed):
    population = hpm.Population(
        problem.space(), algorithm=algorithm, population=students, seed=seed, trial=1, steps=calls // students
    )
    while True:
        assigned = population.next_all()
        if (assigned.actions == hpm.Action.STOP).all():
            return population.best_hyperparameters()[1]
        losses = np.full(students, np.nan)
        for student in np.flatnonzero(assigned.actions == hpm.Action.TRAIN):
            losses[student] = problem.function(assigned.hyperparameters[student])
        population.report_all(losses)


def run_optuna(problem, sampler, calls, seed):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial):
        values = []
        for kind, name, *limits in problem.parameters:
            if kind == "choice":
                values.append(limits[0].index(trial.suggest_categorical(name, limits[0])))
            elif kind == "integer":
                values.append(trial.suggest_int(name, *limits))
            else:
                values.append(trial.suggest_float(name, *limits))
        return float(problem.function(values))

    samplers = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}
    study = optuna.create_study(sampler=samplers[sampler](seed=seed))
    study.optimize(objective, n_trials=calls)
    return study.best_value


def run_skopt(problem, calls, seed):
    import skopt

    dimensions = [
        skopt.space.Categorical(range(len(limits[0]))) if kind == "choice"
        else skopt.space.Integer(*limits) if kind == "integer"
        else skopt.space.Real(*limits)
        for kind, _, *limits in problem.parameters
    ]
    found = skopt.gp_minimize(
        lambda x: float(problem.function(x)), dimensions, n_calls=calls, acq_func="EI", random_state=seed
    )
    return found.fun


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=10)
    arguments.add_argument("--first", type=int, default=0, help="the first seed")
    arguments.add_argument("--calls", type=int, default=200)
    arguments.add_argument("--problems", nargs="*", default=list(PROBLEMS))
    arguments.add_argument("--methods", nargs="*", default=["bayesian-1", "bayesian-8", "random-1"])
    arguments = arguments.parse_args()
    writer = csv.writer(sys.stdout)
    writer.writerow(["problem", "method", "calls", "seed", "regret", "seconds"])
    for name in arguments.problems:
        problem = PROBLEMS[name]
        for method in arguments.methods:
            for seed in range(arguments.first, arguments.first + arguments.seeds):
                began = time.perf_counter()
                kind, _, detail = method.partition("-")
                if kind == "optuna":
                    value = run_optuna(problem, detail, arguments.calls, seed)
                elif kind == "skopt":
                    value = run_skopt(problem, arguments.calls, seed)
                else:
                    value = run_hpm(problem, kind, int(detail), arguments.calls, seed)
                seconds = time.perf_counter() - began
                writer.writerow([name, method, arguments.calls, seed, f"{value - problem.optimum:.3g}", f"{seconds:.1f}"])
                sys.stdout.flush()


if __name__ == "__main__":
    main()
