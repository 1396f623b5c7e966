from __future__ import annotations

from pathlib import Path

import pytest
import soundfile as sf
from typer.testing import Result

from helpers.command_line import run
from helpers.sounds import RATE, tone
from music_emotion.audio.discover import TEMPORARY_TAGGED
from music_emotion.errors import ModelError, MusicEmotionError
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.tags.fields import open_tags
from music_emotion.library.track import CatalogueTrack


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


def tag(*arguments: object) -> Result:
    return run("tag", *arguments)


def mood(path: Path) -> tuple[str, ...] | None:
    tags = open_tags(path)
    return tags.get(tags.key("MOOD"))


def test_shown_first_then_written_then_taken_back(music, model):
    calm, tense = music / "calm.flac", music / "more" / "tense.ogg"
    before = calm.read_bytes(), tense.read_bytes()
    shown = tag(music, "--model", model)
    assert shown.exit_code == 1  # the letter
    assert f"error: '{music / 'letter.mp3'}' is not audio" in shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[:2] == [str(calm), "  + MOOD: calmness"]
    assert "  + EMOTION_MODEL: tones 1" in lines
    assert lines[-1] == "3 files: 2 would be changed, 1 failed; nothing was written: add --write"
    assert (calm.read_bytes(), tense.read_bytes()) == before

    written = tag("--write")  # from the catalogue, which knows them by now
    assert written.exit_code == 0, written.stderr
    assert written.stdout.splitlines()[-1] == "2 files: 2 changed"
    assert (mood(calm), mood(tense)) == (("calmness",), ("tension",))
    assert tag("--write").stdout.splitlines() == ["2 files: 2 need no change"]

    assert tag("--undo", calm).stdout.splitlines()[1] == "  - MOOD: calmness"
    assert mood(calm) == ("calmness",)
    assert tag("--undo", "--write", calm, "-q").stdout == "1 file: 1 changed\n"
    assert (mood(calm), mood(tense)) == (None, ("tension",))
    assert tag("--undo", "--write", "-q").stdout == "1 file: 1 changed\n"
    assert mood(tense) is None


def test_what_a_folder_holds_besides_is_counted(music, model):
    (music / "cover.jpg").touch()
    result = tag(music, "--model", model)
    left_out, kept = result.stderr.splitlines()[:2]
    assert left_out == "left out 1 file that is no music: 1 .jpg"
    assert kept.startswith("predictions are kept in a new catalogue: ")


def test_a_scan_after_tagging_predicts_nothing(music, model):
    tag(music, "--model", model, "--write")
    scanned = run("scan", music, "-m", model)
    assert "2 unchanged" in scanned.stdout
    assert "predicted" not in scanned.stdout


def test_a_file_tagged_by_others_is_not_predicted_again(music, model):
    calm = music / "calm.flac"
    tag(calm, "-m", model)
    tags = open_tags(calm)
    tags.put("TITLE", ["Nocturne"])
    tags.save()
    # An unknown model could not predict: the sound is known, so that none is needed.
    assert tag(calm, "--write", "-q").stdout == "1 file: 1 changed\n"


def test_no_catalogue_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("MUSIC_EMOTION_CATALOGUE", str(tmp_path / "none.sqlite"))
    for options in ((), ("--write",), ("--undo",), ("--undo", "--write")):
        result = tag(*options)
        assert "there is no catalogue" in str(result.exception)
    assert not (tmp_path / "none.sqlite").exists()


def catalogued(music: Path, name: str) -> CatalogueTrack | None:
    with Catalogue.open() as catalogue:
        return catalogue.track(str(music / name))


def put(path: Path, **tags: str) -> None:
    opened = open_tags(path)
    for key, value in tags.items():
        opened.put(key, [value])
    opened.save()


def test_what_is_not_there_is_told_and_nothing_is_lost(music, model):
    calm = music / "calm.flac"
    (music / "letter.mp3").unlink()
    tag(music, "-m", model)
    before = catalogued(music, "calm.flac")
    calm.rename(music.parent / "away.flac")
    (music / "empty").mkdir()
    (music / "loop.mp3").symlink_to("loop.mp3")
    for options in ((), ("--write",), ("--undo", "--write")):
        gone = tag(calm, music / "empty", music / "loop.mp3", *options)
        assert gone.exit_code == 1 and gone.exception.__class__ is SystemExit
        lines = [line for line in gone.stderr.splitlines() if line.startswith("error")]
        assert len(lines) == 3
        assert "calm.flac' cannot be read (No such file" in lines[0]
        assert "empty' is a folder without audio files" in lines[1]
        assert "loop.mp3' cannot be read (Too many levels" in lines[2]
    kept = catalogued(music, "calm.flac")
    assert kept.prediction is not None and kept.audio == before.audio
    with Catalogue.open() as catalogue:
        assert len(catalogue) == 2


def test_new_music_under_an_old_name_is_not_tagged_as_the_old(music, model):
    calm = music / "calm.flac"
    tag(calm, "-m", model, "--write")
    sf.write(calm, tone(4.0, hertz=3_000.0), RATE)
    put(calm, MOOD="calmness")
    content = calm.read_bytes()
    for options in (("--write",), ("--undo", "--write")):
        result = tag(*options)
        assert "sounds different now than when it was scanned" in result.stderr
        assert calm.read_bytes() == content
    scanned = run("scan", music, "-m", model)
    assert "unchanged" not in scanned.stdout and "2 predicted" in scanned.stdout
    assert catalogued(music, "calm.flac").prediction.top == "tension"


def test_words_changed_before_tagging_are_found(music, model):
    calm = music / "calm.flac"
    tag(calm, "-m", model)
    put(calm, ARTIST="Somebody New")
    tag(calm, "--write")
    assert catalogued(music, "calm.flac").tags.artist == "Somebody New"


def test_taking_back_follows_the_sound(music, model):
    (music / "letter.mp3").unlink()
    calm, tense = music / "calm.flac", music / "tense.flac"
    sf.write(tense, tone(5.0, hertz=3_000.0), RATE)
    tag(calm, tense, "-m", model, "--write")
    swap = music / "swap.flac"
    calm.rename(swap)
    tense.rename(calm)
    swap.rename(tense)
    run("scan", music, "-m", model)
    assert tag("--undo", "--write", "-q").stdout == "2 files: 2 changed\n"
    for path in (calm, tense):
        assert not open_tags(path).others(())[0]
    # Moved since the last scan, it is told from its sound.
    tag(calm, "--write")
    calm.rename(swap)
    assert tag(swap, "--undo", "--write", "-q").stdout == "1 file: 1 changed\n"
    assert mood(swap) is None


def test_a_moved_file_keeps_its_prediction_and_row(music, model):
    calm, moved = music / "calm.flac", music / "moved.flac"
    tag(calm, "-m", model)
    number = catalogued(music, "calm.flac").id
    calm.rename(moved)
    assert tag(moved, "--write", "-q").stdout == "1 file: 1 changed\n"  # by no model
    assert catalogued(music, "moved.flac").id == number
    assert catalogued(music, "calm.flac") is None


def test_a_copy_left_by_a_killed_run_is_no_music(music, model):
    (music / "letter.mp3").unlink()
    left = music / f"{TEMPORARY_TAGGED}0123456789ab.flac"
    left.write_bytes((music / "calm.flac").read_bytes())
    assert "2 files" in run("scan", music, "-m", model).stdout
    assert catalogued(music, left.name) is None
    assert tag(music, "--write", "-q").exit_code == 0
    assert not left.exists()


def test_what_has_no_part_in_taking_back_is_refused(music):
    for option in (("--overwrite",), ("-m", "light"), ("--config", "tags.toml")):
        refused = run("tag", music, "--undo", *option).exception
        assert isinstance(refused, MusicEmotionError)
        assert "leave them out" in str(refused)


def test_an_unknown_model_is_told_once(music):
    assert isinstance(tag(music, "--model", "nosuch").exception, ModelError)


def test_taking_back_needs_no_catalogue(music, model, tmp_path):
    (music / "letter.mp3").unlink()
    calm = music / "calm.flac"
    before = open_tags(calm).others(())
    tag(music, "-m", model, "--write")
    catalogue = tmp_path / "catalogue.sqlite"
    for path in tmp_path.glob("catalogue.sqlite*"):
        path.unlink()
    shown = tag(music, "--undo")
    assert shown.stdout.splitlines()[-1].startswith("2 files: 2 would be changed")
    assert not catalogue.exists() and mood(calm) == ("calmness",)
    assert tag(music, "--undo", "--write", "-q").stdout == "2 files: 2 changed\n"
    assert open_tags(calm).others(()) == before
    assert not catalogue.exists()
    assert tag(music, "--undo", "--write", "-q").stdout == "2 files: 2 need no change\n"


def test_what_is_written_is_said_in_a_file(music, model, tmp_path, monkeypatch):
    calm, config = music / "calm.flac", tmp_path / "tags.toml"
    config.write_text(
        'numbers = false\n[names]\ncalmness = "ruhig"\n[fields]\ncomment = "{mood}!"\n'
    )
    shown = tag(calm, "-m", model, "--config", config)
    assert shown.stdout.splitlines()[1:-1] == [
        "  + MOOD: ruhig",
        "  + COMMENT: ruhig!",
        "  + EMOTION_MARK",
    ]
    monkeypatch.setenv("MUSIC_EMOTION_TAGS", str(config))
    tag(calm, "--write")
    assert mood(calm) == ("ruhig",)
    config.write_text("most = 10")
    assert str(tag(calm).exception) == f"'{config}': most = 10 must be a whole number from 1 to 9"


def test_a_file_and_a_link_to_it_are_one_change_shown_and_written(music, model):
    (music / "letter.mp3").unlink()
    (music / "same.flac").symlink_to("calm.flac")
    for call, undone in (((music, "-m", model), ()), ((music,), ("--undo",))):
        shown = tag(*call, *undone).stdout.splitlines()[-1]
        written = tag(*call, *undone, "--write").stdout.splitlines()[-1]
        assert shown.startswith("3 files: 2 would be changed, 1 need no change; nothing was")
        assert written == "3 files: 2 changed, 1 need no change"
