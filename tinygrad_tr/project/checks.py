"""What the project's functions check of their arguments, beside numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinygrad_tr.errors import ArgumentError

from .words import LANGUAGES


def one_of(operation: str, name: str, value: Any, allowed: Iterable[Any]) -> None:
    allowed = list(allowed)
    if value not in allowed:
        raise ArgumentError(
            operation, f"no such {name}", got=f"{name}={value!r}",
            wanted=", ".join(map(repr, allowed)),
        )  # fmt: skip


def language(operation: str, lang: str) -> None:
    one_of(operation, "lang", lang, LANGUAGES)
