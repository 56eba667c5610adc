"""Early stopping on scripted losses. Course 2, week 1."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.train import EarlyStopping


def run(values, **options):
    """The epoch in which it stopped (None: never), the stop, the model, the weights of each."""
    tt.manual_seed(0)
    model = nn.MLP([2, 3, 1])
    stop = EarlyStopping(**options)
    weights = []
    for epoch, value in enumerate(values, 1):
        for parameter in model.parameters():  # a step of training
            parameter.assign(np.random.default_rng(epoch).standard_normal(parameter.shape, "f4"))
        weights.append(model.state_dict())
        if stop.update(value, model):
            return epoch, stop, model, weights
    return None, stop, model, weights


def is_epoch(model, weights, epoch):
    return all(np.array_equal(w, weights[epoch - 1][k]) for k, w in model.state_dict().items())


@pytest.mark.parametrize(
    ("values", "options", "stopped", "best"),
    [
        ([5, 4, 3, 4, 4, 4, 1], {"patience": 3}, 6, 3),  # never sees the 1
        ([5, 4, 3, 4, 4, 2, 4, 4, 4], {"patience": 3}, 9, 6),  # a better one in time
        ([5, 4, 3, 2, 1], {"patience": 1}, None, 5),
        ([5, 5, 5], {"patience": 2}, 3, 1),  # equal is not better
        ([3, 4], {"patience": 1}, 2, 1),
        ([1, 2, 3, 2, 2], {"patience": 2, "mode": "max"}, 5, 3),
        ([0.9, 0.8, 0.95], {"patience": 2, "mode": "max"}, None, 3),
        ([5, 4.95, 4.92, 4.89], {"patience": 2, "min_delta": 0.1}, 3, 1),
        ([5, 4.95, 4.89, 4.9, 4.9], {"patience": 2, "min_delta": 0.1}, 5, 3),
        ([-1, -2, -1.5, -1.5], {"patience": 2}, 4, 2),
        ([float("inf"), 7, 8, 8], {"patience": 2}, 4, 2),
    ],
)
def test_it_stops_when_patience_is_over_and_the_best_weights_are_back_exactly(
    values, options, stopped, best
):
    epoch, stop, model, weights = run(values, **options)
    assert epoch == stopped
    assert (stop.best, stop.best_epoch) == (values[best - 1], best)
    if stopped is None:
        stop.restore_best(model)
    assert is_epoch(model, weights, best)


def test_without_restore_the_last_weights_stay():
    epoch, stop, model, weights = run([1, 2, 3], patience=2, restore=False)
    assert epoch == 3
    stop.restore_best(model)
    assert is_epoch(model, weights, 3)


def test_the_best_weights_are_a_copy_with_the_buffers():
    class Counting(nn.Module):
        def __init__(self):
            self.w = nn.Parameter([1.0])
            self.register_buffer("seen", np.zeros(1))

    model, stop = Counting(), EarlyStopping(patience=1)
    stop.update(1.0, model)
    model.w.assign([2.0])
    model.seen.assign([5.0])
    assert stop.update(2.0, model)
    assert model.w.item() == 1
    assert model.seen.item() == 0


def test_its_state_goes_on_in_the_middle(tmp_path):
    values = [5, 4, 3, 4, 4, 4]
    _, first, _, weights = run(values[:4], patience=3)
    stop = EarlyStopping(patience=3)
    stop.load_state_dict(tt.load(tt.save(first.state_dict(), tmp_path / "stop")))
    model = nn.MLP([2, 3, 1])
    assert [stop.update(value, model) for value in values[4:]] == [False, True]
    assert is_epoch(model, weights, 3)


def test_reset_forgets_everything():
    _, stop, model, _ = run([1, 2, 3], patience=2)
    stop.reset()
    assert not stop.stopped
    assert not stop.update(9.0, model)
    assert stop.best == 9


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"patience": 0}, "patience"),
        ({"patience": 1.5}, "patience"),
        ({"patience": True}, "patience"),
        ({"patience": 1, "mode": "lowest"}, "mode"),
        ({"patience": 1, "min_delta": -0.1}, "min_delta"),
        ({"patience": 1, "min_delta": float("nan")}, "min_delta"),
    ],
)
def test_what_cannot_be_is_refused(options, words):
    with pytest.raises(tt.ArgumentError, match=words):
        EarlyStopping(**options)


def test_a_value_that_is_no_number_is_refused_and_not_counted():
    _, stop, model, _ = run([2, 1], patience=3)
    before = stop.state_dict()
    with pytest.raises(tt.ArgumentError, match="no number"):
        stop.update(float("nan"), model)
    assert stop.state_dict() == before


def test_a_state_of_something_else_is_refused():
    for state in ({}, None, {"best": 1}):
        with pytest.raises(tt.StateError, match="EarlyStopping"):
            EarlyStopping(patience=1).load_state_dict(state)
