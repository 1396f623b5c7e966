"""The emotion in the files' own tags: plan, write, take back.

Written are the strongest emotion as the mood, the nine intensities (0–1, the share of listeners who
are expected to feel it), valence and arousal (−1 to 1), the nine standings (0–1, the share of the
model's reference tracks that have less of it) and the model::

    MOOD=calmness   EMOTION_CALMNESS=0.42   …   EMOTION_VALENCE=0.31   EMOTION_AROUSAL=-0.55
    EMOTION_STANDING_CALMNESS=0.88   …   EMOTION_MODEL=default 1

under the names that :mod:`music_emotion.library.tags.fields` lists. A mood that the user set stays.
What is written is noted in the catalogue first (:mod:`music_emotion.library.tags.journal`), so
that it can be taken back and a process that was killed leaves nothing half done.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path

from music_emotion.audio.names import written_name
from music_emotion.digest import FileStamp
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import TagError, printable
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.scan import unreadable
from music_emotion.library.tags import journal, rewrite
from music_emotion.library.tags.fields import MOOD, Change, TagFile, Values, open_tags
from music_emotion.library.tags.journal import TagWrite
from music_emotion.library.track import CatalogueTrack, Tags

PREFIX = "EMOTION_"
MODEL = f"{PREFIX}MODEL"
INTENSITIES = tuple(f"{PREFIX}{name.upper()}" for name in EMOTIONS)
STANDINGS = tuple(f"{PREFIX}STANDING_{name.upper()}" for name in EMOTIONS)
VALENCE, AROUSAL = f"{PREFIX}VALENCE", f"{PREFIX}AROUSAL"
FIELDS = (MOOD, *INTENSITIES, VALENCE, AROUSAL, *STANDINGS, MODEL)
"""All that is written."""

MOODS = tuple(name.replace("_", " ") for name in EMOTIONS)
"""The words written as moods."""


@dataclass(frozen=True, slots=True)
class TagPlan:
    """What is to be changed in a file, whose stamp was this when it was planned.

    Attributes
    ----------
    before, after
        The tags that change.
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
    """Return what is written of a prediction, a value for each of :data:`FIELDS`.

    Silence has no mood; what is not known is not written.
    """
    numbers = {
        **dict(zip(INTENSITIES, prediction.intensities.tolist(), strict=True)),
        VALENCE: prediction.valence,
        AROUSAL: prediction.arousal,
        **dict(zip(STANDINGS, prediction.standing.tolist(), strict=True)),
    }
    return {
        MOOD: None if prediction.top is None else (MOODS[EMOTIONS.index(prediction.top)],),
        **{field: None if isnan(value) else (f"{value:z.2f}",) for field, value in numbers.items()},
        MODEL: (f"{prediction.model} {prediction.version}",),
    }


def plan_tags(catalogue: Catalogue, track: CatalogueTrack, *, overwrite: bool = False) -> TagPlan:
    """Return what tagging would change in a file; nothing where it says all of it already.

    A mood that was not written here, as the catalogue knows, stays unless ``overwrite`` is set.

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
    after = {key: values for key, values in after.items() if values != before[key]}
    if after:
        tags.check_lossless()
    return TagPlan(track.path, {key: before[key] for key in after}, after, stamp, kept=kept)


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


def _users_mood(tags: TagFile, catalogue: Catalogue, track: CatalogueTrack) -> str:
    """Return the mood of a file if it is not the one that was written here last."""
    mood = tags.get(tags.key(MOOD))
    if not mood:
        return ""
    written = (
        values
        for write in journal.writings_of(catalogue, track)
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
    now = {key: tags.get(key) for key in write.after}
    back = {key: write.before[key] for key, values in write.after.items() if now[key] == values}
    left = tuple(key for key in now if key not in back and now[key] != write.before[key])
    if back:
        tags.check_lossless()
    return TagPlan(write.path, {key: now[key] for key in back}, back, stamp, left=left)


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
        lines.append(f"  {sign} {printable(key)}: {' → '.join(shown)}")
    if plan.kept:
        lines.append(f"  = {MOOD}: {printable(plan.kept)} (yours; --overwrite replaces it)")
    lines += [f"  = {printable(key)}: changed since it was written, left" for key in plan.left]
    return lines
