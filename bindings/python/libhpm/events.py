"""What happens in a population, as :meth:`Population.observe` hands it over: a dataclass for each kind."""

from __future__ import annotations

from collections.abc import Callable, Collection
from ctypes import c_char_p, c_double, c_int32, c_size_t, string_at
from dataclasses import dataclass
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import numpy.typing as npt

from . import _abi
from ._arguments import Vector
from ._callbacks import guarded
from ._handle import Closing
from .errors import ArgumentError

if TYPE_CHECKING:
    from .population import Population


@dataclass(frozen=True, eq=False)
class Event:
    """Something that happened in a population. Each event is one of the classes below."""

    student: int
    """Whom it happened to, from 0."""
    report: int
    """The training reports that the student had made."""


@dataclass(frozen=True)
class Trained(Event):
    """A student reported on training."""

    loss: float
    """As it was reported; it may be NaN or infinite."""
    training_cost: float
    """What the training cost, in the units of :meth:`Population.report_cost`; 1 where nothing was said."""
    hypergradient_cost: float
    """What its hypergradient cost beyond that, likewise; 0 where nothing was said."""


@dataclass(frozen=True)
class Evaluated(Event):
    """A copy of a student was evaluated."""

    source: int
    """Whose copy it was; under the synchronous schedule that is `student`, which evaluated it."""
    loss: float
    """As it was reported; it may be NaN or infinite."""
    training_cost: float
    """What the evaluation cost, in the units of :meth:`Population.report_cost`."""
    hypergradient_cost: float
    """What its hypergradient cost beyond that, likewise."""


@dataclass(frozen=True, eq=False)
class Changed(Event):
    """What :class:`Moved` and :class:`Mutated` have in common: hyperparameters became other."""

    part: str
    """Which part of the algorithm did it, such as ``descent`` or ``gaussian``."""
    indices: npt.NDArray[np.uintp]
    """Which hyperparameters changed, ascending: places in a vector of the space. Never empty; read-only, as
    `before` and `after`."""
    before: Vector
    """What they were, in natural units, shape of `indices`."""
    after: Vector
    """What they are, likewise; each is another number than before."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        mine, others = vars(self).values(), vars(other).values()
        return all(np.array_equal(one, another) for one, another in zip(mine, others))

    def __hash__(self) -> int:
        return hash((type(self), self.student, self.report, self.part))


@dataclass(frozen=True, eq=False)
class Moved(Changed):
    """A hyper-step moved a student along hypergradients."""


@dataclass(frozen=True, eq=False)
class Mutated(Changed):
    """A clone was mutated."""


@dataclass(frozen=True)
class Cloned(Event):
    """A student is to become a clone: its next task is CLONE, and its hyperparameters are its parent's
    from here on, up to a mutation that may follow."""

    source: int
    """Whose weights are copied."""
    parent: int
    """Whose hyperparameters are taken: where sub-populations evolve apart it may be another one than the source."""
    rank: int
    """The student's place at the exploit, from 0, the best."""
    source_rank: int
    """The source's place, likewise."""


@dataclass(frozen=True)
class Taught(Event):
    """A teacher or a policy learned, from a report of the student, or from an evaluation that was asked for
    it: an :class:`Evaluated` before. Under the asynchronous schedule another student may have made that, and
    the student may have become a clone meanwhile."""

    part: str
    """Which part of the algorithm learned."""


@dataclass(frozen=True)
class Restarted(Event):
    """A student begins a new trial: its next task is RESTART."""


@dataclass(frozen=True)
class Stopped(Event):
    """A student has made all its reports, or the population was asked to stop: then there is an event for
    each student."""


_BITS: dict[type[Event], int] = {
    Trained: _abi.HPM_EVENT_TRAINED,
    Moved: _abi.HPM_EVENT_MOVED,
    Cloned: _abi.HPM_EVENT_CLONED,
    Mutated: _abi.HPM_EVENT_MUTATED,
    Evaluated: _abi.HPM_EVENT_EVALUATED,
    Taught: _abi.HPM_EVENT_TAUGHT,
    Restarted: _abi.HPM_EVENT_RESTARTED,
    Stopped: _abi.HPM_EVENT_STOPPED,
}

Kinds = Union[type[Event], Collection[type[Event]], None]
"""Classes of events; one stands for its subclasses, None for all."""


def mask(kinds: Kinds) -> int:
    """The kinds as the library's sum of bits."""
    if kinds is None:
        return _abi.HPM_EVENT_ALL
    allowed = ", ".join(kind.__name__ for kind in _BITS)
    if not isinstance(kinds, (type, Collection)):
        raise TypeError(f"kinds is {kinds!r}; allowed: None, or classes of {allowed}")
    asked = (kinds,) if isinstance(kinds, type) else tuple(kinds)
    for kind in asked:
        if not (isinstance(kind, type) and issubclass(kind, Event)):
            raise TypeError(f"kinds has {kind!r}; allowed: {allowed}")
    if not asked:
        raise ArgumentError("kinds is empty; allowed: classes of events, or None, all of them")
    return sum(bit for kind, bit in _BITS.items() if issubclass(kind, asked))


# The members of the C struct are read at once: one by one through ctypes they take ten times as long.
_CODES = {c_size_t: "N", c_int32: "i", c_double: "d"}
_MEMBERS = Struct("@" + "".join(_CODES.get(member[1], "P") for member in _abi.hpm_event._fields_))
assert [member[0] for member in _abi.hpm_event._fields_] == (
    "size kind student report source parent rank source_rank loss training_cost hypergradient_cost part count "
    "indices from to"
).split()


_SIZE, _KIND, _STUDENT, _REPORT, _SOURCE, _PARENT, _RANK, _SOURCE_RANK, _LOSS, _TRAINING, _HYPER, _PART = range(12)
_COUNT, _INDICES, _FROM, _TO = range(12, 16)


def _maker(kind: type[Event], **fields: int) -> Callable[[tuple[Any, ...]], Event]:
    """Makes events of a kind from the members of the struct. At once, too: the constructor of a frozen
    dataclass sets its fields one by one."""
    names, places = ("student", "report", *fields), (_STUDENT, _REPORT, *fields.values())
    pick = itemgetter(*places)

    def make(members: tuple[Any, ...]) -> Event:
        event = object.__new__(kind)
        object.__setattr__(event, "__dict__", dict(zip(names, pick(members))))
        return event

    return make


def _part(members: tuple[Any, ...]) -> str:
    return string_at(members[_PART]).decode()


def _changed(kind: type[Changed]) -> Callable[[tuple[Any, ...]], Event]:
    def make(members: tuple[Any, ...]) -> Event:
        length = 8 * members[_COUNT]
        return kind(
            members[_STUDENT],
            members[_REPORT],
            _part(members),
            np.frombuffer(string_at(members[_INDICES], length), np.uintp),
            np.frombuffer(string_at(members[_FROM], length), np.float64),
            np.frombuffer(string_at(members[_TO], length), np.float64),
        )

    return make


_MAKERS: dict[int, Callable[[tuple[Any, ...]], Event]] = {
    _abi.HPM_EVENT_TRAINED: _maker(Trained, loss=_LOSS, training_cost=_TRAINING, hypergradient_cost=_HYPER),
    _abi.HPM_EVENT_MOVED: _changed(Moved),
    _abi.HPM_EVENT_CLONED: _maker(Cloned, source=_SOURCE, parent=_PARENT, rank=_RANK, source_rank=_SOURCE_RANK),
    _abi.HPM_EVENT_MUTATED: _changed(Mutated),
    _abi.HPM_EVENT_EVALUATED: _maker(
        Evaluated, source=_SOURCE, loss=_LOSS, training_cost=_TRAINING, hypergradient_cost=_HYPER
    ),
    _abi.HPM_EVENT_TAUGHT: lambda members: Taught(members[_STUDENT], members[_REPORT], _part(members)),
    _abi.HPM_EVENT_RESTARTED: _maker(Restarted),
    _abi.HPM_EVENT_STOPPED: _maker(Stopped),
}


class Observer(Closing):
    """What :meth:`Population.observe` returns: an observation that is under way, until :meth:`close` or the
    end of a ``with`` block. The population keeps it, so that it needn't be kept."""

    def __init__(self, population: Population, function: Callable[[Any], object]):
        self._population = population
        self._function: Callable[[Any], object] | None = function
        self._number = 0

    def _see(self, pointer: Any) -> None:
        function = self._function
        if function is not None:  # an event of the call in which it was closed
            members = _MEMBERS.unpack_from(pointer.contents)
            function(_MAKERS[members[_KIND]](members))

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._function is None

    def close(self) -> None:
        """Ends the observation: the function sees no more events, but for one that another thread is
        handing over just now. Closing twice, or after the population, does nothing. Also allowed inside a
        callback."""
        self._function = None
        self._population._unobserve(self)

    def __repr__(self) -> str:
        return f"<Observer of {self._population!r}{', closed' if self.closed else ''}>"


def thunk(observer: Observer) -> Any:
    """The observer as a callback of the library."""
    return guarded(_abi.hpm_observer_callback, observer._see)
