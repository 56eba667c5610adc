"""Whether two sets of examples may come from one distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_tr.arguments import within
from tinygrad_tr.data.scaling import require_finite
from tinygrad_tr.errors import DtypeError, ShapeError, describe
from tinygrad_tr.graph import value_of

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Comparison:
    """What two sets differ in most; true if that may be chance.

    `p` is the probability that chance alone makes some feature or class differ so much, `z` that
    difference in standard deviations, and `where` is "feature 3" or "class 1".
    """

    same: bool
    where: str
    z: float
    p: float

    def __bool__(self) -> bool:
        return self.same

    def __str__(self) -> str:
        verdict = "may come from one distribution" if self.same else "come from two distributions"
        return f"The sets {verdict}: {self.where} differs most, z = {self.z:.1f}, p = {self.p:.2g}"


def same_distribution(dev: Any, test: Any, *, level: float = 0.01) -> Comparison:
    """Whether the feature means, and the shares of the classes, differ by no more than chance.

    A set is X (m, *features), or a tuple (X, y) with class labels y (m,). Each feature has
    z = (x̄₁ − x̄₂)/√(s₁²/m₁ + s₂²/m₂), each class the z of its two shares, and with the largest |z|
    of all n of them p = min(1, n · 2(1 − Φ(|z|))); they are the same if p ≥ `level`. Two sets
    drawn from one are then taken for different with probability `level` at most. z is normal for
    some 30 examples or more, and what differs in neither means nor shares is not seen.
    Course 3, week 1: dev and test must come from the same distribution.
    """
    within("same_distribution", "level", level, low=0, high=1)
    (X1, y1), (X2, y2) = sample("dev", dev), sample("test", test)
    if X1.shape[1:] != X2.shape[1:] or (y1 is None) != (y2 is None):
        raise ShapeError(
            "same_distribution", "the sets do not have the same features and labels",
            got=", ".join(describe(array) for array in (X1, y1, X2, y2)),
            wanted="features of one shape, and labels of both sets or of none",
        )  # fmt: skip
    differences = {f"feature {place}": z for place, z in means(X1, X2)}
    if y1 is not None and y2 is not None:
        differences |= {f"class {label}": z for label, z in shares(y1, y2)}
    where = max(differences, key=lambda name: abs(differences[name]))
    z = differences[where]
    p = min(1.0, len(differences) * math.erfc(abs(z) / math.sqrt(2)))
    return Comparison(p >= level, where, z, p)


def sample(name: str, data: Any) -> tuple[Array, Array | None]:
    """X as floats, and y or None."""
    X, *labels = data if isinstance(data, (tuple, list)) else (data,)
    X = np.asarray(value_of(X))
    if X.dtype.kind not in "biuf" or len(labels) > 1:
        raise DtypeError(
            "same_distribution", f"{name} is no set of examples", got=f"{X.dtype}",
            wanted="X, or (X, y), with numbers as features",
        )  # fmt: skip
    if X.ndim < 2 or len(X) < 2 or not X.size:
        raise ShapeError(
            "same_distribution", f"{name} has too few examples, or no features",
            got=f"{X.shape}", wanted="(m, *features) with m ≥ 2",
        )  # fmt: skip
    X = X.astype(np.float64)
    require_finite("same_distribution", X)
    if not labels:
        return X, None
    y = np.asarray(value_of(labels[0]))
    if y.shape != (len(X),):
        raise ShapeError(
            "same_distribution", f"{name} has one label for each example",
            got=f"{y.shape}", wanted=f"({len(X)},)",
        )  # fmt: skip
    return X, y


def means(X1: Array, X2: Array) -> list[tuple[str, float]]:
    """The place of each feature, and how far its two means are apart, in deviations."""
    # From a point of theirs on: of equal numbers such as 0.1 the mean would be rounded.
    X1, X2 = X1 - X1[0], X2 - X1[0]
    difference = X1.mean(axis=0) - X2.mean(axis=0)
    deviation = np.sqrt(X1.var(axis=0, ddof=1) / len(X1) + X2.var(axis=0, ddof=1) / len(X2))
    return [
        (", ".join(map(str, place)), ratio(d, float(deviation[place])))
        for place, d in np.ndenumerate(difference)
    ]


def shares(y1: Array, y2: Array) -> list[tuple[str, float]]:
    """Each class, and how far its two shares are apart, in deviations."""
    found = []
    for label in np.unique(np.concatenate([y1, y2])):
        p1, p2 = np.mean(y1 == label), np.mean(y2 == label)
        p = (p1 * len(y1) + p2 * len(y2)) / (len(y1) + len(y2))
        deviation = math.sqrt(p * (1 - p) * (1 / len(y1) + 1 / len(y2)))
        found.append((str(label), ratio(p1 - p2, deviation)))
    return found


def ratio(difference: float, deviation: float) -> float:
    """difference/deviation; of constant features 0 if they are equal, else ±∞."""
    if deviation > 0:
        return float(difference / deviation)
    return 0.0 if difference == 0 else math.copysign(math.inf, difference)
