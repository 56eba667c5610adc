"""Convolution layers and functions: as PyTorch's, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_tr.nn import functional as F

RNG = np.random.default_rng(0)

LAYERS = [
    ("Conv1d", (4, 6, 3), {}, (2, 4, 9)),
    ("Conv1d", (4, 6, 2), {"padding": "same", "dilation": 3}, (2, 4, 9)),
    ("Conv2d", (3, 5, 3), {"stride": 2, "padding": 1}, (2, 3, 7, 8)),
    ("Conv2d", (3, 5, (3, 2)), {"padding": (2, 0), "dilation": (1, 2), "bias": False}, (3, 7, 8)),
    ("Conv2d", (4, 8, 3), {"groups": 4, "padding": "valid"}, (4, 7, 8)),
    ("Conv2d", (3, 5, 4), {"padding": "same"}, (2, 3, 7, 8)),
    ("Conv3d", (2, 4, (1, 3, 2)), {"stride": (1, 2, 1), "groups": 2}, (2, 2, 4, 6, 5)),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "output_padding": 1}, (2, 4, 5)),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2, "padding": 1, "output_padding": 1}, (4, 4, 5)),
    ("ConvTranspose2d", (4, 6, (2, 3)), {"groups": 2, "dilation": (2, 1)}, (2, 4, 4, 5)),
    ("ConvTranspose3d", (2, 3, 2), {"stride": (2, 1, 2)}, (2, 2, 3, 4, 3)),
]  # fmt: skip
MODES = ["zeros", "reflect", "replicate", "circular"]


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@pytest.mark.parametrize(("name", "sizes", "options", "shape"), LAYERS)
def test_layers_are_pytorchs(name, sizes, options, shape):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn, name)(*sizes, **options, dtype=torch.float64)
    ours = getattr(nn, name)(*sizes, **options, dtype=np.float64)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    x = RNG.standard_normal(shape)
    out, expected = ours(tt.Tensor(x)), theirs(torch.tensor(x))
    np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), atol=1e-12)
    np.square(out).sum().backward()
    expected.square().sum().backward()
    for key, p in theirs.named_parameters():
        found = dict(ours.named_parameters())[key].grad
        np.testing.assert_allclose(found.numpy(), p.grad.numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("padding", [1, (2, 1), "same"])
def test_the_border_may_hold_other_than_zeros(mode, padding):
    torch = pytest.importorskip("torch")
    options = {"padding": padding, "padding_mode": mode}
    theirs = torch.nn.Conv2d(2, 3, (4, 3), **options, dtype=torch.float64)
    ours = nn.Conv2d(2, 3, (4, 3), **options, dtype=np.float64)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    x = RNG.standard_normal((2, 2, 5, 6))
    np.testing.assert_allclose(
        ours(tt.Tensor(x)).numpy(), theirs(torch.tensor(x)).detach().numpy(), atol=1e-12
    )


@pytest.mark.oracle
def test_initial_values_are_uniform_as_pytorchs():
    torch = pytest.importorskip("torch")
    for name in ("Conv2d", "ConvTranspose2d"):
        torch.manual_seed(0)
        theirs = getattr(torch.nn, name)(32, 64, 5, groups=4)
        ours = getattr(nn, name)(32, 64, 5, groups=4, generator=np.random.default_rng(0))
        for key in ("weight", "bias"):
            a, b = getattr(ours, key).numpy(), getattr(theirs, key).detach().numpy()
            assert a.shape == b.shape
            assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=0.05)
            assert a.std() == pytest.approx(b.std(), rel=0.2 if key == "bias" else 0.02)


def test_a_filter_is_the_same_for_every_size_of_image():
    layer = nn.Conv2d(3, 10, 3)
    assert sum(p.size for p in layer.parameters()) == (3 * 3 * 3 + 1) * 10 == 280
    assert layer(tt.randn(1, 3, 8, 8)).shape == (1, 10, 6, 6)
    assert layer(tt.randn(2, 3, 30, 20)).shape == (2, 10, 28, 18)
    assert layer(tt.randn(3, 30, 20)).shape == (10, 28, 18)


def test_an_empty_batch_gives_an_empty_result_and_zero_gradients():
    layer = nn.Conv2d(3, 10, 3, padding=1)
    out = layer(tt.zeros(0, 3, 8, 8))
    assert out.shape == (0, 10, 8, 8)
    out.sum().backward()
    assert not layer.weight.grad.numpy().any()
    assert nn.ConvTranspose2d(3, 4, 2, stride=2)(tt.zeros(0, 3, 8, 8)).shape == (0, 4, 16, 16)


def test_layers_say_what_they_are():
    assert repr(nn.Conv2d(3, 8, 3)).startswith("Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))")
    shown = repr(nn.Conv2d(4, 8, 3, padding=1, groups=2, bias=False, padding_mode="reflect"))
    for word in ("padding=(1, 1)", "groups=2", "bias=False", "padding_mode='reflect'"):
        assert word in shown
    assert "output_padding=(1,)" in repr(nn.ConvTranspose1d(3, 8, 3, stride=2, output_padding=1))


# ------------------------------------------------------------------ what is refused


X, W, W4 = tt.zeros(2, 4, 6, 6), tt.zeros(8, 4, 3, 3), tt.zeros(4, 2, 3, 3)
REFUSED = [
    (lambda: F.conv2d(tt.zeros(2, 3, 6, 6), W), ShapeError, r"conv2d: the channels.*\n.*3"),
    (lambda: F.conv2d(X, W, groups=3), ShapeError, "groups"),
    (lambda: F.conv2d(X, tt.zeros(9, 2, 3, 3), groups=2), ShapeError, "multiple of groups"),
    (lambda: F.conv2d(X, W, groups=0), ArgumentError, "groups=0"),
    (lambda: F.conv2d(tt.zeros(6, 6), W), ShapeError, r"\(N, C, H, W\), or \(C, H, W\)"),
    (lambda: F.conv2d(X, tt.zeros(8, 4, 3)), ShapeError, "4 axes"),
    (lambda: F.conv2d(X, tt.zeros(8, 4, 0, 3)), ShapeError, "none of length 0"),
    (lambda: F.conv2d(X, tt.zeros(8, 4, 7, 3)), ShapeError, "larger than the padded x"),
    (lambda: F.conv2d(X, W, dilation=3), ShapeError, "larger than the padded x"),
    (lambda: F.conv2d(X, W, bias=tt.zeros(4)), ShapeError, r"bias \(4,\)\n.*\(8,\)"),
    (lambda: F.conv2d(X, W, stride=0), ArgumentError, "stride=0"),
    (lambda: F.conv2d(X, W, stride=(1, 1, 1)), ArgumentError, "2 of them"),
    (lambda: F.conv2d(X, W, padding=-1), ArgumentError, "padding=-1"),
    (lambda: F.conv2d(X, W, padding="full"), ArgumentError, '"valid" or "same"'),
    (lambda: F.conv2d(X, W, stride=2, padding="same"), ArgumentError, "needs stride 1"),
    (lambda: F.conv2d(X, W, dilation=1.5), ArgumentError, "dilation=1.5"),
    (lambda: F.conv2d(X.astype(np.float64), W), DtypeError, "float64.*float32"),
    (lambda: F.conv2d(np.zeros((2, 4, 6, 6), np.uint8), W), DtypeError, "floats"),
    (lambda: F.conv2d([[[[1.0]]]], W), DtypeError, "floats"),
    (lambda: F.conv_transpose2d(X, W), ShapeError, "conv_transpose2d: the channels"),
    (lambda: F.conv_transpose2d(X[:, :2], W4), ShapeError, "the channels"),
    (lambda: F.conv_transpose2d(X, W4, output_padding=1), ArgumentError, "less than"),
    (lambda: F.conv_transpose2d(X, W4, padding=4), ShapeError, "nothing is left"),
    (lambda: nn.Conv2d(4, 6, 3, groups=3), ArgumentError, "groups a divisor"),
    (lambda: nn.Conv2d(4, 6, 0), ArgumentError, "kernel_size=0"),
    (lambda: nn.Conv2d(4, -6, 3), ArgumentError, "out_channels=-6"),
    (lambda: nn.Conv2d(4, 6, 3, padding_mode="mirror"), ArgumentError, "reflect"),
    (lambda: nn.Conv2d(4, 6, 3)(tt.zeros(2, 4, 2, 2)), ShapeError, "larger than the padded x"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_does_not_fit_is_refused_at_once(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "test_nn_convolution.py" in str(caught.value)
