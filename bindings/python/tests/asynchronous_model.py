"""The life of students under the asynchronous schedule, told once more in Python. What the library answers is compared
with it at every call.

The model knows no algorithm but truncation selection. It knows who may be asked for what, which report is the first on
its ticket, of which training reports each student's weights consist, and which checkpoints must not go."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import libhpm as hpm
import numpy as np
import pytest
from libhpm import Action
from support import Parameter, bounds

TRUNCATING = {"hpm", "hpm-paper", "hpm-no-teacher", "clone-step", "mutation-only", "pbt", "pb2", "reinforced"}
GUIDED = TRUNCATING | {"mf-pbt"}


class Place(NamedTuple):
    """How a student stood when it could be taken as a source."""

    reports: int
    loss: float
    hyperparameters: bytes


Standing = dict[int, Place]
Report = tuple[int, int]
"""A training report: whose, and which of them, from 1. Also names the checkpoint after it."""


@dataclass
class Student:
    hyperparameters: bytes
    reports: int = 0
    weights: tuple[Report, ...] = ()
    """All reports that went into them, oldest first."""
    trained: list[int] = field(default_factory=list)
    """The numbers of its own training reports."""
    loss: float | None = None
    """The latest, lower is better, infinite where it was not finite; None: its weights were not judged."""
    own: Action = Action.TRAIN
    """What it is to do itself, begun or not; evaluations are work for anybody."""
    sources: list[Standing] = field(default_factory=list)
    """Of a clone: who could be its source, by when it was decided."""
    parents: set[bytes] = field(default_factory=set)
    """Of a clone: what hyperparameters it could have taken, also of a parent that is gone since."""
    order: hpm.Order | None = None
    """What was begun and is not answered."""
    source_report: int = 0
    """Of a clone or an evaluation that was begun."""
    cost: tuple[float, float] | None = None
    joined: int = 0
    """The reports with which it joined."""
    has_begun: bool = False
    is_retired: bool = False


class Returned(NamedTuple):
    """An evaluation of a lost worker."""

    source: int
    report: int
    hyperparameters: bytes
    is_certain: bool = True


COUNTERS = (
    "training_reports",
    "teacher_reports",
    "clone_reports",
    "restart_reports",
    "hypergradient_reports",
    "training_cost",
    "hypergradient_cost",
    "teacher_cost",
    "nonfinite_losses",
    "nonfinite_hypergradients",
    "clones",
)


class Model:
    """Follows one population. Each method says what the call of the same name did, and compares."""

    def __init__(self, population: hpm.Population, parameters: list[Parameter], options: dict[str, Any]):
        self.population = population
        self.algorithm: str = options["algorithm"]
        self.steps: int = options["steps"]
        self.trial: int = options.get("trial", 0)
        self.interval: int = options.get("interval", 1)
        self.burn_in: int = options.get("burn_in", 0)
        self.truncation: float = options.get("truncation", 0.0)
        self.sign = 1 if options["direction"] == "minimize" else -1
        evaluations = options.get("teacher_evaluations", -1)
        self.evaluations = max(1, options["population"] // 2) if evaluations < 0 else evaluations
        self.share: float = options.get("teacher_share", 1.0)
        if options.get("teacher", "none") == "none" or self.share == 0:
            self.evaluations = 0
        low, high, whole = bounds(parameters)
        self.low, self.high, self.whole = low.tolist(), high.tolist(), whole.tolist()
        self.is_fixed = np.repeat([p.update == "fixed" for p in parameters], [p.count for p in parameters])
        self.students: list[Student] = []
        self.fixed: set[bytes] = set()
        self.tickets: dict[int, int] = {}
        """Whose they are."""
        self.last_ticket = 0
        self.checkpoints: dict[Report, tuple[Report, ...]] = {}
        self.released: set[Report] = set()
        self.returned: list[Returned] = []
        """The last one is the next."""
        self.evaluations_begun = 0
        self.evaluations_allowed = 0
        self.is_stopped = False
        self.has_costs = False
        self.counts = dict.fromkeys(COUNTERS, 0.0)
        self.join(population.size)

    def join(self, count: int) -> None:
        for student in range(len(self.students), len(self.students) + count):
            self.students.append(Student(self.population.hyperparameters(student).tobytes()))
            self.started(student)

    def started(self, student: int) -> None:
        h = self.population.hyperparameters(student)
        self.students[student].hyperparameters = h.tobytes()
        self.fixed.add(h[self.is_fixed].tobytes())

    @property
    def living(self) -> list[int]:
        return [k for k, student in enumerate(self.students) if not student.is_retired]

    def is_done(self, k: int) -> bool:
        student = self.students[k]
        return self.is_stopped or student.is_retired or 0 < self.steps <= student.reports

    @property
    def clones(self) -> bool:
        """Whether there can be any."""
        return self.algorithm in GUIDED and self.truncation > 0

    # What the library says of a student, compared.

    def to_be_copied(self, k: int) -> int | None:
        """Which report of its source, where it is to become a clone or evaluates one."""
        try:
            return self.population.source_report(k)
        except hpm.OrderError:
            return None

    def look(self, k: int) -> None:
        """After what may move it."""
        h = self.population.hyperparameters(k)
        self.inside(h)
        self.students[k].hyperparameters = h.tobytes()

    def inside(self, h: np.ndarray) -> None:
        for value, low, high, whole in zip(h.tolist(), self.low, self.high, self.whole):
            assert low <= value <= high, f"{value} is not in [{low}, {high}]"
            assert not whole or value == int(value), f"{value} is not whole"
        assert h[self.is_fixed].tobytes() in self.fixed, "what is fixed was moved"

    def unmoved(self, k: int) -> None:
        assert self.population.hyperparameters(k).tobytes() == self.students[k].hyperparameters, f"{k} moved"
        assert self.population.reports(k) == self.students[k].reports

    # Exploits.

    def ranking(self) -> list[int]:
        judged = [(self.students[k].loss, k) for k in self.living if self.students[k].loss is not None]
        return [k for _, k in sorted(judged)]

    def replaced(self, students: int) -> int:
        """How many an exploit replaces of so many."""
        if self.truncation == 0 or students < 2:
            return 0
        return max(1, math.floor(self.truncation * students + 1e-9))

    def standing(self, k: int, most: int | None = None) -> Standing:
        """Those that can be sources of k: the first `most` places of the ranking, as far as they are finite."""
        found = {}
        for j in self.ranking()[:most]:
            student = self.students[j]
            if j != k and student.loss is not None and math.isfinite(student.loss):
                found[j] = Place(student.reports, student.loss, student.hyperparameters)
        return found

    def exploits(self, k: int) -> Standing:
        """Who can be the source of a student that is judged; empty: it trains on."""
        student = self.students[k]
        if not self.clones or student.reports % self.interval or student.reports < self.burn_in:
            return {}
        if self.algorithm not in TRUNCATING:
            return self.standing(k)
        ranking = self.ranking()
        count = min(self.replaced(len(self.living)), len(ranking) // 2)
        assert student.loss is not None
        if ranking.index(k) < len(ranking) - count and math.isfinite(student.loss):
            return {}
        return self.standing(k, count)

    def decide(self, k: int, before: dict[int, bytes]) -> None:
        """After a training report, or the end of the end. `before`: the hyperparameters of all."""
        student = self.students[k]
        student.own = Action.TRAIN
        report = self.to_be_copied(k)
        if 0 < self.steps <= student.reports:
            assert report is None, f"{k} is to become a clone after its end"
            return
        sources = {
            j: place._replace(hyperparameters=before[j]) for j, place in self.exploits(k).items()
        }
        if self.algorithm in TRUNCATING:
            assert (report is not None) == bool(sources), f"{k}: clone of {report}, allowed: {list(sources)}"
        if report is not None:
            assert any(place.reports == report for place in sources.values()), f"{k}: report {report} of {sources}"
            assert student.loss is not None
            assert all(place.loss <= student.loss for place in sources.values()) or self.algorithm == "mf-pbt"
            self.become_clone(k, sources)
            student.loss = None
        elif self.trial and student.reports % self.trial == 0:
            student.own = Action.RESTART

    def become_clone(self, k: int, sources: Standing) -> None:
        student = self.students[k]
        student.own, student.sources = Action.CLONE, [sources]
        student.parents = {place.hyperparameters for place in sources.values()}

    # Calls.

    def next_ticket(self, k: int, order: hpm.Order) -> None:
        student = self.students[k]
        if self.is_done(k):
            assert order[:2] == (Action.STOP, k) and order.ticket == 0, order
            assert order.hyperparameters.tobytes() == student.hyperparameters
            return
        assert order.action not in (Action.WAIT, Action.STOP), f"{k} has {student.reports} reports: {order}"
        assert order.action in self.population.actions
        self.inside(order.hyperparameters)
        if student.order is not None:
            known = student.order
            assert order[:2] == known[:2] and order.ticket == known.ticket, "another answer when asked again"
            assert order.hyperparameters.tobytes() == known.hyperparameters.tobytes()
            return
        assert order.ticket == self.last_ticket + 1
        self.last_ticket = order.ticket
        self.tickets[order.ticket] = k
        student.order, student.has_begun = order, True
        if order.action == Action.EVALUATE:
            assert student.own == Action.TRAIN, f"{k} is to {student.own!r} first"
            self.begin_evaluation(k, order)
            return
        assert order.action == student.own
        if student.own == Action.TRAIN:
            assert not any(r.is_certain for r in self.returned), "an evaluation waits for whoever asks first"
            self.returned = []
        if student.own != Action.CLONE:
            assert order.source == k and order.hyperparameters.tobytes() == student.hyperparameters
            return
        student.source_report = self.checkpoint(k, order)
        h = order.hyperparameters.tobytes()
        places = [standing[order.source] for standing in student.sources if order.source in standing]
        assert any(place.reports == student.source_report for place in places), f"{k}: {order}, not {student.sources}"
        if self.algorithm == "mf-pbt":
            assert h in student.parents, "the parameters of nobody"
        else:
            assert any(h == place.hyperparameters for place in places), "not the parameters of the source"

    def checkpoint(self, k: int, order: hpm.Order) -> int:
        """The report of the checkpoint that an order names, which must be there and stay."""
        report = self.to_be_copied(k)
        assert report is not None
        name = (order.source, report)
        assert not self.students[order.source].is_retired, f"{order.source} is gone"
        assert name not in self.released and name in self.checkpoints, f"{k}: checkpoint {name} was released"
        assert not self.population.releasable(*name), f"checkpoint {name} is asked for"
        return report

    def begin_evaluation(self, k: int, order: hpm.Order) -> None:
        student = self.students[k]
        report = student.source_report = self.checkpoint(k, order)
        found = Returned(order.source, report, order.hyperparameters.tobytes())
        while self.returned:
            first = self.returned.pop()
            if first[:3] == found[:3]:
                return
            assert not first.is_certain, "another evaluation came first"
        self.evaluations_begun += 1
        assert self.evaluations_begun <= self.evaluations_allowed
        out = [s.order for s in self.students if s.order and s.order.action == Action.EVALUATE]
        assert len(out) <= self.evaluations

    def answers(self, k: int, ticket: int) -> bool:
        """Whether a report on it is the first."""
        order = self.students[k].order
        return order is not None and order.ticket == ticket

    def report_ticket(self, k: int, loss: float, gradient: list[float] | None) -> None:
        student, counts = self.students[k], self.counts
        order, student.order = student.order, None
        cost, student.cost = student.cost or (1.0, 0.0), None
        assert order is not None
        if order.action in (Action.TRAIN, Action.EVALUATE):
            counts["nonfinite_losses"] += not math.isfinite(loss)
            held = gradient if gradient is not None and math.isfinite(loss) else []
            counts["nonfinite_hypergradients"] += sum(map(math.isinf, held))
        if order.action == Action.TRAIN:
            counts["training_reports"] += 1
            counts["training_cost"] += cost[0]
            counts["hypergradient_cost"] += cost[1]
            counts["hypergradient_reports"] += any(
                math.isfinite(g) and not whole for g, whole in zip(held, self.whole)
            )
            student.reports += 1
            student.trained.append(student.reports)
            student.weights += ((k, student.reports),)
            student.loss = self.sign * loss if math.isfinite(loss) else math.inf
            self.checkpoints[k, student.reports] = student.weights
            before = {j: s.hyperparameters for j, s in enumerate(self.students)}
            self.decide(k, before)
        elif order.action == Action.CLONE:
            counts["clone_reports"] += 1
            counts["clones"] += 1
            student.weights = self.checkpoints[order.source, student.source_report]
            student.own = Action.TRAIN
            if self.evaluations:
                self.evaluations_allowed += max(1, -(-self.evaluations // max(self.replaced(len(self.living)), 1)))
        elif order.action == Action.RESTART:
            counts["restart_reports"] += 1
            student.own, student.loss, student.weights = Action.TRAIN, None, ()
        else:
            counts["teacher_reports"] += 1
            counts["teacher_cost"] += sum(cost)
            assert order.action == Action.EVALUATE
            self.unmoved(k)
            self.compare_share()
        self.look(k)
        assert self.population.reports(k) == student.reports

    def report_cost(self, k: int, cost: tuple[float, float]) -> None:
        self.students[k].cost = cost
        self.has_costs = True

    def release(self, k: int) -> None:
        student = self.students[k]
        order, student.order, student.cost = student.order, None, None
        assert order is not None
        if order.action == Action.EVALUATE:
            self.returned.append(Returned(order.source, student.source_report, order.hyperparameters.tobytes()))
        self.unmoved(k)

    def retire(self, k: int) -> None:
        student = self.students[k]
        if student.order is not None and student.order.action == Action.EVALUATE:
            self.release(k)
        student.is_retired, student.order, student.cost, student.loss = True, None, None, None
        student.own = Action.TRAIN
        # Evaluations of it are gone, too, and an evaluation does not say of whom it is.
        self.returned = [r._replace(is_certain=False) for r in self.returned if r.source != k]
        for j in self.living:
            self.leave(j, k)

    def leave(self, j: int, gone: int) -> None:
        """What becomes of a student whose source is gone."""
        other = self.students[j]
        if other.order is not None and other.order.action in (Action.CLONE, Action.EVALUATE):
            if other.order.source != gone:
                return
            other.sources = []
            other.order, other.cost = None, None
        if other.own != Action.CLONE:
            return
        others = self.standing(j, 1) or self.standing(j)
        other.sources = [{i: place for i, place in standing.items() if i != gone} for standing in other.sources]
        best = {i: others[i] for i in list(others)[:1]}
        other.sources.append(best)
        other.parents |= {place.hyperparameters for place in best.values()}
        if self.to_be_copied(j) is None:
            assert not others, f"{j} could have another source"
            other.own = Action.TRAIN
            if not other.weights:  # it joined as a clone, and starts by itself now
                other.reports = other.joined = 0
        self.look(j)

    def grow(self, count: int, clones: bool) -> None:
        first = len(self.students)
        self.join(count)
        sources = self.standing(-1, max(1, self.replaced(len(self.living))))  # the best
        for k in range(first, len(self.students)):
            student = self.students[k]
            student.reports = student.joined = self.population.reports(k)
            if clones and sources:
                self.become_clone(k, sources)
                assert self.to_be_copied(k) == student.reports in {place.reports for place in sources.values()}
                self.look(k)
            else:
                assert student.reports == 0

    def set_steps(self, steps: int) -> None:
        done = [k for k in self.living if 0 < self.steps <= self.students[k].reports]
        self.steps = steps
        before = {j: s.hyperparameters for j, s in enumerate(self.students)}
        for k in done:
            if not self.is_done(k) and self.students[k].own == Action.TRAIN:
                self.decide(k, before)
            self.look(k)

    # Everything.

    def let_go(self, name: Report) -> None:
        """Deletes a checkpoint if it may go."""
        k, report = name
        latest = self.students[k].reports
        may_go = self.population.releasable(k, report)
        assert may_go or name not in self.released, f"checkpoint {name} was released"
        if may_go:
            self.checkpoints.pop(name, None)
            self.released.add(name)
        if report > latest:
            assert not may_go, "a checkpoint that is not made yet"
        elif self.students[k].is_retired or report < latest or not self.clones:
            # Nobody can be asked for it but by a task that is there already.
            needed = any(
                s.own == Action.CLONE and self.to_be_copied(j) == report for j, s in enumerate(self.students)
            )
            # One that is to join as a clone may begin with no report, and then makes these itself.
            joins = self.students[k].own == Action.CLONE and not self.students[k].weights
            assert may_go or needed or self.evaluations or joins, f"checkpoint {name} is kept for nobody"
            assert may_go or not self.students[k].is_retired, f"{k} is gone"

    def compare(self) -> None:
        population = self.population
        for name, value in self.counts.items():
            assert population.count(name) == value, f"{name} is {population.count(name)}, not {value}"
        rounds = min((self.students[k].reports for k in self.living), default=0)
        assert population.count("training_rounds") == rounds
        ranking = [k for k in self.ranking() if math.isfinite(self.students[k].loss or 0.0)]
        if ranking:
            best = population.best()
            assert (best.student, best.loss) == (ranking[0], self.sign * (self.students[ranking[0]].loss or 0.0))
        else:
            with pytest.raises(hpm.NoResultError):
                population.best()

    def compare_share(self) -> None:
        if not self.has_costs:  # else an evaluation may cost more than was known when it was asked for
            assert self.population.count("teacher_share") <= self.share + 1e-12

    def compare_weights(self, k: int) -> None:
        """The lineage, of students that have any weights to speak of."""
        student = self.students[k]
        if student.joined and not student.weights:
            return
        assert self.population.age(k) == len(student.weights)
        found = [
            (self.population.ancestor(k, i), self.population.ancestor_report(k, i))
            for i in range(1, len(student.weights) + 1)
        ]
        assert found == list(student.weights), f"the lineage of {k}"

    def ended(self) -> None:
        for k in self.living:
            student = self.students[k]
            assert student.order is None and (self.is_stopped or student.reports == self.steps)
            assert student.trained == list(range(student.joined + 1, student.reports + 1)), "a step twice, or none"
