"""The tables of results/overhead.csv as Markdown, for the README.

    python benchmarks/overhead/report.py [--version TEXT] [--results FILE]

Of the version that was measured last, unless one is named.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common.results import number, read  # noqa: E402
from common.tables import figure, markdown  # noqa: E402

RESULTS = Path(__file__).with_name("results") / "overhead.csv"
WAYS = ("report + next", "report_all + next_all")
# Where the work on coordinates outweighs the calls.
SMALLEST_HYPERPARAMETERS, SMALLEST_STUDENTS = 1_000, 20


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Of the power law that fits best in the logarithms; NaN for fewer than three sizes."""
    if len(sizes) < 3:
        return float("nan")
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def exponents(rows: Sequence[Mapping], by: str, fixed: str, smallest: int) -> list[list[str]]:
    """A row for each value of `fixed`: how the time of a round grows with `by`, from `smallest` on."""
    groups: dict[tuple, dict] = defaultdict(dict)
    for row in rows:
        if row[by] >= smallest:
            round_time = row["coordinate_nanoseconds"] * row["hyperparameters"] * row["students"]
            groups[row[fixed], row["calls"]][row[by]] = round_time
    lines = []
    for value in sorted({key[0] for key in groups}):
        fits = [groups[value, way] for way in WAYS]
        if min(map(len, fits)) >= 3:
            span = f"{min(fits[0]):,} to {max(fits[0]):,}"
            cells = [figure(exponent(list(fit), list(fit.values())), 3) for fit in fits]
            lines.append([f"{value:,}", span, *cells])
    return lines


def sizes_table(rows: Sequence[Mapping], way: str, value: str, scale: float = 1) -> str:
    """Hyperparameters down, students across."""
    cells = {(r["hyperparameters"], r["students"]): r[value] * scale for r in rows if r["calls"] == way}
    students = sorted({k for _, k in cells})
    lines = [
        [f"{n:,}", *(figure(cells[n, k]) if (n, k) in cells else "" for k in students)]
        for n in sorted({n for n, _ in cells})
    ]
    return markdown(["", *(f"{k:,}" for k in students)], lines)


def peers_table(rows: Sequence[Mapping], steps: Sequence[Mapping]) -> str:
    """Microseconds for a step of one model, by hyperparameters x students."""
    cells: dict[str, dict] = defaultdict(dict)
    for row in (*(r for r in steps if r["calls"] == WAYS[0]), *rows):
        library, language = row["library"].split()
        release = f" {row['release']}" if row["release"] == row["release"] else ""
        name = f"{library}{release} {language}, {row['calls']}"
        cells[name][row["hyperparameters"], row["students"]] = row["pair_nanoseconds"] / 1e3
    sizes = sorted({(r["hyperparameters"], r["students"]) for r in rows})
    header = ["microseconds", *(f"{n:,} x {k:,}" for n, k in sizes)]
    return markdown(header, [[name, *(figure(row.get(s, float("nan"))) for s in sizes)] for name, row in cells.items()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--version")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    rows = read(arguments.results)
    version = number(arguments.version) if arguments.version else rows[-1]["version"]
    rows = [row for row in rows if row["version"] == version]
    ours = [row for row in rows if row["library"] == "libhpm (C)"]
    steps = [row for row in ours if row["algorithm"] == "hpm"]

    print(f"Version {version}. A cell: hyperparameters (down) x students (across), algorithm `hpm`.\n")
    for way in WAYS:
        print(f"Nanoseconds for each coordinate and student, `{way}` from C:\n")
        print(sizes_table(steps, way, "coordinate_nanoseconds"))
        print(f"Per cent of memcpy's bytes per second, `{way}`:\n")
        print(sizes_table(steps, way, "memcpy_share", 100))
    print(f"Exponent of a round's time in the hyperparameters, from {SMALLEST_HYPERPARAMETERS:,} on:\n")
    lines = exponents(steps, "hyperparameters", "students", SMALLEST_HYPERPARAMETERS)
    print(markdown(["students", "hyperparameters", *WAYS], lines))
    print(f"Exponent in the students, from {SMALLEST_STUDENTS:,} on:\n")
    lines = exponents(steps, "students", "hyperparameters", SMALLEST_STUDENTS)
    print(markdown(["hyperparameters", "students", *WAYS], lines))
    print("Algorithms, from C:\n")
    sizes = {(row["hyperparameters"], row["students"]) for row in ours if row["algorithm"] != "hpm"}
    lines = [
        [row["algorithm"], f"{row['hyperparameters']:,} x {row['students']:,}", row["calls"], figure(row["pair_nanoseconds"], 3)]
        for row in ours
        if (row["hyperparameters"], row["students"]) in sizes
    ]
    print(markdown(["algorithm", "size", "calls", "nanoseconds a pair"], sorted(lines)))
    print("Other packages, a step of one model:\n")
    print(peers_table([row for row in rows if row["library"] != "libhpm (C)"], steps))


if __name__ == "__main__":
    main()
