"""Measure confidence for sad and glad, calm and stirring music.

    python benchmarks/confidence.py

For each model of the wheel that was measured under the artist protocol, in terciles of the valence
and of the arousal that it predicts, by models that have not heard the artist (all fold seeds): the
mean confidence beside how often the first emotion was right, and how often valence or arousal is on
the right side of the middle, which is the mean of the listeners' signed votes. Needs EMOTIFY
(EMOTIFY_ROOT) and ``results/``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
from fit_dimensions import track_means
from music_emotion.cli.progress import extract_with_bar
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.sources import open_corpus
from music_emotion.emotions import EMOTIONS
from music_emotion.evaluation.cells import CellStore, read_ground_truth
from music_emotion.evaluation.results import pool_folds
from music_emotion.features.extract import CorpusFeatures
from music_emotion.inference.model_card import Card
from music_emotion.inference.package import SHIPPED, read_card
from music_emotion.inference.valence_arousal import (
    AROUSAL,
    VALENCE,
    Dimension,
    term_columns,
)
from music_emotion.report.tables import markdown_table

ROOT = Path(__file__).resolve().parent.parent
MODELS = ("default", "light", "transfer")
HIGH = 0.7  # confidence from which a row of its own is given

Array = NDArray[np.float32]
Floats = NDArray[np.float64]


def predicted(dimension: Dimension, intensities: Array, features: CorpusFeatures) -> Array:
    """Return a dimension of whole tracks, from their intensities and the means of other terms."""
    track, terms = features.track_index, tuple(dimension.terms)
    of_segments = term_columns(terms, features.arrays, np.zeros(len(track)))
    # A track counts as a span of one segment that is its mean.
    columns = track_means(terms, of_segments, track)
    spans = list(np.arange(len(intensities))[:, None])
    return dimension.values(intensities, columns, spans)


def felt(dimension: Dimension, corpus: Corpus) -> Floats:
    """Return the listeners' signed votes, 0 in the mean."""
    signs = np.array([np.sign(dimension.terms.get(name, 0.0)) for name in EMOTIONS])
    total: Floats = corpus.vote_fractions.astype(np.float64) @ signs
    return total - total.mean()


def rows_of(card: Card, corpus: Corpus, features: CorpusFeatures, results: Path) -> list[list[str]]:
    """Return a row per dimension and tercile."""
    truth, model = read_ground_truth(results), card.training["model"]
    if truth is None or card.confidence is None:
        raise SystemExit(f"{results} holds no figures")
    wanted = ("artist", "votes", model)
    repeats = [
        pool_folds(run, cells, truth).scored
        for run, cells in CellStore(results).complete_runs()
        if (run.protocol, run.target, run.model) == wanted
    ]
    top = np.concatenate([repeat.emotions.max(axis=1) for repeat in repeats])
    confidence = np.interp(top, card.confidence.probability, card.confidence.accuracy)
    right = np.concatenate([r.emotions.argmax(axis=1) == r.label for r in repeats])
    rows = []
    for name, dimension, reading in (
        ("valence", card.valence, VALENCE),
        ("arousal", card.arousal, AROUSAL),
    ):
        values = np.concatenate([predicted(dimension, r.intensities, features) for r in repeats])
        is_right = (values > 0) == np.tile(felt(reading, corpus) > 0, len(repeats))
        tercile = np.digitize(values, np.quantile(values, [1 / 3, 2 / 3]))
        for number, which in enumerate(("lowest", "middle", "highest")):
            inside = tercile == number
            high = inside & (confidence >= HIGH)
            rows.append(
                [
                    f"`{card.name}`",
                    f"{which} {name}",
                    f"{confidence[inside].mean():.3f}",
                    f"{right[inside].mean():.3f}",
                    f"{confidence[high].mean():.2f} / {right[high].mean():.2f} ({high.sum()})",
                    f"{is_right[inside].mean():.2f}",
                ]
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    options = parser.parse_args()
    corpus = open_corpus()
    features = extract_with_bar(corpus, ("summary", "tags"), None)
    header = (
        "model",
        "tracks",
        "mean confidence",
        "first emotion right",
        f"confidence / right (n) from {HIGH} on",
        "right side of the middle",
    )
    rows = [
        row
        for name in MODELS
        for row in rows_of(read_card(SHIPPED / name), corpus, features, options.results)
    ]
    print(markdown_table(header, rows))


if __name__ == "__main__":
    main()
