"""What every command's help and mistakes look like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from helpers.command_line import run
from music_emotion.cli.help import _plainer
from music_emotion.cli.main import build_app

PYTHON_TYPES = re.compile(r"<|\b(int|str|float|Path|list)\b(?! )|range\b|x>=|x<=")


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, one in getattr(command, "commands", {}).items():
        yield from commands(one, (*path, name))


ALL = dict(commands(typer.main.get_command(build_app())))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_is_in_words_whole_and_at_most_80_columns_wide(path: tuple[str, ...]) -> None:
    shown = run(*path, "-h")
    assert shown.exit_code == 0
    assert shown.stdout == run(*path, "--help").stdout
    lines = shown.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith("...") for line in lines[1:])
    usage, _, rest = shown.stdout.partition("\n")
    assert usage.startswith("Usage: ")
    assert "{" not in usage
    options = [line.strip() for line in rest.splitlines() if line.startswith("  -")]
    assert any(line.startswith("-h, --help") for line in options)
    assert not [line for line in options if PYTHON_TYPES.search(line.split("  ")[0])]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_value_has_a_name(path: tuple[str, ...]) -> None:
    for parameter in ALL[path].params:
        takes_one = not getattr(parameter, "is_flag", False)
        assert not takes_one or parameter.metavar or "completion" in parameter.name, parameter.name


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_a_summary_fits_one_line_of_the_list(path: tuple[str, ...]) -> None:
    names = [len(other[-1]) for other in ALL if other[:-1] == path[:-1] and other]
    summary = ALL[path].get_short_help_str(1_000)
    assert len(summary) <= 80 - 2 - 4 - max(names, default=0)
    assert summary.endswith(".")


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ("pedict", "there is no command 'pedict'; did you mean 'predict'?"),
        ("dataset validat", "there is no command 'validat'; did you mean 'validate'?"),
        ("compare --modles svm", "there is no option '--modles'; did you mean '--models'?"),
        (
            "train --model svm",
            "there is no option '--model'; see music-emotion train --help",
        ),
        ("find --emotion joy", "there is no option '--emotion'; see music-emotion find --help"),
        ("train svm -q", "there is no option '-q'; see music-emotion train --help"),
        ("--verison", "there is no option '--verison'; did you mean '--version'?"),
        ("predict a.wav -f yaml", "--format yaml: choose from table, json, jsonl, csv, jams"),
        ("predict a.wav --format jsn", "--format jsn: did you mean 'json'?"),
        ("find --by intens", "--by intens: did you mean 'intensity'?"),
        ("scan . --engine loca", "--engine loca: did you mean 'local'?"),
        ("train svm --out x --target vote", "--target vote: did you mean 'votes'?"),
        ("compare --device cdua", "--device cdua: did you mean 'cuda'?"),
        ("compare --protocol trak", "--protocol trak: did you mean 'track'?"),
        ("predict a.wav --top 10", "--top: it must be 9 or less; see music-emotion predict --help"),
        ("predict a.wav -j -1", "--jobs: it must be 0 or more; see music-emotion predict --help"),
        ("models a b", "too many words: b; see music-emotion models --help"),
        ("find --feels", "option '--feels' needs a value"),
        ("serve --drain -1", "--drain: -1 is no number from 0 up; see music-emotion serve --help"),
    ],
)
def test_a_mistake_in_a_call_is_one_line_and_code_2(call: str, line: str) -> None:
    done = run(*call.split(), prog_name="music-emotion")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"error: {line}\n"


@pytest.mark.parametrize(
    ("call", "beginning"),
    [
        ("predict --top 12 a.wav", "--top: "),
        ("predict --jobs many a.wav", "--jobs: "),
        ("predict", "missing argument 'PATH…'; see "),
    ],
)
def test_what_typer_finds_is_one_line_too(call: str, beginning: str) -> None:
    done = run(*call.split(), prog_name="music-emotion")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {beginning}")
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(f"see music-emotion {call.split()[0]} --help\n")


def test_without_a_command_the_help_is_shown() -> None:
    assert "Commands:" in run().output
    assert "Commands:" in run("dataset").output


@pytest.mark.parametrize(
    "call",
    [
        "find",
        "find --like a.wav",
        "playlist --from calmness --to tension",
        "map",
        "tag",
        "tag --write",
        "tag --undo --write",
        "scan --again",
    ],
)
def test_without_a_catalogue_the_command_that_makes_one_is_named_and_nothing_made(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("MUSIC_EMOTION_CATALOGUE", raising=False)
    monkeypatch.chdir(tmp_path)
    done = run(*call.split())
    assert str(done.exception).endswith("make one: music-emotion scan FOLDER")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", ["tag {}", "tag --write {}", "scan {}"])
@pytest.mark.parametrize("name", ["slip.mp3", "slip", "slip*.mp3"])
def test_a_slip_in_a_path_makes_no_catalogue(
    call: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("MUSIC_EMOTION_CATALOGUE", raising=False)
    monkeypatch.chdir(tmp_path)
    done = run(*call.format(name).split())
    assert str(done.exception) == f"there is no '{name}'; name files or folders that are there"
    assert list(tmp_path.iterdir()) == []


def test_taking_back_without_a_catalogue_looks_at_the_named_files_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("MUSIC_EMOTION_CATALOGUE", raising=False)
    monkeypatch.chdir(tmp_path)
    done = run("tag", "a.wav", "--undo")
    assert (done.exit_code, done.stdout) == (1, "1 file: 1 failed\n")
    assert "a.wav' cannot be read (No such file or directory)" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "call", ["find --feels calmnes", "find --not Calm", "playlist --from calmnes --to tension"]
)
def test_an_emotion_that_is_misspelt_is_told_before_a_catalogue_is_looked_for(
    call: str, tmp_path: Path
) -> None:
    done = run(*call.split(), "--catalogue", tmp_path / "none.sqlite")
    assert str(done.exception).endswith("; did you mean 'calmness'?")


def test_shells_complete_formats_and_emotions(monkeypatch: pytest.MonkeyPatch) -> None:
    def completed(words: str) -> list[str]:
        environment = {
            "_MUSIC_EMOTION_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split())),
        }
        return run(prog_name="music-emotion", env=environment).stdout.split()

    formats = ["table", "json", "csv", "m3u8", "pls", "xspf", "parquet"]
    assert completed("music-emotion find --format") == formats
    assert "joyful_activation" in completed("music-emotion playlist --from")
    assert "predict" in completed("music-emotion")


NUMBERS = {"N", "SHARE", "SECONDS", "MINUTES", "MILLIONS", "MB", "GB"}
"""How numbers are called in the help."""


@pytest.mark.parametrize(
    ("path", "option"),
    [
        (path, max(one.opts, key=len))
        for path, command in ALL.items()
        for one in command.params
        if one.metavar in NUMBERS
    ],
)
def test_what_is_no_number_is_answered_in_words(path: tuple[str, ...], option: str) -> None:
    done = run(*path, option, "many", prog_name="music-emotion")
    assert done.exit_code == 2
    assert re.fullmatch(
        rf"error: {option}: it must be a (whole )?number; see music-emotion {' '.join(path)} "
        r"--help\n",
        done.stderr,
    )


@pytest.mark.parametrize(
    ("said", "plainer"),
    [
        ("'many' is not a valid integer", "it must be a whole number"),
        ("'many' is not a valid int", "it must be a whole number"),
        ("'many' is not a valid float", "it must be a number"),
        ("12 is not in the range 1<=x<=9", "it must be from 1 to 9"),
        ("-1 is not in the range x>=0", "it must be 0 or more"),
        ("Input should be greater than 0.5", "it must be above 0.5"),
        ("'a' is no day", "'a' is no day"),
    ],
)
def test_every_version_of_typer_is_put_in_words(said: str, plainer: str) -> None:
    assert _plainer(said) == plainer
