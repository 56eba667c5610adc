"""Borders, other sizes, pixels and channels, windows: as PyTorch's, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_tr.nn import functional as F

RNG = np.random.default_rng(0)
X1, X2, X3 = (RNG.standard_normal((2, 4, *(6, 4, 5)[:n])) for n in (1, 2, 3))


def same(function, x, *arguments, **options):
    """Our function and PyTorch's: value, and gradient of a random sum of it."""
    torch = pytest.importorskip("torch")
    ours, theirs = tt.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    found = getattr(F, function)(ours, *arguments, **options)
    wanted = getattr(torch.nn.functional, function)(theirs, *arguments, **options)
    np.testing.assert_allclose(found.numpy(), wanted.detach().numpy(), atol=1e-12)
    g = np.random.default_rng(1).standard_normal(found.shape)
    (gradient,) = tt.grad(found, [ours], g)
    wanted.backward(torch.tensor(g))
    np.testing.assert_allclose(gradient.numpy(), theirs.grad.numpy(), atol=1e-12)


BORDERS = [
    (X2, (1, 2), "constant"), (X2, (1, 2, 3, 0), "constant"), (X2, (-1, 2, 0, -3), "constant"),
    (X1, (2, 1), "reflect"), (X2, (2, 1, 3, 3), "reflect"), (X3, (1, 2, 2, 1, 0, 3), "reflect"),
    (X1, (7, 1), "replicate"), (X2, (2, 1, 3, 3), "replicate"), (X3, (1,) * 6, "replicate"),
    (X1, (6, 1), "circular"), (X2, (2, 4, 3, 6), "circular"), (X3, (1, 2, 2, 1, 0, 3), "circular"),
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize(("x", "widths", "mode"), BORDERS)
def test_borders_are_pytorchs(x, widths, mode):
    same("pad", x, widths, mode=mode)


@pytest.mark.oracle
def test_a_border_may_have_any_value():
    same("pad", X2, (1, 2, 0, 1), value=-7.5)


def test_a_border_of_nothing_is_x_itself():
    x = tt.Tensor(X2)
    assert F.pad(x, (0, 0, 0, 0)) is x


MODES = {1: ["nearest", "nearest-exact", "linear", "area"],
         2: ["nearest", "nearest-exact", "bilinear", "bicubic", "area"],
         3: ["nearest", "nearest-exact", "trilinear", "area"]}  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("axes", "mode"), [(n, mode) for n, all_ in MODES.items() for mode in all_]
)
def test_interpolation_is_pytorchs(axes, mode):
    x = (X1, X2, X3)[axes - 1]
    corners = [None, True] if "linear" in mode or "cubic" in mode else [None]
    for size, align in itertools.product([(3, 7, 5), (6, 4, 5), (12, 1, 2)], corners):
        same("interpolate", x, size[:axes], mode=mode, align_corners=align)
    for factor, align in itertools.product([2, 0.5, 1.7], corners):
        same("interpolate", x, scale_factor=factor, mode=mode, align_corners=align)


def test_interpolation_of_one_bad_number_spoils_its_neighbours_only():
    x = np.zeros((1, 1, 6, 6))
    x[0, 0, 0, 0] = np.nan
    out = F.interpolate(tt.Tensor(x), scale_factor=2, mode="bilinear").numpy()
    assert np.isnan(out[0, 0, :3, :3]).all()
    assert np.isfinite(out[0, 0, 4:, :]).all()


@pytest.mark.oracle
def test_pixels_and_channels_are_pytorchs():
    same("pixel_shuffle", X2, 2)
    same("pixel_unshuffle", X2[..., :4], 2)
    torch = pytest.importorskip("torch")
    shuffled = torch.nn.functional.channel_shuffle(torch.tensor(X2), 2)
    np.testing.assert_array_equal(F.channel_shuffle(tt.Tensor(X2), 2).numpy(), shuffled.numpy())


def test_shuffling_pixels_and_back_changes_nothing():
    x = tt.Tensor(RNG.standard_normal((2, 3, 12, 4, 5)))
    np.testing.assert_array_equal(F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2).numpy(), x.numpy())


@pytest.mark.oracle
@pytest.mark.parametrize("batch", [True, False])
def test_windows_as_columns_are_pytorchs(batch):
    x = X2 if batch else X2[0]
    same("unfold", x, (3, 2), (1, 2), (1, 0), (2, 1))
    columns = RNG.standard_normal((2, 4 * 6, 6) if batch else (4 * 6, 6))
    same("fold", columns, (5, 4), (3, 2), 1, (1, 0), (3, 1))


def test_folding_back_counts_how_often_each_place_was_seen():
    x = tt.ones(1, 1, 6, 6, dtype=np.float64)
    counts = F.fold(F.unfold(x, 3), 6, 3).numpy()[0, 0]
    np.testing.assert_array_equal(counts, np.outer([1, 2, 3, 3, 2, 1], [1, 2, 3, 3, 2, 1]))


LAYERS = [
    ("ConstantPad1d", (2, 1.5), X1), ("ConstantPad2d", ((1, 2, 0, 1), 1.5), X2),
    ("ConstantPad3d", (1, 0.5), X3), ("ZeroPad1d", (1,), X1), ("ZeroPad2d", (2,), X2),
    ("ZeroPad3d", (1,), X3), ("ReflectionPad1d", (2,), X1), ("ReflectionPad2d", (2,), X2),
    ("ReflectionPad3d", (1,), X3), ("ReplicationPad1d", (2,), X1), ("ReplicationPad2d", (2,), X2),
    ("ReplicationPad3d", (1,), X3), ("CircularPad1d", (2,), X1), ("CircularPad2d", (2,), X2),
    ("CircularPad3d", (1,), X3), ("PixelShuffle", (2,), X2), ("PixelUnshuffle", (2,), X2[..., :4]),
    ("ChannelShuffle", (2,), X2), ("Unfold", (2, 1, 1, 2), X2),
    ("UpsamplingNearest2d", (None, 2), X2),
    ("UpsamplingBilinear2d", (None, 3), X2), ("Upsample", (None, 2, "bicubic"), X2),
    ("Upsample", (7,), X1), ("Fold", ((4, 5), 2, 1, 1, 2), RNG.standard_normal((2, 8, 9))),
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "arguments", "x"), LAYERS, ids=lambda v: v if v is str else "")
def test_layers_are_pytorchs(name, arguments, x):
    torch = pytest.importorskip("torch")
    wanted = getattr(torch.nn, name)(*arguments)(torch.tensor(x)).numpy()
    layer = getattr(nn, name)(*arguments)
    np.testing.assert_allclose(layer(tt.Tensor(x)).numpy(), wanted, atol=1e-12)
    assert repr(layer).startswith(f"{name}(")


T2 = tt.Tensor(X2)
REFUSED = [
    (lambda: F.pad(T2, (1, 2, 3)), ArgumentError, "pairs of integers"),
    (lambda: F.pad(T2, (1.5, 2)), ArgumentError, "pairs of integers"),
    (lambda: F.pad(T2, (1, 2), "mirror"), ArgumentError, "reflect or replicate"),
    (lambda: F.pad(T2, (1, 2), "reflect", value=3), ArgumentError, "only a constant border"),
    (lambda: F.pad(T2, (4, 0), "reflect"), ShapeError, "at most 3"),
    (lambda: F.pad(T2, (5, 0), "circular"), ShapeError, "at most 4"),
    (lambda: F.pad(T2, (-1, 0), "replicate"), ShapeError, "widths ≥ 0"),
    (lambda: F.pad(T2, (-2, -3)), ShapeError, "nothing is left"),
    (lambda: nn.ZeroPad2d((1, 2)), ArgumentError, "4 of them"),
    (lambda: F.interpolate(T2), ArgumentError, "one of them"),
    (lambda: F.interpolate(T2, 3, 2), ArgumentError, "one of them"),
    (lambda: F.interpolate(T2, (3, 4, 5)), ArgumentError, "size"),
    (lambda: F.interpolate(T2, scale_factor=(2, 2, 2)), ArgumentError, "2 of them"),
    (lambda: F.interpolate(T2, scale_factor=-2), ArgumentError, "> 0"),
    (lambda: F.interpolate(T2, scale_factor=0.1), ShapeError, "nothing would be left"),
    (lambda: F.interpolate(T2, 3, mode="linear"), ArgumentError, "bilinear"),
    (lambda: F.interpolate(T2, 3, mode="nearest", align_corners=True), ArgumentError, "linear"),
    (lambda: F.interpolate(np.ones((1, 1, 2, 2), int), 3), DtypeError, "floats"),
    (lambda: F.pixel_shuffle(T2, 3), ShapeError, "multiple of 9"),
    (lambda: F.pixel_unshuffle(T2, 4), ShapeError, "multiples of 4"),
    (lambda: F.pixel_shuffle(tt.ones(2, 2), 1), ShapeError, "no picture"),
    (lambda: F.channel_shuffle(T2, 3), ShapeError, "multiple of groups"),
    (lambda: F.unfold(T2, 7), ShapeError, "larger than the padded picture"),
    (lambda: F.unfold(T2, 2, stride=0), ArgumentError, "stride=0"),
    (lambda: F.fold(tt.ones(2, 8, 5), 4, 2), ShapeError, r"\(N, C · 4, 9\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_does_not_fit_is_refused_at_once(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "test_nn_resampling.py" in str(caught.value)
