"""Moves of numbers between vectors, for compiled loops: the compiler would go one by one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tinygrad_tr.kernels.tiles import LINE

Value = Any  # a number or an address that will be there when the loop runs
HALF = LINE // 2


class Turn:
    """turn(source, first, step, target, start, gap), for loops to call: 16 × 16 numbers.

    target[start + j·gap + i] = source[first + i·step + j]; both arrays have one axis.
    """

    @staticmethod
    @functools.cache
    def machine_code() -> Callable[..., Any]:
        from llvmlite import ir
        from numba import types
        from numba.extending import intrinsic

        def turn(
            typing: Any, source: Any, first: Any, step: Any, target: Any, start: Any, gap: Any
        ) -> tuple[Any, Callable[..., Any]]:
            def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                vector = ir.VectorType(context.get_data_type(source.dtype), LINE)

                def rows(i: int) -> list[Value]:
                    kind = context.make_array(signature.args[i])
                    row, found = kind(context, builder, values[i]).data, []
                    row = builder.gep(row, [values[i + 1]])
                    for _ in range(LINE):
                        found.append(builder.bitcast(row, vector.as_pointer()))
                        row = builder.gep(row, [values[i + 2]])
                    return found

                # Rows i and i + 8, a number of each in turn: after four times it is done.
                index = ir.VectorType(ir.IntType(32), LINE)
                turns = [[k * HALF + n // 2 + n % 2 * LINE for n in range(LINE)] for k in range(2)]
                block = [builder.load(row, align=1) for row in rows(0)]
                for _ in range(LINE.bit_length() - 1):
                    block = [
                        builder.shuffle_vector(a, b, index(numbers))
                        for a, b in zip(block[:HALF], block[HALF:], strict=True)
                        for numbers in turns
                    ]
                for row, numbers in zip(rows(3), block, strict=True):
                    builder.store(numbers, row, align=1)
                return context.get_dummy_value()

            return types.void(source, first, step, target, start, gap), generate

        made: Callable[..., Any] = intrinsic(turn)
        return made


turn: Any = Turn()


class EverySecond:
    """every_second(source, first, target, start), for loops to call: eight numbers.

    target[start + i] = source[first + 2i]; both arrays have one axis.
    """

    @staticmethod
    @functools.cache
    def machine_code() -> Callable[..., Any]:
        from llvmlite import ir
        from numba import types
        from numba.extending import intrinsic

        def every_second(
            typing: Any, source: Any, first: Any, target: Any, start: Any
        ) -> tuple[Any, Callable[..., Any]]:
            def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                vector = ir.VectorType(context.get_data_type(source.dtype), HALF)

                def at(i: int, further: int) -> Value:
                    data = context.make_array(signature.args[i])(context, builder, values[i]).data
                    place = builder.add(values[i + 1], values[i + 1].type(further))
                    return builder.bitcast(builder.gep(data, [place]), vector.as_pointer())

                # The second vector begins one number early: none after the last one is read.
                both = (builder.load(at(0, further), align=1) for further in (0, HALF - 1))
                index = ir.VectorType(ir.IntType(32), HALF)
                numbers = [2 * i + (2 * i >= HALF) for i in range(HALF)]
                found = builder.shuffle_vector(*both, index(numbers))
                builder.store(found, at(2, 0), align=1)
                return context.get_dummy_value()

            return types.void(source, first, target, start), generate

        made: Callable[..., Any] = intrinsic(every_second)
        return made


every_second: Any = EverySecond()
