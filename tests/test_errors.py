"""Bad input: a typed error at once, with operation, got, wanted and the user's own line."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr.nn.functional import embedding

t = tt.Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)

CALLS = [
    # (call, class, also, words of the message)
    (lambda: t + tt.ones(4), tt.ShapeError, ValueError, ["add", "(2, 3)", "(4,)", "broadcast"]),
    (lambda: t @ t, tt.ShapeError, ValueError, ["matmul", "(2, 3) @ (2, 3)"]),
    (lambda: t @ 2.0, tt.ShapeError, ValueError, ["matmul", "axes"]),
    (lambda: t.reshape(5), tt.ShapeError, ValueError, ["reshape", "6 elements", "(5,)"]),
    (lambda: t.reshape(-1, -1), tt.ShapeError, ValueError, ["reshape", "one -1"]),
    (lambda: t.sum(axis=2), tt.ShapeError, ValueError, ["sum", "axis=2", "-2 to 1"]),
    (lambda: t.sum(axis=(0, 0)), tt.ShapeError, ValueError, ["sum", "twice"]),
    (lambda: t.transpose(0, 2), tt.ShapeError, ValueError, ["transpose"]),
    (lambda: np.squeeze(t, 0), tt.ShapeError, ValueError, ["squeeze"]),
    (lambda: np.concatenate([t, tt.ones(2)]), tt.ShapeError, ValueError, ["concatenate", "(2,)"]),
    (lambda: np.concatenate([t, tt.ones(2, 2)]), tt.ShapeError, ValueError, ["outside axis 0"]),
    (lambda: np.stack([t, tt.ones(3)]), tt.ShapeError, ValueError, ["stack", "(3,)"]),
    (lambda: np.split(t, 2, axis=1), tt.ShapeError, ValueError, ["split", "3 rows"]),
    (lambda: np.broadcast_to(t, (2, 4)), tt.ShapeError, ValueError, ["broadcast_to"]),
    (lambda: np.max(tt.zeros(0, 2), axis=0), tt.ShapeError, ValueError, ["max", "no number"]),
    (lambda: np.mean(tt.zeros(0)), tt.ShapeError, ValueError, ["mean", "no numbers"]),
    (lambda: np.var(tt.ones(1), ddof=1), tt.ArgumentError, ValueError, ["var", "ddof=1"]),
    (lambda: np.pad(t, -1), tt.ArgumentError, ValueError, ["pad", "negative"]),
    (lambda: np.pad(t, 1, mode="mean"), tt.ArgumentError, ValueError, ["pad", "'mean'"]),
    (lambda: tt.gelu(t, approximate="no"), tt.ArgumentError, ValueError, ["gelu", "'tanh'"]),
    (lambda: t[2], tt.IndexingError, IndexError, ["getitem", "index 2", "(2, 3)"]),
    (lambda: t[0, 0, 0], tt.IndexingError, IndexError, ["getitem", "too many"]),
    (lambda: t[1.5], tt.IndexingError, IndexError, ["1.5", "no index"]),
    (lambda: t[np.ones(3, bool)], tt.IndexingError, IndexError, ["boolean"]),
    (lambda: np.take(t, [9]), tt.IndexingError, IndexError, ["take", "index 9", "-6 to 5"]),
    (lambda: np.take(t, [0.5]), tt.DtypeError, TypeError, ["take", "integers"]),
    (lambda: embedding([2], t), tt.IndexingError, IndexError, ["embedding", "0 to 1"]),
    (lambda: tt.one_hot(np.array([3]), 3), tt.IndexingError, IndexError, ["one_hot", "index 3"]),
    (lambda: tt.masked_fill(t, t, 0.0), tt.DtypeError, TypeError, ["masked_fill", "bool"]),
    (lambda: tt.topk(t, 4), tt.ArgumentError, ValueError, ["topk", "4 of 3"]),
    (lambda: t + "a", tt.DtypeError, TypeError, ["add", "'a'"]),
    (lambda: t * None, tt.DtypeError, TypeError, ["multiply", "None"]),
    (lambda: t * 1j, tt.DtypeError, TypeError, ["multiply", "real number"]),
    (lambda: t * np.ones(3, complex), tt.DtypeError, TypeError, ["multiply", "complex128"]),
    (lambda: t * np.array([None]), tt.DtypeError, TypeError, ["multiply", "object"]),
    (lambda: t * [[1], [2, 3]], tt.DtypeError, TypeError, ["multiply", "ragged"]),
    (lambda: tt.Tensor([[1], [2, 3]]), tt.DtypeError, TypeError, ["Tensor", "ragged"]),
    (lambda: tt.Tensor("abc"), tt.DtypeError, TypeError, ["Tensor", "'abc'"]),
    (lambda: tt.Tensor(None), tt.DtypeError, TypeError, ["Tensor", "object"]),
    (lambda: tt.Tensor(np.array([1j])), tt.DtypeError, TypeError, ["Tensor", "complex"]),
    (lambda: tt.Tensor([1.0], dtype=complex), tt.DtypeError, TypeError, ["complex"]),
    (lambda: tt.Tensor(t), tt.GraphError, RuntimeError, ["detach"]),
    (lambda: tt.Tensor([t, t]), tt.GraphError, RuntimeError, ["tt.stack"]),
    (lambda: t.astype(complex), tt.DtypeError, TypeError, ["astype", "complex"]),
    (lambda: tt.from_numpy([1.0]), tt.DtypeError, TypeError, ["from_numpy"]),
    (lambda: tt.zeros(-1), tt.ShapeError, ValueError, ["zeros", "negative"]),
    (lambda: tt.set_default_dtype(int), tt.DtypeError, TypeError, ["set_default_dtype"]),
    (lambda: t.backward(), tt.GraphError, RuntimeError, ["backward", "(2, 3)", "gradient="]),
    (lambda: t.backward([1.0]), tt.ShapeError, ValueError, ["backward", "(2, 3)"]),
    (lambda: tt.ones(1).backward(), tt.GraphError, RuntimeError, ["requires_grad=True"]),
    (lambda: t.sum().detach().backward(), tt.GraphError, RuntimeError, ["detached"]),
    (lambda: np.floor(t[0, 0]).backward(), tt.GraphError, RuntimeError, ["floor", "stops"]),
    (lambda: tt.grad(t.sum(), tt.ones(1)), tt.GraphError, RuntimeError, ["requires_grad=True"]),
    (lambda: tt.grad(3.0, t), tt.DtypeError, TypeError, ["grad", "Tensor"]),
    (lambda: bool(t), tt.ShapeError, ValueError, ["bool()", "np.any"]),
    (lambda: tt.softmax(t, axis=5), tt.ShapeError, ValueError, ["softmax", "axis 5"]),
    (lambda: np.einsum("ij,jk->ik", t, t), tt.ShapeError, ValueError, ["einsum"]),
    (lambda: np.tensordot(t, t, 1), tt.ShapeError, ValueError, ["tensordot"]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "also", "words"), CALLS)
def test_bad_input_is_refused_in_four_parts(call, kind, also, words):
    with pytest.raises(kind) as caught:
        call()
    error = caught.value
    assert isinstance(error, also)
    assert isinstance(error, tt.TinygradError)
    text = str(error)
    for word in words:
        assert word in text, text
    assert error.operation
    assert error.wanted or error.got
    assert "test_errors.py" in error.at, text


def test_the_line_is_the_users_own_also_through_numpy():
    with pytest.raises(tt.ShapeError) as caught:
        np.add(t, np.ones(4))  # the marked line
    assert "the marked line" in caught.value.at


def test_numpys_own_traceback_is_not_shown():
    with pytest.raises(tt.ShapeError) as caught:
        t + tt.ones(4)
    assert caught.value.__suppress_context__


def test_the_library_has_no_attribute_that_is_misspelt():
    with pytest.raises(AttributeError, match="no attribute 'gard'"):
        tt.gard  # noqa: B018


# ------------------------------------------------------------------ anomaly mode


def test_anomaly_mode_names_the_first_forward_operation_that_is_not_finite():
    x = tt.Tensor([1.0, 0.0], requires_grad=True)
    with tt.detect_anomaly(), pytest.raises(tt.AnomalyError) as caught:
        y = np.log(x)  # the culprit
        (y * 0).sum()
    assert caught.value.operation == "log"
    assert "the culprit" in caught.value.at
    assert "(2,) in [0, 1]" in caught.value.got


def test_anomaly_mode_names_the_first_backward_operation_that_is_not_finite():
    x = tt.Tensor([1.0, 0.0], requires_grad=True)
    with tt.detect_anomaly(), pytest.raises(tt.AnomalyError) as caught:
        y = np.sqrt(x)  # the culprit
        (y * 2).sum().backward()
    assert caught.value.operation == "backward of sqrt"
    assert "the culprit" in caught.value.got


def test_anomaly_mode_lets_infinite_inputs_pass_and_ends_with_its_block():
    x = tt.Tensor([np.inf, 1.0], requires_grad=True)
    with tt.detect_anomaly():
        (x * 2).sum().backward()
    with np.errstate(divide="ignore"):
        assert np.log(tt.Tensor(0.0)).item() == -np.inf


def test_anomaly_mode_in_one_thread_does_not_reach_another():
    seen = []

    def work():
        with np.errstate(divide="ignore"):
            seen.append(np.log(tt.Tensor(0.0)).item())

    with tt.detect_anomaly():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen == [-np.inf]


def test_anomaly_mode_looks_at_several_outputs_and_at_joint_pullbacks():
    x = tt.Tensor(np.array([[1.0, 1e200], [0.0, 1.0]]), requires_grad=True)
    with tt.detect_anomaly(), pytest.raises(tt.AnomalyError, match="multiply"):
        first, _ = np.split(x, 2)
        first * first * first
