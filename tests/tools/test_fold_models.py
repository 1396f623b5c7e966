from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import fold_models
from helpers.corpora import LABELS, corpus_of, segments
from music_emotion.errors import ModelError
from music_emotion.features.compute import FEATURES
from music_emotion.features.extract import CorpusFeatures
from music_emotion.inference.model_card import read_card
from music_emotion.inference.package import find_package
from music_emotion.models.blend import KernelBlend
from music_emotion.models.candidates import Candidate

CORPUS = corpus_of(LABELS)  # two tracks by each artist


@pytest.fixture
def features(monkeypatch: pytest.MonkeyPatch) -> CorpusFeatures:
    """Numbers in place of descriptors, and a model that is fitted in no time."""
    candidate = Candidate((("summary", 1.0),), widths=(1.0,))
    monkeypatch.setattr(
        fold_models, "create", lambda name, **_: KernelBlend(name, [candidate], rounds=1)
    )
    track = segments(CORPUS, 2)
    size = (len(track), *FEATURES["summary"].shape)
    values = np.random.default_rng(0).normal(size=size).astype(np.float32)
    return CorpusFeatures(track, np.zeros(len(track)), {"summary": values}, ())


def test_each_fold_has_a_model_and_the_artists_that_it_has_not_heard(
    features: CorpusFeatures, tmp_path: Path
) -> None:
    held_out = fold_models.make_fold_models(CORPUS, features, tmp_path, Path(), model="light")
    assert sorted(track for tracks in held_out for track in tracks) == list(range(len(CORPUS)))
    for number, tracks in enumerate(held_out):
        folder = tmp_path / f"fold{number}"
        names = [f"{track + 1}.wav" for track in tracks]
        assert (folder / fold_models.HELD_OUT).read_text().split() == names
        artists = {CORPUS.groups[track] for track in tracks}
        assert artists.isdisjoint(CORPUS.groups[each] for each in range(54) if each not in tracks)
        card, packaged = read_card(folder), read_card(find_package("light"))
        assert (card.name, card.valence, card.arousal) == (
            "light",
            packaged.valence,
            packaged.arousal,
        )


def test_what_is_there_is_not_made_again_and_other_folds_are_refused(
    features: CorpusFeatures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fold_models.make_fold_models(CORPUS, features, tmp_path, Path(), model="light")
    monkeypatch.setattr(fold_models, "create", None)
    assert made == fold_models.make_fold_models(CORPUS, features, tmp_path, Path(), model="light")
    other = replace(CORPUS, tracks=CORPUS.tracks)
    with pytest.raises(ModelError, match="another fold"):
        fold_models.make_fold_models(other, features, tmp_path, Path(), model="light", seed=43)
