"""Exponentially weighted averages: of a series, and of the weights of a model."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn
from tinygrad_tr.optim import EMA, EWA, SGD

# ---------------------------------------------------------------------- a series


@pytest.mark.parametrize("bias_correction", [False, True])
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.98])
def test_a_streamed_average_is_the_weighted_sum_of_all_values(beta, bias_correction):
    series = np.random.default_rng(0).standard_normal((50, 3, 2))
    mean = EWA(beta, bias_correction=bias_correction)
    for t, x in enumerate(series, 1):
        weights = (1 - beta) * beta ** np.arange(t - 1, -1, -1.0)
        weights /= weights.sum() if bias_correction else 1
        expected = np.tensordot(weights, series[:t], axes=1)
        np.testing.assert_allclose(mean.update(x), expected, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(mean.value, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([3, 4.5, np.float64(2)], np.float64),
        ([True, False], np.float64),
        ([np.arange(3), np.ones(3)], np.float64),
        ([np.float32([1, 2]), np.float32([3, 4])], np.float32),
        ([tt.Tensor(2.0), tt.Tensor(4.0, requires_grad=True)], np.float32),
    ],
)
def test_the_average_has_the_shape_and_dtype_of_the_values(values, dtype):
    mean = EWA(0.5)
    for x in values:
        found = mean.update(x)
        assert (np.shape(found), found.dtype) == (np.shape(values[0]), dtype)
        assert not isinstance(found, tt.Tensor)


def test_an_average_that_was_given_out_never_changes():
    mean = EWA(0.5)
    first = mean.update(np.ones(2))
    first += 100
    saved = mean.state_dict()
    mean.update(np.ones(2))
    np.testing.assert_array_equal(mean.value, 0.75)
    np.testing.assert_array_equal(saved["total"], 0.5)


@pytest.mark.parametrize("seen", [0, 5])
def test_an_average_continues_where_it_was_saved(seen):
    series = np.random.default_rng(0).standard_normal((9, 2))
    whole, other = EWA(0.9, bias_correction=True), EWA(0.5, bias_correction=True)
    for x in series[:seen]:
        whole.update(x)
    other.load_state_dict(whole.state_dict())
    for x in series[seen:]:
        np.testing.assert_array_equal(other.update(x), whole.update(x))


def test_what_cannot_be_averaged_is_refused():
    mean = EWA(0.9)
    with pytest.raises(tt.ArgumentError, match="no value yet"):
        print(mean.value)
    for bad in (np.nan, [1.0, np.inf]):
        with pytest.raises(tt.ArgumentError, match="lost for ever"):
            mean.update(bad)
    for bad in ("40", 1j, None):
        with pytest.raises(tt.DtypeError, match="no number"):
            mean.update(bad)
    mean.update([1.0, 2.0])
    for bad in (3.0, [1.0, 2.0, 3.0], np.float32([1, 2])):
        with pytest.raises(tt.ShapeError, match="those before"):
            mean.update(bad)
    np.testing.assert_allclose(mean.value, [0.1, 0.2])
    with pytest.raises(tt.StateError, match="state of an average"):
        mean.load_state_dict({"beta": 0.9})
    for beta in (1.0, -0.1, np.nan, "0.9"):
        with pytest.raises(tt.ArgumentError, match="beta has no such value"):
            EWA(beta)


# ---------------------------------------------------------------------- weights


class Net(nn.Module):
    """Two layers, a running mean and a count."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.first = nn.Linear(3, 4, generator=rng, dtype=np.float64)
        self.second = nn.Linear(4, 1, generator=rng, dtype=np.float64)
        self.register_buffer("running", np.zeros(4))
        self.register_buffer("count", np.array(0))

    def forward(self, x):
        return self.second(np.tanh(self.first(x) - self.running))


def train(model, steps, average=None, seed=1):
    """Some steps of descent on random targets, with an average that follows."""
    rng = np.random.default_rng(seed)
    optimizer = SGD(model.named_parameters(), lr=0.1)
    for _ in range(steps):
        x, y = rng.standard_normal((8, 3)), rng.standard_normal((8, 1))
        optimizer.minimize(lambda: ((model(x) - y) ** 2).mean())  # noqa: B023  called at once
        model.running.assign(rng.standard_normal(4))
        model.count.assign(model.count.numpy() + 1)
        if average is not None:
            average.update()


def weights(model):
    return [tensor.numpy().copy() for tensor in (*model.parameters(), *model.buffers())]


def test_the_average_of_weights_is_that_of_their_history_from_the_start_on():
    model = Net()
    average = EMA(model, beta=0.9)
    expected = {name: p.numpy().copy() for name, p in model.named_parameters()}
    for step in range(20):
        train(model, 1, average, seed=step)
        for name, p in model.named_parameters():
            expected[name] = 0.9 * expected[name] + 0.1 * p.numpy()
    with average.average_parameters():
        for name, p in model.named_parameters():
            np.testing.assert_allclose(p.numpy(), expected[name], rtol=1e-13)


def test_inside_are_the_averages_and_afterwards_the_weights_to_the_last_bit():
    model = Net()
    average = EMA(model, beta=0.5)
    train(model, 5, average)
    model.first.weight.assign(-0.0 * model.first.weight.numpy())
    before = weights(model)
    with average.average_parameters():
        assert not np.array_equal(weights(model)[0], before[0])
        np.testing.assert_array_equal(model.running.numpy(), before[-2])
    for array, original in zip(weights(model), before, strict=True):
        assert array.tobytes() == original.tobytes()


def test_training_is_the_same_with_and_without_tests_of_the_average():
    plain, watched = Net(), Net()
    train(plain, 6)
    average = EMA(watched, beta=0.9, buffers=True)
    rng = np.random.default_rng(1)
    optimizer = SGD(watched.named_parameters(), lr=0.1)
    for _ in range(6):
        x, y = rng.standard_normal((8, 3)), rng.standard_normal((8, 1))
        optimizer.minimize(lambda: ((watched(x) - y) ** 2).mean())  # noqa: B023  called at once
        watched.running.assign(rng.standard_normal(4))
        average.update()
        with average.average_parameters(), tt.no_grad():
            watched(x)
    for a, b in zip(plain.parameters(), watched.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_the_weights_come_back_after_an_error_inside():
    model = Net()
    average = EMA(model, beta=0.5)
    train(model, 2, average)
    before = weights(model)
    with pytest.raises(ZeroDivisionError), average.average_parameters():
        print(1 / 0)
    np.testing.assert_equal(weights(model), before)
    average.update()


def test_buffers_are_averaged_only_if_asked_for_and_counts_never():
    model = Net()
    average = EMA(model, beta=0.9, buffers=True)
    expected = np.zeros(4)
    for step in range(5):
        train(model, 1, average, seed=step)
        expected = 0.9 * expected + 0.1 * model.running.numpy()
    with average.average_parameters():
        np.testing.assert_allclose(model.running.numpy(), expected, rtol=1e-13)
        assert model.count.item() == 5
    assert "running" not in EMA(model).averages


@pytest.mark.oracle
@pytest.mark.parametrize("buffers", [False, True])
def test_the_average_is_that_of_pytorch(buffers):
    torch = pytest.importorskip("torch")
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    ours = nn.Sequential(nn.Linear(3, 4, dtype=np.float64))
    ours.register_buffer("running", np.zeros(4))
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4, dtype=torch.float64))
    theirs.register_buffer("running", torch.zeros(4, dtype=torch.float64))

    def move(k):
        """The same new numbers for both."""
        rng = np.random.default_rng(k)
        for tensor, other in zip(
            (*ours.parameters(), *ours.buffers()),
            (*theirs.parameters(), *theirs.buffers()),
            strict=True,
        ):
            tensor.assign(rng.standard_normal(tensor.shape))
            other.data = torch.from_numpy(tensor.numpy().copy())

    move(0)
    reference = AveragedModel(theirs, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=buffers)
    reference.update_parameters(theirs)  # the first one copies
    average = EMA(ours, beta=0.9, buffers=buffers)
    for k in range(1, 30):
        move(k)
        average.update()
        reference.update_parameters(theirs)
    with average.average_parameters():
        for tensor, other in zip(
            (*ours.parameters(), *ours.buffers()),
            (*reference.module.parameters(), *reference.module.buffers()),
            strict=True,
        ):
            np.testing.assert_allclose(tensor.numpy(), other.detach().numpy(), rtol=1e-10)


def test_store_copy_and_restore_are_the_context_in_three_words():
    w = leaf([2.0])
    average = EMA([("w", w)], beta=0.5)
    w.assign([4.0])
    average.update()
    average.store()
    average.copy_to()
    assert w.item() == 3
    average.restore()
    assert w.item() == 4
    average.copy_to()  # for good
    assert w.item() == 3


def test_averages_are_not_averaged_into_themselves():
    average = EMA([leaf(1.0)])
    with average.average_parameters():
        with pytest.raises(tt.StateError, match="stored away"):
            average.update()
        with pytest.raises(tt.StateError, match="stored already"):
            average.store()
    with pytest.raises(tt.StateError, match="no weights are stored"):
        average.restore()


def test_a_graph_recorded_with_other_weights_refuses_to_go_backward():
    w = leaf([1.0, 2.0])
    loss = (w * w).sum()
    with EMA([w]).average_parameters(), pytest.raises(tt.GraphError):
        loss.backward()


def test_an_average_of_weights_continues_where_it_was_saved():
    model = Net()
    average = EMA(model, beta=0.9)
    train(model, 5, average)
    resumed = EMA(model, beta=0.5)
    resumed.load_state_dict(average.state_dict())
    saved = average.state_dict()
    train(model, 5, average, seed=2)
    assert not np.array_equal(saved["averages"]["first.weight"], average.averages["first.weight"])
    for name, array in saved["averages"].items():
        np.testing.assert_array_equal(resumed.averages[name], array)
    resumed.update()
    assert resumed.beta == 0.9


def test_numbers_float32_and_shared_weights_can_be_averaged():
    w = leaf(1.0, np.float32)
    average = EMA([w], beta=0.75)
    w.assign(2.0)
    average.update()
    with average.average_parameters():
        assert (w.item(), w.dtype) == (1.25, np.float32)
    tied = nn.Sequential(layer := nn.Linear(2, 2), layer)
    assert list(EMA(tied).averages) == ["0.weight", "0.bias"]


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        (lambda: EMA([]), tt.ArgumentError, "no parameters"),
        (lambda: EMA(nn.ReLU()), tt.ArgumentError, "no parameters"),
        (lambda: EMA([np.ones(2)]), tt.ArgumentError, "not a Tensor"),
        (lambda: EMA([leaf(1.0) * 2]), tt.GraphError, "result of multiply"),
        (lambda: EMA([tt.Tensor([1, 2], dtype=int)]), tt.DtypeError, "floating-point"),
        (lambda: EMA([("w", leaf(1.0)), ("w", leaf(2.0))]), tt.ArgumentError, "name 'w'"),
        (lambda: EMA([leaf(1.0)], buffers=True), tt.ArgumentError, "only a Module"),
        (lambda: EMA([leaf(1.0)], beta=1), tt.ArgumentError, "beta has no such value"),
    ],
)
def test_weights_that_cannot_be_averaged_are_refused(make, error, word):
    with pytest.raises(error, match=word):
        make()


def test_weights_that_became_other_arrays_are_refused():
    model = nn.Linear(2, 2)
    average = EMA(model)
    model.to(np.float64)
    with pytest.raises(tt.DtypeError, match="'weight' is another array"):
        average.update()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda s: s.pop("beta"), "not the state"),
        (lambda s: s.update(beta=2), "beta"),
        (lambda s: s["averages"].pop("first.bias"), r"first\.bias: missing"),
        (lambda s: s["averages"].update(x=np.ones(1)), r"averages\.x: unexpected"),
        (lambda s: s["averages"].update({"first.bias": np.ones(3)}), r"\(3,\) float64 instead"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, word):
    average = EMA(Net(), beta=0.9)
    saved = EMA(Net(seed=1), beta=0.8).state_dict()
    change(saved)
    before = average.state_dict()
    with pytest.raises((tt.StateError, tt.ArgumentError), match=word):
        average.load_state_dict(saved)
    np.testing.assert_equal(average.state_dict(), before)


def test_repr_says_what_is_averaged():
    assert (
        repr(EMA([leaf(np.ones((2, 3))), leaf(1.0)])) == "EMA(2 averages of 7 numbers, beta=0.999)"
    )
    assert repr(EWA(0.9)) == "EWA(0.9, bias_correction=False)"
