"""The events of a run against what is seen from outside."""

import dataclasses
import gc
import signal
import threading
import weakref

import libhpm as hpm
import numpy as np
import pytest
from libhpm import Action
from support import Numbers, by_threads

SCHEDULES = ["synchronous", "asynchronous"]
SPACE = (
    hpm.SearchSpace()
    .add_real("x", -1.0, 3.0)
    .add_real("y", 1e-3, 10.0, scale="log")
    .add_integer("k", 1, 9)
    .add_choice("c", ["a", "b", "c"])
)
REALS = hpm.SearchSpace().add_block("x", 3, -1.0, 2.0)
KINDS = [hpm.Trained, hpm.Moved, hpm.Cloned, hpm.Mutated, hpm.Evaluated, hpm.Taught, hpm.Restarted, hpm.Stopped]


def make(algorithm, schedule, seed=0, **options):
    if algorithm in ("random", "bayesian"):
        options.setdefault("trial", 4)
    space = REALS if algorithm in ("memetic", "hypergradient", "hpm-paper", "mutation-only", "clone-step") else SPACE
    options = {"population": 6, "steps": 20, "interval": 2, "truncation": 0.35, **options}
    if algorithm in ("random", "bayesian", "hypergradient", "memetic"):
        del options["interval"], options["truncation"]
    if algorithm == "memetic":
        options["steps"] = 60
    return hpm.Population(space, algorithm=algorithm, schedule=schedule, seed=seed, **options)


class Drive:
    """A run by `next` and `report` in a random order of students, and what each call brought."""

    def __init__(self, population, seed, kinds=None):
        self.population = population
        self.random = np.random.default_rng(seed)
        self.calls = []
        """Of each call its name, student, answer or report, its events, the hyperparameters before and after."""
        self.seen = []
        population.observe(self.seen.append, kinds)

    def values(self):
        return [self.population.hyperparameters(k) for k in range(self.population.size)]

    def call(self, name, student, *arguments):
        before = self.values()
        answer = getattr(self.population, name)(student, *arguments)
        self.calls.append((name, student, answer, arguments, list(self.seen), before, self.values()))
        self.seen.clear()
        return answer

    def loss_of(self, h):
        bad = self.population.options["algorithm"] != "memetic" and self.random.random() < 0.1
        return float("nan") if bad else float(((h - 0.4) ** 2).sum() + 0.01 * self.random.standard_normal())

    def run(self):
        stopped = set()
        while len(stopped) < self.population.size:
            student = int(self.random.integers(self.population.size))
            task = self.call("next", student)
            if task.action == Action.STOP:
                stopped.add(student)
            elif task.action != Action.WAIT:
                if self.random.random() < 0.3:
                    self.call("report_cost", student, *map(float, self.random.integers(0, 9, 2)))
                self.call("report", student, self.loss_of(task.hyperparameters), 2 * (task.hyperparameters - 0.4))
        return self


@pytest.fixture(scope="module")
def drives():
    """One run of each algorithm and schedule."""
    kept = {}

    def driven(algorithm, schedule):
        key = algorithm, schedule
        if key not in kept:
            kept[key] = Drive(make(*key, seed=3), seed=4).run()
        return kept[key]

    return driven


every_run = pytest.mark.parametrize(("algorithm", "schedule"), [(a, s) for a in hpm.algorithms() for s in SCHEDULES])


def count(drive, kind):
    return sum(type(event) is kind for call in drive.calls for event in call[4])


@every_run
def test_every_change_of_hyperparameters_is_told(drives, algorithm, schedule):
    """From the hyperparameters before a call and its events follow those after it."""
    drive = drives(algorithm, schedule)
    for name, student, _, _, events, before, after in drive.calls:
        h = [values.copy() for values in before]
        for event in events:
            if isinstance(event, (hpm.Moved, hpm.Mutated)):
                assert len(event.indices) == len(event.before) == len(event.after) > 0
                assert (np.diff(event.indices.astype(int)) > 0).all() and (event.before != event.after).all()
                np.testing.assert_array_equal(h[event.student][event.indices], event.before)
                h[event.student][event.indices] = event.after
            elif isinstance(event, hpm.Cloned):
                h[event.student] = h[event.parent].copy()
            elif isinstance(event, hpm.Restarted):  # drawn or proposed: nothing to recompute it from
                h[event.student] = after[event.student]
        np.testing.assert_array_equal(h, after, err_msg=f"{name} of student {student}")
    moves = count(drive, hpm.Moved)
    never = ("pbt", "random", "bayesian", "pb2", "mf-pbt", "reinforced", "mutation-only")
    assert (moves > 0) == (algorithm not in never)


@every_run
def test_every_report_is_told(drives, algorithm, schedule):
    """Each once, with its loss and its cost, from its student's first to its last."""
    drive, told = drives(algorithm, schedule), []
    sent, costs, tasks = [], {}, {}
    for name, student, answer, arguments, events, _, _ in drive.calls:
        if name == "next":
            tasks[student] = answer
        elif name == "report_cost":
            costs[student] = arguments
        elif name == "report":
            cost = costs.pop(student, (1.0, 0.0))
            if tasks[student].action in (Action.TRAIN, Action.EVALUATE):
                sent.append((tasks[student].action, student, tasks[student].source, arguments[0], *cost))
        told += [event for event in events if isinstance(event, (hpm.Trained, hpm.Evaluated))]
    got = [
        (
            Action.TRAIN if isinstance(event, hpm.Trained) else Action.EVALUATE,
            event.student,
            getattr(event, "source", event.student),
            event.loss,
            event.training_cost,
            event.hypergradient_cost,
        )
        for event in told
    ]
    for student in range(drive.population.size):  # in the order of each student
        np.testing.assert_array_equal(
            np.array([row for row in got if row[1] == student]), np.array([row for row in sent if row[1] == student])
        )
        numbers = [event.report for event in told if type(event) is hpm.Trained and event.student == student]
        assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) == drive.population.reports(student)
    assert len(got) == len(sent)
    assert count(drive, hpm.Evaluated) == drive.population.count("teacher_reports")
    if schedule == "asynchronous":
        assert got == sent or np.array_equal(np.array(got), np.array(sent), equal_nan=True)


@every_run
def test_every_clone_is_told(drives, algorithm, schedule):
    """A task CLONE follows its event and has its source; there are as many as the population counts."""
    drive = drives(algorithm, schedule)
    due, begun = {}, 0
    for name, student, answer, _, events, _, _ in drive.calls:
        if name == "next" and answer.action == Action.CLONE:
            assert due[student].source == answer.source != student
            begun += 1
        for event in events:
            if isinstance(event, hpm.Cloned):
                due[event.student] = event
                assert event.rank > event.source_rank >= 0
                assert event.parent == event.source or algorithm == "mf-pbt"
    assert count(drive, hpm.Cloned) == drive.population.count("clones")
    assert begun >= drive.population.count("clones") - drive.population.size
    assert (begun > 0) == (Action.CLONE in drive.population.actions)


@pytest.mark.parametrize("algorithm", ["hpm", "hpm-paper", "hpm-no-teacher", "pbt", "pb2", "reinforced"])
def test_ranks_are_those_of_the_losses(drives, algorithm):
    drive, losses, checked = drives(algorithm, "synchronous"), {}, 0
    for name, student, answer, arguments, events, _, _ in drive.calls:
        for event in events:
            if isinstance(event, hpm.Trained):
                losses[event.student] = event.loss if np.isfinite(event.loss) else np.inf
            elif isinstance(event, hpm.Cloned):
                ranking = sorted(losses, key=lambda k: (losses[k], k))
                assert ranking.index(event.student) == event.rank
                assert ranking.index(event.source) == event.source_rank
                checked += 1
    assert checked > 5


@every_run
def test_what_else_is_told(drives, algorithm, schedule):
    drive, population = drives(algorithm, schedule), drives(algorithm, schedule).population
    restarts, lessons = {}, {}
    for name, student, answer, _, events, _, after in drive.calls:
        if name == "next" and answer.action == Action.RESTART:
            restarts[student].discard(tuple(answer.hyperparameters))
        for event in events:
            if isinstance(event, hpm.Restarted):
                restarts.setdefault(event.student, set()).add(tuple(after[event.student]))
            elif isinstance(event, hpm.Evaluated):
                lessons[event.student if schedule == "synchronous" else "any"] = True
            elif isinstance(event, hpm.Trained) and algorithm == "reinforced":
                lessons[event.student] = True
            elif isinstance(event, hpm.Taught):  # by what was told before, once
                assert event.part == ("policy" if algorithm == "reinforced" else "teacher")
                assert lessons.pop("any" if algorithm != "reinforced" and schedule == "asynchronous" else event.student)
        if schedule == "asynchronous":
            lessons.pop("any", None)  # it is learned from at once
    assert not any(restarts.values())
    assert count(drive, hpm.Restarted) == population.count("restart_reports")
    assert (count(drive, hpm.Restarted) > 0) == (algorithm in ("random", "bayesian"))
    assert (count(drive, hpm.Taught) > 0) == (algorithm in ("hpm-paper", "mutation-only", "reinforced"))
    stops = [event.student for call in drive.calls for event in call[4] if isinstance(event, hpm.Stopped)]
    assert sorted(stops) == list(range(population.size))
    assert len(stops) == len(set(stops))


@every_run
def test_an_observer_changes_nothing(drives, algorithm, schedule):
    drive = drives(algorithm, schedule)
    population = make(algorithm, schedule, seed=3)
    for name, student, answer, arguments, *_ in drive.calls:
        again = getattr(population, name)(student, *arguments)
        if name == "next":
            assert again[:2] == answer[:2]
            np.testing.assert_array_equal(again.hyperparameters, answer.hyperparameters)
    assert population.save() == drive.population.save()


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("algorithm", ["hpm", "hpm-paper", "random", "reinforced"])
@pytest.mark.parametrize(
    "kinds",
    [*KINDS, [hpm.Trained, hpm.Cloned], (hpm.Moved, hpm.Stopped, hpm.Moved), {hpm.Evaluated, hpm.Taught}],
)
def test_what_was_not_asked_for_is_not_told(drives, algorithm, schedule, kinds):
    whole = [event for call in drives(algorithm, schedule).calls for event in call[4]]
    part = Drive(make(algorithm, schedule, seed=3), seed=4, kinds=kinds).run()
    asked = kinds if isinstance(kinds, (list, tuple, set)) else [kinds]
    expected = [repr(event) for event in whole if type(event) in asked]
    assert [repr(event) for call in part.calls for event in call[4]] == expected


def test_classes_that_stand_for_several():
    seen = {kind: [] for kind in (hpm.Event, hpm.events.Changed)}
    population = make("hpm", "synchronous")
    for kind, events in seen.items():
        population.observe(events.append, kind)
    whole = []
    population.observe(whole.append)
    population.run(lambda k, h: (float(h.sum()), np.ones(4)), lambda source, student: None)
    assert seen[hpm.Event] == whole
    assert seen[hpm.events.Changed] == [e for e in whole if type(e) in (hpm.Moved, hpm.Mutated)]
    assert {type(event) for event in whole} == {hpm.Trained, hpm.Moved, hpm.Cloned, hpm.Mutated, hpm.Stopped}


def test_events_are_frozen_dataclasses():
    assert set(KINDS) == set(hpm.events._BITS) and sum(hpm.events._BITS.values()) == 255
    for kind in KINDS:
        assert dataclasses.is_dataclass(kind) and issubclass(kind, hpm.Event)
        assert [field.name for field in dataclasses.fields(kind)][:2] == ["student", "report"]
    population, seen = make("hpm", "synchronous"), []
    population.observe(seen.append)
    for k in range(6):
        population.next(k)
        population.report(k, float(k), np.ones(4))
    for event in seen:
        assert dataclasses.asdict(event).keys() == {field.name for field in dataclasses.fields(event)}
        with pytest.raises(dataclasses.FrozenInstanceError):
            event.student = 9
        assert type(event.student) is int and type(event.report) is int
    trained = hpm.Trained(0, 1, 0.0, 1.0, 0.0)
    assert seen[0] == trained and hash(seen[0]) == hash(trained) and repr(seen[0]) == repr(trained)
    moved = next(event for event in seen if isinstance(event, hpm.Moved))
    assert moved.part == "pooled-descent" and moved != dataclasses.replace(moved, after=moved.before)
    assert moved == dataclasses.replace(moved) and hash(moved) == hash(dataclasses.replace(moved))
    assert moved != hpm.Mutated(**vars(moved))
    with pytest.raises(ValueError, match="read-only"):
        moved.after[0] = 1.0


def test_wrong_arguments():
    population = make("hpm", "synchronous")
    for function, kinds, error, message in (
        (3, None, TypeError, "function is 3"),
        (print, [], hpm.ArgumentError, "kinds is empty"),
        (print, int, TypeError, "kinds has <class 'int'>; allowed: Trained, Moved"),
        (print, ["Trained"], TypeError, "'Trained'"),
        (print, 255, TypeError, "kinds is 255"),
    ):
        with pytest.raises(error, match=message):
            population.observe(function, kinds)
    population.close()
    with pytest.raises(hpm.HandleError):
        population.observe(print)


@pytest.mark.parametrize("call", ["report", "report_ticket", "report_all", "stop", "replay", "run", "retire"])
def test_an_exception_is_raised_by_the_call_that_caused_the_event(call):
    """The call has succeeded: it is as if the observer had not raised."""
    thrown, log = LookupError("of an observer"), bytearray()
    # One student: its report ends a round; of two `retire` ends it, and the run.
    options = {"population": 2, "steps": 1} if call == "retire" else {"population": 1, "steps": 3}
    population, twin = (hpm.Population(SPACE, **options) for _ in range(2))
    twin.log(log.extend)
    others = []
    population.observe(others.append)

    def fail(event):
        raise thrown

    def perform(population):
        if call == "replay":
            return population.replay(bytes(log))
        if call == "stop":
            return population.stop()
        if call == "run":
            return population.run(lambda k, h: 1.0, lambda source, student: None)
        if call == "report_ticket":
            return population.report_ticket(0, population.next_ticket(0).ticket, 1.0)
        population.next_all()
        if call == "retire":
            population.report(0, 1.0)
            return population.retire(1)
        return population.report(0, 1.0) if call == "report" else population.report_all([1.0])

    if call in ("replay", "run"):  # one report: the run ends with it
        twin.next(0)
        twin.report(0, 1.0)
    else:
        perform(twin)
    with population.observe(fail, hpm.Stopped if call == "retire" else None):
        with pytest.raises(LookupError) as caught:
            perform(population)
    assert caught.value is thrown
    assert others and population.save() == twin.save()
    assert population.next(0) is not None  # it goes on


def test_a_run_goes_on_where_an_observer_ended_it():
    population, calls = make("hpm", "synchronous"), []

    def train(student, h):
        calls.append(student)
        return float(h.sum())

    def fail_once(event):
        if event.report == 2:
            observer.close()
            raise KeyboardInterrupt

    observer = population.observe(fail_once, hpm.Trained)
    with pytest.raises(KeyboardInterrupt):
        population.run(train, lambda source, student: None)
    assert 0 < len(calls) < 120
    assert population.run(train, lambda source, student: None) and len(calls) == 120


def test_exceptions_of_several_observers():
    """Each sees no more of the call after its own; none of them is lost."""
    seen = {name: [] for name in "abc"}
    population = make("hpm", "synchronous", population=2)

    def failing(name):
        def function(event):
            seen[name].append(event)
            if name != "b":
                raise ValueError(name)

        return function

    for name in seen:
        population.observe(failing(name), hpm.Trained)
    population.next_all()
    with pytest.raises(ValueError, match="^a$") as caught:
        population.report_all([1.0, 2.0])
    assert caught.value.__context__.args == ("c",)
    assert [len(events) for events in seen.values()] == [1, 2, 1]
    population.observe(lambda event: exec("raise KeyboardInterrupt"), hpm.Trained)
    population.next_all()
    with pytest.raises(KeyboardInterrupt):  # no `except Exception` hides it
        population.report_all([1.0, 2.0])


def test_what_an_observer_may_do():
    population, outcomes = hpm.Population(SPACE, population=2, steps=4), []

    def function(event):
        outcomes.append((population.count("training_reports"), population.best().loss, len(population.save()) > 0))
        for change in (
            lambda: population.next(0),
            lambda: population.next_all(),
            lambda: population.report(0, 1.0),
            lambda: population.retire(1),
            lambda: population.grow(1),
            lambda: population.set_steps(9),
            lambda: population.replay(b""),
            lambda: population.run(lambda k, h: 0.0, lambda source, student: None),
        ):
            with pytest.raises(hpm.BusyError):
                change()
        with population.observe(print):
            pass
        copied = hpm.Population.load(population.save())
        copied.stop()

    population.observe(function, hpm.Trained)
    population.next_all()
    population.report_all([3.0, 2.0])
    assert outcomes == [(2, 2.0, True)] * 2


def test_an_observer_stops_a_run():
    """Early stopping: the report that it is told of counts, and nobody trains after it."""
    trained = []

    def train(student, h):
        trained.append(student)
        return 1.0 / len(trained)

    def watch(event):
        if event.loss < 0.15:
            population.stop()

    population = hpm.Population(SPACE, population=2, steps=40)
    assert not population.run(train, lambda source, student: None, observe=watch, kinds=hpm.Trained)
    assert len(trained) == 7 and population.next(0).action == hpm.Action.STOP


def test_the_end_of_an_observation():
    population, seen = hpm.Population(SPACE, population=1), []

    def step():
        seen.clear()
        population.next(0)
        population.report(0, 1.0)
        return len(seen)

    with population.observe(seen.append, hpm.Trained) as observer:
        assert step() == 1 and not observer.closed and "closed" not in repr(observer)
    assert step() == 0 and observer.closed and "closed" in repr(observer)
    observer.close()
    first, second = (population.observe(seen.append, hpm.Trained) for _ in range(2))
    assert step() == 2
    first.close()
    assert step() == 1
    population.close()
    second.close()

    population = hpm.Population(SPACE, population=3)
    population.observe(lambda event: (seen.append(event), observer.close()), hpm.Trained)
    observer = population.observe(lambda event: seen.append("late"))
    once = population.observe(lambda event: (seen.append("once"), once.close()))
    population.next_all()
    seen.clear()
    population.report_all(np.zeros(3))
    assert seen.count("once") == 1 and "late" not in seen


def test_functions_are_let_go():
    class Model:
        pass

    population = hpm.Population(SPACE, population=1)
    for end in ("observer", "log", "another log", "population"):
        model = Model()
        gone = weakref.ref(model)
        kept = lambda event, model=model: None
        if end == "observer":
            population.observe(kept).close()
        elif "log" in end:
            population.log(kept)
            population.log(None if end == "log" else (lambda data: None))
        else:
            population.observe(kept)
            population.close()
            del population
        del model, kept
        gc.collect()
        assert gone() is None, end


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_threads_share_an_observer(schedule):
    """Events come one after the other, whatever thread caused them."""
    population = hpm.Population(SPACE, population=8, steps=60, seed=1, interval=3, schedule=schedule)
    inside, seen = threading.Lock(), []

    def function(event):
        assert inside.acquire(blocking=False)
        seen.append(event)
        inside.release()

    population.observe(function)
    by_threads(population, Numbers(5), 4)
    reports = [(event.student, event.report) for event in seen if isinstance(event, hpm.Trained)]
    assert sorted(reports) == [(k, t) for k in range(8) for t in range(1, 61)]


def test_observers_come_and_go_while_threads_report():
    population = hpm.Population(SPACE, population=4, steps=400, schedule="asynchronous")
    done, seen = threading.Event(), []

    def come_and_go():
        while not done.is_set():
            with population.observe(seen.append, hpm.Trained):
                pass

    thread = threading.Thread(target=come_and_go)
    thread.start()
    by_threads(population, Numbers(5), 3)
    done.set()
    thread.join()
    assert seen and all(event.student < 4 and 1 <= event.report <= 400 for event in seen)


@pytest.mark.parametrize("through", ["run", "tune"])
def test_observe_of_run_and_tune(through):
    seen = []
    if through == "run":
        population = make("hpm", "synchronous")
        population.run(
            lambda k, h: float(h.sum()), lambda source, student: None,
            observe=seen.append, kinds=[hpm.Trained, hpm.Cloned],
        )
    else:
        result = hpm.tune(
            lambda k, h: h["x"], SPACE, models=[None] * 6, steps=20, interval=2, truncation=0.35, progress=False,
            observe=seen.append, kinds=[hpm.Trained, hpm.Cloned],
        )
        population = result.population
        told = [(e.student, e.report, e.loss) for e in seen if isinstance(e, hpm.Trained)]
        assert told == [(r.student, r.number, r.loss) for r in result.history]
    assert len([event for event in seen if isinstance(event, hpm.Cloned)]) == population.count("clones") > 0
    assert len([event for event in seen if isinstance(event, hpm.Trained)]) == 120
    assert {type(event) for event in seen} == {hpm.Trained, hpm.Cloned}
    seen.clear()
    population.set_steps(25)  # the observation ended with the run
    population.run(lambda k, h: 0.0, lambda source, student: None)
    assert seen == []


def test_copies_have_no_observers_and_no_log():
    import copy
    import pickle

    population, seen, log = make("hpm", "synchronous"), [], bytearray()
    population.observe(seen.append)
    population.log(log.extend)
    twins = [copy.copy(population), copy.deepcopy(population), pickle.loads(pickle.dumps(population))]
    twins.append(hpm.Population.load(population.save()))
    for twin in twins:
        twin.next_all()
        twin.report_all(np.zeros(6))
    assert seen == [] and log == b""


def test_a_signal_in_a_call_that_is_observed_is_not_lost():
    """Python drops what is raised on the way into a callback of C code."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.collect()
    gc.disable()
    try:
        population = hpm.Population(SPACE, population=2, steps=0)
        population.observe(lambda event: None)
        random = np.random.default_rng(0)
        for delay in 0.002 * random.random(40):
            timer = threading.Timer(delay, signal.raise_signal, [signal.SIGINT])
            with pytest.raises(KeyboardInterrupt):
                timer.start()
                for _ in range(2_000_000):
                    population.next_all()
                    population.report_all([0.0, 1.0])
            timer.join()
            if population.next(0).action == Action.TRAIN and population.next(1).action == Action.TRAIN:
                population.report_all([0.0, 1.0])
    finally:
        gc.enable()
        signal.signal(signal.SIGINT, previous)
