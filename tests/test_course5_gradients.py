"""Course 5, week 1: gradients that vanish and explode through time, and clipping."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.course5_vanishing import (
    START,
    descend,
    gradient_norms,
    learn,
    linear_cost,
    power,
)


@pytest.mark.parametrize("w", [0.9, 1.1, -0.5])
@pytest.mark.parametrize("T", [1, 2, 41])
def test_the_gradient_of_one_linear_unit_is_a_power_of_its_weight(w, T):
    assert power(w, T) == pytest.approx(w ** (T - 1), rel=1e-12)


def test_the_layer_has_the_same_power():
    """A relu of what is positive is linear: `nn.RNN` with one unit, and h0 in the place of a<1>."""
    layer = nn.RNN(1, 1, nonlinearity="relu", bias=False, dtype=np.float64)
    for w in (0.9, 1.1):
        layer.weight_hh_l0.assign(np.full((1, 1), w))
        h0 = leaf(np.ones((1, 1, 1)))
        _, h = layer(np.zeros((40, 1, 1)), h0)
        assert tt.grad(h, h0)[0].item() == pytest.approx(w**40, rel=1e-12)


def test_the_gradient_is_at_most_the_product_of_the_norms_of_the_steps():
    """|da<T>/da<1>| ≤ Π ‖W diag(g')‖, for tanh."""
    rng = np.random.default_rng(0)
    layer = nn.RNN(3, 5, bias=False, dtype=np.float64)
    x, h0 = rng.standard_normal((12, 1, 3)), leaf(rng.standard_normal((1, 1, 5)))
    out, _ = layer(x, h0)
    J = np.stack([tt.grad(out[-1, 0, i], h0, retain_graph=True)[0].numpy()[0, 0] for i in range(5)])
    W = layer.weight_hh_l0.numpy()
    slopes = 1 - out.numpy()[:, 0] ** 2
    steps = [np.diag(slope) @ W for slope in slopes]
    product = np.linalg.multi_dot(steps[::-1])
    np.testing.assert_allclose(J, product, rtol=1e-9, atol=1e-15)
    assert np.linalg.norm(J, 2) <= np.prod([np.linalg.norm(step, 2) for step in steps])


def test_gates_carry_the_gradient_further():
    norms = {name: gradient_norms(name, 40) for name in ("plain RNN", "GRU", "LSTM")}
    left = {name: values[-1] / values[0] for name, values in norms.items()}
    assert left["plain RNN"] < 1e-6
    assert left["GRU"] > 1e-3
    assert left["LSTM"] > 1e-2


def test_gated_networks_remember_over_40_steps_and_the_plain_one_does_not():
    accuracy = {
        name: [learn(name, 40, steps=90, seed=seed).accuracy for seed in range(3)]
        for name in ("plain RNN", "GRU", "LSTM")
    }
    assert min(accuracy["GRU"]) >= 0.95
    assert min(accuracy["LSTM"]) >= 0.95
    assert min(accuracy["plain RNN"]) < 0.9
    assert learn("plain RNN", 10, steps=90, seed=0).accuracy >= 0.95


# ------------------------------------------------------------------ clipping


def test_clipping_by_norm_keeps_the_direction_and_by_value_does_not():
    for clip, expected in ((nn.utils.clip_grad_norm_, [0.6, 0.8]),
                           (nn.utils.clip_grad_value_, [1, 1])):  # fmt: skip
        g = leaf([0.0, 0.0])
        (g @ np.array([3.0, 4.0])).backward()
        clip(g, 1.0)
        np.testing.assert_allclose(g.grad.numpy(), expected, rtol=1e-6)


@pytest.mark.oracle
def test_clipping_a_recurrent_layer_is_pytorchs():
    torch = pytest.importorskip("torch")
    tt.manual_seed(0)
    ours, theirs = nn.GRU(3, 4, dtype=np.float64), torch.nn.GRU(3, 4, dtype=torch.float64)
    state = {name: torch.tensor(p.numpy()) for name, p in ours.named_parameters()}
    theirs.load_state_dict(state)
    x = np.random.default_rng(0).standard_normal((7, 2, 3))
    for name, limit in (("clip_grad_norm_", 0.1), ("clip_grad_value_", 0.05)):
        ours.zero_grad()
        theirs.zero_grad()
        np.sum(ours(x)[0] ** 2).backward()
        (theirs(torch.tensor(x))[0] ** 2).sum().backward()
        norm = getattr(nn.utils, name)(ours.parameters(), limit)
        expected = getattr(torch.nn.utils, name)(theirs.parameters(), limit)
        if expected is not None:
            assert norm == pytest.approx(expected.item(), rel=1e-10)
        for (_, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-9, atol=1e-14)


def test_the_gradient_of_an_exploding_network_is_the_closed_form():
    W = leaf(3 * np.eye(3))
    linear_cost(W, T=100).backward()
    expected = 99 * 3.0**197 * np.outer(START, START)
    np.testing.assert_allclose(W.grad.numpy(), expected, rtol=1e-10)
    assert np.linalg.norm(W.grad.numpy()) == pytest.approx(8.77e94, rel=1e-3)


def test_one_step_along_it_is_the_end_and_a_clipped_one_goes_down():
    costs, norms, moved = descend(2, max_norm=np.inf)
    assert moved == pytest.approx(0.01 * norms[0], rel=1e-12)
    assert moved > 1e92
    assert not np.isfinite(costs[1])
    costs, _, moved = descend(30, max_norm=1.0)
    assert moved == pytest.approx(0.01, rel=1e-5)
    assert (np.diff(costs) < 0).all()


def test_an_exploding_layer_is_stopped_by_asking_for_finite_norms():
    layer = nn.RNN(1, 1, nonlinearity="relu", bias=False, dtype=np.float64)
    for parameter in layer.parameters():
        parameter.assign(np.full((1, 1), 3.0))
    optimizer = optim.SGD(layer.parameters(), lr=0.01)
    with np.errstate(over="ignore", invalid="ignore"):
        _, h = layer(np.ones((1000, 1, 1)))
        optimizer.zero_grad()
        np.sum(h).backward()
    with pytest.raises(tt.GraphError, match="not finite"):
        nn.utils.clip_grad_norm_(layer.parameters(), 1.0, error_if_nonfinite=True)
