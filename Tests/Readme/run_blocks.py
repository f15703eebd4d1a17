"""Runs the Python and C blocks of the README as they stand, each in an empty folder.

    .venv/bin/python Tests/Readme/run_blocks.py

A block fails with a non-zero exit, and also when it prints nothing.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and source of each fenced block that is a program."""
    return re.findall(r"^```(python|c)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run(language: str, source: str, folder: str) -> subprocess.CompletedProcess[str]:
    path = Path(folder) / f"block.{'py' if language == 'python' else 'c'}"
    path.write_text(source)
    if language == "python":
        command = [sys.executable, str(path)]
    else:
        compiler = os.environ.get("CC", "cc")
        program = str(path.with_suffix(""))
        build = [
            compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/include", str(path), "-o",
            program, f"-L{ROOT}/lib", "-lhpm", "-lm", f"-Wl,-rpath,{ROOT}/lib",
        ]
        built = subprocess.run(build, capture_output=True, text=True)
        if built.returncode != 0:
            return built
        command = [program]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120)


def main() -> int:
    failed = 0
    found = blocks((ROOT / "README.md").read_text())
    for language, source in found:
        with tempfile.TemporaryDirectory() as folder:
            result = run(language, source, folder)
        if result.returncode != 0 or not result.stdout.strip():
            failed += 1
            print(f"FAILED {language} block:\n{source}\n{result.stdout}{result.stderr}")
        else:
            print(f"{language} block printed: {result.stdout.strip().splitlines()[-1]}")
    for language, source in found:
        lines = sum(1 for line in source.splitlines() if line.strip())
        if lines > 16:
            failed += 1
            print(f"FAILED: a {language} block of {lines} lines is no quick start")
    languages = {language for language, _ in found}
    if languages != {"python", "c"}:
        failed += 1
        print(f"FAILED: the README should have Python and C blocks, it has {sorted(languages)}")
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
