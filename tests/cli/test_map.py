"""The map of a library from the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers.command_line import run
from music_emotion.errors import CatalogueError, MusicEmotionError

pytest.importorskip("mutagen")


def test_scan_then_map(library: Path, model: str, tmp_path: Path) -> None:
    (library / "letter.mp3").write_text("dear listener")
    run("scan", library, "-m", model, "-j", "1")
    page = tmp_path / "out" / "map.html"
    made = run("map", "-o", page)
    assert re.fullmatch(r".*map\.html: 2 tracks, 0\.\d MB; open it in a browser\n", made.stdout)
    assert made.stderr == "left out 1 broken file; music-emotion find --broken shows which\n"
    assert "What people feel in 2 tracks" in page.read_text(encoding="utf-8")


def test_a_mapping_that_maps_nothing_is_named(library: Path, model: str, tmp_path: Path) -> None:
    run("scan", library, "-m", model, "-j", "1")
    made = run("map", "-o", tmp_path / "map.html", "--map", "/nowhere=/x")
    assert made.stderr == "no path is in '/nowhere', which --map names\n"


def test_without_a_catalogue_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    made = run("map", "-o", tmp_path / "map.html", "--catalogue", tmp_path / "no.sqlite")
    assert isinstance(made.exception, CatalogueError)
    assert str(made.exception).endswith("make one: music-emotion scan FOLDER")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_page_is_refused() -> None:
    made = run("map", "-o", "map.png")
    assert isinstance(made.exception, MusicEmotionError)
    assert str(made.exception) == "'map.png' is no page; let it end in .html"
