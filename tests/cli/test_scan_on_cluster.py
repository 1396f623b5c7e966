from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import soundfile as sf
from typer.testing import CliRunner, Result

from helpers.graphs import package, tone_listener
from helpers.sounds import RATE, tone
from helpers.tracks import track
from music_emotion.cli import scan_on_cluster
from music_emotion.cli.main import build_app
from music_emotion.errors import MissingExtraError, MusicEmotionError
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.database import scan_lock


@pytest.fixture
def model(tmp_path):
    return str(package(tmp_path / "model", tone_listener(), name="tones"))


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    sf.write(folder / "calm.wav", tone(3.0), RATE)
    sf.write(folder / "tense.wav", tone(3.0, hertz=3_000.0), RATE)
    return folder


def run(*arguments: object, command: str = "scan", stdin: str | bytes = "") -> Result:
    app = build_app([command])
    return CliRunner().invoke(app, [command, *map(str, arguments)], input=stdin)


def test_results_go_into_a_catalogue_that_find_reads(music, model, tmp_path, ray_here):
    listing = "\n".join(str(path) for path in [*music.iterdir(), tmp_path / "gone.wav"])
    catalogue, out = tmp_path / "catalogue.sqlite", tmp_path / "out"
    options = ("--engine", "ray", "-o", out, "-m", model, "--catalogue", catalogue)
    result = run("--files-from", "-", *options, "-j", "2", stdin=listing)
    assert result.exit_code == 1, result.exception
    lines = result.stdout.splitlines()
    assert lines[0].endswith("shards: 3 predicted now, 1 of them failed")
    assert lines[-1] == f"3 rows put into the catalogue {catalogue}"
    found = run("--feels", "calmness", "-f", "json", "--catalogue", catalogue, command="find")
    assert json.loads(found.stdout)[0]["path"] == str(music / "calm.wav")


def refusal(*arguments: object) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, MusicEmotionError)
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_what_cannot_be_is_said_in_one_line(music, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSIC_EMOTION_CATALOGUE", str(tmp_path / "none.sqlite"))
    assert "name a folder or URL with --output" in refusal(music, "--engine", "ray")
    assert "are for --engine ray" in refusal(music, "-o", tmp_path / "out")
    assert "is for --engine ray" in refusal(music, "--address", "auto")
    for option in ("--wait", "--retry", "--prune"):
        assert "are for --engine local" in refusal(music, "--engine", "ray", "-o", "out", option)
    assert "name folders to scan" in refusal()
    assert "nothing to scan" in refusal("--engine", "ray", "-o", "out")
    assert "cannot be read (No such file" in refusal("--engine", "ray", "--files-from", "none.txt")
    assert "cannot be read" in refusal("nowhere://bucket/music", "--engine", "ray", "-o", "out")


def test_a_list_is_bytes_and_a_name_ends_with_its_line(tmp_path):
    names = ["caf\udce9.mp3", "a\u2028b.mp3", "c\x85d.mp3", "e.mp3"]
    content = b"\n".join(os.fsencode(str(tmp_path / name)) for name in names) + b"\r\n\n"
    (tmp_path / "list").write_bytes(content)
    found = scan_on_cluster._named_tracks([], str(tmp_path / "list"), lambda *_: None)
    assert found == [str(tmp_path / name) for name in names]
    result = run("--engine", "ray", "--files-from", "-", stdin=content)
    assert "with --output" in str(result.exception)


def test_what_keeps_results_out_of_a_catalogue_is_said_first(music, model, tmp_path, monkeypatch):
    path, other = tmp_path / "c.sqlite", track("a.mp3", model_sha256="2" * 64)
    monkeypatch.setitem(sys.modules, "ray", None)  # nothing is begun
    options = (music, "--engine", "ray", "-o", tmp_path / "out", "-m", model, "--catalogue", path)
    with scan_lock(path):
        assert f"process {os.getpid()}" in refusal(*options)
    with Catalogue.open(path, write=True) as opened:
        opened.write(other)
    assert "was predicted by another model (tones)" in refusal(*options)


def test_an_address_where_nothing_answers_is_one_line(music, model, tmp_path, monkeypatch):
    ray = pytest.importorskip("ray", reason="pip install 'music-emotion[distributed]'")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)

    def refuse(**options: object) -> None:
        raise ConnectionError(f"Failed to connect to {options['address']}\nand more")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    options = (music, "--engine", "ray", "-o", tmp_path / "out", "-m", model)
    said = refusal(*options, "--address", "head:6379")
    assert "no Ray cluster answers at 'head:6379' (Failed to connect to head:6379)" in said
    assert "is a Ray client address" in refusal(*options, "--address", "ray://head:10001")


def test_without_ray_the_extra_is_named(music, model, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    result = run(music, "--engine", "ray", "-o", tmp_path / "out", "-m", model)
    assert isinstance(result.exception, MissingExtraError)
    assert "music-emotion[distributed]" in str(result.exception)
    assert not Path(tmp_path / "out").exists()
