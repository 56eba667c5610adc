"""Dropout: a random part of the network at each step."""

from __future__ import annotations

import numpy as np

from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.tensor import Tensor

from . import functional as F
from .checks import require_probability
from .module import Module


class Dropout(Module):
    """Zeros with probability p, the rest divided by 1 − p; in evaluation x itself.

    `keep_prob` is the course's name for 1 − p. The mask comes from `generator`, or from
    `tt.manual_seed`'s. Source: arXiv 1207.0580; course 2, week 1.
    """

    def __init__(
        self,
        p: float | None = None,
        *,
        keep_prob: float | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        if p is not None and keep_prob is not None:
            raise ArgumentError(
                "Dropout", "p and keep_prob are two names for one thing",
                got=f"p={p}, keep_prob={keep_prob}", wanted="one of them",
            )  # fmt: skip
        if keep_prob is not None:
            require_probability("Dropout", "keep_prob", keep_prob)
            p = 1 - keep_prob
        self.p = 0.5 if p is None else p
        require_probability("Dropout", "p", self.p)
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p:g}"
