"""What a track sounds like: its intensities from the catalogue, or from a model that hears it."""

from __future__ import annotations

import os

from music_emotion.errors import CatalogueError, printable
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.track import CatalogueTrack
from music_emotion.library.vectors import Array
from music_emotion.library.walk import absolute


def intensities_of(
    catalogue: Catalogue, path: str, model: str | None = None
) -> tuple[Array, CatalogueTrack | None]:
    """Return the intensities of any audio file, shape (9,), and its row if it is catalogued.

    A file that sounds the same as a catalogued one (a copy, a moved or retagged file) is not
    predicted.

    Parameters
    ----------
    path
        The file.
    model
        Predicts a file that is not in the catalogue: its name or folder; by default the shipped
        one with the name of the catalogue's.

    Raises
    ------
    AudioError
        The file cannot be heard.
    ModelError
        There is no such model.
    CatalogueError
        The model is not the one that predicted the catalogue, so that nothing can be compared.
    """
    row = catalogue.track(absolute(path)) or catalogue.track(os.path.realpath(path))
    if row is not None and row.prediction is not None:
        return row.prediction.intensities, row
    copy = _same_sound(catalogue, path)
    if copy is not None:
        return copy, None
    from music_emotion.inference.model import DEFAULT_MODEL, load_model

    names = catalogue.models()
    chosen = load_model(model or next(iter(names.values()), DEFAULT_MODEL))
    card = chosen.card
    if names and card.sha256 not in names:
        raise CatalogueError(
            f"the catalogue was predicted by {printable(', '.join(names.values()))}, not by "
            f"'{card.name}' version {card.version}; name its folder with --model, or scan again"
        )
    return chosen.predict(path).intensities, None


def _same_sound(catalogue: Catalogue, path: str) -> Array | None:
    try:
        same = catalogue.with_audio(audio_digest(path))
    except OSError:
        return None  # the model says what is wrong with the file
    return next((track.prediction.intensities for track in same if track.prediction), None)
