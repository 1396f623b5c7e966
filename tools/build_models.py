"""Train the models of the wheel on all tracks, package them, and write what each is worth.

    python tools/build_models.py                  # every model that is not there or out of date
    python tools/build_models.py default light    # these
    python tools/build_models.py default --again  # whatever is there

Each model is trained by what `music-emotion train` does, exported to ONNX, and compared with the
trained model on tracks of the corpus: 1e-4 at most lies between them. Weights are stored as float16
where that moves no probability by more than a thousandth. The card gets the *out-of-fold*
figures and the confidence curve of the ``artist`` protocol from ``results/``, which must have been
made by the same recipe; what tracks are compared with (`build_reference.py`) comes from there too.
What was trained is kept under ``--work``; a stopped build goes on.

Afterwards ``python tools/model_pages.py`` writes the pages and the example of the README.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads

import numpy as np
from numpy.typing import NDArray

from build_reference import (
    build_reference,
    compared_features,
    corpus_recordings,
    reference_recipe,
)
from fit_dimensions import RECIPES as DIMENSIONS
from fit_dimensions import fit_dimension, track_means
from fit_familiarity import corpus_familiarity
from music_emotion import __version__
from music_emotion.cli.progress import extract_with_bar, progress_bar
from music_emotion.datasets.corpus import Corpus
from music_emotion.datasets.sources import open_corpus
from music_emotion.errors import EvaluationError, ModelError, MusicEmotionError
from music_emotion.evaluation.calibration import SUPPORT, fit_confidence
from music_emotion.evaluation.cells import CellStore, Run, cell_key, read_ground_truth
from music_emotion.evaluation.folds import examples
from music_emotion.evaluation.plan import Comparison, describe, make_plan
from music_emotion.evaluation.provenance import code_digest
from music_emotion.evaluation.refit import refit
from music_emotion.evaluation.results import pool_folds
from music_emotion.evaluation.results_file import RESULTS, read_document
from music_emotion.evaluation.scores import Scored
from music_emotion.features.compute import feature_key
from music_emotion.features.extract import CorpusFeatures
from music_emotion.inference.export import export_fitted, training_facts
from music_emotion.inference.model import load_model
from music_emotion.inference.model_card import ConfidenceCurve, read_card
from music_emotion.inference.package import SHIPPED, write_package
from music_emotion.inference.reference import Reference
from music_emotion.inference.valence_arousal import Dimension, term_columns
from music_emotion.models.base import Model, Target
from music_emotion.models.checkpoint import MODEL_FILE, load_fitted, read_trained, save_fitted
from music_emotion.models.ensemble import Ensemble
from music_emotion.models.registry import create

ROOT = Path(__file__).resolve().parent.parent
SEED = 42
PARITY_TRACKS = 20
PARITY = 1e-4  # most that a probability may differ between a trained model and its graph
ROUNDING = 1e-3  # between stored features and those computed from the file in blocks
HALF_CHANGE = 1e-3  # where weights are stored as float16; more costs figures
SPEED_REPEATS = 3
ENSEMBLE_FACTS = ("data", "seed", "date", "versions")  # that its card takes from a member's
LARGEST_TOTAL = 30e6
"""Bytes of all models together; the wheel, with the pretrained network, stays under 40 MB."""


@dataclass(frozen=True)
class Recipe:
    """A model of the wheel: its name there, what is trained on what, two lines for its card."""

    name: str
    model: str
    target: Target
    summary: str
    use_when: str


RECIPES = (
    Recipe(
        "default",
        "blend",
        "votes",
        "the best honest model: a pretrained network and cheap descriptors, blended",
        "for anything, unless time is short",
    ),
    Recipe(
        "light",
        "light",
        "votes",
        "kernel regressions on descriptors of loudness, timbre, harmony and rhythm",
        "for large collections and small machines",
    ),
    Recipe(
        "transfer",
        "transfer",
        "votes",
        "one kernel regression on the pretrained network's maps",
        "to see what the pretrained network alone is worth",
    ),
    *(
        Recipe(name, name, "label", summary, "to compare with the reference study")
        for name, summary in (
            ("lstm_cnn", "the reference study's LSTM-CNN on basic descriptors"),
            ("lstm_cnn_advanced", "the reference study's LSTM-CNN on advanced descriptors"),
            ("bilstm_cnn", "the reference study's BiLSTM-CNN on advanced descriptors"),
            ("cnn2d", "the reference study's 2-D CNN on log-mel spectrograms"),
            ("cnn2d_specaugment", "the reference study's 2-D CNN, trained with SpecAugment"),
            ("ensemble", "the mean of the reference study's BiLSTM-CNN and 2-D CNN"),
        )
    ),
)

INTENDED_USE = (
    "To estimate which of the nine emotions of the Geneva Emotional Music Scale listeners feel in "
    "a piece of music: for search, playlists, research and teaching. It describes what many people "
    "report, not what one person will feel."
)
LIMITS = (
    "Trained on 400 one-minute excerpts of classical, electronic, pop and rock music from one "
    "label; other music gets an answer all the same, and so do speech and noise.",
    "The listeners were self-selected players of an online game; people of other cultures and ages "
    "may feel otherwise.",
    "Rare emotions are hardly ever named first: amazement is the dominant emotion of 3 of the 400.",
    "Two halves of a track's listeners often disagree about its dominant emotion; read "
    "probabilities, not only the first name.",
)
LICENCES = (
    "Model and code: MIT.",
    "Trained on EMOTIFY (Aljanaki, Wiering and Veltkamp), which states no licence beyond the "
    "request to cite; the music is Magnatune's. No music and no vote is contained.",
)
NETWORK_LIMIT = (
    "Uses MSD_musicnn, pretrained on tags of the Million Song Dataset; an overlap of its artists "
    "with EMOTIFY's cannot be excluded."
)
NETWORK_LICENCE = "Needs the network MSD_musicnn by Pons and Serra, which is included: ISC."
HONEST_FIGURES = (
    "accuracy",
    "macro_f1",
    "mean_pearson_r",
    "log_loss",
    "brier",
    "ece",
    "top3_accuracy",
)


# --- What a model is worth -----------------------------------------------------------------------


@dataclass(frozen=True)
class Worth:
    """What is known from the artist protocol; nothing where there are no figures.

    Attributes
    ----------
    figures, confidence, protocol: for the card
    intensities: of the tracks by models that heard nothing by their artist, the mean over the fold
        seeds, shape (tracks, 9)
    """

    figures: Mapping[str, float] = field(default_factory=dict)
    confidence: ConfidenceCurve | None = None
    protocol: str = ""
    intensities: NDArray[np.float64] | None = None


def honest_worth(results: Path, recipe: Recipe, keys: Mapping[Run, tuple[str, ...]]) -> Worth:
    """Read a model's out-of-fold figures and fit its confidence.

    Parameters
    ----------
    results
        Folder that ``compare`` wrote.
    recipe
        The model.
    keys
        For each run of the artist protocol the keys its cells must have, so that figures are of
        this recipe and no other.

    Raises
    ------
    EvaluationError
        The figures are not there, or of another recipe.
    """
    command = (
        f"music-emotion compare --models {recipe.model} --protocol artist "
        f"--target {recipe.target} --out {results.name}"
    )
    truth = read_ground_truth(results)
    rows = read_document(results).rows if (results / RESULTS).is_file() else ()
    wanted = ("artist", recipe.target, recipe.model)
    row = next((r for r in rows if (r.protocol, r.target, r.model) == wanted), None)
    if row is None or truth is None:
        raise EvaluationError(f"no honest figures of {recipe.model}: run `{command}` first")
    repeats: list[Scored] = []
    for run, cells in CellStore(results).complete_runs():
        if (run.protocol, run.target, run.model) == wanted:
            if run in keys and [cell.record.key for cell in cells] != list(keys[run]):
                raise EvaluationError(
                    f"the figures of {recipe.model} are of another recipe or other data: run "
                    f"`{command}` again"
                )
            repeats.append(pool_folds(run, cells, truth).scored)
    curve = fit_confidence(repeats)
    accuracy, worth = row.headline["accuracy"], row.worth
    figures = {name: row.headline[name].value for name in HONEST_FIGURES if name in row.headline}
    figures |= {"accuracy_low": accuracy.low, "accuracy_high": accuracy.high}
    if worth is not None:
        for name, panel in (("worth_r", worth.by_r), ("worth_accuracy", worth.by_accuracy)):
            figures |= {name: panel.value, f"{name}_censored": float(panel.censored)}
        figures |= {"worth_tracks": float(worth.tracks), "worth_seed": float(worth.seed)}
    first, last = row.seeds[0], row.seeds[-1]
    said = f"fold seed {first}" if first == last else f"fold seeds {first} to {last}"
    accuracies = tuple(float(value) for value in np.round(curve(SUPPORT), 4))
    return Worth(
        figures,
        ConfidenceCurve(tuple(SUPPORT.tolist()), accuracies, round(curve.error, 4)),
        f"artist protocol, {truth.folds['artist']} folds, {said}, {row.n} tracks, each "
        "predicted by models that heard nothing by its artist",
        np.mean([scored.intensities for scored in repeats], axis=0, dtype=np.float64),
    )


def dimensions(recipe: Recipe, worth: Worth, features: CorpusFeatures) -> dict[str, Dimension]:
    """Return how the model reads valence and arousal, where it knows more than intensities."""
    if recipe.name not in DIMENSIONS or worth.intensities is None:
        return {}
    names = ("valence", "arousal")
    recipes = DIMENSIONS[recipe.name]
    terms = [term for each in recipes for part in each.parts for term in part.terms]
    level = np.zeros(len(features.track_index))
    values = term_columns(terms, features.arrays, level)
    columns = track_means(terms, values, features.track_index)
    fitted = (fit_dimension(each, worth.intensities, columns) for each in recipes)
    return dict(zip(names, fitted, strict=True))


# --- Building ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Workshop:
    """Where models are built, and from what."""

    corpus: Corpus
    work: Path
    out: Path
    results: Path | None
    settings: Mapping[str, Any]
    again: bool = False

    def features(self, names: Sequence[str]) -> CorpusFeatures:
        """Return features of all tracks, from the cache where they are there."""
        return extract_with_bar(self.corpus, names, None)

    def key(self, recipe: Recipe, model: Model) -> str:
        """Return what the weights depend on, as a hash."""
        members = model.members if isinstance(model, Ensemble) else (model,)
        return cell_key(
            data=self.corpus.fingerprint,
            features={name: feature_key(name).folder for name in model.feature_names},
            models=[describe(member) for member in members],
            code=code_digest(),
            target=recipe.target,
            seed=SEED,
        )

    def folder(self, recipe: Recipe, model: Model) -> Path:
        """Return where the trained model is kept."""
        return self.work / f"{model.name}-{recipe.target}-{self.key(recipe, model)[:8]}"

    def trained(self, recipe: Recipe, model: Model) -> Model:
        """Train a model, or read back what was trained before."""
        folder = self.folder(recipe, model)
        if (folder / MODEL_FILE).is_file() and not self.again:
            return load_fitted(folder)
        if isinstance(model, Ensemble):
            # Each member is what it is alone: trained once, used twice.
            whole = Ensemble(model.name, [self.trained(recipe, each) for each in model.members])
            kept = read_trained(self.folder(recipe, model.members[0])).provenance
            save_fitted(
                folder,
                whole,
                target=recipe.target,
                settings=self.settings,
                provenance={name: kept[name] for name in ENSEMBLE_FACTS if name in kept},
            )
            return load_fitted(folder)
        features = self.features(model.feature_names)
        with progress_bar(f"training {model.name}") as progress:
            refit(
                model.name,
                self.corpus,
                features.track_index,
                features.arrays,
                folder,
                target=recipe.target,
                seed=SEED,
                settings=self.settings,
                arguments=["train", model.name, "--target", recipe.target, "--seed", str(SEED)],
                progress=progress,
            )
        return load_fitted(folder)

    def worth(self, recipe: Recipe, model: Model, track: NDArray[np.int64]) -> Worth:
        """Return a model's honest figures, which must be those of its recipe."""
        if self.results is None:
            return Worth()
        wanted = ("artist", recipe.target, recipe.model)
        runs = [run for run, _ in CellStore(self.results).complete_runs()]
        comparison = Comparison(
            models=(recipe.model,),
            protocols=("artist",),
            targets=(recipe.target,),
            seeds=tuple(r.seed for r in runs if (r.protocol, r.target, r.model) == wanted),
            settings=self.settings,
        )
        versions = {name: feature_key(name).folder for name in model.feature_names}
        plan = make_plan(comparison, self.corpus, track, versions)
        return honest_worth(self.results, recipe, plan.runs)

    def reference(self, worth: Worth, model: Model) -> tuple[Reference | None, dict[str, str]]:
        """Return what tracks are compared with, and what the card says of it, where known."""
        if worth.intensities is None:
            return None, {}
        compared, recordings, familiar = compared_features(model.feature_names), None, None
        if compared is not None:
            features = self.features(tuple({compared.recordings, compared.familiarity}))
            known = (self.corpus, features)
            recordings = corpus_recordings(*known, compared.recordings, self.work)
            familiar = corpus_familiarity(*known, compared.familiarity, self.work)
        reference, told = build_reference(worth.intensities, self.corpus, recordings, familiar)
        return reference, told | {"recipe": self.reference_recipe(worth, model)}

    def reference_recipe(self, worth: Worth, model: Model) -> str:
        """Return what the reference depends on, as a hash; ``""`` where there is none."""
        if worth.intensities is None:
            return ""
        compared = compared_features(model.feature_names)
        return reference_recipe(worth.intensities, self.corpus, compared)


def build(recipe: Recipe, shop: Workshop) -> str:
    """Build one model and return a line about it."""
    unfitted = create(recipe.model, **shop.settings)
    folder = shop.out / recipe.name
    version = f"{__version__}-{shop.key(recipe, unfitted)[:7]}"
    read = [name for each in DIMENSIONS.get(recipe.name, ()) for name in each.features]
    features = shop.features(tuple(dict.fromkeys((*unfitted.feature_names, *read))))
    worth = shop.worth(recipe, unfitted, features.track_index)
    read_from = dimensions(recipe, worth, features)
    compared = shop.reference_recipe(worth, unfitted)
    if not shop.again and _is_built(folder, version, worth, read_from, compared):
        return f"{recipe.name}: up to date ({version})"
    model = shop.trained(recipe, unfitted)
    reference, told = shop.reference(worth, unfitted)
    needs_network = "musicnn" in model.feature_names
    card = {
        "figures": worth.figures,
        "confidence": worth.confidence,
        "protocol": worth.protocol,
        "reference": told,
        **read_from,
        "summary": recipe.summary,
        "use_when": recipe.use_when,
        "training": training_facts(read_trained(shop.folder(recipe, unfitted))),
        "intended_use": INTENDED_USE,
        "limits": (*LIMITS, NETWORK_LIMIT) if needs_network else LIMITS,
        "licences": (*LICENCES, NETWORK_LICENCE) if needs_network else LICENCES,
    }
    with tempfile.TemporaryDirectory() as scratch:
        whole, half = Path(scratch, "whole"), Path(scratch, "half")
        export_fitted(model, whole, name=recipe.name, version=version, **card)
        export_fitted(model, half, name=recipe.name, version=version, halve=True, **card)
        parity, whole_way, change = _differences(shop.corpus, features, model, whole, half)
        if parity > PARITY or whole_way > ROUNDING:
            raise ModelError(
                f"{recipe.name}: the graph and the trained model differ by {parity:.1e} on equal "
                f"features, and by {whole_way:.1e} from the file on; more than {PARITY:.0e} or "
                f"{ROUNDING:.0e}"
            )
        chosen = half if change <= HALF_CHANGE else whole
        figures = {
            **worth.figures,
            "graph_difference": float(f"{parity:.1e}"),
            "half_precision_change": float(f"{change:.1e}") if chosen is half else 0.0,
            "seconds_per_minute": round(_seconds_per_minute(shop.corpus, chosen), 3),
        }
        final = replace(read_card(chosen), figures=figures)
        graph = (chosen / "model.onnx").read_bytes()
    write_package(folder, final, graph, reference)
    kind = "float16" if chosen is half else "float32"
    return (
        f"{recipe.name}: {version}, {len(graph) / 1e6:.1f} MB ({kind}), trained model and graph "
        f"within {parity:.0e} ({whole_way:.0e} from the file on), "
        f"float16 moves a probability by {change:.0e} at most, "
        f"{figures['seconds_per_minute']:.2f} s per minute"
    )


def _is_built(
    folder: Path,
    version: str,
    worth: Worth,
    read_from: Mapping[str, Dimension],
    compared: str,
) -> bool:
    """Whether a packaged model is there, of this version, with these figures and this reference."""
    if not (folder / "card.json").is_file():
        return False
    card = read_card(folder)
    same = worth.figures.items() <= card.figures.items() and worth.confidence == card.confidence
    same &= all(getattr(card, name) == dimension for name, dimension in read_from.items())
    same &= card.reference.get("recipe", "") == compared
    return card.version == version and (same or not worth.protocol)


def _differences(
    corpus: Corpus, features: CorpusFeatures, model: Model, whole: Path, half: Path
) -> tuple[float, float, float]:
    """Return how far probabilities lie apart at most, on tracks of every part of the corpus.

    Returns
    -------
    parity
        The trained model against its float32 graph, on the same features where the graph takes
        features of segments, else on the audio files.
    whole_way
        The trained model on stored features, against its float32 graph on the audio files, whose
        features differ in their last digits because files are read in blocks.
    change
        Its float32 against its float16 graph on the audio files.
    """
    count = min(PARITY_TRACKS, len(corpus))
    chosen = np.unique(np.linspace(0, len(corpus) - 1, count).round().astype(int))
    single, halved = load_model(whole), load_model(half)
    everything = examples(corpus, features.arrays, features.track_index, "artist")
    names = single.card.features
    same = single.card.scope == "segment" and set(names) <= set(features.arrays)
    parity, whole_way, change = [0.0], [0.0], [0.0]
    for number in chosen.tolist():
        rows = everything.take(everything.track_index == number)
        if not len(rows):
            continue
        mine = model.predict(rows)
        path = corpus.tracks[number].path
        one, two = single.predict(path), halved.predict(path)
        if same:
            graph = single.network({name: rows.gather(name) for name in names})
            parity.append(float(np.abs(mine.emotions - graph.emotions).max()))
        for name in ("emotions", "intensities"):
            trained, exported = getattr(mine, name).mean(axis=0), getattr(one, name)
            whole_way.append(float(np.abs(trained - exported).max()))
            change.append(float(np.abs(exported - getattr(two, name)).max()))
    return max(parity if same else whole_way), max(whole_way), max(change)


def _seconds_per_minute(corpus: Corpus, folder: Path) -> float:
    """Return seconds of one processor per minute of music, reading the file included."""
    model, path = load_model(folder), corpus.tracks[0].path
    minutes = model.predict(path).duration / 60
    taken = []
    for _ in range(SPEED_REPEATS):
        started = time.process_time()
        model.predict(path)
        taken.append(time.process_time() - started)
    return float(np.median(taken)) / minutes


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    names = [recipe.name for recipe in RECIPES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--again", action="store_true", help="train again what is there")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "runs" / "models", help="trained models"
    )
    parser.add_argument("--out", type=Path, default=SHIPPED, help="packaged models")
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="honest figures")
    parser.add_argument(
        "--without-figures", action="store_true", help="cards without figures, for a trial"
    )
    parser.add_argument("--epochs", type=int, help="longest training of a network, for a trial")
    parser.add_argument("--demo", action="store_true", help="the synthesised corpus, for a trial")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(names))
    if unknown:
        parser.error(f"no model {unknown[0]!r}: choose from {', '.join(names)}")
    settings = {"device": "cpu", **({"max_epochs": options.epochs} if options.epochs else {})}
    chosen = [recipe for recipe in RECIPES if not options.names or recipe.name in options.names]
    failed = False
    try:
        corpus = open_corpus(use_demo=options.demo)
    except MusicEmotionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    results = None if options.without_figures else options.results
    shop = Workshop(corpus, options.work, options.out, results, settings, options.again)
    for recipe in chosen:
        try:
            print(build(recipe, shop), flush=True)
        except MusicEmotionError as error:
            failed = True
            print(f"error: {error}", file=sys.stderr)
    total = sum(path.stat().st_size for path in options.out.glob("*/model.onnx"))
    print(f"all models together: {total / 1e6:.1f} MB")
    if total > LARGEST_TOTAL:
        print(f"error: more than {LARGEST_TOTAL / 1e6:.0f} MB", file=sys.stderr)
        failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
