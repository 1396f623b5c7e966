from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest

from helpers.sounds import music
from music_emotion.features.compute import FEATURES, segment_features
from music_emotion.inference.ear import ear_columns, ear_graph, has_ear, holds_musicnn
from music_emotion.inference.segmenter import Segments, audible_segments, segment_levels

RATE = 16_000
ALL = ("musicnn", "tags", "summary")


@pytest.fixture(scope="module")
def segments() -> np.ndarray:
    """Music, loud and hardly audible; a click, a constant and nothing, which are silence."""
    click, burst = np.zeros(48_000), np.zeros(48_000)
    click[500:502] = 1.0, -1.0
    burst[:3_200] = np.tile([0.1, -0.1], 1_600)  # a fifth of a second, one part too few
    whole = music(6.0, RATE).reshape(2, -1)
    quiet = np.stack([1e-3 * whole[0], 2e-5 * whole[1], click, burst, np.full(48_000, 0.3)])
    return np.concatenate([whole, quiet, np.zeros((1, 48_000))]).astype(np.float32)


def answers(names: tuple[str, ...], segments: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(ear_graph(names).SerializeToString())
    outputs = [output.name for output in session.get_outputs()]
    return dict(zip(outputs, session.run(outputs, {"samples": segments}), strict=True))


@pytest.mark.parametrize("names", [("summary",), ("tags",), ("musicnn",), ALL])
def test_one_graph_gives_the_features(names: tuple[str, ...], segments: np.ndarray) -> None:
    given = answers(names, segments)
    assert set(given) == {*names, "level", "audible"}
    features = segment_features({RATE: segments}, names)
    for name in names:
        assert given[name].shape == (len(segments), *FEATURES[name].shape)
        np.testing.assert_allclose(given[name], features[name], rtol=1e-4, atol=1e-4)


def test_the_graph_tells_level_and_silence(segments: np.ndarray) -> None:
    given, heard = answers(("summary",), segments), Segments({RATE: segments})
    np.testing.assert_allclose(given["level"], segment_levels(heard), atol=1e-3)
    assert given["audible"].tolist() == audible_segments(heard).tolist()
    assert given["audible"].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]


def test_there_is_an_ear_where_all_features_are_graphs() -> None:
    assert has_ear(ALL)
    assert not has_ear((*ALL, "statistics"))
    assert not has_ear(())
    assert [holds_musicnn([name]) for name in (*ALL, "waveform")] == [True, True, False, False]


def test_columns_are_named_in_order() -> None:
    facts = json.loads(ear_columns(ALL))
    assert (facts["sample_rate"], facts["segment_samples"]) == (16_000, 48_000)
    assert facts["columns"]["tags"][49] == "happy"
    assert facts["columns"]["summary"][0] == "mel_0"
    assert set(facts["columns"]) == {"tags", "summary"}
