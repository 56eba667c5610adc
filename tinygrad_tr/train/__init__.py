"""Training: the loop that everybody writes, its history, early stopping and checkpoints.

    train, dev, test = tt.data.split((X, y), seed=0)
    model = nn.MLP([64, 128, 10])
    optimizer = optim.AdamW(model.named_parameters(), lr=1e-3)

    def accuracy(logits, y):
        return (logits.argmax(axis=1) == y).mean()

    history = tt.train.fit(
        model,
        tt.data.DataLoader(*train, batch_size=64, shuffle=True, seed=0),
        nn.functional.cross_entropy,
        optimizer,
        epochs=100,
        dev=dev,
        metrics={"accuracy": accuracy},
        schedule=optim.CosineAnnealingLR(optimizer, T_max=100),
        clip_norm=1.0,
        stop=tt.train.EarlyStopping(patience=10),
        checkpoint="digits.safetensors",
    )
    print(history)  # a table: train loss, dev loss, dev accuracy, lr, seconds
    history.plot("digits.png")
    print(history.best["dev accuracy"])
    print(tt.train.evaluate(model, test, nn.functional.cross_entropy, {"accuracy": accuracy}))
    print(tt.train.predict(model, X[:5]).argmax(axis=1))

Ended by Ctrl-C, a crash or a power cut, the same lines go on where the checkpoint was written
and arrive at the very same numbers.
"""

from .checkpoint import Checkpoint
from .evaluation import evaluate, predict
from .fit import fit
from .history import History
from .stopping import EarlyStopping

__all__ = ["Checkpoint", "EarlyStopping", "History", "evaluate", "fit", "predict"]
