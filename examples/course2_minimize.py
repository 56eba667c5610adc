"""Course 2, week 3: write the forward pass only, and let the framework find the minimum.

J(w) = w² − 10w + 25 = (w − 5)² by Adam from w = 0: the three calls of a training step written
out, the same in one call, and the same with the coefficients as data. All go through the same
numbers, to the last bit, to w = 5. TensorFlow's tape and `minimize` are the course's example.

    python -m tinygrad_tr.examples.course2_minimize
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import optim
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved

Array = np.ndarray[Any, Any]
STEPS = 1000
WAYPOINTS = {1: 0.1, 10: 0.992398, 50: 4.098881, 100: 5.039004, 200: 5.000110, 1000: 5.0}


def start() -> tt.Tensor:
    """w = 0, in float64."""
    return tt.Tensor(np.array(0.0), requires_grad=True, name="w")


def by_hand(steps: int = STEPS) -> Array:
    """w after each step, from w₀ on: forward, backward, step."""
    w = start()
    adam = optim.Adam([w], lr=0.1)
    path = [w.item()]
    for _ in range(steps):
        adam.zero_grad()
        J = w**2 - 10 * w + 25
        J.backward()
        adam.step()
        path.append(w.item())
    return np.array(path)


def forward_only(algorithm: Any = optim.Adam, steps: int = STEPS) -> Array:
    """The same with nothing but the cost written down."""
    w = start()
    optimizer = algorithm([w], lr=0.1)
    path = [w.item()]
    for _ in range(steps):
        optimizer.minimize(lambda: w**2 - 10 * w + 25)
        path.append(w.item())
    return np.array(path)


def with_data(x: tuple[float, ...] = (1.0, -10.0, 25.0)) -> tuple[float, Array]:
    """The same with the coefficients as data, in one call: where w ends, and the costs."""
    w = start()
    costs = optim.minimize(lambda: x[0] * w**2 + x[1] * w + x[2], [w], lr=0.1, steps=STEPS)
    return w.item(), costs


def main(folder: Path = FOLDER) -> Outcome:
    """The path of w in a table and a picture, and the graph of J with its backward pass."""
    path = by_hand()
    end, costs = with_data()
    print("    k        w_k       J(w_k)")
    for k in (0, *WAYPOINTS):
        print(f"{k:5} {path[k]:10.6f} {costs[k]:12.4g}")
    descent = forward_only(optim.SGD, 200)
    agree = np.array_equal(path, forward_only()) and end == path[-1]
    print(f"by hand, in one call, and with data: {'the same bits' if agree else 'not the same'}")

    w = start()
    J = w**2 - 10 * w + 25
    graph = tt.draw(J, names={"w": w, "J": J})
    files = [
        *(graph.save(folder / f"minimize-graph.{suffix}") for suffix in ("svg", "png")),
        plot({"Adam": path, "descent": descent}, folder / "minimize.png"),
    ]
    return Outcome(
        [
            Goal("the three ways agree to the last bit", float(agree), at_least=1),
            *(Goal(f"w after {k} steps", path[k], w_k - 1e-6, w_k + 1e-6)
              for k, w_k in WAYPOINTS.items()),
            Goal("the farthest beyond 5", path.max(), 5.039642 - 1e-6, 5.039642 + 1e-6),
            Goal("descent after 10 steps, 5 − 5·0.8¹⁰", descent[10], 4.463129, 4.463130),
            Goal("J at the end", costs[-1], at_most=1e-14),
        ],
        files,
    )  # fmt: skip


def plot(paths: dict[str, Array], file: Path) -> Path:
    """The way down the parabola, and w step by step."""
    figure, (valley, time) = canvas(columns=2, size=(5.5, 4))
    w = np.linspace(-0.5, 7.5, 200)
    valley.plot(w, (w - 5) ** 2, color="#9aa5b1")
    for (name, path), colour, size in zip(
        paths.items(), ("#f08a24", "#d1495b"), (4, 9), strict=True
    ):
        valley.plot(path, (path - 5) ** 2, "o", color=colour, markersize=size,
                    markerfacecolor="none", label=name)  # fmt: skip
        time.plot(path, color=colour, linewidth=1.8, label=name)
    valley.set(xlabel="w", ylabel="J(w)", title="J(w) = w² − 10w + 25, a point for each step")
    time.axhline(5, color="#9aa5b1", linestyle="--", linewidth=1)
    time.set(xlabel="step k", ylabel="w", title="w after k steps at α = 0.1", xlim=(0, 200))
    for axes in (valley, time):
        axes.grid(alpha=0.25)
        axes.legend()
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
