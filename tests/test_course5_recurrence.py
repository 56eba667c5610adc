"""Course 5, week 1: recurrent networks, in equations and as layers. Rows 5.03-5.05, 5.11-5.13."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tests.pictures import card, sheet
from tinygrad_tr import nn, text
from tinygrad_tr.examples import course5_gates, course5_rnn, course5_teddy
from tinygrad_tr.examples.course5_gates import gru, gru_layer, lstm, lstm_layer, simple_gru
from tinygrad_tr.examples.sentences import teddy_twins
from tinygrad_tr.examples.tagging import learn
from tinygrad_tr.nn import functional as F

RNG = np.random.default_rng(0)
T, N_A, N_X, M = 6, 4, 3, 2


def rows(columns):
    """Examples in columns (T, n, m) as the layers have them, in rows (T, m, n)."""
    return columns.swapaxes(1, 2)


def same_as_in_torch(layer, theirs, x):
    """Outputs, last states and the gradients of x and of all parameters, beside PyTorch's."""
    import torch

    theirs.load_state_dict({k: torch.tensor(v) for k, v in layer.state_dict().items()})
    mine, yours = leaf(x), torch.tensor(x, requires_grad=True)
    flat = [], []
    for found, call, argument in ((flat[0], layer, mine), (flat[1], theirs, yours)):
        out, last = call(argument)
        found += [out, *(last if isinstance(last, tuple) else (last,))]
    weights = [RNG.standard_normal(y.shape) for y in flat[0]]
    sum((y * w).sum() for y, w in zip(flat[0], weights, strict=True)).backward()
    sum((y * torch.tensor(w)).sum() for y, w in zip(flat[1], weights, strict=True)).backward()
    for y, expected in zip(flat[0], flat[1], strict=True):
        np.testing.assert_allclose(y.numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-14)
    parameters = dict(theirs.named_parameters())
    assert set(parameters) == {name for name, _ in layer.named_parameters()}
    for name, p in [("x", mine), *layer.named_parameters()]:
        expected = (yours if name == "x" else parameters[name]).grad.numpy()
        np.testing.assert_allclose(p.grad.numpy(), expected, rtol=1e-10, atol=1e-13, err_msg=name)


# ------------------------------------------------------------------ 5.03 the forward pass


def test_two_matrices_and_a_stacked_one_make_the_same_step():
    w = course5_rnn.weights(N_A, N_X, 1)
    a, x = RNG.standard_normal((N_A, M)), RNG.standard_normal((N_X, M))
    two = course5_rnn.step(a, x, w["W_aa"], w["W_ax"], w["b_a"])
    W_a = np.concatenate([w["W_aa"], w["W_ax"]], axis=1)
    one = course5_rnn.stacked_step(a, x, W_a, w["b_a"])
    np.testing.assert_allclose(two.numpy(), one.numpy(), rtol=1e-12, atol=1e-14)
    assert one.shape == (N_A, M)


def test_the_sizes_of_the_lecture():
    rnn = nn.RNN(10_000, 100)
    W_aa, W_ax = rnn.weight_hh_l0, rnn.weight_ih_l0
    assert (W_aa.shape, W_ax.shape) == ((100, 100), (100, 10_000))
    W_a = np.concatenate([W_aa.numpy(), W_ax.numpy()], axis=1)
    assert W_a.shape == (100, 10_100)
    assert W_a.size == 1_010_000
    # Two biases, as in PyTorch, of which only the sum matters.
    assert nn.utils.parameters_to_vector(rnn.parameters()).size == 1_010_000 + 2 * 100


def test_the_layer_is_the_equation_with_the_sum_of_its_biases():
    rnn = nn.RNN(N_X, N_A, dtype=np.float64)
    x = RNG.standard_normal((T, N_X, M))
    w = {"W_ax": rnn.weight_ih_l0, "b_a": (rnn.bias_ih_l0 + rnn.bias_hh_l0)[:, None]}
    a = course5_rnn.states(x, [rnn.weight_hh_l0] * T, w)
    out, last = rnn(tt.Tensor(rows(x)))
    np.testing.assert_allclose(out.numpy(), rows(np.stack(a).numpy()), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(last[0].numpy(), out[-1].numpy())


@pytest.mark.oracle
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_the_rnn_is_that_of_pytorch(nonlinearity):
    torch = pytest.importorskip("torch")
    layer = nn.RNN(N_X, N_A, nonlinearity=nonlinearity, dtype=np.float64)
    theirs = torch.nn.RNN(N_X, N_A, nonlinearity=nonlinearity, dtype=torch.float64)
    same_as_in_torch(layer, theirs, RNG.standard_normal((T, M, N_X)))


# ------------------------------------------------------------------ 5.04 back through time


@pytest.fixture
def sequence():
    """Weights, x (T, n_x, m) and y (T, 1, m)."""
    y = RNG.integers(0, 2, (T, 1, M)).astype(np.float64)
    return course5_rnn.weights(N_A, N_X, 1), RNG.standard_normal((T, N_X, M)), y


def total(w, x, y, W_aa=None):
    """L, the sum of all L<t>."""
    a = course5_rnn.states(x, W_aa or [w["W_aa"]] * T, w)
    return sum(course5_rnn.losses(a, y, w))


def test_the_loss_is_the_sum_of_the_losses_of_the_steps(sequence):
    w, x, y = sequence
    a = course5_rnn.states(x, [w["W_aa"]] * T, w)
    z = w["W_ya"] @ np.stack(a) + w["b_y"]
    expected = F.binary_cross_entropy_with_logits(z, y, reduction="sum").item()
    assert total(w, x, y).item() == pytest.approx(expected, rel=1e-12)


def test_the_gradient_of_a_shared_matrix_is_the_sum_over_the_steps(sequence):
    w, x, y = sequence
    (shared,) = tt.grad(total(w, x, y), [w["W_aa"]])
    copies = [leaf(w["W_aa"].numpy()) for _ in range(T)]
    each = tt.grad(total(w, x, y, copies), copies)
    assert not each[0].numpy().any()  # a<0> = 0
    assert all(g.numpy().any() for g in each[1:])
    np.testing.assert_allclose(shared.numpy(), sum(g.numpy() for g in each), rtol=1e-12, atol=1e-14)


def test_the_gradients_through_time_are_those_of_differences(sequence):
    w, x, y = sequence

    def loss(*values):
        return total(dict(zip(w, values, strict=True)), x, y)

    assert tt.gradcheck(loss, [p.numpy() for p in w.values()], rtol=1e-7, atol=1e-8)
    layer, target = nn.RNN(N_X, N_A, dtype=np.float64), RNG.standard_normal((T, M, N_A))
    sequence_rows = tt.Tensor(rows(x))
    difference = tt.gradient_difference(lambda: F.mse_loss(layer(sequence_rows)[0], target), layer)
    assert difference.total < 1e-7


@pytest.mark.oracle
def test_the_gradients_through_time_are_those_of_pytorch(sequence):
    torch = pytest.importorskip("torch")
    w, x, y = sequence
    gradients = tt.grad(total(w, x, y), list(w.values()))
    theirs = {name: torch.tensor(p.numpy(), requires_grad=True) for name, p in w.items()}
    a, loss = torch.zeros(N_A, M, dtype=torch.float64), 0
    for x_t, y_t in zip(torch.tensor(x), torch.tensor(y), strict=True):
        a = torch.tanh(theirs["W_aa"] @ a + theirs["W_ax"] @ x_t + theirs["b_a"])
        y_hat = torch.sigmoid(theirs["W_ya"] @ a + theirs["b_y"])
        loss = loss + torch.nn.functional.binary_cross_entropy(y_hat, y_t, reduction="sum")
    loss.backward()
    for g, p in zip(gradients, theirs.values(), strict=True):
        np.testing.assert_allclose(g.numpy(), p.grad.numpy(), rtol=1e-10, atol=1e-13)


def test_the_picture_of_three_steps_shows_the_chain_from_the_last_to_the_first():
    L = course5_rnn.three_steps()
    picture = tt.draw(L)
    W_aa = card(picture, "W_aa")
    assert len(W_aa.parts) == 3  # what each step adds
    added = [part.entries[0] for part in W_aa.parts]
    assert sum(added) == pytest.approx(W_aa.gradient.entries[0], rel=1e-6)
    # a<1> and a<2> get a gradient from their own loss and from the step after, a<3> from its loss.
    assert [len(card(picture, f"a<{t}>").parts) or 1 for t in (1, 2, 3)] == [2, 2, 1]
    back = {}  # along the arrows, the other way
    for arrow in picture.scene.arrows:
        if arrow.flows:
            back.setdefault(arrow.head, set()).add(arrow.tail)
    for later, earlier in (("a<3>", "a<2>"), ("a<2>", "a<1>")):
        reached, ahead = set(), {card(picture, later).id}
        while ahead:
            reached |= ahead
            ahead = {tail for head in ahead for tail in back.get(head, ())} - reached
        assert card(picture, earlier).id in reached
        assert card(picture, later).id in reached
    shown = sheet(picture)
    assert all(name in shown for name in ("a<1>", "x<2>", "L<3>", "∂L/∂a<1>"))


# ------------------------------------------------------------------ 5.05 the types of RNN


@pytest.mark.parametrize("name", course5_rnn.TYPES)
def test_a_type_of_rnn_has_its_shapes_and_its_gradient_reaches_the_first_input(name):
    inputs, first, count = course5_rnn.TYPES[name]
    tt.manual_seed(0)
    model = course5_rnn.rnn_of_type(inputs, first, count)
    x = tt.randn(inputs, 2, 3, requires_grad=True)
    y = model(x)
    assert y.shape == (count, 2, 3)
    assert (inputs == 1, count == 1) == (name.startswith("one"), name.endswith("to one"))
    assert (inputs == count) == (name in ("one to one", "many to many, equal"))
    for output in y:
        (to_x,) = tt.grad(output.sum(), [x], retain_graph=True)
        assert to_x[0].numpy().all()


def test_the_layer_gives_the_last_output_or_all_of_them_as_the_cells_do():
    layer, cell = nn.RNN(3, 5, dtype=np.float64), nn.RNNCell(3, 5, dtype=np.float64)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    head = nn.Linear(5, 3, dtype=np.float64)
    x = tt.Tensor(RNG.standard_normal((4, 2, 3)))
    out, last = layer(x)
    equal = course5_rnn.Unrolled([cell] * 4, head)(x)
    many_to_one = course5_rnn.Unrolled([cell] * 4, head, first=4)(x)
    np.testing.assert_allclose(head(out).numpy(), equal.numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(head(last).numpy(), many_to_one.numpy(), rtol=1e-12, atol=1e-14)


# ------------------------------------------------------------------ 5.11 GRU


def test_the_numbers_of_the_gates():
    found = course5_gates.check_numbers()
    for name, value in course5_gates.EXACT.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name


@pytest.mark.parametrize("cell", [simple_gru, gru])
def test_a_shut_update_gate_keeps_the_cell_and_an_open_one_overwrites_it(cell):
    W, b = course5_gates.weights("cur", N_A, N_X)
    c, x = RNG.standard_normal((N_A, M)), RNG.standard_normal((N_X, M))
    shut = cell(c, x, W, {**b, "u": np.full((N_A, 1), -1e3)})
    np.testing.assert_array_equal(shut["c"], c)
    opened = cell(c, x, W, {**b, "u": np.full((N_A, 1), 1e3)})
    np.testing.assert_array_equal(opened["c"], opened["c̃"])
    assert (opened["c"] != c).all()


def over_time(cell, x, W, b):
    """The outputs (T, m, n) of a cell of the course: of a GRU c<t>, of an LSTM a<t>."""
    a, c, outputs = np.zeros((N_A, M)), np.zeros((N_A, M)), []
    for x_t in x:
        found = lstm(a, c, x_t, W, b) if cell is lstm else cell(c, x_t, W, b)
        c, a = found["c"], found.get("a", found["c"])
        outputs.append(a.T)
    return np.stack(outputs)


def test_the_gru_of_the_course_is_the_layer_that_resets_before_the_product():
    W, b = course5_gates.weights("cur", N_A, N_X)
    x = RNG.standard_normal((T, N_X, M))
    expected = over_time(gru, x, W, b)
    before, _ = gru_layer(W, b)(tt.Tensor(rows(x)))
    after, _ = gru_layer(W, b, reset_after=True)(tt.Tensor(rows(x)))
    np.testing.assert_allclose(before.numpy(), expected, rtol=0, atol=1e-12)
    assert np.abs(after.numpy() - expected).max() > 0.01


def test_with_the_relevance_gate_open_all_grus_are_the_simple_one():
    W, b = course5_gates.weights("cur", N_A, N_X)
    b = {**b, "r": np.full((N_A, 1), 1e3)}
    x = RNG.standard_normal((T, N_X, M))
    expected = over_time(simple_gru, x, W, b)
    np.testing.assert_allclose(over_time(gru, x, W, b), expected, rtol=0, atol=1e-12)
    for reset_after in (False, True):
        found, _ = gru_layer(W, b, reset_after)(tt.Tensor(rows(x)))
        np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", [simple_gru, gru, lstm])
def test_the_gradients_of_a_cell_are_those_of_differences(cell):
    gates = {simple_gru: "cu", gru: "cur", lstm: "cufo"}[cell]
    W, b = course5_gates.weights(gates, 2, 2)

    def outputs(state, x, *flat):
        W = dict(zip(gates, flat[: len(gates)], strict=True))
        b = dict(zip(gates, flat[len(gates) :], strict=True))
        if cell is lstm:
            found = lstm(state[:2], state[2:], x, W, b)
            return found["a"] + 2 * found["c"]
        return cell(state[:2], x, W, b)["c"]

    state = RNG.standard_normal((4 if cell is lstm else 2, 1))
    inputs = [state, RNG.standard_normal((2, 1)), *W.values(), *b.values()]
    assert tt.gradcheck(outputs, inputs, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("kind", ["GRU, before", "GRU, after", "LSTM"])
def test_the_gradients_of_a_gated_layer_are_those_of_differences(kind):
    if kind == "LSTM":
        layer = nn.LSTM(2, 3, dtype=np.float64)
    else:
        layer = nn.GRU(2, 3, reset_after=kind.endswith("after"), dtype=np.float64)
    x, target = tt.Tensor(RNG.standard_normal((T, 2, 2))), RNG.standard_normal((T, 2, 3))
    loss = lambda: F.mse_loss(layer(x)[0], target)  # noqa: E731
    assert tt.gradient_difference(loss, layer).total < 1e-7


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_a_gated_layer_is_that_of_pytorch(kind):
    torch = pytest.importorskip("torch")
    layer = getattr(nn, kind)(N_X, N_A, dtype=np.float64)
    theirs = getattr(torch.nn, kind)(N_X, N_A, dtype=torch.float64)
    same_as_in_torch(layer, theirs, RNG.standard_normal((T, M, N_X)))


# ------------------------------------------------------------------ 5.12 LSTM


def test_the_lstm_of_the_course_is_the_layer():
    W, b = course5_gates.weights("cufo", N_A, N_X)
    x = RNG.standard_normal((T, N_X, M))
    found, _ = lstm_layer(W, b)(tt.Tensor(rows(x)))
    np.testing.assert_allclose(found.numpy(), over_time(lstm, x, W, b), rtol=0, atol=1e-12)


def test_open_forget_gates_and_shut_update_gates_carry_the_cell_over_1000_steps():
    assert course5_gates.carry() == 0
    W, b = course5_gates.weights("cufo", N_A, N_X)
    shut = {**b, "u": np.full((N_A, 1), -1e3), "f": np.full((N_A, 1), 1e3)}
    start = RNG.standard_normal((1, M, N_A))
    x = tt.Tensor(RNG.standard_normal((1000, M, N_X)))
    c0 = leaf(start)
    _, (_, c) = lstm_layer(W, shut)(x, (tt.zeros(1, M, N_A, dtype=np.float64), c0))
    np.testing.assert_array_equal(c.numpy(), start)
    (to_start,) = tt.grad(c.sum(), [c0])
    np.testing.assert_array_equal(to_start.numpy(), 1)  # and its gradient back to the beginning


def test_gates_set_by_hand_remember_whether_the_cat_was_one():
    (_, one), (_, more) = (course5_gates.remember(s.split()) for s in course5_gates.SENTENCES)
    assert one[0] == more[0] == pytest.approx(0, abs=1e-3)
    np.testing.assert_allclose(one[1:], 1, atol=1e-3)
    np.testing.assert_allclose(more[1:], -1, atol=1e-3)


# ------------------------------------------------------------------ 5.13 both directions


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_only_both_directions_see_what_comes_later(kind):
    x = RNG.standard_normal((T, 1, N_X))
    other = x.copy()
    other[4] += 1
    for both in (False, True):
        layer = getattr(nn, kind)(N_X, N_A, bidirectional=both, dtype=np.float64)
        (before, _), (after, _) = layer(tt.Tensor(x)), layer(tt.Tensor(other))
        differs = (before.numpy() != after.numpy()).any(axis=(1, 2))
        assert differs[4:].all()
        assert differs[:4].all() if both else not differs[:4].any()


def test_the_other_direction_is_the_same_layer_on_the_sequence_turned_round():
    both = nn.LSTM(N_X, N_A, bidirectional=True, dtype=np.float64)
    one = nn.LSTM(N_X, N_A, dtype=np.float64)
    one.load_state_dict({
        k.removesuffix("_reverse"): v for k, v in both.state_dict().items() if "_reverse" in k
    })  # fmt: skip
    x = RNG.standard_normal((T, M, N_X))
    out, (h, c) = both(tt.Tensor(x))
    turned, (h_end, c_end) = one(tt.Tensor(x[::-1].copy()))
    np.testing.assert_array_equal(out.numpy()[:, :, N_A:], turned.numpy()[::-1])
    np.testing.assert_array_equal(h.numpy()[1], h_end.numpy()[0])
    np.testing.assert_array_equal(c.numpy()[1], c_end.numpy()[0])


@pytest.mark.oracle
def test_the_bidirectional_lstm_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    layer = nn.LSTM(N_X, N_A, num_layers=2, bidirectional=True, dtype=np.float64)
    theirs = torch.nn.LSTM(N_X, N_A, num_layers=2, bidirectional=True, dtype=torch.float64)
    same_as_in_torch(layer, theirs, RNG.standard_normal((T, M, N_X)))


def test_what_the_next_word_decides_is_known_in_both_directions_only():
    twins = teddy_twins()
    order = np.random.default_rng(1).permutation(len(twins))
    seen, held_out = ([twins[i] for i in part] for part in np.split(order, [180]))
    sentences = [sentence for pair in seen for sentence in (pair.name, pair.thing)]
    vocab = text.Vocab.build(s.words for pair in twins for s in (pair.name, pair.thing))
    share = {}
    for both in (False, True):
        tt.manual_seed(1)
        model = course5_teddy.tagger(len(vocab), both)
        learn(model, vocab, sentences, steps=100)
        share[both] = course5_teddy.share_right(model, vocab, held_out)
    assert share[False] <= 0.6
    assert share[True] >= 0.98
