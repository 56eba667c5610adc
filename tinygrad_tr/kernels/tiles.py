"""The product that compiled convolutions and recurrences are made of, its sums held in registers.

    sums[i, j] += Σ a[places[i] + k] · b[taps[k] + j]     over k, for eight i at a time

A row of b is any stretch of memory: the row of a matrix, or the rows of an image, shifted as a
tap of a filter sees them. So it is both a product of matrices and a convolution that needs no
matrix of windows.

The compiler would load and store the sums for every k, as it cannot know that they fit the
registers. So this one loop is written in the compiler's own language: for all k, a *tile* of the
sums stays in registers, and each k takes three vectors of b and one number of a for each row.
That is within a few percent of what the processor's arithmetic can do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

Array = Any
Value = Any  # a number or an address that will be there when the loop runs

ROWS = 8
LARGE, SMALL = 64, 32  # bytes in a vector, of which there are 32 or 16
VECTORS = 3  # eight rows of three vectors leave a few of 32 registers, four rows of 16
LINE = 16  # numbers in a line of the cache; so many columns always lie side by side in b


class Shape(NamedTuple):
    """Of a tile: as many rows of as many vectors of as many numbers."""

    rows: int
    vectors: int
    lanes: int


class Operands(NamedTuple):
    """The arrays of the product, as the compiler sees them."""

    sums: Any
    a: Any
    places: Any
    b: Any
    taps: Any
    gaps: Any = None


def vector_bytes() -> int:
    """How many bytes this processor's vectors have."""
    from llvmlite import binding

    return LARGE if binding.get_host_cpu_features().get("avx512f", False) else SMALL


class AddProducts:
    """add_products(sums, a, places, b, taps, gaps, columns), for other loops to call.

    sums is (eights of rows, at least so many columns), the others have one axis; all are in one
    piece. `places` may be None: then a is (k, rows), each k in one piece, and a[k, i] is taken.
    `gaps` may be None; else every 16 columns are read from so many numbers further on in b.
    add_products_to_one takes any number of rows, one after the other.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.machine_code = functools.cache(self.compiled)

    def compiled(self) -> Callable[..., Any]:
        from numba import types
        from numba.extending import intrinsic

        vector = vector_bytes()
        registers = 32 if vector == LARGE else 16
        rows = min(self.rows, registers // 4)
        widest = VECTORS if self.rows > 1 else ROWS

        def add_products(
            typing: Any, sums: Any, a: Any, places: Any, b: Any, taps: Any, gaps: Any, columns: Any
        ) -> tuple[Any, Callable[..., Any]]:
            lanes = vector // (sums.dtype.bitwidth // 8)
            shapes = [Shape(rows, widest, lanes), Shape(rows, 2, lanes)]
            while lanes:
                shapes.append(Shape(self.rows, 1, lanes))
                lanes //= 2

            def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                def array(i: int) -> Any:
                    return context.make_array(signature.args[i])(context, builder, values[i])

                given = (sums, a, places, b, taps, gaps)
                operands = Operands(
                    *(None if kind == types.none else array(i) for i, kind in enumerate(given))
                )
                number = context.get_data_type(sums.dtype)
                write(builder, number, operands, values[6], shapes)
                return context.get_dummy_value()

            return types.void(sums, a, places, b, taps, gaps, columns), generate

        made: Callable[..., Any] = intrinsic(add_products)
        return made


add_products: Any = AddProducts(ROWS)
add_products_to_one: Any = AddProducts(1)


def write(
    builder: Any, number: Any, operands: Operands, columns: Value, shapes: list[Shape]
) -> None:
    """Tiles of the first shape over as many columns as they fit, over the others of the next."""
    from llvmlite import ir
    from numba.core import cgutils

    sums, a, places, b, taps, gaps = operands
    whole = columns.type
    height, width = (builder.extract_value(sums.shape, axis) for axis in range(2))
    down = whole(1)
    if places is None:
        down = builder.sdiv(builder.extract_value(a.strides, 0), a.itemsize)

    def factor(i: Value) -> Value:
        place = i if places is None else builder.load(builder.gep(places.data, [i]))
        return builder.gep(a.data, [place])

    def target(i: Value, j: Value) -> Value:
        return builder.gep(sums.data, [builder.add(builder.mul(width, i), j)])

    def column(j: Value) -> Value:
        if gaps is None:
            return builder.gep(b.data, [j])
        gap = builder.load(builder.gep(gaps.data, [builder.sdiv(j, whole(LINE))]))
        return builder.gep(b.data, [builder.add(j, gap)])

    first = whole(0)
    for shape in shapes:
        last = builder.sub(columns, left_over(builder, builder.sub(columns, first), shape))
        with cgutils.for_range_slice(builder, whole(0), height, whole(shape.rows)) as (top, _):
            rows = [builder.add(top, whole(i)) for i in range(shape.rows)]
            factors = [factor(i) for i in rows]
            step = whole(shape.vectors * shape.lanes)
            with cgutils.for_range_slice(builder, first, last, step) as (j, _):
                parts = [builder.add(j, whole(v * shape.lanes)) for v in range(shape.vectors)]
                targets = [[target(i, part) for part in parts] for i in rows]
                vector = ir.VectorType(number, shape.lanes)
                seen = [column(part) for part in parts]
                tile(builder, vector, targets, factors, down, seen, taps)
        first = last


def left_over(builder: Any, columns: Value, shape: Shape) -> Value:
    """How many columns are left for narrower tiles; of four vectors all: they are two and two."""
    whole = columns.type
    step = whole(shape.vectors * shape.lanes)
    rest = builder.srem(columns, step)
    if shape.vectors != VECTORS:
        return rest
    single = builder.icmp_signed("==", builder.sdiv(rest, whole(shape.lanes)), whole(1))
    before = builder.icmp_signed(">=", columns, step)
    more = builder.select(builder.and_(single, before), step, whole(0))
    return builder.add(rest, more)


def tile(
    builder: Any, vector: Any, targets: list[list[Value]], factors: list[Value], down: Value,
    columns: list[Value], taps: Any,
) -> None:  # fmt: skip
    """What is at the targets += Σ what is at the factors · what the taps see of the columns.

    The next factors are so many numbers `down`.
    """
    from numba.core import cgutils

    def at(place: Value) -> Value:
        return builder.bitcast(place, vector.as_pointer())

    def load(place: Value) -> Value:
        return builder.load(at(place), align=1)

    keep: Any = cgutils.alloca_once_value  # in registers, as nothing else asks for the address
    kept = [[keep(builder, load(place)) for place in row] for row in targets]
    with cgutils.for_range(builder, taps.nitems) as step:
        tap = builder.load(builder.gep(taps.data, [step.index]))
        x = [load(builder.gep(column, [tap])) for column in columns]
        for factor, sums in zip(factors, kept, strict=True):
            one = builder.load(builder.gep(factor, [builder.mul(step.index, down)]))
            add_multiple(builder, one, x, sums)
    for row, sums in zip(targets, kept, strict=True):
        for target, place in zip(row, sums, strict=True):
            builder.store(builder.load(place), at(target), align=1)


def add_multiple(builder: Any, one: Value, numbers: list[Value], sums: list[Value]) -> None:
    """What is at the sums += one number · vectors of numbers, rounded once."""
    from llvmlite import ir

    vector, index = numbers[0].type, ir.IntType(32)
    first = builder.insert_element(vector(ir.Undefined), one, index(0))
    w = builder.shuffle_vector(first, first, ir.VectorType(index, vector.count)(None))
    for place, those in zip(sums, numbers, strict=True):
        # "contract" makes one instruction of both.
        product = builder.fmul(w, those, flags=("contract",))
        total = builder.fadd(builder.load(place), product, flags=("contract",))
        builder.store(total, place)
