"""A scene as DOT text. Tensors are cards, operations circles, modules frames."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

from tinygrad_tr.picture.badges import (
    BARE,
    check_lines,
    font,
    in_short,
    is_wrong,
    note_lines,
    tone_line,
    toned,
)
from tinygrad_tr.picture.escaping import clipped, escaped, quoted
from tinygrad_tr.picture.frames import Call
from tinygrad_tr.picture.images import captions, image_cell
from tinygrad_tr.picture.legend import legend_of
from tinygrad_tr.picture.numbers import (
    Numbers,
    count_written,
    entries_written,
    shape_written,
    statistics_written,
    written,
)
from tinygrad_tr.picture.scene import Arrow, Card, Circle, Echo, Reason, Scene, short
from tinygrad_tr.picture.theme import FONT, MONO, Theme
from tinygrad_tr.picture.thumbnails import Thumbnail

TEXT, SMALL, TINY = 11, 9.5, 8.5  # points
# Where arrows leave a card and where they come in, behind the letter v (value) or g (gradient).
PORTS = {"LR": (":e", ":w"), "RL": (":w", ":e"), "TB": ("2:s", "1:n"), "BT": ("1:n", "2:s")}
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
        legend: bool = True,
        images: bool = False,
    ) -> None:
        self.scene, self.theme, self.words, self.rankdir = scene, theme, words, rankdir
        self.explained = legend
        self.backward = passes != "forward"
        self.numbers, self.images = numbers, images
        dtypes = {card.value.dtype for card in scene.cards if card.role != "constant"}
        self.mixed = len(dtypes) > 1
        self.grounds = {circle.id: self.ground(circle.frame) for circle in scene.circles}
        self.cards = {card.id: card for card in scene.cards}
        parts: list[Card | Circle | Echo] = [*scene.cards, *scene.circles, *scene.echoes]
        self.orders = {part.id: self.order(part.frame) for part in parts}

    def ground(self, frame: int) -> str:
        """The colour behind what is in a frame."""
        theme = self.theme
        return theme.paper if frame < 0 else theme.frames[self.scene.frames[frame].level % 2]

    def on(self, tone: float | None, *quantities: str) -> Writer:
        """The writer for what stands on the colour of a number, if the scale is of these."""
        scale = self.scene.scale
        if scale is None or scale.quantity not in quantities:
            return self
        theme = toned(self.theme, scale, tone)
        if theme is self.theme:
            return self
        other = copy.copy(self)
        other.theme = theme
        return other

    def lines(self) -> Iterator[str]:
        """The statements between the braces of the digraph."""
        theme = self.theme
        legend = '""'
        if self.explained:
            legend = legend_of(
                self.scene, theme, self.words, backward=self.backward, numbers=self.numbers,
                recorded=any(self.orders.values()), images=self.images,
            )  # fmt: skip
        yield (
            f'\tgraph [rankdir={self.rankdir} bgcolor="{theme.paper}" fontname="{FONT}" '
            f'fontcolor="{theme.ink}" fontsize={SMALL} nodesep=0.28 ranksep=0.34 pad=0.25 '
            f"outputorder=edgesfirst labelloc=b labeljust=l label={legend}]\n"
        )
        yield (
            f'\tnode [fontname="{FONT}" fontcolor="{theme.ink}" fontsize={TEXT} shape=plain '
            f'tooltip=" "]\n'
        )
        yield (
            f'\tedge [fontname="{FONT}" fontsize={SMALL} arrowsize=0.6 tooltip=" " '
            f'color="{theme.forward}" fontcolor="{theme.backward}" class=forward]\n'
        )
        by_frame: dict[int, list[str]] = {}
        for card in self.scene.cards:
            by_frame.setdefault(card.frame, []).append(self.card(card))
        for circle in self.scene.circles:
            by_frame.setdefault(circle.frame, []).append(self.circle(circle))
        for echo in self.scene.echoes:
            by_frame.setdefault(echo.frame, []).append(self.echo(echo))
        yield from by_frame.get(-1, ())
        yield from self.frames(by_frame)
        for arrow in self.scene.arrows:
            yield f"\t{self.computing(arrow)}\n"
        if self.backward:
            style = f'color="{theme.backward}" style=dashed dir=back class=backward'
            yield f"\tedge [{style}]\n"
            for arrow in self.scene.arrows:
                if arrow.flows:
                    label = self.arrow_label(arrow)
                    text = f" [label={label}]" if label else ""
                    yield f"\t{self.ends(arrow, 'g')}{text}\n"

    def computing(self, arrow: Arrow) -> str:
        """The arrow of a computation. Alone, a recorded backward pass runs the other way."""
        tail, head = self.orders[arrow.tail], self.orders[arrow.head]
        if tail != head or head % 2 == 0 or self.backward:
            return self.ends(arrow, "v")
        turned = Arrow(arrow.head, arrow.tail, arrow.flows)
        look = f'color="{self.theme.backward}" style=dashed class=backward'
        if arrow.tail[0] == "e":
            look = "class=forward"
        return f"{self.ends(turned, 'v')} [dir=back {look}]"

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
        for i in self.in_order():
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

    def in_order(self) -> list[int]:
        """The open frames so that a pass stands above or left of the backward pass of it."""
        frames = self.scene.open_frames
        if self.rankdir in ("TB", "BT"):
            return frames
        last = max(map(self.order, frames), default=0)  # Graphviz lays these out from below
        return [i for order in range(last, -1, -1) for i in frames if self.order(i) == order]

    def order(self, frame: int) -> int:
        return self.scene.frames[frame].order if frame >= 0 else 0

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
        if is_wrong(card.notes, card.check):
            line, width = theme.alarm_line, 3
        rows = []
        on = self.on(card.tone, "magnitude")
        rows.append(on.cell("v", on.value_lines(card), on is not self))
        if self.backward:
            on = self.on(card.tone, "grad", "difference")
            rows.append(on.cell("g", on.gradient_lines(card), on is not self))
        inside = ("" if card.reason else "<HR/>").join(f"<TR>{row}</TR>" for row in rows)
        notes = note_lines(card.notes, theme, self.words)
        if notes:
            inside += f"<TR>{self.cell('n', notes)}</TR>"
        if self.rankdir in ("TB", "BT"):  # arrows meet the upper and lower edge, side by side
            port = '<TD PORT="{}" CELLPADDING="0"></TD>'.format
            upper, lower = (f"<TR>{port(f'v{i}')}{port(f'g{i}')}</TR>" for i in (1, 2))
            inside = upper + inside.replace("<TD PORT=", '<TD COLSPAN="2" PORT=') + lower
        return (
            f'\t{card.id} [label=<<TABLE BORDER="{width}" STYLE="{style}" CELLBORDER="0" '
            f'CELLSPACING="0" CELLPADDING="5" BGCOLOR="{fill}" COLOR="{line}">{inside}</TABLE>> '
            f'tooltip="{quoted(clipped(tooltip(card)))}"]\n'
        )

    def cell(self, port: str, lines: Sequence[str], filled: bool = False) -> str:
        """Some lines; on the colour of the theme's card if it is filled."""
        if filled:
            rows = "".join(f"<TR><TD> {line} </TD></TR>" for line in lines)
            ground = f'STYLE="ROUNDED" BGCOLOR="{self.theme.card}"'
            table = f'<TABLE {BARE} CELLPADDING="3" {ground}>{rows}</TABLE>'
            return f'<TD PORT="{port}" CELLPADDING="3">{font(table, self.theme.ink, TEXT)}</TD>'
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
            kind = f"{count_written(card.copies)} × {shape_written(numbers.shape)} {numbers.dtype}"
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
            if self.scene.scale is not None and self.scene.scale.quantity == "magnitude":
                lines += tone_line(card.tone, self.scene.scale, self.words)
            if self.numbers:
                lines += self.number_lines(numbers, self.theme.ink)
        if card.changed:
            lines.append(self.faint(f"⚠ {self.words['changed']}"))
        return lines + self.image(card.image)

    def image(self, thumbnail: Thumbnail | None, part: str = "value") -> list[str]:
        """The thumbnail, if there is one and images are shown."""
        if thumbnail is None or not self.images:
            return []
        return [image_cell(part, thumbnail, self.theme.name)]

    def told_image(self, circle: Circle) -> list[str]:
        """The thumbnail of an operation or a folded module, and what it is."""
        shown = self.image(circle.image)
        if shown and circle.image:
            shown += map(self.faint, captions(circle.image, self.words["lang"]))
        return shown

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
        """The gradient: a number, 0, or – with the reason. Beside it, finite differences."""
        checked = check_lines(card.check, self.theme, self.words)
        if card.reason is not None:
            return [self.faint(f"– {escaped(self.reason(card.reason))}")]
        gradient, color = card.gradient, self.theme.backward
        assert gradient is not None
        name = f"∂{clipped(self.scene.objective)}/∂{clipped(short(card.name))}"
        symbol = f'<FONT COLOR="{color}">{escaped(name)}'
        if card.copies > 1:
            return [self.faint(self.words["each step"])]
        image = self.image(card.gradient_image, "gradient")
        if not self.numbers:
            norm = f"‖{escaped(name)}‖ = {written(gradient.norm)}"
            text = f'<FONT COLOR="{color}">{norm}' if self.shows_norm(gradient) else symbol
            return [f"{text}</FONT>", *image]
        if gradient.shape == () and gradient.entries is not None:
            number = self.summed(card) + written(gradient.entries[0])
            return [f"{symbol} = {number}</FONT>", *checked]
        numbers = self.number_lines(gradient, color)
        if gradient.entries is None and gradient.least == gradient.greatest:
            everywhere = f"{written(gradient.least)} {self.words['everywhere']}"
            if not self.shows_norm(gradient):
                return [f"{symbol} = {everywhere}</FONT>", *checked]
            numbers = [f'<FONT COLOR="{color}">{everywhere}</FONT>']
        if self.shows_norm(gradient):
            norm = f"  ‖{name}‖ = {written(gradient.norm)}  "  # wider than Graphviz thinks
            symbol = f'<FONT COLOR="{color}">{escaped(norm)}'
        return [f"{symbol}</FONT>", *numbers, *checked, *image]

    def shows_norm(self, gradient: Numbers) -> bool:
        """Whether the norm is to be written, for a colour stands for it."""
        scale = self.scene.scale
        return scale is not None and scale.quantity == "grad" and not gradient.zero

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
        if circle.module is not None:
            return self.box(circle)
        self = self.on(circle.tone, "gain")
        theme = self.theme
        look, notes = self.look(circle), note_lines(circle.notes, theme, self.words)
        image = self.told_image(circle)
        if len(circle.symbol) <= 2 and not (circle.facts or circle.of or notes or image):
            size = "shape=circle width=0.36 fixedsize=true fontsize=14"
            return f'\t{circle.id} [{size} {look} label="{quoted(circle.symbol)}"]\n'
        lines = [escaped(circle.symbol)]
        if circle.of:
            lines.append(self.faint(escaped(self.words["of"].format(circle.of_what))))
        if circle.facts:
            lines.append(self.faint(escaped(circle.facts)))
        shape = 'box margin="0.06,0.04"' if image else 'ellipse margin="0.02,0"'
        rows = "".join(f"<TR><TD>{line}</TD></TR>" for line in [*lines, *image, *notes])
        label = f'<<TABLE {BARE} CELLPADDING="1">{rows}</TABLE>>'
        return f"\t{circle.id} [shape={shape} {look} label={label}]\n"

    def box(self, circle: Circle) -> str:
        """A folded module."""
        self, call = self.on(circle.tone, "gain", "grad"), circle.module
        assert call is not None
        first, *rest = [escaped(clipped(part)) for part in call.title(self.words)]
        title = "<BR/>".join([f"<B>{first}</B>", *rest])
        title = "<BR/>".join([title, *tone_line(circle.tone, self.scene.scale, self.words)])
        if self.backward and circle.without_gradient:
            lost = self.words["missing"].format(circle.without_gradient)
            title += f"<BR/>{self.faint('– ' + lost)}"
        title = "<BR/>".join([title, *note_lines(circle.notes, self.theme, self.words)])
        look, image = self.look(circle), self.told_image(circle)
        if image:
            rows = "".join(f"<TR><TD>{line}</TD></TR>" for line in [title, *image])
            title = f'<TABLE {BARE} CELLPADDING="2">{rows}</TABLE>'
        return f'\t{circle.id} [shape=box3d margin="0.16,0.1" {look} label=<{title}>]\n'

    def look(self, circle: Circle) -> str:
        """Fill, line and ink of an operation, and its source line to be hovered over."""
        theme, wrong = self.theme, is_wrong(circle.notes)
        line = f'"{theme.alarm_line}" penwidth=3' if wrong else f'"{theme.operation_line}"'
        of = ""
        if circle.of:
            what = quoted(self.words["of"].format(circle.of_what))
            of = f' class="of-{circle.of}" tooltip="{what}"'
        fill = f'style=filled fillcolor="{theme.operation}" fontcolor="{theme.ink}"'
        source = f' tooltip="{quoted(clipped(in_short(circle.line)))}"' if circle.line else ""
        return f"{fill} color={line}{of}{source}"

    def echo(self, echo: Echo) -> str:
        """The name of a tensor whose card stands elsewhere."""
        look = f'style="rounded,dotted" color="{self.theme.card_line}" height=0.25 margin="0.08,0"'
        text, value = clipped(echo.name), echo.value
        if self.numbers and value.shape == () and value.entries is not None:
            text += f" = {written(value.entries[0])}"
        return f"\t{echo.id} [shape=box {look} label=<{escaped(text)} ↺>]\n"

    def arrow_label(self, arrow: Arrow) -> str:
        """`∂u/∂b = c = 2` between numbers, `g @ Wᵀ` and the gain between arrays."""
        way = arrow.way
        if way is None:
            return ""
        lines = []
        if arrow.uses > 1:
            return f"<{escaped(self.words['uses'].format(count_written(arrow.uses)))}>"
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
