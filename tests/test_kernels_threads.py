"""How many threads share the work, which kernels do it, and the threads of matrix products."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr.kernels import compiled, openblas, threads


@pytest.fixture
def number():
    """Puts back how many threads there were."""
    before = tt.get_num_threads()
    yield
    tt.set_num_threads(before)


@pytest.mark.usefixtures("number")
@pytest.mark.parametrize("n", [1, 2, 5])
def test_work_is_shared_among_as_many_threads_as_were_set(n):
    tt.set_num_threads(n)
    assert tt.get_num_threads() == n
    meeting = threading.Barrier(n, timeout=20)  # breaks unless all come at the same time
    assert len(threads.in_parts(10, lambda *_: meeting.wait())) == n


@pytest.mark.usefixtures("number")
def test_work_inside_a_part_may_be_shared_again():
    tt.set_num_threads(3)
    sums = threads.in_parts(3, lambda a, b: sum(threads.in_parts(3, lambda c, d: d - c)))
    assert sums == [3, 3, 3]


def in_fresh_process(code, **environment):
    known = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", openblas.PATIENCE)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, env={**known, **environment},
    )  # fmt: skip
    return done.stdout.split()


def test_at_first_there_is_a_thread_for_every_processor_or_as_many_as_the_environment_says():
    code = "import tinygrad_tr as tt; print(tt.get_num_threads())"
    (every,) = in_fresh_process(code)
    assert int(every) == min(threads.MOST, threads.processors())
    assert in_fresh_process(code, OMP_NUM_THREADS="1") == ["1"]
    assert in_fresh_process(code, OMP_NUM_THREADS="100000") == [every]


@pytest.mark.parametrize("n", [0, -1, 10_000])
def test_a_number_of_threads_that_cannot_be_is_refused(n):
    with pytest.raises(tt.ArgumentError, match="1 to 256"):
        tt.set_num_threads(n)


def test_matrix_products_are_right_after_their_threads_were_told_to_rest():
    code = (
        "import os, numpy as np; x = np.arange(10000.0).reshape(100, 100); before = x @ x\n"
        "import tinygrad_tr; print(np.array_equal(x @ x, before))\n"
        f"print({openblas.PATIENCE!r} in os.environ)"
    )
    assert in_fresh_process(code) == ["True", "False"]


def test_the_threads_of_products_are_left_alone_while_other_threads_run(monkeypatch):
    monkeypatch.delenv(openblas.PATIENCE, raising=False)
    monkeypatch.setattr(openblas, "library", None)  # to look at it would raise
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    try:
        openblas.let_idle_threads_rest()
    finally:
        end.set()
        other.join()


def test_what_the_user_set_for_the_threads_of_products_stays(monkeypatch):
    monkeypatch.setenv(openblas.PATIENCE, "26")
    monkeypatch.setattr(openblas, "library", None)
    openblas.let_idle_threads_rest()


def test_another_library_of_products_may_know_none_of_the_functions(monkeypatch):
    monkeypatch.delenv(openblas.PATIENCE, raising=False)
    monkeypatch.setattr(openblas, "library", lambda: object())
    openblas.let_idle_threads_rest()
    openblas.set_num_threads(2)


# ------------------------------------------------------------------ which kernels


LARGE = np.zeros((200, 200), np.float32)


@pytest.mark.skipif(not compiled.available(), reason="needs numba")
def test_kernels_can_be_chosen_for_a_block_or_from_now_on():
    assert compiled.worthwhile(LARGE)
    with tt.kernels.use("numpy"):
        assert not compiled.worthwhile(LARGE)
        with tt.kernels.use("numba"):
            assert compiled.worthwhile(LARGE)
        assert not compiled.worthwhile(LARGE)
    assert compiled.worthwhile(LARGE)
    tt.kernels.use("numpy")
    try:
        assert not compiled.worthwhile(LARGE)
    finally:
        tt.kernels.use("numba")


def test_unknown_kernels_are_refused():
    with pytest.raises(tt.ArgumentError, match="numpy or numba"):
        tt.kernels.use("fortran")


def test_compiled_kernels_need_a_compiler(monkeypatch):
    monkeypatch.setattr(compiled, "available", lambda: False)
    with pytest.raises(tt.MissingDependencyError, match=r"tinygrad_tr\[fast\]"):
        tt.kernels.use("numba")


@pytest.mark.usefixtures("number")
def test_an_error_in_a_part_is_raised_when_all_parts_have_ended():
    tt.set_num_threads(3)
    ended = []

    def work(first, last):
        if first == 1:
            raise ValueError("the second part")
        ended.append(first)

    for _ in range(3):
        with pytest.raises(ValueError, match="the second part"):
            threads.in_parts(3, work)
    assert sorted(ended) == [0, 0, 0, 2, 2, 2]
    assert threads.in_parts(3, lambda first, last: first) == [0, 1, 2]


@pytest.mark.usefixtures("number")
def test_several_threads_may_share_their_work_at_the_same_time():
    tt.set_num_threads(2)
    sums = []

    def share():
        for _ in range(200):
            sums.append(sum(threads.in_parts(10, lambda first, last: last - first)))

    users = [threading.Thread(target=share) for _ in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join(20)
    assert sums == [10] * 800


@pytest.mark.usefixtures("number")
def test_helpers_that_slept_come_back():
    tt.set_num_threads(2)
    for pause in (0, 0.05, 0):
        time.sleep(pause)
        assert threads.in_parts(2, lambda first, last: first) == [0, 1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_shares_its_work_with_threads_of_its_own():
    code = """
import os, numpy as np, tinygrad_tr as tt
from tinygrad_tr.kernels import threads
tt.set_num_threads(2)
assert threads.in_parts(2, lambda a, b: a) == [0, 1]
child = os.fork()
found = threads.in_parts(2, lambda a, b: b)
if child:
    print(found, os.waitpid(child, 0)[1])
else:
    os._exit(found != [1, 2])
"""
    assert in_fresh_process(code) == ["[1,", "2]", "0"]


# ------------------------------------------------------------------ compiled loops


@compiled.loop
def count(seen, by, first, last):
    """How often each place was passed over."""
    for i in range(first, last):
        seen[i] += by


@pytest.fixture
def few_are_enough(monkeypatch):
    """Loops over very few numbers are shared, among three threads."""
    pytest.importorskip("numba")
    monkeypatch.setattr(threads, "ENOUGH", 1)
    monkeypatch.setattr(threads.Threads, "number", 3)


@pytest.mark.usefixtures("few_are_enough")
def test_a_shared_loop_passes_once_over_every_item_whoever_is_awake():
    for items in (0, 1, 2, 3, 1000):
        for pause in (0, 0.01):  # after which the helpers sleep
            time.sleep(pause)
            seen = np.zeros(items)
            for _ in range(100):
                threads.share(count, items, items, seen, 1.0)
            assert np.all(seen == 100)


@pytest.mark.usefixtures("few_are_enough")
def test_several_threads_may_share_loops_at_the_same_time():
    arrays = [np.zeros(500) for _ in range(4)]

    def work(seen):
        for _ in range(300):
            threads.share(count, 500, 500, seen, 1.0)
            assert len(threads.in_parts(3, lambda first, last: first)) == 3

    users = [threading.Thread(target=work, args=[seen]) for seen in arrays]
    for user in users:
        user.start()
    for user in users:
        user.join(20)
    assert all(np.all(seen == 300) for seen in arrays)


def test_a_loop_over_few_numbers_has_one_thread():
    assert threads.sharing(1000, threads.ENOUGH - 1) == 1
    assert threads.sharing(1, 1 << 30) == 1
