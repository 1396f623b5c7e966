"""The ends of a playlist's course: an emotion, a track, or a place by valence and arousal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from music_emotion.audio.names import written_name
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MusicEmotionError, printable
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.search import SCALES, emotion_index, intensities_of
from music_emotion.library.vectors import Array

MOODS = ("valence", "arousal")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """One end of a course.

    Attributes
    ----------
    name
        As it is said.
    emotion
        Number of the emotion that it is; ``None``: it is none.
    intensities, row
        Of the track that it is, shape (9,), and the number of its row, if it has one.
    mood
        Valence and arousal that it is at, NaN where one does not count.
    """

    name: str
    emotion: int | None = None
    intensities: Array | None = None
    row: int | None = None
    mood: tuple[float, float] = (math.nan, math.nan)

    @classmethod
    def of_emotion(cls, name: str) -> Self:
        """Return the end at which an emotion is felt; see :func:`.search.emotion_index`."""
        index = emotion_index(name)
        return cls(EMOTIONS[index], emotion=index)

    @classmethod
    def of_track(cls, catalogue: Catalogue, path: str, model: str | None = None) -> Self:
        """Return a track as an end; see :func:`.search.intensities_of`."""
        intensities, row = intensities_of(catalogue, path, model)
        name = f"'{printable(written_name(path))}'"
        return cls(name, intensities=intensities, row=None if row is None else row.id)

    def closeness(self, intensities: Array, moods: Floats) -> Floats:
        """Return how close n tracks are, shape (n,); larger is closer.

        The intensity of an emotion, or less the distance: between intensities, shape (n, 9), or
        valence and arousal, (n, 2).
        """
        if self.emotion is not None:
            return intensities[:, self.emotion].astype(np.float64)
        if self.intensities is not None:
            off = intensities.astype(np.float64) - self.intensities
        else:
            counts = ~np.isnan(self.mood)
            off = moods[:, counts] - np.array(self.mood)[counts]
        return -np.asarray(np.sqrt(np.square(off).sum(axis=1)))

    @property
    def is_mood(self) -> bool:
        """Whether valence and arousal are compared."""
        return self.emotion is None and self.intensities is None

    @property
    def kind(self) -> tuple[bool, bool]:
        """What is compared; closeness to ends of one kind can be subtracted."""
        return self.emotion is not None, self.intensities is not None

    def is_as(self, other: End) -> bool:
        """Whether two ends are one."""
        if self.kind != other.kind:
            return False
        if self.emotion is not None:
            return self.emotion == other.emotion
        if self.intensities is not None and other.intensities is not None:
            return bool((self.intensities == other.intensities).all())
        return np.array_equal(self.mood, other.mood, equal_nan=True)


def mood_ends(valence: str | None, arousal: str | None) -> tuple[End, End]:
    """Return the ends of a course through valence and arousal, each ``FROM:TO`` or one number.

    Raises
    ------
    MusicEmotionError
        One cannot be understood, or is not between −1 and 1.

    Examples
    --------
    >>> start, end = mood_ends("-.5:.7", None)
    >>> start.name, end.name
    ('valence -0.5', 'valence 0.7')
    """
    given = {name: text for name, text in zip(MOODS, (valence, arousal), strict=True) if text}
    places = {name: _places(name, text) for name, text in given.items()}
    ends = []
    for at in range(2):
        mood = tuple(places[name][at] if name in places else math.nan for name in MOODS)
        name = ", ".join(f"{name} {places[name][at]:g}" for name in places)
        ends.append(End(name, mood=(mood[0], mood[1])))
    return ends[0], ends[1]


def _places(name: str, text: str) -> tuple[float, float]:
    first, colon, last = text.partition(":")
    least, most = SCALES[name]
    try:
        places = float(first), float(last if colon else first)
    except ValueError:
        places = math.nan, math.nan
    if not all(least <= place <= most for place in places):
        raise MusicEmotionError(
            f"'{printable(text)}' is no way through {name}, which lies between {least:g} and "
            f"{most:g}; write FROM:TO, for example -.5:.7"
        )
    return places


def check_ends(start: bool, end: bool, tracks: tuple[bool, bool], mood: bool) -> None:
    """Refuse what leads nowhere, or to two places; given are which ends are named by what.

    Raises
    ------
    MusicEmotionError
        Not exactly one beginning and, unless it stays there, one end is named.
    """
    for emotion, track, which in ((start, tracks[0], "from"), (end, tracks[1], "to")):
        if emotion + track + mood > 1:
            raise MusicEmotionError(
                f"--{which}, --{which}-track and --valence or --arousal name one end each; leave "
                "out all but one"
            )
    if not (start or tracks[0] or mood):
        raise MusicEmotionError(
            "name where it begins: --from EMOTION, --from-track FILE, --valence or --arousal "
            "FROM:TO; without an end it stays there"
        )


def scaled(closeness: Floats) -> Floats:
    """Return closeness in standard deviations, so that different kinds can be compared."""
    return closeness / (float(np.std(closeness)) or 1.0)
