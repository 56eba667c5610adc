"""Course 5, week 4: self-attention, with every number of a sentence of three words drawn.

Each word asks a question, its query q = W^Q x, and offers a key k and a value v. Its new vector is
the mean of all values, weighted by softmax(q·k/√d): how well each key answers the question. The
picture shows both passes for "Ece Van'ı gezdi" (Ece visited Van), with two features a word. Then
the numbers: the weights of the course's formula with and without √d, and why there is a √d (the
variance of q·k is d, and a softmax of large numbers learns nothing); words in another order give
the same vectors in that order, to the last digits; four heads one by one are the four heads of
nn.MultiheadAttention.

    python -m tinygrad_tr.examples.course5_self_attention
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
WORDS = ["Ece", "Van'ı", "gezdi"]
X = [[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]  # who, where, and the verb
W_Q = [[-2.0, 0.0], [0.0, -2.0]]  # nouns look for what is most unlike them, and so does the verb
W_K = [[1.0, 0.0], [0.0, 1.0]]
W_V = [[1.0, 0.0], [0.0, 3.0]]
SIZES = (4, 64, 512)


def main(folder: Path = FOLDER, pairs: int = 20_000) -> Outcome:
    """Draw one sentence, then measure."""
    x = tt.Tensor(X, requires_grad=True, name="X")
    weights, out = self_attention(x, *map(parameter, ("W_Q", "W_K", "W_V"), (W_Q, W_K, W_V)))
    print(f"how much each word of {' '.join(WORDS)!r} takes of each")
    print_table(weights.numpy(), WORDS)
    loss = out.sum()
    loss.name = "L"
    picture = loss.draw(rankdir="TB")

    plain, scaled = (course_example(scale) for scale in (1.0, None))
    print(f"q = (1, 0), keys (1, 0) and (0, 1), values 1 and 2: softmax(q·k) = {plain[0]}")
    print(f"  output {plain[1]:.6f}; with √d_k: {scaled[0]}, output {scaled[1]:.6f}")

    rows = [spread(d, pairs) for d in SIZES]
    print("\n   d    Var(q·k)   Var(q·k/√d)   largest of 10 weights   its slope")
    for d, row in zip(SIZES, rows, strict=True):
        print("{:4d}   {:9.3f}   {:11.4f}   {:9.3f} → {:<9.3f}   {:.4f} → {:.4f}".format(d, *row))

    moved, apart = order_and_heads()
    print(f"\nwords in another order: outputs differ from the others' order by {moved:.1e}")
    print(f"four heads one by one and side by side differ by {apart:.1e}")
    return Outcome(
        [
            Goal("weight of the first value, without √d", plain[0][0], 0.731058, 0.731060),
            Goal("output without √d", plain[1], 1.268940, 1.268942),
            Goal("weight of the first value, with √d", scaled[0][0], 0.669761, 0.669763),
            Goal("output with √d", scaled[1], 1.330237, 1.330239),
            *(
                Goal(f"Var(q·k)/d for d = {d}", row[0] / d, 0.9, 1.1)
                for d, row in zip(SIZES, rows, strict=True)
            ),
            Goal("Var(q·k/√d) for d = 512", rows[-1][1], 0.9, 1.1),
            Goal("times as steep with √d, for d = 512", rows[-1][5] / rows[-1][4], at_least=2),
            Goal("another order is another order of the same", moved, at_most=1e-12),
            Goal("heads one by one are heads side by side", apart, at_most=1e-12),
        ],
        [
            picture.save(folder / "self-attention.svg"),
            picture.save(folder / "self-attention.png"),
            plot_scaling(folder / "self-attention-scaling.png"),
        ],
    )


def parameter(name: str, rows: list[list[float]]) -> tt.Tensor:
    return tt.Tensor(rows, requires_grad=True, name=name)


def self_attention(
    x: tt.Tensor, w_q: tt.Tensor, w_k: tt.Tensor, w_v: tt.Tensor
) -> tuple[tt.Tensor, tt.Tensor]:
    """softmax(Q Kᵀ/√d), (words, words), and its product with V, step by step for the picture."""
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    q.name, k.name, v.name = "Q", "K", "V"
    scores = q @ k.T / np.sqrt(np.float32(q.shape[-1]))
    scores.name = "Q Kᵀ/√d"
    weights = tt.softmax(scores)
    weights.name = "weights"
    out = weights @ v
    out.name = "A"
    return weights, out


def course_example(scale: float | None) -> tuple[Array, float]:
    """The weights and the output for one query, two keys and two values."""
    q, k = np.array([[1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    values = np.array([[1.0], [2.0]])
    weights = F.attention_weights(tt.Tensor(q), k, scale=scale).numpy()[0]
    out = F.scaled_dot_product_attention(tt.Tensor(q), k, values, scale=scale)
    return weights.round(6), out.item()


def spread(d: int, pairs: int) -> tuple[float, ...]:
    """Of normal q and k: Var(q·k) and Var(q·k/√d), and what softmax makes of ten of each.

    The last four: the largest weight and its slope a(1 − a), without √d and with it, on average.
    """
    rng = np.random.default_rng(0)
    dots = np.sum(rng.standard_normal((pairs, d)) * rng.standard_normal((pairs, d)), axis=1)
    found = []
    for scores in (dots, dots / np.sqrt(d)):
        largest = tt.softmax(tt.Tensor(scores.reshape(-1, 10))).numpy().max(axis=1)
        found.append((largest.mean(), (largest * (1 - largest)).mean()))
    (a, slope), (a_scaled, slope_scaled) = found
    return dots.var(), (dots / np.sqrt(d)).var(), a, a_scaled, slope, slope_scaled


def order_and_heads() -> tuple[float, float]:
    """How far attention is from not minding the order, and its heads from heads one by one."""
    tt.manual_seed(0)
    layer = nn.MultiheadAttention(16, 4, batch_first=True).to(np.float64)
    rng = np.random.default_rng(0)
    words, order = rng.standard_normal((1, 6, 16)), rng.permutation(6)

    def attend(x: Array) -> Array:
        t = tt.Tensor(x)
        return layer(t, t, t, need_weights=False)[0].numpy()

    out = attend(words)
    moved = float(abs(attend(words[:, order]) - out[:, order]).max())
    state = layer.state_dict()
    heads = []
    for i in range(4):  # rows 4i to 4i + 4 of each third make the head's query, key and value
        thirds = np.split(state["in_proj_weight"], 3)
        q, k, v = (tt.Tensor(words @ third[4 * i : 4 * i + 4].T) for third in thirds)
        heads.append(F.scaled_dot_product_attention(q, k, v).numpy())
    joined = np.concatenate(heads, axis=-1) @ state["out_proj.weight"].T
    return moved, float(abs(joined - out).max())


def print_table(weights: Array, words: list[str]) -> None:
    print("  " + " " * 8 + "".join(f"{word:>8}" for word in words))
    for word, row in zip(words, weights, strict=True):
        print(f"  {word:<8}" + "".join(f"{a:8.3f}" for a in row))


def plot_scaling(file: Path) -> Path:
    """The weights of one query on ten keys, for three lengths of vectors."""
    rng = np.random.default_rng(1)
    figure, axes = canvas(columns=len(SIZES), size=(3.2, 3))
    for ax, d in zip(axes, SIZES, strict=True):
        scores = rng.standard_normal((10, d)) @ rng.standard_normal(d)
        for shift, values, label in ((-0.2, scores, "q·k"), (0.2, scores / np.sqrt(d), "q·k/√d")):
            ax.bar(np.arange(10) + shift, tt.softmax(tt.Tensor(values)).numpy(), 0.4, label=label)
        ax.set(title=f"d = {d}", xlabel="key", ylim=(0, 1.05), xticks=range(10))
    axes[0].set_ylabel("weight")
    axes[0].legend()
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
