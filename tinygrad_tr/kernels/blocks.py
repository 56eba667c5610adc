"""Products of blocks of 16 channels, as the loops of Winograd's convolution keep them.

Inside a block every number has its place known when the loop is compiled. So all of it is written
without a loop, in the compiler's own language, and its sums stay in registers
(kernels/tiles.py says why that needs to be said).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tinygrad_tr.kernels.moves import address
from tinygrad_tr.kernels.tiles import LARGE, LINE, ROWS, add_multiple, vector_bytes

Value = Any  # a number or an address that will be there when the loop runs


class Products:
    """products(sums, at, apart, a, place, next_a, b, spot, apart_b, next_b, count), to be called.

    sums[i, j] (+)= Σ a[i, k] · b[k, j] for 8 rows i and so many blocks of 16 columns j. k goes over
    `count` blocks, which begin next_a and next_b from each other. In one block of a, i and k count
    in steps of `down` and `across`; b and the sums have rows of 16, and their blocks of columns
    lie apart_b and apart from each other. All arrays have one axis.
    """

    def __init__(self, blocks: int, down: int, across: int, depth: int, fresh: bool) -> None:
        self.blocks, self.down, self.across, self.depth = blocks, down, across, depth
        self.fresh = fresh  # whether the sums begin at 0
        self.machine_code = functools.cache(self.compiled)

    def compiled(self) -> Callable[..., Any]:
        from numba import types
        from numba.extending import intrinsic

        width = vector_bytes()
        registers = 32 if width == LARGE else 16

        def products(
            typing: Any, sums: Any, at: Any, apart: Any, a: Any, place: Any, next_a: Any, b: Any,
            spot: Any, apart_b: Any, next_b: Any, count: Any,
        ) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
            lanes = width // (sums.dtype.bitwidth // 8)
            vectors = self.blocks * LINE // lanes
            rows = ROWS
            while rows * vectors > registers * 3 // 4:
                rows //= 2

            def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                arrays = [address(context, builder, signature, values, i) for i in (0, 3, 6)]
                sums_at, a_at, b_at = (
                    builder.gep(array, [values[i]])
                    for array, i in zip(arrays, (1, 4, 7), strict=True)
                )
                number = context.get_data_type(sums.dtype)
                steps = values[2], values[5], values[8], values[9], values[10]
                for top in range(0, ROWS, rows):
                    self.write(
                        builder, number, lanes, range(top, top + rows), sums_at, a_at, b_at, *steps
                    )
                return context.get_dummy_value()

            whole = (at, apart, place, next_a, spot, apart_b, next_b, count)
            at, apart, place, next_a, spot, apart_b, next_b, count = whole
            return types.void(
                sums, at, apart, a, place, next_a, b, spot, apart_b, next_b, count
            ), generate

        made: Callable[..., Any] = intrinsic(products)
        return made

    def write(
        self, builder: Any, number: Any, lanes: int, rows: range, sums: Value, a: Value, b: Value,
        apart: Value, next_a: Value, apart_b: Value, next_b: Value, count: Value,
    ) -> None:  # fmt: skip
        """The products of some of the rows, over all blocks."""
        from llvmlite import ir
        from numba.core import cgutils

        vector = ir.VectorType(number, lanes)
        whole = count.type

        def columns(begin: Value, step: Value, row: int) -> list[Value]:
            blocks = (builder.gep(begin, [builder.mul(step, whole(n))]) for n in range(self.blocks))
            return [
                builder.bitcast(builder.gep(block, [whole(row * LINE + j)]), vector.as_pointer())
                for block in blocks
                for j in range(0, LINE, lanes)
            ]

        targets = [columns(sums, apart, i) for i in rows]
        zero = vector([number(0)] * lanes)
        keep: Any = cgutils.alloca_once_value  # in registers, as nothing else asks for the address
        kept = [
            [keep(builder, zero if self.fresh else builder.load(t, align=1)) for t in row]
            for row in targets
        ]
        # One loop, not unrolled: else the compiler would load more than registers hold.
        with cgutils.for_range(builder, builder.mul(count, whole(self.depth))) as step:
            block = builder.udiv(step.index, whole(self.depth))
            k = builder.urem(step.index, whole(self.depth))
            factors = builder.add(builder.mul(block, next_a), builder.mul(k, whole(self.across)))
            seen = builder.add(builder.mul(block, next_b), builder.mul(k, whole(LINE)))
            factors, seen = builder.gep(a, [factors]), builder.gep(b, [seen])
            x = [builder.load(place, align=1) for place in columns(seen, apart_b, 0)]
            for i, row in zip(rows, kept, strict=True):
                one = builder.load(builder.gep(factors, [whole(i * self.down)]))
                add_multiple(builder, one, x, row)
        for row, places in zip(kept, targets, strict=True):
            for total, place in zip(row, places, strict=True):
                builder.store(builder.load(total), place, align=1)
