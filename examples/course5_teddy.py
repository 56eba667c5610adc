"""Course 5, week 1: a bidirectional RNN, when what comes next decides.

"He said, Teddy Roosevelt ..." and "He said, Teddy bears ...": whether Teddy is a name only the next
word says, and so it is in Turkish with "deniz hanım" and "deniz kıyısı". Every sentence here has a
twin that is the same up to the word in question. A network that reads from left to right must say
the same about both, and is right about one of them, 0.5 in all; the same LSTM in both directions
joins what each of them has seen, ŷ<t> = σ(W_y [a→<t>, a←<t>] + b_y), and must reach 0.98 on
sentences that it was not trained on.

    python -m tinygrad_tr.examples.course5_teddy
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, text
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.examples.sentences import Twins, teddy_twins
from tinygrad_tr.examples.tagging import Tagger, learn, probabilities
from tinygrad_tr.nn import functional as F

SEED = 0


def tagger(words: int, both: bool, features: int = 16, size: int = 16) -> Tagger:
    """An LSTM tagger, in one direction or in both."""
    lstm = nn.LSTM(features, size, batch_first=True, bidirectional=both)
    return Tagger(nn.Embedding(words, features), lstm)


def main(folder: Path = FOLDER, steps: int = 200) -> Outcome:
    """Train in one direction and in both, and look at one pair of twins."""
    twins = teddy_twins()
    order = np.random.default_rng(SEED).permutation(len(twins))
    held_out, seen = np.split(order, [len(twins) // 4])
    vocab = text.Vocab.build(s.words for pair in twins for s in (pair.name, pair.thing))
    training = [s for i in seen for s in (twins[i].name, twins[i].thing)]
    models = {}
    for name, both in (("one direction", False), ("both directions", True)):
        tt.manual_seed(SEED)
        models[name] = tagger(len(vocab), both)
        learn(models[name], vocab, training, steps)
    tested = [twins[i] for i in held_out]
    accuracy = {name: share_right(model, vocab, tested) for name, model in models.items()}
    print(f"{len(twins)} pairs of twins, {len(vocab)} words; {len(tested)} pairs were held out")
    print("right about the word that is a name in one twin and none in the other:")
    for name, share in accuracy.items():
        print(f"  {name:<16} {share:.3f}")
    shown = [next(pair for pair in tested if pair.name.words[pair.place] == word)
             for word in ("teddy", "deniz")]  # fmt: skip
    for pair in shown:
        for sentence in (pair.name, pair.thing):
            print("  " + " ".join(f"{word:>9}" for word in sentence.words))
            for name, model in models.items():
                p = probabilities(model, vocab, [sentence])[0]
                print("  " + " ".join(f"{value:9.2f}" for value in p), f" {name}")
    return Outcome(
        [
            Goal("one direction", accuracy["one direction"], at_most=0.6),
            Goal("both directions", accuracy["both directions"], at_least=0.98),
        ],
        [
            plot_tags(models, vocab, shown, folder / "teddy-tags.png"),
            *draw_tagger(folder),
        ],
    )


def share_right(model: Tagger, vocab: text.Vocab, twins: Sequence[Twins]) -> float:
    """Of the words in question, named rightly."""
    places = [pair.place for pair in twins]
    rows = np.arange(len(twins))
    as_name = probabilities(model, vocab, [pair.name for pair in twins])[rows, places] > 0.5
    as_thing = probabilities(model, vocab, [pair.thing for pair in twins])[rows, places] > 0.5
    return float(np.mean([as_name, ~as_thing]))


def plot_tags(
    models: dict[str, Tagger], vocab: text.Vocab, twins: Sequence[Twins], file: Path
) -> Path:
    """How likely each word of twins is a name, by one direction and by both."""
    figure, axes = canvas(columns=2, rows=len(twins), size=(5.5, 2.6))
    for row, pair in zip(axes, twins, strict=True):
        for ax, sentence in zip(row, (pair.name, pair.thing), strict=True):
            across = np.arange(len(sentence.words))
            for i, (name, model) in enumerate(models.items()):
                heights = probabilities(model, vocab, [sentence])[0]
                ax.bar(across + 0.4 * (i - 0.5), heights, width=0.4, label=name)
            ax.set_xticks(across, sentence.words, rotation=20)
            ax.axhline(0.5, color="gray", linewidth=0.8, linestyle=":")
            ax.set(ylim=(0, 1.35), ylabel="P(name)", yticks=(0, 0.5, 1))
    axes[0][0].legend(loc="upper right", ncols=2, fontsize=8)
    return saved(figure, file)


def draw_tagger(folder: Path) -> list[Path]:
    """Two words through a small tagger: two directions that meet at the end, and both passes."""
    tt.manual_seed(SEED)
    model = tagger(4, both=True, features=2, size=2)
    words, labels = np.array([[1, 2]]), np.array([[1.0, 0.0]], np.float32)
    picture = tt.draw(model, words, loss=lambda z: F.binary_cross_entropy_with_logits(z, labels))
    return [picture.save(folder / "teddy-tagger.svg")]


if __name__ == "__main__":
    print(main())
