"""Skip-gram: a word's vector is learned from guessing the words near it. Course 5, week 2.

e_c is the row of the context word c in the table E, θ_t that of the target word t in another.
Whether t is near c can be asked in three ways. For one pair the first, a softmax, needs all V rows
of θ, the second, a tree, about log₂ V of them, the third, negative sampling, k + 1.

    noise = tt.text.noise_distribution(vocab.counts)
    model = tt.text.NegativeSamplingSkipGram(noise, features=100)
    loss = model(context, target)  # (N,) and (N,) numbers of words
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr import nn
from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ShapeError, describe
from tinygrad_tr.nn import functional as F
from tinygrad_tr.nn.checks import require_reduction
from tinygrad_tr.rules.indexing import integers, require_inside
from tinygrad_tr.tensor import Tensor

from .contexts import AliasSampler
from .word_trees import WordTree

Array = np.ndarray[Any, Any]
Generator = np.random.Generator | None


def softmax_loss(e: Tensor, theta: Tensor, target: Any, reduction: str = "mean") -> Tensor:
    """−ln (exp(θ_t·e) / Σⱼ exp(θⱼ·e)): vectors e (N, D), θ (V, D), targets (N,) in [0, V)."""
    return F.cross_entropy(F.linear(e, theta), target, reduction=reduction)


def hierarchical_softmax_loss(
    e: Tensor, theta: Tensor, target: Any, tree: WordTree, reduction: str = "mean"
) -> Tensor:
    """−Σ ln σ(±θₙ·e) over the nodes n on the way to the target, + where it turns right.

    Vectors e (N, D), θ (V − 1, D) with a row for each node of the tree, targets (N,) in [0, V).
    Source: Morin and Bengio 2005.
    """
    name = "hierarchical_softmax_loss"
    reduce = require_reduction(name, reduction)
    words = words_of(name, "target", target, (len(e),))
    require_inside(name, words, len(tree), 0, negative=False)
    if len(theta) != len(tree) - 1:
        raise ShapeError(name, "each node of the tree has one vector", got=describe(theta),
                         wanted=f"({len(tree) - 1}, D) for {len(tree)} words")  # fmt: skip
    z = products(F.embedding(tree.nodes[words], theta), e)
    right, part = (facts[words].astype(e.dtype) for facts in (tree.right, tree.part))
    each = F.binary_cross_entropy_with_logits(z, right, weight=part, reduction="none")
    return reduce(np.sum(each, axis=1))


def negative_sampling_loss(
    e: Tensor, theta: Tensor, target: Any, negatives: Any, reduction: str = "mean"
) -> Tensor:
    """−ln σ(θ_t·e) − Σₖ ln σ(−θₖ·e): one true pair and k false ones.

    Vectors e (N, D), θ (V, D), targets (N,) and negatives (N, k) in [0, V). Source: arXiv
    1310.4546.
    """
    name = "negative_sampling_loss"
    reduce = require_reduction(name, reduction)
    true = words_of(name, "target", target, (len(e),))
    false = words_of(name, "negatives", negatives, (len(e), None))
    words = np.concatenate([true[:, None], false], axis=1)
    truth = np.zeros(words.shape, e.dtype)
    truth[:, 0] = 1
    z = products(F.embedding(words, theta), e)
    each = F.binary_cross_entropy_with_logits(z, truth, reduction="none")
    return reduce(np.sum(each, axis=1))


def products(theta: Tensor, e: Tensor) -> Tensor:
    """θₙₖ · eₙ for the k vectors that belong to each of N: (N, k, D), (N, D) -> (N, k)."""
    return np.einsum("nkd,nd->nk", theta, e)


def words_of(operation: str, name: str, words: Any, shape: tuple[int | None, ...]) -> Array:
    """Integers of this shape, of which None is any length."""
    numbers = integers(operation, words)
    fits = [wanted in (None, length) for wanted, length in zip(shape, numbers.shape, strict=False)]
    if numbers.ndim != len(shape) or not all(fits):
        written = str(shape).replace("None", "k")
        raise ShapeError(
            operation, f"{name} does not fit the vectors", got=describe(numbers), wanted=written
        )
    return numbers


class SkipGram(nn.Module):
    """Vectors of V words, `embedding.weight` (V, D), small at first, and the other table, zeros.

    A kind of skip-gram, called with the numbers of contexts (N,) and of targets (N,), gives the
    mean loss of the pairs.
    """

    def __init__(self, words: int, features: int, choices: int, generator: Generator) -> None:
        self.embedding = nn.Embedding(words, features, generator=generator)
        bound = 0.5 / features  # word2vec's
        nn.init.uniform_(self.embedding.weight, -bound, bound, generator=generator)
        self.theta = nn.Parameter(np.zeros((choices, features), self.embedding.weight.dtype))


class SoftmaxSkipGram(SkipGram):
    """p(t|c) = softmax(θ e_c)_t: one choice among all V words."""

    def __init__(self, words: int, features: int, *, generator: Generator = None) -> None:
        super().__init__(words, features, words, generator)

    def forward(self, context: Any, target: Any) -> Tensor:
        return softmax_loss(self.embedding(context), self.theta, target)


class HierarchicalSkipGram(SkipGram):
    """p(t|c) = Π σ(±θₙ·e_c): yes or no at each node n on the way to t in a tree of the V words."""

    def __init__(self, tree: WordTree, features: int, *, generator: Generator = None) -> None:
        super().__init__(len(tree), features, len(tree) - 1, generator)
        self.tree = tree

    def forward(self, context: Any, target: Any) -> Tensor:
        return hierarchical_softmax_loss(self.embedding(context), self.theta, target, self.tree)


class NegativeSamplingSkipGram(SkipGram):
    """p(near|c, t) = σ(θ_t·e_c): yes for the target, no for k words drawn from the noise (V,).

    k is 5 to 20 for little text, 2 to 5 for much. A word that is near may be drawn as well.
    """

    def __init__(
        self, noise: Any, features: int, negatives: int = 5, *, generator: Generator = None
    ) -> None:
        self.noise = AliasSampler(noise)
        super().__init__(len(self.noise), features, len(self.noise), generator)
        self.negatives = whole("NegativeSamplingSkipGram", "negatives", negatives)
        self.generator = generator

    def forward(self, context: Any, target: Any) -> Tensor:
        shape = (len(context), self.negatives)
        drawn = self.noise.sample(shape, generator=self.generator)
        return negative_sampling_loss(self.embedding(context), self.theta, target, drawn)
