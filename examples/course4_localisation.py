"""Course 4, week 3: where the object is: a loss that asks only if there is one, and landmarks.

Half of the pictures show an ellipse, and the network says whether there is one, p_c, and where
its four extreme points are: nine numbers, from the head that makes 129 of 64 landmarks. Where
p_c = 0 the other numbers do not matter, and the gradient to them is exactly 0. On new pictures
of 32 × 32 the points are less than a pixel off, and p_c is right in at least 0.98.

    python -m tinygrad_tr.examples.course4_localisation
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim, train, vision
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, curves, saved

Array = np.ndarray[Any, Any]
SIZE, POINTS = 32, 4
BATCH, STEPS, SEED = 32, 1500, 0


def ellipses(m: int, size: int = SIZE, seed: int = 0) -> tuple[Array, Array]:
    """Pictures (m, 1, size, size), half with an ellipse turned by any angle, and targets (m, 9).

    A target is [1, x, y of the upmost point, of the rightmost, the lowest, the leftmost], in
    units of the picture, or zeros. Elsewhere there are lines, so that p_c has to know shapes.
    """
    rng = np.random.default_rng(seed)
    there = rng.random(m) < 0.5
    angle, (a, b) = rng.uniform(0, np.pi, m), rng.uniform([[0.2], [0.1]], [[0.3], [0.18]], (2, m))
    centre = rng.uniform(0.32, 0.68, (m, 2))
    u = np.stack([np.cos(angle), np.sin(angle)], axis=1)  # along the longer half axis, a
    v = np.stack([-np.sin(angle), np.cos(angle)], axis=1)
    # The points of the ellipse are c + M e with |e| = 1; the one furthest along d has e ∥ Mᵀd.
    M = np.stack([a[:, None] * u, b[:, None] * v], axis=2)
    toward = np.array([[0, -1], [1, 0], [0, 1], [-1, 0]])
    e = np.einsum("mij,ki->mkj", M, toward)
    e /= np.linalg.norm(e, axis=2, keepdims=True)
    points = centre[:, None] + np.einsum("mij,mkj->mki", M, e)
    pixel = (np.arange(size) + 0.5) / size
    right, down = pixel - centre[:, 0, None, None], pixel[:, None] - centre[:, 1, None, None]
    along = right * u[:, 0, None, None] + down * u[:, 1, None, None]
    across = right * v[:, 0, None, None] + down * v[:, 1, None, None]
    radius = np.hypot(along / a[:, None, None], across / b[:, None, None])
    inside = np.where(there[:, None, None], radius <= 1, abs(across) < 0.06)
    pictures = rng.uniform(0.4, 1, (m, 1, 1)) * inside
    pictures = pictures + 0.05 * rng.standard_normal(pictures.shape)
    y = np.concatenate([np.ones((m, 1)), points.reshape(m, -1)], axis=1) * there[:, None]
    return pictures.astype(np.float32)[:, None], y.astype(np.float32)


def network() -> nn.Module:
    """(N, 1, 32, 32) -> (N, 9): three convolutions, each pooled, and the head of four landmarks."""
    layers: list[nn.Module] = []
    channels = 1
    for filters in (12, 24, 48):
        conv = nn.Conv2d(channels, filters, 3, padding=1)
        layers.append(nn.Sequential(conv, nn.ReLU(), nn.MaxPool2d(2)))
        channels = filters
    layers += [nn.Flatten(), nn.Linear(48 * 4 * 4, 64), nn.ReLU()]
    return nn.Sequential(*layers, vision.LandmarkHead(POINTS, in_features=64))


def loss_of(z: Any, y: Array) -> Any:
    """Logistic for p_c, squared error for the points where there are any."""
    return vision.localization_loss(z, y, "mixed", coordinates=2 * POINTS)


def learn(steps: int, m: int = 8000, seed: int = SEED) -> tuple[nn.Module, list[float]]:
    """The network after `steps` of Adam on m pictures, and its losses."""
    tt.manual_seed(seed)
    model = network()
    x, y = ellipses(m, seed=seed)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=steps)
    rng = np.random.default_rng(seed)
    losses = []
    for _ in range(steps):
        batch = rng.integers(0, m, BATCH)
        optimizer.zero_grad()
        loss = loss_of(model(tt.from_numpy(x[batch])), y[batch])
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return model, losses


def main(folder: Path = FOLDER, steps: int = STEPS, wanted: float = 1.0) -> Outcome:
    """The loss number by number, then the landmarks of 500 new pictures, `wanted` pixels off."""
    leak = print_loss()
    model, losses = learn(steps)
    x, y = ellipses(500, seed=SEED + 100)
    z = train.predict(model, x)
    there = y[:, 0] == 1
    flags = float(np.mean((z[:, 0] > 0) == there))
    off = SIZE * (z[there, 1:] - y[there, 1:]).reshape(-1, POINTS, 2)
    distances = np.hypot(*np.moveaxis(off, 2, 0))
    print(f"500 new pictures, {there.sum()} with an ellipse: p_c is right in {flags:.1%}")
    for name, d in zip(("upmost", "rightmost", "lowest", "leftmost"), distances.T, strict=True):
        print(f"  {name:9} point: {d.mean():.2f} pixels off, {np.quantile(d, 0.95):.2f} in 95%")
    return Outcome(
        [
            Goal("largest gradient of what does not matter", leak, at_least=0, at_most=0),
            Goal("pixels of 32 off, mean", float(distances.mean()), at_most=wanted),
            Goal("accuracy of p_c", flags, at_least=0.98),
        ],
        [
            plot_landmarks(x, y, z, folder / "localisation-landmarks.png"),
            plot_losses(losses, folder / "localisation-loss.png"),
            *draw_step(folder),
        ],
    )


def print_loss() -> float:
    """Both forms of the loss and their gradients, with an object and without one."""
    y_hat = np.array([0.8, 0.4, 0.6, 0.3, 0.2, 0.1, 0.9, -0.5])
    box = np.array([1, 0.5, 0.7, 0.3, 0.4, 0, 1, 0])
    leak = 0.0
    print("the loss and its gradient     p_c     bx     by     bh     bw     c1     c2     c3")
    print(f"{'ŷ':24}" + "".join(f"{v:7.2f}" for v in y_hat))
    for form in ("squared", "mixed"):
        for y in (box, np.zeros(8)):
            guess = tt.Tensor(y_hat, requires_grad=True)
            loss = vision.localization_loss(guess, y, form)
            (g,) = tt.grad(loss, [guess])
            print(f"{form:8} p_c = {y[0]:g}  L = {loss.item():4.2f}".ljust(24)
                  + "".join(f"{v:7.2f}" for v in g.numpy()))  # fmt: skip
            if y[0] == 0:
                leak = max(leak, float(abs(g.numpy()[1:]).max()))
    print()
    return leak


def plot_landmarks(x: Array, y: Array, z: Array, file: Path, columns: int = 7) -> Path:
    """New pictures, the points found (crosses) and the true ones (rings)."""
    there = y[:, 0] == 1
    chosen = np.concatenate([np.flatnonzero(there)[: 2 * columns - 3], np.flatnonzero(~there)[:3]])
    figure, axes = canvas(columns, rows=2, size=(1.9, 2.1))
    for ax, picture, target, found in zip(axes.flat, x[chosen], y[chosen], z[chosen], strict=True):
        ax.imshow(picture[0], cmap="gray", extent=(0, 1, 1, 0))
        if target[0]:
            ax.scatter(*target[1:].reshape(-1, 2).T, s=70, facecolors="none", edgecolors="gold")
        if found[0] > 0:
            ax.scatter(*found[1:].reshape(-1, 2).T, s=30, marker="x", color="crimson")
        p = 1 / (1 + np.exp(-float(found[0])))
        ax.set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[], title=f"$p_c$ = {p:.3f}")
    figure.suptitle("The four extreme points: found (crosses) and true (rings)")
    return saved(figure, file)


def plot_losses(losses: list[float], file: Path) -> Path:
    """The losses of the training, each the mean of 20 steps."""
    figure, axes = canvas(size=(6, 4))
    smooth = np.convolve(losses, np.full(20, 1 / 20), mode="valid").tolist()
    curves(axes, {"logistic + squared error": smooth}, title="Loss, mean of 20 steps",
           xlabel="step", yscale="log")  # fmt: skip
    return saved(figure, file)


def draw_step(folder: Path) -> list[Path]:
    """The picture of a training step, its layers as frames."""
    tt.manual_seed(SEED)
    x, y = ellipses(4, seed=SEED)
    picture = tt.draw(network(), tt.from_numpy(x), loss=lambda z: loss_of(z, y), depth=1)
    return [picture.save(folder / f"localisation-step.{kind}") for kind in ("svg", "png")]


if __name__ == "__main__":
    print(main())
