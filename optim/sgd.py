"""Stochastic gradient descent, with momentum as in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.kernels.formulas import formula
from tinygrad_tr.optim.groups import Group
from tinygrad_tr.optim.optimizer import Optimizer, descent


@formula
def sgd(
    i: Any, p: Any, g: Any, v: Any, rate: float, momentum: float, rest: float, ahead: float,
    decay: float, uphill: float,
) -> None:  # fmt: skip
    """p ← p − lr·g; with v, v ← μv + rest · g and p ← p − lr·v, or lr·(g + μv) to look ahead."""
    d = descent(p[i], g[i], decay, uphill)
    if v is not None:
        v[i] *= momentum
        v[i] += d if rest == 1 else rest * d
        d = d + momentum * v[i] if ahead else v[i]
    p[i] -= rate * d


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

    formula = staticmethod(sgd)

    def kept(self, group: Group) -> dict[str, bool]:
        return {"v": bool(group["momentum"])}

    def numbers(self, group: Mapping[str, Any], k: int) -> tuple[float, ...]:
        rest = 1 - group["dampening"] if k > 1 else 1
        decay, uphill = group["weight_decay"], group["maximize"]
        return group["lr"], group["momentum"], rest, group["nesterov"], decay, uphill
