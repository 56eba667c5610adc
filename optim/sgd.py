"""Stochastic gradient descent, with momentum as in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.optim.groups import Group
from tinygrad_tr.optim.in_place import Array
from tinygrad_tr.optim.optimizer import Optimizer, State


class SGD(Optimizer):
    """p ← p − lr·g; with momentum μ, v ← μv + (1 − τ)g and p ← p − lr·v.

    τ is the dampening, which leaves the first step alone: v₁ = g₁. Nesterov's form looks
    ahead: p ← p − lr·(g + μv). The course's momentum, an average that starts at zero, is
    `Momentum`.

    `weight_decay` λ adds λp to g, the gradient of the penalty λ/2 ‖p‖². Without momentum that
    is p ← (1 − lr·λ)p − lr·g: the weights shrink a little first. The course's L2 cost
    λ/(2m) Σ w² is `weight_decay=λ/m`. Course 2, week 1.

    Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
        )

    def refuse(self, options: Mapping[str, Any]) -> None:
        momentum, dampening = options["momentum"], options["dampening"]
        if options["nesterov"] and (not momentum or dampening):
            raise ArgumentError(
                "SGD", "Nesterov's form needs momentum, and no dampening",
                got=f"{momentum=}, {dampening=}", wanted="momentum > 0, dampening = 0",
            )  # fmt: skip
        if dampening and not momentum:
            raise ArgumentError(
                "SGD", "dampening has no effect without momentum",
                got=f"{momentum=}, {dampening=}", wanted="momentum > 0",
            )  # fmt: skip

    def by_rows(self, group: Group) -> bool:
        return not group["momentum"] and not group["weight_decay"]

    def init(self, p: Array, group: Group) -> State:
        return {"v": np.zeros_like(p)} if group["momentum"] else {}

    def update(self, p: Array, g: Array, state: State, group: Group, t: Array) -> None:
        lr, momentum, dampening = group["lr"], group["momentum"], group["dampening"]
        if momentum:
            v = state["v"]
            v *= momentum
            damped = dampening and state["step"] > 1
            v += np.multiply(g, 1 - dampening, out=t) if damped else g
            g = np.add(g, np.multiply(v, momentum, out=t), out=t) if group["nesterov"] else v
        p -= np.multiply(g, lr, out=t)
