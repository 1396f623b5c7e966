"""Recipes of training, compared on parts cut from training parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compare_recipes import (
    CHOSEN,
    COMPARED,
    RECIPES,
    RecipeFigures,
    RecipeStudy,
    join_segments,
    longer_segments,
    other_recipes,
    read_recipes,
    with_others,
)
from helpers.planted import planted_examples
from music_emotion.errors import MusicEmotionError
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


def test_recipes_differ_from_the_defaults_in_what_they_say_alone() -> None:
    for recipe in RECIPES:
        settings = {**recipe.settings, **(recipe.second(7) if recipe.second else {})}
        config = create("cnn2d", **settings).config  # type: ignore[attr-defined]
        assert isinstance(config, TrainingConfig)
        assert config.stop_after == 7 or config.second_training == (recipe.joined > 1)


def test_segments_are_joined_within_their_track() -> None:
    examples = planted_examples(tracks=2, segments=5)
    array = examples.features["basic"]
    joined = join_segments(examples, ["basic"], 2)
    assert joined.track_index.tolist() == [0, 0, 0, 1, 1, 1]
    expected = [np.concatenate([array[a], array[a + 1]]) for a in (0, 2, 3, 5, 7, 8)]
    np.testing.assert_array_equal(joined.gather("basic"), expected)
    assert join_segments(examples, ["basic"], 1) is examples
    with pytest.raises(MusicEmotionError, match="5 segments cannot be joined by 6"):
        join_segments(examples, ["basic"], 6)


def test_longer_segments_stand_beside_those_that_they_are_compared_with() -> None:
    change = dict.fromkeys(COMPARED, Estimate(0.1, 0.0, 0.2))
    chosen = replace(ROW, recipe=CHOSEN, differences=change)
    longer = replace(ROW, recipe="segments of 6 s", differences=change)
    other = replace(chosen, model="bilstm_cnn")
    study = RecipeStudy((ROW, chosen, longer, other))
    assert longer_segments(study).rows == (
        replace(chosen, recipe="segments of 3 s", differences={}),
        longer,
    )
    assert other_recipes(study).rows == (ROW, chosen, other)
