"""What people feel when they hear a piece of music."""

from __future__ import annotations

from music_emotion.emotions import EMOTIONS

__version__ = "0.1.0"

__all__ = ["EMOTIONS", "__version__"]
