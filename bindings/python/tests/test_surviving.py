"""Runs that are interrupted, killed, resumed and prolonged by `tune`."""

import gc
import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time

import libhpm as hpm
import numpy as np
import pytest

SPACE = hpm.SearchSpace().add_real("lr", 1e-4, 1.0, scale="log").add_block("w", 2, 0.0, 1.0)
OPTIONS = {"steps": 12, "interval": 2, "truncation": 0.4, "seed": 3, "progress": False}


class Training:
    """Students that descend w^2, with derivatives; `fail` is called before each interval."""

    def __init__(self, fail=lambda count: None):
        self.models = [np.array([5.0, 0.0]) for _ in range(5)]  # the weight, and how often it was trained
        self.fail, self.count = fail, 0

    def train(self, student, h):
        self.count += 1
        self.fail(self.count)
        self.models[student] = self.models[student] * [1 - h["lr"], 1] + [0, 1]
        return self.loss(student, h), {"w": 0.2 * (h["w"] - 0.5)}

    def loss(self, student, h):
        return self.models[student][0] ** 2 + 0.1 * ((h["w"] - 0.5) ** 2).sum()

    def evaluate(self, student, h):
        return self.loss(student, h), {"w": 0.2 * (h["w"] - 0.5)}


def once(error, at):
    """A failure in one interval; the students are as they were."""
    pending = [error]

    def fail(count):
        if count == at and pending:
            raise pending.pop()

    return fail


def tune(training, **changes):
    arguments = {"evaluate": training.evaluate, "models": training.models, **OPTIONS, **changes}
    return hpm.tune(training.train, SPACE, **arguments)


def go_on(training, population, **changes):
    arguments = {"evaluate": training.evaluate, "models": training.models, "progress": False, **changes}
    return hpm.tune(training.train, SPACE, population=population, **arguments)


def rows(result):
    """All reports; sorted, since a round that goes on begins with its first student again."""
    return sorted((r.number, r.student, r.hyperparameters.tolist(), r.loss) for r in result.history)


def assert_equal(result, training, other, others_training):
    assert rows(result) == rows(other)
    assert sorted(result.clones) == sorted(other.clones)
    assert (result.loss, result.student) == (other.loss, other.student)
    np.testing.assert_array_equal(result.schedule(), other.schedule())
    np.testing.assert_array_equal(training.models, others_training.models)


# Interruptions


@pytest.mark.parametrize("thrown", [KeyboardInterrupt(), ZeroDivisionError("mine"), SystemExit(3)])
def test_an_interruption_hands_over_what_there_is(thrown):
    training = Training(once(thrown, 33))
    with pytest.raises(type(thrown)) as caught:
        tune(training)
    assert caught.value is thrown
    partial = thrown.partial_result
    assert isinstance(partial, hpm.Result) and len(partial.history) == 32
    assert partial.loss == partial.population.best().loss
    assert partial.schedule().shape == (6, 3)  # rounds that all have made
    if sys.version_info >= (3, 11):
        (note,) = thrown.__notes__
        assert note.startswith("hpm.tune: 32 training reports are in this exception's partial_result, the best loss ")
    # What goes on from there ends as if nothing had been.
    undisturbed = Training()
    other = tune(undisturbed)
    assert_equal(go_on(training, partial.population), training, other, undisturbed)
    assert len(partial.history) == 32 and len(other.history) == 60


def test_before_the_first_loss_there_is_no_result():
    error = ValueError()
    with pytest.raises(ValueError):
        tune(Training(once(error, 1)))
    assert error.partial_result is None and not getattr(error, "__notes__", [])
    with pytest.raises(hpm.NoResultError) as caught:
        hpm.tune(lambda k, h: float("nan"), SPACE, models=[None] * 8, **OPTIONS)
    assert caught.value.partial_result is None


def test_a_report_that_was_refused_is_in_no_history():
    def train(student, h):
        return 1.0, ({"w": np.zeros(2)} if student < 3 else {"typo": 0.0})

    with pytest.raises(hpm.ArgumentError, match="typo") as caught:
        hpm.tune(train, SPACE, models=[None] * 8, **OPTIONS)
    assert [report.student for report in caught.value.partial_result.history] == [0, 1, 2]


INTERRUPTED = """
    import sys, time
    import libhpm.tuning
    import libhpm as hpm

    def train(student, h):
        if student == 3:
            print("begun", flush=True)
            time.sleep(30)
        return 1.0 + student

    def slowly(*_):
        print("handing over", flush=True)
        time.sleep(30)

    if sys.argv[1] == "twice":
        libhpm.tuning._hand_over = slowly
    try:
        space = hpm.SearchSpace().add_real("x", 0, 1)
        hpm.tune(train, space, models=[None] * 4, steps=9, progress=sys.argv[1] == "bar")
    except KeyboardInterrupt as error:
        if sys.argv[1] == "twice":
            raise
        print(len(error.partial_result.history), error.partial_result.loss)
"""


@pytest.mark.parametrize("how", ["once", "bar", "twice"])
def test_control_c(how):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED), how],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    if how == "twice":
        assert process.stdout.readline() == "handing over\n"
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    if how == "twice":
        assert process.returncode == -signal.SIGINT and out == "" and "KeyboardInterrupt" in err
    else:
        assert (process.returncode, out) == (0, "3 1.0\n"), err


# Going on


def test_a_population_is_prolonged():
    training, undisturbed = Training(), Training()
    first = tune(training)
    other = tune(undisturbed, steps=20)
    result = go_on(training, first.population, steps=20)
    assert_equal(result, training, other, undisturbed)
    again = go_on(training, result.population)
    assert training.count == 100 and rows(again) == rows(result)


def test_a_snapshot_goes_on():
    training = Training(once(KeyboardInterrupt(), 21))
    with pytest.raises(KeyboardInterrupt) as caught:
        tune(training)
    loaded = hpm.Population.load(caught.value.partial_result.population.save())
    result = go_on(training, loaded)
    undisturbed = Training()
    other = tune(undisturbed)
    assert rows(result) == rows(other)[20:] and result.loss == other.loss


def test_what_does_not_go_together(tmp_path):
    training = Training()
    population = tune(training).population
    for arguments, message in (
        ({"steps": 11}, "steps is 11; allowed: 12 or more, the steps that the population has"),
        ({"interval": 3}, "interval: a Population has the options that it has"),
        ({"run": "x.db"}, "run is given with a Population"),
        ({"models": training.models[:3]}, "models has length 3; allowed: 5"),
        ({"space": hpm.SearchSpace().add_real("lr", 0, 1)}, "space is not that of the population"),
        ({"models": None, "checkpoints": tmp_path, "clone": print}, "checkpoints goes with models"),
    ):
        usual = {"space": SPACE, "models": training.models, "population": population, "progress": False}
        with pytest.raises(hpm.ArgumentError, match=message):
            hpm.tune(training.train, **{**usual, **arguments})
    with pytest.raises(hpm.ArgumentError, match="steps is missing"):
        hpm.tune(training.train, SPACE, models=training.models, progress=False)
    assert training.count == 60


# Runs in files


def test_a_run_in_a_file_goes_on(tmp_path):
    undisturbed = Training()
    other = tune(undisturbed, steps=15)
    files = {"run": tmp_path / "run.db", "checkpoints": tmp_path / "states"}
    training, error = Training(once(RuntimeError(), 28)), None
    with pytest.raises(RuntimeError) as caught:
        tune(training, **files)
    partial = caught.value.partial_result
    if sys.version_info >= (3, 11):
        assert caught.value.__notes__[0].endswith("run.db has them, and the same call goes on")
    # The population that the exception has holds the file, and is the one that goes on.
    training = Training()
    result = tune(training, **files)
    assert result.population is partial.population and training.count == 60 - 27
    del result, partial, caught, error
    gc.collect()
    training = Training()
    result = tune(training, **files, steps=15)  # in a population that was opened anew
    assert training.count == 15
    assert_equal(result, training, other, undisturbed)
    with pytest.raises(hpm.ArgumentError, match="seed is 4; allowed: 3"):
        tune(training, **files, steps=15, seed=4)
    with pytest.raises(hpm.ArgumentError, match="steps"):
        tune(training, **files, steps=14)


KILLED = """
    import json, os, sys
    import numpy as np
    import libhpm as hpm

    folder, kill_at, schedule = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    models, calls = [np.array([5.0, 0.0]) for _ in range(5)], 0

    def moment():  # in the middle, before and after what is stored
        global calls
        calls += 1
        if calls == kill_at:
            os.kill(os.getpid(), 9)

    class Checkpoints(hpm.Checkpoints):
        def _point(self, *arguments):
            moment()
            super()._point(*arguments)
            moment()

    def loss(k, h):
        moment()
        slope = {"w": 0.2 * (h["w"] - 0.5)} if k else None
        return models[k][0] ** 2 + 0.1 * ((h["w"] - 0.5) ** 2).sum(), slope

    def train(k, h):
        moment()
        models[k] *= 1 - h["lr"]
        models[k][1] += 1
        return loss(k, h)

    space = hpm.SearchSpace().add_real("lr", 1e-4, 1.0, scale="log").add_block("w", 2, 0.0, 1.0)
    result = hpm.tune(
        train, space, models=models, evaluate=loss, steps=8, interval=2, truncation=0.4, seed=3, schedule=schedule,
        run=folder + "/run.db", checkpoints=Checkpoints(folder + "/states", keep=2), progress=False)
    print(json.dumps({
        "models": [model.tolist() for model in models], "loss": result.loss, "student": result.student,
        "history": sorted((r.number, r.student, r.hyperparameters.tolist(), r.loss) for r in result.history),
        "schedule": np.asarray(result.schedule()).tolist(), "states": sorted(os.listdir(folder + "/states/states")),
        "best": result.population.best(), "clones": result.population.count("clones")}))
"""


@pytest.mark.parametrize("schedule", ["synchronous", "asynchronous"])
def test_killed_again_and_again(schedule, tmp_path):
    """The run ends to the bit as an undisturbed one, whatever the moments at which it is killed."""

    def run(folder, kill_at):
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-c", textwrap.dedent(KILLED), str(folder), str(kill_at), schedule]
        return subprocess.run(command, capture_output=True, text=True)

    undisturbed = run(tmp_path / "whole", 0)
    assert undisturbed.returncode == 0, undisturbed.stderr
    for kill_at in (2, 7, 18, 11, 23, 14, 9, 20, 13, 16, 0):
        ran = run(tmp_path / "killed", kill_at)
        assert ran.returncode == (-signal.SIGKILL if kill_at else 0), ran.stderr
    whole, killed = json.loads(undisturbed.stdout), json.loads(ran.stdout)
    assert whole["clones"] > 2
    for key, value in whole.items():
        assert killed[key] == value, key


def test_the_interval_that_was_interrupted_is_trained_from_the_state_before_it(tmp_path):
    class Model:
        """As torch's: loaded in place."""

        w = 5.0
        state_dict = lambda self: {"w": self.w}

        def load_state_dict(self, state):
            self.w = state["w"]

    models = [Model() for _ in range(4)]
    there = list(models)

    def train(student, h, dies=False):
        models[student].w *= 0.5
        if dies and models[2].w < 1:
            raise MemoryError  # it is trained, and has no report
        return models[student].w

    checkpoints = hpm.Checkpoints(tmp_path)
    options = {"steps": 6, "algorithm": "random", "progress": False, "models": models, "checkpoints": checkpoints}
    with pytest.raises(MemoryError) as caught:
        hpm.tune(lambda student, h: train(student, h, True), SPACE, **options)
    population = caught.value.partial_result.population
    assert models[2].w == 5 / 8 and population.reports(2) == 2
    del options["algorithm"]
    hpm.tune(train, SPACE, population=population, **options)
    assert [model.w for model in models] == [5 / 64] * 4
    assert all(model is one for model, one in zip(models, there))


def test_torch_students_go_on(tmp_path):
    torch = pytest.importorskip("torch")
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))

    def build():
        models = []
        for seed in range(4):
            torch.manual_seed(seed)
            model = torch.nn.Linear(3, 1)
            models.append(hpm.torch.Student(model, torch.optim.Adam(model.parameters()), examples=20, seed=seed))
        return models

    def run(models, fail_at, **files):
        count = 0

        def train(student, h):
            nonlocal count
            count += 1
            model, optimizer = models[student].model, models[student].optimizers[0]
            for batch in models[student].batches(2, 5):
                optimizer.param_groups[0]["lr"] = h["lr"]
                optimizer.zero_grad()
                (model(x[batch]) ** 2).mean().backward()
                optimizer.step()
            if count == fail_at:
                raise KeyboardInterrupt
            return (model(x) ** 2).mean().item()

        clone = lambda source, student: models[student].clone_from(models[source])
        space = hpm.SearchSpace().add_real("lr", 1e-3, 1.0, "log")
        options = {"algorithm": "pbt", "steps": 8, "interval": 2, "truncation": 0.5, "progress": False}
        return hpm.tune(train, space, models=models, clone=clone, **options, **files)

    whole = run(build(), 0)
    files = {"run": tmp_path / "run.db", "checkpoints": tmp_path / "states"}
    with pytest.raises(KeyboardInterrupt):
        run(build(), 21, **files)
    gc.collect()
    models = build()
    result = run(models, 0, **files)
    assert rows(result) == rows(whole) and result.population.count("clones") > 2
    assert {json.loads(path.read_text())["kind"] for path in (tmp_path / "states" / "states").iterdir()} == {"torch"}


def test_what_is_refused_leaves_no_file(tmp_path):
    training = Training()
    for arguments, message in (
        ({"models": None}, "clone is missing"), ({"population": 4}, "models has length 5; allowed: 4"),
        ({"truncation": 2.0}, "truncation"), ({"generations": 3}, "generations"),
        ({"durability": "much"}, "durability"),
    ):
        with pytest.raises(hpm.ArgumentError, match=message):
            tune(training, run=tmp_path / "run.db", checkpoints=None, **arguments)
    assert os.listdir(tmp_path) == [] and training.count == 0


def test_without_the_weights(tmp_path):
    run = tmp_path / "run.db"
    training = Training(once(KeyboardInterrupt(), 9))
    with pytest.raises(KeyboardInterrupt):
        tune(training, run=run)
    with pytest.raises(hpm.ArgumentError, match=r"run\.db has a run that goes on, and the weights are missing: pass"):
        tune(training, run=run)
    with pytest.raises(hpm.StorageError, match="the weights to go on from are missing: student 0 has no state after"):
        tune(training, run=run, checkpoints=tmp_path / "states")

    def clone(source, student):
        training.models[student] = training.models[source].copy()

    result = tune(training, run=run, models=None, clone=clone, population=5)  # restored by whoever calls
    undisturbed = Training()
    assert rows(result) == rows(tune(undisturbed))


def test_states_of_another_run(tmp_path):
    tune(Training(), checkpoints=tmp_path)
    with pytest.raises(hpm.StorageError, match=r"holds states of another run.*clear\(\)"):
        tune(Training(), checkpoints=tmp_path)
    with pytest.raises(hpm.StorageError, match="holds states of another run"):
        tune(Training(), checkpoints=tmp_path, run=tmp_path / "new.db")
    hpm.Checkpoints(tmp_path).clear()
    result = tune(Training(), checkpoints=tmp_path)
    assert hpm.Checkpoints(tmp_path).best().loss == min(report.loss for report in result.history)
    # A population that went on without any begins with the models as they are.
    training, folder = Training(), tmp_path / "later"
    first = tune(training)
    go_on(training, first.population, steps=13, checkpoints=folder)
    np.testing.assert_array_equal(hpm.Checkpoints(folder).get(3, 13), training.models[3])


def test_a_clone_of_a_source_that_trained_on(tmp_path):
    """In a loop of one's own, asynchronous; then `tune` drives the rest."""
    checkpoints = hpm.Checkpoints(tmp_path, keep=0)
    population = hpm.Population(SPACE, population=2, algorithm="pbt", schedule="asynchronous", interval=2, steps=4)
    models = [["start"], ["start"]]
    for k in range(2):
        checkpoints.put(k, 0, models[k])
    for student, loss in ((1, 9.0), (0, 1.0), (0, 1.0), (0, 1.0), (1, 9.0), (0, 1.0)):
        population.next(student)
        models[student].append(f"{student} at {population.reports(student)}")
        checkpoints.put(student, population.reports(student) + 1, models[student])
        population.report(student, loss)
        checkpoints.release(population)
    assert population.source_report(1) == 3 and population.reports(0) == 4

    def train(student, h):
        models[student].append("tuned")
        return 9.0

    hpm.tune(train, SPACE, population=population, models=models, checkpoints=checkpoints, progress=False)
    assert models[1] == ["start", "0 at 0", "0 at 1", "0 at 2", "tuned", "tuned"]
    assert models[0] == ["start", "0 at 0", "0 at 1", "0 at 2", "0 at 3"]


def test_a_disk_that_fills_up(tmp_path):
    """The state can't be stored: the report isn't made, and the run goes on when there is room."""
    room = [9]

    def save(state, path):
        room[0] -= 1
        with open("/dev/full" if room[0] == 0 else path, "wb") as file:
            np.save(file, state)

    training, undisturbed = Training(), Training()
    files = {"run": tmp_path / "run.db", "checkpoints": hpm.Checkpoints(tmp_path / "states", save=save, load=np.load)}
    with pytest.raises(hpm.StorageError, match="No space left on device") as caught:
        tune(training, **files)
    assert len(caught.value.partial_result.history) == 3
    assert_equal(tune(training, **files), training, tune(undisturbed), undisturbed)


def test_the_disk_does_not_fill_up(tmp_path):
    most = 0

    def observe(event):
        nonlocal most
        most = max(most, len(os.listdir(tmp_path / "contents")))

    tune(Training(), checkpoints=hpm.Checkpoints(tmp_path, keep=2), observe=observe, kinds=hpm.Trained)
    assert most <= 5 + 2 + 2 and len(os.listdir(tmp_path / "contents")) <= 5 + 2


@pytest.mark.parametrize(("durability", "synced"), [(None, False), ("power", True)])
def test_states_are_as_durable_as_the_run(durability, synced, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "fsync", calls.append)
    options = {"durability": durability} if durability else {}
    tune(Training(), run=tmp_path / "run.db", checkpoints=tmp_path / "states", **options)
    assert bool(calls) == synced


# The third argument of `train`


def test_an_interval(tmp_path):
    seen, told = [], []

    class Observer:
        kinds = hpm.Trained
        __call__ = lambda self, event: None
        log_metric = lambda self, *metric: told.append(metric)

    def train(student, h, interval):
        seen.append((interval.student, interval.number))
        interval.log("accuracy", np.float32(0.5))
        interval.log(norm=student, epoch=interval.number)
        return 1.0

    options = {"steps": 2, "population": 3, "algorithm": "random", "run": tmp_path / "run.db", "progress": False}
    result = hpm.tune(train, SPACE, observe=Observer(), **options)
    expected = [(k, t) for t in (1, 2) for k in range(3)]
    assert seen == expected
    logged = [
        (k, t, name, value) for k, t in expected for name, value in (("accuracy", 0.5), ("norm", k), ("epoch", t))
    ]
    assert result.metrics == logged and told == logged and isinstance(result.metrics[0], hpm.Metric)
    result.population.close()  # whoever else closes the file in this process gives up the library's locks on it
    with sqlite3.connect(f"file:{tmp_path}/run.db?mode=ro", uri=True) as database:
        assert database.execute("SELECT student, report, name, value FROM metrics ORDER BY number").fetchall() == logged


@pytest.mark.parametrize("in_file", [False, True])
def test_metrics_of_an_interval_that_was_interrupted_are_dropped(in_file, tmp_path):
    options = {"algorithm": "random", "population": 2, "steps": 3, "progress": False}
    if in_file:
        options["run"] = tmp_path / "run.db"

    def train(student, h, interval):
        interval.log(number=interval.number)
        if len(failing) and interval.number == 2:
            raise failing.pop()
        return 1.0

    failing = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt) as caught:
        hpm.tune(train, SPACE, **options)
    partial = caught.value.partial_result
    assert [metric.report for metric in partial.metrics] == [1, 1]
    if not in_file:
        options = {"population": partial.population, "progress": False}
    del partial, caught
    gc.collect()  # with the population goes its hold on the file
    result = hpm.tune(train, SPACE, **options)
    assert [metric.report for metric in result.metrics] == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("train", "gets"),
    [
        (lambda k, h: 1.0, 2), (lambda k, h, verbose=False: 1.0 + verbose, 2), (lambda *a: float(len(a)), 2),
        (lambda k, h, third: 1.0 + isinstance(third, hpm.Interval), 3),
        (lambda k, h, interval=None: 1.0 + isinstance(interval, hpm.Interval), 3),
    ],
)
def test_who_gets_an_interval(train, gets):
    loss = hpm.tune(train, SPACE, steps=1, population=1, algorithm="random", progress=False).loss
    assert loss == (2.0 if gets == 3 or train(0, 0) == 2.0 else 1.0)


def test_what_can_not_be_logged():
    interval = hpm.Interval(0, 1, lambda name, value: None)
    for call in (
        lambda: interval.log(), lambda: interval.log("", 1.0), lambda: interval.log("a"),
        lambda: interval.log("a", "b"), lambda: interval.log(3, 1.0), lambda: interval.log("a", 1.0, a=2.0),
    ):
        with pytest.raises((TypeError, hpm.ArgumentError), match="allowed: "):
            call()
