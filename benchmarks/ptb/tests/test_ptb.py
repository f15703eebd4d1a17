import math
import random
import zipfile

import pytest

torch = pytest.importorskip("torch")

from ptb import corpus  # noqa: E402
from ptb.experiment import PRESETS, PennTreebank, Preset  # noqa: E402

TEXT = "the cat sat on the mat\n the dog sat on <unk>\n"
TINY = Preset(8, 12, (None, None, None), batch=4, length=6, learning_rate=5.0, students=2, steps=4, reports=2, warm_up=0)


def write_zip(folder, training, validation, test):
    with zipfile.ZipFile(folder / "ptb.zip", "w") as archive:
        for name, text in zip(corpus.FILES.values(), (training, validation, test)):
            archive.writestr(name, text)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sentences in which a word says much about the next one."""
    draw = random.Random(0)

    def text(sentences):
        lines = []
        for _ in range(sentences):
            animal = draw.randrange(4)
            lines.append(f" the animal{animal} says sound{animal} again and again \n")
        return "".join(lines)

    return write_zip(tmp_path_factory.mktemp("data"), text(40), text(20), text(20))


def students_bits(student):
    state = student.state_dict()
    return {**state["model"], "random": state["random"]["cpu"]}


def assert_same(a, b):
    a, b = students_bits(a), students_bits(b)
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


# ---- the corpus -----------------------------------------------------------------------------------------------


def test_the_most_frequent_words_are_kept(tmp_path):
    loaded = corpus.load(write_zip(tmp_path, TEXT, TEXT, "the bird\n"), vocabulary=4)
    assert loaded.vocabulary == ["<unk>", "the", "sat", "on"]
    assert loaded.training.tolist() == [1, 0, 2, 3, 1, 0, 0, 1, 0, 2, 3, 0, 0]
    assert loaded.test.tolist() == [1, 0, 0]


def test_without_limits_the_whole_corpus_is_kept(tmp_path):
    loaded = corpus.load(write_zip(tmp_path, TEXT, TEXT, TEXT))
    assert [loaded.vocabulary[number] for number in loaded.test] == TEXT.replace("\n", " <eos> ").split()


def test_texts_are_shortened_before_words_are_counted(tmp_path):
    loaded = corpus.load(write_zip(tmp_path, TEXT, TEXT, TEXT), words=(3, 2, 1))
    assert [len(part) for part in (loaded.training, loaded.validation, loaded.test)] == [3, 2, 1]
    assert loaded.vocabulary == ["<unk>", "the", "cat", "sat"]


def test_archives_with_a_folder_are_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "ptb.zip", "w") as archive:
        for name in corpus.FILES.values():
            archive.writestr(f"data/{name}", TEXT)
    assert len(corpus.load(tmp_path).test) == 13


def test_a_missing_corpus_is_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("HPM_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="simple-examples"):
        corpus.load()


def test_streams_are_parallel_pieces_of_the_text():
    sequences = corpus.streams(torch.arange(11), 3)
    assert sequences.tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    words, following = corpus.window(sequences, 1, 5)
    assert words.tolist() == [[1, 4, 7]] and following.tolist() == [[2, 5, 8]]


# ---- the experiment -------------------------------------------------------------------------------------------


def test_starts_are_those_of_the_publication(data):
    space = PennTreebank(TINY, data).space
    starts = {name: part.initial for name, part in space.parameters.items()}
    assert sorted(starts.values()) == [0.0, 0.0, 0.05, 0.05, 0.05, 0.05, 0.05]


@pytest.mark.parametrize("self_tuning", [False, True])
def test_training_reduces_the_loss(data, self_tuning):
    experiment = PennTreebank(TINY, data, steps=200)
    student = experiment.make(1, self_tuning)
    before = experiment.validate(student)
    assert before == pytest.approx(math.log(experiment.vocabulary), rel=0.05)
    experiment.train(student, student.model.hyperparameters, (0.0, 0.5))
    assert experiment.validate(student) < 0.8 * before
    found = experiment.test(student)
    assert found["validation_loss"] == experiment.validate(student)
    assert found["test_metric"] == math.exp(found["test_loss"])


@pytest.mark.parametrize("changes", [{}, {"per_example": True}, {"delta": True}])
def test_hypergradients_are_finite_and_not_zero(data, changes):
    experiment = PennTreebank(TINY, data, **changes)
    student = experiment.make(1, True)
    experiment.train(student, student.model.hyperparameters, (0.0, 0.5))
    scale = student.model.perturbation.scale.tolist()
    found = experiment.hypergradient(student)
    assert list(found) == experiment.space.names
    assert all(math.isfinite(value) and value != 0 for value in found.values())
    assert student.model.perturbation.scale.tolist() != scale


@pytest.mark.parametrize("hyperparameter, value", [("alpha", 4.0), ("beta", 4.0), ("drop_connect", 0.6), ("input_dropout", 0.6),
                                                   ("hidden_dropout", 0.6), ("output_dropout", 0.6), ("embedding_dropout", 0.6)])
def test_each_hyperparameter_changes_training_alone(data, hyperparameter, value):
    experiment = PennTreebank(TINY, data)
    first, second = (experiment.make(1, False) for _ in range(2))
    first.model.hyperparameters = second.model.hyperparameters | {hyperparameter: value}
    assert experiment.validate(first) == experiment.validate(second)
    experiment.train(first, first.model.hyperparameters, (0.0, 0.5))
    experiment.train(second, second.model.hyperparameters, (0.0, 0.5))
    assert experiment.validate(first) != experiment.validate(second)


def test_both_kinds_start_with_the_same_decoder_as_embedding(data):
    network = PennTreebank(TINY, data).make(1, True).model.network
    assert network.decoder.weight is network.embedding.weight
    assert network.decoder.response_weight is not network.embedding.response_weight


def test_the_same_seed_gives_the_same_bits(data):
    experiment = PennTreebank(TINY, data)
    students = []
    for outside in range(2):
        torch.manual_seed(outside)
        student = experiment.make(3, True)
        torch.manual_seed(outside + 10)
        experiment.train(student, student.model.hyperparameters, (0.0, 0.5))
        experiment.hypergradient(student)
        students.append(student)
    assert_same(*students)


def test_another_seed_has_other_weights_and_another_place(data):
    experiment = PennTreebank(TINY, data)
    networks = [experiment.make(seed, False).model.network for seed in range(4)]
    assert not torch.equal(networks[0].embedding.weight, networks[1].embedding.weight)
    assert len({int(network.training_position) for network in networks}) > 1


@pytest.mark.parametrize("self_tuning", [False, True])
def test_a_restored_student_trains_on_bit_for_bit(data, tmp_path, self_tuning):
    experiment = PennTreebank(TINY, data)
    student, restored = experiment.make(1, self_tuning), experiment.make(2, self_tuning)

    def report(student):
        experiment.train(student, student.model.hyperparameters, (0.0, 0.5))
        if self_tuning:
            experiment.hypergradient(student)

    report(student)
    assert student.model.network.training_state.abs().sum() > 0
    student.save(tmp_path / "student.pt")
    restored.load(tmp_path / "student.pt")
    assert_same(student, restored)
    for part in ("training_state", "training_position", "guiding_state", "guiding_position"):
        assert torch.equal(getattr(restored.model.network, part), getattr(student.model.network, part))
    report(student)
    report(restored)
    assert_same(student, restored)


def test_a_clone_goes_on_at_the_place_of_its_source(data):
    experiment = PennTreebank(TINY, data)
    source, clone = experiment.make(1, True), experiment.make(2, True)
    experiment.train(source, source.model.hyperparameters, (0.0, 0.5))
    clone.clone_from(source)
    for part in ("training_state", "training_position"):
        assert torch.equal(getattr(clone.model.network, part), getattr(source.model.network, part))
    experiment.train(clone, clone.model.hyperparameters, (0.0, 0.5))
    assert not torch.equal(clone.model.network.training_state, source.model.network.training_state)


def test_a_text_that_ends_begins_anew(data):
    experiment = PennTreebank(TINY, data)
    student = experiment.make(1, False)
    network = student.model.network
    network.training_position.fill_(len(experiment.sequences["training"]) - TINY.length)
    network.training_state.fill_(1.0)
    window = experiment._next(student.model, "training")
    assert torch.equal(window.words, experiment.sequences["training"][: TINY.length])
    assert not window.before.any()


def test_validation_does_not_change_a_student(data):
    experiment = PennTreebank(TINY, data)
    student, other = experiment.make(1, True), experiment.make(1, True)
    experiment.validate(student)
    experiment.test(student)
    assert student.model.training
    assert_same(student, other)


@pytest.mark.skipif(not (corpus.data_folder() / "ptb.zip").is_file(), reason="needs the corpus, see README.md")
def test_the_preset_of_the_publication_runs():
    experiment = PennTreebank("paper", device="cpu", steps=2, length=4)
    assert experiment.vocabulary == 10_000 and PRESETS["paper"].words == (None, None, None)
    student = experiment.make(0, True)
    experiment.train(student, student.model.hyperparameters, (0.0, 0.5))
    assert all(math.isfinite(value) for value in experiment.hypergradient(student).values())
