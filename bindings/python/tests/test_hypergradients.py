"""Hypergradients by JAX and torch against closed forms, one another, and JAX's own differentiation."""

import gc
import math
import subprocess
import sys
import threading
import warnings
import weakref
from collections import namedtuple

import jax
import jax.numpy as jnp
import libhpm as hpm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree
from libhpm import _jax
from problems import H, Logistic, Network, Ridge

try:
    import torch
    from libhpm import _torch
except ImportError:
    torch = None

needs_torch = pytest.mark.skipif(torch is None, reason="torch is not installed")


@pytest.fixture(autouse=True)
def double_precision():
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


class Jax:
    name, xp = "jax", jnp

    @staticmethod
    def array(values, dtype=np.float64):
        return jnp.asarray(values, dtype)

    @staticmethod
    def numpy(tree):
        return jax.tree_util.tree_map(np.asarray, tree)

    @staticmethod
    def operations(tree):
        return _jax.JaxOperations(tree, "params")


class Torch:
    name, xp = "torch", torch

    @staticmethod
    def array(values, dtype=np.float64):
        return torch.from_numpy(np.array(values, dtype))

    @staticmethod
    def numpy(tree):
        return jax.tree_util.tree_map(lambda tensor: tensor.detach().numpy(), tree)

    @staticmethod
    def operations(tree):
        return _torch.TorchOperations(tree, "params")


FRAMEWORKS = [pytest.param(Jax, id="jax"), pytest.param(Torch, id="torch", marks=needs_torch)]
frameworks = pytest.mark.parametrize("framework", FRAMEWORKS)
_LOSSES = {}


def losses(problem, framework):
    """The same functions each time: JAX compiles them once."""
    key = type(problem), framework
    if key not in _LOSSES:
        _LOSSES[key] = problem.losses(framework.xp, framework.array)
    return _LOSSES[key]


def arrays(framework, tree):
    return jax.tree_util.tree_map(framework.array, tree)


def close(found, expected, tolerance):
    found, expected = ravel_pytree(found)[0], ravel_pytree(expected)[0]
    assert float(jnp.linalg.norm(found - expected)) <= tolerance * float(jnp.linalg.norm(expected))


# Closed forms


@frameworks
@pytest.mark.parametrize("problem", [Ridge(), Logistic()], ids=["ridge", "logistic"])
@pytest.mark.parametrize(
    ("estimator", "damping"), [("conjugate-gradient", 0.0), ("conjugate-gradient", 0.5), ("neumann", 0.0), ("nystrom", 0.1)]
)
def test_implicit_estimators_against_the_closed_form(framework, problem, estimator, damping):
    w = problem.minimum(H)
    largest = np.linalg.eigvalsh(problem.hessian(w, H)).max()
    tolerance = 1e-9 if estimator == "nystrom" else 1e-11
    found, certificate = hpm.hypergradient(
        *losses(problem, framework),
        framework.array(w),
        framework.array(H),
        estimator=estimator,
        estimator_iterations={"conjugate-gradient": 12, "neumann": 5000, "nystrom": 6}[estimator],
        estimator_tolerance=tolerance,
        estimator_damping=damping or None,
        estimator_learning_rate=1 / largest,
    )
    assert certificate.status == "converged" and certificate.usable and certificate.relative_residual <= tolerance
    close(framework.numpy(found), problem.hypergradient(w, H, damping), 1e-8)
    if estimator == "conjugate-gradient":
        assert certificate.iterations <= 7
        assert certificate.parameter_vectors == 4
        smallest = np.linalg.eigvalsh(problem.hessian(w, H)).min()
        assert smallest <= certificate.smallest_curvature <= largest


@frameworks
def test_one_step(framework):
    problem, w = Ridge(), np.linspace(-1, 1, 6)
    found, certificate = hpm.hypergradient(
        *losses(problem, framework), framework.array(w), framework.array(H), estimator="one-step", estimator_learning_rate=0.02
    )
    close(framework.numpy(found), problem.hypergradient(w, H, q=0.02 * problem.outer_gradient(w, H)[0]), 1e-12)
    assert certificate.calls == hpm.Calls(0, 1, 0, 0, 0, 1, 0, 0) and np.isnan(certificate.relative_residual)
    default, _ = hpm.hypergradient(*losses(problem, framework), framework.array(w), framework.array(H), estimator="one-step")
    close(framework.numpy(default), problem.hypergradient(w, H, q=0.1 * problem.outer_gradient(w, H)[0]), 1e-12)


@frameworks
def test_best_response(framework):
    """The ridge regression's outer loss through its best response at H to first order."""
    problem, w = Ridge(), Ridge().minimum(H)
    slope = -np.linalg.solve(problem.hessian(w, H), np.diag(np.exp(H) * w))
    _, outer = losses(problem, framework)
    params = arrays(framework, {"slope": slope, "offset": w - slope @ H})
    at = params, framework.array(H)

    def outer_loss(params, h):
        return outer(params["slope"] @ h + params["offset"], h)

    found, certificate = hpm.hypergradient(None, outer_loss, *at, estimator="best-response")
    close(framework.numpy(found), problem.hypergradient(w, H), 1e-12)
    assert certificate.status == "converged" and certificate.iterations == 0
    assert certificate.calls == hpm.Calls(0, 1, 0, 0, 0, 0, 0, 0) and np.isnan(certificate.relative_residual)
    again, _ = hpm.Problem.differentiate(None, outer_loss, *at).hypergradient(*at, estimator="best-response")
    np.testing.assert_array_equal(framework.numpy(again), framework.numpy(found))
    with pytest.raises(hpm.UnsupportedError, match="^outer_loss is not given.*outer_gradient"):
        hpm.hypergradient(None, None, *at, estimator="best-response")


@needs_torch
def test_best_response_of_a_self_tuning_network():
    """Its problem gives the hypergradient that the network gives itself."""
    space = hpm.SearchSpace().add_real("input", 0.0, 0.9).add_real("decay", 1e-4, 1.0, "log")
    torch.manual_seed(0)
    x = torch.randn(20, 4)
    network = torch.nn.Sequential(hpm.torch.Dropout("input"), torch.nn.Linear(4, 3))
    model = hpm.torch.SelfTuning(network, space)
    for parameter in model.parameters():  # a response that does something
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    h = {"input": 0.3, "decay": 0.01}
    model.hyperparameters = h

    def loss(model):
        return ((model(x) - 1) ** 2).mean()

    at = model.tensors(), {name: torch.tensor(value) for name, value in h.items()}
    found, certificate = model.problem(loss).hypergradient(*at, estimator="best-response")
    _, expected = model.hypergradient(loss)
    assert certificate.usable and all(expected.values())
    assert {name: float(value) for name, value in found.items()} == pytest.approx(expected, rel=1e-4)


@frameworks
@pytest.mark.parametrize("estimator", ["reverse", "forward"])
def test_unrolled_to_the_minimum_is_the_implicit_one(framework, estimator):
    problem = Ridge()
    rate = 1 / np.linalg.eigvalsh(problem.hessian(None, H)).max()
    found, certificate = hpm.hypergradient(
        *losses(problem, framework),
        framework.array(np.zeros(6)),
        framework.array(H),
        estimator=estimator,
        estimator_iterations=100,
        estimator_learning_rate=rate,
        estimator_checkpoints=10,
    )
    close(framework.numpy(found), problem.hypergradient(problem.minimum(H), H), 1e-8)
    assert certificate.iterations == 100
    assert certificate.parameter_vectors <= 13


@frameworks
def test_estimators_without_derivatives(framework):
    problem = Ridge()

    def response(h):
        h = np.asarray(h)
        return problem.outer(problem.minimum(h), h)

    expected = problem.hypergradient(problem.minimum(H), H)
    at = framework.array(np.zeros(6)), framework.array(H)
    found, certificate = hpm.hypergradient(None, None, *at, estimator="finite-differences", response=response)
    close(framework.numpy(found), expected, 1e-8)
    assert certificate.calls.losses == 12
    found, certificate = hpm.hypergradient(
        None, None, *at, estimator="spsa", estimator_iterations=4000, seed=3, response=response
    )
    # Each component's error is about |expected| / sqrt(samples).
    close(framework.numpy(found), expected, 5 * np.sqrt(5 / 4000))
    again, _ = hpm.hypergradient(None, None, *at, estimator="spsa", estimator_iterations=4000, seed=3, response=response)
    np.testing.assert_array_equal(framework.numpy(found), framework.numpy(again))


# A network


def unrolled(inner, outer, steps, rate):
    def run(h, p):
        for _ in range(steps):
            p = jax.tree_util.tree_map(lambda p, g: p - rate * g, p, jax.grad(inner)(p, h))
        return outer(p, h)

    return jax.jit(run), jax.jit(jax.grad(run))


@pytest.fixture(scope="module")
def network():
    """JAX's own differentiation of the unrolled training, and the converged network with its dense
    implicit hypergradient."""
    jax.config.update("jax_enable_x64", True)
    problem = Network()
    inner, outer = losses(problem, Jax)
    p, h = arrays(Jax, problem.PARAMS), arrays(Jax, problem.H)
    run, gradient = unrolled(inner, outer, 12, 0.2)
    flat_p, unravel = ravel_pytree(p)
    flat_h, unravel_h = ravel_pytree(h)

    def flat(q, k):
        return inner(unravel(q), unravel_h(k))

    slope, hessian = jax.jit(jax.grad(flat)), jax.jit(jax.hessian(flat))

    def minimum(k, q):
        for step in range(3000):
            q = q - 0.2 * slope(q, k)
            if step % 300 == 299 or jnp.linalg.norm(slope(q, k)) < 1e-4:
                newton = q
                for _ in range(8):
                    newton = newton - jnp.linalg.solve(hessian(newton, k), slope(newton, k))
                if jnp.linalg.norm(slope(newton, k)) < 1e-13 and jnp.linalg.norm(newton - q) < 0.1:
                    return newton
        raise AssertionError

    converged = minimum(flat_h, flat_p)
    matrix = hessian(converged, flat_h)
    assert jnp.linalg.eigvalsh(matrix).min() > 1e-3

    def flat_outer(q, k):
        return outer(unravel(q), unravel_h(k))

    dw, dh = jax.grad(flat_outer, (0, 1))(converged, flat_h)
    cross = jax.jit(jax.jacobian(slope, 1))(converged, flat_h)
    differences = []
    for unit in np.eye(4):
        k = [flat_h + 1e-4 * sign * unit for sign in (1, -1)]
        values = [float(flat_outer(minimum(at, converged), at)) for at in k]
        differences.append((values[0] - values[1]) / 2e-4)
    return {
        "unrolled": gradient(h, p),
        "run": lambda k: float(run(unravel_h(k), p)),
        "flat_h": flat_h,
        "converged": unravel(converged),
        "largest": float(jnp.linalg.eigvalsh(matrix).max()),
        "implicit": dh - jnp.linalg.solve(matrix, dw) @ cross,
        "differences": np.array(differences),
        "matrix": matrix,
        "dw": dw,
        "dh": dh,
        "cross": cross,
    }


@frameworks
@pytest.mark.parametrize(("estimator", "checkpoints"), [("reverse", 0), ("reverse", 3), ("forward", 0)])
def test_unrolled_estimators_against_jax(framework, network, estimator, checkpoints):
    problem = Network()
    found, certificate = hpm.hypergradient(
        *losses(problem, framework),
        arrays(framework, problem.PARAMS),
        arrays(framework, problem.H),
        estimator=estimator,
        estimator_iterations=12,
        estimator_learning_rate=0.2,
        estimator_checkpoints=checkpoints,
    )
    close(framework.numpy(found), network["unrolled"], 1e-10)
    assert certificate.usable
    differences = [
        (network["run"](network["flat_h"] + 1e-4 * unit) - network["run"](network["flat_h"] - 1e-4 * unit)) / 2e-4
        for unit in np.eye(4)
    ]
    close(framework.numpy(found), np.array(differences), 1e-6)


@frameworks
@pytest.mark.parametrize(
    ("estimator", "options", "tolerance"),
    [
        ("conjugate-gradient", {"estimator_iterations": 100, "estimator_tolerance": 1e-12}, 1e-8),
        ("neumann", {"estimator_iterations": 20000, "estimator_tolerance": 1e-10}, 1e-8),
        ("nystrom", {"estimator_iterations": 33, "estimator_damping": 1e-8}, 1e-4),
    ],
)
def test_implicit_estimators_on_a_network(framework, network, estimator, options, tolerance):
    found, certificate = hpm.hypergradient(
        *losses(Network(), framework),
        arrays(framework, network["converged"]),
        arrays(framework, Network.H),
        estimator=estimator,
        estimator_learning_rate=1.9 / network["largest"],
        **options,
    )
    assert certificate.usable
    close(framework.numpy(found), network["implicit"], tolerance)
    close(framework.numpy(found), network["differences"], max(1e-5, tolerance))


@frameworks
def test_nystrom_on_a_network_is_the_damped_solution(framework, network):
    found, certificate = hpm.hypergradient(
        *losses(Network(), framework),
        arrays(framework, network["converged"]),
        arrays(framework, Network.H),
        estimator="nystrom",
        estimator_iterations=33,
        estimator_damping=1e-3,
        estimator_tolerance=1e-9,
    )
    assert certificate.status == "converged"
    damped = network["matrix"] + 1e-3 * jnp.eye(33)
    close(framework.numpy(found), network["dh"] - jnp.linalg.solve(damped, network["dw"]) @ network["cross"], 1e-8)


@frameworks
def test_one_step_on_a_network(framework, network):
    """Against JAX's own differentiation of a step, and central differences."""
    p, h, rate = network["converged"], arrays(Jax, Network.H), 0.05
    inner, outer = losses(Network(), Jax)
    dw, dh = jax.grad(outer, (0, 1))(p, h)

    def step(h):
        return jax.tree_util.tree_map(lambda p, g: p - rate * g, p, jax.grad(inner)(p, h))

    def linear(h):  # the outer loss after the step, to first order in the step
        moved = jax.tree_util.tree_map(jnp.subtract, step(h), p)
        return outer(p, h) + sum(jnp.vdot(a, b) for a, b in zip(*map(jax.tree_util.tree_leaves, (dw, moved))))

    found, certificate = hpm.hypergradient(
        *losses(Network(), framework),
        arrays(framework, p),
        arrays(framework, Network.H),
        estimator="one-step",
        estimator_learning_rate=rate,
    )
    assert certificate.status == "converged"
    found = framework.numpy(found)
    close(found, jax.tree_util.tree_map(jnp.add, dh, jax.vjp(step, h)[1](dw)[0]), 1e-12)
    flat, unravel = ravel_pytree(h)
    differences = [(linear(unravel(flat + 1e-4 * unit)) - linear(unravel(flat - 1e-4 * unit))) / 2e-4 for unit in np.eye(4)]
    close(found, np.array(differences), 1e-7)


@frameworks
@pytest.mark.parametrize(
    ("estimator", "samples", "tolerance"),
    [("finite-differences", 1, 1e-7), ("spsa", 3000, 5 * np.sqrt(3 / 3000))],  # 5 standard errors
)
def test_estimators_without_derivatives_on_a_network(framework, network, estimator, samples, tolerance):
    found, certificate = hpm.hypergradient(
        None,
        None,
        arrays(framework, Network.PARAMS),
        arrays(framework, Network.H),
        estimator=estimator,
        estimator_iterations=samples,
        response=lambda h: network["run"](ravel_pytree(framework.numpy(h))[0]),
    )
    assert certificate.calls.losses == (8 if estimator == "finite-differences" else 2 * samples)
    close(framework.numpy(found), network["unrolled"], tolerance)


def momentum(inner, framework):
    """A step whose parameters hold the optimizer's state."""

    def step(state, h, index):
        p, velocity = state
        if framework is Jax:
            gradient = jax.grad(inner)(p, h)
        else:
            gradient = _torch.unflatten(p, iter(torch.autograd.grad(inner(p, h), _torch.flatten(p), create_graph=True)))
        rate = 0.2 / (1 + index)
        velocity = jax.tree_util.tree_map(lambda v, g: 0.8 * v - rate * g, velocity, gradient)
        return jax.tree_util.tree_map(lambda p, v: p + v, p, velocity), velocity

    return step


@frameworks
@pytest.mark.parametrize("estimator", ["reverse", "forward"])
def test_a_step_of_ones_own(framework, estimator):
    problem = Network()
    inner, outer = losses(problem, framework)
    step = momentum(inner, framework)
    start = problem.PARAMS, jax.tree_util.tree_map(np.zeros_like, problem.PARAMS)
    found, certificate = hpm.hypergradient(
        None,
        lambda state, h: outer(state[0], h),
        arrays(framework, start),
        arrays(framework, problem.H),
        estimator=estimator,
        estimator_iterations=5,
        step=step,
    )
    jax_step, jax_outer = momentum(losses(problem, Jax)[0], Jax), losses(problem, Jax)[1]

    def run(h):
        state = arrays(Jax, start)
        for index in range(5):
            state = jax_step(state, h, index)
        return jax_outer(state[0], h)

    close(framework.numpy(found), jax.grad(run)(arrays(Jax, problem.H)), 1e-10)


@needs_torch
@pytest.mark.parametrize(
    "estimator", ["conjugate-gradient", "neumann", "one-step", "reverse", "forward", "finite-differences", "best-response"]
)
def test_torch_equals_jax(estimator):
    problem, found = Network(), []
    for framework in (Jax, Torch):
        inner, outer = losses(problem, framework)
        p = arrays(framework, problem.PARAMS)
        gradient, certificate = hpm.hypergradient(
            inner,
            outer,
            p,
            arrays(framework, problem.H),
            estimator=estimator,
            estimator_iterations=4,
            estimator_damping=2.0 if estimator == "conjugate-gradient" else None,
            response=lambda h: float(inner(p, h)),
        )
        found.append((framework.numpy(gradient), certificate.calls, certificate.status))
    close(found[0][0], found[1][0], 1e-10)
    assert found[0][1:] == found[1][1:]


# Structures and numbers

Pair = namedtuple("Pair", "first second")


@frameworks
@pytest.mark.parametrize(
    "shape",
    [
        lambda a, b: {"b": a, "a": [b]},
        lambda a, b: [a, (b,)],
        lambda a, b: Pair(a, {"x": {"y": b}}),
        lambda a, b: (a, [], {}, b),
    ],
    ids=["dict", "list", "namedtuple", "empty"],
)
def test_the_result_has_the_structure_of_h(framework, shape):
    first, second = framework.array([[1.0, 2.0]]), framework.array(3.0)

    def inner(w, h):
        a, b = jax.tree_util.tree_leaves(h, is_leaf=lambda leaf: not isinstance(leaf, (dict, list, tuple)))
        a, b = (a, b) if a.ndim else (b, a)  # JAX sorts the keys of a dict
        return ((w[0] - a[0, 0]) ** 2 + 3 * (w[1] - a[0, 1] * b) ** 2).sum()

    found, _ = hpm.hypergradient(inner, lambda w, h: w[0] + 2 * w[1], framework.array([0.0, 1.0]), shape(first, second))
    assert jax.tree_util.tree_structure(found) == jax.tree_util.tree_structure(shape(first, second))
    close(jax.tree_util.tree_leaves(framework.numpy(found)), jax.tree_util.tree_leaves(shape(np.array([[1.0, 6.0]]), np.array(4.0))), 1e-12)


@frameworks
@pytest.mark.parametrize("estimator", ["conjugate-gradient", "neumann", "nystrom", "reverse", "forward"])
def test_single_precision(framework, estimator):
    jax.config.update("jax_enable_x64", False)
    damping = 1.0 if estimator == "nystrom" else 0.0  # whose rounding grows as 1 / damping
    problem = Ridge()

    def single(values):
        return framework.array(values, np.float32)

    rate = 1 / np.linalg.eigvalsh(problem.hessian(None, H)).max()
    found, certificate = hpm.hypergradient(
        *problem.losses(framework.xp, single),
        single(problem.minimum(H)),
        single(H),
        estimator=estimator,
        estimator_iterations=6 if estimator == "nystrom" else 200,
        estimator_tolerance=1e-5,
        estimator_learning_rate=rate,
        estimator_damping=damping or None,
    )
    assert certificate.usable and framework.numpy(found).dtype == np.float32
    close(framework.numpy(found), problem.hypergradient(problem.minimum(H), H, damping), 1e-3)


@needs_torch
def test_half_precision_and_parts_that_take_no_part():
    w = torch.tensor([1.0, 2.0], dtype=torch.bfloat16)
    h = {"used": torch.tensor(2.0, dtype=torch.bfloat16), "unused": torch.ones(3)}
    found, certificate = hpm.hypergradient(
        lambda w, h: (h["used"] * (w - 1) ** 2).sum(), lambda w, h: (w**2).sum(), w, h
    )
    assert certificate.usable and found["used"].dtype == torch.bfloat16
    assert found["unused"].dtype == torch.float32 and not found["unused"].any()
    # d/dh of the step through q: H = 2h, q = w / h, cross = 2 q (w - 1)
    assert float(found["used"]) == pytest.approx(-2 * float((w / 2 * (w - 1)).sum()), rel=0.02)


@frameworks
def test_a_loss_without_curvature_or_derivative(framework):
    w, h = framework.array([1.0, 2.0]), framework.array([1.0])
    with pytest.warns(hpm.EstimateWarning, match="singular"):
        _, certificate = hpm.hypergradient(lambda w, h: (w * h).sum(), lambda w, h: (w**2).sum(), w, h)
    assert certificate.status == "singular"
    found, certificate = hpm.hypergradient(lambda w, h: (w**2).sum(), lambda w, h: (0 * w).sum() + 3 * h[0], w, h)
    assert certificate.status == "converged" and framework.numpy(found) == [3.0]


def test_jax_takes_python_numbers_and_other_pytrees():
    found, _ = hpm.hypergradient(
        lambda w, h: (w - h["target"]) ** 2, lambda w, h: w**2, jnp.array(2.0), {"target": 2.0}
    )
    assert float(found["target"]) == pytest.approx(4.0)

    @jax.tree_util.register_pytree_node_class
    class Box:
        def __init__(self, value):
            self.value = value

        def tree_flatten(self):
            return (self.value,), None

        @classmethod
        def tree_unflatten(cls, _, children):
            return cls(*children)

    found, _ = hpm.hypergradient(
        lambda w, h: (w.value - h.value) ** 2, lambda w, h: w.value**2, Box(jnp.array(2.0)), Box(jnp.array(2.0))
    )
    assert isinstance(found, Box) and float(found.value) == pytest.approx(4.0)


def test_jax_data_are_arguments_of_the_compiled_functions():
    traced = []

    def inner(batch, w, h):
        traced.append(batch)
        return ((w - batch) ** 2 * h).sum()

    for scale in (1.0, 2.0, 3.0):
        loss = jax.tree_util.Partial(inner, scale * jnp.ones(2))
        found, _ = hpm.hypergradient(loss, lambda w, h: (w**2).sum(), jnp.array([3.0, 4.0]), jnp.array(2.0))
        if scale == 1.0:
            first = len(traced)
        close(found, -float((jnp.array([3.0, 4.0]) @ (jnp.array([3.0, 4.0]) - scale))), 1e-10)
    assert len(traced) == first

    class Model:
        def loss(self, w, h):
            traced.append(self)
            return ((w - h) ** 2).sum()

    model = Model()
    for _ in range(3):  # a bound method is a new object each time
        hpm.hypergradient(model.loss, lambda w, h: w.sum(), jnp.ones(2), jnp.ones(2))
    assert traced.count(model) <= 4


# Vector operations


@frameworks
@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.floats(-3, 3), st.integers(0, 7))
def test_vector_operations(framework, seed, factor, index):
    jax.config.update("jax_enable_x64", True)
    r = np.random.default_rng(seed)
    a, b = ({"x": r.normal(size=(2, 3)), "y": [r.normal(size=())], "z": r.normal(size=1)} for _ in range(2))
    space = framework.operations(arrays(framework, a))
    assert space.dimension == 8 and space.lengths == [6, 1, 1] and space.names is None

    def vector(tree):
        value = space.value(arrays(framework, tree), "params")
        return space.copy(value, space.zeros())

    def numbers(value):
        return np.concatenate(space.read(value))

    flat_a, flat_b = (np.asarray(ravel_pytree(tree)[0]) for tree in (a, b))
    assert space.dot(vector(a), vector(b)) == pytest.approx(float(flat_a @ flat_b), abs=1e-12)
    np.testing.assert_allclose(numbers(space.axpy(factor, vector(a), vector(b))), flat_b + factor * flat_a, atol=1e-14)
    np.testing.assert_allclose(numbers(space.scale(factor, vector(a))), factor * flat_a, atol=1e-14)
    nan = space.scale(np.nan, vector(a))
    assert np.isnan(numbers(nan)).all() and not numbers(space.scale(0.0, nan)).any()
    np.testing.assert_array_equal(numbers(space.unit(index, vector(a))), np.eye(8)[index])
    np.testing.assert_array_equal(numbers(space.write([flat_a[:6], flat_a[6:7], flat_a[7:]], space.zeros())), flat_a)
    close(framework.numpy(space.given(vector(a))), a, 0)
    # A copy is its own.
    first = vector(a)
    second = space.copy(first, space.zeros())
    second = space.scale(2.0, second)
    np.testing.assert_array_equal(numbers(first), flat_a)


@frameworks
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_random_vectors(framework, dtype):
    space = framework.operations([framework.array(np.zeros(20000), dtype), framework.array(np.zeros((10, 10)), dtype)])

    def draw(seed, rademacher):
        return np.concatenate(space.read(space.random(seed, rademacher, space.zeros())))

    for rademacher in (False, True):
        values = draw(2**64 - 1, rademacher)
        np.testing.assert_array_equal(values, draw(2**64 - 1, rademacher))
        assert (values != draw(1, rademacher)).mean() > 0.4
        assert abs(values.mean()) < 0.03 and abs(values.var() - 1) < 0.05
        assert not rademacher or set(values) == {1.0, -1.0}


@frameworks
@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize(("size", "expected"), [(1e25, 1e50), (1e-25, 1e-50), (1.0, 1.0)])
def test_inner_products_of_single_precision_are_double(framework, x64, size, expected):
    jax.config.update("jax_enable_x64", x64)
    shapes = [(3, 5), (), (0,), (300_001,), (2, 2)]  # one is more than a block
    signs = np.random.default_rng(5)
    a, b = ([np.float32(size) * signs.normal(size=shape).astype("f") for shape in shapes] for _ in range(2))
    exact = [math.fsum(math.fsum(np.float64(p).ravel() * np.float64(q).ravel()) for p, q in zip(x, b)) for x in (a, b)]
    space = framework.operations(arrays32(framework, a))
    left, right = arrays32(framework, a), arrays32(framework, b)
    # Each product is exact in double; only the sum rounds.
    assert space.dot(left, right) == pytest.approx(exact[0], abs=1e-13 * 300_021 * expected)
    assert space.dot(right, right) == pytest.approx(exact[1], rel=1e-12)


def arrays32(framework, parts):
    return [framework.array(part, np.float32) for part in parts]


@frameworks
@pytest.mark.parametrize("x64", [False, True])
def test_factors_beyond_single_precision(framework, x64):
    jax.config.update("jax_enable_x64", x64)
    space = framework.operations(framework.array([0.0], np.float32))

    def vector(number):
        return space.copy(space.value(framework.array([number], np.float32), "params"), space.zeros())

    def number(value):
        return float(space.read(value)[0][0])

    for factor, before, after in ((1e50, 1e-30, 1e20), (1e-50, 1e30, 1e-20), (-1e300, 0.0, 0.0), (1e50, 1.0, np.inf)):
        assert number(space.scale(factor, vector(before))) == pytest.approx(after, rel=1e-6)
        assert number(space.axpy(factor, vector(before), vector(0.0))) == pytest.approx(after, rel=1e-6)


@frameworks
@pytest.mark.parametrize("size", [1e25, 1e-25])
@pytest.mark.parametrize("estimator", ["conjugate-gradient", "neumann", "nystrom"])
def test_an_outer_gradient_that_single_precision_can_not_square(framework, size, estimator):
    jax.config.update("jax_enable_x64", False)
    w, h = (framework.array(values, np.float32) for values in ([1.0, 2.0], [2.0]))
    found, certificate = hpm.hypergradient(
        lambda w, h: h[0] * (w**2).sum() / 2,
        lambda w, h: size * w.sum(),
        w,
        h,
        estimator=estimator,
        estimator_learning_rate=0.5,
        estimator_damping=1e-3 if estimator == "nystrom" else None,
    )
    # H = h, q = size / h, cross = q . w
    assert certificate.usable
    close(framework.numpy(found).astype("d") / size, np.array([-1.5]), 1e-3)


# What goes wrong


@frameworks
@pytest.mark.parametrize("estimator", ["conjugate-gradient", "neumann", "nystrom", "one-step", "reverse", "forward"])
@pytest.mark.parametrize("which", [0, 1])
def test_an_exception_comes_back_as_itself(framework, estimator, which):
    thrown = LookupError("in a loss")

    def failing(w, h):
        raise thrown

    functions = [lambda w, h: (w**2 * h).sum(), lambda w, h: (w**2).sum()]
    functions[which] = failing
    with pytest.raises(LookupError) as caught:
        hpm.hypergradient(*functions, framework.array([1.0]), framework.array([1.0]), estimator=estimator)
    assert caught.value is thrown


STATUSES = [
    ("indefinite", lambda w, h: w[0] ** 2 - h[0] * w[1] ** 2, lambda w, h: (w**2).sum(), "conjugate-gradient"),
    ("indefinite", lambda w, h: w[0] ** 2 - h[0] * w[1] ** 2, lambda w, h: (w**2).sum(), "neumann"),
    ("singular", lambda w, h: h[0] * (w[0] + w[1]) ** 2, lambda w, h: w[0] - w[1], "conjugate-gradient"),
    ("nonfinite", lambda w, h: (w**2 * h).sum() * float("nan"), lambda w, h: (w**2).sum(), "conjugate-gradient"),
    ("nonfinite", lambda w, h: (w**2 * h).sum(), lambda w, h: (w**2).sum() * float("inf"), "conjugate-gradient"),
    ("nonfinite", lambda w, h: (w**2 * h).sum() * float("nan"), lambda w, h: (w**2).sum(), "reverse"),
    ("nonfinite", lambda w, h: (w**2 * h).sum() * float("nan"), lambda w, h: (w**2).sum(), "forward"),
    ("nonfinite", lambda w, h: (w**2 * h).sum() * float("nan"), lambda w, h: (w**2).sum(), "nystrom"),
    ("nonfinite", lambda w, h: (w**2 * h).sum() * float("nan"), lambda w, h: (w**2).sum(), "one-step"),
    ("nonfinite", lambda w, h: (w**2 * h).sum(), lambda w, h: (w**2 * float("inf") + h).sum(), "best-response"),
    ("diverged", lambda w, h: 100 * (w**2 * h).sum(), lambda w, h: (w**2).sum(), "neumann"),
]


@frameworks
@pytest.mark.parametrize(("status", "inner", "outer", "estimator"), STATUSES)
def test_a_failed_estimate_is_seen(framework, status, inner, outer, estimator):
    arguments = inner, outer, framework.array([1.0, 2.0]), framework.array([0.5])
    with pytest.warns(hpm.EstimateWarning, match=f"every component is NaN: {status}: ") as caught:
        found, certificate = hpm.hypergradient(*arguments, estimator=estimator)
    assert [warning.filename for warning in caught if warning.category is hpm.EstimateWarning] == [__file__]
    assert certificate.status == status and str(certificate.status) == status
    assert certificate.status is hpm.CertificateStatus(status)
    assert not certificate.usable and certificate.advice and np.isnan(framework.numpy(found)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error", hpm.EstimateWarning)
        with pytest.raises(hpm.EstimateWarning, match=status):
            hpm.hypergradient(*arguments, estimator=estimator)


@frameworks
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("iterations", [20, 200])
def test_a_singular_hessian_in_single_precision_gives_no_garbage(framework, seed, iterations):
    """50 parameters, 20 rows: in the null space of the Hessian the outer gradient has its larger part."""
    jax.config.update("jax_enable_x64", False)
    random = np.random.default_rng(seed)
    single = lambda values: framework.array(values, np.float32)
    x, y, v, z = (random.normal(size=shape) for shape in ((20, 50), 20, (30, 50), 30))
    w = np.linalg.lstsq(x, y, rcond=None)[0]
    x, y, v, z = map(single, (x, y, v, z))

    def inner(w, h):
        return (framework.xp.exp(h) * (x @ w - y) ** 2).mean()

    def outer(w, h):
        return ((v @ w - z) ** 2).mean()

    with pytest.warns(hpm.EstimateWarning):
        found, certificate = hpm.hypergradient(
            inner, outer, single(w), single(np.zeros(20)), estimator_iterations=iterations, estimator_tolerance=1e-4
        )
    assert certificate.status in ("singular", "indefinite", "diverged") and certificate.advice
    assert np.isnan(framework.numpy(found)).all()


@frameworks
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_library_is_told_the_precision(framework, dtype):
    kind = getattr(framework.xp, dtype)
    value = framework.array([1.0, 2.0]).astype(kind) if framework is Jax else framework.array([1.0, 2.0]).to(kind)
    mixed = {"a": value, "b": framework.array([1.0])}  # the coarsest counts
    vectors = hpm._vectors.NumberedVectors(framework.operations(mixed))
    expected = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}[dtype]
    assert vectors._callbacks.precision == vectors.precision == expected


@frameworks
def test_the_iteration_limit_is_an_estimate(framework):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, certificate = hpm.hypergradient(
            *losses(Ridge(), framework), framework.array(np.ones(6)), framework.array(H), estimator_iterations=2
        )
    assert certificate.status == "iteration-limit" and certificate.usable and certificate.iterations == 2
    assert 0 < certificate.relative_residual
    assert certificate.advice.startswith(f"the relative residual is {certificate.relative_residual:.3g} after 2 iterations: set")
    assert str(certificate).startswith("iteration-limit after 2 iterations, relative residual 0.086")


@frameworks
def test_arguments(framework):
    inner, outer = losses(Ridge(), framework)
    w, h = framework.array(np.ones(6)), framework.array(H)
    with pytest.raises(hpm.ArgumentError, match="'newton'.*conjugate-gradient"):
        hpm.hypergradient(inner, outer, w, h, estimator="newton")
    with pytest.raises(hpm.ArgumentError, match="'iterations'"):
        hpm.hypergradient(inner, outer, w, h, iterations=3)
    with pytest.raises(TypeError, match="inner_loss is 3; allowed: a callable"):
        hpm.hypergradient(3, outer, w, h)
    with pytest.raises(hpm.UnsupportedError, match="outer_gradient"):
        hpm.hypergradient(inner, None, w, h)
    with pytest.raises(hpm.UnsupportedError, match="step"):
        hpm.hypergradient(None, outer, w, h, estimator="reverse")
    with pytest.raises(hpm.UnsupportedError, match="response"):
        hpm.hypergradient(inner, outer, w, h, estimator="spsa")
    with pytest.raises(TypeError, match="int"):
        hpm.hypergradient(inner, outer, framework.array([1, 2], np.int64), h)
    with pytest.raises((TypeError, hpm.ArgumentError), match="params hol|params h"):
        hpm.hypergradient(inner, outer, [], h)
    with pytest.raises(TypeError, match="one number|scalar"):
        hpm.hypergradient(lambda w, h: w, outer, w, h)
    problem = hpm.Problem.differentiate(inner, outer, w, h)
    for other in (framework.array(np.ones(5)), framework.array(np.ones(6), np.float32), [framework.array(np.ones(6))]):
        with pytest.raises(hpm.ArgumentError, match="as where the problem was made|than where the problem was made"):
            problem.hypergradient(other, h)


# What a newcomer may do wrong: what it says names the argument and what to do.


def square(w, h):
    return (w**2).sum()


MISTAKES = [
    ("an integer", {"h": lambda f: f.array([1], np.int64)}, TypeError, "^h h.*int(32|64); allowed: floating-point"),
    ("nothing", {"h": lambda f: f.array([])}, hpm.ArgumentError, "^h holds no numbers; allowed: at least 1"),
    ("a vector", {"inner": lambda f: lambda w, h: w * h}, TypeError, r"^inner_loss returned an? \w+ of shape \(2,\); allowed: an? \w+ of one number"),
    ("None", {"outer": lambda f: lambda w, h: None}, TypeError, "^outer_loss returned None; allowed: an? (array|tensor) of one number"),
    ("a pair", {"inner": lambda f: lambda w, h: ((w * h).sum(), w)}, TypeError, r"^inner_loss returned \(.*; allowed: an? \w+ of one number"),
    ("an old name", {"damping": 0.1}, hpm.ArgumentError, r"^hypergradient has no argument 'damping'; allowed: estimator, .* Did you mean estimator_damping\?$"),
    ("another's option", {"population": 3}, hpm.ArgumentError, "^hypergradient has no argument 'population'"),
    ("no outer loss", {"outer": lambda f: None}, hpm.UnsupportedError, "^outer_loss is not given"),
    ("no inner loss", {"inner": lambda f: None}, hpm.UnsupportedError, "^inner_loss is not given"),
    ("no response", {"estimator": "spsa"}, hpm.UnsupportedError, "^response is not given"),
    ("no step", {"inner": lambda f: None, "estimator": "forward"}, hpm.UnsupportedError, "^step is not given"),
    ("a step to None", {"estimator": "reverse", "step": lambda w, h, i: None}, TypeError, "^step returned"),
    ("a step to another shape", {"estimator": "reverse", "step": lambda w, h, i: w[:1] * h}, TypeError, "^step returned .*; allowed: "),
]  # fmt: skip


@frameworks
@pytest.mark.parametrize(("what", "wrong", "error", "message"), MISTAKES, ids=[mistake[0] for mistake in MISTAKES])
def test_mistakes(framework, what, wrong, error, message):
    given = {
        "inner": lambda f: lambda w, h: (h * w**2).sum(),
        "outer": lambda f: square,
        "params": lambda f: f.array([1.0, 2.0]),
        "h": lambda f: f.array([3.0]),
        **wrong,
    }
    positional = [given.pop(name)(framework) for name in ("inner", "outer", "params", "h")]
    with pytest.raises(error, match=message):
        hpm.hypergradient(*positional, **given)


@frameworks
@pytest.mark.parametrize(
    ("inner", "outer", "what"),
    [
        (lambda w, h: ((w - 3) ** 2).sum(), square, "training does not depend on h"),
        (lambda w, h: (h * (w - 3) ** 2).sum(), lambda w, h: (0 * w).sum(), "the outer loss does not depend on params"),
        (lambda w, h: (h.round() * (w - 3) ** 2).sum(), square, "training does not depend on h"),
    ],
    ids=["inner", "outer", "round"],
)
def test_exact_zeros_are_not_silent(framework, inner, outer, what):
    with pytest.warns(hpm.EstimateWarning, match=f"exactly 0: as far as the derivatives tell, {what}.*params and h") as caught:
        found, certificate = hpm.hypergradient(inner, outer, framework.array([1.0, 2.0]), framework.array([2.0]))
    assert caught[0].filename == __file__
    assert certificate.usable and not framework.numpy(found).any()


@frameworks
@pytest.mark.parametrize("outer", [square, lambda w, h: (w * h.round()).sum()], ids=["outer", "round"])
def test_exact_zeros_without_a_response_are_not_silent(framework, outer):
    what = "exactly 0: as far as the derivatives tell, the outer loss does not depend on h.*params and h"
    with pytest.warns(hpm.EstimateWarning, match=what) as caught:
        found, certificate = hpm.hypergradient(
            None, outer, framework.array([1.0, 2.0]), framework.array([2.0]), estimator="best-response"
        )
    assert caught[0].filename == __file__
    assert certificate.usable and not framework.numpy(found).any()


@needs_torch
@pytest.mark.parametrize("which", ["inner_loss", "outer_loss"])
@pytest.mark.parametrize("estimator", ["conjugate-gradient", "reverse"])
def test_a_torch_loss_without_a_graph(which, estimator):
    losses = {"inner_loss": lambda w, h: (h * w**2).sum(), "outer_loss": square}
    whole = losses[which]
    for blind in (lambda w, h: whole(w, h).detach(), torch.no_grad()(whole)):
        with pytest.raises(TypeError, match=f"^{which} returned a tensor that autograd traces to neither params nor h"):
            hpm.hypergradient(**{**losses, which: blind}, params=torch.ones(2), h=torch.ones(1), estimator=estimator)


@needs_torch
@pytest.mark.parametrize("estimator", ["conjugate-gradient", "nystrom", "reverse", "forward"])
def test_torch_inference_mode(estimator):
    def inner(w, h):
        return (h * (w - 1) ** 2).sum()

    w, h = torch.tensor([1.0, 3.0]), torch.tensor([0.5])
    expected, _ = hpm.hypergradient(inner, square, w, h, estimator=estimator)
    with torch.inference_mode():
        inside, _ = hpm.hypergradient(inner, square, w, h, estimator=estimator)
        made = torch.tensor([1.0, 3.0]), torch.tensor([0.5])
        made_inside, _ = hpm.hypergradient(inner, square, *made, estimator=estimator)
    afterwards, _ = hpm.hypergradient(inner, square, *made, estimator=estimator)
    assert expected.any() and all(torch.equal(expected, found) for found in (inside, made_inside, afterwards))


@needs_torch
def test_torch_modules_are_told_what_to_give():
    module = torch.nn.Linear(2, 1)
    for given in (module, module.parameters(), module.named_parameters()):
        with pytest.raises(TypeError, match=r"params holds \w+; .* give dict\(module.named_parameters\(\)\)"):
            hpm.hypergradient(square, square, given, torch.ones(1))
    for given in (0.5, np.ones(1), jnp.ones(1)):
        with pytest.raises(TypeError, match=r"h holds \w+; .* A number becomes one by torch.tensor"):
            hpm.hypergradient(square, square, torch.ones(2), given)

    def inner(p, h):
        outputs = torch.func.functional_call(module, p, (torch.eye(2),))
        return (outputs**2).sum() + h.exp() * sum((q**2).sum() for q in p.values())

    def outer(p, h):
        return sum(((q - 1) ** 2).sum() for q in p.values())

    h = torch.zeros(())
    found = [hpm.hypergradient(inner, outer, p, h)[0] for p in (dict(module.named_parameters()), module.state_dict())]
    assert torch.equal(*found) and found[0].any()


@pytest.mark.parametrize("leaf", ["x", jnp.tanh, 3, np.int32(3)])
def test_jax_leaves_that_are_no_numbers_to_train(leaf):
    with pytest.raises(TypeError, match="^params has a leaf .*; allowed: .*. Leave .* out of it"):
        hpm.hypergradient(square, square, {"w": jnp.ones(2), "other": leaf}, jnp.ones(1))


@frameworks
def test_check_in_single_precision_needs_no_options(framework):
    jax.config.update("jax_enable_x64", False)
    single = lambda values: framework.array(values, np.float32)
    at = jax.tree_util.tree_map(single, Network.PARAMS), jax.tree_util.tree_map(single, Network.H)
    inner, outer = Network().losses(framework.xp, single)
    problem = hpm.Problem.differentiate(inner, outer, *at, learning_rate=0.1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        findings = problem.check(*at)
    warned = [warning for warning in caught if warning.category is hpm.UncheckedWarning]
    assert len(warned) == any(found.verdict is hpm.Verdict.NOT_CHECKED for found in findings)
    with pytest.raises(hpm.ArgumentError, match="^check has no argument 'tolerance'.*Did you mean check_tolerance"):
        problem.check(*at, tolerance=1e-3)


@frameworks
def test_what_single_precision_leaves_unchecked_is_no_silent_pass(framework):
    def inner(w, h):  # the derivatives by h are far below the rounding of those by w
        return ((w - 1) ** 2).sum() + 1e-9 * (h * w).sum()

    def outer(w, h):
        return (w**2).sum() + 1e-9 * (h**2).sum()

    at = framework.array([1.5, -2.0, 3.0], np.float32), framework.array([0.3, 0.2, 0.1], np.float32)
    problem = hpm.Problem.differentiate(inner, outer, *at, learning_rate=0.1)
    with pytest.warns(hpm.UncheckedWarning) as caught:
        findings = problem.check(*at)
    unchecked = [found for found in findings if found.verdict is hpm.Verdict.NOT_CHECKED]
    (warning,) = caught
    assert warning.filename == __file__ and any(found.callback == "cross_product" for found in unchecked)
    assert hpm.Reason.ROUNDING in {found.reason for found in unchecked}
    assert str(warning.message).startswith(f"{len(unchecked)} of {len(findings)} tests say 'not checked'")
    assert all(found.callback in str(warning.message) for found in unchecked)
    assert "told from rounding" in str(warning.message) and "double precision" in str(warning.message)
    single = lambda values: np.asarray(values, np.float32)
    host = hpm.Problem(parameters=3, hyperparameters=3, dtype=np.float32, inner_loss=lambda w, h: float(w @ w),
        inner_gradient=lambda w, h: 2 * w, inner_hyper_gradient=lambda w, h: np.zeros(3))  # fmt: skip
    with pytest.warns(hpm.UncheckedWarning, match="inner_hyper_gradient.*dtype=float64"):
        host.check(single([1, 2, 3]), single([1, 2, 3]))


def test_numpy_arrays_are_sent_to_problem():
    with pytest.raises(TypeError, match="params is ndarray and h ndarray; allowed: torch tensors .* Problem"):
        hpm.hypergradient(lambda w, h: 0.0, lambda w, h: 0.0, np.ones(2), np.ones(2))


@frameworks
def test_check(framework):
    inner, outer = losses(Network(), framework)
    problem = hpm.Problem.differentiate(
        inner, outer, arrays(framework, Network.PARAMS), arrays(framework, Network.H), learning_rate=0.1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        findings = problem.check(arrays(framework, Network.PARAMS), arrays(framework, Network.H))
    assert all(found.verdict is hpm.Verdict.RIGHT for found in findings)
    assert {found.callback for found in findings} == {
        "outer_loss", "outer_gradient", "inner_loss", "inner_gradient", "hessian_product", "cross_product",
        "step", "step_forward", "step_backward",
    }  # fmt: skip

    if framework is Jax:

        @jax.custom_vjp
        def square(x):
            return x**2

        square.defvjp(lambda x: (x**2, x), lambda x, g: (g * x,))  # a 2 is missing
    else:

        class Square(torch.autograd.Function):
            @staticmethod
            def forward(context, x):
                context.save_for_backward(x)
                return x**2

            @staticmethod
            def backward(context, g):
                return g * context.saved_tensors[0]

        square = Square.apply

    at = framework.array([1.0, 2.0]), framework.array([0.5])
    wrong = hpm.Problem.differentiate(lambda w, h: (w**2 * h).sum(), lambda w, h: square(w).sum(), *at)
    with pytest.raises(hpm.WrongDerivativeError, match="^outer_gradient is wrong: its part of w .* relative difference of"):
        wrong.check(*at)


# Memory and devices


@frameworks
def test_nothing_is_kept(framework):
    inner, outer = losses(Ridge(), framework)
    w, h = framework.array(np.ones(6)), framework.array(H)
    problem = hpm.Problem.differentiate(inner, outer, w, h, learning_rate=0.01)
    spaces = problem._parameters, problem._hyperparameters

    def failing(w, h):
        raise LookupError

    for estimator in ("conjugate-gradient", "neumann", "nystrom", "one-step", "reverse", "forward", "best-response"):
        with warnings.catch_warnings():  # neumann diverges
            warnings.simplefilter("ignore", hpm.EstimateWarning)
            problem.hypergradient(w, h, estimator=estimator, estimator_checkpoints=2)
        assert not any(space.values for space in spaces)
    problem.check(w, h)
    with pytest.raises(hpm.ArgumentError):
        problem.hypergradient(w, h, estimator="newton")
    with pytest.raises(hpm.ArgumentError):
        problem.hypergradient(w, framework.array(np.ones(5)))
    assert not any(space.values for space in spaces)
    broken = hpm.Problem.differentiate(failing, outer, w, h)
    with pytest.raises(LookupError):
        broken.hypergradient(w, h)
    assert not any(space.values for space in (broken._parameters, broken._hyperparameters))


@needs_torch
def test_a_problem_and_its_losses_are_freed_at_once():
    class Loss:
        def __call__(self, w, h):
            return (w**2 * h).sum()

    gc.collect()
    gc.disable()
    try:
        inner = Loss()
        hpm.hypergradient(inner, Loss(), torch.ones(2), torch.ones(2))
        kept = weakref.ref(inner)
        del inner
        assert kept() is None
    finally:
        gc.enable()


@frameworks
@pytest.mark.parametrize("estimator", ["conjugate-gradient", "neumann", "nystrom", "one-step", "reverse", "forward", "best-response"])
def test_vectors_never_leave_the_device(framework, estimator, monkeypatch):
    inner, outer = losses(Network(), framework)
    p, h = arrays(framework, Network.PARAMS), arrays(framework, Network.H)

    def estimate():
        return hpm.hypergradient(inner, outer, p, h, estimator=estimator, estimator_damping=20.0, estimator_iterations=3)

    estimate()  # compiled
    numbers = []

    def refuse(*_, **__):
        raise AssertionError("a vector is copied to the host")

    if framework is Torch:
        item = torch.Tensor.item
        for name in ("numpy", "cpu", "tolist", "__array__"):
            monkeypatch.setattr(torch.Tensor, name, refuse)
        monkeypatch.setattr(torch.Tensor, "item", lambda self: numbers.append(self.numel()) or item(self))
    else:
        kind = type(jnp.ones(1))
        value = kind._value

        def watched(self):
            numbers.append(self.size)
            return value.fget(self)

        monkeypatch.setattr(kind, "_value", property(watched))
        monkeypatch.setattr(kind, "__array__", refuse)
        monkeypatch.setattr(kind, "tolist", refuse)
    found, certificate = estimate()
    monkeypatch.undo()
    assert certificate.usable and numbers and set(numbers) <= {1}
    assert np.isfinite(ravel_pytree(framework.numpy(found))[0]).all()


@needs_torch
def test_torch_weights_are_read_in_place():
    model = torch.nn.Linear(3, 1).double()
    x, y = torch.ones(5, 3, dtype=torch.double), torch.zeros(5, 1, dtype=torch.double)
    h = torch.zeros((), dtype=torch.double, requires_grad=True)

    def inner(p, h):
        return ((torch.func.functional_call(model, p, (x,)) - y) ** 2).mean() + torch.exp(h) * sum(
            (q**2).sum() for q in p.values()
        )

    def outer(p, h):
        return ((torch.func.functional_call(model, p, (x,)) - 1) ** 2).mean()

    params = dict(model.named_parameters())
    before = {name: p.detach().clone() for name, p in params.items()}
    with torch.no_grad():
        found, certificate = hpm.hypergradient(inner, outer, params, h)
    assert certificate.usable and not found.requires_grad and h.grad is None
    assert all(p.grad is None and torch.equal(p, before[name]) for name, p in params.items())
    with torch.no_grad():
        for p in params.values():
            p.add_(1.0)
    assert hpm.hypergradient(inner, outer, params, h)[0] != found


def test_frameworks_are_imported_when_they_are_used():
    code = (
        "import sys; import libhpm as hpm; "
        "problem = hpm.Problem(parameters=1, hyperparameters=1); "
        "assert not {'torch', 'jax'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@frameworks
def test_threads(framework):
    problem = Ridge()
    inner, outer = losses(problem, framework)
    shared = hpm.Problem.differentiate(inner, outer, framework.array(np.ones(6)), framework.array(H))
    errors = []

    def work(k):
        try:
            at = H + 0.1 * k
            for _ in range(20):
                found, _ = shared.hypergradient(
                    framework.array(problem.minimum(at)), framework.array(at), estimator_tolerance=1e-12
                )
                close(framework.numpy(found), problem.hypergradient(problem.minimum(at), at), 1e-8)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
