"""EMOTIFY: 400 one-minute excerpts in four genres and what their listeners felt.

Aljanaki, Wiering and Veltkamp, *Studying emotion induced by music through a crowdsourcing game*,
Information Processing & Management 52(1), 2016. The data come from the memotion project of Utrecht
University; :mod:`music_emotion.datasets.download` fetches them.

Track ids run through the genres in the order of :data:`GENRES`, which is not alphabetical. The
dominant emotion of a track is the one most listeners ticked, ties going to the earlier column of
``data.csv``. A listener who ticked nothing counts as a listener, and rows that repeat another row
belong to the published counts.

Credits and duplicates were compiled by reading the tags of the 400 files. The duplicates are all
there are: among the 79,800 pairs of tracks, the normalised cross-correlation of the waveforms'
differences at 1 kHz reaches .94–.99 for these five and at most .27 for every other pair.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.files import AudioHeader, read_header
from music_emotion.datasets.corpus import Corpus, Track, audio_digests, corpus_fingerprint
from music_emotion.datasets.grouping import group_names, normalise_name, split_credit
from music_emotion.datasets.votes import TRACK_COLUMN, VoteTable, read_columns, vote_table
from music_emotion.digest import FileDigest
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import AudioError, DatasetError

NAME = "emotify"
ROOT_VARIABLE = "EMOTIFY_ROOT"
ANNOTATIONS = "data.csv"
PUBLISHED_LIST = "published.sha256"
MUSIC_FOLDER = "emotifymusic"
GENRES = ("classical", "rock", "electronic", "pop")
TRACKS_PER_GENRE = 100
TRACK_COUNT = TRACKS_PER_GENRE * len(GENRES)
TRACK_IDS = range(1, TRACK_COUNT + 1)
CLASS_COUNTS: Mapping[str, int] = {
    "calmness": 98,
    "joyful_activation": 93,
    "nostalgia": 53,
    "tension": 44,
    "power": 34,
    "solemnity": 29,
    "tenderness": 27,
    "sadness": 19,
    "amazement": 3,
}
REMEDY = "`music-emotion dataset download` fetches the published data"

COMPILATION_CREDITS: Mapping[int, str] = {
    9: "Sonnerie",
    137: "Rocket City Riot",
    138: "Fluid",
    168: "Brad Sucks",
    169: "Rocket City Riot",
    248: "Mr Gelatine",
    328: "Four Stones",
    369: "Pat Chilla",
}
"""Artists named in the title where the artist tag names a compilation, by track id."""

COMPILATION_ARTISTS = ("Magnatune Compilation", "Magnatune Remixed")
"""The artist tags of these tracks: albums, not people."""

FURTHER_CREDITS: Mapping[int, str] = {
    # A disc jockey's mixes: the title names whose piece it is.
    105: "Mountain Mirrors",
    226: "Hans Christian",
    227: "Mr Epic",
    317: "Ammonite",
    318: "Dr Kuch",
    # A guest, and two remixes of "Brilliant Day", which is track 325.
    220: "Canola Tenderfoot",
    322: "Lisa DeBenedictis",
    369: "Lisa DeBenedictis",
}
"""Artists to be heard besides the one in the artist tag, by track id."""

DUPLICATES: tuple[tuple[int, ...], ...] = ((54, 80), (163, 166), (170, 176), (172, 175), (359, 366))
"""Track ids that hold the same recording."""

CITATION = """\
@article{aljanaki2016emotify,
  author  = {Aljanaki, Anna and Wiering, Frans and Veltkamp, Remco C.},
  title   = {Studying emotion induced by music through a crowdsourcing game},
  journal = {Information Processing \\& Management},
  volume  = {52},
  number  = {1},
  pages   = {115--128},
  year    = {2016}
}"""
LICENCE_NOTE = (
    "EMOTIFY is published for research with the request to cite the article; no licence is "
    "stated. The music is Magnatune's. This package holds neither audio nor annotations."
)


def user_cache() -> Path:
    """Return the folder in the user's cache that downloads go to."""
    import platformdirs

    return platformdirs.user_cache_path("music-emotion") / NAME


def find_root() -> Path | None:
    """Return the folder that holds EMOTIFY, or ``None``.

    Looks at the environment variable ``EMOTIFY_ROOT``, then ``data/emotify`` under the working
    directory, then the user's cache. DatasetError if the variable's folder has no ``data.csv``.
    """
    named = os.environ.get(ROOT_VARIABLE)
    if named:
        root = Path(named).expanduser()
        if not (root / ANNOTATIONS).is_file():
            raise DatasetError(
                f"{ROOT_VARIABLE}={named} holds no {ANNOTATIONS}; correct or unset it"
            )
        return root
    candidates = (Path("data") / NAME, user_cache())
    return next((root for root in candidates if (root / ANNOTATIONS).is_file()), None)


@cache
def published_digests() -> Mapping[str, str]:
    """Return the SHA-256 of EMOTIFY's files as published, by path: ``emotifymusic/rock/7.mp3``."""
    text = resources.files(__package__).joinpath(PUBLISHED_LIST).read_text(encoding="ascii")
    pairs = (line.split(maxsplit=1) for line in text.splitlines() if line.strip())
    return MappingProxyType({name: digest for digest, name in pairs})


def published_name(track_id: int) -> str:
    """Return the published path of a track's audio: ``emotifymusic/rock/7.mp3`` for 107."""
    return f"{MUSIC_FOLDER}/{genre_of(track_id)}/{(track_id - 1) % TRACKS_PER_GENRE + 1}.mp3"


def genre_of(track_id: int) -> str:
    """Return the genre of a track id, 1–400."""
    return GENRES[(track_id - 1) // TRACKS_PER_GENRE]


def locate_audio(root: Path) -> dict[int, Path]:
    """Return the audio files that exist, by track id.

    Takes the published layout (``<genre>/<n>.mp3`` under ``emotifymusic`` or directly under the
    root) and the flat one (``<id>.mp3``, in the same two places).
    """
    found: dict[int, Path] = {}
    for track_id in TRACK_IDS:
        published = Path(published_name(track_id))
        flat = f"{track_id}.mp3"
        names = (published, published.relative_to(MUSIC_FOLDER), Path(MUSIC_FOLDER, flat), flat)
        path = next((root / name for name in names if (root / name).is_file()), None)
        if path is not None:
            found[track_id] = path
    return found


def load(root: Path | None = None) -> Corpus:
    """Load EMOTIFY's tracks with their votes, groups and recordings.

    The root is the folder with ``data.csv`` and the audio; by default the one :func:`find_root`
    finds. The 400 tracks come in the order of their ids.

    Raises
    ------
    DatasetError
        If the data are not found, incomplete, or not those that were published: the class counts,
        the genres and the identity of the audio files are checked. A re-encoded copy is accepted,
        and the corpus's note says so.
    """
    root = root or find_root()
    if root is None:
        raise DatasetError(
            f"EMOTIFY is not in {ROOT_VARIABLE}, data/{NAME} or {user_cache()}; {REMEDY}"
        )
    annotations = root / ANNOTATIONS
    if not annotations.is_file():
        raise DatasetError(f"{annotations}: no such file; {REMEDY}")
    rows = read_columns(annotations, ("genre", TRACK_COLUMN, *EMOTIONS))
    table = vote_table(annotations, [row[1:] for row in rows])
    labels = table.votes.argmax(axis=1)
    _check_annotations(annotations, rows, table, labels)
    paths = _all_audio(root)
    headers = [_header(path) for path in paths]
    _check_tags(paths, headers)
    digests = audio_digests(paths)
    _check_identity(paths, digests)
    tracks = _tracks(paths, headers, digests, table, labels)
    return Corpus(
        name=NAME,
        tracks=tracks,
        fingerprint=corpus_fingerprint(tracks),
        note=_provenance(headers, digests),
        vote_table=table,
    )


def _tracks(
    paths: Sequence[Path],
    headers: Sequence[AudioHeader],
    digests: Sequence[FileDigest],
    table: VoteTable,
    labels: NDArray[np.int64],
) -> tuple[Track, ...]:
    artists = [
        COMPILATION_CREDITS.get(track_id, header.artist)
        for track_id, header in enumerate(headers, 1)
    ]
    names = [
        split_credit(artist) | split_credit(FURTHER_CREDITS.get(track_id, ""))
        for track_id, artist in enumerate(artists, 1)
    ]
    duplicates = {track_id: str(min(pair)) for pair in DUPLICATES for track_id in pair}
    recordings = [duplicates.get(track_id, str(track_id)) for track_id in TRACK_IDS]
    groups = group_names(names, recordings)
    votes, listeners = table.votes, table.listeners
    return tuple(
        Track(
            id=table.ids[row],
            path=paths[row],
            label=int(labels[row]),
            genre=genre_of(row + 1),
            artist=artists[row],
            album=headers[row].album,
            title=headers[row].title,
            group=groups[row],
            recording=recordings[row],
            votes=tuple(votes[row].tolist()),
            listeners=int(listeners[row]),
            digest=digests[row],
        )
        for row in range(TRACK_COUNT)
    )


def _check_annotations(
    path: Path, rows: Sequence[Sequence[str]], table: VoteTable, labels: NDArray[np.int64]
) -> None:
    if table.ids != tuple(map(str, TRACK_IDS)):
        raise DatasetError(
            f"{path}: {len(table.ids)} tracks instead of 1 to {TRACK_COUNT}; {REMEDY}"
        )
    for line, (genre, number, *_) in enumerate(rows, 2):
        track_id, genre = int(number), genre.strip()
        if genre != genre_of(track_id):
            raise DatasetError(
                f"{path}: line {line} calls track {track_id} {genre!r} where the published data "
                f"say {genre_of(track_id)!r}; {REMEDY}"
            )
    counts = Counter(EMOTIONS[label] for label in labels)
    for emotion, published in CLASS_COUNTS.items():
        if counts[emotion] != published:
            raise DatasetError(
                f"{path}: {counts[emotion]} tracks of {emotion} where the published data have "
                f"{published}; {REMEDY}"
            )


def _all_audio(root: Path) -> list[Path]:
    found = locate_audio(root)
    missing = [track_id for track_id in TRACK_IDS if track_id not in found]
    if missing:
        raise DatasetError(
            f"{root}: {len(missing)} of {TRACK_COUNT} audio files are missing, the first is "
            f"{published_name(missing[0])} (or {missing[0]}.mp3); {REMEDY}"
        )
    return [found[track_id] for track_id in TRACK_IDS]


def _header(path: Path) -> AudioHeader:
    try:
        return read_header(path)
    except AudioError as error:
        raise DatasetError(f"{error} ({REMEDY})") from error


def _check_tags(paths: Sequence[Path], headers: Sequence[AudioHeader]) -> None:
    """Check that honest groups can be formed, and by tell-tale tags that files are what they say.

    A copy that is numbered in another order of the genres would otherwise load without a word.
    """
    nameless = [path for path, header in zip(paths, headers, strict=True) if not header.artist]
    if nameless:
        raise DatasetError(
            f"{nameless[0]}: has no artist tag ({len(nameless)} such files), so tracks of one "
            f"artist cannot be kept together; use a copy with the published tags: {REMEDY}"
        )
    compilations = {normalise_name(name) for name in COMPILATION_ARTISTS}
    for track_id, (path, header) in enumerate(zip(paths, headers, strict=True), 1):
        on_compilation = normalise_name(header.artist) in compilations
        if on_compilation != (track_id in COMPILATION_CREDITS):
            raise DatasetError(
                f"{path}: artist {header.artist!r} is not that of track {track_id}; the files are "
                f"numbered in another order, genres run {', '.join(GENRES)}: {REMEDY}"
            )


def _check_identity(paths: Sequence[Path], digests: Sequence[FileDigest]) -> None:
    published = published_digests()
    owner = {published[published_name(track_id)]: track_id for track_id in TRACK_IDS}
    for track_id, (path, digest) in enumerate(zip(paths, digests, strict=True), 1):
        held = owner.get(digest.sha256, track_id)
        if held != track_id:
            raise DatasetError(
                f"{path}: stands for track {track_id} but holds track {held}; rename the files as "
                f"published, or: {REMEDY}"
            )


def _provenance(headers: Sequence[AudioHeader], digests: Sequence[FileDigest]) -> str:
    published = published_digests()
    other = [
        row
        for row, digest in enumerate(digests)
        if digest.sha256 != published[published_name(row + 1)]
    ]
    if not other:
        return "The published audio: all 400 checksums match."
    channels = Counter("mono" if headers[row].channels == 1 else "stereo" for row in other)
    size = sum(digests[row].stamp.size for row in other)
    seconds = sum(headers[row].duration for row in other)
    kilobits = size * 8 / 1000 / max(seconds, 1.0)
    return (
        f"A re-encode of the published audio ({channels.most_common(1)[0][0]}, about "
        f"{kilobits:.0f} kbit/s): {len(other)} of {TRACK_COUNT} files differ from the published "
        "checksums."
    )
