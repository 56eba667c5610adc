"""The health of the gradients of a graph as text: what was found, and how large they are."""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tinygrad_tr.graph import Node, Variable
from tinygrad_tr.picture.advice import ADVICE, SIGNS, sentence
from tinygrad_tr.picture.frames import Call, innermost
from tinygrad_tr.picture.health import Finding, find, worst_first
from tinygrad_tr.picture.naming import users_frame
from tinygrad_tr.picture.numbers import Numbers, measure, shape_written, written
from tinygrad_tr.picture.passes import Passes, evaluate
from tinygrad_tr.picture.subject import Subject, subject_of
from tinygrad_tr.picture.theme import WORDS as PICTURE
from tinygrad_tr.picture.theme import choose
from tinygrad_tr.tables import aligned

MOST = 4  # findings of one kind that are told one by one
NAMED = 8  # of the others, so many are named
LENGTH = 12  # of the longest bar
COLUMNS = 96
EIGHTHS = " ▏▎▍▌▋▊▉"

WORDS = {
    "en": {
        "healthy": "Nothing wrong was found in the gradients of {0}.",
        "found": "Found in the gradients of {0}:",
        "more": "{0} more of these: {1}",
        "operation": "operation {0}",
        "unnamed": "a tensor without a name",
        "help": "may help: {0}",
        "modules": ("module", "", "‖output‖", "‖gradient‖", ""),
        "parameters": ("parameter", "shape", "‖value‖", "‖gradient‖", ""),
        "bars": "Bars are on a logarithmic scale from {0} to {1}.",
    },
    "tr": {
        "healthy": "{0} gradyanlarında bir sorun bulunmadı.",
        "found": "{0} gradyanlarında bulunanlar:",
        "more": "aynısından {0} tane daha: {1}",
        "operation": "{0}. işlem",
        "unnamed": "adsız bir tensör",
        "help": "işe yarayabilir: {0}",
        "modules": ("modül", "", "‖çıktı‖", "‖gradyan‖", ""),
        "parameters": ("parametre", "biçim", "‖değer‖", "‖gradyan‖", ""),
        "bars": "Çubuklar {0} ile {1} arasında logaritmik ölçektedir.",
    },
}


@dataclass(frozen=True, slots=True)
class Row:
    """What a report tells of a parameter, or of the output of a module."""

    name: str
    kind: str  # of a module; the shape of a parameter
    value: float  # the norm of its value
    gradient: float | None  # the norm of its gradient


@dataclass(frozen=True)
class Report:
    """What `diagnose_gradients` found; printed, it is a text.

    findings    the worst first
    modules     the innermost ones, in the order of their calls
    parameters  by name
    objective   what was differentiated, by name
    changed     the names of leaves that were changed after the graph was recorded
    """

    findings: Sequence[Finding]
    modules: Sequence[Row]
    parameters: Sequence[Row]
    objective: str
    changed: Sequence[str]
    lang: str

    @property
    def healthy(self) -> bool:
        """Whether there is nothing but notes."""
        return all(finding.severity == "note" for finding in self.findings)

    def __str__(self) -> str:
        words = WORDS[self.lang]
        headline = str(words["found" if self.findings else "healthy"]).format(self.objective)
        lines = [headline, *told(self.findings, self.lang)]
        if self.changed:
            note = PICTURE[self.lang]["note changed"].format(", ".join(self.changed))
            lines += wrapped(f"{SIGNS['warning']} {note}", "")
        rows = (*self.modules, *self.parameters)
        norms = [row.gradient for row in rows if row.gradient and math.isfinite(row.gradient)]
        for title, listed in (("modules", self.modules), ("parameters", self.parameters)):
            if listed:
                lines += ["", *table(words[title], listed, norms)]
        if norms and min(norms) < max(norms):
            ends = written(min(norms)), written(max(norms))
            lines += ["", str(words["bars"]).format(*ends)]
        return "\n".join(lines)

    __repr__ = __str__


def diagnose_gradients(
    what: Any,
    *inputs: Any,
    loss: Callable[[Any], Any] | None = None,
    names: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    lang: Literal["en", "tr"] = "en",
) -> Report:
    """A report on the gradients of a loss, or of `loss(model(*inputs))`, called as `draw` is.

    Where they vanish, explode or stop and why; the first number that is not finite; dead ReLUs,
    saturated activations, a softmax at 1; parameters that get no gradient, and a `.grad` that
    already held one. Nothing is changed by it: it may be done before backward() and after it.
    Give `params=dict(model.named_parameters())` with a loss, so that unused ones are noticed;
    `with tt.record_lines():` around its forward pass lets the findings name source lines.
    """
    choose("lang", lang, WORDS, "diagnose_gradients")
    frame = users_frame(sys._getframe(1))
    subject = subject_of("diagnose_gradients", what, inputs, loss, names, params, frame)
    passes = evaluate(subject.ends, backward=True, entries=1)
    found = find(
        subject.ends, passes, subject.names, calls=subject.calls, parameters=subject.parameters
    )
    objective = ", ".join(subject.names.of(end) or "out" for end in subject.ends)
    return Report(
        worst_first(found),
        list(outputs_of_modules(subject, passes)),
        list(parameters_of(subject, passes)),
        objective,
        sorted(subject.names.of(x) or "?" for x in passes.changed),
        lang,
    )


def outputs_of_modules(subject: Subject, passes: Passes) -> Iterator[Row]:
    """The last result of each call of a module that calls no other."""
    calls: Sequence[Call] = subject.calls
    around = {call.around for call in calls}
    last: dict[int, Node] = {}
    tracked = [node for node in passes.nodes if node in passes.gradients]
    for node, place in zip(tracked, innermost(calls, [n.stamp for n in tracked]), strict=True):
        last[place] = node
    for i, call in enumerate(calls):
        if i not in around and i in last:
            node = last[i]
            value = measure(passes.values[node], 1)
            yield Row(call.path, call.kind, value.norm, norm_of(passes.gradients[node]))


def parameters_of(subject: Subject, passes: Passes) -> Iterator[Row]:
    """The parameters; of a graph without, the leaves that require a gradient and have a name."""
    named = dict(subject.parameters) or {
        subject.names.of(x) or "": x
        for x in passes.uses
        if isinstance(x, Variable) and x.tracked and subject.names.of(x)
    }
    for name, leaf in named.items():
        gradient = norm_of(passes.gradients.get(leaf))
        yield Row(name, shape_written(leaf.shape), measure(leaf.value, 1).norm, gradient)


def norm_of(gradient: Numbers | None) -> float | None:
    """The norm of a gradient; NaN if it has numbers that are not finite."""
    if gradient is None:
        return None
    return math.nan if gradient.strange else gradient.norm


# ------------------------------------------------------------------ text


def told(findings: Sequence[Finding], lang: str) -> Iterator[str]:
    """The findings, kind by kind: some of each at length, the others by name, then what helps."""
    words = WORDS[lang]
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        kinds.setdefault((finding.kind, finding.severity), []).append(finding)
    for (kind, severity), those in kinds.items():
        for finding in those[:MOST]:
            said = f"{SIGNS[severity]} {placed(finding, lang)}: {sentence(finding, lang)}"
            yield from wrapped(said, "  ")
            if finding.line:
                yield f"    {finding.line}"
        others = those[MOST:]
        if others:
            places = list(dict.fromkeys(placed(other, lang) for other in others))
            if len(places) > NAMED:
                places[NAMED:] = ["…"]
            yield from wrapped(str(words["more"]).format(len(others), ", ".join(places)), "    ")
        help_ = ADVICE[lang][kind].help
        if help_:
            yield from wrapped(str(words["help"]).format(help_), "    ")


def wrapped(text: str, indent: str) -> list[str]:
    """A text in lines of bearable length, all but the first further in."""
    return textwrap.wrap(
        text, COLUMNS, initial_indent=indent, subsequent_indent="    ", break_on_hyphens=False
    )


def placed(finding: Finding, lang: str) -> str:
    """`layers.0 relu`: the module and the operation, or the name of the tensor.

    `relu (operation 8)`, the eighth that was recorded, where nothing else tells it from others.
    """
    if not finding.operation:
        return finding.name or str(WORDS[lang]["unnamed"])
    if finding.module:
        return f"{finding.module} {finding.operation}"
    number = str(WORDS[lang]["operation"]).format(finding.number)
    return (
        f"{finding.operation} → {finding.name}"
        if finding.name
        else (f"{finding.operation} ({number})")
    )


def table(title: Any, rows: Sequence[Row], norms: Sequence[float]) -> list[str]:
    """The rows beneath their titles, with a bar for each gradient."""
    cells = [tuple(title)]
    for row in rows:
        norm = "–" if row.gradient is None else written(row.gradient)
        cells.append((row.name, row.kind, written(row.value), norm, bar(row.gradient, norms)))
    return ["  " + line for line in aligned(cells, left=(0, 1, 4))]


def bar(norm: float | None, norms: Sequence[float]) -> str:
    """A bar as long as the logarithm of the norm, from the least to the greatest of all."""
    if not norm or not math.isfinite(norm):
        return ""
    least, greatest = math.log10(min(norms)), math.log10(max(norms))
    share = (math.log10(norm) - least) / (greatest - least) if greatest > least else 1.0
    full, eighths = divmod(round(8 * max(1 / 8, share * LENGTH)), 8)
    return "█" * full + EIGHTHS[eighths].strip()
