"""Echoes: the name of a tensor beside an operation that uses it far from its card."""

from __future__ import annotations

from tinygrad_tr.picture.scene import Echo, Scene

# Arrows that pass many operations cost Graphviz minutes and the reader the thread. Where all
# together pass more than IN_ALL, a use further than FAR begins at an echo of its tensor.
FAR, IN_ALL = 12, 400


def add_echoes(scene: Scene, *, apart: bool) -> None:
    """Let the far uses of tensors begin at echoes, if there are too many of them.

    Also, if passes are drawn `apart`, what a backward pass uses of the pass before.
    """
    at = {circle.id: i for i, circle in enumerate(scene.circles)}
    first: dict[str, int] = {}  # where the card of a tensor stands
    for arrow in scene.arrows:
        tensor, circle = (arrow.tail, arrow.head) if arrow.head in at else (arrow.head, arrow.tail)
        first.setdefault(tensor, at[circle])
    uses = [arrow for arrow in scene.arrows if arrow.head in at]
    far = FAR
    if sum(at[arrow.head] - first[arrow.tail] for arrow in uses) <= IN_ALL:
        far = len(at)
    cards = {card.id: card for card in scene.cards}
    orders = [call.order for call in scene.frames] + [0]  # the last for what is in no frame
    echoes: dict[tuple[str, str], Echo] = {}
    for arrow in uses:
        frame = scene.circles[at[arrow.head]].frame
        is_across = apart and orders[cards[arrow.tail].frame] < orders[frame]
        if is_across or at[arrow.head] - first[arrow.tail] > far:
            key = arrow.tail, arrow.head
            if key not in echoes:
                card = cards[arrow.tail]
                echoes[key] = Echo(f"e{len(echoes)}", card.name, frame, card.id, card.value)
            arrow.tail = echoes[key].id
    scene.echoes += echoes.values()
