"""Elementary functions of one or two arrays, elementwise, with their derivatives."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_tr.kernels import special
from tinygrad_tr.rule import answers, kernel, rule

__all__ = [
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cbrt", "cos",
    "cosh", "deg2rad", "erf", "exp", "exp2", "expm1", "log", "log10", "log1p", "log2",
    "nan_to_num", "rad2deg", "rsqrt", "sin", "sinc", "sinh", "sqrt", "tan", "tanh",
]  # fmt: skip

LN2, LN10 = math.log(2), math.log(10)


@rule(np.exp)
def exp(x):
    """eˣ, its own derivative."""
    out = np.exp(x)
    return out, lambda g: g * out


@rule(np.expm1)
def expm1(x):
    """eˣ − 1, exact near 0."""
    out = np.expm1(x)
    return out, lambda g: g * (out + 1)


@rule(np.exp2)
def exp2(x):
    """2ˣ."""
    out = np.exp2(x)
    return out, lambda g: g * (LN2 * out)


@rule(np.log)
def log(x):
    """ln x, for x > 0."""
    return np.log(x), lambda g: g / x


@rule(np.log1p)
def log1p(x):
    """ln(1 + x), exact near 0."""
    return np.log1p(x), lambda g: g / (1 + x)


@rule(np.log2)
def log2(x):
    """log₂ x."""
    return np.log2(x), lambda g: g / (LN2 * x)


@rule(np.log10)
def log10(x):
    """log₁₀ x."""
    return np.log10(x), lambda g: g / (LN10 * x)


@rule(np.sqrt, symbol="√")
def sqrt(x):
    """√x. Derivative 1/(2√x), infinite at 0."""
    out = np.sqrt(x)
    return out, lambda g: g / (2 * out)


@rule(np.cbrt, symbol="∛")
def cbrt(x):
    """∛x. Derivative 1/(3 ∛x²)."""
    out = np.cbrt(x)
    return out, lambda g: g / (3 * out * out)


@rule(elementwise=True, symbol="1/√x")
def rsqrt(x):
    """1/√x. Derivative −out³/2."""
    out = 1 / np.sqrt(x)
    return out, lambda g: g * (-0.5 * out * out * out)


@rule(np.sin)
def sin(x):
    """sin x, x in radians."""
    return np.sin(x), lambda g: g * np.cos(x)


@rule(np.cos)
def cos(x):
    """cos x, x in radians."""
    return np.cos(x), lambda g: -g * np.sin(x)


@rule(np.tan)
def tan(x):
    """tan x, x in radians. Derivative 1 + tan² x."""
    out = np.tan(x)
    return out, lambda g: g * (1 + out * out)


@rule(np.arcsin)
def arcsin(x):
    """The angle in [−π/2, π/2] whose sine is x."""
    return np.arcsin(x), lambda g: g / np.sqrt(1 - x * x)


@rule(np.arccos)
def arccos(x):
    """The angle in [0, π] whose cosine is x."""
    return np.arccos(x), lambda g: -g / np.sqrt(1 - x * x)


@rule(np.arctan)
def arctan(x):
    """The angle in (−π/2, π/2) whose tangent is x."""
    return np.arctan(x), lambda g: g / (1 + x * x)


@rule(np.arctan2)
def arctan2(y, x):
    """The angle of the point (x, y), in [−π, π]."""
    return (
        np.arctan2(y, x),
        lambda g: g * x / (x * x + y * y),
        lambda g: -g * y / (x * x + y * y),
    )


@rule(np.sinh)
def sinh(x):
    """sinh x = (eˣ − e⁻ˣ)/2."""
    return np.sinh(x), lambda g: g * np.cosh(x)


@rule(np.cosh)
def cosh(x):
    """cosh x = (eˣ + e⁻ˣ)/2."""
    return np.cosh(x), lambda g: g * np.sinh(x)


@rule(np.tanh)
def tanh(x):
    """tanh x. The derivative 1 − tanh² x needs the output only."""
    out = np.tanh(x)
    return out, lambda g: g * (1 - out * out)


@rule(np.arcsinh)
def arcsinh(x):
    """The inverse of sinh."""
    return np.arcsinh(x), lambda g: g / np.sqrt(x * x + 1)


@rule(np.arccosh)
def arccosh(x):
    """The inverse of cosh, for x ≥ 1."""
    return np.arccosh(x), lambda g: g / np.sqrt(x * x - 1)


@rule(np.arctanh)
def arctanh(x):
    """The inverse of tanh, for |x| < 1."""
    return np.arctanh(x), lambda g: g / (1 - x * x)


@rule(np.sinc, elementwise=True)
def sinc(x):
    """sin(πx)/(πx), 1 at 0."""
    return np.sinc(x), lambda g: g * sinc_slope(x)


@rule(elementwise=True)
def sinc_slope(x):
    """sinc′ x = (cos πx − sinc x)/x; near 0 its series −π²x/3 + π⁴x³/30, as cancellation wins."""
    small = np.absolute(x) < 1e-3  # beyond it the cancellation costs 1e-16/1e-6 at most
    safe = np.where(small, 1, x)
    near = x * (-(math.pi**2) / 3 + (math.pi**4 / 30) * (x * x))
    out = np.where(small, near, (np.cos(math.pi * safe) - np.sinc(safe)) / safe)

    def slope(g):
        curve = -(math.pi**2) * np.sinc(safe) - 2 * out / safe
        return g * np.where(small, -(math.pi**2) / 3 + (math.pi**4 / 10) * (x * x), curve)

    return out, slope


erf_of_array = kernel(special.erf)


@rule(erf_of_array, elementwise=True)
def erf(x):
    """The error function 2/√π ∫₀ˣ e^(−t²) dt."""
    return erf_of_array(x), lambda g: g * (2 / math.sqrt(math.pi)) * np.exp(-x * x)


@rule(np.deg2rad, linear=True)
def deg2rad(x):
    """Degrees to radians."""
    return np.deg2rad(x), lambda g: np.deg2rad(g)


@rule(np.rad2deg, linear=True)
def rad2deg(x):
    """Radians to degrees."""
    return np.rad2deg(x), lambda g: np.rad2deg(g)


answers(np.radians)(deg2rad)
answers(np.degrees)(rad2deg)


@rule(np.nan_to_num, elementwise=True)
def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    """x with NaN and infinities replaced; these places get no gradient."""
    finite = np.isfinite(x)
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf), lambda g: np.where(finite, g, 0)
