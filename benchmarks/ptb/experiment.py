"""A language model on the Penn Treebank whose seven regularisers are tuned in training."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from common.experiment import PresetExperiment, learning_rates
from libhpm import SearchSpace
from libhpm.torch import (
    ActivationPenalty, EmbeddingDropout, HyperLSTM, SelfTuning, Student, variational_dropout,
)

from . import corpus

DROPOUTS = ("input_dropout", "hidden_dropout", "output_dropout", "embedding_dropout", "drop_connect")
PENALTIES = ("alpha", "beta")


@dataclass(frozen=True)
class Preset:
    """Sizes of data, network and training."""

    width: int
    """Units of each LSTM, and the dimension of the embedding, which the decoder shares."""
    vocabulary: int
    words: tuple[int | None, int | None, int | None]
    """Of the training, validation and test text; None: all. Students are ranked on the first half of the validation text;
    hypergradients are of the second."""
    batch: int
    length: int
    """Time steps that a gradient goes back."""
    learning_rate: float
    students: int
    steps: int
    reports: int
    warm_up: int
    """Reports of a self-tuning network that have no hypergradient yet, at the beginning."""
    per_example: bool = False
    """Whether each sequence of a batch has its own perturbation, as in `SelfTuning`."""
    clip: float = 0.25
    delta: bool = False
    """Whether the response is centred and linearised, as in `SelfTuning`."""
    response_rate: float = 0.1
    """The learning rate of the responses, as a multiple of that of the weights."""


PRESETS = {
    # With so few words a student reads each about fifty times, and overfits if nothing holds it back.
    "small": Preset(64, 2000, (10_000, 20_000, 20_000), batch=10, length=35, learning_rate=10.0, students=4, steps=36, reports=42,
                    warm_up=6),
    # The settings of MacKay et al., ICLR 2019; 332 windows are an epoch.
    "paper": Preset(650, 10_000, (None, None, None), batch=40, length=70, learning_rate=30.0, students=20, steps=166, reports=144,
                    warm_up=2, per_example=True),
}


def make_space() -> SearchSpace:
    space = SearchSpace()
    for name in DROPOUTS:
        space = space.add_real(name, 0.0, 0.95, initial=0.05)
    for name in PENALTIES:
        space = space.add_real(name, 0.0, 8.0, initial=0.0)
    return space


class LanguageModel(nn.Module):
    """Two LSTM layers between an embedding and a decoder with the same weights.

    What it remembers of the training and the validation text, and where it is in each, are buffers. So they are saved
    with its weights, and a copy of a student goes on where the other one is.

    The embedding and the decoder share one matrix, but each has a best response of its own. Their responses differ in
    form: an embedding scales the components of all words' vectors, a decoder scales each word's row.

    Args:
        responds: The number of hyperparameters that the weights respond to; 0 for an ordinary network.
    """

    def __init__(self, vocabulary: int, width: int, batch: int, responds: int):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.embedding_dropout = EmbeddingDropout("embedding_dropout", vocabulary)
        self.input_dropout = variational_dropout("input_dropout")
        # A converted nn.LSTM would have no DropConnect, so these are HyperLSTMs in an ordinary network, too.
        self.first = HyperLSTM(width, width, responds, drop_connect="drop_connect")
        self.hidden_dropout = variational_dropout("hidden_dropout")
        self.second = HyperLSTM(width, width, responds, drop_connect="drop_connect")
        self.output_dropout = variational_dropout("output_dropout")
        self.decoder = nn.Linear(width, vocabulary)
        self.decoder.weight = self.embedding.weight
        self.alpha = ActivationPenalty("alpha")
        self.beta = ActivationPenalty("beta", temporal_dim=0)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        for part in ("training", "guiding"):
            self.register_buffer(f"{part}_state", torch.zeros(2, 2, batch, width))
            self.register_buffer(f"{part}_position", torch.zeros((), dtype=torch.int64))

    def forward(self, words: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """
        Args:
            words: `[time, batch]`.
            state: Hidden and cell states of both layers, `[layer, 2, batch, width]`.

        Returns:
            Logits `[time, batch, vocabulary]`, the penalty of the activations, and the next state.
        """
        x = self.embedding_dropout(self.embedding(words), words)
        x, first = self.first(self.input_dropout(x), tuple(state[0].unsqueeze(1)))
        raw, second = self.second(self.hidden_dropout(x), tuple(state[1].unsqueeze(1)))
        dropped = self.output_dropout(raw)
        # As in AWD-LSTM, alpha is on the activations that the decoder sees and beta on those before dropout.
        penalty = self.alpha(dropped) + self.beta(raw)
        return self.decoder(dropped), penalty, torch.stack([torch.cat(first), torch.cat(second)]).detach()


class PennTreebank(PresetExperiment):
    """An `Experiment` of `common/experiment.py`.

    Args:
        preset: Of `PRESETS`, or one of your own.
        folder: That of `ptb.zip`, as in `corpus.find`.
        device: None: the CPU for the small preset; for others `cuda`, if there is one.
        changes: Fields of the preset that are changed, such as `steps=2`.
    """

    metric = "perplexity"
    options = {"hpm-paper": {"hyper_learning_rate": 1.0}}
    """It descends in natural units: the rate is the problem's (design seed 100)."""

    def __init__(
        self,
        preset: str | Preset = "small",
        folder: str | os.PathLike[str] | None = None,
        device: str | None = None,
        **changes: Any,
    ):
        super().__init__("ptb", PRESETS, preset, device, changes)
        self.space = make_space()
        loaded = corpus.load(folder, self.preset.words, self.preset.vocabulary)
        self.vocabulary = len(loaded.vocabulary)
        self.sequences = {
            part: corpus.streams(getattr(loaded, part), self.preset.batch).to(self.device) for part in corpus.FILES
        }
        validation = self.sequences.pop("validation")
        self.sequences |= dict(zip(("validation", "guiding"), validation.split(-(-len(validation) // 2))))
        for part, sequences in self.sequences.items():
            if len(sequences) <= self.preset.length:
                raise ValueError(f"the {part} text has {len(sequences)} words in each of {self.preset.batch} sequences; "
                                 f"more than {self.preset.length} are needed")

    def make(self, seed: int, self_tuning: bool) -> Student:
        generator = torch.random.get_rng_state()
        torch.manual_seed(seed)
        network = LanguageModel(self.vocabulary, self.preset.width, self.preset.batch, self.space.dimension * self_tuning)
        # Each student begins somewhere else in the text.
        network.training_position.random_(len(self.sequences["training"]) - self.preset.length)
        model = SelfTuning(
            network, self.space, respond_to=None if self_tuning else [], per_example=self.preset.per_example, delta=self.preset.delta,
            perturbation_scale=1.0, batch_dim=1,
        )
        if self_tuning:
            # Torch draws embeddings from N(0, 1), too large a response for weights of this size.
            nn.init.uniform_(network.embedding.response_weight, -0.1, 0.1)
        torch.random.set_rng_state(generator)
        model.to(self.device)
        elementary, responses = parts_of(model)
        optimizers: list[torch.optim.Optimizer] = [torch.optim.SGD(elementary, self.preset.learning_rate)]
        if self_tuning:
            optimizers[0].add_param_group({"params": responses, "lr": self.preset.learning_rate * self.preset.response_rate})
            optimizers.append(torch.optim.Adam(model.perturbation.parameters(), 0.01))
        return Student(model, *optimizers, seed=seed)

    def train(self, student: Student, hyperparameters: dict[str, Any], progress: tuple[float, float]) -> None:
        model, optimizer = student.model, student.optimizers[0]
        model.hyperparameters = hyperparameters
        model.train()
        with student.random():
            for rate in learning_rates(self.preset.learning_rate, progress, self.steps):
                for group, factor in zip(optimizer.param_groups, (1.0, self.preset.response_rate)):
                    group["lr"] = rate * factor
                loss = self._next(model, "training")
                optimizer.zero_grad()
                model.backward(loss)
                for group in optimizer.param_groups:
                    # Apart, so that long gradients of the responses do not shorten the steps of the weights.
                    nn.utils.clip_grad_norm_(group["params"], self.preset.clip)
                optimizer.step()
                loss.advance()

    def validate(self, student: Student) -> float:
        return self._evaluate(student.model, "validation")

    def hypergradient(self, student: Student) -> dict[str, Any]:
        model, optimizer = student.model, student.optimizers[1]
        total: dict[str, Any] = dict.fromkeys(self.space.names, 0.0)
        with student.random():
            for _ in range(self.validation_steps):
                loss = self._next(model, "guiding")
                _, slopes = model.tune_perturbation(loss, optimizer)
                loss.advance()
                total = {name: value + slopes[name] / self.validation_steps for name, value in total.items()}
        return total

    def test(self, student: Student) -> dict[str, float]:
        found = {}
        for part in ("validation", "test"):
            loss = self._evaluate(student.model, part)
            found |= {f"{part}_loss": loss, f"{part}_metric": math.exp(min(loss, 700))}  # no overflow
        return found

    def _next(self, model: SelfTuning, part: str) -> _Window:
        return _Window(model, part, self.sequences[part], self.preset.length)

    def _evaluate(self, model: SelfTuning, part: str) -> float:
        """The mean loss of a word in a text that is read from its beginning."""
        sequences, total, position = self.sequences[part], 0.0, 0
        state = torch.zeros_like(model.network.training_state)
        was_training = model.training
        model.eval()
        with torch.no_grad():
            while position < len(sequences) - 1:
                words, following = corpus.window(sequences, position, self.preset.length)
                logits, _, state = model(words, state)
                total += functional.cross_entropy(logits.flatten(0, 1), following.flatten(), reduction="sum").item()
                position += len(words)
        model.train(was_training)
        return total / sequences[1:].numel()


def parts_of(model: SelfTuning) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Elementary weights and responses."""
    responses = model.response_parameters()
    chosen = {id(parameter) for parameter in responses}
    return [parameter for parameter in model.weights() if id(parameter) not in chosen], responses


class _Window:
    """The loss of the next words of a text; a text that has ended begins anew."""

    def __init__(self, model: SelfTuning, part: str, sequences: torch.Tensor, length: int):
        self.state = getattr(model.network, f"{part}_state")
        self.position = getattr(model.network, f"{part}_position")
        self.length = length
        if int(self.position) + length >= len(sequences):
            self.position.zero_()
            self.state.zero_()
        self.words, self.following = corpus.window(sequences, int(self.position), length)
        # The buffer changes in place while a graph may still need what it was.
        self.before = self.after = self.state.clone()

    def __call__(self, model: SelfTuning) -> torch.Tensor:
        logits, penalty, self.after = model(self.words, self.before)
        loss = functional.cross_entropy(logits.flatten(0, 1), self.following.flatten())
        # What is judged on validation data is the loss alone.
        return loss + penalty if model.network.training else loss

    def advance(self) -> None:
        """Goes on to the next window, with the state that the last call left."""
        self.state.copy_(self.after)
        self.position += self.length
