"""The dataset command from outside: what it prints, its exit codes, one line per mistake."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import soundfile

from helpers import fake_emotify
from helpers.command_line import run
from helpers.file_server import FileServer, serving
from music_emotion.datasets import download, emotify
from music_emotion.errors import DatasetError


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EMOTIFY_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(emotify, "user_cache", lambda: tmp_path / "cache")


@pytest.fixture
def own_tracks(tmp_path: Path) -> Path:
    import numpy as np

    for name in ("a.wav", "b.wav"):
        noise = np.random.default_rng(ord(name[0])).uniform(-0.3, 0.3, 24_000)
        soundfile.write(tmp_path / name, noise, 8000)
    table = tmp_path / "mine.csv"
    table.write_text("path,label\na.wav,power\nb.wav,tension\n")
    return table


def test_summary_of_own_tracks(own_tracks: Path) -> None:
    result = run("dataset", "summary", "--csv", str(own_tracks))
    assert result.exit_code == 0
    assert "2 tracks" in result.stdout
    assert "durations   3.0 to 3.0 s" in result.stdout


def test_validate_exits_with_one_where_something_is_wrong(own_tracks: Path, tmp_path: Path) -> None:
    arguments = ["dataset", "validate", "--csv", str(own_tracks)]
    assert run(*arguments).exit_code == 0
    (tmp_path / "b.wav").write_bytes(b"")
    result = run(*arguments)
    assert result.exit_code == 1
    assert "b.wav" in result.stdout
    assert "1 problem: 2 audio files" in result.stdout


def test_cite() -> None:
    result = run("dataset", "cite")
    assert "@article{aljanaki2016emotify" in result.stdout
    assert "Magnatune" in result.stdout


def test_download_failure_is_a_dataset_error(tmp_path: Path) -> None:
    with serving(FileServer()) as server:
        result = run(
            "dataset", "download", "--to", str(tmp_path / "new"), "--address", server.address
        )
    assert isinstance(result.exception, DatasetError)
    assert "emotifymusic.zip: the server answers 404" in str(result.exception)
    assert server.requests == [("/emotifymusic.zip", None)]


def test_download_says_what_it_fetched_and_how_to_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        name: fake_emotify.mp3(track)
        for track, name in ((n, emotify.published_name(n)) for n in range(1, 401))
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    files["data.csv"] = fake_emotify.annotations().encode()
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(download, "published_digests", lambda: digests)
    monkeypatch.setattr(emotify, "published_digests", lambda: digests)
    served = {"data.csv": files["data.csv"], "emotifymusic.zip": archive.getvalue()}
    with serving(FileServer(files=served)) as server:
        arguments = ["dataset", "download", "--address", server.address]
        first = run(*arguments)
        again = run(*arguments)
        elsewhere = run(*arguments, "--to", "new")
    assert first.exit_code == again.exit_code == elsewhere.exit_code == 0
    assert "cache: 401 files fetched. The published audio: all 400" in first.stdout
    assert "everything was there" in again.stdout
    assert "--data new, or set EMOTIFY_ROOT" in elsewhere.stdout
    assert emotify.find_root() == tmp_path / "cache"


@pytest.mark.emotify
def test_download_leaves_a_reencode_alone(emotify_root: Path) -> None:
    """The real data here may be a re-encode; then they are neither replaced nor fetched."""
    result = run("dataset", "download", "--to", str(emotify_root))
    published = emotify.load(emotify_root).note.startswith("The published audio")
    assert (result.exit_code == 0) == published
    if not published:
        assert "--force" in str(result.exception)


@pytest.mark.emotify
def test_summary_of_the_real_data(emotify_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTIFY_ROOT", str(emotify_root))
    lines = run("dataset", "summary").stdout.splitlines()
    assert "  calmness              98   24.5%" in lines
    assert "genres      classical 100, rock 100, electronic 100, pop 100" in lines
    assert any(line.startswith("listeners   8407 in all, 11 to 59 per track") for line in lines)
    assert any("57 tracks are ties" in line for line in lines)


def test_mistake_is_one_line_on_the_error_stream(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "music_emotion", "dataset", "summary", "--csv", "nowhere.csv"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "error: nowhere.csv: cannot be read (No such file or directory); check the path"
    ]


def test_list_names_the_data_sets_that_are_known() -> None:
    done = run("dataset", "list")
    assert done.exit_code == 0
    for name in ("vgmidi:", "deam:", "pmemo:", "jamendo:"):
        assert name in done.stdout
