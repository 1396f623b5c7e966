from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.tracks import prediction, row_of, track
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import CatalogueError, MusicEmotionError
from music_emotion.library import vectors
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.search import (
    Query,
    Range,
    _first,
    distances_to,
    find,
    find_similar,
    refresh_index,
    words_of,
)
from music_emotion.library.track import CatalogueTrack, Tags
from music_emotion.library.vectors import Array, Kind, load_vectors, refresh_vectors, tracks_within


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
    assert names(filled, Query()) == ["calm", "tense", "both"]
    assert names(filled, Query(limit=2)) == ["calm", "tense"]
    assert names(filled, Query(broken=True)) == ["bad"]


def test_what_is_broken_is_found_only_when_asked_for(filled: Catalogue) -> None:
    """Silence and damage have numbers, too; the medians do without them."""
    for name, fields in (
        ("silent.mp3", {"confidence": 0.0}), ("damaged.mp3", {"warnings": ("damaged at 1.0 s",)})
    ):  # fmt: skip
        said = replace(prediction(calmness=1.0, tension=1.0), **fields)
        filled.write(replace(track(name), prediction=said))
    for fresh in (False, True):
        if fresh:
            refresh_index(filled)
        target = prediction(calmness=1.0).intensities
        assert names(filled, Query()) == ["calm", "tense", "both"]
        assert names(filled, Query(("calmness",), at_least=0.5)) == ["calm", "both"]
        assert names(filled, Query(("tension",))) == ["tense", "both"]
        assert names(filled, Query(like=target, limit=1)) == ["calm"]
        assert names(filled, Query(words=words_of(path="M"))) == ["calm", "tense", "both"]
        assert names(filled, Query(within=(Range("valence", 0.0, 1.0),))) == [
            "calm", "tense", "both",
        ]  # fmt: skip
        assert names(filled, Query(broken=True)) == ["bad", "silent", "damaged"]
        assert names(filled, Query(broken=True, words=words_of(path="LENT"))) == ["silent"]
        assert names(filled, Query(broken=True, limit=1)) == ["bad"]


@pytest.mark.parametrize("limit", [0, 1, 2**31, 2**63, 10**30])
def test_limits_of_any_size(filled: Catalogue, limit: int) -> None:
    target = prediction().intensities
    for query in (
        Query(), Query(("calmness",), at_least=0.0), Query(like=target), Query(broken=True),
        Query(words=words_of(text="a")), Query(within=(Range("valence", -1, 1),)),
    ):  # fmt: skip
        everything = find(filled, query).ids.tolist()
        assert find(filled, replace(query, limit=limit)).ids.tolist() == everything[:limit]


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
    with pytest.raises(CatalogueError, match="no emotion 'anger'; choose from amazement"):
        find(filled, Query(("anger",)))


def standing(name: str, intensity: float, place: float, **others: float) -> CatalogueTrack:
    """A track that feels calm and tense; how calm it is among others is given."""
    plain = track(name, calmness=intensity, **others)
    assert plain.prediction is not None
    places = np.full(9, 0.5, np.float32)
    places[EMOTIONS.index("calmness")] = place
    return replace(plain, prediction=replace(plain.prediction, standing=places))


def test_by_standing(catalogue: Catalogue) -> None:
    catalogue.write_all(
        [
            standing("low.mp3", 0.9, 0.1),
            standing("high.mp3", 0.2, 0.9),
            standing("top.mp3", 0.3, 1.0),
            standing("most.mp3", 0.4, 1.0),
        ]
    )
    by_standing = ("most", "top", "high", "low")  # of equal standing, the more intense first
    by_intensity = ("low", "most", "top", "high")
    for refresh in (False, True):
        if refresh:
            refresh_vectors(catalogue)
        everything = Query(("calmness",), at_least=0.0)
        assert names(catalogue, everything) == list(by_intensity)
        assert names(catalogue, replace(everything, by="standing")) == list(by_standing)
        assert names(catalogue, replace(everything, by="standing", limit=1)) == ["most"]
        assert names(catalogue, replace(everything, by="standing", at_least=0.9)) == [
            *by_standing[:3]
        ]
        # Without a number, intensity tells what is felt and standing the order.
        assert names(catalogue, Query(("calmness",))) == ["most", "low"]
        assert names(catalogue, Query(("calmness",), by="intensities")) == ["low", "most"]
        assert names(catalogue, Query(("calmness",), by="standing")) == ["most", "top"]
        not_calm = Query(unfelt=("calmness",), at_most=0.95, by="standing")
        assert names(catalogue, not_calm) == ["low", "high"]
        assert names(catalogue, replace(not_calm, by=None)) == ["high", "top", "most", "low"]


def test_where_some_have_no_standing_intensity_orders(catalogue: Catalogue) -> None:
    unknown = track("unknown.mp3", calmness=0.5)
    assert unknown.prediction is not None
    nowhere = replace(unknown.prediction, standing=np.full(9, np.nan, np.float32))
    catalogue.write_all(
        [
            standing("low.mp3", 0.9, 0.1),
            standing("high.mp3", 0.6, 0.9),
            replace(unknown, prediction=nowhere),
            standing("not.mp3", 0.1, 1.0),
            standing("neither.mp3", 0.1, 1.0),
        ]
    )
    assert names(catalogue, Query(("calmness",))) == ["low", "high", "unknown"]
    assert names(catalogue, Query(("calmness",), by="standing", at_least=0.5)) == [
        "not", "neither", "high",
    ]  # fmt: skip
    # What is not found does not matter.
    assert names(catalogue, Query(("calmness",), words=words_of(path="o"))) == ["low", "unknown"]
    assert names(catalogue, Query(("calmness",), words=words_of(path="h.m"))) == ["high"]


def test_by_ranges(filled: Catalogue) -> None:
    """All lie at valence 0.25, arousal -0.5 and familiarity 0.75, but for one."""
    row = row_of(filled, "/music/tense.mp3")
    assert row.prediction is not None
    third = float(np.float32(1 / 3))
    other = replace(row.prediction, valence=third, arousal=0.5, familiarity=math.nan)
    filled.write(replace(row, prediction=other))
    within = Range.parse
    assert names(filled, Query(within=(within("valence", ".25:"),))) == ["calm", "tense", "both"]
    assert names(filled, Query(within=(within("valence", ":.25"),))) == ["calm", "both"]
    # A bound may be read off what is shown.
    assert names(filled, Query(within=(within("valence", ".333333:.333333"),))) == ["tense"]
    assert names(filled, Query(within=(within("arousal", "-.6:-.4"),), limit=1)) == ["calm"]
    assert names(filled, Query(within=(within("familiarity", "0:1"),))) == ["calm", "both"]
    both = (within("valence", ".2:.3"), within("arousal", "0:"))
    assert names(filled, Query(within=both)) == []
    assert names(filled, Query(("tension",), at_least=0.5, within=(both[0],))) == ["both"]
    assert names(filled, Query(words=words_of(path="mp3"), within=(both[1],))) == ["tense"]
    target = prediction(calmness=0.8, tension=0.1).intensities
    assert names(filled, Query(like=target, within=(both[0],))) == ["calm", "both"]


def test_ranges_are_read_or_refused() -> None:
    assert Range.parse("arousal", "-.5:.25") == Range("arousal", -0.5, 0.25)
    assert Range.parse("arousal", " -1 : ") == Range("arousal", -1.0, 1.0)
    assert Range.parse("familiarity", ":.4") == Range("familiarity", 0.0, 0.4)
    for text in (".5", ":", "", "a:b", ".5:.4", "-2:0", "0:2", "nan:1", "0:.5:1", "0:inf"):
        with pytest.raises(MusicEmotionError, match="between -1 and 1; write LOW:HIGH"):
            Range.parse("valence", text)
    with pytest.raises(MusicEmotionError, match=r"'-.1:' is no range of familiarity"):
        Range.parse("familiarity", "-.1:")


def test_by_similarity(filled: Catalogue) -> None:
    target = prediction(calmness=0.75, tension=0.1).intensities
    found = find(filled, Query(like=target, limit=2))
    assert names(filled, Query(like=target, limit=2)) == ["calm", "both"]
    assert found.distances[0] == pytest.approx(0.05, abs=1e-6)
    assert names(filled, Query(("tension",), at_least=0.5, like=target)) == ["both", "tense"]


def test_like_several_is_like_the_one_that_is_farthest(filled: Catalogue) -> None:
    calm, tense = prediction(calmness=0.8, tension=0.1), prediction(calmness=0.1, tension=0.9)
    likes = np.stack([calm.intensities, tense.intensities])
    found = find(filled, Query(like=likes))
    assert names(filled, Query(like=likes)) == ["both", "calm", "tense"]
    ends = float(np.linalg.norm(likes[0] - likes[1]))
    assert found.distances[1:] == pytest.approx([ends, ends], abs=1e-6)
    paths = ("/music/calm.mp3", "/music/tense.mp3")
    assert [row.path for row in filled.tracks(find_similar(filled, Query(), paths).ids)] == [
        "/music/both.mp3"
    ]


def test_nothing_by_an_artist(filled: Catalogue) -> None:
    assert names(filled, Query(not_by=("U2",))) == ["calm", "both"]
    assert names(filled, Query(not_by=("u2", "BJÖRK"), limit=1)) == ["both"]
    assert names(filled, Query(("tension",), at_least=0.5, not_by=("sigur rós",))) == ["tense"]
    assert names(filled, Query(not_by=("sigur ros",), accents=False)) == ["calm", "tense"]
    assert len(names(filled, Query(not_by=("", " ")))) == len(names(filled, Query()))
    filled.write(track("more.mp3", "Björk", calmness=0.79))
    like = ("/music/calm.mp3",)
    assert len(find_similar(filled, Query(), like)) == 3
    others = find_similar(filled, Query(limit=5), like, other_artists=True)
    assert [row.tags.artist for row in filled.tracks(others.ids)] == ["Sigur Rós", "U2"]
    filled.write(track("all.mp3", "Björk; Sigur Rós", calmness=0.78))
    others = find_similar(filled, Query(), ("/music/all.mp3",), other_artists=True)
    assert [row.tags.artist for row in filled.tracks(others.ids)] == ["U2"]


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
    original = vectors._read_block

    def read_block(catalogue: Catalogue, block: int) -> dict[Kind, Array]:
        read.append(block)
        return original(catalogue, block)

    monkeypatch.setattr(vectors, "_read_block", read_block)
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
        f"UPDATE prediction SET familiarity = 0.5 WHERE track = {ids[3]}",
    ):
        refresh_vectors(catalogue)
        catalogue.connection.execute(change)
    (changed,) = tracks_within(catalogue, [("familiarity", 0.0, 0.5)])
    assert changed == ids[3]
    now = load_vectors(catalogue)
    assert now.values[0, EMOTIONS.index("power")] == 0.25
    assert not {ids[1], ids[2]} & set(now.ids.tolist())


def test_some_of_the_vectors(catalogue: Catalogue) -> None:
    """Two blocks, of which one is out of date."""
    catalogue.write_all(track(f"{n}", calmness=n / 8, id=None) for n in range(3))
    for number in (5_000, 5_001, 9_000):
        row = row_of(catalogue, "/music/1")
        copied = catalogue.write(replace(row, path=f"/music/{number}", id=None))
        catalogue.connection.execute("PRAGMA foreign_keys = OFF")
        for table, column in (("track", "id"), ("prediction", "track"), ("timeline", "track")):
            catalogue.connection.execute(
                f"UPDATE {table} SET {column} = {number} WHERE {column} = {copied}"
            )
    refresh_vectors(catalogue)
    catalogue.connection.execute("DELETE FROM vector WHERE block = 1")
    assert load_vectors(catalogue).ids.tolist() == [1, 2, 3, 5_000, 5_001, 9_000]
    among = np.array([2, 4, 5_001, 9_000, 50_000])
    assert load_vectors(catalogue, among=among).ids.tolist() == [2, 5_001, 9_000]
    assert load_vectors(catalogue, among=among, most=2).ids.tolist() == [2, 5_001]
    some = load_vectors(catalogue, most=4)
    assert some.ids.tolist() == [1, 2, 3, 5_000]
    assert some.values[:, EMOTIONS.index("calmness")].tolist() == [0.0, 0.125, 0.25, 0.125]


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


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3))), st.integers(0, 12))
def test_of_equal_scores_the_smaller_tie_comes_first(
    pairs: list[tuple[int, int]], limit: int
) -> None:
    scores, ties = np.array(pairs, np.float32).reshape(-1, 2).T
    expected = sorted(range(len(pairs)), key=lambda place: pairs[place])
    assert _first(scores, limit, ties).tolist() == expected[:limit]
    assert _first(scores, None, ties).tolist() == expected
