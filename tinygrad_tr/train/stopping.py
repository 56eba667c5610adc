"""Early stopping: the weights of the epoch that was best on dev. Course 2, week 1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ArgumentError, StateError, describe
from tinygrad_tr.nn import Module


class EarlyStopping:
    """Ends a training whose dev loss has not fallen for `patience` epochs.

    Each epoch's value goes to `update`, by `tt.train.fit` or by hand:

        stop = tt.train.EarlyStopping(patience=10)
        for epoch in range(1000):
            ...
            if stop.update(dev_loss, model):
                break
        stop.restore_best(model)

    A value counts as better if it is below the best one ("min"), or above it ("max"), by more
    than `min_delta`. With `restore` the weights of the best epoch come back, to the last bit.
    """

    def __init__(
        self,
        patience: int,
        monitor: str = "dev loss",
        mode: str = "min",
        min_delta: float = 0.0,
        restore: bool = True,
    ) -> None:
        if mode not in ("min", "max"):
            raise ArgumentError(
                "EarlyStopping", "unknown mode", got=f"{mode=}", wanted="'min' or 'max'"
            )
        if not 0 <= min_delta < math.inf:
            raise ArgumentError(
                "EarlyStopping", "min_delta is what counts as better", got=f"{min_delta=}",
                wanted="a number ≥ 0",
            )  # fmt: skip
        self.patience = whole("EarlyStopping", "patience", patience)
        self.monitor, self.mode, self.min_delta, self.restore = monitor, mode, min_delta, restore
        self.reset()

    def reset(self) -> None:
        """Forget all values, as before the first epoch."""
        self.epoch = 0  # how many values there were
        self.best: float | None = None
        self.best_epoch = 0
        self.weights: dict[str, Any] | None = None

    @property
    def stopped(self) -> bool:
        """Whether the last `patience` epochs brought nothing better."""
        return self.epoch - self.best_epoch >= self.patience

    def update(self, value: float, model: Module) -> bool:
        """Take in the value of an epoch; whether to stop, and then the best weights are back."""
        self.record(value, model)
        if self.stopped:
            self.restore_best(model)
        return self.stopped

    def record(self, value: float, model: Module) -> None:
        """Take in the value of an epoch, and the weights if it is the best."""
        value = float(value)
        if math.isnan(value):
            raise ArgumentError(
                "EarlyStopping", f"{self.monitor} is no number", got=f"{value}",
                wanted="a number that can be compared; tt.detect_anomaly() finds where NaN began",
            )  # fmt: skip
        self.epoch += 1
        if self.best is None or self.is_better(value, self.best):
            self.best, self.best_epoch = value, self.epoch
            self.weights = model.state_dict() if self.restore else None

    def is_better(self, value: float, best: float) -> bool:
        if self.mode == "min":
            return value < best - self.min_delta
        return value > best + self.min_delta

    def restore_best(self, model: Module) -> None:
        """Put the weights of the best epoch back, if there was one and `restore` is on."""
        if self.weights is not None:
            model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """How far it is, and the best weights."""
        return {name: getattr(self, name) for name in KEPT}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict()` was taken."""
        if not isinstance(state, Mapping) or state.keys() != set(KEPT):
            raise StateError(
                "EarlyStopping.load_state_dict", "not the state of an EarlyStopping",
                got=describe(state), wanted=", ".join(KEPT),
            )  # fmt: skip
        for name in KEPT:
            setattr(self, name, state[name])

    def __repr__(self) -> str:
        return (
            f"EarlyStopping(patience={self.patience}, monitor={self.monitor!r}, "
            f"best={self.best} in epoch {self.best_epoch} of {self.epoch})"
        )


KEPT = ("epoch", "best", "best_epoch", "weights")
