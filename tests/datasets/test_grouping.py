from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from music_emotion.datasets.grouping import (
    connected_components,
    group_names,
    name_key,
    normalise_name,
    split_credit,
)

NAMES = st.sampled_from(["Ana", "Bo", "Cleo", "Dé", "Eva Lu", "Fay", "Gil", "Hu"])
CREDITS = st.lists(st.lists(NAMES, max_size=3).map(" and ".join), min_size=1, max_size=14)


@pytest.mark.parametrize(
    ("credit", "names"),
    [
        ("Edward Martin and Paul Berget", {"edward martin", "paul berget"}),
        ("Kalabi (Featuring Canola Tenderfoot)", {"kalabi featuring canola tenderfoot"}),
        ("Kalabi featuring Canola Tenderfoot", {"kalabi", "canola tenderfoot"}),
        ("A & B; C, D feat. E ft F vs. G", {"a", "b", "c", "d", "e", "f", "g"}),
        ("AC/DC", {"ac dc"}),
        ("One / Two + Three", {"one", "two", "three"}),
        ("The Bots", {"bots"}),
        ("The The", {"the"}),
        ("Björn Fogelberg", {"bjorn fogelberg"}),
        ("hands upon black earth", {"hands upon black earth"}),
        ("Sandy Anderson", {"sandy anderson"}),
        ("!!!", {"!!!"}),
        ("Чайковский", {"чаиковскии"}),
        ("", set()),
        (" & ", set()),
    ],
)
def test_credit_is_split_into_normalised_names(credit: str, names: set[str]) -> None:
    assert split_credit(credit) == names


def test_spelling_does_not_divide_an_artist() -> None:
    for one, other in [
        ("Four Stones", "Fourstones"),
        ("mr Epic", "Mr. Epic"),
        ("Don't", "Dont"),
        ("The Rapture", "rapture"),
        ("Sólstafir", "SOLSTAFIR"),
    ]:
        assert name_key(normalise_name(one)) == name_key(normalise_name(other))


@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(name: str) -> None:
    once = normalise_name(name)
    assert normalise_name(once) == once


def test_joint_names_link_transitively() -> None:
    credits = ["A and B", "C", "B and D", "E", "D", "c"]
    groups = group_names([split_credit(credit) for credit in credits], [str(i) for i in range(6)])
    assert groups == ["a", "c", "a", "e", "a", "c"]


def test_shared_recording_links_different_artists_and_nameless_tracks() -> None:
    names = [split_credit(credit) for credit in ("Ana", "Bo", "", "", "")]
    assert group_names(names, ["x", "x", "y", "y", "z"]) == [
        "ana",
        "ana",
        "track:y",
        "track:y",
        "track:z",
    ]


def test_given_groups_are_taken_verbatim() -> None:
    assert group_names([{"a b"}, {"ab"}], ["1", "2"], key=str) == ["a b", "ab"]


def _groups(tracks: list[tuple[int, str]]) -> dict[int, str]:
    names = group_names(
        [split_credit(credit) for _, credit in tracks], [f"r{track}" for track, _ in tracks]
    )
    return {track: name for (track, _), name in zip(tracks, names, strict=True)}


@settings(max_examples=50)
@given(CREDITS, st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order_of_tracks(
    credits: list[str], shuffler: random.Random
) -> None:
    tracks = list(enumerate(credits))
    shuffled = tracks.copy()
    shuffler.shuffle(shuffled)
    assert _groups(shuffled) == _groups(tracks)


@settings(max_examples=50)
@given(CREDITS)
def test_groups_are_the_finest_partition_that_joins_shared_names(credits: list[str]) -> None:
    groups = list(_groups(list(enumerate(credits))).values())
    names = [split_credit(credit) for credit in credits]
    # Reachability by repeated joining, the slow and obvious way.
    reach = [{i} for i in range(len(credits))]
    for _ in credits:
        reach = [
            set().union(*(reach[k] for k in range(len(credits)) if k == i or names[i] & names[k]))
            for i in range(len(credits))
        ]
    for i in range(len(credits)):
        for k in range(len(credits)):
            assert (groups[i] == groups[k]) == (k in reach[i])


@settings(max_examples=50)
@given(CREDITS, NAMES, NAMES)
def test_another_track_can_only_merge_groups(credits: list[str], one: str, other: str) -> None:
    before = _groups(list(enumerate(credits)))
    after = _groups([*enumerate(credits), (len(credits), f"{one} & {other}")])
    for i in before:
        for k in before:
            if before[i] == before[k]:
                assert after[i] == after[k]


def test_components_are_numbered_by_first_appearance() -> None:
    assert connected_components([{"a"}, {"b"}, {"a", "c"}, set(), {"c", "b"}]) == [0, 0, 0, 1, 0]
