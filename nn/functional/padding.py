"""Borders: `pad` with PyTorch's order and modes."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_tr.arguments import is_whole
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.rules import shape
from tinygrad_tr.tensor import Tensor

MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}  # NumPy's names


def pad(
    x: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """x with a border: `pad` is (before, after) of the last axis, then of the one before it, ...

    "constant" writes the value, 0 unless given; negative widths cut off. "reflect" mirrors
    without repeating the edge, "replicate" repeats it, "circular" goes on at the other end.
    """
    widths = tuple(pad)
    if len(widths) % 2 or not all(is_whole(n) for n in widths) or len(widths) > 2 * x.ndim:
        raise ArgumentError(
            "pad", "the widths do not fit", got=f"{pad=}, x {x.shape}",
            wanted="pairs of integers (before, after), the last axis first",
        )  # fmt: skip
    pairs = [(0, 0)] * (x.ndim - len(widths) // 2)
    pairs += reversed(list(zip(widths[::2], widths[1::2], strict=True)))
    if mode == "constant":
        return framed(x, pairs, 0 if value is None else value)
    if mode not in MODES or value is not None:
        raise ArgumentError(
            "pad", "no such mode" if mode not in MODES else "only a constant border has a value",
            got=f"{mode=}, {value=}", wanted=" or ".join(["constant", *MODES]),
        )  # fmt: skip
    most = {"reflect": -1, "replicate": float("inf"), "circular": 0}[mode]
    for n, (before, after) in zip(x.shape, pairs, strict=True):
        if min(before, after) < 0 or max(before, after) > n + most:
            raise ShapeError(
                "pad", f"a border that {mode} cannot make", got=f"x {x.shape}, {pad=}",
                wanted=f"widths ≥ 0 and, for axes of {n}, at most {n + most}",
            )  # fmt: skip
    out: Tensor = shape.pad(x, pairs, MODES[mode])
    return out


def framed(x: Tensor, pairs: Sequence[tuple[int, int]], value: float) -> Tensor:
    """A constant border where widths are positive; cut off where they are negative."""
    if any(n + before + after < 0 for n, (before, after) in zip(x.shape, pairs, strict=True)):
        raise ShapeError(
            "pad", "nothing is left", got=f"x {x.shape}, widths {list(pairs)}",
            wanted="to cut off less than there is",
        )  # fmt: skip
    if any(n < 0 for pair in pairs for n in pair):
        kept = [(max(-before, 0), max(-after, 0)) for before, after in pairs]
        x = x[tuple(slice(a, n - b) for n, (a, b) in zip(x.shape, kept, strict=True))]
    widths = [(max(before, 0), max(after, 0)) for before, after in pairs]
    if not any(n for pair in widths for n in pair):
        return x
    out: Tensor = shape.pad(x, widths, constant_values=value)
    return out
