"""Course 5, week 3: the likeliest sentence, and why the best word now is not always the best.

On a tree of two words greedy search finds a sentence of probability 0.30; beam search with two
beams finds the best, 0.36. On 200 random trees, the wider the beam, the oftener it finds the best
of all 625 sentences: one beam, which is greedy search, at most 0.8 of the time, five at least 0.15
more, and 125 beams, which drop nothing, always. Last, what dividing by the length does: of two
sentences the short one is more probable, the long one better per word.

    python -m tinygrad_tr.examples.course5_beam_search
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_tr import text
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved

Array = np.ndarray[Any, Any]
TREE = [np.array([[0.6, 0.4]]), np.array([[0.5, 0.5], [0.9, 0.1]])]  # after nothing; after A, B
WIDTHS, WORDS, DEPTH, SEED = (1, 2, 3, 5, 25, 125), 5, 4, 0
SENTENCES = {"short": (0.5, 0.4), "long": (0.6, 0.8, 0.8, 0.5)}


class Tree:
    """A model that looks its probabilities up: levels[t] (V^t, V), a row for each prefix.

    Its state is the prefix (M, t), to which each step adds the token it gets; the first is not
    part of the sentence.
    """

    def __init__(self, levels: list[Array]) -> None:
        self.levels = levels
        self.start = np.zeros((1, 0), np.int64)

    def step(self, tokens: Array, prefix: Array) -> tuple[Array, Array]:
        prefix = np.column_stack([prefix, tokens])
        words = prefix[:, 1:]
        level = self.levels[words.shape[1]]
        row = words @ level.shape[1] ** np.arange(words.shape[1])[::-1]
        return np.log(level[row]), prefix

    def search(self, width: int) -> text.Hypothesis:
        """The best sentence that so many beams find."""
        return text.beam_search(
            self.step, 0, width, end=None, max_length=len(self.levels), state=self.start
        )[0]

    def best(self) -> float:
        """The probability of the likeliest of all sentences."""
        p = np.ones(1)
        for level in self.levels:
            p = (p[:, None] * level).ravel()
        return float(p.max())


def random_tree(rng: np.random.Generator, words: int = WORDS, depth: int = DEPTH) -> Tree:
    """Each prefix is followed by the words with probabilities that are themselves drawn."""
    return Tree([rng.dirichlet(np.ones(words), words**t) for t in range(depth)])


def found_by_width(trees: int, seed: int = SEED) -> dict[int, float]:
    """The share of random trees of which each width finds the best sentence."""
    rng = np.random.default_rng(seed)
    drawn = [random_tree(rng) for _ in range(trees)]
    return {
        width: float(np.mean([
            math.isclose(math.exp(tree.search(width).log_probability), tree.best())
            for tree in drawn
        ]))
        for width in WIDTHS
    }  # fmt: skip


def main(folder: Path = FOLDER, trees: int = 200) -> Outcome:
    """Search the tree and random ones, and compare two sentences of different length."""
    tree = Tree(TREE)
    greedy = text.greedy(tree.step, 0, end=None, max_length=2, state=tree.start)
    found = {"greedy": greedy, **{f"width {width}": tree.search(width) for width in (1, 2)}}
    p = {name: math.exp(one.log_probability) for name, one in found.items()}
    for name, one in found.items():
        print(f"{name:8} {''.join('AB'[token] for token in one.tokens)}  P = {p[name]:.2f}")
    rates = found_by_width(trees)
    print(f"\n{trees} random trees of {WORDS} words and {DEPTH} steps: the best sentence is found")
    print("  width " + "".join(f"{width:8}" for width in rates))
    print("  share " + "".join(f"{rate:8.1%}" for rate in rates.values()))
    print("\nlog P / T^alpha     alpha = 0    0.7      1")
    for name, p_words in SENTENCES.items():
        row = "".join(f"{normalised(name, alpha):9.4f}" for alpha in (0, 0.7, 1))
        print(f"  {name:5} P = {math.prod(p_words):.3f}{row}")
    gains = [normalised("long", alpha) - normalised("short", alpha) for alpha in (0, 1)]
    return Outcome(
        [
            Goal("P of greedy search on the tree", p["greedy"], 0.2999, 0.3001),
            Goal("P of two beams on the tree", p["width 2"], 0.3599, 0.3601),
            Goal("random trees, width 1", rates[1], at_most=0.8),
            Goal("random trees, width 5 - width 1", rates[5] - rates[1], at_least=0.15),
            Goal("random trees, width 125", rates[125], 1, 1),
            Goal("long - short, sum of logs", gains[0], at_most=0),
            Goal("long - short, mean of logs", gains[1], at_least=0),
        ],
        [
            plot_tree(folder / "beam-search-tree.png"),
            plot_widths(rates, folder / "beam-search-widths.png"),
        ],
    )


def normalised(name: str, alpha: float) -> float:
    """log P / T^alpha of one of the two sentences."""
    p = SENTENCES[name]
    return text.length_normalised(float(np.log(p).sum()), len(p), alpha)


def plot_tree(file: Path) -> Path:
    """The tree of two words, the way of greedy search and that of two beams."""
    figure, axes = canvas(size=(6.5, 3.6))
    places = {(): (0, 1.5), (0,): (1, 2.5), (1,): (1, 0.5)}
    places |= {pair: (2, 3 - 2 * pair[0] - pair[1]) for pair in itertools.product((0, 1), (0, 1))}
    ways = {"greedy": ((0,), (0, 0)), "two beams": ((1,), (1, 0))}
    colors = {"greedy": "firebrick", "two beams": "seagreen"}
    for prefix, (right, up) in places.items():
        if not prefix:
            continue
        left, from_up = places[prefix[:-1]]
        way = next((name for name, steps in ways.items() if prefix in steps), None)
        p = TREE[len(prefix) - 1][prefix[0] if len(prefix) == 2 else 0, prefix[-1]]
        color = colors[way] if way else "silver"
        label = way if prefix in ((0,), (1,)) else None
        axes.plot([left, right], [from_up, up], color=color, linewidth=3 * p + 1, label=label)
        axes.text((left + right) / 2, (from_up + up) / 2 + 0.1, f"{p:g}", ha="center", va="bottom")
        if len(prefix) == 2:
            whole = TREE[0][0, prefix[0]] * p
            axes.text(
                right + 0.12, up, f"P = {whole:.2f}", va="center", color=color if way else "black"
            )
    for prefix, (right, up) in places.items():
        name = "AB"[prefix[-1]] if prefix else "start"
        box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "grey"}
        axes.text(right, up, name, ha="center", va="center", bbox=box)
    axes.set(title="The likeliest first word does not begin the likeliest sentence",
             xlim=(-0.2, 2.6), ylim=(-0.4, 3.4))  # fmt: skip
    axes.axis("off")
    axes.legend(loc="upper left")
    return saved(figure, file)


def plot_widths(rates: Mapping[int, float], file: Path) -> Path:
    """How often each width finds the best sentence."""
    figure, axes = canvas(size=(5.5, 3.6))
    bars = axes.bar([str(width) for width in rates], list(rates.values()))
    axes.bar_label(bars, [f"{rate:.1%}" for rate in rates.values()])
    axes.set(title=f"Random trees: the best of {WORDS**DEPTH} sentences found", ylim=(0, 1.1),
             xlabel="width of the beam", ylabel="share of the trees")  # fmt: skip
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
