"""Products of vectors, matrices and more axes: bilinear rules, each adjoint to the others."""

from __future__ import annotations

import numpy as np

from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.rule import answers, rule
from tinygrad_tr.rules.shape import unbroadcast


@rule(np.matmul, symbol="@")
def matmul(x, y):
    """x @ y: (..., n, k) @ (..., k, m) -> (..., n, m); vectors as NumPy does.

    Pullbacks g yᵀ and xᵀ g, summed over axes that were broadcast.
    """
    if x.ndim == 0 or y.ndim == 0:
        raise ShapeError(
            "matmul", "a number has no rows or columns", got=f"{x.shape} @ {y.shape}",
            wanted="at least one axis each; use * for numbers",
        )  # fmt: skip
    if x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ShapeError(
            "matmul",
            f"the last axis of x has length {x.shape[-1]}, "
            f"the {'second to last' if y.ndim > 1 else 'only'} axis of y "
            f"{y.shape[-2 if y.ndim > 1 else 0]}",
            got=f"{x.shape} @ {y.shape}",
            wanted="(..., n, k) @ (..., k, m) with one k",
        )
    if x.ndim == 2 == y.ndim:
        return x @ y, lambda g: g @ y.T, lambda g: x.T @ g
    x_shape, y_shape = x.shape, y.shape
    x_axes, y_axes = x.ndim, y.ndim

    def to_x(g):
        if y_axes == 1:  # (..., n) with (k,) -> (..., n, k)
            return unbroadcast(np.expand_dims(g, -1) * y, x_shape)
        rows = np.expand_dims(g, -2) if x_axes == 1 else g
        return unbroadcast(rows @ np.swapaxes(y, -1, -2), (1, *x_shape) if x_axes == 1 else x_shape
                           ).reshape(x_shape)  # fmt: skip

    def to_y(g):
        if x_axes == 1:  # (k,) with (..., m) -> (..., k, m)
            columns = g if y_axes == 1 else np.expand_dims(g, -2)
            return unbroadcast(x * columns if y_axes == 1 else np.expand_dims(x, -1) * columns,
                               y_shape)  # fmt: skip
        columns = np.expand_dims(g, -1) if y_axes == 1 else g
        wide = (*y_shape, 1) if y_axes == 1 else y_shape
        return unbroadcast(np.swapaxes(x, -1, -2) @ columns, wide).reshape(y_shape)

    return x @ y, to_x, to_y


@answers(np.dot)
def dot(a, b):
    """NumPy's dot: a number scales, vectors and matrices multiply, more axes tensordot."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(a) <= 2 and np.ndim(b) <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, axes=((-1,), (-2 if np.ndim(b) > 1 else -1,)))


@answers(np.vdot)
def vdot(a, b):
    """Σ a b of the flattened arrays."""
    return np.matmul(np.reshape(a, -1), np.reshape(b, -1))


@answers(np.inner)
def inner(a, b):
    """Σ over the last axes."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return np.tensordot(a, b, axes=((-1,), (-1,)))


@answers(np.outer)
def outer(a, b):
    """aᵢ bⱼ of the flattened arrays."""
    return np.multiply(np.reshape(a, (-1, 1)), np.reshape(b, (1, -1)))


@answers(np.tensordot)
def tensordot(a, b, axes=2):
    """Σ over pairs of axes: the last n of a with the first n of b, or two lists of axes."""
    if np.ndim(axes) == 0:
        of_a, of_b = range(np.ndim(a) - axes, np.ndim(a)), range(axes)
    else:
        of_a, of_b = (np.atleast_1d(side).tolist() for side in axes)
    of_a = [i % np.ndim(a) for i in of_a]
    of_b = [i % np.ndim(b) for i in of_b]
    summed = [np.shape(a)[i] for i in of_a]
    if len(of_a) != len(of_b) or summed != [np.shape(b)[i] for i in of_b]:
        raise ShapeError(
            "tensordot", "the summed axes differ in length",
            got=f"{np.shape(a)} and {np.shape(b)}, axes={axes}", wanted="pairs of equal lengths",
        )  # fmt: skip
    rest_a = [i for i in range(np.ndim(a)) if i not in of_a]
    rest_b = [i for i in range(np.ndim(b)) if i not in of_b]
    k = int(np.prod(summed, dtype=np.int64))
    shape_a, shape_b = [np.shape(a)[i] for i in rest_a], [np.shape(b)[i] for i in rest_b]
    rows, columns = int(np.prod(shape_a, dtype=np.int64)), int(np.prod(shape_b, dtype=np.int64))
    left = np.reshape(np.transpose(a, rest_a + of_a), (rows, k))
    right = np.reshape(np.transpose(b, of_b + rest_b), (k, columns))
    return np.reshape(np.matmul(left, right), shape_a + shape_b)


@rule()
def einsum_(*arrays, subscripts):
    """Σ of products over named axes, subscripts written out in full ("ij,jk->ik").

    The pullback of an operand is the einsum of g with the other operands.
    """
    terms, result = subscripts.split("->")
    terms = terms.split(",")
    lengths = {
        letter: n
        for term, x in zip(terms, arrays, strict=True)
        for letter, n in zip(term, x.shape, strict=True)
        if n != 1
    }
    out = np.einsum(subscripts, *arrays, optimize=len(arrays) > 2)

    def to(i):
        others = [x for j, x in enumerate(arrays) if j != i]
        names = [term for j, term in enumerate(terms) if j != i]
        shape, mine = arrays[i].shape, terms[i]

        def pullback(g):
            # Letters of this operand alone were summed away: the gradient is constant along them.
            unique = "".join(dict.fromkeys(mine))
            known = [c for c in unique if c in result or any(c in term for term in names)]
            spec = ",".join([result, *names]) + "->" + "".join(known)
            back = np.einsum(spec, g, *others, optimize=len(others) > 1)
            wide = [lengths.get(c, 1) for c in unique]
            back = np.reshape(back, [lengths.get(c, 1) if c in known else 1 for c in unique])
            full = np.broadcast_to(back, wide)
            if len(unique) < len(mine):  # a repeated letter took a diagonal: put it back there
                grids = np.ix_(*(np.arange(lengths.get(c, 1)) for c in unique))
                at = tuple(grids[unique.index(c)] for c in mine)
                return scatter_to(full, at, tuple(lengths.get(c, 1) for c in mine), shape)
            return unbroadcast(full, shape)

        return pullback

    return out, *map(to, range(len(arrays)))


def scatter_to(g, at, wide, shape):
    from tinygrad_tr.rules.indexing import scatter

    return unbroadcast(scatter(g, index=at, shape=wide), shape)


@answers(np.einsum)
def einsum(subscripts, *operands, optimize=True):
    """Einstein's summation, np.einsum's subscripts with `...` and implicit results."""
    return einsum_(*operands, subscripts=written_out(subscripts, [np.ndim(x) for x in operands]))


def written_out(subscripts, axes):
    """The subscripts with `...` replaced by letters and the result named."""
    if not isinstance(subscripts, str):
        raise ArgumentError(
            "einsum", "the subscripts come first", got=type(subscripts).__name__,
            wanted="einsum('ij,jk->ik', a, b)",
        )  # fmt: skip
    inputs, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(axes):
        raise ShapeError(
            "einsum", f"{subscripts!r} names {len(terms)} operands", got=f"{len(axes)} operands",
            wanted="one group of letters per operand",
        )  # fmt: skip
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in subscripts]
    widest = 0
    for i, (term, n) in enumerate(zip(terms, axes, strict=True)):
        extra = n - len(term.replace("...", ""))
        if extra < 0 or (extra > 0 and "..." not in term):
            raise ShapeError(
                "einsum", f"the group {term!r} does not fit operand {i}", got=f"{n} axes",
                wanted=f"{len(term.replace('...', ''))} axes",
            )  # fmt: skip
        widest = max(widest, extra if "..." in term else 0)
        terms[i] = term.replace("...", "".join(free[widest_start(free, extra) : MORE]))
    dots = "".join(free[widest_start(free, widest) : MORE])
    if not arrow:
        letters = "".join(terms)
        once = sorted(c for c in set(letters) if letters.count(c) == 1 and c not in dots)
        result = dots + "".join(once)
    return ",".join(terms) + "->" + result.replace("...", dots)


MORE = 12  # letters set aside for `...`; the last of them stand for its last axes


def widest_start(free, extra):
    return min(MORE, len(free)) - extra


@answers(np.kron)
def kron(a, b):
    """The Kronecker product: a with each element replaced by that element times b."""
    n = max(np.ndim(a), np.ndim(b))
    shape_a = (1,) * (n - np.ndim(a)) + np.shape(a)
    shape_b = (1,) * (n - np.ndim(b)) + np.shape(b)
    spaced_a = [m for length in shape_a for m in (length, 1)]
    spaced_b = [m for length in shape_b for m in (1, length)]
    product = np.reshape(a, spaced_a) * np.reshape(b, spaced_b)
    return np.reshape(product, [p * q for p, q in zip(shape_a, shape_b, strict=True)])
