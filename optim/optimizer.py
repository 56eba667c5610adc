"""What all optimizers share: parameter groups, state, and the step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, describe
from tinygrad_tr.kernels import compiled, formulas
from tinygrad_tr.kernels.formulas import formula
from tinygrad_tr.modes import outside
from tinygrad_tr.optim import saving
from tinygrad_tr.optim.groups import Group, Slot, checked, pairs_of, refuse_unfit
from tinygrad_tr.tensor import Tensor

Array = np.ndarray[Any, Any]


@formula
def descent(p: Any, g: Any, decay: float, uphill: float) -> Any:
    """g + λp, the gradient of loss + λ/2 ‖p‖²; −g + λp to maximize."""
    if uphill:
        g = -g
    if decay:
        g = g + decay * p
    return g


class Optimizer:
    """Changes parameters in place, so that a loss falls.

    `params` is an iterable of Tensors, of (name, Tensor) pairs such as
    `model.named_parameters()`, or of groups `{"params": ..., "lr": ...}` whose options go
    before the constructor's. A parameter without a gradient is skipped.

    An algorithm is a `formula`, written once for NumPy and for compiled loops (see
    kernels/formulas.py), and two methods: which arrays it keeps for a parameter, and the
    numbers of a step.
    """

    formula: Callable[..., None]
    """formula(i, p, g, *kept, *numbers): change p, and what is kept for it, at the places i."""

    def __init__(self, params: Iterable[Any], **options: Any) -> None:
        self.kind = type(self).__name__
        self.defaults = {name: checked(self.kind, name, given) for name, given in options.items()}
        self.param_groups: list[Group] = []
        if isinstance(params, Iterator):
            params = list(params)
        if isinstance(params, (list, tuple)) and params and isinstance(params[0], Mapping):
            for group in params:
                self.add_param_group(group)
        else:
            self.add_param_group({"params": params})

    # ------------------------------------------------------------------ an algorithm

    def kept(self, group: Group) -> dict[str, bool]:
        """Whether each array of the formula is kept from step to step, for options like these."""
        raise NotImplementedError

    def numbers(self, group: Mapping[str, Any], k: int) -> tuple[float, ...]:
        """The numbers of the formula in the k-th step of a parameter, k = 1, 2, ..."""
        raise NotImplementedError

    def by_rows(self, group: Group) -> bool:
        """Whether a number stays where it is while its gradient is 0.

        Then only the rows that have a gradient are looked at, if it is kept by rows.
        """
        return False

    def refuse(self, options: Mapping[str, Any]) -> None:
        """Raise if the options of a group contradict each other."""

    # ------------------------------------------------------------------ using it

    @outside
    def step(self) -> None:
        """Change every parameter that has a gradient."""
        self.change(compiled.SMALLEST)

    def change(self, least: int) -> None:
        """One step, in compiled loops from `least` numbers on."""
        changes: list[formulas.Arguments] = []
        replaced: list[Slot] = []
        for group in self.param_groups:
            by_rows = self.by_rows(group)
            numbers: dict[Any, tuple[Any, ...]] = {}
            for slot in group.slots:
                tensor = slot.tensor
                rows = tensor.grad_rows if by_rows else None
                grad = tensor.grad if rows is None else None
                if grad is None and rows is None:
                    continue
                if tensor.value is not slot.array:
                    self.fit(slot, group)
                    if tensor.value is not slot.array:
                        replaced.append(slot)
                slot.state["step"] = k = slot.state["step"] + 1
                made = numbers.get((k, slot.kind))
                if made is None:
                    made = numbers[k, slot.kind] = tuple(map(slot.kind, self.numbers(group, k)))
                if grad is None:
                    self.change_rows(slot, rows, made)
                elif slot.flat:
                    changes.append((slot.p, grad.value.ravel(), *slot.kept, *made))
                else:
                    self.formula(..., slot.p, grad.value, *slot.kept, *made)
                tensor.touch()
        formulas.run(self.formula, changes, least)
        for slot in replaced:
            slot.tensor.value = slot.array[()]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for slot in self.slots():
            slot.tensor.grad = None

    def minimize(self, closure: Callable[[], Tensor]) -> Tensor:
        """One step down the loss that `closure` computes; returns the loss before the step.

        To the last bit the same as zero_grad(), closure().backward(), step() by hand.
        """
        self.zero_grad()
        loss = closure()
        if not isinstance(loss, Tensor):
            raise ArgumentError(
                f"{self.kind}.minimize", "the closure returned no loss", got=describe(loss),
                wanted="a function without arguments that returns a Tensor of one number",
            )  # fmt: skip
        loss.backward()
        self.step()
        return loss

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Take in more parameters: `{"params": ..., option: value}`."""
        if not isinstance(group, Mapping) or "params" not in group:
            raise ArgumentError(
                self.kind, "not a parameter group", got=describe(group),
                wanted='{"params": ..., option: value}',
            )  # fmt: skip
        given = {name: value for name, value in group.items() if name != "params"}
        for name, value in given.items():
            if name not in self.defaults:
                raise ArgumentError(
                    self.kind, f"{name!r} is not an option", got=f"{name}={value!r}",
                    wanted=", ".join(self.defaults),
                )  # fmt: skip
        names = {slot.name for slot in self.slots()}
        tensors = {id(slot.tensor) for slot in self.slots()}
        slots = []
        for name, tensor in pairs_of(self.kind, group["params"], start=len(names)):
            refuse_unfit(self.kind, name, tensor)
            if id(tensor) in tensors or name in names:
                twice = "was given twice" if id(tensor) in tensors else "shares its name"
                raise ArgumentError(
                    self.kind, f"parameter {name!r} {twice}", got=describe(tensor),
                    wanted="each parameter once, each under a name of its own",
                )  # fmt: skip
            names.add(name)
            tensors.add(id(tensor))
            slots.append(Slot(name, tensor))
        made = Group(self.kind, slots, {**self.defaults, **given})
        self.refuse(made)
        self.param_groups.append(made)

    def state_dict(self) -> dict[str, Any]:
        """What continuing needs beside the parameters: copied arrays, numbers and names."""
        return saving.state_of(self)

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue, bit for bit, where `state_dict()` was taken. An error changes nothing."""
        saving.load(self, saved)

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            count = sum(slot.tensor.size for slot in group.slots)
            options = ", ".join(f"{name}={value!r}" for name, value in group.options().items())
            lines.append(f"{len(group.slots)} parameters of {count:,} numbers, {options}")
        inside = lines[0] if len(lines) == 1 else "".join(f"\n  {line}" for line in lines) + "\n"
        return f"{self.kind}({inside})"

    # ------------------------------------------------------------------ inside a step

    def fit(self, slot: Slot, group: Group) -> None:
        """Set out the arrays of a parameter: its own memory, and what is kept for it.

        An array to replace it by, if it cannot be written to, as NumPy's numbers and read-only
        arrays cannot.
        """
        value = slot.tensor.value
        if value.dtype != slot.dtype or value.shape != slot.shape:
            raise DtypeError(
                f"{self.kind}.step", f"parameter {slot.name!r} is another array than before",
                got=describe(slot.tensor), wanted=f"{slot.shape} {slot.dtype}, or a new optimizer",
            )  # fmt: skip
        writable = isinstance(value, np.ndarray) and value.flags.writeable
        slot.array = value if writable else np.array(value)
        slot.flat = slot.array.flags.c_contiguous
        slot.state = slot.state or {"step": 0, **self.init(slot.array, group)}
        slot.p, *slot.kept = (
            a.reshape(-1, copy=False) if slot.flat and a is not None else a
            for a in (slot.array, *map(slot.state.get, self.kept(group)))
        )

    def init(self, p: Array, group: Group) -> dict[str, Any]:
        """The arrays kept for a parameter before its first step: zeros."""
        return {name: np.zeros_like(p) for name, kept in self.kept(group).items() if kept}

    def change_rows(self, slot: Slot, rows: Any, numbers: tuple[Any, ...]) -> None:
        """One step of a table of which some rows have a gradient."""
        p = slot.array
        at, g = rows.summed()
        part = p[at]
        arguments = part.reshape(-1), g.reshape(-1), *slot.kept, *numbers
        formulas.run(self.formula, [arguments])
        p[at] = part

    def slots(self) -> Iterator[Slot]:
        """The places of all parameters, group by group."""
        return (slot for group in self.param_groups for slot in group.slots)
