"""Course 5, week 4: a transformer that looks up what it was told, and where it looks.

Five pairs of a letter and a digit, in any order, then one of the letters again: d3 a0 g7 b3 f1 a →
0. Nothing about the pairs can be learned by heart, for they are drawn afresh every time; what can
be learned is to look. Two blocks of four heads, 32 features, with positions and a causal mask,
must name the digit at least 95 times in 100 (chance 12.5), and do so nearly always. The pictures
show each head's weights: in the first block digits look at the letter before them, in the second
the last letter looks at the digit that follows the same letter, which the first block told it.

Also measured: without positions words in another order give the same in that order, with them
not; and with the causal mask what comes later changes nothing that came before.

    python -m tinygrad_tr.examples.course5_transformer
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
LETTERS, DIGITS, PAIRS = "abcdefgh", "01234567", 5
LENGTH = 2 * PAIRS + 1


class Recall(nn.Module):
    """Tokens (N, T) to logits of the digit that follows the last one, (N, 8)."""

    def __init__(self, d_model: int = 32, heads: int = 4, blocks: int = 2) -> None:
        self.embedding = nn.Embedding(len(LETTERS + DIGITS), d_model)
        self.positions = nn.SinusoidalPositions(d_model, LENGTH)
        block = nn.TransformerEncoderLayer(
            d_model, heads, 2 * d_model, dropout=0, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(block, blocks, nn.LayerNorm(d_model))
        for layer in self.encoder.layers:
            layer.self_attn.reset_parameters()  # the copies would all begin alike
        self.out = nn.Linear(d_model, len(DIGITS))

    def forward(self, tokens: Array) -> tt.Tensor:
        x = self.positions(self.embedding(tokens))
        return self.out(self.encoder(x, is_causal=True)[:, -1])


def main(folder: Path = FOLDER, steps: int = 800) -> Outcome:
    """Train, test on fresh pairs, and look at the heads."""
    model, losses = learn(steps)
    tokens, digit = sequences(2000, np.random.default_rng(100))
    said = model(tokens).numpy().argmax(axis=1)
    accuracy = float(np.mean(said == digit))
    for row, answer in zip(tokens[:5], said, strict=False):
        print(f"  {text(row)} → {DIGITS[answer]}")
    print(f"right: {accuracy:.1%} of {len(digit)} new sequences, by chance {1 / len(DIGITS):.1%}")

    first, second = weights_of(model, tokens)
    before = first[:, :, range(1, LENGTH, 2), range(0, LENGTH - 1, 2)].mean(axis=(0, 2)).max()
    place = 2 * (tokens[:, :-1:2] == tokens[:, -1:]).argmax(axis=1) + 1
    found = second[np.arange(len(tokens)), :, -1, place].mean(axis=0).max()
    print(
        f"first block: digits look at the letter before them with weight {before:.2f} (best head)"
    )
    print(f"second block: the last letter looks at its digit with weight {found:.2f} (best head)")
    moved, moved_with, leaked = order_and_time(model)
    print(f"words in another order, without positions: {moved:.1e}; with them: {moved_with:.2f}")
    print(f"what a later word changes in earlier ones, with the causal mask: {leaked:g}")

    return Outcome(
        [
            Goal("right answers", accuracy, at_least=0.95),
            Goal("weight of a digit's letter in the first block", before, at_least=0.5),
            Goal("weight of the digit in the second block", found, at_least=0.5),
            Goal("difference by order, without positions", moved, at_most=1e-5),
            Goal("difference by order, with positions", moved_with, at_least=0.1),
            Goal("what a later word changes earlier", leaked, 0, 0),
        ],
        [
            plot_heads(first[0], second[0], tokens[0], folder / "transformer-heads.png"),
            plot_positions(folder / "transformer-positions.png"),
            plot_loss(losses, folder / "transformer-loss.png"),
            *draw_model_and_block(model, tokens[:1], digit[:1], folder),
        ],
    )


def sequences(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Five pairs of different letters with any digits, and one of the letters: (n, 11), (n,)."""
    letters = rng.permuted(np.tile(np.arange(len(LETTERS)), (n, 1)), axis=1)[:, :PAIRS]
    digits = rng.integers(0, len(DIGITS), (n, PAIRS))
    asked = rng.integers(0, PAIRS, n)
    tokens = np.empty((n, LENGTH), np.int64)
    tokens[:, :-1:2], tokens[:, 1::2] = letters, len(LETTERS) + digits
    tokens[:, -1] = letters[np.arange(n), asked]
    return tokens, digits[np.arange(n), asked]


def text(tokens: Array) -> str:
    signs = "".join((LETTERS + DIGITS)[token] for token in tokens)
    return " ".join(signs[i : i + 2] for i in range(0, LENGTH, 2))


def learn(steps: int, seed: int = 0) -> tuple[Recall, list[float]]:
    tt.manual_seed(seed)
    rng, model, losses = np.random.default_rng(seed), Recall(), []
    optimizer = optim.Adam(model.named_parameters(), lr=3e-3)
    for _ in range(steps):
        tokens, digit = sequences(64, rng)
        loss = F.cross_entropy(model(tokens), digit)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return model, losses


def weights_of(model: Recall, tokens: Array) -> list[Array]:
    """What each head of each block looks at: (N, heads, T, T) for each."""
    found = []
    with tt.no_grad():
        x = model.positions(model.embedding(tokens))
        for layer in model.encoder.layers:
            normed = layer.norm1(x)
            _, weights = layer.self_attn(
                normed, normed, normed, average_attn_weights=False, is_causal=True
            )
            found.append(weights.numpy())
            x = layer(x, is_causal=True)
    return found


def order_and_time(model: Recall) -> tuple[float, float, float]:
    """How much order matters to the encoder without and with positions, and later words earlier."""
    tokens = sequences(4, np.random.default_rng(3))[0]
    order = np.random.default_rng(4).permutation(LENGTH)

    def difference(x: tt.Tensor, y: tt.Tensor) -> float:
        return float(abs(model.encoder(x)[:, order].numpy() - model.encoder(y).numpy()).max())

    def placed(tokens: Array) -> tt.Tensor:
        return model.positions(model.embedding(tokens))

    moved = difference(model.embedding(tokens), model.embedding(tokens[:, order]))
    moved_with = difference(placed(tokens), placed(tokens[:, order]))
    later = tokens.copy()
    later[:, 6:] = (later[:, 6:] + 1) % len(LETTERS + DIGITS)
    y, z = (model.encoder(placed(which), is_causal=True).numpy() for which in (tokens, later))
    return moved, moved_with, float(abs(y[:, :6] - z[:, :6]).max())


def plot_heads(first: Array, second: Array, tokens: Array, file: Path) -> Path:
    """The weights of the heads of both blocks, (heads, T, T) each, on one sequence."""
    signs = list("".join(text(tokens).split()))
    figure, axes = canvas(columns=len(first), rows=2, size=(3, 3))
    for row, heads, name in zip(axes, (first, second), ("first", "second"), strict=True):
        for i, (ax, head) in enumerate(zip(row, heads, strict=True)):
            image = ax.imshow(head, cmap="Blues", vmin=0, vmax=1)
            ax.set_xticks(range(LENGTH), signs)
            ax.set_yticks(range(LENGTH), signs)
            ax.set_title(f"{name} block, head {i + 1}", fontsize=10)
        row[0].set_ylabel("who looks")
    for ax in axes[-1]:
        ax.set_xlabel("at whom")
    figure.colorbar(image, ax=axes, label="weight", shrink=0.6)
    return saved(figure, file)


def plot_positions(file: Path) -> Path:
    """The sines and cosines of 64 positions."""
    figure, ax = canvas(size=(6, 4))
    image = ax.imshow(nn.sinusoidal_positions(64, 32), cmap="coolwarm", aspect="auto")
    ax.set(title="Sinusoidal positions", xlabel="feature", ylabel="position")
    figure.colorbar(image, ax=ax)
    return saved(figure, file)


def plot_loss(losses: list[float], file: Path) -> Path:
    """The loss of each batch, and what guessing costs."""
    figure, ax = canvas(size=(6, 3.5))
    ax.plot(losses, linewidth=0.8)
    ax.axhline(np.log(len(DIGITS)), color="gray", linestyle="--", label="guessing: ln 8")
    ax.set(title="Learning to look things up", xlabel="step", ylabel="cross-entropy")
    ax.legend()
    return saved(figure, file)


def draw_model_and_block(model: Recall, tokens: Array, digit: Array, folder: Path) -> list[Path]:
    """Both passes of the whole with its blocks folded, and the forward pass through one block."""
    whole = tt.draw(
        model, tokens, loss=lambda z: F.cross_entropy(z, digit), depth=2, values="stats"
    )
    x = model.positions(model.embedding(tokens)).detach()
    block = tt.draw(model.encoder.layers[0], x, depth=2, values="stats", passes="forward")
    files = {"transformer.svg": whole, "transformer-block.svg": block}
    return [picture.save(folder / name) for name, picture in files.items()]


if __name__ == "__main__":
    print(main())
