"""Students' weights in a folder."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import heapq
import json
import math
import os
import pickle
import re
import shutil
import socket
import sys
import threading
import uuid
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ._arguments import real, size
from ._handle import Closing
from .errors import ArgumentError, NoResultError, StorageError

if TYPE_CHECKING:
    from .population import Population

VERSION = 1
"""Of the folder's layout, which the docstring of :class:`Checkpoints` has."""


class Checkpoint(NamedTuple):
    """A state that is kept: what :meth:`Checkpoints.best` answers."""

    student: int
    report: int
    """After which of the student's training reports it was made."""
    loss: float
    """The validation loss of that report."""
    path: Path
    """The file, or the folder, that holds the state."""


class _Key(NamedTuple):
    student: int
    report: int
    started: bool
    """Not what the report was made of, but what the student goes on from after it: a clone's, or new weights."""

    @property
    def name(self) -> str:
        return f"{self.student}-{self.report}" + ("-start" if self.started else "")


class _Entry(NamedTuple):
    content: str
    """The sha256 of the content, which is its name."""
    kind: str
    """How it was written: bytes, pickle, torch or custom."""
    loss: float | None
    """None: not known, or not finite."""


_NAME = re.compile(r"(\d+)-(\d+)(-start)?")
_KINDS = ("bytes", "pickle", "torch", "custom")


class Checkpoints(Closing):
    """Keeps states of students in a folder: weights, optimizer, whatever a student goes on from. Each is named as
    the population names it, by student and training report, and stored by its content: equal states, and those of
    clones, are there once.

    A state is whatever a student's model is: bytes, numpy and JAX arrays, any tree of them, any object that can be
    pickled; with torch tensors inside it is written by ``torch.save``. Of an object with ``state_dict`` and
    ``load_state_dict`` (a torch module, an optimizer, :class:`hpm.torch.Student`) its ``state_dict()`` is the state.
    Pickled files run code when they are loaded, so open only folders that you trust.

    Every write is atomic: it is there whole or not at all when the process is killed at any moment, and what was
    there before stays until then. The population says what it may still ask for
    (:meth:`Population.releasable`), and :meth:`release` removes the rest.

    Args:
        folder: Where; it is made if it isn't there.
        keep: So many states of the best validation losses stay, 0 or more, whatever the population says.
        save: ``save(state, path)`` writes a state in a way of your own (safetensors, orbax, ...): a file at
            `path`, or a folder.
        load: ``load(path)`` reads what `save` wrote. Both, or none of the two.
        durable: Whether each write is forced to the disk (fsync), so that it also outlives a power failure.

    Raises:
        StorageError: The folder can't be made or read, or is of a later version.
        ArgumentError: A negative `keep`; `save` without `load`.

    One process writes to a folder at a time, from any number of threads; others may read. It holds the folder from
    its first write until :meth:`close` or its end.

    In the folder ``states/STUDENT-REPORT`` is a line of JSON that names its content in ``contents/``;
    ``states/STUDENT-REPORT-start`` is what a student that was replaced after that report goes on from.

    Example:
        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> checkpoints = hpm.Checkpoints(folder.name)
        >>> checkpoints.put(0, 20, {"w": np.ones(3)}, loss=0.5)
        >>> checkpoints.link(1, 20, 0, 20)  # student 1 has become a clone of student 0
        >>> checkpoints.get(1, 20)
        {'w': array([1., 1., 1.])}
        >>> len(os.listdir(os.path.join(folder.name, "contents")))
        1
        >>> checkpoints.best()[:3]
        (0, 20, 0.5)
        >>> checkpoints.close()
        >>> folder.cleanup()
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        keep: int = 1,
        save: Callable[[Any, str], object] | None = None,
        load: Callable[[str], Any] | None = None,
        durable: bool = False,
    ):
        self.folder = Path(os.fspath(folder)).absolute()
        """Where they are."""
        self.keep = size(keep, "keep")
        """How many of the best stay."""
        for name, function in (("save", save), ("load", load)):
            if function is not None and not callable(function):
                raise TypeError(f"{name} is {function!r}; allowed: a callable, or None")
        if (save is None) != (load is None):
            raise ArgumentError("save goes with load; allowed: both, or none of the two")
        self._save, self._load, self._durable = save, load, bool(durable)
        self._lock = threading.RLock()
        self._release: weakref.finalize[[int], Checkpoints] | None = None
        self._entries: dict[_Key, _Entry] = {}
        """While the folder is held."""
        self._users: Counter[str] = Counter()
        """How many entries point to a content."""
        with self._storing(f"open the folder {self.folder}"):
            for part in ("states", "contents", "temporary"):
                (self.folder / part).mkdir(parents=True, exist_ok=True)
        self._maximize = self._read_direction()
        try:
            self._hold()  # removes what a crash left
            self.close()
        except StorageError as error:
            if error.errno not in (errno.EACCES, errno.EROFS):  # else a folder to read from
                raise

    # Writing

    def put(self, student: int, report: int, state: Any, *, loss: float | None = None, start: bool = False) -> None:
        """Stores a state in place of the one of the same name. Call it before the report: from then on others may
        ask for it.

        Args:
            student: Whose, from 0.
            report: After which of its training reports, from 1; 0: at the start.
            state: The state; see the class.
            loss: The validation loss that is reported of it. None, or one that is not finite: it is none of the best.
            start: After a RESTART, or a CLONE that was not an exact copy: the state is not the one that the report
                was made of, but what the student goes on from. The other one stays as long as it is one of the best.

        Raises:
            StorageError: It can't be written, as where the disk is full, or another process writes to the folder.
                What was there is as it was.
            TypeError: It can't be pickled.

        Complexity: Linear in the size of the state; of a content that is there already all but its hash is dropped.
        """
        key, number = self._key(student, report, start), _finite(loss)
        self._require_hold()
        with self._storing(f"store the state of student {student} after report {report} in {self.folder}"):
            with self._temporary() as path:
                kind = self._write(state, path)
                content = _hash(path)
                if self._durable:
                    _sync_tree(path)
                with self._lock:
                    target = self._content(content)
                    if not target.exists():
                        os.replace(path, target)
                        self._sync_folder("contents")
                    self._point(key, _Entry(content, kind, number))
                    if not start:  # left of a run that went back to before it, as after a power failure
                        self._drop(key._replace(started=True))

    def link(self, student: int, report: int, source: int, source_report: int) -> None:
        """Says that a student goes on from the state of another one: it has become a clone. Nothing is copied.

        Args:
            student: The clone.
            report: How many training reports it has made, :meth:`Population.reports`.
            source: Whose state it took.
            source_report: Which, :meth:`Population.source_report`.

        Raises:
            StorageError: There is no such state, or it can't be written.
        """
        key = self._key(student, report, True)
        self._require_hold()
        with self._storing(f"store the state of student {student} after report {report} in {self.folder}"), self._lock:
            self._point(key, self._find(source, source_report)._replace(loss=None))

    def note_loss(self, student: int, report: int, loss: float) -> None:
        """Says of a state that is there which validation loss was reported of it, where :meth:`put` did not.

        Raises:
            StorageError: There is no such state, or it can't be written.
        """
        key = self._key(student, report, False)
        self._require_hold()
        with self._storing(f"note the loss of student {student} after report {report} in {self.folder}"), self._lock:
            self._point(key, self._read(key)._replace(loss=_finite(loss)))

    def release(self, population: Population) -> None:
        """Removes all states but those that the population may still ask for, what each student goes on from
        (the latest, and the one of its source where it has become a clone), what it has not heard of yet, and the
        `keep` best.

        Raises:
            StorageError: They can't be removed, or another process writes to the folder.

        Complexity: O(states + students) calls of the population; the folder is not listed.
        """
        self._require_hold()
        with self._storing(f"remove states from {self.folder}"), self._lock:
            self._set_direction(population._option("direction") == "maximize")
            counts = [population.reports(student) for student in range(population.size)]

            def is_past(key: _Key) -> bool:
                if key.student >= len(counts) or key.report > counts[key.student]:
                    return False  # it has not heard of it yet
                is_latest = key.started or key._replace(started=True) not in self._entries
                if key.report == counts[key.student] and is_latest:
                    return False  # what the student goes on from
                return key.report == 0 or population.releasable(key.student, key.report)

            past = [key for key in self._entries if is_past(key)]
            if not past:
                return
            pinned: set[tuple[int, int]] = set()
            for student in range(len(counts)):
                # None at the start and after a RESTART. In the middle of a round a student has no ancestor at its own
                # last report, and needs none.
                with suppress(ArgumentError):
                    age = population.age(student)
                    pinned.add((population.ancestor(student, age), population.ancestor_report(student, age)))
            best = set(self._best(self._entries))
            for key in past:
                if key not in best and key[:2] not in pinned:
                    self._drop(key)

    def clear(self) -> None:
        """Removes all states.

        Raises:
            StorageError: They can't be removed, or another process writes to the folder.
        """
        self._require_hold()
        with self._storing(f"remove states from {self.folder}"), self._lock:
            for key in list(self._entries):
                self._drop(key)

    # Reading

    def get(self, student: int, report: int, into: Any = None) -> Any:
        """The state that a student goes on from after a report.

        Args:
            student: Whose, from 0.
            report: After which of its training reports; 0: at the start.
            into: An object with ``load_state_dict``, which gets the state: a module, an optimizer, a
                :class:`hpm.torch.Student`. None: a new state is returned.

        Returns:
            The state, or `into`.

        Raises:
            StorageError: There is none (the sentence says what there is), or it is damaged.
        """
        if into is not None and not is_stateful(into):
            raise TypeError(f"into is {into!r}; allowed: an object with load_state_dict, or None")
        with self._storing(f"read the state of student {student} after report {report} in {self.folder}"):
            state = self._restore(self._find(student, report), None if into is None else "cpu")
        if into is None:
            return state
        into.load_state_dict(state)
        return into

    def has(self, student: int, report: int) -> bool:
        """Whether there is a state of that name."""
        keys = (self._key(student, report, start) for start in (True, False))
        return any((self.folder / "states" / key.name).exists() for key in keys)

    def __len__(self) -> int:
        """How many states there are, by name."""
        return len(self._list()[0])

    def best(self) -> Checkpoint:
        """The state with the best validation loss of those that are there, the earliest one of equal ones; the
        largest loss if a population of ``direction="maximize"`` was given to :meth:`release`.

        Raises:
            NoResultError: None has a finite loss.

        Example:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder, hpm.Checkpoints(folder) as checkpoints:
            ...     checkpoints.put(3, 1, b"weights", loss=0.25)
            ...     best = checkpoints.best()
            ...     checkpoints.get(best.student, best.report)
            b'weights'
        """
        with self._lock:
            entries = self._entries if self._is_held else self._list()[0]
            found = self._best(entries, 1)
            if not found:
                raise NoResultError(f"no state in {self.folder} has a finite loss; give it to put as loss=")
            entry = entries[found[0]]
            assert entry.loss is not None
            return Checkpoint(found[0].student, found[0].report, entry.loss, self._content(entry.content))

    def close(self) -> None:
        """Lets another process, or another object, write to the folder. The next write holds it again."""
        with self._lock:
            if self._release is not None:
                self._release()
                self._release = None

    def __repr__(self) -> str:
        return f"Checkpoints({str(self.folder)!r}, keep={self.keep})"

    # States as files

    def _write(self, state: Any, path: Path) -> str:
        """Writes a state and answers its kind."""
        if is_stateful(state):
            state = state.state_dict()
        if self._save is not None:
            self._save(state, str(path))
            return "custom"
        if isinstance(state, (bytes, bytearray, memoryview)):
            path.write_bytes(state)
            return "bytes"
        try:
            with path.open("wb") as file:
                # Who has a tensor has imported torch.
                (_Pickler if "torch" in sys.modules else pickle.Pickler)(file, 5).dump(state)
            return "pickle"
        except _OfTorch:
            pass
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            kind = type(state).__name__
            raise TypeError(f"a state of type {kind} can't be pickled: {error}. Pass save= and load=") from error
        try:
            import_module("torch").save(state, path)
        except RuntimeError as error:  # what torch makes of a disk that is full
            if not re.search("PytorchStreamWriter|inline_container", str(error)):
                raise
            raise StorageError(f"torch.save can't write: {error}") from error
        return "torch"

    def _restore(self, entry: _Entry, device: str | None) -> Any:
        path = self._content(entry.content)
        if _hash(path) != entry.content:
            raise StorageError(f"{path} is damaged: its content is not what was written; allowed: another checkpoint")
        if entry.kind == "custom":
            if self._load is None:
                raise ArgumentError(f"{path} was written by a function of your own: pass save= and load=")
            return self._load(str(path))
        if entry.kind == "bytes":
            return path.read_bytes()
        if entry.kind == "torch":
            return _load_torch(path, device)
        with path.open("rb") as file:
            return pickle.load(file)

    # The folder

    @property
    def _is_held(self) -> bool:
        return self._release is not None

    def _require_hold(self) -> None:
        if not self._hold():
            try:
                holder = (self.folder / "lock").read_text().strip()
            except OSError:
                holder = ""
            raise StorageError(
                f"{self.folder} is written by {holder or 'another process'}; allowed: one process at a time, and one "
                "Checkpoints in it. Close the other one"
            )

    def _hold(self) -> bool:
        """Locks the folder, unless another one has, removes what a crash left and reads what there is."""
        with self._lock, self._storing(f"lock {self.folder}"):
            if self._is_held:
                return True
            file = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                return False
            except BaseException:
                os.close(file)
                raise
            self._release = weakref.finalize(self, os.close, file)
            try:
                os.ftruncate(file, 0)
                os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
                self._entries, is_whole = self._list()
                self._users = Counter(entry.content for entry in self._entries.values())
                for path in (self.folder / "temporary").iterdir():
                    _delete(path)
                if not (self.folder / "checkpoints.json").exists():
                    self._write_marker(self._maximize)
                if is_whole:
                    for path in (self.folder / "contents").iterdir():
                        if path.name not in self._users:
                            self._remove_content(path.name)
            except BaseException:
                self.close()
                raise
            return True

    def _list(self) -> tuple[dict[_Key, _Entry], bool]:
        """All entries that can be read, and whether those are all."""
        entries, is_whole = {}, True
        with self._storing(f"read {self.folder}"):
            for name in os.listdir(self.folder / "states"):
                if match := _NAME.fullmatch(name):
                    key = _Key(int(match[1]), int(match[2]), match[3] is not None)
                    try:
                        entries[key] = self._read(key)
                    except FileNotFoundError:
                        pass  # removed meanwhile, by the process that writes
                    except StorageError:
                        is_whole = False
        return entries, is_whole

    def _key(self, student: int, report: int, started: bool) -> _Key:
        return _Key(size(student, "student"), size(report, "report"), started)

    def _content(self, content: str) -> Path:
        return self.folder / "contents" / content

    def _read(self, key: _Key) -> _Entry:
        path = self.folder / "states" / key.name
        text = path.read_text()
        try:
            fields = json.loads(text)
            entry = _Entry(str(fields["content"]), str(fields["kind"]), fields["loss"])
            if entry.kind not in _KINDS or not re.fullmatch("[0-9a-f]{64}", entry.content):
                raise ValueError
            if entry.loss is not None:
                float(entry.loss)
            return entry
        except (ValueError, TypeError, KeyError):
            raise StorageError(f"{path} is damaged; allowed: a line of JSON with content, kind and loss") from None

    def _find(self, student: int, report: int) -> _Entry:
        """From the folder, not from memory: another process may write to it."""
        for started in (True, False):
            with suppress(FileNotFoundError):
                return self._read(self._key(student, report, started))
        there = sorted({key.report for key in self._list()[0] if key.student == student})
        known = sorted({key.student for key in self._list()[0]})
        what = (
            f"of it there are those after {_few(there)}"
            if there
            else f"there are those of students {_few(known)}" if known else "the folder has none"
        )
        error = StorageError(f"student {student} has no state after report {report} in {self.folder}; {what}")
        error.errno = errno.ENOENT
        raise error

    def _best(self, entries: dict[_Key, _Entry], count: int | None = None) -> list[_Key]:
        sign = -1 if self._maximize else 1
        ranked = (
            (sign * entry.loss, key.report, key.student, key)
            for key, entry in entries.items()
            if entry.loss is not None and not key.started
        )
        return [row[-1] for row in heapq.nsmallest(self.keep if count is None else count, ranked)]

    def _point(self, key: _Key, entry: _Entry) -> None:
        """Writes an entry in place of the one that was there."""
        line = json.dumps(entry._asdict()) + "\n"
        self._users[entry.content] += 1  # first: where Ctrl-C comes between a content stays too long, not too short
        try:
            self._write_text(self.folder / "states" / key.name, line)
            self._sync_folder("states")
        except OSError:
            self._leave(entry.content)
            raise
        old = self._entries.get(key)
        self._entries[key] = entry
        if old is not None:
            self._leave(old.content)

    def _drop(self, key: _Key) -> None:
        """Removes an entry, if there is one."""
        if key in self._entries:
            with suppress(FileNotFoundError):
                (self.folder / "states" / key.name).unlink()
            self._leave(self._entries.pop(key).content)

    def _leave(self, content: str) -> None:
        self._users[content] -= 1
        if self._users[content] == 0:
            del self._users[content]
            self._remove_content(content)

    def _remove_content(self, content: str) -> None:
        path = self._content(content)
        if path.is_dir():  # a folder can't be removed at once
            hidden = self.folder / "temporary" / uuid.uuid4().hex
            os.replace(path, hidden)
            path = hidden
        _delete(path)

    def _write_text(self, target: Path, text: str) -> None:
        with self._temporary() as path:
            with path.open("w") as file:
                file.write(text)
                file.flush()
                if self._durable:
                    os.fsync(file.fileno())
            os.replace(path, target)

    def _sync_folder(self, name: str) -> None:
        if self._durable:
            _sync(self.folder / name)

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        path = self.folder / "temporary" / uuid.uuid4().hex
        try:
            yield path
        finally:
            _delete(path)

    @contextmanager
    def _storing(self, what: str) -> Iterator[None]:
        """Names what failed where the system only says that something did."""
        try:
            yield
        except StorageError:
            raise
        except OSError as error:
            failure = StorageError(f"can't {what}: {error.strerror or error}")
            failure.errno = error.errno
            raise failure from error

    def _read_direction(self) -> bool:
        """Checks the layout's version, and answers whether losses are maximised."""
        path = self.folder / "checkpoints.json"
        with self._storing(f"read {path}"):
            try:
                fields = json.loads(path.read_text())
                version, maximize = int(fields["version"]), bool(fields["direction"] == "maximize")
            except FileNotFoundError:
                return False
            except (ValueError, TypeError, KeyError):
                raise StorageError(f"{path} is damaged; allowed: the file that Checkpoints wrote") from None
        if version > VERSION:
            raise StorageError(f"{self.folder} is of version {version}; allowed: up to {VERSION}. Use a later libhpm")
        return maximize

    def _set_direction(self, maximize: bool) -> None:
        if maximize != self._maximize:
            self._write_marker(maximize)
            self._maximize = maximize

    def _write_marker(self, maximize: bool) -> None:
        fields = {"version": VERSION, "direction": "maximize" if maximize else "minimize"}
        self._write_text(self.folder / "checkpoints.json", json.dumps(fields) + "\n")


def is_stateful(value: Any) -> bool:
    """Whether a model is restored in place, as torch's are."""
    return not isinstance(value, type) and all(
        callable(getattr(value, name, None)) for name in ("state_dict", "load_state_dict")
    )


class _OfTorch(Exception):
    """There is a tensor in it."""


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if type(value).__module__.partition(".")[0] == "torch":
            raise _OfTorch
        return NotImplemented


def _load_torch(path: Path, device: str | None) -> Any:
    torch = import_module("torch")
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError:  # more than tensors, numbers and containers
        return torch.load(path, map_location=device, weights_only=False)


def _finite(loss: float | None) -> float | None:
    number = None if loss is None else real(loss, "loss")
    return number if number is not None and math.isfinite(number) else None


def _hash(path: Path) -> str:
    """The sha256 of a file, or of the names and contents of all files in a folder."""
    digest = hashlib.sha256()
    if path.is_dir():
        for part in sorted(path.rglob("*")):
            if not part.is_dir():
                digest.update(f"{part.relative_to(path).as_posix()}\0{_hash(part)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _sync_tree(path: Path) -> None:
    for part in (*path.rglob("*"), path) if path.is_dir() else (path,):
        _sync(part)


def _few(numbers: list[int]) -> str:
    """Some of many."""
    texts = [str(number) for number in numbers]
    return ", ".join(texts) if len(texts) <= 8 else f"{', '.join(texts[:3])}, ..., {', '.join(texts[-3:])}"
