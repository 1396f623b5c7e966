from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from music_emotion.errors import SettingsError
from music_emotion.library.tags.settings import (
    TagSettings,
    default_settings,
    read_settings,
    settings_of,
)

PAGE = Path(__file__).parents[3] / "docs" / "tagging.md"
ALL = """
confidence = 0.4
most = 3
share = 0
separator = "; "
numbers = false
[names]
calmness = "ruhig"
[fields]
grouping = "{moods}"
"""


def test_what_a_file_says(tmp_path: Path) -> None:
    path = tmp_path / "tags.toml"
    path.write_text(ALL)
    assert read_settings(path) == TagSettings(
        confidence=0.4,
        most=3,
        share=0,
        separator="; ",
        numbers=False,
        names={"calmness": "ruhig"},
        fields={"MOOD": "{moods}", "GROUPING": "{moods}"},
    )
    path.write_text("")
    assert read_settings(path) == read_settings(None) == TagSettings()


def test_where_the_users_own_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUSIC_EMOTION_TAGS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("platformdirs.user_config_path", lambda name: tmp_path / name)
    assert default_settings() is None
    (tmp_path / "music-emotion").mkdir()
    (tmp_path / "music-emotion" / "tags.toml").touch()
    assert default_settings() == tmp_path / "music-emotion" / "tags.toml"
    monkeypatch.setenv("MUSIC_EMOTION_TAGS", "~/other.toml")
    assert default_settings() == tmp_path / "other.toml"


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"most": 0}, "most = 0 must be a whole number from 1 to 9"),
        ({"most": True}, "most = True must be a whole number from 1 to 9"),
        ({"confidence": 1.5}, "confidence = 1.5 must be a number from 0 to 1"),
        ({"separator": ""}, "separator = '' must be a text"),
        ({"numbers": "no"}, "numbers = 'no' must be true or false"),
        ({"confidenc": 1}, "there is no setting 'confidenc'; did you mean 'confidence'?"),
        ({"names": {"calm": "x"}}, "there is no setting 'calm'; did you mean 'calmness'?"),
        ({"names": {"calmness": 1}}, r"calmness = 1 in \[names\] must be a text"),
        ({"names": {"calmness": " "}}, "the name of calmness is empty"),
        ({"names": "ruhig"}, r"names must be a table: \[names\]"),
        ({"fields": {"TITLE": "{mood}"}}, "a field cannot be called 'TITLE'; take mood, comment"),
        ({"fields": {"EMOTION_X": "1"}}, "a field cannot be called 'EMOTION_X'"),
        ({"fields": {"energy": "1"}}, "a field cannot be called 'energy'"),
        ({"fields": {"mood": "{mod}"}}, r"mood = '{mod}': {mod} is not known; did you mean 'mood"),
        ({"fields": {"mood": "{mood!r}"}}, "is not known"),
        ({"fields": {"mood": "{mood"}}, "mood = '{mood': "),
    ],
)
def test_what_may_not_be_said_is_one_line(said: dict[str, Any], line: str) -> None:
    with pytest.raises(SettingsError, match=line):
        settings_of(said)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tags.toml"
    with pytest.raises(SettingsError, match=rf"^'{path}' cannot be read \(No such file"):
        read_settings(path)
    path.write_text("most = = 2")
    with pytest.raises(SettingsError, match=rf"^'{path}' is no TOML \("):
        read_settings(path)
    path.write_text("most = 0")
    with pytest.raises(SettingsError, match=rf"^'{path}': most = 0 must be"):
        read_settings(path)


def test_what_the_page_shows_can_be_said() -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    whole, *players = [settings_of(tomllib.loads(block)) for block in blocks]
    assert len(players) == 5
    assert whole.fields.keys() == {"MOOD", "COMMENT", "GROUPING", "ENERGYLEVEL"}
    assert players[-1].fields == {"COMMENT": "E{energy} {moods}"}
