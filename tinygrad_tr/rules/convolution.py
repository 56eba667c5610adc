"""Convolution, its transpose, and the gradient of its filter: each one's pullbacks are the others.

They take any number of axes after (N, C), and their padding may differ before and after an axis:
`padding` says how much comes before, `size` how large the result is.
"""

from __future__ import annotations

import numpy as np

from tinygrad_tr.kernels import convolution as kernels
from tinygrad_tr.rule import kernel, rule

conv_of_arrays = kernel(kernels.conv)
transpose_of_arrays = kernel(kernels.conv_transpose)
filter_of_arrays = kernel(kernels.conv_filter)


def over_positions(g):
    """The sum for each channel, (N, C, *) -> (C,): what a bias gets."""
    return np.sum(g, axis=(0, *range(2, g.ndim)))


@rule(conv_of_arrays)
def conv(x, weight, bias, *, size, stride, padding, dilation, groups=1):
    """Σ x[n, c, s·j + d·t − p] w[o, c, t] + b[o] over c and t; the filter is not flipped.

    x (N, C, *), weight (O, C/G, *), bias (O,) or None -> (N, O, *size). Course 4, week 1.
    """
    facts = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    shape, taps = x.shape[2:], weight.shape[2:]
    return (
        conv_of_arrays(x, weight, bias, size=size, **facts),
        lambda g: transpose_of_arrays(g, weight, None, size=shape, **facts),
        lambda g: filter_of_arrays(x, g, size=taps, **facts),
        None if bias is None else over_positions,
    )


@rule(transpose_of_arrays)
def conv_transpose(x, weight, bias, *, size, stride, padding, dilation, groups=1):
    """Every x[n, o, j] times the filter w[o, c, ·], added where s·j + d·t − p falls, + b[c].

    x (N, O, *), weight (O, C/G, *), bias (C,) or None -> (N, C, *size). Course 4, week 3.
    """
    facts = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    shape, taps = x.shape[2:], weight.shape[2:]
    return (
        transpose_of_arrays(x, weight, bias, size=size, **facts),
        lambda g: conv_of_arrays(g, weight, None, size=shape, **facts),
        lambda g: filter_of_arrays(g, x, size=taps, **facts),
        None if bias is None else over_positions,
    )


@rule(filter_of_arrays)
def conv_filter(x, y, *, size, stride, padding, dilation, groups=1):
    """Σ x[n, c, s·j + d·t − p] y[n, o, j] over n and j: the gradient of conv to its filter.

    x (N, C, *), y (N, O, *) -> (O, C/G, *size).
    """
    facts = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    shape, positions = x.shape[2:], y.shape[2:]
    return (
        filter_of_arrays(x, y, size=size, **facts),
        lambda g: transpose_of_arrays(y, g, None, size=shape, **facts),
        lambda g: conv_of_arrays(x, g, None, size=positions, **facts),
    )
