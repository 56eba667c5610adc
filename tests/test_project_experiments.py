"""Hyperparameters, the diary of experiments, and learning curves."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_tr as tt
from tinygrad_tr import nn, optim, project
from tinygrad_tr.nn import functional as F
from tinygrad_tr.project import Experiments, HParams

# ---------------------------------------------------------------------- hyperparameters

FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), FINITE)
NAMES = st.text(min_size=1)


@given(st.dictionaries(NAMES, VALUES | st.lists(VALUES)))
def test_hyperparameters_come_back_from_json_equal_and_hash_alike(values):
    hparams = HParams(**values)
    again = HParams.from_json(hparams.to_json())
    assert again == hparams
    assert hash(again) == hash(hparams)
    assert {hparams: 1}[again] == 1
    assert [type(v) for v in again.values()] == [type(v) for v in hparams.values()]


def test_hyperparameters_are_read_by_name_and_never_change():
    hparams = HParams(lr=0.1, layers=[64, np.int64(10)], activation="relu")
    assert hparams.lr == hparams["lr"] == dict(**hparams)["lr"] == 0.1
    assert hparams.layers == (64, 10)
    assert hparams.replace(lr=1.0) == HParams(activation="relu", layers=(64, 10), lr=1.0)
    assert HParams(self=1)["self"] == 1
    assert hparams.lr == 0.1
    assert copy.deepcopy(hparams) == hparams
    assert repr(hparams) == "HParams(lr=0.1, layers=(64, 10), activation='relu')"
    with pytest.raises(AttributeError, match="replace"):
        hparams.lr = 2
    with pytest.raises(AttributeError, match="there are lr, layers"):
        _ = hparams.momentum
    with pytest.raises(tt.ArgumentError, match="momentum"):
        hparams.replace(momentum=0.9)


@pytest.mark.parametrize("value", [np.nan, np.inf, np.zeros(3), nn.ReLU, {"a": 1}])
def test_what_is_no_hyperparameter_is_refused(value):
    with pytest.raises(tt.DtypeError, match="alpha"):
        HParams(alpha=value)


@pytest.mark.parametrize("text", ["", "[1]", '{"a": 1'])
def test_text_that_is_no_hyperparameters_is_refused(text):
    with pytest.raises(tt.ArgumentError, match="to_json"):
        HParams.from_json(text)


def learnt(hparams, seed):
    """The weights after a short training that the hyperparameters and the seed decide."""
    tt.manual_seed(seed)
    model = nn.MLP([4, *hparams.hidden, 1], getattr(nn, hparams.activation))
    optimizer = optim.SGD(model.parameters(), lr=hparams.lr, momentum=hparams.momentum)
    X = np.random.default_rng(0).standard_normal((64, 4)).astype(np.float32)
    loader = tt.data.DataLoader(X, X[:, :1] ** 2, batch_size=hparams.batch_size, shuffle=True)
    for _ in range(3):
        for x, y in loader:
            optimizer.minimize(lambda x=x, y=y: F.mse_loss(model(tt.from_numpy(x)), y))
    return model


def test_parameters_are_w_and_b_and_nothing_that_was_chosen():
    hparams = HParams(hidden=(5, 3), activation="Tanh", lr=0.1, momentum=0.9, batch_size=16)
    model = learnt(hparams, seed=0)
    names = [name for name, _ in model.named_parameters()]
    assert names == [f"layers.{i}.{kind}" for i in range(3) for kind in ("weight", "bias")]
    assert not set(hparams) & set(names)


def test_the_same_hyperparameters_and_seed_give_the_same_weights_bit_for_bit():
    hparams = HParams(hidden=(5, 3), activation="Tanh", lr=0.1, momentum=0.9, batch_size=16)
    first = learnt(hparams, seed=0).state_dict()
    again = learnt(HParams.from_json(hparams.to_json()), seed=0).state_dict()
    other = learnt(hparams, seed=1).state_dict()
    for name, weights in first.items():
        np.testing.assert_array_equal(weights, again[name])
    assert any((weights != other[name]).any() for name, weights in first.items())


# ---------------------------------------------------------------------- experiments


def diary(file):
    experiments = Experiments(file)
    for lr, error in ((0.1, 0.30), (0.01, 0.10), (0.001, 0.20)):
        experiments.add(HParams(lr=lr), seed=1, metrics={"train error": 0.01, "dev error": error})
    return experiments


def test_experiments_reload_identically_and_sort_by_one_metric(tmp_path):
    written = diary(tmp_path / "new" / "runs.jsonl")
    read = Experiments(written.path)
    assert list(read) == list(written)
    assert [entry.hparams.lr for entry in read.sorted_by("dev error")] == [0.01, 0.001, 0.1]
    assert [entry.hparams.lr for entry in read.sorted_by("dev error", "max")] == [0.1, 0.001, 0.01]
    assert read[0].seed == 1
    for line in written.path.read_text(encoding="utf-8").splitlines():
        assert json.loads(line)["hparams"]["lr"] in (0.1, 0.01, 0.001)


def test_a_second_program_adds_to_the_same_file(tmp_path):
    first = diary(tmp_path / "runs.jsonl")
    Experiments(first.path).add(HParams(lr=1.0), 2, {"dev error": 0.05})
    assert Experiments(first.path).sorted_by("dev error")[0].hparams.lr == 1
    assert len(Experiments(first.path)) == 4


def test_a_run_that_diverged_is_kept_and_comes_last(tmp_path):
    experiments = diary(tmp_path / "runs.jsonl")
    experiments.add(HParams(lr=10.0), 0, {"dev error": np.nan, "loss": np.inf})
    experiments.add(HParams(lr=9.0), 0, {"loss": 1.0})
    read = Experiments(experiments.path)
    assert read[3].metrics["loss"] == np.inf
    for mode in ("min", "max"):
        assert [entry.hparams.lr for entry in read.sorted_by("dev error", mode)][3:] == [10, 9]
    for line in experiments.path.read_text(encoding="utf-8").splitlines():
        json.loads(line, parse_constant=pytest.fail)  # NaN and Infinity are no JSON


def test_a_crash_costs_at_most_the_line_being_written(tmp_path):
    whole = diary(tmp_path / "runs.jsonl").path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    file = tmp_path / "cut.jsonl"
    for end in (last + 1, last + 9, last + 40, len(whole) - 2):
        file.write_bytes(whole[:end])
        with pytest.warns(UserWarning, match=r"cut\.jsonl, line 3 was cut off"):
            experiments = Experiments(file)
        assert [entry.hparams.lr for entry in experiments] == [0.1, 0.01]
        experiments.add(HParams(lr=5.0), 0, {"dev error": 0.5})
        with pytest.warns(UserWarning, match="line 3 was cut off"):
            assert [entry.hparams.lr for entry in Experiments(file)] == [0.1, 0.01, 5.0]
    file.write_bytes(whole[:-1])  # only the end of the line is missing
    Experiments(file).add(HParams(lr=5.0), 0, {"dev error": 0.5})
    assert len(Experiments(file)) == 4


def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path):
    file = tmp_path / "notes.txt"
    for text in ("my notes", '{"a": 1}\n', '{"hparams": {}}\n{"hparams": 3}\nx'):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(tt.FileError, match=r"notes\.txt, line"):
            Experiments(file)
        assert file.read_text(encoding="utf-8") == text


def test_an_experiment_needs_hyperparameters_metrics_and_a_seed(tmp_path):
    experiments = Experiments(tmp_path / "runs.jsonl")
    for arguments in (({"lr": 1}, 0, {"a": 1}), (HParams(), 0, {}), (HParams(), None, {"a": 1})):
        with pytest.raises(tt.ArgumentError, match=r"Experiments\.add"):
            experiments.add(*arguments)
    with pytest.raises(tt.ArgumentError, match="'b'"):
        diary(tmp_path / "other.jsonl").sorted_by("b")
    assert not experiments.path.exists()


def test_experiments_are_printed_as_a_table(tmp_path):
    experiments = diary(tmp_path / "runs.jsonl")
    experiments.add(HParams(lr=0.5, dropout=0.2), 0, {"dev error": 0.05})
    lines = experiments.table("dev error").splitlines()
    assert lines[0].split() == ["lr", "dropout", "seed", "dev", "error", "train", "error"]
    assert lines[1].split() == ["0.5", "0.2", "0", "0.05"]
    assert lines[2].split() == ["0.01", "1", "0.1", "0.01"]
    assert str(experiments).splitlines()[1].split() == ["0.1", "1", "0.01", "0.3"]


# ---------------------------------------------------------------------- learning curves


def test_a_learning_curve_has_the_errors_on_what_was_seen_and_on_dev():
    X, y = np.arange(20.0)[:, None], np.repeat([0, 1], 10)
    seen = []

    def by_heart(X, y):
        seen.append((len(X), dict(zip(X[:, 0], y, strict=True))))
        known = seen[-1][1]
        return lambda X: np.array([known.get(x, 0) for x in X[:, 0]])

    curve = project.learning_curve(by_heart, (X, y), (X, y), [5, 20], repeats=3, seed=1)
    assert curve.sizes == (5, 20)
    assert curve.train == (0, 0)
    assert curve.dev[1] == 0
    unseen = [1 - sum(known.values()) / 10 for m, known in seen if m == 5]
    assert curve.dev[0] == pytest.approx(np.mean(unseen) / 2)
    small, large = (known for _, known in seen[:2])
    assert small.items() <= large.items()  # more examples, not others


@pytest.mark.parametrize("sizes", [[], [21], [0]])
def test_a_learning_curve_has_sizes_that_there_are(sizes):
    X, y = np.zeros((20, 1)), np.zeros(20, int)
    with pytest.raises(tt.ArgumentError, match="size"):
        project.learning_curve(lambda X, y: None, (X, y), (X, y), sizes)
