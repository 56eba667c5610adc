"""Plots that several examples draw, on matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]


def canvas(columns: int = 1, rows: int = 1, size: tuple[float, float] = (5, 4)) -> tuple[Any, Any]:
    """A figure, and its axes: one, or an array of them; `size` is that of one in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    return figure, figure.subplots(rows, columns)


def saved(figure: Figure, file: Path) -> Path:
    """The figure in a file; its suffix decides the format, and its folder is made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150)
    return file


def curves(axes: Any, lines: Mapping[str, Sequence[float]], **settings: Any) -> None:
    """A line for each name, against 1, 2, 3 ...; `settings` are `axes.set`'s."""
    for name, values in lines.items():
        axes.plot(range(1, len(values) + 1), values, label=name, linewidth=1.2)
    axes.set(**settings)
    axes.legend()


def counts(axes: Any, sizes: Sequence[int]) -> None:
    """An axis of how many examples there were, on a logarithmic scale, with these numbers."""
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{m:,}" for m in sizes])
    axes.minorticks_off()


def regions(axes: Any, classify: Callable[[Array], Array], X: Array, y: Array, title: str) -> None:
    """The plane coloured by class, and the examples on it: X (m, 2), y (m,).

    `classify` takes points (n, 2) and gives their classes (n,).
    """
    (left, bottom), (right, top) = X.min(axis=0) - 0.5, X.max(axis=0) + 0.5
    across, up = np.meshgrid(np.linspace(left, right, 200), np.linspace(bottom, top, 200))
    points = np.column_stack([across.ravel(), up.ravel()]).astype(X.dtype)
    classes = np.asarray(classify(points)).reshape(across.shape)
    last = max(int(np.max(y)), 1)
    axes.pcolormesh(across, up, classes, cmap="coolwarm", alpha=0.35, vmin=0, vmax=last)
    axes.scatter(X[:, 0], X[:, 1], c=y, cmap="coolwarm", vmin=0, vmax=last, s=9,
                 edgecolors="black", linewidths=0.2)  # fmt: skip
    axes.set(title=title, xlabel="x₁", ylabel="x₂")
