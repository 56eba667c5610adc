"""Thumbnails: weights as heat maps, filters and feature maps side by side, maps of attention.

They are plain data, places on a ramp of colours, which `images` turns into files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_tr.graph import Node, Output, Variable, value_of
from tinygrad_tr.picture.passes import undisturbed
from tinygrad_tr.rules.attention import attention_weights

if TYPE_CHECKING:
    from tinygrad_tr.picture.painter import Painter
    from tinygrad_tr.picture.scene import Circle

Array = np.ndarray[Any, Any]

FEWEST = 16  # entries; fewer are written out
LEAST_SIDE = 4  # of a map that shows anything
MOST_FILTERS, MOST_MAPS = 64, 8
ALONE, SEVERAL, MANY = [1], range(1, 5), range(1, 9)  # so many tiles may stand in a row
LARGE, LARGE_TILE = 64, 32  # entries on a side of one thumbnail, and of one among several
WIDE, GAP = 128, 2  # points: of a whole thumbnail at most, and between its tiles
LARGEST, LARGEST_TILE, THIN = 12, 6, 8  # points: sides of an entry, and the height of a lone row
STEPS, STRANGE = 254, 255  # the last place on a ramp, and what stands for NaN and ∞

CHANNELS = (1, 3)  # of pictures: grey, or red, green and blue
CONVOLUTIONS = frozenset({"conv", "conv_transpose"})
MADE = {"conv": "maps", "conv_transpose": "maps", "conv_filter": "filters", "softmax": "weights"}


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """Tiles (n, rows, columns) of places from 0 to STEPS on a ramp, or STRANGE.

    Those of the ramp "colour" have red, green and blue along a fourth axis. `across` tiles stand
    side by side; `side` is the width and height of an entry in points; `greatest` is what the end
    of the ramp stands for.
    """

    tiles: np.ndarray[Any, np.dtype[np.uint8]]
    ramp: str  # "heat" (0 in the middle), "grey", "colour", "share" (from 0)
    across: int
    side: tuple[int, int]
    greatest: float

    @property
    def width(self) -> int:
        return self.across * (self.tiles.shape[2] * self.side[0] + GAP) - GAP

    @property
    def height(self) -> int:
        down = -(-len(self.tiles) // self.across)
        return down * (self.tiles.shape[1] * self.side[1] + GAP) - GAP


def illustrate(painter: Painter) -> None:
    """Give the cards and circles of a painted scene their thumbnails."""
    with undisturbed():
        illustrate_cards(painter)
        illustrate_circles(painter)


def illustrate_cards(painter: Painter) -> None:
    """The value of each tensor that is drawn on its own, and its gradient."""
    passes = painter.passes
    kinds = kinds_of(passes.nodes)
    arrays = {id(x): x for node in passes.nodes for x in node.inputs if isinstance(x, np.ndarray)}
    for key, card in painter.cards.items():
        value = passes.values[key] if isinstance(key, Node) else value_of(arrays.get(key, key))
        kind = kinds.get(key, "")
        if card.copies == 1 and isinstance(value, np.ndarray):
            card.image = thumbnail(value, kind)
            gradient = passes.inner.get(key, passes.arrays.get(key))
            if isinstance(gradient, np.ndarray):
                card.gradient_image = thumbnail(gradient, "filters" if kind == "filters" else "")


def illustrate_circles(painter: Painter) -> None:
    """The weights of attention, of a folded module too if it attends once; those of a layer."""
    attentive: dict[Any, list[Node]] = {}
    for node in painter.passes.nodes:
        if node.__class__ is not Output and node.rule.name == "attention":
            box = painter.box(node)
            attentive.setdefault(node if box < 0 else box, []).append(node)
    for key, circle in painter.circles.items():
        nodes = attentive.get(key, [])
        if len(nodes) == 1:
            circle.image = attention_map(nodes[0], painter.passes.values)
        elif not nodes:
            circle.image = weight_of_layer(circle)


def weight_of_layer(circle: Circle) -> Thumbnail | None:
    """That of the weight of a folded layer: a module with a weight, and a bias or none."""
    call = circle.module
    if call is None or call.is_many or not 1 <= len(call.parameters) <= 2:
        return None
    weight = value_of(call.parameters[0])
    return thumbnail(weight, "filters" if weight.ndim > 2 else "") if weight.ndim > 1 else None


def attention_map(node: Node, values: Any) -> Thumbnail:
    """Where each query looks, (queries, keys), for the heads of the first example."""
    q, k, _, bias, _ = (values[x] if isinstance(x, Node) else value_of(x) for x in node.inputs)
    facts = node.keywords
    weights = attention_weights(q, k, bias, where=facts["where"], scale=facts["scale"])
    while weights.ndim > 3:
        weights = weights[0]
    heads = weights.reshape(-1, *weights.shape[-2:])[:MOST_MAPS]
    return tiled(heads, "share", SEVERAL)


# ------------------------------------------------------------------ what an array is


def kinds_of(nodes: Sequence[Node]) -> dict[Any, str]:
    """Which arrays are "filters", "pictures" that came in, "maps" of features, or "weights".

    By what is done with them: filters and maps are what a convolution is given.
    """
    kinds: dict[Any, str] = {}
    operations = [node for node in nodes if node.__class__ is not Output]
    for node in operations:
        if node.rule.name in CONVOLUTIONS:
            kinds[key_of(node.inputs[1])] = "filters"
    for node in nodes:
        for x in node.inputs:
            if not isinstance(x, Node) and getattr(x, "ndim", 0) == 4 and x.shape[1] in CHANNELS:
                kinds.setdefault(key_of(x), "pictures")
        given = list(filter(None, (kinds.get(key_of(x)) for x in node.inputs)))
        if node.__class__ is Output:
            kinds[node] = kinds.get(node.inputs[0], "")
        elif node.rule.name in MADE:
            kinds[node] = MADE[node.rule.name]
            if node.rule.name in CONVOLUTIONS:
                kinds.setdefault(key_of(node.inputs[0]), "maps")
        elif node.rule.elementwise:
            kinds[node] = given[0] if given else ""
        elif "maps" in given or "pictures" in given:
            kinds[node] = "maps"
    return kinds


def key_of(x: Any) -> Node | Variable | int:
    """A node or leaf itself, a plain value by its id."""
    return x if isinstance(x, (Node, Variable)) else id(x)


# ------------------------------------------------------------------ from an array to its tiles


def thumbnail(x: Array, kind: str) -> Thumbnail | None:
    """The thumbnail of an array, of its first example where it has several.

    None if it is small, all the same, or made of integers that are no picture.
    """
    is_image = x.ndim == 4 and kind in ("pictures", "maps")
    if x.size < FEWEST or x.dtype.kind not in ("fbiu" if is_image else "fb"):
        return None
    tiles, in_a_row = tiles_of(x, kind)
    if tiles.size < FEWEST or tiles.min() == tiles.max():
        return None
    if tiles.ndim == 4:
        ramp = "colour"
    elif kind == "weights":
        ramp = "share"
    else:
        ramp = "grey" if is_image or x.dtype.kind == "b" else "heat"
    return tiled(tiles, ramp, in_a_row)


def tiles_of(x: Array, kind: str) -> tuple[Array, Sequence[int]]:
    """Matrices (n, rows, columns), or (n, rows, columns, 3); how many of them may share a row."""
    if x.ndim == 4 and x.shape[2:] != (1, 1):
        if kind == "filters":
            return filter_tiles(x)
        if kind == "pictures" and x.shape[1] == 3:
            return np.moveaxis(x[:1], 1, -1), ALONE
        few = MOST_MAPS if min(x.shape[2:]) >= LEAST_SIDE else 0
        return x[:1].reshape(-1, *x.shape[2:])[:few], SEVERAL
    if not 1 <= x.ndim <= 4:
        return np.zeros((0, 0, 0)), ALONE
    if x.ndim > 2:  # filters of one axis, filters or maps of one entry, sequences of vectors
        x = x.reshape(len(x), -1) if kind == "filters" or x.ndim == 4 else x[0]
    return x.reshape(1, -1, x.size if x.shape[-1] == 1 else x.shape[-1]), ALONE


def filter_tiles(x: Array) -> tuple[Array, Sequence[int]]:
    """Filters (out, in, height, width): those of colours whole, else a row for each, by channel."""
    channels = x.shape[1]
    if channels == 3:
        return np.moveaxis(x[:MOST_FILTERS], 1, -1), MANY
    if channels == 1:
        return x[:MOST_FILTERS, 0], MANY
    across = min(channels, MANY[-1], max(1, WIDE // (x.shape[3] + GAP)))
    return x[: MOST_FILTERS // across, :across].reshape(-1, *x.shape[2:]), [across]


def tiled(tiles: Array, ramp: str, in_a_row: Sequence[int]) -> Thumbnail:
    """The places of all entries on the ramp, large tiles pooled.

    Of the numbers of tiles that may share a row, that is taken which lets them be the largest.
    """
    most, largest = (LARGE, LARGEST) if len(tiles) == 1 else (LARGE_TILE, LARGEST_TILE)
    x = pooled(pooled(tiles, 1, most), 2, most)
    n, rows, columns = x.shape[:3]

    def fit(across: int) -> tuple[int, int, int]:
        """The side of an entry; then full rows are better, then long ones."""
        down = -(-n // across)
        room = min(((WIDE + GAP) // a - GAP) // b for a, b in ((across, columns), (down, rows)))
        return min(max(room, 1), largest), -(down * across - n), across

    side, _, across = max(map(fit, in_a_row))
    finite = x[np.isfinite(x)]
    least, greatest = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if ramp == "heat":
        greatest = max(-least, greatest)
        least = -greatest
    elif ramp == "share":
        least = 0.0
    places = np.rint(STEPS * ((x - least) / (greatest - least or 1.0)))
    places = np.where(np.isfinite(places), places, STRANGE).astype(np.uint8)
    return Thumbnail(places, ramp, across, (side, max(side, -(-THIN // rows))), greatest)


def pooled(x: Array, axis: int, most: int) -> Array:
    """The means of equal blocks along an axis, so few that there are at most `most`."""
    n = x.shape[axis]
    block = -(-n // most)
    starts = np.arange(0, n, block)
    counts = np.diff(starts, append=n).reshape(-1, *[1] * (x.ndim - axis - 1))
    return np.add.reduceat(x, starts, axis, dtype=np.float64) / counts
