"""Minimizing a cost of which only the forward pass is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygrad_tr.arguments import is_whole
from tinygrad_tr.errors import AnomalyError, ArgumentError
from tinygrad_tr.modes import no_grad
from tinygrad_tr.optim.adam import Adam
from tinygrad_tr.optim.optimizer import Array, Optimizer
from tinygrad_tr.tensor import Tensor


def minimize(
    cost: Callable[[], Tensor],
    params: Iterable[Any],
    *,
    optimizer: Callable[..., Optimizer] = Adam,
    steps: int = 1000,
    **options: Any,
) -> Array:
    """Change the parameters so that `cost()` falls; the costs on the way, (steps + 1,).

        w = tt.Tensor(0.0, requires_grad=True)
        costs = tt.optim.minimize(lambda: w**2 - 10 * w + 25, [w], lr=0.1)

    `cost` takes no arguments: it computes one number from the parameters as they are. The
    options are the optimizer's: `optimizer=tt.optim.SGD, lr=0.1, momentum=0.9`. costs[k] is
    the cost after k steps, each of which is `Optimizer.minimize`, and so to the last bit the
    same as zero_grad(), cost().backward(), step() by hand. Course 2, week 3.
    """
    if not is_whole(steps) or steps < 1:
        raise ArgumentError(
            "minimize", "steps is a number of times", got=f"{steps=}", wanted="an integer ≥ 1"
        )
    mover = optimizer(params, **options)
    costs = [mover.minimize(cost).item() for _ in range(steps)]
    with no_grad():
        costs.append(cost().item())
    lost = np.flatnonzero(~np.isfinite(costs))
    if lost.size:
        raise AnomalyError(
            "minimize", f"the cost after {lost[0]} steps is not finite", got=f"{costs[lost[0]]}",
            wanted=f"another start, or a smaller rate than in {mover!r}",
        )  # fmt: skip
    return np.array(costs)
