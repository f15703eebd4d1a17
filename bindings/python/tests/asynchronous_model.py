"""The life of students under the asynchronous schedule, told once more in Python, and workers that are late, lost,
doubled or gone. What the library answers is compared with it at every call.

The model knows no algorithm but truncation selection. It knows who may be asked for what, which report is the first on
its ticket, of which training reports each student's weights consist, and which checkpoints must not go."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import libhpm as hpm
import numpy as np
import pytest
from libhpm import Action
from support import Parameter, bounds, build

TRUNCATING = {"hpm", "hpm-paper", "hpm-no-teacher", "clone-step", "mutation-only", "pbt", "pb2", "reinforced"}
GUIDED = TRUNCATING | {"mf-pbt"}
TRIALS = {"random", "bayesian"}
DESCENDING = {"hpm", "hpm-paper", "hpm-no-teacher", "clone-step", "hypergradient"}
MODELLING = {"bayesian", "pb2"}
"""They fit Gaussian processes: theirs are small populations."""


# --- Random populations ---


def random_parameter(draw: random.Random, room: int, searched: bool) -> Parameter:
    kind = draw.choice(["real", "real", "real", "block", "integer", "choice"])
    if kind in ("integer", "choice"):
        update = "fixed" if searched else draw.choice(["auto", "auto", "mutate", "fixed"])
        if kind == "choice":
            return Parameter(kind, 0, draw.randint(1, 4), update=update)
        scale = draw.choice(["linear", "log"])
        low = draw.randint(1 if scale == "log" else -20, 20)
        return Parameter(kind, low, low + draw.choice([1, 2, 100]), scale, update=update)
    scale = draw.choice(["linear", "log", "logit"])
    low, high = {"linear": (-3.0, 2.0), "log": (1e-5, 10.0), "logit": (0.01, 0.999)}[scale]
    return Parameter(
        kind,
        low,
        high,
        scale,
        count=draw.randint(1, room) if kind == "block" else 1,
        update=draw.choice(["auto", "auto", "auto", "mutate", "hypergradient", "both", "fixed"]),
        initial=draw.choice([None, None, low, high]),
    )


def random_space(draw: random.Random, searched: bool) -> list[Parameter]:
    dimension = draw.randint(1, 4)
    parameters: list[Parameter] = []
    while (room := dimension - sum(p.count for p in parameters)) > 0:
        parameters.append(random_parameter(draw, room, searched))
    return parameters


def random_options(draw: random.Random, algorithm: str) -> dict[str, Any]:
    """Of those that the algorithm reads."""
    students = draw.choice([1, 2, 2, 3, 3, 4, 4, 5] if algorithm in MODELLING else [1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 12])
    options: dict[str, Any] = {
        "algorithm": algorithm,
        "schedule": "asynchronous",
        "population": students,
        "seed": draw.getrandbits(60),
        "steps": draw.choice([0, 1, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8]),
        "direction": draw.choice(["minimize", "maximize"]),
    }
    if algorithm in TRIALS:
        options["trial"] = draw.choice([0, 1, 1, 2, 3])
    if algorithm in DESCENDING:
        options["hyper_learning_rate"] = draw.choice([0.0, 0.01, 0.5])
        options["hyper_optimizer"] = draw.choice(["adam", "sgd"])
    if algorithm in GUIDED:
        options["interval"] = draw.choice([1, 1, 2, 2, 3])
        options["burn_in"] = draw.choice([0, 0, 0, 2, 4])
        options["truncation"] = draw.choice([0.0, 0.2, 0.3, 0.5, 0.5])
        options["teacher"] = draw.choice(["none", "attention", "perceptron", "linear"])
    if algorithm == "mf-pbt":
        options["sub_populations"] = draw.choice([-1, draw.randint(1, max(students // 2, 1))])
        options["frequency_ratio"] = draw.choice([1, 2, 3])
    if options.get("teacher", "none") != "none":
        options["teacher_evaluations"] = draw.choice([-1, 0, 1, 2, 5])
        options["teacher_share"] = draw.choice([0.0, 0.1, 0.3, 1.0, 1.0])
        options["teacher_squashing"] = draw.choice(["tanh", "logistic", "clipped", "none"])
    return options


# --- The model ---


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


@dataclass
class Returned:
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
            if (first.source, first.report, first.hyperparameters) == (found.source, found.report, found.hyperparameters):
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
            student.own, student.loss = Action.TRAIN, None
        else:
            counts["teacher_reports"] += 1
            counts["teacher_cost"] += sum(cost)
            assert order.action == Action.EVALUATE
            self.unmoved(k)
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
        self.returned = [r for r in self.returned if r.source != k]
        for returned in self.returned:
            returned.is_certain = False
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
        sources = self.standing(-1)
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
            assert may_go or needed or self.evaluations, f"checkpoint {name} is kept for nobody"
            assert may_go or not self.students[k].is_retired, f"{k} is gone"

    def compare(self) -> None:
        population = self.population
        for name, value in self.counts.items():
            assert population.count(name) == value, f"{name} is {population.count(name)}, not {value}"
        rounds = min((self.students[k].reports for k in self.living), default=0)
        assert population.count("training_rounds") == rounds
        if not self.has_costs:
            assert population.count("teacher_share") <= self.share + 1e-12
        ranking = [k for k in self.ranking() if math.isfinite(self.students[k].loss or 0.0)]
        if ranking:
            best = population.best()
            assert (best.student, best.loss) == (ranking[0], self.sign * (self.students[ranking[0]].loss or 0.0))
        else:
            with pytest.raises(hpm.NoResultError):
                population.best()

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


# --- Workers ---


class Refused(Exception):
    """Of a log that refuses an input."""


class Delivery(NamedTuple):
    student: int
    ticket: int
    loss: float
    gradient: list[float] | None


class Run:
    """A population, its model and workers that do everything that workers may do wrong."""

    def __init__(self, algorithm: str, seed: int, is_thorough: bool = False):
        self.draw = draw = random.Random(f"{algorithm} {seed}")
        self.algorithm = algorithm
        self.is_thorough = is_thorough
        self.parameters = random_space(draw, algorithm == "memetic")
        self.options = random_options(draw, algorithm)
        self.records: list[bytes] = []
        self.states: dict[int, bytes] = {}
        """The snapshot after so many inputs."""
        self.is_refusing = False
        self.saved: bytes | None = None
        self.deliveries: list[Delivery] = []
        self.population = self.create()
        self.population.log(self.record)
        self.model = Model(self.population, self.parameters, self.options)
        self.unordinary = draw.choice([0.0, 0.1, 0.3])
        self.is_tidy = draw.random() < 0.3
        """Whether every checkpoint is deleted as soon as it may go."""

    def create(self) -> hpm.Population:
        with build(self.parameters) as space:
            return hpm.Population(space, **self.options)

    def record(self, data: bytes) -> None:
        if self.is_refusing:
            raise Refused
        while data:  # 16 bytes about the input, of which 4 are its length
            length = 16 + int.from_bytes(data[4:8], "little")
            self.records.append(data[:length])
            data = data[length:]

    def save(self) -> bytes:
        if self.saved is None:
            self.saved = self.population.save()
            self.states[len(self.records)] = self.saved
        return self.saved

    def changing(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """A call that the library is to take; now and then the log refuses it once."""
        if self.draw.random() < 0.02:
            before = self.save()
            self.is_refusing = True
            with pytest.raises(Refused):
                call(*arguments)
            self.is_refusing = False
            assert self.population.save() == before, "a refused call changed the state"
        answer = call(*arguments)
        self.saved = None
        if self.is_thorough:
            self.save()
        return answer

    def unchanging(self, call: Callable[..., Any], *arguments: Any) -> Any:
        before, inputs = self.save(), len(self.records)
        answer = call(*arguments)
        assert self.population.save() == before and len(self.records) == inputs, "the state has changed"
        return answer

    def refused(self, error: type[hpm.Error], call: Callable[..., Any], *arguments: Any) -> None:
        with pytest.raises(error):
            self.unchanging(call, *arguments)
        assert self.population.save() == self.save()

    # What workers do.

    def ask(self, k: int) -> None:
        is_new = self.model.students[k].order is None and not self.model.is_done(k)
        if is_new and self.draw.random() < 0.1:
            task = self.changing(self.population.next, k)
            order = self.unchanging(self.population.next_ticket, k)
            assert task[:2] == order[:2] and (task.hyperparameters == order.hyperparameters).all()
        elif is_new:
            order = self.changing(self.population.next_ticket, k)
        elif self.draw.random() < 0.2:
            order = self.unchanging(self.population.next_ticket, k)
        else:
            order = self.population.next_ticket(k)
        self.model.next_ticket(k, order)
        if order.ticket and self.draw.random() > 0.1:  # else the worker is lost
            self.deliveries.append(Delivery(k, order.ticket, *self.numbers()))
            if self.draw.random() < 0.3:
                cost = self.draw.choice([(0.0, 0.0), (self.draw.random(), 0.0), (2.0, self.draw.random())])
                if self.draw.random() < self.unordinary:
                    self.changing(self.population.report_cost, k, *cost)
                    self.model.report_cost(k, cost)

    def numbers(self) -> tuple[float, list[float] | None]:
        draw, strange = self.draw, self.unordinary
        loss = draw.choice([math.nan, math.inf, -math.inf]) if draw.random() < strange else draw.gauss(0, 1)
        if draw.random() < 0.1:
            return loss, None
        size = draw.choice([1e-3, 1.0, 1e3])
        gradient = [draw.gauss(0, size) for _ in self.model.low]
        special = [math.nan, math.nan, math.inf, -math.inf, 0.0, 1e308, -1e308]
        return loss, [draw.choice(special) if draw.random() < strange else g for g in gradient]

    def deliver(self, at: int) -> None:
        delivery = self.deliveries[at]
        if self.draw.random() > 0.2:  # else it comes again
            self.deliveries[at] = self.deliveries[-1]
            self.deliveries.pop()
        self.report(*delivery)

    def report(self, k: int, ticket: int, loss: float, gradient: list[float] | None) -> None:
        report = self.population.report_ticket
        if not self.model.answers(k, ticket):
            assert self.unchanging(report, k, ticket, loss, gradient) is False
            return
        order = self.model.students[k].order
        assert order is not None
        if self.algorithm == "memetic" and order.action == Action.TRAIN and self.lacks(loss, gradient):
            try:
                taken = report(k, ticket, loss, gradient)
                self.saved = None
            except hpm.ArgumentError as error:
                assert "has no derivative" in str(error) or "had a derivative in none" in str(error)
                assert self.population.save() == self.save()
                gradient = [1.0] * len(self.model.low)
                taken = self.changing(report, k, ticket, loss, gradient)
            if self.is_thorough:
                self.save()
        elif self.draw.random() < 0.1:
            self.changing(self.population.report, k, loss, gradient)
            taken = True
        else:
            taken = self.changing(report, k, ticket, loss, gradient)
        assert taken is True, "the first report on a ticket did not count"
        self.model.report_ticket(k, loss, gradient)

    @staticmethod
    def lacks(loss: float, gradient: list[float] | None) -> bool:
        return math.isfinite(loss) and (gradient is None or any(map(math.isnan, gradient)))

    def all_at_once(self) -> None:
        model, size = self.model, self.population.size
        is_new = any(s.order is None and not model.is_done(k) for k, s in enumerate(model.students))
        tasks = (self.changing if is_new else self.unchanging)(self.population.next_all)
        losses, gradients = [], []
        for k in range(size):
            order = self.population.next_ticket(k)
            assert order[:2] == (tasks.actions[k], tasks.sources[k])
            assert (order.hyperparameters == tasks.hyperparameters[k]).all()
            model.next_ticket(k, order)
            loss, gradient = self.numbers()
            if gradient is None or self.algorithm == "memetic":
                gradient = [1.0 if self.algorithm == "memetic" else math.nan] * len(model.low)
            losses.append(loss)
            gradients.append(gradient)
        going = [k for k, student in enumerate(model.students) if student.order is not None]
        if not going:
            self.refused(hpm.OrderError, self.population.report_all, losses, gradients)
            return
        self.changing(self.population.report_all, losses, gradients)
        for k in going:
            model.report_ticket(k, losses[k], gradients[k])

    def release(self, k: int) -> None:
        if self.model.students[k].order is None:
            self.refused(hpm.OrderError, self.population.release, k)
        else:
            self.changing(self.population.release, k)
            self.model.release(k)

    def retire(self, k: int) -> None:
        if self.model.students[k].is_retired:
            self.refused(hpm.OrderError, self.population.retire, k)
        else:
            self.changing(self.population.retire, k)
            self.model.retire(k)

    def grow(self) -> None:
        count, clones = self.draw.randint(1, 2), self.draw.random() < 0.6
        size = self.population.size
        if clones and Action.CLONE not in self.population.actions:
            self.refused(hpm.ArgumentError, self.population.grow, count, True)
        elif size < 14:
            self.changing(self.population.grow, count, clones)
            assert self.population.size == size + count
            self.model.grow(count, clones)

    def set_steps(self) -> None:
        steps = self.model.steps
        if steps and steps <= 9:
            more = steps + self.draw.randint(0, 2)
            self.refused(hpm.ArgumentError, self.population.set_steps, steps - 1) if steps > 1 else None
            self.changing(self.population.set_steps, more)
            self.model.set_steps(more)

    def set_initial(self, k: int) -> None:
        student = self.model.students[k]
        h = self.population.hyperparameters(self.draw.randrange(self.population.size))
        if student.has_begun or student.own == Action.CLONE:
            self.refused(hpm.OrderError, self.population.set_initial, k, h)
        else:
            self.changing(self.population.set_initial, k, h)
            self.model.started(k)

    def load(self) -> None:
        saved = self.save()
        self.population.log(None)
        self.population = self.model.population = hpm.Population.load(saved)
        self.population.log(self.record)
        assert self.population.save() == saved

    def mistake(self, k: int) -> None:
        """Calls that are errors."""
        student, population = self.model.students[k], self.population
        kind = self.draw.randrange(4)
        if kind == 0:
            self.refused(hpm.ArgumentError, population.report_ticket, k, self.model.last_ticket + 1, 0.0)
        elif kind == 1:
            out = [s.order.ticket for s in self.model.students if s.order is not None and s is not student]
            if out:
                self.refused(hpm.ArgumentError, population.report_ticket, k, self.draw.choice(out), 0.0)
        elif kind == 2 and student.order is None:
            self.refused(hpm.OrderError, population.report_cost, k, 1.0)
            self.refused(hpm.OrderError, population.report, k, 1.0)
        elif kind == 3 and student.order is not None:
            self.refused(hpm.ArgumentError, population.report_cost, k, -1.0)

    def turn(self) -> None:
        draw, model = self.draw, self.model
        k, what = draw.randrange(len(model.students)), draw.random()
        if what < 0.42:
            self.ask(k)
        elif what < 0.84:
            if self.deliveries:
                self.deliver(draw.randrange(len(self.deliveries)))
        elif what < 0.90:
            self.release(k)
        elif what < 0.94:
            if model.students[k].reports:
                model.let_go((k, draw.randint(1, model.students[k].reports + 1)))
        elif what < 0.955:
            self.mistake(k)
        elif what < 0.96:
            self.all_at_once()
        elif what < 0.97:
            model.compare()
            model.compare_weights(k)
        elif what < 0.975:
            self.set_initial(k)
        elif what < 0.98:
            self.set_steps()
        elif what < 0.985:
            self.load()
        elif what < 0.99:
            self.grow()
        elif len(model.living) > 1 or draw.random() < 0.1 or model.students[k].is_retired:
            self.retire(k)
        model.unmoved(draw.randrange(len(model.students)))
        if self.is_tidy:
            for name in list(model.checkpoints):
                model.let_go(name)

    def wander(self) -> None:
        """Random calls, for a while."""
        students, steps = len(self.model.students), self.model.steps or 4
        for _ in range(self.draw.randrange(10, 30 + 5 * students * steps)):
            self.turn()

    def drain(self) -> None:
        """Asks every student in turn and answers at once, until all are done. Every round takes each that is not
        done a task further, so it is known how many there can be."""
        model = self.model
        going = [model.steps - model.students[k].reports for k in model.living if not model.is_done(k)]
        evaluations = model.evaluations * (sum(going) + len(going) + 1)
        for _ in range(3 * (max(going, default=0) + 1) + evaluations):
            for k in model.living:
                self.ask(k)
                order = model.students[k].order
                if order is not None:
                    self.report(k, order.ticket, *self.numbers())
            if all(model.is_done(k) for k in model.living):
                return
        assert all(model.is_done(k) for k in model.living), "the run does not end"

    def finish(self) -> None:
        model = self.model
        if model.steps == 0:
            self.changing(self.population.stop)
            model.is_stopped = True
            for k in model.living:
                self.ask(k)
                order = model.students[k].order
                if order is not None:  # accepted also after the stop
                    self.report(k, order.ticket, *self.numbers())
        self.drain()
        while self.deliveries:
            self.deliver(len(self.deliveries) - 1)
        model.ended()
        model.compare()
        for k in range(len(model.students)):
            model.unmoved(k)
            model.compare_weights(k)
        for k, student in enumerate(model.students):
            for report in range(1, student.reports + 2):
                model.let_go((k, report))

    def replay(self) -> None:
        """From the start in one piece, from the start to a cut, and from each known state to the next."""
        self.save()
        log = b"".join(self.records)
        with self.create() as whole:
            assert whole.replay(log) == len(log)
            assert whole.save() == self.saved, "a replay ends elsewhere"
        cut = self.draw.choice(list(self.states))
        start = b"".join(self.records[:cut])
        torn = self.records[cut][: self.draw.randrange(len(self.records[cut]))] if cut < len(self.records) else b""
        with self.create() as part:
            assert part.replay(start + torn) == len(start)
            assert part.save() == self.states[cut], f"a replay of {cut} inputs ends elsewhere"
        with self.create() as pieces:
            last = 0
            for inputs, state in sorted(self.states.items()):
                pieces.replay(b"".join(self.records[last:inputs]))
                assert pieces.save() == state, f"a replay of {inputs} inputs ends elsewhere"
                last = inputs

    def go(self) -> None:
        self.wander()
        self.finish()
        if self.model.steps and self.draw.random() < 0.4:  # an end is not for ever
            for change in self.draw.sample([self.load, self.grow, self.set_steps, self.set_steps], 3):
                change()
            self.wander()
            self.finish()
        self.replay()
        self.population.close()
