"""The mark in a file by which what was written there is known again, wherever the file goes.

It is a tag of its own, ``EMOTION_MARK``, a line such as::

    1 MOOD=5f0c1d2e=Sunday%20morning! .CALMNESS=90ab12cd! .POWER=07c1e5aa!

For each field it holds a digest of what was written and, where something stood there before, that.
A value that has the digest is ours; any other is somebody else's, whatever word it is: who edits it
makes it theirs. The names of fields are those of :mod:`music_emotion.library.tags.fields`, the same
in every kind of file, so that the mark holds when a program writes the tags into a file of another
kind; and the digest passes over how several values are held apart, which such programs change.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from music_emotion.library.tags.fields import Change, TagFile, Values, field_of
from music_emotion.library.tags.settings import PREFIX

MARK = f"{PREFIX}MARK"
VERSION = "1"
NOTHING = "-"  # the digest of no value: we took out what stood there
DIGEST_BYTES = 4

_BETWEEN_VALUES = re.compile(r"[;/,|\0\n]")
_PART = re.compile(r"(?P<field>[^= ]+)=(?P<digest>[0-9a-f]{8}|-)(?:=(?P<before>[^! ]*))?!")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written into one field.

    Attributes
    ----------
    digest
        Of the values, see :func:`digest_of`.
    before
        What stood there before the first writing; ``None`` where nothing did.
    """

    digest: str
    before: Values | None = None


Mark = Mapping[str, Written]
"""What was written, by the names of fields."""


def digest_of(values: Values | None) -> str:
    """Return the digest of a tag's values, however they are held apart.

    Examples
    --------
    >>> digest_of(("calmness", "power")) == digest_of(("calmness; power",))
    True
    >>> digest_of(("calmness",)) == digest_of(("Calmness",))
    False
    """
    if values is None:
        return NOTHING
    text = unicodedata.normalize("NFC", "\n".join(values))
    parts = [part.strip() for part in _BETWEEN_VALUES.split(text)]
    plain = "\0".join(part for part in parts if part).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(plain, digest_size=DIGEST_BYTES).hexdigest()


def is_ours(known: Written | None, values: Values | None) -> bool:
    """Whether a field's values of now are what was written, or taken out."""
    return known is not None and digest_of(values) == known.digest


def read_mark(tags: TagFile) -> Mark:
    """Return a file's mark; an empty one where it has none that can be read."""
    values = tags.get(tags.key(MARK))
    return parsed(values[0]) if values else {}


def parsed(text: str) -> Mark:
    """Return the mark that :func:`mark_text` wrote; what was cut off is left out."""
    version, _, parts = text.partition(" ")
    if version != VERSION:
        return {}
    return {
        _long(part["field"]): Written(
            part["digest"], None if part["before"] is None else _values(part["before"])
        )
        for part in _PART.finditer(parts)
    }


def mark_text(mark: Mark) -> str:
    """Return a mark as it stands in files: ASCII that no program takes for several values.

    Examples
    --------
    >>> mark_text({"MOOD": Written("5f0c1d2e", ("my own",)), "EMOTION_POWER": Written("07c1e5aa")})
    '1 MOOD=5f0c1d2e=my%20own! .POWER=07c1e5aa!'
    """
    return " ".join((VERSION, *(_part(field, known) for field, known in mark.items())))


def _part(field: str, known: Written) -> str:
    before = "" if known.before is None else f"={_line(known.before)}"
    return f"{_short(field)}={known.digest}{before}!"


def _line(values: Values) -> str:
    return "&".join(quote(value, safe="", errors="surrogatepass") for value in values)


def _values(line: str) -> Values:
    return tuple(unquote(value, errors="surrogatepass") for value in line.split("&"))


def _short(field: str) -> str:
    """Return a field's name as it stands in a mark."""
    if field.startswith(PREFIX):
        return "." + quote(field.removeprefix(PREFIX), safe="")
    return quote(field, safe="").replace(".", "%2E")


def _long(name: str) -> str:
    return PREFIX + unquote(name[1:]) if name.startswith(".") else unquote(name)


def mark_of_log(changes: Iterable[tuple[Change, Change]]) -> Mark:
    """Return the mark that a file would bear if the version that wrote its tags had left one.

    Parameters
    ----------
    changes
        Tags before and after each writing of the file, newest first. Where one of them wrote a
        mark, that is what counts, and if the file has lost it nothing in it is ours.
    """
    mark: dict[str, Written] = {}
    over: set[str] = set()
    for before, after in changes:
        for key, values in after.items():
            field = field_of(key)
            if field == MARK:
                return {}
            known = mark.get(field)
            if known is not None and values == known.before:
                mark[field] = replace(known, before=before[key])
            elif known is None and field not in over and values is not None:
                mark[field] = Written(digest_of(values), before[key])
            over.add(field)
    return mark
