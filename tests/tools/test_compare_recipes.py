"""Recipes of training, compared on parts cut from training parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from compare_recipes import (
    COMPARED,
    RECIPES,
    RecipeFigures,
    RecipeStudy,
    read_recipes,
    with_others,
)
from music_emotion.evaluation.scores import Estimate
from music_emotion.evaluation.strict_json import json_text
from music_emotion.models.registry import create
from music_emotion.training.config import TrainingConfig

ROW = RecipeFigures(
    "cnn2d", "label", RECIPES[0].name, (0,), 60, 12.0,
    scores=dict.fromkeys(COMPARED, Estimate(0.5, 0.25, 0.75)), differences={},
)  # fmt: skip


def test_what_is_not_measured_again_stays(tmp_path: Path) -> None:
    assert read_recipes(tmp_path / "recipes.json") is None
    averaged = replace(ROW, recipe="averaged")
    other = replace(ROW, model="bilstm_cnn")
    before = RecipeStudy((averaged, ROW, other))
    (tmp_path / "recipes.json").write_text(json_text(before))
    again = replace(ROW, folds=(0, 1), items=120)
    merged = with_others(RecipeStudy((again,)), read_recipes(tmp_path / "recipes.json"))
    assert merged.rows == (other, again, averaged)
    assert with_others(RecipeStudy((again,)), None).rows == (again,)


def test_no_recipe_trains_twice_unless_it_says_so() -> None:
    for recipe in RECIPES:
        settings = {**recipe.settings, **(recipe.second(7) if recipe.second else {})}
        config = create("cnn2d", **settings).config  # type: ignore[attr-defined]
        assert isinstance(config, TrainingConfig)
        assert not config.second_training or config.stop_after == 7
