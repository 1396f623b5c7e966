"""The emotion in the files' own tags: plan, write, take back.

Written are the strongest emotion as the mood, the nine intensities (0–1, the share of listeners who
are expected to feel it) and the model::

    MOOD=calmness   EMOTION_CALMNESS=0.42   …   EMOTION_MODEL=default 1

under the names that :mod:`music_emotion.library.tag_fields` lists. A mood that the user set stays.
What is written is noted in the catalogue first (:mod:`music_emotion.library.tag_log`), so that it
can be taken back and a process that was killed leaves nothing half done.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import TagError, printable
from music_emotion.inference.batch import predict_file
from music_emotion.inference.finding import find_files
from music_emotion.inference.loading import DEFAULT_MODEL, load_model
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.identity import audio_digest
from music_emotion.library.reading import scanned
from music_emotion.library.tag_fields import MOOD, TagFile, Values, open_tags
from music_emotion.library.tag_files import Change, real_file, remove_leftovers, rewrite_tags
from music_emotion.library.tag_log import (
    TagValues,
    TagWrite,
    finish,
    forget,
    mark_undone,
    record,
    undoable,
    unfinished,
)
from music_emotion.library.track import CatalogueTrack, FileStamp
from music_emotion.library.walk import absolute

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


def plan_tags(track: CatalogueTrack, *, overwrite: bool = False) -> TagPlan:
    """Return what tagging would change in a file; nothing where it says all of it already.

    Parameters
    ----------
    overwrite
        Replace a mood that the user set.

    Raises
    ------
    TagError
        There is no prediction, or the file cannot be tagged.
    """
    if track.prediction is None:
        raise TagError(track.error or f"'{printable(track.path)}' was not predicted")
    stamp = FileStamp.read(real_file(track.path))
    tags = open_tags(track.path)
    wanted = fields_of(track.prediction)
    kept = _users_mood(tags)
    if kept and not overwrite:
        del wanted[MOOD]
    after = {tags.key(field): values for field, values in wanted.items()}
    before = {key: tags.get(key) for key in after}
    changed = [key for key in after if after[key] != before[key]]
    return TagPlan(
        track.path,
        {key: before[key] for key in changed},
        {key: after[key] for key in changed},
        stamp,
        kept="" if overwrite else kept,
    )


def _users_mood(tags: TagFile) -> str:
    """Return the mood of a file if it is not one that was written here."""
    mood = tags.get(tags.key(MOOD))
    if not mood:
        return ""
    ours = len(mood) == 1 and mood[0] in MOODS and tags.get(tags.key(MODEL)) is not None
    return "" if ours else "; ".join(mood)


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
        stamp = rewrite_tags(plan.path, plan.after, expected=plan.stamp, keep_times=keep_times)
    except TagError:
        forget(catalogue, number)
        raise
    finish(catalogue, number, track, stamp)


def _settle_undone(catalogue: Catalogue, track: CatalogueTrack) -> None:
    """Note what was taken back by a process that was killed before it could say so."""
    if track.id is None:
        return
    for write in list(undoable(catalogue, [track.id])):
        tags = open_tags(track.path)
        if all(tags.get(key) == _values(values) for key, values in write.before.items()):
            mark_undone(catalogue, write.id, track, FileStamp.read(track.path))


# Taking back


def plan_undo(write: TagWrite) -> TagPlan:
    """Return what taking back a writing would change; a tag changed since is left.

    Raises
    ------
    TagError
        The file cannot be tagged.
    """
    stamp = FileStamp.read(real_file(write.path))
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
    stamp = plan.stamp
    if plan.after:
        stamp = rewrite_tags(plan.path, plan.after, expected=plan.stamp, keep_times=keep_times)
    mark_undone(catalogue, write.id, _track_of(catalogue, write), stamp)


def undoable_writes(catalogue: Catalogue, paths: Sequence[str] | None) -> list[TagWrite]:
    """Return the latest writing of each file, of those under ``paths`` or of all."""
    if paths is None:
        return list(undoable(catalogue))
    found = (catalogue.track(path) for path in find_paths(paths))
    return list(undoable(catalogue, [t.id for t in found if t is not None and t.id is not None]))


def recover(catalogue: Catalogue, folders: Iterable[Path] = ()) -> int:
    """Tidy up after a process that was killed while it wrote; hold the catalogue's lock.

    Each writing that was interrupted is confirmed where the file has the new tags, else forgotten;
    copies left in the files' folders, and in ``folders``, are removed.

    Returns
    -------
    int
        Number of writings that were interrupted.
    """
    interrupted = unfinished(catalogue)
    places = {Path(write.path).resolve().parent for write in interrupted}
    remove_leftovers(places.union(folders))
    for write in interrupted:
        try:
            tags = open_tags(write.path)
        except TagError:
            continue  # moved away, perhaps; a scan will find it
        if any(tags.get(key) != _values(values) for key, values in write.after.items()):
            forget(catalogue, write.id)
            continue
        track = _track_of(catalogue, write)
        stamp = FileStamp.read(write.path)
        finish(catalogue, write.id, track or CatalogueTrack(write.path, stamp, b""), stamp)
    return len(interrupted)


def _track_of(catalogue: Catalogue, write: TagWrite) -> CatalogueTrack | None:
    return None if write.track is None else next(catalogue.tracks([write.track]), None)


def _values(values: Sequence[str] | None) -> Values | None:
    return None if values is None else tuple(values)


def _listed(change: Change) -> TagValues:
    return {key: None if values is None else list(values) for key, values in change.items()}


# Choosing files


def catalogued_tracks(catalogue: Catalogue) -> Iterator[CatalogueTrack]:
    """Yield all predicted files of a catalogue that are there, folder by folder."""
    known = catalogue.known_under(os.sep)
    ids = (known[p].id for p in sorted(known) if known[p].model_sha256 and not known[p].missing)
    yield from catalogue.tracks(ids)


@dataclass(frozen=True, slots=True)
class NamedTracks:
    """Rows of named files and folders; what is new or sounds different now is predicted first.

    Attributes
    ----------
    catalogue
        Gets what is predicted.
    model
        Name or folder. ``None``: predictions of any model do, new ones are the default model's.
    """

    catalogue: Catalogue
    model: str | None = None

    def row(self, path: str) -> CatalogueTrack:
        """Return the row of a file; a failure is a row with its error."""
        known = self.catalogue.track(path)
        if known is not None and known.prediction is not None and self._suits(known):
            try:
                stamp = FileStamp.read(path)
                if stamp == known.stamp or audio_digest(path) == known.audio:
                    return known
            except OSError:
                pass  # told below, as for any other file
        row = self._predicted(path)
        row = replace(row, id=None if known is None else known.id)
        return replace(row, id=self.catalogue.write(row))

    def _suits(self, track: CatalogueTrack) -> bool:
        return self.model is None or track.model_sha256 == load_model(self.model).card.sha256

    def _predicted(self, path: str) -> CatalogueTrack:
        model = load_model(self.model or DEFAULT_MODEL)
        return scanned(path, partial(predict_file, model=model), model.card.sha256)


def find_paths(names: Sequence[str]) -> list[str]:
    """Return the absolute paths of audio files that files, folders and patterns name."""
    return [absolute(path) for path in find_files(names, recursive=True)]


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
