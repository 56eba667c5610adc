"""BERT and GPT-2 written in PyTorch as Hugging Face writes them, with its names.

Imported inside tests that need PyTorch.
"""

from __future__ import annotations

import math

import torch
from torch import nn

# ------------------------------------------------------------------ BERT


class Norm(nn.Module):
    """The end of half a layer: transformers' BertSelfOutput and BertOutput."""

    def __init__(self, n, d):
        super().__init__()
        self.dense = nn.Linear(n, d)
        self.LayerNorm = nn.LayerNorm(d, eps=1e-12)

    def forward(self, hidden, x):
        return self.LayerNorm(self.dense(hidden) + x)


class SelfAttention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)

    def forward(self, x, extended_mask):
        n, t, d = x.shape
        q, k, v = (
            f(x).view(n, t, self.heads, -1).permute(0, 2, 1, 3)
            for f in (self.query, self.key, self.value)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(d // self.heads) + extended_mask
        out = torch.softmax(scores, dim=-1) @ v
        return out.permute(0, 2, 1, 3).reshape(n, t, d)


class Attention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.add_module("self", SelfAttention(d, heads))
        self.output = Norm(d, d)

    def forward(self, x, mask):
        return self.output(self.self(x, mask), x)


class Dense(nn.Module):
    def __init__(self, n, m):
        super().__init__()
        self.dense = nn.Linear(n, m)


class Layer(nn.Module):
    def __init__(self, d, heads, wide):
        super().__init__()
        self.attention = Attention(d, heads)
        self.intermediate = Dense(d, wide)
        self.output = Norm(wide, d)

    def forward(self, x, mask):
        x = self.attention(x, mask)
        return self.output(nn.functional.gelu(self.intermediate.dense(x)), x)


class Embeddings(nn.Module):
    def __init__(self, words, d, longest):
        super().__init__()
        self.word_embeddings = nn.Embedding(words, d, padding_idx=0)
        self.position_embeddings = nn.Embedding(longest, d)
        self.token_type_embeddings = nn.Embedding(2, d)
        self.LayerNorm = nn.LayerNorm(d, eps=1e-12)

    def forward(self, ids, types):
        places = torch.arange(ids.shape[1])
        x = self.word_embeddings(ids) + self.token_type_embeddings(types)
        return self.LayerNorm(x + self.position_embeddings(places))


class Bert(nn.Module):
    """transformers.BertModel; position_ids is a buffer in the files of older versions."""

    def __init__(self, words, d, layers, heads, wide, longest):
        super().__init__()
        self.embeddings = Embeddings(words, d, longest)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(Layer(d, heads, wide) for _ in range(layers))
        self.pooler = Dense(d, d)
        self.embeddings.register_buffer("position_ids", torch.arange(longest)[None])

    def forward(self, ids, mask, types):
        extended = (1 - mask[:, None, None, :].double()) * torch.finfo(torch.float64).min
        x = self.embeddings(ids, types)
        for layer in self.encoder.layer:
            x = layer(x, extended)
        return x, torch.tanh(self.pooler.dense(x[:, 0]))


class BertForMaskedLM(nn.Module):
    def __init__(self, words, d, *sizes):
        super().__init__()
        self.bert = Bert(words, d, *sizes)
        self.cls = nn.Module()
        self.cls.predictions = nn.Module()
        self.cls.predictions.transform = Norm(d, d)
        self.cls.predictions.bias = nn.Parameter(torch.zeros(words))

    def forward(self, ids, mask, types):
        x, _ = self.bert(ids, mask, types)
        head = self.cls.predictions
        x = head.transform.LayerNorm(nn.functional.gelu(head.transform.dense(x)))
        return x @ self.bert.embeddings.word_embeddings.weight.T + head.bias


# ------------------------------------------------------------------ GPT-2


class Conv1D(nn.Module):
    """transformers.pytorch_utils.Conv1D: x W + b."""

    def __init__(self, n, m):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(n, m)), nn.Parameter(torch.zeros(m))

    def forward(self, x):
        return x @ self.weight + self.bias


class GPT2Attention(nn.Module):
    def __init__(self, d, heads, longest):
        super().__init__()
        self.heads = heads
        self.c_attn, self.c_proj = Conv1D(d, 3 * d), Conv1D(d, d)
        self.register_buffer("bias", torch.ones(longest, longest).tril().bool()[None, None])

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = (
            a.view(n, t, self.heads, -1).transpose(1, 2) for a in self.c_attn(x).split(d, dim=2)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(d // self.heads)
        scores = scores.masked_fill(~self.bias[:, :, :t, :t], -math.inf)
        return self.c_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, d))


class GPT2Block(nn.Module):
    def __init__(self, d, heads, longest):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attn = GPT2Attention(d, heads, longest)
        self.mlp = nn.Module()
        self.mlp.c_fc, self.mlp.c_proj = Conv1D(d, 4 * d), Conv1D(4 * d, d)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        wide = nn.functional.gelu(self.mlp.c_fc(self.ln_2(x)), approximate="tanh")
        return x + self.mlp.c_proj(wide)


class GPT2(nn.Module):
    """transformers.GPT2LMHeadModel, without the second name of its table."""

    def __init__(self, words, longest, d, heads, layers):
        super().__init__()
        self.transformer = nn.Module()
        self.transformer.wte, self.transformer.wpe = (
            nn.Embedding(words, d),
            nn.Embedding(longest, d),
        )
        self.transformer.h = nn.ModuleList(GPT2Block(d, heads, longest) for _ in range(layers))
        self.transformer.ln_f = nn.LayerNorm(d)

    def forward(self, ids):
        inside = self.transformer
        x = inside.wte(ids) + inside.wpe(torch.arange(ids.shape[1]))
        for block in inside.h:
            x = block(x)
        return inside.ln_f(x) @ inside.wte.weight.T
