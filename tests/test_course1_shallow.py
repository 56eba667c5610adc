"""Course 1, week 3: networks with one hidden layer."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn, optim
from tinygrad_tr.examples import course1_flower, course1_symmetry
from tinygrad_tr.examples.datasets import flower
from tinygrad_tr.nn import by_hand

F = nn.functional


def accuracy(model, X, y):
    return np.mean(course1_flower.classify(model, X) == y)


# ------------------------------------------------------------------ 1.19: representation


def test_a_3_4_1_network_has_21_parameters():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1), nn.Sigmoid())
    shapes = [parameter.shape for parameter in model.parameters()]
    assert shapes == [(4, 3), (4,), (1, 4), (1,)]
    assert sum(parameter.size for parameter in model.parameters()) == 12 + 4 + 4 + 1


def test_units_in_a_loop_and_examples_in_a_loop_are_one_product():
    rng = np.random.default_rng(0)
    X, (W1, b1), (W2, b2) = rng.standard_normal((3, 9)), *by_hand.initialize([3, 4, 1], 1.0, rng)
    A1, A2 = by_hand.two_layer_forward(X, W1, b1, W2, b2)
    per_unit = np.stack([np.tanh(W1[i] @ X + b1[i]) for i in range(4)])
    per_example = [by_hand.two_layer_forward(X[:, [i]], W1, b1, W2, b2) for i in range(9)]
    np.testing.assert_allclose(per_unit, A1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.hstack([a1 for a1, _ in per_example]), A1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.hstack([a2 for _, a2 in per_example]), A2, rtol=0, atol=1e-12)

    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1), nn.Sigmoid()).to(np.float64)
    model.load_state_dict({"0.weight": W1, "0.bias": b1[:, 0], "2.weight": W2, "2.bias": b2[:, 0]})
    np.testing.assert_allclose(model(tt.Tensor(X.T)).numpy().T, A2, rtol=0, atol=1e-12)


# ------------------------------------------------------------------ 1.20: activations

GRID = np.concatenate([np.linspace(-6, -0.1, 60), np.linspace(0.1, 6, 60)])
SLOPES = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)) * (1 - 1 / (1 + np.exp(-z))),
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "relu": lambda z: np.where(z > 0, 1.0, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, 1.0, 0.01),
}
VALUES = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(0, z),
    "leaky_relu": lambda z: np.maximum(0.01 * z, z),
}


@pytest.mark.parametrize("name", SLOPES)
def test_activations_and_their_slopes_follow_the_lectures_formulas(name):
    z = leaf(GRID)
    a = getattr(F, name)(z)
    a.sum().backward()
    np.testing.assert_allclose(a.numpy(), VALUES[name](GRID), rtol=0, atol=1e-14)
    np.testing.assert_allclose(z.grad.numpy(), SLOPES[name](GRID), rtol=0, atol=1e-14)
    assert tt.gradcheck(getattr(F, name), [GRID], rtol=1e-7, atol=1e-9)


@pytest.mark.oracle
@pytest.mark.parametrize("name", SLOPES)
def test_activations_and_their_slopes_are_pytorchs_also_at_0(name):
    torch = pytest.importorskip("torch")
    grid = np.concatenate([GRID, [0.0]])
    z, theirs = leaf(grid), torch.tensor(grid, requires_grad=True)
    function = getattr(torch, name, None) or getattr(torch.nn.functional, name)
    a, expected = getattr(F, name)(z), function(theirs)
    a.sum().backward()
    expected.sum().backward()
    np.testing.assert_allclose(a.numpy(), expected.detach().numpy(), rtol=1e-10)
    np.testing.assert_allclose(z.grad.numpy(), theirs.grad.numpy(), rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "at", "value", "slope"),
    [
        ("tanh", 0, 0, 1),
        ("tanh", 2, 0.9640276, 0.0706508),
        ("sigmoid", 2, 0.8807971, 0.1049936),
        ("leaky_relu", -3, -0.03, 0.01),
        ("relu", 0, 0, 0),  # the lecture takes 1 at 0; PyTorch and the library these
        ("leaky_relu", 0, 0, 0.01),
    ],
)
def test_the_lectures_numbers_and_the_documented_slopes_at_0(name, at, value, slope):
    z = leaf(at)
    a = getattr(F, name)(z)
    a.backward()
    assert a.item() == pytest.approx(value, abs=1e-7)
    assert z.grad.item() == pytest.approx(slope, abs=1e-7)
    activation = by_hand.ACTIVATIONS[name]
    assert activation.g(z.numpy()) == pytest.approx(value, abs=1e-7)
    assert activation.slope(z.numpy()) == pytest.approx(slope, abs=1e-7)


# ------------------------------------------------------------------ 1.21: non-linearity

XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
LABELS = np.array([0, 1, 1, 0])


def collapsed(layers):
    """W' = Wₙ ... W2 W1 and b' = Wₙ(... b1 ...) + bₙ."""
    W, b = layers[0]
    for W_next, b_next in layers[1:]:
        W, b = W_next @ W, W_next @ b + b_next
    return W, b


def test_two_linear_layers_collapse_to_the_lectures_map():
    W1, b1 = np.array([[1, 2], [3, 4], [5, 6]]), np.array([[1], [0], [-1]])
    W2, b2 = np.array([[1, -1, 2]]), np.array([[0.5]])
    W, b = collapsed([(W1, b1), (W2, b2)])
    np.testing.assert_array_equal(W, [[8, 10]])
    np.testing.assert_array_equal(b, [[-0.5]])


def test_five_layers_of_identity_units_are_one_linear_map():
    rng = np.random.default_rng(0)
    model = nn.MLP([4, 6, 5, 7, 3, 2], nn.Identity, generator=rng, dtype=np.float64)
    W, b = collapsed(by_hand.parameters_of(model))
    X = rng.standard_normal((10, 4))
    np.testing.assert_allclose(model(tt.Tensor(X)).numpy().T, W @ X.T + b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_tanh_layers_learn_xor_and_linear_ones_never_do(seed):
    def learned(activation):
        rng = np.random.default_rng(seed)
        model = nn.MLP([2, 8, 8, 1], activation, generator=rng, dtype=np.float64)
        optimizer, best = optim.Adam(model.parameters(), lr=1e-2), 0
        target = LABELS[:, None] * 1.0
        for _ in range(500):
            optimizer.minimize(
                lambda: F.binary_cross_entropy_with_logits(model(tt.from_numpy(XOR)), target)
            )
            best = max(best, accuracy(model, XOR, LABELS))
        return best, accuracy(model, XOR, LABELS)

    assert learned(nn.Identity)[0] <= 0.75
    assert learned(nn.Tanh)[1] == 1


# ------------------------------------------------------------------ 1.22: the flower


def test_no_straight_line_cuts_the_flower():
    X, y = flower()
    line = nn.Linear(2, 1, generator=np.random.default_rng(0), dtype=np.float64)
    course1_flower.descend(line, X, y, 1000)
    assert accuracy(line, X, y) <= 0.60


@pytest.mark.parametrize("units", [4, 5])
def test_a_few_tanh_units_learn_the_flower(units, monkeypatch):
    monkeypatch.setattr(course1_flower, "UNITS", units)
    X, y = flower()
    reached = []
    for seed in range(3):
        model = course1_flower.network(seed)
        assert model.layers[0].weight.shape == (units, 2)
        course1_flower.descend(model, X, y, 2000)
        reached.append(accuracy(model, X, y))
    assert max(reached) >= 0.90


# ------------------------------------------------------------------ 1.23: symmetry


@pytest.fixture(scope="module")
def after_1000_steps():
    """From each start, the model and how steep its tanh units were at first."""
    X, y = flower()
    found = {}
    for name, start in course1_symmetry.STARTS.items():
        model = course1_symmetry.network(start)
        slope = course1_symmetry.mean_slope(model, X)
        course1_flower.descend(model, X, y, 1000)
        found[name] = model, slope
    return found


@pytest.mark.parametrize(("start", "reached"), [("zeros", 0.50), ("all 0.3", 0.70)])
def test_equal_weights_stay_equal_to_the_last_bit(start, reached, after_1000_steps):
    model, _ = after_1000_steps[start]
    W1 = model.layers[0].weight.numpy()
    assert all(row.tobytes() == W1[0].tobytes() for row in W1)
    assert accuracy(model, *flower()) == pytest.approx(reached, abs=0.03)


def test_from_zeros_nothing_moves_but_the_last_bias(after_1000_steps):
    model, _ = after_1000_steps["zeros"]
    assert all(not layer.weight.numpy().any() for layer in model.layers)
    assert not model.layers[0].bias.numpy().any()


def test_small_random_weights_break_the_symmetry(after_1000_steps):
    model, _ = after_1000_steps["randn · 0.01"]
    W1 = model.layers[0].weight.numpy()
    assert len({row.tobytes() for row in W1}) == len(W1)
    assert course1_symmetry.spread(model) > 1
    assert accuracy(model, *flower()) >= 0.85


def test_large_weights_stand_on_the_flat_ends_of_tanh(after_1000_steps):
    assert after_1000_steps["randn · 0.01"][1] > 0.99
    assert after_1000_steps["randn · 10"][1] < 0.2
