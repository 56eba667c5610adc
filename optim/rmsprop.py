"""RMSprop: each number divided by the root of its mean square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_tr.optim.groups import Group
from tinygrad_tr.optim.in_place import Array, average
from tinygrad_tr.optim.optimizer import Optimizer, State


class RMSprop(Optimizer):
    """s ← αs + (1 − α)g², p ← p − lr·g / (√s + ε): steep directions slow down.

    `centered` divides by the standard deviation instead, √(s − m²) with m ← αm + (1 − α)g.
    With momentum μ, v ← μv + g / (√s + ε) and p ← p − lr·v. The course calls α β, and
    leaves out ε, without which a gradient that was always 0 would give 0/0.

    Tieleman and Hinton, Lecture 6.5, Neural Networks for Machine Learning, 2012; centered:
    Graves, Generating sequences with recurrent neural networks, 2013. Course 2, week 2.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
        )

    def init(self, p: Array, group: Group) -> State:
        kept = {"s": True, "m": group["centered"], "v": group["momentum"]}
        return {name: np.zeros_like(p) for name, needed in kept.items() if needed}

    def update(self, p: Array, g: Array, state: State, group: Group, t: Array) -> None:
        s, alpha, momentum = state["s"], group["alpha"], group["momentum"]
        average(s, np.square(g, out=t), alpha, t)
        if group["centered"]:
            average(state["m"], g, alpha, t)
            variance = np.subtract(s, np.square(state["m"], out=t), out=t)
            np.maximum(variance, 0, out=t)  # rounding may leave a little less than nothing
            np.sqrt(t, out=t)
        else:
            np.sqrt(s, out=t)
        t += group["eps"]
        np.divide(g, t, out=t)
        if momentum:
            v = state["v"]
            v *= momentum
            v += t
            np.multiply(v, group["lr"], out=t)
        else:
            t *= group["lr"]
        p -= t
