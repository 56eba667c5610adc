"""The classic networks against the same written in PyTorch: names, outputs, gradients."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.nn import models

# Ours, how tests/torch_models.py makes the same, and the shape of x.
PAIRS = {
    "LeNet-5": (models.LeNet5, lambda t: t.LeNet5(10), (2, 3, 32, 32)),
    "AlexNet": (
        lambda: models.AlexNet(7, width_mult=1 / 16),
        lambda t: t.alexnet(7, 4, 12, 24, 16, 256), (2, 3, 63, 70),
    ),
    "VGG-11": (
        lambda: models.vgg11(5, width_mult=1 / 16), lambda t: t.vgg(11, 5, 16), (1, 3, 32, 32),
    ),
    "VGG-13, batch norm": (
        lambda: models.vgg13(5, width_mult=1 / 16, batch_norm=True),
        lambda t: t.vgg(13, 5, 16, batch_norm=True), (2, 3, 32, 32),
    ),
    "VGG-16": (
        lambda: models.vgg16(5, width_mult=1 / 16), lambda t: t.vgg(16, 5, 16), (1, 3, 32, 32),
    ),
    "VGG-19": (
        lambda: models.vgg19(5, width_mult=1 / 16), lambda t: t.vgg(19, 5, 16), (1, 3, 32, 32),
    ),
    "ResNet-18": (
        lambda: models.resnet18(6, width=8),
        lambda t: t.ResNet(t.BasicBlock, (2, 2, 2, 2), 6, 8), (3, 3, 45, 38),
    ),
    "ResNet-50": (
        lambda: models.resnet50(6, width=4),
        lambda t: t.ResNet(t.Bottleneck, (3, 4, 6, 3), 6, 4), (3, 3, 40, 40),
    ),
    "ResNet-20": (
        models.resnet20, lambda t: t.ResNet(t.BasicBlock, (3, 3, 3), 10, 16, cifar=True, pad=True),
        (2, 3, 15, 16),
    ),
    "ResNet-32, projections": (
        lambda: models.resnet32(shortcut="projection", width=8),
        lambda t: t.ResNet(t.BasicBlock, (5, 5, 5), 10, 8, cifar=True), (2, 3, 12, 12),
    ),
    "network in network": (
        models.NetworkInNetwork, lambda t: t.NetworkInNetwork(10), (1, 3, 13, 12),
    ),
    "GoogLeNet": (lambda: models.GoogLeNet(8), lambda t: t.GoogLeNet(8), (2, 3, 40, 47)),
    "MobileNet v1": (
        lambda: models.MobileNetV1(9, 1 / 8), lambda t: t.MobileNetV1(9, 8), (2, 3, 40, 33),
    ),
    "MobileNet v2": (
        lambda: models.MobileNetV2(9, 0.35), lambda t: t.MobileNetV2(9, 0.35), (2, 3, 40, 33),
    ),
    "EfficientNet": (
        lambda: models.EfficientNet(0.35, 1.1, 9, stochastic_depth_prob=0),
        lambda t: t.EfficientNet(0.35, 1.1, 9), (2, 3, 40, 33),
    ),
    "U-Net": (lambda: models.UNet(2, 3, 4, 3), lambda t: t.UNet(2, 3, 4, 3), (2, 2, 16, 24)),
}  # fmt: skip


def drawn(torch, model, x):
    """The PyTorch model in float64, its numbers such that signals neither vanish nor explode."""
    torch.manual_seed(0)
    model.double()
    for name, p in model.named_parameters():
        if p.ndim > 1:
            torch.nn.init.kaiming_normal_(p, nonlinearity="relu")
        else:
            torch.nn.init.uniform_(p, *((0.5, 1.5) if name.endswith("weight") else (-0.2, 0.2)))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    with torch.no_grad():
        model(x)  # the statistics of the norms
    return model


def require_close(ours, theirs):
    theirs = theirs.detach().numpy()
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=1e-9 * abs(theirs).max())


@pytest.mark.oracle
@pytest.mark.parametrize("name", PAIRS)
def test_names_outputs_and_gradients_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    from tests import torch_models

    build, build_theirs, shape = PAIRS[name]
    x = np.random.default_rng(0).standard_normal(shape)
    theirs = drawn(torch, build_theirs(torch_models), torch.tensor(x))
    state = theirs.state_dict()
    model = build().to(np.float64)
    assert {n: a.shape for n, a in model.state_dict().items()} == {
        n: tuple(a.shape) for n, a in state.items()
    }
    model.load_state_dict(state)

    model.eval()
    theirs.eval()
    with tt.no_grad(), torch.no_grad():
        require_close(model(tt.Tensor(x)), theirs(torch.tensor(x)))

    model.train()
    theirs.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    u, v = tt.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    out, expected = model(u), theirs(v)
    g = np.random.default_rng(1).standard_normal(out.shape)
    out.backward(g)
    expected.backward(torch.tensor(g))
    require_close(out, expected)
    require_close(u.grad, v.grad)
    gradients = {n: p.grad for n, p in theirs.named_parameters()}
    for n, p in model.named_parameters():
        largest = max(float(abs(gradients[n]).max()), 1e-3 * float(abs(g).max()))
        difference = abs(p.grad.numpy() - gradients[n].numpy()).max()
        assert difference <= 1e-8 * largest, n


@pytest.mark.oracle
def test_a_checkpoint_in_a_safetensors_file_loads(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from tests import torch_models

    torch.manual_seed(0)
    theirs = torch_models.ResNet(torch_models.BasicBlock, (2, 2, 2, 2), 10, 8).eval()
    save_file(theirs.state_dict(), tmp_path / "resnet18.safetensors")
    model = models.resnet18(10, width=8).eval()
    model.load_state_dict(tt.load(tmp_path / "resnet18.safetensors"))
    x = np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)
    with tt.no_grad(), torch.no_grad():
        expected = theirs(torch.tensor(x)).numpy()
        np.testing.assert_allclose(model(tt.Tensor(x)).numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("build", "theirs"),
    [
        (models.resnet18, lambda t: t.ResNet(t.BasicBlock, (2, 2, 2, 2), 1000)),
        (models.MobileNetV2, lambda t: t.MobileNetV2(1000)),
        (models.efficientnet_b0, lambda t: t.EfficientNet(1.0, 1.0, 1000)),
        (models.efficientnet_b1, lambda t: t.EfficientNet(1.0, 1.1, 1000)),
        (partial(models.efficientnet_b2, 10), lambda t: t.EfficientNet(1.1, 1.2, 10)),
    ],
)
def test_the_full_networks_have_the_names_and_shapes_of_pytorchs(build, theirs):
    torch = pytest.importorskip("torch")
    from tests import torch_models

    with torch.device("meta"):  # names and shapes, no numbers
        expected = {n: tuple(a.shape) for n, a in theirs(torch_models).state_dict().items()}
    assert {n: a.shape for n, a in build().named_state()} == expected


def test_names_are_those_that_torchvisions_checkpoints_have():
    """Some written out, so that a slip made here and in tests/torch_models.py is found."""
    wanted = {
        (lambda: models.AlexNet(width_mult=1 / 64)): [
            "features.0.weight", "features.10.bias", "classifier.1.weight", "classifier.6.bias",
        ],
        (lambda: models.vgg16(width_mult=1 / 64)): [
            "features.28.weight", "classifier.0.weight", "classifier.6.bias",
        ],
        (lambda: models.vgg16(width_mult=1 / 64, batch_norm=True)): [
            "features.1.running_mean", "features.40.weight",
        ],
        (lambda: models.resnet18(width=2)): [
            "conv1.weight", "bn1.running_var", "layer1.0.conv1.weight",
            "layer2.0.downsample.0.weight", "layer2.0.downsample.1.num_batches_tracked",
            "layer4.1.bn2.bias", "fc.weight",
        ],
        (lambda: models.resnet50(width=2)): ["layer1.0.downsample.0.weight", "layer4.2.bn3.weight"],
        models.GoogLeNet: [
            "conv1.conv.weight", "inception3a.branch1.bn.weight",
            "inception3a.branch2.0.conv.weight", "inception5b.branch4.1.conv.weight", "fc.bias",
        ],
        (lambda: models.MobileNetV2(width_mult=0.1)): [
            "features.0.0.weight", "features.1.conv.0.0.weight", "features.1.conv.1.weight",
            "features.2.conv.2.weight", "features.18.1.running_mean", "classifier.1.weight",
        ],
        (lambda: models.EfficientNet(0.1)): [
            "features.0.0.weight", "features.1.0.block.1.fc1.bias", "features.2.0.block.0.0.weight",
            "features.7.0.block.3.1.running_var", "features.8.0.weight", "classifier.1.bias",
        ],
    }  # fmt: skip
    for build, names in wanted.items():
        held = set(build().state_dict())
        assert set(names) <= held
