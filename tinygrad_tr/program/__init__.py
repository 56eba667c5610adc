"""Compiled steps: what a step did to its arrays, recorded, fused, and run without Python's cost.

tracing, symbols     a run of the step is written on a tape
agreement            two runs must have done the same
simplify, fusion     fewer operations; elementwise ones in loops
memory, loops        buffers; the text of a loop, compiled and kept on disk
assembly, steps      the program, and `compile`
"""

from .steps import CompiledStep, compile  # noqa: A004  PyTorch's name for it

__all__ = ["CompiledStep", "compile"]
