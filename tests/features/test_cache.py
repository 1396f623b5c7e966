from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from music_emotion.errors import CacheError
from music_emotion.features import cache as module
from music_emotion.features.cache import FeatureKey, FeatureStore

KEY = FeatureKey("advanced", "version 1", (4, 3))
AUDIO = "ab" * 32


def values(rows: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, 4, 3), dtype=np.float32)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "cache")


def only_file(store: FeatureStore) -> Path:
    (path,) = store.directory.rglob("*.npy")
    return path


def leftovers(store: FeatureStore) -> list[Path]:
    return list((store.directory / "temporary").iterdir())


def test_what_was_saved_is_loaded(store):
    assert store.load(AUDIO, KEY) is None and store.count(AUDIO, KEY) is None
    store.save(AUDIO, KEY, values())
    assert np.array_equal(store.load(AUDIO, KEY), values())
    assert store.count(AUDIO, KEY) == 5
    assert leftovers(store) == []
    assert np.array_equal(np.load(only_file(store), allow_pickle=False), values())


@pytest.mark.parametrize(
    "other",
    [
        FeatureKey("advanced", "version 2", (4, 3)),
        FeatureKey("log_mel", "version 1", (4, 3)),
        FeatureKey("advanced", "version 1", (3, 4)),
    ],
)
def test_other_parameters_are_another_entry(store, other):
    store.save(AUDIO, KEY, values())
    assert store.load(AUDIO, other) is None
    assert store.load("cd" * 32, KEY) is None


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def truncate_to_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_a_bit(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[200] ^= 1
    path.write_bytes(bytes(body))


def write_foreign(path: Path) -> None:
    path.write_bytes(b"RIFF....WAVEfmt ")


def write_pickle(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def write_doubles(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, values().astype(np.float64))


def write_huge_shape(path: Path) -> None:
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (2**62, 4, 3)}
        np.lib.format.write_array_header_1_0(file, header)


DAMAGE = [
    truncate,
    truncate_to_header,
    empty,
    flip_a_bit,
    write_foreign,
    write_pickle,
    write_doubles,
    write_huge_shape,
]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_entry_is_missing_and_logged(store, damage, caplog):
    store.save(AUDIO, KEY, values())
    damage(only_file(store))
    with caplog.at_level(logging.WARNING):
        assert store.load(AUDIO, KEY) is None
    assert str(only_file(store)) in caplog.text
    if damage is not flip_a_bit:  # the count reads no values
        assert store.count(AUDIO, KEY) is None
    store.save(AUDIO, KEY, values(seed=1))
    assert np.array_equal(store.load(AUDIO, KEY), values(seed=1))


def test_an_entry_moved_from_another_track_is_not_taken(store):
    store.save(AUDIO, KEY, values())
    other = "cd" * 32
    target = only_file(store).parents[1] / other[:2] / f"{other}.npy"
    target.parent.mkdir()
    only_file(store).rename(target)
    assert store.load(other, KEY) is None


def test_a_wrong_shape_is_a_mistake_of_the_caller(store):
    with pytest.raises(ValueError, match="per segment"):
        store.save(AUDIO, KEY, np.zeros((5, 3, 3), dtype=np.float32))


def test_a_corpus_is_mapped_read_only(store):
    audio = [AUDIO, "cd" * 32]
    parts = [values(2), values(3, seed=1)]
    assert store.corpus(audio, KEY) is None
    written = store.save_corpus(audio, KEY, 5, iter(parts))
    assert isinstance(written, np.memmap) and not written.flags.writeable
    assert np.array_equal(store.corpus(audio, KEY), np.concatenate(parts))
    assert store.corpus(audio[::-1], KEY) is None


def test_a_corpus_cut_short_is_missing(store):
    store.save_corpus([AUDIO], KEY, 5, [values()])
    truncate(only_file(store))
    assert store.corpus([AUDIO], KEY) is None


def test_a_corpus_with_too_few_rows_is_not_kept(store):
    with pytest.raises(ValueError, match="announced"):
        store.save_corpus([AUDIO], KEY, 6, [values()])
    assert store.corpus([AUDIO], KEY) is None
    assert leftovers(store) == []


def test_a_full_disk_is_one_line_with_the_remedy(store, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_write_header", full)
    with pytest.raises(CacheError) as caught:
        store.save(AUDIO, KEY, values())
    message = str(caught.value)
    assert "\n" not in message and str(store.directory) in message
    assert "disk is full" in message and "MUSIC_EMOTION_CACHE=off" in message
    assert leftovers(store) == [] and store.load(AUDIO, KEY) is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_while_writing(store, monkeypatch):
    real_open = Path.open

    def open_full(path: Path, mode: str = "r", *args: object) -> object:
        if path.parent.name == "temporary":
            real_open(path, mode).close()
            return real_open(Path("/dev/full"), mode)
        return real_open(path, mode, *args)

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(CacheError, match="disk is full"):
        store.save(AUDIO, KEY, values(10_000))
    monkeypatch.undo()
    assert store.load(AUDIO, KEY) is None and leftovers(store) == []


def test_a_place_that_cannot_be_written_is_one_line_with_the_remedy(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(CacheError, match=r"cannot write to the cache .*file.*; check its perm"):
        FeatureStore(blocked).save(AUDIO, KEY, values())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do all")
def test_no_permission(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(CacheError, match="Permission denied"):
            FeatureStore(tmp_path / "cache").save(AUDIO, KEY, values())
    finally:
        tmp_path.chmod(0o700)


def test_clear_deletes_what_the_cache_wrote_and_nothing_else(store):
    store.save(AUDIO, KEY, values())
    store.save_corpus([AUDIO], KEY, 5, [values()])
    keep = store.directory / "a user's own file"
    keep.write_text("stays")
    size = sum(path.stat().st_size for path in store.directory.rglob("*.npy"))
    assert [part.files for part in store.usage()] == [1, 1]
    assert sum(part.bytes for part in store.usage()) == size
    cleared = store.clear()
    assert (cleared.files, cleared.bytes) == (2, size)
    assert store.usage() == () and keep.read_text() == "stays"
    assert store.clear().files == 0


def test_leftovers_of_a_dead_process_are_swept(store):
    store.save(AUDIO, KEY, values())
    old, young = (store.directory / "temporary" / name for name in ("1-old", "2-young"))
    for path in (old, young):
        path.write_bytes(b"half")
    past = time.time() - 2 * module.STALE_SECONDS
    os.utime(old, (past, past))
    store.save(AUDIO, KEY, values())
    assert leftovers(store) == [young]


def test_the_place_is_the_users_to_choose(monkeypatch, tmp_path):
    monkeypatch.setenv("MUSIC_EMOTION_CACHE", str(tmp_path))
    assert FeatureStore.default().directory == tmp_path
    monkeypatch.setenv("MUSIC_EMOTION_CACHE", "OFF")
    assert FeatureStore.default() is None
    monkeypatch.delenv("MUSIC_EMOTION_CACHE")
    assert "music-emotion" in str(FeatureStore.default().directory)


WRITER = """
import sys, numpy as np
from pathlib import Path
from music_emotion.features.cache import FeatureKey, FeatureStore
store = FeatureStore(Path(sys.argv[1]))
key = FeatureKey("advanced", "version 1", (4, 3))
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    store.save("ab" * 32, key, np.full((200_000, 4, 3), number, dtype=np.float32))
"""


def writer(store: FeatureStore, times: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store.directory), str(times)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def is_uniform(found: np.ndarray) -> bool:
    return found.shape == (200_000, 4, 3) and bool((found == found.flat[0]).all())


def test_a_killed_writer_leaves_a_whole_entry_or_none(store, caplog):
    for delay in (0.01, 0.05, 0.09, 0.13):
        with writer(store, 1_000) as process:
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
        found = store.load(AUDIO, KEY)
        assert found is None or is_uniform(found)
    assert "damaged" not in caplog.text


def test_two_writers_and_a_reader_never_meet_half_an_entry(store, caplog):
    with writer(store, 15) as first, writer(store, 15) as second:
        seen = 0
        while first.poll() is None or second.poll() is None:
            found = store.load(AUDIO, KEY)
            if found is not None:
                seen += 1
                assert is_uniform(found)
        assert (first.returncode, second.returncode) == (0, 0)
    assert seen > 0
    assert np.array_equal(np.unique(store.load(AUDIO, KEY)), [14.0])
    assert leftovers(store) == [] and "damaged" not in caplog.text
