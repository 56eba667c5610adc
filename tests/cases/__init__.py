"""The table of proof: a row (or more) for every rule, by family.

From each row the suite checks the rule's value, first and second derivative, dtype, shape,
purity, memory and drawing; a registered rule without a row fails it. `tests/test_rules.py`
reads the table.
"""

from __future__ import annotations

import importlib
import pkgutil

from tests.cases.case import Case

CASES: list[Case] = [
    case
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name)
    if module.name != "case"
    for case in importlib.import_module(f"{__name__}.{module.name}").CASES
]
