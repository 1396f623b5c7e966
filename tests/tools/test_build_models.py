"""The cards of the shipped models say what was measured, and only of the same recipe."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import build_models
import model_pages
from build_models import RECIPES, Recipe, Workshop, build, honest_worth
from build_reference import Compared, build_reference, compared_features, reference_recipe
from helpers.corpora import corpus_of, points, segments
from music_emotion.errors import EvaluationError
from music_emotion.evaluation.calibration import SUPPORT
from music_emotion.evaluation.cells import CellStore
from music_emotion.inference.package import find_package, read_cards, shipped_names
from music_emotion.models.registry import REFERENCE_NAMES

ROOT = Path(__file__).resolve().parents[2]

RESULTS = ROOT / "results"
LIGHT = next(recipe for recipe in RECIPES if recipe.name == "light")


def test_the_recipes_are_the_default_a_fast_one_and_the_reference_studys() -> None:
    names = [recipe.name for recipe in RECIPES]
    assert names[0] == "default"
    assert RECIPES[0].model == "blend"
    assert {"light", "transfer", *REFERENCE_NAMES} <= set(names)
    assert all(recipe.summary and recipe.use_when for recipe in RECIPES)


def test_the_figures_are_those_of_the_artist_protocol() -> None:
    worth = honest_worth(RESULTS, LIGHT, {})
    rows = json.loads((RESULTS / "results.json").read_text(encoding="utf-8"))["results"]
    (row,) = [r for r in rows if (r["protocol"], r["model"]) == ("artist", "light")]
    assert worth.figures["accuracy"] == row["metrics"]["accuracy"]["value"]
    assert worth.figures["worth_r"] == row["worth"]["by_r"]["value"]
    assert worth.figures["worth_r_censored"] == row["worth"]["by_r"]["censored"]
    assert worth.figures["worth_tracks"] == row["worth"]["tracks"]
    assert worth.figures["worth_seed"] == 42
    assert worth.protocol.startswith("artist protocol, 5 folds, fold seeds 42 to 46, 400 tracks")
    assert worth.confidence.probability == tuple(SUPPORT)
    assert 0 <= worth.confidence.ece < 0.15
    # Confidence near the middle of its range is near how often the model is right.
    middle = np.interp(0.45, worth.confidence.probability, worth.confidence.accuracy)
    assert middle == pytest.approx(worth.figures["accuracy"], abs=0.1)


def test_tracks_are_compared_with_what_was_predicted_out_of_fold() -> None:
    worth = honest_worth(RESULTS, LIGHT, {})
    assert worth.intensities.shape == (400, 9)
    runs = [
        np.concatenate([cell.intensities for cell in cells])[
            np.argsort(np.concatenate([cell.unit for cell in cells]))
        ]
        for run, cells in CellStore(RESULTS).complete_runs()
        if (run.protocol, run.target, run.model) == ("artist", "votes", "light")
    ]
    assert worth.intensities == pytest.approx(sum(runs) / 5, abs=1e-6)
    corpus = corpus_of([0, 1])
    reference, told = build_reference(worth.intensities, corpus)
    assert told["standing"].startswith(f"share of the 400 tracks of {corpus.name} whose intensity")
    middle = reference.standing(np.median(worth.intensities, axis=0))
    assert middle == pytest.approx(0.5, abs=0.01)
    assert reference.recordings is None
    assert set(told) == {"standing"}


def test_what_sound_is_compared_by_is_computed_anyway() -> None:
    assert compared_features(("musicnn", "summary")) == Compared("summary", "summary")
    assert compared_features(("musicnn",)) == Compared("tags", "musicnn")
    assert compared_features(("log_mel",)) is None


def test_a_reference_is_made_anew_where_what_it_depends_on_changes() -> None:
    corpus, felt = corpus_of([0, 1]), np.full((2, 9), 0.5)
    recipe = reference_recipe(felt, corpus, None)
    assert recipe == reference_recipe(felt.copy(), corpus, None)
    assert recipe != reference_recipe(felt / 2, corpus, None)
    assert recipe != reference_recipe(felt, replace(corpus, fingerprint="other"), None)
    assert recipe != reference_recipe(felt, corpus, Compared("tags", "musicnn"))


def test_figures_of_another_recipe_are_refused() -> None:
    (run,) = [
        run
        for run, _ in CellStore(RESULTS).complete_runs()
        if (run.protocol, run.model, run.seed) == ("artist", "light", 42)
    ]
    with pytest.raises(EvaluationError, match="another recipe or other data"):
        honest_worth(RESULTS, LIGHT, {run: ("0", "1", "2", "3", "4")})


def test_figures_that_are_not_there_name_the_command(tmp_path: Path) -> None:
    unknown = Recipe("x", "svm", "votes", "", "")
    for folder in (RESULTS, tmp_path):
        with pytest.raises(EvaluationError, match="compare --models svm --protocol artist"):
            honest_worth(folder, unknown, {})


class FakeShop(Workshop):
    """A workshop whose corpus needs no audio to be heard."""

    def features(self, names):
        from types import SimpleNamespace

        track = segments(self.corpus, 4)
        rng = np.random.default_rng(0)
        summary = points(self.corpus, track)
        noise = rng.normal(size=(len(track), 272)).astype(np.float32)
        noise[:, : summary.shape[1]] += summary
        return SimpleNamespace(track_index=track, arrays={"summary": noise})


def test_a_model_is_built_once_and_again_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = corpus_of([label for label in range(9) for _ in range(4)])
    monkeypatch.setattr(build_models, "_differences", lambda *_: (2e-7, 2e-7, 2e-3))
    monkeypatch.setattr(build_models, "_seconds_per_minute", lambda *_: 0.1)
    shop = FakeShop(corpus, tmp_path / "work", tmp_path / "out", None, {"device": "cpu"})
    assert "float32" in build(LIGHT, shop)
    ((card, size),) = read_cards([tmp_path / "out" / "light"])
    assert card.name == "light"
    assert card.training["model"] == "light"
    assert card.figures["graph_difference"] == 2e-7
    assert card.limits
    assert size > 0
    assert "up to date" in build(LIGHT, shop)
    monkeypatch.setattr(build_models, "_differences", lambda *_: (2e-7, 2e-7, 5e-4))
    (tmp_path / "out" / "light" / "card.json").unlink()
    before = sorted((tmp_path / "work").iterdir())
    assert "float16" in build(LIGHT, shop)
    assert sorted((tmp_path / "work").iterdir()) == before  # what was trained is used again
    monkeypatch.setattr(build_models, "_differences", lambda *_: (2e-3, 2e-3, 0.0))
    (tmp_path / "out" / "light" / "card.json").unlink()
    with pytest.raises(build_models.ModelError, match="differ by"):
        build(LIGHT, shop)


def test_the_pages_are_those_of_the_cards() -> None:
    folder = ROOT / "docs" / "models"
    for card, _ in read_cards(map(find_package, shipped_names())):
        page = (folder / f"{card.name}.md").read_text(encoding="utf-8")
        assert page == model_pages.explained_page(card)
    assert {path.stem for path in folder.glob("*.md")} == set(shipped_names())
