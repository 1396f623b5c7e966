"""The emotion in the files' own tags: plan, write, take back.

What is written is in :mod:`music_emotion.library.tags.values`, and under which names in
:mod:`music_emotion.library.tags.fields`. A mark among the tags says of each value that it is ours
(:mod:`music_emotion.library.tags.mark`); a mood, a comment or another word that is not stays. What
is written is noted in the catalogue first (:mod:`music_emotion.library.tags.journal`), so that it
can be taken back and a process that was killed leaves nothing half done; without the catalogue it
is taken back by the mark.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from music_emotion.audio.names import written_name
from music_emotion.digest import FileStamp
from music_emotion.errors import TagError, printable
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.scan import unreadable
from music_emotion.library.tags import journal, rewrite
from music_emotion.library.tags.fields import Change, TagFile, Values, field_of, open_tags
from music_emotion.library.tags.journal import TagWrite
from music_emotion.library.tags.mark import MARK, Mark, mark_of_log, read_mark
from music_emotion.library.tags.merge import merged, taken_back
from music_emotion.library.tags.settings import TagSettings
from music_emotion.library.tags.values import values_of
from music_emotion.library.track import CatalogueTrack, Tags


@dataclass(frozen=True, slots=True)
class TagPlan:
    """What is to be changed in a file, whose stamp was this when it was planned.

    Attributes
    ----------
    before, after
        The tags that change.
    kept
        Words of the user's that stay, by the names of fields.
    left
        Tags that were changed since they were written, and are not taken back.
    """

    path: str
    before: Change
    after: Change
    stamp: FileStamp
    kept: Mapping[str, Values] = field(default_factory=dict)
    left: tuple[str, ...] = ()


def plan_tags(
    catalogue: Catalogue,
    track: CatalogueTrack,
    *,
    settings: TagSettings | None = None,
    overwrite: bool = False,
) -> TagPlan:
    """Return what tagging would change in a file; nothing where it says all of it already.

    Words that were not written by us, as the mark in the file knows or, of earlier versions that
    left none, the catalogue, stay unless ``overwrite`` is set.

    Raises
    ------
    TagError
        There is no prediction, the file sounds different now, or it cannot be tagged.
    """
    if track.prediction is None:
        raise TagError(track.error or f"'{printable(track.path)}' was not predicted")
    stamp = _stamp_of_same_sound(track.path, track, track.audio)
    tags = open_tags(track.path)
    mark = mark_of(tags, catalogue, track)
    new = merged(tags, mark, values_of(track.prediction, settings), overwrite=overwrite)
    return TagPlan(track.path, *_differing(tags, new.change), stamp, kept=new.kept)


def mark_of(tags: TagFile, catalogue: Catalogue, track: CatalogueTrack) -> Mark:
    """Return what of a file's tags is ours: by its mark or, of earlier versions, by the log."""
    if mark := read_mark(tags):
        return mark
    if tags.get(tags.key(MARK)):  # of a later version, or spoilt
        return {}
    return mark_of_log((w.before, w.after) for w in journal.writings_of(catalogue, track))


def _differing(tags: TagFile, change: Change) -> tuple[Change, Change]:
    """Return the tags of a change that are not so yet, before and after; all others can be kept."""
    before = {key: tags.get(key) for key in change}
    after = {key: values for key, values in change.items() if values != before[key]}
    if after:
        tags.check_lossless()
    return {key: before[key] for key in after}, after


def _stamp_of_same_sound(path: str, known: CatalogueTrack | None, audio: bytes) -> FileStamp:
    """Return a file's stamp if it may be tagged and has a sound; only a new stamp is doubted."""
    rewrite.real_file(path)
    stamp, digest = audio_now(path, known)
    if digest != audio:
        raise TagError(f"'{printable(path)}' is left as it is: {rewrite.OTHER_SOUND}")
    return stamp


def audio_now(path: str, known: CatalogueTrack | None) -> tuple[FileStamp, bytes]:
    """Return the stamp of a named file and the digest of its sound, read only where it is new.

    Raises
    ------
    TagError
        It is a folder, or cannot be read.
    """
    try:
        if Path(path).is_dir():
            raise TagError(f"'{printable(path)}' is a folder without audio files")
        stamp = FileStamp.read(path)
        if known is not None and known.audio and known.stamp == stamp:
            return stamp, known.audio
        return stamp, audio_digest(path)
    except OSError as error:
        raise TagError(unreadable(path, error)) from None


def write_tags(
    catalogue: Catalogue, track: CatalogueTrack, plan: TagPlan, *, keep_times: bool = False
) -> None:
    """Write what is planned; hold the catalogue's lock.

    Raises
    ------
    TagError
        It cannot be done; the file is as it was.
    """
    for last in journal.writings_of(catalogue, track)[:1]:
        # It may have been taken back by a process that was killed before it could say so.
        if _says(open_tags(track.path), last.before):
            journal.mark_undone(catalogue, last.id)
    number = journal.record(catalogue, track, plan.before, plan.after)
    try:
        stamp = rewrite.rewrite_tags(
            plan.path, plan.after, expected=plan.stamp, audio=track.audio, keep_times=keep_times
        )
    except TagError:
        journal.forget(catalogue, number)
        raise
    journal.finish(catalogue, number, _seen(track, stamp))


def _says(tags: TagFile, change: Change) -> bool:
    return all(tags.get(key) == values for key, values in change.items())


def _seen(track: CatalogueTrack, stamp: FileStamp) -> CatalogueTrack:
    """Return a row with the stamp and the words of its file of now."""
    return replace(track, stamp=stamp, tags=Tags.read(track.path))


# Taking back


def plan_undo(catalogue: Catalogue, write: TagWrite) -> TagPlan:
    """Return what taking back a writing would change; a tag changed since is left.

    Raises
    ------
    TagError
        The file sounds different now, or it cannot be tagged.
    """
    stamp = _stamp_of_same_sound(write.path, _track_of(catalogue, write), write.audio)
    tags = open_tags(write.path)
    back: dict[str, Values | None] = {}
    left = []
    for written, values in write.after.items():
        key = written
        if tags.get(key) is None and values is not None:  # another program may have moved it
            key = tags.key(field_of(key))
        now, before = tags.get(key), write.before[written]
        if now == values:
            back[key] = before
        elif now != before:
            left.append(key)
    return TagPlan(write.path, *_differing(tags, back), stamp, left=tuple(left))


def plan_undo_by_mark(path: str) -> TagPlan | None:
    """Return what taking back what a file's mark names would change; ``None`` without a mark.

    All that was ever written goes, and what stood there before the first writing comes back; a tag
    changed since is left.

    Raises
    ------
    TagError
        It cannot be tagged.
    """
    rewrite.real_file(path)
    try:
        stamp = FileStamp.read(path)
    except OSError as error:
        raise TagError(unreadable(path, error)) from None
    tags = open_tags(path)
    mark = read_mark(tags)
    if not mark:
        return None
    back, left = taken_back(tags, mark)
    return TagPlan(path, *_differing(tags, back), stamp, left=left)


def undo_by_mark(catalogue: Catalogue, plan: TagPlan, *, keep_times: bool = False) -> None:
    """Take back what :func:`plan_undo_by_mark` planned.

    Raises
    ------
    TagError
        It cannot be done; the file is as it was.
    """
    stamp = rewrite.rewrite_tags(plan.path, plan.after, expected=plan.stamp, keep_times=keep_times)
    known = catalogue.track(plan.path)
    if known is not None and known.id is not None and known.stamp == plan.stamp:
        catalogue.restamp(known.id, stamp, Tags.read(plan.path))


def undo_tags(
    catalogue: Catalogue, write: TagWrite, plan: TagPlan, *, keep_times: bool = False
) -> None:
    """Take back a writing; hold the catalogue's lock.

    Raises
    ------
    TagError
        It cannot be done; the file is as it was.
    """
    if plan.after:
        stamp = rewrite.rewrite_tags(
            plan.path, plan.after, expected=plan.stamp, audio=write.audio, keep_times=keep_times
        )
        track = _track_of(catalogue, write)
        journal.mark_undone(catalogue, write.id, None if track is None else _seen(track, stamp))
    elif write.sure:  # a copy without the tags says nothing of the file that was written
        journal.mark_undone(catalogue, write.id)


def undoable_write(catalogue: Catalogue, path: str) -> TagWrite | None:
    """Return the latest writing of a file, wherever the catalogue believes it to be.

    Raises
    ------
    TagError
        The file cannot be read.
    """
    _, audio = audio_now(path, catalogue.track(path))
    writes = list(journal.undoable(catalogue, audio))
    for write in writes:
        if write.path == path:
            return write
    for write in writes:  # moved here since the last scan
        if not os.path.lexists(write.path):
            return replace(write, path=path, track=None, sure=False)
    return None


def recover(catalogue: Catalogue, folders: Iterable[str] = ()) -> int:
    """Tidy up after a process that was killed while it wrote; hold the catalogue's lock.

    Each writing that was interrupted is confirmed where the file has the new tags, else forgotten;
    copies left in the files' folders, and in ``folders``, are removed. The number of interrupted
    writings is returned.
    """
    interrupted = journal.unfinished(catalogue)
    places = {real_folder(write.path) for write in interrupted}
    rewrite.remove_leftovers(map(Path, places.union(folders)))
    for write in interrupted:
        try:
            tags = open_tags(write.path)
            if audio_digest(write.path) != write.audio:
                continue
        except (TagError, OSError):
            continue  # moved away, perhaps; a scan will find it
        if _says(tags, write.after):
            journal.finish(catalogue, write.id)
        elif write.sure:
            journal.forget(catalogue, write.id)
    return len(interrupted)


def real_folder(path: str) -> str:
    """Return the folder in which the file lies that a path means, links followed."""
    return os.path.dirname(os.path.realpath(path))  # noqa: PTH120  # resolve() fails on loops


def _track_of(catalogue: Catalogue, write: TagWrite) -> CatalogueTrack | None:
    return None if write.track is None else next(catalogue.tracks([write.track]), None)


def diff_lines(plan: TagPlan) -> list[str]:
    """Return a plan as lines: ``+`` added, ``-`` removed, ``~`` changed, ``=`` kept."""
    lines = [printable(written_name(plan.path))]
    for key, new in plan.after.items():
        old = plan.before[key]
        sign = "+" if old is None else "-" if new is None else "~"
        shown = (printable("; ".join(values)) for values in (old, new) if values is not None)
        is_mark = field_of(key) == MARK  # a long line, and for programs
        lines.append(f"  {sign} {printable(key)}{'' if is_mark else ': ' + ' → '.join(shown)}")
    lines += [
        f"  = {field}: {printable('; '.join(values))} (yours; --overwrite replaces it)"
        for field, values in plan.kept.items()
    ]
    lines += [f"  = {printable(key)}: changed since it was written, left" for key in plan.left]
    return lines
