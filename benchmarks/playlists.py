"""What listeners feel in playlists: ``python benchmarks/playlists.py``.

A catalogue is made of EMOTIFY's tracks as the committed models predicted them that had not heard
their artists. Of playlists from an emotion to itself and to others, of 40 minutes, the shares of
listeners who feel the emotions are printed, as they voted, quarter by quarter; and for each the
means over several seeds and how many of these keep their word: each quarter at least 0.45, where
listeners feel that much at all, and at least 0.8 of the first.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

LEAST, OF_FIRST = 0.45, 0.8
WAYS = (
    ("calmness", "joyful_activation"),
    ("tension", "calmness"),
    ("sadness", "power"),
)
STAYS = ("joyful_activation", "calmness", "tension", "nostalgia", "sadness", "power")


def fill(path: Path, predictions: Path, root: Path) -> np.ndarray:
    """Make the catalogue; return how many of the listeners feel what, a row per track's number."""
    from music_emotion.datasets import emotify
    from music_emotion.digest import FileStamp
    from music_emotion.inference.prediction import Timeline, TrackPrediction
    from music_emotion.library.catalogue import Catalogue
    from music_emotion.library.search import refresh_index
    from music_emotion.library.track import CatalogueTrack, Tags, claimed_seconds

    stored, tracks = np.load(predictions), emotify.load(root).tracks
    nothing, numbers = np.zeros((0, 9), np.float32), np.zeros(0)
    timeline = Timeline(numbers, numbers, numbers, numbers, nothing, nothing, numbers, numbers, 3.0)  # type: ignore[arg-type]
    intensities = stored["intensities"]
    ranks = np.argsort(np.argsort(intensities, axis=0), axis=0)
    standing = (ranks / len(ranks)).astype(np.float32)
    rows, votes = [], [np.zeros(9, np.float32)]
    for unit, emotions, felt, place in zip(
        stored["unit"], stored["emotions"], intensities, standing, strict=True
    ):
        track = tracks[unit]
        said = TrackPrediction(
            path=str(track.path),
            duration=claimed_seconds(str(track.path)) or 60.0,
            model="blend",
            version="1",
            emotions=emotions,
            intensities=felt,
            confidence=float(emotions.max()),
            valence=0.0,
            arousal=0.0,
            timeline=timeline,
            standing=place,
        )
        audio = f"{unit}".encode().ljust(16)
        tags = Tags(track.artist, track.album, track.title, "")
        stamp = FileStamp(0, 0, 0)
        rows.append(CatalogueTrack(str(track.path), stamp, audio, tags, said, "1" * 64))
        votes.append(track.vote_fractions)
    with Catalogue.open(path, write=True) as catalogue:
        catalogue.write_all(rows)
        refresh_index(catalogue)
    return np.array(votes)


def quarters(votes: np.ndarray, ids: tuple[int, ...], emotion: str) -> np.ndarray:
    from music_emotion.emotions import EMOTIONS

    shares = votes[list(ids), EMOTIONS.index(emotion)]
    return np.array([part.mean() for part in np.array_split(shares, 4)])


def shown(values: np.ndarray) -> str:
    return " ".join(f"{value:.2f}".removeprefix("0") for value in values)


def main() -> None:
    from music_emotion.library.catalogue import Catalogue
    from music_emotion.library.course import End
    from music_emotion.library.playlist import make_playlist

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    results = Path(__file__).parents[1] / "results" / "predictions"
    parser.add_argument(
        "--predictions", type=Path, default=results / "artist-votes-blend-seed42.npz"
    )
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="make the catalogue here")
    options = parser.parse_args()
    root = os.environ.get("EMOTIFY_ROOT")
    if not root:
        parser.error("set EMOTIFY_ROOT")
    with tempfile.TemporaryDirectory() as place:
        path = options.keep or Path(place, "c.sqlite")
        votes = fill(path, options.predictions, Path(root))
        with Catalogue.open(path) as catalogue:

            def made(start: str, end: str, seed: int) -> tuple[int, ...]:
                ends = End.of_emotion(start), End.of_emotion(end)
                return make_playlist(catalogue, *ends, 60 * options.minutes, seed=seed).ids

            for emotion in STAYS:
                lists = [
                    quarters(votes, made(emotion, emotion, seed), emotion)
                    for seed in range(options.seeds)
                ]
                held = [bool((v >= OF_FIRST * v[0]).all()) for v in lists]
                both = [ok and v.min() >= LEAST for ok, v in zip(held, lists, strict=True)]
                print(
                    f"{emotion}: seed 0 {shown(lists[0])}; mean {shown(np.mean(lists, axis=0))}; "
                    f"{sum(held)} of {len(lists)} hold {OF_FIRST} of the first quarter, "
                    f"{sum(both)} {LEAST} besides",
                    flush=True,
                )
            for start, end in WAYS:
                lists = [made(start, end, seed) for seed in range(options.seeds)]
                for emotion in (start, end):
                    mean = np.mean([quarters(votes, ids, emotion) for ids in lists], axis=0)
                    print(f"from {start} to {end}, {emotion}: {shown(mean)}", flush=True)


if __name__ == "__main__":
    main()
