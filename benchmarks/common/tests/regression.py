"""A small experiment: a linear regression whose input dropout is tuned."""

from __future__ import annotations

import libhpm as hpm
import torch
from libhpm.torch import Dropout, SelfTuning, Student


class Regression:
    name, metric = "regression", "error"
    students, steps, validation_steps, reports, warm_up = 4, 4, 2, 24, 3

    def __init__(self, preset="tiny", device=None):
        self.space = hpm.SearchSpace().add_real("dropout", 0.0, 0.9, initial=0.1).add_real("other", 0.0, 1.0, initial=0.5)
        draw = torch.Generator().manual_seed(5)
        self.x = torch.randn(60, 8, generator=draw)
        self.y = self.x[:, :1] + torch.randn(60, 1, generator=draw)
        self.made: list[int] = []
        self.steps_done = self.validations_done = 0

    def make(self, seed, self_tuning):
        self.made.append(seed)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = torch.nn.Sequential(Dropout("dropout"), torch.nn.Linear(8, 1))
            model = SelfTuning(network, self.space, respond_to=None if self_tuning else [])
        return Student(model, torch.optim.SGD(model.weights(), 0.02), examples=20, seed=seed)

    def loss(self, part):
        return lambda model: ((model(self.x[part]) - self.y[part]) ** 2).mean()

    def train(self, student, hyperparameters, progress):
        student.model.hyperparameters = hyperparameters
        student.model.train()
        with student.random():
            for batch in student.batches(self.steps, 10):
                self.steps_done += 1
                student.optimizers[0].zero_grad()
                student.model.backward(self.loss(batch))
                student.optimizers[0].step()

    @torch.no_grad()
    def validate(self, student):
        return float(self.loss(slice(20, 40))(student.model.eval()))

    def hypergradient(self, student):
        self.validations_done += self.validation_steps
        return student.model.hypergradient(self.loss(slice(20, 40)))[1]

    @torch.no_grad()
    def test(self, student):
        validation, test = self.validate(student), float(self.loss(slice(40, 60))(student.model.eval()))
        return {"validation_loss": validation, "validation_metric": validation, "test_loss": test, "test_metric": test}
