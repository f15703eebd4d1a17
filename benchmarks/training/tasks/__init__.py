"""The tasks by name, in the order of the tables."""

from . import characters, cifar, cleaning, convolution, digits2, logistic, weights

TASKS = {
    module.TASK.name: module.TASK for module in (cleaning, digits2, cifar, logistic, convolution, weights, characters)
}
