"""Course 1, week 4: parity needs depth. XOR of 8 bits by 7 blocks, without any training.

The XOR of two bits is relu(p + q) − 2 relu(p + q − 1): two hidden units. In a balanced tree of
depth ⌈log₂ 8⌉ = 3, 8 − 1 = 7 of them give the parity of 8 bits, exactly, for all 256 inputs; one
hidden layer of gates that look for patterns would need 2⁷ = 128. Trained, a linear model stays at
chance while three layers of 16 tanh units learn it.

    python -m tinygrad_tr.examples.course1_parity
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
BITS = 8
TRAINED = (4, 6, 8)


def truth_table(bits: int) -> tuple[Array, Array]:
    """Every input of so many bits, and the parity of each: (2ᵇ, b), (2ᵇ, 1)."""
    X = (np.arange(2**bits)[:, None] >> np.arange(bits)[::-1]) & 1
    return X.astype(np.float64), (X.sum(axis=1, keepdims=True) % 2).astype(np.float64)


def xor_blocks(pairs: int) -> nn.Sequential:
    """The XOR of each pair of neighbours: (N, 2 pairs) -> (N, pairs)."""
    hidden = nn.Linear(2 * pairs, 2 * pairs, dtype=np.float64)
    output = nn.Linear(2 * pairs, pairs, bias=False, dtype=np.float64)
    p_plus_q_twice = np.kron(np.eye(pairs), [[1, 1], [1, 1]])
    hidden.load_state_dict({"weight": p_plus_q_twice, "bias": np.tile([0.0, -1.0], pairs)})
    output.weight.assign(np.kron(np.eye(pairs), [[1, -2]]))
    return nn.Sequential(hidden, nn.ReLU(), output)


def tree(bits: int) -> nn.Sequential:
    """XOR blocks in a balanced tree, for a power of 2 bits."""
    levels = int(np.log2(bits))
    return nn.Sequential(*(xor_blocks(bits >> level) for level in range(1, levels + 1)))


def networks(bits: int) -> dict[str, nn.MLP]:
    """What is trained: no hidden layer, one of 2 per bit, and three of 16 tanh units."""
    rng = np.random.default_rng(0)
    sizes = {
        "linear": [bits, 1],
        "wide": [bits, 2 * bits, 1],
        "deep": [bits, 16, 16, 16, 1],
    }
    return {
        name: nn.MLP(widths, nn.Tanh, generator=rng, dtype=np.float64)
        for name, widths in sizes.items()
    }


def learn(model: nn.Module, X: Array, Y: Array, steps: int) -> list[float]:
    """Adam with all rows of the truth table in each step; the accuracy at every tenth."""
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    x, accuracies = tt.from_numpy(X), []
    for step in range(1, steps + 1):
        optimizer.minimize(lambda: F.binary_cross_entropy_with_logits(model(x), Y))
        if step % 10 == 0:
            with tt.no_grad():
                accuracies.append(float(np.mean((model(x).numpy() > 0) == Y)))
    return accuracies


def main(folder: Path = FOLDER, steps: int = 1500) -> Outcome:
    """The tree on all 256 rows, then three kinds of networks trained on 4, 6 and 8 bits."""
    X, Y = truth_table(BITS)
    by_hand = tree(BITS)
    wrong = int(np.sum(by_hand(tt.from_numpy(X)).numpy() != Y))
    print(f"7 XOR blocks in a tree of depth 3: {wrong} of {len(X)} rows wrong\n")

    found: dict[str, list[float]] = {"linear": [], "wide": [], "deep": []}
    figure, axes = canvas(columns=len(TRAINED), size=(4.2, 3.6))
    print(f"{'bits':>4}" + "".join(f"{name:>9}" for name in found))
    for place, bits in zip(axes, TRAINED, strict=True):
        X, Y = truth_table(bits)
        for name, model in networks(bits).items():
            accuracies = learn(model, X, Y, steps)
            found[name].append(accuracies[-1])
            place.plot(range(10, steps + 1, 10), accuracies, label=name)
        place.set(
            title=f"parity of {bits} bits", xlabel="step", ylabel="accuracy", ylim=(0.3, 1.03)
        )
        print(f"{bits:4}" + "".join(f"{accuracies[-1]:9.3f}" for accuracies in found.values()))
    axes[0].legend(loc="center right")

    bit = tt.Tensor([[1.0, 0.0, 1.0, 1.0]], dtype=np.float64, name="bits")
    picture = tt.draw(tree(4), bit, passes="forward", values="full")
    files = [
        saved(figure, folder / "parity-training.png"),
        *(picture.save(folder / f"parity-tree{suffix}") for suffix in (".svg", ".png")),
    ]
    return Outcome(
        [
            Goal("rows of the truth table wrong by hand", wrong, 0, 0),
            Goal("linear, the best of 4, 6, 8 bits", max(found["linear"]), at_most=0.55),
            Goal("deep, the worst of 4, 6, 8 bits", min(found["deep"]), at_least=0.98),
        ],
        files,
    )


if __name__ == "__main__":
    print(main())
