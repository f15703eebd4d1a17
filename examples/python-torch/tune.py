"""Four torch networks train on few digits while their regularisation is tuned by hypergradients."""

import hpm
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.func import functional_call
from torch.nn.functional import cross_entropy, one_hot

STUDENTS, INTERVALS, STEPS = 4, 40, 25
torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x_train, x_rest, y_train, y_rest = train_test_split(x / 16, y, train_size=200, random_state=0)
x_valid, x_test, y_valid, y_test = train_test_split(x_rest, y_rest, train_size=400, random_state=0)
x_train, x_valid, x_test = (torch.tensor(part, dtype=torch.float32) for part in (x_train, x_valid, x_test))
y_train, y_valid, y_test = (torch.tensor(part) for part in (y_train, y_valid, y_test))
labels = one_hot(y_train, 10).float()


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
space.add_block("l2", 3, 1e-6, 0.1, scale="log", initial=1e-4)
space.add_real("smoothing", 1e-4, 0.5, scale="logit", initial=0.01)


def tune(hypergradients, seed=0, **options):
    torch.manual_seed(seed)
    models = [make_model() for _ in range(STUDENTS)]
    if hypergradients:
        options["problem"] = hpm.Problem.differentiate(
            inner_loss, outer_loss, parameters(models[0]), {"l2": torch.zeros(3), "smoothing": torch.zeros(())}
        )
        options["parameters"] = lambda student: parameters(models[student])
    result = hpm.tune(
        lambda student, h: train(models[student], h), space, steps=INTERVALS, models=models, seed=seed, **options
    )
    return models[result.student], result


if __name__ == "__main__":
    import sys, time
    for seed in range(3):
      torch.manual_seed(seed)
      model = make_model()
      for _ in range(INTERVALS): l = train(model, {"l2": [1e-4] * 3, "smoothing": 0.01})
      print("default", l, accuracy(model, x_valid, y_valid), accuracy(model, x_test, y_test))
      for name, hyper, o in (("mutation", False, {}), ("cg 0.01", True, dict(estimator_damping=0.01)), ("cg .1", True, dict(estimator_damping=0.1)), ("neumann", True, dict(estimator="neumann", estimator_iterations=20)),("one-step", True, dict(estimator="one-step"))):
        t=time.time(); model, r = tune(hyper, seed, progress=False, **o)
        c=[r.population.certificate(k) for k in range(4)] if hyper else []
        print(f"{name:10} {r.loss:.4f} {accuracy(model, x_valid, y_valid):.4f} {accuracy(model, x_test, y_test):.4f} {time.time()-t:.1f}s", {k: v for k,v in r.hyperparameters.items()}, [str(q.status) for q in c], r.population.count("nonfinite_hypergradients"), r.population.count("hypergradient_share"))
