import numpy as np
import pytest

from fit_dimensions import RECIPES, DimensionRecipe, Part, fit_dimension, track_means
from music_emotion.emotions import EMOTIONS
from music_emotion.inference.valence_arousal import is_term


def test_parts_weigh_as_many_deviations_and_the_sum_half_a_deviation() -> None:
    generator = np.random.default_rng(0)
    intensities = generator.uniform(size=(400, 9))
    tag = 7.0 + 3.0 * generator.normal(size=400)
    recipe = DimensionRecipe(
        (Part(1.0, {"power": 1.0, "sadness": -1.0}), Part(2.0, {"tags.happy": 1.0})), 9.0
    )
    dimension = fit_dimension(recipe, intensities, {"tags.happy": tag})
    difference = intensities[:, EMOTIONS.index("power")] - intensities[:, EMOTIONS.index("sadness")]
    assert dimension.terms["power"] == -dimension.terms["sadness"]
    share = (
        dimension.terms["tags.happy"] * tag.std() / (dimension.terms["power"] * difference.std())
    )
    assert share == pytest.approx(2.0, rel=1e-3)
    total = (
        dimension.offset
        + dimension.terms["power"] * difference
        + dimension.terms["tags.happy"] * tag
    )
    assert total.mean() == pytest.approx(0.0, abs=2e-3)
    assert total.std() == pytest.approx(0.5, rel=2e-3)
    assert dimension.seconds == 9.0


def test_six_decibels_count_as_a_deviation() -> None:
    intensities = np.random.default_rng(0).uniform(size=(50, 9))
    recipe = DimensionRecipe((Part(1.0, {"power": 1.0}), Part(1.5, {"level": 1.0})), 9.0)
    dimension = fit_dimension(recipe, intensities, {})
    power = dimension.terms["power"] * intensities[:, EMOTIONS.index("power")].std()
    assert dimension.terms["level"] * 6.0 == pytest.approx(1.5 * power, rel=1e-3)


def test_means_of_tracks() -> None:
    found = track_means(
        ["power", "level"], {"level": np.array([1.0, 3.0, 8.0])}, np.array([0, 0, 1])
    )
    assert list(found) == ["level"]
    assert found["level"].tolist() == [2.0, 8.0]


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_of_terms_that_there_are(name: str) -> None:
    for recipe in RECIPES[name]:
        assert all(is_term(term) for part in recipe.parts for term in part.terms)
