"""Course 5, week 1: GRU and LSTM, a memory cell and the gates that open it.

The course's equations in its own letters, examples in columns: the simple GRU, the full one with
its relevance gate Γr, and the LSTM, whose update Γu and forget gate Γf no longer add up to 1. Their
check numbers must come out to 1e-6, and `nn.GRU(..., reset_after=False)` and `nn.LSTM`, given the
same weights, must say the same to 1e-12. PyTorch's GRU, the default, applies the relevance gate
after the product with W instead of before it, which is another function, except where Γr = 1.
A gate that is shut carries the cell over 1000 steps without a change, and a GRU whose weights are
set by hand remembers over a whole clause whether the cat was one.

    python -m tinygrad_tr.examples.course5_gates
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn.functional import sigmoid
from tinygrad_tr.tensor import Tensor

Array = np.ndarray[Any, Any]
Matrix = Any  # an array or a Tensor: the equations take both
Gates = Mapping[str, Matrix]  # W (n, n + n_x) or b (n, 1) of the candidate "c" and each gate
STEPS = 1000
EXACT = {  # all W = 1, b = 0, c = 0.5, x = 1; of the LSTM a = 0.5, c = 0.25
    "simple GRU, c̃": 0.905148, "simple GRU, Γu": 0.817574, "simple GRU, c": 0.831239,
    "GRU, Γr": 0.817574, "GRU, c̃": 0.887236, "GRU, c": 0.816595,
    "LSTM, c": 0.944420, "LSTM, a": 0.602754,
}  # fmt: skip
SENTENCES = ("the cat which already ate was full", "the cats which already ate were full")


def simple_gru(c: Matrix, x: Matrix, W: Gates, b: Gates) -> dict[str, Matrix]:
    """c<t> = Γu c̃ + (1 - Γu) c<t-1>, with c̃ = tanh(W_c [c<t-1>; x<t>] + b_c). a<t> is c<t>."""
    both = np.concatenate([c, x])
    candidate = np.tanh(W["c"] @ both + b["c"])
    Γu = sigmoid(W["u"] @ both + b["u"])
    return {"c̃": candidate, "Γu": Γu, "c": Γu * candidate + (1 - Γu) * c}


def gru(c: Matrix, x: Matrix, W: Gates, b: Gates) -> dict[str, Matrix]:
    """The same with c̃ = tanh(W_c [Γr c<t-1>; x<t>] + b_c): how relevant c<t-1> is, Γr says."""
    both = np.concatenate([c, x])
    Γr = sigmoid(W["r"] @ both + b["r"])
    Γu = sigmoid(W["u"] @ both + b["u"])
    candidate = np.tanh(W["c"] @ np.concatenate([Γr * c, x]) + b["c"])
    return {"Γr": Γr, "Γu": Γu, "c̃": candidate, "c": Γu * candidate + (1 - Γu) * c}


def lstm(a: Matrix, c: Matrix, x: Matrix, W: Gates, b: Gates) -> dict[str, Matrix]:
    """c<t> = Γu c̃ + Γf c<t-1> and a<t> = Γo tanh c<t>; all gates look at [a<t-1>; x<t>]."""
    both = np.concatenate([a, x])
    candidate = np.tanh(W["c"] @ both + b["c"])
    Γu, Γf, Γo = (sigmoid(W[gate] @ both + b[gate]) for gate in "ufo")
    new = Γu * candidate + Γf * c
    return {"c̃": candidate, "Γu": Γu, "Γf": Γf, "Γo": Γo, "c": new, "a": Γo * np.tanh(new)}


def weights(gates: str, n: int, n_x: int, seed: int = 0) -> tuple[Gates, Gates]:
    """Random W and b of the candidate and the gates, in float64."""
    rng = np.random.default_rng(seed)
    W = {gate: rng.standard_normal((n, n + n_x)) for gate in gates}
    return W, {gate: rng.standard_normal((n, 1)) for gate in gates}


def state_dict(rows: list[Array], biases: list[Array]) -> dict[str, Array]:
    """The parameters of a layer of this library, and of PyTorch's, from blocks [W_·c | W_·x]."""
    n = len(rows[0])
    stacked, bias = np.concatenate(rows), np.concatenate(biases)[:, 0]
    # PyTorch has two biases. The one inside matters to a GRU that resets after the product.
    return {"weight_hh_l0": stacked[:, :n], "weight_ih_l0": stacked[:, n:],
            "bias_ih_l0": bias, "bias_hh_l0": np.zeros_like(bias)}  # fmt: skip


def gru_layer(W: Gates, b: Gates, reset_after: bool = False) -> nn.GRU:
    """`nn.GRU` with these weights. Its update gate is 1 - Γu = σ(-z), so those change sign."""
    n, wide = W["c"].shape
    layer = nn.GRU(wide - n, n, reset_after=reset_after, dtype=np.float64)
    layer.load_state_dict(state_dict([W["r"], -W["u"], W["c"]], [b["r"], -b["u"], b["c"]]))
    return layer


def lstm_layer(W: Gates, b: Gates) -> nn.LSTM:
    """`nn.LSTM` with these weights; PyTorch calls its gates i, f, g, o: Γu, Γf, c̃, Γo."""
    n, wide = W["c"].shape
    layer = nn.LSTM(wide - n, n, dtype=np.float64)
    layer.load_state_dict(state_dict([W[gate] for gate in "ufco"], [b[gate] for gate in "ufco"]))
    return layer


def main(folder: Path = FOLDER) -> Outcome:
    """The check numbers, the layers beside the equations, and what a cell remembers."""
    numbers = check_numbers()
    apart = compare_with_layers()
    carried = carry()
    remembered = {sentence: remember(sentence.split()) for sentence in SENTENCES}
    print("\na GRU set by hand: c is 1 for one cat and -1 for more, until the verb is needed")
    for sentence, (updates, cells) in remembered.items():
        print("     ", *(f"{word:>8}" for word in sentence.split()))
        print("    Γu", *(f"{update:8.2f}" for update in updates))
        print("    c ", *(f"{cell:8.2f}" for cell in cells))
    one, more = (cells[5] for _, cells in remembered.values())
    return Outcome(
        [
            *(Goal(name, numbers[name], v - 1e-6, v + 1e-6) for name, v in EXACT.items()),
            Goal("GRU − nn.GRU(reset_after=False)", apart["before"], at_most=1e-12),
            Goal("GRU − nn.GRU as in PyTorch", apart["after"], at_least=0.01),
            Goal("the same where Γr = 1", apart["after, Γr = 1"], at_most=1e-12),
            Goal("LSTM − nn.LSTM", apart["LSTM"], at_most=1e-12),
            Goal(f"what {STEPS} steps with Γu = 0, Γf = 1 change", carried, 0, 0),
            Goal("c at 'was' − c at 'were'", one - more, at_least=1.9),
        ],
        [*draw_cells(folder), plot_memory(remembered, folder / "gates-memory.png")],
    )


def check_numbers() -> dict[str, float]:
    """Of one cell of each kind, with all weights 1 and all biases 0."""
    W, b = dict.fromkeys("curfo", np.ones((1, 2))), dict.fromkeys("curfo", np.zeros((1, 1)))
    half, quarter, one = np.full((1, 1), 0.5), np.full((1, 1), 0.25), np.ones((1, 1))
    found = {
        "simple GRU": simple_gru(half, one, W, b),
        "GRU": gru(half, one, W, b),
        "LSTM": lstm(half, quarter, one, W, b),
    }
    print("all W = 1, all b = 0; GRU: c = 0.5, x = 1; LSTM: a = 0.5, c = 0.25, x = 1")
    for kind, values in found.items():
        print(f"  {kind:<11}", *(f"{name} = {v.item():.6f}  " for name, v in values.items()))
    return {f"{kind}, {k}": v.item() for kind, values in found.items() for k, v in values.items()}


def compare_with_layers(n: int = 4, n_x: int = 3, steps: int = 7, m: int = 2) -> dict[str, float]:
    """How far the course's equations are from the layers, over a whole sequence."""
    x = np.random.default_rng(1).standard_normal((steps, n_x, m))
    rows = Tensor(x.swapaxes(1, 2))  # the layers have examples in rows
    W, b = weights("curfo", n, n_x)

    def over_time(W: Gates, b: Gates) -> Array:
        c, cells = np.zeros((n, m)), []
        for x_t in x:
            c = gru(c, x_t, W, b)["c"]
            cells.append(c.T)
        return np.stack(cells)

    def difference(layer: Any, expected: Array) -> float:
        return float(np.abs(layer(rows)[0].numpy() - expected).max())

    open_ = {**b, "r": np.full((n, 1), 1e3)}  # Γr = 1
    a, c, outputs = np.zeros((n, m)), np.zeros((n, m)), []
    for x_t in x:
        found = lstm(a, c, x_t, W, b)
        a, c = found["a"], found["c"]
        outputs.append(a.T)
    apart = {
        "before": difference(gru_layer(W, b), over_time(W, b)),
        "after": difference(gru_layer(W, b, reset_after=True), over_time(W, b)),
        "after, Γr = 1": difference(gru_layer(W, open_, reset_after=True), over_time(W, open_)),
        "LSTM": difference(lstm_layer(W, b), np.stack(outputs)),
    }
    print(f"\nthe course's equations beside the layers, {steps} steps")
    print(f"  GRU, Γr before the product as in the course: differ by {apart['before']:.1e}")
    print(f"  GRU, Γr after the product as in PyTorch:     differ by {apart['after']:.3f}")
    print(f"  the same with Γr = 1:                        differ by {apart['after, Γr = 1']:.1e}")
    print(f"  LSTM:                                        differ by {apart['LSTM']:.1e}")
    return apart


def carry(n: int = 5) -> float:
    """The largest change of the cells of a GRU and an LSTM while their gates are shut."""
    rng = np.random.default_rng(2)
    W, b = weights("curfo", n, 3)
    b = {**b, "u": np.full((n, 1), -1e3), "f": np.full((n, 1), 1e3)}
    start = rng.standard_normal((n, 1))
    c_gru, c_lstm, a = start, start, np.zeros((n, 1))
    for x in rng.standard_normal((STEPS, 3, 1)):
        c_gru = gru(c_gru, x, W, b)["c"]
        found = lstm(a, c_lstm, x, W, b)
        a, c_lstm = found["a"], found["c"]
    return float(max(np.abs(c_gru - start).max(), np.abs(c_lstm - start).max()))


def remember(sentence: list[str]) -> tuple[list[float], list[float]]:
    """Γu and c at each word, with weights by which only "cat" and "cats" open the gate."""
    # Columns: c<t-1>, the word is "cat", the word is "cats".
    W = {"u": np.array([[0.0, 20, 20]]), "c": np.array([[0.0, 10, -10]])}
    b = {"u": np.array([[-10.0]]), "c": np.zeros((1, 1))}
    c, updates, cells = np.zeros((1, 1)), [], []
    for word in sentence:
        x = np.array([[word == "cat"], [word == "cats"]], float)
        found = simple_gru(c, x, W, b)
        c = found["c"]
        updates.append(found["Γu"].item())
        cells.append(c.item())
    return updates, cells


def draw_cells(folder: Path) -> list[Path]:
    """One step of the full GRU and of the LSTM, the check numbers' own, forward and backward."""
    W = {g: Tensor([[1.0, 1.0]], requires_grad=True, name=f"W_{g}") for g in "curfo"}
    b = {g: Tensor([[0.0]], requires_grad=True, name=f"b_{g}") for g in "curfo"}
    x = Tensor([[1.0]], name="x<t>")

    def before(name: str, value: float) -> Tensor:
        return Tensor([[value]], requires_grad=True, name=f"{name}<t-1>")

    steps = {
        "gru": gru(before("c", 0.5), x, W, b),
        "lstm": lstm(before("a", 0.5), before("c", 0.25), x, W, b),
    }
    files = []
    for kind, found in steps.items():
        for name, value in found.items():
            value.name = f"{name}<t>" if name in "ac" else name
        end = found["a"] if "a" in found else found["c"]
        files.append(tt.draw(end, rankdir="TB").save(folder / f"gates-{kind}.svg"))
    return files


def plot_memory(remembered: dict[str, tuple[list[float], list[float]]], file: Path) -> Path:
    """The cell over two sentences, and how much of a cell is left after many steps."""
    figure, (left, right) = canvas(columns=2, size=(5.5, 3.6))
    for sentence, (_, cells) in remembered.items():
        left.plot(cells, "o-", label=sentence)
    words = (a if a == b else f"{a}/{b}" for a, b in zip(*map(str.split, SENTENCES), strict=True))
    left.set_xticks(range(len(SENTENCES[0].split())), list(words), rotation=30)
    left.set(title="c<t>: one cat or more?", ylim=(-1.3, 1.9))
    left.legend(loc="upper right", fontsize=8)
    t = np.arange(201)
    for keep in (1, 0.99, 0.9):
        right.plot(t, np.power(float(keep), t), label=f"Γf = {keep}")
    a = [1.0]
    for _ in t[1:]:
        a.append(np.tanh(a[-1]))
    right.plot(t, a, "--", label="plain RNN, W_aa = 1")
    right.set(title="What is left of a 1", xlabel="steps later")
    right.legend(fontsize=8)
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
