"""The networks of the benchmarks in PyTorch, their parameters named as ours."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import relu


class LeNet5(nn.Module):
    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(in_channels, 6, 5), nn.Conv2d(6, 16, 5)
        self.pool = nn.MaxPool2d(2)
        self.fc3, self.fc4 = nn.Linear(400, 120), nn.Linear(120, 84)
        self.output = nn.Linear(84, 10)

    def forward(self, x: Any) -> Any:
        x = self.pool(relu(self.conv1(x)))
        x = self.pool(relu(self.conv2(x)))
        return self.output(relu(self.fc4(relu(self.fc3(torch.flatten(x, 1))))))


class BasicBlock(nn.Module):
    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride > 1:
            shrink = nn.Conv2d(before, channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(shrink, nn.BatchNorm2d(channels))

    def forward(self, x: Any) -> Any:
        z = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(z + (x if self.downsample is None else self.downsample(x)))


def stage(before: int, channels: int, stride: int) -> Any:
    rest = [BasicBlock(channels, channels, 1) for _ in range(2)]
    return nn.Sequential(BasicBlock(before, channels, stride), *rest)


class ResNet20(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1, self.layer2, self.layer3 = stage(16, 16, 1), stage(16, 32, 2), stage(32, 64, 2)
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        x = relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean(dim=(2, 3)))


def normed(before: int, channels: int, kernel: int, groups: int, activation: Any) -> Any:
    """Convolution, norm and activation."""
    padding = kernel // 2
    convolution = nn.Conv2d(before, channels, kernel, 1, padding, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), activation())


class InvertedResidual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = 6 * channels
        self.conv = nn.Sequential(
            normed(channels, hidden, 1, 1, nn.ReLU6),
            normed(hidden, hidden, 3, hidden, nn.ReLU6),
            nn.Conv2d(hidden, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Any) -> Any:
        return x + self.conv(x)


def twice(before: int, channels: int) -> Any:
    return nn.Sequential(
        normed(before, channels, 3, 1, nn.ReLU), normed(channels, channels, 3, 1, nn.ReLU)
    )


class UNet(nn.Module):
    """Two levels down and up."""

    def __init__(self, channels: int, classes: int, width: int) -> None:
        super().__init__()
        one, two, four = width, 2 * width, 4 * width
        self.encoder = nn.ModuleList([twice(channels, one), twice(one, two)])
        self.pool = nn.MaxPool2d(2)
        self.bottom = twice(two, four)
        self.up = nn.ModuleList(
            [nn.ConvTranspose2d(four, two, 2, 2), nn.ConvTranspose2d(two, one, 2, 2)]
        )
        self.decoder = nn.ModuleList([twice(four, two), twice(two, one)])
        self.head = nn.Conv2d(one, classes, 1)

    def forward(self, x: Any) -> Any:
        first = self.encoder[0](x)
        second = self.encoder[1](self.pool(first))
        x = self.bottom(self.pool(second))
        for up, convolve, skip in zip(self.up, self.decoder, (second, first), strict=True):
            x = convolve(torch.cat([skip, up(x)], dim=1))
        return self.head(x)


class LanguageModel(nn.Module):
    """Tokens (N, T) to logits (N·T, V), with some layers between table and logits."""

    def __init__(self, vocabulary: int, width: int, body: Any) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, width)
        self.body, self.head = body, nn.Linear(width, vocabulary)

    def forward(self, tokens: Any) -> Any:
        x = self.body(self.table(tokens))
        x = x[0] if isinstance(x, tuple) else x
        return self.head(x).reshape(-1, self.table.num_embeddings)


class Blocks(nn.Module):
    """Positions, and layers of a transformer in which no step looks ahead."""

    def __init__(self, steps: int, features: int, heads: int, layers: int, inner: int) -> None:
        super().__init__()
        self.mask = nn.Transformer.generate_square_subsequent_mask(steps)
        self.positions = nn.Parameter(torch.zeros(steps, features))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(features, heads, inner, dropout=0.0, batch_first=True)
            for _ in range(layers)
        )

    def forward(self, x: Any) -> Any:
        x = x + self.positions
        for layer in self.layers:
            x = layer(x, src_mask=self.mask, is_causal=True)
        return x
