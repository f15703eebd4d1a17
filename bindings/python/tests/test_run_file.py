"""Runs in files, from Python: what they hold, who may write, and what the host does to them."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import libhpm as hpm

SEED = random.randrange(1 << 32)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.db"


def make_space():
    return hpm.SearchSpace().add_real("x", -5, 5).add_integer("depth", 1, 9).add_choice("kind", ["a", "b"])


def opened(path, **more):
    return hpm.Population.open(path, make_space(), **{"population": 4, "steps": 12, "interval": 3, "seed": 1, **more})


def work(population, student):
    """One task; whether there was one."""
    task = population.next(student)
    if task.action in (hpm.Action.WAIT, hpm.Action.STOP):
        return False
    population.report(student, float((task.hyperparameters**2).sum()), {"x": 2 * task.hyperparameters[0]})
    return True


def finish(population):
    while any([work(population, student) for student in range(population.size)]):
        pass


def rows(path, sql):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return database.execute(sql).fetchall()


def in_another_process(code, *arguments):
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)


def test_it_goes_on_at_any_moment(path):
    draw = random.Random(SEED)
    whole = hpm.Population(make_space(), population=4, steps=12, interval=3, seed=1)
    finish(whole)
    is_done = False
    while not is_done:
        with opened(path) as population:
            for _ in range(draw.randrange(9)):
                population.next(draw.randrange(4)) if draw.random() < 0.3 else None
            is_done = not any([work(population, student) for student in range(4)])
    with hpm.Population.open(path) as population:
        assert population.best() == whole.best(), SEED
        assert population.lineage(0) == whole.lineage(0), SEED
        history = {(r.student, r.number): r for r in population.history()}
        assert len(history) == 48
    # What is for readers is what the log says.
    import json

    for student, report, loss, values in rows(path, "SELECT student, report, loss, hyperparameters FROM reports"):
        assert history[student, report].loss == loss
        assert history[student, report].hyperparameters.tolist() == json.loads(values)


def test_a_schedule_in_a_file_is_that_of_the_result(path):
    with opened(path) as population:
        finish(population)
        schedule = population.schedule()
        best = population.best().student
        assert schedule.students.tolist() == population.lineage(best)
        assert schedule.values[-1].tolist() == population.best_hyperparameters()[0].tolist()
        assert hpm.Schedule.load(population.export_schedule(best)) == schedule
        with pytest.raises(hpm.SnapshotError):
            hpm.Schedule.load(population.export_schedule(best)[:-1])
    with pytest.raises(hpm.UnsupportedError, match="in no file"):
        hpm.Population(make_space()).schedule(0)


def test_readers_do_not_disturb(path):
    """POSIX locks of a process end when anybody in it closes the file; then another program would take the
    write-ahead log away."""
    with opened(path) as population:
        for student in range(4):
            work(population, student)
        assert rows(path, "SELECT count(*) FROM reports") == [(4,)]
        code = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); print(d.execute('SELECT count(*) FROM reports')"
        assert in_another_process(code + ".fetchone()[0]); d.close()", path).stdout == "4\n"
        finish(population)
        copy = population.save()
        assert in_another_process(code + ".fetchone()[0]); d.close()", path).stdout == "48\n"
    with hpm.Population.open(path) as population:
        assert population.save() == copy


def test_a_second_writer_is_told_of_the_first(path):
    code = "import libhpm as hpm, sys; hpm.Population.open(sys.argv[1])"
    link = path.with_name("link.db")
    link.symlink_to(path)
    with opened(path):
        for name in (path, link):
            with pytest.raises(hpm.StorageError, match="already in this process"):
                opened(name)
        refused = in_another_process(code, path)
        assert f"is being written by process {os.getpid()} on {os.uname().nodename}, since 20" in refused.stderr
        assert isinstance(hpm.StorageError(), OSError)
    assert in_another_process(code, path).returncode == 0


@pytest.mark.parametrize("durability", ["none", "process", "power"])
def test_durability(path, durability):
    with opened(path, durability=durability) as population:
        finish(population)
    assert rows(path, "SELECT count(*) FROM reports") == [(48,)]


def test_overrides(path):
    with opened(path) as population:
        finish(population)
    with pytest.raises(hpm.ArgumentError, match="'steps' is 20, and 12 in the run"):
        opened(path, steps=20)
    with opened(path, steps=20, population=5, override=("steps", "population")) as population:
        assert population.size == 5
        finish(population)
        assert population.reports(0) == 20
    with opened(path, steps=20, population=3, override="population") as population:
        assert population.size == 5
    assert rows(path, "SELECT count(*) FROM events WHERE kind = 'retired'") == [(2,)]
    with pytest.raises(hpm.ArgumentError, match="override is 'seed'; allowed: steps, population, bounds"):
        opened(path, override="seed")


@pytest.mark.parametrize("algorithm", ["hpm", "pbt", "hpm-paper", "mf-pbt", "reinforced", "clone-step"])
def test_other_bounds(path, algorithm):
    def space(low, high):
        return hpm.SearchSpace().add_real("x", low, high, scale="log").add_integer("depth", 1, 9)

    def run(low, high, **more):
        return hpm.Population.open(path, space(low, high), population=4, steps=9, interval=2, algorithm=algorithm, **more)

    with run(0.1, 1) as population:
        for student in range(4):
            work(population, student)
        before = [population.hyperparameters(student).tolist() for student in range(4)]
    with pytest.raises(hpm.ArgumentError, match="low of 'x' is 0.01, not 0.1; allowed: .*an override of the bounds"):
        run(0.01, 2)
    with pytest.raises(hpm.ArgumentError, match="'x' is .*; allowed: 0.9 to 2"):
        run(0.9, 2, override="bounds")
    with run(0.01, 2, override="bounds") as population:
        assert [population.hyperparameters(student).tolist() for student in range(4)] == before
        assert population.space.parameters["x"].low == 0.01
        finish(population)
        copy = population.save()
    assert rows(path, "SELECT low, high FROM parameters WHERE name = 'x'") == [(0.01, 2.0)]
    with sqlite3.connect(path) as database:  # the log alone
        database.execute("DELETE FROM snapshots WHERE input > 0")
    database.close()
    with hpm.Population.open(path) as population:
        assert population.save() == copy
        values = [report.hyperparameters[0] for report in population.history()]
        assert len(values) == 36 and min(values) >= 0.01 and max(values) <= 2


def test_bounds_that_an_algorithm_can_not_take(path):
    for number, algorithm in enumerate(["bayesian", "random", "pb2"]):
        file = path.with_name(f"{number}.db")
        hpm.Population.open(file, make_space(), algorithm=algorithm).close()
        wider = hpm.SearchSpace().add_real("x", -6, 6).add_integer("depth", 1, 9).add_choice("kind", ["a", "b"])
        with pytest.raises(hpm.ArgumentError, match=f"algorithm {algorithm} does not take other bounds"):
            hpm.Population.open(file, wider, override="bounds")
        hpm.Population.open(file, make_space()).close()


@pytest.mark.parametrize("schedule", ["synchronous", "asynchronous"])
def test_a_stop_ends_a_session_and_not_the_run(path, schedule):
    whole = hpm.Population(make_space(), population=4, steps=12, interval=3, seed=1, schedule=schedule)
    finish(whole)
    for _ in range(3):
        with opened(path, schedule=schedule) as population:
            assert all([work(population, student) for student in range(4)])
            population.stop()
            assert population.next(0).action == hpm.Action.STOP
    with opened(path, schedule=schedule) as population:
        finish(population)
        assert population.save() == whole.save() and len(population.history()) == 48
    assert rows(path, "SELECT count(*) FROM events WHERE kind = 'stopped'")[0][0] >= 16


def test_metrics(path):
    with opened(path) as population:
        population.next(2)
        population.log_metric(2, "accuracy", 0.5)
        population.log_metric(2, "accuracy", np.nan)
        with pytest.raises(TypeError):
            population.log_metric(2, "accuracy", "0.5")
    assert rows(path, "SELECT student, report, name, value FROM metrics") == [
        (2, 1, "accuracy", 0.5),
        (2, 1, "accuracy", None),
    ]


def test_bad_files(path, tmp_path):
    path.write_bytes(b"no database" * 100)
    with pytest.raises(hpm.StorageError, match="no SQLite database"):
        opened(path)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE x (y)")
    with pytest.raises(hpm.StorageError, match="another program"):
        opened(other)
    with pytest.raises(hpm.StorageError, match="folder must exist"):
        opened(tmp_path / "nowhere" / "run.db")
    with pytest.raises(hpm.ArgumentError, match="space is NULL"):
        hpm.Population.open(tmp_path / "new.db")
    assert rows(other, "SELECT name FROM sqlite_schema") == [("x",)]


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE reports",
        "DROP TABLE inputs",
        "DROP TABLE snapshots",
        "DELETE FROM snapshots",
        "ALTER TABLE events DROP COLUMN part",
        "DELETE FROM inputs WHERE number = 4",
        "UPDATE inputs SET bytes = x'00' WHERE number = 5",
        "UPDATE inputs SET bytes = (SELECT bytes FROM inputs WHERE number = 3) WHERE number = 5",
        "UPDATE snapshots SET bytes = substr(bytes, 2)",
        "UPDATE inputs SET number = 9223372036854775807 WHERE number = 8",
        "UPDATE inputs SET number = -3 WHERE number = 1",
        "UPDATE inputs SET bytes = NULL WHERE number = 5",
        "UPDATE inputs SET bytes = 'text' WHERE number = 5",
        "UPDATE snapshots SET input = 9223372036854775807",
        "UPDATE snapshots SET input = -9223372036854775808",
        "UPDATE snapshots SET bytes = 7.5",
        "PRAGMA user_version = -1",
        "PRAGMA user_version = 2",
        "PRAGMA application_id = 7",
    ],
)
def test_a_file_that_was_changed_by_hand(path, damage):
    """An error that says so, and nothing is written."""
    with opened(path) as population:
        for student in range(4):
            work(population, student)
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM snapshots WHERE input > 0")
        if "= NULL" in damage:
            database.execute("PRAGMA writable_schema = 1")
            database.execute("UPDATE sqlite_schema SET sql = replace(sql, 'BLOB NOT NULL', 'BLOB')")
            database.commit()
            database.execute("PRAGMA writable_schema = RESET")
        database.execute(damage)
    database.close()
    before = path.read_bytes()
    with pytest.raises(hpm.StorageError):
        opened(path)
    assert path.read_bytes() == before


def test_a_damaged_snapshot_is_passed_over(path):
    with opened(path) as population:
        finish(population)
        copy = population.save()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE snapshots SET bytes = x'0102' WHERE input = (SELECT max(input) FROM snapshots)")
    database.close()
    with hpm.Population.open(path) as population:
        assert population.save() == copy


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs the superuser; Tests/Clients/runs.c has a limit instead")
def test_a_full_disk(tmp_path):
    """A file system of half a megabyte, which a long run fills."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("no file systems can be mounted here; Tests/Clients/runs.c has a limit instead")
    try:
        with opened(folder / "run.db", steps=0) as population:
            with pytest.raises(hpm.StorageError, match="the disk is full"):
                finish(population)
            answered = [population.reports(student) for student in range(4)]
            copy = population.save()
            with pytest.raises(hpm.StorageError, match="the disk is full"):
                finish(population)
        subprocess.run(["mount", "-o", "remount,size=4m", folder], check=True)
        with hpm.Population.open(folder / "run.db") as population:
            assert population.save() == copy
            assert [population.reports(student) for student in range(4)] == answered
            assert sum(work(population, student) for student in range(4)) > 0
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_child_of_fork_may_not_write(path):
    with opened(path) as population:
        child = os.fork()
        if child == 0:
            try:
                population.next(0)
                os._exit(1)
            except hpm.StorageError as error:
                os._exit(0 if "fork" in str(error) else 2)
        assert os.waitpid(child, 0)[1] == 0
        finish(population)
    assert rows(path, "SELECT count(*) FROM reports") == [(48,)]


def test_a_file_of_version_1_is_opened(path):
    """It was written on 2026-11-30 and has to be opened forever: four students, 20 reports, one task out."""
    shutil.copy(Path(__file__).with_name("run-version-1.db"), path)
    with hpm.Population.open(path) as population:
        assert [population.reports(student) for student in range(4)] == [5, 5, 5, 5]
        assert population.next(2).action == hpm.Action.TRAIN
        assert len(population.history()) == 20 and population.space.parameters["kind"].labels == ("a", "b")
        while any([work_on(population, student) for student in range(4)]):
            pass
        assert len(population.schedule()) == 8
    assert rows(path, "SELECT name, value FROM metrics") == [("accuracy", 0.5)]
    assert rows(path, "SELECT count(*) FROM sessions") == [(2,)]


def work_on(population, student):
    task = population.next(student)
    if task.action in (hpm.Action.WAIT, hpm.Action.STOP):
        return False
    population.report(student, float((task.hyperparameters**2).sum()))
    return True
