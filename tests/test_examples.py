"""Every example runs, reaches the goals it states, and leaves its pictures."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from tinygrad_tr.examples.__main__ import names

# Shorter runs where the whole takes long; the goals stay the same.
SHORTER: dict[str, dict[str, Any]] = {
    "course2_regularisation": {"steps": 1000},
    "course4_faces": {"steps": 300, "head_steps": 200},
    "course4_lenet": {"epochs": 3},
    "course4_one_shot_digits": {"steps": 50, "wanted": 0.65},
    "course4_segmentation": {"steps": 220},
    "course4_why_convolutions": {"seeds": 1},
    "course4_networks": {"size": 64},
    "course4_sliding_windows": {"steps": 200},
    "course4_localisation": {"steps": 120, "wanted": 4.0},
    "course4_detection": {"steps": 100, "m": 500, "wanted": 0.15},
    "course4_augmentation": {"draws": 1, "steps": 100},
    "course4_transfer_learning": {"draws": 2, "steps": 40},
    "course5_bert": {"steps": 250, "wanted": 0.35},
    "course5_generation": {"steps": 100, "length": 32, "batch": 32, "wanted": 2.4},
    "course5_transformer": {"steps": 300},
    "course4_style": {"size": 56, "steps": 60, "training": 30},
    "course5_prose": {"epochs": 4, "wanted": 0.95},
    "course5_search_errors": {"steps": 150, "m": 150},
    "course5_name_detector": {"steps": 250},
    "course5_named_entities": {"steps": 300, "tagging_steps": 150},
    "course5_sentiment": {"steps": 250},
    "course5_skip_gram": {"steps": 300, "epochs": 5, "seeds": 1},
    "course5_teddy": {"steps": 120},
    "course5_tsne": {"steps": 150},
    "course5_captions": {"steps": 270, "wanted": 0.7},
    "course5_dates": {"only": ["attention"], "steps": 130, "wanted": 0.5},
    "course5_reversal": {"mixed_steps": 160},
    "course5_vanishing": {"steps": 90},
    "course5_speech": {"steps": 80, "m": 100},
    "course5_trigger_word": {"steps": 120, "m": 300},
}


@pytest.mark.parametrize("name", names())
def test_the_example_reaches_its_goals(name, tmp_path):
    module = importlib.import_module(f"tinygrad_tr.examples.{name}")
    outcome = module.main(tmp_path, **SHORTER.get(name, {}))
    assert outcome.goals
    assert outcome.reached, f"\n{outcome}"
    assert any(file.suffix in (".svg", ".png") for file in outcome.files)
    assert all(file.stat().st_size > 0 for file in outcome.files)
