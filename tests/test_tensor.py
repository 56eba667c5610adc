"""The Tensor as a citizen of NumPy: dtypes, protocols, methods, text, and the way out."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_tr as tt

# ------------------------------------------------------------------ making


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (5, "float32"), (5.0, "float32"), ([1, 2], "float32"), ([[1.5], [2]], "float32"),
        (True, "bool"), ([True, False], "bool"), ([], "float32"),
        (np.float64(5), "float64"), (np.ones(2), "float64"), (np.arange(2), "int64"),
        (np.ones(2, np.float16), "float16"), (range(3), "float32"),
    ],
)  # fmt: skip
def test_python_numbers_take_the_default_dtype_and_arrays_keep_theirs(data, dtype):
    assert tt.Tensor(data).dtype == dtype


def test_the_default_dtype_can_be_set():
    tt.set_default_dtype(np.float64)
    try:
        assert tt.Tensor(1.0).dtype == tt.zeros(2).dtype == np.float64
    finally:
        tt.set_default_dtype(np.float32)
    assert tt.get_default_dtype() == np.float32


def test_a_tensor_copies_and_from_numpy_shares():
    array = np.zeros(3)
    copied, shared = tt.Tensor(array), tt.from_numpy(array)
    array[0] = 7
    assert copied.numpy()[0] == 0
    assert shared.numpy()[0] == 7
    shared.assign(np.ones(3))
    assert array.tolist() == [1, 1, 1]


def test_integers_that_a_float32_cannot_hold_are_refused():
    with pytest.raises(tt.DtypeError, match="too large to be kept exactly"):
        tt.Tensor([2**24 + 1])
    assert tt.Tensor([2**24 + 1], dtype=np.int64).item() == 2**24 + 1


def test_tensors_made_by_functions():
    assert tt.zeros(2, 3).shape == tt.ones((2, 3)).shape == (2, 3)
    assert tt.full((2,), 7.0).tolist() == [7, 7]
    assert tt.arange(3).dtype == np.int64
    assert tt.arange(0.0, 1.0, 0.5).tolist() == [0, 0.5]
    assert tt.eye(2).tolist() == [[1, 0], [0, 1]]
    assert tt.linspace(0, 1, 3).tolist() == [0, 0.5, 1]
    like = tt.Tensor(np.ones((2, 2)))
    assert np.zeros_like(like).dtype == np.float64
    assert tt.ones_like(like, dtype=np.float32).dtype == np.float32
    assert tt.randn(2, requires_grad=True, name="w").name == "w"


def test_random_tensors_follow_the_seed_or_the_generator():
    tt.manual_seed(3)
    first = tt.randn(4).tolist()
    tt.manual_seed(3)
    assert tt.randn(4).tolist() == first
    rng = np.random.default_rng(0)
    assert tt.rand(3, generator=rng).tolist() != tt.rand(3, generator=rng).tolist()


# ------------------------------------------------------------------ dtype


def test_numbers_are_weak_and_dtypes_promote_as_numpy_2_does():
    t32, t64 = tt.Tensor([1.0]), tt.Tensor(np.ones(1))
    assert (t32 * 2).dtype == (2.5 / t32).dtype == np.float32
    assert (t32 * t64).dtype == np.float64
    assert (tt.Tensor(np.arange(2)) / 2).dtype == np.float64


def test_gradients_have_the_dtype_of_their_tensor():
    a = tt.Tensor([1.0, 2.0], requires_grad=True)
    b = tt.Tensor(np.array([3.0, 4.0]), requires_grad=True)
    (a * b).sum().backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("data", [np.arange(3), np.array([True])])
def test_integers_and_booleans_carry_no_gradient(data):
    with pytest.raises(tt.DtypeError, match="floating-point"):
        tt.Tensor(data, requires_grad=True)
    with pytest.raises(tt.DtypeError, match="floating-point"):
        tt.Tensor(data).requires_grad_()


def test_astype_carries_the_gradient_between_floats_and_stops_it_at_integers():
    a = tt.Tensor([1.5, 2.5], requires_grad=True)
    (a.astype(np.float64) * 3).sum().backward()
    assert a.grad.dtype == np.float32
    assert a.grad.tolist() == [3, 3]
    assert not a.astype(np.int64).requires_grad
    assert a.astype(np.int64).origin == "astype"


# ------------------------------------------------------------------ NumPy


def test_arrays_and_tensors_mix_on_either_side():
    a = tt.Tensor([1.0, 2.0], requires_grad=True)
    array = np.array([3.0, 4.0], np.float32)
    for y in (a * array, array * a, [3.0, 4.0] * a, np.multiply(array, a)):
        assert isinstance(y, tt.Tensor)
        (g,) = tt.grad(y.sum(), a)
        assert g.tolist() == [3, 4]


def test_numpy_functions_record():
    a = tt.Tensor(np.ones((2, 2)), requires_grad=True)
    y = np.sum(np.concatenate([np.exp(a), a], axis=0), axis=1, keepdims=True)
    assert isinstance(y, tt.Tensor)
    assert y.shape == (4, 1)
    assert y.requires_grad


def test_functions_of_arrays_alone_return_arrays():
    assert isinstance(tt.exp(np.ones(2)), np.ndarray)
    assert isinstance(tt.sigmoid(np.float64(0)), np.float64)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda t: np.lexsort(t), "np.lexsort"),
        (lambda t: np.fft.fft(t), "np.fft"),
        (lambda t: np.add.accumulate(t), "np.accumulate"),
        (lambda t: np.frexp(t), "np.frexp"),
    ],
)
def test_an_unknown_numpy_function_is_named(call, name):
    with pytest.raises(tt.UnsupportedError, match=name):
        call(tt.Tensor([1.0, 2.0], requires_grad=True))


def test_a_keyword_that_is_not_supported_is_named():
    t = tt.Tensor([1.0, 2.0])
    with pytest.raises(tt.UnsupportedError, match="'dtype'"):
        np.sum(t, dtype=np.float64)
    with pytest.raises(tt.UnsupportedError, match="'axis' is given twice"):
        tt.sum(t, 0, axis=0)
    with pytest.raises(tt.UnsupportedError, match="too many"):
        tt.sum(t, 0, True, 1)
    with pytest.raises(tt.UnsupportedError, match="'y' is missing"):
        tt.add(t)
    with pytest.raises(tt.UnsupportedError, match="'out'"):
        np.exp(t, out=np.zeros(2, np.float32))
    array = np.zeros(2, np.float32)
    with pytest.raises(tt.UnsupportedError, match="'out'"):
        array += t


def test_a_recorded_tensor_never_becomes_an_array_unseen():
    t = tt.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(tt.GraphError, match="leave the graph unseen"):
        np.asarray(t)
    with pytest.raises(tt.GraphError, match="leave the graph unseen"):
        np.array([t, t])
    assert np.asarray(t.detach()).tolist() == [1, 2]


def test_numpy_gives_a_read_only_view():
    t = tt.Tensor([1.0, 2.0], requires_grad=True)
    view = t.numpy()
    assert np.shares_memory(view, t.numpy())
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 5
    assert tt.Tensor(3.0).numpy().shape == ()


METHODS = [
    ("sum", (), {"axis": 1}), ("mean", (0,), {}), ("prod", (), {}), ("max", (), {"axis": 0}),
    ("min", (1,), {"keepdims": True}), ("var", (), {"ddof": 1}), ("std", (1,), {}),
    ("any", (), {}), ("all", (0,), {}), ("argmax", (), {"axis": 1}), ("argmin", (), {}),
    ("cumsum", (1,), {}), ("cumprod", (), {}), ("reshape", (4, 3), {}), ("reshape", ((2, -1),), {}),
    ("ravel", (), {}), ("flatten", (), {}), ("transpose", (), {}), ("transpose", (1, 0), {}),
    ("swapaxes", (0, 1), {}), ("squeeze", (), {}), ("clip", (-0.5, 0.5), {}), ("round", (1,), {}),
    ("take", ([0, 2],), {"axis": 1}), ("repeat", (2,), {"axis": 0}), ("argsort", (), {}),
    ("diagonal", (), {"offset": 1}), ("trace", (), {}), ("copy", (), {}),
    ("dot", (np.ones(4),), {}),
    ("astype", (np.float32,), {}), ("nonzero", (), {}), ("item", (), {}), ("tolist", (), {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "inputs", "keywords"), METHODS)
def test_methods_do_what_numpys_do(name, inputs, keywords):
    array = np.random.default_rng(0).standard_normal((1, 1) if name == "item" else (3, 4))
    expected = getattr(array, name)(*inputs, **keywords)
    got = getattr(tt.Tensor(array), name)(*inputs, **keywords)
    if isinstance(expected, tuple):
        got, expected = list(got), list(expected)
    pairs = zip(got, expected, strict=True) if isinstance(got, list) else [(got, expected)]
    for t, a in pairs:
        np.testing.assert_allclose(getattr(t, "value", t), a, rtol=1e-12)


def test_sort_returns_a_copy():
    assert tt.Tensor([3.0, 1.0, 2.0]).sort().tolist() == [1, 2, 3]


def test_operators_on_both_sides():
    t = tt.Tensor(np.array([1.0, 2.0]))
    a = t.numpy()
    for ours, theirs in [
        (t + 1, a + 1), (1 + t, 1 + a), (t - 1, a - 1), (1 - t, 1 - a), (t * 3, a * 3),
        (t / 4, a / 4), (4 / t, 4 / a), (t // 0.3, a // 0.3), (7 // t, 7 // a), (t % 0.3, a % 0.3),
        (7 % t, 7 % a), (t**2, a**2), (2**t, 2**a), (-t, -a), (+t, +a), (abs(-t), a),
        (t @ a, a @ a), (a @ t, a @ a), (t > 1, a > 1), (t >= 1, a >= 1), (t < 2, a < 2),
        (t <= 1, a <= 1), (t == 1, a == 1), (t != 1, a != 1), (divmod(t, 0.3)[1], a % 0.3),
        (~(t > 1), ~(a > 1)), ((t > 1) & (t > 0), a > 1), ((t > 1) | (t > 0), a > 0),
        (round(t * 1.26, 1), np.round(a * 1.26, 1)),
    ]:  # fmt: skip
        np.testing.assert_allclose(ours.numpy(), theirs)


@given(
    hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3),
    st.sampled_from([np.add, np.subtract, np.multiply, np.divide]),
)
def test_broadcast_gradients_agree_with_finite_differences(shapes, ufunc):
    rng = np.random.default_rng(0)
    inputs = [rng.uniform(0.5, 2, shape) for shape in shapes.input_shapes]
    assert tt.gradcheck(ufunc, [np.asarray(x) for x in inputs])


@given(
    st.data(),
    hnp.arrays(
        np.float64, hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), elements=st.floats(-3, 3)
    ),
)
def test_any_index_agrees_with_numpy_and_its_adjoint(data, array):
    index = data.draw(
        st.one_of(
            hnp.basic_indices(array.shape, allow_newaxis=True),
            hnp.integer_array_indices(array.shape),
            hnp.arrays(bool, array.shape),
        )
    )
    t = tt.Tensor(array, requires_grad=True)
    picked = t[index]
    np.testing.assert_array_equal(picked.numpy(), array[index])
    g = np.random.default_rng(0).standard_normal(picked.shape)
    (back,) = tt.grad(picked, t, g)
    np.testing.assert_allclose(np.sum(picked.numpy() * g), np.sum(array * back.numpy()), atol=1e-12)


@given(
    hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(-3, 3)),
    st.data(),
)
def test_reductions_agree_with_numpy_on_any_axes(array, data):
    axes = data.draw(st.one_of(st.none(), hnp.valid_tuple_axes(array.ndim, min_size=1)))
    keepdims = data.draw(st.booleans())
    t = tt.Tensor(array)
    for f in (np.sum, np.mean, np.max, np.min, np.var, np.std, np.prod):
        np.testing.assert_allclose(
            f(t, axis=axes, keepdims=keepdims).numpy(), f(array, axis=axes, keepdims=keepdims),
            atol=1e-12,
        )  # fmt: skip


# ------------------------------------------------------------------ one number, text, copies


def test_only_one_element_is_a_number_or_a_truth():
    one, two = tt.Tensor([2.5]), tt.Tensor([1.0, 2.0])
    assert (float(one), int(one), bool(one), f"{one:.2f}") == (2.5, 2, True, "2.50")
    for convert in (bool, float, int, tt.Tensor.item):
        with pytest.raises(tt.ShapeError, match="no single value"):
            convert(two)
    assert [10, 20][tt.Tensor(np.array(1))] == 20
    with pytest.raises(tt.IndexingError):
        [10, 20][tt.Tensor(1.0)]


def test_length_iteration_and_membership():
    t = tt.Tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(t) == 2
    assert [row.tolist() for row in t] == [[1, 2], [3, 4]]
    assert 3.0 in t
    assert 9.0 not in t
    with pytest.raises(tt.IndexingError):
        len(tt.Tensor(1.0))


def test_text_says_dtype_origin_and_name():
    a = tt.Tensor([1.0], requires_grad=True, name="a")
    assert repr(a) == "Tensor([1.], requires_grad=True, name='a')"
    assert repr(a * 2) == "Tensor([2.], from=multiply)"
    assert repr(tt.Tensor(np.ones(1))) == "Tensor([1.], dtype=float64)"


def test_results_can_be_named():
    a = tt.Tensor(2.0, requires_grad=True)
    u = a * 3
    u.name = "u"
    assert u.name == "u"
    assert "name='u'" in repr(u)


def test_leaves_copy_deeply_and_results_do_not():
    a = tt.Tensor([1.0, 2.0], requires_grad=True, name="a")
    (a * a).sum().backward()
    b = copy.deepcopy(a)
    assert (b.tolist(), b.grad.tolist(), b.name, b.requires_grad) == ([1, 2], [2, 4], "a", True)
    b.assign([5.0, 5.0])
    assert a.tolist() == [1, 2]
    restored = pickle.loads(pickle.dumps(a))
    assert restored.tolist() == [1, 2]
    with pytest.raises(tt.GraphError, match="belongs to its graph"):
        copy.deepcopy(a * 2)


def test_a_misspelt_attribute_is_an_error():
    t = tt.Tensor(1.0)
    with pytest.raises(AttributeError):
        t.requires_gard = True


def test_a_gradient_that_does_not_fit_is_refused():
    t = tt.Tensor([1.0, 2.0])
    with pytest.raises(tt.ShapeError):
        t.grad = np.ones(3, np.float32)
    t.grad = np.ones(2, np.float32)
    assert isinstance(t.grad, tt.Tensor)
    t.grad = None
    assert t.grad is None


def test_requires_grad_cannot_be_taken_from_a_result():
    u = tt.Tensor(1.0, requires_grad=True) * 2
    with pytest.raises(tt.GraphError):
        u.requires_grad = False
    assert not u.is_leaf


# ------------------------------------------------------------------ more of NumPy's functions


ARRAY = np.random.default_rng(3).standard_normal((3, 4))
FUNCTIONS = [
    ("diff", (), {"axis": 0}), ("diff", (2,), {}), ("ptp", (), {"axis": 1}),
    ("average", (), {"axis": 0, "weights": [1, 2, 3]}), ("median", (), {"axis": (0, 1)}),
    ("flipud", (), {}), ("atleast_2d", (), {}), ("split", ([1, 2],), {}), ("split", ([-1, 0],), {}),
    ("array_split", (2,), {"axis": 1}), ("isclose", (ARRAY,), {}), ("round", (1,), {}),
    ("sort", (None,), {}), ("tril", (1,), {}), ("linalg.norm", (), {"axis": 1}),
    ("linalg.pinv", (), {}), ("allclose", (ARRAY,), {}), ("array_equal", (ARRAY,), {}),
    ("shape", (), {}), ("ndim", (), {}), ("size", (0,), {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "inputs", "keywords"), FUNCTIONS)
def test_compositions_do_what_numpys_do(name, inputs, keywords):
    function = np
    for part in name.split("."):
        function = getattr(function, part)
    got = function(tt.Tensor(ARRAY), *inputs, **keywords)
    expected = function(ARRAY, *inputs, **keywords)
    pairs = zip(got, expected, strict=True) if isinstance(got, list) else [(got, expected)]
    for t, a in pairs:
        np.testing.assert_allclose(getattr(t, "value", t), a, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda t: np.sort(t, order="x"), tt.UnsupportedError, "order"),
        (lambda t: np.sort(t, axis=5), tt.ShapeError, "no such axis"),
        (lambda t: np.take(t, [0], mode="foo"), tt.ArgumentError, "'wrap'"),
        (lambda t: np.pad(t, (1, 2, 3)), tt.ShapeError, "widths"),
        (lambda t: np.repeat(t, -1), tt.ArgumentError, "repeats"),
        (lambda t: np.average(t, axis=1, weights=np.zeros(4)), tt.ArgumentError, "add up to 0"),
        (lambda t: np.median(t, axis=7), tt.ShapeError, "no such axis"),
    ],
)
def test_compositions_refuse_what_they_do_not_know(call, kind, words):
    with pytest.raises(kind, match=words):
        call(tt.Tensor(ARRAY))


@pytest.mark.parametrize("exponent", [3, 4])
def test_small_whole_powers_are_numpys_to_the_last_places(exponent):
    x = tt.Tensor(np.float32([-2.5, -0.0, 1e-20, 3.3, 1e20, np.inf, np.nan]), requires_grad=True)
    with np.errstate(over="ignore", under="ignore"):
        y = x**exponent
        np.testing.assert_array_max_ulp(y.numpy(), x.numpy() ** exponent, 2)
        y.sum().backward()
        slopes = exponent * x.numpy() ** (exponent - 1)
    np.testing.assert_allclose(x.grad.numpy(), slopes, rtol=1e-6)
