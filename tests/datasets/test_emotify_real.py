"""The loader on the real data: what is known about them, asserted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from scipy.signal import correlate

from music_emotion.audio.files import read_header
from music_emotion.datasets import emotify
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.emotify import DUPLICATES, published_digests
from music_emotion.digest import file_digest

pytestmark = pytest.mark.emotify


@pytest.fixture(scope="module")
def corpus(emotify_root: Path) -> Corpus:
    return emotify.load(emotify_root)


def test_counts(corpus: Corpus) -> None:
    assert len(corpus) == 400
    assert Counter(track.dominant_emotion for track in corpus.tracks) == emotify.CLASS_COUNTS
    listeners = corpus.listeners
    assert (listeners.sum(), listeners.min(), listeners.max()) == (8407, 11, 59)
    assert np.median(listeners) == 14
    ties = sum(track.votes.count(max(track.votes)) > 1 for track in corpus.tracks)
    assert ties == 57
    assert corpus.has_votes
    assert corpus.vote_fractions.max() <= 1.0


def test_annotations_are_the_published_ones(emotify_root: Path) -> None:
    assert file_digest(emotify_root / "data.csv") == published_digests()["data.csv"]
    assert len(published_digests()) == 401


def test_files_belong_to_their_ids(corpus: Corpus) -> None:
    """Tags and lengths known for single tracks of all four genres."""
    known = {
        16: ("Ivan Ilic", "Chopin Prelude In G Minor Opus 28"),
        101: ("Greg Annussek", "Young Again"),
        300: ("Mantic", "Shura Remix (Deadpan Escapement vinyl only release)"),
        301: ("Brad Senne", "Beyond Late"),
        400: ("Norine Braun", "The One That Got Away"),
    }
    for track, tags in known.items():
        assert (corpus.tracks[track - 1].artist, corpus.tracks[track - 1].title) == tags
    short = {
        track.id: round(read_header(track.path).duration, 1)
        for track in corpus.tracks
        if read_header(track.path).duration < 59.0
    }
    assert set(short) == {"66", "73", "40", "16", "57"}
    assert short["66"] == pytest.approx(25.8, abs=0.1)


def _groups(corpus: Corpus) -> dict[str, set[int]]:
    groups: dict[str, set[int]] = {}
    for track in corpus.tracks:
        groups.setdefault(track.group, set()).add(int(track.id))
    return groups


def test_known_groups(corpus: Corpus) -> None:
    groups = _groups(corpus)
    # Joint names: Edward Martin with Paul Berget, with William Bastian, and each alone.
    assert groups["edward martin"] == {8, 36, 37, 38, 87}
    # Compilations: the title names the artist.
    assert groups["brad sucks"] == {109, 136, 147, 168}
    assert groups["rocket city riot"] == {137, 169}
    assert groups["mr gelatine"] == {248, 253}
    assert {322, 323, 328, 339} <= groups["four stones"]
    assert groups["sonnerie"] == {9}
    assert groups["fluid"] == {138}
    # A disc jockey's mix of Mountain Mirrors.
    assert {105, 135, 141, 142} <= groups[corpus.tracks[104].group]
    assert not any("magnatune" in name for name in groups)
    assert len(groups["ivan ilic"]) == 17
    assert len(groups) == 133


def test_same_artist_tag_means_same_group(corpus: Corpus) -> None:
    group_of: dict[str, str] = {}
    for track in corpus.tracks:
        assert group_of.setdefault(track.artist, track.group) == track.group


def test_duplicates_sound_alike_and_stay_together(corpus: Corpus) -> None:
    for one, other in DUPLICATES:
        first, second = corpus.tracks[one - 1], corpus.tracks[other - 1]
        assert first.recording == second.recording
        assert first.group == second.group
        left, right = (_coarse(track.path) for track in (first, second))
        assert np.abs(correlate(left, right, method="fft")).max() > 0.9
    assert len(set(corpus.recordings)) == 400 - len(DUPLICATES)


def _coarse(path: Path) -> np.ndarray:
    """The waveform's differences at 1 kHz, of length 1."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    coarse = np.diff(soxr.resample(samples.mean(axis=1), rate, 1000))
    return coarse / np.linalg.norm(coarse)
