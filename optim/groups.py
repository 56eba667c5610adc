"""Parameter groups: which Tensors an optimizer moves, and with which options."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, GraphError, describe
from tinygrad_tr.tensor import Tensor


def number(value: Any, low: float = -math.inf, below: float = math.inf) -> float:
    """The value as a Python float, which takes the dtype of whatever it multiplies."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(
        value, (int, float, np.integer, np.floating)
    ):
        raise ValueError
    if not low <= value < below:
        raise ValueError
    return float(value)


def betas(value: Any) -> tuple[float, float]:
    if isinstance(value, str):
        raise ValueError
    first, second = value
    return number(first, 0, 1), number(second, 0, 1)


def switch(value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError
    return bool(value)


def at_least_zero(value: Any) -> float:
    return number(value, 0)


def fraction(value: Any) -> float:
    return number(value, 0, 1)


OPTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "lr": (at_least_zero, "a number ≥ 0"),
    "alpha": (fraction, "a number in [0, 1)"),
    "beta": (fraction, "a number in [0, 1)"),
    "betas": (betas, "two numbers in [0, 1)"),
    "dampening": (number, "a finite number"),
    "eps": (at_least_zero, "a number ≥ 0"),
    "momentum": (at_least_zero, "a number ≥ 0"),
    "weight_decay": (at_least_zero, "a number ≥ 0"),
    "amsgrad": (switch, "True or False"),
    "centered": (switch, "True or False"),
    "dampen": (switch, "True or False"),
    "maximize": (switch, "True or False"),
    "nesterov": (switch, "True or False"),
}
"""What each option may be, whichever algorithm has it."""

# Whether these are on decides which arrays the state of a parameter holds.
STRUCTURAL = frozenset({"amsgrad", "centered", "momentum"})


def checked(operation: str, name: str, value: Any) -> Any:
    """An option's value, in the form that updates use."""
    check, wanted = OPTIONS[name]
    try:
        return check(value)
    except (TypeError, ValueError):
        raise ArgumentError(
            operation, f"{name} has no such value", got=f"{name}={value!r}", wanted=wanted
        ) from None


class Slot:
    """The place of one parameter in an optimizer.

    `array` is what the last step changed, None before the first: for the formula `p`, and
    `kept` what is kept for it, without their shape if they are `flat`.
    """

    __slots__ = (
        "array", "dtype", "flat", "kept", "kind", "name", "p", "shape", "state", "tensor",
    )  # fmt: skip

    def __init__(self, name: str, tensor: Tensor) -> None:
        self.name, self.tensor = name, tensor
        self.shape, self.dtype, self.kind = tensor.shape, tensor.dtype, tensor.dtype.type
        self.state: dict[str, Any] = {}
        self.array: Any = None
        self.p: Any = None
        self.kept: list[Any] = []
        self.flat = False


class Group(dict[str, Any]):
    """The options of some parameters, by name, and the Tensors themselves under "params".

    `group["lr"] = 0.01` changes an option between steps; the value is checked. `lr0` is the
    learning rate that was given so, at first or later: schedules begin with it.
    """

    def __init__(self, owner: str, slots: list[Slot], options: Mapping[str, Any]) -> None:
        super().__init__({name: checked(owner, name, value) for name, value in options.items()})
        super().__setitem__("params", [slot.tensor for slot in slots])
        self.owner, self.slots = owner, slots
        self.lr0 = self["lr"]

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, self.checked(name, value))
        self.lr0 = self["lr"] if name == "lr" else self.lr0

    def schedule(self, lr: float) -> None:
        """Use another learning rate for now; lr0 stays."""
        super().__setitem__("lr", self.checked("lr", lr))

    def checked(self, name: str, value: Any) -> Any:
        """A new value for an option, in the form that updates use."""
        options = self.options()
        if name not in options:
            raise ArgumentError(
                self.owner, f"{name!r} is not an option", got=f"{name}={value!r}",
                wanted=", ".join(options),
            )  # fmt: skip
        value = checked(self.owner, name, value)
        if name in STRUCTURAL and bool(value) != bool(self[name]):
            raise ArgumentError(
                self.owner, f"{name} cannot be switched on or off later",
                got=f"{name}={value!r} after {self[name]!r}", wanted="a new optimizer",
            )  # fmt: skip
        return value

    def options(self) -> dict[str, Any]:
        """The options without the parameters."""
        return {name: value for name, value in self.items() if name != "params"}


def pairs_of(operation: str, params: Any, start: int) -> list[tuple[str, Tensor]]:
    """(name, Tensor) for each parameter given; unnamed ones are numbered from `start`.

    A list of Tensors or of pairs, or a generator such as model.named_parameters().
    """
    wanted = "model.parameters(), model.named_parameters(), a list of Tensors or of groups"
    if isinstance(params, (Tensor, Mapping, str)) or not isinstance(params, Iterable):
        raise ArgumentError(
            operation, "the parameters must be an iterable", got=describe(params), wanted=wanted
        )
    pairs = []
    for position, entry in enumerate(params, start):
        named = isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], str)
        name, tensor = entry if named else (str(position), entry)
        if not isinstance(tensor, Tensor):
            raise ArgumentError(
                operation, f"parameter {name!r} is not a Tensor", got=describe(tensor),
                wanted=wanted,
            )  # fmt: skip
        pairs.append((name, tensor))
    if not pairs:
        raise ArgumentError(
            operation, "there are no parameters to change",
            got="an empty list, or a generator that was used up before", wanted=wanted,
        )  # fmt: skip
    return pairs


def refuse_unfit(operation: str, name: str, tensor: Tensor) -> None:
    """Raise unless the Tensor is something that gradients can move."""
    if tensor.node is not None:
        raise GraphError(
            operation, f"parameter {name!r} is the result of {tensor.node.rule.name}",
            got=describe(tensor),
            wanted="a leaf: a Tensor made with requires_grad=True, not computed from others",
        )  # fmt: skip
    if tensor.dtype.kind != "f":
        raise DtypeError(
            operation, f"parameter {name!r} cannot have a gradient", got=describe(tensor),
            wanted="a floating-point Tensor",
        )  # fmt: skip
