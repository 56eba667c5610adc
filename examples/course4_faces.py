"""Course 4, week 4: faces, known from one picture.

An encoder f learns from triplets of pictures of 30 drawn people that ‖f(A) − f(P)‖² of the same
person is smaller, by a margin, than ‖f(A) − f(N)‖² of somebody else. Then it meets 10 people whom
it has never seen, with one picture of each: it must name at least 0.95 of their other pictures,
where the pixels themselves name about half. A threshold, chosen on another 10 people, makes of the
distances "the same" and "not the same", and a database says who it is, or that nobody it knows is.
Most random triplets are too easy to teach anything; the hardest negatives are not. Last, the other
way: a siamese network whose head says how likely two pictures show one person, right at least 0.9
of the time.

    python -m tinygrad_tr.examples.course4_faces
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import optim, train, vision
from tinygrad_tr.examples.identities import (
    Encoder,
    faces,
    one_shot_accuracy,
    pair_distances,
    plot_distances,
)
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
TRAIN, DEV, NEW, PICTURES = 30, 10, 10, 20  # people, and pictures of each
PEOPLE_PER_STEP, PICTURES_PER_STEP = 8, 4
MARGIN, TRIPLETS, SEED, DRAWN = 0.2, 64, 0, 4


def main(folder: Path = FOLDER, steps: int = 400, head_steps: int = 600) -> Outcome:
    """Train both ways, and meet people who were never seen."""
    x, y = faces(TRAIN + DEV + NEW, PICTURES, seed=DRAWN)
    seen, dev, new = np.split(np.arange(len(y)), np.cumsum([TRAIN, DEV]) * PICTURES)
    untrained = fresh_encoder()
    learned = {kind: learn_triplets(x[seen], y[seen], kind, steps) for kind in vision.MINING}
    (easy, _), (encoder, _) = learned["random"], learned["semi-hard"]
    accuracy = {
        "pixels": one_shot_accuracy(x[new], y[new]),
        "before training": one_shot_accuracy(train.predict(untrained, x[new]), y[new]),
    }
    for kind, (trained, _) in learned.items():
        accuracy[f"{kind} triplets"] = one_shot_accuracy(train.predict(trained, x[new]), y[new])
    after = accuracy["semi-hard triplets"]
    print(f"one picture of each of {NEW} new people; of the others are named rightly:")
    for name, share in accuracy.items():
        print(f"  {name:<20} {share:6.1%}")
    random, hard = (share_that_teaches(easy, x[seen], y[seen], kind) for kind in ("random", "hard"))
    print(f"after random triplets {random:.1%} of them have a loss above 0, and {hard:.1%} of hard")

    threshold = vision.best_threshold(*pair_distances(encoder, x[dev], y[dev]))
    verified = vision.verification_accuracy(*pair_distances(encoder, x[new], y[new]), threshold)
    print(f"d ≤ {threshold:.3f}, chosen on dev, is right about {verified:.1%} of new pairs")
    print(f"and for all of 100 comparisons {vision.recognition_accuracy(verified, 100):.1%}")
    known, strangers = meet(vision.FaceDB(encoder, threshold), x[new])
    siamese = learn_similarity(x[seen], y[seen], head_steps)
    i, j, same = vision.draw_pairs(y[new], 1000, generator=np.random.default_rng(SEED))
    similar = float(np.mean((train.predict(siamese, x[new][i], x[new][j]) > 0) == same))
    print(f"σ(z) > 1/2 of the similarity head: {similar:.1%} of {len(same)} pairs of new people")
    return Outcome(
        [
            Goal("one-shot accuracy on new people", after, at_least=0.95),
            Goal("times as often as by pixels", after / accuracy["pixels"], at_least=1.5),
            Goal("hard triplets that teach, per random one", hard / random, at_least=3),
            Goal("verification of new people by distance", verified, at_least=0.9),
            Goal("known people recognised", known, at_least=0.8),
            Goal("strangers not recognised", strangers, at_least=0.5),
            Goal("verification of new people by the head", similar, at_least=0.9),
        ],
        [
            plot_people(x[new], folder / "faces-people.png"),
            plot_before_and_after(
                untrained, encoder, x[new], y[new], threshold, folder / "faces-distances.png"
            ),
            plot_encodings(train.predict(encoder, x[new]), y[new], folder / "faces-encodings.png"),
            plot_shares(
                {kind: learned[kind][1] for kind in ("random", "hard")},
                folder / "faces-triplets.png",
            ),
            *draw_siamese(siamese, x[:2], folder),
        ],
    )  # fmt: skip


def fresh_encoder() -> Encoder:
    tt.manual_seed(SEED)
    return Encoder()


def some_people(y: Array, rng: np.random.Generator) -> Array:
    """The rows of a batch: a few pictures of each of a few people."""
    people = rng.choice(np.unique(y), PEOPLE_PER_STEP, replace=False)
    return np.concatenate(
        [rng.choice(np.flatnonzero(y == who), PICTURES_PER_STEP, replace=False) for who in people]
    )


def learn_triplets(x: Array, y: Array, mining: str, steps: int) -> tuple[Encoder, list[float]]:
    """The trained encoder, and the share of triplets with a loss above 0 at each step."""
    encoder, rng = fresh_encoder(), np.random.default_rng(SEED)
    optimizer = optim.Adam(encoder.named_parameters(), lr=1e-3)
    shares = []
    for _ in range(steps):
        rows = some_people(y, rng)
        f = encoder(tt.Tensor(x[rows]))
        triplets = vision.mine_triplets(f, y[rows], mining, MARGIN, generator=rng)
        if not (found := len(triplets[0])):
            continue  # no semi-hard ones among these people
        chosen = rng.choice(found, min(TRIPLETS, found), replace=False)
        a, p, n = (f[which[chosen]] for which in triplets)
        losses = vision.triplet_loss(a, p, n, MARGIN, reduction="none")
        losses.mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        shares.append(float(np.mean(losses.numpy() > 0)))
    return encoder, shares


def share_that_teaches(encoder: Encoder, x: Array, y: Array, mining: str) -> float:
    """The share of triplets whose loss, and so whose gradient, is not 0."""
    f = tt.Tensor(train.predict(encoder, x))
    a, p, n = vision.mine_triplets(f, y, mining, MARGIN, generator=np.random.default_rng(SEED))
    losses = vision.triplet_loss(f[a], f[p], f[n], MARGIN, reduction="none")
    return float(np.mean(losses.numpy() > 0))


def meet(people: vision.FaceDB, x: Array) -> tuple[float, float]:
    """How many pictures of known people are recognised, and how many of strangers are not.

    Half of the people are added, with one picture each.
    """
    pictures = x.reshape(NEW, PICTURES, *x.shape[1:])
    names = ["Ada", "Barış", "Cem", "Deniz", "Ece"]
    for name, own in zip(names, pictures, strict=False):
        people.add(name, own[0])
    known = [
        people.recognize(picture) == name
        for name, own in zip(names, pictures, strict=False)
        for picture in own[1:]
    ]
    strangers = [
        people.recognize(picture) is None for own in pictures[len(names) :] for picture in own
    ]
    print(f"the database knows {', '.join(people.people)} by one picture each")
    for who, picture in (("Ada", pictures[0, 1]), ("a stranger", pictures[-1, 0])):
        found = {name: round(d, 2) for name, d in people.distances(picture).items()}
        print(f"  {who:<10} {found} -> {people.recognize(picture) or 'not recognised'}")
    print(f"recognised: {np.mean(known):.1%}; strangers not recognised: {np.mean(strangers):.1%}")
    return float(np.mean(known)), float(np.mean(strangers))


def learn_similarity(x: Array, y: Array, steps: int) -> vision.Siamese:
    """Encoder and head, trained together on pairs of which half show the same person."""
    rng = np.random.default_rng(SEED)
    siamese = vision.Siamese(fresh_encoder(), vision.SimilarityHead())
    optimizer = optim.Adam(siamese.named_parameters(), lr=3e-3)
    for _ in range(steps):
        rows = some_people(y, rng)
        i, j, same = vision.draw_pairs(y[rows], 96, generator=rng)
        f = siamese.encoder(tt.Tensor(x[rows]))  # each picture once, though it is in many pairs
        z = siamese.compare(f[i], f[j])
        F.binary_cross_entropy_with_logits(z, same.astype(np.float32)).backward()
        optimizer.step()
        optimizer.zero_grad()
    return siamese


def plot_people(x: Array, file: Path) -> Path:
    """A row of pictures for each of some people."""
    figure, axes = canvas(columns=8, rows=5, size=(1, 1))
    for row, own in zip(axes, x.reshape(NEW, PICTURES, *x.shape[2:]), strict=False):
        for ax, picture in zip(row, own, strict=False):
            ax.imshow(picture, cmap="gray")
            ax.axis("off")
    figure.suptitle("Five of the new people, a row for each")
    return saved(figure, file)


def plot_before_and_after(
    untrained: Encoder, encoder: Encoder, x: Array, y: Array, threshold: float, file: Path
) -> Path:
    """The distances of new people, before training and after."""
    figure, (left, right) = canvas(columns=2, size=(5, 3.5))
    plot_distances(left, *pair_distances(untrained, x, y), None, "New people, before training")
    plot_distances(right, *pair_distances(encoder, x, y), threshold, "New people, after")
    return saved(figure, file)


def plot_encodings(f: Array, y: Array, file: Path) -> Path:
    """The encodings on their two widest directions, a colour for each person."""
    centred = f - f.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    across, up = directions[:2] @ centred.T
    figure, ax = canvas(size=(5.5, 5))
    ax.scatter(across, up, c=y, cmap="tab10", s=14)
    ax.set(title="Encodings of ten new people", xlabel="widest direction", ylabel="second widest")
    return saved(figure, file)


def plot_shares(shares: Mapping[str, list[float]], file: Path) -> Path:
    """How many triplets of each step have a loss above 0, 20 steps at a time."""
    figure, ax = canvas(size=(6, 3.5))
    for name, values in shares.items():
        ax.plot(np.convolve(values, np.ones(20) / 20, mode="valid"), label=name)
    ax.set(title="Triplets that teach something", xlabel="step", ylabel="share with a loss above 0")
    ax.set_ylim(0, 1.05)
    ax.legend()
    return saved(figure, file)


def draw_siamese(siamese: vision.Siamese, x: Array, folder: Path) -> list[Path]:
    """Forward for one pair, two towers with the same weights between them, and both passes."""
    pair = tt.Tensor(x[:1], name="x1"), tt.Tensor(x[1:2], name="x2")
    same = np.ones(1, np.float32)

    def loss(z: tt.Tensor) -> tt.Tensor:
        return F.binary_cross_entropy_with_logits(z, same)

    towers = tt.draw(siamese, *pair, loss=loss, values="none", passes="forward")
    both = tt.draw(siamese, *pair, loss=loss, values="none", depth=1)
    return [towers.save(folder / "faces-siamese.svg"), both.save(folder / "faces-both-passes.svg")]


if __name__ == "__main__":
    print(main())
