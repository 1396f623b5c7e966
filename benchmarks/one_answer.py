"""Whether a track's answer is that of its parts, and whether a mix has the mean of its tracks.

    python benchmarks/one_answer.py
    python benchmarks/one_answer.py --model blend --model light --vgmidi RATINGS RENDERED
    python benchmarks/one_answer.py --json results/one_answer.json

*One answer*: half the summed absolute difference between a track's probabilities, as they are
written, and the mean of its own timeline by the points' weights.

*Joined*: six stretches of 20 to 50 s, three minutes in all, of six artists of one EMOTIFY genre,
joined and predicted as one track, against the mean of what is predicted of each alone, by seconds
or each part counting the same. The models have not heard the six artists: they are those of the
artist folds, trained and exported by ``tools/fold_models.py`` into ``--folds``, which keeps them;
what is there is not made again. By default that folder's name holds a digest of the code that
models are made of. ``--vgmidi`` joins pieces of one game of VGMIDI as well (the folders are those
of ``benchmarks/vgmidi.py``), which the packaged model predicts. Joins are drawn from ``--seed``.

The fold models also say how valence and arousal of each track of EMOTIFY rank beside the signed
sums of its own votes, read as the packaged model's card says, and from intensities alone.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from music_emotion.atomic import write_output
from music_emotion.audio import Sound, decode
from music_emotion.cli.progress import progress_bar
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.sources import find_source
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MusicEmotionError
from music_emotion.evaluation.folds import track_groups
from music_emotion.evaluation.provenance import code_digest, machine, today, versions
from music_emotion.evaluation.strict_json import json_text
from music_emotion.inference.batch import predict_files
from music_emotion.inference.model import EmotionModel, load_model
from music_emotion.inference.prediction import TrackPrediction
from music_emotion.inference.valence_arousal import AROUSAL, VALENCE, Dimension
from music_emotion.report.one_answer import (
    Joined,
    OneAnswer,
    OneModel,
    RankWithVotes,
    joined_table,
    rank_table,
)

ROOT = Path(__file__).resolve().parent.parent
HELD_OUT = "held_out.txt"
FOLD_SEED = 42
PARTS = 6
SHORTEST, LONGEST, MEAN = 20.0, 50.0, 30.0  # seconds of a stretch
JOINS = 200  # of EMOTIFY, the genres the same number; and of games
END = 0.5  # seconds at the end of a file that are left out, where lengths are told inexactly

Floats = NDArray[np.float64]


# --- Joining -------------------------------------------------------------------------------------


def lengths(generator: np.random.Generator) -> Floats:
    """Draw the lengths of the stretches of one join, in seconds, shape (6,); they sum to 180."""
    while True:
        drawn = SHORTEST + PARTS * (MEAN - SHORTEST) * generator.dirichlet(np.ones(PARTS))
        if drawn.max() <= LONGEST:
            return drawn


def stretch(sound: Sound, seconds: float, generator: np.random.Generator) -> Sound:
    """Return a stretch of a sound from a random place."""
    count = round(seconds * sound.sample_rate)
    room = len(sound.samples) - round(END * sound.sample_rate) - count
    start = int(generator.integers(max(1, room + 1)))
    return Sound(sound.samples[start : start + count], sound.sample_rate)


def joined(parts: Sequence[Sound]) -> Sound:
    """Return sounds of one rate as one, one after the other."""
    (rate,) = {part.sample_rate for part in parts}
    return Sound(np.concatenate([part.samples for part in parts]), rate)


def choose(groups: Mapping[Any, Sequence[int]], generator: np.random.Generator) -> list[int]:
    """Return one member of each of six groups, of at least so many."""
    names = sorted(groups)
    chosen = generator.choice(len(names), PARTS, replace=False)
    return [int(generator.choice(groups[names[number]])) for number in chosen]


@dataclass(frozen=True)
class Comparison:
    """A join's answer beside those of its parts.

    Attributes
    ----------
    own: half the summed absolute difference from the mean of its own timeline
    by_seconds, by_part: the same from the mean of its parts' answers
    first_by_seconds, first_by_part: whether the first emotion is that of the mean
    """

    own: float
    by_seconds: float
    by_part: float
    first_by_seconds: bool
    first_by_part: bool


def half_difference(one: Floats, other: Floats) -> float:
    """Return half the summed absolute difference of two lists of shares, 0–1.

    Examples
    --------
    >>> half_difference(np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.5, 0.25]))
    0.25
    """
    return float(np.abs(one - other).sum() / 2.0)


def from_own_timeline(prediction: TrackPrediction) -> float:
    """Return how far a prediction, as written, is from the mean of its timeline, as written."""
    said = prediction.to_dict()
    course = said["timeline"]
    points = np.array([course["emotions"][name] for name in EMOTIONS])
    weights = course["weight"] if any(course["weight"]) else None  # silence
    mean = np.average(points, axis=1, weights=weights)
    return half_difference(np.array([said["emotions"][name] for name in EMOTIONS]), mean)


def compare(model: EmotionModel, parts: Sequence[Sound]) -> Comparison:
    """Predict parts alone and joined."""
    whole = model.predict(joined(parts))
    alone = np.array([model.predict(part).emotions for part in parts], np.float64)
    seconds = [part.duration for part in parts]
    by_seconds, by_part = np.average(alone, axis=0, weights=seconds), alone.mean(axis=0)
    top = int(whole.emotions.argmax())
    return Comparison(
        from_own_timeline(whole),
        half_difference(whole.emotions.astype(float), by_seconds),
        half_difference(whole.emotions.astype(float), by_part),
        top == int(by_seconds.argmax()),
        top == int(by_part.argmax()),
    )


# --- EMOTIFY -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FoldModel:
    """A packaged model and the tracks of the corpus whose artists it has not heard."""

    folder: Path
    held_out: tuple[int, ...]


def fold_models(model: str, folder: Path, corpus: Corpus, root: Path) -> list[FoldModel]:
    """Return the models of the artist folds; what is missing is trained and exported."""
    command = [sys.executable, str(ROOT / "tools" / "fold_models.py"), "--model", model]
    done = subprocess.run([*command, "--folds", str(folder), "--seed", str(FOLD_SEED)], check=False)
    if done.returncode:
        sys.exit("error: the fold models could not be made")
    numbers = {os.path.relpath(t.path, root): n for n, t in enumerate(corpus.tracks)}
    return [
        FoldModel(listed.parent, tuple(numbers[line] for line in _lines(listed)))
        for listed in sorted(folder.glob(f"*/{HELD_OUT}"))
    ]


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line]


def emotify_joins(
    corpus: Corpus, models: Sequence[FoldModel], joins: int, generator: np.random.Generator
) -> Iterator[tuple[FoldModel, list[int]]]:
    """Draw joins: a fold with six artists of a genre, and a track of each of them."""
    artist = track_groups("artist", corpus)
    genres = np.unique(corpus.genres).tolist()
    for genre in genres:
        possible = []
        for model in models:
            tracks = [track for track in model.held_out if corpus.genres[track] == genre]
            by_artist = {
                each: [track for track in tracks if artist[track] == each]
                for each in {int(artist[track]) for track in tracks}
            }
            if len(by_artist) >= PARTS:
                possible.append((model, by_artist))
        for _ in range(joins // len(genres) if possible else 0):
            model, by_artist = possible[int(generator.integers(len(possible)))]
            yield model, choose(by_artist, generator)


def compare_joins(
    joins: Sequence[tuple[EmotionModel, list[str]]], generator: np.random.Generator, name: str
) -> list[Comparison]:
    """Compare joins, each a model and the files that stretches are taken from."""
    found = []
    with progress_bar(name) as progress:
        for number, (model, paths) in enumerate(joins):
            pairs = zip(paths, lengths(generator), strict=True)
            parts = [stretch(decode(path), seconds, generator) for path, seconds in pairs]
            found.append(compare(model, parts))
            progress(number + 1, len(joins))
    return found


def held_out_predictions(
    corpus: Corpus, models: Sequence[FoldModel], jobs: int
) -> dict[int, TrackPrediction]:
    """Return what the fold models say of their held-out tracks, by track."""
    found: dict[int, TrackPrediction] = {}
    for model in models:
        paths = [str(corpus.tracks[track].path) for track in model.held_out]
        outcomes = predict_files(paths, str(model.folder), jobs=jobs)
        for track, outcome in zip(model.held_out, outcomes, strict=True):
            if outcome.prediction is None:
                sys.exit(f"error: {outcome.path}: {outcome.error}")
            found[track] = outcome.prediction
    return found


def rank_with_votes(
    corpus: Corpus, said: Mapping[int, TrackPrediction]
) -> tuple[RankWithVotes, ...]:
    """Return the rank correlation of valence and arousal with the signed sums of the votes."""
    tracks = sorted(said)
    votes = corpus.vote_fractions[tracks]
    intensities = np.stack([said[track].intensities for track in tracks])

    def rank(name: str, dimension: Dimension) -> RankWithVotes:
        columns = [EMOTIONS.index(emotion) for emotion in dimension.terms]
        weights = np.array(list(dimension.terms.values()))
        truth = votes[:, columns] @ weights
        read = [getattr(said[track], name) for track in tracks]
        return RankWithVotes(
            name,
            float(spearmanr(read, truth).statistic),
            float(spearmanr(intensities[:, columns] @ weights, truth).statistic),
        )

    return rank("valence", VALENCE), rank("arousal", AROUSAL)


# --- VGMIDI --------------------------------------------------------------------------------------


def game_joins(
    ratings: Path, rendered: Path, joins: int, generator: np.random.Generator
) -> list[list[str]]:
    """Draw joins of six pieces of one game each, the games by turns."""
    games: dict[str, list[str]] = {}
    with (ratings / "ratings.csv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            path = rendered / f"{Path(row['path']).stem}.mp3"
            if path.is_file() and float(row["seconds"]) > LONGEST + END:
                games.setdefault(row["game"], []).append(str(path))
    large = [paths for _, paths in sorted(games.items()) if len(paths) >= PARTS]
    return [
        [str(path) for path in generator.choice(large[turn % len(large)], PARTS, replace=False)]
        for turn in range(joins if large else 0)
    ]


# --- Figures -------------------------------------------------------------------------------------


def summary(parts: str, found: Sequence[Comparison]) -> Joined:
    """Return the means over joins; the largest of what is to be the same."""
    return Joined(
        parts,
        len(found),
        max(one.own for one in found),
        first=float(np.mean([one.first_by_seconds for one in found])),
        half_difference=float(np.mean([one.by_seconds for one in found])),
        first_by_part=float(np.mean([one.first_by_part for one in found])),
        half_difference_by_part=float(np.mean([one.by_part for one in found])),
    )


def measure(model: str, options: argparse.Namespace, corpus: Corpus, root: Path) -> OneModel:
    """Measure one recipe."""
    kept = ROOT / "runs" / "folds" / f"{model}-{FOLD_SEED}-{code_digest()[:8]}"
    models = fold_models(model, options.folds or kept, corpus, root)
    generator = np.random.default_rng(options.seed)
    loaded = {one: load_model(one.folder) for one in models}
    joins = [
        (loaded[one], [str(corpus.tracks[track].path) for track in tracks])
        for one, tracks in emotify_joins(corpus, models, options.joins, generator)
    ]
    rows = [summary("artists of one EMOTIFY genre", compare_joins(joins, generator, "EMOTIFY"))]
    if options.vgmidi:
        generator = np.random.default_rng(options.seed)
        packaged = load_model(model)
        games = [
            (packaged, paths) for paths in game_joins(*options.vgmidi, options.joins, generator)
        ]
        rows.append(summary("pieces of one VGMIDI game", compare_joins(games, generator, "VGMIDI")))
    said = held_out_predictions(corpus, models, options.jobs)
    own = max(map(from_own_timeline, said.values()))
    return OneModel(model, len(said), own, tuple(rows), rank_with_votes(corpus, said))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", action="append", help="name in the registry; default: blend")
    parser.add_argument("--folds", type=Path, help="folder that keeps the fold models of one model")
    parser.add_argument("--joins", type=int, default=JOINS, help="tracks that are joined")
    parser.add_argument("--seed", type=int, default=0, help="of the joins")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--vgmidi", nargs=2, type=Path, metavar=("RATINGS", "RENDERED"))
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    options = parser.parse_args()
    names = options.model or ["blend"]
    if options.folds and len(names) > 1:
        parser.error("--folds keeps the fold models of one model; name one with --model")
    try:
        source = find_source()
        corpus = source.load()
        models = tuple(measure(name, options, corpus, source.root) for name in names)
    except MusicEmotionError as error:
        sys.exit(f"error: {error}")
    found = OneAnswer(
        command="python benchmarks/one_answer.py",
        date=today(),
        machine=machine(),
        versions=versions(),
        seed=options.seed,
        models=models,
    )
    for one in models:
        largest = max(one.own, *(row.own for row in one.joined))
        print(f"{one.model}: half L1 from the mean of the own timeline {largest:.1e} at most")
    print(f"\n{joined_table(found)}\n\n{rank_table(found)}")
    if options.json is not None:
        write_output(options.json, json_text(found).encode())


if __name__ == "__main__":
    main()
