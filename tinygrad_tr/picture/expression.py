"""An expression as text, such as `3*(a + b*c)`, computed with Tensors and drawn.

It is parsed, never run as Python: numbers, names, lists, the operators + − * / // % ** @, and the
functions that are rules of the library are all it may contain.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr.errors import ArgumentError, TinygradError, describe
from tinygrad_tr.picture import Picture, draw
from tinygrad_tr.rule import rules
from tinygrad_tr.tensor import Tensor

OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Pow: operator.pow, ast.MatMult: operator.matmul,
    ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip

CONSTANTS = {"pi": np.pi, "e": np.e}
DEEPEST = 100  # levels of parentheses and operators
LONGEST_SHOWN = 80  # letters of the expression that an error repeats

Step = tuple[str, ast.expr]  # the name a step gives its result, or "", and what it computes


def draw_expression(text: str, variables: Mapping[str, Any], **options: Any) -> Picture:
    """The picture of the expression, with the names standing for Tensors of the values.

    Steps before the last give names: `u = b*c; v = a + u; J = 3*v`. Values are numbers, nested
    lists, or the text of such: `{"a": 5, "w": "[1, 2, 3]"}`. `options` are those of `draw`.
    """
    steps = parsed(text)
    known: dict[str, Any] = {name: leaf(name, value) for name, value in variables.items()}
    for name, expression in steps:
        known[name] = evaluated(text, expression, known)
        if isinstance(known[name], Tensor) and name:
            known[name].name = name
    result = known[steps[-1][0]]
    if not isinstance(result, Tensor):
        raise refused(
            text, "it is a number, so there is no graph to draw", "a name with a value: a=5"
        )
    return draw(result, **options)


def leaf(name: str, value: Any) -> Tensor:
    """A Tensor that requires a gradient; whole numbers become floats."""
    if not name.isidentifier():
        raise ArgumentError("draw", "not a name", got=repr(name), wanted="a name such as a or w1")
    try:
        numbers = ast.literal_eval(value) if isinstance(value, str) else value
        array = np.asarray(numbers)
        if array.dtype.kind not in "iuf":
            raise TypeError
        return Tensor(array.astype(float).tolist(), requires_grad=True, name=name)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ArgumentError(
            "draw", f"the value of {name} is no number", got=describe(value),
            wanted=f"{name}=5 or {name}=[1,2,3]",
        ) from None  # fmt: skip


def parsed(text: str) -> list[Step]:
    """The steps of the text, names first."""
    try:
        body = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise refused(text, "it is not an expression", "something like 3*(a + b*c)") from None
    steps: list[Step] = []
    for i, statement in enumerate(body):
        match statement:
            case ast.Assign([ast.Name(name)], value):
                steps.append((name, value))
            case ast.Expr(value) if i == len(body) - 1:
                steps.append(("", value))
            case _:
                raise refused(
                    text, "only the last step may go without a name", "u = b*c; 3*(a + u)"
                )
    if not steps:
        raise refused(text, "it is empty", "something like 3*(a + b*c)")
    return steps


def evaluated(text: str, node: ast.expr, known: Mapping[str, Any], depth: int = 0) -> Any:
    """The value of a part of the expression: a Tensor, or a number where no name is in it."""
    if depth > DEEPEST:
        raise refused(
            text, f"it is nested more than {DEEPEST} deep", "steps with names: u = b*c; a + u"
        )

    def inner(part: ast.expr) -> Any:
        return evaluated(text, part, known, depth + 1)

    match node:
        case ast.Constant(value) if type(value) in (int, float):
            return value
        case ast.Name(name) if name in known:
            return known[name]
        case ast.Name(name) if name in CONSTANTS:
            return CONSTANTS[name]
        case ast.Name(name):
            raise refused(text, f"{name} has no value", f"{name}=... behind the expression")
        case ast.List(items):
            return numbers_in(text, [inner(item) for item in items])
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            return computed(text, OPERATORS[type(op)], [inner(left), inner(right)])
        case ast.UnaryOp(op, operand) if type(op) in OPERATORS:
            return computed(text, OPERATORS[type(op)], [inner(operand)])
        case ast.Call(ast.Name(name), arguments, keywords):
            facts = {k.arg: fact(text, k.value) for k in keywords if k.arg is not None}
            if len(facts) < len(keywords):
                raise refused(
                    text, "** in a call is not understood", "facts by name, such as axis=0"
                )
            return computed(text, function(text, name), [inner(x) for x in arguments], facts)
    raise refused(
        text, f"{ast.unparse(node)!r} is not understood",
        "numbers, names, lists, + − * / // % ** @ and functions such as tanh",
    )  # fmt: skip


def computed(
    text: str,
    f: Callable[..., Any],
    inputs: Sequence[Any],
    facts: Mapping[str, Any] | None = None,
) -> Any:
    """f of the inputs; arithmetic of plain numbers must stay small and finite."""
    if not any(isinstance(x, Tensor) for x in inputs):
        inputs = [float(x) if isinstance(x, int) else x for x in inputs]
    try:
        return f(*inputs, **(facts or {}))
    except TinygradError:
        raise
    except (ArithmeticError, TypeError, ValueError) as error:
        raise refused(text, str(error), "an expression that has a value") from None


def numbers_in(text: str, items: list[Any]) -> Any:
    """A list of numbers, or of lists of them, as an array."""
    if any(isinstance(item, Tensor) for item in items):
        raise refused(text, "a list holds numbers, not names", "a name with a list: w=[1,2]")
    try:
        return np.array(items, tt.get_default_dtype())
    except ValueError:
        raise refused(
            text, "a list has rows of different lengths", "rows of equal lengths"
        ) from None


def fact(text: str, node: ast.expr) -> Any:
    """A keyword's value: a number, a word, a tuple of them, True, False or None."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise refused(
            text, f"{ast.unparse(node)!r} is not a plain value", "such as axis=0"
        ) from None


def function(text: str, name: str) -> Callable[..., Any]:
    """The function of that name, which is a rule of the library or made of rules."""
    public = getattr(tt, name, None) if name in tt.__all__ else None
    if name in rules and callable(public) and not isinstance(public, type):
        return public
    if name in rules:
        return rules[name]
    raise refused(
        text, f"{name} is not a function of the library", "one such as tanh, exp, log, sum"
    )


def refused(text: str, problem: str, wanted: str) -> ArgumentError:
    return ArgumentError("draw", problem, got=repr(text[:LONGEST_SHOWN]), wanted=wanted)
