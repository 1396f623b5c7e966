from __future__ import annotations

import math
import os
import re
import sqlite3
import threading
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.tracks import prediction, row_of, track
from music_emotion.digest import FileStamp
from music_emotion.errors import CatalogueError
from music_emotion.inference.prediction import FLAGS
from music_emotion.library import catalogue as catalogue_module
from music_emotion.library import vectors
from music_emotion.library.catalogue import SCHEMA, Catalogue, default_catalogue
from music_emotion.library.search import Query, Range, find, refresh_index, words_of
from music_emotion.library.track import (
    CatalogueTrack,
    ModelId,
    Tags,
    fault,
    restored_path,
    stored_path,
)
from music_emotion.library.vectors import KINDS, load_vectors, tracks_within

SCHEMAS = Path(__file__).with_name("schemas")
ODD_NAMES = [b"caf\xe9.mp3", b"two\nlines.mp3", "Bjö\u0308rk.mp3".encode(), b"50%_'\"[a].mp3", b" "]


def test_a_track_comes_back_as_it_was_written(catalogue: Catalogue) -> None:
    written = track("a.mp3", "Björk", calmness=0.7, tension=0.1)
    number = catalogue.write(written)
    read = row_of(catalogue, written.path)
    assert read.id == number
    assert (read.stamp, read.audio, read.tags) == (written.stamp, written.audio, written.tags)
    assert read.prediction is not None and written.prediction is not None
    np.testing.assert_array_equal(read.prediction.intensities, written.prediction.intensities)
    np.testing.assert_array_equal(read.prediction.emotions, written.prediction.emotions)
    assert read.prediction.top == "calmness"
    assert read.prediction.warnings == ("a note",)
    assert read.model_sha256 == written.model_sha256
    before, after = written.prediction.timeline, read.prediction.timeline
    np.testing.assert_allclose(after.emotions, before.emotions, atol=1 / 509)
    np.testing.assert_allclose(after.intensities, before.intensities, atol=1 / 509)
    np.testing.assert_allclose(after.valence, [0.0, 0.1], atol=1 / 253)
    np.testing.assert_allclose(after.arousal, [0.0, -0.1], atol=1 / 253)
    for name in ("time", "start", "end", "weight"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    assert (read.prediction.valence, read.prediction.arousal) == (0.25, -0.5)
    assert (read.prediction.familiarity, read.prediction.standing[4]) == (0.75, np.float32(0.7))
    assert read.to_row() == written.to_row()


@pytest.mark.parametrize("flag", ["unfamiliar", "heard_in_training"])
def test_a_flag_is_kept(catalogue: Catalogue, flag: str) -> None:
    raised = replace(prediction(), **{flag: True})
    catalogue.write(replace(track("a"), prediction=raised))
    read = row_of(catalogue, "/music/a").prediction
    assert read is not None
    assert {name: getattr(read, name) for name in FLAGS} == {name: name == flag for name in FLAGS}
    assert type(read.unfamiliar) is bool


def test_a_graph_has_several_versions(catalogue: Catalogue) -> None:
    one, two = track("a"), track("b")
    assert two.prediction is not None
    two = replace(two, prediction=replace(two.prediction, version="2"))
    catalogue.write_all([one, two])
    known = catalogue.known_under("/music")
    assert known["/music/a"].model == ModelId("1" * 64, "1") == one.model_id
    assert known["/music/b"].model == ModelId("1" * 64, "2") == two.model_id
    assert row_of(catalogue, "/music/b").prediction.version == "2"
    assert list(catalogue.known_otherwise("tones", two.model_id)) == ["/music/a"]
    assert catalogue.known_otherwise("others", two.model_id) == {}


def of_version(name: str, version: str, model: str = "tones", **fields) -> CatalogueTrack:
    predicted = replace(prediction(), model=model, version=version)
    return track(name, prediction=predicted, model_sha256=f"{model} {version}", **fields)


def test_older_versions_of_a_model_are_counted(catalogue: Catalogue) -> None:
    catalogue.write_all([of_version("a", "0.9.0-x"), of_version("b", "0.9.0-x")])
    assert catalogue.older_versions() == {}
    catalogue.write_all([of_version("c", "0.10.0-a"), of_version("d", "7", model="others")])
    assert catalogue.older_versions() == {"tones": 2}  # 10 is more than 9
    # Of two builds of a version, the one that came later is the newer.
    catalogue.write(of_version("e", "0.10.0-0"))
    assert catalogue.older_versions() == {"tones": 3}
    gone = of_version("f", "0.1", missing_since=5)
    catalogue.write_all([gone, of_version("g", "0.1", path="s3://bucket/g.mp3")])
    assert catalogue.older_versions() == {"tones": 3}
    catalogue.write_all(of_version(name, "0.10.0-0") for name in "abc")
    assert catalogue.older_versions() == {}


def test_a_damaged_timeline_is_one_line(catalogue: Catalogue) -> None:
    catalogue.write(track("a"))
    for damaged in (b"no zlib", zlib.compress(b"x" * 20)):
        catalogue.connection.execute("UPDATE timeline SET points = ?", (damaged,))
        with pytest.raises(CatalogueError, match=r"is damaged \(.+\); mend it: .*repair"):
            catalogue.track("/music/a")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_are_kept_byte_by_byte(catalogue: Catalogue, name: bytes) -> None:
    path = "/music/" + os.fsdecode(name)
    catalogue.write(replace(track("a"), path=path))
    assert [os.fsencode(known) for known in catalogue.known_under("/music")] == [b"/music/" + name]
    assert row_of(catalogue, path).path == path


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_any_path_is_stored_without_loss(name: bytes) -> None:
    assert os.fsencode(restored_path(stored_path(os.fsdecode(name)))) == name


def test_a_path_has_one_row_and_a_moved_file_keeps_its_own(catalogue: Catalogue) -> None:
    number = catalogue.write(track("a"))
    assert catalogue.write(track("a", calmness=0.9)) == number
    other = catalogue.write(track("b"))
    assert catalogue.write(replace(track("a"), path="/music/b", id=number)) == number
    assert len(catalogue) == 1
    assert [t.id for t in catalogue.tracks([other, number])] == [number]


def test_a_file_that_fails_later_loses_its_prediction(catalogue: Catalogue) -> None:
    catalogue.write(track("a"))
    catalogue.write(replace(track("a"), prediction=None, model_sha256="", error="'a' is damaged"))
    read = row_of(catalogue, "/music/a")
    assert read.prediction is None and read.error == "'a' is damaged"
    assert catalogue.known_under("/music")["/music/a"].failed


def test_a_folder_is_not_its_neighbours(catalogue: Catalogue) -> None:
    for path in ("/music/rock/a", "/music/rock2/a", "/music/rock", "/musi", "/music/rock/x/b"):
        catalogue.write(replace(track("a"), path=path))
    assert set(catalogue.known_under("/music/rock")) == {"/music/rock/a", "/music/rock/x/b"}
    assert len(catalogue.known_under("/")) == 5


def test_all_or_nothing(catalogue: Catalogue) -> None:
    broken = replace(track("b"), stamp=FileStamp("x", None, 0))  # type: ignore[arg-type]
    with pytest.raises(CatalogueError):
        catalogue.write_all([track("a"), broken])
    assert len(catalogue) == 0


def test_retagged_missing_and_removed(catalogue: Catalogue) -> None:
    number = catalogue.write(track("a"))
    catalogue.restamp(number, FileStamp(1, 2, 3), Tags(artist="New"))
    catalogue.mark_missing([number], 5)
    read = row_of(catalogue, "/music/a")
    assert (read.stamp, read.tags.artist, read.missing_since) == (FileStamp(1, 2, 3), "New", 5)
    catalogue.remove([number])
    tables = ("track", "prediction", "timeline")
    counts = [
        catalogue.connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        for name in tables
    ]
    assert counts == [0, 0, 0]
    assert catalogue.check() == []


def test_who_retags_a_file_does_not_outdate_what_is_searched_in(catalogue: Catalogue) -> None:
    number = catalogue.write(track("a", "Björk"))
    refresh_index(catalogue)
    catalogue.restamp(number, FileStamp(1, 2, 3), row_of(catalogue, "/music/a").tags)
    counts = [
        catalogue.connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        for name in ("vector", "text")
    ]
    assert counts == [1, 5]
    catalogue.mark_missing([number], 5)
    catalogue.restamp(number, FileStamp(1, 2, 3), Tags())
    assert row_of(catalogue, "/music/a").missing_since is None


def test_tags_that_are_no_unicode_do_no_harm(catalogue: Catalogue) -> None:
    catalogue.write(replace(track("a"), tags=Tags(artist="\udcff")))
    assert row_of(catalogue, "/music/a").tags.artist == "\\udcff"


def test_other_programs_can_read_while_one_writes(catalogue: Catalogue) -> None:
    catalogue.write(track("a", calmness=0.8))
    with Catalogue.open(catalogue.path) as reader:
        catalogue.connection.execute("BEGIN IMMEDIATE")
        assert len(reader) == 1
        catalogue.connection.execute("ROLLBACK")
    plain = sqlite3.connect(f"file:{catalogue.path}?mode=ro", uri=True)
    row = plain.execute("SELECT path, top, model, round(intensity_calmness, 3) FROM tracks")
    assert row.fetchall() == [("/music/a", "calmness", "tones", 0.8)]
    plain.close()


def test_two_programs_may_make_it_at_once(tmp_path: Path) -> None:
    path, errors = tmp_path / "new" / "c.sqlite", []

    def make(name: str) -> None:
        try:
            with Catalogue.open(path, write=True) as opened:
                opened.write(track(name))
        except CatalogueError as error:
            errors.append(error)

    threads = [threading.Thread(target=make, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with Catalogue.open(path) as opened:
        assert len(opened) == 4


def test_what_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "none.sqlite"
    with pytest.raises(CatalogueError, match="make one: music-emotion scan FOLDER"):
        Catalogue.open(missing)
    assert not missing.exists()
    with pytest.raises(CatalogueError, match="is a folder"):
        Catalogue.open(tmp_path, write=True)
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"this is no database" * 1000)
    for write in (False, True):
        with pytest.raises(CatalogueError, match="not a catalogue, or is damaged"):
            Catalogue.open(damaged, write=write)
    assert damaged.read_bytes() == b"this is no database" * 1000
    (tmp_path / "file").touch()
    with pytest.raises(CatalogueError, match="cannot make the catalogue's folder"):
        Catalogue.open(tmp_path / "file" / "c.sqlite", write=True)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (x)")
    other.commit()
    other.close()
    before = path.read_bytes()
    for write in (False, True):
        with pytest.raises(CatalogueError, match="not a catalogue of music-emotion"):
            Catalogue.open(path, write=write)
    assert path.read_bytes() == before


def test_a_newer_catalogue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with Catalogue.open(path, write=True) as opened:
        opened.connection.execute(f"PRAGMA user_version = {SCHEMA.version + 1}")
    for write in (False, True):
        with pytest.raises(CatalogueError, match="newer music-emotion"):
            Catalogue.open(path, write=write)


def older(path: Path, version: int) -> Path:
    """A catalogue as the code of that version made it: ``a.mp3`` is predicted, ``b.mp3`` failed."""
    made = sqlite3.connect(path)
    made.executescript(SCHEMAS.joinpath(f"version_{version}.sql").read_text())
    made.close()
    return path


def described(catalogue: Catalogue) -> dict[str, list[tuple[object, ...]]]:
    """Columns of all tables and views, and the text of all triggers and indices."""
    names = catalogue.connection.execute("SELECT name, type, sql FROM sqlite_master").fetchall()
    return {
        name: catalogue.connection.execute(f"PRAGMA table_info({name})").fetchall() or [(sql,)]
        for name, _, sql in names
    }


@pytest.mark.parametrize("version", range(1, SCHEMA.version))
@pytest.mark.parametrize("write", [True, False], ids=["written", "only read"])
def test_an_older_catalogue_is_read_as_one_of_now(
    tmp_path: Path, catalogue: Catalogue, version: int, write: bool
) -> None:
    path = older(tmp_path / "old.sqlite", version)
    before, moods = path.read_bytes(), version >= 3
    with Catalogue.open(path, write=write) as opened:
        calm, damaged = opened.tracks([1, 2])
        assert calm == replace(track("a.mp3", "Björk"), prediction=calm.prediction, id=1)
        expected = replace(prediction(calmness=0.7, tension=0.1), path="/music/a.mp3")
        if not moods:
            expected = replace(
                expected,
                **dict.fromkeys(("valence", "arousal", "familiarity"), math.nan),
                standing=np.full(9, np.nan, np.float32),
            )
        assert calm.prediction is not None
        course, heard = calm.prediction.timeline, expected.timeline
        assert calm.prediction.to_dict() == replace(expected, timeline=course).to_dict()
        np.testing.assert_allclose(course.emotions, heard.emotions, atol=1 / 509)
        assert (course.start.tolist(), course.end.tolist()) == ([0.0, 3.0], [3.0, 6.0])
        for name in ("intensities", "weight", "valence", "arousal"):
            assert np.isnan(getattr(course, name)).all() == (not moods)
        assert (damaged.prediction, damaged.error) == (None, "'b' is damaged")
        found = {by: find(opened, Query(("calmness",), at_least=0.5, by=by)).ids for by in KINDS}
        assert {by: ids.tolist() for by, ids in found.items()} == {
            "intensities": [1],
            "probabilities": [1],
            "standing": [1] if moods else [],
        }
        assert find(opened, Query(("calmness",))).ids.tolist() == [1]
        assert len(find(opened, Query(within=(Range("valence", -1.0, 1.0),)))) == moods
        assert find(opened, Query(words=words_of(artist="björk"))).ids.tolist() == [1]
        assert find(opened, Query(words=words_of(text="JÖ"))).ids.tolist() == [1]
        assert opened.broken().tolist() == [2]
        if not write:
            return
        assert described(opened) == described(catalogue)
        assert opened.check() == []
        assert opened.write(track("c.mp3")) == 3
        copy = replace(calm, path="/music/d.mp3", id=None)
        opened.write(copy)  # what is not known stays so
        assert row_of(opened, "/music/d.mp3").to_row() == copy.to_row()
        pleasant = find(opened, Query(within=(Range("valence", 0.2, 0.3),))).ids.tolist()
        assert pleasant == ([1, 3, 4] if moods else [3])
        row = opened.connection.execute("SELECT path, version, round(calmness, 3) FROM tracks")
        assert row.fetchone() == ("/music/a.mp3", "1", 0.609)
    with Catalogue.open(path) as again:
        assert len(again) == 4
    assert path.read_bytes() != before


@pytest.mark.parametrize("version", range(1, SCHEMA.version))
def test_an_older_catalogue_that_is_only_read_is_not_touched(tmp_path: Path, version: int) -> None:
    path = older(tmp_path / "old.sqlite", version)
    before = path.read_bytes()
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        with Catalogue.open(path) as opened:
            assert len(list(opened.predicted())) == 1
            assert opened.track("/music/a.mp3") is not None
        assert path.read_bytes() == before
    finally:
        tmp_path.chmod(0o755)


def test_blocks_of_an_older_catalogue_serve_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = older(tmp_path / "old.sqlite", 2)
    values = np.full((4096, 9), np.nan, "<f4")
    values[1] = 0.5
    plain = sqlite3.connect(path)
    plain.execute("INSERT INTO vector VALUES (0, ?, ?)", (values.tobytes(), values.tobytes()))
    plain.commit()
    plain.close()
    for write in (False, True):
        with Catalogue.open(path, write=write) as opened, monkeypatch.context() as patched:
            patched.setattr(vectors, "_read_block", None)  # nothing is read anew
            lengths = {kind: len(load_vectors(opened, kind)) for kind in KINDS}
            assert lengths == {"intensities": 1, "probabilities": 1, "standing": 0}
            assert len(tracks_within(opened, [("valence", -1.0, 1.0)])) == 0


def test_a_migration_happens_wholly_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = older(tmp_path / "old.sqlite", 1)
    broken = replace(SCHEMA.migrations[-1], upgrade="DROP VIEW tracks;\nDROP TABLE none;\n")
    with monkeypatch.context() as patched:
        patched.setattr(catalogue_module, "SCHEMA", replace(SCHEMA, migrations=(broken,)))
        with pytest.raises(CatalogueError, match="cannot be used"):
            Catalogue.open(path, write=True)
    with Catalogue.open(path, write=True) as opened:
        assert opened.connection.execute("PRAGMA user_version").fetchone() == (SCHEMA.version,)
        assert opened.connection.execute("SELECT count(*) FROM tracks").fetchone() == (2,)


def test_damage_in_the_middle_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with Catalogue.open(path, write=True) as opened:
        opened.write_all(track(str(number)) for number in range(500))
    data = bytearray(path.read_bytes())
    data[4096 * 8 :] = os.urandom(len(data) - 4096 * 8)
    path.write_bytes(data)
    with pytest.raises(CatalogueError, match="damaged"), Catalogue.open(path) as opened:
        list(opened.tracks(range(500)))


def test_a_full_disk_is_one_line_and_costs_nothing(catalogue: Catalogue) -> None:
    catalogue.write(track("kept"))
    pages = catalogue.connection.execute("PRAGMA page_count").fetchone()[0]
    catalogue.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(CatalogueError, match="the disk is full; what was written is kept"):
        catalogue.write_all(track(str(number)) for number in range(5_000))
    assert len(catalogue) == 1
    assert catalogue.check() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    path = tmp_path / "c" / "c.sqlite"
    with Catalogue.open(path, write=True) as opened:
        opened.write(track("a"))
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        with Catalogue.open(path) as opened:
            assert len(opened) == 1
        with pytest.raises(CatalogueError), Catalogue.open(path, write=True) as opened:
            opened.write(track("b"))
    finally:
        path.parent.chmod(0o755)


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MUSIC_EMOTION_CATALOGUE", str(tmp_path / "mine"))
    assert default_catalogue() == tmp_path / "mine"
    monkeypatch.delenv("MUSIC_EMOTION_CATALOGUE")
    assert default_catalogue().name == "catalogue.sqlite"


def test_the_documentation_names_every_table_and_column(catalogue: Catalogue) -> None:
    text = Path(__file__).parents[2].joinpath("docs", "catalogue.md").read_text()
    for (table,) in catalogue.connection.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%'"
    ):
        assert f"`{table}`" in text
        for row in catalogue.connection.execute(f"PRAGMA table_info({table})"):
            name = re.sub(r"^(intensity|standing)_.*", r"\1_…", row[1])
            assert f"`{name}`" in text or table == "tracks", (table, name)


def test_what_is_broken_is_told_alike_by_sql_and_in_words(catalogue: Catalogue) -> None:
    warnings = (
        (), ("a note",), ("very quiet", "damaged at 3.0 s; 1.0 s are missing, taken as silence"),
        ("only 3.0 of 5.0 s could be read",), ("only 1.2 s of sound, repeated to 3 s",),
    )  # fmt: skip
    rows = []
    for number, lines in enumerate(warnings):
        for confidence in (0.0, 0.5):
            said = replace(prediction(), warnings=lines, confidence=confidence)
            rows.append(replace(track(f"{number} {confidence}"), prediction=said))
    rows.append(replace(track("bad"), prediction=None, model_sha256="", error="'bad' is no audio"))
    ids = catalogue.write_all(rows)
    names = ("path", "error", "top", "warnings")
    ((read, columns),) = catalogue.columns(ids, names)
    told = list(map(fault, *(columns[name] for name in names[1:])))
    assert [n for n, why in zip(read, told, strict=True) if why] == catalogue.broken().tolist()
    said = dict(zip(columns["path"], told, strict=True))
    assert said["/music/2 0.5"] == "damaged at 3.0 s; 1.0 s are missing, taken as silence"
    assert said["/music/3 0.5"] == "only 3.0 of 5.0 s could be read"
    assert said["/music/0 0.0"] == "silent: there is nothing to hear"
    assert said["/music/bad"] == "'bad' is no audio"
    assert sum(not why for why in told) == 3
    catalogue.mark_missing(ids, 5)
    assert len(catalogue.broken()) == 0


def test_columns_come_in_the_order_asked_for(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = catalogue.write_all(track(name) for name in "abcde")
    monkeypatch.setattr(catalogue_module, "PIECE", 2)
    wanted = [ids[3], 99, ids[0], ids[4]]
    pieces = list(catalogue.columns(wanted, ("title", "model")))
    assert [title for _, piece in pieces for title in piece["title"]] == ["d", "a", "e"]
    assert [number for some, _ in pieces for number in some] == [ids[3], ids[0], ids[4]]
    assert {model for _, piece in pieces for model in piece["model"]} == {"tones"}


def test_an_engine_needs_no_more_than_the_row() -> None:
    row = CatalogueTrack("/a", FileStamp(0, 0, 0), b"", error="'a' is empty")
    assert (row.prediction, row.id, row.missing_since) == (None, None, None)
