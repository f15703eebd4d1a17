"""libhpm's algorithms and other packages on landscapes, at the same number of calls.

    python benchmarks/landscapes/run.py            the full run; goes on where it stopped
    python benchmarks/landscapes/run.py --quick    a few problems and seeds, in about a minute
    python benchmarks/landscapes/run.py --report   tables and pictures of the rows that exist

One call is one evaluation of the loss, with or without its gradient, a teacher's included. Writes results.csv,
tables.md and pictures below --out.
"""

import argparse
import fnmatch
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "bindings" / "python")]

from common import jobs, results  # noqa: E402

os.environ.update(jobs.ONE_THREAD)  # before numpy is loaded, which this process measures by, too

import moving  # noqa: E402
import populations  # noqa: E402
import problems  # noqa: E402
import references  # noqa: E402

KEY = ("problem", "algorithm", "budget", "seed")
COLUMNS = (*KEY, "result", "observed", "training_calls", "teacher_calls", "clones", "restarts", "seconds")
BUDGETS = (200, 1000, 4000)
CURVE = (50, 100, 400, 2000)
"""More budgets, for the pictures: on the problems that have a curve, of the first seeds."""
CURVE_SEEDS = 10
SEEDS = 30
LARGE_SEEDS = 10  # in 50 and 200 dimensions, where seeds differ little
QUICK_PROBLEMS = ("branin", "rosenbrock-10", "levy-10~noisy", "levy-10~failing", "bbob-10", moving.NAME)
QUICK_SEEDS = 3


class Job(NamedTuple):
    problem: str
    algorithm: str
    seed: int
    budgets: tuple[int, ...]
    rate: float | None = None
    """Of SGD, relative to the problem, in the tuned runs."""

    @property
    def label(self) -> str:
        return self.algorithm if self.rate is None else f"{self.algorithm}@{self.rate:.3g}"

    def keys(self) -> set[tuple]:
        return {(self.problem, self.label, budget, self.seed) for budget in self.budgets}


def work(job: Job) -> list[dict]:
    """Runs in a process of its own."""
    checkpoints = sorted(job.budgets)
    if job.algorithm in references.REFERENCES:
        rows = references.run(
            problems.problem(job.problem, job.seed), references.REFERENCES[job.algorithm], job.seed, checkpoints
        )
    else:
        method = populations.METHODS[job.algorithm]
        if job.problem == moving.NAME:
            rows = populations.run_moving(method, job.seed, checkpoints)
        else:
            problem = problems.problem(job.problem, job.seed)
            options = None
            if job.rate is not None:
                options = {**method.options, **populations.tuned(method.name, job.rate, problem)}
            rows = populations.run(problem, method, job.seed, checkpoints, options)
    return [{"problem": job.problem, "algorithm": job.label, "seed": job.seed, **row} for row in rows]


def has_curve(problem: str) -> bool:
    return problem == moving.NAME or problem in problems.names()[:12]


def plan(chosen: list[str], algorithms: list[str], seeds: int, first_seed: int, slow: bool, skip: set[str]) -> list[Job]:
    """All jobs: one seed after the other, the slow packages last."""
    early, late = [], []
    for count in range(seeds):
        seed = first_seed + count
        for name in chosen:
            large = name.endswith(("-50", "-200", "-50~noisy", "-200~noisy"))
            if large and count >= LARGE_SEEDS:
                continue
            curve = CURVE if has_curve(name) and count < CURVE_SEEDS else ()
            for algorithm in algorithms:
                if algorithm in populations.METHODS:
                    if algorithm not in skip:
                        method = populations.METHODS[algorithm]
                        if count >= (method.large_seeds if large else method.seeds):
                            continue
                        limit = method.budget_on_moving if name == moving.NAME else method.budget
                        budgets = [b for b in sorted({*BUDGETS, *curve}) if b <= limit]
                        early.append(Job(name, algorithm, seed, tuple(budgets)))
                    continue
                reference = references.REFERENCES[algorithm]
                if name == moving.NAME or "~failing" in name:  # no notion of a clone; none of a failed call
                    continue
                if reference.dimension < problems.problem(name, 0).dimension:
                    continue
                allowed = {**reference.seeds, **(reference.slow if slow else {})}
                budgets = [budget for budget, most in allowed.items() if count < most]
                if reference.separate:
                    late += [Job(name, algorithm, seed, (budget,)) for budget in budgets]
                elif budgets:
                    budgets = sorted({*budgets, *(b for b in curve if b <= max(budgets))})
                    (late if reference.slow else early).append(Job(name, algorithm, seed, tuple(budgets)))
    return early + late


def quick(job: Job) -> Job:
    """Without the budgets at which a slow package takes seconds."""
    if job.algorithm in references.REFERENCES and references.REFERENCES[job.algorithm].slow:
        return job._replace(budgets=tuple(budget for budget in job.budgets if budget <= 200))
    return job


def plan_tuned(chosen: list[str], algorithms: list[str], seeds: int, first_seed: int, skip: set[str]) -> list[Job]:
    return [
        Job(name, algorithm, first_seed + count, BUDGETS, rate)
        for count in range(seeds)
        for name in chosen
        if name in problems.names()[:12]
        for algorithm in algorithms
        if algorithm in populations.TUNED and algorithm not in skip
        for rate in populations.RATES
    ]


def estimate(planned: list[Job], processes: int) -> None:
    """Runs one job of each algorithm on one problem of each group and says what all will take."""
    def kind(job: Job) -> tuple:
        group = "moving" if job.problem == moving.NAME else problems.problem(job.problem, 0).group
        return group, job.algorithm, job.budgets

    counts: dict[tuple, int] = {}
    samples: dict[tuple, list[Job]] = {}
    for job in planned:
        counts[kind(job)] = counts.get(kind(job), 0) + 1
        samples.setdefault(kind(job), []).append(job)
    for name in {key[1] for key in counts}:
        work(Job("branin", name, 0, (50,)))  # loads its package
    by_algorithm: dict[str, float] = {}
    for key, count in counts.items():
        begin = time.process_time()
        work(samples[key][len(samples[key]) // 2])
        seconds = (time.process_time() - begin) * count
        by_algorithm[key[1]] = by_algorithm.get(key[1], 0) + seconds
    for name, seconds in sorted(by_algorithm.items(), key=lambda pair: -pair[1]):
        print(f"{name:16} {seconds / processes / 60:6.1f} min")
    print(f"{len(planned)} runs, about {sum(by_algorithm.values()) / processes / 60:.0f} min in {processes} processes")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--problems", nargs="+", metavar="PATTERN", help="names or patterns such as 'bbob-*'")
    parser.add_argument("--algorithms", nargs="+", choices=[*populations.METHODS, *references.REFERENCES], metavar="NAME")
    parser.add_argument("--seeds", type=int, help=f"how many; default {SEEDS}")
    parser.add_argument("--first-seed", type=int, default=0, help="100 and up are for design")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a few problems and seeds")
    parser.add_argument("--slow", action="store_true", help="more seeds of TPE and NGOpt, and NGOpt at 4000 calls")
    parser.add_argument("--tuned", action="store_true", help="SGD with each of 8 learning rates, into tuned.csv, instead")
    parser.add_argument("--again", nargs="+", metavar="NAME", default=[], help="forget the rows of these algorithms first")
    parser.add_argument("--estimate", action="store_true", help="say how long the run will take, and stop")
    parser.add_argument("--report", action="store_true", help="run nothing, write tables and pictures")
    arguments = parser.parse_args()

    everything = [*problems.names(), moving.NAME]
    patterns = arguments.problems or (QUICK_PROBLEMS if arguments.quick else ["*"])
    chosen = [name for name in everything if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    if not chosen:
        parser.error(f"no problem is called {patterns}; there are {everything}")
    algorithms = arguments.algorithms or [*populations.METHODS, *references.REFERENCES]
    seeds = arguments.seeds or (QUICK_SEEDS if arguments.quick else SEEDS)
    missing = populations.missing()
    for name in algorithms:
        if name in missing:
            print(f"skipped: {name}: {missing[name]}", file=sys.stderr)

    if arguments.tuned:
        planned = plan_tuned(chosen, algorithms, seeds, arguments.first_seed, set(missing))
    else:
        planned = plan(chosen, algorithms, seeds, arguments.first_seed, arguments.slow, set(missing))
        if arguments.quick:
            planned = [cut for job in planned if (cut := quick(job)).budgets]
    if arguments.estimate:
        estimate(planned, arguments.processes)
        return 0
    path = arguments.out / ("tuned.csv" if arguments.tuned else "results.csv")
    if arguments.again:
        results.forget(path, lambda row: str(row["algorithm"]).partition("@")[0] in arguments.again)
    failures = 0
    if not arguments.report:
        with results.Results(path, COLUMNS, KEY) as table:
            rest = [job for job in planned if job.keys() - table.keys]
            print(f"{len(planned) - len(rest)} of {len(planned)} runs exist", file=sys.stderr)
            failures = jobs.run(rest, work, table, arguments.processes, label="landscapes")
    import report

    report.write(arguments.out)
    if failures:
        print(f"{failures} runs failed; they are tried again next time", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
