"""The three pictures of the demo."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter

from network import STEPS, Digits
from tuning import Run

# Okabe and Ito's colours: told apart with any kind of colour vision.
COLOURS = {
    "hpm": "#0072B2",
    "hypergradient": "#D55E00",
    "pbt": "#009E73",
    "random": "#555555",
    "hpm-paper": "#56B4E9",
    "hpm-no-teacher": "#E69F00",
    "clone-step": "#CC79A7",
    "mutation-only": "#B8A800",
}
RIGHT, WRONG = "#0072B2", "#D55E00"

plt.rcParams.update({
    "figure.dpi": 120,
    "savefig.dpi": 150,
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
})

SETTINGS = [  # in the order of `Run.settings`; all logarithmic
    "input noise (std. dev.)",
    "hidden noise (std. dev.)",
    "L2, hidden layer",
    "L2, output layer",
    "learning rate",
    "1 - momentum",
    "rate of output layer (factor)",
    "gradient clipping (norm)",
]
OPTIMIZER = 8


def loss_over_cost(runs: list[Run], methods: list[str], path: Path) -> None:
    """Test loss of the student that is best on the validation set by then: median and quartiles."""
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    ends = []
    for method in methods:
        own = [run for run in runs if run.method == method]
        length = min(len(run.cost) for run in own)
        curves = []
        for run in own:
            losses = np.where(np.isfinite(run.validation_loss), run.validation_loss, np.inf)[:length]
            curves.append(run.test_loss[np.arange(length), losses.argmin(1)])
        low, middle, high = np.percentile(curves, [25, 50, 75], axis=0)
        cost = own[0].cost[:length]
        axes.plot(cost, middle, color=COLOURS[method], linewidth=2, label=method)
        axes.fill_between(cost, low, high, color=COLOURS[method], alpha=0.18, linewidth=0)
        ends.append((method, cost[-1], middle[-1]))
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_minor_formatter(FuncFormatter(lambda y, _: f"{y:g}" if f"{y:g}"[-1] in "235" else ""))
    axes.set_xlabel("cost (gradient evaluations of all students)")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.set_ylabel("test loss (cross-entropy, nats)")
    seeds = len({run.seed for run in runs})
    axes.set_title(f"Digits, half of the training labels random\nmedian and quartiles of {seeds} seeds", loc="left", fontsize=11)
    label_ends(axes, ends)
    figure.savefig(path)
    plt.close(figure)


def label_ends(axes: plt.Axes, ends: list[tuple[str, float, float]]) -> None:
    """Name each curve at its end, pushed apart where they are close."""
    gap, last = 0.055, -np.inf
    to_axes = axes.transData + axes.transAxes.inverted()
    for method, x, y in sorted(ends, key=lambda end: end[2]):
        _, height = to_axes.transform((x, y))
        height = max(height, last + gap)
        last = height
        axes.text(1.01, height, f"{method} {y:.2f}", transform=axes.transAxes, color=COLOURS[method], va="center")


def weights(run: Run, digits: Digits, path: Path) -> None:
    """How far the winner trusts right and wrong examples, and whom it distrusts most."""
    figure = plt.figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.25])
    axes = left.subplots()
    bins = np.linspace(0, 1, 21)
    wrong = digits.wrong
    for mask, colour, name in ((~wrong, RIGHT, "right"), (wrong, WRONG, "wrong")):
        axes.hist(run.weights[mask], bins, color=colour, alpha=0.6, label=f"{name} label ({mask.sum()} examples)")
    axes.set_xlabel("learned weight of a training example")
    axes.set_ylabel("examples")
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper center")
    found = run.wrong_labels_found(wrong)
    axes.set_title(f"{run.method}, seed {run.seed}: area under the ROC curve {found:.3f}", loc="left", fontsize=11)

    distrusted = np.argsort(run.weights, kind="stable")[:20]
    right.suptitle(f"The 20 most distrusted digits: {wrong[distrusted].sum()} of 20 labels are wrong", fontsize=11)
    for axes, example in zip(right.subplots(4, 5).flat, distrusted):
        axes.imshow(digits.images[example].reshape(8, 8), cmap="gray_r")
        is_wrong = wrong[example]
        axes.set_title(
            f"“{digits.labels[example]}” {'wrong' if is_wrong else 'right'}", color=WRONG if is_wrong else RIGHT, fontsize=10, pad=3
        )
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
        for spine in axes.spines.values():
            spine.set(visible=True, color=WRONG if is_wrong else RIGHT, linewidth=1.5)
    figure.savefig(path)
    plt.close(figure)


def schedule(run: Run, path: Path) -> None:
    """The hyperparameters that trained the winner, report by report, along its ancestors."""
    reports = np.arange(1, len(run.parents) + 1)
    line = np.array(run.lineage)
    cloned = np.flatnonzero(run.parents[reports - 1, line] != line)
    root = np.tile(np.arange(run.parents.shape[1]), (len(reports), 1))  # who each student descends from
    for report in range(1, len(reports)):
        root[report] = root[report - 1, run.parents[report]]
    family = root == line[0]

    figure, grid = plt.subplots(5, 2, figsize=(11, 13), sharex=True, layout="constrained")

    def others(axes: plt.Axes, values: np.ndarray) -> None:
        for student in range(values.shape[1]):
            for report in range(1, len(reports)):
                parent = run.parents[report, student]
                axes.plot(
                    reports[report - 1 : report + 1],
                    [values[report - 1, parent], values[report, student]],
                    color="#999999" if family[report, student] else "#dddddd",
                    linewidth=0.7,
                    zorder=1.5 if family[report, student] else 1,
                )

    def winner(axes: plt.Axes, values: np.ndarray, colour: str = RIGHT, **style) -> None:
        own = values[reports - 1, line]
        axes.plot(reports, own, color=colour, linewidth=2, zorder=3, **style)
        axes.plot(reports[cloned], own[cloned], "o", color="white", markeredgecolor=colour, markersize=5, zorder=4)

    for i, (axes, title) in enumerate(zip(grid.flat, SETTINGS)):
        others(axes, run.settings[:, :, i])
        winner(axes, run.settings[:, :, i])
        axes.set_yscale("log")
        axes.set_title(title, loc="left", fontsize=11)

    axes = grid[4, 0]
    winner(axes, run.settings[:, :, OPTIMIZER], drawstyle="steps-pre")
    others(axes, run.settings[:, :, OPTIMIZER])
    axes.set(ylim=(-0.2, 1.2), yticks=[0, 1], yticklabels=["sgd", "adam"])
    axes.set_title("optimizer", loc="left", fontsize=11)

    axes = grid[4, 1]
    winner(axes, run.trust[:, :, 0], RIGHT)
    winner(axes, run.trust[:, :, 1], WRONG)
    for i, (name, colour) in enumerate((("right labels", RIGHT), ("wrong labels", WRONG))):
        axes.annotate(
            name, (reports[-1], run.trust[-1, run.best, i]), xytext=(0, 7), textcoords="offset points", color=colour, ha="right"
        )
    axes.set_title("mean weight of the training examples", loc="left", fontsize=11)
    axes.set_ylim(0, 1)

    for axes in grid[-1]:
        axes.set_xlabel(f"report (each {STEPS} optimizer steps)")
    figure.suptitle(
        f"The schedule that trained the winner ({run.method}, seed {run.seed}).  Blue: the winner and its ancestors; circles: it became a "
        "clone and was mutated;\ndark grey: other branches of the same ancestors; light grey: students that are no kin",
        fontsize=11, ha="left", x=0.01,
    )
    figure.savefig(path)
    plt.close(figure)
