"""scan from the command line, in processes of this machine and on Ray."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile as sf

from helpers.command_line import run
from helpers.sounds import RATE, tone
from helpers.tracks import track
from music_emotion.errors import CatalogueError, MissingExtraError, MusicEmotionError
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.database import scan_lock
from music_emotion.library.distributed.urls import listed_names


def test_results_go_into_a_catalogue_that_find_reads(library, model, tmp_path, ray_here):
    listing = "\n".join(str(path) for path in [*library.iterdir(), tmp_path / "gone.wav"])
    catalogue, out = tmp_path / "catalogue.sqlite", tmp_path / "out"
    options = ("--engine", "ray", "-o", out, "-m", model, "--catalogue", catalogue)
    result = run("scan", "--files-from", "-", *options, "-j", "2", stdin=listing)
    assert result.exit_code == 1, result.exception
    lines = result.stdout.splitlines()
    assert lines[0] == "3 tracks in 1 shard: 2 predicted now, 1 failed"
    gone = f"error: '{tmp_path / 'gone.wav'}' cannot be read (No such file or directory)"
    assert result.stderr.splitlines() == [gone]
    assert lines[-1] == f"3 rows put into the catalogue {catalogue}"
    found = run("find", "--feels", "calmness", "-f", "json", "--catalogue", catalogue)
    assert json.loads(found.stdout)[0]["path"] == str(library / "calm.wav")


def refusal(*arguments: object) -> str:
    result = run("scan", *arguments)
    assert isinstance(result.exception, MusicEmotionError)
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_what_cannot_be_is_said_in_one_line(library, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSIC_EMOTION_CATALOGUE", str(tmp_path / "none.sqlite"))
    assert "name a folder or URL with --output" in refusal(library, "--engine", "ray")
    assert "are for --engine ray" in refusal(library, "-o", tmp_path / "out")
    assert "is for --engine ray" in refusal(library, "--address", "auto")
    assert "make one: music-emotion scan FOLDER" in refusal("--again")
    assert not (tmp_path / "none.sqlite").exists()
    for option in ("--wait", "--prune", "--again"):
        assert "are for --engine local" in refusal(library, "--engine", "ray", "-o", "out", option)
    for option in ("--cpus", "--memory", "--per-node"):
        assert "are for --engine ray" in refusal(library, option, "1")
    assert "name folders to scan" in refusal()
    assert "nothing to scan" in refusal("--engine", "ray", "-o", "out")
    assert "cannot be read (No such file" in refusal("--engine", "ray", "--files-from", "none.txt")
    assert "cannot be read" in refusal("nowhere://bucket/music", "--engine", "ray", "-o", "out")


def test_what_a_folder_holds_besides_is_counted(library, model):
    (library / "cover.jpg").touch()
    result = run("scan", library, "-m", model)
    assert result.stderr == "left out 1 file that is no music: 1 .jpg\n"
    assert "left out" not in result.stdout


def test_what_is_asked_to_be_left_out_is_counted(library, model):
    (library / "@eaDir").mkdir()
    sf.write(library / "long.wav", tone(6.0), RATE)
    options = ("-m", model, "--exclude", "tense.*", "--exclude", "none", "--max-length", "5s")
    result = run("scan", library, *options)
    assert result.stdout.splitlines()[0] == "1 file: 1 predicted"
    assert result.stderr == (
        "left out 3 files or folders: 1 --exclude 'tense.*', 1 @eaDir, 1 longer than 0:05\n"
        "--exclude 'none' left out nothing that the others do not\n"
    )
    assert "names nothing" in refusal(library, "--exclude", "")
    assert "'x' is no length" in refusal(library, "--min-length", "x")
    assert "exchange --min-length" in refusal(library, "--min-length", "2h", "--max-length", "1h")
    assert "for --engine local" in refusal(library, "--engine", "ray", "--max-length", "1h")


def test_a_list_is_bytes_and_a_name_ends_with_its_line(tmp_path):
    names = ["caf\udce9.mp3", "a\u2028b.mp3", "c\x85d.mp3", "e.mp3"]
    content = b"\n".join(os.fsencode(str(tmp_path / name)) for name in names) + b"\r\n\n"
    assert listed_names(content) == [str(tmp_path / name) for name in names]
    result = run("scan", "--engine", "ray", "--files-from", "-", stdin=content)
    assert "with --output" in str(result.exception)


def test_what_keeps_results_out_of_a_catalogue_is_said_first(library, model, tmp_path, monkeypatch):
    path, other = tmp_path / "c.sqlite", track("a.mp3", model_sha256="2" * 64)
    monkeypatch.setitem(sys.modules, "ray", None)  # nothing is begun
    options = (library, "--engine", "ray", "-o", tmp_path / "out", "-m", model, "--catalogue", path)
    with scan_lock(path):
        assert f"process {os.getpid()}" in refusal(*options)
    with Catalogue.open(path, write=True) as opened:
        opened.write(other)
    assert "was predicted by another model (tones)" in refusal(*options)


def test_an_address_where_nothing_answers_is_one_line(library, model, tmp_path, monkeypatch):
    ray = pytest.importorskip("ray", reason="pip install 'music-emotion[distributed]'")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)

    def refuse(**options: object) -> None:
        raise ConnectionError(f"Failed to connect to {options['address']}\nand more")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    options = (library, "--engine", "ray", "-o", tmp_path / "out", "-m", model)
    said = refusal(*options, "--address", "head:6379")
    assert "no Ray cluster answers at 'head:6379' (Failed to connect to head:6379)" in said
    assert "is a Ray client address" in refusal(*options, "--address", "ray://head:10001")


def test_without_ray_the_extra_is_named(library, model, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    result = run("scan", library, "--engine", "ray", "-o", tmp_path / "out", "-m", model)
    assert isinstance(result.exception, MissingExtraError)
    assert "music-emotion[distributed]" in str(result.exception)
    assert not Path(tmp_path / "out").exists()


def test_a_second_scan_is_told(library: Path, model: str, tmp_path: Path) -> None:
    with scan_lock(tmp_path / "data" / "c.sqlite"):
        error = run("scan", library, "-m", model).exception
    assert isinstance(error, CatalogueError)
    assert f"process {os.getpid()} on" in str(error)


def test_ctrl_c_keeps_what_was_done(library: Path, model: str, tmp_path: Path) -> None:
    for number in range(30):
        sf.write(library / f"{number}.wav", tone(20.0, hertz=500.0 + number), RATE)
    command = [sys.executable, "-m", "music_emotion", "scan", str(library), "-m", model, "-j", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    database = tmp_path / "data" / "c.sqlite"
    while process.poll() is None and _rows(database) < 2:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert "Traceback" not in errors
    kept = _rows(database)
    assert kept >= 2
    if process.returncode != 0:  # else it was faster than the signal
        assert kept < 32
        assert process.returncode == 130
        assert "stopped; what was finished is kept" in errors
    assert run("scan", library, "-m", model, "-j", "1").exit_code == 0
    assert _rows(database) == 32


def _rows(database: Path) -> int:
    try:
        with Catalogue.open(database) as catalogue:
            return len(catalogue)
    except CatalogueError:
        return 0
