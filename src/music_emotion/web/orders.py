"""What goes between the server and its worker processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted of one file.

    Attributes
    ----------
    name
        What the client calls the file: a label, never a path.
    model
        Name of a served model.
    explained
        Whether reasons are wanted, too.
    emotion
        Which emotion is explained; ``None`` is the most probable one.
    """

    name: str
    model: str
    explained: bool = False
    emotion: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has loaded its first model."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an analysis is.

    Attributes
    ----------
    stage
        ``listening`` or ``explaining``.
    heard
        Seconds of sound heard.
    total
        Seconds in all, where the file says so.
    """

    stage: str
    heard: float
    total: float | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What came of a file.

    Attributes
    ----------
    result
        The object ``music-emotion predict -f json`` writes.
    peaks
        Largest sample of equal parts of the sound, 0–1, for pictures.
    """

    result: dict[str, Any]
    peaks: list[float]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing came of a file.

    Attributes
    ----------
    reason
        ``unreadable``, ``unsupported``, ``too_long``, ``memory`` or ``broken`` (the server's
        fault).
    message
        One sentence.
    """

    reason: str
    message: str


Message = Ready | Progress | Analysis | Failure
