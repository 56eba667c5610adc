"""Convolution's compiled loops against its products of matrices, and both against the sums."""

from __future__ import annotations

import itertools
import multiprocessing
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_tr as tt
from tinygrad_tr.kernels import compiled, shifted_rows, threads
from tinygrad_tr.kernels import convolution as products
from tinygrad_tr.kernels.tiles import add_products
from tinygrad_tr.nn import functional as F

FUNCTIONS = ("conv", "conv_transpose", "conv_filter")


@pytest.fixture
def three_cores(monkeypatch):
    """Loops as on a machine with three cores, whatever this one has."""
    for module in (threads, shifted_rows):
        monkeypatch.setattr(module, "cores", lambda: 3)
    shifted_rows.plan.cache_clear()
    yield
    shifted_rows.plan.cache_clear()


def by_definition(x, w, y, stride, padding, dilation, groups):
    """The three contractions of T(x, w, y), from the sums as they are written."""
    members, channels = len(w) // groups, w.shape[1]
    found = np.zeros_like(y), np.zeros_like(x), np.zeros_like(w)
    for n, o, c in np.ndindex(len(x), len(w), channels):
        source = o // members * channels + c
        for j, t in itertools.product(np.ndindex(y.shape[2:]), np.ndindex(w.shape[2:])):
            facts = zip(j, t, stride, padding, dilation, strict=True)
            place = tuple(s * a + d * b - p for a, b, s, p, d in facts)
            if all(0 <= i < length for i, length in zip(place, x.shape[2:], strict=True)):
                found[0][n, o, *j] += x[n, source, *place] * w[o, c, *t]
                found[1][n, source, *place] += w[o, c, *t] * y[n, o, *j]
                found[2][o, c, *t] += x[n, source, *place] * y[n, o, *j]
    return found


def three_ways(module, x, w, y, **facts):
    return (
        module.conv(x, w, None, size=y.shape[2:], **facts),
        module.conv_transpose(y, w, None, size=x.shape[2:], **facts),
        module.conv_filter(x, y, size=w.shape[2:], **facts),
    )


@st.composite
def convolutions(draw):
    """x, w, y and the facts of a convolution of one to three axes."""
    axes = draw(st.integers(1, 3))

    def each(low, high):
        return draw(st.tuples(*[st.integers(low, high)] * axes))

    groups, members, channels = draw(st.tuples(*[st.integers(1, 3)] * 3))
    kernel, stride, padding, dilation = each(1, 3), each(1, 3), each(0, 3), each(1, 2)
    length = tuple(
        max(draw(st.integers(1, 5)), d * (k - 1) + 1 - 2 * p)
        for k, p, d in zip(kernel, padding, dilation, strict=True)
    )
    size = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(length, kernel, stride, padding, dilation, strict=True)
    )
    images = draw(st.integers(0, 3))
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    x = rng.standard_normal((images, groups * channels, *length))
    w = rng.standard_normal((groups * members, channels, *kernel))
    y = rng.standard_normal((images, groups * members, *size))
    return x, w, y, stride, padding, dilation, groups


@given(convolutions())
@settings(max_examples=60, deadline=None)
def test_products_of_matrices_are_the_sums(case):
    x, w, y, stride, padding, dilation, groups = case
    facts = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    expected = by_definition(x, w, y, stride, padding, dilation, groups)
    for found, wanted in zip(three_ways(products, x, w, y, **facts), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-12)


@given(convolutions())
@settings(max_examples=200, deadline=None)
def test_shifted_rows_are_the_products_of_matrices(case):
    pytest.importorskip("numba")
    x, w, y, stride, padding, dilation, groups = case
    facts = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    expected = three_ways(products, x, w, y, **facts)
    for found, wanted in zip(three_ways(shifted_rows, x, w, y, **facts), expected, strict=True):
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, atol=1e-12)


# Images in many parts: bands of one, several at a time, more outputs than fit a block.
LARGE = [
    ((5, 3, 90, 70), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 3, 101, 67), (11, 3, 5, 3), (2, 3), (2, 0), (1, 2), 1),
    ((31, 16, 9, 9), (24, 16, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((7, 4, 64, 48), (5, 4, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((9, 6, 8, 16), (20, 6, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 3, 5, 6, 16), (9, 3, 3, 2, 3), (1, 1, 1), (1, 0, 1), (1, 1, 1), 1),
    ((7, 40, 33, 20), (40, 1, 3, 3), (2, 2), (1, 1), (1, 1), 40),
    ((3, 4, 6000), (8, 2, 9), (1,), (4,), (1,), 2),
    ((37, 6, 20, 30), (8, 3, 1, 1), (2, 1), (0, 0), (1, 1), 2),  # one tap
    ((300, 32, 3, 3), (24, 32, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 3, 12, 13, 14), (9, 3, 3, 2, 3), (1, 2, 1), (1, 0, 1), (1, 1, 2), 1),
]


@pytest.mark.usefixtures("three_cores")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("x", "w", "stride", "padding", "dilation", "groups"), LARGE)
def test_large_images_in_bands_and_small_ones_together(
    x, w, stride, padding, dilation, groups, dtype, monkeypatch
):
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    size = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(x[2:], w[2:], stride, padding, dilation, strict=True)
    )
    x, w = rng.standard_normal(x).astype(dtype), rng.standard_normal(w).astype(dtype)
    y = rng.standard_normal((len(x), len(w), *size)).astype(dtype)
    facts = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    found = three_ways(shifted_rows, x, w, y, **facts)
    monkeypatch.setattr(products, "possible", lambda *_: False)
    for a, b in zip(found, three_ways(products, x, w, y, **facts), strict=True):
        assert a.dtype == dtype
        scale = np.abs(b).max()
        np.testing.assert_allclose(a, b, atol=(1e-12 if dtype == np.float64 else 1e-5) * scale)


@pytest.mark.parametrize("bias", [False, True])
def test_both_ways_add_the_bias_and_leave_their_inputs(bias):
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    x, w, y = (rng.standard_normal(s) for s in ((2, 3, 6, 5), (4, 3, 3, 3), (2, 4, 3, 3)))
    facts = {"stride": (2, 2), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    for module in (products, shifted_rows):
        arrays = [a.copy() for a in (x, w, y)]
        b, c = (rng.standard_normal(4), rng.standard_normal(3)) if bias else (None, None)
        out = module.conv(x, w, b, size=(3, 3), **facts)
        back = module.conv_transpose(y, w, c, size=(6, 5), **facts)
        bare = module.conv(x, w, None, size=(3, 3), **facts)
        np.testing.assert_allclose(out - bare, 0 if b is None else b[None, :, None, None] + 0 * out)
        bare = module.conv_transpose(y, w, None, size=(6, 5), **facts)
        np.testing.assert_allclose(
            back - bare, 0 if c is None else c[None, :, None, None] + 0 * back, atol=1e-12
        )
        for a, before in zip((x, w, y), arrays, strict=True):
            np.testing.assert_array_equal(a, before)


@pytest.mark.parametrize("turned", [False, True], ids=["strided", "backwards"])
def test_arrays_need_not_be_in_one_piece(turned):
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 5, 3, 2)).T if not turned else rng.standard_normal((2, 3, 5, 6))
    x = x[..., ::-1] if turned else x
    w, y = rng.standard_normal((4, 3, 2, 2)), rng.standard_normal((4, 5, 4, 2)).T
    facts = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    for module in (products, shifted_rows):
        for found, wanted in zip(
            three_ways(module, x, w, y, **facts),
            three_ways(module, *map(np.ascontiguousarray, (x, w, y)), **facts),
            strict=True,
        ):
            np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize("module", [products, shifted_rows], ids=["products", "rows"])
def test_a_bad_number_reaches_only_what_sees_it(module):
    pytest.importorskip("numba")
    x, w = np.ones((2, 1, 6, 6)), np.ones((1, 1, 3, 3))
    x[0, 0, 1, 1], x[1, 0, 5, 5] = np.nan, np.inf
    facts = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    out = module.conv(x, w, None, size=(6, 6), **facts)
    bad = np.zeros((2, 6, 6), bool)
    bad[0, :3, :3] = bad[1, 4:, 4:] = True
    np.testing.assert_array_equal(~np.isfinite(out[:, 0]), bad)
    assert np.isnan(out[0, 0, 0, 0])
    assert np.isposinf(out[1, 0, 5, 5])


def test_no_matrix_of_windows_larger_than_a_few_megabytes(monkeypatch):
    """x of 3 MB has windows of 9 times that."""
    import tracemalloc

    monkeypatch.setattr(products, "possible", lambda *_: False)
    x, w = np.ones((3, 64, 64, 64), np.float32), np.ones((8, 64, 3, 3), np.float32)
    facts = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    y = products.conv(x, w, size=(62, 62), **facts)
    tracemalloc.start()
    for step in (
        lambda: products.conv(x, w, size=(62, 62), **facts),
        lambda: products.conv_filter(x, y, size=(3, 3), **facts),
        lambda: products.conv_transpose(y, w, size=(64, 64), **facts),
    ):
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        out = step()
        assert tracemalloc.get_traced_memory()[1] - before < 2 * out.nbytes + 6e6
    tracemalloc.stop()


# ------------------------------------------------------------------ the product they are made of


@compiled.loop
def add_eight(out, rows, taps, weight, long):
    """out[i] += Σ weight[i, t] · rows[taps[t] :] for eight i."""
    add_products(out, weight.ravel(), np.arange(8) * weight.shape[1], rows, taps, None, long)


@given(st.integers(0, 9), st.integers(0, 130), st.sampled_from([np.float32, np.float64]))
@settings(max_examples=40, deadline=None)
def test_tiles_are_the_product_of_matrices_and_touch_nothing_else(terms, columns, dtype):
    pytest.importorskip("numba")
    rng = np.random.default_rng(terms + columns)
    weight = rng.standard_normal((8, terms)).astype(dtype)
    rows, sums = (rng.standard_normal((n, columns + 5)).astype(dtype) for n in (terms, 8))
    rows[:, columns:] = np.nan
    wanted = sums.copy()
    wanted[:, :columns] += weight @ rows[:, :columns]
    flat = rows.ravel() if terms else np.zeros(1, dtype)
    add_eight(sums, flat, np.arange(terms) * rows.shape[1], weight, columns)
    np.testing.assert_allclose(sums, wanted, atol=1e-13 if dtype == np.float64 else 1e-5)


# ------------------------------------------------------------------ who does it


def test_large_convolutions_go_through_the_loops_and_small_ones_do_not(monkeypatch):
    pytest.importorskip("numba")
    calls = []
    for name in FUNCTIONS:
        loop = getattr(shifted_rows, name)
        monkeypatch.setattr(
            shifted_rows, name, lambda *a, n=name, f=loop, **k: calls.append(n) or f(*a, **k)
        )
    for images, seen in ((1, set()), (64, set(FUNCTIONS))):
        x = tt.randn(images, 3, 12, 12, requires_grad=True)
        w = tt.randn(5, 3, 3, 3, requires_grad=True)
        F.conv2d(x, w).sum().backward()
        assert set(calls) == seen


def test_without_a_compiler_numpy_does_it(monkeypatch):
    monkeypatch.setattr(compiled, "available", lambda: False)
    monkeypatch.delattr(shifted_rows, "conv")
    x = tt.randn(64, 3, 12, 12, requires_grad=True)
    F.conv2d(x, tt.randn(5, 3, 3, 3)).sum().backward()
    assert x.grad is not None


@pytest.mark.usefixtures("three_cores")
@pytest.mark.parametrize("items", [0, 1, 2, 3, 10])
def test_work_is_cut_into_parts_that_make_up_the_whole(items):
    seen = threads.in_parts(items, lambda first, last: list(range(first, last)))
    assert [i for part in seen for i in part] == list(range(items))
    assert len(seen) == max(1, min(items, 3))


@pytest.mark.usefixtures("three_cores")
def test_parts_run_at_the_same_time_and_errors_come_back():
    meeting = threading.Barrier(3, timeout=20)  # breaks unless all three come
    threads.in_parts(3, lambda *_: meeting.wait())

    def fail(first, last):
        raise ValueError(f"part {first}")

    with pytest.raises(ValueError, match="part"):
        threads.in_parts(3, fail)


def double(queue):
    queue.put(threads.in_parts(2, lambda first, last: 2 * first))


@pytest.mark.usefixtures("three_cores")
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_makes_its_own_threads():
    threads.in_parts(2, lambda *_: None)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=double, args=(queue,))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert queue.get() == [0, 2]
