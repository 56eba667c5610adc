"""Embedding: lookups, what goes back to the table, and rows that stay rows."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.scattering import Rows
from tinygrad_tr.nn import functional as F

V, D = 12, 3
IDS = np.array([[1, 5, 1], [11, 1, 0]])


def table(seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal((V, D)).astype(dtype)


def layer(**options):
    made = nn.Embedding(V, D, dtype=np.float64, **options)
    made.weight.assign(table())
    return made


def test_a_lookup_is_the_product_with_one_hot_rows():
    embedding = layer()
    found = embedding(IDS)
    assert found.shape == (2, 3, D)
    np.testing.assert_array_equal(found.numpy(), np.eye(V)[IDS] @ table())
    np.testing.assert_array_equal(embedding(tt.Tensor(IDS)).numpy(), found.numpy())


OPTIONS = [
    {}, {"padding_idx": 1}, {"padding_idx": -1}, {"scale_grad_by_freq": True},
    {"max_norm": 1.0}, {"max_norm": 0.5, "norm_type": 1.0},
    {"padding_idx": 5, "scale_grad_by_freq": True, "max_norm": 2.0},
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_values_gradients_and_the_table_are_pytorch_s(options):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Embedding(V, D, dtype=torch.float64, **options)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(table()))
    ours = layer(**options)
    assert ours.padding_idx == theirs.padding_idx
    seed = np.random.default_rng(1).standard_normal((2, 3, D))
    expected, found = theirs(torch.tensor(IDS)), ours(IDS)
    np.testing.assert_allclose(found.numpy(), expected.detach().numpy(), atol=1e-6)
    expected.backward(torch.tensor(seed))
    found.backward(seed)
    np.testing.assert_allclose(ours.weight.grad.numpy(), theirs.weight.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(ours.weight.numpy(), theirs.weight.detach().numpy(), atol=1e-6)


def test_the_padding_row_starts_at_zero():
    embedding = nn.Embedding(V, D, padding_idx=2)
    assert (embedding.weight.numpy()[2] == 0).all()
    assert abs(embedding.weight.numpy()[3:].std() - 1) < 0.5


def test_a_table_that_is_given_is_copied_and_frozen_unless_told_otherwise():
    given = table()
    frozen, free = nn.Embedding.from_pretrained(given), nn.Embedding.from_pretrained(given, False)
    assert not frozen.weight.requires_grad
    assert free.weight.requires_grad
    given[0] = 100
    assert (frozen.weight.numpy()[0] != 100).all()
    assert frozen(IDS).requires_grad is False


def test_a_table_whose_rows_were_shortened_by_a_second_lookup_still_learns():
    embedding = layer(max_norm=1.0)
    (embedding([3, 4]).sum() + embedding([7, 8]).sum()).backward()
    np.testing.assert_array_equal(
        embedding.weight.grad.numpy()[:, 0], [0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0]
    )


# ------------------------------------------------------------------ kept by rows


def loss_of(embedding):
    """Two lookups with rows in common."""
    first, second = embedding(IDS), embedding([1, 2])
    return (first * first).sum() + (second**3).sum()


def expected_gradient():
    leaf = tt.Tensor(table(), requires_grad=True)
    (((leaf[IDS]) ** 2).sum() + (leaf[np.array([1, 2])] ** 3).sum()).backward()
    return leaf.grad.numpy()


def test_a_gradient_is_kept_by_rows_until_it_is_asked_for():
    embedding = layer()
    loss_of(embedding).backward()
    rows = embedding.weight.grad_rows
    assert isinstance(rows, Rows)
    at, sums = rows.summed()
    np.testing.assert_array_equal(at, [0, 1, 2, 5, 11])
    np.testing.assert_allclose(sums, expected_gradient()[at])
    np.testing.assert_allclose(embedding.weight.grad.numpy(), expected_gradient())
    assert embedding.weight.grad_rows is None


def test_gradients_add_up_over_backward_passes_by_rows_and_whole():
    embedding = layer()
    loss_of(embedding).backward()
    loss_of(embedding).backward()
    assert embedding.weight.grad_rows is not None
    embedding.weight.sum().backward()
    np.testing.assert_allclose(embedding.weight.grad.numpy(), 2 * expected_gradient() + 1)
    loss_of(embedding).backward()
    np.testing.assert_allclose(embedding.weight.grad.numpy(), 3 * expected_gradient() + 1)


@pytest.mark.parametrize("late", [True, False])
def test_a_table_that_is_also_a_weight_gets_the_whole_gradient(late):
    embedding = layer()
    scores = embedding([3]) @ embedding.weight.T  # tied: the same table reads and writes
    loss = scores.sum() + loss_of(embedding) if late else loss_of(embedding) + scores.sum()
    loss.backward()
    expected = expected_gradient() + table()[3]
    expected[3] += table().sum(axis=0)
    np.testing.assert_allclose(embedding.weight.grad.numpy(), expected)


@pytest.mark.parametrize("options", [{}, {"maximize": True}], ids=str)
def test_plain_sgd_takes_the_step_by_rows_and_never_sees_the_whole(options, monkeypatch):
    by_rows, whole = layer(), layer()
    one, other = (optim.SGD(m.parameters(), lr=0.1, **options) for m in (by_rows, whole))
    loss_of(whole).backward()
    assert whole.weight.grad is not None
    other.step()
    loss_of(by_rows).backward()

    def refuse(rows):
        raise AssertionError("the whole gradient was made")

    monkeypatch.setattr(Rows, "whole", refuse)
    one.step()
    np.testing.assert_allclose(by_rows.weight.numpy(), whole.weight.numpy(), atol=1e-15)
    untouched = [3, 4, 6, 7, 8, 9, 10]
    np.testing.assert_array_equal(by_rows.weight.numpy()[untouched], table()[untouched])


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
        lambda p: optim.SGD(p, lr=0.1, weight_decay=0.1),
        lambda p: optim.Adam(p, lr=0.1),
    ],
)
def test_optimizers_that_move_every_row_do(make):
    by_rows, whole = layer(), layer()
    for embedding in (by_rows, whole):
        optimizer = make(embedding.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            loss_of(embedding).backward()
            if embedding is whole:
                assert embedding.weight.grad is not None
            optimizer.step()
    np.testing.assert_array_equal(by_rows.weight.numpy(), whole.weight.numpy())


def test_whoever_asks_gets_the_whole_gradient():
    embedding = layer()
    (asked,) = tt.grad(loss_of(embedding), [embedding.weight])
    np.testing.assert_allclose(asked.numpy(), expected_gradient())
    seen = []
    embedding.weight.register_hook(lambda g: seen.append(g.numpy()))
    loss_of(embedding).backward()
    np.testing.assert_allclose(seen[0], expected_gradient())
    embedding.zero_grad()
    with tt.detect_anomaly():
        loss_of(embedding).backward()
    np.testing.assert_allclose(embedding.weight.grad.numpy(), expected_gradient())


def test_copies_and_clipping_take_the_whole_gradient():
    embedding = layer()
    loss_of(embedding).backward()
    copied = copy.deepcopy(embedding)
    np.testing.assert_allclose(copied.weight.grad.numpy(), expected_gradient())
    embedding.zero_grad()
    loss_of(embedding).backward()
    norm = nn.utils.clip_grad_norm_(embedding.parameters(), 1.0)
    assert norm == pytest.approx(np.linalg.norm(expected_gradient()))
    assert np.linalg.norm(embedding.weight.grad.numpy()) == pytest.approx(1, abs=1e-5)


def test_second_derivatives_go_through_lookups():
    embedding = layer()
    (g,) = tt.grad(loss_of(embedding), [embedding.weight], create_graph=True)
    (curved,) = tt.grad((g * g).sum(), [embedding.weight])
    expected = np.zeros((V, D))
    first = expected_gradient()
    counts = np.zeros((V, 1))
    np.add.at(counts, IDS.ravel(), 1)
    second = 2 * counts + 6 * table() * np.isin(np.arange(V), [1, 2])[:, None]
    expected = 2 * first * second
    np.testing.assert_allclose(curved.numpy(), expected)


def test_a_lookup_in_a_computed_table_goes_back_through_it():
    leaf = tt.Tensor(table(), requires_grad=True)
    F.embedding([1, 1], leaf * 2.0).sum().backward()
    np.testing.assert_array_equal(leaf.grad.numpy()[1], [4, 4, 4])
    assert leaf.grad_rows is None


def test_many_lookups_go_through_the_compiled_loop_or_not_alike(monkeypatch):
    ids = np.random.default_rng(0).integers(0, V, 10_000)
    gradients = []
    for available in (compiled.available(), False):
        monkeypatch.setattr(compiled, "available", lambda available=available: available)
        embedding = layer()
        (embedding(ids) * np.arange(10_000)[:, None]).sum().backward()
        gradients.append(embedding.weight.grad.numpy())
    np.testing.assert_allclose(gradients[0], gradients[1])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nn.Embedding(V, D)([V]), tt.IndexingError, "index 12 .* 12"),
        (lambda: nn.Embedding(V, D)([-1]), tt.IndexingError, "0 to 11"),
        (lambda: nn.Embedding(V, D)([0.5]), tt.DtypeError, "integers"),
        (lambda: nn.Embedding(V, D, padding_idx=V), tt.ArgumentError, "-12 to 11"),
        (lambda: nn.Embedding(V, D, max_norm=-1.0)([0]), tt.ArgumentError, "max_norm"),
        (lambda: nn.Embedding(0, D), tt.ArgumentError, "num_embeddings"),
        (lambda: nn.Embedding.from_pretrained(np.ones(3)), tt.ShapeError, "not a table"),
        (lambda: F.embedding([0], tt.ones(3)), tt.ShapeError, "not a table"),
    ],
)
def test_bad_input_is_a_clear_error(call, error, words):
    with pytest.raises(error, match=f"(?s){words}") as raised:
        call()
    assert "test_nn_embedding.py" in str(raised.value)
