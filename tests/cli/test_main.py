"""The command line as a whole: version, help, what a mistake looks like."""

from __future__ import annotations

import pytest

import music_emotion
from music_emotion.cli import main as command_line
from music_emotion.cli.main import COMMANDS


class LoadedError(Exception):
    """Ends a command once it has begun to load its tracks."""


def synthesise(*_: object) -> None:
    raise LoadedError


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["music-emotion", *arguments])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(monkeypatch, capsys, "--version")
    assert (code, out, err) == (0, f"{music_emotion.__version__}\n", "")


def test_help_names_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(monkeypatch, capsys, "--help")
    assert code == 0
    listed = {line.split()[0] for line in out.split("Commands:")[1].splitlines() if line.strip()}
    assert listed >= set(COMMANDS)


def test_compare_says_first_that_it_falls_back_on_the_synthesised_corpus(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path
) -> None:
    monkeypatch.delenv("EMOTIFY_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("music_emotion.datasets.emotify.user_cache", lambda: tmp_path / "nothing")
    monkeypatch.setattr("music_emotion.datasets.sources._demo_directory", lambda: tmp_path)
    monkeypatch.setattr("music_emotion.datasets.demo.synthesise", synthesise)
    monkeypatch.setattr("sys.argv", ["music-emotion", "compare", "--or-demo"])
    with pytest.raises(LoadedError):
        command_line.main()
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("EMOTIFY is not found, so this runs on a small synthesised corpus")
    assert rest == []


@pytest.mark.parametrize("arguments", [("compare", "--csv", "a.csv", "--demo")])
def test_a_mistake_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("error: --demo and --csv exclude each other")
    assert err.count("\n") == 1
