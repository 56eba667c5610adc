"""Windows over the last axes of x (..., *S), any number of them: their largest, their mean.

unpool and pick are adjoint, as avg_pool and spread are.
"""

from __future__ import annotations

from tinygrad_tr.kernels import pooling as kernels
from tinygrad_tr.rule import kernel, rule

largest, put, picked = kernel(kernels.largest), kernel(kernels.put), kernel(kernels.picked)
summed, spread_out = kernel(kernels.summed), kernel(kernels.spread)


@rule(linear=True)
def max_pool(x, *, windows):
    """The largest of each window. Of equal ones the first, row by row, gets the gradient."""
    out, places = largest(x, windows)
    shape, axes = x.shape, len(windows)
    return out, lambda g: unpool(g, places=places, shape=shape, axes=axes)


@rule(linear=True)
def unpool(x, *, places, shape, axes):
    """Zeros of the shape with x added at the places, counted in each plane; adjoint of pick."""
    return put(x, places, shape, axes), lambda g: pick(g, places=places, axes=axes)


@rule(linear=True)
def pick(x, *, places, axes):
    """The numbers at the places, counted in each plane of the last axes."""
    shape = x.shape
    return picked(x, places, axes), lambda g: unpool(g, places=places, shape=shape, axes=axes)


@rule(linear=True)
def avg_pool(x, *, windows, divisor):
    """The sum of each window over a divisor, one for all or one for each window."""
    plane = x.shape[-len(windows) :]
    return summed(x, windows) / divisor, lambda g: spread(g / divisor, windows=windows, plane=plane)


@rule(linear=True)
def spread(x, *, windows, plane):
    """Each number added to all places of its window; adjoint of the sum of each window."""
    return spread_out(x, windows, plane), lambda g: avg_pool(g, windows=windows, divisor=1)
