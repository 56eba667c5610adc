"""Pooling: as PyTorch's, the course's numbers, ties, bad numbers, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_tr.kernels import compiled, pooling
from tinygrad_tr.kernels.windows import adaptive, sliding
from tinygrad_tr.nn import functional as F

RNG = np.random.default_rng(0)
SIZES = (9, 8, 7)


def same(function, x, *arguments, **options):
    """Our function and PyTorch's: value, places, and the gradient of a random sum."""
    torch = pytest.importorskip("torch")
    ours, theirs = tt.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    found = getattr(F, function)(ours, *arguments, **options)
    wanted = getattr(torch.nn.functional, function)(theirs, *arguments, **options)
    if isinstance(wanted, tuple):
        np.testing.assert_array_equal(found[1].numpy(), wanted[1].numpy())
        found, wanted = found[0], wanted[0]
    np.testing.assert_allclose(found.numpy(), wanted.detach().numpy(), atol=1e-12)
    g = np.random.default_rng(1).standard_normal(found.shape)
    (gradient,) = tt.grad(found, [ours], g)
    wanted.backward(torch.tensor(g))
    np.testing.assert_allclose(gradient.numpy(), theirs.grad.numpy(), atol=1e-11)


@pytest.mark.oracle
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_pooling_is_pytorchs(axes):
    x = RNG.standard_normal((2, 2, *SIZES[:axes]))
    facts = itertools.product((1, 2, 3), (None, 1, 2, 3), (0, 1), (1, 2), (False, True))
    for kernel, stride, padding, dilation, ceil in facts:
        if 2 * padding > kernel:
            continue
        same(f"max_pool{axes}d", x, kernel, stride, padding, dilation, ceil, True)
        if dilation == 1:
            for counted in (True, False):
                same(f"avg_pool{axes}d", x, kernel, stride, padding, ceil, counted)
    for size in (1, 2, 3, 5):
        same(f"adaptive_avg_pool{axes}d", x, size)
        same(f"adaptive_max_pool{axes}d", x, size, return_indices=True)
    same(f"lp_pool{axes}d", np.abs(x), 3, 2)
    same(f"lp_pool{axes}d", x, 2, 3, 2, ceil_mode=True)


@pytest.mark.oracle
def test_other_ways_to_say_it_are_pytorchs():
    x = RNG.standard_normal((2, 6, 5))  # one example
    same("max_pool2d", x, (3, 2), (1, 2), (1, 0), (2, 1))
    same("avg_pool2d", x, (3, 2), divisor_override=4)
    same("adaptive_avg_pool2d", x, (None, 2))
    same("adaptive_max_pool2d", x, (8, 7))  # more places than there are
    same("max_pool2d", RNG.standard_normal((0, 2, 4, 4)), 2)


LAYERS = [
    ("MaxPool1d", (3, 2, 1)), ("MaxPool2d", (2,)), ("MaxPool3d", (2, 1)), ("AvgPool1d", (3, 2, 1)),
    ("AvgPool2d", ((3, 2), 2, 1, True, False)), ("AvgPool3d", (2,)), ("LPPool1d", (2, 3)),
    ("LPPool2d", (2, 2, 1)), ("LPPool3d", (2, 2)), ("AdaptiveAvgPool1d", (3,)),
    ("AdaptiveAvgPool2d", ((3, None),)), ("AdaptiveAvgPool3d", (2,)), ("AdaptiveMaxPool1d", (3,)),
    ("AdaptiveMaxPool2d", (3,)), ("AdaptiveMaxPool3d", ((1, 2, 3),)),
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "arguments"), LAYERS)
def test_layers_are_pytorchs_and_have_nothing_to_learn(name, arguments):
    torch = pytest.importorskip("torch")
    x = np.abs(RNG.standard_normal((2, 2, *SIZES[: int(name[-2])])))
    layer = getattr(nn, name)(*arguments)
    wanted = getattr(torch.nn, name)(*arguments)(torch.tensor(x)).numpy()
    np.testing.assert_allclose(layer(tt.Tensor(x)).numpy(), wanted, atol=1e-12)
    assert not list(layer.parameters())
    assert repr(layer).startswith(f"{name}(")


# ------------------------------------------------------------------ the course's numbers


PICTURE = np.array([[1.0, 3, 2, 1], [2, 9, 1, 1], [1, 3, 2, 3], [5, 6, 1, 2]])


def test_the_course_s_picture_pools_to_its_four_numbers():
    x = tt.Tensor(PICTURE[None], requires_grad=True)
    np.testing.assert_array_equal(F.max_pool2d(x, 2).numpy()[0], [[9, 2], [6, 3]])
    np.testing.assert_array_equal(F.avg_pool2d(x, 2).numpy()[0], [[3.75, 1.25], [3.75, 2]])
    F.max_pool2d(x, 2).sum().backward()
    largest = np.isin(PICTURE, [9, 6]) | ((PICTURE == 2) & (np.arange(16).reshape(4, 4) == 2))
    largest |= np.arange(16).reshape(4, 4) == 11
    np.testing.assert_array_equal(x.grad.numpy()[0], largest)


def test_the_misprinted_row_would_give_other_numbers():
    printed = PICTURE.copy()
    printed[1] = [2, 8, 7, 4]
    out = F.max_pool2d(tt.Tensor(printed[None]), 2).numpy()[0]
    np.testing.assert_array_equal(out, [[8, 7], [6, 3]])


@pytest.mark.parametrize("n", [4, 300])  # the second is large enough for the loop
def test_of_equal_numbers_the_first_row_by_row_gets_the_gradient(n):
    x = tt.ones(1, 2, n, n, dtype=np.float64, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    first = np.zeros((n, n))
    first[::2, ::2] = 1
    np.testing.assert_array_equal(x.grad.numpy()[0, 0], first)


@pytest.mark.oracle
@pytest.mark.parametrize("n", [6, 200])
def test_bad_numbers_win_as_in_pytorch(n):
    x = RNG.standard_normal((1, 1, n, n))
    x[0, 0, 1, 1], x[0, 0, 2, 3], x[0, 0, 4, 4] = np.nan, np.inf, -np.inf
    same("max_pool2d", x, 3, 2, 1, return_indices=True)
    all_low = np.full((1, 1, n, n), -np.inf)
    assert np.isneginf(F.max_pool2d(tt.Tensor(all_low), 2).numpy()).all()


def test_the_loop_and_numpy_find_the_same(monkeypatch):
    pytest.importorskip("numba")
    x = RNG.integers(0, 4, (3, 40, 41)).astype(np.float32)  # many equal numbers
    grids = [
        [sliding(40, 2, 2), sliding(41, 2, 2)],
        [sliding(40, 3, 2, 1), sliding(41, 3, 1, 1, 2, True)],
        [adaptive(40, 7), adaptive(41, 50)],
    ]
    for windows in grids:
        by_rows, by_axes = pooling.largest_by_rows(x, windows), pooling.largest_by_axes(x, windows)
        for found, wanted in zip(by_rows, by_axes, strict=True):
            np.testing.assert_array_equal(found, wanted)
            assert found.dtype == wanted.dtype
    large = RNG.standard_normal((4, 5, 64, 64)).astype(np.float32)
    assert compiled.worthwhile(large)
    results = []
    for there in (True, False):
        monkeypatch.setattr(compiled, "available", lambda there=there: there)
        t = tt.Tensor(large, requires_grad=True)
        out = F.max_pool2d(t, 3, 2, 1)
        (out * out).sum().backward()
        results.append((out.numpy(), t.grad.numpy()))
    for found, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_only_places_are_kept_not_the_picture():
    x = tt.randn(8, 4, 32, 32, requires_grad=True)
    node = F.max_pool2d(x, 2).node
    cells = [c.cell_contents for p in node.pullbacks for c in p.__closure__]
    held = sum(a.nbytes for a in cells if isinstance(a, np.ndarray))
    assert held <= x.numpy().nbytes / 4 / 2  # two bytes for each of a quarter as many


# ------------------------------------------------------------------ what is refused


X = tt.zeros(2, 3, 6, 5)
REFUSED = [
    (lambda: F.max_pool2d(X, 7), ShapeError, "larger than the padded x"),
    (lambda: F.max_pool2d(X, 3, dilation=3), ShapeError, "larger than the padded x"),
    (lambda: F.max_pool2d(X, 3, padding=2), ArgumentError, "at most half the kernel"),
    (lambda: F.max_pool2d(X, 0), ArgumentError, "kernel_size=0"),
    (lambda: F.max_pool2d(X, -2), ArgumentError, "kernel_size=-2"),
    (lambda: F.max_pool2d(X, 2, stride=0), ArgumentError, "stride=0"),
    (lambda: F.max_pool2d(X, (2, 2, 2)), ArgumentError, "2 of them"),
    (lambda: F.max_pool2d(tt.zeros(6, 5), 2), ShapeError, r"\(N, C, H, W\)"),
    (lambda: F.max_pool2d(tt.zeros(2, 3, 0, 5), 1), ShapeError, "≥ 1"),
    (lambda: F.max_pool2d(np.zeros((2, 3, 4, 4), np.uint8), 2), DtypeError, "floats"),
    (lambda: F.avg_pool2d(X, 2, divisor_override=0), ArgumentError, "divisor_override"),
    (lambda: F.avg_pool1d(X, 2), ShapeError, r"\(N, C, W\)"),
    (lambda: F.lp_pool2d(X, 0, 2), ArgumentError, "norm_type"),
    (lambda: F.adaptive_avg_pool2d(X, 0), ArgumentError, "output_size"),
    (lambda: F.adaptive_avg_pool2d(X, (1, 2, 3)), ArgumentError, "2 of them"),
    (lambda: nn.MaxPool2d(9)(X), ShapeError, "max_pool2d"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_does_not_fit_is_refused_at_once(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "test_nn_pooling.py" in str(caught.value)
