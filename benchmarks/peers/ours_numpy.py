"""The workloads in tinygrad_tr with NumPy alone: as it is installed without the extra `fast`."""

from __future__ import annotations

import functools
from typing import Any

from tinygrad_tr import kernels

from ..timing import Under
from . import ours

array, set_threads = ours.array, ours.set_threads
alone = functools.partial(kernels.use, "numpy")


def __getattr__(program: str) -> Any:
    build = getattr(ours, program)
    return lambda **data: Under(alone, build(**data))
