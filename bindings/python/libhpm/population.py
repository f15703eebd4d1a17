"""The population: who trains with what, and who is replaced by whom."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import nullcontext, suppress
from ctypes import (
    byref,
    c_double,
    c_int32,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
    create_string_buffer,
    memmove,
    string_at,
)
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from . import _abi
from ._arguments import Vector, array, real, size, text
from ._callbacks import Call, guarded, outcome
from ._handle import Handle
from ._library import check, failure, functions
from ._options import Option, documented, option_names, options, value
from ._trainer import Clone, Hypergradient, Restart, Train, Trainer
from ._vectors import Held
from .assignment import ACTIONS, Action, Assignment, Assignments, Best, Order
from .certificate import Certificate, empty
from .errors import ArgumentError, HandleError, OptionWarning, ProblemWarning
from .events import Kinds, Observer, mask, thunk
from .problem import Problem, warn_user
from .space import SearchSpace, _Entry, read_entries

if TYPE_CHECKING:
    from .result import Report
    from .schedule import Schedule

_Self = TypeVar("_Self", bound="Population")

_DURABILITIES = {
    "none": _abi.HPM_DURABILITY_NONE,
    "process": _abi.HPM_DURABILITY_PROCESS,
    "power": _abi.HPM_DURABILITY_POWER,
}
_OVERRIDES = {
    "steps": _abi.HPM_OVERRIDE_STEPS,
    "population": _abi.HPM_OVERRIDE_POPULATION,
    "bounds": _abi.HPM_OVERRIDE_BOUNDS,
}


class _Log:
    """A log's callback, until it ends."""

    def __init__(self, function: Callable[[bytes], object]):
        self.function: Callable[[bytes], object] | None = function

    def write(self, address: int, length: int) -> None:
        function = self.function
        if function is not None:
            function(string_at(address, length))


class _Registered(NamedTuple):
    """A student's problem."""

    problem: Problem
    w: Any
    """As :meth:`Population.set_problem` got it."""
    held: Held


@documented
class Population(Handle):
    """A population of K students and the algorithm that tunes them while they train.

    The loop of each student, in whatever thread or process you like, is two calls: :meth:`next`
    says what to do, :meth:`report` how it went. With the synchronous schedule the result depends on
    the seed and the reported numbers alone, not on the order in which reports arrive.

    Args:
        space: The hyperparameters; copied. n is its dimension below.
        algorithm: One of :func:`algorithms`; ``hpm`` by default.
        population: K, the number of students, at least 1; 8 by default, unless the algorithm has another one.
        seed: Of everything random, 0 by default. Equal seeds give equal starts under every
            algorithm.
        steps: Training reports of each student, after which ``next`` answers STOP; 0, the default:
            until :meth:`stop`.
        **more: Any other option by name. None stands for the default. In brackets is each one's default,
            -1 where the algorithm and other options decide; then what it may be, and what it means:

            <options>

    Warns:
        OptionWarning: An option that the algorithm does not read, or a run in which hyperparameters will
            hardly change. The population is made.

    Raises:
        ArgumentError: An unknown option or a value that is not allowed: the sentence lists what is.
        OutOfMemoryError: A population that does not fit into memory.

    Every method may be called from any thread; calls on one population are serialised inside.

    It can be copied and pickled, by :mod:`pickle` and by cloudpickle; what was saved or copied goes on
    as the original would. Weights are yours: a copy made by :mod:`copy`, deep or not, keeps the problems
    of :meth:`set_problem`, shares them with the original and reads each student's parameters where the
    original does. Where the models were copied, too, call :meth:`set_problem` on the copy. Problems are
    functions of this process and are not pickled, nor part of :meth:`save`; :meth:`load` takes them, and
    pickling warns (:class:`ProblemWarning`).

    Example:
        Four students descend a quadratic with its derivatives.

        >>> space = hpm.SearchSpace().add_real("x", -5, 5).add_real("y", -5, 5)
        >>> population = hpm.Population(space, population=4, seed=1, steps=100)
        >>> while True:
        ...     actions, sources, h = population.next_all()
        ...     if (actions == hpm.Action.STOP).all():
        ...         break
        ...     population.report_all((h**2).sum(1), 2 * h)
        >>> population.best().loss < 0.1
        True
    """

    _entries: dict[str, _Entry]
    _size: int
    _dimension: int
    _problems: dict[int, _Registered]
    """Of the students that have one, kept alive: the library calls it."""
    _listeners: set[object]
    """The log and the observers."""
    _thunks: list[Any]
    """Their callbacks, those of the past, too: calls that are under way in other threads may still hold them."""

    def __init__(
        self,
        space: SearchSpace,
        *,
        algorithm: str | None = None,
        population: int | None = None,
        seed: int | None = None,
        steps: int | None = None,
        **more: Option,
    ):
        if not isinstance(space, SearchSpace):
            raise TypeError(f"space is {space!r}; allowed: a SearchSpace")
        named = {"algorithm": algorithm, "population": population, "seed": seed, "steps": steps}
        out = c_void_p()
        with options({**named, **more}) as handle:
            status = check(functions.hpm_population_create(space._handle, handle, byref(out)))
            sentence = functions.hpm_last_error().decode() if status == _abi.HPM_WARNING else None
        entries = dict(space._entries)
        self._adopt(out.value)
        # A space that another thread adds to meanwhile may have more than the copy that was made.
        self._entries = {name: entry for name, entry in entries.items() if entry.offset < self._dimension}
        if sentence is not None:  # last: a filter may turn it into an exception
            warn_user(sentence, OptionWarning)

    @classmethod
    @documented
    def open(
        cls: type[_Self],
        path: str | os.PathLike[str],
        space: SearchSpace | None = None,
        *,
        durability: str = "process",
        override: str | Collection[str] = (),
        **more: Option,
    ) -> _Self:
        """Opens the run that a file holds, or begins one where there is no such file: a population whose run
        survives the process. Every report, and every task that begins, is in the file before the call that brings it
        returns; a population that is opened anew goes on bit for bit where it was, and asks again for the
        tasks that were out. :meth:`close` closes the file.

        The file is an SQLite database, which other programs may read at any time; docs/runs.md has its tables. The
        command ``libhpm`` looks at it.

        Args:
            path: The file's name; its folder has to exist. ``":memory:"``: a run in no file, which ends with the
                population.
            space: The hyperparameters, those of the run. None: those of the file, which then has to be there.
            durability: Which failures an answered report survives: ``process`` (the default) a crash of the process,
                ``power`` also one of the machine, ``none`` neither.
            override: What may be other than in the file, one word or several; the run is changed accordingly:
                ``"steps"`` by :meth:`set_steps`, ``"population"`` by :meth:`grow`, or :meth:`retire` of the worst,
                ``"bounds"`` where every student's values lie in the new ones, unless the algorithm has learned
                something that holds between the old ones alone, or clones are to be made.
            **more: Options, by name. Those that are given have to be those of the run. In brackets
                is each one's default, -1 where the algorithm and other options decide; then what it may be, and
                what it means:

                <options>

        Raises:
            ArgumentError: The file is of another space or other options: the sentence names the difference.
            StorageError: Another process has the file, it is no run's, damaged or of a newer version, or the folder
                can't be written. Later a method raises it where the disk refuses what it was to store, as
                when it is full: nothing has changed then, and the call may be made again.

        Example:
            >>> import tempfile
            >>> space = hpm.SearchSpace().add_real("x", -5, 5)
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     with hpm.Population.open(folder + "/run.db", space, population=2) as population:
            ...         task = population.next(0)
            ...         population.report(0, loss=1.0)
            ...     with hpm.Population.open(folder + "/run.db") as again:
            ...         again.reports(0), again.reports(1)
            (1, 0)
        """
        if space is not None and not isinstance(space, SearchSpace):
            raise TypeError(f"space is {space!r}; allowed: a SearchSpace, or None")
        if durability not in _DURABILITIES:
            raise ArgumentError(f"durability is {durability!r}; allowed: {', '.join(_DURABILITIES)}")
        names = [override] if isinstance(override, str) else list(override)
        for name in names:
            if name not in _OVERRIDES:
                raise ArgumentError(f"override is {name!r}; allowed: {', '.join(_OVERRIDES)}")
        out = c_void_p()
        with options(more) as handle:
            first = text(os.fspath(path), "path"), None if space is None else space._handle, handle
            if names:
                overrides = sum(_OVERRIDES[name] for name in set(names))
                status = check(functions.hpm_run_open_overriding(*first, overrides, byref(out)))
            else:
                status = check(functions.hpm_run_open(*first, byref(out)))
            sentence = functions.hpm_last_error().decode() if status == _abi.HPM_WARNING else None
        population = cls.__new__(cls)
        population._adopt(out.value)
        population._entries = population._read_entries()
        population._path = os.fspath(path)
        if durability != "process":
            check(functions.hpm_run_set_durability(population._handle, _DURABILITIES[durability]))
        if sentence is not None:
            warn_user(sentence, OptionWarning)
        return population

    @property
    def path(self) -> str | None:
        """The file of the run, of :meth:`open`; None: it is in no file."""
        return self._path

    def log_metric(self, student: int, name: str, value: float) -> None:
        """Stores a number of your own beside the reports of a student, such as an accuracy: in the run's file, for
        those who look at it.

        Args:
            student: Which student, from 0.
            name: Any text but the empty one.
            value: Any number. It belongs to the report that the student is at work on, else to its latest.

        Raises:
            UnsupportedError: The run is in no file.
            StorageError: The disk refuses it.
        """
        check(
            functions.hpm_run_log_metric(
                self._handle, size(student, "student"), text(name, "name"), real(value, "value")
            )
        )

    def history(self) -> list[Report]:
        """All training reports of the run, of earlier sessions, too, in the order in which they came. It is made
        again from the file's log.

        Raises:
            UnsupportedError: The run is in no file.
        """
        from .result import Report

        reports: list[Report] = []

        def see(student: int, number: int, loss: float, address: Any, n: int) -> None:
            hyperparameters = np.empty(n)
            memmove(hyperparameters.ctypes.data, address, hyperparameters.nbytes)
            reports.append(Report(student, number, hyperparameters, loss))

        with Call() as call:
            callback = guarded(_abi.hpm_report_callback, see)
            call.outcome(functions.hpm_run_reports(self._handle, callback, None))
        return reports

    def schedule(self, student: int | None = None) -> Schedule:
        """The schedule that trained the weights that a student holds now, followed through its clones to the
        beginning; of a run in a file (:meth:`open`). One model is trained by it without a population.

        Args:
            student: Which one, from 0; None: the best.

        Raises:
            NoResultError: No training report has gone into its weights yet.
            UnsupportedError: The run is in no file.

        Complexity: That of the calls of the whole run, from whose log it is made again.

        Example:
            >>> space = hpm.SearchSpace().add_real("x", 0, 1, initial=0.5)
            >>> with hpm.Population.open(":memory:", space, population=1) as population:
            ...     task = population.next(0)
            ...     population.report(0, loss=1.0)
            ...     population.schedule().at(0)
            {'x': 0.5}
        """
        from .schedule import Schedule

        return Schedule.load(self.export_schedule(student))

    def export_schedule(self, student: int | None = None) -> bytes:
        """:meth:`schedule` as bytes, which :meth:`Schedule.load` reads, and programs in C, C++ and Swift."""
        number = self.best().student if student is None else size(student, "student")
        out, needed = c_void_p(), c_size_t()
        check(functions.hpm_schedule_export(self._handle, number, byref(out)))
        try:
            check(functions.hpm_schedule_save(out, None, 0, byref(needed)))
            buffer = create_string_buffer(needed.value)
            check(functions.hpm_schedule_save(out, buffer, needed.value, byref(needed)))
        finally:
            functions.hpm_schedule_destroy(out)
        return buffer.raw

    @classmethod
    def load(
        cls: type[_Self],
        data: bytes | bytearray | memoryview,
        problems: Mapping[int, tuple[Problem, Any]] | None = None,
    ) -> _Self:
        """Makes a population from a snapshot; it goes on bit for bit as the saved one would. Tasks
        that were out are out still: ask :meth:`next` again, or report.

        Args:
            data: What :meth:`save` returned.
            problems: ``(problem, w)`` by student, for each of them :meth:`set_problem`: a snapshot has
                none. In the same process :attr:`problems` of the population that was saved.

        Raises:
            SnapshotError: No snapshot, damaged, truncated, or of a later version.
            OutOfMemoryError: A population that does not fit into memory.
            ArgumentError: A problem of a student that there is not, or with other hyperparameters.

        Example:
            >>> space = hpm.SearchSpace().add_real("x", 0, 1)
            >>> copy = hpm.Population.load(hpm.Population(space, population=3).save())
            >>> copy.size, copy.space.names
            (3, ['x'])
        """
        buffer = bytes(memoryview(data))
        out = c_void_p()
        check(functions.hpm_population_load(buffer, len(buffer), byref(out)))
        population = cls.__new__(cls)
        population._adopt(out.value)
        population._entries = population._read_entries()
        for student, (problem, w) in (problems or {}).items():
            population.set_problem(student, problem, w)
        return population

    def _read_entries(self) -> dict[str, _Entry]:
        space = c_void_p()
        check(functions.hpm_population_space(self._handle, byref(space)))
        try:
            return read_entries(space.value or 0)
        finally:
            functions.hpm_space_destroy(space)

    def _adopt(self, handle: int | None) -> None:
        self._path: str | None = None
        self._own(handle, functions.hpm_population_destroy)
        self._entries = {}
        self._problems = {}
        self._listeners = set()
        self._thunks = []
        self._read_size()
        self._dimension = self._number(functions.hpm_population_dimension)
        self._row = c_double * self._dimension

    def _read_size(self) -> None:
        self._size = self._number(functions.hpm_population_size)

    def _number(self, function: Callable[..., int], *arguments: Any) -> int:
        """What a function hands back as its last argument, a `size_t`."""
        out = c_size_t()
        check(function(self._handle, *arguments, byref(out)))
        return out.value

    def _change(self, function: Callable[..., int], *arguments: Any) -> int:
        """Calls a function that changes the population; raises what its listeners raised."""
        if self._listeners:
            with Call() as call:
                status = function(self._handle, *arguments)
            return call.outcome(status)
        status = function(self._handle, *arguments)
        return outcome(status) if status else status

    @property
    def dimension(self) -> int:
        """n, the number of hyperparameters of a student."""
        return self._dimension

    @property
    def size(self) -> int:
        """K, the number of students."""
        return self._size

    @property
    def space(self) -> SearchSpace:
        """A copy of the space, also of a loaded population."""
        out = c_void_p()
        check(functions.hpm_population_space(self._handle, byref(out)))
        assert out.value is not None
        return SearchSpace._adopt(out.value, dict(self._entries))

    def next(self, student: int) -> Assignment:
        """What a student is to do next. Asked twice without a report it answers the same, so a
        worker that died is simply asked again.

        Args:
            student: From 0 to K - 1.

        Returns:
            ``(action, source, hyperparameters)``; the array, shape ``[n]``, is the caller's own.

        Raises:
            ArgumentError: No such student.
            BusyError: Inside :meth:`run`.

        Example:
            >>> space = hpm.SearchSpace().add_real("x", 0, 1, initial=0.25)
            >>> population = hpm.Population(space)
            >>> population.next(0)
            Assignment(action=<Action.TRAIN: 0>, source=0, hyperparameters=array([0.25]))
            >>> population.report(0, loss=0.5, hypergradient=[1.5])
            >>> population.next(0).action
            <Action.WAIT: 4>
        """
        # numpy's `.ctypes` takes as long as all the rest: here and in `report` its memory is a ctypes array.
        hyperparameters, action, source = self._row(), c_int32(), c_size_t()
        self._change(
            functions.hpm_student_next,
            size(student, "student"),
            byref(action),
            byref(source),
            hyperparameters,
            self._dimension,
        )
        values: Vector = np.frombuffer(hyperparameters)  # type: ignore[call-overload]
        return Assignment(ACTIONS[action.value], source.value, values)

    def report(self, student: int, loss: float, hypergradient: Hypergradient = None) -> None:
        """Reports on the task that :meth:`next` answered.

        Args:
            student: From 0 to K - 1.
            loss: The validation loss after the interval. NaN or infinite: the student is the worst
                and is replaced at the next exploit. Ignored on CLONE and RESTART.
            hypergradient: The derivative of the loss with respect to the hyperparameters, in
                natural units, at the values that `next` gave: an array of shape ``[n]``, or a dict
                by name as for :meth:`SearchSpace.encode`. NaN in a component, and a name that is
                left out: no derivative. An infinite component is skipped and counted. None: no
                hypergradient.

        Raises:
            OrderError: No task is out for the student.
            ArgumentError: No such student, or a wrong shape.
            BusyError: Inside :meth:`run`.

        Example:
            >>> space = hpm.SearchSpace().add_real("lr", 0, 1).add_real("noise", 0, 1)
            >>> population = hpm.Population(space)
            >>> _ = population.next(0)
            >>> population.report(0, 0.7, {"noise": -0.2})
            >>> population.report(0, 0.7)
            Traceback (most recent call last):
            ...
            libhpm.errors.OrderError: ...
        """
        if type(loss) is not float:
            loss = real(loss, "loss")
        address: Any = None
        n = 0
        if hypergradient is not None:
            values = self._vector(hypergradient, "hypergradient")
            n = self._dimension
            try:
                address = byref(c_double.from_buffer(values))  # type: ignore[arg-type]
            except TypeError:  # read-only
                address = values.ctypes.data
        self._change(functions.hpm_student_report, size(student, "student"), loss, address, n)

    def report_cost(self, student: int, training: float, hypergradient: float = 0.0) -> None:
        """Says what the task that is out for a student cost, in units of your own (such as gradient
        evaluations or seconds). Call it before the report; the last call counts. Without it a
        report counts as 1 of training.

        Args:
            student: From 0 to K - 1.
            training: The cost of the training itself; finite, 0 or more.
            hypergradient: The cost of the hypergradient beyond it; finite, 0 or more.

        Raises:
            OrderError: No task is out for the student.
            ArgumentError: No such student, or a cost that is not allowed.
        """
        self._change(
            functions.hpm_student_report_cost,
            size(student, "student"),
            real(training, "training"),
            real(hypergradient, "hypergradient"),
        )

    def next_all(self) -> Assignments:
        """:meth:`next` for every student in one call, for programs that train the whole population
        at once (vmap, a batched GPU kernel).

        Returns:
            ``(actions [K] int32, sources [K] uintp, hyperparameters [K, n] float64)``; the arrays
            are the caller's own.

        Raises:
            BusyError: Inside :meth:`run`.
        """
        actions = np.empty(self._size, np.int32)
        sources = np.empty(self._size, np.uintp)
        hyperparameters = np.empty((self._size, self._dimension))
        self._change(
            functions.hpm_population_next_all,
            actions.ctypes.data,
            sources.ctypes.data,
            hyperparameters.ctypes.data,
            self._size,
            self._dimension,
        )
        return Assignments(actions, sources, hyperparameters)

    def report_all(self, losses: npt.ArrayLike, hypergradients: npt.ArrayLike | None = None) -> None:
        """:meth:`report` for every student that has a task, in one call. Rows of students without a
        task (WAIT, STOP) are ignored.

        Args:
            losses: Shape ``[K]``.
            hypergradients: Shape ``[K, n]``, natural units; NaN in a component: no derivative.
                None: no hypergradients.

        Raises:
            OrderError: No student has a task, or one has not been asked for by `next`.
            ArgumentError: A wrong shape.
            BusyError: Inside :meth:`run`.
        """
        losses = array(losses, (self._size,), "losses")
        address, n = None, 0
        if hypergradients is not None:
            hypergradients = array(hypergradients, (self._size, self._dimension), "hypergradients")
            address, n = hypergradients.ctypes.data, self._dimension
        self._change(functions.hpm_population_report_all, losses.ctypes.data, address, self._size, n)

    def next_ticket(self, student: int) -> Order:
        """As :meth:`next`, with the ticket of the task: the number with which :meth:`report_ticket` may be
        called late, twice and in any order.

        Args:
            student: From 0 to K - 1.

        Returns:
            ``(action, source, hyperparameters, ticket)``; the ticket is 1 or more, the same one when asked
            again, 0 with WAIT and STOP.

        Raises:
            ArgumentError: No such student.
            BusyError: Inside :meth:`run`.
        """
        hyperparameters = np.empty(self._dimension)
        action, source, ticket = c_int32(), c_size_t(), c_uint64()
        self._change(
            functions.hpm_student_next_ticket,
            size(student, "student"),
            byref(action),
            byref(source),
            byref(ticket),
            hyperparameters.ctypes.data,
            self._dimension,
        )
        return Order(ACTIONS[action.value], source.value, hyperparameters, ticket.value)

    def wants_hypergradient(self, student: int) -> bool:
        """Whether the report on the task that a student has, or gets next, is to hold a hypergradient: of its
        training reports one in ``hypergradient_interval``, the first one among them, and each evaluation; none
        where the algorithm reads none. With fewer hypergradients each may be a better one at the same cost,
        such as one through more steps of training. :meth:`run` estimates those of a problem where they are
        wanted. One that is reported all the same is used, and moves by a step that is as long.

        Args:
            student: From 0 to K - 1.

        Returns:
            False also where the student has no task that is trained.

        Raises:
            ArgumentError: No such student.

        Example:
            >>> space = hpm.SearchSpace().add_real("l2", 1e-6, 0.1, scale="log")
            >>> population = hpm.Population(space, population=1, hypergradient_interval=2)
            >>> for _ in range(3):
            ...     print(population.wants_hypergradient(0))
            ...     _ = population.next(0)
            ...     population.report(0, 1.0)
            True
            False
            True
        """
        wanted = c_int32()
        check(functions.hpm_student_wants_hypergradient(self._handle, size(student, "student"), byref(wanted)))
        return bool(wanted.value)

    def report_ticket(
        self, student: int, ticket: int, loss: float, hypergradient: Hypergradient = None
    ) -> bool:
        """As :meth:`report`, on the task of a ticket; a doubled or late report changes nothing.

        Args:
            student: From 0 to K - 1.
            ticket: What :meth:`next_ticket` answered.
            loss: As for :meth:`report`.
            hypergradient: As for :meth:`report`.

        Returns:
            False: the ticket was answered or superseded before, and nothing changed.

        Raises:
            ArgumentError: No such student, a ticket that was never issued, or a wrong shape.
            BusyError: Inside :meth:`run`.
        """
        address, n = None, 0
        if hypergradient is not None:
            values = self._vector(hypergradient, "hypergradient")
            address, n = values.ctypes.data, self._dimension
        status = self._change(
            functions.hpm_student_report_ticket,
            size(student, "student"),
            size(ticket, "ticket"),
            real(loss, "loss"),
            address,
            n,
        )
        return status != _abi.HPM_STALE

    def release(self, student: int) -> None:
        """Gives the task of a lost worker back: its ticket is superseded, and whoever asks :meth:`next` or
        :meth:`next_ticket` for the student begins the task anew. With the asynchronous schedule an evaluation
        goes to whoever asks first.

        Args:
            student: From 0 to K - 1.

        Raises:
            OrderError: No task is out for the student.
            ArgumentError: No such student.
            BusyError: Inside :meth:`run`.

        Example:
            >>> population = hpm.Population(hpm.SearchSpace().add_real("x", 0, 1))
            >>> lost = population.next_ticket(0)
            >>> population.release(0)
            >>> found = population.next_ticket(0)
            >>> population.report_ticket(0, found.ticket, 0.5), population.report_ticket(0, lost.ticket, 0.7)
            (True, False)
        """
        self._change(functions.hpm_student_release, size(student, "student"))

    def retire(self, student: int) -> None:
        """Takes a student out for good, as where its machine is gone: :meth:`next` answers STOP, nobody waits
        for it, no clone is made onto it or of it, and it is never the best. A clone that was to be made of it
        gets another source. :meth:`report_ticket` on its task changes nothing.

        Args:
            student: From 0 to K - 1.

        Raises:
            OrderError: It is retired already.
            ArgumentError: No such student.
            BusyError: Inside :meth:`run`.

        Example:
            >>> population = hpm.Population(hpm.SearchSpace().add_real("x", 0, 1), population=2)
            >>> _ = population.next(0), population.next(1)
            >>> population.report(0, 0.5)
            >>> population.next(0).action  # for student 1
            <Action.WAIT: 4>
            >>> population.retire(1)
            >>> population.next(0).action, population.next(1).action
            (<Action.TRAIN: 0>, <Action.STOP: 5>)
        """
        self._change(functions.hpm_student_retire, size(student, "student"))

    def reports(self, student: int) -> int:
        """How many training reports a student has made.

        Args:
            student: From 0 to K - 1.

        Raises:
            ArgumentError: No such student.
        """
        return self._number(functions.hpm_student_reports, size(student, "student"))

    def grow(self, count: int, clones: bool = False) -> None:
        """Adds students; they are numbered from K on. With the synchronous schedule those that are drawn join
        the present round of training, or wait for the next one; clones are made when the present round of
        training ends.

        Args:
            count: How many, 1 or more.
            clones: False: their hyperparameters are drawn as at the start, and their weights are their own.
                True: their first task is CLONE of one of the best; before any finite loss they are drawn,
                too.

        Raises:
            ArgumentError: A count below 1, or clones where the algorithm makes none.
            OutOfMemoryError: They do not fit into memory.
            BusyError: Inside :meth:`run`.

        Example:
            >>> population = hpm.Population(hpm.SearchSpace().add_real("x", 0, 1), population=2)
            >>> population.grow(1)
            >>> population.size, population.next(2).action
            (3, <Action.TRAIN: 0>)
        """
        origin = _abi.HPM_ORIGIN_CLONE if clones else _abi.HPM_ORIGIN_DRAWN
        try:
            self._change(functions.hpm_population_grow, size(count, "count"), origin)
        finally:  # it has grown, too, where an observer raised
            self._read_size()

    def set_steps(self, steps: int) -> None:
        """Prolongs a run, also one that has ended, and one that was loaded. With the synchronous schedule the
        run is then the same, to the bit, as if it had had the steps from the start and the options of now: a
        default that was decided by `steps` stays. But a cool-down begins anew: learning rates that were taken
        down go back up, also those of tasks that are out.

        Args:
            steps: Training reports of each student, at least those that the population has; 0: no end.

        Raises:
            ArgumentError: Fewer steps.
            BusyError: Inside :meth:`run`.

        Example:
            >>> population = hpm.Population(hpm.SearchSpace().add_real("x", 0, 1), population=1, steps=1)
            >>> _ = population.next(0)
            >>> population.report(0, 0.5)
            >>> population.next(0).action
            <Action.STOP: 5>
            >>> population.set_steps(2)
            >>> population.next(0).action
            <Action.TRAIN: 0>
        """
        self._change(functions.hpm_population_set_steps, size(steps, "steps"))

    @property
    def options(self) -> dict[str, str | int | float]:
        """All options as they are in force, every default decided, also of a loaded population: in the order
        of :func:`option_names`, words as str, whole numbers as int, reals as float. ``population`` and
        ``steps`` are those of now, after :meth:`grow` and :meth:`set_steps`.

        Example:
            >>> options = hpm.Population(hpm.SearchSpace().add_real("x", 0, 1), steps=30).options
            >>> options["population"], options["interval"], options["truncation"], options["direction"]
            (8, 3, 0.2, 'minimize')
        """
        return {name: self._option(name) for name in option_names()}

    def _option(self, name: str) -> str | int | float:
        out, needed, key = create_string_buffer(64), c_size_t(), name.encode()
        status = functions.hpm_population_option(self._handle, key, out, len(out), byref(needed))
        if status == _abi.HPM_ERROR_CAPACITY:
            out = create_string_buffer(needed.value)
            status = functions.hpm_population_option(self._handle, key, out, len(out), byref(needed))
        check(status)
        return value(out.value.decode())

    @property
    def actions(self) -> set[Action]:
        """The actions that :meth:`next` can answer."""
        mask = c_uint32()
        check(functions.hpm_population_actions(self._handle, byref(mask)))
        return {action for action in Action if mask.value >> action & 1}

    def hyperparameters(self, student: int) -> Vector:
        """The hyperparameters that a student holds now, shape ``[n]``, natural units.

        Raises:
            ArgumentError: No such student.
        """
        out = np.empty(self._dimension)
        check(
            functions.hpm_student_hyperparameters(
                self._handle, size(student, "student"), out.ctypes.data, self._dimension
            )
        )
        return out

    def set_initial(self, student: int, hyperparameters: npt.ArrayLike | Mapping[str, Any]) -> None:
        """Sets where a student starts, before its first :meth:`next`.

        Args:
            student: From 0 to K - 1.
            hyperparameters: Shape ``[n]`` in natural units, each within its bounds, whole for
                integers and choices; or a dict by name, where what is left out stays as it is.

        Raises:
            OrderError: The student has begun.
            ArgumentError: No such student, a wrong shape or a value that is not allowed.

        Example:
            >>> space = hpm.SearchSpace().add_real("lr", 0, 1).add_choice("kind", ["a", "b"])
            >>> population = hpm.Population(space)
            >>> population.set_initial(3, {"lr": 0.5, "kind": "b"})
            >>> population.hyperparameters(3)
            array([0.5, 1. ])
        """
        if isinstance(hyperparameters, Mapping):
            given = self._vector(hyperparameters, "hyperparameters")
            values = np.where(np.isnan(given), self.hyperparameters(student), given)
        else:
            values = self._vector(hyperparameters, "hyperparameters")
        self._change(
            functions.hpm_student_set_initial, size(student, "student"), values.ctypes.data, self._dimension
        )

    def best(self) -> Best:
        """The student to keep: of those whose latest training loss is finite, the one with the
        best.

        Raises:
            NoResultError: There is none yet.
        """
        student, loss = c_size_t(), c_double()
        check(functions.hpm_population_best(self._handle, byref(student), byref(loss)))
        return Best(student.value, loss.value)

    def blend(self, judge: Callable[[dict[int, float]], float] | None = None) -> dict[int, float]:
        """The model to keep as a mean of weights: of which students, and how much of each. Clones are kin:
        their weights often lie in one basin, so the mean of several can be better than any of them.

        In question are the students that :meth:`best` counts, with an ancestor in common with the best one.
        The weights meant are those after each student's latest training report. The population is read and not
        changed.

        Args:
            judge: ``judge(shares)`` returns the validation loss of the model whose weights are the sum of share
                times weights over the students of the dict. The best student comes first, with the loss that it
                reported; each next one, in the order of their losses, is taken in where that makes the mean,
                in equal shares, strictly better: at most K - 1 calls. NaN is never better. None: the best and
                its kin among the better half of the students with a finite loss, and nothing is evaluated.

        Returns:
            The share of each student, the best first; they sum to 1.

        Raises:
            NoResultError: No student has a finite loss.
            BaseException: What `judge` raised, as it was raised.

        Source:
            The greedy soup of Wortsman et al., 'Model soups', ICML 2022 (arXiv 2203.05482).

        Example:
            The rates differ, so some students are still above the minimum and some beyond it.

            >>> population = hpm.Population(
            ...     hpm.SearchSpace().add_real("rate", 0.5, 0.9), algorithm="pbt", steps=9, interval=2, seed=1)
            >>> weights = [np.full(2, 3.0) for _ in range(8)]
            >>> def loss(w):
            ...     return float(((w - 1) ** 2).sum())
            >>> def train(student, h):
            ...     weights[student] += h * (1 - weights[student]) + np.random.default_rng(student).normal(size=2)
            ...     return loss(weights[student])
            >>> def clone(source, student):
            ...     weights[student] = weights[source].copy()
            >>> population.run(train, clone)
            True
            >>> def mean(shares):
            ...     return sum(share * weights[student] for student, share in shares.items())
            >>> shares = population.blend(lambda shares: loss(mean(shares)))
            >>> loss(mean(shares)) <= population.best().loss
            True
        """
        if judge is not None and not callable(judge):
            raise TypeError(f"judge is {judge!r}; allowed: a callable, or None")

        callback = _abi.hpm_judge_callback()
        if judge is not None:

            def body(students: int, shares: int, count: int, loss: Any) -> None:
                blend = _shares((c_size_t * count).from_address(students), (c_double * count).from_address(shares))
                loss[0] = real(judge(blend), "the loss that judge returned")

            callback = guarded(_abi.hpm_judge_callback, body)
        capacity, needed = 0, c_size_t(self._size)
        while capacity < needed.value:  # nothing is judged before there is room; students may join meanwhile
            capacity = needed.value
            students, shares = (c_size_t * capacity)(), (c_double * capacity)()
            with Call() as call:
                status: int = functions.hpm_population_blend(
                    self._handle, callback, None, students, shares, capacity, byref(needed)
                )
            if status != _abi.HPM_ERROR_CAPACITY:
                call.outcome(status)
                break
        return _shares(students[: needed.value], shares)

    def best_hyperparameters(self) -> tuple[Vector, float]:
        """The hyperparameters, shape ``[n]``, with which the best student made its latest training
        report, and the loss of that report.

        Raises:
            NoResultError: No student has a finite loss yet.
        """
        out, loss = np.empty(self._dimension), c_double()
        check(
            functions.hpm_population_best_hyperparameters(
                self._handle, out.ctypes.data, self._dimension, byref(loss)
            )
        )
        return out, loss.value

    def count(self, name: str) -> float:
        """A number of the population's account.

        Args:
            name: ``training_rounds``; ``training_reports``, ``teacher_reports``, ``clone_reports``,
                ``restart_reports``, ``hypergradient_reports``; ``training_seconds``, ``teacher_seconds``,
                ``clone_seconds``, ``restart_seconds``; ``training_cost``, ``hypergradient_cost``,
                ``teacher_cost`` (in the units of :meth:`report_cost`); ``teacher_share``,
                ``hypergradient_share`` (of the three costs); ``nonfinite_losses``,
                ``nonfinite_hypergradients``, ``clones``.

        Raises:
            ArgumentError: An unknown name: the sentence lists them.
        """
        out = c_double()
        check(functions.hpm_population_count(self._handle, text(name, "name"), byref(out)))
        return out.value

    def stop(self) -> None:
        """Asks the population to stop: from now on :meth:`next` answers STOP, and :meth:`run`
        returns once the callback that is under way has. Reports that are still out are accepted.
        This population stays stopped; one that is loaded from its snapshot
        goes on. From any thread, also inside a callback."""
        self._change(functions.hpm_population_stop)

    def source_report(self, student: int) -> int:
        """Which checkpoint of its source a clone is to take, or an evaluation to be made on, for programs that
        keep checkpoints by report.

        Args:
            student: From 0 to K - 1; its task is CLONE or EVALUATE.

        Returns:
            The number of the source's training report after which the checkpoint was made; 0: its state at
            the start. With the synchronous schedule the source waits, so that is also its present state.

        Raises:
            OrderError: The student's task copies no weights.
            ArgumentError: No such student.
        """
        return self._number(functions.hpm_student_source_report, size(student, "student"))

    def releasable(self, student: int, report: int) -> bool:
        """Whether the checkpoint of a student may be deleted: no clone will be asked to take it any more. With
        the asynchronous schedule a clone can be asked for of the latest state of any student, and of an earlier
        one while such a task is open.

        Args:
            student: From 0 to K - 1; whose checkpoint.
            report: After which of its training reports, from 1 to one more than :meth:`reports`.

        Raises:
            ArgumentError: No such student or report.

        Example:
            >>> population = hpm.Population(hpm.SearchSpace().add_real("x", 0, 1), population=2, interval=2)
            >>> for loss in (2.0, 1.0):
            ...     _ = population.next_all()
            ...     population.report_all([loss, 3.0])
            >>> population.releasable(0, 1), population.releasable(0, 2)
            (True, False)
            >>> population.next(1).action, population.source_report(1)
            (<Action.CLONE: 1>, 2)
        """
        out = c_int32()
        check(
            functions.hpm_checkpoint_releasable(
                self._handle, size(student, "student"), size(report, "report"), byref(out)
            )
        )
        return out.value != 0

    def age(self, student: int) -> int:
        """How many training reports went into the weights that a student holds now, those of its ancestors
        included, those before a restart not. With the synchronous schedule and without trials it is
        :meth:`reports`, of a student that was there from the start.

        Args:
            student: From 0 to K - 1.

        Raises:
            ArgumentError: No such student.
        """
        return self._number(functions.hpm_student_age, size(student, "student"))

    def ancestor(self, student: int, report: int) -> int:
        """Who trained, at an earlier report, the weights that a student holds now.

        Args:
            student: From 0 to K - 1.
            report: A training report that went into the weights, by its place among them, from 1 to
                :meth:`age`. With the synchronous schedule that is its number, up to the last one that all
                students have made.

        Returns:
            The student whose training report it was.

        Raises:
            ArgumentError: No such student or report.
        """
        return self._ancestor(functions.hpm_student_ancestor, student, report)

    def ancestor_report(self, student: int, report: int) -> int:
        """Which of the training reports of :meth:`ancestor` it was, from 1. With the asynchronous schedule
        each student has its own numbers; with the synchronous one this is `report`.

        Args:
            student: From 0 to K - 1.
            report: As for :meth:`ancestor`.

        Raises:
            ArgumentError: No such student or report.

        Example:
            Student 0 has made three reports when student 1, which has made one, becomes its clone.

            >>> space = hpm.SearchSpace().add_real("x", 0, 1)
            >>> population = hpm.Population(
            ...     space, population=2, algorithm="pbt", schedule="asynchronous", interval=2)
            >>> for student, loss in ((1, 9.0), (0, 1.0), (0, 1.0), (0, 1.0), (1, 9.0)):
            ...     _ = population.next(student)
            ...     population.report(student, loss)
            >>> population.next(1)[:2]
            (<Action.CLONE: 1>, 0)
            >>> population.report(1, 0.0)
            >>> population.age(1), population.lineage(1)
            (3, [0, 0, 0])
            >>> population.ancestor(1, 3), population.ancestor_report(1, 3), population.reports(1)
            (0, 3, 2)
        """
        return self._ancestor(functions.hpm_student_ancestor_report, student, report)

    def _ancestor(self, function: Callable[..., int], student: int, report: int) -> int:
        return self._number(function, size(student, "student"), size(report, "report"))

    def lineage(self, student: int) -> list[int]:
        """:meth:`ancestor` for every training report that went into the weights that a student holds now, the
        first one first: whose hyperparameters trained them. With the synchronous schedule for every report
        that all students have made.

        Raises:
            ArgumentError: No such student.
        """
        age = self.age(student)
        if self._option("schedule") == "synchronous":
            age = min(age, int(self.count("training_rounds")))
        return [self.ancestor(student, report) for report in range(1, age + 1)]

    def save(self) -> bytes:
        """The whole state: space, options, students, moments, teacher, tasks that are out; not the
        problems of :meth:`set_problem`, which :meth:`load` takes. Also inside a callback of
        :meth:`run`."""
        needed = c_size_t()
        check(functions.hpm_population_save(self._handle, None, 0, byref(needed)))
        while True:
            buffer = np.empty(needed.value, np.uint8)
            status = functions.hpm_population_save(
                self._handle, buffer.ctypes.data, buffer.size, byref(needed)
            )
            if status != _abi.HPM_ERROR_CAPACITY:  # else another thread reported meanwhile
                check(status)
                return buffer[: needed.value].tobytes()

    def observe(self, function: Callable[[Any], object], kinds: Kinds = None) -> Observer:
        """Calls a function for each event from now on: after the change, in order, before the call that
        caused it (``next``, ``report``, ``run``, ...) returns. There may be any number of observers; what
        nobody asks for is not computed.

        Args:
            function: ``function(event)``, event being one of the subclasses of :class:`Event`. What it
                raises is raised by the call that caused the event, though that has succeeded: its effect
                stays, and ``next`` answers the same when asked again. Then this observer sees no more
                events of that call, while others see all. :meth:`run` ends with it.
            kinds: A class of events, or several: ``[hpm.Cloned, hpm.Mutated]``. None: all.

        Returns:
            The observation, which :meth:`Observer.close` or a ``with`` block ends.

        In the function the population may be read; what changes it is a :class:`BusyError` there, and
        waits in other threads until the function has returned. Copies and loaded populations have no
        observers.

        Raises:
            TypeError: A function that can't be called, or kinds that are no classes of events.
            ArgumentError: No kinds.

        Example:
            >>> population = hpm.Population(hpm.SearchSpace().add_real("x", 0, 1), population=2, interval=1)
            >>> with population.observe(print, [hpm.Trained, hpm.Cloned]):
            ...     for student, loss in enumerate((2.0, 1.0)):
            ...         _ = population.next(student)
            ...         population.report(student, loss)
            Trained(student=0, report=1, loss=2.0, training_cost=1.0, hypergradient_cost=0.0)
            Trained(student=1, report=1, loss=1.0, training_cost=1.0, hypergradient_cost=0.0)
            Cloned(student=0, report=1, source=1, parent=1, rank=1, source_rank=0)
        """
        if not callable(function):
            raise TypeError(f"function is {function!r}; allowed: a callable")
        bits, observer, out = mask(kinds), Observer(self, function), c_size_t()
        callback = thunk(observer)
        self._thunks.append(callback)
        self._listeners.add(observer)  # before: a call of another thread may bring an event at once
        status = functions.hpm_population_observe(self._handle, bits, callback, None, byref(out))
        if status < 0:
            self._listeners.discard(observer)
            raise failure(status)
        observer._number = out.value
        return observer

    def _unobserve(self, observer: Observer) -> None:
        if observer in self._listeners:
            self._listeners.discard(observer)
            with suppress(HandleError):  # the population was closed
                check(functions.hpm_population_unobserve(self._handle, observer._number))

    def log(self, callback: Callable[[bytes], object] | None) -> None:
        """Hands every input of the population to `callback`, before it is applied: tasks that begin,
        reports, costs, start values, releases, students that leave or join, the stop. The population is a
        function of its space, its options and these inputs in order: :meth:`replay` makes it again to the
        bit, also one with the asynchronous schedule. A log that begins with the population's creation is
        whole.

        Args:
            callback: ``callback(data)``, data being one or more whole inputs. Each of them has a version,
                its own length and a checksum, so they can be written one after the other into a file.
                What it raises is raised by the call that brought the input (``next``, ``report``, ...),
                and nothing has changed: the same call may be made again. None: the log ends. A
                population has one log; another callback takes its place.

        In the callback the population may be read; what changes it is a :class:`BusyError` there, and waits
        in other threads until the callback has returned. Copies and loaded populations have no log.

        Raises:
            TypeError: A callback that can't be called.

        Example:
            >>> space = hpm.SearchSpace().add_real("x", 0, 1)
            >>> population, data = hpm.Population(space, seed=3), bytearray()
            >>> population.log(data.extend)
            >>> for student in range(8):
            ...     _ = population.next(student)
            ...     population.report(student, float(student))
            >>> copy = hpm.Population(space, seed=3)
            >>> copy.replay(data) == len(data), copy.save() == population.save()
            (True, True)
        """
        if callback is not None and not callable(callback):
            raise TypeError(f"callback is {callback!r}; allowed: a callable, or None")
        log, written = _abi.hpm_log_callback(), None
        if callback is not None:
            written = _Log(callback)
            log = guarded(_abi.hpm_log_callback, written.write)
            self._thunks.append(log)
            self._listeners.add(written)  # before: a call of another thread may bring an input at once
        check(functions.hpm_population_log(self._handle, log, None))
        for ended in [one for one in self._listeners if isinstance(one, _Log) and one is not written]:
            self._listeners.discard(ended)
            ended.function = None

    def replay(self, data: bytes | bytearray | memoryview) -> int:
        """Applies the inputs of a log, in order, to a population that was made from the same space and
        options, or that stands where the log begins. They are not logged again.

        Args:
            data: Inputs as the callback of :meth:`log` got them, one after the other.

        Returns:
            How many bytes were applied: all of them, or those of the whole inputs where `data` ends
            inside an input, as after a crash.

        Raises:
            SnapshotError: Damaged bytes, or a later version; nothing has changed.
            ArgumentError: The log does not begin where this population stands: it is of another space
                or other options (the seed is one), or this one is ahead or behind; nothing has changed.
            OrderError: An input that cannot follow here; nothing has changed.
            BusyError: Inside :meth:`run`.

        Example:
            >>> log = bytearray()
            >>> space = hpm.SearchSpace().add_real("x", 0, 1)
            >>> population = hpm.Population(space)
            >>> population.log(log.extend)
            >>> population.set_initial(0, [0.25])
            >>> twin = hpm.Population(space)
            >>> twin.replay(log) == len(log)
            True
            >>> twin.hyperparameters(0)
            array([0.25])
        """
        buffer, applied = bytes(memoryview(data)), c_size_t()
        try:
            with Call() as call:
                status: int = functions.hpm_population_replay(self._handle, buffer, len(buffer), byref(applied))
            call.outcome(status)
        finally:  # students may have joined, too, where an observer raised
            self._read_size()
        return applied.value

    def run(
        self,
        train: Train,
        clone: Clone | None = None,
        evaluate: Train | None = None,
        restart: Restart | None = None,
        *,
        observe: Callable[[Any], object] | None = None,
        kinds: Kinds = None,
    ) -> bool:
        """Drives the population to its end by callbacks, for one student after the other, in this
        thread. Meanwhile ``next``, ``report``, ``run`` and ``close`` are :class:`BusyError` in every
        thread; everything else is allowed, also inside callbacks.

        Args:
            train: ``train(student, hyperparameters)`` trains a student one interval with the
                hyperparameters (an array of shape ``[n]``, its own) and returns its validation loss,
                or ``(loss, hypergradient)`` as for :meth:`report`.
            clone: ``clone(source, student)`` copies weights and optimizer state of `source` into
                `student`. Needed where :attr:`actions` has CLONE.
            evaluate: As `train`, on a copy that is thrown away; needed where :attr:`actions` has
                EVALUATE: by algorithms with a teacher that asks for evaluations.
            restart: ``restart(student)`` initialises a student's weights anew; needed where :attr:`actions`
                has RESTART: by algorithms that begin new trials (option ``trial``).
            observe: Called for each event of the run, as by :meth:`observe`.
            kinds: Those that `observe` is called for, as there.

        Returns:
            True when all students are done, False after :meth:`stop`.

        Raises:
            BaseException: What a callback raised, as it was raised (KeyboardInterrupt, too). The
                task stays out, so a second run begins with it again; after that of an observer it goes
                on where this one ended.
            ArgumentError: A callback that the algorithm needs is missing: known before any is
                called.
            BusyError: It is running already.

        Example:
            >>> population = hpm.Population(hpm.SearchSpace().add_real("x", -1, 1), steps=30)
            >>> population.run(lambda student, h: (h[0]**2, 2 * h), clone=lambda source, student: None)
            True
            >>> population.best().loss < 0.01
            True
        """
        for name, callback in (("train", train), ("clone", clone), ("evaluate", evaluate), ("restart", restart)):
            if not callable(callback) and (callback is not None or name == "train"):
                raise TypeError(f"{name} is {callback!r}; allowed: a callable")
        trainer = Trainer(self, train, clone, evaluate, restart)
        with self.observe(observe, kinds) if observe is not None else nullcontext(), Call() as call:
            status: int = functions.hpm_population_run(self._handle, byref(trainer.structure), None)
        return call.outcome(status) != _abi.HPM_STOPPED

    def set_problem(self, student: int, problem: Problem | None, w: Any = None) -> None:
        """Registers a problem for a student: :meth:`run` computes the student's hypergradient from it
        after each `train` and `evaluate` that returns none, by the population's option ``estimator``,
        and reports its cost: seconds of the callback and of the estimate, unless the callback reports
        a cost itself. A failed estimate is 'no derivative'; :meth:`certificate` says why.

        Args:
            student: From 0 to K - 1.
            problem: As many hyperparameters as the space has; where `h` is a dict by name, the names
                of the space, in any order, else in the order of the space. In natural units. The
                learning rate of its steps is its own. None: the student has none from now on.
            w: A function that returns the student's parameters, called when `train` or `evaluate` has
                returned; for ``reverse`` and ``forward`` it returns where the unrolled steps begin.
                Or, for numpy and torch, the arrays themselves, where training and cloning change them
                in place.

        Raises:
            ArgumentError: No such student, or other hyperparameters than the space has.
            TypeError: JAX arrays, which never change.

        Example:
            >>> problem = hpm.Problem(
            ...     parameters=1,
            ...     hyperparameters=1,
            ...     outer_gradient=lambda w, h: (2 * (w - 1), None),  # F = (w - 1)^2
            ...     hessian_product=lambda w, h, v: (1 + h) * v,      # f = (w - 3)^2 / 2 + h w^2 / 2
            ...     cross_product=lambda w, h, v: w * v,
            ... )
            >>> population = hpm.Population(
            ...     hpm.SearchSpace().add_real("l2", 0, 10), population=4, steps=60, seed=1)
            >>> weights = [np.zeros(1) for _ in range(4)]
            >>> def train(student, h):
            ...     weights[student][:] = 3 / (1 + h)
            ...     return float((weights[student][0] - 1)**2)
            >>> def clone(source, student):
            ...     weights[student][:] = weights[source]
            >>> for student in range(4):
            ...     population.set_problem(student, problem, weights[student])
            >>> population.run(train, clone)
            True
            >>> population.best().loss < 0.01, population.certificate(0).status == "converged"
            (True, True)
        """
        number = size(student, "student")
        if problem is None:
            check(functions.hpm_student_set_problem(self._handle, number, None, None))
        else:
            if not isinstance(problem, Problem):
                raise TypeError(f"problem is {problem!r}; allowed: a Problem")
            with self.space as space:
                held = problem._hold_for(space, w)
            status = functions.hpm_student_set_problem(self._handle, number, problem._handle, held.pointer)
            if status < 0:
                held.release()
                raise failure(status)
        if number in self._problems:
            self._problems.pop(number).held.release()
        if problem is not None:
            self._problems[number] = _Registered(problem, w, held)

    @property
    def problems(self) -> dict[int, tuple[Problem, Any]]:
        """``(problem, w)`` of each student that has one, as :meth:`set_problem` got them, in a dict of the
        caller's own.

        Example:
            >>> problem = hpm.Problem(
            ...     parameters=1,
            ...     hyperparameters=1,
            ...     outer_gradient=lambda w, h: (w, None),
            ...     hessian_product=lambda w, h, v: v,
            ...     cross_product=lambda w, h, v: v,
            ... )
            >>> population = hpm.Population(hpm.SearchSpace().add_real("x", 0, 1), population=2)
            >>> population.set_problem(1, problem, np.zeros(1))
            >>> hpm.Population.load(population.save(), problems=population.problems).problems
            {1: (<Problem of 1 parameters, 1 hyperparameters>, array([0.]))}
        """
        return {student: (problem, w) for student, (problem, w, _) in list(self._problems.items())}

    def certificate(self, student: int) -> Certificate:
        """The certificate of a student's latest hypergradient that :meth:`run` computed.

        Raises:
            NoResultError: None was computed.
            ArgumentError: No such student.
        """
        found = empty()
        check(functions.hpm_student_certificate(self._handle, size(student, "student"), byref(found)))
        return Certificate._read(found)

    def _renew(self, student: int) -> None:
        """Reads a student's parameters for its hypergradient."""
        if student in self._problems:
            problem, _, held = self._problems[student]
            problem._begin()
            if held.renew is not None:
                held.renew()

    def __reduce__(self) -> tuple[Any, ...]:
        _warn_of_dropped(self._problems, "problems are functions of this process and are not pickled")
        return _unpickled, (type(self), self.save())

    def __copy__(self: _Self) -> _Self:
        shared = {student: (problem, w) for student, (problem, w) in self.problems.items() if not problem.closed}
        _warn_of_dropped(self._problems.keys() - shared.keys(), "a problem that was closed can't be shared with a copy")
        return type(self).load(self.save(), problems=shared)

    def __deepcopy__(self: _Self, memo: dict[int, Any]) -> _Self:
        return self.__copy__()

    def __repr__(self) -> str:
        state = ", closed" if self.closed else ""
        return f"<Population of {self._size} students, {self._dimension} hyperparameters{state}>"

    def _vector(self, values: Hypergradient, name: str) -> Vector:
        if isinstance(values, Mapping):
            with self.space as space:
                return space.encode(values)
        return array(values, (self._dimension,), name)


def _shares(students: Iterable[int], shares: Iterable[float]) -> dict[int, float]:
    return dict(zip(students, shares))


def _unpickled(kind: type[Population], data: bytes) -> Population:
    """Of the module: cloudpickle takes a class method apart and pickles all that it refers to."""
    return kind.load(data)


def _warn_of_dropped(students: Collection[int], reason: str) -> None:
    if students:
        names = ", ".join(map(str, sorted(students)))
        warn_user(
            f"the copy has no problems for students {names}: {reason}. Give them by set_problem, or by "
            "Population.load(population.save(), problems=...)",
            ProblemWarning,
        )
