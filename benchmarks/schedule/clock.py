"""A population on a virtual clock: each student has a worker of its own, whose speed varies.

A discrete-event simulation. The library is driven by `next_ticket` and `report_ticket` as by a real cluster: a report
arrives when the task's time is over, and the worker then asks for its next task.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import libhpm as hpm
import numpy as np

TRAINING, EVALUATION = range(2)


class Times:
    """How long tasks take: log-normal with mean 1, exp(sigma z - sigma^2 / 2), z standard normal.

    z depends on (seed, kind of task, student or worker, count) alone: equal for all algorithms, schedules, sigmas and
    sizes of the population.
    """

    def __init__(self, seed: int, sigma: float):
        self.seed, self.sigma = seed, sigma
        self._drawn: dict[tuple[int, int], tuple[np.random.Generator, list[float]]] = {}

    def __call__(self, student: int, count: int, kind: int = TRAINING) -> float:
        """Of a task that is the student's number `count`, from 1, of its kind."""
        if (kind, student) not in self._drawn:
            self._drawn[kind, student] = np.random.default_rng([self.seed, kind, student]), []
        generator, drawn = self._drawn[kind, student]
        while len(drawn) < count:
            normal = generator.standard_normal(128)
            drawn.extend(np.exp(self.sigma * normal - self.sigma**2 / 2).tolist())
        return drawn[count - 1]

    def table(self, students: int, reports: int) -> np.ndarray:
        """[students, reports] of training."""
        return np.array([[self(k, t + 1) for t in range(reports)] for k in range(students)])


@dataclass(frozen=True)
class Prices:
    """Mean times, in units of the training between two reports. Copying weights and starting anew take none."""

    training: float = 1.0
    hypergradient: float = 0.0
    """Of a training report that holds one, beyond the training."""
    evaluation: float = 0.0
    """Of one that the teacher asks for."""


class Trainer(Protocol):
    """The models. A checkpoint is the state after a student's training report of that number, from 1."""

    hypergradient: bool
    """Whether training reports hold one."""

    def train(self, student: int, report: int, h: np.ndarray) -> tuple[float, np.ndarray | None]:
        """Trains to the student's report of that number; keeps the checkpoint. Answers what is to be reported."""

    def clone(self, student: int, source: int, report: int) -> None:
        """Replaces a student's state by a checkpoint of another's."""

    def evaluate(self, source: int, report: int | None, h: np.ndarray) -> tuple[float, np.ndarray | None]:
        """Loss and hypergradient on a copy of a checkpoint; None: of the present state."""

    def restart(self, student: int) -> None:
        """Initialises a student's state anew."""

    def release(self, student: int, report: int) -> None:
        """A checkpoint that nobody will ask for any more."""


@dataclass
class Run:
    """What a run took. Arrays have an element for each student, which is each worker."""

    makespan: float
    """When the last report arrived."""
    busy: np.ndarray
    """Time with a task, until then."""
    last: np.ndarray
    """When each worker's own last report arrived."""
    training: float
    """Time of training of all workers, hypergradients left out."""
    reports: int = 0
    evaluations: int = 0
    clones: int = 0
    restarts: int = 0
    waits: int = 0
    """How often a worker asked and was told to wait."""

    @property
    def utilisation(self) -> float:
        """Share of the time with a task, each worker until its own last report."""
        return float(self.busy.sum() / self.last.sum())

    @property
    def utilisation_to_the_end(self) -> float:
        """The same, all workers until the last report of all."""
        return float(self.busy.sum() / (len(self.busy) * self.makespan))


@dataclass(order=True)
class _Task:
    end: float
    student: int
    begin: float
    order: hpm.Order = field(compare=False)
    report: int = field(compare=False)
    """Of training, its number; of an evaluation and a clone, that of the checkpoint."""


def simulate(
    population: hpm.Population,
    trainer: Trainer,
    times: Times,
    prices: Prices = Prices(),
    reports: int | None = None,
    visit: Callable[[float, int, int, np.ndarray, float], None] | None = None,
) -> Run:
    """Runs a population to its end. A worker that is told to wait asks again when a round has ended.

    Args:
        reports: Stops the population after so many training reports of all students together. What the others have
            begun by then is lost.
        visit: Called after each training report with its time, student, number, hyperparameters and loss.
    """
    size = population.size
    run = Run(0.0, np.zeros(size), np.zeros(size), 0.0)
    trained, evaluated = [0] * size, [0] * size
    kept: list[list[int]] = [[] for _ in range(size)]
    """The checkpoints of each student that may still be asked for."""
    out: list[_Task] = []
    waiting: set[int] = set(range(size))
    now = 0.0
    report_price = prices.training + prices.hypergradient * trainer.hypergradient

    def ask(student: int) -> None:
        order = population.next_ticket(student)
        waiting.discard(student)
        report, duration = 0, 0.0
        if order.action == hpm.Action.STOP:
            return
        if order.action == hpm.Action.WAIT:
            run.waits += 1
            waiting.add(student)
            return
        if order.action == hpm.Action.TRAIN:
            report = trained[student] + 1
            drawn = times(student, report)
            run.training += drawn * prices.training
            duration = drawn * report_price
        elif order.action == hpm.Action.EVALUATE:
            evaluated[student] += 1
            duration = times(student, evaluated[student], EVALUATION) * prices.evaluation
        if order.action in (hpm.Action.CLONE, hpm.Action.EVALUATE):
            report = population.source_report(student)
        heapq.heappush(out, _Task(now + duration, student, now, order, report))

    def finish(task: _Task) -> None:
        student, order = task.student, task.order
        loss, hypergradient = float("nan"), None
        if order.action == hpm.Action.TRAIN:
            loss, hypergradient = trainer.train(student, task.report, order.hyperparameters)
            trained[student] = task.report
            kept[student].append(task.report)
            run.reports += 1
        elif order.action == hpm.Action.EVALUATE:
            # Of a student's own latest state, which under the synchronous schedule may be a clone's.
            is_present = order.source == student and task.report == trained[student]
            checkpoint = None if is_present else task.report
            loss, hypergradient = trainer.evaluate(order.source, checkpoint, order.hyperparameters)
            run.evaluations += 1
        elif order.action == hpm.Action.CLONE:
            trainer.clone(student, order.source, task.report)
            run.clones += 1
        elif order.action == hpm.Action.RESTART:
            trainer.restart(student)
            run.restarts += 1
        if not population.report_ticket(student, order.ticket, loss, hypergradient):
            raise AssertionError(f"the report on ticket {order.ticket} did not count")
        if order.action == hpm.Action.TRAIN:
            for report in [r for r in kept[student] if population.releasable(student, r)]:
                kept[student].remove(report)
                trainer.release(student, report)
            if visit is not None:
                visit(now, student, task.report, order.hyperparameters, loss)

    for student in range(size):
        ask(student)
    while out:
        task = heapq.heappop(out)
        now = task.end
        run.busy[task.student] += task.end - task.begin
        run.last[task.student] = now
        finish(task)
        if run.reports == reports:
            population.stop()
            for begun in out:
                run.busy[begun.student] += now - begun.begin
                run.last[begun.student] = now
            out.clear()
            break
        for student in [task.student] if out else sorted(waiting | {task.student}):
            ask(student)
    run.makespan = now
    return run
