"""The algorithms against independent implementations, and their mutations against their
distributions. All seeds are fixed."""

import copy

import jax
import libhpm as hpm
import numpy as np
import optax
import pytest
from libhpm import Action
from reference import HpmUpdate, HpmUpdateInTurn, Teacher
from support import Scales

jax.config.update("jax_enable_x64", True)

LOW, HIGH, SCALE = [-2.0, 1e-4, 0.02], [3.0, 1.0, 0.97], ["linear", "log", "logit"]


def three_scales(count=1, **keywords):
    space = hpm.SearchSpace()
    for low, high, scale in zip(LOW, HIGH, SCALE):
        space.add_block(scale, count, low, high, scale, **keywords)
    scales = Scales(np.repeat(LOW, count), np.repeat(HIGH, count), [s for s in SCALE for _ in range(count)])
    return space, scales


def natural(u):
    """After the definitions of the scales, for jax to differentiate."""
    logit = jax.scipy.special.logit
    low, high = logit(LOW[2]), logit(HIGH[2])
    return jax.numpy.stack(
        [
            LOW[0] + u[0] * (HIGH[0] - LOW[0]),
            LOW[1] * (HIGH[1] / LOW[1]) ** u[1],
            jax.scipy.special.expit(low + u[2] * (high - low)),
        ]
    )


@pytest.mark.parametrize("seed", range(3))
def test_hyper_training_is_adam_in_latent_coordinates(seed):
    target = natural(jax.random.uniform(jax.random.key(seed), (3,), minval=0.1, maxval=0.9))

    def loss(h, t):
        wave = jax.numpy.sin(3.0 * t) * jax.numpy.array([1.0, 30.0, 4.0])
        return (((h - target) * jax.numpy.array([1.0, 10.0, 5.0])) ** 2).sum() + (wave * h).sum()

    space, scales = three_scales()
    population = hpm.Population(space, population=1, algorithm="hypergradient", hyper_learning_rate=0.03, seed=seed)
    u = jax.numpy.array(scales.latent(population.hyperparameters(0)))
    adam = optax.adam(0.03, b1=0.9, b2=0.99, eps=1e-12)
    state = adam.init(u)
    by_h, by_u = jax.jit(jax.grad(loss)), jax.jit(jax.grad(lambda u, t: loss(natural(u), t)))
    moved = 0.0
    for t in range(50):
        h = population.next(0).hyperparameters
        np.testing.assert_allclose(scales.latent(h), u, rtol=0, atol=1e-12)
        population.report(0, 0.0, np.asarray(by_h(h, float(t))))
        updates, state = adam.update(by_u(u, float(t)), state)
        moved += float(np.abs(updates).sum())
        u = jax.numpy.clip(optax.apply_updates(u, updates), 0, 1)
    assert moved > 1


def test_sgd_in_latent_coordinates():
    space, scales = three_scales()
    population = hpm.Population(
        space, population=1, algorithm="hypergradient", hyper_optimizer="sgd", hyper_learning_rate=0.01
    )
    random = np.random.default_rng(0)
    h = population.next(0).hyperparameters
    for _ in range(20):
        gradient = random.standard_normal(3)
        expected = np.clip(scales.latent(h) - 0.01 * gradient * scales.slope(h), 0, 1)
        population.report(0, 0.0, gradient)
        h = population.next(0).hyperparameters
        np.testing.assert_allclose(scales.latent(h), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("interval", [1000, 5])
@pytest.mark.parametrize("students", [2, 3, 10])
def test_hpm_against_a_second_implementation(interval, students):
    space, scales = three_scales(4)
    population = hpm.Population(space, population=students, interval=interval, seed=students)
    random = np.random.default_rng(students)
    slope = random.standard_normal(12)  # shared by the students, under noise
    target = random.random((students, 12))  # where they truly differ
    shares, clones = [], 0
    reference = HpmUpdate(scales.latent(population.next_all().hyperparameters))
    for _ in range(120):
        a = population.next_all()
        if (a.actions == Action.CLONE).any():
            for k in np.flatnonzero(a.actions == Action.CLONE):
                reference.clone(k, a.sources[k])
                clones += 1
            population.report_all(np.zeros(students))
            h = population.next_all().hyperparameters
            for k in np.flatnonzero(a.actions == Action.CLONE):
                reference.u[k] = scales.latent(h[k])  # the mutation is random
            continue
        h = a.hyperparameters
        np.testing.assert_allclose(scales.latent(h), reference.u, rtol=0, atol=1e-12)
        latent = np.where(
            np.arange(12) < 6, slope + 3 * random.standard_normal((students, 12)), reference.u - target
        )
        if len(shares) < 40:
            latent *= np.exp(5 * random.standard_normal((students, 12)))
        latent[random.random((students, 12)) < 0.2] = np.nan
        latent[random.random((students, 12)) < 0.02] = np.inf
        losses = random.standard_normal(students)
        with np.errstate(invalid="ignore"):
            population.report_all(losses, latent / scales.slope(h))
        reference.step(latent)
        shares.append(reference.b)
    assert np.min(shares) < 0.05 and np.max(shares) > 0.95  # both regimes were seen
    assert (clones > 0) == (interval == 5)


@pytest.mark.parametrize("interval", [5, 10000])
@pytest.mark.parametrize("seed", range(3))
def test_asynchronous_pooling_against_a_second_implementation(seed, interval):
    space, scales = three_scales(4)
    students = 6
    population = hpm.Population(space, population=students, interval=interval, seed=seed, schedule="asynchronous")
    random = np.random.default_rng(seed)
    slope = random.standard_normal(12)  # shared by the students, under noise
    target = random.random((students, 12))  # where they truly differ
    reference = HpmUpdateInTurn(scales.latent(population.next_all().hyperparameters))
    speed = random.dirichlet(np.full(students, 3.0))
    shares, clones = [], 0
    for step in range(700):
        k = int(random.choice(students, p=speed))
        action, _, h = population.next(k)
        if action == Action.STOP:
            continue
        np.testing.assert_allclose(scales.latent(h), reference.u[k], rtol=0, atol=1e-11, err_msg=f"step {step}")
        latent = np.where(np.arange(12) < 6, slope + 3 * random.standard_normal(12), reference.u[k] - target[k])
        if step < 200:
            latent *= np.exp(5 * random.standard_normal(12))
        latent[random.random(12) < 0.2] = np.nan
        latent[random.random(12) < 0.02] = np.inf
        with np.errstate(invalid="ignore"):
            population.report(k, random.standard_normal(), latent / scales.slope(h))
        reference.report(k, latent)
        shares.append(reference.b[k])
        action, source, _ = population.next(k)
        if action == Action.CLONE:  # it was copied when the report arrived
            reference.clone(k, source)
            clones += 1
            population.report(k, 0.0)
            reference.u[k] = scales.latent(population.next(k).hyperparameters)  # the mutation is random
        if step == 500:
            population.retire(2)
            reference.living[2] = False
    assert np.min(shares) < 0.05 and np.max(shares) > 0.95  # both regimes were seen
    assert (clones > 0) == (interval == 5)


def test_asynchronous_steps_are_as_long_as_synchronous_ones():
    """Under noise alone each coordinate takes a random walk, by steps that the schedule does not scale."""
    space = hpm.SearchSpace().add_block("x", 400, 0, 1)
    lengths = {}
    for schedule in ("synchronous", "asynchronous"):
        population = hpm.Population(space, population=10, truncation=0, schedule=schedule, hyper_learning_rate=1e-4)
        random = np.random.default_rng(1)
        moved = []
        for _ in range(150):
            before = population.next_all().hyperparameters
            population.report_all(np.zeros(10), random.standard_normal((10, 400)))
            moved.append(np.abs(population.next_all().hyperparameters - before).mean())
        lengths[schedule] = np.mean(moved[50:])
    assert 0.8 < lengths["asynchronous"] / lengths["synchronous"] < 1.25, lengths


def test_a_nonfinite_loss_hides_its_hypergradient():
    space, scales = three_scales()
    population = hpm.Population(space, population=3, truncation=0)
    reference = HpmUpdate(scales.latent(population.next_all().hyperparameters))
    random = np.random.default_rng(0)
    for t in range(30):
        h = population.next_all().hyperparameters
        np.testing.assert_allclose(scales.latent(h), reference.u, rtol=0, atol=1e-12)
        latent = random.standard_normal((3, 3))
        losses = np.array([1.0, np.nan if t % 3 else 1.0, 1.0])
        population.report_all(losses, latent / scales.slope(h))
        latent[~np.isfinite(losses)] = np.nan
        reference.step(latent)


def test_clone_step_is_one_more_step_of_the_sources_adam():
    space, scales = three_scales(2)
    population = hpm.Population(space, population=2, interval=4, truncation=0.5, algorithm="clone-step")
    adam = optax.adam(0.06, b1=0.9, b2=0.99, eps=1e-12)
    u = jax.numpy.array(scales.latent(population.next_all().hyperparameters))
    state = adam.init(u)
    random = np.random.default_rng(0)
    for _ in range(4):
        h = population.next_all().hyperparameters
        latent = random.standard_normal((2, 6)) * 0.3
        population.report_all([0.0, 1.0], latent / scales.slope(h))
        updates, state = adam.update(jax.numpy.array(latent), state)
        u = jax.numpy.clip(optax.apply_updates(u, updates), 0, 1)
    assert population.next_all().actions[1] == Action.CLONE
    population.report_all([0.0, 0.0])
    h = population.next_all().hyperparameters
    np.testing.assert_allclose(scales.latent(h[0]), u[0], rtol=0, atol=1e-12)
    again, _ = adam.update(jax.numpy.array(latent), state)
    expected = jax.numpy.clip(optax.apply_updates(u, again), 0, 1)[0]
    np.testing.assert_allclose(scales.latent(h[1]), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_hpm_paper_against_a_second_implementation(seed):
    K, n = 6, 6
    space, scales = three_scales(2)
    population = hpm.Population(
        space, population=K, interval=3, truncation=0.34, algorithm="hpm-paper", seed=seed, teacher_units=5
    )
    low, high = scales.low, scales.high
    size = np.maximum(np.abs(low), np.abs(high))
    teacher = Teacher(n, 5, 0.1, seed)
    random = np.random.default_rng(seed)
    h = population.next_all().hyperparameters.copy()
    ranking, clones, clipped, changed = [], [], 0, 0
    for t in range(1, 61):
        np.testing.assert_allclose(population.next_all().hyperparameters, h, rtol=1e-11, atol=1e-14)
        losses, gradients = random.standard_normal(K), random.standard_normal((K, n)) * (high - low)
        population.report_all(losses, gradients)
        h = np.clip(h - 0.1 * gradients, low, high)  # SGD in natural coordinates
        if t % 3:
            continue
        a = population.next_all()
        clones = np.flatnonzero(a.actions == Action.CLONE)
        ranking = np.argsort(losses)
        assert set(clones) == set(ranking[-2:])
        h[clones] = h[a.sources[clones].astype(int)]
        population.report_all(np.zeros(K))

        a = population.next_all()
        evaluated = np.flatnonzero(a.actions == Action.EVALUATE)
        assert set(evaluated) == set(ranking[-3:])  # the worst half, clones included
        gradients = random.standard_normal((K, n))
        for k in evaluated:
            child = teacher.mutate(h[k], h[k] / size)
            np.testing.assert_allclose(a.hyperparameters[k], np.clip(child, low, high), rtol=1e-11, atol=1e-14)
        population.report_all(np.zeros(K), gradients)
        maker = copy.copy(teacher)  # of all children of the round
        for k in evaluated:  # what the bounds clipped takes no part
            child = maker.mutate(h[k], h[k] / size)
            inside = (child >= low) & (child <= high)
            clipped += (~inside).sum()
            gradient = np.where(inside, gradients[k], np.nan)
            if maker.residual(h[k], gradient, h[k] / size).any():
                teacher.learn(h[k], gradient, h[k] / size, maker)
        for k in clones:
            child = np.clip(teacher.mutate(h[k], h[k] / size), low, high)
            changed += (child != h[k]).sum()
            h[k] = child
    assert clipped > 10 and changed > 50


def exploit(space, algorithm, start, seed=0, flat=False, **options):
    """Values of a clone, and of its source, around one exploit without derivatives, or with derivatives of 0."""
    population = hpm.Population(
        space, population=2, interval=1, truncation=0.5, algorithm=algorithm, seed=seed, **options
    )
    if start is not None:
        population.set_initial(0, start)
    population.next_all()
    population.report_all([0.0, 1.0], np.zeros((2, space.dimension)) if flat else None)
    a = population.next_all()
    assert list(a.actions) == [Action.WAIT, Action.CLONE] and a.sources[1] == 0
    source = population.hyperparameters(0)
    np.testing.assert_array_equal(a.hyperparameters[1], source)
    population.report_all([0.0, 0.0])
    while (population.next_all().actions == Action.EVALUATE).any():
        population.report_all([0.0, 0.0])
    np.testing.assert_array_equal(population.hyperparameters(0), source)
    return source, population.hyperparameters(1)


def close_to_share(share, expected, count, sigmas=4.5):
    return abs(share - expected) < sigmas * np.sqrt(expected * (1 - expected) / count)


def test_mutation_of_hpm_is_gaussian_in_latent_coordinates():
    n = 20_000
    for low, high, scale in zip(LOW, HIGH, SCALE):
        space = hpm.SearchSpace().add_block("w", n, low, high, scale)
        scales = Scales(np.full(n, low), np.full(n, high), [scale] * n)
        middle = {"linear": 0.5, "log": 1e-2, "logit": 0.5}[scale]
        source, clone = exploit(space, "hpm", np.full(n, middle), flat=True)
        moved = scales.latent(clone) - scales.latent(source)
        assert abs(moved.mean()) < 4.5 * 0.1 / np.sqrt(n)
        assert abs(moved.std() / 0.1 - 1) < 4.5 / np.sqrt(2 * n)
        for sigmas, share in ((1, 0.3173), (2, 0.0455), (3, 0.0027)):
            assert close_to_share((np.abs(moved) > 0.1 * sigmas).mean(), share, n)
    source, clone = exploit(space, "hpm", np.full(n, low), flat=True, mutation_scale=0.05)  # reflected at the bound
    moved = scales.latent(clone)
    assert moved.min() >= 0 and abs(moved.mean() - 0.05 * np.sqrt(2 / np.pi)) < 4.5 * 0.05 / np.sqrt(n)


def test_hpm_without_hypergradients_mutates_as_pbt():
    space = hpm.SearchSpace().add_block("w", 1000, 1e-3, 1e3, "log")
    for seed in range(5):
        pairs = [exploit(space, algorithm, None, seed) for algorithm in ("hpm", "pbt")]
        np.testing.assert_array_equal(*pairs)


def test_mutation_of_pbt():
    n = 20_000
    space = hpm.SearchSpace().add_block("w", n, 1e-3, 1e3, "log")
    random = np.random.default_rng(0)
    start = 1e-3 * 1e6 ** random.random(n)
    start[: n // 10] = 1e3  # at the upper bound: x1.2 is clamped
    source, clone = exploit(space, "pbt", start)
    smaller, larger = np.clip(source * 0.8, 1e-3, 1e3), np.clip(source * 1.2, 1e-3, 1e3)
    near = lambda a, b: np.abs(a - b) <= 1e-15 * b
    factors = near(clone, smaller) | near(clone, larger)
    assert close_to_share(1 - factors.mean(), 0.25, n)
    inner = factors & (larger < 1e3)
    assert close_to_share(near(clone, smaller)[inner].mean(), 0.5, inner.sum())
    u = np.log(clone[~factors] / 1e-3) / np.log(1e6)  # drawn anew: uniform in latent coordinates
    counts, _ = np.histogram(u, 10, (0, 1))
    assert ((counts - len(u) / 10) ** 2 / (len(u) / 10)).sum() < 35


@pytest.mark.parametrize("scale", [0.2, 0.5])
def test_mutation_of_hpm_no_teacher(scale):
    n = 20_000
    space = hpm.SearchSpace().add_block("w", n, -10.0, 10.0)
    start = np.random.default_rng(0).uniform(-6, 6, n)
    source, clone = exploit(space, "hpm-no-teacher", start, mutation_scale=scale)
    smaller = np.abs(clone - source * (1 - scale)) < 1e-14
    larger = np.abs(clone - source * (1 + scale)) < 1e-14
    assert (smaller | larger).all() and close_to_share(smaller.mean(), 0.5, n)


@pytest.mark.parametrize(
    ("algorithm", "probability"),
    [
        ("hpm", 0.1), ("pbt", 0.25), ("hpm-no-teacher", 0.25), ("hpm-paper", 0.25), ("mutation-only", 0.25),
        ("clone-step", 0.25), ("mf-pbt", 0.25), ("reinforced", 0.25),
    ],
)
def test_choices_are_drawn_anew(algorithm, probability):
    space = hpm.SearchSpace()
    for index in range(1000):
        space.add_choice(f"c{index}", ["a", "b", "c", "d"])
    space.add_real("x", 0, 1)
    changes = []
    for seed in range(10):
        source, clone = exploit(space, algorithm, None, seed, flat=algorithm == "hpm")
        changes.append(clone[:1000] != source[:1000])
    assert close_to_share(np.mean(changes), probability * 0.75, 10_000)


@pytest.mark.parametrize(
    "algorithm",
    ["hpm", "pbt", "hpm-no-teacher", "hpm-paper", "mutation-only", "clone-step", "mf-pbt", "reinforced"],
)
def test_integers_move_by_at_least_one(algorithm):
    space = hpm.SearchSpace()
    ranges = [(0, 1, "linear"), (-3, 3, "linear"), (1, 9, "log"), (8, 4096, "log"), (0, 10**6, "linear"), (-1, 0, "linear")]
    for index in range(300):
        space.add_integer(f"k{index}", *ranges[index % 6])
    low, high = np.array([ranges[i % 6][:2] for i in range(300)]).T
    stays = 0
    for seed in range(5):
        source, clone = exploit(space, algorithm, None, seed)
        assert (clone == np.round(clone)).all() and (clone >= low).all() and (clone <= high).all()
        stays += (clone == source).sum()
    assert stays == 0


def test_a_mutation_scale_of_zero_copies():
    space, _ = three_scales(10)
    for algorithm in ("hpm", "pbt", "hpm-no-teacher", "mf-pbt", "reinforced"):
        source, clone = exploit(space, algorithm, None, mutation_scale=0.0)
        np.testing.assert_array_equal(source, clone)


@pytest.mark.parametrize("algorithm", ["hpm", "pbt", "hpm-paper", "hpm-no-teacher", "clone-step", "mutation-only"])
def test_who_is_replaced_and_by_whom(algorithm):
    random = np.random.default_rng(0)
    space = hpm.SearchSpace().add_real("x", 0, 1)
    sources, beyond = set(), 0
    for trial in range(60):
        students = int(random.integers(2, 12))
        share = random.choice([0.1, 0.2, 0.35, 0.5])
        population = hpm.Population(
            space, population=students, truncation=share, interval=1, algorithm=algorithm, seed=trial
        )
        losses = random.integers(0, 4, students).astype(float)
        losses[random.random(students) < 0.2] = np.nan
        population.next_all()
        population.report_all(losses)
        a = population.next_all()
        count = max(1, int(share * students))
        ranked = sorted(range(students), key=lambda k: (losses[k] if np.isfinite(losses[k]) else np.inf, k))
        best = [k for k in ranked[:count] if np.isfinite(losses[k])]
        worst = [k for rank, k in enumerate(ranked) if rank >= students - count or not np.isfinite(losses[k])]
        beyond += len(worst) - count if best else 0
        replaced = np.flatnonzero(a.actions == Action.CLONE)
        if not best:
            assert (a.actions == Action.TRAIN).all()
        elif len(replaced):
            assert set(np.flatnonzero(a.actions == Action.WAIT)) == set(range(students)) - set(replaced)
        assert set(replaced) <= set(worst) and set(a.sources[replaced].tolist()) <= set(best)
        for k in worst if best else []:
            strictly = not np.isfinite(losses[k]) or any(losses[s] < losses[k] for s in best)
            certainly = not np.isfinite(losses[k]) or all(losses[s] < losses[k] for s in best)
            if algorithm == "hpm":
                assert (k in replaced) <= strictly and (k in replaced) >= certainly
                assert k not in replaced or not losses[a.sources[k]] >= losses[k]
            else:
                assert k in replaced
        sources.update(ranked.index(s) for s in a.sources[replaced].tolist())
    assert len(sources) > 2  # drawn among the best, not always the very best
    assert beyond > 10  # students without a finite loss, more than the share


def test_branin_is_solved():
    space = hpm.SearchSpace().add_real("x", -5, 10).add_real("y", 0, 15)

    def branin(h):
        x, y = h[..., 0], h[..., 1]
        a = y - 5.1 / (4 * jax.numpy.pi**2) * x**2 + 5 / jax.numpy.pi * x - 6
        return a**2 + 10 * (1 - 1 / (8 * jax.numpy.pi)) * jax.numpy.cos(x) + 10

    values = jax.jit(jax.vmap(jax.value_and_grad(branin)))
    results = []
    for seed in range(5):
        population = hpm.Population(space, population=20, steps=50, seed=seed)
        while not ((a := population.next_all()).actions == Action.STOP).all():
            population.report_all(*map(np.asarray, values(a.hyperparameters)))
        h, loss = population.best_hyperparameters()
        np.testing.assert_allclose(branin(h), loss, rtol=1e-12)
        results.append(loss - 0.39788735772973816)
    assert np.median(results) < 0.005
