"""What is familiar is learned from planted music, and the figures are held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fit_familiarity
from fit_familiarity import LOST, audible_rows
from fit_familiarity import fit_familiarity as fit
from helpers.sounds import RATE, tone
from music_emotion.audio import Sound
from music_emotion.features.compute import compute_features
from sounds_without_music import FAMILIES

COLUMNS = 12
RANDOM = np.random.default_rng(5)


def rows(place: float, segments: int = 8) -> np.ndarray:
    """A sound around a place in the first column; the others say nothing."""
    noise = RANDOM.standard_normal((segments, COLUMNS))
    noise[:, 0] += place
    return noise.astype(np.float32)


TRACKS = [rows(3.0) for _ in range(120)]
ARTISTS = np.arange(120) // 3
KINDS = [kind for family in ("weather", "animals") for kind in FAMILIES[family]]
SOUNDS = [(kind, rows(-3.0)) for kind in KINDS for _ in range(6)]
TRIALS = [(kind, rows(-3.0)) for kind in KINDS for _ in range(3)]
HEARD = np.ones(8, bool)


def test_music_is_familiar_and_other_sound_is_not() -> None:
    told, figures = fit("own", TRACKS, ARTISTS, [rows(3.0)], SOUNDS, TRIALS)
    assert told.feature == "own"
    assert told.columns == COLUMNS
    assert np.median([told.familiarity(track, HEARD) for track in TRACKS]) == pytest.approx(
        fit_familiarity.TYPICAL, abs=0.02
    )
    assert all(told.familiarity(rows(-3.0), HEARD) < 0.5 for _ in range(20))
    assert np.argmax(np.abs(told.weights)) == 0
    assert told.weights[0] > 0
    assert figures.tracks_lost == pytest.approx(LOST, abs=0.01)
    assert (figures.same_kinds, figures.other_kinds) == (1.0, 1.0)
    assert figures.kinds == len(KINDS)


def test_what_only_one_family_tells_is_not_told_without_it() -> None:
    # Animals are like music but for the second column, the weather but for the first.
    beside = np.eye(COLUMNS, dtype=np.float32)[1] * 9
    weather = [(kind, rows(-3.0)) for kind in FAMILIES["weather"] for _ in range(6)]
    animals = [(kind, rows(3.0) + beside) for kind in FAMILIES["animals"] for _ in range(6)]
    odd = weather + animals
    _, figures = fit("own", TRACKS, ARTISTS, [], odd, odd)
    assert figures.same_kinds == 1.0
    assert figures.other_kinds < 0.05


def test_held_out_tracks_are_told_without_their_artist(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    fitted = fit_familiarity._fitted

    def spied(familiar, other, **settings):
        seen.append({id(one) for one in familiar})
        return fitted(familiar, other, **settings)

    monkeypatch.setattr(fit_familiarity, "_fitted", spied)
    fit("own", TRACKS, ARTISTS, [], SOUNDS, TRIALS)
    *folds, everything = seen[: fit_familiarity.FOLDS + 1]
    missing = [everything - inside for inside in folds]
    assert sum(map(len, missing)) == len(TRACKS)
    fold = fit_familiarity._artist_folds(ARTISTS, np.random.default_rng(0))
    assert all(len(set(fold[artist == ARTISTS])) == 1 for artist in set(ARTISTS))


def test_sounds_are_heard_as_tracks_are_and_silence_is_left_out() -> None:
    sound = np.concatenate([tone(6.0, RATE), np.zeros(3 * RATE)]).astype(np.float32)
    heard = audible_rows("summary", sound, RATE)
    expected = compute_features(Sound(sound, RATE), ["summary"])["summary"]
    assert np.allclose(heard, expected[:2], atol=1e-3)


def test_sounds_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_familiarity, "KINDS", {"rain": None, "faint_hiss": None})
    made = fit_familiarity.sounds_of("summary", 1, 2, 3.0, tmp_path)
    assert [kind for kind, _ in made][:2] == ["rain", "rain"]
    (kept,) = tmp_path.iterdir()
    before = kept.stat().st_mtime_ns
    again = fit_familiarity.sounds_of("summary", 1, 2, 3.0, tmp_path)
    assert kept.stat().st_mtime_ns == before
    assert all(np.array_equal(one[1], two[1]) for one, two in zip(made, again, strict=True))
