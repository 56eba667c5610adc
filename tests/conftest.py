"""Settings of all tests."""

import os

# Tests run side by side: threads of matrix products would only wait for each other's.
for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

from hypothesis import settings  # noqa: E402  the threads are read when NumPy is loaded

# A slow machine is no failure, and the same commit gives the same result everywhere.
settings.register_profile("everywhere", deadline=None, derandomize=True)
settings.load_profile("everywhere")
