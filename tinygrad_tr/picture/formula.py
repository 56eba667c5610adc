"""Local derivatives as text, read from the source of the rules themselves.

The pullback `lambda g: g * (1 - out * out)` of y = tanh x is written as `g · (1 − y²)`, and
its slope, what it multiplies g by, as `1 − y²`. Variables of a pullback that are an input or
the output of the operation take the name of that tensor; other numbers are written out.
"""

from __future__ import annotations

import ast
import copy
import functools
import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

from tinygrad_tr.picture.notation import Simplified, Unwritable, slope, text

LONGEST = 44  # a longer formula explains nothing on an arrow
LONGEST_KNOWN = 60  # of those written for it

NORMALIZE = "weight * (g - mean(g) - x̂ * mean(g * x̂)) / std", "sum(g * x̂)", "sum(g)"

# Where the source says it in many lines, or in words of its own; by position of the input.
KNOWN = {
    "power": ("g * y * x ** (y - 1)", "g * out * log(x)"),
    "maximum": ("where(x > y, g, 0)", "where(y > x, g, 0)"),
    "hypot": ("g * x / out", "g * y / out"),
    "linear": ("g @ weight", "g.T @ x", "sum(g)"),
    "conv": ("conv_transpose(g, weight)", "conv_filter(x, g)", "sum(g)"),
    "conv_transpose": ("conv(g, weight)", "conv_filter(g, x)", "sum(g)"),
    "cross_entropy": ("g * share * (softmax(x) - one_hot(target))", "", ""),
    "binary_cross_entropy_with_logits": ("g * share * (sigmoid(x) - y)", "-g * share * x"),
    "normalize": NORMALIZE,
    "normalize_with_moments": NORMALIZE,
    "minimum": ("where(x < y, g, 0)", "where(y < x, g, 0)"),
    "relu": ("g * (out > 0)",),
    "relu6": ("g * ((x > 0) & (x < 6))",),
}
MATMUL = {  # by whether x and y are vectors
    (False, False): ("g @ y.T", "x.T @ g"),
    (False, True): ("outer(g, y)", "x.T @ g"),
    (True, False): ("g @ y.T", "outer(x, g)"),
    (True, True): ("g * y", "g * x"),
}


@dataclass(frozen=True, slots=True)
class Formula:
    """Texts with the places {0}, {1}, … {out} for the names of the inputs and the output."""

    carried: str  # what the pullback makes of g
    slope: str | None  # the factor by which it multiplies g, where it does just that


def formula_of(
    node: Any, position: int, pullback: Callable[[Any], Any], inputs: Sequence[Any], output: Any
) -> Formula | None:
    """The formula of a node's pullback, or None where its source has none to show."""
    rule = node.rule
    meanings: dict[str, Any] = {"out": "{out}"}
    for i, (name, x) in enumerate(zip(rule.arrays, inputs, strict=False)):
        meanings[name] = x if x.__class__ in (int, float) else f"{{{i}}}"
    known = KNOWN.get(rule.name)
    if rule.name == "matmul":
        known = MATMUL[np.ndim(inputs[0]) == 1, np.ndim(inputs[1]) == 1]
    if known is not None:
        return composed(known[position], tuple(meanings.items()))
    code = getattr(pullback, "__code__", None)
    if code is None or code.co_argcount < 1 or rule.joint:
        return None
    for name, value in node.keywords.items():
        if isinstance(value, (bool, int, float)):
            meanings[name] = value
    for name, cell in zip(code.co_freevars, pullback.__closure__ or (), strict=True):
        found = meaning(name, cell.cell_contents, rule, inputs, output)
        if found is not None:
            meanings[name] = found
    for name in code.co_names:
        value = pullback.__globals__.get(name)
        if isinstance(value, float):
            meanings[name] = value
    return compiled(code, tuple(meanings.items()))


def meaning(name: str, value: Any, rule: Any, inputs: Sequence[Any], output: Any) -> Any:
    """What a variable of a pullback stands for: a number, a text, or None for neither."""
    if value.__class__ in (bool, int, float):
        return value
    places = [i for i, x in enumerate(inputs) if x is value]
    if places:
        named = rule.arrays.index(name) if name in rule.arrays else -1
        return f"{{{named if named in places else places[0]}}}"
    if value is output:
        return "{out}"
    if isinstance(value, np.floating):
        return float(value)
    return getattr(value, "__name__", None)


@functools.lru_cache(maxsize=4096)
def compiled(code: CodeType, meanings: tuple[tuple[str, Any], ...]) -> Formula | None:
    """The formula in the code of a pullback with one argument and one expression."""
    body = expression_of(code)
    if body is None:
        return None
    g, known = code.co_varnames[0], dict(meanings)
    return formula(body, g, known, assigned_around(code)) or formula(body, g, known, {})


@functools.lru_cache(maxsize=4096)
def composed(source: str, meanings: tuple[tuple[str, Any], ...]) -> Formula | None:
    """The formula of an expression given as text."""
    return formula(ast.parse(source, mode="eval").body, "g", dict(meanings), {}, LONGEST_KNOWN)


def formula(
    body: ast.expr,
    g: str,
    meanings: Mapping[str, Any],
    assigned: Mapping[str, ast.expr],
    longest: int = LONGEST,
) -> Formula | None:
    """The formula of an expression in g, or None if it cannot be written in short."""
    try:
        filled = Substituted(g, meanings, assigned).visit(copy.deepcopy(body))
        body = Simplified().visit(filled)
        factor = slope(body)
        carried = text(body)
        factored = None if factor is None else text(Simplified().visit(factor))
    except Unwritable:
        return None
    return Formula(carried, factored) if len(carried) <= longest else None


# --------------------------------------------------------------------------- the source


def expression_of(code: CodeType) -> ast.expr | None:
    """The expression that a lambda or a one-line function returns, found by its position."""
    spans = [p for p in code.co_positions() if None not in p and p[3] != 0]
    if not spans:
        return None
    start = min((line, column) for line, _, column, _ in spans)
    same_line = []
    for function in functions_of(code.co_filename):
        if isinstance(function, ast.Lambda):
            if code.co_name == "<lambda>" and function.lineno == code.co_firstlineno:
                same_line.append(function.body)
                if (function.body.lineno, function.body.col_offset) == start:
                    return function.body
        elif function.name == code.co_name and function.lineno == code.co_firstlineno:
            last = function.body[-1]
            return last.value if len(function.body) == 1 and isinstance(last, ast.Return) else None
    return same_line[0] if len(same_line) == 1 else None


def assigned_around(code: CodeType) -> dict[str, ast.expr]:
    """What each name was assigned, if once, in the function that a pullback was made in."""
    line = code.co_firstlineno
    around = [
        f
        for f in functions_of(code.co_filename)
        if isinstance(f, ast.FunctionDef) and f.lineno < line <= (f.end_lineno or 0)
    ]
    if not around:
        return {}
    assigned: dict[str, ast.expr] = {}
    names = []
    for node in ast.walk(max(around, key=lambda f: f.lineno)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
        match node:
            case ast.Assign([ast.Name(name)], value):
                assigned[name] = value
            case ast.Assign([ast.Tuple(targets)], ast.Tuple(values)):
                assigned |= {t.id: v for t, v in zip(targets, values) if isinstance(t, ast.Name)}  # noqa: B905
    return {name: value for name, value in assigned.items() if names.count(name) == 1}


@functools.cache
def functions_of(file: str) -> list[ast.Lambda | ast.FunctionDef]:
    """All functions in a source file, nested ones too; none if there is no file."""
    source = "".join(linecache.getlines(file))
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    return [node for node in ast.walk(tree) if isinstance(node, (ast.Lambda, ast.FunctionDef))]


class Substituted(ast.NodeTransformer):
    """Names replaced by what they stand for; calls of NumPy's functions by bare names.

    A name that only the rule knows gives way to the expression it was assigned.
    """

    def __init__(
        self, g: str, meanings: Mapping[str, Any], assigned: Mapping[str, ast.expr]
    ) -> None:
        self.g, self.meanings, self.assigned = g, meanings, dict(assigned)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id == self.g:
            return ast.Name("g")
        if node.id in self.meanings:
            value = self.meanings[node.id]
            return ast.Name(value) if isinstance(value, str) else ast.Constant(value)
        expression = self.assigned.pop(node.id, None)  # popped: none may come within itself
        if expression is None:
            if len(node.id) == 1:
                raise Unwritable  # a letter that nothing in the picture explains
            return node
        inner = self.visit(copy.deepcopy(expression))
        self.assigned[node.id] = expression
        return inner

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and node.value.id in ("np", "math", "choosing"):
            return ast.Name("π" if node.attr == "pi" else node.attr)
        return ast.Attribute(self.visit(node.value), node.attr)
