"""Images flipped, rotated, cropped, in other colours, with noise. Course 2, week 1."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import data

IMAGES = np.random.default_rng(0).random((12, 3, 6, 6))
WIDE = np.random.default_rng(1).random((4, 2, 5, 8))

AUGMENTATIONS = {
    "RandomHorizontalFlip": lambda **g: data.RandomHorizontalFlip(**g),
    "RandomVerticalFlip": lambda **g: data.RandomVerticalFlip(**g),
    "RandomRotation": lambda **g: data.RandomRotation(20, **g),
    "RandomQuarterTurn": lambda **g: data.RandomQuarterTurn(**g),
    "RandomCrop": lambda **g: data.RandomCrop(6, padding=2, **g),
    "ColorJitter": lambda **g: data.ColorJitter(0.4, 0.4, 0.4, 0.2, **g),
    "GaussianNoise": lambda **g: data.GaussianNoise(0.1, **g),
}
every_augmentation = pytest.mark.parametrize("name", AUGMENTATIONS)


def seeded(name, seed=0):
    return AUGMENTATIONS[name](generator=np.random.default_rng(seed))


# ------------------------------------------------------------------ all of them


@every_augmentation
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_new_images_of_the_same_shape_and_type_and_the_old_ones_as_they_were(name, dtype):
    images = IMAGES.astype(dtype)
    before = images.copy()
    images.flags.writeable = False
    changed = seeded(name)(images)
    assert changed.shape == images.shape
    assert changed.dtype == dtype
    changed[:] = 0
    np.testing.assert_array_equal(images, before)


@every_augmentation
def test_the_same_generator_gives_the_same_images_and_goes_on_to_others(name):
    augment, again = seeded(name), seeded(name)
    first = augment(IMAGES)
    np.testing.assert_array_equal(first, again(IMAGES))
    assert not np.array_equal(first, augment(IMAGES))


@every_augmentation
def test_without_a_generator_manual_seed_decides(name):
    augment = AUGMENTATIONS[name]()
    tt.manual_seed(7)
    first = augment(IMAGES)
    tt.manual_seed(7)
    np.testing.assert_array_equal(augment(IMAGES), first)


@every_augmentation
def test_every_image_has_its_own_chances(name):
    same = np.repeat(IMAGES[:1], 40, axis=0)
    changed = seeded(name)(same)
    assert len({image.tobytes() for image in changed}) > 1


@every_augmentation
@pytest.mark.parametrize(
    ("images", "error", "word"),
    [
        ((IMAGES * 255).astype(np.uint8), tt.DtypeError, "255"),
        (tt.Tensor(IMAGES), tt.DtypeError, "float array"),
        (IMAGES[0], tt.ShapeError, "N, C, H, W"),
        (IMAGES[:0], tt.ShapeError, "batch of images"),
    ],
)
def test_what_is_no_batch_of_images_is_refused_by_name(name, images, error, word):
    with pytest.raises(error, match=f"{name}(.|\n)*{word}"):
        seeded(name)(images)


def test_composed_changes_follow_each_other():
    flip = data.RandomHorizontalFlip(p=1)
    turned = data.Compose([flip, lambda x: data.rotate(x, 90)])(IMAGES)
    np.testing.assert_array_equal(turned, data.rotate(data.hflip(IMAGES), 90))
    with pytest.raises(tt.ArgumentError, match="function"):
        data.Compose([flip, 3])


# ------------------------------------------------------------------ flips and rotations


@pytest.mark.parametrize(
    ("flip", "turned_round"), [(data.hflip, np.fliplr), (data.vflip, np.flipud)]
)
def test_a_flip_is_numpys_and_happens_where_it_is_chosen(flip, turned_round):
    chosen = np.array([True, False, True, False])
    for image, flipped, was_chosen in zip(WIDE, flip(WIDE, chosen), chosen, strict=True):
        for plane, result in zip(image, flipped, strict=True):
            np.testing.assert_array_equal(result, turned_round(plane) if was_chosen else plane)


@pytest.mark.parametrize("kind", [data.RandomHorizontalFlip, data.RandomVerticalFlip])
def test_flips_come_as_often_as_they_are_probable(kind):
    corner = np.zeros((4000, 1, 2, 2))
    corner[:, 0, 0, 0] = 1

    def share(p):
        return 1 - kind(p, generator=np.random.default_rng(0))(corner)[:, 0, 0, 0].mean()

    assert share(0) == 0
    assert share(1) == 1
    assert abs(share(0.3) - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 4000)


@pytest.mark.parametrize("turns", range(-4, 9))
def test_quarter_turns_are_exact(turns):
    np.testing.assert_array_equal(
        data.rotate(IMAGES, 90 * turns), np.rot90(IMAGES, turns, axes=(2, 3))
    )


def test_quarter_turns_come_equally_often():
    corner = np.zeros((4000, 1, 3, 3))
    corner[:, 0, 0, 0] = 1
    found = data.RandomQuarterTurn(generator=np.random.default_rng(0))(corner).sum(axis=(0, 1))
    assert found[[0, 0, 2, 2], [0, 2, 0, 2]].sum() == 4000
    assert np.abs(found[[0, 0, 2, 2], [0, 2, 0, 2]] - 1000).max() < 4 * np.sqrt(750)


@pytest.mark.parametrize("degrees", [7.5, -30, 45, 123, 300])
@pytest.mark.parametrize("images", [IMAGES, WIDE])
def test_rotation_by_any_angle_is_that_of_scipy(images, degrees):
    ndimage = pytest.importorskip("scipy.ndimage")
    expected = ndimage.rotate(
        images, degrees, axes=(2, 3), reshape=False, order=1, mode="grid-constant", cval=0.25
    )
    np.testing.assert_allclose(data.rotate(images, degrees, 0.25), expected, atol=1e-12)


def test_each_image_has_its_own_angle():
    angles = np.array([10.0, -20.0, 0.0, 90.0])
    together = data.rotate(WIDE, angles)
    for image, angle, turned in zip(WIDE, angles, together, strict=True):
        np.testing.assert_array_equal(data.rotate(image[None], angle)[0], turned)


def test_random_angles_stay_between_their_ends():
    dot = np.zeros((500, 1, 41, 41))
    dot[:, 0, 20, 40] = 1  # to the right of the centre
    turned = data.RandomRotation((10, 30), generator=np.random.default_rng(0))(dot)[:, 0]
    weight = turned.sum(axis=(1, 2))
    up = 20 - (turned * np.arange(41)[:, None]).sum(axis=(1, 2)) / weight
    right = (turned * np.arange(41)).sum(axis=(1, 2)) / weight - 20
    angles = np.degrees(np.arctan2(up, right))
    assert 8 < angles.min() < 12 < 28 < angles.max() < 32


# ------------------------------------------------------------------ crops


def test_a_crop_is_that_part_of_each_image():
    top, left = np.array([0, 1, 2, 2]), np.array([4, 0, 3, 2])
    parts = data.crop(WIDE, top, left, 3, 4)
    for image, row, column, part in zip(WIDE, top, left, parts, strict=True):
        np.testing.assert_array_equal(part, image[:, row : row + 3, column : column + 4])


def test_padding_is_filled():
    padded = data.pad(WIDE, 2, fill=0.5)
    assert padded.shape == (4, 2, 9, 12)
    np.testing.assert_array_equal(padded[:, :, 2:-2, 2:-2], WIDE)
    padded[:, :, 2:-2, 2:-2] = 0.5
    assert (padded == 0.5).all()


def test_random_crops_come_from_every_place_also_beyond_the_border():
    numbered = np.arange(1.0, 13).reshape(1, 1, 3, 4).repeat(2000, axis=0)
    crops = data.RandomCrop((2, 3), padding=1, generator=np.random.default_rng(0))(numbered)
    padded = np.pad(numbered[0, 0], 1)
    possible = {padded[i : i + 2, j : j + 3].tobytes() for i in range(4) for j in range(4)}
    assert {image.tobytes() for image in crops} == possible


# ------------------------------------------------------------------ colours


@pytest.mark.parametrize("shift", [-0.5, -0.2, 0.0, 0.1, 0.37, 0.5])
def test_the_hue_is_shifted_as_colorsys_does(shift):
    changed = np.moveaxis(data.adjust_hue(IMAGES, shift), 1, -1).reshape(-1, 3)
    for before, after in zip(np.moveaxis(IMAGES, 1, -1).reshape(-1, 3), changed, strict=True):
        h, s, v = colorsys.rgb_to_hsv(*before)
        np.testing.assert_allclose(after, colorsys.hsv_to_rgb((h + shift) % 1, s, v), atol=1e-12)


def test_grey_stays_grey_whatever_the_hue():
    grey = np.repeat(IMAGES[:, :1], 3, axis=1)
    np.testing.assert_array_equal(data.adjust_hue(grey, 0.3), grey)
    np.testing.assert_array_equal(data.adjust_hue(IMAGES[:, :1], 0.3), IMAGES[:, :1])


ADJUST = [data.adjust_brightness, data.adjust_contrast, data.adjust_saturation]


@pytest.mark.parametrize("adjust", ADJUST)
def test_the_factor_one_changes_nothing_and_colours_stay_within_their_range(adjust):
    np.testing.assert_array_equal(adjust(IMAGES, 1), IMAGES)
    strong = adjust(IMAGES, 5.0)
    assert strong.min() >= 0
    assert strong.max() == 1


def test_the_factor_zero_takes_all_brightness_contrast_or_colour():
    grey = np.tensordot(IMAGES, [0.2989, 0.587, 0.114], axes=(1, 0))
    assert not data.adjust_brightness(IMAGES, 0).any()
    mean = np.broadcast_to(grey.mean(axis=(1, 2))[:, None, None, None], IMAGES.shape)
    np.testing.assert_allclose(data.adjust_contrast(IMAGES, 0), mean)
    np.testing.assert_allclose(
        data.adjust_saturation(IMAGES, 0), np.repeat(grey[:, None], 3, axis=1)
    )


@pytest.mark.parametrize("adjust", [*ADJUST, data.adjust_hue])
def test_each_image_has_its_own_factor(adjust):
    factors = np.linspace(0, 0.5, len(IMAGES))
    for image, factor, changed in zip(IMAGES, factors, adjust(IMAGES, factors), strict=True):
        np.testing.assert_array_equal(adjust(image[None], factor)[0], changed)


def test_jitter_keeps_to_its_ranges():
    half = np.full((3000, 3, 1, 1), 0.5)
    jitter = data.ColorJitter(brightness=0.4, generator=np.random.default_rng(0))
    factors = jitter(half)[:, 0, 0, 0] / 0.5
    assert 0.6 <= factors.min() < 0.62
    assert 1.38 < factors.max() <= 1.4
    given = data.ColorJitter(brightness=(1.2, 1.3), generator=np.random.default_rng(0))
    factors = given(half)[:, 0, 0, 0] / 0.5
    assert factors.min() >= 1.2
    assert factors.max() <= 1.3
    np.testing.assert_array_equal(data.ColorJitter()(IMAGES), IMAGES)


def test_noise_has_the_deviation_it_was_given():
    noise = data.GaussianNoise(0.2, generator=np.random.default_rng(0))(np.zeros((100, 3, 16, 16)))
    assert abs(noise.mean()) < 4 * 0.2 / np.sqrt(noise.size)
    assert abs(noise.std() - 0.2) < 4 * 0.2 / np.sqrt(2 * noise.size)


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: data.RandomHorizontalFlip(1.5), "p"),
        (lambda: data.RandomVerticalFlip(-0.1), "p"),
        (lambda: data.RandomVerticalFlip("often"), "p"),
        (lambda: data.RandomRotation(-5), "degrees"),
        (lambda: data.RandomRotation((30, 10)), "degrees"),
        (lambda: data.RandomRotation(float("nan")), "degrees"),
        (lambda: data.RandomRotation(5, fill=float("inf")), "fill"),
        (lambda: data.RandomCrop(0), "height"),
        (lambda: data.RandomCrop((4, 2.5)), "width"),
        (lambda: data.RandomCrop((4, 4, 4)), "height"),
        (lambda: data.RandomCrop(4, padding=-1), "padding"),
        (lambda: data.ColorJitter(brightness=-0.1), "brightness"),
        (lambda: data.ColorJitter(contrast=(-0.5, 1)), "contrast"),
        (lambda: data.ColorJitter(saturation=(1, 2, 3)), "saturation"),
        (lambda: data.ColorJitter(hue=0.6), "hue"),
        (lambda: data.ColorJitter(hue=(-0.6, 0)), "hue"),
        (lambda: data.GaussianNoise(-1), "sigma"),
        (lambda: data.pad(IMAGES, -1), "padding"),
        (lambda: data.crop(IMAGES, 0, 4, 3, 3), "left"),
        (lambda: data.crop(IMAGES, -1, 0, 3, 3), "top"),
        (lambda: data.rotate(IMAGES, float("inf")), "finite"),
        (lambda: data.adjust_brightness(IMAGES, -1), "negative"),
        (lambda: data.adjust_hue(IMAGES, 0.7), "half a circle"),
        (lambda: data.adjust_contrast(2 * IMAGES, 1), "0 to 1"),
        (lambda: data.adjust_contrast(np.where(IMAGES < 0.1, np.nan, IMAGES), 1), "0 to 1"),
        (lambda: data.ColorJitter(0.1)(IMAGES - 0.5), "0 to 1"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, word):
    with pytest.raises(tt.ArgumentError, match=word):
        make()


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        (lambda: data.RandomCrop(7)(IMAGES), tt.ShapeError, "smaller than the part"),
        (lambda: data.crop(IMAGES, 0, 0, 7, 3), tt.ShapeError, "larger than the images"),
        (lambda: data.RandomQuarterTurn()(WIDE), tt.ShapeError, "square"),
        (lambda: data.rotate(IMAGES, np.zeros(5)), tt.ShapeError, "one for each image"),
        (lambda: data.adjust_hue(WIDE, 0.1), tt.ShapeError, "grey nor coloured"),
        (lambda: data.hflip(IMAGES, 1), tt.DtypeError, "bool"),
        (lambda: data.crop(IMAGES, 0.5, 0, 3, 3), tt.DtypeError, "int"),
        (lambda: data.rotate(IMAGES, "right"), tt.DtypeError, "float"),
    ],
)
def test_shapes_and_types_that_do_not_fit_are_refused(make, error, word):
    with pytest.raises(error, match=word):
        make()
