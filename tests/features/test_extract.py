from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers import tasks
from helpers.processes import children_of, is_running, needs_proc
from music_emotion.audio import decode, read_audio
from music_emotion.datasets.corpus import Corpus, Track
from music_emotion.digest import FileDigest, file_digest
from music_emotion.errors import AudioError, CacheError, MusicEmotionError
from music_emotion.features import extract as module
from music_emotion.features.cache import FeatureStore
from music_emotion.features.compute import feature_key
from music_emotion.features.descriptors import advanced
from music_emotion.features.extract import CorpusFeatures, extract_corpus
from music_emotion.features.musicnn import POOLED_SIZE
from music_emotion.features.segments import SAMPLE_RATE, cut_segments
from music_emotion.features.spectrum import log_mel
from music_emotion.features.statistics import statistics

SEGMENTS = (2, 1, 3)  # of the tracks below


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Three tracks of noise of different rates and lengths."""
    folder = tmp_path_factory.mktemp("audio")
    tracks = []
    for number, (count, rate) in enumerate(zip(SEGMENTS, (44_100, 22_050, 16_000), strict=True)):
        samples = 0.1 * np.random.default_rng(number).standard_normal(int((3 * count + 1.3) * rate))
        path = folder / f"{number}.wav"
        soundfile.write(path, samples, rate)
        tracks.append(Track(str(number), path, label=number))
    return Corpus("noise", tuple(tracks), "fingerprint")


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "cache")


def with_tracks(corpus: Corpus, *paths: Path) -> Corpus:
    extra = tuple(Track(path.name, path, label=0) for path in paths)
    return Corpus(corpus.name, (corpus.tracks[0], *extra, *corpus.tracks[1:]), "other")


def assert_same(first: CorpusFeatures, second: CorpusFeatures) -> None:
    assert first.track_index.tolist() == second.track_index.tolist()
    assert first.start.tolist() == second.start.tolist()
    assert list(first.arrays) == list(second.arrays)
    for name, values in first.arrays.items():
        assert np.array_equal(values, second.arrays[name]), name


def test_features_of_all_tracks_in_their_order(corpus):
    result = extract_corpus(corpus, ["log_mel", "basic", "statistics", "advanced"])
    assert result.track_index.tolist() == [0, 0, 1, 2, 2, 2]
    assert result.start.tolist() == [0.0, 3.0, 0.0, 0.0, 3.0, 6.0]
    assert result.failures == () and len(result) == 6
    segments = np.concatenate(
        [cut_segments(read_audio(track.path, SAMPLE_RATE)) for track in corpus.tracks]
    )
    assert np.array_equal(result.arrays["advanced"], advanced(segments))
    assert np.array_equal(result.arrays["log_mel"], log_mel(segments))
    assert np.array_equal(result.arrays["basic"], result.arrays["advanced"][:, :, :27])
    assert np.array_equal(result.arrays["statistics"], statistics(result.arrays["advanced"]))
    assert list(result.arrays) == ["log_mel", "basic", "statistics", "advanced"]
    assert all(values.dtype == np.float32 for values in result.arrays.values())


def test_musicnn_has_the_same_segments(corpus, store):
    result = extract_corpus(corpus, ["musicnn", "statistics"], store=store)
    assert result.arrays["musicnn"].shape == (6, POOLED_SIZE)
    assert np.isfinite(result.arrays["musicnn"]).all()
    assert_same(extract_corpus(corpus, ["musicnn", "statistics"], store=store), result)


def test_the_cache_gives_the_same_and_spares_the_work(corpus, store, monkeypatch):
    names = ["basic", "advanced", "log_mel"]
    without = extract_corpus(corpus, names)
    first = extract_corpus(corpus, names, store=store)
    assert_same(first, without)
    assert isinstance(first.arrays["advanced"], np.memmap)
    assert np.shares_memory(first.arrays["basic"], first.arrays["advanced"])
    monkeypatch.setattr(module, "run_tasks", lambda _, tasks, **__: pytest.fail() if tasks else [])
    assert_same(extract_corpus(corpus, names, store=store), without)


def test_only_what_is_missing_is_computed(corpus, store, monkeypatch):
    extract_corpus(corpus, ["advanced"], store=store)
    asked = []
    run = module.run_tasks

    def spy(begin: object, tasks: list[module.Task], **options: object) -> object:
        asked.extend((task.number, task.names) for task in tasks)
        return run(begin, tasks, **options)

    monkeypatch.setattr(module, "run_tasks", spy)
    extract_corpus(corpus, ["advanced", "log_mel"], store=store)
    assert asked == [(0, ("log_mel",)), (1, ("log_mel",)), (2, ("log_mel",))]


def test_a_damaged_entry_is_computed_again(corpus, store, caplog):
    before = extract_corpus(corpus, ["advanced"], store=store)
    expected = before.arrays["advanced"].copy()
    key = feature_key("advanced")
    (entry,) = store.directory.glob(f"tracks/*/*/{file_digest(corpus.tracks[2].path)}.npy")
    body = bytearray(entry.read_bytes())
    body[5_000] ^= 64
    entry.write_bytes(bytes(body))
    for mapped in (store.directory / "corpora").rglob("*.npy"):
        mapped.unlink()
    with caplog.at_level(logging.WARNING):
        again = extract_corpus(corpus, ["advanced"], store=store)
    assert "damaged" in caplog.text
    assert np.array_equal(again.arrays["advanced"], expected)
    assert store.load(file_digest(corpus.tracks[2].path), key) is not None


def test_changed_audio_is_computed_anew(store, tmp_path, monkeypatch):
    path = tmp_path / "changing.wav"
    soundfile.write(path, 0.1 * np.ones(4 * SAMPLE_RATE), SAMPLE_RATE)
    alone = Corpus("one", (Track("1", path, 0, digest=FileDigest.of(path)),), "")
    with monkeypatch.context() as patched:
        patched.setattr(module.FileDigest, "of", lambda path: pytest.fail("is hashed once more"))
        first = extract_corpus(alone, ["statistics"], store=store).arrays["statistics"]
    before = file_digest(path)
    noise = 0.1 * np.random.default_rng(0).standard_normal(4 * SAMPLE_RATE)
    soundfile.write(path, noise, SAMPLE_RATE)
    os.utime(path, ns=(0, alone.tracks[0].digest.stamp.mtime_ns + 1))
    assert path.stat().st_size == alone.tracks[0].digest.stamp.size
    second = extract_corpus(alone, ["statistics"], store=store).arrays["statistics"]
    assert not np.allclose(first, second)
    key = feature_key("statistics")
    assert np.array_equal(store.load(before, key), first)
    assert np.array_equal(store.load(file_digest(path), key), second)


def test_audio_that_changes_while_it_is_read_is_not_stored(corpus, store, tmp_path, monkeypatch):
    path = tmp_path / "changing.wav"
    soundfile.write(path, 0.1 * np.ones(4 * SAMPLE_RATE), SAMPLE_RATE)
    before = file_digest(path)

    def changed(source: Path, **options: object) -> object:
        if source == path:
            path.write_bytes(path.read_bytes() + b"more")
        return decode(source, **options)

    monkeypatch.setattr(module, "decode", changed)
    result = extract_corpus(with_tracks(corpus, path), ["statistics"], store=store)
    (failure,) = result.failures
    assert failure.message == f"{path} changed while it was read; run the command again"
    assert result.track_index.tolist() == [0, 0, 2, 3, 3, 3]
    assert store.load(before, feature_key("statistics")) is None


@pytest.mark.parametrize("cached", [False, True])
def test_bad_files_are_reported_and_the_rest_is_done(corpus, store, tmp_path, cached):
    text, short, silent = (tmp_path / name for name in ("text.mp3", "short.wav", "silent.wav"))
    text.write_text("this is no sound")
    soundfile.write(short, np.full(SAMPLE_RATE, 0.1), SAMPLE_RATE)
    soundfile.write(silent, np.zeros(4 * SAMPLE_RATE), SAMPLE_RATE)
    missing = tmp_path / "missing.wav"
    mixed = with_tracks(corpus, text, missing, short, silent)
    result = extract_corpus(mixed, ["advanced"], store=store if cached else None)
    assert [failure.track_id for failure in result.failures] == [
        text.name,
        missing.name,
        short.name,
    ]
    assert [failure.track_index for failure in result.failures] == [1, 2, 3]
    for failure, path in zip(result.failures, (text, missing, short), strict=True):
        assert str(path) in failure.message and "\n" not in failure.message
    assert "missing" in result.failures[1].message
    assert "1.0 s of sound" in result.failures[2].message
    assert result.track_index.tolist() == [0, 0, 4, 5, 6, 6, 6]
    alone = extract_corpus(corpus, ["advanced"]).arrays["advanced"]
    assert np.array_equal(result.arrays["advanced"][result.track_index != 4], alone)
    assert np.isfinite(result.arrays["advanced"]).all()


def test_nothing_readable_is_an_error(tmp_path):
    broken = Corpus("broken", (Track("1", tmp_path / "a.wav", 0),), "")
    with pytest.raises(AudioError, match=r"none of 1 tracks could be read; the first: .*a\.wav"):
        extract_corpus(broken, ["advanced"])
    with pytest.raises(AudioError, match="empty"):
        extract_corpus(Corpus("nothing", (), ""), ["advanced"])


def test_an_unknown_feature_is_named(corpus):
    with pytest.raises(MusicEmotionError, match=r"'chords'.*log_mel"):
        extract_corpus(corpus, ["chords"])


def test_a_cache_that_cannot_be_written_ends_it(corpus, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(CacheError, match="MUSIC_EMOTION_CACHE=off"):
        extract_corpus(corpus, ["statistics"], store=FeatureStore(blocked), jobs=2)


def test_a_file_that_kills_its_worker_is_named(corpus, monkeypatch):
    monkeypatch.setattr(module, "_begin", tasks.begin_features)
    found = extract_corpus(corpus, ["statistics"], jobs=2)
    (failure,) = found.failures
    path = corpus.tracks[1].path
    assert failure.track_index == 1
    assert failure.message == (
        f"{path}: the process reading it died (out of memory?); leave it out"
    )
    assert found.track_index.tolist() == [0, 0, 2, 2, 2]


def test_several_processes_give_the_same(corpus, store, tmp_path):
    text = tmp_path / "text.mp3"
    text.write_text("this is no sound")
    mixed = with_tracks(corpus, text)
    counts = []
    names = ["basic", "advanced", "log_mel", "statistics"]
    parallel = extract_corpus(
        mixed, names, store=store, jobs=2, progress=lambda done, total: counts.append((done, total))
    )
    assert counts == [(done, 4) for done in range(5)]
    assert [failure.track_id for failure in parallel.failures] == ["text.mp3"]
    assert_same(parallel, extract_corpus(mixed, names))


LONG_RUN = """
import sys
from pathlib import Path
from music_emotion.datasets.corpus import Corpus, Track
from music_emotion.features.extract import extract_corpus
from music_emotion.features.cache import FeatureStore
if __name__ == "__main__":
    folder, cache = map(Path, sys.argv[1:])
    tracks = tuple(Track(p.name, p, 0) for p in sorted(folder.iterdir()))
    def progress(done, total):
        print(done, flush=True)
    extract_corpus(Corpus("c", tracks, ""), ["advanced"], store=FeatureStore(cache), jobs=2,
                   progress=progress)
"""


@needs_proc
def test_a_killed_run_takes_its_workers_along_and_keeps_what_was_done(tmp_path):
    folder, cache = tmp_path / "audio", tmp_path / "cache"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(12):
        noise = 0.1 * generator.standard_normal(30 * SAMPLE_RATE)
        soundfile.write(folder / f"{number:02}.wav", noise, SAMPLE_RATE)
    script = tmp_path / "run.py"
    script.write_text(LONG_RUN)
    command = [sys.executable, str(script), str(folder), str(cache)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() not in ("1", "2", "3"):
            assert process.poll() is None
        workers = children_of(process.pid)
        assert len(workers) >= 2
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30.0
    while any(is_running(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_running(pid) for pid in workers)
    key = feature_key("advanced")
    digests = [file_digest(path) for path in sorted(folder.iterdir())]
    entries = [FeatureStore(cache).load(digest, key) for digest in digests]
    stored = [values for values in entries if values is not None]
    assert 1 <= len(stored) < 12
    assert all(values.shape == (10, 130, 45) for values in stored)


@pytest.mark.emotify
def test_a_real_minute_gives_twenty_segments(emotify_root, store):
    paths = [emotify_root / "emotifymusic" / name for name in ("rock/1.mp3", "classical/66.mp3")]
    tracks = tuple(Track(path.name, path, 0) for path in paths)
    result = extract_corpus(Corpus("two", tracks, ""), ["log_mel", "statistics"], store=store)
    assert np.bincount(result.track_index).tolist() == [20, 8]  # 60 s and 25.8 s
    assert np.isfinite(result.arrays["statistics"]).all()
