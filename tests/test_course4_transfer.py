"""Transfer learning: frozen layers stay as they are, fine-tuned ones move. Course 4, week 2."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import optim
from tinygrad_tr.errors import TinygradError
from tinygrad_tr.examples.course4_transfer_learning import Namer, learn, train
from tinygrad_tr.nn import functional as F


def few(classes=4, each=2, seed=0):
    """Some pictures of 32 × 32 in colours, at random."""
    rng = np.random.default_rng(seed)
    return rng.random((classes * each, 3, 32, 32), np.float32), np.repeat(np.arange(classes), each)


def pretrained():
    """Layers whose statistics have seen batches."""
    tt.manual_seed(0)
    model = Namer(6)
    train(model, optim.Adam(model.parameters(), lr=3e-3), *few(6, seed=1), steps=3)
    model.zero_grad()
    return model


def state(module):
    return {name: value.copy() for name, value in module.state_dict().items()}


def test_frozen_layers_keep_weights_and_statistics_while_the_head_learns():
    model = pretrained()
    model.layers.requires_grad_(False).eval()
    layers, head = state(model.layers), state(model.head)
    assert any("running" in name for name in layers)
    train(model, optim.Adam(model.head.parameters(), lr=1e-2), *few(6), steps=3)
    for name, value in model.layers.state_dict().items():
        np.testing.assert_array_equal(value, layers[name], err_msg=name)
    assert all(parameter.grad is None for parameter in model.layers.parameters())
    assert all(not np.array_equal(v, head[name]) for name, v in model.head.state_dict().items())


def test_frozen_weights_alone_do_not_stop_the_statistics():
    """Without `eval()` the running statistics follow the new pictures: why both are needed."""
    model = pretrained()
    model.layers.requires_grad_(False)
    layers = state(model.layers)
    train(model, optim.Adam(model.head.parameters(), lr=1e-2), *few(6), steps=1)
    moved = {n for n, v in model.layers.state_dict().items() if not np.array_equal(v, layers[n])}
    assert moved
    assert moved <= {n for n in layers if "running" in n or "batches" in n}


def test_the_teacher_s_layers_come_back_from_a_file_and_its_head_does_not_fit(tmp_path):
    teacher, student = pretrained(), Namer(4)
    tt.save(teacher.layers.state_dict(), tmp_path / "layers.safetensors")
    student.layers.load_state_dict(tt.load(tmp_path / "layers.safetensors"))
    for name, value in student.layers.state_dict().items():
        np.testing.assert_array_equal(value, teacher.layers.state_dict()[name])
    with pytest.raises(TinygradError, match="weight"):
        student.head.load_state_dict(teacher.head.state_dict())


def test_fine_tuning_moves_each_group_at_its_own_rate():
    """Adam's first step is the rate, whatever the gradient."""
    model = pretrained().eval()
    before = {name: p.numpy().copy() for name, p in model.named_parameters()}
    groups = [
        {"params": model.layers.parameters(), "lr": 2e-4},
        {"params": model.head.parameters(), "lr": 2e-3},
    ]
    optimizer = optim.Adam(groups)
    X, y = few(6)
    F.cross_entropy(model(tt.Tensor(X)), y).backward()
    optimizer.step()
    steps = {n: np.abs(p.numpy() - before[n]).max() for n, p in model.named_parameters()}
    for name, step in steps.items():
        rate = 2e-3 if name.startswith("head") else 2e-4
        assert step == pytest.approx(rate, rel=0.05), name


@pytest.mark.parametrize("way", ["frozen", "fine-tuned"])
def test_a_student_starts_from_the_teacher(tmp_path, way):
    teacher = pretrained()
    tt.save(teacher.layers.state_dict(), tmp_path / "layers.safetensors")
    student = learn(way, tmp_path / "layers.safetensors", *few(), steps=1)
    taught = state(teacher.layers)
    moved = [
        name
        for name, parameter in student.layers.named_parameters()
        if not np.array_equal(parameter.numpy(), taught[name])
    ]
    assert bool(moved) == (way == "fine-tuned")
    statistics = student.layers.state_dict()
    for name, value in teacher.layers.state_dict().items():
        if "running" in name:
            np.testing.assert_array_equal(value, statistics[name])
