"""Means of weights of kin."""

import re
import sys
import threading
from pathlib import Path

import libhpm as hpm
import numpy as np
import pytest
from libhpm import Action

SPACE = hpm.SearchSpace().add_real("x", 0, 1)


def followed(seed, **options):
    """Drives a random population, its students carrying whose training made their weights; yields after each round."""
    random = np.random.default_rng(seed)
    population = hpm.Population(SPACE, population=7, interval=2, truncation=0.4, steps=16, seed=seed, **options)
    trained, losses = [[] for _ in range(7)], np.full(7, np.nan)
    for _ in range(200):
        actions, sources, _ = population.next_all()
        if (actions == Action.STOP).all():
            return
        before = [list(one) for one in trained]
        reported = np.round(random.normal(size=7), 1)
        for k, (action, source) in enumerate(zip(actions, sources)):
            if action == Action.TRAIN:
                trained[k].append((k, population.reports(k) + 1))
                losses[k] = reported[k]
            elif action == Action.CLONE:
                trained[k], losses[k] = list(before[source]), np.nan
        population.report_all(reported)
        for k in range(7):  # not those that are to become clones
            if population.next(k).action == Action.CLONE:
                losses[k] = np.nan
        yield population, trained, losses


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("seed", range(3))
def test_against_a_plain_search(seed, direction):
    sign, several = (1 if direction == "minimize" else -1), 0
    for population, trained, losses in followed(seed, algorithm="pbt", direction=direction):
        ranked = [k for k in np.argsort(sign * losses, kind="stable").tolist() if np.isfinite(losses[k])]
        kin = [k for k in ranked if set(trained[k]) & set(trained[ranked[0]])]
        half = [k for k in ranked[: (len(ranked) + 1) // 2] if k in kin]
        assert population.blend() == dict.fromkeys(half, 1 / len(half))

        def judge(shares, seed=seed):
            return np.random.default_rng([seed, *shares]).choice([np.nan, np.inf, *np.arange(-2, 2, 0.5)])

        taken, best = ranked[:1], losses[ranked[0]]
        for k in kin[1:]:
            loss = judge([*taken, k])
            if np.isfinite(loss) and sign * loss < sign * best:
                taken, best = [*taken, k], loss
        before, found = population.save(), population.blend(judge)
        assert list(found) == taken and set(found.values()) == {1 / len(taken)}
        assert population.save() == before
        several += len(taken) > 1
    assert several > 0


def kin():
    """Of three students the last, a clone of the first, is the best."""
    population = hpm.Population(SPACE, population=3, interval=2, truncation=0.4, algorithm="pbt")
    for losses in ([1, 2, 3], [1, 2, 3], [0, 0, 0], [2, 3, 1]):
        population.next_all()
        population.report_all(losses)
    return population


def test_what_a_judge_gets_and_does():
    population = kin()
    shares = []
    assert population.blend(lambda blend: shares.append(blend) or np.float32(0.5)) == {2: 0.5, 0: 0.5}
    assert shares == [{2: 0.5, 0: 0.5}]
    for loss in (1, 1.5, np.nan, np.inf):
        assert population.blend(lambda _, loss=loss: loss) == {2: 1.0}

    def inside(blend):
        assert population.best().student == 2 and population.blend() == blend
        population.retire(2)
        return 0.0

    assert population.blend(inside) == {2: 0.5, 0: 0.5}
    assert population.blend() == {0: 1.0}


def test_errors():
    with pytest.raises(hpm.NoResultError, match="finite"):
        hpm.Population(SPACE).blend()
    population = kin()
    before = population.save()
    for error in (KeyError("mine"), KeyboardInterrupt(), SystemExit(3)):

        def judge(_, error=error):
            raise error

        with pytest.raises(type(error)) as caught:
            population.blend(judge)
        assert caught.value is error
    with pytest.raises(TypeError, match="the loss that judge returned"):
        population.blend(lambda _: "small")
    with pytest.raises(TypeError, match="judge is 3"):
        population.blend(3)
    assert population.save() == before
    population.close()
    with pytest.raises(hpm.HandleError):
        population.blend()


def test_a_judge_is_freed():
    population = kin()

    class Judge:
        def __call__(self, shares):
            return 0.0

    judge = Judge()
    count = sys.getrefcount(judge)
    for _ in range(10):
        population.blend(judge)
    assert sys.getrefcount(judge) <= count + 1  # a cycle of the last call at most


def test_while_another_thread_adds_students():
    population = kin()
    done = threading.Event()

    def grow():
        while not done.is_set() and population.size < 2000:
            population.grow(20)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(200):
            assert population.blend() == {2: 0.5, 0: 0.5}
    finally:
        done.set()
        thread.join()


CONCEPTS = Path(__file__).resolve().parents[3] / "docs" / "concepts.md"


def recipes():
    section = CONCEPTS.read_text().split("## The model to keep\n")[1].split("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("framework", ["numpy", "torch", "jax"])
def test_the_recipes_of_the_documentation(framework):
    """After `hpm.tune`, on noisy descents of a bowl."""
    arrays = pytest.importorskip("jax.numpy" if framework == "jax" else framework)
    by_name, of_trees = recipes()
    random = np.random.default_rng(0)
    models = [{"w": arrays.ones(20) * 4, "b": arrays.ones(3)} for _ in range(8)]

    def loss(model):
        return float(((model["w"] - 1) ** 2).sum()) + float((model["b"] ** 2).sum())

    def train(student, h):
        w, noise = models[student]["w"], arrays.asarray(random.normal(size=20))
        models[student] = {"w": w + h["rate"] * (1 - w) + noise, "b": models[student]["b"] * 0.9}
        return loss(models[student])

    space = hpm.SearchSpace().add_real("rate", 0.1, 1)
    population = hpm.tune(train, space, models=models, steps=20, algorithm="pbt", progress=False).population
    names = {"models": models, "population": population, "loss": loss}
    exec(by_name, names)
    shares, model = names["shares"], names["model"]
    assert len(shares) > 1 and sum(shares.values()) == pytest.approx(1)
    assert loss(model) < 0.9 * population.best().loss
    if framework == "jax":
        exec(of_trees, names | {"jax": pytest.importorskip("jax")}, names)
        assert loss(names["mean"](shares)) == pytest.approx(loss(model))
