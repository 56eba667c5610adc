"""Course 5, week 2: t-SNE, a map of vectors of words.

Five kinds of twenty words, 300 generated numbers for each, on a plane: pᵢⱼ says how likely i and
j are neighbours by these numbers, qᵢⱼ on the map, and the map is moved until KL(P ‖ Q) is small.
Nobody derives its gradient: the engine does, and agrees with the published
4 Σⱼ (pᵢⱼ − qᵢⱼ)(yᵢ − yⱼ)/(1 + ‖yᵢ − yⱼ‖²) to 1e-10. At least 0.95 of the five nearest neighbours
on the map must be of the same kind. scikit-learn's map stands beside ours.

    python -m tinygrad_tr.examples.course5_tsne
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import optim
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
FEATURES, NOISE, PERPLEXITY = 300, 2.0, 20.0
WORDS = {
    "animals": "cat dog cow horse sheep goat hen duck goose lion bear wolf fox deer hare mouse "
    "camel donkey eagle owl",
    "fruit": "apple pear plum fig grape cherry peach apricot orange lemon melon quince mulberry "
    "banana date kiwi mango pomegranate strawberry blackberry",
    "cities": "Ankara Bursa İzmir Konya Adana Van Rize Ordu Sivas Muş Siirt Iğdır Kars Uşak Bolu "
    "Sinop Edirne Mersin Malatya Trabzon",
    "colours": "red blue green white black grey brown pink purple yellow turquoise navy beige "
    "crimson violet olive maroon lilac cyan ivory",
    "numbers": "one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen twenty thirty forty fifty sixty",
}


def main(folder: Path = FOLDER, steps: int = 400) -> Outcome:
    """Make the map, and the one of scikit-learn."""
    words = [word for kind in WORDS.values() for word in kind.split()]
    kinds = np.repeat(np.arange(len(WORDS)), 20)
    x = vectors(kinds)
    p = neighbourhoods(x, PERPLEXITY)
    print(f"perplexity of the rows: {perplexity(p).min():.7f} to {perplexity(p).max():.7f}")
    joint = (p + p.T) / (2 * len(p))

    y = tt.Tensor(np.random.default_rng(1).standard_normal((len(x), 2)), requires_grad=True)
    (by_engine,) = tt.grad(divergence(joint, y), [y])
    apart = float(np.max(np.abs(by_engine.numpy() - published_gradient(joint, y.numpy()))))
    print(f"the gradients of the engine and of the paper differ by {apart:.1e} at most")

    found, history = tsne(joint, steps)
    purity = neighbours_alike(found, kinds)
    print(f"KL(P ‖ Q) fell from {history[0]:.3f} to {history[-1]:.3f}")
    print(f"of the 5 nearest on the map are of the same kind: {purity:.1%}")
    theirs = of_scikit_learn(x)
    print(f"  and on scikit-learn's: {neighbours_alike(theirs, kinds):.1%}")
    return Outcome(
        [
            Goal("difference of the gradients", apart, at_most=1e-10),
            Goal("neighbours of the same kind", purity, at_least=0.95),
        ],
        [
            plot_map(found, words, kinds, folder / "tsne-words.svg"),
            plot_both(found, theirs, kinds, history, folder / "tsne-both.png"),
            tt.draw(divergence(joint[:3, :3], y[:3]), values="none").save(folder / "tsne-kl.svg"),
        ],
    )


def vectors(kinds: Array, seed: int = 0) -> Array:
    """Vectors round a centre for each kind: (m, 300)."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((kinds.max() + 1, FEATURES))
    return centres[kinds] + NOISE * rng.standard_normal((len(kinds), FEATURES))


def neighbourhoods(x: Array, wanted: float) -> Array:
    """pⱼ|ᵢ ∝ exp(−βᵢ ‖xᵢ − xⱼ‖²), each βᵢ such that row i has this perplexity: (m, m).

    The perplexity 2^entropy is how many neighbours a row has, as it were; it falls as β rises, so
    that halving an interval of ln β finds it.
    """
    squares = np.square(F.cdist(x, x))
    np.fill_diagonal(squares, np.inf)
    squares -= squares.min(axis=1, keepdims=True)  # changes no p, and nothing underflows
    low, high = np.full((2, len(x), 1), [[[-20.0]], [[20.0]]])
    for _ in range(60):
        middle = (low + high) / 2
        p = np.exp(-np.exp(middle) * squares)
        p /= p.sum(axis=1, keepdims=True)
        too_wide = perplexity(p)[:, None] > wanted
        low, high = np.where(too_wide, middle, low), np.where(too_wide, high, middle)
    return p


def perplexity(p: Array) -> Array:
    """2^entropy of each row: (m,)."""
    return np.asarray(np.exp(-np.sum(p * np.log(np.where(p > 0, p, 1)), axis=1)))


def divergence(p: Array, y: tt.Tensor) -> tt.Tensor:
    """KL(P ‖ Q) of probabilities P (m, m) and a map y (m, 2), with qᵢⱼ ∝ 1/(1 + ‖yᵢ − yⱼ‖²).

    Σ p ln(p/q) = Σ p ln p + Σ p ln(1 + d²) + ln Σ 1/(1 + d²), since Σ p = 1, sums over i ≠ j.
    """
    d2 = np.sum(np.square(y[:, None] - y), axis=2)
    others = 1 - np.eye(len(p))
    known = np.sum(p * np.log(np.where(p > 0, p, 1)))
    return known + np.sum(p * np.log1p(d2)) + np.log(np.sum(others / (1 + d2)))


def published_gradient(p: Array, y: Array) -> Array:
    """4 Σⱼ (pᵢⱼ − qᵢⱼ)(yᵢ − yⱼ)/(1 + ‖yᵢ − yⱼ‖²): (m, 2). van der Maaten and Hinton 2008."""
    difference = y[:, None] - y
    near = 1 / (1 + np.sum(np.square(difference), axis=2))
    np.fill_diagonal(near, 0)
    return np.asarray(4 * np.einsum("ij,ijk->ik", (p - near / near.sum()) * near, difference))


def tsne(p: Array, steps: int, seed: int = 0) -> tuple[Array, list[float]]:
    """A map of the probabilities (m, m), and the divergence at each step.

    In the first quarter P counts four times, so that kinds gather before they settle.
    """
    rng = np.random.default_rng(seed)
    y = tt.Tensor(1e-2 * rng.standard_normal((len(p), 2)), requires_grad=True, name="y")
    optimizer = optim.Adam([y], lr=0.3)
    history = []
    for step in range(steps):
        history.append(divergence(p, y).item())
        divergence(4 * p if step < steps // 4 else p, y).backward()
        optimizer.step()
        optimizer.zero_grad()
    return y.numpy(), history


def neighbours_alike(y: Array, kinds: Array, k: int = 5) -> float:
    """How many of the k nearest neighbours on the map are of the same kind."""
    apart = np.asarray(F.cdist(y, y)) + np.diag(np.full(len(y), np.inf))
    nearest = np.argsort(apart, axis=1)[:, :k]
    return float(np.mean(kinds[nearest] == kinds[:, None]))


def of_scikit_learn(x: Array) -> Array:
    from sklearn.manifold import TSNE

    return np.asarray(TSNE(perplexity=PERPLEXITY, init="random", random_state=0).fit_transform(x))


def plot_map(y: Array, words: list[str], kinds: Array, file: Path) -> Path:
    """Every word at its place."""
    figure, ax = canvas(size=(10, 8))
    ax.scatter(y[:, 0], y[:, 1], c=kinds, cmap="tab10", vmax=9, s=14)
    for word, place in zip(words, y, strict=True):
        ax.annotate(word, place, fontsize=7, textcoords="offset points", xytext=(3, 2))
    ax.set(title="A map of a hundred words", xticks=[], yticks=[])
    return saved(figure, file)


def plot_both(y: Array, theirs: Array, kinds: Array, history: list[float], file: Path) -> Path:
    """Our map, scikit-learn's, and how the divergence fell."""
    figure, (left, middle, right) = canvas(columns=3, size=(4.2, 3.8))
    for ax, places, title in ((left, y, "This engine"), (middle, theirs, "scikit-learn")):
        for number, kind in enumerate(WORDS):
            ax.scatter(*places[kinds == number].T, s=12, label=kind)
        ax.set(title=title, xticks=[], yticks=[])
    names = left.get_legend_handles_labels()
    figure.legend(*names, loc="outside lower center", ncols=len(WORDS))
    right.plot(history)
    right.set(title="KL(P ‖ Q)", xlabel="step", ylim=(0, None))
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
