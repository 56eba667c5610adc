"""The tables as pictures, in colours that can be read on light and dark pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .compare import CONTROL, Result, timed_peers
from .peers import BY_HAND, COMPILED, NUMPY_ALONE, OURS, title
from .scaling import Growing, exponent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#7d7d7d"  # as far from white as from black
COLOURS = {
    OURS: "#e4572e", COMPILED: "#c2185b", NUMPY_ALONE: "#e8a33d", BY_HAND: INK,
    "torch": "#3b7dd8", "torch-fused": "#5c9ded", "torch-compiled": "#7b5cd6",
    "jax": "#2a9d5c", "autograd": "#8d9b3a", "mygrad": "#3aa6a6", "micrograd": "#b0793f",
}  # fmt: skip
MARKS = {OURS: "o", COMPILED: "d", NUMPY_ALONE: "s", BY_HAND: "|"}  # all others: a small dot
DEPTHS = (NUMPY_ALONE, OURS, COMPILED)  # what lies over all others, the last on top

Axes = Any


def figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained")
    made.patch.set_alpha(0)
    return made


def saved(made: Figure, file: Path) -> Path:
    """An SVG whose letters are letters, the same for the same numbers."""
    from matplotlib import rc_context

    for axes in made.axes:
        plain(axes)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "tinygrad_tr"}):
        made.savefig(file, format="svg", metadata={"Date": None})
    return file


def plain(axes: Axes) -> None:
    """No box and no background; everything that is written in the ink."""
    axes.patch.set_alpha(0)
    axes.spines[["top", "right"]].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(INK)
    axes.tick_params(which="both", colors=INK)
    for words in (axes.title, axes.xaxis.label, axes.yaxis.label):
        words.set_color(INK)
    axes.grid(which="major", color=INK, alpha=0.25, linewidth=0.5)


def ratios(results: Sequence[Result]) -> Figure:
    """A line for each workload, and on it a mark for each peer; the reference stands at 1."""
    peers = [peer for peer in timed_peers(results) if peer != CONTROL]
    made = figure(9, 1.2 + 0.26 * len(results))
    axes = made.subplots()
    for peer in sorted(peers, key=lambda peer: DEPTHS.index(peer) if peer in DEPTHS else -1):
        rows = [i for i, result in enumerate(results) if peer in result.ratios]
        axes.plot(
            [results[i].ratios[peer].minimum for i in rows], rows, MARKS.get(peer, "."),
            color=COLOURS[peer], markersize=8, label=title(peer), linestyle="none",
            fillstyle="none" if peer == NUMPY_ALONE else "full",
        )  # fmt: skip
    axes.axvline(1, color=COLOURS.get(results[0].against, INK), linewidth=1.5)
    axes.set(
        xscale="log", xlabel=f"time, as a ratio to {title(results[0].against)}'s: left is faster",
        yticks=range(len(results)), yticklabels=[result.workload.name for result in results],
        ylim=(len(results) - 0.5, -0.5),
    )  # fmt: skip
    axes.xaxis.set_major_formatter("{x:g}")
    made.legend(loc="outside upper center", ncols=5, frameon=False, labelcolor=INK)
    return made


def curves(results: Sequence[Growing]) -> Figure:
    """Time above and memory below, on logarithmic axes, with the exponent of each peer."""
    made = figure(3.4 * len(results), 5.6)
    grid = made.subplots(2, len(results), squeeze=False)
    for above, below, found in zip(*grid, results, strict=True):
        lines(above, found, found.seconds, 1.0)
        lines(below, found, found.bytes, 1 / 2**20)
        above.set(ylabel="seconds")
        below.set(ylabel="MiB", xlabel=found.curve.title)
    return made


def lines(axes: Axes, found: Growing, rows: Mapping[str, Sequence[float]], unit: float) -> None:
    """A curve for each peer, named with its exponent."""
    sizes = found.curve.sizes
    for peer, row in rows.items():
        label = f"{title(peer)}: {exponent(sizes, row):.2f}"
        axes.plot(
            sizes, [unit * value for value in row], MARKS.get(peer, ".") + "-",
            color=COLOURS[peer], markersize=4, linewidth=1.2, label=label,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log")
    axes.legend(frameon=False, labelcolor=INK, fontsize="small")
