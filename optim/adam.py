"""Adam: momentum and RMSprop together, both corrected for their start at zero."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_tr.optim.groups import Group
from tinygrad_tr.optim.in_place import Array, average
from tinygrad_tr.optim.optimizer import Optimizer, State


class Adam(Optimizer):
    """m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², p ← p − lr·m̂ / (√v̂ + ε).

    m̂ = m / (1 − β₁ᵏ) and v̂ = v / (1 − β₂ᵏ) at step k, so the first step is lr long in each
    number, whatever the gradient. `amsgrad` divides by the largest v so far. `weight_decay` λ
    adds λp to g, and so is divided by √v̂ as well: it is no decay at one rate for all weights.
    That is AdamW's.

    Kingma and Ba, Adam: a method for stochastic optimization, 2015; amsgrad: Reddi et al., On
    the convergence of Adam and beyond, 2018. Course 2, week 2.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            maximize=maximize,
        )

    def init(self, p: Array, group: Group) -> State:
        names = ("m", "v", "v_max") if group["amsgrad"] else ("m", "v")
        return {name: np.zeros_like(p) for name in names}

    def update(self, p: Array, g: Array, state: State, group: Group, t: Array) -> None:
        m, v, k = state["m"], state["v"], state["step"]
        beta1, beta2 = group["betas"]
        average(m, g, beta1, t)
        average(v, np.square(g, out=t), beta2, t)
        if group["amsgrad"]:
            v = np.maximum(state["v_max"], v, out=state["v_max"])
        # lr·m̂ / (√v̂ + ε) with both corrections moved into the scalars (the paper, end of 2).
        root = math.sqrt(1 - beta2**k)
        np.sqrt(v, out=t)
        t += group["eps"] * root
        np.divide(m, t, out=t)
        t *= group["lr"] * root / (1 - beta1**k)
        p -= t
