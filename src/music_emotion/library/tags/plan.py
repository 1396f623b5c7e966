"""The emotion in the files' own tags: plan, write, take back.

Written are the strongest emotion as the mood, the nine intensities (0–1, the share of listeners who
are expected to feel it) and the model::

    MOOD=calmness   EMOTION_CALMNESS=0.42   …   EMOTION_MODEL=default 1

under the names that :mod:`music_emotion.library.tags.fields` lists. A mood that the user set stays.
What is written is noted in the catalogue first (:mod:`music_emotion.library.tags.journal`), so
that it can be taken back and a process that was killed leaves nothing half done.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import TagError, printable
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.scan import unreadable
from music_emotion.library.tags.fields import MOOD, TagFile, Values, open_tags
from music_emotion.library.tags.journal import (
    TagValues,
    TagWrite,
    finish,
    forget,
    mark_undone,
    record,
    undoable,
    unfinished,
    writings_of,
)
from music_emotion.library.tags.rewrite import (
    OTHER_SOUND,
    Change,
    real_file,
    remove_leftovers,
    rewrite_tags,
)
from music_emotion.library.track import CatalogueTrack, FileStamp, Tags

PREFIX = "EMOTION_"
MODEL = f"{PREFIX}MODEL"
MOODS = tuple(name.replace("_", " ") for name in EMOTIONS)
"""The words written as moods."""


@dataclass(frozen=True, slots=True)
class TagPlan:
    """What is to be changed in a file.

    Attributes
    ----------
    path
        The file.
    before, after
        The tags that change, by their names in the file; ``None``: no such tag.
    stamp
        The file's when this was planned.
    kept
        Mood of the user's that stays; ``""`` where there is none.
    left
        Tags that were changed since they were written, and are not taken back.
    """

    path: str
    before: Change
    after: Change
    stamp: FileStamp
    kept: str = ""
    left: tuple[str, ...] = ()


def fields_of(prediction: TrackPrediction) -> dict[str, Values | None]:
    """Return what is written of a prediction, by field; silence has no mood."""
    fields: dict[str, Values | None] = {
        MOOD: None if prediction.top is None else (MOODS[EMOTIONS.index(prediction.top)],)
    }
    for name, value in zip(EMOTIONS, prediction.intensities.tolist(), strict=True):
        fields[f"{PREFIX}{name.upper()}"] = (f"{value:.2f}",)
    return fields | {MODEL: (f"{prediction.model} {prediction.version}",)}


def plan_tags(catalogue: Catalogue, track: CatalogueTrack, *, overwrite: bool = False) -> TagPlan:
    """Return what tagging would change in a file; nothing where it says all of it already.

    Parameters
    ----------
    catalogue
        Knows which moods were written here.
    overwrite
        Replace a mood that the user set.

    Raises
    ------
    TagError
        There is no prediction, the file sounds different now, or it cannot be tagged.
    """
    if track.prediction is None:
        raise TagError(track.error or f"'{printable(track.path)}' was not predicted")
    stamp = _stamp_of_same_sound(track.path, track, track.audio)
    tags = open_tags(track.path)
    wanted = fields_of(track.prediction)
    kept = "" if overwrite else _users_mood(tags, catalogue, track)
    if kept:
        del wanted[MOOD]
    after = {tags.key(field): values for field, values in wanted.items()}
    before = {key: tags.get(key) for key in after}
    changed = [key for key in after if after[key] != before[key]]
    if changed:
        tags.check_lossless()
    return TagPlan(
        track.path,
        {key: before[key] for key in changed},
        {key: after[key] for key in changed},
        stamp,
        kept=kept,
    )


def _stamp_of_same_sound(path: str, known: CatalogueTrack | None, audio: bytes) -> FileStamp:
    """Return a file's stamp if it may be tagged and has a sound; only a new stamp is doubted."""
    stamp = FileStamp.read(real_file(path))
    if known is None or known.stamp != stamp or known.audio != audio:
        try:
            digest = audio_digest(path)
        except OSError as error:
            raise TagError(unreadable(path, error)) from None
        if digest != audio:
            raise TagError(f"'{printable(path)}' is left as it is: {OTHER_SOUND}")
    return stamp


def audio_now(path: str, known: CatalogueTrack | None) -> tuple[FileStamp, bytes]:
    """Return the stamp of a named file and the digest of its sound, read only where it is new."""
    try:
        if Path(path).is_dir():
            raise TagError(f"'{printable(path)}' is a folder without audio files")
        stamp = FileStamp.read(path)
        if known is not None and known.audio and known.stamp == stamp:
            return stamp, known.audio
        return stamp, audio_digest(path)
    except OSError as error:
        raise TagError(unreadable(path, error)) from None


def _users_mood(tags: TagFile, catalogue: Catalogue, track: CatalogueTrack) -> str:
    """Return the mood of a file if it is not the one that was written here last."""
    mood = tags.get(tags.key(MOOD))
    if not mood:
        return ""
    written = (
        _values(values)
        for write in writings_of(catalogue, track)
        for key, values in write.after.items()
        if PREFIX not in key.upper()
    )
    return "" if next(written, None) == mood else "; ".join(mood)


def write_tags(
    catalogue: Catalogue, track: CatalogueTrack, plan: TagPlan, *, keep_times: bool = False
) -> None:
    """Write what is planned; hold the catalogue's lock.

    Raises
    ------
    TagError
        It cannot be done; the file is as it was.
    """
    _settle_undone(catalogue, track)
    number = record(catalogue, track, _listed(plan.before), _listed(plan.after))
    try:
        stamp = rewrite_tags(
            plan.path, plan.after, expected=plan.stamp, audio=track.audio, keep_times=keep_times
        )
    except TagError:
        forget(catalogue, number)
        raise
    finish(catalogue, number, _seen(track, stamp))


def _settle_undone(catalogue: Catalogue, track: CatalogueTrack) -> None:
    """Note what was taken back by a process that was killed before it could say so."""
    for write in writings_of(catalogue, track)[:1]:
        tags = open_tags(track.path)
        if all(tags.get(key) == _values(values) for key, values in write.before.items()):
            mark_undone(catalogue, write.id)


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
    written = {key: tags.get(key) for key in write.after}
    back = {
        key: _values(write.before.get(key))
        for key, values in write.after.items()
        if written[key] == _values(values)
    }
    left = tuple(
        key for key in write.after if key not in back and written[key] != _values(write.before[key])
    )
    if back:
        tags.check_lossless()
    return TagPlan(write.path, {key: written[key] for key in back}, back, stamp, left=left)


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
        stamp = rewrite_tags(
            plan.path, plan.after, expected=plan.stamp, audio=write.audio, keep_times=keep_times
        )
        track = _track_of(catalogue, write)
        mark_undone(catalogue, write.id, None if track is None else _seen(track, stamp))
    elif write.sure:  # a copy without the tags says nothing of the file that was written
        mark_undone(catalogue, write.id)


def undoable_write(catalogue: Catalogue, path: str) -> TagWrite | None:
    """Return the latest writing of a file, wherever the catalogue believes it to be.

    Raises
    ------
    TagError
        The file cannot be read.
    """
    audio = audio_now(path, catalogue.track(path))[1]
    writes = list(undoable(catalogue, audio))
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
    copies left in the files' folders, and in ``folders``, are removed.

    Returns
    -------
    int
        Number of writings that were interrupted.
    """
    interrupted = unfinished(catalogue)
    places = {real_folder(write.path) for write in interrupted}
    remove_leftovers(map(Path, places.union(folders)))
    for write in interrupted:
        try:
            tags = open_tags(write.path)
            if audio_digest(write.path) != write.audio:
                continue
        except (TagError, OSError):
            continue  # moved away, perhaps; a scan will find it
        if all(tags.get(key) == _values(values) for key, values in write.after.items()):
            finish(catalogue, write.id)
        elif write.sure:
            forget(catalogue, write.id)
    return len(interrupted)


def real_folder(path: str) -> str:
    """Return the folder in which the file lies that a path means, links followed."""
    return os.path.dirname(os.path.realpath(path))  # noqa: PTH120  # resolve() fails on loops


def _track_of(catalogue: Catalogue, write: TagWrite) -> CatalogueTrack | None:
    return None if write.track is None else next(catalogue.tracks([write.track]), None)


def _values(values: Sequence[str] | None) -> Values | None:
    return None if values is None else tuple(values)


def _listed(change: Change) -> TagValues:
    return {key: None if values is None else list(values) for key, values in change.items()}


def diff_lines(plan: TagPlan) -> list[str]:
    """Return a plan as lines: ``+`` added, ``-`` removed, ``~`` changed, ``=`` kept."""
    lines = [printable(plan.path)]
    for key, new in plan.after.items():
        lines.append(f"  {_change(plan.before[key], new, printable(key))}")
    if plan.kept:
        lines.append(f"  = {MOOD}: {printable(plan.kept)} (yours; --overwrite replaces it)")
    lines += [f"  = {printable(key)}: changed since it was written, left" for key in plan.left]
    return lines


def _change(old: Values | None, new: Values | None, key: str) -> str:
    def shown(values: Values | None) -> str:
        return printable("; ".join(values or ()))

    if old is None:
        return f"+ {key}: {shown(new)}"
    if new is None:
        return f"- {key}: {shown(old)}"
    return f"~ {key}: {shown(old)} → {shown(new)}"
