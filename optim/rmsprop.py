"""RMSprop: each number divided by the root of its mean square."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_tr.kernels.formulas import formula
from tinygrad_tr.optim.groups import Group
from tinygrad_tr.optim.optimizer import Optimizer, descent

ZERO = np.float32(0)


@formula
def rmsprop(
    i: Any, p: Any, g: Any, s: Any, m: Any, v: Any, rate: float, alpha: float, rest: float,
    eps: float, momentum: float, decay: float, uphill: float,
) -> None:  # fmt: skip
    """s ← αs + (1 − α)g², p ← p − lr·g / (√s + ε); centered with m, with momentum v."""
    d = descent(p[i], g[i], decay, uphill)
    s[i] *= alpha
    s[i] += rest * (d * d)
    square = s[i]
    if m is not None:
        m[i] *= alpha
        m[i] += rest * d
        # Rounding may leave a little less than nothing.
        square = np.maximum(s[i] - m[i] * m[i], ZERO)
    d = d / (np.sqrt(square) + eps)
    if v is not None:
        v[i] *= momentum
        v[i] += d
        d = v[i]
    p[i] -= rate * d


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

    formula = staticmethod(rmsprop)

    def kept(self, group: Group) -> dict[str, bool]:
        return {"s": True, "m": group["centered"], "v": bool(group["momentum"])}

    def numbers(self, group: Mapping[str, Any], k: int) -> tuple[float, ...]:
        alpha, decay, uphill = group["alpha"], group["weight_decay"], group["maximize"]
        return group["lr"], alpha, 1 - alpha, group["eps"], group["momentum"], decay, uphill
