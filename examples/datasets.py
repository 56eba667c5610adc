"""Data that several examples learn from: generated, or bundled with scikit-learn.

An example is a row: X (m, features), y (m,) integers. The same seed gives the same data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def flower(m: int = 400, seed: int = 0) -> tuple[Array, Array]:
    """Two classes on the petals r = 4 sin 4t, noise 0.2: X (m, 2), y (m,). Course 1, week 3.

    No straight line separates them.
    """
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], m // 2)
    t = np.concatenate([np.linspace(0, 3.12, m // 2), np.linspace(3.12, 6.24, m // 2)])
    t = t + 0.2 * rng.standard_normal(t.shape)
    r = 4 * np.sin(4 * t) + 0.2 * rng.standard_normal(t.shape)
    return np.column_stack([r * np.sin(t), r * np.cos(t)]), y


def gaussians(m: int = 1000, seed: int = 0) -> tuple[Array, Array]:
    """Two round clouds of deviation 1, their means 2 apart along (1, 1): X (m, 2), y (m,).

    The best classifier is right with probability Φ(1) = 0.8413; its weights are (√2, √2).
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, m)
    means = np.array([[-1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)
    return means[y] + rng.standard_normal((m, 2)), y


def moons(m: int, noise: float = 0.35, seed: int = 0) -> tuple[Array, Array]:
    """scikit-learn's two half circles that reach into each other: X (m, 2), y (m,)."""
    from sklearn.datasets import make_moons

    X, y = make_moons(m, noise=noise, random_state=seed)
    return X, y


def squares(m: int = 209, size: int = 64, seed: int = 0) -> tuple[Array, Array]:
    """Noise with a red (1) or blue (0) square somewhere: pictures (m, size, size, 3), y (m,).

    Bytes from 0 to 255, as the course has its pictures of cats.
    """
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (m, size, size, 3), dtype=np.uint8)
    y = rng.integers(0, 2, m)
    side = size // 3
    corners = rng.integers(0, size - side, (m, 2))
    for picture, label, (top, left) in zip(pictures, y, corners, strict=True):
        colour = (230, 30, 30) if label else (30, 30, 230)
        picture[top : top + side, left : left + side] = colour
    return pictures, y


def shapes(
    m: int = 80, size: int = 16, noise: float = 0.1, seed: int = 0, shift: float = 1 / 8
) -> tuple[Array, Array]:
    """A square, disc, cross or triangle (0 to 3), light on dark: (m, 1, size, size), y (m,).

    Float32 in [0, 1]. Place, by `shift` of the size in each direction, and size vary, and a
    triangle points in any of four directions.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, m)
    radius = rng.uniform(size / 5, size / 3, (m, 1, 1))
    centre = (size - 1) / 2 + rng.uniform(-size * shift, size * shift, (2, m, 1, 1))
    down, right = np.arange(size)[:, None] - centre[0], np.arange(size) - centre[1]
    box, cross = np.maximum(abs(down), abs(right)), np.minimum(abs(down), abs(right))
    direction = rng.integers(0, 4, (m, 1, 1))
    along = np.choose(direction, [down, right, -down, -right])
    across = np.choose(direction, [right, down, right, down])
    inside = np.choose(
        y[:, None, None],
        [
            box <= 0.85 * radius,
            down**2 + right**2 <= radius**2,
            (cross <= size / 16) & (box <= radius),
            (abs(along) <= radius) & (2 * abs(across) <= along + radius),
        ],
    )
    pictures = 0.1 + 0.8 * inside + noise * rng.standard_normal((m, size, size))
    return np.clip(pictures, 0, 1).astype(np.float32)[:, None], y


FIGURES: dict[str, Callable[[Array, Array], Array]] = {  # which points (down, right) are inside
    "disc": lambda d, r: d**2 + r**2 <= 0.9,
    "ring": lambda d, r: abs(d**2 + r**2 - 0.65) <= 0.35,
    "square": lambda d, r: np.maximum(abs(d), abs(r)) <= 0.8,
    "frame": lambda d, r: abs(np.maximum(abs(d), abs(r)) - 0.7) <= 0.2,
    "diamond": lambda d, r: abs(d) + abs(r) <= 1,
    "triangle": lambda d, r: (abs(d) <= 0.9) & (2 * abs(r) <= d + 0.9),
    "plus": lambda d, r: (np.minimum(abs(d), abs(r)) <= 0.2) & (np.maximum(abs(d), abs(r)) <= 1),
    "times": lambda d, r: (abs(abs(d) - abs(r)) <= 0.3) & (np.maximum(abs(d), abs(r)) <= 0.8),
    "two bars": lambda d, r: (abs(abs(d) - 0.6) <= 0.25) & (abs(r) <= 0.9),
    "moon": lambda d, r: (d**2 + r**2 <= 1) & (d**2 + (r - 0.6) ** 2 > 0.7),
}


def figures(m: int, size: int = 32, noise: float = 0.05, seed: int = 0) -> tuple[Array, Array]:
    """One of the ten FIGURES (0 to 9) in any colour on any other: (m, 3, size, size), y (m,).

    Float32 in [0, 1]. Place and size vary; the colours say nothing about the class.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(FIGURES), m)
    radius = rng.uniform(size / 5, size / 3, m)
    centre = (size - 1) / 2 + rng.uniform(-size / 8, size / 8, (2, m))
    ground = rng.uniform(0, 1, (m, 3, 1, 1))
    colour = (ground + rng.uniform(0.35, 0.65, (m, 3, 1, 1))) % 1  # far from it in every channel
    pictures = np.empty((m, 3, size, size), np.float32)
    axis, inside = np.arange(size), list(FIGURES.values())
    for i, label in enumerate(y):
        down, right = (axis - centre[:, i, None]) / radius[i]
        chosen = inside[label](down[:, None], right)
        picture = np.where(chosen, colour[i], ground[i]) + noise * rng.standard_normal(
            (3, size, size)
        )
        pictures[i] = np.clip(picture, 0, 1)
    return pictures, y


def logistic(
    m: int = 8192, features: int = 5, steepness: float = 13.0, seed: int = 0
) -> tuple[Array, Array]:
    """Labels drawn from P(y = 1 | x) = σ(wᵀx) with ‖w‖ = steepness: X (m, features), y (m,)."""
    rng = np.random.default_rng(seed)
    w = rng.standard_normal(features)
    w *= steepness / np.linalg.norm(w)
    X = rng.standard_normal((m, features))
    return X, (rng.random(m) < 1 / (1 + np.exp(-X @ w))).astype(int)


# Of scikit-learn's sample images, (427, 640, 3) bytes each: where a square of the height begins.
PHOTOS = {"flower": 180, "china": 100}


def photo(size: int = 96, name: str = "flower") -> Array:
    """A "flower" or a pagoda in "china", from scikit-learn: (3, size, size) float32 in [0, 1]."""
    from sklearn.datasets import load_sample_image

    picture, left = load_sample_image(f"{name}.jpg"), PHOTOS[name]
    step = len(picture) // size
    square = picture[: step * size, left : left + step * size]
    blocks = square.reshape(size, step, size, step, 3).mean(axis=(1, 3))
    return np.moveaxis(blocks / 255, 2, 0).astype(np.float32)


def digits() -> tuple[Array, Array]:
    """The 1,797 handwritten digits of scikit-learn: X (1797, 64) float32 in [0, 1], y (1797,)."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y
