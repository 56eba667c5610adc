"""Anomaly mode: the first operation that makes a NaN or an infinity out of finite numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.errors import AnomalyError


def check_finite(
    operation: str, direction: str, inputs: Sequence[Any], output: Any, line: str
) -> None:
    """In anomaly mode: raise if finite inputs made an output that is not."""
    outputs = output if isinstance(output, tuple) else (output,)
    if all(map(is_finite, outputs)) or not all(map(is_finite, inputs)):
        return
    ranges = ", ".join(range_of(x) for x in map(array_of, inputs) if np.size(x))
    raise AnomalyError(
        operation,
        f"the first number that is not finite, in the {direction} pass",
        got=f"finite inputs {ranges}" + (f"; recorded at {line}" if direction != "forward" else ""),
        wanted="a finite result",
    )


def refuse_anomaly(node: Any, g: Any, gradients: Sequence[Any]) -> None:
    """In anomaly mode: raise if a finite gradient became one that is not."""
    for gx in gradients:
        check_finite(f"backward of {node.rule.name}", "backward", [g], gx, node.line or "")


def array_of(x: Any) -> Any:
    """The numbers of a Tensor, an array or a number; none for None and tuples of gradients."""
    x = getattr(x, "value", x)
    return np.empty(0) if x is None or isinstance(x, (list, tuple)) else x


def is_finite(x: Any) -> bool:
    return bool(np.isfinite(array_of(x)).all())


def range_of(x: Any) -> str:
    return f"{np.shape(x)} in [{np.min(x):.4g}, {np.max(x):.4g}]"
