"""The students' models while they are tuned: what a list of them may be, and their states in checkpoints."""

from __future__ import annotations

import copy
from collections.abc import MutableSequence
from typing import Any

import numpy as np

from ._trainer import Clone, Restart
from .checkpoints import Checkpoints, is_stateful
from .errors import ArgumentError, StorageError
from .population import Population

Models = MutableSequence[Any]


def check_models(models: Any) -> None:
    """Refuses what can't be the students' models."""
    advice = "allowed: a list of one model for each student, as [make() for _ in range(8)]"
    if isinstance(models, type) or not hasattr(models, "__setitem__") or not hasattr(models, "__len__"):
        what = "a function" if callable(models) else f"of type {type(models).__name__}, into which no clone can be put"
        raise TypeError(f"models is {what}; {advice}")
    each = [models[student] for student in range(len(models))]
    first_at: dict[int, int] = {}
    for student, model in enumerate(each):
        first = first_at.setdefault(id(model), student)
        if first != student and not _is_immutable(model):
            raise ArgumentError(
                f"models[{first}] and models[{student}] are the same object, so that one student would train the "
                f"other's weights; {advice}"
            )


def _is_immutable(value: Any) -> bool:
    """Whether two students may have the same object: neither can change it for the other."""
    if isinstance(value, tuple):
        return all(map(_is_immutable, value))
    kinds = (type(None), bool, int, float, complex, str, bytes, frozenset, np.generic)
    return isinstance(value, kinds) or type(value).__module__.partition(".")[0] in ("jax", "jaxlib")


def copier(models: Models) -> Clone:
    """The default `clone`."""

    def clone(source: int, student: int) -> None:
        models[student] = copy.deepcopy(models[source])

    return clone


class KeptModels:
    """Models whose states are in checkpoints, each before the report that tells others of it."""

    def __init__(self, models: Models, checkpoints: Checkpoints, population: Population):
        self._models, self._checkpoints, self._population = models, checkpoints, population

    def begin(self, *, is_new: bool, are_current: bool) -> None:
        """Stores where the students start, or loads what they go on from.

        Args:
            is_new: The population begins its run.
            are_current: The models are what the population's students hold, if the checkpoints have no state yet.
        """
        folder, counts = self._checkpoints.folder, list(map(self._population.reports, range(self._population.size)))
        is_empty = len(self._checkpoints) == 0
        if is_new and not is_empty:
            raise StorageError(
                f"{folder} holds states of another run. To go on with that run pass its run= (or population=); to "
                "begin a new one take another folder, or empty this one by Checkpoints(folder).clear()"
            )
        for student, count in enumerate(counts):
            if self._checkpoints.has(student, count):
                self._load(student, student, count)
            elif self._population.age(student) == 0 or (is_empty and are_current):
                self._checkpoints.put(student, count, self._models[student])
            else:
                try:
                    self._checkpoints.get(student, count)
                except StorageError as error:
                    raise StorageError(f"the weights to go on from are missing: {error}") from None

    def trained(self, student: int, report: int, loss: float) -> None:
        """Stores what the report that is to come was made of."""
        self._checkpoints.put(student, report, self._models[student], loss=loss)

    def cloning(self, clone: Clone, *, is_exact: bool) -> Clone:
        """`clone`, and its state is stored.

        Args:
            is_exact: The clone is the same as its source.
        """

        def clone_and_keep(source: int, student: int) -> None:
            population = self._population
            report = population.source_report(student)
            # A source that trains on, as under the asynchronous schedule in a loop of one's own, before this run.
            is_ahead = report != population.reports(source)
            if is_ahead:
                self._load(student, source, report)
            else:
                clone(source, student)
            if is_exact or is_ahead:
                self._checkpoints.link(student, population.reports(student), source, report)
            else:
                self._start(student)

        return clone_and_keep

    def restarting(self, restart: Restart) -> Restart:
        """`restart`, and the new state is stored."""

        def restart_and_keep(student: int) -> None:
            restart(student)
            self._start(student)

        return restart_and_keep

    def release(self) -> None:
        """Removes what nobody needs any more."""
        self._checkpoints.release(self._population)

    def _start(self, student: int) -> None:
        self._checkpoints.put(student, self._population.reports(student), self._models[student], start=True)

    def _load(self, student: int, source: int, report: int) -> None:
        model = self._models[student]
        if is_stateful(model):
            self._checkpoints.get(source, report, into=model)
        else:
            self._models[student] = self._checkpoints.get(source, report)
