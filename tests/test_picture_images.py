"""Pictures with images: what is shown of which array, and files that hold them."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.pictures import card, sheet
from tinygrad_tr import nn
from tinygrad_tr.nn import functional as F
from tinygrad_tr.picture.images import image_of, png
from tinygrad_tr.picture.thumbnails import GAP, STEPS, STRANGE


def leaf(shape, dtype="f8", seed=0):
    return tt.Tensor(
        np.random.default_rng(seed).standard_normal(shape).astype(dtype), requires_grad=True
    )


def shown(x, **options):
    """The card of a leaf in the picture of the sum of its squares."""
    x.name = "x"
    return card(np.sum(x * x).draw(images=True, **options), "x")


def network():
    """A convolution, its feature maps, and a layer behind them; and one colour picture."""
    tt.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(96, 4)
    )
    return model, leaf((2, 3, 8, 8), "f4")


def decoded(data):
    """The pixels of a PNG, read by another program."""
    pytest.importorskip("PIL")
    from PIL import Image

    return np.array(Image.open(io.BytesIO(data)))


# --------------------------------------------------------------------------- the file


def test_a_png_holds_exactly_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4)).astype(np.uint8)
    np.testing.assert_array_equal(decoded(png(pixels)), pixels)


def test_every_entry_is_a_square_and_gaps_are_transparent():
    x, y = (leaf((2, 2, 6, 6), seed=seed) for seed in (0, 1))
    image = shown(x).image
    pixels = decoded(image_of(image, "light"))
    side = 2 * image.side[0]
    assert pixels.shape[:2] == (2 * image.height, 2 * image.width)
    assert (pixels[:side, :side] == pixels[0, 0]).all()
    assert (pixels[:, 6 * side : 6 * side + 2 * GAP, 3] == 0).all()
    assert image_of(shown(y).image, "light") != image_of(image, "light")
    assert image_of(image, "dark") != image_of(image, "light")


# --------------------------------------------------------------------------- what is shown


def test_a_matrix_is_a_heat_map_with_zero_in_the_middle():
    x = leaf((4, 6))
    x.value[0, :3] = 0, 5, -5
    image = shown(x).image
    assert image.ramp == "heat"
    assert image.greatest == 5
    np.testing.assert_array_equal(image.tiles[0, 0, :3], [STEPS // 2, STEPS, 0])


def test_the_gradient_has_its_own_image_of_the_same_size():
    made = shown(leaf((4, 6)))
    assert made.gradient_image.greatest == 2 * made.image.greatest
    sizes = {(image.width, image.height) for image in (made.image, made.gradient_image)}
    assert len(sizes) == 1


def test_large_arrays_are_pooled_to_means_and_fit():
    x = leaf((300, 70))
    image = shown(x).image
    assert image.tiles.shape == (1, 60, 35)
    assert image.greatest == abs(x.value.reshape(60, 5, 35, 2).mean(axis=(1, 3))).max()
    assert max(image.width, image.height) <= 150


def test_a_vector_is_a_strip_however_it_lies():
    for shape in ((40,), (1, 40), (40, 1)):
        image = shown(leaf(shape)).image
        assert image.tiles.shape == (1, 1, 40)
        assert image.height >= 8


def test_small_arrays_numbers_and_what_is_all_the_same_have_no_image():
    for x in (leaf(()), leaf((3, 4)), tt.Tensor(np.ones((5, 5)), requires_grad=True)):
        assert shown(x).image is None


def test_bad_numbers_have_a_colour_of_their_own():
    x = leaf((5, 5))
    x.value[1, 2], x.value[3, 4] = np.nan, np.inf
    tiles = shown(x).image.tiles[0]
    assert (tiles == STRANGE).sum() == 2
    assert tiles[1, 2] == tiles[3, 4] == STRANGE


def test_filters_maps_and_pictures_are_told_apart_by_what_is_done_with_them():
    model, x = network()
    picture = tt.draw(model, x, images=True, names={"x": x})
    weight, given = card(picture, "0.weight").image, card(picture, "x")
    assert (weight.ramp, weight.tiles.shape) == ("colour", (6, 3, 3, 3))
    assert (given.image.ramp, given.image.tiles.shape) == ("colour", (1, 8, 8, 3))
    assert (given.gradient_image.ramp, given.gradient_image.tiles.shape) == ("heat", (3, 8, 8))
    maps = [made.image for made in picture.scene.cards if made.value.shape == (2, 6, 8, 8)]
    assert [(image.ramp, image.tiles.shape) for image in maps] == [("grey", (6, 8, 8))] * 2
    assert card(picture, "4.weight").image.ramp == "heat"


def test_filters_of_many_channels_have_a_row_each():
    tt.manual_seed(0)
    picture = tt.draw(nn.Conv2d(5, 40, 3), leaf((1, 5, 6, 6), "f4"), images=True)
    weight = card(picture, "weight").image
    assert weight.across == 5
    assert weight.tiles.shape == (12 * 5, 3, 3)


def test_attention_shows_where_each_head_looks():
    q, k, v = (leaf((2, 3, 5, 4), seed=seed) for seed in range(3))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    picture = out.draw(images=True)
    (circle,) = [made for made in picture.scene.circles if made.symbol == "attention"]
    hidden = np.triu(np.ones((5, 5), bool), 1)
    assert circle.image.tiles.shape == (3, 5, 5)
    assert (circle.image.tiles[:, hidden] == 0).all()
    assert circle.image.greatest == 1  # the first query sees one key
    assert "weights, at most 1" in sheet(picture)


def test_a_softmax_written_out_shows_its_weights():
    A = F.softmax(leaf((5, 6)), -1)
    A.name = "A"
    image = card(np.sum(A * A).draw(images=True), "A").image
    assert image.ramp == "share"
    assert image.greatest == A.value.max()


def test_folded_layers_show_their_weight_and_folded_attention_its_map():
    tt.manual_seed(0)
    x = leaf((2, 6, 8))
    layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True)
    picture = tt.draw(layer, x, depth=1, images=True)
    ramps = {made.symbol: made.image and made.image.ramp for made in picture.scene.circles}
    assert ramps["self_attn"] == "share"
    assert ramps["linear1"] == "heat"
    assert ramps["norm1"] is None


# --------------------------------------------------------------------------- files


def test_without_images_nothing_is_computed_or_shown():
    model, x = network()
    picture = tt.draw(model, x)
    assert all(made.image is None for made in picture.scene.parts)
    assert "<image" not in picture.svg()


def test_svg_holds_its_images_and_is_the_same_each_time():
    model, x = network()
    first, second = (tt.draw(model, x, images=True).svg() for _ in range(2))
    assert first == second
    root = ElementTree.fromstring(first)
    images = [element for element in root.iter() if element.tag.endswith("}image")]
    links = [element.get("{http://www.w3.org/1999/xlink}href") for element in images]
    assert len(links) > 8
    for link in links:
        kind, _, data = link.partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data).startswith(b"\x89PNG")


def test_png_and_pdf_show_them_too(tmp_path):
    x = leaf((8, 8))
    with_, without = (np.sum(x * x).draw(images=on) for on in (True, False))
    for suffix in (".png", ".pdf"):
        sizes = [p.save(tmp_path / f"x{suffix}").stat().st_size for p in (with_, without)]
        assert sizes[0] > sizes[1]


def test_dot_text_needs_no_files():
    x = leaf((8, 8))
    pictures = [np.sum(x * x).draw(images=on) for on in (True, False)]
    assert pictures[0].source == pictures[1].source


def test_the_legend_explains_the_colours_in_both_languages():
    x = leaf((8, 8))
    assert "below 0" in sheet(np.sum(x * x).draw(images=True))
    assert "0'dan küçük" in sheet(np.sum(x * x).draw(images=True, lang="tr", theme="dark"))
    assert "below 0" not in sheet(np.sum(x * x).draw())


def test_pages_and_films_hold_them(tmp_path):
    x = leaf((8, 8))
    loss = np.sum(x * x)
    page = loss.draw(images=True).save(tmp_path / "x.html").read_text()
    film = tt.film(loss, images=True)
    film()
    x.value[...] /= 2
    film()
    for text in (page, film.save(tmp_path / "film.html").read_text()):
        assert "img-src data:" in text
        (image, *_) = re.findall(r'<image [^>]*class="gradient"[^>]*>', text)
        assert 'href="data:image/png;base64,' in image
