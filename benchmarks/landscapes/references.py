"""Other packages on the same problems, with the same calls, noise and gradients.

All work in the box scaled to [0, 1], with gradients in these units. Those that start anywhere begin at the points
where the library's students begin. The result is the true regret of the point that the package recommends: the best
value observed, but for NGOpt (its own recommendation) and CMA-ES under noise (the mean of its distribution, as its
documentation says).
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from problems import Evaluations, Exhausted, Problem
from populations import starts

STARTS = 20


class Ledger:
    """The calls of one run: the incumbent, and the rows of the checkpoints.

    `values(points)` for algorithms without gradients and `value_and_gradient(point)` for those with, all in [0, 1].
    Raises Exhausted at the first call beyond the last checkpoint.
    """

    def __init__(self, problem: Problem, seed: int, checkpoints: list[int]):
        self.problem, self.checkpoints = problem, checkpoints
        self.noisy = problem.noise != (0.0, 0.0)
        self.evaluations = Evaluations(problem, seed)
        self._width = problem.high - problem.low
        self._best = np.inf
        self._incumbent: np.ndarray | None = None
        self.recommend: Callable[[], np.ndarray | None] | None = None
        """Where the package recommends another point than the incumbent."""
        self.rows: list[dict] = []
        self._begin = time.process_time()
        first = (starts(problem, seed, STARTS) - problem.low) / self._width
        self._starts = list(np.clip(first, 0, 1))
        self.random = np.random.default_rng([seed, 1])

    @property
    def left(self) -> int:
        return self.checkpoints[-1] - self.evaluations.calls

    def start(self) -> np.ndarray:
        """The next point to start from: those of the library's students, then uniform ones."""
        return self._starts.pop(0) if self._starts else self.random.random(self.problem.dimension)

    def natural(self, points: np.ndarray) -> np.ndarray:
        """In natural units; a point outside stays outside, one inside is not rounded out of the box."""
        inside = (points >= 0) & (points <= 1)
        natural = self.problem.low + points * self._width
        return np.where(inside, np.clip(natural, self.problem.low, self.problem.high), natural)

    def _note(self, points: np.ndarray, values: np.ndarray) -> None:
        count = self.evaluations.calls - len(points)
        for point, value in zip(points, values):
            count += 1
            if value < self._best:
                self._best, self._incumbent = value, point.copy()
            if len(self.rows) < len(self.checkpoints) and count == self.checkpoints[len(self.rows)]:
                self.record(count)

    def record(self, budget: int) -> None:
        point = self.recommend() if self.recommend else None
        point = self._incumbent if point is None else point
        self.rows.append(
            {
                "budget": budget,
                "result": self._regret(point),
                "observed": self._regret(self._incumbent),
                "training_calls": budget,
                "teacher_calls": 0,
                "clones": 0,
                "restarts": self.restarts,
                "seconds": time.process_time() - self._begin,
            }
        )

    def _regret(self, point: np.ndarray | None) -> float:
        return np.inf if point is None else self.problem.regret(self.natural(np.asarray(point)))

    restarts = 0
    """Searches that ended before; counted by the algorithm."""

    def values(self, points: np.ndarray) -> np.ndarray:
        points = np.asarray(points, dtype=float)[: self.left]
        if len(points) == 0:
            raise Exhausted
        values, _ = self.evaluations(self.natural(points), gradient=False)
        self._note(points, values)
        return values

    def value_and_gradient(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        if self.left == 0:
            raise Exhausted
        point = np.array(point, dtype=float)[None]
        values, gradients = self.evaluations(self.natural(point))
        self._note(point, values)
        return float(values[0]), gradients[0] * self._width


def multi_start(ledger: Ledger, seed: int) -> None:
    """L-BFGS-B of scipy, started anew until the budget is spent."""
    from scipy.optimize import minimize

    box = [(0.0, 1.0)] * ledger.problem.dimension
    while True:
        minimize(
            ledger.value_and_gradient, ledger.start(), jac=True, method="L-BFGS-B", bounds=box,
            options={"ftol": 1e-12, "gtol": 1e-8, "maxiter": 10**6, "maxfun": 10**6},
        )
        ledger.restarts += 1


class Step:
    """A uniform displacement, back into the box; scipy adapts its size."""

    def __init__(self, random: np.random.Generator, stepsize: float):
        self.random, self.stepsize = random, stepsize

    def __call__(self, point: np.ndarray) -> np.ndarray:
        return np.clip(point + self.random.uniform(-self.stepsize, self.stepsize, point.shape), 0, 1)


def basin_hopping(ledger: Ledger, seed: int) -> None:
    """Basin hopping of scipy with steps of 0.1 and L-BFGS-B."""
    from scipy.optimize import basinhopping

    box = [(0.0, 1.0)] * ledger.problem.dimension
    local = {
        "method": "L-BFGS-B", "jac": True, "bounds": box,
        "options": {"ftol": 1e-12, "gtol": 1e-8, "maxiter": 10**6, "maxfun": 10**6},
    }
    basinhopping(
        ledger.value_and_gradient, ledger.start(), niter=10**6, take_step=Step(ledger.random, 0.1),
        minimizer_kwargs=local, rng=np.random.default_rng([seed, 2]),
    )


def mlsl(ledger: Ledger, seed: int) -> None:
    """MLSL with a low-discrepancy sequence and L-BFGS of nlopt, begun anew when L-BFGS gives up, as it does under noise."""
    import nlopt

    d = ledger.problem.dimension
    failure: list[BaseException] = []

    def objective(point: np.ndarray, gradient: np.ndarray) -> float:
        try:
            value, slope = ledger.value_and_gradient(point)
        except BaseException as error:  # nlopt would replace it by its own
            failure.append(error)
            raise nlopt.ForcedStop() from error
        if gradient.size:
            gradient[:] = slope
        return value

    nlopt.srand(seed + 1)
    while True:
        local = nlopt.opt(nlopt.LD_LBFGS, d)
        local.set_ftol_rel(1e-9)  # tighter ones make its line search fail at the optimum
        local.set_ftol_abs(1e-10)
        local.set_xtol_rel(1e-9)
        search = nlopt.opt(nlopt.GD_MLSL_LDS, d)
        search.set_lower_bounds(np.zeros(d))
        search.set_upper_bounds(np.ones(d))
        search.set_local_optimizer(local)
        search.set_min_objective(objective)
        search.set_maxeval(10**8)
        try:
            search.optimize(ledger.start())
        except Exception:  # of nlopt, for which our own exception has become another one
            if failure:
                raise failure[0]
        ledger.restarts += 1


def cma_es(ledger: Ledger, seed: int) -> None:
    """CMA-ES of `cma` with a population that doubles at each restart, first standard deviation 0.25."""
    import cma

    kept: list[tuple[float, np.ndarray]] = []  # of ended searches: mean value of the last generation, and its centre
    search = None
    values = np.array([np.inf])

    def recommend():
        now = [] if search is None else [(float(np.mean(values)), np.clip(search.result.xfavorite, 0, 1))]
        return min(kept + now, key=lambda pair: pair[0])[1] if kept or now else None

    if ledger.noisy:
        ledger.recommend = recommend
    factor = 1
    while True:
        options = {"bounds": [0, 1], "seed": seed * 100 + ledger.restarts + 1, "verbose": -9}
        if factor > 1:
            options["popsize"] = factor * search.popsize // (factor // 2)
        search = cma.CMAEvolutionStrategy(ledger.start(), 0.25, options)
        values = np.array([np.inf])
        while not search.stop():
            points = np.array(search.ask())
            values = ledger.values(points)
            if len(values) < len(points):
                raise Exhausted
            search.tell(list(points), list(values))
        kept.append((float(np.mean(values)), np.clip(search.result.xfavorite, 0, 1)))
        factor *= 2
        ledger.restarts += 1


def tpe(ledger: Ledger, seed: int) -> None:
    """The tree-structured Parzen estimator of optuna with its defaults."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    names = [f"x{i}" for i in range(ledger.problem.dimension)]
    boxes = {name: optuna.distributions.FloatDistribution(0, 1) for name in names}
    study.enqueue_trial(dict(zip(names, map(float, ledger.start()))))
    while True:
        trial = study.ask(boxes)
        study.tell(trial, float(ledger.values(np.array([[trial.params[name] for name in names]]))[0]))


def ngopt(ledger: Ledger, seed: int) -> None:
    """NGOpt of nevergrad, which chooses an algorithm by dimension and budget: each budget is a run of its own."""
    import nevergrad

    box = nevergrad.p.Array(init=ledger.start()).set_bounds(0, 1)
    box.random_state.seed(seed)
    search = nevergrad.optimizers.NGOpt(box, budget=ledger.checkpoints[-1])
    ledger.recommend = lambda: np.clip(search.provide_recommendation().value, 0, 1)
    while True:
        candidate = search.ask()
        if ledger.left == 1:  # the last value is told before the recommendation is asked for
            point = np.array([candidate.value])
            value = float(ledger.evaluations(ledger.natural(point), gradient=False)[0][0])
            search.tell(candidate, value)
            ledger.record(ledger.checkpoints[-1])
            raise Exhausted
        search.tell(candidate, float(ledger.values(np.array([candidate.value]))[0]))


@dataclass(frozen=True)
class Reference:
    name: str
    run: Callable[[Ledger, int], None]
    seeds: dict[int, int] = field(default_factory=lambda: {200: 1000, 1000: 1000, 4000: 1000})
    """For each budget, of how many seeds at most; the slow packages have fewer."""
    dimension: int = 1000
    """At most."""
    separate: bool = False
    """Whether each budget is a run of its own."""
    slow: dict[int, int] = field(default_factory=dict)
    """More of them, that run on request."""


REFERENCES = {
    reference.name: reference
    for reference in (
        Reference("multi-start", multi_start),
        Reference("basin hopping", basin_hopping),
        Reference("MLSL", mlsl),
        Reference("CMA-ES", cma_es),
        Reference("TPE", tpe, {200: 10, 1000: 5}, dimension=10, slow={1000: 10}),
        Reference("NGOpt", ngopt, {200: 10, 1000: 5}, dimension=10, separate=True, slow={1000: 10, 4000: 3}),
    )
}


def run(problem: Problem, reference: Reference, seed: int, checkpoints: list[int]) -> list[dict]:
    """One run: a row for each checkpoint."""
    if reference.separate and len(checkpoints) > 1:
        return [row for budget in checkpoints for row in run(problem, reference, seed, [budget])]
    ledger = Ledger(problem, seed, checkpoints)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        np.random.seed(seed)  # some packages draw from the global generator
        try:
            reference.run(ledger, seed)
        except Exhausted:
            pass
    if len(ledger.rows) < len(checkpoints):
        raise AssertionError(f"{reference.name} ended after {ledger.evaluations.calls} calls")
    return ledger.rows
