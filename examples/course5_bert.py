"""Course 5, week 4: BERT guesses hidden words from both sides, and travels in a file.

Turkish sentences such as "ben dün okula gittim" (I went to school yesterday): the verb's ending
agrees with the person and with the time, both of which come before it. One word of each sentence is
hidden. Who reads from left to right only cannot know the first word; a BERT of two layers, trained
on four of five sentences, must guess person and time of the others from the verb at least 95 times
in 100; where the verb is hidden, the three verbs that fit must have 0.85 of its probability. Then
it goes to a safetensors file, under Hugging Face's names, as any BERT published there, and a fresh
network that loads the file must answer exactly the same.

    python -m tinygrad_tr.examples.course5_bert
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import optim, text
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F
from tinygrad_tr.nn import models

Array = np.ndarray[Any, Any]
PERSONS = ["ben", "sen", "o", "biz", "siz", "onlar"]
PLACES = ["", "eve", "okula", "denize", "bahçeye", "dağa"]
VERBS = {
    "dün": [
        "gittim gittin gitti gittik gittiniz gittiler",
        "koştum koştun koştu koştuk koştunuz koştular",
        "baktım baktın baktı baktık baktınız baktılar",
    ],
    "yarın": [
        "gideceğim gideceksin gidecek gideceğiz gideceksiniz gidecekler",
        "koşacağım koşacaksın koşacak koşacağız koşacaksınız koşacaklar",
        "bakacağım bakacaksın bakacak bakacağız bakacaksınız bakacaklar",
    ],
}
SENTENCES = [
    [person, when, *place.split(), line.split()[i]]
    for (i, person), (when, lines), place in itertools.product(
        enumerate(PERSONS), VERBS.items(), PLACES
    )
    for line in lines
]
SPECIALS = ("[PAD]", "[CLS]", "[SEP]", "[MASK]")
VOCAB = text.Vocab(dict.fromkeys(word for words in SENTENCES for word in words), SPECIALS)
PAD, CLS, SEP, MASK = map(VOCAB.number, SPECIALS)


def main(folder: Path = FOLDER, steps: int = 500, wanted: float = 0.85) -> Outcome:
    """Train on most sentences, guess in the others, save, load, and compare."""
    # [CLS] person time place verb [SEP]; those without a place end with a [PAD]
    everything, _ = text.pad([[CLS, *VOCAB.encode(words), SEP] for words in SENTENCES], fill=PAD)
    order = np.random.default_rng(0).permutation(len(everything))
    train, test = np.split(order, [len(order) * 4 // 5])
    sizes: dict[str, Any] = {
        "vocab_size": len(VOCAB), "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 8,
        "padding_idx": PAD, "initializer_range": 0.1, "dropout": 0.0,
    }  # fmt: skip
    tt.manual_seed(0)
    model = models.BertForMaskedLM(**sizes)
    losses = learn(model, everything[train], steps)
    model.eval()

    ids = everything[test]
    accuracy = {}
    for name, place in (("person", 1), ("time", 2)):
        said = guesses(model, ids, np.full(len(ids), place)).argmax(axis=1)
        accuracy[name] = float(np.mean(said == ids[:, place]))
        print(f"{name} hidden, in {len(ids)} new sentences: right {accuracy[name]:.1%}")
    verb = np.argmax(ids == SEP, axis=1) - 1
    p = guesses(model, ids, verb)
    fit = np.array([p[i, verbs_for(row)].sum() for i, row in enumerate(ids)])
    print(f"verb hidden: the three that fit have together a probability of {fit.mean():.1%}")
    for row, place in ((ids[0], 1), (ids[1], 2), (ids[2], verb[2])):
        show(model, row, int(place))

    file = folder / "bert.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    tt.save(model.state_dict(), file)
    fresh = models.BertForMaskedLM(**sizes).eval()
    fresh.load_state_dict(models.bert_state_dict(tt.load(file)))
    same = float(abs(guesses(fresh, ids, verb) - p).max())
    names = list(fresh.state_dict())
    print(f"{file.name}: {file.stat().st_size:,} bytes, {len(names)} arrays, such as {names[5]}")
    return Outcome(
        [
            *(Goal(f"{name} guessed", share, at_least=0.95) for name, share in accuracy.items()),
            Goal("probability of the verbs that fit", float(fit.mean()), at_least=wanted),
            Goal("what the file changes", same, 0, 0),
        ],
        [
            plot_guesses(model, ids[0], folder / "bert-guesses.png"),
            plot_losses(losses, folder / "bert-loss.png"),
            draw_model(model, ids[:1], folder / "bert.svg"),
            file,
        ],
    )


def verbs_for(row: Array) -> Array:
    """The numbers of the verbs that agree with the person and the time of a sentence."""
    person, when = VOCAB.decode(row[1:3])
    return VOCAB.encode([line.split()[PERSONS.index(person)] for line in VERBS[when]])


def hidden(ids: Array, places: Array) -> Array:
    """The sentences with [MASK] at one place each."""
    masked = ids.copy()
    masked[np.arange(len(ids)), places] = MASK
    return masked


def learn(model: models.BertForMaskedLM, ids: Array, steps: int) -> list[float]:
    """Train on one hidden word of each sentence, at any place."""
    rng = np.random.default_rng(0)
    optimizer = optim.AdamW(model.named_parameters(), lr=1e-2, weight_decay=0.1)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=steps)
    losses = []
    for _ in range(steps):
        rows = ids[rng.integers(0, len(ids), 64)]
        places = rng.integers(1, np.argmax(rows == SEP, axis=1))
        logits = model(hidden(rows, places), rows != PAD)
        at = np.arange(len(rows)), places
        loss = F.cross_entropy(logits[at], rows[at])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(loss.item())
    return losses


def guesses(model: models.BertForMaskedLM, ids: Array, places: Array) -> Array:
    """The probability of every word at the hidden place of each sentence: (N, V)."""
    with tt.no_grad():
        logits = model(hidden(ids, places), ids != PAD)
        return F.softmax(logits[np.arange(len(ids)), places]).numpy()


def show(model: models.BertForMaskedLM, row: Array, place: int) -> None:
    p = guesses(model, row[None], np.array([place]))[0]
    words = VOCAB.decode(hidden(row[None], np.array([place]))[0][1 : np.argmax(row == SEP)])
    best = np.argsort(-p)[:3]
    said = ", ".join(f"{VOCAB.decode([i])[0]} {p[i]:.2f}" for i in best)
    print(f"  {' '.join(words):<34} {said}")


def plot_guesses(model: models.BertForMaskedLM, row: Array, file: Path) -> Path:
    """What is thought of each place of a sentence when its word is hidden."""
    end = int(np.argmax(row == SEP))
    figure, axes = canvas(columns=end - 1, size=(2.4, 2.8))
    for place, ax in zip(range(1, end), axes, strict=True):
        p = guesses(model, row[None], np.array([place]))[0]
        best = np.argsort(-p)[:6][::-1]
        words = VOCAB.decode(best)
        true = VOCAB.decode(row[place : place + 1])[0]
        ax.barh(words, p[best], color=["tab:blue" if w == true else "lightgray" for w in words])
        around = VOCAB.decode(row[1:end])
        around[place - 1] = "___"
        ax.set_title(" ".join(around), fontsize=8)
        ax.set(xlim=(0, 1), xlabel="probability")
    return saved(figure, file)


def plot_losses(losses: list[float], file: Path) -> Path:
    """The loss of each batch."""
    figure, ax = canvas(size=(6, 3.5))
    ax.plot(losses, linewidth=0.8)
    ax.set(title="Guessing hidden words", xlabel="step", ylabel="cross-entropy")
    ax.set_ylim(0)
    return saved(figure, file)


def draw_model(model: models.BertForMaskedLM, ids: Array, file: Path) -> Path:
    """Both passes for one sentence, the layers folded."""
    places = np.array([1])

    def loss(logits: tt.Tensor) -> tt.Tensor:
        return F.cross_entropy(logits[:, 1], ids[:, 1])

    return tt.draw(model, hidden(ids, places), loss=loss, depth=2, values="stats").save(file)


if __name__ == "__main__":
    print(main())
