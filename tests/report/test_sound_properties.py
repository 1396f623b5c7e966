"""Properties of the sound that stand beside a model."""

from __future__ import annotations

import numpy as np

from music_emotion.features.compute import FEATURES
from music_emotion.report.sound_properties import FEATURE_NAMES, SoundProperties


def test_properties_are_means_over_segments() -> None:
    shapes = {name: FEATURES[name].columns for name in FEATURE_NAMES}
    features = {name: np.zeros((3, len(columns)), np.float32) for name, columns in shapes.items()}
    features["statistics"][:, shapes["statistics"].index("rms_mean")] = [0.1, 0.3, 0.02]
    features["statistics"][:, shapes["statistics"].index("spectral_centroid_mean")] = [10, 30, 5]
    flux = [n for n, name in enumerate(shapes["summary"]) if name.startswith("flux_")]
    features["summary"][:, flux] = np.arange(3)[:, None]
    features["summary"][:, shapes["summary"].index("harmony_20")] = [1, 2, -1]
    properties = SoundProperties.of(features, np.array([0, 0, 2]))
    found = properties.of_tracks(3)
    np.testing.assert_allclose(found["level"][[0, 2]], 20 * np.log10([0.2, 0.02]), rtol=1e-6)
    np.testing.assert_allclose(found["centroid"], [20, np.nan, 5])
    np.testing.assert_allclose(found["flux"], [0.5, np.nan, 2])
    np.testing.assert_allclose(found["mode"], [1.5, np.nan, -1])
    alone = properties.of_segments()
    np.testing.assert_allclose(alone["level"], 20 * np.log10([0.1, 0.3, 0.02]), rtol=1e-6)
    np.testing.assert_allclose(alone["mode"], [1, 2, -1])
