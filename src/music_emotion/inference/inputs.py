"""Segments → what a model sees: the features its card names, each computed once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.compute import FEATURES, segment_features
from music_emotion.features.musicnn import SAMPLE_RATE as EMBEDDING_RATE
from music_emotion.features.segments import SAMPLE_RATE
from music_emotion.inference.segmenter import Segments

Array = NDArray[np.float32]

EAR = frozenset(name for name, feature in FEATURES.items() if feature.sr == EMBEDDING_RATE)
"""Features of the 16-kHz waveform."""


def compute_features(segments: Segments, names: Iterable[str]) -> dict[str, Array]:
    """Compute features of segments; see :func:`~music_emotion.features.compute.segment_features`.

    Parameters
    ----------
    segments
        With their 16-kHz waveform where one of :data:`EAR` is asked for.
    names
        From :data:`~music_emotion.features.compute.FEATURES`.
    """
    waveforms = {SAMPLE_RATE: segments.waveform}
    if segments.embedding_waveform is not None:
        waveforms[EMBEDDING_RATE] = segments.embedding_waveform
    return segment_features(waveforms, names)
