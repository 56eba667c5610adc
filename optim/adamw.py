"""AdamW: Adam with the decay of the weights taken out of the gradient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tinygrad_tr.kernels.formulas import formula
from tinygrad_tr.optim.adam import Adam, adam


@formula
def adamw(i: Any, p: Any, g: Any, m: Any, v: Any, v_max: Any, shrink: float, *others: Any) -> None:
    """p ← shrink · p, then Adam's step."""
    p[i] *= shrink
    adam(i, p, g, m, v, v_max, *others)


class AdamW(Adam):
    """p ← p − lr·λp, then Adam's step: large weights shrink as fast as all others.

    In Adam, λp is a part of g and is divided by √v̂ with it, so weights of large gradients
    hardly decay. Under plain SGD the two are the same, up to rounding; here they are not.

    Loshchilov and Hutter, Decoupled weight decay regularization, 2019.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    formula = staticmethod(adamw)

    def numbers(self, group: Mapping[str, Any], k: int) -> tuple[float, ...]:
        shrink = 1 - group["lr"] * group["weight_decay"]
        return shrink, *super().numbers({**group, "weight_decay": 0}, k)
