"""Results of a cluster → a catalogue, for find, playlist and tag."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from music_emotion.library.catalogue import Catalogue
from music_emotion.library.lock import scan_lock
from music_emotion.library.shards import ShardFolder
from music_emotion.library.vectors import refresh_vectors

AT_ONCE = 1_000  # rows in one transaction


def import_shards(location: str, catalogue: Path) -> int:
    """Write the rows of all shards into a catalogue, in place of those with the same paths.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    CatalogueError
        A shard is damaged, another scan is running, or the catalogue cannot be written.
    """
    count = 0
    with scan_lock(catalogue), Catalogue.open(catalogue, write=True) as opened:
        rows = ShardFolder(location).read()
        while written := opened.write_all(islice(rows, AT_ONCE)):
            count += len(written)
        refresh_vectors(opened)
    return count
