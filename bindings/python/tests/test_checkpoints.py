"""States of students in a folder: what is kept, what is removed, what a crash leaves."""

import errno
import json
import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time

import libhpm as hpm
import numpy as np
import pytest
from libhpm.checkpoints import VERSION

SPACE = hpm.SearchSpace().add_real("x", 0, 1)


def contents(checkpoints):
    return os.listdir(checkpoints.folder / "contents")


def is_consistent(folder):
    """Every entry has its content, whole; every content has an entry."""
    checkpoints = hpm.Checkpoints(folder)
    used = set()
    for name in os.listdir(checkpoints.folder / "states"):
        entry = json.loads((checkpoints.folder / "states" / name).read_text())
        used.add(entry["content"])
        student, report = map(int, name.removesuffix("-start").split("-"))
        checkpoints.get(student, report)  # its hash is right
    return used == set(contents(checkpoints)) and not os.listdir(checkpoints.folder / "temporary")


STATES = {
    "bytes": b"\x00weights",
    "array": np.arange(6.0).reshape(2, 3),
    "tree": {"w": [np.ones(2), np.zeros(1, np.float32)], "step": 3, "names": ("a", None)},
}


@pytest.mark.parametrize("kind", STATES)
@pytest.mark.parametrize("durable", [False, True])
def test_states_come_back(kind, durable, tmp_path):
    with hpm.Checkpoints(tmp_path, durable=durable) as checkpoints:
        checkpoints.put(2, 7, STATES[kind])
    found = hpm.Checkpoints(tmp_path).get(2, 7)
    assert type(found) is type(STATES[kind])
    if kind == "tree":
        np.testing.assert_equal(found, STATES[kind])
        assert found["w"][1].dtype == np.float32
    else:
        assert np.array_equal(found, STATES[kind])


def test_jax(tmp_path):
    jnp = pytest.importorskip("jax.numpy")
    checkpoints = hpm.Checkpoints(tmp_path)
    checkpoints.put(0, 1, {"w": jnp.arange(3.0)})
    found = checkpoints.get(0, 1)["w"]
    assert type(found) is type(jnp.arange(3.0)) and found.tolist() == [0, 1, 2]


def test_torch(tmp_path):
    torch = pytest.importorskip("torch")
    checkpoints = hpm.Checkpoints(tmp_path)

    def make():
        model = torch.nn.Linear(2, 1)
        return hpm.torch.Student(model, torch.optim.Adam(model.parameters()), examples=4)

    student, other = make(), make()
    student.model(torch.ones(2)).sum().backward()
    student.optimizers[0].step()
    list(student.batches(1, 2))
    checkpoints.put(0, 1, student)
    assert checkpoints.get(0, 1, into=other) is other
    assert torch.equal(other.model.weight, student.model.weight)
    assert [b.tolist() for b in other.batches(2, 2)] == [b.tolist() for b in student.batches(2, 2)]
    moments = [s.optimizers[0].state_dict()["state"][0]["exp_avg"] for s in (student, other)]
    assert torch.equal(*moments)

    checkpoints.put(1, 1, student.model)
    assert set(checkpoints.get(1, 1)) == {"weight", "bias"}
    # Objects together keep what they share: the optimizer goes on with the parameters of the model that comes back.
    checkpoints.put(2, 1, {"net": student.model, "optimizer": student.optimizers[0], "h": np.ones(2)})
    found = checkpoints.get(2, 1)
    assert found["optimizer"].param_groups[0]["params"][0] is found["net"].weight
    assert {json.loads(p.read_text())["kind"] for p in (tmp_path / "states").iterdir()} == {"torch"}
    checkpoints.put(3, 1, {"no": "tensor"})
    assert json.loads((tmp_path / "states" / "3-1").read_text())["kind"] == "pickle"


def test_torch_is_not_imported(tmp_path):
    code = """
        import sys, libhpm as hpm
        checkpoints = hpm.Checkpoints(sys.argv[1])
        checkpoints.put(0, 1, {"w": 1.0})
        checkpoints.get(0, 1)
        assert "torch" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), tmp_path], check=True)


class Stateful:
    def __init__(self, w):
        self.w = w

    def state_dict(self):
        return {"w": self.w}

    def load_state_dict(self, state):
        self.w = state["w"]


def test_objects_with_a_state_dict_are_loaded_in_place(tmp_path):
    checkpoints, model = hpm.Checkpoints(tmp_path), Stateful(3.0)
    checkpoints.put(0, 0, model)
    assert checkpoints.get(0, 0) == {"w": 3.0}
    model.w = 4.0
    assert checkpoints.get(0, 0, into=model) is model and model.w == 3.0
    with pytest.raises(TypeError, match="into is .*; allowed: an object with load_state_dict"):
        checkpoints.get(0, 0, into={})


def test_a_content_is_there_once(tmp_path):
    checkpoints = hpm.Checkpoints(tmp_path)
    for student in range(4):
        checkpoints.put(student, 0, b"start")
    checkpoints.put(0, 1, b"trained", loss=0.5)
    checkpoints.link(1, 1, 0, 1)
    assert checkpoints.get(1, 1) == b"trained" and len(contents(checkpoints)) == 2
    checkpoints.put(0, 1, b"again")  # the link stays what it was
    assert checkpoints.get(1, 1) == b"trained" and checkpoints.get(0, 1) == b"again"
    checkpoints.clear()
    assert contents(checkpoints) == [] and len(checkpoints) == 0 and not checkpoints.has(0, 0)


def test_ways_of_ones_own(tmp_path):
    """Also folders, as orbax writes."""

    def save(state, path):
        if isinstance(state, dict):
            os.makedirs(os.path.join(path, "part"))
            for name, array in state.items():
                np.save(os.path.join(path, "part", name + ".npy"), array)
        else:
            with open(path, "wb") as file:
                np.save(file, state)

    def load(path):
        if os.path.isdir(path):
            return {file[:-4]: np.load(os.path.join(path, "part", file)) for file in os.listdir(path + "/part")}
        return np.load(path)

    checkpoints = hpm.Checkpoints(tmp_path, save=save, load=load, durable=True)
    checkpoints.put(0, 1, {"w": np.ones(2)})
    checkpoints.put(1, 1, {"w": np.ones(2)})
    checkpoints.put(2, 1, np.zeros(3))
    assert checkpoints.get(1, 1)["w"].tolist() == [1, 1] and checkpoints.get(2, 1).tolist() == [0, 0, 0]
    assert len(contents(checkpoints)) == 2
    checkpoints.put(0, 1, np.zeros(3))
    checkpoints.put(1, 1, np.zeros(3))
    assert len(contents(checkpoints)) == 1
    with pytest.raises(hpm.ArgumentError, match="pass save= and load="):
        hpm.Checkpoints(tmp_path).get(0, 1)
    with pytest.raises(hpm.ArgumentError, match="save goes with load"):
        hpm.Checkpoints(tmp_path, save=save)


# What is kept


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("algorithm", ["hpm", "mf-pbt", "pbt", "bayesian"])
@pytest.mark.parametrize("schedule", ["synchronous", "asynchronous"])
def test_nothing_is_removed_that_is_asked_for(schedule, algorithm, seed, tmp_path):
    """Students in random order, their tasks out at once: every state that a task names, and that a student that is
    asked again goes on from, is there and is the right one; and there are few others."""
    chance = random.Random(seed)
    population = hpm.Population(
        SPACE, population=6, steps=25, interval=3, truncation=0.4, algorithm=algorithm, schedule=schedule, seed=seed,
        trial=6, teacher_evaluations=2,
    )
    checkpoints = hpm.Checkpoints(tmp_path, keep=2)
    # The truth is kept beside, in memory, forever.
    made, held, losses = {}, {k: f"start {k}" for k in range(6)}, {}
    most = 0
    for k in range(6):
        checkpoints.put(k, 0, held[k].encode())
    done = set()
    while len(done) < 6:
        k = chance.randrange(6)
        task = population.next(k)
        assert checkpoints.get(k, population.reports(k)).decode() == held[k], "what a student goes on from"
        if task.action in (hpm.Action.STOP, hpm.Action.WAIT):
            done.update({k} if task.action == hpm.Action.STOP else ())
            continue
        if chance.random() < 0.5:
            continue  # it is asked again later, while others go on
        reports, loss = population.reports(k), float("nan") if chance.random() < 0.05 else chance.random()
        if task.action == hpm.Action.TRAIN:
            reports += 1
            held[k] = made[k, reports] = f"{k} after {reports} of {held[k][:40]}"
            losses[k, reports] = loss
            checkpoints.put(k, reports, held[k].encode(), loss=loss)
        elif task.action == hpm.Action.CLONE:
            source = task.source, population.source_report(k)
            assert checkpoints.get(*source).decode() == made[source]
            held[k] = made[source]
            checkpoints.link(k, reports, *source)
        elif task.action == hpm.Action.EVALUATE:
            source = task.source, population.source_report(k)
            meant = held[task.source] if schedule == "synchronous" else made[source]
            assert checkpoints.get(*source).decode() == meant
        else:
            held[k] = f"anew {k} {reports}"
            checkpoints.put(k, reports, held[k].encode(), start=True)
        population.report(k, loss)
        checkpoints.release(population)
        most = max(most, len(checkpoints))
    assert most <= (16 if schedule == "synchronous" else 22)
    assert len(checkpoints) <= 6 + 2 and population.reports(0) == 25
    best = min((loss, report, student) for (student, report), loss in losses.items() if loss == loss)
    found = checkpoints.best()
    assert (found.loss, found.report, found.student) == best
    assert found.path.read_bytes().decode() == made[found.student, found.report]
    checkpoints.close()
    assert is_consistent(tmp_path)


def test_a_worker_that_does_not_link(tmp_path):
    """A clone that is lost before its next report begins again from its source's state, which stays until then."""
    population = hpm.Population(SPACE, population=2, algorithm="pbt", interval=2, schedule="asynchronous", steps=9)
    checkpoints = hpm.Checkpoints(tmp_path, keep=0)

    def train(student, loss):
        assert population.next(student).action == hpm.Action.TRAIN
        report = population.reports(student) + 1
        checkpoints.put(student, report, b"%d after %d" % (student, report))
        population.report(student, loss)
        checkpoints.release(population)

    for student, loss in ((1, 9.0), (0, 1.0), (0, 1.0), (0, 1.0), (1, 9.0)):
        train(student, loss)
    assert population.next(1).action == hpm.Action.CLONE and population.source_report(1) == 3
    population.report(1, 0.0)
    train(0, 1.0)
    train(0, 1.0)
    age = population.age(1)
    assert checkpoints.has(population.ancestor(1, age), population.ancestor_report(1, age))
    train(1, 1.0)
    assert sorted(os.listdir(tmp_path / "states")) == ["0-5", "1-3"]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_best_stay(direction, tmp_path):
    losses = np.random.default_rng(0).permutation(40).reshape(10, 4).astype(float)
    losses[3, 2] = np.inf if direction == "maximize" else -np.inf  # no loss at all
    population = hpm.Population(SPACE, population=4, steps=10, algorithm="random", direction=direction)
    checkpoints = hpm.Checkpoints(tmp_path, keep=3)
    with pytest.raises(hpm.NoResultError, match="no state in .* has a finite loss"):
        checkpoints.best()
    for report, row in enumerate(losses, 1):
        population.next_all()
        for student, loss in enumerate(row):
            checkpoints.put(student, report, b"%d" % loss if np.isfinite(loss) else b"", loss=loss)
        population.report_all(row)
        checkpoints.release(population)
    checkpoints.close()
    ranked = np.sort(losses[np.isfinite(losses)])[:: -1 if direction == "maximize" else 1]
    again = hpm.Checkpoints(tmp_path)
    assert again.best().loss == ranked[0] and again.best().path.read_bytes() == b"%d" % ranked[0]
    kept = {float(path.read_bytes()) for path in (tmp_path / "contents").iterdir()}
    assert kept == {*ranked[:3], *losses[-1]}


def test_the_best_outlives_its_student(tmp_path):
    """What a student goes on from after a report does not take the place of what made the report."""
    population = hpm.Population(SPACE, population=2, steps=4, algorithm="random")
    checkpoints = hpm.Checkpoints(tmp_path, keep=1)
    for report in (1, 2):
        population.next_all()
        for student in range(2):
            checkpoints.put(student, report, b"%d %d" % (student, report), loss=report + student)
        population.report_all([1.0, 1.0])
        if report == 1:
            checkpoints.put(0, 1, b"anew", start=True)
            assert checkpoints.get(0, 1) == b"anew"
        checkpoints.release(population)
    assert checkpoints.best()[:3] == (0, 1, 1.0) and checkpoints.best().path.read_bytes() == b"0 1"
    checkpoints.note_loss(1, 2, 0.5)
    assert checkpoints.best()[:3] == (1, 2, 0.5)


def test_what_the_population_has_not_heard_of_stays(tmp_path):
    """As after a kill between the state and its report."""
    population, checkpoints = hpm.Population(SPACE, population=2, steps=4), hpm.Checkpoints(tmp_path, keep=0)
    for report in range(3):
        checkpoints.put(0, report, b"%d" % report)
    population.next(0)
    population.report(0, 1.0)
    checkpoints.release(population)
    assert [checkpoints.has(0, report) for report in range(3)] == [False, True, True]


# What goes wrong


def test_what_is_not_there(tmp_path):
    checkpoints = hpm.Checkpoints(tmp_path)
    with pytest.raises(hpm.StorageError, match="student 3 has no state after report 2 in .*; the folder has none"):
        checkpoints.get(3, 2)
    for report in range(12):
        checkpoints.put(1, report, b"")
    with pytest.raises(hpm.StorageError, match="there are those of students 1$") as caught:
        checkpoints.link(3, 2, 3, 2)
    with pytest.raises(OSError, match=r"of it there are those after 0, 1, 2, \.\.\., 9, 10, 11$"):
        checkpoints.get(1, 99)
    assert caught.value.errno == errno.ENOENT and caught.value.status == "HPM_ERROR_STORAGE"


@pytest.mark.parametrize("arguments", [{"keep": -1}, {"keep": 1.5}, {"save": 3, "load": print}, {"load": print}])
def test_arguments(arguments, tmp_path):
    with pytest.raises((TypeError, ValueError), match="allowed: "):
        hpm.Checkpoints(tmp_path, **arguments)
    for call in (
        lambda c: c.put(-1, 0, b""), lambda c: c.put(0, 0.5, b""), lambda c: c.put(0, 0, b"", loss="low"),
        lambda c: c.put(0, 0, lambda: None),
    ):
        with pytest.raises((TypeError, ValueError), match="allowed: |Pass save= and load="):
            call(hpm.Checkpoints(tmp_path))
    assert os.listdir(tmp_path / "temporary") == []


def test_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(hpm.StorageError, match="can't open the folder .*file: (Not a directory|File exists)"):
        hpm.Checkpoints(tmp_path / "file")
    with pytest.raises(hpm.StorageError, match="can't open the folder"):
        hpm.Checkpoints("/proc/no-such-thing")


def test_a_full_disk(tmp_path):
    checkpoints = hpm.Checkpoints(tmp_path)
    checkpoints.put(0, 1, b"old", loss=1.0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    try:
        for state in (b"x" * (1 << 17), {"w": np.ones(1 << 15)}):
            message = "can't store the state of student 0 after report 1 in .*: File too large"
            with pytest.raises(hpm.StorageError, match=message):
                checkpoints.put(0, 1, state)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert checkpoints.get(0, 1) == b"old" and checkpoints.best().loss == 1.0
    checkpoints.put(0, 1, b"new")
    assert checkpoints.get(0, 1) == b"new"

    def full(state, path):
        with open("/dev/full", "wb") as file:
            file.write(state)

    checkpoints.close()
    with pytest.raises(hpm.StorageError, match="No space left on device") as caught:
        hpm.Checkpoints(tmp_path, save=full, load=print).put(0, 1, b"x")
    assert caught.value.errno == errno.ENOSPC and is_consistent(tmp_path)


def test_an_entry_that_can_not_be_written(tmp_path, monkeypatch):
    """The state is there, the disk has no room for its entry: nothing has changed."""
    checkpoints = hpm.Checkpoints(tmp_path)
    checkpoints.put(0, 1, b"old")
    replace = os.replace

    def refuse(source, target):
        if os.path.basename(os.path.dirname(target)) == "states":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        for call in (lambda: checkpoints.put(0, 1, b"new"), lambda: checkpoints.link(1, 1, 0, 1)):
            with pytest.raises(hpm.StorageError, match="No space left"):
                call()
    assert checkpoints.get(0, 1) == b"old" and not checkpoints.has(1, 1) and len(contents(checkpoints)) == 1
    checkpoints.put(0, 1, b"newer")
    checkpoints.close()
    assert is_consistent(tmp_path)


def test_damage(tmp_path):
    checkpoints = hpm.Checkpoints(tmp_path)
    for student in range(3):
        checkpoints.put(student, 1, b"weights %d" % student)
    checkpoints.close()
    names = [json.loads((tmp_path / "states" / f"{student}-1").read_text())["content"] for student in range(3)]
    (tmp_path / "contents" / names[0]).write_bytes(b"weight")
    (tmp_path / "states" / "1-1").write_text("")
    again = hpm.Checkpoints(tmp_path)
    with pytest.raises(hpm.StorageError, match="is damaged: its content is not what was written"):
        again.get(0, 1)
    with pytest.raises(hpm.StorageError, match="1-1 is damaged; allowed: a line of JSON"):
        again.get(1, 1)
    assert again.get(2, 1) == b"weights 2"
    assert set(contents(again)) == set(names)  # whoever mends the entry by hand finds the content
    again.put(1, 1, b"anew")
    assert again.get(1, 1) == b"anew"

    (tmp_path / "checkpoints.json").write_text(json.dumps({"version": VERSION + 1, "direction": "minimize"}))
    with pytest.raises(hpm.StorageError, match="is of version 2; allowed: up to 1. Use a later libhpm"):
        hpm.Checkpoints(tmp_path)
    (tmp_path / "checkpoints.json").write_text("{")
    with pytest.raises(hpm.StorageError, match="checkpoints.json is damaged"):
        hpm.Checkpoints(tmp_path)


def test_one_writer_and_readers(tmp_path):
    first = hpm.Checkpoints(tmp_path)
    first.put(0, 1, b"first", loss=2.0)
    (tmp_path / "temporary" / "under-way").write_text("")
    second = hpm.Checkpoints(tmp_path)
    assert (tmp_path / "temporary" / "under-way").exists()  # the writer's
    assert second.get(0, 1) == b"first" and second.best().loss == 2.0
    first.put(0, 2, b"more", loss=1.0)
    assert second.best()[:3] == (0, 2, 1.0) and len(second) == 2
    for change in (lambda: second.put(0, 3, b""), second.clear, lambda: second.link(1, 1, 0, 1)):
        with pytest.raises(hpm.StorageError, match=f"is written by process {os.getpid()} on .*; allowed: one process"):
            change()
    first.close()
    second.put(0, 3, b"second")
    assert not (tmp_path / "temporary" / "under-way").exists()
    with pytest.raises(hpm.StorageError, match="Close the other one"):
        first.put(0, 4, b"")
    del second  # with the object goes its hold
    first.put(0, 4, b"")
    assert len(first) == 4


def test_threads(tmp_path):
    """Contents that others share come and go at once."""
    checkpoints = hpm.Checkpoints(tmp_path)

    def work(student):
        chance = random.Random(student)
        for report in range(60):
            checkpoints.put(student, report % 3, b"%d" % chance.randrange(3))
            checkpoints.get(student, report % 3)

    workers = [threading.Thread(target=work, args=(student,)) for student in range(4)]
    failed = []
    hook, threading.excepthook = threading.excepthook, lambda arguments: failed.append(arguments.exc_value)
    pause = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        threading.excepthook = hook
        sys.setswitchinterval(pause)
    checkpoints.close()
    assert failed == [] and is_consistent(tmp_path)


# Crashes

WORKER = """
    import random, sys
    import libhpm as hpm
    chance = random.Random(int(sys.argv[2]))
    checkpoints = hpm.Checkpoints(sys.argv[1], keep=2)
    population = hpm.Population(
        hpm.SearchSpace().add_real("x", 0, 1), population=5, interval=2, truncation=0.4, algorithm="pbt",
        schedule="asynchronous")
    for k in range(5):
        checkpoints.put(k, 0, b"start")
    print("begun", flush=True)
    while True:
        k = chance.randrange(5)
        task, reports = population.next(k), population.reports(k)
        if task.action == hpm.Action.CLONE:
            checkpoints.link(k, reports, task.source, population.source_report(k))
        else:
            checkpoints.put(k, reports + 1, b"%d after %d" % (k, reports + 1), loss=chance.random())
        population.report(k, chance.random())
        print(k, population.reports(k), flush=True)  # answered: from now on it is there until it is released
        checkpoints.release(population)
"""


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment(seed, tmp_path):
    worker = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WORKER), tmp_path, str(seed)], stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout.readline() == "begun\n"
    time.sleep(0.05 + 0.2 * random.Random(seed).random())
    worker.send_signal(signal.SIGKILL)
    answered = [tuple(map(int, line.split())) for line in worker.stdout.read().splitlines() if line.count(" ") == 1]
    worker.wait()
    assert is_consistent(tmp_path)
    checkpoints, latest = hpm.Checkpoints(tmp_path), dict(answered)
    assert len(latest) > 1
    for student, report in latest.items():
        assert checkpoints.has(student, report)
    assert checkpoints.best().loss < 1
