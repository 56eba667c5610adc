"""The workloads in tinygrad_tr, every step compiled as it is."""

from __future__ import annotations

from typing import Any

import tinygrad_tr as tt

from . import ours

array, set_threads = ours.array, ours.set_threads


def __getattr__(program: str) -> Any:
    build = getattr(ours, program)
    return lambda **data: tt.compile(build(**data))
