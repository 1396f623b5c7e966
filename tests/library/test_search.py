from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.tracks import prediction, row_of, track
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import CatalogueError
from music_emotion.library import search
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.search import (
    Query,
    _first,
    distances_to,
    find,
    load_vectors,
    refresh_vectors,
    words_of,
)
from music_emotion.library.track import Tags


@pytest.fixture
def filled(catalogue: Catalogue) -> Catalogue:
    catalogue.write_all(
        [
            track("calm.mp3", "Björk", calmness=0.8, tension=0.1),
            track("tense.mp3", "U2", calmness=0.1, tension=0.9),
            track("both.mp3", "Sigur Rós", calmness=0.6, tension=0.6, nostalgia=0.5),
            replace(track("bad.mp3"), prediction=None, model_sha256="", error="'bad' is damaged"),
            replace(track("gone.mp3", calmness=0.9), missing_since=1),
        ]
    )
    return catalogue


def names(catalogue: Catalogue, query: Query) -> list[str]:
    tracks = catalogue.tracks(find(catalogue, query).ids.tolist())
    return [found.path.removeprefix("/music/").removesuffix(".mp3") for found in tracks]


def test_without_a_filter_everything_that_is_there(filled: Catalogue) -> None:
    assert names(filled, Query()) == ["calm", "tense", "both", "bad"]
    assert names(filled, Query(limit=2)) == ["calm", "tense"]
    assert names(filled, Query(failed=True)) == ["bad"]


def test_by_emotion(filled: Catalogue) -> None:
    assert names(filled, Query(("calmness",), at_least=0.4)) == ["calm", "both"]
    assert names(filled, Query(("calmness",), ("tension",), 0.4, 0.2)) == ["calm"]
    assert names(filled, Query(("calmness", "tension"), at_least=0.4)) == ["both"]
    assert names(filled, Query(unfelt=("tension",), at_most=0.7)) == ["calm", "both"]
    assert names(filled, Query(("tension",), at_least=0.5, limit=1)) == ["tense"]
    # Without a number, the median of the three decides.
    assert names(filled, Query(("Calmness",))) == ["calm", "both"]
    assert names(filled, Query(("nostalgia",), ("joyful activation",))) == ["both", "calm", "tense"]
    assert names(filled, Query(("tension",), by="probabilities", at_least=0.4)) == ["tense"]
    with pytest.raises(CatalogueError, match="no emotion 'anger'; choose from: amazement"):
        find(filled, Query(("anger",)))


def test_by_similarity(filled: Catalogue) -> None:
    target = prediction(calmness=0.75, tension=0.1).intensities
    found = find(filled, Query(like=target, limit=2))
    assert names(filled, Query(like=target, limit=2)) == ["calm", "both"]
    assert found.distances[0] == pytest.approx(0.05, abs=1e-6)
    assert names(filled, Query(("tension",), at_least=0.5, like=target)) == ["both", "tense"]


def test_by_words(filled: Catalogue) -> None:
    assert names(filled, Query(words=words_of(artist="BJÖRK"))) == ["calm"]
    assert names(filled, Query(words=words_of(artist="u2"))) == ["tense"]
    assert names(filled, Query(words=words_of(text="tense"))) == ["tense"]
    assert names(filled, Query(words=words_of(path="/music/", artist="Rós"))) == ["both"]
    assert names(filled, Query(("tension",), at_least=0.5, words=words_of(path="th.mp"))) == [
        "both"
    ]
    assert names(filled, Query(words=words_of(path="gone"))) == []
    assert names(filled, Query(("calmness",), at_least=0.7, words=words_of(path="mp3"))) == ["calm"]
    assert names(filled, Query(words=words_of(text='" OR "'))) == []
    assert names(filled, Query(words=words_of(path="%"))) == []


def test_words_follow_what_changes(filled: Catalogue) -> None:
    row = row_of(filled, "/music/calm.mp3")
    assert row.id is not None
    filled.restamp(row.id, row.stamp, Tags(artist="Goldfrapp"))
    filled.write(replace(row, path="/elsewhere/calm.mp3", tags=Tags(artist="Goldfrapp")))
    assert names(filled, Query(words=words_of(artist="björk"))) == []
    assert names(filled, Query(words=words_of(path="/elsewhere", artist="frapp"))) == [
        "/elsewhere/calm"
    ]
    filled.remove([row.id])
    assert names(filled, Query(words=words_of(artist="frapp"))) == []


def test_an_empty_catalogue(catalogue: Catalogue) -> None:
    target = np.zeros(9, np.float32)
    for query in (
        Query(),
        Query(("power",)),
        Query(like=target),
        Query(words=words_of(text="abc")),
    ):
        assert names(catalogue, query) == []


def test_vectors_are_right_before_and_after_they_are_written(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = catalogue.write_all(track(f"{n}", calmness=n / 100) for n in range(20))
    before = load_vectors(catalogue)
    refresh_vectors(catalogue)
    read: list[int] = []
    original = search._read_block

    def read_block(catalogue: Catalogue, block: int) -> dict[search.Kind, search.Array]:
        read.append(block)
        return original(catalogue, block)

    monkeypatch.setattr(search, "_read_block", read_block)
    after = load_vectors(catalogue)
    assert read == []
    np.testing.assert_array_equal(before.ids, after.ids)
    np.testing.assert_array_equal(before.values, after.values)
    calm = after.values[:20, EMOTIONS.index("calmness")]
    np.testing.assert_allclose(calm, np.arange(20) / 100, atol=1e-7)
    # Whatever changes makes them out of date, also when another program does it.
    for change in (
        f"UPDATE prediction SET intensity_power = 0.25 WHERE track = {ids[0]}",
        f"DELETE FROM track WHERE id = {ids[1]}",
        f"UPDATE track SET missing_since = 1 WHERE id = {ids[2]}",
    ):
        refresh_vectors(catalogue)
        catalogue.connection.execute(change)
    now = load_vectors(catalogue)
    assert now.values[0, EMOTIONS.index("power")] == 0.25
    assert not {ids[1], ids[2]} & set(now.ids.tolist())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.integers(0, 10_000))
def test_distances_are_euclidean(rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, target = rng.random((rows, 9)).astype(np.float32), rng.random(9).astype(np.float32)
    expected = np.linalg.norm(values.astype(np.float64) - target, axis=1)
    np.testing.assert_allclose(distances_to(values, target), expected, rtol=1e-5)


@given(st.lists(st.integers(0, 5)), st.integers(0, 12))
def test_the_first_are_those_of_a_stable_sort(scores: list[int], limit: int) -> None:
    array = np.array(scores, np.float32)
    np.testing.assert_array_equal(_first(array, limit), np.argsort(array, kind="stable")[:limit])
