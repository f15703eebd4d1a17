"""Every algorithm and package keeps to the budget, the box and the seed."""

import moving
import numpy as np
import populations
import problems
import pytest
import references
import run as harness

BUDGETS = [50, 200]
KNOWN = [name for name in populations.METHODS if name not in populations.missing()]


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("problem", ["branin", "levy-10~failing", "rosenbrock-10~noisy", "bbob-08"])
def test_algorithms(name, problem):
    found = problems.problem(problem, 1)
    rows = populations.run(found, populations.METHODS[name], 1, BUDGETS)
    assert [row["budget"] for row in rows] == BUDGETS
    for row in rows:
        assert row["budget"] - 20 < row["training_calls"] + row["teacher_calls"] <= row["budget"]
        assert np.isfinite(row["result"]) and row["result"] >= 0
    again = populations.run(found, populations.METHODS[name], 1, BUDGETS)
    assert [row["result"] for row in again] == [row["result"] for row in rows]


@pytest.mark.parametrize("name", KNOWN)
def test_a_result_does_not_depend_on_later_checkpoints(name):
    found = problems.problem("levy-10", 0)
    both = populations.run(found, populations.METHODS[name], 2, [100, 200])
    first = populations.run(found, populations.METHODS[name], 2, [100])
    assert both[0]["result"] == first[0]["result"]


@pytest.mark.parametrize("name", KNOWN)
def test_moving_weights(name):
    rows = populations.run_moving(populations.METHODS[name], 1, [200])
    assert 0 < rows[0]["result"] <= 2 * moving.START**2


def test_hyper_training_beats_luck_on_moving_weights():
    results = {name: populations.run_moving(populations.METHODS[name], 0, [1000])[0]["result"] for name in ("hpm", "pbt", "random")}
    assert results["hpm"] < results["pbt"] < results["random"]
    # as fast as one student at h = (1, 1) can: 125 reports of 4 steps
    assert results["hpm"] > 2 * moving.START**2 * (1 - 2 * moving.RATE) ** (2 * moving.STEPS * 125)


def test_starts_are_the_same_for_all():
    found = problems.problem("levy-10", 0)
    expected = populations.starts(found, 4, 4)
    for name in KNOWN:
        seen = []
        populations.run(found, populations.METHODS[name], 4, [20], visit=lambda a: seen.append(a.hyperparameters.copy()))
        assert (seen[0][:4] == expected).all(), name


@pytest.mark.parametrize("name", list(references.REFERENCES))
@pytest.mark.parametrize("problem", ["branin", "levy-10~noisy"])
def test_references(name, problem):
    found = problems.problem(problem, 1)
    budgets = [50] if name in ("TPE", "NGOpt") else BUDGETS
    rows = references.run(found, references.REFERENCES[name], 1, budgets)
    assert [(row["budget"], row["training_calls"]) for row in rows] == [(b, b) for b in budgets]
    assert all(np.isfinite(row["result"]) for row in rows)
    again = references.run(found, references.REFERENCES[name], 1, budgets)
    assert [row["result"] for row in again] == [row["result"] for row in rows]


def test_references_solve_a_bowl():
    for name, limit in {"multi-start": 1e-8, "basin hopping": 1e-8, "MLSL": 1e-8, "CMA-ES": 1e-2}.items():
        assert references.run(problems.bbob(1, 0), references.REFERENCES[name], 0, [1000])[0]["result"] <= limit


def test_the_plan_has_each_row_once_and_resumes():
    everything = [*problems.names(), moving.NAME]
    algorithms = [*populations.METHODS, *references.REFERENCES]
    planned = harness.plan(everything, algorithms, 30, 0, True, set())
    keys = [key for job in planned for key in job.keys()]
    assert len(keys) == len(set(keys))
    assert not {job for job in planned if job.problem == moving.NAME and job.algorithm in references.REFERENCES}
    assert {b for j in planned if j.algorithm == "bayesian" and j.problem != moving.NAME for b in j.budgets} == {50, 100, 200}
    rows = harness.work(harness.Job("branin", "random", 0, (200, 50)))
    assert {(r["problem"], r["algorithm"], r["budget"], r["seed"]) for r in rows} == harness.Job("branin", "random", 0, (50, 200)).keys()
