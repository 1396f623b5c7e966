from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from helpers.tracks import row_of, track
from music_emotion.errors import MusicEmotionError
from music_emotion.library import playlist
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.course import End, mood_ends
from music_emotion.library.playlist import Playlist, make_playlist
from music_emotion.library.search import Query, words_of
from music_emotion.library.selection import MUSIC
from music_emotion.library.track import CatalogueTrack, Tags

CALM, JOY = End.of_emotion("calmness"), End.of_emotion("joyful activation")


def fill(catalogue: Catalogue, count: int, artists: int = 4) -> None:
    """Tracks in even steps from calmness to joy, with ever more valence, by artists in turn."""
    rows = []
    for number, share in enumerate(np.linspace(0, 1, count)):
        felt = {"calmness": 0.9 - 0.8 * share, "joyful_activation": 0.1 + 0.8 * share}
        row = track(f"{number:04d}.mp3", f"artist {number % artists}", **felt)
        assert row.prediction is not None
        said = replace(row.prediction, valence=2 * share - 1, arousal=0.0)
        rows.append(replace(row, prediction=said))
    catalogue.write_all(rows)


def played(catalogue: Catalogue, made: Playlist) -> list[CatalogueTrack]:
    return list(catalogue.tracks(made.ids))


def test_from_a_catalogue(catalogue: Catalogue) -> None:
    fill(catalogue, 60)
    copy = row_of(catalogue, "/music/0000.mp3")
    catalogue.write(replace(copy, path="/music/0000 copy.mp3", id=None))
    made = make_playlist(catalogue, CALM, JOY, 3600.0)
    assert made.broken == ()
    assert made.summary == "20 tracks, 1:00:00, from calmness to joyful_activation"
    assert len({each.audio for each in played(catalogue, made)}) == 20
    query = Query(words=words_of(artist="artist 1"))
    some = played(catalogue, make_playlist(catalogue, CALM, JOY, 360.0, query))
    assert {each.tags.artist for each in some} == {"artist 1"}
    query = Query(not_by=("artist 1", "ARTIST 2"))
    some = played(catalogue, make_playlist(catalogue, CALM, JOY, 360.0, query))
    assert {each.tags.artist for each in some} <= {"artist 0", "artist 3"}


def test_as_many_of_an_artist_as_allowed_or_as_it_takes(catalogue: Catalogue) -> None:
    fill(catalogue, 60)

    def counts(**options: int) -> list[int]:
        made = make_playlist(catalogue, CALM, JOY, 3600.0, **options)
        artists = [each.tags.artist for each in played(catalogue, made)]
        assert all(a != b for a, b in pairwise(artists))
        return sorted(Counter(artists).values())

    assert max(counts()) > 3  # of four artists, three each are not enough
    assert max(counts(per_artist=2)) == 2
    fill(catalogue, 60, artists=20)
    assert max(counts()) <= 3


def test_between_two_tracks(catalogue: Catalogue) -> None:
    fill(catalogue, 60)
    ends = [End.of_track(catalogue, f"/music/{number:04d}.mp3") for number in (10, 40)]
    made = make_playlist(catalogue, *ends, 3600.0)
    names = [each.tags.title for each in played(catalogue, made)]
    assert (names[0], names[-1]) == ("0010.mp3", "0040.mp3")
    assert names == sorted(names)
    assert made.summary.endswith("from '/music/0010.mp3' to '/music/0040.mp3'")
    back = make_playlist(catalogue, *reversed(ends), 3600.0)
    names = [each.tags.title for each in played(catalogue, back)]
    assert (names[0], names[-1]) == ("0040.mp3", "0010.mp3")
    # An end that is not to be chosen is not played; what is like it is.
    ends[0] = replace(ends[0], row=None)
    made = make_playlist(catalogue, ends[0], JOY, 3600.0)
    first = played(catalogue, made)[0].prediction
    assert first is not None and abs(first.intensities[4] - 0.9 + 0.8 * 10 / 59) < 0.05
    # Of a track and an emotion, closeness is brought to one scale.
    assert played(catalogue, made)[-1].tags.title > "0053"


def test_along_valence_and_arousal(catalogue: Catalogue) -> None:
    fill(catalogue, 60)
    unknown = track("unknown.mp3", calmness=0.5)
    assert unknown.prediction is not None
    silent = replace(unknown.prediction, valence=float("nan"))
    catalogue.write(replace(unknown, prediction=silent))
    made = make_playlist(catalogue, *mood_ends("-.8:.2", None), 3600.0)
    valence = [each.prediction.valence for each in played(catalogue, made)]
    assert valence == sorted(valence)
    assert valence[0] == pytest.approx(-0.8, abs=0.1)
    assert valence[-1] == pytest.approx(0.2, abs=0.1)
    made = make_playlist(catalogue, *mood_ends(".5", "0"), 900.0)
    valence = [each.prediction.valence for each in played(catalogue, made)]
    assert all(abs(value - 0.5) < 0.15 for value in valence) and len(valence) == 5
    made = make_playlist(catalogue, mood_ends("-1:0", None)[0], JOY, 3600.0)
    assert played(catalogue, made)[0].tags.title < "0006"


@pytest.mark.parametrize("text", [":", "x", "-.5:2", "0:x", "nan", "0:1:2"])
def test_a_way_through_moods_is_read_or_refused(text: str) -> None:
    with pytest.raises(MusicEmotionError, match="is no way through arousal, which lies between"):
        mood_ends(None, text)


def test_of_many_tracks_a_choice_that_a_seed_decides(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(catalogue, 300)
    monkeypatch.setattr(playlist, "CANDIDATES", 100)
    one, same, other = (
        make_playlist(catalogue, CALM, JOY, 90 * 60.0, seed=seed) for seed in (0, 0, 1)
    )
    assert one == same and one.ids != other.ids
    assert len(one.ids) == len(other.ids) == 30
    # What stays is drawn from the closest of all.
    monkeypatch.setattr(playlist, "CANDIDATES", 20)
    calm = played(catalogue, make_playlist(catalogue, CALM, CALM, 1800.0))
    assert max(each.tags.title for each in calm) < "0030"


def test_what_is_spoken_or_very_long_is_no_playlists(catalogue: Catalogue) -> None:
    fill(catalogue, 20)
    for number, fields in enumerate(({"tags": Tags(genre="Podcast")}, {"seconds": 1801.0})):
        catalogue.write(track(f"odd {number}.mp3", calmness=0.9, **fields))
    for seed in range(3):
        made = make_playlist(catalogue, CALM, JOY, 30_000.0, seed=seed)
        assert len(made.ids) == 20
        assert not any("odd" in each.path for each in played(catalogue, made))
    everything = Query(taken=replace(MUSIC, speech=True, longest=3600.0))
    made = make_playlist(catalogue, CALM, CALM, 30_000.0, everything)
    assert sum("odd" in each.path for each in played(catalogue, made)) == 2


def test_nothing_to_play(catalogue: Catalogue) -> None:
    for ends in ((CALM, JOY), (CALM, CALM), mood_ends("0:1", None)):
        with pytest.raises(MusicEmotionError, match="holds no track for a playlist"):
            make_playlist(catalogue, *ends, 60.0)
    with pytest.raises(MusicEmotionError, match="no emotion 'joy'"):
        End.of_emotion("joy")
