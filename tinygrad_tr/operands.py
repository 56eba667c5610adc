"""What may stand beside a Tensor in an operation: plain numbers, lists and arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.errors import DtypeError, describe

PLAIN = frozenset({bool, int, float, type(None), np.float32, np.float64, np.int64, np.bool_})


def operand(rule: Any, x: Any) -> Any:
    """A plain input of a rule, as an array or number; lists follow the default dtype."""
    if isinstance(x, (np.ndarray, np.generic)):
        if x.dtype.kind in "fiub":
            return x
    elif isinstance(x, (list, tuple)):
        return as_array(x, rule.name)
    elif hasattr(x, "__array_namespace__"):
        return x  # another library's array, such as CuPy's
    raise DtypeError(
        rule.name,
        f"{describe(x)} is not a real number",
        got=describe(x),
        wanted="a Tensor, a NumPy array of floats, integers or booleans, or a number",
    )


class Defaults:
    """The dtype that Python numbers and lists become, and its scalar type."""

    dtype: np.dtype[Any] = np.dtype(np.float32)
    scalar: type = np.float32


def as_array(data: Any, operation: str, dtype: Any = None) -> Any:
    """Python numbers and nested lists of them as an array of the default dtype."""
    try:
        array = np.array(data)
    except ValueError:
        raise DtypeError(
            operation,
            "the list is ragged: its rows have different lengths",
            got=describe(data),
            wanted="nested lists of equal lengths",
        ) from None
    if array.dtype.kind not in "fiub":
        raise DtypeError(
            operation,
            f"cannot make a Tensor of {array.dtype.name} values",
            got=describe(data),
            wanted="real numbers or booleans",
        )
    if dtype is not None or array.dtype.kind == "b":
        return array if dtype is None else array.astype(dtype)
    converted = array.astype(Defaults.dtype)
    if array.dtype.kind in "iu" and not np.array_equal(converted.astype(array.dtype), array):
        raise DtypeError(
            operation,
            f"integers too large to be kept exactly in {Defaults.dtype}",
            got=describe(data),
            wanted="smaller numbers, or dtype= given, such as np.int64 or np.float64",
        )
    return converted
