"""Problems with derivatives of one's own on numpy arrays, the check of callbacks, and the bridge from a
problem to a population's run."""

import copy
import gc
import pickle
import threading
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor

import cloudpickle
import libhpm as hpm
import numpy as np
import pytest
from problems import H, LABELS, TRAIN, Logistic, Ridge, X, Y

try:
    import torch
except ImportError:
    torch = None

needs_torch = pytest.mark.skipif(torch is None, reason="torch is not installed")
RATE = 0.01


def callbacks(problem=None):
    """All that there are, right."""
    problem = Logistic() if problem is None else problem

    def step_matrix(w, h):
        return np.eye(6) - RATE * problem.hessian(w, h)

    return {
        "outer_loss": problem.outer,
        "outer_gradient": problem.outer_gradient,
        "inner_loss": lambda w, h: inner_loss(problem, w, h),
        "inner_gradient": problem.gradient,
        "inner_hyper_gradient": lambda w, h: np.exp(h) * w**2 / 2,
        "hessian_product": lambda w, h, v: problem.hessian(w, h) @ v,
        "cross_product": lambda w, h, v: np.exp(h) * w * v,
        "step": lambda index, w, h: w - RATE * problem.gradient(w, h),
        "step_forward": lambda index, w, h, dw, dh: step_matrix(w, h) @ dw - RATE * np.exp(h) * w * dh,
        "step_backward": lambda index, w, h, v: (step_matrix(w, h) @ v, -RATE * np.exp(h) * w * v),
        "response": lambda h: problem.outer(problem.minimum(h), h),
    }


def inner_loss(problem, w, h):
    penalty = (np.exp(h) * w**2).sum() / 2
    if type(problem) is Ridge:
        return ((X[TRAIN] @ w - Y[TRAIN]) ** 2).sum() / 2 + penalty
    return np.log1p(np.exp(-(2 * LABELS[TRAIN] - 1) * (X[TRAIN] @ w))).sum() + penalty


def make(dtype=np.float64, problem=None, without=(), **replaced):
    given = {name: function for name, function in callbacks(problem).items() if name not in without}
    return hpm.Problem(parameters=6, hyperparameters=6, dtype=dtype, **{**given, **replaced})


W = Logistic().minimum(H)
EXPECTED = Logistic().hypergradient(W, H)


@pytest.mark.parametrize(
    ("estimator", "options", "tolerance"),
    [
        ("conjugate-gradient", {"estimator_tolerance": 1e-12}, 1e-8),
        ("neumann", {"estimator_tolerance": 1e-12, "estimator_iterations": 5000, "estimator_learning_rate": 0.05}, 1e-8),
        ("nystrom", {"estimator_iterations": 6, "estimator_damping": 1e-8}, 1e-5),
        ("finite-differences", {}, 1e-7),
    ],
)
@pytest.mark.parametrize("without", [(), ("hessian_product",), ("cross_product",), ("hessian_product", "cross_product")])
def test_estimators(estimator, options, tolerance, without):
    found, certificate = make(without=without).hypergradient(W, H, estimator=estimator, **options)
    assert certificate.usable
    error = np.linalg.norm(found - EXPECTED) / np.linalg.norm(EXPECTED)
    assert error < (1e-4 if without and estimator != "finite-differences" else tolerance)
    made = {name: getattr(certificate.calls, name) for name in ("hessian_products", "inner_gradients")}
    assert (made["inner_gradients"] > 0) == ("hessian_product" in without and estimator != "finite-differences")


@pytest.mark.parametrize("without", [(), ("step_forward",)])
def test_unrolled(without):
    problem, start = make(without=without), np.linspace(-1, 1, 6)
    found, certificate = problem.hypergradient(start, H, estimator="reverse", estimator_iterations=9)
    forward, _ = problem.hypergradient(start, H, estimator="forward", estimator_iterations=9)
    np.testing.assert_allclose(found, forward, rtol=1e-10 if not without else 1e-5)
    checkpointed, other = problem.hypergradient(
        start, H, estimator="reverse", estimator_iterations=9, estimator_checkpoints=2
    )
    np.testing.assert_array_equal(found, checkpointed)
    assert other.parameter_vectors < certificate.parameter_vectors and other.calls.steps > certificate.calls.steps

    def unrolled(h):
        w = start
        for _ in range(9):
            w = w - RATE * Logistic().gradient(w, h)
        return Logistic().outer(w, h)

    differences = [(unrolled(H + 1e-5 * u) - unrolled(H - 1e-5 * u)) / 2e-5 for u in np.eye(6)]
    np.testing.assert_allclose(found, differences, rtol=1e-5)


def test_single_precision():
    kinds = set()

    def hessian_product(w, h, v):
        kinds.update((w.dtype, h.dtype, v.dtype))
        return Logistic().hessian(w, h) @ v

    problem = make(np.float32, hessian_product=hessian_product)
    found, certificate = problem.hypergradient(W.astype("f"), H.astype("f"), estimator_tolerance=1e-5)
    assert found.dtype == np.float32 and kinds == {np.dtype(np.float32)} and certificate.usable
    np.testing.assert_allclose(found, EXPECTED, rtol=1e-3, atol=1e-4)
    # The step's part of h is below the rounding of single precision: no pass, and nothing is wrong.
    with pytest.warns(hpm.UncheckedWarning, match="step_forward, step_backward"):
        findings = problem.check(W.astype("f") + 0.5, H.astype("f"), check_tolerance=0.1, difference_step=1e-2)
    unchecked = {found.callback for found in findings if found.verdict is not hpm.Verdict.RIGHT}
    assert unchecked == {"step_forward", "step_backward"}
    assert all(found.verdict is not hpm.Verdict.WRONG for found in findings)


def test_arrays_are_not_copied_and_can_not_be_written():
    seen = []

    def outer_gradient(w, h):
        seen.append((w.ctypes.data, h.ctypes.data))
        for array in (w, h):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1
        return Logistic().outer_gradient(w, h)

    w, h = W.copy(), H.copy()
    make(outer_gradient=outer_gradient).hypergradient(w, h)
    assert set(seen) == {(w.ctypes.data, h.ctypes.data)}


def test_what_is_missing_is_named():
    nothing = hpm.Problem(parameters=6, hyperparameters=6)
    for estimator, name in (
        ("conjugate-gradient", "outer_gradient|inner_gradient"),
        ("one-step", "outer_gradient|inner_hyper_gradient"),
        ("reverse", "outer_gradient|step"),
        ("forward", "outer_gradient|step"),
        ("spsa", "response"),
        ("finite-differences", "response"),
        ("best-response", "outer_gradient"),
    ):
        with pytest.raises(hpm.UnsupportedError, match=name):
            nothing.hypergradient(W, H, estimator=estimator)
    half = make(without=("hessian_product", "inner_gradient"))
    with pytest.raises(hpm.UnsupportedError, match="hessian_product|inner_gradient"):
        half.hypergradient(W, H)
    with pytest.raises(hpm.UnsupportedError, match="step_backward"):
        make(without=("step_backward",)).hypergradient(W, H, estimator="reverse")


def response(phi, h):
    """w(h) = A h + b at phi = (A, b)."""
    return phi[:36].reshape(6, 6) @ h + phi[36:]


def tangent(h):
    """phi, with the ridge regression's best response at `h` to first order: dw/dh = -H^-1 diag(exp(h) w)."""
    w = Ridge().minimum(h)
    slope = -np.linalg.solve(Ridge().hessian(w, h), np.diag(np.exp(h) * w))
    return np.concatenate([slope.ravel(), w - slope @ h])


def best_response(**replaced):
    """By hand: the ridge regression's outer loss through a linear response."""

    def outer_gradient(phi, h):
        dw, dh = Ridge().outer_gradient(response(phi, h), h)
        return np.concatenate([np.outer(dw, h).ravel(), dw]), dh + phi[:36].reshape(6, 6).T @ dw

    given = {"outer_loss": lambda phi, h: Ridge().outer(response(phi, h), h), "outer_gradient": outer_gradient, **replaced}
    return hpm.Problem(parameters=42, hyperparameters=6, **given)


def test_best_response():
    phi, exact = tangent(H), Ridge().hypergradient(Ridge().minimum(H), H)
    problem = best_response()
    found, certificate = problem.hypergradient(phi, H, estimator="best-response")
    np.testing.assert_allclose(found, exact, rtol=1e-12)
    assert certificate.status == "converged" and certificate.iterations == 0 and certificate.advice == ""
    assert certificate.calls == hpm.Calls(0, 1, 0, 0, 0, 0, 0, 0) and certificate.parameter_vectors == 1
    assert np.isnan(certificate.relative_residual) and np.isnan(certificate.smallest_curvature)
    findings = problem.check(phi, H)
    assert {found.callback for found in findings} == {"outer_loss", "outer_gradient"}
    assert all(found.verdict is hpm.Verdict.RIGHT for found in findings)
    with pytest.warns(hpm.EstimateWarning, match="no hypergradient.*nonfinite"):
        found, _ = best_response(outer_gradient=lambda phi, h: (np.nan * phi, h)).hypergradient(
            phi, H, estimator="best-response"
        )
    assert np.isnan(found).all()
    with pytest.warns(hpm.EstimateWarning, match="the outer loss does not depend on h") as caught:
        found, certificate = best_response(outer_gradient=lambda phi, h: (phi, None)).hypergradient(
            phi, H, estimator="best-response"
        )
    assert certificate.usable and not found.any() and caught[0].filename == __file__


def test_arguments():
    for arguments, error, message in (
        ({"parameters": 0}, hpm.ArgumentError, "0"),
        ({"parameters": 1.5}, TypeError, "parameters is 1.5"),
        ({"dtype": np.int32}, hpm.ArgumentError, "dtype is int32; allowed: float64, float32"),
        ({"step": 3}, TypeError, "step is 3; allowed: a callable"),
    ):
        with pytest.raises(error, match=message):
            hpm.Problem(**{"parameters": 2, "hyperparameters": 2, **arguments})
    problem = make()
    for w, error, message in (
        (W.tolist(), TypeError, "params is list; allowed: a numpy array of float64"),
        (W.astype("f"), TypeError, "params is float32"),
        (W[:5], hpm.ArgumentError, r"params has shape \(5,\); allowed: \(6,\)"),
        (np.ones(12)[::2], hpm.ArgumentError, "contiguous"),
    ):
        with pytest.raises(error, match=message):
            problem.hypergradient(w, H)
    for returned, error, message in (
        (np.ones(5), hpm.ArgumentError, r"hessian_product returned float64 of shape \(5,\); allowed: numbers of shape \(6,\)"),
        (None, hpm.ArgumentError, "hessian_product returned object"),
    ):
        with pytest.raises(error, match=message):
            make(hessian_product=lambda w, h, v, returned=returned: returned).hypergradient(W, H)
    with pytest.raises(TypeError, match="outer_gradient returned ndarray; allowed: a tuple of 2"):
        make(outer_gradient=lambda w, h: w).hypergradient(W, H)
    with pytest.raises(TypeError, match="what response returned is None"):
        make(response=lambda h: None).hypergradient(W, H, estimator="spsa")
    assert repr(problem) == "<Problem of 6 parameters, 6 hyperparameters>"
    problem.close()
    assert repr(problem) == "<Problem of 6 parameters, 6 hyperparameters, closed>"
    for call in (lambda: problem.hypergradient(W, H), lambda: problem.check(W, H)):
        with pytest.raises(hpm.HandleError):
            call()


READ_BY = {
    "outer_gradient": "conjugate-gradient",
    "inner_gradient": "conjugate-gradient",
    "inner_hyper_gradient": "conjugate-gradient",
    "hessian_product": "conjugate-gradient",
    "cross_product": "conjugate-gradient",
    "step": "reverse",
    "step_forward": "forward",
    "step_backward": "reverse",
    "response": "spsa",
}


class Mishap(BaseException):
    pass


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, Mishap, StopIteration])
@pytest.mark.parametrize("name", READ_BY)
def test_an_exception_comes_back_as_itself(name, kind):
    thrown = kind("in the callback")

    def failing(*_):
        raise thrown

    without = {"inner_gradient": ("hessian_product",), "inner_hyper_gradient": ("cross_product",)}.get(name, ())
    problem = make(without=without, **{name: failing})
    with pytest.raises(kind) as caught:
        problem.hypergradient(W, H, estimator=READ_BY[name])
    assert caught.value is thrown and caught.value.__context__ is None
    if name != "response":
        with pytest.raises(kind) as caught:
            problem.check(W + 0.5, H)
        assert caught.value is thrown
    found, _ = make().hypergradient(W, H, estimator_tolerance=1e-12)
    np.testing.assert_allclose(found, EXPECTED, rtol=1e-8)


def test_a_problem_is_collected_at_once():
    gc.collect()
    gc.disable()
    try:

        class Product:
            def __call__(self, w, h, v):
                return v

        product = Product()
        problem = make(hessian_product=product)
        kept = weakref.ref(product)
        problem.hypergradient(W, H)
        del problem, product
        assert kept() is None
    finally:
        gc.enable()


# The check


# What each callback is compared with where all are there, and what else it is told by.
COMPARED = {
    ("outer_loss", None, "repetition"),
    ("inner_loss", None, "repetition"),
    ("step", None, "repetition"),
    ("response", None, "repetition"),
    ("outer_gradient", "outer_loss", "comparison"),
    ("inner_gradient", "inner_loss", "comparison"),
    ("inner_hyper_gradient", "inner_loss", "comparison"),
    ("hessian_product", None, "comparison"),
    ("hessian_product", "inner_gradient", "comparison"),
    ("cross_product", "inner_gradient", "comparison"),
    ("cross_product", "inner_hyper_gradient", "comparison"),
    ("step_forward", "step", "comparison"),
    ("step_backward", "step_forward", "comparison"),
}


def test_right_callbacks_are_right():
    findings = make().check(W + 0.5, H)
    assert {(found.callback, found.other, found.reason.value) for found in findings} == COMPARED
    for found in findings:
        assert found.verdict is hpm.Verdict.RIGHT and not found.fault and 0 <= found.error < found.tolerance
        assert str(found) == found.sentence and found.sentence.startswith(f"{found.callback} is right: ")
        if found.reason is hpm.Reason.COMPARISON:
            assert found.tolerance == 1e-4
    assert {found.tolerance for found in make().check(W + 0.5, H, check_tolerance=2e-3)} > {2e-3}


def test_what_can_not_be_compared_says_why():
    def unchecked(findings):
        return {
            (found.callback, found.other, found.reason)
            for found in findings
            if found.verdict is hpm.Verdict.NOT_CHECKED
        }

    findings = make(without=("outer_loss",)).check(W + 0.5, H)
    assert unchecked(findings) == {("outer_gradient", "outer_loss", hpm.Reason.MISSING_REFERENCE)}
    findings = make(without=("inner_loss", "inner_gradient", "inner_hyper_gradient")).check(W + 0.5, H)
    assert unchecked(findings) == {
        ("hessian_product", None, hpm.Reason.IDENTITY),
        ("cross_product", "inner_gradient", hpm.Reason.MISSING_REFERENCE),
    }
    with pytest.raises(hpm.WrongDerivativeError) as caught:
        make(outer_loss=lambda w, h: np.nan).check(W + 0.5, H)
    assert unchecked(caught.value.findings) == {("outer_gradient", "outer_loss", hpm.Reason.WRONG_REFERENCE)}


def test_right_callbacks_are_right_at_a_minimum():
    """Where df/dw is 0 but for rounding, as differences are: check raises nothing."""
    found = {(found.callback, found.other): found for found in make().check(W, H)}
    gradient, product = found["inner_gradient", "inner_loss"], found["hessian_product", "inner_gradient"]
    assert gradient.verdict is hpm.Verdict.NOT_CHECKED and gradient.reason is hpm.Reason.ROUNDING
    assert np.isnan(gradient.error) and product.verdict is hpm.Verdict.RIGHT and product.error < 1e-4


def test_each_thread_has_its_own_findings():
    """Checks that run at the same time, on one problem: none reads the findings of another."""
    problem = make()
    expected = {step: problem.check(W + step, H) for step in (0.5, 0.6, 0.7)}
    assert len({tuple(found.error for found in findings) for findings in expected.values()}) == 3

    def ask(step):
        return all(problem.check(W + step, H) == expected[step] for _ in range(20))

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(ask, expected))


def halved(function, part=None):
    def wrong(*arguments):
        found = function(*arguments)
        if part is None:
            return found / 2
        return tuple(array / 2 if index == part else array for index, array in enumerate(found))

    return wrong


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("outer_gradient", 0),
        ("outer_gradient", 1),
        ("inner_gradient", None),
        ("inner_hyper_gradient", None),
        ("hessian_product", None),
        ("cross_product", None),
        ("step_forward", None),
        ("step_backward", 0),
        ("step_backward", 1),
    ],
)
def test_a_planted_wrong_callback_is_named(name, part, frozen):
    right = callbacks()[name]

    def zeros(*arguments):
        found = right(*arguments)
        if part is None:
            return np.zeros(6)
        return tuple(np.zeros(6) if index == part else array for index, array in enumerate(found))

    problem = make(**{name: zeros if frozen else halved(right, part)})
    with pytest.raises(hpm.WrongDerivativeError) as caught:
        problem.check(W + 0.5, H)
    (found,) = [found for found in caught.value.findings if found.fault]
    assert found.callback == name and found.verdict is hpm.Verdict.WRONG and found.reason is hpm.Reason.COMPARISON
    assert found.error == pytest.approx(1 if frozen else 0.5, rel=1e-4) and found.tolerance == 1e-4
    assert str(caught.value) == found.sentence and "relative difference of" in found.sentence


def test_an_asymmetric_hessian_is_named():
    skew = np.random.default_rng(0).normal(size=(6, 6))
    problem = make(hessian_product=lambda w, h, v: skew @ v)
    with pytest.raises(hpm.WrongDerivativeError, match=r"hessian_product is wrong: u\.Hv is .* v\.Hu"):
        problem.check(W, H)
    with pytest.raises(hpm.WrongDerivativeError, match="inner_gradient is wrong: it gives numbers that are not finite") as caught:
        make(inner_gradient=lambda w, h: np.full(6, np.nan)).check(W, H)
    (found,) = [found for found in caught.value.findings if found.fault]
    assert found.reason is hpm.Reason.NOT_FINITE and found.error == np.inf and found.other is None
    with pytest.raises(hpm.ArgumentError, match="check_tolerance"):
        make().check(W, H, check_tolerance=-1)


def test_two_callbacks_that_disagree_are_named():
    given = {name: callbacks()[name] for name in ("inner_gradient", "hessian_product")}
    problem = hpm.Problem(parameters=6, hyperparameters=6, **{**given, "hessian_product": halved(given["hessian_product"])})
    with pytest.raises(hpm.WrongDerivativeError, match="^hessian_product and inner_gradient disagree by 0.49999") as caught:
        problem.check(W + 0.5, H)
    (found,) = [found for found in caught.value.findings if found.fault]
    assert (found.callback, found.other, found.verdict) == ("hessian_product", "inner_gradient", hpm.Verdict.DISAGREES)
    copied = pickle.loads(pickle.dumps(caught.value))
    assert str(copied) == str(caught.value) and [found for found in copied.findings if found.fault] == [found]


def test_a_stochastic_callback_is_named():
    random = np.random.default_rng(0)
    problem = make(inner_gradient=lambda w, h: Logistic().gradient(w, h) + random.normal(size=6))
    with pytest.raises(hpm.WrongDerivativeError, match="^inner_gradient is wrong: .*again") as caught:
        problem.check(W + 0.5, H)
    (found,) = [found for found in caught.value.findings if found.fault]
    assert found.reason is hpm.Reason.REPETITION and found.other is None and found.error > found.tolerance > 0


# The bridge to a population

SPACE = hpm.SearchSpace().add_block("h", 6, -3.0, 3.0, initial=0.5)


def run(train, problem=None, w=None, space=SPACE, **options):
    """A run, and the hyperparameters that it trained with."""
    population = hpm.Population(
        space, **{"population": 3, "steps": 12, "interval": 4, "seed": 5, "estimator_tolerance": 1e-10, **options}
    )
    trace = []

    def traced(student, h):
        trace.append(h.copy())
        return train(student, h)

    if problem is not None:
        for student in range(population.size):
            population.set_problem(student, problem, w(student))
    assert population.run(traced, clone=lambda source, student: None, evaluate=train)
    return np.array(trace), population


@pytest.mark.parametrize("algorithm", ["hpm", "hpm-paper", "hypergradient"])
@pytest.mark.parametrize("source", [False, True])
def test_the_run_is_that_of_hypergradients_computed_in_train(algorithm, source):
    logistic, problem = Logistic(), make()
    weights = np.zeros((3, 6))

    def train(student, h):
        weights[student] = logistic.minimum(h)
        return logistic.outer(weights[student], h)

    def computing(student, h):
        loss = train(student, h)
        return loss, problem.hypergradient(weights[student], h, estimator_tolerance=1e-10)[0]

    space = hpm.SearchSpace().add_block("h", 6, 0.1, 3.0, scale="log")
    expected, _ = run(computing, space=space, algorithm=algorithm)
    found, population = run(
        train, problem, lambda k: (lambda: weights[k].copy()) if source else weights[k], space=space, algorithm=algorithm
    )
    np.testing.assert_array_equal(found, expected)
    for student in range(3):
        certificate = population.certificate(student)
        assert certificate.status == "converged" and certificate.calls.outer_gradients >= 1
    assert population.count("hypergradient_cost") > 0 and 0 < population.count("hypergradient_share") < 1


@pytest.mark.parametrize("algorithm", ["hpm", "hpm-paper", "hypergradient"])
def test_the_run_of_best_responses_is_that_of_exact_hypergradients(algorithm):
    ridge, problem = Ridge(), best_response()
    weights = np.zeros((3, 42))

    def train(student, h):
        weights[student] = tangent(h)
        return ridge.outer(response(weights[student], h), h)

    def computing(student, h):
        return train(student, h), ridge.hypergradient(ridge.minimum(h), h)

    expected, _ = run(computing, algorithm=algorithm)
    found, population = run(train, problem, lambda k: weights[k], algorithm=algorithm, estimator="best-response")
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    for student in range(3):
        certificate = population.certificate(student)
        assert certificate.status == "converged" and certificate.calls.outer_gradients == 1
    with pytest.raises(hpm.UnsupportedError, match="outer_gradient"):
        population = hpm.Population(SPACE, population=1, steps=3, estimator="best-response")
        population.set_problem(0, best_response(outer_gradient=None), weights[0])


def test_a_hypergradient_of_train_goes_first_and_a_problem_can_be_taken_back():
    def never(w, h):
        raise AssertionError

    problem = make(outer_gradient=never)
    weights = np.zeros((3, 6))
    given, population = run(lambda k, h: (float(h.sum()), np.ones(6)), problem, lambda k: weights[k])
    with pytest.raises(hpm.NoResultError, match="student 1"):
        population.certificate(1)
    population = hpm.Population(SPACE, population=2, steps=3)
    for student in range(2):
        population.set_problem(student, problem, weights[student])
        population.set_problem(student, None)
    assert population.run(lambda k, h: float(h.sum()), clone=lambda source, student: None)


def test_a_failed_estimate_is_no_derivative():
    problem = make(hessian_product=lambda w, h, v: -v)
    weights = np.ones((3, 6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, population = run(
            lambda k, h: float(h.sum()), problem, lambda k: weights[k], algorithm="hypergradient", interval=None
        )
    assert population.certificate(2).status == "indefinite"


def test_an_exception_in_a_problem_ends_the_run_as_itself():
    thrown, calls = LookupError("in a product"), []

    def failing(w, h, v):
        calls.append(1)
        if len(calls) == 5:
            raise thrown
        return v

    population = hpm.Population(SPACE, population=3, steps=4)
    weights = np.ones((3, 6))
    for student in range(3):
        population.set_problem(student, make(hessian_product=failing), weights[student])
    with pytest.raises(LookupError) as caught:
        population.run(lambda k, h: 0.0, clone=lambda source, student: None)
    assert caught.value is thrown
    assert population.run(lambda k, h: 0.0, clone=lambda source, student: None)

    def source():
        raise thrown

    population = hpm.Population(SPACE, population=1, steps=4)
    with pytest.raises(LookupError):
        population.set_problem(0, make(), source)
    with pytest.raises(hpm.NoResultError):
        population.certificate(0)


def test_a_population_keeps_its_problems():
    population = hpm.Population(SPACE, population=2, steps=3, algorithm="hypergradient")
    for student in range(2):
        problem = make()
        population.set_problem(student, problem, np.ones(6))
        problem.close()
    del problem
    gc.collect()
    assert population.run(lambda k, h: 0.0)
    assert population.certificate(0).usable


def descending(steps=12):
    """A population with a problem for each student, and what trains it. Its weights follow its hyperparameters, so
    copies of the population may train them in turn."""
    logistic, problem = Logistic(), make()
    weights = np.zeros((3, 6))

    def train(student, h):
        weights[student] = logistic.minimum(h)
        return logistic.outer(weights[student], h)

    space = hpm.SearchSpace().add_block("h", 6, 0.1, 3.0, scale="log")
    population = hpm.Population(space, population=3, steps=steps, interval=4, seed=5)
    for student, w in enumerate((weights[0], lambda: weights[1].copy(), lambda: weights[2])):
        population.set_problem(student, problem, w)
    return population, lambda p: p.run(train, clone=lambda source, student: None), problem


@pytest.mark.parametrize(
    "twin",
    [
        copy.copy,
        copy.deepcopy,
        lambda population: hpm.Population.load(population.save(), problems=population.problems),
    ],
)
def test_a_copy_keeps_the_problems(twin, recwarn):
    population, run_to_its_end, problem = descending()
    found = twin(population)
    given = population.problems
    assert found.problems.keys() == {0, 1, 2}
    assert all(a is b for k in range(3) for a, b in zip(found.problems[k], given[k]))  # shared, not copied
    assert run_to_its_end(population) and run_to_its_end(found)
    for p in (population, found):
        assert p.count("hypergradient_reports") == 36
    np.testing.assert_array_equal(found.best_hyperparameters()[0], population.best_hyperparameters()[0])
    found.set_problem(0, None)
    found.problems.clear()  # the caller's own
    assert found.problems.keys() == {1, 2} and population.problems.keys() == {0, 1, 2}
    del population
    gc.collect()
    assert found.problems[1][0] is problem and not recwarn.list


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_a_pickle_says_that_it_has_no_problems(dumps):
    population, run_to_its_end, _ = descending()
    population.set_problem(1, None)
    with pytest.warns(hpm.ProblemWarning, match=r"no problems for students 0, 2: .*load\(.*problems=") as caught:
        data = dumps(population)
    assert len(caught) == 1
    twin = pickle.loads(data)
    assert twin.problems == {} and run_to_its_end(twin) and twin.count("hypergradient_reports") == 0
    for student in (0, 2):
        population.set_problem(student, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dumps(population)


def test_a_closed_problem_is_not_copied():
    population, run_to_its_end, problem = descending()
    other = make()
    population.set_problem(1, other, np.ones(6))
    problem.close()
    with pytest.warns(hpm.ProblemWarning, match="students 0, 2: a problem that was closed"):
        twin = copy.deepcopy(population)
    assert twin.problems.keys() == {1} and twin.problems[1][0] is other
    assert run_to_its_end(population) and run_to_its_end(twin)


def test_problems_that_a_snapshot_does_not_fit():
    population, _, problem = descending()
    with pytest.raises(hpm.ArgumentError, match="student"):
        hpm.Population.load(population.save(), problems={3: (problem, np.ones(6))})
    smaller = hpm.Problem(parameters=2, hyperparameters=1)
    with pytest.raises(hpm.ArgumentError, match="1 hyperparameters; allowed: 6"):
        hpm.Population.load(population.save(), problems={0: (smaller, np.ones(2))})


def test_problems_of_the_wrong_kind():
    population = hpm.Population(SPACE, population=2, steps=3)
    with pytest.raises(hpm.ArgumentError, match="1 hyperparameters; allowed: 6"):
        population.set_problem(0, hpm.Problem(parameters=2, hyperparameters=1), np.ones(2))
    with pytest.raises(hpm.ArgumentError, match="student"):
        population.set_problem(2, make(), np.ones(6))
    with pytest.raises(TypeError, match="problem is 3; allowed: a Problem"):
        population.set_problem(0, 3, np.ones(6))
    with pytest.raises(TypeError, match="w is NoneType"):
        population.set_problem(0, make())
    closed = make()
    closed.close()
    with pytest.raises(hpm.HandleError):
        population.set_problem(0, closed, np.ones(6))


def test_a_hypergradient_inside_train():
    """A call into the library inside a callback of another."""
    problem, thrown = make(), LookupError()

    def failing(w, h, v):
        raise thrown

    broken = make(hessian_product=failing)

    def train(student, h):
        with pytest.raises(LookupError):
            broken.hypergradient(W, h)
        return 0.0, problem.hypergradient(W, h)[0]

    run(train)

    def raising(student, h):
        broken.hypergradient(W, h)

    with pytest.raises(LookupError) as caught:
        run(raising)
    assert caught.value is thrown


def test_threads():
    problem, errors = make(), []

    def work(k):
        try:
            for _ in range(50):
                found, _ = problem.hypergradient(W, H, estimator_tolerance=1e-12)
                np.testing.assert_allclose(found, EXPECTED, rtol=1e-8)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


NAMED = hpm.SearchSpace().add_real("z", -3, 3).add_block("a", 4, -3, 3).add_real("m", 0.1, 3, scale="log")


def by_name(xp, array):
    """Hyperparameters by name, in another order than the space's."""
    x, y, v, u = (array(part) for part in np.split(np.random.default_rng(3).normal(size=(40, 5)), [10, 20, 30]))

    def inner(w, h):
        return ((x @ w - y[:, 0]) ** 2).sum() + (xp.exp(h["a"]) * w[:4] ** 2).sum() + h["m"] * w[4] ** 2 - h["z"] * w[0]

    def outer(w, h):
        return ((v @ w - u[:, 0]) ** 2).sum() + 0.1 * h["z"] ** 2

    return inner, outer


def trajectories(xp, array, number):
    """Of hypergradients that are computed in train, and of the bridge."""
    inner, outer = by_name(xp, array)
    weights = [array(0.1 * k + np.arange(5) / 5) for k in range(3)]

    def structure(h):
        return {"a": array(h[1:5]), "m": array(h[5]), "z": array(h[0])}

    def train(student, h):
        weights[student] = weights[student] * (1 - 0.01 * float(h[5]))
        return number(outer(weights[student], structure(h)))

    def computing(student, h):
        loss = train(student, h)
        found, _ = hpm.hypergradient(inner, outer, weights[student], structure(h), estimator_tolerance=1e-10)
        return loss, {name: np.asarray(array) for name, array in found.items()}

    expected, _ = run(computing, space=NAMED)
    weights[:] = [array(0.1 * k + np.arange(5) / 5) for k in range(3)]
    problem = hpm.Problem.differentiate(inner, outer, weights[0], structure(np.ones(6)))
    found, population = run(train, problem, lambda k: lambda: weights[k], space=NAMED)
    assert population.certificate(0).usable
    return expected, found, problem


def test_the_bridge_in_jax():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    jax.config.update("jax_enable_x64", True)
    try:
        expected, found, problem = trajectories(jnp, jnp.asarray, float)
        np.testing.assert_array_equal(found, expected)
        population = hpm.Population(NAMED, population=1)
        with pytest.raises(TypeError, match="JAX arrays, which never change; allowed: a function"):
            population.set_problem(0, problem, jnp.ones(5))
    finally:
        jax.config.update("jax_enable_x64", False)


@needs_torch
def test_the_bridge_in_torch():
    def array(values):
        return torch.as_tensor(np.array(values))

    expected, found, problem = trajectories(torch, array, float)
    np.testing.assert_array_equal(found, expected)
    other = hpm.SearchSpace().add_real("z", -3, 3).add_block("a", 4, -3, 3).add_real("other", 0, 1)
    with pytest.raises(hpm.ArgumentError, match="'m': 1.*allowed: names and sizes"):
        hpm.Population(other, population=1).set_problem(0, problem, torch.ones(5, dtype=torch.double))


@needs_torch
def test_torch_weights_in_place():
    """Parameters that an optimizer and a clone change in place need no function."""
    models = [torch.nn.Linear(2, 1).double() for _ in range(3)]
    x = torch.randn(8, 2, dtype=torch.double, generator=torch.Generator().manual_seed(0))

    def inner(p, h):
        return (torch.func.functional_call(models[0], p, (x,)) ** 2).mean() + torch.exp(h) * (p["weight"] ** 2).sum() + (p["bias"] ** 2).sum()

    def outer(p, h):
        return ((torch.func.functional_call(models[0], p, (x,)) - 1) ** 2).mean()

    space = hpm.SearchSpace().add_real("l2", -3, 3)
    problem = hpm.Problem.differentiate(
        inner, outer, dict(models[0].named_parameters()), torch.zeros((), dtype=torch.double)
    )
    population = hpm.Population(space, population=3, steps=6, interval=2)
    optimizers = [torch.optim.SGD(model.parameters(), 0.05) for model in models]
    expected = {}

    def train(student, h):
        at = torch.tensor(h[0])
        p = dict(models[student].named_parameters())
        optimizers[student].zero_grad()
        inner(p, at).backward()
        optimizers[student].step()
        expected[student] = hpm.hypergradient(inner, outer, p, at)[1].smallest_curvature
        return float(outer(p, at).detach())

    def clone(source, student):
        models[student].load_state_dict(models[source].state_dict())

    for student, model in enumerate(models):
        population.set_problem(student, problem, dict(model.named_parameters()))
    assert population.run(train, clone)
    assert {k: population.certificate(k).smallest_curvature for k in range(3)} == expected


def test_tune():
    logistic, problem = Logistic(), make()
    models = [{"w": np.zeros(6)} for _ in range(3)]

    def train(student, h):
        models[student]["w"] = logistic.minimum(h["h"])
        return logistic.outer(models[student]["w"], h["h"])

    options = {"models": models, "steps": 30, "progress": False, "seed": 2}
    result = hpm.tune(train, SPACE, problem=problem, parameters=lambda k: models[k]["w"], **options)
    assert result.population.count("hypergradient_reports") == 90
    assert result.loss < hpm.tune(train, SPACE, **options).loss
    with pytest.raises(hpm.ArgumentError, match="problem goes with parameters"):
        hpm.tune(train, SPACE, problem=problem, **options)


def test_tune_by_best_responses():
    models = [{"phi": np.zeros(42)} for _ in range(3)]

    def train(student, h):
        models[student]["phi"] = tangent(h["h"])
        return Ridge().outer(Ridge().minimum(h["h"]), h["h"])

    options = {"models": models, "steps": 30, "progress": False, "seed": 2}
    result = hpm.tune(
        train, SPACE, problem=best_response(), parameters=lambda k: models[k]["phi"], estimator="best-response", **options
    )
    assert result.population.count("hypergradient_reports") == 90
    assert result.loss < hpm.tune(train, SPACE, **options).loss
