"""The piece to try things out with: what it is, and that it replaces nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from music_emotion.audio import decode
from music_emotion.datasets.example import ENCODINGS, PARTS, example_piece, write_example
from music_emotion.datasets.synthesis import SAMPLE_RATE
from music_emotion.errors import WriteError


def test_the_piece_is_always_the_same_and_goes_from_quiet_to_lively() -> None:
    piece = example_piece()
    assert np.array_equal(piece, example_piece())
    bounds = np.cumsum([round(seconds * SAMPLE_RATE) for _, seconds in PARTS])
    calm, joyful, _ = np.split(piece, bounds[:-1])
    assert len(piece) == bounds[-1]
    assert np.abs(piece).max() <= 0.8
    assert joyful.std() > calm.std() > 0.01


@pytest.mark.parametrize("suffix", ENCODINGS)
def test_every_format_is_readable_without_a_warning(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"piece{suffix.upper()}"
    if ENCODINGS[suffix][1] not in soundfile.available_subtypes(ENCODINGS[suffix][0]):
        pytest.skip(f"this libsndfile writes no {suffix}")
    assert write_example(path) == 54.0
    sound = decode(path)
    assert sound.duration == pytest.approx(54.0)
    assert sound.warnings == ()
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_replaced_and_every_mistake_is_named(tmp_path: Path) -> None:
    mine = tmp_path / "mine.wav"
    mine.write_bytes(b"my music")
    dangling = tmp_path / "link.wav"
    dangling.symlink_to(tmp_path / "nowhere.wav")
    for path, words in (
        (mine, "mine.wav' is there already"),
        (dangling, "link.wav' is there already"),
        (tmp_path / "piece.txt", "does not end in .wav, .flac, .mp3, .ogg, .aiff"),
        (tmp_path / "no" / "piece.wav", r"cannot be written \(No such file or directory\)"),
    ):
        with pytest.raises(WriteError, match=words):
            write_example(path)
    assert mine.read_bytes() == b"my music"
    assert sorted(tmp_path.iterdir()) == [dangling, mine]
