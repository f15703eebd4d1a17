import copy
import dataclasses
import pickle

import cloudpickle
import libhpm as hpm
import numpy as np
import pytest
from hypothesis import given
from support import assert_inside, bounds, build, parameter_lists


@pytest.fixture
def space():
    space = hpm.SearchSpace()
    space.add_real("lr", 1e-4, 1.0, scale="log", initial=0.5)
    space.add_integer("batch", 8, 256, scale="log", initial=32)
    space.add_choice("optimizer", ["sgd", "größe"], initial="größe")
    space.add_block("weight", 5, 0.0, 1.0, update="hypergradient")
    return space


def test_layout(space):
    assert space.dimension == 8 and len(space) == 4
    assert space.names == ["lr", "batch", "optimizer", "weight"]
    assert space.slice("batch") == slice(1, 2) and space.slice("weight") == slice(3, 8)
    assert space.labels("optimizer") == ["sgd", "größe"]
    assert repr(space) == "SearchSpace(lr, batch, optimizer, weight[5])"


def test_decode_encode(space):
    vector = np.array([0.25, 16, 1, 0, 0.1, 0.2, 0.3, 0.4])
    decoded = space.decode(vector)
    assert {k: type(v) for k, v in decoded.items()} == {
        "lr": float,
        "batch": int,
        "optimizer": str,
        "weight": np.ndarray,
    }
    assert decoded["lr"] == 0.25 and decoded["batch"] == 16 and decoded["optimizer"] == "größe"
    np.testing.assert_array_equal(space.encode(decoded), vector)
    decoded["weight"][:] = 9  # the caller's own
    assert vector[3] == 0
    np.testing.assert_array_equal(space.encode({"weight": 0.5}), [np.nan] * 3 + [0.5] * 5)
    np.testing.assert_array_equal(space.encode({"optimizer": 0})[2], 0)
    with pytest.raises(hpm.ArgumentError, match="no parameter is named 'momentum'"):
        space.encode({"momentum": 1})
    with pytest.raises(hpm.ArgumentError, match="'adam'; allowed: one of sgd, größe"):
        space.encode({"optimizer": "adam"})
    with pytest.raises(hpm.ArgumentError, match=r"'weight' has shape \(2,\)"):
        space.encode({"weight": [1, 2]})
    for position, value in ((1, 16.5), (1, np.nan), (2, 2), (2, -1), (2, 0.5)):
        wrong = vector.copy()
        wrong[position] = value
        with pytest.raises(hpm.ArgumentError, match="'batch'|'optimizer'"):
            space.decode(wrong)
    with pytest.raises(hpm.ArgumentError, match=r"vector has shape \(7,\); allowed: \(8,\)"):
        space.decode(vector[:7])


@given(parameter_lists)
def test_every_space_is_read_back(parameters):
    space = build(parameters)
    low, _, _ = bounds(parameters)
    assert space.dimension == len(low)
    population = hpm.Population(space, population=2)
    loaded = hpm.Population.load(population.save()).space
    assert loaded.names == space.names and loaded.dimension == space.dimension
    for index, parameter in enumerate(parameters):
        name = f"p{index}"
        assert loaded.slice(name) == space.slice(name)
        if parameter.kind == "choice":
            assert loaded.labels(name) == space.labels(name)
        read = space.parameters[name]
        assert (read.name, read.kind, read.count, read.update) == (name, parameter.kind, parameter.count, parameter.update)
        assert (read.low, read.high, read.scale) == (parameter.low, parameter.high, parameter.scale)
        assert read.initial == parameter.initial
    for twin in (loaded, pickle.loads(pickle.dumps(space)), copy.copy(space)):
        assert twin == space and twin.parameters == space.parameters
    h = population.hyperparameters(1)
    assert_inside(h, parameters)
    expected, got = space.decode(h), loaded.decode(h)
    for parameter, name in zip(parameters, expected):
        np.testing.assert_array_equal(got[name], expected[name])
        if parameter.count > 1 or parameter.kind != "block":
            assert type(got[name]) is type(expected[name])


def test_parameters(space):
    space.set_update("batch", "fixed")
    assert list(space.parameters.values()) == [
        hpm.Parameter("lr", "real", 1e-4, 1.0, "log", 0.5),
        hpm.Parameter("batch", "integer", 8, 256, "log", 32, "fixed"),
        hpm.Parameter("optimizer", "choice", 0, 1, initial="größe", labels=("sgd", "größe")),
        hpm.Parameter("weight", "block", 0.0, 1.0, update="hypergradient", count=5),
    ]
    assert list(space.parameters) == space.names
    types = {name: (type(p.low), type(p.high)) for name, p in space.parameters.items()}
    assert types == {"lr": (float, float), "batch": (int, int), "optimizer": (int, int), "weight": (float, float)}
    assert type(space.parameters["batch"].initial) is int
    space.parameters.clear()  # the caller's own
    assert len(space.parameters) == 4
    with pytest.raises(dataclasses.FrozenInstanceError):
        space.parameters["lr"].low = 0.0


@pytest.mark.parametrize(
    "twin",
    [
        copy.copy,
        copy.deepcopy,
        lambda space: pickle.loads(pickle.dumps(space)),
        lambda space: pickle.loads(cloudpickle.dumps(space)),
        lambda space: hpm.SearchSpace(space.parameters.values()),
        lambda space: hpm.Population(space).space,
    ],
)
def test_copies_are_equal_and_apart(space, twin):
    found = twin(space)
    assert found == space and found is not space and repr(found) == repr(space)
    starts = [hpm.Population(s, seed=4).next_all().hyperparameters for s in (space, found)]
    np.testing.assert_array_equal(*starts)
    found.set_update("lr", "fixed")
    assert found != space and space.parameters["lr"].update == "auto"
    found.set_update("lr", "auto")
    assert found == space
    found.add_real("later", 0, 1)
    assert found != space and space.names == ["lr", "batch", "optimizer", "weight"]


def test_equality():
    first, second = hpm.Parameter("a", "real", 0, 1), hpm.Parameter("b", "real", 0, 1)
    assert hpm.SearchSpace() == hpm.SearchSpace() != 3
    assert hpm.SearchSpace([first, second]) != hpm.SearchSpace([second, first])
    for change in ({"high": 2}, {"scale": "logit", "low": 0.5, "high": 0.75}, {"initial": 0.5}, {"kind": "integer"}, {"kind": "block"}):
        assert hpm.SearchSpace([first]) != hpm.SearchSpace([dataclasses.replace(first, **change)])
    with pytest.raises(TypeError, match="unhashable"):
        hash(hpm.SearchSpace())


@pytest.mark.parametrize(
    ("parameter", "error", "message"),
    [
        (hpm.Parameter("a", "real", 1.0, 0.0), hpm.ArgumentError, "low"),
        (hpm.Parameter("a", "exotic"), hpm.ArgumentError, "kind is 'exotic'; allowed: real, integer, choice, block"),
        (hpm.Parameter("a", "choice"), hpm.ArgumentError, "labels"),
        (hpm.Parameter("a", "choice", labels="xy"), TypeError, "labels"),
        (hpm.Parameter("a", "block", count=0), hpm.ArgumentError, "count"),
        (hpm.Parameter("a", "real", initial="x"), TypeError, "initial"),
        ("a", TypeError, "allowed: a Parameter"),
    ],
)
def test_refused_parameters(space, parameter, error, message):
    with pytest.raises(error, match=message):
        space.add(parameter)
    assert space.dimension == 8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.add_real("a", 2, 1), "low"),
        (lambda s: s.add_real("a", 1, 1), "low"),
        (lambda s: s.add_real("a", np.nan, 1), "low"),
        (lambda s: s.add_real("a", 0, np.inf), "high"),
        (lambda s: s.add_real("a", 0, 1, "log"), "low"),
        (lambda s: s.add_real("a", 0.1, 1, "logit"), "high"),
        (lambda s: s.add_real("a", 0, 1, "exp"), "scale is 'exp'; allowed: linear, log, logit"),
        (lambda s: s.add_real("a", 0, 1, initial=2), "initial"),
        (lambda s: s.add_real("a", 0, 1, initial=np.inf), "initial"),
        (lambda s: s.add_real("a", 0, 1, update="never"), "update is 'never'"),
        (lambda s: s.add_real("lr", 0, 1), "name 'lr' is taken"),
        (lambda s: s.add_real("", 0, 1), "name"),
        (lambda s: s.add_real("a\0b", 0, 1), "NUL"),
        (lambda s: s.add_real("\udc80", 0, 1), "name"),
        (lambda s: s.add_integer("a", 0.5, 3), "low"),
        (lambda s: s.add_integer("a", 0, 2**54), "high"),
        (lambda s: s.add_integer("a", 0, 3, "log"), "low"),
        (lambda s: s.add_integer("a", 1, 3, "logit"), "scale"),
        (lambda s: s.add_integer("a", 1, 3, initial=1.5), "initial"),
        (lambda s: s.add_integer("a", 1, 3, update="both"), "update is 'both'"),
        (lambda s: s.add_choice("a", ["x"]), "labels"),
        (lambda s: s.add_choice("a", []), "labels"),
        (lambda s: s.add_choice("a", ["x", "x"]), "label 'x'"),
        (lambda s: s.add_choice("a", ["x", ""]), "label"),
        (lambda s: s.add_choice("a", ["x", "y"], initial="z"), "initial is 'z'; allowed: one of x, y"),
        (lambda s: s.add_choice("a", ["x", "y"], initial=2), "initial"),
        (lambda s: s.add_choice("a", ["x", "y"], initial=-1), "initial is -1"),
        (lambda s: s.add_choice("a", ["x", "y"], update="hypergradient"), "update"),
        (lambda s: s.add_block("a", 0, 0, 1), "count"),
        (lambda s: s.add_block("a", -1, 0, 1), "count is -1"),
        (lambda s: s.add_block("a", 2**64 + 1, 0, 1), "count"),
        (lambda s: s.set_update("b", "fixed"), "no parameter is named 'b'"),
        (lambda s: s.set_update("batch", "both"), "batch"),
        (lambda s: s.slice("b"), "'b'"),
        (lambda s: s.labels("lr"), "'lr' is no choice"),
    ],
)
def test_refused_values_change_nothing(space, call, message):
    with pytest.raises(hpm.ArgumentError, match=message) as caught:
        call(space)
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, hpm.Error)
    assert space.names == ["lr", "batch", "optimizer", "weight"] and space.dimension == 8
    space.add_real("a", 0, 1)  # the name was not taken by the attempt
    assert space.dimension == 9


def test_a_block_beyond_all_memory(space):
    with pytest.raises((hpm.OutOfMemoryError, hpm.ArgumentError), match="count"):
        space.add_block("a", 2**62, 0, 1)
    space.add_block("big", 2**40, 0, 1)
    with pytest.raises(hpm.OutOfMemoryError, match="MiB"):
        hpm.Population(space)
    with pytest.raises(MemoryError):
        hpm.Population(hpm.SearchSpace().add_real("x", 0, 1), population=2**50)


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.add_real(3, 0, 1),
        lambda s: s.add_real(b"a", 0, 1),
        lambda s: s.add_real(None, 0, 1),
        lambda s: s.add_real("a", "0", 1),
        lambda s: s.add_real("a", 0, None),
        lambda s: s.add_real("a", 0, 1j),
        lambda s: s.add_choice("a", "xy"),
        lambda s: s.add_choice("a", ["x", 1]),
        lambda s: s.add_choice("a", ["x", "y"], initial=0.5),
        lambda s: s.add_block("a", 1.5, 0, 1),
        lambda s: s.slice(0),
    ],
)
def test_wrong_types(space, call):
    with pytest.raises(TypeError, match="allowed"):
        call(space)
    assert space.dimension == 8


def test_closing():
    with hpm.SearchSpace().add_real("x", 0, 1) as space:
        population = hpm.Population(space)
    assert space.closed
    space.close()
    with pytest.raises(hpm.HandleError, match="space"):
        space.add_real("y", 0, 1)
    with pytest.raises(hpm.HandleError, match="space"):
        hpm.Population(space)
    with pytest.raises(hpm.HandleError, match="space"):
        pickle.dumps(space)
    assert population.space.names == ["x"]  # its copy lives on
    population.space.close()
    assert population.space.names == ["x"]


def test_a_population_copies_its_space(space):
    population = hpm.Population(space)
    space.add_real("later", 0, 1)
    assert population.space.names == ["lr", "batch", "optimizer", "weight"]
    copy = population.space
    copy.add_real("other", 0, 1)
    assert population.space.dimension == 8 and copy.dimension == 9


def test_an_empty_space():
    with pytest.raises(hpm.ArgumentError, match="space"):
        hpm.Population(hpm.SearchSpace())
