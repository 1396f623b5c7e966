"""PMEmo: choruses of 794 popular songs, valence and arousal from 0 to 1.

Zhang and others, *The PMEmo dataset for music emotion recognition*, ICMR 2018. The static ratings
of whole choruses are read. Artists are groups.

Layout and column names as programs in public repositories read them (several of them agree, and the
notebooks of github.com/HuiZhangDB/PMEmo): ``annotations/static_annotations.csv`` with ``musicId,
Arousal(mean),Valence(mean)``, ``annotations/static_annotations_std.csv`` with
``musicId,Arousal(std),Valence(std)``, ``metadata.csv`` with ``musicId``, ``title``, ``artist`` and
``album``, and the audio, ``chorus/<musicId>.mp3``. How many people rated a song is not in these
files. Ratings over time are read where they are: ``annotations/dynamic_annotations.csv`` with
``musicId,frameTime,Arousal(mean),Valence(mean)``, the time in seconds.
"""

from __future__ import annotations

from pathlib import Path

from music_emotion.datasets.corpus import NO_LABEL, Corpus, Track
from music_emotion.datasets.courses import Course, course_of_means
from music_emotion.datasets.loader import (
    Loader,
    by_id,
    number_of,
    rated_corpus,
    rating_of,
    table_rows,
)
from music_emotion.datasets.ratings import Scale

NAME = "pmemo"
SCALES = (Scale("valence", 0.0, 1.0), Scale("arousal", 0.0, 1.0))
MEANS, DEVIATIONS = "annotations/static_annotations.csv", "annotations/static_annotations_std.csv"
MOMENTS = "annotations/dynamic_annotations.csv"
METADATA, AUDIO = "metadata.csv", "chorus"
NOTE = "Choruses of popular songs, rated as a whole; groups by artist."


def is_there(root: Path) -> bool:
    """Whether a folder holds the data set."""
    return (root / MEANS).is_file() and (root / METADATA).is_file()


def load(root: Path) -> Corpus:
    """Load the rated songs whose chorus is there.

    Raises
    ------
    DatasetError
        If a file is missing or is not as published.
    """
    path = root / MEANS
    means = by_id(table_rows(path, ("musicId", "Valence(mean)", "Arousal(mean)")))
    spreads = by_id(table_rows(root / DEVIATIONS, ("musicId", "Valence(std)", "Arousal(std)")))
    known = by_id(table_rows(root / METADATA, ("musicId", "artist", "album", "title")))
    courses = _courses(root / MOMENTS)
    tracks = []
    for song, said in means.items():
        artist, album, title = known.get(song, ["", "", ""])
        pairs = zip(said, spreads.get(song, ["", ""]), strict=True)
        tracks.append(
            Track(
                id=song,
                path=root / AUDIO / f"{song}.mp3",
                label=NO_LABEL,
                artist=artist,
                album=album,
                title=title,
                ratings=tuple(rating_of(path, mean, spread) for mean, spread in pairs),
                course=courses.get(song),
            )
        )
    return rated_corpus(NAME, tracks, SCALES, note=NOTE, source=path)


def _courses(path: Path) -> dict[str, Course]:
    """Return the course of each song, as far as the file is there."""
    moments: dict[str, list[tuple[float, list[float]]]] = {}
    columns = ("musicId", "frameTime", "Valence(mean)", "Arousal(mean)")
    for song, *cells in table_rows(path, columns) if path.is_file() else ():
        time, *means = (number_of(path, cell) for cell in cells)
        moments.setdefault(song, []).append((time, means))
    courses = {song: course_of_means(found) for song, found in moments.items()}
    return {song: course for song, course in courses.items() if course is not None}


LOADER = Loader(
    NAME,
    "choruses of 794 popular songs, static valence and arousal from 0 to 1",
    f"{MEANS}, {DEVIATIONS}, {METADATA} and {AUDIO}/",
    "see the data set's own page; the music is under copyright and must not be passed on",
    """\
@inproceedings{zhang2018pmemo,
  author    = {Zhang, Kejun and Zhang, Hui and Li, Simeng and Yang, Changyuan and Sun, Lingyun},
  title     = {The {PMEmo} Dataset for Music Emotion Recognition},
  booktitle = {Proceedings of the 2018 ACM International Conference on Multimedia Retrieval},
  pages     = {135--142},
  year      = {2018}
}""",
    is_there,
    load,
)
