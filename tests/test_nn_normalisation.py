"""Normalisation layers: PyTorch's numbers, their statistics, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.nn import functional as F

MODULES = [
    ("BatchNorm1d", (4,), {}, (6, 4)),
    ("BatchNorm1d", (4,), {"momentum": None}, (6, 4, 3)),
    ("BatchNorm1d", (4,), {"track_running_stats": False}, (6, 4)),
    ("BatchNorm2d", (3,), {"momentum": 0.3, "eps": 1e-3}, (5, 3, 2, 4)),
    ("BatchNorm2d", (3,), {"affine": False}, (5, 3, 2, 4)),
    ("BatchNorm3d", (2,), {}, (3, 2, 2, 3, 2)),
    ("InstanceNorm1d", (4,), {}, (3, 4, 5)),
    ("InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True}, (4, 3, 2, 5)),
    ("InstanceNorm3d", (2,), {"affine": True}, (2, 2, 2, 3, 2)),
    ("LayerNorm", (6,), {}, (4, 6)),
    ("LayerNorm", ((3, 4),), {"bias": False}, (2, 5, 3, 4)),
    ("LayerNorm", (6,), {"elementwise_affine": False}, (2, 3, 6)),
    ("RMSNorm", (6,), {}, (4, 6)),
    ("RMSNorm", ((3, 4),), {"eps": 1e-3}, (2, 3, 4)),
    ("GroupNorm", (2, 6), {}, (3, 6)),
    ("GroupNorm", (3, 6), {"eps": 1e-3}, (3, 6, 4)),
    ("GroupNorm", (1, 4), {"affine": False}, (2, 4, 3, 3)),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "arguments", "options", "shape"), MODULES)
def test_three_training_steps_and_an_evaluation_agree_with_pytorch(name, arguments, options, shape):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    theirs = getattr(torch.nn, name)(*arguments, **options).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.tensor(rng.standard_normal(parameter.shape)))
    ours = getattr(nn, name)(*arguments, **options, dtype=np.float64)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    for training in (True, True, True, False):
        ours.train(training)
        theirs.train(training)
        x, g = 3 * rng.standard_normal(shape) + 2, rng.standard_normal(shape)
        mine = tt.Tensor(x, requires_grad=True)
        other = torch.tensor(x, requires_grad=True)
        ours.zero_grad()
        theirs.zero_grad()
        out, expected = ours(mine), theirs(other)
        out.backward(g)
        expected.backward(torch.tensor(g))
        close = {"rtol": 1e-10, "atol": 1e-12}
        np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), **close)
        np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), **close)
        for (key, parameter), witness in zip(
            ours.named_parameters(), theirs.parameters(), strict=True
        ):
            np.testing.assert_allclose(
                parameter.grad.numpy(), witness.grad.numpy(), **close, err_msg=key
            )
    saved, wanted = ours.state_dict(), theirs.state_dict()
    assert saved.keys() == wanted.keys()
    for key, value in saved.items():
        np.testing.assert_allclose(value, wanted[key].numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_from_zero_the_numbers_are_as_good_as_the_dtype(dtype):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((64, 300)) + 1e4).astype(dtype)
    exact = x.astype(np.float64)
    exact = (exact - exact.mean(axis=1, keepdims=True)) / exact.std(axis=1, keepdims=True)
    out = F.layer_norm(tt.Tensor(x), 300, eps=1e-12)
    assert out.dtype == dtype
    np.testing.assert_allclose(out.numpy(), exact, atol=30 * np.finfo(dtype).eps * 100)
    assert abs(out.numpy().mean(axis=1)).max() < 1e-5


@pytest.mark.parametrize("shape", [(64, 3), (16, 3, 5), (8, 3, 4, 4)])
def test_statistics_far_from_zero_are_as_good_as_the_dtype(shape):
    x = (np.random.default_rng(0).standard_normal(shape) + 1e4).astype(np.float32)
    mean, variance = tt.zeros(3), tt.zeros(3)
    out = F.batch_norm(tt.Tensor(x), mean, variance, training=True, momentum=1.0)
    axes = (0, *range(2, x.ndim))
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean.numpy(), exact.mean(axis=axes), rtol=1e-7)
    np.testing.assert_allclose(variance.numpy(), exact.var(axis=axes, ddof=1), rtol=1e-5)
    np.testing.assert_allclose(out.numpy().mean(axis=axes), 0, atol=1e-5)


@pytest.mark.parametrize("number", [0.0, 1.0, 1e4 / 3, -1e-3])
def test_equal_numbers_become_zero(number):
    x = tt.Tensor(np.full((7, 300), number, np.float32), requires_grad=True)
    out = F.layer_norm(x, 300)
    np.testing.assert_allclose(out.numpy(), 0, atol=1e-6)
    out.backward(np.ones_like(out.numpy()))
    assert np.isfinite(x.grad.numpy()).all()


def test_no_example_is_normalised_to_none():
    x = tt.Tensor(np.zeros((0, 6)), requires_grad=True)
    layer = nn.LayerNorm(6).to(np.float64)
    out = layer(x)
    out.backward(np.zeros((0, 6)))
    assert out.shape == x.grad.shape == (0, 6)
    np.testing.assert_array_equal(layer.weight.grad.numpy(), np.zeros(6))


def test_derivatives_of_any_order_go_through_training_mode():
    rng = np.random.default_rng(0)
    x, w, b = rng.standard_normal((5, 3, 2)), rng.standard_normal(3), rng.standard_normal(3)

    def norm(x, w, b):
        return F.batch_norm(x, None, None, w, b, training=True)

    assert tt.gradcheck(norm, [x, w, b])
    assert tt.gradgradcheck(norm, [x, w, b], atol=1e-5)
    assert tt.gradgradcheck(lambda x, w: F.group_norm(x, 3, w), [x, w], atol=1e-5)


def test_statistics_do_not_enter_the_graph_and_change_without_an_error():
    layer = nn.BatchNorm1d(3)
    x = tt.randn(8, 3, requires_grad=True)
    loss = (layer(x) ** 3).sum()
    layer(tt.randn(8, 3))  # moves the running statistics before the backward pass
    loss.backward()
    assert x.grad is not None
    assert not layer.running_mean.requires_grad
    assert layer.num_batches_tracked.item() == 2


def test_the_variance_that_is_kept_is_unbiased_or_the_formulas():
    x = tt.Tensor(np.array([[1.0], [2.0], [3.0], [4.0]]))
    kept = {}
    for unbiased in (True, False):
        layer = nn.BatchNorm1d(1, momentum=1.0, unbiased=unbiased).to(np.float64)
        layer(x)
        kept[unbiased] = layer.running_var.item()
    assert kept == {True: pytest.approx(5 / 3), False: pytest.approx(1.25)}


def test_a_frozen_layer_leaves_its_statistics():
    layer = nn.BatchNorm1d(3).eval()
    before = layer.state_dict()
    layer(tt.randn(8, 3))
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize(
    ("options", "x"),
    [({}, tt.zeros(1, 3)), ({"eps": -1.0}, tt.ones(4, 3)), ({"momentum": 7.0}, tt.ones(4, 3))],
    ids=["one example", "eps", "momentum"],
)
def test_what_is_refused_leaves_the_statistics_alone(options, x):
    layer = nn.BatchNorm1d(3, **options)
    before = layer.state_dict()
    with pytest.raises(tt.TinygradError):
        layer(x)
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


X = tt.zeros(4, 6)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.BatchNorm1d(5)(X), tt.ShapeError, "one number for each channel"),
        (lambda: nn.BatchNorm2d(6)(X), tt.ShapeError, "(N, C, H, W)"),
        (lambda: nn.BatchNorm1d(6)(tt.zeros(1, 6)), tt.ShapeError, "more than one value"),
        (lambda: nn.BatchNorm1d(6)(tt.zeros(0, 6)), tt.ShapeError, "more than one value"),
        (lambda: nn.InstanceNorm1d(6)(tt.zeros(2, 6, 1)), tt.ShapeError, "more than one value"),
        (lambda: nn.BatchNorm1d(6)(tt.zeros(4, 6, dtype=np.int64)), tt.DtypeError, "floats"),
        (lambda: nn.LayerNorm(5)(X), tt.ShapeError, "normalized_shape"),
        (lambda: nn.LayerNorm((4, 6, 1))(X), tt.ShapeError, "normalized_shape"),
        (lambda: nn.GroupNorm(4, 6), tt.ArgumentError, "divide"),
        (lambda: F.group_norm(X, 4), tt.ArgumentError, "6 channels"),
        (lambda: F.group_norm(X, 2, eps=0.0), tt.ArgumentError, "eps"),
        (lambda: nn.BatchNorm1d(0), tt.ArgumentError, "no channels"),
        (lambda: nn.BatchNorm1d(6, momentum=1.5)(X), tt.ArgumentError, "momentum"),
        (lambda: nn.LayerNorm(0), tt.ShapeError, "nothing to normalise"),
        (lambda: F.batch_norm(X, None, None), tt.ArgumentError, "statistics"),
    ],
)
def test_bad_input_is_refused(call, error, words):
    with pytest.raises(error, match=words.replace("(", r"\(").replace(")", r"\)")):
        call()
