"""Tunes scikit-learn's MLPClassifier while it trains: no derivative anywhere."""

import libhpm as hpm
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

EPOCHS, STUDENTS = 40, 8
x, y = load_digits(return_X_y=True)
x_train, x_rest, y_train, y_rest = train_test_split(x / 16, y, train_size=600, random_state=0)
x_valid, x_test, y_valid, y_test = train_test_split(x_rest, y_rest, train_size=400, random_state=0)

space = hpm.SearchSpace()
space.add_real("learning_rate", 1e-4, 0.1, scale="log", initial=1e-3)
space.add_real("l2", 1e-6, 1.0, scale="log", initial=1e-4)
space.add_integer("batch_size", 8, 256, scale="log", initial=200)
models = [MLPClassifier(random_state=seed) for seed in range(STUDENTS)]


def train(student, h):
    model = models[student]
    model.set_params(learning_rate_init=h["learning_rate"], alpha=h["l2"], batch_size=h["batch_size"])
    if hasattr(model, "_optimizer"):  # it has kept the learning rate that it was made with
        model._optimizer.learning_rate_init = h["learning_rate"]
    model.partial_fit(x_train, y_train, classes=range(10))  # one epoch
    return log_loss(y_valid, model.predict_proba(x_valid))


# Where a student is replaced, models[student] = copy.deepcopy(models[source]): weights and optimizer.
result = hpm.tune(train, space, models=models, steps=EPOCHS)
candidates = {"tuned": models[result.student]}
for name, epochs in ("default", EPOCHS), ("default, same cost", EPOCHS * STUDENTS):
    candidates[name] = MLPClassifier(random_state=0)
    for _ in range(epochs):
        candidates[name].partial_fit(x_train, y_train, classes=range(10))
print("accuracy            validation   test")
for name, model in candidates.items():
    print(f"{name:20}{model.score(x_valid, y_valid):10.3f}{model.score(x_test, y_test):7.3f}")
h = result.hyperparameters
print(f"at the end: learning rate {h['learning_rate']:.2g}, l2 {h['l2']:.2g}, batches of {h['batch_size']}")
