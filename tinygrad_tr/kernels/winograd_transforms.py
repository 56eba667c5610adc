"""Winograd's transforms of tiles and filters, written in vectors: every channel is a lane.

A product of two polynomials is known from its values at enough points, and there it is a product
of numbers. So 6 products give what 4 places of a result get from a filter of 3, where 12 are
needed one by one; and along two axes 36 instead of 144.

    T(x, w, y) = Σ (Bᵀ x)ₖ (G w)ₖ (A y)ₖ   over the 6 points k, for x (6,), w (3,) and y (4,)

with A and G the values of polynomials with the coefficients y and w, and B what makes it true:
Toom and Cook's matrices. Leaving out one of the three gives that convolution's three contractions,
here as in kernels/convolution.py. arXiv 1509.09308 has them for the points 0, ±1 and ±2.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.kernels.moves import address
from tinygrad_tr.kernels.tiles import LINE, vector_bytes

Value = Any  # a number or an address that will be there when the loop runs
Matrix = tuple[tuple[float, ...], ...]

# After these points comes infinity. In pairs ±p, whose values share their sums; with 0, ±1 and
# ±2 results would be off by twice as much.
POINTS = (0.0, 0.75, -0.75, 1.5, -1.5)
PAIRS = ((1, 2), (3, 4))
OUTPUTS, TAPS, SIDE = 4, 3, 6  # along one axis: of a tile, of a filter, and what a tile sees


def powers(count: int) -> Matrix:
    """The values at all points of polynomials with so many coefficients, (6, count)."""
    infinity = (*(0.0,) * (count - 1), 1.0)
    return (*(tuple(point**j for j in range(count)) for point in POINTS), infinity)


def through_others(i: int) -> tuple[float, ...]:
    """The coefficients of Π (x − point) over all points but the i-th, x⁰ first."""
    factors: list[Any] = [(-point, 1.0) for j, point in enumerate(POINTS) if j != i]
    product = functools.reduce(np.convolve, factors).tolist()
    return (*product, *(0.0,) * (SIDE - len(product)))


def filters() -> Matrix:
    """The values of a filter, each divided by Π (its point − another)."""
    rows = powers(TAPS)
    scales = [math.prod(p - q for q in POINTS if q != p) for p in POINTS] + [1.0]
    return tuple(tuple(g / scale for g in row) for row, scale in zip(rows, scales, strict=True))


A = powers(OUTPUTS)
B = tuple(through_others(i) for i in range(SIDE))  # Bᵀ in the paper's words
G = filters()


# ------------------------------------------------------------------ a matrix times numbers


def weighted(factors: Sequence[float], numbers: Sequence[Any]) -> Any:
    """Σ factor · number over the factors that are not 0."""
    terms = [n if f == 1 else n * f for f, n in zip(factors, numbers, strict=True) if f]
    return functools.reduce(lambda total, term: total + term, terms)


def halves(plus: Sequence[float], minus: Sequence[float]) -> tuple[list[float], list[float]]:
    """What the rows of a pair of points ±p share, and what has the sign of the point."""
    both = list(zip(plus, minus, strict=True))
    return [(a + b) / 2 for a, b in both], [(a - b) / 2 for a, b in both]


def at_points(matrix: Matrix, numbers: Sequence[Any]) -> list[Any]:
    """matrix @ numbers: the matrix has a row for each point."""
    out = [weighted(matrix[0], numbers)]
    for i, j in PAIRS:
        even, odd = (weighted(half, numbers) for half in halves(matrix[i], matrix[j]))
        out += [even + odd, even - odd]
    return [*out, weighted(matrix[-1], numbers)]


def from_points(matrix: Matrix, numbers: Sequence[Any]) -> list[Any]:
    """matrixᵀ @ numbers: at_points transposed."""
    rows, sums = list(map(list, matrix)), list(numbers)
    for i, j in PAIRS:
        rows[i], rows[j] = halves(matrix[i], matrix[j])
        sums[i], sums[j] = numbers[i] + numbers[j], numbers[i] - numbers[j]
    return [weighted(column, sums) for column in zip(*rows, strict=True)]


def on_both_axes(
    product: Callable[[Matrix, Sequence[Any]], list[Any]], matrix: Matrix, numbers: Sequence[Any]
) -> list[Any]:
    """M X Mᵀ for the product of M and a column; X and the result row by row."""
    side = math.isqrt(len(numbers))
    columns = [product(matrix, numbers[j::side]) for j in range(side)]
    return [n for row in zip(*columns, strict=True) for n in product(matrix, row)]


class Vector:
    """A vector in a register, with the arithmetic of the products above."""

    def __init__(self, builder: Any, value: Value) -> None:
        self.builder, self.value = builder, value

    def __add__(self, other: Vector) -> Vector:
        # Rounded once: "contract" makes one instruction of a product and a sum.
        value = self.builder.fadd(self.value, other.value, flags=("contract",))
        return Vector(self.builder, value)

    def __sub__(self, other: Vector) -> Vector:
        value = self.builder.fsub(self.value, other.value, flags=("contract",))
        return Vector(self.builder, value)

    def __mul__(self, factor: float) -> Vector:
        kind = self.value.type
        constant = kind([kind.element(factor)] * kind.count)
        value = self.builder.fmul(self.value, constant, flags=("contract",))
        return Vector(self.builder, value)


# ------------------------------------------------------------------ in compiled loops


class Transform:
    """transform(source, first, row, column, target, start, down, right), for loops to call.

    M X Mᵀ of a matrix X, for each of 16 channels, which lie side by side. X[i, j] is at
    source[first + i·row + j·column], the result likewise in the target. Arrays have one axis.
    """

    def __init__(
        self, product: Callable[[Matrix, Sequence[Any]], list[Any]], matrix: Matrix
    ) -> None:
        self.apply = functools.partial(on_both_axes, product, matrix)
        self.side = len(matrix[0]) if product is at_points else SIDE
        self.machine_code = functools.cache(self.compiled)

    def compiled(self) -> Callable[..., Any]:
        from llvmlite import ir
        from numba import types
        from numba.extending import intrinsic

        width = vector_bytes()
        sides = self.side, math.isqrt(len(self.apply([1.0] * self.side**2)))

        def transform(
            typing: Any, source: Any, first: Any, row: Any, column: Any, target: Any, start: Any,
            down: Any, right: Any,
        ) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
            lanes = width // (source.dtype.bitwidth // 8)

            def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                vector = ir.VectorType(context.get_data_type(source.dtype), lanes).as_pointer()

                def places(i: int, side: int, channel: int) -> list[Value]:
                    begin, down, right = values[i + 1 : i + 4]
                    whole = begin.type
                    begin = builder.add(begin, whole(channel))
                    lines = [builder.add(begin, builder.mul(down, whole(r))) for r in range(side)]
                    steps = [builder.mul(right, whole(c)) for c in range(side)]
                    numbers = address(context, builder, signature, values, i)
                    found = (
                        builder.gep(numbers, [builder.add(line, step)])
                        for line in lines
                        for step in steps
                    )
                    return [builder.bitcast(place, vector) for place in found]

                for channel in range(0, LINE, lanes):
                    read = (builder.load(p, align=1) for p in places(0, sides[0], channel))
                    made = self.apply([Vector(builder, numbers) for numbers in read])
                    for result, place in zip(made, places(4, sides[1], channel), strict=True):
                        builder.store(result.value, place, align=1)
                return context.get_dummy_value()

            arguments = source, first, row, column, target, start, down, right
            return types.void(*arguments), generate

        made: Callable[..., Any] = intrinsic(transform)
        return made


look: Any = Transform(at_points, B)  # Bᵀ x B, of what a tile sees
weigh: Any = Transform(at_points, G)  # G w Gᵀ, of a filter
spread: Any = Transform(at_points, A)  # A y Aᵀ, of a tile of the result's gradient
collect: Any = Transform(from_points, A)  # Aᵀ m A, a tile of the result
unweigh: Any = Transform(from_points, G)  # Gᵀ m G, the gradient of a filter
