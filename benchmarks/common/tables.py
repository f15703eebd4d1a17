"""Tables as Markdown."""

import math
from collections.abc import Iterable, Mapping, Sequence

from .statistics import (
    Paired, Ranks, average_ranks, collect, holm, on_same_seeds, paired, quartiles, resampled_ranks,
)


def figure(value: float, digits: int = 2) -> str:
    """A number with so many significant digits; plain where it is short, else with an exponent."""
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if -4 <= size < 5:
        return f"{round(value, digits - 1 - size):.{max(digits - 1 - size, 0)}f}"
    return f"{value:.{digits - 1}e}"


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join("---" for _ in header) + " |"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _ordered(rows: Iterable[Mapping], column: str, given: Sequence | None) -> list:
    present = list(dict.fromkeys(row[column] for row in rows))
    return [name for name in given if name in present] if given else present


def medians(
    rows: Sequence[Mapping],
    rows_by: str = "algorithm",
    columns_by: str = "problem",
    value: str = "result",
    row_order: Sequence | None = None,
    column_order: Sequence | None = None,
    spread: bool = True,
    digits: int = 2,
) -> str:
    """Medians over seeds with their [lower upper] quartiles; the lowest median of a column is bold, and ~n
    says of how many seeds where they are fewer than the column's most."""
    names, columns = _ordered(rows, rows_by, row_order), _ordered(rows, columns_by, column_order)
    groups = collect(rows, value, rows_by, columns_by)
    found = {key: quartiles(results.values()) for key, results in groups.items()}
    lines = []
    for name in names:
        cells = [str(name)]
        for column in columns:
            if (name, column) not in found:
                cells.append("-")
                continue
            q = found[name, column]
            best = min(f.median for (_, c), f in found.items() if c == column)
            text = figure(q.median, digits)
            if q.median == best:
                text = f"**{text}**"
            if spread:
                text += f" [{figure(q.lower, digits)} {figure(q.upper, digits)}]"
            seeds = len(groups[name, column])
            if seeds < max(len(g) for (_, c), g in groups.items() if c == column):
                text += f" ~{seeds}"
            cells.append(text)
        lines.append(cells)
    return markdown([rows_by, *map(str, columns)], lines)


def p_value(p: float) -> str:
    return "<1e-4" if p < 1e-4 else f"{p:.2g}"


def paired_comparisons(
    rows: Sequence[Mapping],
    subject: str,
    value: str = "result",
    by: str = "problem",
    order: Sequence | None = None,
    others: Sequence[str] | None = None,
) -> str:
    """One algorithm against each other on each problem, seed by seed: wins-ties-losses, the p-values of sign
    test and Wilcoxon test. A star: Wilcoxon's p, adjusted by Holm over the row's problems, is below 0.05."""
    problems = _ordered(rows, by, order)
    names = [name for name in _ordered(rows, "algorithm", others) if name != subject]
    groups = collect(rows, value, "algorithm", by)
    lines = []
    for name in names:
        tests = {}
        for problem in problems:
            if (subject, problem) in groups and (name, problem) in groups:
                pair = on_same_seeds(groups[subject, problem], groups[name, problem])
                if pair[0]:
                    tests[problem] = paired(*pair)
        adjusted = dict(zip(tests, holm([test.wilcoxon for test in tests.values()]))) if tests else {}
        cells = []
        for problem in problems:
            if problem not in tests:
                cells.append("-")
                continue
            test = tests[problem]
            star = "*" if adjusted[problem] < 0.05 else ""
            cells.append(
                f"{test.wins}-{test.ties}-{test.losses} {p_value(test.sign)} {p_value(test.wilcoxon)}{star}"
            )
        lines.append([name, *cells])
    return markdown([f"{subject} against", *map(str, problems)], lines)


def rival_tests(
    rows: Sequence[Mapping], subject: str, rivals: Sequence[str], value: str = "result", by: str = "problem"
) -> dict[str, dict[str, tuple[Paired, float]]]:
    """For each problem and rival the paired comparison of the subject with it, and Wilcoxon's p after Holm's
    adjustment over the rivals on this problem."""
    groups = collect(rows, value, "algorithm", by)
    found = {}
    for problem in _ordered(rows, by, None):
        tests = {}
        for name in rivals:
            pair = on_same_seeds(groups.get((subject, problem), {}), groups.get((name, problem), {}))
            if pair[0]:
                tests[name] = paired(*pair)
        adjusted = holm([test.wilcoxon for test in tests.values()])
        found[problem] = {name: (test, float(p)) for (name, test), p in zip(tests.items(), adjusted)}
    return found


def rival_comparisons(
    rows: Sequence[Mapping],
    subject: str,
    rivals: Sequence[str],
    value: str = "result",
    by: str = "problem",
    order: Sequence | None = None,
    alpha: float = 0.05,
) -> str:
    """The tests of :func:`rival_tests`: wins-ties-losses of the subject, p, adjusted p; a star where that is below
    `alpha`, with 'worse' where the subject is. Above them, of how many rivals each problem has how many beaten."""
    problems = _ordered(rows, by, order)
    found = rival_tests(rows, subject, rivals, value, by)

    def beaten(test: Paired, adjusted: float) -> bool:
        return adjusted < alpha and test.signed_ranks < 0

    counts = [f"{sum(beaten(*pair) for pair in found[p].values())} of {len(found[p])}" for p in problems]
    lines = [["*significantly better than*", *counts]]
    for name in rivals:
        cells = []
        for problem in problems:
            if name not in found[problem]:
                cells.append("-")
                continue
            test, adjusted = found[problem][name]
            star = "" if adjusted >= alpha else "*" if test.signed_ranks < 0 else "* worse"
            cells.append(f"{test.wins}-{test.ties}-{test.losses} {p_value(test.wilcoxon)} {p_value(adjusted)}{star}")
        lines.append([name, *cells])
    return markdown([f"{subject} against", *map(str, problems)], lines)


def resampled(
    rows: Sequence[Mapping], algorithms: Sequence[str], value: str = "result", by: str = "problem",
    resamples: int = 10_000,
) -> str:
    """Average ranks with what :func:`resampled_ranks` says of them; algorithms that lack a problem are left out."""
    problems = _ordered(rows, by, None)
    groups = collect(rows, value, "algorithm", by)
    names = [n for n in _ordered(rows, "algorithm", algorithms) if all((n, problem) in groups for problem in problems)]
    found = resampled_ranks({p: {name: groups[name, p] for name in names} for p in problems}, resamples)
    lines = [
        [name, f"{average:.2f}", f"{lower:.1f} to {upper:.1f}", f"{first:.1%}"]
        for name, average, first, lower, upper in zip(*found)
    ]
    return markdown(["algorithm", "average rank", "90% of the resamples", "first in"], lines)


def rank_table(
    rows: Sequence[Mapping], value: str = "result", by: str = "problem", algorithms: Sequence[str] | None = None
) -> Ranks:
    """Average ranks of the medians over seeds. Algorithms that lack a problem are left out; so are problems
    that none of several algorithms has."""
    names, problems = _ordered(rows, "algorithm", algorithms), _ordered(rows, by, None)
    groups = collect(rows, value, "algorithm", by)
    complete = [name for name in names if all((name, problem) in groups for problem in problems)]
    return average_ranks(
        {name: [quartiles(groups[name, problem].values()).median for problem in problems] for name in complete}
    )


def ranks(found: Mapping[str, Ranks], label: str = "algorithm") -> str:
    """Average ranks side by side, one column for each Ranks by its name, with the tests below. The best is bold."""
    names = list(dict.fromkeys(name for ranking in found.values() for name in ranking.names))
    first = {name: i for i, name in enumerate(next(iter(found.values())).names)}
    names.sort(key=lambda name: first.get(name, len(first)))
    lines = []
    for name in names:
        cells = [name]
        for ranking in found.values():
            if name not in ranking.names:
                cells.append("-")
                continue
            average = ranking.averages[ranking.names.index(name)]
            text = f"{average:.2f}"
            cells.append(f"**{text}**" if average == ranking.averages[0] else text)
        lines.append(cells)
    lines.append(["*problems*", *(str(r.problems) for r in found.values())])
    lines.append(["*Friedman p*", *(p_value(r.friedman) if r.friedman == r.friedman else "-" for r in found.values())])
    lines.append(["*critical difference (Nemenyi, 0.05)*", *(f"{r.critical_difference:.2f}" for r in found.values())])
    return markdown([label, *found], lines)
