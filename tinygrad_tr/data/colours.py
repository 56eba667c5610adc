"""The colours of images, with the formulas of torchvision's functions of the same names.

Images are (N, C, H, W), floating point, values in [0, 1], where the results are kept too. A
factor is one number for all images or one for each, (N,).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, ShapeError

from .checks import Array
from .images import PerImage, for_each, require_images

# How bright the eye finds red, green and blue: the weights of ITU-R BT.601.
LUMA = (0.2989, 0.587, 0.114)


def adjust_brightness(images: Array, factor: PerImage) -> Array:
    """factor · images: 0 is black, 1 the image itself."""
    require_colours("adjust_brightness", images)
    return blended("adjust_brightness", images, 0, factor)


def adjust_contrast(images: Array, factor: PerImage) -> Array:
    """factor · images + (1 − factor) · the mean grey of the image: 0 is grey all over."""
    require_colours("adjust_contrast", images)
    mean = grey(images).mean(axis=(1, 2, 3), keepdims=True)
    return blended("adjust_contrast", images, mean, factor)


def adjust_saturation(images: Array, factor: PerImage) -> Array:
    """factor · images + (1 − factor) · the grey of each pixel: 0 is a black-and-white image."""
    require_colours("adjust_saturation", images)
    return blended("adjust_saturation", images, grey(images), factor)


def adjust_hue(images: Array, shift: PerImage) -> Array:
    """The hue goes `shift` of the way around the colour circle, −½ to ½; grey stays grey."""
    require_colours("adjust_hue", images)
    turn = for_each("adjust_hue", images, shift, float).astype(images.dtype)
    if np.abs(turn).max() > 0.5:
        raise ArgumentError(
            "adjust_hue", "more than half a circle", got=f"{shift=}", wanted="−0.5 to 0.5"
        )
    if images.shape[1] == 1:
        return images.copy()
    value, chroma = images.max(axis=1), images.max(axis=1) - images.min(axis=1)
    hue = 6 * turn[:, 0] + sextant(images, value, chroma)
    # From hue to red, green and blue: each is the value, less a trapezium of the hue.
    place = np.stack([hue + n for n in (5, 3, 1)], axis=1) % 6
    dip = np.clip(np.minimum(place, 4 - place), 0, 1)
    return value[:, None] - chroma[:, None] * dip


def sextant(images: Array, value: Array, chroma: Array) -> Array:
    """The hue in sixths of the circle, red at 0, green at 2, blue at 4: -> (N, H, W)."""
    red, green, blue = np.moveaxis(images, 1, 0)
    steep = np.where(chroma == 0, 1, chroma)
    from_red, from_green = (green - blue) / steep, 2 + (blue - red) / steep
    from_blue = 4 + (red - green) / steep
    return np.where(value == red, from_red, np.where(value == green, from_green, from_blue))


def grey(images: Array) -> Array:
    """0.2989 red + 0.587 green + 0.114 blue, or the one channel itself: -> (N, 1, H, W)."""
    if images.shape[1] == 1:
        return images
    weights = np.array(LUMA, images.dtype)
    return np.tensordot(weights, images, axes=(0, 1))[:, None]


def blended(operation: str, images: Array, other: Any, factor: PerImage) -> Array:
    """factor · images + (1 − factor) · other, within [0, 1]."""
    share = for_each(operation, images, factor, float).astype(images.dtype)
    if share.min() < 0:
        raise ArgumentError(operation, "a negative factor", got=f"{factor=}", wanted="≥ 0")
    return np.clip(share * images + (1 - share) * other, 0, 1)


def require_colours(operation: str, images: Any) -> None:
    """Refuse anything but images of one or three channels with values in [0, 1]."""
    require_images(operation, images)
    if images.shape[1] not in (1, 3):
        raise ShapeError(
            operation, "neither grey nor coloured images", got=f"{images.shape}",
            wanted="(N, 1, H, W) or (N, 3, H, W)",
        )  # fmt: skip
    low, high = images.min(), images.max()
    if not (low >= 0 and high <= 1):
        raise ArgumentError(
            operation, "colours are numbers from 0 to 1", got=f"{low:g} to {high:g}",
            wanted="images before they are normalised; bytes: images.astype(np.float32) / 255",
        )  # fmt: skip
