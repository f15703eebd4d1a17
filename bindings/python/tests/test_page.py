"""The page of a run: whole HTML, the data in its lines, nobody's text as markup, and small enough."""

import html
import json
import re
from html.parser import HTMLParser

import libhpm as hpm
import numpy as np
import pytest
from libhpm.runs.chart import HEIGHT, WIDTH, Axis, loss_axis, number, path, steps
from libhpm.runs.page import Page, best_so_far, duration, write_page
from libhpm.runs.run_file import RunFile, RunFileError
from support_run_file import bowl, change, make, mixed, stretch

VOID = {"meta", "link", "path", "br", "input"}


class Reader(HTMLParser):
    """Reads a page, and refuses tags that don't match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts, self.ids = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag not in VOID or tag == "path" and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> at line {self.getpos()[0]}"

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(self.texts)

    def all(self, tag, **wanted):
        return [a for t, a in self.tags if t == tag and all(a.get(k) == v for k, v in wanted.items())]


def page_of(run):
    target = write_page(run, run.with_suffix(".html"))
    text = target.read_text()
    reader = Reader(text)
    assert len(set(reader.ids)) == len(reader.ids)
    for link in reader.all("a"):
        assert link["href"][1:] in reader.ids
    assert not re.search(r"""(src|href)=["'](?!#|data:)|url\(|@import|https?:""", text)  # nothing from elsewhere
    assert "nan" not in "".join(a["d"] for a in reader.all("path")).lower()
    return reader


def copied(run):
    """The schedule that the page has for copying."""
    page = run.with_suffix(".html").read_text()
    return json.loads(html.unescape(re.search(r'"The best schedule">\n(.*?)</textarea>', page, re.DOTALL)[1]))


def points(d):
    """The points of a path of M and l, a list for each part."""
    parts = []
    for part in re.findall(r"M([^M]+)", d):
        first, _, moves = part.partition("l")
        x, y = map(int, first.removesuffix("h0").split())
        steps = np.array(moves.split(), int).reshape(-1, 2)
        parts.append(np.concatenate([[[x, y]], [[x, y]] + steps.cumsum(0)]) if len(steps) else np.array([[x, y]]))
    return parts


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"algorithm": "hpm-paper", "direction": "maximize"},
        {"algorithm": "pbt", "schedule": "asynchronous"},
        {"algorithm": "random", "trial": 8},
        {"steps": 1, "population": 1},
        {"tasks": 0},
        {"tasks": 1},
        {"tasks": 57, "killed": True},
        {"algorithm": "mf-pbt", "population": 16},
    ],
    ids=str,
)
def test_runs_of_all_kinds(tmp_path, options):
    reader = page_of(make(tmp_path / "run.db", **options))
    assert "run.db" in reader.text
    if options.get("tasks") != 0:
        assert len(reader.all("svg")) >= 2 + 8  # loss twice, eight values, and the lineage
        assert all(svg["aria-label"] for svg in reader.all("svg"))
        assert len(reader.all("caption")) == len(reader.all("table")) > 3
        assert all(cell["scope"] in ("col", "row") for cell in reader.all("th"))


def test_without_finite_losses(tmp_path):
    run = make(tmp_path / "run.db", loss=lambda *_: np.nan, algorithm="pbt")
    reader = page_of(run)
    assert "No loss is finite" in reader.text and "schedule-text" not in reader.ids

    def partly(student, report, h):
        return np.nan if report % 2 else np.inf if student else 1.0

    mixed_run = make(tmp_path / "mixed.db", loss=partly, algorithm="pbt")
    assert "are NaN or infinite" in page_of(mixed_run).text


def test_text_of_the_file_is_no_markup(tmp_path):
    evil = "<script>alert('x')</script>\"'&$title </textarea></title>-->"
    space = hpm.SearchSpace().add_real(evil, 0, 1).add_choice("c", ["<img src=x onerror=alert(1)>", "`\\u003c"])
    run = make(tmp_path / "a<b>&'.db", space, loss=lambda k, r, h: float(h.sum()), algorithm="pbt")
    with hpm.Population.open(run) as population:
        population.log_metric(0, evil, 1.0)
    change(run, "UPDATE sessions SET host = '<b>host</b>'")
    reader = page_of(run)
    assert len(reader.all("script")) == 1 and not reader.all("img") and not reader.all("b")
    assert reader.text.count(evil) >= 3
    assert set(copied(run)[0]["hyperparameters"]) == {evil, "c"}


def test_the_schedule_for_copying_is_that_of_the_best_student(tmp_path):
    run = make(tmp_path / "run.db")
    page_of(run)
    rows = copied(run)
    with hpm.Population.open(run) as population:
        space, best = population.space, population.best()
    assert [row["step"] for row in rows] == list(range(1, 21)) and rows[-1]["loss"] == best.loss
    with RunFile(run) as file:
        reports = file.reports()
        for row in rows:
            there = reports.hyperparameters[reports.rows[row["student"], row["report"]]]
            np.testing.assert_array_equal(space.encode(row["hyperparameters"]), there)


def test_lines_are_the_data(tmp_path):
    """The lines of a student's losses and of its rate, read back from the page."""
    run = make(tmp_path / "run.db", algorithm="pbt", loss=lambda *a: bowl(*a)[0])
    reader = page_of(run)
    with RunFile(run) as file, file.snapshot():
        page, reports = Page(file), file.reports()
        axis, beyond = loss_axis(reports.loss, False)
        assert beyond == 0
        lines = reader.all("path", **{"class": "student"})
        for student, rows in page.by_student.items():
            (line,) = points(lines[student]["d"])
            np.testing.assert_allclose(line[:, 0] / WIDTH, page.running[rows] / page.running[-1], atol=1.01 / WIDTH)
            np.testing.assert_allclose(1 - line[:, 1] / HEIGHT, axis.place(reports.loss[rows]), atol=1.01 / HEIGHT)
        best = points(reader.all("path", **{"class": "best"})[1]["d"])[0]
        assert (np.diff(best[:, 1]) >= 0).all()  # down the page, so the loss falls
        assert best[-1, 1] == pytest.approx((1 - axis.place(reports.loss.min())) * HEIGHT, abs=1)
        winner = points(reader.all("path", **{"class": "winner"})[1]["d"])[0]
        np.testing.assert_allclose(winner[:, 0] / WIDTH, page.cost[page.rows] / page.cost[-1], atol=1.01 / WIDTH)


def test_decimation_keeps_the_extremes_of_each_column():
    random = np.random.default_rng(0)
    x, y = np.sort(random.random(20_000)), random.random(20_000)
    (line,) = points(path(x, y, 100))
    assert len(line) == 200
    column = np.minimum((x * 100).astype(int), 99)
    for place, drawn in enumerate(np.sort(line[:, 1].reshape(100, 2))):
        inside = y[column == place]
        np.testing.assert_allclose(drawn, (1 - np.array([inside.max(), inside.min()])) * HEIGHT, atol=0.5001)


def test_gaps_falls_and_single_points():
    assert path([], []) == "" and path([0.5], [np.nan]) == ""
    assert path([0.5], [0.5]) == "M500 200h0"
    assert [len(part) for part in points(path([0, 0.1, 0.2, 0.3], [0, np.nan, 1, 1]))] == [1, 2]
    assert [len(part) for part in points(path([0, 0.5, 0.2, 0.3], [0, 0, 1, 1]))] == [2, 2]
    x, y = steps([0, 1, 2], [5, 6, 7])
    assert x.tolist() == [0, 1, 1, 2, 2] and y.tolist() == [5, 5, 6, 6, 7]


def test_axes():
    assert Axis(1e-4, 1.0, "log").place([1e-4, 1e-2, 1.0]).tolist() == pytest.approx([0, 0.5, 1])
    assert [text for _, text in Axis(1e-4, 1.0, "log").ticks()] == ["0.0001", "0.001", "0.01", "0.1", "1"]
    assert [text for _, text in Axis(0, 80).ticks(4)] == ["0", "20", "40", "60", "80"]
    assert [text for _, text in Axis(1, 3, whole=True).ticks()] == ["1", "2", "3"]
    assert Axis(0.1, 0.9, "logit").place([0.5]).tolist() == pytest.approx([0.5])
    for scale in ("linear", "log", "logit"):
        one = Axis(0.25, 0.25, scale)
        assert 0 < one.place([0.25])[0] < 1 and one.ticks()
    for low, high in ((-1e300, 1e300), (1e-300, 2e-300), (0, 1e-9), (123456, 123457)):
        assert 1 < len(Axis(low, high).ticks()) <= 7
    assert [number(v) for v in (123456.0, 1e-7, 1e20, float("inf"))] == ["123,456", "1e-7", "1e20", "∞"]


def test_a_divergence_does_not_hide_the_rest():
    losses = np.concatenate([np.linspace(2, 1, 500), [1e30, np.inf, np.nan]])
    axis, beyond = loss_axis(losses, False)
    assert beyond == 1 and axis.high < 100
    axis, beyond = loss_axis(-losses, True)
    assert beyond == 1 and axis.low > -100


def test_the_24_values_that_went_the_longest_way(tmp_path):
    space = hpm.SearchSpace().add_block("w", 60, 1e-3, 1.0, "log")
    run = make(tmp_path / "run.db", space)
    reader = page_of(run)
    assert "Of 60 values the 24 that went the longest way" in reader.text
    with RunFile(run) as file:
        page = Page(file)
        u = np.log(page.reports.hyperparameters[page.rows])
        way = np.abs(np.diff(u, axis=0)).sum(0)
    expected = {f"w[{place}]" for place in np.argsort(-way)[:24]}
    drawn = {svg["aria-label"] for svg in reader.all("svg")}
    assert {f"Schedule of {name}" for name in expected} <= drawn and len(drawn) == 24 + 3


def test_more_students_than_lines(tmp_path):
    run = make(tmp_path / "run.db", population=90, steps=8, algorithm="pbt", loss=lambda *a: bowl(*a)[0])
    reader = page_of(run)
    assert "64 of 90 students" in reader.text and reader.all("path", **{"class": "band"})


def test_wide_spaces(tmp_path):
    run = make(tmp_path / "run.db", hpm.SearchSpace().add_block("w", 300, 1e-3, 1.0, "log"), steps=5)
    assert "Of 300 values the 24 that" in page_of(run).text


def test_pauses_between_sessions_do_not_count(tmp_path):
    run = make(tmp_path / "run.db", tasks=60)
    with RunFile(run) as file:
        before = Page(file).running
        latest = file.reports().time[-1]
    pause = "UPDATE reports SET time = time + 5000 WHERE number > 30"
    began = "SELECT time - 1 FROM reports WHERE number = 31"
    second = f"INSERT INTO sessions VALUES (2, ({began}), {latest + 5000}, 'h', 1, 40)"
    change(run, pause, "UPDATE sessions SET ended = NULL", second)
    with RunFile(run) as file:
        after = Page(file).running
    assert after[:30] == pytest.approx(before[:30], abs=1e-3) and after[-1] == pytest.approx(before[-1] + 1, abs=0.1)


def test_metrics_are_drawn(tmp_path):
    run = tmp_path / "run.db"
    with hpm.Population.open(run, mixed(), population=2, steps=5, algorithm="random") as population:
        for report in range(1, 6):
            for student in range(2):
                population.next(student)
                population.log_metric(student, "accuracy", report / 5)
                population.report(student, 1.0 / report)
    reader = page_of(run)
    assert any(svg["aria-label"] == "Metric accuracy" for svg in reader.all("svg"))


def test_a_long_run_makes_a_small_page(tmp_path):
    run = make(tmp_path / "run.db", population=20, steps=50)
    stretch(run, 100)
    with RunFile(run) as file:
        assert len(file.reports(hyperparameters=False)) == 100_000
    page_of(run)
    assert run.with_suffix(".html").stat().st_size < 5e6


def test_a_page_that_cannot_be_written(tmp_path):
    run = make(tmp_path / "run.db", steps=1)
    with pytest.raises(RunFileError, match="can't be written"):
        write_page(run, tmp_path / "missing" / "page.html")
    assert [p.name for p in tmp_path.iterdir() if "html" in p.name or p.name.startswith("tmp")] == []


def test_best_so_far_and_durations():
    losses = np.array([np.nan, 3, np.inf, 2, -np.inf, 5])
    np.testing.assert_array_equal(best_so_far(losses, False), [np.nan, 3, 3, 2, 2, 2])
    np.testing.assert_array_equal(best_so_far(losses, True), [np.nan, 3, 3, 3, 3, 5])
    assert [duration(s) for s in (1.25, 90, 3700, 200_000)] == ["1.25 s", "2 min", "1 h 02 min", "2 d 7 h"]
