"""Playlists as files: M3U8, PLS and XSPF, with paths as players find them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self, TextIO
from urllib.parse import quote
from xml.sax.saxutils import escape

from music_emotion.audio.names import SCHEME, local_path, written_name
from music_emotion.errors import MusicEmotionError, printable
from music_emotion.library.walk import absolute

COLUMNS = ("path", "title", "artist", "album", "duration")
"""Columns of the catalogue that an :class:`Entry` is made of, in order."""

UNKNOWN_SECONDS = -1
LINE_BREAKS = re.compile("[\x00-\x08\n-\x1f\x7f]")  # where a player may end a line, and the like
NOT_IN_A_TITLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")
WINDOWS = re.compile(r"[A-Za-z]:|\\\\")  # what a path of Windows begins with
UNQUOTED = "/!$&'()*+,;=:@~"  # in the path of an address (RFC 3986)
OF_ADDRESS = UNQUOTED + "?#[]%"  # what a whole address may hold besides


class Entry(NamedTuple):
    """A track of a playlist: its path or what stands for it, its tags, its length in seconds."""

    path: str
    title: str
    artist: str
    album: str
    duration: float | None

    @property
    def name(self) -> str:
        """``artist - title`` in one line, from the tags or the name of the file."""
        title = self.title or Path(written_name(self.path)).stem
        return one_line(f"{self.artist} - {title}" if self.artist else title)


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where a player sees what lies in a folder.

    Attributes
    ----------
    folder
        Absolute, as it is catalogued.
    there
        What the player calls it, another path or an address; ``""``: its paths begin in it.
    """

    folder: str
    there: str

    @classmethod
    def parse(cls, text: str) -> Self:
        r"""Read ``FROM=TO``.

        Raises
        ------
        MusicEmotionError
            There is no ``=``, or nothing before it.

        Examples
        --------
        >>> Mapping.parse(r"/music=Z:\Music").of("/music/a/b.mp3")
        'Z:\\Music\\a\\b.mp3'
        >>> Mapping.parse("/music=").of("/music/a/b.mp3"), Mapping.parse("/a=/b").of("/ab")
        ('a/b.mp3', None)
        """
        folder, equals, there = text.partition("=")
        if not (equals and folder.strip()):
            raise MusicEmotionError(
                f"'{printable(text)}' maps no folder; write --map FROM=TO, for example "
                "--map /home/me/Music=/music"
            )
        return cls(absolute(local_path(folder)), there)

    def of(self, path: str) -> str | None:
        """Return what the player calls an absolute path; ``None`` of one that lies elsewhere."""
        prefix = self.folder.rstrip(os.sep) + os.sep
        if not path.startswith(prefix):
            return None
        rest = path[len(prefix) :]
        if not self.there:
            return rest
        if SCHEME in self.there:
            address = quote(os.fsencode(self.there.rstrip("/")), safe=OF_ADDRESS)
            return f"{address}/{quote(os.fsencode(rest), safe=UNQUOTED)}"
        if WINDOWS.match(self.there) or "\\" in self.there:
            rest = rest.replace("/", "\\")
            return self.there.rstrip("\\/") + "\\" + rest
        return f"{self.there.rstrip('/')}/{rest}"


@dataclass(frozen=True, slots=True)
class Naming:
    """How paths are written.

    Attributes
    ----------
    mappings
        Of the folders that a path lies in, the innermost counts; what lies in none stays.
    relative_to
        The folder at which paths begin; ``None``: at the root.
    """

    mappings: tuple[Mapping, ...] = ()
    relative_to: Path | None = None
    _used: set[Mapping] = field(default_factory=set, compare=False)

    def path(self, path: str) -> str:
        """Return an absolute path as a player sees it."""
        fitting = [(len(each.folder), each, named) for each, named in self._mapped(path)]
        if fitting:
            _, mapping, named = max(fitting, key=lambda each: each[0])
            self._used.add(mapping)
            return named
        return path if self.relative_to is None else os.path.relpath(path, self.relative_to)

    def _mapped(self, path: str) -> Iterable[tuple[Mapping, str]]:
        for mapping in self.mappings:
            if (named := mapping.of(path)) is not None:
                yield mapping, named

    def unused(self) -> list[Mapping]:
        """Return the mappings by which nothing was written so far."""
        return [mapping for mapping in self.mappings if mapping not in self._used]


def one_line(text: str) -> str:
    """Return a text without what ends a line, and without what no XML may hold."""
    return NOT_IN_A_TITLE.sub(" ", text).strip()


def address(path: str) -> str:
    r"""Return a path as an address (a URI reference); addresses stay as they are.

    Examples
    --------
    >>> address("/music/caf\udce9 1.mp3"), address("10:30.mp3"), address(r"Z:\a b.mp3")
    ('file:///music/caf%E9%201.mp3', './10:30.mp3', 'file:///Z:/a%20b.mp3')
    """
    if SCHEME in path:
        return path
    windows = WINDOWS.match(path)
    if windows:
        path = path.replace("\\", "/")
    quoted = quote(os.fsencode(path), safe=UNQUOTED)
    if windows or path.startswith("/"):
        return f"file://{quoted}" if quoted.startswith("/") else f"file:///{quoted}"
    return f"./{quoted}" if ":" in quoted.partition("/")[0] else quoted


def line_of(path: str) -> str:
    """Return a path as a line of its own, or its address where it is none that players read.

    Such are names with line breaks, with blanks at the end, and those that are no UTF-8.
    """
    if LINE_BREAKS.search(path) or path != path.rstrip() or _is_no_text(path):
        return address(path)
    # At the beginning of a line, "#" is a comment, blanks are nothing and "a:" is a scheme.
    first = path.partition("/")[0]
    odd = first.startswith("#") or first != first.lstrip() or ":" in first
    return f"./{path}" if odd and not (WINDOWS.match(path) or SCHEME in path) else path


def _is_no_text(path: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in path)


def write_m3u8(entries: Iterable[Entry], stream: TextIO) -> None:
    """Write an extended M3U in UTF-8, as most players read it."""
    stream.write("#EXTM3U\n")
    for entry in entries:
        stream.write(f"#EXTINF:{_seconds(entry)},{entry.name}\n{line_of(entry.path)}\n")


def write_pls(entries: Iterable[Entry], stream: TextIO) -> None:
    """Write a PLS, version 2, in UTF-8."""
    stream.write("[playlist]\n")
    count = 0
    for count, entry in enumerate(entries, 1):
        stream.write(
            f"File{count}={line_of(entry.path)}\nTitle{count}={entry.name}\n"
            f"Length{count}={_seconds(entry)}\n"
        )
    stream.write(f"NumberOfEntries={count}\nVersion=2\n")


def write_xspf(entries: Iterable[Entry], stream: TextIO) -> None:
    """Write an XSPF, version 1."""
    stream.write(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<playlist version="1" xmlns="http://xspf.org/ns/0/">\n<trackList>\n'
    )
    for entry in entries:
        values = [
            ("location", address(entry.path)),
            ("title", one_line(entry.title)),
            ("creator", one_line(entry.artist)),
            ("album", one_line(entry.album)),
            ("duration", "" if entry.duration is None else str(round(1000 * entry.duration))),
        ]
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values if value)
        stream.write(f"<track>{inner}</track>\n")
    stream.write("</trackList>\n</playlist>\n")


def _seconds(entry: Entry) -> int:
    return UNKNOWN_SECONDS if entry.duration is None else round(entry.duration)


WRITERS: dict[str, Callable[[Iterable[Entry], TextIO], None]] = {
    "m3u8": write_m3u8,
    "pls": write_pls,
    "xspf": write_xspf,
}


def entries_of(columns: Sequence[Sequence[Any]], naming: Naming) -> Iterable[Entry]:
    """Yield the tracks of a playlist from the values of :data:`COLUMNS`, each of n tracks."""
    for path, *rest in zip(*columns, strict=True):
        yield Entry(naming.path(path), *rest)
