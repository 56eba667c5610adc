"""Distances, similarities and the losses made of them: PyTorch's numbers, kinks, and refusals."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn
from tinygrad_tr.nn import functional as F

RNG = np.random.default_rng(0)
A, B, C = RNG.standard_normal((3, 5, 4))
SAME = np.array([1, -1, 1, -1, -1])


def agree(name, arrays, *targets, second=True, **options):
    """Our F.name and PyTorch's: values, first and second derivatives in directions, float64."""
    torch = pytest.importorskip("torch")
    ours, theirs = [leaf(x) for x in arrays], [torch.tensor(x, requires_grad=True) for x in arrays]
    out = getattr(F, name)(*ours, *targets, **options)
    expected = getattr(torch.nn.functional, name)(*theirs, *map(torch.tensor, targets), **options)
    np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    seeds = np.random.default_rng(1)
    seed = seeds.standard_normal(out.shape)
    gradients = tt.grad(out, ours, seed, create_graph=True)
    wanted = torch.autograd.grad(expected, theirs, torch.tensor(seed), create_graph=True)
    for g, h in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(g.numpy(), h.detach().numpy(), rtol=1e-10, atol=1e-11)
    if not second:
        return
    seeds = [seeds.standard_normal(g.shape) for g in gradients]
    along = sum((g * seed).sum() for g, seed in zip(gradients, seeds, strict=True))
    expected = sum((h * torch.tensor(seed)).sum() for h, seed in zip(wanted, seeds, strict=True))
    for g, h in zip(tt.grad(along, ours), torch.autograd.grad(expected, theirs), strict=True):
        np.testing.assert_allclose(g.numpy(), h.numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.oracle
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, np.inf])
def test_distances_agree_with_pytorch(p):
    curved = p in (2, 3)  # the others have no second derivative but 0
    agree("pairwise_distance", [A, B], p=p, second=curved)
    agree("pairwise_distance", [A, B], p=p, eps=0.1, keepdim=True, second=curved)
    agree("pairwise_distance", [A[0], B[0]], p=p, second=curved)
    agree("pdist", [A], p=p, second=False)  # PyTorch has no second one
    agree("normalize", [A], p=p)
    agree("normalize", [A], p=p, dim=0)


@pytest.mark.oracle
@pytest.mark.parametrize("p", [1.0, 2.0, np.inf])
def test_all_distances_between_two_lists_agree_with_pytorch(p):
    torch = pytest.importorskip("torch")
    for x1, x2 in ((A, B[:3]), (RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 6, 4)))):
        ours, theirs = [leaf(x1), leaf(x2)], [torch.tensor(x, requires_grad=True) for x in (x1, x2)]
        out, expected = F.cdist(*ours, p=p), torch.cdist(*theirs, p=p)
        np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), rtol=1e-10)
        seed = RNG.standard_normal(out.shape)
        wanted = torch.autograd.grad(expected, theirs, torch.tensor(seed))
        for g, h in zip(tt.grad(out, ours, seed), wanted, strict=True):
            np.testing.assert_allclose(g.numpy(), h.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.oracle
def test_cosines_agree_with_pytorch():
    agree("cosine_similarity", [A, B])
    agree("cosine_similarity", [A, B], dim=0)
    agree("cosine_similarity", [A[:, None], B[None]], dim=-1)
    for margin, reduction in product((0.0, 0.3, -0.5), ("mean", "sum", "none")):
        agree("cosine_embedding_loss", [A, B], SAME, margin=margin, reduction=reduction)
    agree("cosine_embedding_loss", [A[0], B[0]], np.array(1))


@pytest.mark.oracle
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("swap", [False, True])
def test_triplet_losses_agree_with_pytorch(swap, reduction):
    for margin, p in product((0.5, 3.0), (1.0, 2.0, 3.0)):
        options = {"margin": margin, "swap": swap, "reduction": reduction}
        agree("triplet_margin_loss", [A, B, C], p=p, second=p > 1, **options)
    agree("triplet_margin_loss", [A, B, C], eps=0.2, swap=swap, reduction=reduction)
    agree("triplet_margin_loss", [A[0], B[0], C[0]], swap=swap, reduction=reduction)
    agree("triplet_margin_with_distance_loss", [A, B, C], swap=swap, reduction=reduction)
    agree(
        "triplet_margin_with_distance_loss", [A, B, C], swap=swap, reduction=reduction,
        distance_function=lambda x1, x2: ((x1 - x2) ** 2).sum(-1), margin=2.0,
    )  # fmt: skip


@pytest.mark.oracle
def test_modules_agree_with_pytorch():
    torch = pytest.importorskip("torch")
    for name, options, arrays in (
        ("PairwiseDistance", {"p": 1.0, "keepdim": True}, (A, B)),
        ("CosineSimilarity", {"dim": 0}, (A, B)),
        ("CosineEmbeddingLoss", {"margin": 0.2, "reduction": "none"}, (A, B, SAME)),
        ("TripletMarginLoss", {"margin": 2.0, "p": 1.0, "swap": True}, (A, B, C)),
        ("TripletMarginWithDistanceLoss", {"margin": 2.0, "swap": True}, (A, B, C)),
    ):
        ours = getattr(nn, name)(**options)(*map(tt.Tensor, arrays))
        theirs = getattr(torch.nn, name)(**options)(*map(torch.tensor, arrays))
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-10)
    assert repr(nn.PairwiseDistance(p=1.0)) == "PairwiseDistance(p=1.0, eps=1e-06, keepdim=False)"
    assert repr(nn.CosineSimilarity()) == "CosineSimilarity(dim=1, eps=1e-08)"


# ------------------------------------------------------------------ values and kinks


def test_squared_distance_is_the_sum_of_squares():
    np.testing.assert_allclose(
        F.squared_distance(tt.Tensor(A), tt.Tensor(B)).numpy(), ((A - B) ** 2).sum(axis=1)
    )
    assert tt.gradcheck(F.squared_distance, [A, B])
    assert tt.gradgradcheck(F.squared_distance, [A, B])


@pytest.mark.parametrize(
    "distance",
    [
        lambda x, y: F.pairwise_distance(x, y, eps=0.0),
        lambda x, y: F.pairwise_distance(x, y, p=3.0, eps=0.0),
        F.squared_distance,
        F.cdist,
        lambda x, y: F.pdist(tt.concatenate([x, y])),
    ],
)
def test_equal_vectors_are_exactly_0_apart_and_pull_at_nothing(distance):
    x, y = leaf(A[:1] + 1e6), leaf(A[:1] + 1e6)
    d = distance(x, y)
    assert d.numpy() == 0
    for g in tt.grad(d.sum(), [x, y]):
        assert not g.numpy().any()


def test_near_vectors_far_from_0_keep_their_distance():
    x = A.astype(np.float32) + 1000
    y = x + np.float32(0.25)
    np.testing.assert_allclose(np.diag(F.cdist(tt.Tensor(x), tt.Tensor(y)).numpy()), 0.5, rtol=1e-3)


@pytest.mark.parametrize("distances", [F.pdist, lambda x: F.cdist(x[:2], x[2:], p=3.0)])
def test_second_derivatives_of_all_distances(distances):
    assert tt.gradcheck(distances, A)
    assert tt.gradgradcheck(distances, A)


def test_the_matrix_of_distances_has_those_of_the_pairs():
    d = F.cdist(A, A)
    np.testing.assert_allclose(d[np.triu_indices(len(A), k=1)], F.pdist(A), rtol=1e-12)
    np.testing.assert_allclose(np.diag(F.cdist(A, B)), F.pairwise_distance(A, B, eps=0.0))
    np.testing.assert_array_equal(d, d.T)


def test_zero_has_no_direction_and_stays_zero():
    x = leaf(np.zeros((2, 3)))
    assert not F.normalize(x).numpy().any()
    assert not F.cosine_similarity(x, tt.ones(2, 3, dtype=np.float64)).numpy().any()
    lengths = np.linalg.norm(F.normalize(tt.Tensor(A)).numpy(), axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-12)


def on_a_line(*places):
    """Vectors (1, 2) on the first axis."""
    return [leaf([[place, 0.0]]) for place in places]


@pytest.mark.oracle
@pytest.mark.parametrize("negative", [1.5, 2.0, 2.5])  # within, exactly at, beyond the margin
def test_the_slope_at_the_margin_is_pytorchs(negative):
    torch = pytest.importorskip("torch")
    ours = on_a_line(0.0, 1.0, negative)
    loss = F.triplet_margin_loss(*ours, margin=1.0, eps=0.0)
    theirs = [torch.tensor(t.numpy(), requires_grad=True) for t in ours]
    expected = torch.nn.functional.triplet_margin_loss(*theirs, margin=1.0, eps=0.0)
    assert loss.item() == expected.item() == max(2.0 - negative, 0)
    for g, h in zip(tt.grad(loss, ours), torch.autograd.grad(expected, theirs), strict=True):
        np.testing.assert_array_equal(g.numpy(), h.numpy())
    assert tt.grad(F.triplet_margin_loss(*ours, eps=0.0), ours)[1].numpy()[0, 0] == (negative <= 2)


def test_swapping_takes_the_nearer_of_anchor_and_positive():
    a, p, n = on_a_line(0.0, 1.0, 1.5)  # the negative is 1.5 from the anchor, 0.5 from the positive
    options = {"distance_function": F.squared_distance, "margin": 1.0, "reduction": "sum"}
    assert F.triplet_margin_with_distance_loss(a, p, n, **options).item() == 0
    assert F.triplet_margin_with_distance_loss(a, p, n, swap=True, **options).item() == 1.75


def test_float32_stays_float32():
    a, b, c = (tt.Tensor(x.astype(np.float32)) for x in (A, B, C))
    for out in (
        F.pairwise_distance(a, b), F.cdist(a, b), F.pdist(a), F.normalize(a),
        F.cosine_similarity(a, b), F.cosine_embedding_loss(a, b, SAME),
        F.triplet_margin_loss(a, b, c, swap=True), F.squared_distance(a, b),
    ):  # fmt: skip
        assert out.dtype == np.float32


# ------------------------------------------------------------------ what is refused

X, ONE, COLUMN = tt.zeros(5, 4), tt.zeros(4), tt.zeros(5, 1)
INTEGERS = tt.Tensor(np.zeros((5, 4), int))
REFUSED = {
    "a vector for a list": (lambda: F.pairwise_distance(X, ONE), tt.ShapeError, "one shape"),
    "vectors of length 1": (lambda: F.squared_distance(X, COLUMN), tt.ShapeError, "cdist"),
    "a number": (lambda: F.pairwise_distance(X[0, 0], X[0, 0]), tt.ShapeError, "one shape"),
    "integers": (lambda: F.pairwise_distance(INTEGERS, INTEGERS), tt.DtypeError, "floats"),
    "a list of numbers": (lambda: F.normalize([1.0, 2.0]), tt.DtypeError, "floats"),
    "lists of other vectors": (lambda: F.cdist(X, COLUMN), tt.ShapeError, "x2 is no list"),
    "one vector": (lambda: F.cdist(ONE, X), tt.ShapeError, "x1 is no list"),
    "other batches": (
        lambda: F.cdist(tt.zeros(2, 5, 4), tt.zeros(3, 5, 4)), tt.ShapeError, "x2 is no list",
    ),
    "pdist of one vector": (lambda: F.pdist(ONE), tt.ShapeError, r"\(N, D\)"),
    "an eps of 0": (lambda: F.normalize(X, eps=0.0), tt.ArgumentError, "eps must be positive"),
    "cosines of other axes": (
        lambda: F.cosine_similarity(X, ONE, dim=-1), tt.ShapeError, "as many axes",
    ),
    "cosines of other lengths": (
        lambda: F.cosine_similarity(X, COLUMN), tt.ShapeError, "one length along dim=1",
    ),
    "triplets of different shapes": (
        lambda: F.triplet_margin_loss(X, X, ONE), tt.ShapeError, "anchor, positive, negative",
    ),
    "integer triplets": (lambda: F.triplet_margin_loss(X, X, INTEGERS), tt.DtypeError, "floats"),
    "a negative margin": (
        lambda: F.triplet_margin_loss(X, X, X, margin=-1.0), tt.ArgumentError, "margin must be",
    ),
    "no margin": (lambda: nn.TripletMarginLoss(margin=0), tt.ArgumentError, "margin must be"),
    "no margin, any distance": (
        lambda: nn.TripletMarginWithDistanceLoss(margin=0), tt.ArgumentError, "margin must be",
    ),
    "an unknown reduction": (
        lambda: F.triplet_margin_loss(X, X, X, reduction="all"), tt.ArgumentError, "mean or sum",
    ),
    "a cosine above 1": (
        lambda: nn.CosineEmbeddingLoss(margin=1.5), tt.ArgumentError, "margin has no such value",
    ),
    "targets 0 and 1": (
        lambda: F.cosine_embedding_loss(X, X, np.array([0, 1, 0, 1, 1])),
        tt.ArgumentError, r"2 \* same - 1",
    ),
    "targets in a column": (
        lambda: F.cosine_embedding_loss(X, X, SAME[:, None]), tt.ShapeError, r"target \(5,\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case):
    call, error, words = REFUSED[case]
    with pytest.raises(error, match=words) as caught:
        call()
    assert "test_nn_distances.py" in str(caught.value)
