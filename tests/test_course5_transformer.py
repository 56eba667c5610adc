"""Course 5, week 4: self-attention and the transformer. Rows 5.33 to 5.36."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn
from tinygrad_tr.examples import course5_bert, course5_self_attention, course5_transformer
from tinygrad_tr.nn import functional as F

RNG = np.random.default_rng(0)
Q, KEYS, VALUES = np.array([[1.0, 0.0]]), np.eye(2), np.array([[1.0], [2.0]])

# ------------------------------------------------------------------ 5.33 self-attention


def test_the_numbers_of_one_query():
    weights = F.attention_weights(tt.Tensor(Q), KEYS, scale=1.0).numpy()
    np.testing.assert_allclose(weights, [[0.731059, 0.268941]], atol=5e-7)
    out = F.scaled_dot_product_attention(tt.Tensor(Q), KEYS, VALUES, scale=1.0)
    assert out.item() == pytest.approx(1.268941, abs=5e-7)


def test_the_matrix_form_is_the_loop_over_words():
    x = RNG.standard_normal((5, 4))
    w_q, w_k, w_v = RNG.standard_normal((3, 4, 4))
    found = F.scaled_dot_product_attention(
        tt.Tensor(x @ w_q.T), x @ w_k.T, x @ w_v.T, scale=1.0
    ).numpy()
    assert found.shape == (5, 4)  # five words, five outputs of the value's size
    for t in range(5):
        q = w_q @ x[t]
        answers = [np.exp(q @ (w_k @ x[i])) for i in range(5)]
        A = sum(a / sum(answers) * (w_v @ x[i]) for i, a in enumerate(answers))
        np.testing.assert_allclose(found[t], A, rtol=1e-12)


def self_attention(x, w_q, w_k, w_v):
    return course5_self_attention.self_attention(x, w_q, w_k, w_v)[1]


def test_the_gradient_of_self_attention_is_that_of_differences():
    inputs = [RNG.standard_normal((3, 2)), *RNG.standard_normal((3, 2, 2))]
    assert tt.gradcheck(self_attention, inputs)
    assert tt.gradgradcheck(self_attention, inputs)
    q, k, v = (leaf(x) for x in RNG.standard_normal((3, 5, 4)))
    assert tt.gradcheck(F.scaled_dot_product_attention, [q, k, v], rtol=1e-7)


def test_words_in_another_order_give_the_same_vectors_in_that_order():
    moved, apart = course5_self_attention.order_and_heads()
    assert moved < 1e-13
    assert apart < 1e-13


def test_the_picture_shows_queries_keys_values_and_weights_in_numbers():
    x = tt.Tensor(course5_self_attention.X, requires_grad=True, name="X")
    w = [
        course5_self_attention.parameter(name, getattr(course5_self_attention, name))
        for name in ("W_Q", "W_K", "W_V")
    ]
    weights, out = course5_self_attention.self_attention(x, *w)
    np.testing.assert_allclose(weights.numpy().sum(axis=1), 1, rtol=1e-6)
    source = out.sum().draw().source
    for shown in ("<B>Q</B>", "<B>K</B>", "<B>V</B>", "<B>weights</B>", "0.7679", "∂out/∂Q"):
        assert shown in source


# ------------------------------------------------------------------ 5.34 scaled, and masked


def test_the_numbers_of_one_query_scaled():
    weights = F.attention_weights(tt.Tensor(Q), KEYS).numpy()
    np.testing.assert_allclose(weights, [[0.669762, 0.330238]], atol=5e-7)
    out = F.scaled_dot_product_attention(tt.Tensor(Q), KEYS, VALUES)
    assert out.item() == pytest.approx(1.330238, abs=5e-7)


@pytest.mark.parametrize("d", [4, 64, 512])
def test_the_variance_of_a_product_is_its_length_and_1_when_scaled(d):
    variance, scaled, *_ = course5_self_attention.spread(d, 5000)
    assert variance == pytest.approx(d, rel=0.1)
    assert scaled == pytest.approx(1, rel=0.1)


def test_rows_of_weights_sum_to_1_and_a_mask_gives_exact_zeros():
    q, k, v = (leaf(RNG.standard_normal((2, 5, 4))) for _ in range(3))
    seen = np.tri(5, dtype=bool)
    for mask in (seen, np.where(seen, 0, -np.inf)):
        weights = F.attention_weights(q, k, mask)
        np.testing.assert_allclose(weights.numpy().sum(axis=-1), 1, rtol=1e-12)
        assert (weights.numpy()[:, ~seen] == 0).all()
        first = F.scaled_dot_product_attention(q, k, v, mask)[:, 0]
        for g in tt.grad((first**2).sum(), [k, v]):
            assert not g.numpy()[:, 1:].any()  # of what the first word may not see

    def masked(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, seen)

    assert tt.gradcheck(masked, [q, k, v], rtol=1e-7)


@pytest.mark.oracle
def test_scaled_dot_product_attention_is_pytorchs():
    torch = pytest.importorskip("torch")
    inputs = [RNG.standard_normal((2, 3, n, 4)) for n in (5, 6, 6)]
    found = F.scaled_dot_product_attention(*map(tt.Tensor, inputs)).numpy()
    expected = torch.nn.functional.scaled_dot_product_attention(*map(torch.tensor, inputs))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-10, atol=1e-14)


# ------------------------------------------------------------------ 5.35 several heads


def test_one_head_with_w_o_the_identity_is_scaled_dot_product_attention():
    layer = nn.MultiheadAttention(4, 1, bias=False, batch_first=True).to(np.float64)
    layer.out_proj.weight.assign(np.eye(4))
    x, memory = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 5, 4))
    w_q, w_k, w_v = np.split(layer.in_proj_weight.numpy(), 3)
    found, weights = layer(tt.Tensor(x), tt.Tensor(memory), tt.Tensor(memory))
    q, k, v = tt.Tensor(x @ w_q.T), memory @ w_k.T, memory @ w_v.T
    expected = F.scaled_dot_product_attention(q, k, v)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-14)
    np.testing.assert_allclose(weights.numpy(), F.attention_weights(q, k).numpy(), atol=1e-14)


def test_the_heads_are_thirds_of_in_proj_and_blocks_of_it():
    """head_i = attention(W_i^Q Q, W_i^K K, W_i^V V), joined, times W^o."""
    layer = nn.MultiheadAttention(12, 3).to(np.float64)
    layer.in_proj_bias.assign(RNG.standard_normal(36))
    Q, K, V = RNG.standard_normal((3, 5, 12))
    state = layer.state_dict()
    W, b = np.split(state["in_proj_weight"], 3), np.split(state["in_proj_bias"], 3)
    heads = []
    for i in range(3):
        own = slice(4 * i, 4 * i + 4)
        q, k, v = (x @ w[own].T + c[own] for x, w, c in zip((Q, K, V), W, b, strict=True))
        heads.append(F.scaled_dot_product_attention(tt.Tensor(q), k, v).numpy())
    expected = np.concatenate(heads, axis=1) @ state["out_proj.weight"].T
    np.testing.assert_allclose(layer(*map(tt.Tensor, (Q, K, V)))[0].numpy(), expected, atol=1e-13)


# ------------------------------------------------------------------ 5.36 the transformer


@pytest.fixture(scope="module")
def recall():
    return course5_transformer.learn(300, seed=1)[0]


def test_what_was_told_is_recalled(recall):
    tokens, digit = course5_transformer.sequences(1000, np.random.default_rng(5))
    assert np.mean(recall(tokens).numpy().argmax(axis=1) == digit) >= 0.95
    fresh = course5_transformer.Recall()
    assert np.mean(fresh(tokens).numpy().argmax(axis=1) == digit) <= 0.25  # chance 0.125


def test_the_sequences_have_one_answer():
    tokens, digit = course5_transformer.sequences(200, np.random.default_rng(5))
    for row, answer in zip(tokens, digit, strict=True):
        letters, digits = row[:-1:2], row[1::2] - 8
        assert len(set(letters)) == 5
        assert digits[letters == row[-1]] == [answer]


def test_heads_look_back_only_and_rows_sum_to_1(recall):
    tokens, _ = course5_transformer.sequences(3, np.random.default_rng(5))
    for weights in course5_transformer.weights_of(recall, tokens):
        assert weights.shape == (3, 4, 11, 11)
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
        assert not np.triu(weights, 1).any()


def test_order_matters_with_positions_only_and_the_future_not_at_all(recall):
    moved, moved_with, leaked = course5_transformer.order_and_time(recall)
    assert moved < 1e-5  # float32
    assert moved_with > 0.1
    assert leaked == 0


@pytest.mark.parametrize("norm_first", [False, True])
def test_without_positions_an_encoder_does_not_mind_the_order(norm_first):
    tt.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, norm_first=norm_first, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2).to(np.float64).eval()
    positions = nn.SinusoidalPositions(8, 6, dtype=np.float64)
    x, order = tt.Tensor(RNG.standard_normal((2, 6, 8))), RNG.permutation(6)
    plain, reordered = encoder(x).numpy(), encoder(x[:, order]).numpy()
    np.testing.assert_allclose(plain[:, order], reordered, atol=1e-13)
    placed, reordered = encoder(positions(x)).numpy(), encoder(positions(x[:, order])).numpy()
    assert abs(placed[:, order] - reordered).max() > 0.1


def test_a_causal_output_does_not_know_what_comes_later():
    tt.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2).to(np.float64).eval()
    x = leaf(RNG.standard_normal((1, 6, 8)))
    for t in range(6):
        out = encoder(x, is_causal=True)[0, t]
        (g,) = tt.grad(out.sum() + (out * out).sum(), x)
        assert g.numpy()[0, : t + 1].any(axis=-1).all()
        assert not g.numpy()[0, t + 1 :].any()


def test_the_multiply_adds_of_attention_are_counted():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    rows = {row.path: row for row in nn.summary(layer, np.zeros((3, 6, 8), np.float32)).rows}
    products = 3 * 6 * 8 * 24 + 3 * 6 * 8 * 8  # q, k, v and out
    attention = 2 * 3 * 2 * 6 * 6 * 4  # q kᵀ and the mean of the values
    assert rows["self_attn"].multiply_adds == products + attention


def test_the_verbs_of_the_examples_sentences_agree_with_person_and_time():
    vocab = course5_bert.VOCAB
    assert len(course5_bert.SENTENCES) == 6 * 2 * 6 * 3
    row = np.array([course5_bert.CLS, *vocab.encode(["siz", "dün", "eve", "koştunuz"])])
    found = vocab.decode(course5_bert.verbs_for(row))
    assert sorted(found) == ["baktınız", "gittiniz", "koştunuz"]
