"""Course 4, week 4: neural style transfer, and what the layers of a convolutional network see.

A small network learns to tell which of two photographs a patch comes from, and which way it was
turned. Then it stays as it is, and the picture is what is trained: a pagoda whose deep
activations stay those of the photograph, painted so that channels answer together as they do for
the flower. The cost must fall to a third at least, and the network not move.

    python -m tinygrad_tr.examples.course4_style
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim, vision
from tinygrad_tr.examples.datasets import PHOTOS, photo
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, curves, saved
from tinygrad_tr.nn import functional as F

SIZE, STEPS, TRAINING, SEED = 140, 200, 200, 0
PATCH, BATCH = 32, 32
CONTENT, STYLE = "8", ("1", "3", "6", "8", "11")
ALPHA, BETA, GAMMA = 1.0, 2e6, 0.6

# Of three layers: how many pixels a unit sees, and how far its neighbour is; Course 4, week 4.
SEEN = {"3": (5, 1), "8": (14, 2), "13": (32, 4)}


def network() -> nn.Sequential:
    """Three times two convolutions and a pool, and a classifier of 8 classes."""
    layers: list[nn.Module] = []
    channels = 3
    for width in (16, 32, 64):
        for before in (channels, width):
            convolution = nn.Conv2d(before, width, 3, padding=1)
            nn.init.he_(convolution.weight)
            layers += [convolution, nn.ReLU()]
        layers.append(nn.AvgPool2d(2))
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 8))


def patches(photos: Any, m: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Squares of the photographs (m, 3, 32, 32), turned; y is 4 · photograph + quarter turns."""
    y = rng.integers(0, 4 * len(photos), m)
    corners = rng.integers(0, photos[0].shape[1] - PATCH + 1, (m, 2))
    X = [
        np.rot90(photos[k // 4][:, i : i + PATCH, j : j + PATCH], k % 4, axes=(1, 2))
        for k, (i, j) in zip(y, corners, strict=True)
    ]
    return np.stack(X), y


def train_extractor(photos: Any, steps: int) -> nn.Sequential:
    """The network, after so many batches of patches."""
    rng = np.random.default_rng(SEED)
    model = network()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(steps):
        X, y = patches(photos, BATCH, rng)
        loss = F.cross_entropy(model(tt.Tensor(X)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    X, y = patches(photos, 400, rng)
    with tt.no_grad():
        right = np.mean(model(tt.Tensor(X)).numpy().argmax(axis=1) == y)
    print(f"extractor: {right:.0%} of new patches right, photograph and turn; chance is 12%")
    return model


def main(
    folder: Path = FOLDER, size: int = SIZE, steps: int = STEPS, training: int = TRAINING
) -> Outcome:
    """Train the extractor, transfer, and show the pictures, the costs and what layers see."""
    tt.manual_seed(SEED)
    model = train_extractor([photo(200, name) for name in PHOTOS], training)
    before = {name: value.numpy().copy() for name, value in model.named_parameters()}
    content, style = photo(size, "china"), photo(size, "flower")
    result = vision.transfer(
        model, content, style, content_layer=CONTENT, style_layers=STYLE,
        alpha=ALPHA, beta=BETA, gamma=GAMMA, steps=steps, lr=0.02,
    )  # fmt: skip
    fall = result.total[0] / result.total[-1]
    print("step     content    β · style      total")
    for step in sorted({0, steps // 10, steps // 3, steps - 1}):
        parts = result.content[step], BETA * result.style[step], result.total[step]
        print(f"{step + 1:4}" + "".join(f"{number:13,.0f}" for number in parts))
    moved = max(
        np.abs(value.numpy() - before[name]).max() for name, value in model.named_parameters()
    )
    files = [
        plot_pictures(content, style, result.picture, folder / "style-pictures.png"),
        plot_costs(result, folder / "style-costs.png"),
        plot_what_layers_see(model, style, folder / "style-layers.png"),
        *draw_cost(folder),
    ]
    goals = [
        Goal("J at the beginning / J at the end", fall, at_least=3),
        Goal("largest change of the network", float(moved), at_most=0),
    ]
    return Outcome(goals, files)


def plot_pictures(content: Any, style: Any, made: Any, file: Path) -> Path:
    figure, axes = canvas(3, size=(3.4, 3.6))
    titles = ("content", "style", "content in that style")
    for plot, picture, title in zip(axes, (content, style, made), titles, strict=True):
        plot.imshow(np.moveaxis(picture, 0, 2))
        plot.set_title(title)
        plot.set_axis_off()
    return saved(figure, file)


def plot_costs(result: vision.Transfer, file: Path) -> Path:
    figure, axes = canvas(size=(5.5, 3.6))
    lines = {"α · content": [ALPHA * c for c in result.content],
             "β · style": [BETA * c for c in result.style], "J": result.total}  # fmt: skip
    curves(axes, lines, xlabel="step", ylabel="cost", yscale="log", title="The picture learns")
    return saved(figure, file)


def plot_what_layers_see(model: nn.Module, picture: Any, file: Path, units: int = 8) -> Path:
    """For some units of three layers, the patch of the picture that moves each the most."""
    figure, axes = canvas(units, len(SEEN), size=(1.1, 1.25))
    with tt.no_grad():
        found = vision.activations(model, tt.Tensor(picture[None]), list(SEEN))
    for row, (layer, (width, step)) in zip(axes, SEEN.items(), strict=True):
        answers = found[layer].numpy()[0]
        strongest = np.argsort(answers.max(axis=(1, 2)))[::-1][:units]
        for plot, unit in zip(row, strongest, strict=True):
            at = np.unravel_index(answers[unit].argmax(), answers[unit].shape)
            middle = [step * int(i) + step // 2 for i in at]
            top, left = (min(max(m - width // 2, 0), picture.shape[1] - width) for m in middle)
            plot.imshow(np.moveaxis(picture[:, top : top + width, left : left + width], 0, 2))
            plot.set_xticks([])
            plot.set_yticks([])
        row[0].set_ylabel(f"layer {layer}\n{width} × {width}", fontsize=8)
    figure.suptitle("What moves a unit most: edges and colours first, then parts", fontsize=10)
    return saved(figure, file)


def draw_cost(folder: Path) -> list[Path]:
    """The graph of J of a picture of 6 × 6 and a network of two layers: only G has a gradient."""
    tt.manual_seed(SEED)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()).requires_grad_(False)
    rng = np.random.default_rng(SEED)
    content, style = rng.random((2, 1, 3, 6, 6), dtype=np.float32)
    with tt.no_grad():
        a_C, a_S = model(tt.Tensor(content)), model(tt.Tensor(style))
    G = tt.Tensor(rng.random((1, 3, 6, 6), dtype=np.float32), requires_grad=True, name="G")
    a_G = model(G)
    J = ALPHA * vision.content_cost(a_C, a_G) + 1e4 * vision.style_cost(a_S, a_G)
    picture = tt.draw(J, rankdir="TB")
    return [picture.save(folder / name) for name in ("style-graph.svg", "style-graph.png")]


if __name__ == "__main__":
    print(main())
