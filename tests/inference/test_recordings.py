"""Fingerprints: a planted recording is found again in any copy, and no other is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from music_emotion.inference.recordings import FEWEST_SEGMENTS, STEP, Recordings

ONE = np.ones(1, np.float32)
HEARD = np.ones(20, bool)
WAYS = np.random.default_rng(5).integers(-64, 64, (40, 20, 4)).astype(np.int8)


def planted(prints: np.ndarray, lengths: int | np.ndarray = 20, nearest: float = 0.3) -> Recordings:
    """Of a feature with four columns, which are the directions."""
    lengths = np.broadcast_to(lengths, len(prints)).astype(np.int16)
    ones = np.ones(4, np.float32)
    return Recordings("own", 0 * ones, ones, np.eye(4, dtype=np.float32), prints, lengths, nearest)


TRACKS = list(WAYS.astype(np.float32) * np.float32(STEP))
KNOWN = planted(WAYS[:30])


def test_copies_are_known_and_other_music_is_not() -> None:
    changed = 0.15 * np.random.default_rng(1).standard_normal((20, 4))
    assert all(KNOWN.hold((track + changed).astype(np.float32), HEARD) for track in TRACKS[:30])
    assert not any(KNOWN.hold(track, HEARD) for track in TRACKS[30:])


def test_the_distance_is_the_root_mean_square_over_the_segments() -> None:
    prints = np.array([[[16]] * 20, [[-16]] * 20], np.int8)  # 1 and -1 standard deviations
    known = Recordings("own", 0 * ONE, ONE, ONE[:, None], prints, np.array([20, 20]), 0.5)
    rows = np.full((20, 1), 3.0, np.float32)
    assert known.distances(rows, HEARD).tolist() == [2.0, 4.0]
    rows[:10] = 1.0
    assert known.distances(rows, HEARD)[0] == pytest.approx(np.sqrt(2.0))
    assert known.distances(rows, HEARD[::-1] & (np.arange(20) < 10))[0] == 0.0
    assert known.distances(np.full((20, 1), 99.0), HEARD)[0] == 4.0  # no column is further out


def test_the_first_minute_is_enough_and_more_does_not_matter() -> None:
    song = np.concatenate([TRACKS[3], TRACKS[35], TRACKS[36]])
    assert KNOWN.hold(song, np.ones(60, bool))
    assert not KNOWN.hold(np.concatenate([TRACKS[35], TRACKS[3]]), np.ones(40, bool))


def test_too_little_sound_is_never_known() -> None:
    for count, is_known in ((FEWEST_SEGMENTS - 1, False), (FEWEST_SEGMENTS, True)):
        assert KNOWN.hold(TRACKS[3][:count], HEARD[:count]) is is_known
        assert KNOWN.hold(TRACKS[3], np.arange(20) < count) is is_known


def test_a_recording_shorter_than_a_minute_is_compared_while_it_lasts() -> None:
    lengths = np.full(30, 20)
    lengths[0], lengths[1] = 12, FEWEST_SEGMENTS - 4
    short = planted(
        np.where(np.arange(20)[:, None] < lengths[:, None, None], WAYS[:30], 0), lengths
    )
    assert short.hold(TRACKS[0], HEARD)
    assert short.hold(TRACKS[1], HEARD)  # all there is of it
    assert not short.hold(TRACKS[1][:5], HEARD[:5])


def test_silent_segments_do_not_count() -> None:
    track, audible = TRACKS[3].copy(), HEARD.copy()
    track[5:9], audible[5:9] = 40.0, False
    assert KNOWN.hold(track, audible)
    assert not KNOWN.hold(track, HEARD)


@pytest.mark.parametrize(
    "wrong",
    [
        {"axes": KNOWN.axes[:-1]},
        {"scale": KNOWN.scale[:-1]},
        {"prints": KNOWN.prints[:, :, :2]},
        {"prints": KNOWN.prints[0]},
        {"lengths": KNOWN.lengths + 1},
        {"lengths": KNOWN.lengths[:-1]},
    ],
)
def test_what_does_not_fit_together_is_refused(wrong: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"fit|unpack"):
        replace(KNOWN, **wrong)
