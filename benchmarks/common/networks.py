"""Methods that tune networks in training, on equal budgets of gradient evaluations: runs, and the command line.

It takes any `Experiment` of `experiment.py`; `networks_report.py` makes the tables and the pictures.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

import libhpm as hpm
from libhpm import Action

from . import jobs
from .arguments import names as names_of, seeds
from .experiment import Experiment
from .processes import ProcessExperiment, WorkerError
from .results import Results, read

EXPLOITS = 10
"""About so many in a run. All methods have the same interval, from the reports of one without hypergradients."""
TRUNCATION = 0.2
"""Of the paper; of a small population one student is replaced."""
SPREAD = 1 / 3
"""Random starts lie so far on the way from the initial values to random ones. All the way a network with eight dropout rates
of .45 in the mean learns nothing within the budget, and methods would be told apart by that."""
SHARES = 10
"""Rows of a run, at so many shares of its budget."""
KEY = ("problem", "algorithm", "budget", "share", "seed")
TESTED = ("test_loss", "test_metric", "validation_metric")
COSTS = ("training_cost", "hypergradient_cost", "teacher_cost")
CALLS = ("training_calls", "clone_calls", "teacher_calls", "restart_calls")
TIMES = ("seconds", "hypergradient_seconds", "library_seconds", "cpu_seconds")
COLUMNS = KEY + (
    "validation",  # loss of the student that is the best by then, or that an ended trial had
    "checkpoint",  # the lowest validation loss by then
    # Of the whole run, in its last row alone:
    *TESTED, *(f"checkpoint_{name}" for name in TESTED), *COSTS, *CALLS, *TIMES,
)


@dataclass(frozen=True)
class Method:
    name: str
    algorithm: str
    self_tuning: bool = False
    """Whether students are self-tuning networks, and reports hold hypergradients."""
    alone: bool = False
    """One student gets the whole budget."""
    starts: str = "population"
    """`population`: one student at the space's initial values, the others at random; `initial`: all at the initial values;
    `random`: all at random."""
    trials: int = 1
    """How many trials one after another share a student's reports."""
    options: dict[str, Any] = field(default_factory=dict)
    """More of `hpm.Population`."""


METHODS = {
    method.name: method
    for method in (
        Method("defaults", "random", starts="initial"),
        Method("random", "random", starts="random"),
        Method("bayesian", "bayesian", trials=4),
        Method("pbt", "pbt"),
        Method("stn", "hypergradient", self_tuning=True, alone=True),
        Method("stn, several starts", "hypergradient", self_tuning=True),
        Method("hpm-no-teacher", "hpm-no-teacher", self_tuning=True),
        Method("hpm-paper", "hpm-paper", self_tuning=True),
        Method("hpm", "hpm", self_tuning=True),
    )
}


@dataclass(frozen=True)
class Plan:
    """What a method does with a budget."""

    students: int
    report_cost: int
    """Gradient evaluations of one report of one student, with a hypergradient if the method has any."""
    reports: int
    """Of each student, at most: a teacher's evaluations come off the budget."""
    warm_up: int
    """So many of them come first and have no hypergradient."""
    options: dict[str, Any]
    """Of `hpm.Population`: for all methods alike but for `trial`, and for those that the experiment has for an algorithm, and
    a variant of its own."""


def budget_of(experiment: Experiment, share: float = 1.0) -> int:
    """In gradient evaluations."""
    return int(experiment.students * experiment.reports * experiment.steps * share)


def plan(experiment: Experiment, method: Method, share: float = 1.0) -> Plan:
    """A report with a hypergradient costs its training steps and its validation minibatches, others the former alone."""
    students, budget = 1 if method.alone else experiment.students, budget_of(experiment, share)
    report_cost = experiment.steps + method.self_tuning * experiment.validation_steps
    warm_up = experiment.warm_up if method.self_tuning else 0
    reports = warm_up + (budget // students - warm_up * experiment.steps) // report_cost
    if reports < max(1, warm_up + method.self_tuning):
        least = max(1, -(-(students * (warm_up * experiment.steps + method.self_tuning * report_cost)) // (experiment.students * experiment.steps)))
        raise ValueError(
            f"{experiment.name} with {experiment.reports} reports and a share {share:g} of their budget has no report of {method.name}"
            + f" with a hypergradient after a warm-up of {warm_up}" * method.self_tuning + f"; allowed: {least} reports or more at a share of 1")
    options: dict[str, Any] = {"interval": max(1, int(experiment.reports * share) // EXPLOITS), "truncation": TRUNCATION}
    if method.self_tuning:
        options["burn_in"] = warm_up + 1  # before, no clone could be mutated by a hypergradient
    if method.trials > 1:
        options["trial"] = -(-reports // method.trials)  # rounded up: a rest would be a trial of its own
    options |= getattr(experiment, "options", {}).get(method.algorithm, {}) | method.options
    return Plan(students, report_cost, reports, warm_up, options)


@dataclass
class Outcome:
    rows: list[dict[str, Any]]
    """At `SHARES` shares of the budget; without `problem`, `algorithm`, `budget` and `seed`."""
    trace: dict[str, np.ndarray]
    """`names` [n]; and with a row for each round of reports `cost`, `losses` [rounds, K], `hyperparameters` [rounds, K, n],
    `parents` [rounds, K] (whose state a student took over before it; -1: a new trial), `lineage` (the ancestor of the best
    student of the last round; -1 before its trial)."""
    best: dict[str, Any]
    """The state of the best student's model at the end."""
    checkpoint: dict[str, Any]
    """That with the lowest validation loss of the run."""


class _Clock:
    def __init__(self) -> None:
        self.seconds = dict.fromkeys(("hypergradient", "library"), 0.0)
        self._lock = Lock()

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[name] += time.perf_counter() - started


@dataclass
class _Kept:
    """The model with the lowest loss of those that were offered."""

    loss: float = math.inf
    state: dict[str, Any] | None = None

    def offer(self, loss: float, student: Any) -> None:
        if loss < self.loss or self.state is None:
            self.loss, self.state = loss, copy.deepcopy(student.model.state_dict())


def student_seed(seed: int, student: int, trial: int = 0) -> int:
    """Each student's own. Steps of 2, since a `Student` draws from two generators, of its seed and of the next one."""
    return int(1_000_000 * seed + 2_000 * trial + 2 * student)


def population_of(experiment: Experiment, method: Method, planned: Plan, seed: int) -> hpm.Population:
    with warnings.catch_warnings():
        if not method.options:
            # All methods get the same options, also those that read none of them.
            warnings.simplefilter("ignore", hpm.OptionWarning)
        population = hpm.Population(
            experiment.space, algorithm=method.algorithm, population=planned.students, seed=seed, steps=planned.reports,
            **planned.options,
        )
    with hpm.Population(experiment.space, algorithm="random", population=1) as one:
        start = np.array(one.hyperparameters(0))  # real hyperparameters with initial values
    if method.starts == "initial":
        for student in range(1, planned.students):
            population.set_initial(student, start)
    elif method.starts == "random":
        # The first student's random point is that of one more student.
        with hpm.Population(experiment.space, algorithm="random", population=planned.students + 1, seed=seed) as larger:
            population.set_initial(0, larger.hyperparameters(planned.students))
    if method.starts != "initial":
        for student in range(planned.students):
            population.set_initial(student, between(experiment.space, start, np.array(population.hyperparameters(student))))
    return population


def between(space: hpm.SearchSpace, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """A point at the share `SPREAD` of the way, on a logarithmic scale where a hyperparameter has one."""
    point = start + SPREAD * (end - start)
    for name, part in space.parameters.items():
        if part.scale == "log":
            where = space.slice(name)
            point[where] = start[where] ** (1 - SPREAD) * end[where] ** SPREAD
    return point


def lineage_of(student: int, parents: list[np.ndarray]) -> np.ndarray:
    """The ancestor of a student of the last round in each round."""
    line = []
    for row in reversed(parents):
        line.append(student)
        student = int(row[student]) if student >= 0 else -1
    return np.array(line[::-1])


def run(experiment: Experiment, method: Method, seed: int, share: float = 1.0) -> Outcome:
    """One run of a method on a share of the experiment's budget."""
    with ExitStack() as stack:
        return _run(experiment, method, seed, share, stack)


def _run(experiment: Experiment, method: Method, seed: int, share: float, stack: ExitStack) -> Outcome:
    cpu_seconds = getattr(experiment, "cpu_seconds", time.process_time)
    started = time.perf_counter(), cpu_seconds()
    clock, budget, planned = _Clock(), budget_of(experiment, share), plan(experiment, method, share)
    count, space = planned.students, experiment.space
    with clock.of("library"):
        population = population_of(experiment, method, planned, seed)
    stack.callback(population.close)
    students = [experiment.make(student_seed(seed, k), method.self_tuning) for k in range(count)]
    spares: list[Any] = []  # what evaluations train in place of students
    workers = getattr(experiment, "workers", 1)
    pool = stack.enter_context(ThreadPoolExecutor(workers))
    # Threads that do no more than wait for workers; without any, torch's settings of this thread hold.
    each: Any = pool.map if workers > 1 else map

    costs = dict.fromkeys(COSTS, 0)
    calls = dict.fromkeys(CALLS, 0)
    trials = np.zeros(count, int)
    trained = np.zeros(count, int)  # reports of each student's trial
    last = np.full(count, np.inf)  # validation loss of each student's last report
    parents = np.arange(count)
    best_trial, checkpoint = _Kept(), _Kept()
    rounds: list[tuple[int, float, float]] = []  # cost, loss of what one would keep, loss of the best checkpoint
    trace: dict[str, list[np.ndarray]] = {name: [] for name in ("losses", "hyperparameters", "parents")}

    guided = False

    def train(student: Any, h: np.ndarray, progress: np.ndarray) -> tuple[float, np.ndarray]:
        experiment.train(student, space.decode(h), (float(progress[0]), float(progress[1])))
        loss, slope = float(experiment.validate(student)), np.full(len(h), np.nan)
        if guided:
            with clock.of("hypergradient"):
                slope = space.encode(experiment.hypergradient(student))
        return loss, slope

    while True:
        with clock.of("library"):
            actions, sources, h = population.next_all()
        active = np.isin(actions, (Action.TRAIN, Action.CLONE, Action.EVALUATE, Action.RESTART))
        guided = method.self_tuning and len(rounds) >= planned.warm_up
        report_cost = planned.report_cost if guided else experiment.steps
        price = report_cost * int(np.isin(actions, (Action.TRAIN, Action.EVALUATE)).sum())
        if not active.any() or sum(costs.values()) + price > budget:
            break
        losses, slopes = np.zeros(count), np.full((count, space.dimension), np.nan)
        spent = sum(costs.values())
        progress = np.tile([spent / budget, (spent + price) / budget], (count, 1))
        for k in np.flatnonzero(actions == Action.CLONE):
            calls["clone_calls"] += 1
            students[k].clone_from(students[sources[k]])
            parents[k], last[k] = parents[sources[k]], last[sources[k]]
        for k in np.flatnonzero(actions == Action.RESTART):
            calls["restart_calls"] += 1
            best_trial.offer(float(last[k]), students[k])
            trials[k] += 1
            trained[k] = 0
            students[k] = experiment.make(student_seed(seed, k, trials[k]), method.self_tuning)
            parents[k], last[k] = -1, np.inf
        evaluated = np.flatnonzero(actions == Action.EVALUATE)
        calls["teacher_calls"] += len(evaluated)
        costs["teacher_cost"] += report_cost * len(evaluated)
        for chunk in (evaluated[i : i + workers] for i in range(0, len(evaluated), workers)):
            while len(spares) < len(chunk):
                spares.append(experiment.make(student_seed(seed, count + len(spares)), method.self_tuning))
            for spare, k in zip(spares, chunk):
                spare.clone_from(students[sources[k]])
            for k, found in zip(chunk, each(train, spares, h[chunk], progress[chunk])):
                losses[k], slopes[k] = found
        training = np.flatnonzero(actions == Action.TRAIN)
        calls["training_calls"] += len(training)
        costs["training_cost"] += experiment.steps * len(training)
        costs["hypergradient_cost"] += (report_cost - experiment.steps) * len(training)
        if method.trials > 1:  # a trial's learning rate falls within it
            progress = np.stack([trained, trained + 1], 1) / int(planned.options["trial"])
        for k, found in zip(training, each(train, [students[k] for k in training], h[training], progress[training])):
            losses[k], slopes[k] = found
            trained[k] += 1
            last[k] = losses[k] if math.isfinite(losses[k]) else np.inf
        for k in training:
            checkpoint.offer(float(last[k]), students[k])
        with clock.of("library"):
            for k in (*evaluated, *training):
                population.report_cost(int(k), experiment.steps, report_cost - experiment.steps)
            population.report_all(losses, slopes if guided else None)
        if len(training):
            rounds.append((sum(costs.values()), min(float(last.min()), best_trial.loss), checkpoint.loss))
            for name, values in (("losses", last), ("hyperparameters", h), ("parents", parents)):
                trace[name].append(values.copy())
            parents = np.arange(count)

    if not rounds:
        raise ValueError(f"{method.name} made no report within {budget} gradient evaluations")
    best = int(last.argmin())
    best_trial.offer(float(last[best]), students[best])
    found: dict[str, float] = {}
    judge = spares[0] if spares else experiment.make(student_seed(seed, count), method.self_tuning)
    for prefix, kept in (("", best_trial), ("checkpoint_", checkpoint)):
        judge.model.load_state_dict(kept.state)
        tested = experiment.test(judge)
        found |= {prefix + name: tested[name] for name in TESTED}

    rows = []
    for part in range(1, SHARES + 1):
        paid = sum(cost <= budget * part / SHARES for cost, *_ in rounds)
        if paid:
            _, validation, lowest = rounds[paid - 1]
            rows.append({"share": part / SHARES, "validation": validation, "checkpoint": lowest})
    rows[-1] |= {**found, **costs, **calls, "seconds": time.perf_counter() - started[0], "cpu_seconds": cpu_seconds() - started[1]}
    # Threads that wait for workers do not know what took the time.
    rows[-1] |= {"hypergradient_seconds": clock.seconds["hypergradient"] if workers == 1 else math.nan}
    rows[-1] |= {"library_seconds": clock.seconds["library"]}
    assert best_trial.state is not None and checkpoint.state is not None
    arrays = {name: np.array(values) for name, values in trace.items()}
    arrays |= {
        "cost": np.array([cost for cost, *_ in rounds]), "names": np.array(space.names),
        # A clone that has not trained yet is its source's.
        "lineage": lineage_of(int(parents[best]), trace["parents"]),
    }
    return Outcome(rows, arrays, best_trial.state, checkpoint.state)


# ---- the command line ---------------------------------------------------------------------------------------

Factory = Any
"""A class of experiments, `factory(preset, device=None, ...)`, of a module, since it goes to other processes."""


@dataclass(frozen=True)
class Job:
    factory: Factory
    settings: tuple[tuple[str, Any], ...]
    """Arguments of the factory by name."""
    method: Method
    seed: int
    share: float
    """Of the budget."""
    traces: str
    """A folder, or nothing."""
    workers: int = 0
    """Processes of the students; 0: they train in that of the run."""
    devices: tuple[str, ...] = ()
    """Of the workers."""


_made: dict[tuple, Any] = {}


def _experiment(job: Job) -> Any:
    """Made once in a process, since it loads data."""
    key = job.factory, job.settings
    if key not in _made:
        settings = dict(job.settings)
        _made[key] = ProcessExperiment(job.factory, settings, job.workers, job.devices) if job.workers else job.factory(**settings)
    return _made[key]


def _devices(experiment: Any, device: str | None) -> tuple[str, ...]:
    """Of workers: the one that was asked for, or all of the kind that the experiment is on."""
    import torch

    if device or experiment.device.type != "cuda":
        return (str(experiment.device),)
    return tuple(f"cuda:{i}" for i in range(torch.cuda.device_count()))


def trace_path(folder: str | Path, problem: str, method: str, budget: int, seed: int) -> Path:
    parts = (text.replace(" ", "-").replace(",", "") for text in (problem, method, str(budget), str(seed)))
    return Path(folder) / f"{'--'.join(parts)}.npz"


def work(job: Job) -> list[dict[str, Any]]:
    """One run -> its rows."""
    import torch

    torch.set_num_threads(1)
    experiment, name = _experiment(job), job.method.name
    try:
        outcome = run(experiment, job.method, job.seed, job.share)
    except WorkerError:
        # The next job gets other workers.
        _made.pop((job.factory, job.settings)).close()
        raise
    budget = budget_of(experiment, job.share)
    if job.traces:
        Path(job.traces).mkdir(parents=True, exist_ok=True)
        np.savez_compressed(trace_path(job.traces, experiment.name, name, budget, job.seed), **outcome.trace)
    common = {"problem": experiment.name, "algorithm": name, "budget": budget, "seed": job.seed}
    return [common | row for row in outcome.rows]


def variant(text: str) -> Method:
    """`NAME:method=METHOD,option=value`: a method with other options of `hpm.Population`."""
    name, _, rest = text.partition(":")
    given = dict(part.split("=", 1) for part in rest.split(",") if "=" in part)
    base = METHODS.get(given.pop("method", ""))
    if not name or base is None or name in METHODS:
        raise argparse.ArgumentTypeError(f"variant is '{text}'; allowed: NAME:method=METHOD,OPTION=VALUE,..., with a name that no "
                                         "method has")
    return replace(base, name=name, options={**base.options, **given})


def main(
    factory: Factory, presets: list[str], folder: Path, description: str | None = None,
    settings: Mapping[str, tuple[type, str]] | None = None,
) -> None:
    """The command line of an experiment, whose results go to `folder`.

    Args:
        factory, presets: Of the experiment.
        folder: In which `results` is.
        description: Of the program.
        settings: More arguments of the factory: name -> (type, help).
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--methods", default="all", help=f"of {'; '.join(METHODS)}; separated by semicolons or, where no name "
                        "has one, by commas; or all, none")
    parser.add_argument("--variant", action="append", default=[], type=variant, metavar="NAME:method=METHOD,OPTION=VALUE,...",
                        help="one more method, such as 'slow:method=hpm,hyper_learning_rate=0.03'; may be given again")
    parser.add_argument("--seeds", default="0-4", type=seeds, help="of reported results; design seeds are 100 and up")
    parser.add_argument("--preset", default=presets[0], choices=presets)
    parser.add_argument("--device", help="of torch; by default the CPU for the preset small, for others CUDA where there is one")
    for name, (kind, meaning) in (settings or {}).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, help=meaning)
    parser.add_argument("--budget", default=1.0, type=float, help="share of the budget")
    parser.add_argument("--processes", default=min(2, os.cpu_count() or 1), type=int, help="runs at a time, with one thread each")
    parser.add_argument("--workers", default=0, type=int, help="the students of a run train side by side in so many processes; one "
                        "run at a time; 0: in turn, in the process of the run")
    parser.add_argument("--devices", default="", help="of torch, of the workers in turn, such as cuda:0,cuda:1; by default all "
                        "of the kind of --device")
    parser.add_argument("--results", default=folder / "results" / "results.csv", type=Path,
                        help="CSV that is gone on with; tables.md, pictures and traces are written beside it")
    parser.add_argument("--tables-only", action="store_true", help="makes tables and pictures without a run")
    parser.add_argument("--no-pictures", action="store_true")
    chosen = parser.parse_args()
    names = names_of(parser, chosen.methods, METHODS, {"all": METHODS, "none": ()})
    methods = [METHODS[name] for name in names] + chosen.variant
    given = {name: getattr(chosen, name) for name in ("preset", "device", *(settings or {}))}
    arguments = tuple((name, value) for name, value in given.items() if value is not None)

    if chosen.devices and not chosen.workers:
        parser.error("--devices are those of workers; give --workers, too, or --device")
    failures, traces = 0, chosen.results.parent / "traces"
    if methods and not chosen.tables_only:
        try:
            experiment = factory(**dict(arguments))
            for method in methods:
                plan(experiment, method, chosen.budget)
        except (FileNotFoundError, ValueError) as error:
            sys.exit(str(error))
        devices = tuple(chosen.devices.split(",")) if chosen.devices else _devices(experiment, chosen.device) if chosen.workers else ()
        with Results(chosen.results, COLUMNS, KEY) as results:
            budget = budget_of(experiment, chosen.budget)
            # Seed by seed, so that a stopped benchmark has all methods of the seeds that it has.
            todo = [
                Job(factory, arguments, method, seed, chosen.budget, str(traces), chosen.workers, devices)
                for seed in chosen.seeds for method in methods
                if results.key_of({"problem": experiment.name, "algorithm": method.name, "budget": budget, "share": 1.0, "seed": seed})
                not in results.keys
            ]
            label = experiment.name
            # Workers and loaders are children of this process: those of a pool may have none.
            has_children = chosen.workers or getattr(getattr(experiment, "preset", None), "loaders", 0)
            del experiment
            failures = jobs.run(todo, work, results, 0 if has_children else chosen.processes, label=label)
    rows = read(chosen.results) if chosen.results.exists() else []
    if not rows:
        sys.exit("no results")
    from . import networks_report

    order = list(dict.fromkeys([*METHODS, *(str(row["algorithm"]) for row in rows)]))
    print("\n" + networks_report.write_tables(rows, order, chosen.results.parent / "tables.md", factory.metric))
    if not chosen.no_pictures:
        networks_report.write_pictures(rows, order, traces, chosen.results.parent / "pictures")
    sys.exit(1 if failures else 0)
