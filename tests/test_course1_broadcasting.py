"""Course 1, week 2: vectorisation, sums along an axis, broadcasting, and rank-1 arrays."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr.benchmarks import compare, vectorisation
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.examples.course1_broadcasting import CALORIES, percentages

F = tt.nn.functional

# ------------------------------------------------------------------ 1.14: vectorisation


def test_a_dot_product_equals_the_loop():
    rng = np.random.default_rng(0)
    w, x = rng.random(10_000), rng.random(10_000)
    loop = vectorisation.dot_by_loop(w, x, 0.5)
    assert abs(np.dot(w, x) + 0.5 - loop) / loop < 1e-9


def test_the_benchmark_prints_both_computations_and_how_far_they_differ(capsys):
    vectorisation.main(["--elements", "500", "--examples", "10", "--seconds", "0.01"])
    printed = capsys.readouterr().out
    assert "dot product of 500 elements" in printed
    assert "logistic regression, 64 features, 10 examples" in printed
    assert all(way in printed for way in ("loop", "np.dot", "vectorised", "autograd"))


def test_every_way_is_timed_and_the_results_agree():
    for result in vectorisation.measure(elements=1000, examples=20, seconds=0.05):
        assert result.difference < 1e-9
        assert all(min(times) > 0 for times in result.times.values())
        assert set(result.gains) == set(result.times) - {vectorisation.LOOP}


def test_the_claim_is_reported_whatever_the_times_are():
    fast = vectorisation.Timed("dot", {"loop": [2.1], "np.dot": [0.1]}, 1e-14)
    slow = vectorisation.Timed("dot", {"loop": [0.3], "np.dot": [0.1]}, 1e-14)
    assert "holds here: 21" in str(vectorisation.gains_table([fast]))
    assert "does not hold here: 3" in str(vectorisation.gains_table([fast, slow]))


def test_ways_that_disagree_are_not_timed():
    ways = {"loop": lambda: (1.0,), "other": lambda: (1.1,)}
    with pytest.raises(compare.DisagreementError, match="sums"):
        vectorisation.timed("sums", ways, 0.01)


# ------------------------------------------------------------------ 1.15: the calories table


def test_the_calories_table_has_the_lectures_percentages():
    A = leaf(CALORIES)
    np.testing.assert_allclose(A.sum(axis=0).numpy(), [59, 239, 155.4, 76.9], rtol=0, atol=1e-8)
    wanted = [
        [94.91525424, 0, 2.83140283, 88.42652796],
        [2.03389831, 43.51464435, 33.46203346, 10.40312094],
        [3.05084746, 56.48535565, 63.70656371, 1.17035111],
    ]
    np.testing.assert_allclose(percentages(A).numpy(), wanted, rtol=0, atol=1e-8)
    np.testing.assert_allclose(percentages(A).sum(axis=0).numpy(), np.full(4, 100), rtol=1e-14)


def test_the_sum_of_all_percentages_has_no_slope():
    A = leaf(CALORIES)
    percentages(A).sum().backward()
    np.testing.assert_allclose(A.grad.numpy(), np.zeros((3, 4)), rtol=0, atol=1e-12)


# ------------------------------------------------------------------ 1.16: broadcasting

COLUMN, TABLE = [[1], [2], [3], [4]], [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("a", "b", "total", "slope"),
    [
        (COLUMN, [[100]], [[101], [102], [103], [104]], [[4]]),
        (TABLE, [[100, 200, 300]], [[101, 202, 303], [104, 205, 306]], [[2, 2, 2]]),
        (TABLE, [[100], [200]], [[101, 102, 103], [204, 205, 206]], [[3], [3]]),
    ],
)
def test_the_lectures_sums_and_the_gradients_of_what_was_stretched(a, b, total, slope):
    a, b = leaf(a), leaf(b)
    out = a + b
    np.testing.assert_array_equal(out.numpy(), total)
    out.sum().backward()
    np.testing.assert_array_equal(a.grad.numpy(), np.ones(a.shape))
    np.testing.assert_array_equal(b.grad.numpy(), slope)


def test_a_column_plus_a_number_has_the_number_of_elements_as_its_slope():
    b = leaf(100.0)
    out = leaf(COLUMN) + b
    out.sum().backward()
    np.testing.assert_array_equal(out.numpy(), [[101], [102], [103], [104]])
    assert b.grad.item() == 4


OPERATIONS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "**": lambda x, y: x**y,
}


def stretching_shapes(rng):
    """Two shapes that broadcast: some axes of length 1, some missing in front."""
    whole = rng.integers(1, 4, rng.integers(1, 4))
    shapes = []
    for _ in range(2):
        kept = np.where(rng.random(len(whole)) < 0.4, 1, whole)
        shapes.append(tuple(map(int, kept[rng.integers(0, len(whole)) :])))
    return shapes


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients_of_random_shapes_agree_with_finite_differences(name, seed):
    rng = np.random.default_rng(seed)
    x, y = (rng.uniform(0.5, 2, shape) for shape in stretching_shapes(rng))
    assert tt.gradcheck(OPERATIONS[name], [x, y], rtol=1e-7, atol=1e-8)


@pytest.mark.oracle
@pytest.mark.parametrize("name", OPERATIONS)
def test_values_and_gradients_of_random_shapes_agree_with_pytorch(name):
    torch = pytest.importorskip("torch")
    for seed in range(20):
        rng = np.random.default_rng(seed)
        arrays = [rng.uniform(0.5, 2, shape) for shape in stretching_shapes(rng)]
        ours = [leaf(x) for x in arrays]
        theirs = [torch.tensor(x, requires_grad=True) for x in arrays]
        out, expected = OPERATIONS[name](*ours), OPERATIONS[name](*theirs)
        np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), rtol=1e-10)
        wanted = torch.autograd.grad(expected.sum(), theirs)
        for g, h in zip(tt.grad(out.sum(), ours), wanted, strict=True):
            np.testing.assert_allclose(g.numpy(), h.numpy(), rtol=1e-10)


# ------------------------------------------------------------------ 1.17: rank-1 arrays


def test_a_rank_1_array_is_neither_a_row_nor_a_column():
    a = tt.arange(5.0)
    assert a.shape == a.T.shape == (5,)
    assert (a @ a.T).shape == ()
    column = a.reshape(5, 1)
    assert column.T.shape == (1, 5)
    assert (column @ column.T).shape == (5, 5)
    assert (a + column).shape == (5, 5)  # the trap


def test_assert_shape_returns_what_it_was_given():
    for x in (tt.zeros(5, 1), np.zeros((5, 1)), leaf(np.zeros((5, 1)))):
        assert tt.assert_shape(x, (5, 1)) is x
        assert tt.assert_shape(x, [None, 1]) is x
    assert tt.assert_shape(3.0, ()) == 3
    assert tt.assert_shape([1, 2], (2,)) == [1, 2]


@pytest.mark.parametrize(
    ("shape", "wanted", "words"),
    [
        ((5,), (5, 1), ["(5,)", "(5, 1)", "reshape(-1, 1) makes a column"]),
        ((5,), (None, 1), ["(5,)", "(any, 1)", "reshape(-1, 1) makes a column"]),
        ((5,), (1, 5), ["(5,)", "(1, 5)", "reshape(1, -1) makes a row"]),
        ((1, 5), (5, 1), ["(1, 5)", "(5, 1)"]),
        ((5, 5), (5, 1), ["(5, 5)", "(5, 1)"]),
        ((), (1,), ["()", "(1,)"]),
        ((2, 3), (None,), ["(2, 3)", "(any,)"]),
    ],
)
def test_assert_shape_refuses_and_names_both_shapes(shape, wanted, words):
    for x in (tt.zeros(*shape), np.zeros(shape)):
        with pytest.raises(ShapeError, match="b has another shape") as refused:
            tt.assert_shape(x, wanted, "b")
        for word in words:
            assert word in str(refused.value)


def test_a_negative_length_is_no_wildcard():
    with pytest.raises(ArgumentError, match="None for any"):
        tt.assert_shape(tt.zeros(5, 1), (-1, 1))


@pytest.mark.parametrize(
    "loss",
    ["mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", "binary_cross_entropy",
     "binary_cross_entropy_with_logits", "kl_div"],
)  # fmt: skip
def test_losses_refuse_a_rank_1_array_beside_a_column(loss):
    with pytest.raises(ShapeError, match=r"the target has another shape") as refused:
        getattr(F, loss)(tt.full(5, 0.5), tt.full((5, 1), 0.5))
    assert "(5,) and (5, 1)" in str(refused.value)
