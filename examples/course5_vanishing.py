"""Course 5, week 1: gradients that vanish and explode on their way back through time.

"The cat, which already ate ..., was full": the verb depends on a word long ago. The gradient of a
linear RNN with one unit is multiplied by w at every step on its way back: over 40 steps 0.9 leaves
0.015 of it, 1.1 makes it 45. In a task where the first token, 40 steps ago, decides the answer,
gates that begin open carry the gradient back, and GRU and LSTM learn it with an accuracy of at
least 0.95 for every seed; the plain RNN, which learns it over 10 steps, stays below 0.9 for one
seed or more. And a linear RNN with W = 3I over 100 steps has a gradient of norm 8.77e94: one step
along it and the cost is NaN. Cut to norm 1, each step moves W by 0.01 and the cost falls.

    python -m tinygrad_tr.examples.course5_vanishing
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, curves, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
UNITS, ANSWERS, FILLERS, BATCH = 16, 2, 4, 32
TOKENS = ANSWERS + FILLERS
# The layer, and the bias at which the gates of some blocks of its weights begin. u of `nn.GRU` and
# the LSTM's forget gate keep the state, where they are open; the LSTM's input gate lets new things
# in. A GRU whose r is always open is the simple one.
NETWORKS: dict[str, tuple[Callable[..., Any], dict[int, float]]] = {
    "plain RNN": (nn.RNN, {}),
    "simple GRU": (nn.GRU, {0: 30, 1: 3}),
    "GRU": (nn.GRU, {1: 3}),
    "LSTM": (nn.LSTM, {0: -2, 1: 3}),
}
START = np.array([0.3, 0, 0])  # a⁽¹⁾ of the linear RNN


# ------------------------------------------------------------------ one unit


def power(w: float, T: int) -> float:
    """da⁽ᵀ⁾/da⁽¹⁾ of a⁽ᵗ⁾ = w a⁽ᵗ⁻¹⁾, by the way back through T − 1 steps."""
    first = tt.Tensor(1.0, requires_grad=True, dtype=np.float64)
    a = first
    for _ in range(T - 1):
        a = w * a
    return tt.grad(a, first)[0].item()


# ------------------------------------------------------------------ the memory task


class Reader(nn.Module):
    """One-hot tokens (T, N, tokens) to the logits (N, answers) of which token was the first."""

    def __init__(self, name: str, seed: int = 0) -> None:
        layer, starts = NETWORKS[name]
        generator = np.random.default_rng(seed)
        self.layer = layer(TOKENS, UNITS, generator=generator)
        self.head = nn.Linear(UNITS, ANSWERS, generator=generator)
        for block, bias in starts.items():
            gate = slice(block * UNITS, (block + 1) * UNITS)
            for parameter, value in ((self.layer.bias_ih_l0, bias), (self.layer.bias_hh_l0, 0)):
                biases = parameter.numpy().copy()
                biases[gate] = value
                parameter.assign(biases)

    def forward(self, x: Any) -> tt.Tensor:
        outputs, _ = self.layer(x)
        logits: tt.Tensor = self.head(outputs[-1])
        return logits


def sequences(n: int, distance: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """The first token is the answer (n,), `distance` others follow: one-hot (T, n, tokens)."""
    y = rng.integers(0, ANSWERS, n)
    others = rng.integers(ANSWERS, TOKENS, (distance, n))
    return np.eye(TOKENS, dtype=np.float32)[np.vstack([y, others])], y


class Lesson(NamedTuple):
    """How many of 500 new sequences a trained network gets right, and of every training batch."""

    accuracy: float
    history: list[float]


def learn(name: str, distance: int, steps: int, seed: int) -> Lesson:
    """Train with Adam on new sequences at every step."""
    model, rng = Reader(name, seed), np.random.default_rng(seed)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    history = []
    for _ in range(steps):
        x, y = sequences(BATCH, distance, rng)
        optimizer.zero_grad()
        logits = model(tt.from_numpy(x))
        F.cross_entropy(logits, y).backward()
        optimizer.step()
        history.append(float(np.mean(logits.numpy().argmax(axis=1) == y)))
    x, y = sequences(500, distance, rng)
    with tt.no_grad():
        guess = model(tt.from_numpy(x)).numpy().argmax(axis=1)
    return Lesson(float(np.mean(guess == y)), history)


def gradient_norms(name: str, distance: int, seed: int = 0) -> Array:
    """Before training: the norm of the loss's gradient at each step, the last step first."""
    x, y = sequences(BATCH, distance, np.random.default_rng(seed))
    leaf = tt.Tensor(x.astype(np.float64), requires_grad=True)
    loss = F.cross_entropy(Reader(name, seed).to(np.float64)(leaf), y)
    return np.linalg.norm(tt.grad(loss, leaf)[0].numpy(), axis=(1, 2))[::-1]


# ------------------------------------------------------------------ explosion


def linear_cost(W: tt.Tensor, T: int = 100) -> tt.Tensor:
    """‖a⁽ᵀ⁾‖²/2 of a⁽ᵗ⁾ = W a⁽ᵗ⁻¹⁾. For W = wI the gradient is (T − 1) w²ᵀ⁻³ a⁽¹⁾a⁽¹⁾ᵀ."""
    a: Any = START
    for _ in range(T - 1):
        a = W @ a
    return a @ a / 2


def descend(steps: int, max_norm: float) -> tuple[list[float], list[float], float]:
    """Costs, gradient norms before clipping, and how far the first step of SGD moved W = 3I."""
    W = nn.Parameter(3 * np.eye(3))
    optimizer = optim.SGD([W], lr=0.01)
    costs, norms, moved = [], [], 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps):
            optimizer.zero_grad()
            cost = linear_cost(W)
            cost.backward()
            costs.append(cost.item())
            norms.append(nn.utils.clip_grad_norm_(W, max_norm))
            optimizer.step()
            if step == 0:
                moved = float(np.linalg.norm(W.numpy() - 3 * np.eye(3)))
    return costs, norms, moved


# ------------------------------------------------------------------ all of it


def main(folder: Path = FOLDER, steps: int = 200, distance: int = 40) -> Outcome:
    """Powers, gradients against distance, the memory task for three seeds, and the explosion."""
    slopes = {(w, T): power(w, T) for w in (0.9, 1.1) for T in (11, 41)}
    print("one unit: da<T>/da<1> = w^(T−1)")
    for (w, T), slope in slopes.items():
        print(f"  w = {w}, T = {T}: {slope:10.6g}")
    norms = {name: gradient_norms(name, distance) for name in NETWORKS}
    print(f"gradient before training, over {distance} steps / at the last step")
    for name, values in norms.items():
        print(f"  {name:10} {values[-1] / values[0]:10.2e}")
    lessons = {name: [learn(name, distance, steps, s) for s in range(3)] for name in NETWORKS}
    near = [learn("plain RNN", 10, steps, seed) for seed in range(3)]
    print(f"memory task after {steps} steps, accuracy for three seeds")
    for name, rows in {"plain RNN, 10": near, **lessons}.items():
        print(f"  {name:13} " + "  ".join(f"{row.accuracy:.3f}" for row in rows))
    cut, free = descend(300, max_norm=1.0), descend(2, max_norm=np.inf)
    print(f"linear RNN, W = 3I, T = 100: gradient norm {free[1][0]:.4g}")
    for name, (costs, _, moved) in (("as it is", free), ("clipped to 1", cut)):
        print(f"  {name:13} W moves by {moved:.3g}, cost {costs[0]:.3g} → {costs[1]:.3g}")
    worst = {name: min(row.accuracy for row in rows) for name, rows in lessons.items()}
    exact = 99 * 3.0**197 * (START @ START)
    return Outcome(
        [
            *(Goal(f"{w}^{T - 1}", slope, w ** (T - 1) * (1 - 1e-12), w ** (T - 1) * (1 + 1e-12))
              for (w, T), slope in slopes.items()),
            *(Goal(f"{name} over {distance} steps, worst seed", worst[name], at_least=0.95)
              for name in NETWORKS if name != "plain RNN"),
            Goal(f"plain RNN over {distance} steps, worst seed", worst["plain RNN"], at_most=0.9),
            Goal("plain RNN over 10 steps, worst seed", min(row.accuracy for row in near),
                 at_least=0.95),
            Goal("gradient norm / (99 · 3^197 · 0.09)", free[1][0] / exact, 1 - 1e-9, 1 + 1e-9),
            Goal("finite costs after a step as it is", np.isfinite(free[0][1]), 0, 0),
            Goal("the cost after a clipped step / before", cut[0][1] / cut[0][0], at_most=0.6),
            Goal("how far a clipped step goes", cut[2], 0.0099999, 0.01),
        ],
        [
            plot(norms, lessons, cut, free, folder / "vanishing.png"),
            *draw_powers(folder),
        ],
    )  # fmt: skip


def plot(
    norms: dict[str, Array], lessons: dict[str, list[Lesson]], cut: Any, free: Any, file: Path
) -> Path:
    """Gradients against distance, accuracy while learning, and the cost with and without clip."""
    figure, (distances, learning, explosion) = canvas(columns=3, size=(5, 4))
    colours = dict(zip(norms, ("tab:red", "tab:olive", "tab:green", "tab:blue"), strict=True))
    for name, values in norms.items():
        distances.plot(values / values[0], label=name, color=colours[name])
    steps = np.arange(len(norms["GRU"]))
    for w in (0.9, 1.1):
        distances.plot(steps, w**steps, color="grey", linestyle=":")
        distances.annotate(f"{w}ᵈ", (steps[-1], w ** steps[-1]), xytext=(3, 0),
                           textcoords="offset points", color="grey", va="center")  # fmt: skip
    distances.set(title="Before training: the gradient d steps back", xlabel="distance d",
                  ylabel="norm / norm at the last step", yscale="log", ylim=(1e-12, 1e3),
                  xlim=(-1, len(steps) + 4))  # fmt: skip
    distances.legend()
    means = {
        name: np.convolve(
            np.mean([row.history for row in rows], axis=0), np.full(10, 0.1), mode="valid"
        ).tolist()
        for name, rows in lessons.items()
    }
    curves(learning, means, title="What was the first token, 40 steps ago?", xlabel="step",
           ylabel="accuracy, mean of three seeds and 10 steps", ylim=(0.4, 1.02))  # fmt: skip
    for line in learning.lines:
        line.set_color(colours[line.get_label()])
    learning.legend(loc="upper right", bbox_to_anchor=(1, 0.9))
    costs, before, _ = cut
    explosion.semilogy(costs, label="cost, gradient cut to norm 1", color="tab:blue")
    explosion.semilogy(before, label="its norm before the cut", color="tab:blue", linestyle=":")
    top = 1e130
    explosion.semilogy([0, 6], [free[0][0], top], color="tab:red", label="cost, gradient as it is")
    explosion.annotate("∞ or NaN", (6, top), xytext=(8, -4), textcoords="offset points",
                       color="tab:red", va="top")  # fmt: skip
    explosion.plot(6, top, "^", color="tab:red", clip_on=False)
    explosion.set(title="A linear RNN with W = 3I, T = 100", xlabel="step", ylim=(1e-6, top))
    explosion.legend(loc="upper right", bbox_to_anchor=(1, 0.9))
    return saved(figure, file)


def draw_powers(folder: Path) -> list[Path]:
    """Five steps of one unit with w = 3: from right to left the gradient trebles at each."""
    a = [tt.Tensor(1.0, requires_grad=True)]
    for _ in range(5):
        a.append(3 * a[-1])
    picture = tt.draw(a[-1], names={f"a<{t}>": step for t, step in enumerate(a, start=1)})
    return [picture.save(folder / f"vanishing-powers.{kind}") for kind in ("svg", "png")]


if __name__ == "__main__":
    print(main())
