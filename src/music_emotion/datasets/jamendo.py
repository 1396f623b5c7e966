"""MTG-Jamendo, mood and theme: 18,486 tracks under Creative Commons with tags of their uploaders.

Bogdanov and others, *The MTG-Jamendo dataset for automatic music tagging*, ML for Music Discovery
Workshop, ICML 2019. A tag is a scale from 0 to 1, and every track has 1 or 0 on it. Nobody was
asked how a track feels: a 0 says that its uploader did not think of the word. Artists are groups.

Layout as in github.com/MTG/mtg-jamendo-dataset (its README and ``scripts/commons.py``):
``data/autotagging_moodtheme.tsv`` with TRACK_ID, ARTIST_ID, ALBUM_ID, PATH (``56/1376256.mp3``),
DURATION and the tags, one a column from there on (``mood/theme---happy``); the audio below
``audio``, as in PATH or, of the small variant, ``56/1376256.low.mp3``.
"""

from __future__ import annotations

from pathlib import Path

from music_emotion.datasets.corpus import NO_LABEL, Corpus, Track
from music_emotion.datasets.loader import Loader, all_rows, first_folder, rated_corpus
from music_emotion.datasets.ratings import Rating, Scale, column_name
from music_emotion.errors import DatasetError

NAME = "jamendo"
TABLE = "autotagging_moodtheme.tsv"
TABLES = (f"data/{TABLE}", TABLE)
HEAD = ["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS"]
MOOD = "mood/theme---"
AUDIO = ("audio", "data/audio", "autotagging_moodtheme")
NOTE = "Tags of mood and theme, 1 where the uploader gave it, else 0; groups by artist."


def is_there(root: Path) -> bool:
    """Whether a folder holds the data set."""
    return _table(root).is_file()


def load(root: Path) -> Corpus:
    """Load the tracks whose audio is there; tags that none or all of them have are left out.

    Raises
    ------
    DatasetError
        If the table is not as published, or no audio is there.
    """
    path, audio = _table(root), first_folder(root, *AUDIO)
    rows = all_rows(path, "\t")
    if next(rows, []) != HEAD:
        raise DatasetError(f"{path}: its head is not {' '.join(HEAD)}; fetch the file anew")
    tagged = [(row, {t.removeprefix(MOOD) for t in row[5:] if t.startswith(MOOD)}) for row in rows]
    names = sorted({tag for _, tags in tagged for tag in tags})
    tracks = [
        Track(
            id=row[0],
            path=_audio(audio, row[3]),
            label=NO_LABEL,
            artist=row[1],
            group=row[1],
            album=row[2],
            ratings=tuple(Rating(float(name in tags)) for name in names),
        )
        for row, tags in tagged
        if len(row) >= len(HEAD) - 1
    ]
    scales = [Scale(column_name(name), 0.0, 1.0) for name in names]
    return rated_corpus(NAME, tracks, scales, note=NOTE, source=path)


def _table(root: Path) -> Path:
    return next((root / name for name in TABLES if (root / name).is_file()), root / TABLES[0])


def _audio(folder: Path, name: str) -> Path:
    path = folder / name
    low = path.with_suffix(".low.mp3")
    return low if low.is_file() and not path.is_file() else path


LOADER = Loader(
    NAME,
    "18,486 tracks with tags of mood and theme, each tag a scale from 0 to 1",
    f"data/{TABLE} and audio/",
    "metadata CC BY-NC-SA 4.0, audio under Creative Commons by track (audio_licenses.txt)",
    """\
@inproceedings{bogdanov2019mtg,
  author    = {Bogdanov, Dmitry and Won, Minz and Tovstogan, Philip and Porter, Alastair and
               Serra, Xavier},
  title     = {The {MTG-Jamendo} Dataset for Automatic Music Tagging},
  booktitle = {Machine Learning for Music Discovery Workshop, ICML},
  year      = {2019}
}""",
    is_there,
    load,
)
