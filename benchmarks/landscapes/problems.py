"""The problems, each with its gradient, vectorised over points.

Those of Dixon and Szego (1978) and the usual multimodal test functions in boxes, shifted so that no optimum lies
at the middle of the box; the same with noise; the same with calls that fail; and the 24 noiseless BBOB functions
(Hansen et al., 2009) from the package `ioh`.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Problem:
    """A function to minimise in a box.

    `evaluate(points)` takes points of shape [n, d] in natural units, within the box, and returns
    values [n] and gradients [n, d]; `value(points)` the values alone. Both are exact; noise and
    failures are added by Evaluations.
    """

    name: str
    group: str
    low: Array
    high: Array
    optimum: float
    evaluate: Callable[[Array], tuple[Array, Array]]
    value: Callable[[Array], Array]
    noise: tuple[float, float] = (0.0, 0.0)
    """Standard deviations of the value and of each component of the gradient in latent units (the box
    scaled to [0, 1])."""
    failing: float = 0.0
    """The share of calls that return a NaN or an infinity."""

    @property
    def dimension(self) -> int:
        return self.low.size

    def regret(self, point: Array) -> float:
        """How far the true value at a point lies above the optimum; below 1e-8 it counts as 0."""
        found = float(self.value(point[None])[0]) - self.optimum
        return 0.0 if found < 1e-8 else found


def branin(x: Array) -> tuple[Array, Array]:
    b, c, t = 5.1 / (4 * np.pi**2), 5 / np.pi, 1 / (8 * np.pi)
    u = x[:, 1] - b * x[:, 0] ** 2 + c * x[:, 0] - 6
    value = u**2 + 10 * (1 - t) * np.cos(x[:, 0]) + 10
    first = 2 * u * (c - 2 * b * x[:, 0]) - 10 * (1 - t) * np.sin(x[:, 0])
    return value, np.stack([first, 2 * u], axis=1)


HARTMANN_WEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
HARTMANN_SCALES = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
HARTMANN_CENTRES = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann6(x: Array) -> tuple[Array, Array]:
    away = x[:, None, :] - HARTMANN_CENTRES
    hills = HARTMANN_WEIGHTS * np.exp(-(HARTMANN_SCALES * away**2).sum(axis=2))
    return -hills.sum(axis=1), 2 * (hills[:, :, None] * HARTMANN_SCALES * away).sum(axis=1)


def ackley(z: Array) -> tuple[Array, Array]:
    d = z.shape[1]
    length = np.sqrt((z**2).mean(axis=1))
    cosines = np.exp(np.cos(2 * np.pi * z).mean(axis=1))
    bowl = 20 * np.exp(-0.2 * length)
    value = -bowl - cosines + 20 + np.e
    slope = np.divide(0.2 * bowl, length * d, out=np.zeros_like(length), where=length > 0)  # none at the tip
    return value, slope[:, None] * z + 2 * np.pi / d * np.sin(2 * np.pi * z) * cosines[:, None]


def levy(z: Array) -> tuple[Array, Array]:
    w = 1 + (z - 1) / 4
    v, last = w[:, :-1], w[:, -1]
    wave = np.sin(np.pi * v + 1)
    value = (
        np.sin(np.pi * w[:, 0]) ** 2
        + ((v - 1) ** 2 * (1 + 10 * wave**2)).sum(axis=1)
        + (last - 1) ** 2 * (1 + np.sin(2 * np.pi * last) ** 2)
    )
    g = np.zeros_like(w)
    g[:, :-1] = 2 * (v - 1) * (1 + 10 * wave**2) + (v - 1) ** 2 * 20 * np.pi * wave * np.cos(np.pi * v + 1)
    g[:, -1] += 2 * (last - 1) * (1 + np.sin(2 * np.pi * last) ** 2)
    g[:, -1] += (last - 1) ** 2 * 2 * np.pi * np.sin(4 * np.pi * last)
    g[:, 0] += np.pi * np.sin(2 * np.pi * w[:, 0])
    return value, g / 4


def rastrigin(z: Array) -> tuple[Array, Array]:
    value = (z**2 - 10 * np.cos(2 * np.pi * z) + 10).sum(axis=1)
    return value, 2 * z + 20 * np.pi * np.sin(2 * np.pi * z)


def rosenbrock(z: Array) -> tuple[Array, Array]:
    curve = z[:, 1:] - z[:, :-1] ** 2
    value = (100 * curve**2 + (1 - z[:, :-1]) ** 2).sum(axis=1)
    g = np.zeros_like(z)
    g[:, :-1] = -400 * curve * z[:, :-1] - 2 * (1 - z[:, :-1])
    g[:, 1:] += 200 * curve
    return value, g


def griewank(z: Array) -> tuple[Array, Array]:
    roots = np.sqrt(np.arange(1, z.shape[1] + 1))
    cosines = np.cos(z / roots)
    ones = np.ones((z.shape[0], 1))
    before = np.cumprod(np.hstack([ones, cosines[:, :-1]]), axis=1)
    after = np.cumprod(np.hstack([ones, cosines[:, :0:-1]]), axis=1)[:, ::-1]
    value = 1 + (z**2).sum(axis=1) / 4000 - before[:, -1] * cosines[:, -1]
    return value, z / 2000 + before * after * np.sin(z / roots) / roots


def styblinski_tang(z: Array) -> tuple[Array, Array]:
    return (z**4 - 16 * z**2 + 5 * z).sum(axis=1) / 2, (4 * z**3 - 32 * z + 5) / 2


# Found by Newton steps from the published minima; the tests find them again.
BRANIN_OPTIMUM = 0.39788735772973816
HARTMANN_OPTIMUM = -3.322368011415515
STYBLINSKI_OPTIMUM = -39.16616570377141  # of each coordinate

SCALABLE = {  # half width of the box or its two ends, function, shifted
    "ackley": ((-32.768, 32.768), ackley, True),
    "levy": ((-10.0, 10.0), levy, True),
    "rastrigin": ((-5.12, 5.12), rastrigin, True),
    "rosenbrock": ((-5.0, 10.0), rosenbrock, True),
    "griewank": ((-600.0, 600.0), griewank, True),
    "styblinski-tang": ((-5.0, 5.0), styblinski_tang, False),
}
NOISE = {"branin": (1.0, 1.0), "hartmann6": (0.05, 0.1), "levy": (1.0, 1.0), "rosenbrock": (10.0, 30.0)}
FAILING = ("branin", "levy-10", "rosenbrock-10")
FAILING_SHARE = 0.05
BBOB_DIMENSION = 10
DIFFERENCE = 1e-5
"""Half the distance of BBOB's central differences, in a box from -5 to 5."""


def shift(low: float, high: float, dimension: int) -> Array:
    return 0.25 * (high - low) * np.sin(1 + 2.3 * np.arange(dimension))


def plain(name: str) -> Problem:
    """A problem without noise, by its name: `branin`, `hartmann6`, or `levy-10` with its dimension."""
    if name == "branin":
        return Problem(
            name, "clean", np.array([-5.0, 0.0]), np.array([10.0, 15.0]), BRANIN_OPTIMUM, branin, lambda x: branin(x)[0]
        )
    if name == "hartmann6":
        return Problem(name, "clean", np.zeros(6), np.ones(6), HARTMANN_OPTIMUM, hartmann6, lambda x: hartmann6(x)[0])
    kind, _, size = name.rpartition("-")
    (low, high), function, shifted = SCALABLE[kind]
    d = int(size)
    t = shift(low, high, d) if shifted else np.zeros(d)
    return Problem(
        name,
        "clean" if d == 10 else f"clean, {d} dimensions",
        np.full(d, low),
        np.full(d, high),
        0.0 if shifted else STYBLINSKI_OPTIMUM * d,
        lambda x: function(x - t),
        lambda x: function(x - t)[0],
    )


def bbob(number: int, seed: int) -> Problem:
    """A BBOB function; the instance is the seed plus 1. The gradient is by central differences, which cost no call."""
    import ioh

    function = ioh.get_problem(number, seed + 1, BBOB_DIMENSION, ioh.ProblemClass.BBOB)
    d = BBOB_DIMENSION
    steps = np.concatenate([np.zeros((1, d)), DIFFERENCE * np.eye(d), -DIFFERENCE * np.eye(d)])

    def value(x: Array) -> Array:
        return np.array(function(np.ascontiguousarray(x)), dtype=float).reshape(len(x))

    def evaluate(x: Array) -> tuple[Array, Array]:
        values = value((x[:, None, :] + steps).reshape(-1, d)).reshape(len(x), 2 * d + 1)
        return values[:, 0], (values[:, 1 : d + 1] - values[:, d + 1 :]) / (2 * DIFFERENCE)

    return Problem(
        f"bbob-{number:02}", "BBOB", np.full(d, -5.0), np.full(d, 5.0), float(function.optimum.y), evaluate, value
    )


@cache
def _plain(name: str) -> Problem:
    return plain(name)


def problem(name: str, seed: int) -> Problem:
    """The problem of a name in `names()`; all but BBOB's are the same for each seed."""
    if name.startswith("bbob-"):
        return bbob(int(name[5:]), seed)
    base, _, variant = name.partition("~")
    found = _plain(base)
    if variant == "noisy":
        group = "noisy" if found.group == "clean" else found.group.replace("clean", "noisy")
        return replace(found, name=name, group=group, noise=NOISE[base.split("-")[0]])
    if variant == "failing":
        return replace(found, name=name, group="failing", failing=FAILING_SHARE)
    return found


def names() -> list[str]:
    """Of all problems but the one of moving weights, group by group."""
    scalable = [f"{kind}-10" for kind in SCALABLE]
    small = ["branin", "hartmann6", *scalable]
    noisy = [f"{name}~noisy" for name in small if name.split("-")[0] in NOISE]
    large = [
        name
        for d in (50, 200)
        for name in (
            *(f"{kind}-{d}" for kind in SCALABLE),
            *(f"{kind}-{d}~noisy" for kind in SCALABLE if kind in NOISE),
        )
    ]
    return [*small, *noisy, *large, *(f"{name}~failing" for name in FAILING), *(f"bbob-{i:02}" for i in range(1, 25))]


class OutOfBounds(AssertionError):
    """An algorithm asked for a point outside the box."""


class Exhausted(Exception):
    """The budget is spent."""


class Evaluations:
    """The calls that an algorithm makes on a problem: counted, checked, with noise and failures.

    One call is one value, with or without gradient. Noise and failures depend on the problem, the seed and the
    call's number alone.
    """

    def __init__(self, problem: Problem, seed: int):
        self.problem, self.calls = problem, 0
        self._random = np.random.default_rng([seed, zlib.crc32(problem.name.encode())])
        self.failures = 0

    def __call__(self, points: Array, gradient: bool = True) -> tuple[Array, Array | None]:
        """Values [n] and gradients [n, d], natural units, at points [n, d]; n calls."""
        problem = self.problem
        if not ((points >= problem.low) & (points <= problem.high)).all():
            raise OutOfBounds(f"{problem.name}, call {self.calls}: {points} lies outside the box")
        self.calls += len(points)
        if gradient:
            values, gradients = problem.evaluate(points)
        else:
            values, gradients = problem.value(points), None
        if problem.noise != (0.0, 0.0):
            draws = self._random.standard_normal((len(points), 1 + problem.dimension))
            values = values + problem.noise[0] * draws[:, 0]
            if gradient:
                gradients = gradients + problem.noise[1] * draws[:, 1:] / (problem.high - problem.low)
        if problem.failing:
            values, gradients = self._fail(values.copy(), None if gradients is None else gradients.copy())
        return values, gradients

    def _fail(self, values: Array, gradients: Array | None) -> tuple[Array, Array | None]:
        draws = self._random.random((len(values), 2))
        for i in np.flatnonzero(draws[:, 0] < self.problem.failing):
            self.failures += 1
            kind = int(draws[i, 1] * 6)
            if kind < 3:  # the loss
                values[i] = (np.nan, np.inf, -np.inf)[kind]
            if gradients is not None and kind >= 2:
                if kind == 3:
                    gradients[i] = np.nan
                elif kind == 4:
                    gradients[i, 0] = np.inf
                else:
                    gradients[i, -1] = -np.inf
        return values, gradients
