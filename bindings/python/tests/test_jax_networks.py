"""Self-tuning networks in JAX against torch's, closed forms and finite differences."""

import os

import libhpm as hpm
import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed")
import jax.numpy as jnp  # noqa: E402
from libhpm import _jax  # noqa: E402

hj = hpm.jax
SAME = dict(rtol=1e-10, atol=1e-10)


@pytest.fixture(autouse=True)
def double_precision():
    with _jax._double():
        yield


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch.manual_seed(0)
    return torch


def noisy(tree, seed=0):
    """With a response that is not 0."""
    generator = np.random.default_rng(seed)
    return jax.tree_util.tree_map(lambda leaf: leaf + 0.3 * generator.standard_normal(leaf.shape), tree)


def given(torch, layer):
    """A torch layer whose response is not 0, and its parameters as JAX arrays."""
    layer = layer.double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return hj.nested(layer.state_dict())


def both(*shape, seed=1):
    array = np.random.default_rng(seed).standard_normal(shape)
    return array, jnp.asarray(array)


# Layers.

N, BATCH = 3, 4
SHAPES = [(N,), (BATCH, N)]


@pytest.mark.parametrize("shape", [*SHAPES, None])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_torchs(torch, shape, bias):
    layer = hpm.torch.HyperLinear(5, 6, N, bias)
    params = given(torch, layer)
    x, jx = both(BATCH, 5)
    z, jz = both(*shape, seed=2) if shape else (None, None)
    expected = layer(torch.tensor(x), None if z is None else torch.tensor(z))
    np.testing.assert_allclose(hj.linear(params, jx, jz), expected.detach(), **SAME)


def test_linear_of_sequences_is_torchs(torch):
    layer = hpm.torch.HyperLinear(5, 6, N)
    params = given(torch, layer)
    from libhpm.torch.context import Context

    layer.context = Context(batch_dim=1)
    (x, jx), (z, jz) = both(7, BATCH, 5), both(BATCH, N, seed=2)
    expected = layer(torch.tensor(x), torch.tensor(z)).detach()
    np.testing.assert_allclose(hj.linear(params, jx, jz, batch_dim=1), expected, **SAME)


@pytest.mark.parametrize("shape", [*SHAPES, None])
@pytest.mark.parametrize("options", [{}, dict(stride=2, padding=1), dict(padding=(0, 2), dilation=2, groups=2)])
def test_conv2d_is_torchs(torch, shape, options):
    layer = hpm.torch.HyperConv2d(4, 6, (3, 2), N, **options)
    params = given(torch, layer)
    x, jx = both(BATCH, 4, 8, 9)
    z, jz = both(*shape, seed=2) if shape else (None, None)
    expected = layer(torch.tensor(x), None if z is None else torch.tensor(z)).detach()
    np.testing.assert_allclose(hj.conv2d(params, jx, jz, **options), expected, **SAME)


@pytest.mark.parametrize("shape", [*SHAPES, None])
def test_embedding_is_torchs(torch, shape):
    layer = hpm.torch.HyperEmbedding(10, 6, N)
    params = given(torch, layer)
    words = np.random.default_rng(0).integers(10, size=(BATCH, 7))
    z, jz = both(*shape, seed=2) if shape else (None, None)
    expected = layer(torch.tensor(words), None if z is None else torch.tensor(z)).detach()
    np.testing.assert_allclose(hj.embedding(params, jnp.asarray(words), jz), expected, **SAME)


@pytest.mark.parametrize("shape", [*SHAPES, None])
@pytest.mark.parametrize("layers, bias, stateful", [(1, True, False), (2, True, True), (2, False, True)])
def test_lstm_is_torchs(torch, shape, layers, bias, stateful):
    layer = hpm.torch.HyperLSTM(5, 6, N, layers, bias)
    params = given(torch, layer)
    x, jx = both(7, BATCH, 5)
    z, jz = both(*shape, seed=2) if shape else (None, None)
    states = [both(layers, BATCH, 6, seed=seed) for seed in (3, 4)]
    state = tuple(torch.tensor(s) for s, _ in states) if stateful else None
    output, (h, c) = layer(torch.tensor(x), state, None if z is None else torch.tensor(z))
    mine, (jh, jc) = hj.lstm(params, jx, tuple(s for _, s in states) if stateful else None, jz)
    for a, b in ((mine, output), (jh, h), (jc, c)):
        np.testing.assert_allclose(a, b.detach(), **SAME)


LAYERS = {
    "linear": (lambda key: hj.init_linear(key, 5, 6, N), hj.linear, (BATCH, 5)),
    "conv2d": (lambda key: hj.init_conv2d(key, 2, 6, 3, N), hj.conv2d, (BATCH, 2, 5, 5)),
    "embedding": (lambda key: hj.init_embedding(key, 10, 6, N), hj.embedding, None),
    "lstm": (
        lambda key: hj.init_lstm(key, 5, 6, N, 2),
        lambda params, x, z=None: hj.lstm(params, x, z=z)[0],
        (7, BATCH, 5),
    ),
}


def layer_of(name):
    init, apply, shape = LAYERS[name]
    x = both(*shape)[1] if shape else jnp.asarray(np.random.default_rng(0).integers(10, size=BATCH))
    return init(jax.random.key(0)), apply, x


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LAYERS)
def test_without_coordinates_it_is_the_ordinary_layer_bit_for_bit(name, shape):
    params, apply, x = layer_of(name)
    # The same coordinates with V = 0, and z = 0 with another V.
    plain = apply(params, x)
    assert (apply(params, x, jnp.ones(shape)) == plain).all()
    params = {key: noisy(part) if key.startswith("scale_") else part for key, part in params.items()}
    assert (apply(params, x, jnp.zeros(shape)) == plain).all()
    assert (apply(params, x, jnp.ones(shape)) != plain).any()
    ordinary = {key: part for key, part in params.items() if not key.startswith(("scale_", "response_"))}
    assert (apply(ordinary, x, jnp.ones(shape)) == plain).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_finite_differences(name, shape):
    params, apply, x = layer_of(name)
    params, z = noisy(params), both(*shape, seed=2)[1]
    loss = jax.jit(lambda params, z: (jnp.tanh(apply(params, x, z)) ** 2).sum())
    point = params, z
    slope = jax.grad(loss, (0, 1))(*point)
    generator = np.random.default_rng(3)
    for _ in range(3):
        direction = jax.tree_util.tree_map(lambda leaf: generator.standard_normal(leaf.shape), point)
        at = lambda step: float(loss(*jax.tree_util.tree_map(lambda p, d: p + step * d, point, direction)))
        numeric = (at(1e-5) - at(-1e-5)) / 2e-5
        exact = sum(jnp.vdot(s, d) for s, d in zip(*map(jax.tree_util.tree_leaves, (slope, direction))))
        assert float(exact) == pytest.approx(numeric, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_one_z_for_all_is_the_same_z_for_each(name):
    params, apply, x = layer_of(name)
    params, z = noisy(params), both(N, seed=2)[1]
    np.testing.assert_allclose(apply(params, x, z), apply(params, x, jnp.tile(z, (BATCH, 1))), **SAME)


def test_initial_parameters_have_torchs_names_and_ranges(torch):
    for name, made in {
        "linear": hpm.torch.HyperLinear(5, 6, N),
        "conv2d": hpm.torch.HyperConv2d(2, 6, 3, N),
        "embedding": hpm.torch.HyperEmbedding(10, 6, N),
        "lstm": hpm.torch.HyperLSTM(5, 6, N, 2),
    }.items():
        params, state = layer_of(name)[0], made.state_dict()
        assert {key: part.shape for key, part in params.items()} == {key: tuple(part.shape) for key, part in state.items()}
    for name, bound in (("linear", 5**-0.5), ("conv2d", 18**-0.5), ("lstm", 6**-0.5)):
        for key, part in layer_of(name)[0].items():
            assert (part == 0).all() if key.startswith("scale_") else 0.5 * bound < abs(part).max() <= bound


def test_wrong_coordinates_are_named():
    params, apply, x = layer_of("linear")
    with pytest.raises(hpm.ArgumentError, match=r"linear have shape \(2,\); allowed: \(3,\)"):
        apply(params, x, jnp.zeros(2))
    with pytest.raises(hpm.ArgumentError, match="7 examples in dimension 0"):
        apply(params, x, jnp.zeros((7, N)))
    with pytest.raises(hpm.ArgumentError, match="'weight'"):
        hj.linear({"kernel": jnp.zeros((2, 3))}, x)
    for name, what in (("conv2d", "of conv2d are of 7 examples"), ("lstm", "of lstm are of 7 examples")):
        params, apply, x = layer_of(name)
        with pytest.raises(hpm.ArgumentError, match=what):
            apply(params, x, jnp.zeros((7, N)))
    with pytest.raises(hpm.ArgumentError, match="hyperparameters is -1"):
        hj.init_linear(jax.random.key(0), 1, 1, -1)


# Coordinates.


def test_coordinates_are_torchs(torch):
    space = hpm.SearchSpace().add_real("a", 0.0, 0.8).add_real("b", 1e-6, 1e-2, scale="log")
    space.add_block("c", 3, 0.1, 0.9, scale="logit").add_integer("d", 1, 5)
    mine, theirs = hj.Coordinates(space), hpm.torch.Coordinates(space)
    assert mine.names == theirs.names == ["a", "b", "c"] and mine.dimension == 5
    values = {"a": 0.3, "b": 1e-3, "c": [0.2, 0.5, 0.7]}
    z = theirs.coordinates(theirs.vector(values))
    np.testing.assert_allclose(mine.coordinates(mine.vector(values)), z, **SAME)
    np.testing.assert_allclose(mine.natural(jnp.asarray(z.numpy())), theirs.natural(z), **SAME)
    assert mine.split(mine.vector(values))["c"].shape == (3,)
    assert mine.vector({"a": 0, "b": 1e-3, "c": 0.5}).tolist() == theirs.vector({"a": 0, "b": 1e-3, "c": 0.5}).tolist()
    with pytest.raises(hpm.ArgumentError, match="'c' has 2 values; allowed: 3"):
        mine.vector(values | {"c": [0.1, 0.2]})
    with pytest.raises(hpm.ArgumentError, match="'d' is of kind integer"):
        hj.Coordinates(space, ["d"])


# Conversion.


def test_conversion_keeps_outputs_and_finds_layers(torch):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(8, 3)).double()
    params = hj.nested(network.state_dict())
    converted = hj.convert(params, N, jax.random.key(0))
    assert converted["0"]["scale_weight"].shape == (2, N) and converted["2"]["scale_bias"].shape == (3, N)
    x, jx = both(BATCH, 1, 4, 4)
    output = hj.linear(converted["2"], hj.conv2d(converted["0"], jx, jnp.ones(N)).reshape(BATCH, -1), jnp.ones(N))
    np.testing.assert_allclose(output, network(torch.tensor(x)).detach(), **SAME)
    assert "scale_weight" not in params["0"]
    again = hj.convert(converted, N, jax.random.key(1))
    assert (again["0"]["response_weight"] == converted["0"]["response_weight"]).all()


def test_conversion_of_lists_embeddings_and_lstms():
    lstm = {key: part for key, part in layer_of("lstm")[0].items() if not key.startswith(("response_", "scale_"))}
    params = [{"weight": jnp.ones((10, 4))}, (lstm,), {"weight": jnp.ones((10, 4))}]
    converted = hj.convert(params, N, jax.random.key(0), embeddings=["0"])
    assert converted[0]["scale_weight"].shape == (4, N) and converted[2]["scale_weight"].shape == (10, N)
    assert converted[1][0]["scale_weight_hh_l1"].shape == (24, N)
    some = hj.convert({"a": params[2], "norm": {"weight": jnp.ones(3)}, "n": 3}, N, jax.random.key(0), names=["a"])
    assert "scale_weight" in some["a"] and sorted(some["norm"]) == ["weight"]


def test_what_cannot_be_converted_is_named():
    key = jax.random.key(0)
    with pytest.raises(hpm.ArgumentError, match=r"'blocks.1.norm.weight' has shape \(3,\)"):
        hj.convert({"blocks": [{}, {"norm": {"weight": jnp.ones(3)}}]}, N, key)
    with pytest.raises(hpm.ArgumentError, match="'a.kernel'"):
        hj.convert({"a": {"kernel": jnp.ones((3, 2))}}, N, key)
    with pytest.raises(hpm.ArgumentError, match="'a.gain'"):
        hj.convert({"a": {"weight": {"weight": jnp.ones((3, 2))}, "gain": jnp.ones(())}}, N, key)
    with pytest.raises(hpm.ArgumentError, match="names has 'b', which is no layer; allowed: a"):
        hj.convert({"a": {"weight": jnp.ones((3, 2))}}, N, key, names=["b"])
    with pytest.raises(hpm.ArgumentError, match="embeddings has 'b'"):
        hj.convert({"a": {"weight": jnp.ones((3, 2))}}, N, key, embeddings=["b"])


# Delta-STN.


def mlp(params, x, z):
    return hj.linear(params["2"], jnp.tanh(hj.linear(params["0"], x, z)), z)


@pytest.mark.parametrize("per_example", [True, False])
def test_the_linearized_response_is_torchs(torch, per_example):
    space = hpm.SearchSpace().add_real("a", 0.0, 1.0, initial=0.3).add_real("b", 1e-3, 1.0, scale="log", initial=0.1)
    network = torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2)).double()
    model = hpm.torch.SelfTuning(network, space, delta=True, per_example=per_example)
    params = given(torch, model.network)
    (x, jx), (y, jy) = both(BATCH, 5), both(BATCH, 2, seed=2)
    offsets = []

    def loss(model):
        output = model(torch.tensor(x))
        if model.context.coordinates is not None:
            offsets.append((model.context.coordinates.detach().numpy(), output.detach().numpy()))
        return ((output - torch.tensor(y)) ** 2).mean()

    model.train().backward(loss)
    [(z, expected)] = offsets
    assert z.shape == ((BATCH, 2) if per_example else (2,)) and abs(z).max() > 0
    z = jnp.asarray(z)
    output = hj.linearized(lambda params, z: mlp(params, jx, z), params, z)
    np.testing.assert_allclose(output, expected, **SAME)

    def both_losses(params):
        center, moved = mlp(params, jx, None), hj.linearized(lambda params, z: mlp(params, jx, z), params, z)
        return ((center - jy) ** 2).mean() + ((moved - jy) ** 2).mean()

    slope = jax.grad(both_losses)(params)
    for name, parameter in model.network.named_parameters():
        layer, part = name.split(".")
        np.testing.assert_allclose(slope[layer][part], parameter.grad, **SAME)

    value, expected_slope = model.hypergradient(loss)
    coordinates = hj.Coordinates(space)
    mine, slope = hj.hypergradient(
        lambda params, z, values: ((mlp(params, jx, z) - jy) ** 2).mean(), params, {"a": 0.3, "b": 0.1}, coordinates
    )
    assert mine == pytest.approx(value, rel=1e-10)
    assert slope == pytest.approx(expected_slope, rel=1e-10)


def test_it_is_the_derivative_along_the_response_of_elementary_parameters():
    keys = jax.random.split(jax.random.key(0))
    params = noisy({"0": hj.init_linear(keys[0], 5, 6, N), "2": hj.init_linear(keys[1], 6, 2, N)})
    x, z = both(BATCH, 5)[1], both(BATCH, N, seed=2)[1]
    elementary = {k: {n: layer[n] for n in ("weight", "bias")} for k, layer in params.items()}

    def one(x, z):
        tangent = {k: {n: hj.best_response(layer, n, z) - layer[n] for n in ("weight", "bias")} for k, layer in params.items()}
        value, change = jax.jvp(lambda w: mlp(w, x[None], None), (elementary,), (tangent,))
        return (value + change)[0]

    expected = jax.vmap(one)(x, z)
    np.testing.assert_allclose(hj.linearized(lambda p, z: mlp(p, x, z), params, z), expected, **SAME)
    shared = jax.vmap(one, (0, None))(x, z[0])
    np.testing.assert_allclose(hj.linearized(lambda p, z: mlp(p, x, z), params, z[0]), shared, **SAME)


# Regularisers.

IMAGES = np.random.default_rng(0).random((6, 3, 8, 10))
KEY = jax.random.key(7)


@pytest.mark.parametrize("strength", [0.0, np.zeros(6)])
def test_of_strength_zero_they_change_nothing(strength):
    x, words = jnp.asarray(IMAGES), jnp.asarray(np.arange(6 * 3 * 8).reshape(6, 3, 8))
    for output in (
        hj.dropout(KEY, x, strength),
        hj.embedding_dropout(KEY, x, words, strength, 144),
        hj.gaussian_noise(KEY, x, strength),
        hj.color_jitter(KEY, x, strength, strength, strength, strength),
        hj.color_jitter(KEY, x),
        hj.input_scaling(KEY, x, strength),
        hj.random_shift(KEY, x, strength),
        hj.cutout(KEY, x, strength, 3),
        hj.cutout(KEY, x, 1, strength),
    ):
        np.testing.assert_allclose(output, x, rtol=1e-12, atol=1e-12)
    params = layer_of("lstm")[0]
    dropped = hj.drop_connect(KEY, params, strength)
    assert all((dropped[name] == part).all() for name, part in params.items())
    assert hj.weight_decay(params, strength) == 0 and hj.activation_penalty(x, strength) == 0


def test_dropout_has_its_rate_and_keeps_the_mean():
    x = jnp.ones((2, 20000))
    output = hj.dropout(KEY, x, jnp.array([0.2, 0.7]))
    assert np.allclose((output == 0).mean(1), [0.2, 0.7], atol=0.02) and np.allclose(output.mean(1), 1, atol=0.05)
    assert set(np.unique(output[0])) == {0.0, 1 / 0.8}
    assert np.isfinite(hj.dropout(KEY, x, 1.0)).all()
    noise = hj.gaussian_noise(KEY, x, 2.0) - x
    assert np.allclose([noise.mean(), noise.std()], [0, 2], atol=0.05)
    shared = hj.dropout(KEY, jnp.ones((5, 4, 3, 3)), 0.5, shared=(2, 3))
    assert (shared == shared[:, :, :1, :1]).all()
    with pytest.raises(hpm.ArgumentError, match="dimension 2; the input has 2"):
        hj.dropout(KEY, x, 0.5, shared=[2])
    with pytest.raises(hpm.ArgumentError, match="dropout got an array of shape"):
        hj.dropout(KEY, x, jnp.zeros(3))


def test_drop_connect_masks_weights_and_their_response_alike():
    params = noisy(layer_of("lstm")[0])
    dropped = hj.drop_connect(KEY, params, 0.4)
    for layer in range(2):
        zero = dropped[f"weight_hh_l{layer}"] == 0
        assert 0.2 < zero.mean() < 0.6 and (zero == (dropped[f"response_weight_hh_l{layer}"] == 0)).all()
        assert (dropped[f"weight_ih_l{layer}"] == params[f"weight_ih_l{layer}"]).all()
    with pytest.raises(hpm.ArgumentError, match="weight_hh_l0"):
        hj.drop_connect(KEY, {"weight": jnp.ones((2, 2))}, 0.5)


def test_augmentation_stays_in_its_ranges():
    x = jnp.asarray(IMAGES)
    jittered = hj.color_jitter(KEY, x, 0.5, 0.5, 0.5, 0.2)
    assert (jittered >= 0).all() and (jittered <= 1).all() and (jittered != x).any()
    factor = hj.input_scaling(KEY, x, jnp.arange(6.0)) / x
    assert np.allclose(factor, factor[:, :1, :1, :1])
    high = 1 + np.arange(6)
    assert (factor[:, 0, 0, 0] >= 1 / high - 1e-9).all() and (factor[:, 0, 0, 0] <= high + 1e-9).all()
    cut = hj.cutout(KEY, jnp.ones((50, 1, 9, 9)), 2.9, 3.5)
    area = (cut == 0).sum((1, 2, 3))
    assert (area >= 4).all() and (area <= 18).all()
    # A turn of hue does not change luma.
    luma = np.array([0.299, 0.587, 0.114])
    from libhpm.jax.augmentation import _turn

    assert np.allclose(luma @ np.asarray(_turn(jnp.array([1.3]))[0]), luma, atol=1e-3)
    slope = jax.grad(lambda s: hj.color_jitter(KEY, x, s, s, s, s).sum() + hj.random_shift(KEY, x, s).sum())(0.1)
    assert np.isfinite(slope) and slope != 0
    with pytest.raises(hpm.ArgumentError, match=r"allowed: \[batch, 3, height, width\]"):
        hj.color_jitter(KEY, x[:, :2], 0.1)


def test_shifts_and_penalties_are_torchs(torch):
    from libhpm.jax.augmentation import _shifted
    from torch.nn import functional

    shift = np.random.default_rng(1).uniform(-0.4, 0.4, (6, 2))
    unit = torch.eye(2, dtype=torch.float64).expand(6, 2, 2)
    grid = functional.affine_grid(torch.cat((unit, torch.tensor(2 * shift)[:, :, None]), 2), IMAGES.shape, align_corners=False)
    expected = functional.grid_sample(torch.tensor(IMAGES), grid, align_corners=False)
    np.testing.assert_allclose(_shifted(jnp.asarray(IMAGES), jnp.asarray(shift)), expected, **SAME)

    space = hpm.SearchSpace().add_real("l2", 1e-3, 1.0, scale="log", initial=0.1)
    network = torch.nn.Sequential(torch.nn.Embedding(7, 5), torch.nn.Linear(5, 5), torch.nn.Linear(5, 2)).double()
    model = hpm.torch.SelfTuning(network, space)
    params = given(torch, model.network)
    decay = model.bind(hpm.torch.WeightDecay("l2"))
    for train in (True, False):
        model.train(train)
        model(torch.arange(4))
        z, l2 = model.context.coordinates, model.context.values["l2"]
        z = None if z is None else jnp.asarray(z.numpy())  # centred: in evaluation there is nothing to respond to
        mine = hj.weight_decay(params, jnp.asarray(l2.numpy()), z, embeddings=["0"])
        assert float(mine) == pytest.approx(decay(model).item(), rel=1e-10)
    with pytest.raises(hpm.ArgumentError, match=r"embeddings=\['0'\]"):
        hj.weight_decay(params, 0.1, jnp.zeros(1))


def test_the_perturbation_scale_is_torchs(torch):
    raw, theirs = hj.init_perturbation(3, 0.7), hpm.torch.PerturbationScale(3, 0.7).double()
    scale = hj.perturbation_scale
    np.testing.assert_allclose(scale.scale(raw), 0.7 * np.ones(3), rtol=1e-10)
    assert float(scale.entropy(raw)) == pytest.approx(theirs.entropy().item(), rel=1e-6)
    drawn = scale.sample(KEY, raw, 20000)
    assert drawn.shape == (20000, 3) and np.allclose(drawn.std(0), 0.7, atol=0.02) and scale.sample(KEY, raw).shape == (3,)
    assert abs(scale.perturbed(KEY, raw, jnp.array([4.9, 0, -4.9]), 1000)).max() == 5
    with pytest.raises(hpm.ArgumentError, match="perturbation_scale is 0; allowed: above 0"):
        hj.init_perturbation(3, 0)


# Ridge regression, of which the best response is known.


def ridge():
    """Training and validation data of a linear model with noise."""
    generator = np.random.default_rng(0)
    x, valid = generator.standard_normal((40, 6)), generator.standard_normal((40, 6))
    w = generator.standard_normal(6)
    return x, x @ w + generator.standard_normal(40), valid, valid @ w + generator.standard_normal(40)


@pytest.mark.parametrize("delta", [False, True])
def test_the_response_of_ridge_regression_is_learned(delta):
    x, y, valid, target = map(jnp.asarray, ridge())
    space = hpm.SearchSpace().add_real("l2", 0.05, 0.45).add_real("shift", 0.0, 2.0)
    coordinates = hj.Coordinates(space)
    natural = jnp.array([0.25, 0.8])

    def solution(h):
        """argmin of mean (x w - y)^2 + l2 |w - shift|^2."""
        matrix = x.T @ x / len(x) + h[0] * jnp.eye(6)
        return jnp.linalg.solve(matrix, x.T @ y / len(x) + h[0] * h[1] * jnp.ones(6))

    validation = lambda w: ((valid @ w - target) ** 2).mean()
    # Each weight is a row of the layer, so that its response can be any linear function of z.
    layer = {"weight": jnp.zeros((6, 1)), "response_weight": jnp.ones((6, 1)), "scale_weight": jnp.zeros((6, 2))}

    def weights(layer, z):
        return hj.linear(layer, jnp.ones((1, 1)), z)[0]

    center = coordinates.coordinates(natural)
    raw = hj.init_perturbation(2, 0.3)

    def loss(w, h):
        return ((x @ w - y) ** 2).mean() + h[0] * ((w - h[1]) ** 2).sum()

    def objective(layer, key):
        def one(key):
            z = hj.perturbation_scale.perturbed(key, raw, center)
            if not delta:
                return loss(weights(layer, z), coordinates.natural(z))
            return loss(hj.linearized(weights, layer, z - center), coordinates.natural(z))

        result = jax.vmap(one)(jax.random.split(key, 16)).mean()
        return result + loss(weights(layer, None), natural) if delta else result

    @jax.jit
    def train(layer):
        def body(index, layer):
            slope = jax.grad(objective)(layer, jax.random.fold_in(KEY, index))
            rate = 0.05 * jnp.minimum(1, 2000 / (index + 1000.0))
            return jax.tree_util.tree_map(lambda p, g: p - rate * g, layer, slope)

        return jax.lax.fori_loop(0, 8000, body, layer)

    layer = train(layer)
    at = weights(layer, None if delta else center)
    exact = solution(natural)
    error = float(jnp.linalg.norm(at - exact) / jnp.linalg.norm(exact))
    value, slope = hj.hypergradient(lambda layer, z, values: validation(weights(layer, z)), layer, natural, coordinates, centered=delta)
    expected = np.asarray(jax.grad(lambda h: validation(solution(h)))(natural))
    given = np.array([slope["l2"], slope["shift"]])
    cosine = given @ expected / np.linalg.norm(given) / np.linalg.norm(expected)
    print(f"delta={delta}: weights within {error:.2%}, cosine {cosine:.6f}, hypergradient {given}, exact {expected}")
    assert error < 0.01 and cosine > 0.99
    assert value == pytest.approx(float(validation(at)), rel=1e-10)


def test_a_hypergradient_is_that_of_finite_differences():
    space = hpm.SearchSpace().add_real("a", 1e-4, 1.0, scale="log").add_block("b", 2, 0.1, 0.9, scale="logit")
    coordinates = hj.Coordinates(space)
    params, x = noisy(hj.init_linear(jax.random.key(0), 4, 2, 3)), both(5, 4)[1]
    loss = lambda params, z, values: (hj.linear(params, x, z) ** 2).mean() + values["a"] * values["b"].sum()
    h = np.array([0.02, 0.3, 0.6])
    value, slope = hj.hypergradient(loss, params, {"a": 0.02, "b": [0.3, 0.6]}, coordinates, centered=False)
    found = np.array([slope["a"], *slope["b"]])
    for index in range(3):
        step = 1e-6 * np.eye(3)[index]
        ahead, behind = (hj.hypergradient(loss, params, h + s, coordinates, centered=False)[0] for s in (step, -step))
        assert found[index] == pytest.approx((ahead - behind) / 2e-6, rel=1e-6)
    with pytest.raises(hpm.ArgumentError, match=r"natural has shape \(2,\); allowed: \(3,\)"):
        hj.hypergradient(loss, params, h[:2], coordinates)
    with pytest.raises(hpm.ArgumentError, match="the loss has shape"):
        hj.hypergradient(lambda params, z, values: z, params, h, coordinates)


# Students.

COUNT = 4


def init(key):
    return {"net": [hj.init_linear(key, 3, 2, N, dtype=jnp.float32)], "half": jnp.ones(3, jnp.bfloat16)}


def make(seed=0):
    keys = jax.random.split(jax.random.key(seed), COUNT)
    params = jax.vmap(init)(keys)
    optimizer = jax.tree_util.tree_map(jnp.zeros_like, params), jnp.zeros(COUNT, jnp.int32)
    return hj.Students(params, optimizer, keys, jax.vmap(hj.init_order, (0, None))(keys, 10))


def train_step(state, rate, x):
    """Momentum SGD with noise, on batches."""
    key, use = jax.random.split(state.keys)
    batch, data = hj.next_batch(state.data, 4)

    def loss(params):
        z = jax.random.normal(use, (N,), jnp.float32)
        return (hj.linear(params["net"][0], x[batch], z) ** 2).mean() + (params["half"] ** 2).sum().astype(jnp.float32)

    value, slope = jax.value_and_grad(loss)(state.params)
    momentum, count = state.optimizer
    momentum = jax.tree_util.tree_map(lambda m, g: (0.9 * m + g).astype(m.dtype), momentum, slope)
    params = jax.tree_util.tree_map(lambda p, m: (p - rate * m).astype(p.dtype), state.params, momentum)
    return hj.State(params, (momentum, count + 1), key, data), value


def bits(tree):
    """Of all leaves, keys too."""
    keys = lambda leaf: jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    leaves = jax.tree_util.tree_leaves(tree)
    return [(str(leaf.dtype), leaf.shape, np.asarray(jax.random.key_data(leaf) if keys(leaf) else leaf).tobytes()) for leaf in leaves]


X = jnp.asarray(np.random.default_rng(0).standard_normal((10, 3)), jnp.float32)
RATES = jnp.asarray([0.01, 0.02, 0.03, 0.04], jnp.float32)


def advance(students, steps=3):
    return [bits(students.map(train_step, RATES, X, in_axes=(0, None))) for _ in range(steps)]


@pytest.mark.parametrize("x64", [True, False])
def test_restored_students_train_on_bit_for_bit(tmp_path, x64):
    students, other = make(), make(1)
    if not x64:
        students = hj.Students(students.params, (students.optimizer[0], jnp.ones(COUNT)), students.keys, students.data)
        other = hj.Students(other.params, (other.optimizer[0], jnp.zeros(COUNT)), other.keys, other.data)
        assert students.optimizer[1].dtype == jnp.float64
    advance(students)
    before = bits(students.state)
    students.save(tmp_path / "students.npz")
    assert os.listdir(tmp_path) == ["students.npz"]
    if x64:
        other.load(tmp_path / "students.npz")
    else:
        with jax.enable_x64(False) if hasattr(jax, "enable_x64") else jax.experimental.disable_x64():
            other.load(tmp_path / "students.npz")
    assert bits(other.state) == before and jnp.issubdtype(other.keys.dtype, jax.dtypes.prng_key)
    assert advance(students) == advance(other) and bits(students.state) == bits(other.state) != before
    assert "params.net.0.response_weight" in np.load(tmp_path / "students.npz")


def test_untyped_keys_and_other_generators_are_restored(tmp_path):
    for keys in (jax.vmap(jax.random.PRNGKey)(jnp.arange(COUNT)), jax.random.split(jax.random.key(3, impl="rbg"), COUNT)):
        students = hj.Students({"w": jnp.zeros(COUNT)}, keys=keys)
        students.save(tmp_path / "keys.npz")
        other = hj.Students({"w": jnp.ones(COUNT)}, keys=keys[::-1])
        other.load(tmp_path / "keys.npz")
        assert bits(other.state) == bits(students.state)
    with pytest.raises(hpm.ArgumentError, match=r"'keys' is key<rbg>\[4, 4\] in .*; allowed: key<.*fry.*>\[4, 2\]"):
        hj.Students({"w": jnp.ones(COUNT)}).load(tmp_path / "keys.npz")


def test_clones_take_over_weights_and_leave_others_untouched():
    students = make()
    advance(students)
    before = students.state
    students.clone([2, 0], [0, 3])
    after = students.state
    for mine, source in enumerate([2, 1, 2, 0]):
        row = lambda tree, index: bits(jax.tree_util.tree_map(lambda leaf: leaf[index], tree))
        assert row(after[:2], mine) == row(before[:2], source)
    assert bits(after[2:]) == bits(before[2:])
    students.clone([], [])
    assert bits(students.state) == bits(after)


def test_students_do_not_depend_on_one_another():
    students, same = make(), make()
    same.put(0, params=same.take(1).params)
    assert bits(same.take(1)) == bits(students.take(1))
    advance(students), advance(same)
    for student in (1, 2, 3):
        assert bits(same.take(student)) == bits(students.take(student))
    assert bits(same.take(0).params) != bits(students.take(0).params)
    state = students.take(2)
    same.put(0, **state._asdict())
    assert bits(same.take(0)) == bits(state)


def test_batches_are_epochs_in_random_order():
    data, seen = hj.init_order(jax.random.key(0), 10), []
    for _ in range(10):
        batch, data = jax.jit(hj.next_batch, static_argnums=1)(data, 3)
        seen += batch.tolist()
    epochs = [seen[begin : begin + 10] for begin in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs) and epochs[0] != epochs[1] != epochs[2]
    with pytest.raises(hpm.ArgumentError, match="size is 11; allowed: 1 to 10"):
        hj.next_batch(data, 11)


def test_bad_students_are_named(tmp_path):
    students = make()
    before = bits(students.state)
    with pytest.raises(hpm.ArgumentError, match=r"'params.b.1' has shape \(3, 2\); allowed: \(4, ...\)"):
        hj.Students({"a": jnp.zeros(4), "b": [jnp.zeros(4), jnp.zeros((3, 2))]})
    with pytest.raises(hpm.ArgumentError, match=r"'params.a' has shape \(\)"):
        hj.Students({"a": jnp.zeros(())})
    with pytest.raises(hpm.ArgumentError, match="params holds no arrays"):
        hj.Students({})
    with pytest.raises(hpm.ArgumentError, match="student is 4; allowed: 0 to 3"):
        students.take(4)
    with pytest.raises(hpm.ArgumentError, match="student is -1"):
        students.clone([-1], [0])
    with pytest.raises(hpm.ArgumentError, match="one source for each student"):
        students.clone([1, 2], [0, 0])
    with pytest.raises(hpm.ArgumentError, match="'weights' is no part"):
        students.put(0, weights=1)
    part = students.take(0).params
    with pytest.raises(hpm.ArgumentError, match=r"'params.half' is bfloat16\[2\]; allowed: bfloat16\[3\]"):
        students.put(0, params=part | {"half": part["half"][:2]})
    with pytest.raises(hpm.ArgumentError, match="'params.half' is missing"):
        students.put(0, params={"net": part["net"]})
    with pytest.raises(hpm.ArgumentError, match="'params.half' is float32"):
        students.map(lambda state: (state._replace(params=state.params | {"half": jnp.ones(3, jnp.float32)}), 0))
    with pytest.raises(hpm.ArgumentError, match="in_axes has 1 entries; allowed: 2"):
        students.map(train_step, RATES, X, in_axes=(0,))
    path = tmp_path / "a.npz"
    for other, sentence in (
        (hj.Students(students.params, students.optimizer, students.keys), "'data.epoch' is one of the students' arrays, and is missing"),
        (hj.Students(students.params | {"more": jnp.zeros(4)}, *students.state[1:]), "'params.more' is in .*, and is none"),
        (hj.Students(students.params | {"half": jnp.ones((4, 2), jnp.bfloat16)}, *students.state[1:]), r"'params.half' is bfloat16\[4, 2\]"),
        (hj.Students(students.params | {"half": jnp.ones((4, 3), jnp.float16)}, *students.state[1:]), r"'params.half' is float16\[4, 3\]"),
    ):
        other.save(path)
        with pytest.raises(hpm.ArgumentError, match=sentence):
            students.load(path)
    path.write_text("no archive")
    with pytest.raises(hpm.ArgumentError, match="is no file that Students.save wrote"):
        students.load(path)
    with pytest.raises(OSError):
        students.load(tmp_path / "none.npz")
    with pytest.raises(OSError):
        students.save(tmp_path / "none" / "a.npz")
    assert bits(students.state) == before
