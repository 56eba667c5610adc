"""Course 5, week 2: named entities, with word vectors learned from text that nobody labelled.

"Sally Johnson is an orange farmer" is labelled 1 1 0 0 0 0. Forty sentences, half of them about
people and half about food, cannot teach a network words that are not among them: to one that
learned from them alone "robert lin" and "durian pie" are both <UNK> <UNK>, and it is right about
half of them. Vectors that skip-gram made of unlabelled sentences, in which those words stood where
"sally" and "orange" stand, carry over what was learned: with the vectors frozen at least 0.9 of
words that were never labelled must be right. With vectors that learn on at least 0.8: those of
labelled words move away from the others, for so few sentences no gain.

    python -m tinygrad_tr.examples.course5_named_entities
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim, text
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.examples.sentences import ENTITIES, Tagged, entities, tagged, unlabelled
from tinygrad_tr.examples.tagging import Tagger, learn, probabilities
from tinygrad_tr.nn import functional as F
from tinygrad_tr.tensor import Tensor

Array = np.ndarray[Any, Any]
LABELLED, TESTED, UNLABELLED = 40, 160, 1500  # sentences
FEATURES, UNITS, BATCH, SEED = 16, 8, 256, 0
WAYS = ("labelled words only", "frozen", "fine-tuned")
FARMERS = (
    "sally* johnson* is an orange farmer",
    "robert* lin* is an apple farmer",
    "robert* lin* is a durian cultivator",
    "çağrı* öztürk* bir incir yetiştiricisi",
)


def main(folder: Path = FOLDER, steps: int = 400, tagging_steps: int = 200) -> Outcome:
    """Learn vectors from unlabelled text; then a tagger on forty sentences, in three ways."""
    corpus = unlabelled(UNLABELLED, SEED)
    training, test = entities(LABELLED, False, SEED), entities(TESTED, True, SEED)
    labelled_words = [sentence.words for sentence in training]
    known, vocab = text.Vocab.build(labelled_words), text.Vocab.build(corpus + labelled_words)
    new = {word for sentence in test for word in sentence.words} - set(known.words)
    print(
        f"{len(corpus)} unlabelled sentences; {len(training)} labelled ones with {len(known)} words"
    )
    print(f"{len(new)} of the words in the {len(test)} sentences of the test were never labelled")
    vectors = learn_vectors(corpus, vocab, steps)

    taggers, accuracy = {}, {}
    for way in WAYS:
        tt.manual_seed(SEED)
        own = known if way == "labelled words only" else vocab
        table = nn.Embedding(len(known), FEATURES)
        if own is vocab:
            table = nn.Embedding.from_pretrained(vectors, freeze=way == "frozen")
        model = Tagger(table, nn.GRU(FEATURES, UNITS, batch_first=True))
        learn(model, own, training, tagging_steps)
        taggers[way] = model, own
        accuracy[way] = share_right(model, own, test, new)
    print("right about words that were never labelled:")
    for way, share in accuracy.items():
        print(f"  {way:<19}  {share:.3f}")
    print_farmers(taggers)
    return Outcome(
        [
            Goal("labelled words only", accuracy["labelled words only"], at_most=0.6),
            Goal("vectors from unlabelled text, frozen", accuracy["frozen"], at_least=0.9),
            Goal("the same, fine-tuned", accuracy["fine-tuned"], at_least=0.8),
        ],
        [plot_vectors(vectors, vocab, folder / "entities-vectors.png"), *draw_taggers(folder)],
    )


def learn_vectors(corpus: Sequence[Sequence[str]], vocab: text.Vocab, steps: int) -> Array:
    """Vectors (V, FEATURES) of words, by skip-gram with a softmax, two words to each side."""
    contexts, targets = text.skip_gram_pairs([vocab.encode(words) for words in corpus], window=2)
    rng = np.random.default_rng(SEED)
    model = text.SoftmaxSkipGram(len(vocab), FEATURES, generator=rng)
    optimizer = optim.Adam(model.named_parameters(), lr=0.02)

    def loss() -> Tensor:
        rows = rng.integers(0, len(contexts), BATCH)
        return model(contexts[rows], targets[rows])

    for _ in range(steps):
        optimizer.minimize(loss)
    return model.embedding.weight.numpy()


def share_right(
    model: Tagger, vocab: text.Vocab, sentences: Sequence[Tagged], words: set[str]
) -> float:
    """Of these words, wherever they stand, how many are tagged rightly."""
    found = probabilities(model, vocab, sentences) > 0.5
    return float(np.mean([
        named == bool(label)
        for row, sentence in zip(found, sentences, strict=True)
        for named, word, label in zip(row, sentence.words, sentence.labels, strict=False)
        if word in words
    ]))  # fmt: skip


def print_farmers(taggers: Mapping[str, tuple[Tagger, text.Vocab]]) -> None:
    """How likely each word of the lecture's sentences is part of a name, for each tagger."""
    for sentence in map(tagged, FARMERS):
        print(" " * 22, *(f"{word:>10}" for word in sentence.words))
        for way, (model, vocab) in taggers.items():
            values = probabilities(model, vocab, [sentence])[0]
            print(f"  {way:<20}", *(f"{p:10.2f}" for p in values))


def plot_vectors(vectors: Array, vocab: text.Vocab, file: Path) -> Path:
    """The words on the two widest directions of their vectors, labelled ones filled."""
    figure, axes = canvas(columns=2, size=(5, 4.5))
    for ax, (language, slots) in zip(axes, ENTITIES.items(), strict=True):
        words = [word for group in slots.values() for word in group]
        rows = vectors[vocab.encode(words)]
        rows = rows - rows.mean(axis=0)
        places = dict(
            zip(words, rows @ np.linalg.svd(rows, full_matrices=False)[2][:2].T, strict=True)
        )
        for i, (slot, group) in enumerate(slots.items()):
            for j, word in enumerate(group):
                was_labelled = j < len(group) // 2
                ax.scatter(*places[word], s=28, color=f"C{i}" if was_labelled else "white",
                           edgecolors=f"C{i}", label=slot if j == 0 else None)  # fmt: skip
                if j in (0, len(group) // 2):  # one of each half
                    ax.annotate(word, places[word], (5, 5), textcoords="offset points")
        ax.margins(0.2, 0.1)
        ax.set(title={"en": "English", "tr": "Turkish"}[language], xticks=[], yticks=[])
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, ncols=len(names), loc="outside lower center")
    figure.suptitle("Vectors from unlabelled sentences; full dots: words in labelled sentences")
    return saved(figure, file)


def draw_taggers(folder: Path) -> list[Path]:
    """Both passes of a small tagger whose vectors are frozen: nothing flows into them."""
    tt.manual_seed(SEED)
    table = nn.Embedding.from_pretrained([[1.0, 0.5], [-1.0, 0.5], [0.5, -1.0]], freeze=True)
    model = Tagger(table, nn.GRU(2, 2, batch_first=True))
    words, labels = np.array([[0, 1, 2]]), np.array([[1.0, 1.0, 0.0]], np.float32)
    picture = tt.draw(model, words, loss=lambda z: F.binary_cross_entropy_with_logits(z, labels))
    return [picture.save(folder / "entities-frozen.svg")]


if __name__ == "__main__":
    print(main())
