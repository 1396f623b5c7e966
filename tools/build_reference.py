"""What a model of the wheel compares tracks with (``reference.npz``), and what its card says of it.

Called by `build_models.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_familiarity import Figures
from fit_recordings import coding_changes, fit_recordings
from music_emotion.atomic import replaced_when_done
from music_emotion.datasets.corpus import Corpus
from music_emotion.evaluation.cells import cell_key
from music_emotion.features.compute import feature_key
from music_emotion.features.extract import CorpusFeatures
from music_emotion.inference.familiarity import UNFAMILIAR, Discriminant
from music_emotion.inference.recordings import Recordings
from music_emotion.inference.reference import Reference, reference_of

TOOLS = Path(__file__).resolve().parent
SOURCES = (
    "build_reference.py",
    "fit_familiarity.py",
    "fit_recordings.py",
    "sounds_without_music.py",
)


@dataclass(frozen=True)
class Compared:
    """What sound is compared by: features that a model computes anyway."""

    recordings: str
    familiarity: str


COMPARED = {"summary": Compared("summary", "summary"), "musicnn": Compared("tags", "musicnn")}
"""By what a model hears; the first that it does."""


def compared_features(features: Sequence[str]) -> Compared | None:
    """Return what sound is compared by where a model hears ``features``; ``None`` for nothing."""
    return next((COMPARED[name] for name in COMPARED if name in features), None)


def reference_recipe(
    intensities: NDArray[np.float64], corpus: Corpus, compared: Compared | None
) -> str:
    """Return what a reference depends on, as a short hash."""
    names = () if compared is None else (compared.recordings, compared.familiarity)
    return cell_key(
        code=[(TOOLS / name).read_text(encoding="utf-8") for name in SOURCES],
        data=corpus.fingerprint,
        features=[feature_key(name).folder for name in names],
        intensities=intensities,
    )[:7]


def build_reference(
    intensities: NDArray[np.float64],
    corpus: Corpus,
    recordings: Recordings | None = None,
    familiar: tuple[Discriminant, Figures] | None = None,
) -> tuple[Reference, dict[str, str]]:
    """Return what a model brings, and what its card says of each part.

    Parameters
    ----------
    intensities
        Of each track of the corpus by models that had not heard its artist, shape (tracks, 9), 0–1.
    corpus
        What the model learned from.
    recordings
        Fingerprints of its tracks, where sound is compared.
    familiar
        What tells them from sound that is no music, and how well.
    """
    told = {
        "standing": f"share of the {len(intensities)} tracks of {corpus.name} whose intensity of "
        "an emotion is lower, each track predicted by models that heard nothing by its artist, "
        "mean over the fold seeds",
    }
    if recordings is not None:
        told["heard_in_training"] = (
            f"whether the sound begins like one of the {len(recordings)} recordings that the model "
            f"learned from: 30 s to 60 s of {recordings.feature} nearer than "
            f"{recordings.nearest:g} (root mean square over segments and directions)"
        )
    reference = replace(reference_of(intensities), recordings=recordings)
    if familiar is None:
        return reference, told
    discriminant, figures = familiar
    told["familiarity"] = (
        f"a logistic regression on means and deviations of {discriminant.feature} over the sound, "
        f"fitted to tell the model's music from {figures.kinds} kinds of sound that are no music; "
        f"unfamiliar, below {UNFAMILIAR:g}, are {figures.tracks_lost:.1%} of tracks by artists "
        f"left out of the fit, {figures.same_kinds:.1%} of other sounds of these kinds, and "
        f"{figures.other_kinds:.1%} of sounds whose kind was left out with all its family; the "
        "confidence then falls towards one in nine"
    )
    return replace(reference, discriminant=discriminant), told


def corpus_recordings(
    corpus: Corpus, features: CorpusFeatures, name: str, work: Path
) -> Recordings:
    """Return the fingerprints of a corpus' tracks by a feature that is extracted."""
    rows, track = features.arrays[name], features.track_index
    tracks = [np.asarray(rows[track == number]) for number in range(len(corpus))]
    return fit_recordings(name, tracks, _changes(corpus, name, work))


def _changes(corpus: Corpus, name: str, work: Path) -> NDArray[np.float64]:
    """Return what coding changes, from ``work`` where it was computed before."""
    key = cell_key(data=corpus.fingerprint, feature=feature_key(name).folder)
    path = work / f"coding-changes-{name}-{key[:8]}.npy"
    if not path.is_file():
        work.mkdir(parents=True, exist_ok=True)
        with replaced_when_done(path) as temporary, temporary.open("wb") as file:
            np.save(file, coding_changes(name, [track.path for track in corpus.tracks]))
    changes: NDArray[np.float64] = np.load(path)
    return changes
