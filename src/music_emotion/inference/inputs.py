"""Segments → what a model sees: the features its card names, each computed once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from music_emotion.inference.segmenter import Segments

Array = NDArray[np.float32]

EAR = frozenset({"musicnn", "summary"})  # features of the 16-kHz waveform
NEEDS_ADVANCED = frozenset({"advanced", "statistics"})


def compute_features(segments: Segments, names: Iterable[str]) -> dict[str, Array]:
    """Compute features of segments.

    Parameters
    ----------
    segments
        With their 16-kHz waveform where one of :data:`EAR` is asked for.
    names
        From :data:`music_emotion.inference.model_card.FEATURES`.

    Returns
    -------
    dict
        One array per name, batch first, shaped as
        :data:`music_emotion.inference.package.SEGMENT_SHAPES` says.
    """
    names = tuple(names)
    computed: dict[str, Array] = {}
    if NEEDS_ADVANCED & set(names):
        from music_emotion.features.descriptors import BASIC_NAMES, advanced

        computed["advanced"] = advanced(segments.waveform)
        computed["basic"] = computed["advanced"][:, :, : len(BASIC_NAMES)]
    if EAR & set(names):
        from music_emotion.features.ear import ear_features

        if segments.embedding_waveform is None:
            raise ValueError("musicnn and summary need the segments at 16 kHz")
        computed |= ear_features(segments.embedding_waveform, names)
    return {name: _compute(name, segments, computed) for name in names}


def _compute(name: str, segments: Segments, computed: Mapping[str, Array]) -> Array:
    if name in computed:
        return computed[name]
    if name == "waveform":
        return segments.waveform
    if name == "statistics":
        from music_emotion.features.statistics import statistics

        return statistics(computed["advanced"])
    if name == "log_mel":
        from music_emotion.features.melspectrogram import log_mel

        return log_mel(segments.waveform)
    if name == "basic":
        from music_emotion.features.descriptors import basic

        return basic(segments.waveform)
    raise ValueError(f"no feature is called {name!r}")
