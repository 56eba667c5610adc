"""Choices place by place: what NumPy chooses, whatever the numbers are."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_tr.kernels.choosing import SHARED, clipped, passed, rectified, where

SHAPES = [
    ((5000,), (5000,), (5000,)),
    ((100, 1), (100, 50), (50,)),
    ((100, 50), (1, 50), (100, 50)),
    ((40, 50, 3), (50, 3), (40, 50, 3)),
    ((3,), (3,), (3,)),
]


def numbers(shape, dtype):
    """Normal ones, among them NaN, both infinities and −0."""
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    for i, special in enumerate([np.nan, np.inf, -np.inf, -0.0]):
        x.reshape(-1)[i::7] = special
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("of_condition", "of_x", "of_y"), SHAPES)
def test_where_is_numpys_bit_for_bit(of_condition, of_x, of_y, dtype):
    condition = np.random.default_rng(1).random(of_condition) < 0.5
    x, y = numbers(of_x, dtype), numbers(of_y, dtype)[::-1]
    for pair in [(x, y), (x, 0), (0, x), (x, -0.0), (2.5, x), (x, x.dtype.type(3)), (x, 1)]:
        ours, numpys = where(condition, *pair), np.where(condition, *pair)
        assert ours.dtype == numpys.dtype
        np.testing.assert_array_equal(ours, numpys)
        np.testing.assert_array_equal(np.signbit(ours), np.signbit(numpys))


def test_where_leaves_to_numpy_what_must_be_converted():
    x = numbers(5000, np.float32)
    for condition, y in [(x > 0, np.arange(5000)), (np.arange(5000), 0), (x > 0, np.float64(2))]:
        ours, numpys = where(condition, x, y), np.where(condition, x, y)
        assert ours.dtype == numpys.dtype
        np.testing.assert_array_equal(ours, numpys)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("shape", [(), (7,), (100, 100)])
def test_rectified_is_the_maximum_with_0(shape, dtype):
    x = numbers(shape, np.float64) if dtype != np.int64 else np.arange(-20, 20)
    for view in (x.astype(dtype), x.astype(dtype).T):
        ours = rectified(view)
        assert ours.dtype == view.dtype
        np.testing.assert_array_equal(ours, np.maximum(view, 0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7,), (100, 200), (SHARED,)])
def test_what_lies_between_the_bounds_lets_the_gradient_pass(shape, dtype):
    x, g = numbers(shape, dtype), np.random.default_rng(1).standard_normal(shape).astype(dtype)
    g.reshape(-1)[::5] = numbers(shape, dtype).reshape(-1)[::5]
    for u, v in [(g, x), (g.T, x.T), (g[::-1], x[::-1])]:
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(passed(u, v, 0), u * (v > 0))
            found = passed(u, v, -0.5, 1)
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, u * ((v > -0.5) & (v < 1)))
        np.testing.assert_array_equal(clipped(v, -0.5, 1), np.clip(v, -0.5, 1))
