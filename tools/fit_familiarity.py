"""Fit what tells the music behind a model from sound that is no music, and say how well it does.

    python tools/fit_familiarity.py summary     # what is fitted to, and its figures

Logistic regression on a feature's means and deviations over a sound. Familiar are the tracks of the
corpus and a few pieces of the demo's synthesiser; not familiar is what `sounds_without_music.py`
makes. Whole tracks and shorter parts of them count. The threshold leaves all but a small share of
the corpus' tracks above, each told by a discriminant that was fitted without its artist. Figures:
that share, how many sounds of other draws of the same kinds are told, and how many of kinds that
were left out of the fit with all their family.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from music_emotion.atomic import replaced_when_done
from music_emotion.audio import Resampler
from music_emotion.cli.progress import extract_with_bar
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.sources import open_corpus
from music_emotion.datasets.synthesis import NEIGHBOURS, STYLES, draw_timbre, play
from music_emotion.datasets.synthesis import SAMPLE_RATE as SYNTHESIS_RATE
from music_emotion.errors import MusicEmotionError
from music_emotion.evaluation.cells import cell_key
from music_emotion.features.compute import feature_key, sample_rates, segment_features
from music_emotion.features.extract import CorpusFeatures
from music_emotion.inference.familiarity import STATISTICS, Discriminant, standardised
from music_emotion.inference.segmenter import audible_segments, segment_blocks
from music_emotion.models.pooling import pool
from music_emotion.parallel import available_cores
from sounds_without_music import FAMILIES, KINDS, RATE, make_sound

ROOT = Path(__file__).resolve().parent.parent
SEED = 1
VARIANTS, SECONDS = 10, 21.0  # of each kind, to fit
TRIAL_SEED = 2
TRIALS, TRIAL_SECONDS = 3, 30.0  # of each kind, to measure
PIECES, PIECE_SECONDS = 6, 18.0  # of each of the synthesiser's styles
PARTS = (1, 3, 7, 10)  # segments; of each sound one part of each length counts beside the whole

PENALTY = 0.01  # inverse of the regularisation's strength
FOLDS = 5  # of artists
LOST = 0.015  # share of held-out tracks that may fall below the threshold
TYPICAL = 0.95  # familiarity of the middle held-out track

Floats = NDArray[np.float64]
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Sounds:
    """Pooled sounds: per sound its whole and parts of it, and what kind it is of."""

    pooled: tuple[Floats, ...]  #: (1 + parts, 2k) each, the whole first
    kind: tuple[str, ...]

    def of(self, kinds: Iterable[str]) -> tuple[Floats, ...]:
        """Return the sounds of some kinds."""
        wanted = set(kinds)
        return tuple(p for p, kind in zip(self.pooled, self.kind, strict=True) if kind in wanted)


@dataclass(frozen=True)
class Figures:
    """How well a discriminant does, as shares 0–1."""

    tracks_lost: float  #: tracks of held-out artists that are called unfamiliar
    same_kinds: float  #: other sounds of the kinds it was fitted to that are told
    other_kinds: float  #: sounds told by a discriminant fitted without all their family
    kinds: int


def fit_familiarity(
    feature: str,
    tracks: Sequence[Array],
    artists: NDArray[np.int64],
    pieces: Sequence[Array],
    sounds: Sequence[tuple[str, Array]],
    trials: Sequence[tuple[str, Array]],
) -> tuple[Discriminant, Figures]:
    """Fit a discriminant and measure it.

    Parameters
    ----------
    feature
        Name of what it looks at.
    tracks, artists
        The feature of each track's segments, (n, k), and its artist.
    pieces
        The same of further music that is to be familiar.
    sounds, trials
        The same of sounds that are not, with their kind: to fit, and to measure.
    """
    random = np.random.default_rng(SEED)
    music = [_with_parts(track, random) for track in tracks]
    further = [_with_parts(piece, random) for piece in pieces]
    other = Sounds(
        tuple(_with_parts(rows, random) for _, rows in sounds), tuple(kind for kind, _ in sounds)
    )
    trial = np.stack([pool(rows, STATISTICS) for _, rows in trials])
    whole = np.stack([one[0] for one in music])
    mean, scale = whole.mean(axis=0), 1.0 / np.maximum(whole.std(axis=0), 1e-6)
    fitted = partial(_fitted, mean=mean, scale=scale)

    fold = _artist_folds(artists, random)
    held_out = np.empty(len(music))
    for number in range(FOLDS):
        inside = [one for one, at in zip(music, fold, strict=True) if at != number]
        odds = fitted([*inside, *further], other.pooled)
        held_out[fold == number] = odds(whole[fold == number])
    threshold = float(np.quantile(held_out, LOST))
    odds = fitted([*music, *further], other.pooled)
    kinds = np.array([kind for kind, _ in trials])
    left_out = np.zeros(len(trials), bool)
    for family in FAMILIES.values():
        among = np.isin(kinds, family)
        if among.any():
            without = fitted([*music, *further], other.of(set(other.kind) - set(family)))
            left_out[among] = without(trial[among]) < threshold
    figures = Figures(
        tracks_lost=float((held_out < threshold).mean()),
        same_kinds=float((odds(trial) < threshold).mean()),
        other_kinds=float(left_out.mean()),
        kinds=len(set(other.kind)),
    )
    # The middle track is as familiar as TYPICAL says, the threshold is at a half.
    stretch = np.log(TYPICAL / (1 - TYPICAL)) / (np.median(held_out) - threshold)
    weights, offset = odds.weights * stretch, (odds.offset - threshold) * stretch
    stored = (array.astype(np.float32) for array in (mean, scale, weights))
    return Discriminant(feature, *stored, float(offset)), figures


@dataclass(frozen=True)
class _Odds:
    """A fitted regression."""

    mean: Floats
    scale: Floats
    weights: Floats
    offset: float

    def __call__(self, pooled: Floats) -> Floats:
        """Return the log-odds of pooled sounds (n, 2k) to be familiar, shape (n,)."""
        odds: Floats = standardised(pooled, self.mean, self.scale) @ self.weights + self.offset
        return odds


def _fitted(
    familiar: Sequence[Floats], other: Sequence[Floats], *, mean: Floats, scale: Floats
) -> _Odds:
    points = standardised(np.concatenate([*familiar, *other]), mean, scale)
    label = np.zeros(len(points))
    label[: sum(map(len, familiar))] = 1.0
    model = LogisticRegression(C=PENALTY, max_iter=1_000, class_weight="balanced")
    model.fit(points, label)
    return _Odds(mean, scale, model.coef_[0], float(model.intercept_[0]))


def _with_parts(rows: Array, random: np.random.Generator) -> Floats:
    """Pool the whole of a sound, and a part of each length that it is longer than."""
    pooled = [pool(rows, STATISTICS)]
    for length in PARTS:
        if len(rows) > length:
            start = int(random.integers(len(rows) - length + 1))
            pooled.append(pool(rows[start : start + length], STATISTICS))
    return np.stack(pooled)


def _artist_folds(artists: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    number = np.unique(artists, return_inverse=True)[1]
    return (random.permutation(int(number.max()) + 1) % FOLDS)[number]


# --- Sounds as features ---------------------------------------------------------------------------


def audible_rows(feature: str, samples: Array, rate: int) -> Array:
    """Return a feature of the audible segments of a sound, (n, k)."""
    names, rows = (feature,), list[Array]()
    for segments in segment_blocks([samples], rate, rates=sample_rates(names)):
        computed = segment_features(segments.waveforms, names)[feature]
        rows.append(computed[audible_segments(segments)])
    return np.concatenate(rows)


def _sound_rows(feature: str, seconds: float, asked: tuple[int, str, int]) -> Array:
    seed, kind, variant = asked
    random = np.random.default_rng((seed, list(KINDS).index(kind), variant))
    return audible_rows(feature, make_sound(kind, random, seconds), RATE)


def _piece_rows(feature: str, asked: tuple[int, str, int]) -> Array:
    seed, emotion, variant = asked
    random = np.random.default_rng((seed, list(STYLES).index(emotion), variant))
    style = STYLES[emotion].towards(STYLES[NEIGHBOURS[emotion]], random.uniform(0, 0.7))
    piece = play(style, draw_timbre(random), PIECE_SECONDS, random)
    return audible_rows(feature, Resampler(SYNTHESIS_RATE, RATE).push(piece, last=True), RATE)


def sounds_of(
    feature: str, seed: int, variants: int, seconds: float, work: Path
) -> list[tuple[str, Array]]:
    """Return sounds of every kind as features, from ``work`` where they were made before."""
    asked = [(seed, kind, variant) for kind in KINDS for variant in range(variants)]
    name = f"sounds-{feature}-{seed}-{variants}-{seconds:g}"
    source = (ROOT / "tools" / "sounds_without_music.py").read_text(encoding="utf-8")
    rows = _kept(partial(_sound_rows, feature, seconds), asked, name, feature, source, work)
    # What is nearly silent has no audible segment: nothing is to be told of it.
    return [(kind, one) for (_, kind, _), one in zip(asked, rows, strict=True) if len(one)]


def pieces_of(feature: str, work: Path) -> list[Array]:
    """Return pieces of every style as features."""
    asked = [(SEED, emotion, variant) for emotion in STYLES for variant in range(PIECES)]
    name = f"pieces-{feature}-{PIECES}-{PIECE_SECONDS:g}"
    return _kept(partial(_piece_rows, feature), asked, name, feature, "", work)


def _kept(
    make: partial[Array],
    asked: Sequence[tuple[int, str, int]],
    name: str,
    feature: str,
    source: str,
    work: Path,
) -> list[Array]:
    key = cell_key(feature=feature_key(feature).folder, source=source)
    path = work / f"{name}-{key[:8]}.npz"
    if not path.is_file():
        work.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(available_cores()) as pool_of_processes:
            rows = list(pool_of_processes.map(make, asked, chunksize=4))
        lengths = np.array([len(one) for one in rows])
        with replaced_when_done(path) as temporary, temporary.open("wb") as file:
            np.savez(file, rows=np.concatenate(rows), lengths=lengths)
    with np.load(path) as kept:
        return np.split(kept["rows"], kept["lengths"].cumsum()[:-1])


def corpus_familiarity(
    corpus: Corpus, features: CorpusFeatures, feature: str, work: Path
) -> tuple[Discriminant, Figures]:
    """Fit to a corpus by a feature that is extracted."""
    rows, track = features.arrays[feature], features.track_index
    return fit_familiarity(
        feature,
        [np.asarray(rows[track == number]) for number in range(len(corpus))],
        corpus.groups,
        pieces_of(feature, work),
        sounds_of(feature, SEED, VARIANTS, SECONDS, work),
        sounds_of(feature, TRIAL_SEED, TRIALS, TRIAL_SECONDS, work),
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("feature", choices=("summary", "musicnn"))
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "models")
    options = parser.parse_args()
    try:
        corpus = open_corpus()
        features = extract_with_bar(corpus, (options.feature,), None)
        _, figures = corpus_familiarity(corpus, features, options.feature, options.work)
    except MusicEmotionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"tracks of held-out artists called unfamiliar: {figures.tracks_lost:.1%}")
    print(f"other sounds of the same {figures.kinds} kinds told: {figures.same_kinds:.1%}")
    print(f"sounds told of kinds left out with their family: {figures.other_kinds:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
