"""Check that exported models, run as a user runs them, give the figures of the artist protocol.

    python tools/check_exported_folds.py --model blend --folds runs/folds/blend

The fold models of one fold seed are trained as `music-emotion compare` trains them, exported, and
run by `music-emotion predict` on the audio files of their held-out tracks.
Accuracy, macro-F1 and mean r of these predictions stand beside those of the out-of-fold
predictions in ``results/``; exit 1 where they differ in the third digit.

``--folds`` keeps the fold models (`tools/fold_models.py`), for ``benchmarks/delivery.py``.
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

from fold_models import make_fold_models, open_features
from music_emotion.datasets.corpus import Corpus
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MusicEmotionError
from music_emotion.evaluation.cells import CellStore, Run, read_ground_truth
from music_emotion.evaluation.metrics import Estimated, Reference, evaluate
from music_emotion.evaluation.results import pool_folds

ROOT = Path(__file__).resolve().parent.parent
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
        source, corpus, features = open_features(options.model)
        run = Run("artist", options.target, options.model, options.seed)
        before = figures(corpus, stored(run, options.results))
        held_out = make_fold_models(
            corpus,
            features,
            options.folds,
            source.root,
            model=options.model,
            target=options.target,
            seed=options.seed,
            halve=options.half,
        )
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
        *(
            f"| {name} | {_told(name, before[name])} | {_told(name, after[name])} |"
            for name in before
        ),
        "",
    ]
    print("\n".join(lines))
    if options.write is not None:
        with options.write.open("a", encoding="utf-8") as page:
            page.write("\n".join([*lines, ""]))
    same = all(abs(before[name] - after[name]) < 0.5 * 10.0**-DIGITS for name in before)
    print("the same to the third digit" if same else "NOT the same to the third digit")
    return int(not same)


def _told(name: str, value: float) -> str:
    """Return a figure as all pages tell it: a correlation as a number, shares in per cent."""
    return f"{value:.4f}" if "Pearson" in name else f"{100 * value:.2f} %"


if __name__ == "__main__":
    sys.exit(main())
