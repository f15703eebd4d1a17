"""The experiment on images that are drawn, since CIFAR-10 is not always there."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "bindings" / "python")]
torch = pytest.importorskip("torch")

from common import networks  # noqa: E402
from experiment import DATA, PRESETS, Cifar10, alexnet, data_folder, load, search_space  # noqa: E402


def drawn():
    draw = np.random.default_rng(0)
    return {
        split: (draw.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8), draw.integers(0, 10, count))
        for split, count in (("train", 200), ("valid", 130), ("test", 60))
    }


def tiny(**settings):
    made = Cifar10("small", device="cpu", width=0.5, data=drawn(), **settings)
    made.batch, made.steps, made.validation_steps, made.reports = 16, 2, 1, 20
    return made


def test_fifteen_hyperparameters_and_their_starts():
    space = search_space()
    assert space.dimension == 15
    starts = [part.initial for part in space.parameters.values()]
    assert starts == [0.05] * 13 + [4, 1]


def test_sizes_are_those_of_the_paper():
    preset = PRESETS["paper"]
    network = alexnet(preset.channels, preset.hidden)
    shapes = [tuple(p.shape) for name, p in network.named_parameters() if name.endswith("weight")]
    assert [shape[0] for shape in shapes] == [64, 192, 384, 256, 256, 4096, 4096, 10]
    assert shapes[5] == (4096, 1024)
    assert preset.students == 20 and preset.batch == 128


def test_every_hyperparameter_is_in_the_network():
    network = alexnet((2, 2, 2, 2, 2), (4, 4))
    named = [name for module in network.modules() for name in getattr(module, "strengths", {}).values()]
    assert sorted(named) == sorted(search_space().names)


def test_both_kinds_of_students_begin_with_the_same_weights():
    experiment = tiny()
    plain, tuned = (experiment.make(3, kind).model.state_dict() for kind in (False, True))
    weights = [name for name in plain if name.endswith(("weight", "bias")) and "response" not in name and "scale" not in name]
    assert len(weights) == 16
    assert all((plain[name] == tuned[name]).all() for name in weights)


@pytest.mark.parametrize("per_example", [0, 1])
def test_a_hypergradient_of_each_hyperparameter(per_example):
    experiment = tiny(per_example=per_example)
    student = experiment.make(3, True)
    start = student.model.perturbation.raw.detach().clone()
    for _ in range(3):
        experiment.train(student, student.model.hyperparameters)
        slope = experiment.hypergradient(student)
    assert list(slope) == experiment.space.names
    assert all(np.isfinite(value) and value != 0 for value in slope.values())
    assert (student.model.perturbation.raw != start).all()


def test_the_loss_of_a_report_and_the_test_change_nothing():
    experiment = tiny()
    student = experiment.make(3, True)
    experiment.train(student, student.model.hyperparameters)
    before = [part.clone() for part in student.model.state_dict().values()]
    assert experiment.validate(student) == experiment.validate(student)
    tested = experiment.test(student)
    assert set(tested) == {"validation_loss", "validation_metric", "test_loss", "test_metric"}
    assert all((a == b).all() for a, b in zip(before, student.model.state_dict().values()))


def test_runs_are_repeatable_to_the_bit():
    first, again = (networks.run(tiny(), networks.METHODS["hpm"], 1, 0.3) for _ in range(2))
    assert (first.trace["losses"] == again.trace["losses"]).all()
    assert first.rows[-1]["test_loss"] == again.rows[-1]["test_loss"]


def test_other_settings_are_another_problem():
    assert Cifar10(data=drawn()).name == "cifar10 small"
    assert Cifar10(data=drawn(), students=4).name == "cifar10 small"
    assert Cifar10(data=drawn(), students=5, width=0.5).name == "cifar10 small students=5 width=0.5"


def test_data_that_are_missing_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="HPM_DATA"):
        load(tmp_path)


@pytest.mark.skipif(not (data_folder() / DATA).exists(), reason=f"{DATA} is not in {data_folder()}; set HPM_DATA")
def test_data():
    found = load()
    assert {split: len(x) for split, (x, _) in found.items()} == {"train": 10_000, "valid": 2000, "test": 2000}
    assert all(x.shape[1:] == (3, 32, 32) and x.dtype == np.uint8 and set(y) == set(range(10)) for x, y in found.values())
