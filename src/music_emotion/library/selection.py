"""Which tracks are taken, by their length and by what they say they are."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from music_emotion.errors import MusicEmotionError, printable
from music_emotion.inference.writers import clock
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.folding import folded, plain
from music_emotion.library.vectors import Ids

LONGEST_PIECE = 30 * 60.0  # seconds; what lasts longer is a mix, an opera, a podcast: no piece
LENGTH = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)(?:m(?:in)?|$))?(?:(\d+(?:\.\d+)?)s)?")

SPEECH = re.compile(
    r"\b(podcasts?|audio ?books?|books? & spoken|speech|spoken( ?word)?"
    r"|hor(buch|bucher|spiele?)|livres? audio|audiolib(ro|ri|ros|er)|аудиокниг[аи]|подкаст(ы)?)\b"
    r"|有声|朗読|ポッドキャスト|オーディオブック|播客"
)
"""Genres, plain, of what is spoken."""


def parse_length(text: str) -> float:
    """Return a length in seconds: ``60min``, ``1h30``, ``1.5h``, ``90s``; a number is minutes.

    Raises
    ------
    MusicEmotionError
        It cannot be understood, or is not above 0.
    """
    match = LENGTH.fullmatch(text.strip().lower().replace(" ", ""))
    hours, minutes, seconds = (float(part or 0) for part in match.groups()) if match else (0, 0, 0)
    total = 3600 * hours + 60 * minutes + seconds
    if total <= 0:
        raise MusicEmotionError(
            f"'{printable(text)}' is no length; write for example 60min, 1h30 or 90s"
        )
    return total


@dataclass(frozen=True, slots=True)
class Selection:
    """Tracks that are taken.

    Attributes
    ----------
    shortest, longest
        How long they last, in seconds; both belong to it. What is not known is taken.
    speech
        Whether podcasts, audiobooks and speech are taken, by their genre.
    """

    shortest: float = 0.0
    longest: float = math.inf
    speech: bool = True

    @classmethod
    def between(cls, shortest: str | None, longest: str | None) -> Self:
        """Return what is taken between two lengths as people write them; ``None``: without end.

        Raises
        ------
        MusicEmotionError
            One cannot be understood, or nothing is between them.
        """
        least = 0.0 if shortest is None else parse_length(shortest)
        most = math.inf if longest is None else parse_length(longest)
        if least > most:
            raise MusicEmotionError(
                f"nothing lasts at least {clock(least)} and at most {clock(most)}; exchange "
                "--min-length and --max-length"
            )
        return cls(least, most)

    def refuses_length(self, seconds: float | None) -> str:
        """Return in words why a length is not taken; ``""`` where it is.

        Examples
        --------
        >>> Selection(longest=1800.0).refuses_length(1801.0)
        'longer than 30:00'
        """
        if seconds is None:
            return ""
        if seconds > self.longest:
            return f"longer than {clock(self.longest)}"
        return f"shorter than {clock(self.shortest)}" if seconds < self.shortest else ""

    def takes(self, genre: str, seconds: float | None) -> bool:
        """Return whether a track with this genre and length is taken.

        Examples
        --------
        >>> music = Selection(speech=False)
        >>> music.takes("Audiobook; Krimi", 60.0), music.takes("Speechless Pop", 60.0)
        (False, True)
        """
        return not self.refuses_length(seconds) and (self.speech or not is_speech(genre))

    def options(self) -> list[str]:
        """Return the options that say what is taken, in the order of its words.

        Examples
        --------
        >>> Selection(longest=60.0, speech=False).options()
        ['--speech', '--max-length']
        """
        return list(self._refusals())

    def __str__(self) -> str:
        """What is not taken, in words."""
        return " or ".join(self._refusals().values())

    def _refusals(self) -> dict[str, str]:
        """Return what is not taken, in words, by the options that say otherwise."""
        refused = {} if self.speech else {"--speech": "speech"}
        if self.longest < math.inf:
            refused["--max-length"] = f"longer than {clock(self.longest)}"
        if self.shortest:
            refused["--min-length"] = f"shorter than {clock(self.shortest)}"
        return refused


EVERYTHING = Selection()
MUSIC = Selection(longest=LONGEST_PIECE, speech=False)
"""What playlists are made of."""


def music_between(shortest: str | None, longest: str | None, *, speech: bool) -> Selection:
    """Return what playlists are made of, unless lengths or ``speech`` are asked for.

    Raises
    ------
    MusicEmotionError
        See :meth:`Selection.between`.
    """
    asked = replace(Selection.between(shortest, longest), speech=speech)
    if longest is None and asked.shortest <= MUSIC.longest:
        return replace(asked, longest=MUSIC.longest)
    return asked


def is_speech(genre: str) -> bool:
    """Return whether a genre says that somebody speaks."""
    return bool(genre) and SPEECH.search(plain(folded(genre))) is not None


def select(
    catalogue: Catalogue, ids: Iterable[int], selection: Selection, most: int | None = None
) -> tuple[Ids, int]:
    """Return the tracks that are taken, ``most`` of them in their order, and how many were not.

    Raises
    ------
    CatalogueError
        The catalogue cannot be read.
    """
    taken, left_out = list[int](), 0
    for numbers, columns in catalogue.columns(ids, ("genre", "duration")):
        for number, genre, seconds in zip(numbers, *columns.values(), strict=True):
            if most is not None and len(taken) >= most:
                return np.array(taken, np.int64), left_out
            if selection.takes(genre, seconds):
                taken.append(number)
            else:
                left_out += 1
    return np.array(taken, np.int64), left_out
