"""A user's own data: a folder of audio files and a CSV table (see :mod:`.manifest`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from music_emotion.datasets.checksums import corpus_fingerprint, file_digests
from music_emotion.datasets.corpus import Corpus, Track
from music_emotion.datasets.grouping import group_names, split_credit
from music_emotion.datasets.header import AudioHeader, read_header
from music_emotion.datasets.manifest import Manifest, Row, read_manifest
from music_emotion.errors import AudioError, DatasetError, MissingExtraError, printable

NO_HEADER = AudioHeader(duration=0.0, sample_rate=0, channels=0)


def load(folder: Path, csv: Path, *, name: str | None = None) -> Corpus:
    """Load the tracks a CSV table describes.

    Parameters
    ----------
    folder
        Folder that the table's paths start from.
    csv
        The table.
    name
        Name of the corpus; the folder's name by default.

    Returns
    -------
    Corpus
        Tracks in the table's order. Files with the same content count as one recording. Without a
        ``group`` column, tracks that share an artist, by the ``artist`` column or the files' tags,
        form a group.

    Raises
    ------
    DatasetError
        For the first mistake in the table, naming file, row and remedy.
    """
    manifest, paths, problems = _read(folder, csv)
    if problems:
        more = len(problems) - 1
        hint = f" ({more} more; `music-emotion dataset validate` lists them)" if more else ""
        raise DatasetError(problems[0] + hint)
    digests = file_digests(paths)
    headers = [_header_or_nothing(path) for path in paths]
    recordings = _recordings(manifest.rows, digests)
    artists = [
        row.artist or header.artist for row, header in zip(manifest.rows, headers, strict=True)
    ]
    tracks = tuple(
        Track(
            id=row.id,
            path=path,
            label=row.label,
            genre=row.genre,
            artist=artist,
            album=header.album,
            title=header.title,
            group=group,
            recording=recording,
            votes=row.votes,
            listeners=row.listeners,
        )
        for row, path, header, artist, group, recording in zip(
            manifest.rows,
            paths,
            headers,
            artists,
            _groups(manifest, artists, recordings),
            recordings,
            strict=True,
        )
    )
    return Corpus(
        name=name or folder.resolve().name,
        tracks=tracks,
        fingerprint=corpus_fingerprint(tracks, digests),
        note=_note(manifest, artists),
    )


def problems(folder: Path, csv: Path) -> list[str]:
    """Return every mistake in a table, one line each, naming file, row and remedy.

    Raises
    ------
    DatasetError
        If the table as a whole cannot be read.
    """
    return _read(folder, csv)[2]


def _read(folder: Path, csv: Path) -> tuple[Manifest, list[Path], list[str]]:
    """Return the table, the rows' audio files and the mistakes in file and row order."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: is not a folder; name the folder of the audio files")
    manifest = read_manifest(csv)
    paths = [audio_path(folder, row.path) for row in manifest.rows]
    found = list(manifest.problems)
    first_path: dict[Path, int] = {}
    first_id: dict[str, int] = {}
    for row, path in zip(manifest.rows, paths, strict=True):
        where = f"{csv}: row {row.number}:"
        shown = printable(row.path)
        if not path.is_file():
            found.append(f"{where} there is no file {shown} in {folder}; correct the path")
            continue
        earlier = first_path.setdefault(path.resolve(), row.number)
        if earlier != row.number:
            found.append(f"{where} {shown} is already in row {earlier}; remove one of them")
        elif first_id.setdefault(row.id, row.number) != row.number:
            found.append(
                f"{where} id {printable(row.id)} is already in row {first_id[row.id]}; give each "
                "track its own"
            )
    return manifest, paths, found


def audio_path(folder: Path, name: str) -> Path:
    """Return the file a table's path means; backslashes from other systems are understood."""
    path = folder / name
    if "\\" in name and not path.is_file():
        return folder / name.replace("\\", "/")
    return path


def _header_or_nothing(path: Path) -> AudioHeader:
    """Read the header; a file that cannot be read is reported where its sound is needed."""
    try:
        return read_header(path)
    except (AudioError, MissingExtraError):
        return NO_HEADER


def _recordings(rows: Sequence[Row], digests: Sequence[str]) -> list[str]:
    first: dict[str, str] = {}
    for row, digest in zip(rows, digests, strict=True):
        first[digest] = min(first.get(digest, row.id), row.id)
    return [first[digest] for digest in digests]


def _groups(manifest: Manifest, artists: Sequence[str], recordings: Sequence[str]) -> list[str]:
    if manifest.has_groups:
        own = [{row.group} if row.group else set() for row in manifest.rows]
        return group_names(own, recordings, key=str)
    return group_names([split_credit(artist) for artist in artists], recordings)


def _note(manifest: Manifest, artists: Sequence[str]) -> str:
    kind = "listeners' votes" if manifest.rows[0].votes is not None else "labels"
    if manifest.has_groups:
        groups = "groups as given"
    elif any(artists):
        nameless = sum(not artist for artist in artists)
        groups = "groups by artist" + (f" ({nameless} tracks name none)" if nameless else "")
    else:
        groups = "no artists known, so every recording is a group of its own"
    return f"A user's own tracks with {kind}; {groups}."
