from __future__ import annotations

from music_emotion.evaluation.refit import default_target


def test_what_is_learned_by_default_is_what_the_shipped_models_learned() -> None:
    assert default_target("light", has_votes=True) == "votes"
    assert default_target("light", has_votes=False) == "label"
    assert default_target("cnn2d", has_votes=True) == "label"
