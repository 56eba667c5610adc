"""Learning rates that rise and fall, once or again and again, and the momentum against them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from tinygrad_tr.arguments import positive, whole, within
from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.optim.decays import half_cosine
from tinygrad_tr.optim.optimizer import Optimizer
from tinygrad_tr.optim.schedules import Schedule, per_group


class CosineAnnealingWarmRestarts(Schedule):
    """η + (lr₀ − η)(1 + cos(π·t / T)) / 2, where t counts from 0 again after every T epochs.

    T is T₀, and T_mult times as long after each restart; η is eta_min.
    Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, 2017.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0
    ) -> None:
        self.T_0 = whole("CosineAnnealingWarmRestarts", "T_0", T_0)
        self.T_mult = whole("CosineAnnealingWarmRestarts", "T_mult", T_mult)
        self.eta_min = within("CosineAnnealingWarmRestarts", "eta_min", eta_min, 0)
        super().__init__(optimizer)

    def rate(self, lr0: float, epoch: int) -> float:
        t, T = epoch, self.T_0
        if self.T_mult == 1:
            t %= T
        while t >= T:
            t, T = t - T, T * self.T_mult
        return half_cosine(lr0, self.eta_min, t / T)


class MomentumCycle(Schedule):
    """A schedule that also moves the momentum: low where the rate is high.

    The momentum is `momentum` of SGD and RMSprop, `beta` of Momentum, and the first of `betas`
    of Adam. With `cycle_momentum=False` it is left alone.
    """

    def __init__(
        self, optimizer: Optimizer, cycle_momentum: bool, base_momentum: float, max_momentum: float
    ) -> None:
        kind = type(self).__name__
        self.cycle_momentum = cycle_momentum
        self.base_momentum = within(kind, "base_momentum", base_momentum, 0, 1)
        self.max_momentum = within(kind, "max_momentum", max_momentum, self.base_momentum, 1)
        for group in optimizer.param_groups if cycle_momentum else ():
            if not (group.get("momentum") or "beta" in group or "betas" in group):
                raise ArgumentError(
                    kind, "there is no momentum to cycle", got=f"{optimizer!r}",
                    wanted="an optimizer with momentum, or cycle_momentum=False",
                )  # fmt: skip
        super().__init__(optimizer)

    def momentum(self, epoch: int) -> float:
        """The momentum in an epoch."""
        raise NotImplementedError

    def go_to(self, epoch: int) -> None:
        super().go_to(epoch)
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (self.momentum(epoch), group["betas"][1])
                else:
                    group["beta" if "beta" in group else "momentum"] = self.momentum(epoch)


class OneCycleLR(MomentumCycle):
    """Up from max_lr / div_factor to max_lr, then down to almost nothing, once.

    The way up takes the share pct_start of the total_steps, the way down the rest and ends
    div_factor·final_div_factor below max_lr; with `three_phase` it goes down as it came up
    first. One step more may be taken, as a loop does after its last mini-batch. Call `step()`
    after each mini-batch; instead of total_steps, epochs and steps_per_epoch can be given.

    Smith and Topin, Super-convergence: very fast training using large learning rates, 2018.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        if (total_steps is None) == (epochs is None or steps_per_epoch is None):
            raise ArgumentError(
                "OneCycleLR", "the length of the cycle is given once",
                got=f"{total_steps=}, {epochs=}, {steps_per_epoch=}",
                wanted="total_steps, or epochs and steps_per_epoch",
            )  # fmt: skip
        if total_steps is None:
            total_steps = whole("OneCycleLR", "epochs", epochs) * whole(
                "OneCycleLR", "steps_per_epoch", steps_per_epoch
            )
        total = whole("OneCycleLR", "total_steps", total_steps)
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(
                "OneCycleLR", "unknown way from one rate to the next", got=f"{anneal_strategy=}",
                wanted="'cos' or 'linear'",
            )  # fmt: skip
        self.total_steps = total
        self.between = half_cosine if anneal_strategy == "cos" else straight
        self.max_lrs = per_group("OneCycleLR", "max_lr", max_lr, optimizer)
        self.div_factor = positive("OneCycleLR", "div_factor", div_factor)
        self.final_div_factor = positive("OneCycleLR", "final_div_factor", final_div_factor)
        self.three_phase = three_phase
        largest = 0.5 if three_phase else 1
        top = within("OneCycleLR", "pct_start", pct_start, 0, largest) * total - 1
        self.turns = [0, top, 2 * top, total - 1] if three_phase else [0, top, total - 1]
        super().__init__(optimizer, cycle_momentum, base_momentum, max_momentum)

    def rates(self, base_lrs: Sequence[float], epoch: int) -> list[float]:
        if epoch > self.total_steps:
            raise ArgumentError(
                "OneCycleLR.step", "the cycle is over", got=f"step {epoch}",
                wanted=f"at most total_steps={self.total_steps}",
            )  # fmt: skip
        rates = []
        for high in self.max_lrs:
            low = high / self.div_factor
            last = low / self.final_div_factor
            rates.append(self.along([low, high, low, last] if self.three_phase
                                    else [low, high, last], epoch))  # fmt: skip
        return rates

    def momentum(self, epoch: int) -> float:
        low, high = self.base_momentum, self.max_momentum
        return self.along([high, low, high, high][: len(self.turns)], epoch)

    def along(self, heights: Sequence[float], epoch: int) -> float:
        """The height in an epoch on the way through all the heights, one at each turn."""
        for (start, a), (end, b) in pairwise(zip(self.turns, heights, strict=True)):
            if start < end and epoch <= end:
                return self.between(a, b, (epoch - start) / (end - start))
        return heights[-1]


class CyclicLR(MomentumCycle):
    """base_lr + (max_lr − base_lr)·h·s: h rises from 0 to 1 and falls to 0, again and again.

    It rises for step_size_up mini-batches and falls for step_size_down, by default as many.
    The scale s is 1 ("triangular"), halved after each cycle ("triangular2"), γ^epoch
    ("exp_range"), or `scale_fn` of the number of the cycle from 1 on, or of the epoch if
    `scale_mode` is "iterations".

    Smith, Cyclical learning rates for training neural networks, 2017.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[int], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
    ) -> None:
        gamma = within("CyclicLR", "gamma", gamma, 0)
        modes: dict[str, tuple[Callable[[int], float], str]] = {
            "triangular": (lambda cycle: 1.0, "cycle"),
            "triangular2": (lambda cycle: 2.0 ** (1 - cycle), "cycle"),
            "exp_range": (lambda epoch: gamma**epoch, "iterations"),
        }
        if mode not in modes or scale_mode not in ("cycle", "iterations"):
            raise ArgumentError(
                "CyclicLR", "unknown mode", got=f"{mode=}, {scale_mode=}",
                wanted=f"mode {', '.join(map(repr, modes))}; scale_mode 'cycle' or 'iterations'",
            )  # fmt: skip
        self.scale_fn, self.scale_mode = modes[mode] if scale_fn is None else (scale_fn, scale_mode)
        self.up = whole("CyclicLR", "step_size_up", step_size_up)
        down = step_size_up if step_size_down is None else step_size_down
        self.down = whole("CyclicLR", "step_size_down", down)
        self.low_lrs = per_group("CyclicLR", "base_lr", base_lr, optimizer)
        self.max_lrs = per_group("CyclicLR", "max_lr", max_lr, optimizer)
        if any(low > high for low, high in zip(self.low_lrs, self.max_lrs, strict=True)):
            raise ArgumentError(
                "CyclicLR", "the cycle would fall before it rises", got=f"{base_lr=}, {max_lr=}",
                wanted="base_lr ≤ max_lr",
            )  # fmt: skip
        super().__init__(optimizer, cycle_momentum, base_momentum, max_momentum)

    def height(self, epoch: int) -> float:
        """How far up, h·s."""
        cycle, t = divmod(epoch, self.up + self.down)
        h = t / self.up if t <= self.up else (self.up + self.down - t) / self.down
        return h * self.scale_fn(cycle + 1 if self.scale_mode == "cycle" else epoch)

    def rates(self, base_lrs: Sequence[float], epoch: int) -> list[float]:
        pairs = zip(self.low_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * self.height(epoch) for low, high in pairs]

    def momentum(self, epoch: int) -> float:
        return self.max_momentum - (self.max_momentum - self.base_momentum) * self.height(epoch)


def straight(start: float, end: float, share: float) -> float:
    """start + (end − start)·share."""
    return start + (end - start) * share
