"""CTC: the sum over all alignments, its gradient, PyTorch's numbers, and decoding."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn
from tinygrad_tr.kernels import compiled, ctc
from tinygrad_tr.nn import functional as F
from tinygrad_tr.text import collapse, ctc_greedy, edit_distance, error_rate


def log_probabilities(*shape, seed=0):
    z = np.random.default_rng(seed).standard_normal(shape)
    return F.log_softmax(z)


def by_all_paths(x, labels, blank=0):
    """−ln of the sum over every path (T,) that the labels are left of, one after the other."""
    T, C = x.shape
    paths = itertools.product(range(C), repeat=T)
    logs = [
        x[np.arange(T), list(path)].sum()
        for path in paths
        if collapse(list(path), blank).tolist() == list(labels)
    ]
    return -np.logaddexp.reduce(logs) if logs else np.inf


# ------------------------------------------------------------------ the value


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("labels", ["", "a", "aa", "ab", "aba", "aab", "bbb"])
def test_the_loss_is_the_sum_over_all_paths(labels, blank):
    letters = {"a": 1, "b": 3}
    labels = [letters[letter] for letter in labels]
    for T in (1, 3, 5):
        x = log_probabilities(T, 4, seed=T)
        loss = F.ctc_loss(x, np.array(labels, int), T, len(labels), blank, "sum").item()
        assert loss == pytest.approx(by_all_paths(x, labels, blank), rel=1e-12)


def test_the_probabilities_of_all_labels_sum_to_one():
    T, C = 3, 3
    x = log_probabilities(T, C)
    labels = [list(y) for n in range(T + 1) for y in itertools.product(range(1, C), repeat=n)]
    losses = [F.ctc_loss(x, np.array(y, int), T, len(y), reduction="sum").item() for y in labels]
    assert np.exp(-np.array(losses)).sum() == pytest.approx(1, rel=1e-12)


def test_a_worked_example():
    """Two steps, p(a) = 0.6, p(blank) = 0.4: "a" is aa, a– and –a, that is 1 − 0.4²."""
    x = np.log([[0.4, 0.6], [0.4, 0.6]])
    assert F.ctc_loss(x, [1], 2, 1).item() == pytest.approx(-np.log(0.84))
    assert F.ctc_loss(x, np.array([], int), 2, 0).item() == pytest.approx(-np.log(0.16))


def test_sequences_and_targets_may_be_padded_or_not():
    x = log_probabilities(6, 3, 5)
    steps, lengths = [6, 4, 5], [3, 1, 0]
    rows = np.array([[1, 2, 2], [4, 9, -7], [0, 0, 0]])  # what fills a row up does not matter
    each = [
        F.ctc_loss(x[:t, n], rows[n, :s], t, s, reduction="none").item()
        for n, (t, s) in enumerate(zip(steps, lengths, strict=True))
    ]
    for y in (rows, np.array([1, 2, 2, 4])):
        losses = F.ctc_loss(x, y, steps, lengths, reduction="none")
        np.testing.assert_allclose(losses, each, rtol=1e-12)
        mean = F.ctc_loss(x, y, steps, lengths).item()
        assert mean == pytest.approx(np.mean(np.array(each) / [3, 1, 1]), rel=1e-12)
        assert F.ctc_loss(x, y, steps, lengths, reduction="sum").item() == pytest.approx(sum(each))


def test_a_long_sequence_neither_underflows_nor_recurses():
    T = 3000
    x = leaf(np.full((T, 1, 2), np.log(0.5)), np.float32)
    loss = F.ctc_loss(x, [[1]], [T], [1], reduction="sum")
    # The runs of one symbol in T steps: T (T + 1)/2 of 2^T paths.
    assert loss.item() == pytest.approx(T * np.log(2) - np.log(T * (T + 1) / 2), rel=1e-6)
    loss.backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_allclose(x.grad.numpy().sum(axis=2), -1, rtol=1e-5)


# ------------------------------------------------------------------ the gradient


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_gradient_is_that_of_differences(reduction):
    x = leaf(log_probabilities(5, 3, 4))
    rows, steps, lengths = np.array([[1, 1], [3, 0], [0, 0]]), [5, 3, 4], [2, 1, 0]

    def loss(x):
        return F.ctc_loss(x, rows, steps, lengths, reduction=reduction)

    assert tt.gradcheck(loss, [x])
    assert tt.gradgradcheck(loss, [x])


def test_the_gradient_is_minus_the_probability_of_a_symbol_given_the_labels():
    x = leaf(log_probabilities(4, 3))
    F.ctc_loss(x, [1, 2], 4, 2, reduction="sum").backward()
    expected, total = np.zeros((4, 3)), 0.0
    for path in itertools.product(range(3), repeat=4):
        if collapse(list(path)).tolist() == [1, 2]:
            p = np.exp(x.numpy()[np.arange(4), list(path)].sum())
            expected[np.arange(4), list(path)] -= p
            total += p
    np.testing.assert_allclose(x.grad.numpy(), expected / total, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(x.grad.numpy().sum(axis=1), -1, rtol=1e-12)


def test_behind_log_softmax_the_gradient_is_p_minus_that():
    z = leaf(np.random.default_rng(0).standard_normal((4, 3)))
    x = F.log_softmax(z, dim=1)
    (to_x, to_z) = tt.grad(F.ctc_loss(x, [1, 2], 4, 2), [x, z])
    p = np.exp(x.numpy())
    np.testing.assert_allclose(to_z.numpy(), p / 2 + to_x.numpy(), rtol=1e-12, atol=1e-15)


def test_a_symbol_that_is_impossible_gets_no_gradient():
    x = log_probabilities(4, 3)
    x[1, 1] = -np.inf
    t = leaf(x)
    loss = F.ctc_loss(t, [1, 2], 4, 2, reduction="sum")
    assert loss.item() == pytest.approx(by_all_paths(x, [1, 2]), rel=1e-12)
    for options in ({}, {"create_graph": True}):
        (g,) = tt.grad(F.ctc_loss(t, [1, 2], 4, 2, reduction="sum"), t, **options)
        assert np.isfinite(g.numpy()).all()
        assert g.numpy()[1, 1] == 0


@pytest.mark.parametrize("options", [{}, {"create_graph": True}])
def test_too_few_steps_for_the_labels_are_infinite_or_nothing(options):
    """ "aa" needs three steps; sequences beside it keep their gradients."""
    x = leaf(log_probabilities(4, 2, 3))
    rows, steps, lengths = np.array([[1, 1], [1, 2]]), [2, 4], [2, 2]
    losses = F.ctc_loss(x, rows, steps, lengths, reduction="none")
    assert losses.numpy()[0] == np.inf
    assert np.isfinite(losses.numpy()[1])
    for zero_infinity in (False, True):
        loss = F.ctc_loss(x, rows, steps, lengths, zero_infinity=zero_infinity)
        assert loss.item() == (losses.numpy()[1] / 4 if zero_infinity else np.inf)
        (g,) = tt.grad(loss, x, **options)
        assert (g.numpy()[:, 0] == 0).all()
        np.testing.assert_allclose(g.numpy()[:, 1].sum(axis=1), -1 / 4, rtol=1e-12)


def test_steps_past_the_end_get_no_gradient():
    x = leaf(log_probabilities(5, 2, 3))
    F.ctc_loss(x, np.array([[1], [2]]), [3, 5], [1, 1], reduction="sum").backward()
    assert (x.grad.numpy()[3:, 0] == 0).all()
    assert (x.grad.numpy()[3:, 1] != 0).any()


def test_no_steps_are_certainly_no_labels():
    x = log_probabilities(2, 2, 3)
    losses = F.ctc_loss(x, [[1], [1]], [0, 0], [0, 1], reduction="none")
    assert losses.tolist() == [0, np.inf]


# ------------------------------------------------------------------ the compiled loops


@pytest.mark.skipif(not compiled.available(), reason="needs numba")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("T", "N", "C", "L"), [(1, 1, 2, 1), (30, 5, 4, 6), (40, 3, 7, 25)])
def test_compiled_loops_give_what_numpy_gives(dtype, T, N, C, L):
    rng = np.random.default_rng(T)
    x = log_probabilities(N, T, C).astype(dtype).swapaxes(0, 1)
    x[T // 2, 0, 1] = -np.inf  # a symbol that cannot be
    targets, blank = rng.integers(0, C - 1, (N, L)), C - 1
    steps, lengths = rng.integers(0, T + 1, N), rng.integers(0, L + 1, N)
    steps[0], lengths[0] = T, L
    g = rng.standard_normal(N).astype(dtype)
    for unknown in (False, True):
        if unknown:
            x[0, 0, targets[0, 0]] = np.nan
        with np.errstate(invalid="ignore"):
            expected, back = ctc.with_numpy(x, targets, steps, lengths, blank)
            to_x = back(g)
        found, back_in_loops = ctc.in_loops(x, targets, steps, lengths, blank)
        to_x_in_loops = back_in_loops(g)
        assert found.dtype == to_x_in_loops.dtype == dtype
        near = {"rtol": 1e-6, "atol": 1e-6} if dtype == np.float32 else {"atol": 1e-11}
        np.testing.assert_allclose(found, expected, **near)
        known = ~np.isnan(expected)  # of the others, not every number is NaN
        np.testing.assert_allclose(to_x_in_loops[:, known], to_x[:, known], **near)
        assert np.isnan(to_x_in_loops[:, ~known]).any() == (not known.all())


@pytest.mark.skipif(not compiled.available(), reason="needs numba")
def test_many_states_go_through_the_loops(monkeypatch):
    monkeypatch.delattr(ctc, "with_numpy")
    x = leaf(log_probabilities(100, 4, 9))
    F.ctc_loss(x, np.ones((4, 40), int), [100] * 4, [40] * 4).backward()
    np.testing.assert_allclose(x.grad.numpy().sum((0, 2)), [-100 / 40 / 4] * 4)


# ------------------------------------------------------------------ PyTorch


@pytest.mark.oracle
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("blank", [0, 3])
@pytest.mark.parametrize("concatenated", [False, True])
def test_losses_and_gradients_of_logits_are_those_of_pytorch(reduction, blank, concatenated):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    z = rng.standard_normal((12, 4, 6))
    steps, lengths = [12, 9, 7, 10], [4, 2, 3, 1]
    rows = np.array([[1, 2, 2, 5], [4, 4, 1, 1], [2, 1, 2, 1], [5, 1, 1, 1]])
    y = (
        np.concatenate([r[:n] for r, n in zip(rows, lengths, strict=True)])
        if concatenated
        else rows
    )
    x, theirs = leaf(z), torch.tensor(z, requires_grad=True)
    loss = nn.CTCLoss(blank, reduction)(F.log_softmax(x, dim=2), y, steps, lengths)
    expected = torch.nn.CTCLoss(blank, reduction)(
        theirs.log_softmax(2), torch.tensor(y), torch.tensor(steps), torch.tensor(lengths)
    )
    np.testing.assert_allclose(loss.numpy(), expected.detach().numpy(), rtol=1e-10)
    np.sum(loss).backward()
    expected.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), theirs.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.oracle
def test_one_sequence_and_impossible_ones_are_as_in_pytorch():
    torch = pytest.importorskip("torch")
    x = log_probabilities(4, 3)
    for labels in ([1], [1, 1, 1], []):
        for options in ({}, {"zero_infinity": True}, {"reduction": "none"}):
            y = np.array(labels, int)
            loss = F.ctc_loss(x, y, 4, len(labels), **options)
            expected = torch.nn.functional.ctc_loss(
                torch.tensor(x), torch.tensor(y), torch.tensor(4), torch.tensor(len(labels)),
                **options,
            )  # fmt: skip
            assert loss.shape == tuple(expected.shape)
            assert loss.item() == pytest.approx(expected.item(), rel=1e-12)


# ------------------------------------------------------------------ what is refused

GOOD = {"log_probs": log_probabilities(5, 2, 4), "targets": np.array([[1, 2], [3, 0]]),
        "input_lengths": [5, 4], "target_lengths": [2, 1]}  # fmt: skip


@pytest.mark.parametrize(
    ("error", "match", "wrong"),
    [
        (tt.ShapeError, "log-probabilities", {"log_probs": np.zeros((5, 2, 4, 1))}),
        (tt.ShapeError, "log-probabilities", {"log_probs": np.zeros((0, 2, 4))}),
        (tt.DtypeError, "floats", {"log_probs": np.zeros((5, 2, 4), int)}),
        (tt.ArgumentError, r"(?s)input_lengths.*6.*0 to 5", {"input_lengths": [5, 6]}),
        (tt.ArgumentError, r"(?s)input_lengths.*-1", {"input_lengths": [-1, 5]}),
        (tt.ShapeError, "input_lengths", {"input_lengths": [5]}),
        (tt.DtypeError, "integers", {"input_lengths": [5.0, 4.0]}),
        (tt.ArgumentError, r"(?s)target_lengths.*3.*0 to 2", {"target_lengths": [3, 1]}),
        (tt.ShapeError, r"(?s)add up.*3 labels.*2", {"targets": [1, 2, 3],
                                                     "target_lengths": [1, 1]}),
        (tt.ShapeError, "targets do not fit", {"targets": np.ones((3, 2), int)}),
        (tt.DtypeError, "integers", {"targets": np.array([[1.0, 2.0], [3.0, 0.0]])}),
        (tt.IndexingError, "class 4 does not exist", {"targets": [[1, 4], [3, 0]]}),
        (tt.IndexingError, "class -1 does not exist", {"targets": [[1, 2], [-1, 0]]}),
        (tt.IndexingError, "blank is no label", {"targets": [[1, 0], [3, 0]]}),
        (tt.ArgumentError, r"(?s)blank=4.*0 to 3", {"blank": 4}),
        (tt.ArgumentError, "blank=-1", {"blank": -1}),
        (tt.ArgumentError, "reduction", {"reduction": "average"}),
    ],
)  # fmt: skip
def test_bad_input_is_refused(error, match, wrong):
    F.ctc_loss(**GOOD)
    with pytest.raises(error, match=match):
        F.ctc_loss(**{**GOOD, **wrong})


# ------------------------------------------------------------------ decoding


def test_repeats_are_one_label_and_blanks_none():
    assert collapse([1, 1, 0, 1, 2, 2]).tolist() == [1, 1, 2]
    assert collapse([0, 0]).tolist() == collapse(np.array([], int)).tolist() == []
    assert collapse([3, 0, 0, 3], blank=3).tolist() == [0]


def test_greedy_decoding_reads_the_likeliest_path():
    paths = np.array([[1, 1, 0, 2], [0, 2, 2, 1]])
    x = np.eye(3)[paths.T]
    assert [y.tolist() for y in ctc_greedy(x)] == [[1, 2], [2, 1]]
    assert [y.tolist() for y in ctc_greedy(tt.Tensor(x), [2, 3])] == [[1], [2]]
    assert ctc_greedy(x[:, 0], 4).tolist() == [1, 2]
    with pytest.raises(tt.ArgumentError, match="outside"):
        ctc_greedy(x, [5, 1])
    with pytest.raises(tt.ArgumentError, match="blank=3"):
        ctc_greedy(x, blank=3)
    with pytest.raises(tt.ShapeError, match="scores"):
        ctc_greedy(paths)


def test_the_likeliest_path_need_not_be_that_of_the_likeliest_labels():
    """ "–" has 0.36, "a" has 0.64 in three paths of which none reaches 0.36."""
    x = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert ctc_greedy(x).tolist() == []
    assert F.ctc_loss(x, [1], 2, 1).item() < F.ctc_loss(x, np.array([], int), 2, 0).item()


@given(st.text("ab", max_size=5), st.text("ab", max_size=5), st.text("ab", max_size=5))
def test_the_edit_distance_is_a_distance(a, b, c):
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, b) == edit_distance(b, a)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


def test_the_error_rate_is_edits_per_token():
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance(["bir", "iki"], ["iki"]) == 1
    assert error_rate(["kitten", "ab"], ["sitting", "ab"]) == 3 / 8
    with pytest.raises(tt.ShapeError, match="one guess"):
        error_rate(["a"], [])
    with pytest.raises(tt.ArgumentError, match="nothing to get wrong"):
        error_rate([""], ["a"])
