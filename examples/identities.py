"""Drawn faces of people who do not exist, an encoder, and how well it tells people apart.

A person is twelve numbers, such as how far apart the eyes are; a picture of the person differs
in place, size, light, expression and noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr import nn, train, vision
from tinygrad_tr.nn import functional as F
from tinygrad_tr.tensor import Tensor

Array = np.ndarray[Any, Any]

# What a person is, each between two limits: lengths in half pictures, shades from 0 to 1.
TRAITS: dict[str, tuple[float, float]] = {
    "head width": (0.5, 0.8),
    "head height": (0.7, 0.95),
    "skin": (0.5, 0.9),
    "hair": (0.05, 0.45),
    "hairline": (0.4, 0.75),
    "eye distance": (0.2, 0.38),
    "eye height": (-0.05, 0.25),
    "eye size": (0.06, 0.13),
    "brow slope": (-0.5, 0.5),
    "nose length": (0.1, 0.35),
    "mouth width": (0.15, 0.42),
    "mouth height": (0.4, 0.62),
}


class Encoder(nn.Module):
    """f(x): pictures (N, 1, size, size) to vectors of length 1, (N, features)."""

    def __init__(self, size: int = 24, features: int = 128) -> None:
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 5, padding=2), nn.Conv2d(16, 32, 3, padding=1)
        self.dense = nn.Linear(32 * (size // 4) ** 2, features)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return F.normalize(self.dense(F.flatten(x, 1)))


def faces(
    people: int = 40, pictures: int = 12, size: int = 24, seed: int = 0
) -> tuple[Array, Array]:
    """Pictures of each person, (people · pictures, 1, size, size) float32, and who it is (m,).

    Each picture has mean 0 and deviation 1.
    """
    rng = np.random.default_rng(seed)
    low, high = np.array(list(TRAITS.values())).T
    traits = np.repeat(rng.uniform(low, high, (people, len(TRAITS))), pictures, axis=0)
    m = len(traits)
    person = dict(zip(TRAITS, traits.T[:, :, None, None], strict=True))
    place, zoom = rng.uniform(-0.08, 0.08, (2, m, 1, 1)), rng.uniform(0.95, 1.05, (m, 1, 1))
    axis = np.linspace(-1, 1, size)
    down, right = axis[:, None] * zoom + place[0], axis * zoom + place[1]
    shades = shades_of(person, rng.uniform(-0.4, 0.6, (m, 1, 1)), down, right, size)
    light = rng.uniform(-0.25, 0.25, (2, m, 1, 1))
    shades = shades * (1 + light[0] * down + light[1] * right)
    shades += 0.04 * rng.standard_normal(shades.shape)
    shades -= shades.mean(axis=(1, 2), keepdims=True)
    shades /= shades.std(axis=(1, 2), keepdims=True)
    return shades.astype(np.float32)[:, None], np.repeat(np.arange(people), pictures)


def shades_of(
    person: dict[str, Array], smile: Array, down: Array, right: Array, sharpness: float
) -> Array:
    """The face at these points, 0 (black) to 1: points (m, size, size), traits (m, 1, 1)."""

    def over(below: Array, shade: Any, outside: Array) -> Array:
        """The shade where `outside` < 0, else what is below; soft at the outline."""
        cover = 1 / (1 + np.exp(np.clip(sharpness * outside, -30, 30)))
        return below + cover * (shade - below)

    side = abs(right)  # faces are symmetric
    skin, hair, height = person["skin"], person["hair"], person["head height"]
    head = np.hypot(side / person["head width"], down / height) - 1
    eye_down, eye_right = down + person["eye height"], side - person["eye distance"]
    eye = np.hypot(eye_right, eye_down)
    brow = eye_down + 0.25 + person["brow slope"] * eye_right
    nose = abs(down + 0.02 - person["nose length"] / 2) - person["nose length"] / 2
    mouth = abs(down - person["mouth height"] * height + smile * side**2) - 0.06

    shades = over(np.full(head.shape, 0.25), skin, head)
    shades = over(shades, hair, np.maximum(head - 0.08, down + person["hairline"] * height))
    shades = over(shades, 0.95, eye - 1.5 * person["eye size"])
    shades = over(shades, 0.05, eye - 0.8 * person["eye size"])
    shades = over(shades, hair, np.maximum(abs(brow) - 0.05, abs(eye_right) - 0.14))
    shades = over(shades, skin - 0.2, np.maximum(nose, side - 0.05))
    return over(shades, 0.15, np.maximum(mouth, side - person["mouth width"]))


def one_shot_accuracy(encodings: Array, labels: Array) -> float:
    """How often the nearest of one picture of each person is the right person's.

    Each person's first picture is known, and the others are asked about; then the second, and
    so on, and the mean of all. Rows come person by person, with equally many pictures each.
    """
    people = len(np.unique(labels))
    x = encodings.reshape(len(labels), -1)
    d = F.cdist(x, x).reshape(len(labels), people, -1)  # the last axis: which picture is known
    person = np.repeat(np.arange(people), d.shape[2])
    asked = ~np.tile(np.eye(d.shape[2], dtype=bool), (people, 1))
    return float(np.mean((d.argmin(axis=1) == person[:, None])[asked]))


def pair_distances(
    encoder: nn.Module, x: Array, y: Array, pairs: int = 1000, seed: int = 0
) -> tuple[Array, Array]:
    """‖f(x1) − f(x2)‖² of so many pairs, and whether they show the same person: (pairs,) each."""
    i, j, same = vision.draw_pairs(y, pairs, generator=np.random.default_rng(seed))
    f = train.predict(encoder, x)  # each picture once, though it is in many pairs
    return np.asarray(F.squared_distance(f[i], f[j])), same


def plot_distances(
    axes: Any, distances: Array, same: Array, threshold: float | None, title: str
) -> None:
    """Histograms of the distances of one person and of two, and the threshold if there is one."""
    bins = np.linspace(0, distances.max(), 50)
    axes.hist(distances[same], bins, alpha=0.6, label="the same")
    axes.hist(distances[~same], bins, alpha=0.6, label="different")
    if threshold is not None:
        axes.axvline(threshold, color="black", linestyle="--", label="threshold, from dev")
    axes.set(title=title, xlabel="‖f(x₁) − f(x₂)‖²", ylabel="pairs")
    axes.margins(y=0.3)  # room for the legend
    axes.legend()
