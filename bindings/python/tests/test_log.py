"""A run is its log: the inputs of a population, replayed."""

import struct
import threading

import libhpm as hpm
import numpy as np
import pytest
from libhpm import Action
from support import Numbers, by_threads

SCHEDULES = ["synchronous", "asynchronous"]
both_schedules = pytest.mark.parametrize("schedule", SCHEDULES)


def make(algorithm="hpm", schedule="synchronous", steps=15, seed=7):
    space = hpm.SearchSpace().add_block("x", 3, -1.0, 2.0)
    if algorithm != "memetic":
        space.add_integer("k", 1, 9).add_choice("c", ["a", "b"])
    options = {"trial": 4} if algorithm in ("random", "bayesian") else {}
    if algorithm not in ("random", "bayesian", "hypergradient", "memetic"):
        options["interval"] = 2
    return hpm.Population(
        space, population=5, algorithm=algorithm, schedule=schedule, steps=steps, seed=seed, **options
    )


def drive(population, seed, membership=True):
    """Every kind of input, in a random order."""
    random = np.random.default_rng(seed)
    population.set_initial(1, population.hyperparameters(0))
    for turn in range(100_000):
        size = population.size
        if membership and turn == 15:
            population.retire(2)
        if membership and turn == 25:
            population.grow(2, clones=Action.CLONE in population.actions)
        if membership and turn == 35:
            population.set_steps(18)
        student = int(random.integers(size))
        way = random.integers(4)
        if way == 0:
            a = population.next_all()
            if (a.actions == Action.STOP).all():
                break
            losses = np.array([loss_of(h, random) for h in a.hyperparameters])
            population.report_all(losses, 2 * (a.hyperparameters - 0.4))
            continue
        order = population.next_ticket(student)
        if order.action >= Action.WAIT:
            continue
        if random.random() < 0.2:
            population.release(student)
            continue
        if random.random() < 0.2:
            population.report_cost(student, 2.0, 1.0)
        h = order.hyperparameters
        gradient = 2 * (h - 0.4) if random.random() < 0.8 or len(h) == 3 else None
        if way == 1:
            population.report(student, loss_of(h, random), gradient)
        else:
            for _ in range(2):  # the second changes nothing
                population.report_ticket(student, order.ticket, loss_of(h, random), gradient)
    population.stop()
    return population


def loss_of(h, random):
    return float("nan") if len(h) > 3 and random.random() < 0.1 else float(((h - 0.4) ** 2).sum())


def inputs(data):
    """Where each input of a log ends, by its layout: 4 bytes, the length of the rest (32 bits), 4 + 4 of a
    checksum."""
    ends, position = [], 0
    while position < len(data):
        (length,) = struct.unpack_from("<I", data, position + 4)
        position += 8 + length + 8
        ends.append(position)
    assert position == len(data)
    return ends


@both_schedules
@pytest.mark.parametrize("algorithm", hpm.algorithms())
def test_a_replay_is_the_run_to_the_bit(algorithm, schedule):
    population, chunks = make(algorithm, schedule), []
    population.log(chunks.append)
    drive(population, seed=1)
    data = b"".join(chunks)
    assert all(type(chunk) is bytes for chunk in chunks)
    kinds = {data[position + 1] for position in [0, *inputs(data)[:-1]]}
    assert kinds == {*range(9), 255}  # every kind of input was there, and what says whose they are

    whole = make(algorithm, schedule)
    assert whole.replay(data) == len(data)
    assert whole.save() == population.save() and whole.size == population.size == 7

    pieces = make(algorithm, schedule)  # input by input, from any kind of buffer, over a snapshot
    begin = 0
    for place, end in enumerate(inputs(data)):
        piece = [bytes, bytearray, memoryview][place % 3](data[begin:end])
        assert pieces.replay(piece) == end - begin
        begin = end
        if place == len(data) // 200:
            pieces = hpm.Population.load(pieces.save())
    assert pieces.save() == population.save()


@pytest.mark.parametrize("options", [{"seed": 8}, {"mutation_scale": 0.3}, {"algorithm": "pbt"}, {"population": 6}])
def test_a_log_of_another_population_is_refused(options):
    population, log = make(), bytearray()
    population.log(log.extend)
    population.next_all()
    space, mine = population.space, population.options
    other = hpm.Population(space, **{**mine, **options})
    before = other.save()
    with pytest.raises(hpm.ArgumentError, match="does not begin where"):
        other.replay(log)
    assert other.save() == before
    with pytest.raises(hpm.ArgumentError, match="does not begin where"):
        population.replay(log)  # which is ahead of it


@both_schedules
def test_a_run_of_threads_is_recorded_in_its_order(schedule):
    population, data = make(schedule=schedule, steps=60), bytearray()
    inside = threading.Lock()

    def write(chunk):
        assert inside.acquire(blocking=False)
        data.extend(chunk)
        inside.release()

    population.log(write)
    by_threads(population, Numbers(3), 4)
    twin = make(schedule=schedule, steps=60)
    assert twin.replay(data) == len(data) and twin.save() == population.save()


def test_a_run_of_callbacks_is_logged_too():
    population, data = make("hpm-paper"), bytearray()
    population.log(data.extend)

    def train(student, h):
        return float(h.sum()), np.ones(5)

    population.run(train, lambda source, student: None, train)
    twin = make("hpm-paper")
    twin.replay(data)
    assert twin.save() == population.save()


def test_bytes_that_end_inside_an_input():
    population, data = make(steps=4), bytearray()
    population.log(data.extend)
    drive(population, seed=2, membership=False)
    ends = [0, *inputs(data)]
    random = np.random.default_rng(0)
    for cut in [*random.integers(0, len(data), 60), *range(60), len(data) - 1]:
        twin = make(steps=4)
        applied = twin.replay(data[:cut])
        assert applied == max(end for end in ends if end <= cut)
        rest = twin.replay(data[applied:])  # as a store goes on that was cut short
        assert applied + rest == len(data) and twin.save() == population.save()


def test_damaged_bytes_change_nothing():
    population, data = make(steps=3), bytearray()
    population.log(data.extend)
    drive(population, seed=3, membership=False)
    random, twin = np.random.default_rng(0), make(steps=3)
    before = twin.save()
    for bit in random.integers(0, 8 * len(data), 300):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(hpm.SnapshotError, match="damaged at byte"):
            twin.replay(damaged)
        assert twin.save() == before
    with pytest.raises(hpm.SnapshotError):
        twin.replay(b"no log at all")
    assert twin.replay(b"") == 0 and twin.save() == before


def test_the_log_of_another_population_changes_nothing():
    population, data = make(), bytearray()
    population.log(data.extend)
    drive(population, seed=4)
    for other in (
        make(schedule="asynchronous"), make("random"), hpm.Population(population.space, population=2),
        hpm.Population(hpm.SearchSpace().add_real("x", 0, 1), population=5),
    ):
        before, size = other.save(), other.size
        with pytest.raises((hpm.OrderError, hpm.ArgumentError, hpm.SnapshotError), match="input at byte"):
            other.replay(data)
        assert other.save() == before and other.size == size


CALLS = {
    "next": lambda p: p.next(0),
    "next_all": lambda p: p.next_all(),
    "next_ticket": lambda p: p.next_ticket(0),
    "report": lambda p: p.report(4, 0.5),
    "report_ticket": lambda p: p.report_ticket(4, p.next_ticket(4).ticket, 0.5),
    "report_cost": lambda p: p.report_cost(4, 2.0),
    "set_initial": lambda p: p.set_initial(0, p.hyperparameters(1)),
    "release": lambda p: p.release(4),
    "retire": lambda p: p.retire(4),
    "grow": lambda p: p.grow(2),
    "set_steps": lambda p: p.set_steps(40),
    "stop": lambda p: p.stop(),
    "run": lambda p: p.run(lambda k, h: 0.5, lambda source, student: None),
}


@pytest.mark.parametrize("call", CALLS)
def test_what_the_log_refuses_has_not_happened(call):
    thrown, population, twin, data = OSError("the disk is full"), make(steps=2), make(steps=2), bytearray()
    for one in (population, twin):
        one.next(4)
    before = population.save()

    def full(chunk):
        raise thrown

    population.log(full)
    with pytest.raises(OSError) as caught:
        CALLS[call](population)
    assert caught.value is thrown
    assert population.save() == before and population.size == 5
    population.log(data.extend)
    again, plain = CALLS[call](population), CALLS[call](twin)
    assert data and repr(again) == repr(plain)
    assert population.save() == twin.save()


def test_report_all_is_refused_as_a_whole():
    population = make()
    population.next_all()
    before, full = population.save(), [True]

    def write(chunk):
        if full.pop():
            raise OSError

    population.log(write)
    with pytest.raises(OSError):
        population.report_all(np.arange(5.0))
    assert population.save() == before
    full.append(False)
    population.report_all(np.arange(5.0))
    assert population.count("training_reports") == 5 and full == []


def test_what_a_log_may_do():
    population, sizes = make(), []

    def write(chunk):
        sizes.append(population.count("training_reports"))
        for change in (lambda: population.next(1), lambda: population.replay(chunk)):
            with pytest.raises(hpm.BusyError):
                change()

    population.log(write)
    population.next(0)
    population.report(0, 1.0)
    assert sizes == [0, 0]  # before it is applied


def test_a_log_that_asks_for_a_stop():
    """The call that brought the input succeeds, and the stop follows it as an input of its own."""
    population, log = make(), []

    def write(chunk):
        log.append(chunk)
        population.stop()

    population.log(write)
    assert population.next(0).action == hpm.Action.TRAIN
    assert len(log) == 2 and population.next(1).action == hpm.Action.STOP
    twin = make()
    twin.replay(b"".join(log))
    assert twin.next(1).action == hpm.Action.STOP

    refusing, calls = make(), []

    def refuse(chunk):
        calls.append(chunk)
        refusing.stop()
        raise OSError

    refusing.log(refuse)
    with pytest.raises(OSError):
        refusing.next(0)
    refusing.log(None)
    assert len(calls) == 2 and refusing.next(0).action == hpm.Action.TRAIN


def test_the_end_of_a_log():
    population, first, second = make(), bytearray(), bytearray()
    population.log(first.extend)
    population.next(0)
    length = len(first)
    population.log(second.extend)  # in its place
    population.report(0, 1.0)
    assert length > 0 and len(first) == length and second
    population.log(None)
    population.next(1)
    population.report(1, 1.0)
    twin = make()
    assert twin.replay(first + second) == len(first + second)
    assert twin.count("training_reports") == 1
    with pytest.raises(TypeError, match="callback is 3"):
        population.log(3)
    population.close()
    for call in (lambda: population.log(print), lambda: population.log(None), lambda: population.replay(b"")):
        with pytest.raises(hpm.HandleError):
            call()


def test_what_changes_nothing_is_not_logged():
    population, data = make(), bytearray()
    population.log(data.extend)
    population.next(0)
    length = len(data)
    population.next(0)
    population.save()
    assert population.report_ticket(0, population.next_ticket(0).ticket, 1.0)
    end = len(data)
    assert population.report_ticket(0, 1, 2.0) is False
    population.next(0)  # WAIT
    with pytest.raises(hpm.OrderError):
        population.report(0, 1.0)
    assert len(data) == end > length > 0
