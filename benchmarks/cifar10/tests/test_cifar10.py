"""The experiment on images that are drawn, since CIFAR-10 is not always there."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "bindings" / "python")]
torch = pytest.importorskip("torch")

from cifar10.experiment import FILE, PRESETS, Cifar10, find, make_network, make_space  # noqa: E402
from common import networks  # noqa: E402

SPLITS = {"train": 200, "valid": 1100, "test": 60}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    draw = np.random.default_rng(0)
    arrays = {}
    for split, count in SPLITS.items():
        arrays[f"{split}_x"] = draw.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        arrays[f"{split}_y"] = draw.integers(0, 10, count, dtype=np.uint8)
    made = tmp_path_factory.mktemp("data")
    np.savez(made / FILE, **arrays)
    return made


@pytest.fixture
def tiny(folder):
    return lambda **changes: Cifar10(folder=folder, width=0.5, **{"batch": 16, "steps": 2, "reports": 20, **changes})


def test_fifteen_hyperparameters_and_their_starts():
    space = make_space()
    assert space.dimension == 15
    assert [part.initial for part in space.parameters.values()] == [0.05] * 13 + [4, 1]


def test_sizes_are_those_of_the_paper():
    preset = PRESETS["paper"]
    network = make_network(preset.channels, preset.units)
    shapes = [tuple(p.shape) for name, p in network.named_parameters() if name.endswith("weight")]
    assert [shape[0] for shape in shapes] == [64, 192, 384, 256, 256, 4096, 4096, 10]
    assert shapes[5] == (4096, 1024)
    assert preset.students == 20 and preset.batch == 128


def test_every_hyperparameter_is_in_the_network():
    named = [name for module in make_network((2,) * 5, 4) for name in getattr(module, "strengths", {}).values()]
    assert sorted(named) == sorted(make_space().names)


def test_both_kinds_of_students_begin_with_the_same_weights(tiny):
    experiment = tiny()
    plain, tuned = (experiment.make(3, kind).model.state_dict() for kind in (False, True))
    weights = [name for name in plain if name.endswith(("weight", "bias")) and "response" not in name and "scale" not in name]
    assert len(weights) == 16
    assert all((plain[name] == tuned[name]).all() for name in weights)


@pytest.mark.parametrize("per_example", [0, 1])
def test_a_hypergradient_of_each_hyperparameter(tiny, per_example):
    experiment = tiny(per_example=per_example)
    student = experiment.make(3, True)
    start = student.model.perturbation.raw.detach().clone()
    for _ in range(3):
        experiment.train(student, student.model.hyperparameters, (0.0, 0.5))
        slope = experiment.hypergradient(student)
    assert list(slope) == experiment.space.names
    assert all(np.isfinite(value) and value != 0 for value in slope.values())
    assert (student.model.perturbation.raw != start).all()


def test_the_loss_of_a_report_and_the_test_change_nothing(tiny):
    experiment = tiny()
    student = experiment.make(3, True)
    experiment.train(student, student.model.hyperparameters, (0.0, 0.5))
    before = [part.clone() for part in student.model.state_dict().values()]
    assert experiment.validate(student) == experiment.validate(student)
    tested = experiment.test(student)
    assert set(tested) == {"validation_loss", "validation_metric", "test_loss", "test_metric"}
    assert all((a == b).all() for a, b in zip(before, student.model.state_dict().values()))


def test_runs_are_repeatable_to_the_bit(tiny):
    first, again = (networks.run(tiny(), networks.METHODS["hpm"], 1, 0.3) for _ in range(2))
    assert (first.trace["losses"] == again.trace["losses"]).all()
    assert first.rows[-1]["test_loss"] == again.rows[-1]["test_loss"]


def test_other_settings_are_another_problem(folder):
    assert Cifar10(folder=folder).name == "cifar10"
    assert Cifar10(folder=folder, students=4).name == "cifar10"
    assert Cifar10(folder=folder, students=5, width=0.5).name == "cifar10 students=5 width=0.5"


def test_data_that_are_missing_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="HPM_DATA"):
        find(tmp_path)


def test_data():
    try:
        find()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    experiment = Cifar10()
    assert [len(part[1]) for part in (experiment.training, experiment.validation, experiment.guiding, experiment.testing)] == [
        1000, 1000, 1000, 2000
    ]
    for x, y in (experiment.training, experiment.validation, experiment.guiding, experiment.testing):
        assert x.shape[1:] == (3, 32, 32) and 0 <= x.min() and x.max() <= 1
        assert np.bincount(y.numpy(), minlength=10).min() > 0.07 * len(y)
