"""Students in processes of their own do what students in this one do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bindings" / "python"))
torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from common import networks  # noqa: E402
from common.processes import ProcessExperiment, WorkerError  # noqa: E402
from common.tests.regression import Regression  # noqa: E402


@pytest.fixture(scope="module")
def apart():
    experiment = ProcessExperiment(Regression, {}, workers=2, devices=["cpu"])
    yield experiment
    experiment.close()


@pytest.mark.parametrize("name", ["pbt", "hpm", "bayesian"])
def test_a_run_has_the_same_bits(apart, name):
    # Not hpm-paper: its evaluations share one spare student in one process, and have two in two.
    here, there = (networks.run(experiment, networks.METHODS[name], 3) for experiment in (Regression(), apart))
    untimed = [name for name in networks.COLUMNS if name not in networks.TIMES]
    assert [[row.get(name) for name in untimed] for row in here.rows] == [[row.get(name) for name in untimed] for row in there.rows]
    assert all(np.array_equal(here.trace[name], there.trace[name]) for name in here.trace)
    assert all(torch.equal(here.best[name], there.best[name]) for name in here.best)


def test_evaluations_train_side_by_side(apart):
    outcome = networks.run(apart, networks.METHODS["hpm-paper"], 3)
    assert outcome.rows[-1]["teacher_calls"] > 4 and np.isfinite(outcome.rows[-1]["test_loss"])


def test_students_that_are_gone_leave_their_worker(apart):
    student = apart.make(1, True)
    worker, number = student.worker, student.number
    del student
    with pytest.raises(WorkerError, match="KeyError"):
        worker.call("validate", number)


def test_what_fails_there_is_told_here(apart):
    student = apart.make(1, True)
    with pytest.raises(WorkerError, match="no_such"):
        apart.train(student, {"no_such": 1.0}, (0.0, 0.5))
    assert apart.validate(student) > 0  # the worker lives on


def test_a_worker_that_dies_is_told_and_not_waited_for():
    experiment = ProcessExperiment(Regression, {}, workers=1, devices=["cpu"])
    student = experiment.make(1, False)
    student.worker._process.kill()
    with pytest.raises(WorkerError, match="ended with exit status"):
        experiment.validate(student)
    experiment.close()
