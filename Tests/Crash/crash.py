"""Kills trainers at random moments, tears their files, and looks at what is left.

    python crash.py C_TRAINER [--kills 200] [--seed S] [--folder FOLDER]

After each kill: every report that was answered is in the file. After a torn write-ahead log, as of a machine that
lost power, what is in the file is a part from the beginning. In the end: the run is the one that nobody disturbed, to the bit, and no
checkpoint was missing. Prints its seed.
"""

import argparse
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Trial:
    """A run that is killed until it has come to its end."""

    def __init__(self, folder: Path, program: list[str], schedule: str):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder, self.database, self.answered = folder, folder / "run.db", folder / "answered"
        self.arguments = [*program, str(self.database), str(folder / "weights"), str(self.answered), schedule]

    def finish(self) -> bytes:
        done = subprocess.run(self.arguments, capture_output=True, timeout=300)
        if done.returncode != 0:
            raise AssertionError(f"{self.arguments}: status {done.returncode}\n{done.stderr.decode()}")
        return done.stdout

    def kill(self, seconds: float) -> bool:
        """Whether it was killed before it ended."""
        process = subprocess.Popen(self.arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(seconds)
        was_alive = process.poll() is None
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        if not was_alive and process.returncode != 0:
            raise AssertionError(f"{self.arguments}: status {process.returncode}\n{errors.decode()}")
        return was_alive

    def reports(self) -> list[tuple[int, int]]:
        if not self.database.exists():
            return []
        with sqlite3.connect(self.database) as database:
            try:
                return database.execute("SELECT student, report FROM reports ORDER BY number").fetchall()
            except sqlite3.OperationalError:  # killed before there were tables
                return []

    def promised(self) -> list[tuple[int, int]]:
        lines = self.answered.read_text().splitlines() if self.answered.exists() else []
        return [tuple(map(int, line.split())) for line in lines]

    def check_answered(self) -> None:
        missing = [report for report in self.promised() if report not in set(self.reports())]
        if missing:
            raise AssertionError(f"{self.arguments}: answered and lost: {missing}")

    def tear(self, draw: random.Random) -> str:
        """Cuts the write-ahead log, or the file, at a random place."""
        before = self.copy_reports()
        torn = self.folder / draw.choice(["run.db-wal", "run.db-wal", "run.db"])
        size = torn.stat().st_size if torn.exists() else 0
        if size == 0:
            return "nothing to tear"
        place = draw.randrange(size)
        with open(torn, "r+b") as file:
            file.truncate(place)
        return self.judge_torn(torn.name, before)

    def copy_reports(self) -> list[tuple[int, int]]:
        """Read in a copy: the last reader of a database takes its write-ahead log away."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ("run.db", "run.db-wal"):
                if (self.folder / name).exists():
                    shutil.copy(self.folder / name, folder)
            copy = Trial.__new__(Trial)
            copy.database = Path(folder) / "run.db"
            return copy.reports()

    def judge_torn(self, name: str, before: list[tuple[int, int]]) -> str:
        """Opened by the library: a part from the beginning, or a sentence that it is damaged."""
        import libhpm as hpm

        try:
            with hpm.Population.open(self.database) as population:
                after = [(report.student, report.number) for report in population.history()]
        except (hpm.StorageError, hpm.ArgumentError) as error:  # ArgumentError: nothing is left, and there is no space
            if name != "run.db" and "there is no run" not in str(error):
                raise AssertionError(f"a torn {name} can't be opened: {error}") from error
            return "refused"
        if after != before[: len(after)]:
            raise AssertionError(f"a torn {name}: {after} is no beginning of {before}")
        return "a beginning"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trainer", help="the C trainer")
    parser.add_argument("--kills", default=200, type=int, help="default: 200")
    parser.add_argument("--torn", default=None, type=int, help="torn files; default: as many as kills")
    parser.add_argument("--seed", default=random.randrange(1 << 32), type=int)
    parser.add_argument("--folder", type=Path, help="of the runs; default: a temporary one")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    draw = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        programs = {"C": [chosen.trainer], "Python": [sys.executable, str(HERE / "trainer.py")]}
        cases = [(name, schedule) for name in programs for schedule in ("synchronous", "asynchronous")]
        undisturbed, seconds, kills = {}, {}, {case: 0 for case in cases}
        for case in cases:
            started = time.monotonic()
            undisturbed[case] = Trial(folder / "undisturbed", programs[case[0]], case[1]).finish()
            seconds[case] = time.monotonic() - started
        while sum(kills.values()) < chosen.kills:
            case = min(cases, key=lambda case: kills[case])
            trial = Trial(folder / "killed", programs[case[0]], case[1])
            # A few kills a run, each somewhere in what is left; a start-up of Python is most of its time.
            for _ in range(draw.randint(1, 6)):
                if not trial.kill(draw.uniform(0, 0.8 * seconds[case])):
                    break
                kills[case] += 1
                trial.check_answered()
            if trial.finish() != undisturbed[case]:
                raise AssertionError(f"{case}: the run that was killed ended otherwise")
            trial.check_answered()
        print("killed:", ", ".join(f"{count} {name} {schedule}" for (name, schedule), count in kills.items()), flush=True)
        outcomes: dict[str, int] = {}
        for number in range(chosen.kills if chosen.torn is None else chosen.torn):
            case = ("C", draw.choice(["synchronous", "asynchronous"]))
            trial = Trial(folder / "torn", programs["C"], case[1])
            trial.kill(draw.uniform(0.1, 0.9) * seconds[case])
            outcome = trial.tear(draw)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
        print("torn:", ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))


if __name__ == "__main__":
    main()
