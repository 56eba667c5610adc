"""The two halves of an epoch: the steps down the loss, and the look at dev afterwards."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import islice
from typing import Any

from tinygrad_tr.errors import AnomalyError, ArgumentError, StateError, describe
from tinygrad_tr.nn import Module
from tinygrad_tr.nn.utils import clip_grad_norm_
from tinygrad_tr.optim import Optimizer
from tinygrad_tr.tensor import Tensor

from .checks import examples_of
from .evaluation import Loss, Metric, evaluate
from .history import History
from .stopping import EarlyStopping


@dataclass
class Position:
    """How far a training is: the complete epochs and steps, and the epoch under way."""

    epoch: int = 0
    step: int = 0
    batch: int = 0  # from here on, of the epoch under way
    examples: int = 0
    loss: float = 0.0  # Σ loss · examples
    seconds: float = 0.0

    def next_epoch(self) -> None:
        self.epoch += 1
        self.batch, self.examples, self.loss, self.seconds = 0, 0, 0.0, 0.0

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if state.keys() != {entry.name for entry in fields(self)}:
            raise StateError("fit", "not the position of a training", got=describe(state))
        for name, value in state.items():
            setattr(self, name, value)


@dataclass
class Batches:
    """A list of batches that can go on in the middle, as a DataLoader can."""

    batches: Iterable[Any]
    taken: int = 0
    resumes: bool = False

    def __iter__(self) -> Iterator[Any]:
        self.taken, self.resumes = self.taken if self.resumes else 0, False
        for batch in islice(self.batches, self.taken, None):
            self.taken += 1
            yield batch
        self.taken = 0

    def state_dict(self) -> dict[str, int]:
        return {"taken": self.taken}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        self.taken, self.resumes = state["taken"], True


@dataclass
class Loop:
    """What `fit` was given, and where it is."""

    model: Module
    loss: Loss
    optimizer: Optimizer
    dev: Any
    metrics: Mapping[str, Metric]
    schedule: Any
    schedule_per: str
    clip_norm: float | None
    stop: EarlyStopping | None
    history: History
    done: Position = field(default_factory=Position)

    def __post_init__(self) -> None:
        self.trained = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.unmoved: dict[str, Tensor] = {}  # without a gradient until now
        self.clock = time.perf_counter()

    def step(self, batch: Any) -> None:
        """One step down the loss of a batch."""
        done = self.done
        if not done.step:
            known = set(self.trained)
            self.unmoved = {n: p for n, p in self.model.named_parameters() if p in known}
        inputs, targets, examples = examples_of("fit", batch)
        loss = self.loss(self.model(*inputs), targets)
        value = self.finite(loss)
        self.optimizer.zero_grad()
        loss.backward()
        if self.clip_norm is not None:
            clip_grad_norm_(self.trained, self.clip_norm, error_if_nonfinite=True)
        self.optimizer.step()
        if self.schedule_per == "batch":
            self.schedule.step()
        if self.unmoved:
            self.unmoved = {name: p for name, p in self.unmoved.items() if p.grad is None}
        done.step += 1
        done.batch += 1
        done.examples += examples
        done.loss += value * examples
        self.count_seconds()

    def finish_epoch(self) -> dict[str, float]:
        """The numbers of the epoch, for the history, the schedule, and early stopping."""
        done = self.done
        if not done.examples:
            raise ArgumentError("fit", "the loader gave no batches", wanted="at least one (x, y)")
        row = {"train loss": done.loss / done.examples}
        if self.dev is not None:
            found = evaluate(self.model, self.dev, self.loss, self.metrics)
            row |= {f"dev {name}": value for name, value in found.items()}
            if not math.isfinite(row["dev loss"]):
                raise not_finite("dev loss", row["dev loss"], f"after epoch {done.epoch + 1}")
        self.warn_of_unmoved()
        self.count_seconds()
        rate = self.optimizer.param_groups[0]["lr"]
        self.history.add({**row, "lr": rate, "seconds": done.seconds})
        if self.schedule is not None and self.schedule_per == "epoch":
            monitor = getattr(self.schedule, "monitor", None)
            self.schedule.step(*([] if monitor is None else [row[monitor]]))
        if self.stop is not None:
            self.stop.record(row[self.stop.monitor], self.model)
        done.next_epoch()
        return row

    def is_over(self, epochs: int) -> bool:
        """Whether there were enough epochs, or early stopping has ended it."""
        return self.done.epoch >= epochs or (self.stop is not None and self.stop.stopped)

    def finite(self, loss: Any) -> float:
        """The loss as a number, refused before it reaches the weights if it is none."""
        if not isinstance(loss, Tensor) or loss.size != 1:
            raise ArgumentError(
                "fit", "the loss of a batch is not one number", got=describe(loss),
                wanted="loss(predictions, targets), a Tensor of one number",
            )  # fmt: skip
        value = loss.item()
        if not math.isfinite(value):
            place = f"in epoch {self.done.epoch + 1}, batch {self.done.batch + 1}"
            raise not_finite("loss", value, place)
        return value

    def warn_of_unmoved(self) -> None:
        if self.unmoved:
            names = ", ".join(self.unmoved)
            warnings.warn(
                f"fit: in the first epoch no gradient reached {names}: the loss does not depend "
                "on them, and they keep their first values",
                stacklevel=4,  # the line that called fit
            )
            self.unmoved = {}

    def count_seconds(self) -> None:
        now = time.perf_counter()
        self.done.seconds += now - self.clock
        self.clock = now


def not_finite(name: str, value: float, place: str) -> AnomalyError:
    return AnomalyError(
        "fit", f"the {name} is {value} {place}",
        wanted="finite numbers; `with tt.detect_anomaly():` around fit names the operation that "
        "broke them. A lower lr, clip_norm, or normalised inputs often help",
    )  # fmt: skip
