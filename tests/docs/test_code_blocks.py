"""Every code block of the README and the documentation does what it says.

The demo corpus stands in for a user's music. The blocks of a page run one after the other, as a
reader would run them; a page does not rely on another.
"""

from __future__ import annotations

import csv
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import soundfile
import typer.main
from code_blocks import Block, blocks_of

from music_emotion.cli.main import COMMANDS, build_app
from music_emotion.datasets.demo import synthesise
from music_emotion.evaluation.quick import quick_corpus

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "api" not in path.parts),
)
SHELL = shutil.which("bash")
TIMEOUT = 1_200  # seconds per block; a hang must not look like patience


@dataclass(frozen=True)
class Reader:
    """Somebody who tries out what a page says."""

    folder: Path
    environment: dict[str, str]


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``song.mp3``, ``my-music`` and ``my-music.csv``."""
    folder = tmp_path_factory.mktemp("music")
    corpus = quick_corpus(synthesise(folder / "corpus", 0))
    (folder / "my-music").mkdir()
    with (folder / "my-music.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "group"])
        for number, track in enumerate(corpus.tracks):
            name = "one.mp3" if number == 0 else f"{track.path.stem}.wav"
            samples, rate = soundfile.read(track.path)
            soundfile.write(folder / "my-music" / name, samples, rate)
            table.writerow([name, track.dominant_emotion, track.group])
    shutil.copy(folder / "my-music" / "one.mp3", folder / "song.mp3")
    return folder


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Commands of this very source tree, and a home that all pages share for its cache."""
    home = tmp_path_factory.mktemp("home")
    programs = home / "bin"
    programs.mkdir()
    for name, call in (("music-emotion", "-m music_emotion"), ("python", "")):
        script = programs / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {call} "$@"\n')
        script.chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if name != "EMOTIFY_ROOT"}
    return {
        **inherited,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def reader(music: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Reader:
    """All pages are tried out in one folder, so that what is trained there is trained once."""
    monkeypatch.chdir(music)
    monkeypatch.syspath_prepend(str(music))
    return Reader(music, environment)


def missing(block: Block) -> str:
    """What a block needs that is not there, or ``""``."""
    from music_emotion.inference.package import shipped_names

    present: dict[str, Callable[[], Any]] = {"a shipped model": shipped_names}
    for need in block.needs:
        word, _, command = need.partition(" ")
        if not (command in COMMANDS if word == "command" else present[need]()):
            return need
    return ""


def run_shell(block: Block, reader: Reader) -> None:
    script = "\n".join(line for line in block.lines() if block.is_run(line))
    done = subprocess.run(
        [SHELL, "-eu", "-c", script],
        cwd=reader.folder,
        env=reader.environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, (
        f"{block.place}\n{script}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    )


def check_options(block: Block) -> None:
    """Parse the lines that are not run, so that a renamed option is noticed all the same."""
    for line in block.lines():
        words = shlex.split(line, comments=True)
        if not block.is_run(line) and words[:1] == ["music-emotion"]:
            parse(words[1:], block.place)


def parse(words: list[str], place: str) -> None:
    command: Any = typer.main.get_command(build_app())
    while hasattr(command, "commands"):
        name, words = (words[0], words[1:]) if words else ("", [])
        assert name in command.commands, f"{place}: there is no command {name!r}"
        command = command.commands[name]
    try:
        command.make_context(command.name, list(words))
    except click.exceptions.Exit:
        pass  # --help
    except Exception as error:
        raise AssertionError(f"{place}: {' '.join(words)}: {error}") from error


@pytest.mark.slow
@pytest.mark.skipif(SHELL is None, reason="bash is not installed")
@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_block_runs(page: Path, reader: Reader) -> None:
    names: dict[str, Any] = {"__name__": "__page__"}
    unmet = []
    for block in blocks_of(page):
        if (need := missing(block)) and not block.skipped:
            unmet.append(f"{block.place} needs {need}")
        elif block.is_shell:
            check_options(block)
            if any(block.is_run(line) for line in block.lines()):
                run_shell(block, reader)
        elif block.file_name:
            (reader.folder / block.file_name).write_text(block.text)
        elif not block.skipped:
            exec(compile(block.text, block.place, "exec"), names)
    if unmet:
        pytest.skip("; ".join(unmet))


def test_an_architecture_takes_thirty_lines_as_its_page_says() -> None:
    first = next(block for block in blocks_of(ROOT / "docs" / "architecture.md") if block.file_name)
    lines = [line for line in first.text.splitlines() if line.strip() and line[0] not in '#"']
    assert len(lines) <= 30


def test_what_is_not_run_says_why() -> None:
    for page in PAGES:
        for block in blocks_of(page):
            assert not block.skipped or len(block.skipped.split()) >= 2, block.place
            for beginning in block.skipped_lines:
                assert any(line.startswith(beginning) for line in block.lines()), block.place


def test_a_wrong_option_is_noticed_in_a_block_that_is_not_run() -> None:
    text = "<!-- code: not run: takes hours -->\n```sh\nmusic-emotion compare --modles svm\n```\n"
    [block] = blocks_of(Path("page.md"), text)
    assert block.skipped == "takes hours" and block.place == "page.md:2"
    with pytest.raises(AssertionError, match="No such option"):
        check_options(block)
    with pytest.raises(AssertionError, match="no command 'comprae'"):
        parse(["comprae"], "page.md:2")


def test_lines_are_left_out_by_their_beginning_and_kinds_must_be_known() -> None:
    text = '<!-- code: not run "b": too long -->\n```sh\na 1\nb 2 \\\n  3\n# c\n```\n'
    [block] = blocks_of(Path("page.md"), text)
    assert block.lines() == ["a 1", "b 2    3"]
    assert [block.is_run(line) for line in block.lines()] == [True, False]
    with pytest.raises(ValueError, match="unknown kind 'pyton'"):
        blocks_of(Path("page.md"), "```pyton\n1\n```\n")
    [saved] = blocks_of(Path("page.md"), "```python\n# mine.py\nx = 1\n```\n")
    assert saved.file_name == "mine.py"
