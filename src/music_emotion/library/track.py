"""One file of a library, as the catalogue keeps it: the row that every engine writes.

Paths are text as Python gives them (bytes that are no UTF-8 as surrogates, see
:func:`os.fsdecode`); the catalogue stores them without loss.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Self

from music_emotion.digest import FileStamp
from music_emotion.errors import check_extra
from music_emotion.inference.model_card import Card
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.library.other_tags import other_words
from music_emotion.library.schema import DAMAGE
from music_emotion.library.timeline import TIMELINE_COLUMNS, timeline_of, timeline_row

TEXT_TAGS = ("artist", "album", "title", "genre")
DIVIDER = "; "  # of several values of a tag
TAG_COLUMNS = (*TEXT_TAGS, "year")
FILE_COLUMNS: Mapping[str, type[str] | type[int] | type[bytes]] = {
    "path": str,
    "size": int,
    "mtime_ns": int,
    "inode": int,
    "audio": bytes,
    **dict.fromkeys(TEXT_TAGS, str),
    "year": int,
    "error": str,
    "scanned_at": int,
    "missing_since": int,
}
"""Columns of a file, in order, and what each holds; see :class:`CatalogueTrack`."""

STORED_COLUMNS: Mapping[str, type[str] | type[float] | type[bytes]] = {
    "model_sha256": str,
    **TIMELINE_COLUMNS,
}
"""What is stored of a prediction beside :data:`music_emotion.inference.prediction.COLUMNS`."""

# Names of a tag: mutagen's easy ones and Vorbis's; ID3 frames (WAV, AIFF); ASF; APEv2.
_NAMES_OF_TAGS = {
    "artist": ("artist", "TPE1", "Author", "Artist"),
    "album": ("album", "TALB", "WM/AlbumTitle", "Album"),
    "title": ("title", "TIT2", "Title"),
    "genre": ("genre", "TCON", "WM/Genre", "Genre"),
    "date": ("date", "TDRC", "WM/Year", "Year", "year"),
}
_YEAR = re.compile(r"\d{4}")


@dataclass(frozen=True, slots=True)
class Tags:
    """What a file says of itself; ``""`` and ``None`` where it says nothing."""

    artist: str = ""
    album: str = ""
    title: str = ""
    genre: str = ""
    year: int | None = None

    @classmethod
    def read(cls, path: str) -> Tags:
        """Return a file's tags; empty ones where it has none or they cannot be read.

        Of several values each stands once, divided by ``"; "``.
        """
        words, is_poor = _words_of_mutagen(path)
        if not all(words.values()) or is_poor:
            found = _other_words(path)
            for name, text in words.items():
                words[name] = (
                    (found.get(name) or text) if is_poor else (text or found.get(name, ""))
                )
        year = _YEAR.search(words.pop("date"))
        return cls(**words, year=int(year[0]) if year else None)


def _words_of_mutagen(path: str) -> tuple[dict[str, str], bool]:
    """Return a file's words, and whether they are those of an ID3v1 tag, which cuts them off."""
    import mutagen
    from mutagen.easyid3 import EasyID3

    try:
        file: Any = mutagen.File(path, easy=True)
        tags = None if file is None else file.tags
    except Exception:  # damaged tags raise anything; they are no reason to leave out the music
        tags = None
    words = {name: _first(tags, keys) if tags else "" for name, keys in _NAMES_OF_TAGS.items()}
    return words, isinstance(tags, EasyID3) and tags.size == 0


def _other_words(path: str) -> dict[str, str]:
    try:
        return {name: _joined(texts) for name, texts in other_words(path).items()}
    except Exception:  # as above
        return {}


def claimed_seconds(path: str) -> float | None:
    """Return how long a file says it lasts; ``None`` where it does not say."""
    import mutagen

    try:
        file: Any = mutagen.File(path)
        return float(file.info.length) or None
    except Exception:  # damaged files raise anything; reading them tells
        return None


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
            return _joined(text for value in values for text in str(value).split("\0"))
    return ""


def _joined(texts: Iterable[str]) -> str:
    """Return texts in one, each once: some programs write a value under two names."""
    return DIVIDER.join(dict.fromkeys(text.strip() for text in texts if text.strip()))


def check_mutagen(purpose: str = "reading the tags of a library") -> None:
    """Raise :class:`MissingExtraError` where mutagen, which a purpose needs, is not installed."""
    check_extra(purpose, "library", "mutagen")


class ModelId(NamedTuple):
    """Which model predicted: the SHA-256 of its graph, and its version.

    One graph may be of several versions, whose cards read it differently. Both are ``""`` where
    nothing was predicted.
    """

    sha256: str = ""
    version: str = ""

    @classmethod
    def of(cls, card: Card) -> Self:
        """Return which model a card describes."""
        return cls(card.sha256, card.version)


@dataclass(frozen=True, slots=True)
class CatalogueTrack:
    """A file and what is known of it.

    Attributes
    ----------
    path
        Absolute.
    stamp, tags
        As they were when the file was read.
    audio
        :func:`music_emotion.library.audio_hash.audio_digest`; ``b""`` where it could not be read.
    prediction
        ``None`` where it failed. From the catalogue, its timeline is rounded to bytes and it has no
        envelope; what the version that wrote the row did not say is NaN.
    model_sha256
        Of the graph of the model that predicted; ``""`` without a prediction.
    error
        Why there is no prediction, in one line; ``""`` where there is one.
    scanned_at, missing_since
        Seconds since 1970; when it was first found to be gone, ``None`` while it is there.
    id
        Number of its row; ``None`` before it is written.
    """

    path: str
    stamp: FileStamp
    audio: bytes
    tags: Tags = field(default_factory=Tags)
    prediction: TrackPrediction | None = None
    model_sha256: str = ""
    error: str = ""
    scanned_at: int = 0
    missing_since: int | None = None
    id: int | None = None

    @property
    def model_id(self) -> ModelId:
        """Which model predicted it."""
        if self.prediction is None:
            return ModelId()
        return ModelId(self.model_sha256, self.prediction.version)

    def file_row(self) -> dict[str, Any]:
        """Return what is known of the file as one flat row with the names in FILE_COLUMNS.

        Text is such as UTF-8 can hold, but for the path.
        """
        parts = asdict(self.stamp) | asdict(self.tags)
        row = {name: parts[name] if name in parts else getattr(self, name) for name in FILE_COLUMNS}
        for name in (*TEXT_TAGS, "error"):
            row[name] = row[name].encode("utf-8", "backslashreplace").decode()
        return row

    def to_row(self) -> dict[str, Any]:
        """Return all of it as one flat row.

        It has the names in :data:`FILE_COLUMNS` and, where there is a prediction, those of its
        :meth:`.TrackPrediction.to_row` and in :data:`STORED_COLUMNS`. Numbers are not rounded, but
        for the timeline's, see :func:`~music_emotion.library.timeline.timeline_row`; warnings are a
        list.
        """
        row = self.file_row()
        if self.prediction is None:
            return row
        return row | {
            **self.prediction.to_row(rounded=False),
            "warnings": list(self.prediction.warnings),
            "model_sha256": self.model_sha256,
            **timeline_row(self.prediction.timeline, self.prediction.duration),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> CatalogueTrack:
        """Return the file that :meth:`to_row` made a row of; ``id`` may be there, too.

        Columns of the prediction may be missing or ``None`` where an older version wrote the row.

        Raises
        ------
        ValueError
            The timeline is no whole number of points.
        """
        prediction = None
        if row["model"] is not None:
            prediction = TrackPrediction.from_row(
                row, path=row["path"], timeline=timeline_of(row), warnings=row["warnings"]
            )
        return cls(
            path=row["path"],
            stamp=FileStamp(row["size"], row["mtime_ns"], row["inode"]),
            tags=Tags(**{name: row[name] for name in TAG_COLUMNS}),
            prediction=prediction,
            model_sha256=row["model_sha256"] or "",
            missing_since=row.get("missing_since"),
            id=row.get("id"),
            **{name: row[name] for name in ("audio", "error", "scanned_at")},
        )


def fault(error: str, top: str | None, warnings: str | None) -> str:
    r"""Return in a line why a file is broken: unreadable, silent or damaged; else ``""``.

    Parameters
    ----------
    error, top, warnings
        As they are stored; see :data:`music_emotion.library.schema.BROKEN`.

    Examples
    --------
    >>> fault("", "power", "very quiet\ndamaged at 3.0 s"), fault("", "power", "very quiet")
    ('damaged at 3.0 s', '')
    """
    if error or warnings is None:
        return error
    lines = warnings.split("\n")
    damage = [line for line in lines if any(words in line for words in DAMAGE)]
    return "; ".join(damage) or ("" if top else "silent: there is nothing to hear")


def stored_path(path: str) -> str | bytes:
    """Return a path as the catalogue stores it: text where it is UTF-8, else its bytes."""
    raw = os.fsencode(path)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def restored_path(stored: str | bytes) -> str:
    """Return the path that :func:`stored_path` was given."""
    return os.fsdecode(stored.encode() if isinstance(stored, str) else stored)


def count_of(count: int, noun: str) -> str:
    """Return a number of things in words.

    Examples
    --------
    >>> count_of(1, "track"), count_of(1_200, "broken file")
    ('1 track', '1,200 broken files')
    """
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def file_count(count: int) -> str:
    """Return a number of files in words.

    Examples
    --------
    >>> file_count(1), file_count(1_200)
    ('1 file', '1,200 files')
    """
    return count_of(count, "file")
