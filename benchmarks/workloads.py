"""What is measured: a program, which every peer writes in its own way, and its data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Data = dict[str, Any]
Rng = np.random.Generator


@dataclass(frozen=True)
class Workload:
    """One row of the table.

    program    the function of a peer's module that builds the step
    data       makes the arguments of that function, the same for every peer; float32
    tolerance  how far the peers' numbers may lie apart, relative to the largest of an array
    """

    name: str
    title: str
    program: str
    data: Callable[[Rng], Data]
    tolerance: float = 1e-4

    def make(self) -> Data:
        return self.data(np.random.default_rng(0))


def normal(rng: Rng, *shape: int, scale: float = 1.0) -> Any:
    return (scale * rng.standard_normal(shape)).astype(np.float32)


def chain(n: int, blocks: int = 5) -> Callable[[Rng], Data]:
    """Blocks of four operations on n numbers: tanh, · w, sin, + x."""
    return lambda rng: {"x": normal(rng, n), "w": normal(rng, n), "blocks": blocks}


def perceptron(*sizes: int, batch: int, rate: float) -> Callable[[Rng], Data]:
    """A ReLU network with cross-entropy: weights (in, out), He's scale, and one batch."""

    def data(rng: Rng) -> Data:
        pairs = list(pairwise(sizes))
        return {
            "weights": [normal(rng, n, m, scale=(2 / n) ** 0.5) for n, m in pairs],
            "biases": [normal(rng, m, scale=0.1) for _, m in pairs],
            "x": normal(rng, batch, sizes[0]),
            "labels": rng.integers(0, sizes[-1], batch),
            "rate": rate,
        }

    return data


def logistic(features: int, examples: int) -> Callable[[Rng], Data]:
    """One neuron on examples in columns, as the course has its pictures of cats."""
    return lambda rng: {
        "X": rng.random((features, examples), dtype=np.float32),
        "Y": rng.integers(0, 2, (1, examples)).astype(np.float32),
        "w": normal(rng, features, 1, scale=0.01),
        "rate": 1e-3,
    }


def update(rng: Rng) -> Data:
    """A million parameters, a gradient and a learning rate."""
    return {"p": normal(rng, 1_000_000), "g": normal(rng, 1_000_000), "rate": 1e-3}


def normalisation(*shape: int, channels: int, **facts: Any) -> Callable[[Rng], Data]:
    """What is normalised, the gradient of the result, and a weight and a bias per channel."""
    return lambda rng: {
        "x": normal(rng, *shape),
        "g": normal(rng, *shape),
        "weight": normal(rng, channels),
        "bias": normal(rng, channels),
        **facts,
    }


def curvature(rng: Rng) -> Data:
    """Two layers with tanh and the mean squared error, and a direction to curve along."""
    sizes = [(64, 64), (64,), (64, 10), (10,)]
    return {
        "parameters": [normal(rng, *shape, scale=0.1) for shape in sizes],
        "directions": [normal(rng, *shape) for shape in sizes],
        "x": normal(rng, 32, 64),
        "y": normal(rng, 32, 10),
    }


def convolution(batch: int, channels: int, size: int, filters: int) -> Callable[[Rng], Data]:
    """Images, filters of 3 × 3 and biases, and the gradient of the padded convolution."""
    return lambda rng: {
        "x": normal(rng, batch, channels, size, size),
        "g": normal(rng, batch, filters, size, size),
        "weight": normal(rng, filters, channels, 3, 3, scale=(2 / (9 * channels)) ** 0.5),
        "bias": normal(rng, filters, scale=0.1),
    }


def images(
    batch: int, channels: int, size: int, classes: int, rate: float, each_pixel: bool = False
) -> Callable[[Rng], Data]:
    """A batch of images, the class of each or of each pixel, and a learning rate."""

    def data(rng: Rng) -> Data:
        shape = (batch, size, size) if each_pixel else (batch,)
        return {
            "x": normal(rng, batch, channels, size, size),
            "labels": rng.integers(0, classes, shape),
            "rate": rate,
        }

    return data


def text(
    batch: int, steps: int, vocabulary: int, rate: float, **facts: Any
) -> Callable[[Rng], Data]:
    """Tokens (batch, steps), the token that follows each, and a learning rate."""

    def data(rng: Rng) -> Data:
        tokens = rng.integers(0, vocabulary, (batch, steps + 1))
        return {
            "tokens": tokens[:, :-1], "targets": tokens[:, 1:], "vocabulary": vocabulary,
            "rate": rate, **facts,
        }  # fmt: skip

    return data


def word_pairs(vocabulary: int, features: int, pairs: int, negatives: int) -> Callable[[Rng], Data]:
    """Words, a true and some false neighbours of each, and the two tables of vectors."""

    def data(rng: Rng) -> Data:
        truth = np.zeros((pairs, 1 + negatives), np.float32)
        truth[:, 0] = 1
        return {
            "words": rng.integers(0, vocabulary, pairs),
            "others": rng.integers(0, vocabulary, (pairs, 1 + negatives)),
            "truth": truth,
            "tables": [normal(rng, vocabulary, features, scale=0.1) for _ in range(2)],
            "rate": 0.1,
        }

    return data


def parameters_of(shapes: Mapping[str, Sequence[int]]) -> Data:
    """The same parameters for every peer's network that names them so: He's scale."""
    rng = np.random.default_rng(1)
    found = {}
    for name, shape in sorted(shapes.items()):
        if len(shape) > 1:
            found[name] = normal(rng, *shape, scale=(2 / np.prod(shape[1:])) ** 0.5)
        else:
            found[name] = normal(rng, *shape, scale=0.1) + np.float32(name.endswith("weight"))
    return found


WORKLOADS = [
    Workload(
        "scalar", "scalar J = 3(a + bc)", "scalar",
        lambda rng: {"a": 5.0, "b": 3.0, "c": 2.0},
    ),
    Workload("chain-10", "20 elementwise operations, n = 10", "chain", chain(10)),
    Workload("chain-1M", "20 elementwise operations, n = 1,000,000", "chain", chain(1_000_000)),
    Workload(
        "mlp-64", "MLP 64-64-64-10, batch 32, SGD", "perceptron_sgd",
        perceptron(64, 64, 64, 10, batch=32, rate=0.1),
    ),
    Workload(
        "mlp-784", "MLP 784-256-10, batch 128, Adam", "perceptron_adam",
        perceptron(784, 256, 10, batch=128, rate=1e-3), tolerance=1e-3,
    ),
    Workload(
        "mlp-1024", "MLP 784-1024-1024-10, batch 512, Adam", "perceptron_adam",
        perceptron(784, 1024, 1024, 10, batch=512, rate=1e-3), tolerance=1e-3,
    ),
    Workload(
        "logistic", "logistic regression, X (12288, 209), SGD", "logistic",
        logistic(12288, 209),
    ),
    Workload("momentum", "SGD with momentum, 1,000,000 parameters", "momentum", update),
    Workload("rmsprop", "RMSprop update of 1,000,000 parameters", "rmsprop", update),
    Workload("adam", "Adam update of 1,000,000 parameters", "adam", update),
    Workload("adamw", "AdamW update of 1,000,000 parameters", "adamw", update),
    Workload(
        "cross-entropy", "softmax cross-entropy 128 × 1000", "cross_entropy",
        lambda rng: {"logits": normal(rng, 128, 1000), "labels": rng.integers(0, 1000, 128)},
    ),
    Workload(
        "batch-norm", "batch norm 32 × 64 × 16 × 16", "batch_norm",
        normalisation(32, 64, 16, 16, channels=64),
    ),
    Workload(
        "layer-norm", "layer norm 512 × 768", "layer_norm",
        normalisation(512, 768, channels=768),
    ),
    Workload(
        "group-norm", "group norm 32 × 64 × 16 × 16, 8 groups", "group_norm",
        normalisation(32, 64, 16, 16, channels=64, groups=8),
    ),
    Workload(
        "dropout", "dropout 512 × 1024", "dropout",
        # Each peer draws numbers of its own: of ones, the mean is 1 ± 0.0014.
        lambda rng: {"x": np.ones((512, 1024), np.float32), "p": 0.5}, tolerance=0.02,
    ),
    Workload(
        "conv2d", "conv2d 3 × 3, 16 × 64 × 16 × 16 to 64 channels", "conv2d",
        convolution(16, 64, 16, 64),
    ),
    Workload(
        "max-pool", "max-pool 2 × 2, 32 × 64 × 32 × 32", "max_pool",
        lambda rng: {"x": normal(rng, 32, 64, 32, 32), "g": normal(rng, 32, 64, 16, 16)},
    ),
    Workload(
        "lenet", "LeNet-5, 1 × 32 × 32, batch 64, Adam", "lenet",
        images(64, 1, 32, 10, rate=1e-3), tolerance=1e-3,
    ),
    Workload(
        "resnet", "ResNet-20, 3 × 32 × 32, batch 32, SGD with momentum", "resnet",
        images(32, 3, 32, 10, rate=0.01), tolerance=1e-3,
    ),
    Workload(
        "inverted-residual", "3 inverted residual blocks, 32 × 32 × 32, batch 16, SGD",
        "inverted_residuals", images(16, 32, 32, 10, rate=0.01), tolerance=1e-3,
    ),
    Workload(
        "unet", "U-Net 8-16-32, 1 × 64 × 64, batch 8, Adam", "unet",
        images(8, 1, 64, 4, rate=1e-3, each_pixel=True), tolerance=1e-3,
    ),
    Workload(
        "lstm", "character LSTM, 64 characters, 128 units, T 64, batch 32, Adam", "recurrent",
        text(32, 64, 64, rate=1e-3, kind="LSTM", hidden=128), tolerance=1e-3,
    ),
    Workload(
        "gru", "character GRU, 64 characters, 128 units, T 64, batch 32, Adam", "recurrent",
        text(32, 64, 64, rate=1e-3, kind="GRU", hidden=128), tolerance=1e-3,
    ),
    Workload(
        "transformer", "transformer, d 128, 4 heads, 2 layers, T 64, batch 16, Adam", "transformer",
        text(16, 64, 256, rate=1e-3, features=128, heads=4, layers=2, inner=512), tolerance=1e-3,
    ),
    Workload(
        "skip-gram", "skip-gram, 10,000 × 100, batch 512, 5 negatives, SGD", "skip_gram",
        word_pairs(10_000, 100, 512, 5),
    ),
    Workload(
        "embedding", "embedding 10,000 × 100, 4,096 lookups", "embedding",
        lambda rng: {
            "table": normal(rng, 10_000, 100), "ids": rng.integers(0, 10_000, 4096),
            "g": normal(rng, 4096, 100),
        },
    ),
    Workload("hvp", "Hessian-vector product of an MLP loss", "curvature", curvature),
]  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """A program on more and more of something; `data` makes its arguments for a size."""

    name: str
    title: str
    program: str
    sizes: Sequence[int]
    data: Callable[[int], Callable[[Rng], Data]]

    def at(self, size: int) -> Workload:
        return Workload(f"{self.name}@{size}", self.title, self.program, self.data(size), 1e-3)


CURVES = [
    Curve(
        "operations", "operations in a chain, n = 10", "chain",
        (100, 1_000, 10_000, 100_000, 1_000_000), lambda n: chain(10, blocks=n // 4),
    ),
    Curve(
        "batch", "images in a batch of LeNet-5", "lenet", (64, 128, 256, 512, 1024),
        lambda n: images(n, 1, 32, 10, rate=1e-3),
    ),
    Curve(
        "steps", "time steps of the LSTM, batch 16", "recurrent", (64, 128, 256, 512, 1024),
        lambda n: text(16, n, 64, rate=1e-3, kind="LSTM", hidden=128),
    ),
]  # fmt: skip


def chosen(names: Collection[str]) -> list[Workload]:
    """The workloads of these names, or all."""
    return [workload for workload in WORKLOADS if not names or workload.name in names]


def named(name: str) -> Workload:
    """The workload of a name, also of a point of a curve: `batch@64`."""
    curve, at, size = name.partition("@")
    if at:
        (found,) = (known for known in CURVES if known.name == curve)
        return found.at(int(size))
    (workload,) = chosen([name])
    return workload
