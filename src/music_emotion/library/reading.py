"""One file, on this machine or elsewhere → its row."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from music_emotion.errors import MusicEmotionError, printable
from music_emotion.inference.batch import Outcome
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.locations import local_file
from music_emotion.library.tags.read import read_tags
from music_emotion.library.track import CatalogueTrack, FileStamp


def scanned(location: str, predict: Callable[[str], Outcome], model_sha256: str) -> CatalogueTrack:
    """Return the row of a track, as a scan of this machine would write it.

    Parameters
    ----------
    location
        An absolute path or a URL.
    predict
        Predicts a file on this machine.
    model_sha256
        Of the graph of the model it uses.
    """
    shown, now = printable(location), int(time.time())
    row = CatalogueTrack(location, FileStamp(0, 0, 0), b"", scanned_at=now)
    try:
        with local_file(location) as (path, stamp):
            row = replace(row, stamp=stamp)
            outcome = predict(str(path))
            row = replace(row, audio=audio_digest(path), tags=read_tags(str(path)))
    except OSError as error:
        return replace(row, error=f"'{shown}' cannot be read ({error.strerror or error})")
    except MusicEmotionError as error:
        return replace(row, error=str(error))
    if outcome.prediction is None:
        return replace(row, error=outcome.error.replace(printable(path), shown))
    told = replace(outcome.prediction, path=location)
    return replace(row, prediction=told, model_sha256=model_sha256)
