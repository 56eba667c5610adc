"""Course 5, weeks 3 and 4: a sequence in and another out; attention; dates and captions."""

from __future__ import annotations

import itertools
from datetime import date

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn, optim, text
from tinygrad_tr.examples import course5_captions, course5_reversal, dates
from tinygrad_tr.nn import functional as F

END = 0
JANE = ["Jane", "visite", "l'Afrique", "en", "septembre"]
TRANSLATED = ["Jane", "is", "visiting", "Africa", "in", "September"]


def encoder_decoder(source=7, target=6, layer=nn.GRU):
    return nn.models.EncoderDecoder(
        nn.models.RecurrentEncoder(source, 4, 8, layer=layer),
        nn.models.RecurrentLanguageModel(target, 4, 8, layer=layer),
    )


def lstm(source=7, target=6):
    return encoder_decoder(source, target, nn.LSTM)


def attention(source=7, target=6):
    return nn.models.AttentionEncoderDecoder(source, target, 4, 8)


def transformer(source=7, target=6):
    return nn.models.TransformerEncoderDecoder(source, target, 8, 2, 1, dropout=0)


ALL = pytest.mark.parametrize("make", [encoder_decoder, lstm, attention, transformer])


def examples(n=3, T_x=5, T_y=4, seed=0):
    """Sources (n, T_x) of unequal lengths, and the decoder's inputs and targets (n, T_y)."""
    rng = np.random.default_rng(seed)
    x, before, y = rng.integers(0, 6, (n, T_x)), *rng.integers(0, 6, (2, n, T_y))
    return x, before, y, T_x - np.arange(n)


def loss_of(model, x, before, y, lengths):
    return F.cross_entropy(np.moveaxis(model(x, before, lengths), -1, 1), y)


def search(find, model, x, lengths, *options, **more):
    return find(
        model.step, np.full(len(x), END), *options, end=END, max_length=6,
        state=model.encode(x, lengths), state_axis=model.state_axis, **more,
    )  # fmt: skip


# ------------------------------------------------------------------ the three models


@ALL
def test_what_comes_out_may_have_another_length(make):
    french, english = text.Vocab(JANE), text.Vocab(TRANSLATED)
    model = make(len(french), len(english))
    assert (len(JANE), len(TRANSLATED)) == (5, 6)
    logits = model(french.encode(JANE)[None], english.encode(TRANSLATED)[None])
    assert logits.shape == (1, 6, len(english))


@ALL
def test_a_decoder_stops_at_the_end_and_only_there(make):
    model, (x, _, _, lengths) = make(), examples()
    *_, bias = model.parameters()  # of the layer that makes the logits
    never = np.where(np.arange(6) == END, -1e3, 0).astype(np.float32)
    bias.assign(never)
    assert [len(one.tokens) for one in search(text.greedy, model, x, lengths)] == [6] * 3
    bias.assign(-never)
    assert [one.tokens for one in search(text.greedy, model, x, lengths)] == [(END,)] * 3


@ALL
def test_step_by_step_is_all_at_once(make):
    model, (x, before, _, lengths) = make(), examples()
    logits, state = model(x, before, lengths).numpy(), model.encode(x, lengths)
    for t, tokens in enumerate(before.T):
        scores, state = model.step(tokens, state)
        np.testing.assert_allclose(scores.numpy(), logits[:, t], rtol=1e-5, atol=1e-6)


@ALL
def test_padding_says_nothing(make):
    model, (x, before, _, lengths) = make(), examples()
    logits = model(x, before, lengths).numpy()
    other = np.where(np.arange(x.shape[1]) < lengths[:, None], x, 6)
    np.testing.assert_array_equal(model(other, before, lengths).numpy(), logits)
    for i, length in enumerate(lengths):
        alone = model(x[i : i + 1, :length], before[i : i + 1]).numpy()
        np.testing.assert_allclose(alone[0], logits[i], rtol=1e-4, atol=1e-6)


@ALL
def test_a_token_depends_on_those_before_it_alone(make):
    model, (x, before, _, lengths) = make(), examples()
    later = before.copy()
    later[:, 2:] = (later[:, 2:] + 1) % 6
    first, second = (model(x, one, lengths).numpy() for one in (before, later))
    np.testing.assert_allclose(first[:, :2], second[:, :2], rtol=1e-5, atol=1e-6)
    assert (abs(first - second)[:, 2:].max(axis=-1) > 0).all()


@ALL
def test_the_gradient_of_teacher_forcing_reaches_the_encoder(make):
    model, case = make().to(np.float64), examples()
    encoder = model.transformer.encoder if make is transformer else model.encoder
    weights = list(encoder.parameters())
    rng = np.random.default_rng(1)
    ways = [rng.standard_normal(p.shape) for p in weights]
    gradients = tt.grad(loss_of(model, *case), weights)
    slope = sum(np.vdot(g.numpy(), way) for g, way in zip(gradients, ways, strict=True))
    values, ends = [p.numpy().copy() for p in weights], []
    for h in (1e-5, -1e-5):
        for p, value, way in zip(weights, values, ways, strict=True):
            p.assign(value + h * way)
        ends.append(loss_of(model, *case).item())
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6)
    assert all(abs(g.numpy()).max() > 0 for g in gradients)


@ALL
def test_a_beam_over_a_batch_is_a_beam_for_each(make):
    model, (x, _, _, lengths) = make(), examples()
    together = search(text.beam_search, model, x, lengths, 3, alpha=0.0)
    for i, found in enumerate(together):
        alone = search(text.beam_search, model, x[i : i + 1], lengths[i : i + 1], 3, alpha=0.0)[0]
        assert [one.tokens for one in found] == [one.tokens for one in alone]
    for best, likeliest in zip(together, search(text.greedy, model, x, lengths), strict=True):
        assert best[0].log_probability >= likeliest.log_probability - 1e-6


@pytest.mark.parametrize("make", [attention, transformer])
@pytest.mark.parametrize("lengths", [[5, 4, 0], [5, 6, 1], [5, 5], [[5, 5, 5]]])
def test_lengths_must_fit_the_source(make, lengths):
    x, before, _, _ = examples()
    with pytest.raises((tt.errors.ArgumentError, tt.errors.ShapeError), match="length"):
        make()(x, before, lengths)


@ALL
def test_tokens_that_are_not_in_the_vocabulary_are_refused(make):
    x, before, _, lengths = examples()
    for bad in ((x + 7, before), (x, before + 6)):
        with pytest.raises(tt.errors.IndexingError):
            make()(*bad, lengths)


@ALL
def test_each_model_learns_to_say_three_tokens_backwards(make):
    tt.manual_seed(0)
    model, rng = make(4, 4), np.random.default_rng(0)
    every = np.array(list(itertools.product((1, 2, 3), repeat=3)))
    before, y = text.next_tokens(list(every[:, ::-1]), END)
    optimizer = optim.Adam(model.named_parameters(), lr=2e-2)
    for _ in range(150):
        rows = rng.permutation(len(every))
        loss = loss_of(model, every[rows], before[rows], y[rows], None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    said = [one.tokens for one in search(text.greedy, model, every, None)]
    assert said == [tuple(row) for row in y]


# ------------------------------------------------------------------ attention


def test_attention_is_the_formula():
    rng = np.random.default_rng(0)
    network = nn.models.AdditiveAttention(3, 4, 5).to(np.float64)
    s, a = rng.standard_normal((2, 3)), rng.standard_normal((2, 6, 4))
    context, alpha = network(tt.Tensor(s), network.keys(tt.Tensor(a)), tt.Tensor(a))
    W, b, U, v = (
        p.numpy() for p in (network.W.weight, network.W.bias, network.U.weight, network.v.weight[0])
    )
    for n in range(2):
        e = np.array([v @ np.tanh(W @ s[n] + b + U @ a[n, t]) for t in range(6)])
        weights = np.exp(e) / np.exp(e).sum()
        np.testing.assert_allclose(alpha[n].numpy(), weights, rtol=1e-12)
        np.testing.assert_allclose(context[n].numpy(), weights @ a[n], rtol=1e-12)


def test_equal_energies_give_the_mean():
    network = nn.models.AdditiveAttention(3, 4, 5)
    network.v.weight.assign(np.zeros((1, 5), np.float32))
    s, a = tt.randn(2, 3), tt.randn(2, 6, 4)
    inside = np.array([[True] * 6, [True] * 4 + [False] * 2])
    context, alpha = network(s, network.keys(a), a, inside)
    np.testing.assert_allclose(context[0].numpy(), a[0].numpy().mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(context[1].numpy(), a[1, :4].numpy().mean(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(alpha.numpy()[1], [0.25] * 4 + [0] * 2)


@pytest.mark.parametrize("padded", [False, True])
def test_the_gradients_of_attention_are_those_of_differences(padded):
    network = nn.models.AdditiveAttention(3, 4, 5).to(np.float64)
    inside = np.arange(6) < np.array([[6], [4]]) if padded else None
    rng = np.random.default_rng(0)

    def look(s, a):
        context, alpha = network(s, network.keys(a), a, inside)
        return context, alpha

    s, a = leaf(rng.standard_normal((2, 3))), leaf(rng.standard_normal((2, 6, 4)))
    assert tt.gradcheck(lambda s, a: np.tanh(look(s, a)[0]).sum() + (look(s, a)[1] ** 2).sum(),
                        [s.numpy(), a.numpy()])  # fmt: skip


def test_a_weight_for_each_pair_of_words():
    french, english = text.Vocab(JANE), text.Vocab(TRANSLATED)
    model = attention(len(french), len(english))
    alpha = model.attention_map(french.encode(JANE)[None], english.encode(TRANSLATED)[None])
    assert alpha.shape == (1, 6, 5)
    assert alpha.size == 30
    np.testing.assert_allclose(alpha.numpy().sum(axis=2), 1, rtol=1e-6)


def test_no_word_looks_at_padding():
    x, before, _, lengths = examples()
    alpha = attention().attention_map(x, before, lengths).numpy()
    for weights, length in zip(alpha, lengths, strict=True):
        assert (weights[:, length:] == 0).all()
        assert (weights[:, :length] > 0).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)


def test_the_attention_model_is_the_equations_of_the_course():
    model, (x, before, _, _) = attention().to(np.float64), examples()
    annotations, _ = model.encoder(model.source(x))
    s = np.tanh(model.first(annotations[:, 0, 8:]))  # what the backward GRU has read in the end
    logits = model(x, before)
    for t in range(before.shape[1]):
        c, _ = model.attention(s, model.attention.keys(annotations), annotations)
        s = model.decoder(np.concatenate([model.target(before[:, t]), c], axis=1), s)
        expected = model.out(np.concatenate([s, c], axis=1))
        np.testing.assert_allclose(logits[:, t].numpy(), expected.numpy(), rtol=1e-12)


# ------------------------------------------------------------------ dates


DAYS = [date(1979, 5, 3), date(2049, 12, 31), date(1950, 1, 1), date(2000, 2, 29)]


def test_dates_are_written_as_people_write_them():
    spelled = {
        dates.written(DAYS[0], language, form)
        for language in dates.LANGUAGES
        for form in language.forms
    }
    assert {
        "3 Mayıs 1979", "3.5.1979", "03/05/1979", "Perşembe, 3 Mayıs 1979", "3 May '79",
        "May 3, 1979", "Thursday, May 3, 1979", "the 3rd of May 1979", "1979/05/03",
    } <= spelled  # fmt: skip
    th = {day: dates.written(date(2000, 1, day), dates.ENGLISH, "{th}") for day in range(1, 32)}
    assert [th[day] for day in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 30, 31)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "30th", "31st",
    ]  # fmt: skip


def test_capitals_are_turkish_in_turkish():
    assert dates.upper("3 Nisan, Salı", dates.TURKISH) == "3 NİSAN, SALI"
    assert dates.lower("KASIM EKİM", dates.TURKISH) == "kasım ekim"
    assert dates.upper("Friday", dates.ENGLISH) == "FRIDAY"


def test_no_text_has_two_meanings():
    days, _, _ = dates.calendar()
    meanings: dict[str, date] = {}
    for day in days[::40]:
        for language in dates.LANGUAGES:
            for form in language.forms:
                spelled = dates.written(day, language, form)
                for case in (dates.upper, dates.lower):
                    assert meanings.setdefault(case(spelled, language), day) == day
                assert meanings.setdefault(spelled, day) == day


def test_no_day_is_in_two_parts():
    parts = dates.calendar()
    assert [len(part) for part in parts] == [29221, 3652, 3652]
    assert len(set(np.concatenate(parts))) == 36525
    assert min(map(min, parts)) == dates.FIRST
    assert max(map(max, parts)) == dates.LAST


def test_a_batch_of_dates_is_text_and_its_meaning():
    batch = dates.batch(DAYS, np.random.default_rng(0))
    again = np.random.default_rng(0)
    for i, day in enumerate(DAYS):
        spelled = dates.HUMAN.decode(batch.x[i, : batch.lengths[i]])
        assert spelled == dates.write(day, again)
        assert dates.ISO.decode(batch.y[i]) == day.isoformat() + dates.END
        assert dates.ISO.decode(batch.before[i]) == dates.END + day.isoformat()
    assert batch.y.shape == (4, dates.LENGTH)


# ------------------------------------------------------------------ captions, and drawn models


def test_captions_know_both_languages():
    caption = course5_captions.caption
    assert caption("square", "plus", "<en>") == ["a", "square", "and", "a", "cross"]
    assert caption("square", "plus", "<tr>") == ["bir", "kare", "ve", "bir", "artı"]
    assert caption("ring", "ring", "<en>") == ["two", "rings"]
    assert caption("ring", "ring", "<tr>") == ["iki", "halka"]


def test_the_gradient_of_a_caption_reaches_the_picture():
    model = course5_captions.fresh_model().to(np.float64).eval()
    pictures, kinds = course5_captions.scenes(2, np.random.default_rng(0))
    before, y = course5_captions.captions(kinds, np.array([0, 1]))

    def loss(x):
        return F.cross_entropy(np.moveaxis(model(x, before), -1, 1), y)

    x = pictures.astype(np.float64)
    (gradient,) = tt.grad(loss(picture := leaf(x)), [picture])
    way = np.random.default_rng(1).standard_normal(x.shape)
    ends = [loss(tt.Tensor(x + h * way)).item() for h in (1e-5, -1e-5)]
    assert np.vdot(gradient.numpy(), way) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6)


def test_reversed_sentences_end():
    batch = course5_reversal.sentences(4, range(2, 6), np.random.default_rng(0))
    for x, length, y in zip(batch.x, batch.lengths, batch.y, strict=True):
        assert list(y[: length + 1]) == [*x[:length][::-1], course5_reversal.END]
