"""The classic networks written in PyTorch as torchvision writes them, with its names.

Imported inside tests that need PyTorch. Depths and widths can be smaller than torchvision's.
"""

from __future__ import annotations

import math

import torch
from torch import nn


def conv_norm_activation(n, m, k=3, stride=1, groups=1, activation=nn.ReLU):
    """torchvision.ops.Conv2dNormActivation."""
    layers = [
        nn.Conv2d(n, m, k, stride, (k - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(m),
    ]
    return nn.Sequential(*layers, *([activation()] if activation else []))


def divisible(v, divisor=8):
    """torchvision.models._utils._make_divisible."""
    new = max(divisor, int(v + divisor / 2) // divisor * divisor)
    return new + divisor if new < 0.9 * v else new


# ------------------------------------------------------------------ AlexNet, VGG


class Features(nn.Module):
    """What AlexNet and VGG share: features, avgpool, classifier."""

    def __init__(self, features, size, classifier):
        super().__init__()
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d((size, size))
        self.classifier = nn.Sequential(*classifier)

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def alexnet(classes, a, b, c, d, hidden):
    features = [
        nn.Conv2d(3, a, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(a, b, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(b, c, 3, 1, 1), nn.ReLU(), nn.Conv2d(c, d, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(d, d, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(3, 2),
    ]  # fmt: skip
    classifier = [
        nn.Dropout(), nn.Linear(d * 36, hidden), nn.ReLU(),
        nn.Dropout(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, classes),
    ]  # fmt: skip
    return Features(features, 6, classifier)


VGG_LAYERS = {
    11: [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    13: [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    16: [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"],
    19: [64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"],
}


def vgg(depth, classes, divide, batch_norm=False):
    """Every hidden size divided by `divide`."""
    features, channels, hidden = [], 3, 4096 // divide
    for v in VGG_LAYERS[depth]:
        if v == "M":
            features.append(nn.MaxPool2d(2, 2))
            continue
        features.append(nn.Conv2d(channels, v // divide, 3, padding=1))
        channels = v // divide
        features += [nn.BatchNorm2d(channels), nn.ReLU()] if batch_norm else [nn.ReLU()]
    classifier = [
        nn.Linear(channels * 49, hidden), nn.ReLU(), nn.Dropout(),
        nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(), nn.Linear(hidden, classes),
    ]  # fmt: skip
    return Features(features, 7, classifier)


# ------------------------------------------------------------------ ResNet


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inplanes, planes, stride, downsample):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x):
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inplanes, planes, stride, downsample):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.relu = nn.ReLU()
        self.downsample = downsample

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(out)))))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class PadShortcut(nn.Module):
    """Option A of the paper."""

    def __init__(self, planes):
        super().__init__()
        self.planes = planes

    def forward(self, x):
        quarter = self.planes // 4
        return nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, quarter, quarter))


class ResNet(nn.Module):
    """torchvision's, or with cifar=True the paper's for 32 × 32."""

    def __init__(self, block, layers, classes, width=64, cifar=False, pad=False):
        super().__init__()
        self.inplanes, self.pad = width, pad
        if cifar:
            self.conv1, self.maxpool = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.Identity()
        else:
            self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
            self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.stages = len(layers)
        for i, blocks in enumerate(layers):
            stage = self.make_layer(block, width * 2**i, blocks, 1 if i == 0 else 2)
            setattr(self, f"layer{i + 1}", stage)
        self.fc = nn.Linear(self.inplanes, classes)

    def make_layer(self, block, planes, blocks, stride):
        downsample, out = None, planes * block.expansion
        if stride != 1 or self.inplanes != out:
            downsample = PadShortcut(planes) if self.pad else nn.Sequential(
                nn.Conv2d(self.inplanes, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )  # fmt: skip
        layers = [block(self.inplanes, planes, stride, downsample)]
        self.inplanes = out
        layers += [block(out, planes, 1, None) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for i in range(self.stages):
            x = getattr(self, f"layer{i + 1}")(x)
        return self.fc(x.mean((2, 3)))


# ------------------------------------------------------------------ GoogLeNet


class BasicConv2d(nn.Module):
    def __init__(self, n, m, **options):
        super().__init__()
        self.conv = nn.Conv2d(n, m, bias=False, **options)
        self.bn = nn.BatchNorm2d(m, eps=0.001)

    def forward(self, x):
        return nn.functional.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    def __init__(self, n, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj, kernel_size=3):
        super().__init__()
        k = kernel_size
        self.branch1 = BasicConv2d(n, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            BasicConv2d(n, ch3x3red, kernel_size=1),
            BasicConv2d(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(n, ch5x5red, kernel_size=1),
            BasicConv2d(ch5x5red, ch5x5, kernel_size=k, padding=k // 2),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, 1, 1, ceil_mode=True), BasicConv2d(n, pool_proj, kernel_size=1)
        )

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


INCEPTIONS = {
    "3a": (192, 64, 96, 128, 16, 32, 32), "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64), "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64), "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128), "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}  # fmt: skip


class GoogLeNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1 = BasicConv2d(3, 64, kernel_size=7, stride=2, padding=3)
        self.conv2 = BasicConv2d(64, 64, kernel_size=1)
        self.conv3 = BasicConv2d(64, 192, kernel_size=3, padding=1)
        for name, channels in INCEPTIONS.items():
            setattr(self, f"inception{name}", Inception(*channels))
        self.pool3 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.pool2 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.fc = nn.Linear(1024, classes)

    def forward(self, x):
        x = self.pool3(self.conv3(self.conv2(self.pool3(self.conv1(x)))))
        x = self.pool3(self.inception3b(self.inception3a(x)))
        for letter in "abcde":
            x = getattr(self, f"inception4{letter}")(x)
        x = self.inception5b(self.inception5a(self.pool2(x)))
        return self.fc(x.mean((2, 3)))


# ------------------------------------------------------------------ MobileNet v1 and v2


class MobileNetV1(nn.Module):
    """Not in torchvision: the paper's table, with the names of our own."""

    def __init__(self, classes, divide=1):
        super().__init__()
        widths = [32, 64, 128, 128, 256, 256, 512, *[512] * 5, 1024, 1024]
        strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
        widths = [w // divide for w in widths]
        layers = [conv_norm_activation(3, widths[0], stride=2)]
        for n, m, stride in zip(widths[:-1], widths[1:], strides, strict=True):
            layers.append(
                nn.Sequential(
                    conv_norm_activation(n, n, stride=stride, groups=n),
                    conv_norm_activation(n, m, 1),
                )
            )
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


class InvertedResidual(nn.Module):
    def __init__(self, inp, oup, stride, expand_ratio):
        super().__init__()
        hidden, layers = round(inp * expand_ratio), []
        if expand_ratio != 1:
            layers.append(conv_norm_activation(inp, hidden, 1, activation=nn.ReLU6))
        layers += [
            conv_norm_activation(hidden, hidden, 3, stride, hidden, nn.ReLU6),
            nn.Conv2d(hidden, oup, 1, bias=False),
            nn.BatchNorm2d(oup),
        ]
        self.conv = nn.Sequential(*layers)
        self.skip = stride == 1 and inp == oup

    def forward(self, x):
        return x + self.conv(x) if self.skip else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self, classes, width_mult=1.0):
        super().__init__()
        channels, last = divisible(32 * width_mult), divisible(1280 * max(1.0, width_mult))
        layers = [conv_norm_activation(3, channels, stride=2, activation=nn.ReLU6)]
        for t, c, n, s in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                           (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:  # fmt: skip
            for i in range(n):
                out = divisible(c * width_mult)
                layers.append(InvertedResidual(channels, out, s if i == 0 else 1, t))
                channels = out
        layers.append(conv_norm_activation(channels, last, 1, activation=nn.ReLU6))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


# ------------------------------------------------------------------ EfficientNet


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, squeeze):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeeze, 1)
        self.fc2 = nn.Conv2d(squeeze, channels, 1)

    def forward(self, x):
        scale = nn.functional.silu(self.fc1(self.avgpool(x)))
        return torch.sigmoid(self.fc2(scale)) * x


class MBConv(nn.Module):
    def __init__(self, expand, k, stride, inp, out):
        super().__init__()
        hidden, layers = divisible(inp * expand), []
        if hidden != inp:
            layers.append(conv_norm_activation(inp, hidden, 1, activation=nn.SiLU))
        layers += [
            conv_norm_activation(hidden, hidden, k, stride, hidden, nn.SiLU),
            SqueezeExcitation(hidden, max(1, inp // 4)),
            conv_norm_activation(hidden, out, 1, activation=None),
        ]
        self.block = nn.Sequential(*layers)
        self.skip = stride == 1 and inp == out

    def forward(self, x):
        return x + self.block(x) if self.skip else self.block(x)


class EfficientNet(nn.Module):
    def __init__(self, width, depth, classes):
        super().__init__()
        stages = [(1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2),
                  (6, 3, 2, 40, 80, 3), (6, 5, 1, 80, 112, 3), (6, 5, 2, 112, 192, 4),
                  (6, 3, 1, 192, 320, 1)]  # fmt: skip
        layers = [conv_norm_activation(3, divisible(32 * width), 3, 2, activation=nn.SiLU)]
        for expand, k, stride, inp, out, count in stages:
            inp, out = divisible(inp * width), divisible(out * width)
            blocks = [MBConv(expand, k, stride, inp, out)]
            rest = math.ceil(count * depth) - 1
            blocks += [MBConv(expand, k, 1, out, out) for _ in range(rest)]
            layers.append(nn.Sequential(*blocks))
        layers.append(conv_norm_activation(out, 4 * out, 1, activation=nn.SiLU))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(4 * out, classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


# ------------------------------------------------------------------ LeNet, NiN, U-Net: our names


class LeNet5(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc3, self.fc4 = nn.Linear(400, 120), nn.Linear(120, 84)
        self.output = nn.Linear(84, classes)

    def forward(self, x):
        for conv in (self.conv1, self.conv2):
            x = nn.functional.max_pool2d(torch.relu(conv(x)), 2)
        x = torch.relu(self.fc3(x.flatten(1)))
        return self.output(torch.relu(self.fc4(x)))


class NetworkInNetwork(nn.Module):
    def __init__(self, classes):
        super().__init__()

        def block(n, a, b, c, k):
            return nn.Sequential(
                nn.Conv2d(n, a, k, padding=k // 2), nn.ReLU(), nn.Conv2d(a, b, 1), nn.ReLU(),
                nn.Conv2d(b, c, 1), nn.ReLU(),
            )  # fmt: skip

        self.features = nn.Sequential(
            block(3, 192, 160, 96, 5), nn.MaxPool2d(3, 2, 1), nn.Dropout(),
            block(96, 192, 192, 192, 5), nn.AvgPool2d(3, 2, 1), nn.Dropout(),
            block(192, 192, 192, classes, 3),
        )  # fmt: skip

    def forward(self, x):
        return self.features(x).mean((2, 3))


class UNet(nn.Module):
    def __init__(self, channels, classes, width, depth):
        super().__init__()

        def double(n, m):
            return nn.Sequential(conv_norm_activation(n, m), conv_norm_activation(m, m))

        widths = [width * 2**level for level in range(depth)]
        self.encoder = nn.ModuleList(
            double(n, m) for n, m in zip([channels, *widths], widths, strict=False)
        )
        self.bottom = double(widths[-1], 2 * widths[-1])
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * m, m, 2, 2) for m in widths[::-1])
        self.decoder = nn.ModuleList(double(2 * m, m) for m in widths[::-1])
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        seen = []
        for block in self.encoder:
            seen.append(block(x))
            x = nn.functional.max_pool2d(seen[-1], 2)
        x = self.bottom(x)
        for up, block in zip(self.up, self.decoder, strict=True):
            x = block(torch.cat([seen.pop(), up(x)], 1))
        return self.head(x)
