"""The methods that are compared: the library's algorithms with their options.

One setting for all tasks, but for the learning rates of `hypergradient` and `hpm-paper`, which are picked for
each task: `python compare.py --pick`, on design seeds.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from space import Space
from task import DIFFERENTIATED, STEPS


@dataclass(frozen=True)
class Method:
    name: str
    options: dict = field(default_factory=dict)
    """Of `hpm.Population`; the algorithm is the name by default."""
    hypergradient: bool = True
    """Whether it gets, and pays for, hypergradients."""
    trials: int = 1
    """How many trials one after another share a run's reports."""
    untuned: bool = False
    """All students start at the initial values."""
    learning_rates: dict[str, float] = field(default_factory=dict)
    """`hyper_learning_rate` by task."""
    differentiated: int = DIFFERENTIATED
    """How many of a report's steps a hypergradient goes through."""
    blend: bool = False
    """Whether the greedy mean of the students' weights is kept at the end."""
    prototype: str = ""
    """`module:factory`: a Python algorithm in place of the library's."""

    def factory(self, task: str):
        """A factory for `runner.run`."""
        if self.prototype:
            module, _, name = self.prototype.partition(":")
            return getattr(importlib.import_module(module), name or "factory")

        def make(space: Space, students: int, seed: int, steps: int):
            import libhpm as hpm

            options = {"algorithm": self.name, **self.options}
            if task in self.learning_rates:
                options["hyper_learning_rate"] = self.learning_rates[task]
            if self.trials > 1:
                options["trial"] = max(1, -(-steps // self.trials))
            population = hpm.Population(space.library("cool_down" in options), population=students, seed=seed, steps=steps, **options)
            if self.untuned:
                for student in range(students):
                    population.set_initial(student, space.initial)
            return population

        return make

    @property
    def every(self) -> int:
        """A hypergradient in so many reports."""
        return int(self.options.get("hypergradient_interval", 1))

    def complaint(self) -> str:
        """Why it can't be run here, or nothing."""
        if self.prototype:
            try:
                importlib.import_module(self.prototype.partition(":")[0])
            except ImportError as error:
                return str(error)
            return ""
        return _complaint(self.options.get("algorithm", self.name), tuple(sorted(self.options.items())))


@cache
def _complaint(algorithm: str, options: tuple) -> str:
    import libhpm as hpm

    try:
        hpm.Population(hpm.SearchSpace().add_real("x", 0, 1), **{"algorithm": algorithm, **dict(options)}).close()
    except hpm.Error as error:
        return str(error)
    return ""


PICKED = {
    "hypergradient": (2e-4, 6e-4, 0.002, 0.006, 0.02, 0.06, 0.2, 0.6, 2.0, 6.0),
    "hpm-paper": (1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7),
}
"""The learning rates that may be tried for each task: as many as it takes for the best to have a worse one on
either side."""

PICKED_FIRST = {"hypergradient": (0.02, 0.06, 0.2), "hpm-paper": (0.1, 1.0, 10.0, 100.0)}
"""Those that are tried first, on every task."""


def next_rate(rates: tuple[float, ...], losses: dict[float, float]) -> float | None:
    """Of the grid `rates` the one to try after those of `losses`, neighbours all: beyond the best one if that is the
    lowest or the highest so far. None: the best is inside, or the grid ends there."""
    tried = sorted(losses)
    best = min(tried, key=losses.get)
    index = rates.index(best)
    if best == tried[0] and index > 0:
        return rates[index - 1]
    if best == tried[-1] and index + 1 < len(rates):
        return rates[index + 1]
    return None


LEARNING_RATES: dict[str, dict[str, float]] = {
    "hypergradient": {
        "cleaning": 0.06, "digits2": 0.06, "cifar": 0.02, "logistic": 0.2, "convolution": 0.06, "weights": 0.2,
        "characters": 0.006,
    },
    "hpm-paper": {
        "cleaning": 100.0, "digits2": 0.1, "cifar": 1.0, "logistic": 0.1, "convolution": 1.0, "weights": 1000.0,
        "characters": 0.001,
    },
}
"""Picked by `--pick` on seeds 100-104, each with a worse rate on either side (design/picks.csv); those of `convolution` on
seeds 100 and 101 and the first rates alone, of which they are inner ones."""

LONG = {"hypergradient_interval": 10}
"""A hypergradient through all steps of a report costs ten times one through two, so a report in ten has one."""

METHODS = {
    method.name: method
    for method in (
        Method("defaults", {"algorithm": "random"}, hypergradient=False, untuned=True),
        Method("random", hypergradient=False),
        Method("pbt", hypergradient=False),
        Method("pbt of Ray Tune", hypergradient=False, prototype="ray_pbt:factory"),
        Method("pb2", hypergradient=False),
        Method("mf-pbt", hypergradient=False),
        Method("bayesian", hypergradient=False, trials=4),
        Method("reinforced", hypergradient=False),
        Method("hypergradient", learning_rates=LEARNING_RATES["hypergradient"]),
        Method("clone-step"),
        Method("mutation-only"),
        Method("hpm-no-teacher"),
        Method("hpm-paper", learning_rates=LEARNING_RATES["hpm-paper"]),
        Method("hpm-paper-latent", {"algorithm": "hpm-no-teacher", "teacher": "attention"}),
        Method("hpm", blend=True),
    )
}

ABLATIONS = {
    method.name: method
    for method in (
        Method("hpm, no mean", {"algorithm": "hpm"}),
        Method("hpm, long", {"algorithm": "hpm", **LONG}, differentiated=STEPS, blend=True),
        Method("hpm-no-teacher, long", {"algorithm": "hpm-no-teacher", **LONG}, differentiated=STEPS),
        Method("hpm, no hypergradients", {"algorithm": "hpm"}, hypergradient=False),
        Method("hpm+attention", {"algorithm": "hpm", "teacher": "attention"}),
        Method("hpm+attention, no calls", {"algorithm": "hpm", "teacher": "attention", "teacher_evaluations": 0}),
        Method("hpm+perceptron", {"algorithm": "hpm", "teacher": "perceptron"}),
        Method("hpm+linear", {"algorithm": "hpm", "teacher": "linear"}),
        *(Method(f"hpm+attention, squashing {value}", {"algorithm": "hpm", "teacher": "attention", "teacher_squashing": value})
          for value in ("logistic", "clipped", "none")),
        *(Method(f"hpm+attention, activation {value}",
                 {"algorithm": "hpm", "teacher": "attention", "teacher_activation": value}) for value in ("sigmoid", "none")),
        Method("hpm, halving", prototype="prototypes.halving:halving"),
        Method("hpm, no exploit", {"algorithm": "hpm", "truncation": 0}),
        Method("hpm, no mutation", {"algorithm": "hpm", "mutation_scale": 0}),
        Method("hpm, no pooling", prototype="prototypes.pooled:own_only"),
        Method("hpm, no hyper-training", prototype="prototypes.pooled:still"),
    )
}


KNOWN = METHODS | ABLATIONS


def variant(text: str) -> Method:
    """`NAME:option=value,option=value`, such as `often:algorithm=hpm,interval=2`; a `prototype=module:factory` and
    `hypergradient=0` may be among them."""
    name, colon, rest = text.partition(":")
    if not colon:
        raise ValueError(f"variant is '{text}'; allowed: NAME:option=value,...")
    given = dict(part.split("=", 1) for part in rest.split(",") if part)
    prototype = given.pop("prototype", "")
    hypergradient = bool(int(given.pop("hypergradient", "1")))
    trials = int(given.pop("trials", "1"))
    return Method(name, given, hypergradient, trials, prototype=prototype)
