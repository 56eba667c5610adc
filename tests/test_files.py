"""Saving and loading: exact, for every array, and safe against crashes and damage."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import tinygrad_tr as tt
from tinygrad_tr import nn


def same(a, b):
    """Equal to the last bit, in type, dtype and shape."""
    if isinstance(a, np.ndarray):
        native = a.astype(a.dtype.newbyteorder("="))
        return (
            isinstance(b, np.ndarray)
            and (native.dtype, native.shape) == (b.dtype, b.shape)
            and native.tobytes() == b.tobytes()
        )
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b if isinstance(a, int) else repr(a) == repr(b)  # tells −0.0 from 0.0


def there_and_back(state, folder):
    return tt.load(tt.save(state, folder / "state.safetensors"))


# ---------------------------------------------------------------------- what comes back

GRID = np.arange(24.0).reshape(4, 6)
ARRAYS = {
    **{dtype: np.array([[0, 1, 2]]).astype(dtype) for dtype in (
        "f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "longlong",
    )},
    "extremes": np.array([np.finfo(np.float64).max, 5e-324, -0.0, np.inf, -np.inf, np.nan]),
    "a nan with a payload": np.array([0x7FF8DEADBEEF0001], np.uint64).view(np.float64),
    "0-d": np.array(3.5),
    "one": np.ones(1, np.float32),
    "empty": np.zeros((3, 0, 2), np.float32),
    "transposed": GRID.T,
    "reversed": GRID[::-1, ::-1],
    "strided": GRID[:, ::2],
    "broadcast": np.broadcast_to(np.float32(2), (3, 4)),
    "big-endian": GRID.astype(">f8"),
    "big-endian integers": np.arange(5, dtype=">i4")[::2],
    "large": np.random.default_rng(0).standard_normal(100_000),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_every_array_comes_back_to_the_last_bit(name, tmp_path):
    array = ARRAYS[name]
    back = there_and_back({"x": array, "inside": [array]}, tmp_path)
    assert same({"x": array, "inside": [array]}, back)
    assert back["x"].flags.writeable


plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(),
    st.integers(-(2**200), 2**200),
)  # fmt: skip
some_arrays = arrays_of.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.bool_]),
    arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
keys = st.text(max_size=3) | st.sampled_from(["$int", "$", "$$x", "a.b", "__metadata__", "0"])
states = st.recursive(
    plain | some_arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60)
@given(states)
def test_any_state_comes_back(tmp_path_factory, state):
    assert same(state, there_and_back(state, tmp_path_factory.getbasetemp()))


def test_the_states_of_random_generators_come_back(tmp_path):
    for kind in (np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64):
        generator = np.random.Generator(kind(7))
        state = there_and_back(generator.bit_generator.state, tmp_path)
        expected = generator.random(5)
        generator.bit_generator.state = state
        np.testing.assert_array_equal(generator.random(5), expected)


def test_integers_have_any_size_and_floats_may_be_infinite(tmp_path):
    state = {"n": [2**53 - 1, 2**53, -(2**64), 7**6000], "x": [float("inf"), -float("inf"), -0.0]}
    assert same(there_and_back(state, tmp_path), state)


def test_tensors_and_numbers_of_numpy_come_back_as_arrays(tmp_path):
    state = {"w": nn.Parameter([[1.0, 2.0]]), "n": np.float32(3), "on": np.True_, "t": tt.Tensor(2)}
    back = there_and_back(state, tmp_path)
    np.testing.assert_array_equal(back["w"], np.float32([[1, 2]]))
    assert {type(value) for value in back.values()} == {np.ndarray}
    assert [back[k].dtype for k in state] == [np.float32, np.float32, np.bool_, np.float32]
    assert back["n"].shape == back["on"].shape == back["t"].shape == ()


def test_keys_that_make_the_same_path_stay_apart(tmp_path):
    state = {"a.b": np.zeros(1), "a": {"b": np.ones(1)}, "a.b'": np.full(1, 2.0)}
    assert same(there_and_back(state, tmp_path), state)


def test_a_state_may_be_one_array_or_one_number(tmp_path):
    for state in (np.arange(3), 5, None, "text", []):
        assert same(there_and_back(state, tmp_path), state)


def test_a_model_and_its_optimizer_come_back(tmp_path):
    model = nn.MLP([3, 4, 2])
    optimizer = tt.optim.Adam(model.named_parameters())
    optimizer.minimize(lambda: model(tt.ones(2, 3)).sum())
    saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    assert same(there_and_back(saved, tmp_path), saved)


# ---------------------------------------------------------------------- other programs


def test_a_flat_dict_of_arrays_is_what_other_programs_read(tmp_path):
    model = nn.MLP([3, 4, 2])
    file = tt.save(model.state_dict(), tmp_path / "model.safetensors")
    theirs = safetensors.numpy.load_file(file)
    assert theirs.keys() == model.state_dict().keys()
    for name, array in model.state_dict().items():
        assert same(array, theirs[name])


def test_what_other_programs_wrote_is_a_flat_dict(tmp_path):
    written = {"layer.weight": np.ones((2, 3), np.float16), "n": np.array(3)}
    safetensors.numpy.save_file(written, tmp_path / "theirs", metadata={"format": "np"})
    back = tt.load(tmp_path / "theirs")
    assert back.keys() == written.keys()
    assert all(same(written[name], back[name]) for name in written)


def by_hand(file, dtype, data, **metadata):
    entry = {"dtype": dtype, "shape": [len(data) // 2], "data_offsets": [0, len(data)]}
    header = json.dumps({"x": entry, "__metadata__": metadata}).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header + data)
    return file


def test_bfloat16_becomes_float32(tmp_path):
    numbers = np.float32([1, -2.5, 3e38, np.inf, 1e-30])
    upper = (numbers.view(np.uint32) >> 16).astype("<u2")
    back = tt.load(by_hand(tmp_path / "x", "BF16", upper.tobytes()))["x"]
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back.view(np.uint32), upper.astype(np.uint32) << 16)
    np.testing.assert_allclose(back, numbers, rtol=2**-7)


def test_numbers_that_numpy_lacks_are_refused_by_name(tmp_path):
    with pytest.raises(tt.FileError, match="F8_E4M3"):
        tt.load(by_hand(tmp_path / "x", "F8_E4M3", b"ab").rename(tmp_path / "y"))


@pytest.mark.oracle
def test_pytorch_state_dicts_go_both_ways(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    theirs, ours = torch.nn.Linear(3, 2), nn.Linear(3, 2)
    save_file(theirs.state_dict(), tmp_path / "theirs")
    ours.load_state_dict(tt.load(tmp_path / "theirs"))
    np.testing.assert_array_equal(ours.weight.numpy(), theirs.weight.detach().numpy())
    tt.save(nn.Linear(3, 2).state_dict(), tmp_path / "ours")
    theirs.load_state_dict(load_file(tmp_path / "ours"))
    half = {"w": torch.randn(4, 3).bfloat16()}
    save_file(half, tmp_path / "half")
    np.testing.assert_array_equal(tt.load(tmp_path / "half")["w"], half["w"].float().numpy())


# ---------------------------------------------------------------------- refused


class Thing:
    pass


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"model": {"layers": [1, Thing()]}}, "model.layers.1"),
        ({"f": len}, "f cannot"),
        ({"a": {3: 1}}, "a key of a"),
        ({None: 1}, "a key of the state"),
        ({"s": {1, 2}}, "s cannot"),
        ({"z": 1j}, "z cannot"),
        ({"z": np.ones(2, complex)}, "complex"),
        ({"o": np.array([None])}, "object"),
        ({"t": np.array(["a"])}, "t is of a kind"),
        ({"d": np.array("2020-01-01", "datetime64[D]")}, "datetime"),
        ({"m": np.ma.masked_array([1.0, 2.0], [True, False])}, "Masked"),
        (Thing(), "the state cannot"),
        ({"b": b"bytes"}, "b cannot"),
    ],
)
def test_what_a_file_cannot_keep_is_refused_by_its_path(state, words, tmp_path):
    file = tt.save({"old": 1}, tmp_path / "state.safetensors")
    with pytest.raises(tt.DtypeError, match=words):
        tt.save(state, file)
    assert tt.load(file) == {"old": 1}
    assert list(tmp_path.iterdir()) == [file]


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    for path in (tmp_path / "nothing.safetensors", tmp_path):
        with pytest.raises(tt.FileError, match=path.name) as error:
            tt.load(path)
        assert isinstance(error.value, OSError)
    with pytest.raises(tt.FileError, match="cannot be written"):
        tt.save({}, tmp_path)


@pytest.mark.parametrize("data", [b"", b"PK\3\4 a zip", b"\0" * 500, b"{}", os.urandom(300)])
def test_a_foreign_file_is_refused(data, tmp_path):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(tt.FileError, match="x is cut off, damaged, or no safetensors"):
        tt.load(tmp_path / "x")


STATE = {"w": np.arange(20.0), "lr": 0.125, "deep": [{"n": np.arange(3)}, 2**100, "text"]}


def test_a_file_cut_off_anywhere_is_refused(tmp_path):
    file = tt.save(STATE, tmp_path / "x")
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(tt.FileError):
            tt.load(file)
    file.write_bytes(whole + b"\0")
    with pytest.raises(tt.FileError):
        tt.load(file)


def test_a_single_changed_bit_is_noticed(tmp_path):
    file = tt.save(STATE, tmp_path / "x")
    whole = file.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << (place % 8)
        file.write_bytes(changed)
        with pytest.raises(tt.FileError):
            tt.load(file)


def test_without_safetensors_the_command_that_installs_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(tt.MissingDependencyError, match=r"pip install 'tinygrad_tr\[train\]'"):
        tt.save({}, tmp_path / "x")
    with pytest.raises(tt.MissingDependencyError):
        tt.load(tmp_path / "x")


# ---------------------------------------------------------------------- crashes


def test_folders_are_made_and_links_are_followed(tmp_path):
    file = tt.save({"n": 1}, tmp_path / "a" / "b" / "state.safetensors")
    link = tmp_path / "latest"
    link.symlink_to(file)
    tt.save({"n": 2}, link)
    assert link.is_symlink()
    assert tt.load(file) == {"n": 2}


def test_a_file_can_be_read_by_those_who_may_read_others_of_ours(tmp_path):
    (tmp_path / "other").write_text("")
    file = tt.save({}, tmp_path / "x")
    assert file.stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("stage", ["fsync", "replace"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_error_while_saving_leaves_the_old_file_alone(stage, error, monkeypatch, tmp_path):
    file = tt.save({"n": 1}, tmp_path / "x")

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, stage, fail)
        with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else tt.FileError):
            tt.save({"n": 2}, file)
    assert tt.load(file) == {"n": 1}
    assert list(tmp_path.iterdir()) == [file]


ENDLESS = """
import sys, numpy as np
from tinygrad_tr import files
n = 0
while True:
    n += 1
    files.save({"n": n, "x": np.full(50_000, n)}, sys.argv[1])
    if n == 3:
        print("running", flush=True)
"""


def test_a_process_killed_while_it_saves_leaves_a_whole_file(tmp_path):
    file = tmp_path / "x.safetensors"
    rng = np.random.default_rng(0)
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(file)], stdout=subprocess.PIPE
        )
        assert process.stdout.readline() == b"running\n"
        time.sleep(rng.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        state = tt.load(file)
        assert state["n"] >= 3
        np.testing.assert_array_equal(state["x"], state["n"])
        others = [path.name for path in tmp_path.iterdir() if path != file]
        assert all(name.startswith(".") and name.endswith(".unfinished") for name in others)
