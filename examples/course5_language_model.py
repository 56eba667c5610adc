"""Course 5, week 1: a language model, and how close it comes to what can be known.

Sentences of a small grammar, "the cats which ate the fish were very full": the verb must agree
with a noun that may stand far before it. The grammar's 16 sentences and their probabilities are
known, and so is the entropy, 2.5595 nats per sentence, which no model can beat. A GRU that sees
300 batches of 64 sentences must come to between 2.55 and 2.70, find "were" after "cats" across the
clause, and invent sentences of which at least 0.95 are grammatical. A sentence's probability is
the product of its words', a softmax each, the end <EOS> among them; a speech recogniser chooses by
it between what sounds the same.

    python -m tinygrad_tr.examples.course5_language_model
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import metrics, nn, optim, text
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
NOUNS = {"cat": "was", "cats": "were"}
STATES = ("full", "asleep")
PEAR, PAIR = 5.7e-10, 3.2e-13  # the lecture's probabilities of two sentences
CLAUSE, VERY = 0.3, 0.25  # how often there is a clause, and a "very"
STEPS, BATCH, SEED = 300, 64, 0


def grammar() -> dict[tuple[str, ...], float]:
    """All sentences, without their end, and their probabilities."""
    table = {}
    for noun, clause, very, state in itertools.product(NOUNS, (0, 1), (0, 1), STATES):
        between = ["which", "ate", "the", "fish"] * clause
        words = ("the", noun, *between, NOUNS[noun], *["very"] * very, state)
        p = (CLAUSE if clause else 1 - CLAUSE) * (VERY if very else 1 - VERY)
        table[words] = p / len(NOUNS) / len(STATES)
    return table


GRAMMAR = grammar()
VOCAB = text.Vocab(dict.fromkeys(word for words in GRAMMAR for word in words), ["<EOS>"])
EOS = VOCAB.number("<EOS>")
SENTENCES, PROBABILITIES = list(GRAMMAR), np.array(list(GRAMMAR.values()))
ENTROPY = float(-PROBABILITIES @ np.log(PROBABILITIES))


def fresh_model(seed: int = SEED) -> nn.models.RecurrentLanguageModel:
    tt.manual_seed(seed)
    return nn.models.RecurrentLanguageModel(len(VOCAB), embedding_dim=16, hidden_size=32)


def sentence_losses(model: nn.Module, sentences: list[tuple[str, ...]]) -> tt.Tensor:
    """−log P of each sentence, the sum of its words' losses: (N,)."""
    x, y = text.next_tokens([VOCAB.encode(words) for words in sentences], EOS)
    logits, _ = model(x)
    losses = F.cross_entropy(logits.reshape(-1, len(VOCAB)), y.reshape(-1), reduction="none")
    return losses.reshape(y.shape).sum(axis=1)


def learn(steps: int, seed: int = SEED) -> tuple[nn.models.RecurrentLanguageModel, list[float]]:
    """The trained model, and its nats per sentence in each step."""
    model, rng = fresh_model(seed), np.random.default_rng(seed)
    optimizer = optim.Adam(model.named_parameters(), lr=2e-2)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=steps)
    history = []
    for _ in range(steps):
        batch = [SENTENCES[i] for i in rng.choice(len(SENTENCES), BATCH, p=PROBABILITIES)]
        loss = sentence_losses(model, batch).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        history.append(loss.item())
    return model, history


def cross_entropy(model: nn.Module) -> float:
    """Σ P(sentence) (−log of the model's probability): the entropy and what the model lacks."""
    with tt.no_grad():
        return float(PROBABILITIES @ sentence_losses(model, SENTENCES).numpy())


def invented(
    model: nn.models.RecurrentLanguageModel, count: int, temperature: float = 1.0
) -> list[tuple[str, ...]]:
    """Sentences drawn word by word, without their end."""
    found = text.sample(
        model.step, np.full(count, EOS), end=EOS, max_length=20, temperature=temperature,
        state_axis=model.state_axis, generator=np.random.default_rng(SEED),
    )  # fmt: skip
    return [tuple(VOCAB.decode(one.tokens[:-1] if one.finished else one.tokens)) for one in found]


def word_probabilities(model: nn.models.RecurrentLanguageModel, sentence: str) -> Array:
    """P(y<t> | y<1> ... y<t−1>) of each word, the last of which is the end: (T,)."""
    tokens = [*VOCAB.encode(sentence.split()), EOS]
    return np.exp(text.log_probabilities(model.step, EOS, tokens))


def main(folder: Path = FOLDER, steps: int = STEPS) -> Outcome:
    """Train, take sentences apart into words, invent some, and draw what the model expects."""
    print(f"heard alike: P(... pear salad) = {PEAR:.1e}, P(... pair salad) = {PAIR:.1e}; ", end="")
    print(f"the first is {PEAR / PAIR:.2f} times likelier")
    model, history = learn(steps)
    knows_nothing = PROBABILITIES @ [len(words) + 1 for words in SENTENCES] * np.log(len(VOCAB))
    print(f"nats per sentence: {knows_nothing:.2f} if all words are equally likely, ", end="")
    print(f"{cross_entropy(model):.4f} by the model, {ENTROPY:.4f} is the entropy")
    right, wrong = "the cats which ate the fish were full", "the cats which ate the fish was full"
    for sentence in (right, wrong):
        p = word_probabilities(model, sentence)
        print(f"\n{sentence} <EOS>\n  " + " · ".join(f"{one:.3g}" for one in p), end="")
        print(f" = {p.prod():.3g}, perplexity {metrics.perplexity(np.log(p)):.2f}")
    print(f"  the first is {word_probabilities(model, right).prod() / p.prod():.0f} times likelier")
    print("\ntemperature  grammatical  such as")
    shares = {}
    for temperature in (0.5, 1.0, 2.0):
        drawn = invented(model, 1000, temperature)
        shares[temperature] = float(np.mean([words in GRAMMAR for words in drawn]))
        longest = max(drawn[:5], key=lambda words: len(words))
        print(f"{temperature:11}  {shares[temperature]:11.1%}  {' '.join(longest)}")
    agrees = word_probabilities(model, right)[6] / word_probabilities(model, wrong)[6]
    return Outcome(
        [
            Goal("entropy of the grammar, nats", ENTROPY, 2.55945, 2.55955),
            Goal("nats per sentence", cross_entropy(model), at_least=2.55, at_most=2.70),
            Goal("grammatical samples", shares[1.0], at_least=0.95),
            Goal("P(were) / P(was) across the clause", agrees, at_least=10),
        ],
        [
            plot_expectations(model, right, folder / "language-model-expectations.png"),
            plot_learning(history, folder / "language-model-learning.png"),
            *draw_model(folder),
        ],
    )


def plot_expectations(model: nn.models.RecurrentLanguageModel, sentence: str, file: Path) -> Path:
    """What the model expects before each word of a sentence; the word that comes is framed."""
    words = [*sentence.split(), "<EOS>"]
    with tt.no_grad():
        logits, _ = model(np.array([[EOS, *VOCAB.encode(words[:-1])]]))
        p = F.softmax(logits[0]).numpy().T
    figure, axes = canvas(size=(8, 5))
    axes.imshow(p, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(p):
        if share >= 0.01:
            color = "white" if share > 0.6 else "black"
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=color)
    for column, word in enumerate(words):
        corner = column - 0.5, VOCAB.number(word) - 0.5
        axes.add_patch(frame(corner))
    axes.set_xticks(range(len(words)), [f"y<{t}>\n{word}" for t, word in enumerate(words, 1)])
    axes.set_yticks(range(len(VOCAB)), VOCAB.words)
    axes.set(title="P(next word | the words before); framed: the word that comes")
    return saved(figure, file)


def frame(corner: tuple[float, float]) -> Any:
    """A square around one cell."""
    from matplotlib.patches import Rectangle

    return Rectangle(corner, 1, 1, fill=False, edgecolor="firebrick", linewidth=2)


def plot_learning(history: list[float], file: Path) -> Path:
    """Nats per sentence in each step, and the entropy below which no model comes."""
    figure, axes = canvas(size=(6, 3.8))
    axes.plot(range(1, len(history) + 1), history, label="batch of 64 sentences")
    axes.axhline(ENTROPY, color="black", linestyle="--", label=f"entropy {ENTROPY:.4f}")
    axes.set(title="A language model of the grammar", xlabel="step", ylabel="nats per sentence")
    axes.set_yscale("log")
    axes.set_yticks([2.5, 3, 5, 10, 20], ["2.5", "3", "5", "10", "20"])
    axes.minorticks_off()
    axes.legend()
    return saved(figure, file)


def draw_model(folder: Path) -> list[Path]:
    """Both passes for one short sentence, the layers as frames."""
    x, y = text.next_tokens([VOCAB.encode(["the", "cat", "was", "full"])], EOS)

    def loss(answer: tuple[tt.Tensor, Any]) -> tt.Tensor:
        return F.cross_entropy(answer[0].reshape(-1, len(VOCAB)), y.reshape(-1))

    picture = tt.draw(fresh_model(), x, loss=loss, values="none", depth=1)
    return [picture.save(folder / f"language-model.{kind}") for kind in ("svg", "png")]


if __name__ == "__main__":
    print(main())
