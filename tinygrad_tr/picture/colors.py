"""Colours for quantities over many powers of ten: scales, and where a number stands on them.

Colours are mixed in OKLab, where equal steps look equally large. Norms and sizes run from pale
yellow to dark blue, gains from blue (below 1) over grey to orange (above 1): light and dark
differ as much as the hues do, so the scales read the same without colour vision.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

QUANTITIES = ("grad", "gain", "magnitude")
GAINS = (2.0, 5.0, 10.0, 100.0, 1e3, 1e4, 1e6, 1e9)  # where scales of gains may end
MOST_TICKS = 6

# (lightness, chroma, hue in degrees) of OKLab at the ends of a ramp; the stop between is halfway.
Stop = tuple[float, float, float]
SEQUENTIAL: dict[str, tuple[Stop, Stop, Stop]] = {
    "light": ((0.94, 0.09, 105), (0.66, 0.11, 185), (0.33, 0.13, 268)),
    "dark": ((0.34, 0.12, 268), (0.64, 0.11, 190), (0.93, 0.13, 105)),
}
DIVERGING: dict[str, tuple[Stop, Stop, Stop]] = {
    "light": ((0.47, 0.15, 255), (0.94, 0.0, 255), (0.58, 0.16, 48)),
    "dark": ((0.70, 0.13, 250), (0.32, 0.0, 250), (0.78, 0.14, 62)),
}


@dataclass(frozen=True, slots=True)
class Scale:
    """A logarithmic scale of colours from `least` to `greatest`.

    `quantity` is "grad" (norms of gradients), "gain" (of operations; 1 is in the middle) or
    "magnitude" (root mean squares of values).
    """

    quantity: str
    least: float
    greatest: float

    def place(self, x: float) -> float:
        """Where a number stands, from 0 to 1; numbers beyond the ends stand there."""
        if not x > self.least:
            return 0.0
        if x >= self.greatest:
            return 1.0
        return math.log(x / self.least) / math.log(self.greatest / self.least)

    def color(self, x: float, theme: str) -> str:
        """The colour of a number on the light or the dark sheet, as `#rrggbb`."""
        return self.at(self.place(x), theme)

    def at(self, place: float, theme: str) -> str:
        """The colour at a place from 0 to 1."""
        ramps = DIVERGING if self.quantity == "gain" else SEQUENTIAL
        first, middle, last = ramps[theme]
        if place < 0.5:
            return mixed(first, middle, 2 * place)
        return mixed(middle, last, 2 * place - 1)

    def ticks(self) -> list[float]:
        """The powers of ten at which numbers stand beside the scale; the ends and 1 for gains."""
        if self.quantity == "gain":
            return [self.least, 1.0, self.greatest]
        low, high = (round(math.log10(end)) for end in (self.least, self.greatest))
        return [10.0**power for power in range(low, high + 1, tick_step(low, high))]


def scale_of(quantity: str, tones: Iterable[float | None]) -> Scale | None:
    """The scale on which the numbers fit: whole powers of ten, or 1/b to b for gains."""
    logs = [math.log10(t) for t in tones if t is not None and 0 < t < math.inf]
    if not logs:
        return None
    if quantity == "gain":
        widest = max(map(abs, logs))
        bound = next((b for b in GAINS if widest <= math.log10(b) + 1e-9), GAINS[-1])
        return Scale(quantity, 1 / bound, bound)
    low, high = math.floor(min(logs) + 1e-9), math.ceil(max(logs) - 1e-9)
    step = tick_step(low, high)
    low = high - step * max(1, math.ceil((high - low) / step))
    return Scale(quantity, 10.0**low, 10.0**high)


def tick_step(low: int, high: int) -> int:
    """So many powers of ten are from tick to tick."""
    return max(1, math.ceil((high - low) / (MOST_TICKS - 1)))


def mixed(a: Stop, b: Stop, share: float) -> str:
    """The colour so far on the way from a to b, straight through OKLab."""
    (L1, x1, y1), (L2, x2, y2) = cartesian(a), cartesian(b)
    return hexadecimal(L1 + (L2 - L1) * share, x1 + (x2 - x1) * share, y1 + (y2 - y1) * share)


def cartesian(stop: Stop) -> tuple[float, float, float]:
    lightness, chroma, hue = stop
    angle = math.radians(hue)
    return lightness, chroma * math.cos(angle), chroma * math.sin(angle)


def hexadecimal(lightness: float, a: float, b: float) -> str:
    """OKLab to sRGB. Source: B. Ottosson, A perceptual color space for image processing, 2020."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(255 * encoded(c)):02x}" for c in linear)


def encoded(c: float) -> float:
    """A linear component as sRGB has it, cut to [0, 1]."""
    c = min(max(c, 0.0), 1.0)
    return 12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055


def ink_on(color: str) -> str:
    """Black or white, whichever is easier to read on a colour."""
    red, green, blue = (decoded(int(color[i : i + 2], 16) / 255) for i in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if luminance > 0.18 else "#ffffff"  # where both contrasts are equal


def decoded(c: float) -> float:
    """A linear component from one of sRGB."""
    return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
