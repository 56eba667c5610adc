"""A small training with everything in it, for the tests of checkpoints.

Dropout with a generator of its own and without, Adam, a schedule, early stopping, clipping, a
buffer, shuffling, and a loss that counts its calls and can do something at one of them.
"""

from __future__ import annotations

import signal
import sys

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, nn, optim, train

EPOCHS, BATCHES, DEV_BATCHES = 5, 4, 2
CALLS = EPOCHS * (BATCHES + DEV_BATCHES)


def examples(seed, m, dtype):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((m, 6)).astype(dtype)
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


class Centred(nn.Module):
    """Subtracts a running mean, which is a buffer."""

    def __init__(self, features, dtype):
        self.register_buffer("mean", np.zeros(features, dtype))

    def forward(self, x):
        if self.training:
            with tt.no_grad():
                self.mean.assign(0.9 * self.mean + 0.1 * x.detach().mean(axis=0))
        return x - self.mean


SCHEDULES = {  # and how often they go on
    "decay": lambda optimizer: (optim.ExponentialLR(optimizer, gamma=0.97), "epoch"),
    "every batch": lambda optimizer: (optim.CosineAnnealingLR(optimizer, T_max=9), "batch"),
    "plateau": lambda optimizer: (
        optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=0, threshold=0.1), "epoch"
    ),
}  # fmt: skip


class Scene:
    """All that a training needs, made afresh, with first values that depend on the seed."""

    def __init__(
        self, seed, dtype=np.float32, order="own seed", algorithm=optim.Adam, schedule="decay"
    ):
        shared = tt.manual_seed(seed)
        own = np.random.default_rng(seed)
        orders = {
            "own seed": {"seed": seed},
            "default generator": {},
            "generator of a Dropout": {"generator": own},
            "generator of everything": {"generator": shared},
        }
        self.model = nn.Sequential(
            Centred(6, dtype), nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(8, 8), nn.Tanh(), nn.Dropout(0.2, generator=own), nn.Linear(8, 2),
        ).to(dtype)  # fmt: skip
        arrays = examples(0, 29, dtype)  # 8 + 8 + 8 + 5
        if order == "list":
            self.loader = [tuple(a[i : i + 8] for a in arrays) for i in range(0, 29, 8)]
        else:
            self.loader = data.DataLoader(*arrays, batch_size=8, shuffle=True, **orders[order])
        self.dev = data.DataLoader(
            *examples(1, 13, dtype), batch_size=7, shuffle=True, seed=seed + 1
        )
        self.optimizer = algorithm(self.model.named_parameters(), lr=0.05)
        self.schedule, self.schedule_per = SCHEDULES[schedule](self.optimizer)
        self.stop = train.EarlyStopping(patience=20)
        self.calls = 0
        self.at = {}  # call of the loss -> what to do there
        self.history = None

    def loss(self, predictions, targets):
        self.calls += 1
        self.at.get(self.calls, lambda: None)()
        return nn.functional.cross_entropy(predictions, targets)

    def fit(self, checkpoint, epochs=EPOCHS, **options):
        self.history = train.fit(
            self.model, self.loader, self.loss, self.optimizer, epochs=epochs, dev=self.dev,
            metrics={"accuracy": lambda p, y: np.mean(p.argmax(axis=1) == y)},
            schedule=self.schedule, schedule_per=self.schedule_per, clip_norm=1.0,
            stop=self.stop, checkpoint=checkpoint, **{"progress": False, **options},
        )  # fmt: skip
        return self

    def state(self):
        """Everything that must be the same to the last bit, as plain lists."""
        parts = [self.model, self.optimizer, self.schedule, self.stop, self.dev]
        states = [part.state_dict() for part in parts]
        if isinstance(self.loader, data.DataLoader):
            states.append(self.loader.state_dict())
        states.append(self.model[6].generator.bit_generator.state)
        states.append(tt.get_rng_state())
        if self.history is not None:
            states.append({k: v for k, v in self.history.items() if k != "seconds"})
        return as_lists(states)


def as_lists(value):
    if isinstance(value, dict):
        return {key: as_lists(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_lists(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return [str(value.dtype), value.shape, value.tobytes()]
    return value


def announce(count):
    """Say which call of the loss this is, and go on when a line, or the end, comes in."""
    print(next(count), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":  # a process that a test interrupts or kills
    # Who runs the tests in the background may have told all processes to ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    scene = Scene(seed=0)
    count = iter(range(1, CALLS + 1))
    scene.at = dict.fromkeys(range(CALLS + 1), lambda: announce(count))
    try:
        scene.fit(sys.argv[1], every_steps=3)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
