"""Layers, activations, dropout, initial values, clipping and the summary."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn

F = nn.functional


def agree(ours, theirs, *arrays, rtol=1e-10):
    """Our module and PyTorch's with one state: values and all gradients, in float64."""
    torch = pytest.importorskip("torch")
    ours.to(np.float64)
    theirs.double()
    ours.load_state_dict(theirs.state_dict())
    xs = [tt.Tensor(x, requires_grad=True) for x in arrays]
    ys = [torch.tensor(x, requires_grad=True) for x in arrays]
    out, expected = ours(*xs), theirs(*ys)
    np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    seed = np.random.default_rng(1).standard_normal(out.shape)
    out.backward(seed)
    expected.backward(torch.tensor(seed))
    pairs = [*zip(xs, ys, strict=True), *zip(ours.parameters(), theirs.parameters(), strict=True)]
    for x, y in pairs:
        np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=rtol, atol=1e-12)


def sample(*shape):
    return np.random.default_rng(0).standard_normal(shape)


LAYERS = [
    ("Linear", (4, 5), {}, [(3, 4)]),
    ("Linear", (4, 5), {"bias": False}, [(2, 3, 4)]),
    ("Linear", (4, 5), {}, [(4,)]),
    ("Bilinear", (4, 2, 5), {}, [(3, 4), (3, 2)]),
    ("Bilinear", (4, 2, 5), {"bias": False}, [(2, 3, 4), (2, 3, 2)]),
    ("Flatten", (), {}, [(2, 3, 4)]),
    ("Flatten", (0, 1), {}, [(2, 3, 4)]),
    ("Unflatten", (1, (2, -1)), {}, [(2, 6, 4)]),
    ("Identity", (), {}, [(3, 4)]),
    *((name, (), {}, [(3, 4)]) for name in (
        "Sigmoid", "LogSigmoid", "Tanh", "Tanhshrink", "Softsign", "ReLU", "ReLU6", "SELU", "SiLU",
        "Mish", "Hardsigmoid", "Hardswish", "LeakyReLU", "ELU", "CELU", "GELU", "Softplus",
        "Hardtanh", "Softshrink", "Hardshrink",
    )),
    ("LeakyReLU", (0.3,), {}, [(3, 4)]),
    ("ELU", (0.3,), {}, [(3, 4)]),
    ("CELU", (0.5,), {}, [(3, 4)]),
    ("GELU", (), {"approximate": "tanh"}, [(3, 4)]),
    ("Softplus", (2.0, 1.0), {}, [(3, 4)]),
    ("Hardtanh", (-0.5, 0.2), {}, [(3, 4)]),
    ("Softshrink", (0.2,), {}, [(3, 4)]),
    ("Hardshrink", (0.2,), {}, [(3, 4)]),
    ("Threshold", (0.1, 20.0), {}, [(3, 4)]),
    ("Softmax", (0,), {}, [(3, 4)]),
    ("Softmin", (1,), {}, [(3, 4)]),
    ("LogSoftmax", (1,), {}, [(3, 4, 2)]),
    ("GLU", (), {}, [(3, 4)]),
    ("GLU", (0,), {}, [(4, 3)]),
    ("PReLU", (), {}, [(3, 4)]),
    ("PReLU", (4, 0.1), {}, [(3, 4, 2)]),
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "arguments", "options", "shapes"), LAYERS, ids=str)
def test_layers_agree_with_pytorch(name, arguments, options, shapes):
    torch = pytest.importorskip("torch")
    arrays = [2 * sample(*shape) for shape in shapes]
    ours = getattr(nn, name)(*arguments, **options)
    rtol = 1e-7 if name == "Hardsigmoid" else 1e-10  # PyTorch's 1/6 there is a float32
    agree(ours, getattr(torch.nn, name)(*arguments, **options), *arrays, rtol=rtol)
    assert repr(ours).split("  #")[0].startswith(f"{name}(")


@pytest.mark.oracle
def test_a_network_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    layers = ("Linear", (6, 5)), ("Tanh", ()), ("Linear", (5, 4)), ("ReLU", ()), ("Linear", (4, 3))
    ours = nn.Sequential(*(getattr(nn, name)(*sizes) for name, sizes in layers))
    theirs = torch.nn.Sequential(*(getattr(torch.nn, name)(*sizes) for name, sizes in layers))
    agree(ours, theirs, sample(7, 6))


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (F.linear, [(3, 4), (5, 4), (5,)]),
        (lambda x, weight: F.linear(x, weight, None), [(2, 3, 4), (5, 4)]),
        (F.bilinear, [(3, 4), (3, 2), (5, 4, 2), (5,)]),
        (F.prelu, [(3, 4), (4,)]),
        (F.glu, [(3, 4)]),
        (F.softmin, [(3, 4)]),
        (F.log_softmax, [(3, 4)]),
    ],
)
def test_second_derivatives_of_layers(function, shapes):
    rng = np.random.default_rng(0)
    assert tt.gradgradcheck(function, [rng.standard_normal(shape) for shape in shapes])


def test_network_of_the_course_has_21_parameters():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1), nn.Sigmoid())
    assert sum(p.size for p in model.parameters()) == 21


REFUSED = {
    "x that does not fit a Linear": (
        lambda: nn.Linear(3, 4)(tt.ones(2, 4)), tt.ShapeError, r"x \(2, 4\), weight \(4, 3\)",
    ),
    "a bias that does not fit": (
        lambda: F.linear(tt.ones(2, 3), tt.ones(4, 3), tt.ones(3)), tt.ShapeError, r"bias \(m,\)",
    ),
    "inputs that do not fit a Bilinear": (
        lambda: nn.Bilinear(2, 3, 4)(tt.ones(5, 2), tt.ones(4, 3)), tt.ShapeError, "bilinear",
    ),
    "a layer of no size": (
        lambda: nn.Linear(0, 4), tt.ArgumentError, "sizes",
    ),
    "GLU of an odd length": (
        lambda: nn.GLU()(tt.ones(2, 3)), tt.ShapeError, "even",
    ),
    "PReLU with other channels": (
        lambda: nn.PReLU(3)(tt.ones(2, 4)), tt.ShapeError, r"\(1,\) or \(4,\)",
    ),
    "an impossible probability": (
        lambda: nn.Dropout(1.5), tt.ArgumentError, r"\[0, 1\]",
    ),
    "an impossible keep_prob": (
        lambda: nn.Dropout(keep_prob=-0.1), tt.ArgumentError, "keep_prob",
    ),
    "p and keep_prob": (
        lambda: nn.Dropout(0.5, keep_prob=0.5), tt.ArgumentError, "two names",
    ),
    "fans of a vector": (
        lambda: nn.init.xavier_normal_(tt.ones(3)), tt.ShapeError, "two axes",
    ),
    "an unknown fan": (
        lambda: nn.init.kaiming_normal_(tt.ones(3, 3), mode="in"), tt.ArgumentError, "fan_in",
    ),
    "an unknown nonlinearity": (
        lambda: nn.init.calculate_gain("rleu"), tt.ArgumentError, "leaky_relu",
    ),
    "an interval far from the mean": (
        lambda: nn.init.trunc_normal_(tt.ones(3), a=8, b=9), tt.ArgumentError, "interval",
    ),
    "an identity that is no matrix": (
        lambda: nn.init.eye_(tt.ones(3)), tt.ShapeError, "matrix",
    ),
    "an orthogonal vector": (
        lambda: nn.init.orthogonal_(tt.ones(3)), tt.ShapeError, "matrix",
    ),
    "a negative norm": (
        lambda: nn.utils.clip_grad_norm_([], -1), tt.ArgumentError, "max_norm",
    ),
    "a vector that is too short": (
        lambda: nn.utils.vector_to_parameters(tt.ones(3), [tt.ones(2, 2)]),
        tt.ShapeError, r"\(4,\)",
    ),
    "no parameters to put into a vector": (
        lambda: nn.utils.parameters_to_vector([]), tt.ArgumentError, "at least one",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_layers_refuse(case):
    call, error, words = REFUSED[case]
    with pytest.raises(error, match=words):
        call()


# ------------------------------------------------------------------ dropout


def test_dropout_keeps_each_number_with_the_given_probability_and_scales_it():
    layer = nn.Dropout(keep_prob=0.8, generator=np.random.default_rng(0))
    x = tt.Tensor(np.full(1_000_000, 2.0), requires_grad=True)
    out = layer(x)
    kept = out.numpy() != 0
    np.testing.assert_allclose(out.numpy()[kept], 2.5)
    assert kept.mean() == pytest.approx(0.8, abs=0.002)
    out.backward(np.ones(x.shape))
    np.testing.assert_allclose(x.grad.numpy(), kept / 0.8)


def test_dropout_is_the_identity_in_evaluation_and_for_p_0():
    x = tt.ones(5)
    assert nn.Dropout(0.9).eval()(x) is x
    assert nn.Dropout(0.0)(x) is x
    assert nn.Dropout(1.0)(x).numpy().tolist() == [0] * 5


def test_dropout_follows_the_seed_and_its_own_generator():
    x = tt.ones(100)
    tt.manual_seed(3)
    first = nn.Dropout()(x).numpy()
    second = nn.Dropout()(x).numpy()
    tt.manual_seed(3)
    np.testing.assert_array_equal(nn.Dropout()(x).numpy(), first)
    assert (first != second).any()
    a, b = (nn.Dropout(generator=np.random.default_rng(1))(x).numpy() for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert nn.Dropout(0.3)(x).dtype == np.float32


# ------------------------------------------------------------------ initial values


def test_linear_starts_uniform_within_one_over_root_fan_in():
    layer = nn.Linear(400, 300, generator=np.random.default_rng(0))
    for values in (layer.weight.numpy(), layer.bias.numpy()):
        assert np.abs(values).max() <= 1 / 20
        assert values.std() == pytest.approx(1 / 20 / math.sqrt(3), rel=0.05)
    assert layer.weight.dtype == np.float32


def test_layers_follow_the_seed_their_generator_and_their_dtype():
    tt.manual_seed(1)
    first = nn.Linear(3, 2).weight.numpy()
    tt.manual_seed(1)
    np.testing.assert_array_equal(nn.Linear(3, 2).weight.numpy(), first)
    a, b = (nn.Linear(3, 2, generator=np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(a.bias.numpy(), b.bias.numpy())
    assert nn.Linear(3, 2, dtype=np.float64).bias.dtype == np.float64
    assert nn.Bilinear(3, 2, 1, dtype=np.float64).weight.dtype == np.float64


SHAPE = (200, 500)  # fan_in 500, fan_out 200
SPREAD = {
    "uniform_": ({"a": -3, "b": 3}, math.sqrt(3)),
    "normal_": ({"std": 0.3}, 0.3),
    "xavier_uniform_": ({"gain": 2}, 2 * math.sqrt(2 / 700)),
    "xavier_normal_": ({}, math.sqrt(2 / 700)),
    "glorot_normal_": ({}, math.sqrt(2 / 700)),
    "kaiming_uniform_": ({"nonlinearity": "relu"}, math.sqrt(2 / 500)),
    "kaiming_normal_": ({"mode": "fan_out"}, math.sqrt(2 / 200)),
    "he_": ({}, math.sqrt(2 / 500)),
    "lecun_": ({}, math.sqrt(1 / 500)),
    "trunc_normal_": ({"a": -1, "b": 1}, 0.5396),
}


@pytest.mark.parametrize("name", SPREAD)
def test_initial_values_have_the_documented_spread(name):
    options, std = SPREAD[name]
    weight = nn.Parameter(np.zeros(SHAPE, np.float32))
    fill = getattr(nn.init, name)
    assert fill(weight, generator=np.random.default_rng(0), **options) is weight
    values = weight.numpy()
    assert values.var() == pytest.approx(std**2, rel=0.03)
    assert abs(values.mean()) < 5 * std / math.sqrt(values.size)
    assert values.dtype == np.float32


def test_truncated_normal_stays_inside():
    values = nn.init.trunc_normal_(tt.zeros(10_000), 1.0, 2.0, 0.0, 1.5).numpy()
    assert values.min() >= 0
    assert values.max() <= 1.5


def test_constants():
    weight = tt.zeros(2, 3)
    assert nn.init.constant_(weight, 7).numpy().tolist() == [[7] * 3] * 2
    assert nn.init.ones_(weight).numpy().tolist() == [[1] * 3] * 2
    assert nn.init.eye_(weight).numpy().tolist() == [[1, 0, 0], [0, 1, 0]]
    assert nn.init.zeros_(weight).numpy().sum() == 0


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3)])
def test_orthogonal_rows_or_columns_are_orthonormal(shape):
    weight = nn.init.orthogonal_(tt.zeros(shape, dtype=np.float64), gain=2).numpy()
    matrix = weight.reshape(shape[0], -1) / 2
    matrix = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-12)


@pytest.mark.oracle
def test_gains_and_fans_are_pytorchs():
    torch = pytest.importorskip("torch")
    for name in (*nn.init.GAINS, "leaky_relu"):
        assert nn.init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert nn.init.calculate_gain("leaky_relu", 0.2) == torch.nn.init.calculate_gain(
        "leaky_relu", 0.2
    )
    theirs = torch.nn.init._calculate_fan_in_and_fan_out(torch.zeros(4, 3, 5, 5))
    assert nn.init.fans(tt.zeros(4, 3, 5, 5)) == theirs


# ------------------------------------------------------------------ all gradients at once


def with_gradients(seed=0):
    model = nn.MLP([3, 4, 2], dtype=np.float64, generator=np.random.default_rng(seed))
    model(tt.Tensor(sample(5, 3))).sum().backward()
    return model


@pytest.mark.oracle
@pytest.mark.parametrize("norm_type", [1, 2, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 1e6])
def test_clipping_by_norm_agrees_with_pytorch_and_replaces_gradients(norm_type, max_norm):
    torch = pytest.importorskip("torch")
    model = with_gradients()
    before = [p.grad for p in model.parameters()]
    copies = [g.numpy().copy() for g in before]
    theirs = [torch.nn.Parameter(torch.tensor(p.numpy())) for p in model.parameters()]
    for p, g in zip(theirs, copies, strict=True):
        p.grad = torch.tensor(g)
    norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type).item()
    assert norm == pytest.approx(expected, rel=1e-12)
    for p, q, g, values in zip(model.parameters(), theirs, before, copies, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)
        np.testing.assert_array_equal(g.numpy(), values)


def test_clipping_a_gradient_that_is_not_finite_raises_if_asked():
    p = nn.Parameter([1.0, 2.0])
    p.grad = tt.Tensor([np.inf, 1.0])
    with pytest.raises(tt.GraphError, match="not finite"):
        nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)


def test_clipping_by_value_limits_each_element_and_keeps_the_dtype():
    p, untouched = nn.Parameter([1.0, 2.0]), nn.Parameter([1.0])
    p.grad = given = tt.Tensor([-3.0, 0.5])
    nn.utils.clip_grad_value_([p, untouched], 1.0)
    assert p.grad.numpy().tolist() == [-1, 0.5]
    assert given.numpy().tolist() == [-3, 0.5]
    assert p.grad.dtype == np.float32
    assert untouched.grad is None


def test_grad_norms_are_by_path():
    model = with_gradients()
    norms = nn.utils.grad_norms(model)
    assert list(norms) == [name for name, _ in model.named_parameters()]
    g = model.layers[0].weight.grad.numpy()
    assert norms["layers.0.weight"] == pytest.approx(math.sqrt((g * g).sum()))
    model.zero_grad()
    assert nn.utils.grad_norms(model) == {}


def test_parameters_go_to_a_vector_and_back():
    one, other = with_gradients(0), with_gradients(1)
    vector = nn.utils.parameters_to_vector(one.parameters())
    assert vector.shape == (26,)
    assert vector.requires_grad
    nn.utils.vector_to_parameters(vector, other.parameters())
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


# ------------------------------------------------------------------ the summary


def test_summary_counts_parameters_products_and_activations():
    model = nn.MLP([2, 3, 5, 4, 2, 1], nn.Tanh)
    report = nn.summary(model, np.ones((10, 2), np.float32))
    assert report.total_params == report.trainable_params == 66
    assert report.total_multiply_adds == 10 * 51
    linear, tanh = 10 * (3 + 5 + 4 + 2 + 1) * 4, 10 * (3 + 5 + 4 + 2) * 4
    assert report.total_activation_bytes == linear + tanh
    first, second = report.rows[1:3]
    assert (first.path, first.kind, first.output) == ("layers.0", "Linear", "(10, 3)")
    assert (first.parameters, first.multiply_adds, first.activation_bytes) == (9, 60, 120)
    assert (second.path, second.depth) == ("activation", 1)
    assert report.rows[0].multiply_adds == 510
    assert str(report).splitlines()[0].split() == [
        "layer", "type", "output", "parameters", "multiply-adds", "activations",
    ]  # fmt: skip
    assert "66 parameters" in str(report)


def test_summary_counts_products_wherever_they_are_and_shared_parameters_once():
    class Twice(nn.Module):
        def __init__(self):
            self.shared = nn.Linear(3, 3)
            self.mix = nn.Parameter(np.ones((3, 2), np.float32))
            self.pair = nn.Bilinear(2, 2, 1)
            self.spare = nn.ReLU()

        def forward(self, x):
            x = self.shared(self.shared(x)) @ self.mix
            return {"out": [self.pair(x, x)]}

    model = Twice()
    model.shared.requires_grad_(False)
    model.train()
    report = nn.summary(model, tt.ones(4, 3))
    assert report.total_params == 12 + 6 + 5
    assert report.trainable_params == 6 + 5
    assert [row.parameters for row in report.rows] == [6, 12, 0, 5]
    products = 2 * (4 * 3 * 3) + 4 * 3 * 2 + 2 * (4 * 2 * 2)
    assert report.total_multiply_adds == products
    assert report.unused == ["spare"]
    assert "not called: spare" in str(report)
    assert model.training
    assert not model.shared.weight.requires_grad


def test_lists_of_modules_are_not_missed_where_their_members_are_called():
    class Stack(nn.Module):
        def __init__(self):
            self.layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])

        def forward(self, x):
            return self.layers[0](x)

    assert nn.summary(Stack(), tt.ones((1, 2))).unused == ["layers.1"]


def test_summary_leaves_gradients_modes_and_random_numbers_alone():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    model[1].eval()
    x = tt.ones(1, 2)
    tt.manual_seed(0)
    with tt.no_grad():
        nn.summary(model, x)
    after = tt.rand(1).item()
    tt.manual_seed(0)
    assert tt.rand(1).item() == after
    assert model[0].training
    assert not model[1].training
    assert model[0].weight.grad is None
    assert not x.requires_grad
