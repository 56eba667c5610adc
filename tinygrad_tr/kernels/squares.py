"""The transposition that compiled products are fed by: a square of numbers turned in registers.

A square is as wide as a line of the cache, so that the lines of both arrays are taken whole. The
compiler would move its numbers one by one; here each step exchanges half of what two rows have:

    a b      a c      first with the next row, then with the one after that, the fourth, the
    c d  ->  b d      eighth: log₂ n steps of n/2 exchanges
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

Value = Any  # a number or an address that will be there when the loop runs

LINE = 64  # bytes


class TurnSquare:
    """turn_square(x, at, down, out, there, below), for other loops to call.

        out[there + i + j·below] = x[at + i·down + j]     for i and j below 64 / itemsize

    Both arrays have one axis, are in one piece and do not overlap.
    """

    @staticmethod
    @functools.cache
    def machine_code() -> Callable[..., Any]:
        from numba import types
        from numba.extending import intrinsic

        def turn_square(
            typing: Any, x: Any, at: Any, down: Any, out: Any, there: Any, below: Any
        ) -> tuple[Any, Callable[..., Any]]:
            side = 8 * LINE // x.dtype.bitwidth

            def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                from llvmlite import ir

                vector = ir.VectorType(context.get_data_type(x.dtype), side)

                def places(i: int) -> list[Value]:
                    """Of the rows in the array that is argument i."""
                    array = context.make_array(signature.args[i])(context, builder, values[i])
                    first, step = values[i + 1], values[i + 2]
                    starts = [
                        builder.add(first, builder.mul(step, step.type(k))) for k in range(side)
                    ]
                    rows = [builder.gep(array.data, [start]) for start in starts]
                    return [builder.bitcast(row, vector.as_pointer()) for row in rows]

                rows = [builder.load(place, align=1) for place in places(0)]
                turned = exchanged(builder, rows)
                for row, place in zip(turned, places(3), strict=True):
                    builder.store(row, place, align=1)
                return context.get_dummy_value()

            return types.void(x, at, down, out, there, below), generate

        made: Callable[..., Any] = intrinsic(turn_square)
        return made


turn_square: Any = TurnSquare()


def exchanged(builder: Any, rows: list[Value]) -> list[Value]:
    """The columns of the square whose rows these vectors are."""
    from llvmlite import ir

    side = len(rows)
    index = ir.VectorType(ir.IntType(32), side)
    rows, bit = list(rows), 1
    while bit < side:
        # Of both rows in a row: the numbers of the second begin at `side`.
        upper = index([i if not i & bit else side + i - bit for i in range(side)])
        lower = index([i + bit if not i & bit else side + i for i in range(side)])
        for i in range(side):
            if not i & bit:
                pair = rows[i], rows[i + bit]
                rows[i] = builder.shuffle_vector(*pair, upper)
                rows[i + bit] = builder.shuffle_vector(*pair, lower)
        bit *= 2
    return rows
