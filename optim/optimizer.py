"""What all optimizers share: parameter groups, state, and the step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, describe
from tinygrad_tr.optim import in_place, saving
from tinygrad_tr.optim.groups import Group, Slot, checked, pairs_of, refuse_unfit
from tinygrad_tr.optim.in_place import Array
from tinygrad_tr.tensor import Tensor

State = dict[str, Any]


class Optimizer:
    """Changes parameters in place, so that a loss falls.

    `params` is an iterable of Tensors, of (name, Tensor) pairs such as
    `model.named_parameters()`, or of groups `{"params": ..., "lr": ...}` whose options go
    before the constructor's. A parameter without a gradient is skipped.

    An algorithm is two methods: `init`, the arrays it keeps for a parameter, and `update`,
    its formula. Both see plain arrays, never Tensors.
    """

    def __init__(self, params: Iterable[Any], **options: Any) -> None:
        self.kind = type(self).__name__
        self.defaults = {name: checked(self.kind, name, given) for name, given in options.items()}
        self.param_groups: list[Group] = []
        self.scratch: dict[np.dtype[Any], Array] = {}
        if isinstance(params, Iterator):
            params = list(params)
        if isinstance(params, (list, tuple)) and params and isinstance(params[0], Mapping):
            for group in params:
                self.add_param_group(group)
        else:
            self.add_param_group({"params": params})

    # ------------------------------------------------------------------ an algorithm

    def init(self, p: Array, group: Group) -> State:
        """The arrays kept from step to step for a parameter, in the shape and dtype of p."""
        raise NotImplementedError

    def update(self, p: Array, g: Array, state: State, group: Group, t: Array) -> None:
        """One step: change p and the arrays of the state in place; g is only read.

        `state["step"]` counts the steps of this parameter from 1, and `t` is scratch like p.
        The formula goes number by number: a large parameter comes in blocks.
        """
        raise NotImplementedError

    def descent(self, p: Array, g: Array, group: Group, out: Array) -> Array:
        """g + λp, the gradient of loss + λ/2 ‖p‖²; −g + λp to maximize. g itself if λ = 0."""
        decay, maximize = group["weight_decay"], group["maximize"]
        if decay:
            np.multiply(p, decay, out=out)
            return np.subtract(out, g, out=out) if maximize else np.add(out, g, out=out)
        return np.negative(g, out=out) if maximize else g

    def by_rows(self, group: Group) -> bool:
        """Whether a number stays where it is while its gradient is 0.

        Then only the rows that have a gradient are looked at, if it is kept by rows.
        """
        return False

    def refuse(self, options: Mapping[str, Any]) -> None:
        """Raise if the options of a group contradict each other."""

    # ------------------------------------------------------------------ using it

    def step(self) -> None:
        """Change every parameter that has a gradient."""
        for group in self.param_groups:
            for slot in group.slots:
                tensor = slot.tensor
                rows = tensor.grad_rows if self.by_rows(group) else None
                grad = tensor.grad if rows is None else None
                if grad is None and rows is None:
                    continue
                value = tensor.value
                p = value if value is slot.array else self.fit(slot, group)
                state = slot.state
                state["step"] += 1
                if grad is None:
                    self.update_rows(p, rows, state, group)
                else:
                    g = np.asarray(grad.value, order="C")
                    if slot.scratch is None:
                        self.update_in_blocks(p, g, state, group)
                    else:
                        t, out = slot.scratch
                        self.update(p, self.descent(p, g, group, out), state, group, t)
                if p is not value:
                    tensor.value = p[()]
                tensor.touch()

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
        self.scratch.clear()  # it may be too small now

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

    def fit(self, slot: Slot, group: Group) -> Array:
        """The array to change for a parameter; sets out its state and its scratch.

        The Tensor's own array, or a copy to replace it if it cannot be written to, as NumPy's
        numbers and read-only arrays cannot.
        """
        value = slot.tensor.value
        if value.dtype != slot.dtype or value.shape != slot.shape:
            raise DtypeError(
                f"{self.kind}.step", f"parameter {slot.name!r} is another array than before",
                got=describe(slot.tensor), wanted=f"{slot.shape} {slot.dtype}, or a new optimizer",
            )  # fmt: skip
        writable = isinstance(value, np.ndarray) and value.flags.writeable
        slot.array = value if writable else np.array(value)
        slot.state = slot.state or {"step": 0, **self.init(slot.array, group)}
        if value.size <= in_place.BLOCK:
            t, out = self.scratch_of(slot.dtype)[0, :, : value.size]
            slot.scratch = t.reshape(slot.shape), out.reshape(slot.shape)
        elif not value.flags.c_contiguous:  # cannot be cut into blocks
            slot.scratch = np.empty_like(value), np.empty_like(value)
        return slot.array

    def scratch_of(self, dtype: np.dtype[Any]) -> Array:
        """(threads, 2, length of a block): room for results on the way, shared by all slots."""
        if dtype not in self.scratch:
            largest = max(slot.tensor.size for slot in self.slots() if slot.dtype == dtype)
            threads = in_place.WORKERS if largest > in_place.BLOCK else 1
            self.scratch[dtype] = np.empty((threads, 2, min(largest, in_place.BLOCK)), dtype)
        return self.scratch[dtype]

    def update_in_blocks(self, p: Array, g: Array, state: State, group: Group) -> None:
        """One step of a parameter too large for the cache."""
        p, g = p.reshape(-1, copy=False), g.reshape(-1)
        kept = {name: a for name, a in state.items() if isinstance(a, np.ndarray)}
        arrays = {name: a.reshape(-1, copy=False) for name, a in kept.items()}

        def update(block: slice, scratch: Array) -> None:
            part = {**state, **{name: a[block] for name, a in arrays.items()}}
            t, out = scratch
            self.update(p[block], self.descent(p[block], g[block], group, out), part, group, t)

        in_place.in_blocks(update, p.size, self.scratch_of(p.dtype))

    def update_rows(self, p: Array, rows: Any, state: State, group: Group) -> None:
        """One step of a table of which some rows have a gradient."""
        at, g = rows.summed()
        part = p[at]
        t, out = np.empty((2, *g.shape), p.dtype)
        self.update(part, self.descent(part, g, group, out), state, group, t)
        p[at] = part

    def slots(self) -> Iterator[Slot]:
        """The places of all parameters, group by group."""
        return (slot for group in self.param_groups for slot in group.slots)
