from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import soundfile as sf

from helpers import deadly
from helpers.graphs import package, tone_detector
from helpers.sounds import RATE, tone
from helpers.tracks import prediction, row_of, track
from kill_scan import check_catalogue, kill_scans, make_library
from music_emotion.digest import FileStamp
from music_emotion.errors import CatalogueError
from music_emotion.inference import batch
from music_emotion.inference.model_card import read_card
from music_emotion.library import scan as scan_module
from music_emotion.library.audio_hash import audio_digest
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.exclusions import Exclusions
from music_emotion.library.scan import ScanOptions, ScanSummary, scan, scanned
from music_emotion.library.selection import Selection
from music_emotion.library.track import CatalogueTrack

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
    assert summary.left_out == {str(music / "cover.jpg")}
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert (summary.files, summary.predicted) == (3, 2)
    ((path, error),) = summary.failures
    assert path == str(music / "letter.mp3") and "is not audio" in error
    calm = row_of(catalogue, music / "calm.flac")
    assert calm.prediction is not None
    assert (calm.prediction.top, calm.prediction.model) == ("calmness", "tones")
    letter = row_of(catalogue, music / "letter.mp3")
    assert letter.error == error


def test_what_is_known_is_not_opened_again(
    catalogue: Catalogue, music: Path, tones: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (music / "calm.flac").rename(music / "calm")
    assert run(catalogue, music, tones).predicted == 2

    def opened(path: str) -> bool:
        raise AssertionError(path)

    monkeypatch.setattr("music_emotion.audio.files.holds_sound", opened)
    assert run(catalogue, music, tones).unchanged == 2


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
    assert row_of(catalogue, music / "more" / "CALM.flac").id == before[str(music / "calm.flac")]
    retagged = row_of(catalogue, music / "more" / "tense.flac")
    assert retagged.tags.artist == "Björk"
    assert retagged.prediction is not None and retagged.prediction.top == "tension"
    copy = row_of(catalogue, music / "copy.flac")
    assert copy.prediction is not None and copy.prediction.top == "tension"


def test_another_model_predicts_again(
    catalogue: Catalogue, music: Path, tones: str, tmp_path: Path
) -> None:
    run(catalogue, music, tones)
    # The same graph in other bytes is another model.
    model = tone_detector()
    model.producer_name = "another"
    another = package(tmp_path / "another", model, name="another", version="2")
    summary = run(catalogue, music, str(another))
    assert summary.predicted == 2
    assert list(catalogue.models().values()) == ["another"]


def test_another_version_of_a_graph_predicts_again(
    catalogue: Catalogue, music: Path, tmp_path: Path, heard: Heard
) -> None:
    one, two = (
        str(package(tmp_path / version, tone_detector(), name="tones", version=version))
        for version in "12"
    )
    run(catalogue, music, one)
    before = row_of(catalogue, music / "calm.flac")
    heard.clear()
    assert run(catalogue, music, two).predicted == 2
    after = row_of(catalogue, music / "calm.flac")
    assert after.model_sha256 == before.model_sha256
    assert (before.model_id.version, after.model_id.version) == ("1", "2")
    heard.clear()
    assert run(catalogue, music, two).unchanged == 2
    assert heard == []


def test_again_predicts_what_another_version_did_wherever_it_is(
    catalogue: Catalogue, music: Path, tmp_path: Path, heard: Heard
) -> None:
    one, two = (
        str(package(tmp_path / version, tone_detector(), name="tones", version=version))
        for version in "12"
    )
    run(catalogue, music, one)
    catalogue.write(track("a.wav", path="s3://bucket/a.wav", model_sha256="old"))
    (music / "calm.flac").unlink()
    heard.clear()
    for _ in range(2):  # by the version that predicted, there is nothing to do
        assert scan(catalogue, [], ScanOptions(one, again=True)) == ScanSummary()
    summary = scan(catalogue, [], ScanOptions(two, again=True))
    assert heard == ["tense.flac"]
    assert (summary.files, summary.predicted, summary.missing) == (1, 1, 1)
    assert summary.failures == []  # what could not be predicted is of no version
    assert row_of(catalogue, music / "more" / "tense.flac").model_id.version == "2"
    assert row_of(catalogue, music / "calm.flac").missing_since is not None
    url = row_of(catalogue, "s3://bucket/a.wav")
    assert (url.model_sha256, url.missing_since) == ("old", None)
    # Folders are scanned as ever, and each file is looked at once.
    sf.write(music / "new.flac", tone(3.0, hertz=880.0), RATE)
    heard.clear()
    summary = scan(catalogue, [str(music)], ScanOptions(one, again=True))
    assert sorted(heard) == ["new.flac", "tense.flac"]
    assert (summary.files, summary.predicted) == (3, 2)


def test_again_is_of_the_catalogues_model(
    catalogue: Catalogue, music: Path, tones: str, other_model: str
) -> None:
    assert scan(catalogue, [], ScanOptions(tones, again=True)) == ScanSummary()
    run(catalogue, music, tones)
    with pytest.raises(CatalogueError, match=r"predicted by tones, not by 'other'; name that"):
        scan(catalogue, [], ScanOptions(other_model, again=True))


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
    errors = [error for _, error in summary.failures]
    assert "there is no folder" in errors[0] and "is a file; name a folder" in errors[1]


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


# What a scan does, told from files whose first word says what is felt


class Ears:
    """Stands for the model: hears ``calmness …`` as calm, and ``bad …`` as no music.

    Attributes
    ----------
    heard
        Names of the files that were given to it.
    jobs
        How many processes it was asked to use.
    ahead
        How many files it takes before the first is done.
    """

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.jobs: list[int] = []
        self.ahead = 0
        self._model = {"model": "tones", "version": "1"}

    def listen(
        self, paths: Iterable[str], model: str, *, jobs: int
    ) -> Generator[batch.Outcome, None, None]:
        self.jobs.append(jobs)
        card = read_card(Path(model))
        self._model = {"model": card.name, "version": card.version}
        waiting: list[str] = []
        for path in paths:
            waiting.append(path)
            if len(waiting) > self.ahead:
                yield self._outcome(waiting.pop(0))
        yield from map(self._outcome, waiting)

    def _outcome(self, path: str) -> batch.Outcome:
        self.heard.append(Path(path).name)
        try:
            feels = Path(path).read_text().split()[0]
        except OSError:
            return batch.Outcome(path, error=f"'{path}' is gone")
        if feels == "bad":
            return batch.Outcome(path, error=f"'{path}' is not audio")
        return batch.Outcome(path, replace(prediction(**{feels: 0.9}), path=path, **self._model))


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> Ears:
    made = Ears()
    monkeypatch.setattr(scan_module, "predict_stream", made.listen)
    return made


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Two songs, and one that is no music."""
    folder = tmp_path / "album"
    folder.mkdir()
    for name, sound in (("a", "calmness 1"), ("b", "tension 2"), ("c", "bad 3")):
        (folder / f"{name}.mp3").write_text(sound)
    return folder


@pytest.fixture
def other_model(tmp_path: Path) -> str:
    graph = tone_detector()
    graph.producer_name = "another"
    return str(package(tmp_path / "other model", graph, name="other", version="2"))


def counts(summary: ScanSummary) -> dict[str, int]:
    """What a scan did, without what it did not."""
    numbers = asdict(summary) | {"failures": len(summary.failures)}
    return {name: number for name, number in numbers.items() if number}


def top(catalogue: Catalogue, path: Path) -> str | None:
    row = row_of(catalogue, path)
    return None if row.prediction is None else row.prediction.top


def ids(catalogue: Catalogue, folder: Path) -> dict[str, int]:
    return {Path(p).name: row.id for p, row in catalogue.known_under(str(folder)).items()}


def test_each_file_is_a_row(
    catalogue: Catalogue, album: Path, tones: str, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1234.9)
    summary = run(catalogue, album, tones)
    assert counts(summary) == {"files": 3, "predicted": 2, "failures": 1}
    assert summary.failures == [(str(album / "c.mp3"), f"'{album / 'c.mp3'}' is not audio")]
    row = row_of(catalogue, album / "a.mp3")
    assert row.prediction is not None
    assert (row.stamp, row.audio) == (
        FileStamp.read(album / "a.mp3"),
        audio_digest(album / "a.mp3"),
    )
    assert (row.scanned_at, row.error, row.prediction.top) == (1234, "", "calmness")
    assert list(catalogue.models()) == [row.model_sha256]
    assert catalogue.connection.execute("SELECT count(*) FROM vector").fetchone() == (1,)
    assert counts(run(catalogue, album, tones)) == {"files": 3, "unchanged": 2, "failures": 1}
    assert ears.heard == ["a.mp3", "b.mp3", "c.mp3"]


def test_a_folder_without_music(catalogue: Catalogue, tmp_path: Path) -> None:
    assert scan(catalogue, [str(tmp_path)]) == ScanSummary()


@pytest.mark.parametrize(("jobs", "files", "used"), [(1, 1, 1), (8, 1, 2), (8, 3, 3), (2, 3, 2)])
def test_no_more_processes_than_files_but_one_to_spare(
    catalogue: Catalogue, album: Path, tones: str, ears: Ears, jobs: int, files: int, used: int
) -> None:
    for name in "abc"[files:]:
        (album / f"{name}.mp3").unlink()
    run(catalogue, album, tones, jobs=jobs)
    assert ears.jobs == [used]


def test_files_that_are_known_by_their_sound_are_steps_too(
    catalogue: Catalogue, album: Path, tones: str, ears: Ears
) -> None:
    run(catalogue, album, tones)
    for name in "ab":
        (album / f"{name}.mp3").rename(album / f"{name}{name}.mp3")
    (album / "d.mp3").write_text("power")
    steps: list[tuple[int, int]] = []
    summary = scan(catalogue, [str(album)], ScanOptions(tones), lambda *step: steps.append(step))
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert counts(summary) == {"files": 4, "predicted": 1, "moved": 2, "failures": 1}


def test_a_row_that_one_file_claimed_is_no_others(
    catalogue: Catalogue, album: Path, tones: str, other_model: str, ears: Ears
) -> None:
    """Both copies sound like the file that left; one has its row, and is not written yet."""
    run(catalogue, album, tones)
    number = ids(catalogue, album)["a.mp3"]
    (album / "a.mp3").unlink()
    for name in ("x.mp3", "y.mp3"):
        (album / name).write_text("calmness 1")
    ears.ahead = 5
    summary = run(catalogue, album, other_model)
    assert counts(summary) == {"files": 4, "predicted": 2, "copied": 1, "failures": 1}
    rows = ids(catalogue, album)
    assert sorted(rows) == ["b.mp3", "c.mp3", "x.mp3", "y.mp3"]
    assert rows["x.mp3"] == number
    assert {top(catalogue, album / name) for name in ("x.mp3", "y.mp3")} == {"calmness"}


def test_a_row_moves_once_and_the_other_copy_has_its_own(
    catalogue: Catalogue, album: Path, tones: str, ears: Ears
) -> None:
    run(catalogue, album, tones)
    number = ids(catalogue, album)["a.mp3"]
    (album / "a.mp3").unlink()
    for name in ("x.mp3", "y.mp3"):
        (album / name).write_text("calmness 1")
    summary = run(catalogue, album, tones)
    assert counts(summary) == {
        "files": 4, "unchanged": 1, "moved": 1, "copied": 1, "failures": 1
    }  # fmt: skip
    assert ids(catalogue, album)["x.mp3"] == number
    assert len(catalogue) == 4


def test_files_that_take_each_others_names(
    catalogue: Catalogue, album: Path, tones: str, ears: Ears
) -> None:
    run(catalogue, album, tones)
    ears.heard.clear()
    before = ids(catalogue, album)
    (album / "a.mp3").rename(album / "swap")
    (album / "b.mp3").rename(album / "a.mp3")
    (album / "swap").rename(album / "b.mp3")
    assert counts(run(catalogue, album, tones)) == {"files": 3, "copied": 2, "failures": 1}
    assert (top(catalogue, album / "a.mp3"), top(catalogue, album / "b.mp3")) == (
        "tension",
        "calmness",
    )
    assert (ids(catalogue, album), ears.heard) == (before, [])


def test_a_chain_of_renames(catalogue: Catalogue, album: Path, tones: str, ears: Ears) -> None:
    (album / "c.mp3").write_text("power 3")
    run(catalogue, album, tones)
    for old, new in ("cd", "bc", "ab"):
        (album / f"{old}.mp3").rename(album / f"{new}.mp3")
    ears.heard.clear()
    assert counts(run(catalogue, album, tones)) == {"files": 3, "copied": 3, "missing": 1}
    assert ears.heard == []
    feels = [top(catalogue, album / f"{name}.mp3") for name in "bcd"]
    assert feels == ["calmness", "tension", "power"]


def test_a_changed_sound_is_heard_again(
    catalogue: Catalogue, album: Path, tones: str, ears: Ears
) -> None:
    run(catalogue, album, tones)
    before = ids(catalogue, album)
    ears.heard.clear()
    (album / "a.mp3").write_text("power 4")
    assert run(catalogue, album, tones).predicted == 1
    assert (ears.heard, top(catalogue, album / "a.mp3")) == (["a.mp3"], "power")
    assert ids(catalogue, album) == before


def test_what_another_model_said_of_a_displaced_sound_is_not_taken(
    catalogue: Catalogue, album: Path, tones: str, other_model: str, ears: Ears
) -> None:
    run(catalogue, album, tones)
    (album / "a.mp3").rename(album / "d.mp3")
    (album / "b.mp3").rename(album / "a.mp3")
    summary = run(catalogue, album, other_model)
    assert counts(summary) == {"files": 3, "predicted": 2, "missing": 1, "failures": 1}
    assert len(catalogue.models()) == 2  # one is still the missing file's


def test_a_file_from_a_folder_that_was_not_looked_at(
    catalogue: Catalogue, album: Path, tones: str, ears: Ears
) -> None:
    run(catalogue, album, tones)
    number = ids(catalogue, album)["a.mp3"]
    elsewhere = album.with_name("elsewhere")
    elsewhere.mkdir()
    shutil.copy(album / "b.mp3", elsewhere / "b.mp3")
    (album / "a.mp3").rename(elsewhere / "a.mp3")
    summary = run(catalogue, elsewhere, tones)
    assert counts(summary) == {"files": 2, "moved": 1, "copied": 1}
    assert ids(catalogue, elsewhere)["a.mp3"] == number
    assert sorted(ids(catalogue, album)) == ["b.mp3", "c.mp3"]


def test_a_file_that_failed_is_tried_again_only_when_asked(
    catalogue: Catalogue, album: Path, tones: str, other_model: str, ears: Ears
) -> None:
    run(catalogue, album, tones)
    ears.heard.clear()
    (album / "c.mp3").rename(album / "d.mp3")  # known by its sound
    summary = run(catalogue, album, tones)
    assert counts(summary) == {"files": 3, "unchanged": 2, "failures": 1}
    assert summary.failures[0][0] == str(album / "d.mp3")
    assert run(catalogue, album, other_model).failures[0][0] == str(album / "d.mp3")
    assert ears.heard == ["a.mp3", "b.mp3"]
    ears.heard.clear()
    (album / "d.mp3").rename(album / "e.mp3")
    summary = run(catalogue, album, other_model, retry=True)
    assert ears.heard == ["e.mp3"]
    assert summary.failures == [(str(album / "e.mp3"), f"'{album / 'e.mp3'}' is not audio")]
    assert sorted(ids(catalogue, album)) == ["a.mp3", "b.mp3", "e.mp3"]


def test_failures_of_before_are_named_in_the_order_of_their_paths(
    catalogue: Catalogue, album: Path, tones: str, ears: Ears
) -> None:
    (album / "d.mp3").write_text("bad 4")
    run(catalogue, album, tones)
    (album / "B.mp3").write_text("bad 5")
    for folders in ([album], [album, album]):
        found = scan(catalogue, [str(folder) for folder in folders], ScanOptions(tones)).failures
        assert [Path(path).name for path, _ in found] == ["B.mp3", "c.mp3", "d.mp3"]


def test_copies_share_what_became_of_the_first(
    catalogue: Catalogue, album: Path, tones: str, ears: Ears
) -> None:
    (album / "a2.mp3").write_text("calmness 1")
    (album / "c2.mp3").write_text("bad 3")
    ears.ahead = 9
    summary = run(catalogue, album, tones)
    assert ears.heard == ["a.mp3", "b.mp3", "c.mp3"]
    assert counts(summary) == {"files": 5, "predicted": 2, "copied": 1, "failures": 2}
    assert [error for _, error in summary.failures] == [
        f"'{album / name}' is not audio" for name in ("c.mp3", "c2.mp3")
    ]
    assert top(catalogue, album / "a2.mp3") == "calmness"


def test_a_file_that_goes_away_while_it_is_read(
    catalogue: Catalogue, album: Path, tones: str, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest(path: str) -> bytes:
        name = Path(path).name
        if name == "a.mp3":
            raise FileNotFoundError(2, "No such file")
        if name == "b.mp3":
            raise PermissionError(13, "Permission denied")
        if name == "d.mp3":
            raise OSError("odd")
        (album / name).unlink()  # before the model comes to it
        return b"a digest"

    (album / "d.mp3").write_text("power")
    monkeypatch.setattr(scan_module, "audio_digest", digest)
    steps: list[tuple[int, int]] = []
    summary = scan(catalogue, [str(album)], ScanOptions(tones), lambda *step: steps.append(step))
    assert steps[-1] == (4, 4)
    assert [error for _, error in summary.failures] == [
        f"'{album / 'b.mp3'}' cannot be read (Permission denied)",
        f"'{album / 'd.mp3'}' cannot be read (odd)",
    ]
    assert row_of(catalogue, album / "b.mp3").audio == b""
    assert sorted(ids(catalogue, album)) == ["b.mp3", "d.mp3"]
    monkeypatch.undo()
    monkeypatch.setattr(scan_module, "predict_stream", ears.listen)
    assert run(catalogue, album, tones).predicted == 3  # what could not be read is tried again


def test_missing_since_the_first_time(
    catalogue: Catalogue, album: Path, tones: str, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(catalogue, album, tones)
    away = (album / "a.mp3").rename(album.with_name("a.mp3"))
    for now, missing in ((100.0, 1), (200.5, 2)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        assert run(catalogue, album, tones).missing == missing
        (album / "b.mp3").unlink(missing_ok=True)
    assert [catalogue.track(str(album / f"{n}.mp3")).missing_since for n in "abc"] == [
        100, 200, None,
    ]  # fmt: skip
    away.rename(album / "a.mp3")
    assert counts(run(catalogue, album, tones)) == {
        "files": 2, "unchanged": 1, "missing": 1, "failures": 1
    }  # fmt: skip
    assert catalogue.track(str(album / "a.mp3")).missing_since is None
    assert counts(run(catalogue, album, tones, prune=True)) == {
        "files": 2, "unchanged": 1, "pruned": 1, "failures": 1
    }  # fmt: skip
    assert sorted(ids(catalogue, album)) == ["a.mp3", "c.mp3"]


def test_a_folder_that_went_away_is_no_failure_of_who_forgets_it(
    catalogue: Catalogue, album: Path, tones: str, ears: Ears
) -> None:
    run(catalogue, album, tones)
    shutil.rmtree(album)
    never = scan(catalogue, [str(album.with_name("never"))], ScanOptions(tones, prune=True))
    assert counts(never) == {"failures": 1}
    assert counts(run(catalogue, album, tones)) == {"missing": 3, "failures": 1}
    assert counts(run(catalogue, album, tones, prune=True)) == {"pruned": 3}


def test_a_folder_that_cannot_be_listed_is_not_its_neighbour(
    catalogue: Catalogue, album: Path, tones: str, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("more", "more2"):
        (album / name).mkdir()
        (album / name / f"{name}.mp3").write_text(f"power {name}")
    run(catalogue, album, tones)
    shutil.rmtree(album / "more2")
    original = os.scandir

    def scandir(place: str) -> Iterator[os.DirEntry[str]]:
        if Path(place).name == "more":
            raise OSError(5, "Input/output error")
        return original(place)

    monkeypatch.setattr(os, "scandir", scandir)
    summary = run(catalogue, album, tones)
    assert counts(summary) == {"files": 3, "unchanged": 2, "missing": 1, "failures": 2}
    assert summary.failures[0] == (
        "", f"'{album / 'more'}' cannot be looked at (Input/output error)"
    )  # fmt: skip
    assert names(catalogue, album, missing=True) == {"more2/more2.mp3"}


def test_a_file_that_one_folder_hides_and_another_shows_is_there(
    catalogue: Catalogue, album: Path, tones: str, ears: Ears
) -> None:
    """A walk enters each folder once: under its own name, not the link's."""
    (album / "link").symlink_to(album / "real")
    (album / "real").mkdir()
    (album / "real" / "x.mp3").write_text("power")
    assert run(catalogue, album / "link", tones).predicted == 1
    summary = scan(catalogue, [str(album), str(album / "link")], ScanOptions(tones))
    assert counts(summary) == {
        "files": 5, "predicted": 2, "copied": 1, "unchanged": 1, "failures": 1
    }  # fmt: skip


def test_a_scan_in_lines(tmp_path: Path) -> None:
    assert ScanSummary().lines(tmp_path) == ["0 files", f"catalogue: {tmp_path}"]
    kinds = ("unchanged", "predicted", "moved", "retagged", "copied", "missing", "pruned")
    numbers = {kind: number for number, kind in enumerate(kinds, start=2)}
    summary = ScanSummary(1234, failures=[("", "")] * 1000, **numbers)
    assert summary.lines(tmp_path)[0] == (
        "1,234 files: 3 predicted, 4 moved, 5 retagged, 6 the same sound as another, 2 unchanged, "
        "7 missing, 8 forgotten, 1,000 failed"
    )
    assert ScanSummary(1, unchanged=1).lines(tmp_path)[0] == "1 file: 1 unchanged"


def test_the_row_of_one_file(album: Path, ears: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1234.9)
    good, bad, gone = (str(album / f"{name}.mp3") for name in ("a", "c", "d"))
    row = scanned(good, ears._outcome, "sha")
    assert row.prediction is not None and row.prediction.top == "calmness"
    assert replace(row, prediction=None) == CatalogueTrack(
        good, FileStamp.read(good), audio_digest(good), model_sha256="sha", scanned_at=1234
    )
    assert scanned(bad, ears._outcome, "sha") == CatalogueTrack(
        bad, FileStamp.read(bad), audio_digest(bad), error=f"'{bad}' is not audio", scanned_at=1234
    )
    assert scanned(gone, ears._outcome, "sha") == CatalogueTrack(
        gone,
        FileStamp(0, 0, 0),
        b"",
        error=f"'{gone}' cannot be read (No such file or directory)",
        scanned_at=1234,
    )


def test_killed_at_random_moments(tmp_path: Path, tones: str) -> None:
    """Nothing is lost or double, nothing damaged, and neither workers nor lock are left behind."""
    library = make_library(tmp_path / "music", 24, seconds=3.0)
    database = tmp_path / "c.sqlite"
    assert kill_scans(library, database, tones, kills=2, jobs=2, seed=1) == []
    assert check_catalogue(library, database) == []


def test_what_is_left_out_counts_as_gone_and_comes_back(
    catalogue: Catalogue, music: Path, tones: str, heard: Heard
) -> None:
    (music / "letter.mp3").unlink()
    more = {"exclude": Exclusions(("MORE",))}
    summary = run(catalogue, music, tones, **more)
    assert heard == ["calm.flac"]
    assert summary.excluded == {str(music / "more"): "--exclude 'MORE'"}
    assert (summary.files, summary.predicted, summary.missing) == (1, 1, 0)
    assert run(catalogue, music, tones).predicted == 1
    summary = run(catalogue, music, tones, **more)
    assert (summary.files, summary.missing) == (1, 1)
    assert names(catalogue, music, missing=True) == {str(Path("more", "tense.flac"))}
    assert run(catalogue, music, tones) == ScanSummary(files=2, unchanged=2)
    (music / "more" / ".nomedia").touch()
    assert run(catalogue, music, tones, prune=True).pruned == 1
    assert len(heard) == 2


def test_lengths_decide_what_is_taken(
    catalogue: Catalogue, music: Path, tones: str, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    (music / "letter.mp3").unlink()
    sf.write(music / "long.flac", tone(9.0), RATE)
    sf.write(music / "short.flac", tone(1.5), RATE)
    some = {"taken": Selection(shortest=2.0, longest=5.0)}
    summary = run(catalogue, music, tones, **some)
    assert sorted(heard) == ["calm.flac", "tense.flac"]
    assert summary.excluded == {
        str(music / "long.flac"): "longer than 0:05",
        str(music / "short.flac"): "shorter than 0:02",
    }
    assert (summary.files, summary.predicted, len(catalogue)) == (2, 2, 2)
    # A length that a file does not say is known when it was heard.
    monkeypatch.setattr(scan_module, "claimed_seconds", lambda path: None)
    assert run(catalogue, music, tones, **some) == ScanSummary(files=2, unchanged=2)
    assert len(catalogue) == 2 and len(heard) == 4
    # What is catalogued and known to last too long is gone, and nothing is opened for that.
    assert run(catalogue, music, tones).predicted == 2
    heard.clear()
    monkeypatch.setattr(scan_module, "claimed_seconds", lambda path: pytest.fail(path))
    assert run(catalogue, music, tones, **some).missing == 2
    assert run(catalogue, music, tones, **some).missing == 2
    assert run(catalogue, music, tones) == ScanSummary(files=4, unchanged=4)
    assert heard == []
