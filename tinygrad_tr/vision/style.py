"""Neural style transfer: the content of one picture, the style of another. Course 4, week 4.

A convolutional network that was trained for something else says what a picture shows (deep
layers) and how it is painted (which channels answer together). It stays as it is; gradient
descent changes the picture. Gatys et al., A neural algorithm of artistic style, 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_tr import optim
from tinygrad_tr.arguments import positive, whole, within
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.modes import no_grad
from tinygrad_tr.nn import Module, watch_calls
from tinygrad_tr.nn.modes import evaluating
from tinygrad_tr.tensor import Tensor

Array = np.ndarray[Any, Any]


def activations(model: Module, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """What the modules of these names return on the way of x through the model, recorded.

    Names are those of `model.named_modules()`. A module that is called several times counts with
    its last call.
    """
    modules = dict(model.named_modules())
    unknown = [name for name in layers if name not in modules]
    if unknown or not layers:
        raise ArgumentError(
            "activations", "no such layers" if unknown else "no layers", got=f"{list(layers)}",
            wanted=f"some of {', '.join(filter(None, modules))}",
        )  # fmt: skip
    named = {modules[name]: name for name in layers}
    found: dict[str, Tensor] = {}

    def watch(module: Module, event: str, value: Any) -> None:
        if event == "leave" and module in named:
            found[named[module]] = value

    with watch_calls(watch):
        model(x)
    missing = [name for name in layers if name not in found]
    if missing:
        raise ArgumentError(
            "activations", "layers that the model did not call", got=f"{missing}",
            wanted="modules that forward goes through",
        )  # fmt: skip
    return {name: found[name] for name in layers}


# ------------------------------------------------------------------ costs


def content_cost(content: Any, generated: Tensor) -> Tensor:
    """½ ‖a(C) − a(G)‖²_F for activations of one shape; its gradient is a(G) − a(C)."""
    require_same("content_cost", content, generated)
    difference = generated - content
    return 0.5 * np.sum(difference * difference)


def gram_matrix(a: Any) -> Any:
    """Σ_ij a_kij a_k'ij: which channels answer together, (C, H, W) -> (C, C), or with N before.

    It is not centred, so no correlation, and knows nothing of places: shuffled pixels give the
    same matrix.
    """
    require_pictures("gram_matrix", a)
    rows = a.reshape(*a.shape[:-2], a.shape[-2] * a.shape[-1])
    return rows @ rows.swapaxes(-1, -2)


def style_cost(style: Any, generated: Tensor) -> Tensor:
    """Σ (G(S) − G(G))² / (2 n_H n_W n_C)² for the activations of one layer, (C, H, W) or (1, ...).

    The pictures may differ in height and width; the factor takes those of the generated one.
    """
    require_pictures("style_cost", style)
    require_pictures("style_cost", generated)
    if style.shape[:-2] != generated.shape[:-2]:
        raise ShapeError(
            "style_cost", "the channels differ", got=f"{style.shape} and {generated.shape}",
            wanted="activations of one layer",
        )  # fmt: skip
    return between_grams(gram_matrix(style), generated, style.shape[-2:])


def between_grams(wanted: Any, generated: Tensor, places: tuple[int, ...]) -> Tensor:
    """The style cost, the Gram matrix of the style known; of so many places (n_H, n_W)."""
    channels, height, width = generated.shape[-3:]
    # Another size of picture has another number of terms: as if it had as many.
    scale = height * width / (places[0] * places[1])
    difference = gram_matrix(generated) - wanted * scale
    return np.sum(difference * difference) / (2 * height * width * channels) ** 2


def roughness(picture: Tensor) -> Tensor:
    """Σ of the squared differences of neighbouring pixels, (..., H, W)."""
    across, down = picture[..., 1:] - picture[..., :-1], picture[..., 1:, :] - picture[..., :-1, :]
    return np.sum(across * across) + np.sum(down * down)


# ------------------------------------------------------------------ the picture is what is trained


@dataclass(frozen=True)
class Transfer:
    """The picture (C, H, W), and how its costs fell: content, style and total at each step."""

    picture: Array
    content: list[float]
    style: list[float]
    total: list[float]


def cost_of_picture(
    model: Module,
    content: Array,
    style: Array,
    content_layer: str,
    style_layers: Mapping[str, float],
    alpha: float,
    beta: float,
    gamma: float,
) -> Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]:
    """The function G -> (J, content cost, Σ λ style costs), J = α content + β style + γ roughness.

    What the model says of C and S is computed once.
    """
    layers = list(dict.fromkeys([content_layer, *style_layers]))
    with no_grad():
        of_content = activations(model, Tensor(content[None]), [content_layer])[content_layer]
        of_style = activations(model, Tensor(style[None]), list(style_layers))
        grams = {name: (gram_matrix(a), a.shape[-2:]) for name, a in of_style.items()}

    def cost(G: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found = activations(model, G, layers)
        J_content = content_cost(of_content, found[content_layer])
        terms = [
            weight * between_grams(grams[name][0], found[name], grams[name][1])
            for name, weight in style_layers.items()
        ]
        J_style: Any = sum(terms[1:], terms[0])
        J = alpha * J_content + beta * J_style
        return J + gamma * roughness(G) if gamma else J, J_content, J_style

    return cost


def transfer(
    model: Module,
    content: Array,
    style: Array,
    *,
    content_layer: str,
    style_layers: Sequence[str] | Mapping[str, float],
    alpha: float = 1.0,
    beta: float = 1e4,
    gamma: float = 0.0,
    steps: int = 200,
    lr: float = 0.02,
    start: Array | None = None,
    each_step: Callable[[int, float], None] | None = None,
) -> Transfer:
    """G ← G − Adam(∂J/∂G): the picture that minimises α J_content(C, G) + β J_style(S, G).

    γ times the roughness of G may be added, which smoothes it. Pictures are (C, H, W) of floats
    in [0, 1]; after each step G is clipped to that. `style_layers` are names, which share the
    weight evenly, or names with their λ. G starts at `start`, the content unless given. The model
    is in evaluation mode and its parameters get no gradient; both are afterwards as before.
    """
    for name, picture in (("content", content), ("style", style), ("start", start)):
        if picture is not None:
            require_picture(name, picture)
    if start is not None and start.shape != content.shape:
        raise ShapeError(
            "transfer", "start and content differ in shape",
            got=f"{start.shape} and {content.shape}", wanted="one shape",
        )  # fmt: skip
    if not style_layers:
        raise ArgumentError("transfer", "no style layers", got="none", wanted="names of layers")
    whole("transfer", "steps", steps)
    within("transfer", "alpha", alpha, low=0)
    within("transfer", "beta", beta, low=0)
    within("transfer", "gamma", gamma, low=0)
    positive("transfer", "lr", lr)
    weights = (
        dict(style_layers)
        if isinstance(style_layers, Mapping)
        else dict.fromkeys(style_layers, 1 / len(style_layers))
    )
    G = Tensor((content if start is None else start)[None], requires_grad=True)
    optimizer = optim.Adam([G], lr=lr)
    history: list[tuple[float, ...]] = []
    trained = [p for p in model.parameters() if p.requires_grad]
    model.requires_grad_(False)
    try:
        with evaluating(model):
            cost = cost_of_picture(
                model, content, style, content_layer, weights, alpha, beta, gamma
            )
            for step in range(steps):
                costs = cost(G)
                G.grad = None
                costs[0].backward()
                optimizer.step()
                G.assign(np.clip(G.numpy(), 0, 1))
                history.append(tuple(float(c.item()) for c in costs))
                if each_step is not None:
                    each_step(step, history[-1][0])
    finally:
        for parameter in trained:
            parameter.requires_grad = True
    total, of_content, of_style = map(list, zip(*history, strict=True))
    return Transfer(G.numpy()[0].copy(), of_content, of_style, total)


# ------------------------------------------------------------------ what is refused


def require_picture(name: str, picture: Array) -> None:
    values = np.asarray(getattr(picture, "value", picture))
    if values.dtype.kind != "f":
        raise DtypeError(
            "transfer", f"{name} is no picture of floats", got=describe(picture),
            wanted="(C, H, W) floats in [0, 1]: bytes / 255",
        )  # fmt: skip
    if values.ndim != 3 or not values.size:
        raise ShapeError(
            "transfer", f"{name} is no picture", got=f"{values.shape}", wanted="(C, H, W)"
        )
    if not (values.min() >= 0 and values.max() <= 1):
        raise ArgumentError(
            "transfer", f"{name} is out of range",
            got=f"numbers from {values.min():.3g} to {values.max():.3g}", wanted="[0, 1]",
        )  # fmt: skip


def require_pictures(operation: str, a: Any) -> None:
    if getattr(a, "dtype", np.dtype(int)).kind != "f":
        raise DtypeError(operation, "no floats", got=describe(a), wanted="activations (C, H, W)")
    if a.ndim not in (3, 4):
        raise ShapeError(
            operation, "no activations of pictures", got=f"{a.shape}",
            wanted="(C, H, W) or (N, C, H, W)",
        )  # fmt: skip


def require_same(operation: str, a: Any, b: Any) -> None:
    if a.shape != b.shape:
        raise ShapeError(
            operation, "the activations differ in shape", got=f"{a.shape} and {b.shape}",
            wanted="those of one layer, of pictures of one size",
        )  # fmt: skip
