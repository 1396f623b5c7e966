from __future__ import annotations

import csv
import io
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from helpers.tracks import track
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MissingExtraError, MusicEmotionError
from music_emotion.library.search import Hit
from music_emotion.library.writers import (
    ROW_COLUMNS,
    export,
    table_line,
    write_csv,
    write_json,
    write_playlist,
)

GOOD = Hit(track("a.mp3", "Björk", calmness=0.75, seconds=61.4), 0.125)
BAD = Hit(replace(track("b.mp3"), prediction=None, error="'b' is damaged"))


def playlist(*hits: Hit, folder: Path | None = None) -> list[str]:
    stream = io.StringIO()
    write_playlist(hits, stream, folder=folder)
    return stream.getvalue().splitlines()


def test_json() -> None:
    stream = io.StringIO()
    write_json([GOOD, BAD], stream)
    good, bad = json.loads(stream.getvalue())
    assert (good["path"], good["artist"], good["top"]) == ("/music/a.mp3", "Björk", "calmness")
    assert list(good["emotions"]) == list(good["intensities"]) == list(EMOTIONS)
    assert (good["intensities"]["calmness"], good["distance"]) == (0.75, 0.125)
    assert (good["valence"], good["arousal"], good["familiarity"]) == (0.25, -0.5, 0.75)
    assert (good["standing"]["calmness"], good["unfamiliar"]) == (0.75, False)
    assert "timeline" not in good
    assert bad["error"] == "'b' is damaged"
    nothing = io.StringIO()
    write_json([], nothing)
    assert json.loads(nothing.getvalue()) == []


def test_csv() -> None:
    stream = io.StringIO()
    write_csv([GOOD, BAD], stream)
    good, bad = csv.DictReader(io.StringIO(stream.getvalue()))
    assert tuple(good) == tuple(ROW_COLUMNS)
    assert (good["intensity_calmness"], good["duration"], good["year"]) == ("0.75", "61.4", "")
    assert (good["valence"], good["standing_calmness"], good["unfamiliar"]) == (
        "0.25", "0.75", "False",
    )  # fmt: skip
    assert (bad["top"], bad["error"], bad["valence"]) == ("", "'b' is damaged", "")


def test_a_line_for_people() -> None:
    assert table_line(GOOD).split() == [
        *("0.125", "calmness", "0.75", "amazement", "0.05", "solemnity", "0.05"),
        *("1:01", "/music/a.mp3"),
    ]
    odd = replace(GOOD.track, path="/music/\udcff\n.mp3")
    assert table_line(Hit(odd)).endswith("file:///music/%FF%0A.mp3")
    assert "'b' is damaged" in table_line(BAD)


def test_playlists(tmp_path: Path) -> None:
    assert playlist(GOOD, BAD) == [
        "#EXTM3U",
        "#EXTINF:61,Björk - a.mp3",
        "/music/a.mp3",
        "#EXTINF:-1,b.mp3",
        "/music/b.mp3",
    ]
    assert playlist(GOOD, folder=Path("/music/lists"))[2] == f"..{os.sep}a.mp3"
    hash_name = Hit(replace(GOOD.track, path="/music/#1.mp3"))
    assert playlist(hash_name, folder=Path("/music"))[2] == f".{os.sep}#1.mp3"


@pytest.mark.parametrize("name", [b"two\nlines.mp3", b"caf\xe9.mp3", b"blank .mp3 ", b"a\x0bb"])
def test_a_name_that_no_line_can_hold_is_an_address(name: bytes) -> None:
    odd = Hit(replace(GOOD.track, path=os.fsdecode(b"/music/" + name)))
    lines = playlist(odd, folder=Path("/music"))
    assert len(lines) == 3
    assert lines[2].isascii()
    assert unquote_to_bytes(lines[2].removeprefix("file://")) == b"/music/" + name


def test_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    export([GOOD, BAD], "parquet", path)
    table = parquet.read_table(path)
    assert tuple(table.column_names) == tuple(ROW_COLUMNS)
    good, bad = table.to_pylist()
    assert (good["path"], good["intensity_calmness"], good["scanned_at"]) == (
        "/music/a.mp3", 0.75, 1_700_000_000,
    )  # fmt: skip
    assert (good["arousal"], good["standing_calmness"], good["unfamiliar"]) == (-0.5, 0.75, False)
    assert (bad["calmness"], bad["error"], bad["unfamiliar"]) == (None, "'b' is damaged", None)
    export([], "parquet", path)
    assert parquet.read_table(path).num_rows == 0
    with pytest.raises(MusicEmotionError, match="name a file with -o"):
        export([GOOD], "parquet", None)


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'music-emotion\[parquet\]'"):
        export([GOOD], "parquet", tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []
