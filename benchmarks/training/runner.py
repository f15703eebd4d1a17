"""One run: a method tunes a task's students while they train, on a budget of gradient evaluations.

`run(task, factory, seed)` takes any factory of a population: the library's (`methods.py`) or a
prototype in Python (`prototypes/`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

import trainer as training
from space import Space
from task import DERIVATIVE_COST, DIFFERENTIATED, HYPERGRADIENT_COST, STUDENTS, TRAINING_COST, Task

# hpm.Action, so that a prototype needs no library.
TRAIN, CLONE, EVALUATE, RESTART, WAIT, STOP = range(6)
KINDS = {TRAIN: "training", CLONE: "clone", EVALUATE: "teacher", RESTART: "restart"}

Factory = Callable[..., Any]
"""(space: Space, students: int, seed: int, steps: int) -> population, an object with
`next_all() -> (actions [K], sources [K], hyperparameters [K, d])` and `report_all(losses [K],
hypergradients [K, d] or None)` as those of `hpm.Population`. `steps` is how many reports of each student fit into
the budget. What it may have beyond that: `report_cost`, called with each report's cost; `wants_hypergradient(student)`;
`mixing() -> [K, K]`, of which row k holds how much of each student's weights becomes those of the clone k;
`differentiated`, how many steps a hypergradient goes through, `halves`: hypergradients are of halves of the validation set,
`alternating`, or `crossed`: each student is ranked on the half that its hypergradients are not of; `guided` [d], for which parameters it gets a derivative."""


@dataclass
class Result:
    """What one method did with one seed. Arrays have a row for each training report."""

    task: str
    seed: int
    cost: np.ndarray
    """[reports] gradient evaluations spent by then, the teacher's included."""
    kept: np.ndarray
    """[reports, 2] validation and test loss of what one would keep by then: of the student that is the best on the
    validation set, which is `population.best()`, or of an earlier trial that ended better."""
    checkpoint: np.ndarray
    """[reports, 2] validation and test loss of the best checkpoint by then (early stopping)."""
    losses: np.ndarray
    """[reports, students] on the validation set."""
    best: np.ndarray
    """[reports] the best student of each report."""
    scalars: np.ndarray
    """[reports, students, scalars]: the hyperparameters that are no blocks."""
    parents: np.ndarray
    """[reports, students]: whose state a student took over before the report; -1: a new trial."""
    hyperparameters: np.ndarray
    """[dimension] of the best student of the last report."""
    calls: dict[str, int]
    """Of students, by kind: training, clone, teacher, restart."""
    costs: dict[str, int]
    """Gradient evaluations, by kind: training, hypergradient, teacher, blend."""
    end: float
    """Test loss of the best student at the end."""
    blend: tuple[float, float]
    """Validation and test loss of the greedy mean of the students' weights at the end."""
    blend_shares: np.ndarray
    """[students] of which it is made."""
    ensemble: float
    """Test loss of the mean prediction of the better half of the students at the end."""
    seconds: float
    cpu_seconds: float

    @property
    def test(self) -> float:
        """The score."""
        return float(self.kept[-1, 1])

    @property
    def checkpoint_test(self) -> float:
        """The score with early stopping."""
        return float(self.checkpoint[-1, 1])

    def lineage(self) -> np.ndarray:
        """[reports] the ancestor, at each report, of the last report's best student; -1 before its trial began."""
        student, line = int(self.best[-1]), []
        for parents in self.parents[::-1]:
            line.append(student)
            student = int(parents[student]) if student >= 0 else -1
        return np.array(line[::-1])


def finite(losses: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(losses), losses, np.inf)


def greedy_mean(losses: np.ndarray, judge) -> tuple[np.ndarray, tuple[float, float], int]:
    """Greedy soup (Wortsman et al. 2022): from the best on, each next student is taken into the mean where that lowers
    the validation loss. `judge(shares [K]) -> (validation loss, test loss)`. Returns shares, losses, calls of `judge`."""
    order = [int(k) for k in np.argsort(losses, kind="stable") if np.isfinite(losses[k])]
    if not order:
        return np.zeros(len(losses)), (np.inf, np.inf), 0
    chosen, best, calls = order[:1], judge(np.eye(len(losses))[order[0]]), 0
    for student in order[1:]:
        shares = np.zeros(len(losses))
        shares[[*chosen, student]] = 1 / (len(chosen) + 1)
        found, calls = judge(shares), calls + 1
        if found[0] < best[0]:
            chosen, best = [*chosen, student], found
    shares = np.zeros(len(losses))
    shares[chosen] = 1 / len(chosen)
    return shares, best, calls


def run(
    task: Task, factory: Factory, seed: int, hypergradient: bool = True, budget: int | None = None, *,
    differentiated: int = DIFFERENTIATED, every: int = 1, blend: bool = False,
) -> Result:
    """Every method gets the same budget.

    Args:
        hypergradient: Whether reports hold, and pay for, hypergradients. Without them there are more reports.
        budget: In gradient evaluations of all students; the task's by default.
        differentiated: How many steps a hypergradient goes through.
        every: A hypergradient in so many reports, which makes `steps`.
        blend: Whether the greedy mean of the weights is what is kept at the end, its validation losses paid for.
    """
    started = time.perf_counter(), time.process_time()
    budget = task.budget if budget is None else budget
    data = training.data(task.name, seed)
    if blend:
        budget -= (STUDENTS - 1) * task.validation_cost(data)
    report_cost = TRAINING_COST + hypergradient * DERIVATIVE_COST * differentiated / every
    population = factory(task.space, STUDENTS, seed, int(budget / (STUDENTS * report_cost)))
    differentiated = getattr(population, "differentiated", differentiated)
    compiled = training.trainer(task.name, differentiated, getattr(population, "halves", ""))
    derivative_cost = DERIVATIVE_COST * differentiated
    without = ~getattr(population, "guided", task.space.guided)
    account, mixing, wanted = (getattr(population, name, None) for name in ("report_cost", "mixing", "wants_hypergradient"))

    state = compiled.start(seed, 0)
    parents = np.arange(STUDENTS)
    calls = dict.fromkeys(KINDS.values(), 0)
    costs = dict.fromkeys(("training", "hypergradient", "teacher", "blend"), 0)
    reports = restarts = evaluations = 0
    rows: list[tuple] = []
    last = np.full(STUDENTS, np.inf)  # validation loss of each student's last report
    now = ended = checkpoint = (np.inf, np.inf)  # (validation, test) of the best at the last report, of trials, ever
    hyperparameters = None

    def guided(hypergradients) -> np.ndarray:
        hypergradients = np.array(hypergradients, dtype=np.float64)
        hypergradients[:, without] = np.nan
        return hypergradients

    while True:
        actions, sources, h = population.next_all()
        asked = {kind: np.flatnonzero(actions == kind) for kind in KINDS}
        guiding = hypergradient and len(asked[TRAIN]) > 0 and (wanted is None or wanted(int(asked[TRAIN][0])))
        report_cost = TRAINING_COST + guiding * derivative_cost
        price = report_cost * len(asked[TRAIN]) + HYPERGRADIENT_COST * len(asked[EVALUATE])
        spent = sum(costs.values())
        if not any(map(len, asked.values())) or spent + price > budget:
            break
        last[actions == STOP] = np.inf  # a student that has left while others train is not kept
        losses = np.zeros(STUDENTS)
        hypergradients = None
        if len(asked[CLONE]) or len(asked[EVALUATE]) or hypergradient:
            hypergradients = np.full((STUDENTS, task.space.dimension), np.nan)
        natural = jnp.asarray(h, dtype="float32")
        before = state

        if len(asked[CLONE]):
            origin = np.where(actions == CLONE, sources, np.arange(STUDENTS)).astype(int)
            if mixing:
                shares = np.where((actions == CLONE)[:, None], mixing(), np.eye(STUDENTS))
                state = compiled.blend_all(before, jnp.asarray(shares, "float32"))
            else:
                state = compiled.clone(before, origin)
            parents = parents[origin]
            last = last[origin]  # counts where a clone is kept as it is
        if len(asked[RESTART]):
            restarts += 1
            state = compiled.choose(actions == RESTART, compiled.start(seed, restarts), state)
            parents = np.where(actions == RESTART, -1, parents)
            ended = min(ended, now)
            last[asked[RESTART]] = np.inf
        if len(asked[EVALUATE]):
            evaluations += 1
            found, slopes = compiled.evaluate(state, natural, data, seed, evaluations)
            losses[asked[EVALUATE]] = np.asarray(found, dtype=np.float64)[asked[EVALUATE]]
            hypergradients[asked[EVALUATE]] = guided(slopes)[asked[EVALUATE]]
        if len(asked[TRAIN]):
            reports += 1
            if guiding:
                trained, found, slopes = compiled.report(state, natural, data, seed, reports)
                hypergradients[asked[TRAIN]] = guided(slopes)[asked[TRAIN]]
            else:
                trained, found = compiled.report_without(state, natural, data, seed, reports)
            everyone = len(asked[TRAIN]) == STUDENTS
            state = trained if everyone else compiled.choose(actions == TRAIN, trained, state)
            found = told = np.asarray(found, dtype=np.float64)
            if found.ndim == 2:
                # Crossed halves: one half may be harder than the other, so each loss is taken beside its half's mean.
                other = 1 - np.arange(STUDENTS) % 2
                finite_rows = np.isfinite(found).all(1)
                offset = found[finite_rows].mean(0) if finite_rows.any() else np.zeros(2)
                told = found[np.arange(STUDENTS), other] - offset[other] + offset.mean()
                found = found.mean(1)
            losses[asked[TRAIN]] = told[asked[TRAIN]]
            last[asked[TRAIN]] = finite(found[asked[TRAIN]])

        for kind, students in asked.items():
            calls[KINDS[kind]] += len(students)
            costs["training"] += (kind == TRAIN) * len(students) * TRAINING_COST
            costs["hypergradient"] += (kind == TRAIN) * guiding * len(students) * derivative_cost
            costs["teacher"] += (kind == EVALUATE) * len(students) * HYPERGRADIENT_COST
            if account and kind in (TRAIN, EVALUATE):
                for student in map(int, students):
                    split = (TRAINING_COST, report_cost - TRAINING_COST) if kind == TRAIN else (0, HYPERGRADIENT_COST)
                    account(student, *split)
        population.report_all(losses, hypergradients)

        if len(asked[TRAIN]):
            best = int(last.argmin())
            now = float(last[best]), float(compiled.test(state, best, data))
            checkpoint = min(checkpoint, now)
            scalars = h[:, [index for _, index in task.space.scalars]].astype(np.float32)
            rows.append((sum(costs.values()), min(now, ended), checkpoint, last.copy(), best, scalars, parents))
            hyperparameters = h[best].copy()
            parents = np.arange(STUDENTS)

    if not rows:
        raise ValueError(f"the method made no report within {budget} gradient evaluations")


    def judge(shares) -> tuple[float, float]:
        found = tuple(float(loss) for loss in compiled.judge(state, jnp.asarray(shares, "float32"), data))
        return found if np.isfinite(found[0]) else (np.inf, np.inf)

    shares, blended, judged = greedy_mean(last, judge)
    if blend:
        costs["blend"] = judged * task.validation_cost(data)
        last_row = list(rows[-1])
        last_row[0] = sum(costs.values())
        last_row[1] = min(blended, ended)
        last_row[2] = min(blended, checkpoint)
        rows[-1] = tuple(last_row)
    half = np.argsort(last, kind="stable")[: STUDENTS // 2]
    half = half[np.isfinite(last[half])]
    ensemble = np.zeros(STUDENTS, np.float32)
    ensemble[half] = 1 / max(len(half), 1)
    mean_prediction = float(compiled.ensemble(state, jnp.asarray(ensemble), data)) if len(half) else np.inf
    seconds, cpu_seconds = time.perf_counter() - started[0], time.process_time() - started[1]
    arrays = map(np.array, zip(*rows))
    return Result(task.name, seed, *arrays, hyperparameters, calls, costs, now[1], blended, shares, mean_prediction, seconds,
                  cpu_seconds)
