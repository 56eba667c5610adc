"""Adam: momentum and RMSprop together, both corrected for their start at zero."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_tr.kernels.formulas import formula
from tinygrad_tr.optim.groups import Group
from tinygrad_tr.optim.optimizer import Optimizer, descent


@formula
def adam(
    i: Any, p: Any, g: Any, m: Any, v: Any, v_max: Any, rate: float,
    beta1: float, rest1: float, beta2: float, rest2: float, eps: float, decay: float, uphill: float,
) -> None:  # fmt: skip
    """m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², p ← p − rate · m / (√v + ε)."""
    d = descent(p[i], g[i], decay, uphill)
    m[i] *= beta1
    m[i] += rest1 * d
    v[i] *= beta2
    v[i] += rest2 * (d * d)
    largest = v[i]
    if v_max is not None:
        v_max[i] = np.maximum(v_max[i], v[i])
        largest = v_max[i]
    p[i] -= rate * (m[i] / (np.sqrt(largest) + eps))


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

    formula = staticmethod(adam)

    def kept(self, group: Group) -> dict[str, bool]:
        return {"m": True, "v": True, "v_max": group["amsgrad"]}

    def numbers(self, group: Mapping[str, Any], k: int) -> tuple[float, ...]:
        beta1, beta2 = group["betas"]
        # lr·m̂ / (√v̂ + ε) with both corrections moved into the numbers (the paper, end of 2).
        root = math.sqrt(1 - beta2**k)
        rate, eps = group["lr"] * root / (1 - beta1**k), group["eps"] * root
        decay, uphill = group["weight_decay"], group["maximize"]
        return rate, beta1, 1 - beta1, beta2, 1 - beta2, eps, decay, uphill
