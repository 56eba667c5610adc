"""Memory for the next array, from the one just freed."""

from __future__ import annotations

import numpy as np

LARGEST = 31 << 20  # bytes; glibc learns from blocks below 32 MiB


def reuse_freed_memory() -> None:
    """Let the process keep what arrays of up to 31 MiB free, for the arrays after them.

    glibc returns large blocks to the system, and then every page of the next block costs a
    fault: a training step with arrays of 2 MiB took four times as long for it. A block is
    large if it is larger than all that were freed before; so to free one, never touched, is
    enough. At most twice its size stays unused. Other C libraries do not mind.
    """
    np.empty(LARGEST, np.uint8)
