import itertools
import math

import numpy as np
import pytest
from common import statistics, tables
from scipy import stats

# Demsar 2006, table 5(a): q of Nemenyi's test at 0.05 and 0.10 for 2 ... 10 algorithms.
Q_05 = (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)
Q_10 = (1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920)


def test_nemenyi_quantiles_are_the_published_ones():
    for count, five, ten in zip(range(2, 11), Q_05, Q_10):
        assert statistics.nemenyi_quantile(count) == pytest.approx(five, abs=1.01e-3)
        assert statistics.nemenyi_quantile(count, 0.10) == pytest.approx(ten, abs=1.01e-3)


# Demsar 2006, table 6: four algorithms on 14 data sets, areas under the curve, of which higher are better.
# The paper gives the average ranks 3.143, 2.000, 2.893, 1.964, chi-squared 9.28, F 3.69 and CD 1.25.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_ranks_of_the_published_example():
    found = statistics.average_ranks(dict(zip("abcd", (-DEMSAR).T)))
    ranks = dict(zip(found.names, found.averages))
    assert [ranks[name] for name in "abcd"] == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    assert found.critical_difference == pytest.approx(1.25, abs=5e-3)
    average = np.array([ranks[name] for name in "abcd"])
    chi_squared = 12 * 14 / 20 * (np.sum(average**2) - 4 * 25 / 4)
    assert chi_squared == pytest.approx(9.28, abs=0.01)
    # The paper's formula knows no ties. Three pairs and one four are tied; the usual correction for them is
    # 1 - sum(t^3 - t) / (N k (k^2 - 1)).
    corrected = chi_squared / (1 - (3 * 6 + 60) / (14 * 60))
    assert found.friedman == pytest.approx(stats.chi2.sf(corrected, 3), rel=1e-6)
    f = 13 * corrected / (14 * 3 - corrected)
    assert found.iman_davenport == pytest.approx(stats.f.sf(f, 3, 39), rel=1e-6)


def test_cliques_are_the_maximal_ones():
    rng = np.random.default_rng(3)
    for _ in range(50):
        averages = np.sort(rng.uniform(1, 8, 8))
        difference = rng.uniform(0.2, 4)
        groups = [
            (i, j) for i, j in itertools.combinations(range(8), 2) if averages[j] - averages[i] <= difference
        ]
        maximal = [g for g in groups if not any(h != g and h[0] <= g[0] and g[1] <= h[1] for h in groups)]
        assert statistics.cliques(averages, difference) == maximal


def test_quartiles_are_numpys_where_all_is_finite():
    rng = np.random.default_rng(1)
    for size in (1, 2, 3, 10, 31):
        values = rng.standard_normal(size)
        assert statistics.quartiles(values) == pytest.approx(np.quantile(values, [0.25, 0.5, 0.75]))


def test_quartiles_with_infinities():
    nan, inf = math.nan, math.inf
    assert statistics.quartiles([1, 2, inf, inf]) == (1.75, inf, inf)
    assert statistics.quartiles([1, 2, 3, nan, inf]) == (2, 3, inf)
    assert statistics.quartiles([inf] * 4) == (inf, inf, inf)


def test_paired_against_scipy():
    rng = np.random.default_rng(7)
    a = rng.standard_normal(30)
    b = a + 0.3 + 0.5 * rng.standard_normal(30)
    found = statistics.paired(a, b)
    assert found.wins + found.losses == 30 == found.pairs and found.ties == 0
    assert found.sign == pytest.approx(stats.binomtest(found.wins, 30).pvalue)
    assert found.wilcoxon == pytest.approx(stats.wilcoxon(a, b).pvalue)
    other = statistics.paired(b, a)
    assert (other.wins, other.losses, other.difference) == (found.losses, found.wins, -found.difference)
    assert other.wilcoxon == pytest.approx(found.wilcoxon)


def test_paired_by_hand():
    # Ten wins of ten: the sign test's p is 2 / 2^10, and so is the exact signed-rank test's.
    found = statistics.paired(np.arange(10), np.arange(10) + 1 + np.arange(10) / 100)
    assert found.sign == pytest.approx(2 / 1024)
    assert found.wilcoxon == pytest.approx(2 / 1024)


def test_paired_ties_and_what_is_not_finite():
    nan, inf = math.nan, math.inf
    assert statistics.paired([0, 0], [0, 0]) == (2, 0, 2, 0, 1, 1, 0, 0)
    found = statistics.paired([1, 2, nan, inf, 5], [inf, nan, inf, nan, 4])
    assert (found.wins, found.ties, found.losses) == (2, 2, 1)
    assert 0 < found.wilcoxon <= 1
    assert statistics.paired([1, 1, 1], [inf, inf, inf]).wilcoxon == pytest.approx(0.25)
    with pytest.raises(ValueError, match="2 against 1"):
        statistics.paired([1, 2], [1])


def test_holm():
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.9, 0.8]) == pytest.approx([1, 1])


def test_signed_ranks_are_exact():
    rng = np.random.default_rng(11)
    for size in (1, 5, 10, 15, 30, 50):
        differences = rng.standard_normal(size) + 0.4
        exact = stats.wilcoxon(differences, method="exact").pvalue
        assert statistics.signed_rank_test(differences)[0] == pytest.approx(exact, rel=1e-9)
    # With ties: of all signs of the ranks 1.5, 1.5, 3.5, 3.5, 5 those whose sum is as far from 0.
    found, total = statistics.signed_rank_test([1, -1, 2, 2, 3])
    sums = [np.dot(signs, (1.5, 1.5, 3.5, 3.5, 5)) for signs in itertools.product((-1, 1), repeat=5)]
    assert total == 12 and found == pytest.approx(np.mean([abs(s) >= 12 for s in sums]))
    many = rng.standard_normal(60)
    assert statistics.signed_rank_test(many)[0] == pytest.approx(stats.wilcoxon(many).pvalue)


def test_resampled_ranks():
    rng = np.random.default_rng(5)
    seeds = range(15)
    clear = {name: {s: i + 0.1 * rng.random() for s in seeds} for i, name in enumerate("abc")}
    found = statistics.resampled_ranks({"p": clear, "q": clear}, 200)
    assert found.names == ("a", "b", "c") and list(found.first) == [1, 0, 0]
    assert list(found.averages) == [1, 2, 3] == list(found.lower) == list(found.upper)
    # Seeds are drawn for all at once: one that is better in each seed by any amount stays first.
    noise = {s: rng.standard_normal() for s in seeds}
    paired = {"a": noise, "b": {s: x + 1e-6 for s, x in noise.items()}}
    assert list(statistics.resampled_ranks({"p": paired}, 200).first) == [1, 0]
    # Equals share the first place, infinite ones are the last; the median of seeds that not all have is not used.
    equal = {"a": {0: 1, 1: 1, 2: 9}, "b": {0: 1, 1: 1}, "c": {0: math.nan, 1: math.inf}}
    found = statistics.resampled_ranks({"p": equal}, 50)
    assert list(found.first) == [0.5, 0.5, 0] and list(found.averages) == [1.5, 1.5, 3]
    # Two of three seeds have a first: among 3^3 draws its median wins in those with two of them or more, 20 of 27.
    uneven = {"a": {0: 0, 1: 0, 2: 5}, "b": {0: 1, 1: 1, 2: 1}}
    assert statistics.resampled_ranks({"p": uneven}, 20_000).first[0] == pytest.approx(20 / 27, abs=0.01)


def test_all_tied_and_too_few():
    found = statistics.average_ranks({"a": [1, 1], "b": [1, 1], "c": [1, 1]})
    assert list(found.averages) == [2, 2, 2] and found.friedman == 1
    assert math.isnan(statistics.average_ranks({"a": [1, 2], "b": [2, 1]}).friedman)
    assert list(statistics.average_ranks({"a": [math.nan], "b": [1]}).names) == ["b", "a"]


def test_figures():
    cases = {0: "0", 1.44: "1.4", 0.996: "1.0", 9.96: "10", 74321: "74000", 2.6e6: "2.6e+06", 0.00043: "0.00043",
             4.3e-5: "4.3e-05", 1.3e-7: "1.3e-07", -31.2: "-31", math.inf: "inf", math.nan: "-", 0.9999: "1.0"}
    assert {value: tables.figure(value) for value in cases} == cases


def rows(**results):
    return [
        {"problem": problem, "algorithm": name, "seed": seed, "result": value}
        for name, problems in results.items()
        for problem, values in problems.items()
        for seed, value in enumerate(values)
    ]


def test_tables():
    some = rows(a={"p": [1, 2, 3], "q": [5, 5, 5]}, b={"p": [2, 3, 4], "q": [1, 1]}, c={"p": [9, 9, 9]})
    text = tables.medians(some)
    assert "| a | **2.0** [1.5 2.5] | 5.0 [5.0 5.0] |" in text
    assert "| b | 3.0 [2.5 3.5] | **1.0** [1.0 1.0] ~2 |" in text
    assert "| c | 9.0 [9.0 9.0] | - |" in text
    ranks = tables.rank_table(some)
    assert ranks.names == ("a", "b") and list(ranks.averages) == [1.5, 1.5]  # c lacks q
    paired = tables.paired_comparisons(some, "a")
    assert "| b | 3-0-0 0.25 0.25 | 0-0-2 0.5 0.5 |" in paired
    assert "1.50" in tables.ranks({"all": ranks})


def test_rivals():
    ahead = {seed: 1.0 + 0.01 * seed for seed in range(6)}
    some = rows(
        s={"p": list(ahead.values()), "q": [1, 1, 1, 1, 1, 1]},
        a={"p": [x + 1 + x / 10 for x in ahead.values()], "q": [2.0, 2.1, 2.2, 0.7, 2.4, 2.5]},
        b={"p": [x - 1 - x / 10 for x in ahead.values()], "q": [1, 1, 1, 1, 1, 1]},
        c={"p": [x + 2 + x / 10 for x in ahead.values()]},
    )
    found = tables.rival_tests(some, "s", ["a", "b", "c"])
    # Six of six: p = 2 / 2^6 each, times 3; the second and third are no lower than the first.
    assert [p for _, p in found["p"].values()] == pytest.approx([3 / 32] * 3)
    assert [test.signed_ranks for test, _ in found["p"].values()] == [-21, 21, -21]
    # Against a the one loss has the smallest difference: sums of 19 and more of 21, 2 * 2 of 64 signs; then b has 1.
    assert [p for _, p in found["q"].values()] == pytest.approx([2 * 4 / 64, 1])
    text = tables.rival_comparisons(some, "s", ["a", "b", "c"], alpha=0.1)
    assert "| *significantly better than* | 2 of 3 | 0 of 2 |" in text
    assert "| a | 6-0-0 0.031 0.094* | 5-0-1 0.062 0.12 |" in text
    assert "| b | 0-0-6 0.031 0.094* worse | 0-6-0 1 1 |" in text
    assert "| c | 6-0-0 0.031 0.094* | - |" in text
    assert "| a | 2.00 | 2.0 to 2.0 | 0.0% |" not in tables.resampled(some, ["s", "a", "b"])  # b beats it on p, ties on q
    assert "| b | 1.25 |" in tables.resampled(some, ["s", "a", "b"], resamples=10)
