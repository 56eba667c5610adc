"""The table of every rule and its properties, from the registry and the table of proof.

python -m tests.rules_table          # writes docs/rules.md
"""

from __future__ import annotations

import inspect
from pathlib import Path

import tinygrad_tr as tt
from tests.cases import CASES, arithmetic, indexing, reduction
from tests.held import kept_share
from tinygrad_tr.rule import Rule, numpy_functions, rules

PAGE = Path(__file__).parent.parent / "docs" / "rules.md"

HEAD = """# Every rule

Written by `python -m tests.rules_table` from the registry of rules and the table of proof
(`tests/cases/`); a test fails when this page is out of date.

For each rule with a derivative the suite checks: value, first and second derivative against
finite differences in float64, value and gradient against PyTorch (column *PyTorch*: in how many
rows), float32 in → float32 out and back, the same numbers for strided inputs, inputs left
unchanged, and how much memory the pullback keeps (column *keeps*: measured on the rows, the
largest, in multiples of the inputs or the output, whichever is larger).

- **elementwise**: inputs broadcast; the engine sums their gradients back to their shapes.
- **linear**: (piecewise) linear, so its second derivative needs no second reading.
- **joint**: one pullback for all inputs.
- **reference**: a fused rule; the composition it replaces gives its higher derivatives.
- **stops**: no derivative; it computes, and the gradient stops there.
"""

KINKS = """
## At kinks

| what | derivative |
|---|---|
"""


def main() -> None:
    register_all()
    PAGE.write_text(page(), encoding="utf-8")


def register_all() -> None:
    """Every room of rules registers its own when it is imported."""
    _ = tt.linalg, tt.nn


def page() -> str:
    steps = {
        name
        for family in (arithmetic, reduction, indexing)
        for name, _ in (*family.STEPS, *getattr(family, "INTEGER_STEPS", ()))
    }
    families: dict[str, list[Rule]] = {}
    for rule in rules.values():
        if not rule.function.__module__.startswith("tinygrad_tr."):
            continue  # a user's own, such as one of the README's
        families.setdefault(rule.function.__module__.rsplit(".", 1)[1], []).append(rule)
    parts = [HEAD]
    for family in sorted(families):
        head = "| rule | NumPy | computes | properties | rows | PyTorch | keeps |"
        parts.append(f"\n## {family.replace('_', ' ')}\n\n{head}\n|---|---|---|---|---|---|---|")
        for rule in sorted(families[family], key=lambda rule: rule.name):
            parts.append(row(rule, rule.name in steps))
    kinks = "".join(f"| {what} | {'stops' if slope is None else f'{slope:g}'} |\n"
                    for what, _, _, slope in arithmetic.KINKS)  # fmt: skip
    return "\n".join(parts) + "\n" + KINKS + kinks


def row(rule: Rule, stops: bool) -> str:
    cases = [case for case in CASES if case.rule == rule.name]
    names = sorted(
        f"`np.{function.__name__}`"
        for function, ours in numpy_functions.items()
        if ours is rule and getattr(function, "__module__", "").startswith("numpy")
    )
    properties = [name for name in ("elementwise", "linear", "joint") if getattr(rule, name)]
    properties += ["reference"] if rule.reference else []
    properties = ["stops"] if stops else properties
    computes = (inspect.getdoc(rule) or "").split("\n")[0].replace("|", "\\|")
    cells = [
        f"`{rule.name}`",
        ", ".join(dict.fromkeys(names)),
        computes,
        ", ".join(properties),
        str(len(cases)) if cases else "",
        str(sum(case.torch is not None for case in cases)) if cases else "",
        f"{max(map(kept_share, cases)):.2g}" if cases else "",
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
