"""tinygrad_tr: an autograd engine on NumPy, small enough to read and fast enough to use.

import tinygrad_tr as tt

a, b, c = (tt.Tensor(v, requires_grad=True) for v in (5.0, 3.0, 2.0))
J = 3 * (a + b * c)
J.backward()  # a.grad, b.grad, c.grad are 3, 6, 9
J.draw()      # the picture of both passes
"""

from __future__ import annotations

import importlib
from typing import Any

from tinygrad_tr import creation, errors, rules
from tinygrad_tr.check import gradcheck, gradgradcheck, gradient_difference, nudge
from tinygrad_tr.creation import *
from tinygrad_tr.errors import *
from tinygrad_tr.kernels.memory import reuse_freed_memory
from tinygrad_tr.kernels.openblas import let_idle_threads_rest
from tinygrad_tr.kernels.threads import cores as get_num_threads
from tinygrad_tr.kernels.threads import set_num_threads
from tinygrad_tr.modes import (
    detect_anomaly,
    enable_grad,
    is_grad_enabled,
    no_grad,
    record_lines,
)
from tinygrad_tr.rules import linear_algebra as linalg
from tinygrad_tr.rules.activations import *
from tinygrad_tr.rules.arithmetic import *
from tinygrad_tr.rules.elementwise import *
from tinygrad_tr.rules.indexing import *
from tinygrad_tr.rules.joining import *
from tinygrad_tr.rules.norms import norm
from tinygrad_tr.rules.products import *
from tinygrad_tr.rules.reduction import *
from tinygrad_tr.rules.shape import *
from tinygrad_tr.shapes import assert_shape
from tinygrad_tr.tensor import Tensor, from_numpy, get_default_dtype, set_default_dtype
from tinygrad_tr.transforms import (
    checkpoint,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)

__version__ = "0.1.0"

reuse_freed_memory()
let_idle_threads_rest()

__all__ = [
    "Tensor", "assert_shape", "checkpoint", "detect_anomaly", "enable_grad", "from_numpy",
    "get_default_dtype", "get_num_threads", "grad", "gradcheck", "gradgradcheck",
    "gradient_difference", "hessian", "hvp", "is_grad_enabled", "jacobian", "jvp", "linalg",
    "no_grad", "norm", "nudge", "record_lines", "set_default_dtype", "set_num_threads",
    "value_and_grad", "vjp",
]  # fmt: skip
__all__ += creation.__all__
__all__ += errors.__all__
__all__ += rules.activations.__all__
__all__ += rules.arithmetic.__all__
__all__ += rules.elementwise.__all__
__all__ += rules.indexing.__all__
__all__ += rules.joining.__all__
__all__ += rules.products.__all__
__all__ += rules.reduction.__all__
__all__ += rules.shape.__all__

# Found on first use, so that importing the engine stays as cheap as importing NumPy.
LATER = {
    "compile": "tinygrad_tr.program",
    "data": "tinygrad_tr.data",
    "diagnose_gradients": "tinygrad_tr.picture",
    "draw": "tinygrad_tr.picture",
    "film": "tinygrad_tr.picture.filming",
    "files": "tinygrad_tr.files",
    "load": "tinygrad_tr.files",
    "metrics": "tinygrad_tr.metrics",
    "nn": "tinygrad_tr.nn",
    "optim": "tinygrad_tr.optim",
    "picture": "tinygrad_tr.picture",
    "project": "tinygrad_tr.project",
    "save": "tinygrad_tr.files",
    "text": "tinygrad_tr.text",
    "train": "tinygrad_tr.train",
    "vision": "tinygrad_tr.vision",
}


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module 'tinygrad_tr' has no attribute {name!r}")
    module = importlib.import_module(LATER[name])
    return module if LATER[name].endswith(f".{name}") else getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*__all__, *LATER])
