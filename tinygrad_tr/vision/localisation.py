"""Where the object is, if there is one: the loss of a box or of landmarks, and a head for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr import nn
from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.nn import functional as F
from tinygrad_tr.nn.checks import require_same_shape, value_of
from tinygrad_tr.rules.arithmetic import where
from tinygrad_tr.tensor import Tensor

FORMS = ("squared", "mixed")


def localization_loss(
    y_hat: Tensor,
    y: Any,
    form: str = "squared",
    *,
    coordinates: int = 4,
    anchors: int = 1,
    reduction: str = "mean",
) -> Tensor:
    """The loss of y = [p_c, bx, by, bh, bw, c1, ..., cC], in which only p_c counts where p_c = 0.

    - "squared": Σⱼ (ŷⱼ − yⱼ)² over all components if p_c = 1, else (ŷ₁ − y₁)².
    - "mixed": the logistic loss for p_c, the squared error for b, and cross-entropy over the
      softmax for c. There ŷ has logits in place of p_c and c.

    The vector is the last axis, and of any number of pictures and cells: (..., 5 + C), or
    (..., anchors·(5 + C)), one vector for each anchor side by side. `reduction` is over vectors.
    `coordinates` is how many numbers b has: 2L for L landmarks. Where p_c = 0 the rest of y may
    be anything, NaN too, and the gradient there is exactly 0. Course 4, week 3.
    """
    name = "localization_loss"
    reduce = require_same_shape(name, y_hat, y, reduction)
    if form not in FORMS:
        raise ArgumentError(name, "unknown form", got=repr(form), wanted=" or ".join(FORMS))
    length, rest = divmod(y_hat.shape[-1] if y_hat.ndim else 0, whole(name, "anchors", anchors))
    if rest or length < 1 + whole(name, "coordinates", coordinates):
        raise ShapeError(
            name, "not the vectors of objects", got=f"{y_hat.shape}, {anchors=}, {coordinates=}",
            wanted="(..., anchors·(1 + coordinates + classes))",
        )  # fmt: skip
    target = value_of(y)
    if anchors > 1:
        vectors = (*y_hat.shape[:-1], anchors, length)
        y_hat, target = y_hat.reshape(vectors), target.reshape(vectors)
    present = require_targets(name, target)
    p = target[..., 0]
    guess, truth = where(present, y_hat, 0)[..., 1:], np.where(present, target, 0)[..., 1:]
    if form == "squared":
        return reduce((y_hat[..., 0] - p) ** 2 + np.sum((guess - truth) ** 2, axis=-1))
    b, c = slice(0, coordinates), slice(coordinates, None)
    each = F.binary_cross_entropy_with_logits(y_hat[..., 0], p, reduction="none")
    each = each + np.sum((guess[..., b] - truth[..., b]) ** 2, axis=-1)
    if length > 1 + coordinates:
        each = each - np.sum(truth[..., c] * F.log_softmax(guess[..., c], dim=-1), axis=-1)
    return reduce(each)


def require_targets(operation: str, target: Any) -> Any:
    """Where there is an object, (..., 1) bools; p_c is 0 or 1, and with it the rest is finite."""
    p = target[..., :1]
    if not ((p == 0) | (p == 1)).all():
        odd = p[(p != 0) & (p != 1)][0]
        raise ArgumentError(operation, "p_c is neither 0 nor 1", got=f"{odd}", wanted="0 or 1")
    present = p == 1
    if not np.isfinite(np.where(present, target, 0)).all():
        raise ArgumentError(
            operation, "the target of an object is not finite", got="p_c = 1 beside nan or inf",
            wanted="finite numbers where p_c = 1",
        )  # fmt: skip
    return present


class LandmarkHead(nn.Module):
    """[p, l1x, l1y, ..., lLx, lLy]: is there an object, and where its key points are.

    Features (N, in_features) -> (N, 2·landmarks + 1), the first a logit, the others in units of
    the picture. 64 landmarks of a face make 129 outputs. For `localization_loss(...,
    coordinates=2·landmarks)`. Course 4, week 3.
    """

    def __init__(
        self,
        landmarks: int,
        in_features: int = 128,
        *,
        generator: np.random.Generator | None = None,
    ) -> None:
        self.landmarks = whole("LandmarkHead", "landmarks", landmarks)
        self.linear = nn.Linear(in_features, 2 * landmarks + 1, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)
