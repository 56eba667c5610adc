"""Course 2, week 2: exponentially weighted averages of a year of daily temperatures.

V ← βV + (1 − β)θ keeps one number and averages about the last 1 / (1 − β) days: the larger β,
the smoother the curve and the later it comes. It starts at 0, so the first averages are far too
small unless they are divided by 1 − βᵗ, the sum of the weights.

    python -m tinygrad_tr.examples.course2_averages
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_tr import optim
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import saved

Array = np.ndarray[Any, Any]
DAYS = 365
BETAS = {0.5: "#f08a24", 0.9: "#d1495b", 0.98: "#00429d"}


def season(day: Array) -> Array:
    """The temperature that is usual on a day, in °F: coldest in the middle of January."""
    return 51 - 13 * np.cos(2 * np.pi * (day - 15) / DAYS)


def year(seed: int = 0) -> Array:
    """A year's daily temperatures in °F, (365,): the season and 5 °F of weather."""
    rng = np.random.default_rng(seed)
    return season(np.arange(1, DAYS + 1)) + 5 * rng.standard_normal(DAYS)


def averages(series: Iterable[float], beta: float, bias_correction: bool = True) -> Array:
    """The exponentially weighted average after each value, (n,)."""
    mean = optim.EWA(beta, bias_correction=bias_correction)
    return np.array([mean.update(x) for x in series])


def roughness(curve: Array) -> float:
    """The deviation of the changes from one day to the next."""
    return float(np.std(np.diff(curve)))


def lag(curve: Array) -> int:
    """How many days behind the season the curve is: where the two agree best."""
    day = np.arange(1, DAYS + 1)
    return max(range(100), key=lambda late: np.corrcoef(season(day - late), curve)[0, 1])


def weights(beta: float, days: int) -> Array:
    """The weight of the value k days back, (1 − β)βᵏ: what is left of a single 1."""
    return averages(np.eye(1, days)[0], beta, bias_correction=False)


def main(folder: Path = FOLDER) -> Outcome:
    """The first days by hand, three averages of the year, and the bias at its beginning."""
    first = [40.0, 49.0, 45.0]
    print("day   °F   V, β = 0.9   V, β = 0.98   corrected, V / (1 − βᵗ)")
    columns = [averages(first, 0.9, False), averages(first, 0.98, False), averages(first, 0.98)]
    for day, (x, plain, small, corrected) in enumerate(zip(first, *columns, strict=True), 1):
        print(f"{day:3} {x:4g} {plain:12g} {small:13g} {corrected:25.6f}")

    series = year()
    curves = {beta: averages(series, beta) for beta in BETAS}
    rough = [roughness(curve) for curve in curves.values()]
    late = [lag(curve) for curve in curves.values()]
    print("\n   β   1 / (1 − β)   from day to day   days late")
    for beta, r, d in zip(BETAS, rough, late, strict=True):
        print(f"{beta:4} {1 / (1 - beta):12.0f} {r:14.2f} °F {d:10}")

    uncorrected = averages(series, 0.98, False)
    return Outcome(
        [
            Goal("V on day 3, β = 0.9", columns[0][2], 12.15 - 1e-9, 12.15 + 1e-9),
            Goal("corrected on day 2, β = 0.98", columns[2][1], 44.545454, 44.545455),
            Goal("weight of 10 days ago, in shares of today's", weights(0.9, 11)[10] / 0.1,
                 0.9 / np.e, 1.1 / np.e),
            Goal("β = 0.9 is smoother than 0.5 by", rough[0] / rough[1], at_least=3),
            Goal("β = 0.98 is smoother than 0.9 by", rough[1] / rough[2], at_least=1.5),
            Goal("days that 0.9 is later than 0.5", late[1] - late[0], at_least=3),
            Goal("days that 0.98 is later than 0.9", late[2] - late[1], at_least=15),
            Goal("bias left on day 365", 1 - uncorrected[-1] / curves[0.98][-1], at_most=1e-3),
        ],
        [plot(series, curves, uncorrected, folder / "averages.png")],
    )  # fmt: skip


def plot(series: Array, curves: dict[float, Array], uncorrected: Array, file: Path) -> Path:
    """The year with its averages, the first weeks with and without the bias, the weights."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8), layout="constrained")
    axes = figure.subplot_mosaic([["year", "year"], ["bias", "weights"]], height_ratios=[1.3, 1])
    day = np.arange(1, DAYS + 1)
    for name in ("year", "bias"):
        axes[name].plot(day, series, ".", color="#9aa5b1", markersize=5, label="temperature")
        axes[name].set(xlabel="day t", ylabel="°F")
    for beta, colour in BETAS.items():
        label = f"β = {beta:g}: about {1 / (1 - beta):.0f} days"
        axes["year"].plot(day, curves[beta], color=colour, label=label,
                          linewidth=1 if beta == 0.5 else 2.4)  # fmt: skip
        axes["weights"].plot(weights(beta, 61), ".-", color=colour, label=f"β = {beta:g}")
    axes["bias"].plot(day, curves[0.98], color=BETAS[0.98], linewidth=2.4, label="V / (1 − βᵗ)")
    axes["bias"].plot(day, uncorrected, "--", color=BETAS[0.98], linewidth=2, label="V, from 0 on")
    axes["bias"].set(xlim=(0, 120), ylim=(0, 80), title="The bias at the start, β = 0.98")
    axes["year"].set(
        xlim=(0, DAYS), ylim=(19, 82), title="V ← βV + (1 − β)θ of a year of temperatures θ"
    )
    axes["weights"].set(xlabel="days ago k", title="The weights (1 − β)βᵏ", yscale="log",
                        ylim=(1e-5, 1), xlim=(-1, 60))  # fmt: skip
    for ax in axes.values():
        ax.grid(alpha=0.25)
    axes["year"].legend(loc="lower center", ncols=4)
    axes["bias"].legend(loc="lower right")
    axes["weights"].legend()
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
