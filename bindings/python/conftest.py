from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

# Doctests of what works on a framework that is not here.
_MISSING = [name for name in ("torch", "jax") if find_spec(name) is None]
collect_ignore = [f"libhpm/{part}" for name in _MISSING for part in (f"_{name}.py", name)]


@pytest.fixture(autouse=True)
def _doctest_names(doctest_namespace):
    """What the docstrings' examples take as imported."""
    import libhpm as hpm

    doctest_namespace.update(hpm=hpm, np=np, pytest=pytest)
    if "torch" not in _MISSING:
        doctest_namespace.update(torch=import_module("torch"))
    if "jax" not in _MISSING:
        doctest_namespace.update(jax=import_module("jax"), jnp=import_module("jax.numpy"))


def pytest_collection_modifyitems(items):
    """Tests give all algorithms the same options, and make short runs; an example must not."""
    for item in items:
        action = "error" if isinstance(item, pytest.DoctestItem) else "ignore"
        item.add_marker(pytest.mark.filterwarnings(f"{action}::libhpm.OptionWarning"))
