"""The asynchronous schedule under random arrival orders, against a model: see asynchronous_model.py."""

import pytest
from asynchronous_model import Run, algorithms

pytestmark = pytest.mark.filterwarnings("ignore::libhpm.OptionWarning")
RUNS = 240
BLOCKS = 8


def test_the_algorithms():
    assert len(algorithms()) == 13


@pytest.mark.parametrize("block", range(BLOCKS))
@pytest.mark.parametrize("algorithm", algorithms())
def test_any_order_of_arrival(algorithm, block):
    for seed in range(block, RUNS, BLOCKS):
        print(f"Run({algorithm!r}, {seed}).go()")  # the last line of a failure
        Run(algorithm, seed, thorough=seed % 10 == 0).go()
