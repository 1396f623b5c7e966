from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.tracks import row_of, track
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MusicEmotionError
from music_emotion.library import playlist
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.playlist import (
    Points,
    find_route,
    jump_threshold,
    make_playlist,
    pair_distances,
)
from music_emotion.library.search import Query, words_of
from music_emotion.library.selection import MUSIC
from music_emotion.library.track import Tags

CALM, JOY = EMOTIONS.index("calmness"), EMOTIONS.index("joyful_activation")


def line(count: int, artists: int = 4, seconds: float = 180.0) -> Points:
    """Tracks in even steps from calmness to joy, by artists in turn."""
    values = np.full((count, 9), 0.1, np.float32)
    values[:, CALM] = np.linspace(0.9, 0.1, count)
    values[:, JOY] = np.linspace(0.1, 0.9, count)
    return Points(
        values, np.full(count, seconds), tuple(f"artist {n % artists}" for n in range(count))
    )


def random_points(seed: int) -> Points:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 40))
    names = ("", "One", "two", "TWO", "three")
    return Points(
        rng.random((count, 9)).astype(np.float32),
        rng.uniform(60, 400, count),
        tuple(names[n] for n in rng.integers(0, len(names), count)),
    )


def breaches(points: Points, route, start: int, end: int, seconds: float) -> dict[str, bool]:
    """Which rules a path breaks, told from the description alone."""
    values, n = points.intensities.astype(np.float64), len(points)
    gaps = [[float(np.linalg.norm(a - b)) for b in values] for a in values]
    near = [sorted(gaps[i][j] for j in range(n) if j != i)[:10] for i in range(n)]
    threshold = float(np.median([gap for some in near for gap in some])) if n > 1 else 0.0
    tenth = max(1, n // 10)
    steps = [(points.artists[a], points.artists[b], gaps[a][b]) for a, b in pairwise(route)]
    first = sorted(values[:, start], reverse=True)[tenth - 1]
    last = sorted(values[:, end], reverse=True)[tenth - 1]
    length = sum(points.seconds[number] for number in route)
    return {
        "first track": values[route[0], start] < first,
        "last track": values[route[-1], end] < last,
        "artist": any(a and a.lower() == b.lower() for a, b, _ in steps),
        "jump": any(step > threshold * (1 + 1e-5) for _, _, step in steps),
        "lasts": abs(length - seconds) > np.median(points.seconds) / 2 + 1e-6,
    }


def test_a_library_that_is_large_enough_breaks_no_rule() -> None:
    points = line(60)
    route, broken = find_route(points, CALM, JOY, 20 * 180.0)
    assert broken == []
    assert len(route) == 20
    assert not any(breaches(points, route, CALM, JOY, 20 * 180.0).values())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 8), st.integers(0, 8), st.floats(100, 4_000))
def test_what_is_said_to_be_broken_is_what_is_broken(
    seed: int, start: int, end: int, seconds: float
) -> None:
    points = random_points(seed)
    route, lines = find_route(points, start, end, seconds)
    assert len(set(route)) == len(route) >= 1
    for word, broken in breaches(points, route, start, end, seconds).items():
        assert any(word in line for line in lines) == broken, (word, lines)
    if start != end:
        progress = points.intensities[:, end] - points.intensities[:, start]
        assert all(progress[a] <= progress[b] + 1e-6 for a, b in pairwise(route))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_no_other_path_breaks_fewer_rules(seed: int) -> None:
    """Of up to six tracks every path can be looked at: none of the same length is better."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 7))
    points = Points(
        rng.random((count, 9)).astype(np.float32),
        np.full(count, 100.0),
        tuple("abc"[n] for n in rng.integers(0, 3, count)),
    )
    route, _ = find_route(points, CALM, JOY, 300.0)
    cost = _breach_count(points, route)
    progress = points.intensities[:, JOY] - points.intensities[:, CALM]
    for other in permutations(range(count), len(route)):
        if all(progress[a] <= progress[b] for a, b in pairwise(other)):
            assert _breach_count(points, other) >= cost


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_a_path_that_breaks_no_rule_is_found_where_there_is_one(seed: int) -> None:
    """Of up to nine tracks of different lengths every path can be looked at."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 10))
    values = (0.3 * rng.random((count, 9))).astype(np.float32)
    values[:, CALM], values[:, JOY] = np.linspace(0.9, 0.1, count), np.linspace(0.1, 0.9, count)
    artists = tuple("abcd"[n] for n in rng.integers(0, 4, count))
    points = Points(values, rng.integers(60, 400, count).astype(float), artists)
    seconds = float(rng.integers(300, 1500))
    flawless = any(
        not any(breaches(points, path, CALM, JOY, seconds).values())
        for size in range(2, count + 1)
        for path in combinations(range(count), size)
        if path[0] == 0
        and path[-1] == count - 1
        and abs(points.seconds[list(path)].sum() - seconds) <= np.median(points.seconds) / 2
    )
    assert (find_route(points, CALM, JOY, seconds)[1] == []) == flawless


def test_a_track_that_is_longer_than_the_playlist() -> None:
    found = find_route(line(1, seconds=3600.0), CALM, JOY, 60.0)
    assert found == ([0], ["it lasts 1:00:00, not 1:00"])


def _breach_count(points: Points, route) -> int:
    distances = pair_distances(points.intensities)
    threshold = jump_threshold(distances)
    tenth = [points.intensities[:, emotion].max() for emotion in (CALM, JOY)]
    ends = [points.intensities[route[0], CALM] < tenth[0]]
    ends.append(points.intensities[route[-1], JOY] < tenth[1])
    steps = list(pairwise(route))
    jumps = [distances[step] > threshold * (1 + 1e-5) for step in steps]
    return sum([*ends, *ends, *jumps, *(points.artists[a] == points.artists[b] for a, b in steps)])


def test_a_jump_is_more_than_the_median_distance_between_neighbours() -> None:
    # On a line with steps of 1, the one neighbour of each of two is 1 away.
    assert jump_threshold(pair_distances(np.array([[0.0], [1.0]], np.float32))) == 1.0
    # Of five, all four others are neighbours: 1 eight times, 2 six, 3 four, 4 two times.
    five = np.arange(5, dtype=np.float32)[:, None]
    assert jump_threshold(pair_distances(five)) == 2.0
    # Of many, the ten nearest: far from the ends 1 to 5, twice each.
    many = np.arange(10_00, dtype=np.float32)[:, None]
    assert jump_threshold(pair_distances(many)) == 3.0
    assert jump_threshold(np.zeros((1, 1), np.float32)) == 0.0


def test_a_small_library_says_what_it_cannot_do() -> None:
    _, broken = find_route(line(30, artists=1), CALM, JOY, 5 * 180.0)
    assert any("artist comes twice in a row (4 times)" in rule for rule in broken)
    gap = line(40)
    values = np.delete(gap.intensities, slice(8, 32), axis=0)
    torn = Points(values, np.full(len(values), 180.0), gap.artists[:8] + gap.artists[32:])
    (jump,) = find_route(torn, CALM, JOY, 8 * 180.0)[1]
    assert jump.startswith("a step is a jump (once; the largest is ")
    assert "it lasts 9:00, not 1:00:00" in find_route(line(3), CALM, JOY, 3600.0)[1]


def fill(catalogue: Catalogue, count: int) -> None:
    points = line(count)
    catalogue.write_all(
        track(
            f"{number:04d}.mp3",
            points.artists[number],
            calmness=float(points.intensities[number, CALM]),
            joyful_activation=float(points.intensities[number, JOY]),
        )
        for number in range(count)
    )


def test_from_a_catalogue(catalogue: Catalogue) -> None:
    fill(catalogue, 60)
    copy = row_of(catalogue, "/music/0000.mp3")
    catalogue.write(replace(copy, path="/music/0000 copy.mp3", id=None))
    made = make_playlist(catalogue, "calmness", "joyful activation", 3600.0)
    assert made.broken == ()
    assert made.summary == "20 tracks, 1:00:00, from calmness to joyful_activation"
    assert len({played.audio for played in made.tracks}) == 20
    query = Query(words=words_of(artist="artist 1"))
    some = make_playlist(catalogue, "calmness", "joyful activation", 360.0, query)
    assert {played.tags.artist for played in some.tracks} == {"artist 1"}


def test_of_many_tracks_a_choice_that_a_seed_decides(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(catalogue, 300)
    monkeypatch.setattr(playlist, "CANDIDATES", 100)
    one, same, other = (
        make_playlist(catalogue, "calmness", "joyful_activation", 90 * 60.0, seed=seed)
        for seed in (0, 0, 1)
    )
    assert [t.path for t in one.tracks] == [t.path for t in same.tracks]
    assert [t.path for t in one.tracks] != [t.path for t in other.tracks]
    assert len(one.tracks) == len(other.tracks) == 30


def test_what_is_spoken_or_very_long_is_no_playlists(catalogue: Catalogue) -> None:
    fill(catalogue, 20)
    for number, fields in enumerate(({"tags": Tags(genre="Podcast")}, {"seconds": 1801.0})):
        catalogue.write(track(f"odd {number}.mp3", calmness=0.9, **fields))
    for seed in range(3):
        made = make_playlist(catalogue, "calmness", "joyful_activation", 30_000.0, seed=seed)
        assert len(made.tracks) == 20
        assert not any("odd" in played.path for played in made.tracks)
    everything = Query(taken=replace(MUSIC, speech=True, longest=3600.0))
    made = make_playlist(catalogue, "calmness", "calmness", 30_000.0, everything)
    assert sum("odd" in played.path for played in made.tracks) == 2


def test_nothing_to_play(catalogue: Catalogue) -> None:
    with pytest.raises(MusicEmotionError, match="holds no track for a playlist"):
        make_playlist(catalogue, "calmness", "power", 60.0)
    with pytest.raises(MusicEmotionError, match="no emotion 'joy'"):
        make_playlist(catalogue, "joy", "power", 60.0)
