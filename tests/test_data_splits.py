"""Train, dev and test, also from several sources. Numbers: course 2, week 1; course 3, week 2."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr.data import split, split_by_source

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10)


@pytest.mark.parametrize(
    ("m", "fractions", "sizes"),
    [
        (10_000, (0.6, 0.2, 0.2), [6000, 2000, 2000]),
        (1_000_000, (0.98, 0.01, 0.01), [980_000, 10_000, 10_000]),
        (4_000_000, (0.995, 0.0025, 0.0025), [3_980_000, 10_000, 10_000]),
        (1797, (0.6, 0.2, 0.2), [1079, 359, 359]),
        (10, (0.5, 0.5), [5, 5]),
        (10, (1.0,), [10]),
    ],
)
def test_parts_have_their_sizes_and_together_are_everything(m, fractions, sizes):
    parts = split(m, fractions, seed=0)
    assert [len(part) for part in parts] == sizes
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(m))


def test_the_same_seed_gives_the_same_split():
    for first, again in zip(split(100, seed=4), split(100, seed=4), strict=True):
        np.testing.assert_array_equal(first, again)
    assert not np.array_equal(split(100, seed=4)[0], split(100, seed=5)[0])


def test_arrays_are_split_together():
    parts = split((X, Y), (0.8, 0.2), seed=0)
    assert [len(y) for _, y in parts] == [8, 2]
    for x, y in parts:
        np.testing.assert_array_equal(x, X[y])


def test_one_array_is_split_into_arrays():
    train, test = split(Y, (0.7, 0.3), seed=0)
    assert sorted([*train, *test]) == list(range(10))


@pytest.mark.parametrize("seed", range(5))
def test_stratified_parts_have_their_share_of_every_class(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(5, 1000, p=[0.5, 0.3, 0.1, 0.06, 0.04])
    parts = split(1000, stratify=labels, seed=seed)
    assert [len(part) for part in parts] == [600, 200, 200]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(1000))
    for part, share in zip(parts, (0.6, 0.2, 0.2), strict=True):
        got = np.bincount(labels[part], minlength=5)
        np.testing.assert_allclose(got, share * np.bincount(labels), atol=2)


def test_a_stratified_part_is_in_no_order_of_classes():
    labels = np.repeat([0, 1], 500)
    train = labels[split(1000, stratify=labels, seed=0)[0]]
    repeats = np.mean(train[1:] == train[:-1])
    assert 0.4 < repeats < 0.6


@pytest.mark.parametrize(
    ("data", "options", "error", "word"),
    [
        (10, {"fractions": (0.6, 0.2)}, tt.ArgumentError, "add to 1"),
        (10, {"fractions": (1.2, -0.2)}, tt.ArgumentError, "positive"),
        (10, {"fractions": ()}, tt.ArgumentError, "positive"),
        (10, {"fractions": (float("nan"), 1.0)}, tt.ArgumentError, "add to 1"),
        (10, {"fractions": "automatic"}, tt.ArgumentError, "auto"),
        (2, {"fractions": "auto"}, tt.ArgumentError, "empty"),
        (0, {"fractions": "auto"}, tt.ArgumentError, "empty"),
        (2, {}, tt.ArgumentError, "empty"),
        ((X, Y[:9]), {}, tt.ShapeError, "different numbers"),
        (10, {"stratify": Y[:9]}, tt.ShapeError, "stratify"),
        ("ten", {}, tt.DtypeError, "rows"),
    ],
)
def test_a_split_that_cannot_be_is_refused(data, options, error, word):
    with pytest.raises(error, match=word):
        split(data, **options)


@pytest.mark.parametrize("m", [5, 100, 10_000, 49_999, 50_000, 50_001, 300_000, 10_000_000])
def test_auto_holds_out_a_fifth_each_and_never_more_than_ten_thousand(m):
    train, dev, test = (len(part) for part in split(m, "auto", seed=0))
    assert dev == test == min(round(m / 5), 10_000)
    assert train == m - dev - test


# ---------------------------------------------------------------------- by source

SOURCE = np.repeat(["web", "mobile"], [800, 200])


def test_dev_and_test_come_from_the_source_that_was_asked_for():
    train, dev, test = split_by_source(
        1000, SOURCE, dev={"mobile": 50}, test={"mobile": 50}, seed=0
    )
    assert set(SOURCE[dev]) == set(SOURCE[test]) == {"mobile"}
    assert np.sum(SOURCE[train] == "web") == 800
    np.testing.assert_array_equal(np.sort(np.concatenate([train, dev, test])), np.arange(1000))


def test_a_train_dev_set_has_the_mixture_of_train():
    train, train_dev, dev, test = split_by_source(
        1000, SOURCE, dev={"mobile": 90}, test={"mobile": 90}, train_dev=400, seed=0
    )
    assert [len(part) for part in (train, train_dev, dev, test)] == [420, 400, 90, 90]
    np.testing.assert_array_equal(
        np.sort(np.concatenate([train, train_dev, dev, test])), np.arange(1000)
    )
    shares = [np.mean(SOURCE[part] == "web") for part in (train, train_dev)]
    np.testing.assert_allclose(shares, 800 / 820, atol=0.015)


def test_sources_can_be_mixed_in_given_numbers_and_come_in_no_order():
    wanted = {"web": 60, "mobile": 60}
    _, dev, _ = split_by_source(1000, SOURCE, dev=wanted, test=wanted, seed=0)
    assert np.sum(SOURCE[dev] == "web") == 60
    assert 0.35 < np.mean(SOURCE[dev][1:] == SOURCE[dev][:-1]) < 0.65


def test_arrays_are_split_by_source_together_and_the_same_seed_repeats_it():
    source = np.array([0, 1] * 5)
    parts = split_by_source((X, Y), source, dev={1: 2}, test={1: 2}, seed=1)
    for x, y in parts:
        np.testing.assert_array_equal(x, X[y])
    again = split_by_source(Y, source, dev={1: 2}, test={1: 2}, seed=1)
    assert [part.tolist() for part in again] == [y.tolist() for _, y in parts]


@pytest.mark.parametrize(
    ("dev", "test"),
    [
        ({"web": 50}, {"mobile": 50}),
        ({"mobile": 50}, 50),
        ({"web": 25, "mobile": 25}, {"web": 10, "mobile": 40}),
    ],
)
def test_dev_and_test_of_different_sources_are_warned_of(dev, test):
    with pytest.warns(UserWarning, match="different sources"):
        split_by_source(1000, SOURCE, dev=dev, test=test, seed=0)


@pytest.mark.parametrize(
    ("dev", "test"),
    [
        (50, 20),
        ({"mobile": 50}, {"mobile": 20}),
        ({"web": 200, "mobile": 50}, {"web": 40, "mobile": 10}),
    ],
)
def test_the_same_sources_in_the_same_proportion_are_not(dev, test):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        split_by_source(1000, SOURCE, dev=dev, test=test, seed=0)


@pytest.mark.parametrize(
    ("options", "error", "word"),
    [
        ({"dev": {"mobile": 150}, "test": {"mobile": 100}}, tt.ArgumentError, "test .*'mobile'"),
        ({"dev": {"radio": 1}, "test": {"radio": 1}}, tt.ArgumentError, "'radio'"),
        ({"dev": {"mobile": 0}, "test": {"mobile": 1}}, tt.ArgumentError, "dev"),
        ({"dev": {}, "test": {}}, tt.ArgumentError, "dev"),
        ({"dev": 0, "test": 10}, tt.ArgumentError, "dev"),
        ({"dev": 0.2, "test": 0.2}, tt.ArgumentError, "dev"),
        ({"dev": 10, "test": 10, "train_dev": -1}, tt.ArgumentError, "train_dev"),
        ({"dev": 10, "test": 10, "train_dev": 981}, tt.ArgumentError, "train_dev"),
        ({"dev": 500, "test": 500}, tt.ArgumentError, "nothing is left"),
        ({"source": SOURCE[:5], "dev": 1, "test": 1}, tt.ShapeError, "source"),
        ({"dev": 1, "test": 1, "seed": 1, "generator": np.random.default_rng()},
         tt.ArgumentError, "seed"),
    ],
)  # fmt: skip
def test_a_split_by_source_that_cannot_be_is_refused(options, error, word):
    with pytest.raises(error, match=word):
        split_by_source(1000, **{"source": SOURCE, **options})
