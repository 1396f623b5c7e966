from __future__ import annotations

import os
from pathlib import Path

import pytest

from music_emotion.audio.discover import find_files
from music_emotion.audio.names import local_path, written_name

NAMES = [
    b"caf\xe9.mp3", b"50%25.mp3", b"\xff\n?#;.mp3", "Bjö\u0308rk.mp3".encode(), b"\x80", b"a b.mp3"
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_written_name_is_text_that_gives_the_path_again(
    name: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (os.fsdecode(name), os.fsdecode(os.fsencode(tmp_path) + b"/" + name)):
        written = written_name(path)
        assert written.encode("utf-8")
        assert os.path.abspath(local_path(written)) == os.path.abspath(path)  # noqa: PTH100


def test_only_a_name_that_is_no_utf_8_is_an_address() -> None:
    assert written_name(os.fsdecode(b"/m/50% caf\xe9.mp3")) == "file:///m/50%25%20caf%E9.mp3"
    assert written_name("/m/50% café\n.mp3") == "/m/50% café\n.mp3"
    assert written_name("s3://bucket/caf\udce9.mp3") == "s3://bucket/caf\\udce9.mp3"
    assert written_name("\ud800") == "\\ud800"  # no bytes give this


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("file:///m/caf%E9.mp3", b"/m/caf\xe9.mp3"),
        ("file:///m/caf%C3%A9.mp3", "/m/café.mp3".encode()),
        ("file:///m/café.mp3", "/m/café.mp3".encode()),
        ("FILE://localhost/m/a%20b.mp3", b"/m/a b.mp3"),
        ("file:/m/a.mp3", b"/m/a.mp3"),
        ("file:///m/a?b#c.mp3", b"/m/a?b#c.mp3"),
        ("file://elsewhere/m/a.mp3", b"file://elsewhere/m/a.mp3"),
        ("file:a.mp3", b"file:a.mp3"),
        ("/m/%E9.mp3", b"/m/%E9.mp3"),
        ("", b""),
    ],
)
def test_addresses_of_this_machine_are_paths(address: str, path: bytes) -> None:
    assert os.fsencode(local_path(address)) == path


def test_a_file_of_that_very_name_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file:", "m").mkdir(parents=True)
    Path("file:", "m", "a.mp3").touch()
    assert local_path("file:/m/a.mp3") == "file:/m/a.mp3"


def test_a_file_is_found_by_its_address(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp3")
    Path(path).touch()
    assert find_files([written_name(path), path]) == [path]
    assert find_files([tmp_path.as_uri()]) == [path]
