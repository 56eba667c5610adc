"""The threads of OpenBLAS, which makes the matrix products in NumPy's wheels.

After a product its idle threads spin for 0.1 s, and so take cores away from the threads of
kernels/threads.py. When they rest after 2 ms, a training step takes less time, here in ms,
minimum (median) on two cores: an LSTM 10.2 (13.8) -> 9.1 (9.7), LeNet-5 3.3 (4.3) -> 3.2 (3.5),
a transformer 22.1 (22.9) -> 19.6 (21.0). To wake them costs a product less than 0.05 ms.

How long they spin is a setting that the library reads from the environment when it is loaded. As
NumPy may have been imported long before, it is made to read it again.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from typing import Any

import numpy as np

PATIENCE = "OPENBLAS_THREAD_TIMEOUT"  # 2 to this power, in turns of a short loop

# The function that sets the number of threads has another name in every build.
SETTERS = (
    "scipy_openblas_set_num_threads64_", "openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads", "openblas_set_num_threads", "MKL_Set_Num_Threads",
)  # fmt: skip


@functools.cache
def library() -> Any:
    """NumPy's own extension: a look-up in it finds what the libraries it is linked to offer."""
    return ctypes.PyDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]


def set_num_threads(n: int) -> None:
    """Let NumPy's products use n threads, if OpenBLAS or MKL makes them; others know best."""
    for name in SETTERS:
        if hasattr(library(), name):
            getattr(library(), name)(n)
            break


def let_idle_threads_rest() -> None:
    """Let the threads of products spin for 2 ms at most before they sleep, in the whole process.

    Nothing happens if the user has set OPENBLAS_THREAD_TIMEOUT, if there is no OpenBLAS, or if
    other threads run, which might be in the middle of a product.
    """
    if sys.platform != "linux" or PATIENCE in os.environ or threading.active_count() > 1:
        return
    blas = library()
    if hasattr(blas, "openblas_read_env") and hasattr(blas, "blas_thread_shutdown_"):
        os.environ[PATIENCE] = "18"
        blas.openblas_read_env()
        del os.environ[PATIENCE]
        blas.blas_thread_shutdown_()  # as at a fork: the next product starts them again
