"""Branin with its gradient, 20 students, 1,000 calls: regret of the reported point over 15 seeds, as
CSV, for each algorithm; with --picture FILE the trajectory of one run of `hpm`.

    .venv/bin/python benchmarks/landscapes/branin.py --picture docs/images/branin-trajectory.png
"""

import argparse
import sys

import libhpm as hpm
import numpy as np

OPTIMUM = 0.39788735772973816
MINIMA = np.array([[-np.pi, 12.275], [np.pi, 2.275], [9.42477796, 2.475]])


def branin(point):
    """Value and gradient (Dixon and Szego 1978)."""
    x, y = point
    b, c, t = 5.1 / (4 * np.pi**2), 5 / np.pi, 1 / (8 * np.pi)
    u = y - b * x**2 + c * x - 6
    value = u**2 + 10 * (1 - t) * np.cos(x) + 10
    return value, np.array([2 * u * (c - 2 * b * x) - 10 * (1 - t) * np.sin(x), 2 * u])


def run(algorithm, seed, students=20, calls=1000, **options):
    """The population at its end, and every (report, student, x, y, source) on the way."""
    space = hpm.SearchSpace()
    space.add_real("x", -5.0, 10.0)
    space.add_real("y", 0.0, 15.0)
    population = hpm.Population(
        space, algorithm=algorithm, population=students, seed=seed, steps=calls // students,
        **options,
    )
    visits = []
    reports = np.zeros(students, dtype=int)
    while True:
        assigned = population.next_all()
        if (assigned.actions == hpm.Action.STOP).all():
            return population, visits
        values, gradients = zip(*map(branin, assigned.hyperparameters))
        for student in np.flatnonzero(assigned.actions == hpm.Action.TRAIN):
            reports[student] += 1
            visits.append((reports[student], student, *assigned.hyperparameters[student]))
        population.report_all(np.array(values), np.array(gradients))


def draw(path):
    """One run: where each student went, by lineage of the winner and the rest."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    population, visits = run("hpm", seed=0)
    student, loss = population.best()
    lineage = population.lineage(student)
    visits = np.array(visits)
    figure, axes = plt.subplots(figsize=(7.2, 5.6), layout="constrained")
    grid = np.stack(np.meshgrid(np.linspace(-5, 10, 300), np.linspace(0, 15, 300)))
    levels = OPTIMUM + np.geomspace(0.1, 300, 16)
    axes.contour(*grid, branin(grid)[0], levels=levels, colors="0.82", linewidths=0.8)
    start = visits[visits[:, 0] == 1]
    end = visits[visits[:, 0] == visits[:, 0].max()]
    axes.scatter(visits[:, 2], visits[:, 3], s=5, color="#7aa6c2", label="every report", linewidths=0)
    axes.scatter(start[:, 2], start[:, 3], s=26, facecolor="white", edgecolor="#1f4e79", label="starts")
    axes.scatter(end[:, 2], end[:, 3], s=26, color="#1f4e79", label="students after 50 reports", zorder=3)
    path_of_best = np.array(
        [visits[(visits[:, 0] == r + 1) & (visits[:, 1] == k)][0, 2:] for r, k in enumerate(lineage)]
    )
    axes.plot(*path_of_best.T, color="#d1600a", linewidth=1.6, label="lineage of the best student", zorder=4)
    axes.scatter(*MINIMA.T, marker="x", s=80, color="black", linewidths=1.8, label="the three minima", zorder=5)
    axes.set(
        xlabel="x", ylabel="y", xlim=(-5, 10), ylim=(0, 15),
        title=f"hpm on Branin: 20 students, 1,000 calls, seed 0; best {loss:.4f}, optimum {OPTIMUM:.4f}",
    )
    axes.title.set_fontsize(10)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, dpi=150)
    print(f"wrote {path}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=15)
    parser.add_argument("--picture", metavar="FILE", help="also draw the trajectory of one run")
    arguments = parser.parse_args()
    options = {"hpm-paper": {"hyper_learning_rate": 0.02}, "random": {"trial": 1}}
    print("problem,algorithm,students,calls,seeds,lower_quartile,median,upper_quartile,worst")
    for algorithm in (
        "hpm", "hpm-paper", "hpm-no-teacher", "clone-step", "mutation-only", "hypergradient", "pbt",
        "mf-pbt", "reinforced", "random",
    ):
        regrets = [
            run(algorithm, seed, **options.get(algorithm, {}))[0].best_hyperparameters()[1] - OPTIMUM
            for seed in range(arguments.seeds)
        ]
        quartiles = np.quantile(regrets, [0.25, 0.5, 0.75])
        print(f"branin,{algorithm},20,1000,{arguments.seeds}," + ",".join(f"{q:.3g}" for q in quartiles)
              + f",{max(regrets):.3g}")
    if arguments.picture:
        draw(arguments.picture)


if __name__ == "__main__":
    main()
