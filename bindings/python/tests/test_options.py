"""Options: what is in force, what nobody reads, and the table that the docs are made from."""

import copy
import pickle
import re
import warnings

import libhpm as hpm
import numpy as np
import pytest
from libhpm._option_table import ENTRIES

SPACE = hpm.SearchSpace().add_block("x", 4, 0.0, 1.0)
DEFAULTS = {entry.name: hpm._options.value(entry.default.strip("`")) for entry in ENTRIES}


def silent(*arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hpm.OptionWarning)
        return hpm.Population(*arguments, **options)


def warnings_of(**options):
    """The sentences of the warning, if any; anything else than that is an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        hpm.Population(SPACE, **options)
    assert all(one.category is hpm.OptionWarning and one.filename == __file__ for one in caught)
    return "; ".join(str(one.message) for one in caught)


# What there is


def test_the_names_are_those_of_the_table():
    assert hpm.option_names() == [entry.name for entry in ENTRIES]
    (words,) = (entry.values for entry in ENTRIES if entry.name == "algorithm")
    assert hpm.algorithms() == re.findall("`([^`]+)`", words) and len(hpm.algorithms()) == 13
    for algorithm in hpm.algorithms():
        assert silent(SPACE, algorithm=algorithm).options["algorithm"] == algorithm
    with pytest.raises(hpm.ArgumentError, match="allowed: " + ", ".join(hpm.algorithms())):
        hpm.Population(SPACE, algorithm="best")


# What is in force


def expected_defaults(algorithm):
    """By the table's meanings."""
    expected = dict(DEFAULTS, algorithm=algorithm, interval=5)
    if algorithm == "memetic":
        expected["population"] = 4
    K = expected["population"]
    expected["sub_populations"] = max(1, min(4, K // 4))
    expected["teacher_evaluations"] = K // 2
    if algorithm == "hpm-paper":
        expected |= {"hyper_optimizer": "sgd", "hyper_learning_rate": 0.1}
    if algorithm in ("hpm-paper", "mutation-only"):
        expected["teacher"] = "attention"
    if algorithm in ("hpm", "reinforced"):
        expected["mutation_scale"] = 0.1
    return expected


@pytest.mark.parametrize("algorithm", hpm.algorithms())
def test_the_defaults_are_those_of_the_table(algorithm):
    options = hpm.Population(SPACE, algorithm=algorithm).options
    assert options == expected_defaults(algorithm)
    assert list(options) == hpm.option_names()


def test_defaults_that_other_options_decide():
    for given, expected in (
        ({"hyper_optimizer": "sgd"}, {"hyper_learning_rate": 0.1}),
        ({"algorithm": "hpm-paper", "teacher": "perceptron"}, {"teacher_activation": "tanh"}),
        ({"estimator": "nystrom"}, {"estimator_damping": 1e-3}),
        ({"population": 100, "algorithm": "mf-pbt"}, {"sub_populations": 4}),
        ({"population": -1, "algorithm": "memetic"}, {"population": 4}),
        *(({"steps": steps}, {"interval": interval}) for steps, interval in (
            (0, 5), (1, 1), (3, 1), (14, 1), (15, 2), (20, 2), (30, 3), (44, 4), (45, 5), (50, 5), (10**6, 5)
        )),
    ):
        options = silent(SPACE, **given).options
        assert {name: options[name] for name in expected} == expected, given


TYPES = {
    "algorithm": ("pbt", "pbt"), "population": (5, 5), "seed": (2**63 - 1, 2**63 - 1), "steps": ("40", 40),
    "truncation": (np.float32(0.25), 0.25), "direction": ("maximize", "maximize"), "mutation_scale": ("3e-1", 0.3),
    "interval": (np.int64(7), 7), "teacher_share": (1, 1.0), "estimator_tolerance": (1e-300, 1e-300),
    "hyper_learning_rate": (1e300, 1e300), "burn_in": (-0 + 3, 3),
}  # fmt: skip


def test_options_are_read_back_as_they_were_given():
    population = silent(SPACE, **{name: given for name, (given, _) in TYPES.items()})
    for name, (_, expected) in TYPES.items():
        value = population.options[name]
        assert value == expected and type(value) is type(expected), name
    rest = expected_defaults("pbt") | {"teacher_evaluations": 2, "sub_populations": 1}
    for name, value in population.options.items():
        assert name in TYPES or value == rest[name], name
    with pytest.raises(hpm.HandleError):
        population.close()
        population.options


def test_each_has_one_type_whatever_its_value():
    types = {name: type(value) for name, value in hpm.Population(SPACE).options.items()}
    assert set(types.values()) == {int, float, str}
    for entry in ENTRIES:
        if types[entry.name] is str:
            for word in re.findall("`([^`]+)`", entry.values):
                assert silent(SPACE, **{entry.name: word, "estimator_damping": 1}).options[entry.name] == word
        else:
            value = {int: 1, float: 0.5}[types[entry.name]]
            read = silent(SPACE, **{entry.name: value}).options[entry.name]
            assert read == value and type(read) is type(value), entry.name
            if types[entry.name] is float:  # a whole one, too
                whole = 0 if entry.name in ("truncation", "estimator_tolerance", "check_tolerance") else 1
                read = silent(SPACE, **{entry.name: whole}).options[entry.name]
                assert read == whole and type(read) is float, entry.name


@pytest.mark.parametrize("algorithm", hpm.algorithms())
def test_options_are_read_back_after_load(algorithm):
    population = silent(
        SPACE, algorithm=algorithm, population=6, steps=30, seed=5, burn_in=2, direction="maximize", teacher_units=3
    )
    population.next_all()
    population.report_all(np.arange(6.0), np.ones((6, 4)))
    for twin in (
        hpm.Population.load(population.save()), copy.deepcopy(population), pickle.loads(pickle.dumps(population))
    ):
        assert twin.options == population.options


def test_a_population_of_its_own_options_is_the_same():
    first = silent(SPACE, algorithm="hpm-paper", steps=30, population=5, teacher="perceptron")
    second = silent(SPACE, **first.options)
    assert second.save() == first.save()


def test_options_of_now():
    population = hpm.Population(SPACE, population=4, steps=50)
    population.grow(2)
    population.set_steps(80)
    assert (population.options["population"], population.options["steps"]) == (6, 80)


# What nobody reads


UNREAD = [
    ({"algorithm": "pbt", "hyper_learning_rate": 0.1}, ["hyper_learning_rate"]),
    ({"algorithm": "random", "interval": 3, "truncation": 0.1, "trial": 5}, ["interval", "truncation"]),
    ({"algorithm": "bayesian", "burn_in": 3}, ["burn_in"]),
    ({"algorithm": "hpm", "trial": 5}, ["trial"]),
    ({"algorithm": "hpm", "teacher_units": 5, "teacher_share": 0.5}, ["teacher_units", "teacher_share"]),
    ({"algorithm": "hpm", "frequency_ratio": 3, "sub_populations": 2}, ["frequency_ratio", "sub_populations"]),
    ({"algorithm": "hypergradient", "mutation_scale": 0.1}, ["mutation_scale"]),
    ({"algorithm": "memetic", "interval": 3}, ["interval"]),
    ({"algorithm": "mutation-only", "hyper_optimizer": "sgd"}, ["hyper_optimizer"]),
]


@pytest.mark.parametrize(("options", "names"), UNREAD)
def test_options_that_nobody_reads_are_named(options, names):
    said = warnings_of(**options)
    assert sorted(re.findall(r"does not read option '(\w+)'", said)) == sorted(names)
    assert options["algorithm"] in said
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(hpm.OptionWarning):
            hpm.Population(SPACE, **options)


def test_options_that_are_read_are_not_named():
    for options in (
        {},
        {"seed": 3, "steps": 100, "direction": "maximize", "schedule": "asynchronous", "population": 12},
        {"algorithm": "hpm", "hyper_learning_rate": 0.1, "mutation_scale": 0.3, "truncation": 0.4, "burn_in": 5},
        {"algorithm": "hpm-paper", "teacher_units": 5, "teacher_share": 0.5, "teacher_evaluations": 2},
        {"algorithm": "mf-pbt", "frequency_ratio": 3, "sub_populations": 2},
        {"algorithm": "random", "trial": 5},
        {"algorithm": "pbt", "hyper_learning_rate": None, "trial": None},
        {"algorithm": "hypergradient", "hyper_optimizer": "sgd"},
        {"estimator": "neumann", "estimator_iterations": 3},
    ):
        assert warnings_of(**options) == "", options


@pytest.mark.parametrize("algorithm", hpm.algorithms())
def test_an_option_that_is_not_named_changes_the_run(algorithm):
    """And one that is named changes nothing: the trace of a run says who reads what."""
    values = {
        "mutation_scale": 0.37, "truncation": 0.41, "interval": 2, "burn_in": 7, "hyper_learning_rate": 0.011,
        "frequency_ratio": 3, "trial": 4, "teacher_units": 2, "teacher_learning_rate": 3.0,
    }  # fmt: skip
    base = {"algorithm": algorithm, "population": 8, "steps": 40, "seed": 3}
    space = hpm.SearchSpace().add_block("x", 3, 0.0, 1.0)
    if algorithm != "memetic":
        space.add_real("without", 0, 1).add_integer("k", 1, 50).add_choice("c", ["a", "b", "c"])
    if algorithm == "mf-pbt":
        values["truncation"] = 0.0  # it reads no other
    if algorithm == "pb2":
        values["mutation_scale"] = 0.0  # likewise

    def trace(**options):
        population, random, steps = silent(space, **base, **options), np.random.default_rng(1), []
        while True:
            a = population.next_all()
            if (a.actions == hpm.Action.STOP).all():
                return steps
            steps.append((a.actions.tobytes(), a.hyperparameters.tobytes()))
            h = a.hyperparameters
            losses = ((h[:, :3] - 0.4) ** 2).sum(1) + (algorithm != "memetic") * random.standard_normal(8)[: len(h)]
            gradients = np.full(h.shape, np.nan)
            gradients[:, :3] = 2 * (h - 0.4)[:, :3]
            population.report_all(losses, gradients)

    if algorithm == "memetic":
        base["population"] = 4
    plain = trace()
    for name, value in values.items():
        unread = f"'{name}'" in warnings_of(**base, **{name: value})
        assert (trace(**{name: value}) == plain) == unread, name


# A run that will hardly exploit


def test_a_run_that_will_hardly_exploit_says_so():
    for options, counts in (
        ({"steps": 20, "interval": 5}, "there are 3 exploits, each of which replaces 1 of 8 students"),
        ({"steps": 3, "interval": 5}, "there are 0 exploits"),
        ({"steps": 3}, "there are 2 exploits"),
        ({"steps": 60, "burn_in": 58}, "there are 0 exploits"),
    ):
        said = warnings_of(**options)
        assert counts in said and "hardly" in said and "steps" in said, options
    with pytest.warns(hpm.OptionWarning, match="hardly") as caught:
        hpm.tune(lambda k, h: 0.0, SPACE, models=[None] * 8, steps=20, interval=5, progress=False)
    assert caught[0].filename == __file__
    for options in (
        {"steps": 0},
        {"steps": 20},
        {"steps": 50},
        {"steps": 3, "algorithm": "random"},
        {"steps": 3, "algorithm": "hypergradient"},
        {"steps": 3, "algorithm": "memetic"},
        {"steps": 20, "truncation": 0.0},
        {"steps": 20, "population": 1},
    ):
        assert warnings_of(**options) == "", options


def test_the_exploits_of_the_warning_are_those_of_the_run():
    """The number that it names, and what each replaces, counted in a run."""
    random, said_something = np.random.default_rng(0), 0
    for _ in range(60):
        options = {
            "population": int(random.integers(2, 15)), "steps": int(random.integers(1, 30)),
            "interval": int(random.integers(1, 9)), "burn_in": int(random.integers(0, 9)),
            "truncation": float(random.choice([0.1, 0.2, 0.5])), "algorithm": "pbt",
        }  # fmt: skip
        said = warnings_of(**options)
        found = re.search(r"there (?:is|are) (\d+) exploits?, (?:each of )?which replaces (\d+) of", said)
        exploits, clones, population = 0, 0, silent(SPACE, **options)
        while not ((a := population.next_all()).actions == hpm.Action.STOP).all():
            exploits += bool((a.actions == hpm.Action.CLONE).any())
            clones += int((a.actions == hpm.Action.CLONE).sum())
            population.report_all(np.arange(float(options["population"])))
        if found:
            said_something += 1
            assert int(found[1]) == exploits
            assert exploits == 0 or int(found[2]) * exploits == clones
    assert said_something > 10
