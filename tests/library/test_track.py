from __future__ import annotations

import sys
from pathlib import Path

import pytest
import soundfile as sf

from helpers.sounds import FORMATS, RATE, tone
from music_emotion.errors import MissingExtraError
from music_emotion.library.track import Tags, check_mutagen

mutagen = pytest.importorskip("mutagen")


@pytest.mark.parametrize("suffix", FORMATS)
def test_tags_of_every_format(tmp_path: Path, suffix: str) -> None:
    path, (container, encoding) = tmp_path / f"a.{suffix}", FORMATS[suffix]
    rate = 48_000 if suffix == "opus" else RATE
    sf.write(path, tone(1.0, rate), rate, format=container, subtype=encoding)
    assert Tags.read(str(path)) == Tags()
    if suffix in ("wav", "aiff"):
        from mutagen import id3

        file = mutagen.File(path)
        file.add_tags()
        frames = {id3.TPE1: "Björk", id3.TALB: "Homogenic", id3.TIT2: "Jóga", id3.TCON: "Art pop"}
        for frame, text in {**frames, id3.TDRC: "1997-09-22"}.items():
            file.tags.add(frame(encoding=3, text=[text]))
    else:
        file = mutagen.File(path, easy=True)
        if file.tags is None:
            file.add_tags()
        for name, text in (
            ("artist", "Björk"),
            ("album", "Homogenic"),
            ("title", "Jóga"),
            ("genre", "Art pop"),
            ("date", "1997-09-22"),
        ):
            file[name] = [text]
    file.save()
    assert Tags.read(str(path)) == Tags("Björk", "Homogenic", "Jóga", "Art pop", 1997)


def test_several_artists_and_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    sf.write(path, tone(1.0), RATE)
    file = mutagen.File(path)
    file["artist"] = ["One", "Two"]
    file["date"] = ["long ago"]
    file.save()
    assert Tags.read(str(path)) == Tags(artist="One; Two")
    path.write_bytes(path.read_bytes()[:60])
    assert Tags.read(str(path)) == Tags()
    assert Tags.read(str(tmp_path / "none.mp3")) == Tags()


def test_without_mutagen_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    check_mutagen()
    monkeypatch.setitem(sys.modules, "mutagen", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'music-emotion\[library\]'"):
        check_mutagen()
