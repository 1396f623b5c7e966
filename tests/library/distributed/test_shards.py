from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.tracks import row_of, track
from music_emotion.digest import FileStamp
from music_emotion.emotions import EMOTIONS
from music_emotion.errors import CatalogueError, MissingExtraError
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.database import scan_lock
from music_emotion.library.distributed.shards import (
    FIRST_FORMAT,
    Done,
    Failure,
    Imported,
    ShardFolder,
    import_shards,
    track_table,
    tracks_of,
)
from music_emotion.library.track import CatalogueTrack, Tags

pytest.importorskip("pyarrow")
pytest.importorskip("fsspec")

OTHER = "2" * 64
OF_THE_FIRST_FORMAT = (
    *("path", "raw_path", "size", "mtime_ns", "inode", "audio", "artist", "album", "title"),
    *("genre", "year", "error", "scanned_at", "duration", "model", "version", "top", "confidence"),
    *EMOTIONS,
    *(f"intensity_{name}" for name in EMOTIONS),
    *("warnings", "model_sha256", "timeline_first", "timeline_step", "timeline_window", "timeline"),
)
EARLIER, LATER = 1_700_000_000, 1_800_000_000


def row(path: Path, **fields) -> CatalogueTrack:
    """The row of a file as it is now."""
    path.write_bytes(path.name.encode())
    plain = track(path.name)
    return replace(plain, path=str(path), stamp=FileStamp.read(path), **fields)


def shards(folder: Path, rows: list[CatalogueTrack]) -> str:
    written = ShardFolder(str(folder / "out"))
    (shard,) = written.begin([row.path for row in rows], rows[0].model_id, 100)
    written.write(shard, rows, rows[0].model_id)
    return written.location


def paths(catalogue: Catalogue, folder: Path) -> dict[str, bool]:
    """Which files are catalogued, and whether they are missing."""
    return {Path(p).name: row.missing for p, row in catalogue.known_under(str(folder)).items()}


def test_a_shard_of_the_first_version_is_read() -> None:
    """Its columns are read as that version wrote them."""
    import pyarrow

    text, whole, real = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
    columns = {
        "path": (text, ["/music/caf\\xe9", "/b"]),
        "raw_path": (pyarrow.binary(), [b"/music/caf\xe9", None]),
        **{name: (whole, [number, 0]) for number, name in enumerate(("size", "mtime_ns", "inode"))},
        "audio": (pyarrow.binary(), [b"digest", b""]),
        **{name: (text, [name, ""]) for name in ("artist", "album", "title", "genre")},
        "year": (whole, [1997, None]),
        "error": (text, ["", "'b' is damaged"]),
        "scanned_at": (whole, [5, 6]),
        **{name: (text, [name, None]) for name in ("model", "version", "model_sha256")},
        "duration": (real, [12.5, None]),
        "top": (text, ["power", None]),
        "confidence": (real, [0.5, None]),
        **{name: (pyarrow.float32(), [0.25, None]) for name in EMOTIONS},
        **{f"intensity_{name}": (pyarrow.float32(), [0.75, None]) for name in EMOTIONS},
        "warnings": (pyarrow.list_(text), [["one; two", "three"], None]),
        "timeline_first": (real, [1.5, None]),
        "timeline_step": (real, [3.0, None]),
        "timeline_window": (real, [4.0, None]),
        "timeline": (pyarrow.list_(pyarrow.uint8()), [[0, 255, *[51] * 16], None]),
    }
    schema = pyarrow.schema([(name, kind) for name, (kind, _) in columns.items()])
    table = pyarrow.table([values for _, values in columns.values()], schema=schema)
    heard, failed = tracks_of(table)
    assert (heard.path, heard.stamp) == ("/music/caf\udce9", FileStamp(0, 1, 2))
    assert heard.tags == Tags("artist", "album", "title", "genre", 1997)
    assert (heard.audio, heard.scanned_at, heard.model_sha256) == (b"digest", 5, "model_sha256")
    prediction = heard.prediction
    assert prediction is not None and prediction.path == heard.path
    assert (prediction.model, prediction.version, prediction.duration, prediction.confidence) == (
        "model", "version", 12.5, 0.5,
    )  # fmt: skip
    assert (
        prediction.emotions.tolist() == [0.25] * 9 and prediction.intensities.tolist() == [0.75] * 9
    )
    assert prediction.warnings == ("one; two", "three")
    assert (prediction.timeline.time.tolist(), prediction.timeline.window) == ([1.5, 4.5], 4.0)
    assert prediction.timeline.emotions[0, :3].tolist() == [0.0, 1.0, np.float32(0.2)]
    assert failed == CatalogueTrack(
        "/b", FileStamp(0, 0, 0), b"", error="'b' is damaged", scanned_at=6
    )
    course = prediction.timeline
    assert all(np.isnan(values).all() for values in (course.intensities, course.weight))
    assert all(np.isnan(values).all() for values in (course.valence, course.arousal))
    assert np.isnan([prediction.valence, prediction.familiarity, *prediction.standing]).all()
    # What is written now has the same columns and more, which are null; a path that is no UTF-8 is
    # its address.
    now = track_table([heard, failed])
    assert set(schema) < set(now.schema)
    assert [{**row} for row in now.to_pylist()] == [
        {
            **dict.fromkeys(now.column_names),
            **row,
            **({"unfamiliar": False, "heard_in_training": False} if row["model"] else {}),
            "path": path,
            "top": row["model"] and "amazement",
        }
        for row, path in zip(table.to_pylist(), ["file:///music/caf%E9", "/b"], strict=True)
    ]


def test_a_whole_row_comes_back_from_parquet(tmp_path: Path) -> None:
    import pyarrow

    whole = track("a.mp3", "Björk", calmness=0.7)
    assert whole.prediction is not None
    prediction = replace(whole.prediction, unfamiliar=True)
    whole = replace(whole, prediction=prediction)
    table = track_table([whole])
    kinds = {name: table.schema.field(name).type for name in table.column_names}
    assert kinds["timeline_intensities"] == kinds["timeline_weight"] == kinds["timeline"]
    assert kinds["timeline_valence"] == pyarrow.list_(pyarrow.int8())
    assert kinds["standing_power"] == pyarrow.float32()
    assert kinds["unfamiliar"] == pyarrow.bool_()
    (row,) = table.to_pylist()
    assert row["timeline_valence"] == [0, 13]  # 127 · 0.1
    assert row["timeline_arousal"] == [0, -13]
    assert row["timeline_weight"] == [255, 255]
    (back,) = tracks_of(table)
    assert back.to_row() == whole.to_row()
    assert back.prediction is not None and back.prediction.unfamiliar
    location = shards(tmp_path, [whole])
    assert [each.to_row() for each in ShardFolder(location).read()] == [whole.to_row()]


def test_a_folder_is_of_one_version_of_a_model(tmp_path: Path) -> None:
    folder, model = ShardFolder(shards(tmp_path, [track("a.mp3")])), track("a.mp3").model_id
    (shard,) = folder.begin(["/music/a.mp3"], model, 100)
    assert folder.done(shard, model)
    newer = model._replace(version="2")
    assert not folder.done(shard, newer)
    with pytest.raises(CatalogueError, match="results of another model; name another"):
        folder.begin(["/music/a.mp3"], newer, 100)


def test_a_folder_of_the_first_format_goes_on(tmp_path: Path) -> None:
    import hashlib
    import json

    import pyarrow
    from pyarrow import parquet

    folder, model = ShardFolder(shards(tmp_path, [track("a.mp3")])), track("a.mp3").model_id
    path = b"/music/a.mp3"
    key = hashlib.sha256(f"1\n{model.sha256}\n".encode() + path + b"\0").hexdigest()
    rows = parquet.read_table(tmp_path / "out" / "shard-000000.parquet")
    kept = [name for name in rows.column_names if name in OF_THE_FIRST_FORMAT]
    manifest = pyarrow.table({"path": [path], "shard": [0]})
    for name, table, about in (
        ("_manifest.parquet", manifest, {"format": "1", "model_sha256": model.sha256}),
        ("shard-000000.parquet", rows.select(kept), {"format": "1", "shard": 0, "key": key}),
    ):
        described = table.replace_schema_metadata({b"music_emotion": json.dumps(about)})
        parquet.write_table(described, tmp_path / "out" / name)
    with pytest.raises(CatalogueError, match="another model"):
        folder.begin([], model._replace(sha256=OTHER), 100)
    first, second = folder.begin(["/music/a.mp3", "/music/b.mp3"], model, 100)
    assert folder.done(first, model) == Done(first.key(model, FIRST_FORMAT))
    assert folder.done(second, model) is None
    folder.write(second, [track("b.mp3")], model)
    old, new = (row.prediction for row in folder.read())
    assert old is not None and new is not None
    assert np.isnan(old.valence) and new.valence == 0.25
    # From now on the manifest is of this format, and the old shard stays done.
    assert all(folder.all_done(folder.begin([], model, 100), model))


def test_a_folder_of_a_newer_format_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("music_emotion.library.distributed.shards.FORMAT", "3")
        folder = ShardFolder(shards(tmp_path, [track("a.mp3")]))
    with pytest.raises(CatalogueError, match="newer music-emotion; update"):
        folder.begin([], track("a.mp3").model_id, 100)


def test_a_damaged_shard_is_one_line(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    location = shards(tmp_path, [track("a.mp3")])
    (path,) = Path(location).glob("shard-*")
    table = parquet.read_table(path)
    at = table.column_names.index("timeline_weight")
    odd = table.set_column(
        at, table.schema.field(at), pyarrow.array([[255]], table.schema.types[at])
    )
    parquet.write_table(odd, path)
    with pytest.raises(CatalogueError, match=r"cannot be read .*different lengths"):
        list(ShardFolder(location).read())


def test_without_pyarrow_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'music-emotion\[distributed\]'"):
        ShardFolder(str(tmp_path))


def test_rows_are_written_in_place_of_older_ones(catalogue: Catalogue, tmp_path: Path) -> None:
    new = row(tmp_path / "a.mp3", scanned_at=LATER)
    number = catalogue.write(replace(new, scanned_at=EARLIER, error="old", prediction=None))
    location = shards(tmp_path, [new, track("../bucket", path="s3://bucket/b.mp3")])
    assert import_shards(location, catalogue) == Imported(2, 0)
    assert import_shards(location, catalogue) == Imported(0, 0)  # what is there is not read again
    written = row_of(catalogue, new.path)
    assert written.prediction is not None
    assert (written.id, written.error, written.stamp) == (number, "", new.stamp)
    assert len(catalogue) == 2


def test_what_the_catalogue_has_from_a_later_scan_stays(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    old = row(tmp_path / "a.mp3", scanned_at=EARLIER)
    catalogue.write(replace(old, scanned_at=LATER, audio=b"another sound..."))
    assert import_shards(shards(tmp_path, [old]), catalogue) == Imported(0, 1)
    assert row_of(catalogue, old.path).audio == b"another sound..."


def test_files_that_moved_changed_or_went_away_since(catalogue: Catalogue, tmp_path: Path) -> None:
    moved, changed, gone, away = (row(tmp_path / f"{name}.mp3") for name in "mcga")
    location = shards(tmp_path, [moved, changed, gone, away])
    catalogue.write(replace(moved, path=str(tmp_path / "moved.mp3"), scanned_at=LATER))
    catalogue.write(replace(away, missing_since=1234))
    (tmp_path / "m.mp3").rename(tmp_path / "moved.mp3")
    (tmp_path / "c.mp3").write_bytes(b"other music")
    (tmp_path / "g.mp3").unlink()
    (tmp_path / "a.mp3").unlink()
    assert import_shards(location, catalogue) == Imported(2, 2)
    assert paths(catalogue, tmp_path) == {"moved.mp3": False, "g.mp3": True, "a.mp3": True}
    assert row_of(catalogue, away.path).missing_since == 1234


def test_the_inode_is_this_machines(catalogue: Catalogue, tmp_path: Path) -> None:
    one = row(tmp_path / "a.mp3")
    foreign = replace(one, stamp=replace(one.stamp, inode=1))
    assert import_shards(shards(tmp_path, [foreign]), catalogue) == Imported(1, 0)
    assert catalogue.known_under(str(tmp_path))[one.path].stamp == one.stamp


def test_a_catalogue_is_of_one_model(catalogue: Catalogue, tmp_path: Path) -> None:
    one = row(tmp_path / "a.mp3", model_sha256=OTHER)
    catalogue.write(track("b.mp3"))
    with pytest.raises(CatalogueError, match=r"by another model \(tones\); name another"):
        import_shards(shards(tmp_path, [one]), catalogue)
    assert len(catalogue) == 1


def test_a_held_catalogue_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "held.sqlite"
    raised = pytest.raises(CatalogueError, match=f"process {os.getpid()}")
    with Catalogue.held(path), raised, scan_lock(path):
        pass


def test_a_shard_that_was_made_again_is_put_in_again(catalogue: Catalogue, tmp_path: Path) -> None:
    rows = [row(tmp_path / name) for name in ("a.mp3", "b.mp3")]
    failed = replace(rows[1], prediction=None, model_sha256="", error="'b' cannot be read")
    folder = ShardFolder(shards(tmp_path, [rows[0], replace(failed, audio=b"")]))
    assert import_shards(folder.location, catalogue) == Imported(2, 0)
    (shard,) = folder.known(rows[0].model_id)
    done = folder.done(shard, rows[0].model_id)
    assert done is not None and done.failures == (Failure(1, "'b' cannot be read", passes=True),)
    folder.write(shard, [rows[0], failed], rows[0].model_id)
    again = folder.done(shard, rows[0].model_id)
    assert again is not None and again.failures == (Failure(1, failed.error, passes=False),)
    folder.write(shard, rows, rows[0].model_id)
    assert folder.done(shard, rows[0].model_id) != again
    assert import_shards(folder.location, catalogue) == Imported(2, 0)
    assert row_of(catalogue, rows[1].path).error == ""


def test_a_shard_of_an_earlier_version_tells_its_failures(tmp_path: Path) -> None:
    import json

    from pyarrow import parquet

    one = track("a.mp3")
    failed = replace(one, prediction=None, model_sha256="", error="'a' is no audio")
    folder = ShardFolder(shards(tmp_path, [failed]))
    path = next(Path(folder.location).glob("shard-*"))
    table = parquet.read_table(path)
    about = json.loads(table.schema.metadata[b"music_emotion"])
    kept = {name: about[name] for name in ("format", "shard", "key")}
    table = table.replace_schema_metadata({b"music_emotion": json.dumps(kept)})
    parquet.write_table(table, path)
    (shard,) = folder.known(failed.model_id)
    expected = Done(about["key"], (Failure(0, "'a' is no audio", passes=False),))
    assert folder.done(shard, failed.model_id) == expected
