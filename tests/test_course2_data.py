"""The rows of the courses that are about data: images as columns, splits, augmentation,
normalised inputs, mini-batches. The numbers are the lectures', or measured where it says so.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import data
from tinygrad_tr.examples import (
    course1_images,
    course2_augmentation,
    course2_minibatches,
    course2_normalising,
)
from tinygrad_tr.examples.datasets import logistic, squares
from tinygrad_tr.nn import by_hand

# ------------------------------------------------------------------ 1.05: images as columns


def test_209_pictures_of_64_by_64_are_209_columns_of_12288():
    pictures, y = squares(209)
    X, Y = course1_images.columns(pictures, y)
    assert X.shape == (64 * 64 * 3, 209) == (12288, 209)
    assert Y.shape == (1, 209)
    np.testing.assert_array_equal(X[:, 7] * 255, pictures[7].ravel())


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_unrolled_pictures_come_back_bit_for_bit(dtype):
    pictures = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3)).astype(dtype)
    back = data.unflatten_images(data.flatten_images(pictures), (4, 6, 3))
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, pictures)


def test_a_neuron_tells_red_squares_from_blue_by_equations_and_by_autograd():
    X, Y = course1_images.columns(*squares(209))
    X_test, Y_test = course1_images.columns(*squares(200, seed=1))
    w, b, costs = course1_images.by_equations(X, Y, steps=200)
    assert np.mean((w.T @ X + b > 0) == Y) == 1
    assert np.mean((w.T @ X_test + b > 0) == Y_test) >= 0.93
    *_, again = course1_images.by_autograd(X, Y, steps=50)
    np.testing.assert_allclose(again, costs[:50], rtol=1e-10)


# ------------------------------------------------------------------ 2.01: train, dev and test


@pytest.mark.parametrize(
    ("m", "fractions", "sizes"),
    [
        (10_000, "auto", [6000, 2000, 2000]),
        (1_000_000, "auto", [980_000, 10_000, 10_000]),
        (4_000_000, "auto", [3_980_000, 10_000, 10_000]),
        (1_000_000, (0.98, 0.01, 0.01), [980_000, 10_000, 10_000]),
        (4_000_000, (0.995, 0.0025, 0.0025), [3_980_000, 10_000, 10_000]),
    ],
)
def test_a_split_has_the_sizes_of_the_lecture(m, fractions, sizes):
    parts = data.split(m, fractions, seed=0)
    assert [len(part) for part in parts] == sizes
    assert np.bincount(np.concatenate(parts), minlength=m).tolist() == [1] * m


def test_the_same_seed_gives_the_same_parts():
    for part, again in zip(data.split(1000, "auto", seed=3), data.split(1000, "auto", seed=3),
                           strict=True):  # fmt: skip
        np.testing.assert_array_equal(part, again)


# ------------------------------------------------------------------ 2.08: augmentation


def test_two_flips_or_four_quarter_turns_change_nothing():
    images = np.random.default_rng(0).random((10, 3, 16, 16), dtype=np.float32)
    for flip in (data.hflip, data.vflip):
        assert not np.array_equal(flip(images), images)
        np.testing.assert_array_equal(flip(flip(images)), images)
    turned = images
    for _ in range(4):
        turned = data.rotate(turned, 90)
    np.testing.assert_array_equal(turned, images)
    np.testing.assert_array_equal(data.rotate(data.rotate(images, 90), -90), images)


def test_the_labels_stay_with_their_images():
    images = np.arange(8.0).reshape(8, 1, 1, 1) * np.ones((1, 1, 4, 4))
    loader = data.DataLoader(images, np.arange(8), batch_size=3, shuffle=True, seed=0)
    augment = data.Compose(
        [data.RandomHorizontalFlip(), data.RandomQuarterTurn(), data.RandomCrop(3)]
    )
    for x, y in loader:
        np.testing.assert_array_equal(augment(x)[:, 0, 1, 1], y)


def test_augmentation_is_worth_more_than_fifteen_points():
    ways = course2_augmentation.ways(seed=0)
    without, with_it = (
        course2_augmentation.learn(ways[name], seed=0, steps=300)["new"][-1]
        for name in ("no augmentation", "flips, turns, shifts")
    )
    assert with_it - without >= 0.15


# ------------------------------------------------------------------ 2.10: normalised inputs


def test_normalised_features_have_mean_zero_and_variance_one():
    X, _ = course2_normalising.lecture()
    X = np.column_stack([X, np.full(len(X), 0.1)])  # a constant feature too
    normalizer = data.Normalizer().fit(X)
    Z = normalizer.transform(X)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(Z[:, :2].var(axis=0), 1, atol=1e-12)
    np.testing.assert_allclose(Z[:, 2], 0, atol=1e-12)
    new = np.array([[1.0, 0.5, 0.1], [2000.0, -3.0, 1.1]])
    expected = (new[:, :2] - X[:, :2].mean(axis=0)) / X[:, :2].std(axis=0)
    np.testing.assert_allclose(normalizer.transform(new)[:, :2], expected, rtol=1e-12)


def test_normalising_takes_ten_steps_where_hundreds_of_thousands_were_too_few():
    X, t = course2_normalising.lecture()
    Z = data.Normalizer().fit(X).transform(X)
    raw, normalised = (
        course2_normalising.bowl(course2_normalising.with_bias(x), t) for x in (X, Z)
    )
    assert 5e6 < raw.condition < 8e6  # 6.5e6 and 1.1 were measured
    assert normalised.condition < 1.3
    assert raw.height(200_000) > 1e-6 * raw.height(0)
    assert normalised.height(10) < 1e-6 * normalised.height(0)
    assert raw.steps_to(1e-6) > 200_000
    assert normalised.steps_to(1e-6) <= 10


@pytest.mark.parametrize("normalise", [False, True])
def test_the_closed_form_of_descent_is_what_autograd_descends(normalise):
    X, t = course2_normalising.lecture()
    if normalise:
        X = data.Normalizer().fit(X).transform(X)
    bowl = course2_normalising.bowl(course2_normalising.with_bias(X), t)

    def cost(w):
        return np.square(bowl.A @ w - t).mean() / 2

    heights = [cost(w) - cost(bowl.minimum) for w in course2_normalising.descend(bowl, 40)]
    np.testing.assert_allclose(
        heights, [bowl.height(step) for step in range(41)], rtol=1e-7, atol=1e-12
    )


# ------------------------------------------------------------------ 2.14: mini-batches


def test_five_million_examples_are_five_thousand_mini_batches_of_a_thousand():
    X, Y = np.zeros((1, 5_000_000), np.uint8), np.zeros((1, 5_000_000), np.uint8)
    shapes = [(x.shape, y.shape) for x, y in data.minibatches(X, Y, 1000, shuffle=False)]
    assert shapes == [((1, 1000), (1, 1000))] * 5000


@pytest.mark.parametrize(("m", "size"), [(1000, 64), (64, 64), (65, 64), (10, 1), (3, 8)])
def test_an_epoch_has_every_column_once_and_the_last_batch_may_be_smaller(m, size):
    Y = np.arange(m).reshape(1, m)
    X = np.vstack([Y, Y**2, -Y])
    batches = list(data.minibatches(X, Y, size, np.random.default_rng(0)))
    assert len(batches) == math.ceil(m / size)
    assert [y.shape[1] for _, y in batches] == [min(size, m - i) for i in range(0, m, size)]
    seen = np.concatenate([y for _, y in batches], axis=1)
    np.testing.assert_array_equal(np.sort(seen), Y)
    for x, y in batches:
        np.testing.assert_array_equal(x, np.vstack([y, y**2, -y]))


def test_a_mini_batch_of_all_examples_is_batch_gradient_descent():
    X, y = logistic(300, steepness=3)
    X, Y = X.T.copy(), y.reshape(1, -1).astype(float)
    w, b = np.full((5, 1), 0.1), 0.2
    batch = by_hand.logistic_vectorised(w, b, X, Y)
    ((X_1, Y_1),) = data.minibatches(X, Y, 300, shuffle=False)
    for one, other in zip(by_hand.logistic_vectorised(w, b, X_1, Y_1), batch, strict=True):
        np.testing.assert_array_equal(one, other)
    ((X_1, Y_1),) = data.minibatches(X, Y, 300, np.random.default_rng(0))
    for one, other in zip(by_hand.logistic_vectorised(w, b, X_1, Y_1), batch, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_the_costs_of_the_mini_batches_average_to_the_cost():
    X, y = logistic(1024, steepness=3)
    X, Y = X.T.copy(), y.reshape(1, -1).astype(float)
    w = tt.Tensor(np.full((5, 1), 0.1))
    costs = [
        tt.nn.functional.binary_cross_entropy_with_logits(w.T @ x, y).item()
        for x, y in data.minibatches(X, Y, 128, np.random.default_rng(0))
    ]
    whole = tt.nn.functional.binary_cross_entropy_with_logits(w.T @ X, Y).item()
    assert np.mean(costs) == pytest.approx(whole, rel=1e-12)
    assert min(costs) < whole < max(costs)


# ------------------------------------------------------------------ 2.15: the size of a mini-batch


@pytest.mark.parametrize("m", [1, 50, 1999, 2000])
def test_small_data_is_one_batch(m):
    assert data.suggest_batch_size(m) == m


def test_large_data_is_cut_into_a_power_of_two():
    sizes = [data.suggest_batch_size(m) for m in (2001, 4096, 8192, 16_384, 5_000_000)]
    assert sizes == [64, 128, 256, 512, 512]
    assert all(data.suggest_batch_size(m) in (64, 128, 256, 512) for m in range(2001, 40_000, 97))


def test_smaller_batches_get_further_and_rise_on_the_way():
    X, y = logistic()
    X, Y = X.T.copy(), y.reshape(1, -1).astype(float)
    found = {size: course2_minibatches.descend(X, Y, size) for size in (8192, 512, 64)}
    costs = [run.cost for run in found.values()]  # 0.648, 0.371 and 0.179 were measured
    np.testing.assert_allclose(costs, [0.648, 0.371, 0.179], atol=0.03)
    assert (np.diff(found[8192].batch_costs) < 0).all()
    noisy = found[64].batch_costs
    assert np.sum(np.diff(noisy) > 0) > 50
    assert (np.diff(course2_minibatches.smoothed(noisy, 64)[::64]) < 0).all()


def test_one_by_one_gets_furthest_and_never_settles():
    X, y = logistic(1024)
    X, Y = X.T.copy(), y.reshape(1, -1).astype(float)
    single, small = (course2_minibatches.descend(X, Y, size) for size in (1, 64))
    assert single.cost < small.cost
    end = single.batch_costs[-500:]
    assert end.max() > 10 * np.median(end)


# ------------------------------------------------------------------ 3.13: several sources

SOURCE = np.repeat(["web", "mobile"], [200_000, 10_000])


def web_and_mobile(rows):
    return [int(np.sum(SOURCE[rows] == source)) for source in ("web", "mobile")]


def test_option_1_shuffles_everything_and_dev_is_nearly_all_web():
    train, dev, test = data.split_by_source(210_000, SOURCE, dev=2500, test=2500, seed=0)
    assert [len(part) for part in (train, dev, test)] == [205_000, 2500, 2500]
    expected = 2500 * np.array([200_000, 10_000]) / 210_000
    np.testing.assert_array_equal(expected.round(), [2381, 119])
    for part in (dev, test):
        assert sum(web_and_mobile(part)) == 2500
        np.testing.assert_allclose(web_and_mobile(part), expected, rtol=0, atol=4 * 10.6)


def test_option_2_keeps_dev_and_test_for_what_counts():
    train, dev, test = data.split_by_source(
        210_000, SOURCE, dev={"mobile": 2500}, test={"mobile": 2500}, seed=0
    )
    assert web_and_mobile(train) == [200_000, 5000]
    assert web_and_mobile(dev) == web_and_mobile(test) == [0, 2500]
    assert np.bincount(np.concatenate([train, dev, test])).tolist() == [1] * 210_000


def test_a_train_dev_set_comes_out_of_the_train_set():
    train, train_dev, dev, test = data.split_by_source(
        210_000, SOURCE, dev={"mobile": 2500}, test={"mobile": 2500}, train_dev=2500, seed=0
    )
    assert [len(part) for part in (train, train_dev, dev, test)] == [202_500, 2500, 2500, 2500]
    np.testing.assert_allclose(web_and_mobile(train_dev), [2439, 61], atol=4 * 7.7)


def test_dev_and_test_from_different_sources_are_warned_of():
    with pytest.warns(UserWarning, match=r"dev=\{'web': 2500\} and test=\{'mobile': 2500\}"):
        data.split_by_source(210_000, SOURCE, dev={"web": 2500}, test={"mobile": 2500})
