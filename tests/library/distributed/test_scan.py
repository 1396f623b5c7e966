from __future__ import annotations

import os
import signal
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from helpers import deadly
from helpers.graphs import package, tone_detector
from helpers.sounds import RATE, tone
from music_emotion.errors import CatalogueError, MusicEmotionError
from music_emotion.inference.model_card import read_card
from music_emotion.inference.package import write_package
from music_emotion.inference.reference import reference_of
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.distributed import scan as ray_scan
from music_emotion.library.distributed.scan import scan_on_ray
from music_emotion.library.distributed.shards import ShardFolder
from music_emotion.library.distributed.urls import find_locations
from music_emotion.library.scan import ScanOptions, scan
from music_emotion.library.track import ModelId

pytest.importorskip("ray", reason="Ray is missing: pip install 'music-emotion[distributed]'")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(package(tmp_path_factory.mktemp("model") / "tones", tone_detector(), name="tones"))


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Twelve songs of one second, one with a name that is no UTF-8, and a letter."""
    folder = tmp_path_factory.mktemp("music")
    (folder / "more").mkdir()
    for number in range(11):
        place = folder / "more" if number % 3 else folder
        sf.write(place / f"{number:02}.wav", tone(1.0, hertz=440.0 + 200 * number), RATE)
    odd = (
        os.fsencode(folder) + b"/\xe9t\xe9.flac"
    )  # soundfile takes names that are no text as bytes
    sf.write(odd, tone(1.0, hertz=3_000.0), RATE)
    (folder / "letter.mp3").write_text("dear listener")
    return folder


def test_another_model_needs_another_folder(tmp_path):
    ShardFolder(str(tmp_path)).begin(["/a.wav"], ModelId("one", "1"), 5)
    with pytest.raises(CatalogueError, match="another model; name another with --output"):
        ShardFolder(str(tmp_path)).begin(["/a.wav"], ModelId("other", "1"), 5)
    (tmp_path / "_manifest.parquet").write_bytes(b"PAR1")
    with pytest.raises(CatalogueError, match="damaged manifest"):
        ShardFolder(str(tmp_path)).begin(["/a.wav"], ModelId("one", "1"), 5)


def plain(track):
    """A row without what differs between two scans: the moment, the number, the envelope."""
    prediction = track.prediction
    if prediction is not None:
        timeline = (prediction.timeline.time.tolist(), prediction.timeline.emotions.tolist())
        prediction = (
            prediction.model,
            prediction.version,
            prediction.duration,
            prediction.confidence,
            prediction.top,
            prediction.emotions.tolist(),
            prediction.intensities.tolist(),
            timeline,
            prediction.warnings,
        )
    return replace(track, prediction=prediction, scanned_at=0, id=None)


def test_the_rows_are_those_of_the_local_engine(music, model, tmp_path, ray_here):
    paths = find_locations([str(music)])
    reported: list[tuple[int, int]] = []
    summary = scan_on_ray(
        paths,
        str(tmp_path / "out"),
        model=model,
        jobs=2,
        shard_tracks=3,
        progress=lambda *news: reported.append(news),
    )
    assert (summary.tracks, summary.shards, summary.predicted) == (13, 5, 13)
    assert (summary.failed, summary.deaths) == (1, 0)
    letter = str(music / "letter.mp3")
    assert summary.failures == (f"'{letter}' is not audio, or damaged at its beginning",) or (
        len(summary.failures) == 1 and summary.failures[0].startswith(f"'{letter}' ")
    )
    assert reported[0] == (0, 13) and reported[-1] == (13, 13)
    there = {track.path: plain(track) for track in ShardFolder(str(tmp_path / "out")).read()}
    with Catalogue.open(tmp_path / "catalogue.sqlite", write=True) as catalogue:
        scan(catalogue, [str(music)], ScanOptions(model))
        here = {path: plain(catalogue.track(path)) for path in paths}
    assert there == here

    # A second time there is nothing to do; a damaged shard is made again, and no other.
    files = sorted((tmp_path / "out").glob("shard-*"))
    before = {file: file.stat().st_mtime_ns for file in files}
    files[2].write_bytes(files[2].read_bytes()[:-9])
    again = scan_on_ray(paths, str(tmp_path / "out"), model=model, jobs=2, shard_tracks=7)
    assert (again.tracks, again.predicted) == (13, 3)
    assert [f for f in files if f.stat().st_mtime_ns != before[f]] == [files[2]]
    assert {t.path: plain(t) for t in ShardFolder(str(tmp_path / "out")).read()} == here

    # New tracks are new shards.
    sf.write(tmp_path / "new.wav", tone(1.0), RATE)
    more = find_locations([str(music), str(tmp_path / "new.wav")])
    assert scan_on_ray(more, str(tmp_path / "out"), model=model, jobs=2).predicted == 1
    import pyarrow.parquet as parquet

    assert len(parquet.read_table(tmp_path / "out")) == 14


def test_what_failed_is_named_again_and_tried_again_where_that_can_pass(
    music, model, tmp_path, ray_here, monkeypatch
):
    away, out = tmp_path / "away.wav", str(tmp_path / "out")
    paths = [*find_locations([str(music)])[:3], str(music / "letter.mp3"), str(away)]
    first = scan_on_ray(paths, out, model=model, jobs=2)
    assert (first.predicted, first.failed, len(first.failures), first.shards) == (5, 2, 2, 1)
    with monkeypatch.context() as patched:  # a folder of the first version says less
        patched.setattr(ray_scan, "ray_cluster", None)
        letter = scan_on_ray(paths[:4], out, model=model, jobs=2)  # and asks no cluster
    assert (letter.predicted, letter.failed) == (0, 0)
    assert letter.failures == tuple(line for line in first.failures if "letter" in line)
    before = list(ShardFolder(out).read())
    assert before[4].error == f"'{away}' cannot be read (No such file or directory)"
    sf.write(away, tone(1.0), RATE)
    second = scan_on_ray(paths, out, model=model, jobs=2)
    assert (second.predicted, second.failed, second.failures) == (1, 0, letter.failures)
    after = list(ShardFolder(out).read())
    assert [plain(row) for row in after[:4]] == [plain(row) for row in before[:4]]
    assert [row.scanned_at for row in after[:4]] == [row.scanned_at for row in before[:4]]
    assert after[4].prediction is not None and after[4].prediction.top == "calmness"
    third = scan_on_ray(paths, out, model=model, jobs=2, retry=True)
    assert (third.predicted, third.failed, third.failures) == (1, 1, letter.failures)


def test_what_no_machine_has_is_said(music, model, tmp_path, ray_here):
    wanted = ray_scan.Resources(cpus=64.0, memory=10**15)
    with pytest.raises(MusicEmotionError, match=r"has 64 processors and 1e\+06 GB .*--cpus"):
        paths = find_locations([str(music)])
        scan_on_ray(paths, str(tmp_path), model=model, jobs=2, resources=wanted)


def test_workers_are_as_many_as_fit() -> None:
    nodes = [{"Resources": {"CPU": 4.0, "memory": 8e9}}, {"Resources": {"memory": 1e9}}]
    assert ray_scan.Resources().fitting(nodes) == 4
    assert ray_scan.Resources(cpus=0.5, per_node=3).fitting(nodes) == 3
    assert ray_scan.Resources(cpus=0.5, memory=3 * 10**9).fitting(nodes) == 2


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(tmp_path, model, ray_here):
    music = tmp_path / "music"
    music.mkdir()
    for number in range(24):
        sf.write(music / f"{number:02}.wav", tone(20.0, hertz=440.0 + number), RATE)
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        at_work = scanning_processes()
        if not killed and done >= 4 and at_work:
            os.kill(at_work[0], signal.SIGKILL)
            killed.append(at_work[0])

    paths = find_locations([str(music)])
    out = str(tmp_path / "out")
    summary = scan_on_ray(paths, out, model=model, jobs=2, shard_tracks=4, progress=kill)
    assert killed and summary.deaths == 1
    rows = list(ShardFolder(out).read())
    assert Counter(track.path for track in rows) == Counter(paths)
    assert not [track.error for track in rows if track.error]
    assert not list(Path(out).glob(".*"))


def scanning_processes() -> list[int]:
    """Numbers of this test's processes that are at a shard.

    Others are those of scans that ended, and of clusters that other tests have at the same time.
    """
    parents, at_work = dict[int, int](), []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            name = (place / "cmdline").read_bytes()
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents[int(place.name)] = parent
        if name.startswith(b"ray::ShardScanner.scan"):
            at_work.append(int(place.name))

    def is_own(number: int) -> bool:
        while number not in (0, os.getpid()):
            number = parents.get(number, 0)
        return number != 0

    return [number for number in at_work if is_own(number)]


def test_a_track_that_kills_its_process_is_a_row(tmp_path, model, ray_here, monkeypatch):
    music = tmp_path / "music"
    music.mkdir()
    sf.write(music / "good.wav", tone(1.0), RATE)
    sf.write(music / "killer.wav", tone(1.0), RATE)
    sf.write(music / "last.wav", tone(1.0), RATE)
    monkeypatch.setattr(ray_scan, "ShardScanner", deadly.DeadlyScanner)
    paths, out = find_locations([str(music)]), str(tmp_path / "out")
    summary = scan_on_ray(paths, out, model=model, jobs=1, shard_tracks=3)
    assert summary.deaths == 2
    good, killer, last = ShardFolder(out).read()
    assert good.error == last.error == ""
    assert killer.error == f"'{killer.path}' killed the process that read it; leave it out"


def test_tracks_in_other_storage(tmp_path, model, ray_here):
    with zipfile.ZipFile(tmp_path / "songs.zip", "w") as archive:
        for name, hertz in (("calm", 440.0), ("tense", 3_000.0)):
            sf.write(tmp_path / f"{name}.wav", tone(3.0, hertz=hertz), RATE)
            archive.write(tmp_path / f"{name}.wav", f"disc/{name}.wav")
        archive.writestr("disc/letter.mp3", "dear listener")
    paths = find_locations([f"zip://disc::file://{tmp_path}/songs.zip"])
    assert paths == [
        f"zip://disc/{name}::file://{tmp_path}/songs.zip"
        for name in ("calm.wav", "letter.mp3", "tense.wav")
    ]
    scan_on_ray(paths, f"file://{tmp_path}/out", model=model, jobs=2)
    rows = list(ShardFolder(str(tmp_path / "out")).read())
    assert [row.path for row in rows] == paths
    assert [row.prediction and row.prediction.top for row in rows] == ["calmness", None, "tension"]
    assert rows[1].error.startswith(f"'{paths[1]}' is not audio")
    assert rows[0].stamp.size == (tmp_path / "calm.wav").stat().st_size


def test_actors_get_all_files_of_a_package(tmp_path: Path) -> None:
    folder = package(tmp_path / "model", tone_detector())
    assert set(ray_scan._package_content(folder)) == {"card.json", "model.onnx"}
    graph = (folder / "model.onnx").read_bytes()
    write_package(folder, read_card(folder), graph, reference_of(np.eye(9)))
    files = ray_scan._package_content(folder)
    assert {name: (folder / name).read_bytes() for name in files} == files
    assert len(files) == 3
