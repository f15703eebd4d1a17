"""A trainer that is killed: hpm.tune with a run's file and checkpoints.

    python trainer.py DATABASE CHECKPOINTS ANSWERED SCHEDULE

ANSWERED gets a line for each report once it was answered. At the end the snapshot is written to standard output.
"""

import os
import sys
import time

import libhpm as hpm

STUDENTS, DIMENSION, STEPS = 6, 4, 30
database, folder, answered, schedule = sys.argv[1:]
lines = os.open(answered, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
models = [{"weight": 1.0 + k} for k in range(STUDENTS)]
space = hpm.SearchSpace().add_block("h", DIMENSION, -3, 3, initial=1)
factors = 1 / (1 + hpm.population.np.arange(DIMENSION))


def train(student, h):
    h = h["h"]
    weight = models[student]["weight"]
    for value in h:
        weight = 0.9 * weight + 0.1 * value
    models[student]["weight"] = weight
    time.sleep(0.0003)
    return weight**2 + (factors * h**2).sum(), {"h": 2 * factors * h}


def evaluate(student, h):
    return (h["h"] ** 2).sum(), {"h": 2 * h["h"]}


class Answered:
    """A report is answered when the next callback begins: the event is seen before the call returns."""

    latest = None

    def __call__(self, event):
        self.flush()
        self.latest = event

    def flush(self):
        if self.latest is not None:
            os.write(lines, f"{self.latest.student} {self.latest.report}\n".encode())
            self.latest = None


note = Answered()
result = hpm.tune(
    train, space, steps=STEPS, models=models, evaluate=evaluate, run=database, checkpoints=folder, progress=False,
    observe=note, kinds=hpm.Trained, interval=3, algorithm="hpm-paper", schedule=schedule,
)
note.flush()
sys.stdout.buffer.write(result.population.save())
