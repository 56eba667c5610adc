"""Text of users inside DOT: nothing in it is taken for markup, nor for an escape."""

from __future__ import annotations

LONGEST_NAME = 60
BACKSLASH = "\\\u200b"  # with a space of no width behind it, \\N is no escape for Graphviz
ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\\": BACKSLASH})


def clipped(name: str) -> str:
    """A name of bearable length."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def plain(text: str) -> str:
    """Text of one line, without the characters that XML forbids."""
    if text.isprintable():
        return text
    return "".join(
        chr(0x2400 + ord(c)) if c < " " else "\ufffd" if is_forbidden(c) else c for c in text
    )


def is_forbidden(c: str) -> bool:
    return "\x7f" <= c < "\xa0" or "\ud800" <= c <= "\udfff" or c in "\ufffe\uffff"


def escaped(text: str) -> str:
    """Text inside an HTML-like label."""
    return plain(text).translate(ENTITIES)


def quoted(text: str) -> str:
    """Text inside a quoted attribute: neither escapes nor entities are read out of it."""
    return plain(text).replace("&", "&amp;").replace("\\", BACKSLASH).replace('"', '\\"')
