"""find and playlist from the command line, in a library that scan has catalogued."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from helpers.command_line import run
from helpers.graphs import package, tone_detector
from helpers.sounds import RATE, tone
from helpers.tracks import track
from music_emotion.errors import CatalogueError, MusicEmotionError
from music_emotion.library.catalogue import Catalogue
from music_emotion.library.track import Tags

pytest.importorskip("mutagen")


def test_scan_then_find_from_any_folder(
    library: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run("scan", library, "-m", model, "-j", "1")
    assert first.exit_code == 0
    assert first.stdout.splitlines()[0] == "2 files: 2 predicted"
    monkeypatch.chdir(tmp_path.parent)
    found = run("find", "--feels", "calmness", "--min", ".4", "--not", "tension")
    (line,) = found.stdout.splitlines()
    assert line.split()[0] == "calmness" and line.endswith(str(library / "calm.wav"))
    everything = json.loads(run("find", "-f", "json").stdout)
    assert [Path(row["path"]).name for row in everything] == ["calm.wav", "tense.wav"]
    again = run("scan", library, "-m", model)
    assert again.stdout.splitlines()[0] == "2 files: 2 unchanged"


def test_failures_are_named_and_end_in_exit_code_1(library: Path, model: str) -> None:
    (library / "letter.mp3").write_text("dear listener")
    for _ in range(2):
        result = run("scan", library, "-m", model, "-j", "1")
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith("error: '") and "letter.mp3' is not audio" in line
    for option in ("--broken", "--failed"):
        assert "letter.mp3" in run("find", option).stdout
    listed = run("find")
    assert "letter.mp3" not in listed.stdout
    assert listed.stderr == "left out 1 broken file; --broken shows which\n"


def test_like_a_file_that_is_catalogued_or_not(library: Path, model: str, tmp_path: Path) -> None:
    run("scan", library, "-m", model, "-j", "1")
    like = run("find", "--like", library / "calm.wav").stdout
    assert [line.rsplit("/", 1)[1] for line in like.splitlines()] == ["tense.wav"]
    copy = shutil.copy(library / "tense.wav", tmp_path / "copy.wav")
    first = run("find", "--like", copy).stdout.splitlines()[0]
    assert first.startswith("0.000 ") and first.endswith("tense.wav")
    sf.write(tmp_path / "new.wav", tone(3.0) * 0.9, RATE)
    new = run("find", "--like", tmp_path / "new.wav", "-m", model, "-n", "1").stdout
    assert new.strip().endswith("calm.wav")
    for arguments in (("--like", tmp_path / "none.wav", "-m", model), ("--feels", "anger")):
        assert isinstance(run("find", *arguments).exception, MusicEmotionError)


def test_nothing_is_like_silence(library: Path, model: str, tmp_path: Path) -> None:
    sf.write(library / "silent.wav", tone(3.0) * 0, RATE)
    run("scan", library, "-m", model, "-j", "1")
    copy = shutil.copy(library / "silent.wav", tmp_path / "copy.wav")
    sf.write(tmp_path / "new.wav", tone(2.0) * 0, RATE)
    for path in (library / "silent.wav", copy, tmp_path / "new.wav"):
        for words in (("find", "--like", path), ("playlist", "--from-track", path)):
            error = run(*words, "-m", model).exception
            assert str(error) == f"'{path}' is silent; name a file that can be heard"


def test_a_file_is_not_like_itself_by_another_name(
    library: Path, model: str, tmp_path: Path
) -> None:
    run("scan", library, "-m", model, "-j", "1")
    (tmp_path / "link.wav").symlink_to(library / "calm.wav")
    (line,) = run("find", "--like", tmp_path / "link.wav").stdout.splitlines()
    assert line.endswith("tense.wav")


def test_options_that_would_do_nothing_are_refused(library: Path) -> None:
    for option in (
        ("--min", ".4"), ("--max", ".4"), ("--by", "probability"), ("--by", "intensity"),
        ("-m", "light"), ("--relative",), ("--ignore-accents",), ("--speech",), ("--other-artists",)
    ):  # fmt: skip
        result = run("find", *option)
        assert isinstance(result.exception, MusicEmotionError)
        assert "add that, or leave it out" in str(result.exception)
    for option in (("-m", "light"), ("--relative",), ("--ignore-accents",)):
        refused = str(run("playlist", "--from", "calmness", *option).exception)
        assert "add that, or leave it out" in refused


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of three tracks, of which one is missing, and a file that is unreadable."""
    path = tmp_path / "c.sqlite"
    monkeypatch.setenv("MUSIC_EMOTION_CATALOGUE", str(path))
    with Catalogue.open(path, write=True) as catalogue:
        catalogue.write_all(
            [
                track("calm.mp3", "Björk", calmness=0.8),
                track("tense.mp3", "U2", tension=0.9),
                replace(track("gone.mp3", "Away"), missing_since=5),
                replace(
                    track("bad.mp3", "Broken"), prediction=None, model_sha256="", error="no audio"
                ),
            ]
        )
    return path


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--artist madonna", "no track has 'madonna' in its artist"),
        ("--artist bjork", "no track has 'bjork' in its artist; with --ignore-accents there is"),
        ("--artist away", "no track has 'away' in its artist, but 1 file that is missing"),
        ("--text broken", "'broken' in its path and tags, but 1 file that --broken lists"),
        ("--valence .5:", "no track's valence is between 0.5 and 1; they are from 0.25 to 0.25"),
        ("--feels power --min .5", "no track has power at least 0.5; the most is 0.05"),
        ("--not tension --max .01", "no track has tension at most 0.01; the least is 0.05"),
        ("--artist u2 --feels calmness --min .5",
         "no track is all of it ('u2' in its artist: 1; calmness at least 0.5: 1)"),
        ("--not-artist u2 --not-artist björk", "no track is by other artists than those of --not"),
        ("--broken --artist u2", "none of 1 file that is broken has these words"),
        ("--limit 0 --like /music/calm.mp3 --artist björk", "there is no other track"),
    ],
)  # fmt: skip
def test_an_empty_answer_says_why(made: Path, arguments: str, reason: str) -> None:
    for format in ("table", "json", "csv", "m3u8"):
        result = run("find", *arguments.split(), "-f", format)
        assert result.exit_code == 0
        (line,) = result.stderr.splitlines()
        assert reason in line
    assert json.loads(run("find", *arguments.split(), "-f", "json").stdout) == []


def test_a_length_that_nothing_has_is_named_by_its_option(made: Path) -> None:
    for option, left_out in (
        ("--min-length 1h", "2 tracks that are shorter than 1:00:00; --min-length says"),
        ("--max-length 10s --artist u2", "1 track that is longer than 0:10; --max-length says"),
        (
            "--min-length 1h -f pls",
            "2 tracks that are speech or shorter than 1:00:00; --speech and --min-length say",
        ),
    ):
        said = run("find", *option.split()).stderr
        assert said == f"nothing is found: left out {left_out} otherwise\n"


def test_a_playlist_of_nothing_says_why(made: Path) -> None:
    for words, reason in (
        (("--artist", "bjork"), "no track has 'bjork' in its artist; with --ignore-accents there"),
        (
            ("--max-length", "10s"),
            "left out 2 tracks that are speech or longer than 0:10; --speech",
        ),
    ):
        error = run("playlist", "--from", "calmness", *words).exception
        assert isinstance(error, CatalogueError)
        assert f"holds no track for a playlist; {reason}" in str(error)


def test_a_catalogue_without_a_track_says_what_it_holds(made: Path) -> None:
    with Catalogue.open(made, write=True) as catalogue:
        catalogue.mark_missing([1, 2], 5)
        reason = "of 4 files 3 are missing and 1 is broken (--broken lists them)"
        assert run("find", "--feels", "power").stderr == f"nothing is found: {reason}\n"
        catalogue.remove([1, 2, 3])
        assert "no file is broken" not in run("find", "--broken").stderr
        catalogue.remove([4])
    assert "the catalogue is empty; fill it: music-emotion scan" in run("find").stderr


def test_words_without_accents(made: Path) -> None:
    assert found("--artist", "BJORK", "--ignore-accents") == ["calm.mp3"]
    assert found("--artist", "BJO\u0308RK") == found("--text", "ö") == ["calm.mp3"]
    words = ("--from", "calmness", "--to", "power", "--artist", "bjork", "--ignore-accents")
    assert "calm.mp3" in run("playlist", *words).stdout


def test_what_is_broken_has_no_emotions(made: Path) -> None:
    for option in (("--feels", "power"), ("--valence", ".5:"), ("--like", "/music/calm.mp3")):
        with pytest.raises(MusicEmotionError, match="leave out one of the two"):
            raise run("find", "--broken", *option).exception or AssertionError
    (row,) = json.loads(run("find", "--broken", "-f", "json").stdout)
    assert (row["path"], row["error"]) == ("/music/bad.mp3", "no audio")


@pytest.mark.parametrize("command", ["find", "playlist --from calmness --to tension"])
def test_what_a_name_ends_in_is_written_or_refused(
    made: Path, tmp_path: Path, command: str
) -> None:
    for name, begins in (
        ("a.m3u8", "#EXTM3U"), ("a.m3u", "#EXTM3U"), ("a.XSPF", "<?xml"), ("a.pls", "[playlist]"),
        ("a.json", "["), ("a.csv", "path,"), ("a.txt", "calmness 0.80"),
    ):  # fmt: skip
        assert run(*command.split(), "-o", tmp_path / name).exit_code == 0
        assert (tmp_path / name).read_text().startswith(begins)
    for name, reason in (
        ("a.nsp", "'{}' holds rules of Navidrome's, no list of files; write an .m3u8"),
        ("a.wpl", "'{}' ends in no format (table, json, csv, m3u8, pls, xspf, parquet); name one"),
    ):
        result = run(*command.split(), "-o", tmp_path / name)
        assert str(result.exception).startswith(reason.format(tmp_path / name))
        assert not (tmp_path / name).exists()
    assert run(*command.split(), "-o", "-", "-f", "pls").stdout.startswith("[playlist]")


def test_playlists_between_tracks_and_moods(made: Path, tmp_path: Path) -> None:
    def listed(*options: str) -> list[str]:
        result = run("playlist", *options, "-f", "m3u8")
        assert result.exception is None, result.exception
        return [Path(line).name for line in result.stdout.splitlines()[2::2]]

    ends = ("--from-track", "/music/calm.mp3", "--to-track", "/music/tense.mp3")
    assert listed(*ends) == ["calm.mp3", "tense.mp3"]
    assert listed("--from", "tension", "--to-track", "/music/calm.mp3") == ["tense.mp3", "calm.mp3"]
    assert sorted(listed("--valence", "-.5:.5")) == ["calm.mp3", "tense.mp3"]
    assert listed("--from", "calmness", "--not-artist", "U2") == ["calm.mp3"]
    assert listed("--from", "calmness", "--length", "3min") == ["calm.mp3"]
    for options, reason in (
        ((), "name where it begins: --from EMOTION"),
        (("--to", "calmness"), "name where it begins"),
        (("--from", "power", "--from-track", "a.mp3"), "leave out all but one"),
        (("--from", "power", "--arousal", "0:1"), "leave out all but one"),
        (("--from", "power", "--to", "joy"), "joy"),
        (("--valence", "2:3"), "is no way through valence"),
    ):
        refused = run("playlist", *options).exception
        assert isinstance(refused, MusicEmotionError) and reason in str(refused)


def test_like_two_files(made: Path) -> None:
    with Catalogue.open(made, write=True) as catalogue:
        catalogue.write(track("both.mp3", "Björk", calmness=0.5, tension=0.5))
    two = ("--like", "/music/calm.mp3", "--like", "/music/tense.mp3")
    assert found(*two) == ["both.mp3"]
    assert found("--like", "/music/calm.mp3") == ["both.mp3", "tense.mp3"]
    assert found("--like", "/music/calm.mp3", "--other-artists") == ["tense.mp3"]
    assert found("--like", "/music/calm.mp3", "--not-artist", "u2") == ["both.mp3"]


def test_players_see_other_folders(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.m3u8"
    result = run("find", "-o", out, "--map", "/music=/data/m", "--map", "/none=/x")
    assert out.read_text().splitlines()[2::2] == ["/data/m/calm.mp3", "/data/m/tense.mp3"]
    assert "no path is in '/none', which --map names" in result.stderr
    words = ("--from", "calmness", "--to", "tension", "--map", "/music=")
    run("playlist", *words, "-o", out)
    assert out.read_text().splitlines()[2::2] == ["calm.mp3", "tense.mp3"]
    refused = run("find", "-o", out, "--relative", "--map", "/music=/m").exception
    assert "leave out one" in str(refused)


def test_playlists_are_of_music(made: Path, tmp_path: Path) -> None:
    with Catalogue.open(made, write=True) as catalogue:
        catalogue.write_all(
            [
                track("said.mp3", calmness=0.7, tags=Tags(genre="Podcast")),
                track("mix.mp3", calmness=0.6, seconds=3600.0),
            ]
        )
    calm = ("--feels", "calmness", "--min", ".5")
    out = tmp_path / "a.m3u8"

    def listed(*options: str) -> list[str]:
        run("find", *calm, "-o", out, *options)
        return [Path(line).name for line in out.read_text().splitlines()[2::2]]

    assert found(*calm) == ["calm.mp3", "said.mp3", "mix.mp3"]
    assert found(*calm, "--max-length", "30min") == ["calm.mp3", "said.mp3"]
    assert found(*calm, "--min-length", "30min") == ["mix.mp3"]
    assert listed() == ["calm.mp3"]
    assert listed("--speech") == ["calm.mp3", "said.mp3"]
    assert listed("--max-length", "2h") == ["calm.mp3", "mix.mp3"]
    assert listed("--max-length", "2h", "--speech", "-n", "2") == ["calm.mp3", "said.mp3"]
    said = run("find", *calm, "-f", "pls").stderr
    assert said == (
        "left out 2 tracks that are speech or longer than 30:00; --speech and --max-length say "
        "otherwise\n"
    )
    assert run("find", "-f", "pls").stderr.splitlines()[1:] == [
        "left out 1 broken file; --broken shows which"
    ]
    words = ("--from", "calmness", "--to", "tension", "--length", "3h")
    lines = run("playlist", *words).stdout.splitlines()
    assert [Path(line.split()[-1]).name for line in lines] == ["calm.mp3", "tense.mp3"]
    more = run("playlist", *words, "--speech", "--max-length", "2h").stdout
    assert len(more.splitlines()) == 4
    like = run("find", "--like", "/music/calm.mp3", "-f", "m3u8", "-n", "1").stdout
    assert like.splitlines()[2:] == ["/music/tense.mp3"]


def test_a_limit_of_any_size(made: Path) -> None:
    for limit in (0, 2**63, 10**30):
        assert found("--limit", str(limit)) == ["calm.mp3", "tense.mp3"]


def found(*arguments: object) -> list[str]:
    """Names of the files that are found, in order."""
    rows = json.loads(run("find", *arguments, "-f", "json").stdout)
    return [Path(row["path"]).name for row in rows]


def test_by_standing_and_by_ranges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSIC_EMOTION_CATALOGUE", str(tmp_path / "c.sqlite"))
    with Catalogue.open(write=True) as catalogue:
        for name, calmness, place, valence in (("a", 0.9, 0.2, -0.5), ("b", 0.6, 0.8, 0.5)):
            row = track(name, calmness=calmness)
            assert row.prediction is not None
            standing = np.full(9, place, np.float32)
            said = replace(row.prediction, standing=standing, valence=valence, arousal=-valence)
            catalogue.write(replace(row, prediction=said))
    few = ("--feels", "calmness", "--not", "power", "--max", "1")
    assert found(*few, "--min", ".1") == ["a", "b"]
    assert found(*few, "--min", ".1", "--by", "standing") == ["b", "a"]
    assert found(*few, "--min", ".5", "--by", "standing") == ["b"]
    assert found("--not", "calmness", "--max", ".5", "--by", "standing") == ["a"]
    assert found("--valence", "-1:-.4") == ["a"]
    assert found("--valence", ":.4") == found("--arousal", "0:") == ["a"]
    assert found("--familiarity", ".7:.8") == ["a", "b"]
    assert found("--feels", "calmness", "--valence", ".1:") == []  # it feels so less than half do
    assert found("--feels", "calmness", "--min", ".1", "--valence", ".1:") == ["b"]
    refused = run("find", "--familiarity", "-1:1").exception
    assert isinstance(refused, MusicEmotionError)
    assert "between 0 and 1; write LOW:HIGH" in str(refused)


def test_what_an_older_version_said_is_named_and_scanned_again(
    library: Path, model: str, tmp_path: Path
) -> None:
    newer = package(tmp_path / "newer", tone_detector(), name="tones", version="2")
    run("scan", library, "-m", model, "-j", "1")
    new = tmp_path / "new"
    new.mkdir()
    sf.write(new / "new.wav", tone(3.0, hertz=450.0), RATE)
    assert run("find").stderr == ""
    assert run("scan", new, "-m", newer, "-j", "1").exit_code == 0
    for _ in range(2):
        (line,) = run("find", "--feels", "calmness", "-f", "csv").stderr.splitlines()
        assert line == (
            "2 tracks are of an older version of the model 'tones' than others; predict anew: "
            "music-emotion scan --again -m tones"
        )
    again = run("scan", "--again", "-m", newer, "-j", "1")
    assert again.stdout.splitlines()[0] == "2 files: 2 predicted"
    assert run("find").stderr == ""
    again = run("scan", "--again", "-m", newer, "-j", "1")
    assert (again.exit_code, again.stdout.splitlines()[0]) == (0, "0 files")


def test_a_playlist_in_a_linked_folder_leads_to_its_files(
    library: Path, model: str, tmp_path: Path
) -> None:
    run("scan", library, "-m", model, "-j", "1")
    (tmp_path / "deep" / "folder").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "folder")
    assert run("find", "-o", tmp_path / "link" / "l.m3u8", "--relative").exit_code == 0
    lines = (tmp_path / "link" / "l.m3u8").read_text().splitlines()
    files = [line for line in lines if not line.startswith("#")]
    assert files and all((tmp_path / "link" / name).exists() for name in files)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_cannot_hold_it(library: Path, model: str) -> None:
    (library / "calm.wav").rename(library / "caf\xe9.wav")
    run("scan", library, "-m", model, "-j", "1")
    command = [sys.executable, "-m", "music_emotion", "find", "-f", "csv"]
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=buffered
        )
    assert (done.returncode, done.stderr) == (
        1,
        "error: standard output cannot be written (No space left on device)\n",
    )
    plain = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=plain)
    assert "caf\\xe9.wav" in done.stdout


def test_a_name_that_is_not_text_is_found_again_by_what_is_written(
    library: Path, model: str, tmp_path: Path
) -> None:
    odd = os.fsdecode(os.fsencode(library) + b"/caf\xe9.wav")
    (library / "calm.wav").rename(odd)
    run("scan", library.as_uri(), "-m", model, "-j", "1")
    address = Path(odd).as_uri()
    assert json.loads(run("find", "-f", "json", "--feels", "calmness").stdout)[0]["path"] == address
    for format in ("csv", "m3u8", "table"):
        assert address in run("find", "-f", format).stdout
    run("playlist", "--from", "calmness", "--to", "tension", "-o", tmp_path / "list.m3u8")
    assert address in (tmp_path / "list.m3u8").read_text().splitlines()
    like = run("find", "--like", address).stdout
    assert [line.rsplit("/", 1)[1] for line in like.splitlines()] == ["tense.wav"]
    assert len(run("find", "--path", address).stdout.splitlines()) == 1
    assert run("tag", address).stdout.splitlines()[:2] == [address, "  + TMOO: calmness"]


def test_an_empty_catalogue_asks_for_a_scan(library: Path, tmp_path: Path) -> None:
    (tmp_path / "c.sqlite").touch()
    result = run("find", "--catalogue", tmp_path / "c.sqlite")
    assert "is empty" in str(result.exception) and "scan again" in str(result.exception)


def test_another_model_cannot_be_compared(library: Path, model: str, tmp_path: Path) -> None:
    run("scan", library, "-m", model, "-j", "1")
    graph = tone_detector()
    graph.producer_name = "another"
    other = package(tmp_path / "other", graph, name="other")
    sf.write(tmp_path / "new.wav", tone(3.0) * 0.9, RATE)
    result = run("find", "--like", tmp_path / "new.wav", "-m", other)
    assert "was predicted by tones, not by 'other'" in str(result.exception)


def test_the_name_of_the_output_tells_the_format(library: Path, model: str, tmp_path: Path) -> None:
    run("scan", library, "-m", model, "-j", "1")
    out = tmp_path / "list.m3u8"
    run("find", "-o", out, "--relative")
    assert out.read_text().splitlines()[2] == "music/calm.wav"
    run("find", "-o", tmp_path / "list.csv", "-n", "1")
    assert len((tmp_path / "list.csv").read_text().splitlines()) == 2


def test_a_playlist_and_the_rules_it_breaks(library: Path, model: str, tmp_path: Path) -> None:
    run("scan", library, "-m", model, "-j", "1")
    out = tmp_path / "list.m3u8"
    result = run("playlist", "--from", "calmness", "--to", "tension", "--length", "6s", "-o", out)
    assert result.exit_code == 0
    assert result.stderr.splitlines() == ["2 tracks, 0:06, from calmness to tension"]
    assert out.read_text().splitlines()[2::2] == [
        str(library / "calm.wav"),
        str(library / "tense.wav"),
    ]
    long = run("playlist", "--from", "calmness", "--to", "tension", "--length", "1h")
    assert "rule broken: it lasts 0:06, not 1:00:00" in long.stderr


def test_no_catalogue_is_one_line(library: Path) -> None:
    for command in (("find",), ("playlist", "--from", "calmness", "--to", "power")):
        error = run(*command).exception
        assert isinstance(error, CatalogueError)
        assert "make one: music-emotion scan FOLDER" in str(error)
