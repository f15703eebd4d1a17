"""The runner of the network benchmarks, on the small `Regression`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bindings" / "python"))
torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from common import networks, networks_report  # noqa: E402
from common.experiment import learning_rates  # noqa: E402
from common.tests.regression import Regression  # noqa: E402
from libhpm.torch import Student  # noqa: E402


def run(name, seed=1, share=1.0):
    experiment = Regression()
    return experiment, networks.run(experiment, networks.METHODS[name], seed, share)


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("name", networks.METHODS)
def test_cost_is_that_of_what_was_done_and_nearly_the_budget(name, share):
    experiment, outcome = run(name, share=share)
    last = outcome.rows[-1]
    spent = sum(last[cost] for cost in networks.COSTS)
    assert spent == experiment.steps_done + experiment.validations_done
    budget = networks.budget_of(experiment, share)
    assert (0.9 if share == 1 else 0.85) * budget < spent <= budget
    assert (last["teacher_cost"] > 0) == (name == "hpm-paper")
    assert (experiment.validations_done > 0) == networks.METHODS[name].self_tuning


def test_one_student_trains_as_long_as_several_together():
    plans = {name: networks.plan(Regression(), networks.METHODS[name]) for name in ("stn", "stn, several starts", "pbt")}
    assert [(p.students, p.reports) for p in plans.values()] == [(1, 3 + 62), (4, 3 + 14), (4, 24)]


@pytest.mark.parametrize("name", networks.METHODS)
def test_rows_fall_and_the_kept_models_have_the_losses_that_the_rows_say(name):
    experiment, outcome = run(name)
    assert [row["share"] for row in outcome.rows] == [part / 10 for part in range(1, 11)]
    checkpoints = [row["checkpoint"] for row in outcome.rows]
    assert checkpoints == sorted(checkpoints, reverse=True)
    student = experiment.make(9, networks.METHODS[name].self_tuning)
    for state, column in ((outcome.best, "validation"), (outcome.checkpoint, "checkpoint")):
        student.model.load_state_dict(state)
        assert experiment.validate(student) == outcome.rows[-1][column]


@pytest.mark.parametrize("name", networks.METHODS)
def test_the_same_seed_gives_the_same_bits_and_another_one_others(name):
    (_, first), (_, again), (_, other) = run(name), run(name), run(name, seed=2)
    untimed = [name for name in networks.COLUMNS if name not in networks.TIMES]
    assert [[row.get(name) for name in untimed] for row in first.rows] == [[row.get(name) for name in untimed] for row in again.rows]
    assert all((first.trace[name] == again.trace[name]).all() for name in first.trace)
    assert (first.trace["losses"] != other.trace["losses"]).any()


def test_starts():
    starts = {name: run(name)[1].trace["hyperparameters"][0] for name in ("defaults", "random", "pbt", "hpm", "stn")}
    assert (starts["defaults"] == [0.1, 0.5]).all()
    assert not (starts["random"] == [0.1, 0.5]).any()
    assert len({tuple(row) for row in starts["random"]}) == 4
    assert (starts["pbt"] == starts["hpm"]).all() and (starts["pbt"][0] == [0.1, 0.5]).all()
    assert (starts["stn"] == [[0.1, 0.5]]).all()


def test_clones_take_over_the_weights_of_their_source(monkeypatch):
    clones = []
    clone_from = Student.clone_from

    def watched(self, source):
        clone_from(self, source)
        clones.append((self, all((a == b).all() for a, b in zip(self.model.parameters(), source.model.parameters()))))

    monkeypatch.setattr(Student, "clone_from", watched)
    _, outcome = run("pbt")
    moved = (outcome.trace["parents"] != np.arange(4)).sum()
    assert len(clones) == moved == outcome.rows[-1]["clone_calls"] > 5
    assert all(equal for _, equal in clones)


def test_an_exploit_copies_a_better_student():
    _, outcome = run("pbt")
    losses, parents = outcome.trace["losses"], outcome.trace["parents"]
    for i, student in zip(*np.nonzero(parents != np.arange(4))):
        assert losses[i - 1, parents[i, student]] <= losses[i - 1, student]


def test_restarts_make_new_students_and_keep_the_best_trial():
    experiment, outcome = run("bayesian")
    last, losses, parents = outcome.rows[-1], outcome.trace["losses"], outcome.trace["parents"]
    assert last["restart_calls"] == 12 and (parents == -1).sum() == 12
    assert len(set(experiment.made)) == len(experiment.made) == 4 + 12 + 1
    begins = [int(i) for i in np.flatnonzero((parents == -1).all(1))]
    ends = [losses[i - 1].min() for i in begins] + [losses[-1].min()]
    assert last["validation"] == min(ends)


def test_evaluations_change_no_student(monkeypatch):
    """The teacher's copies are thrown away: students train on as if there had been none."""
    experiment = Regression()
    seen = []
    train = Regression.train

    def watched(self, student, hyperparameters, progress):
        seen.append(student)
        train(self, student, hyperparameters, progress)

    monkeypatch.setattr(Regression, "train", watched)
    outcome = networks.run(experiment, networks.METHODS["hpm-paper"], 1)
    spare = max(set(map(id, seen)), key=lambda which: [id(s) for s in seen].index(which))
    assert sum(id(student) == spare for student in seen) == outcome.rows[-1]["teacher_calls"] > 0


def test_the_learning_rate_falls_with_the_share_of_the_budget_and_of_a_trial(monkeypatch):
    seen: dict[str, list[float]] = {}
    train = Regression.train

    def watched(self, student, hyperparameters, progress):
        seen.setdefault(name, []).append(progress)
        train(self, student, hyperparameters, progress)

    monkeypatch.setattr(Regression, "train", watched)
    for name in ("stn", "pbt", "bayesian"):
        run(name)
    for begin, end in zip(seen["stn"], seen["stn"][1:]):
        assert begin[1] == end[0]
    assert seen["stn"][0][0] == 0 and 0.9 < seen["stn"][-1][1] <= 1
    assert seen["pbt"] == [(round / 24, (round + 1) / 24) for round in range(24) for _ in range(4)]
    assert seen["bayesian"] == [(round / 6, (round + 1) / 6) for _ in range(4) for round in range(6) for _ in range(4)]
    assert learning_rates(2.0, (0.0, 1.0), 4) == [2, 2, 1.5, 0.5]


def test_no_student_is_replaced_before_a_hypergradient():
    for name in ("hpm", "hpm-no-teacher", "hpm-paper"):
        planned = networks.plan(Regression(), networks.METHODS[name])
        trace = networks.run(Regression(), networks.METHODS[name], 100).trace
        replaced = [number for number, parents in enumerate(trace["parents"]) if (parents != np.arange(len(parents))).any()]
        assert planned.options["interval"] < planned.warm_up < replaced[0], "clones of the report before the first one with a hypergradient"


def test_a_variant_has_the_options_of_its_algorithm_and_its_own(monkeypatch):
    monkeypatch.setattr(Regression, "options", {"hpm-paper": {"hyper_learning_rate": 0.5}}, raising=False)
    found = networks.plan(Regression(), networks.variant("x:method=hpm-paper,mutation_scale=0.3")).options
    assert (found["hyper_learning_rate"], found["mutation_scale"]) == (0.5, "0.3")
    with pytest.raises(argparse.ArgumentTypeError, match="no method has"):
        networks.variant("hpm:method=hpm")


def test_lineage_follows_parents():
    parents = [np.array([0, 1, 2]), np.array([0, 0, 2]), np.array([0, 1, 1])]
    assert networks.lineage_of(2, parents).tolist() == [0, 1, 2]
    parents[1] = np.array([0, -1, 2])
    assert networks.lineage_of(2, parents).tolist() == [-1, 1, 2]


def test_command_line_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    results = tmp_path / "results.csv"
    monkeypatch.setattr(sys, "argv", ["compare", "--methods", "pbt;stn;hpm", "--seeds", "100-101", "--results", str(results)])
    monkeypatch.setattr(networks.jobs, "run", _run_here)
    for _ in range(2):
        with pytest.raises(SystemExit) as end:
            networks.main(Regression, ["tiny"], tmp_path)
        assert end.value.code == 0
    assert _jobs == [6, 0]
    assert len(results.read_text().splitlines()) == 1 + 3 * 2 * 10
    text = (tmp_path / "tables.md").read_text()
    assert all(f"| {name} |" in text for name in ("pbt", "stn", "hpm"))
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [
        "regression-loss-over-cost.png", "regression-schedules.png"
    ]


_jobs: list[int] = []


def _run_here(jobs, work, results, processes=2, label=""):
    """In this process, which is quicker than to start others."""
    _jobs.append(len(jobs))
    for job in jobs:
        results.append(work(job))
    return 0


def test_a_budget_without_a_report_is_refused():
    with pytest.raises(ValueError, match="no report"):
        networks.plan(Regression(), networks.METHODS["hpm"], 0.01)


def test_means():
    assert networks_report.mean([1.0, 3.0]) == "2.000 ± 1.414"
    assert networks_report.mean([1.0]) == "1.000"
    assert networks_report.mean([]) == "-"
