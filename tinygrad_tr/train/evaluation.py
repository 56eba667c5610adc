"""What a model gives on data that it does not learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.modes import no_grad
from tinygrad_tr.nn import Module
from tinygrad_tr.nn.modes import evaluating
from tinygrad_tr.tensor import Tensor

from .checks import as_tensor, examples_of, require_model

Array = np.ndarray[Any, Any]
Loss = Callable[[Any, Tensor], Tensor]
Metric = Callable[[Array, Array], Any]


def evaluate(
    model: Module,
    batches: Iterable[Any],
    loss: Loss,
    metrics: Mapping[str, Metric] | None = None,
) -> dict[str, float]:
    """{"loss": (1/m) Σ loss, name: metric(predictions, targets)} in evaluation, without graph.

    `batches` is a loader, or a tuple (x, y), which is one batch. The loss of each batch is a
    mean and weighs as much as the batch has examples. Metrics see all predictions and targets
    at once, as arrays.
    """
    require_model("evaluate", model)
    total, count = 0.0, 0
    seen: list[tuple[Any, Any]] = []
    with evaluating(model), no_grad():
        for batch in as_batches(batches):
            inputs, targets, examples = examples_of("evaluate", batch)
            predictions = model(*inputs)
            total += loss(predictions, targets).item() * examples
            count += examples
            if metrics:
                seen.append((predictions.numpy(), targets.numpy()))
    if not count:
        raise ArgumentError("evaluate", "there are no batches", wanted="at least one batch (x, y)")
    results = {"loss": total / count}
    if metrics:
        p, y = (np.concatenate(parts) for parts in zip(*seen, strict=True))
        results |= {name: float(metric(p, y)) for name, metric in metrics.items()}
    return results


def predict(model: Module, x: Any, *others: Any, batch_size: int = 1024) -> Array:
    """model(x, *others) for all rows as an array, in evaluation, without graph.

    Batch by batch: the model must treat each row for itself.
    """
    require_model("predict", model)
    whole("predict", "batch_size", batch_size)
    inputs = list(map(as_tensor, (x, *others)))
    starts = range(0, max(len(x), 1), batch_size)
    with evaluating(model), no_grad():
        parts = [model(*(t[i : i + batch_size] for t in inputs)).numpy() for i in starts]
    return np.concatenate(parts)


def as_batches(batches: Any) -> Iterable[Any]:
    """A loader as it is; a tuple (x, y) as one batch."""
    is_batch = isinstance(batches, tuple) and len(batches) > 1 and hasattr(batches[0], "shape")
    return [batches] if is_batch else batches
