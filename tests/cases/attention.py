"""Rows for tinygrad_tr/rules/attention.py."""

import numpy as np

from tests.cases.case import Case, fixed, normal
from tinygrad_tr.nn import functional as F
from tinygrad_tr.rules.attention import attention

QUERIES, KEYS, VALUES = normal(2, 3, 4, 5), normal(2, 3, 6, 5), normal(2, 3, 6, 2)
CAUSAL = np.tri(4, 6, dtype=bool)
KEPT = np.random.default_rng(3).random((2, 3, 4, 6)) < 0.6


def theirs(torch, *inputs, **options):
    return torch.nn.functional.scaled_dot_product_attention(*inputs, **options)


def fully_masked():
    """No query may look at the last key, and the second query at none."""
    mask = np.ones((4, 6), bool)
    mask[:, -1] = mask[1] = False
    return mask


def thinned(q, k, v):
    """With a fixed dropout."""
    return attention(q, k, v, None, KEPT, where=CAUSAL, scale=0.4, keep=0.6)


def thinned_theirs(torch, q, k, v):
    scores = (0.4 * q @ k.mT).masked_fill(torch.tensor(~CAUSAL), -np.inf)
    return (torch.softmax(scores, -1) * torch.tensor(KEPT) / 0.6) @ v


CASES = [
    Case("attention", F.scaled_dot_product_attention, [QUERIES, KEYS, VALUES], theirs, keeps=4),
    Case("attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, scale=0.3),
         [normal(4, 5), normal(6, 5), normal(6, 2)],
         lambda torch, *x: theirs(torch, *x, scale=0.3), label="one head", keeps=4),
    Case("attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
         [QUERIES, KEYS, VALUES], lambda torch, *x: theirs(torch, *x, is_causal=True),
         label="causal", keeps=4),
    Case("attention", F.scaled_dot_product_attention,
         [QUERIES, KEYS, VALUES, normal(3, 1, 6)],
         lambda torch, q, k, v, b: theirs(torch, q, k, v, b.expand(2, 3, 4, 6)),
         label="bias", keeps=4),
    Case("attention",
         lambda q, k, v, b: F.scaled_dot_product_attention(
             q, k, v, np.where(fully_masked(), b, -np.inf)),
         [QUERIES, KEYS, VALUES, normal(4, 6)], label="minus infinity", keeps=4,
         value=lambda q, k, v, b: F.scaled_dot_product_attention(
             *map(np.asarray, (q, k, v)), np.where(fully_masked(), b, -np.inf))),
    Case("attention", F.scaled_dot_product_attention,
         [QUERIES, KEYS, VALUES, fixed(fully_masked())], theirs, label="a query without keys",
         keeps=4),
    Case("attention", thinned, [QUERIES, KEYS, VALUES], thinned_theirs, label="dropout", keeps=5),
]  # fmt: skip
