"""Artist, album, title, genre and year from a file's own tags, by mutagen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from music_emotion.errors import MissingExtraError
from music_emotion.library.track import Tags

# Names of a tag: mutagen's easy ones and Vorbis's; ID3 frames (WAV, AIFF); ASF; APEv2.
NAMES = {
    "artist": ("artist", "TPE1", "Author", "Artist"),
    "album": ("album", "TALB", "WM/AlbumTitle", "Album"),
    "title": ("title", "TIT2", "Title"),
    "genre": ("genre", "TCON", "WM/Genre", "Genre"),
    "year": ("date", "TDRC", "WM/Year", "Year", "year"),
}
YEAR = re.compile(r"\d{4}")


def check_mutagen() -> None:
    """Raise :class:`MissingExtraError` where mutagen is not installed."""
    try:
        import mutagen  # noqa: F401
    except ImportError:
        raise MissingExtraError("reading the tags of a library", "library") from None


def read_tags(path: str) -> Tags:
    """Return a file's tags; empty ones where it has none or they cannot be read."""
    import mutagen

    try:
        file: Any = mutagen.File(path, easy=True)
        tags = None if file is None else file.tags
    except Exception:  # damaged tags raise anything; they are no reason to leave out the music
        return Tags()
    if not tags:
        return Tags()
    words = {name: _first(tags, keys) for name, keys in NAMES.items()}
    year = YEAR.search(words.pop("year"))
    return Tags(**words, year=int(year[0]) if year else None)


def _first(tags: Any, keys: Iterable[str]) -> str:
    """Return the values of the first tag that is there, joined."""
    for key in keys:
        try:
            value = tags.get(key)
        except Exception:  # mutagen's views of tags differ in what they raise for a strange name
            continue
        if value:
            values = getattr(value, "text", value)  # an ID3 frame, or a list
            values = values if isinstance(values, list) else [values]
            return "; ".join(str(value) for value in values).replace("\0", "; ").strip()
    return ""
