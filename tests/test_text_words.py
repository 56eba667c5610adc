"""Words and their numbers, tokenisers, contexts, samplers, trees, and files of vectors."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn, text
from tinygrad_tr.errors import ArgumentError, DtypeError, FileError, IndexingError, ShapeError

SENTENCES = [["the", "cat", "sees", "the", "dog"], ["the", "dog", "sleeps"]]


# ------------------------------------------------------------------ the vocabulary


def test_a_vocabulary_is_built_by_falling_frequency():
    vocab = text.Vocab.build(SENTENCES)
    assert vocab.words == ("the", "dog", "cat", "sees", "sleeps", "<EOS>", "<UNK>")
    assert vocab.counts.tolist() == [3, 2, 1, 1, 1, 0, 0]


def test_rare_words_are_left_out_and_counted_as_unknown():
    few = text.Vocab.build(SENTENCES, min_count=2)
    assert few.words == ("the", "dog", "<EOS>", "<UNK>")
    assert few.counts.tolist() == [3, 2, 0, 3]
    assert text.Vocab.build(SENTENCES, max_size=3).words == ("the", "<EOS>", "<UNK>")
    assert text.Vocab.build(SENTENCES, max_size=3).counts.sum() == 8


def test_a_special_that_stands_in_the_sentences_is_no_second_word():
    vocab = text.Vocab.build([["a", "<EOS>"], ["<EOS>"]])
    assert vocab.words == ("a", "<EOS>", "<UNK>")
    assert vocab.counts.tolist() == [1, 2, 0]


def test_an_unknown_word_without_a_number_for_it_is_an_error():
    vocab = text.Vocab(["a", "b"], specials=())
    with pytest.raises(ArgumentError, match=r"not in the vocabulary[\s\S]*'zebra'"):
        vocab.encode(["a", "zebra"])


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: text.Vocab(["a", "b", "a"]), ArgumentError),
        (lambda: text.Vocab([], specials=()), ArgumentError),
        (lambda: text.Vocab("abc"), DtypeError),
        (lambda: text.Vocab(["a", 1]), DtypeError),
        (lambda: text.Vocab(["a"], counts=[1]), ShapeError),
        (lambda: text.Vocab(["a"], counts=[1, -1, 0]), ArgumentError),
        (lambda: text.Vocab(["a"], counts=[0.5, 1, 0]), DtypeError),
        (lambda: text.Vocab.build(SENTENCES, min_count=0), ArgumentError),
        (lambda: text.Vocab.build(SENTENCES, max_size=1), ArgumentError),
        (lambda: text.Vocab.build(["the cat"]), DtypeError),
        (lambda: text.Vocab(["a"]).encode("a"), DtypeError),
        (lambda: text.Vocab(["a"]).decode([3]), IndexingError),
        (lambda: text.Vocab(["a"]).decode([-1]), IndexingError),
        (lambda: text.Vocab(["a"]).decode([[0]]), ShapeError),
        (lambda: text.Vocab(["a"]).decode([0.0]), DtypeError),
    ],
)
def test_what_is_no_vocabulary_or_no_sentence_is_refused(make, error):
    with pytest.raises(error):
        make()


# ------------------------------------------------------------------ tokenisers


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Ankara'da 3,5 yıl.", ["Ankara'da", "3,5", "yıl"]),
        ("Jane’s çiğ köfte-si!", ["Jane’s", "çiğ", "köfte", "si"]),
        ("İstanbul'un ışığı 1.000.000 kez", ["İstanbul'un", "ışığı", "1.000.000", "kez"]),
        ("2nd place, 'quoted'", ["2nd", "place", "quoted"]),
        ("Привет, мир — 你好", ["Привет", "мир", "你好"]),
        ("", []),
    ],
)
def test_words_of_a_sentence(sentence, expected):
    assert text.words(sentence) == expected


def test_marks_are_words_where_they_are_wanted():
    assert text.words("Ne, geldi mi?", marks=True) == ["Ne", ",", "geldi", "mi", "?"]


def test_a_letter_of_two_code_points_is_the_letter():
    apart = unicodedata.normalize("NFD", "ağaç")
    assert apart != "ağaç"
    assert text.words(apart) == ["ağaç"]


def test_turkish_has_two_letters_i():
    assert text.lower_turkish("IŞIK İLE ÇİÇEK") == "ışık ile çiçek"
    assert "IŞIK".lower() == "işik"  # another word


@given(st.text())
def test_any_text_survives_its_characters(written):
    chars = text.CharTokenizer("çok güzel")
    numbers = chars.encode(written)
    assert chars.decode(numbers) == written
    assert not numbers.size or numbers.max() < len(chars)


def test_a_known_character_is_one_number_and_another_its_bytes():
    chars = text.CharTokenizer("ağaç")
    assert chars.characters == "açğ"
    assert chars.encode("ağaç").tolist() == [0, 2, 0, 1]
    assert chars.encode("ö").tolist() == [3 + byte for byte in "ö".encode()]
    assert len(chars) == 3 + 256
    assert len(text.CharTokenizer("ağaç", byte_fallback=False)) == 3


def test_characters_without_bytes_know_only_their_text():
    with pytest.raises(ArgumentError, match=r"not known[\s\S]*'z'"):
        text.CharTokenizer("abc", byte_fallback=False).encode("az")
    with pytest.raises(ArgumentError, match="no characters"):
        text.CharTokenizer("", byte_fallback=False)


def test_bytes_that_are_no_text_are_seen():
    chars = text.CharTokenizer("ab")
    assert chars.decode([0, 2 + 0xFF, 1]) == "a\ufffdb"
    with pytest.raises(ArgumentError, match="half of a character"):
        chars.encode("\ud800")


def test_sequences_are_filled_up_at_their_end():
    rows, lengths = text.pad([[1, 2, 3], [], [4]], fill=9)
    np.testing.assert_array_equal(rows, [[1, 2, 3], [9, 9, 9], [4, 9, 9]])
    assert lengths.tolist() == [3, 0, 1]
    with pytest.raises(ArgumentError, match="no sequences"):
        text.pad([])
    with pytest.raises(DtypeError, match="not integers"):
        text.pad([[0.5]])


# ------------------------------------------------------------------ contexts and samplers


def test_pairs_never_leave_their_sentence():
    context, target = text.skip_gram_pairs([[0, 1, 2], [3, 4]], 2)
    pairs = set(zip(context.tolist(), target.tolist(), strict=True))
    assert pairs == {(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0), (3, 4), (4, 3)}


def test_a_shrinking_window_sees_near_words_more_often():
    long = [np.arange(5000)]
    generator = np.random.default_rng(0)
    context, target = text.skip_gram_pairs(long, 4, shrink=True, generator=generator)
    far = np.bincount(np.abs(context - target))[1:]
    np.testing.assert_allclose(far / far[0], [1, 0.75, 0.5, 0.25], atol=0.03)


@pytest.mark.parametrize("p", [[1.0], [0.5, 0.5], [0.7, 0.1, 0.2], [0.0, 1.0], np.ones(7) / 7])
def test_the_alias_method_draws_what_it_was_told(p):
    sampler = text.AliasSampler(p)
    # Exactly: each column gives 1/V, its foot to itself and the rest to its alias.
    held = np.bincount(sampler.alias, 1 - sampler.foot, len(sampler)) + sampler.foot
    np.testing.assert_allclose(held / len(sampler), p, atol=1e-15)
    drawn = sampler.sample((100, 50), generator=np.random.default_rng(0))
    assert drawn.shape == (100, 50)
    np.testing.assert_allclose(np.bincount(drawn.ravel(), minlength=len(p)) / 5000, p, atol=0.03)


def test_words_that_were_never_met_are_never_drawn():
    for power in (0.75, 0.0):
        p = text.noise_distribution([3, 0, 5], power)
        assert p[1] == 0
        assert p.sum() == pytest.approx(1)


def test_frequent_words_are_thinned_out():
    counts = np.array([9000, 900, 100])
    sentences = [np.repeat([0, 1, 2], counts)]
    (fewer,) = text.subsample(sentences, counts, 0.01, generator=np.random.default_rng(0))
    kept = np.bincount(fewer) / counts
    np.testing.assert_allclose(kept, np.sqrt(0.01 / np.array([0.9, 0.09, 0.01])), atol=0.03)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: text.context_pairs([1, 2, 3], "next"), ArgumentError),
        (lambda: text.context_pairs([[1, 2], [3, 4]], "last"), ShapeError),
        (lambda: text.context_pairs("i want a glass", "last"), ShapeError),
        (lambda: text.context_pairs([0.5, 1.5], "last"), DtypeError),
        (lambda: text.skip_gram_pairs([], 2), ArgumentError),
        (lambda: text.skip_gram_pairs([[1, 2]], 0), ArgumentError),
        (lambda: text.noise_distribution([0, 0]), ArgumentError),
        (lambda: text.noise_distribution([]), ShapeError),
        (lambda: text.AliasSampler([0.5, 0.6]), ArgumentError),
        (lambda: text.AliasSampler([np.nan, 1.0]), ArgumentError),
        (lambda: text.subsample([[0, 3]], [5, 5]), IndexingError),
        (lambda: text.balanced_tree(1), ArgumentError),
        (lambda: text.huffman_tree([4]), ArgumentError),
    ],
)
def test_what_is_no_context_or_no_sampler_is_refused(make, error):
    with pytest.raises(error):
        make()


# ------------------------------------------------------------------ losses


def test_losses_refuse_what_would_broadcast():
    e, theta = leaf(np.ones((2, 3))), leaf(np.ones((4, 3)))
    with pytest.raises(ShapeError, match="target does not fit"):
        text.negative_sampling_loss(e, theta, [1], [[0, 2]])
    with pytest.raises(ShapeError, match="negatives does not fit"):
        text.negative_sampling_loss(e, theta, [1, 2], [0, 2])
    with pytest.raises(IndexingError):
        text.negative_sampling_loss(e, theta, [1, 4], [[0], [2]])
    with pytest.raises(ShapeError, match="each node"):
        text.hierarchical_softmax_loss(e, theta, [1, 2], text.balanced_tree(4))
    with pytest.raises(IndexingError):
        text.hierarchical_softmax_loss(e, theta[:3], [1, 4], text.balanced_tree(4))


def test_the_frequent_words_of_a_huffman_tree_are_near_its_root():
    tree = text.huffman_tree([1, 1, 2, 4, 8])
    assert tree.depths.tolist() == [4, 4, 3, 2, 1]


# ------------------------------------------------------------------ vectors and their files


def vectors(words=3, features=2):
    generator = np.random.default_rng(0)
    table = generator.standard_normal((words, features)).astype(np.float32)
    return text.WordVectors([f"söz{i}" for i in range(words)], table)


@pytest.mark.parametrize("header", [False, True])
def test_vectors_survive_their_file(tmp_path, header):
    written = vectors(20, 7)
    read = text.WordVectors.read(written.write(tmp_path / "new" / "v.txt", header=header))
    assert read.vocab.words == written.vocab.words
    assert read.matrix.dtype == np.float32
    np.testing.assert_array_equal(read.matrix, written.matrix)
    first = text.WordVectors.read(tmp_path / "new" / "v.txt", limit=4)
    assert first.vocab.words == written.vocab.words[:4]


def test_the_file_of_word2vec_itself_is_read(tmp_path):
    file = tmp_path / "v.txt"
    file.write_bytes("2 3\n</s> 0.5 -1e-2 3 \nİzmir 1 2 3 \n".encode())  # a space at the end
    read = text.WordVectors.read(file)
    assert read.vocab.words == ("</s>", "İzmir")
    np.testing.assert_array_equal(read["</s>"], np.array([0.5, -0.01, 3], np.float32))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("a 1 2\nb 1\n", "line 2 of .*another length"),
        ("a 1 2\nb 1 2 3\n", "line 2 of .*another length"),
        ("2 3\na 1 2\n", "line 2 of .*another length"),
        ("a 1 2\n\n", "line 2 of .*another length"),
        ("a 1 2\nb 1 zwei\n", "line 2 of .*not a number"),
        ("a 1 2\nb 1 nan\n", "line 2 of .*not finite"),
        ("a 1 2\nb 1 1e99\n", "line 2 of .*not finite"),
        ("a 1 2\nb 3 4\na 5 6\n", r"line 3 of .*there before[\s\S]*also in line 1"),
        ("3 2\na 1 2\nb 1 2\n", "cut off"),
        ("", "no vectors"),
    ],
)
def test_a_bad_line_is_named(tmp_path, written, message):
    file = tmp_path / "v.txt"
    file.write_text(written, encoding="utf-8")
    with pytest.raises(FileError, match=f"^WordVectors.read: .*{message}"):
        text.WordVectors.read(file)


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(FileError, match="cannot be read"):
        text.WordVectors.read(tmp_path / "nowhere.txt")
    (tmp_path / "binary").write_bytes(b"a \xff\xfe 1\n")
    with pytest.raises(FileError, match="cannot be read"):
        text.WordVectors.read(tmp_path / "binary")
    with pytest.raises(ArgumentError, match="with spaces"):
        text.WordVectors(["New York"], np.ones((1, 2))).write(tmp_path / "v.txt")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: text.WordVectors(["a", "b"], np.ones((3, 2))), ShapeError),
        (lambda: text.WordVectors(["a"], np.ones((1, 2), np.int64)), DtypeError),
        (lambda: text.WordVectors(["a"], np.array([[1, np.inf]])), ArgumentError),
        (lambda: vectors()["unknown"], ArgumentError),
        (lambda: vectors().nearest("unknown"), ArgumentError),
        (lambda: vectors().nearest(np.zeros(2)), ArgumentError),
        (lambda: vectors().nearest(np.ones(3)), ShapeError),
        (lambda: vectors().nearest("söz0", 0), ArgumentError),
    ],
)
def test_what_are_no_vectors_is_refused(make, error):
    with pytest.raises(error):
        make()


def test_the_nearest_words_are_those_of_the_largest_cosine():
    found = vectors(50, 5)
    unit = found.matrix / np.linalg.norm(found.matrix, axis=1, keepdims=True)
    order = np.argsort(-(unit @ unit[7]))
    near = found.nearest("söz7", 3)
    assert [word for word, _ in near] == [found.vocab.words[i] for i in order[1:4]]
    assert near[0][1] == pytest.approx(unit[order[1]] @ unit[7], rel=1e-5)
    assert found.nearest(found["söz7"], 1)[0][0] == "söz7"
    assert len(found.nearest("söz7", 100)) == 49


def test_vectors_become_a_layer_and_do_not_change():
    known = vectors()
    layer = nn.Embedding.from_pretrained(known.matrix)
    np.testing.assert_array_equal(layer([1]).numpy()[0], known["söz1"])
    with pytest.raises(ValueError, match="read-only"):
        known.matrix[0] = 0


def test_a_vocabulary_survives_a_file(tmp_path):
    vocab = text.Vocab(["a", "ağaç"])
    tt.save({"words": list(vocab.words)}, tmp_path / "v.safetensors")
    again = text.Vocab(tt.load(tmp_path / "v.safetensors")["words"], specials=())
    assert again.index == vocab.index
    assert again.encode(["zebra"]).tolist() == [3]
