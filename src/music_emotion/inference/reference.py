"""What a packaged model is compared with: ``reference.npz`` beside its graph, which may be missing.

Arrays of numbers, read without pickle, and known by the card's ``reference_sha256``:

- ``intensities``: of the reference tracks, each predicted by models that had not heard its artist;
  every emotion's in rising order, so that no track can be told;
- ``recordings.*``: fingerprints of what the model learned from
  (:class:`~music_emotion.inference.recordings.Recordings`);
- ``discriminant.*``: what tells the music behind the model from other sound
  (:class:`~music_emotion.inference.familiarity.Discriminant`).
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from music_emotion.emotions import EMOTIONS
from music_emotion.errors import printable
from music_emotion.features.compute import FEATURES
from music_emotion.inference.familiarity import Discriminant
from music_emotion.inference.recordings import Recordings

REFERENCE_FILE = "reference.npz"
MAX_UNPACKED_BYTES = 1 << 26

_PARTS = {"recordings": Recordings, "discriminant": Discriminant}
"""What a reference may hold besides intensities, by the name that its arrays begin with."""

_DAMAGE = (OSError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What numpy and zipfile raise for files that are not whole, or are of a kind they cannot read."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What a track's answer is compared with.

    Attributes
    ----------
    intensities: of n reference tracks, each column in rising order, shape (n, 9), 0–1; none where
        n is 0
    recordings: that the model learned from; ``None`` where they are not known
    discriminant: what tells how familiar a sound is; ``None`` where that is not known
    """

    intensities: Array = field(default_factory=lambda: np.zeros((0, len(EMOTIONS)), np.float32))
    recordings: Recordings | None = None
    discriminant: Discriminant | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features it compares."""
        return tuple(dict.fromkeys(part.feature for part in self._parts))

    @property
    def _parts(self) -> list[Any]:
        parts = (getattr(self, part) for part in _PARTS)
        return [part for part in parts if part is not None]

    def __post_init__(self) -> None:
        """Raise ``ValueError`` naming what cannot be."""
        shape = self.intensities.shape
        if len(shape) != 2 or shape[1] != len(EMOTIONS):
            raise ValueError(f"intensities of shape {shape}")
        for part in self._parts:
            known = FEATURES.get(part.feature)
            if known is None or not known.is_pooled or known.shape != (part.columns,):
                raise ValueError(f"no feature {printable(part.feature)!r} of that size")
        if not ((self.intensities >= 0) & (self.intensities <= 1)).all():
            raise ValueError("intensities leave 0 to 1")

    def standing(self, intensities: Array) -> Array:
        """Return the share of reference tracks whose intensity of each emotion is lower, (9,).

        Equal ones count half; NaN where there are none.

        Examples
        --------
        >>> tracks = np.linspace(0, 1, 5, dtype=np.float32)
        >>> reference = Reference(np.repeat(tracks[:, None], 9, axis=1))
        >>> reference.standing(np.array([0, 0.1, 0.25, 0.4, 0.5, 1, 1, 1, 1]))
        array([0.1, 0.2, 0.3, 0.4, 0.5, 0.9, 0.9, 0.9, 0.9], dtype=float32)
        """
        count = len(self.intensities)
        if not count:
            return np.full(len(EMOTIONS), np.nan, np.float32)
        lower = (self.intensities < intensities).sum(axis=0)
        equal = (self.intensities == intensities).sum(axis=0)
        return np.asarray((lower + equal / 2) / count, np.float32)

    def knows(self, features: Mapping[str, Array], audible: NDArray[np.bool_]) -> bool:
        """Whether a sound is one of the recordings that the model learned from.

        Parameters
        ----------
        features
            Of its n segments by name, :attr:`features` among them.
        audible
            Which of them are more than silence, shape (n,).
        """
        known = self.recordings
        return known is not None and known.hold(features[known.feature], audible)

    def familiarity(self, features: Mapping[str, Array], audible: NDArray[np.bool_]) -> float:
        """Return how familiar a sound is, 0–1; NaN where that is not known.

        The parameters are those of :meth:`knows`.
        """
        told = self.discriminant
        return math.nan if told is None else told.familiarity(features[told.feature], audible)


def reference_of(intensities: NDArray[np.floating]) -> Reference:
    """Return what compares with tracks of these intensities, shape (n, 9), rounded as stored.

    Examples
    --------
    >>> reference_of(np.array([[0.5] * 9, [0.25] * 9])).intensities[:, 0].tolist()
    [0.25, 0.5]
    """
    stored = np.sort(intensities, axis=0).astype(np.float16)
    return Reference(stored.astype(np.float32))


def reference_bytes(reference: Reference) -> bytes:
    """Return the content of ``reference.npz``, the same for the same arrays.

    Examples
    --------
    >>> again = parse_reference(reference_bytes(reference_of(np.eye(9))))
    >>> again.intensities.max(axis=0).tolist() == [1.0] * 9
    True
    """
    arrays: dict[str, Any] = {"intensities": reference.intensities.astype(np.float16)}
    for part in _PARTS:
        if (value := getattr(reference, part)) is not None:
            arrays |= {f"{part}.{each.name}": getattr(value, each.name) for each in fields(value)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def parse_reference(data: bytes) -> Reference:
    """Return what :func:`reference_bytes` made bytes of.

    Raises
    ------
    ValueError
        They are no such file.

    Examples
    --------
    >>> parse_reference(b"PK")
    Traceback (most recent call last):
    ...
    ValueError: File is not a zip file
    """
    arrays = _unpacked(data)
    if "intensities" not in arrays:
        raise ValueError("intensities are missing")
    parts = {part: _part(part, kind, arrays) for part, kind in _PARTS.items()}
    return Reference(arrays["intensities"].astype(np.float32), **parts)


def _part(part: str, kind: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Return a part of a reference from its arrays; ``None`` where there are none of it."""
    names = [each.name for each in fields(kind)]
    found = {name: arrays[f"{part}.{name}"] for name in names if f"{part}.{name}" in arrays}
    if not found:
        return None
    if missing := set(names) - set(found):
        raise ValueError(f"{part}.{min(missing)} is missing")
    values = {name: array if array.ndim else array.item() for name, array in found.items()}
    try:
        return kind(**values)
    except (AttributeError, IndexError, TypeError) as error:
        raise ValueError(f"{part} does not fit together") from error


def _unpacked(data: bytes) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_UNPACKED_BYTES:
            raise ValueError("it is too large")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays: dict[str, NDArray[Any]] = {name: file[name] for name in file.files}
    except _DAMAGE as error:
        raise ValueError(str(error)) from error
    for name, array in arrays.items():
        kinds = "U" if name.endswith(".feature") else "fiu"
        if not isinstance(array, np.ndarray) or array.dtype.kind not in kinds:
            raise ValueError(f"{printable(name)} holds no {'name' if kinds == 'U' else 'numbers'}")
        if kinds != "U" and not np.isfinite(array).all():
            raise ValueError(f"{name} is not finite")
    return arrays
