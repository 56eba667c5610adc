"""Course 1, week 2: the computation graph of J = 3(a + bc), forward and backward.

python -m tinygrad_tr.examples.course1_graph
"""

from __future__ import annotations

from pathlib import Path

import tinygrad_tr as tt


def main(folder: Path = Path("tinygrad-tr-demo")) -> list[Path]:
    """Print both passes and write their picture; returns the files."""
    a = tt.Tensor(5.0, requires_grad=True)
    b = tt.Tensor(3.0, requires_grad=True)
    c = tt.Tensor(2.0, requires_grad=True)
    u = b * c
    v = a + u
    J = 3 * v
    for result in (u, v, J):
        result.retain_grad()
    J.backward()

    print("J = 3(a + bc) at a = 5, b = 3, c = 2")
    print(f"  forward   u = bc = {u.item():g}   v = a + u = {v.item():g}   J = 3v = {J.item():g}")
    derivatives = {"v": v, "a": a, "u": u, "b": b, "c": c}
    print("  backward  " + "   ".join(f"dJ/d{n} = {t.grad:g}" for n, t in derivatives.items()))

    # The derivative by nudging, as the lecture introduces it: move an input by 0.001.
    nudged = tt.nudge(lambda a, b, c: 3 * (a + b * c), [5, 3, 2])
    slopes = zip("abc", nudged, strict=True)
    print("  nudging   " + "   ".join(f"ΔJ/Δ{n} = {slope:.3f}" for n, slope in slopes))

    folder.mkdir(parents=True, exist_ok=True)
    picture = J.draw()
    return [picture.save(folder / name) for name in ("graph.svg", "graph.png")]


if __name__ == "__main__":
    print(*main(), sep="\n")
