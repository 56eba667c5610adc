"""Films: one frame per step on one layout, nothing changed by taking them."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr.errors import ArgumentError, StateError

SVG = "{http://www.w3.org/2000/svg}"


def descent(steps=6, every=1, **options):
    """(w − 3)² by gradient descent from 1: w = 1, 1.4, 1.72, ..."""
    w = tt.Tensor(1.0, requires_grad=True, name="w")
    loss = (w - 3) ** 2
    loss.name = "loss"
    film = tt.film(loss, every=every, **options)
    for _ in range(steps):
        film()
        w.grad = None
        ((w - 3) ** 2).backward()
        w.assign(w.numpy() - 0.1 * w.grad.numpy())
    return film, w


def shown(film, folder):
    """The texts of each frame of the film that plays itself."""
    root = ElementTree.parse(film.save(folder / "film.svg")).getroot()
    frames = [group for group in root.iter(f"{SVG}g") if group.get("class") == "frame"]
    return [" ".join(text.text or "" for text in frame.iter(f"{SVG}text")) for frame in frames]


def test_each_frame_shows_the_numbers_of_its_step(tmp_path):
    film, _ = descent()
    w, expected = np.float32(1), []
    for _ in range(6):
        expected.append((w, 2 * (w - 3)))
        w = w - np.float32(0.1) * 2 * (w - 3)
    for text, (value, slope) in zip(shown(film, tmp_path), expected, strict=True):
        assert f"= {value:.4g}" in text
        assert f"∂loss/∂w = {slope:.4g}".replace("-", "−") in text


def test_only_every_so_many_calls_take_a_frame():
    film, _ = descent(steps=7, every=3)
    assert [frame.title for frame in film.frames] == ["0", "3", "6"]


def test_what_stands_still_is_drawn_once_and_nodes_keep_their_places(tmp_path):
    film, _ = descent()
    root = ElementTree.parse(film.save(tmp_path / "film.svg")).getroot()
    arrows = [group for group in root.iter(f"{SVG}g") if "edge" in group.get("class", "")]
    assert len(arrows) == len(film.frames[0].scene.arrows) + sum(
        arrow.flows for arrow in film.frames[0].scene.arrows
    )


def test_colours_stand_on_one_scale_for_all_frames(tmp_path):
    film, _ = descent(steps=8)
    film.save(tmp_path / "film.svg")
    scales = {frame.scene.scale for frame in film.frames}
    assert len(scales) == 1
    tones = [card.tone for frame in film.frames for card in frame.scene.cards if card.tone]
    assert scales.pop().greatest >= max(tones)


def test_taking_frames_changes_nothing():
    w = tt.Tensor([1.0, 2.0], requires_grad=True)
    loss = np.sum(w * w)
    film = tt.film(loss)
    film()
    assert w.grad is None
    loss.backward()
    film()
    np.testing.assert_array_equal(w.grad.numpy(), [2, 4])


def test_it_is_a_callback_of_training(tmp_path):
    tt.manual_seed(0)
    model = tt.nn.Sequential(tt.nn.Linear(2, 3), tt.nn.Tanh(), tt.nn.Linear(3, 1))
    x, y = tt.rand(8, 2), tt.rand(8, 1)
    mse = tt.nn.functional.mse_loss
    film = tt.film(model, x, loss=lambda z: mse(z, y))
    optimizer = tt.optim.SGD(model.parameters(), lr=0.1)
    tt.train.fit(model, [(x, y)], mse, optimizer, epochs=3, callbacks=[film], progress=False)
    assert len(film.frames) == 3
    page = film.save(tmp_path / "training.html").read_text(encoding="utf-8")
    assert page.count('class="frame"') == 3
    assert "0.weight" in page


def test_a_film_that_plays_itself_rests_for_those_who_want_no_motion(tmp_path):
    film, _ = descent()
    text = film.save(tmp_path / "film.svg").read_text(encoding="utf-8")
    assert re.search(r"prefers-reduced-motion: reduce.*animation: none", text)


@pytest.mark.parametrize("name", ["film.gif", "film"])
def test_other_files_are_refused(name, tmp_path):
    film, _ = descent(steps=1)
    with pytest.raises(ArgumentError, match=r"\.html or \.svg"):
        film.save(tmp_path / name)


def test_a_film_without_frames_is_refused(tmp_path):
    film = tt.film(tt.Tensor(1.0, requires_grad=True) * 2)
    with pytest.raises(StateError, match="no frame"):
        film.save(tmp_path / "film.svg")


def test_every_zero_calls_is_refused():
    with pytest.raises(ArgumentError, match="every"):
        tt.film(tt.Tensor(1.0, requires_grad=True) * 2, every=0)
