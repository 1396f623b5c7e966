"""Damage is seen, named and mended, and nothing else is touched."""

from __future__ import annotations

import random
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import damage_catalogue
from damage_catalogue import flip, kept
from helpers.tracks import course, prediction, track
from music_emotion.digest import FileStamp
from music_emotion.errors import CatalogueError, DamagedCatalogueError
from music_emotion.inference.batch import Outcome
from music_emotion.inference.model_card import read_card
from music_emotion.library import repair as repair_module
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.health import damaged_rows, examine, seal
from music_emotion.library.repair import repair
from music_emotion.library.search import Query, find, refresh_index
from music_emotion.library.track import CatalogueTrack
from music_emotion.library.vectors import KINDS
from music_emotion.library.writers import ROW_COLUMNS

FILES = 40


def has_dbstat() -> bool:
    with sqlite3.connect(":memory:") as opened:
        try:
            opened.execute("SELECT * FROM dbstat")
        except sqlite3.OperationalError:
            return False
    return True


needs_dbstat = pytest.mark.skipif(not has_dbstat(), reason="this SQLite tells nothing of its pages")


@pytest.fixture
def rows(tmp_path: Path, tones: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, CatalogueTrack]:
    """Files on disk, predicted as a stand-in predicts them again: some minutes long."""
    card, rng = read_card(Path(tones)), np.random.default_rng(0)
    rows = {}
    for number in range(FILES):
        path = tmp_path / "music" / f"{number}.mp3"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(f"sound {number}".encode())
        points = rng.dirichlet(np.ones(9), 100).astype(np.float32)
        said = replace(
            prediction(300.0, calmness=number / FILES),
            path=str(path),
            version=card.version,
            timeline=course(points),
            standing=np.full(9, number / 100, np.float32),
        )
        rows[str(path)] = replace(
            track(path.name, f"artist {number}"),
            path=str(path),
            stamp=FileStamp.read(path),
            audio=audio_digest(path),
            prediction=said,
            model_sha256=card.sha256,
        )

    def predict(paths, model, jobs):
        return (Outcome(path, rows[path].prediction) for path in paths)

    monkeypatch.setattr(repair_module, "predict_stream", predict)
    return rows


@pytest.fixture
def whole(tmp_path: Path, rows: dict[str, CatalogueTrack]) -> Path:
    path = tmp_path / "whole.sqlite"
    with Catalogue.open(path, write=True) as opened:
        opened.write_all(rows.values())
        refresh_index(opened)
    return path


def mended(path: Path, model: str) -> list[str]:
    with Catalogue.held(path) as opened:
        done = repair(opened, model=model)
        assert done.failures == []
        assert examine(opened).is_sound
    return done.mended


@needs_dbstat
@pytest.mark.parametrize("seed", range(14))
def test_damage_at_a_random_place_is_noticed_and_mended(
    whole: Path, tmp_path: Path, tones: str, seed: int
) -> None:
    path = Path(shutil.copyfile(whole, tmp_path / "hurt.sqlite"))
    flip(path, ("vector", "timeline"), random.Random(seed))
    with Catalogue.open(path) as opened:
        health = examine(opened)
        assert not health.is_sound and health.lines(opened)
    assert mended(path, tones)
    assert kept(path) == kept(whole)
    with Catalogue.open(path) as one, Catalogue.open(whole) as other:
        for query in (Query(("calmness",)), Query(words=(("artist", "artist 7"),))):
            assert find(one, query).ids.tolist() == find(other, query).ids.tolist()


def hurt(path: Path, content: bytes) -> None:
    """Flip the middle of some content where it stands in the file."""
    data = bytearray(path.read_bytes())
    middle = data.index(content) + len(content) // 2
    data[middle : middle + 8] = bytes(byte ^ 0xFF for byte in data[middle : middle + 8])
    path.write_bytes(data)


def stored(path: Path, question: str) -> bytes:
    opened = sqlite3.connect(path)
    (content,) = opened.execute(question).fetchone()
    opened.close()
    return bytes(content)


@pytest.mark.parametrize("column", [*KINDS, "numbers"])
def test_find_answers_from_the_tracks_where_vectors_are_damaged(whole: Path, column: str) -> None:
    content = stored(whole, f"SELECT substr({column}, 41, 96) FROM vector")
    with Catalogue.open(whole) as opened:
        was = [find(opened, Query(("calmness",), by=by)).ids.tolist() for by in KINDS]
    hurt(whole, content)
    with Catalogue.open(whole) as opened:
        assert [find(opened, Query(("calmness",), by=by)).ids.tolist() for by in KINDS] == was
        assert opened.damaged == ({"vectors"} if column != "numbers" else set())
        assert examine(opened).blocks == (("vectors", 0),)


def test_words_are_found_where_their_text_is_damaged(whole: Path) -> None:
    hurt(whole, stored(whole, "SELECT substr(folded, 1, 100) FROM text WHERE field = 'artist'"))
    with Catalogue.open(whole, write=True) as opened:
        assert len(find(opened, Query(words=(("artist", "artist 7"),)))) == 1
        assert opened.damaged == {"text"}
        assert examine(opened).lines(opened) == ["text of the rows 0 to 4,095"]
        refresh_index(opened)
        assert examine(opened).is_sound


def test_a_damaged_timeline_is_named_and_that_file_alone_is_predicted_again(
    whole: Path, tones: str, rows: dict[str, CatalogueTrack], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, name = kept(whole), list(rows)[4]
    hurt(whole, stored(whole, "SELECT points FROM timeline WHERE track = 5"))
    with Catalogue.open(whole) as opened:
        assert damaged_rows(opened) == {5: "timeline"}
        with pytest.raises(DamagedCatalogueError, match=r"the timeline of .*catalogue repair"):
            opened.track(name)
        assert opened.track(list(rows)[5]) is not None
    asked: list[str] = []
    predict = repair_module.predict_stream
    monkeypatch.setattr(
        repair_module,
        "predict_stream",
        lambda paths, model, jobs: predict(asked.extend(paths) or asked, model, jobs=jobs),
    )
    assert mended(whole, tones) == [f"the timeline of '{name}' is predicted again"]
    assert asked == [name]
    assert kept(whole) == before


def test_a_damaged_number_is_seen_by_who_writes_it(whole: Path) -> None:
    with sqlite3.connect(whole) as opened:
        opened.execute("DROP TRIGGER prediction_unsealed")
        opened.execute("UPDATE prediction SET confidence = 0.75 WHERE track = 3")
    opened.close()
    with Catalogue.open(whole) as catalogue:
        assert damaged_rows(catalogue) == {3: "prediction"}
        list(catalogue.columns([3], ("path", "confidence")))
        assert catalogue.damaged == set()
        list(catalogue.columns([3], [name for name in ROW_COLUMNS if name != "distance"]))
        assert catalogue.damaged == {"predictions"}


def test_predictions_whose_model_is_lost_are_made_again(whole: Path, tones: str) -> None:
    with sqlite3.connect(whole) as opened:
        opened.execute("DELETE FROM model")
    opened.close()
    names = [name for name in ROW_COLUMNS if name != "distance"]
    with Catalogue.open(whole) as catalogue:
        list(catalogue.columns([3], names))
        assert catalogue.damaged == {"predictions"}
        with pytest.raises(DamagedCatalogueError, match="the model of"):
            list(catalogue.tracks([3]))
        assert set(damaged_rows(catalogue).values()) == {"prediction"}
    assert len(mended(whole, tones)) > FILES


def test_what_another_program_changes_is_no_damage(whole: Path) -> None:
    with Catalogue.open(whole, write=True) as opened:
        opened.connection.execute("UPDATE prediction SET calmness = 0.5 WHERE track = 3")
        opened.connection.execute("UPDATE timeline SET first = 2.0 WHERE track = 4")
        assert damaged_rows(opened) == {}
        question = "SELECT (SELECT count(checksum) FROM prediction), count(checksum) FROM timeline"
        assert opened.connection.execute(question).fetchone() == (FILES - 1, FILES - 1)
        seal(opened)
        assert opened.connection.execute(question).fetchone() == (FILES, FILES)
        assert damaged_rows(opened) == {}


def test_what_is_away_or_changed_is_named_and_kept(
    whole: Path, tones: str, rows: dict[str, CatalogueTrack]
) -> None:
    away, changed, copied = (Path(list(rows)[number]) for number in (4, 5, 6))
    for number in (5, 6, 7):
        hurt(whole, stored(whole, f"SELECT points FROM timeline WHERE track = {number}"))
    twin = replace(rows[str(copied)], path="/elsewhere/copy.mp3")
    with Catalogue.held(whole) as opened:
        opened.write(twin)
        away.unlink()
        changed.write_bytes(b"another song")
        before = opened.connection.execute("SELECT * FROM track ORDER BY id").fetchall()
        done = repair(opened, model=tones)
        assert done.mended == [f"the timeline of '{copied}' is predicted again"]
        gone, other = done.failures
        assert gone.endswith("cannot be read (No such file or directory)")
        assert other.endswith("its file has changed since; scan its folder")
        assert opened.connection.execute("SELECT * FROM track ORDER BY id").fetchall() == before
        assert set(damaged_rows(opened)) == {5, 6}


def test_a_repair_wants_the_catalogues_model(whole: Path) -> None:
    hurt(whole, stored(whole, "SELECT points FROM timeline WHERE track = 5"))
    with Catalogue.held(whole) as opened, pytest.raises(CatalogueError, match="with --model"):
        repair(opened, model="light")


@needs_dbstat
def test_a_file_whose_pages_are_damaged_is_made_anew_from_what_can_be_read(
    whole: Path, tones: str
) -> None:
    before = kept(whole)
    for table in ("timeline", "prediction", "track_audio"):
        place, size = damage_catalogue.pages(whole, table)[-1]
        data = bytearray(whole.read_bytes())
        data[place : place + size] = bytes(size)
        whole.write_bytes(data)
    with Catalogue.open(whole) as opened, pytest.raises(CatalogueError, match="catalogue repair"):
        list(opened.tracks(range(100)))
    with Catalogue.open(whole) as reader:  # who has it open goes on
        assert "the file is made anew from what could be read" in mended(whole, tones)
        assert len(reader) == FILES
    assert kept(whole) == before
    assert not list(whole.parent.glob(".*"))


@needs_dbstat
def test_rows_of_files_that_are_lost_are_counted(whole: Path, tones: str) -> None:
    place, size = damage_catalogue.pages(whole, "track")[-1]
    data = bytearray(whole.read_bytes())
    data[place : place + size] = bytes(size)
    whole.write_bytes(data)
    lines = mended(whole, tones)
    with Catalogue.open(whole) as opened:
        lost = FILES - len(opened)
        assert 0 < lost < FILES
    assert f"{lost} rows of the table 'track' could not be read; a scan" in " ".join(lines)


@needs_dbstat
def test_where_the_tables_are_described_nothing_can_be_mended(whole: Path) -> None:
    data = bytearray(whole.read_bytes())
    data[100:4096] = bytes(3996)
    whole.write_bytes(data)
    with pytest.raises(CatalogueError, match="move it away and scan again"):
        Catalogue.open(whole, write=True)
