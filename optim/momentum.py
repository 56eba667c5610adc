"""Gradient descent with momentum, as the deep learning course writes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_tr.optim.groups import Group
from tinygrad_tr.optim.in_place import Array, average
from tinygrad_tr.optim.optimizer import Optimizer, State


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

    def init(self, p: Array, group: Group) -> State:
        return {"v": np.zeros_like(p)}

    def update(self, p: Array, g: Array, state: State, group: Group, t: Array) -> None:
        v, beta = state["v"], group["beta"]
        if group["dampen"]:
            average(v, g, beta, t)
        else:
            v *= beta
            v += g
        p -= np.multiply(v, group["lr"], out=t)
