"""Every example runs, reaches the goals it states, and leaves its pictures."""

from __future__ import annotations

import importlib

import pytest

from tinygrad_tr.examples.__main__ import names

# Shorter runs where the whole takes long; the goals stay the same.
SHORTER: dict[str, dict[str, float]] = {
    "course2_regularisation": {"steps": 1000},
    "course4_faces": {"steps": 200, "head_steps": 200},
    "course4_lenet": {"epochs": 3},
    "course4_one_shot_digits": {"steps": 50, "wanted": 0.65},
    "course4_segmentation": {"steps": 220},
    "course4_why_convolutions": {"seeds": 1},
    "course4_networks": {"size": 64},
    "course4_sliding_windows": {"steps": 200},
    "course4_localisation": {"steps": 200, "wanted": 3.0},
    "course4_detection": {"steps": 200, "m": 1000, "wanted": 0.35},
    "course4_augmentation": {"draws": 1, "steps": 100},
    "course4_transfer_learning": {"draws": 2, "steps": 40},
    "course4_style": {"size": 56, "steps": 60, "training": 30},
}


@pytest.mark.parametrize("name", names())
def test_the_example_reaches_its_goals(name, tmp_path):
    module = importlib.import_module(f"tinygrad_tr.examples.{name}")
    outcome = module.main(tmp_path, **SHORTER.get(name, {}))
    assert outcome.goals
    assert outcome.reached, f"\n{outcome}"
    assert any(file.suffix in (".svg", ".png") for file in outcome.files)
    assert all(file.stat().st_size > 0 for file in outcome.files)
