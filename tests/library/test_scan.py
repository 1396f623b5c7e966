from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
import soundfile as sf

from helpers import deadly
from helpers.sounds import RATE, tone
from kill_scan import check_catalogue, kill_scans, make_library
from music_emotion.inference import batch
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.scan import ScanOptions, ScanSummary, scan

mutagen = pytest.importorskip("mutagen")


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    (folder / "more").mkdir(parents=True)
    sf.write(folder / "calm.flac", tone(3.0), RATE)
    sf.write(folder / "more" / "tense.flac", tone(3.0, hertz=3_000.0), RATE)
    (folder / "letter.mp3").write_text("dear listener")
    (folder / "cover.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


class Heard(list):
    """Names of the files that were given to the model."""


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    names = Heard()
    original = batch.predict_file

    def predict_file(path, *arguments, **options):
        names.append(Path(path).name)
        return original(path, *arguments, **options)

    monkeypatch.setattr(batch, "predict_file", predict_file)
    return names


def run(catalogue: Catalogue, folder: Path, model: str, **options) -> ScanSummary:
    return scan(catalogue, [str(folder)], ScanOptions(model, **options))


def names(catalogue: Catalogue, folder: Path, *, missing: bool = False) -> set[str]:
    known = catalogue.known_under(str(folder))
    return {os.path.relpath(path, folder) for path, row in known.items() if row.missing == missing}


def test_everything_once(catalogue: Catalogue, music: Path, tones: str, heard: Heard) -> None:
    steps: list[tuple[int, int]] = []
    summary = scan(
        catalogue, [str(music)], ScanOptions(tones), lambda done, total: steps.append((done, total))
    )
    assert sorted(heard) == ["calm.flac", "letter.mp3", "tense.flac"]
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert (summary.files, summary.predicted) == (3, 2)
    ((path, error),) = summary.failures
    assert path == str(music / "letter.mp3") and "is not audio" in error
    calm = catalogue.track(str(music / "calm.flac"))
    assert calm is not None and calm.prediction is not None
    assert (calm.prediction.top, calm.prediction.model) == ("calmness", "tones")
    letter = catalogue.track(str(music / "letter.mp3"))
    assert letter is not None and letter.error == error


def test_nothing_twice(catalogue: Catalogue, music: Path, tones: str, heard: Heard) -> None:
    run(catalogue, music, tones)
    heard.clear()
    summary = run(catalogue, music, tones)
    assert heard == []
    assert (summary.files, summary.unchanged, len(summary.failures)) == (3, 2, 1)
    assert run(catalogue, music, tones, retry=True).failures
    assert heard == ["letter.mp3"]


def test_moved_retagged_and_copied_files_are_known(
    catalogue: Catalogue, music: Path, tones: str, heard: Heard
) -> None:
    run(catalogue, music, tones)
    before = {name: row.id for name, row in catalogue.known_under(str(music)).items()}
    heard.clear()
    (music / "calm.flac").rename(music / "more" / "CALM.flac")
    file = mutagen.File(music / "more" / "tense.flac")
    file["artist"] = ["Björk"]
    file.save()
    shutil.copy(music / "more" / "tense.flac", music / "copy.flac")
    summary = run(catalogue, music, tones)
    assert heard == []
    assert (summary.moved, summary.retagged, summary.copied, summary.missing) == (1, 1, 1, 0)
    assert names(catalogue, music) == {
        "copy.flac", "letter.mp3", "more/CALM.flac", "more/tense.flac"
    }  # fmt: skip
    moved = catalogue.track(str(music / "more" / "CALM.flac"))
    assert moved is not None and moved.id == before[str(music / "calm.flac")]
    retagged = catalogue.track(str(music / "more" / "tense.flac"))
    assert retagged is not None and retagged.tags.artist == "Björk"
    assert retagged.prediction is not None and retagged.prediction.top == "tension"
    copy = catalogue.track(str(music / "copy.flac"))
    assert copy is not None and copy.prediction is not None and copy.prediction.top == "tension"


def test_a_chain_of_renames(catalogue: Catalogue, tmp_path: Path, tones: str, heard: Heard) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(1, 5):
        sf.write(folder / f"{number}.wav", tone(3.0, hertz=440.0 + number), RATE)
    run(catalogue, folder, tones)
    sounds = {name: catalogue.track(name).audio for name in catalogue.known_under(str(folder))}  # type: ignore[union-attr]
    heard.clear()
    for number in range(4, 0, -1):
        (folder / f"{number}.wav").rename(folder / f"{number + 1}.wav")
    summary = run(catalogue, folder, tones)
    assert heard == []
    assert summary.predicted == 0 and not summary.failures
    for number in range(1, 5):
        renamed = catalogue.track(str(folder / f"{number + 1}.wav"))
        assert renamed is not None and renamed.prediction is not None
        assert renamed.audio == sounds[str(folder / f"{number}.wav")]


def test_a_changed_sound_is_heard_again(
    catalogue: Catalogue, music: Path, tones: str, heard: Heard
) -> None:
    run(catalogue, music, tones)
    heard.clear()
    sf.write(music / "calm.flac", tone(3.0, hertz=3_000.0)[::-1].copy() * 0.9, RATE)
    assert run(catalogue, music, tones).predicted == 1
    assert heard == ["calm.flac"]
    changed = catalogue.track(str(music / "calm.flac"))
    assert changed is not None and changed.prediction is not None
    assert changed.prediction.top == "tension"


def test_another_model_predicts_again(
    catalogue: Catalogue, music: Path, tones: str, tmp_path: Path
) -> None:
    from helpers.graphs import package, tone_listener

    run(catalogue, music, tones)
    # The same graph in other bytes is another model.
    model = tone_listener()
    model.producer_name = "another"
    another = package(tmp_path / "another", model, name="another", version="2")
    summary = run(catalogue, music, str(another))
    assert summary.predicted == 2
    assert list(catalogue.models().values()) == ["another"]


def test_gone_files_are_kept_until_pruned_and_come_back(
    catalogue: Catalogue, music: Path, tones: str, heard: Heard
) -> None:
    run(catalogue, music, tones)
    heard.clear()
    away = music.with_name("away")
    music.rename(away)
    absent = run(catalogue, music, tones)
    assert absent.missing == 3
    assert "there is no folder" in absent.failures[0][1] and "is kept" in absent.failures[0][1]
    music.mkdir()  # an empty place where a drive was
    assert run(catalogue, music, tones).missing == 3
    assert names(catalogue, music, missing=True) == {
        "calm.flac", "letter.mp3", "more/tense.flac"
    }  # fmt: skip
    music.rmdir()
    away.rename(music)
    assert run(catalogue, music, tones).missing == 0
    assert heard == []
    assert names(catalogue, music, missing=True) == set()
    shutil.rmtree(music)
    assert run(catalogue, music, tones, prune=True).pruned == 3
    assert len(catalogue) == 0


def test_a_folder_that_is_not_there_keeps_no_other_from_being_scanned(
    catalogue: Catalogue, music: Path, tones: str
) -> None:
    missing = [str(music.with_name("none")), str(music / "letter.mp3")]
    summary = scan(catalogue, [missing[0], str(music), missing[1]], ScanOptions(tones))
    assert (summary.files, summary.predicted) == (3, 2)
    told = [error for _, error in summary.failures]
    assert "there is no folder" in told[0] and "is a file; name a folder" in told[1]


def test_a_link_that_leads_nowhere_hides_nothing(
    catalogue: Catalogue, music: Path, tones: str
) -> None:
    run(catalogue, music, tones)
    (music / "a.mp3").symlink_to(music / "a.mp3")
    summary = run(catalogue, music, tones)
    assert (summary.files, summary.unchanged, len(summary.failures)) == (3, 2, 1)
    (music / "calm.flac").unlink()
    (music / "calm.flac").symlink_to("n" * 300)  # can be told neither there nor gone
    summary = run(catalogue, music, tones)
    assert (summary.unchanged, summary.missing) == (1, 0)
    assert "calm.flac' cannot be looked at (File name too long)" in summary.failures[0][1]


def test_a_single_file_that_kills_its_reader_does_not_kill_the_scan(
    catalogue: Catalogue, music: Path, tones: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(catalogue, music, tones)
    sf.write(music / deadly.KILLER, tone(3.0, hertz=700.0), RATE)
    monkeypatch.setattr(batch, "_begin", deadly.begin)
    summary = run(catalogue, music, tones, jobs=2)
    assert any("killed the process that read it" in error for _, error in summary.failures)
    assert summary.unchanged == 2


def test_a_moved_folder_is_known_in_its_new_place(
    catalogue: Catalogue, music: Path, tones: str, heard: Heard
) -> None:
    run(catalogue, music, tones)
    heard.clear()
    music.rename(music.with_name("elsewhere"))
    summary = run(catalogue, music.with_name("elsewhere"), tones)
    assert heard == []
    assert (summary.moved, len(summary.failures), len(catalogue)) == (2, 1, 3)


def test_two_new_files_of_one_sound_are_heard_once(
    catalogue: Catalogue, music: Path, tones: str, heard: Heard
) -> None:
    shutil.copy(music / "calm.flac", music / "again.flac")
    summary = run(catalogue, music, tones)
    assert (summary.predicted, summary.copied) == (2, 1)
    assert sorted(heard) == ["again.flac", "letter.mp3", "tense.flac"]


def test_overlapping_folders_and_names_that_are_no_text(
    catalogue: Catalogue, music: Path, tones: str
) -> None:
    odd = os.fsencode(music) + b"/caf\xe9\n.wav"
    with open(odd, "wb") as file:  # noqa: PTH123  # a Path cannot be made of bytes
        sf.write(file, tone(3.0, hertz=500.0), RATE, format="WAV")
    summary = scan(catalogue, [str(music), str(music / "more")], ScanOptions(tones))
    assert (summary.files, summary.predicted, summary.missing) == (4, 3, 0)
    assert catalogue.track(os.fsdecode(odd)) is not None


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_folder_that_cannot_be_listed(catalogue: Catalogue, music: Path, tones: str) -> None:
    run(catalogue, music, tones)
    (music / "more").chmod(0)
    try:
        summary = run(catalogue, music, tones)
    finally:
        (music / "more").chmod(0o755)
    assert "cannot be looked at (Permission denied)" in summary.failures[0][1]
    assert summary.missing == 0


def test_a_folder_that_fails_is_told_and_its_files_are_not_missing(
    catalogue: Catalogue, music: Path, tones: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(catalogue, music, tones)
    original = os.scandir

    def scandir(place):
        if str(place).endswith("more"):
            raise OSError(5, "Input/output error")
        return original(place)

    monkeypatch.setattr(os, "scandir", scandir)
    summary = run(catalogue, music, tones)
    assert "more' cannot be looked at (Input/output error)" in summary.failures[0][1]
    assert (summary.missing, summary.unchanged) == (0, 1)


def test_what_was_done_is_kept_when_a_scan_is_interrupted(
    catalogue: Catalogue, music: Path, tones: str, heard: Heard
) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(catalogue, [str(music)], ScanOptions(tones), interrupt)
    kept = len(catalogue)
    assert 0 <= kept < 3
    heard.clear()
    run(catalogue, music, tones)
    assert len(heard) == 3 - kept
    assert len(catalogue) == 3


def test_without_mutagen_it_is_one_line(
    catalogue: Catalogue, music: Path, tones: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mutagen", None)
    with pytest.raises(Exception, match=r"pip install 'music-emotion\[library\]'"):
        run(catalogue, music, tones)


def test_several_processes_give_the_same(
    catalogue: Catalogue, music: Path, tones: str, tmp_path: Path
) -> None:
    run(catalogue, music, tones)
    with Catalogue.open(tmp_path / "other.sqlite", write=True) as other:
        assert run(other, music, tones, jobs=2).predicted == 2
        for path in catalogue.known_under(str(music)):
            one, two = catalogue.track(path), other.track(path)
            assert one is not None and two is not None
            assert (one.audio, one.error) == (two.audio, two.error)
            if one.prediction is not None and two.prediction is not None:
                assert one.prediction.to_dict() == two.prediction.to_dict()


def test_killed_at_random_moments(tmp_path: Path, tones: str) -> None:
    """Nothing is lost or double, nothing damaged, and neither workers nor lock are left behind."""
    library = make_library(tmp_path / "music", 24, seconds=3.0)
    database = tmp_path / "c.sqlite"
    assert kill_scans(library, database, tones, kills=2, jobs=2, seed=1) == []
    assert check_catalogue(library, database) == []
