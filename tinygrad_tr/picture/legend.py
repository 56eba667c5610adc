"""What the shapes, lines, signs and colours of a picture mean, written beneath it."""

from __future__ import annotations

from tinygrad_tr.picture.badges import BARE, font, scale_bar, severities
from tinygrad_tr.picture.escaping import escaped
from tinygrad_tr.picture.images import image_key
from tinygrad_tr.picture.numbers import count_written
from tinygrad_tr.picture.scene import Scene
from tinygrad_tr.picture.theme import Theme

TINY = 8.5  # points


def legend_of(
    scene: Scene,
    theme: Theme,
    words: dict[str, str],
    *,
    backward: bool,
    numbers: bool,
    recorded: bool,
    images: bool,
) -> str:
    """The scale, the notes and the key of the picture, as one table.

    `backward` and `numbers` say whether they are shown; `recorded` is a backward pass that is
    drawn as the operations it is made of; `images` are explained where there are any.
    """
    notes = []
    if scene.changed and numbers:
        notes.append("⚠ " + words["note changed"].format(", ".join(scene.changed)))
    if scene.summed and backward:
        notes.append(words["note objective"].format(", ".join(scene.summed)))
    for note, count in (("note repeats", scene.repeated), ("note folded", scene.hidden)):
        if count:
            notes.append(words[note].format(count_written(count)))
    rows = [" "]
    if scene.scale is not None:
        rows.append(scale_bar(scene.scale, theme, words))
    rows += map(escaped, notes)
    lines = [shapes(scene, theme, words), signs(theme, words, backward, recorded)]
    lines.append(facts(scene, words, backward, numbers))
    lines.append([words[severity] for severity in severities(scene.parts)])
    if any(card.check is not None for card in scene.cards):
        lines[-1].append(words["checked"])
        if any(card.role == "leaf" and card.gradient and not card.check for card in scene.cards):
            lines[-1].append(words["unchecked"])
    lines.append(image_key(scene, theme.name, words["lang"]) if images else [])
    rows += [font("     ".join(line), theme.faint, TINY) for line in lines if line]
    inside = "".join(f'<TR><TD ALIGN="LEFT">{row}</TD></TR>' for row in rows)
    return f'<<TABLE {BARE} CELLPADDING="2">{inside}</TABLE>>'


def shapes(scene: Scene, theme: Theme, words: dict[str, str]) -> list[str]:
    """The tensors and operations that are in the picture."""
    roles = {card.role for card in scene.cards}
    looks = {
        "leaf": ("▣", theme.leaf_line),
        "result": ("▢", theme.card_line),
        "output": ("▣", theme.output_line),
        "constant": ("⬚", theme.faint),
    }
    found = [
        f'<FONT COLOR="{color}">{sign}</FONT> {words[role]}'
        for role, (sign, color) in looks.items()
        if role in roles
    ]
    modules = [circle.module is not None for circle in scene.circles]
    if not all(modules):
        found.append(f'<FONT COLOR="{theme.operation_line}">◯</FONT> {words["operation"]}')
    if any(modules):
        found.append(f'<FONT COLOR="{theme.operation_line}">❒</FONT> {words["module"]}')
    if scene.echoes:
        found.append(f"↺ {words['echo']}")
    return found


def signs(theme: Theme, words: dict[str, str], backward: bool, recorded: bool) -> list[str]:
    """The two kinds of arrows, and the three states of a gradient."""
    found = [f'<FONT COLOR="{theme.forward}">──▶ {words["forward"]}</FONT>']
    if recorded and not backward:
        found.append(f'<FONT COLOR="{theme.backward}">◀╌╌ {words["recorded"]}</FONT>')
    if backward:
        found.append(f'<FONT COLOR="{theme.backward}">◀╌╌ {words["backward"]}</FONT>')
        found.append(words["states"])
    return found


def facts(scene: Scene, words: dict[str, str], backward: bool, numbers: bool) -> list[str]:
    """What is written on the arrows, and on the cards of large tensors."""
    ways = [arrow for arrow in scene.arrows if arrow.way is not None] if backward else []
    found = []
    if any("g" in arrow.carried.split() for arrow in ways if not arrow.ratio):
        found.append(words["g"])
    if any(arrow.way and arrow.way.slope is None for arrow in ways) and numbers:
        found.append(words["gain key"])
    if any(arrow.way and arrow.way.stretched for arrow in ways):
        found.append(words["stretched"])
    if any(card.value.entries is None for card in scene.cards) and numbers:
        found.append(words["statistics"])
    return found
