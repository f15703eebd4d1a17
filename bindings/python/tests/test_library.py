"""How the library is found, and what the bindings take from it."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import libhpm as hpm
import pytest
from libhpm import _abi, _library

ROOT = Path(__file__).parents[1]
INTERFACE = json.loads((ROOT.parents[1] / "include" / "hpm.abi.json").read_text())


def imports(**environment):
    return subprocess.run(
        [sys.executable, "-c", "import libhpm as hpm; print(hpm.__version__)"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_versions_agree():
    assert hpm.__version__ == _abi.HPM_VERSION
    assert f'version = "{hpm.__version__}"' in (ROOT / "pyproject.toml").read_text()
    assert _library.functions.hpm_abi_version() == _abi.HPM_ABI_VERSION


def test_the_library_is_named_by_the_environment():
    path = _library.functions._name
    assert imports(HPM_LIBRARY=path).stdout.strip() == hpm.__version__
    missing = imports(HPM_LIBRARY="/nowhere/libhpm.so.0").stderr
    assert "ImportError: can't load '/nowhere/libhpm.so.0'" in missing and "HPM_LIBRARY" in missing and "make" in missing


@pytest.mark.skipif(sys.platform != "linux", reason="a library that is another one")
def test_another_library_is_refused():
    assert "is no libhpm, or an older one" in imports(HPM_LIBRARY="libc.so.6").stderr


def test_another_binary_interface_is_refused(monkeypatch):
    monkeypatch.setattr(_abi, "HPM_ABI_VERSION", 99)
    with pytest.raises(ImportError, match="binary interface 0; .* need 99"):
        _library._load()


def test_every_failure_has_its_exception():
    names = [name for name in vars(_abi) if name.startswith("HPM_ERROR_")]
    covered = {
        name for name in names if type(_library.failure(getattr(_abi, name))) is not hpm.Error
    }
    # The bindings never let these two out.
    assert set(names) - covered == {"HPM_ERROR_CALLBACK", "HPM_ERROR_CAPACITY"}
    assert issubclass(hpm.ArgumentError, ValueError) and issubclass(hpm.OutOfMemoryError, MemoryError)


def test_every_exported_function_is_reached():
    """Each is called by some module of the package."""
    package = Path(_abi.__file__).parent
    trees = [ast.parse(path.read_text()) for path in package.glob("*.py") if path.name != "_abi.py"]
    reached = {
        node.attr
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("functions", "library")
    }
    exported = {function["name"] for function in INTERFACE["functions"]}
    assert exported == _abi.PROTOTYPES.keys() and len(exported) > 70
    assert exported - reached == set() and reached - exported == set()


def test_no_docstring_lists_algorithms_by_hand():
    """They come from the table of options, which is made from the library's own."""
    special = {name for name in hpm.algorithms() if name not in ("hpm", "random", "hypergradient")}  # words, too
    assert len(special) == 10
    for path in Path(_abi.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and path.name != "_option_table.py":
                named = {name for name in special if f"`{name}`" in node.value}
                assert len(named) < 2, (path.name, node.lineno, named)


@pytest.mark.parametrize("documented", [hpm.Population, hpm.tune])
def test_the_options_are_documented_from_the_table(documented):
    text = documented.__doc__
    for name in hpm.option_names():
        assert f"* ``{name}`` (" in text
    for name in hpm.algorithms():
        assert f"``{name}``" in text
    assert "<options>" not in text and max(map(len, text.splitlines())) <= 120


def test_a_failure_has_the_name_of_its_status():
    for name in (name for name in vars(_abi) if name.startswith("HPM_ERROR_")):
        assert _library.failure(getattr(_abi, name)).status == name
    with pytest.raises(hpm.ArgumentError) as caught:
        hpm.SearchSpace().add_real("x", 1, 0)
    assert caught.value.status == "HPM_ERROR_ARGUMENT"


def test_errors_belong_to_their_thread():
    import threading

    space = hpm.SearchSpace()
    with pytest.raises(hpm.ArgumentError) as mine:
        space.add_real("", 0, 1)

    def other():
        with pytest.raises(hpm.ArgumentError, match="reversed"):
            space.add_real("reversed", 1, 0)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert str(_library.failure(_abi.HPM_ERROR_ARGUMENT)) == str(mine.value)


def test_the_readme_runs_as_it_stands(capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert "learning_rate" in capsys.readouterr().out
