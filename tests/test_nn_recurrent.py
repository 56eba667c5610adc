"""Recurrent layers: PyTorch's numbers and names, lengths, packing, long sequences, bad input."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.kernels import compiled, recurrence
from tinygrad_tr.nn.utils import rnn as sequences

D, H, N, T = 4, 5, 3, 6
LENGTHS = np.array([6, 2, 4])
LAYERS = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu", "bidirectional": True}),
    ("GRU", {}),
    ("GRU", {"num_layers": 2, "bidirectional": True}),
    ("GRU", {"bias": False, "batch_first": True}),
    ("LSTM", {"num_layers": 2}),
    ("LSTM", {"bidirectional": True, "batch_first": True}),
    ("LSTM", {"proj_size": 3, "num_layers": 2, "bidirectional": True}),
]
every_layer = pytest.mark.parametrize(("kind", "options"), LAYERS)


def made(kind, options, seed=0):
    return getattr(nn, kind)(
        D, H, **options, dtype=np.float64, generator=np.random.default_rng(seed)
    )


def sequence(options, seed=1):
    x = np.random.default_rng(seed).standard_normal((T, N, D))
    return x.swapaxes(0, 1).copy() if options.get("batch_first") else x


def first_states(kind, options, seed=2):
    """The states before the first step, as the layer takes them."""
    rng = np.random.default_rng(seed)
    rows = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    h = rng.standard_normal((rows, N, options.get("proj_size", H)))
    return (h, rng.standard_normal((rows, N, H))) if kind == "LSTM" else h


def parts(states):
    return list(states) if isinstance(states, tuple) else [states]


# ------------------------------------------------------------------ PyTorch's numbers


@pytest.mark.oracle
@every_layer
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
def test_outputs_states_and_gradients_are_pytorch_s(kind, options, lengths):
    torch = pytest.importorskip("torch")
    packing = torch.nn.utils.rnn
    theirs = getattr(torch.nn, kind)(D, H, **options, dtype=torch.float64)
    ours = made(kind, options)
    ours.load_state_dict({k: v.detach().numpy() for k, v in theirs.state_dict().items()})
    x, first = sequence(options), first_states(kind, options)
    a, b = tt.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    h = [tt.Tensor(s, requires_grad=True) for s in parts(first)]
    k = [torch.tensor(s, requires_grad=True) for s in parts(first)]
    out, last = ours(a, tuple(h) if kind == "LSTM" else h[0], lengths=lengths)
    given = b
    if lengths is not None:
        given = packing.pack_padded_sequence(
            b, lengths, options.get("batch_first", False), enforce_sorted=False
        )
    expected, ends = theirs(given, tuple(k) if kind == "LSTM" else k[0])
    if lengths is not None:
        expected = packing.pad_packed_sequence(expected, options.get("batch_first", False))[0]
    rng = np.random.default_rng(3)
    seeds = [rng.standard_normal(t.shape) for t in (out, *parts(last))]
    tt.grad([out, *parts(last)], [a], seeds, retain_graph=True)
    wanted = [a, *h, *ours.parameters()]
    found = tt.grad([out, *parts(last)], wanted, seeds)
    outputs = [expected, *parts(ends)]
    sources = [b, *k, *theirs.parameters()]
    for mine, other in zip([out, *parts(last)], outputs, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.detach().numpy(), atol=1e-12)
    for g, e in zip(
        found, torch.autograd.grad(outputs, sources, [torch.tensor(s) for s in seeds]), strict=True
    ):
        np.testing.assert_allclose(g.numpy(), e.numpy(), atol=1e-11)


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["RNNCell", "GRUCell", "LSTMCell"])
@pytest.mark.parametrize("shape", [(D,), (N, D)])
def test_cells_are_pytorch_s(kind, shape):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn, kind)(D, H, dtype=torch.float64)
    ours = getattr(nn, kind)(D, H, dtype=np.float64)
    ours.load_state_dict({k: v.detach().numpy() for k, v in theirs.state_dict().items()})
    rng = np.random.default_rng(0)
    x, state = rng.standard_normal(shape), rng.standard_normal((*shape[:-1], H))
    for given in (None, state):
        hx = given if kind != "LSTMCell" or given is None else (given, given)
        mine = ours(tt.Tensor(x), hx)
        torch_hx = (
            None if hx is None else tuple(map(torch.tensor, hx)) if kind == "LSTMCell"
            else torch.tensor(hx)
        )  # fmt: skip
        for m, o in zip(parts(mine), parts(theirs(torch.tensor(x), torch_hx)), strict=True):
            np.testing.assert_allclose(m.numpy(), o.detach().numpy(), atol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_state_dicts_have_pytorch_s_names_shapes_and_range(kind):
    torch = pytest.importorskip("torch")
    options = {"num_layers": 2, "bidirectional": True}
    theirs = getattr(torch.nn, kind)(D, H, **options).state_dict()
    ours = getattr(nn, kind)(D, H, **options).state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: tuple(v.shape) for k, v in theirs.items()}
    for value in ours.values():
        assert np.abs(value).max() <= 1 / np.sqrt(H)


# ------------------------------------------------------------------ lengths and packing


@every_layer
def test_what_lies_past_the_end_of_a_sequence_changes_nothing(kind, options):
    layer, x = made(kind, options), sequence(options)
    steps_first = x.swapaxes(0, 1) if options.get("batch_first") else x
    out, last = layer(tt.Tensor(x), lengths=LENGTHS)
    for n, length in enumerate(LENGTHS):
        steps_first[length:, n] = 100.0
    changed, same = layer(tt.Tensor(x), lengths=LENGTHS)
    np.testing.assert_array_equal(changed.numpy(), out.numpy())
    for a, b in zip(parts(last), parts(same), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    outputs = out.numpy().swapaxes(0, 1) if options.get("batch_first") else out.numpy()
    for n, length in enumerate(LENGTHS):
        assert (outputs[length:, n] == 0).all()
        assert (outputs[:length, n] != 0).any()


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_bad_numbers_in_the_padding_reach_no_gradient(kind):
    layer, x = made(kind, {"bidirectional": True}), sequence({})
    x[2:, 1] = np.nan
    leaf = tt.Tensor(x, requires_grad=True)
    layer(leaf, lengths=LENGTHS)[0].sum().backward()
    for parameter in layer.parameters():
        assert np.isfinite(parameter.grad.numpy()).all()
    assert np.isfinite(leaf.grad.numpy()).all()


@every_layer
def test_a_packed_sequence_gives_what_lengths_give(kind, options):
    layer, x = made(kind, options), tt.Tensor(sequence(options))
    first = options.get("batch_first", False)
    packed = sequences.pack_padded_sequence(x, LENGTHS, first, enforce_sorted=False)
    out, last = layer(packed)
    padded, lengths = sequences.pad_packed_sequence(out, first)
    expected, ends = layer(x, lengths=LENGTHS)
    np.testing.assert_allclose(padded.numpy(), expected.numpy(), atol=1e-15)
    np.testing.assert_array_equal(lengths, LENGTHS)
    for a, b in zip(parts(last), parts(ends), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-15)


def test_a_sequence_of_length_0_leaves_the_first_state():
    layer = nn.GRU(D, H)
    h = tt.Tensor(np.random.default_rng(0).standard_normal((1, N, H)).astype(np.float32))
    out, last = layer(tt.ones((T, N, D)), h, lengths=[T, 0, 2])
    np.testing.assert_array_equal(last.numpy()[0, 1], h.numpy()[0, 1])
    assert (out.numpy()[:, 1] == 0).all()


@pytest.mark.oracle
def test_packing_is_pytorch_s():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.utils.rnn
    x = np.random.default_rng(0).standard_normal((T, N, 2))
    for lengths, in_order in (([6, 4, 1], True), (LENGTHS, False)):
        ours = sequences.pack_padded_sequence(tt.Tensor(x), lengths, enforce_sorted=in_order)
        packed = theirs.pack_padded_sequence(
            torch.tensor(x), torch.tensor(lengths), enforce_sorted=in_order
        )
        np.testing.assert_array_equal(ours.data.numpy(), packed.data.numpy())
        np.testing.assert_array_equal(ours.batch_sizes, packed.batch_sizes.numpy())
        if not in_order:
            np.testing.assert_array_equal(ours.sorted_indices, packed.sorted_indices.numpy())
        mine, _ = sequences.pad_packed_sequence(ours, True, padding_value=-1.0, total_length=8)
        other, _ = theirs.pad_packed_sequence(packed, True, padding_value=-1.0, total_length=8)
        np.testing.assert_array_equal(mine.numpy(), other.numpy())


def test_padding_and_its_way_back():
    given = [tt.Tensor(np.full((n, 2), float(n)), requires_grad=True) for n in (3, 1, 2)]
    padded = sequences.pad_sequence(given, batch_first=True, padding_value=9.0)
    assert padded.shape == (3, 3, 2)
    assert (padded.numpy()[1, 1:] == 9).all()
    for one, same in zip(given, sequences.unpad_sequence(padded, [3, 1, 2], True), strict=True):
        np.testing.assert_array_equal(one.numpy(), same.numpy())
    (padded * 2.0).sum().backward()
    assert all((one.grad.numpy() == 2).all() for one in given)
    packed = sequences.pack_sequence(given, enforce_sorted=False)
    assert packed.data.shape == (6, 2)


# ------------------------------------------------------------------ the loops, and long sequences


@pytest.mark.skipif(not compiled.available(), reason="needs numba")
@pytest.mark.parametrize(("steps", "rows", "hidden"), [(40, 32, 16), (30, 13, 13), (200, 3, 50)])
@pytest.mark.parametrize("kind", ["rnn", "relu", "lstm", "gru"])
def test_compiled_loops_give_what_numpy_gives(kind, steps, rows, hidden):
    rng = np.random.default_rng(0)

    def normal(*shape):
        return (0.3 * rng.standard_normal(shape)).astype(np.float32)

    going = np.arange(steps)[:, None] < rng.integers(1, steps + 1, rows)
    gates = {"rnn": 1, "relu": 1, "lstm": 4, "gru": 3}[kind]
    x, W = normal(steps, rows, 6)[::-1], normal(gates * hidden, 6)
    U, b = normal(gates * hidden, hidden) / hidden**0.5, normal(gates * hidden)
    h, c, b_state = normal(rows, hidden), normal(rows, hidden), normal(gates * hidden)
    for goes in (None, going, going[::-1]):
        runs = {
            "rnn": ("rnn", [x, h, W, U, b, goes, False], [x, h, W, U, b, goes, False]),
            "relu": ("rnn", [x, h, W, U, None, goes, True], [x, h, W, U, None, goes, True]),
            "lstm": ("lstm", [x, h, c, W, U, b, None, goes], [x, h, c, W, U, b, goes]),
            "gru": ("gru", [x, h, W, U, b, b_state, goes], [x, h, W, U, b, b_state, goes]),
        }
        name, plain, fast = runs[kind]
        expected, back = getattr(recurrence, f"{name}_with_numpy")(*plain)
        found, back_in_loops = getattr(recurrence, f"{name}_in_loops")(*fast)
        for one, other in zip(expected, found, strict=True):
            assert other.dtype == np.float32
            np.testing.assert_allclose(other, one, atol=2e-5 * max(1, np.abs(one).max()))
        g = [normal(*one.shape) for one in expected]
        for arrived in (g, [None, *g[1:]], [g[0][:, ::-1], *[None] * (len(g) - 1)]):
            for one, other in zip(back(arrived), back_in_loops(arrived), strict=True):
                assert (one is None) == (other is None)
                if one is not None:
                    np.testing.assert_allclose(other, one, atol=2e-4 * max(1, np.abs(one).max()))


def test_nan_and_infinity_reach_the_outputs():
    layer = nn.LSTM(2, 16)
    x = np.zeros((32, 40, 2), np.float32)
    x[3, 1], x[3, 2] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        out, _ = layer(tt.Tensor(x))
    assert np.isnan(out.numpy()[3:, 1]).all()
    assert not np.isnan(out.numpy()[:3]).any()
    assert not np.isnan(out.numpy()[:, 0]).any()


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_ten_thousand_steps_train_in_memory_that_grows_with_their_number(kind):
    layer = getattr(nn, kind)(2, 8)

    def peak(steps):
        x = tt.Tensor(np.ones((steps, 1, 2), np.float32))
        layer(x)[0].sum().backward()  # what is imported and compiled does not count
        tracemalloc.start()
        layer(x)[0].mean().backward()
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    short, long = peak(5_000), peak(10_000)
    assert all(np.isfinite(p.grad.numpy()).all() for p in layer.parameters())
    assert long < 2.2 * short


def test_a_cell_can_take_ten_thousand_steps_too():
    cell = nn.RNNCell(1, 2)
    h = None
    for _ in range(10_000):
        h = cell(tt.ones((1, 1)), h)
    h.sum().backward()
    assert np.isfinite(cell.weight_hh.grad.numpy()).all()


# ------------------------------------------------------------------ other behaviour


def test_the_course_s_gru_has_its_reset_gate_before_the_product():
    before, after = nn.GRU(D, H, reset_after=False), nn.GRU(D, H)
    after.load_state_dict(before.state_dict())
    x = tt.Tensor(np.random.default_rng(0).standard_normal((T, N, D)).astype(np.float32))
    assert np.abs(before(x)[0].numpy() - after(x)[0].numpy()).max() > 1e-3
    for layer in (before, after):  # a reset gate that is always open makes them one
        for name in ("bias_ih_l0", "bias_hh_l0"):
            bias = layer.state_dict()[name].copy()
            bias[:H] = 30
            getattr(layer, name).assign(bias)
    np.testing.assert_allclose(before(x)[0].numpy(), after(x)[0].numpy(), atol=1e-6)
    assert repr(before).startswith("GRU(4, 5, reset_after=False)")


def test_dropout_works_between_layers_and_in_training_only():
    layer = nn.LSTM(D, H, 2, dropout=0.5, generator=np.random.default_rng(0))
    x = tt.ones((T, N, D))
    assert np.abs(layer(x)[0].numpy() - layer(x)[0].numpy()).max() > 0
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].numpy(), layer(x)[0].numpy())


@pytest.mark.parametrize(
    ("layer", "products"),
    [
        (nn.RNN(D, H), H * (D + H)),
        (nn.GRU(D, H), 3 * H * (D + H)),
        (nn.LSTM(D, H, bidirectional=True), 2 * 4 * H * (D + H)),
        (nn.LSTM(D, H, proj_size=3), 4 * H * (D + 3) + 3 * H),
    ],
    ids=lambda x: type(x).__name__,
)
def test_a_summary_counts_every_weight_once_for_each_step(layer, products):
    report = nn.summary(layer, tt.ones((T, N, D)))
    assert report.total_multiply_adds == T * N * products


def test_one_sequence_needs_no_batch():
    layer = nn.LSTM(D, H, bidirectional=True)
    x = tt.ones((T, D))
    out, (h, c) = layer(x)
    assert out.shape == (T, 2 * H)
    assert h.shape == c.shape == (2, H)
    together, _ = layer(tt.ones((T, 1, D)))
    np.testing.assert_array_equal(out.numpy(), together.numpy()[:, 0])


X = tt.ones((T, N, D))
WRONG = [
    (lambda: nn.LSTM(D, H)(tt.ones((T, N, D + 1))), tt.ShapeError, "D = 4"),
    (lambda: nn.GRU(D, H)(tt.ones((0, N, D))), tt.ShapeError, "no step"),
    (lambda: nn.GRU(D, H)(X, lengths=[T + 1, 1, 1]), tt.ArgumentError, "from 1 to 7"),
    (lambda: nn.GRU(D, H)(X, lengths=[-1, 1, 1]), tt.ArgumentError, "from -1 to 1"),
    (lambda: nn.GRU(D, H)(X, lengths=[1, 1]), tt.ShapeError, r"\(3,\)"),
    (lambda: nn.GRU(D, H)(X, lengths=[1.0, 1.5, 2.0]), tt.DtypeError, "integers"),
    (lambda: nn.GRU(D, H)(X, tt.zeros((2, N, H))), tt.ShapeError, r"\(1, 3, 5\)"),
    (lambda: nn.GRU(D, H)(X, tt.Tensor(np.zeros((1, N, H), int))), tt.DtypeError, "floats"),
    (lambda: nn.LSTM(D, H)(X, (tt.zeros((1, N, H)),)), tt.ArgumentError, "pair"),
    (lambda: nn.LSTM(D, H)(X, tt.zeros((2, N, H))), tt.ArgumentError, r"\(h0, c0\)"),
    (lambda: nn.LSTMCell(D, H)(X[0], tt.zeros((2, N, H))), tt.ArgumentError, "pair"),
    (lambda: nn.LSTM(D, H, dropout=0.5), tt.ArgumentError, "between layers"),
    (lambda: nn.RNN(D, H, nonlinearity="sin"), tt.ArgumentError, "'sin'"),
    (lambda: nn.LSTM(D, H, proj_size=H), tt.ArgumentError, "proj_size < hidden_size"),
    (lambda: nn.LSTM(D, H, dropout=1.5), tt.ArgumentError, "dropout"),
    (lambda: nn.RNN(D, 0), tt.ArgumentError, "hidden_size"),
    (lambda: nn.RNN(D, H)(np.ones((T, N, D), int)), tt.DtypeError, "floats"),
    (lambda: nn.GRUCell(D, H)(tt.ones((N, D)), tt.ones((N, D))), tt.ShapeError, r"\(3, 5\)"),
    (lambda: nn.GRUCell(D, H)(tt.ones((N, H))), tt.ShapeError, r"\(N, 4\)"),
    (lambda: sequences.pack_padded_sequence(X, [1, 2, 3]), tt.ArgumentError, "enforce_sorted"),
    (lambda: sequences.pack_padded_sequence(X, [3, 2, 0]), tt.ArgumentError, "1 to 6"),
    (lambda: sequences.pad_sequence([]), tt.ArgumentError, "at least one"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "words"), WRONG)
def test_bad_input_is_a_clear_error(call, error, words):
    with pytest.raises(error, match=words) as raised:
        call()
    assert "test_nn_recurrent.py" in str(raised.value)
