"""What is read of a run's file is what the population says: reports, lineage, the best student, its schedule."""

import os
import sqlite3

import libhpm as hpm
import numpy as np
import pytest
from libhpm.runs.lineage import Lineage, best_student, standings
from libhpm.runs.mutation import outcomes
from libhpm.runs.page import Page
from libhpm.runs.run_file import TABLES, Clone, RunFile, RunFileError
from libhpm.runs.schedule import StudentSchedule
from support_run_file import NOBODY, bowl, change, drive, make, mixed

RUNS = [
    ("hpm", "synchronous"),
    ("hpm-paper", "synchronous"),
    ("pbt", "synchronous"),
    ("pbt", "asynchronous"),
    ("hpm", "asynchronous"),
    ("mf-pbt", "synchronous"),
]


def sometimes_bad(student, report, h):
    loss, slope = bowl(student, report, h)
    return (np.nan if (3 * student + report) % 11 == 0 else loss), slope


@pytest.mark.parametrize(("algorithm", "schedule"), RUNS)
@pytest.mark.parametrize("tasks", [None, 83])
def test_lineage_best_and_schedule_are_those_of_the_population(tmp_path, algorithm, schedule, tasks):
    path, told = tmp_path / "run.db", {}
    options = dict(algorithm=algorithm, schedule=schedule, population=8, steps=20, seed=3, interval=2)
    with hpm.Population.open(path, mixed(), **options) as population:

        def loss(student, report, h):
            told[student, report] = h.copy()
            return sometimes_bad(student, report, h)

        drive(population, loss, tasks)
        lineages = {
            student: [
                (ancestor, population.ancestor_report(student, place))
                for place, ancestor in enumerate(population.lineage(student), 1)
            ]
            for student in range(population.size)
        }
        best, costs = population.best(), [population.count(f"{kind}_cost") for kind in ("training", "teacher")]
    with RunFile(path) as file, file.snapshot():
        reports, lineage = file.reports(), Lineage.of(file)
        standing = standings(file, reports)
        assert best_student(standing, file.maximises) == best.student
        assert standing[best.student].loss == best.loss
        for student, expected in lineages.items():
            rows = lineage.rows(student, reports)
            if len(rows) == len(expected) + 1:  # the population counts a report once its round is complete
                expected.append((student, standing[student].reports))
            assert list(zip(reports.student[rows].tolist(), reports.report[rows].tolist())) == expected
        founders, passed = lineage.descent({student: one.reports for student, one in standing.items()})
        assert founders == {student: expected[0][0] for student, expected in lineages.items()}
        crossed = {
            clone.number
            for clone in lineage.clones
            for expected in lineages.values()
            for (a, _), (b, after) in zip(expected, expected[1:])
            if a != b and (b, after) == (clone.student, clone.report + 1)
        }
        assert crossed <= passed  # and clones that have not trained yet
        steps = StudentSchedule.of(file)
        assert steps.student == best.student
        np.testing.assert_array_equal(steps.values, [told[key] for key in lineages[best.student]])
        first = next(steps.steps())
        assert first["hyperparameters"]["optimizer"] in ("sgd", "adam", "größe <b>")
        assert len(first["hyperparameters"]["weights"]) == 3 and first["step"] == 1
        page = Page(file)
        assert page._costs()[0] == pytest.approx(costs[0]) and page._costs()[2] == pytest.approx(costs[1])
        assert page.cost[-1] <= sum(costs) + 1e-9 and (np.diff(page.cost) > 0).all()


def test_clones_at_one_report_in_either_order():
    """A source that becomes a clone after the same report gave what it had before."""
    for order in (1, -1):
        both = [Clone(0, 1, 0.0, 1, 5, 2, 5), Clone(0, 1, 0.0, 0, 5, 1, 5)][::order]
        clones = [clone._replace(number=number) for number, clone in enumerate(both, 1)]
        lineage = Lineage(clones)
        assert [(s.student, s.first, s.last) for s in lineage.stretches(0, 8)] == [(0, 6, 8), (1, 1, 5)]
        founders, passed = lineage.descent({0: 8, 1: 8, 2: 8})
        assert founders == {0: 1, 1: 2, 2: 2} and passed == {1, 2}


def test_a_restart_cuts_the_lineage(tmp_path):
    make(tmp_path / "run.db", algorithm="random", trial=8, population=3, loss=lambda *a: bowl(*a)[0])
    with RunFile(tmp_path / "run.db") as file:
        lineage, reports = Lineage.of(file), file.reports()
        rows = lineage.rows(0, reports)
        assert reports.report[rows].tolist() == [17, 18, 19, 20]
        assert StudentSchedule.of(file).values.shape == (4, 8)


def test_retired_and_joining_students(tmp_path):
    with hpm.Population.open(tmp_path / "run.db", mixed(), population=4, algorithm="pbt", interval=5) as population:
        drive(population, lambda k, r, h: float(k), tasks=12)
        population.retire(0)
        population.grow(1)
        drive(population, lambda k, r, h: float(k), tasks=8)
        best, ages = population.best(), [population.age(k) for k in range(1, 5)]
    with RunFile(tmp_path / "run.db") as file:
        reports = file.reports()
        standing = standings(file, reports)
        assert 0 not in standing and best_student(standing, False) == best.student
        assert [len(Lineage.of(file).rows(k, reports)) for k in range(1, 5)] == ages


def test_losses_are_as_reported(tmp_path):
    special = {1: np.nan, 2: np.inf, 3: -np.inf, 4: 0.5}
    make(tmp_path / "run.db", loss=lambda k, r, h: special[r], algorithm="pbt", steps=4, population=2)
    with RunFile(tmp_path / "run.db") as file:
        reports = file.reports()
        for report, loss in special.items():
            np.testing.assert_array_equal(reports.loss[reports.report == report], loss)


def test_outcomes_of_clones(tmp_path):
    """Ranks and losses before and after are those of the reports, and lines end as the lineage says."""
    make(tmp_path / "run.db", algorithm="pbt", steps=30, population=8, loss=lambda *a: bowl(*a)[0])
    with RunFile(tmp_path / "run.db") as file:
        reports, lineage = file.reports(), Lineage.of(file)
        standing = standings(file, reports)
        best = best_student(standing, False)
        _, passed = lineage.descent({k: one.reports for k, one in standing.items()})
        found = outcomes(file, reports, lineage, passed, best)
        interval = int(file.options["interval"])
        loss = {key: float(reports.loss[row]) for key, row in reports.rows.items()}
        assert len(found) == len(lineage.clones) > 5
        for one in found:
            at = sorted(loss[k, one.report] for k in range(8))
            assert one.rank == 1 + at.index(loss[one.student, one.report]) and one.loss == at[one.rank - 1]
            later = sorted(loss[k, one.report + interval] for k in range(8))
            assert one.rank_after == 1 + later.index(one.loss_after)
            assert one.loss_after == loss[one.student, one.report + interval]
            numbers = {c.number for c in lineage.clones if (c.student, c.report) == (one.student, one.report)}
            assert one.survived == bool(numbers & passed)
        assert sum(one.survived for one in found) == len(passed)
        changed = [one for one in found if one.most is not None]
        assert changed and all(one.before != one.after for one in changed)


def test_hyperparameters_of_wide_spaces_are_in_the_log(tmp_path, monkeypatch):
    space = hpm.SearchSpace().add_block("w", 300, 1e-3, 1.0, "log")
    make(tmp_path / "run.db", space, steps=4)
    with hpm.Population.open(tmp_path / "run.db") as population, RunFile(tmp_path / "run.db") as file:
        assert file.reports(replayed=False).hyperparameters is None and len(file.names) == 300
        history = [report.hyperparameters for report in population.history()]
        np.testing.assert_array_equal(file.reports().hyperparameters, history)  # while another writes it
        assert StudentSchedule.of(file).values.tolist() == population.schedule().values.tolist()
        monkeypatch.setattr("libhpm.runs.run_file.MOST_VALUES", 100)
        with pytest.raises(RunFileError, match="300 hyperparameters"):
            StudentSchedule.of(file)


def test_a_run_that_goes_on_is_read_as_of_one_moment(tmp_path):
    make(tmp_path / "run.db", tasks=40)
    with RunFile(tmp_path / "run.db") as file:
        with file.snapshot():
            before = len(file.reports())
            change(tmp_path / "run.db", "DELETE FROM reports WHERE number > 20")
            assert len(file.reports()) == before
        assert len(file.reports()) == 20


@pytest.mark.skipif(os.geteuid() == 0, reason="for root any folder can be written")
def test_a_folder_that_cannot_be_written(tmp_path):
    make(tmp_path / "run.db")
    (tmp_path / "run.db-writer").unlink()
    os.chmod(tmp_path, 0o500)
    try:
        with RunFile(tmp_path / "run.db") as file:
            assert len(file.reports()) == 120
    finally:
        os.chmod(tmp_path, 0o700)


def test_whether_the_writer_lives(tmp_path):
    path = make(tmp_path / "run.db")

    def alive():
        with RunFile(path) as file:
            return file.sessions[-1].is_alive

    assert alive() is False
    change(path, f"UPDATE sessions SET ended = NULL, process = {os.getpid()}")
    assert alive() is True
    change(path, f"UPDATE sessions SET process = {NOBODY}")
    assert alive() is False
    change(path, "UPDATE sessions SET host = 'elsewhere'")
    assert alive() is None


def test_the_schema_is_the_documented_one(tmp_path):
    make(tmp_path / "run.db", steps=1)
    with RunFile(tmp_path / "run.db") as file:
        for table, columns in TABLES.items():
            assert file.columns(table) == columns.split()


def refusal(path):
    with pytest.raises(RunFileError) as caught, RunFile(path) as file:
        file.reports()
    return str(caught.value)


def test_files_that_are_no_runs(tmp_path):
    assert "does not exist" in refusal(tmp_path / "missing.db")
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "empty.db").touch()
    assert "is empty" in refusal(tmp_path / "empty.db")
    (tmp_path / "text.db").write_text("SQLite is not what this is, but it is long enough")
    assert "is no database" in refusal(tmp_path / "text.db")
    sqlite3.connect(tmp_path / "other.db").executescript("CREATE TABLE run (key)")
    assert "of another program" in refusal(tmp_path / "other.db")
    whole = make(tmp_path / "run.db").read_bytes()
    (tmp_path / "cut.db").write_bytes(whole[: len(whole) // 2])
    assert "libhpm doctor" in refusal(tmp_path / "cut.db")
    (tmp_path / "begun.db").write_bytes(whole[:60])
    assert "begun.db" in refusal(tmp_path / "begun.db")
    newer = tmp_path / "newer.db"
    newer.write_bytes(whole)
    change(newer, "PRAGMA user_version = 7")
    assert "has version 7" not in refusal(newer) and "version 7, this one reads version 1" in refusal(newer)
    lacking = tmp_path / "lacking.db"
    lacking.write_bytes(whole)
    change(lacking, "DROP TABLE clones")
    assert "no table clones" in refusal(lacking)
    garbled = tmp_path / "garbled.db"
    garbled.write_bytes(whole)
    change(garbled, "UPDATE reports SET hyperparameters = '[1, 2' WHERE number = 7")
    assert "is damaged" in refusal(garbled)
    change(garbled, "UPDATE reports SET hyperparameters = '[1, 2]'")
    assert "is damaged" in refusal(garbled)


def test_labels_and_integers_are_shown_as_such(tmp_path):
    make(tmp_path / "run.db", steps=2)
    with RunFile(tmp_path / "run.db") as file:
        rate, _, _, batch, optimizer, weights = file.parameters
        assert (batch.shown(16.0), optimizer.shown(2.0), weights.shown(0.5)) == (16, "größe <b>", 0.5)
        assert file.names[5:] == ["weights[0]", "weights[1]", "weights[2]"]
        np.testing.assert_allclose(rate.latent([1e-4, 1e-2, 1.0]), [0, 0.5, 1])
        for parameter, before, after in zip(file.parameters, (1e-3, 0.2, 0.3, 8, 0, 0.5), (0.1, 0.7, 0.1, 32, 2, 0.01)):
            far = 1 if parameter.kind == "choice" else abs(np.diff(parameter.latent([before, after]))[0])
            assert parameter.distance(before, after) == pytest.approx(far)
