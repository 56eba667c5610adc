"""Kernels: sums and moments over axes, and the memory that arrays leave to each other."""

from __future__ import annotations

import itertools
import platform
import subprocess
import sys

import numpy as np
import pytest

from tinygrad_tr.kernels.moments import lengthened, moments, total

RNG = np.random.default_rng(0)
SHAPE = (3, 4, 2, 5)
AXES = [axes for n in range(5) for axes in itertools.combinations(range(4), n)]


@pytest.mark.parametrize("axes", AXES, ids=str)
def test_totals_are_the_sums_of_numpy(axes):
    x, y = RNG.standard_normal((2, *SHAPE))
    for numbers, arrays in ((x, (x,)), (x * y, (x, y))):
        expected = numbers.sum(axis=axes, keepdims=True)
        np.testing.assert_allclose(total(axes, *arrays), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("axes", AXES[1:], ids=str)
def test_moments_are_the_mean_and_variance_of_numpy(axes):
    x = RNG.standard_normal(SHAPE) + 3
    mean, variance, centred = moments(axes, x)
    np.testing.assert_allclose(mean, x.mean(axis=axes, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(variance, x.var(axis=axes, keepdims=True), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(centred, x - mean, atol=1e-14)


@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1), (1, 1, 2, 5), (3, 1, 1, 1), (5,), ()])
def test_what_is_lengthened_stands_for_the_same_numbers(shape):
    p = RNG.standard_normal(shape)
    longer = lengthened(p, SHAPE)
    assert longer.shape[-3:] in (SHAPE[1:], (1, 1, 1))
    np.testing.assert_array_equal(np.broadcast_to(longer, SHAPE), np.broadcast_to(p, SHAPE))


STEPS = """
import resource
import numpy as np
import tinygrad_tr as tt

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

x = tt.Tensor(np.ones(1 << 18), requires_grad=True)  # 2 MiB
for step in range(12):
    if step == 2:
        start = faults()
    x.grad = None
    (x * x + x).sum().backward()
print((faults() - start) / 10)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's allocator")
def test_a_step_does_not_fetch_its_memory_from_the_system_again():
    done = subprocess.run([sys.executable, "-c", STEPS], stdout=subprocess.PIPE, check=True)
    assert float(done.stdout) < 100  # pages; an array has 512
