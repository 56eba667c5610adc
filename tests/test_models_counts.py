"""The classic networks in numbers: shapes, parameters and multiply-adds, as nn.summary has them."""

from __future__ import annotations

import math
import tracemalloc
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.nn import models
from tinygrad_tr.nn.models.efficientnet import VERSIONS


def count(model):
    return sum(p.size for p in model.parameters())


def count_at(width, build):
    """How many parameters build(width) has, from build(1), build(2) and build(3).

    Weights go with the square of the width, biases with the width itself: the count is a
    polynomial of degree two, so that three narrow networks say what the wide one would have,
    550 MB for VGG-16, without making it.
    """
    known = {n: Fraction(count(build(n))) for n in (1, 2, 3)}
    total = Fraction(0)
    for n, value in known.items():
        for m in known.keys() - {n}:
            value *= Fraction(width - m, n - m)
        total += value
    assert total.denominator == 1
    return int(total)


def picture(*shape):
    return np.zeros((1, *shape), np.float32)


# ------------------------------------------------------------------ LeNet-5, 4.09


def test_lenet_has_the_table_of_the_course():
    table = nn.summary(models.LeNet5(), picture(3, 32, 32))
    assert [(row.path, row.output, row.parameters) for row in table.rows[1:]] == [
        ("conv1", "(1, 6, 28, 28)", 456),
        ("pool1", "(1, 6, 14, 14)", 0),
        ("conv2", "(1, 16, 10, 10)", 2_416),
        ("pool2", "(1, 16, 5, 5)", 0),
        ("fc3", "(1, 120)", 48_120),
        ("fc4", "(1, 84)", 10_164),
        ("output", "(1, 10)", 850),
    ]
    activations = [np.prod(eval(row.output)) for row in table.rows[1:]]
    assert activations == [4704, 1176, 1600, 400, 120, 84, 10]
    assert table.total_params == 62_006
    printed = str(table)
    for number in ("456", "2,416", "48,120", "10,164", "850", "62,006 parameters"):
        assert number in printed


def test_the_printed_count_of_fc4_is_a_slip():
    """The notes have 10,156."""
    assert 120 * 84 + 84 == 10_164 == count(models.LeNet5().fc4)


def test_the_lenet_of_1998_had_one_channel_tanh_and_averages():
    model = models.LeNet5(in_channels=1, activation=nn.Tanh, pool=nn.AvgPool2d)
    assert model(tt.zeros(2, 1, 32, 32)).shape == (2, 10)
    assert count(model) == 61_706


# ------------------------------------------------------------------ literature, 4.11


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("vgg11", 132_863_336),
        ("vgg13", 133_047_848),
        ("vgg16", 138_357_544),
        ("vgg19", 143_667_240),
    ],
)
def test_vgg_has_the_parameters_of_the_literature(name, parameters):
    build = getattr(models, name)
    assert count_at(64, lambda width: build(width_mult=width / 64)) == parameters


def test_vgg_16_counted_by_shape_arithmetic():
    channels = [3, 64, 64, 128, 128, 256, 256, 256, *[512] * 6]
    convolutions = sum(3 * 3 * n * m + m for n, m in pairwise(channels))
    dense = sum(n * m + m for n, m in [(7 * 7 * 512, 4096), (4096, 4096), (4096, 1000)])
    assert convolutions + dense == 138_357_544


def test_batch_norm_adds_two_parameters_for_each_channel():
    plain, normed = (models.vgg16(width_mult=1 / 64, batch_norm=flag) for flag in (False, True))
    assert count(normed) - count(plain) == 2 * (2 * 1 + 2 * 2 + 3 * 4 + 6 * 8)


def test_alexnet_has_the_parameters_of_torchvisions():
    assert count_at(64, lambda width: models.AlexNet(width_mult=width / 64)) == 61_100_840


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("resnet34", 21_797_672), ("resnet50", 25_557_032), ("resnet101", 44_549_160),
     ("resnet152", 60_192_808)],
)  # fmt: skip
def test_wide_resnets_have_the_parameters_of_the_literature(name, parameters):
    build = getattr(models, name)
    assert count_at(64, lambda width: build(width=width)) == parameters


@pytest.mark.parametrize(
    ("build", "parameters"),
    [
        (models.resnet18, 11_689_512),
        (models.GoogLeNet, 6_624_904),
        (models.NetworkInNetwork, 966_986),
        (models.MobileNetV1, 4_231_976),
        (models.MobileNetV2, 3_504_872),
        (models.efficientnet_b0, 5_288_548),
        (models.efficientnet_b1, 7_794_184),
        (models.resnet20, 269_722),
        (lambda: models.resnet20(shortcut="projection"), 272_474),
        (models.resnet32, 464_154),
        (models.resnet44, 658_586),
        (models.resnet56, 853_018),
        (models.resnet110, 1_727_962),
    ],
)
def test_networks_have_the_parameters_of_the_literature(build, parameters):
    assert count(build()) == parameters


def test_the_unet_of_the_paper_has_31_million_parameters():
    assert count_at(64, lambda width: models.UNet(3, 1, width)) == 31_037_633


def efficientnet_parameters(width, depth):
    """By the paper's table: those of B0, channels times the width, blocks times the depth."""

    def eights(n):
        nearest = max(8, int(n + 4) // 8 * 8)
        return nearest if nearest >= 0.9 * n else nearest + 8

    def filters(n, m, f, groups=1):
        return n * m * f * f // groups + 2 * m  # with γ and β

    n = eights(32 * width)
    total = filters(3, n, 3)
    stages = [(1, 3, 16, 1), (6, 3, 24, 2), (6, 5, 40, 2), (6, 3, 80, 3), (6, 5, 112, 3),
              (6, 5, 192, 4), (6, 3, 320, 1)]  # fmt: skip
    for expand, f, channels, blocks in stages:
        for _ in range(math.ceil(depth * blocks)):
            wide, squeezed, m = expand * n, n // 4, eights(channels * width)
            total += filters(n, wide, 1) if expand > 1 else 0
            total += filters(wide, wide, f, groups=wide)
            total += wide * squeezed + squeezed + squeezed * wide + wide
            total += filters(wide, m, 1)
            n = m
    return total + filters(n, 4 * n, 1) + 4 * n * 1000 + 1000


def test_all_eight_efficientnets_have_the_parameters_of_torchvisions():
    literature = [5_288_548, 7_794_184, 9_109_994, 12_233_232, 19_341_616, 30_389_784, 43_040_704,
                  66_347_960]  # fmt: skip
    assert [efficientnet_parameters(w, d) for w, d, *_ in VERSIONS] == literature
    assert efficientnet_parameters(1.1, 1.2) == count(models.efficientnet_b2())
    assert efficientnet_parameters(0.5, 2.2) == count(models.EfficientNet(0.5, 2.2))


# ------------------------------------------------------------------ multiply-adds, 4.14 and 4.15


def products(model, *shape):
    return nn.summary(model, picture(*shape)).total_multiply_adds


def test_a_reduction_first_cuts_the_cost_of_five_by_five_to_a_tenth():
    direct = nn.Conv2d(192, 32, 5, padding="same")
    reduced = nn.Sequential(nn.Conv2d(192, 16, 1), nn.Conv2d(16, 32, 5, padding="same"))
    table = nn.summary(reduced, picture(192, 28, 28))
    assert products(direct, 192, 28, 28) == 120_422_400
    assert [row.multiply_adds for row in table.rows[1:]] == [2_408_448, 10_035_200]
    assert table.total_multiply_adds == 12_443_648
    assert round(table.total_multiply_adds / 120_422_400, 5) == 0.10333


def test_the_multiplications_are_not_the_parameters():
    """The notes call 120 million parameters; the ratio is the same."""
    direct = nn.Conv2d(192, 32, 5, bias=False)
    reduced = [nn.Conv2d(192, 16, 1, bias=False), nn.Conv2d(16, 32, 5, bias=False)]
    few = sum(map(count, reduced))
    assert (count(direct), few) == (153_600, 15_872)
    assert few * 120_422_400 == count(direct) * 12_443_648


def test_depthwise_separable_costs_less_by_one_over_channels_plus_one_over_area():
    ordinary = products(nn.Conv2d(3, 5, 3), 3, 6, 6)
    table = nn.summary(models.DepthwiseSeparableConv2d(3, 5, 3), picture(3, 6, 6))
    assert ordinary == 2160
    assert [row.multiply_adds for row in table.rows[1:]] == [432, 240]
    ratio = Fraction(table.total_multiply_adds, ordinary)
    assert ratio == Fraction(672, 2160) == Fraction(1, 5) + Fraction(1, 9)
    assert count(nn.Conv2d(3, 5, 3, bias=False)) == 135
    assert count(models.DepthwiseSeparableConv2d(3, 5, 3, bias=False)) == 42


@pytest.mark.parametrize(("f", "filters"), [(3, 5), (5, 8), (3, 512)])
def test_the_ratio_holds_for_any_layer(f, filters):
    ordinary = products(nn.Conv2d(4, filters, f, padding="same"), 4, 8, 8)
    separable = models.DepthwiseSeparableConv2d(4, filters, f, padding="same")
    ratio = Fraction(products(separable, 4, 8, 8), ordinary)
    assert ratio == Fraction(1, filters) + Fraction(1, f * f)


def test_a_transposed_convolution_costs_a_filter_for_each_number_it_is_given():
    layer = nn.ConvTranspose2d(6, 4, 3, stride=2, groups=2)
    assert products(layer, 6, 5, 7) == 6 * 5 * 7 * 2 * 3 * 3
    assert products(nn.Conv2d(4, 6, 3, stride=2, groups=2), 4, 11, 15) == 6 * 5 * 7 * 2 * 3 * 3


def test_strides_dilations_and_other_axes_are_counted():
    assert products(nn.Conv1d(2, 3, 4, stride=2), 2, 10) == 3 * 4 * 2 * 4
    assert products(nn.Conv3d(2, 3, 2, dilation=2), 2, 4, 4, 4) == 3 * 2**3 * 2 * 2**3


# Multiply-adds, without those of the norms.
@pytest.mark.parametrize(
    ("build", "millions"), [(models.resnet18, 1_814), (models.MobileNetV2, 301)]
)
def test_whole_networks_cost_what_their_papers_say(build, millions):
    """1.8 and 0.3 billion at 224 × 224; counted at 64 × 64, of which every layer has a part."""
    table = nn.summary(build(), picture(3, 64, 64))
    classifier = table.rows[-1].multiply_adds
    convolutions = (table.total_multiply_adds - classifier) * Fraction(224, 64) ** 2
    assert round((convolutions + classifier) / 10**6) == millions


def test_a_summary_needs_no_more_memory_than_a_forward_pass():
    model, x = models.resnet20().eval(), tt.zeros(1, 3, 64, 64)

    def peak(call):
        call()
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    with tt.no_grad():
        forward = peak(lambda: model(x))
    activations = nn.summary(model, x).total_activation_bytes
    assert activations > 2e6
    assert peak(lambda: nn.summary(model, x)) < forward + 0.1 * activations
