"""libhpm's algorithms on the problems: which, with what options, and one run."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import libhpm as hpm
import moving
import numpy as np
from problems import Evaluations, Problem


@dataclass(frozen=True)
class Method:
    """An algorithm of the library with one setting for all problems."""

    name: str
    options: dict = field(default_factory=dict)
    gradients: bool = True
    """Whether it uses them; if not, none are computed."""
    budget: int = 4000
    """The largest that it is run to: a Gaussian process takes seconds."""
    budget_on_moving: int = 4000
    seeds: int = 1000
    """At most."""
    large_seeds: int = 1000
    """At most, in 50 and 200 dimensions."""
    on_moving: dict = field(default_factory=dict)
    """Options for the problem of moving weights, in place of those above."""
    algorithm: str = ""
    """Of the library; empty: as the name."""

    @property
    def option_string(self) -> str:
        return self.algorithm or self.name


# The populations of the laboratory in which the algorithms were designed: 20 students, 10 for `hypergradient`, `memetic` at its default. A
# trial of one report is one call. On moving weights all have 8 students, or the numbers of reports would differ.
METHODS = {
    method.name: method
    for method in (
        Method("memetic"),
        Method("hpm", {"population": 20}),
        Method("hpm-paper", {"population": 20}),
        Method("hpm-no-teacher", {"population": 20}),
        Method("clone-step", {"population": 20}),
        Method("mutation-only", {"population": 20}),
        Method("hypergradient", {"population": 10}),
        Method("reinforced", {"population": 20}, gradients=False),
        Method("mf-pbt", {"population": 20}, gradients=False),
        Method("pbt", {"population": 20}, gradients=False),
        Method("pb2", {"population": 20}, gradients=False, budget=1000, seeds=10),
        Method("bayesian", {"population": 4, "trial": 1}, gradients=False, budget=200, seeds=10, large_seeds=3,
               on_moving={"trial": 25}),
        Method("random", {"population": 20, "trial": 1}, gradients=False, on_moving={"trial": 0}),
    )
}
MOVING_POPULATION = 8
TUNED = ("hypergradient", "clone-step", "hpm-no-teacher", "hpm-paper")
RATES = tuple(10 ** (-0.5 * i) for i in range(8))  # 1 ... 10^-3.5, over the median norm of a latent gradient


def space_of(problem: Problem) -> hpm.SearchSpace:
    space = hpm.SearchSpace()
    if (problem.low == problem.low[0]).all() and (problem.high == problem.high[0]).all():
        return space.add_block("x", problem.dimension, problem.low[0], problem.high[0])
    for i, (low, high) in enumerate(zip(problem.low, problem.high)):
        space.add_real(f"x{i}", low, high)
    return space


def starts(problem: Problem, seed: int, count: int) -> np.ndarray:
    """The points [count, d] at which the students of every algorithm begin with this seed, natural units."""
    population = hpm.Population(space_of(problem), population=count, seed=seed)
    return np.array([population.hyperparameters(student) for student in range(count)])


def missing() -> dict[str, str]:
    """The methods that this build of the library does not know, with its reason."""
    reasons = {}
    for name, method in METHODS.items():
        try:
            hpm.Population(hpm.SearchSpace().add_real("x", 0, 1), algorithm=method.option_string)
        except hpm.ArgumentError as error:
            reasons[name] = str(error)
    return reasons


def tuned(name: str, rate: float, problem: Problem) -> dict:
    """Options of an algorithm with SGD of a learning rate relative to the problem: rate over the median norm of
    the gradient at 200 uniform points, in the units in which the algorithm moves (latent; natural for `hpm-paper`)."""
    points = np.random.default_rng(0).random((200, problem.dimension))
    width = problem.high - problem.low
    gradients = problem.evaluate(problem.low + points * width)[1] * width
    value = rate / float(np.median(np.linalg.norm(gradients, axis=1)))
    if name == "hpm-paper":  # a natural step is width^2 times a step in latent units that has this length
        value *= float(np.median(width)) ** 2
    return {"hyper_optimizer": "sgd", "hyper_learning_rate": value}


@dataclass
class State:
    """What a run has come to before a round."""

    population: hpm.Population
    training: int = 0
    teacher: int = 0
    clones: int = 0
    restarts: int = 0


def rounds(population: hpm.Population, answer) -> Iterator[tuple[int, State, hpm.population.Assignments]]:
    """Before each round: how many calls it will make, the state so far, and the tasks; then the round itself.

    `answer(assigned, busy)` returns losses [K] and gradients [K, d] or None; `busy` marks the students that train
    or are evaluated, the rest is ignored.
    """
    state = State(population)
    while True:
        assigned = population.next_all()
        training = assigned.actions == hpm.Action.TRAIN
        teacher = assigned.actions == hpm.Action.EVALUATE
        if (assigned.actions == hpm.Action.STOP).all():
            raise AssertionError("stopped without having been asked to")
        yield int(training.sum() + teacher.sum()), state, assigned
        population.report_all(*answer(assigned, training | teacher))
        state.training += int(training.sum())
        state.teacher += int(teacher.sum())
        state.clones += int((assigned.actions == hpm.Action.CLONE).sum())
        state.restarts += int((assigned.actions == hpm.Action.RESTART).sum())


def record(population: hpm.Population, answer, result, checkpoints: list[int]) -> list[dict]:
    """Runs until the largest checkpoint and returns a row for each, after the last round that fits; `result()` has
    the regrets of the reported and of the lowest observed point."""
    rows: list[dict] = []
    begin = time.process_time()
    for calls, state, _ in rounds(population, answer):
        while len(rows) < len(checkpoints) and state.training + state.teacher + calls > checkpoints[len(rows)]:
            rows.append(
                {
                    "budget": checkpoints[len(rows)],
                    **dict(zip(("result", "observed"), result())),
                    "training_calls": state.training,
                    "teacher_calls": state.teacher,
                    "clones": state.clones,
                    "restarts": state.restarts,
                    "seconds": time.process_time() - begin,
                }
            )
        if len(rows) == len(checkpoints):
            return rows
    raise AssertionError("unreachable")


def run(problem: Problem, method: Method, seed: int, checkpoints: list[int], options: dict | None = None, visit=None):
    """One run on a problem: a row for each checkpoint (a number of calls, in ascending order).

    The result is the true regret of the point that the library reports as the best known, infinite before there is
    one; `observed` that of the point with the lowest loss of all calls, which somebody who keeps a list has. `visit(assigned)` sees each round (for pictures).
    """
    evaluations = Evaluations(problem, seed)
    population = hpm.Population(
        space_of(problem), algorithm=method.option_string, seed=seed, **(method.options if options is None else options)
    )
    size, d = population.size, problem.dimension
    lowest, lowest_point = np.inf, None

    def answer(assigned, busy):
        nonlocal lowest, lowest_point
        losses, gradients = np.zeros(size), np.zeros((size, d)) if method.gradients else None
        if busy.any():
            values, slopes = evaluations(assigned.hyperparameters[busy], method.gradients)
            losses[busy] = values
            finite = np.where(np.isfinite(values), values, np.inf)
            if finite.min() < lowest:
                lowest, lowest_point = finite.min(), assigned.hyperparameters[busy][finite.argmin()].copy()
            if gradients is not None:
                gradients[busy] = slopes
        if visit is not None:
            visit(assigned)
        return losses, gradients

    def result():
        observed = np.inf if lowest_point is None else problem.regret(lowest_point)
        try:
            return problem.regret(population.best_hyperparameters()[0]), observed
        except hpm.NoResultError:
            return np.inf, observed

    rows = record(population, answer, result, checkpoints)
    if any(row["training_calls"] + row["teacher_calls"] > row["budget"] for row in rows):
        raise AssertionError("over the budget")
    return rows


def run_moving(method: Method, seed: int, checkpoints: list[int], visit=None) -> list[dict]:
    """The same for the problem of moving weights: the result is 1.2 - Q at the weights of the best student.
    `visit(assigned, population)` sees each round."""
    options = {**method.options, **method.on_moving, "population": MOVING_POPULATION}
    population = hpm.Population(
        hpm.SearchSpace().add_block("h", moving.DIMENSION, 0, 1), algorithm=method.option_string, seed=seed, **options
    )
    size = population.size
    for student in range(size):
        population.set_initial(student, moving.initial(student))
    weights = np.full((size, moving.DIMENSION), moving.START)
    best = np.inf  # of all reports: where there are trials, the weights of the best one are kept

    def answer(assigned, busy):
        nonlocal weights, best
        h, actions = assigned.hyperparameters, assigned.actions
        if not ((h >= 0) & (h <= 1)).all():
            raise AssertionError(f"{h} lies outside the box")
        after, losses, slopes = moving.train(weights, h)
        cloned, restarted = actions == hpm.Action.CLONE, actions == hpm.Action.RESTART
        weights = np.where((actions == hpm.Action.TRAIN)[:, None], after, weights[assigned.sources.astype(int)])
        weights[restarted] = moving.START
        best = min(best, losses[actions == hpm.Action.TRAIN].min(initial=np.inf))
        if visit is not None:
            visit(assigned, population)
        ignored = cloned | restarted
        return np.where(ignored, 0.0, losses), slopes if method.gradients else None

    def result():
        if options.get("trial"):
            return best, best
        try:
            return float((weights[population.best().student] ** 2).sum()), best
        except hpm.NoResultError:
            return np.inf, best

    return record(population, answer, result, checkpoints)
