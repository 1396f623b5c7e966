"""The plugin in a beets of its own, each command a process, on files of every kind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile as sf

from helpers.graphs import package, tone_detector
from helpers.sounds import RATE, tone
from helpers.tagged_files import ENCODERS, catalogued, make, needs_ffmpeg, predicted
from helpers.tracks import row_of
from music_emotion.digest import FileStamp
from music_emotion.inference.model import load_model
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.tags.fields import open_tags
from music_emotion.library.tags.mark import MARK
from music_emotion.library.tags.plan import (
    plan_tags,
    plan_undo_by_mark,
    undo_by_mark,
    write_tags,
)
from music_emotion.library.tags.settings import read_settings
from music_emotion.library.tags.values import FIELDS
from music_emotion.library.track import ModelId

mutagen = pytest.importorskip("mutagen")
pytest.importorskip("beets", reason="beets is missing: pip install 'music-emotion[beets]'")

CONFIG = """
directory: {place}/library
library: {place}/library.db
plugins: musicemotion
musicemotion:
    model: {model}
    catalogue: {place}/catalogue.sqlite
    settings: {place}/tags.toml
{options}
import:
    copy: {copy}
    write: no
"""


class Beets:
    """A library of beets, and its command line."""

    def __init__(
        self, place: Path, model: str, options: str = "", settings: str = "", copy: str = "no"
    ) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self.place = place
        self.catalogue = place / "catalogue.sqlite"
        config = CONFIG.format(place=place, model=model, options=options, copy=copy)
        (place / "config.yaml").write_text(config)
        (place / "tags.toml").write_text(settings)

    def start(self, *words: object) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "BEETSDIR": str(self.place),
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        command = [sys.executable, "-m", "beets", *map(str, words)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)

    def __call__(self, *words: object) -> str:
        return said(self.start(*words))


def said(process: subprocess.Popen[str]) -> str:
    out, error = process.communicate()
    assert process.returncode == 0, error
    assert "Traceback" not in error
    return out + error


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that knows two tones: a calm low one, a tense high one."""
    return str(package(tmp_path_factory.mktemp("beets") / "tones", tone_detector(), name="tones"))


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    sf.write(folder / "calm.flac", tone(4.0), RATE)
    sf.write(folder / "tense.flac", tone(4.0, hertz=3_000.0), RATE)
    return folder


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "own.sqlite", write=True) as opened:
        yield opened


def got(path: Path, field: str) -> tuple[str, ...] | None:
    tags = open_tags(path)
    return tags.get(tags.key(field))


def put(path: Path, field: str, *values: str) -> None:
    tags = open_tags(path)
    tags.put(tags.key(field), values)
    tags.save()


def test_items_are_predicted_when_imported_and_on_request(
    tmp_path: Path, music: Path, model: str
) -> None:
    beet = Beets(tmp_path / "beets", model)
    beet("import", "-qA", music)
    listed = beet("ls", "-f", "$mood|$emotion_calmness|$emotion_model", "emotion_calmness:0.5..")
    assert listed.splitlines() == ["calmness|1.00|tones 1"]
    assert beet("ls", "-f", "$mood", "mood:tension") == "tension\n"
    # Valence and arousal are read from the intensities; the model brings no reference.
    calm = beet("ls", "-f", "$emotion_valence|$emotion_arousal", "mood:calmness").strip()
    valence, arousal = map(float, calm.split("|"))
    expected = load_model(model).predict(tone(4.0), RATE)
    assert (valence, arousal) == (round(expected.valence, 2), round(expected.arousal, 2))
    assert beet("ls", "emotion_standing_calmness:0..") == ""
    assert not beet.catalogue.exists()

    # A mood of the user's stays; items of this model are not predicted again unless forced.
    beet("modify", "-yW", "mood:tension", "mood=my own", "emotion_model!", "emotion_tension=0.1")
    beet("emotion")
    assert beet("ls", "-f", "$mood|$emotion_model", "emotion_tension:0.5..") == "my own|tones 1\n"
    assert beet("emotion") == ""
    beet("emotion", "-f")  # told from the prediction, it is the user's still
    assert beet("ls", "-f", "$mood|$emotion_mood", "emotion_tension:0.5..") == "my own|tension\n"
    (music / "tense.flac").write_text("dear listener")
    assert "tense.flac' is not audio" in beet("emotion", "-f")


def test_ranges_of_valence_and_arousal(tmp_path: Path, music: Path, model: str) -> None:
    beet = Beets(tmp_path / "beets", model)
    beet("import", "-qA", music)
    sf.write(music / "unknown.flac", tone(1.0), RATE)
    Beets(tmp_path / "beets", model, "    auto: no")("import", "-qA", music / "unknown.flac")
    for name, valence, arousal in (("calm", 0.3, -0.7), ("tense", -0.4, 0.5)):
        change = (f"emotion_valence={valence}", f"emotion_arousal={arousal}")
        beet("modify", "-yW", f"path:{music / name}.flac", *change)

    def found(*query: str) -> list[str]:
        return [Path(line).stem for line in beet("ls", "-p", *query).splitlines()]

    assert found("emotion_valence:0.2..") == ["calm"]
    assert found("emotion_valence:..-0.3", "emotion_arousal:0.5..") == ["tense"]
    assert found("emotion_arousal:-0.8..-0.6") == ["calm"]
    assert found("emotion_valence:-1..1", "emotion_valence+") == ["tense", "calm"]
    assert found("emotion_valence:0.31..", "emotion_arousal:..0") == []


@needs_ffmpeg
def test_moods_are_written_into_files_of_every_kind(
    tmp_path: Path, model: str, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    monkeypatch.setitem(ENCODERS, "wma", ("-c:a", "wmav2"))
    files = {kind: make(music, kind, 4.0) for kind in ENCODERS}
    mine = {kind: files[kind].with_name(f"mine.{kind}") for kind in ("mp3", "flac", "m4a")}
    for kind, path in mine.items():
        path.write_bytes(files[kind].read_bytes())
        put(path, "MOOD", "mine", "own")
    settings = 'most = 2\nshare = 0\n[names]\ncalmness = "ruhig"\n'
    beet = Beets(tmp_path / "beets", model, settings=settings)
    beet("import", "-qA", music)
    assert all(got(path, "MOOD") is None for kind, path in files.items() if kind != "wma")
    assert beet("ls", "-f", "$mood", "path::mine") == "mine; own\n" * 3
    beet("write")
    own = read_settings(beet.place / "tags.toml")
    for kind, path in files.items():
        if kind == "wma":
            continue
        assert got(path, "MOOD") == ("ruhig",)
        assert got(path, "EMOTION_CALMNESS") == ("1.00",)
        # What beets wrote is what `tag` writes: it finds nothing to do.
        row = replace(
            predicted(path), prediction=replace(load_model(model).predict(path), path=str(path))
        )
        plan = plan_tags(catalogue, row, settings=own)
        assert (plan.after, plan.kept) == ({}, {}), kind
    for path in mine.values():
        assert got(path, "MOOD") == ("mine", "own") and got(path, "EMOTION_CALMNESS") == ("1.00",)
        assert plan_tags(catalogue, predicted(path)).kept == {"MOOD": ("mine", "own")}
    said_again = beet("write")  # beets' own fields differ in some kinds after each writing
    assert "emotion" not in said_again and "mood" not in said_again

    # Who edits a mood in a player makes it theirs; what is said in beets has the last word.
    put(files["flac"], "MOOD", "edited")
    beet("modify", "-y", "path::song.ogg$", "mood=told")
    beet("write", "-f")
    assert (got(files["flac"], "MOOD"), got(files["ogg"], "MOOD")) == (("edited",), ("told",))
    assert beet("ls", "-f", "$mood", "path::song.flac$") == "edited\n"
    for path in (files["flac"], files["ogg"]):
        assert plan_tags(catalogue, predicted(path)).kept.keys() == {"MOOD"}
        tags = open_tags(path)
        tags.set("MOOD", None)
        tags.save()
    for path in [path for kind, path in files.items() if kind != "wma"]:
        back = plan_undo_by_mark(str(path))
        assert back is not None and back.left == ()
        undo_by_mark(catalogue, back)
        assert {got(path, field) for field in (*FIELDS, MARK)} == {None}
    wma = mutagen.File(files["wma"]).tags
    assert [str(value) for value in wma["WM/Mood"]] == ["ruhig"]
    assert [str(value) for value in wma["EMOTION_CALMNESS"]] == ["1.00"] and MARK not in wma


@needs_ffmpeg
def test_the_mood_has_its_name_in_id3v23(tmp_path: Path, model: str) -> None:
    from mutagen.id3 import ID3

    path = make(tmp_path, "mp3", 4.0)
    beet = Beets(tmp_path / "beets", model, "id3v23: yes")
    beet("import", "-qA", path)
    beet("write")
    beet("emotion", "-f")
    beet("write", "-f")
    tags = ID3(path, translate=False)
    assert tags.version == (2, 3, 0) and "TMOO" not in tags
    assert tags["TXXX:MOOD"].text == ["calmness"] == [beet("ls", "-f", "$mood").strip()]


def test_what_the_catalogue_knows_is_not_predicted_again(
    tmp_path: Path, music: Path, model: str
) -> None:
    """The catalogue says of one file what no model would."""
    beet = Beets(tmp_path / "beets", model, copy="yes")
    card = load_model(model).card
    row = predicted(music / "calm.flac", "power")
    assert row.prediction is not None
    odd = replace(row.prediction, model=card.name, version=card.version)
    with Catalogue.open(beet.catalogue, write=True) as catalogue:
        catalogue.write(replace(row, path="/elsewhere/a.flac", prediction=odd))
        catalogue.write(replace(row, prediction=odd, model_sha256=card.sha256))
    beet("import", "-qA", music)
    assert sorted(beet("ls", "-f", "$mood").split()) == ["power", "tension"]
    placed = [Path(line) for line in beet("ls", "-p", "mood:tension").splitlines()]
    assert len(placed) == 1 and placed[0].is_relative_to(beet.place / "library")
    with Catalogue.open(beet.catalogue) as catalogue:
        kept = row_of(catalogue, placed[0])
        assert len(catalogue) == 3
    assert kept.prediction is not None and kept.prediction.top == "tension"
    assert (kept.stamp, kept.model_id) == (FileStamp.read(placed[0]), ModelId.of(card))
    beet("emotion", "-f", "mood:power")  # asked for, it is predicted
    assert sorted(beet("ls", "-f", "$mood").split()) == ["calmness", "tension"]


def test_what_a_file_says_itself_is_not_predicted_again(
    tmp_path: Path, music: Path, model: str, catalogue: Catalogue
) -> None:
    row = catalogued(catalogue, music / "calm.flac", "power")
    write_tags(catalogue, row, plan_tags(catalogue, row))
    beet = Beets(tmp_path / "beets", model)
    beet("import", "-qA", music)
    assert sorted(beet("ls", "-f", "$mood $emotion_power").splitlines())[0] == "power 0.90"
    beet("emotion", "-f")  # asked for, it is; the mood is known as ours by the file's mark
    beet("write")
    assert got(music / "calm.flac", "MOOD") == ("calmness",)
    assert got(music / "tense.flac", "MOOD") == ("tension",)


def test_several_imports_at_once_into_one_catalogue(tmp_path: Path, model: str) -> None:
    catalogue = tmp_path / "catalogue.sqlite"
    Catalogue.open(catalogue, write=True).close()
    folders, running = [], []
    for number in range(3):
        folder = tmp_path / f"music{number}"
        folder.mkdir()
        for song in range(4):
            sf.write(folder / f"{song}.flac", tone(1.0, hertz=400.0 + 50 * song + number), RATE)
        beet = Beets(tmp_path / f"beets{number}", model, f"    jobs: {number + 1}")
        config = beet.place / "config.yaml"
        config.write_text(config.read_text().replace(str(beet.catalogue), str(catalogue)))
        running.append(beet.start("import", "-qA", folder))
        folders.append(folder)
    for process in running:
        said(process)
    with Catalogue.open(catalogue) as opened:
        assert opened.check() == []
        rows = [opened.track(str(path)) for folder in folders for path in folder.iterdir()]
        assert len(opened) == 12
    assert all(row is not None and row.prediction is not None for row in rows)


def test_a_damaged_catalogue_and_settings_are_one_line(
    tmp_path: Path, music: Path, model: str
) -> None:
    beet = Beets(tmp_path / "beets", model)
    beet.catalogue.write_bytes(b"dear listener" * 1000)
    assert "catalogue.sqlite'" in beet("import", "-qA", music)
    assert beet("ls", "-f", "$mood", "mood:tension") == "tension\n"
    (beet.place / "tags.toml").write_text("most = 0")
    process = beet.start("emotion", "-f")
    _, error = process.communicate()
    assert process.returncode == 1 and "most = 0 must be a whole number" in error
    assert "Traceback" not in error
