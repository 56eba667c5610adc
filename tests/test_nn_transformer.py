"""Transformers: PyTorch's names and numbers, and positions."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn
from tinygrad_tr.nn import functional as F

D, HEADS, WIDE, S, T, N = 12, 3, 16, 5, 4, 2
RNG = np.random.default_rng(0)
PADDING = np.arange(S) >= np.array([[S], [S - 2]])
LATER = np.triu(np.ones((T, T), bool), 1)
VARIANTS = {
    "as in the paper": {},
    "norm first": {"norm_first": True},
    "batch first, gelu": {"batch_first": True, "activation": "gelu"},
    "no bias, another eps": {"bias": False, "layer_norm_eps": 1e-3},
}


def pair(torch, name, *sizes, **options):
    """Our module and PyTorch's, with the same random numbers, without dropout."""
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(*sizes, **options, dtype=torch.float64).eval()
    for p in theirs.parameters():
        torch.nn.init.normal_(p, std=0.4)
    ours = getattr(nn, name)(*sizes, **options).to(np.float64).eval()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def agree(torch, ours, theirs, arrays, **options):
    """Outputs, and gradients to inputs and parameters, are PyTorch's."""
    mine, other = [leaf(x) for x in arrays], [torch.tensor(x, requires_grad=True) for x in arrays]
    out = ours(*mine, **options)
    given = {k: torch.tensor(x) if isinstance(x, np.ndarray) else x for k, x in options.items()}
    expected = theirs(*other, **given)
    np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), atol=1e-11)
    g = np.random.default_rng(1).standard_normal(out.shape)
    found = tt.grad(out, [*mine, *ours.parameters()], g)
    wanted = torch.autograd.grad(expected, [*other, *theirs.parameters()], torch.tensor(g))
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_allclose(x.numpy(), y.numpy(), atol=1e-10)


def sequences(batch_first=False, **_):
    src, tgt = RNG.standard_normal((S, N, D)), RNG.standard_normal((T, N, D))
    return [np.swapaxes(x, 0, 1).copy() if batch_first else x for x in (src, tgt)]


@pytest.mark.oracle
@pytest.mark.parametrize("name", VARIANTS)
def test_the_encoder_layer_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    options = VARIANTS[name]
    ours, theirs = pair(torch, "TransformerEncoderLayer", D, HEADS, WIDE, **options)
    src, tgt = sequences(**options)
    agree(torch, ours, theirs, [src], src_key_padding_mask=PADDING)
    agree(torch, ours, theirs, [tgt], src_mask=LATER)
    agree(torch, ours, theirs, [src[0] if options.get("batch_first") else src[:, 0]])


@pytest.mark.oracle
@pytest.mark.parametrize("name", VARIANTS)
def test_the_decoder_layer_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    options = VARIANTS[name]
    ours, theirs = pair(torch, "TransformerDecoderLayer", D, HEADS, WIDE, **options)
    src, tgt = sequences(**options)
    agree(torch, ours, theirs, [tgt, src])
    agree(torch, ours, theirs, [tgt, src], tgt_mask=LATER, memory_key_padding_mask=PADDING)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")  # PyTorch's, about layouts that it would not take
@pytest.mark.parametrize("name", VARIANTS)
def test_the_whole_transformer_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    options = VARIANTS[name]
    ours, theirs = pair(torch, "Transformer", D, HEADS, 2, 2, WIDE, **options)
    src, tgt = sequences(**options)
    masks = {"src_key_padding_mask": PADDING, "memory_key_padding_mask": PADDING}
    agree(torch, ours, theirs, [src, tgt], tgt_mask=LATER, **masks)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
def test_it_starts_with_numbers_distributed_as_pytorchs():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = torch.nn.Transformer(64, 4, 1, 1, 128)
    ours = nn.Transformer(64, 4, 1, 1, 128, generator=np.random.default_rng(0))
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        p, q = p.numpy(), q.detach().numpy()
        assert p.std() == pytest.approx(q.std(), rel=0.2, abs=1e-12), name
        assert abs(p).max() == pytest.approx(abs(q).max(), rel=0.1), name


def test_a_causal_decoder_needs_no_mask():
    tt.manual_seed(0)
    model = nn.Transformer(D, HEADS, 1, 2, WIDE).to(np.float64).eval()
    src, tgt = (tt.Tensor(x) for x in sequences())
    mask = nn.Transformer.generate_square_subsequent_mask(T, dtype=np.float64)
    np.testing.assert_array_equal(mask.numpy(), np.where(LATER, -np.inf, 0))
    masked = model(src, tgt, tgt_mask=mask).numpy()
    np.testing.assert_array_equal(model(src, tgt, tgt_is_causal=True).numpy(), masked)
    assert (model(src, tgt).numpy() != masked).any()


def test_the_layers_of_a_stack_share_nothing():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(D, HEADS, WIDE), 2, nn.LayerNorm(D))
    first, second = (layer.linear1.weight for layer in encoder.layers)
    np.testing.assert_array_equal(first.numpy(), second.numpy())
    first.assign(np.zeros_like(first.numpy()))
    assert second.numpy().any()


def test_another_activation_and_encoder_may_be_given():
    tt.manual_seed(0)
    x = tt.Tensor(sequences()[0])
    by_name = nn.TransformerEncoderLayer(D, HEADS, WIDE, activation="gelu").to(np.float64).eval()
    by_module = nn.TransformerEncoderLayer(D, HEADS, WIDE, activation=nn.GELU()).to(np.float64)
    by_module.eval().load_state_dict(by_name.state_dict())
    np.testing.assert_array_equal(by_module(x).numpy(), by_name(x).numpy())
    encoder = nn.TransformerEncoder(by_name, 1)
    model = nn.Transformer(D, HEADS, 1, 1, WIDE, custom_encoder=encoder).to(np.float64).eval()
    expected = model.decoder(x, encoder(x)).numpy()
    np.testing.assert_array_equal(model(x, x).numpy(), expected)


def test_dropout_is_for_training_only():
    tt.manual_seed(0)
    layer, x = nn.TransformerDecoderLayer(D, HEADS, WIDE), tt.zeros(T, N, D)
    assert (layer(x + 1, x).numpy() != layer(x + 1, x).numpy()).any()
    layer.eval()
    np.testing.assert_array_equal(layer(x + 1, x).numpy(), layer(x + 1, x).numpy())


@pytest.mark.parametrize("norm_first", [False, True])
def test_the_gradient_is_that_of_differences(norm_first):
    tt.manual_seed(0)
    layer = nn.TransformerDecoderLayer(4, 2, 6, 0.0, F.tanh, norm_first=norm_first).to(np.float64)
    memory, x = RNG.standard_normal((3, 2, 4)), RNG.standard_normal((2, 2, 4))

    def loss():
        return (layer(tt.Tensor(x), tt.Tensor(memory), tgt_is_causal=True) ** 3).sum()

    assert tt.gradient_difference(loss, layer).total < 1e-7


# ------------------------------------------------------------------ positions


def test_the_sines_are_those_of_the_formula():
    table = nn.sinusoidal_positions(50, 8, dtype=np.float64)
    for t in (0, 1, 49):
        for i in range(4):
            angle = t / 10000 ** (2 * i / 8)
            assert table[t, 2 * i] == pytest.approx(np.sin(angle), abs=1e-12)
            assert table[t, 2 * i + 1] == pytest.approx(np.cos(angle), abs=1e-12)


def test_a_step_in_time_turns_every_pair_by_the_same_angle_wherever_it_starts():
    pairs = nn.sinusoidal_positions(60, 8, dtype=np.float64).reshape(60, 4, 2)
    z = pairs[..., 1] + 1j * pairs[..., 0]
    for step in (1, 7):
        turns = z[step:] / z[:-step]
        np.testing.assert_allclose(turns, np.broadcast_to(turns[0], turns.shape), atol=1e-10)


def test_positions_are_added_from_where_the_sequence_starts():
    table = nn.sinusoidal_positions(9, D)
    sines, learned = nn.SinusoidalPositions(D, 9), nn.LearnedPositions(D, 9)
    x = RNG.standard_normal((N, T, D)).astype(np.float32)
    np.testing.assert_allclose(sines(tt.Tensor(x)).numpy(), x + table[:T], rtol=1e-6)
    np.testing.assert_allclose(sines(tt.Tensor(x), 5).numpy(), x + table[5:], rtol=1e-6)
    times_first = nn.SinusoidalPositions(D, 9, batch_first=False)
    np.testing.assert_allclose(times_first(tt.Tensor(x)).numpy(), x + table[:N, None], rtol=1e-6)
    np.testing.assert_allclose(times_first(tt.Tensor(x[0])).numpy(), x[0] + table[:T], rtol=1e-6)
    learned(tt.Tensor(x), 2).sum().backward()
    used = np.isin(np.arange(9), [2, 3, 4, 5])
    np.testing.assert_array_equal(learned.weight.grad.numpy()[used], N)
    np.testing.assert_array_equal(learned.weight.grad.numpy()[~used], 0)
    assert list(sines.state_dict()) == []
    assert list(learned.state_dict()) == ["weight"]
    assert learned.weight.numpy().std() == pytest.approx(0.02, rel=0.3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: nn.TransformerEncoderLayer(D, HEADS, activation="swish"), "relu or gelu"),
        (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(D, HEADS), 0), "num_layers"),
        (lambda: nn.TransformerEncoderLayer(D, 5), "num_heads"),
        (lambda: nn.sinusoidal_positions(4, 3), "even"),
        (lambda: nn.SinusoidalPositions(D, 4)(tt.zeros(N, 5, D)), "max_len = 4"),
        (lambda: nn.SinusoidalPositions(D, 4)(tt.zeros(N, 2, D), 3), "max_len = 4"),
        (lambda: nn.LearnedPositions(D, 4)(tt.zeros(N, 2, D + 1)), "d = 12"),
        (lambda: nn.LearnedPositions(D, 4)(tt.zeros(D)), "(..., T, d)"),
    ],
)
def test_what_makes_no_transformer_is_refused(given, said):
    with pytest.raises(tt.errors.TinygradError) as caught:
        given()
    assert said in str(caught.value)
