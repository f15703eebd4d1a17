"""Hypergradients side by side with other libraries: the same problem, the same accuracy, one run.

Logistic regression with an L2 penalty for each feature, in double precision, at its minimum: the
implicit hypergradient by conjugate gradient to the same relative residual; and the gradient through the
same number of unrolled steps of gradient descent. Each library runs in a process of its own.

    pip install jax torch jaxopt torchopt betty-ml higher
    python benchmarks/hypergradients/peers.py [--out FOLDER] [--rows 300] [--sizes 100,100000]

Writes peers.csv and peers.md. `first` is the first call, compilation included; `seconds` the median of
later ones; `memory` what the peak of the process grew by over its size with the data loaded, first call
included; `error` is relative, against a solution of the dense system (implicit) or reverse mode written
out in numpy (unrolled).
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

TOLERANCE, STEPS = 1e-9, 20
LIBRARIES = {
    "implicit": ["hpm (jax)", "jaxopt", "hpm (torch)", "torchopt", "betty-ml (cg)", "betty-ml (neumann)"],
    "unrolled": ["hpm (jax)", "jax.grad of lax.scan", "hpm (torch)", "higher"],
}
PACKAGES = {"hpm (jax)": "libhpm", "hpm (torch)": "libhpm", "jax.grad of lax.scan": "jax"}
PACKAGES |= {"betty-ml (cg)": "betty-ml", "betty-ml (neumann)": "betty-ml"}


# The problem, with its minimum and both references, in numpy.


def make(features: int, rows: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(2 * rows, features)) / np.sqrt(features)
    truth = random.normal(size=features) * (random.random(features) < 0.3)
    s = np.sign(x @ truth * 3 + random.logistic(size=2 * rows))
    problem = {"x": x[:rows], "s": s[:rows], "v": x[rows:], "u": s[rows:], "h": random.uniform(-5, -2, features)}
    x, s, penalty = problem["x"], problem["s"], np.exp(problem["h"])

    def probability(w, x, s):
        return 1 / (1 + np.exp(s * (x @ w)))

    def gradient(w):
        return -x.T @ (s * probability(w, x, s)) + penalty * w

    def solve(w, right):
        """(X^T D X + diag(penalty))^-1 by Woodbury, refined."""
        p = probability(w, x, s)
        d = p * (1 - p)
        inner = np.diag(1 / d) + (x / penalty) @ x.T

        def once(right):
            scaled = right / penalty
            return scaled - x.T @ np.linalg.solve(inner, x @ scaled) / penalty

        q = once(right)
        for _ in range(3):
            q += once(right - (x.T @ (d * (x @ q)) + penalty * q))
        return q

    w = np.zeros(features)
    for _ in range(50):
        w -= solve(w, gradient(w))
        if np.linalg.norm(gradient(w)) < 1e-11 * np.sqrt(features):
            break

    def outer_gradient(w):
        return -problem["v"].T @ (problem["u"] * probability(w, problem["v"], problem["u"]))

    problem["w"] = w
    problem["implicit"] = -penalty * w * solve(w, outer_gradient(w))
    # The smallest curvature: of the data's span there is nothing where features outnumber rows.
    small = features <= 1000
    p = probability(w, x, s)
    hessian = x.T @ ((p * (1 - p))[:, None] * x) + np.diag(penalty) if small else None
    problem["smallest"] = np.array(np.linalg.eigvalsh(hessian)[0] if small else penalty.min())
    rate = 1 / (0.25 * np.linalg.norm(x, 2) ** 2 + penalty.max())
    # The unrolled steps begin away from the minimum.
    problem["start"] = start = w + random.normal(size=features) * np.abs(w).mean()
    problem["rate"] = np.array(rate)
    states = [start]
    for _ in range(STEPS):
        states.append(states[-1] - rate * gradient(states[-1]))
    adjoint, total = outer_gradient(states[-1]), np.zeros(features)
    for state in reversed(states[:-1]):
        total -= rate * penalty * state * adjoint
        p = probability(state, x, s)
        adjoint = adjoint - rate * (x.T @ (p * (1 - p) * (x @ adjoint)) + penalty * adjoint)
    problem["unrolled"] = total
    return problem


# The libraries: each is a function that returns the hypergradient.


def with_jax(data):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    arrays = {name: jnp.asarray(value) for name, value in data.items()}

    def inner(x, s, w, h):
        return jnp.logaddexp(0, -s * (x @ w)).sum() + (jnp.exp(h) * w**2).sum() / 2

    def outer(v, u, w, h):
        return jnp.logaddexp(0, -u * (v @ w)).sum()

    a = arrays
    # The data are arguments of what is compiled, not constants in it.
    return jax, a, jax.tree_util.Partial(inner, a["x"], a["s"]), jax.tree_util.Partial(outer, a["v"], a["u"])


def with_torch(data):
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    a = {name: torch.from_numpy(value) for name, value in data.items()}

    def inner(w, h):
        return torch.nn.functional.softplus(-a["s"] * (a["x"] @ w)).sum() + (torch.exp(h) * w**2).sum() / 2

    def outer(w, h):
        return torch.nn.functional.softplus(-a["u"] * (a["v"] @ w)).sum()

    return torch, a, inner, outer


def hpm_by(framework, method):
    def build(data, iterations):
        import libhpm as hpm

        _, a, inner, outer = framework(data)
        options = (
            {"estimator_iterations": 1000, "estimator_tolerance": TOLERANCE}
            if method == "implicit"
            else {"estimator": "reverse", "estimator_iterations": STEPS, "estimator_learning_rate": float(data["rate"])}
        )
        start = a["w" if method == "implicit" else "start"]

        def call():
            gradient, certificate = hpm.hypergradient(inner, outer, start, a["h"], **options)
            build.iterations = certificate.iterations
            return np.asarray(gradient)

        return call

    return build


def jaxopt(data, iterations):
    import functools

    from jaxopt import implicit_diff, linear_solve

    jax, a, inner, outer = with_jax(data)
    solve = functools.partial(linear_solve.solve_cg, tol=TOLERANCE, maxiter=1000)

    @jax.jit
    def hypergradient(inner, outer, w, h):
        dw, dh = jax.grad(outer, (0, 1))(w, h)
        (through,) = implicit_diff.root_vjp(jax.grad(inner), w, (h,), dw, solve=solve)
        return dh + through

    return lambda: np.asarray(hypergradient(inner, outer, a["w"], a["h"]))


def scan(data, iterations):
    jax, a, inner, outer = with_jax(data)
    rate = float(data["rate"])

    @jax.jit
    def hypergradient(inner, outer, w, h):
        def run(h):
            def step(w, _):
                return w - rate * jax.grad(inner)(w, h), None

            return outer(jax.lax.scan(step, w, None, STEPS)[0], h)

        return jax.grad(run)(h)

    return lambda: np.asarray(hypergradient(inner, outer, a["start"], a["h"]))


def torchopt(data, iterations):
    import torchopt

    torch, a, inner, outer = with_torch(data)
    solve = torchopt.linear_solve.solve_cg(maxiter=iterations, rtol=TOLERANCE, atol=0.0)

    @torchopt.diff.implicit.custom_root(torch.func.grad(inner, argnums=0), argnums=1, solve=solve)
    def solution(w, h):
        return a["w"]

    def call():
        h = a["h"].clone().requires_grad_()
        return torch.autograd.grad(outer(solution(a["w"].clone().requires_grad_(), h), h), h)[0].numpy()

    return call


def betty(solver, data, iterations):
    """Its solvers, called as its engine calls them. They have no tolerance: `cg` gets the iterations that
    libhpm needed, `neumann` as many as theory asks for.

    Version 0.1.1 of `cg` makes the next direction from the residual before the step, `zip(r, p)` where
    conjugate gradient has the new one: its result does not converge to the solution.
    """
    import math
    from types import SimpleNamespace

    from betty.hypergradient import jvp_fn_mapping

    torch, a, inner, outer = with_torch(data)
    rate = float(data["rate"])
    if solver == "neumann":
        iterations = math.ceil(math.log(TOLERANCE) / math.log1p(-rate * float(data["smallest"])))
        BUILDERS["implicit", "betty-ml (neumann)"].iterations = iterations

    def call():
        w, h = a["w"].clone().requires_grad_(), a["h"].clone().requires_grad_()
        vector = torch.autograd.grad(outer(w, h), [w])
        lower = SimpleNamespace(
            paths=[],
            config=SimpleNamespace(
                cg_iterations=iterations, cg_alpha=1.0, neumann_iterations=iterations, neumann_alpha=rate
            ),
            cur_batch=None,
            training_step_exec=lambda batch: inner(w, h),
            trainable_parameters=lambda: [w],
            parameters=lambda: [w],
        )
        upper = SimpleNamespace(trainable_parameters=lambda: [h])
        return jvp_fn_mapping[solver](vector, lower, upper)[0].numpy()

    return call


def higher(data, iterations):
    import higher

    torch, a, inner, outer = with_torch(data)

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(a["start"].clone())

        def forward(self, loss, h):
            return loss(self.w, h)

    def call():
        h = a["h"].clone().requires_grad_()
        model = Model()
        optimizer = torch.optim.SGD(model.parameters(), float(data["rate"]))
        with higher.innerloop_ctx(model, optimizer, copy_initial_weights=False) as (functional, differentiable):
            for _ in range(STEPS):
                differentiable.step(functional(inner, h))
            return torch.autograd.grad(functional(outer, h), h)[0].numpy()

    return call


BUILDERS = {
    ("implicit", "hpm (jax)"): hpm_by(with_jax, "implicit"),
    ("implicit", "hpm (torch)"): hpm_by(with_torch, "implicit"),
    ("implicit", "jaxopt"): jaxopt,
    ("implicit", "torchopt"): torchopt,
    ("implicit", "betty-ml (cg)"): partial(betty, "cg"),
    ("implicit", "betty-ml (neumann)"): partial(betty, "neumann"),
    ("unrolled", "hpm (jax)"): hpm_by(with_jax, "unrolled"),
    ("unrolled", "hpm (torch)"): hpm_by(with_torch, "unrolled"),
    ("unrolled", "jax.grad of lax.scan"): scan,
    ("unrolled", "higher"): higher,
}


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(method: str, library: str, path: str, iterations: int) -> dict:
    """In a process of its own."""
    with np.load(path) as file:
        data = {name: file[name] for name in file.files}
    expected = data[method]
    build = BUILDERS[method, library]
    call = build(data, iterations)
    base = peak()
    start = time.perf_counter()
    found = call()
    first = time.perf_counter() - start
    seconds = []
    while len(seconds) < (3 if first < 20 else 1) or (sum(seconds) < 2 and len(seconds) < 50):
        start = time.perf_counter()
        found = call()
        seconds.append(time.perf_counter() - start)
    return {
        "iterations": getattr(build, "iterations", iterations if method == "implicit" else STEPS),
        "first": first,
        "seconds": statistics.median(seconds),
        "memory": peak() - base,
        "error": float(np.linalg.norm(found - expected) / np.linalg.norm(expected)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--sizes", default="100,100000")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        method, library, path, iterations = arguments.one
        print("RESULT", json.dumps(measure(method, library, path, int(iterations))))
        return
    rows = []
    for features in map(int, arguments.sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "problem.npz")
            np.savez(path, **make(features, arguments.rows))
            for method, libraries in LIBRARIES.items():
                iterations = 0
                for library in libraries:
                    row = {"features": features, "method": method, "library": library, "version": version(library)}
                    done = subprocess.run(
                        [sys.executable, __file__, "--one", method, library, path, str(iterations)],
                        capture_output=True,
                        text=True,
                    )
                    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
                    if lines:
                        row |= json.loads(lines[0][7:])
                        iterations = iterations or row["iterations"]
                    else:
                        row["failure"] = (done.stderr.strip().splitlines() or ["?"])[-1]
                    rows.append(row)
                    print(row, flush=True)
    write(rows, arguments.out, arguments.rows, os.getloadavg()[2])


def version(library: str) -> str:
    if library.startswith("hpm"):
        import libhpm as hpm

        return hpm.__version__
    try:
        return importlib.metadata.version(PACKAGES.get(library, library))
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def write(rows: list[dict], folder: Path, count: int, load: float) -> None:
    names = ["features", "method", "library", "version", "iterations", "first", "seconds", "memory", "error", "failure"]
    with open(folder / "peers.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    lines = [
        f"Logistic regression on {count} rows, an L2 penalty for each feature, double precision. `python peers.py` wrote",
        "this; what the columns mean stands at its top.",
        f"{len(os.sched_getaffinity(0))} cores; load average over the last 15 minutes {load:.1f}, and times are worth as much as it is below the cores.",
        "",
        "| features | method | library | version | iterations | first s | seconds | memory MB | error |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        head = f"| {row['features']} | {row['method']} | {row['library']} | {row['version']} |"
        if row.get("failure"):
            lines.append(f"{head} failed: {row['failure']} |||||")
        else:
            lines.append(
                f"{head} {row['iterations']} | {row['first']:.3g} | {row['seconds']:.3g} | {row['memory']:.0f} | {row['error']:.1e} |"
            )
    lines += [
        "",
        "betty-ml 0.1.1 `cg` does not converge: it makes the next direction from the residual before the step. Its",
        "`neumann` does, in as many terms as theory asks for. jaxopt and `lax.scan` run the whole estimate as one",
        "compiled program; libhpm calls a compiled function for each product and each vector operation, which costs",
        "about 0.2 ms an iteration: it shows where the problem is small. Where it is large, they keep what does not",
        "change: jaxopt linearises the gradient once, `jax.grad` and higher keep the forward pass of each step (higher's",
        "memory); libhpm computes it anew with each product.",
    ]
    (folder / "peers.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
