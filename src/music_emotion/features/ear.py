"""The two features of the 16 kHz signal, which share its level and its spectra."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.lowlevel import SUMMARY_SIZE, summarise
from music_emotion.features.musicnn import (
    POOLED_SIZE,
    SEGMENT_LENGTH,
    log_power,
    normalise_level,
    pooled_maps,
    power_spectra,
)

EAR_FEATURES: tuple[str, ...] = ("musicnn", "summary")

BATCH = 20  # segments whose spectra are held at once: 4 MB

Array = NDArray[np.float32]


def ear_features(segments: Array, names: Collection[str]) -> dict[str, Array]:
    """Compute the pretrained embedding and the cheap descriptors.

    Parameters
    ----------
    segments
        Waveforms at 16 kHz, shape (n, 48000).
    names
        Those of `EAR_FEATURES` that are wanted; others are passed over.

    Returns
    -------
    dict of name to ndarray, float32
        musicnn (n, 1506), summary (n, 272).
    """
    segments = segments.reshape(-1, SEGMENT_LENGTH)
    parts: dict[str, list[Array]] = {name: [] for name in EAR_FEATURES if name in names}
    for start in range(0, len(segments), BATCH):
        levelled = normalise_level(segments[start : start + BATCH])
        power = power_spectra(levelled)
        if "musicnn" in parts:
            parts["musicnn"].append(pooled_maps(log_power(power)))
        if "summary" in parts:
            parts["summary"].append(summarise(levelled, power))
    sizes = {"musicnn": POOLED_SIZE, "summary": SUMMARY_SIZE}
    return {
        name: np.concatenate([np.empty((0, sizes[name]), dtype=np.float32), *arrays])
        for name, arrays in parts.items()
    }
