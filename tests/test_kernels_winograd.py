"""Winograd's convolution against the sums it saves, and who makes those it may not."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_tr.kernels import convolution, shifted_rows, threads, winograd
from tinygrad_tr.kernels import winograd_transforms as transforms

ONES = {"stride": (1, 1), "dilation": (1, 1), "groups": 1}


@pytest.fixture
def three_cores(monkeypatch):
    """Loops as on a machine with three cores, whatever this one has."""
    for module in (threads, winograd):
        monkeypatch.setattr(module, "cores", lambda: 3)
    winograd.plan.cache_clear()
    yield
    winograd.plan.cache_clear()


def arrays(images, channels, filters, size, padding, dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((images, channels, *size)).astype(dtype)
    w = rng.standard_normal((filters, channels, 3, 3)).astype(dtype)
    result = tuple(n + 2 * p - 2 for n, p in zip(size, padding, strict=True))
    return x, w, rng.standard_normal((images, filters, *result)).astype(dtype)


def in_tiles(x, w, y, padding):
    return (
        winograd.conv(x, w, None, y.shape[2:], padding),
        winograd.conv(y, w, None, x.shape[2:], padding, back=True),
        winograd.conv_filter(x, y, padding),
    )


def one_by_one(module, x, w, y, padding):
    facts = {"padding": padding, **ONES}
    return (
        module.conv(x, w, None, size=y.shape[2:], **facts),
        module.conv_transpose(y, w, None, size=x.shape[2:], **facts),
        module.conv_filter(x, y, size=w.shape[2:], **facts),
    )


def test_the_products_at_the_points_make_a_correlation():
    rng = np.random.default_rng(0)
    x, w, y = rng.standard_normal(6), rng.standard_normal(3), rng.standard_normal(4)
    at_points = zip(
        transforms.at_points(transforms.B, x),
        transforms.at_points(transforms.G, w),
        transforms.at_points(transforms.A, y),
        strict=True,
    )
    found = sum(a * b * c for a, b, c in at_points)
    np.testing.assert_allclose(found, np.correlate(x, w) @ y, rtol=1e-12)


@pytest.mark.parametrize("matrix", [transforms.A, transforms.G], ids=["A", "G"])
def test_from_points_is_to_them_transposed(matrix):
    x = np.random.default_rng(0).standard_normal(6)
    found = transforms.from_points(matrix, x)
    np.testing.assert_allclose(found, np.transpose(matrix) @ x, atol=1e-14)


@pytest.mark.usefixtures("three_cores")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("images", "channels", "filters", "size", "padding"),
    [
        (1, 16, 32, (6, 5), (0, 2)),
        (2, 32, 16, (70, 41), (1, 1)),  # in bands
        (4, 16, 16, (9, 100), (2, 0)),
        (37, 48, 16, (4, 7), (1, 1)),  # several together
        (3, 64, 64, (1, 3), (3, 4)),  # more padding than the filter sees
    ],
    ids=str,
)
def test_tiles_make_the_three_contractions(
    images, channels, filters, size, padding, dtype, monkeypatch
):
    pytest.importorskip("numba")
    x, w, y = arrays(images, channels, filters, size, padding, dtype)
    found = in_tiles(x, w, y, padding)
    monkeypatch.setattr(convolution, "possible", lambda *_: False)
    exact = one_by_one(convolution, *(a.astype(float) for a in (x, w, y)), padding)
    for a, b in zip(found, exact, strict=True):
        assert a.dtype == dtype
        scale = np.abs(b).max()
        np.testing.assert_allclose(a, b, atol=(1e-13 if dtype == np.float64 else 1e-5) * scale)


def test_a_bias_is_added_and_arrays_need_not_be_in_one_piece():
    pytest.importorskip("numba")
    x, w, y = arrays(2, 16, 32, (8, 8), (1, 1), np.float64)
    bias = np.linspace(-1, 1, 64)[::2]
    bare = winograd.conv(x, w, None, (8, 8), (1, 1))
    found = winograd.conv(x[::-1, ::-1], w[:, ::-1], bias, (8, 8), (1, 1))
    np.testing.assert_allclose(found[::-1], bare + bias[:, None, None], atol=1e-12)
    scattered = [np.asfortranarray(a) for a in (x, w, y)]
    for a, b in zip(in_tiles(*scattered, (1, 1)), in_tiles(x, w, y, (1, 1)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 2e38])
def test_where_a_tile_is_not_finite_the_sums_are_made_one_by_one(bad):
    """2e38 is finite, but twice it is not: a transform overflows where the sums need not."""
    pytest.importorskip("numba")
    x, w, y = arrays(4, 16, 16, (16, 16), (1, 1), np.float32)
    x[1, 2, 5, 6] = y[1, 2, 5, 6] = bad
    assert in_tiles(x, w, y, (1, 1)) == (None, None, None)
    found = one_by_one(convolution, x, w, y, (1, 1))
    for a, b in zip(found, one_by_one(shifted_rows, x, w, y, (1, 1)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"weight": (16, 24, 3, 3)}, False),
        ({"weight": (16, 32, 3, 1)}, False),
        ({"stride": (1, 2)}, False),
        ({"dilation": (2, 2)}, False),
        ({"weight": (32, 16, 3, 3), "groups": 2}, False),
        ({"size": (4, 4)}, False),
    ],
    ids=str,
)
def test_it_is_for_many_results_of_three_by_three_filters(change, fits):
    case = {"weight": (16, 32, 3, 3), "size": (16, 16), **ONES, **change}
    assert winograd.fits(np.zeros((4, 32, 16, 16)), **case) == fits
