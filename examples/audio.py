"""Sounds for the examples: tones and chirps as waves, and their spectrograms."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
RATE = 4000  # samples per second
WINDOW, HOP = 256, 128  # samples per column of a spectrogram, and from one column to the next


def chirp(first: float, last: float, samples: int) -> Array:
    """sin of a pitch that goes from `first` to `last` Hz, softly begun and ended: (samples,)."""
    hertz = np.linspace(first, last, samples)
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    return np.sin(phase) * np.minimum(1, 8 * np.hanning(samples))


def spectrogram(wave: Array, bands: int | None = None) -> Array:
    """ln of the energy at each time and pitch: (..., samples) -> (..., T, WINDOW/2 + 1).

    A column is the Fourier transform of one window, whose ends are faded out; with `bands`, the
    mean energy of so many bands of equal width: (..., T, bands).
    """
    windows = np.lib.stride_tricks.sliding_window_view(wave, WINDOW, axis=-1)[..., ::HOP, :]
    energy = np.abs(np.fft.rfft(windows * np.hanning(WINDOW))) ** 2
    if bands is not None:
        edges = np.linspace(0, energy.shape[-1], bands + 1).astype(int)
        parts = np.split(energy, edges[1:-1], axis=-1)
        energy = np.stack([part.mean(axis=-1) for part in parts], axis=-1)
    return np.log(energy + 1e-3).astype(np.float32)
