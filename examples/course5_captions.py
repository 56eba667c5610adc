"""Course 5, week 3: a network looks at a picture and says what is on it, in English and Turkish.

A small convolutional network makes a vector of 48 numbers of a picture with two figures, and a GRU
says from there, word by word: "a square and a cross", "iki halka". It is the decoder that could
follow a sentence as well; only its first state comes from elsewhere. The token that goes in first
decides on the language. Of captions for new pictures at least 0.9 are right in all words, in each
language. Beam search also shows what else might be said of a picture, and how probable that is.

    python -m tinygrad_tr.examples.course5_captions
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim, text
from tinygrad_tr.examples.datasets import FIGURES
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
# What the figures are called: one of them and two, and in Turkish, which has one form for both.
CALLED = {
    "disc": ("a disc", "two discs", "daire"),
    "ring": ("a ring", "two rings", "halka"),
    "square": ("a square", "two squares", "kare"),
    "triangle": ("a triangle", "two triangles", "üçgen"),
    "plus": ("a cross", "two crosses", "artı"),
    "moon": ("a moon", "two moons", "hilal"),
}
KINDS = tuple(CALLED)
LANGUAGES, EOS = ("<en>", "<tr>"), "<EOS>"
SIZE, HIDDEN, BATCH, SEED = 16, 48, 64, 0


def caption(left: str, right: str, language: str) -> list[str]:
    """The words for two figures, from left to right."""
    (a, two, bir), (another, _, diğer) = CALLED[left], CALLED[right]
    if language == "<en>":
        said = two if left == right else f"{a} and {another}"
    else:
        said = f"iki {bir}" if left == right else f"bir {bir} ve bir {diğer}"
    return said.split()


ALL = [caption(a, b, language) for a in KINDS for b in KINDS for language in LANGUAGES]
VOCAB = text.Vocab(sorted({word for words in ALL for word in words}), [*LANGUAGES, EOS])
END = VOCAB.number(EOS)
LONGEST = max(map(len, ALL)) + 1


class Scenes(NamedTuple):
    """N pictures of two figures, and what they show."""

    pictures: Array  # (N, 1, 16, 32) float32
    kinds: Array  # (N, 2), of KINDS


def scenes(count: int, rng: np.random.Generator) -> Scenes:
    """Two figures side by side, of various sizes and lights, and not quite in their places."""
    kinds = rng.integers(0, len(KINDS), (count, 2))
    centre = SIZE * np.array([[0.5, 0.5], [0.5, 1.5]]) + rng.uniform(-1.5, 1.5, (count, 2, 2))
    radius = rng.uniform(4.5, 6.5, (count, 2))
    down, right = np.arange(SIZE)[:, None] + 0.5, np.arange(2 * SIZE) + 0.5
    light = rng.uniform(0.5, 1, (count, 1, 1))
    pictures = 0.15 * rng.standard_normal((count, SIZE, 2 * SIZE))
    for i in range(count):
        for kind, (y, x), r in zip(kinds[i], centre[i], radius[i], strict=True):
            pictures[i] += light[i] * FIGURES[KINDS[kind]]((down - y) / r, (right - x) / r)
    return Scenes(pictures.astype(np.float32)[:, None], kinds)


def captions(kinds: Array, languages: Array) -> tuple[Array, Array]:
    """The decoder's inputs, of which the first are the languages, and its targets: (N, T)."""
    words = [
        VOCAB.encode(caption(KINDS[left], KINDS[right], LANGUAGES[language]))
        for (left, right), language in zip(kinds, languages, strict=True)
    ]
    before, y = text.next_tokens(words, END)
    before[:, 0] = VOCAB.encode(LANGUAGES)[languages]
    return before, y


class PictureEncoder(nn.Module):
    """Pictures (N, 1, 16, 32) to the first state of a GRU (1, N, 48).

    The last norm makes its numbers as large as others that the GRU sees. When they begin smaller,
    the decoder learns the language, and not to look at the picture.
    """

    def __init__(self) -> None:
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(),
        )  # fmt: skip
        self.dense = nn.Linear(16 * (SIZE // 4) * (2 * SIZE // 4), HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN)

    def forward(self, x: Any) -> tt.Tensor:
        return self.norm(self.dense(self.features(x)))[None]


def fresh_model() -> nn.models.EncoderDecoder:
    decoder = nn.models.RecurrentLanguageModel(len(VOCAB), 16, HIDDEN)
    return nn.models.EncoderDecoder(PictureEncoder(), decoder)


def learn(steps: int, seed: int = SEED) -> tuple[nn.models.EncoderDecoder, list[float]]:
    """The trained model, and its nats per word in each step."""
    tt.manual_seed(seed)
    model, rng = fresh_model(), np.random.default_rng(seed)
    optimizer = optim.Adam(model.named_parameters(), lr=2e-2)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=steps)
    losses = []
    for _ in range(steps):
        pictures, kinds = scenes(BATCH, rng)
        before, y = captions(kinds, rng.integers(0, 2, BATCH))
        loss = F.cross_entropy(np.moveaxis(model(pictures, before), -1, 1), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    model.eval()
    return model, losses


def said(model: nn.models.EncoderDecoder, pictures: Array, language: str) -> list[list[str]]:
    """The likeliest words for each picture."""
    found = text.greedy(
        model.step, np.full(len(pictures), VOCAB.number(language)), end=END, max_length=LONGEST,
        state=model.encode(pictures), state_axis=model.state_axis,
    )  # fmt: skip
    return [words_of(one) for one in found]


def words_of(hypothesis: text.Hypothesis) -> list[str]:
    return [word for word in VOCAB.decode(hypothesis.tokens) if word != EOS]


def main(folder: Path = FOLDER, steps: int = 400, wanted: float = 0.9) -> Outcome:
    """Train, caption new pictures, and ask for second thoughts."""
    model, losses = learn(steps)
    pictures, kinds = scenes(1000, np.random.default_rng(100))
    goals, answers = [], {}
    for language in LANGUAGES:
        answers[language] = said(model, pictures, language)
        right = [
            words == caption(KINDS[left], KINDS[right], language)
            for words, (left, right) in zip(answers[language], kinds, strict=True)
        ]
        goals.append(Goal(f"right captions, {language}", float(np.mean(right)), at_least=wanted))
    print(f"{len(VOCAB)} words, {sum(p.size for p in model.parameters()):,} parameters")
    thoughts = text.beam_search(
        model.step, VOCAB.number("<en>"), 3, end=END, max_length=LONGEST, alpha=0.0,
        state=model.encode(pictures[:1]), state_axis=model.state_axis,
    )  # fmt: skip
    print("of the first picture: ", end="")
    print(", ".join(f"{' '.join(words_of(h))} {np.exp(h.log_probability):.1%}" for h in thoughts))
    return Outcome(
        goals,
        [
            plot_captions(pictures, answers, folder / "captions.png"),
            plot_loss(losses, folder / "captions-loss.png"),
            *draw_model(folder),
        ],
    )


def plot_captions(pictures: Array, answers: dict[str, list[list[str]]], file: Path) -> Path:
    """Twelve pictures, and what the model says of them."""
    figure, axes = canvas(columns=4, rows=3, size=(2.6, 1.8))
    for i, ax in enumerate(axes.flat):
        ax.imshow(pictures[i, 0], cmap="gray", vmin=-0.3, vmax=1.2)
        ax.set_title("\n".join(" ".join(words[i]) for words in answers.values()), fontsize=9)
        ax.set_axis_off()
    return saved(figure, file)


def plot_loss(losses: list[float], file: Path) -> Path:
    """Nats per word in each step."""
    figure, axes = canvas(size=(5.5, 3.4))
    axes.plot(range(1, len(losses) + 1), losses, linewidth=0.9)
    axes.set(title="Learning to caption", xlabel="step", ylabel="nats per word", yscale="log")
    return saved(figure, file)


def draw_model(folder: Path) -> list[Path]:
    """Both passes for one picture, the layers as frames."""
    pictures, kinds = scenes(1, np.random.default_rng(0))
    before, y = captions(kinds, np.array([0]))
    picture = tt.draw(
        fresh_model(), pictures, before, loss=lambda z: F.cross_entropy(z[0], y[0]),
        depth=2, values="none",
    )  # fmt: skip
    return [picture.save(folder / f"captions-graph.{kind}") for kind in ("svg", "png")]


if __name__ == "__main__":
    print(main())
