"""The commands that measure listeners and the leak, as a user calls them."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import run
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import DatasetError

SAMPLE_RATE = 22_050
PITCHES = (220.0, 330.0, 440.0, 550.0, 660.0, 880.0)


def test_listeners_from_any_table_of_votes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        f"{track},{','.join(map(str, (rng.random(9) < np.roll([0.7] + [0.1] * 8, track)) * 1))}"
        for track in range(1, 13)
        for _ in range(41)
    ]
    table = tmp_path / "votes.csv"
    table.write_text("\n".join(["track id," + ",".join(EMOTIONS), *rows]))
    out = tmp_path / "out"
    done = run("listeners", "--votes", table, "--out", out)
    assert done.exit_code == 0, done.output
    assert "492 votes on 12 tracks" in done.output
    figures = json.loads((out / "listeners.json").read_text())
    assert figures["panels"]["tracks"] == 12
    assert figures["panels"]["accuracy"][23] > figures["panels"]["accuracy"][0]
    assert f"{figures['ceilings']['oracle_accuracy']:.1%}" in done.output
    assert (out / "listeners.png").read_bytes().startswith(b"\x89PNG")


def test_a_table_without_votes_is_one_line(tmp_path: Path) -> None:
    table = tmp_path / "songs.csv"
    table.write_text("path,label\na.wav,calmness\n")
    with pytest.raises(DatasetError, match="column 'track id' is missing"):
        run("listeners", "--votes", table, catch_exceptions=False)


def test_the_leak_of_a_users_own_tracks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six hums of one pitch each: the pitch gives the track away."""
    monkeypatch.setenv("MUSIC_EMOTION_CACHE", "off")
    rng = np.random.default_rng(0)
    lines = ["path,label,group"]
    for number, pitch in enumerate(PITCHES):
        time = np.arange(8 * 3 * SAMPLE_RATE) / SAMPLE_RATE
        sound = 0.4 * np.sin(2 * np.pi * pitch * time) + 0.05 * rng.normal(size=len(time))
        with wave.open(str(tmp_path / f"{number}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes((sound * 20_000).astype("<i2").tobytes())
        lines.append(f"{number}.wav,{EMOTIONS[4 + number % 2]},artist {number}")
    (tmp_path / "tracks.csv").write_text("\n".join(lines))
    out = tmp_path / "out"
    options = ["--data", tmp_path, "--csv", tmp_path / "tracks.csv", "--out", out]
    done = run("leak", *options, "--jobs", "1", "--folds", "3", catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "1-nearest-neighbour, labels dealt out at random" in done.output
    record = json.loads((out / "leak.json").read_text())
    assert record["curve"]["neighbours"] == [0, 1, 2, 4]
    assert record["curve"]["lines"][0]["accuracy"][-1] == 1.0
    assert str(tmp_path) not in json.dumps(record)
    assert (out / "leak.png").read_bytes().startswith(b"\x89PNG")
