"""Attention: PyTorch's numbers, masks of all kinds, queries without keys, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn
from tinygrad_tr.kernels import threads
from tinygrad_tr.kernels.compiled import SMALLEST
from tinygrad_tr.nn import functional as F
from tinygrad_tr.rules.attention import attention, attention_reference

RNG = np.random.default_rng(0)
E, HEADS, L, S, N = 12, 3, 4, 5, 2

# ------------------------------------------------------------------ the function


def test_a_query_without_keys_gets_zeros_and_gives_no_gradient():
    q, k, v = (leaf(RNG.standard_normal((2, n, 3))) for n in (4, 5, 5))
    nothing = np.ones((4, 5), bool)
    nothing[2] = False
    for mask in (nothing, np.where(nothing, 0, -np.inf)):
        out = F.scaled_dot_product_attention(q, k, v, mask)
        weights = F.attention_weights(q, k, mask).numpy()
        assert not out.numpy()[:, 2].any()
        assert not weights[:, 2].any()
        np.testing.assert_allclose(np.delete(weights, 2, axis=1).sum(axis=-1), 1)
        gradients = tt.grad(out.sum(), [q, k, v], create_graph=True)
        assert not gradients[0].numpy()[:, 2].any()
        again = tt.grad(sum((g * g).sum() for g in gradients), [q, k, v])
        for g in (*gradients, *again):
            assert np.isfinite(g.numpy()).all()


def test_a_whole_batch_without_keys_is_zeros():
    q = leaf(RNG.standard_normal((2, 4, 3)))
    out = F.scaled_dot_product_attention(q, q, q, np.zeros((4, 4), bool))
    out.sum().backward()
    assert not out.numpy().any()
    assert not q.grad.numpy().any()


def test_causal_is_the_lower_triangle_within_the_mask():
    q, k, v = (leaf(RNG.standard_normal((n, 3))) for n in (4, 6, 6))
    seen = RNG.random((4, 6)) < 0.7
    seen[:, 0] = True
    both = F.scaled_dot_product_attention(q, k, v, seen, is_causal=True)
    by_hand = F.scaled_dot_product_attention(q, k, v, seen & np.tri(4, 6, dtype=bool))
    np.testing.assert_array_equal(both.numpy(), by_hand.numpy())
    np.testing.assert_array_equal(F.causal_mask(2, 5, 3), [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])


def test_scores_too_large_for_exp_are_no_problem():
    q = tt.Tensor(1e4 * np.eye(3, dtype=np.float32), requires_grad=True)
    out = F.scaled_dot_product_attention(q, q, q, is_causal=True)
    out.sum().backward()
    np.testing.assert_array_equal(out.numpy(), q.numpy())
    assert np.isfinite(q.grad.numpy()).all()


def test_one_set_of_keys_serves_several_queries():
    q, k, v = RNG.standard_normal((2, 3, 4, 5)), *RNG.standard_normal((2, 3, 6, 5))
    q, k, v = leaf(q), leaf(k), leaf(v)
    out = F.scaled_dot_product_attention(q, k, v)
    each = [F.scaled_dot_product_attention(q[i], k, v).numpy() for i in range(2)]
    np.testing.assert_allclose(out.numpy(), each, rtol=1e-12)
    out.sum().backward()
    assert (q.grad.shape, k.grad.shape, v.grad.shape) == (q.shape, k.shape, v.shape)


def test_a_learned_bias_gets_its_gradient_over_what_was_stretched():
    q, k, v = (leaf(RNG.standard_normal((2, 3, n, 5))) for n in (4, 6, 6))
    bias = leaf(RNG.standard_normal((3, 1, 6)))
    assert tt.gradcheck(F.scaled_dot_product_attention, [q, k, v, bias])
    frozen = F.scaled_dot_product_attention(q, k, v, bias.numpy())
    np.testing.assert_array_equal(
        frozen.numpy(), F.scaled_dot_product_attention(q, k, v, bias).numpy()
    )


def test_no_queries_and_no_sequences_are_no_problem():
    keys = leaf(RNG.standard_normal((2, 5, 3)))
    for shape in ((2, 0, 3), (0, 4, 3)):
        q, k = leaf(np.zeros(shape)), keys if shape[0] else leaf(np.zeros((0, 5, 3)))
        out = F.scaled_dot_product_attention(q, k, k)
        assert out.shape == shape
        out.sum().backward()
        assert not q.grad.numpy().any()
        assert not k.grad.numpy().any()


def test_dropout_thins_the_weights_out_and_keeps_their_mean():
    q, k = tt.zeros(2000, 4), tt.zeros(10, 4)
    v = tt.ones(10, 1)
    generator = np.random.default_rng(0)
    out = F.scaled_dot_product_attention(q, k, v, dropout_p=0.25, generator=generator).numpy()
    assert out.mean() == pytest.approx(1, abs=0.02)
    assert out.std() == pytest.approx(np.sqrt(0.25 / 0.75 / 10), rel=0.1)
    assert not F.scaled_dot_product_attention(q, k, v, dropout_p=1.0).numpy().any()


@pytest.mark.parametrize("cores", [1, 3])
@pytest.mark.parametrize("biased", [False, True])
def test_large_stacks_give_the_numbers_of_the_reference(monkeypatch, cores, biased):
    monkeypatch.setattr(threads, "cores", lambda: cores)
    q, k, v = (leaf(RNG.standard_normal((5, 4, n, 8))) for n in (32, 40, 40))
    bias = leaf(RNG.standard_normal((4, 32, 40))) if biased else None
    assert SMALLEST <= 5 * 4 * 32 * 40
    kept = RNG.random((5, 4, 32, 40)) < 0.8
    facts = {"where": np.tri(32, 40, 4, dtype=bool), "scale": 0.3, "keep": 0.8}
    g = RNG.standard_normal((5, 4, 32, 8))
    wanted = [q, k, v, bias][: 3 + biased]
    out = attention(q, k, v, bias, kept, **facts)
    expected = attention_reference(q, k, v, bias, kept, **facts)
    np.testing.assert_allclose(out.numpy(), expected.numpy(), atol=1e-12)
    for ours, theirs in zip(tt.grad(out, wanted, g), tt.grad(expected, wanted, g), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-12)


def test_the_result_lies_in_memory_so_that_heads_join_without_a_copy():
    x = tt.zeros(2, 6, 12)
    heads = x.reshape(2, 6, 3, 4).transpose(0, 2, 1, 3)
    out = F.scaled_dot_product_attention(heads, heads, heads)
    assert out.transpose(0, 2, 1, 3).numpy().flags.c_contiguous


Q, K = np.zeros((2, 4, 3)), np.zeros((2, 5, 3))


@pytest.mark.parametrize(
    ("inputs", "options", "said"),
    [
        ((Q, K[..., :2], K), {}, "do not fit the queries"),
        ((Q, K[[0, 0, 1]], K[[0, 0, 1]]), {}, "do not fit the queries"),
        ((Q, K, K[:, :4]), {}, "one value"),
        ((Q, K[:, :0], K[:, :0]), {}, "no key"),
        ((Q.astype(int), K, K), {}, "floats"),
        ((Q, K.astype(np.float32), K), {}, "one dtype"),
        ((Q, K, K.astype(np.float32)), {}, "one dtype"),
        ((Q, K, K), {"attn_mask": np.ones((5, 4), bool)}, "mask does not fit"),
        ((Q, K, K), {"attn_mask": np.ones((3, 2, 4, 5), bool)}, "mask does not fit"),
        ((Q, K, K), {"attn_mask": np.ones((4, 5), int)}, "booleans"),
        ((Q, K, K), {"attn_mask": np.ones((4, 5), np.float32)}, "booleans"),
        ((Q, K, K), {"dropout_p": 1.5}, "[0, 1]"),
        ((Q, K, K), {"scale": np.nan}, "scale"),
    ],
)
def test_what_is_no_attention_is_refused(inputs, options, said):
    with pytest.raises(tt.errors.TinygradError) as caught:
        F.scaled_dot_product_attention(*map(tt.Tensor, inputs), **options)
    assert said in str(caught.value)


@pytest.mark.parametrize("where", [np.ones((2, 3), bool), np.ones((3, 4), int), [True], None])
def test_softmax_refuses_what_is_no_mask(where):
    x = tt.zeros(3, 4)
    if where is None:
        assert (F.softmax(x).numpy() == 0.25).all()
        return
    with pytest.raises(tt.errors.TinygradError, match="softmax: where"):
        tt.softmax(x, where=where)


# ------------------------------------------------------------------ the layer

LAYERS = {
    "plain": {},
    "batch first": {"batch_first": True},
    "no bias": {"bias": False},
    "more keys": {"add_bias_kv": True, "add_zero_attn": True},
    "other sizes": {"kdim": 5, "vdim": 7},
    "other sizes, batch first": {"kdim": 5, "vdim": 7, "add_bias_kv": True, "batch_first": True},
}
LATER = np.triu(np.ones((L, S), bool), 1)
PADDING = np.arange(S) >= np.array([[S], [S - 2]])
MASKS = {
    "none": {},
    "padding": {"key_padding_mask": PADDING},
    "later": {"attn_mask": LATER},
    "both": {"attn_mask": LATER, "key_padding_mask": PADDING},
    "added": {"attn_mask": RNG.standard_normal((N * HEADS, L, S))},
    "added to padding": {
        "attn_mask": RNG.standard_normal((L, S)),
        "key_padding_mask": np.where(PADDING, -np.inf, 0),
    },
    "for each head": {"attn_mask": np.repeat(LATER[None], N * HEADS, axis=0)},
}


def pair(torch, **options):
    """Our layer and PyTorch's, with the same numbers."""
    theirs = torch.nn.MultiheadAttention(E, HEADS, dtype=torch.float64, **options)
    torch.manual_seed(0)
    for p in theirs.parameters():
        torch.nn.init.normal_(p, std=0.5)
    ours = nn.MultiheadAttention(E, HEADS, **options).to(np.float64)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def sequences(kdim=E, vdim=E, batch_first=False, **_):
    shapes = ((L, N, E), (S, N, kdim), (S, N, vdim))
    arrays = [RNG.standard_normal(shape) for shape in shapes]
    return [np.swapaxes(x, 0, 1).copy() if batch_first else x for x in arrays]


def agree(ours, theirs, inputs, **options):
    """Outputs, weights and all gradients are PyTorch's; the inputs may be one thing thrice."""
    torch = pytest.importorskip("torch")
    leaves = {id(x): leaf(x) for x in inputs}
    others = {id(x): torch.tensor(x, requires_grad=True) for x in inputs}
    theirs_given = {
        name: torch.tensor(x) if isinstance(x, np.ndarray) else x for name, x in options.items()
    }
    out, weights = ours(*(leaves[id(x)] for x in inputs), **options)
    expected, their_weights = theirs(*(others[id(x)] for x in inputs), **theirs_given)
    np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), atol=1e-12)
    assert (weights is None) == (their_weights is None)
    if weights is not None:
        np.testing.assert_allclose(weights.numpy(), their_weights.detach().numpy(), atol=1e-12)
    g = np.random.default_rng(1).standard_normal(out.shape)
    found = tt.grad(out, [*leaves.values(), *ours.parameters()], g)
    wanted = [*others.values(), *theirs.parameters()]
    for x, y in zip(found, torch.autograd.grad(expected, wanted, torch.tensor(g)), strict=True):
        np.testing.assert_allclose(x.numpy(), y.numpy(), atol=1e-11)


@pytest.mark.oracle
@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("name", LAYERS)
def test_cross_attention_is_that_of_pytorch(name, masks, need_weights):
    torch = pytest.importorskip("torch")
    ours, theirs = pair(torch, **LAYERS[name])
    q, k, v = sequences(**LAYERS[name])
    inputs = (q, k, v) if k.shape != v.shape else (q, k, k)
    agree(ours, theirs, inputs, need_weights=need_weights, **MASKS[masks])


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["plain", "batch first", "no bias", "more keys"])
def test_self_attention_is_that_of_pytorch(name):
    torch = pytest.importorskip("torch")
    ours, theirs = pair(torch, **LAYERS[name])
    x = sequences(**LAYERS[name])[1]
    masks = {"attn_mask": np.triu(np.ones((S, S), bool), 1), "key_padding_mask": PADDING}
    agree(ours, theirs, (x, x, x), average_attn_weights=False, **masks)
    agree(ours, theirs, (x, x, x), need_weights=False)
    agree(ours, theirs, (x, x.copy(), x.copy()))  # three products instead of one


@pytest.mark.oracle
def test_without_a_batch_it_is_pytorchs_too():
    torch = pytest.importorskip("torch")
    for options in ({}, {"batch_first": True}):
        ours, theirs = pair(torch, **options)
        q, k = RNG.standard_normal((L, E)), RNG.standard_normal((S, E))
        agree(ours, theirs, (q, k, k), key_padding_mask=PADDING[1], average_attn_weights=False)
        agree(ours, theirs, (q, k, k), need_weights=False, attn_mask=LATER)


def small(**options):
    tt.manual_seed(0)
    return nn.MultiheadAttention(E, HEADS, **options).to(np.float64)


def test_is_causal_needs_no_mask_and_adds_to_one():
    layer, x = small(), tt.Tensor(RNG.standard_normal((L, N, E)))
    later = np.triu(np.ones((L, L), bool), 1)
    plain, _ = layer(x, x, x, attn_mask=later)
    for options in ({}, {"attn_mask": later}, {"attn_mask": np.zeros((L, L))}):
        for need_weights in (False, True):
            out, _ = layer(x, x, x, is_causal=True, need_weights=need_weights, **options)
            np.testing.assert_allclose(out.numpy(), plain.numpy(), atol=1e-14)


def test_a_sequence_that_is_all_padding_gives_the_bias_and_no_nan():
    layer, x = small(), leaf(RNG.standard_normal((L, N, E)))
    init = np.arange(E) * 0.1
    layer.out_proj.bias.assign(init)
    padding = np.array([[False] * L, [True] * L])
    for need_weights in (False, True):
        out, _ = layer(x, x, x, padding, need_weights=need_weights)
        np.testing.assert_array_equal(out.numpy()[:, 1], np.broadcast_to(init, (L, E)))
        (g,) = tt.grad((out * out).sum(), x)
        assert np.isfinite(g.numpy()).all()
        assert not g.numpy()[:, 1].any()


def test_the_gradient_is_that_of_differences():
    layer, x = small(add_bias_kv=True), tt.Tensor(RNG.standard_normal((L, N, E)))
    padding = np.array([[False, False, True, True], [False] * 4])

    def loss():
        out, weights = layer(x, x, x, padding)
        return (out * out).sum() + (weights * weights).sum()

    assert tt.gradient_difference(loss, layer).total < 1e-7


@pytest.mark.oracle
def test_the_numbers_it_starts_with_are_distributed_as_pytorchs():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    sizes = {"embed_dim": 96, "num_heads": 4, "add_bias_kv": True}
    for more in ({}, {"kdim": 60, "vdim": 200}):
        theirs = torch.nn.MultiheadAttention(**sizes, **more)
        ours = nn.MultiheadAttention(**sizes, **more, generator=np.random.default_rng(0))
        for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            p, q = p.numpy(), q.detach().numpy()
            assert p.std() == pytest.approx(q.std(), rel=0.35 if p.size < 100 else 0.05), name
            if "weight" in name:  # uniform: the bounds show
                assert abs(p).max() == pytest.approx(abs(q).max(), rel=0.05), name


def test_dropout_is_for_training_only():
    layer, x = small(dropout=0.5), tt.Tensor(RNG.standard_normal((L, N, E)))
    thin, full = layer(x, x, x)[1].numpy(), layer.eval()(x, x, x)[1].numpy()
    np.testing.assert_allclose(full.sum(axis=-1), 1)
    assert (thin != full).any()
    again, _ = layer(x, x, x, need_weights=False)
    np.testing.assert_allclose(again.numpy(), layer(x, x, x)[0].numpy(), atol=1e-14)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: nn.MultiheadAttention(10, 3), "multiple of num_heads"),
        (lambda: nn.MultiheadAttention(0, 1), "embed_dim"),
        (lambda: nn.MultiheadAttention(12, 3, dropout=2.0), "[0, 1]"),
        (lambda: small()(*[tt.zeros(L, N, E + 1, dtype=np.float64)] * 3), "(L, N, 12)"),
        (lambda: small()(*(tt.zeros(4, n, E, dtype=np.float64) for n in (2, 3, 3))), "(L, N, 12)"),
        (lambda: small()(*[tt.zeros(L, N, E, dtype=np.float64)] * 3, PADDING), "(2, 4)"),
        (lambda: small()(*[tt.zeros(L, N, E, dtype=np.float64)] * 3, attn_mask=LATER), "(4, 4)"),
        (
            lambda: small()(
                *[tt.zeros(L, N, E, dtype=np.float64)] * 3, attn_mask=np.zeros((4, 4), int)
            ),
            "booleans",
        ),
    ],
)
def test_what_fits_no_layer_is_refused(given, said):
    with pytest.raises(tt.errors.TinygradError) as caught:
        given()
    assert said in str(caught.value)
