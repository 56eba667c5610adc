"""Rules that a program takes apart, so that loops can do their work together with other work.

A rule with a kernel is one step of a program: nothing joins it. Here such rules stand as formulas
of plain NumPy, value and pullback, for arrays of which loops can take the sums row by row. What
comes before and after, such as a ReLU and its derivative, then goes into the same loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled as compilers
from tinygrad_tr.kernels.shape import stretched_axes
from tinygrad_tr.rules.normalisation import normalize, normalize_with_moments

from .fusion import summable
from .rewriting import array_like
from .symbols import Symbol
from .tape import Operation

Array = Any


def opened(rule: Any, inputs: Sequence[Any], keywords: dict[str, Any]) -> Callable[..., Any]:
    """The formula of a rule for these arrays if there is one, the rule's own function if not."""
    own: Callable[..., Any] = rule.function
    found = OPENINGS.get(rule)
    if found is None or not (compilers.Kernels.loops and compilers.available()):
        return own
    fits, formula = found
    return formula if fits(*inputs, **keywords) else own


def normalised_by_rows(
    x: Array, weight: Array, bias: Array, *, axes: Any, eps: float, centred: bool = True
) -> bool:
    """Whether loops can take x row by row, one of γ and β for each."""
    if not isinstance(x, Symbol) or not centred:
        return False
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(x.shape))
    sums = Operation(
        np.add.reduce, (x.value,), {"axis": axes, "keepdims": True}, array_like(kept, x.dtype)
    )
    given = [p for p in (weight, bias) if p is not None]
    return summable(sums) and all(
        p.dtype == x.dtype and np.broadcast_shapes(p.shape, kept) == kept for p in given
    )


def normalised(
    x: Array, weight: Array, bias: Array, *, axes: Any, eps: float, centred: bool = True
) -> Any:
    """γ (x − μ) r + β, r = 1/√(σ² + ε), and the way back."""
    (out, *_), back = normalised_with_moments(x, weight, bias, axes=axes, eps=eps)
    return out, lambda g, needs: back((g, None, None), needs)


def normalised_with_moments(x: Array, weight: Array, bias: Array, *, axes: Any, eps: float) -> Any:
    """γ (x − μ) r + β, r = 1/√(σ² + ε), with μ and σ², and the way back.

    A mean is rounded, and x − μ has a mean of its own, the rest: it is taken into account.
    """
    n = math.prod(x.shape[axis] for axis in axes)

    def total(y: Array) -> Array:
        return np.add.reduce(y, axis=axes, keepdims=True)

    mean = total(x) / n
    d = x - mean
    rest = total(d) / n
    variance = total(d * d) / n - rest * rest
    variance = np.maximum(variance, 0)
    r = 1 / np.sqrt(variance + eps)
    slope = r if weight is None else r * weight
    shift = -rest * slope
    out = d * slope + (shift if bias is None else shift + bias)

    def pullback(g: Any, needs: Sequence[bool]) -> Any:
        to_out, to_mean, to_variance = g
        to_x = to_weight = to_bias = None
        if to_out is not None:
            across = total(to_out)
            along = (total(to_out * d) - rest * across) * r
            tilt = -slope * along * r / n
            height = -slope * across / n - rest * tilt
            to_x = to_out * slope + (d * tilt + height)
            to_weight = None if weight is None else to_parameter(along, weight)
            to_bias = None if bias is None else to_parameter(across, bias)
        if to_mean is not None:
            share = np.broadcast_to(to_mean / n, x.shape)
            to_x = share if to_x is None else to_x + share
        if to_variance is not None:
            share = (d - rest) * (to_variance * (2 / n))
            to_x = share if to_x is None else to_x + share
        found = (to_x, to_weight, to_bias)
        return tuple(x if needed else None for x, needed in zip(found, needs, strict=True))

    return (out, mean, variance), pullback


def to_parameter(sums: Array, parameter: Array) -> Array:
    """The sums over all rows that a parameter takes part in."""
    axes = stretched_axes(sums.shape, parameter.shape)
    whole = np.add.reduce(sums, axis=axes, keepdims=True) if axes else sums
    return whole.reshape(parameter.shape)


OPENINGS: dict[Any, tuple[Callable[..., bool], Callable[..., Any]]] = {
    normalize: (normalised_by_rows, normalised),
    normalize_with_moments: (normalised_by_rows, normalised_with_moments),
}
