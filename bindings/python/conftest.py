import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _doctest_names(doctest_namespace):
    """What the docstrings' examples take as imported."""
    import hpm

    doctest_namespace.update(hpm=hpm, np=np, pytest=pytest)
