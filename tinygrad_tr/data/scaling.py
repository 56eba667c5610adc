"""Features on one scale."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.graph import value_of
from tinygrad_tr.operands import Defaults

from .checks import Array, Rows, common_length


class Normalizer:
    """(x − μ) / σ for each feature, with the mean and deviation of the training set.

    `fit` it on the training set only, then `transform` all sets with it. A feature that is
    constant in the training set is only shifted. A NaN or an infinity is refused, by its
    column. Course 2, week 1.
    """

    mean: Array | None = None  # (*features,)
    std: Array | None = None  # (*features,), 1 where the feature is constant

    def fit(self, x: Rows) -> Normalizer:
        """Learn μ and σ² = (1/m) Σ (x − μ)² from x, (m, *features)."""
        common_length("Normalizer.fit", (x,))
        require_finite("Normalizer.fit", x)
        x = as_float(value_of(x))
        # Sums over many float32 rows lose digits; as float64 they do not.
        self.mean = x.mean(axis=0, dtype=np.float64).astype(x.dtype)
        variance = np.square(x - self.mean, dtype=np.float64).mean(axis=0)
        std = np.sqrt(variance).astype(x.dtype)
        constant = (x.max(axis=0) == x.min(axis=0)) | (std == 0)
        self.std = np.where(constant, std.dtype.type(1), std)
        return self

    def transform(self, x: Rows) -> Any:
        """(x − μ) / σ, (n, *features) -> (n, *features)."""
        mean, std = self.fitted("Normalizer.transform", x)
        return (as_float(x) - mean) / std

    def inverse(self, x: Rows) -> Any:
        """xσ + μ: what `transform` was given."""
        mean, std = self.fitted("Normalizer.inverse", x)
        return as_float(x) * std + mean

    def fitted(self, operation: str, x: Rows) -> tuple[Array, Array]:
        """μ and σ, if they are known and fit x."""
        if self.mean is None or self.std is None:
            raise ArgumentError(
                operation, "the training set has not been seen", wanted="fit(x_train) before"
            )
        common_length(operation, (x,))
        if x.shape[1:] != self.mean.shape:
            raise ShapeError(
                operation, "not the features of the training set", got=f"{x.shape}",
                wanted=f"(n, {', '.join(map(str, self.mean.shape))})",
            )  # fmt: skip
        require_finite(operation, x)
        return self.mean, self.std


def require_finite(operation: str, x: Rows) -> None:
    """Refuse NaN and infinities, and say where the first one is."""
    values = np.asarray(value_of(x))
    if values.dtype.kind not in "fiub":
        raise DtypeError(
            operation, "the features are no numbers", got=describe(values),
            wanted="floats, integers or booleans",
        )  # fmt: skip
    finite = np.isfinite(values)
    if not finite.all():
        row, *column = np.argwhere(~finite)[0].tolist()
        name = f"column {', '.join(map(str, column))}" if column else "x"
        raise ArgumentError(
            operation, f"{name} has a value that is not finite",
            got=f"{values[row, *column]} in row {row}, {np.sum(~finite):,} such values in all",
            wanted="finite numbers: leave those examples out, or fill them in",
        )  # fmt: skip


def as_float(x: Rows) -> Any:
    """Features as floats: integers in the default dtype, floats as they are."""
    return x if x.dtype.kind == "f" else x.astype(Defaults.dtype)
