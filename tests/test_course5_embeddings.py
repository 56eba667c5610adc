"""Course 5: words as numbers, columns and learned vectors. Rows 5.02, 5.08, 5.14, 5.16 to 5.22."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn, text
from tinygrad_tr.examples import course5_embeddings, course5_skip_gram, course5_tsne, royalty
from tinygrad_tr.examples.course5_skip_gram import SENTENCE, WAYS
from tinygrad_tr.nn import functional as F

RNG = np.random.default_rng(0)
ORANGE = SENTENCE.split()


def rows_used(gradient):
    """The rows of a table to which a gradient went."""
    return np.flatnonzero(gradient.numpy().any(axis=1)).tolist()


# ------------------------------------------------------------------ 5.02 numbers, columns, <UNK>


def test_ten_thousand_words_and_the_last_of_them_is_the_unknown_one():
    vocab = text.Vocab([f"word{i}" for i in range(9998)])
    assert len(vocab) == 10_000
    known = ["word7", "word4342", "<EOS>"]
    assert vocab.decode(vocab.encode(known)) == known
    assert vocab.encode(["durian"]).tolist() == [9999]
    assert vocab.decode([9999]) == ["<UNK>"]
    column = vocab.one_hot(["word4342"]).T
    assert column.shape == (10_000, 1)
    assert column.sum().item() == 1
    assert column.numpy()[4342, 0] == 1


# ------------------------------------------------------------------ 5.08 characters and words


def test_characters_need_no_unknown_but_five_times_as_many_steps():
    sentence = course5_embeddings.SENTENCE
    words, characters = text.words(sentence), text.CharTokenizer("abc").encode(sentence)
    assert len(words) == 8
    assert len(characters) == len(sentence) == 43
    assert "<UNK>" in text.Vocab(["the", "cat"]).decode(text.Vocab(["the", "cat"]).encode(words))
    assert text.CharTokenizer("abc").decode(characters) == sentence


# ------------------------------------------------------------------ 5.14 the table


def test_looking_up_is_the_product_with_a_one_hot_column():
    layer = nn.Embedding(10_000, 300)
    assert layer.weight.size == 3_000_000
    E, column = layer.weight.T, F.one_hot([6257], 10_000).T
    assert (E.shape, column.shape) == ((300, 10_000), (10_000, 1))
    product = E @ column
    assert product.shape == (300, 1)
    np.testing.assert_array_equal(product.numpy()[:, 0], layer([6257]).numpy()[0])


def test_two_one_hot_columns_are_never_alike():
    o = F.one_hot(np.arange(50), 50).numpy()
    np.testing.assert_array_equal(o @ o.T, np.eye(50))
    apart = F.cdist(o, o)[~np.eye(50, dtype=bool)]
    np.testing.assert_allclose(apart, np.sqrt(2), rtol=1e-6)


def test_the_gradient_of_the_table_is_in_the_used_rows_and_sums_over_repeats():
    layer, g = nn.Embedding(10, 3, dtype=np.float64), RNG.standard_normal((4, 3))
    (layer([7, 2, 7, 7]) * g).sum().backward()
    assert rows_used(layer.weight.grad) == [2, 7]
    np.testing.assert_allclose(layer.weight.grad.numpy()[7], g[0] + g[2] + g[3], rtol=1e-14)


@pytest.mark.oracle
def test_the_table_and_its_gradient_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    E, g, ids = (RNG.standard_normal((10, 3)), RNG.standard_normal((2, 4, 3)),
                 RNG.integers(0, 10, (2, 4)))  # fmt: skip
    ours, theirs = leaf(E), torch.tensor(E, requires_grad=True)
    e = torch.nn.functional.embedding(torch.tensor(ids), theirs)
    (e * torch.tensor(g)).sum().backward()
    found = F.embedding(ids, ours)
    (found * g).sum().backward()
    np.testing.assert_array_equal(found.numpy(), e.detach().numpy())
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-10)


# ------------------------------------------------------------------ 5.16 analogies


def test_man_is_to_woman_as_king_is_to_queen():
    table = np.array([[-1, 0.01], [1, 0.02], [-0.95, 0.93], [0.97, 0.95]])
    vectors = text.WordVectors(["man", "woman", "king", "queen"], table)
    (word, cos), *others = vectors.analogy("man", "woman", "king", k=4)
    assert word == "queen"
    assert cos == pytest.approx(0.999, abs=5e-4)
    assert not others  # the three that were asked with are no answers


@pytest.mark.parametrize("way", ["softmax", "negative sampling"])
def test_learned_vectors_answer_analogies(way):
    assert len(royalty.analogies()) == 48
    for seed in range(3):
        learned = course5_skip_gram.learn(WAYS[way], seed, steps=300)
        assert royalty.solved(learned) >= 43


# ------------------------------------------------------------------ 5.17 cosine similarity


@pytest.mark.parametrize(("v", "cos"), [([2.0, 0.0], 1), ([0.0, 3.0], 0), ([-1.0, 0.0], -1)])
def test_the_cosine_of_0_90_and_180_degrees(v, cos):
    assert F.cosine_similarity(np.array([1.0, 0.0]), np.array(v), dim=0) == cos


def test_the_cosine_knows_no_lengths_and_its_gradient_turns_only():
    u, v = leaf(RNG.standard_normal(300)), leaf(RNG.standard_normal(300))
    cos = F.cosine_similarity(u, v, dim=0)
    assert F.cosine_similarity(3 * u, 0.01 * v, dim=0).item() == pytest.approx(
        cos.item(), rel=1e-14
    )
    (to_u,) = tt.grad(cos, [u])
    assert np.linalg.norm(to_u.numpy()) > 0.01
    assert abs(u.numpy() @ to_u.numpy()) < 1e-15
    tt.gradcheck(lambda u, v: F.cosine_similarity(u, v, dim=0), [u[:5], v[:5]])


def test_a_vector_of_zeros_is_like_nothing():
    assert F.cosine_similarity(np.zeros(3), np.ones(3), dim=0) == 0


# ------------------------------------------------------------------ 5.18 t-SNE


def test_the_engine_finds_the_published_gradient_of_tsne():
    x, y = RNG.standard_normal((30, 10)), leaf(RNG.standard_normal((30, 2)))
    p = course5_tsne.neighbourhoods(x, 8.0)
    p = (p + p.T) / 60
    (found,) = tt.grad(course5_tsne.divergence(p, y), [y])
    expected = course5_tsne.published_gradient(p, y.numpy())
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10, atol=1e-14)


def test_every_row_has_the_perplexity_that_was_asked_for():
    x = RNG.standard_normal((60, 300)) * RNG.uniform(0.1, 30, (60, 1))
    for wanted in (5.0, 20.0):
        p = course5_tsne.neighbourhoods(x, wanted)
        np.testing.assert_allclose(course5_tsne.perplexity(p), wanted, atol=1e-6)


def test_the_map_keeps_neighbours_together():
    kinds = np.repeat(np.arange(5), 20)
    p = course5_tsne.neighbourhoods(course5_tsne.vectors(kinds), course5_tsne.PERPLEXITY)
    y, _ = course5_tsne.tsne((p + p.T) / 200, steps=150)
    assert course5_tsne.neighbours_alike(y, kinds) >= 0.95


# ------------------------------------------------------------------ 5.19 contexts; a language model


def test_the_last_words_side_by_side():
    for window, width in ((6, 1800), (4, 1200)):
        model = course5_embeddings.LanguageModel(10_000, 300, window)
        words = np.array([[4343, 9665, 1, 3852, 6163, 6257][-window:]])
        side_by_side = model.side_by_side(words)
        assert side_by_side.shape == (1, width)
        assert model(words).shape == (1, 10_000)
        last = model.embedding.weight.numpy()[6257]
        np.testing.assert_array_equal(side_by_side.numpy()[0, -300:], last)


@pytest.mark.parametrize(
    ("kind", "contexts"),
    [
        ("last", ["a", "glass", "of", "orange"]),
        ("around", ["a", "glass", "of", "orange", "to", "go", "along", "with"]),
        ("previous", ["orange"]),
    ],
)
def test_the_contexts_of_juice(kind, contexts):
    found, targets = text.context_pairs(ORANGE, kind)
    assert found[targets == "juice"].tolist() == [contexts]
    by_number, numbers = text.context_pairs(np.arange(len(ORANGE)), kind)
    assert [ORANGE[i] for i in by_number[numbers == 6][0]] == contexts


def test_a_nearby_word_is_any_but_itself():
    numbers = np.arange(len(ORANGE))
    met = {i: set() for i in numbers}
    for seed in range(200):
        found, targets = text.context_pairs(
            numbers, "nearby", 2, generator=np.random.default_rng(seed)
        )
        np.testing.assert_array_equal(targets, numbers)
        for target, (context,) in zip(targets, found, strict=True):
            met[target].add(int(context))
    for target, contexts in met.items():
        near = set(range(max(target - 2, 0), min(target + 3, len(ORANGE))))
        assert contexts == near - {int(target)}


def test_the_gradient_of_the_language_model_reaches_the_table():
    model = course5_embeddings.LanguageModel(8, 3, 4).to(np.float64)
    words, target = np.array([[0, 1, 2, 3], [3, 3, 5, 1]]), np.array([4, 6])

    def loss():
        return F.cross_entropy(model(words), target)

    assert tt.gradient_difference(loss, model).total < 1e-7
    model.zero_grad()
    loss().backward()
    assert rows_used(model.embedding.weight.grad) == [0, 1, 2, 3, 5]


@pytest.mark.parametrize("seed", [1, 2])
def test_words_that_are_used_alike_come_to_lie_together(seed):
    vocab, model, _ = course5_embeddings.learn(steps=300, seed=seed)
    cos = course5_embeddings.similarities(vocab, model)
    kinds = np.repeat(np.arange(6), 3)
    together = kinds[:, None] == kinds
    assert cos[together].min() > 0.8
    assert cos[~together].max() < 0.5


# ------------------------------------------------------------------ 5.20 skip-gram with softmax


def test_the_softmax_of_skip_gram_and_its_gradients():
    e, theta = leaf(RNG.standard_normal((1, 4))), leaf(RNG.standard_normal((7, 4)))
    p = np.array([np.exp(-text.softmax_loss(e, theta, [t]).item()) for t in range(7)])
    assert p.sum() == pytest.approx(1, rel=1e-12)
    text.softmax_loss(e, theta, [2]).backward()
    error = p - np.eye(7)[2]
    np.testing.assert_allclose(theta.grad.numpy(), np.outer(error, e.numpy()), rtol=1e-10)
    np.testing.assert_allclose(e.grad.numpy()[0], error @ theta.numpy(), rtol=1e-10)
    tt.gradcheck(lambda e, theta: text.softmax_loss(e, theta, [2]), [e, theta])


def test_a_word_is_paired_with_the_words_near_it_and_never_with_its_own_place():
    places = np.arange(200)
    context, target = text.skip_gram_pairs([places], 5)
    apart = np.abs(context - target)
    assert apart.min() == 1
    assert apart.max() == 5
    assert len(apart) == 2 * sum(200 - distance for distance in range(1, 6))
    context, target = text.skip_gram_pairs([ORANGE], 4)
    near = set(target[context == "orange"])
    assert {"juice", "glass"} <= near
    assert "orange" not in near


# ------------------------------------------------------------------ 5.21 hierarchical softmax


def test_a_balanced_tree_of_ten_thousand_words():
    depths = text.balanced_tree(10_000).depths
    assert np.bincount(depths)[13:].tolist() == [6384, 3616]
    assert depths.mean() == pytest.approx(13.3616, abs=1e-12)
    assert np.log2(10_000) == pytest.approx(13.29, abs=5e-3)


@pytest.mark.parametrize("words", [2, 3, 7, 64, 100])
@pytest.mark.parametrize("kind", ["balanced", "huffman"])
def test_the_probabilities_of_all_leaves_have_the_sum_1(words, kind):
    counts = RNG.integers(0, 1000, words)
    tree = text.balanced_tree(words) if kind == "balanced" else text.huffman_tree(counts)
    e = np.tile(RNG.standard_normal(5), (words, 1))
    theta = leaf(3 * RNG.standard_normal((words - 1, 5)))
    losses = text.hierarchical_softmax_loss(leaf(e), theta, np.arange(words), tree, "none")
    assert np.exp(-losses.numpy()).sum() == pytest.approx(1, abs=1e-12)


def test_the_gradient_of_a_tree_is_in_the_nodes_on_the_way():
    tree = text.balanced_tree(100)
    e, theta = leaf(RNG.standard_normal((1, 4))), leaf(RNG.standard_normal((99, 4)))
    text.hierarchical_softmax_loss(e, theta, [37], tree).backward()
    way = tree.nodes[37][tree.part[37]]
    assert len(way) == tree.depths[37]
    assert rows_used(theta.grad) == sorted(way)
    small, targets = text.huffman_tree([5, 1, 1, 8, 2]), np.array([0, 3, 1])
    tt.gradcheck(
        lambda e, theta: text.hierarchical_softmax_loss(e, theta, targets, small),
        [leaf(RNG.standard_normal((3, 4))), leaf(RNG.standard_normal((4, 4)))],
    )


def test_huffmans_tree_asks_fewer_questions():
    counts = (1e6 / np.arange(1, 10_001)).astype(np.int64)  # Zipf's law
    share = counts / counts.sum()
    balanced, huffman = text.balanced_tree(10_000).depths, text.huffman_tree(counts).depths
    entropy = -np.sum(share * np.log2(share))
    assert entropy <= share @ huffman <= entropy + 1
    assert share @ huffman < 0.8 * (share @ balanced)
    alike = text.huffman_tree(np.ones(10_000, np.int64)).depths
    assert alike.mean() == pytest.approx(balanced.mean(), abs=1e-12)


# ------------------------------------------------------------------ 5.22 negative sampling


def test_one_true_and_four_false_pairs_come_again_with_their_seed():
    context, words, near = course5_skip_gram.one_true_and_four_false()
    assert (context, words[0]) == ("orange", "juice")
    assert sorted(words[1:]) == sorted(["king", "book", "the", "of"])  # "of" is near, all the same
    assert near == [1, 0, 0, 0, 0]
    assert course5_skip_gram.one_true_and_four_false()[1] == words


def test_the_noise_is_between_the_frequencies_and_all_alike():
    p = text.noise_distribution([16, 1])
    np.testing.assert_allclose(p, [8 / 9, 1 / 9], rtol=1e-14)
    np.testing.assert_allclose(text.noise_distribution([16, 1], 1.0), [16 / 17, 1 / 17], rtol=1e-14)
    np.testing.assert_allclose(text.noise_distribution([16, 1], 0.0), [0.5, 0.5], rtol=1e-14)


def test_words_are_drawn_as_often_as_the_noise_says():
    p = text.noise_distribution([1000, 300, 100, 30, 10, 1])
    drawn = text.AliasSampler(p).sample(100_000, generator=np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(drawn, minlength=6) / 1e5, p, atol=0.01)


def test_the_loss_of_negative_sampling_and_the_rows_that_it_touches():
    e, theta = leaf(RNG.standard_normal((1, 4))), leaf(RNG.standard_normal((50, 4)))
    t, negatives = [3], [[17, 40, 8, 17]]
    loss = text.negative_sampling_loss(e, theta, t, negatives)

    def log_sigmoid(z):
        return -np.log1p(np.exp(-z))

    z = theta.numpy() @ e.numpy()[0]
    expected = -log_sigmoid(z[3]) - log_sigmoid(-z[[17, 40, 8, 17]]).sum()
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    loss.backward()
    assert rows_used(theta.grad) == [3, 8, 17, 40]
    tt.gradcheck(
        lambda e, theta: text.negative_sampling_loss(e, theta, [0, 2], [[1, 1], [3, 0]]),
        [leaf(RNG.standard_normal((2, 4))), leaf(RNG.standard_normal((5, 4)))],
    )


def test_a_step_of_a_skip_gram_moves_the_rows_of_its_words_only():
    noise = text.noise_distribution(RNG.integers(1, 100, 30))
    model = text.NegativeSamplingSkipGram(noise, 8, generator=np.random.default_rng(0))
    optimizer = tt.optim.SGD(model.named_parameters(), lr=0.1)
    for _ in range(2):  # θ begins with zeros: the first step moves it alone
        optimizer.zero_grad()
        before = model.embedding.weight.numpy().copy()
        model([4, 9], [5, 1]).backward()
        optimizer.step()
    moved = (model.embedding.weight.numpy() != before).any(axis=1)
    assert np.flatnonzero(moved).tolist() == [4, 9]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_losses_are_reduced_over_the_pairs(reduction):
    e, theta = leaf(RNG.standard_normal((3, 4))), leaf(RNG.standard_normal((6, 4)))
    t, negatives, tree = np.array([0, 2, 5]), RNG.integers(0, 6, (3, 2)), text.balanced_tree(7)
    for loss in (
        lambda how: text.softmax_loss(e, theta, t, how),
        lambda how: text.negative_sampling_loss(e, theta, t, negatives, how),
        lambda how: text.hierarchical_softmax_loss(e, theta, t, tree, how),
    ):
        each = loss("none").numpy()
        assert each.shape == (3,)
        assert loss(reduction).item() == pytest.approx(getattr(each, reduction)(), rel=1e-12)
