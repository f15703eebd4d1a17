"""The experiment on a small folder of the same layout as ImageNet's, with images that are drawn."""

from __future__ import annotations

import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from common import networks  # noqa: E402
from common.processes import ProcessExperiment  # noqa: E402
from common.results import read  # noqa: E402
from imagenet.experiment import PRESETS, ImageFolder, find, make_space  # noqa: E402
from PIL import Image  # noqa: E402


def draw(folder, images, classes=("n01440764", "n01443537", "n01484850")):
    generator = np.random.default_rng(0)
    for part, count in images.items():
        for label, name in enumerate(classes):
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                # As in a photograph, sides differ; a class has a colour of its own.
                pixels = generator.integers(0, 120, (40 + i % 7, 48 - i % 5, 3), dtype=np.uint8)
                pixels[..., label] += 100
                Image.fromarray(pixels).save(folder / part / name / f"{i}.JPEG")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("images"), {"train": 70, "val": 8})


@pytest.fixture
def small(folder):
    return lambda **changes: ImageFolder("small", folder, **{"steps": 2, "students": 2, **changes})


def test_the_full_preset_is_resnet_50_with_the_paper_s_population():
    preset = PRESETS["paper"]
    assert (preset.network, preset.size, preset.students) == ("resnet50", 224, 20)
    training = 1_281_167 - sum(preset.held_out)
    assert preset.steps == training // preset.batch


def test_no_student_trains_on_what_it_is_judged_on(small):
    experiment = small()
    parts = [set(part.indices) for part in (experiment.training, experiment.validation, experiment.guiding)]
    assert [len(part) for part in parts] == [210 - 128, 64, 64]
    assert len(set.union(*parts)) == 210 and len(experiment.testing) == 24


def test_every_hyperparameter_is_in_the_network(small):
    network = small().make(0, False).model.network
    named = [name for module in network.modules() for name in getattr(module, "strengths", {}).values()]
    assert sorted(named) == sorted(make_space(32).names)


def test_all_layers_but_batch_normalisation_respond(small):
    experiment = small()
    plain, tuned = (experiment.make(3, kind).model for kind in (False, True))
    weights = [name for name, p in plain.network.named_parameters() if p.ndim > 1]
    responses = [name for name, _ in tuned.network.named_parameters() if name.endswith("response_weight")]
    assert len(responses) == len(weights) == 21
    assert all(torch.equal(value, tuned.state_dict()[name]) for name, value in plain.state_dict().items() if name.startswith("network"))


def test_a_student_learns_and_its_hypergradient_is_finite(small):
    experiment = small(steps=20, students=1, learning_rate=0.01)
    student = experiment.make(1, True)
    before = experiment.validate(student)
    for _ in range(3):
        experiment.train(student, student.model.hyperparameters, (0.0, 0.5))
    slope = experiment.hypergradient(student)
    assert experiment.validate(student) < before
    assert set(slope) == set(experiment.space.names) and all(np.isfinite(float(value)) for value in slope.values())
    tested = experiment.test(student)
    assert tested["test_metric"] > 0.4 and tested["validation_loss"] == experiment.validate(student)


def test_a_restored_student_trains_on_bit_for_bit_also_with_processes_that_decode(small, tmp_path):
    experiment = small(loaders=2)
    student, other = experiment.make(1, True), experiment.make(2, True)
    experiment.train(student, student.model.hyperparameters, (0.0, 0.5))
    student.save(tmp_path / "student.pt")
    other.load(tmp_path / "student.pt")
    for each in (student, other):
        experiment.train(each, student.model.hyperparameters, (0.5, 0.6))
    assert all(torch.equal(a, b) for a, b in zip(student.model.state_dict().values(), other.model.state_dict().values()))


def test_workers_may_have_processes_that_decode(folder):
    settings = {"preset": "small", "folder": folder, "steps": 1, "students": 1, "loaders": 1}
    here, there = ImageFolder(**settings), ProcessExperiment(ImageFolder, settings, workers=1, devices=["cpu"])
    try:
        losses = []
        for experiment in (here, there):
            student = experiment.make(4, True)
            experiment.train(student, here.space.decode([part.initial for part in here.space.parameters.values()]), (0.0, 0.5))
            losses.append(experiment.validate(student))
        assert losses[0] == losses[1]
    finally:
        there.close()


def test_the_program_runs_students_as_processes(folder, tmp_path, monkeypatch):
    results = tmp_path / "results.csv"
    monkeypatch.setattr(sys, "argv", [
        "compare", "--methods", "pbt;hpm", "--seeds", "100", "--preset", "small", "--folder", str(folder), "--students", "2",
        "--steps", "2", "--workers", "2", "--results", str(results),
    ])
    with pytest.raises(SystemExit) as end:
        networks.main(ImageFolder, list(PRESETS), tmp_path, None, {"folder": (str, ""), "students": (int, ""), "steps": (int, "")})
    assert end.value.code == 0
    rows = read(results)
    assert {row["algorithm"] for row in rows if row["share"] == 1 and row["seconds"] > 0} == {"pbt", "hpm"}
    assert "| hpm |" in (tmp_path / "tables.md").read_text()


def test_a_folder_that_lacks_something_is_told(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="train is missing.*--folder"):
        find(tmp_path)
    with pytest.raises(ValueError, match="has 210 images; allowed: 10016 or more"):
        ImageFolder("small", folder, held_out=(5_000, 5_000))
    other = draw(tmp_path / "other", {"train": 70, "val": 1})
    (other / "val" / "n01440764").rename(other / "val" / "n09999999")
    with pytest.raises(ValueError, match="differ in the classes n01440764, n09999999"):
        ImageFolder("small", other)
