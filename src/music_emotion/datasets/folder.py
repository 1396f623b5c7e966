"""A user's own data: a folder of audio files and a CSV table (see :mod:`.manifest`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from music_emotion.audio.files import AudioHeader, read_header
from music_emotion.datasets.corpus import Corpus, Track, audio_digests, corpus_fingerprint
from music_emotion.datasets.grouping import group_names, split_credit
from music_emotion.datasets.manifest import Manifest, read_manifest
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
    manifest, paths, problems = read_folder(folder, csv)
    if problems:
        more = len(problems) - 1
        hint = f" ({more} more; `music-emotion dataset validate` lists them)" if more else ""
        raise DatasetError(problems[0] + hint)
    tracks = []
    for row, path, digest in zip(manifest.rows, paths, audio_digests(paths), strict=True):
        header = _header_or_nothing(path)
        artist = row.track.artist or header.artist
        track = replace(row.track, path=path, digest=digest, artist=artist)
        tracks.append(replace(track, album=header.album, title=header.title))
    recordings = _recordings(tracks)
    groups = _groups(tracks, recordings, manifest.has_groups)
    tracks = [
        replace(track, group=group, recording=recording)
        for track, group, recording in zip(tracks, groups, recordings, strict=True)
    ]
    return Corpus(
        name=name or folder.resolve().name,
        tracks=tuple(tracks),
        fingerprint=corpus_fingerprint(tracks),
        note=_note(tracks, manifest.has_groups),
    )


def read_folder(folder: Path, csv: Path) -> tuple[Manifest, list[Path], list[str]]:
    """Read a table and look for its files, without opening any.

    Returns
    -------
    manifest
        The table.
    paths
        The audio file of each row, there or not.
    problems
        Every mistake in the table, one line each, naming file, row and remedy.

    Raises
    ------
    DatasetError
        If the table as a whole cannot be read.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: is not a folder; name the folder of the audio files")
    manifest = read_manifest(csv)
    paths = [_audio_path(folder, row.path) for row in manifest.rows]
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
        elif first_id.setdefault(row.track.id, row.number) != row.number:
            earlier = first_id[row.track.id]
            found.append(
                f"{where} id {printable(row.track.id)} is already in row {earlier}; give each "
                "track its own"
            )
    return manifest, paths, found


def _audio_path(folder: Path, name: str) -> Path:
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


def _recordings(tracks: Sequence[Track]) -> list[str]:
    """Name each track's recording by the first id that holds the same file."""
    first: dict[str, str] = {}
    for track in tracks:
        first[track.digest] = min(first.get(track.digest, track.id), track.id)
    return [first[track.digest] for track in tracks]


def _groups(tracks: Sequence[Track], recordings: Sequence[str], has_groups: bool) -> list[str]:
    if has_groups:
        own = [{track.group} if track.group else set() for track in tracks]
        return group_names(own, recordings, key=str)
    return group_names([split_credit(track.artist) for track in tracks], recordings)


def _note(tracks: Sequence[Track], has_groups: bool) -> str:
    kind = "listeners' votes" if tracks[0].votes is not None else "labels"
    nameless = sum(not track.artist for track in tracks)
    if has_groups:
        groups = "groups as given"
    elif nameless < len(tracks):
        groups = "groups by artist" + (f" ({nameless} tracks name none)" if nameless else "")
    else:
        groups = "no artists known, so every recording is a group of its own"
    return f"A user's own tracks with {kind}; {groups}."
