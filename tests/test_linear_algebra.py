"""What the table of cases cannot say of linear algebra: errors, degenerate matrices, conventions,
derivatives of third order."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.cases.linear_algebra import mixed, positive, separate, symmetric
from tests.leaves import leaf

linalg = tt.linalg
rng = np.random.default_rng(0)


def gradient(function, array):
    x = leaf(array)
    return tt.grad(function(x), x)[0].numpy()


# ---------------------------------------------------------------------- derivatives of any order


def second_derivative(function, direction):
    """⟨∇⟨∇f, direction⟩, direction²⟩ as a function of x: its gradient is a third derivative."""

    def of(x):
        (g,) = tt.grad(function(x), x, create_graph=True)
        (h,) = tt.grad(np.sum(g * direction), x, create_graph=True)
        return np.sum(h * direction * direction)

    return of


def svd_function(a):
    return np.sum(mixed(*np.linalg.svd(a, full_matrices=False)) ** 2)


def eigh_function(a):
    w, v = np.linalg.eigh(symmetric(a))
    return np.sum(mixed(v, w, v.mT)[..., 0, :] ** 3)


def qr_function(a):
    q, r = np.linalg.qr(a)
    return np.sum((q @ np.sin(r)) ** 2)


THIRD = {
    "inv": (lambda a: np.sum(np.linalg.inv(a) ** 2), positive(rng.standard_normal((3, 3)))),
    "det": (lambda a: np.linalg.det(a) ** 2, rng.standard_normal((3, 3))),
    "det-singular": (np.linalg.det, np.diag([2.0, 1.0, 0.0])),
    "det-zero": (np.linalg.det, np.zeros((3, 3))),
    "det-identity": (np.linalg.det, np.eye(3)),
    "slogdet": (lambda a: np.linalg.slogdet(a)[1], positive(rng.standard_normal((3, 3)))),
    "solve": (lambda a: np.sum(np.linalg.solve(a, a[0]) ** 2), positive(np.eye(3)[::-1])),
    "cholesky": (
        lambda a: np.sum(np.linalg.cholesky(positive(a)) ** 3),
        rng.standard_normal((3, 3)),
    ),
    "qr": (qr_function, rng.standard_normal((4, 3))),
    "svd": (svd_function, separate(3, 2)(rng)),
    "svdvals": (lambda a: np.sum(np.linalg.svdvals(a) ** 3), separate(2, 3)(rng)),
    "eigh": (eigh_function, separate(3, 3)(rng)),
    "eigvalsh": (lambda a: np.sum(np.linalg.eigvalsh(symmetric(a)) ** 3), separate(3, 3)(rng)),
    "pinv": (lambda a: np.sum(np.linalg.pinv(a) ** 2), separate(3, 2)(rng)),
    "norm": (lambda a: np.linalg.norm(a) ** 3, rng.standard_normal((2, 2))),
    "p_norm": (lambda a: np.linalg.vector_norm(a, ord=4), rng.standard_normal((2, 2))),
}


@pytest.mark.parametrize("name", THIRD)
def test_third_derivatives_agree_with_finite_differences(name):
    function, at = THIRD[name]
    direction = np.random.default_rng(1).standard_normal(at.shape)
    assert tt.gradcheck(second_derivative(function, direction), at, atol=1e-5, rtol=1e-5)


def test_a_factorization_used_in_part_is_differentiated_again_in_whole():
    """The loss sees only s, its derivative sees U and V: their nodes are made on the way."""
    a = leaf(separate(3, 3)(rng))
    s = np.linalg.svd(a).S
    (g,) = tt.grad(np.sum(s**2), a, create_graph=True)
    np.testing.assert_allclose(g.numpy(), 2 * a.numpy(), atol=1e-12)
    (h,) = tt.grad(np.sum(g * g), a)
    np.testing.assert_allclose(h.numpy(), 8 * a.numpy(), atol=1e-11)


# ---------------------------------------------------------------------- degenerate matrices


def test_singular_values_of_equal_size_have_derivatives_and_their_vectors_have_none():
    np.testing.assert_allclose(
        gradient(lambda a: np.sum(np.linalg.svdvals(a) ** 2), 2 * np.eye(3)), 4 * np.eye(3)
    )
    with pytest.raises(tt.LinearAlgebraError, match="equal values"):
        gradient(lambda a: np.sum(mixed(*np.linalg.svd(a))), np.eye(3))


def test_equal_eigenvalues_have_derivatives_and_their_vectors_have_none():
    np.testing.assert_allclose(
        gradient(lambda a: np.sum(np.linalg.eigvalsh(a) ** 2), 2 * np.eye(3)), 4 * np.eye(3)
    )
    with pytest.raises(tt.LinearAlgebraError, match="equal values"):
        gradient(lambda a: np.sum(np.linalg.eigh(a)[1] ** 3), np.eye(3))


def test_vectors_of_simple_values_have_a_derivative_beside_equal_ones():
    """The first component of data of low rank: the other singular values are all 0."""
    a = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, -1.0, 0.5])

    def first(a):
        u, s, vt = np.linalg.svd(a, full_matrices=False)
        return np.sum(u[:, :1] * s[0] @ vt[:1] * np.arange(12.0).reshape(4, 3))

    g = gradient(first, a)
    step = 1e-6
    for at in np.ndindex(a.shape):
        moved = np.zeros_like(a)
        moved[at] = step
        slope = (first(a + moved) - first(a - moved)) / (2 * step)
        assert g[at] == pytest.approx(slope, abs=1e-6)


def test_vectors_of_a_zero_singular_value_have_no_derivative():
    a = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    with pytest.raises(tt.LinearAlgebraError, match="singular value of 0"):
        gradient(lambda a: np.sum(np.linalg.svd(a, full_matrices=False)[0]), a)


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda a: np.linalg.svd(a)[0], (4, 2)),
        (lambda a: np.linalg.svd(a)[2], (2, 4)),
        (lambda a: np.linalg.qr(a, "complete")[0], (4, 2)),
    ],
    ids=["svd-tall", "svd-wide", "qr"],
)
def test_completing_vectors_refuse_a_gradient_and_only_then(function, shape):
    a = leaf(rng.standard_normal(shape))
    out = function(a)
    assert out.shape == (4, 4)
    with pytest.raises(tt.LinearAlgebraError, match="not determined by the matrix"):
        tt.grad(np.sum(out**3), a)


def test_qr_of_dependent_columns_has_no_derivative():
    a = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    with pytest.raises(tt.LinearAlgebraError, match="linearly dependent"):
        gradient(lambda a: np.sum(np.linalg.qr(a)[0] ** 3), a)


def test_the_logarithm_of_a_zero_determinant_has_no_derivative():
    a = leaf([[1.0, 2.0], [2.0, 4.0]])
    sign, logarithm = np.linalg.slogdet(a)
    assert (sign.item(), logarithm.item()) == (0, -np.inf)
    with pytest.raises(tt.LinearAlgebraError, match="no derivative"):
        logarithm.backward()


def test_the_sign_of_a_determinant_has_derivative_0():
    g = gradient(lambda a: np.linalg.slogdet(a)[0], 2 * np.eye(2))
    np.testing.assert_array_equal(g, np.zeros((2, 2)))


def test_the_derivative_of_the_determinant_of_a_singular_stack_is_the_cofactors():
    a = np.stack([np.diag([2.0, 3.0, 0.0]), np.diag([2.0, 0.0, 0.0]), np.diag([1.0, 2.0, 3.0])])
    g = gradient(lambda a: np.sum(np.linalg.det(a)), a)
    expected = [np.diag([0.0, 0.0, 6.0]), np.zeros((3, 3)), np.diag([6.0, 3.0, 2.0])]
    np.testing.assert_allclose(g, expected, atol=1e-14)


# ---------------------------------------------------------------------- conventions


VECTOR_ORDERS = [None, 1, 2, 3, 0.5, np.inf, -np.inf]
MATRIX_ORDERS = [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]
NORMS = [
    *(lambda a, p=p: np.sum(np.linalg.norm(a, p, axis=-1)) for p in VECTOR_ORDERS),
    *(lambda a, p=p: np.linalg.norm(a, p) for p in MATRIX_ORDERS),
]


@pytest.mark.parametrize("norm", NORMS)
def test_the_derivative_of_every_norm_is_0_at_0(norm):
    np.testing.assert_array_equal(gradient(norm, np.zeros((3, 2))), np.zeros((3, 2)))
    x = leaf(np.zeros((3, 2)))
    (g,) = tt.grad(norm(x), x, create_graph=True)
    np.testing.assert_array_equal(g.numpy(), np.zeros((3, 2)))


def test_a_zero_among_others_has_derivative_0_in_every_norm():
    for p in (1, 2, 3, 0.5):
        g = gradient(lambda a, p=p: np.linalg.norm(a, p), [0.0, 2.0, -2.0])
        assert g[0] == 0
        assert g[1] == -g[2] > 0


def test_equal_maxima_share_the_derivative_of_a_norm():
    np.testing.assert_allclose(
        gradient(lambda a: np.linalg.norm(a, np.inf), [2.0, -2.0, 1.0]), [0.5, -0.5, 0.0]
    )
    np.testing.assert_allclose(gradient(lambda a: np.linalg.norm(a, 2), np.eye(2)), np.eye(2) / 2)


def test_the_norm_that_counts_stops_the_gradient():
    out = np.linalg.norm(leaf([0.0, 3.0, -1.0]), 0)
    assert out.item() == 2
    assert not out.requires_grad


def test_norms_of_small_integers_do_not_overflow():
    assert np.linalg.norm(tt.Tensor(np.array([100, 100], np.int8))).item() == pytest.approx(
        100 * np.sqrt(2)
    )


def test_gradients_of_symmetric_factorizations_are_symmetric():
    a = positive(rng.standard_normal((4, 4)))
    for function in (np.linalg.cholesky, np.linalg.eigvalsh, lambda a: np.linalg.eigh(a)[1] ** 2):
        x = leaf(a)
        y = function(x)
        (g,) = tt.grad(y, x, rng.standard_normal(y.shape))
        np.testing.assert_allclose(g.numpy(), g.numpy().T, atol=1e-12)


def test_cholesky_reads_one_triangle():
    a = positive(rng.standard_normal((3, 3)))
    np.testing.assert_array_equal(
        np.linalg.cholesky(leaf(np.tril(a))).numpy(), np.linalg.cholesky(np.tril(a))
    )
    np.testing.assert_allclose(
        np.linalg.cholesky(leaf(np.triu(a)), upper=True).numpy(), np.linalg.cholesky(a).T
    )


# ---------------------------------------------------------------------- as NumPy does


def test_results_have_numpys_names():
    a = tt.Tensor(positive(rng.standard_normal((3, 3))))
    assert np.linalg.svd(a).Vh.shape == (3, 3)
    assert np.linalg.eigh(a).eigenvalues.shape == (3,)
    assert np.linalg.qr(a).R.shape == (3, 3)
    assert np.linalg.slogdet(a).logabsdet.shape == ()


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5), (2, 5, 3), (0, 3, 3)])
@pytest.mark.parametrize("full", [True, False])
def test_factors_are_numpys_factors(shape, full):
    a = rng.standard_normal(shape)
    for got, expected in zip(np.linalg.svd(leaf(a), full), np.linalg.svd(a, full), strict=True):
        np.testing.assert_array_equal(got.numpy(), expected)
    mode = "complete" if full else "reduced"
    for got, expected in zip(np.linalg.qr(leaf(a), mode), np.linalg.qr(a, mode), strict=True):
        np.testing.assert_allclose(got.numpy(), expected, atol=1e-13)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (rng.standard_normal((5, 3)), rng.standard_normal((5, 2))),
        (rng.standard_normal((5, 3)), rng.standard_normal(5)),
        (rng.standard_normal((3, 5)), rng.standard_normal((3, 2))),
        (rng.standard_normal((3, 3)), rng.standard_normal(3)),
        (np.outer([1.0, 2.0, 3.0, 4.0], [1.0, 1.0]), rng.standard_normal((4, 1))),
    ],
    ids=["tall", "vector", "wide", "square", "rank-one"],
)
def test_least_squares_are_numpys(a, b):
    for got, expected in zip(np.linalg.lstsq(leaf(a), leaf(b)), np.linalg.lstsq(a, b), strict=True):
        assert got.shape == np.shape(expected)
        np.testing.assert_allclose(got.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("shapes", [[(2, 3), (3, 4)], [(3,), (3, 2), (2,)], [(9, 1), (1, 9)] * 4])
def test_chains_of_products_are_numpys(shapes):
    arrays = [rng.standard_normal(shape) for shape in shapes]
    got = np.linalg.multi_dot([leaf(a) for a in arrays])
    np.testing.assert_allclose(got.numpy(), np.linalg.multi_dot(arrays), rtol=1e-10)


def test_a_chain_of_products_is_made_in_the_cheapest_order():
    column, row = leaf(np.ones((50, 1))), leaf(np.ones((1, 50)))
    out = np.linalg.multi_dot([column, row, column, row])
    sizes = [np.prod(node.shape) for node in tt.graph.ancestors([out.node])]
    assert sorted(sizes) == [1, 50, 2500]


def test_powers_of_matrices_are_made_by_squaring():
    a = leaf(rng.standard_normal((3, 3)) / 3)
    out = np.linalg.matrix_power(a, 64)
    np.testing.assert_allclose(out.numpy(), np.linalg.matrix_power(a.numpy(), 64))
    assert len(tt.graph.ancestors([out.node])) == 6
    identity = np.linalg.matrix_power(a, 0)
    np.testing.assert_array_equal(identity.numpy(), np.eye(3))
    np.testing.assert_array_equal(tt.grad(np.sum(identity), a)[0].numpy(), np.zeros((3, 3)))


def test_plain_arrays_give_plain_arrays():
    assert isinstance(linalg.inv(np.eye(2)), np.ndarray)
    assert isinstance(linalg.svd(np.eye(2)).U, np.ndarray)


# ---------------------------------------------------------------------- refused


one, wide, square, cube = map(np.ones, [1, (2, 3), (3, 3), (2, 2, 2)])
singular = np.ones((2, 2))
on = np.linalg

REFUSED = [
    (lambda: on.inv(leaf(wide)), tt.LinearAlgebraError, "inv: the matrix is not square"),
    (lambda: on.det(leaf(one)), tt.LinearAlgebraError, "det: the matrix is not square"),
    (lambda: on.matrix_power(leaf(wide), 2), tt.LinearAlgebraError, "not square"),
    (lambda: on.svd(leaf(one)), tt.LinearAlgebraError, "not a matrix"),
    (lambda: on.inv(leaf(singular)), tt.LinearAlgebraError, "an invertible matrix"),
    (lambda: on.solve(leaf(singular), leaf([1, 2])), tt.LinearAlgebraError, "an invertible"),
    (lambda: on.solve(leaf(np.eye(3)), leaf(singular)), tt.ShapeError, "do not fit"),
    (lambda: on.solve(leaf(np.eye(3)), leaf(1)), tt.ShapeError, "do not fit"),
    (lambda: on.lstsq(leaf(wide), leaf(square)), tt.ShapeError, "differ in number"),
    (lambda: on.cholesky(leaf(-np.eye(3))), tt.LinearAlgebraError, "an eigenvalue -1"),
    (lambda: on.svd(leaf(square * np.nan)), tt.LinearAlgebraError, "finite numbers"),
    (lambda: on.qr(leaf(square), "raw"), tt.ArgumentError, "unknown mode"),
    (lambda: on.svd(leaf(square), hermitian=True), tt.UnsupportedError, "hermitian"),
    (lambda: on.multi_dot([leaf(square)]), tt.ShapeError, "not a chain"),
    (lambda: on.norm(leaf(one), "fro"), tt.ArgumentError, "norm of a vector"),
    (lambda: on.norm(leaf(square), 3), tt.ArgumentError, "norm of a matrix"),
    (lambda: on.norm(leaf(cube), 1), tt.ShapeError, "neither vectors nor matrices"),
    (lambda: on.eig(leaf(square)), tt.UnsupportedError, "np.eig"),
]


@pytest.mark.parametrize(("call", "kind", "words"), REFUSED, ids=[words for *_, words in REFUSED])
def test_bad_input_is_refused_with_the_users_line(call, kind, words):
    with pytest.raises(kind, match=words) as caught:
        call()
    assert "test_linear_algebra.py" in caught.value.at


def test_errors_of_matrices_are_numpys_too():
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.inv(leaf(singular))


# ---------------------------------------------------------------------- einsum and products


@pytest.mark.parametrize(
    ("subscripts", "shapes", "words"),
    [
        ("ij,jk", [(2, 3)], "names 2 operands"),
        ("ij->i", [(2, 3, 4)], "does not fit operand 0"),
        ("ij,jk->ik", [(2, 3), (4, 5)], "'j' of 'ij,jk->ik' stands for two lengths"),
        ("ii->i", [(2, 3)], "two axes of one operand"),
        ("ij->ik", [(2, 3)], "cannot be made"),
        ("ij->ii", [(2, 3)], "cannot be made"),
        ("...i->i", [(2, 3)], "missing in the result"),
        ("i1->i", [(2, 3)], "named by letters"),
    ],
)
def test_subscripts_that_mean_nothing_are_refused(subscripts, shapes, words):
    with pytest.raises(ValueError, match=words):
        np.einsum(subscripts, *(leaf(np.ones(shape)) for shape in shapes))


def test_a_product_over_a_stack_is_one_product_on_the_way_back():
    """(B, n, k) @ (k, m): the gradient of the matrix needs no (B, k, m) stack of gradients."""
    x, w = leaf(np.ones((50, 4, 3))), leaf(np.ones((3, 2)))
    out = x @ w
    sizes = []
    tt.sweep.sweep(
        [out.node], [np.ones(out.shape)], free=True,
        watch=lambda node, g, made: sizes.extend(gx.size for gx in made),
    )  # fmt: skip
    assert sizes == [x.size, w.size]
