"""Workers that are lost, students that leave and join, runs that are prolonged."""

import libhpm as hpm
import numpy as np
import pytest
from libhpm import Action
from support import ALGORITHMS, Numbers, by_arrays

SCHEDULES = ["synchronous", "asynchronous"]
SPACE = hpm.SearchSpace().add_block("x", 3, -1.0, 2.0).add_real("y", 1e-3, 10.0, scale="log")
both_schedules = pytest.mark.parametrize("schedule", SCHEDULES)


def loss_of(h):
    return float(((h - 0.4) ** 2).sum())


class Workers:
    """A run with a worker for each student, who come in a random order; the weights of the students are
    lists of who trained them."""

    def __init__(self, population, seed, lost=()):
        self.population, self.lost = population, set(lost)
        self.random = np.random.default_rng(seed)
        self.weights = [[] for _ in range(population.size)]
        self.actions = [[] for _ in range(population.size)]

    def serve(self, student):
        task = self.population.next(student)
        if task.action >= Action.WAIT:
            return task.action
        self.actions[student].append(task.action)
        if task.action == Action.TRAIN:
            self.weights[student] = [*self.weights[student], student]
        elif task.action == Action.CLONE:
            self.weights[student] = self.weights[task.source]
        elif task.action == Action.RESTART:
            self.weights[student] = []
        self.population.report(student, loss_of(task.hyperparameters), 2 * (task.hyperparameters - 0.4))
        return task.action

    def run(self, rounds=None):
        """To the end, or for so many visits of everyone, or until all that are left wait."""
        while rounds is None or rounds > 0:
            students = [k for k in self.random.permutation(self.population.size) if k not in self.lost]
            served = [self.serve(int(k)) for k in students]
            if all(action >= Action.WAIT for action in served):
                return set(served)
            rounds = rounds and rounds - 1
        return None


# A lost worker


def test_one_lost_worker_of_eight_keeps_all_others_waiting_until_its_student_is_retired():
    population = hpm.Population(SPACE, steps=30, seed=1)
    workers = Workers(population, seed=2)
    workers.run(rounds=12)
    population.next(3)  # its worker is lost now, with a task
    workers.lost = {3}
    assert workers.run() == {Action.WAIT}  # nobody is done, and nobody has anything to do
    before = population.reports(3)
    population.retire(3)
    assert workers.run() == {Action.STOP}
    assert [population.reports(k) for k in range(8) if k != 3] == [30] * 7
    assert population.reports(3) == before < 30
    assert population.next(3).action == Action.STOP and population.best().student != 3
    for k in set(range(8)) - {3}:
        assert population.lineage(k) == workers.weights[k] and len(workers.weights[k]) == 30


def test_one_lost_worker_of_eight_holds_nobody_up_under_the_asynchronous_schedule():
    population = hpm.Population(SPACE, steps=30, seed=1, schedule="asynchronous")
    workers = Workers(population, seed=2)
    workers.run(rounds=12)
    population.next(3)
    workers.lost = {3}
    assert workers.run() == {Action.STOP}
    assert [population.reports(k) for k in range(8) if k != 3] == [30] * 7


@both_schedules
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_nothing_is_made_of_or_onto_a_retired_student(algorithm, schedule):
    options = {"trial": 3} if algorithm in ("random", "bayesian") else {}
    if algorithm not in ("random", "bayesian", "hypergradient"):
        options["interval"] = 2
    population = hpm.Population(SPACE, algorithm=algorithm, steps=24, seed=3, schedule=schedule, **options)
    seen = []
    population.observe(seen.append, [hpm.Cloned, hpm.Evaluated])
    workers = Workers(population, seed=4)
    retired = []
    for student in (5, 0, 7):
        workers.run(rounds=5)
        if population.next(student).action == Action.STOP:
            continue
        population.retire(student)
        retired.append(student)
        workers.lost.add(student)
        begun = len(seen)
        with pytest.raises(hpm.OrderError, match=f"student {student} is retired"):
            population.retire(student)
        assert population.next(student).action == Action.STOP
        with pytest.raises(hpm.OrderError):
            population.report(student, 1.0)
        workers.run(rounds=3)
        assert not [e for e in seen[begun:] if isinstance(e, hpm.Cloned) and {e.student, e.source} & set(retired)]
    assert len(retired) == 3
    assert workers.run() == {Action.STOP}
    assert [population.reports(k) for k in range(8) if k not in retired] == [24] * 5
    assert population.best().student not in retired


@both_schedules
def test_all_but_one_retire(schedule):
    population = hpm.Population(SPACE, population=3, steps=20, interval=2, schedule=schedule)
    workers = Workers(population, seed=0)
    workers.run(rounds=3)
    for student in (0, 2):
        population.retire(student)
        workers.lost.add(student)
    assert workers.run() == {Action.STOP} and population.reports(1) == 20
    assert population.best().student == 1


# A task that is given back


@both_schedules
@pytest.mark.parametrize("algorithm", ["hpm", "hpm-paper", "random"])
def test_a_released_task_is_begun_anew_and_its_ticket_is_stale(algorithm, schedule):
    options = {"trial": 3} if algorithm == "random" else {"interval": 2}
    population = hpm.Population(SPACE, algorithm=algorithm, steps=12, seed=3, schedule=schedule, **options)
    plain = hpm.Population(SPACE, algorithm=algorithm, steps=12, seed=3, schedule=schedule, **options)
    random, released, kinds, waiting = np.random.default_rng(6), 0, set(), True
    while waiting:
        waiting = False
        for student in range(8):
            order = population.next_ticket(student)
            if order.action == Action.STOP:
                continue
            waiting = True
            if order.action == Action.WAIT:
                with pytest.raises(hpm.OrderError, match="no task"):
                    population.release(student)
                continue
            if random.random() < 0.3:
                population.release(student)
                released += 1
                kinds.add(order.action)
                saved = population.save()
                assert population.report_ticket(student, order.ticket, 1e9) is False
                assert population.save() == saved
                with pytest.raises(hpm.OrderError):
                    population.report(student, 1.0)
                again = population.next_ticket(student)
                assert again.ticket > order.ticket
                if order.action != Action.EVALUATE or schedule == "synchronous":
                    assert again[:2] == order[:2]
                    np.testing.assert_array_equal(again.hyperparameters, order.hyperparameters)
                order = again
            if schedule == "synchronous":
                assert plain.next(student)[:2] == order[:2]
                plain.report(student, loss_of(order.hyperparameters), 2 * order.hyperparameters)
            h = order.hyperparameters
            assert population.report_ticket(student, order.ticket, loss_of(h), 2 * h)
            assert population.report_ticket(student, order.ticket, -1e9) is False  # a doubled delivery
    assert released > 20 and Action.TRAIN in kinds and len(kinds) > 1
    assert population.count("training_reports") == 8 * 12
    if schedule == "synchronous":  # the run is that in which nobody was lost
        for student in range(8):
            np.testing.assert_array_equal(population.hyperparameters(student), plain.hyperparameters(student))
        assert population.best() == plain.best()


def test_tickets():
    population = hpm.Population(SPACE, population=2, steps=1)
    order = population.next_ticket(0)
    assert isinstance(order, hpm.Order) and order.action is Action.TRAIN and order.ticket >= 1
    assert population.next_ticket(0).ticket == order.ticket
    for ticket in (0, order.ticket + 1000, 2**62):
        with pytest.raises(hpm.ArgumentError, match="ticket"):
            population.report_ticket(0, ticket, 1.0)
    with pytest.raises(hpm.ArgumentError, match="ticket is -1"):
        population.report_ticket(0, -1, 1.0)
    assert population.report_ticket(0, order.ticket, 1.0) is True
    assert population.next_ticket(0)[::3] == (Action.WAIT, 0)
    population.report_ticket(1, population.next_ticket(1).ticket, 2.0)
    assert population.next_ticket(0)[::3] == (Action.STOP, 0)


# Students that join


@both_schedules
@pytest.mark.parametrize("clones", [False, True])
def test_students_join(clones, schedule):
    population = hpm.Population(SPACE, population=4, steps=20, interval=2, seed=3, schedule=schedule)
    workers = Workers(population, seed=4)
    workers.run(rounds=9)
    population.grow(3, clones)
    assert population.size == 7 and repr(population).startswith("<Population of 7 students")
    assert population.options["population"] == 7
    starts = [population.hyperparameters(k) for k in (4, 5, 6)]
    workers.weights += [[], [], []]
    workers.actions += [[], [], []]
    assert len(population.next_all().actions) == 7
    assert workers.run() == {Action.STOP}
    for student, start in zip((4, 5, 6), starts):
        first = workers.actions[student][0]
        assert first == (Action.CLONE if clones else Action.TRAIN)
        if not clones:
            low, high = np.array([-1, -1, -1, 1e-3]), np.array([2, 2, 2, 10.0])
            assert (start >= low).all() and (start <= high).all()
        elif schedule == "synchronous":
            assert population.lineage(student) == workers.weights[student]
        if clones:
            assert workers.weights[student][0] < 4  # trained by those that were there before
    assert len({tuple(start) for start in starts}) == 3 or clones
    if schedule == "synchronous":
        assert {population.reports(k) for k in range(7)} == {20}
    assert {population.next(k).action for k in range(7)} == {Action.STOP}


def test_drawn_students_start_as_if_they_had_been_there():
    """The start of a student is a function of the seed and its number."""
    grown, whole = (hpm.Population(SPACE, population=size, seed=9) for size in (2, 5))
    grown.grow(3)
    for student in range(5):
        np.testing.assert_array_equal(grown.hyperparameters(student), whole.hyperparameters(student))


def test_what_can_not_join():
    population = hpm.Population(SPACE, population=2, algorithm="random")
    for call, error, message in (
        (lambda: population.grow(0), hpm.ArgumentError, "count is 0"),
        (lambda: population.grow(-1), hpm.ArgumentError, "count is -1"),
        (lambda: population.grow(1.5), TypeError, "count"),
        (lambda: population.grow(1, clones=True), hpm.ArgumentError, "random makes no clones"),
        (lambda: population.grow(2**50), hpm.OutOfMemoryError, "MiB"),
        (lambda: population.retire(2), hpm.ArgumentError, "student is 2"),
        (lambda: population.release(2), hpm.ArgumentError, "student is 2"),
        (lambda: population.reports(2), hpm.ArgumentError, "student is 2"),
        (lambda: population.age(2), hpm.ArgumentError, "student is 2"),
    ):
        before = population.save()
        with pytest.raises(error, match=message):
            call()
        assert population.size == 2 and population.save() == before


# More steps


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("when", ["before the end", "after the end", "after load"])
def test_more_steps_are_as_if_they_had_been_there(algorithm, when):
    """Under the synchronous schedule, to the bit. What depends on `steps` by default is given."""
    options = {"population": 5, "algorithm": algorithm, "seed": 11, "interval": 3}
    if algorithm in ("random", "bayesian"):
        options["trial"] = 4
    numbers = Numbers(5)
    whole, parted = (hpm.Population(SPACE, steps=steps, **options) for steps in (21, 9))
    trace = by_arrays(whole, numbers, [0] * 5)
    done = [0] * 5
    first = by_arrays(parted, numbers, done, rounds=None if when != "before the end" else 4)
    if when == "after load":
        parted = hpm.Population.load(parted.save())
    parted.set_steps(21)
    assert parted.options["steps"] == 21
    rest = by_arrays(parted, numbers, done)
    assert [a + b for a, b in zip(first, rest)] == trace
    assert parted.save() == whole.save()


@both_schedules
@pytest.mark.parametrize("loaded", [False, True])
def test_a_run_without_end(schedule, loaded):
    population = hpm.Population(SPACE, population=3, steps=4, schedule=schedule)
    assert Workers(population, seed=1).run() == {Action.STOP}
    if loaded:
        population = hpm.Population.load(population.save())
    population.set_steps(6)
    assert Workers(population, seed=1).run() == {Action.STOP}
    assert [population.reports(k) for k in range(3)] == [6, 6, 6]
    population.set_steps(0)
    Workers(population, seed=1).run(rounds=40)
    assert min(population.reports(k) for k in range(3)) > 10
    for steps in (1, 10**6):
        with pytest.raises(hpm.ArgumentError, match=f"steps is {steps}; allowed: 0"):
            population.set_steps(steps)


def test_fewer_steps_are_refused():
    population = hpm.Population(SPACE, steps=5)
    for steps, message in ((4, "steps is 4; allowed: 5 or more, or 0"), (-1, "steps is -1")):
        with pytest.raises(hpm.ArgumentError, match=message):
            population.set_steps(steps)
    with pytest.raises(TypeError):
        population.set_steps(5.5)
    population.set_steps(5)
    assert population.options["steps"] == 5


# Descent


@both_schedules
@pytest.mark.parametrize("algorithm", ["hpm", "hpm-paper", "pbt", "mf-pbt", "pb2"])
def test_lineage_under_both_schedules(algorithm, schedule):
    """Who trained the weights that a student holds, and at which of its reports, against weights that are
    lists of just that."""
    population = hpm.Population(
        SPACE, population=6, algorithm=algorithm, steps=60, interval=2, seed=5, schedule=schedule
    )
    random, checkpoints, weights = np.random.default_rng(8), {}, [[] for _ in range(6)]
    reports, clones = [0] * 6, 0
    while True:
        student = int(random.choice(6, p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.1]))  # some are fast
        action, source, h = population.next(student)
        if all(population.next(k).action == Action.STOP for k in range(6)):
            break
        if action >= Action.WAIT:
            continue
        if action == Action.TRAIN:
            reports[student] += 1
            weights[student] = [*weights[student], (student, reports[student])]
            checkpoints[student, reports[student]] = weights[student]
        elif action == Action.CLONE:
            weights[student] = checkpoints[source, population.source_report(student)]
            clones += 1
        population.report(student, loss_of(h), 2 * (h - 0.4))
        if schedule == "synchronous" and len(set(reports)) > 1:
            continue  # inside a round
        for k in range(6):
            age = population.age(k)
            assert age == len(weights[k])
            assert population.lineage(k) == [trained for trained, _ in weights[k]]
            assert [population.ancestor_report(k, place) for place in range(1, age + 1)] == [n for _, n in weights[k]]
            for place in (0, age + 1):
                with pytest.raises(hpm.ArgumentError, match=f"report is {place}"):
                    population.ancestor_report(k, place)
    assert clones > 5
    ages = {population.age(k) for k in range(6)}
    assert ages == {60} if schedule == "synchronous" else len(ages) > 1


@both_schedules
def test_the_schedule_of_a_result(schedule):
    """It is what trained the winner's weights, and it replays."""
    models = [{"trained": []} for _ in range(6)]
    rates = np.random.default_rng(1).lognormal(0, 1, (6, 100))

    def train(student, h):
        models[student]["trained"].append((h["x"].tolist(), h["y"]))
        return loss_of(np.append(h["x"], h["y"])) * rates[student, len(models[student]["trained"])]

    result = hpm.tune(
        train, SPACE, models=models, steps=40, interval=2, schedule=schedule, progress=False, seed=2
    )
    expected = np.array([[*x, y] for x, y in models[result.student]["trained"]])
    np.testing.assert_array_equal(result.schedule(), expected)
    assert len(set(result.population.lineage(result.student))) > 1


def serve(population, loss=float):
    """A report of every student that has a task."""
    for student in range(population.size):
        if population.next(student).action < Action.WAIT:
            population.report(student, loss(student), np.zeros(population.dimension))


def test_students_that_wait_for_a_source_are_drawn_where_all_others_retire():
    population = hpm.Population(SPACE, population=2, algorithm="pbt", steps=5)
    serve(population)
    population.grow(2, clones=True)
    population.retire(0)
    population.retire(1)
    assert [population.next(student).action for student in (2, 3)] == [Action.TRAIN] * 2
    while population.next(2).action != Action.STOP:
        serve(population)
    assert [population.reports(student) for student in (2, 3)] == [5, 5]
    assert [population.age(student) for student in (2, 3)] == [4, 4]


def test_students_that_join_where_no_loss_is_finite_end_with_the_others():
    population = hpm.Population(SPACE, population=4, algorithm="pbt", steps=6, interval=2)
    serve(population)
    population.grow(1, clones=True)
    serve(population, lambda student: np.nan)
    while population.next(0).action != Action.STOP:
        serve(population, lambda student: -student)
    assert [population.reports(student) for student in range(5)] == [6] * 5
    assert population.age(4) == 4


def test_students_that_join_in_the_last_round_wait_until_the_run_is_prolonged():
    population = hpm.Population(SPACE, population=4, algorithm="pbt", steps=4, interval=4)
    stopped = []
    population.observe(lambda event: stopped.append(event.student), hpm.Stopped)
    for _ in range(3):
        serve(population)
    population.grow(1, clones=True)
    before = [list(population.hyperparameters(student)) for student in range(4)]
    serve(population)
    assert stopped == [0, 1, 2, 3] and population.count("training_rounds") == 4
    assert [list(population.hyperparameters(student)) for student in range(4)] == before
    assert [population.next(student).action for student in range(5)] == [Action.STOP] * 5
    population.set_steps(8)
    clones = [student for student in range(5) if population.next(student).action == Action.CLONE]
    assert clones == [3, 4]  # the worst, whose exploit was to come, and the one that joins
    while population.next(0).action != Action.STOP:
        serve(population)
    assert [population.reports(student) for student in range(5)] == [8] * 5


def test_clones_are_mutated_before_they_train_where_the_only_evaluation_is_lost():
    population = hpm.Population(
        SPACE, population=8, algorithm="hpm-paper", interval=2, truncation=0.4, teacher_evaluations=1, teacher_share=1.0
    )
    mutated = []
    population.observe(lambda event: mutated.append((event.student, event.report)), hpm.Mutated)
    while (actions := [population.next(student).action for student in range(8)]).count(Action.EVALUATE) == 0:
        serve(population)
    assert actions[7] == Action.EVALUATE and not mutated
    population.retire(7)
    assert {student for student, _ in mutated} == {5, 6} and {report for _, report in mutated} == {2}


@pytest.mark.parametrize("seed", range(20))
def test_no_source_was_releasable_before_another_one_retired(seed):
    population = hpm.Population(
        SPACE, population=8, algorithm="pbt", truncation=0.25, interval=1, steps=9, seed=seed
    )
    serve(population)
    tasks = {student: task for student in range(8) if (task := population.next(student)).action == Action.CLONE}
    released = {student for student in range(8) if population.releasable(student, 1)}
    population.retire(tasks[7].source)
    task = population.next(7)
    assert task.action == Action.CLONE and task.source not in released


@both_schedules
def test_the_largest_number_of_steps(schedule):
    largest = 2**63 - 1
    options = {"algorithm": "hpm-paper", "population": 10, "interval": 1, "schedule": schedule}
    population = hpm.Population(SPACE, steps=9, teacher_evaluations=largest, teacher_share=1.0, **options)
    log = bytearray()
    population.log(log.extend)
    population.set_steps(largest)
    for _ in range(30):
        serve(population)
    twin = hpm.Population(SPACE, steps=9, teacher_evaluations=largest, teacher_share=1.0, **options)
    assert twin.replay(log) == len(log) and twin.save() == population.save()
    assert hpm.Population.load(population.save()).options["steps"] == largest
    assert hpm.Population(SPACE, steps=largest, **options).options["steps"] == largest


def test_a_run_that_was_ended_by_a_clone_makes_it_before_its_source_trains_on():
    trained, copied = [0] * 4, []
    population = hpm.Population(
        hpm.SearchSpace().add_real("x", 0, 1), population=4, algorithm="pbt", schedule="asynchronous",
        interval=2, steps=8, truncation=0.25,
    )

    def train(student, hyperparameters):
        trained[student] += 1
        return float(student)

    def clone(source, student):
        copied.append((trained[source], population.source_report(student)))
        if len(copied) == 1:
            raise KeyError("lost")

    with pytest.raises(KeyError):
        population.run(train, clone=clone)
    population.run(train, clone=clone)
    assert len(copied) > 2 and all(made == asked for made, asked in copied)
