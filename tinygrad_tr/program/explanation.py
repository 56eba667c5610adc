"""What a compiled step says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .fusion import Loop
from .loop_text import source_of

if TYPE_CHECKING:
    from .steps import CompiledStep, Program


def explanation(step: CompiledStep) -> str:
    """Every program: how long it took to make, its steps, loops and buffers, its text."""
    lines = [repr(step)]
    for (*_, kind), found in step.kinds.items():
        lines += ["", f"arguments {shown(kind)}"]
        if found.recording is not None:
            lines.append("  recorded once; the next call makes the program")
        for program in found.programs:
            lines += described(program)
    if step.made_anew:
        lines += ["", "made anew because", *(f"  {reason}" for reason in step.made_anew)]
    return "\n".join(lines)


def described(program: Program) -> list[str]:
    loops = [step for step in program.steps if isinstance(step, Loop)]
    inside = sum(len(loop.operations) for loop in loops)
    buffers = program.layout
    lines = [
        f"  {program.recorded} operations recorded, {len(program.steps)} steps",
        f"  {inside} of the operations in {len(loops)} loops",
        f"  {len(buffers.places)} arrays in {len(buffers.sizes)} buffers, {buffers.nbytes:,} bytes",
        f"  built in {program.seconds:.2f} s",
        "",
        *(f"  {line}" for line in program.text.splitlines()),
    ]
    texts: dict[str, list[int]] = {}
    for i, loop in enumerate(loops):
        texts.setdefault(source_of(loop, buffers.over).text, []).append(i)
    for text, numbers in texts.items():
        which = ", ".join(map(str, numbers))
        lines += ["", f"  loop {which}:", *(f"    {line}" for line in text.strip().splitlines())]
    return lines


def shown(kind: Any) -> str:
    """The shapes and dtypes of arguments."""
    if isinstance(kind, tuple) and kind and kind[0] in (tuple, list, dict):
        return f"({', '.join(map(shown, kind[1:]))})"
    if isinstance(kind, tuple) and len(kind) > 2:
        return f"{kind[0].__name__} {kind[1]} {kind[2]}"
    if isinstance(kind, tuple) and len(kind) == 2:
        return repr(kind[1]) if isinstance(kind[0], type) else f"{kind[0]}={shown(kind[1])}"
    return str(kind)
