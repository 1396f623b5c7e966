from __future__ import annotations

from pathlib import Path

import pytest
import soundfile as sf
from typer.testing import CliRunner, Result

from graphs import package, tone_listener
from music_emotion.cli.main import build_app
from music_emotion.library.tag_fields import open_tags
from sounds import RATE, tone


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(package(tmp_path_factory.mktemp("model") / "tones", tone_listener(), name="tones"))


@pytest.fixture
def music(tmp_path, monkeypatch):
    """A calm song, a tense one in a subfolder, and a letter; the catalogue beside them."""
    monkeypatch.setenv("MUSIC_EMOTION_CATALOGUE", str(tmp_path / "catalogue.sqlite"))
    folder = tmp_path / "music"
    (folder / "more").mkdir(parents=True)
    sf.write(folder / "calm.flac", tone(4.0), RATE)
    sf.write(folder / "more" / "tense.ogg", tone(4.0, hertz=3_000.0), RATE)
    (folder / "letter.mp3").write_text("dear listener")
    return folder


def run(*arguments: object, command: str = "tag") -> Result:
    return CliRunner().invoke(build_app([command]), [command, *map(str, arguments)])


def mood(path: Path) -> tuple[str, ...] | None:
    tags = open_tags(path)
    return tags.get(tags.key("MOOD"))


def test_shown_first_then_written_then_taken_back(music, model):
    calm, tense = music / "calm.flac", music / "more" / "tense.ogg"
    before = calm.read_bytes(), tense.read_bytes()
    shown = run(music, "--model", model)
    assert shown.exit_code == 1  # the letter
    assert f"error: '{music / 'letter.mp3'}' is not audio" in shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[:2] == [str(calm), "  + MOOD: calmness"]
    assert "  + EMOTION_MODEL: tones 1" in lines
    assert lines[-1] == "3 files: 2 would be changed, 1 failed; nothing was written: add --write"
    assert (calm.read_bytes(), tense.read_bytes()) == before

    written = run("--write")  # from the catalogue, which knows them by now
    assert written.exit_code == 0, written.stderr
    assert written.stdout.splitlines()[-1] == "2 files: 2 changed"
    assert (mood(calm), mood(tense)) == (("calmness",), ("tension",))
    assert run("--write").stdout.splitlines() == ["2 files: 2 need no change"]

    assert run("--undo", calm).stdout.splitlines()[1] == "  - MOOD: calmness"
    assert mood(calm) == ("calmness",)
    assert run("--undo", "--write", calm, "-q").stdout == "1 file: 1 changed\n"
    assert (mood(calm), mood(tense)) == (None, ("tension",))
    assert run("--undo", "--write", "-q").stdout == "1 file: 1 changed\n"
    assert mood(tense) is None


def test_a_scan_after_tagging_predicts_nothing(music, model):
    run(music, "--model", model, "--write")
    scanned = run(music, "-m", model, command="scan")
    assert "2 unchanged" in scanned.stdout
    assert "predicted" not in scanned.stdout


def test_a_file_tagged_by_others_is_not_predicted_again(music, model):
    calm = music / "calm.flac"
    run(calm, "-m", model)
    tags = open_tags(calm)
    tags.put("TITLE", ["Nocturne"])
    tags.save()
    # An unknown model could not predict: the sound is known, so that none is needed.
    assert run(calm, "--write", "-q").stdout == "1 file: 1 changed\n"


def test_no_catalogue_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("MUSIC_EMOTION_CATALOGUE", str(tmp_path / "none.sqlite"))
    for options in ((), ("--write",), ("--undo",), ("--undo", "--write")):
        result = run(*options)
        assert "there is no catalogue" in str(result.exception)
    assert not (tmp_path / "none.sqlite").exists()
