"""Course 4, week 3: a detector that looks once, trained on generated scenes.

A convolutional network turns a picture of 24 × 24 into a grid of 3 × 3 cells, and in each cell
says whether there is an object, where, how large and of which class. With one vector for each
cell, 3 × 3 × 8, it finds objects that keep apart. Where a tall and a wide object cross in one
cell it needs two anchors, 3 × 3 × 16, and non-max suppression for what is found twice. Both
reach a mean average precision of 0.8 at IoU 0.5, and of what is surer than p_c > 0.6 precision
and recall of 0.9.

Detectors before proposed regions first, which is not built here. R-CNN (2013) segments the
picture, and classifies each of some 2,000 regions with a convolutional network of its own; fast
R-CNN (2015) runs the convolutions once for all regions, as in course4_sliding_windows; faster
R-CNN (2015) lets a convolutional network propose the regions too. All are slower than one look.

    python -m tinygrad_tr.examples.course4_detection
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim, train, vision
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, curves, saved
from tinygrad_tr.examples.scenes import CLASSES, Scenes, scenes

Array = np.ndarray[Any, Any]
Found = list[vision.Detections]
ANCHORS = ((1.5, 0.8), (0.8, 1.5))  # (height, width) in cells: tall and wide
COLOURS = ("#ff5d73", "#4cc9f0", "#ffd166")  # of the classes
BATCH, STEPS, SEED = 32, 1500, 0


def detector(anchors: int = 1, width: int = 16) -> nn.Module:
    """Pictures (N, 3, 24, 24) -> vectors (N, anchors·8, 3, 3), with logits for p_c and classes."""
    layers = {
        "block1": block(3, width),
        "block2": block(width, 2 * width),
        "block3": block(2 * width, 4 * width),
        "block4": block(4 * width, 4 * width, halve=False),
        "head": nn.Conv2d(4 * width, anchors * (5 + len(CLASSES)), 1),
    }
    return nn.Sequential(layers)


def block(channels: int, filters: int, halve: bool = True) -> nn.Module:
    """(N, channels, H, W) -> (N, filters, H/2, W/2), or as high and wide as before."""
    conv = nn.Conv2d(channels, filters, 3, padding=1, bias=False)
    pool = [nn.MaxPool2d(2)] if halve else []
    return nn.Sequential(conv, nn.BatchNorm2d(filters), nn.ReLU(), *pool)


def loss_of(z: Any, y: Array) -> Any:
    """The loss of each cell and anchor, their mean: (N, anchors·8, 3, 3), (N, 3, 3, anchors·8)."""
    anchors = y.shape[-1] // (5 + len(CLASSES))
    return vision.localization_loss(z.transpose(0, 2, 3, 1), y, "mixed", anchors=anchors)


def targets(seen: Scenes, anchors: Sequence[tuple[float, float]] | None) -> Array:
    """What the network shall say of each scene: (m, 3, 3, anchors·8) float32."""
    each = zip(seen.boxes, seen.classes, strict=True)
    return np.stack([vision.yolo_encode(b, c, anchors=anchors) for b, c in each]).astype(np.float32)


def learn(crossing: bool, steps: int, m: int, seed: int = SEED) -> tuple[nn.Module, list[float]]:
    """The detector after `steps` of Adam on m scenes, with anchors if objects cross; its losses."""
    tt.manual_seed(seed)
    seen = scenes(m, crossing=crossing, seed=seed)
    anchors = ANCHORS if crossing else None
    x, y = seen.pictures, targets(seen, anchors)
    model = detector(2 if crossing else 1)
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=steps)
    rng = np.random.default_rng(seed)
    losses = []
    for _ in range(steps):
        batch = rng.integers(0, m, BATCH)
        optimizer.zero_grad()
        loss = loss_of(model(tt.from_numpy(x[batch])), y[batch])
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return model, losses


def decoded(model: nn.Module, pictures: Array, threshold: float) -> Found:
    """Everything with p_c > threshold, picture by picture; before non-max suppression."""
    grids = np.moveaxis(train.predict(model, pictures), 1, -1)
    return [vision.yolo_decode(z, score_threshold=threshold, logits=True) for z in grids]


def suppressed(found: Found) -> Found:
    """What non-max suppression leaves, class by class."""
    kept = [vision.nms(d.boxes, d.scores, score_threshold=0, classes=d.classes) for d in found]
    return [vision.Detections(*(part[k] for part in d)) for d, k in zip(found, kept, strict=True)]


def mean_iou_of_matches(found: Found, seen: Scenes) -> float:
    """How well the boxes of what was found fit: the mean of the IoUs of at least 0.5."""
    pairs = zip(found, seen.boxes, strict=True)
    best = [vision.iou(d.boxes, boxes).max(axis=1) for d, boxes in pairs if len(d.boxes)]
    overlaps = np.concatenate(best)
    return float(overlaps[overlaps >= 0.5].mean())


def main(
    folder: Path = FOLDER, steps: int = STEPS, m: int = 10_000, wanted: float = 0.9
) -> Outcome:
    """Train both detectors on m scenes each, and test them on 500 new ones.

    `wanted` is the precision and the recall that both must reach, and the mean average
    precision may be 0.1 below.
    """
    goals: list[Goal] = []
    losses: dict[str, list[float]] = {}
    print(f"{'500 new scenes':22} precision  recall  mean IoU   mAP  " + "  ".join(CLASSES))
    for crossing, name in ((False, "apart, one anchor"), (True, "crossing, two anchors")):
        model, losses[name] = learn(crossing, steps, m)
        new = scenes(500, crossing=crossing, seed=SEED + 100)
        truths = list(zip(new.boxes, new.classes, strict=True))
        before = decoded(model, new.pictures, 0.6)
        sure = suppressed(before)
        precision, recall = vision.detection_precision_recall(sure, truths)
        each = vision.average_precisions(suppressed(decoded(model, new.pictures, 0.05)), truths)
        mean = float(np.mean(list(each.values())))
        numbers = (
            f"{precision:9.3f} {recall:7.3f} {mean_iou_of_matches(sure, new):9.3f} {mean:5.3f}"
        )
        scores = "  ".join(f"{each[c]:{len(n)}.3f}" for c, n in enumerate(CLASSES))
        print(f"{name:22} {numbers}  {scores}")
        goals += [
            Goal(f"mean average precision, {name}", mean, at_least=wanted - 0.1),
            Goal(f"precision, {name}", precision, at_least=wanted),
            Goal(f"recall, {name}", recall, at_least=wanted),
        ]
    unsure = decoded(model, new.pictures, 0.2)
    return Outcome(
        goals,
        [
            plot_boxes(new, sure, folder / "detection-boxes.png"),
            plot_suppression(new, unsure, folder / "detection-suppression.png"),
            plot_losses(losses, folder / "detection-loss.png"),
            *draw_step(folder),
        ],
    )


def plot_boxes(seen: Scenes, found: Found, file: Path, columns: int = 7) -> Path:
    """Scenes of two or three objects, with what was found (lines) and what is there (dots)."""
    figure, axes = canvas(columns, rows=2, size=(2.1, 2.1))
    several = [i for i, boxes in enumerate(seen.boxes) if len(boxes) > 1]
    for ax, i in zip(axes.flat, several, strict=False):
        show(ax, seen.pictures[i])
        outline(ax, seen.boxes[i], ["white"] * len(seen.boxes[i]), linestyle=":")
        outline(ax, found[i].boxes, [COLOURS[c] for c in found[i].classes])
    class_legend(figure)
    figure.suptitle("New scenes: what the detector found, and what there is (dotted)")
    return saved(figure, file)


def plot_suppression(seen: Scenes, found: Found, file: Path, columns: int = 5) -> Path:
    """Before and after non-max suppression, where it takes away most."""
    left = suppressed(found)
    fewer = [len(b.boxes) - len(a.boxes) for b, a in zip(found, left, strict=True)]
    figure, axes = canvas(columns, rows=2, size=(2.3, 2.3))
    for line, detections, title in zip(axes, (found, left), ("before", "after"), strict=True):
        line[0].set_ylabel(title)
        for ax, i in zip(line, np.argsort(fewer)[::-1], strict=False):
            show(ax, seen.pictures[i])
            d = detections[i]
            outline(ax, d.boxes, [COLOURS[c] for c in d.classes])
            ax.set_title(", ".join(f"{p:.2f}" for p in np.sort(d.scores)[::-1]), fontsize=9)
    class_legend(figure)
    figure.suptitle("Non-max suppression of all boxes with $p_c$ > 0.2; above each scene its $p_c$")
    return saved(figure, file)


def show(ax: Any, picture: Array) -> None:
    ax.imshow(np.clip(np.moveaxis(picture, 0, 2), 0, 1), extent=(0, 1, 1, 0))
    ax.set(xticks=[], yticks=[])


def outline(ax: Any, boxes: Array, colours: Sequence[str], linestyle: str = "-") -> None:
    """Rectangles round the boxes."""
    from matplotlib.patches import Rectangle

    for (x1, y1, x2, y2), colour in zip(boxes, colours, strict=True):
        ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color=colour,
                               linewidth=1.8, linestyle=linestyle))  # fmt: skip


def class_legend(figure: Any) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=c, label=name) for c, name in zip(COLOURS, CLASSES, strict=True)]
    figure.legend(handles=patches, ncols=len(patches), loc="outside lower center")


def plot_losses(losses: dict[str, list[float]], file: Path) -> Path:
    """The losses of both trainings, each the mean of the last 20 steps."""
    figure, axes = canvas(size=(6, 4))
    smooth = {
        name: np.convolve(values, np.full(20, 1 / 20), mode="valid").tolist()
        for name, values in losses.items()
    }
    curves(axes, smooth, title="Loss per cell and anchor, mean of 20 steps", xlabel="step",
           yscale="log")  # fmt: skip
    return saved(figure, file)


def draw_step(folder: Path) -> list[Path]:
    """The picture of a training step, its layers as frames."""
    tt.manual_seed(SEED)
    seen = scenes(4, seed=SEED)
    y = targets(seen, None)
    picture = tt.draw(
        detector(), tt.from_numpy(seen.pictures), loss=lambda z: loss_of(z, y), depth=1
    )
    return [picture.save(folder / f"detection-step.{kind}") for kind in ("svg", "png")]


if __name__ == "__main__":
    print(main())
