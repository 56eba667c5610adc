"""Losses as modules, with PyTorch's arguments. The formulas are at the functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinygrad_tr.arguments import within
from tinygrad_tr.tensor import Tensor

from . import functional as F
from .checks import require_positive, require_probability, require_reduction
from .module import Module


@dataclass(eq=False, repr=False)
class Loss(Module):
    """A loss: `reduction` is "mean", "sum" or "none"."""

    reduction: str = "mean"

    def __post_init__(self) -> None:
        require_reduction(type(self).__name__, self.reduction)


class MSELoss(Loss):
    """(x − y)²."""

    def forward(self, x: Tensor, target: Any) -> Tensor:
        return F.mse_loss(x, target, self.reduction)


class L1Loss(Loss):
    """|x − y|."""

    def forward(self, x: Tensor, target: Any) -> Tensor:
        return F.l1_loss(x, target, self.reduction)


@dataclass(eq=False, repr=False)
class SmoothL1Loss(Loss):
    """d²/2β where d = |x − y| < β, else d − β/2."""

    beta: float = 1.0

    def forward(self, x: Tensor, target: Any) -> Tensor:
        return F.smooth_l1_loss(x, target, self.reduction, self.beta)


@dataclass(eq=False, repr=False)
class HuberLoss(Loss):
    """d²/2 where d = |x − y| < δ, else δ(d − δ/2)."""

    delta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("HuberLoss", "delta", self.delta)

    def forward(self, x: Tensor, target: Any) -> Tensor:
        return F.huber_loss(x, target, self.reduction, self.delta)


@dataclass(eq=False, repr=False)
class KLDivLoss(Loss):
    """y (ln y − x) for log-probabilities x; reduction="batchmean" is the mean over rows."""

    log_target: bool = False

    def __post_init__(self) -> None:
        if self.reduction != "batchmean":
            super().__post_init__()

    def forward(self, x: Tensor, target: Any) -> Tensor:
        return F.kl_div(x, target, self.reduction, self.log_target)


class WeightedLoss(Module):
    """A loss with weights, which are buffers."""

    weight: Tensor | None

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        self.reduction = reduction
        require_reduction(type(self).__name__, reduction)
        self.register_buffer("weight", weight)

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"


class BCELoss(WeightedLoss):
    """−y ln p − (1 − y) ln(1 − p) for probabilities p."""

    def forward(self, p: Tensor, target: Any) -> Tensor:
        return F.binary_cross_entropy(p, target, self.weight, self.reduction)


class BCEWithLogitsLoss(WeightedLoss):
    """Binary cross-entropy of σ(x), for logits x; pos_weight multiplies the term of y = 1."""

    pos_weight: Tensor | None

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, x: Tensor, target: Any) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            x, target, self.weight, self.reduction, self.pos_weight
        )


class NLLLoss(WeightedLoss):
    """−w_y x_y for log-probabilities x and class indices y."""

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, x: Tensor, target: Any) -> Tensor:
        return F.nll_loss(x, target, self.weight, self.ignore_index, self.reduction)


class CrossEntropyLoss(WeightedLoss):
    """−w_y ln softmax(x)_y for logits x and class indices or probabilities y."""

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction)
        require_probability("CrossEntropyLoss", "label_smoothing", label_smoothing)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, x: Tensor, target: Any) -> Tensor:
        return F.cross_entropy(
            x, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class CTCLoss(Loss):
    """−ln p(targets) over all alignments of labels with steps; `blank` is the class of no label."""

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Any, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths,
            self.blank, self.reduction, self.zero_infinity,
        )  # fmt: skip


class CosineEmbeddingLoss(Loss):
    """1 − cos where the target is 1, max(cos − margin, 0) where it is −1."""

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = within("CosineEmbeddingLoss", "margin", margin, -1, 1)

    def forward(self, input1: Tensor, input2: Tensor, target: Any) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, self.margin, self.reduction)


class TripletMarginLoss(Loss):
    """max(‖A − P‖ₚ − ‖A − N‖ₚ + margin, 0)."""

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        require_positive("TripletMarginLoss", "margin", margin)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, self.reduction
        )


class TripletMarginWithDistanceLoss(Loss):
    """max(d(A, P) − d(A, N) + margin, 0) for any distance d."""

    def __init__(
        self,
        *,
        distance_function: Callable[[Any, Any], Any] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        require_positive("TripletMarginWithDistanceLoss", "margin", margin)
        self.distance_function, self.margin, self.swap = distance_function, margin, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function,
            margin=self.margin, swap=self.swap, reduction=self.reduction,
        )  # fmt: skip
