"""Ray Tune's own population-based training on the same students.

The scheduler is Ray's (`ray.tune.schedulers.PopulationBasedTraining`, synchronous), which decides who is cloned and
draws the new values. In place of Ray's cluster stand trials that pause at once and whose checkpoint is the number of
a student, so that it trains the students that all methods train. Values are clipped to the bounds
(`custom_explore_fn`), since Ray's factors leave them.
"""

from __future__ import annotations

import logging
import random
from types import SimpleNamespace

import numpy as np
from ray import tune
from ray.tune.schedulers import PopulationBasedTraining

from prototypes.pooled import Pooled
from space import Space

INTERVAL, TRUNCATION, RESAMPLED = 5, 0.2, 0.25


class Student:
    """What the scheduler sees of a `ray.tune.experiment.Trial`."""

    status = "PAUSED"

    def __init__(self, number: int, config: dict):
        self.trial_id, self.config = str(number), config
        self.experiment_tag, self.evaluated_params = str(number), {}
        self.checkpoint = SimpleNamespace(student=number)
        self.temporary_state = SimpleNamespace(saving_to=None)
        manager = SimpleNamespace(checkpoint_config=SimpleNamespace(num_to_keep=None), _latest_checkpoint_result=None)
        self.run_metadata = SimpleNamespace(checkpoint_manager=manager)

    def is_finished(self) -> bool:
        return False

    def set_experiment_tag(self, tag: str) -> None:
        self.experiment_tag = tag

    def set_config(self, config: dict) -> None:
        self.config = config

    def taken(self) -> int | None:
        """The student whose checkpoint the scheduler gave to this one since the last call."""
        manager = self.run_metadata.checkpoint_manager
        result, manager._latest_checkpoint_result = manager._latest_checkpoint_result, None
        return None if result is None else result.checkpoint.student


class Population(Pooled):
    """Starts and asks as a prototype does; what a report changes is Ray's."""

    def __init__(self, space: Space, students: int, seed: int, steps: int):
        logging.getLogger("ray").setLevel(logging.WARNING)  # it tells each value that it draws
        random.seed(seed)
        np.random.seed(seed)
        super().__init__(space, students, seed, steps)
        self.domains, low, high = {}, [], []
        for parameter in space.parameters:
            for _ in range(parameter.count):
                if parameter.labels:
                    domain = list(range(len(parameter.labels)))
                    bounds = domain[0], domain[-1]
                else:
                    domain = (tune.loguniform if parameter.log else tune.uniform)(parameter.low, parameter.high)
                    bounds = float(parameter.low), float(parameter.high)  # Ray rounds an int
                self.domains[str(len(self.domains))] = domain
                low.append(bounds[0])
                high.append(bounds[1])

        def clipped(config: dict) -> dict:
            return {
                key: value if isinstance(value, int) else min(max(value, low[i]), high[i])
                for i, (key, value) in enumerate(config.items())
            }

        self.trials = [Student(k, self.config(values)) for k, values in enumerate(self.h)]
        self.scheduler = PopulationBasedTraining(
            time_attr="report", metric="loss", mode="min", perturbation_interval=INTERVAL,
            hyperparam_mutations=self.domains, quantile_fraction=TRUNCATION, resample_probability=RESAMPLED,
            perturbation_factors=(0.8, 1.2), custom_explore_fn=clipped, log_config=False, synch=True,
        )
        self.controller = SimpleNamespace(
            search_alg=None, get_trials=lambda: self.trials, get_live_trials=lambda: self.trials
        )
        for trial in self.trials:
            self.scheduler.on_trial_add(self.controller, trial)

    def config(self, values: np.ndarray) -> dict:
        return {
            key: int(value) if isinstance(domain, list) else float(value)
            for (key, domain), value in zip(self.domains.items(), values)
        }

    def report_all(self, losses, hypergradients) -> None:
        if self.clones:
            for student, _ in self.clones:
                self.h[student] = list(self.trials[student].config.values())
            self.clones = []
            return
        self.reports += 1
        for trial, loss in zip(self.trials, losses):
            # Ray never replaces a trial whose loss is NaN.
            result = {"report": self.reports, "loss": float(loss) if np.isfinite(loss) else np.inf}
            self.scheduler.on_trial_result(self.controller, trial, result)
        if not self.ended:
            taken = [(k, trial.taken()) for k, trial in enumerate(self.trials)]
            self.clones = [(k, source) for k, source in taken if source is not None]


def factory(space: Space, students: int, seed: int, steps: int) -> Population:
    return Population(space, students, seed, steps)
