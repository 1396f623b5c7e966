"""What the command line of compare adds: several names in one option, and the last words."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
import soundfile
import typer
from rich.console import Console

from helpers.command_line import run
from helpers.corpora import corpus_of, segments
from music_emotion.cli import compare as command
from music_emotion.datasets.sources import Source
from music_emotion.errors import MusicEmotionError
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


def compare_cheaply(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *failures: str, with_figures: bool = True
) -> tuple[bool, list[str]]:
    """Compare a model that needs no features; return whether all was done, and what was said."""
    corpus = corpus_of([label for label in (0, 1) for _ in range(4)])
    failed = [SimpleNamespace(message=message) for message in failures]
    features = SimpleNamespace(track_index=segments(corpus, 2), arrays={}, failures=failed)
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
        replace(corpus, note="Nothing but noise."),
        folder,
        0,
        train_here,
        with_figures=with_figures,
    )
    return complete, said.getvalue().splitlines()


def test_what_was_left_out_is_said_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complete, lines = compare_cheaply(tmp_path, monkeypatch, "broken.mp3: is not audio")
    assert not complete
    assert lines[-1] == "left out: broken.mp3: is not audio"


def test_figures_are_introduced_as_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete, lines = compare_cheaply(tmp_path, monkeypatch)
    assert complete
    first = next(place for place, line in enumerate(lines) if line.startswith("accuracy under"))
    assert lines[first - 2] == "Nothing but noise."
    assert lines[first + 1] == "tracks kept whole: the artist may be known:"
    assert lines[first + 2].split()[0] == "commonest_class"


def test_a_quick_run_says_that_all_ran_and_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete, lines = compare_cheaply(tmp_path, monkeypatch, with_figures=False)
    assert complete
    assert lines[-1].startswith("everything ran: 1 model under track; ")
    assert not any("%" in line for line in lines)
    complete, lines = compare_cheaply(tmp_path, monkeypatch, "a.mp3: silent", with_figures=False)
    assert not complete
    assert lines[-1] == "left out: a.mp3: silent"


def test_what_to_look_at_next_is_a_command_that_works_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["music-emotion", "compare"])
    table = tmp_path / "my votes.csv"
    source = Source("folder", tmp_path, table)
    lines = "\n".join(command._next_steps(Path("runs/mine"), source, None, table))
    assert "runs/mine/README.md" in lines
    assert f"music-emotion report runs/mine --csv '{table}'\n" in f"{lines}\n"
    assert "dataset download" not in lines
    lines = "\n".join(command._next_steps(Path("runs/demo"), Source("demo", tmp_path), None, None))
    assert "music-emotion report runs/demo --demo\n" in lines
    assert "music-emotion dataset download" in lines


def test_a_rated_table_is_compared_evaluated_and_reported(tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = ["path,group,mood,mood_sd,raters,level"]
    for number in range(24):
        level = 0.02 * (number + 1)
        name = f"{number:02d}.wav"
        soundfile.write(folder / name, level * rng.uniform(-1, 1, 22_050 * 4), 22_050)
        rows.append(f"{name},artist {number // 2},{level + 0.01 * rng.normal():.4f},0.1,9,1")
    rows += ["lost.wav,artist 0,0.5,0.1,9,1", "00.wav,artist 0,loud,0.1,9,1"]
    table = tmp_path / "rated.csv"
    table.write_text("\n".join(rows) + "\n")
    data = ["--data", str(folder), "--csv", str(table)]
    out = str(tmp_path / "out")
    named = [*data, "--ratings", "mood=0..1,level", "--out", out]
    options = ["--models", "svm,commonest_class", "--protocol", "artist", "--jobs", "1"]
    done = run("compare", *named, *options)
    assert done.exit_code == 1, done.stderr
    for said in (
        "row 26: there is no file lost.wav",
        "row 27: mood is 'loud'; give a number",
        "level is 1 for every track",
        "24 tracks. A user's own tracks with ratings; groups as given.",
        "rho under artist, trained on ratings",
    ):
        assert done.stdout.count(said) == (2 if said.startswith("row") else 1), done.stdout
    checked = run("evaluate", out, "--check", *data)
    assert "10 figures agree to the last digit" in checked.stdout, checked.stdout + checked.stderr
    assert run("report", out, *data).exit_code == 0
    for wanted, line in (
        (["--target", "label"], "has ratings and no labels: use --target ratings"),
        (["--protocol", "segment"], "ratings are of whole tracks: use --protocol track or artist"),
        (["--ratings", "joy"], "column 'joy' is missing (found: path, group, mood"),
    ):
        refused = run("compare", *data, *wanted, "--out", str(tmp_path / "other"))
        assert isinstance(refused.exception, MusicEmotionError)
        assert line in str(refused.exception)
        assert "\n" not in str(refused.exception)
