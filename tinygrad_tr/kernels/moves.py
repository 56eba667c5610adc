"""Numbers moved in vectors, for compiled loops: copied, and turned.

Of short rows the compiler would move most numbers one by one: it makes vectors of what is left
over of four at a time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tinygrad_tr.kernels.tiles import LINE

Value = Any  # a number or an address that will be there when the loop runs


def address(context: Any, builder: Any, signature: Any, values: Any, i: int) -> Value:
    """Where the numbers of argument i begin, an array."""
    return context.make_array(signature.args[i])(context, builder, values[i]).data


class Copy:
    """copy(source, first, target, start, count), for loops to call.

    target[start + i] = source[first + i] for i < count; both arrays have one axis.
    """

    @staticmethod
    @functools.cache
    def machine_code() -> Callable[..., Any]:
        from llvmlite import ir
        from numba import types
        from numba.core import cgutils
        from numba.extending import intrinsic

        def copy(
            typing: Any, source: Any, first: Any, target: Any, start: Any, count: Any
        ) -> tuple[Any, Callable[..., Any]]:
            def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                number = context.get_data_type(source.dtype)
                begin, end = (
                    builder.gep(address(context, builder, signature, values, i), [values[i + 1]])
                    for i in (0, 2)
                )
                count = values[4]
                whole = count.type

                def move(first: Value, last: Value, lanes: int) -> None:
                    vector = ir.VectorType(number, lanes).as_pointer()
                    with cgutils.for_range_slice(builder, first, last, whole(lanes)) as (i, _):
                        of, to = (builder.gep(place, [i]) for place in (begin, end))
                        numbers = builder.load(builder.bitcast(of, vector), align=1)
                        builder.store(numbers, builder.bitcast(to, vector), align=1)

                done, lanes = builder.and_(count, whole(-LINE)), LINE // 2
                move(whole(0), done, LINE)
                with builder.if_then(builder.icmp_signed("<", done, count)):
                    while lanes:
                        last = builder.and_(count, whole(-lanes))
                        move(done, last, lanes)
                        done, lanes = last, lanes // 2
                return context.get_dummy_value()

            return types.void(source, first, target, start, count), generate

        made: Callable[..., Any] = intrinsic(copy)
        return made


copy: Any = Copy()


class Turn:
    """turn(source, places, first, target, spots, start), for loops to call: 16 × 16 numbers.

    target[spots(j) + i] = source[places(i) + j]. The places of rows are steps of an integer,
    first + i·places, or in a table, places[first + i]; spots likewise. Arrays have one axis.
    """

    @staticmethod
    @functools.cache
    def machine_code() -> Callable[..., Any]:
        from llvmlite import ir
        from numba import types
        from numba.extending import intrinsic

        def turn(
            typing: Any, source: Any, places: Any, first: Any, target: Any, spots: Any, start: Any
        ) -> tuple[Any, Callable[..., Any]]:
            def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                vector = ir.VectorType(context.get_data_type(source.dtype), LINE)

                def rows(i: int) -> list[Value]:
                    numbers, (places, first) = (
                        address(context, builder, signature, values, i),
                        values[i + 1 : i + 3],
                    )
                    whole = first.type
                    if isinstance(signature.args[i + 1], types.Array):
                        table = address(context, builder, signature, values, i + 1)
                        at = [builder.add(first, whole(r)) for r in range(LINE)]
                        found = [builder.load(builder.gep(table, [place])) for place in at]
                    else:
                        steps = (builder.mul(places, whole(r)) for r in range(LINE))
                        found = [builder.add(first, step) for step in steps]
                    begins = (builder.gep(numbers, [place]) for place in found)
                    return [builder.bitcast(begin, vector.as_pointer()) for begin in begins]

                # Rows i and i + 8, a number of each in turn: after four times it is done.
                index, half = ir.VectorType(ir.IntType(32), LINE), LINE // 2
                turns = [[k * half + n // 2 + n % 2 * LINE for n in range(LINE)] for k in range(2)]
                block = [builder.load(row, align=1) for row in rows(0)]
                for _ in range(LINE.bit_length() - 1):
                    block = [
                        builder.shuffle_vector(a, b, index(numbers))
                        for a, b in zip(block[:half], block[half:], strict=True)
                        for numbers in turns
                    ]
                for row, numbers in zip(rows(3), block, strict=True):
                    builder.store(numbers, row, align=1)
                return context.get_dummy_value()

            return types.void(source, places, first, target, spots, start), generate

        made: Callable[..., Any] = intrinsic(turn)
        return made


turn: Any = Turn()
