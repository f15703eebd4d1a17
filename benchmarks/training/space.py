"""The hyperparameters of a task: a `hpm.SearchSpace` for the library, the same maps in numpy for prototypes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Parameter:
    """A real, a block of `count` reals that share bounds, or (with labels) a choice, whose value is its index."""

    name: str
    low: float = 0.0
    high: float = 1.0
    initial: float = 0.0
    log: bool = False
    count: int = 1
    guided: bool = True
    """Whether reports hold a derivative for it."""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Space:
    """Vectors of hyperparameters are natural values, blocks flattened, in the order of `parameters`."""

    parameters: tuple[Parameter, ...]
    starts_at_initial: bool = True
    """Whether student 0 starts at the initial values; else it is drawn as the others are."""

    @cached_property
    def dimension(self) -> int:
        return sum(p.count for p in self.parameters)

    def slices(self) -> Iterator[tuple[Parameter, slice]]:
        offset = 0
        for parameter in self.parameters:
            yield parameter, slice(offset, offset + parameter.count)
            offset += parameter.count

    def spread(self, values) -> np.ndarray:
        """One value a parameter -> one a coordinate."""
        return np.repeat(np.array(list(values)), [p.count for p in self.parameters])

    @cached_property
    def guided(self) -> np.ndarray:
        return self.spread(p.guided and not p.labels for p in self.parameters)

    @cached_property
    def initial(self) -> np.ndarray:
        return self.spread(float(p.initial) for p in self.parameters)

    @cached_property
    def scalars(self) -> list[tuple[str, int]]:
        """Name and index of each parameter that is no block: few enough to be kept for each report."""
        return [(p.name, s.start) for p, s in self.slices() if p.count == 1]

    def unpack(self, vector) -> dict:
        """By name; blocks stay vectors."""
        return {p.name: vector[s] if p.count > 1 else vector[s.start] for p, s in self.slices()}

    def library(self, cools: bool = False):
        """For the library; `cools`: the learning rate is named as such, so that the option `cool_down` takes it down."""
        import libhpm as hpm

        space = hpm.SearchSpace()
        for p in self.parameters:
            initial = p.initial if self.starts_at_initial else None
            scale = "log" if p.log else "linear"
            if p.labels:
                space.add_choice(p.name, list(p.labels), initial=None if initial is None else p.labels[int(initial)])
            elif p.count > 1:
                space.add_block(p.name, p.count, p.low, p.high, scale=scale, initial=initial)
            else:
                role = "learning_rate" if cools and p.name == "learning rate" else None
                space.add_real(p.name, p.low, p.high, scale=scale, initial=initial, role=role)
        return space

    # What a prototype needs: latent coordinates in [0, 1]; label i of n is at (i + 1/2) / n.

    @cached_property
    def _flat(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        low = self.spread(-0.5 if p.labels else p.low for p in self.parameters)
        high = self.spread(len(p.labels) - 0.5 if p.labels else p.high for p in self.parameters)
        log = self.spread(p.log for p in self.parameters)
        return low, high, log

    @cached_property
    def is_choice(self) -> np.ndarray:
        return self.spread(bool(p.labels) for p in self.parameters)

    @cached_property
    def labels(self) -> np.ndarray:
        """How many, 0 for reals."""
        return self.spread(len(p.labels) for p in self.parameters)

    def natural(self, u: np.ndarray) -> np.ndarray:
        """u [..., d]; choices are rounded."""
        low, high, log = self._flat
        positive = np.where(log, low, 1)
        curved = np.exp(np.log(positive) + u * (np.log(np.where(log, high, 1)) - np.log(positive)))
        h = np.clip(np.where(log, curved, low + u * (high - low)), low, high)
        return np.where(self.is_choice, np.clip(np.rint(h), 0, self.labels - 1), h)

    def latent(self, h: np.ndarray) -> np.ndarray:
        low, high, log = self._flat
        positive = np.where(log, low, 1)
        curved = np.log(np.where(log, h, 1) / positive) / np.log(np.where(log, high / positive, np.e))
        return np.clip(np.where(log, curved, (h - low) / np.where(high > low, high - low, 1)), 0, 1)

    def slope(self, h: np.ndarray) -> np.ndarray:
        """d natural / d latent at natural values: the chain rule's factor for hypergradients."""
        low, high, log = self._flat
        return np.where(log, h * np.log(np.where(log, high / np.where(log, low, 1), 1)), high - low)
