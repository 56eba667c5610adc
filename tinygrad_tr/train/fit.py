"""The loop that everybody writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.nn import Module
from tinygrad_tr.nn.modes import same_modes
from tinygrad_tr.optim import Optimizer

from .checkpoint import Checkpoint
from .checks import require_batches, require_model, require_optimizer_of
from .evaluation import Loss, Metric, as_batches
from .history import History
from .interrupt import Interrupt
from .loop import Batches, Loop
from .progress import Progress
from .stopping import EarlyStopping


def fit(
    model: Module,
    loader: Iterable[Any],
    loss: Loss,
    optimizer: Optimizer,
    *,
    epochs: int,
    dev: Any = None,
    metrics: Mapping[str, Metric] | None = None,
    schedule: Any = None,
    schedule_per: str = "epoch",
    clip_norm: float | None = None,
    stop: EarlyStopping | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    every_epochs: int = 1,
    every_steps: int | None = None,
    resume: bool = True,
    progress: bool = True,
    callbacks: Sequence[Callable[[History], Any]] = (),
) -> History:
    """Train the model for `epochs` epochs in all; the numbers of each of them.

    The loader, a DataLoader or a list, gives batches (x, y) or (x₁, x₂, y) of arrays or
    Tensors; `loss(model(x), y)` is the mean over a batch. `dev` is a loader too, or a tuple
    (x, y) as one batch: after each epoch the history gets "dev loss" and, for each of
    `metrics`, "dev <name>" (see `evaluate`). "train loss" is the mean over the examples of the
    epoch, while the weights were changing.

    `schedule.step()` comes after each "epoch" or each "batch", as `schedule_per` says; a
    schedule with an attribute `monitor`, such as "dev loss", gets the epoch's number of that
    name: `schedule.step(value)`. With `clip_norm` the gradients are clipped to that norm.
    `stop` ends the training early, and its best weights are the model's afterwards. Each of
    `callbacks` is called with the history after each epoch.

    The file `checkpoint` is written after every `every_epochs` epochs, after every
    `every_steps` steps if given, and at the end. If it exists, training goes on from there, bit
    for bit as if it had never ended, and with the file's learning rate, unless `resume` is
    False. Ctrl-C lets the step or evaluation under way end, writes the checkpoint, and raises
    KeyboardInterrupt; a second Ctrl-C does not wait.

    A loss that is not finite is an AnomalyError before it reaches the weights. A warning names
    parameters that got no gradient in the first epoch. Afterwards every module is in training
    or evaluation as it was before.
    """
    dev = None if dev is None else as_batches(dev)
    metrics = metrics or {}
    require_model("fit", model)
    require_optimizer_of("fit", model, optimizer)
    require_batches("fit", "loader", loader)
    for name, count in {"epochs": epochs, "every_epochs": every_epochs}.items():
        whole("fit", name, count)
    if every_steps is not None:
        whole("fit", "every_steps", every_steps)
    if dev is not None:
        require_batches("fit", "dev", dev)
    require_known(dev, metrics, schedule, schedule_per, stop)

    if stop is not None:
        stop.reset()
        history = History(stop.monitor, stop.mode)
    else:
        history = History("train loss" if dev is None else "dev loss")
    batches, dev = with_position(loader), with_position(dev)
    loop = Loop(
        model, loss, optimizer, dev, metrics, schedule, schedule_per, clip_norm, stop, history
    )
    done = loop.done
    saved = None
    if checkpoint is not None:
        saved = Checkpoint(
            checkpoint, model=model, optimizer=optimizer, schedule=schedule, stop=stop,
            loader=batches, dev=dev, history=history, position=done,
        )  # fmt: skip
        if resume and saved.path.exists():
            saved.load()

    bar = Progress(progress, loader, epochs, done.step)
    with same_modes(model), Interrupt() as interrupt, bar:
        while not loop.is_over(epochs):
            model.train()
            bar.begin(done.epoch)
            for batch in batches:
                loop.step(batch)
                bar.step()
                is_due = every_steps is not None and done.step % every_steps == 0
                if saved and (is_due or interrupt.asked):
                    saved.save()
                interrupt.obey()
            bar.show(loop.finish_epoch())
            for callback in callbacks:
                callback(history)
            is_due = done.epoch % every_epochs == 0 or loop.is_over(epochs)
            if saved and (is_due or interrupt.asked):
                saved.save()
            interrupt.obey()
    if stop is not None:
        stop.restore_best(model)
    return history


def require_known(
    dev: Any, metrics: Mapping[str, Any], schedule: Any, schedule_per: str, stop: Any
) -> None:
    """Refuse what an epoch will not have: metrics without dev, or another number to monitor."""
    if metrics and dev is None:
        raise ArgumentError(
            "fit", "metrics are of the dev set", got=", ".join(metrics), wanted="dev=(x, y) too"
        )
    if schedule_per not in ("epoch", "batch") or (schedule_per == "batch" and schedule is None):
        raise ArgumentError(
            "fit", "schedule_per says when the schedule goes on",
            got=f"{schedule_per=}, {schedule=}", wanted="'epoch', or 'batch' with a schedule",
        )  # fmt: skip
    dev_names = [] if dev is None else ["dev loss", *(f"dev {name}" for name in metrics)]
    epoch_only = schedule_per == "epoch"
    for part, sees in ((stop, True), (schedule, epoch_only)):
        monitor = getattr(part, "monitor", None)
        if monitor is not None and not (sees and monitor in ("train loss", *dev_names)):
            raise ArgumentError(
                "fit", f"{type(part).__name__} cannot see {monitor!r}",
                got=", ".join(["train loss", *dev_names]),
                wanted="one of these as monitor, after each epoch; dev= for the dev loss",
            )  # fmt: skip


def with_position(batches: Any) -> Any:
    """The batches as a part of a checkpoint: what has a state, or a list and a place in it."""
    return batches if batches is None or hasattr(batches, "state_dict") else Batches(batches)
