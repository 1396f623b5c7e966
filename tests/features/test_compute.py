from __future__ import annotations

import numpy as np
import pytest

from helpers.graphs import card
from helpers.synthetic import chord, clicks
from music_emotion.audio import Sound
from music_emotion.errors import AudioError
from music_emotion.features.compute import (
    FEATURE_NAMES,
    FEATURES,
    Feature,
    compute_features,
    feature_key,
)
from music_emotion.inference.model_card import card_json, read_card
from music_emotion.models.views import group_numbers

RATE = 22_050

# Nine values of each feature of the sound below.
GOLDEN_ADVANCED = (
    -153.096,
    0.00206021,
    47.686,
    0.714996,
    35.7676,
    -49.1355,
    0.270239,
    -41.1268,
    0.096524,
)
GOLDEN_LOG_MEL = (-17.0199, -6.55558, -7.06548, -13.7777, -54.6424, -80, -48.6621, -80, -80)
GOLDEN_STATISTICS = (
    -358.363,
    47.999,
    4.30825,
    0.263944,
    0.11457,
    0.00249398,
    0.0201499,
    6.45681,
    -3.3292,
)


def test_a_minute_is_used_and_no_more():
    samples = np.random.default_rng(0).standard_normal(64 * 8_000).astype(np.float32)
    (log_mels,) = compute_features(Sound(samples, 8_000), ["log_mel"]).values()
    assert log_mels.shape == (20, 128, 130)
    cut = compute_features(Sound(samples[: 60 * 8_000], 8_000), ["log_mel"])["log_mel"]
    assert np.array_equal(log_mels, cut)


def test_less_than_a_segment_is_refused():
    with pytest.raises(AudioError, match=r"only 2\.9 s of sound; at least 3 s"):
        compute_features(Sound(np.zeros(int(2.9 * RATE), np.float32), RATE), ["advanced"])


def test_every_feature_has_its_stored_shape():
    samples = np.random.default_rng(1).standard_normal(7 * RATE).astype(np.float32)
    result = compute_features(Sound(0.1 * samples, RATE), FEATURE_NAMES)
    assert tuple(result) == FEATURE_NAMES
    for name in FEATURE_NAMES:
        assert result[name].shape == (2, *FEATURES[name].shape), name
        assert result[name].dtype == np.float32 and np.isfinite(result[name]).all()
    assert FEATURES["basic"].shape == (130, 27)
    assert np.array_equal(result["basic"], result["advanced"][:, :, :27])
    assert np.array_equal(
        result["basic"], compute_features(Sound(0.1 * samples, RATE), ["basic"])["basic"]
    )


def test_a_feature_is_known_everywhere_by_its_entry(monkeypatch, tmp_path):
    def loudest(segments):
        return np.abs(segments.waveform).max(axis=1, keepdims=True)

    def numbers():
        return np.zeros(1, dtype=np.int64)

    entry = Feature(
        "loudest",
        (1,),
        loudest,
        version=3,
        sr=16_000,
        settings=lambda: "peak",
        column_groups=numbers,
    )
    monkeypatch.setitem(FEATURES, "loudest", entry)
    sound = Sound(np.random.default_rng(2).standard_normal(7 * RATE).astype(np.float32), RATE)
    values = compute_features(sound, ["loudest"])["loudest"]
    assert values.shape == (2, 1) and values == pytest.approx(0.9)  # all segments have one level
    assert feature_key("loudest").parameters == "version 3, first 60 s in 3 s, peak"
    assert group_numbers([("loudest", 2)]).tolist() == [0, 1]
    pooled = card(features=("loudest",), scope="track", pooling={"loudest": ("mean", "std")})
    (tmp_path / "card.json").write_text(card_json(pooled))
    assert read_card(tmp_path) == pooled


def test_keys_differ():
    assert feature_key("basic") == feature_key("advanced")
    names = set(FEATURE_NAMES) - {"basic"}
    assert len({feature_key(name).folder for name in names}) == len(names)


def test_values_have_not_changed_since_their_version():
    """Where this fails and the change is meant, raise the feature's version and take the new."""
    sound = Sound(chord(220.0, 277.2, 329.6).astype(np.float32) + 0.3 * clicks(), RATE)
    result = compute_features(sound, ["advanced", "log_mel", "statistics"])
    golden = {
        ("advanced", 1): GOLDEN_ADVANCED,
        ("log_mel", 1): GOLDEN_LOG_MEL,
        ("statistics", 1): GOLDEN_STATISTICS,
    }
    for (name, version), expected in golden.items():
        assert FEATURES[name].version == version
        found = result[name].ravel()[:: result[name].size // 9][:9]
        assert found == pytest.approx(expected, rel=1e-3, abs=2e-3), name
