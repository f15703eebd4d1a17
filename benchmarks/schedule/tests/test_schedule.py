"""`make test-benchmarks`, or `python -m pytest -q benchmarks/schedule/tests` once the library is built."""

from __future__ import annotations

import itertools

import libhpm as hpm
import numpy as np
import pytest
from clock import EVALUATION, Prices, Times, simulate
from simulate import MovingWeights, algorithms, population_of, work

STUDENTS, STEPS, SEED, SIGMA = 10, 30, 3, 1.0
SCHEDULES = ("synchronous", "asynchronous")
TRIALS = {"random": {"trial": 6}, "bayesian": {"trial": 6}}


class Histories:
    """Models whose weights are the training reports that went into them; losses are drawn."""

    hypergradient = True

    def __init__(self, students: int, seed: int):
        self.random = np.random.default_rng(seed)
        self.states: list[tuple] = [() for _ in range(students)]
        self.checkpoints: dict[tuple[int, int], tuple] = {}

    def _answer(self, h: np.ndarray) -> tuple[float, np.ndarray]:
        return float(self.random.random()), self.random.standard_normal(h.shape)

    def train(self, student: int, report: int, h: np.ndarray) -> tuple[float, np.ndarray]:
        self.states[student] = self.checkpoints[student, report] = (*self.states[student], (student, report))
        return self._answer(h)

    def clone(self, student: int, source: int, report: int) -> None:
        self.states[student] = self.checkpoints[source, report]

    def evaluate(self, source: int, report: int | None, h: np.ndarray) -> tuple[float, np.ndarray]:
        assert report is None or (source, report) in self.checkpoints
        return self._answer(h)

    def restart(self, student: int) -> None:
        self.states[student] = ()

    def release(self, student: int, report: int) -> None:
        del self.checkpoints[student, report]


def population(algorithm: str, schedule: str, seed: int = SEED, steps: int = STEPS) -> hpm.Population:
    space = hpm.SearchSpace().add_block("h", 3, 0, 1)
    return hpm.Population(
        space, algorithm=algorithm, schedule=schedule, population=STUDENTS, seed=seed, steps=steps,
        **TRIALS.get(algorithm, {}),
    )


def test_times_have_mean_one_and_are_equal_for_all():
    times = Times(5, SIGMA)
    table = times.table(200, 500)
    logarithms = np.log(table)
    # Five standard errors of 100,000 values.
    assert abs(table.mean() - 1) < 5 * np.sqrt(np.expm1(SIGMA**2) / table.size)
    assert abs(logarithms.std() - SIGMA) < 5 * SIGMA / np.sqrt(2 * table.size)
    assert abs(logarithms.mean() + SIGMA**2 / 2) < 5 * SIGMA / np.sqrt(table.size)
    # One asked for in another order, and with another spread, has the same normal numbers.
    other = Times(5, 0.5)
    assert other(7, 400) == pytest.approx(np.exp(0.5 * (logarithms[7, 399] + 0.5) / SIGMA - 0.125))
    assert Times(5, SIGMA)(7, 400) == table[7, 399] != Times(6, SIGMA)(7, 400)
    assert times(7, 400, EVALUATION) != table[7, 399]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("algorithm", algorithms())
def test_time_of_training_alone(algorithm, schedule):
    """Against the closed form: the sum of each round's slowest, or the slowest student's sum."""
    drawn = Times(SEED, SIGMA).table(STUDENTS, STEPS)
    run = simulate(population(algorithm, schedule), Histories(STUDENTS, SEED), Times(SEED, SIGMA))
    expected = drawn.max(axis=0).sum() if schedule == "synchronous" else drawn.sum(axis=1).max()
    assert run.makespan == pytest.approx(expected, rel=1e-12)
    assert run.training == pytest.approx(drawn.sum(), rel=1e-12)
    np.testing.assert_allclose(run.busy, drawn.sum(axis=1), rtol=1e-12)
    assert run.reports == STUDENTS * STEPS
    if schedule == "asynchronous":
        assert run.waits == 0
        np.testing.assert_allclose(run.last, drawn.sum(axis=1), rtol=1e-12)
        assert run.utilisation == pytest.approx(1)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_evaluations_and_hypergradients_are_paid_by_who_makes_them(schedule):
    prices = Prices(evaluation=0.3, hypergradient=0.2)
    run = simulate(population("hpm-paper", schedule), Histories(STUDENTS, SEED), Times(SEED, SIGMA), prices)
    drawn = Times(SEED, SIGMA).table(STUDENTS, STEPS)
    assert run.evaluations > 0
    evaluations = run.busy - 1.2 * drawn.sum(axis=1)
    assert evaluations.min() > -1e-9
    times = Times(SEED, SIGMA)
    made = 0
    for student, spent in enumerate(evaluations):  # the first ones of each worker's own draws
        costs = np.cumsum([0.0] + [0.3 * times(student, count + 1, EVALUATION) for count in range(run.evaluations)])
        count = int(np.abs(costs - spent).argmin())
        assert costs[count] == pytest.approx(spent, abs=1e-9)
        made += count
    assert made == run.evaluations
    if schedule == "synchronous":
        assert run.makespan > 1.2 * drawn.max(axis=0).sum()
    else:
        assert run.makespan == pytest.approx(run.busy.max(), rel=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("algorithm", algorithms())
def test_weights_are_those_of_the_lineage(algorithm, schedule):
    """No checkpoint is asked for that was released, and what a clone has in it is what the library says."""
    for seed in range(5):
        tuned, models = population(algorithm, schedule, seed), Histories(STUDENTS, seed)
        run = simulate(tuned, models, Times(seed, SIGMA), Prices(evaluation=0.5))
        clones = {"hypergradient", "random", "bayesian", "memetic"}
        assert (run.clones == 0) == (algorithm in clones), f"seed {seed}"
        assert (run.evaluations > 0) == (hpm.Action.EVALUATE in tuned.actions), f"seed {seed}"
        if algorithm in TRIALS:  # the lineage does not know of restarts
            continue
        for student, history in enumerate(models.states):
            ancestors = [tuned.ancestor(student, place + 1) for place in range(len(history))]
            assert ancestors == [ancestor for ancestor, _ in history], f"seed {seed}, student {student}"


def test_an_end_for_all_together():
    total = STUDENTS * STEPS
    visited = []
    run = simulate(
        population("hpm", "asynchronous", steps=0), Histories(STUDENTS, SEED), Times(SEED, SIGMA), reports=total,
        visit=lambda now, student, report, h, loss: visited.append((now, student)),
    )
    drawn = Times(SEED, SIGMA).table(STUDENTS, 4 * total)
    arrivals = sorted(
        (end, student) for student, row in enumerate(np.cumsum(drawn, axis=1)) for end in row
    )[:total]
    assert [student for _, student in visited] == [student for _, student in arrivals]
    np.testing.assert_allclose([now for now, _ in visited], [end for end, _ in arrivals], rtol=1e-12)
    assert run.makespan == pytest.approx(arrivals[-1][0], rel=1e-12)
    assert run.utilisation == pytest.approx(1) and run.utilisation_to_the_end == pytest.approx(1)


def test_a_run_can_be_repeated():
    runs = [
        simulate(population_of("hpm-paper", "asynchronous", "each", 8, 1), MovingWeights(8, True), Times(1, 1.0),
                 Prices(evaluation=0.3))
        for _ in range(2)
    ]
    assert runs[0].makespan == runs[1].makespan and runs[0].clones == runs[1].clones > 0


def test_rows_and_the_bar():
    rows = work((1.0, 8, 0, ["hpm", "hpm-paper"]))
    keys = {(row["algorithm"], row["schedule"], row["end"], row["charged"]) for row in rows}
    assert len(keys) == len(rows) == 3 * 3 * 3
    for row, name in itertools.product(rows, ("hpm", "hpm-paper")):
        if row["algorithm"] == name and row["schedule"] == "asynchronous" and row["charged"] == "training":
            assert row["ratio"] < 1.05 and row["utilisation"] > 0.95
