from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from helpers.sounds import encoded, tone
from music_emotion.errors import MusicEmotionError
from music_emotion.inference.output import (
    FileNames,
    check_outputs,
    check_writable,
    opened_output,
    replacing,
)


def write(path: Path | None, text: str) -> None:
    with opened_output(path) as stream:
        stream.write(text)


def test_a_pipe_is_written_as_it_comes(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append(fifo.read_text()))
    reader.start()
    write(fifo, "text")
    reader.join()
    assert heard == ["text"]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    for text in ("one", "two"):
        write(link, text)
        assert link.is_symlink()
        assert (tmp_path / "real").read_text() == text


@pytest.mark.parametrize("path", [None, Path("-")])
def test_standard_output_has_two_names(
    path: Path | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(path, "text")
    assert capsys.readouterr().out == "text"
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("kept")
    with pytest.raises(KeyboardInterrupt), opened_output(path) as stream:
        stream.write("half")
        raise KeyboardInterrupt
    assert path.read_text() == "kept"
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no/out.csv", r"^cannot write in '.*no' \(No such file or directory\)$"),
        ("file/out.csv", r"\(Not a directory\)$"),
        ("folder", "folder' is a folder; name a file in it$"),
        ("n" * 300, r"^cannot write '.*n' \(File name too long\)$"),
        (os.devnull, "'/dev/null' is no regular file; name one$"),
    ],
)
def test_what_cannot_be_replaced_is_said_in_a_line(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for use in (check_writable, lambda path: replacing(path).__enter__()):
        with pytest.raises(MusicEmotionError, match=reason):
            use(tmp_path / name)


def test_a_folder_that_cannot_be_made_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MusicEmotionError, match=r"^cannot make the folder '.*/x' \(Not a dir"):
        FileNames(tmp_path / "file" / "x", ".jams")


def test_a_stem_is_cut_to_what_a_file_name_may_be(tmp_path: Path) -> None:
    names = FileNames(tmp_path, ".jams")
    for stem in ("n" * 251, "é" * 125):
        given = [names.next(f"{stem}.wav") for _ in range(2)]
        assert given[0] != given[1]
        for path in given:
            assert 250 <= len(os.fsencode(path.name)) <= 255
            path.touch()


def test_tracks_of_one_name_are_numbered(tmp_path: Path) -> None:
    names = FileNames(tmp_path / "new", ".png")
    given = [names.next(path).name for path in ("a/x.wav", "b/x.mp3", "-", "c/x.wav")]
    assert given == ["x.png", "x-2.png", "stdin.png", "x-3.png"]


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        (["calm.wav"], "is a name for music; write to another"),
        (["new.MP3"], "is a name for music; write to another"),
        (["link.json"], "is one of the files to be read; write to another"),
        ([None, "calm"], "is one of the files to be read; write to another"),
        (["x.png", "more/../x.png"], "is to be written twice; name two files"),
    ],
)
def test_music_is_never_written_over(
    tmp_path: Path, outputs: list[str | None], reason: str
) -> None:
    (tmp_path / "more").mkdir()
    for name in ("calm.wav", "calm"):
        (tmp_path / name).touch()
    (tmp_path / "link.json").symlink_to(tmp_path / "calm")
    files = [str(tmp_path / "calm.wav"), str(tmp_path / "calm"), "-", "gone.wav"]
    with pytest.raises(MusicEmotionError, match=reason):
        check_outputs([name and tmp_path / name for name in outputs], files)


def test_a_file_that_holds_sound_is_not_replaced_whatever_its_name(tmp_path: Path) -> None:
    song, link = tmp_path / "song.wav", tmp_path / "link.csv"
    song.write_bytes(encoded(tone(), "wav"))
    link.symlink_to(song)
    for kind in ("wav", "flac", "ogg", "mp3"):
        (tmp_path / f"take of {kind}").write_bytes(encoded(tone(), kind))
    (tmp_path / "film").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(99))
    for path in (link, *tmp_path.glob("take of *"), tmp_path / "film"):
        before = path.read_bytes()
        with pytest.raises(MusicEmotionError, match=f"'{path}' holds music; write to another"):
            write(path, "text")
        assert path.read_bytes() == before
    with pytest.raises(MusicEmotionError, match=r"song\.m4a' is a name for music"):
        write(tmp_path / "song.m4a", "text")


def test_other_files_may_be_written(tmp_path: Path) -> None:
    check_outputs([tmp_path / "x.png", tmp_path / "x.csv", None, Path("-")], ["gone.wav", "-"])
