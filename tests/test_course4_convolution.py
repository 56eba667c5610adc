"""Course 4, week 1: convolution in numbers, and the transpose convolution of week 3."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import metrics, nn, train
from tinygrad_tr.examples.course4_edges import (
    BRIGHT_LEFT,
    HORIZONTAL,
    SCHARR,
    SOBEL,
    VERTICAL,
    filtered,
    learned,
)
from tinygrad_tr.examples.course4_layer import convnet, use_counts
from tinygrad_tr.examples.course4_segmentation import FILTER, INPUT, enlarged
from tinygrad_tr.examples.course4_why_convolutions import (
    convolutional,
    dense,
    dense_matrix,
    learn,
)
from tinygrad_tr.examples.datasets import FIGURES, figures, shapes
from tinygrad_tr.nn import functional as F

SIZES = list(itertools.product(range(3, 13), range(1, 6), range(1, 4), range(3)))  # n, f, s, p


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def by_loops(x, W, b, stride, padding):
    """One output after the other: x (N, C, H, W), W (O, C, f, f), b (O,)."""
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    filters, _, f, _ = W.shape
    height, width = ((n - f) // stride + 1 for n in x.shape[2:])
    Z = np.empty((len(x), filters, height, width))
    for m, k, i, j in np.ndindex(*Z.shape):
        window = x[m, :, i * stride : i * stride + f, j * stride : j * stride + f]
        Z[m, k, i, j] = sum(a * w for a, w in zip(window.flat, W[k].flat, strict=True)) + b[k]
    return Z


# ------------------------------------------------------------------ edges


@pytest.mark.parametrize(
    ("weights", "answer"),
    [(VERTICAL, [0, 30, 30, 0]), (SOBEL, [0, 40, 40, 0]), (SCHARR, [0, 160, 160, 0])],
)
def test_a_vertical_edge_is_answered_with_the_courses_numbers(weights, answer):
    np.testing.assert_array_equal(filtered(BRIGHT_LEFT, weights), np.tile(answer, (4, 1)))
    mirrored = filtered(BRIGHT_LEFT[:, ::-1], weights)
    np.testing.assert_array_equal(mirrored, -np.tile(answer, (4, 1)))


def test_the_transposed_filter_sees_horizontal_edges_only():
    np.testing.assert_array_equal(HORIZONTAL, VERTICAL.T)
    np.testing.assert_array_equal(filtered(BRIGHT_LEFT, HORIZONTAL), np.zeros((4, 4)))
    rows = np.array([[0], [30], [30], [0]])
    np.testing.assert_array_equal(filtered(BRIGHT_LEFT.T, HORIZONTAL), np.tile(rows, (1, 4)))


def test_the_filter_is_not_flipped():
    picture, weights = drawn(5, 5), drawn(3, 3, seed=1)
    by_hand = np.array(
        [[np.sum(picture[i : i + 3, j : j + 3] * weights) for j in range(3)] for i in range(3)]
    )
    np.testing.assert_allclose(filtered(picture, weights), by_hand, rtol=1e-12)
    flipped = filtered(picture, weights[::-1, ::-1])
    assert abs(flipped - by_hand).max() > 0.1


def test_training_finds_the_nine_numbers_of_sobel():
    filters = learned(SOBEL, steps=500)
    assert abs(filters[0] - SOBEL).max() > 1
    assert abs(filters[-1] - SOBEL).max() < 1e-6


# ------------------------------------------------------------------ sizes


def test_the_output_has_the_size_of_the_formula():
    for n, f, s, p in SIZES:
        x, W = np.ones((1, 1, n, n + 1)), np.ones((1, 1, f, f))
        if f > n + 2 * p:
            with pytest.raises(tt.ShapeError, match="larger than the padded"):
                F.conv2d(tt.Tensor(x), tt.Tensor(W), stride=s, padding=p)
            continue
        out = F.conv2d(tt.Tensor(x), tt.Tensor(W), stride=s, padding=p)
        height, width = ((size + 2 * p - f) // s + 1 for size in (n, n + 1))
        assert out.shape == (1, 1, height, width), (n, f, s, p)


@pytest.mark.parametrize(
    ("n", "f", "p", "s", "size"), [(7, 3, 0, 2, 3), (39, 3, 0, 1, 37), (37, 5, 0, 2, 17),
                                   (17, 5, 0, 2, 7), (6, 3, 0, 1, 4), (6, 3, 1, 1, 6)],
)  # fmt: skip
def test_the_courses_sizes(n, f, p, s, size):
    layer = nn.Conv2d(1, 1, f, stride=s, padding=p)
    assert layer(tt.zeros(1, 1, n, n)).shape == (1, 1, size, size)


def test_the_printed_formula_is_right_for_stride_one_by_luck_only():
    """⌊(n + 2p − f + 1)/s⌋, as the notes have it, is 2 where the layer gives 3."""
    wrong = dict.fromkeys((1, 2, 3), 0)
    for n, f, s, p in SIZES:
        if f <= n + 2 * p:
            size = F.conv2d(tt.zeros(1, 1, n, n), tt.zeros(1, 1, f, f), stride=s, padding=p).shape[
                2
            ]
            wrong[s] += (n + 2 * p - f + 1) // s != size
    assert wrong[1] == 0
    assert wrong[2] > 0
    assert wrong[3] > 0
    assert (7 - 3 + 1) // 2 == 2
    assert nn.Conv2d(1, 1, 3, stride=2)(tt.zeros(1, 1, 7, 7)).shape[2:] == (3, 3)


@pytest.mark.oracle
def test_values_and_gradients_of_every_size_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    for n, f, s, p in SIZES:
        if f > n + 2 * p:
            continue
        arrays = [drawn(1, 2, n, n), drawn(2, 2, f, f, seed=1), drawn(2, seed=2)]
        ours = [leaf(a) for a in arrays]
        theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
        Z = F.conv2d(*ours, stride=s, padding=p)
        expected = torch.nn.functional.conv2d(*theirs, stride=s, padding=p)
        np.testing.assert_allclose(Z.numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
        g = drawn(*Z.shape, seed=3)
        Z.backward(g)
        expected.backward(torch.tensor(g))
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-10, atol=1e-12)


# ------------------------------------------------------------------ padding


@pytest.mark.parametrize(("f", "p"), [(3, 1), (5, 2), (7, 3)])
def test_same_is_a_border_of_half_the_filter(f, p):
    x, W = tt.Tensor(drawn(1, 1, 9, 8)), tt.Tensor(drawn(1, 1, f, f, seed=1))
    same = F.conv2d(x, W, padding="same")
    assert same.shape == x.shape
    np.testing.assert_array_equal(same.numpy(), F.conv2d(x, W, padding=p).numpy())
    valid = F.conv2d(x, W, padding="valid")
    assert valid.shape == (1, 1, 9 - f + 1, 8 - f + 1)
    np.testing.assert_array_equal(valid.numpy(), F.conv2d(x, W).numpy())


@pytest.mark.parametrize("f", [2, 4])
def test_same_with_an_even_filter_has_one_more_zero_after_than_before(f):
    x, W = drawn(6, 6), drawn(f, f, seed=1)
    same = F.conv2d(tt.Tensor(x[None, None]), tt.Tensor(W[None, None]), padding="same")
    padded = np.pad(x, (f // 2 - 1, f // 2))
    np.testing.assert_allclose(same.numpy()[0, 0], filtered(padded, W), rtol=1e-12)


def test_same_needs_a_stride_of_one():
    with pytest.raises(tt.ArgumentError, match="same"):
        F.conv2d(tt.zeros(1, 1, 6, 6), tt.zeros(1, 1, 3, 3), stride=2, padding="same")


def test_without_padding_a_corner_is_used_once_and_the_centre_nine_times():
    rows = np.array([1, 2, 3, 3, 2, 1])
    np.testing.assert_array_equal(use_counts(6, 3), np.outer(rows, rows))


def test_with_padding_the_corner_counts_more():
    counts = use_counts(6, 3, padding=1)
    assert counts[0, 0] == 4
    assert counts[2:4, 2:4].tolist() == [[9, 9], [9, 9]]


# ------------------------------------------------------------------ volumes


def test_two_filters_over_three_planes_give_a_volume_of_two():
    x, W = tt.Tensor(drawn(1, 3, 6, 6)), tt.Tensor(drawn(2, 3, 3, 3, seed=1))
    Z = F.conv2d(x, W)
    assert Z.shape == (1, 2, 4, 4)
    one = np.sum(x.numpy()[0, :, 1:4, 2:5] * W.numpy()[1])  # 27 products
    np.testing.assert_allclose(Z.numpy()[0, 1, 1, 2], one, rtol=1e-12)
    for k in range(2):
        alone = F.conv2d(x, W[k : k + 1]).numpy()
        np.testing.assert_allclose(alone[:, 0], Z.numpy()[:, k], rtol=1e-12)


def test_a_filter_of_the_red_plane_sees_neither_green_nor_blue():
    W = np.zeros((1, 3, 3, 3))
    W[0, 0] = VERTICAL
    x = leaf(drawn(1, 3, 6, 6))
    Z = F.conv2d(x, tt.Tensor(W))
    Z.backward(drawn(*Z.shape, seed=1))
    assert np.any(x.grad.numpy()[:, 0] != 0)
    np.testing.assert_array_equal(x.grad.numpy()[:, 1:], 0)
    other = x.numpy().copy()
    other[:, 1:] = drawn(1, 2, 6, 6, seed=2)
    np.testing.assert_array_equal(F.conv2d(tt.Tensor(other), tt.Tensor(W)).numpy(), Z.numpy())


# ------------------------------------------------------------------ one layer


def test_ten_filters_of_3x3x3_have_280_parameters_for_any_picture():
    layer = nn.Conv2d(3, 10, 3)
    assert sum(p.size for p in layer.parameters()) == (3 * 3 * 3 + 1) * 10 == 280
    for size in (3, 39, 100):
        total = nn.summary(layer, np.zeros((1, 3, size, size), np.float32)).total_params
        assert total == 280
        assert layer(tt.zeros(1, 3, size, size)).shape == (1, 10, size - 2, size - 2)


def test_the_gradients_of_a_layer_are_those_of_differences():
    arrays = [drawn(2, 3, 5, 4), drawn(2, 3, 3, 3, seed=1), drawn(2, seed=2)]
    assert tt.gradcheck(lambda x, W, b: np.maximum(F.conv2d(x, W, b), 0), arrays)
    assert tt.gradcheck(lambda x, W, b: F.conv2d(x, W, b, stride=2, padding=1), arrays)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 2), (2, 1), (3, 0)])
def test_a_layer_gives_what_plain_loops_give(stride, padding):
    x, W, b = drawn(2, 3, 7, 8), drawn(4, 3, 3, 3, seed=1), drawn(4, seed=2)
    Z = F.conv2d(*map(tt.Tensor, (x, W, b)), stride=stride, padding=padding)
    expected = by_loops(x, W, b, stride, padding)
    np.testing.assert_allclose(Z.numpy(), expected, rtol=1e-12, atol=1e-12)


def test_the_gradients_of_a_layer_are_sums_over_windows():
    x, W, b = leaf(drawn(2, 3, 5, 5)), leaf(drawn(4, 3, 3, 3, seed=1)), leaf(drawn(4, seed=2))
    Z = F.conv2d(x, W, b)
    g = drawn(*Z.shape, seed=3)
    Z.backward(g)
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    for m, k, i, j in np.ndindex(*Z.shape):
        dW[k] += g[m, k, i, j] * x.numpy()[m, :, i : i + 3, j : j + 3]
        dx[m, :, i : i + 3, j : j + 3] += g[m, k, i, j] * W.numpy()[k]
    np.testing.assert_allclose(W.grad.numpy(), dW, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(x.grad.numpy(), dx, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(b.grad.numpy(), g.sum(axis=(0, 2, 3)), rtol=1e-12)


def test_the_example_network_shrinks_to_1960_numbers():
    table = nn.summary(convnet(), np.zeros((1, 3, 39, 39), np.float32))
    shapes = [row.output for row in table.rows if row.kind in ("Conv2d", "Flatten")]
    assert shapes == ["(1, 10, 37, 37)", "(1, 20, 17, 17)", "(1, 40, 7, 7)", "(1, 1960)"]
    assert 7 * 7 * 40 == 1960
    parameters = [row.parameters for row in table.rows if row.kind == "Conv2d"]
    assert parameters == [(3 * 3 * 3 + 1) * 10, (5 * 5 * 10 + 1) * 20, (5 * 5 * 20 + 1) * 40]


# ------------------------------------------------------------------ why convolutions


def test_a_layer_is_a_matrix_with_few_numbers_that_are_few_different_ones():
    tt.manual_seed(0)
    f, channels, filters = 3, 2, 4
    layer = nn.Conv2d(channels, filters, f, bias=False, dtype=np.float64)
    x = drawn(channels, 6, 5)
    A = dense_matrix(layer, x.shape)
    assert A.shape == (filters * 4 * 3, channels * 6 * 5)
    for k, rows in enumerate(np.split(A, filters)):
        assert all(np.count_nonzero(row) == f * f * channels for row in rows)
        np.testing.assert_array_equal(
            np.unique(rows[rows != 0]), np.unique(layer.weight.numpy()[k])
        )
        assert len(np.unique(rows[rows != 0])) == f * f * channels
    out = layer(tt.Tensor(x[None])).numpy()
    np.testing.assert_allclose(A @ x.ravel(), out.ravel(), rtol=1e-12, atol=1e-12)


def test_the_first_layer_of_lenet_against_a_dense_one():
    layer = nn.Conv2d(3, 6, 5)
    out = layer(tt.zeros(1, 3, 32, 32))
    assert sum(p.size for p in layer.parameters()) == 456
    assert out.size == 4704
    assert 3 * 32 * 32 * out.size == 14_450_688
    A = dense_matrix(nn.Conv2d(3, 1, 5, bias=False), (3, 7, 7))
    assert set(np.count_nonzero(A, axis=1)) == {75}


def test_a_shifted_picture_gives_the_shifted_answer():
    W = tt.Tensor(drawn(2, 3, 3, 3))
    x = drawn(1, 3, 12, 12, seed=1)
    down, right = 2, 3
    moved = np.roll(x, (down, right), axis=(2, 3))
    out, after = F.conv2d(tt.Tensor(x), W).numpy(), F.conv2d(tt.Tensor(moved), W).numpy()
    inside = after[:, :, down:, right:]
    np.testing.assert_allclose(inside, out[:, :, :-down, :-right], rtol=1e-12, atol=1e-12)


def test_few_shared_numbers_generalise_where_many_learn_by_heart():
    tt.manual_seed(0)
    networks = {"shared": convolutional(), "dense": dense()}
    sizes = {name: sum(p.size for p in model.parameters()) for name, model in networks.items()}
    assert sizes == {"shared": 1316, "dense": 16708}
    shared = learn(networks["shared"], seed=0, epochs=10, rate=1e-2)["dev accuracy"][-1]
    by_heart = learn(networks["dense"], seed=0, epochs=25, rate=3e-3)["dev accuracy"][-1]
    assert shared >= 0.9
    assert shared - by_heart >= 0.3
    x, y = shapes(600, seed=0, shift=1 / 4)
    assert metrics.accuracy(y, train.predict(networks["dense"], x).argmax(axis=1)) > 0.95


def test_the_ten_figures_are_float32_pictures_whose_colours_say_nothing():
    x, y = figures(600, seed=3)
    assert x.shape == (600, 3, 32, 32)
    assert x.dtype == np.float32
    assert x.min() >= 0
    assert x.max() <= 1
    assert len(FIGURES) == 10
    assert set(y) == set(range(10))
    np.testing.assert_array_equal(figures(600, seed=3)[0], x)
    colours = np.stack([x[y == k].mean(axis=(0, 2, 3)) for k in range(10)])
    assert abs(colours - 0.5).max() < 0.15


# ------------------------------------------------------------------ transpose convolution


ENLARGED = [[0, 4, 0, 1], [10, 7, 6, 3], [0, 7, 0, 2], [6, 3, 4, 2]]  # the lecture's figure


def test_the_worked_example_of_the_transpose_convolution():
    np.testing.assert_array_equal(INPUT, [[2, 1], [3, 2]])
    np.testing.assert_array_equal(FILTER, [[1, 2, 1], [2, 0, 1], [0, 2, 1]])
    np.testing.assert_array_equal(enlarged(INPUT, FILTER), ENLARGED)


def test_without_output_padding_the_same_numbers_give_three_by_three():
    x, W = tt.Tensor(INPUT[None, None]), tt.Tensor(FILTER[None, None])
    out = F.conv_transpose2d(x, W, stride=2, padding=1)
    np.testing.assert_array_equal(out.numpy()[0, 0], np.array(ENLARGED)[:3, :3])


def test_each_number_writes_the_whole_filter_and_overlaps_add_up():
    canvas = np.zeros((5, 5))
    for (i, j), value in np.ndenumerate(INPUT):
        canvas[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += value * FILTER
    out = F.conv_transpose2d(tt.Tensor(INPUT[None, None]), tt.Tensor(FILTER[None, None]), stride=2)
    np.testing.assert_array_equal(out.numpy()[0, 0], canvas)
    np.testing.assert_array_equal(canvas[1:, 1:], ENLARGED)


def test_the_transpose_has_the_size_of_the_formula():
    for n, f, s, p in itertools.product(range(1, 6), range(1, 5), range(1, 4), range(3)):
        for extra in range(s):
            size = (n - 1) * s - 2 * p + f + extra
            if size < 1:
                continue
            layer = nn.ConvTranspose2d(1, 1, f, stride=s, padding=p, output_padding=extra)
            assert layer(tt.zeros(1, 1, n, n)).shape == (1, 1, size, size)


@pytest.mark.parametrize(("stride", "padding", "groups"), [(1, 0, 1), (2, 1, 1), (3, 2, 2)])
def test_the_transpose_is_the_adjoint_of_the_convolution(stride, padding, groups):
    x, W = drawn(2, 4, 10, 10), tt.Tensor(drawn(6, 4 // groups, 3, 3, seed=1))
    options = {"stride": stride, "padding": padding, "groups": groups}
    Z = F.conv2d(tt.Tensor(x), W, **options).numpy()
    y = drawn(*Z.shape, seed=2)
    extra = (10 + 2 * padding - 3) % stride
    back = F.conv_transpose2d(tt.Tensor(y), W, output_padding=extra, **options).numpy()
    assert back.shape == x.shape
    np.testing.assert_allclose(np.sum(Z * y), np.sum(x * back), rtol=1e-12)


def test_the_derivatives_of_the_transpose_are_those_of_differences():
    arrays = [drawn(2, 2, 3, 3), drawn(2, 3, 3, 3, seed=1), drawn(3, seed=2)]
    options = {"stride": 2, "padding": 1, "output_padding": 1}
    assert tt.gradcheck(lambda x, W, b: F.conv_transpose2d(x, W, b, **options), arrays)


@pytest.mark.oracle
def test_the_transpose_has_the_numbers_of_pytorch():
    torch = pytest.importorskip("torch")
    for s, p, extra, groups in [(1, 0, 0, 1), (2, 1, 1, 1), (3, 1, 2, 2), (2, 0, 0, 4)]:
        arrays = [drawn(2, 4, 3, 4), drawn(4, 2, 3, 3, seed=1), drawn(2 * groups, seed=2)]
        options = {"stride": s, "padding": p, "output_padding": extra, "groups": groups}
        ours = [leaf(a) for a in arrays]
        theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
        out = F.conv_transpose2d(*ours, **options)
        expected = torch.nn.functional.conv_transpose2d(*theirs, **options)
        np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
        g = drawn(*out.shape, seed=3)
        out.backward(g)
        expected.backward(torch.tensor(g))
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_an_ordinary_convolution_with_five_filters():
    assert nn.Conv2d(3, 5, 3)(tt.zeros(1, 3, 6, 6)).shape == (1, 5, 4, 4)
