"""Text: words and characters as numbers, vectors of words, and whole sentences. Course 5.

    sentences = [tt.text.words(line) for line in lines]
    vocab = tt.text.Vocab.build(sentences, min_count=5)
    ids = [vocab.encode(sentence) for sentence in sentences]

What is learned is a `nn.Module` or a loss, trained as anything else.
"""

from .beams import beam_search, blame
from .bleu import bleu, ngram_precision, sentence_bleu
from .contexts import (
    AliasSampler,
    context_pairs,
    noise_distribution,
    skip_gram_pairs,
    subsample,
)
from .ctc import collapse, ctc_greedy
from .decoding import greedy, log_probabilities, sample
from .edits import edit_distance, error_rate
from .prefixes import Hypothesis, length_normalised
from .skip_gram import (
    HierarchicalSkipGram,
    NegativeSamplingSkipGram,
    SkipGram,
    SoftmaxSkipGram,
    hierarchical_softmax_loss,
    negative_sampling_loss,
    softmax_loss,
)
from .streams import Learned, fit_stream, next_tokens, stream_log_probabilities, windows
from .tokenisers import CharTokenizer, lower_turkish, pad, words
from .vectors import WordVectors
from .vocabulary import Vocab
from .word_trees import WordTree, balanced_tree, huffman_tree

__all__ = [
    "Hypothesis", "beam_search", "blame", "bleu", "greedy", "length_normalised",
    "log_probabilities", "ngram_precision", "sample", "sentence_bleu",
    "Learned", "fit_stream", "next_tokens", "stream_log_probabilities", "windows",
    "CharTokenizer", "Vocab", "lower_turkish", "pad", "words",
    "AliasSampler", "context_pairs", "noise_distribution", "skip_gram_pairs", "subsample",
    "HierarchicalSkipGram", "NegativeSamplingSkipGram", "SkipGram", "SoftmaxSkipGram", "WordTree",
    "balanced_tree", "hierarchical_softmax_loss", "huffman_tree", "negative_sampling_loss",
    "softmax_loss",
    "WordVectors",
    "collapse", "ctc_greedy", "edit_distance", "error_rate",
]  # fmt: skip
