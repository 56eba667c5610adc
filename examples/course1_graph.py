"""Course 1, week 2: the computation graph of J = 3(a + bc), forward and backward.

From left to right the values, from right to left the derivatives by the chain rule; and beside
them the derivatives by nudging: move one number by 0.001 and see how far J moves.

    python -m tinygrad_tr.examples.course1_graph
"""

from __future__ import annotations

from pathlib import Path

import tinygrad_tr as tt
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome

EPS = 0.001
EXACT = {"v": 3, "a": 3, "u": 3, "b": 6, "c": 9}  # dJ/dv ...


def main(folder: Path = FOLDER) -> Outcome:
    """Print both passes and draw their picture."""
    a = tt.Tensor(5.0, requires_grad=True)
    b = tt.Tensor(3.0, requires_grad=True)
    c = tt.Tensor(2.0, requires_grad=True)
    u = b * c
    v = a + u
    J = 3 * v
    tensors = {"v": v, "a": a, "u": u, "b": b, "c": c}
    found = tt.grad(J, list(tensors.values()), retain_graph=True)
    derivatives = {name: g.item() for name, g in zip(tensors, found, strict=True)}

    print("J = 3(a + bc) at a = 5, b = 3, c = 2")
    print(f"  forward   u = bc = {u.item():g}   v = a + u = {v.item():g}   J = 3v = {J.item():g}")
    print("  backward  " + "   ".join(f"dJ/d{n} = {slope:g}" for n, slope in derivatives.items()))

    print("  nudging by 0.001")
    start = {"a": 5.0, "b": 3.0, "c": 2.0}
    nudged = tt.nudge(lambda a, b, c: 3 * (a + b * c), list(start.values()), EPS)
    slopes = dict(zip(start, nudged, strict=True))
    for name, slope in slopes.items():
        moved = {**start, name: start[name] + EPS}
        u_moved = moved["b"] * moved["c"]
        v_moved = moved["a"] + u_moved
        print(
            f"    {name} {start[name]:g} → {moved[name]:.3f}   u = {u_moved:.3f}   "
            f"v = {v_moved:.3f}   J = {3 * v_moved:.3f}   ΔJ/Δ{name} = {slope:.3f}"
        )

    J.backward()
    picture = J.draw()
    files = [picture.save(folder / name) for name in ("graph.svg", "graph.png", "graph.html")]
    return Outcome(
        [
            Goal("J", J.item(), 33, 33),
            *(Goal(f"dJ/d{n}", derivatives[n], exact, exact) for n, exact in EXACT.items()),
            *(Goal(f"ΔJ/Δ{n}", s, EXACT[n] - 1e-9, EXACT[n] + 1e-9) for n, s in slopes.items()),
        ],
        files,
    )


if __name__ == "__main__":
    print(main())
