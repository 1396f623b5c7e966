"""Features as files for other programs, and a line about each for people."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from music_emotion.atomic import replaced_when_done, write_whole
from music_emotion.datasets.corpus import Corpus
from music_emotion.errors import MusicEmotionError
from music_emotion.features.cache import FeatureStore
from music_emotion.features.extract import CorpusFeatures

SEGMENT_TABLE = "segments.csv"


def write_features(features: CorpusFeatures, corpus: Corpus, folder: Path) -> None:
    """Write each feature as ``NAME.npy`` and the segments' tracks and times as ``segments.csv``.

    Parameters
    ----------
    folder
        Made where it is missing; files of the same name are replaced, each as a whole.

    Raises
    ------
    MusicEmotionError
        The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, values in features.arrays.items():
            with (
                replaced_when_done(folder / f"{name}.npy") as temporary,
                temporary.open("wb") as file,
            ):
                np.save(file, values, allow_pickle=False)
        write_whole(folder / SEGMENT_TABLE, _segment_table(features, corpus).encode())
    except OSError as error:
        raise MusicEmotionError(
            f"cannot write to {folder}: {error.strerror or error}; name another folder"
        ) from error


def render(features: CorpusFeatures, corpus: Corpus, store: FeatureStore | None) -> str:
    """Describe what was extracted: one line for the corpus, one per feature, one for the place."""
    tracks = len(corpus) - len(features.failures)
    lines = [f"{corpus.name}: {len(features):,} segments of {tracks} of {len(corpus)} tracks"]
    for name, values in features.arrays.items():
        shape = " × ".join(str(size) for size in values.shape[1:])
        lines.append(f"  {name:<10}  {shape} per segment, {values.nbytes / 1e6:,.0f} MB")
    if store is not None:
        lines.append(f"kept in {store.directory}")
    return "\n".join(lines)


def _segment_table(features: CorpusFeatures, corpus: Corpus) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["track", "start_seconds"])
    for track, start in zip(features.track, features.start, strict=True):
        writer.writerow([corpus.tracks[track].id, f"{start:g}"])
    return text.getvalue()
