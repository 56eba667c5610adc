"""Colours and words: the light and the dark sheet, English and Turkish."""

from __future__ import annotations

from dataclasses import dataclass

from tinygrad_tr.errors import ArgumentError

# Each list has one set of widths on every system, so that text fits where it was laid out.
FONT = "DejaVu Sans,Verdana,Geneva,sans-serif"
MONO = "DejaVu Sans Mono,Menlo,Consolas,monospace"


@dataclass(frozen=True)
class Theme:
    """The colours of a sheet. Every meaning they carry is also carried by a shape or a line."""

    paper: str
    ink: str
    faint: str
    forward: str
    backward: str
    card: str
    card_line: str
    leaf: str
    leaf_line: str
    output: str
    output_line: str
    constant: str
    constant_line: str
    operation: str
    operation_line: str
    frames: tuple[str, str]
    frame_line: str


THEMES = {
    "light": Theme(
        paper="#ffffff",
        ink="#1d2733",
        faint="#6a7683",
        forward="#33628f",
        backward="#b8431b",
        card="#ffffff",
        card_line="#8d99a6",
        leaf="#eaf2fa",
        leaf_line="#33628f",
        output="#eef6ec",
        output_line="#4b8043",
        constant="#f6f6f4",
        constant_line="#a3a8ad",
        operation="#fdf5e1",
        operation_line="#a9802f",
        frames=("#f7f9fb", "#eff3f7"),
        frame_line="#c3ccd6",
    ),
    "dark": Theme(
        paper="#15191f",
        ink="#e6ebf0",
        faint="#98a4b1",
        forward="#7db3e8",
        backward="#f5966b",
        card="#1f252d",
        card_line="#66727f",
        leaf="#1c2c3d",
        leaf_line="#7db3e8",
        output="#1d3122",
        output_line="#84c07c",
        constant="#1b1f25",
        constant_line="#6b757f",
        operation="#34301f",
        operation_line="#d9b25c",
        frames=("#191e25", "#1e242c"),
        frame_line="#404a56",
    ),
}

WORDS = {
    "en": {
        "parameters": "parameters",
        "gain": "gain",
        "adds": "adds",
        "everywhere": "everywhere",
        # why a tensor has no gradient
        "constant": "constant",
        "not required": "requires_grad=False",
        "integer": "integers",
        "detach": "detached",
        "no_grad": "no_grad()",
        "rule": "{0} has no derivative",
        "unreached": "no gradient arrives",
        "unused": "not used",
        "changed": "changed after recording",
        "missing": "{0} of them without gradient",
        "uses": "{0} uses, the gradients are added",
        "each step": "one at each step",
        # notes under the picture
        "note changed": "These numbers are recomputed: {0} was changed after the graph was "
        "recorded.",
        "note objective": "Σ is the sum of all entries of {0}; the gradients are its derivatives.",
        "note folded": "{0} operations are folded into modules; depth= opens more.",
        "note repeats": "Equal steps are folded into × n; unroll=True draws all of them.",
        # the legend
        "leaf": "leaf with a gradient",
        "result": "result",
        "output": "output",
        "operation": "operation",
        "module": "folded module",
        "echo": "the same tensor again",
        "forward": "forward: values",
        "backward": "backward: local derivative",
        "g": "g: gradient of the operation's output",
        "gain key": "gain: ‖gradient in‖ / ‖gradient out‖",
        "statistics": "mean ± std [min, max]",
        "stretched": "Σ₀: sum over the stretched axis 0",
        "states": "– not computed   0 exactly zero",
    },
    "tr": {
        "parameters": "parametre",
        "gain": "kazanç",
        "adds": "katkı",
        "everywhere": "her yerde",
        "constant": "sabit",
        "not required": "requires_grad=False",
        "integer": "tam sayı",
        "detach": "koparıldı (detach)",
        "no_grad": "no_grad() içinde",
        "rule": "{0} türevsiz",
        "unreached": "gradyan ulaşmıyor",
        "unused": "kullanılmadı",
        "changed": "kayıttan sonra değişti",
        "missing": "{0} tanesi gradyansız",
        "uses": "{0} kullanım, gradyanlar toplanır",
        "each step": "her adımda bir tane",
        "note changed": "Bu sayılar yeniden hesaplandı: {0} graf kaydedildikten sonra değişti.",
        "note objective": "Σ, {0} girdilerinin toplamıdır; gradyanlar onun türevleridir.",
        "note folded": "{0} işlem modüllere katlandı; depth= daha fazlasını açar.",
        "note repeats": "Eşit adımlar × n olarak katlandı; unroll=True hepsini çizer.",
        "leaf": "gradyanlı yaprak",
        "result": "ara sonuç",
        "output": "çıktı",
        "operation": "işlem",
        "module": "katlanmış modül",
        "echo": "aynı tensör, yeniden",
        "forward": "ileri: değerler",
        "backward": "geri: yerel türev",
        "g": "g: işlemin çıktısının gradyanı",
        "gain key": "kazanç: ‖giren gradyan‖ / ‖çıkan gradyan‖",
        "statistics": "ortalama ± std [en küçük, en büyük]",
        "stretched": "Σ₀: yayılan 0. eksen boyunca toplam",
        "states": "– hesaplanmadı   0 tam sıfır",
    },
}


def choose(option: str, value: object, known: object) -> None:
    """Refuse a value of an option that is not among the known ones."""
    names = list(known)  # type: ignore[call-overload]  # tables and tuples of names
    if value not in names:
        raise ArgumentError(
            "draw", f"unknown {option}", got=repr(value), wanted=" or ".join(map(repr, names))
        )
