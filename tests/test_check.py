"""Gradient checking of a whole model: small where it is right, and it says where it is wrong."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn
from tinygrad_tr.nn import functional as F
from tinygrad_tr.rule import rule, rules

RIGHT = 1e-7
X = np.random.default_rng(1).standard_normal((6, 3))
Y = np.array([0, 1, 2, 2, 1, 0])


def tanh_with(factor):
    """tanh, with a derivative that is right for the factor 1."""

    @rule()
    def planted_tanh(x):
        out = np.tanh(x)
        return out, lambda g: factor * g * (1 - out * out)

    del rules["planted_tanh"]
    return planted_tanh


def network(activation=nn.Tanh, dtype=np.float64):
    rng = np.random.default_rng(0)
    return nn.MLP([3, 4, 4, 3], activation=activation, generator=rng, dtype=dtype)


def loss_of(model):
    return lambda: F.cross_entropy(model(tt.Tensor(X)), Y)


def test_right_derivatives_stay_below_the_limit_of_the_course():
    model = network()
    found = tt.gradient_difference(loss_of(model), model)
    assert found.total < RIGHT
    assert list(found.each) == [name for name, _ in model.named_parameters()]
    assert all(each < RIGHT for each in found.each.values())


@pytest.mark.parametrize("eps", [1e-4, 1e-7])
def test_the_step_may_be_chosen(eps):
    model = network()
    assert tt.gradient_difference(loss_of(model), model, eps=eps).total < RIGHT


def test_the_best_step_is_near_the_cube_root_of_the_rounding_error():
    model = network()
    steps = 10.0 ** -np.arange(1, 13)
    errors = [tt.gradient_difference(loss_of(model), model, eps=eps).total for eps in steps]
    assert 1e-6 <= steps[np.argmin(errors)] <= 1e-4
    assert errors[0] > 1e-4
    assert errors[-1] > 1e-4


def test_a_wrong_backward_is_caught_and_placed():
    right = network(tanh_with(1.0))
    assert tt.gradient_difference(loss_of(right), right).total < RIGHT
    wrong = network(tanh_with(1.01))
    found = tt.gradient_difference(loss_of(wrong), wrong)
    assert found.total > 1e-4
    upstream = {"layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"}
    assert {name for name, each in found.each.items() if each > RIGHT} == upstream


def test_a_gradient_that_is_lost_has_the_difference_one():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    found = tt.gradient_difference(lambda: (a.detach() * b).sum(), {"a": a, "b": b})
    assert found.each["a"] == 1
    assert found.each["b"] < RIGHT


def test_the_difference_is_the_formula_of_the_course():
    w = leaf(2.0)
    w.register_hook(lambda g: 3 * g)  # g = 12 where 4 is right
    found = tt.gradient_difference(lambda: w**2, w)
    assert found.total == pytest.approx(8 / 16, rel=1e-9)


def test_a_parameter_that_is_not_used_is_right():
    a, b = leaf([1.0, 2.0]), leaf(3.0)
    assert tt.gradient_difference(lambda: (a * a).sum(), [a, b]).each["1"] == 0
    assert tt.gradient_difference(lambda: tt.Tensor(np.float64(1)), [a, b]).total == 0


def test_frozen_parameters_of_a_model_are_left_out():
    model = network()
    model.layers[0].requires_grad_(False)
    found = tt.gradient_difference(loss_of(model), model)
    assert not any(name.startswith("layers.0") for name in found.each)
    assert found.total < RIGHT


def test_checking_changes_nothing():
    model = network()
    loss = loss_of(model)
    J = loss()
    before = {name: p.numpy().copy() for name, p in model.named_parameters()}
    tt.gradient_difference(loss, model)
    for name, p in model.named_parameters():
        np.testing.assert_array_equal(p.numpy(), before[name])
        assert p.grad is None
    J.backward()  # a graph that was there before is not stale


def test_the_parameters_are_back_when_the_loss_fails():
    w = leaf([1.0, 2.0])
    calls = iter(range(3))

    def failing():
        next(calls)
        return (w * w).sum()

    with pytest.raises(StopIteration):
        tt.gradient_difference(failing, w)
    np.testing.assert_array_equal(w.numpy(), [1, 2])


def test_no_grad_outside_does_not_matter():
    model = network()
    with tt.no_grad():
        assert tt.gradient_difference(loss_of(model), model).total < RIGHT


def test_the_report_is_a_table_of_the_parameters():
    model = network()
    lines = str(tt.gradient_difference(loss_of(model), model)).splitlines()
    assert [line.split()[0] for line in lines] == [*dict(model.named_parameters()), "together"]


def test_dropout_has_to_be_off():
    model = nn.Sequential(nn.Linear(3, 8, dtype=np.float64), nn.Dropout(0.5))
    tt.manual_seed(0)

    def loss():
        return (model(tt.Tensor(X)) ** 2).sum()

    with pytest.raises(tt.ArgumentError, match="not repeatable"):
        tt.gradient_difference(loss, model)
    model.eval()
    assert tt.gradient_difference(loss, model).total < RIGHT


def w():
    return leaf([1.0, 2.0])


@pytest.mark.parametrize(
    ("loss", "parameters", "options", "error", "word"),
    [
        (lambda: w().sum(), [leaf([1.0], np.float32)], {}, tt.DtypeError, "float64"),
        (lambda: w().sum(), network(dtype=np.float32), {}, tt.DtypeError, "layers.0.weight"),
        (lambda: w().sum(), [w() * 2], {}, tt.GraphError, "not a parameter"),
        (lambda: w().sum(), [np.ones(2)], {}, tt.GraphError, "not a parameter"),
        (lambda: w().sum(), [tt.Tensor(np.ones(2))], {}, tt.GraphError, "not a parameter"),
        (lambda: w().sum(), [], {}, tt.ArgumentError, "no parameters"),
        (lambda: w(), [w()], {}, tt.ShapeError, "one number"),
        (lambda: 3.0, [w()], {}, tt.DtypeError, "must return a Tensor"),
        (lambda: w().sum() * np.inf, [w()], {}, tt.ArgumentError, "no finite number"),
        (lambda: w().sum(), [w()], {"eps": 0}, tt.ArgumentError, "eps"),
        (lambda: w().sum(), [w()], {"eps": float("nan")}, tt.ArgumentError, "eps"),
    ],
)
def test_what_cannot_be_checked_is_refused(loss, parameters, options, error, word):
    with pytest.raises(error, match=word):
        tt.gradient_difference(loss, parameters, **options)
