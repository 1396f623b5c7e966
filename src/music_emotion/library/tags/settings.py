"""What of a prediction is written into a file's tags, and in which words: a small file in TOML.

All of it may be left out; this is what holds where it is::

    confidence = 0.3      # below it no mood is written
    most = 1              # moods at most
    share = 0.25          # of listeners, which each mood after the first needs
    # separator = "; "    # puts several moods into one value; without it each is a value
    numbers = true        # the fields EMOTION_… beside the mood

    [names]               # other words, or another language
    # calmness = "ruhig"

    [fields]              # for programs that read no mood: comment, grouping, or names of your own
    mood = "{moods}"
    # comment = "{moods}, energy {energy}"

A field's text may name :data:`PLACEHOLDERS`.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Any

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import SettingsError, choose_from, printable
from music_emotion.library.tags.fields import COMMENT, GROUPING, MOOD

VARIABLE = "MUSIC_EMOTION_TAGS"
FILE_NAME = "tags.toml"
PREFIX = "EMOTION_"
"""What the names of the numbers begin with, and no name of one's own."""

PLACEHOLDERS = ("moods", "mood", "energy", "valence", "arousal", "confidence", *EMOTIONS)
"""What a field's text may hold in braces."""

_NAMED = {name.lower(): name for name in (MOOD, COMMENT, GROUPING)}
_OWN_NAME = re.compile(r"[A-Z][A-Z0-9 _]{1,39}")
_OF_THE_MUSIC = re.compile(
    "ARTIST|ALBUM|TITLE|GENRE|DATE|YEAR|ALBUMARTIST|COMPOSER|TRACK|TRACKNUMBER|DISC|DISCNUMBER|"
    "PERFORMER|CONDUCTOR|LYRICS|LYRICIST|COPYRIGHT|ISRC|BPM|KEY|LABEL|DESCRIPTION|TMOO"
)


@dataclass(frozen=True, slots=True)
class TagSettings:
    """What is written, and how.

    Attributes
    ----------
    confidence
        Below it no word is written, 0–1; numbers are.
    most, share
        How many moods at most; what share of listeners must be expected to feel each after the
        strongest.
    separator
        Between several moods in one value; ``None``: each is a value of its own.
    numbers
        Whether intensities, valence, arousal, standings, confidence and model are written.
    names
        Words for emotions, by their names; the others are called as everywhere.
    fields
        Texts by the names of fields, such as ``MOOD``; see :data:`PLACEHOLDERS`.
    """

    confidence: float = 0.3
    most: int = 1
    share: float = 0.25
    separator: str | None = None
    numbers: bool = True
    names: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=lambda: {MOOD: "{moods}"})


def default_settings() -> Path | None:
    """Return the user's own file of settings: MUSIC_EMOTION_TAGS, else one among their settings.

    ``None`` where there is none.
    """
    if setting := os.environ.get(VARIABLE, "").strip():
        return Path(setting).expanduser()
    from platformdirs import user_config_path

    path = user_config_path("music-emotion") / FILE_NAME
    return path if path.exists() else None


def read_settings(path: Path | None) -> TagSettings:
    """Read a file of settings; ``None``: what holds where nothing is said.

    Raises
    ------
    SettingsError
        It cannot be read, or says what it may not.
    """
    if path is None:
        return TagSettings()
    shown = f"'{printable(path)}'"
    try:
        said = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{shown} cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{shown} is no TOML ({printable(error)})") from None
    try:
        return settings_of(said)
    except SettingsError as error:
        raise SettingsError(f"{shown}: {error}") from None


def settings_of(said: Mapping[str, Any]) -> TagSettings:
    """Return settings from what a file says.

    Raises
    ------
    SettingsError
        A name is unknown, or a value of another kind than it must be.

    Examples
    --------
    >>> settings_of({"most": 2, "fields": {"comment": "{mood}"}}).fields
    {'MOOD': '{moods}', 'COMMENT': '{mood}'}
    """
    _refuse_unknown(said, (*_CHECKS, "names", "fields"))
    for name, value in said.items():
        if name in _CHECKS and not _CHECKS[name][0](value):
            raise SettingsError(f"{name} = {value!r} must be {_CHECKS[name][1]}")
    names = _texts(said, "names")
    _refuse_unknown(names, EMOTIONS)
    for emotion, word in names.items():
        if not word.strip():
            raise SettingsError(f"the name of {emotion} is empty")
    values = {name: said[name] for name in _CHECKS if name in said}
    return TagSettings(**values, names=names, fields=_fields(_texts(said, "fields")))


def _number(low: float, high: float) -> Any:
    return lambda value: type(value) in (int, float) and low <= value <= high


_CHECKS: Mapping[str, tuple[Any, str]] = {
    "confidence": (_number(0, 1), "a number from 0 to 1"),
    "most": (
        lambda value: type(value) is int and 1 <= value <= len(EMOTIONS),
        f"a whole number from 1 to {len(EMOTIONS)}",
    ),
    "share": (_number(0, 1), "a number from 0 to 1"),
    "separator": (lambda value: isinstance(value, str) and bool(value), 'a text such as "; "'),
    "numbers": (lambda value: isinstance(value, bool), "true or false"),
}


def _refuse_unknown(said: Iterable[str], known: Iterable[str]) -> None:
    for name in said:
        if name not in (names := tuple(known)):
            raise SettingsError(f"there is no setting {name!r}; {choose_from(name, names)}")


def _texts(said: Mapping[str, Any], name: str) -> dict[str, str]:
    table = said.get(name, {})
    if not isinstance(table, dict):
        raise SettingsError(f"{name} must be a table: [{name}]")
    for key, text in table.items():
        if not isinstance(text, str):
            raise SettingsError(f"{key} = {text!r} in [{name}] must be a text")
    return dict(table)


def _fields(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts by the fields' own names; an empty one leaves a field out."""
    fields = {MOOD: "{moods}"}
    for given, text in texts.items():
        name = _NAMED.get(given.lower(), given)
        taken = name.startswith(PREFIX) or _OF_THE_MUSIC.fullmatch(name)
        if taken or not _OWN_NAME.fullmatch(name):
            raise SettingsError(
                f"a field cannot be called {given!r}; take mood, comment, grouping, or a name of "
                "your own in capital letters, such as ENERGYLEVEL"
            )
        _check_text(given, text)
        fields[name] = text
    return {name: text for name, text in fields.items() if text}


def _check_text(field: str, text: str) -> None:
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise SettingsError(f"{field} = {text!r}: {error}") from None
    for _, name, specification, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or specification or conversion):
            raise SettingsError(
                f"{field} = {text!r}: {{{name}}} is not known; {choose_from(name, PLACEHOLDERS)}"
            )
