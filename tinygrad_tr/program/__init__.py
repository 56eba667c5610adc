"""Compiled steps: what a step did to its arrays, recorded, fused, and run without Python's cost.

tracing, symbols      a run of the step is written on a tape; openings: rules taken apart for it
agreement             two runs must have done the same
rewriting, simplify   plainer operations, and fewer
fusion, passes        elementwise ones and sums over rows in loops; remaking: cheap ones twice
memory, loops         buffers; the text of a loop, compiled and kept on disk
assembly, steps       the program, and `compile`; guards: whether a program takes some arguments
"""

from .steps import CompiledStep, compile  # noqa: A004  PyTorch's name for it

__all__ = ["CompiledStep", "compile"]
