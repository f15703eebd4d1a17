"""Comparisons of algorithms over seeds and problems. Lower results are better; NaN is worse than every number."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats


def worst(values: Iterable[float]) -> np.ndarray:
    """The values with infinity in place of NaN."""
    array = np.asarray(list(values), dtype=float)
    return np.where(np.isnan(array), np.inf, array)


def quantile(values: Iterable[float], share: float) -> float:
    """Linear interpolation between order statistics, as numpy's default, but right for infinite ones."""
    ordered = np.sort(worst(values))
    if ordered.size == 0:
        return float("nan")
    place = share * (ordered.size - 1)
    low = int(np.floor(place))
    weight = place - low
    if weight == 0 or ordered[low] == ordered[low + 1]:
        return float(ordered[low])
    return float(ordered[low] + weight * (ordered[low + 1] - ordered[low]))


class Quartiles(NamedTuple):
    lower: float
    median: float
    upper: float


def quartiles(values: Iterable[float]) -> Quartiles:
    values = list(values)
    return Quartiles(*(quantile(values, share) for share in (0.25, 0.5, 0.75)))


class Paired(NamedTuple):
    """`a` against `b` on the same seeds."""

    pairs: int
    wins: int
    """Of `a`: its result is lower."""
    ties: int
    losses: int
    sign: float
    """Two-sided p-value of the sign test (binomial, ties left out)."""
    wilcoxon: float
    """Two-sided p-value of Wilcoxon's signed-rank test (ties left out)."""
    difference: float
    """The median of a - b; infinite minus infinite counts as 0."""
    signed_ranks: float
    """The sum that Wilcoxon's test is about; negative where `a` is lower."""


def paired(a: Sequence[float], b: Sequence[float]) -> Paired:
    """The paired comparison of two algorithms whose results stand in the same order of seeds.

    Sign test and Wilcoxon's signed-rank test, both two-sided (Demsar, 'Statistical Comparisons of
    Classifiers over Multiple Data Sets', 2006, section 3.1). p is 1 where all pairs are ties.
    """
    first, second = worst(a), worst(b)
    if first.shape != second.shape:
        raise ValueError(f"{first.size} against {second.size} results; paired ones are as many")
    with np.errstate(invalid="ignore"):
        differences = np.where(first == second, 0.0, first - second)  # also of two infinite ones
    wins, losses = int((differences < 0).sum()), int((differences > 0).sum())
    moved = differences[differences != 0]
    sign, wilcoxon, signed = 1.0, 1.0, 0.0
    if moved.size:
        sign = float(stats.binomtest(wins, wins + losses).pvalue)
        finite = np.abs(moved[np.isfinite(moved)])  # infinite ones rank above the finite and tie with one another
        largest = 2 * finite.max(initial=0.5) if finite.size else 1.0
        wilcoxon, signed = signed_rank_test(np.clip(moved, -largest, largest))
    ties = first.size - wins - losses
    return Paired(first.size, wins, ties, losses, sign, wilcoxon, quantile(differences, 0.5), signed)


def signed_rank_test(differences: Sequence[float]) -> tuple[float, float]:
    """Two-sided p-value of Wilcoxon's signed-rank test of differences that are not 0, and the sum of their signed
    ranks. Up to 50 differences p is exact, also where some are of one size: all signs are equally likely."""
    differences = np.asarray(differences, dtype=float)
    doubled = np.rint(2 * stats.rankdata(np.abs(differences))).astype(int)  # of ties halves
    total = int(np.sum(np.sign(differences) * doubled))
    if differences.size > 50:
        return float(stats.wilcoxon(differences).pvalue), total / 2
    ways = np.ones(1)  # of each sum of the ranks of the positive ones
    for rank in doubled:
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
    sums = 2 * np.arange(ways.size) - doubled.sum()
    return float(ways[np.abs(sums) >= abs(total)].sum() / ways.sum()), total / 2


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's step-down adjustment of p-values for several comparisons, in the given order."""
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values)
    adjusted = np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1))
    result = np.empty_like(values)
    result[order] = np.minimum(adjusted, 1)
    return result


def nemenyi_quantile(algorithms: int, alpha: float = 0.05) -> float:
    """q of Nemenyi's test: the studentized range at infinitely many degrees of freedom, over sqrt(2)."""
    return float(stats.studentized_range.ppf(1 - alpha, algorithms, np.inf) / np.sqrt(2))


class Ranks(NamedTuple):
    names: tuple[str, ...]
    """From the best average rank to the worst."""
    averages: np.ndarray
    problems: int
    friedman: float
    """p-value of Friedman's chi-squared test; NaN below three algorithms or two problems."""
    iman_davenport: float
    """p-value of its F form, which is less conservative."""
    critical_difference: float
    """Of two average ranks, Nemenyi's test."""


def average_ranks(table: Mapping[str, Sequence[float]], alpha: float = 0.05) -> Ranks:
    """Average ranks over problems, ties sharing theirs (Demsar 2006, section 3.2).

    Args:
        table: For each algorithm its result (a median over seeds) on each problem, in one order.
    """
    names = list(table)
    values = np.stack([worst(table[name]) for name in names], axis=1)  # problems x algorithms
    problems, algorithms = values.shape
    ranks = stats.rankdata(values, axis=1)
    averages = ranks.mean(axis=0)
    friedman = davenport = float("nan")
    if algorithms > 2 and problems > 1:
        with np.errstate(all="ignore"):
            statistic, friedman = stats.friedmanchisquare(*ranks.T)
        if np.isnan(statistic):  # all tied everywhere
            friedman = davenport = 1.0
        else:
            rest = problems * (algorithms - 1) - statistic
            f = (problems - 1) * statistic / rest if rest > 0 else np.inf
            davenport = stats.f.sf(f, algorithms - 1, (algorithms - 1) * (problems - 1))
    difference = float("nan")
    if algorithms > 1:
        difference = nemenyi_quantile(algorithms, alpha) * np.sqrt(algorithms * (algorithms + 1) / (6 * problems))
    order = np.argsort(averages, kind="stable")
    return Ranks(
        tuple(names[i] for i in order), averages[order], problems, float(friedman), float(davenport), float(difference)
    )


class Resampled(NamedTuple):
    """How sure average ranks are: in resamples of the seeds."""

    names: tuple[str, ...]
    """From the best average rank to the worst."""
    averages: np.ndarray
    first: np.ndarray
    """Share of the resamples in which it has the best average rank; those that share it share this."""
    lower: np.ndarray
    """Of the interval that holds 90% of its average ranks."""
    upper: np.ndarray


def resampled_ranks(
    results: Mapping[str, Mapping[str, Mapping[object, float]]], resamples: int = 10_000, seed: int = 0
) -> Resampled:
    """A bootstrap of the average rank of the medians. The seeds of a problem are drawn with replacement, the same
    ones for all algorithms, since their results are paired; those of different problems apart.

    Args:
        results: For each problem and algorithm the result of each seed. All problems have the same algorithms;
            seeds that an algorithm lacks are left out for all.
    """
    names = list(next(iter(results.values())))
    random = np.random.default_rng(seed)
    sums = np.zeros((resamples + 1, len(names)))  # the last row: as they are
    for by_name in results.values():
        seeds = sorted(set.intersection(*(set(by_name[name]) for name in names)))
        values = np.stack([worst(by_name[name][seed] for seed in seeds) for name in names])
        drawn = random.integers(len(seeds), size=(resamples, len(seeds)))
        drawn = np.vstack([drawn, np.arange(len(seeds))])
        # Half an infinite and half a finite one is infinite; two infinite ones are no NaN.
        medians = np.stack([_medians(row[drawn]) for row in values], axis=1)
        sums += stats.rankdata(medians, axis=1)
    averages = sums / len(results)
    drawn, actual = averages[:-1], averages[-1]
    best = np.isclose(drawn, drawn.min(axis=1, keepdims=True), rtol=0, atol=1e-9)
    first = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    lower, upper = np.quantile(drawn, [0.05, 0.95], axis=0)
    order = np.argsort(actual, kind="stable")
    return Resampled(tuple(names[i] for i in order), actual[order], first[order], lower[order], upper[order])


def _medians(values: np.ndarray) -> np.ndarray:
    """Of each row."""
    ordered = np.sort(values, axis=1)
    size = values.shape[1]
    return (ordered[:, (size - 1) // 2] + ordered[:, size // 2]) / 2


def cliques(averages: Sequence[float], critical_difference: float) -> list[tuple[int, int]]:
    """The longest runs (first, last) of sorted average ranks that lie no further apart than the difference."""
    found: list[tuple[int, int]] = []
    for first in range(len(averages)):
        last = max(i for i in range(first, len(averages)) if averages[i] - averages[first] <= critical_difference)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def collect(
    rows: Iterable[Mapping], value: str, *by: str
) -> dict[tuple, dict[object, float]]:
    """For each combination of the columns `by`, the `value` of each seed."""
    groups: dict[tuple, dict[object, float]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), {})[row["seed"]] = row[value]
    return groups


def on_same_seeds(a: Mapping[object, float], b: Mapping[object, float]) -> tuple[list[float], list[float]]:
    """Two algorithms' results on the seeds that both have, in one order."""
    seeds = sorted(set(a) & set(b))
    return [a[seed] for seed in seeds], [b[seed] for seed in seeds]
