"""Products of vectors, matrices and more axes: bilinear rules, each adjoint to the others."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.rule import answers, rule
from tinygrad_tr.rules.shape import unbroadcast

__all__ = ["dot", "einsum", "inner", "kron", "matmul", "outer", "tensordot", "vdot"]


@rule(np.matmul, symbol="@")
def matmul(x, y):
    """x @ y: (..., n, k) @ (..., k, m) -> (..., n, m); vectors as NumPy does.

    Pullbacks g yᵀ and xᵀ g, summed over axes that were broadcast.
    """
    if x.ndim == 2 == y.ndim and x.shape[1] == y.shape[0]:
        return x @ y, lambda g: g @ y.T, lambda g: x.T @ g
    require_chain(x, y)
    if x.ndim > 2 == y.ndim:
        return stack_by_matrix(x, y)
    out = x @ y
    # A vector is a matrix of one row, or one column, whose axis the product has lost.
    left = x.reshape(1, -1) if x.ndim == 1 else x
    right = y.reshape(-1, 1) if y.ndim == 1 else y
    x_shape, y_shape, left_shape, right_shape = x.shape, y.shape, left.shape, right.shape
    wide = [*out.shape, 1] if y.ndim == 1 else list(out.shape)
    if x.ndim == 1:
        wide.insert(-1, 1)
    return (
        out,
        lambda g: unbroadcast(g.reshape(wide) @ right.mT, left_shape).reshape(x_shape),
        lambda g: unbroadcast(left.mT @ g.reshape(wide), right_shape).reshape(y_shape),
    )


def stack_by_matrix(x, y):
    """(..., n, k) @ (k, m), with all the rows of the stack in one matrix: one product, not many."""
    shape, (k, m) = x.shape, y.shape
    n = math.prod(shape[:-1])
    rows = x.reshape(n, k)
    return (
        (rows @ y).reshape(*shape[:-1], m),
        lambda g: (g.reshape(n, m) @ y.T).reshape(shape),
        lambda g: rows.T @ g.reshape(n, m),
    )


def require_chain(x, y):
    """Refuse x @ y unless the last axis of x is as long as the rows of y are many."""
    if x.ndim == 0 or y.ndim == 0:
        raise ShapeError(
            "matmul", "a number has no rows or columns", got=f"{x.shape} @ {y.shape}",
            wanted="at least one axis each; use * for numbers",
        )  # fmt: skip
    place, axis = ("second to last", -2) if y.ndim > 1 else ("only", 0)
    if x.shape[-1] != y.shape[axis]:
        raise ShapeError(
            "matmul",
            f"the last axis of x has length {x.shape[-1]}, the {place} axis of y {y.shape[axis]}",
            got=f"{x.shape} @ {y.shape}",
            wanted="(..., n, k) @ (..., k, m) with one k",
        )


@answers(np.dot)
def dot(a, b):
    """NumPy's dot: a number scales, vectors and matrices multiply, more axes tensordot."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(a) <= 2 and np.ndim(b) <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, axes=(-1, -2 if np.ndim(b) > 1 else -1))


@answers(np.vdot)
def vdot(a, b):
    """Σ a b of the flattened arrays."""
    return np.matmul(np.reshape(a, -1), np.reshape(b, -1))


@answers(np.inner)
def inner(a, b):
    """Σ over the last axes."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return np.tensordot(a, b, axes=(-1, -1))


@answers(np.outer)
def outer(a, b):
    """aᵢ bⱼ of the flattened arrays."""
    return np.multiply(np.reshape(a, (-1, 1)), np.reshape(b, (1, -1)))


@answers(np.tensordot)
def tensordot(a, b, axes=2):
    """Σ over pairs of axes: the last n of a with the first n of b, or two lists of axes."""
    shape_a, shape_b = np.shape(a), np.shape(b)
    of_a, of_b = summed_axes(shape_a, shape_b, axes)
    rest_a = [i for i in range(len(shape_a)) if i not in of_a]
    rest_b = [i for i in range(len(shape_b)) if i not in of_b]
    rows, columns = [shape_a[i] for i in rest_a], [shape_b[i] for i in rest_b]
    k = math.prod(shape_a[i] for i in of_a)
    left = np.reshape(np.transpose(a, rest_a + of_a), (math.prod(rows), k))
    right = np.reshape(np.transpose(b, of_b + rest_b), (k, math.prod(columns)))
    return np.reshape(np.matmul(left, right), rows + columns)


def summed_axes(shape_a, shape_b, axes):
    """The axes that tensordot sums over, as two lists; refuses those that do not pair up."""
    n, m = len(shape_a), len(shape_b)
    if np.ndim(axes) == 0:
        sides = range(n - axes, n), range(axes)
    else:
        sides = [np.atleast_1d(side).tolist() for side in axes]
    exist = all(-n <= i < n for i in sides[0]) and all(-m <= i < m for i in sides[1])
    of_a, of_b = ([i % max(1, k) for i in side] for side, k in zip(sides, (n, m), strict=True))
    distinct = len(set(of_a)) == len(of_a) and len(set(of_b)) == len(of_b)
    if not (exist and distinct) or [shape_a[i] for i in of_a] != [shape_b[i] for i in of_b]:
        raise ShapeError(
            "tensordot", "the axes to be summed do not pair up",
            got=f"{shape_a} and {shape_b}, axes={axes}",
            wanted="existing axes, each named once, in pairs of equal lengths",
        )  # fmt: skip
    return of_a, of_b


@rule()
def einsum_(*arrays, subscripts):
    """Σ of products over named axes, written out in full: "ij,jk->ik".

    Each letter of an operand stands in the result or in another operand, so the pullback of an
    operand is again such a sum: that of g with the other operands.
    """
    terms, result = parts(subscripts)

    def to(i):
        others = arrays[:i] + arrays[i + 1 :]
        back = ",".join([result, *terms[:i], *terms[i + 1 :]]) + "->" + terms[i]
        return lambda g: np.einsum(back, g, *others, optimize=True)

    out = np.einsum(subscripts, *arrays, optimize=True)
    return out if result else out[()], *map(to, range(len(arrays)))


@answers(np.einsum)
def einsum(subscripts, *operands, optimize=True):
    """Einstein's summation, np.einsum's subscripts with `...` and implicit results.

    A letter twice in one group takes a diagonal; a length of 1 broadcasts against a longer one.
    """
    terms, result = parts(written_out(subscripts, list(map(np.ndim, operands))))
    operands = list(operands)
    for i, term in enumerate(terms):
        terms[i], operands[i] = without_repeats(term, operands[i])
    lengths = lengths_of(subscripts, terms, result, operands)
    for i, term in enumerate(terms):  # a length of 1 that broadcasts: its sum drops the axis
        stretched = [c for c, n in zip(term, np.shape(operands[i]), strict=True) if n != lengths[c]]
        terms[i], operands[i] = summed_over(term, operands[i], stretched)
    for i, term in enumerate(terms):
        elsewhere = {*result, *"".join(terms[:i] + terms[i + 1 :])}
        terms[i], operands[i] = summed_over(term, operands[i], set(term) - elsewhere)
    return einsum_(*operands, subscripts=",".join(terms) + "->" + result)


def summed_over(term, x, letters):
    """A group and its operand without the letters, whose axes are summed."""
    axes = tuple(axis for axis, c in enumerate(term) if c in letters)
    if not axes:
        return term, x
    return "".join(c for c in term if c not in letters), np.sum(x, axis=axes)


def parts(subscripts):
    """The groups and the result: (["ij", "jk"], "ik") of "ij,jk->ik", for instance."""
    inputs, _, result = subscripts.partition("->")
    return inputs.split(","), result


def without_repeats(term, x):
    """A group of letters and its operand with each letter once: the diagonal of repeated ones."""
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            first, second = term.index(c), term.rindex(c)
            if np.shape(x)[first] != np.shape(x)[second]:
                raise ShapeError(
                    "einsum", f"the letter {c!r} names two axes of one operand that differ",
                    got=f"shape {np.shape(x)}", wanted="one length per letter",
                )  # fmt: skip
            x = np.diagonal(x, axis1=first, axis2=second)
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + c
    return term, x


def lengths_of(subscripts, terms, result, operands):
    """The length that each letter stands for."""
    lengths = {}
    for term, x in zip(terms, operands, strict=True):
        for c, n in zip(term, np.shape(x), strict=True):
            if lengths.setdefault(c, n) == 1:
                lengths[c] = n
            if n not in (1, lengths[c]):
                raise ShapeError(
                    "einsum", f"the letter {c!r} of {subscripts!r} stands for two lengths",
                    got=f"{lengths[c]} and {n}", wanted="one length, or 1",
                )  # fmt: skip
    if len(set(result)) < len(result) or not lengths.keys() >= set(result):
        raise ShapeError(
            "einsum", f"the result {result!r} cannot be made", got=f"{subscripts!r}",
            wanted="letters of the operands, each once",
        )  # fmt: skip
    return lengths


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def written_out(subscripts, axes):
    """The subscripts with `...` replaced by letters and the result named.

    `axes` are the numbers of axes of the operands. The last letters stand for the last axes, so
    that a shorter `...` broadcasts against a longer one.
    """
    if not isinstance(subscripts, str):
        raise ArgumentError(
            "einsum", "the subscripts come first", got=type(subscripts).__name__,
            wanted="einsum('ij,jk->ik', a, b)",
        )  # fmt: skip
    inputs, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    letters = "".join([*terms, result]).replace("...", "")
    if letters and not (letters.isascii() and letters.isalpha()):
        raise ArgumentError(
            "einsum", "axes are named by letters", got=f"{subscripts!r}",
            wanted="a to z, A to Z, and one `...` per group",
        )  # fmt: skip
    if len(terms) != len(axes):
        raise ShapeError(
            "einsum", f"{subscripts!r} names {len(terms)} operands", got=f"{len(axes)} operands",
            wanted="one group of letters per operand",
        )  # fmt: skip
    free = "".join(c for c in LETTERS if c not in subscripts)
    dots = ""
    for i, (term, n) in enumerate(zip(terms, axes, strict=True)):
        named = len(term.replace("...", ""))
        if n < named or (n > named and "..." not in term):
            raise ShapeError(
                "einsum", f"the group {term!r} does not fit operand {i}", got=f"{n} axes",
                wanted=f"{named} axes",
            )  # fmt: skip
        mine = free[len(free) - (n - named) :]
        terms[i] = term.replace("...", mine)
        dots = max(dots, mine, key=len)
    if not arrow:
        named = "".join(terms)
        result = "..." + "".join(sorted(c for c in named if named.count(c) == 1 and c not in dots))
    if dots and "..." not in result:
        raise ShapeError(
            "einsum", "the axes of `...` are missing in the result", got=f"{subscripts!r}",
            wanted="`...` after the arrow",
        )  # fmt: skip
    return ",".join(terms) + "->" + result.replace("...", dots)


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
