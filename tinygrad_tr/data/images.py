"""Where the pixels of images go: flipped, rotated, padded, cropped.

A batch of images is (N, C, H, W), floating point. What is to happen is one number for all images
or one for each, (N,). Every function returns new images of the same dtype.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe

from .checks import Array

PerImage = Any  # a number, or an array of one for each image, (N,)
KINDS = {bool: "b", int: "iu", float: "fiu"}  # what may stand for each kind of number

# ------------------------------------------------------------------ flips and rotations


def hflip(images: Array, chosen: PerImage = True) -> Array:
    """Left and right exchanged, where chosen: (N, C, H, W) -> (N, C, H, W)."""
    require_images("hflip", images)
    return np.where(for_each("hflip", images, chosen, bool), images[..., ::-1], images)


def vflip(images: Array, chosen: PerImage = True) -> Array:
    """Top and bottom exchanged, where chosen: (N, C, H, W) -> (N, C, H, W)."""
    require_images("vflip", images)
    return np.where(for_each("vflip", images, chosen, bool), images[..., ::-1, :], images)


def rotate(images: Array, degrees: PerImage, fill: float = 0.0) -> Array:
    """Turned counter-clockwise about the centre: (N, C, H, W) -> (N, C, H, W).

    A pixel is the bilinear mean of the four that it came from, with `fill` around the image.
    Multiples of 90° move square images exactly, without rounding.
    """
    require_images("rotate", images)
    height, width = images.shape[2:]
    cos, sin = cos_and_sin(for_each("rotate", images, degrees, float)[:, 0])  # (N, 1, 1)
    down = np.arange(height)[:, None] - (height - 1) / 2
    right = np.arange(width) - (width - 1) / 2
    rows = (height - 1) / 2 + cos * down + sin * right
    columns = (width - 1) / 2 - sin * down + cos * right
    return bilinear(images, rows, columns, fill)


def cos_and_sin(degrees: Array) -> tuple[Array, Array]:
    """Both exact at multiples of 90°, where the functions of radians are 1e-16 off."""
    turns, rest = np.divmod(degrees + 45, 90)
    angle = np.radians(rest - 45)
    cos, sin = np.cos(angle), np.sin(angle)
    quarter = turns.astype(int) % 4
    return np.choose(quarter, [cos, -sin, -cos, sin]), np.choose(quarter, [sin, cos, -sin, -cos])


def bilinear(images: Array, rows: Array, columns: Array, fill: float) -> Array:
    """The images at places between pixels, (N, h, w) each: (N, C, H, W) -> (N, C, h, w)."""
    N, C, H, W = images.shape
    padded = pad(images, 1, fill).reshape(N, C, -1)
    # A border of one pixel is enough: further out, too, there is only the filling.
    rows, columns = np.clip(rows + 1, 0, H + 1), np.clip(columns + 1, 0, W + 1)
    above, left = np.minimum(rows, H).astype(int), np.minimum(columns, W).astype(int)
    down, right = (part[:, None].astype(images.dtype) for part in (rows - above, columns - left))
    corner = above * (W + 2) + left

    def at(step: int) -> Array:
        index = (corner + step).reshape(N, 1, -1)
        return np.take_along_axis(padded, index, axis=2).reshape(N, C, *rows.shape[1:])

    top = (1 - right) * at(0) + right * at(1)
    bottom = (1 - right) * at(W + 2) + right * at(W + 3)
    return (1 - down) * top + down * bottom


# ------------------------------------------------------------------ borders


def pad(images: Array, padding: int, fill: float = 0.0) -> Array:
    """A border of `fill`: (N, C, H, W) -> (N, C, H + 2·padding, W + 2·padding)."""
    require_images("pad", images)
    padding = whole("pad", "padding", padding, 0)
    border = (padding, padding)
    return np.pad(images, ((0, 0), (0, 0), border, border), constant_values=fill)


def crop(images: Array, top: PerImage, left: PerImage, height: int, width: int) -> Array:
    """The part of each image from its row `top` and column `left` on: -> (N, C, height, width)."""
    require_images("crop", images)
    N, _, H, W = images.shape
    height, width = whole("crop", "height", height, 1), whole("crop", "width", width, 1)
    if height > H or width > W:
        raise ShapeError(
            "crop", "the part is larger than the images", got=f"{height=}, {width=}",
            wanted=f"at most the images' {H} and {W}",
        )  # fmt: skip
    top = within_image("top", images, top, H - height)
    left = within_image("left", images, left, W - width)
    parts = np.lib.stride_tricks.sliding_window_view(images, (height, width), axis=(2, 3))
    return parts[np.arange(N), :, top, left]


def within_image(name: str, images: Array, place: PerImage, last: int) -> Array:
    """The first row or column of each part, (N,), from 0 to the last at which it fits."""
    places = for_each("crop", images, place, int)[:, 0, 0, 0]
    if places.min() < 0 or places.max() > last:
        raise ArgumentError(
            "crop", "a part does not lie within its image",
            got=f"{name} from {places.min()} to {places.max()}", wanted=f"from 0 to {last}",
        )  # fmt: skip
    return places


# ------------------------------------------------------------------ checks


def require_images(operation: str, images: Any) -> None:
    """Refuse anything but a batch of images in floating point."""
    if not isinstance(images, np.ndarray) or images.dtype.kind != "f":
        raise DtypeError(
            operation, "the images are no array of floating-point numbers", got=describe(images),
            wanted="a float array; bytes: images.astype(np.float32) / 255",
        )  # fmt: skip
    if images.ndim != 4 or 0 in images.shape:
        raise ShapeError(
            operation, "not a batch of images", got=f"{images.shape}", wanted="(N, C, H, W)"
        )


def for_each(operation: str, images: Array, value: PerImage, kind: type) -> Array:
    """One value of that kind for each image, (N, 1, 1, 1)."""
    values = np.asarray(value)
    if values.dtype.kind not in KINDS[kind]:
        raise DtypeError(
            operation, "another type of number is needed", got=describe(value),
            wanted=f"{kind.__name__}, one for all images or one for each",
        )  # fmt: skip
    if values.shape not in ((), (len(images),)):
        raise ShapeError(
            operation, "neither one number nor one for each image", got=f"{values.shape}",
            wanted=f"() or ({len(images)},)",
        )  # fmt: skip
    if kind is float and not np.isfinite(values).all():
        raise ArgumentError(operation, "not finite", got=describe(value), wanted="finite numbers")
    return np.broadcast_to(values.astype(kind), len(images)).reshape(-1, 1, 1, 1)
