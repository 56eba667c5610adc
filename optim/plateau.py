"""The learning rate that falls when the training stops getting better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_tr.arguments import whole, within
from tinygrad_tr.errors import ArgumentError, StateError, describe
from tinygrad_tr.graph import value_of
from tinygrad_tr.modes import outside
from tinygrad_tr.optim.optimizer import Optimizer
from tinygrad_tr.optim.schedules import LRScheduler, per_group


class ReduceLROnPlateau(LRScheduler):
    """lr ← max(factor·lr, min_lr) once `patience` epochs in a row brought nothing better.

    `step(metric)` takes the number of each epoch, usually the loss on the dev set. It is better
    if it lies below the best one ("min"), or above it ("max"), by more than the threshold: a
    share of |best| ("rel") or an amount ("abs"). For `cooldown` epochs after a reduction
    nothing is counted, and a change of at most eps is not made. `monitor` is the name under
    which `tt.train.fit` finds the number.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
        *,
        monitor: str = "dev loss",
    ) -> None:
        super().__init__(optimizer)
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ArgumentError(
                self.kind, "unknown mode", got=f"{mode=}, {threshold_mode=}",
                wanted="mode 'min' or 'max'; threshold_mode 'rel' or 'abs'",
            )  # fmt: skip
        self.mode, self.threshold_mode, self.monitor = mode, threshold_mode, monitor
        self.factor = within(self.kind, "factor", factor, 0, math.nextafter(1, 0))
        self.patience = whole(self.kind, "patience", patience, 0)
        self.threshold = within(self.kind, "threshold", threshold, 0)
        self.cooldown = whole(self.kind, "cooldown", cooldown, 0)
        self.min_lrs = per_group(self.kind, "min_lr", min_lr, optimizer)
        self.eps = within(self.kind, "eps", eps, 0)
        self.best: float | None = None
        self.num_bad_epochs = 0
        self.cooldown_left = 0

    @outside
    def step(self, metric: Any) -> None:
        """Take in the number of an epoch, and reduce the rates if it is time."""
        metric = self.checked(metric)
        if self.best is None or self.is_better(metric, self.best):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_left:
            self.cooldown_left -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.reduce()
            self.cooldown_left, self.num_bad_epochs = self.cooldown, 0

    def is_better(self, metric: float, best: float) -> bool:
        """Whether the metric is better than the best one by more than the threshold."""
        gain = metric - best if self.mode == "max" else best - metric
        return gain > self.threshold * (abs(best) if self.threshold_mode == "rel" else 1)

    def reduce(self) -> None:
        """Multiply the rates by the factor."""
        for group, low in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            lr = max(group["lr"] * self.factor, low)
            if group["lr"] - lr > self.eps:
                group.schedule(lr)

    def checked(self, metric: Any) -> float:
        """The metric as a finite number."""
        try:
            value = float(value_of(metric))
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise ArgumentError(
                f"{self.kind}.step", "the metric cannot be compared", got=describe(metric),
                wanted="one finite number",
            )  # fmt: skip
        return value

    def state_dict(self) -> dict[str, Any]:
        """What continuing needs: the best metric, the counts, and the rates reached."""
        return {
            "best": self.best,
            "num_bad_epochs": self.num_bad_epochs,
            "cooldown_left": self.cooldown_left,
            "lrs": self.get_last_lr(),
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict()` was taken, and set the learning rates of that epoch."""
        groups = self.optimizer.param_groups
        if saved.keys() != self.state_dict().keys() or len(saved["lrs"]) != len(groups):
            raise StateError(
                f"{self.kind}.load_state_dict", "not the state of this schedule",
                got=describe(dict(saved)),
                wanted=f"{', '.join(self.state_dict())}, for {len(groups)} groups",
            )  # fmt: skip
        for group, lr in zip(groups, saved["lrs"], strict=True):
            group.schedule(lr)
        self.best = None if saved["best"] is None else float(saved["best"])
        self.num_bad_epochs = int(saved["num_bad_epochs"])
        self.cooldown_left = int(saved["cooldown_left"])
