"""What is to be written, agreed with what is in a file: theirs stays, ours follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from music_emotion.library.tags.fields import Change, TagFile, Values
from music_emotion.library.tags.mark import (
    MARK,
    NOTHING,
    Mark,
    Written,
    digest_of,
    is_ours,
    mark_text,
)
from music_emotion.library.tags.settings import PREFIX


@dataclass(frozen=True, slots=True)
class Merged:
    """What becomes of a file's tags.

    Attributes
    ----------
    change
        Values by the tags' names in the file, the mark among them; what stays is there, too.
    kept
        Words of somebody else's that stay, by the names of fields.
    """

    change: Change
    kept: Mapping[str, Values]


def merged(
    tags: TagFile, mark: Mark, wanted: Mapping[str, Values | None], *, overwrite: bool = False
) -> Merged:
    """Return what becomes of a file's tags where ``wanted`` is to be written.

    Parameters
    ----------
    mark
        What in the file is ours.
    wanted
        Values by the names of fields; ``None``: what is ours is taken back, all else stays. Fields
        that are ours and not wanted are taken back, too.
    overwrite
        Whether words of somebody else's are replaced.
    """
    change: dict[str, Values | None] = {}
    new: dict[str, Written] = {}
    kept: dict[str, Values] = {}
    for field in {**wanted, **mark}:
        key, known, value = tags.key(field), mark.get(field), wanted.get(field)
        now = tags.get(key)
        ours = is_ours(known, now)
        before = known.before if known is not None and ours else now
        is_word = not field.startswith(PREFIX)
        theirs = _theirs(tags, field, known) if is_word else None
        if value is not None and theirs and not overwrite:
            kept[field], value = theirs, None
        if value is not None:
            change[key], new[field] = value, Written(digest_of(value), before)
        elif ours:
            change[key] = before
        elif not is_word and now is not None and field in wanted:  # a number of an earlier version
            change[key], new[field] = None, Written(NOTHING, now)
    change[tags.key(MARK)] = (mark_text(new),) if new else None
    return Merged(change, kept)


def _theirs(tags: TagFile, field: str, known: Written | None) -> Values | None:
    """Return what the file says of a field, under any name, that is not ours."""
    for values in (tags.get(tags.key(field)), tags.elsewhere(field)):
        if values and any(text.strip() for text in values) and not is_ours(known, values):
            return values
    return None


def taken_back(tags: TagFile, mark: Mark) -> tuple[Change, tuple[str, ...]]:
    """Return what becomes of a file's tags where all that the mark names is taken back.

    And the names of tags that were changed since, which are left.
    """
    back: dict[str, Values | None] = {tags.key(MARK): None}
    left = []
    for field, known in mark.items():
        key = tags.key(field)
        now = tags.get(key)
        if is_ours(known, now):
            back[key] = known.before
        elif now != known.before:
            left.append(key)
    return back, tuple(left)
