"""Runs jobs in processes with one thread each, and keeps their rows as they come."""

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack

from tqdm import tqdm

from .results import Results

ONE_THREAD = {
    name: "1"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
}
JAX_ONE_THREAD = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}
"""Beside those above, for programs in JAX."""

_work: Callable


def _begin(work: Callable, initializer: Callable | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the pool
    _set_work(work, initializer)


def _set_work(work: Callable, initializer: Callable | None) -> None:
    global _work
    _work = work
    if initializer is not None:
        initializer()


def _call(job: object) -> tuple[object, list | None, str]:
    try:
        return job, list(_work(job)), ""
    except Exception:
        return job, None, traceback.format_exc()


def run(
    jobs: Sequence,
    work: Callable[[object], Iterable[Mapping]],
    results: Results,
    processes: int = 2,
    initializer: Callable[[], None] | None = None,
    environment: Mapping[str, str] | None = None,
    label: str = "",
) -> int:
    """Runs `work(job)` for each job and appends the rows that it returns.

    Args:
        jobs: In the order in which they are begun; picklable.
        work: A function at module level.
        processes: How many at a time; 1 still uses a process of its own; 0: in this one, so that jobs may have processes.
        initializer: Called once in each process.
        environment: Variables of the processes, set before anything is imported there.
        label: Of the progress bar.

    Returns:
        How many jobs failed. Each is printed with its traceback; the others go on, and a later run
        tries it again.
    """
    if not jobs:
        return 0
    os.environ.update({**ONE_THREAD, **(environment or {})})
    failures = 0
    with ExitStack() as stack:
        if processes:
            context = multiprocessing.get_context("spawn")
            pool = stack.enter_context(context.Pool(min(processes, len(jobs)), _begin, (work, initializer)))
            ended = pool.imap_unordered(_call, jobs)
        else:
            _set_work(work, initializer)
            ended = map(_call, jobs)
        bar = stack.enter_context(tqdm(total=len(jobs), desc=label, unit="run", smoothing=0.02, mininterval=1))
        for job, rows, error in ended:
            if rows is None:
                failures += 1
                bar.write(f"failed: {job}\n{error}", file=sys.stderr)
            else:
                results.append(rows)
            bar.update()
    return failures
