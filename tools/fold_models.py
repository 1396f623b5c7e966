"""Train and export the models of the artist folds, which have not heard the artists they are asked.

    python tools/fold_models.py --model blend --folds runs/folds/blend

The fold models of one fold seed are trained as `music-emotion compare` trains them, and exported.
Each fold gets a folder with the model and ``held_out.txt``: the tracks that it has not heard, one a
line, relative to EMOTIFY_ROOT. What is there is not made again. Valence and arousal are read as the
packaged model of this recipe reads them, where there is one.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads

import numpy as np

from music_emotion.atomic import write_output
from music_emotion.cli.progress import extract_with_bar, progress_bar
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.sources import Source, find_source
from music_emotion.errors import ModelError, MusicEmotionError, printable
from music_emotion.evaluation.folds import DEFAULT_SEED, examples, make_folds
from music_emotion.evaluation.train_cell import training_seed
from music_emotion.features.extract import CorpusFeatures
from music_emotion.inference.export import export_fitted
from music_emotion.inference.model_card import read_card
from music_emotion.inference.package import ONNX_FILE, find_package, write_package
from music_emotion.models.base import Target
from music_emotion.models.registry import create

HELD_OUT = "held_out.txt"


def make_fold_models(
    corpus: Corpus,
    features: CorpusFeatures,
    folder: Path,
    root: Path,
    *,
    model: str,
    target: Target = "votes",
    seed: int = DEFAULT_SEED,
    halve: bool = False,
) -> list[list[int]]:
    """Train and export the models of the folds; return the held-out tracks of each.

    Parameters
    ----------
    folder
        Where ``fold0`` and so on go.
    root
        Of the audio, to which held-out tracks are named.
    model
        Its name in the registry.
    halve
        Store weights as float16.

    Raises
    ------
    ModelError
        The folder holds models of other folds.
    """
    folds = make_folds("artist", corpus, features.track_index, seed=seed)
    everything = examples(corpus, features.arrays, features.track_index, "artist")
    held_out = []
    for number, fold in enumerate(folds):
        tracks = np.unique(features.track_index[fold.test]).tolist()
        held_out.append(tracks)
        one = folder / f"fold{number}"
        names = [os.path.relpath(corpus.tracks[track].path, root) for track in tracks]
        listed = "".join(f"{name}\n" for name in names)
        if not (one / HELD_OUT).is_file():
            fitted = create(model, device="cpu")
            with progress_bar(f"training fold {number + 1} of {len(folds)}") as tell:
                fitted.fit(
                    everything.take(fold.train),
                    target=target,
                    seed=training_seed(seed, number),
                    progress=tell,
                )
            export_fitted(fitted, one, name=model, halve=halve)
            write_output(one / HELD_OUT, listed.encode())
        elif (one / HELD_OUT).read_text(encoding="utf-8") != listed:
            raise ModelError(f"'{printable(one)}' holds a model of another fold; name a new folder")
        _read_as_packaged(one, model)
    return held_out


def _read_as_packaged(folder: Path, model: str) -> None:
    """Let a fold model read valence and arousal as the packaged model of its recipe does."""
    try:
        packaged = read_card(find_package(model))
    except ModelError:
        return  # one of the user's own
    card = read_card(folder)
    wanted = replace(card, valence=packaged.valence, arousal=packaged.arousal)
    if wanted != card:
        write_package(folder, wanted, (folder / ONNX_FILE).read_bytes())


def open_features(model: str) -> tuple[Source, Corpus, CorpusFeatures]:
    """Return where the data are, the corpus, and the features that a model needs."""
    source = find_source()
    corpus = source.load()
    return source, corpus, extract_with_bar(corpus, create(model).feature_names, None)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="blend", help="name in the registry")
    parser.add_argument("--target", choices=("label", "votes"), default="votes")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="fold seed")
    parser.add_argument("--folds", type=Path, required=True, help="folder that keeps them")
    parser.add_argument("--half", action="store_true", help="store weights as float16")
    options = parser.parse_args()
    try:
        source, corpus, features = open_features(options.model)
        make_fold_models(
            corpus,
            features,
            options.folds,
            source.root,
            model=options.model,
            target=options.target,
            seed=options.seed,
            halve=options.half,
        )
    except MusicEmotionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
