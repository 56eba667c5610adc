"""Course 5, week 1: a language model of real prose, word by word.

The text is what Python says of itself in `help()`: about 47,000 words of paragraphs that ship with
every Python. Words met fewer than 4 times become <UNK>, and each paragraph ends with <EOS>. A GRU
reads nine tenths of the paragraphs as one long stream, 32 words at a time, and carries its state
from window to window (truncated backpropagation through time). Of the paragraphs it has not read
its perplexity, e to the mean of −log P per word, must be at most 0.85 of that of the best bigram
model: what came before the last word says something too. Then it writes, at several temperatures.

    python -m tinygrad_tr.examples.course5_prose
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import metrics, nn, optim, text
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
Model = nn.models.RecurrentLanguageModel
MIN_COUNT, BATCH, LENGTH, SEED = 4, 16, 32, 0
BEGINNINGS = ("the value of the", "this is", "an instance of", "if the")


def paragraphs() -> list[list[str]]:
    """Each paragraph once, in lower case, as words, full stops and commas; tables and code not."""
    found = []
    whole = dict.fromkeys(one for name in sorted(topics) for one in topics[name].split("\n\n"))
    for paragraph in whole:
        everything = text.words(paragraph.lower(), marks=True)
        words = [one for one in everything if one.isalpha() or one in ".,"]
        if len(words) >= 6 and sum(map(str.isalpha, words)) >= 0.5 * len(everything):
            found.append(words)
    return found


def streams(seed: int = SEED) -> tuple[text.Vocab, Array, Array]:
    """The vocabulary, and what is read and what is held out, each one stream of words."""
    found = paragraphs()
    order = np.random.default_rng(seed).permutation(len(found))
    held_out, read = ([found[i] for i in rows] for rows in np.split(order, [len(found) // 10]))
    vocab = text.Vocab.build(read, min_count=MIN_COUNT)
    one, other = (
        vocab.encode(["<EOS>"] + [word for words in part for word in [*words, "<EOS>"]])
        for part in (read, held_out)
    )
    return vocab, one, other


def counted(read: Array, size: int) -> tuple[Array, Array]:
    """P(word) and P(word | the word before) by counting: (V,), (V, V).

    The bigrams are mixed with the single words as Witten and Bell do (1991): the more different
    words followed a word, the likelier it is that a new one follows.
    """
    single = np.bincount(read[1:], minlength=size) + 1.0
    single /= single.sum()
    pairs = np.zeros((size, size))
    np.add.at(pairs, (read[:-1], read[1:]), 1)
    kinds = np.count_nonzero(pairs, axis=1)[:, None]
    return single, (pairs + kinds * single) / np.maximum(pairs.sum(axis=1)[:, None] + kinds, 1)


def learn(
    vocab: text.Vocab, read: Array, held_out: Array, epochs: int, seed: int = SEED
) -> tuple[Model, list[float]]:
    """The trained model, and its perplexity on what it has not read, epoch by epoch."""
    tt.manual_seed(seed)
    model = Model(len(vocab), embedding_dim=96, hidden_size=128, dropout=0.3)
    optimizer = optim.AdamW(model.named_parameters(), lr=1e-2, weight_decay=0.3)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=epochs)
    history = []
    for _ in range(epochs):
        text.fit_stream(model, read, optimizer, batch_size=BATCH, length=LENGTH, schedule=schedule)
        history.append(metrics.perplexity(text.stream_log_probabilities(model, held_out)))
    model.eval()
    return model, history


def written(model: Model, vocab: text.Vocab, count: int, temperature: float) -> list[str]:
    """Paragraphs, of at most 60 words."""
    end = vocab.number("<EOS>")
    found = text.sample(
        model.step, np.full(count, end), end=end, max_length=60, temperature=temperature,
        state_axis=model.state_axis, generator=np.random.default_rng(SEED),
    )  # fmt: skip
    lines = [" ".join(vocab.decode(one.tokens[: -1 if one.finished else None])) for one in found]
    return [re.sub(r" ([.,])", r"\1", line) for line in lines]


def next_words(model: Model, vocab: text.Vocab, beginning: str, count: int = 6) -> dict[str, float]:
    """The likeliest words after a beginning, and their probabilities."""
    tokens = vocab.encode(["<EOS>", *beginning.split()])
    with tt.no_grad():
        p = F.softmax(model(tokens[None])[0][0, -1]).numpy()
    return {vocab.words[i]: float(p[i]) for i in np.argsort(-p)[:count]}


def main(folder: Path = FOLDER, epochs: int = 10, wanted: float = 0.85) -> Outcome:
    """Count, learn, compare on paragraphs nobody has read, and write some."""
    vocab, read, held_out = streams()
    unknown = np.mean(held_out == vocab.unknown)
    print(
        f"{len(read):,} words to read, {len(held_out):,} held out, vocabulary {len(vocab):,}; ",
        end="",
    )
    print(f"<UNK> is {unknown:.1%}")
    single, pairs = counted(read, len(vocab))
    perplexities = {
        "all words alike": float(len(vocab)),
        "unigram": metrics.perplexity(np.log(single[held_out[1:]])),
        "bigram": metrics.perplexity(np.log(pairs[held_out[:-1], held_out[1:]])),
    }
    model, history = learn(vocab, read, held_out, epochs)
    perplexities["GRU"] = history[-1]
    print("\nperplexity of the paragraphs that were held out")
    for name, value in perplexities.items():
        print(f"  {name:16}{value:8.1f}")
    for temperature in (0.5, 0.8, 1.2):
        print(f"\ntemperature {temperature}")
        for line in written(model, vocab, 3, temperature):
            print(f"  {line}")
    expected = {one: next_words(model, vocab, one) for one in BEGINNINGS}
    return Outcome(
        [
            Goal("perplexity / unigram's", history[-1] / perplexities["unigram"], at_most=0.5),
            Goal("perplexity / bigram's", history[-1] / perplexities["bigram"], at_most=wanted),
        ],
        [
            plot_perplexity(history, perplexities, folder / "prose-perplexity.png"),
            plot_next_words(expected, folder / "prose-next-words.png"),
            draw_window(vocab, read, folder / "prose-window.svg"),
        ],
    )  # fmt: skip


def plot_perplexity(
    history: Sequence[float], perplexities: Mapping[str, float], file: Path
) -> Path:
    """The perplexity on what was held out after each epoch, beside that of counting."""
    figure, axes = canvas(size=(6, 3.8))
    axes.plot(range(1, len(history) + 1), history, marker="o", label="GRU")
    for name, style in (("unigram", "--"), ("bigram", "-.")):
        axes.axhline(perplexities[name], color="black", linestyle=style, label=name)
    axes.set_xticks(range(1, len(history) + 1))
    axes.set(title="Paragraphs that were held out", xlabel="epoch", ylabel="perplexity",
             ylim=(0, None))  # fmt: skip
    axes.legend()
    return saved(figure, file)


def plot_next_words(expected: Mapping[str, Mapping[str, float]], file: Path) -> Path:
    """A bar for each likely next word, a panel for each beginning."""
    figure, panels = canvas(columns=len(expected), size=(3.1, 2.8))
    for axes, (beginning, words) in zip(panels, expected.items(), strict=True):
        axes.barh(list(words), list(words.values()))
        axes.invert_yaxis()
        axes.set(title=f"{beginning} ...", xlabel="probability")
    return saved(figure, file)


def draw_window(vocab: text.Vocab, read: Array, file: Path) -> Path:
    """Both passes for one window of a stream, the layers as frames."""
    x, y = next(text.windows(read[:65], batch_size=2, length=LENGTH))
    model = Model(len(vocab), 96, 128, dropout=0.3)
    _, state = model(x)  # the window before: its state comes in without its past

    def loss(answer: tuple[tt.Tensor, Any]) -> tt.Tensor:
        return F.cross_entropy(answer[0].reshape(-1, len(vocab)), y.reshape(-1))

    return tt.draw(model, x, state.detach(), loss=loss, values="none", depth=1).save(file)


if __name__ == "__main__":
    print(main())
