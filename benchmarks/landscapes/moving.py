"""The toy problem of Jaderberg et al., 'Population Based Training of Neural Networks', 2017, figure 2.

A model has two weights theta, and is to maximise Q = 1.2 - theta_0^2 - theta_1^2. Its training sees a surrogate alone,
1.2 - h_0 theta_0^2 - h_1 theta_1^2, with hyperparameters h in [0, 1]. As in the figure the weights start at (0.9, 0.9)
and the students, by turns, at h = (1, 0) and (0, 1): each of them trains one weight and leaves the other. The loss
belongs to weights that go on moving, and a clone takes them along.
"""

import numpy as np

NAME = "moving weights"
START = 0.9
RATE = 0.001
STEPS = 4  # of gradient ascent, in one training report
DIMENSION = 2


def initial(student: int) -> list[float]:
    """The hyperparameters with which a student begins."""
    return [1.0, 0.0] if student % 2 == 0 else [0.0, 1.0]


def train(weights: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One report of students whose weights and hyperparameters are rows.

    Returns:
        The new weights, the losses 1.2 - Q, and their derivatives with respect to h through all steps:
        theta' = theta (1 - 2 RATE h)^STEPS, so dL/dh = -4 RATE STEPS theta' theta (1 - 2 RATE h)^(STEPS - 1).
    """
    factor = 1 - 2 * RATE * h
    after = weights * factor**STEPS
    return after, (after**2).sum(axis=1), -4 * RATE * STEPS * after * weights * factor ** (STEPS - 1)
