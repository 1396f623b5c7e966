"""The command line as a whole: version, help, what a mistake looks like."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup

import music_emotion
from helpers.sounds import encoded, tone
from music_emotion import cli
from music_emotion.cli import main as command_line


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


@pytest.mark.parametrize(
    ("command", "line"),
    [("predict", "stopped\n"), ("compare", "stopped; what was finished is kept, run the same ")],
)
def test_ctrl_c_promises_only_what_the_command_keeps(
    command: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: object, context: Any) -> None:
        context.invoked_subcommand = command
        raise KeyboardInterrupt

    monkeypatch.setattr(TyperGroup, "invoke", interrupt)
    code, out, err = run(monkeypatch, capsys, command)
    assert (code, out) == (130, "")
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_what_the_system_refuses_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error", "song\n.mp3")

    monkeypatch.setattr(TyperGroup, "invoke", refuse)
    assert run(monkeypatch, capsys, "models") == (
        1,
        "",
        "error: 'song\\n.mp3': Input/output error\n",
    )


def test_help_names_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(monkeypatch, capsys, "--help")
    assert code == 0
    listed = [line.split()[0] for line in out.split("Commands:")[1].splitlines() if line.strip()]
    assert sorted(listed) == sorted(command_line.find_commands())
    assert set(command_line.HELP_ORDER) <= set(listed)
    assert listed[0] == "predict"


def test_a_file_in_the_folder_of_commands_is_all_that_a_new_command_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "greeting.py").write_text(
        'def greet(name: str) -> None:\n    """Say hello."""\n    print(f"hello {name}")\n'
        "    if name == 'Nobody':\n        raise KeyboardInterrupt\n\n\n"
        'COMMANDS = {"greet": greet}\nRESUMING = ("greet",)\n'
    )
    monkeypatch.setattr(cli, "__path__", [*cli.__path__, str(tmp_path)])
    assert run(monkeypatch, capsys, "greet", "Ada") == (0, "hello Ada\n", "")
    assert re.search(r"^  greet +Say hello\.$", run(monkeypatch, capsys, "--help")[1], re.MULTILINE)
    code, _, err = run(monkeypatch, capsys, "greet", "Nobody")
    assert (code, err) == (130, f"{command_line.STOPPED_BETWEEN}\n")


def test_the_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from music_emotion.cli.main import build_app; build_app();"
        "print({'numpy', 'onnxruntime', 'torch', 'sklearn', 'rich.progress'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("named", "loaded", "left_out"),
    [("predict", {"predict"}, {"compare", "find"}), ("playlist", {"predict", "find"}, set())],
)
def test_a_command_that_a_file_is_called_like_loads_no_others(
    named: str, loaded: set[str], left_out: set[str]
) -> None:
    code = (
        f"import sys; from music_emotion.cli.main import find_commands; find_commands({named!r});"
        "print(*(m.removeprefix('music_emotion.cli.') for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert loaded <= modules
    assert not left_out & modules


@pytest.mark.parametrize("misspelt", ["pedict", "main"])
def test_a_command_that_there_is_not_is_looked_for_among_all(
    misspelt: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(monkeypatch, capsys, misspelt)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: there is no command '{misspelt}'; did you mean")


def test_compare_says_first_that_it_falls_back_on_the_synthesised_corpus(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path
) -> None:
    monkeypatch.delenv("EMOTIFY_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("music_emotion.datasets.emotify.user_cache", lambda: tmp_path / "nothing")
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


@pytest.mark.parametrize(
    "command",
    [
        "predict song.mp3 -o MUSIC",
        "predict song.mp3 --plot MUSIC",
        "find -o MUSIC",
        "playlist --from calmness --to tension -o MUSIC",
        "compare --demo --out MUSIC",
        "train light --demo --out MUSIC",
        "export trained -o MUSIC",
        "report results --out MUSIC",
        "report results --figures MUSIC",
        "report results --latex MUSIC",
        "leak --demo --out MUSIC",
        "listeners --out MUSIC",
        "extract --demo --out MUSIC",
        "dataset download --to MUSIC",
        "scan . --catalogue MUSIC",
        "scan . --engine ray -o MUSIC",
    ],
)
def test_no_command_writes_over_music(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    music = tmp_path / "take 1"
    music.write_bytes(encoded(tone(), "mp3"))
    before = music.read_bytes()
    monkeypatch.chdir(tmp_path)
    for path, line in (
        (music, f"error: '{music}' holds music; write to another\n"),
        (tmp_path / "new.flac", f"error: '{tmp_path}/new.flac' is a name for music; write to "),
    ):
        arguments = [str(path) if word == "MUSIC" else word for word in command.split()]
        code, out, err = run(monkeypatch, capsys, *arguments)
        assert (code, out) == (1, "")
        assert err.startswith(line)
        assert err.count("\n") == 1
    assert music.read_bytes() == before
    assert list(tmp_path.iterdir()) == [music]


@pytest.mark.parametrize(
    ("arguments", "missing", "line"),
    [
        (
            "compare --demo",
            "sklearn",
            "comparing models needs more packages: pip install",
        ),
        (
            "train light --demo --out mine",
            "onnx",
            "training a model needs more packages: pip",
        ),
        (
            "leak --demo",
            "sklearn",
            "measuring the leak needs more packages: pip install",
        ),
        (
            "tag music",
            "mutagen",
            "tagging needs more packages: pip install 'music-emotion[library]'",
        ),
    ],
)
def test_what_an_extra_brings_is_said_before_anything_is_done(
    arguments: str,
    missing: str,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, missing, None)
    code, out, err = run(monkeypatch, capsys, *arguments.split())
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {line}")
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_is_missing_all_the_same_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'scipy'", name="scipy.linalg")

    monkeypatch.setattr("music_emotion.report.health.examine", broken)
    code, _, err = run(monkeypatch, capsys, "doctor")
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith(
        "error: this needs the package scipy.linalg, which is not installed; `mus"
    )
