"""What the relative residual says of a hypergradient of a small network, with which the dense system can be solved.

    PYTHONPATH=bindings/python python benchmarks/hypergradients/residuals.py

A network of 8-16-1 (161 parameters), 64 training rows, a weight decay for each of its four arrays, double
precision, after some steps of Adam. A cell holds the relative residual after so many iterations, and the error of
dF/dh relative to the dense solve of the same system, damping included; or the status, where there is no estimate.
The last column compares the result after the most iterations with the dense solve of the undamped system: the
relative error, and the cosine of the angle between the two. Where the Hessian has a negative curvature there is no
minimum, and nothing to compare with.
"""

import argparse
import warnings

import libhpm as hpm
import torch
from torch.func import functional_call, grad, hessian, jacrev

ITERATIONS = 20, 50, 100, 200
DAMPINGS = 0.0, 1e-2, 1e-1
RATE = 0.1  # of `neumann`


def problem(seed):
    torch.manual_seed(seed)
    x = torch.randn(128, 8)
    y = torch.sin(x[:, :1] * 2) + x[:, 1:2] * x[:, 2:3] + 0.3 * torch.randn(128, 1)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))

    def inner_loss(params, h):
        decay = sum(scale * (p**2).sum() for scale, p in zip(h.exp(), params.values()))
        return ((functional_call(model, params, (x[:64],)) - y[:64]) ** 2).mean() + decay

    def outer_loss(params, h):
        return ((functional_call(model, params, (x[64:],)) - y[64:]) ** 2).mean()

    return model, inner_loss, outer_loss


def trained(model, inner_loss, h, steps):
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        inner_loss(dict(model.named_parameters()), h).backward()
        optimizer.step()
    return {name: p.detach() for name, p in model.named_parameters()}


def dense(inner_loss, outer_loss, params, h):
    """The Hessian's eigenvalues, and dF/dh by a damping: by dense linear algebra."""
    names, shapes = list(params), [p.shape for p in params.values()]
    flat = torch.cat([p.reshape(-1) for p in params.values()])

    def whole(loss):
        def call(w, h):
            parts = w.split([shape.numel() for shape in shapes])
            return loss({name: part.reshape(shape) for name, part, shape in zip(names, parts, shapes)}, h)

        return call

    inner, outer = whole(inner_loss), whole(outer_loss)
    curvature = hessian(inner)(flat, h)
    cross = jacrev(grad(inner), 1)(flat, h)
    slope, direct = grad(outer, (0, 1))(flat, h)

    def solve(damping):
        q = torch.linalg.solve(curvature + damping * torch.eye(len(flat)), slope)
        return direct - cross.T @ q

    return torch.linalg.eigvalsh(curvature), solve


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, nargs="+", default=[300, 3000])
    parser.add_argument("--decay", type=float, default=-6.0)
    options = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", hpm.EstimateWarning)  # the table says it
    h = torch.full((4,), options.decay)
    for steps in options.steps:
        model, inner_loss, outer_loss = problem(options.seed)
        params = trained(model, inner_loss, h, steps)
        eigenvalues, solve = dense(inner_loss, outer_loss, params, h)
        print(f"\n{steps} steps of Adam: curvatures from {eigenvalues[0]:.2g} to {eigenvalues[-1]:.2g}\n")
        print("| estimator | damping | " + " | ".join(map(str, ITERATIONS)) + " | undamped |\n|" + " --- |" * 7)
        runs = [("conjugate-gradient", d, {"estimator_damping": d}) for d in DAMPINGS]
        runs.append(("neumann", 0.0, {"estimator_learning_rate": RATE}))
        for estimator, damping, more in runs:
            cells = []
            for iterations in ITERATIONS:
                found, certificate = hpm.hypergradient(
                    inner_loss, outer_loss, params, h, estimator=estimator, estimator_iterations=iterations, **more
                )
                residual = f"{certificate.relative_residual:.2g}"
                if certificate.usable:
                    cells.append(f"{residual} / {error(found, solve(damping)):.1g}")
                else:
                    cells.append(f"{certificate.status}" + ("" if residual == "nan" else f" ({residual})"))
            exact, whole = solve(0.0), "-"
            if eigenvalues[0] > 0:
                whole = f"{error(found, exact):.1g}, {float(found @ exact / found.norm() / exact.norm()):.3f}"
            print(f"| `{estimator}` | {damping:g} | {' | '.join(cells)} | {whole} |")


def error(found, exact):
    return float((found - exact).norm() / exact.norm())


if __name__ == "__main__":
    main()
