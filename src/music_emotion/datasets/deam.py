"""DEAM: 1,802 excerpts and songs under Creative Commons, valence and arousal from 1 to 9.

Aljanaki, Yang and Soleymani, *Developing a benchmark for emotional analysis of music*, PLoS ONE
12(3), 2017. The static ratings of whole excerpts are read. Artists are groups, where the metadata
name them.

Layout and column names as programs in public repositories read them (several of them agree): below
the folder, or below its ``DEAM_Annotations``, ``annotations/annotations averaged per song/
song_level/static_annotations_averaged_songs_1_2000.csv`` and ``…_2000_2058.csv`` with ``song_id,
valence_mean, valence_std, arousal_mean, arousal_std``; audio ``MEMD_audio/<song_id>.mp3``;
``metadata/metadata_2013.csv`` to ``…2015.csv``, whose rows are of several lengths, so that columns
are taken by their place. How many people rated a song is not in these files.

Ratings over time are read where they are, in ``annotations/annotations averaged per song/dynamic
(per second annotations)``: ``valence.csv`` and ``arousal.csv`` with ``song_id, sample_15000ms,
sample_15500ms, …``, from -1 to 1, which is spread on 1 to 9 here.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from music_emotion.datasets.corpus import NO_LABEL, Corpus, Track
from music_emotion.datasets.courses import Course, course_of_means
from music_emotion.datasets.loader import (
    Loader,
    all_rows,
    by_id,
    first_folder,
    number_of,
    rated_corpus,
    rating_of,
    table_rows,
)
from music_emotion.datasets.ratings import Scale

NAME = "deam"
SCALES = (Scale("valence", 1.0, 9.0), Scale("arousal", 1.0, 9.0))
STATIC = "annotations/annotations averaged per song/song_level"
FILES = (
    "static_annotations_averaged_songs_1_2000.csv",
    "static_annotations_averaged_songs_2000_2058.csv",
)
COLUMNS = ("song_id", "valence_mean", "valence_std", "arousal_mean", "arousal_std")
ANNOTATIONS = (STATIC, f"DEAM_Annotations/{STATIC}")
MOMENTS = "annotations/annotations averaged per song/dynamic (per second annotations)"
DYNAMIC = (MOMENTS, f"DEAM_Annotations/{MOMENTS}")
SAMPLE = re.compile(r"sample_(\d+)ms")
AUDIO = ("MEMD_audio", "DEAM_audio/MEMD_audio", "audio")
METADATA = ("metadata", "DEAM_Metadata/metadata")
#: place of artist, title, album and genre in each year's metadata
PLACES = {"2013": (2, 3, None, 6), "2014": (1, 3, 2, 4), "2015": (3, 2, 4, 5)}
NOTE = "Excerpts of 45 s and whole songs, rated as a whole; groups by artist."


def is_there(root: Path) -> bool:
    """Whether a folder holds the data set."""
    return (first_folder(root, *ANNOTATIONS) / FILES[0]).is_file()


def load(root: Path) -> Corpus:
    """Load the rated songs whose audio is there.

    Raises
    ------
    DatasetError
        If a file is missing or is not as published.
    """
    place, audio = first_folder(root, *ANNOTATIONS), first_folder(root, *AUDIO)
    known = _metadata(first_folder(root, *METADATA))
    courses = _courses(first_folder(root, *DYNAMIC))
    tracks = []
    for name in FILES:
        path = place / name
        if name != FILES[0] and not path.is_file():
            continue  # some copies lack the 58 songs of 2015
        for song, cells in by_id(table_rows(path, COLUMNS)).items():
            number = song.removesuffix(".0")
            artist, title, album, genre = known.get(number, ("", "", "", ""))
            tracks.append(
                Track(
                    id=number,
                    path=audio / f"{number}.mp3",
                    label=NO_LABEL,
                    genre=genre,
                    artist=artist,
                    album=album,
                    title=title,
                    ratings=(rating_of(path, *cells[:2]), rating_of(path, *cells[2:])),
                    course=courses.get(number),
                )
            )
    return rated_corpus(NAME, tracks, SCALES, note=NOTE, source=place)


def _courses(place: Path) -> dict[str, Course]:
    """Return the course of each song, as far as the files are there."""
    said: dict[str, dict[float, list[float]]] = {}
    for column, scale in enumerate(SCALES):
        path = place / f"{scale.name}.csv"
        rows = all_rows(path) if path.is_file() else iter(())
        head = next(rows, [])
        moments = [(n, SAMPLE.fullmatch(name)) for n, name in enumerate(head)]
        places = [(n, int(found[1]) / 1000.0) for n, found in moments if found]
        for row in rows:
            song = said.setdefault(row[0].removesuffix(".0"), {}) if row else {}
            for n, time in places:
                if n < len(row) and row[n]:
                    spread = (number_of(path, row[n]) + 1.0) / 2.0 * (scale.high - scale.low)
                    song.setdefault(time, [math.nan] * len(SCALES))[column] = scale.low + spread
    courses = {song: course_of_means(moments.items()) for song, moments in said.items()}
    return {song: course for song, course in courses.items() if course is not None}


def _metadata(place: Path) -> dict[str, tuple[str, str, str, str]]:
    """Return artist, title, album and genre of each song, as far as the files are there."""
    found: dict[str, tuple[str, str, str, str]] = {}
    for year, places in PLACES.items():
        path = place / f"metadata_{year}.csv"
        for row in all_rows(path) if path.is_file() else ():
            if row and row[0].isdigit():
                cells = [
                    row[n].strip("\"' \t") if n is not None and n < len(row) else "" for n in places
                ]
                found.setdefault(row[0], (cells[0], cells[1], cells[2], cells[3]))
    return found


LOADER = Loader(
    NAME,
    "1,802 songs and excerpts, static valence and arousal from 1 to 9",
    f"{STATIC}/static_annotations_averaged_songs_*.csv, MEMD_audio/ and metadata/",
    "the music is under Creative Commons; see the data set's own page for the annotations",
    """\
@article{aljanaki2017developing,
  author  = {Aljanaki, Anna and Yang, Yi-Hsuan and Soleymani, Mohammad},
  title   = {Developing a benchmark for emotional analysis of music},
  journal = {PLoS ONE},
  volume  = {12},
  number  = {3},
  year    = {2017}
}""",
    is_there,
    load,
)
