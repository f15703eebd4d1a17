"""The blocks of docs/hypergradients.md and docs/runs.md run as they stand; docs/algorithms.md has all algorithms."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from libhpm._library import functions

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "hypergradients.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: re.findall("import (torch|jax)", block)[0])
def test_python(block):
    pytest.importorskip("torch" if "import torch" in block else "jax")
    ran = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1].startswith(("converged after", "iteration-limit after")) and "nan" not in ran.stdout


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_networks(framework):
    pytest.importorskip(framework)
    pytest.importorskip("optax" if framework == "jax" else "sklearn")
    page = (ROOT / "docs" / "networks.md").read_text()
    (block,) = [b for b in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) if f"import {framework}\n" in b]
    if framework == "torch":
        assert sum(bool(line.strip()) for line in block.splitlines()) < 30
    ran = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout and "nan" not in ran.stdout


def test_runs(tmp_path):
    """In order, as one program: they are parts of one; the others show what needs a program of the reader's."""
    page = (ROOT / "docs" / "runs.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    whole = [block for block in blocks if re.search("def train.student|Population.open|for h in schedule|sqlite3.connect", block)]
    assert len(whole) == 4
    ran = subprocess.run([sys.executable, "-c", "\n".join(whole)], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("Result(loss=") and ran.stdout.splitlines()[-1].startswith("[(0, 40,")


@pytest.mark.skipif(shutil.which("cc") is None or not (ROOT / "lib").exists(), reason="needs a C compiler and `make`")
def test_c(tmp_path):
    (block,) = blocks("c")
    (tmp_path / "block.c").write_text(block)
    library = ROOT / "lib"
    warnings = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    command = ["cc", *warnings, f"-I{ROOT}/include", "block.c", f"-L{library}", "-lhpm", "-lm", f"-Wl,-rpath,{library}"]
    subprocess.run([*command, "-o", "block"], cwd=tmp_path, check=True)
    ran = subprocess.run(["./block"], cwd=tmp_path, capture_output=True, text=True, check=True)
    # w = 2 / (1 + e^h), q = (w - 1) / (1 + e^h), dF/dh = -e^h w q
    assert ran.stdout.startswith("-0.181715 0 0.181715 after 2 iterations")


def test_swift_is_the_example():
    (block,) = blocks("swift")
    assert block in (ROOT / "examples/swift/Sources/Ridge/main.swift").read_text()


def test_each_algorithm_has_its_row_and_says_what_it_does_where_nobody_waits():
    names, page = [], (ROOT / "docs" / "algorithms.md").read_text()
    while name := functions.hpm_algorithm_name(len(names)):
        names.append(name.decode())
    rows = re.findall(r"^\| `([a-z0-9-]+)`", page.split("Symbols:")[0], re.MULTILINE)
    assert sorted(rows[1:]) == sorted(names)  # below the heading
    any_name = "|".join(names)
    sections = re.split(rf"^(?:## |\* (?=`(?:{any_name})`:))", page, flags=re.MULTILINE)
    for name in names:
        own = [text for text in sections if re.match(rf"{name}\n|`{name}`:", text)]
        assert any("*Asynchronous" in text for text in own), name
