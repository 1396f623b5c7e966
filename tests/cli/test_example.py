"""``music-emotion example``: a clone's first minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.command_line import run


def test_what_it_writes_and_says_next_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written = run("example")
    assert written.exit_code == 0
    first, second = written.stdout.splitlines()
    assert first.startswith("written to example.wav: 54 s, played to sound like calmness, then joy")
    assert second == "what people would feel: music-emotion predict example.wav"
    predicted = run("predict", "example.wav")
    assert predicted.exit_code == 0
    assert predicted.stdout.startswith("example.wav  0:54  model default ")
    assert "is there already" in str(run("example").exception)


def test_a_name_with_a_space_is_quoted_in_the_next_command(tmp_path: Path) -> None:
    said = run("example", tmp_path / "my piece.flac").stdout
    assert said.splitlines()[1].endswith(f"predict '{tmp_path}/my piece.flac'")
