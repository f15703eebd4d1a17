"""The models of benchmarks/training on the virtual clock."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import train
import trainer as training
from methods import KNOWN
from runner import run as run_in_rounds
from task import STUDENTS
from tasks import TASKS


class InRounds(train.Models):
    """Trains one student as the runner trains all: training lets differences of rounding grow without bound."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.compiled = self

    def _all(self, function, state, h, data, seed, count, student):
        everyone = jax.tree.map(lambda x: jnp.stack([x] * STUDENTS), state)
        found = function(everyone, jnp.asarray([h] * STUDENTS), data, seed, count)
        return jax.tree.map(lambda x: x[student], found)

    def report_one(self, *arguments):
        return self._all(training.trainer(self.task.name).report, *arguments)

    def report_one_without(self, *arguments):
        return self._all(training.trainer(self.task.name).report_without, *arguments)

    def test_one(self, state, data):
        everyone = jax.tree.map(lambda x: jnp.stack([x] * STUDENTS), state)
        return training.trainer(self.task.name).test(everyone, 0, data)


@pytest.mark.parametrize("method", ["hpm", "pbt", "hpm+attention, no calls"])
def test_synchronous_runs_are_those_of_the_runner(method, monkeypatch):
    monkeypatch.setattr(train, "Models", InRounds)
    task, share = TASKS["cleaning"], 0.16
    found, rows = train.run("cleaning", method, "synchronous", "each", 1.0, 100, share=share)
    tuned = KNOWN[method]
    expected = run_in_rounds(task, tuned.factory("cleaning"), 100, tuned.hypergradient, int(task.budget * share))
    assert found.clones == expected.calls["clone"] > 0
    assert found.reports == expected.calls["training"]
    assert rows[-1]["validation"] == pytest.approx(expected.kept[-1, 0], rel=1e-6)
    assert rows[-1]["result"] == pytest.approx(expected.kept[-1, 1], rel=1e-6)
    assert rows[-1]["checkpoint"] == pytest.approx(expected.checkpoint[-1, 1], rel=1e-6)


def test_one_student_is_trained_as_all_are():
    """To the rounding, where the learning rate is one at which it does not grow."""
    task, seed, report = TASKS["cleaning"], 100, 7
    compiled, data = training.trainer("cleaning"), training.data("cleaning", seed)
    state = compiled.start(seed, 0)
    h = np.tile(np.asarray(task.space.initial, dtype=np.float32), (STUDENTS, 1))
    states, losses, slopes = compiled.report(state, h, data, seed, report)
    evaluated = compiled.evaluate(state, h, data, seed, report)
    for student in range(STUDENTS):
        own = jax.tree.map(lambda x: x[student], state)
        after, loss, slope = compiled.report_one(own, h[student], data, seed, report, student)
        same, loss_without = compiled.report_one_without(own, h[student], data, seed, report, student)
        assert loss == pytest.approx(float(losses[student]), rel=1e-5)
        assert loss_without == pytest.approx(float(losses[student]), rel=1e-5)
        scale = float(np.abs(slopes[student]).max())
        np.testing.assert_allclose(slope, slopes[student], rtol=1e-4, atol=1e-5 * scale)
        for a, b, c in zip(*map(jax.tree.leaves, (after, same, states))):
            np.testing.assert_allclose(a, c[student], rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(b, c[student], rtol=1e-4, atol=1e-5)
        loss, slope = compiled.evaluate_one(own, h[student], data, seed, report, student)
        assert loss == pytest.approx(float(evaluated[0][student]), rel=1e-5)
        np.testing.assert_allclose(slope, evaluated[1][student], rtol=1e-4, atol=1e-5 * scale)
        assert compiled.test_one(after, data) == pytest.approx(float(compiled.test(states, student, data)), rel=1e-5)


@pytest.mark.parametrize("end", ["each", "all"])
def test_rows_of_an_asynchronous_run(end):
    found, rows = train.run("logistic", "hpm", "asynchronous", end, 1.0, 100, share=0.4)
    assert found.reports == 200 and found.waits == 0
    assert [row["budget"] for row in rows] == [26 * 20 * part for part in range(1, train.ROWS + 1)]
    assert (np.diff([row["time"] for row in rows]) > 0).all()
    assert np.isfinite([row["result"] for row in rows]).all()
    assert rows[-1]["time"] == pytest.approx(found.makespan)


def test_teachers_evaluate_checkpoints():
    found, rows = train.run("cleaning", "hpm-paper", "asynchronous", "each", 1.0, 100, share=0.1)
    assert found.evaluations > 0 and found.waits == 0
    assert np.isfinite(rows[-1]["result"])
