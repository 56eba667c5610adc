"""Thumbnails as image files: colours, PNG, and how a card of a picture shows them."""

from __future__ import annotations

import functools
import hashlib
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_tr.picture.colors import Scale
from tinygrad_tr.picture.numbers import written
from tinygrad_tr.picture.scene import Scene
from tinygrad_tr.picture.theme import THEMES
from tinygrad_tr.picture.thumbnails import GAP, STEPS, STRANGE, Thumbnail

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

SHARP = 2  # pixels to a point
BARE = 'BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="2"'
IMAGE_WORDS = {
    "en": {
        "heat": "{0} below 0   {1} above 0, up to the largest magnitude",
        "grey": "black the least, white the greatest",
        "colour": "in colour, from the least to the greatest",
        "share": "{0} 0   {1} the largest weight",
        "images": "images of the first example, large ones as means of blocks",
        "weights": "weights, at most {0}",
    },
    "tr": {
        "heat": "{0} 0'dan küçük   {1} 0'dan büyük, en büyük mutlak değere kadar",
        "grey": "siyah en küçük, beyaz en büyük",
        "colour": "renkli, en küçükten en büyüğe",
        "share": "{0} 0   {1} en büyük ağırlık",
        "images": "ilk örneğin görüntüleri, büyükler blok ortalamalarıyla",
        "weights": "ağırlıklar, en çok {0}",
    },
}


def png(pixels: Bytes) -> bytes:
    """The PNG file of (height, width, 4) bytes: red, green, blue and opacity of each pixel.

    Source: ISO/IEC 15948, Portable Network Graphics.
    """
    height, width, _ = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)  # 8 bits, in colour and opacity
    unfiltered = np.pad(pixels.reshape(height, -1), ((0, 0), (1, 0)))  # a 0 before every row
    body = zlib.compress(unfiltered.tobytes(), 9)
    chunks = [(b"IHDR", head), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def image_of(thumbnail: Thumbnail, theme: str) -> bytes:
    """The PNG of a thumbnail on the light or the dark sheet, transparent between its tiles."""
    tiles = thumbnail.tiles
    if tiles.ndim == 3:
        colored = palette(thumbnail.ramp, theme)[tiles]
    else:
        colored = np.pad(tiles, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=255)
    width, height = (SHARP * side for side in thumbnail.side)
    gap = SHARP * GAP
    colored = colored.repeat(height, axis=1).repeat(width, axis=2)
    down, right = (length + gap for length in colored.shape[1:3])
    pixels = np.zeros((SHARP * thumbnail.height, SHARP * thumbnail.width, 4), np.uint8)
    for i, tile in enumerate(colored):
        y, x = i // thumbnail.across * down, i % thumbnail.across * right
        pixels[y : y + down - gap, x : x + right - gap] = tile
    return png(pixels)


@functools.cache
def palette(ramp: str, theme: str) -> Bytes:
    """The colours of a ramp, (256, 4): STEPS + 1 of them, and that of what is not finite."""
    colors = [color_at(ramp, i / STEPS, theme) for i in range(STEPS + 1)]
    colors += [THEMES[theme].alarm] * (STRANGE - STEPS)
    return np.array([[*bytes.fromhex(color[1:]), 255] for color in colors], np.uint8)


def color_at(ramp: str, place: float, theme: str) -> str:
    """The colour at a place of a ramp, from 0 to 1, as `#rrggbb`."""
    if ramp == "grey":
        return f"#{round(255 * place):02x}" + 2 * f"{round(255 * place):02x}"
    return Scale("gain" if ramp == "heat" else "magnitude", 0.0, 1.0).at(place, theme)


# ------------------------------------------------------------------ in a picture


def name_of(part: str, thumbnail: Thumbnail, theme: str) -> str:
    """The name of its file, "value-" or "gradient-" and what is different for all other looks."""
    looks = f"{theme} {thumbnail.ramp} {thumbnail.across} {thumbnail.side} {thumbnail.tiles.shape}"
    known = hashlib.sha256(looks.encode() + thumbnail.tiles.tobytes()).hexdigest()
    return f"{part}-{known[:16]}.png"


def files_of(scene: Scene, theme: str) -> dict[str, bytes]:
    """The files of all thumbnails of a scene by their names."""
    shown = {name_of(part, image, theme): image for part, image in thumbnails_in(scene)}
    return {name: image_of(thumbnail, theme) for name, thumbnail in shown.items()}


def thumbnails_in(scene: Scene) -> Iterator[tuple[str, Thumbnail]]:
    """All thumbnails, each with the part that it shows: a value or a gradient."""
    for part in scene.parts:
        if part.image is not None:
            yield "value", part.image
    for card in scene.cards:
        if card.gradient_image is not None:
            yield "gradient", card.gradient_image


def image_cell(part: str, thumbnail: Thumbnail, theme: str) -> str:
    """A table of one cell that shows it in its own size."""
    size = f'FIXEDSIZE="TRUE" WIDTH="{thumbnail.width}" HEIGHT="{thumbnail.height}"'
    image = f'<IMG SRC="{name_of(part, thumbnail, theme)}" SCALE="TRUE"/>'
    return f"<TABLE {BARE}><TR><TD {size}>{image}</TD></TR></TABLE>"


def captions(thumbnail: Thumbnail, lang: str) -> list[str]:
    """`weights, at most 0.41` of attention, whose numbers stand nowhere else."""
    is_attention = thumbnail.ramp == "share"
    greatest = written(thumbnail.greatest)
    return [IMAGE_WORDS[lang]["weights"].format(greatest)] if is_attention else []


def image_key(scene: Scene, theme: str, lang: str) -> list[str]:
    """What the colours of the images mean, for each kind there is."""
    ramps = {thumbnail.ramp for _, thumbnail in thumbnails_in(scene)}
    first, last = (
        {ramp: f'<FONT COLOR="{color_at(ramp, end, theme)}">■</FONT>' for ramp in ramps}
        for end in (0.0, 1.0)
    )
    words = IMAGE_WORDS[lang]
    known = [ramp for ramp in words if ramp in ramps]
    lines = [words[ramp].format(first[ramp], last[ramp]) for ramp in known]
    return [words["images"], *lines] if lines else []
