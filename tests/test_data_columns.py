"""Examples as columns, the course's layout: mini-batches, and images. Course 1 and 2, week 2."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr.data import (
    DataLoader,
    flatten_images,
    minibatches,
    suggest_batch_size,
    unflatten_images,
)

COLUMNS, LABELS = np.arange(20.0).reshape(2, 10), np.arange(10).reshape(1, 10)


def test_mini_batches_of_columns_are_those_of_the_loader_transposed():
    loader = DataLoader(COLUMNS.T, LABELS.T, batch_size=4, shuffle=True, seed=3)
    batches = minibatches(COLUMNS, LABELS, 4, np.random.default_rng(3))
    for (X_t, Y_t), (x, y) in zip(batches, loader, strict=True):
        np.testing.assert_array_equal(X_t, x.T)
        np.testing.assert_array_equal(Y_t, y.T)


def test_one_generator_gives_every_epoch_another_order():
    rng = np.random.default_rng(0)
    first, second = (
        np.concatenate([y for _, y in minibatches(COLUMNS, LABELS, 3, rng)], axis=1)
        for _ in range(2)
    )
    assert sorted(first[0]) == sorted(second[0]) == list(range(10))
    assert not np.array_equal(first, second)


def test_the_default_generator_orders_the_columns():
    tt.manual_seed(1)
    first = [y.tolist() for _, y in minibatches(COLUMNS, LABELS, 3)]
    tt.manual_seed(1)
    assert [y.tolist() for _, y in minibatches(COLUMNS, LABELS, 3)] == first


def test_columns_of_tensors_are_tensors():
    ((x, _),) = minibatches(tt.Tensor(COLUMNS), LABELS, 10, shuffle=False)
    assert isinstance(x, tt.Tensor)
    np.testing.assert_array_equal(x.numpy(), COLUMNS)


@pytest.mark.parametrize(
    ("X", "Y", "size", "error", "word"),
    [
        (COLUMNS, LABELS[:, :9], 3, tt.ShapeError, "columns"),
        (COLUMNS, LABELS[0], 3, tt.ShapeError, "columns"),
        (COLUMNS.tolist(), LABELS, 3, tt.ShapeError, "columns"),
        (COLUMNS[:, :0], LABELS[:, :0], 3, tt.ShapeError, "no examples"),
        (COLUMNS, LABELS, 0, tt.ArgumentError, "batch_size"),
    ],
)
def test_columns_that_do_not_fit_are_refused_before_the_first_batch(X, Y, size, error, word):
    with pytest.raises(error, match=word):
        minibatches(X, Y, size)


@pytest.mark.parametrize("m", [0, -5, 2.5, True])
def test_a_batch_size_is_suggested_for_a_number_of_examples(m):
    with pytest.raises(tt.ArgumentError, match="m"):
        suggest_batch_size(m)


@pytest.mark.parametrize("kind", [np.asarray, tt.Tensor])
def test_a_pixel_keeps_its_place_in_the_column(kind):
    images = kind(np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5))
    X = flatten_images(images)
    assert X.shape == (60, 2)
    assert X[(1 * 4 + 2) * 5 + 3, 1].item() == images[1, 1, 2, 3].item()
    assert unflatten_images(X, (3, 4, 5)).shape == (2, 3, 4, 5)


@pytest.mark.parametrize(
    ("function", "arguments", "word"),
    [
        (flatten_images, (COLUMNS,), "batch of images"),
        (flatten_images, ([1, 2],), "batch of images"),
        (unflatten_images, (COLUMNS, (2, 2, 3)), "this shape"),
        (unflatten_images, (COLUMNS[0], (2, 1, 1)), "this shape"),
        (unflatten_images, (COLUMNS, (2, 1)), "this shape"),
    ],
)
def test_what_is_no_image_is_neither_unrolled_nor_rolled_up(function, arguments, word):
    with pytest.raises(tt.ShapeError, match=word):
        function(*arguments)
