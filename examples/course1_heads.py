"""Course 1, week 1: six problems, and the output each of them needs.

The recipe x -> y is the same for a price, a click, an object among 1000, the letters of a sound,
a translation and the places of cars: only the head and its loss differ. A plain network reads
tables, a convolution (course 4) would read pictures, a recurrent network (course 5) sequences,
and a hybrid joins two of them; here all bodies are plain, and a sequence is read step by step.

    python -m tinygrad_tr.examples.course1_heads
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
N, STEPS, LETTERS, WORDS = 8, 6, 29, 50  # examples, length of a sequence, alphabets


class Translator(nn.Module):
    """A vector for each word, and scores of what it may become: (N, T) -> (N, T, words)."""

    def __init__(self, words: int) -> None:
        self.vectors = nn.Parameter(np.random.default_rng(0).standard_normal((words, 16)))
        self.head = nn.Linear(16, words, dtype=np.float64)

    def forward(self, x: Any) -> tt.Tensor:
        return self.head(F.embedding(x, self.vectors))


class Driver(nn.Module):
    """Two encoders, joined: pictures (N, 3, 8, 8) and radar (N, 20) -> places of a car (N, 2)."""

    def __init__(self) -> None:
        self.eye = nn.Sequential(nn.Flatten(), nn.Linear(192, 10, dtype=np.float64), nn.Tanh())
        self.radar = nn.Sequential(nn.Linear(20, 6, dtype=np.float64), nn.Tanh())
        self.head = nn.Linear(16, 2, dtype=np.float64)

    def forward(self, picture: Any, echoes: Any) -> tt.Tensor:
        return self.head(np.concatenate([self.eye(picture), self.radar(echoes)], axis=1))


@dataclass(frozen=True)
class Problem:
    """What goes in, the network, what comes out, and the loss of it."""

    name: str
    data: str
    head: str
    network: nn.Module
    inputs: tuple[Array, ...]
    target: Array
    loss: Callable[[tt.Tensor, Array], tt.Tensor]
    output: tuple[int, ...]


def step_by_step(scores: tt.Tensor, labels: Array) -> tt.Tensor:
    """The mean cross-entropy over all steps: (N, T, C), (N, T) -> ()."""
    return F.cross_entropy(scores.reshape(-1, scores.shape[-1]), labels.ravel())


def mlp(*sizes: int) -> nn.MLP:
    return nn.MLP(sizes, dtype=np.float64)


def problems() -> list[Problem]:
    """The lecture's table, with random data of the right shapes."""
    tt.manual_seed(0)
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal
    pictures = numbers((N, 3, 8, 8))
    objects = nn.Sequential(nn.Flatten(), mlp(192, 32, 1000))
    return [
        Problem("house price", "table", "identity", mlp(4, 8, 1), (numbers((N, 4)),),
                numbers((N, 1)), F.mse_loss, (N, 1)),
        Problem("click on an ad", "table", "sigmoid", mlp(6, 8, 1), (numbers((N, 6)),),
                rng.integers(0, 2, (N, 1)) * 1.0, F.binary_cross_entropy_with_logits, (N, 1)),
        Problem("one of 1000 objects", "image", "softmax", objects, (pictures,),
                rng.integers(0, 1000, N), F.cross_entropy, (N, 1000)),
        Problem("audio to text", "sequence", "softmax per step", mlp(13, 24, LETTERS),
                (numbers((N, STEPS, 13)),), rng.integers(0, LETTERS, (N, STEPS)), step_by_step,
                (N, STEPS, LETTERS)),
        Problem("English to Chinese", "sequence", "softmax per step", Translator(WORDS),
                (rng.integers(0, WORDS, (N, STEPS)),), rng.integers(0, WORDS, (N, STEPS)),
                step_by_step, (N, STEPS, WORDS)),
        Problem("image + radar to cars", "hybrid", "identity", Driver(),
                (pictures, numbers((N, 20))), numbers((N, 2)), F.mse_loss, (N, 2)),
    ]  # fmt: skip


def main(folder: Path = FOLDER) -> Outcome:
    """One forward and backward pass of each problem, as a table, and the picture of the hybrid."""
    table = problems()
    print(f"{'problem':22}{'data':10}{'head':18}{'output':16}{'parameters':>12}{'loss':>8}")
    without_gradient, losses = 0, []
    for p in table:
        out = p.network(*map(tt.from_numpy, p.inputs))
        loss = p.loss(out, p.target)
        loss.backward()
        losses.append(loss.item())
        parameters = list(p.network.parameters())
        without_gradient += sum(q.grad is None or q.grad.shape != q.shape for q in parameters)
        size = sum(q.size for q in parameters)
        print(f"{p.name:22}{p.data:10}{p.head:18}{out.shape!s:16}{size:12,}{loss.item():8.3f}")

    objects = table[2]
    rows = F.softmax(objects.network(tt.from_numpy(objects.inputs[0]))).numpy().sum(axis=1)
    print(f"\nthe probabilities of the 1000 objects add up to {rows.mean():.15f}")

    hybrid = table[-1]
    cars = tt.Tensor(hybrid.target, name="cars")
    drawn = tt.draw(
        hybrid.network, *map(tt.from_numpy, hybrid.inputs), loss=lambda out: F.mse_loss(out, cars)
    )
    files = [drawn.save(folder / name) for name in ("heads-hybrid.svg", "heads-hybrid.png")]
    return Outcome(
        [
            Goal("largest loss", max(losses), 0, 20),
            Goal("parameters without a gradient of their shape", without_gradient, 0, 0),
            Goal("error of the sum of 1000 probabilities", np.abs(rows - 1).max(), 0, 1e-12),
        ],
        files,
    )


if __name__ == "__main__":
    print(main())
