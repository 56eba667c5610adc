"""The pictures of the README.

python docs/make_pictures.py

The page is photographed in Chromium, which must be installed.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
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


def step(**options: Any) -> Any:
    """One training step of the README's model."""
    tt.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    x = tt.Tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = tt.Tensor([[0], [1], [1], [0]])

    def loss(z: Any) -> Any:
        return nn.functional.binary_cross_entropy_with_logits(z, y)

    return tt.draw(model, x, loss=loss, **options)


def steps() -> None:
    """That step in English and Turkish."""
    for lang, suffix in (("en", ""), ("tr", ".tr")):
        step(lang=lang, rankdir="LR").save(FOLDER / f"step{suffix}.png")


def pages() -> None:
    """The page of that step in the middle of its backward pass, in English and Turkish."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
    with sync_playwright() as play, TemporaryDirectory() as folder:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for lang, suffix in (("en", ""), ("tr", ".tr")):
            page = step(lang=lang).save(Path(folder) / "page.html")
            tab = browser.new_page(viewport={"width": 1100, "height": 620}, device_scale_factor=2)
            tab.goto(page.as_uri())
            tab.keyboard.press("End")
            tab.keyboard.press("ArrowLeft")
            tab.keyboard.press("ArrowLeft")
            tab.wait_for_timeout(500)  # until what fades in is there
            tab.screenshot(path=FOLDER / f"page{suffix}.png")
        browser.close()


def training() -> None:
    """A small network learns exclusive or: one frame for every eight steps."""
    tt.manual_seed(3)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    x = tt.Tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = tt.Tensor([[0], [1], [1], [0]])

    def loss(z: Any) -> Any:
        return nn.functional.binary_cross_entropy_with_logits(z, y)

    film = tt.film(model, x, loss=loss, every=8, rankdir="LR")
    for _ in range(200):
        film()
        optimizer.zero_grad()
        loss(model(x)).backward()
        optimizer.step()
    film.save(FOLDER / "training.svg")


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
    steps()
    pages()
    training()
    paths()
    edges()
