"""Gradient descent with momentum, as the deep learning course writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tinygrad_tr.kernels.formulas import formula
from tinygrad_tr.optim.groups import Group
from tinygrad_tr.optim.optimizer import Optimizer, descent


@formula
def momentum(
    i: Any, p: Any, g: Any, v: Any, rate: float, beta: float, rest: float,
    decay: float, uphill: float,
) -> None:  # fmt: skip
    """v ← βv + rest · g, p ← p − lr·v."""
    v[i] *= beta
    v[i] += rest * descent(p[i], g[i], decay, uphill)
    p[i] -= rate * v[i]


class Momentum(Optimizer):
    """v ← βv + (1 − β)g, p ← p − lr·v: go along the average of the gradients, from v = 0.

    With `dampen=False`, v ← βv + g, the classical form, which is `SGD(lr, momentum=β)`. The
    two are the same path at learning rates that differ by 1 − β:
    `Momentum(lr, β)` is `SGD(lr·(1 − β), momentum=β)`. But `SGD(lr, momentum=β, dampening=β)`
    is neither, because PyTorch does not damp the first step. So at the same learning rate the
    averaged form goes 1 − β times as far as the classical one: where the gradients keep their
    direction, no further than plain descent, and it leaves a saddle later. Give it a larger lr.

    Polyak, Some methods of speeding up the convergence of iteration methods, 1964.
    Course 2, week 2.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        beta: float = 0.9,
        dampen: bool = True,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, beta=beta, dampen=dampen, weight_decay=weight_decay, maximize=maximize
        )

    formula = staticmethod(momentum)

    def kept(self, group: Group) -> dict[str, bool]:
        return {"v": True}

    def numbers(self, group: Mapping[str, Any], k: int) -> tuple[float, ...]:
        beta, decay, uphill = group["beta"], group["weight_decay"], group["maximize"]
        return group["lr"], beta, 1 - beta if group["dampen"] else 1, decay, uphill
