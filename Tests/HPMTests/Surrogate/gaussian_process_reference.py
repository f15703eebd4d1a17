"""Writes GaussianProcessReference.swift: a Gaussian process by JAX (covariances from their formulas,
derivatives by automatic differentiation), checked here against scikit-learn; expected improvement by
numerical integration with mpmath.

    python gaussian_process_reference.py > GaussianProcessReference.swift
"""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import scipy.optimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

jax.config.update("jax_enable_x64", True)

# Four coordinates: the third a choice of three labels, which as one-hot vectors over sqrt(2) have
# the Hamming distance.
GROUPS = np.array([0, 1, 2, 1])


def embed(x):
    one_hot = (x[:, 2:3] == np.arange(3)) / np.sqrt(2)
    return np.concatenate([x[:, :2], one_hot, x[:, 3:]], 1), np.array([0, 1, 2, 2, 2, 1])


def squares(a, b, theta, groups):
    lengths = jnp.exp(theta[:3])[groups]
    difference = (a[:, None] - b[None]) / lengths
    return (difference**2).sum(-1)


def covariance(family, a, b, s, t, theta, groups):
    square = squares(a, b, theta, groups)
    variance = jnp.exp(theta[3])
    if family == "matern":
        root = jnp.sqrt(5 * jnp.where(square > 0, square, 1.0))
        value = jnp.where(square > 0, (1 + root + root**2 / 3) * jnp.exp(-root), 1.0)
        return variance * value
    omega = 1 - jnp.exp(-2 * jnp.exp(theta[5]))
    return variance * jnp.exp(-square / 2) * (1 - omega) ** (abs(s[:, None] - t[None]) / 2)


def log_likelihood(theta, family, x, t, y, groups):
    k = covariance(family, x, x, t, t, theta, groups) + jnp.exp(theta[4]) * jnp.eye(len(y))
    factor = jnp.linalg.cholesky(k)
    white = jax.scipy.linalg.solve_triangular(factor, y, lower=True)
    return -0.5 * white @ white - jnp.log(jnp.diag(factor)).sum() - 0.5 * len(y) * jnp.log(2 * jnp.pi)


def predict(p, s, theta, family, x, t, y, groups):
    k = covariance(family, x, x, t, t, theta, groups) + jnp.exp(theta[4]) * jnp.eye(len(y))
    cross = covariance(family, p[None], x, jnp.array([s]), t, theta, groups)[0]
    return cross @ jnp.linalg.solve(k, y), jnp.exp(theta[3]) - cross @ jnp.linalg.solve(k, cross)


def prior(theta, family):
    length = np.sqrt(2) + 0.5 * np.log(4)
    terms = [(length, np.sqrt(3))] * 3 + [(0, 1), (np.log(1e-4), 3)]
    if family == "timeVarying":
        terms.append((np.log(0.03), 1.5))
    return sum(0.5 * ((v - m) / d) ** 2 for v, (m, d) in zip(theta, terms))


def box(family):
    sizes = np.array([1, 2, 1])
    low = list(np.log(0.01 * np.sqrt(sizes))) + [np.log(0.05), np.log(1e-8)]
    high = list(np.log(30 * np.sqrt(sizes))) + [np.log(20), np.log(2)]
    if family == "timeVarying":
        low.append(np.log(1e-4))
        high.append(np.log(0.5 * np.log(2)))
    return list(zip(low, high))


def numbers(values):
    return "[" + ", ".join(repr(float(v)) for v in np.ravel(values)) + "]"


def case(family, count, seed):
    random = np.random.default_rng(seed)
    x = random.uniform(size=(count, 4))
    x[:, 2] = random.integers(0, 3, count)
    t = random.integers(0, 9, count).astype(float)
    y = np.sin(5 * x[:, 0]) + x[:, 1] * (x[:, 2] == 1) + 0.3 * x[:, 3] + 0.05 * t
    y = (y - y.mean()) / y.std()
    theta = np.log([0.4, 0.9, 1.3, 1.7, 0.01] + ([0.04] if family == "timeVarying" else []))
    wide, groups = embed(x)
    value, gradient = jax.value_and_grad(log_likelihood)(theta, family, wide, t, y, groups)

    points = random.uniform(size=(3, 4))
    points[:, 2] = [0, 1, 2]
    points[2] = x[0]
    times = np.array([9.0, 4.0, t[0]])
    means, variances, mean_gradients, variance_gradients = [], [], [], []
    for point, time in zip(points, times):
        p = embed(point[None])[0][0]
        arguments = (time, theta, family, wide, t, y, groups)
        mean, variance = predict(p, *arguments)
        means.append(mean)
        variances.append(variance)
        jacobian = jax.jacobian(predict)(p, *arguments)
        for gradients, full in zip((mean_gradients, variance_gradients), jacobian):
            gradients.append(np.array([full[0], full[1], 0, full[5]]))

    gradient_of = jax.jit(jax.value_and_grad(log_likelihood), static_argnums=1)
    prior_of = jax.jit(jax.grad(prior), static_argnums=1)

    def objective(v):
        likelihood, slope = gradient_of(v, family, wide, t, y, groups)
        return float(prior(v, family) - likelihood), np.array(prior_of(v, family) - slope)

    best = min(
        scipy.optimize.minimize(
            objective, [random.uniform(a, b) for a, b in box(family)], jac=True, bounds=box(family), method="L-BFGS-B"
        ).fun
        for _ in range(8)
    )

    if family == "matern":
        lengths = np.exp(theta[:3])[groups]
        kernel = ConstantKernel(np.exp(theta[3])) * Matern(lengths, nu=2.5) + WhiteKernel(np.exp(theta[4]))
        peer = GaussianProcessRegressor(kernel, alpha=0, optimizer=None).fit(wide, y)
        assert abs(peer.log_marginal_likelihood(peer.kernel_.theta) - value) < 1e-9
        mean, deviation = peer.predict(embed(points)[0], return_std=True)
        assert np.allclose(mean, means, atol=1e-10)
        assert np.allclose(deviation**2 - np.exp(theta[4]), variances, atol=1e-10)
    fields = [
        f"family: .{family}", f"rows: {numbers(x)}", f"times: {numbers(t)}", f"values: {numbers(y)}",
        f"hyperparameters: {numbers(theta)}", f"likelihood: {float(value)!r}", f"gradient: {numbers(gradient)}",
        f"points: {numbers(points)}", f"pointTimes: {numbers(times)}", f"means: {numbers(means)}",
        f"variances: {numbers(variances)}", f"meanGradients: {numbers(mean_gradients)}",
        f"varianceGradients: {numbers(variance_gradients)}", f"highestPosterior: {-best!r}",
    ]
    return "        Case(\n            " + ",\n            ".join(fields) + "),"


def improvements():
    mpmath.mp.dps = 60
    lines = []
    for mean, deviation, best in [
        (0, 1, 0), (0.3, 0.5, -0.2), (-2, 1, 1), (5, 1, 0), (-30, 1, 10), (20, 1, 0), (26, 1, 0), (60, 1.5, 0),
        (0.001, 1e-6, 0), (1, 1e-6, 0), (24.9, 1, 0), (25.1, 1, 0), (1.0001, 1, 0), (0.9999, 1, 0),
    ]:
        m, s, b = map(mpmath.mpf, (mean, deviation, best))

        def integrand(u):
            return u * mpmath.npdf(b - u, m, s)

        edge = max(b - m, mpmath.mpf(0))
        scale = s / max(1, abs(m - b) / s)
        nodes = [mpmath.mpf(0)] + [edge + (k - 40) * s / 2 for k in range(0, 120) if edge + (k - 40) * s / 2 > 0]
        if m > b:
            nodes = [scale * k for k in range(0, 81, 2)] + [scale * 200]
        value = mpmath.log(mpmath.quad(integrand, nodes))
        lines.append(f"        ({mean}, {deviation}, {best}, {mpmath.nstr(value, 17)}),")
    return "\n".join(lines)


print("// Written by gaussian_process_reference.py.")
print("@testable import HPM\n")
print("enum GaussianProcessReference {")
print("    struct Case: Sendable {")
for name, kind in [
    ("family", "CovarianceKernel.Family"), ("rows", "[Double]"), ("times", "[Double]"), ("values", "[Double]"),
    ("hyperparameters", "[Double]"), ("likelihood", "Double"), ("gradient", "[Double]"), ("points", "[Double]"),
    ("pointTimes", "[Double]"), ("means", "[Double]"), ("variances", "[Double]"), ("meanGradients", "[Double]"),
    ("varianceGradients", "[Double]"), ("highestPosterior", "Double"),
]:
    print(f"        let {name}: {kind}")
print("    }\n")
print(f"    static let groups = {list(map(int, GROUPS))}\n")
print("    static let cases = [")
for family in ("matern", "timeVarying"):
    for count, seed in ((7, 2), (40, 3)):
        print(case(family, count, seed))
print("    ]\n")
print("    /// Mean, deviation, the value below which, and the logarithm of the expected improvement.")
print("    static let improvements: [(Double, Double, Double, Double)] = [")
print(improvements())
print("    ]")
print("}")
