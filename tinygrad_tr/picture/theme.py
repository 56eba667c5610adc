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

    name: str
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
    alarm: str
    alarm_line: str
    good: str


THEMES = {
    "light": Theme(
        name="light",
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
        alarm="#b00020",
        alarm_line="#b00020",
        good="#2f6b28",
    ),
    "dark": Theme(
        name="dark",
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
        alarm="#ff7a85",
        alarm_line="#ff7a85",
        good="#84c07c",
    ),
}

WORDS = {
    "en": {
        "lang": "en",
        "parameters": "parameters",
        "steps": "{0} steps alike",
        "like": "{0} like {1}",
        "operations": "{0} operations",
        "forward pass": "forward pass",
        "backward pass": "backward pass",
        "of": "of {0}",
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
        "unused": "not in this graph",
        "changed": "changed after recording",
        "missing": "{0} of them without gradient",
        "uses": "{0} uses, the gradients are added",
        "each step": "one at each step",
        # notes under the picture
        "note changed": "These numbers are recomputed: {0} was changed after the graph was "
        "recorded.",
        "note objective": "Σ is the sum of all entries of {0}; the gradients are its derivatives.",
        "note folded": "Operations folded into modules: {0}; depth= opens more.",
        "note repeats": "Operations folded into boxes of steps, blocks and chains: {0}; "
        "unroll=True draws all of them.",
        # the legend
        "leaf": "leaf with a gradient",
        "result": "result",
        "output": "output",
        "operation": "operation",
        "module": "folded module",
        "echo": "the same tensor again",
        "forward": "forward: values",
        "backward": "backward: local derivative",
        "recorded": "backward: operations that compute the gradient",
        "g": "g: gradient of the operation's output",
        "gain key": "gain: ‖gradient in‖ / ‖gradient out‖",
        "statistics": "mean ± std [min, max]",
        "stretched": "Σ₀: sum over the stretched axis 0",
        "states": "– not computed   0 exactly zero",
        # findings, checks and colours
        "error": "✗ wrong",
        "warning": "⚠ look here",
        "note": "· for your information",
        "more found": "{0} more: diagnose_gradients tells",
        "differences": "differences",
        "claimed": "the gradient says {0}",
        "checked": "✓ ✗ differences: central ones, in float64",
        "unchecked": "without a sign: it would take too long",
        "scale grad": "norm of the gradient",
        "tone grad": "‖gradient‖ = {0}",
        "tone gain": "gain {0}",
        "tone magnitude": "size {0}",
        "tone difference": "difference {0}",
        "scale difference": "difference of the gradients: ‖a − b‖ / (‖a‖ + ‖b‖)",
        "scale gain": "gain of an operation: ‖gradient in‖ / ‖gradient out‖",
        "scale magnitude": "size of the values: √mean x²",
    },
    "tr": {
        "lang": "tr",
        "parameters": "parametre",
        "steps": "{0} eş adım",
        "like": "{1} gibi {0} blok",
        "operations": "{0} işlem",
        "forward pass": "ileri geçiş",
        "backward pass": "geri geçiş",
        "of": "{0} için",
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
        "unused": "bu grafta yok",
        "changed": "kayıttan sonra değişti",
        "missing": "{0} tanesi gradyansız",
        "uses": "{0} kullanım, gradyanlar toplanır",
        "each step": "her adımda bir tane",
        "note changed": "Bu sayılar yeniden hesaplandı: {0} graf kaydedildikten sonra değişti.",
        "note objective": "Σ, {0} girdilerinin toplamıdır; gradyanlar onun türevleridir.",
        "note folded": "{0} işlem modüllere katlandı; depth= daha fazlasını açar.",
        "note repeats": "{0} işlem eş adım, blok ve zincir kutularına katlandı; "
        "unroll=True hepsini çizer.",
        "leaf": "gradyanlı yaprak",
        "result": "ara sonuç",
        "output": "çıktı",
        "operation": "işlem",
        "module": "katlanmış modül",
        "echo": "aynı tensör, yeniden",
        "forward": "ileri: değerler",
        "backward": "geri: yerel türev",
        "recorded": "geri: gradyanı hesaplayan işlemler",
        "g": "g: işlemin çıktısının gradyanı",
        "gain key": "kazanç: ‖giren gradyan‖ / ‖çıkan gradyan‖",
        "statistics": "ortalama ± std [en küçük, en büyük]",
        "stretched": "Σ₀: yayılan 0. eksen boyunca toplam",
        "states": "– hesaplanmadı   0 tam sıfır",
        "error": "✗ yanlış",
        "warning": "⚠ buraya bakın",
        "note": "· bilgi için",
        "more found": "{0} bulgu daha: diagnose_gradients anlatır",
        "differences": "sonlu fark",
        "claimed": "gradyana göre {0}",
        "checked": "✓ ✗ sonlu fark: merkezi, float64 ile",
        "unchecked": "işaretsiz: çok uzun sürerdi",
        "scale grad": "gradyanın normu",
        "tone grad": "‖gradyan‖ = {0}",
        "tone gain": "kazanç {0}",
        "tone magnitude": "büyüklük {0}",
        "tone difference": "fark {0}",
        "scale difference": "gradyanların farkı: ‖a − b‖ / (‖a‖ + ‖b‖)",
        "scale gain": "işlemin kazancı: ‖giren gradyan‖ / ‖çıkan gradyan‖",
        "scale magnitude": "değerlerin büyüklüğü: √ortalama x²",
    },
}


def choose(option: str, value: object, known: object, operation: str = "draw") -> None:
    """Refuse a value of an option that is not among the known ones."""
    names = list(known)  # type: ignore[call-overload]  # tables and tuples of names
    if value not in names:
        raise ArgumentError(
            operation, f"unknown {option}", got=repr(value), wanted=" or ".join(map(repr, names))
        )
