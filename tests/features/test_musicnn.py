from pathlib import Path

import librosa
import numpy as np
import pytest
from numpy.typing import NDArray

from music_emotion.features import musicnn as embedding

Array = NDArray[np.float32]


@pytest.fixture(scope="module")
def segments() -> Array:
    """Noise, a chord that swells, and a click track: 3 s each at 16 kHz."""
    generator = np.random.default_rng(0)
    time = np.arange(embedding.SEGMENT_LENGTH) / embedding.SAMPLE_RATE
    noise = 0.1 * generator.standard_normal(len(time))
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220, 277.2, 329.6)) * time / 12
    clicks = np.where(np.arange(len(time)) % 8_000 < 40, 0.8, 0.0)
    return np.stack([noise, chord, clicks]).astype(np.float32)


def librosa_log_mel(segment: Array) -> Array:
    power = librosa.feature.melspectrogram(
        y=segment, sr=16_000, n_fft=512, hop_length=256, n_mels=96
    )
    return np.log10(10_000 * power.T + 1)[: embedding.PATCH_FRAMES]


def test_log_mel_equals_librosa_at_a_peak_of_nine_tenths(segments: Array) -> None:
    patches = embedding.log_mel(segments)
    assert patches.shape == (3, 187, 96)
    assert patches.dtype == np.float32
    for patch, segment in zip(patches, segments, strict=True):
        levelled = segment * (0.9 / np.abs(segment).max())
        np.testing.assert_allclose(patch, librosa_log_mel(levelled), atol=1e-4)


def test_loud_sound_stays_finite() -> None:
    square = np.sign(np.sin(np.arange(48_000) / 40)).astype(np.float32)[None]
    assert np.isfinite(embedding.log_mel(square)).all()
    assert np.isfinite(embedding.musicnn(square)).all()


def test_pruned_graph_equals_the_whole_network(segments: Array) -> None:
    # The graph has constants for filters that are zero. What is compared with was computed by the
    # original network, every filter kept, of these segments' patches.
    whole = np.load(Path(__file__).with_name("msd_musicnn_outputs.npz"))
    np.testing.assert_allclose(embedding.musicnn(segments), whole["pooled"], atol=2e-4, rtol=1e-5)
    np.testing.assert_allclose(embedding.tags(segments), whole["tags"], atol=1e-5)


def test_tags_know_a_little_about_music(emotify_root: Path) -> None:
    """A sanity check of order and level: a rock track is tagged rock before a classical one."""
    from music_emotion.audio import read_audio

    rock_tag = 0  # first of the 50
    mean = []
    for genre in ("rock", "classical"):
        tagged = []
        for number in range(1, 9):
            path = emotify_root / "emotifymusic" / genre / f"{number}.mp3"
            sound = read_audio(path, embedding.SAMPLE_RATE, duration=12.0)
            whole = sound[: len(sound) // 48_000 * 48_000].reshape(-1, 48_000)
            tagged.append(embedding.tags(whole)[:, rock_tag].mean())
        mean.append(np.mean(tagged))
    assert mean[0] > 2 * mean[1]


def test_a_quieter_copy_is_the_same(segments: Array) -> None:
    whole = embedding.musicnn(segments)
    np.testing.assert_allclose(embedding.musicnn(segments * np.float32(0.5)), whole, atol=1e-4)


def test_the_log_odds_of_tags_are_theirs_and_come_with_the_maps(segments: Array) -> None:
    (few,) = embedding.levelled_segments(segments)
    np.testing.assert_allclose(few.pooled_maps, embedding.musicnn(segments), atol=1e-5)
    probability = embedding.tags(segments).astype(np.float64)
    assert few.tag_log_odds.shape == (3, len(embedding.TAGS))
    np.testing.assert_allclose(
        few.tag_log_odds, np.log(probability / (1 - probability)), rtol=1e-3, atol=1e-3
    )
    assert len(set(embedding.TAGS)) == 50


def test_a_segment_depends_on_itself_alone(segments: Array) -> None:
    together = embedding.musicnn(segments)
    apart = np.concatenate([embedding.musicnn(segment[None]) for segment in segments])
    np.testing.assert_allclose(apart, together, atol=1e-4)


def test_silence_and_no_segments() -> None:
    silent = embedding.musicnn(np.zeros((1, 48_000), dtype=np.float32))
    assert np.isfinite(silent).all()
    assert embedding.musicnn(np.zeros((0, 48_000), dtype=np.float32)).shape == (0, 1_506)


def test_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="48000"):
        embedding.musicnn(np.zeros((2, 66_150), dtype=np.float32))
