from __future__ import annotations

import pytest

from helpers.corpora import LABELS, corpus_of
from helpers.rated import rated_corpus
from music_emotion.errors import EvaluationError, ModelError
from music_emotion.evaluation.refit import check_trainable, default_target
from music_emotion.models.registry import create


def test_what_is_learned_by_default_is_what_the_shipped_models_learned() -> None:
    assert default_target("light", has_votes=True) == "votes"
    assert default_target("light", has_votes=False) == "label"
    assert default_target("cnn2d", has_votes=True) == "label"


def test_where_there_are_ratings_alone_they_are_learned() -> None:
    assert default_target("light", has_votes=False, has_labels=False) == "ratings"


def test_one_line_where_a_model_cannot_learn_what_there_is() -> None:
    rated, _, _ = rated_corpus(12)
    check_trainable(create("light"), "ratings", rated)
    with pytest.raises(EvaluationError, match="has ratings and no labels: use --target ratings"):
        check_trainable(create("light"), "votes", rated)
    with pytest.raises(ModelError, match="'svm' can be compared but not saved"):
        check_trainable(create("svm"), "ratings", rated)
    with pytest.raises(EvaluationError, match="has no ratings to learn"):
        check_trainable(create("light"), "ratings", corpus_of(LABELS))
