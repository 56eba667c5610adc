"""What the tests of pictures share: the lecture's example, and reading what a picture shows."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import tinygrad_tr as tt


def lecture():
    """a, b, c and J = 3(a + bc), named as on the lecture's sheet."""
    a, b, c = (
        tt.Tensor(v, requires_grad=True, name=n) for v, n in ((5.0, "a"), (3.0, "b"), (2.0, "c"))
    )
    u = b * c
    v = a + u
    J = 3 * v
    u.name, v.name, J.name = "u", "v", "J"
    return a, b, c, J


def texts(picture):
    """All texts of a picture as its SVG shows them."""
    root = ElementTree.fromstring(picture.svg())
    return [element.text or "" for element in root.iter() if element.tag.endswith("}text")]


def sheet(picture):
    """The texts of a picture in one string, spaces evened out."""
    return re.sub(r"\s+", " ", " ".join(texts(picture)))


def card(picture, name):
    """The card of a tensor by its name."""
    (found,) = [card for card in picture.scene.cards if card.name == name]
    return found


def number(numbers):
    """What a card of one number shows."""
    (entry,) = numbers.entries
    return entry
