"""Course 5: networks that read, listen and write."""

from __future__ import annotations

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, text
from tinygrad_tr.nn import functional as F
from tinygrad_tr.picture import Picture


def rnn_unrolled() -> Picture:
    w_a, w_x = tt.Tensor(0.8, requires_grad=True), tt.Tensor(1.0, requires_grad=True)
    a = tt.Tensor(0.0, name="a<0>")
    for t, number in enumerate((1.0, -0.5, 0.5), start=1):
        x = tt.Tensor(number, name=f"x<{t}>")
        a = tt.tanh(w_a * a + w_x * x)
        a.name = f"a<{t}>"
    L = (a - 1) ** 2
    return L.draw(rankdir="TB")


def rnn_folded() -> Picture:
    class Reader(nn.Module):
        def __init__(self) -> None:
            self.cell, self.head = nn.RNNCell(2, 3), nn.Linear(3, 1)

        def forward(self, x: tt.Tensor) -> tt.Tensor:
            a = tt.zeros(1, 3)
            for word in x:
                a = self.cell(word, a)
            return self.head(a)

    tt.manual_seed(0)
    return tt.draw(Reader(), tt.randn(12, 1, 2), loss=lambda z: z.sum(), depth=1, values="stats")


def rnn_vanishing() -> Picture:
    w = tt.Tensor(0.5, requires_grad=True)
    a = tt.Tensor(1.0, requires_grad=True, name="a<0>")
    for t in range(1, 7):
        a = tt.tanh(w * a)
        a.name = f"a<{t}>"
    return a.draw(color="grad", unroll=True, rankdir="TB")


def gru_cell() -> Picture:
    c = tt.Tensor(0.5, requires_grad=True, name="c<t-1>")
    x = tt.Tensor(1.0, name="x<t>")
    w_u, w_r, w_c = (tt.Tensor(w, requires_grad=True) for w in (1.0, 0.5, 0.8))
    update = tt.sigmoid(w_u * (c + x))
    relevance = tt.sigmoid(w_r * (c + x))
    candidate = np.tanh(w_c * (relevance * c + x))
    now = update * candidate + (1 - update) * c
    names = {"Γu": update, "Γr": relevance, "c̃": candidate, "c<t>": now}
    return now.draw(rankdir="TB", names=names)


def lstm_cell() -> Picture:
    a, c = (tt.Tensor(v, requires_grad=True, name=f"{n}<t-1>") for n, v in (("a", 0.5), ("c", 2.0)))
    x = tt.Tensor(1.0, name="x<t>")
    s = a + x
    forget, update, output = tt.sigmoid(2 * s), tt.sigmoid(-s), tt.sigmoid(s)
    candidate = np.tanh(s)
    memory = update * candidate + forget * c
    out = output * np.tanh(memory)
    names = {"Γf": forget, "Γu": update, "Γo": output, "c̃": candidate, "c<t>": memory}
    return out.draw(rankdir="TB", names={**names, "a<t>": out})


def lstm_folded() -> Picture:
    class Reader(nn.Module):
        def __init__(self) -> None:
            self.cell = nn.LSTMCell(2, 3)

        def forward(self, x: tt.Tensor) -> tt.Tensor:
            a, c = tt.zeros(1, 3), tt.zeros(1, 3)
            for word in x:
                a, c = self.cell(word, (a, c))
            return a

    tt.manual_seed(0)
    return tt.draw(Reader(), tt.randn(100, 1, 2), loss=lambda a: a.sum(), depth=1, values="stats")


def bidirectional() -> Picture:
    tt.manual_seed(0)
    layer = nn.RNN(2, 2, bias=False, bidirectional=True)
    x = tt.randn(2, 1, 2)
    return tt.draw(layer, x, loss=lambda out: out[0].sum(), values="full")


def embedding() -> Picture:
    E = tt.Tensor(np.arange(10.0).reshape(5, 2), requires_grad=True)
    words = np.array([3, 1, 3])
    e = F.embedding(words, E)
    L = e.sum()
    return L.draw(values="full")


def cosine_similarity() -> Picture:
    king = tt.Tensor([3.0, 4.0], requires_grad=True)
    queen = tt.Tensor([4.0, 3.0], requires_grad=True)
    similarity = king @ queen / (np.linalg.norm(king) * np.linalg.norm(queen))
    return similarity.draw(values="full", rankdir="TB")


def language_model() -> Picture:
    tt.manual_seed(0)
    model = nn.models.RecurrentLanguageModel(6, 3, 4, layer=nn.RNN)
    tokens, next_tokens = np.array([[0, 4, 2]]), np.array([4, 2, 1])
    return tt.draw(model, tokens, loss=lambda out: F.cross_entropy(out[0][0], next_tokens), depth=1)


def skip_gram() -> Picture:
    rng = np.random.default_rng(0)
    E = tt.Tensor(rng.standard_normal((5, 2)).round(1), requires_grad=True)
    theta = tt.Tensor(rng.standard_normal((5, 2)).round(1), requires_grad=True, name="θ")
    e = F.embedding([3], E)
    L = text.softmax_loss(e, theta, [1])
    return L.draw(values="full", rankdir="TB")


def negative_sampling() -> Picture:
    rng = np.random.default_rng(0)
    E = tt.Tensor(rng.standard_normal((5, 2)).round(1), requires_grad=True)
    theta = tt.Tensor(rng.standard_normal((5, 2)).round(1), requires_grad=True, name="θ")
    e = F.embedding([3], E)
    L = text.negative_sampling_loss(e, theta, [1], [[0, 4]])
    return L.draw(values="full", rankdir="TB")


def sentiment() -> Picture:
    tt.manual_seed(0)
    E, W = tt.randn(6, 3, requires_grad=True), tt.randn(3, 2, requires_grad=True)
    words = np.array([2, 5, 0, 5])
    mean = F.embedding(words, E).mean(axis=0)
    L = F.cross_entropy(mean @ W, np.int64(1))
    return L.draw(values="full", rankdir="TB")


def encoder_decoder() -> Picture:
    tt.manual_seed(0)
    encoder = nn.models.RecurrentEncoder(6, 3, 4)
    decoder = nn.models.RecurrentLanguageModel(6, 3, 4)
    model = nn.models.EncoderDecoder(encoder, decoder)
    x, before, y = np.array([[2, 3, 4]]), np.array([[0, 5, 2]]), np.array([5, 2, 1])

    def loss(z: tt.Tensor) -> tt.Tensor:
        return F.cross_entropy(z[0], y)

    return tt.draw(model, x, before, loss=loss, depth=2, values="none", color="grad")


def additive_attention() -> Picture:
    tt.manual_seed(0)
    a = tt.randn(4, 2, requires_grad=True)
    s = tt.randn(1, 2, requires_grad=True)
    W, U = tt.randn(2, 3, requires_grad=True), tt.randn(2, 3, requires_grad=True)
    v = tt.randn(3, requires_grad=True)
    e = np.tanh(s @ W + a @ U) @ v
    alpha = tt.softmax(e)
    context = alpha @ a
    names = {"α<t,t'>": alpha, "a<t'>": a, "s<t-1>": s, "c<t>": context}
    return context.draw(values="full", rankdir="TB", names=names)


def ctc() -> Picture:
    tt.manual_seed(0)
    z = tt.randn(5, 1, 3, requires_grad=True)
    log_p = F.log_softmax(z, dim=-1)
    L = F.ctc_loss(log_p, np.array([[1, 2]]), np.array([5]), np.array([2]), reduction="sum")
    return L.draw(values="full", rankdir="TB")


def self_attention() -> Picture:
    X = tt.Tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    W_q = tt.Tensor([[-2.0, 0.0], [0.0, -2.0]], requires_grad=True)
    W_k = tt.Tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    W_v = tt.Tensor([[1.0, 0.0], [0.0, 3.0]], requires_grad=True)
    Q, K, V = X @ W_q, X @ W_k, X @ W_v
    scores = Q @ K.T / np.sqrt(np.float32(2))
    weights = tt.softmax(scores)
    A = weights @ V
    return A.draw(rankdir="TB", values="full")


def causal_mask() -> Picture:
    tt.manual_seed(0)
    q, k, v = (tt.randn(4, 2, requires_grad=True) for _ in range(3))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return out.draw(images=True)


def multi_head_attention() -> Picture:
    tt.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    x = tt.randn(1, 5, 8, requires_grad=True)
    return tt.draw(layer, x, x, x, depth=1, passes="forward", values="none", images=True)


def transformer_encoder_layer() -> Picture:
    tt.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    x = tt.randn(1, 5, 8, requires_grad=True)

    def loss(out: tt.Tensor) -> tt.Tensor:
        return out[..., 0].mean()

    return tt.draw(layer, x, loss=loss, depth=1, values="none", color="grad")


def transformer_decoder_layer() -> Picture:
    tt.manual_seed(0)
    layer = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True).eval()
    target, memory = tt.randn(1, 3, 8), tt.randn(1, 5, 8, requires_grad=True)

    def loss(out: tt.Tensor) -> tt.Tensor:
        return out[..., 0].mean()

    return tt.draw(layer, target, memory, loss=loss, depth=1, values="none", color="grad")


def transformer() -> Picture:
    tt.manual_seed(0)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 12)
    x = tt.randn(1, 5, 8)

    def loss(out: tt.Tensor) -> tt.Tensor:
        return out[..., 0].mean()

    return tt.draw(encoder.eval(), x, loss=loss, depth=2, values="none", color="grad")


def gpt() -> Picture:
    tt.manual_seed(0)
    model = nn.models.GPT(vocab_size=10, max_len=8, d_model=8, nhead=2, num_layers=12).eval()
    ids, next_ids = np.array([[1, 5, 2, 7]]), np.array([5, 2, 7, 3])

    def loss(z: tt.Tensor) -> tt.Tensor:
        return F.cross_entropy(z[0], next_ids)

    return tt.draw(model, ids, loss=loss, depth=2, values="none", color="grad")


def bert() -> Picture:
    tt.manual_seed(0)
    model = nn.models.BertForMaskedLM(
        vocab_size=10, hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=8,
    ).eval()  # fmt: skip
    ids = np.array([[2, 5, 1, 7]])

    def loss(z: tt.Tensor) -> tt.Tensor:
        return F.cross_entropy(z[0, 2:3], [6])

    return tt.draw(model, ids, loss=loss, depth=3, values="none", color="grad")
