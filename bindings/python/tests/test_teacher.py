import libhpm as hpm
import numpy as np
import pytest
from reference import ACTIVATIONS, SQUASHINGS
from reference import Teacher as Reference

N, M = 5, 7


@pytest.fixture
def loss_and_gradient():
    random = np.random.default_rng(1)
    A, b = random.standard_normal((N, N)), random.standard_normal(N)

    def loss(h):
        return np.sin(A @ h).sum() + ((h - b) ** 2).sum()

    def gradient(h):
        return A.T @ np.cos(A @ h) + 2 * (h - b)

    return loss, gradient


PARTS = [
    (kind, squashing, activation)
    for kind in ("attention", "perceptron", "linear")
    for squashing in SQUASHINGS
    for activation in ([None] if kind == "linear" else ACTIVATIONS)
]


def pair(learning_rate, seed, kind=None, squashing=None, activation=None):
    given = {k: v for k, v in (("kind", kind), ("squashing", squashing), ("activation", activation)) if v}
    return (
        hpm.Teacher(
            N, units=M, learning_rate=learning_rate, seed=seed, teacher=kind, squashing=squashing, activation=activation
        ),
        Reference(N, M, learning_rate, seed, **given),
    )


def follow(loss_and_gradient, teacher, reference, steps):
    _, gradient = loss_and_gradient
    random = np.random.default_rng(2)
    for t in range(steps):
        h = random.standard_normal(N)
        child = teacher.mutate(h)
        np.testing.assert_allclose(child, reference.mutate(h), rtol=1e-9, atol=1e-11)
        G = gradient(child)
        if t % 3 == 0:
            G[t % N] = [np.nan, np.inf, -np.inf][t % 9 // 3]
        assert teacher.learn(h, G) is bool(np.any(reference.residual(h, G, h)))
        reference.learn(h, G)


@pytest.mark.parametrize("seed", [0, 5, 2**63 - 1])
def test_against_a_second_implementation(loss_and_gradient, seed):
    follow(loss_and_gradient, *pair(0.2, seed), steps=50)


@pytest.mark.parametrize(("kind", "squashing", "activation"), PARTS)
def test_all_parts_against_a_second_implementation(loss_and_gradient, kind, squashing, activation):
    follow(loss_and_gradient, *pair(0.2, 6, kind, squashing, activation), steps=20)


def test_the_default_activations():
    h = np.linspace(-1, 1, N)
    for kind, activation in (("attention", "softmax"), ("perceptron", "tanh")):
        default, named = (hpm.Teacher(N, teacher=kind, activation=a) for a in (None, activation))
        np.testing.assert_array_equal(default.mutate(h), named.mutate(h))


@pytest.mark.parametrize(("kind", "squashing", "activation"), PARTS)
def test_learning_is_a_step_along_finite_differences(loss_and_gradient, kind, squashing, activation):
    loss, gradient = loss_and_gradient
    teacher, reference = pair(0.1, 4, kind, squashing, activation)
    random = np.random.default_rng(3)
    for _ in range(3):
        h = random.standard_normal(N)
        G = gradient(teacher.mutate(h))
        reference.learn_by_differences(h, loss, G)
        teacher.learn(h, G)
        for probe in random.standard_normal((4, N)):
            np.testing.assert_allclose(teacher.mutate(probe), reference.mutate(probe), rtol=1e-7, atol=1e-8)


def test_learning_descends(loss_and_gradient):
    loss, gradient = loss_and_gradient
    teacher = hpm.Teacher(N, learning_rate=0.02)
    h = np.linspace(-1, 1, N) + 0.05
    values = []
    for _ in range(200):
        child = teacher.mutate(h)
        values.append(loss(child))
        teacher.learn(h, gradient(child))
    assert values[-1] < values[0] - 0.2
    assert (np.sign(teacher.mutate(h)) == np.sign(h)).all()  # a factor in (0, 2) can't change a sign


def test_nothing_to_learn():
    teacher = hpm.Teacher(3)
    h = [1.0, 2.0, -1.0]
    before = teacher.mutate(h)
    for gradient in ([0.0] * 3, [np.nan] * 3, [np.inf, -np.inf, 0.0]):
        assert teacher.learn(h, gradient) is False
    assert teacher.learn([0.0] * 3, [1.0] * 3) is False  # no factor moves a 0
    np.testing.assert_array_equal(teacher.mutate(h), before)
    assert teacher.learn(h, [1e300, -1e300, 1e-300]) is True
    assert np.isfinite(teacher.mutate(h)).all()


def test_arguments():
    teacher = hpm.Teacher(3, seed=1)
    before = teacher.mutate([1.0, 2.0, 3.0])
    for call, error, message in (
        (lambda: teacher.mutate([1.0, 2.0]), hpm.ArgumentError, r"parent has shape \(2,\); allowed: \(3,\)"),
        (lambda: teacher.mutate([1.0, np.nan, 1.0]), hpm.ArgumentError, "parent"),
        (lambda: teacher.learn([1.0, np.inf, 1.0], [1.0] * 3), hpm.ArgumentError, "parent"),
        (lambda: teacher.learn([1.0] * 3, [1.0] * 4), hpm.ArgumentError, "gradient_at_child has shape"),
        (lambda: teacher.learn([1.0] * 3, ["a"] * 3), TypeError, "gradient_at_child has dtype"),
        (lambda: hpm.Teacher(0), hpm.ArgumentError, "dimension is 0"),
        (lambda: hpm.Teacher(-1), hpm.ArgumentError, "dimension is -1"),
        (lambda: hpm.Teacher(1.5), TypeError, "dimension"),
        (lambda: hpm.Teacher(3, units=0), hpm.ArgumentError, "'teacher_units' is 0"),
        (lambda: hpm.Teacher(3, learning_rate=-1), hpm.ArgumentError, "'teacher_learning_rate'"),
        (lambda: hpm.Teacher(3, seed=-1), hpm.ArgumentError, "'seed'"),
        (lambda: hpm.Teacher(3, teacher="forest"), hpm.ArgumentError, "'teacher' is 'forest'"),
        (lambda: hpm.Teacher(3, teacher="none"), hpm.ArgumentError, "attention, perceptron, linear"),
        (lambda: hpm.Teacher(3, squashing="cosh"), hpm.ArgumentError, "'teacher_squashing' is 'cosh'"),
        (lambda: hpm.Teacher(3, activation="cosh"), hpm.ArgumentError, "'teacher_activation' is 'cosh'"),
        (lambda: hpm.Teacher(2**40, teacher="linear"), MemoryError, "teacher"),
        (lambda: hpm.Teacher(2**60), MemoryError, "teacher"),
    ):
        with pytest.raises(error, match=message):
            call()
    np.testing.assert_array_equal(teacher.mutate([1.0, 2.0, 3.0]), before)
    assert teacher.dimension == 3 and repr(teacher) == "<Teacher of 3 hyperparameters>"
    with teacher:
        pass
    with pytest.raises(hpm.HandleError, match="teacher"):
        teacher.mutate([1.0, 2.0, 3.0])


def test_seeds():
    h = np.ones(4)
    np.testing.assert_array_equal(hpm.Teacher(4, seed=3).mutate(h), hpm.Teacher(4, seed=3).mutate(h))
    assert (hpm.Teacher(4, seed=3).mutate(h) != hpm.Teacher(4, seed=4).mutate(h)).all()
