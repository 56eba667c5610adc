"""Layers that put a border around x, as PyTorch names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tinygrad_tr.arguments import is_whole
from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.tensor import Tensor

from . import functional as F
from .module import Module


class Border(Module):
    """A border around the last axes of (N, C, *) or (C, *).

    `padding` is one width, or (before, after) of the last axis, then of the one before it, and
    so on; see nn.functional.pad.
    """

    axes: ClassVar[int]
    mode: ClassVar[str]
    value: float | None = None

    def __init__(self, padding: int | Sequence[int]) -> None:
        widths: Any = (padding,) * (2 * self.axes) if is_whole(padding) else padding
        if not isinstance(widths, Sequence) or len(widths) != 2 * self.axes:
            raise ArgumentError(
                type(self).__name__, "the widths do not fit", got=f"{padding=}",
                wanted=f"a number, or {2 * self.axes} of them",
            )  # fmt: skip
        self.padding: tuple[int, ...] = tuple(widths)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}"


class ConstantPad(Border):
    mode = "constant"

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(ConstantPad):
    __doc__ = f"Around one axis, one value. {Border.__doc__}"
    axes = 1


class ConstantPad2d(ConstantPad):
    __doc__ = f"Around two axes, one value. {Border.__doc__}"
    axes = 2


class ConstantPad3d(ConstantPad):
    __doc__ = f"Around three axes, one value. {Border.__doc__}"
    axes = 3


class ZeroPad1d(Border):
    __doc__ = f"Around one axis, zeros. {Border.__doc__}"
    axes = 1
    mode = "constant"


class ZeroPad2d(Border):
    __doc__ = f"Around two axes, zeros. {Border.__doc__}"
    axes = 2
    mode = "constant"


class ZeroPad3d(Border):
    __doc__ = f"Around three axes, zeros. {Border.__doc__}"
    axes = 3
    mode = "constant"


class ReflectionPad1d(Border):
    __doc__ = f"Around one axis, what lies inside, mirrored without the edge. {Border.__doc__}"
    axes = 1
    mode = "reflect"


class ReflectionPad2d(Border):
    __doc__ = f"Around two axes, what lies inside, mirrored without the edge. {Border.__doc__}"
    axes = 2
    mode = "reflect"


class ReflectionPad3d(Border):
    __doc__ = f"Around three axes, what lies inside, mirrored without the edge. {Border.__doc__}"
    axes = 3
    mode = "reflect"


class ReplicationPad1d(Border):
    __doc__ = f"Around one axis, the edge, repeated. {Border.__doc__}"
    axes = 1
    mode = "replicate"


class ReplicationPad2d(Border):
    __doc__ = f"Around two axes, the edge, repeated. {Border.__doc__}"
    axes = 2
    mode = "replicate"


class ReplicationPad3d(Border):
    __doc__ = f"Around three axes, the edge, repeated. {Border.__doc__}"
    axes = 3
    mode = "replicate"


class CircularPad1d(Border):
    __doc__ = f"Around one axis, what lies at the other end. {Border.__doc__}"
    axes = 1
    mode = "circular"


class CircularPad2d(Border):
    __doc__ = f"Around two axes, what lies at the other end. {Border.__doc__}"
    axes = 2
    mode = "circular"


class CircularPad3d(Border):
    __doc__ = f"Around three axes, what lies at the other end. {Border.__doc__}"
    axes = 3
    mode = "circular"
