"""A scene as DOT text. Tensors are cards, operations circles, modules frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinygrad_tr.picture.frames import Call
from tinygrad_tr.picture.numbers import (
    Numbers,
    entries_written,
    shape_written,
    statistics_written,
    written,
)
from tinygrad_tr.picture.scene import Arrow, Card, Circle, Echo, Reason, Scene, short
from tinygrad_tr.picture.theme import FONT, MONO, Theme

LONGEST_NAME = 60
BACKSLASH = "\\\u200b"  # with a space of no width behind it, \\N is no escape for Graphviz
ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\\": BACKSLASH})
TEXT, SMALL, TINY = 11, 9.5, 8.5  # points
# Where arrows leave a card and where they come in, behind the letter v (value) or g (gradient).
PORTS = {"LR": (":e", ":w"), "RL": (":w", ":e"), "TB": ("2:s", "1:n"), "BT": ("1:n", "2:s")}
BARE = 'BORDER="0" CELLBORDER="0" CELLSPACING="0"'
FEW = 4  # so many entries are written on an arrow, or summands on a card


class Writer:
    """Writes the lines of one picture."""

    def __init__(
        self,
        scene: Scene,
        theme: Theme,
        words: dict[str, str],
        *,
        passes: str,
        numbers: bool,
        rankdir: str,
    ) -> None:
        self.scene, self.theme, self.words, self.rankdir = scene, theme, words, rankdir
        self.forward, self.backward = passes != "backward", passes != "forward"
        self.numbers = numbers
        dtypes = {card.value.dtype for card in scene.cards if card.role != "constant"}
        self.mixed = len(dtypes) > 1
        self.grounds = {circle.id: self.ground(circle.frame) for circle in scene.circles}
        self.shown = self.drawn()

    def ground(self, frame: int) -> str:
        """The colour behind what is in a frame."""
        theme = self.theme
        return theme.paper if frame < 0 else theme.frames[self.scene.frames[frame].level % 2]

    def lines(self) -> Iterator[str]:
        """The statements between the braces of the digraph."""
        theme = self.theme
        yield (
            f'\tgraph [rankdir={self.rankdir} bgcolor="{theme.paper}" fontname="{FONT}" '
            f'fontcolor="{theme.ink}" fontsize={SMALL} nodesep=0.28 ranksep=0.34 pad=0.25 '
            f"outputorder=edgesfirst labelloc=b labeljust=l label={self.legend()}]\n"
        )
        yield (
            f'\tnode [fontname="{FONT}" fontcolor="{theme.ink}" fontsize={TEXT} shape=plain '
            f'tooltip=" "]\n'
        )
        yield (
            f'\tedge [fontname="{FONT}" fontsize={SMALL} arrowsize=0.6 tooltip=" " '
            f'color="{theme.forward}" fontcolor="{theme.backward}"]\n'
        )
        by_frame: dict[int, list[str]] = {}
        for card in self.scene.cards:
            if card.id in self.shown:
                by_frame.setdefault(card.frame, []).append(self.card(card))
        for circle in self.scene.circles:
            if circle.id in self.shown:
                by_frame.setdefault(circle.frame, []).append(self.circle(circle))
        for echo in self.scene.echoes:
            if self.forward or echo.id in self.shown:
                by_frame.setdefault(echo.frame, []).append(self.echo(echo))
        yield from by_frame.get(-1, ())
        yield from self.frames(by_frame)
        if self.forward:
            for arrow in self.scene.arrows:
                yield f"\t{self.ends(arrow, 'v')}\n"
        if self.backward:
            style = f'color="{theme.backward}" style=dashed dir=back'
            yield f"\tedge [{style}]\n"
            for arrow in self.scene.arrows:
                if arrow.flows:
                    label = self.arrow_label(arrow)
                    text = f" [label={label}]" if label else ""
                    yield f"\t{self.ends(arrow, 'g')}{text}\n"

    def drawn(self) -> set[str]:
        """The ids of what is in this picture: alone, the backward pass leaves constants out."""
        if self.forward:
            return {card.id for card in self.scene.cards} | set(self.grounds)
        ends = {
            end for arrow in self.scene.arrows if arrow.flows for end in (arrow.tail, arrow.head)
        }
        return ends | {card.id for card in self.scene.cards if card.role in ("leaf", "output")}

    def ends(self, arrow: Arrow, port: str) -> str:
        """`t0:v:e -> o0`: arrows meet a card at its value or gradient, and a circle anywhere."""
        out, into = PORTS[self.rankdir]
        tail = f"{arrow.tail}:{port}{out}" if arrow.tail[0] == "t" else arrow.tail
        head = f"{arrow.head}:{port}{into}" if arrow.head[0] == "t" else arrow.head
        return f"{tail} -> {head}"

    # ------------------------------------------------------------------ frames

    def frames(self, by_frame: dict[int, list[str]]) -> Iterator[str]:
        """Clusters within clusters, written without recursion: parents come before children."""
        calls, theme = self.scene.frames, self.theme
        open_: list[int] = []
        for i in self.scene.open_frames:
            while open_ and open_[-1] != calls[i].around:
                open_.pop()
                yield "\t}\n"
            open_.append(i)
            title = self.frame_title(calls[i])
            yield f"\tsubgraph cluster_{i} {{\n"
            yield (
                f'\tgraph [label=<{title}> labelloc=t labeljust=l style="rounded,filled" margin=16 '
                f'fillcolor="{self.ground(i)}" color="{theme.frame_line}" '
                f'fontcolor="{theme.faint}" tooltip=" "]\n'
            )
            yield from by_frame.get(i, ())
        yield from ("\t}\n" for _ in open_)

    def frame_title(self, call: Call) -> str:
        first, *rest = [escaped(clipped(part)) for part in call.title(self.words)]
        return " · ".join([f"<B>{first}</B>", *rest])

    # ------------------------------------------------------------------ cards

    def card(self, card: Card) -> str:
        """A table of two cells: the value above, the gradient below."""
        theme = self.theme
        fill, line, width, style = {
            "leaf": (theme.leaf, theme.leaf_line, 2, "ROUNDED"),
            "output": (theme.output, theme.output_line, 3, "ROUNDED"),
            "constant": (theme.constant, theme.constant_line, 1, "ROUNDED,DASHED"),
            "result": (theme.card, theme.card_line, 1, "ROUNDED"),
        }[card.role]
        rows = []
        if self.forward:
            rows.append(self.cell("v", self.value_lines(card)))
        else:
            rows.append(self.cell("v", [self.title(card)]))
        if self.backward:
            rows.append(self.cell("g", self.gradient_lines(card)))
        inside = ("" if card.reason else "<HR/>").join(f"<TR>{row}</TR>" for row in rows)
        if self.rankdir in ("TB", "BT"):  # arrows meet the upper and lower edge, side by side
            port = '<TD PORT="{}" CELLPADDING="0"></TD>'.format
            upper, lower = (f"<TR>{port(f'v{i}')}{port(f'g{i}')}</TR>" for i in (1, 2))
            inside = upper + inside.replace("<TD PORT=", '<TD COLSPAN="2" PORT=') + lower
        return (
            f'\t{card.id} [label=<<TABLE BORDER="{width}" STYLE="{style}" CELLBORDER="0" '
            f'CELLSPACING="0" CELLPADDING="5" BGCOLOR="{fill}" COLOR="{line}">{inside}</TABLE>> '
            f'tooltip="{quoted(clipped(tooltip(card)))}"]\n'
        )

    @staticmethod
    def cell(port: str, lines: Sequence[str]) -> str:
        if len(lines) == 1:
            return f'<TD PORT="{port}"> {lines[0]} </TD>'
        inside = "".join(f"<TR><TD>{line}</TD></TR>" for line in lines)
        return f'<TD PORT="{port}"><TABLE {BARE} CELLPADDING="1">{inside}</TABLE></TD>'

    def title(self, card: Card) -> str:
        if not card.name:
            return ""
        name = escaped(clipped(card.name))
        return f"<B>{name}</B>" if card.own_name else self.faint(f"<I>{name}</I>", TEXT)

    def value_lines(self, card: Card) -> list[str]:
        """Name, shape and dtype, and the value."""
        numbers, title = card.value, self.title(card)
        lines = []
        if card.copies > 1:
            kind = f"{card.copies} × {shape_written(numbers.shape)} {numbers.dtype}"
            lines.append(self.faint(escaped(kind)))
        elif numbers.shape == () and numbers.entries is not None:
            number = written(numbers.entries[0])
            text = number if self.numbers or not title else ""
            first = " = ".join(part for part in (title, text) if part)
            if self.mixed and card.name:
                first += self.faint(f"  {numbers.dtype}")
            lines.append(first)
        else:
            kind = f"{shape_written(numbers.shape)} {numbers.dtype}"
            lines.append(f"{title}  {self.faint(escaped(kind))}" if title else self.faint(kind))
            if self.numbers:
                lines += self.number_lines(numbers, self.theme.ink)
        if card.changed:
            lines.append(self.faint(f"⚠ {self.words['changed']}"))
        return lines

    @staticmethod
    def number_lines(numbers: Numbers, color: str) -> list[str]:
        """The entries of a small array between brackets, or the statistics of a large one."""
        if numbers.entries is None:
            font, lines = f'COLOR="{color}" POINT-SIZE="{SMALL}"', statistics_written(numbers)
        else:
            font = f'COLOR="{color}" POINT-SIZE="{SMALL}" FACE="{MONO}"'
            lines = entries_written(numbers)
        return [f"<FONT {font}>{'<BR/>'.join(map(escaped, lines))}</FONT>"] if lines else []

    def gradient_lines(self, card: Card) -> list[str]:
        """The gradient: a number, 0, or – with the reason."""
        if card.reason is not None:
            return [self.faint(f"– {escaped(self.reason(card.reason))}")]
        gradient, color = card.gradient, self.theme.backward
        assert gradient is not None
        name = f"∂{clipped(self.scene.objective)}/∂{clipped(short(card.name))}"
        symbol = f'<FONT COLOR="{color}">{escaped(name)}'
        if card.copies > 1:
            return [self.faint(self.words["each step"])]
        if not self.numbers:
            return [f"{symbol}</FONT>"]
        if gradient.shape == () and gradient.entries is not None:
            return [f"{symbol} = {self.summed(card)}{written(gradient.entries[0])}</FONT>"]
        if gradient.entries is None and gradient.least == gradient.greatest:
            everywhere = f"{written(gradient.least)} {self.words['everywhere']}"
            return [f"{symbol} = {everywhere}</FONT>"]
        return [f"{symbol}</FONT>", *self.number_lines(gradient, color)]

    @staticmethod
    def summed(card: Card) -> str:
        """`5 + 5 = `: the contributions of the uses, where they are few numbers."""
        parts = card.parts
        if not 2 <= len(parts) <= FEW or any(p.shape != () or not p.entries for p in parts):
            return ""
        texts = [written(p.entries[0]) for p in parts if p.entries]
        return " + ".join(f"({t})" if t[0] == "−" else t for t in texts) + " = "

    def reason(self, reason: Reason) -> str:
        key, what = reason
        return self.words[key].format(what)

    def faint(self, text: str, size: float = TINY) -> str:
        return f'<FONT COLOR="{self.theme.faint}" POINT-SIZE="{size}">{text}</FONT>'

    # ------------------------------------------------------------------ operations and arrows

    def circle(self, circle: Circle) -> str:
        theme = self.theme
        if circle.module is not None:
            return self.box(circle)
        look = f'style=filled fillcolor="{theme.operation}" color="{theme.operation_line}"'
        if len(circle.symbol) <= 2 and not circle.facts:
            size = "shape=circle width=0.36 fixedsize=true fontsize=14"
            return f'\t{circle.id} [{size} {look} label="{quoted(circle.symbol)}"]\n'
        lines = [escaped(circle.symbol)]
        if circle.facts:
            lines.append(self.faint(escaped(circle.facts)))
        rows = "".join(f"<TR><TD>{line}</TD></TR>" for line in lines)
        label = f'<<TABLE {BARE} CELLPADDING="1">{rows}</TABLE>>'
        return f'\t{circle.id} [shape=ellipse margin="0.02,0" {look} label={label}]\n'

    def box(self, circle: Circle) -> str:
        """A folded module."""
        theme, call = self.theme, circle.module
        assert call is not None
        first, *rest = [escaped(clipped(part)) for part in call.title(self.words)]
        title = "<BR/>".join([f"<B>{first}</B>", *rest])
        if self.backward and circle.without_gradient:
            lost = self.words["missing"].format(circle.without_gradient)
            title += f"<BR/>{self.faint('– ' + lost)}"
        return (
            f'\t{circle.id} [shape=box3d style=filled margin="0.16,0.1" '
            f'fillcolor="{theme.operation}" color="{theme.operation_line}" label=<{title}>]\n'
        )

    def echo(self, echo: Echo) -> str:
        """The name of a tensor whose card stands elsewhere."""
        look = f'style="rounded,dotted" color="{self.theme.card_line}" height=0.25 margin="0.08,0"'
        return f"\t{echo.id} [shape=box {look} label=<{escaped(clipped(echo.name))} ↺>]\n"

    def arrow_label(self, arrow: Arrow) -> str:
        """`∂u/∂b = c = 2` between numbers, `g @ Wᵀ` and the gain between arrays."""
        way = arrow.way
        if way is None:
            return ""
        lines = []
        if arrow.uses > 1:
            return f"<{escaped(self.words['uses'].format(arrow.uses))}>"
        if way.slope is not None and arrow.ratio:
            number = written(way.slope)
            parts = [arrow.ratio, arrow.slope, number if self.numbers else ""]
            if arrow.slope == number:
                del parts[1]
            lines.append(" = ".join(clipped(part) for part in parts if part))
        else:
            lines += [clipped(arrow.carried)] if arrow.carried else []
            if way.gain is not None and self.numbers:
                lines.append(f"{self.words['gain']} {written(way.gain)}")
        if way.contribution is not None and self.numbers:
            lines.append(f"{self.words['adds']} {brief(way.contribution)}")
        text = "<BR/>".join(map(escaped, lines))
        # Nearly opaque, so that no other line runs through the text.
        table = f'<TABLE {BARE} CELLPADDING="3" BGCOLOR="{self.grounds[arrow.head]}d8">'
        return f"<{table}<TR><TD>{text}</TD></TR></TABLE>>" if lines else ""

    # ------------------------------------------------------------------ the legend

    def legend(self) -> str:
        """The notes and the key of the picture, as one table."""
        scene, words = self.scene, self.words
        notes = []
        if scene.changed and self.numbers:
            notes.append("⚠ " + words["note changed"].format(", ".join(scene.changed)))
        if scene.summed and self.backward:
            notes.append(words["note objective"].format(", ".join(scene.summed)))
        if any(circle.module and circle.module.repeats for circle in scene.circles):
            notes.append(words["note repeats"])
        if scene.hidden:
            notes.append(words["note folded"].format(scene.hidden))
        rows = [f'<TR><TD ALIGN="LEFT">{escaped(note)}</TD></TR>' for note in notes]
        for line in self.key():
            rows.append(f'<TR><TD ALIGN="LEFT">{self.faint("     ".join(line))}</TD></TR>')
        rows.insert(0, "<TR><TD> </TD></TR>")
        return f'<<TABLE {BARE} CELLPADDING="2">{"".join(rows)}</TABLE>>'

    def key(self) -> list[list[str]]:
        """What the shapes, lines and signs of this very picture mean."""
        scene, words, theme = self.scene, self.words, self.theme
        roles = {card.role for card in scene.cards if card.id in self.shown}
        looks = {
            "leaf": ("▣", theme.leaf_line),
            "result": ("▢", theme.card_line),
            "output": ("▣", theme.output_line),
            "constant": ("⬚", theme.faint),
        }
        shapes = [
            f'<FONT COLOR="{color}">{sign}</FONT> {words[role]}'
            for role, (sign, color) in looks.items()
            if role in roles
        ]
        modules = [circle.module is not None for circle in scene.circles]
        if not all(modules):
            shapes.append(f'<FONT COLOR="{theme.operation_line}">◯</FONT> {words["operation"]}')
        if any(modules):
            shapes.append(f'<FONT COLOR="{theme.operation_line}">❒</FONT> {words["module"]}')
        if scene.echoes:
            shapes.append(f"↺ {words['echo']}")
        signs = []
        if self.forward:
            signs.append(f'<FONT COLOR="{theme.forward}">──▶ {words["forward"]}</FONT>')
        if self.backward:
            signs.append(f'<FONT COLOR="{theme.backward}">◀╌╌ {words["backward"]}</FONT>')
            signs.append(words["states"])
        ways = [arrow for arrow in scene.arrows if arrow.way is not None] if self.backward else []
        facts = []
        if any("g" in arrow.carried.split() for arrow in ways if not arrow.ratio):
            facts.append(words["g"])
        if any(arrow.way and arrow.way.slope is None for arrow in ways) and self.numbers:
            facts.append(words["gain key"])
        if any(arrow.way and arrow.way.stretched for arrow in ways):
            facts.append(words["stretched"])
        large = any(card.value.entries is None for card in scene.cards)
        if large and self.numbers:
            facts.append(words["statistics"])
        return [line for line in (shapes, signs, facts) if line]


def brief(numbers: Numbers) -> str:
    """A contribution in one line."""
    if numbers.zero:
        return "0"
    if numbers.entries is not None and len(numbers.entries) <= FEW:
        texts = ", ".join(map(written, numbers.entries))
        return texts if numbers.shape == () else f"[{texts}]"
    return statistics_written(numbers)[0]


def tooltip(card: Card) -> str:
    return f"{card.name} {shape_written(card.value.shape)} {card.value.dtype}".strip()


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
