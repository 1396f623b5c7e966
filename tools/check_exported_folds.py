"""Check that exported models, run as a user runs them, give the figures of the artist protocol.

    python tools/check_exported_folds.py --model blend --folds runs/folds/blend

The fold models of one fold seed are trained as `music-emotion compare` trains them, exported, and
run by `music-emotion predict` on the audio files of their held-out tracks.
Accuracy, macro-F1 and mean r of these predictions stand beside those of the out-of-fold
predictions in ``results/``; exit 1 where they differ in the third digit.

``--folds`` keeps each fold's model with ``held_out.txt``, its tracks relative to EMOTIFY_ROOT, for
``benchmarks/delivery.py``; what is there is not made again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads

import numpy as np

from music_emotion.atomic import write_output
from music_emotion.cli.progress import extract_with_bar, progress_bar
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.sources import find_source
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MusicEmotionError
from music_emotion.evaluation.cells import CellStore, Run, read_ground_truth
from music_emotion.evaluation.folds import examples, make_folds
from music_emotion.evaluation.metrics import Estimated, Reference, evaluate
from music_emotion.evaluation.results import pool_folds
from music_emotion.evaluation.train_cell import training_seed
from music_emotion.features.extract import CorpusFeatures
from music_emotion.inference.export import export_fitted
from music_emotion.models.registry import create

ROOT = Path(__file__).resolve().parent.parent
HELD_OUT = "held_out.txt"
DIGITS = 3
FIGURES = {"accuracy": "accuracy", "macro_f1": "macro-F1", "mean_pearson_r": "mean Pearson r"}


def figures(corpus: Corpus, predictions: Estimated) -> dict[str, float]:
    """Return the three figures that are compared, of predictions of all tracks."""
    scored = evaluate(Reference(corpus.labels, corpus.vote_fractions), predictions)
    return {title: scored[name] for name, title in FIGURES.items()}


def stored(run: Run, results: Path) -> Estimated:
    """Return the out-of-fold predictions of all tracks that `compare` kept."""
    truth = read_ground_truth(results)
    cells = dict(CellStore(results).complete_runs()).get(run)
    if truth is None or cells is None:
        sys.exit(
            f"no out-of-fold predictions of {run.model}: music-emotion compare --models "
            f"{run.model} --protocol artist --target {run.target} --seed {run.seed} --out "
            f"{results.name}"
        )
    scored = pool_folds(run, cells, truth).scored
    return Estimated(scored.emotions, scored.intensities)


def make_fold_models(
    corpus: Corpus, features: CorpusFeatures, options: argparse.Namespace, root: Path
) -> list[list[int]]:
    """Train and export the models of the folds; return the held-out tracks of each."""
    folds = make_folds("artist", corpus, features.track_index, seed=options.seed)
    everything = examples(corpus, features.arrays, features.track_index, "artist")
    held_out = []
    for number, fold in enumerate(folds):
        tracks = np.unique(features.track_index[fold.test]).tolist()
        held_out.append(tracks)
        folder = options.folds / f"fold{number}"
        if (folder / HELD_OUT).is_file():
            continue
        model = create(options.model, device="cpu")
        with progress_bar(f"training fold {number + 1} of {len(folds)}") as tell:
            model.fit(
                everything.take(fold.train),
                target=options.target,
                seed=training_seed(options.seed, number),
                progress=tell,
            )
        export_fitted(model, folder, name=options.model, halve=options.half)
        names = [os.path.relpath(corpus.tracks[track].path, root) for track in tracks]
        write_output(folder / HELD_OUT, "".join(f"{name}\n" for name in names).encode())
    return held_out


def predicted(corpus: Corpus, held_out: Sequence[Sequence[int]], folds: Path) -> Estimated:
    """Return what `music-emotion predict` says of the held-out files."""
    emotions, intensities = np.full((2, len(corpus), len(EMOTIONS)), np.nan)
    for number, tracks in enumerate(held_out):
        paths = {str(corpus.tracks[track].path): track for track in tracks}
        with tempfile.NamedTemporaryFile(suffix=".jsonl") as out:
            command = [sys.executable, "-m", "music_emotion", "predict", *paths]
            options = ["--model", str(folds / f"fold{number}"), "--output", out.name]
            subprocess.run([*command, *options], check=True)
            for line in Path(out.name).read_text(encoding="utf-8").splitlines():
                said = json.loads(line)
                track = paths[said["path"]]
                emotions[track] = [said["emotions"][name] for name in EMOTIONS]
                intensities[track] = [said["intensities"][name] for name in EMOTIONS]
    return Estimated(emotions, intensities)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="blend", help="name in the registry")
    parser.add_argument("--target", choices=("label", "votes"), default="votes")
    parser.add_argument("--seed", type=int, default=42, help="fold seed")
    parser.add_argument("--folds", type=Path, help="folder that keeps the fold models")
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    parser.add_argument("--half", action="store_true", help="store weights as float16")
    parser.add_argument("--write", type=Path, help="append the table to this page")
    options = parser.parse_args()
    options.folds = options.folds or ROOT / "runs" / "folds" / f"{options.model}-{options.seed}"
    try:
        source = find_source()
        corpus = source.load()
        run = Run("artist", options.target, options.model, options.seed)
        before = figures(corpus, stored(run, options.results))
        features = extract_with_bar(corpus, create(options.model).feature_names, None)
        held_out = make_fold_models(corpus, features, options, source.root)
        after = figures(corpus, predicted(corpus, held_out, options.folds))
    except MusicEmotionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    weights = "float16" if options.half else "float32"
    lines = [
        f"`{options.model}` on {options.target}, fold seed {options.seed}, weights stored as "
        f"{weights}:",
        "",
        "| | out of fold, `compare` | exported, `predict` on the files |",
        "|---|---:|---:|",
        *(f"| {name} | {before[name]:.4f} | {after[name]:.4f} |" for name in before),
        "",
    ]
    print("\n".join(lines))
    if options.write is not None:
        with options.write.open("a", encoding="utf-8") as page:
            page.write("\n".join([*lines, ""]))
    same = all(abs(before[name] - after[name]) < 0.5 * 10.0**-DIGITS for name in before)
    print("the same to the third digit" if same else "NOT the same to the third digit")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
