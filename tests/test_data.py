"""Mini-batches and normalisation. Numbers: course 2, weeks 1 and 2."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr.data import DataLoader, Normalizer

X = np.arange(20, dtype=np.float32).reshape(10, 2)
Y = np.arange(10)


def orders(loader: DataLoader, epochs: int) -> list[list[int]]:
    """The example numbers of each epoch, in the order in which they came."""
    return [[int(i) for _, y in loader for i in y] for _ in range(epochs)]


# ---------------------------------------------------------------------- DataLoader


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "lengths"),
    [(3, False, [3, 3, 3, 1]), (3, True, [3, 3, 3]), (5, False, [5, 5]), (99, False, [10])],
)
def test_an_epoch_has_the_batches_that_len_says(batch_size, drop_last, lengths):
    loader = DataLoader(X, Y, batch_size=batch_size, drop_last=drop_last)
    assert [len(y) for _, y in loader] == lengths
    assert len(loader) == len(lengths)


def test_five_million_examples_in_batches_of_a_thousand_are_five_thousand_steps():
    assert len(DataLoader(np.zeros(5_000_000, np.uint8), batch_size=1000)) == 5000


def test_each_example_comes_once_per_epoch_and_stays_with_its_label():
    seen = []
    for x, y in DataLoader(X, Y, batch_size=3, shuffle=True, seed=0):
        np.testing.assert_array_equal(x, X[y])
        assert x.dtype == np.float32
        seen.extend(y)
    assert sorted(seen) == list(range(10))


def test_each_epoch_has_another_order_and_the_same_seed_the_same_orders():
    first = orders(DataLoader(X, Y, batch_size=4, shuffle=True, seed=1), 3)
    again = orders(DataLoader(X, Y, batch_size=4, shuffle=True, seed=1), 3)
    other = orders(DataLoader(X, Y, batch_size=4, shuffle=True, seed=2), 3)
    assert first == again
    assert first != other
    assert first[0] != first[1] != first[2]


def test_an_epoch_left_early_is_followed_by_a_whole_one():
    loader = DataLoader(X, Y, batch_size=4, shuffle=True, seed=0)
    next(iter(loader))
    assert sorted(orders(loader, 1)[0]) == list(range(10))


def test_the_default_order_follows_manual_seed():
    tt.manual_seed(3)
    first = orders(DataLoader(X, Y, shuffle=True), 2)
    tt.manual_seed(3)
    assert orders(DataLoader(X, Y, shuffle=True), 2) == first


def test_a_generator_can_be_passed():
    first = orders(DataLoader(X, Y, shuffle=True, generator=np.random.default_rng(5)), 1)
    assert orders(DataLoader(X, Y, shuffle=True, seed=5), 1) == first


def test_without_shuffle_the_order_is_kept():
    assert orders(DataLoader(X, Y, batch_size=4), 2) == [list(range(10))] * 2


def test_one_array_gives_its_rows_and_not_a_tuple():
    batches = list(DataLoader(X, batch_size=5))
    np.testing.assert_array_equal(np.concatenate(batches), X)


def test_tensors_give_tensors():
    ((x, y),) = DataLoader(tt.Tensor(X), Y, batch_size=10, shuffle=True, seed=0)
    assert isinstance(x, tt.Tensor)
    assert not x.requires_grad
    np.testing.assert_array_equal(x.numpy(), X[y])


@pytest.mark.parametrize(
    ("arrays", "options", "error", "word"),
    [
        ((X, Y[:9]), {}, tt.ShapeError, "different numbers"),
        ((X[:0],), {}, tt.ShapeError, "no examples"),
        ((np.array(3.0),), {}, tt.ShapeError, "no examples"),
        (([1, 2],), {}, tt.DtypeError, "rows"),
        ((), {}, tt.ArgumentError, "no arrays"),
        ((X,), {"batch_size": 0}, tt.ArgumentError, "batch_size"),
        ((X,), {"batch_size": 2.5}, tt.ArgumentError, "batch_size"),
        ((X,), {"batch_size": 11, "drop_last": True}, tt.ArgumentError, "drop_last"),
        ((X,), {"seed": 1, "generator": np.random.default_rng()}, tt.ArgumentError, "seed"),
    ],
)
def test_a_loader_that_cannot_work_is_refused(arrays, options, error, word):
    with pytest.raises(error, match=word):
        DataLoader(*arrays, **options)


def test_two_passes_at_once_do_not_disturb_each_other():
    loader = DataLoader(X, Y, batch_size=4)
    pairs = [(list(a), list(b)) for (_, a), (_, b) in zip(loader, loader, strict=True)]
    assert pairs == [(batch, batch) for batch in ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9])]


RESUMABLE = {
    "a seed": lambda: DataLoader(X, Y, batch_size=3, shuffle=True, seed=1),
    "a generator": lambda: DataLoader(
        X, Y, batch_size=3, shuffle=True, generator=np.random.Generator(np.random.MT19937(2))
    ),
    "the default generator": lambda: DataLoader(X, Y, batch_size=3, shuffle=True),
    "no shuffling": lambda: DataLoader(X, Y, batch_size=3),
    "no last batch": lambda: DataLoader(X, Y, batch_size=3, shuffle=True, drop_last=True, seed=3),
}


@pytest.mark.parametrize("taken", range(9))
@pytest.mark.parametrize("kind", RESUMABLE)
def test_a_loader_goes_on_with_the_very_batch_that_came_next(kind, taken):
    def batches(loader):
        while True:
            for _, y in loader:
                yield [int(i) for i in y]

    tt.manual_seed(0)
    loader = RESUMABLE[kind]()
    coming = batches(loader)
    for _ in range(taken):
        next(coming)
    state, random = loader.state_dict(), tt.get_rng_state()
    expected = [next(coming) for _ in range(10)]

    tt.manual_seed(1)
    resumed = RESUMABLE[kind]()
    list(zip(resumed, range(2), strict=False))  # it has been elsewhere
    resumed.load_state_dict(state)
    tt.set_rng_state(random)
    coming = batches(resumed)
    assert [next(coming) for _ in range(10)] == expected


def test_going_on_does_not_disturb_those_who_draw_from_the_same_generator():
    tt.manual_seed(0)
    loader = DataLoader(X, Y, batch_size=3, shuffle=True)
    next(iter(loader))
    state = loader.state_dict()
    random = tt.get_rng_state()
    expected = tt.rand(3).numpy()
    tt.set_rng_state(random)
    loader.load_state_dict(state)
    assert len(list(loader)) == 3
    np.testing.assert_array_equal(tt.rand(3).numpy(), expected)


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {}}, {"taken": 9}, {"taken": -1}, {"taken": 1.5},
        {"epoch_start": {"state": 1}}, {"generator": None},
        {"generator": {"bit_generator": "MT19937"}},
    ],
)  # fmt: skip
def test_the_state_of_another_loader_is_refused_and_changes_nothing(change):
    loader = RESUMABLE["a seed"]()
    next(iter(loader))
    before = loader.state_dict()
    for state in ({**before, **change}, {}, None):
        with pytest.raises(tt.StateError, match="DataLoader"):
            loader.load_state_dict(state)
        assert loader.state_dict() == before


# ---------------------------------------------------------------------- Normalizer


def test_the_course_example_is_normalised():
    x = np.array([[1.0], [2], [3], [4]])
    normalizer = Normalizer().fit(x)
    assert normalizer.mean == 2.5
    assert normalizer.std**2 == pytest.approx(1.25, rel=1e-15)
    expected = [[-1.3416407864998738], [-0.4472135954999579], [0.4472135954999579], [1.3416407865]]
    np.testing.assert_allclose(normalizer.transform(x), expected, rtol=1e-11)


def test_mean_is_zero_and_variance_one():
    x = np.random.default_rng(0).uniform([1, 0], [1000, 1], (500, 2))
    z = Normalizer().fit(x).transform(x)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(z.var(axis=0), 1, rtol=1e-12)


def test_the_test_set_is_normalised_with_the_numbers_of_the_training_set():
    train, test = np.array([[0.0], [2]]), np.array([[5.0]])
    np.testing.assert_array_equal(Normalizer().fit(train).transform(test), [[4.0]])


def test_a_constant_feature_is_only_shifted():
    x = np.full((1000, 1), 0.1)
    z = Normalizer().fit(x).transform(np.vstack([x, [[1.1]]]))
    np.testing.assert_allclose(z[:-1], 0, atol=1e-12)
    assert z[-1, 0] == pytest.approx(1)


def test_float32_stays_float32_and_keeps_its_digits_over_many_rows():
    x = (np.random.default_rng(0).standard_normal((200_000, 1)) + 1000).astype(np.float32)
    normalizer = Normalizer().fit(x)
    assert normalizer.transform(x).dtype == np.float32
    np.testing.assert_allclose(normalizer.std, x.std(axis=0, dtype=np.float64), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_integer_features_become_the_default_dtype(dtype):
    pixels = np.array([[0, 10], [200, 30]], dtype)
    z = Normalizer().fit(pixels).transform(pixels)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z, [[-1, -1], [1, 1]])


def test_images_are_normalised_pixel_by_pixel_and_back():
    x = np.random.default_rng(0).random((6, 2, 3))
    normalizer = Normalizer().fit(x)
    assert normalizer.mean.shape == (2, 3)
    np.testing.assert_allclose(normalizer.inverse(normalizer.transform(x)), x)


def test_tensors_are_normalised_within_the_graph():
    x = tt.Tensor(X, requires_grad=True)
    normalizer = Normalizer().fit(X)
    normalizer.transform(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.broadcast_to(1 / normalizer.std, X.shape))


def test_a_normalizer_that_saw_nothing_or_other_features_refuses():
    with pytest.raises(tt.ArgumentError, match="fit"):
        Normalizer().transform(X)
    with pytest.raises(tt.ShapeError, match="features"):
        Normalizer().fit(X).transform(X[:, :1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused_by_its_column(bad):
    x = np.ones((5, 2, 3))
    x[3, 1, 2] = bad
    with pytest.raises(tt.ArgumentError, match=r"column 1, 2 .*\n.*row 3, 1 such"):
        Normalizer().fit(x)
    with pytest.raises(tt.ArgumentError, match="column 1, 2"):
        Normalizer().fit(np.ones((5, 2, 3))).transform(x)
    with pytest.raises(tt.ArgumentError, match="x has a value that is not finite"):
        Normalizer().fit(np.array([1, bad]))


@pytest.mark.parametrize("x", [np.array([["1.5"]]), np.array([[1j]]), np.array([[None]])])
def test_features_that_are_no_numbers_are_refused(x):
    with pytest.raises(tt.DtypeError, match="no numbers"):
        Normalizer().fit(x)


def test_numbers_whose_squares_are_too_large_or_too_small_are_normalised():
    x = np.array([[-1e30, -1e-30], [1e30, 1e-30]], np.float32)
    np.testing.assert_allclose(Normalizer().fit(x).transform(x), [[-1, -1], [1, 1]], rtol=1e-6)
    tiny = np.array([[0.0], [1e-200]])  # the square of its deviation is 0
    np.testing.assert_array_equal(Normalizer().fit(tiny).transform(tiny), tiny - tiny.mean())
