"""Observers write what happened: what they wrote is read back by the libraries themselves."""

import glob
import json
import logging
import math
import os
import struct
import sys
import time

import libhpm as hpm
import numpy as np
import pytest
from libhpm import observers

STUDENTS, STEPS = 4, 12


def space():
    return (
        hpm.SearchSpace()
        .add_real("lr", 1e-4, 1.0, scale="log", role="learning_rate")
        .add_integer("batch", 1, 64, scale="log")
        .add_choice("kind", ["a", "b", "ü"])
        .add_block("w", 2, 0.0, 1.0)
        .add_block("wide", observers.WIDEST + 1, 0.0, 1.0)
    )


def reals():
    space = hpm.SearchSpace().add_real("lr", 1e-4, 1.0, scale="log", role="learning_rate")
    return space.add_block("wide", observers.WIDEST + 1, 0.0, 1.0)


class Run:
    """A population that is observed, and what its students were trained with."""

    def __init__(self, observer, space=space, **options):
        given = {"population": STUDENTS, "steps": STEPS, "interval": 3, "seed": 5} | options
        self.population = hpm.Population(space(), **given)
        self.trained, self.losses, self.clones = {}, {}, []
        observer.begin(self.population)
        self.population.observe(self.note, hpm.Cloned)
        self.population.observe(observer, observer.kinds)
        random = np.random.default_rng(1)

        def train(student, h):
            report = self.population.reports(student) + 1
            self.trained[student, report] = h
            self.losses[student, report] = math.nan if (student, report) == (1, 2) else random.normal()
            observer.log_metric(student, report, "accuracy", student + report / 100)
            return self.losses[student, report], random.normal(size=self.population.dimension)

        evaluated = random.normal(size=self.population.dimension)
        self.population.run(
            train, lambda source, student: None, lambda student, h: (0.0, evaluated), lambda student: None
        )
        observer.close()

    def note(self, event):
        self.clones.append((event.student, event.report, event.source))


class Recorder(observers._Following):
    """Keeps what it is handed."""

    def __init__(self):
        super().__init__()
        self.rows, self.clones, self.ends = [], [], []

    def _open(self, options):
        pass

    def _write(self, student, report, values):
        self.rows.append((student, report, values))

    def _cloned(self, event):
        self.clones.append((event.student, event.report, event.source))

    def _close(self, best, report, finished):
        self.ends.append((best, report, finished))


CASES = [(name, {}) for name in hpm.algorithms()] + [(name, {"trial": 4}) for name in ("random", "bayesian")]


@pytest.mark.parametrize("options", [{}, {"schedule": "asynchronous"}, {"cool_down": 0.5}, {"cool_down": 0.0}])
@pytest.mark.parametrize(("algorithm", "trial"), CASES)
def test_hyperparameters_are_those_that_were_trained_with(algorithm, trial, options):
    if algorithm == "memetic" and "schedule" in options:
        pytest.skip("memetic is synchronous")
    recorder = Recorder()
    run = Run(recorder, reals if algorithm == "memetic" else space, algorithm=algorithm, **options, **trial)
    found = {(student, report): values for student, report, values in recorder.rows if "loss" in values}
    assert found.keys() == run.trained.keys() and len(found) == STUDENTS * STEPS
    for key, values in found.items():
        h = run.trained[key]
        assert list(values.values())[1:-3] == h[: -observers.WIDEST - 1].tolist()
        wide = h[-observers.WIDEST - 1 :]
        assert list(values.values())[-3:] == [wide.min(), wide.mean(), wide.max()]
    assert recorder.clones == run.clones and len(run.clones) == run.population.count("clones")
    metrics = {(student, report): values for student, report, values in recorder.rows if "loss" not in values}
    assert metrics[3, 7] == {"metrics/accuracy": 3.07}
    ((best, report, finished),) = recorder.ends
    assert best.student == run.population.best().student and report == STEPS and finished
    assert best.loss == run.population.best_hyperparameters()[1]


def test_a_student_that_joins_and_a_run_that_ends_early():
    recorder = Recorder()
    population = hpm.Population(space(), population=2, steps=9, algorithm="pbt")
    recorder.begin(population)
    population.observe(recorder)
    population.grow(1)
    for _ in range(3):
        assignments = [population.next(student) for student in range(3)]
        for student, (action, _, h) in enumerate(assignments):
            if action == hpm.Action.TRAIN:
                population.report(student, float(student))
                assert recorder.rows[-1][2]["hyperparameters/lr"] == h[0]
            elif action == hpm.Action.CLONE:
                population.report(student, 0.0)
    recorder.close()
    recorder.close()
    ((best, report, finished),) = recorder.ends
    assert (best.student, best.loss, report, finished) == (0, 0.0, 2, False)
    assert recorder.clones == [(2, 1, 0), (2, 2, 0)]


def test_nothing_is_written_before_the_begin():
    population = hpm.Population(space())
    population.observe(Recorder())
    population.next(0)
    with pytest.raises(hpm.OrderError, match=r"Recorder has not begun: call begin\(population\)"):
        population.report(0, 1.0)


class Spy:
    def __init__(self, name, calls, kinds=None, fails=()):
        self.name, self.calls, self.kinds, self.fails = name, calls, kinds, fails

    def _call(self, what, *arguments):
        self.calls.append((self.name, what, *arguments))
        if what in self.fails:
            raise RuntimeError(f"{self.name} {what}")

    def begin(self, population):
        self._call("begin", population)

    def __call__(self, event):
        self._call(type(event).__name__)

    def log_metric(self, *arguments):
        self._call("metric", *arguments)

    def close(self):
        self._call("close")


def test_several_as_one():
    calls, seen = [], []
    first, second = Spy("first", calls, hpm.Trained), Spy("second", calls, (hpm.Stopped, hpm.Moved))
    both = observers.combined([first, second, seen.append], kinds=hpm.Cloned)
    assert len(both) == 3 and set(both.kinds) == {hpm.Trained, hpm.Stopped, hpm.Moved, hpm.Cloned}
    population = hpm.Population(space(), population=4, steps=3, interval=2, algorithm="pbt")
    both.begin(population)
    population.observe(both, both.kinds)
    population.run(lambda student, h: float(student), lambda source, student: None)
    both.log_metric(1, 2, "accuracy", 0.5)
    both.close()
    assert calls[:2] == [("first", "begin", population), ("second", "begin", population)]
    assert calls[-4:] == [(name, "metric", 1, 2, "accuracy", 0.5) for name in ("first", "second")] + [
        ("first", "close"), ("second", "close"),
    ]  # fmt: skip
    events = [call for call in calls if len(call) == 2 and call[1] != "close"]
    assert events == [("first", "Trained")] * 12 + [("second", "Stopped")] * 4
    assert {type(event) for event in seen} == {hpm.Cloned}


def test_what_observe_may_be():
    assert len(observers.combined(None)) == 0 and len(observers.combined(print)) == 1
    assert observers.combined(print).kinds is None and observers.combined([print, Spy("", [], hpm.Moved)]).kinds is None
    for wrong, message in ((3, "observe is 3; allowed: a callable, a list"), ([print, 3], "observe has 3")):
        with pytest.raises(TypeError, match=message):
            observers.combined(wrong)
    with pytest.raises(TypeError, match="kinds has 3"):
        observers.combined(print, [3])


def test_all_are_closed_where_one_fails():
    calls = []
    spies = [Spy("a", calls, fails=["close"]), Spy("b", calls, fails=["close"]), Spy("c", calls)]
    with pytest.raises(RuntimeError, match="b close"):  # the last one; the first is its context
        observers.combined(spies).close()
    assert calls == [("a", "close"), ("b", "close"), ("c", "close")]
    calls.clear()
    with pytest.raises(RuntimeError, match="b begin"):
        observers.combined([spies[2], Spy("b", calls, fails=["begin"]), spies[0]]).begin(None)
    assert [call[:2] for call in calls] == [("c", "begin"), ("b", "begin"), ("c", "close")]


def test_tune_hands_it_all_on(caplog):
    recorder, seen = Recorder(), []

    def train(student, h, interval):
        interval.log(accuracy=student + interval.number / 100)
        return float(student)

    with caplog.at_level(logging.INFO, "libhpm"):
        result = hpm.tune(
            train, space(), steps=STEPS, models=[[] for _ in range(4)], algorithm="pbt", progress=False,
            observe=[recorder, observers.Logging(), seen.append], kinds=hpm.Stopped,
        )  # fmt: skip
    rows = {(student, report): values for student, report, values in recorder.rows if "loss" in values}
    for report in result.history:
        assert rows[report.student, report.number]["hyperparameters/lr"] == report.hyperparameters[0]
    logged = [(student, report, values) for student, report, values in recorder.rows if "loss" not in values]
    assert logged == [(m.student, m.report, {"metrics/accuracy": m.value}) for m in result.metrics] != []
    assert recorder.clones == [clone[:3] for clone in result.clones] != []
    assert len(recorder.ends) == 1 and [type(event) for event in seen] == [hpm.Stopped] * 4
    assert caplog.messages[0].startswith("begin: 4 students") and caplog.messages[-1].startswith("end: 48 training")
    nobody = hpm.tune(train, space(), steps=1, population=2, algorithm="random", progress=False, observe=[])
    assert len(nobody.history) == 2


def test_logging(caplog):
    with caplog.at_level(logging.DEBUG, "libhpm"):
        run = Run(observers.Logging(), algorithm="mf-pbt", population=8)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("begin: 8 students, 22 hyperparameters (lr, batch, kind, w, wide), algorithm mf-pbt")
    assert sum("becomes a clone" in line for line in lines) == len(run.clones) > 0
    assert sum(line.startswith("exploit after report 3: best loss") for line in lines) == 1
    assert f"student 3, report 7: loss {run.losses[3, 7]:g}" in lines
    assert "student 3, report 7: accuracy 3.07" in lines
    student, loss = run.population.best()
    assert lines[-1].startswith(f"end: 96 training reports, {len(run.clones)} clones, best loss {loss:g} by lr=")
    assert lines[-1].endswith(f"; student to keep: {student}")
    info = [record.levelno == logging.INFO for record in caplog.records]
    assert [("report 7:" in line or "accuracy" in line) and not flag for line, flag in zip(lines, info)].count(True) > 8


def test_logging_is_silent_by_default(capfd):
    Run(observers.Logging())
    assert capfd.readouterr() == ("", "")
    assert any(isinstance(handler, logging.NullHandler) for handler in logging.getLogger("libhpm").handlers)


@pytest.mark.parametrize(
    ("make", "library", "extra"),
    [
        (lambda: observers.TensorBoard("somewhere"), "tensorboard", "tensorboard"),
        (observers.MLflow, "mlflow", "mlflow"),
        (observers.WandB, "wandb", "wandb"),
    ],
)
def test_a_library_that_is_missing(make, library, extra, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"{library} can't be imported .*pip install 'libhpm\[{extra}\]'"):
        make()


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = Run(observers.TensorBoard(tmp_path / "board"))

    def read(name):
        events = EventAccumulator(str(tmp_path / "board" / name))
        events.Reload()
        return events

    assert sorted(os.listdir(tmp_path / "board")) == ["population", *(f"student {k}" for k in range(STUDENTS))]
    for student in range(STUDENTS):
        events = read(f"student {student}")
        keys = [(student, report) for report in range(1, STEPS + 1)]
        for tag, values in (
            ("loss", [run.losses[key] for key in keys]),
            ("hyperparameters/lr", [run.trained[key][0] for key in keys]),
            ("hyperparameters/kind", [run.trained[key][2] for key in keys]),
            ("hyperparameters/w[1]", [run.trained[key][4] for key in keys]),
            ("hyperparameters/wide/max", [run.trained[key][5:].max() for key in keys]),
            ("metrics/accuracy", [student + report / 100 for _, report in keys]),
        ):
            scalars = events.Scalars(tag)
            assert [scalar.step for scalar in scalars] == list(range(1, STEPS + 1))
            np.testing.assert_array_equal([scalar.value for scalar in scalars], np.float32(values))
    texts = read("population")
    tensors = {tag: texts.Tensors(tag) for tag in texts.Tags()["tensors"]}
    assert set(tensors) == {"options", "clones", "best"}
    clones = [(tensor.step, tensor.tensor_proto.string_val[0].decode()) for tensor in tensors["clones"]]
    assert clones == [(r, f"student {k} becomes a clone of student {source}") for k, r, source in run.clones] != []
    assert f"student to keep: {run.population.best().student}" in tensors["best"][0].tensor_proto.string_val[0].decode()
    assert texts.SummaryMetadata("clones").plugin_data.plugin_name == "text"

    Run(observers.TensorBoard(tmp_path / "board"), seed=6)  # beside what is there
    assert len(glob.glob(str(tmp_path / "board" / "student 0" / "*tfevents*"))) == 2


def test_mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a new database takes MLflow seven seconds
    uri = str(tmp_path / "runs")
    observer = observers.MLflow("trial", tracking_uri=uri, run_name="first")
    run = Run(observer)
    client = mlflow.tracking.MlflowClient(uri)
    found = client.get_run(observer.run_id)
    assert (found.info.run_name, found.info.status) == ("first", "FINISHED")
    assert found.data.params["options/algorithm"] == "hpm" and found.data.params["options/interval"] == "3"
    for student in range(STUDENTS):
        keys = [(student, report) for report in range(1, STEPS + 1)]
        for name, values in (
            ("loss", [run.losses[key] for key in keys]),
            ("hyperparameters/w.1", [run.trained[key][4] for key in keys]),
            ("metrics/accuracy", [student + report / 100 for _, report in keys]),
        ):
            history = client.get_metric_history(observer.run_id, f"{name}/student {student}")
            by_step = {metric.step: metric.value for metric in history}
            np.testing.assert_array_equal([by_step[report] for _, report in keys], values)
    clones = [
        (student, metric.step, int(metric.value))
        for student in range(STUDENTS)
        for metric in client.get_metric_history(observer.run_id, f"clone_of/student {student}")
    ]
    assert sorted(clones) == sorted(run.clones) != []
    student, loss = run.population.best()
    assert found.data.metrics["best_loss"] == loss and found.data.metrics["best_student"] == student
    assert found.data.tags["best/kind"] in ("a", "b", "ü")

    first = observer.run_id
    Run(observer, steps=STEPS + 3)  # the same run goes on
    assert observer.run_id == first and len(client.search_runs([found.info.experiment_id])) == 1
    assert observers._allowed('größe, "a" [3] w[12]') == "größe_ _a_ .3 w.12"


def wandb_records(path):
    """A file of wandb: 7 bytes, then LevelDB's log; it has no reader of its own in Python any more."""
    from wandb.proto import wandb_internal_pb2

    with open(path, "rb") as file:
        data = file.read()
    place, whole, records = 7, b"", []
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:  # padding at the end of a block
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # the whole of a record, or its last part
            records.append(wandb_internal_pb2.Record.FromString(whole))
            whole = b""
    return records


def test_wandb(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    observer = observers.WandB(dir=str(tmp_path), name="first")
    run = Run(observer)
    (path,) = glob.glob(str(tmp_path / "wandb" / "offline-run-*" / "run-*.wandb"))
    exits, deadline = [], time.monotonic() + 20
    while not exits and time.monotonic() < deadline:  # its process may still write when `finish` has returned
        records = wandb_records(path)
        exits = [record.exit.exit_code for record in records if record.WhichOneof("record_type") == "exit"]
    rows = [
        {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]
    for (student, report), loss in run.losses.items():
        own = [row for row in rows if f"student {student}/loss" in row]
        (row,) = [row for row in own if row[f"student {student}/report"] == report]
        np.testing.assert_equal(row[f"student {student}/loss"], loss)
        assert row[f"student {student}/hyperparameters/w[1]"] == run.trained[student, report][4]
    clones = [
        (student, row[f"student {student}/report"], row[f"student {student}/clone_of"])
        for row in rows
        for student in range(STUDENTS)
        if f"student {student}/clone_of" in row
    ]
    assert clones == run.clones != []
    assert any(row.get("student 3/metrics/accuracy") == 3.07 for row in rows)
    assert wandb.run is None
    assert exits == [0]
