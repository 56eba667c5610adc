"""Course 5: language models, and what they write. Rows 5.06, 5.07."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import errors, metrics, nn, optim, text
from tinygrad_tr.examples import course5_language_model as grammar
from tinygrad_tr.examples import course5_prose, course5_provinces
from tinygrad_tr.examples.provinces import PROVINCES
from tinygrad_tr.nn import functional as F

LAYERS = [nn.RNN, nn.GRU, nn.LSTM]


def small_model(vocabulary=4, layer=nn.GRU, **options):
    """A language model in float64, so that differences can check it."""
    generator = np.random.default_rng(0)
    model = nn.models.RecurrentLanguageModel(
        vocabulary, 3, 3, layer=layer, generator=generator, **options
    )
    return model.to(np.float64)


# ------------------------------------------------------------------ 5.06 probability of a sentence


def test_a_sentence_has_a_token_for_its_end_and_none_for_its_full_stop():
    tokens = [*text.words("Cats average 15 hours of sleep a day."), "<EOS>"]
    assert len(tokens) == 9
    assert len(text.Vocab(tokens[:-1], ["<EOS>"]).encode(tokens)) == 9


def test_the_lectures_pear_is_likelier_than_its_pair():
    assert pytest.approx(1781.25) == grammar.PEAR / grammar.PAIR


@pytest.mark.parametrize("layer", LAYERS)
def test_with_zero_weights_all_words_are_equally_likely(layer):
    model = small_model(7, layer)
    for parameter in model.parameters():
        parameter.assign(np.zeros_like(parameter.numpy()))
    tokens = [3, 1, 6, 2, 0]
    found = text.log_probabilities(model.step, 0, tokens).sum()
    assert found == pytest.approx(-len(tokens) * math.log(7), rel=1e-12)


@pytest.mark.parametrize("layer", LAYERS)
def test_the_probabilities_of_all_sentences_and_unfinished_ones_add_up_to_1(layer):
    model, end, longest = small_model(3, layer), 0, 4
    finished = unfinished = 0.0
    for length in range(1, longest + 1):
        for words in itertools.product((1, 2), repeat=length - 1):
            p = np.exp(text.log_probabilities(model.step, end, [*words, end]))
            finished += p.prod()
    for words in itertools.product((1, 2), repeat=longest):
        unfinished += np.exp(text.log_probabilities(model.step, end, words).sum())
    assert 0 < unfinished < 1
    assert finished + unfinished == pytest.approx(1, rel=1e-12)


def test_a_sentences_probability_is_the_product_of_its_words():
    model = small_model(5)
    tokens = np.array([4, 1, 1, 0])
    steps = text.log_probabilities(model.step, 0, tokens)
    logits, _ = model(np.array([[0, 4, 1, 1]]))
    p = F.softmax(logits[0]).numpy()[np.arange(4), tokens]
    assert math.exp(steps.sum()) == pytest.approx(p.prod(), rel=1e-12)
    loss = F.cross_entropy(logits[0], tokens, reduction="sum").item()
    assert loss == pytest.approx(-steps.sum(), rel=1e-12)


@pytest.fixture(scope="module")
def learned():
    return grammar.learn(300)[0]


def test_the_grammar_has_the_entropy_it_is_said_to_have():
    assert sum(grammar.GRAMMAR.values()) == pytest.approx(1)
    assert pytest.approx(2.5595, abs=5e-5) == grammar.ENTROPY
    by_hand = 2 * math.log(2) - sum(
        p * math.log(p) + (1 - p) * math.log(1 - p) for p in (grammar.CLAUSE, grammar.VERY)
    )
    assert pytest.approx(by_hand, rel=1e-12) == grammar.ENTROPY


def test_a_gru_comes_close_to_the_entropy_and_not_below(learned):
    assert 2.55 <= grammar.cross_entropy(learned) <= 2.70


def test_the_verb_agrees_with_the_noun_across_the_clause(learned):
    for noun, right, wrong in (("cat", "was", "were"), ("cats", "were", "was")):
        for clause in ("", "which ate the fish "):
            p = [
                grammar.word_probabilities(learned, f"the {noun} {clause}{verb} full").prod()
                for verb in (right, wrong)
            ]
            assert p[0] > 10 * p[1]


# ------------------------------------------------------------------ 5.07 what models write


def test_what_the_model_of_the_grammar_writes_is_grammatical(learned):
    drawn = grammar.invented(learned, 1000)
    assert np.mean([sentence in grammar.GRAMMAR for sentence in drawn]) >= 0.95
    assert len(set(drawn)) >= 12  # and it is not always the same


def test_the_provinces_are_81_in_turkish_letters():
    assert len(PROVINCES) == len(set(PROVINCES)) == 81
    alphabet = set("abcçdefgğhıijklmnoöprsştuüvyz")
    for name, lower in zip(PROVINCES, course5_provinces.NAMES, strict=True):
        assert set(lower) <= alphabet
        assert course5_provinces.capital(lower) == name
    assert {"istanbul", "ığdır", "şanlıurfa"} <= set(course5_provinces.NAMES)


def test_new_names_are_in_no_atlas():
    names = ["ankara", "ankarahisar", "", "ankarahisar", "van"]
    assert course5_provinces.only_new(names) == ["ankarahisar"]
    assert course5_provinces.likeness(["ankara"]) == 1
    assert course5_provinces.likeness(["qxq"]) == 0


# ------------------------------------------------------------------ the model


@pytest.mark.parametrize("layer", LAYERS)
def test_the_gradient_of_a_language_model_is_that_of_differences(layer):
    model = small_model(4, layer)
    x, y = text.next_tokens([np.array([1, 3, 3]), np.array([2])], end=0)

    def loss():
        return F.cross_entropy(model(x)[0].reshape(-1, 4), y.reshape(-1))

    assert tt.gradient_difference(loss, model).total < 1e-7


@pytest.mark.parametrize("layer", LAYERS)
def test_steps_give_what_the_whole_sentence_gives(layer):
    model, x = small_model(5, layer, num_layers=2), np.array([[1, 4, 2], [0, 3, 3]])
    logits, last = model(x)
    state = None
    for t in range(3):
        one, state = model.step(x[:, t], state)
        np.testing.assert_allclose(one.numpy(), logits.numpy()[:, t], rtol=1e-12)
    parts = [state, last] if layer is not nn.LSTM else [np.stack(state), np.stack(last)]
    np.testing.assert_allclose(*(part.numpy() for part in parts), rtol=1e-12)
    assert parts[0].shape[-3 + model.state_axis] == 2


def test_tied_weights_are_one_table_with_the_gradients_of_both():
    model = small_model(5, tie_weights=True)
    assert model.decoder.weight is model.encoder.weight
    untied = small_model(5)
    assert len(list(untied.parameters())) == len(list(model.parameters())) + 1
    x = np.array([[1, 2, 4]])
    assert tt.gradient_difference(lambda: model(x)[0].sum(), model).total < 1e-7
    with pytest.raises(errors.ArgumentError, match="tied"):
        nn.models.RecurrentLanguageModel(5, 3, 4, tie_weights=True)


@pytest.mark.oracle
@pytest.mark.parametrize("layer", LAYERS)
def test_the_language_model_is_pytorchs(layer):
    torch = pytest.importorskip("torch")
    model = small_model(6, layer)
    peers = torch.nn.ModuleDict({
        "encoder": torch.nn.Embedding(6, 3),
        "rnn": getattr(torch.nn, layer.__name__)(3, 3, batch_first=True),
        "decoder": torch.nn.Linear(3, 6),
    }).double()  # fmt: skip
    peers.load_state_dict({k: torch.tensor(v.copy()) for k, v in model.state_dict().items()})
    x, y = np.array([[1, 4, 2], [0, 5, 3]]), np.array([4, 2, 0, 5, 3, 1])
    theirs = peers["decoder"](peers["rnn"](peers["encoder"](torch.tensor(x)))[0])
    ours = model(x)[0]
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-10)
    F.cross_entropy(ours.reshape(-1, 6), y).backward()
    torch.nn.functional.cross_entropy(theirs.reshape(-1, 6), torch.tensor(y)).backward()
    for name, parameter in model.named_parameters():
        g = peers.get_parameter(name).grad.numpy()
        np.testing.assert_allclose(parameter.grad.numpy(), g, rtol=1e-9, atol=1e-14)


# ------------------------------------------------------------------ text as a stream


def test_each_word_is_the_target_of_those_before_it():
    x, y = text.next_tokens([np.array([5, 6]), np.array([7]), np.array([], int)], end=1)
    np.testing.assert_array_equal(x, [[1, 5, 6], [1, 7, 1], [1, 1, 1]])
    np.testing.assert_array_equal(y, [[5, 6, 1], [7, 1, -100], [1, -100, -100]])


@pytest.mark.parametrize(("batch_size", "length"), [(1, 4), (3, 2), (2, 100)])
def test_windows_go_on_where_the_ones_before_ended(batch_size, length):
    ids = np.arange(24)
    parts = list(text.windows(ids, batch_size, length))
    x, y = (np.hstack(part) for part in zip(*parts, strict=True))
    np.testing.assert_array_equal(x + 1, y)
    steps = 23 // batch_size
    np.testing.assert_array_equal(x.ravel(), np.arange(steps * batch_size))
    assert all(one.shape[1] == length for one, _ in parts[:-1])


@pytest.mark.parametrize("layer", LAYERS)
def test_the_state_is_carried_from_window_to_window(layer):
    model, ids = small_model(6, layer), np.random.default_rng(0).integers(0, 6, 40)
    at_once = text.stream_log_probabilities(model, ids, length=39)
    in_parts = text.stream_log_probabilities(model, ids, length=7)
    np.testing.assert_allclose(in_parts, at_once, rtol=1e-12)
    np.testing.assert_allclose(
        at_once, text.log_probabilities(model.step, ids[0], ids[1:]), rtol=1e-12
    )
    assert model.training


@pytest.mark.parametrize("layer", LAYERS)
def test_a_stream_is_learned_with_gradients_that_end_at_the_window(layer):
    # Every third word is 2; what the first window did is a constant for the second.
    ids = np.tile([0, 1, 2], 40)
    model = small_model(3, layer)
    optimizer = optim.Adam(model.named_parameters(), lr=0.05)
    learned = text.fit_stream(model, ids, optimizer, epochs=8, batch_size=4, length=5)
    assert len(learned.losses) == len(learned.norms) == 8 * 6
    assert learned.losses[-1] < 0.3 < learned.losses[0]
    assert metrics.perplexity(text.stream_log_probabilities(model, ids)) < 1.4


def test_long_gradients_are_shortened_and_their_own_norm_reported():
    ids = np.random.default_rng(0).integers(0, 5, 200)
    moved = {}
    for max_norm in (np.inf, 1e-3):
        model = small_model(5)
        before = nn.utils.parameters_to_vector(model.parameters()).numpy().copy()
        optimizer = optim.SGD(model.named_parameters(), lr=1.0)
        learned = text.fit_stream(model, ids, optimizer, batch_size=4, length=49, max_norm=max_norm)
        after = nn.utils.parameters_to_vector(model.parameters()).numpy()
        moved[max_norm] = np.linalg.norm(after - before), learned.norms[0]
    assert moved[np.inf][0] == pytest.approx(moved[np.inf][1])
    assert moved[1e-3][0] == pytest.approx(1e-3, rel=0.01)
    assert moved[1e-3][1] == moved[np.inf][1]


def test_streams_refuse_what_is_none():
    model = small_model(3)
    optimizer = optim.SGD(model.named_parameters(), lr=1.0)
    for ids, error in (
        (np.arange(3.0), errors.DtypeError),
        (np.zeros((2, 5), int), errors.DtypeError),
        (np.zeros(4, int), errors.ArgumentError),
    ):
        with pytest.raises(error, match="stream"):
            text.fit_stream(model, ids, optimizer, batch_size=4)
    for options in ({"epochs": 0}, {"batch_size": 0}, {"length": 0}, {"max_norm": 0}):
        with pytest.raises(errors.ArgumentError):
            text.fit_stream(model, np.zeros(40, int), optimizer, **options)
    with pytest.raises(errors.ArgumentError):
        text.next_tokens([], end=0)
    model.decoder.bias.assign(np.array([np.nan, 0, 0]))
    with pytest.raises(errors.AnomalyError, match="finite"):
        text.fit_stream(model, np.zeros(40, int), optimizer, batch_size=4)


# ------------------------------------------------------------------ perplexity


def test_perplexity_counts_equally_likely_words():
    assert metrics.perplexity(np.full((2, 3), math.log(1 / 50))) == pytest.approx(50)
    assert metrics.perplexity([0.0, 0.0]) == 1
    assert metrics.perplexity([-1.0, -np.inf]) == np.inf
    logits, y = np.random.default_rng(0).standard_normal((9, 4)), np.arange(9) % 4
    log_p = F.log_softmax(tt.Tensor(logits)).numpy()[np.arange(9), y]
    J = F.cross_entropy(tt.Tensor(logits), y).item()
    assert metrics.perplexity(log_p) == pytest.approx(math.exp(J))


def test_counted_probabilities_of_words_add_up_to_1():
    read = np.array([0, 1, 2, 0, 1, 1, 0, 3, 0])
    single, pairs = course5_prose.counted(read, 5)
    assert single.sum() == pytest.approx(1)
    np.testing.assert_allclose(pairs[:4].sum(axis=1), 1)
    # After 0 came 1, 1 and 3: two kinds in three. Word 1 came 3 times of 8, and 5 more are added.
    assert pairs[0, 1] == pytest.approx((2 + 2 * 4 / 13) / 5)
