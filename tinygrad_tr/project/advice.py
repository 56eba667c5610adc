"""What the course advises: knobs, tactics, and the two sides of end-to-end learning."""

from __future__ import annotations

from collections.abc import Iterable

from tinygrad_tr.arguments import within

from .checks import language, one_of
from .words import KNOBS, PROS_CONS, TACTICS, Said


def knobs(stage: str, lang: str = "en") -> list[str]:
    """What to turn if it is "train", "dev", "test" or the "real world" that is not fitted well.

    No knob is in two lists: turning one leaves the other stages as they are. Course 3, week 1.
    """
    one_of("knobs", "stage", stage, KNOBS)
    return texts("knobs", KNOBS[stage], lang)


def tactics(model_error: float, human_error: float, lang: str = "en") -> list[str]:
    """What helps as long as people are better than the model; then nothing. Course 3, week 1."""
    model = within("tactics", "model_error", model_error, low=0)
    human = within("tactics", "human_error", human_error, low=0)
    return texts("tactics", TACTICS, lang) if model > human else []


def pros_cons(approach: str, lang: str = "en") -> dict[str, list[str]]:
    """{"pros": [...], "cons": [...]} of "end_to_end" learning or of a "pipeline".

    Course 3, week 2.
    """
    one_of("pros_cons", "approach", approach, PROS_CONS)
    return {side: texts("pros_cons", said, lang) for side, said in PROS_CONS[approach].items()}


def texts(operation: str, entries: Iterable[Said], lang: str) -> list[str]:
    """The entries in a language."""
    language(operation, lang)
    return [entry[lang] for entry in entries]
