"""Four torch networks train on few digits, many of them mislabelled, while their regularisation is tuned by
hypergradients."""

import libhpm as hpm
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.func import functional_call
from torch.nn.functional import cross_entropy, one_hot

STUDENTS, INTERVALS, STEPS = 4, 40, 20
torch.set_num_threads(1)  # the networks are small
torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x_train, x_rest, y_train, y_rest = train_test_split(x / 16, y, train_size=300, random_state=0)
x_valid, x_test, y_valid, y_test = train_test_split(x_rest, y_rest, train_size=400, random_state=0)
x_train, x_valid, x_test = (torch.tensor(part, dtype=torch.float32) for part in (x_train, x_valid, x_test))
y_train, y_valid, y_test = (torch.tensor(part) for part in (y_train, y_valid, y_test))
wrong = torch.rand(len(y_train), generator=torch.Generator().manual_seed(0)) < 0.3
labels = one_hot(torch.where(wrong, (y_train + 1) % 10, y_train), 10).float()


def make_model():
    network = torch.nn.Sequential(
        torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10)
    )
    return {"network": network, "optimizer": torch.optim.SGD(network.parameters(), 0.05, momentum=0.9)}


def parameters(model):
    return dict(model["network"].named_parameters())


# What a user writes for a hypergradient: two losses of (params, h).
template = make_model()["network"]


def inner_loss(params, h):
    """What training minimises: smoothed labels, an L2 penalty for each layer."""
    smoothed = (1 - h["smoothing"]) * labels + h["smoothing"] / 10
    penalty = sum(l2 * (params[f"{layer}.weight"] ** 2).sum() for layer, l2 in zip((0, 2, 4), h["l2"]))
    return cross_entropy(functional_call(template, params, (x_train,)), smoothed) + penalty


def outer_loss(params, h):
    return cross_entropy(functional_call(template, params, (x_valid,)), y_valid)


def accuracy(model, inputs, targets):
    return float((model["network"](inputs).argmax(1) == targets).float().mean())


def train(model, h):
    """One interval; the validation loss."""
    h = {"l2": torch.tensor(h["l2"], dtype=torch.float32), "smoothing": torch.tensor(h["smoothing"])}
    for _ in range(STEPS):
        model["optimizer"].zero_grad()
        inner_loss(parameters(model), h).backward()
        model["optimizer"].step()
    with torch.no_grad():
        return float(outer_loss(parameters(model), h))


space = hpm.SearchSpace()
space.add_block("l2", 3, 1e-5, 0.1, scale="log", initial=1e-4)
space.add_real("smoothing", 1e-4, 0.5, scale="logit", initial=0.01)


def show(name, model):
    with torch.no_grad():
        loss = float(outer_loss(parameters(model), None))
    print(f"{name:24}{loss:15.3f}{accuracy(model, x_valid, y_valid):12.3f}{accuracy(model, x_test, y_test):8.3f}")


def main():
    print(f"{'':24}validation loss    accuracy    test")
    model = make_model()
    for _ in range(INTERVALS):
        train(model, {"l2": [1e-4] * 3, "smoothing": 0.01})
    show("default", model)

    for name, hypergradients in ("tuned by mutation alone", False), ("tuned by hypergradients", True):
        torch.manual_seed(1)
        models = [make_model() for _ in range(STUDENTS)]
        options = {}
        if hypergradients:
            # As train returns none, they come from the problem, at the weights that a student has then.
            h = {"l2": torch.zeros(3), "smoothing": torch.zeros(())}
            options["problem"] = hpm.Problem.differentiate(inner_loss, outer_loss, parameters(models[0]), h)
            options["parameters"] = lambda student: parameters(models[student])
            # The networks are not at a minimum: damping keeps directions of negative curvature harmless.
            options |= {"estimator": "conjugate-gradient", "estimator_damping": 0.1, "estimator_iterations": 10}
        result = hpm.tune(
            lambda student, h: train(models[student], h), space, steps=INTERVALS, models=models, **options
        )
        show(name, models[result.student])
    h = result.hyperparameters
    print("at the end: L2", ", ".join(f"{l2:.2g}" for l2 in h["l2"]), f"by layer, smoothing {h['smoothing']:.2g}")
    print(f"hypergradients took {result.population.count('hypergradient_share'):.0%} of the time;", end=" ")
    certificate = result.population.certificate(result.student)
    print(f"the last one: {certificate.status}, relative residual {certificate.relative_residual:.2g}")


if __name__ == "__main__":
    main()
