"""Tables and pictures of the landscapes, from the rows that exist."""

import sys
from pathlib import Path

import moving
import numpy as np
import populations
import problems
import references
from common import pictures, results, tables
from common.statistics import Ranks, collect, quartiles

ALGORITHMS = [*populations.METHODS, *references.REFERENCES]
BUDGETS = (200, 1000, 4000)
BANDED = ("memetic", "hpm", "hpm-paper", "CMA-ES", "basin hopping")
DRAWN = ("memetic", "hpm", "hpm-paper", "hpm-no-teacher", "hypergradient", "pbt", "bayesian", "random")
"""Of the library, over cost; all are in the tables."""
OTHERS = {
    "multi-start": {"color": "#000000", "linestyle": "--"},
    "basin hopping": {"color": "#000000", "linestyle": ":"},
    "MLSL": {"color": "#000000", "linestyle": "-."},
    "CMA-ES": {"color": "#e0559a", "linestyle": "--"},
    "TPE": {"color": "#8a5a2b", "linestyle": "--"},
    "NGOpt": {"color": "#94a11b", "linestyle": "--"},
}
STYLES = {**pictures.colors(list(populations.METHODS)), **OTHERS}
STYLES["random"] = {"color": "#999999", "linestyle": "-"}
FLOOR = 1e-8
"""Of logarithmic axes; regrets below count as 0."""

LABORATORY_PROBLEMS = (
    "branin", "hartmann6", "ackley-10", "levy-10", "rastrigin-10", "rosenbrock-10", "griewank-10", "styblinski-tang-10",
    "branin~noisy", "hartmann6~noisy", "levy-10~noisy", "rosenbrock-10~noisy",
)
UPPER_QUARTILES = {  # of `memetic` in the laboratory in which it was designed, in the order above
    200: (0, 0, 19, 9.4, 63, 2.2, 0.046, 57, 0.025, 8.8e-5, 11, 13),
    1000: (0, 0, 6.2, 0.09, 11, 0, 7.7e-5, 14, 0.014, 3.3e-5, 1.2, 9),
    4000: (0, 0, 0, 0, 2, 0, 2.4e-7, 0, 0.0056, 3.3e-5, 0.49, 7.8),
}
LABORATORY = {  # medians there of algorithms with SGD and the best of 8 learning rates
    (1000, "hypergradient"): (0, 0, 19, 0.95, 54, 140, 0.052, 42, 0.025, 0.00025, 0.78, 140),
    (1000, "clone-step"): (0, 0, 19, 0.72, 49, 260, 0.066, 28, 0.045, 0.00019, 0.64, 270),
    (1000, "hpm-no-teacher"): (0, 0, 6.7, 0.13, 31, 230, 0.044, 28, 0.044, 0.00054, 0.67, 240),
    (1000, "hpm-paper"): (0, 0, 16, 0.63, 49, 83, 0.044, 28, 0.02, 0.00032, 0.71, 93),
}


def group_of(name: str) -> str:
    return "moving" if name == moving.NAME else problems.problem(name, 0).group


def at(rows: list[dict], budget: int, names: set[str] | None = None) -> list[dict]:
    return [row for row in rows if row["budget"] == budget and (names is None or row["problem"] in names)]


def ranking(rows: list[dict], value: str = "result") -> Ranks | None:
    """Of the algorithms that have every problem; None with fewer than two of them."""
    if not rows:
        return None
    found = tables.rank_table(rows, value, algorithms=ALGORITHMS)
    return found if len(found.names) > 1 else None


def groups_of(rows: list[dict]) -> dict[str, list[str]]:
    present = {row["problem"] for row in rows}
    found: dict[str, list[str]] = {}
    for name in [*problems.names(), moving.NAME]:
        if name in present:
            found.setdefault(group_of(name), []).append(name)
    return found


def text(rows: list[dict], tuned: list[dict]) -> str:
    groups = groups_of(rows)
    part = [
        "# Landscapes: results\n",
        "Written by `python benchmarks/landscapes/run.py --report` from `results.csv`; what is measured stands in "
        "`../README.md`. Figures are the true regret of the point that the algorithm reports, medians over seeds with "
        "[lower upper] quartiles; 0: below 1e-8; `~n`: of n seeds alone, fewer than the others; `-`: not run.\n",
        "## Average ranks\n",
        "Of the medians over seeds among all algorithms that have every problem of the group. Lower is better.\n",
    ]
    for budget in BUDGETS:
        found = {name: ranking(at(rows, budget, set(names))) for name, names in groups.items() if name != "moving"}
        found = {name: ranks for name, ranks in found.items() if ranks is not None}
        if found:
            part += [f"### {budget} calls\n", tables.ranks(found)]
    part += ["## Average ranks of the lowest point observed\n",
             "Of all calls of the run, in place of the point reported: what somebody has who keeps a list of the calls. An "
             "algorithm for training reports its best student's latest point, which on a function may be worse.\n"]
    for budget in BUDGETS:
        found = {name: ranking(at(rows, budget, set(names)), "observed") for name, names in groups.items()
                 if name != "moving"}
        found = {name: ranks for name, ranks in found.items() if ranks is not None}
        if found:
            part += [f"### {budget} calls\n", tables.ranks(found)]
    checks = memetic_check(rows)
    if checks:
        part += ["## `memetic` against the laboratory in which it was designed\n",
                 "Medians; in brackets the upper quartile there, which a median may not exceed.\n", checks]
    for name, members in groups.items():
        part.append(f"## {name[0].upper() + name[1:]}\n" if name != "BBOB" else "## BBOB, 10 dimensions\n")
        if name == "moving":
            part.append("1.2 - Q at the weights of the best student, 8 students each.\n")
        for budget in BUDGETS:
            some = at(rows, budget, set(members))
            if some:
                part += [f"### {name}, {budget} calls\n",
                         tables.medians(some, row_order=ALGORITHMS, column_order=members, spread=name != "BBOB")]
    subject = "memetic" if any(row["algorithm"] == "memetic" for row in rows) else "hpm"
    part += [f"## `{subject}` against each other, seed by seed\n",
             "Wins-ties-losses, p of the sign test, p of Wilcoxon's signed-rank test; a star where Wilcoxon's p, adjusted "
             "by Holm over the row, is below 0.05.\n"]
    for name, members in groups.items():
        for budget in (1000, 4000):
            some = at(rows, budget, set(members))
            if name != "moving" and any(row["algorithm"] == subject for row in some):
                part += [f"### {name}, {budget} calls\n",
                         tables.paired_comparisons(some, subject, order=members, others=ALGORITHMS)]
    part += ["## Cost\n", "CPU seconds of a run at 1,000 calls, problems and gradients included, medians over seeds.\n",
             cost(rows)]
    if tuned:
        part += ["## SGD with the best of 8 learning rates\n",
                 "Of the lowest point observed; for each problem and budget the rate with the lowest median. Lines marked 'laboratory' are those of "
                 "the laboratory in which the algorithms were designed.\n", tuned_table(tuned)]
    return "\n".join(part)


def memetic_check(rows: list[dict]) -> str:
    lines = []
    for budget, limits in UPPER_QUARTILES.items():
        groups = collect([row for row in at(rows, budget) if row["algorithm"] == "memetic"], "result", "problem")
        cells, over = [str(budget)], 0
        for name, limit in zip(LABORATORY_PROBLEMS, limits):
            if (name,) not in groups:
                cells.append("-")
                continue
            median = quartiles(groups[name,].values()).median
            # the limits have two digits
            beyond = float(f"{median:.1e}") > limit
            over += beyond
            cells.append(f"{'**over** ' if beyond else ''}{tables.figure(median)} [{tables.figure(limit)}]")
        lines.append([*cells, over])
    if all(cell == "-" for line in lines for cell in line[1:-1]):
        return ""
    return tables.markdown(["calls", *LABORATORY_PROBLEMS, "over"], lines)


def cost(rows: list[dict]) -> str:
    shown = [name for name in ("branin", "rosenbrock-10", "rosenbrock-200", "bbob-10")
             if any(row["problem"] == name for row in rows)]
    some = [row for row in at(rows, 1000, set(shown))]
    return tables.medians(some, value="seconds", row_order=ALGORITHMS, column_order=shown, spread=False) if some else ""


def tuned_table(rows: list[dict]) -> str:
    lines = []
    for budget in BUDGETS:
        groups = collect(at(rows, budget), "observed", "algorithm", "problem")
        names = list(dict.fromkeys(str(row["algorithm"]).partition("@")[0] for row in rows))
        for name in names:
            cells = []
            for problem in LABORATORY_PROBLEMS:
                found = [
                    (quartiles(values.values()).median, algorithm.partition("@")[2])
                    for (algorithm, on), values in groups.items()
                    if on == problem and algorithm.partition("@")[0] == name
                ]
                median, rate = min(found) if found else (float("nan"), "")
                cells.append(f"{tables.figure(median)} @{rate}" if found else "-")
            lines.append([budget, name, *cells])
            if (budget, name) in LABORATORY:
                lines.append([budget, f"{name}, laboratory", *(tables.figure(v) for v in LABORATORY[budget, name])])
    return tables.markdown(["calls", "algorithm", *LABORATORY_PROBLEMS], lines)


def by_cost(rows: list[dict], problem: str, algorithms: list[str]) -> dict[str, dict[int, list[float]]]:
    """For each algorithm, for each number of calls, the results of the seeds: of those that have all numbers, or
    points of one curve would be of different seeds."""
    found: dict[str, dict[int, list[float]]] = {}
    first = {row["seed"] for row in rows if row["problem"] == problem and row["budget"] < BUDGETS[0]}
    for row in rows:
        if row["problem"] == problem and (not first or row["seed"] in first):
            found.setdefault(row["algorithm"], {}).setdefault(row["budget"], []).append(row["result"])
    return {name: found[name] for name in algorithms if name in found}


def over_calls(ax) -> None:
    ax.set(xscale="log", yscale="log")
    ax.grid(True, which="major", color="0.9", linewidth=0.6)
    ax.set_xticks([50, 200, 1000, 4000], ["50", "200", "1000", "4000"])
    ax.minorticks_off()


def legend(figure, names: list[str], columns: int) -> None:
    handles = [pictures.plt.Line2D([], [], linewidth=2, **STYLES[name]) for name in names]
    figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)


def curves(rows: list[dict], names: list[str], title: str, columns: int):
    """Result over calls, a panel a problem."""
    lines = -(-len(names) // columns)
    figure, axes = pictures.plt.subplots(
        lines, columns, figsize=(3.4 * columns, 2.9 * lines + 1.1), layout="constrained", squeeze=False
    )
    shown = [name for name in (*DRAWN, *OTHERS) if any(row["algorithm"] == name for row in rows)]
    for i, (ax, name) in enumerate(zip(axes.flat, names)):
        pictures.bands(ax, by_cost(rows, name, shown), STYLES, floor=FLOOR, banded=BANDED)
        over_calls(ax)
        ax.set_title(name.replace("~", ", "), fontsize=10)
        if i + columns >= len(names):
            ax.set_xlabel("calls")
    for ax in list(axes.flat)[len(names):]:
        ax.axis("off")
    legend(figure, shown, min(len(shown), 7 if columns > 3 else 4))
    figure.supylabel("true regret of the reported point", fontsize=10)
    figure.suptitle(title, fontsize=11)
    return figure


def moving_weights(rows: list[dict]):
    """The problem of moving weights: loss over calls, and the schedules that two algorithms found."""
    figure, axes = pictures.plt.subplots(1, 2, figsize=(9.6, 4.6), layout="constrained")
    shown = [name for name in populations.METHODS if any(row["algorithm"] == name for row in rows)]
    pictures.bands(axes[0], by_cost(rows, moving.NAME, shown), STYLES, floor=FLOOR, banded=())
    over_calls(axes[0])
    axes[0].set(xlabel="calls", ylabel="1.2 - Q at the best student's weights")
    axes[0].set_title("medians over seeds", fontsize=10)
    for name in (name for name in ("pbt", "hpm", "mf-pbt") if name in shown):
        history: list[np.ndarray] = []
        kept: list = []

        def visit(assigned, population):
            kept[:] = [population]
            if (assigned.actions == populations.hpm.Action.TRAIN).all():
                history.append(assigned.hyperparameters.copy())

        populations.run_moving(populations.METHODS[name], 0, [1000], visit)
        lineage = kept[0].lineage(kept[0].best().student)
        path = np.array([history[report][student] for report, student in enumerate(lineage)])
        for i, style in enumerate(("-", ":")):
            axes[1].plot(path[:, i], color=STYLES[name]["color"], linestyle=style, linewidth=1.6,
                         label=f"{name}, h{i}")
    axes[1].set(xlabel="report", ylabel="hyperparameter", ylim=(-0.03, 1.03))
    axes[1].set_title("schedule of the best student's lineage, seed 0", fontsize=10)
    axes[1].legend(frameon=False, fontsize=9)
    legend(figure, shown, 7)
    return figure


def trajectories(seed: int = 0, calls: int = 400):
    """Branin as in the paper's figure: where the students of each algorithm go."""
    plt = pictures.plt
    problem = problems.problem("branin", seed)
    missing = populations.missing()
    shown = [name for name in ("random", "pbt", "hypergradient", "hpm-no-teacher", "hpm-paper", "hpm", "memetic",
                               "bayesian") if name not in missing]
    columns = 4 if len(shown) > 6 else 3
    lines = -(-len(shown) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(3.3 * columns, 3.3 * lines + 0.7), layout="constrained",
                                sharex=True, sharey=True, squeeze=False)
    grid = np.stack(np.meshgrid(np.linspace(-5, 10, 200), np.linspace(0, 15, 200)))
    heights = problems.branin(grid.reshape(2, -1).T)[0].reshape(200, 200) - problem.optimum
    minima = np.array([[-np.pi, 12.275], [np.pi, 2.275], [9.42477796, 2.475]])
    for ax, name in zip(axes.flat, shown):
        method = populations.METHODS[name]
        paths: dict[int, list[np.ndarray]] = {}
        pieces: list[np.ndarray] = []
        births: list[np.ndarray] = []

        def visit(assigned):
            for student, action in enumerate(assigned.actions):
                path = paths.setdefault(student, [])
                point = assigned.hyperparameters[student].copy()
                jumped = action in (populations.hpm.Action.CLONE, populations.hpm.Action.RESTART)
                if name == "memetic" and path:  # its restarts are no actions; a step so long is none of a search
                    jumped = np.linalg.norm((point - path[-1]) / 15) > 0.3
                if jumped and path:
                    pieces.append(np.array(path))
                    path.clear()
                if action == populations.hpm.Action.TRAIN:
                    if not path and student in last:
                        births.append(point)
                    last[student] = point
                    path.append(point)

        last: dict[int, np.ndarray] = {}
        budget = min(calls, method.budget)
        rows = populations.run(problem, method, seed, [budget], visit=visit)
        starts = populations.starts(problem, seed, len(paths))
        ends = np.array(list(last.values()))
        pieces += [np.array(path) for path in paths.values() if path]
        ax.contour(*grid, heights, levels=np.geomspace(0.1, 300, 14), colors="0.85", linewidths=0.7)
        for piece in pieces:
            ax.plot(*piece.T, color="#7aa6c2", linewidth=0.8, marker=".", markersize=2.5, zorder=2)
        if births:
            ax.scatter(*np.array(births).T, s=9, color="#d1600a", zorder=3, linewidths=0)
        ax.scatter(*starts.T, s=22, facecolor="white", edgecolor="#1f4e79", zorder=4)
        ax.scatter(*ends.T, s=20, color="#1f4e79", zorder=5)
        ax.scatter(*minima.T, marker="x", s=60, color="black", linewidths=1.6, zorder=6)
        regret = rows[-1]["result"]
        ax.set_title(f"{name}, {budget} calls: regret {tables.figure(regret)}", fontsize=9)
        ax.set(xlim=(-5.3, 10.3), ylim=(-0.3, 15.3))
    for ax in list(axes.flat)[len(shown):]:
        ax.axis("off")
    handles = [
        plt.Line2D([], [], linestyle="", marker="o", markerfacecolor="white", markeredgecolor="#1f4e79"),
        plt.Line2D([], [], color="#7aa6c2", marker=".", linewidth=0.9),
        plt.Line2D([], [], linestyle="", marker="o", markersize=4, color="#d1600a"),
        plt.Line2D([], [], linestyle="", marker="o", color="#1f4e79"),
        plt.Line2D([], [], linestyle="", marker="x", markersize=8, color="black"),
    ]
    labels = ["starts", "steps", "jumps (clones, restarts)", "at the end", "the three minima"]
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    return figure


def write(folder: Path) -> None:
    """tables.md and the pictures, below `folder`."""
    path = folder / "results.csv"
    rows = results.read(path) if path.exists() else []
    tuned = results.read(folder / "tuned.csv") if (folder / "tuned.csv").exists() else []
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tables.md").write_text(text(rows, tuned))
    if rows:
        groups = groups_of(rows)
        seeds = len({row["seed"] for row in rows if row["budget"] < BUDGETS[0]})
        for name, members in groups.items():
            if name == "moving":
                pictures.save(moving_weights(rows), folder / "moving-weights.png")
            if name in ("clean", "noisy"):
                title = {"clean": "Clean problems", "noisy": "Noisy problems"}[name]
                figure = curves([row for row in rows if row["problem"] in members], members,
                                f"{title}: medians over up to {seeds} seeds, bands between quartiles",
                                min(4, max(len(members), 2)))
                pictures.save(figure, folder / f"curves-{name}.png")
            if name in ("clean", "noisy", "BBOB"):
                for budget in BUDGETS:
                    ranks = ranking(at(rows, budget, set(members)))
                    if ranks is not None:
                        pictures.save(
                            pictures.critical_difference(ranks, f"{name}, {budget} calls, {ranks.problems} problems"),
                            folder / f"ranks-{name.lower()}-{budget}.png",
                        )
    pictures.save(trajectories(), folder / "branin-trajectories.png")
    print(f"wrote {folder}/tables.md and pictures", file=sys.stderr)
