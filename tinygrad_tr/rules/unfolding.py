"""Windows side by side, and the sum of windows in their places: each is the other's adjoint."""

from __future__ import annotations

from tinygrad_tr.kernels import unfolding as kernels
from tinygrad_tr.rule import kernel, rule

unfolded, folded = kernel(kernels.unfold), kernel(kernels.fold)


@rule(linear=True)
def unfold(x, *, kernel, positions, stride, padding, dilation):
    """What the windows hold: (N, C, *S) -> (N, C, *kernel, *positions)."""
    facts = {"stride": stride, "padding": padding, "dilation": dilation}
    size = x.shape[2:]
    return (
        unfolded(x, kernel=kernel, positions=positions, **facts),
        lambda g: fold(g, size=size, **facts),
    )


@rule(linear=True)
def fold(x, *, size, stride, padding, dilation):
    """The sum of windows, each in its place: (N, C, *kernel, *positions) -> (N, C, *size)."""
    facts = {"stride": stride, "padding": padding, "dilation": dilation}
    axes = len(size)
    kernel, positions = x.shape[2 : 2 + axes], x.shape[2 + axes :]
    return (
        folded(x, size=size, **facts),
        lambda g: unfold(g, kernel=kernel, positions=positions, **facts),
    )
