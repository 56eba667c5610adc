"""The pictures of the README.

python docs/make_pictures.py
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.examples import course2_paths, course4_edges

FOLDER = Path(__file__).parent / "pictures"


def lecture() -> Any:
    """J = 3(a + bc) at a = 5, b = 3, c = 2, in English and Turkish, light and dark."""
    a = tt.Tensor(5.0, requires_grad=True)
    b = tt.Tensor(3.0, requires_grad=True)
    c = tt.Tensor(2.0, requires_grad=True)
    u = b * c
    v = a + u
    J = 3 * v
    J.draw().save(FOLDER / "graph.png")
    J.draw(theme="dark").save(FOLDER / "graph.dark.png")
    J.draw(lang="tr").save(FOLDER / "graph.tr.png")
    J.draw(lang="tr", theme="dark").save(FOLDER / "graph.tr.dark.png")


def step() -> None:
    """One training step of the README's model."""
    tt.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    x = tt.Tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = tt.Tensor([[0], [1], [1], [0]])

    def loss(z: Any) -> Any:
        return nn.functional.binary_cross_entropy_with_logits(z, y)

    for lang, suffix in (("en", ""), ("tr", ".tr")):
        tt.draw(model, x, loss=loss, lang=lang, rankdir="LR").save(FOLDER / f"step{suffix}.png")


def paths() -> None:
    """Four optimizers on three surfaces, from the example of that name."""
    with TemporaryDirectory() as folder:
        course2_paths.main(Path(folder))
        shutil.copy(Path(folder) / "paths.png", FOLDER)


def edges() -> None:
    """Edge filters on a photograph, from the example of that name."""
    with TemporaryDirectory() as folder:
        course4_edges.main(Path(folder), steps=1)
        shutil.copy(Path(folder) / "edges-photo.png", FOLDER / "edges.png")


if __name__ == "__main__":
    lecture()
    step()
    paths()
    edges()
