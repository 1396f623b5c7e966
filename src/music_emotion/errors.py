"""The exceptions of the package: one family, each message naming the thing and the remedy."""

from __future__ import annotations

from collections.abc import Iterable


class MusicEmotionError(Exception):
    """Root of every error a user can cause; the command line prints its message as one line."""


class AudioError(MusicEmotionError):
    """A file or an array that cannot be heard: missing, unreadable, empty or too short."""


class DatasetError(MusicEmotionError):
    """A data set that is missing, incomplete or contradicts itself."""


class CacheError(MusicEmotionError):
    """The cache on disk cannot be read or written."""


class ModelError(MusicEmotionError):
    """An unknown, damaged or unfitted model."""


class EvaluationError(MusicEmotionError):
    """An evaluation that cannot be carried out on the given data."""


class WriteError(MusicEmotionError):
    """A file that cannot be written."""


class ServerError(MusicEmotionError):
    """A server that cannot be started as asked."""


class CatalogueError(MusicEmotionError):
    """A catalogue of a library that is missing, damaged, locked or cannot be written."""


class DamagedCatalogueError(CatalogueError):
    """A catalogue in which something is not what was written; ``reason`` says what."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class TagError(MusicEmotionError):
    """A file whose tags cannot be read or written."""


class SettingsError(MusicEmotionError):
    """A file of settings that cannot be read, or says what it may not."""


class MissingExtraError(MusicEmotionError):
    """A part of the package whose optional dependencies are not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs more packages: pip install 'music-emotion[{extra}]'")


def check_extra(purpose: str, extra: str, *modules: str) -> None:
    """Raise :class:`MissingExtraError` where one of the modules that an extra brings is missing.

    >>> check_extra("this", "x", "math")
    >>> check_extra("this", "x", "math", "no_such_module")
    Traceback (most recent call last):
    ...
    music_emotion.errors.MissingExtraError: this needs more packages: pip install 'music-emotion[x]'
    """
    from importlib.util import find_spec

    if any(find_spec(module) is None for module in modules):
        raise MissingExtraError(purpose, extra)


def choose_from(word: str, known: Iterable[str]) -> str:
    """Return what to say of a word that is none of those known: what was meant, or all of them.

    >>> choose_from("calm", ("calmness", "tension")), choose_from("joy", ("calmness", "tension"))
    ("did you mean 'calmness'?", 'choose from calmness, tension')
    """
    from difflib import get_close_matches

    names = {name.lower(): name for name in known}
    plain = word.strip().lower()
    begun = [name for name in names if plain and name.startswith(plain)]
    close = begun if len(begun) == 1 else get_close_matches(plain, names, n=1)
    if close:
        return f"did you mean '{names[close[0]]}'?"
    return f"choose from {', '.join(names.values())}"


def printable(name: object) -> str:
    """Return a path or name as one line that any terminal can show.

    Line breaks, control characters and bytes that are not text (surrogates) appear as escapes.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in str(name)
    )
