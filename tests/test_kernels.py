"""Kernels: sums over axes, compiled loops, and the memory that arrays leave to each other."""

from __future__ import annotations

import itertools
import platform
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr.kernels import compiled, threads
from tinygrad_tr.kernels import moments as sums
from tinygrad_tr.kernels import normalisation as norms
from tinygrad_tr.kernels.exponentials import exponentials, scaled
from tinygrad_tr.kernels.moments import lengthened, moments, total
from tinygrad_tr.kernels.scattering import added_rows

RNG = np.random.default_rng(0)
SHAPE = (3, 4, 2, 5)
AXES = [axes for n in range(5) for axes in itertools.combinations(range(4), n)]


@pytest.mark.parametrize("axes", AXES, ids=str)
def test_totals_are_the_sums_of_numpy(axes):
    x, y = RNG.standard_normal((2, *SHAPE))
    for numbers, arrays in ((x, (x,)), (x * y, (x, y))):
        expected = numbers.sum(axis=axes, keepdims=True)
        np.testing.assert_allclose(total(axes, *arrays), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("shape", "other", "axes"),
    [((3, 4), (1, 4), (1,)), ((3, 4), (3, 1), (0,)), ((3, 4), (1, 4), (0, 1)),
     ((3, 4, 5), (3, 1, 5), (1, 2)), ((0, 4), (1, 4), (1,)), ((3, 4), (3, 1), (1,))],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_totals_of_products_take_what_broadcasts(shape, other, axes, dtype):
    x, y = RNG.standard_normal(shape).astype(dtype), RNG.standard_normal(other).astype(dtype)
    found, expected = total(axes, x, y), (x * y).sum(axis=axes, keepdims=True)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=10 * np.finfo(dtype).eps)


@pytest.mark.parametrize("axes", AXES[1:], ids=str)
def test_moments_are_the_mean_and_variance_of_numpy(axes):
    for x in (RNG.standard_normal(SHAPE), RNG.standard_normal(SHAPE) + 300):
        origin, rest, variance = moments(axes, x)
        mean = x.mean(axis=axes, keepdims=True)
        np.testing.assert_allclose(rest, mean - (0 if origin is None else origin), atol=1e-12)
        np.testing.assert_allclose(variance, x.var(axis=axes, keepdims=True), atol=1e-12)
    assert origin is not None


@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1), (1, 1, 2, 5), (3, 1, 1, 1), (5,), ()])
def test_what_is_lengthened_stands_for_the_same_numbers(shape, monkeypatch):
    monkeypatch.setattr(sums, "MANY", 0)
    p = RNG.standard_normal(shape)
    longer = lengthened(p, SHAPE)
    assert longer.shape[-3:] in (SHAPE[1:], (1, 1, 1))
    np.testing.assert_array_equal(np.broadcast_to(longer, SHAPE), np.broadcast_to(p, SHAPE))


# What is normalised, over which axes, with a weight and a bias of which shapes.
ROWS = [
    ((6, 5), (1,), (5,), (5,)),
    ((2, 3, 4, 5), (2, 3), (4, 5), (4, 5)),
    ((4, 3, 2, 5), (2, 3), (3, 2, 1), (3, 2, 1)),
    ((4, 3, 5), (2,), (3, 1), (3, 1)),
    ((4, 3, 5), (2,), (5,), (3, 1)),
    ((6, 5), (1,), None, (5,)),
    ((6, 5), (1,), (5,), None),
    ((6, 5), (1,), None, None),
    ((5,), (0,), (5,), (5,)),
    ((6, 1), (1,), (1,), (1,)),
]


@pytest.mark.parametrize(("shape", "axes", "weight", "bias"), ROWS)
@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("enough", [1, 1 << 20])
def test_the_loop_over_rows_is_the_norm_of_numpy(
    shape, axes, weight, bias, centred, dtype, enough, monkeypatch
):
    pytest.importorskip("numba")
    monkeypatch.setattr(threads, "ENOUGH", enough)
    rng = np.random.default_rng(0)

    def numbers(shape):
        return None if shape is None else rng.standard_normal(shape).astype(dtype)

    x, w, b = numbers(shape), numbers(weight), numbers(bias)
    g = numbers(shape[::-1]).T  # not in one piece
    lead = norms.leading(shape, axes, w, b)
    assert lead is not None
    out, back, both = norms.row_by_row(x, w, b, lead, axes, 1e-5, centred)
    expected, back_by_axes, both_by_axes = norms.axis_by_axis(x, w, b, axes, 1e-5, centred)
    close = {"rtol": 1e-10, "atol": 1e-12} if dtype is np.float64 else {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(out, expected, **close)
    needs = (True, w is not None, b is not None)
    for found, wanted in zip(back(g, needs), back_by_axes(g, needs), strict=True):
        assert (found is None) == (wanted is None)
        if found is not None:
            assert found.dtype == dtype
            np.testing.assert_allclose(found, wanted, **close)
    assert back(g, (False, False, False)) == (None, None, None)
    if centred:
        for found, wanted in zip(both(), both_by_axes(), strict=True):
            np.testing.assert_allclose(found, wanted, **close)


@pytest.mark.parametrize(
    ("shape", "axes", "weight"),
    [((6, 5), (0,), (5,)), ((4, 3, 5), (0, 2), (3, 1)), ((4, 3, 5), (2,), (4, 1, 1)),
     ((2, 3, 4, 5), (3,), (2, 1, 1, 5)), ((0, 5), (1,), (5,))],
)  # fmt: skip
def test_what_no_loop_fits_is_left_to_numpy(shape, axes, weight):
    assert norms.leading(shape, axes, np.ones(weight)) is None


# What is normalised, over which axes, and the shape of the weight and the bias.
STRETCHES = [
    ((4, 3, 5), (0, 2), (3, 1)),
    ((2, 5, 3, 4), (0, 2, 3), (5, 1, 1)),
    ((3, 2, 2, 1, 3), (0, 2, 3, 4), None),
    ((4, 1, 5), (0, 2), (1, 1)),
    ((4, 3, 5), (2,), (3, 1)),
    ((4, 2, 3, 5), (2, 3), (2, 3, 1)),
    ((4, 2, 3, 5), (2, 3), None),
    ((6, 5), (1,), None),
]


@pytest.mark.parametrize(("shape", "axes", "each"), STRETCHES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("enough", [1, 1 << 20])
def test_the_loop_over_stretches_is_the_norm_of_numpy(
    shape, axes, each, dtype, enough, monkeypatch
):
    pytest.importorskip("numba")
    monkeypatch.setattr(threads, "ENOUGH", enough)
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, *shape)).astype(dtype)
    p = None if each is None else rng.standard_normal((2, *each)).astype(dtype)
    close = {"rtol": 1e-10, "atol": 1e-12} if dtype is np.float64 else {"rtol": 1e-4, "atol": 1e-4}
    for w, b in ((None, None),) if p is None else (p, (p[0], None), (None, p[1])):
        parts = norms.stretches_of(shape, axes, w, b)
        assert parts is not None
        out, back, both = norms.stretch_by_stretch(x, w, b, parts, axes, 1e-5)
        expected, back_by_axes, both_by_axes = norms.axis_by_axis(x, w, b, axes, 1e-5, True)
        np.testing.assert_allclose(out, expected, **close)
        needs = (True, w is not None, b is not None)
        for found, wanted in zip(back(g, needs), back_by_axes(g, needs), strict=True):
            assert (found is None) == (wanted is None)
            if found is not None:
                assert (found.dtype, found.shape) == (dtype, wanted.shape)
                np.testing.assert_allclose(found, wanted, **close)
        assert back(g, (False, False, False)) == (None, None, None)
        for found, wanted in zip(both(), both_by_axes(), strict=True):
            assert (found.dtype, found.shape) == (dtype, wanted.shape)
            np.testing.assert_allclose(found, wanted, **close)


def test_moments_by_loop_are_exact_far_from_zero():
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((16, 3, 400)) + 1e4).astype(np.float32)
    assert compiled.worthwhile(x)
    _, _, both = norms.normalised(x, None, None, (0, 2), 1e-5, True)
    mean, variance = both()
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=(0, 2), keepdims=True), rtol=1e-7)
    np.testing.assert_allclose(variance, exact.var(axis=(0, 2), keepdims=True), rtol=1e-5)
    wide = tt.Tensor(x.reshape(16, 3, 20, 20))
    out = tt.nn.functional.batch_norm(wide, None, None, training=True, eps=1e-12).numpy()
    exact = exact - exact.mean(axis=(0, 2), keepdims=True)
    exact /= exact.std(axis=(0, 2), keepdims=True)
    np.testing.assert_allclose(out, exact.reshape(out.shape), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "axes", "weight"),
    [((6, 5), (0,), None), ((4, 3, 5), (0, 2), (5,)), ((4, 3, 5), (2,), (5,)),
     ((4, 3, 5), (0, 1, 2), None), ((6, 5), (1,), (5,)),
     ((0, 3, 5), (0, 2), (3, 1))],
)  # fmt: skip
def test_what_does_not_lie_in_stretches_is_left_to_others(shape, axes, weight):
    assert norms.stretches_of(shape, axes, None if weight is None else np.ones(weight)) is None


def test_many_numbers_go_through_the_loop_and_far_from_zero_it_is_exact():
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((64, 300)) + 1e4).astype(np.float32)
    assert compiled.worthwhile(x)
    exact = x.astype(np.float64)
    exact = (exact - exact.mean(axis=1, keepdims=True)) / exact.std(axis=1, keepdims=True)
    out = tt.nn.functional.layer_norm(tt.Tensor(x), 300, eps=1e-12).numpy()
    np.testing.assert_allclose(out, exact, atol=1e-5)


def test_rows_with_bad_numbers_stay_alone_in_a_loop():
    pytest.importorskip("numba")
    x = np.ones((64, 300), np.float32) * np.arange(300, dtype=np.float32)
    x[3, 5], x[7, 2] = np.nan, np.inf
    assert compiled.worthwhile(x)
    with np.errstate(invalid="ignore"):
        out = tt.nn.functional.layer_norm(tt.Tensor(x), 300).numpy()
    assert np.isnan(out[[3, 7]]).all()
    assert np.isfinite(np.delete(out, [3, 7], axis=0)).all()


def test_without_a_compiler_numpy_does_it(monkeypatch):
    monkeypatch.setattr(compiled, "available", lambda: False)
    x = tt.randn(64, 300, requires_grad=True)
    tt.nn.functional.layer_norm(x, 300).sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize(
    "x",
    [np.zeros((4, 5), np.float32), np.zeros((300, 64), np.float16), np.zeros((64, 300)).T],
    ids=["few", "half", "strided"],
)
def test_what_a_loop_would_not_speed_up_or_not_take_is_left_to_numpy(x):
    assert not compiled.worthwhile(x)


@pytest.mark.parametrize(("shape", "axis", "indices"), [
    ((50, 400), 0, RNG.integers(-50, 50, (8, 20))),
    ((3, 40, 90), 1, np.repeat(np.arange(40), 3)),
    ((30, 20, 9), 2, np.arange(40) % 7),
])  # fmt: skip
def test_many_rows_are_added_as_numpy_adds_them(shape, axis, indices, monkeypatch):
    pytest.importorskip("numba")
    x = RNG.standard_normal((*shape[:axis], *indices.shape, *shape[axis + 1 :]))
    assert compiled.worthwhile(x)
    by_loop = added_rows(x, indices, axis, shape)
    monkeypatch.setattr(compiled, "available", lambda: False)
    np.testing.assert_allclose(added_rows(x, indices, axis, shape), by_loop, atol=1e-10)


@pytest.mark.parametrize("most", [1, 5, 30, 400])
@pytest.mark.parametrize("axis", [0, 1])
def test_rows_added_in_turns_are_those_of_numpy(most, axis, monkeypatch):
    monkeypatch.setattr(compiled, "available", lambda: False)
    shape = (3, 40, 20)[1 - axis :]
    indices = RNG.integers(-40, 40, 400) if most < 400 else np.full(400, 7)
    indices[::7] = most % 40
    x = RNG.standard_normal((*shape[:axis], 400, 20))
    expected = np.zeros(shape)
    np.add.at(expected, (*(slice(None),) * axis, indices % 40), x)
    np.testing.assert_allclose(added_rows(x, indices, axis, shape), expected, atol=1e-12)


STEPS = """
import resource
import numpy as np
import tinygrad_tr as tt

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

x = tt.Tensor(np.ones(1 << 18), requires_grad=True)  # 2 MiB
for step in range(12):
    if step == 2:
        start = faults()
    x.grad = None
    (x * x + x).sum().backward()
print((faults() - start) / 10)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's allocator")
def test_a_step_does_not_fetch_its_memory_from_the_system_again():
    done = subprocess.run([sys.executable, "-c", STEPS], stdout=subprocess.PIPE, check=True)
    assert float(done.stdout) < 100  # pages; an array has 512


@pytest.mark.parametrize("shape", [(40, 1000), (3000, 7), (17, 1024), (20000, 1)])
def test_exponentials_in_a_loop_are_those_of_numpy(shape):
    pytest.importorskip("numba")
    x = np.random.default_rng(0).uniform(-90, 5, shape).astype(np.float32)
    x[0, 0], x[1, -1] = -np.inf, 6
    e, tops, sums = exponentials(x)
    with np.errstate(under="ignore", invalid="ignore"):
        shifted = x - x.max(axis=1, keepdims=True)
        expected = np.exp(shifted.astype(np.float64))
    kept = expected > 1e-37  # the loop has 0 where float32 has hardly a number
    np.testing.assert_allclose(e[kept], expected[kept], rtol=3e-7)
    assert (e[expected < 1e-39] == 0).all()
    np.testing.assert_array_equal(tops, x.max(axis=1))
    finite = np.isfinite(tops)
    np.testing.assert_allclose(sums[finite], expected.sum(axis=1)[finite], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaled_rows_are_those_of_numpy(dtype):
    pytest.importorskip("numba")
    x, factors = (
        RNG.standard_normal((300, 70)).astype(dtype),
        RNG.standard_normal(300).astype(dtype),
    )
    x[3, 4], factors[7] = np.inf, np.nan
    assert compiled.worthwhile(x, factors)
    np.testing.assert_array_equal(scaled(x, factors), x * factors[:, None])


def test_rows_with_bad_numbers_stay_alone_among_exponentials():
    pytest.importorskip("numba")
    x = np.zeros((30, 1000), np.float32)
    x[3, 17], x[4, 900], x[5, 999] = np.nan, np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        _, _, sums = exponentials(x)
    assert np.isnan(sums[[3, 4]]).all()
    assert sums[5] == 999
    assert (np.delete(sums, [3, 4, 5]) == 1000).all()
