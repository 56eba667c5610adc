"""Course 4: networks that look at pictures."""

from __future__ import annotations

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, vision
from tinygrad_tr.nn import functional as F
from tinygrad_tr.picture import Picture


def edges() -> Picture:
    x = tt.Tensor([[[[10.0, 10.0, 10.0, 0.0, 0.0, 0.0]] * 6]])
    W = tt.Tensor([[[[1.0, 0.0, -1.0]] * 3]], requires_grad=True)
    edges = F.conv2d(x, W)
    return edges.draw(values="full", images=True)


def convolution_layer() -> Picture:
    tt.manual_seed(0)
    layer = nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU())
    x = tt.Tensor(np.arange(9.0, dtype=np.float32).reshape(1, 1, 3, 3) - 4)
    return tt.draw(layer, x, loss=lambda a: a.sum(), values="full")


def padding_and_stride() -> Picture:
    tt.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding="valid"),
        nn.Conv2d(2, 2, 3, padding="same"),
        nn.Conv2d(2, 4, 3, stride=2),
    )
    return tt.draw(model, tt.rand(1, 1, 9, 9), depth=1, values="none", passes="forward")


def pooling() -> Picture:
    rows = [[1.0, 3.0, 2.0, 1.0], [2.0, 9.0, 1.0, 1.0], [1.0, 3.0, 2.0, 3.0], [5.0, 6.0, 1.0, 2.0]]
    x = tt.Tensor([[rows]], requires_grad=True)
    largest = F.max_pool2d(x, 2)
    return largest.draw(values="full")


def average_pooling() -> Picture:
    rows = [[1.0, 3.0, 2.0, 1.0], [2.0, 9.0, 1.0, 1.0], [1.0, 3.0, 2.0, 3.0], [5.0, 6.0, 1.0, 2.0]]
    x = tt.Tensor([[rows]], requires_grad=True)
    average = F.avg_pool2d(x, 2)
    return average.draw(values="full")


def lenet() -> Picture:
    tt.manual_seed(0)
    model = nn.models.LeNet5(in_channels=1)
    x = tt.rand(1, 1, 32, 32)

    def loss(z: tt.Tensor) -> tt.Tensor:
        return F.cross_entropy(z, [3])

    return tt.draw(model, x, loss=loss, depth=1, values="none", color="grad")


def alexnet() -> Picture:
    tt.manual_seed(0)
    model = nn.models.AlexNet(10, width_mult=1 / 32)
    return tt.draw(model, tt.rand(1, 3, 64, 64), depth=2, values="none", passes="forward")


def vgg() -> Picture:
    tt.manual_seed(0)
    model = nn.models.vgg16(10, width_mult=1 / 32)
    x = tt.rand(1, 3, 32, 32)

    def loss(z: tt.Tensor) -> tt.Tensor:
        return F.cross_entropy(z, [3])

    return tt.draw(model, x, loss=loss, depth=1, values="none", color="grad")


def residual_block() -> Picture:
    class Residual(nn.Module):
        def __init__(self) -> None:
            self.conv1 = nn.Conv2d(2, 2, 3, padding=1)
            self.conv2 = nn.Conv2d(2, 2, 3, padding=1)

        def forward(self, a: tt.Tensor) -> tt.Tensor:
            return F.relu(self.conv2(F.relu(self.conv1(a))) + a)

    tt.manual_seed(0)
    a = tt.rand(1, 2, 5, 5, requires_grad=True)
    return tt.draw(Residual(), a, loss=lambda out: out.sum(), depth=1, values="stats")


def resnet20() -> Picture:
    tt.manual_seed(0)
    model = nn.models.resnet20(width=4)
    x = tt.rand(2, 3, 16, 16)

    def loss(z: tt.Tensor) -> tt.Tensor:
        return F.cross_entropy(z, [3, 7])

    return tt.draw(model, x, loss=loss, depth=2, values="none", color="grad")


def one_by_one() -> Picture:
    tt.manual_seed(0)
    layer = nn.Conv2d(3, 2, 1)
    x = tt.rand(1, 3, 2, 2)
    return tt.draw(layer, x, loss=lambda a: a.sum(), values="full")


def inception() -> Picture:
    tt.manual_seed(0)
    module = nn.models.Inception(6, 2, 3, 4, 1, 2, 2)
    x = tt.rand(1, 6, 8, 8, requires_grad=True)
    return tt.draw(module, x, loss=lambda a: a.mean(), depth=2, values="none", color="grad")


def depthwise_separable() -> Picture:
    tt.manual_seed(0)
    layer = nn.models.DepthwiseSeparableConv2d(3, 5, 3)
    x = tt.rand(1, 3, 6, 6)
    return tt.draw(layer, x, loss=lambda a: a.mean(), values="stats")


def inverted_residual() -> Picture:
    tt.manual_seed(0)
    block = nn.models.InvertedResidual(4, 4, expand=6)
    x = tt.rand(2, 4, 6, 6, requires_grad=True)
    return tt.draw(block, x, loss=lambda a: (a * a).mean(), depth=2, values="none", color="grad")


def squeeze_excitation() -> Picture:
    tt.manual_seed(0)
    block = nn.models.SqueezeExcitation(4, 2)
    x = tt.rand(1, 4, 3, 3, requires_grad=True)
    return tt.draw(block, x, loss=lambda a: a.sum(), depth=1, values="stats")


def mbconv() -> Picture:
    tt.manual_seed(0)
    block = nn.models.MBConv(4, 4)
    x = tt.rand(2, 4, 6, 6, requires_grad=True)
    return tt.draw(block, x, loss=lambda a: (a * a).mean(), depth=2, values="none", color="grad")


def transfer_learning() -> Picture:
    tt.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    layers.requires_grad_(False)
    model = nn.Sequential({"layers": layers, "head": nn.Linear(36, 2)})
    x = tt.rand(2, 1, 8, 8)
    return tt.draw(model, x, loss=lambda z: F.cross_entropy(z, [0, 1]), depth=2, values="stats")


def localisation() -> Picture:
    y = tt.Tensor([[1.0, 0.5, 0.7, 0.3, 0.4, 0.0, 1.0], [0.0, 0, 0, 0, 0, 0, 0]])
    y_hat = tt.Tensor(np.full((2, 7), 0.5), requires_grad=True)
    L = vision.localization_loss(y_hat, y, reduction="sum")
    return L.draw(values="full", rankdir="TB")


def yolo() -> Picture:
    tt.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4))
    x = tt.rand(1, 3, 12, 12)
    boxes, classes = np.array([[0.1, 0.2, 0.5, 0.6]]), np.array([1])
    y = vision.yolo_encode(boxes, classes, grid=3, num_classes=3)[None]

    def loss(z: tt.Tensor) -> tt.Tensor:
        return vision.localization_loss(z.transpose(0, 2, 3, 1), y, "mixed", reduction="sum")

    return tt.draw(model, x, loss=loss, depth=1, values="none", color="grad")


def transposed_convolution() -> Picture:
    x = tt.Tensor([[[[2.0, 1.0], [3.0, 2.0]]]], requires_grad=True)
    W = tt.Tensor([[[[1.0, 2.0, 1.0], [2.0, 0.0, 1.0], [0.0, 2.0, 1.0]]]], requires_grad=True)
    y = F.conv_transpose2d(x, W, stride=2, padding=1, output_padding=1)
    return y.draw(values="full")


def unet() -> Picture:
    tt.manual_seed(0)
    model = nn.models.UNet(1, 2, width=2, depth=2)
    x = tt.rand(1, 1, 8, 8)
    y = np.zeros((1, 8, 8), np.int64)

    def loss(z: tt.Tensor) -> tt.Tensor:
        return F.cross_entropy(z, y)

    return tt.draw(model, x, loss=loss, depth=1, values="none", color="grad")


def siamese() -> Picture:
    tt.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(4, 3), nn.Tanh())
    model = vision.Siamese(encoder)
    x1, x2 = tt.rand(1, 4), tt.rand(1, 4)
    return tt.draw(model, x1, x2, loss=lambda d: d.sum(), depth=2)


def similarity_head() -> Picture:
    f1 = tt.Tensor([[1.0, 0.5, -1.0]], requires_grad=True)
    f2 = tt.Tensor([[0.8, -0.5, -1.2]], requires_grad=True)
    tt.manual_seed(0)
    head = vision.SimilarityHead(3)
    return tt.draw(head, f1, f2, loss=lambda z: F.binary_cross_entropy_with_logits(z, tt.ones(1)))


def triplet_loss() -> Picture:
    anchor = tt.Tensor([[0.6, 0.8]], requires_grad=True)
    positive = tt.Tensor([[0.8, 0.6]], requires_grad=True)
    negative = tt.Tensor([[0.5, 0.9]], requires_grad=True)
    near = ((anchor - positive) ** 2).sum()
    far = ((anchor - negative) ** 2).sum()
    L = F.relu(near - far + 0.2)
    return L.draw(rankdir="TB")


def style_transfer() -> Picture:
    tt.manual_seed(0)
    layer = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.ReLU()).requires_grad_(False)
    content, style = tt.rand(1, 3, 4, 4), tt.rand(1, 3, 4, 4)
    G = tt.rand(1, 3, 4, 4, requires_grad=True)
    with tt.no_grad():
        a_C, a_S = layer(content), layer(style)
    a_G = layer(G)
    J_content = vision.content_cost(a_C, a_G)
    J_style = vision.style_cost(a_S, a_G)
    J = J_content + 1e4 * J_style
    return J.draw(values="stats", rankdir="TB")
