"""The classic networks as wholes: options, sizes, first signals; the U-Net."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.test_models_blocks import doubled, drawn, require_gradients_of_differences
from tinygrad_tr.nn import models

# ------------------------------------------------------------------ U-Net


@pytest.mark.parametrize(("depth", "height", "width"), [(1, 2, 6), (3, 8, 24), (4, 48, 32)])
def test_a_unet_answers_for_every_pixel(depth, height, width):
    model = models.UNet(2, 5, width=2, depth=depth)
    assert model(tt.rand(2, 2, height, width)).shape == (2, 5, height, width)


def test_a_unet_refuses_sizes_that_cannot_be_halved():
    model = models.UNet(1, 2, width=2, depth=3)
    for shape in [(1, 1, 16, 20), (1, 1, 12, 16)]:
        with pytest.raises(tt.ShapeError, match="multiples of 8"):
            model(tt.zeros(*shape))
    with pytest.raises(tt.ArgumentError, match="depth"):
        models.UNet(1, 2, depth=0)


def test_a_unet_without_skips_sees_the_picture_only_through_the_bottom():
    tt.manual_seed(0)
    x = tt.rand(2, 1, 8, 8)
    for skips in (True, False):
        model = models.UNet(1, 2, width=4, depth=2, skips=skips)
        for p in model.bottom.parameters():
            p.assign(np.zeros(p.shape, p.dtype))
        constant = np.ptp(model(x).numpy(), axis=0).max() < 1e-5
        assert constant is not skips
    assert model.decoder[0][0][0].in_channels == 8


def test_the_gradients_of_a_unet_are_those_of_differences():
    model = doubled(models.UNet(1, 2, width=1, depth=1))
    require_gradients_of_differences(model, drawn(2, 1, 4, 4))


# ------------------------------------------------------------------ whole networks


@pytest.mark.parametrize(
    "build",
    [
        lambda: models.LeNet5(4, in_channels=1),
        lambda: models.AlexNet(4, in_channels=1, width_mult=1 / 32),
        lambda: models.vgg11(4, in_channels=1, width_mult=1 / 32),
        lambda: models.resnet18(4, in_channels=1, width=4),
        lambda: models.resnet20(4, in_channels=1, width=4),
        lambda: models.NetworkInNetwork(4, in_channels=1),
        lambda: models.GoogLeNet(4, in_channels=1, kernel_size=5),
        lambda: models.MobileNetV1(4, 1 / 8, in_channels=1),
        lambda: models.MobileNetV2(4, 0.25, in_channels=1),
        lambda: models.efficientnet_b0(4, in_channels=1),
    ],
)
def test_networks_take_grey_pictures_and_a_number_of_classes(build):
    model = build().eval()
    size = 64 if isinstance(model, models.AlexNet) else 32
    with tt.no_grad():
        out = model(tt.rand(2, 1, size, size))
    assert out.shape == (2, 4)
    assert np.all(np.isfinite(out.numpy()))


def test_the_same_seed_makes_the_same_network():
    for build in (lambda: models.resnet20(width=4), lambda: models.UNet(1, 2, width=2, depth=1)):
        tt.manual_seed(3)
        first = build().state_dict()
        tt.manual_seed(3)
        again = build().state_dict()
        for name in first:
            np.testing.assert_array_equal(first[name], again[name])


def test_signals_keep_their_size_through_a_deep_network():
    """What filters drawn for ReLU are for: VGG-19 has no norm that would help."""
    tt.manual_seed(0)
    model = models.vgg19(10, width_mult=1 / 4).eval()
    with tt.no_grad():
        out = model.features(tt.randn(2, 3, 64, 64)).numpy()
    assert 0.05 < out.std() < 20


def test_numbers_that_make_no_network_are_refused():
    for build, name in [
        (lambda: models.AlexNet(width_mult=0), "width_mult"),
        (lambda: models.MobileNetV2(width_mult=-1), "width_mult"),
        (lambda: models.EfficientNet(1.0, 0), "depth_mult"),
        (lambda: models.VGG((2, 2, 3)), "five stages"),
        (lambda: models.resnet18(width=0), "≥ 1"),
        (lambda: models.LeNet5(0), "no size"),
        (lambda: models.StochasticDepth(1.5), "no probability"),
    ]:
        with pytest.raises(tt.ArgumentError, match=name):
            build()


def test_pictures_that_do_not_fit_are_refused():
    with pytest.raises(tt.ShapeError, match="32, 32"):
        models.LeNet5()(tt.zeros(1, 3, 28, 28))
    with pytest.raises(tt.ShapeError, match="channels"):
        models.LeNet5()(tt.zeros(1, 1, 32, 32))
    with pytest.raises(tt.ShapeError, match="larger than the padded"):
        models.AlexNet(5, width_mult=1 / 32)(tt.zeros(1, 3, 32, 32))
    with pytest.raises(tt.DtypeError, match="floats"):
        models.resnet20(width=4)(np.zeros((1, 3, 8, 8), np.uint8))


def test_importing_nn_does_not_import_the_networks():
    code = (
        "import sys, tinygrad_tr as tt; tt.nn\n"
        "before = [m for m in sys.modules if 'models' in m and 'tinygrad_tr' in m]\n"
        "print(before, tt.nn.models.LeNet5.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] LeNet5"
