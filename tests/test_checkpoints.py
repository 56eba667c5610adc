"""A training that was killed goes on to the very same numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.trainings import BATCHES, CALLS, DEV_BATCHES, EPOCHS, Scene
from tinygrad_tr import data, nn, optim, train

ROOT = Path(__file__).parent.parent


class Killed(BaseException):
    """The end of a process, as far as a test can have it."""


def kill():
    raise Killed


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The state after a training that nothing ended; each kind of it is run once."""
    done = {}

    def state(**kind):
        key = tuple(kind.items())
        if key not in done:
            done[key] = Scene(seed=0, **kind).fit(tmp_path_factory.mktemp("straight") / "x").state()
        return done[key]

    return state


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch, request):
    """These tests save hundreds of times; what fsync is for, the tests of files show."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def killed_and_resumed(file, call, every_steps=1, **kind):
    scene = Scene(seed=0, **kind)
    scene.at = {call: kill}
    with pytest.raises(Killed):
        scene.fit(file, every_steps=every_steps)
    # Another seed: whatever is the same afterwards comes from the file.
    return Scene(seed=99, **kind).fit(file, every_steps=every_steps)


@pytest.mark.parametrize("call", range(2, CALLS + 1))
def test_killed_at_any_step_or_evaluation_it_ends_bit_for_bit_as_if_it_had_not(
    call, straight, tmp_path
):
    resumed = killed_and_resumed(tmp_path / "x", call)
    assert resumed.state() == straight()
    batches_of_dev = max(0, (call - 1) % (BATCHES + DEV_BATCHES) - BATCHES)
    assert resumed.calls == CALLS - (call - 1) + batches_of_dev  # an evaluation begins anew


@pytest.mark.parametrize("call", [4, 8, 17, 23])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "order",
    ["own seed", "default generator", "generator of a Dropout", "generator of everything", "list"],
)
def test_it_does_so_wherever_the_random_numbers_come_from(dtype, order, call, straight, tmp_path):
    kind = {"dtype": dtype, "order": order}
    assert killed_and_resumed(tmp_path / "x", call, **kind).state() == straight(**kind)


@pytest.mark.parametrize("algorithm", [optim.SGD, optim.Momentum, optim.RMSprop, optim.AdamW])
def test_it_does_so_with_every_optimizer(algorithm, straight, tmp_path):
    kind = {"algorithm": algorithm}
    assert killed_and_resumed(tmp_path / "x", 15, **kind).state() == straight(**kind)


@pytest.mark.parametrize("call", [9, 15, 24])
@pytest.mark.parametrize("schedule", ["every batch", "plateau"])
def test_it_does_so_with_every_kind_of_schedule(schedule, call, straight, tmp_path):
    resumed = killed_and_resumed(tmp_path / "x", call, schedule=schedule)
    assert resumed.state() == straight(schedule=schedule)
    assert len(set(resumed.history["lr"])) > 2


@pytest.mark.parametrize("every_steps", [None, 3, 7])
def test_steps_after_the_last_checkpoint_are_made_again(every_steps, straight, tmp_path):
    assert killed_and_resumed(tmp_path / "x", 21, every_steps).state() == straight()


def test_killed_between_two_epochs_and_killed_twice(straight, tmp_path):
    with pytest.raises(Killed):
        Scene(seed=0).fit(tmp_path / "x", callbacks=[lambda h: h.epochs == 2 and kill()])
    scene = Scene(seed=5)
    scene.at = {9: kill}
    with pytest.raises(Killed):
        scene.fit(tmp_path / "x", every_steps=2)
    assert Scene(seed=6).fit(tmp_path / "x").state() == straight()


def test_more_epochs_later_are_the_same_as_all_at_once(straight, tmp_path):
    first = Scene(seed=0).fit(tmp_path / "x", epochs=2)
    assert first.history.epochs == 2
    assert Scene(seed=1).fit(tmp_path / "x").state() == straight()


def test_a_finished_training_gives_its_result_again(straight, tmp_path):
    Scene(seed=0).fit(tmp_path / "x")
    again = Scene(seed=1).fit(tmp_path / "x")
    assert again.calls == 0
    assert again.state() == straight()


def test_a_training_that_stopped_early_stays_stopped(tmp_path):
    def stopped(seed):
        scene = Scene(seed)
        scene.stop = train.EarlyStopping(1, "dev accuracy", "max", min_delta=1.0)
        return scene.fit(tmp_path / "x")

    first, again = stopped(0), stopped(1)
    assert first.history.epochs == 2
    assert again.calls == 0
    assert again.state() == first.state()


def test_a_new_start_does_not_look_at_the_file(straight, tmp_path):
    Scene(seed=3).fit(tmp_path / "x", epochs=2)
    assert Scene(seed=0).fit(tmp_path / "x", resume=False).state() == straight()


def test_checkpoints_change_no_number(straight):
    assert Scene(seed=0).fit(None).state() == straight()


@pytest.mark.parametrize(
    ("options", "saves"),
    [({}, 5), ({"every_epochs": 2}, 3), ({"every_epochs": 9}, 1), ({"every_steps": 3}, 6 + 5)],
)
def test_a_checkpoint_is_written_as_often_as_asked_and_at_the_end(
    options, saves, tmp_path, monkeypatch
):
    written = []
    save = train.Checkpoint.save
    monkeypatch.setattr(train.Checkpoint, "save", lambda self: (written.append(1), save(self)))
    Scene(seed=0).fit(tmp_path / "x", **options)
    assert len(written) == saves


# ---------------------------------------------------------------------- Ctrl-C


@pytest.fixture
def usual_ctrl_c():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("call", [1, 3, 4, 5, 6, 7, CALLS])
def test_ctrl_c_anywhere_keeps_the_last_complete_step(call, straight, tmp_path, usual_ctrl_c):
    scene = Scene(seed=0)
    scene.at = {call: ctrl_c}
    with pytest.raises(KeyboardInterrupt):
        scene.fit(tmp_path / "x")
    resumed = Scene(seed=9).fit(tmp_path / "x")
    assert resumed.state() == straight()
    assert scene.calls + resumed.calls == CALLS  # nothing was lost, nothing made twice


def test_ctrl_c_in_the_middle_of_an_update_waits_for_its_end(straight, tmp_path, usual_ctrl_c):
    scene = Scene(seed=0)
    formula, updated = scene.optimizer.formula, []

    def interrupted(*arguments):
        updated.append(1)
        if len(updated) == 20:  # of the 6 parameters in the 4th step the 2nd
            ctrl_c()
        formula(*arguments)

    scene.optimizer.formula = interrupted
    with pytest.raises(KeyboardInterrupt):
        scene.fit(tmp_path / "x")
    assert len(updated) == 24
    assert Scene(seed=9).fit(tmp_path / "x").state() == straight()


def test_a_second_ctrl_c_does_not_wait(tmp_path, usual_ctrl_c):
    scene = Scene(seed=0)
    scene.at = {6: lambda: (ctrl_c(), ctrl_c())}
    with pytest.raises(KeyboardInterrupt):
        scene.fit(tmp_path / "x", every_steps=1)
    assert scene.calls == 6
    assert Scene(seed=9).fit(tmp_path / "x").history.epochs == EPOCHS


def test_ctrl_c_without_a_checkpoint_leaves_a_usable_model(usual_ctrl_c):
    scene = Scene(seed=0)
    scene.model.eval()
    scene.at = {3: ctrl_c}
    with pytest.raises(KeyboardInterrupt):
        scene.fit(None)
    assert not any(module.training for module in scene.model.modules())
    assert scene.optimizer.state_dict()["state"]["1.bias"]["step"] == 3


# ---------------------------------------------------------------------- other processes


def process_at(call, file):
    """A process that trains, waiting at a call of its loss."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.trainings", str(file)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    while process.stdout.readline().strip() != str(call):
        print(file=process.stdin, flush=True)
    return process


def test_a_process_that_is_killed_loses_at_most_what_followed_its_checkpoint(straight, tmp_path):
    process = process_at(11, tmp_path / "x")
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    resumed = Scene(seed=99).fit(tmp_path / "x")
    assert resumed.state() == straight()
    assert resumed.calls <= CALLS - 8


def test_a_process_that_gets_ctrl_c_ends_cleanly(straight, tmp_path):
    process = process_at(3, tmp_path / "x")
    process.send_signal(signal.SIGINT)
    assert process.communicate()[0].splitlines()[-1] == "interrupted"
    assert process.returncode == 0
    assert Scene(seed=99).fit(tmp_path / "x").state() == straight()


# ---------------------------------------------------------------------- refused, nothing changed


def other_model():
    scene = Scene(seed=1)
    scene.model = nn.MLP([6, 9, 2])
    scene.optimizer = optim.Adam(scene.model.named_parameters())
    scene.schedule = None
    return scene


def other_width():
    scene = Scene(seed=1)
    scene.model = nn.Sequential(*list(scene.model)[:7], nn.Linear(8, 3))
    scene.optimizer = optim.Adam(scene.model.named_parameters(), lr=0.05)
    scene.schedule = optim.ExponentialLR(scene.optimizer, gamma=0.97)
    return scene


def other_schedule():
    scene = Scene(seed=1)
    scene.schedule = optim.StepLR(scene.optimizer, 3)
    return scene


def other_loader():
    scene = Scene(seed=1)
    scene.loader = data.DataLoader(*scene.loader.arrays, batch_size=5, shuffle=True, seed=1)
    return scene


def no_early_stopping():
    scene = Scene(seed=1)
    scene.stop = None
    return scene


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (other_model, "another training"),
        (other_width, "(2, 8)"),
        (other_schedule, "StepLR"),
        (other_loader, "loader"),
        (no_early_stopping, "EarlyStopping"),
        (lambda: Scene(seed=1, algorithm=optim.SGD), "SGD"),
        (lambda: Scene(seed=1, dtype=np.float64), "float64"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_and_nothing_changes(make, words, tmp_path):
    Scene(seed=0).fit(tmp_path / "x", epochs=1)
    before = (tmp_path / "x").read_bytes()
    scene = make()
    parts = [scene.model, scene.optimizer, scene.loader]
    states = [str(part.state_dict()) for part in parts] + [tt.get_rng_state()]
    with pytest.raises(tt.StateError, match="x is of another training") as error:
        scene.fit(tmp_path / "x")
    assert words in str(error.value)
    assert [str(part.state_dict()) for part in parts] + [tt.get_rng_state()] == states
    assert (tmp_path / "x").read_bytes() == before
    assert scene.calls == 0


def test_a_part_without_a_state_is_refused_before_the_training_begins(tmp_path):
    scene = Scene(seed=0)
    scene.schedule = type("Steady", (), {"step": lambda self: None})()
    with pytest.raises(tt.ArgumentError, match="schedule has no state"):
        scene.fit(tmp_path / "x")
    assert scene.calls == 0


def test_a_checkpoint_that_is_cut_off_or_none_is_refused_and_nothing_changes(tmp_path):
    Scene(seed=0).fit(tmp_path / "x", epochs=1)
    whole = (tmp_path / "x").read_bytes()
    tt.save({"weights": np.ones(3)}, tmp_path / "no checkpoint")
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    for name, words in {"no checkpoint": "is no checkpoint", "half": "cut off"}.items():
        scene = Scene(seed=1)
        before = scene.state()
        with pytest.raises(tt.FileError, match=words):
            scene.fit(tmp_path / name)
        assert scene.state() == before


# ---------------------------------------------------------------------- in a loop of one's own


def test_checkpoints_serve_a_loop_by_hand(tmp_path):
    def run(seed, until, file):
        scene = Scene(seed, order="default generator")
        checkpoint = train.Checkpoint(
            file, model=scene.model, optimizer=scene.optimizer, loader=scene.loader, stop=None
        )
        if checkpoint.path.exists():
            checkpoint.load()
        steps = 0
        while True:
            for x, y in scene.loader:
                if steps == until:
                    return scene.model.state_dict()
                scene.optimizer.minimize(lambda x=x, y=y: scene.loss(scene.model(tt.Tensor(x)), y))
                steps += 1
                checkpoint.save()

    whole = run(0, 13, tmp_path / "straight")
    run(0, 6, tmp_path / "x")
    resumed = run(1, 7, tmp_path / "x")
    for name, weights in whole.items():
        np.testing.assert_array_equal(resumed[name], weights)


# ---------------------------------------------------------------------- random numbers


@pytest.mark.parametrize("own", [False, True])
def test_random_changes_of_the_inputs_go_on_where_they_were(own, tmp_path):
    def training(checkpoint, epochs):
        tt.manual_seed(0)
        chance = np.random.default_rng(1) if own else None
        change = data.Compose([data.RandomCrop(6, padding=1), data.GaussianNoise(0.1)])
        if own:
            change.transforms.append(data.RandomHorizontalFlip(generator=chance))
        images = np.random.default_rng(2).random((20, 1, 6, 6), np.float32)
        model = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
        loader = data.DataLoader(
            images, np.arange(20) % 2, batch_size=8, shuffle=True, seed=0, transform=change
        )
        train.fit(
            model, loader, nn.functional.cross_entropy, optim.Adam(model.parameters()),
            epochs=epochs, checkpoint=checkpoint, progress=False,
        )  # fmt: skip
        return model.state_dict()

    straight = training(None, 4)
    training(tmp_path / "run", 2)
    resumed = training(tmp_path / "run", 4)
    for name, value in straight.items():
        np.testing.assert_array_equal(resumed[name], value)


def test_the_default_generator_goes_on_where_it_was():
    tt.manual_seed(4)
    tt.rand(3)
    state = tt.get_rng_state()
    expected = tt.rand(5).numpy()
    tt.manual_seed(5)
    tt.set_rng_state(state)
    np.testing.assert_array_equal(tt.rand(5).numpy(), expected)


def test_the_state_of_the_default_generator_goes_through_json():
    import json

    tt.manual_seed(4)
    state = tt.get_rng_state()
    expected = tt.rand(5).numpy()
    tt.set_rng_state(json.loads(json.dumps(state)))
    np.testing.assert_array_equal(tt.rand(5).numpy(), expected)


@pytest.mark.parametrize("state", [None, {}, {"bit_generator": "MT19937"}, {"state": 3}])
def test_what_is_no_state_of_the_generator_is_refused_and_changes_nothing(state):
    before = tt.get_rng_state()
    with pytest.raises(tt.StateError, match="set_rng_state"):
        tt.set_rng_state(state)
    assert tt.get_rng_state() == before
