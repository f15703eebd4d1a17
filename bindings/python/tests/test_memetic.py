"""`memetic` against its second implementation, step by step through whole runs."""

import libhpm as hpm
import numpy as np
import pytest
from libhpm import Action
from reference_memetic import Memetic


def rastrigin(u, center, rng, noise):
    x = 6 * (u - center)
    loss = (x**2 - 3 * np.cos(2 * np.pi * x) + 3).sum()
    gradient = 6 * (2 * x + 6 * np.pi * np.sin(2 * np.pi * x))
    return loss + noise * rng.normal(), gradient + 6 * noise * rng.normal(size=u.shape)


def ridge(u, center, rng, noise):
    x = u - center
    weights = 10.0 ** np.arange(len(u))
    return weights @ x**2 / 2 + noise * rng.normal(), weights * x + 6 * noise * rng.normal(size=u.shape)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("noise", [0.05, 1.0])
@pytest.mark.parametrize("function", [rastrigin, ridge])
def test_every_step(function, noise, seed):
    """Noise, so that no decision hangs on the last bits; each step from the library's own point."""
    d, K = 4, 3
    rng = np.random.default_rng(seed)
    center = rng.uniform(-0.2, 1.2, d)
    space = hpm.SearchSpace()
    space.add_block("x", d, 0.0, 1.0)
    population = hpm.Population(space, population=K, algorithm="memetic", seed=seed)
    reference = Memetic(d, K, seed)
    restarts = 0
    expected = [population.hyperparameters(k) for k in range(K)]
    for number in range(200):
        actions, _, h = population.next_all()
        assert all(action == Action.TRAIN for action in actions)
        np.testing.assert_allclose(h, expected, rtol=0, atol=1e-8, err_msg=f"seed {seed}, round {number}")
        answers = [function(h[k], center, rng, noise) for k in range(K)]
        if number % 17 == 5:
            answers[1] = (np.nan, answers[1][1])
        if number % 23 == 7:
            answers[2][1][0] = np.inf
        population.report_all(np.array([loss for loss, _ in answers]), np.array([gradient for _, gradient in answers]))
        expected = [reference.report(k, h[k], *answers[k]) for k in range(K)]
        point, loss = population.best_hyperparameters()
        best = reference.best()
        np.testing.assert_allclose(point, best.u, rtol=0, atol=1e-12)
        assert loss == pytest.approx(best.E if abs(best.E - best.F) <= 13 * reference.common() else best.F, rel=1e-9)
    restarts = sum(student.restarts for student in reference.students)
    assert restarts > 5 and len(reference.memory) > 1


def test_default_size_and_errors():
    space = hpm.SearchSpace()
    space.add_real("x", 0.0, 1.0)
    population = hpm.Population(space, algorithm="memetic")
    assert population.size == 4
    population.next(0)
    with pytest.raises(hpm.ArgumentError, match="'x'"):
        population.report(0, 1.0)
    space.add_integer("layers", 1, 9)
    with pytest.raises(hpm.ArgumentError, match="'layers'"):
        hpm.Population(space, algorithm="memetic")
