"""Trees whose leaves are the words: a word is the answers yes or no on the way to it.

There are V − 1 nodes, the root is node 0, and the way to a word is about log₂ V long instead of
V. Course 5, week 2.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_tr.arguments import whole

from .vocabulary import counts_of

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class WordTree:
    """The way from the root to each of V words, L steps or fewer.

    At step l of word w stands node `nodes[w, l]`, where it turns right or left, `right[w, l]`.
    `part[w, l]` says whether there is such a step: shorter ways are filled up with node 0.
    All (V, L).
    """

    nodes: Array
    right: Array
    part: Array

    @property
    def depths(self) -> Array:
        """How many questions lead to each word: (V,)."""
        return np.sum(self.part, axis=1)

    def __len__(self) -> int:
        return len(self.nodes)


def balanced_tree(words: int) -> WordTree:
    """Every word at depth ⌊log₂ V⌋ or one more, whatever its frequency.

    Nodes are counted as in a heap: below node i are 2i + 1 and 2i + 2, and the words are the
    last V of them.
    """
    v = whole("balanced_tree", "words", words, 2)
    places = np.arange(2 * v - 1)
    return ways((places - 1) // 2, places % 2 == 0, places[v - 1 :])


def huffman_tree(counts: Any) -> WordTree:
    """Frequent words nearer to the root: no tree has a smaller mean depth of the words met.

    Counts (V,), of two words or more. Source: Huffman 1952.
    """
    n = counts_of("huffman_tree", counts)
    v = whole("huffman_tree", "the number of words", len(n), 2)
    # The two rarest subtrees become one, until one is left; its number falls, to 0 for the root.
    parent, right = np.zeros(2 * v - 1, np.int64), np.zeros(2 * v - 1, bool)
    rarest = [(int(count), v - 1 + word) for word, count in enumerate(n)]
    heapq.heapify(rarest)
    for node in reversed(range(v - 1)):
        (first, left), (second, other) = heapq.heappop(rarest), heapq.heappop(rarest)
        parent[left] = parent[other] = node
        right[other] = True
        heapq.heappush(rarest, (first + second, node))
    return ways(parent, right, np.arange(v - 1, 2 * v - 1))


def ways(parent: Array, right: Array, leaves: Array) -> WordTree:
    """The ways from the root, 0, to the leaves, of each place's parent and side below it."""
    climbed = []
    place = leaves
    while (above := place > 0).any():
        climbed.append((np.where(above, parent[place], 0), above & right[place], above))
        place = climbed[-1][0]
    nodes, turns, part = (np.stack(steps[::-1], axis=1) for steps in zip(*climbed, strict=True))
    # A word that was there early waited at the root: its steps move to the front.
    order = np.argsort(~part, axis=1, kind="stable")
    return WordTree(*(np.take_along_axis(a, order, 1) for a in (nodes, turns, part)))
