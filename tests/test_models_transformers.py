"""BERT and GPT-2: Hugging Face's files, the same numbers, and the cache of keys and values."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr.nn import functional as F
from tinygrad_tr.nn import models

WORDS, T = 23, 7
SIZES = {
    "vocab_size": WORDS, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3,
    "intermediate_size": 20, "max_position_embeddings": 9,
}  # fmt: skip
RNG = np.random.default_rng(0)
IDS = RNG.integers(1, WORDS, (3, T))
MASK = np.ones((3, T), np.int64)
MASK[1, 4:] = MASK[2, 1:] = 0  # padding at the end, of different lengths
IDS[MASK == 0] = 0
TYPES = np.zeros((3, T), np.int64)
TYPES[:, 3:] = 1  # the second sentence


def small_gpt(**options):
    tt.manual_seed(0)
    sizes = {"max_len": 10, "d_model": 12, "nhead": 3, "num_layers": 2} | options
    model = models.GPT(WORDS, **sizes).to(np.float64).eval()
    for parameter in model.parameters():  # as drawn, all next words are nearly as likely
        parameter.assign(4 * parameter.numpy())
    return model


# ------------------------------------------------------------------ Hugging Face's files


@pytest.fixture(scope="module")
def hugging_face(tmp_path_factory):
    """Models with random weights, written in PyTorch, and the safetensors files of them."""
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    from tests import torch_transformers

    torch.manual_seed(0)
    sizes = (WORDS, 12, 2, 3, 20, 9)
    made = {
        "bert": torch_transformers.Bert(*sizes),
        "masked": torch_transformers.BertForMaskedLM(*sizes),
        "gpt2": torch_transformers.GPT2(WORDS, 9, 12, 3, 2),
    }
    found = {}
    for name, model in made.items():
        model.double()
        for p in model.parameters():
            torch.nn.init.normal_(p, std=0.4)
        file = tmp_path_factory.mktemp("checkpoints") / f"{name}.safetensors"
        files.save_file(model.state_dict(), file)
        found[name] = SimpleNamespace(model=model, file=file)
    return found


@pytest.mark.oracle
def test_bert_from_a_file_of_hugging_face_gives_its_outputs(hugging_face):
    torch = pytest.importorskip("torch")
    model = models.BertModel(**SIZES).to(np.float64).eval()
    state = tt.load(hugging_face["bert"].file)
    assert "embeddings.position_ids" in state
    assert "encoder.layer.0.attention.self.query.weight" in model.state_dict()
    model.load_state_dict(models.bert_state_dict(state))
    for types in (None, TYPES):
        words, sentence = model(IDS, MASK, types)
        given = torch.tensor(np.zeros_like(TYPES) if types is None else types)
        expected = hugging_face["bert"].model(torch.tensor(IDS), torch.tensor(MASK), given)
        for ours, theirs in zip((words, sentence), expected, strict=True):
            np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), atol=1e-11)


@pytest.mark.oracle
def test_the_masked_language_model_and_its_gradients_are_those_of_hugging_face(hugging_face):
    torch = pytest.importorskip("torch")
    model = models.BertForMaskedLM(**SIZES).to(np.float64).eval()
    # The file of a whole model: the pooler and position numbers are not needed.
    state = models.bert_state_dict(tt.load(hugging_face["masked"].file))
    loaded = model.load_state_dict(state, strict=False)
    assert not loaded.missing
    assert set(loaded.unexpected) == {"bert.pooler.dense.weight", "bert.pooler.dense.bias"}
    theirs = hugging_face["masked"].model
    logits = model(IDS, MASK, TYPES)
    expected = theirs(*map(torch.tensor, (IDS, MASK, TYPES)))
    np.testing.assert_allclose(logits.numpy(), expected.detach().numpy(), atol=1e-10)
    hidden = MASK == 1
    F.cross_entropy(logits[hidden], IDS[hidden]).backward()
    torch.nn.functional.cross_entropy(expected[hidden], torch.tensor(IDS[hidden])).backward()
    wanted = dict(theirs.named_parameters())
    for name, p in model.named_parameters():
        g = wanted[name].grad.numpy()
        np.testing.assert_allclose(p.grad.numpy(), g, atol=1e-10, err_msg=name)


@pytest.mark.oracle
def test_bert_takes_its_part_of_a_whole_models_file_and_the_names_of_old_ones(hugging_face):
    state = tt.load(hugging_face["masked"].file)
    old = {
        name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): x
        for name, x in state.items()
    }
    model = models.BertModel(**SIZES).to(np.float64)
    model.load_state_dict(models.bert_state_dict(old, prefix="bert."))
    np.testing.assert_array_equal(
        model.embeddings.LayerNorm.weight.numpy(), state["bert.embeddings.LayerNorm.weight"]
    )


@pytest.mark.oracle
def test_gpt2_from_a_file_of_hugging_face_gives_its_logits(hugging_face):
    torch = pytest.importorskip("torch")
    model = small_gpt(max_len=9)
    model.load_state_dict(models.gpt2_state_dict(tt.load(hugging_face["gpt2"].file)))
    expected = hugging_face["gpt2"].model(torch.tensor(IDS)).detach().numpy()
    np.testing.assert_allclose(model(IDS).numpy(), expected, atol=1e-10)


# ------------------------------------------------------------------ BERT


def test_what_stands_at_padding_changes_no_word():
    tt.manual_seed(0)
    model = models.BertModel(**SIZES).to(np.float64).eval()
    other = np.where(MASK == 0, 5, IDS)
    words, sentence = model(IDS, MASK)
    others, sentence_2 = model(other, MASK == 1)
    real = MASK == 1
    np.testing.assert_allclose(words.numpy()[real], others.numpy()[real], atol=1e-14)
    np.testing.assert_allclose(sentence.numpy(), sentence_2.numpy(), atol=1e-14)
    assert np.isfinite(model(IDS, np.zeros_like(MASK)).last_hidden_state.numpy()).all()


def test_bert_base_has_110_million_parameters():
    d, wide = 768, 3072
    layer = 4 * (d * d + d) + (d * wide + wide) + (wide * d + d) + 4 * d
    assert layer * 12 + (30522 + 512 + 2) * d + 2 * d + d * d + d == 109_482_240
    small = models.BertModel(**SIZES)
    d, wide = 12, 20
    layer = 4 * (d * d + d) + (d * wide + wide) + (wide * d + d) + 4 * d
    assert sum(p.size for p in small.parameters()) == (
        layer * 2 + (WORDS + 9 + 2) * d + 2 * d + d * d + d
    )
    assert not small.embeddings.word_embeddings.weight.numpy()[0].any()  # the padding


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: models.BertModel(hidden_sise=12), "hidden_sise"),
        (lambda: models.BertModel(hidden_size=12, num_attention_heads=5), "each head"),
        (lambda: models.BertModel(**SIZES)(np.ones((2, 10), int)), "T ≤ 9"),
        (lambda: models.BertModel(**SIZES)(IDS[0]), "(N, T)"),
        (lambda: models.BertModel(**SIZES)(IDS + WORDS), "outside"),
        (lambda: models.BertModel(**SIZES)(IDS, MASK[:2]), "(3, 7)"),
        (lambda: models.BertModel(**SIZES)(IDS, 2 * MASK), "1 for words"),
        (lambda: models.BertModel(**SIZES)(IDS, MASK, TYPES[:2]), "one sentence"),
        (lambda: small_gpt(nhead=5), "nhead"),
        (lambda: small_gpt()(np.ones((1, 11), int)), "at most 10"),
        (lambda: small_gpt()(np.ones((1, 0), int)), "at least 1"),
        (lambda: small_gpt()(np.ones(3, int)), "(N, T)"),
    ],
)
def test_what_makes_no_model_or_no_sentence_is_refused(given, said):
    with pytest.raises(tt.errors.TinygradError) as caught:
        given()
    assert said in str(caught.value)


# ------------------------------------------------------------------ GPT and its cache


@pytest.mark.parametrize("cuts", [[1, 2, 3, 4, 5, 6], [4], [2, 3, 6]])
def test_logits_with_the_cache_are_those_without(cuts):
    model = small_gpt()
    found, cache = [], None
    for part in np.split(IDS, cuts, axis=1):
        logits, cache = model.extended(part, cache)
        found.append(logits.numpy())
    np.testing.assert_allclose(np.concatenate(found, axis=1), model(IDS).numpy(), atol=1e-13)
    assert len(cache) == 2
    assert cache[0][0].shape == (3, 3, T, 4)


def test_a_later_word_changes_no_earlier_logit():
    model = small_gpt()
    later = IDS.copy()
    later[:, 4:] = (later[:, 4:] + 1) % WORDS
    before, after = model(IDS).numpy(), model(later).numpy()
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert (before[:, 4:] != after[:, 4:]).any()


def test_the_gradient_of_the_language_model_is_that_of_differences():
    model = small_gpt(d_model=6, num_layers=1)

    def loss():
        return F.cross_entropy(model(IDS[:, :-1]).reshape(-1, WORDS), IDS[:, 1:].ravel())

    assert tt.gradient_difference(loss, model).total < 1e-7


def test_the_table_of_words_is_one_parameter_in_two_places():
    model = small_gpt()
    assert "lm_head.weight" not in model.state_dict()
    ids = np.array([[1, 2]])
    model(ids)[0, 0, 7].backward()
    g = model.wte.weight.grad.numpy()
    assert g[1].any()  # looked up
    assert g[7].any()  # in the product for the logit
    assert not g[2].any()  # looked up by a later position only
    assert not g[5].any()


def test_generation_with_the_cache_writes_what_reading_all_again_writes():
    model = small_gpt()

    def again(tokens, before):
        ids = tokens[:, None] if before is None else np.concatenate([before, tokens[:, None]], 1)
        return model(ids)[:, -1], ids

    for search, options in (
        (tt.text.greedy, {}),
        (tt.text.beam_search, {"width": 3}),
    ):
        with_cache = search(model.step, 3, end=0, max_length=9, **options)
        without = search(again, 3, end=0, max_length=9, **options)
        for ours, theirs in zip(np.atleast_1d(with_cache), np.atleast_1d(without), strict=True):
            assert ours.tokens == theirs.tokens
            assert ours.log_probability == pytest.approx(theirs.log_probability, abs=1e-9)
    draws = [
        tt.text.sample(
            step, np.array([3, 4]), end=0, max_length=9, generator=np.random.default_rng(1)
        )
        for step in (model.step, again)
    ]
    assert [h.tokens for h in draws[0]] == [h.tokens for h in draws[1]]


def test_generation_goes_on_after_a_prompt():
    model = small_gpt()
    prompt = np.array([3, 8, 2, 9])
    _, cache = model.extended(prompt[None, :-1])
    after = tt.text.greedy(model.step, prompt[-1], end=None, max_length=3, state=cache)
    ids = prompt
    for token in after.tokens:
        assert token == model(ids[None]).numpy()[0, -1].argmax()
        ids = np.append(ids, token)


def test_generation_beyond_the_longest_sequence_is_refused():
    with pytest.raises(tt.errors.ShapeError, match="10 positions in all"):
        tt.text.greedy(small_gpt().step, 1, end=None, max_length=11)
