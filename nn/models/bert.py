"""BERT: an encoder that reads a sentence both ways, with Hugging Face's names and sizes.

    model = BertModel()
    model.load_state_dict(bert_state_dict(tt.load("model.safetensors")), strict=False)
    words, sentence = model.eval()(ids, attention_mask)

Devlin et al., BERT, 2019 (arXiv 1810.04805).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.errors import ArgumentError, ShapeError, describe
from tinygrad_tr.tensor import Tensor

from .. import functional as F
from .. import init
from ..checks import value_of
from ..containers import Sequential
from ..dropout import Dropout
from ..embedding import Embedding
from ..linear import Linear, empty
from ..module import Module
from ..normalisation import LayerNorm

Generator = np.random.Generator | None


class BertOutput(NamedTuple):
    """A vector of each word, and one of the whole sentence if there is a pooler."""

    last_hidden_state: Tensor  # (N, T, hidden_size)
    pooler_output: Tensor | None  # (N, hidden_size)


class Sizes(NamedTuple):
    """What all parts of the network are told."""

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    dropout: float = 0.1
    layer_norm_eps: float = 1e-12
    padding_idx: int | None = 0
    initializer_range: float = 0.02


class BertEmbeddings(Module):
    """Word + position + sentence, normalised: (N, T) -> (N, T, hidden_size)."""

    def __init__(self, sizes: Sizes) -> None:
        d = sizes.hidden_size
        self.word_embeddings = Embedding(sizes.vocab_size, d, sizes.padding_idx)
        self.position_embeddings = Embedding(sizes.max_position_embeddings, d)
        self.token_type_embeddings = Embedding(sizes.type_vocab_size, d)
        self.LayerNorm = LayerNorm(d, sizes.layer_norm_eps)
        self.dropout = Dropout(sizes.dropout)

    def forward(self, input_ids: Any, token_type_ids: Any) -> Tensor:
        x = self.word_embeddings(input_ids) + self.token_type_embeddings(token_type_ids)
        x = x + self.position_embeddings(np.arange(x.shape[1]))
        return self.dropout(self.LayerNorm(x))


class BertSelfAttention(Module):
    """The heads before they are mixed: (N, T, d) -> the same."""

    def __init__(self, sizes: Sizes) -> None:
        d = sizes.hidden_size
        self.heads, self.dropout = sizes.num_attention_heads, sizes.dropout
        self.query, self.key, self.value = Linear(d, d), Linear(d, d), Linear(d, d)

    def forward(self, x: Tensor, where: Any) -> Tensor:
        N, T, d = x.shape
        q, k, v = (
            product(x).reshape(N, T, self.heads, d // self.heads).transpose(0, 2, 1, 3)
            for product in (self.query, self.key, self.value)
        )
        dropout = self.dropout if self.training else 0.0
        out = F.scaled_dot_product_attention(q, k, v, where, dropout)
        return out.transpose(0, 2, 1, 3).reshape(x.shape)


class BertAdded(Module):
    """LayerNorm(x + dropout(W y + b)): the end of both halves of a layer."""

    def __init__(self, features: int, sizes: Sizes) -> None:
        self.dense = Linear(features, sizes.hidden_size)
        self.LayerNorm = LayerNorm(sizes.hidden_size, sizes.layer_norm_eps)
        self.dropout = Dropout(sizes.dropout)

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        return self.LayerNorm(x + self.dropout(self.dense(y)))


class BertAttention(Module):
    """LayerNorm(x + attention(x)): (N, T, d) -> the same."""

    def __init__(self, sizes: Sizes) -> None:
        self.self = BertSelfAttention(sizes)
        self.output = BertAdded(sizes.hidden_size, sizes)

    def forward(self, x: Tensor, where: Any) -> Tensor:
        return self.output(self.self(x, where), x)


class BertIntermediate(Module):
    """gelu(W x + b): (..., d) -> (..., intermediate_size)."""

    def __init__(self, sizes: Sizes) -> None:
        self.dense = Linear(sizes.hidden_size, sizes.intermediate_size)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.dense(x))


class BertLayer(Module):
    """Attention, then a feed-forward network: (N, T, d) -> the same."""

    def __init__(self, sizes: Sizes) -> None:
        self.attention = BertAttention(sizes)
        self.intermediate = BertIntermediate(sizes)
        self.output = BertAdded(sizes.intermediate_size, sizes)

    def forward(self, x: Tensor, where: Any) -> Tensor:
        x = self.attention(x, where)
        return self.output(self.intermediate(x), x)


class BertEncoder(Module):
    """The layers, one after the other: (N, T, d) -> the same."""

    def __init__(self, sizes: Sizes) -> None:
        self.layer = [BertLayer(sizes) for _ in range(sizes.num_hidden_layers)]

    def forward(self, x: Tensor, where: Any) -> Tensor:
        for layer in self.layer:
            x = layer(x, where)
        return x


class BertPooler(Module):
    """tanh(W x₀ + b) of the first word, which stands for the sentence: (N, T, d) -> (N, d)."""

    def __init__(self, sizes: Sizes) -> None:
        self.dense = Linear(sizes.hidden_size, sizes.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return F.tanh(self.dense(x[:, 0]))


class BertModel(Module):
    """Token ids (N, T) to a vector of each word and one of the sentence: a `BertOutput`.

    The sizes are those of bert-base, 110 million parameters; others by Hugging Face's names, such
    as `BertModel(vocab_size=100, hidden_size=32)`. Weights start normal with the standard deviation
    `initializer_range`, 0.02, which suits the large; small networks learn sooner from 0.1.

    attention_mask (N, T) is 1, or True, for words and 0 for padding, at which no word looks.
    token_type_ids (N, T) is 0 for the first of two sentences and 1 for the second.
    """

    def __init__(
        self, *, add_pooling_layer: bool = True, generator: Generator = None, **sizes: Any
    ) -> None:
        own = checked(sizes)
        self.embeddings = BertEmbeddings(own)
        self.encoder = BertEncoder(own)
        self.pooler = BertPooler(own) if add_pooling_layer else None
        reset_parameters(self, own.initializer_range, generator)

    def forward(
        self, input_ids: Any, attention_mask: Any = None, token_type_ids: Any = None
    ) -> BertOutput:
        shape = np.shape(input_ids)
        longest = self.embeddings.position_embeddings.num_embeddings
        if len(shape) != 2 or not 1 <= shape[1] <= longest:
            raise ShapeError(
                "BertModel", "the ids do not fit", got=f"{shape}",
                wanted=f"(N, T) with 1 ≤ T ≤ {longest}",
            )  # fmt: skip
        where = None if attention_mask is None else words_of(attention_mask, shape)
        if token_type_ids is None:
            token_type_ids = np.zeros(shape, np.int64)
        elif np.shape(token_type_ids) != shape:
            raise ShapeError(
                "BertModel", "each word is in one sentence", wanted=f"{shape}",
                got=f"ids {shape}, token_type_ids {np.shape(token_type_ids)}",
            )  # fmt: skip
        x = self.encoder(self.embeddings(input_ids, token_type_ids), where)
        return BertOutput(x, None if self.pooler is None else self.pooler(x))


class BertTransform(Module):
    """LayerNorm(gelu(W x + b)): (N, T, d) -> the same."""

    def __init__(self, sizes: Sizes) -> None:
        self.dense = Linear(sizes.hidden_size, sizes.hidden_size)
        self.LayerNorm = LayerNorm(sizes.hidden_size, sizes.layer_norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        return self.LayerNorm(F.gelu(self.dense(x)))


class BertPredictions(Module):
    """Logits of all words: (N, T, d) and the table of words (V, d) -> (N, T, V)."""

    def __init__(self, sizes: Sizes) -> None:
        self.transform = BertTransform(sizes)
        self.bias = empty(sizes.vocab_size, dtype=None)

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        return F.linear(self.transform(x), table, self.bias)


class BertForMaskedLM(Module):
    """Which word stands at each place, told from all others: ids (N, T) -> logits (N, T, V).

    The arguments are those of `BertModel`; the product is that with its table of words.
    """

    def __init__(self, *, generator: Generator = None, **sizes: Any) -> None:
        own = checked(sizes)
        self.bert = BertModel(add_pooling_layer=False, **sizes)
        self.cls = Sequential({"predictions": BertPredictions(own)})
        reset_parameters(self, own.initializer_range, generator)

    def forward(
        self, input_ids: Any, attention_mask: Any = None, token_type_ids: Any = None
    ) -> Tensor:
        x = self.bert(input_ids, attention_mask, token_type_ids).last_hidden_state
        logits: Tensor = self.cls["predictions"](x, self.bert.embeddings.word_embeddings.weight)
        return logits


def bert_state_dict(state: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A checkpoint of Hugging Face as what `load_state_dict` takes.

    `prefix="bert."` takes from a whole model's file what `BertModel` needs. The names of the norms
    in old files become today's; position numbers and second copies of the table of words go.
    """
    today = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
    kept = {}
    for name, x in state.items():
        for old, new in today.items():
            name = name.replace(old, new)
        if (
            name.startswith(prefix)
            and not name.endswith("position_ids")
            and ".decoder." not in name
        ):
            kept[name.removeprefix(prefix)] = x
    return kept


def checked(sizes: Mapping[str, Any]) -> Sizes:
    """The sizes with those that were not named, all of them possible."""
    unknown = sizes.keys() - set(Sizes._fields)
    own = Sizes(**{name: n for name, n in sizes.items() if name not in unknown})
    if unknown or own.hidden_size % own.num_attention_heads:
        raise ArgumentError(
            "BertModel", "no such network", got=", ".join(f"{k}={v!r}" for k, v in sizes.items()),
            wanted=f"of {', '.join(Sizes._fields)}; as many features for each head",
        )  # fmt: skip
    return own


def words_of(attention_mask: Any, shape: tuple[int, ...]) -> Any:
    """(N, T) of 1 for words and 0 for padding -> (N, 1, 1, T), True for words."""
    mask = value_of(attention_mask)
    if mask.shape != shape or not ((mask == 0) | (mask == 1)).all():
        raise ArgumentError(
            "BertModel", "no mask of the words", got=describe(mask),
            wanted=f"{shape} of 1 for words and 0 for padding",
        )  # fmt: skip
    return (mask == 1)[:, None, None, :]


def reset_parameters(model: Module, std: float, generator: Generator) -> None:
    """Draw all matrices afresh; biases become 0, the norms' weights stay 1."""
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            init.normal_(parameter, std=std, generator=generator)
        elif name.endswith("bias"):
            init.zeros_(parameter)
    for module in model.modules():
        if isinstance(module, Embedding) and module.padding_idx is not None:
            table = module.weight.numpy().copy()
            table[module.padding_idx] = 0
            module.weight.assign(table)
