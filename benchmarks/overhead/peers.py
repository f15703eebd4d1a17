"""What a step costs in Python: libhpm and other packages, each as its documentation has it.

    peers.py METHOD HYPERPARAMETERSxSTUDENTS ...

prints one JSON object a size. A step is what a program asks for and answers once for each model: `next` and
`report`, `ask` and `tell`, or one explore of Ray's population-based training. Sizes have to ascend: once a
step takes longer than LONGEST_STEP seconds, or the first one five times that, larger ones have 0 pairs and NaN.

Times are those of the thread on a processor, which is that of the clock on an idle machine; losses and
hypergradients are made beforehand.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

LOW, HIGH = 1e-4, 1.0
LIMIT, LONGEST_STEP, WARM_UP = 1.0, 1.5, 3
LOSSES = np.random.default_rng(0).random(1009)

# A maker gets the numbers of hyperparameters and students and returns a function that makes steps, and how many
# it makes in one call.
Maker = Callable[[int, int], tuple[Callable[[], None], int]]


def libhpm_population(hyperparameters: int, students: int, algorithm: str):
    import libhpm as hpm

    space = hpm.SearchSpace()
    space.add_block("linear", hyperparameters - hyperparameters // 2, LOW, HIGH)
    space.add_block("logarithmic", hyperparameters // 2, LOW, HIGH, "log")
    return hpm.Population(space, population=students, algorithm=algorithm, interval=5)


def libhpm_next(hyperparameters: int, students: int, algorithm: str = "hpm"):
    import libhpm as hpm

    population = libhpm_population(hyperparameters, students, algorithm)
    gradients = np.random.default_rng(0).uniform(-1, 1, (4, hyperparameters))
    losses = itertools.cycle(LOSSES.tolist())

    def interval() -> None:
        target = population.count("training_rounds") + 5
        while population.count("training_rounds") < target:
            for student in range(students):
                if population.next(student).action < hpm.Action.WAIT:
                    population.report(student, next(losses), gradients[student % 4])

    return interval, 5 * students


def libhpm_next_all(hyperparameters: int, students: int):
    population = libhpm_population(hyperparameters, students, "hpm")
    gradients = np.random.default_rng(0).uniform(-1, 1, (students, hyperparameters))
    losses = np.random.default_rng(1).random((7, students))
    rounds = itertools.count()

    def interval() -> None:
        target = population.count("training_rounds") + 5
        while population.count("training_rounds") < target:
            population.next_all()
            population.report_all(losses[next(rounds) % 7], gradients)

    return interval, 5 * students


def optuna_study(hyperparameters: int, sampler_name: str):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    sampler = getattr(optuna.samplers, sampler_name)(seed=0)
    study = optuna.create_study(sampler=sampler)
    distributions = {
        f"x{j}": optuna.distributions.FloatDistribution(LOW, HIGH, log=j % 2 == 1) for j in range(hyperparameters)
    }
    losses = itertools.cycle(LOSSES.tolist())

    def step() -> None:
        trial = study.ask(distributions)
        study.tell(trial, next(losses))

    return step


def optuna_random(hyperparameters: int, students: int):
    return optuna_step(hyperparameters, "RandomSampler", 0)


def optuna_tpe(hyperparameters: int, students: int):
    """After the ten trials that the sampler draws at random before it has a model."""
    return optuna_step(hyperparameters, "TPESampler", 10)


def optuna_step(hyperparameters: int, sampler: str, trials: int):
    step = optuna_study(hyperparameters, sampler)
    for _ in range(trials):
        step()
    return step, 1


def nevergrad_one_plus_one(hyperparameters: int, students: int):
    import nevergrad

    parametrization = nevergrad.p.Array(shape=(hyperparameters,), lower=LOW, upper=HIGH)
    optimizer = nevergrad.optimizers.OnePlusOne(parametrization, budget=10**9)
    losses = itertools.cycle(LOSSES.tolist())

    def step() -> None:
        optimizer.tell(optimizer.ask(), next(losses))

    return step, 1


def cma_generation(hyperparameters: int, students: int):
    warnings.simplefilter("ignore")
    import cma

    options = {"popsize": students, "bounds": [LOW, HIGH], "seed": 1, "verbose": -9}
    strategy = cma.CMAEvolutionStrategy([0.5] * hyperparameters, 0.2, options)
    rounds = itertools.count()

    def generation() -> None:
        strategy.tell(strategy.ask(), np.roll(LOSSES, next(rounds))[:students].tolist())

    return generation, students


def ray_explore(hyperparameters: int, students: int):
    """The step that PopulationBasedTraining makes of a configuration at each exploit, and nothing around it."""
    import ray.tune
    from ray.tune.schedulers.pbt import _explore

    mutations = {
        f"x{j}": ray.tune.loguniform(LOW, HIGH) if j % 2 else ray.tune.uniform(LOW, HIGH)
        for j in range(hyperparameters)
    }
    config = {name: domain.sample() for name, domain in mutations.items()}

    def step() -> None:
        _explore(config, mutations, 0.25, (1.2, 0.8), None)

    return step, 1


METHODS: dict[str, tuple[str, str, Maker]] = {
    "libhpm": ("libhpm", "next + report", libhpm_next),
    "libhpm arrays": ("libhpm", "next_all + report_all", libhpm_next_all),
    "optuna random": ("optuna", "random: ask + tell", optuna_random),
    "optuna tpe": ("optuna", "TPE: ask + tell", optuna_tpe),
    "nevergrad": ("nevergrad", "OnePlusOne: ask + tell", nevergrad_one_plus_one),
    "cma": ("cma", "CMA-ES: ask + tell", cma_generation),
    "ray": ("ray", "PBT: explore", ray_explore),
}


def release_of(package: str) -> str:
    if package != "libhpm":
        return importlib.metadata.version(package)
    import libhpm as hpm

    return hpm.__version__


def measure(make: Maker, hyperparameters: int, students: int) -> tuple[int, float, bool]:
    """How many steps, seconds for each, and whether a larger size would take too long."""
    begin = time.thread_time()
    step, count = make(hyperparameters, students)
    step()
    first = time.thread_time() - begin
    if first < LONGEST_STEP:
        for _ in range(WARM_UP):
            step()
    steps, begin = 0, time.thread_time()
    while (elapsed := time.thread_time() - begin) < LIMIT:
        step()
        steps += count
    return steps, elapsed / steps, elapsed / steps > LONGEST_STEP or first > 5 * LONGEST_STEP


def main(method: str, *sizes: str) -> None:
    package, calls, make = METHODS[method]
    is_over = False
    for size in sizes:
        hyperparameters, students = map(int, size.split("x"))
        pairs, seconds = 0, float("nan")
        if not is_over:
            pairs, seconds, is_over = measure(make, hyperparameters, students)
        row = {"release": release_of(package), "calls": calls, "hyperparameters": hyperparameters}
        row |= {"students": students, "pairs": pairs, "pair_nanoseconds": 1e9 * seconds}
        row["coordinate_nanoseconds"] = row["pair_nanoseconds"] / hyperparameters
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
