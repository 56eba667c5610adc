"""Loading a saved state into a module: all of it, or an error that lists what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.errors import StateError
from tinygrad_tr.tables import aligned
from tinygrad_tr.tensor import Tensor


class Loaded(NamedTuple):
    """The paths that `load_state_dict` left alone; both are empty when it is strict."""

    missing: list[str]
    unexpected: list[str]


class LoadError(StateError):
    """A state that does not fit. `missing` and `unexpected` are lists of paths,
    `mismatched` is path -> (what the state has, what the module has).
    """

    def __init__(
        self, missing: list[str], unexpected: list[str], mismatched: dict[str, tuple[str, str]]
    ) -> None:
        self.missing, self.unexpected, self.mismatched = missing, unexpected, mismatched
        rows = [
            *((name, "missing", "", "") for name in missing),
            *((name, "unexpected", "", "") for name in unexpected),
            *((name, "mismatched", *both) for name, both in mismatched.items()),
        ]
        super().__init__(
            "load_state_dict",
            f"{len(missing)} missing, {len(unexpected)} unexpected, {len(mismatched)} mismatched",
            got="\n" + table([("name", "problem", "state", "module"), *rows]),
            wanted="the state of the same model"
            + ("" if mismatched else ", or strict=False to leave these alone"),
        )


def table(rows: list[tuple[str, str, str, str]]) -> str:
    """The rows as aligned lines."""
    return "\n".join("    " + line for line in aligned(rows, left=range(4)))


def as_numpy(value: Any) -> Any:
    """The array in a Tensor of ours, a tensor of PyTorch's, or anything NumPy takes."""
    if isinstance(value, Tensor):
        return value.numpy()
    if hasattr(value, "detach"):  # PyTorch's; NumPy has no bfloat16
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    return np.asarray(value)


def load(targets: Mapping[str, Tensor], state: Mapping[str, Any], strict: bool) -> Loaded:
    """Assign each value of the state to the target of its path, if all of them fit."""
    missing = [name for name in targets if name not in state]
    unexpected = [name for name in state if name not in targets]
    values = {name: as_numpy(state[name]) for name in targets if name in state}
    mismatched = {}
    first: dict[Tensor, str] = {}  # the path under which a shared target came first
    for name, value in values.items():
        target = targets[name]
        shared = first.setdefault(target, name)
        if value.shape != target.shape or loses_precision(value, target.dtype):
            mismatched[name] = (f"{value.shape} {value.dtype}", f"{target.shape} {target.dtype}")
        elif not same_numbers(value, values[shared]):
            mismatched[name] = ("other numbers", f"shared with {shared}")
    if mismatched or (strict and (missing or unexpected)):
        raise LoadError(missing, unexpected, mismatched)
    for name, value in values.items():
        targets[name].assign(value.astype(targets[name].dtype)[()])
    return Loaded(missing, unexpected)


def loses_precision(value: Any, dtype: Any) -> bool:
    """Whether some number of the array cannot be kept in the dtype."""
    if np.can_cast(value.dtype, dtype, "safe"):
        return False
    with np.errstate(all="ignore"):
        kept = value.astype(dtype).astype(value.dtype)
    return not same_numbers(kept, value)


def same_numbers(x: Any, y: Any) -> bool:
    return np.array_equal(x, y, equal_nan=x.dtype.kind == "f" == y.dtype.kind)
