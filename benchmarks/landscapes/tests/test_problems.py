import moving
import numpy as np
import problems
import pytest
from scipy.optimize import approx_fprime, minimize

PLAIN = [name for name in problems.names() if "~" not in name and not name.startswith("bbob-")]


def points(problem, count, seed):
    return problem.low + (problem.high - problem.low) * np.random.default_rng(seed).random((count, problem.dimension))


@pytest.mark.parametrize("name", PLAIN)
def test_gradients_are_those_of_central_differences(name):
    problem = problems.problem(name, 0)
    x = points(problem, 5, 1)
    values, gradients = problem.evaluate(x)
    assert values == pytest.approx(problem.value(x), rel=1e-14)
    step = 1e-6 * (problem.high - problem.low)
    for i in range(problem.dimension):
        move = np.zeros(problem.dimension)
        move[i] = step[i]
        differences = (problem.value(x + move) - problem.value(x - move)) / (2 * step[i])
        error = 1e-6 * np.abs(gradients).max() + 1e-15 * np.abs(values).max() / step[i]
        assert np.abs(differences - gradients[:, i]).max() <= error


@pytest.mark.parametrize("name", PLAIN)
def test_the_optimum_is_one(name):
    problem = problems.problem(name, 0)
    d = problem.dimension
    kind = name.split("-")[0]
    shift = problems.shift(problem.low[0], problem.high[0], d)
    start = {
        "branin": np.array([np.pi, 2.275]),
        "hartmann6": np.array([0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573]),
        "styblinski": np.full(d, -2.903534),
        "levy": 1 + shift,
        "rosenbrock": 1 + shift,
    }.get(kind, shift)
    assert ((start >= problem.low) & (start <= problem.high)).all()
    found = minimize(
        lambda x: tuple(part[0] for part in problem.evaluate(x[None])), start, jac=True, method="BFGS",
        options={"gtol": 1e-12},
    )
    lowest = min(found.fun, problem.value(start[None])[0])
    assert lowest == pytest.approx(problem.optimum, abs=1e-11 * max(1, d / 10, abs(problem.optimum)))
    assert problem.regret(start) <= 1e-8 * d or kind in ("branin", "hartmann6", "styblinski")
    assert (problem.value(points(problem, 200, 2)) > problem.optimum).all()


def test_boxes_and_shifts_are_those_of_the_text():
    levy = problems.problem("levy-10", 0)
    assert levy.low[0] == -10 and levy.high[0] == 10
    i = np.arange(10)
    assert levy.value((1 + 0.25 * 20 * np.sin(1 + 2.3 * i))[None])[0] < 1e-25
    assert problems.problem("styblinski-tang-10", 0).value(np.full((1, 10), -2.903534))[0] == pytest.approx(-391.66166)


def test_bbob():
    for number in range(1, 25):
        problem = problems.bbob(number, seed=3)
        x = points(problem, 2, number)
        values, gradients = problem.evaluate(x)
        assert values == pytest.approx(problem.value(x))
        assert (values >= problem.optimum).all()
    sphere = problems.bbob(1, seed=3)
    x = points(sphere, 1, 0)
    values, gradients = sphere.evaluate(x)
    # f = |x - o|^2 + f_opt: the gradient points away from the optimum, with |g|^2 = 4 (f - f_opt)
    assert (gradients**2).sum() == pytest.approx(4 * (values[0] - sphere.optimum), rel=1e-6)
    assert sphere.regret(x[0] - gradients[0] / 2) < 1e-6


def test_noise_has_its_size_in_latent_units_and_its_seed():
    problem = problems.problem("rosenbrock-10~noisy", 0)
    x = np.repeat(points(problem, 1, 0), 20000, axis=0)
    values, gradients = problems.Evaluations(problem, 5)(x)
    exact, slope = problem.evaluate(x[:1])
    assert (values - exact).std() == pytest.approx(10, rel=0.03)
    latent = (gradients - slope) * (problem.high - problem.low)
    assert latent.std(axis=0) == pytest.approx(np.full(10, 30), rel=0.03)
    assert np.corrcoef(np.column_stack([values, latent]).T)[np.triu_indices(11, 1)] == pytest.approx(0, abs=0.05)
    again, _ = problems.Evaluations(problem, 5)(x[:3])
    assert again == pytest.approx(values[:3], rel=1e-12)
    other, _ = problems.Evaluations(problem, 6)(x[:3])
    assert (np.abs(other - values[:3]) > 0.01).all()
    assert problem.regret(x[0]) == exact[0]


def test_a_twentieth_of_the_calls_fails_in_every_way():
    problem = problems.problem("levy-10~failing", 0)
    evaluations = problems.Evaluations(problem, 1)
    values, gradients = evaluations(np.repeat(points(problem, 1, 0), 20000, axis=0))
    failed = ~np.isfinite(values) | ~np.isfinite(gradients).all(axis=1)
    assert failed.sum() == evaluations.failures == pytest.approx(1000, abs=100)
    assert np.isnan(values).any() and (values == np.inf).any() and (values == -np.inf).any()
    assert np.isnan(gradients).any() and np.isinf(gradients).any()
    assert evaluations.calls == 20000


def test_a_point_outside_is_an_error():
    evaluations = problems.Evaluations(problems.problem("branin", 0), 0)
    evaluations(np.array([[-5.0, 15.0]]))
    for outside in ([-5.0000001, 0.0], [0.0, np.nextafter(15, 16)], [np.nan, 1.0]):
        with pytest.raises(problems.OutOfBounds):
            evaluations(np.array([outside]))


def test_moving_weights():
    weights, h = np.array([[0.9, 0.7], [0.5, 0.2]]), np.array([[0.3, 1.0], [0.0, 0.6]])
    after, losses, slopes = moving.train(weights, h)
    expected = weights.copy()
    for _ in range(moving.STEPS):
        expected += moving.RATE * -2 * h * expected  # ascends 1.2 - h theta^2
    assert after == pytest.approx(expected, rel=1e-13)
    assert losses == pytest.approx((expected**2).sum(axis=1))
    for k in range(2):
        numeric = approx_fprime(h[k], lambda x: moving.train(weights[k : k + 1], x[None])[1][0], 1e-6)
        assert slopes[k] == pytest.approx(numeric, rel=1e-4, abs=1e-8)
