"""Pooling: against PyTorch, the course's matrices, who gets the gradient, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.cases.case import Case, apart
from tests.held import kept_share
from tinygrad_tr import nn
from tinygrad_tr.kernels import compiled, windows
from tinygrad_tr.kernels import pooling as kernels

F = nn.functional


def sample(*shape):
    """Distinct numbers, so that no window has two largest."""
    return apart(*shape)(np.random.default_rng(0))


def agree(ours, theirs, x):
    """Both functions on x: values, indices where there are any, and gradients."""
    torch = pytest.importorskip("torch")
    t, u = tt.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    out, expected = ours(t), theirs(u)
    if isinstance(expected, tuple):
        np.testing.assert_array_equal(out[1].numpy(), expected[1].numpy())
        assert out[1].dtype == np.int64
        out, expected = out[0], expected[0]
    np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-14)
    seed = np.random.default_rng(1).standard_normal(out.shape)
    out.backward(seed)
    expected.backward(torch.tensor(seed))
    np.testing.assert_allclose(t.grad.numpy(), u.grad.numpy(), rtol=1e-12, atol=1e-14)


# ------------------------------------------------------------------ the course


COURSE = [[1.0, 3, 2, 1], [2, 9, 1, 1], [1, 3, 2, 3], [5, 6, 1, 2]]


def course_picture():
    return tt.Tensor(np.array(COURSE)[None, None], requires_grad=True)


def test_the_matrices_of_the_course():
    x = course_picture()
    np.testing.assert_array_equal(F.max_pool2d(x, 2, 2).numpy()[0, 0], [[9, 2], [6, 3]])
    np.testing.assert_array_equal(F.avg_pool2d(x, 2, 2).numpy()[0, 0], [[3.75, 1.25], [3.75, 2]])
    misprinted = [COURSE[0], [2, 8, 7, 4], *COURSE[2:]]
    pooled = F.max_pool2d(tt.Tensor(np.array(misprinted)[None, None]), 2)
    np.testing.assert_array_equal(pooled.numpy()[0, 0], [[8, 7], [6, 3]])


def test_the_gradient_goes_to_the_largest_of_each_window_only():
    x = course_picture()
    F.max_pool2d(x, 2).backward(np.array([[[[10.0, 20], [30, 40]]]]))
    expected = [[0, 0, 20, 0], [0, 10, 0, 0], [0, 0, 0, 40], [0, 30, 0, 0]]
    np.testing.assert_array_equal(x.grad.numpy()[0, 0], expected)


def test_the_mean_gives_everyone_an_equal_share():
    x = course_picture()
    F.avg_pool2d(x, 2).backward(np.array([[[[4.0, 8], [12, 16]]]]))
    np.testing.assert_array_equal(x.grad.numpy()[0, 0], np.kron([[1, 2], [3, 4]], np.ones((2, 2))))


@pytest.mark.parametrize("n", [4, 300])  # the second is large enough for the loop
def test_of_equal_numbers_the_first_gets_the_gradient(n):
    x = tt.ones(1, 2, n, n, requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    first = np.zeros((n, n))
    first[::2, ::2] = 1
    np.testing.assert_array_equal(x.grad.numpy(), [[first, first]])


def test_first_means_row_by_row():
    x = tt.Tensor([[[[1.0, 7, 7], [7, 7, 2], [7, 0, 7]]]], requires_grad=True)
    out, places = F.max_pool2d(x, 3, return_indices=True)
    out.sum().backward()
    assert places.item() == 1
    np.testing.assert_array_equal(x.grad.numpy()[0, 0], [[0, 1, 0], [0, 0, 0], [0, 0, 0]])


def test_a_place_that_wins_twice_gets_both_gradients():
    x = tt.Tensor([[[0.0, 0, 5, 0, 0]]], requires_grad=True)
    F.max_pool1d(x, 3, stride=1).backward(np.array([[[1.0, 10, 100]]], np.float32))
    np.testing.assert_array_equal(x.grad.numpy()[0, 0], [0, 0, 111, 0, 0])


POOLINGS = {
    name: kind
    for name, kind in vars(nn).items()
    if "Pool" in name and isinstance(kind, type) and name[-1] == "d"
}


@pytest.mark.parametrize("name", POOLINGS)
def test_there_is_nothing_to_learn(name):
    arguments = (2, 2) if name.startswith("LP") else (2,)
    assert list(POOLINGS[name](*arguments).parameters()) == []


def test_every_kind_is_there_for_one_two_and_three_axes():
    kinds = ("MaxPool", "AvgPool", "LPPool", "AdaptiveMaxPool", "AdaptiveAvgPool")
    assert {f"{kind}{n}d" for kind in kinds for n in (1, 2, 3)} == set(POOLINGS)


# ------------------------------------------------------------------ PyTorch


SIZES = [
    (n, k, s, p)
    for n, k, s, p in itertools.product((3, 5, 8), (1, 2, 3), (1, 2, 4), (0, 1))
    if n + 2 * p >= k and 2 * p <= k
]


@pytest.mark.oracle
@pytest.mark.parametrize("ceil", [False, True])
def test_windows_of_every_size_agree_with_pytorch(ceil):
    torch = pytest.importorskip("torch")
    T = torch.nn.functional
    for n, k, s, p in SIZES:
        x = sample(2, 3, n)
        for d in (1, 2):
            if n + 2 * p > d * (k - 1):
                largest = (k, s, p, d, ceil, True)
                agree(lambda t, a=largest: F.max_pool1d(t, *a),
                      lambda u, a=largest: T.max_pool1d(u, *a), x)  # fmt: skip
        for counted in (True, False):
            mean = (k, s, p, ceil, counted)
            agree(lambda t, a=mean: F.avg_pool1d(t, *a), lambda u, a=mean: T.avg_pool1d(u, *a), x)
        norm = (2.0, k, s, ceil)
        agree(lambda t, a=norm: F.lp_pool1d(t, *a), lambda u, a=norm: T.lp_pool1d(u, *a), x)


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_adaptive_windows_agree_with_pytorch(kind):
    torch = pytest.importorskip("torch")
    for n, m in itertools.product(range(1, 8), range(1, 10)):
        name = f"adaptive_{kind}_pool1d"
        agree(lambda t, m=m, name=name: getattr(F, name)(t, m),
              lambda u, m=m, name=name: getattr(torch.nn.functional, name)(u, m),
              sample(2, 3, n))  # fmt: skip


LAYERS = [
    ("MaxPool1d", (3,), {}, (3, 7)),
    ("MaxPool2d", (2,), {}, (2, 3, 6, 5)),
    ("MaxPool2d", (2,), {}, (3, 6, 5)),
    ("MaxPool2d", ((3, 2), (2, 1), (1, 0)), {"return_indices": True}, (2, 3, 6, 5)),
    ("MaxPool2d", (3, 2, 1), {"ceil_mode": True, "dilation": (1, 2)}, (2, 3, 6, 8)),
    ("MaxPool3d", (2, 1), {"return_indices": True}, (2, 3, 3, 4, 3)),
    ("MaxPool3d", ((1, 2, 3), (2, 2, 1), (0, 1, 1)), {"ceil_mode": True}, (2, 4, 4, 3)),
    ("AvgPool1d", (2,), {}, (2, 3, 6)),
    ("AvgPool2d", (2,), {}, (3, 6, 5)),
    ("AvgPool2d", ((3, 2), 2, (1, 1)), {"ceil_mode": True}, (2, 3, 6, 5)),
    ("AvgPool2d", (3, 2, 1), {"ceil_mode": True, "count_include_pad": False}, (2, 3, 6, 5)),
    ("AvgPool2d", (3, 1), {"divisor_override": 2}, (2, 3, 6, 5)),
    ("AvgPool3d", (2,), {"ceil_mode": True, "padding": 1}, (1, 2, 3, 4, 5)),
    ("LPPool1d", (2, 3), {}, (2, 3, 7)),
    ("LPPool2d", (3.5, 2), {"ceil_mode": True}, (2, 3, 5, 6)),
    ("LPPool2d", (np.inf, 2), {}, (2, 3, 5, 6)),
    ("LPPool3d", (2, 2, 1), {}, (1, 2, 3, 4, 3)),
    ("AdaptiveMaxPool1d", (3,), {"return_indices": True}, (3, 7)),
    ("AdaptiveMaxPool2d", ((3, None),), {"return_indices": True}, (2, 3, 7, 4)),
    ("AdaptiveMaxPool3d", ((2, 3, 1),), {}, (2, 3, 4, 4)),
    ("AdaptiveAvgPool1d", (3,), {}, (2, 3, 7)),
    ("AdaptiveAvgPool2d", (1,), {}, (2, 3, 7, 4)),
    ("AdaptiveAvgPool2d", ((None, 3),), {}, (3, 7, 4)),
    ("AdaptiveAvgPool2d", ((9, 2),), {}, (2, 3, 7, 4)),
    ("AdaptiveAvgPool3d", ((2, 3, 1),), {}, (1, 2, 3, 4, 4)),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "arguments", "options", "shape"), LAYERS, ids=str)
def test_layers_agree_with_pytorch(name, arguments, options, shape):
    torch = pytest.importorskip("torch")
    ours = getattr(nn, name)(*arguments, **options)
    theirs = getattr(torch.nn, name)(*arguments, **options)
    x = sample(*shape)
    if name.startswith("LP") and arguments[0] % 2:
        x = abs(x)  # where PyTorch's root is a number
    agree(ours, theirs, x)
    assert repr(ours).startswith(f"{name}(")


@pytest.mark.oracle
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_unpooling_agrees_with_pytorch(axes):
    torch = pytest.importorskip("torch")
    x = sample(2, 3, *(5, 6, 4)[:axes])
    out, places = getattr(F, f"max_pool{axes}d")(tt.Tensor(x), 2, return_indices=True)
    indices = torch.tensor(places.numpy())
    for size in (None, x.shape[2:], x.shape):
        layers = (getattr(module, f"MaxUnpool{axes}d")(2) for module in (nn, torch.nn))
        ours, theirs = layers
        agree(lambda t, f=ours, m=size: f(t, places, m),
              lambda u, f=theirs, m=size: f(u, indices, m), out.numpy())  # fmt: skip


# ------------------------------------------------------------------ edges


def test_nan_wins_and_stays_in_its_windows():
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 1, 2] = np.nan
    for pool in (F.max_pool2d, F.avg_pool2d):
        out = pool(tt.Tensor(x), 2).numpy()[0, 0]
        np.testing.assert_array_equal(np.isnan(out), [[False, True], [False, False]])


@pytest.mark.oracle
@pytest.mark.parametrize("n", [6, 200])
def test_bad_numbers_win_as_in_pytorch(n):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((1, 1, n, n))
    x[0, 0, 1, 1], x[0, 0, 2, 3], x[0, 0, 4, 4] = np.nan, np.inf, -np.inf
    agree(lambda t: F.max_pool2d(t, 3, 2, 1, return_indices=True),
          lambda u: torch.nn.functional.max_pool2d(u, 3, 2, 1, return_indices=True), x)  # fmt: skip


def test_padding_never_wins_even_against_minus_infinity():
    x = np.full((1, 1, 3), -np.inf)
    out, places = F.max_pool1d(tt.Tensor(x), 2, 2, 1, return_indices=True)
    np.testing.assert_array_equal(out.numpy(), [[[-np.inf, -np.inf]]])
    np.testing.assert_array_equal(places.numpy(), [[[0, 1]]])
    np.testing.assert_array_equal(F.max_pool1d(tt.Tensor([[[-3.0, -2]]]), 2, 2, 1), [[[-3, -2]]])


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d, F.adaptive_avg_pool2d])
def test_no_examples_are_fine(pool):
    x = tt.Tensor(np.zeros((0, 3, 4, 4)), requires_grad=True)
    out = pool(x, 2)
    out.sum().backward()
    assert (out.shape, x.grad.shape) == ((0, 3, 2, 2), (0, 3, 4, 4))


def test_where_the_sum_of_powers_is_zero_so_is_the_gradient():
    x = tt.Tensor([[[0.0, 0.0, 3.0, 4.0]]], requires_grad=True)
    out = F.lp_pool1d(x, 2, 2)
    out.sum().backward()
    np.testing.assert_allclose(out.numpy(), [[[0, 5]]], rtol=1e-6)
    np.testing.assert_allclose(x.grad.numpy(), [[[0, 0, 0.6, 0.8]]], rtol=1e-6)


def test_half_precision_stays_half():
    x = tt.Tensor(sample(1, 2, 4, 4).astype(np.float16), requires_grad=True)
    for out in (F.max_pool2d(x, 2), F.avg_pool2d(x, 2), F.adaptive_avg_pool2d(x, 3)):
        assert out.dtype == np.float16


def test_unpooling_writes_and_does_not_add():
    places = tt.Tensor(np.array([[[2, 2]]]))
    x = tt.Tensor([[[1.0, 5.0]]], requires_grad=True)
    out = F.max_unpool1d(x, places, 2)
    out.sum().backward()
    np.testing.assert_array_equal(out.numpy(), [[[0, 0, 5, 0]]])
    np.testing.assert_array_equal(x.grad.numpy(), [[[0, 1]]])


def test_max_pooling_keeps_places_and_not_x():
    case = Case("max_pool", lambda x: F.max_pool2d(x, 2), [apart(2, 4, 32, 32)])
    assert kept_share(case) < 0.07  # two bytes for each window of four float64


REFUSED = {
    "no axes to pool": (
        lambda: F.max_pool2d(tt.ones(4, 4), 2), tt.ShapeError, r"\(C, H, W\)",
    ),
    "too many axes": (
        lambda: F.avg_pool1d(tt.ones(2, 3, 4, 4), 2), tt.ShapeError, "avg_pool1d",
    ),
    "nothing along an axis": (
        lambda: F.max_pool2d(tt.ones(1, 1, 0, 4), 2), tt.ShapeError, "H, W ≥ 1",
    ),
    "a window larger than x": (
        lambda: F.max_pool2d(tt.ones(1, 1, 3, 3), 5, padding=0), tt.ShapeError, "larger than",
    ),
    "a dilated window larger than x": (
        lambda: F.max_pool1d(tt.ones(1, 1, 4), 3, dilation=2), tt.ShapeError, "larger than",
    ),
    "padding of more than half the kernel": (
        lambda: F.max_pool2d(tt.ones(1, 1, 8, 8), 3, padding=2), tt.ArgumentError, "half",
    ),
    "a window that only padding fills": (
        lambda: F.max_pool1d(tt.ones(1, 1, 4), 2, padding=1, dilation=5), tt.ArgumentError,
        "nothing but padding",
    ),
    "integers": (
        lambda: F.max_pool2d(tt.Tensor(np.ones((1, 1, 4, 4), np.int64)), 2), tt.DtypeError, "float",
    ),
    "a kernel of no size": (
        lambda: F.avg_pool2d(tt.ones(1, 1, 4, 4), 0), tt.ArgumentError, "kernel_size=0",
    ),
    "sizes for another number of axes": (
        lambda: F.max_pool2d(tt.ones(1, 1, 4, 4), (2, 2, 2)), tt.ArgumentError, "kernel_size",
    ),
    "a stride of 0": (
        lambda: F.max_pool2d(tt.ones(1, 1, 4, 4), 2, stride=0), tt.ArgumentError, "stride=0",
    ),
    "negative padding": (
        lambda: F.avg_pool2d(tt.ones(1, 1, 4, 4), 2, padding=-1), tt.ArgumentError, "padding=-1",
    ),
    "a divisor of 0": (
        lambda: F.avg_pool2d(tt.ones(1, 1, 4, 4), 2, divisor_override=0), tt.ArgumentError,
        "divisor_override=0",
    ),
    "an output of no size": (
        lambda: F.adaptive_avg_pool2d(tt.ones(1, 1, 4, 4), (2, 0)), tt.ArgumentError, "output_size",
    ),
    "outputs for another number of axes": (
        lambda: nn.AdaptiveMaxPool1d((2, 2))(tt.ones(1, 1, 4)), tt.ArgumentError, "each axis",
    ),
    "the norm of a negative order": (
        lambda: F.lp_pool2d(tt.ones(1, 1, 4, 4), -1, 2), tt.ArgumentError, "norm_type",
    ),
    "an index outside the plane": (
        lambda: F.max_unpool1d(tt.ones(1, 1, 2), tt.Tensor(np.array([[[0, 4]]])), 2),
        tt.IndexingError, "index 4",
    ),
    "fewer indices than numbers": (
        lambda: F.max_unpool1d(tt.ones(1, 1, 2), tt.Tensor(np.array([[[0]]])), 2),
        tt.ShapeError, "one index for each",
    ),
    "an unpooled size far off": (
        lambda: F.max_unpool1d(tt.ones(1, 1, 2), tt.Tensor(np.array([[[0, 2]]])), 2,
                               output_size=(6,)),
        tt.ShapeError, "no such output size",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(what):
    call, error, match = REFUSED[what]
    with pytest.raises(error, match=match) as caught:
        call()
    assert "test_nn_pooling.py" in str(caught.value)  # the user's own line


# ------------------------------------------------------------------ the compiled loops


LAID = {
    "2 × 2": ((8, 8), [windows.sliding(8, 2, 2)] * 2),
    "overlapping": ((9, 8), [windows.sliding(9, 3, 2, 1), windows.sliding(8, 3, 1, 1)]),
    "dilated": ((9, 8), [windows.sliding(9, 3, 1, 0, 2), windows.sliding(8, 2, 2, 0, 3)]),
    "ceil": ((7, 9), [windows.sliding(7, 2, 2, ceil=True), windows.sliding(9, 3, 2, 1, ceil=True)]),
    "one axis": ((11,), [windows.sliding(11, 3, 2, 1)]),
    "three axes": ((3, 4, 5), [windows.sliding(3, 2, 1), *[windows.sliding(4, 2, 2)],
                               windows.sliding(5, 3, 1)]),
    "adaptive": ((7, 5), [windows.adaptive(7, 3), windows.adaptive(5, 8)]),
}  # fmt: skip


@pytest.mark.parametrize("what", LAID)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loops_find_what_numpy_finds(what, dtype):
    pytest.importorskip("numba")
    plane, laid = LAID[what]
    # Few different numbers: there are ties everywhere, and -inf and one NaN among them.
    x = np.random.default_rng(0).integers(0, 4, (3, 2, *plane)).astype(dtype)
    x[x == 0] = -np.inf
    x[0, 0].flat[7] = np.nan
    out, places = kernels.largest_by_rows(x, laid)
    expected, expected_places = kernels.largest_by_axes(x, laid)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(places, expected_places)
    assert (out.dtype, places.dtype) == (dtype, np.uint8)


@pytest.mark.parametrize("what", LAID)
def test_the_loops_sum_and_spread_as_numpy_does(what):
    pytest.importorskip("numba")
    plane, laid = LAID[what]
    x = np.random.default_rng(0).standard_normal((3, 2, *plane))
    out, expected = kernels.summed_by_rows(x, laid), kernels.summed_by_axes(x, laid)
    np.testing.assert_allclose(out, expected, atol=1e-12)
    back = kernels.spread_by_rows(out, laid, plane), kernels.spread_by_axes(out, laid, plane)
    np.testing.assert_allclose(*back, atol=1e-12)


POOLED = {
    "max": lambda x: F.max_pool2d(x, 3, 2, 1),
    "mean": lambda x: F.avg_pool2d(x, 3, 2, 1),
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, 5),
    "one axis": lambda x: F.max_pool1d(x.reshape(4, 10, -1), 5, 4),
}


@pytest.mark.parametrize("what", POOLED)
def test_large_arrays_give_with_and_without_a_compiler_the_same(what, monkeypatch):
    pytest.importorskip("numba")
    x = np.random.default_rng(0).standard_normal((4, 10, 32, 33)).astype(np.float32)
    assert compiled.worthwhile(x)
    results = []
    for there in (True, False):
        monkeypatch.setattr(compiled, "available", lambda there=there: there)
        t = tt.Tensor(x, requires_grad=True)
        out = POOLED[what](t)
        (out * out).sum().backward()
        results.append((out.numpy(), t.grad.numpy()))
    for found, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_many_gradients_are_put_back_alike(monkeypatch):
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    g = rng.standard_normal((40, 3, 12, 12))
    places = rng.integers(0, 300, g.shape).astype(np.uint16)
    assert compiled.worthwhile(g)
    by_loop = kernels.put(g, places, (40, 3, 15, 20), 2)
    monkeypatch.setattr(compiled, "available", lambda: False)
    np.testing.assert_allclose(kernels.put(g, places, (40, 3, 15, 20), 2), by_loop, atol=1e-12)
