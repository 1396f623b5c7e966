"""Simple properties of the sound that stand beside a model: level, flux, centroid and mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from music_emotion.features.compute import FEATURES

Floats = NDArray[np.float64]

LEAST_LEVEL = 1e-5
"""The level of silence, of full scale."""

PROPERTIES: Mapping[str, tuple[str, str]] = {
    "level": ("statistics", "rms_mean"),
    "flux": ("summary", "flux"),
    "centroid": ("statistics", "spectral_centroid_mean"),
    "mode": ("summary", "harmony_20"),
}
"""Each property's feature, and the column, or columns, that it is the mean of."""

MEANINGS = {
    "level": "root mean square, in dB",
    "flux": "how much bands rise from frame to frame",
    "centroid": "middle of the spectrum, in Hz",
    "mode": "by how much a major key fits better than a minor one",
}
FEATURE_NAMES = tuple(dict.fromkeys(feature for feature, _ in PROPERTIES.values()))


@dataclass(frozen=True, slots=True)
class SoundProperties:
    """:data:`PROPERTIES` of n segments.

    Attributes
    ----------
    track_index: each segment's track, shape (n,)
    values: what the properties are means of, by name, each of shape (n,); the level as a size, not
        in dB
    """

    track_index: NDArray[np.int64]
    values: Mapping[str, Floats]

    @classmethod
    def of(
        cls, features: Mapping[str, NDArray[np.float32]], track_index: NDArray[np.int64]
    ) -> SoundProperties:
        """Take them from :data:`FEATURE_NAMES` of the segments, each (n, columns)."""
        values = {}
        for name, (feature, column) in PROPERTIES.items():
            columns = FEATURES[feature].columns
            chosen = [n for n, each in enumerate(columns) if each == column] or [
                n for n, each in enumerate(columns) if each.rstrip("0123456789") == f"{column}_"
            ]
            values[name] = np.asarray(features[feature][:, chosen], np.float64).mean(axis=1)
        return cls(track_index, values)

    def of_tracks(self, tracks: int) -> dict[str, Floats]:
        """Return those of so many tracks, each of shape (tracks,); NaN of one without a segment."""
        counts = np.bincount(self.track_index, minlength=tracks)
        found = {}
        for name, values in self.values.items():
            sums = np.bincount(self.track_index, weights=values, minlength=tracks)
            means = np.divide(sums, counts, out=np.full(tracks, np.nan), where=counts > 0)
            found[name] = _decibels(means) if name == "level" else means
        return found

    def of_segments(self) -> dict[str, Floats]:
        """Return those of the segments, each of shape (n,)."""
        return {
            name: _decibels(values) if name == "level" else values
            for name, values in self.values.items()
        }


def _decibels(size: Floats) -> Floats:
    decibels: Floats = 20.0 * np.log10(np.maximum(size, LEAST_LEVEL))
    return decibels
