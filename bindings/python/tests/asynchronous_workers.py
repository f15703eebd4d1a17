"""Random populations, and workers that do everything that workers may do wrong, each compared with the model."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import libhpm as hpm
import pytest
from asynchronous_model import GUIDED, Model
from libhpm import Action
from support import Parameter, build

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
    sizes = [1, 2, 2, 3, 3, 4, 4, 5]
    students = draw.choice(sizes if algorithm in MODELLING else [*sizes, 6, 7, 8, 12])
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
        self.tells_costs = draw.random() < 0.4
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
            if self.tells_costs and self.draw.random() < 0.3:
                cost = self.draw.choice([(0.0, 0.0), (self.draw.random(), 0.0), (2.0, self.draw.random())])
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
        # One that is alone now may be cloned once it has company.
        never = self.population.options["algorithm"] in ("hypergradient", "random", "bayesian", "memetic")
        if clones and (never or self.population.options["truncation"] == 0):
            self.refused(hpm.ArgumentError, self.population.grow, count, True)
        elif size < 14:
            self.changing(self.population.grow, count, clones)
            assert self.population.size == size + count
            self.model.grow(count, clones)

    def set_steps(self) -> None:
        steps = self.model.steps
        if steps and steps <= 9:
            if steps > 1:
                self.refused(hpm.ArgumentError, self.population.set_steps, steps - 1)
            more = 0 if self.draw.random() < 0.1 else steps + self.draw.randint(0, 2)
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
