"""Learning-rate schedules: the rate as a function of the epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tinygrad_tr.errors import ArgumentError, StateError, describe
from tinygrad_tr.optim.groups import number
from tinygrad_tr.optim.optimizer import Optimizer


class Schedule:
    """Sets the learning rate of each group to `rate(lr₀, epoch)`, from epoch 0 on.

    lr₀ is the rate that the group had when the schedule was made. Call `step()` after each
    epoch, or after each mini-batch if that is the unit meant.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.kind = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(
                self.kind, "not an optimizer", got=describe(optimizer), wanted="an Optimizer"
            )
        self.optimizer = optimizer
        self.epoch = 0
        self.base_lrs: list[float] = [group["lr"] for group in optimizer.param_groups]
        self.set_rates()

    def rate(self, lr0: float, epoch: int) -> float:
        """The learning rate in an epoch, for a group that started with lr₀."""
        raise NotImplementedError

    def rates(self) -> list[float]:
        """The learning rate of each group now."""
        return [self.rate(lr0, self.epoch) for lr0 in self.base_lrs]

    def step(self) -> None:
        """Go on to the next epoch."""
        if self.get_last_lr() != self.set_lrs:
            raise ArgumentError(
                f"{self.kind}.step", "something else changed the learning rate",
                got=f"lr={self.get_last_lr()}, where the schedule had set {self.set_lrs}",
                wanted="one schedule at a time; a new one after a change by hand",
            )  # fmt: skip
        self.epoch += 1
        self.set_rates()

    def set_rates(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.rates(), strict=True):
            group["lr"] = lr
        self.set_lrs = self.get_last_lr()

    def get_last_lr(self) -> list[float]:
        """The learning rates in use, one for each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What continuing needs: the epoch, and the rates at the start."""
        return {"epoch": self.epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict()` was taken, and set the learning rates of that epoch."""
        groups = len(self.base_lrs)
        if saved.keys() != {"epoch", "base_lrs"} or len(saved["base_lrs"]) != groups:
            raise StateError(
                f"{self.kind}.load_state_dict", "not the state of this schedule",
                got=describe(dict(saved)), wanted=f"an epoch, and base_lrs for {groups} groups",
            )  # fmt: skip
        self.epoch, self.base_lrs = int(saved["epoch"]), list(saved["base_lrs"])
        self.set_rates()


class LambdaLR(Schedule):
    """lr₀·f(epoch), with one function for all groups or a list of one for each."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Iterable[Callable[[int], float]],
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lambdas) != groups:
            raise ArgumentError(
                "LambdaLR", "as many functions as parameter groups are needed",
                got=f"{len(self.lambdas)} functions", wanted=f"{groups}",
            )  # fmt: skip
        super().__init__(optimizer)

    def rates(self) -> list[float]:
        pairs = zip(self.base_lrs, self.lambdas, strict=True)
        return [lr0 * factor(self.epoch) for lr0, factor in pairs]


class StepLR(Schedule):
    """lr₀·γ^⌊epoch / step_size⌋: a stair."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size = whole("StepLR", "step_size", step_size)
        self.gamma = within("StepLR", "gamma", gamma, 0)
        super().__init__(optimizer)

    def rate(self, lr0: float, epoch: int) -> float:
        return lr0 * self.gamma ** (epoch // self.step_size)


class MultiStepLR(Schedule):
    """lr₀·γⁿ, where n of the milestones have been reached."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        self.milestones = [whole("MultiStepLR", "milestones", epoch) for epoch in milestones]
        self.gamma = within("MultiStepLR", "gamma", gamma, 0)
        super().__init__(optimizer)

    def rate(self, lr0: float, epoch: int) -> float:
        return lr0 * self.gamma ** sum(milestone <= epoch for milestone in self.milestones)


class ExponentialLR(Schedule):
    """lr₀·γ^epoch. Course 2, week 2."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = within("ExponentialLR", "gamma", gamma, 0)
        super().__init__(optimizer)

    def rate(self, lr0: float, epoch: int) -> float:
        return lr0 * self.gamma**epoch


class InverseTimeLR(Schedule):
    """lr₀ / (1 + decay·epoch). Course 2, week 2."""

    def __init__(self, optimizer: Optimizer, decay: float = 1) -> None:
        self.decay = within("InverseTimeLR", "decay", decay, 0)
        super().__init__(optimizer)

    def rate(self, lr0: float, epoch: int) -> float:
        return lr0 / (1 + self.decay * epoch)


class LinearLR(Schedule):
    """lr₀·f, with f rising evenly from start_factor to end_factor in total_iters epochs: warm-up.

    Afterwards f stays. Goyal et al., Accurate, large minibatch SGD, 2017.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        self.start_factor = within("LinearLR", "start_factor", start_factor, 0, 1)
        self.end_factor = within("LinearLR", "end_factor", end_factor, 0, 1)
        self.total_iters = whole("LinearLR", "total_iters", total_iters)
        super().__init__(optimizer)

    def rate(self, lr0: float, epoch: int) -> float:
        done = min(epoch / self.total_iters, 1)
        return lr0 * (self.start_factor + (self.end_factor - self.start_factor) * done)


class CosineAnnealingLR(Schedule):
    """η + (lr₀ − η)(1 + cos(π·epoch / T_max)) / 2: from lr₀ down to η = eta_min, and back.

    Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, 2017.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max = whole("CosineAnnealingLR", "T_max", T_max)
        self.eta_min = within("CosineAnnealingLR", "eta_min", eta_min, 0)
        super().__init__(optimizer)

    def rate(self, lr0: float, epoch: int) -> float:
        height = (1 + math.cos(math.pi * epoch / self.T_max)) / 2
        return self.eta_min + (lr0 - self.eta_min) * height


def whole(operation: str, name: str, value: Any) -> int:
    """A number of epochs, at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(
            operation, f"{name} counts epochs", got=f"{name}={value!r}", wanted="an integer ≥ 1"
        )
    return value


def within(operation: str, name: str, value: Any, low: float, high: float = math.inf) -> float:
    """A finite number in [low, high]."""
    try:
        return number(value, low, math.nextafter(high, math.inf))
    except ValueError:
        wanted = f"a number ≥ {low}" if high == math.inf else f"a number in [{low}, {high}]"
        raise ArgumentError(
            operation, f"{name} has no such value", got=f"{name}={value!r}", wanted=wanted
        ) from None
