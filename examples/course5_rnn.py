"""Course 5, week 1: a recurrent network, forward and backward through time.

The same weights are used at every step: a<t> = tanh(W_aa a<t-1> + W_ax x<t> + b_a) and
ŷ<t> = σ(W_ya a<t> + b_y), with a<0> = 0 and examples in columns. Both ways of writing the step,
with two matrices or with one stacked, W_a [a<t-1>; x<t>] + b_a, agree with each other and with
`nn.RNN` to 1e-12. The loss is a sum over the steps, and so is every gradient: what each step
contributes to dW_aa is printed, and adds up to it to 1e-12. Three steps are drawn with their
numbers, the way back from the last to the first, and twelve with the equal ones folded; and the
five types of RNN with their shapes.

    python -m tinygrad_tr.examples.course5_rnn
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F
from tinygrad_tr.tensor import Tensor

Array = np.ndarray[Any, Any]
Matrix = Any  # an array or a Tensor: the equations take both
T = 6  # steps of the sequence whose gradients are taken apart
VOCABULARY, FEATURES = 10_000, 100  # n_x and n_a of the lecture
# The types of RNN: T_x, the step of the first output, T_y.
TYPES = {
    "one to one": (1, 1, 1),
    "one to many": (1, 1, 4),
    "many to one": (4, 4, 1),
    "many to many, equal": (4, 1, 4),
    "many to many, different": (4, 5, 3),
}


def step(a: Matrix, x: Matrix, W_aa: Matrix, W_ax: Matrix, b_a: Matrix) -> Matrix:
    """a<t> = tanh(W_aa a<t-1> + W_ax x<t> + b_a): (n_a, m), (n_x, m) -> (n_a, m)."""
    return np.tanh(W_aa @ a + W_ax @ x + b_a)


def stacked_step(a: Matrix, x: Matrix, W_a: Matrix, b_a: Matrix) -> Matrix:
    """a<t> = tanh(W_a [a<t-1>; x<t>] + b_a), with W_a = [W_aa | W_ax] (n_a, n_a + n_x)."""
    return np.tanh(W_a @ np.concatenate([a, x]) + b_a)


def predict(a: Matrix, W_ya: Matrix, b_y: Matrix) -> Matrix:
    """ŷ<t> = σ(W_ya a<t> + b_y): (n_a, m) -> (n_y, m)."""
    return F.sigmoid(W_ya @ a + b_y)


def step_loss(y_hat: Matrix, y: Matrix) -> Matrix:
    """L<t> = -y log ŷ - (1 - y) log(1 - ŷ), summed over the units and examples."""
    return (-y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)).sum()


def weights(n_a: int, n_x: int, n_y: int, seed: int = 0) -> dict[str, Tensor]:
    """W_aa, W_ax, b_a, W_ya and b_y in float64, drawn small enough that tanh is curved."""
    rng = np.random.default_rng(seed)
    shapes = {"W_aa": (n_a, n_a), "W_ax": (n_a, n_x), "b_a": (n_a, 1),
              "W_ya": (n_y, n_a), "b_y": (n_y, 1)}  # fmt: skip
    return {
        name: Tensor(0.7 * rng.standard_normal(shape), requires_grad=True, name=name)
        for name, shape in shapes.items()
    }


def states(x: Matrix, W_aa: Sequence[Matrix], w: dict[str, Tensor]) -> list[Matrix]:
    """a<1> ... a<T> for x (T, n_x, m); W_aa is the matrix of each step, T times the same one."""
    a, found = np.zeros((len(w["b_a"]), x.shape[2])), []
    for x_t, W in zip(x, W_aa, strict=True):
        a = step(a, x_t, W, w["W_ax"], w["b_a"])
        found.append(a)
    return found


def losses(a: Sequence[Matrix], y: Array, w: dict[str, Tensor]) -> list[Matrix]:
    """L<1> ... L<T>; the loss is their sum. y (T, n_y, m)."""
    y_hat = (predict(a_t, w["W_ya"], w["b_y"]) for a_t in a)
    return [step_loss(guess, y_t) for guess, y_t in zip(y_hat, y, strict=True)]


class Unrolled(nn.Module):
    """All types of RNN: x<1>, x<2> ... (N, K) to outputs (T_y, N, K), from the step `first` on.

    `cells` has the cell of each step. Past the end of x a step reads the output before it.
    """

    def __init__(self, cells: Sequence[nn.RNNCell], head: nn.Linear, first: int = 1) -> None:
        self.cells, self.head, self.first = list(cells), head, first

    def forward(self, x: Sequence[Tensor] | Tensor) -> Matrix:
        a, y, outputs = None, np.zeros_like(x[0]), []
        for t, cell in enumerate(self.cells, start=1):
            a = cell(x[t - 1] if t <= len(x) else y, a)
            a.name = f"a<{t}>"
            if t >= self.first:
                y = self.head(a)
                y.name = f"z<{t}>"
                outputs.append(y)
        return np.stack(outputs)


def main(folder: Path = FOLDER) -> Outcome:
    """Both forms of the step, the gradients taken apart, the pictures, and the types."""
    forms = compare_forms()
    apart = take_gradients_apart()
    reached = print_types()
    return Outcome(
        [
            Goal("two matrices − stacked", forms["stacked"], at_most=1e-12),
            Goal("two matrices − nn.RNN", forms["nn.RNN"], at_most=1e-12),
            Goal("dW_aa − the sum over the steps", apart, at_most=1e-12),
            Goal("types in which the gradient reaches x<1>", reached, len(TYPES), len(TYPES)),
        ],
        [*draw_steps(folder), draw_types(folder / "rnn-types.png")],
    )


def compare_forms() -> dict[str, float]:
    """The largest differences of a<t> between both forms, and between the first and nn.RNN."""
    n, k = FEATURES, VOCABULARY
    print(f"n_a = {n}, n_x = {k:,}: W_aa {(n, n)} and W_ax {(n, k)}, or stacked W_a {(n, n + k)}")
    print(f"  [a<t-1>; x<t>] is {(n + k, 1)}; {n * (n + k):,} weights and {n} biases either way")
    w, m = weights(5, 8, 1), 3
    x = np.random.default_rng(1).standard_normal((T, 8, m))
    two = states(x, [w["W_aa"]] * T, w)
    W_a = np.concatenate([w["W_aa"], w["W_ax"]], axis=1)
    a, stacked = np.zeros((5, m)), []
    for x_t in x:
        a = stacked_step(a, x_t, W_a, w["b_a"])
        stacked.append(a)
    rnn = nn.RNN(8, 5).to(np.float64)
    rnn.load_state_dict({
        "weight_hh_l0": w["W_aa"].numpy(), "weight_ih_l0": w["W_ax"].numpy(),
        "bias_hh_l0": w["b_a"].numpy()[:, 0], "bias_ih_l0": np.zeros(5),  # b_a is their sum
    })  # fmt: skip
    layer, _ = rnn(Tensor(x.swapaxes(1, 2)))
    found = {"stacked": np.stack(stacked), "nn.RNN": np.swapaxes(layer, 1, 2)}
    apart = {name: float(abs(np.stack(two) - other).max().item()) for name, other in found.items()}
    for name, difference in apart.items():
        print(f"  a<1> ... a<{T}> with two matrices and by {name} differ by {difference:.1e}")
    return apart


def take_gradients_apart() -> float:
    """Print what each step contributes to dW_aa; how far their sum is from dW_aa."""
    w, rng = weights(3, 2, 1), np.random.default_rng(2)
    x, y = rng.standard_normal((T, 2, 1)), rng.integers(0, 2, (T, 1, 1)).astype(np.float64)
    tied = states(x, [w["W_aa"]] * T, w)
    (together,) = tt.grad(sum(losses(tied, y, w)), [w["W_aa"]])

    copies = [Tensor(w["W_aa"].numpy(), requires_grad=True) for _ in range(T)]
    a = states(x, copies, w)
    each = losses(a, y, w)
    found = tt.grad(sum(each), [*copies, *a])
    contributions, slopes = found[:T], found[T:]
    print("\nthe same matrix at every step: a copy for each shows who contributes what")
    print("  t     L<t>   ‖∂L/∂a<t>‖   ‖dW_aa from step t‖")
    for t in reversed(range(T)):
        sizes = (np.linalg.norm(g.numpy()) for g in (slopes[t], contributions[t]))
        print(f"  {t + 1}   {each[t].item():.4f}   {next(sizes):10.4f}   {next(sizes):19.4f}")
    apart = float(np.abs(sum(g.numpy() for g in contributions) - together.numpy()).max())
    print(f"  their sum is dW_aa to {apart:.1e}  (at t = 1 it is 0, for a<0> = 0)")
    return apart


def print_types() -> int:
    """The shapes of the five types; in how many of them the last output's gradient reaches x<1>."""
    print("\nthe types of RNN, for 2 sequences of 3 features")
    print("  type                      x           ŷ           ‖∂ŷ<T_y>/∂x<1>‖")
    reached = 0
    for name, (inputs, first, count) in TYPES.items():
        tt.manual_seed(0)
        model = rnn_of_type(inputs, first, count)
        x = tt.randn(inputs, 2, 3, requires_grad=True)
        y = model(x)
        (to_x,) = tt.grad(y[-1].sum(), [x])
        size = float(np.linalg.norm(to_x.numpy()[0]))
        reached += size > 0
        print(f"  {name:<23}   {x.shape}   {y.shape}   {size:.4f}")
    return reached


def rnn_of_type(inputs: int, first: int, count: int, features: int = 3, size: int = 5) -> Unrolled:
    """One cell for all steps; if all of x is read before the first output, another one writes."""
    cell, head = nn.RNNCell(features, size), nn.Linear(size, features)
    steps = first + count - 1
    writer = nn.RNNCell(features, size) if first > inputs else cell
    return Unrolled([cell] * inputs + [writer] * (steps - inputs), head, first)


def three_steps() -> Tensor:
    """The loss of three unrolled steps of one unit, everything in them named."""
    values = {"W_aa": 0.8, "W_ax": 1.0, "b_a": -0.2, "W_ya": 2.0, "b_y": 0.1}
    w = {name: Tensor(value, requires_grad=True, name=name) for name, value in values.items()}
    a: Matrix = Tensor(0.0, name="a<0>")
    each = []
    for t, (x, y) in enumerate(((1.0, 1.0), (-0.5, 0.0), (0.5, 1.0)), start=1):
        a = np.tanh(w["W_aa"] * a + w["W_ax"] * Tensor(x, name=f"x<{t}>") + w["b_a"])
        z = w["W_ya"] * a + w["b_y"]
        loss = F.binary_cross_entropy_with_logits(z, Tensor(y, name=f"y<{t}>"))
        a.name, z.name, loss.name = f"a<{t}>", f"z<{t}>", f"L<{t}>"
        each.append(loss)
    L = each[0] + each[1] + each[2]
    L.name = "L"
    return L


def draw_steps(folder: Path) -> list[Path]:
    """Three steps of one unit, every operation; of two units by cell; and twelve steps folded."""
    tt.manual_seed(1)
    cell, head = nn.RNNCell(2, 2), nn.Linear(2, 2)
    rows = [[1.0, 0.5]], [[-0.5, 1.0]], [[0.5, -1.0]]
    inputs = [Tensor(row, name=f"x<{t}>") for t, row in enumerate(rows, start=1)]

    def loss(z: Tensor) -> Tensor:
        return F.mse_loss(z, np.ones_like(z), reduction="sum")

    pictures = {
        "three-steps": tt.draw(three_steps(), rankdir="TB"),
        "cells": tt.draw(Unrolled([cell] * 3, head), inputs, loss=loss, depth=1),
        "twelve-steps": tt.draw(
            Unrolled([cell] * 12, head, first=12), Tensor(rows * 4), loss=loss, depth=1
        ),
    }
    return [picture.save(folder / f"rnn-{name}.svg") for name, picture in pictures.items()]


def draw_types(file: Path) -> Path:
    """The five types: inputs below, states between, outputs above; dashed what is fed back."""
    figure, axes = canvas(columns=3, rows=2, size=(4.6, 2.2))
    for ax in axes.flat:
        ax.axis("off")
    for ax, (name, (inputs, first, count)) in zip(axes.flat, TYPES.items(), strict=False):
        steps = first + count - 1
        boxes = [(t, 0, f"x<{t}>", "#f3c98b") for t in range(1, inputs + 1)]
        boxes += [(t, 1, f"a<{t}>", "#c9d7e8") for t in range(1, steps + 1)]
        boxes += [(first + i, 2, f"ŷ<{i + 1}>", "#b9d9b0") for i in range(count)]
        arrows = [((t, 0), (t, 1), "-") for t in range(1, inputs + 1)]
        arrows += [((t, 1), (t + 1, 1), "-") for t in range(1, steps)]
        arrows += [((t, 1), (t, 2), "-") for t in range(first, steps + 1)]
        arrows += [((t, 2), (t + 1, 1), "--") for t in range(max(inputs, first), steps)]
        for start, end, style in arrows:
            look = {"arrowstyle": "-|>", "linestyle": style, "shrinkA": 12, "shrinkB": 12}
            ax.annotate("", end, start, arrowprops=look | {"color": "#555"})
        for across, up, text, colour in boxes:
            box = {"boxstyle": "round,pad=0.3", "facecolor": colour, "edgecolor": "#777"}
            ax.text(across, up, text, ha="center", va="center", fontsize=8, bbox=box)
        ax.set_title(name, loc="left")
        ax.set(xlim=(0.4, 7.6), ylim=(-0.4, 2.4))
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
