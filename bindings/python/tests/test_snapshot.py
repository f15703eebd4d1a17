import libhpm as hpm
import numpy as np
import pytest
from support import ALGORITHMS, Numbers, Parameter, build, by_arrays


@pytest.fixture(scope="module", params=["hpm", "hpm-paper"])
def snapshot(request):
    parameters = [Parameter("real", 1e-3, 1.0, "log"), Parameter("choice", 0, 2), Parameter("integer", 1, 9)]
    population = hpm.Population(build(parameters), population=3, interval=2, teacher_units=2, algorithm=request.param)
    by_arrays(population, Numbers(1, strange=0.0), [0] * 3, rounds=7)
    return population.save()


def test_every_truncation_is_refused(snapshot):
    for length in range(len(snapshot)):
        with pytest.raises(hpm.SnapshotError):
            hpm.Population.load(snapshot[:length])


def test_every_flipped_bit_is_refused(snapshot):
    bits = np.random.default_rng(0).choice(8 * len(snapshot), min(8 * len(snapshot), 5000), replace=False)
    for bit in bits:
        damaged = bytearray(snapshot)
        damaged[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(hpm.SnapshotError):
            hpm.Population.load(damaged)


@pytest.mark.parametrize("length", [0, 1, 4, 16, 1000, 100_000])
def test_bytes_that_are_no_snapshot(length):
    with pytest.raises(hpm.SnapshotError) as caught:
        hpm.Population.load(np.random.default_rng(length).bytes(length))
    assert len(str(caught.value)) > 10


def test_bytes_beyond_the_end_are_refused(snapshot):
    with pytest.raises(hpm.SnapshotError):
        hpm.Population.load(snapshot + b"\0")
    with pytest.raises(hpm.SnapshotError):
        hpm.Population.load(snapshot + snapshot)


def test_every_kind_of_buffer(snapshot):
    for buffer in (snapshot, bytearray(snapshot), memoryview(snapshot), np.frombuffer(snapshot, np.uint8)):
        assert hpm.Population.load(buffer).save() == snapshot
    for wrong in ("text", 3, None):
        with pytest.raises(TypeError):
            hpm.Population.load(wrong)


def test_every_algorithm_is_saved_at_once_after_its_start():
    space = build([Parameter("real"), Parameter("block", count=2), Parameter("choice", 0, 1)])
    for algorithm in ALGORITHMS:
        population = hpm.Population(space, algorithm=algorithm, steps=6, interval=2, trial=2)
        population.set_initial(1, [0.5, 0.25, 0.75, 1])
        loaded = hpm.Population.load(population.save())
        numbers = Numbers(3)
        assert by_arrays(loaded, numbers, [0] * 8) == by_arrays(population, numbers, [0] * 8)
