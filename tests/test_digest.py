"""Digests and stamps of files: what changes them, and what does not."""

import os

from music_emotion.digest import FileDigest, FileStamp, file_digest, file_digests


def test_a_digest_is_the_sha256_of_the_bytes(tmp_path):
    paths = [tmp_path / "abc", tmp_path / "empty"]
    paths[0].write_bytes(b"abc")
    paths[1].touch()
    digests = [one.sha256 for one in file_digests(paths)]
    assert digests == [file_digest(path) for path in paths]
    assert digests[0].startswith("ba7816bf") and digests[1].startswith("e3b0c442")


def test_a_digest_is_current_until_size_or_time_change(tmp_path):
    path = tmp_path / "song"
    path.write_bytes(b"one")
    digest = FileDigest.of(path)
    assert digest.is_current(path) and digest.stamp == FileStamp.read(path)
    path.rename(tmp_path / "elsewhere")
    assert digest.is_current(tmp_path / "elsewhere")
    os.utime(tmp_path / "elsewhere", ns=(0, digest.stamp.mtime_ns + 1))
    assert not digest.is_current(tmp_path / "elsewhere")
    path.write_bytes(b"longer")
    os.utime(path, ns=(0, digest.stamp.mtime_ns))
    assert not digest.is_current(path)


def test_machines_that_number_files_apart_agree_on_a_stamp():
    stamp = FileStamp(1, 2, 3)
    assert stamp.agrees(FileStamp(1, 2, 4)) and stamp != FileStamp(1, 2, 4)
    assert not stamp.agrees(FileStamp(0, 2, 3)) and not stamp.agrees(FileStamp(1, 0, 3))
