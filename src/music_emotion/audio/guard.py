"""Never write over music: what a name or a file must not be to be written."""

from __future__ import annotations

import os
from pathlib import Path

from music_emotion.audio.discover import is_folder
from music_emotion.audio.files import begins_as_sound
from music_emotion.audio.kinds import AUDIO_SUFFIXES
from music_emotion.errors import MusicEmotionError, printable


def refuse_music(path: Path) -> None:
    """Refuse a name for music, a link to such a one, or a file that holds sound whatever its name.

    A folder may have any name.

    Raises
    ------
    MusicEmotionError
        Writing there might replace music.

    Examples
    --------
    >>> refuse_music(Path("song.mp3"))
    Traceback (most recent call last):
    ...
    music_emotion.errors.MusicEmotionError: 'song.mp3' is a name for music; write to another
    """
    if is_folder(path):
        return
    shown = f"'{printable(path)}'"
    if path.suffix.lower() in AUDIO_SUFFIXES:
        raise MusicEmotionError(f"{shown} is a name for music; write to another")
    target = Path(os.path.realpath(path))
    if target.suffix.lower() in AUDIO_SUFFIXES or begins_as_sound(target):
        raise MusicEmotionError(f"{shown} holds music; write to another")
