"""A table of vectors, one for each word."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ShapeError, describe
from tinygrad_tr.tensor import Tensor

from . import functional as F
from . import init
from .functional.embedding import padding_row
from .linear import empty
from .module import Module, Parameter

Generator = np.random.Generator | None


class Embedding(Module):
    """The rows of a table, looked up: (...,) integers in [0, num_embeddings) -> (..., D).

    The same as the product of one-hot columns with the table, e_j = E o_j, without the product.
    The table starts standard normal, its padding row zero; that row gets no gradient. Rows longer
    than `max_norm` (in the p-norm `norm_type`) are shortened in the table itself when they are
    looked up. `scale_grad_by_freq` divides a row's gradient by how often it was looked up.

    Its gradient is kept as the rows that were looked up until somebody asks for all of it; plain
    SGD never does. So `sparse`, with which PyTorch asks for that, changes nothing here.
    Course 5, week 2.
    """

    weight: Parameter  # (num_embeddings, embedding_dim)

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        *,
        generator: Generator = None,
        dtype: Any = None,
    ) -> None:
        self.num_embeddings = whole("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = whole("Embedding", "embedding_dim", embedding_dim)
        self.padding_idx = padding_row("Embedding", padding_idx, num_embeddings)
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self.weight = empty(num_embeddings, embedding_dim, dtype=dtype)
        self.reset_parameters(generator)

    @classmethod
    def from_pretrained(cls, embeddings: Any, freeze: bool = True, **options: Any) -> Self:
        """A layer with this table (V, D), copied; without `freeze` it learns on."""
        shape = np.shape(embeddings)
        if len(shape) != 2:
            raise ShapeError(
                "Embedding.from_pretrained", "not a table", got=describe(embeddings),
                wanted="(words, features)",
            )  # fmt: skip
        self = cls(*shape, **options)
        self.weight = Parameter(getattr(embeddings, "value", embeddings), not freeze)
        return self

    def reset_parameters(self, generator: Generator = None) -> None:
        """Draw the table afresh; the padding row becomes zero."""
        init.normal_(self.weight, generator=generator)
        if self.padding_idx is not None:
            table = self.weight.numpy().copy()
            table[self.padding_idx] = 0
            self.weight.assign(table)

    def forward(self, indices: Any) -> Tensor:
        return F.embedding(
            indices, self.weight, self.padding_idx, self.max_norm, self.norm_type,
            self.scale_grad_by_freq,
        )  # fmt: skip

    def extra_repr(self) -> str:
        usual = {"padding_idx": None, "max_norm": None, "norm_type": 2.0,
                 "scale_grad_by_freq": False}  # fmt: skip
        facts = {k: getattr(self, k) for k, v in usual.items() if getattr(self, k) != v}
        words = [f"{name}={value!r}" for name, value in facts.items()]
        return ", ".join([str(self.num_embeddings), str(self.embedding_dim), *words])
