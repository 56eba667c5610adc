"""Course 1, week 4: deep networks, and the forward and backward functions of a layer."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.held import held_arrays
from tests.leaves import leaf
from tests.pictures import sheet
from tinygrad_tr import nn
from tinygrad_tr.examples import course1_deep, course1_parity
from tinygrad_tr.graph import ancestors, end_of
from tinygrad_tr.nn import by_hand

F = nn.functional

# ------------------------------------------------------------------ 1.24: dimensions

SIZES = [2, 3, 5, 4, 2, 1]
WEIGHTS = [(3, 2), (5, 3), (4, 5), (2, 4), (1, 2)]


@pytest.mark.parametrize("m", [1, 9])
def test_every_matrix_and_its_gradient_has_the_lectures_shape(m):
    rng = np.random.default_rng(0)
    model = nn.MLP(SIZES, nn.Tanh, nn.Sigmoid, generator=rng, dtype=np.float64)
    assert [layer.weight.shape for layer in model.layers] == WEIGHTS
    assert [layer.bias.shape for layer in model.layers] == [(n,) for n in SIZES[1:]]
    assert sum(p.size for p in model.parameters()) == 51 + 15 == 66

    X, Y = rng.standard_normal((2, m)), rng.integers(0, 2, (1, m)) * 1.0
    F.binary_cross_entropy(model(tt.Tensor(X.T)), Y.T).backward()
    assert all(p.grad.shape == p.shape for p in model.parameters())

    parameters = by_hand.parameters_of(model)
    A, caches = by_hand.model_forward(X, parameters, "tanh")
    assert [cache.Z.shape for cache in caches] == [(n, m) for n in SIZES[1:]]
    assert [cache.A_prev.shape for cache in caches] == [(n, m) for n in SIZES[:-1]]
    gradients = by_hand.model_backward(A, Y, caches)
    for (W, b), (dW, db), n in zip(parameters, gradients, SIZES[1:], strict=True):
        assert b.shape == db.shape == (n, 1)
        assert W.shape == dW.shape


def test_the_summary_prints_the_66_parameters_layer_by_layer():
    model = nn.MLP(SIZES)
    found = nn.summary(model, tt.zeros(1, 2))
    assert found.total_params == 66
    rows = {row.path: row.parameters for row in found.rows}
    assert [rows[f"layers.{i}"] for i in range(5)] == [9, 20, 24, 10, 3]
    assert "66 parameters" in str(found)
    assert all(f"layers.{i}" in str(found) for i in range(5))


# ------------------------------------------------------------------ 1.25: parity


def test_seven_xor_blocks_know_all_256_rows():
    X, Y = course1_parity.truth_table(8)
    assert X.shape == (256, 8)
    assert len({tuple(row) for row in X}) == 256
    np.testing.assert_array_equal(Y[:, 0], np.bitwise_xor.reduce(X.astype(int), axis=1))
    tree = course1_parity.tree(8)
    np.testing.assert_array_equal(tree(tt.from_numpy(X)).numpy(), Y)
    assert len(tree) == 3
    blocks = [level[2].weight.shape[0] for level in tree]
    assert (blocks, sum(blocks)) == ([4, 2, 1], 7)


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_depth_learns_parity_and_a_linear_model_cannot(bits):
    X, Y = course1_parity.truth_table(bits)
    reached = {
        name: course1_parity.learn(model, X, Y, 1500)[-1]
        for name, model in course1_parity.networks(bits).items()
    }
    assert reached["linear"] <= 0.55
    assert reached["deep"] >= 0.98


# ------------------------------------------------------------------ 1.26: forward and its cache

M = 7


@pytest.fixture
def boxes():
    """X, Y and the parameters of three layers."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((4, M)), rng.integers(0, 2, (1, M)) * 1.0
    return X, Y, by_hand.initialize([4, 5, 3, 1], 1.0, rng)


def test_three_boxes_in_a_chain_are_the_mlp(boxes):
    X, _, parameters = boxes
    A1, cache1 = by_hand.layer_forward(X, *parameters[0], "relu")
    A2, cache2 = by_hand.layer_forward(A1, *parameters[1], "relu")
    A3, cache3 = by_hand.layer_forward(A2, *parameters[2], "sigmoid")
    model = nn.MLP([4, 5, 3, 1], nn.ReLU, nn.Sigmoid, dtype=np.float64)
    for layer, (W, b) in zip(model.layers, parameters, strict=True):
        layer.load_state_dict({"weight": W, "bias": b[:, 0]})
    # The products are X Wᵀ there and W X here: the same numbers up to the order of the sums.
    np.testing.assert_allclose(A3.T, model(tt.Tensor(X.T)).numpy(), rtol=1e-14)
    in_columns, A = [], tt.Tensor(X)
    for (W, b), g in zip(parameters, (F.relu, F.relu, F.sigmoid), strict=True):
        A = g(leaf(W) @ A + leaf(b))
        in_columns.append(A)
    for one, other in zip((A1, A2, A3), in_columns, strict=True):
        np.testing.assert_array_equal(one, other.numpy())
    A, caches = by_hand.model_forward(X, parameters)
    np.testing.assert_array_equal(A, A3)
    for chained, cache in zip((cache1, cache2, cache3), caches, strict=True):
        for one, other in zip(chained[:4], cache[:4], strict=True):
            np.testing.assert_array_equal(one, other)
    assert cache2.A_prev is A1
    assert cache3.A_prev is A2


# What the slope of an activation is computed from: its output, or as in the cache its input.
FROM_OUTPUT = {"tanh": F.tanh, "sigmoid": F.sigmoid, "relu": F.relu}
FROM_INPUT = {"sin": np.sin, "square": np.square, "abs": np.absolute}


def recorded(boxes, activation):
    """A forward pass as a graph: the inputs, and Z and A of each layer."""
    X, _, parameters = boxes
    A, layers = tt.Tensor(X), []
    for W, b in parameters:
        W, b = leaf(W), leaf(b)
        Z = W @ A + b
        layers.append((A, W, b, Z))
        A = activation(Z)
    return layers, A


def kept_by_graph(output):
    """The memories of the arrays that the pullbacks of a graph keep alive."""
    held = {}
    for node in ancestors([end_of(output)]):
        held_arrays(tuple(node.pullbacks), held)
    return set(held)


def memory_of(*tensors):
    return set(held_arrays(tuple(t.value for t in tensors), {}))


@pytest.mark.parametrize("name", FROM_INPUT)
def test_a_graph_keeps_exactly_what_the_cache_lists(name, boxes):
    """A_prev, W and Z of each layer; b is not needed on the way back, nor W1 if X has no slope."""
    layers, output = recorded(boxes, FROM_INPUT[name])
    listed = set().union(*(memory_of(A_prev, W, Z) for A_prev, W, _, Z in layers))
    assert kept_by_graph(output) == listed - memory_of(layers[0][1])


@pytest.mark.parametrize("name", FROM_OUTPUT)
def test_a_graph_keeps_A_in_place_of_Z_where_the_slope_is_a_function_of_it(name, boxes):
    layers, output = recorded(boxes, FROM_OUTPUT[name])
    listed = set().union(*(memory_of(A_prev, W) for A_prev, W, *_ in layers))
    assert kept_by_graph(output) == listed - memory_of(layers[0][1]) | memory_of(output)
    Z = [weakref.ref(Z.value) for *_, Z in layers]
    del layers
    assert all(ref() is None for ref in Z)


def test_no_grad_keeps_none_of_them(boxes):
    with tt.no_grad():
        layers, output = recorded(boxes, np.sin)
    assert output.node is None
    hidden = [weakref.ref(t.value) for A, _, _, Z in layers[1:] for t in (A, Z)]
    del layers
    assert all(ref() is None for ref in hidden)


# ------------------------------------------------------------------ 1.27: backward


def test_dA_is_m_times_autograds_and_dW_and_db_are_equal(boxes):
    X, Y, parameters = boxes
    leaves = [(leaf(W), leaf(b)) for W, b in parameters]
    outputs = [leaf(X)]
    for i, (W, b) in enumerate(leaves):
        Z = W @ outputs[-1] + b
        outputs.append(F.sigmoid(Z) if i == 2 else F.relu(Z))
        outputs[-1].retain_grad()
    F.binary_cross_entropy(outputs[-1], Y).backward()

    A, caches = by_hand.model_forward(X, parameters)
    dA = by_hand.cost_backward(A, Y)
    for cache, (W, b), out in zip(reversed(caches), leaves[::-1], outputs[::-1], strict=False):
        np.testing.assert_allclose(dA, M * out.grad.numpy(), rtol=1e-12, atol=1e-12)
        dA, dW, db = by_hand.layer_backward(dA, cache)
        np.testing.assert_allclose(dW, W.grad.numpy(), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(db, b.grad.numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dA, M * outputs[0].grad.numpy(), rtol=1e-12, atol=1e-12)


# ------------------------------------------------------------------ 1.28: the three-layer example


def test_the_example_prints_the_arrows_and_its_gradients_are_autograds(boxes, capsys):
    assert course1_deep.print_arrows(*boxes) < 1e-12
    printed = capsys.readouterr().out
    steps = ["A0 = X (4, 7)", "A1 (5, 7)", "A2 (3, 7)", "A3 (1, 7)", "dA3 = −Y/A3",
             "dW3 (1, 3), db3 (1, 1)", "dA2 (3, 7)", "dW2 (3, 5), db2 (3, 1)", "dA1 (5, 7)",
             "dW1 (5, 4), db1 (5, 1)", "dA0 (4, 7)   (nobody needs it)"]  # fmt: skip
    places = [printed.index(step) for step in steps]
    assert places == sorted(places)


def test_without_the_gradient_of_the_input_all_others_stay_the_same(boxes):
    X, Y, _ = boxes
    model = nn.MLP([4, 5, 3, 1], nn.ReLU, nn.Sigmoid, dtype=np.float64)
    gradients = []
    for wanted in (True, False):
        x = tt.Tensor(X.T, requires_grad=wanted)
        model.zero_grad()
        F.binary_cross_entropy(model(x), Y.T).backward()
        assert (x.grad is not None) == wanted
        gradients.append([p.grad.numpy() for p in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_picture_shows_both_chains(boxes):
    X, Y, _ = boxes
    model = nn.MLP([4, 5, 3, 1], nn.ReLU, nn.Sigmoid, dtype=np.float64)
    target = tt.Tensor(Y.T)
    picture = tt.draw(model, tt.Tensor(X.T), loss=lambda a: F.binary_cross_entropy(a, target))
    symbols = [circle.symbol for circle in picture.scene.circles]
    forward = [s for s in symbols if s in ("linear", "relu", "σ")]
    assert forward == ["linear", "relu", "linear", "relu", "linear", "σ"]
    shown = sheet(picture)
    assert "forward: values" in shown
    assert "backward: local derivative" in shown
    for card in picture.scene.cards:
        if card.name and "layers" in card.name:
            assert card.gradient is not None, card.name


@pytest.mark.parametrize("steps", [60])
def test_training_by_hand_and_by_autograd_has_equal_costs(steps):
    X, Y, *_ = course1_deep.patients()
    model = course1_deep.network(course1_deep.SIZES)
    parameters = by_hand.parameters_of(model)
    equations = course1_deep.train_by_hand(X, Y, parameters, steps)
    autograd = course1_deep.train(model, X, Y, steps)
    np.testing.assert_allclose(equations, autograd, rtol=0, atol=1e-10)
    assert autograd[-1] < autograd[0]
