"""What threads tell each other in compiled code, for loops to call: numba has no words for it.

A word is an int64 in memory, named by its address. Those that load or store one do it in one piece,
after all that stands before them and before all that stands behind.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

Made = tuple[Any, Callable[..., Any]]


def instruction(typed: Callable[..., Made]) -> Any:
    """typed(typing, *types) -> the signature, and what writes it; imported when it is compiled."""

    def machine_code() -> Any:
        from numba.extending import intrinsic

        return intrinsic(typed)

    typed.machine_code = functools.cache(machine_code)  # type: ignore[attr-defined]
    return typed


def pointer(builder: Any, address: Any, *kind: Any) -> Any:
    """The address as a pointer, to a word if nothing else is said."""
    from llvmlite import ir

    return builder.inttoptr(address, (kind[0] if kind else ir.IntType(64)).as_pointer())


@instruction
def seen(typing: Any, at: Any) -> Made:
    """seen(at): the word as another thread has left it."""

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load_atomic(pointer(builder, given[0]), "acquire", 8)

    return at(at), write


@instruction
def put(typing: Any, at: Any, n: Any) -> Made:
    """put(at, n): let others see n there."""

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.store_atomic(given[1], pointer(builder, given[0]), "release", 8)
        return given[1]

    return at(at, at), write


@instruction
def exchanged(typing: Any, at: Any, old: Any, new: Any) -> Made:
    """exchanged(at, old, new): 1 if it was old and is now new, which only one thread can see."""

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        found = builder.cmpxchg(pointer(builder, given[0]), *given[1:], "acq_rel", "acquire")
        return builder.zext(builder.extract_value(found, 1), given[0].type)

    return at(at, at, at), write


@instruction
def counted(typing: Any, at: Any) -> Made:
    """counted(at): the number there, which is one more afterwards: each thread gets another."""

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        one = given[0].type(1)
        return builder.atomic_rmw("add", pointer(builder, given[0]), one, "acq_rel")

    return at(at), write


@instruction
def give_way(typing: Any) -> Made:
    """give_way(): let another program have the core, if one waits for it. About 0.5 µs."""
    from llvmlite import ir
    from numba import types

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        module, name = builder.module, "sched_yield"
        if hasattr(os, name):
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(module.globals.get(name) or ir.Function(module, kind, name), [])
        return context.get_dummy_value()

    return types.void(), write


@instruction
def task(typing: Any, function: Any, arguments: Any) -> Made:
    """task(function, arguments): addresses of both, for `perform` in another thread.

    They are good until the function that asks for them returns.
    """
    from llvmlite import ir
    from numba import types

    pair: Any = types.UniTuple
    inner = function.get_call_type(typing, arguments.types, {})

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        compiled = function.dispatcher.get_compile_result(inner)
        context.add_linking_libs([compiled.library])
        kind = context.get_value_type(arguments)
        with builder.goto_entry_block():
            place = builder.alloca(kind)
        builder.store(given[1], place)
        module, word = builder.module, ir.IntType(64)
        called = ir.Function(
            module, ir.FunctionType(ir.VoidType(), [word]), module.get_unique_name("task")
        )
        called.linkage = "internal"
        body = ir.IRBuilder(called.append_basic_block())
        whole = body.load(pointer(body, called.args[0], kind))
        values = [body.extract_value(whole, i) for i in range(len(arguments))]
        context.call_internal_no_propagate(body, compiled.fndesc, inner, values)
        body.ret_void()
        addresses = [builder.ptrtoint(each, word) for each in (called, place)]
        return context.make_tuple(builder, signature.return_type, addresses)

    return pair(types.int64, 2)(function, arguments), write


@instruction
def perform(typing: Any, function: Any, arguments: Any) -> Made:
    """perform(function, arguments): call the one with the other, by the addresses of a task."""
    from llvmlite import ir

    def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [given[1].type])
        builder.call(pointer(builder, given[0], kind), [given[1]])
        return given[1]

    return function(function, arguments), write
