"""What an elementwise operation is to one number, for loops that do many of them at once.

A loop over numbers runs at the speed of the vector unit only if all that it calls is arithmetic
without branches; the C library's functions are not. So here are the float32 functions that the
courses' networks need, by reduction and polynomial, within 2 units in the last place of the true
value; NaN, infinities and the ends of the range are NumPy's. In float64 the loops do arithmetic
only, and the functions stay NumPy's own.

Sources: Moshier, Cephes mathematical library (expf, logf, tanhf, sinf); the reduction of sines by
two parts of π/2 in float64 is exact wherever the processor multiplies and adds in one step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Number = Any

f32 = np.float32
ZERO, HALF, ONE, TWO = map(f32, (0, 0.5, 1, 2))
INF, NAN = f32(np.inf), f32(np.nan)
I0, I1, I2 = np.int64(0), np.int64(1), np.int64(2)
BIAS, FRACTION, LOW_BITS, HALF_BITS = map(np.int32, (127, 23, 0x7FFFFF, 0x3F000000))
EXPONENT_OF_HALF = np.int32(126)

# e^r for |r| ≤ ln 2/2, highest power first, and ln 2 in two parts.
E = tuple(map(f32, (
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
    5.0000001201e-1,
)))  # fmt: skip
LOG2_E, LN2_HIGH, LN2_LOW = map(f32, (1.44269504088896341, 0.693359375, -2.12194440e-4))
LEAST, MOST = map(f32, (-103.97208, 88.72284))  # e^x is 0 below, infinite above

# (ln(1 + r) − r + r²/2) / r³ for √½ − 1 ≤ r ≤ √2 − 1.
L = tuple(map(f32, (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)))  # fmt: skip
ROOT_HALF, SMALLEST_NORMAL, TWO_23 = map(f32, (0.70710678118, 1.17549435e-38, 8388608.0))
TWENTY_THREE = f32(23)

# (tanh x − x) / x³ for |x| ≤ 0.625.
T = tuple(map(f32, (
    -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1,
)))  # fmt: skip
TANH_SMALL, TANH_ONE = map(f32, (0.625, 9.1))  # beyond, tanh x rounds to 1

# sin r and cos r for |r| ≤ π/4; 2/π, and π/2 in two parts of float64.
S = tuple(map(f32, (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)))
C = tuple(map(f32, (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)))
FARTHEST = f32(1e14)  # beyond, the next float32 is some million turns away
TWO_OVER_PI, PI_HIGH, PI_LOW = 2 / math.pi, math.pi / 2, 6.123233995736766e-17


def exp(x: Number) -> Number:
    """eˣ = 2ⁿ eʳ, n = round(x / ln 2)."""
    z = x if x > LEAST else LEAST
    z = z if z < MOST else MOST
    n = np.floor(z * LOG2_E + HALF)
    r = z - n * LN2_HIGH
    r = r - n * LN2_LOW
    p = E[0] * r + E[1]
    p = p * r + E[2]
    p = p * r + E[3]
    p = p * r + E[4]
    p = p * r + E[5]
    p = p * (r * r) + r + ONE
    # 2ⁿ in two factors: one alone leaves the range before the product does.
    k = np.int32(n)
    half = k >> np.int32(1)
    y = p * np.int32((half + BIAS) << FRACTION).view(np.float32)
    y = y * np.int32((k - half + BIAS) << FRACTION).view(np.float32)
    y = y if x >= LEAST else ZERO
    y = y if x <= MOST else INF
    return y if x == x else x


def log(x: Number) -> Number:
    """ln x = n ln 2 + ln m, with m in [√½, √2)."""
    small = x < SMALLEST_NORMAL
    z = x * TWO_23 if small else x
    bits = np.float32(z).view(np.int32)
    k = (bits >> FRACTION) - EXPONENT_OF_HALF
    m = np.int32((bits & LOW_BITS) | HALF_BITS).view(np.float32)
    low = m < ROOT_HALF
    n = np.float32(k - (np.int32(1) if low else np.int32(0)))
    n = n - TWENTY_THREE if small else n
    r = (m + m if low else m) - ONE
    q = r * r
    p = L[0] * r + L[1]
    p = p * r + L[2]
    p = p * r + L[3]
    p = p * r + L[4]
    p = p * r + L[5]
    p = p * r + L[6]
    p = p * r + L[7]
    p = p * r + L[8]
    y = p * r * q + n * LN2_LOW - HALF * q
    y = r + y + n * LN2_HIGH
    y = y if x < INF else x
    y = y if x != ZERO else -INF
    return y if x >= ZERO else NAN


def log1p(x: Number) -> Number:
    """ln(1 + x) = ln u · x/(u − 1), where u is 1 + x rounded. Kahan's correction."""
    u = ONE + x
    d = u - ONE
    y = log(u) * (x / (d if d != ZERO else ONE))
    y = y if d != ZERO else x
    return y if x < INF else x


def tanh(x: Number) -> Number:
    """tanh x: a polynomial near 0, 1 − 2/(e²ˣ + 1) beyond."""
    a = x if x > ZERO else -x
    s = a if a < ONE else ONE
    q = s * s
    p = T[0] * q + T[1]
    p = p * q + T[2]
    p = p * q + T[3]
    p = p * q + T[4]
    near = p * q * s + s
    z = a if a < TANH_ONE else TANH_ONE
    far = ONE - TWO / (exp(z + z) + ONE)
    # Of a choice, the compiler would compute one side only, number by number.
    is_near = np.float32(a < TANH_SMALL)
    y = near * is_near + far * (ONE - is_near)
    y = y if x > ZERO else -y
    return y if x == x else x


def turned(x: Number, turn: Number) -> Number:
    """sin(x + turn · π/2)."""
    d = np.float64(x)
    n = np.rint(d * TWO_OVER_PI)
    r = d - n * PI_HIGH
    r = np.float32(r - n * PI_LOW)
    quarter = np.int64(n) + turn
    q = r * r
    s = ((S[0] * q + S[1]) * q + S[2]) * (q * r) + r
    c = ((C[0] * q + C[1]) * q + C[2]) * (q * q) - HALF * q + ONE
    y = s if (quarter & I1) == I0 else c
    y = y if (quarter & I2) == I0 else -y
    return y if abs(x) < FARTHEST else NAN


def sin(x: Number) -> Number:
    """sin x; NaN for |x| beyond 10¹⁴."""
    return turned(x, I0)


def cos(x: Number) -> Number:
    """cos x; NaN for |x| beyond 10¹⁴."""
    return turned(x, I1)


def maximum(x: Number, y: Number) -> Number:
    """The larger; NaN if either is."""
    z = x if x > y else y
    return z if x == x else x


def minimum(x: Number, y: Number) -> Number:
    """The smaller; NaN if either is."""
    z = x if x < y else y
    return z if x == x else x


def sign(x: Number) -> Number:
    """−1, 0 or 1; NaN stays."""
    y = x - x  # 0 of x's kind
    z = y + 1 if x > 0 else (y - 1 if x < 0 else y)
    return z if x == x else x


def plus(total: Number, x: Number) -> Number:
    """A sum and one more number: the vector unit adds up several parts of it, in any order."""
    return total + x


FUNCTIONS: dict[Any, Callable[..., Number]] = {
    np.exp: exp, np.log: log, np.log1p: log1p, np.tanh: tanh, np.sin: sin, np.cos: cos,
}  # fmt: skip
"""In float32 only."""

CHOICES: dict[Any, Callable[..., Number]] = {
    np.maximum: maximum, np.minimum: minimum, np.sign: sign,
}  # fmt: skip
"""In either precision."""

SIGNS: dict[Any, str] = {
    np.add: "{} + {}", np.subtract: "{} - {}", np.multiply: "{} * {}", np.divide: "{} / {}",
    np.negative: "-{}", np.positive: "{}", np.absolute: "abs({})", np.square: "{0} * {0}",
    np.reciprocal: "1 / {}", np.sqrt: "sqrt({})", np.floor: "floor({})", np.ceil: "ceil({})",
    np.greater: "{} > {}", np.greater_equal: "{} >= {}", np.less: "{} < {}",
    np.less_equal: "{} <= {}", np.equal: "{} == {}", np.not_equal: "{} != {}",
    np.isnan: "{0} != {0}", np.where: "{1} if {0} else {2}",
}  # fmt: skip
"""What a programming language has signs for."""

LOGIC: dict[Any, str] = {
    np.logical_and: "{} and {}", np.logical_or: "{} or {}", np.logical_not: "not {}",
    np.bitwise_and: "{} and {}", np.bitwise_or: "{} or {}", np.invert: "not {}",
}  # fmt: skip
"""Of booleans only."""
