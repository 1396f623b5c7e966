from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from music_emotion.datasets import demo, emotify
from music_emotion.datasets.demo import DemoSize
from music_emotion.datasets.sources import find_source, open_corpus
from music_emotion.errors import DatasetError

Table = Callable[..., tuple[Path, Path]]


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EMOTIFY_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(emotify, "user_cache", lambda: tmp_path / "cache")


def test_nothing_found_names_every_remedy() -> None:
    with pytest.raises(DatasetError) as caught:
        open_corpus()
    message = str(caught.value)
    assert "\n" not in message
    for remedy in ("dataset download", "EMOTIFY_ROOT", "--data", "--csv", "--demo"):
        assert remedy in message


def test_emotify_by_variable_and_by_folder(
    fake_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_folder = find_source(fake_template)
    assert by_folder.kind == "emotify"
    monkeypatch.setenv("EMOTIFY_ROOT", str(fake_template))
    assert find_source() == by_folder
    corpus = by_folder.load()
    votes = corpus.vote_table
    assert votes is not None
    assert votes.ids == tuple(track.id for track in corpus.tracks)
    assert votes.votes.tolist() == [list(track.votes or ()) for track in corpus.tracks]


def test_own_table_starts_from_its_folder_or_from_data(user_table: Table, tmp_path: Path) -> None:
    root, table = user_table("path,label\nmusic/a.wav,power\n", "a.wav")
    assert open_corpus(csv=table).tracks[0].path == tmp_path / "music/a.wav"
    table.write_text("path,label\na.wav,power\n")
    assert open_corpus(root, table).tracks[0].path == root / "a.wav"
    assert open_corpus(root, table).vote_table is None


def test_own_folder_without_a_table(user_table: Table) -> None:
    root, _ = user_table("path,label\na.wav,power\n", "a.wav")
    with pytest.raises(DatasetError, match=r"music: holds no data\.csv, .*--csv"):
        open_corpus(root)
    with pytest.raises(DatasetError, match="nowhere: is not a folder"):
        open_corpus(root / "nowhere")


def test_demo_goes_where_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DemoSize", lambda: DemoSize(2, 1, 0.5))
    corpus = open_corpus(tmp_path / "here", use_demo=True, seed=3)
    assert corpus.name == "demo"
    assert corpus.tracks[0].path.is_relative_to(tmp_path / "here")
    assert open_corpus(tmp_path / "here", use_demo=True, seed=4).fingerprint != corpus.fingerprint
    with pytest.raises(DatasetError, match="--demo and --csv exclude each other"):
        open_corpus(csv=tmp_path / "x.csv", use_demo=True)


def test_demo_stands_in_only_where_nothing_is_found(
    fake_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_source(or_demo=True).kind == "demo"
    assert find_source(fake_template, or_demo=True).kind == "emotify"
    monkeypatch.setenv("EMOTIFY_ROOT", str(fake_template))
    assert find_source(or_demo=True).kind == "emotify"
    monkeypatch.setenv("EMOTIFY_ROOT", "typo")
    with pytest.raises(DatasetError, match="EMOTIFY_ROOT=typo"):
        find_source(or_demo=True)


def test_the_synthesised_corpus_where_nothing_else_is_found(
    fake_template: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fallback = find_source(or_demo=True)
    assert fallback.kind == "demo"
    assert "synthesised" in fallback.remark
    assert "\n" not in fallback.remark
    with pytest.raises(DatasetError, match="nowhere: is not a folder"):
        find_source(tmp_path / "nowhere", or_demo=True)
    monkeypatch.setenv("EMOTIFY_ROOT", str(fake_template))
    found = find_source(or_demo=True)
    assert (found.kind, found.remark) == ("emotify", "")
