"""Models that learn ratings find a planted rule, and never look at the test part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.rated import rated_corpus
from music_emotion.errors import ModelError
from music_emotion.evaluation.folds import examples
from music_emotion.evaluation.plan import Comparison, describe, feature_names
from music_emotion.evaluation.train_cell import without_truth
from music_emotion.models.base import Examples, seen_features
from music_emotion.models.blend import KernelBlend
from music_emotion.models.candidates import Candidate
from music_emotion.models.rating_regression import Standard
from music_emotion.models.registry import create


def divided(seed: int = 0) -> tuple[Examples, Examples, np.ndarray]:
    """Return training and test part by artists, and what raters said of the test part."""
    corpus, track, features = rated_corpus(seed=seed)
    everything = examples(corpus, features, track, "artist")
    is_test = track < 18
    test = everything.take(is_test)
    assert test.ratings is not None
    return everything.take(~is_test), without_truth(test), test.ratings


def small() -> KernelBlend:
    candidates = [
        Candidate((("musicnn", 1.0),), widths=(0.25, 1.0)),
        Candidate((("summary", 1.0),), learned=True, widths=(0.25,)),
    ]
    return KernelBlend("small", candidates, rounds=3)


def correlations(predicted: np.ndarray, truth: np.ndarray) -> list[float]:
    return [float(np.corrcoef(p, t)[0, 1]) for p, t in zip(predicted.T, truth.T, strict=True)]


def test_a_blend_finds_the_rule_in_the_scales_own_units() -> None:
    train, test, truth = divided()
    model = small()
    report = model.fit(train, target="ratings", seed=1)
    said = model.predict(test)
    assert said.ratings is not None
    assert said.ratings.shape == truth.shape
    assert said.emotions.shape == said.intensities.shape == (len(truth), 0)
    assert min(correlations(said.ratings, truth)) > 0.85
    error = np.abs(said.ratings - truth).mean(axis=0)
    assert (error < 0.45 * truth.std(axis=0)).all()
    assert float(report.notes[0].rpartition(" ")[2]) > 0.8
    assert len(report.notes) == 1 + len(model.members_)
    assert sum(member.weight for member in model.members_) == pytest.approx(1)
    assert {member.estimator for member in model.members_} == {"regression"}
    assert report.parameters > 0


def test_rows_of_a_unit_share_a_prediction_and_the_seed_decides() -> None:
    train, test, _ = divided()
    said = [small(), small()]
    for model in said:
        model.fit(train, target="ratings", seed=3)
    first, second = (model.predict(test).ratings for model in said)
    assert first is not None
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first[::3], first[1::3])


def test_learning_something_else_afterwards_forgets_the_ratings() -> None:
    corpus, track, features = rated_corpus(labels=True)
    everything = examples(corpus, features, track, "artist")
    model = small()
    model.fit(everything, target="ratings")
    assert model.predict(everything).ratings is not None
    assert [output.name for output in model.graph().graph.output] == ["ratings"]
    model.fit(everything, target="votes")
    assert model.predict(everything).ratings is None
    outputs = [output.name for output in model.graph().graph.output]
    assert outputs == ["emotions", "intensities", "position"]


@pytest.mark.parametrize("name", ["nearest_neighbour", "svm"])
def test_baselines_that_hear_find_it_too(name: str) -> None:
    train, test, truth = divided()
    model = create(name)
    model.fit(train, target="ratings")
    said = model.predict(test).ratings
    assert said is not None
    assert min(correlations(said, truth)) > 0.6
    assert (np.abs(said.mean(axis=0) - truth.mean(axis=0)) < truth.std(axis=0)).all()


def test_the_mean_is_the_mean_and_a_genre_has_its_own() -> None:
    train, test, _ = divided()
    assert train.ratings is not None
    mean, genre = create("commonest_class"), create("genre_only")
    mean.fit(train, target="ratings")
    genre.fit(train, target="ratings")
    said, by_genre = mean.predict(test).ratings, genre.predict(test).ratings
    assert said is not None
    assert by_genre is not None
    np.testing.assert_allclose(said, np.tile(train.ratings.mean(axis=0), (len(said), 1)), rtol=1e-5)
    for number in (0, 1):
        of_genre = train.ratings[train.genre == number].mean(axis=0)
        np.testing.assert_allclose(by_genre[test.genre == number][0], of_genre, rtol=1e-5)


def test_the_nearest_is_copied() -> None:
    train, _, _ = divided()
    assert train.ratings is not None
    model = create("nearest_neighbour")
    model.fit(train, target="ratings")
    np.testing.assert_allclose(model.predict(without_truth(train)).ratings, train.ratings)


def test_tracks_that_were_not_rated_on_every_scale_are_not_learned_from() -> None:
    train, test, truth = divided()
    assert train.ratings is not None
    ratings = train.ratings.copy()
    ratings[:30, 0] = np.nan
    model = small()
    model.fit(replace(train, ratings=ratings), target="ratings")
    said = model.predict(test).ratings
    assert said is not None
    assert np.isfinite(said).all()
    assert min(correlations(said, truth)) > 0.8
    ratings[24:] = np.nan
    with pytest.raises(ModelError, match="0 of the training tracks are rated on every scale"):
        small().fit(replace(train, ratings=ratings), target="ratings")


def test_one_line_for_what_cannot_be_learned_from() -> None:
    train, _, _ = divided()
    with pytest.raises(ModelError, match="there are no ratings to learn"):
        create("svm").fit(replace(train, ratings=None), target="ratings")
    with pytest.raises(ModelError, match="all rated tracks are of one artist"):
        small().fit(replace(train, group=np.zeros_like(train.group)), target="ratings")


def test_few_raters_count_less() -> None:
    """Ratings of one person each are turned round: they must not outweigh those of a hundred."""
    train, test, truth = divided()
    assert train.ratings is not None
    turned = np.arange(len(train)) % 6 < 3
    middle = train.ratings.mean(axis=0)
    ratings = np.where(turned[:, None], 2 * middle - train.ratings, train.ratings)
    said = {}
    for few in (1, 10_000):
        raters = np.where(turned, few, 10_000)
        model = small()
        model.fit(replace(train, ratings=ratings, raters=raters), target="ratings")
        said[few] = np.mean(correlations(model.predict(test).ratings, truth))
    assert said[1] > said[10_000] + 0.1


def test_ratings_and_deviations() -> None:
    ratings = np.array([[1.0, 5.0], [3.0, 5.0]])
    standard = Standard.fit(ratings)
    np.testing.assert_allclose(standard.of(ratings), [[-1, 0], [1, 0]])
    np.testing.assert_allclose(standard.ratings(standard.of(ratings)), ratings)


def test_what_is_seen_for_ratings_is_no_part_of_other_models() -> None:
    blend = create("blend")
    assert blend.feature_names == ("musicnn", "summary")
    assert seen_features(blend, "votes") == blend.feature_names
    assert set(seen_features(blend, "ratings")) == {"musicnn", "summary", "statistics", "tags"}
    assert seen_features(create("light"), "ratings") == ("summary", "statistics")
    assert seen_features(create("svm"), "ratings") == ("statistics",)
    assert set(describe(blend)) == {
        "class",
        "candidates",
        "name",
        "feature_names",
        "pooling",
        "rounds",
    }
    wanted = Comparison(("light",), protocols=("artist",), targets=("ratings",))
    assert feature_names(wanted) == ("summary", "statistics")
    assert feature_names(replace(wanted, targets=("label",))) == ("summary",)
