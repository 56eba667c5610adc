"""What the blocks of the classic networks claim: identities, equal forms, gradients."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn
from tinygrad_tr.examples.course4_residual import trained
from tinygrad_tr.nn import functional as F
from tinygrad_tr.nn import models


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def doubled(model, seed=0):
    """The model in float64, every number of it drawn, norms included."""
    rng = np.random.default_rng(seed)
    model.to(np.float64)
    for p in model.parameters():
        p.assign(rng.standard_normal(p.shape) / np.sqrt(max(1, np.prod(p.shape[1:]))))
    for name, buffer in model.named_buffers():
        if name.endswith(("mean", "var")):
            buffer.assign(rng.uniform(0.5, 1.5, buffer.shape))
    return model


def require_gradients_of_differences(model, x):
    """Of a random combination of the answer, to x and to every parameter."""
    u, g = leaf(x), drawn(*model(leaf(x)).shape, seed=9)
    parameters = {"x": u, **dict(model.named_parameters())}
    difference = tt.gradient_difference(lambda: np.sum(model(u) * g), parameters)
    assert difference.total < 1e-7, difference


# ------------------------------------------------------------------ residual blocks, 4.12


@pytest.mark.parametrize("block", [models.BasicBlock, models.Bottleneck])
@pytest.mark.parametrize("training", [True, False])
def test_a_block_without_weights_is_the_identity_where_x_is_not_negative(block, training):
    model = block(4, 4 // block.expansion).to(np.float64).train(training)
    for name, p in model.named_parameters():
        if name.startswith("conv"):
            p.assign(np.zeros(p.shape))
    x = leaf(abs(drawn(2, 4, 3, 2)) + 0.1)
    a = model(x)
    np.testing.assert_array_equal(a.numpy(), x.numpy())
    g = drawn(*a.shape, seed=1)
    a.backward(g)
    np.testing.assert_array_equal(x.grad.numpy(), g)
    assert tt.gradcheck(model, [x.numpy()])


@pytest.mark.parametrize("build", [models.resnet18, models.resnet50])
def test_blocks_can_begin_as_the_identity(build):
    tt.manual_seed(0)
    model = build(3, width=4, zero_init_residual=True).to(np.float64)
    block = model.layer1[1]
    x = abs(drawn(2, block.conv1.in_channels, 6, 6))
    np.testing.assert_array_equal(block(tt.Tensor(x)).numpy(), x)
    usual = build(3, width=4).layer1[1]
    assert abs(usual(tt.Tensor(x.astype(np.float32))).numpy() - x).max() > 0.1


@pytest.mark.parametrize("shortcut", ["pad", "projection"])
def test_where_sizes_differ_the_shortcut_makes_x_fit(shortcut):
    model = models.CifarResNet(8, 3, width=4, shortcut=shortcut)
    assert model.layer2(tt.rand(2, 4, 9, 8)).shape == (2, 8, 5, 4)
    x = abs(drawn(1, 4, 9, 8).astype(np.float32))
    seen = model.layer2[0].downsample(tt.Tensor(x)).numpy()
    if shortcut == "pad":
        np.testing.assert_array_equal(seen[:, 2:6], x[:, :, ::2, ::2])
        assert not seen[:, [0, 1, 6, 7]].any()
    else:
        assert seen.shape == (1, 8, 5, 4)


@pytest.mark.parametrize("block", [models.BasicBlock, models.Bottleneck])
def test_the_gradients_of_a_block_are_those_of_differences(block):
    narrow = 4 // block.expansion
    require_gradients_of_differences(doubled(block(4, narrow)), drawn(2, 4, 3, 3))


def test_forty_layers_train_with_the_additions_and_not_without():
    plain, _ = trained(40, residual=False, steps=200)
    residual, gradients = trained(40, residual=True, steps=100)
    assert plain[-1] >= 0.4
    assert residual[-1] <= 0.02
    assert gradients.max() / gradients.min() < 1000


def test_depths_that_are_none_and_unknown_shortcuts_are_refused():
    for depth in (2, 18, 21):
        with pytest.raises(tt.ArgumentError, match="6n"):
            models.CifarResNet(depth)
    with pytest.raises(tt.ArgumentError, match="pad or projection"):
        models.resnet20(shortcut="zeros")


# ------------------------------------------------------------------ 1 × 1, 4.13


def test_one_by_one_is_a_dense_layer_at_each_pixel():
    layer = nn.Conv2d(192, 32, 1, dtype=np.float64)
    x = drawn(1, 192, 28, 28)
    W, b = layer.weight.numpy().reshape(32, 192).T, layer.bias.numpy()
    dense = np.moveaxis(x, 1, 3).reshape(-1, 192) @ W + b
    out = layer(tt.Tensor(x))
    assert out.shape == (1, 32, 28, 28)
    np.testing.assert_allclose(
        np.moveaxis(out.numpy(), 1, 3).reshape(-1, 32), dense, rtol=0, atol=1e-12
    )
    assert sum(p.size for p in layer.parameters()) == 192 * 32 + 32 == 6176


def test_one_by_one_over_32_channels_gives_as_many_channels_as_filters():
    for k in (1, 7, 64):
        assert nn.Conv2d(32, k, 1)(tt.zeros(1, 32, 6, 6)).shape == (1, k, 6, 6)


def test_the_small_network_in_a_network_sees_each_pixel_alone():
    """After its first layer: permuted pixels give the permuted answer."""
    small = models.mlpconv(3, (6, 5, 4), 1).to(np.float64)
    x, order = drawn(2, 3, 4, 5), np.random.default_rng(1).permutation(20)
    permuted = x.reshape(2, 3, 20)[:, :, order].reshape(x.shape)
    out = small(tt.Tensor(x)).numpy().reshape(2, 4, 20)[:, :, order]
    np.testing.assert_allclose(
        small(tt.Tensor(permuted)).numpy().reshape(2, 4, 20), out, rtol=1e-12
    )


# ------------------------------------------------------------------ Inception, 4.14


def test_inception_stacks_256_channels():
    module = models.Inception(192, 64, 96, 128, 16, 32, 32)
    assert module(tt.rand(1, 192, 28, 28)).shape == (1, 64 + 128 + 32 + 32, 28, 28)
    assert module.branch3[1].conv.kernel_size == (5, 5)


def test_each_branch_of_inception_gets_its_channels_of_the_gradient():
    module = doubled(models.Inception(4, 2, 3, 4, 2, 3, 1)).eval()
    x = leaf(drawn(2, 4, 5, 5))
    out = module(x)
    g = drawn(*out.shape, seed=1)
    out.backward(g)
    total, first = np.zeros(x.shape), 0
    for branch in (module.branch1, module.branch2, module.branch3, module.branch4):
        u = leaf(x.numpy())
        z = branch(u)
        np.testing.assert_array_equal(out.numpy()[:, first : first + z.shape[1]], z.numpy())
        z.backward(g[:, first : first + z.shape[1]])
        total, first = total + u.grad.numpy(), first + z.shape[1]
    assert first == out.shape[1]
    np.testing.assert_allclose(x.grad.numpy(), total, rtol=1e-12, atol=1e-12)


def test_the_gradients_of_inception_are_those_of_differences():
    module = doubled(models.Inception(2, 2, 1, 2, 1, 2, 1))
    require_gradients_of_differences(module, drawn(2, 2, 3, 3))


# ------------------------------------------------------------------ depthwise separable, 4.15


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), (1, "same")])
def test_a_separable_convolution_is_one_whose_filters_are_products(stride, padding):
    layer = models.DepthwiseSeparableConv2d(3, 5, 3, stride, padding).to(np.float64)
    W_dw, W_pw = layer.depthwise.weight.numpy()[:, 0], layer.pointwise.weight.numpy()[:, :, 0, 0]
    W = W_pw[:, :, None, None] * W_dw
    x = tt.Tensor(drawn(2, 3, 6, 6))
    ordinary = F.conv2d(x, tt.Tensor(W), layer.pointwise.bias, stride, padding)
    np.testing.assert_allclose(layer(x).numpy(), ordinary.numpy(), rtol=0, atol=1e-12)


def test_the_courses_sizes_of_the_separable_convolution():
    layer = models.DepthwiseSeparableConv2d(3, 5, 3)
    assert layer.depthwise(tt.zeros(1, 3, 6, 6)).shape == (1, 3, 4, 4)
    assert layer(tt.zeros(1, 3, 6, 6)).shape == (1, 5, 4, 4)


def test_the_gradients_of_the_separable_convolution_are_those_of_differences():
    layer = doubled(models.DepthwiseSeparableConv2d(3, 5, 3, padding=1))
    require_gradients_of_differences(layer, drawn(2, 3, 4, 4))


@pytest.mark.oracle
def test_groups_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    x, W, b = drawn(2, 6, 5, 5), drawn(12, 1, 3, 3, seed=1), drawn(12, seed=2)
    for groups, weight in [(6, W), (2, drawn(12, 3, 3, 3, seed=3))]:
        ours = F.conv2d(*map(tt.Tensor, (x, weight, b)), padding=1, groups=groups)
        theirs = torch.nn.functional.conv2d(
            *map(torch.tensor, (x, weight, b)), padding=1, groups=groups
        )
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-10, atol=1e-12)


# ------------------------------------------------------------------ inverted residuals, 4.16


def test_an_inverted_residual_is_wide_inside():
    block = models.InvertedResidual(3, 3, expand=6)
    table = nn.summary(block, np.zeros((1, 3, 8, 8), np.float32))
    shapes = [row.output for row in table.rows if row.kind == "Conv2d"]
    assert shapes == ["(1, 18, 8, 8)", "(1, 18, 8, 8)", "(1, 3, 8, 8)"]
    weights = [p.size for p in block.parameters() if p.ndim == 4]
    assert weights == [3 * 18, 9 * 18, 18 * 3]
    assert sum(weights) == 270


@pytest.mark.parametrize("training", [True, False])
def test_with_a_projection_of_zeros_it_is_the_identity(training):
    block = models.InvertedResidual(3, 3).to(np.float64).train(training)
    block.conv[2].weight.assign(np.zeros((3, 18, 1, 1)))
    x = leaf(drawn(2, 3, 5, 5))
    out = block(x)
    np.testing.assert_array_equal(out.numpy(), x.numpy())
    g = drawn(*out.shape, seed=1)
    out.backward(g)
    np.testing.assert_array_equal(x.grad.numpy(), g)


def test_x_is_added_only_where_the_size_stays():
    x = tt.rand(1, 4, 6, 6)
    for block in (models.InvertedResidual(4, 6), models.InvertedResidual(4, 4, stride=2)):
        assert not block.use_res_connect
        np.testing.assert_array_equal(block(x).numpy(), block.conv(x).numpy())
    block = models.InvertedResidual(4, 4)
    np.testing.assert_allclose(block(x).numpy(), (x + block.conv(x)).numpy())


def test_without_expansion_there_is_no_first_convolution():
    assert len(models.InvertedResidual(4, 4, expand=1).conv) == 3
    assert len(models.InvertedResidual(4, 4).conv) == 4


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"expand": 1}])
def test_the_gradients_of_an_inverted_residual_are_those_of_differences(options):
    block = doubled(models.InvertedResidual(3, 3, **options))
    require_gradients_of_differences(block, drawn(2, 3, 4, 4))


# ------------------------------------------------------------------ EfficientNet


def test_the_gradients_of_an_mbconv_are_those_of_differences():
    block = doubled(models.MBConv(2, 2, 3))
    require_gradients_of_differences(block, drawn(2, 2, 3, 3))


def test_squeeze_and_excitation_weights_whole_channels():
    module = doubled(models.SqueezeExcitation(6, 2))
    x = drawn(2, 6, 4, 5)
    ratio = module(tt.Tensor(x)).numpy() / x
    assert np.all((ratio > 0) & (ratio < 1))
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :, :1, :1], x.shape), rtol=1e-12)
    assert np.std(ratio[:, :, 0, 0], axis=0).min() > 0


def test_stochastic_depth_drops_whole_examples_and_keeps_the_mean():
    tt.manual_seed(0)
    module, x = models.StochasticDepth(0.25), np.ones((4000, 2, 3, 3))
    out = module(tt.Tensor(x)).numpy()
    kept = out[:, 0, 0, 0]
    np.testing.assert_array_equal(out, np.broadcast_to(kept[:, None, None, None], x.shape))
    assert set(np.unique(kept)) == {0, 1 / 0.75}
    assert abs(out.mean() - 1) < 0.05
    np.testing.assert_array_equal(module.eval()(tt.Tensor(x)).numpy(), x)


def test_blocks_are_skipped_more_often_the_deeper_they_are():
    model = models.EfficientNet(0.1, 1.0)
    chances = [m.p for m in model.modules() if isinstance(m, models.StochasticDepth)]
    assert len(chances) == 16
    np.testing.assert_allclose(chances, 0.2 * np.arange(16) / 16)


def test_compound_scaling_doubles_the_cost_with_each_step():
    assert models.compound_scaling(0) == (1, 1, 1)
    one = models.compound_scaling(1)
    assert one == (1.2, 1.1, 1.15)
    assert abs(one.cost / 2 - 1) < 0.05
    np.testing.assert_allclose(models.compound_scaling(3).cost, one.cost**3)
