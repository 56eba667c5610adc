"""Distances and similarities as modules, with PyTorch's arguments."""

from __future__ import annotations

from dataclasses import dataclass

from tinygrad_tr.tensor import Tensor

from . import functional as F
from .module import Module


@dataclass(eq=False, repr=False)
class PairwiseDistance(Module):
    """‖x1 − x2 + eps‖ₚ over the last axis: (..., D), (..., D) -> (...)."""

    p: float = 2.0
    eps: float = 1e-6
    keepdim: bool = False

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.p, self.eps, self.keepdim)

    def extra_repr(self) -> str:
        return f"p={self.p}, eps={self.eps}, keepdim={self.keepdim}"


@dataclass(eq=False, repr=False)
class CosineSimilarity(Module):
    """x1 · x2 / (‖x1‖ ‖x2‖) along the axis `dim`, in [−1, 1]."""

    dim: int = 1
    eps: float = 1e-8

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, eps={self.eps}"
