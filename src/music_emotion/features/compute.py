"""The registry of features: what each is called and looks like, and how it is computed.

Whoever needs a feature's name, rate, shape or version reads it here: the cache, extraction,
training and inference. To add one, write its function and enter it in `FEATURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio import Sound
from music_emotion.digest import file_digest
from music_emotion.errors import AudioError, MusicEmotionError
from music_emotion.features import lowlevel, musicnn
from music_emotion.features.cache import FeatureKey
from music_emotion.features.descriptors import (
    ADVANCED_NAMES,
    BASIC_NAMES,
    spectrum_advanced,
    spectrum_basic,
)
from music_emotion.features.filterbanks import N_FFT, N_MELS
from music_emotion.features.graphs import MUSICNN, SPECTRA, SUMMARY
from music_emotion.features.segments import (
    EXCERPT_SECONDS,
    SAMPLE_RATE,
    SEGMENT_LENGTH,
    SEGMENT_SECONDS,
    sound_segments,
)
from music_emotion.features.separation import Separator
from music_emotion.features.spectrum import FRAMES, HOP_LENGTH, Spectrum, spectra, spectrum_log_mel
from music_emotion.features.statistics import STATISTIC_NAMES, statistics

Array = NDArray[np.float32]


@dataclass(frozen=True)
class _Framed:
    """A few segments at 22,050 Hz; what several features share is computed once."""

    spectrum: Spectrum
    separator: Callable[[], Separator]

    def __len__(self) -> int:
        return len(self.spectrum.waveform)

    @cached_property
    def advanced(self) -> Array:
        return spectrum_advanced(self.spectrum, self.separator())


def _framed_segments(segments: Array) -> Iterator[_Framed]:
    separator = cache(Separator)  # made where it is needed, and once
    for spectrum in spectra(segments):
        yield _Framed(spectrum, separator)


FRONT_ENDS: Mapping[int, Callable[[Array], Iterator[Any]]] = {
    SAMPLE_RATE: _framed_segments,
    musicnn.SAMPLE_RATE: musicnn.levelled_segments,
}
"""By sample rate in Hz: from segments, a few at a time, to what a feature's function takes."""


def _framing() -> str:
    return f"{SAMPLE_RATE} Hz, frames of {N_FFT} every {HOP_LENGTH}"


def _pretrained_weights() -> str:
    return f"weights {file_digest(MUSICNN)}"


@dataclass(frozen=True, slots=True)
class Feature:
    """What there is to know of a feature.

    Attributes
    ----------
    name
        What it is called in the cache, in model cards and on the command line.
    shape
        Shape per segment.
    function
        Maps what the front end gives of n segments to their values, (n, …, as shape).
    version
        Goes up when its values change, so that what was stored before is not used; 0 for what is
        not stored.
    sr
        Sample rate of its segments in Hz, one of `FRONT_ENDS`.
    settings
        What else its values depend on, as text for the cache's key.
    part_of
        The feature whose first columns it is, and which is stored in its place; or ``""``.
    column_groups
        Gives for each column of a vector the number of what it belongs to, where there are kinds.
    columns
        Name of each column of a vector, where they have names.
    graphs
        The files of the graphs it is computed by, see `features.graphs`.
    """

    name: str
    shape: tuple[int, ...]
    function: Callable[[Any], Array]
    version: int = 1
    sr: int = SAMPLE_RATE
    settings: Callable[[], str] = _framing
    part_of: str = ""
    column_groups: Callable[[], NDArray[np.int64]] | None = None
    columns: tuple[str, ...] = ()
    graphs: tuple[Path, ...] = ()

    @property
    def stored_as(self) -> str:
        """Name of the feature that the cache holds for it."""
        return self.part_of or self.name

    @property
    def is_pooled(self) -> bool:
        """Whether it is one vector per segment, which can be pooled over several."""
        return len(self.shape) == 1 and self.version > 0

    def part(self, whole: Array) -> Array:
        """Return its columns of the feature that it is a part of."""
        return whole[..., : self.shape[-1]]


FEATURES: Mapping[str, Feature] = {
    feature.name: feature
    for feature in (
        Feature(
            "basic",
            (FRAMES, len(BASIC_NAMES)),
            lambda few: spectrum_basic(few.spectrum),
            part_of="advanced",
        ),
        Feature("advanced", (FRAMES, len(ADVANCED_NAMES)), lambda few: few.advanced),
        Feature("log_mel", (N_MELS, FRAMES), lambda few: spectrum_log_mel(few.spectrum)),
        Feature(
            "statistics",
            (len(STATISTIC_NAMES),),
            lambda few: statistics(few.advanced),
            columns=STATISTIC_NAMES,
        ),
        Feature(
            "musicnn",
            (musicnn.POOLED_SIZE,),
            lambda few: few.pooled_maps,
            version=2,
            sr=musicnn.SAMPLE_RATE,
            settings=_pretrained_weights,
            column_groups=musicnn.channel_groups,
            graphs=(SPECTRA, MUSICNN),
        ),
        Feature(
            "tags",
            (len(musicnn.TAGS),),
            lambda few: few.tag_log_odds,
            sr=musicnn.SAMPLE_RATE,
            settings=_pretrained_weights,
            columns=musicnn.TAGS,
            graphs=(SPECTRA, MUSICNN),
        ),
        Feature(
            "summary",
            (lowlevel.LOWLEVEL_SIZE,),
            lowlevel.levelled_lowlevel,
            version=2,
            sr=musicnn.SAMPLE_RATE,
            settings=lambda: f"{musicnn.SAMPLE_RATE} Hz",
            column_groups=lowlevel.column_groups,
            columns=lowlevel.LOWLEVEL_NAMES,
            graphs=(SPECTRA, SUMMARY),
        ),
        Feature("waveform", (SEGMENT_LENGTH,), lambda few: few.spectrum.waveform, version=0),
    )
}
"""All features by name; ``waveform`` is the sound itself, for models that compute their own."""

FEATURE_NAMES: tuple[str, ...] = tuple(name for name, f in FEATURES.items() if f.version)
"""The features that are extracted; ``basic`` is the first columns of ``advanced``."""


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names without repetition; MusicEmotionError, naming the first that is none.

    Examples
    --------
    >>> check_names(["log_mel", "basic", "log_mel"])
    ('log_mel', 'basic')
    """
    names = tuple(dict.fromkeys(names))
    for name in names:
        if name not in FEATURES or not FEATURES[name].version:
            raise MusicEmotionError(f"no feature {name!r}; there are {', '.join(FEATURE_NAMES)}")
    return names


@cache
def feature_key(name: str) -> FeatureKey:
    """Return what identifies a feature in the cache; ``basic`` is stored as ``advanced``.

    Examples
    --------
    >>> feature_key("basic").parameters
    'version 1, first 60 s in 3 s, 22050 Hz, frames of 2048 every 512'
    """
    feature = FEATURES[FEATURES[name].stored_as]
    sound = f"version {feature.version}, first {EXCERPT_SECONDS:g} s in {SEGMENT_SECONDS:g} s"
    return FeatureKey(feature.name, f"{sound}, {feature.settings()}", feature.shape)


def sample_rates(names: Iterable[str]) -> frozenset[int]:
    """Return the rates in Hz of the segments that features are computed from.

    Examples
    --------
    >>> sorted(sample_rates(["basic", "musicnn"]))
    [16000, 22050]
    """
    return frozenset(FEATURES[name].sr for name in names)


def compute_features(sound: Sound, names: Collection[str]) -> dict[str, Array]:
    """Compute some of `FEATURE_NAMES` of the first minute of a sound of any rate.

    Axis 0 is the n segments: basic (n, 130, 27), advanced (n, 130, 45), log_mel (n, 128, 130),
    statistics (n, 360), musicnn (n, 1506), tags (n, 50), summary (n, 272), all float32.

    Raises
    ------
    AudioError
        The sound is shorter than a segment (3 s), or holds NaN.

    Examples
    --------
    >>> silence = Sound(np.zeros(70_000, np.float32), 22_050)
    >>> compute_features(silence, ["log_mel"])["log_mel"].shape
    (1, 128, 130)
    """
    names = check_names(names)
    if sound.duration < SEGMENT_SECONDS:
        raise AudioError(
            f"only {sound.duration:.1f} s of sound; at least {SEGMENT_SECONDS:g} s are needed"
        )
    samples = sound.samples[: round(EXCERPT_SECONDS * sound.sample_rate)]
    segments = {sr: sound_segments(samples, sound.sample_rate, sr=sr) for sr in sample_rates(names)}
    return segment_features(segments, names)


def segment_features(segments: Mapping[int, Array], names: Iterable[str]) -> dict[str, Array]:
    """Compute some of `FEATURES` of segments; those that share a rate share the spectra.

    Parameters
    ----------
    segments
        By sample rate in Hz, the waveforms of the same n segments, (n, segment_length(rate)); the
        rates that `sample_rates` names.

    Raises
    ------
    AudioError
        A segment at 22,050 Hz holds NaN.

    Examples
    --------
    >>> [*segment_features({16_000: np.zeros((1, 48_000), np.float32)}, ["summary"])]
    ['summary']
    """
    features = [FEATURES[name] for name in names]
    result = {f.name: np.empty((len(segments[f.sr]), *f.shape), np.float32) for f in features}
    for sr in {feature.sr for feature in features}:
        # A part of what is computed anyway is taken from it.
        own = [f for f in features if f.sr == sr and f.part_of not in result]
        start = 0
        for few in FRONT_ENDS[sr](segments[sr]):
            for feature in own:
                result[feature.name][start : start + len(few)] = feature.function(few)
            start += len(few)
    for feature in features:
        if feature.part_of in result:
            result[feature.name] = feature.part(result[feature.part_of])
    return result
