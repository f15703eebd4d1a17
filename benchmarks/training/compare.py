"""Tunes real models in training by all methods at the same cost, and makes the tables and pictures."""

from __future__ import annotations

import argparse
import csv
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "bindings" / "python")]

import numpy as np  # noqa: E402

from common import jobs, statistics, tables  # noqa: E402
from common.arguments import names as names_of, seeds  # noqa: E402
from common.results import Results, field, read  # noqa: E402
import seconds  # noqa: E402
from methods import ABLATIONS, KNOWN, METHODS, PICKED, PICKED_FIRST, Method, next_rate, variant  # noqa: E402
from task import HYPERGRADIENT_COST, TRAINING_COST  # noqa: E402

KEY = ("problem", "algorithm", "budget", "seed")
COLUMNS = KEY + (
    "result",  # test loss of the student that is the best on the validation set by then
    "checkpoint",  # of the best checkpoint by then
    "validation",  # validation loss of the first
    # Of the whole run, in its last row alone:
    "training_calls", "clone_calls", "teacher_calls", "restart_calls",  # of students
    "training_cost", "hypergradient_cost", "teacher_cost", "blend_cost",  # gradient evaluations
    # Test losses at the end: of the best student, of the greedy mean of weights and of how many students it is, of
    # the mean prediction of the better half.
    "end", "blend", "blended", "ensemble",
    "seconds", "cpu_seconds",
)
SHARES = 10
"""Rows of a run, at so many shares of its budget."""
TASK_NAMES = ("cleaning", "digits2", "cifar", "logistic", "convolution", "weights", "characters")


def work(job: tuple) -> list[dict]:
    """One run of (task, method, seed, share of the budget, folder of traces) -> its rows; leaves a trace for the
    pictures."""
    name, method, seed, share, traces = job
    from runner import run
    from tasks import TASKS

    task = TASKS[name]
    budget = int(task.budget * share)
    result = run(task, method.factory(name), seed, method.hypergradient, budget, differentiated=method.differentiated,
                 every=method.every, blend=method.blend)
    if traces:
        Path(traces).mkdir(parents=True, exist_ok=True)
        line = result.lineage()
        np.savez_compressed(
            trace_path(traces, name, method.name, seed), cost=result.cost, kept=result.kept, checkpoint=result.checkpoint,
            losses=result.losses.astype(np.float32), best=result.best, scalars=result.scalars, parents=result.parents,
            lineage=line, hyperparameters=result.hyperparameters.astype(np.float32),
        )
    rows = []
    for part in range(1, SHARES + 1):
        paid = int(np.searchsorted(result.cost, budget * part / SHARES, side="right")) - 1
        if paid >= 0:
            rows.append({
                "problem": name, "algorithm": method.name, "budget": budget * part // SHARES, "seed": seed,
                "result": result.kept[paid, 1], "checkpoint": result.checkpoint[paid, 1],
                "validation": result.kept[paid, 0],
            })
    rows[-1] |= {f"{kind}_calls": count for kind, count in result.calls.items()}
    rows[-1] |= {f"{kind}_cost": cost for kind, cost in result.costs.items()}
    rows[-1] |= {"end": result.end, "blend": result.blend[1], "ensemble": result.ensemble,
                 "blended": int((result.blend_shares > 0).sum())}
    rows[-1] |= {"seconds": result.seconds, "cpu_seconds": result.cpu_seconds}
    return rows


def trace_path(folder: str | Path, task: str, method: str, seed: int) -> Path:
    return Path(folder) / f"{task}--{method.replace(' ', '-').replace(',', '')}--{seed}.npz"


def budget_of(task: str, share: float) -> int:
    from tasks import TASKS

    return int(TASKS[task].budget * share)


def missing(results: Results, chosen, methods: list[Method], share: float, traces: str) -> list[tuple]:
    """Task by task, so that a process compiles few trainers at a time; seed by seed, so that a stopped run has
    all methods of the seeds that it has."""
    return [
        (task, method, seed, share, traces)
        for task in chosen.tasks for seed in chosen.seeds for method in methods
        if (task, method.name, budget_of(task, share), seed) not in results.keys
    ]


# ---- tables -------------------------------------------------------------------------------------------------


def final(rows: list[dict]) -> list[dict]:
    """The row of each run's whole budget."""
    last: dict[tuple, dict] = {}
    for row in rows:
        run = row["problem"], row["algorithm"], row["seed"]
        if run not in last or row["budget"] > last[run]["budget"]:
            last[run] = row
    return list(last.values())


def mean_ratio(ratios: np.ndarray) -> str:
    """Mean of logarithms of ratios, its standard error, and how many are negative."""
    error = f" ± {ratios.std(ddof=1) / np.sqrt(len(ratios)):.3f}" if len(ratios) > 1 else ""
    return f"{ratios.mean():+.3f}{error} ({(ratios < 0).sum()} of {len(ratios)})"


def log_ratios(rows: list[dict], reference: str, order, columns, value: str = "result") -> str:
    """Mean over seeds of log(loss / loss of the reference), its standard error, and how often it is lower."""
    groups = statistics.collect(rows, value, "algorithm", "problem")
    lines = []
    for name in order:
        cells = [name]
        for problem in columns:
            pair = statistics.on_same_seeds(groups.get((name, problem), {}), groups.get((reference, problem), {}))
            if not pair[0] or name == reference:
                cells.append("-")
                continue
            a, b = map(np.asarray, pair)
            cells.append(mean_ratio(np.log(a / b)))
        lines.append(cells)
    return tables.markdown([f"log-ratio to {reference}", *columns], lines)


def costs(rows: list[dict], order) -> str:
    """Medians over all runs of a method."""
    lines = []
    for name in order:
        own = [row for row in rows if row["algorithm"] == name and row["cpu_seconds"] == row["cpu_seconds"]]
        if not own:
            continue

        def total(row):
            # Runs from before there were means have no cost of them.
            return row["training_cost"] + row["hypergradient_cost"] + row["teacher_cost"] + np.nan_to_num(row["blend_cost"])

        shares = [[row[f"{kind}_cost"] / total(row) for row in own] for kind in ("hypergradient", "teacher")]
        used = np.median([total(row) / row["budget"] for row in own])
        times = [np.median([row["cpu_seconds"] for row in own if row["problem"] == task]) for task in TASK_NAMES
                   if any(row["problem"] == task for row in own)]
        lines.append([name, f"{used:.1%}", *(f"{np.median(share):.1%}" for share in shares),
                      " ".join(f"{s:.1f}" for s in times)])
    return tables.markdown(
        ["algorithm", "of the budget used", "hypergradients' share", "teacher's share", "CPU seconds, by task"], lines
    )


def means(rows: list[dict], order, columns) -> str:
    """What averages at the end are worth, for methods whose runs have them."""
    lines = []
    for name in order:
        cells: list[list[str]] = [[], []]
        for problem in columns:
            own = [row for row in rows if (row["algorithm"], row["problem"]) == (name, problem) and row["blend"] == row["blend"]]
            for kind, texts in zip(("blend", "ensemble"), cells):
                texts.append(mean_ratio(np.array([np.log(row[kind] / row["end"]) for row in own])) if own else "-")
        if any(text != "-" for text in cells[0]):
            lines += [[f"{name}, mean of weights", *cells[0]], [f"{name}, mean prediction", *cells[1]]]
    return tables.markdown(["log-ratio to the best student", *columns], lines)


def against_means(rows: list[dict], subject: str, rivals, columns) -> str:
    """The subject's result against the mean of weights of each rival, on the runs that have one."""
    lines = []
    for name in rivals:
        cells = []
        for problem in columns:
            results = {row["seed"]: row["result"] for row in rows if (row["algorithm"], row["problem"]) == (subject, problem)}
            own = {row["seed"]: row["blend"] for row in rows if (row["algorithm"], row["problem"]) == (name, problem)
                   and row["blend"] == row["blend"] and row["seed"] in results}
            cells.append(mean_ratio(np.array([np.log(results[seed] / loss) for seed, loss in own.items()])) if own else "-")
        if any(cell != "-" for cell in cells):
            lines.append([name, *cells])
    return tables.markdown([f"log-ratio of {subject} to", *columns], lines)


def without_mean(rows: list[dict], subject: str) -> list[dict]:
    """The subject's result becomes that of its best student."""
    return [row | {"result": row["end"]} if row["algorithm"] == subject and row["end"] == row["end"] else row for row in rows]


def at_equal_time(rows: list[dict], relative: dict[str, dict[str, float]]) -> list[dict]:
    """The runs, read where they have taken as long as the budget's plain reports take. Between the tenths of a run the
    logarithm of the loss is a line. What the library itself takes is not in it, nor is a mean at the end."""
    runs: dict[tuple, list[dict]] = {}
    for row in rows:
        runs.setdefault((row["problem"], row["algorithm"], row["seed"]), []).append(row)
    found = []
    for (problem, name, seed), own in runs.items():
        own.sort(key=lambda row: row["budget"])
        last, price = own[-1], relative.get(problem)
        if price is None:
            continue
        guided = last["hypergradient_cost"] / HYPERGRADIENT_COST
        units = (last["training_calls"] + guided * (price["report with hypergradient"] - 1)
                 + last["teacher_calls"] * price["evaluation"])
        share = min(1.0, last["budget"] / TRAINING_COST / units)
        end = last["end"] if last["end"] == last["end"] else last["result"]
        logs = np.log([*(row["result"] for row in own[:-1]), end])
        at = share * last["budget"]
        found.append(last | {"result": float(np.exp(np.interp(at, [row["budget"] for row in own], logs)))})
    return found


def is_rival(name: str, subject: str) -> bool:
    """Not itself, nor a form of it: `hpm+attention`, `hpm, no exploit`."""
    return name != subject and not name.startswith((f"{subject}+", f"{subject},"))


def write_tables(rows: list[dict], methods: list[str], subject: str, reference: str, path: Path) -> str:
    parts_of_runs, rows = rows, final(rows)
    present = {row["algorithm"] for row in rows}
    order = [name for name in methods if name in present] + sorted(present - set(methods))
    columns = [name for name in TASK_NAMES if any(row["problem"] == name for row in rows)]
    reference = reference if reference in present else order[0]
    layout = dict(row_order=order, column_order=columns, digits=3)
    parts = [
        "Test loss of the student that is the best on the validation set at the end, median [quartiles]:\n",
        tables.medians(rows, **layout),
        "The same, of the best checkpoint of the whole run:\n",
        tables.medians(rows, value="checkpoint", **layout),
        f"Mean of the paired log-ratio, with its standard error, of the first table to `{reference}`, and in how many seeds it is lower:\n",
        log_ratios(rows, reference, order, columns),
    ]
    rivals = [name for name in order if is_rival(name, subject) and name not in ABLATIONS]
    if subject in present and rivals:
        parts += [
            f"`{subject}` against each rival: wins-ties-losses over seeds, p of Wilcoxon's test, the same after Holm's "
            "adjustment within the task; a star below 0.05:\n",
            tables.rival_comparisons(rows, subject, rivals, order=columns),
            f"The same of the best student of `{subject}` at the end, without its mean of weights:\n",
            tables.rival_comparisons(without_mean(rows, subject), subject, rivals, order=columns),
            "The same of the best checkpoint:\n",
            tables.rival_comparisons(rows, subject, rivals, value="checkpoint", order=columns),
        ]
    ranked = [name for name in order if name not in ABLATIONS]
    if len(columns) > 1 and len(ranked) > 1:
        found = {
            "at the end": tables.rank_table(rows, algorithms=ranked),
            "best checkpoint": tables.rank_table(rows, value="checkpoint", algorithms=ranked),
        }
        parts += ["Average ranks of the medians over the tasks, ablations left out:\n", tables.ranks(found),
                  "The first of them in 10,000 resamples of the seeds, drawn task by task and for all methods alike:\n",
                  tables.resampled(rows, ranked)]
    if any(row["blend"] == row["blend"] for row in rows):
        parts += ["What the greedy mean of the students' weights at the end is worth, and the mean prediction of the better half; the "
                  "greedy mean's validation losses are counted for `hpm` alone, where they are 0.1 to 1.3% of the budget:\n",
                  means(rows, order, columns)]
        if subject in present and rivals:
            parts += [f"`{subject}` against the greedy mean of each rival, which the rival does not pay for:\n",
                      against_means(rows, subject, rivals, columns)]
    if seconds.PATH.exists() and len(ranked) > 1:
        timed = at_equal_time([row for row in parts_of_runs if row["algorithm"] in ranked], seconds.read_seconds())
        parts += ["The first table at equal measured time, that of the budget's plain reports (`results/seconds.csv`), `hpm` without "
                  "its mean:\n", tables.medians(timed, **layout | {"row_order": ranked}),
                  tables.ranks({"at equal time": tables.rank_table(timed, algorithms=ranked)})]
    parts += ["Cost:\n", costs(rows, order)]
    text = "\n".join(parts)
    path.write_text(text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--tasks", default="all", help=f"of {', '.join(TASK_NAMES)}")
    parser.add_argument("--methods", default="all", help=f"of {', '.join([*METHODS, *ABLATIONS])}; separated by semicolons "
                        "or, where no name has one, by commas; or all, ablations, none")
    parser.add_argument("--variant", action="append", default=[], type=variant, metavar="NAME:OPTION=VALUE,...",
                        help="one more method, such as 'often:algorithm=hpm,interval=2' or 'mine:prototype=MODULE:FACTORY'; "
                        "may be given again")
    parser.add_argument("--seeds", default="0-14", type=seeds, help="of reported results; design seeds are 100 and up")
    parser.add_argument("--budget", default=1.0, type=float, help="share of each task's budget")
    parser.add_argument("--processes", default=min(2, os.cpu_count() or 1), type=int)
    parser.add_argument("--results", default=HERE / "results" / "results.csv", type=Path,
                        help="CSV that is gone on with; tables.md and pictures are written beside it")
    parser.add_argument("--also", action="append", default=[], type=Path, help="results that the tables hold too")
    parser.add_argument("--subject", default="hpm", help="the method that is compared with each other")
    parser.add_argument("--reference", default="hypergradient", help="the method of the log-ratios")
    parser.add_argument("--traces", default=str(HERE / "traces"), help="folder for the schedules; empty: none")
    parser.add_argument("--no-pictures", action="store_true")
    parser.add_argument("--pick", action="store_true", help="tries the learning rates of those methods that have one for "
                        "each task, and prints the best; --seeds 100-104")
    chosen = parser.parse_args()
    chosen.tasks = list(TASK_NAMES) if chosen.tasks == "all" else chosen.tasks.split(",")
    for name in set(chosen.tasks) - set(TASK_NAMES):
        parser.error(f"unknown task '{name}'; there are {', '.join(TASK_NAMES)}")
    names = names_of(parser, chosen.methods, KNOWN, {"all": METHODS, "ablations": ABLATIONS, "none": ()})
    methods = [KNOWN[name] for name in names] + chosen.variant
    if chosen.pick:
        sys.exit(pick(chosen))
    able = []
    for method in methods:
        if complaint := method.complaint():
            print(f"skipped: {method.name}: {complaint}")
        else:
            able.append(method)

    failures = 0
    with Results(chosen.results, COLUMNS, KEY) as results:
        todo = missing(results, chosen, able, chosen.budget, chosen.traces)
        failures = jobs.run(todo, work, results, chosen.processes, environment=jobs.JAX_ONE_THREAD, label="training")
    rows = [row for path in [chosen.results, *chosen.also] for row in read(path)]
    if not rows:
        sys.exit("no results")
    text = write_tables(rows, [*METHODS, *ABLATIONS], chosen.subject, chosen.reference, chosen.results.parent / "tables.md")
    print("\n" + text)
    if not chosen.no_pictures:
        import pictures

        folder = chosen.results.parent / "pictures"
        pictures.all_pictures([row for row in rows if row["algorithm"] not in ABLATIONS], [*METHODS], chosen.traces, folder)
        print(f"pictures in {folder}")
    sys.exit(1 if failures else 0)


def tried(rows: list[dict], name: str, task: str, seeds: list[int]) -> dict[float, float]:
    """Learning rate -> median, of those rates that have run on all seeds."""
    groups = statistics.collect(rows, "result", "algorithm", "problem")
    found = {rate: groups.get((f"{name} {rate:g}", task), {}) for rate in PICKED[name]}
    return {
        rate: statistics.quartiles([losses[seed] for seed in seeds]).median
        for rate, losses in found.items() if set(seeds) <= set(losses)
    }


def pick(chosen) -> int:
    """Tries learning rates task by task until the best one is inside, and prints the dictionary of the best; the last
    row of each run goes into picks.csv beside the results."""
    found: dict[str, dict[str, float]] = {name: {} for name in PICKED}
    with Results(chosen.results, COLUMNS, KEY) as results:
        for task in chosen.tasks:
            wanted = dict(PICKED_FIRST)
            while any(wanted.values()):
                todo = [
                    (task, Method(f"{name} {rate:g}", {"algorithm": name, "hyper_learning_rate": rate}), seed, 1.0, "")
                    for seed in chosen.seeds for name, rates in wanted.items() for rate in rates
                    if (task, f"{name} {rate:g}", budget_of(task, 1.0), seed) not in results.keys
                ]
                if jobs.run(todo, work, results, chosen.processes, environment=jobs.JAX_ONE_THREAD, label=task):
                    return 1
                rows = final(read(chosen.results))
                for name in wanted:
                    losses = tried(rows, name, task, chosen.seeds)
                    found[name][task] = min(losses, key=losses.get)
                    further = next_rate(PICKED[name], losses)
                    wanted[name] = () if further is None else (further,)
            for name in PICKED:
                losses = tried(rows, name, task, chosen.seeds)
                print(f"{task}, {name}:", ", ".join(f"{rate:g} {loss:.4g}" for rate, loss in losses.items()), flush=True)
                if found[name][task] in (min(losses), max(losses)):
                    print(f"{task}, {name}: {found[name][task]:g} is the end of the grid")
    kept = ("problem", "algorithm", "seed", "result", "checkpoint", "validation")
    rows = sorted(final(read(chosen.results)), key=lambda row: [row[name] for name in kept[:3]])
    with open(chosen.results.parent / "picks.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(kept)
        writer.writerows([field(row[name]) for name in kept] for row in rows)
    print(found)
    return 0


if __name__ == "__main__":
    main()
