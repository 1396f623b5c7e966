"""Results of a cluster → a catalogue, for find, playlist and tag.

Results may be older than the catalogue and the disk: a row that was scanned later stays as it is, a
file that changed since is left to the next scan, and so is one that was moved.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from music_emotion.errors import CatalogueError, printable
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.distributed.shards import ShardFolder
from music_emotion.library.locations import is_url
from music_emotion.library.lock import scan_lock
from music_emotion.library.track import CatalogueTrack, FileStamp
from music_emotion.library.vectors import refresh_vectors

AT_ONCE = 1_000  # rows in one transaction


@dataclass(frozen=True, slots=True)
class Imported:
    """Number of rows that were written, and of those that were passed over as outdated."""

    written: int
    outdated: int


@contextmanager
def held_catalogue(path: Path) -> Iterator[Catalogue]:
    """Give a catalogue to write into, and keep others from scanning into it for that long.

    Raises
    ------
    CatalogueError
        A scan is running, or the catalogue cannot be written.
    """
    with scan_lock(path), Catalogue.open(path, write=True) as catalogue:
        yield catalogue


def check_model(catalogue: Catalogue, model_sha256: str) -> None:
    """Refuse what a model predicted that is not the catalogue's.

    Raises
    ------
    CatalogueError
        It is another model.
    """
    names = catalogue.models()
    if names and model_sha256 not in names:
        raise CatalogueError(
            f"the catalogue '{printable(catalogue.path)}' was predicted by another model "
            f"({printable(', '.join(names.values()))}); name another with --catalogue"
        )


def import_shards(location: str, catalogue: Catalogue) -> Imported:
    """Write the rows of all shards into a catalogue; see :func:`held_catalogue`.

    A row takes the place of one with the same path that is not newer. Passed over are paths of this
    machine whose file has another size or time than when it was predicted, or is gone while the
    catalogue has its sound elsewhere. Other files that are gone are marked as missing.

    Raises
    ------
    CatalogueError
        A shard is damaged or of another model than the catalogue, or the catalogue cannot be
        written.
    """
    written = outdated = 0
    rows = ShardFolder(location).read()
    while some := list(islice(rows, AT_ONCE)):
        for model in {row.model_sha256 for row in some if row.model_sha256}:
            check_model(catalogue, model)
        kept = [row for row in (_up_to_date(row, catalogue) for row in some) if row is not None]
        catalogue.write_all(kept)
        written += len(kept)
        outdated += len(some) - len(kept)
    refresh_vectors(catalogue)
    return Imported(written, outdated)


def _up_to_date(row: CatalogueTrack, catalogue: Catalogue) -> CatalogueTrack | None:
    """Return a row as it is to be written; ``None`` where the catalogue or the disk is newer."""
    own = catalogue.track(row.path)
    if own is not None and own.scanned_at > row.scanned_at:
        return None
    missing = None if own is None else own.missing_since
    if is_url(row.path):
        return replace(row, missing_since=missing)
    try:
        stamp = FileStamp.read(row.path)
    except (FileNotFoundError, NotADirectoryError):
        if any(other.missing_since is None for other in _elsewhere(row, catalogue)):
            return None
        return replace(row, missing_since=missing or int(time.time()))
    except OSError:
        return replace(row, missing_since=missing)
    # Nodes of a cluster may number the files of a shared disk otherwise.
    if (stamp.size, stamp.mtime_ns) != (row.stamp.size, row.stamp.mtime_ns):
        return None
    return replace(row, stamp=stamp)


def _elsewhere(row: CatalogueTrack, catalogue: Catalogue) -> list[CatalogueTrack]:
    return [other for other in catalogue.with_audio(row.audio) if other.path != row.path]
