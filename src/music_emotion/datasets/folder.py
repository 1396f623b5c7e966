"""A user's own data: a folder of audio files and a CSV table (see :mod:`.manifest`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

from music_emotion.audio.files import AudioHeader, read_header
from music_emotion.audio.kinds import AUDIO_SUFFIXES, suffix_of
from music_emotion.datasets.corpus import (
    LEFT_OUT,
    NO_LABEL,
    Corpus,
    Track,
    audio_digests,
    corpus_fingerprint,
    keep_scales,
)
from music_emotion.datasets.courses import CourseTable, beside, divided, on_scales, read_courses
from music_emotion.datasets.grouping import group_names, split_credit
from music_emotion.datasets.manifest import Manifest, Row, read_manifest
from music_emotion.datasets.ratings import Rating, Ratings, Scale, check_ratings
from music_emotion.digest import FileDigest
from music_emotion.errors import AudioError, DatasetError, MissingExtraError, printable

NO_HEADER = AudioHeader(duration=0.0, sample_rate=0, channels=0)


def load(
    folder: Path, csv: Path, *, name: str | None = None, ratings: Sequence[Scale] = ()
) -> Corpus:
    """Load the tracks a CSV table describes, in its order; its paths start from the folder.

    ``ratings`` are the table's columns of ratings where it does not show them itself. Rows of a
    table with ratings that cannot be used are left out, and so are ratings that are the same for
    every track; the corpus' remarks say so.

    Files with the same content count as one recording. Without a ``group`` column, tracks that
    share an artist, by the ``artist`` column or the files' tags, form a group. The corpus is called
    like the folder where no other name is given.

    Raises
    ------
    DatasetError
        For the first mistake in a table without ratings, naming file, row and remedy; where no row
        can be used.
    """
    of_tracks, of_moments = divided(csv, ratings)
    manifest, paths, problems = read_folder(folder, csv, of_tracks)
    if ratings and not of_tracks:  # what the table shows of its own accord is not what was named
        unrated = (replace(row, track=replace(row.track, ratings=())) for row in manifest.rows)
        manifest = replace(manifest, rows=tuple(unrated), scales=())
    names = [row.path for row in manifest.rows]
    over_time = CourseTable()
    if of_moments or not ratings:
        over_time = read_courses(beside(csv), names, manifest.scales, of_moments)
    if problems and not manifest.scales and not over_time.scales:
        more = len(problems) - 1
        hint = f" ({more} more; `music-emotion dataset validate` lists them)" if more else ""
        raise DatasetError(problems[0] + hint)
    if manifest.scales or over_time.scales:
        paths, manifest = _usable(paths, manifest)
        if not paths:
            raise DatasetError(problems[0])
    rated = {scale.name for scale in manifest.scales}
    scales = (*manifest.scales, *(one for one in over_time.scales if one.name not in rated))
    named = [
        replace(_followed(row, over_time, manifest.scales, scales), path=path)
        for row, path in zip(manifest.rows, paths, strict=True)
    ]
    tracks = identified(named, has_groups=manifest.has_groups)
    return build_corpus(
        name or folder.resolve().name,
        tracks,
        _note(tracks, manifest.has_groups),
        scales,
        [LEFT_OUT + problem for problem in (*problems, *over_time.problems)],
        str(csv),
    )


def _followed(
    row: Row, over_time: CourseTable, rated: Sequence[Scale], scales: Sequence[Scale]
) -> Track:
    """Return a track with what was said of it over time, whose mean is the rating of the whole.

    ``rated`` are the scales on which the whole was rated.
    """
    course = over_time.courses.get(row.path)
    if course is None:
        more = [Rating(math.nan)] * (len(scales) - len(rated))
        return replace(row.track, ratings=(*row.track.ratings, *more))
    course = on_scales(course, over_time.scales, scales)
    return replace(
        row.track,
        ratings=(*row.track.ratings, *course.whole[len(rated) :]),
        course=course,
    )


def identified(named: Sequence[Track], *, has_groups: bool) -> list[Track]:
    """Return tracks with what their files say: digest, tags, recording, and groups by those.

    Groups are those of the tracks where they have some, else they are formed from the artists.

    Raises
    ------
    DatasetError
        If a file cannot be read.
    """
    digests = audio_digests([track.path for track in named])
    tracks = []
    for one, digest in zip(named, digests, strict=True):
        header = _header_or_nothing(one.path)
        track = replace(one, digest=digest, artist=one.artist or header.artist)
        tracks.append(
            replace(track, album=one.album or header.album, title=one.title or header.title)
        )
    recordings = _recordings([track.id for track in tracks], digests)
    groups = _groups(tracks, recordings, has_groups)
    return [
        replace(track, group=group, recording=recording)
        for track, group, recording in zip(tracks, groups, recordings, strict=True)
    ]


def build_corpus(
    name: str,
    tracks: Sequence[Track],
    note: str,
    scales: Sequence[Scale],
    remarks: Sequence[str],
    source: str,
) -> Corpus:
    """Return a corpus of tracks without the scales that say nothing, which are remarked on.

    ``source`` is the table that the ratings stand in.

    Raises
    ------
    DatasetError
        If there are neither labels nor ratings that differ between tracks.
    """
    lines: list[str] = []
    if scales:
        ratings = Ratings.of(scales, [track.ratings for track in tracks])
        usable, lines = check_ratings(ratings, source)
        scales = tuple(scale for scale, keep in zip(scales, usable, strict=True) if keep)
        tracks = keep_scales(tracks, usable)
        if not scales and any(track.label == NO_LABEL for track in tracks):
            raise DatasetError(lines[0])
    return Corpus(
        name=name,
        tracks=tuple(tracks),
        fingerprint=corpus_fingerprint(tracks, scales),
        note=note,
        scales=tuple(scales),
        remarks=(*remarks, *lines),
    )


def _usable(paths: Sequence[Path], manifest: Manifest) -> tuple[list[Path], Manifest]:
    """Return the rows whose audio is there, each file and each id once."""
    rows, found = list[Row](), list[Path]()
    seen: set[Path | str] = set()
    for row, path in zip(manifest.rows, paths, strict=True):
        if path.is_file() and seen.isdisjoint((path.resolve(), row.track.id)):
            seen |= {path.resolve(), row.track.id}
            rows.append(row)
            found.append(path)
    return found, replace(manifest, rows=tuple(rows))


def read_folder(
    folder: Path, csv: Path, ratings: Sequence[Scale] = ()
) -> tuple[Manifest, list[Path], list[str]]:
    """Return a table, the audio file of each row, there or not, and the table's problems.

    Each problem is a line that names file, row and remedy. No audio file is opened.

    Raises
    ------
    DatasetError
        If the table as a whole cannot be read.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: is not a folder; name the folder of the audio files")
    manifest = read_manifest(csv, ratings)
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
    """Return the file a table's path means.

    Backslashes from other systems are understood; so is the name of what audio was made from, such
    as ``song.mid`` beside one ``song.mp3``.
    """
    path = folder / name
    if "\\" in name and not path.is_file():
        path = folder / name.replace("\\", "/")
    if path.is_file() or suffix_of(path.name) in AUDIO_SUFFIXES:
        return path
    made = [path.with_suffix(suffix) for suffix in sorted(AUDIO_SUFFIXES)] if path.name else []
    there = [one for one in made if one.is_file()]
    return there[0] if len(there) == 1 else path


def _header_or_nothing(path: Path) -> AudioHeader:
    """Read the header; a file that cannot be read is reported where its sound is needed."""
    try:
        return read_header(path)
    except (AudioError, MissingExtraError):
        return NO_HEADER


def _recordings(ids: Sequence[str], digests: Sequence[FileDigest]) -> list[str]:
    """Name each track's recording by the first id that holds the same file."""
    first: dict[str, str] = {}
    for track_id, digest in sorted(zip(ids, digests, strict=True), key=itemgetter(0)):
        first.setdefault(digest.sha256, track_id)
    return [first[digest.sha256] for digest in digests]


def _groups(tracks: Sequence[Track], recordings: Sequence[str], has_groups: bool) -> list[str]:
    if has_groups:
        return group_names([{track.group} - {""} for track in tracks], recordings, key=str)
    return group_names([split_credit(track.artist) for track in tracks], recordings)


def _note(tracks: Sequence[Track], has_groups: bool) -> str:
    kinds = ["listeners' votes" if tracks[0].votes is not None else "labels"]
    if tracks[0].label == NO_LABEL:
        kinds = []
    kind = " and ".join([*kinds, *(["ratings"] if tracks[0].ratings else [])])
    nameless = sum(not track.artist for track in tracks)
    if has_groups:
        groups = "groups as given"
    elif nameless < len(tracks):
        groups = "groups by artist" + (f" ({nameless} tracks name none)" if nameless else "")
    else:
        groups = "no artists known, so every recording is a group of its own"
    return f"A user's own tracks with {kind}; {groups}."
