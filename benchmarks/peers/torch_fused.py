"""The workloads in PyTorch with what is fast there and has to be asked for, where it differs.

That is one kernel for the whole update of an optimizer, and gradients of tables that hold only
the rows that were looked up.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

from . import torch_eager

array, set_threads = torch_eager.array, torch_eager.set_threads
CHOICES = {"fused", "sparse"}


def __getattr__(program: str) -> Any:
    build = getattr(torch_eager, program)
    asked = CHOICES & set(inspect.signature(build).parameters)
    if not asked:
        raise AttributeError(f"{program} has nothing to ask for")
    return functools.partial(build, **dict.fromkeys(asked, True))
