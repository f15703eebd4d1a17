"""A student in training: all that its next steps depend on."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .._arguments import size
from ..errors import ArgumentError


class Student:
    """Model, optimizers, random state and the order of the data.

    A student draws from a random state of its own within :meth:`random`, and takes its data from :meth:`batches`; so
    what other students do does not change it, and one that was restored trains on bit for bit.

    Args:
        model: The model.
        optimizers: One or more, of parameters of the model.
        examples: The number of training examples, for :meth:`batches`; 0: none.
        seed: Of the random state and the order.

    Example:
        >>> def make(seed):
        ...     model = torch.nn.Linear(3, 1)
        ...     return hpm.torch.Student(model, torch.optim.Adam(model.parameters()), examples=10, seed=seed)
        >>> first, second = make(0), make(1)
        >>> second.clone_from(first)
        >>> bool((first.model.weight == second.model.weight).all())
        True
        >>> epoch = torch.cat(list(first.batches(2, size=5)))
        >>> epoch.sort().values.tolist()
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    def __init__(self, model: nn.Module, *optimizers: torch.optim.Optimizer, examples: int = 0, seed: int = 0):
        self.model, self.optimizers = model, list(optimizers)
        self.examples, seed = size(examples, "examples"), size(seed, "seed")
        self._order_generator = torch.Generator().manual_seed(seed)
        self._order = torch.empty(0, dtype=torch.int64)
        generator = torch.Generator().manual_seed(seed + 1)
        self._random = {"cpu": generator.get_state()}
        self._seed = seed

    @contextmanager
    def random(self) -> Iterator[None]:
        """Torch's global random state is the student's within, that of the CPU and of the device that the model is on."""
        device = next((p.device for p in self.model.parameters() if p.device.type == "cuda"), None)
        outside = torch.get_rng_state(), None if device is None else torch.cuda.get_rng_state(device)
        torch.set_rng_state(self._random["cpu"])
        if device is not None:
            if "cuda" in self._random:
                torch.cuda.set_rng_state(self._random["cuda"], device)
            else:
                torch.cuda.manual_seed(self._seed)
        try:
            yield
        finally:
            self._random["cpu"] = torch.get_rng_state()
            torch.set_rng_state(outside[0])
            if device is not None:
                self._random["cuda"] = torch.cuda.get_rng_state(device)
                torch.cuda.set_rng_state(outside[1], device)

    def batches(self, count: int, size: int) -> Iterator[torch.Tensor]:
        """The next so many batches of indices ``[size]``, on the CPU: epochs in random order, one after the other; a batch
        may have the end of one and the beginning of the next.

        Raises:
            ArgumentError: `size` is not from 1 to `examples`.
        """
        if not 1 <= size <= self.examples:
            raise ArgumentError(f"size is {size}; allowed: 1 to {self.examples}, the student's examples")
        for _ in range(count):
            while len(self._order) < size:
                epoch = torch.randperm(self.examples, generator=self._order_generator)
                self._order = torch.cat((self._order, epoch))
            batch, self._order = self._order[:size], self._order[size:]
            yield batch

    def clone_from(self, source: Student) -> None:
        """Takes over the model and the optimizers of another student, in memory. The random state and the order of the data
        stay its own: a clone that saw the same noise would be no second opinion.

        Raises:
            ArgumentError: The source has another architecture: the sentence names a parameter. The student is as it was.
        """
        self._load(source.model.state_dict(), [copy.deepcopy(optimizer.state_dict()) for optimizer in source.optimizers])

    def state_dict(self) -> dict[str, Any]:
        """All of it, as tensors, numbers, dicts and lists; tensors are not copied."""
        return {
            "model": self.model.state_dict(),
            "optimizers": [_plain(optimizer.state_dict()) for optimizer in self.optimizers],
            "random": dict(self._random),
            "order_generator": self._order_generator.get_state(),
            "order": self._order,
            "examples": self.examples,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what :meth:`state_dict` gave.

        Raises:
            ArgumentError: It is of another architecture, or number of examples: the sentence says of which. The
                student is as it was.
        """
        missing = {"model", "optimizers", "random", "order_generator", "order", "examples"} - set(state)
        if missing:
            raise ArgumentError(f"the state has no {', '.join(sorted(missing))}; allowed: what Student.state_dict gave")
        if state["examples"] != self.examples:
            raise ArgumentError(f"the state is of {state['examples']} examples; allowed: {self.examples}, as here")
        self._load(state["model"], copy.deepcopy(state["optimizers"]))
        self._random = {name: part.clone().cpu() for name, part in state["random"].items()}
        self._order_generator.set_state(state["order_generator"].cpu())
        self._order = state["order"].clone().cpu()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file that `torch.load` reads with ``weights_only=True``. It appears whole or not at all."""
        path = Path(path)
        unfinished = path.with_name(path.name + ".unfinished")
        torch.save(self.state_dict(), unfinished)
        os.replace(unfinished, path)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Restores what :meth:`save` wrote.

        Raises:
            OSError: The file can't be read.
            ArgumentError: It is no student's, or of another architecture.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except OSError:
            raise
        except Exception as error:
            raise ArgumentError(f"{os.fspath(path)} is no file that Student.save wrote: {str(error).splitlines()[0]}") from None
        if not isinstance(state, dict):
            raise ArgumentError(f"{os.fspath(path)} is no file that Student.save wrote")
        self.load_state_dict(state)

    def _load(self, model: dict[str, Any], optimizers: list[Any]) -> None:
        _require_equal(self.model.state_dict(), model)
        if len(optimizers) != len(self.optimizers):
            raise ArgumentError(f"the state has {len(optimizers)} optimizers; allowed: {len(self.optimizers)}, as here")
        for index, (mine, theirs) in enumerate(zip(self.optimizers, optimizers)):
            sizes = [[len(group["params"]) for group in part["param_groups"]] for part in (mine.state_dict(), theirs)]
            if sizes[0] != sizes[1]:
                raise ArgumentError(f"optimizer {index} of the state has groups of {sizes[1]} parameters; allowed: {sizes[0]}")
        self.model.load_state_dict(model)
        for mine, theirs in zip(self.optimizers, optimizers):
            mine.load_state_dict(theirs)


def _plain(value: Any) -> Any:
    """Numpy scalars as Python's numbers: a learning rate that numpy computed would be written, and refused by `torch.load`."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _require_equal(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    for name in [*mine, *theirs]:
        if name not in theirs or name not in mine:
            where = "the student's model, and is missing in the state" if name in mine else "the state, and no part of the student's model"
            raise ArgumentError(f"{name!r} is in {where}: another architecture")
        a, b = mine[name], theirs[name]
        if getattr(a, "shape", None) != getattr(b, "shape", None):
            raise ArgumentError(f"{name!r} has shape {tuple(b.shape)} in the state; allowed: {tuple(a.shape)}, as in the student")
