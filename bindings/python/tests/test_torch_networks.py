"""Self-tuning networks in torch: layers, conversion, responses against closed forms, regularisers, students."""

import copy
import math

import numpy as np
import pytest

import libhpm as hpm

torch = pytest.importorskip("torch", reason="torch is not installed: make test-torch")
nn, functional = torch.nn, torch.nn.functional
networks = hpm.torch
N = 3


@pytest.fixture(autouse=True)
def _double():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def moved(layer):
    """With a response that is not zero."""
    for name, parameter in layer.named_parameters():
        if "scale_" in name:
            nn.init.normal_(parameter)
    return layer


def layers():
    """(name, ordinary layer, layer with a response, input, dimension of examples)."""
    words = torch.randint(7, (5, 4))
    return [
        ("linear", nn.Linear(3, 2), networks.HyperLinear(3, 2, N), torch.randn(4, 3), 0),
        ("linear without bias", nn.Linear(3, 2, bias=False), networks.HyperLinear(3, 2, N, bias=False), torch.randn(4, 3), 0),
        ("convolution", nn.Conv2d(2, 3, 3, padding=1, stride=2), networks.HyperConv2d(2, 3, 3, N, padding=1, stride=2), torch.randn(4, 2, 6, 6), 0),
        ("circular", nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular", groups=2, bias=False),
         networks.HyperConv2d(2, 4, 3, N, padding=1, padding_mode="circular", groups=2, bias=False), torch.randn(4, 2, 6, 6), 0),
        ("embedding", nn.Embedding(7, 3), networks.HyperEmbedding(7, 3, N), words.T, 0),
        ("lstm", nn.LSTM(3, 4, num_layers=2), networks.HyperLSTM(3, 4, N, num_layers=2), torch.randn(5, 4, 3), 1),
        ("lstm, batch first", nn.LSTM(3, 4, batch_first=True, bias=False), networks.HyperLSTM(3, 4, N, batch_first=True, bias=False), torch.randn(4, 5, 3), 0),
    ]


CASES = [case[0] for case in layers()]


def case(name):
    plain, hyper, x, dim = next(part[1:] for part in layers() if part[0] == name)
    for key, parameter in plain.named_parameters():
        getattr(hyper, key).data.copy_(parameter)
    hyper.context = networks.context.Context(dim)
    return plain, moved(hyper), x


def outputs(result):
    return [result] if torch.is_tensor(result) else [result[0], *result[1]]


def call(layer, x, z):
    """The z of an LSTM stands behind its state."""
    return outputs(layer(x, None, z) if isinstance(layer, nn.LSTM) else layer(x, z))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("shape", [None, (N,), (4, N)], ids=["none", "zero", "zero for each example"])
def test_without_a_perturbation_it_is_the_ordinary_layer_bit_for_bit(name, shape):
    plain, hyper, x = case(name)
    z = None if shape is None else torch.zeros(shape)
    for expected, found in zip(outputs(plain(x)), call(hyper, x, z), strict=True):
        assert torch.equal(expected, found)


def test_single_precision_too():
    torch.set_default_dtype(torch.float32)
    for name in CASES:
        for z in torch.zeros(N, dtype=torch.float32), torch.zeros(4, N, dtype=torch.float32):
            plain, hyper, x = case(name)
            z = z.to(next(plain.parameters()).dtype)
            for expected, found in zip(outputs(plain(x)), call(hyper, x, z), strict=True):
                if z.ndim == 2 and "lstm" in name:  # a loop beside oneDNN's fused kernel
                    assert torch.allclose(expected, found, rtol=0, atol=3e-7), (expected - found).abs().max()
                else:
                    assert torch.equal(expected, found), name


@pytest.mark.parametrize("name", CASES)
def test_examples_with_the_same_perturbation_answer_as_one_for_all(name):
    _, hyper, x = case(name)
    z = torch.randn(N)
    for one, each in zip(call(hyper, x, z), call(hyper, x, z.expand(4, N)), strict=True):
        assert torch.allclose(one, each, rtol=1e-12, atol=1e-13), (one - each).abs().max()


@pytest.mark.parametrize("name", CASES)
def test_the_response_is_the_published_formula(name):
    plain, hyper, x = case(name)
    z = torch.randn(N)
    for key, parameter in list(plain.named_parameters()):
        rows = getattr(hyper, f"scale_{key}") @ z
        if isinstance(plain, nn.Embedding):
            change = getattr(hyper, f"response_{key}") @ torch.diag(rows)
        else:
            change = torch.einsum("i,i...->i...", rows, getattr(hyper, f"response_{key}"))
        parameter.data.add_(change)
        if parameter.ndim > 1:
            assert torch.isclose(hyper.squared_norm(key, z), (parameter**2).sum(), rtol=1e-12)
            assert torch.allclose(hyper.squared_norm(key, z.expand(4, N)), (parameter**2).sum(), rtol=1e-12)
    for expected, found in zip(outputs(plain(x)), call(hyper, x, z), strict=True):
        assert torch.allclose(expected, found, rtol=1e-12, atol=1e-13), (expected - found).abs().max()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("shape", [(N,), (4, N)])
def test_gradients_of_the_response_are_those_of_differences(name, shape):
    _, hyper, x = case(name)
    z = torch.randn(shape, requires_grad=True)
    names = [key for key, _ in hyper.named_parameters()]

    def loss(z, *parameters):
        with torch.nn.utils.stateless._reparametrize_module(hyper, dict(zip(names, parameters))):
            return sum((part**2).sum() + part.sum() for part in call(hyper, x, z))

    assert torch.autograd.gradcheck(loss, (z, *hyper.parameters()), eps=1e-6, atol=1e-6, rtol=1e-6)


def space():
    return (
        hpm.SearchSpace()
        .add_real("dropout", 0.0, 0.9, initial=0.2)
        .add_real("l2", 1e-5, 1.0, scale="log", initial=1e-2)
        .add_real("keep", 0.1, 0.9, scale="logit", initial=0.4)
        .add_block("noise", 2, 0.0, 1.0, initial=0.3)
        .add_integer("holes", 0, 4, initial=1)
        .add_choice("kind", ["a", "b"])
        .add_real("rate", 1e-3, 1.0, scale="log", role="learning_rate")
    )


def test_coordinates_are_latent_coordinates():
    coordinates = networks.Coordinates(space())
    assert coordinates.names == ["dropout", "l2", "keep", "noise"] and coordinates.dimension == 5
    u = torch.rand(20, 5)
    logit = lambda p: math.log(p / (1 - p))  # noqa: E731
    expected = torch.stack([
        0.9 * u[:, 0], 1e-5 ** (1 - u[:, 1]), torch.sigmoid(logit(0.1) + u[:, 2] * (logit(0.9) - logit(0.1))), u[:, 3], u[:, 4],
    ], 1)
    z = 10 * (u - 0.5)
    assert torch.allclose(coordinates.natural(z), expected, rtol=1e-13)
    assert torch.allclose(coordinates.coordinates(expected), z, rtol=0, atol=1e-12)
    parts = coordinates.split(expected)
    assert parts["noise"].shape == (20, 2) and parts["l2"].shape == (20,)
    vector = coordinates.vector({"dropout": 0.1, "l2": 0.01, "keep": 0.5, "noise": [0.2, 0.4], "other": 1})
    assert vector.tolist() == [0.1, 0.01, 0.5, 0.2, 0.4]
    with pytest.raises(hpm.ArgumentError, match="'keep' is missing"):
        coordinates.vector({"dropout": 0.1, "l2": 0.01})
    with pytest.raises(hpm.ArgumentError, match="'noise' has 3 values; allowed: 2"):
        coordinates.vector({"dropout": 0.1, "l2": 0.01, "keep": 0.5, "noise": [1, 2, 3]})
    with pytest.raises(hpm.ArgumentError, match="'gone' is no hyperparameter"):
        networks.Coordinates(space(), ["gone"])
    with pytest.raises(hpm.ArgumentError, match="'holes' is of kind integer"):
        networks.Coordinates(space(), ["holes"])


class Language(nn.Module):
    """Embedding, LSTM and a decoder that shares the embedding's weights."""

    def __init__(self):
        super().__init__()
        self.embedding, self.lstm, self.decoder = nn.Embedding(7, 4), nn.LSTM(4, 4), nn.Linear(4, 7)
        self.decoder.weight = self.embedding.weight

    def forward(self, words):
        return self.decoder(self.lstm(self.embedding(words))[0])


def image_network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5), nn.Tanh(), nn.Linear(5, 2))


def test_a_converted_network_gives_the_same_output_and_keeps_its_parameters():
    for network, x in (image_network(), torch.rand(4, 3, 8, 8)), (Language(), torch.randint(7, (5, 4))):
        before, parameters = network(x), dict(network.named_parameters())
        for per_example in True, False:
            model = networks.SelfTuning(copy.deepcopy(network), space(), per_example=per_example, batch_dim=int(x.ndim == 2)).eval()
            assert torch.equal(model(x), before)
            model.train()
            assert torch.equal(model(x), before)  # at first nothing responds
        converted = networks.convert(network, N)
        for name, parameter in parameters.items():
            assert dict(converted.named_parameters())[name] is parameter
    assert converted.decoder.weight is converted.embedding.weight
    assert converted.decoder.response_weight is not converted.embedding.response_weight


def test_what_cannot_be_converted_is_named():
    network = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.BatchNorm1d(2)))
    with pytest.raises(hpm.ArgumentError, match=r"layer '1.0' is a BatchNorm1d, which can't be converted.*keep=\[torch.nn"):
        networks.convert(network, N)
    assert type(network[0]) is nn.Linear
    assert type(networks.convert(network, N, keep=[nn.BatchNorm1d])[1][0]) is nn.BatchNorm1d
    with pytest.raises(hpm.ArgumentError, match="'LSTM' is an LSTM with bidirectional"):
        networks.convert(nn.LSTM(2, 2, bidirectional=True), N)
    with pytest.raises(hpm.ArgumentError, match="Embedding with max_norm"):
        networks.convert(nn.Embedding(2, 2, max_norm=1.0), N)
    shared = nn.Linear(2, 2)
    network = networks.convert(nn.Sequential(shared, nn.Tanh(), shared), N)
    assert network[0] is network[2] and isinstance(network[0], networks.HyperLinear)
    with pytest.raises(hpm.ArgumentError, match=r"coordinates have shape \(2,\); allowed: \[3\]"):
        network[0](torch.zeros(1, 2), torch.zeros(2))


def test_names_that_the_space_lacks_are_found_before_training():
    network = nn.Sequential(networks.Dropout("dropuot"), nn.Linear(2, 1))
    with pytest.raises(hpm.ArgumentError, match=r"0 \(Dropout\) has p='dropuot', which is no hyperparameter.*allowed: dropout, l2"):
        networks.SelfTuning(network, space())
    with pytest.raises(hpm.ArgumentError, match="no value of 'dropout' is known"):
        networks.Dropout("dropout")(torch.ones(2))
    model = networks.SelfTuning(nn.Linear(2, 1), space())
    with pytest.raises(hpm.ArgumentError, match="gone"):
        model.hyperparameters = {"gone": 1.0}
    with pytest.raises(hpm.ArgumentError, match="the first argument of the network"):
        model.train()(3)
    network = nn.Sequential(networks.Dropout("noise"), nn.Linear(2, 1))
    with pytest.raises(hpm.ArgumentError, match="'noise' is a block"):
        networks.SelfTuning(network, space())(torch.ones(2, 2))
    with pytest.raises(hpm.ArgumentError, match="coordinates are of 3 examples"):
        networks.HyperConv2d(1, 1, 2, N)(torch.ones(1, 1, 3, 3), torch.zeros(3, N))
    model.context.batch_dim = 1
    with pytest.raises(hpm.ArgumentError, match="has not 3 examples in dimension 1"):
        model(torch.ones(2, 3, 2))
        model.context.value("dropout", torch.ones(3, 2))
    with pytest.raises(hpm.ArgumentError, match="centered is False"):
        networks.SelfTuning(nn.Linear(2, 1), space(), centered=False, delta=True)
    with pytest.raises(hpm.ArgumentError, match="perturbation_scale is 0"):
        networks.SelfTuning(nn.Linear(2, 1), space(), perturbation_scale=0)
    with pytest.raises(hpm.ArgumentError, match="the state is of a space of 1 hyperparameters; allowed: 8"):
        model.load_state_dict(networks.SelfTuning(nn.Linear(2, 1), hpm.SearchSpace().add_real("a", 0, 1)).state_dict())


def trained_response(delta=False, per_example=True, network=None, x=None, batch_dim=0, centered=True):
    """A network whose response is drawn."""
    network = network or nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    model = networks.SelfTuning(network, space(), delta=delta, per_example=per_example, batch_dim=batch_dim, centered=centered)
    for parameter in model.response_parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


FORMS = {"stn": {"centered": False}, "centred": {}, "delta-stn": {"delta": True}}


@pytest.mark.parametrize("form", FORMS)
def test_the_hypergradient_is_that_of_differences(form):
    model = trained_response(**FORMS[form])
    x, y = torch.randn(6, 3), torch.randn(6, 1)
    loss = lambda model: ((model(x) - y) ** 2).mean()  # noqa: E731
    value, hypergradient = model.hypergradient(loss)
    assert value == loss(model.eval()).item()
    at = model.hyperparameters
    center = model.coordinates.coordinates(model._chosen(model.natural))
    assert set(hypergradient) == {"dropout", "l2", "keep", "noise"} and hypergradient["noise"].shape == (2,)

    def of(values):
        if form == "stn":
            model.hyperparameters = values
            return loss(model).item()
        # Centred: the response is to what differs from the hyperparameters that the weights are trained at.
        model.context.coordinates = model.coordinates.coordinates(model.coordinates.vector(values)) - center
        return ((model.network(x) - y) ** 2).mean().item()

    for name in "dropout", "l2", "keep":
        step = 1e-5 * at[name]
        difference = (of({**at, name: at[name] + step}) - of({**at, name: at[name] - step})) / (2 * step)
        assert hypergradient[name] == pytest.approx(difference, rel=1e-6), name
    for index in range(2):
        up, down = (at["noise"] + sign * 1e-6 * np.eye(2)[index] for sign in (1, -1))
        difference = (of({**at, "noise": up}) - of({**at, "noise": down})) / 2e-6
        assert hypergradient["noise"][index] == pytest.approx(difference, rel=1e-6)


def test_a_gradient_of_the_loss_is_left_alone_by_a_hypergradient():
    model = trained_response()
    x = torch.randn(6, 3)
    model.backward(lambda model: model(x).sum())
    before = [parameter.grad.clone() for parameter in model.weights() if parameter.grad is not None]
    model.hypergradient(lambda model: (model(x) ** 2).sum())
    optimizer = torch.optim.Adam(model.perturbation.parameters(), 0.1)
    model.tune_perturbation(lambda model: (model(x) ** 2).sum(), optimizer)
    assert all(map(torch.equal, before, [p.grad for p in model.weights() if p.grad is not None]))
    assert model.training and all(module.training for module in model.modules())


@pytest.mark.parametrize("delta", [False, True])
@pytest.mark.parametrize("at", ["middle", "bound"])
def test_the_pass_that_tunes_the_perturbation_has_a_hypergradient_too(delta, at):
    model = trained_response(delta=delta)
    if at == "bound":
        # Where a bound cuts every other perturbation short.
        model.hyperparameters = {name: part.low for name, part in model.space.parameters.items()}
    x = torch.randn(6, 3)

    def loss(model):
        return (model(x) ** 2).mean()

    with torch.no_grad():
        model.perturbation.raw.fill_(-18.0)  # a scale of 1.5e-8
    value, exact = model.hypergradient(loss)
    noisy_value, noisy = model.tune_perturbation(loss, torch.optim.SGD(model.perturbation.parameters(), 0.0))
    assert noisy_value == pytest.approx(value, rel=1e-6) and list(noisy) == list(exact)
    for name, slope in exact.items():
        assert np.all(slope != 0)
        np.testing.assert_allclose(noisy[name], slope, rtol=1e-5)


@pytest.mark.parametrize("kind", ["perceptron", "language"])
@pytest.mark.parametrize("per_example", [True, False])
def test_delta_stn_is_linearised_and_its_gradients_go_where_they_belong(kind, per_example):
    language = kind == "language"
    x = torch.randint(7, (5, 4)) if language else torch.randn(4, 3)
    model = trained_response(True, per_example, Language() if language else None, batch_dim=int(language)).train()
    plain = copy.deepcopy(model.network).eval()

    def loss(model):
        return (model(x) ** 2).sum()

    torch.manual_seed(5)
    assert torch.isclose(model.backward(loss), (plain(x) ** 2).sum())
    expected = torch.autograd.grad((plain(x) ** 2).sum(), [p for n, p in plain.named_parameters() if "scale_" not in n and "response_" not in n])
    chosen = {id(parameter) for parameter in model.response_parameters()}
    for parameter, gradient in zip([p for p in model.weights() if id(p) not in chosen], expected, strict=True):
        assert torch.allclose(parameter.grad, gradient, rtol=1e-12)

    # The same perturbation, by the chain rule: f(w) + J (w(z) - w), an example at a time.
    torch.manual_seed(5)
    with model._as("linearized"):
        found = model(x)
        z = model.context.coordinates
    names = [n for n, _ in plain.named_parameters(remove_duplicate=False) if "scale_" not in n and "response_" not in n]
    weights = {n: dict(plain.named_parameters(remove_duplicate=False))[n].detach() for n in names}
    examples = range(4)
    for k in examples:
        shift = {}
        for n in names:
            owner, _, own = n.rpartition(".")
            layer = plain.get_submodule(owner)
            shift[n] = layer.best_response(own, z[k] if per_example else z).detach() - weights[n]
        part = x[:, k : k + 1] if language else x[k : k + 1]
        run = lambda w: torch.func.functional_call(plain, w, (part,), tie_weights=False)  # noqa: E731
        value, tangent = torch.func.jvp(run, (weights,), (shift,))
        assert torch.allclose(found[:, k : k + 1] if language else found[k : k + 1], value + tangent, rtol=1e-11, atol=1e-12)
    response = model.response_parameters()
    gradients = torch.autograd.grad((found**2).sum(), response, allow_unused=True)
    assert all(g is not None and torch.allclose(p.grad, g, rtol=1e-10, atol=1e-12) for p, g in zip(response, gradients))


def ridge(form):
    """Four outputs, each with an L2 penalty of its own: a row of the layer responds to one hyperparameter, along one
    direction, so the structured response can be exact."""
    outputs, features = 4, 6
    x, valid = torch.randn(50, features), torch.randn(30, features)
    truth = torch.randn(features, outputs)
    y, target = x @ truth + torch.randn(50, outputs), valid @ truth + torch.randn(30, outputs)
    space = hpm.SearchSpace().add_block("l2", outputs, 1e-3, 10.0, scale="log", initial=0.1)
    layer = nn.Linear(features, outputs, bias=False)
    model = networks.SelfTuning(layer, space, **FORMS[form], per_example=False, perturbation_scale=0.3)

    def training(model):
        fit = ((model(x) - y) ** 2).sum() / 50
        z = model.context.coordinates
        weight = model.network.weight if z is None else model.network.best_response("weight", z)
        return fit + (model.context.values["l2"] * (weight**2).sum(1)).sum()

    def validation(model):
        return ((model(valid) - target) ** 2).mean()

    def exact(l2):
        rows = [torch.linalg.solve(x.T @ x / 50 + l2[k] * torch.eye(features), x.T @ y[:, k] / 50) for k in range(outputs)]
        return torch.stack(rows)

    optimizer = torch.optim.Adam(model.weights(), 0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 - step / 4000) ** 2 + 1e-4)
    for _ in range(4000):
        optimizer.zero_grad()
        model.backward(training)
        optimizer.step()
        schedule.step()
    l2 = torch.full((outputs,), 0.1, requires_grad=True)
    (slope,) = torch.autograd.grad(((valid @ exact(l2).T - target) ** 2).mean(), l2)
    _, found = model.hypergradient(validation)
    return model, exact, slope, torch.from_numpy(found["l2"])


@pytest.mark.parametrize("form", FORMS)
def test_ridge_regression_reaches_the_closed_form(form):
    model, exact, slope, found = ridge(form)
    center = model.coordinates.coordinates(model._chosen(model.natural))
    for factor in 1.0, 1.1, 0.9:
        l2 = torch.full((4,), 0.1 * factor)
        z = model.coordinates.coordinates(l2) - (0 if form == "stn" else center)
        weight = model.network.best_response("weight", z)
        error = ((weight - exact(l2)).norm() / exact(l2).norm()).item()
        assert error < 0.01, f"l2 {l2[0]:.2g}: weights differ by {error:.2%} from the closed form"
    cosine = float(functional.cosine_similarity(slope, found, 0))
    assert cosine > 0.99, f"cosine {cosine:.4f}"


def test_the_perturbation_scale():
    scale = networks.PerturbationScale(3, 0.5)
    assert torch.allclose(scale.scale, torch.tensor(0.5))
    normal = torch.distributions.MultivariateNormal(torch.zeros(3), torch.diag(scale.scale**2))
    assert torch.isclose(scale.entropy(), normal.entropy(), rtol=1e-12)
    drawn = scale.sample(20000)
    assert torch.allclose(drawn.std(0), scale.scale, rtol=0.03)
    # Where the validation loss does not answer, the entropy alone drives the scale up.
    model = networks.SelfTuning(nn.Linear(3, 1), space(), entropy_weight=1.0)
    optimizer = torch.optim.SGD(model.perturbation.parameters(), 0.1)
    model.tune_perturbation(lambda model: model(torch.ones(2, 3)).sum() * 0, optimizer)
    slope = torch.sigmoid(model.perturbation.raw.detach())
    assert (model.perturbation.scale > 0.5).all() and slope.min() > 0
    # A loss that grows with the perturbation drives it down.
    model = trained_response()
    model.entropy_weight = 0.0
    optimizer = torch.optim.SGD(model.perturbation.parameters(), 0.01)
    x = torch.randn(200, 3)
    start = model.perturbation.scale.detach().clone()
    center = model.eval()(x).detach()
    for _ in range(5):
        model.tune_perturbation(lambda model: ((model(x) - center) ** 2).mean(), optimizer)
    assert (model.perturbation.scale < start).all()


def test_examples_are_perturbed_one_by_one_and_within_bounds():
    model = networks.SelfTuning(nn.Linear(3, 1), space(), perturbation_scale=5.0).train()
    model(torch.randn(50, 3))
    z = model.context.coordinates
    assert z.shape == (50, 5) and z.abs().max() <= 10 and len(z.unique(dim=0)) == 50
    values = model.context.values
    assert values["dropout"].min() == 0 and values["dropout"].max() == pytest.approx(0.9)
    assert values["holes"].item() == 1 and values["rate"].ndim == 0
    model.eval()(torch.randn(50, 3))
    assert model.context.coordinates is None  # centred: nothing to respond to
    single = networks.SelfTuning(nn.Linear(3, 1, dtype=torch.float32), hpm.SearchSpace().add_real("holes", 0.0, 4.7, initial=4.0)).eval()
    single(torch.randn(2, 3, dtype=torch.float32))
    assert single.context.values["holes"].item() == 4.0
    assert model.context.values["dropout"].item() == pytest.approx(0.2)


def test_a_network_that_responds_to_nothing_is_an_ordinary_one():
    network = nn.Sequential(networks.Dropout("dropout"), nn.Linear(3, 1))
    model = networks.SelfTuning(network, space(), respond_to=[])
    assert type(model.network[1]) is nn.Linear
    model.hyperparameters = {"dropout": 0.9}
    x = torch.ones(1000, 3)
    model(x)
    dropped = (network[0](x) == 0).double().mean().item()
    assert dropped == pytest.approx(0.9, abs=0.02)
    loss, hypergradient = model.hypergradient(lambda model: model(x).sum())
    assert hypergradient == {} and math.isfinite(loss)


def regulariser_cases():
    images = torch.rand(6, 3, 8, 8)
    return [
        (networks.Dropout(0.0), torch.randn(4, 5)),
        (networks.GaussianNoise(0.0), torch.randn(4, 5)),
        (networks.ColorJitter(0.0, 0.0, 0.0, 0.0), images),
        (networks.InputScaling(0.0), images),
        (networks.RandomShift(0.0), images),
        (networks.Cutout(0.0, 3.0), images),
        (networks.Cutout(2.0, 0.5), images),
    ]


@pytest.mark.parametrize("module, x", regulariser_cases(), ids=lambda part: getattr(part, "_get_name", lambda: "")())
def test_strength_zero_and_evaluation_change_nothing(module, x):
    x = x.double()
    assert torch.allclose(module.train()(x), x, rtol=0, atol=1e-4)  # YIQ's table has four digits
    for part in module.strengths:
        module.strengths[part] = 0.7
    assert torch.equal(module.eval()(x), x)
    assert not torch.equal(module.train()(x), x) or isinstance(module, networks.Cutout)


def test_regularisers_do_what_they_say():
    x = torch.ones(2000, 4)
    dropped = networks.Dropout(0.3)(x)
    assert set(dropped.unique().tolist()) == {0.0, 1 / (1 - 0.3)}
    assert dropped.mean() == pytest.approx(1, abs=0.03)
    channels = networks.Dropout(0.5, shared=(2, 3))(torch.ones(5, 4, 3, 3))
    assert torch.equal(channels, channels[:, :, :1, :1].expand_as(channels))
    locked = networks.variational_dropout(0.5)(torch.ones(7, 3, 4))
    assert torch.equal(locked, locked[:1].expand_as(locked)) and len(locked.unique()) == 2
    words = torch.randint(5, (9, 4))
    embedded = networks.EmbeddingDropout(0.5, 5)(torch.ones(9, 4, 2), words)
    for word in range(5):
        assert len(embedded[words == word].unique()) == 1
    noise = networks.GaussianNoise(0.4)(torch.zeros(100, 200))
    assert noise.std() == pytest.approx(0.4, rel=0.02)
    images = torch.full((400, 3, 8, 8), 0.5)
    scaled = networks.InputScaling(0.3)(images)[:, 0, 0, 0] / 0.5
    assert 1 / 1.3 <= scaled.min() < 0.8 and 1.25 < scaled.max() <= 1.3
    cut = networks.Cutout(2.0, 3.0)(images)
    holes = (cut[:, 0] == 0).sum((1, 2))
    assert 9 < holes.max() <= 18 and torch.equal(cut[:, 0] == 0, cut[:, 2] == 0)
    grey = networks.ColorJitter(saturation=1.0, hue=0.5)(images)
    assert torch.allclose(grey, images, atol=2e-3)  # grey has no colour
    bright = networks.ColorJitter(brightness=0.5)(images)[:, 0, 0, 0]
    assert 0.25 <= bright.min() < 0.3 and 0.7 < bright.max() <= 0.75
    shifted = networks.RandomShift(0.25)(images)
    assert (shifted[:, 0, 0] == 0).any() and shifted.max() <= 0.5 + 1e-12
    with pytest.raises(hpm.ArgumentError, match=r"images have shape \(2, 3\)"):
        networks.Cutout(1, 1)(torch.ones(2, 3))
    with pytest.raises(hpm.ArgumentError, match="shared has dimension 4"):
        networks.Dropout(0.5, shared=(4,))(torch.ones(2, 3))
    with pytest.raises(TypeError, match="p is None|p is \\[\\]"):
        networks.Dropout([])


def test_strengths_of_reparametrised_regularisers_have_derivatives():
    model = networks.SelfTuning(nn.Linear(2, 2), hpm.SearchSpace().add_real("s", 0.0, 0.5, initial=0.2))
    images = torch.rand(3, 3, 6, 6) * 0.5 + 0.2
    for module in (
        networks.GaussianNoise("s"), networks.InputScaling("s"), networks.RandomShift("s"),
        networks.ColorJitter("s"), networks.ColorJitter(contrast="s"), networks.ColorJitter(saturation="s"), networks.ColorJitter(hue="s"),
    ):
        model.bind(module)

        def run(strength):
            model.context.values = {"s": strength}
            torch.manual_seed(3)
            return (module(images) ** 2).sum()

        strength = torch.tensor(0.2, requires_grad=True)
        (slope,) = torch.autograd.grad(run(strength), strength)
        difference = (run(torch.tensor(0.2 + 1e-6)) - run(torch.tensor(0.2 - 1e-6))) / 2e-6
        assert slope.item() == pytest.approx(difference.item(), rel=1e-5), module


def test_drop_connect():
    layer = networks.HyperLSTM(3, 50, 0, drop_connect=0.5)
    dropped = layer._dropped(layer.weight_hh_l0)
    assert (dropped == 0).double().mean() == pytest.approx(0.5, abs=0.03)
    kept = dropped != 0
    assert torch.allclose(dropped[kept], 2 * layer.weight_hh_l0[kept])
    x = torch.randn(6, 2, 3)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    assert torch.equal(layer.eval()(x)[0], layer(x)[0])


def test_penalties():
    model = networks.SelfTuning(Language(), space(), batch_dim=1)
    decay = model.bind(networks.WeightDecay("l2"))
    x = torch.randint(7, (5, 4))
    model.eval()(x)
    matrices = {id(p): p for n, p in model.network.named_parameters() if p.ndim > 1 and "response_" not in n and "scale_" not in n}
    assert decay(model).item() == pytest.approx(0.01 * sum(float((p**2).sum()) for p in matrices.values()), rel=1e-12)
    model.train()(x)
    assert decay(model).ndim == 0
    activations = torch.randn(5, 4, 3)
    assert networks.ActivationPenalty(2.0)(activations).item() == pytest.approx(2 * float((activations**2).mean()))
    temporal = networks.ActivationPenalty(2.0, temporal_dim=0)(activations).item()
    assert temporal == pytest.approx(2 * float((activations.diff(dim=0) ** 2).mean()))


def make_student(seed=0, width=4, delta=False):
    torch.manual_seed(seed)
    network = nn.Sequential(networks.Dropout("dropout"), nn.Linear(3, width), nn.Tanh(), nn.Linear(width, 1))
    model = networks.SelfTuning(network, space(), delta=delta)
    weights, scale = torch.optim.Adam(model.weights(), 0.01), torch.optim.Adam(model.perturbation.parameters(), 0.01)
    return networks.Student(model, weights, scale, examples=20, seed=seed)


X, Y = torch.randn(20, 3, dtype=torch.float64), torch.randn(20, 1, dtype=torch.float64)


def train(student, steps):
    with student.random():
        for batch in student.batches(steps, 6):
            student.optimizers[0].zero_grad()
            student.model.backward(lambda model: ((model(X[batch]) - Y[batch]) ** 2).mean())
            student.optimizers[0].step()
            student.model.tune_perturbation(lambda model: ((model(X) - Y) ** 2).mean(), student.optimizers[1])


def same(a, b):
    """Bit for bit, all of a state."""
    if torch.is_tensor(a):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize("delta", [False, True])
def test_a_restored_student_trains_on_bit_for_bit(tmp_path, delta):
    student = make_student(delta=delta)
    train(student, 7)
    student.save(tmp_path / "student.pt")
    train(student, 5)
    restored = make_student(seed=9, delta=delta)
    torch.rand(3)
    restored.load(tmp_path / "student.pt")
    train(restored, 5)
    assert same(student.state_dict(), restored.state_dict())
    assert [path.name for path in tmp_path.iterdir()] == ["student.pt"]


def test_a_learning_rate_that_numpy_computed_is_restored(tmp_path):
    student, restored = make_student(), make_student(seed=9)
    student.optimizers[0].param_groups[0]["lr"] = np.float64(0.25) * np.float32(0.5)
    student.save(tmp_path / "student.pt")
    restored.load(tmp_path / "student.pt")
    assert restored.optimizers[0].param_groups[0]["lr"] == 0.125


def test_other_students_and_the_global_state_do_not_matter():
    alone, beside, other = make_student(), make_student(), make_student(seed=3)
    train(alone, 6)
    outside = torch.get_rng_state()
    for _ in range(6):
        torch.rand(1)
        train(beside, 1)
        train(other, 1)
    assert same(alone.state_dict(), beside.state_dict())
    torch.set_rng_state(outside)
    train(other, 1)
    assert torch.equal(torch.get_rng_state(), outside)


def test_a_clone_is_a_copy_with_a_mind_of_its_own():
    source, clone = make_student(), make_student(seed=1)
    train(source, 3)
    train(clone, 2)
    own = copy.deepcopy({key: part for key, part in clone.state_dict().items() if key not in ("model", "optimizers")})
    clone.clone_from(source)
    assert same(clone.state_dict()["model"], source.state_dict()["model"])
    assert same(clone.state_dict()["optimizers"], source.state_dict()["optimizers"])
    assert same({key: part for key, part in clone.state_dict().items() if key in own}, own)
    kept = copy.deepcopy(source.state_dict())
    train(clone, 2)
    assert same(source.state_dict(), kept)


def test_a_student_of_another_architecture_is_refused(tmp_path):
    student = make_student()
    before = copy.deepcopy(student.state_dict())
    with pytest.raises(hpm.ArgumentError, match=r"'network.1.weight' has shape \(5, 3\) in the state; allowed: \(4, 3\)"):
        student.clone_from(make_student(width=5))
    with pytest.raises(hpm.ArgumentError, match="'weight' is in the state, and no part of the student's model|missing in the state"):
        student.clone_from(networks.Student(nn.Linear(3, 1), *student.optimizers, examples=20))
    with pytest.raises(hpm.ArgumentError, match="the state has 1 optimizers; allowed: 2"):
        student.clone_from(networks.Student(student.model, student.optimizers[0], examples=20))
    with pytest.raises(hpm.ArgumentError, match="size is 21; allowed: 1 to 20"):
        next(student.batches(1, 21))
    (tmp_path / "bad.pt").write_bytes(b"nothing")
    with pytest.raises(hpm.ArgumentError, match="bad.pt is no file that Student.save wrote"):
        student.load(tmp_path / "bad.pt")
    with pytest.raises(OSError):
        student.load(tmp_path / "absent.pt")
    torch.save({"model": {}}, tmp_path / "other.pt")
    with pytest.raises(hpm.ArgumentError, match="the state has no examples"):
        student.load(tmp_path / "other.pt")
    assert same(student.state_dict(), before)


def test_models_can_be_copied_and_pickled():
    import pickle

    model = trained_response().train()
    x = torch.randn(4, 3)
    model(x).sum()  # leaves a graph in the context
    for other in copy.deepcopy(model), pickle.loads(pickle.dumps(model)):
        assert torch.equal(other.eval()(x), model.eval()(x))
        assert other.network[0].context is other.context is not model.context
        model.train()


def test_a_population_tunes_self_tuning_networks():
    """As in the recipe: students moved by their own hypergradients, replaced and mutated."""
    space = hpm.SearchSpace().add_real("dropout", 0.0, 0.9)

    def make(seed):
        torch.manual_seed(seed)
        model = networks.SelfTuning(nn.Sequential(networks.Dropout("dropout"), nn.Linear(3, 1)), space)
        return networks.Student(model, torch.optim.SGD(model.weights(), 0.05), examples=20, seed=seed)

    students = [make(seed) for seed in range(4)]

    def train(k, h):
        student = students[k]
        student.model.hyperparameters = h
        with student.random():
            for batch in student.batches(5, 10):
                student.optimizers[0].zero_grad()
                student.model.backward(lambda model: ((model(X[batch]) - Y[batch]) ** 2).mean())
                student.optimizers[0].step()
        return student.model.hypergradient(lambda model: ((model(X) - Y) ** 2).mean())

    result = hpm.tune(train, space, steps=12, population=4, clone=lambda source, k: students[k].clone_from(students[source]), progress=False)
    assert math.isfinite(result.loss)
    schedule = result.schedule()[:, 0]
    assert len(set(schedule)) > 2 and schedule.min() >= 0 and schedule.max() <= 0.9
