from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO
from urllib.parse import unquote_to_bytes

import pytest

from helpers.sounds import RATE, tone
from music_emotion.errors import MusicEmotionError
from music_emotion.library.playlist_files import (
    Entry,
    Mapping,
    Naming,
    line_of,
    write_m3u8,
    write_pls,
    write_xspf,
)

GOOD = Entry("/music/a.mp3", "Army of Me", "Björk", "Post", 61.4)
BARE = Entry("/music/b & <c>.mp3", "", "", "", None)
XSPF = "{http://xspf.org/ns/0/}"


def text_of(write: Callable[[list[Entry], TextIO], None], *entries: Entry) -> str:
    stream = io.StringIO()
    write(list(entries), stream)
    return stream.getvalue()


def test_m3u8() -> None:
    assert text_of(write_m3u8, GOOD, BARE).splitlines() == [
        "#EXTM3U",
        "#EXTINF:61,Björk - Army of Me",
        "/music/a.mp3",
        "#EXTINF:-1,b & <c>",
        "/music/b & <c>.mp3",
    ]


def test_pls() -> None:
    assert text_of(write_pls, GOOD, BARE).splitlines() == [
        "[playlist]",
        "File1=/music/a.mp3", "Title1=Björk - Army of Me", "Length1=61",
        "File2=/music/b & <c>.mp3", "Title2=b & <c>", "Length2=-1",
        "NumberOfEntries=2", "Version=2",
    ]  # fmt: skip
    assert text_of(write_pls).splitlines()[1:] == ["NumberOfEntries=0", "Version=2"]


def test_xspf() -> None:
    root = ET.fromstring(text_of(write_xspf, GOOD, BARE))
    assert (root.tag, root.get("version")) == (f"{XSPF}playlist", "1")
    good, bare = root.iter(f"{XSPF}track")
    assert {each.tag.removeprefix(XSPF): each.text for each in good} == {
        "location": "file:///music/a.mp3", "title": "Army of Me", "creator": "Björk",
        "album": "Post", "duration": "61400",
    }  # fmt: skip
    assert [each.tag for each in bare] == [f"{XSPF}location"]
    assert unquote_to_bytes(bare[0].text or "") == b"file:///music/b & <c>.mp3"
    odd = GOOD._replace(title="a\0b\x1b\ufffe\nc", artist="&amp;")
    (track,) = ET.fromstring(text_of(write_xspf, odd)).iter(f"{XSPF}track")
    assert track.findtext(f"{XSPF}title") == "a b c"
    assert track.findtext(f"{XSPF}creator") == "&amp;"


def test_a_title_is_one_line_and_keeps_its_blanks() -> None:
    odd = GOOD._replace(title="一\u3000二\r\n#EXTINF\u2028三", artist="")
    assert text_of(write_m3u8, odd).splitlines()[1] == "#EXTINF:61,一\u3000二 #EXTINF 三"


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("#1.mp3", "./#1.mp3"),
        (" a.mp3", "./ a.mp3"),
        ("10:30.mp3", "./10:30.mp3"),
        ("/music/#1: a.mp3", "/music/#1: a.mp3"),
        ("Z:\\Music\\a.mp3", "Z:\\Music\\a.mp3"),
        ("http://nas/a.mp3", "http://nas/a.mp3"),
        ("/music/a\u2028b\x85.mp3", "/music/a\u2028b\x85.mp3"),  # no player ends a line there
    ],
)
def test_what_players_take_for_something_else(path: str, line: str) -> None:
    assert line_of(path) == line


@pytest.mark.parametrize("name", [b"two\nlines.mp3", b"caf\xe9.mp3", b"blank ", b"a\x0bb", b"c\r"])
def test_a_name_that_no_line_can_hold_is_an_address(name: bytes) -> None:
    line = line_of(os.fsdecode(b"/music/" + name))
    assert line.isascii() and len(line.splitlines()) == 1
    assert unquote_to_bytes(line.removeprefix("file://")) == b"/music/" + name


def test_folders_are_seen_elsewhere() -> None:
    path = "/home/me/Music/a b/c.mp3"
    for there, seen in (
        ("/data", "/data/a b/c.mp3"), ("/data/", "/data/a b/c.mp3"), ("/", "/a b/c.mp3"),
        ("", "a b/c.mp3"), ("lib", "lib/a b/c.mp3"), ("Z:\\M", "Z:\\M\\a b\\c.mp3"),
        ("\\\\nas\\music\\", "\\\\nas\\music\\a b\\c.mp3"),
        ("http://nas/m/", "http://nas/m/a%20b/c.mp3"),
        ("http://me@nas:80/mü sic%20", "http://me@nas:80/m%C3%BC%20sic%20/a%20b/c.mp3"),
    ):  # fmt: skip
        assert Mapping.parse(f"/home/me/Music/={there}").of(path) == seen
    assert Mapping.parse("/home/me/Mus=/x").of(path) is None
    assert Mapping.parse("/=/x").of(path) == f"/x{path}"
    inner, outer = Mapping.parse("/home/me/Music=/in"), Mapping.parse("/home/me=/out")
    for order in ((inner, outer), (outer, inner)):
        naming = Naming(order)
        assert naming.path(path) == "/in/a b/c.mp3"
        assert naming.unused() == [outer]
        assert naming.path("/home/me/c.mp3") == "/out/c.mp3"
        assert naming.unused() == []
        assert naming.path("/elsewhere") == "/elsewhere"


@pytest.mark.parametrize("text", ["/music", "=/music", " =x", ""])
def test_what_maps_nothing_is_refused(text: str) -> None:
    with pytest.raises(MusicEmotionError, match="maps no folder; write --map FROM=TO"):
        Mapping.parse(text)


# A real player


@pytest.fixture
def mpd(tmp_path: Path) -> Iterator[Callable[..., list[str]]]:
    """Ask an mpd, whose music is in ``music``; it is done when it answers."""
    if shutil.which("mpd") is None:
        pytest.skip("mpd is not installed")
    for name in ("music", "lists"):
        tmp_path.joinpath(name).mkdir(exist_ok=True)
    settings = {
        "music_directory": "music", "playlist_directory": "lists", "db_file": "db",
        "log_file": "log", "bind_to_address": "socket",
    }  # fmt: skip
    lines = [f'{name} "{tmp_path / place}"' for name, place in settings.items()]
    lines += ['filesystem_charset "UTF-8"', 'zeroconf_enabled "no"']
    lines += ['audio_output {\ntype "null"\nname "nothing"\n}\n']
    (tmp_path / "mpd.conf").write_text("\n".join(lines))
    server = subprocess.Popen(["mpd", "--no-daemon", tmp_path / "mpd.conf"])

    def ask(*words: str) -> list[str]:
        names = (word.replace("\\", "\\\\").replace('"', '\\"') for word in words[1:])
        command = " ".join((words[0], *(f'"{name}"' for name in names)))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "socket"))
            stream = client.makefile("rw", encoding="utf-8", newline="\n")
            assert stream.readline().startswith("OK MPD")
            stream.write(f"{command}\n")
            stream.flush()
            answer = []
            while not (line := stream.readline().rstrip("\n")).startswith(("OK", "ACK")):
                answer.append(line)
            assert line == "OK", line
            return answer

    try:
        until = time.monotonic() + 60
        while not (tmp_path / "socket").exists() and time.monotonic() < until:
            time.sleep(0.05)
        yield ask
    finally:
        server.terminate()
        server.wait()


@pytest.mark.parametrize("how", ["full", "relative", "mapped"])
def test_mpd_loads_every_line(mpd: Callable[..., list[str]], tmp_path: Path, how: str) -> None:
    import soundfile as sf

    music = tmp_path / "music"
    names = [
        "plain.wav", "Björk – 東京.wav", "#hash.wav", "10:30.wav", "100%25.wav", "deep/er/a.wav",
        "a;b|c'\"[x]\\y.wav", "tab\tx.wav", "x\u2028y.wav", "http:x.wav", "\u00a0.wav",
    ]  # fmt: skip
    for name in names:
        (music / name).parent.mkdir(parents=True, exist_ok=True)
        sf.write(music / name, tone(0.1), RATE)
    mpd("update")
    until = time.monotonic() + 60
    while any("updating_db" in line for line in mpd("status")) and time.monotonic() < until:
        time.sleep(0.05)
    naming = {
        "full": Naming(),
        "relative": Naming(relative_to=music),
        "mapped": Naming((Mapping(str(music), ""),)),
    }[how]
    entries = [Entry(naming.path(str(music / name)), "T", "A", "", 1.0) for name in names]
    for write, file in ((write_m3u8, "l.m3u8"), (write_pls, "l.pls")):
        (music / file).write_text(text_of(write, *entries), encoding="utf-8", newline="")
        mpd("clear")
        mpd("load", file)
        loaded = [line.partition(": ")[2] for line in mpd("playlistinfo") if line[:5] == "file:"]
        assert loaded == names
