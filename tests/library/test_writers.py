from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.tracks import prediction, row_of, track
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import MissingExtraError, MusicEmotionError
from music_emotion.library import catalogue as catalogue_module
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.playlist_files import Mapping, Naming
from music_emotion.library.search import Found
from music_emotion.library.track import Tags
from music_emotion.library.writers import (
    ROW_COLUMNS,
    Listing,
    export,
    write_csv,
    write_json,
    write_table,
)


@pytest.fixture
def listing(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Listing:
    """One that is whole, one unreadable, one silent, one damaged, in pieces of two."""
    monkeypatch.setattr(catalogue_module, "PIECE", 2)
    silent = replace(prediction(), confidence=0.0, warnings=("silent: there is nothing to hear",))
    damaged = replace(prediction(), warnings=("very quiet", "damaged at 3.0 s"))
    catalogue.write_all(
        [
            track("a.mp3", "Björk", calmness=0.75, seconds=61.4),
            replace(track("b.mp3"), prediction=None, model_sha256="", error="'b' is damaged"),
            replace(track("c.mp3"), prediction=silent),
            replace(track("d.mp3"), prediction=damaged),
        ]
    )
    ids, distances = np.array([1, 2, 3, 4]), np.array([0.125], np.float32)
    return Listing(catalogue, Found(ids, distances))


def text_of(write: Callable[[Listing, io.StringIO], None], listing: Listing) -> str:
    stream = io.StringIO()
    write(listing, stream)
    return stream.getvalue()


def test_json(listing: Listing) -> None:
    good, bad, silent, damaged = json.loads(text_of(write_json, listing))
    assert (good["path"], good["artist"], good["top"]) == ("/music/a.mp3", "Björk", "calmness")
    assert list(good["emotions"]) == list(good["intensities"]) == list(EMOTIONS)
    assert (good["intensities"]["calmness"], good["distance"]) == (0.75, 0.125)
    assert (good["valence"], good["arousal"], good["familiarity"]) == (0.25, -0.5, 0.75)
    assert (good["standing"]["calmness"], good["unfamiliar"]) == (0.75, False)
    assert "timeline" not in good and "error" not in good
    assert list(bad) == ["path", "artist", "album", "title", "genre", "year", "error"]
    assert bad["error"] == "'b' is damaged"
    assert (silent["top"], silent["error"]) == (None, "silent: there is nothing to hear")
    assert (damaged["error"], damaged["warnings"]) == (
        "damaged at 3.0 s", ["very quiet", "damaged at 3.0 s"],
    )  # fmt: skip
    nothing = Listing(listing.catalogue, Found(np.zeros(0, np.int64)))
    assert json.loads(text_of(write_json, nothing)) == []


def test_json_is_what_predict_writes(catalogue: Catalogue) -> None:
    """To the digit, for numbers of all kinds."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(60):
        shares = rng.dirichlet(np.full(9, 0.3)).astype(np.float32)
        standing = np.where(rng.random(9) < 0.3, np.nan, rng.random(9)).astype(np.float32)
        moods = rng.uniform(-1, 1, 3).astype(np.float32).astype(float)
        said = replace(
            prediction(seconds=float(rng.uniform(1, 4000))),
            emotions=shares if number else np.full(9, 1 / 9, np.float32),
            intensities=(rng.integers(0, 257, 9) / 256 / 2**number).astype(np.float32),
            confidence=float(np.float32(rng.random())),
            standing=standing,
            valence=moods[0], arousal=-1e-9, familiarity=float("nan") if number % 2 else moods[2],
            unfamiliar=bool(number % 3), path=f"/music/{number}",
        )  # fmt: skip
        rows.append(replace(track(f"{number}"), prediction=said))
    ids = catalogue.write_all(rows)
    written = json.loads(text_of(write_json, Listing(catalogue, Found(np.array(ids)))))
    for row, data in zip(rows, written, strict=True):
        assert row.prediction is not None
        expected = json.loads(json.dumps(row.prediction.to_dict()))
        del expected["timeline"]
        tags = {"artist": "", "album": "", "title": row.tags.title, "genre": "", "year": None}
        assert data == expected | tags | {"top": row.prediction.top}


def test_csv(listing: Listing) -> None:
    good, bad, silent, damaged = csv.DictReader(io.StringIO(text_of(write_csv, listing)))
    assert tuple(good) == tuple(ROW_COLUMNS)
    assert (good["intensity_calmness"], good["duration"], good["year"]) == ("0.75", "61.4", "")
    assert (good["valence"], good["standing_calmness"], good["unfamiliar"]) == (
        "0.25", "0.75", "False",
    )  # fmt: skip
    assert (good["error"], good["distance"], good["model"]) == ("", "0.125", "tones")
    assert (bad["top"], bad["error"], bad["valence"], bad["unfamiliar"]) == (
        "", "'b' is damaged", "", "",
    )  # fmt: skip
    assert (silent["top"], silent["distance"]) == ("", "")
    assert damaged["warnings"] == "very quiet; damaged at 3.0 s"


def test_a_line_for_people(listing: Listing) -> None:
    good, bad, silent, damaged = text_of(write_table, listing).splitlines()
    assert good.split() == [
        *("0.125", "calmness", "0.75", "amazement", "0.05", "solemnity", "0.05"),
        *("1:01", "/music/a.mp3"),
    ]
    assert bad.split(maxsplit=3) == ["not", "predicted", "/music/b.mp3", " ('b' is damaged)"[1:]]
    assert silent.startswith("silent ") and silent.endswith("(silent: there is nothing to hear)")
    assert damaged.startswith("damaged ") and damaged.endswith("/music/d.mp3  (damaged at 3.0 s)")
    catalogue = listing.catalogue
    catalogue.write(replace(row_of(catalogue, "/music/a.mp3"), path="/music/\udcff\n.mp3"))
    odd = text_of(write_table, Listing(catalogue, Found(np.array([1]))))
    assert odd.endswith("file:///music/%FF%0A.mp3\n")


def test_paths_are_mapped_in_every_format(listing: Listing) -> None:
    mapped = replace(listing, naming=Naming((Mapping("/music", "/srv"),)))
    assert json.loads(text_of(write_json, mapped))[0]["path"] == "/srv/a.mp3"
    for write in (write_csv, write_table):
        text = text_of(write, mapped)
        assert "/srv/a.mp3" in text and "/music/" not in text


def test_a_playlist_is_of_what_was_found_in_order(listing: Listing, tmp_path: Path) -> None:
    catalogue = listing.catalogue
    catalogue.restamp(1, row_of(catalogue, "/music/a.mp3").stamp, Tags("Björk", "Post", "Army"))
    backwards = Listing(catalogue, Found(np.array([3, 2, 1])), Naming(relative_to=tmp_path))
    export(backwards, "m3u8", tmp_path / "a.m3u8")
    place = f"..{os.sep}" * len(tmp_path.parts[1:])
    assert (tmp_path / "a.m3u8").read_text().splitlines() == [
        "#EXTM3U",
        "#EXTINF:180,c.mp3", f"{place}music/c.mp3",
        "#EXTINF:-1,b.mp3", f"{place}music/b.mp3",
        "#EXTINF:61,Björk - Army", f"{place}music/a.mp3",
    ]  # fmt: skip


def test_parquet(listing: Listing, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    export(listing, "parquet", path)
    table = parquet.read_table(path)
    assert tuple(table.column_names) == tuple(ROW_COLUMNS)
    good, bad, silent, _ = table.to_pylist()
    assert (good["path"], good["intensity_calmness"], good["scanned_at"]) == (
        "/music/a.mp3", 0.75, 1_700_000_000,
    )  # fmt: skip
    assert (good["arousal"], good["standing_calmness"], good["unfamiliar"]) == (-0.5, 0.75, False)
    assert (bad["calmness"], bad["error"], bad["unfamiliar"]) == (None, "'b' is damaged", None)
    assert (silent["top"], silent["warnings"]) == (None, "silent: there is nothing to hear")
    export(Listing(listing.catalogue, Found(np.zeros(0, np.int64))), "parquet", path)
    assert parquet.read_table(path).num_rows == 0
    with pytest.raises(MusicEmotionError, match="name a file with -o"):
        export(listing, "parquet", None)


def test_parquet_without_pyarrow(
    listing: Listing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    place = tmp_path / "out"
    place.mkdir()
    with pytest.raises(MissingExtraError, match=r"pip install 'music-emotion\[parquet\]'"):
        export(listing, "parquet", place / "a.parquet")
    assert list(place.iterdir()) == []
