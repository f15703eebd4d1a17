"""The command `libhpm`: what it prints and writes, its exit status, and that bad input is a sentence."""

import csv
import io
import json
import os
import subprocess
import sys

import libhpm as hpm
import numpy as np
import pyarrow.parquet
import pytest
from libhpm.runs.application import application
from libhpm.runs.run_file import RunFile, check_header
from libhpm.runs.sparkline import sparkline
from libhpm.runs.watch import Watch
from rich.console import Console
from support_run_file import NOBODY, bowl, change, drive, make, mixed
from typer.testing import CliRunner


def run(*arguments, status=0):
    result = CliRunner().invoke(application, [str(a) for a in arguments])
    assert result.exit_code == status, result.output
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return make(tmp_path_factory.mktemp("runs") / "run.db", algorithm="hpm-paper")


@pytest.fixture
def copy(whole, tmp_path):
    (tmp_path / "run.db").write_bytes(whole.read_bytes())
    return tmp_path / "run.db"


def test_as_a_program(whole, tmp_path):
    """Through the entry point, with a reader that has soon seen enough."""
    start = [sys.executable, "-c", "from libhpm.runs.command import main; main()"]
    ran = subprocess.run([*start, "watch", "--once", whole], capture_output=True, text=True)
    assert ran.returncode == 0 and "run.db" in ran.stdout and ran.stderr == ""
    ran = subprocess.run([*start, "doctor", tmp_path / "no.db"], capture_output=True, text=True)
    said = f"libhpm: {tmp_path / 'no.db'} does not exist; give the file of a run\n"
    assert ran.returncode == 2 and ran.stderr == said
    writing = subprocess.Popen([*start, "replay", whole], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    writing.stdout.close()
    assert writing.stderr.read() == b""
    writing.wait()


def test_without_typer(tmp_path):
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError(\"No module named 'typer'\", name='typer')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from libhpm.runs.command import main; main()"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 2 and "pip install 'libhpm[command]'" in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.parametrize("command", ["watch", "report", "export", "replay", "doctor", "compare"])
def test_what_is_no_run(command, tmp_path):
    (tmp_path / "text.db").write_text("this is no database, and it has more than 16 characters")
    more = {"export": ["-o", tmp_path / "out"], "compare": [tmp_path / "text.db"]}.get(command, [])
    for name, said in (("text.db", "is no database"), ("missing.db", "does not exist"), (".", "is a folder")):
        result = run(command, tmp_path / name, *more, status=2)
        assert said in result.stderr and result.stderr.count("\n") == 1 and result.stdout == ""


@pytest.mark.parametrize("command", ["watch", "report", "export", "replay", "compare"])
def test_a_truncated_file(command, copy, tmp_path):
    data = copy.read_bytes()
    for share in (0.1, 0.5, 0.9):
        copy.write_bytes(data[: int(len(data) * share)])
        more = {"export": ["-o", tmp_path / "out"], "compare": [copy]}.get(command, [])
        result = run(command, copy, *more, status=2)
        assert "libhpm doctor" in result.stderr and result.stderr.count("\n") == 1
        assert "fault" in run("doctor", copy, status=1).stdout


def test_report(copy):
    assert run("report", copy).stdout.strip() == str(copy.with_suffix(".html"))
    assert copy.with_suffix(".html").read_text().startswith("<!DOCTYPE html>")
    run("report", copy, "-o", copy.with_name("other.html"))
    assert copy.with_name("other.html").exists()
    assert "is the run itself" in run("report", copy, "-o", copy, status=2).stderr
    check_header(copy)


# Export


def exported(whole, folder, form):
    run("export", whole, "--format", form, "-o", folder)
    assert sorted(p.name for p in folder.iterdir()) == [
        f"{name}.{form}" for name in ("clones", "events", "metrics", "reports", "schedule")
    ]


def test_formats_say_the_same(whole, tmp_path):
    for form in ("csv", "json", "parquet"):
        exported(whole, tmp_path / form, form)
    with RunFile(whole) as file:
        reports = file.reports()
        events = len(list(file.events()))
    for name in ("reports", "events", "clones", "schedule"):
        table = pyarrow.parquet.read_table(tmp_path / "parquet" / f"{name}.parquet").to_pylist()
        objects = json.loads((tmp_path / "json" / f"{name}.json").read_text())
        rows = list(csv.DictReader((tmp_path / "csv" / f"{name}.csv").open(newline="")))
        assert len(table) == len(objects) == len(rows) == {"reports": 120, "events": events, "clones": 9}.get(name, 20)
        for one, other, row in zip(table, objects, rows):
            assert list(one) == list(other) == list(row)
            for key, value in one.items():
                assert other[key] == value
                if isinstance(value, float):
                    assert float(row[key]) == value
                elif isinstance(value, list):
                    assert json.loads(row[key]) == value
                else:
                    assert row[key] == ("" if value is None else str(value))
    rows = list(csv.DictReader((tmp_path / "csv" / "reports.csv").open(newline="")))
    assert [float(row["weights[1]"]) for row in rows] == reports.hyperparameters[:, 6].tolist()
    assert {row["optimizer"] for row in rows} <= {"sgd", "adam", "größe <b>"}


def test_export_of_strange_losses_and_names(tmp_path):
    space = hpm.SearchSpace().add_real("loss", 0, 1).add_real("a,\"b\"\n", 0, 1)
    losses = {1: np.nan, 2: np.inf, 3: 1.0}
    path = make(tmp_path / "run.db", space, loss=lambda k, r, h: losses[r], algorithm="pbt", steps=3, population=2)
    for form in ("csv", "json", "parquet"):
        run("export", path, "--format", form, "-o", tmp_path / form)
    objects = json.loads((tmp_path / "json" / "reports.json").read_text())
    assert [one["loss"] for one in objects] == [None, None, "Infinity", "Infinity", 1.0, 1.0]
    assert list(objects[0])[-2:] == ["loss_", 'a,"b"\n']
    table = pyarrow.parquet.read_table(tmp_path / "parquet" / "reports.parquet")
    np.testing.assert_array_equal(table["loss"].to_numpy(), [np.nan, np.nan, np.inf, np.inf, 1, 1])
    rows = list(csv.DictReader((tmp_path / "csv" / "reports.csv").open(newline="")))
    assert [float(row["loss"]) for row in rows[2:]] == [np.inf, np.inf, 1, 1] and rows[0]["loss"] == "nan"


def test_export_of_a_wide_space(tmp_path):
    path = make(tmp_path / "run.db", hpm.SearchSpace().add_block("w", 300, 1e-3, 1.0, "log"), steps=4)
    run("export", path, "-o", tmp_path / "out")
    schedule = list(csv.DictReader((tmp_path / "out" / "schedule.csv").open()))
    with hpm.Population.open(path) as population:
        values = population.schedule().values
    assert [float(row["w[299]"]) for row in schedule] == values[:, 299].tolist()


def test_export_where_it_cannot_be(whole, tmp_path):
    (tmp_path / "file").touch()
    assert "can't be written" in run("export", whole, "-o", tmp_path / "file" / "out", status=2).stderr
    run("export", whole, "--format", "xlsx", "-o", tmp_path, status=2)


def test_parquet_without_pyarrow(whole, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run("export", whole, "--format", "parquet", "-o", tmp_path / "out", status=2)
    assert "pip install 'libhpm[tables]'" in result.stderr


# Replay


def test_replay_is_the_schedule_of_the_population(whole):
    with hpm.Population.open(whole) as population:
        lineage = population.lineage(population.best().student)
        other = population.lineage(0)
        space = population.space
    rows = json.loads(run("replay", whole, "--format", "json").stdout)
    assert [row["student"] for row in rows] == lineage
    assert space.encode(rows[0]["hyperparameters"]).shape == (8,)
    rows = list(csv.DictReader(io.StringIO(run("replay", whole, "--student", 0).stdout)))
    assert [int(row["student"]) for row in rows] == other
    assert "no reports of student 77" in run("replay", whole, "--student", 77, status=2).stderr


def test_replay_without_an_answer(tmp_path):
    path = make(tmp_path / "nan.db", loss=lambda *_: np.nan, algorithm="pbt", steps=3)
    assert "finite loss" in run("replay", path, status=2).stderr
    assert len(json.loads(run("replay", path, "--student", 1, "--format", "json").stdout)) == 3
    path = make(tmp_path / "wide.db", hpm.SearchSpace().add_block("w", 300, 1e-3, 1.0, "log"), steps=3)
    steps = json.loads(run("replay", path, "--format", "json").stdout)
    with hpm.Population.open(path) as population:
        assert [step["hyperparameters"]["w"] for step in steps] == population.schedule().values.tolist()


# Compare


def test_compare(whole, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    other = make(tmp_path / "other.db", algorithm="pbt", steps=30, loss=lambda *a: bowl(*a)[0])
    text = run("compare", whole, other).stdout
    lines = [line.split() for line in text.splitlines()]
    assert ["algorithm", "hpm-paper", "pbt"] in lines and ["steps", "20", "30"] in lines
    assert ["reports", "120", "180"] in lines and "seed" not in text
    with RunFile(whole) as one, RunFile(other) as two:
        a, b = one.reports(), two.reports()
        cost = a.training_cost.sum() + one.evaluations().cost.sum()
    assert ["cost", f"{cost:g}", "180"] in lines
    equal = {float(line[0]): line for line in lines if line and line[0].isdigit()}
    best = a.loss[:120].min(), b.loss[:120].min()
    row = [cell for cell in equal[120][1:] if cell != "*"]
    assert [float(cell) for cell in row] == pytest.approx(best, rel=1e-4)
    marked = equal[120].index("*")
    assert marked == (2 if best[0] < best[1] else 3)


def test_compare_what_differs(whole, tmp_path):
    other = make(tmp_path / "other.db", hpm.SearchSpace().add_real("x", 1e-3, 1), direction="maximize", steps=5)
    text = run("compare", whole, other).stdout
    assert "search spaces differ" in text and "can't be compared" in text
    empty = make(tmp_path / "empty.db", tasks=0)
    assert "equal reports" not in run("compare", whole, empty).stdout


# Watch


def frame(path, width=80, height=0):
    with RunFile(path) as file:
        shown = Watch(file)
        shown.read()
        console = Console(width=width, record=True, file=io.StringIO())
        console.print(shown.frame(width, height))
    return console.export_text()


def test_watch_shows_the_run(copy):
    text = frame(copy, 200)
    assert "complete" in text and "report 20 of 20" in text and "120 in all" in text
    with RunFile(copy) as file:
        reports, evaluations = file.reports(), file.evaluations()
    assert f"{np.nanmin(reports.loss):.6g}" in text
    total = 120 + evaluations.cost.sum()
    assert f"training {120 / total:.1%}, hypergradients 0.0%, teacher {evaluations.cost.sum() / total:.1%}" in text
    for name in ("rate", "momentum", "weights[2]"):
        assert name in text


@pytest.mark.parametrize("width", [80, 60, 40])
def test_watch_fits(copy, width):
    text = frame(copy, width)
    assert max(map(len, text.splitlines())) <= width
    assert "and" in text and "more hyperparameters" in text
    assert "founder" in text or width < 60


def test_watch_leaves_students_out_that_do_not_fit(tmp_path):
    path = make(tmp_path / "run.db", population=50, steps=3, algorithm="pbt")
    text = frame(path, 80, 24)
    assert len(text.splitlines()) <= 24 and "more students" in text


def test_watch_reads_on(tmp_path):
    """What is read bit by bit is what is read at once."""
    path = tmp_path / "run.db"
    make(path, steps=30, tasks=10, algorithm="pbt")
    with RunFile(path) as file:
        bit_by_bit = Watch(file)
        bit_by_bit.read()
        for _ in range(6):
            code = (
                "import sys; sys.path.insert(0, 'tests'); import libhpm as hpm; from support_run_file import drive\n"
                f"with hpm.Population.open({str(path)!r}) as p: drive(p, tasks=25)"
            )
            subprocess.run([sys.executable, "-c", code], check=True, cwd=os.path.dirname(os.path.dirname(__file__)))
            bit_by_bit.read()
        at_once = Watch(file)
        at_once.read()
        texts = []
        for shown in (bit_by_bit, at_once):
            console = Console(width=100, record=True, file=io.StringIO())
            console.print(shown.frame(100))
            texts.append(console.export_text())
        assert texts[0] == texts[1] and f"{len(file.reports())} in all" in texts[0]


def test_watch_says_who_writes_and_how_long(tmp_path):
    path = make(tmp_path / "run.db", tasks=61, algorithm="pbt")
    assert "ended before all reports" in frame(path)
    mine = f"UPDATE sessions SET ended = NULL, process = {os.getpid()}"
    change(path, mine, "UPDATE reports SET time = 1000 + number")
    text = frame(path, 120)
    with RunFile(path) as file:
        left = 6 * 20 - len(file.reports())
    assert f"written by process {os.getpid()}" in text and "1 a second" in text
    assert f"{left} s left" in text or "1 min left" in text
    change(path, f"UPDATE sessions SET process = {NOBODY}")
    assert f"process {NOBODY}" in frame(path, 120) and "is gone" in frame(path, 120)


def test_watch_of_a_run_that_has_just_begun_or_is_bad(tmp_path):
    assert "no reports yet" in frame(make(tmp_path / "a.db", tasks=0))
    text = frame(make(tmp_path / "b.db", loss=lambda *_: np.nan, algorithm="pbt", steps=3))
    assert "none is finite" in text


def test_watch_ends_with_the_run(copy):
    assert "complete" in run("watch", copy, "--interval", 0.05).stdout
    run("watch", copy, "--interval", 0, status=2)


def test_sparklines():
    assert sparkline(np.array([0.0, 1, 2, 3]), 4) == "▁▃▆█"
    assert sparkline(np.arange(100.0), 4) == "▁▃▆█"
    assert sparkline(np.array([1.0, 10, 1000]), 9) == "▁▃█"
    assert sparkline(np.array([np.nan, 1, np.inf]), 9) == " ▁ " and sparkline(np.array([]), 9) == ""


# Doctor


SAME = "input, time, student, report, 1, 1, 1, hyperparameters"


def found(path, *more, status=0):
    return run("doctor", path, *more, status=status).stdout


def test_doctor_of_a_whole_run(copy):
    text = found(copy)
    assert "fault" not in text and "warning" not in text
    assert "to the bit" in text and "the history has what the log has" in text
    assert "to the bit" not in found(copy, "--quick")


@pytest.mark.parametrize(
    ("change_by", "said", "status"),
    [
        ("DELETE FROM inputs WHERE number IN (7, 9, 10)", "inputs are missing in the log: 7, 9 to 10", 1),
        ("DELETE FROM inputs WHERE number > 100", "and the log ends with input 100", 1),
        ("DELETE FROM inputs WHERE number = 1", "missing in the log: 1", 1),
        ("DELETE FROM snapshots", "there is no snapshot", 1),
        ("DELETE FROM snapshots WHERE input = 0", "the snapshot of the beginning is missing", 0),
        ("UPDATE snapshots SET bytes = substr(bytes, 1, 100) WHERE input = 0", "can't be replayed", 1),
        ("UPDATE inputs SET bytes = substr(bytes, 1, 20) WHERE number = 40", "fault", 1),
        ("DELETE FROM reports WHERE number = 50", "reports of student", 1),
        ("DELETE FROM reports WHERE number > 110", "reports 110, in the log 120", 1),
        (f"INSERT INTO reports SELECT 999, {SAME} FROM reports LIMIT 1", "stand there twice", 1),
        ("DELETE FROM clones WHERE number = 2", "clones 8, in the log 9", 1),
        ("UPDATE reports SET hyperparameters = '[' WHERE number = 9", "damaged", 1),
        ("UPDATE events SET before = 'x' WHERE kind = 'moved'", "damaged", 1),
        ("DROP TABLE events", "the table events is missing", 1),
        ("ALTER TABLE reports DROP COLUMN loss", "the table reports has no column loss", 1),
        ("PRAGMA user_version = 9", "version 9, this libhpm reads version 1", 1),
        ("PRAGMA application_id = 1", "another program", 1),
        (f"UPDATE sessions SET ended = NULL, process = {NOBODY}", "was killed while it wrote", 0),
        ("UPDATE sessions SET ended = NULL, host = 'elsewhere'", "look on elsewhere", 0),
        (f"UPDATE sessions SET ended = NULL, process = {os.getpid()}", "writes it now", 0),
    ],
)
def test_doctor_finds(copy, change_by, said, status):
    change(copy, change_by)
    assert said in found(copy, status=status)


def test_doctor_finds_another_state(copy, tmp_path):
    """A snapshot that the log does not lead to."""
    other = make(tmp_path / "other.db", algorithm="hpm-paper", loss=lambda *a: (bowl(*a)[0] + 1, bowl(*a)[1]))
    theirs = "(SELECT bytes FROM other.snapshots ORDER BY input DESC LIMIT 1)"
    change(copy, f"ATTACH '{other}' AS other", f"UPDATE snapshots SET bytes = {theirs} WHERE input > 0")
    assert "leads to another state" in found(copy, status=1)


def test_doctor_of_damaged_pages(copy):
    data = bytearray(copy.read_bytes())
    data[8192:12288] = os.urandom(4096)
    copy.write_bytes(data)
    assert "fault" in found(copy, status=1)


def test_doctor_of_what_a_killed_process_left(tmp_path):
    code = (
        "import sys, os; sys.path.insert(0, 'tests'); import libhpm as hpm\n"
        "from support_run_file import drive, mixed\n"
        f"p = drive(hpm.Population.open({str(tmp_path / 'run.db')!r}, mixed(), steps=9), tasks=30); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=os.path.dirname(os.path.dirname(__file__)))
    text = found(tmp_path / "run.db")
    assert "was killed while it wrote" in text and "run.db-wal holds" in text and "run.db-writer is left over" in text
    assert "the history has what the log has" in text


def test_doctor_of_checkpoints(tmp_path):
    path, folder = tmp_path / "run.db", tmp_path / "checkpoints"
    checkpoints = hpm.Checkpoints(folder)
    with hpm.Population.open(path, mixed(), population=4, steps=6, algorithm="pbt") as population:

        def loss(student, report, h):
            checkpoints.put(student, report, bytes([student, report]))
            return bowl(student, report, h)[0]

        drive(population, loss, tasks=18)
        checkpoints.release(population)
    checkpoints.close()
    assert "all" in found(path, "--checkpoints", folder)
    state = max((folder / "states").iterdir(), key=lambda p: int(p.name.split("-")[1]))
    text = state.read_text()
    state.unlink()
    student, report = state.name.split("-")
    assert f"student {student} after report {report}" in found(path, "--checkpoints", folder, status=1)
    state.write_text(text)
    (folder / "contents" / json.loads(text)["content"]).unlink()
    assert "lost their content" in found(path, "--checkpoints", folder, status=1)
    assert "no folder of hpm.Checkpoints" in found(path, "--checkpoints", tmp_path, status=1)
