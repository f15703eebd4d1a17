"""Clean a dirty data set while a network trains on it, by several methods at equal cost."""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from libhpm.runs.page import write_page
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

METHODS = ["hpm", "hypergradient", "pbt", "random"]
MORE_METHODS = ["hpm-paper", "hpm-no-teacher", "clone-step", "mutation-only"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--methods", default=",".join(METHODS), help=f"of {', '.join(METHODS + MORE_METHODS)}; or all")
    parser.add_argument("--seeds", type=int, default=10, help="how often: each seed is another split and other dirt")
    parser.add_argument("--steps", type=int, default=100, help="reports of a student with hypergradients")
    parser.add_argument("--students", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("demo-results"), help="folder for pictures and results.csv")
    parser.add_argument("--processes", type=int, default=min(4, os.cpu_count() or 1))
    chosen = parser.parse_args()
    chosen.methods = METHODS + MORE_METHODS if chosen.methods == "all" else list(dict.fromkeys(chosen.methods.split(",")))
    for method in chosen.methods:
        if method not in METHODS + MORE_METHODS:
            parser.error(f"unknown method '{method}'; there are {', '.join(METHODS + MORE_METHODS)}")
    for name in ("seeds", "steps", "students", "processes"):
        if getattr(chosen, name) < 1:
            parser.error(f"--{name} must be at least 1")
    return chosen


# ---- the runs, in a few processes: they are independent -------------------------------------

_done = None  # in a worker: shared array, share of each run that is done


def _start_worker(done) -> None:
    global _done
    _done = done


def _run(index: int, method: str, seed: int, students: int, steps: int, file: Path):
    import tuning  # here: the main process needs no JAX

    def progress(share: float) -> None:
        _done[index] = share

    for suffix in ("", "-wal", "-shm", "-writer"):  # of a demo before
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    run = tuning.tune(method, seed, students, steps, progress, str(file))
    _done[index] = 1
    return run


def file_of(out: Path, method: str, seed: int) -> Path:
    """Where a run is kept."""
    return out / "runs" / f"{method}-{seed}.db"


def all_runs(chosen: argparse.Namespace, console: Console) -> list:
    """Seed by seed, so that the methods see the same machine."""
    jobs = [(method, seed) for seed in range(chosen.seeds) for method in chosen.methods]
    context = multiprocessing.get_context("spawn")
    done = context.Array("d", len(jobs), lock=False)
    columns = TextColumn("{task.description:15}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn()
    with (
        ProcessPoolExecutor(chosen.processes, context, _start_worker, (done,)) as pool,
        Progress(*columns, console=console) as bars,
    ):
        tasks = {method: bars.add_task(method, total=chosen.seeds) for method in chosen.methods}
        futures = [
            pool.submit(_run, i, *job, chosen.students, chosen.steps, file_of(chosen.out, *job)) for i, job in enumerate(jobs)
        ]
        try:
            while not all(future.done() for future in futures):
                for future in futures:
                    if future.done():
                        future.result()  # a failure ends the program now, not at the end
                for method in chosen.methods:
                    bars.update(tasks[method], completed=sum(done[i] for i, job in enumerate(jobs) if job[0] == method))
                time.sleep(0.2)
            runs = [future.result() for future in futures]
            for method in chosen.methods:
                bars.update(tasks[method], completed=chosen.seeds)
            return runs
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


# ---- what was measured ----------------------------------------------------------------------


def rows_of(runs: list, wrong: dict[int, np.ndarray]) -> list[dict]:
    rows = []
    for run in runs:
        report, student = run.best_checkpoint
        rows.append({
            "method": run.method,
            "seed": run.seed,
            "validation_loss": run.validation_loss[-1, run.best],
            "test_loss": run.test_loss[-1, run.best],
            "test_accuracy": run.test_accuracy[-1, run.best],
            "wrong_labels_found": run.wrong_labels_found(wrong[run.seed]),
            "best_checkpoint_validation_loss": run.validation_loss[report, student],
            "best_checkpoint_test_loss": run.test_loss[report, student],
            "best_checkpoint_report": report + 1,
            "reports": len(run.cost),
            "gradient_evaluations": run.evaluations,
            "seconds": run.seconds,
        })
    return rows


def show(rows: list[dict], methods: list[str], console: Console) -> None:
    table = Table(
        title=r"Medians over seeds \[quartiles]", title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=0
    )
    table.add_column("method", no_wrap=True)
    for heading in (
        "valid.\nloss", "test loss", "early\nstop", "accuracy", "labels\nfound", "gradient\nevals.", "time\n(s)"
    ):
        table.add_column(heading, justify="right", no_wrap=True)

    def short(value: float) -> str:
        return f"{value:.3f}".removeprefix("0")  # fits into 80 columns

    for method in methods:

        def values(key: str) -> np.ndarray:
            return np.array([row[key] for row in rows if row["method"] == method], dtype=float)

        low, high = np.percentile(values("test_loss"), [25, 75])
        table.add_row(
            method,
            short(np.median(values("validation_loss"))),
            f"{short(np.median(values('test_loss')))} [{short(low)} {short(high)}]",
            short(np.median(values("best_checkpoint_test_loss"))),
            f"{np.median(values('test_accuracy')):.1%}",
            short(np.median(values("wrong_labels_found"))),
            f"{np.median(values('gradient_evaluations')):,.0f}",
            f"{np.median(values('seconds')):.1f}",
        )
    console.print(table)
    console.print(
        "\nLosses: cross-entropy (nats) of the student that is the best on the validation set when the budget is spent. "
        "Early stop: test loss of the checkpoint that was the best on it in the whole run. Labels found: area under the ROC "
        "curve when examples of low weight are said to be wrong; 0.5 is guessing. Time: of one run, in one process.\n"
    )


def main() -> None:
    chosen = arguments()
    console = Console()
    started = time.perf_counter()
    (chosen.out / "runs").mkdir(parents=True, exist_ok=True)
    console.print(
        "Half of the labels of 500 training digits are replaced by random ones. A population of students trains on them, and each "
        "method may move their 509 hyperparameters, a weight for each example among them, at equal cost. "
        f"Students: {chosen.students}. Seeds: {chosen.seeds}.\n"
    )
    runs = all_runs(chosen, console)

    import network
    import pictures

    data = {seed: network.load_dirty_digits(seed) for seed in range(chosen.seeds)}
    rows = rows_of(runs, {seed: digits.wrong for seed, digits in data.items()})
    with open(chosen.out / "results.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)

    def median_test_loss(method: str) -> float:
        return float(np.median([row["test_loss"] for row in rows if row["method"] == method]))

    winner = min(chosen.methods, key=median_test_loss)
    run = min((run for run in runs if run.method == winner), key=lambda run: run.validation_loss[-1, run.best])
    pictures.loss_over_cost(runs, chosen.methods, chosen.out / "loss-over-cost.png")
    pictures.weights(run, data[run.seed], chosen.out / "weights.png")
    pictures.schedule(run, chosen.out / "schedule.png")

    # The run that the pictures show is kept, with a page; all forty would be a quarter of a gigabyte.
    kept, page = chosen.out / "run.db", chosen.out / "run.html"
    file_of(chosen.out, run.method, run.seed).replace(kept)
    shutil.rmtree(chosen.out / "runs")
    write_page(kept, page)

    show(rows, chosen.methods, console)
    console.print(
        f"Lowest median test loss: {winner}. {time.perf_counter() - started:.0f} seconds. "
        f"In {chosen.out}/: results.csv, loss-over-cost.png, weights.png, schedule.png, and run.db, the run that the pictures "
        f"show. All of it on one page: {page}"
    )


if __name__ == "__main__":
    main()
