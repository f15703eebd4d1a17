"""Students in processes of their own, over the accelerators of a machine: any experiment, `--workers` of its command line.

Weights go from a student to its clone by a file in memory (`/dev/shm`, where there is one), not through the parent.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import shutil
import tempfile
import time
import traceback
import weakref
from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Any

import torch

from .experiment import Experiment


MEMORY = "/dev/shm"
PREFIX = "libhpm-student-"


class WorkerError(RuntimeError):
    """What went wrong in a worker, with its traceback."""


class Worker:
    """A process with an experiment and some students of it. Calls of several threads wait for one another.

    Args:
        factory: Of the experiment, `factory(**settings)`; of a module, since the process imports it.
        settings: Its arguments.
    """

    def __init__(self, factory: Any, settings: dict[str, Any]):
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._lock = Lock()
        # No daemon, which might have no children, such as processes that decode images. It ends with its connection.
        self._process = context.Process(target=_serve, args=(other, factory, settings))
        self._process.start()
        other.close()
        self.forgotten: deque[int] = deque()
        """Students that nobody has any more. They go with the next call: a garbage collection may come within one."""
        self.close = weakref.finalize(self, _end, self._connection, self._process)
        """Also called when this process ends."""

    def call(self, name: str, *arguments: Any) -> Any:
        """
        Raises:
            WorkerError: The call failed there, or the process has ended.
        """
        with self._lock:
            try:
                while self.forgotten:
                    self._connection.send(("forget", (self.forgotten.popleft(),)))
                    self._connection.recv()
                self._connection.send((name, arguments))
                ended, value = self._connection.recv()
            except (EOFError, OSError) as error:
                self._process.join(1)
                raise WorkerError(
                    f"a worker ended with exit status {self._process.exitcode} during {name}; -9 is mostly a lack of memory: take "
                    "fewer --workers, or a smaller --batch") from error
        if not ended:
            raise WorkerError(value)
        return value


def _end(connection: Any, process: Any) -> None:
    connection.close()
    process.join(10)
    if process.is_alive():
        process.kill()
        process.join()


class _Model:
    """The model of a `ProcessStudent`, as far as the runner uses it."""

    def __init__(self, student: ProcessStudent):
        self._student = student

    def state_dict(self) -> dict[str, torch.Tensor]:
        """On the CPU."""
        return torch.load(io.BytesIO(self._student.call("model")), map_location="cpu", weights_only=True)

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        stream = io.BytesIO()
        torch.save(state, stream)
        self._student.call("load_model", stream.getvalue())


class ProcessStudent:
    """A student of a worker, with those parts of a `libhpm.torch.Student` that the runner uses."""

    def __init__(self, worker: Worker, seed: int, self_tuning: bool):
        self.worker = worker
        self.number = worker.call("make", seed, self_tuning)
        weakref.finalize(self, worker.forgotten.append, self.number).atexit = False

    @property
    def model(self) -> _Model:
        return _Model(self)  # not kept: it holds the student, which would not go with its last name

    def call(self, name: str, *arguments: Any) -> Any:
        return self.worker.call(name, self.number, *arguments)

    def clone_from(self, source: ProcessStudent) -> None:
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=_folder(source.call("size"))) as folder:
            path = os.path.join(folder, "student.pt")
            source.call("save", path)
            self.call("clone_from", path)


class ProcessExperiment:
    """An `Experiment` whose students live in worker processes, and train side by side.

    Args:
        factory: Of the experiment, `factory(**settings)`.
        settings: Its arguments.
        workers: How many processes; student k is in process k modulo `workers`.
        devices: Of torch; worker i gets device i modulo their number.
    """

    def __init__(self, factory: Any, settings: dict[str, Any], workers: int, devices: Sequence[str]):
        self._inner: Experiment = factory(**{**settings, "device": "cpu"})
        for name in ("name", "space", "students", "steps", "validation_steps", "reports", "warm_up", "metric"):
            setattr(self, name, getattr(self._inner, name))
        self.options = getattr(self._inner, "options", {})
        self.workers = workers
        self._processes = [Worker(factory, {**settings, "device": devices[i % len(devices)]}) for i in range(workers)]
        self._made = 0

    def make(self, seed: int, self_tuning: bool) -> ProcessStudent:
        self._made += 1
        return ProcessStudent(self._processes[(self._made - 1) % self.workers], seed, self_tuning)

    def train(self, student: ProcessStudent, hyperparameters: dict[str, Any], progress: tuple[float, float]) -> None:
        student.call("train", hyperparameters, progress)

    def validate(self, student: ProcessStudent) -> float:
        return float(student.call("validate"))

    def hypergradient(self, student: ProcessStudent) -> dict[str, Any]:
        return student.call("hypergradient")

    def test(self, student: ProcessStudent) -> dict[str, float]:
        return student.call("test")

    def cpu_seconds(self) -> float:
        """Of this process and of the workers."""
        return time.process_time() + sum(worker.call("cpu_seconds") for worker in self._processes)

    def close(self) -> None:
        for worker in self._processes:
            worker.close()


def _folder(size: int) -> str | None:
    """In memory, where that has room; None: that of temporary files."""
    has_room = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2 * size
    return MEMORY if has_room else None


class _Served:
    """What a worker answers."""

    def __init__(self, experiment: Experiment):
        self.experiment = experiment
        self.students: dict[int, Any] = {}
        self._next = 0

    def make(self, seed: int, self_tuning: bool) -> int:
        self.students[self._next] = self.experiment.make(seed, self_tuning)
        self._next += 1
        return self._next - 1

    def forget(self, number: int) -> None:
        del self.students[number]

    def cpu_seconds(self) -> float:
        return time.process_time()

    def size(self, number: int) -> int:
        """About as many bytes as `save` writes."""
        student = self.students[number]
        states = [optimizer.state.values() for optimizer in student.optimizers]
        tensors = [part for state in states for values in state for part in values.values() if isinstance(part, torch.Tensor)]
        return sum(tensor.nbytes for tensor in (*student.model.state_dict().values(), *tensors))

    def train(self, number: int, hyperparameters: dict[str, Any], progress: tuple[float, float]) -> None:
        self.experiment.train(self.students[number], hyperparameters, progress)

    def validate(self, number: int) -> float:
        return float(self.experiment.validate(self.students[number]))

    def hypergradient(self, number: int) -> dict[str, Any]:
        found = self.experiment.hypergradient(self.students[number])
        return {name: value.tolist() if isinstance(value, torch.Tensor) else value for name, value in found.items()}

    def test(self, number: int) -> dict[str, float]:
        return self.experiment.test(self.students[number])

    def model(self, number: int) -> bytes:
        stream = io.BytesIO()
        torch.save(self.students[number].model.state_dict(), stream)
        return stream.getvalue()

    def load_model(self, number: int, state: bytes) -> None:
        model = self.students[number].model
        model.load_state_dict(torch.load(io.BytesIO(state), map_location="cpu", weights_only=True))

    def save(self, number: int, path: str) -> None:
        self.students[number].save(path)

    def clone_from(self, number: int, path: str) -> None:
        student = self.students[number]
        own = {name: value for name, value in student.state_dict().items() if name not in ("model", "optimizers")}
        state = torch.load(path, map_location="cpu", weights_only=True)
        # As `Student.clone_from`: random state and order stay the student's own.
        student.load_state_dict({**state, **own})


def _serve(connection: Any, factory: Any, settings: dict[str, Any]) -> None:
    served: _Served | None = None
    while True:
        try:
            name, arguments = connection.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            if served is None:
                torch.set_num_threads(1)
                served = _Served(factory(**settings))
            connection.send((True, getattr(served, name)(*arguments)))
        except Exception:
            connection.send((False, traceback.format_exc()))
