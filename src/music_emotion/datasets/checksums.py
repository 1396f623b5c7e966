"""What a file contains, in 64 characters: SHA-256 of audio files and of a whole corpus."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from music_emotion.datasets.corpus import Track
from music_emotion.errors import DatasetError

PUBLISHED_LIST = "published.sha256"
HASHING_THREADS = 4


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal characters.

    Raises
    ------
    DatasetError
        If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(f"{path}: cannot be read ({reason}); check the file") from error


def file_digests(paths: Iterable[Path]) -> tuple[str, ...]:
    """Return the SHA-256 of each file, in order; hashing releases the interpreter's lock."""
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        return tuple(pool.map(file_digest, paths))


@cache
def published_digests() -> Mapping[str, str]:
    """Return the SHA-256 of EMOTIFY's files as published, by path: ``emotifymusic/rock/7.mp3``."""
    text = resources.files(__package__).joinpath(PUBLISHED_LIST).read_text(encoding="ascii")
    pairs = (line.split(maxsplit=1) for line in text.splitlines() if line.strip())
    return MappingProxyType({name: digest for digest, name in pairs})


def corpus_fingerprint(tracks: Sequence[Track], digests: Sequence[str]) -> str:
    """Return one SHA-256 over everything an evaluation depends on.

    Covers per track the id, label, genre, group, recording, votes, listeners and the content of
    the audio file, in corpus order; neither file names nor folders.

    Parameters
    ----------
    tracks
        The tracks.
    digests
        SHA-256 of each track's audio file.
    """
    total = hashlib.sha256()
    for track, digest in zip(tracks, digests, strict=True):
        row = (
            track.id,
            track.label,
            track.genre,
            track.group,
            track.recording,
            track.votes,
            track.listeners,
            digest,
        )
        total.update(json.dumps(row).encode() + b"\n")
    return total.hexdigest()
