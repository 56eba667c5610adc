"""AdamW: Adam with the decay of the weights taken out of the gradient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_tr.optim.adam import Adam
from tinygrad_tr.optim.groups import Group
from tinygrad_tr.optim.in_place import Array


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

    def descent(self, p: Array, g: Array, group: Group, out: Array) -> Array:
        """p ← p − lr·λp; returns g, or −g to maximize."""
        p *= 1 - group["lr"] * group["weight_decay"]
        return np.negative(g, out=out) if group["maximize"] else g
