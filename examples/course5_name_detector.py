"""Course 5, week 1: sequence problems, and why a plain network does not fit them.

Seven kinds of sequences, of each a small generated data set, with how long its inputs and outputs
are. Then one of them, which words are names, where all sentences have six words, so that a plain
network can take them: one hot vectors side by side. In training, names stand at the first three
places only. At the other three the plain network then finds next to none, for what it learned at
one place it knows there only; a recurrent network uses the same weights at every place, and must
reach 0.95. (Mean of both classes' recall: 0.5 is chance.) It also uses the word before: "mrs rose"
is a name and "the rose" is none, and so it is with "bayan gül" and "bir gül".

    python -m tinygrad_tr.examples.course5_name_detector
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, text
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.examples.sentences import Tagged, two_clauses
from tinygrad_tr.examples.sequences import KINDS
from tinygrad_tr.examples.tagging import Tagger, learn, probabilities
from tinygrad_tr.nn import functional as F
from tinygrad_tr.tensor import Tensor

Array = np.ndarray[Any, Any]
PLACES, SEED = 6, 0
UNITS = 4  # With many, a recurrent network learns to count the places as well.


class Flattened(nn.Module):
    """A plain network: one-hot words (N, 6) side by side, one hidden layer, z (N, 6)."""

    def __init__(self, words: int, hidden: int = 32) -> None:
        self.words = words
        self.layers = nn.MLP([PLACES * words, hidden, PLACES])

    def forward(self, words: Array, lengths: Array | None = None) -> Tensor:
        return self.layers(F.flatten(F.one_hot(words, self.words).astype(np.float32), 1))


def main(folder: Path = FOLDER, steps: int = 300) -> Outcome:
    """The kinds of sequences; both networks trained, and tested place by place."""
    kinds = print_kinds()
    training, test = two_clauses(600, 0, seed=SEED), two_clauses(600, 1, seed=SEED + 1)
    same = two_clauses(600, 0, seed=SEED + 2)
    vocab = text.Vocab.build(sentence.words for sentence in training + test)
    tt.manual_seed(SEED)
    models: dict[str, nn.Module] = {
        "flattened": Flattened(len(vocab)),
        "recurrent": Tagger(nn.Embedding(len(vocab), 16), nn.RNN(16, UNITS, batch_first=True)),
    }
    print("\nnames at places 1 to 3 in training; the mean recall of names and of other words")
    print("              places 1 to 3   places 4 to 6")
    found = {}
    for name, model in models.items():
        learn(model, vocab, training, steps)
        first = balanced(model, vocab, same, range(3))
        last = balanced(model, vocab, test, range(3, PLACES))
        found[name] = np.concatenate([first, last])
        print(f"  {name:<11} {first.mean():13.3f}   {last.mean():13.3f}")
    print_sentences(models, vocab)
    return Outcome(
        [
            Goal("kinds of sequences", kinds, 7, 7),
            Goal("flattened, where names were", found["flattened"][:3].mean(), at_least=0.95),
            Goal("flattened, where none were", found["flattened"][3:].mean(), at_most=0.6),
            Goal("recurrent, where none were", found["recurrent"][3:].mean(), at_least=0.95),
        ],
        [plot_places(found, folder / "names-places.png"), *draw_tagger(folder)],
    )


def print_kinds() -> int:
    """A table of the kinds of sequences, one example of each."""
    print("  kind                  input              output            T_x      T_y")
    for kind in KINDS:
        x, y = kind.make(1, SEED)[0]
        print(f"  {kind.name:<20}  {kind.input:<17}  {kind.output:<16}  "
              f"{kind.lengths[0]:<3} {len(x):>3}  {kind.lengths[1]:<3} {len(y):>3}")  # fmt: skip
    return len(KINDS)


def balanced(
    model: nn.Module, vocab: text.Vocab, sentences: Sequence[Tagged], places: range
) -> Array:
    """At each of the places the mean recall of names and of other words."""
    labels = np.array([sentence.labels for sentence in sentences]) == 1
    right = (probabilities(model, vocab, sentences) > 0.5) == labels
    return np.array(
        [(right[labels[:, t], t].mean() + right[~labels[:, t], t].mean()) / 2 for t in places]
    )


def print_sentences(models: dict[str, nn.Module], vocab: text.Vocab) -> None:
    """Sentences with a name at the end, and how likely each network holds each word for one."""
    for words in ("flowers grew well hello mrs rose", "dün kar yağdı bayan deniz aradı",
                  "after the rose the rose faded"):  # fmt: skip
        sentence = Tagged(words.split(), [0] * PLACES)
        print("  " + " " * 9, *(f"{word:>8}" for word in sentence.words))
        for name, model in models.items():
            values = probabilities(model, vocab, [sentence])[0]
            print(f"  {name:<9}", *(f"{p:8.2f}" for p in values))


def plot_places(found: dict[str, Array], file: Path) -> Path:
    """Mean recall at each place; names were at the first three in training."""
    figure, ax = canvas(size=(6, 3.6))
    across = np.arange(1, PLACES + 1)
    for i, (name, values) in enumerate(found.items()):
        ax.bar(across + 0.36 * (i - 0.5), values, width=0.36, label=name)
    ax.axhline(0.5, color="gray", linestyle=":")
    ax.axvline(3.5, color="gray", linewidth=0.8)
    ax.set(title="Names stood at places 1 to 3 in training", xlabel="place in the sentence",
           ylabel="mean recall of names and others", ylim=(0, 1.3))  # fmt: skip
    ax.legend(loc="upper right", ncols=2)
    return saved(figure, file)


def draw_tagger(folder: Path) -> list[Path]:
    """Both passes of a small recurrent tagger on a sentence of three words."""
    tt.manual_seed(SEED)
    model = Tagger(nn.Embedding(4, 2), nn.RNN(2, 2, batch_first=True))
    words, labels = np.array([[3, 0, 2]]), np.array([[1.0, 0.0, 0.0]], np.float32)
    picture = tt.draw(model, words, loss=lambda z: F.binary_cross_entropy_with_logits(z, labels))
    return [picture.save(folder / "names-tagger.svg")]


if __name__ == "__main__":
    print(main())
