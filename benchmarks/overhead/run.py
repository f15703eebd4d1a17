"""What libhpm costs inside a training loop, over sizes, beside memcpy and other packages: one CSV.

    python benchmarks/overhead/run.py [--version TEXT] [--quick] [--fresh] [--results FILE]

Each size runs in a process of its own, one at a time. A row is written as soon as it is measured and a second
run goes on with those that are missing; so a row is never measured again for the same `version`, by default the
commit, unless --fresh is given. Afterwards `python benchmarks/overhead/report.py` prints the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
from common.results import Results, forget, number  # noqa: E402
from peers import METHODS  # noqa: E402

STEPS = ROOT / ".build-clients" / "steps"
PEERS = Path(__file__).with_name("peers.py")
RESULTS = Path(__file__).with_name("results") / "overhead.csv"

KEY = ("version", "host", "library", "calls", "algorithm", "hyperparameters", "students")
FIGURES = ("release", "pairs", "pair_nanoseconds", "coordinate_nanoseconds")
COLUMNS = KEY + FIGURES + ("touched_bytes", "memcpy_bytes_per_second", "memcpy_share")
STEPS_COLUMNS = ("calls", "algorithm", "hyperparameters", "students") + COLUMNS[len(KEY) + 1 :]

HYPERPARAMETERS = (2, 15, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
STUDENTS = (2, 4, 20, 100, 1_000, 10_000, 100_000)
# At most 128 bytes of the library for each and 32 of the caller: 3 GiB.
MOST_COORDINATES = 20_000_000
# Cells of the other algorithms, which say what the default's own work is.
OTHERS = tuple((algorithm, *size) for algorithm in ("pbt", "hypergradient") for size in ((15, 20), (1_000, 100)))
SECONDS, TIMEOUT = 0.5, 900

# What each can do in some seconds; peers.py stops sooner where a step takes too long.
PEER_SIZES = {
    "libhpm": ((15, 20), (1_000, 100), (10_000, 20), (1_000_000, 4)),
    "libhpm arrays": ((15, 20), (1_000, 100), (10_000, 20), (1_000_000, 4)),
    "optuna random": ((2, 20), (15, 20), (100, 20), (1_000, 100), (10_000, 20)),
    "optuna tpe": ((2, 20), (15, 20), (100, 20), (1_000, 100)),
    "nevergrad": ((2, 20), (15, 20), (100, 20), (1_000, 100), (10_000, 20), (1_000_000, 4)),
    "cma": ((2, 20), (15, 20), (100, 20), (1_000, 100)),
    "ray": ((2, 20), (15, 20), (100, 20), (1_000, 100), (10_000, 20), (1_000_000, 4)),
}
QUICK_CELLS = (("hpm", 15, 20), ("hpm", 1_000, 100), ("pbt", 15, 20), ("hypergradient", 15, 20))
QUICK_PEERS = {"libhpm": ((15, 20),), "libhpm arrays": ((15, 20),)}


def cells() -> Iterator[tuple[str, int, int]]:
    """Algorithm, hyperparameters, students; of the default algorithm small ones first."""
    yield from OTHERS
    sizes = [(n, k) for n in HYPERPARAMETERS for k in STUDENTS if n * k <= MOST_COORDINATES]
    for n, k in sorted(sizes, key=lambda size: size[0] * size[1]):
        yield "hpm", n, k


def output(command: list[str], what: str) -> list[str]:
    """The lines that a program printed, also of one that failed or took too long, which is said."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment.setdefault("HPM_LIBRARY", str(ROOT / "lib" / "libhpm.so.0"))
    environment["PYTHONPATH"] = str(ROOT / "bindings" / "python")
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        text, errors = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        text, errors = process.communicate()
        errors = f"took more than {TIMEOUT} seconds"
    if process.returncode:
        print(f"{what} failed: {errors.strip().splitlines()[-1:]}", file=sys.stderr)
    return text.splitlines()


def measure_steps(results: Results, fixed: dict, sizes: list[tuple[str, int, int]]) -> None:
    for algorithm, n, k in sizes:
        named = fixed | {"library": "libhpm (C)", "algorithm": algorithm, "hyperparameters": n, "students": k}
        ways = ("report + next", "report_all + next_all")
        if all(results.key_of(named | {"calls": way}) in results.keys for way in ways):
            continue
        command = [str(STEPS), str(n), str(k), algorithm, str(SECONDS)]
        for line in output(command, f"{algorithm} at {n} x {k}"):
            row = dict(zip(STEPS_COLUMNS, line.split(",")))
            results.append([named | row])
            print(f"libhpm (C), {line}", flush=True)


def measure_peers(results: Results, fixed: dict, sizes: dict[str, tuple[tuple[int, int], ...]]) -> None:
    for method, wanted in sizes.items():
        package, calls, _ = METHODS[method]
        algorithm = "hpm" if package == "libhpm" else calls.split(":")[0]
        named = fixed | {"library": f"{package} (Python)", "calls": calls, "algorithm": algorithm}
        missing = [
            f"{n}x{k}"
            for n, k in wanted
            if results.key_of(named | {"hyperparameters": n, "students": k}) not in results.keys
        ]
        if not missing:
            continue
        for line in output([sys.executable, str(PEERS), method, *missing], method):
            results.append([named | json.loads(line)])
            print(f"{package} (Python), {line}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--version", help="what the rows are called; default: the commit")
    parser.add_argument("--quick", action="store_true", help="libhpm alone, at few sizes")
    parser.add_argument("--fresh", action="store_true", help="measure the version's rows again")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    version = arguments.version or subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    if arguments.fresh:
        forget(arguments.results, lambda row: row["version"] == number(version))
    fixed = {"version": version, "host": platform.node()}
    with Results(arguments.results, COLUMNS, KEY) as results:
        measure_steps(results, fixed, list(QUICK_CELLS if arguments.quick else cells()))
        measure_peers(results, fixed, QUICK_PEERS if arguments.quick else PEER_SIZES)


if __name__ == "__main__":
    main()
