"""What people feel when they hear a piece of music.

>>> import music_emotion
>>> prediction = music_emotion.predict("song.mp3")  # doctest: +SKIP
>>> prediction.top  # doctest: +SKIP
'calmness'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from music_emotion.emotions import EMOTIONS

if TYPE_CHECKING:
    from music_emotion.inference.model import load_model, predict

__version__ = "0.2.0"

__all__ = ["EMOTIONS", "__version__", "load_model", "predict"]


def __getattr__(name: str) -> Any:
    # Prediction needs NumPy and more; importing the package alone stays fast.
    if name in ("load_model", "predict"):
        from music_emotion.inference import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
