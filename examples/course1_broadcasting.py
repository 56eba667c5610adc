"""Course 1, week 2: sums along an axis, broadcasting, and the trap of the rank-1 array.

The lecture's table: the calories that 100 g of four foods have from carbohydrates, protein and
fat. Two lines give the percentages, and since every column of them adds up to 100 whatever the
table is, their sum has no slope. Then the lecture's three sums with the gradients of what was
stretched, and an array (5,) that turns a column into a matrix unless somebody asks its shape.

    python -m tinygrad_tr.examples.course1_broadcasting
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved

FOODS = ("apples", "beef", "eggs", "potatoes")
SOURCES = ("carbs", "protein", "fat")
CALORIES = np.array([
    [56.0, 0.0, 4.4, 68.0],
    [1.2, 104.0, 52.0, 8.0],
    [1.8, 135.0, 99.0, 0.9],
])  # (3, 4): sources, foods  # fmt: skip

# The lecture's three sums: what is kept, and what is stretched to its shape.
SUMS = {
    "(4, 1) + (1, 1)": ([[1], [2], [3], [4]], [[100]]),
    "(2, 3) + (1, 3)": ([[1, 2, 3], [4, 5, 6]], [[100, 200, 300]]),
    "(2, 3) + (2, 1)": ([[1, 2, 3], [4, 5, 6]], [[100], [200]]),
}


def percentages(A: tt.Tensor) -> tt.Tensor:
    """How much each source contributes to each food, in percent: (3, 4) -> (3, 4)."""
    cal = A.sum(axis=0)
    return 100 * A / cal.reshape(1, 4)


def stretched() -> dict[str, tuple[tt.Tensor, tt.Tensor]]:
    """Of each of the three sums, the result, and the gradient of what was stretched."""
    found = {}
    for name, (kept, short) in SUMS.items():
        b = tt.Tensor(np.array(short, float), requires_grad=True)
        out = b + np.array(kept)
        (g,) = tt.grad(out.sum(), b)
        found[name] = out, g
    return found


def main(folder: Path = FOLDER) -> Outcome:
    """The table, the three sums and the trap; with the bars and the graph of the percentages."""
    A = tt.Tensor(CALORIES, requires_grad=True)
    percentage = percentages(A)
    shares = percentage.numpy()
    print(f"{'% of calories':14}" + "".join(f"{food:>12}" for food in FOODS))
    for source, row in zip(SOURCES, shares, strict=True):
        print(f"{source:14}" + "".join(f"{share:12.8f}" for share in row))
    (g,) = tt.grad(percentage.sum(), A)
    slope = float(np.abs(g.numpy()).max())
    print(f"d(sum of all percentages)/dA is 0 up to {slope:.0e}: every column adds up to 100\n")

    for name, (out, gradient) in stretched().items():
        print(
            f"{name} = {out.numpy().tolist()}, gradient of the second {gradient.numpy().tolist()}"
        )

    vector, column = tt.zeros(5), tt.zeros(5, 1)
    trap = (vector + column).shape
    print(f"\n(5,) + (5, 1) is {trap}; so ask for the shape: tt.assert_shape(vector, (5, 1)) says")
    try:
        tt.assert_shape(vector, (5, 1), "vector")
        refused = 0
    except tt.ShapeError as error:
        refused = 1
        print(error)

    figure, axes = canvas(size=(6, 4))
    bottom = np.zeros(4)
    for source, row in zip(SOURCES, shares, strict=True):
        axes.bar(FOODS, row, bottom=bottom, label=source)
        bottom += row
    axes.set(ylabel="% of the calories", title="100 · A / A.sum(axis=0).reshape(1, 4)")
    figure.legend(loc="outside right upper")
    picture = tt.draw(percentages(tt.Tensor(CALORIES, requires_grad=True, name="A")).sum())
    files = [
        saved(figure, folder / "broadcasting-calories.png"),
        *(picture.save(folder / f"broadcasting-graph{suffix}") for suffix in (".svg", ".png")),
    ]
    return Outcome(
        [
            Goal("calories of an apple from carbs in %", float(shares[0, 0]), 94.9, 95),
            Goal("columns add up to 100, but for", float(np.abs(shares.sum(axis=0) - 100).max()),
                 at_most=1e-12),
            Goal("slope of the sum of all percentages", slope, at_most=1e-12),
            Goal("refused the rank-1 array", refused, 1, 1),
        ],
        files,
    )  # fmt: skip


if __name__ == "__main__":
    print(main())
