"""Learning rates that fall (or rise, to warm up) along a formula. Course 2, week 2."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from tinygrad_tr.arguments import positive, whole, within
from tinygrad_tr.errors import ArgumentError, describe
from tinygrad_tr.optim.optimizer import Optimizer
from tinygrad_tr.optim.schedules import Schedule, increasing, require_optimizer


class LambdaLR(Schedule):
    """lr₀·f(epoch), with one function for all groups or a list of one for each."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Iterable[Callable[[int], float]],
    ) -> None:
        require_optimizer("LambdaLR", optimizer)
        groups = len(optimizer.param_groups)
        self.lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lambdas) != groups:
            raise ArgumentError(
                "LambdaLR", "as many functions as parameter groups are needed",
                got=f"{len(self.lambdas)} functions", wanted=f"{groups}",
            )  # fmt: skip
        super().__init__(optimizer)

    def rates(self, base_lrs: Sequence[float], epoch: int) -> list[float]:
        pairs = zip(base_lrs, self.lambdas, strict=True)
        return [lr0 * factor(epoch) for lr0, factor in pairs]


class ManualLR(Schedule):
    """A table {epoch: rate}: each rate from its epoch on, and lr₀ before the first.

    What one decides by hand while a training runs for days. Course 2, week 2.
    """

    def __init__(self, optimizer: Optimizer, table: Mapping[int, float]) -> None:
        if not isinstance(table, Mapping) or not table:
            raise ArgumentError(
                "ManualLR", "the table holds no rates", got=describe(table),
                wanted="{epoch: rate, ...}, at least one",
            )  # fmt: skip
        checked = {
            whole("ManualLR", "epoch", epoch, 0): within("ManualLR", "rate", lr, 0)
            for epoch, lr in table.items()
        }
        self.table = dict(sorted(checked.items()))
        super().__init__(optimizer)

    def rate(self, lr0: float, epoch: int) -> float:
        reached = [lr for start, lr in self.table.items() if start <= epoch]
        return reached[-1] if reached else lr0


class StepLR(Schedule):
    """lr₀·γ^⌊epoch / step_size⌋: the staircase. Course 2, week 2."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size = whole("StepLR", "step_size", step_size)
        self.gamma = within("StepLR", "gamma", gamma, 0)
        super().__init__(optimizer)

    def rate(self, lr0: float, epoch: int) -> float:
        return lr0 * self.gamma ** (epoch // self.step_size)


class MultiStepLR(Schedule):
    """lr₀·γⁿ, where n of the milestones have been reached: a staircase of uneven steps."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        self.milestones = increasing("MultiStepLR", "milestones", milestones)
        self.gamma = within("MultiStepLR", "gamma", gamma, 0)
        super().__init__(optimizer)

    def rate(self, lr0: float, epoch: int) -> float:
        return lr0 * self.gamma ** sum(milestone <= epoch for milestone in self.milestones)


class ExponentialLR(Schedule):
    """lr₀·γ^epoch. Course 2, week 2, has γ = 0.95."""

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


class InverseSqrtLR(Schedule):
    """k·lr₀ / √(epoch + 1). Course 2, week 2.

    The course writes k / √epoch and counts from 1, where this library counts from 0: the first
    epoch has the rate k·lr₀ in both. Its k / √t, t the number of the mini-batch, is the same
    with `step()` after each mini-batch.
    """

    def __init__(self, optimizer: Optimizer, k: float = 1) -> None:
        self.k = positive("InverseSqrtLR", "k", k)
        super().__init__(optimizer)

    def rate(self, lr0: float, epoch: int) -> float:
        return self.k * lr0 / math.sqrt(epoch + 1)


class PolynomialLR(Schedule):
    """lr₀·(1 − epoch / total_iters)^power: down to 0 in total_iters epochs, where it stays."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0) -> None:
        self.total_iters = whole("PolynomialLR", "total_iters", total_iters)
        self.power = within("PolynomialLR", "power", power, 0)
        super().__init__(optimizer)

    def rate(self, lr0: float, epoch: int) -> float:
        left = 1 - min(epoch / self.total_iters, 1)
        return lr0 * left**self.power


class ConstantLR(Schedule):
    """lr₀·factor for total_iters epochs, then lr₀: the simplest warm-up."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5) -> None:
        self.factor = within("ConstantLR", "factor", factor, 0, 1)
        self.total_iters = whole("ConstantLR", "total_iters", total_iters)
        super().__init__(optimizer)

    def rate(self, lr0: float, epoch: int) -> float:
        return lr0 * self.factor if epoch < self.total_iters else lr0


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
        return half_cosine(lr0, self.eta_min, epoch / self.T_max)


def half_cosine(start: float, end: float, share: float) -> float:
    """end + (start − end)(1 + cos(π·share)) / 2: from start to end while share goes from 0 to 1."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
