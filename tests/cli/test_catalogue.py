"""catalogue check, repair, vacuum and export from the command line."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.command_line import run
from helpers.csv_rows import rows_of
from helpers.tracks import track
from music_emotion.errors import CatalogueError, MusicEmotionError
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.database import scan_lock


def test_damage_is_named_said_and_mended(library: Path, model: str, tmp_path: Path) -> None:
    database = tmp_path / "data" / "c.sqlite"
    run("scan", library, "-m", model)
    assert run("catalogue", "check").stdout == f"sound: 2 files in {database}\n"
    damage(database)
    checked = run("catalogue", "check")
    assert checked.exit_code == 1
    assert checked.stderr.splitlines() == [
        "damaged: vectors of the rows 0 to 4,095",
        f"damaged: the timeline of '{library / 'calm.wav'}'",
        "damaged: mend it: music-emotion catalogue repair",
    ]
    found = run("find", "--feels", "calmness", "-f", "json")
    assert [Path(row["path"]).name for row in json.loads(found.stdout)] == ["calm.wav"]
    said = "damaged vectors in the catalogue were passed over, and the tracks asked instead; mend"
    assert found.stderr.startswith(said)
    mended = run("catalogue", "repair", "-m", model)
    assert mended.exit_code == 0
    assert mended.stdout.splitlines() == [
        "mended: vectors of the rows 0 to 4,095 made anew",
        f"mended: the timeline of '{library / 'calm.wav'}' is predicted again",
    ]
    assert run("catalogue", "repair").stdout == f"nothing to mend: 2 files in {database}\n"
    damage(database)
    scanned = run("scan", library, "-m", model)
    assert scanned.exit_code == 0
    assert scanned.stderr == mended.stdout
    damage(database)
    elsewhere = run("scan", library / "..", "--exclude", library.name, "-m", model)
    assert elsewhere.exit_code == 1
    assert f"damaged is the timeline of '{library / 'calm.wav'}'; mend it" in elsewhere.stderr


def damage(database: Path) -> None:
    """Change a timeline and a block of vectors behind the back of the checksums."""
    with sqlite3.connect(database) as opened:
        sealed = opened.execute("SELECT sql FROM sqlite_master WHERE name = 'timeline_unsealed'")
        (trigger,) = sealed.fetchone()
        opened.execute("DROP TRIGGER timeline_unsealed")
        opened.execute("UPDATE timeline SET first = first + 1 WHERE track = 1")
        opened.execute("UPDATE vector SET intensities = zeroblob(4096 * 36)")
        opened.execute(trigger)
    opened.close()


def test_whoever_shows_a_damaged_prediction_says_so(
    library: Path, model: str, tmp_path: Path
) -> None:
    run("scan", library, "-m", model)
    with sqlite3.connect(tmp_path / "data" / "c.sqlite") as opened:
        opened.execute("DROP TRIGGER prediction_unsealed")
        opened.execute("UPDATE prediction SET intensity_calmness = 0.99 WHERE track = 1")
        opened.execute("UPDATE text SET folded = folded || 'x' WHERE field = 'artist'")
    opened.close()
    said = "damaged predictions in the catalogue are among these; mend it"
    for command in ("find", "-f", "csv"), ("map", "-o"), ("catalogue", "export", "-o"):
        file = {"map": "a.html", "catalogue": "a.csv"}.get(command[0])
        shown = run(*command, *(() if file is None else (tmp_path / file,)))
        assert shown.exit_code == 0
        assert said in shown.stderr
    assert "damaged text in the catalogue was passed" in run("find", "--artist", "a").stderr


def test_there_must_be_one_and_it_must_be_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("MUSIC_EMOTION_CATALOGUE", raising=False)
    for command in ("check", "repair", "vacuum"):
        error = run("catalogue", command).exception
        assert isinstance(error, CatalogueError)
        assert "make one: music-emotion scan" in str(error)
    assert not (tmp_path / "data").exists()
    path = tmp_path / "c.sqlite"
    Catalogue.open(path, write=True).close()
    with scan_lock(path):
        for command in ("repair", "vacuum"):
            error = run("catalogue", command, "--catalogue", path).exception
            assert f"process {os.getpid()}" in str(error)


def test_what_is_forgotten_takes_no_room(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with Catalogue.open(path, write=True) as opened:
        opened.remove(opened.write_all(track(str(number)) for number in range(200)))
    before = path.stat().st_size
    assert run("catalogue", "vacuum", "--catalogue", path).stdout.endswith(" MB now\n")
    assert path.stat().st_size < before / 2


@pytest.mark.parametrize("ending", ["json", "csv", "sqlite"])
def test_all_is_written_out_also_what_is_missing_or_broken(tmp_path: Path, ending: str) -> None:
    path, output = tmp_path / "c.sqlite", tmp_path / f"all.{ending}"
    failed = replace(track("bad"), prediction=None, model_sha256="", error="'bad' is no audio")
    with Catalogue.open(path, write=True) as opened:
        opened.write_all([track("a"), replace(track("b"), missing_since=5), failed])
    result = run("catalogue", "export", "-o", output, "--catalogue", path)
    assert result.stderr == f"3 files written to {output}\n"
    names = ["/music/a", "/music/b", "/music/bad"]
    if ending == "sqlite":
        with Catalogue.open(path) as one, Catalogue.open(output) as other:
            assert [row.path for row in other.tracks([1, 2, 3])] == names
            rows = [one.connection.iterdump(), other.connection.iterdump()]
            assert list(rows[0]) == list(rows[1])
        assert {file.name for file in tmp_path.glob("all*")} == {"all.sqlite"}
    elif ending == "csv":
        assert [row["path"] for row in rows_of(output.read_text())] == names
    else:
        assert [row["path"] for row in json.loads(output.read_text())] == names


def test_a_format_that_is_none_is_refused(tmp_path: Path) -> None:
    error = run("catalogue", "export", "-o", tmp_path / "all.txt").exception
    assert isinstance(error, MusicEmotionError)
    assert "end it in .sqlite, .json, .csv or .parquet" in str(error)
