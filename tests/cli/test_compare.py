"""What the command line of compare adds: several names in one option, and the last words."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest
import typer
from rich.console import Console

from helpers.corpora import corpus_of, segments
from music_emotion.cli import compare as command
from music_emotion.evaluation.engines import train_here
from music_emotion.evaluation.folds import PROTOCOLS
from music_emotion.evaluation.plan import Comparison
from music_emotion.models.base import Target


def test_protocols_may_be_separated_by_commas_or_repeated() -> None:
    twice = ["segment, artist", "segment"]
    assert command._chosen(twice, PROTOCOLS, "--protocol") == ("segment", "artist")
    assert command._chosen(None, PROTOCOLS, "--protocol") == PROTOCOLS
    assert command._chosen(["votes,label"], get_args(Target), "--target") == ("votes", "label")
    with pytest.raises(typer.BadParameter, match="choose from segment, track, artist"):
        command._chosen(["segment,song"], PROTOCOLS, "--protocol")


def test_what_was_left_out_is_said_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = corpus_of([label for label in (0, 1) for _ in range(4)])
    failure = SimpleNamespace(message="broken.mp3: is not audio")
    features = SimpleNamespace(track_index=segments(corpus, 2), arrays={}, failures=[failure])
    monkeypatch.setattr("music_emotion.features.extract.extract_corpus", lambda *_, **__: features)
    monkeypatch.setattr("music_emotion.report.write.write_report", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["music-emotion", "compare"])
    said = io.StringIO()
    complete = command._run(
        Console(file=said, width=200),
        Comparison(
            models=("commonest_class",),
            protocols=("track",),
            targets=("label",),
            seeds=(1,),
            n_folds=2,
        ),
        corpus,
        tmp_path,
        0,
        train_here,
    )
    assert not complete
    assert said.getvalue().splitlines()[-1] == "left out: broken.mp3: is not audio"
