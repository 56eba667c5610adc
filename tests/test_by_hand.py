"""The course's equations by hand: against autograd, finite differences and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.nn import by_hand

F = nn.functional

M = 7  # examples
SIZES = [4, 5, 3, 1]
ACTIVATIONS = {
    "linear": lambda z: z,
    "sigmoid": F.sigmoid,
    "tanh": F.tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def examples(rng, n_x=SIZES[0], m=M):
    """Inputs in columns (n_x, m), and labels (1, m)."""
    return rng.standard_normal((n_x, m)), rng.integers(0, 2, (1, m)).astype(float)


def close(found, wanted, atol=1e-12):
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_allclose(getattr(x, "value", x), getattr(y, "value", y), 0, atol)


def cost_of(A, Y):
    """The mean cross-entropy as a graph."""
    return -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))


# ------------------------------------------------------------------ the cost


def test_the_cost_is_the_mean_of_the_losses():
    A, Y = np.array([[0.5, 0.5, 0.9]]), np.array([[0, 1, 1]])
    np.testing.assert_allclose(by_hand.loss(A, Y), [[np.log(2), np.log(2), -np.log(0.9)]])
    assert by_hand.cost(A, Y) == pytest.approx(by_hand.loss(A, Y).mean(), abs=1e-15)


def test_the_recursion_starts_from_the_slope_of_each_examples_loss(rng):
    A, Y = rng.uniform(0.1, 0.9, (1, M)), examples(rng)[1]
    t = leaf(A)
    cost = cost_of(t, Y)
    cost.backward()
    assert by_hand.cost(A, Y) == pytest.approx(cost.item(), abs=1e-12)
    close([by_hand.cost_backward(A, Y)], [M * t.grad.value])
    assert by_hand.cost_backward(np.array([[0.5]]), np.array([[1]])) == -2
    moved = [by_hand.loss(A + step, Y) for step in (1e-6, -1e-6)]
    np.testing.assert_allclose(by_hand.cost_backward(A, Y), (moved[0] - moved[1]) / 2e-6, 1e-7)


# ------------------------------------------------------------------ logistic regression


def test_logistic_regression_by_loops_vectorised_and_by_autograd_is_the_same(rng):
    X, Y = examples(rng, n_x=5, m=50)
    w, b = rng.standard_normal((5, 1)), 0.3
    loop = by_hand.logistic_loop(w, b, X, Y)
    vectorised = by_hand.logistic_vectorised(w, b, X, Y)
    wt, bt = leaf(w), leaf(b)
    cost = cost_of(F.sigmoid(wt.T @ X + bt), Y)
    cost.backward()
    close(loop, vectorised)
    close(loop, [cost, wt.grad, bt.grad])
    assert vectorised[1].shape == w.shape


# ------------------------------------------------------------------ two layers


def two_layers(rng):
    W1, b1 = rng.standard_normal((4, 2)), rng.standard_normal((4, 1))
    W2, b2 = rng.standard_normal((1, 4)), rng.standard_normal((1, 1))
    return W1, b1, W2, b2


def two_layer_cost(X, Y, parameters):
    W1, b1, W2, b2 = parameters
    return cost_of(F.sigmoid(W2 @ np.tanh(W1 @ X + b1) + b2), Y)


def test_the_six_equations_are_the_gradients_of_autograd(rng):
    X, Y = examples(rng, n_x=2)
    parameters = two_layers(rng)
    A1, A2 = by_hand.two_layer_forward(X, *parameters)
    found = by_hand.two_layer_backward(X, Y, A1, A2, parameters[2])
    leaves = [leaf(p) for p in parameters]
    close(found, tt.grad(two_layer_cost(X, Y, leaves), leaves))
    for gradient, parameter in zip(found, parameters, strict=True):
        assert gradient.shape == parameter.shape


def test_the_six_equations_agree_with_finite_differences(rng):
    X, Y = examples(rng, n_x=2)
    parameters = two_layers(rng)

    def cost(*changed):
        return by_hand.cost(by_hand.two_layer_forward(X, *changed)[1], Y)

    A1, A2 = by_hand.two_layer_forward(X, *parameters)
    found = by_hand.two_layer_backward(X, Y, A1, A2, parameters[2])
    assert relative_error(found, differences(cost, parameters)) < 1e-7


@pytest.mark.oracle
def test_the_six_equations_agree_with_pytorch(rng):
    torch = pytest.importorskip("torch")
    X, Y = examples(rng, n_x=2)
    parameters = two_layers(rng)
    A1, A2 = by_hand.two_layer_forward(X, *parameters)
    found = by_hand.two_layer_backward(X, Y, A1, A2, parameters[2])
    W1, b1, W2, b2 = theirs = [torch.tensor(p, requires_grad=True) for p in parameters]
    out = torch.sigmoid(W2 @ torch.tanh(W1 @ torch.tensor(X) + b1) + b2)
    wanted = torch.autograd.grad(
        torch.nn.functional.binary_cross_entropy(out, torch.tensor(Y)), theirs
    )
    for g, h in zip(found, wanted, strict=True):
        np.testing.assert_allclose(g, h.numpy(), rtol=1e-10)


def differences(cost, arrays, eps=6e-6):
    """Central differences of the cost by every entry of every array."""
    found = []
    for i, x in enumerate(arrays):
        slopes = np.zeros_like(x)
        for index in np.ndindex(x.shape):
            step = np.zeros_like(x)
            step[index] = eps
            up, down = ([*arrays[:i], x + s, *arrays[i + 1 :]] for s in (step, -step))
            slopes[index] = (cost(*up) - cost(*down)) / (2 * eps)
        found.append(slopes)
    return found


def relative_error(found, wanted):
    """‖g − h‖ / (‖g‖ + ‖h‖) of all entries together. Course 2, week 1."""
    g, h = (np.concatenate([x.ravel() for x in arrays]) for arrays in (found, wanted))
    return np.linalg.norm(g - h) / (np.linalg.norm(g) + np.linalg.norm(h))


# ------------------------------------------------------------------ one layer


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_functions_of_a_layer_are_autograds(activation, rng):
    A_prev, W, b = (rng.standard_normal(s) for s in ((3, M), (4, 3), (4, 1)))
    dA = rng.standard_normal((4, M))
    A, cache = by_hand.layer_forward(A_prev, W, b, activation)
    leaves = [leaf(A_prev), leaf(W), leaf(b)]
    out = ACTIVATIONS[activation](leaves[1] @ leaves[0] + leaves[2])
    out.backward(dA / M)  # the mean of the losses gives each example dA/m
    dA_prev, dW, db = by_hand.layer_backward(dA, cache)
    close([A, dA_prev, dW, db], [out, M * leaves[0].grad.value, leaves[1].grad, leaves[2].grad])
    assert (dA_prev.shape, dW.shape, db.shape) == (A_prev.shape, W.shape, b.shape)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_single_example_is_a_column_without_1_over_m(activation, rng):
    a_prev, W, b = (rng.standard_normal(s) for s in ((3, 1), (4, 3), (4, 1)))
    _, cache = by_hand.layer_forward(a_prev, W, b, activation)
    da = rng.standard_normal((4, 1))
    da_prev, dW, db = by_hand.layer_backward(da, cache)
    dz = da * by_hand.ACTIVATIONS[activation].slope(cache.Z)
    close([da_prev, dW, db], [W.T @ dz, dz @ a_prev.T, dz])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_layers_compute_in_the_dtype_they_are_given(activation, rng):
    A_prev, W, b = (rng.standard_normal(s).astype(np.float32) for s in ((3, M), (4, 3), (4, 1)))
    A, cache = by_hand.layer_forward(A_prev, W, b, activation)
    assert {x.dtype for x in (A, *by_hand.layer_backward(A, cache))} == {np.dtype(np.float32)}


def test_the_cache_holds_what_the_lecture_lists(rng):
    A_prev, W, b = (rng.standard_normal(s) for s in ((3, M), (4, 3), (4, 1)))
    _, cache = by_hand.layer_forward(A_prev, W, b, "tanh")
    assert cache._fields == ("A_prev", "W", "b", "Z", "activation")
    assert cache.A_prev is A_prev
    assert cache.W is W
    assert cache.b is b
    np.testing.assert_array_equal(cache.Z, W @ A_prev + b)


def test_two_layers_chained_give_last_weeks_formula(rng):
    """dZ[l] = W[l+1]ᵀ dZ[l+1] · g'(Z[l])."""
    X, Y = examples(rng)
    (W1, b1), (W2, b2) = by_hand.initialize([4, 3, 1], 1.0, rng)
    A, caches = by_hand.model_forward(X, [(W1, b1), (W2, b2)], "tanh")
    (dW1, _), _ = by_hand.model_backward(A, Y, caches)
    dZ1 = (W2.T @ (A - Y)) * (1 - np.tanh(caches[0].Z) ** 2)
    close([dW1], [dZ1 @ X.T / M])


# ------------------------------------------------------------------ all layers


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_whole_model_and_its_gradients_are_those_of_nn_in_rows(activation, rng):
    model = nn.MLP(SIZES, ACTIVATIONS[activation], nn.Sigmoid, generator=rng, dtype=np.float64)
    X, Y = examples(rng)
    parameters = by_hand.parameters_of(model)
    A, caches = by_hand.model_forward(X, parameters, activation)
    gradients = by_hand.model_backward(A, Y, caches)

    out = model(tt.Tensor(X.T))
    F.binary_cross_entropy(out, tt.Tensor(Y.T)).backward()
    np.testing.assert_allclose(A, out.numpy().T, rtol=0, atol=1e-12)
    for layer, (W, b), (dW, db) in zip(model.layers, parameters, gradients, strict=True):
        np.testing.assert_array_equal(W, layer.weight.numpy())
        np.testing.assert_array_equal(b[:, 0], layer.bias.numpy())
        close([dW, db[:, 0]], [layer.weight.grad, layer.bias.grad])


def test_the_gradients_of_the_whole_model_agree_with_finite_differences(rng):
    X, Y = examples(rng)
    parameters = by_hand.initialize(SIZES, 1.0, rng)

    def cost(*changed):
        return by_hand.cost(by_hand.model_forward(X, pairs(changed), "tanh")[0], Y)

    A, caches = by_hand.model_forward(X, parameters, "tanh")
    gradients = by_hand.model_backward(A, Y, caches)
    assert relative_error(flat(gradients), differences(cost, flat(parameters))) < 1e-7


@pytest.mark.oracle
def test_the_whole_model_agrees_with_pytorch(rng):
    torch = pytest.importorskip("torch")
    X, Y = examples(rng)
    parameters = by_hand.initialize(SIZES, 1.0, rng)
    A, caches = by_hand.model_forward(X, parameters)
    gradients = by_hand.model_backward(A, Y, caches)
    theirs = [torch.tensor(p, requires_grad=True) for p in flat(parameters)]
    kept = torch.tensor(X)
    hidden = []
    for i in range(0, len(theirs), 2):
        z = theirs[i] @ kept + theirs[i + 1]
        kept = torch.relu(z) if i + 2 < len(theirs) else torch.sigmoid(z)
        kept.retain_grad()
        hidden.append(kept)
    torch.nn.functional.binary_cross_entropy(kept, torch.tensor(Y)).backward()
    np.testing.assert_allclose(A, kept.detach().numpy(), rtol=1e-10)
    for found, theirs_p in zip(flat(gradients), theirs, strict=True):
        np.testing.assert_allclose(found, theirs_p.grad.numpy(), rtol=1e-10, atol=1e-14)
    dA = by_hand.cost_backward(A, Y)
    for cache, a in zip(reversed(caches), reversed(hidden), strict=True):
        np.testing.assert_allclose(dA, M * a.grad.numpy(), rtol=1e-10, atol=1e-14)
        dA, _, _ = by_hand.layer_backward(dA, cache)


def pairs(arrays):
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def flat(parameters):
    return [array for pair in parameters for array in pair]


def test_training_by_hand_walks_downhill(rng):
    X, Y = examples(rng)
    parameters = by_hand.initialize(SIZES, 0.5, rng)
    costs = []
    for _ in range(50):
        A, caches = by_hand.model_forward(X, parameters, "tanh")
        costs.append(by_hand.cost(A, Y))
        parameters = by_hand.update(parameters, by_hand.model_backward(A, Y, caches), 0.1)
    assert np.all(np.diff(costs) < 0)


def test_a_step_by_hand_is_a_step_of_sgd(rng):
    model = nn.MLP(SIZES, nn.Tanh, nn.Sigmoid, generator=rng, dtype=np.float64)
    X, Y = examples(rng)
    parameters = by_hand.parameters_of(model)
    A, caches = by_hand.model_forward(X, parameters, "tanh")
    stepped = by_hand.update(parameters, by_hand.model_backward(A, Y, caches), 0.3)
    optimizer = tt.optim.SGD(model.parameters(), lr=0.3)
    optimizer.minimize(lambda: F.binary_cross_entropy(model(tt.Tensor(X.T)), tt.Tensor(Y.T)))
    close(flat(stepped), flat(by_hand.parameters_of(model)))


def test_initial_weights_are_small_random_numbers_and_biases_are_zero():
    parameters = by_hand.initialize([200, 100, 1], generator=np.random.default_rng(0))
    assert [(W.shape, b.shape) for W, b in parameters] == [
        ((100, 200), (100, 1)),
        ((1, 100), (1, 1)),
    ]
    assert parameters[0][0].std() == pytest.approx(0.01, rel=0.05)
    assert all(not b.any() for _, b in parameters)
    again = by_hand.initialize([200, 100, 1], generator=np.random.default_rng(0))
    close(flat(parameters), flat(again), atol=0)


# ------------------------------------------------------------------ what is refused

X, Y = np.ones((3, 5)), np.ones((1, 5))
W, b = np.ones((4, 3)), np.ones((4, 1))
HALF = np.full((1, 5), 0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: by_hand.layer_forward(X, W, np.ones(4)), r"b does not fit"),
        (lambda: by_hand.layer_forward(X[:, 0], W, b), r"A_prev does not fit"),
        (lambda: by_hand.layer_forward(X.T, W, b), r"W does not fit"),
        (lambda: by_hand.layer_forward(X, W, b.T), r"b does not fit"),
        (lambda: by_hand.layer_backward(X, by_hand.layer_forward(X, W, b)[1]), r"dA does not fit"),
        (lambda: by_hand.cost(HALF, Y.T), r"Y does not fit"),
        (lambda: by_hand.cost_backward(HALF, Y[0]), r"Y does not fit"),
        (lambda: by_hand.logistic_vectorised(np.ones(3), 0.0, X, Y), r"w does not fit"),
        (lambda: by_hand.logistic_loop(np.ones((3, 1)), 0.0, X, Y[0]), r"Y does not fit"),
        (lambda: by_hand.two_layer_forward(X, W, b, b, HALF), r"W2 does not fit"),
        (lambda: by_hand.two_layer_backward(X, Y, X, HALF, W), r"W2 does not fit"),
    ],
)
def test_a_wrong_shape_is_named_beside_all_shapes_and_the_right_ones(call, message):
    with pytest.raises(ShapeError, match=message) as refused:
        call()
    assert "got:" in str(refused.value)
    assert "wanted:" in str(refused.value)


def test_the_message_says_which_letter_was_which_length():
    with pytest.raises(ShapeError) as refused:
        by_hand.layer_forward(X, W, np.ones(4))
    assert "A_prev (3, 5), W (4, 3), b (4,)" in str(refused.value)
    assert "A_prev (n_prev, m), W (n, n_prev), b (n, 1)" in str(refused.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: by_hand.cost(np.array([[1.0]]), np.array([[1.0]])),
        lambda: by_hand.cost_backward(np.array([[0.0]]), np.array([[1.0]])),
        lambda: by_hand.cost(np.array([[np.nan]]), np.array([[1.0]])),
        lambda: by_hand.cost(np.array([[0.5]]), np.array([[2.0]])),
        lambda: by_hand.layer_forward(X, W, b, "softplus"),
        lambda: by_hand.initialize([3]),
        lambda: by_hand.initialize([3, 0]),
        lambda: by_hand.update([(W, b)], [(W, b)], -0.1),
    ],
)
def test_what_has_no_meaning_is_refused(call):
    with pytest.raises(ArgumentError):
        call()


def test_a_linear_layer_without_a_bias_has_a_column_of_zeros():
    ((_, column),) = by_hand.parameters_of(nn.Linear(3, 4, bias=False))
    np.testing.assert_array_equal(column, np.zeros((4, 1)))
