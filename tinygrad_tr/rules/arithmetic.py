"""Arithmetic and comparison, elementwise: what Python's operators mean.

At kinks the conventions are PyTorch's: ties of maximum and minimum share the gradient
equally, |x|'(0) = 0, and x⁰ has derivative 0.
"""

from __future__ import annotations

import math

import numpy as np

from tinygrad_tr.kernels import choosing
from tinygrad_tr.rule import answers, rule

__all__ = [
    "abs", "absolute", "add", "allclose", "array_equal", "bitwise_and", "bitwise_or",
    "bitwise_xor", "ceil", "clip", "copysign", "divide", "divmod", "equal", "floor",
    "floor_divide", "fmax", "fmin", "fmod", "gcd", "greater", "greater_equal", "heaviside",
    "hypot", "invert", "isclose", "isfinite", "isinf", "isnan", "lcm", "left_shift", "less",
    "less_equal", "logaddexp", "logaddexp2", "logical_and", "logical_not", "logical_or",
    "logical_xor", "maximum", "minimum", "mod", "multiply", "negative", "not_equal", "positive",
    "pow", "power", "reciprocal", "remainder", "right_shift", "rint", "round", "sign",
    "signbit", "square", "subtract", "trunc", "where",
]  # fmt: skip


# Pullbacks that hold nothing: one for all operations, as a function of its own takes time to make.
def same(g):
    return g


def opposite(g):
    return -g


@rule(np.add, symbol="+", linear=True)
def add(x, y):
    """x + y."""
    return x + y, same, same


@rule(np.subtract, symbol="−", linear=True)
def subtract(x, y):
    """x − y."""
    return x - y, same, opposite


@rule(np.multiply, symbol="×")
def multiply(x, y):
    """x · y."""
    return x * y, lambda g: g * y, lambda g: g * x


@rule(np.divide, symbol="÷")
def divide(x, y):
    """x / y. ∂/∂y = −(x/y)/y, so the output is kept and not x."""
    out = x / y
    return out, lambda g: g / y, lambda g: -g * out / y


@rule(np.power, symbol="^")
def power(x, y):
    """xʸ. ∂/∂x = y xʸ⁻¹, and 0 where y = 0; ∂/∂y = xʸ ln x, and 0 where x = 0 ≤ y."""
    out = raised(x, y)
    return out, lambda g: g * power_slope(x, y), lambda g: g * out * log_of_base(x, y)


def raised(x, y):
    """xʸ. Cubes and fourth powers as products: NumPy's power takes a hundred times as long."""
    if y.__class__ is int and y in (3, 4):
        square = x * x
        return square * x if y == 3 else square * square
    return x**y


def power_slope(x, y):
    """∂xʸ/∂x. Where y = 0 the factor 0 must win even if x⁻¹ is infinite."""
    if isinstance(y, (int, float)):
        return y * raised(x, y - 1) if y else np.zeros_like(x)
    zero = np.equal(y, 0)
    return np.where(zero, 0, y) * x ** np.where(zero, 1, y - 1)


def log_of_base(x, y):
    """ln x, but 0 where 0ʸ is constant in y."""
    if isinstance(x, (int, float)) and x > 0:
        return math.log(x)  # a Python number: it must not make a float32 gradient float64
    return np.log(np.where(np.equal(x, 0) & np.greater_equal(y, 0), 1, x))


@rule(np.negative, symbol="−", linear=True)
def negative(x):
    """−x."""
    return -x, opposite


@rule(np.positive, symbol="+", linear=True)
def positive(x):
    """+x, a new Tensor of the same values."""
    return +x, same


@rule(np.absolute, symbol="|·|", linear=True)
def absolute(x):
    """|x|. Derivative sign x, 0 at 0."""
    return np.absolute(x), lambda g: g * np.sign(x)


@rule(np.square, symbol="x²")
def square(x):
    """x²."""
    return np.square(x), lambda g: g * (2 * x)


@rule(np.reciprocal, symbol="1/x")
def reciprocal(x):
    """1/x. Derivative −(1/x)², from the output."""
    out = np.reciprocal(x)
    return out, lambda g: -g * out * out


@rule(np.maximum, linear=True)
def maximum(x, y):
    """The larger of x and y; where they tie, each gets half of the gradient."""
    return np.maximum(x, y), *shares(x, y, np.greater)


@rule(np.minimum, linear=True)
def minimum(x, y):
    """The smaller of x and y; where they tie, each gets half of the gradient."""
    return np.minimum(x, y), *shares(x, y, np.less)


@rule(np.fmax, linear=True)
def fmax(x, y):
    """The larger of x and y, ignoring NaN."""
    return np.fmax(x, y), *shares(x, y, lambda a, b: np.greater(a, b) | np.isnan(b))


@rule(np.fmin, linear=True)
def fmin(x, y):
    """The smaller of x and y, ignoring NaN."""
    return np.fmin(x, y), *shares(x, y, lambda a, b: np.less(a, b) | np.isnan(b))


def shares(x, y, wins):
    """The pullbacks of a choice between x and y: all to the winner, half each at a tie."""

    def to(winner, loser):
        # Factors 1, ½ and 0; to multiply by masks costs less than np.where.
        return lambda g: g * (0.5 * np.equal(x, y).astype(g.dtype) + wins(winner, loser))

    return to(x, y), to(y, x)


@rule(elementwise=True, linear=True)
def clip_(x, low, high):
    """x limited to [low, high]; either bound may be None. Inside, bounds included, slope 1.

    The bounds are differentiable too: where one is active it gets the gradient.
    """
    out = np.clip(x, low, high)
    below = False if low is None else np.less(x, low)
    above = False if high is None else np.greater(x, high)
    return (
        out,
        lambda g: g * np.logical_not(below | above),
        lambda g: g * below,
        lambda g: g * above,
    )


@answers(np.clip)
def clip(a, a_min=None, a_max=None, *, min=None, max=None):
    """a limited to [a_min, a_max], elementwise; a bound of None does not limit."""
    return clip_(a, a_min if min is None else min, a_max if max is None else max)


@rule(elementwise=True, linear=True)
def where_(condition, x, y):
    """x where the condition holds, else y."""
    return (
        choosing.where(condition, x, y),
        None,
        lambda g: choosing.where(condition, g, 0),
        lambda g: choosing.where(condition, 0, g),
    )


@answers(np.where)
def where(condition, x=None, y=None):
    """x where the condition holds, else y; with the condition alone, np.nonzero of it."""
    if x is None and y is None:
        return np.nonzero(condition)
    return where_(condition, x, y)


@rule(np.hypot)
def hypot(x, y):
    """√(x² + y²). Derivatives x/out and y/out, 0 at the origin."""
    out = np.hypot(x, y)

    def length():
        return np.where(np.equal(out, 0), 1, out)

    return out, lambda g: g * x / length(), lambda g: g * y / length()


@rule(np.logaddexp)
def logaddexp(x, y):
    """ln(eˣ + eʸ), without overflow."""
    out = np.logaddexp(x, y)
    return out, lambda g: g * np.exp(x - out), lambda g: g * np.exp(y - out)


@rule(np.logaddexp2)
def logaddexp2(x, y):
    """log₂(2ˣ + 2ʸ), without overflow."""
    out = np.logaddexp2(x, y)
    return out, lambda g: g * np.exp2(x - out), lambda g: g * np.exp2(y - out)


@rule(np.remainder, symbol="mod")
def remainder(x, y):
    """x − y⌊x/y⌋, with the sign of y. ∂/∂x = 1, ∂/∂y = −⌊x/y⌋."""
    return np.remainder(x, y), lambda g: g, lambda g: -g * np.floor_divide(x, y)


@rule(np.fmod)
def fmod(x, y):
    """x − y·trunc(x/y), with the sign of x. ∂/∂x = 1, ∂/∂y = −trunc(x/y)."""
    return np.fmod(x, y), lambda g: g, lambda g: -g * np.trunc(x / y)


@rule(np.copysign, linear=True)
def copysign(x, y):
    """|x| with the sign of y. The derivative in x is ±1, 0 at x = 0."""
    out = np.copysign(x, y)
    return out, lambda g: g * np.sign(x) * np.sign(out), None


def step(ufunc, symbol=None):
    """The rule of a NumPy function whose derivative is 0 wherever it exists."""

    def function(*inputs):
        return ufunc(*inputs), *[None] * len(inputs)

    function.__name__ = ufunc.__name__
    function.__doc__ = f"np.{ufunc.__name__}: computes, and stops the gradient."
    return rule(ufunc, symbol=symbol)(function)


# Piecewise constant or not numbers at all: these compute, and the gradient stops here.
sign = step(np.sign)
floor = step(np.floor)
ceil = step(np.ceil)
trunc = step(np.trunc)
rint = step(np.rint)
floor_divide = step(np.floor_divide, "//")
heaviside = step(np.heaviside)
greater = step(np.greater, ">")
greater_equal = step(np.greater_equal, "≥")
less = step(np.less, "<")
less_equal = step(np.less_equal, "≤")
equal = step(np.equal, "=")
not_equal = step(np.not_equal, "≠")
logical_and = step(np.logical_and, "and")
logical_or = step(np.logical_or, "or")
logical_xor = step(np.logical_xor)
logical_not = step(np.logical_not, "not")
bitwise_and = step(np.bitwise_and)
bitwise_or = step(np.bitwise_or)
bitwise_xor = step(np.bitwise_xor)
invert = step(np.invert)
left_shift = step(np.left_shift)
right_shift = step(np.right_shift)
isfinite = step(np.isfinite)
isinf = step(np.isinf)
isnan = step(np.isnan)
signbit = step(np.signbit)
gcd = step(np.gcd)
lcm = step(np.lcm)


@rule(elementwise=True)
def round_(x, *, decimals=0):
    """x to the given number of decimals; stops the gradient."""
    return np.round(x, decimals), None


@answers(np.round, np.around)
def round(a, decimals=0):
    """a to the given number of decimals, halves to even; stops the gradient."""
    return round_(a, decimals=decimals)


@answers(np.isclose)
def isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether |a − b| ≤ atol + rtol |b|, elementwise."""
    near = np.less_equal(np.absolute(a - b), atol + rtol * np.absolute(b)) | np.equal(a, b)
    return near | (np.isnan(a) & np.isnan(b)) if equal_nan else near


@answers(np.allclose)
def allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements are close, as a Python bool."""
    return bool(np.all(isclose(a, b, rtol, atol, equal_nan)))


@answers(np.array_equal)
def array_equal(a1, a2):
    """Whether shapes and all elements are equal, as a Python bool."""
    return np.shape(a1) == np.shape(a2) and bool(np.all(np.equal(a1, a2)))


@answers(np.divmod)
def divmod(x, y):
    """(x // y, x % y)."""
    return np.floor_divide(x, y), np.remainder(x, y)


# NumPy's other names for the same functions.
abs, mod, pow = absolute, remainder, power
