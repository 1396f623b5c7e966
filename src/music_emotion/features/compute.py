"""All features of one sound at once: what there is, and how to compute it.

Features that share a sample rate share the segments and their spectra.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio import Sound
from music_emotion.errors import AudioError, MusicEmotionError
from music_emotion.features.cache import FeatureKey
from music_emotion.features.descriptors import ADVANCED_NAMES, BASIC_NAMES, spectrum_advanced
from music_emotion.features.filterbanks import MEL_BANDS
from music_emotion.features.melspectrogram import spectrum_log_mel
from music_emotion.features.segments import (
    EXCERPT_SECONDS,
    SAMPLE_RATE,
    SEGMENT_SECONDS,
    checked_segments,
    sound_segments,
)
from music_emotion.features.separation import Separator
from music_emotion.features.spectrum import FRAMES, HOP_LENGTH, N_FFT, spectra
from music_emotion.features.statistics import STATISTIC_NAMES, statistics

FEATURE_NAMES: tuple[str, ...] = (
    "basic",
    "advanced",
    "log_mel",
    "statistics",
    "musicnn",
    "summary",
)
"""The features by name; ``basic`` is the first columns of ``advanced``."""

# Raise a feature's version when its values change: what was stored before is then not used.
VERSIONS = {"advanced": 1, "log_mel": 1, "statistics": 1, "musicnn": 2, "summary": 2}
STORED_AS = {"basic": "advanced"}
"""Features that are a part of another, which is computed and stored in their place."""

Array = NDArray[np.float32]


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names without repetition, or say which is none."""
    names = tuple(dict.fromkeys(names))
    for name in names:
        if name not in FEATURE_NAMES:
            raise MusicEmotionError(f"no feature {name!r}; there are {', '.join(FEATURE_NAMES)}")
    return names


@lru_cache(maxsize=len(FEATURE_NAMES))
def feature_key(name: str) -> FeatureKey:
    """Return what identifies a feature in the cache; ``basic`` is stored as ``advanced``."""
    name = STORED_AS.get(name, name)
    sound = f"version {VERSIONS[name]}, first {EXCERPT_SECONDS:g} s in {SEGMENT_SECONDS:g} s"
    frames = f"{sound}, {SAMPLE_RATE} Hz, frames of {N_FFT} every {HOP_LENGTH}"
    if name == "advanced":
        return FeatureKey(name, frames, (FRAMES, len(ADVANCED_NAMES)))
    if name == "log_mel":
        return FeatureKey(name, frames, (MEL_BANDS, FRAMES))
    if name == "statistics":
        return FeatureKey(name, frames, (len(STATISTIC_NAMES),))
    if name == "musicnn":
        from music_emotion.features import musicnn as embedding

        weights = hashlib.sha256(embedding.WEIGHTS.read_bytes()).hexdigest()
        return FeatureKey(name, f"{sound}, weights {weights}", (embedding.POOLED_SIZE,))
    if name == "summary":
        from music_emotion.features.lowlevel import SUMMARY_SIZE

        return FeatureKey(name, f"{sound}, 16000 Hz", (SUMMARY_SIZE,))
    raise ValueError(f"no feature {name!r}; there are {', '.join(FEATURE_NAMES)}")


def compute_features(sound: Sound, names: Collection[str]) -> dict[str, Array]:
    """Compute features of the first minute of a sound.

    Parameters
    ----------
    sound
        Mono sound of any rate, at least one segment (3 s) long.
    names
        Some of `FEATURE_NAMES`.

    Returns
    -------
    dict of name to ndarray, float32
        Axis 0 is the n segments: basic (n, 130, 27), advanced (n, 130, 45), log_mel
        (n, 128, 130), statistics (n, 360), musicnn (n, 1506), summary (n, 272).

    Raises
    ------
    AudioError
        The sound is shorter than a segment, or holds NaN.
    """
    names = check_names(names)
    if sound.duration < SEGMENT_SECONDS:
        raise AudioError(
            f"only {sound.duration:.1f} s of sound; at least {SEGMENT_SECONDS:g} s are needed"
        )
    samples = sound.samples[: round(EXCERPT_SECONDS * sound.sample_rate)]
    result = _framed(samples, sound.sample_rate, names)
    if {"musicnn", "summary"} & set(names):
        from music_emotion.features import musicnn as embedding
        from music_emotion.features.ear import ear_features

        segments = sound_segments(
            samples, sound.sample_rate, embedding.SAMPLE_RATE, embedding.SEGMENT_LENGTH
        )
        result |= ear_features(segments, names)
    return {name: result[name] for name in names}


def _framed(samples: Array, sample_rate: int, names: Collection[str]) -> dict[str, Array]:
    """Compute the features that come from the spectra at 22,050 Hz."""
    with_descriptors = bool({"basic", "advanced", "statistics"} & set(names))
    with_log_mel = "log_mel" in names
    if not with_descriptors and not with_log_mel:
        return {}
    segments = checked_segments(sound_segments(samples, sample_rate))
    count, separator = len(segments), Separator()
    descriptors = np.empty((count if with_descriptors else 0, FRAMES, len(ADVANCED_NAMES)), "f4")
    log_mels = np.empty((count if with_log_mel else 0, MEL_BANDS, FRAMES), dtype="f4")
    for place, spectrum in spectra(segments):
        if with_descriptors:
            descriptors[place] = spectrum_advanced(spectrum, separator)
        if with_log_mel:
            log_mels[place] = spectrum_log_mel(spectrum)
    result = {"advanced": descriptors, "log_mel": log_mels}
    if with_descriptors:
        result["basic"] = descriptors[:, :, : len(BASIC_NAMES)]
        result["statistics"] = statistics(descriptors)
    return result
