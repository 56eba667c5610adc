"""The training loop against the same loop by hand; what it measures, keeps and refuses."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.data import DataLoader
from tinygrad_tr.nn import functional as F
from tinygrad_tr.train import EarlyStopping, History, evaluate, fit, predict

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 4))
Y = (X[:, 0] > 0).astype(int)
DEV = RNG.standard_normal((11, 4)), RNG.integers(0, 2, 11)


def network(dropout=0.0):
    tt.manual_seed(0)
    layers = nn.Linear(4, 5), nn.Tanh(), nn.Dropout(dropout), nn.Linear(5, 2)
    return nn.Sequential(*layers).to(np.float64)


def accuracy(p, y):
    return np.mean(p.argmax(axis=1) == y)


def trained(model=None, loader=None, loss=F.cross_entropy, lr=0.1, **options):
    """A short, quiet training; the model and its history."""
    model = model or network()
    loader = loader or DataLoader(X, Y, batch_size=8)
    options = {"epochs": 3, "progress": False, **options}
    optimizer = options.pop("optimizer", None) or optim.SGD(model.named_parameters(), lr=lr)
    return model, fit(model, loader, loss, optimizer, **options)


# ---------------------------------------------------------------------- the loop


@pytest.mark.parametrize("clip_norm", [None, 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_the_loop_by_hand_bit_for_bit(clip_norm, dtype):
    def parts():
        model = network(dropout=0.3).to(dtype)
        loader = DataLoader(X.astype(dtype), Y, batch_size=8, shuffle=True, seed=0)
        optimizer = optim.Adam(model.named_parameters(), lr=0.01)
        return model, loader, optimizer, optim.ExponentialLR(optimizer, gamma=0.5)

    by_hand, loader, optimizer, schedule = parts()
    losses = []
    for _ in range(4):
        by_hand.train()
        total = 0.0
        for x, y in loader:
            loss = F.cross_entropy(by_hand(tt.from_numpy(x)), y)
            optimizer.zero_grad()
            loss.backward()
            if clip_norm is not None:
                nn.utils.clip_grad_norm_(by_hand.parameters(), clip_norm)
            optimizer.step()
            total += loss.item() * len(y)
        losses.append(total / len(X))
        schedule.step()

    model, loader, optimizer, schedule = parts()
    history = fit(
        model, loader, F.cross_entropy, optimizer, epochs=4, schedule=schedule,
        clip_norm=clip_norm, progress=False,
    )  # fmt: skip
    for name, weights in by_hand.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name], weights)
    assert history["train loss"] == losses
    assert history["lr"] == [0.01, 0.005, 0.0025, 0.00125]


def test_examples_weigh_the_same_though_the_last_batch_is_smaller():
    model, history = trained(lr=0.0, dev=DataLoader(*DEV, batch_size=4))
    exact = [F.cross_entropy(model(tt.Tensor(x)), y).item() for x, y in ((X, Y), DEV)]
    assert history["train loss"] == pytest.approx([exact[0]] * 3, rel=1e-14)
    assert history["dev loss"] == pytest.approx([exact[1]] * 3, rel=1e-14)


def test_metrics_see_the_whole_dev_set_at_once_and_in_order():
    seen = []
    model, history = trained(
        dev=DataLoader(*DEV, batch_size=4),
        metrics={"accuracy": accuracy, "rows": lambda p, y: seen.append((p, y)) or len(y)},
    )
    assert history["dev rows"] == [11] * 3
    np.testing.assert_array_equal(seen[-1][0], predict(model, DEV[0]))
    np.testing.assert_array_equal(seen[-1][1], DEV[1])
    assert history["dev accuracy"][-1] == accuracy(predict(model, DEV[0]), DEV[1])


def test_a_dev_set_may_be_one_pair_of_arrays():
    _, loader = trained(dev=DataLoader(*DEV, batch_size=11))
    _, pair = trained(dev=DEV)
    assert pair["dev loss"] == loader["dev loss"]


def test_dev_is_seen_in_evaluation_and_without_graph():
    modes = []

    class Watched(nn.Module):
        def __init__(self):
            self.inside = network(dropout=0.5)

        def forward(self, x):
            modes.append((self.training, self.inside[2].training, tt.is_grad_enabled()))
            return self.inside(x)

    trained(Watched(), DataLoader(X, Y, batch_size=30), dev=DEV, epochs=2)
    assert modes == [(True, True, True), (False, False, False)] * 2


@pytest.mark.parametrize("training", [True, False])
def test_every_module_is_afterwards_as_it_was(training):
    model = network(dropout=0.5).train(training)
    model[0].training = True
    trained(model, dev=DEV)
    assert [m.training for m in model] == [True, training, training, training]
    with pytest.raises(ZeroDivisionError):
        trained(model, dev=DEV, metrics={"broken": lambda p, y: 1 / 0})
    assert [m.training for m in model] == [True, training, training, training]


def test_arrays_are_not_copied_and_tensors_may_come_too():
    seen = []

    class Watched(nn.Linear):
        def forward(self, x):
            seen.append(x)
            return super().forward(x)

    model = Watched(4, 2).to(np.float64)
    trained(model, [(X, Y)], epochs=1)
    assert np.shares_memory(seen[0].numpy(), X)
    x = tt.Tensor(X)
    trained(model, [(x, tt.Tensor(Y))], epochs=1)
    assert seen[1] is x


def test_a_model_may_have_several_inputs():
    class Sum(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(4, 2).to(np.float64)

        def forward(self, a, b):
            return self.layer(a + b)

    model, history = trained(Sum(), DataLoader(X, X, Y, batch_size=8), dev=(*DEV[:1], *DEV))
    assert history["train loss"][-1] < history["train loss"][0]
    np.testing.assert_array_equal(
        predict(model, X, X, batch_size=7), model(tt.Tensor(X), tt.Tensor(X)).numpy()
    )


def test_a_schedule_may_go_on_with_every_batch():
    model = network()
    optimizer = optim.SGD(model.named_parameters(), lr=1.0)
    schedule = optim.ExponentialLR(optimizer, gamma=0.5)
    _, history = trained(model, optimizer=optimizer, schedule=schedule, schedule_per="batch")
    assert schedule.epoch == 3 * 4
    assert history["lr"] == [0.5**4, 0.5**8, 0.5**12]


def test_a_schedule_that_monitors_a_number_gets_it():
    class Watching:
        monitor = "dev loss"

        def __init__(self):
            self.seen = []

        def step(self, value):
            self.seen.append(value)

    schedule = Watching()
    _, history = trained(schedule=schedule, dev=DEV)
    assert schedule.seen == history["dev loss"]
    with pytest.raises(tt.ArgumentError, match="Watching cannot see 'dev loss'"):
        trained(schedule=schedule)
    with pytest.raises(tt.ArgumentError, match="after each epoch"):
        trained(schedule=schedule, schedule_per="batch", dev=DEV)


def test_the_rate_falls_on_a_plateau_of_the_dev_loss():
    model = network()
    optimizer = optim.SGD(model.named_parameters(), lr=0.0)
    optimizer.param_groups[0]["lr"] = 1e-9  # nothing will get better
    schedule = optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, eps=0.0)
    _, history = trained(model, optimizer=optimizer, schedule=schedule, dev=DEV, epochs=6)
    assert history["lr"] == [1e-9, 1e-9, 1e-9, 5e-10, 5e-10, 2.5e-10]


def test_callbacks_see_the_history_after_each_epoch():
    seen = []
    trained(callbacks=[lambda history: seen.append(dict(history.row(history.epochs)))])
    assert [row["epoch"] for row in seen] == [1, 2, 3]


def test_early_stopping_ends_it_and_the_best_weights_are_back():
    stop = EarlyStopping(patience=2)
    script = iter([3.0, 1.0, 2.0, 2.0, 0.0])
    weights = []

    def loss(p, y):
        if tt.is_grad_enabled():
            return F.cross_entropy(p, y)
        weights.append(model.state_dict())
        return tt.Tensor(next(script))

    model = network()
    _, history = trained(model, loss=loss, dev=DEV, stop=stop, epochs=10)
    assert history["dev loss"] == [3, 1, 2, 2]
    assert history.best["epoch"] == stop.best_epoch == 2
    for name, best in weights[1].items():
        np.testing.assert_array_equal(model.state_dict()[name], best)
        assert not np.array_equal(best, weights[3][name])


def test_an_early_stopping_used_again_begins_anew():
    stop = EarlyStopping(patience=1, monitor="train loss", min_delta=10.0)
    assert [trained(stop=stop, epochs=9)[1].epochs for _ in range(2)] == [2, 2]


# ---------------------------------------------------------------------- what it says


def test_the_bar_shows_epochs_steps_and_numbers(capsys):
    trained(progress=True, dev=DEV, metrics={"accuracy": accuracy})
    shown = capsys.readouterr().err
    assert "epoch 3/3" in shown
    assert "12/12" in shown
    assert "dev accuracy" in shown


def test_without_progress_it_is_quiet(capfd):
    trained(dev=DEV)
    assert capfd.readouterr() == ("", "")


def test_without_tqdm_it_says_how_to_do_without(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(tt.MissingDependencyError, match="progress=False"):
        trained(progress=True)
    trained()


def test_parameters_that_no_gradient_reaches_are_named():
    class Forgetful(nn.Module):
        def __init__(self):
            self.used, self.unused = nn.Linear(4, 2).to(np.float64), nn.Linear(4, 2)

        def forward(self, x):
            return self.used(x)

    with pytest.warns(UserWarning, match=r"unused\.weight, unused\.bias") as caught:
        trained(Forgetful())
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_a_loss_that_is_not_finite_is_refused_before_it_reaches_the_weights():
    batches = [(X[:8], Y[:8]), (X[8:16], Y[8:16]), (np.full((8, 4), np.nan), Y[:8])]
    model = network()
    updates = []
    optimizer = optim.SGD(model.named_parameters(), lr=0.1)
    step = optimizer.step
    optimizer.step = lambda: (step(), updates.append(model.state_dict()))
    with pytest.raises(tt.AnomalyError, match="nan in epoch 1, batch 3") as error:
        trained(model, batches, optimizer=optimizer)
    assert "detect_anomaly" in str(error.value)
    for name, weights in updates[-1].items():
        np.testing.assert_array_equal(model.state_dict()[name], weights)
        assert np.isfinite(weights).all()


def test_anomaly_mode_around_it_names_the_operation():
    with (
        tt.detect_anomaly(),
        pytest.raises(tt.AnomalyError, match="log"),
    ):
        trained(loss=lambda p, y: np.log(p.sum() * 0))


def test_a_dev_loss_that_is_not_finite_is_refused():
    with pytest.raises(tt.AnomalyError, match="dev loss is nan after epoch 1"):
        trained(dev=(np.full((3, 4), np.nan), Y[:3]))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"epochs": 0}, tt.ArgumentError, "epochs"),
        ({"epochs": 2.5}, tt.ArgumentError, "epochs"),
        ({"every_steps": 0}, tt.ArgumentError, "every_steps"),
        ({"every_epochs": 0}, tt.ArgumentError, "every_epochs"),
        ({"loader": iter([(X, Y)])}, tt.ArgumentError, "gives its batches once"),
        ({"loader": 5}, tt.ArgumentError, "loader"),
        ({"loader": DataLoader(X)}, tt.DtypeError, "inputs and targets"),
        ({"loader": [(X.tolist(), Y)]}, tt.DtypeError, "from_numpy"),
        ({"loader": [(X[:0], Y[:0])]}, tt.DtypeError, "without examples"),
        ({"dev": [], "epochs": 1}, tt.ArgumentError, "no batches"),
        ({"dev": iter([DEV])}, tt.ArgumentError, "dev"),
        ({"metrics": {"accuracy": accuracy}}, tt.ArgumentError, "metrics are of the dev set"),
        ({"stop": EarlyStopping(3)}, tt.ArgumentError, "cannot see 'dev loss'"),
        ({"stop": EarlyStopping(3, "dev f1"), "dev": DEV}, tt.ArgumentError, "'dev f1'"),
        ({"schedule_per": "batch"}, tt.ArgumentError, "schedule_per"),
        ({"schedule_per": "month"}, tt.ArgumentError, "schedule_per"),
        ({"clip_norm": -1.0}, tt.ArgumentError, "max_norm"),
        ({"loss": lambda p, y: p}, tt.ArgumentError, "not one number"),
        ({"loss": lambda p, y: 0.5}, tt.ArgumentError, "not one number"),
        ({"optimizer": optim.SGD(network().parameters())}, tt.ArgumentError, "no parameter of"),
        ({"optimizer": 0.1}, tt.ArgumentError, "not an optimizer"),
        ({"model": lambda x: x, "optimizer": 0.1}, tt.ArgumentError, "nn.Module"),
    ],
)
def test_what_cannot_be_trained_is_refused(options, error, words):
    with pytest.raises(error, match=words):
        trained(**options)


def test_a_loader_without_batches_is_refused():
    class Empty:
        def __iter__(self):
            return iter(())

    with pytest.raises(tt.ArgumentError, match="no batches"):
        trained(loader=Empty())


def test_the_example_of_the_documentation_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = tt.train.__doc__.splitlines()
    code = "\n".join(line[4:] for line in lines if line.startswith("    ") or not line)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 300)
    X = np.float32(np.eye(64)[y] + 0.1 * rng.standard_normal((300, 64)))
    exec(
        code.replace("epochs=100", "epochs=20"),
        {"tt": tt, "nn": nn, "optim": optim, "X": X, "y": y},
    )
    printed = capsys.readouterr().out
    assert "dev accuracy" in printed
    assert printed.splitlines()[-1] == str(y[:5])
    assert {file.name for file in tmp_path.iterdir()} == {"digits.safetensors", "digits.png"}


# ---------------------------------------------------------------------- evaluate and predict


def test_evaluate_is_the_loss_and_the_metrics_of_all_examples():
    model = network(dropout=0.5)
    found = evaluate(model, DataLoader(*DEV, batch_size=3), F.cross_entropy, {"right": accuracy})
    logits = model.eval()(tt.Tensor(DEV[0]))
    assert found["loss"] == pytest.approx(F.cross_entropy(logits, DEV[1]).item(), rel=1e-14)
    assert found["right"] == accuracy(logits.numpy(), DEV[1])
    assert all(type(value) is float for value in found.values())


@pytest.mark.parametrize("batch_size", [1, 4, 30, 1000])
def test_predict_is_the_model_in_evaluation_row_by_row(batch_size):
    model = network(dropout=0.5)
    found = predict(model, X, batch_size=batch_size)
    assert model.training
    np.testing.assert_allclose(found, model.eval()(tt.Tensor(X)).numpy(), rtol=1e-14)


# ---------------------------------------------------------------------- History


def history_of(*losses, **more):
    history = History(**more)
    for loss in losses:
        history.add({"train loss": loss, "dev loss": loss / 2})
    return history


def test_a_history_has_a_list_for_each_name():
    history = history_of(3.0, 1.0, 2.0)
    assert history["train loss"] == [3, 1, 2]
    assert list(history) == ["train loss", "dev loss"]
    assert history.epochs == 3
    assert history.row(3) == {"epoch": 3, "train loss": 2, "dev loss": 1}


def test_the_best_row_is_the_first_of_the_lowest_or_highest():
    assert history_of(3.0, 1.0, 1.0, 2.0).best["epoch"] == 2
    assert history_of(3.0, 1.0, 3.0, mode="max").best["epoch"] == 1
    assert history_of(float("nan"), 4.0, 5.0).best["epoch"] == 2
    with pytest.raises(tt.ArgumentError, match="no epoch"):
        _ = History().best


def test_a_history_goes_through_json():
    history = history_of(3.0, 1.0, monitor="dev loss", mode="max")
    back = History()
    back.load_state_dict(json.loads(json.dumps(history.state_dict())))
    assert back == history
    assert back.best == history.best
    for broken in ({}, None, {**history.state_dict(), "columns": {"a": [1], "b": []}}):
        with pytest.raises(tt.StateError, match="history"):
            back.load_state_dict(broken)
    assert back == history


def test_printed_it_is_a_table_that_marks_the_best():
    lines = repr(history_of(3.0, 1.0, 2.0)).splitlines()
    assert lines[0].split() == ["epoch", "train", "loss", "dev", "loss"]
    assert lines[2].split() == ["2", "1", "0.5", "best"]
    assert len(lines) == 4
    long = repr(history_of(*range(100, 40, -1), *range(40, 100))).splitlines()
    assert len(long) == 1 + 5 + 1 + 1 + 1 + 5
    assert sum("best" in line for line in long) == 1
    assert repr(History()) == "History of no epoch"


def test_names_that_come_and_go_are_refused():
    with pytest.raises(tt.ArgumentError, match="other names"):
        history_of(1.0).add({"train loss": 1.0})


@pytest.mark.parametrize("losses", [(3.0, 1.0, 2.0), (1.0,), (-1.0, 0.0)])
def test_its_curves_are_drawn(losses, tmp_path):
    history = history_of(*losses)
    figure = history.figure()
    assert [line.get_label() for line in figure.axes[0].lines][:2] == ["train loss", "dev loss"]
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), losses)
    file = history.plot(tmp_path / "made" / "history.png")
    assert file.read_bytes().startswith(b"\x89PNG")


def test_metrics_have_a_panel_of_their_own():
    _, history = trained(dev=DEV, metrics={"accuracy": accuracy})
    losses, metrics = history.figure().axes
    assert metrics.lines[0].get_label() == "dev accuracy"
    assert losses.get_ylabel() == "loss"
