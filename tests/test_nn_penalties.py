"""Penalties on weights: their numbers, their gradients, and which parameters they mean."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn, optim

W = [[1.0, 2.0], [3.0, 4.0]]
PENALTIES = [nn.l2_penalty, nn.l1_penalty]
every_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=lambda f: f.__name__)


def network(dtype=np.float64):
    return nn.MLP([3, 4, 4, 1], activation=nn.Tanh, dtype=dtype, generator=np.random.default_rng(0))


def weights(model):
    return [layer.weight for layer in model.layers]


# ---------------------------------------------------------------------- numbers


def test_the_l2_penalty_and_its_gradient_are_those_of_the_course():
    w = leaf(W)
    J = nn.l2_penalty(w, lam=0.7, m=10)
    assert J.item() == pytest.approx(1.05, rel=1e-15)
    np.testing.assert_allclose(tt.grad(J, w)[0].numpy(), 0.07 * np.array(W), rtol=1e-15)


def test_the_l1_penalty_and_its_gradient_are_those_of_the_course():
    w = leaf([[1.0, -2.0], [-3.0, 4.0]])
    J = nn.l1_penalty(w, lam=0.7, m=10)
    assert J.item() == pytest.approx(0.35, rel=1e-15)
    np.testing.assert_allclose(tt.grad(J, w)[0].numpy(), 0.035 * np.sign(w.numpy()), rtol=1e-15)


def test_the_slope_of_the_l1_penalty_is_zero_at_zero():
    w = leaf([[0.0, -0.0, 2.0]])
    (g,) = tt.grad(nn.l1_penalty(w, 2, 1), w)
    np.testing.assert_array_equal(g.numpy(), [[0, 0, 1]])


def test_logistic_regression_has_w_transposed_w():
    w = leaf([0.5, -1.5, 2.0])
    assert nn.l2_penalty(w, 3.0, 5).item() == pytest.approx(0.3 * (w @ w).item(), rel=1e-15)


@every_penalty
def test_the_penalty_of_a_model_is_the_sum_over_its_weights(penalty):
    model = network()
    parts = [penalty(w, 0.7, 10).item() for w in weights(model)]
    assert penalty(model, 0.7, 10).item() == pytest.approx(sum(parts), rel=1e-14)
    assert penalty(weights(model), 0.7, 10).item() == pytest.approx(sum(parts), rel=1e-14)


def test_autograd_of_the_penalised_cost_is_the_formula_of_the_course():
    model, lam, m = network(), 0.7, 12
    rng = np.random.default_rng(1)
    x, y = tt.Tensor(rng.standard_normal((m, 3))), rng.integers(0, 2, (m, 1)) * 1.0
    data = nn.functional.binary_cross_entropy_with_logits(model(x), y)
    parameters = dict(model.named_parameters())
    plain = tt.grad(data, list(parameters.values()), retain_graph=True)
    penalised = tt.grad(data + nn.l2_penalty(model, lam, m), list(parameters.values()))
    for (name, p), g, g_with in zip(parameters.items(), plain, penalised, strict=True):
        added = lam / m * p.numpy() if name.endswith("weight") else 0
        np.testing.assert_allclose(g_with.numpy(), g.numpy() + added, rtol=1e-12, atol=1e-16)
        if name.endswith("bias"):
            np.testing.assert_array_equal(g_with.numpy(), g.numpy())


def test_one_step_of_descent_is_the_step_with_weight_decay():
    penalised, decayed, lam, m = network(), network(), 0.7, 10
    x = tt.Tensor(np.random.default_rng(1).standard_normal((m, 3)))
    optim.SGD(penalised.parameters(), lr=0.1).minimize(
        lambda: np.mean(penalised(x) ** 2) + nn.l2_penalty(penalised, lam, m)
    )
    groups = [
        {"params": weights(decayed), "weight_decay": lam / m},
        {"params": [layer.bias for layer in decayed.layers]},
    ]
    optim.SGD(groups, lr=0.1).minimize(lambda: np.mean(decayed(x) ** 2))
    for one, other in zip(penalised.parameters(), decayed.parameters(), strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-14, atol=1e-15)


# ---------------------------------------------------------------------- which parameters


@every_penalty
def test_parameters_of_one_axis_are_left_alone_in_a_model(penalty):
    class Scaled(nn.Module):
        def __init__(self):
            self.linear = nn.Linear(3, 4, dtype=np.float64)
            self.gamma = nn.Parameter(np.full(4, 1e6))

        def forward(self, x):
            return self.linear(x) * self.gamma

    model = Scaled()
    assert penalty(model, 1, 1).item() == penalty(model.linear.weight, 1, 1).item()


@every_penalty
def test_a_weight_used_twice_counts_once(penalty):
    shared = nn.Linear(3, 3)
    assert penalty(nn.Sequential(shared, shared), 1, 1) == penalty(shared, 1, 1)


@every_penalty
@pytest.mark.parametrize("m", [10, np.int64(10)])
def test_float32_stays_float32(penalty, m):
    model = network(np.float32)
    J = penalty(model, np.float64(0.7), m)
    assert J.dtype == np.float32
    J.backward()
    assert model.layers[0].weight.grad.dtype == np.float32


# ---------------------------------------------------------------------- what is refused


@every_penalty
@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ((leaf(W), -0.1, 10), tt.ArgumentError, "λ"),
        ((leaf(W), float("nan"), 10), tt.ArgumentError, "λ"),
        ((leaf(W), 0.1, 0), tt.ArgumentError, "number of examples"),
        ((leaf(W), 0.1, 2.5), tt.ArgumentError, "number of examples"),
        ((nn.ReLU(), 0.1, 10), tt.ArgumentError, "no weights"),
        (([], 0.1, 10), tt.ArgumentError, "no weights"),
        ((np.array(W), 0.1, 10), tt.DtypeError, "not a weight"),
        ((3.0, 0.1, 10), tt.DtypeError, "not a weight"),
        ((tt.Tensor(np.array([[1, 2]])), 0.1, 10), tt.DtypeError, "not a weight"),
    ],
)
def test_what_is_no_penalty_is_refused(penalty, arguments, error, word):
    with pytest.raises(error, match=word):
        penalty(*arguments)
