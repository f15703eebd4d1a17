"""`make test-benchmarks`, or `python -m pytest -q benchmarks/training/tests` once the library is built."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import libhpm as hpm
import seconds as second
import trainer as training
from compare import at_equal_time, final, is_rival, seeds, work
from methods import ABLATIONS, METHODS, next_rate, variant
from network import new_student
from prototypes.pooled import factory
from runner import CLONE, EVALUATE, RESTART, STOP, TRAIN, WAIT, greedy_mean, run
from common.data import data_folder
from task import DIFFERENTIATED, HYPERGRADIENT_COST, STUDENTS, TRAINING_COST, Data
from tasks import TASKS, characters, cleaning, convolution, digits2

FILES = {"cifar": "cifar10-12k.npz", "convolution": "cifar10-12k.npz", "characters": "ptb.zip"}
PRESENT = [name for name in TASKS if name not in FILES or (data_folder() / FILES[name]).exists()]


def assert_same_moves(a, b, space, rounds: int, random) -> None:
    """Two populations that get the same random reports, bad ones among them."""
    for _ in range(rounds):
        actions, sources, h = a.next_all()
        others, other_sources, other_h = b.next_all()
        np.testing.assert_array_equal(actions, others)
        np.testing.assert_array_equal(sources[actions == CLONE], other_sources[actions == CLONE])
        train = actions == TRAIN
        # One clone after the other loses a digit or two of the latent coordinate.
        np.testing.assert_allclose(h[train], other_h[train], rtol=1e-9, atol=1e-12)
        if (actions == STOP).all():
            return
        hypergradients = random.standard_normal(h.shape)
        hypergradients[:, ~space.guided] = np.nan
        hypergradients[random.random(h.shape) < 0.1] = np.nan
        hypergradients[random.random(h.shape) < 0.02] = np.inf
        losses = np.where(random.random(len(h)) < 0.05, np.nan, random.random(len(h)))
        a.report_all(losses, hypergradients)
        b.report_all(losses, hypergradients)
    raise AssertionError("no STOP")


@pytest.mark.parametrize("name", TASKS)
def test_prototype_makes_the_moves_of_the_library(name):
    space = TASKS[name].space
    library = METHODS["hpm"].factory(name)(space, STUDENTS, 7, 40)
    assert_same_moves(library, factory(space, STUDENTS, 7, 40), space, 60, np.random.default_rng(1))


def test_a_run_of_the_prototype_is_the_run_of_the_library():
    task = TASKS["logistic"]
    budget = task.budget // 2
    a = run(task, METHODS["hpm"].factory("logistic"), 3, budget=budget)
    b = run(task, factory, 3, budget=budget)
    assert a.calls == b.calls and a.costs == b.costs
    assert a.calls["clone"] > 0
    np.testing.assert_array_equal(a.parents, b.parents)
    np.testing.assert_allclose(a.losses, b.losses, rtol=1e-5)
    np.testing.assert_allclose(a.kept, b.kept, rtol=1e-5)


@pytest.mark.parametrize("name", TASKS)
def test_maps_are_those_of_the_library(name):
    space = TASKS[name].space
    assert [p.name for p in space.parameters] == space.library().names
    assert space.dimension == space.library().dimension == len(space.initial) == len(space.guided)
    u = np.random.default_rng(0).random((20, space.dimension))
    h = space.natural(u)
    reals = ~space.is_choice
    np.testing.assert_allclose(space.latent(h)[:, reals], u[:, reals], atol=1e-12)
    ahead, behind = np.clip(u + 1e-6, 0, 1), np.clip(u - 1e-6, 0, 1)
    difference = (space.natural(ahead) - space.natural(behind)) / (ahead - behind)
    np.testing.assert_allclose(space.slope(h)[:, reals], difference[:, reals], rtol=1e-6)
    np.testing.assert_array_equal(space.natural(space.latent(h))[:, ~reals], h[:, ~reals])


@pytest.mark.parametrize("name", PRESENT)
def test_hypergradient_is_the_derivative(name):
    """Of the validation batch's loss after the last steps, by central differences in double precision."""
    task = TASKS[name]
    arrays = [np.asarray(x) for x in task.load(100)]
    with jax.enable_x64(True):
        data = Data(*(jnp.asarray(x.astype(float) if x.dtype == np.float32 else x) for x in arrays))
        compiled = training.Trainer(task)
        keys = jax.random.split(jax.random.key(5), DIFFERENTIATED + 1)
        student = new_student(jax.tree.map(lambda x: x.astype(float), task.new_weights(jax.random.key(6))))
        h = jnp.asarray(task.space.initial)
        student = jax.jit(compiled._train)(student, h, data, jax.random.split(jax.random.key(7), 20))
        last = jax.jit(compiled._last_steps)
        _, found = last(student, h, data, keys)
        batch = jax.random.randint(keys[-1], (task.validation_batch,), 0, len(data.validation_targets))

        def loss(h):
            trained, _ = last(student, h, data, keys)
            return compiled._mean_loss(trained.weights, data.validation_inputs[batch], data.validation_targets[batch])

        assert np.isfinite(found[task.space.guided]).all()
        guided = np.flatnonzero(task.space.guided & (np.asarray(found) != 0))
        for index in {*guided[:3], *guided[-3:]}:
            # Small, since the networks have kinks, but not so small that rounding takes four digits.
            size = 1e-5 * max(h[index], 0.01)
            difference = (loss(h.at[index].add(size)) - loss(h.at[index].add(-size))) / (2 * size)
            np.testing.assert_allclose(found[index], difference, rtol=1e-4, atol=1e-9)


def test_all_methods_start_alike_and_stay_within_the_budget():
    task = TASKS["logistic"]
    budget = task.budget // 4
    first = None
    for name in ("hpm", "hypergradient", "hpm-paper", "pbt", "random"):
        method = METHODS[name]
        result = run(task, method.factory("logistic"), 5, method.hypergradient, budget)
        spent = sum(result.costs.values())
        # The budget may end between the teacher's evaluations and the report after them.
        late = spent - result.cost[-1]
        assert late == 0 or name == "hpm-paper" and late == HYPERGRADIENT_COST * (STUDENTS // 2)
        assert spent <= budget
        report = STUDENTS * (TRAINING_COST + method.hypergradient * HYPERGRADIENT_COST)
        assert budget - spent < report
        assert result.costs["teacher"] == HYPERGRADIENT_COST * result.calls["teacher"]
        assert (result.calls["teacher"] > 0) == (name == "hpm-paper")
        assert (np.diff(result.cost) >= report).all()
        first = result.losses[0] if first is None else first
        np.testing.assert_allclose(result.losses[0], first, rtol=1e-4)
        np.testing.assert_array_equal(result.kept[:, 0].min() >= result.checkpoint[-1, 0], True)


def test_a_run_can_be_repeated():
    task = TASKS["logistic"]
    a, b = (run(task, METHODS["pbt"].factory("logistic"), 2, False, 3000) for _ in range(2))
    np.testing.assert_array_equal(a.losses, b.losses)
    np.testing.assert_array_equal(a.kept, b.kept)


class Script:
    """A population that follows a list of rounds: (actions, sources)."""

    def __init__(self, rounds, h):
        self.rounds, self.h, self.reported = list(rounds), h, []

    def next_all(self):
        if not self.rounds:
            return np.full(STUDENTS, STOP), np.arange(STUDENTS), self.h
        actions, sources = self.rounds[0]
        return np.array(actions), np.array(sources), self.h

    def report_all(self, losses, hypergradients):
        self.reported.append((self.rounds.pop(0), np.array(losses), hypergradients))


def scripted(rounds, hypergradient=False):
    task = TASKS["logistic"]
    h = np.tile(task.space.initial, (STUDENTS, 1))
    script = Script(rounds, h)
    return run(task, lambda *_: script, 0, hypergradient), script


EVERYONE = ([TRAIN] * STUDENTS, range(STUDENTS))


def test_clones_restarts_and_evaluations():
    clone = [CLONE] + [WAIT] * (STUDENTS - 1)
    mixed = [EVALUATE, RESTART] + [TRAIN] * (STUDENTS - 2)
    result, script = scripted([EVERYONE, (clone, [4] + [0] * (STUDENTS - 1)), EVERYONE, (mixed, [0] * STUDENTS)], True)
    assert result.calls == {"training": 28, "clone": 1, "teacher": 1, "restart": 1}
    assert result.costs == {"training": 560, "hypergradient": 168, "teacher": 6, "blend": 0}
    np.testing.assert_array_equal(result.parents[1], [4, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    np.testing.assert_array_equal(result.parents[2], [0, -1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert not np.isfinite(result.losses[2, 1])
    _, losses, hypergradients = script.reported[3]
    assert losses[0] > 0 and losses[1] == 0
    assert np.isfinite(hypergradients[0]).all() and np.isnan(hypergradients[1]).all()
    # The clone's weights are its source's: trained on the same batches they would stay so, but keys differ.
    alone, _ = scripted([EVERYONE, EVERYONE], True)
    np.testing.assert_allclose(alone.losses[1, 1:], result.losses[1, 1:], rtol=1e-6)
    assert abs(alone.losses[1, 0] - result.losses[1, 0]) > 1e-6


def test_an_ended_trial_is_kept_if_it_was_better():
    restart = ([RESTART] * STUDENTS, range(STUDENTS))
    result, _ = scripted([EVERYONE] * 6 + [restart, EVERYONE])
    assert result.losses[6].min() > result.losses[5].min()
    np.testing.assert_array_equal(result.kept[6], result.kept[5])
    np.testing.assert_array_equal(result.lineage()[:6], -1)
    assert result.parents[6].max() == -1


def test_bad_losses_never_win(monkeypatch):
    task = TASKS["logistic"]

    def broken(space, students, seed, steps):
        population = METHODS["hpm"].factory("logistic")(space, students, seed, steps)
        original = population.next_all

        class Broken:
            report_all, report_cost = population.report_all, population.report_cost

            def next_all(self):
                actions, sources, h = original()
                h = h.copy()
                h[0] = np.nan  # student 0 diverges
                return actions, sources, h

        return Broken()

    result = run(task, broken, 0, budget=2600)
    assert np.isinf(result.losses[:, 0]).all() and (result.best > 0).all() and np.isfinite(result.kept).all()


def test_convolution_by_products_is_a_convolution():
    random = np.random.default_rng(2)
    x, w = random.standard_normal((4, 16, 16, 3)), random.standard_normal((27, 5))
    found = convolution.neighbourhoods(jnp.asarray(x)) @ w
    expected = jax.lax.conv_general_dilated(
        x, w.reshape(3, 3, 3, 5), (2, 2), ((1, 1), (1, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )[:, :8, :8]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_kinds_of_augmentation():
    x = jnp.asarray(np.random.default_rng(3).random((50, 16, 16, 3)) + 1)
    of_kind = [np.asarray(convolution.augmented(x, jnp.float32(kind), jax.random.key(4))) for kind in range(4)]
    np.testing.assert_array_equal(of_kind[0], x)
    same = (of_kind[1] == x).all((1, 2, 3))
    mirrored = (of_kind[1] == x[:, :, ::-1]).all((1, 2, 3))
    assert (same ^ mirrored).all() and 10 < same.sum() < 40
    assert (of_kind[2] != 0).all() and not (of_kind[2] == of_kind[1]).all((1, 2, 3)).all()
    cut = (of_kind[3] == 0).all(-1)
    assert ((cut.sum((1, 2)) >= 9) & (cut.sum((1, 2)) <= 36)).all()
    np.testing.assert_array_equal(of_kind[3][~cut], of_kind[1][~cut])


def test_characters_see_what_is_before_them_alone():
    weights = characters.new_weights(jax.random.key(1))
    text = np.random.default_rng(2).integers(characters.CHARACTERS, size=(3, characters.LENGTH))
    changed = text.copy()
    changed[:, 20] = (changed[:, 20] + 1) % characters.CHARACTERS
    a, b = (np.asarray(characters.outputs(weights, jnp.asarray(x))) for x in (text, changed))
    np.testing.assert_allclose(a[:, :20], b[:, :20], atol=1e-5)
    assert (np.abs(a - b).max((0, 2))[20:] > 1e-4).all()


@pytest.mark.skipif("characters" not in PRESENT, reason="ptb.zip is not in HPM_DATA")
def test_characters_are_stretches_of_the_corpus():
    for seed in range(3):
        data = characters.load(seed)
        for text, inputs, targets in zip(characters.texts(), data[::2], data[1::2]):
            stretch = [*inputs.ravel(), targets.ravel()[-1]]
            np.testing.assert_array_equal(stretch[1:], targets.ravel())
            assert np.array(stretch, np.int32).tobytes() in text.tobytes()
    assert (characters.load(0).inputs != data.inputs).any()


def test_data():
    clean = cleaning.load(0)
    assert len({image.tobytes() for image in clean.inputs}) > 490
    from sklearn.datasets import load_digits

    truth = {image.tobytes(): label for image, label in zip((load_digits().data / 16 - 0.3).astype(np.float32), load_digits().target)}
    wrong = np.mean([truth[image.tobytes()] != label for image, label in zip(clean.inputs, clean.targets)])
    assert 0.38 < wrong < 0.52
    assert all(truth[i.tobytes()] == label for i, label in zip(clean.test_inputs, clean.test_targets))
    two = digits2.load(0)
    assert all(truth[i[:64].tobytes()] == label for i, label in zip(two.inputs, two.targets))
    assert not (two.inputs[:, :64] == two.inputs[:, 64:]).all(1).any()


def test_rows_of_a_run(tmp_path):
    rows = work(("logistic", METHODS["hpm"], 1, 0.3, str(tmp_path)))
    budget = int(TASKS["logistic"].budget * 0.3)
    assert [row["budget"] for row in rows] == [budget * part // 10 for part in range(1, 11)]
    assert final(rows) == [rows[-1]] and rows[-1]["training_cost"] + rows[-1]["hypergradient_cost"] <= budget
    assert all(row["checkpoint"] > 0 and row["result"] > 0 for row in rows)
    assert (tmp_path / "logistic--hpm--1.npz").exists()


def test_arguments():
    assert seeds("0-2,100") == [0, 1, 2, 100]
    method = variant("often:algorithm=hpm,interval=2,hypergradient=0")
    assert (method.name, method.options, method.hypergradient) == ("often", {"algorithm": "hpm", "interval": "2"}, False)
    with pytest.raises(ValueError):
        variant("hpm")
    assert "no-such" in variant("x:algorithm=no-such").complaint()


def test_seconds(tmp_path, monkeypatch):
    rows = second.measure("logistic", 15)
    assert [row["kind"] for row in rows] == list(second.KINDS) and float(rows[0]["relative"]) == 1
    assert all(float(row["seconds"]) > 0 for row in rows)
    path = tmp_path / "seconds.csv"
    path.write_text("task,kind,seconds,relative\nlogistic,report,0.002,1\nlogistic,report with hypergradient,0.003,1.5\n")
    assert second.read_seconds(path) == {"logistic": {"report": 1, "report with hypergradient": 1.5}}
    monkeypatch.setattr(second.os, "getloadavg", lambda: (5.0, 5.0, 5.0))
    monkeypatch.setattr(second.sys, "argv", ["seconds.py", "--out", str(tmp_path / "none.csv")])
    with pytest.raises(SystemExit, match="1"):
        second.main()
    assert not (tmp_path / "none.csv").exists()


def test_runs_are_read_at_equal_time():
    """20 reports with hypergradients that take 1.6 plain ones: as long as 26 plain ones take is 26 / 32 of them."""
    run = {"problem": "x", "algorithm": "hpm", "seed": 0, "training_calls": 20, "teacher_calls": 0, "hypergradient_cost": 120}
    rows = [run | {"budget": 52 * i, "result": np.exp(-i), "end": np.nan} for i in range(1, 11)]
    price = {"x": {"report with hypergradient": 1.6, "evaluation": 0.5}}
    (read,) = at_equal_time(rows, price)
    np.testing.assert_allclose(np.log(read["result"]), -26 / 32 * 10, rtol=1e-12)
    (plain,) = at_equal_time([row | {"training_calls": 26, "hypergradient_cost": 0} for row in rows], price)
    np.testing.assert_allclose(np.log(plain["result"]), -10, rtol=1e-12)


def test_the_greedy_mean():
    """Against all subsets that begin with the best and grow in the order of the losses."""
    target = np.array([0.5, 0.5, 0, 0])

    def judge(shares):
        return float(np.abs(shares - target).sum()), 0.0

    shares, (loss, _), calls = greedy_mean(np.array([1.0, 2.0, np.inf, 3.0]), judge)
    assert (shares == target).all() and loss == 0 and calls == 2
    shares, _, calls = greedy_mean(np.array([np.inf, np.inf, 1.0, np.inf]), judge)
    assert shares.tolist() == [0, 0, 1, 0] and calls == 0
    assert greedy_mean(np.full(3, np.inf), judge)[1:] == ((np.inf, np.inf), 0)


def test_a_mean_is_paid_for_and_is_what_is_kept():
    task = TASKS["logistic"]
    result = run(task, METHODS["hpm"].factory("logistic"), 1, budget=4000, blend=True)
    assert sum(result.costs.values()) <= 4000 and result.costs["blend"] % 3 == 0
    assert tuple(result.kept[-1]) == result.blend and result.blend_shares.sum() == pytest.approx(1)
    data, compiled = training.data("logistic", 1), training.trainer("logistic")
    state = compiled.start(1, 0)
    half = jnp.array([0.5, 0.5] + [0.0] * 8)
    weights = jax.tree.map(lambda x: (x[0] + x[1]) / 2, state.weights)
    expected = compiled._mean_loss(weights, data.test_inputs, data.test_targets)
    np.testing.assert_allclose(compiled.judge(state, half, data)[1], expected, rtol=1e-6)
    outputs = [task.outputs(jax.tree.map(lambda x: x[k], state.weights), data.test_inputs) for k in (0, 1)]
    mean = (jax.nn.softmax(outputs[0]) + jax.nn.softmax(outputs[1])) / 2
    expected = -np.mean(np.log(mean[np.arange(len(mean)), data.test_targets]))
    np.testing.assert_allclose(compiled.ensemble(state, half, data), expected, rtol=1e-5)


def test_hypergradients_come_when_they_are_wanted():
    """20 steps in one report of ten cost what two steps in each do."""
    task, method = TASKS["logistic"], ABLATIONS["hpm, long"]
    result = run(task, method.factory("logistic"), 1, budget=STUDENTS * 10 * 26, differentiated=method.differentiated,
                 every=method.every)
    assert result.calls["training"] == 10 * STUDENTS
    assert result.costs["hypergradient"] == STUDENTS * 60 and result.costs["training"] == 10 * STUDENTS * 20


def test_learning_rates_are_tried_until_the_best_is_inside():
    rates = (0.01, 0.1, 1.0, 10.0)
    assert next_rate(rates, {0.1: 2.0, 1.0: 1.0}) == 10
    assert next_rate(rates, {0.1: 1.0, 1.0: 2.0}) == 0.01
    assert next_rate(rates, {0.1: 2.0, 1.0: 1.0, 10.0: 3.0}) is None
    assert next_rate(rates, {1.0: 2.0, 10.0: 1.0}) is None  # the grid ends
    assert next_rate(rates, {0.1: 1.0}) == 0.01


def test_rivals_are_no_forms_of_the_subject():
    assert [name for name in METHODS if not is_rival(name, "hpm")] == ["hpm"]
    assert {name for name in ABLATIONS if is_rival(name, "hpm")} == {"hpm-no-teacher, long"}


def test_defaults_stay_at_the_initial_values():
    task = TASKS["cleaning"]
    population = METHODS["defaults"].factory("cleaning")(task.space, STUDENTS, 0, 5)
    _, _, h = population.next_all()
    np.testing.assert_array_equal(h, np.tile(task.space.initial, (STUDENTS, 1)))
    assert isinstance(population, hpm.Population)


def test_the_schedule_of_ray_clones_the_worst_and_stays_within_the_bounds():
    pytest.importorskip("ray")
    import ray_pbt

    space = TASKS["convolution"].space
    population, random = ray_pbt.factory(space, STUDENTS, 3, 20), np.random.default_rng(0)
    low = space.natural(np.where(space.is_choice, 0.5 / np.maximum(space.labels, 1), 0))
    high = space.natural(np.where(space.is_choice, 1 - 0.5 / np.maximum(space.labels, 1), 1))
    np.testing.assert_array_equal(population.h[0], space.initial)
    reports = clones = 0
    while True:
        actions, sources, h = population.next_all()
        assert ((low <= h) & (h <= high)).all()
        if (actions == STOP).all():
            break
        if (actions == CLONE).any():
            assert reports % ray_pbt.INTERVAL == 0
            clones += (actions == CLONE).sum()
            worst = set(np.argsort(losses)[-2:])
            assert set(np.flatnonzero(actions == CLONE)) == worst
            assert set(sources[actions == CLONE]) <= set(np.argsort(losses)[:2])
            before = h.copy()
            population.report_all(losses, None)
            moved = (population.h[list(worst)] != before[list(worst)]).mean()
            assert moved > 0.5
        else:
            reports += 1
            losses = random.random(STUDENTS)
            population.report_all(losses, None)
    assert (reports, clones) == (20, 6)
