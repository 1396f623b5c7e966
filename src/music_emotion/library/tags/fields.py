"""Tags by their own names in files of any kind: read, set, compare, save; by mutagen.

Where the mood goes, as players, MusicBrainz Picard, Mp3tag and beets know it:

===============================  ==========================================================
ID3v2.4 (MP3, WAV, AIFF, DSF …)  ``TMOO``
ID3v2.3, 2.2                     ``TXXX:MOOD`` (the frame ``TMOO`` is not in version 2.3)
Vorbis comments (FLAC, Ogg …)    ``MOOD``
MP4 (M4A, M4B …)                 ``----:com.apple.iTunes:MOOD``
APEv2 (WavPack, Monkey's …)      ``Mood``
===============================  ==========================================================

The comment goes into ``COMM`` without a description, ``COMMENT``, ``©cmt``, ``Comment``; the
grouping into ``TIT1`` (or ``GRP1``, where there is one), ``GROUPING``, ``©grp``, ``Grouping``.
Other names go into ``TXXX``, Vorbis comments, freeform atoms and APEv2 items as they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from music_emotion.errors import TagError, printable
from music_emotion.library.track import check_mutagen

MOOD, COMMENT, GROUPING = "MOOD", "COMMENT", "GROUPING"
FREEFORM = "----:com.apple.iTunes:"
USER_TEXT = "TXXX:"
ID3V1_BYTES = 128
Values = tuple[str, ...]
Change = Mapping[str, Values | None]
"""Values of tags by their names in the file; ``None``: no such tag."""


_FIELDS = {
    "TMOO": MOOD,
    "TIT1": GROUPING,
    "GRP1": GROUPING,
    "\xa9CMT": COMMENT,
    "\xa9GRP": GROUPING,
}


def field_of(key: str) -> str:
    """Return the field that a tag's name in a file, of whatever kind, stands for.

    Examples
    --------
    >>> [field_of(key) for key in ("TMOO", "TXXX:Mood", "COMM::eng", "----:com.apple.iTunes:X")]
    ['MOOD', 'MOOD', 'COMMENT', 'X']
    """
    upper = key.upper()
    if upper.startswith("COMM::"):
        return COMMENT
    return _FIELDS.get(upper, upper.removeprefix(USER_TEXT).removeprefix(FREEFORM.upper()))


def open_tags(path: str | os.PathLike[str]) -> TagFile:
    """Open a file's tags.

    Raises
    ------
    TagError
        The file is no audio file, is damaged, or is of a kind without tags.
    MissingExtraError
        mutagen is not installed.
    """
    check_mutagen("writing tags")
    import mutagen

    shown = f"'{printable(path)}'"
    try:
        file: Any = mutagen.File(path)
        if file is not None and file.tags is None:
            file.add_tags()
        kind = None if file is None else _kind_of(file)
        if kind is not None:
            return kind(Path(path), file).as_it_is()
    except Exception as error:  # damaged files raise anything
        raise TagError(f"{shown} has no tags that can be written ({_line(error)})") from None
    raise TagError(f"{shown} is of no kind whose tags can be written")


def tags_in(file: Any, *, version: int = 4) -> TagFile | None:
    """Return the tags of a file that another program has open by mutagen, and will save.

    Parameters
    ----------
    version
        Of ID3v2, 3 or 4, in which it will save them.

    Returns
    -------
    TagFile or None
        ``None`` where files of this kind are not tagged.
    """
    kind = _kind_of(file)
    tags = None if kind is None else kind(Path(os.fsdecode(file.filename)), file)
    if isinstance(tags, Id3Tags):
        tags.version = version
    return tags


class TagFile:
    """The tags of one file."""

    def __init__(self, path: Path, file: Any) -> None:
        self.path = path
        self._file = file
        self._tags = file.tags

    def as_it_is(self) -> TagFile:
        """Return the tags as they stand in the file, and will be saved again."""
        return self

    def key(self, field: str) -> str:
        """Return the name a field has, or would have, in this file."""
        return self._spelled(self._name(field))

    def get(self, key: str) -> Values | None:
        """Return the values of a tag; ``None`` where there is none."""
        return tuple(self._texts(self._tags[key])) if key in self._tags else None

    def put(self, key: str, values: Sequence[str]) -> None:
        """Set the values of a tag."""
        self._tags[key] = self._made(values)

    def set(self, key: str, values: Sequence[str] | None) -> None:
        """Set the values of a tag, or remove it."""
        if values is not None:
            self.put(key, values)
        elif self.get(key) is not None:
            del self._tags[key]

    def elsewhere(self, field: str) -> Values | None:
        """Return what the file says of a field under a name that is not :meth:`key`'s."""
        return None

    def others(self, keys: Iterable[str]) -> object:
        """Return all tags but these, in a form that can be compared."""
        left_out = {key.casefold() for key in keys}
        return {
            key: repr(value) for key, value in self._tags.items() if key.casefold() not in left_out
        }

    def check_lossless(self) -> None:
        """Check that saving would keep all other tags.

        Raises
        ------
        TagError
            Some would be merged or lost.
        """

    def save(self) -> None:
        """Write the tags into the file.

        Raises
        ------
        TagError
            They cannot be written.
        """
        try:
            self._save()
        except Exception as error:  # mutagen's own, OSError, struct.error …
            raise TagError(f"the tags cannot be written ({_line(error)})") from None

    def _save(self) -> None:
        self._file.save()

    def _spelled(self, key: str) -> str:
        """Return a key as this file spells it."""
        return next((k for k in self._tags if k.casefold() == key.casefold()), key)

    # What differs between the kinds: a field's name, texts from mutagen's value, and back

    def _name(self, field: str) -> str:
        return field

    def _texts(self, value: Any) -> Iterable[str]:
        return tuple(value)

    def _made(self, values: Sequence[str]) -> Any:
        return list(values)


class Id3Tags(TagFile):
    """ID3v2; a tag of version 2.3 stays one, and its other frames stay as they are.

    A tag of version 2.2, which nothing writes any more, becomes one of version 2.3.
    """

    def __init__(self, path: Path, file: Any) -> None:
        super().__init__(path, file)
        self.version = 3 if file.tags.version[:2] in ((2, 2), (2, 3)) else 4
        self._has_v2 = file.tags.version[0] == 2 and file.tags.size > 0

    def as_it_is(self) -> TagFile:
        """Return the tags read again: no newer names, nothing from an ID3v1 tag."""
        if self._has_v2:
            self._file = type(self._file)(self.path, translate=False, load_v1=False)
            self._tags = self._file.tags
            for picture in self._tags.getall("APIC"):
                picture.mime = _MIME_TYPES.get(picture.mime, picture.mime)
        return self

    def elsewhere(self, field: str) -> Values | None:
        """Return a field's value in the other of two frames, or in an APEv2 tag of the file."""
        key = self.key(field)
        for other in (self._spelled(USER_TEXT + field), *_FRAMES.get(field, ())):
            if other != key and (values := self.get(other)):
                return values
        return self._ape.get(self._ape.key(field)) if self._ape is not None else None

    @cached_property
    def _ape(self) -> ApeItems | None:
        from mutagen.apev2 import APEv2

        read: Any = APEv2
        try:
            return ApeItems(self.path, SimpleNamespace(tags=read(self.path)))
        except Exception:  # there is none, or it is damaged
            return None

    def _name(self, field: str) -> str:
        named = USER_TEXT + field
        if field == COMMENT:
            found = (key for key in self._tags if key.upper().startswith("COMM::"))
            return next(found, "COMM::eng")
        if field == GROUPING:
            return "GRP1" if "GRP1" in self._tags else "TIT1"
        if field != MOOD or (self._spelled(named) in self._tags and "TMOO" not in self._tags):
            return named
        return "TMOO" if "TMOO" in self._tags or self.version == 4 else named

    def _texts(self, value: Any) -> Iterable[str]:
        return map(str, value.text)

    def put(self, key: str, values: Sequence[str]) -> None:
        """Set the values of a tag."""
        from mutagen.id3 import Encoding, Frames

        plain = all(value.isascii() for value in values)
        encoding = Encoding.LATIN1 if plain else Encoding.UTF16
        described: dict[str, str] = {}
        if key.startswith(USER_TEXT):
            described = {"desc": key.removeprefix(USER_TEXT)}
        elif key.startswith("COMM"):
            described = {"desc": "", "lang": key.rpartition(":")[2]}
        make: Any = Frames[key[:4]]
        self._tags.setall(key, [make(encoding=encoding, text=list(values), **described)])

    def others(self, keys: Iterable[str]) -> object:
        """Return all tags but these, in a form that can be compared."""
        return super().others(keys), sorted(map(bytes, self._tags.unknown_frames))

    def check_lossless(self) -> None:
        """Check that mutagen has a frame for each in the file.

        Frames whose names must differ, and do not, it merges or takes the last of; frames it cannot
        read it leaves out.
        """
        if not self._has_v2:
            return
        found, tags = 0, type(self._tags)()
        read = tags._read

        def count_and_read(header: Any, data: bytes) -> Any:
            nonlocal found
            found = _count_frames(header, data)
            return read(header, data)

        tags._read = count_and_read
        tags.load(self.path, translate=False, load_v1=False)
        kept = len(tags)
        if tags.version[1] == self.version:  # else mutagen does not write what it does not know
            kept += len(tags.unknown_frames)
        if kept != found:
            raise TagError(
                f"'{printable(self.path)}' holds ID3 frames that would be merged or lost; repair "
                "them with a tag editor first"
            )

    def _save(self) -> None:
        last = _last_bytes(self.path)
        self._file.save(v2_version=self.version, v23_sep=None)
        # mutagen writes an ID3v1 tag anew; it stays as it was
        if last[:3] == _last_bytes(self.path)[:3] == b"TAG":
            with self.path.open("r+b") as file:
                file.seek(-ID3V1_BYTES, os.SEEK_END)
                file.write(last)


_FRAMES = {MOOD: ("TMOO",), GROUPING: ("TIT1", "GRP1")}
_MIME_TYPES = {"PNG": "image/png", "JPG": "image/jpeg"}  # of pictures in ID3v2.2


def _count_frames(header: Any, data: bytes) -> int:
    """Return how many frames an ID3v2 tag's bytes hold, readable or not."""
    from mutagen.id3 import _tags
    from mutagen.id3._util import unsynch

    version = header.version[1]
    if version < 4 and header.f_unsynch:
        with suppress(ValueError):
            data = unsynch.decode(data)
    name, head = (3, 6) if version == 2 else (4, 10)
    # Some programs write the lengths in ID3v2.4 as in ID3v2.3; mutagen tells from all of them.
    tell: Any = _tags.determine_bpi
    length_of: Any = tell(data, header.known_frames) if version == 4 else int
    count = position = 0
    while position + head <= len(data) and data[position : position + name].strip(b"\0"):
        length = data[position + name : position + (6 if version == 2 else 8)]
        position += head + int(length_of(int.from_bytes(length, "big")))
        count += 1
    return count


class VorbisComments(TagFile):
    """FLAC, Ogg Vorbis, Opus, Speex."""

    def _spelled(self, key: str) -> str:
        return next((k for k, _ in self._tags if k.casefold() == key.casefold()), key)

    def others(self, keys: Iterable[str]) -> object:
        """Return all tags but these, in a form that can be compared."""
        left_out = {key.casefold() for key in keys}
        comments = [(k, v) for k, v in self._tags if k.casefold() not in left_out]
        blocks = getattr(self._file, "metadata_blocks", [])  # FLAC: pictures, cue sheet …
        return comments, [bytes(b.write()) for b in blocks if b.code not in _REWRITTEN_BLOCKS]


_REWRITTEN_BLOCKS = (1, 4)  # padding; the comments themselves


class Mp4Atoms(TagFile):
    """MP4 and M4A: freeform atoms under iTunes's name."""

    def put(self, key: str, values: Sequence[str]) -> None:
        """Set the values of a tag."""
        self._tags[key] = self._made(values) if key.startswith("----") else list(values)

    def _name(self, field: str) -> str:
        return _ATOMS.get(field, FREEFORM + field)

    def _texts(self, value: Any) -> Iterable[str]:
        return (
            atom if isinstance(atom, str) else bytes(atom).decode("utf-8", "replace")
            for atom in value
        )

    def _made(self, values: Sequence[str]) -> Any:
        from mutagen import mp4

        make: Any = mp4.MP4FreeForm
        return [make(value.encode(), mp4.AtomDataType.UTF8) for value in values]


_ATOMS = {COMMENT: "\xa9cmt", GROUPING: "\xa9grp"}


class ApeItems(TagFile):
    """WavPack, Monkey's Audio, Musepack."""

    def _name(self, field: str) -> str:
        return field.capitalize() if field in (MOOD, COMMENT, GROUPING) else field

    def _texts(self, value: Any) -> Iterable[str]:
        return str(value).split("\0")


def _kind_of(file: Any) -> type[TagFile] | None:
    return next((kind for tags, kind in _kinds() if isinstance(file.tags, tags)), None)


def _kinds() -> tuple[tuple[type[Any], type[TagFile]], ...]:
    from mutagen import flac, oggflac, oggopus, oggspeex, oggtheora, oggvorbis
    from mutagen.apev2 import APEv2
    from mutagen.id3 import ID3
    from mutagen.mp4 import MP4Tags

    return (
        (ID3, Id3Tags),
        (flac.VCFLACDict, VorbisComments),
        (oggflac.OggFLACVComment, VorbisComments),
        (oggopus.OggOpusVComment, VorbisComments),
        (oggspeex.OggSpeexVComment, VorbisComments),
        (oggtheora.OggTheoraCommentDict, VorbisComments),
        (oggvorbis.OggVCommentDict, VorbisComments),
        (MP4Tags, Mp4Atoms),
        (APEv2, ApeItems),
    )


def _last_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - ID3V1_BYTES))
        return file.read()


def _line(error: Exception) -> str:
    return printable((str(error).splitlines() or [""])[0][:120]) or type(error).__name__
