"""Course 2, week 1: normalised inputs make a round bowl of a long valley.

The lecture's two features, x₁ from 1 to 1000 and x₂ from 0 to 1, and least squares on them. The
curvature of the cost is millions of times larger one way than the other, so a step short enough
for the one gets nowhere in the other. With mean 0 and variance 1 ten steps are enough, where the
raw features need millions. So it is with ten measurements of 442 diabetes patients. Gradient
descent on a quadratic has a closed form, which counts the steps that nobody would wait for.

    python -m tinygrad_tr.examples.course2_normalising
"""

from __future__ import annotations

from bisect import bisect_left
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, optim
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved

Array = np.ndarray[Any, Any]


class Bowl(NamedTuple):
    """J(w) = (1/2m) ‖Aw − t‖², its minimum, its curvatures and their directions."""

    A: Array
    t: Array
    minimum: Array
    curvatures: Array
    directions: Array

    @property
    def condition(self) -> float:
        """The largest curvature by the smallest."""
        return float(self.curvatures[-1] / self.curvatures[0])

    @property
    def lr(self) -> float:
        """1 / the largest curvature: the longest step that overshoots in no direction."""
        return float(1 / self.curvatures[-1])

    def height(self, step: int) -> float:
        """J − J* after so many steps from w = 0: ½ Σ λᵢ (1 − λᵢ/λ)²ᵏ cᵢ², with λ the largest."""
        start = self.directions.T @ -self.minimum
        shrunk = (1 - self.curvatures * self.lr) ** step * start
        return float(self.curvatures @ shrunk**2 / 2)

    def steps_to(self, share: float, most: int = 10**12) -> int:
        """The steps after which J − J* is that share of what it was."""
        wanted = share * self.height(0)
        return bisect_left(range(most), True, key=lambda step: self.height(step) <= wanted)


def bowl(A: Array, t: Array) -> Bowl:
    """Least squares of t (m,) on the columns of A (m, n)."""
    H = A.T @ A / len(A)
    return Bowl(A, t, np.linalg.lstsq(A, t)[0], *np.linalg.eigh(H))


def with_bias(x: Array) -> Array:
    """A column of ones beside the features, whose weight is b."""
    return np.column_stack([x, np.ones(len(x))])


def descend(shape: Bowl, steps: int) -> Array:
    """Where gradient descent by autograd is before each step and after the last one."""
    w = tt.Tensor(np.zeros(len(shape.minimum)), requires_grad=True)
    optimizer = optim.SGD([w], lr=shape.lr)
    path = [w.numpy().copy()]
    for _ in range(steps):
        optimizer.minimize(lambda: ((shape.A @ w - shape.t) ** 2).mean() / 2)
        path.append(w.numpy().copy())
    return np.array(path)


def lecture(top: float = 1000.0, m: int = 500, seed: int = 0) -> tuple[Array, Array]:
    """x₁ from 1 to `top`, x₂ from 0 to 1, and a target that both contribute to."""
    rng = np.random.default_rng(seed)
    X = rng.uniform([1, 0], [top, 1], (m, 2))
    return X, X @ [3 / top, 3] + 1 + 0.1 * rng.standard_normal(m)


def patients() -> tuple[Array, Array]:
    """Age, sex, body mass, blood pressure and six blood values, as measured: X (442, 10)."""
    from sklearn.datasets import load_diabetes

    X, t = load_diabetes(return_X_y=True, scaled=False)
    return X, t


def main(folder: Path = FOLDER, share: float = 1e-6) -> Outcome:
    """Both data sets, raw and normalised: a table, the paths, and the heights."""
    bowls: dict[str, Bowl] = {}
    for name, (X, t) in {"lecture": lecture(), "diabetes": patients()}.items():
        Z = data.Normalizer().fit(X).transform(X)
        bowls[name] = bowl(with_bias(X), t)
        bowls[f"{name}, normalised"] = bowl(with_bias(Z), t)
    steps = {name: shape.steps_to(share) for name, shape in bowls.items()}
    print(f"{'':24}condition   steps until J − J* is {share:g} of what it was")
    for name, shape in bowls.items():
        print(f"{name:24}{shape.condition:9.3g}   {steps[name]:,}")

    round_one = bowls["lecture, normalised"]
    path = descend(round_one, 10)
    heights = [np.square(round_one.A @ w - round_one.t).mean() / 2 for w in path]
    least = np.square(round_one.A @ round_one.minimum - round_one.t).mean() / 2
    expected = [round_one.height(step) for step in range(11)]
    error = float(np.abs(heights - least - expected).max())
    left = float((heights[-1] - least) / (heights[0] - least))
    print(f"ten steps by autograd leave {left:.1e} of J − J*; the closed form is {error:.0e} off")
    return Outcome(
        [
            Goal("condition, raw", bowls["lecture"].condition, 5e6, 8e6),
            Goal("condition, normalised", round_one.condition, 1, 1.3),
            Goal("steps, raw", steps["lecture"], at_least=200_000),
            Goal("steps, normalised", steps["lecture, normalised"], at_most=10),
            Goal("left after ten steps by autograd", left, at_most=share),
            Goal("closed form is off by", error, at_most=1e-12),
            Goal("diabetes: times fewer steps", steps["diabetes"] / steps["diabetes, normalised"],
                 at_least=1000),
        ],
        [plot(bowls, folder / "normalising-bowls.png")],
    )  # fmt: skip


def plot(bowls: dict[str, Bowl], file: Path) -> Path:
    """The paths on a valley and on a round bowl, and J − J* against the steps."""
    figure, axes = canvas(columns=3, size=(5, 4.2))
    X, t = lecture(top=5)  # with 1000 the valley would be too thin to be seen
    t = t - t.mean()
    centred, Z = X - X.mean(axis=0), data.Normalizer().fit(X).transform(X)
    draw_path(axes[0], bowl(centred, t), "x₁ from 1 to 5, x₂ from 0 to 1")
    draw_path(axes[1], bowl(Z, t), "both normalised")
    places = np.unique(np.logspace(0, 8, 200).astype(int))
    for name, shape in bowls.items():
        style = "-" if "normalised" in name else "--"
        heights = np.array([shape.height(step) / shape.height(0) for step in places])
        axes[2].loglog(places, np.maximum(heights, 1e-12), style, label=name)
    axes[2].set(xlabel="step", ylabel="J − J*, as a share of the first", ylim=(1e-7, 100),
                title="How far there is to go")  # fmt: skip
    axes[2].legend(loc="upper right", ncols=2, fontsize="small")
    return saved(figure, file)


def draw_path(axes: Any, shape: Bowl, title: str) -> None:
    """The contours around the minimum, and 25 steps from w = 0."""
    path, middle = descend(shape, 25), shape.minimum
    reach = 1.25 * np.abs(middle).max()
    across = np.linspace(middle[0] - reach, middle[0] + reach, 120)
    up = np.linspace(middle[1] - reach, middle[1] + reach, 120)
    offsets = np.stack(np.meshgrid(across, up), axis=-1) - middle
    heights = ((offsets @ shape.directions) ** 2 @ shape.curvatures) / 2
    axes.contour(across, up, heights, levels=heights.max() * np.linspace(0.05, 1, 9) ** 2,
                 cmap="Blues_r", linewidths=0.8)  # fmt: skip
    axes.plot(*path.T, "o-", color="tab:red", markersize=3, linewidth=1)
    axes.plot(*middle, "k*", markersize=10)
    axes.set(title=title, xlabel="w₁", ylabel="w₂", aspect="equal")


if __name__ == "__main__":
    print(main())
