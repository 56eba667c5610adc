"""The step-through page: one HTML file that plays both passes, from disk, without a network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.resources import files
from typing import Any

from tinygrad_tr.picture.drawing import Drawing
from tinygrad_tr.picture.engraving import engraved
from tinygrad_tr.picture.images import image_key
from tinygrad_tr.picture.page.facts import facts_of
from tinygrad_tr.picture.page.words import PAGE_WORDS
from tinygrad_tr.picture.scene import Scene
from tinygrad_tr.picture.sheets import sheets_of
from tinygrad_tr.picture.theme import THEMES, WORDS

PLACE = re.compile(r"\{\{([\w ]+)\}\}")


def page_of(drawing: Drawing) -> str:
    """The HTML text of the page."""
    scene = replace(drawing, color="gain").scene(whole=True)
    sheets = sheets_of(scene)  # without colours, which the page can change
    light = replace(drawing, theme="light")
    engravings = {
        frame: engraved(light.laid_out(sheet, "svg", legend=False).decode())
        for frame, sheet in sheets.items()
    }
    words = page_words(drawing.lang)
    return filled(
        "page.html",
        ("player.js", "sheets.js", "steps.js", "view.js", "details.js", "colors.js", "start.js"),
        drawing,
        title=html.escape(title_of(scene, drawing)),
        images=" · ".join(image_key(scene, light.theme, drawing.lang)),
        sheets="\n".join(
            f'<template id="sheet{frame}">{engraving.svg}</template>'
            for frame, engraving in engravings.items()
        ),
        data=as_script(
            facts_of(scene, sheets, engravings, drawing.passes, words)
            | {"color": drawing.color or ""}
        ),
    )


def filled(template: str, scripts: Sequence[str], drawing: Drawing, **known: str) -> str:
    """A template with its style, its scripts, the words of the language, and what is known."""
    script = "\n".join(part(name) for name in scripts)
    words = {name: html.escape(word) for name, word in page_words(drawing.lang).items()}
    known = words | known | {
        "lang": drawing.lang,
        "theme": drawing.theme,
        "style": style(),
        "script": script,
        "hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }  # fmt: skip
    return PLACE.sub(lambda place: known[place[1]], part(template))


def page_words(lang: str) -> dict[str, str]:
    """The words of the picture and of its page."""
    return WORDS[lang] | PAGE_WORDS[lang]


def part(name: str) -> str:
    """The text of a file beside this one."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def title_of(scene: Scene, drawing: Drawing) -> str:
    """The model's class, or the name of what is differentiated."""
    if drawing.calls:
        return drawing.calls[0].kind
    return scene.objective if scene.objective != "Σ" else ", ".join(scene.summed)


def as_script(data: Any) -> str:
    """JSON that no HTML parser finds an end of a script in."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def style() -> str:
    """The page's rules, and the two sets of colours: Graphviz drew in the light ones."""
    light, dark = (
        {name: value for name, value in asdict(THEMES[theme]).items() if isinstance(value, str)}
        for theme in ("light", "dark")
    )
    extra = {"light": THEMES["light"].frames[0], "dark": THEMES["dark"].frames[0]}
    rules = [
        f"{root} {{ "
        + " ".join(f"--{name}: {value};" for name, value in colors.items())
        + f" --frame: {extra[theme]}; --lit: {colors['operation_line']}; }}"
        for root, theme, colors in (
            (":root", "light", light), ('[data-theme="dark"]', "dark", dark)
        )
    ]  # fmt: skip
    for name, color in light.items():
        for paint in ("fill", "stroke"):
            rules.append(
                f'[data-theme="dark"] #canvas [{paint}="{color}"] {{ {paint}: {dark[name]}; }}'
            )
    return "\n".join([*rules, part("page.css").replace("{{backward color}}", light["backward"])])
