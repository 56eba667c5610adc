"""Course 2, week 1: where a gradient vanishes or explodes, seen on the graph, and what cures it.

Layers W = 0.5 I halve every gradient on its way back, W = 1.5 I multiply it by 1.5. Beside them
stand two cures: ReLU layers with He's weights, whatever the depth, and batch norm behind the very
layers W = 0.5 I and W = 1.5 I. The same gradient enters each of the networks at its end. One
picture has them side by side, the gradients' norms as colours on one scale; a report on 30 layers
says the same in words: by how much the gradient changes, over how many operations, and where.

    python -m tinygrad_tr.examples.course2_gradient_health
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.picture import Finding, Report

UNITS, M = 64, 64
SHALLOW, DEEP = 6, 30  # layers of the picture and of the report


def scaled(c: float) -> nn.Linear:
    """The layer W = cI, without biases."""
    layer = nn.Linear(UNITS, UNITS, bias=False, dtype=np.float64)
    layer.weight.assign(c * np.eye(UNITS))
    return layer


def rectified(generator: np.random.Generator) -> nn.Sequential:
    """A layer with He's random weights, and ReLU."""
    layer = nn.Linear(UNITS, UNITS, bias=False, dtype=np.float64)
    nn.init.he_(layer.weight, generator=generator)
    return nn.Sequential(layer, nn.ReLU())


def normalised(c: float) -> nn.Sequential:
    """The layer W = cI, and batch norm behind it."""
    return nn.Sequential(scaled(c), nn.BatchNorm1d(UNITS, dtype=np.float64))


def networks(layers: int) -> dict[str, nn.Sequential]:
    """The two ills and the two cures, the second for both."""
    generator = np.random.default_rng(1)
    return {
        "W = ½ I": nn.Sequential(*(scaled(0.5) for _ in range(layers))),
        "W = 1½ I": nn.Sequential(*(scaled(1.5) for _ in range(layers))),
        "ReLU, He": nn.Sequential(*(rectified(generator) for _ in range(layers))),
        "batch norm": nn.Sequential(*(normalised(0.5 + i % 2) for i in range(layers))),
    }


class SideBySide(nn.Module):
    """Several networks with the same input, and the same gradient top at each of their ends."""

    def __init__(self, parts: dict[str, nn.Sequential], top: tt.Tensor) -> None:
        for name, part in parts.items():
            setattr(self, name, part)
        self.names, self.top = list(parts), top

    def forward(self, x: tt.Tensor) -> list[tt.Tensor]:
        objectives = [(getattr(self, name)(x) * self.top).sum() for name in self.names]
        for J, subscript in zip(objectives, "₁₂₃₄", strict=True):
            J.name = "J" + subscript
        return objectives


def main(folder: Path = FOLDER) -> Outcome:
    """The reports on four deep networks, and the picture of four that are less so."""
    rng = np.random.default_rng(0)
    x, top = (tt.Tensor(rng.standard_normal((M, UNITS))) for _ in range(2))
    reports = {
        name: tt.diagnose_gradients(network, x, loss=lambda out: (out * top).sum())
        for name, network in networks(DEEP).items()
    }
    for name, report in reports.items():
        print(f"{name}, {DEEP} layers\n{report}".partition("\n\n")[0] + "\n")
    file = folder / "gradient-health.txt"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text("\n\n\n".join(f"{n}\n{r}" for n, r in reports.items()), encoding="utf-8")
    picture = tt.draw(
        SideBySide(networks(SHALLOW), top), x, color="grad", depth=2, values="stats", unroll=True
    )
    goals = []
    for name, c in {"W = ½ I": 0.5, "W = 1½ I": 1.5}.items():
        (found,) = astray(reports[name])
        exact = c ** (DEEP - 1)
        goals.append(Goal(f"{name}: the layers' product", float(found.facts["product"]),
                          exact * (1 - 1e-9), exact * (1 + 1e-9)))  # fmt: skip
    for name in ("ReLU, He", "batch norm"):
        norms = [row.gradient or 0 for row in reports[name].modules]
        goals.append(Goal(f"{name}: vanishing or exploding", len(astray(reports[name])), 0, 0))
        goals.append(Goal(f"{name}: first gradient / last", norms[0] / norms[-1], 0.1, 10))
    return Outcome(
        goals,
        [
            file,
            picture.save(folder / "gradient-health.svg"),
            picture.save(folder / "gradient-health.png"),
        ],
    )


def astray(report: Report) -> list[Finding]:
    """What a report found of gradients that vanish or explode."""
    return [found for found in report.findings if found.kind in ("vanishing", "exploding")]


if __name__ == "__main__":
    print(main())
