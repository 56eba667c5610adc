"""Convolutions and transpose convolutions: arguments checked, sizes computed, one rule each.

As in the course and in PyTorch, "convolution" is cross-correlation: the filter is not flipped.
x is (N, C, *) or one example without N; `stride`, `padding` and `dilation` are a number for all
axes or one for each. Course 4, week 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_tr.arguments import is_whole, whole
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.rules import convolution as rules
from tinygrad_tr.tensor import Tensor

from ..checks import require_float_array

Sizes = tuple[int, ...]
PerAxis = int | Sequence[int]
LETTERS = "DHW"


def conv1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Tensor:
    """(N, C, W), (O, C/groups, k), (O,) -> (N, O, W'); see conv2d."""
    return convolved("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Tensor:
    """x * W + b: (N, C, H, W), (O, C/groups, k_H, k_W), (O,) -> (N, O, H', W').

    H' = ⌊(H + 2p − d(k − 1) − 1)/s⌋ + 1 with stride s, padding p and dilation d. `padding` may
    be "valid", none, or "same", H' = H, for which s must be 1; if the zeros that this takes are
    odd in number, as for even filters, one more comes after than before. Each of the groups of
    channels meets its own O/groups filters.
    """
    return convolved("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
) -> Tensor:
    """(N, C, D, H, W), (O, C/groups, k_D, k_H, k_W), (O,) -> (N, O, D', H', W'); see conv2d."""
    return convolved("conv3d", 3, x, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
) -> Tensor:
    """(N, C, W), (C, O/groups, k), (O,) -> (N, O, W'); see conv_transpose2d."""
    return transposed(
        "conv_transpose1d", 1, x, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
) -> Tensor:
    """Each x times the filter, written at steps of the stride, overlaps added; plus b.

    (N, C, H, W), (C, O/groups, k_H, k_W), (O,) -> (N, O, H', W') with
    H' = (H − 1)s − 2p + d(k − 1) + 1 + output_padding. It is the gradient of conv2d to its x:
    ⟨conv2d(x, W), y⟩ = ⟨x, conv_transpose2d(y, W)⟩. Of the sizes that conv2d makes equal,
    `output_padding` chooses; it is less than the stride or the dilation. Course 4, week 3.
    """
    return transposed(
        "conv_transpose2d", 2, x, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose3d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    output_padding: PerAxis = 0,
    groups: int = 1,
    dilation: PerAxis = 1,
) -> Tensor:
    """(N, C, D, H, W), (C, O/groups, k_D, k_H, k_W), (O,) -> (N, O, D', H', W'); see above."""
    return transposed(
        "conv_transpose3d", 3, x, weight, bias, stride, padding, output_padding, groups, dilation
    )


# ------------------------------------------------------------------ for any number of axes


def convolved(
    operation: str,
    axes: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: PerAxis,
    padding: PerAxis | str,
    dilation: PerAxis,
    groups: int,
) -> Tensor:
    x, single = with_batch(operation, axes, x)
    require_weight(operation, axes, x, weight)
    whole(operation, "groups", groups)
    channels, filters = x.shape[1], len(weight)
    if weight.shape[1] * groups != channels or filters % groups:
        raise ShapeError(
            operation, "the channels of x and the filters do not fit",
            got=f"x {x.shape} with {channels} channels, weight {weight.shape}, {groups=}",
            wanted=f"weight (O, {channels}/groups, ...) with O a multiple of groups",
        )  # fmt: skip
    require_bias(operation, bias, filters)
    kernel = weight.shape[2:]
    steps = per_axis(operation, "stride", stride, axes)
    gaps = per_axis(operation, "dilation", dilation, axes)
    before, after = borders(operation, padding, kernel, steps, gaps)
    size = tuple(
        (n + p + q - d * (k - 1) - 1) // s + 1
        for n, p, q, k, s, d in zip(x.shape[2:], before, after, kernel, steps, gaps, strict=True)
    )
    if min(size) < 1:
        raise ShapeError(
            operation, "the filter is larger than the padded x",
            got=f"x {x.shape}, weight {weight.shape}, {padding=}, {dilation=}",
            wanted="x + padding at least dilation · (kernel − 1) + 1 long on every axis",
        )  # fmt: skip
    out = rules.conv(
        x, weight, bias, size=size, stride=steps, padding=before, dilation=gaps, groups=groups
    )
    return out[0] if single else out


def transposed(
    operation: str,
    axes: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: PerAxis,
    padding: PerAxis,
    output_padding: PerAxis,
    groups: int,
    dilation: PerAxis,
) -> Tensor:
    x, single = with_batch(operation, axes, x)
    require_weight(operation, axes, x, weight)
    whole(operation, "groups", groups)
    channels = x.shape[1]
    if len(weight) != channels or channels % groups:
        raise ShapeError(
            operation, "the channels of x and the filters do not fit",
            got=f"x {x.shape} with {channels} channels, weight {weight.shape}, {groups=}",
            wanted=f"weight ({channels}, O/groups, ...) and groups a divisor of {channels}",
        )  # fmt: skip
    require_bias(operation, bias, weight.shape[1] * groups)
    steps = per_axis(operation, "stride", stride, axes)
    gaps = per_axis(operation, "dilation", dilation, axes)
    before = per_axis(operation, "padding", padding, axes, low=0)
    extra = per_axis(operation, "output_padding", output_padding, axes, low=0)
    if any(e >= max(s, d) for e, s, d in zip(extra, steps, gaps, strict=True)):
        raise ArgumentError(
            operation, "output_padding chooses among the sizes that one stride makes equal",
            got=f"{output_padding=}, {stride=}, {dilation=}",
            wanted="less than the stride or the dilation",
        )  # fmt: skip
    size = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + 1 + e
        for n, s, p, d, k, e in zip(
            x.shape[2:], steps, before, gaps, weight.shape[2:], extra, strict=True
        )
    )
    if min(size) < 1:
        raise ShapeError(
            operation, "nothing is left between the paddings",
            got=f"x {x.shape}, weight {weight.shape}, {stride=}, {padding=}",
            wanted="less padding: it cuts the border of the result off",
        )  # fmt: skip
    out = rules.conv_transpose(
        x, weight, bias, size=size, stride=steps, padding=before, dilation=gaps, groups=groups
    )
    return out[0] if single else out


def borders(
    operation: str, padding: PerAxis | str, kernel: Sizes, stride: Sizes, dilation: Sizes
) -> tuple[Sizes, Sizes]:
    """How many zeros come before and after each axis."""
    if padding == "same":
        if max(stride) > 1:
            raise ArgumentError(
                operation, 'padding="same" needs stride 1', got=f"{stride=}",
                wanted="a number, such as padding=1 for filters of 3",
            )  # fmt: skip
        lost = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple(n // 2 for n in lost), tuple(n - n // 2 for n in lost)
    if isinstance(padding, str):
        if padding != "valid":
            raise ArgumentError(
                operation, "unknown padding", got=repr(padding), wanted='numbers, "valid" or "same"'
            )
        padding = 0
    both = per_axis(operation, "padding", padding, len(kernel), low=0)
    return both, both


def per_axis(operation: str, name: str, value: PerAxis, axes: int, low: int = 1) -> Sizes:
    """A whole number of at least `low` for each axis, from one for all or a sequence."""
    numbers: Any = (value,) * axes if is_whole(value) else value
    fits = isinstance(numbers, Sequence) and not isinstance(numbers, str) and len(numbers) == axes
    if not fits or not all(is_whole(n) and n >= low for n in numbers):
        raise ArgumentError(
            operation, f"{name} has no such value", got=f"{name}={value!r}",
            wanted=f"an integer ≥ {low}, or {axes} of them" if axes > 1 else f"an integer ≥ {low}",
        )  # fmt: skip
    return tuple(map(int, numbers))


# ------------------------------------------------------------------ what is refused


def with_batch(operation: str, axes: int, x: Tensor) -> tuple[Tensor, bool]:
    """x as (N, C, *), and whether it came as one example (C, *)."""
    require_float_array(operation, x)
    if x.ndim not in (axes + 1, axes + 2):
        places = ", ".join(LETTERS[-axes:])
        raise ShapeError(
            operation, "x has another number of axes", got=f"{x.shape}",
            wanted=f"(N, C, {places}), or (C, {places}) for one example",
        )  # fmt: skip
    single = x.ndim == axes + 1
    return (x[None] if single else x), single


def require_weight(operation: str, axes: int, x: Tensor, weight: Any) -> None:
    require_float_array(operation, weight)
    if weight.ndim != axes + 2 or 0 in weight.shape:
        raise ShapeError(
            operation, "the weight is no set of filters", got=f"weight {weight.shape}",
            wanted=f"{axes + 2} axes, none of length 0: filters, channels and the {axes} of x",
        )  # fmt: skip
    if weight.dtype != x.dtype:
        raise DtypeError(
            operation, "x and the weight are of different types",
            got=f"{describe(x)} and {describe(weight)}", wanted="one dtype: x.astype(weight.dtype)",
        )  # fmt: skip


def require_bias(operation: str, bias: Any, filters: int) -> None:
    if bias is not None and bias.shape != (filters,):
        raise ShapeError(
            operation, "there must be one bias for each filter", got=f"bias {bias.shape}",
            wanted=f"({filters},)",
        )  # fmt: skip
