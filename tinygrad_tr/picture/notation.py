"""Python expressions as formulas on paper: `g * (1 - out * out)` as `g · (1 − out²)`."""

from __future__ import annotations

import ast

from tinygrad_tr.picture.numbers import SUBSCRIPTS, SUPERSCRIPTS, written


class Simplified(ast.NodeTransformer):
    """Without ×1, /1, ^1, −− and `False or`, signs in front, arithmetic on numbers done."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, op, right = self.visit(node.left), node.op, self.visit(node.right)
        a, b = constant(left), constant(right)
        if a is not None and b is not None:
            folded = fold(op, a, b)
            if folded is not None:
                return ast.Constant(folded)
        if b == 1 and isinstance(op, (ast.Mult, ast.Div, ast.Pow)):
            return left
        if a == 1 and isinstance(op, ast.Mult):
            return right
        if is_false(left) and isinstance(op, ast.BitOr):
            return right
        if is_false(right) and isinstance(op, ast.BitOr):
            return left
        if b is not None and b < 0 and isinstance(op, ast.Mult):
            right = ast.UnaryOp(ast.USub(), ast.Constant(-b))
        match left, op, right:
            case ast.UnaryOp(ast.USub(), inner), ast.Mult() | ast.Div(), _:
                return ast.UnaryOp(ast.USub(), self.visit_BinOp(ast.BinOp(inner, op, right)))
            case _, ast.Mult(), ast.UnaryOp(ast.USub(), inner):
                return ast.UnaryOp(ast.USub(), self.visit_BinOp(ast.BinOp(left, op, inner)))
        return ast.BinOp(left, op, right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        operand = self.visit(node.operand)
        number = constant(operand)
        if number is not None and isinstance(node.op, ast.USub):
            return ast.Constant(-number)
        return ast.UnaryOp(node.op, operand)


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def constant(node: ast.expr) -> float | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def fold(op: ast.operator, a: float, b: float) -> float | None:
    if isinstance(op, ast.Add):
        return a + b
    if isinstance(op, ast.Sub):
        return a - b
    return a * b if isinstance(op, ast.Mult) else None


def slope(node: ast.expr) -> ast.expr | None:
    """d node / dg for a product or quotient that has g as one factor; None for others."""
    match node:
        case ast.Name("g"):
            return ast.Constant(1)
        case ast.UnaryOp(ast.USub(), operand):
            inner = slope(operand)
            return None if inner is None else ast.UnaryOp(ast.USub(), inner)
        case ast.BinOp(left, ast.Mult() | ast.Div() as op, right):
            inner = slope(left)
            if inner is not None:
                return None if mentions_g(right) else ast.BinOp(inner, op, right)
            inner = slope(right) if isinstance(op, ast.Mult) else None
            return None if inner is None or mentions_g(left) else ast.BinOp(left, op, inner)
    return None


def mentions_g(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Name) and part.id == "g" for part in ast.walk(node))


# --------------------------------------------------------------------------- writing

SUM, PRODUCT, SIGN, POWER, ATOM = range(5)  # how tightly an expression holds together

OPERATORS = {
    ast.Add: (" + ", SUM),
    ast.Sub: (" − ", SUM),
    ast.Mult: (" · ", PRODUCT),
    ast.Div: (" / ", PRODUCT),
    ast.MatMult: (" @ ", PRODUCT),
    ast.BitAnd: (" and ", SUM),
    ast.BitOr: (" or ", SUM),
}
MOVING = {  # how they move g is the operation's fact, not the formula's
    "cumsum", "diagonal", "expand_dims", "flip", "moveaxis", "roll", "rot90", "scatter_rows",
    "swapaxes", "take", "take_along_axis", "transpose", "tril", "triu",
}  # fmt: skip
COMPARISONS = {
    ast.Gt: ">", ast.GtE: "≥", ast.Lt: "<", ast.LtE: "≤", ast.Eq: "=", ast.NotEq: "≠",
    "greater": ">", "greater_equal": "≥", "less": "<", "less_equal": "≤", "equal": "=",
    "not_equal": "≠",
}  # fmt: skip


class Unwritable(Exception):  # noqa: N818  not an error: the formula is left out
    """An expression that has no short form on paper."""


def text(node: ast.expr) -> str:
    return write(node)[0]


def held(node: ast.expr, tightness: int) -> str:
    """The text, in parentheses if it holds together less tightly than asked."""
    written_, own = write(node)
    return written_ if own >= tightness else f"({written_})"


def write(node: ast.expr) -> tuple[str, int]:
    """The text of an expression, and how tightly it holds together."""
    match node:
        case ast.Name(name):
            return name, ATOM
        case ast.UnaryOp(ast.Invert(), operand):
            return f"not {held(operand, ATOM)}", SUM
        case ast.Constant(value) if isinstance(value, (int, float)):
            return written(value), (ATOM if value >= 0 else SIGN)
        case ast.UnaryOp(ast.USub(), operand):
            return f"−{held(operand, PRODUCT)}", SIGN - 1
        case ast.BinOp(base, ast.Pow(), ast.Constant(int(power))) if 1 < power < 10:
            return held(base, ATOM) + str(power).translate(SUPERSCRIPTS), POWER
        case ast.BinOp(base, ast.Pow(), exponent):
            return f"{held(base, ATOM)}^{held(exponent, ATOM)}", POWER
        case ast.BinOp(_, ast.Mult(), _):
            return product(node)
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            sign, tightness = OPERATORS[type(op)]
            return held(left, tightness) + sign + held(right, tightness + 1), tightness
        case ast.Compare(left, [op], [right]) if type(op) in COMPARISONS:
            return f"[{text(left)} {COMPARISONS[type(op)]} {text(right)}]", ATOM
        case ast.Attribute(value, "T" | "mT"):
            return held(value, ATOM) + "ᵀ", ATOM
        case ast.Subscript(value, _):
            return held(value, ATOM) + "[…]", ATOM
        case ast.Call():
            return call(node), (PRODUCT if is_choice(node) else ATOM)
    raise Unwritable


def factors_of(node: ast.expr) -> list[str]:
    """The texts of the factors of a product, from left to right."""
    factors: list[str] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        right = node.right
        is_chain = isinstance(right, ast.BinOp) and isinstance(right.op, ast.Mult)
        factors[:0] = factors_of(right) if is_chain else [held(right, PRODUCT + 1)]
        node = node.left
    return [held(node, PRODUCT), *factors]


def product(node: ast.expr) -> tuple[str, int]:
    """A chain of factors, equal neighbours gathered into powers: `g · (1 − y²)`."""
    gathered: list[tuple[str, int]] = []
    for factor in factors_of(node):
        if gathered and gathered[-1][0] == factor:
            gathered[-1] = (factor, gathered[-1][1] + 1)
        else:
            gathered.append((factor, 1))
    texts = [factor + (str(n).translate(SUPERSCRIPTS) if n > 1 else "") for factor, n in gathered]
    return " · ".join(texts), (POWER if len(texts) == 1 else PRODUCT)


def is_choice(node: ast.Call) -> bool:
    """where(condition, g, 0) and where(condition, 0, g), which are written as products."""
    zeros = [constant(x) == 0 for x in node.args[1:]]
    return isinstance(node.func, ast.Name) and node.func.id == "where" and zeros.count(True) == 1


def call(node: ast.Call) -> str:
    """f(x), a comparison as [x > y], a choice as g · [x > y]; keywords are facts, left out."""
    arguments = node.args
    if isinstance(node.func, ast.Attribute) and ast.unparse(node.func) != "add.reduce":
        return f"{node.func.attr}({text(node.func.value)})"  # a method: g.reshape(shape)
    name = "sum" if isinstance(node.func, ast.Attribute) else text(node.func)
    if name == "sum":
        axis = next((k.value for k in node.keywords if k.arg == "axis"), None)
        under = str(ast.literal_eval(axis)) if isinstance(axis, ast.Constant) else ""
        return f"Σ{under.translate(SUBSCRIPTS)} {held(arguments[0], POWER)}"
    if name in COMPARISONS and len(arguments) == 2:
        return f"[{text(arguments[0])} {COMPARISONS[name]} {text(arguments[1])}]"
    if is_choice(node):
        condition = held(arguments[0], ATOM)
        if constant(arguments[2]) == 0:
            return f"{held(arguments[1], PRODUCT)} · {condition}"
        return f"{held(arguments[2], PRODUCT)} · not {condition}"
    if name == "where" and len(arguments) == 3:
        condition, yes, no = map(text, arguments)
        return f"{yes} if {condition} else {no}"
    if name == "unbroadcast":
        return f"Σ {held(arguments[0], POWER)}"
    if name == "spread":  # a sum's gradient, the same for all that was added
        inner = arguments[0]
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
            inner = inner.func.value
        return f"spread({text(inner)})"
    if name == "absolute" and len(arguments) == 1:
        return f"|{text(arguments[0])}|"
    if name == "square" and len(arguments) == 1:
        return held(arguments[0], ATOM) + "²"
    shown = arguments[:1] if name in MOVING else arguments
    return f"{name}({', '.join(map(text, shown))})"
