"""Faces: is this the same person, and who is it? Course 4, week 4.

An encoder turns a picture into a vector, and people are told apart by the distance of vectors, so
that one picture is enough to know somebody: the distance is learned, not the people.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_tr import nn
from tinygrad_tr.arguments import positive, whole, within
from tinygrad_tr.creation import generator_or_default
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.graph import value_of
from tinygrad_tr.nn import functional as F
from tinygrad_tr.tensor import Tensor
from tinygrad_tr.train import predict
from tinygrad_tr.train.checks import require_model

Array = np.ndarray[Any, Any]
Generator = np.random.Generator

MINING = ("semi-hard", "hard", "random")


class Siamese(nn.Module):
    """compare(f(x1), f(x2)): one encoder f, with one set of parameters, for both pictures.

    Pictures (N, ...) and (N, ...) -> (N,): ‖f(x1) − f(x2)‖², or what else compares two
    lists of encodings (N, D), such as a `SimilarityHead`. Source: DeepFace, Taigman et al. 2014.
    """

    def __init__(
        self, encoder: nn.Module, compare: Callable[[Any, Any], Any] = F.squared_distance
    ) -> None:
        self.encoder, self.compare = encoder, compare

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return self.compare(self.encoder(x1), self.encoder(x2))


class SimilarityHead(nn.Module):
    """z = Σ wₖ |f(x1)ₖ − f(x2)ₖ| + b, whose σ(z) is the probability that they are the same person.

    Encodings (N, D), (N, D) -> logits (N,), for `binary_cross_entropy_with_logits`. Symmetric.
    """

    def __init__(self, features: int = 128, *, generator: Generator | None = None) -> None:
        self.linear = nn.Linear(features, 1, generator=generator)

    def forward(self, f1: Tensor, f2: Tensor) -> Tensor:
        return self.linear(np.absolute(f1 - f2))[..., 0]


def triplet_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 0.2, reduction: str = "sum"
) -> Tensor:
    """Σ max(‖f(A) − f(P)‖² − ‖f(A) − f(N)‖² + α, 0): encodings (N, D) three times, α the margin.

    PyTorch's, `F.triplet_margin_loss`, has the distance instead of its square, and the mean.
    """
    return F.triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=F.squared_distance, margin=margin,
        reduction=reduction,
    )  # fmt: skip


def mine_triplets(
    encodings: Any,
    labels: Any,
    mining: str = "semi-hard",
    margin: float = 0.2,
    *,
    generator: Generator | None = None,
) -> tuple[Array, Array, Array]:
    """The rows of anchors, positives and negatives: one triplet for each two pictures of a person.

    Encodings (m, D) and a label for each. The negative is somebody else's picture, with d = ‖·‖²:

    - "random": any. Most are already far enough, and teach nothing.
    - "hard": the nearest.
    - "semi-hard": any with d(A, P) < d(A, N) < d(A, P) + margin, further than the positive but
      not far enough (arXiv 1503.03832). Where there is none, the two pictures are left out.

    People with one picture are negatives only.
    """
    name = "mine_triplets"
    if mining not in MINING:
        raise ArgumentError(
            name, "no such mining", got=repr(mining), wanted=" or ".join(map(repr, MINING))
        )
    positive(name, "margin", margin)
    f = encodings_of(name, encodings)
    same = same_person(name, labels, len(f))
    a, p = np.nonzero(same & ~np.eye(len(f), dtype=bool))
    d = np.square(F.cdist(f, f))
    allowed, preference = ~same[a], d[a]
    if mining != "hard":
        preference = generator_or_default(generator).random(allowed.shape)
    if mining == "semi-hard":
        to_positive = d[a, p][:, None]
        allowed &= (to_positive < d[a]) & (d[a] < to_positive + margin)
    n = np.where(allowed, preference, np.inf).argmin(axis=1)
    found = allowed.any(axis=1)
    return a[found], p[found], n[found]


def draw_pairs(
    labels: Any, pairs: int, *, generator: Generator | None = None
) -> tuple[Array, Array, Array]:
    """Rows i and j of pairs of pictures, and whether they show the same person: (pairs,) each.

    The first half do, the second do not; no pair comes twice.
    """
    y = np.asarray(value_of(labels))
    half = whole("draw_pairs", "pairs", pairs, 2) // 2
    same = same_person("draw_pairs", y, y.size)
    generator = generator_or_default(generator)
    chosen = []
    for kind, wanted in ((same, half), (~same, pairs - half)):
        found = np.argwhere(np.triu(kind, k=1))
        if len(found) < wanted:
            raise ArgumentError(
                "draw_pairs", "there are not so many pairs", got=f"{pairs=}",
                wanted=f"at most {2 * len(found)}, or more pictures",
            )  # fmt: skip
        chosen.append(generator.choice(found, wanted, replace=False))
    i, j = np.concatenate(chosen).T
    return i, j, np.arange(pairs) < half


def verification_accuracy(distances: Any, same: Any, threshold: float) -> float:
    """How often "the same person if d ≤ threshold" is right: distances (m,), same (m,) bools."""
    d, truth = pairs_of("verification_accuracy", distances, same)
    return float(np.mean((d <= threshold) == truth))


def best_threshold(distances: Any, same: Any) -> float:
    """The threshold T that makes "the same person if d ≤ T" right most often: to choose on dev.

    In the middle between two of the distances (m,); of several equally good the smallest.
    """
    d, truth = pairs_of("best_threshold", distances, same)
    if truth.all() or not truth.any():
        raise ArgumentError(
            "best_threshold", "all pairs are of one kind", got=f"{len(d)} pairs, all {truth[0]}",
            wanted="pairs of the same person, and of different people",
        )  # fmt: skip
    order = np.argsort(d)
    edges = np.concatenate([[0.0], d[order], d.max(keepdims=True)])
    # With the k nearest pairs taken for the same person, as many of them are right:
    right = np.cumsum(np.concatenate([[np.sum(~truth)], np.where(truth[order], 1, -1)]))
    apart = edges[:-1] < edges[1:]
    apart[-1] = True
    k = np.where(apart, right, -1).argmax()
    return float((edges[k] + edges[k + 1]) / 2)


def recognition_accuracy(verification: float, people: int) -> float:
    """verificationᴷ: how likely K comparisons are all right, of which recognising one in K needs.

    0.99 is right for one claimed person, but 0.99¹⁰⁰ = 0.37 among a hundred.
    """
    p = within("recognition_accuracy", "verification", verification, 0, 1)
    return p ** whole("recognition_accuracy", "people", people, 1)


class FaceDB:
    """People known by one picture each, or more: `add`, `verify`, `recognize`.

        people = FaceDB(encoder, threshold)
        people.add("Ada", picture)
        people.recognize(another)  # "Ada", or None: not recognised

    The encoder takes pictures (N, ...) and gives vectors (N, D). Two pictures show the same
    person if ‖f(x1) − f(x2)‖² ≤ threshold. A new person is a vector more: nothing is trained.
    """

    def __init__(self, encoder: nn.Module, threshold: float) -> None:
        require_model("FaceDB", encoder)
        self.encoder = encoder
        self.threshold = within("FaceDB", "threshold", threshold, 0)
        self.people: dict[str, list[Array]] = {}
        self.shape: tuple[int, ...] | None = None  # of a picture; the first one decides

    def add(self, name: str, picture: Any) -> None:
        """Know a person by this picture, or by one more."""
        if not isinstance(name, str) or not name:
            raise DtypeError("FaceDB.add", "not a name", got=describe(name), wanted="such as 'Ada'")
        encoding = self.encode("FaceDB.add", picture)
        self.people.setdefault(name, []).append(encoding)

    def distances(self, picture: Any) -> dict[str, float]:
        """d of each person's nearest picture to this one, by name."""
        if not self.people:
            raise ArgumentError("FaceDB", "nobody is known yet", wanted="add(name, picture) first")
        f = self.encode("FaceDB", picture)
        return {
            name: min(float(F.squared_distance(f, one)) for one in known)
            for name, known in self.people.items()
        }

    def verify(self, name: str, picture: Any) -> bool:
        """Whether the picture shows the person it is said to show: one comparison."""
        if name not in self.people:
            raise ArgumentError(
                "FaceDB.verify", "nobody has this name", got=repr(name),
                wanted=", ".join(map(repr, self.people)) or "add(name, picture) first",
            )  # fmt: skip
        return self.distances(picture)[name] <= self.threshold

    def recognize(self, picture: Any) -> str | None:
        """Who of all people it is: the nearest, or None if every d > threshold."""
        found = self.distances(picture)
        nearest = min(found, key=found.__getitem__)
        return nearest if found[nearest] <= self.threshold else None

    def __len__(self) -> int:
        return len(self.people)

    def encode(self, operation: str, picture: Any) -> Array:
        """f(x), (D,), for a picture of the same shape as those before."""
        shape = np.shape(picture)
        if self.shape not in (None, shape):
            raise ShapeError(
                operation, "the picture has another shape than those before", got=f"{shape}",
                wanted=f"{self.shape}, one picture without an axis of examples",
            )  # fmt: skip
        f = encodings_of(operation, predict(self.encoder, np.asarray(value_of(picture))[None]))
        self.shape = shape
        return f[0]


def encodings_of(operation: str, encodings: Any) -> Array:
    """Finite floats (m, D)."""
    f = np.asarray(value_of(encodings))
    if f.ndim != 2 or not f.size:
        raise ShapeError(operation, "no list of encodings", got=describe(f), wanted="(m, D)")
    if f.dtype.kind != "f":
        raise DtypeError(operation, "encodings are floats", got=describe(f), wanted="floats (m, D)")
    if not np.isfinite(f).all():
        raise ArgumentError(
            operation, "an encoding is not finite",
            got=f"{f[~np.isfinite(f)][0]} in row {np.argwhere(~np.isfinite(f))[0][0]}",
            wanted="finite numbers",
        )  # fmt: skip
    return f


def same_person(operation: str, labels: Any, m: int) -> Array:
    """Which pictures show the same person: (m, m) bools. There are two people, and one twice."""
    y = np.asarray(value_of(labels))
    if y.shape != (m,):
        raise ShapeError(
            operation,
            "each picture has one label",
            got=f"{y.shape}, {m} pictures",
            wanted=f"({m},)",
        )
    same = y[:, None] == y
    if same.all():
        raise ArgumentError(
            operation, "there is only one person", got=f"{m} pictures of {y[:1].tolist()}",
            wanted="pictures of several people",
        )  # fmt: skip
    if same.sum() == m:
        raise ArgumentError(
            operation, "nobody has two pictures", got=f"{m} pictures of {m} people",
            wanted="several pictures of a person",
        )  # fmt: skip
    return same


def pairs_of(operation: str, distances: Any, same: Any) -> tuple[Array, Array]:
    """Finite distances ≥ 0 (m,) as float64, and bools (m,)."""
    d, truth = np.asarray(value_of(distances)), np.asarray(value_of(same))
    if d.ndim != 1 or not d.size or d.shape != truth.shape:
        raise ShapeError(
            operation, "no list of pairs", got=f"distances {d.shape}, same {truth.shape}",
            wanted="(m,) each",
        )  # fmt: skip
    if d.dtype.kind not in "fiu" or truth.dtype.kind != "b":
        raise DtypeError(
            operation, "not numbers and bools", got=f"{describe(d)} and {describe(truth)}",
            wanted="distances as floats, same as bools",
        )  # fmt: skip
    if not (np.isfinite(d).all() and (d >= 0).all()):
        raise ArgumentError(
            operation, "a distance is negative or not finite", got=f"{d.min()} to {d.max()}",
            wanted="finite numbers ≥ 0",
        )  # fmt: skip
    return d.astype(np.float64), truth
