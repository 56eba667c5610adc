"""More images than there are: random changes that leave the label true. Course 2, week 1.

    augment = Compose([RandomHorizontalFlip(), RandomRotation(15), RandomCrop(32, padding=4)])
    loader = DataLoader(x, y, batch_size=64, shuffle=True, transform=augment)

A batch of images, (N, C, H, W) in floating point, becomes another batch, and each image has its
own chances. The names and what they mean are torchvision's; what is random comes from
`generator=`, or from `tt.manual_seed`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.arguments import whole, within
from tinygrad_tr.creation import generator_or_default
from tinygrad_tr.errors import ArgumentError, ShapeError, describe

from .checks import Array
from .colours import adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation
from .images import crop, hflip, pad, require_images, rotate, vflip

Generator = np.random.Generator


class Augmentation:
    """A random change of every image of a batch: (N, C, H, W) -> (N, C, H', W')."""

    def __init__(self, *, generator: Generator | None = None) -> None:
        self.generator = generator

    def __call__(self, images: Array) -> Array:
        require_images(type(self).__name__, images)
        return self.change(images, generator_or_default(self.generator))

    def change(self, images: Array, generator: Generator) -> Array:
        """The images with what the generator chose for each."""
        raise NotImplementedError


class Compose:
    """One change after the other."""

    def __init__(self, transforms: Sequence[Callable[[Array], Array]]) -> None:
        self.transforms = list(transforms)
        strange = [step for step in self.transforms if not callable(step)]
        if strange:
            raise ArgumentError(
                "Compose", "not a function of images", got=describe(strange[0]),
                wanted="transforms such as RandomHorizontalFlip()",
            )  # fmt: skip

    def __call__(self, images: Array) -> Array:
        for transform in self.transforms:
            images = transform(images)
        return images


# ------------------------------------------------------------------ where the pixels are


class RandomHorizontalFlip(Augmentation):
    """Left and right exchanged, with probability p."""

    def __init__(self, p: float = 0.5, *, generator: Generator | None = None) -> None:
        super().__init__(generator=generator)
        self.p = within("RandomHorizontalFlip", "p", p, 0, 1)

    def change(self, images: Array, generator: Generator) -> Array:
        return hflip(images, generator.random(len(images)) < self.p)


class RandomVerticalFlip(Augmentation):
    """Top and bottom exchanged, with probability p."""

    def __init__(self, p: float = 0.5, *, generator: Generator | None = None) -> None:
        super().__init__(generator=generator)
        self.p = within("RandomVerticalFlip", "p", p, 0, 1)

    def change(self, images: Array, generator: Generator) -> Array:
        return vflip(images, generator.random(len(images)) < self.p)


class RandomRotation(Augmentation):
    """Turned by an angle from −degrees to degrees, or between two; `fill` is what comes in."""

    def __init__(
        self,
        degrees: float | tuple[float, float],
        fill: float = 0.0,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator=generator)
        self.degrees = interval("RandomRotation", "degrees", degrees, 0, -np.inf, np.inf)
        self.fill = within("RandomRotation", "fill", fill)

    def change(self, images: Array, generator: Generator) -> Array:
        return rotate(images, generator.uniform(*self.degrees, len(images)), self.fill)


class RandomQuarterTurn(Augmentation):
    """Turned by 0°, 90°, 180° or 270°, exactly; the images must be square."""

    def change(self, images: Array, generator: Generator) -> Array:
        if images.shape[2] != images.shape[3]:
            raise ShapeError(
                "RandomQuarterTurn", "a quarter turn moves parts out of the image",
                got=f"{images.shape}", wanted="square images",
            )  # fmt: skip
        return rotate(images, 90 * generator.integers(0, 4, len(images)))


class RandomCrop(Augmentation):
    """A part of that size, n or (height, width), from anywhere in the image.

    With `padding` it may reach that many pixels beyond the border, where `fill` is: a crop of
    the whole size shifts the image.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        padding: int = 0,
        fill: float = 0.0,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator=generator)
        name = "RandomCrop"
        height, width = size if isinstance(size, tuple) and len(size) == 2 else (size, size)
        self.height, self.width = whole(name, "height", height, 1), whole(name, "width", width, 1)
        self.padding = whole(name, "padding", padding, 0)
        self.fill = within(name, "fill", fill)

    def change(self, images: Array, generator: Generator) -> Array:
        padded = pad(images, self.padding, self.fill)
        room = padded.shape[2] - self.height, padded.shape[3] - self.width
        if min(room) < 0:
            raise ShapeError(
                "RandomCrop", "the images are smaller than the part",
                got=f"{images.shape[2:]} and padding={self.padding}",
                wanted=f"at least ({self.height}, {self.width})",
            )  # fmt: skip
        top, left = (generator.integers(0, most + 1, len(images)) for most in room)
        return crop(padded, top, left, self.height, self.width)


# ------------------------------------------------------------------ what the pixels are


class ColorJitter(Augmentation):
    """Another brightness, contrast, saturation and hue, in this order; values in [0, 1].

    The first three are factors from 1 − x to 1 + x, but never negative, or between two; the hue
    moves by up to `hue` of the circle, at most ½.
    """

    def __init__(
        self,
        brightness: float | tuple[float, float] = 0.0,
        contrast: float | tuple[float, float] = 0.0,
        saturation: float | tuple[float, float] = 0.0,
        hue: float | tuple[float, float] = 0.0,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator=generator)
        name = "ColorJitter"
        factors: list[tuple[Callable[[Array, Array], Array], str, Any]] = [
            (adjust_brightness, "brightness", brightness),
            (adjust_contrast, "contrast", contrast),
            (adjust_saturation, "saturation", saturation),
        ]
        self.changes = [
            (f, interval(name, word, x, 1, 0, np.inf)) for f, word, x in factors if x != 0
        ]
        if hue != 0:
            self.changes.append((adjust_hue, interval(name, "hue", hue, 0, -0.5, 0.5)))

    def change(self, images: Array, generator: Generator) -> Array:
        for adjust, (low, high) in self.changes:
            images = adjust(images, generator.uniform(low, high, len(images)))
        return images


class GaussianNoise(Augmentation):
    """images + sigma · ε, with ε ~ N(0, 1) for every value; not kept within [0, 1]."""

    def __init__(self, sigma: float = 0.1, *, generator: Generator | None = None) -> None:
        super().__init__(generator=generator)
        self.sigma = within("GaussianNoise", "sigma", sigma, 0)

    def change(self, images: Array, generator: Generator) -> Array:
        noise = np.asarray(generator.normal(0, self.sigma, images.shape), images.dtype)
        return images + noise


# ------------------------------------------------------------------ checks


def interval(
    operation: str, name: str, value: Any, middle: float, low: float, high: float
) -> tuple[float, float]:
    """[middle − value, middle + value] as far as it is in [low, high], or the ends given."""
    if not isinstance(value, (tuple, list)):
        reach = within(operation, name, value, 0, high - middle)
        return max(middle - reach, low), middle + reach
    ends = [within(operation, name, end, low, high) for end in value]
    if len(ends) != 2 or ends[0] > ends[1]:
        raise ArgumentError(
            operation, f"{name} has two ends, the lower one first", got=f"{name}={value!r}",
            wanted="a number, or (low, high)",
        )  # fmt: skip
    return ends[0], ends[1]
