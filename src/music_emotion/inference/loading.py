"""The two functions most people need: load a model, predict a piece of music."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from music_emotion.audio import AudioSource, Sound
from music_emotion.inference.model import EmotionModel
from music_emotion.inference.model_card import CARD_FILE
from music_emotion.inference.package import ONNX_FILE, Network, find_package
from music_emotion.inference.prediction import TrackPrediction

DEFAULT_MODEL = "default"


def load_model(name_or_path: str | os.PathLike[str] = DEFAULT_MODEL) -> EmotionModel:
    """Return a model from the wheel by name, or one on disk by its folder.

    Parameters
    ----------
    name_or_path
        A name that ``music-emotion models`` lists, or the folder of a packaged model.

    Returns
    -------
    EmotionModel
        Its ``predict`` answers for one piece of music after the other.

    Raises
    ------
    ModelError
        There is no such model, or it is damaged.
    """
    folder = find_package(name_or_path).resolve()
    return _opened(folder, tuple(_state(folder / file) for file in (CARD_FILE, ONNX_FILE)))


@lru_cache(maxsize=4)
def _opened(folder: Path, state: tuple[object, ...]) -> EmotionModel:
    """Open a model once for each ``state`` its files have been in."""
    return EmotionModel(Network(folder))


def _state(file: Path) -> object:
    try:
        found = file.stat()
    except OSError:
        return None  # what is wrong with it is said where it is opened
    return found.st_mtime_ns, found.st_size, found.st_ino


def predict(
    source: AudioSource | Sound | NDArray[Any],
    sample_rate: int | None = None,
    *,
    model: str | os.PathLike[str] | EmotionModel = DEFAULT_MODEL,
) -> TrackPrediction:
    """Predict what people feel in a piece of music.

    Parameters
    ----------
    source
        A path, an open binary stream, a :class:`~music_emotion.audio.Sound`, or an array of shape
        (n,), (n, channels) or (channels, n).
    sample_rate
        Of an array, in Hz; files and sounds bring their own.
    model
        A model's name, its folder, or what :func:`load_model` returned.

    Returns
    -------
    TrackPrediction
        Nine probabilities and intensities, a confidence, and the course over time.

    Raises
    ------
    AudioError
        The sound cannot be read, or is shorter than half a second.
    ModelError
        There is no such model, or it is damaged.
    MissingExtraError
        Reading the file needs the extra ``[formats]``.
    """
    chosen = model if isinstance(model, EmotionModel) else load_model(model)
    return chosen.predict(source, sample_rate)
