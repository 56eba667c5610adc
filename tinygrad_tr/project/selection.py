"""Which of several models: one metric to optimize, limits on the others."""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

from tinygrad_tr.arguments import within
from tinygrad_tr.errors import ArgumentError

from .checks import one_of

Name = TypeVar("Name", bound=Hashable)
Limit = tuple[str, float]

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt,
}  # fmt: skip


def select(
    models: Mapping[Name, Mapping[str, float]],
    *,
    optimize: str,
    mode: str = "max",
    subject_to: Mapping[str, Limit] | None = None,
) -> Name:
    """The name of the model whose metric `optimize` is best among those within the limits.

        select({"A": {"accuracy": 0.90, "ms": 80}, ...}, optimize="accuracy",
               subject_to={"ms": ("<=", 100)})

    `mode` is "max", or "min" for an error; of equals the first is taken. The limits are the
    satisficing metrics: how far a model is within them does not matter. Course 3, week 1.
    """
    one_of("select", "mode", mode, ("min", "max"))
    limits = dict(subject_to or {})
    for metric, limit in limits.items():
        if not (isinstance(limit, tuple) and len(limit) == 2 and limit[0] in COMPARISONS):
            raise ArgumentError(
                "select", f"no such limit on {metric}", got=f"{limit!r}",
                wanted="('<=', 100), or with <, >=, >",
            )  # fmt: skip
        within("select", f"limit on {metric}", limit[1])
    if not models:
        raise ArgumentError("select", "there is no model", wanted="at least one")
    for name, found in models.items():
        for metric in (optimize, *limits):
            if metric not in found:
                raise ArgumentError(
                    "select", f"{name!r} was not measured by {metric!r}",
                    got=", ".join(found), wanted="the metrics of optimize and subject_to",
                )  # fmt: skip
            within("select", f"{metric} of {name!r}", found[metric])

    def violated(name: Name) -> list[str]:
        return [
            f"{metric} {sign} {bound:g}, it has {models[name][metric]:g}"
            for metric, (sign, bound) in limits.items()
            if not COMPARISONS[sign](models[name][metric], bound)
        ]

    allowed = [name for name in models if not violated(name)]
    if not allowed:
        raise ArgumentError(
            "select", "no model is within the limits",
            got="; ".join(f"{name!r} violates {' and '.join(violated(name))}" for name in models),
            wanted="other limits, or other models",
        )  # fmt: skip
    best = max if mode == "max" else min
    return best(allowed, key=lambda name: models[name][optimize])
