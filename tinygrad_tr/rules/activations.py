"""Activation functions, under PyTorch's names and with its conventions at the kinks.

relu'(0) = 0 and leaky_relu'(0) = negative_slope.
"""

from __future__ import annotations

import math

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.kernels.choosing import clipped, passed, rectified, where
from tinygrad_tr.rule import rule
from tinygrad_tr.rules.elementwise import erf_of_array

__all__ = [
    "celu", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu",
    "log_softmax", "logsigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "softmax",
    "softplus", "softshrink", "softsign", "tanhshrink",
]  # fmt: skip


def logistic(x):
    """1/(1 + e⁻ˣ) from e^(−|x|), which cannot overflow."""
    small = np.exp(-np.absolute(x))
    return where(np.greater_equal(x, 0), 1, small) / (1 + small)


@rule(elementwise=True, symbol="σ")
def sigmoid(x):
    """σ(x) = 1/(1 + e⁻ˣ), in (0, 1). Derivative σ(1 − σ) ≤ 1/4."""
    out = logistic(x)
    return out, lambda g: g * out * (1 - out)


@rule(elementwise=True)
def logsigmoid(x):
    """ln σ(x), without overflow."""
    return np.minimum(x, 0) - np.log1p(np.exp(-np.absolute(x))), lambda g: g * logistic(-x)


@rule(elementwise=True)
def softplus(x, beta=1.0, threshold=20.0):
    """ln(1 + e^(βx))/β, and x itself where βx > threshold. Derivative σ(βx)."""
    scaled = beta * x
    linear = np.greater(scaled, threshold)
    out = where(linear, x, np.logaddexp(0, scaled) / beta)
    return out, lambda g: where(linear, g, g * logistic(beta * x))


@rule(elementwise=True, linear=True)
def relu(x):
    """max(0, x)."""
    out = rectified(x)
    return out, lambda g: passed(g, out, 0)


@rule(elementwise=True, linear=True)
def relu6(x):
    """min(max(0, x), 6). Slope 0 at both kinks. Source: arXiv 1704.04861."""
    return clipped(x, 0, 6), lambda g: passed(g, x, 0, 6)


@rule(elementwise=True, linear=True)
def leaky_relu(x, negative_slope=0.01):
    """x where x > 0, else negative_slope · x."""
    return where(x > 0, x, negative_slope * x), lambda g: where(x > 0, g, negative_slope * g)


@rule(elementwise=True)
def elu(x, alpha=1.0):
    """x where x > 0, else α(eˣ − 1). Source: arXiv 1511.07289."""
    out = where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
    return out, lambda g: where(x > 0, g, g * (alpha * np.exp(np.minimum(x, 0))))


# The fixed point of mean 0 and variance 1. Source: arXiv 1706.02515.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@rule(elementwise=True)
def selu(x):
    """λx where x > 0, else λα(eˣ − 1), with λ, α of arXiv 1706.02515."""
    negative = np.minimum(x, 0)
    out = SELU_SCALE * where(x > 0, x, SELU_ALPHA * np.expm1(negative))
    steep = SELU_SCALE * SELU_ALPHA
    return out, lambda g: where(x > 0, SELU_SCALE * g, g * (steep * np.exp(np.minimum(x, 0))))


@rule(elementwise=True)
def celu(x, alpha=1.0):
    """max(0, x) + min(0, α(e^(x/α) − 1)). Source: arXiv 1704.07483."""
    out = where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))
    return out, lambda g: where(x > 0, g, g * np.exp(np.minimum(x, 0) / alpha))


@rule(elementwise=True)
def gelu(x, approximate="none"):
    """x Φ(x) with Φ the normal distribution; "tanh" approximates it. Source: arXiv 1606.08415."""
    if approximate == "none":
        half = 0.5 * (1 + erf_of_array(x * math.sqrt(0.5)))
        density = 1 / math.sqrt(2 * math.pi)
        return x * half, lambda g: g * (half + x * (density * np.exp(-0.5 * x * x)))
    if approximate == "tanh":
        scale = math.sqrt(2 / math.pi)
        t = np.tanh(scale * (x + 0.044715 * (x * x * x)))
        return (
            0.5 * x * (1 + t),
            lambda g: (
                g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (scale * (1 + 3 * 0.044715 * (x * x))))
            ),
        )
    raise ArgumentError(
        "gelu", "unknown approximation", got=repr(approximate), wanted="'none' or 'tanh'"
    )


@rule(elementwise=True)
def silu(x):
    """x σ(x), also called swish. Source: arXiv 1702.03118."""
    s = logistic(x)
    return x * s, lambda g: g * (s * (1 + x * (1 - s)))


@rule(elementwise=True)
def mish(x):
    """x tanh(ln(1 + eˣ)). Source: arXiv 1908.08681."""
    t = np.tanh(np.logaddexp(0, x))
    return x * t, lambda g: g * (t + x * (1 - t * t) * logistic(x))


@rule(elementwise=True, linear=True)
def hardtanh(x, min_val=-1.0, max_val=1.0):
    """x limited to [min_val, max_val]. Slope 0 at both kinks, as in PyTorch."""
    return np.clip(x, min_val, max_val), lambda g: g * ((x > min_val) & (x < max_val))


@rule(elementwise=True, linear=True)
def hardsigmoid(x):
    """x/6 + 1/2 limited to [0, 1]. Source: arXiv 1905.02244."""
    return np.clip(x / 6 + 0.5, 0, 1), lambda g: g * ((x > -3) & (x < 3)) / 6


@rule(elementwise=True)
def hardswish(x):
    """x · hardsigmoid(x). Source: arXiv 1905.02244."""
    return x * np.clip(x / 6 + 0.5, 0, 1), lambda g: where(
        x <= -3, 0, where(x < 3, g * (x / 3 + 0.5), g)
    )


@rule(elementwise=True)
def softsign(x):
    """x/(1 + |x|). Derivative 1/(1 + |x|)²."""
    scale = 1 + np.absolute(x)
    return x / scale, lambda g: g / (scale * scale)


@rule(elementwise=True)
def tanhshrink(x):
    """x − tanh x. Derivative tanh² x."""
    t = np.tanh(x)
    return x - t, lambda g: g * t * t


@rule(elementwise=True, linear=True)
def softshrink(x, lambd=0.5):
    """x moved towards 0 by lambd, and 0 where |x| ≤ lambd."""
    out = np.sign(x) * np.maximum(np.absolute(x) - lambd, 0)
    return out, lambda g: g * (out != 0)


@rule(elementwise=True, linear=True)
def hardshrink(x, lambd=0.5):
    """x where |x| > lambd, else 0."""
    outside = np.absolute(x) > lambd
    return where(outside, x, 0), lambda g: g * outside


@rule()
def softmax(x, axis=-1, where=None):
    """e^x / Σ e^x along the axis: positive, sums to 1. Pullback a(g − Σ g a), a the output.

    Where `where` (booleans that broadcast to x) is False, the number has no part in it: it becomes
    0 and gets the gradient 0. Where none has a part, all are 0.
    """
    if where is not None:
        require_mask("softmax", "where", where, x.shape)
        x = np.where(where, x, np.finfo(x.dtype).min)
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    if where is not None:
        e = e * where
    # The largest adds e⁰, so the sum is at least 1, unless it is one of nothing.
    out = e / np.maximum(np.sum(e, axis=axis, keepdims=True), 1)
    return out, lambda g: out * (g - np.sum(g * out, axis=axis, keepdims=True))


def require_mask(operation, name, mask, shape):
    """Refuse what is no array of booleans, or would stretch the numbers it stands for."""
    if getattr(getattr(mask, "dtype", None), "kind", "") != "b":
        raise DtypeError(
            operation, f"{name} is no mask", got=describe(mask), wanted="an array of booleans"
        )
    lengths = zip(mask.shape[::-1], shape[::-1], strict=False)
    if mask.ndim > len(shape) or any(n not in (1, m) for n, m in lengths):
        raise ShapeError(
            operation, f"{name} does not fit", got=f"{mask.shape} for {shape}",
            wanted="from the last axis on, equal lengths or 1",
        )  # fmt: skip


@rule()
def log_softmax(x, axis=-1):
    """x − ln Σ e^x along the axis. Pullback g − softmax(x) Σ g."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    out = shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
    return out, lambda g: g - np.exp(out) * np.sum(g, axis=axis, keepdims=True)
