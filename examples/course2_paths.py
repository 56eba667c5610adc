"""Course 2, week 2: descent, momentum, RMSprop and Adam on a bowl, a saddle and a plateau.

In an elongated bowl descent swings across while momentum lets the swings cancel; at a saddle,
where the slope is nothing, and on a plateau, where it is next to nothing, those that divide by the
size of the slope walk on as if it were steep. Momentum helps at the saddle only in its classical
form, v ← βv + g: the course's form with 1 − β at the same learning rate goes no faster than
descent, 1079 steps against 931, and wants a learning rate that is 1 / (1 − β) times as large.

    python -m tinygrad_tr.examples.course2_paths
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import optim
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved

Array = np.ndarray[Any, Any]
Make = Callable[[list[tt.Tensor]], optim.Optimizer]

Paths = Mapping[str, Mapping[str, Array]]  # surface -> who -> places (steps + 1, 2)

# Where paths lie on each other, the later and thinner one leaves the earlier one to be seen.
LINES: dict[str, dict[str, Any]] = {
    "descent": {"color": "#d1495b", "linewidth": 3.4},
    "momentum with 1 − β": {"color": "#66a3e0", "linewidth": 2.2},
    "momentum": {"color": "#00429d", "linewidth": 1.2},
    "RMSprop": {"color": "#2a9d55", "linewidth": 1.8},
    "Adam": {"color": "#f08a24", "linewidth": 1.8},
}
FRAMES = 60


@dataclass(frozen=True)
class Surface:
    """A function of w = (x, y), where paths start and end, and who walks."""

    name: str
    title: str
    height: Callable[[Any, Any], Any]
    start: tuple[float, float]
    arrived: Callable[[Array], bool]
    walkers: Mapping[str, Make]
    window: tuple[float, float, float, float]  # left, right, bottom, top
    legend: str  # the place below that no curve crosses

    def path(self, make: Make, at_most: int = 3000) -> Array:
        """Where a walker was before each step and at the end, (steps + 1, 2)."""
        w = tt.Tensor(np.array(self.start), requires_grad=True)
        walker = make([w])
        places = [w.numpy().copy()]
        while not self.arrived(places[-1]) and len(places) <= at_most:
            walker.minimize(lambda: self.height(w[0], w[1]))
            places.append(w.numpy().copy())
        return np.array(places)


def bowl(x: Any, y: Any) -> Any:
    """(x² + 50 y²) / 2: fifty times as steep across as along."""
    return (x**2 + 50 * y**2) / 2


def saddle(x: Any, y: Any) -> Any:
    """x² − y²: the back of a horse."""
    return x**2 - y**2


def plateau(x: Any, y: Any) -> Any:
    """1 − exp(−x²/2 − y²): flat but for a hole in the middle."""
    return 1 - np.exp(-(x**2) / 2 - y**2)


SAME_RATE: dict[str, Make] = {
    "descent": lambda w: optim.SGD(w, lr=0.01),
    "momentum with 1 − β": lambda w: optim.Momentum(w, lr=0.01, beta=0.9),
    "momentum": lambda w: optim.Momentum(w, lr=0.01, beta=0.9, dampen=False),
    "RMSprop": lambda w: optim.RMSprop(w, lr=0.01, alpha=0.9),
    "Adam": lambda w: optim.Adam(w, lr=0.01),
}
OWN_RATES: dict[str, Make] = {
    "descent": lambda w: optim.SGD(w, lr=0.038),
    "momentum": lambda w: optim.Momentum(w, lr=0.012, beta=0.8, dampen=False),
    "RMSprop": lambda w: optim.RMSprop(w, lr=0.1, alpha=0.9),
    "Adam": lambda w: optim.Adam(w, lr=0.3),
}
SURFACES = [
    Surface("bowl", "bowl (x² + 50y²) / 2, each at its own α", bowl, (-9.0, 1.6),
            lambda w: bowl(*w) < 0.01, OWN_RATES, (-10, 2.5, -2.2, 2.2),
            "lower left"),
    Surface("saddle", "saddle x² − y², all at α = 0.01", saddle, (1.0, 1e-8),
            lambda w: abs(w[1]) > 1, SAME_RATE, (-0.6, 1.1, -0.3, 1.1), "upper right"),
    Surface("plateau", "plateau 1 − exp(−x²/2 − y²), all at α = 0.01", plateau, (-2.6, 1.4),
            lambda w: plateau(*w) < 0.01, SAME_RATE, (-3.2, 1.4, -1.2, 1.9),
            "lower left"),
]  # fmt: skip


def main(folder: Path = FOLDER) -> Outcome:
    """The steps that everybody needs, the paths on the maps, and a film of them."""
    paths = {s.name: {name: s.path(make) for name, make in s.walkers.items()} for s in SURFACES}
    steps = {place: {name: len(path) - 1 for name, path in found.items()}
             for place, found in paths.items()}  # fmt: skip
    print(f"{'steps until they are through':30}" + "".join(f"{s.name:>10}" for s in SURFACES))
    for name in LINES:
        print(f"{name:30}" + "".join(f"{steps[s.name].get(name, '–'):>10}" for s in SURFACES))

    slopes = np.linalg.eigvalsh(tt.hessian(lambda w: saddle(w[0], w[1]))(np.zeros(2)).numpy())
    print(f"\nat the saddle the Hessian has the eigenvalues {slopes[0]:g} and {slopes[1]:g};")
    minima = np.mean(np.linalg.eigvalsh(symmetric(1000, 10)).min(axis=1) > 0)
    print(f"of 1000 random symmetric 10 × 10 matrices {minima:.0%} have positive ones only")

    files = [plot(paths, folder / "paths.png"), film(paths, folder / "paths.gif")]
    at_saddle = steps["saddle"]
    return Outcome(
        [
            Goal("saddle: descent, ln(1e8) / ln(1.02)", at_saddle["descent"], 931, 931),
            Goal("saddle: momentum", at_saddle["momentum"], 182, 188),
            Goal("saddle: momentum with 1 − β", at_saddle["momentum with 1 − β"], 1058, 1100),
            Goal("saddle: RMSprop", at_saddle["RMSprop"], 72, 74),
            Goal("saddle: Adam", at_saddle["Adam"], 76, 78),
            Goal("bowl: momentum / descent",
                 steps["bowl"]["momentum"] / steps["bowl"]["descent"], at_most=0.5),
            Goal("plateau: Adam / descent",
                 steps["plateau"]["Adam"] / steps["plateau"]["descent"], at_most=0.5),
            Goal("share of minima among random critical points", float(minima), at_most=0),
        ],
        files,
    )  # fmt: skip


def symmetric(count: int, n: int, seed: int = 0) -> Array:
    """Random symmetric matrices, (count, n, n)."""
    A = np.random.default_rng(seed).standard_normal((count, n, n))
    return (A + A.swapaxes(1, 2)) / 2


def map_of(axes: Any, surface: Surface) -> None:
    """The surface from above, low where it is dark, and the start of all paths."""
    from matplotlib.colors import LinearSegmentedColormap

    left, right, bottom, top = surface.window
    x, y = np.meshgrid(np.linspace(left, right, 241), np.linspace(bottom, top, 241))
    z = surface.height(x, y)
    levels = np.quantile(z, np.linspace(0, 1, 20))
    shades = LinearSegmentedColormap.from_list("shades", ["#b9c7d9", "#f7f9fb"])
    axes.contourf(x, y, z, levels, cmap=shades)
    axes.contour(x, y, z, levels, colors="white", linewidths=0.8, linestyles="solid")
    axes.plot(*surface.start, "o", color="black", markersize=7, zorder=5)
    axes.set(title=surface.title, xlabel="x", xlim=(left, right), ylim=(bottom, top))


def plot(paths: Paths, file: Path) -> Path:
    """The paths on the maps, and below them the height against the steps."""
    figure, axes = canvas(columns=3, rows=2, size=(5, 3.8))
    for (above, below), surface in zip(axes.T, SURFACES, strict=True):
        map_of(above, surface)
        for name, path in paths[surface.name].items():
            label = f"{name}: {len(path) - 1:,}"
            above.plot(*path.T, ".-", markersize=LINES[name]["linewidth"] + 2, **LINES[name])
            below.plot(1 + np.arange(len(path)), surface.height(*path.T), label=label,
                       **LINES[name])  # fmt: skip
        below.set(xscale="log", xlabel="1 + steps")
        below.grid(alpha=0.3)
        below.legend(loc=surface.legend, title="steps needed", alignment="left", fontsize=8.5)
    axes[0, 0].set_ylabel("y")
    axes[1, 0].set(ylabel="height", yscale="log", ylim=(1e-4, 200))
    axes[1, 1].set_ylim(-1.1, 1.6)
    return saved(figure, file)


def film(paths: Paths, file: Path) -> Path:
    """The walkers on the maps: an animated GIF in which each frame takes more steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure, axes = canvas(columns=3, size=(4.2, 3.4))
    figure.dpi = 80
    agg: Any = FigureCanvasAgg(figure)
    clock = figure.suptitle(" ", animated=True)
    moving = []  # (axes, path, trail, head)
    for axis, surface in zip(axes, SURFACES, strict=True):
        map_of(axis, surface)
        for name, path in paths[surface.name].items():
            (trail,) = axis.plot([], [], animated=True, label=name, **LINES[name])
            (head,) = axis.plot([], [], "o", animated=True, markersize=7, markeredgecolor="white",
                                color=LINES[name]["color"])  # fmt: skip
            moving.append((axis, path, trail, head))
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(LINES))
    agg.draw()  # once; every frame then draws only what moves
    still = agg.copy_from_bbox(figure.bbox)
    frames = []
    for step in np.unique(np.geomspace(1, 2300, FRAMES).astype(int)) - 1:
        agg.restore_region(still)
        clock.set_text(f"step {step:,}")
        figure.draw_artist(clock)
        for axis, path, trail, head in moving:
            trail.set_data(*path[: step + 1].T)
            head.set_data(*path[: step + 1][-1:].T)
            axis.draw_artist(trail)
            axis.draw_artist(head)
        picture = Image.fromarray(np.array(agg.buffer_rgba()))
        frames.append(picture.convert("P", palette=Image.Palette.ADAPTIVE))
    pauses = [140] * (len(frames) - 1) + [2500]  # milliseconds
    frames[0].save(file, save_all=True, append_images=frames[1:], duration=pauses, loop=0)
    return file


if __name__ == "__main__":
    print(main())
