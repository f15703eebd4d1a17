"""Results and schedules: against the histories that they are made of."""

import copy
import html.parser
import json
import math
import pickle
import sys
from dataclasses import replace

import libhpm as hpm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libhpm import _figures
from libhpm.schedule import farthest
from support import build, parameter_lists


def space():
    return (
        hpm.SearchSpace()
        .add_real("lr", 1e-4, 1.0, scale="log", role="learning_rate")
        .add_real("drop", 0.01, 0.99, scale="logit")
        .add_integer("batch", 1, 64, scale="log")
        .add_choice("kind", ["a", "<b>", "ü"])
        .add_block("w", 2, 0.0, 1.0)
    )


class Training:
    """Students that descend w^2, and all that became of them."""

    def __init__(self, students=8):
        self.models = [self.model() for _ in range(students)]
        self.reports, self.copies = [0] * students, []
        self.sources = {}

    @staticmethod
    def model():
        return {"w": 5.0, "trained": []}

    def train(self, student, h):
        self.reports[student] += 1
        return self.one(self.models[student], h)

    @staticmethod
    def one(model, h):
        model["w"] *= 1 - h["lr"]
        model["trained"].append((h["lr"], h["kind"], h["batch"], *h["w"]))
        return model["w"] ** 2 + 0.01 * float(((h["w"] - 0.5) ** 2).sum())

    def clone(self, source, student):
        self.copies.append(hpm.Copy(student, self.reports[student], source, self.reports[source]))
        self.sources[student, self.reports[student] + 1] = source
        self.models[student] = copy.deepcopy(self.models[source])


def tuned(training=None, space=space, **options):
    training = training or Training()
    given = {"steps": 20, "population": len(training.models), "seed": 1, "progress": False} | options
    result = hpm.tune(training.train, space(), clone=training.clone, restart=lambda student: None, **given)
    assert result.clones == training.copies
    return result, training


@pytest.fixture(scope="module")
def run():
    return tuned()


def test_schedule_has_names_and_labels(run):
    result, training = run
    schedule, trained = result.schedule(), training.models[result.student]["trained"]
    assert len(schedule) == len(trained) == 20 and schedule.names == ["lr", "drop", "batch", "kind", "w[0]", "w[1]"]
    assert [(h["lr"], h["kind"], h["batch"], *h["w"]) for h in schedule] == trained
    assert all(type(h["batch"]) is int and type(h["lr"]) is float and type(h["kind"]) is str for h in schedule)
    assert schedule["kind"].tolist() == [kind for _, kind, *_ in trained]
    assert schedule["batch"].dtype == np.int64 and schedule["w"].shape == (20, 2)
    by_report = {(report.student, report.number): report.hyperparameters for report in result.history}
    for student, report, values in zip(schedule.students, schedule.reports, schedule.values):
        np.testing.assert_array_equal(by_report[student, report], values)
    assert schedule.students.tolist() == result.population.lineage(result.student)
    assert schedule.space == result.population.space


def test_a_schedule_is_a_sequence_and_an_array(run):
    schedule = run[0].schedule()
    assert schedule[3].keys() == schedule.at(3).keys() and schedule[-1]["lr"] == schedule.at(19)["lr"]
    assert schedule[np.int64(2)]["lr"] == schedule.at(2)["lr"]
    assert schedule.shape == np.asarray(schedule).shape == np.array(schedule).shape == (20, 6)
    np.testing.assert_array_equal(schedule[:, 0], np.asarray(schedule)[:, 0])
    np.testing.assert_array_equal(np.sqrt(schedule)[:, 0], np.sqrt(schedule["lr"]))
    assert np.asarray(schedule, np.float32).dtype == np.float32
    assert np.array(schedule).flags.writeable and not schedule.values.flags.writeable
    assert np.array(schedule, copy=False) is schedule.values
    with pytest.raises(ValueError, match="float64"):
        np.array(schedule, np.float32, copy=False)
    with pytest.raises(hpm.ArgumentError, match="step is 20; allowed: 0 to 19"):
        schedule.at(20)
    with pytest.raises(hpm.ArgumentError, match="step is -1"):
        schedule.at(-1)
    with pytest.raises(IndexError):
        schedule[20]
    with pytest.raises(hpm.ArgumentError, match="'rate'"):
        schedule["rate"]
    assert repr(schedule) == "<Schedule of 20 steps, SearchSpace(lr, drop, batch, kind, w[2])>"


@pytest.mark.parametrize("options", [{}, {"schedule": "asynchronous"}, {"algorithm": "mf-pbt"}])
def test_replay_trains_as_the_winner_was(options):
    result, training = tuned(**options)
    model = Training.model()
    losses = result.replay(training.one, model)
    assert losses[-1] == result.loss and model == training.models[result.student]
    by_report = {(report.student, report.number): report.loss for report in result.history}
    schedule = result.schedule()
    assert losses.tolist() == [by_report[key] for key in zip(schedule.students.tolist(), schedule.reports.tolist())]
    # The train of tune serves as well.
    training.models[0] = Training.model()
    assert result.replay(training.train, 0).tolist() == losses.tolist()


def test_what_train_returns_to_a_replay(run):
    schedule = run[0].schedule()
    assert np.isnan(schedule.replay(lambda model, h: None, None)).all()
    assert schedule.replay(lambda model, h: (model, {"lr": 1.0}), 2.0).tolist() == [2.0] * 20
    with pytest.raises(TypeError, match="the loss that train returned is 'x'"):
        schedule.replay(lambda model, h: "x", None)
    with pytest.raises(TypeError, match="train is 3; allowed: a callable"):
        schedule.replay(3, None)


def test_a_history_that_began_later(run):
    result, _ = run
    late = replace(result, history=result.history[8:])
    with pytest.raises(hpm.NoResultError, match="the history has no report 1 of student"):
        late.schedule()
    assert "<svg" in late._repr_html_()  # without the winner's line


@settings(max_examples=40, deadline=None)
@given(parameters=parameter_lists, steps=st.integers(0, 4), seed=st.integers(0, 2**32 - 1))
def test_json_gives_it_back_to_the_bit(parameters, steps, seed):
    space = build(parameters)
    population = hpm.Population(space, population=max(steps, 1), seed=seed)
    values = [population.hyperparameters(student) for student in range(steps)]
    schedule = hpm.Schedule(space, np.reshape(values, (steps, space.dimension)), range(steps), range(1, steps + 1))
    text = schedule.to_json()
    found = hpm.Schedule.from_json(text)
    assert found == schedule and found.values.tobytes() == schedule.values.tobytes()
    assert hpm.Schedule.from_json(text, space) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule) == schedule
    ranked = farthest(space, schedule.values)
    assert sorted(ranked) == list(range(space.dimension))


def test_json_for_people(run):
    schedule = run[0].schedule()
    document = json.loads(schedule.to_json())
    first = document["steps"][0]
    assert first["hyperparameters"]["kind"] == schedule.at(0)["kind"] and first["student"] == schedule.students[0]
    wider = hpm.SearchSpace(replace(p, high=2.0) if p.name == "lr" else p for p in space().parameters.values())
    found = hpm.Schedule.from_json(schedule.to_json(), wider)
    assert found.space == wider and found != schedule
    np.testing.assert_array_equal(found.values, schedule.values)
    for text, message in (
        ("{", "no JSON"),
        ("[]", "no schedule"),
        ('{"format": "other"}', "no schedule"),
        (json.dumps({**document, "version": 2}), "version 2; allowed: 1"),
        (json.dumps({**document, "steps": [{}]}), "damaged"),
        (json.dumps({**document, "steps": [{**first, "hyperparameters": {"lr": 0.5}}]}), "'drop' is nan in step 0"),
        (json.dumps({**document, "steps": [{**first, "hyperparameters": {"rate": 0.5}}]}), "'rate'"),
    ):
        with pytest.raises(hpm.ArgumentError, match=message):
            hpm.Schedule.from_json(text)
    with pytest.raises(hpm.ArgumentError, match=r"space is SearchSpace\(x\); the schedule needs"):
        hpm.Schedule.from_json(schedule.to_json(), hpm.SearchSpace().add_real("x", 0, 1))


def test_what_is_no_schedule():
    space = hpm.SearchSpace().add_real("lr", 0, 1).add_choice("kind", ["a", "b"])
    good = [[0.5, 1.0]]
    for arguments, error, message in (
        ((3, good, [0], [1]), TypeError, "space is 3"),
        ((space, [[0.5]], [0], [1]), hpm.ArgumentError, r"values has shape \(1, 1\); allowed: \(1, 2\)"),
        ((space, 0.5, [0], [1]), hpm.ArgumentError, "values has shape"),
        ((space, good, [0, 1], [1]), hpm.ArgumentError, "students has shape"),
        ((space, good, [0], [1.5]), TypeError, "reports has dtype float64"),
        ((space, [[math.nan, 1.0]], [0], [1]), hpm.ArgumentError, "'lr' is nan in step 0; allowed: finite"),
        ((space, [[0.5, 2.0]], [0], [1]), hpm.ArgumentError, "'kind' is 2.0"),
    ):
        with pytest.raises(error, match=message):
            hpm.Schedule(*arguments)
    kept = hpm.Schedule(space, good, [0], [1])
    space.add_real("later", 0, 1)  # it has a copy
    assert kept.at(0) == {"lr": 0.5, "kind": "b"}


def test_farthest():
    space = hpm.SearchSpace().add_real("a", 1e-4, 1, "log").add_real("b", 0, 10).add_choice("c", ["x", "y", "z"])
    values = np.array([[1e-2, 1.0, 1.0], [1e-1, 4.0, 1.0]])  # a quarter, 0.3, nothing
    assert farthest(space, values) == [1, 0, 2]
    assert farthest(space, values[:0]) == [0, 1, 2]


def test_table():
    pandas = pytest.importorskip("pandas")
    result, training = tuned(algorithm="pbt")
    metrics = [hpm.Metric(2, 3, "loss", 0.5), hpm.Metric(2, 3, "loss", 0.25), hpm.Metric(0, 1, "norm", 1.0)]
    table = replace(result, metrics=metrics).table()
    assert list(table) == [
        "student", "report", "loss", "clone_of", "lr", "drop", "batch", "kind", "w[0]", "w[1]", "loss_", "norm",
    ]  # fmt: skip
    assert len(table) == 160 and table.loss.tolist() == [report.loss for report in result.history]
    assert table.batch.dtype == np.int64 and list(table.kind.cat.categories) == ["a", "<b>", "ü"]
    labels = [result.population.space.decode(report.hyperparameters)["kind"] for report in result.history]
    assert table.kind.tolist() == labels
    clones = table[table.clone_of.notna()]
    found = {(row.student, row.report): row.clone_of for row in clones.itertuples()}
    assert found == training.sources and len(found) == result.population.count("clones") > 0
    row = table[(table.student == 2) & (table.report == 3)].iloc[0]
    assert row.loss_ == 0.25 and math.isnan(row.norm)
    schedule = result.schedule().table()
    assert list(schedule)[:4] == ["step", "student", "report", "lr"] and len(schedule) == 20
    merged = schedule.merge(table, on=["student", "report", "lr", "kind"])
    assert len(merged) == 20 and merged.loss.iloc[-1] == result.loss
    assert isinstance(table, pandas.DataFrame)


def test_names_that_are_taken():
    pytest.importorskip("pandas")
    taken = hpm.SearchSpace().add_real("loss", 0, 1).add_real("step", 0, 1).add_real("loss_", 0, 1)
    result = hpm.tune(lambda student, h: 1.0, taken, steps=1, population=2, algorithm="random", progress=False)
    assert list(result.table()) == ["student", "report", "loss", "clone_of", "loss_", "step", "loss__"]
    assert list(result.schedule().table()) == ["step", "student", "report", "loss", "step_", "loss_"]


@pytest.mark.parametrize(("library", "call"), [("pandas", "table"), ("matplotlib", "plot")])
def test_a_library_that_is_missing(run, library, call, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"{library} can't be imported .*pip install 'libhpm\[\w+\]'"):
        getattr(run[0], call)()


class Elements(html.parser.HTMLParser):
    VOID = ("path",)

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_html(run):
    result, _ = run
    for text in (result._repr_html_(), result.schedule()._repr_html_()):
        page = Elements(text)
        names = {tag for tag, _ in page.tags}
        assert names <= {"div", "b", "span", "svg", "path", "table", "thead", "tbody", "tr", "th", "td"}
        attributes = {name for _, given in page.tags for name in given}
        # Nothing is fetched.
        assert attributes <= {"style", "d", "viewbox", "preserveaspectratio", "role", "aria-label"}
        assert "url(" not in text and "<b>" not in "".join(page.words).replace("<b>", "", 3)
        assert not {"nan", "inf"} & set("".join(given.get("d", "") for _, given in page.tags).split())
    words = Elements(result._repr_html_()).words
    assert "lr" in words and "a, <b>, ü" in words and f"loss {result.loss:.6g}" in words


def test_html_of_what_is_wide_long_or_empty():
    wide = hpm.SearchSpace().add_block("w", 500, 0.0, 1.0)
    random = np.random.default_rng(0)
    result = hpm.tune(
        lambda student, h: random.normal(), wide, models=[None] * 40, steps=300, progress=False, algorithm="pbt"
    )
    assert len(result._repr_html_()) < 20_000 and len(result.schedule()._repr_html_()) < 30_000
    assert "of 500 values the 12 that moved farthest" in result.schedule()._repr_html_()
    many = hpm.SearchSpace()
    for name in range(30):
        many.add_real(f"p{name}", 0, 1)
    result = hpm.tune(lambda student, h: 1.0, many, steps=1, population=1, algorithm="random", progress=False)
    assert "and 18 more" in result._repr_html_()  # one point, and one loss
    assert "schedule of 0 steps" in hpm.Schedule(many, np.empty((0, 30)), [], [])._repr_html_()
    nothing = replace(result, history=[hpm.Report(0, 1, np.zeros(30), math.nan)])
    assert "no finite loss to draw" in nothing._repr_html_()


def lines(axes, label):
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return line.get_xdata(), line.get_ydata()


@pytest.mark.parametrize("options", [{}, {"schedule": "asynchronous"}, {"algorithm": "random", "trial": 5}])
def test_figure_of_the_losses(options):
    figure_class = pytest.importorskip("matplotlib.figure").Figure
    result, _ = tuned(**options)
    figure = result.plot()
    assert isinstance(figure, figure_class) and figure._repr_png_().startswith(b"\x89PNG")
    assert "matplotlib.pyplot" not in sys.modules
    assert pickle.loads(pickle.dumps(figure))._repr_png_().startswith(b"\x89PNG")
    (axes,) = figure.axes
    schedule = result.schedule()
    losses = {(report.student, report.number): report.loss for report in result.history}
    x, y = (values[~np.isnan(values)] for values in lines(axes, _figures.WINNER))
    assert x.tolist() == schedule.reports.tolist()
    assert y.tolist() == [losses[key] for key in zip(schedule.students.tolist(), schedule.reports.tolist())]
    x, y = lines(axes, "best so far")
    best = [min(loss for (_, number), loss in losses.items() if number <= report) for report in range(1, 21)]
    assert x.tolist() == list(range(1, 21)) and y.tolist() == best
    assert len(axes.get_lines()) == 8 + 2
    assert axes.get_xlabel() == "training report" and axes.get_ylabel() == "validation loss"


def test_figure_of_the_schedule(run):
    pytest.importorskip("matplotlib")
    result, _ = run
    schedule = result.schedule()
    figure = result.plot("schedule")
    shown = {axes.get_ylabel(): axes for axes in figure.axes if axes.get_visible()}
    assert list(shown) == schedule.names
    assert shown["lr"].get_yscale() == shown["batch"].get_yscale() == "log" and shown["w[0]"].get_yscale() == "linear"
    assert shown["drop"].get_yscale() == "logit"
    low, high = shown["drop"].get_ylim()
    assert 0.001 < low < high < 0.999
    assert [text.get_text() for text in shown["kind"].get_yticklabels()] == ["a", "<b>", "ü"]
    for place, name in enumerate(schedule.names):
        x, y = lines(shown[name], _figures.WINNER)
        assert x[1::2].tolist() == schedule.reports.tolist() and x[0::2].tolist() == (schedule.reports - 1).tolist()
        assert y[0::2].tolist() == y[1::2].tolist() == schedule.values[:, place].tolist()

    def names(**arguments):
        return [axes.get_ylabel() for axes in result.plot("schedule", **arguments).axes if axes.get_visible()]

    order = [schedule.names[place] for place in farthest(schedule.space, schedule.values)]
    assert set(names(most=2)) == set(order[:2]) and names(most=1) == order[:1]
    assert names(names=["w", "lr", "w[1]"]) == ["w[0]", "w[1]", "lr"] and names(names="w[1]") == ["w[1]"]
    with pytest.raises(hpm.ArgumentError, match="names has 'rate'; allowed: lr, drop"):
        names(names=["rate"])
    with pytest.raises(hpm.ArgumentError, match="names is empty"):
        names(names=[])
    with pytest.raises(hpm.ArgumentError, match="most is 0"):
        names(most=0)
    with pytest.raises(hpm.ArgumentError, match="kind is 'losses'; allowed: 'loss', 'schedule' or 'lineage'"):
        result.plot("losses")


@pytest.mark.parametrize("options", [{}, {"schedule": "asynchronous"}, {"direction": "maximize"}])
def test_figure_of_the_lineage(options):
    pytest.importorskip("matplotlib")
    result, training = tuned(**options)
    figure = result.plot("lineage")
    axes, bar = figure.axes
    schedule = result.schedule()
    x, y = lines(axes, _figures.WINNER)
    assert list(x[1::2]) == schedule.reports.tolist() and list(y[1::2]) == schedule.students.tolist()
    arrows = [(text.xy, text.xyann) for text in axes.texts]
    assert arrows == [((c.report, c.student), (c.source_report, c.source)) for c in training.copies]
    assert [text.get_text() for text in axes.get_yticklabels()] == [str(student) for student in range(8)]
    assert bar.get_ylabel() == ("value reported (more is better)" if "direction" in options else "validation loss")
    labels = [text.get_text() for text in bar.get_yticklabels()]
    assert len(labels) == len(set(labels)) > 2


@pytest.mark.parametrize("kind", ["loss", "schedule", "lineage"])
def test_figures_of_little(kind):
    pytest.importorskip("matplotlib")
    one = hpm.SearchSpace().add_real("lr", 0.2, 0.8, "logit")
    result = hpm.tune(lambda student, h: 1.0, one, steps=1, population=1, algorithm="random", progress=False)
    result.plot(kind)._repr_png_()
    later = replace(result, history=[*result.history, hpm.Report(0, 2, np.array([0.3]), math.inf)])
    later.plot(kind)._repr_png_()
