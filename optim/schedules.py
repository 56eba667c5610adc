"""What learning-rate schedules share: the rate is a pure function of the epoch.

    schedule = tt.optim.CosineAnnealingLR(optimizer, T_max=100)
    for epoch in range(100):
        ...
        schedule.step()

The formulas are in decays.py and cycles.py. The one that listens to the training instead of
counting epochs is in plateau.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tinygrad_tr.arguments import is_whole, within
from tinygrad_tr.errors import ArgumentError, StateError, describe
from tinygrad_tr.modes import outside
from tinygrad_tr.optim.groups import number
from tinygrad_tr.optim.optimizer import Optimizer


class LRScheduler:
    """Something that sets the learning rates of an optimizer."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.kind = type(self).__name__
        require_optimizer(self.kind, optimizer)
        self.optimizer = optimizer

    def get_last_lr(self) -> list[float]:
        """The learning rates in use, one for each group."""
        return [group["lr"] for group in self.optimizer.param_groups]


class Schedule(LRScheduler):
    """Sets the learning rate of each group to `rate(lr₀, epoch)`, from epoch 0 on.

    lr₀ is the rate that the group was given, not what another schedule made of it. Call
    `step()` after each epoch, or after each mini-batch if that is the unit meant: then what is
    called an epoch here is a mini-batch. As `rate` is pure, the epoch and lr₀ are all there is
    to save, and schedules can be put one after another or on top of each other.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        super().__init__(optimizer)
        self.base_lrs: list[float] = [group.lr0 for group in optimizer.param_groups]
        self.go_to(0)

    def rate(self, lr0: float, epoch: int) -> float:
        """The learning rate in an epoch, for a group that was given lr₀."""
        raise NotImplementedError

    def rates(self, base_lrs: Sequence[float], epoch: int) -> list[float]:
        """The learning rate of each group in an epoch, from the rates that were given."""
        return [self.rate(lr0, epoch) for lr0 in base_lrs]

    @outside
    def step(self) -> None:
        """Go on to the next epoch."""
        if self.get_last_lr() != self.set_lrs:
            raise ArgumentError(
                f"{self.kind}.step", "something else changed the learning rate",
                got=f"lr={self.get_last_lr()}, where the schedule had set {self.set_lrs}",
                wanted="one schedule at a time; a new one after a change by hand",
            )  # fmt: skip
        self.go_to(self.epoch + 1)

    def go_to(self, epoch: int) -> None:
        """Set the rates of an epoch; an error changes nothing."""
        rates = self.rates(self.base_lrs, epoch)
        for lr in rates:
            refuse_rate(self.kind, epoch, lr)
        self.epoch = epoch
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group.schedule(lr)
        self.set_lrs = self.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """What continuing needs: the epoch, and the rates at the start."""
        return {"epoch": self.epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict()` was taken, and set the learning rates of that epoch."""
        groups = self.optimizer.param_groups
        if saved.keys() != {"epoch", "base_lrs"} or len(saved["base_lrs"]) != len(groups):
            raise StateError(
                f"{self.kind}.load_state_dict", "not the state of this schedule",
                got=describe(dict(saved)),
                wanted=f"an epoch, and base_lrs for {len(groups)} groups",
            )  # fmt: skip
        self.base_lrs = [float(lr0) for lr0 in saved["base_lrs"]]
        self.go_to(int(saved["epoch"]))
        for group, lr0 in zip(groups, self.base_lrs, strict=True):
            group.lr0 = lr0


class SequentialLR(Schedule):
    """One schedule after another: each starts again at epoch 0 when its milestone is reached.

    A warm-up of 5 epochs, for example:

        warmup = LinearLR(optimizer, start_factor=0.1, total_iters=5)
        cosine = CosineAnnealingLR(optimizer, T_max=95)
        schedule = SequentialLR(optimizer, [warmup, cosine], milestones=[5])
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Iterable[Schedule], milestones: Iterable[int]
    ) -> None:
        self.schedulers = parts("SequentialLR", schedulers, optimizer)
        self.milestones = increasing("SequentialLR", "milestones", milestones, empty=True)
        if len(self.milestones) != len(self.schedulers) - 1:
            raise ArgumentError(
                "SequentialLR", "a milestone is where one schedule follows another",
                got=f"{len(self.schedulers)} schedules, {len(self.milestones)} milestones",
                wanted="one milestone less than schedules",
            )  # fmt: skip
        super().__init__(optimizer)

    def rates(self, base_lrs: Sequence[float], epoch: int) -> list[float]:
        index = sum(milestone <= epoch for milestone in self.milestones)
        start = self.milestones[index - 1] if index else 0
        return self.schedulers[index].rates(base_lrs, epoch - start)


class ChainedScheduler(Schedule):
    """Schedules on top of each other: the rate of one is the lr₀ of the next.

    Of schedules that multiply lr₀ by a factor, that is the product of the factors.
    """

    def __init__(self, schedulers: Iterable[Schedule], optimizer: Optimizer | None = None) -> None:
        self.schedulers = parts("ChainedScheduler", schedulers, optimizer)
        super().__init__(self.schedulers[0].optimizer)

    def rates(self, base_lrs: Sequence[float], epoch: int) -> list[float]:
        lrs = list(base_lrs)
        for part in self.schedulers:
            lrs = part.rates(lrs, epoch)
        return lrs


def parts(operation: str, given: Any, optimizer: Optimizer | None) -> list[Schedule]:
    """Schedules that can be put together: of one optimizer, and functions of the epoch alone."""
    wanted = "schedules of one optimizer, whose rate is a function of the epoch"
    schedules = list(given) if isinstance(given, Iterable) else [given]
    for part in schedules:
        if not isinstance(part, Schedule):
            raise ArgumentError(
                operation, "not a schedule that can be a part", got=describe(part), wanted=wanted
            )
        if getattr(part, "cycle_momentum", False):
            raise ArgumentError(
                operation, f"{part.kind} as a part would leave the momentum where it is",
                got="cycle_momentum=True", wanted="cycle_momentum=False",
            )  # fmt: skip
    optimizers = {id(optimizer)} if optimizer is not None else set()
    optimizers |= {id(part.optimizer) for part in schedules}
    if not schedules or len(optimizers) > 1:
        raise ArgumentError(
            operation, "the schedules have no optimizer in common",
            got=f"{len(schedules)} schedules, {len(optimizers)} optimizers", wanted=wanted,
        )  # fmt: skip
    return schedules


# ------------------------------------------------------------------ what arguments may be


def require_optimizer(operation: str, optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            operation, "not an optimizer", got=describe(optimizer), wanted="an Optimizer"
        )


def refuse_rate(operation: str, epoch: int, lr: Any) -> None:
    """Raise unless an optimizer can use the rate that a formula gave."""
    try:
        number(lr, 0)
    except ValueError:
        raise ArgumentError(
            operation, f"epoch {epoch} has a rate that no optimizer can use", got=f"lr={lr!r}",
            wanted="a finite number ≥ 0",
        ) from None  # fmt: skip


def increasing(operation: str, name: str, values: Any, *, empty: bool = False) -> list[int]:
    """Epochs from 1 on, each later than the one before, at least one unless `empty`."""
    epochs = list(values) if isinstance(values, Iterable) else [values]
    fit = all(map(is_whole, epochs)) and all(a < b for a, b in pairwise([0, *epochs]))
    if not fit or not (epochs or empty):
        raise ArgumentError(
            operation, f"{name} are epochs in the order in which they come",
            got=f"{name}={epochs!r}", wanted="rising integers ≥ 1",
        )  # fmt: skip
    return [int(epoch) for epoch in epochs]


def per_group(operation: str, name: str, value: Any, optimizer: Optimizer) -> list[float]:
    """Rates ≥ 0, one for each group of the optimizer, from a list of them or one for all."""
    require_optimizer(operation, optimizer)
    groups = len(optimizer.param_groups)
    given = list(value) if isinstance(value, (list, tuple)) else [value] * groups
    if len(given) != groups:
        raise ArgumentError(
            operation, f"{name} is one number, or one for each parameter group",
            got=f"{len(given)} numbers", wanted=f"{groups}",
        )  # fmt: skip
    return [within(operation, name, rate, 0) for rate in given]
