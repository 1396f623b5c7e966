"""Compare ways to train a network by inner figures, on parts cut from training parts.

    python tools/compare_recipes.py --models bilstm_cnn,cnn2d_specaugment --out runs/recipes

The training part of each ``artist`` fold of one fold seed is divided once more by artist, and one
of the inner parts is predicted by networks that learned from the rest of it. None sees the reported
test part of its fold. What is there is not trained again; the tables of all that is there are
printed in the end, with differences from another recipe, artists resampled. Figures that the
file given by ``--json`` has of other networks and recipes stay in it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads

import numpy as np
from numpy.typing import NDArray

from music_emotion.atomic import write_output
from music_emotion.cli.progress import extract_with_bar
from music_emotion.datasets.sources import open_corpus
from music_emotion.errors import MusicEmotionError
from music_emotion.evaluation import scores
from music_emotion.evaluation.bootstrap import resample_groups
from music_emotion.evaluation.cells import (
    Cell,
    CellName,
    CellStore,
    GroundTruth,
    Record,
    Run,
    ground_truth_of,
)
from music_emotion.evaluation.folds import DEFAULT_SEED, Fold, examples, make_folds
from music_emotion.evaluation.metrics import BY_NAME
from music_emotion.evaluation.results import model_title
from music_emotion.evaluation.scores import Estimate, Scored
from music_emotion.evaluation.strict_json import from_json, json_text
from music_emotion.evaluation.train_cell import mean_over_units, training_seed, without_truth
from music_emotion.models.base import Examples, Target
from music_emotion.models.registry import create
from music_emotion.report.tables import coded, difference, markdown_table

Settings = Mapping[str, Any]
RECIPES_FILE = "recipes.json"
CHOSEN = "trained again, rate to zero"  #: the recipe of the defaults
COMPARED = ("accuracy", "log_loss", "mean_pearson_r")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A way to train."""

    name: str
    settings: Settings = field(default_factory=dict)  #: what differs from the defaults
    first: str = ""  #: the recipe whose number of epochs a second training takes
    #: settings of the second training, from the number of epochs
    second: Callable[[int], Settings] | None = None
    joined: int = 1  #: segments that follow each other and are learned from, and heard, as one
    against: str = "early stopping"  #: the recipe that it is compared with


RECIPES = (
    Recipe("early stopping", {"second_training": False}),
    Recipe("trained again", first="early stopping", second=lambda n: {"stop_after": n}),
    Recipe(
        CHOSEN,
        first="early stopping",
        second=lambda n: {"stop_after": n, "max_epochs": n},
    ),
    Recipe("averaged", {"averaging": 0.99, "second_training": False}),
    Recipe(
        "averaged, trained again",
        {"averaging": 0.99},
        first="averaged",
        second=lambda n: {"stop_after": n},
    ),
    # By the recipe of the defaults, with as many frames in a batch.
    Recipe("segments of 6 s", {"batch_size": 32}, joined=2, against=CHOSEN),
    Recipe("segments of 12 s", {"batch_size": 16}, joined=4, against=CHOSEN),
    Recipe("segments of 24 s", {"batch_size": 8}, joined=8, against=CHOSEN),
)

LONGER = frozenset(recipe.name for recipe in RECIPES if recipe.joined > 1)


def inner_folds(folds: list[Fold], corpus: Any, track_index: NDArray[np.int64]) -> list[Fold]:
    """Return one division by artist of the training part of each fold."""
    inner = []
    for number, fold in enumerate(folds):
        train = fold.train
        first = make_folds("artist", corpus, track_index[train], seed=number)[0]
        inner.append(Fold(train[first.train], train[first.test]))
    return inner


def train(
    model: str,
    recipe: Recipe,
    everything: Examples,
    fold: Fold,
    number: int,
    store: CellStore,
    target: Target,
) -> None:
    """Train one network by one recipe and keep what it predicts, unless that is there."""
    name = _name(model, recipe.name, number, target)
    if store.find(name) is not None:
        return
    settings = dict(recipe.settings)
    if recipe.second is not None:
        before = store.find(_name(model, recipe.first, number, target))
        assert before is not None, "recipes come after those that they build on"
        settings |= recipe.second(before.record.best_epoch + 1)
    fitted = create(model, device="cpu", **settings)
    learned, heard = (
        join_segments(everything.take(part), fitted.feature_names, recipe.joined)
        for part in (fold.train, fold.test)
    )
    report = fitted.fit(learned, target=target, seed=training_seed(DEFAULT_SEED, number))
    test = without_truth(heard)
    unit, predicted = mean_over_units(fitted.predict(test), test.unit)
    record = Record("", "", 1, history=dict(report.history), best_epoch=report.best_epoch)
    store.write(Cell(name, unit, predicted.emotions, predicted.intensities, record))


def join_segments(examples: Examples, names: Sequence[str], count: int) -> Examples:
    """Join each ``count`` segments of a track that follow each other to one, frames end to end.

    Where the last of a track are fewer, the segments before them are in two.

    Raises
    ------
    MusicEmotionError
        A track has fewer segments.
    """
    if count == 1:
        return examples
    starts = list[int]()
    for track in np.unique(examples.track_index):
        own = np.flatnonzero(examples.track_index == track)
        if len(own) < count:
            raise MusicEmotionError(f"a track of {len(own)} segments cannot be joined by {count}")
        starts += own[: len(own) - count + 1 : count].tolist()
        if len(own) % count:
            starts.append(int(own[-count]))
    each = examples.rows[np.asarray(starts)[:, None] + np.arange(count)]
    joined = {
        name: values[each].reshape(len(each), -1, values.shape[-1])
        for name, values in ((name, examples.features[name]) for name in names)
    }
    rows = np.arange(len(each))
    return replace(examples.take(np.asarray(starts)), features=joined, rows=rows)


def _name(model: str, recipe: str, number: int, target: Target) -> CellName:
    words = f"{model} {recipe}".replace(",", "").replace(" ", "_")
    return CellName(Run("artist", target, words, DEFAULT_SEED), number)


@dataclass(frozen=True, slots=True)
class RecipeFigures:
    """What a network trained by one recipe reached on inner parts, pooled."""

    model: str
    target: Target
    recipe: str
    folds: tuple[int, ...]  #: whose training parts were divided
    items: int  #: predicted tracks; one that is in the inner parts of two folds counts twice
    epochs: float  #: mean over the folds, of the training that was kept
    scores: dict[str, Estimate]  #: by metric
    #: from the recipe that it is compared with, on the same folds; empty for the first recipe
    differences: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class RecipeStudy:
    """``results/recipes.json``."""

    rows: tuple[RecipeFigures, ...]


def figures_of(
    model: str, store: CellStore, truth: GroundTruth, numbers: Sequence[int], target: Target
) -> list[RecipeFigures]:
    """Return what each recipe reaches on the folds that it and what it is compared with have."""
    resamples = resample_groups(truth.n_groups)
    metrics = [BY_NAME[name] for name in COMPARED]
    rows = []
    for recipe in RECIPES:
        first = _cells(model, recipe.against, store, numbers, target)
        found = _cells(model, recipe.name, store, numbers, target)
        folds = tuple(sorted(set(found) & set(first)))
        if not folds:
            continue
        ours, theirs = (_scored(truth, [cells[fold] for fold in folds]) for cells in (found, first))
        epochs = [_epochs(recipe, found[fold].record) for fold in folds]
        rows.append(
            RecipeFigures(
                model,
                target,
                recipe.name,
                folds,
                len(ours),
                float(np.mean(epochs)),
                {one.name: scores.estimate(one, [ours], resamples) for one in metrics},
                {
                    one.name: scores.difference(one, [ours], [theirs], resamples)
                    for one in metrics
                    if recipe.name != recipe.against
                },
            )
        )
    return rows


def _epochs(recipe: Recipe, record: Record) -> int:
    """Return how many epochs the training lasted, of two in one cell the second."""
    if recipe.second is None and recipe.settings.get("second_training", True):
        return record.best_epoch + 1
    return len(record.history["seconds"])


def _cells(
    model: str, recipe: str, store: CellStore, numbers: Sequence[int], target: Target
) -> dict[int, Cell]:
    found = {number: store.find(_name(model, recipe, number, target)) for number in numbers}
    return {number: cell for number, cell in found.items() if cell is not None}


def _scored(truth: GroundTruth, cells: Sequence[Cell]) -> Scored:
    return truth.scored(
        "artist",
        np.concatenate([cell.unit for cell in cells]),
        np.concatenate([cell.emotions for cell in cells]),
        np.concatenate([cell.intensities for cell in cells]),
    )


def with_others(study: RecipeStudy, before: RecipeStudy | None) -> RecipeStudy:
    """Add the rows of an earlier study that this one has not, models and recipes in order."""
    kept = {_sort_key(row): row for row in (*(before.rows if before else ()), *study.rows)}
    return RecipeStudy(tuple(kept[key] for key in sorted(kept)))


def _sort_key(row: RecipeFigures) -> tuple[str, Target, int]:
    names = [recipe.name for recipe in RECIPES]
    return row.model, row.target, names.index(row.recipe)


def read_recipes(path: Path) -> RecipeStudy | None:
    """Read a file of recipes' figures; ``None`` where there is none."""
    if not path.is_file():
        return None
    study: RecipeStudy = from_json(RecipeStudy, json.loads(path.read_text(encoding="utf-8")))
    return study


def other_recipes(study: RecipeStudy) -> RecipeStudy:
    """Return the rows that are not of longer segments."""
    return RecipeStudy(tuple(row for row in study.rows if row.recipe not in LONGER))


def longer_segments(study: RecipeStudy) -> RecipeStudy:
    """Return the rows of longer segments, before each model's what they are compared with."""
    rows = list[RecipeFigures]()
    for model in dict.fromkeys(row.model for row in study.rows if row.recipe in LONGER):
        own = [row for row in study.rows if row.model == model]
        rows += [
            replace(row, recipe="segments of 3 s", differences={})
            for row in own
            if row.recipe == CHOSEN
        ]
        rows += [row for row in own if row.recipe in LONGER]
    return RecipeStudy(tuple(rows))


def recipes_table(study: RecipeStudy) -> str:
    """Return every recipe of every model as Markdown, with its difference from another."""
    body = []
    for row in study.rows:
        cells = [coded(model_title(row.model, row.target)), row.recipe, str(len(row.folds))]
        cells += [str(row.items), f"{row.epochs:.1f}"]
        for name in COMPARED:
            value = f"{row.scores[name].value:.3f}"
            change = row.differences.get(name)
            cells.append(value if change is None else f"{value}: {difference(change)}")
        body.append(cells)
    header = ["network", "recipe", "folds", "tracks", "epochs"]
    return markdown_table([*header, *(BY_NAME[name].title for name in COMPARED)], body)


def range_of(things: Sized) -> list[str]:
    """Return the numbers of things, from 0, as texts."""
    return [str(number) for number in range(len(things))]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", default="bilstm_cnn,cnn2d_specaugment")
    parser.add_argument("--target", choices=("label", "votes"), default="label")
    parser.add_argument("--recipes", default=",".join(range_of(RECIPES)), help="by number, from 0")
    parser.add_argument("--folds", default=",".join(range_of(range(5))), help="from 0")
    parser.add_argument("--out", type=Path, default=Path("runs/recipes"), help="of the cells")
    parser.add_argument("--json", type=Path, help="write the figures of all cells there here")
    options = parser.parse_args()
    models = options.models.split(",")
    recipes = [RECIPES[int(number)] for number in options.recipes.split(",")]
    numbers = [int(number) for number in options.folds.split(",")]
    try:
        corpus = open_corpus()
        names = tuple({name for model in models for name in create(model).feature_names})
        features = extract_with_bar(corpus, names, None)
    except MusicEmotionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    everything = examples(corpus, features.arrays, features.track_index, "artist")
    folds = make_folds("artist", corpus, features.track_index, seed=DEFAULT_SEED)
    inner = inner_folds(folds, corpus, features.track_index)
    store = CellStore(options.out)
    for number in numbers:
        for model in models:
            for recipe in recipes:
                train(model, recipe, everything, inner[number], number, store, options.target)
                print(f"{model}, {recipe.name}, fold {number}", flush=True)
    truth = ground_truth_of(corpus, features.track_index, {"artist": len(folds)})
    rows = [
        row
        for model in models
        for row in figures_of(model, store, truth, range(len(folds)), options.target)
    ]
    study = RecipeStudy(tuple(rows))
    if options.json is not None:
        study = with_others(study, read_recipes(options.json))
        write_output(options.json, json_text(study).encode())
    print(f"\n{recipes_table(study)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
