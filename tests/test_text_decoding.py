"""Sampling, greedy and beam search, the blame for a bad sentence, BLEU. Rows 5.07, 5.25-5.29."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import errors, metrics, nn, project, text

# After nothing A (0) or B (1); after A both again; after B nearly always A.
TREE = {(): [0.6, 0.4], (0,): [0.5, 0.5], (1,): [0.9, 0.1]}
ROOT = np.zeros((1, 0), np.int64)


def tree_step(tree):
    """A model that looks its probabilities up: its state is the prefix, as it was before."""

    def step(tokens, prefix):
        prefix = np.column_stack([prefix, tokens])
        with np.errstate(divide="ignore"):  # log 0 = −∞: impossible
            return np.log([tree[tuple(row[1:])] for row in prefix.tolist()]), prefix

    return step


def random_tree(rng, words, depth):
    """Probabilities of each next word after each prefix shorter than depth."""
    return {
        prefix: rng.dirichlet(np.ones(words))
        for length in range(depth)
        for prefix in itertools.product(range(words), repeat=length)
    }


def exhaustive(tree, words, depth, end=None):
    """The likeliest of all sentences, and its probability; with an end, of those that end."""
    p = {}
    for sentence in itertools.product(range(words), repeat=depth):
        if end is not None and end not in sentence:
            continue
        sentence = sentence[: sentence.index(end) + 1] if end is not None else sentence
        p[sentence] = math.prod(tree[sentence[:t]][word] for t, word in enumerate(sentence))
    return max(p.items(), key=lambda item: item[1])


def constant_step(p):
    """A model that always gives the same probabilities."""

    def step(tokens, state):
        return np.log(np.tile(p, (len(tokens), 1))), state

    return step


# ------------------------------------------------------------------ 5.07 sampling


def test_draws_have_the_probabilities_of_the_softmax():
    p = np.array([0.1, 0.2, 0.3, 0.4])
    drawn = text.sample(
        constant_step(p), np.zeros(10_000, int), end=None, max_length=1,
        generator=np.random.default_rng(0),
    )  # fmt: skip
    counts = np.bincount([one.tokens[0] for one in drawn], minlength=4)
    assert np.sum((counts - 10_000 * p) ** 2 / (10_000 * p)) < 16.27  # χ² of 3 degrees: p > 0.001


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"temperature": 0.5}, np.array([1, 4, 9, 16]) / 30),
        ({"temperature": 2.0}, np.sqrt([1, 2, 3, 4]) / np.sqrt([1, 2, 3, 4]).sum()),
        ({"top_k": 2}, np.array([0, 0, 3, 4]) / 7),
        ({"top_p": 0.6}, np.array([0, 0, 3, 4]) / 7),
        ({"top_p": 0.4}, np.array([0, 0, 0, 1])),
        ({"top_k": 3, "top_p": 0.75}, np.array([0, 0, 3, 4]) / 7),  # 0.75 of 0.9
        ({"top_k": 9}, np.array([1, 2, 3, 4]) / 10),
    ],
)
def test_temperature_top_k_and_top_p_change_the_probabilities(options, wanted):
    p = np.array([0.1, 0.2, 0.3, 0.4])
    drawn = text.sample(
        constant_step(p), np.zeros(20_000, int), end=None, max_length=1,
        generator=np.random.default_rng(1), **options,
    )  # fmt: skip
    shares = np.bincount([one.tokens[0] for one in drawn], minlength=4) / 20_000
    np.testing.assert_allclose(shares, wanted, atol=0.015)
    assert not shares[wanted == 0].any()
    for one in drawn[:20]:  # what is returned is the model's own probability
        assert one.log_probability == pytest.approx(np.log(p[one.tokens[0]]))


def test_samples_end_at_the_end_and_the_same_seed_draws_the_same():
    step = constant_step([0.5, 0.3, 0.2])
    first, second = (
        text.sample(step, np.full(50, 2), end=2, max_length=6, generator=np.random.default_rng(3))
        for _ in range(2)
    )
    assert first == second
    assert {len(one.tokens) for one in first} == {1, 2, 3, 4, 5, 6}
    for one in first:
        assert 2 not in one.tokens[:-1]
        assert one.finished == (one.tokens[-1] == 2)
        steps = text.log_probabilities(step, 2, one.tokens)
        assert one.log_probability == pytest.approx(steps.sum())


# ------------------------------------------------------------------ 5.25 the likeliest sentence


def test_greedy_misses_the_likeliest_sentence_of_the_tree():
    found = text.greedy(tree_step(TREE), 0, end=None, max_length=2, state=ROOT)
    assert math.exp(found.log_probability) == pytest.approx(0.30)
    sentence, p = exhaustive(TREE, 2, 2)
    assert sentence == (1, 0)
    assert p == pytest.approx(0.36)


def test_the_log_probability_of_a_sentence_is_the_sum_of_its_steps():
    steps = text.log_probabilities(tree_step(TREE), 0, (1, 0), state=ROOT)
    np.testing.assert_allclose(np.exp(steps), [0.4, 0.9])
    assert math.exp(steps.sum()) == pytest.approx(0.36)
    (best, *_) = text.beam_search(tree_step(TREE), 0, 2, end=None, max_length=2, state=ROOT)
    assert best.log_probability == pytest.approx(steps.sum())


# ------------------------------------------------------------------ 5.26 beam search


def test_two_beams_find_the_likeliest_sentence_of_the_tree():
    best, second = text.beam_search(tree_step(TREE), 0, 2, end=None, max_length=2, state=ROOT)
    assert best.tokens == (1, 0)
    assert math.exp(best.log_probability) == pytest.approx(0.36)
    assert math.exp(second.log_probability) == pytest.approx(0.30)


@pytest.mark.parametrize("end", [None, 0])
def test_one_beam_is_greedy_and_a_wide_one_exhaustive(end):
    rng = np.random.default_rng(0)
    for _ in range(20):
        tree = random_tree(rng, words=3, depth=4)
        search = {"end": end, "max_length": 4, "state": ROOT}
        greedy = text.greedy(tree_step(tree), 0, **search)
        (one,) = text.beam_search(tree_step(tree), 0, 1, alpha=0, **search)
        assert one == greedy
        best = text.beam_search(tree_step(tree), 0, 3**3, alpha=0, **search)[0]
        sentence, p = exhaustive(tree, 3, 4, end)
        assert best.tokens == sentence
        assert best.log_probability == pytest.approx(math.log(p))


def test_three_beams_of_10000_words_score_30000_continuations_a_step():
    rng, scored = np.random.default_rng(0), []

    def step(tokens, state):
        scores = rng.standard_normal((len(tokens), 10_000)).astype(np.float32)
        scored.append(scores.size)
        return scores, state

    found = text.beam_search(step, 0, 3, end=None, max_length=5)
    assert scored == [10_000, 30_000, 30_000, 30_000, 30_000]
    assert [len(one.tokens) for one in found] == [5, 5, 5]


def test_wider_beams_find_the_optimum_more_often():
    rng = np.random.default_rng(0)
    trees = [random_tree(rng, words=5, depth=4) for _ in range(60)]
    found = {}
    for width in (1, 2, 3, 5, 25):
        hits = [
            text.beam_search(tree_step(tree), 0, width, end=None, max_length=4, state=ROOT)[
                0
            ].tokens
            == exhaustive(tree, 5, 4)[0]
            for tree in trees
        ]
        found[width] = np.mean(hits)
    rates = list(found.values())
    assert rates == sorted(rates)
    assert found[1] <= 0.8
    assert found[5] >= 0.95
    assert found[25] == 1


def test_a_batch_of_searches_finds_what_each_finds_alone():
    tt.manual_seed(0)
    for layer, axis in ((nn.GRU, 1), (nn.LSTM, 1)):
        model = nn.models.RecurrentLanguageModel(6, 4, 8, num_layers=2, layer=layer)
        starts = np.array([1, 4, 2])
        search = {"end": 0, "max_length": 7, "state_axis": axis}
        together = text.beam_search(model.step, starts, 3, **search)
        greedy = text.greedy(model.step, starts, **search)
        for start, several, one in zip(starts, together, greedy, strict=True):
            alone = text.beam_search(model.step, start, 3, **search)
            assert [h.tokens for h in several] == [h.tokens for h in alone]
            for hypothesis in several:
                steps = text.log_probabilities(model.step, start, hypothesis.tokens)
                assert hypothesis.log_probability == pytest.approx(steps.sum(), rel=1e-5)
            assert one.tokens == text.greedy(model.step, start, **search).tokens


def test_the_state_may_be_any_nest_with_an_axis_for_each_part():
    """A model whose state has the prefix three times, in another place each, and a number."""

    def step(tokens, state):
        rows, (columns, seen) = state["rows"], state["pair"]
        np.testing.assert_array_equal(rows, columns.T)
        np.testing.assert_array_equal(rows, seen.numpy()[0])
        rows = np.column_stack([rows, tokens])
        scores = [TREE[tuple(row[1:])] for row in rows.tolist()]
        new = {"rows": rows, "pair": (rows.T, tt.Tensor(rows[None])), "size": state["size"]}
        return np.log(scores), new

    state = {"rows": ROOT, "pair": (ROOT.T, tt.Tensor(ROOT[None])), "size": 7}
    axes = {"rows": 0, "pair": (1, 1), "size": None}
    best = text.beam_search(
        step, 0, 2, end=None, max_length=2, state=state, state_axis=axes
    )[0]  # fmt: skip
    assert best.tokens == (1, 0)


def test_sentences_that_end_are_kept_while_others_go_on():
    p = {(): [0.5, 0.45, 0.05], (1,): [0.01, 0.99, 0], (1, 1): [0.99, 0.01, 0]}
    tree = {**{prefix: [0.98, 0.01, 0.01] for prefix in [(2,), (2, 1), (1, 2)]}, **p}

    def tokens_of(alpha):
        found = text.beam_search(
            tree_step(tree), 0, 2, end=0, max_length=3, alpha=alpha, state=ROOT
        )
        return [one.tokens for one in found]

    assert tokens_of(alpha=0) == [(0,), (1, 1, 0)]  # 0.5 against 0.45 · 0.99 · 0.99
    assert tokens_of(alpha=1) == [(1, 1, 0), (0,)]


def test_a_search_stops_when_nothing_better_can_come():
    calls = []

    def step(tokens, state):
        calls.append(len(tokens))
        return np.log(np.tile([0.9, 0.05, 0.05], (len(tokens), 1))), state

    best = text.beam_search(step, 0, 1, end=0, max_length=1000)[0]
    assert best.tokens == (0,)
    assert len(calls) == 1
    calls.clear()
    found = text.beam_search(step, 0, 3, end=0, max_length=1000, alpha=0)
    assert [len(one.tokens) for one in found] == [1, 2, 2]
    assert len(calls) < 10


def search_without_shortcuts(tree, width, end, max_length, alpha):
    """Beam search on tuples, which follows every prefix to its end: sentences, best first."""
    beam, ended = {(): 0.0}, {}
    for _ in range(max_length):
        longer = {
            (*prefix, word): log_p + math.log(p)
            for prefix, log_p in beam.items()
            for word, p in enumerate(tree[prefix])
        }
        best = dict(sorted(longer.items(), key=lambda item: -item[1])[:width])
        ended |= {words: log_p for words, log_p in best.items() if words[-1] == end}
        beam = {words: log_p for words, log_p in best.items() if words[-1] != end}
    scores = {words: log_p / len(words) ** alpha for words, log_p in ended.items()}
    return sorted(scores, key=lambda words: -scores[words])[:width]


@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0])
def test_stopping_early_changes_nothing(alpha):
    rng = np.random.default_rng(1)
    for _ in range(30):
        tree = random_tree(rng, words=3, depth=5)
        for width in (1, 2, 4):
            found = text.beam_search(
                tree_step(tree), 0, width, end=0, max_length=5, alpha=alpha, state=ROOT
            )
            complete = [one.tokens for one in found if one.finished]
            assert complete == search_without_shortcuts(tree, width, 0, 5, alpha)
            assert [one.finished for one in found] == sorted(
                (one.finished for one in found), reverse=True
            )


def test_searches_record_nothing():
    model = nn.models.RecurrentLanguageModel(4, 3, 3)
    made = []

    def step(tokens, state):
        scores, state = model.step(tokens, state)
        made.append(scores.requires_grad)
        return scores, state

    search = {"end": 0, "max_length": 3, "state_axis": 1}
    text.greedy(step, 1, **search)
    text.sample(step, 1, **search)
    text.beam_search(step, 1, 2, **search)
    assert not any(made)


# ------------------------------------------------------------------ 5.27 length normalisation


def test_the_numbers_of_length_normalisation():
    short, long = math.log(0.5 * 0.4), math.log(0.6 * 0.8 * 0.8 * 0.5)
    assert text.length_normalised(short, 2, 0) == pytest.approx(-1.609438, abs=5e-7)
    assert text.length_normalised(long, 4, 0) == pytest.approx(-1.650260, abs=5e-7)
    assert text.length_normalised(short, 2, 1) == pytest.approx(-0.804719, abs=5e-7)
    assert text.length_normalised(long, 4, 1) == pytest.approx(-0.412565, abs=5e-7)
    assert text.length_normalised(long, 4, 0.7) == pytest.approx(long / 4**0.7)


@pytest.mark.parametrize(("alpha", "winner"), [(0.0, (1, 0)), (1.0, (2, 2, 2, 0))])
def test_without_normalisation_the_short_sentence_wins(alpha, winner):
    # Token 0 ends, token 3 leads nowhere good.
    tree = {
        (): [0, 0.4, 0.6, 0], (1,): [0.5, 0, 0, 0.5], (2,): [0, 0, 0.8, 0.2],
        (2, 2): [0, 0, 0.8, 0.2], (2, 2, 2): [0.5, 0, 0, 0.5],
    }  # fmt: skip
    astray = {
        prefix: [0.01, 0, 0, 0.99]
        for length in (2, 3)
        for prefix in itertools.product(range(4), repeat=length)
    }
    found = text.beam_search(
        tree_step(astray | tree), 0, 4, end=0, max_length=4, alpha=alpha, state=ROOT
    )
    assert found[0].tokens == winner
    scores = {one.tokens: one.score for one in found}
    wanted = {0.0: (-1.609438, -1.650260), 1.0: (-0.804719, -0.412565)}[alpha]
    assert scores[1, 0] == pytest.approx(wanted[0], abs=5e-7)
    assert scores[2, 2, 2, 0] == pytest.approx(wanted[1], abs=5e-7)


def test_logarithms_do_not_underflow():
    assert np.prod(np.full(500, 0.1)) == 0
    tokens = np.zeros(500, int)
    steps = text.log_probabilities(constant_step(np.full(10, 0.1)), 0, tokens)
    assert steps.sum() == pytest.approx(-1151.29, abs=0.005)
    assert metrics.perplexity(steps) == pytest.approx(10)


# ------------------------------------------------------------------ 5.28 whose fault


def test_the_search_is_to_blame_if_the_model_prefers_the_better_sentence():
    assert text.blame(-1.0, -2.0) == "beam"
    assert text.blame(-2.0, -1.0) == "model"
    assert text.blame(-1.0, -1.0) == "model"
    assert text.blame(-np.inf, -3.0) == "model"


def test_on_the_tree_one_beam_is_to_blame_and_two_are_not():
    star = text.log_probabilities(tree_step(TREE), 0, (1, 0), state=ROOT).sum()
    table = project.ErrorTable(["beam", "model"])
    for width in (1, 2):
        hat = text.beam_search(tree_step(TREE), 0, width, end=None, max_length=2, state=ROOT)[0]
        table.add(width, [text.blame(star, hat.log_probability)])
    assert table.totals() == {"beam": 0.5, "model": 0.5}
    assert table.rows[1][0] == {"beam"}
    assert "50%" in str(table)


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"width": 0}, errors.ArgumentError, "width"),
        ({"width": 1.5}, errors.ArgumentError, "width"),
        ({"max_length": 0}, errors.ArgumentError, "max_length"),
        ({"alpha": -1}, errors.ArgumentError, "alpha"),
        ({"alpha": np.nan}, errors.ArgumentError, "alpha"),
        ({"start": []}, errors.ShapeError, "start"),
        ({"start": [[0]]}, errors.ShapeError, "start"),
        ({"start": 0.5}, errors.DtypeError, "integers"),
        ({"start": -1}, errors.IndexingError, "no such token"),
        ({"end": 2}, errors.IndexingError, "end"),
        ({"state": np.zeros((2, 1))}, errors.ShapeError, "state_axis"),
        ({"state": np.zeros((1, 1)), "state_axis": 2}, errors.DtypeError, "state_axis"),
        ({"state": object()}, errors.DtypeError, "state"),
    ],
)
def test_beam_search_refuses(options, error, words):
    given = {"start": 0, "width": 2, "end": None, "max_length": 2, **options}
    with pytest.raises(error, match=words):
        text.beam_search(constant_step([0.5, 0.5]), **given)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"temperature": 0}, errors.ArgumentError),
        ({"temperature": -1.0}, errors.ArgumentError),
        ({"temperature": np.nan}, errors.ArgumentError),
        ({"top_k": 0}, errors.ArgumentError),
        ({"top_p": 0.0}, errors.ArgumentError),
        ({"top_p": 1.1}, errors.ArgumentError),
        ({"max_length": 0}, errors.ArgumentError),
        ({"end": -1}, errors.IndexingError),
    ],
)
def test_sample_refuses(options, error):
    with pytest.raises(error):
        text.sample(constant_step([0.5, 0.5]), 0, **{"end": None, "max_length": 2, **options})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((np.zeros((1, 0)), None), errors.ShapeError),  # no vocabulary
        ((np.zeros(3), None), errors.ShapeError),
        ((np.zeros((2, 3)), None), errors.ShapeError),
        ((np.zeros((1, 3), int), None), errors.DtypeError),
        ((np.full((1, 3), np.nan), None), errors.ArgumentError),
        ((np.full((1, 3), -np.inf), None), errors.ArgumentError),
        ((np.array([[0, np.inf]]), None), errors.ArgumentError),
        (np.zeros((1, 3)), errors.DtypeError),  # without a state
    ],
)
@pytest.mark.parametrize("search", [text.greedy, text.sample, text.beam_search])
def test_scores_that_are_none_are_refused(search, answer, error):
    width = (1,) if search is text.beam_search else ()
    with pytest.raises(error, match=search.__name__):
        search(lambda tokens, state: answer, 0, *width, end=None, max_length=1)


def test_logarithms_that_are_none_are_refused():
    for wrong in (np.nan, 0.5):
        with pytest.raises(errors.ArgumentError, match="logarithm"):
            text.blame(wrong, -1.0)
        with pytest.raises(errors.ArgumentError, match="logarithm"):
            metrics.perplexity([-1.0, wrong])
    with pytest.raises(errors.ShapeError):
        metrics.perplexity([])
    with pytest.raises(errors.IndexingError):
        text.log_probabilities(constant_step([0.5, 0.5]), 0, [2])


# ------------------------------------------------------------------ 5.29 BLEU

CAT = [line.split() for line in ("the cat is on the mat", "there is a cat on the mat")]


def test_the_precisions_of_the_lecture():
    assert text.ngram_precision(["the"] * 7, CAT, 1) == pytest.approx(2 / 7)
    candidate = ["the", "cat", "the", "cat", "on", "the", "mat"]
    for n, wanted in enumerate((5 / 7, 4 / 6, 2 / 5, 1 / 4), start=1):
        assert text.ngram_precision(candidate, CAT, n) == pytest.approx(wanted)
    wanted = (5 / 7 * 4 / 6 * 2 / 5 * 1 / 4) ** (1 / 4)  # as long as a reference: BP = 1
    assert text.sentence_bleu(candidate, CAT) == pytest.approx(wanted)


def test_an_identical_sentence_has_1_and_one_without_a_common_4_gram_0():
    mixed = ["the", "mat", "is", "on", "the", "cat"]
    assert text.sentence_bleu(CAT[0], CAT) == 1
    assert text.sentence_bleu(["a", "cat"], [["a", "cat"]]) == 1  # there is no 4-gram to miss
    assert text.sentence_bleu(mixed, CAT) == 0
    assert text.sentence_bleu(mixed, CAT, smoothing="exp") > 0
    assert text.sentence_bleu(["dog"] * 5, CAT, smoothing="exp") == 0
    assert text.sentence_bleu([], CAT) == 0
    assert text.sentence_bleu([1, 2, 3, 4, 5], [[1, 2, 3, 4, 5]]) == 1  # ids do as well


def test_short_candidates_pay_the_brevity_penalty():
    assert text.sentence_bleu(CAT[0][:5], CAT[:1]) == pytest.approx(math.exp(1 - 6 / 5))
    # Of references 5 and 7 long the shorter is taken for 6 words.
    assert text.sentence_bleu(CAT[0], [CAT[0][:5], [*CAT[0], "x"]]) == 1


def random_corpus(rng, sentences, references, low):
    """Sentences of few words, so that n-grams meet, and references that are like them."""
    candidates, all_references = [], []
    for _ in range(sentences):
        candidate = rng.integers(0, 5, rng.integers(low, 13)).tolist()
        several = []
        for _ in range(references):
            noisy = [w if rng.random() < 0.7 else int(rng.integers(5)) for w in candidate]
            several.append(noisy[: max(low, len(noisy) - int(rng.integers(0, 3)))])
        candidates.append([f"w{w}" for w in candidate])
        all_references.append([[f"w{w}" for w in one] for one in several])
    return candidates, all_references


@pytest.mark.parametrize("references", [1, 3])
@pytest.mark.parametrize(
    ("smoothing", "method", "value"),
    [
        ("none", "none", None),
        ("exp", "exp", None),
        ("floor", "floor", 0.1),
        ("add-one", "add-k", 1),
    ],
)
def test_bleu_is_sacrebleus(smoothing, method, value, references):
    sacrebleu = pytest.importorskip("sacrebleu")
    options = {"smooth_method": method, "smooth_value": value, "tokenize": "none"}
    rng = np.random.default_rng(0)
    candidates, given = random_corpus(rng, 100, references, low=4)
    lines = [" ".join(one) for one in candidates]
    columns = [[" ".join(several[k]) for several in given] for k in range(references)]
    whole = sacrebleu.corpus_bleu(lines, columns, force=True, **options).score / 100
    assert text.bleu(candidates, given, smoothing=smoothing) == pytest.approx(whole, rel=1e-12)
    for candidate, several in zip(candidates, given, strict=True):
        wanted = sacrebleu.sentence_bleu(
            " ".join(candidate), [" ".join(one) for one in several], **options
        )
        found = text.sentence_bleu(candidate, several, smoothing=smoothing)
        assert found == pytest.approx(wanted.score / 100, rel=1e-12, abs=1e-12)


def test_bleu_refuses_what_is_no_corpus():
    with pytest.raises(errors.DtypeError, match="words"):
        text.sentence_bleu("the cat", CAT)
    with pytest.raises(errors.DtypeError, match="words"):
        text.sentence_bleu(CAT[0], ["the cat"])
    with pytest.raises(errors.ArgumentError, match="references"):
        text.sentence_bleu(CAT[0], [])
    with pytest.raises(errors.ShapeError, match="candidate"):
        text.bleu(CAT, [CAT])
    with pytest.raises(errors.ShapeError, match="candidate"):
        text.bleu([], [])
    with pytest.raises(errors.ArgumentError, match="smoothing"):
        text.bleu([CAT[0]], [CAT], smoothing="some")
    with pytest.raises(errors.ArgumentError, match="max_n"):
        text.bleu([CAT[0]], [CAT], max_n=0)
