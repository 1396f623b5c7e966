from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.command_line import run
from music_emotion.cli.main import main
from music_emotion.features.cache import FeatureKey, FeatureStore

RATE = 22_050


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two tracks of a user's own; the second is too short to be cut."""
    monkeypatch.setenv("MUSIC_EMOTION_CACHE", str(tmp_path / "cache"))
    noise = 0.1 * np.random.default_rng(0).standard_normal(7 * RATE)
    soundfile.write(tmp_path / "long.wav", noise, RATE)
    soundfile.write(tmp_path / "short.wav", noise[:RATE], RATE)
    path = tmp_path / "tracks.csv"
    path.write_text("path,label\nlong.wav,power\nshort.wav,sadness\n")
    return path


def test_features_are_written_and_the_bad_file_is_named(table, tmp_path):
    out = tmp_path / "out"
    options = ("--feature", "basic", "--feature", "log_mel", "--jobs", "1", "--out", out)
    result = run("extract", "--csv", table, *options)
    assert result.exit_code == 1
    assert "2 segments of 1 of 2 tracks" in result.output
    assert "left out" in result.output and "short.wav" in result.output
    assert np.load(out / "basic.npy").shape == (2, 130, 27)
    assert np.load(out / "log_mel.npy").shape == (2, 128, 130)
    rows = (out / "segments.csv").read_text().splitlines()
    assert rows[0] == "track,start_seconds" and [row.split(",")[1] for row in rows[1:]] == [
        "0",
        "3",
    ]
    assert sorted(path.name for path in out.iterdir()) == [
        "basic.npy",
        "log_mel.npy",
        "segments.csv",
    ]


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["--feature", "chords"], {}, "no feature 'chords'"),
        (
            ["--feature", "basic"],
            {"MUSIC_EMOTION_CACHE": "{file}/cache"},
            "cannot write to the cache",
        ),
        (["--feature", "basic", "--out", "{file}/out"], {}, "cannot write to"),
    ],
)
def test_a_mistake_is_one_line(table, tmp_path, arguments, variables, said, monkeypatch, capsys):
    file = tmp_path / "a file"
    file.write_text("")
    filled = [argument.format(file=file) for argument in arguments]
    extra = {name: value.format(file=file) for name, value in variables.items()}
    for name, value in extra.items():
        monkeypatch.setenv(name, value)
    command = ["music-emotion", "extract", "--csv", str(table), "--jobs", "1", *filled]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
    assert line.startswith("error: ") and said in line


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MUSIC_EMOTION_CACHE", str(tmp_path / "cache"))
    key = FeatureKey("log_mel", "test", (2,))
    FeatureStore(tmp_path / "cache").save("ab" * 32, key, np.zeros((3, 2), dtype=np.float32))
    return tmp_path / "cache"


def test_info_names_the_place_and_the_amounts(cache):
    output = run("cache", "info").output
    assert str(cache) in output
    assert output.count("1 file, 0.0 MB") == 2  # in all, and of log_mel
    assert "log_mel-" in output


def test_clear_empties_it(cache):
    assert "deleted 1 file" in run("cache", "clear").output
    assert "0 files" in run("cache", "info").output


def test_no_cache(monkeypatch):
    monkeypatch.setenv("MUSIC_EMOTION_CACHE", "off")
    assert "no cache" in run("cache", "info").output
    assert "no cache" in run("cache", "clear").output


def test_info_loads_nothing_heavy():
    code = (
        "import sys; from music_emotion.cli.features import info; info();"
        "print({'torch', 'sklearn', 'pandas', 'librosa', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")
